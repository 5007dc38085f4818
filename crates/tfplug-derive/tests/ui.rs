//! What the derives say about code that makes no sense, word for word and place for place.
//!
//! The cases need no tfplug: a derive that refuses its input makes no code that would. After a change of wording,
//! `TRYBUILD=overwrite cargo test -p tfplug-derive` writes the expectations anew.

#[test]
fn refuses_with_the_remedy_at_the_place() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
