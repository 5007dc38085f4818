//! Walking a schema and values side by side, attributes and blocks alike.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::path::Path;
use crate::schema::{Attribute, AttributeKind, Block, BlockNesting, NestedBlock, Nesting, PlanModifier, Validator};
use crate::value::Value;

/// What an object consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'s> {
    attributes: &'s [Attribute],
    blocks: &'s [NestedBlock],
}

/// One part of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Member<'s> {
    Attribute(&'s Attribute),
    Block(&'s NestedBlock),
}

impl<'s> Shape<'s> {
    pub(crate) fn of(block: &'s Block) -> Self {
        Self { attributes: &block.attributes, blocks: &block.blocks }
    }

    pub(crate) fn members(self) -> impl Iterator<Item = Member<'s>> {
        self.attributes.iter().map(Member::Attribute).chain(self.blocks.iter().map(Member::Block))
    }
}

impl<'s> Member<'s> {
    pub(crate) fn name(self) -> &'s std::borrow::Cow<'static, str> {
        match self {
            Self::Attribute(attribute) => &attribute.name,
            Self::Block(block) => &block.name,
        }
    }

    /// The objects in this member, if there are any: what they are kept in, and what they consist of.
    pub(crate) fn objects(self) -> Option<(Nesting, Shape<'s>)> {
        match self {
            Self::Attribute(attribute) => match &attribute.kind {
                AttributeKind::Type(_) => None,
                AttributeKind::Nested { nesting, attributes } => Some((*nesting, Shape { attributes, blocks: &[] })),
            },
            Self::Block(block) => {
                let nesting = match block.nesting {
                    BlockNesting::Single | BlockNesting::Group => Nesting::Single,
                    BlockNesting::List => Nesting::List,
                    BlockNesting::Set => Nesting::Set,
                    BlockNesting::Map => Nesting::Map,
                };
                Some((nesting, Shape::of(&block.block)))
            }
        }
    }

    pub(crate) fn validators(self) -> &'s [Arc<dyn Validator>] {
        match self {
            Self::Attribute(attribute) => &attribute.validators,
            Self::Block(block) => &block.validators,
        }
    }

    pub(crate) fn modifiers(self) -> &'s [Arc<dyn PlanModifier>] {
        match self {
            Self::Attribute(attribute) => &attribute.modifiers,
            Self::Block(block) => &block.modifiers,
        }
    }

    /// Whether the provider may give this a value that the configuration does not have.
    fn is_computed(self) -> bool {
        match self {
            Self::Attribute(attribute) => attribute.presence.is_computed(),
            Self::Block(_) => false,
        }
    }
}

/// What stands for a part that is not there.
pub(crate) static ABSENT: Value = Value::Null;

/// A part of an object; null where there is none.
pub(crate) fn part<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(&ABSENT)
}

/// The same value with every object in it changed.
pub(crate) fn map_objects(nesting: Nesting, value: &Value, mut change: impl FnMut(&Value) -> Value) -> Value {
    match (nesting, value) {
        (Nesting::Single, Value::Object(_)) => change(value),
        (Nesting::List, Value::List(elements)) => Value::List(elements.iter().map(change).collect()),
        (Nesting::Set, Value::Set(elements)) => Value::Set(elements.iter().map(change).collect()),
        (Nesting::Map, Value::Map(elements)) => {
            Value::Map(elements.iter().map(|(key, element)| (key.clone(), change(element))).collect())
        }
        // Null and unknown have no objects in them.
        (Nesting::Single | Nesting::List | Nesting::Set | Nesting::Map, other) => other.clone(),
    }
}

/// The objects in a configured value, each with its place and its counterpart in another value (null where none).
pub(crate) fn pair<'v>(
    nesting: Nesting,
    shape: Shape<'_>,
    path: &Path,
    config: &'v Value,
    other: &'v Value,
) -> Vec<(Path, &'v Value, &'v Value)> {
    match (nesting, config) {
        (Nesting::Single, Value::Object(_)) => vec![(path.clone(), config, other)],
        (Nesting::List, Value::List(elements)) => {
            let others: &[Value] = if let Value::List(others) = other { others } else { &[] };
            let paired = elements.iter().enumerate();
            paired.map(|(index, element)| (path.index(index), element, others.get(index).unwrap_or(&ABSENT))).collect()
        }
        (Nesting::Map, Value::Map(elements)) => {
            elements.iter().map(|(key, element)| (path.key(key.clone()), element, part(other, key))).collect()
        }
        (Nesting::Set, Value::Set(elements)) => {
            let elements: Vec<&Value> = elements.iter().collect();
            let others: Vec<&Value> = if let Value::Set(others) = other { others.iter().collect() } else { Vec::new() };
            let counterparts = correlate(shape, &elements, &others);
            let paired = elements.into_iter().zip(counterparts);
            paired
                .map(|(element, at)| (path.element(element.clone()), element, at.map_or(&ABSENT, |at| others[at])))
                .collect()
        }
        // Null and unknown have no objects in them.
        (Nesting::Single | Nesting::List | Nesting::Set | Nesting::Map, _) => Vec::new(),
    }
}

/// For each configured set element the position of the candidate that agrees with it in all that it configures.
/// Each candidate is taken once. Hash-based: linear in the elements, times the number of different sets of
/// attributes that they leave to the provider (usually one).
pub(crate) fn correlate(shape: Shape<'_>, elements: &[&Value], candidates: &[&Value]) -> Vec<Option<usize>> {
    if candidates.is_empty() {
        return vec![None; elements.len()];
    }
    let mut indexes: HashMap<Vec<&str>, HashMap<Value, Vec<usize>>> = HashMap::new();
    let mut taken = vec![false; candidates.len()];
    elements
        .iter()
        .map(|element| {
            let free: Vec<&str> = shape
                .members()
                .filter(|member| member.is_computed() && part(element, member.name()).is_null())
                .map(|member| member.name().as_ref())
                .collect();
            let key = configured(shape, element, &free);
            let index = indexes.entry(free.clone()).or_insert_with(|| {
                let mut index: HashMap<Value, Vec<usize>> = HashMap::new();
                // In reverse, so that taking from the end takes the first.
                for (position, candidate) in candidates.iter().enumerate().rev() {
                    index.entry(configured(shape, candidate, &free)).or_default().push(position);
                }
                index
            });
            let positions = index.get_mut(&key)?;
            while let Some(position) = positions.pop() {
                if !std::mem::replace(&mut taken[position], true) {
                    return Some(position);
                }
            }
            None
        })
        .collect()
}

/// What of a set element counts when it is compared: without the attributes that are free, and without anything that
/// the provider may have filled in further down.
fn configured(shape: Shape<'_>, element: &Value, free: &[&str]) -> Value {
    let Value::Object(values) = element else { return element.clone() };
    let mut result: BTreeMap<String, Value> = values.clone();
    for member in shape.members() {
        let name = member.name();
        if free.contains(&name.as_ref()) {
            result.insert(name.to_string(), Value::Null);
        } else if let Some((nesting, inner)) = member.objects() {
            let stripped = map_objects(nesting, part(element, name), |object| without_computed(inner, object));
            result.insert(name.to_string(), stripped);
        }
    }
    Value::Object(result)
}

fn without_computed(shape: Shape<'_>, object: &Value) -> Value {
    let Value::Object(values) = object else { return object.clone() };
    let mut result = values.clone();
    for member in shape.members() {
        let name = member.name();
        if member.is_computed() {
            result.insert(name.to_string(), Value::Null);
        } else if let Some((nesting, inner)) = member.objects() {
            let stripped = map_objects(nesting, part(object, name), |object| without_computed(inner, object));
            result.insert(name.to_string(), stripped);
        }
    }
    Value::Object(result)
}
