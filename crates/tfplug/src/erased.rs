//! What a provider offers, with its types put aside: kept with its schema, which is made once, when it is first asked for.

use std::sync::OnceLock;

use crate::schema::Schema;

/// A data source, an ephemeral resource, a list resource, an action or a function.
pub(crate) struct Erased<T> {
    pub(crate) offered: T,
    schema: OnceLock<Schema>,
}

impl<T> Erased<T> {
    pub(crate) const fn new(offered: T) -> Self {
        Self { offered, schema: OnceLock::new() }
    }

    /// The schema, which `make` makes the first time.
    pub(crate) fn schema_or(&self, make: impl FnOnce() -> Schema) -> &Schema {
        self.schema.get_or_init(make)
    }
}
