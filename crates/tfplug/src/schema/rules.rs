//! Core's own rules about schemas, checked before core sees one.
