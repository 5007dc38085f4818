//! Values as Terraform has them: null, unknown and known are distinct, and nothing is lost on the way in or out.
//!
//! [`Value`] is the untyped tree that the server works on; models ([`crate::Model`]) are the typed view of it.
//!
//! A value may hold secrets, and `Debug` shows them: nothing in this crate logs a value, and neither should you.

mod json;
mod kind;
mod msgpack;
mod number;
mod refinement;
mod set;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub use json::{from_json, from_state_json, to_json};
pub use kind::{ObjectType, Type};
pub use msgpack::{from_msgpack, to_msgpack};
pub use number::{MAX_DIGITS, MAX_EXPONENT, Number, NumberError};
pub use refinement::{Bound, MAX_PREFIX, Refinement, RefinementError};
pub use set::ValueSet;

use crate::path::{Path, PathStep};

/// Levels of nesting that a value or type may have. Core has no limit of its own; this one keeps bytes from a stranger
/// off the end of the stack, and is twice the depth of the deepest schemas known (Kubernetes' custom resources).
pub const MAX_DEPTH: usize = 64;

/// A value of any type. Which variant stands where follows from the [`Type`] that the schema gives.
///
/// Order and hash are structural, so sets of ten thousand objects are compared in the time of a sort.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// Absent.
    Null,
    /// Not known until apply, with what is known about it.
    Unknown(Refinement),
    /// `true` or `false`.
    Bool(bool),
    /// A decimal number of any size.
    Number(Number),
    /// Text in Unicode normalization form C.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A set; order and repetition do not count.
    Set(ValueSet),
    /// A map.
    Map(BTreeMap<String, Value>),
    /// An object, with exactly the attributes of its type.
    Object(BTreeMap<String, Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A value of a type that is known only with the value.
    Dynamic(Box<Dynamic>),
}

/// A value together with its type, where the schema says `dynamic`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dynamic {
    /// The type of the value.
    pub kind: Type,
    /// The value.
    pub value: Value,
}

/// Why bytes are no value of a type, or a value no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CodecError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there. It names types and lengths, never a value, which may be a secret.
    pub message: String,
}

impl Value {
    /// An unknown of which nothing is known.
    pub fn unknown() -> Self {
        Self::Unknown(Refinement::none())
    }

    /// An unknown that is known not to be null: what a computed id is before its object exists.
    pub fn unknown_not_null() -> Self {
        Self::Unknown(Refinement::not_null())
    }

    /// Text, brought to normalization form C as core does: compare what a cloud sent only after this.
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(normalized(text.as_ref()))
    }

    /// An object of these attributes.
    pub fn object(attributes: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Self {
        Self::Object(attributes.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// A map of these elements.
    pub fn map(elements: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Self {
        Self::Map(elements.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// A list of these elements.
    pub fn list(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::List(elements.into_iter().collect())
    }

    /// A set of these elements.
    pub fn set(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::Set(elements.into_iter().collect())
    }

    /// A value where the schema says `dynamic`.
    pub fn dynamic(kind: Type, value: Value) -> Self {
        Self::Dynamic(Box::new(Dynamic { kind, value }))
    }

    /// An object of that type whose attributes are all null: a state of which nothing is known yet.
    pub fn object_of_nulls(kind: &ObjectType) -> Self {
        Self::Object(kind.attributes.keys().map(|name| (name.clone(), Self::Null)).collect())
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self.inner(), Self::Null)
    }

    /// Whether this itself is unknown; parts of it may be unknown still.
    pub fn is_unknown(&self) -> bool {
        matches!(self.inner(), Self::Unknown(_))
    }

    /// Whether no part of this is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
            Self::List(elements) | Self::Tuple(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Set(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Map(elements) | Self::Object(elements) => elements.values().all(Self::is_wholly_known),
            Self::Dynamic(dynamic) => dynamic.value.is_wholly_known(),
        }
    }

    /// The value itself, out of its `dynamic` wrapping if it has one.
    pub fn inner(&self) -> &Self {
        let mut value = self;
        while let Self::Dynamic(dynamic) = value {
            value = &dynamic.value;
        }
        value
    }

    /// The attribute of an object or element of a map; `None` for other values and other names.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self.inner() {
            Self::Object(attributes) | Self::Map(attributes) => attributes.get(name),
            Self::Null
            | Self::Unknown(_)
            | Self::Bool(_)
            | Self::Number(_)
            | Self::String(_)
            | Self::List(_)
            | Self::Set(_)
            | Self::Tuple(_)
            | Self::Dynamic(_) => None,
        }
    }

    /// The same, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Object(attributes) | Self::Map(attributes) => attributes.get_mut(name),
            Self::Dynamic(dynamic) => dynamic.value.get_mut(name),
            Self::Null
            | Self::Unknown(_)
            | Self::Bool(_)
            | Self::Number(_)
            | Self::String(_)
            | Self::List(_)
            | Self::Set(_)
            | Self::Tuple(_) => None,
        }
    }

    /// What is at `path`; `None` where the path leads nowhere, as it does into null and unknown.
    pub fn at(&self, path: &Path) -> Option<&Self> {
        path.steps().iter().try_fold(self, |value, step| value.step(step))
    }

    fn step(&self, step: &PathStep) -> Option<&Self> {
        match (step, self.inner()) {
            (PathStep::Attribute(name), Self::Object(attributes)) => attributes.get(name.as_ref()),
            (PathStep::Key(key), Self::Map(elements)) => elements.get(key),
            (PathStep::Index(index), Self::List(elements) | Self::Tuple(elements)) => elements.get(*index),
            (PathStep::Element(element), Self::Set(elements)) => elements.get(element),
            (PathStep::Attribute(_) | PathStep::Key(_) | PathStep::Index(_) | PathStep::Element(_), _) => None,
        }
    }

    /// The text, if this is a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self.inner() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is a known one.
    pub fn as_number(&self) -> Option<&Number> {
        match self.inner() {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The same with null wherever something is unknown: what can be kept of an answer that should have been known.
    #[must_use]
    pub fn unknown_as_null(self) -> Self {
        if self.is_wholly_known() {
            return self;
        }
        let entries = |elements: BTreeMap<String, Self>| {
            elements.into_iter().map(|(key, value)| (key, value.unknown_as_null())).collect()
        };
        match self {
            Self::Unknown(_) => Self::Null,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => self,
            Self::List(elements) => Self::List(elements.into_iter().map(Self::unknown_as_null).collect()),
            Self::Tuple(elements) => Self::Tuple(elements.into_iter().map(Self::unknown_as_null).collect()),
            Self::Set(elements) => Self::Set(elements.into_iter().map(Self::unknown_as_null).collect()),
            Self::Map(elements) => Self::Map(entries(elements)),
            Self::Object(attributes) => Self::Object(entries(attributes)),
            Self::Dynamic(dynamic) => Self::dynamic(dynamic.kind, dynamic.value.unknown_as_null()),
        }
    }

    /// Whether this is a value of `kind`, all the way down.
    ///
    /// # Errors
    /// The first place where it is not.
    pub fn conforms(&self, kind: &Type) -> Result<(), CodecError> {
        match (self, kind) {
            (Self::Null | Self::Unknown(_), _)
            | (Self::Bool(_), Type::Bool)
            | (Self::Number(_), Type::Number)
            | (Self::String(_), Type::String) => Ok(()),
            (Self::Dynamic(dynamic), Type::Dynamic) => dynamic.value.conforms(&dynamic.kind),
            (Self::List(elements), Type::List(element)) => {
                for (index, value) in elements.iter().enumerate() {
                    value.conforms(element).map_err(|error| error.within(PathStep::Index(index)))?;
                }
                check_same_types(elements.iter(), element)
            }
            (Self::Set(elements), Type::Set(element)) => {
                for value in elements {
                    value.conforms(element).map_err(|error| error.within(element_step(value)))?;
                }
                check_same_types(elements.iter(), element)
            }
            (Self::Map(elements), Type::Map(element)) => {
                for (key, value) in elements {
                    value.conforms(element).map_err(|error| error.within(PathStep::Key(key.clone())))?;
                }
                check_same_types(elements.values(), element)
            }
            (Self::Tuple(elements), Type::Tuple(kinds)) => {
                if elements.len() != kinds.len() {
                    return Err(wrong_length("a tuple", kinds.len(), elements.len()));
                }
                for (index, (value, kind)) in elements.iter().zip(kinds).enumerate() {
                    value.conforms(kind).map_err(|error| error.within(PathStep::Index(index)))?;
                }
                Ok(())
            }
            (Self::Object(attributes), Type::Object(object)) => {
                check_names(attributes, object)?;
                for ((name, value), kind) in attributes.iter().zip(object.attributes.values()) {
                    value.conforms(kind).map_err(|error| error.within(attribute_step(name)))?;
                }
                Ok(())
            }
            (
                Self::Bool(_)
                | Self::Number(_)
                | Self::String(_)
                | Self::List(_)
                | Self::Set(_)
                | Self::Map(_)
                | Self::Object(_)
                | Self::Tuple(_)
                | Self::Dynamic(_),
                _,
            ) => Err(self.mismatch(kind)),
        }
    }

    /// That this is not what the type wants.
    fn mismatch(&self, kind: &Type) -> CodecError {
        let given = match self {
            Self::Null => "null",
            Self::Unknown(_) => "an unknown value",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
            Self::Object(_) => "an object",
            Self::Tuple(_) => "a tuple",
            Self::Dynamic(_) => "a value with a type of its own",
        };
        CodecError::new(format!("{} is required, not {given}", wanted(kind)))
    }
}

impl CodecError {
    /// An error at the value itself; what holds the value adds its step.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { path: Path::root(), message: message.into() }
    }

    /// The same error, seen from one level further out.
    pub(crate) fn within(self, step: PathStep) -> Self {
        let path = self.path.steps().iter().fold(Path::root().step(step), |path, step| path.step(step.clone()));
        Self { path, message: self.message }
    }
}

/// Normalization form C, at no cost for the text that almost all of it is.
pub(crate) fn normalized(text: &str) -> String {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

fn attribute_step(name: &str) -> PathStep {
    PathStep::Attribute(Cow::Owned(name.to_owned()))
}

fn element_step(element: &Value) -> PathStep {
    PathStep::Element(Arc::new(element.clone()))
}

fn wanted(kind: &Type) -> &'static str {
    match kind {
        Type::Bool => "a bool",
        Type::Number => "a number",
        Type::String => "a string",
        Type::Dynamic => "a value with its type",
        Type::List(_) => "a list",
        Type::Set(_) => "a set",
        Type::Map(_) => "a map",
        Type::Tuple(_) => "a tuple",
        Type::Object(_) => "an object",
    }
}

fn wrong_length(what: &str, wanted: usize, given: usize) -> CodecError {
    CodecError::new(format!("{what} of {wanted} is required, not of {given}"))
}

/// Whether exactly the declared attributes are there.
fn check_names(attributes: &BTreeMap<String, Value>, object: &ObjectType) -> Result<(), CodecError> {
    if attributes.keys().eq(object.attributes.keys()) {
        return Ok(());
    }
    if let Some(name) = attributes.keys().find(|name| !object.attributes.contains_key(*name)) {
        return Err(CodecError::new(format!("there is no attribute {name:?}")));
    }
    let missing: Vec<String> = object
        .attributes
        .keys()
        .filter(|name| !attributes.contains_key(*name))
        .map(|name| format!("{name:?}"))
        .collect();
    Err(CodecError::new(format!("attribute {} is missing", missing.join(", "))))
}

/// Elements of one list, set or map must have one type, also where the schema leaves that type open: core stops dead
/// on `["a", 1]` in a `list(dynamic)`.
fn check_same_types<'v>(mut elements: impl Iterator<Item = &'v Value>, element: &Type) -> Result<(), CodecError> {
    if !element.has_dynamic() {
        return Ok(());
    }
    let mut first: Option<Type> = None;
    elements.try_for_each(|value| match (actual_type(value, element), &first) {
        // A null or unknown of unknown type goes with any other.
        (Type::Dynamic, _) => Ok(()),
        (kind, None) => {
            first = Some(kind);
            Ok(())
        }
        (kind, Some(first)) if kind == *first => Ok(()),
        (kind, Some(first)) => {
            Err(CodecError::new(format!("the elements of a collection must have one type, not {first} and {kind}")))
        }
    })
}

/// The type that core gives to a value which it reads as `declared`.
fn actual_type(value: &Value, declared: &Type) -> Type {
    let of_first = |mut elements: &mut dyn Iterator<Item = &Value>, element: &Type| {
        let known = (&mut elements).map(|value| actual_type(value, element)).find(|kind| *kind != Type::Dynamic);
        Box::new(known.unwrap_or_else(|| element.clone()))
    };
    match (value, declared) {
        (Value::Dynamic(dynamic), Type::Dynamic) => actual_type(&dynamic.value, &dynamic.kind),
        (Value::List(elements), Type::List(element)) => Type::List(of_first(&mut elements.iter(), element)),
        (Value::Set(elements), Type::Set(element)) => Type::Set(of_first(&mut elements.iter(), element)),
        (Value::Map(elements), Type::Map(element)) => Type::Map(of_first(&mut elements.values(), element)),
        (Value::Tuple(elements), Type::Tuple(kinds)) => {
            Type::Tuple(elements.iter().zip(kinds).map(|(value, kind)| actual_type(value, kind)).collect())
        }
        (Value::Object(attributes), Type::Object(object)) => {
            Type::object(object.attributes.iter().map(|(name, kind)| {
                (name.as_str(), attributes.get(name).map_or_else(|| kind.clone(), |value| actual_type(value, kind)))
            }))
        }
        (_, _) => declared.clone(),
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        if value.is_ascii() { Self::String(value) } else { Self::string(value) }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_path_names() {
        let element = Value::object([("x", Value::from(1))]);
        let value = Value::object([
            ("list", Value::list([Value::from("a")])),
            ("map", Value::map([("k", Value::dynamic(Type::Bool, Value::from(true)))])),
            ("set", Value::set([element.clone(), Value::object([("x", Value::from(2))])])),
        ]);
        let root = Path::root();
        assert_eq!(value.at(&root), Some(&value));
        assert_eq!(value.at(&root.attribute("list").index(0)), Some(&Value::from("a")));
        assert_eq!(value.at(&root.attribute("list").index(1)), None);
        assert_eq!(value.at(&root.attribute("map").key("k")).map(Value::inner), Some(&Value::from(true)));
        assert_eq!(value.at(&root.attribute("set").element(element).attribute("x")), Some(&Value::from(1)));
        assert_eq!(value.at(&root.attribute("none").attribute("x")), None);
    }

    #[test]
    fn conforms_names_the_place() {
        let kind = Type::object([("pools", Type::map(Type::object([("count", Type::Number)])))]);
        let pools = |count: Value| Value::object([("pools", Value::map([("a", Value::object([("count", count)]))]))]);
        assert_eq!(pools(Value::from(1)).conforms(&kind), Ok(()));
        assert_eq!(pools(Value::unknown()).conforms(&kind), Ok(()));
        let error = pools(Value::from("one")).conforms(&kind).unwrap_err();
        assert_eq!(error.path.to_string(), r#"pools["a"].count"#);
        assert_eq!(error.message, "a number is required, not a string");
        let error = Value::object([("pool", Value::Null)]).conforms(&kind).unwrap_err();
        assert_eq!(error.message, "there is no attribute \"pool\"");
        let error = Value::object_of_nulls(&ObjectType::default()).conforms(&kind).unwrap_err();
        assert_eq!(error.message, "attribute \"pools\" is missing");
    }

    #[test]
    fn elements_of_open_type_must_have_one_type() {
        let kind = Type::list(Type::Dynamic);
        let text = || Value::dynamic(Type::String, Value::from("a"));
        let number = || Value::dynamic(Type::Number, Value::from(1));
        assert!(Value::list([text(), text(), Value::Null, Value::unknown()]).conforms(&kind).is_ok());
        assert!(Value::list([text(), number()]).conforms(&kind).is_err());
        let nested = Type::map(Type::object([("a", Type::Dynamic)]));
        let object = |inner: Value| Value::object([("a", inner)]);
        assert!(Value::map([("x", object(text())), ("y", object(text()))]).conforms(&nested).is_ok());
        assert!(Value::map([("x", object(text())), ("y", object(number()))]).conforms(&nested).is_err());
        // Here a null has no type while its neighbour has one: not the same object type.
        assert!(Value::map([("x", object(text())), ("y", object(Value::Null))]).conforms(&nested).is_err());
    }

    #[test]
    fn text_is_normalized() {
        assert_eq!(Value::from("e\u{301}"), Value::from("\u{e9}"));
    }
}
