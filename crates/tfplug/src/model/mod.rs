//! Models: Rust structs that are a schema, a codec and a page of documentation at once.
//!
//! Derive [`Model`] for the root of a resource and for each object nested in it; each field is an [`Attr`], which
//! tells null, unknown and known apart. What a field may hold is an [`AttributeType`]: the types here, any derived
//! model, any enum with [`StringEnum`](crate::StringEnum) derived, or a type of your own.

mod attr;
mod duration;
mod types;

use std::sync::Arc;

pub use attr::{Attr, ListOf, MapOf, Set, SetOf};
pub use duration::GoDuration;
pub use types::Any;

use crate::path::Path;
use crate::schema::{AttributeKind, Block, BlockNesting, NestedBlock, Nesting, Schema, Validator};
use crate::value::{CodecError, Value};

/// The root of a configuration, state or identity: one struct that is its schema and its codec.
///
/// Derived, never written by hand: see the crate's documentation for the attributes of the derive.
pub trait Model: Clone + PartialEq + Send + Sync + Sized + 'static {
    /// The schema, with everything that the fields' attributes and comments say.
    fn schema() -> Schema;

    /// Reads an object value of the schema's type.
    ///
    /// # Errors
    /// The first value that a field cannot hold, with its path.
    fn from_value(value: Value, path: &Path) -> Result<Self, CodecError>;

    /// Writes an object value of the schema's type.
    fn to_value(&self) -> Value;
}

/// What an [`Attr`] can hold.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an attribute's value",
    note = "use String, bool, i64, Number, GoDuration, Any, a Vec, map or Set of `Attr`, or derive Model or StringEnum for it"
)]
pub trait AttributeType: Clone + PartialEq + Send + Sync + Sized + 'static {
    /// The type in the schema.
    fn kind() -> AttributeKind;

    /// Reads a known value that is not null.
    ///
    /// # Errors
    /// The value does not fit: with its path.
    fn decode(value: Value, path: &Path) -> Result<Self, CodecError>;

    /// Writes a known value.
    fn encode(&self) -> Value;

    /// The attributes and blocks, where this is used as a block. Only models have any.
    fn block() -> Block {
        match Self::kind() {
            AttributeKind::Nested { attributes, .. } => Block { attributes, ..Block::default() },
            AttributeKind::Type(_) => Block::default(),
        }
    }

    /// Whether two values of this type mean the same, if not only equal ones do.
    fn same_meaning() -> Option<fn(&Value, &Value) -> bool> {
        None
    }

    /// Checks that every value of this type must pass.
    fn validators() -> Vec<Arc<dyn Validator>> {
        Vec::new()
    }
}

/// What the fields of a model are: [`Attr`]s. The derive calls these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a model",
    note = "wrap it: `Attr<{Self}>` tells null, unknown and known apart; see also ListOf, MapOf and SetOf"
)]
pub trait Field: Sized {
    /// What the attribute holds.
    type Of: AttributeType;

    /// Reads any value: null, unknown or known.
    ///
    /// # Errors
    /// The value does not fit: with its path.
    fn from_value(value: Value, path: &Path) -> Result<Self, CodecError>;

    /// Writes null, unknown or known.
    fn to_value(&self) -> Value;
}

/// What a field becomes where it is declared as a block. The derive calls this.
pub fn nested_block<T: AttributeType>(name: &'static str, min_items: u32, max_items: u32) -> NestedBlock {
    let nesting = match T::kind() {
        AttributeKind::Nested { nesting: Nesting::Single, .. } | AttributeKind::Type(_) => BlockNesting::Single,
        AttributeKind::Nested { nesting: Nesting::List, .. } => BlockNesting::List,
        AttributeKind::Nested { nesting: Nesting::Set, .. } => BlockNesting::Set,
        AttributeKind::Nested { nesting: Nesting::Map, .. } => BlockNesting::Map,
    };
    NestedBlock {
        name: name.into(),
        nesting,
        min_items,
        max_items,
        block: T::block(),
        validators: Vec::new(),
        modifiers: Vec::new(),
    }
}

/// The value of a block field: where there is no block, a collection is empty and never null.
pub fn block_value<F: Field>(field: &F) -> Value {
    let value = field.to_value();
    if !value.is_null() {
        return value;
    }
    match F::Of::kind() {
        AttributeKind::Nested { nesting: Nesting::List, .. } => Value::List(Vec::new()),
        AttributeKind::Nested { nesting: Nesting::Set, .. } => Value::Set([].into_iter().collect()),
        AttributeKind::Nested { nesting: Nesting::Map, .. } => Value::Map([].into()),
        AttributeKind::Nested { nesting: Nesting::Single, .. } | AttributeKind::Type(_) => value,
    }
}

/// Takes an attribute out of an object that is being read. The derive calls this.
///
/// # Errors
/// The value does not fit the field: with its path.
pub fn take<F: Field>(
    attributes: &mut std::collections::BTreeMap<String, Value>,
    name: &'static str,
    path: &Path,
) -> Result<F, CodecError> {
    F::from_value(attributes.remove(name).unwrap_or(Value::Null), &path.attribute(name))
}

/// The attributes of an object that is being read. The derive calls this.
///
/// # Errors
/// The value is no object.
pub fn object(value: Value, path: &Path) -> Result<std::collections::BTreeMap<String, Value>, CodecError> {
    match value {
        Value::Object(attributes) => Ok(attributes),
        other => Err(mismatch(path, "an object", &other)),
    }
}

/// A value of another kind than the field's.
pub(crate) fn mismatch(path: &Path, wanted: &str, found: &Value) -> CodecError {
    let found = match found {
        Value::Null => "null",
        Value::Unknown(_) => "a value known only after apply",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::List(_) => "a list",
        Value::Set(_) => "a set",
        Value::Map(_) => "a map",
        Value::Object(_) => "an object",
        Value::Tuple(_) => "a tuple",
        Value::Dynamic(_) => "a value of dynamic type",
    };
    CodecError { path: path.clone(), message: format!("{wanted} is required, not {found}") }
}
