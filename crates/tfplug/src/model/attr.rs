//! [`Attr`]: a value that may be null, or unknown until apply.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AttributeType, Field, mismatch};
use crate::path::Path;
use crate::schema::validators::{elements_are, values_are};
use crate::schema::{AttributeKind, Nesting, Validator};
use crate::value::{CodecError, Refinement, Type, Value};

/// An attribute's value: null, unknown or known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Attr<T> {
    /// Not set.
    #[default]
    Null,
    /// Known only after apply.
    Unknown(Refinement),
    /// Known.
    Known(T),
}

/// A list attribute.
pub type ListOf<T> = Attr<Vec<Attr<T>>>;
/// A map attribute.
pub type MapOf<T> = Attr<BTreeMap<String, Attr<T>>>;
/// A set attribute.
pub type SetOf<T> = Attr<Set<T>>;

/// The elements of a set attribute. Equality does not depend on their order.
#[derive(Clone, Debug, Default)]
pub struct Set<T>(Vec<Attr<T>>);

impl<T> Attr<T> {
    /// An unknown of which nothing is known.
    pub fn unknown() -> Self {
        Self::Unknown(Refinement::none())
    }

    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is unknown.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The known value; `None` for null and unknown.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown(_) => None,
        }
    }

    /// The known value, to change; `None` for null and unknown.
    pub const fn known_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown(_) => None,
        }
    }

    /// The known value; `None` for null and unknown.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown(_) => None,
        }
    }

    /// The same with another type of known value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown(refinement) => Attr::Unknown(refinement),
            Self::Known(value) => Attr::Known(change(value)),
        }
    }
}

impl<T> From<T> for Attr<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl From<&str> for Attr<String> {
    fn from(value: &str) -> Self {
        Self::Known(value.to_owned())
    }
}

impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl<T: AttributeType> Field for Attr<T> {
    type Of = T;

    fn from_value(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Unknown(refinement) => Ok(Self::Unknown(refinement)),
            known => T::decode(known, path).map(Self::Known),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Unknown(refinement) => Value::Unknown(refinement.clone()),
            Self::Known(value) => value.encode(),
        }
    }
}

impl<T> Set<T> {
    /// The elements, in no order that means anything.
    pub fn iter(&self) -> std::slice::Iter<'_, Attr<T>> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> FromIterator<Attr<T>> for Set<T> {
    fn from_iter<I: IntoIterator<Item = Attr<T>>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl<T> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        Self(iter.into_iter().map(Attr::Known).collect())
    }
}

impl<T> IntoIterator for Set<T> {
    type Item = Attr<T>;
    type IntoIter = std::vec::IntoIter<Attr<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: AttributeType> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.encode() == other.encode()
    }
}

impl<T: AttributeType> AttributeType for Set<T> {
    fn kind() -> AttributeKind {
        collection(T::kind(), Nesting::Set, Type::set)
    }

    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::Set(elements) => elements
                .into_iter()
                .map(|element| {
                    let place = path.element(element.clone());
                    Attr::from_value(element, &place)
                })
                .collect(),
            other => Err(mismatch(path, "a set", &other)),
        }
    }

    fn encode(&self) -> Value {
        Value::Set(self.0.iter().map(Field::to_value).collect())
    }

    fn block() -> crate::schema::Block {
        T::block()
    }

    fn validators() -> Vec<Arc<dyn Validator>> {
        within(elements_are, T::validators())
    }

    fn same_meaning() -> Option<fn(&Value, &Value) -> bool> {
        T::same_meaning().map(|_| same_sets::<T> as fn(&Value, &Value) -> bool)
    }
}

impl<T: AttributeType> AttributeType for Vec<Attr<T>> {
    fn kind() -> AttributeKind {
        collection(T::kind(), Nesting::List, Type::list)
    }

    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::List(elements) => elements
                .into_iter()
                .enumerate()
                .map(|(index, element)| Attr::from_value(element, &path.index(index)))
                .collect(),
            other => Err(mismatch(path, "a list", &other)),
        }
    }

    fn encode(&self) -> Value {
        Value::List(self.iter().map(Field::to_value).collect())
    }

    fn block() -> crate::schema::Block {
        T::block()
    }

    fn validators() -> Vec<Arc<dyn Validator>> {
        within(elements_are, T::validators())
    }

    fn same_meaning() -> Option<fn(&Value, &Value) -> bool> {
        T::same_meaning().map(|_| same_lists::<T> as fn(&Value, &Value) -> bool)
    }
}

impl<T: AttributeType> AttributeType for BTreeMap<String, Attr<T>> {
    fn kind() -> AttributeKind {
        collection(T::kind(), Nesting::Map, Type::map)
    }

    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::Map(elements) => elements
                .into_iter()
                .map(|(key, element)| {
                    let decoded = Attr::from_value(element, &path.key(key.clone()))?;
                    Ok((key, decoded))
                })
                .collect(),
            other => Err(mismatch(path, "a map", &other)),
        }
    }

    fn encode(&self) -> Value {
        Value::Map(self.iter().map(|(key, element)| (key.clone(), element.to_value())).collect())
    }

    fn block() -> crate::schema::Block {
        T::block()
    }

    fn validators() -> Vec<Arc<dyn Validator>> {
        within(values_are, T::validators())
    }

    fn same_meaning() -> Option<fn(&Value, &Value) -> bool> {
        T::same_meaning().map(|_| same_maps::<T> as fn(&Value, &Value) -> bool)
    }
}

/// Single nested objects become nested collections; everything else a collection type.
fn collection(element: AttributeKind, nesting: Nesting, of: fn(Type) -> Type) -> AttributeKind {
    match element {
        AttributeKind::Nested { nesting: Nesting::Single, attributes } => AttributeKind::Nested { nesting, attributes },
        AttributeKind::Nested { nesting: Nesting::List | Nesting::Set | Nesting::Map, .. } | AttributeKind::Type(_) => {
            AttributeKind::Type(of(element.value_type()))
        }
    }
}

type Checks = Vec<Arc<dyn Validator>>;

/// The checks of each element as one check of the collection.
fn within(collection: fn(Checks) -> Arc<dyn Validator>, element: Checks) -> Checks {
    if element.is_empty() { Vec::new() } else { vec![collection(element)] }
}

fn same<T: AttributeType>(one: &Value, other: &Value) -> bool {
    one == other || T::same_meaning().is_some_and(|same| same(one, other))
}

fn same_lists<T: AttributeType>(one: &Value, other: &Value) -> bool {
    let (Value::List(one), Value::List(other)) = (one, other) else { return false };
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same::<T>(one, other))
}

fn same_maps<T: AttributeType>(one: &Value, other: &Value) -> bool {
    let (Value::Map(one), Value::Map(other)) = (one, other) else { return false };
    one.len() == other.len()
        && one.iter().zip(other).all(|((key, one), (other_key, other))| key == other_key && same::<T>(one, other))
}

/// Each element with one of the other's that means the same. Only sets that are not equal come to compare in pairs.
fn same_sets<T: AttributeType>(one: &Value, other: &Value) -> bool {
    let (Value::Set(one), Value::Set(other)) = (one, other) else { return false };
    let mut left: Vec<&Value> = other.iter().collect();
    one.len() == other.len()
        && (one == other
            || one.iter().all(|element| {
                let found = left.iter().position(|candidate| same::<T>(element, candidate));
                found.map(|at| left.swap_remove(at)).is_some()
            }))
}
