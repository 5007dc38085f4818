//! Walking a schema and values side by side, attributes and blocks alike.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::path::Path;
use crate::schema::{Attribute, AttributeKind, Block, BlockNesting, NestedBlock, Nesting, PlanModifier, Validator};
use crate::value::{Type, Value};

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

/// Pairs of set elements that are compared one by one, where looking up finds only that they may mean the same: a tenth
/// of a second. Beyond that elements count as new.
const PAIRS_MAX: usize = 100_000;

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

/// The same value with empty collections for blocks that it lacks, as a state of an older schema does: they are never
/// null.
pub(crate) fn with_empty_blocks(block: &Block, value: &Value) -> Value {
    let Value::Object(values) = value else { return value.clone() };
    let mut values = values.clone();
    for nested in &block.blocks {
        let blocks = part(value, &nested.name);
        let filled = match nested.nesting {
            BlockNesting::Single => blocks.clone(),
            BlockNesting::Group if blocks.is_null() => match nested.block.value_type() {
                Type::Object(object) => Value::object_of_nulls(&object),
                _ => blocks.clone(),
            },
            BlockNesting::List if blocks.is_null() => Value::list([]),
            BlockNesting::Set if blocks.is_null() => Value::set([]),
            BlockNesting::Map if blocks.is_null() => Value::Map([].into()),
            BlockNesting::Group | BlockNesting::List | BlockNesting::Set | BlockNesting::Map => blocks.clone(),
        };
        let filled = match Member::Block(nested).objects() {
            Some((nesting, _)) => map_objects(nesting, &filled, |object| with_empty_blocks(&nested.block, object)),
            None => filled,
        };
        values.insert(nested.name.to_string(), filled);
    }
    Value::Object(values)
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

/// For each configured set element the position of the candidate that agrees with it in all that it configures, if only
/// in meaning. Each candidate is taken once. Hash-based: linear in the elements, times the number of different sets of
/// attributes that they leave to the provider (usually one).
pub(crate) fn correlate(shape: Shape<'_>, elements: &[&Value], candidates: &[&Value]) -> Vec<Option<usize>> {
    if candidates.is_empty() {
        return vec![None; elements.len()];
    }
    let mut taken = vec![false; candidates.len()];
    let mut found = vec![None; elements.len()];
    agreeing(shape, elements, candidates, configured, &mut found, &mut taken, |_, _| true);
    if has_spelling(shape) && found.contains(&None) {
        let mut pairs = 0;
        let in_meaning = |element: &Value, candidate: &Value| {
            pairs += 1;
            pairs <= PAIRS_MAX && mean_the_same(shape, element, candidate)
        };
        let unspelled = |shape: Shape<'_>, element: &Value, free: &[&str]| {
            without_spelling(shape, &configured(shape, element, free))
        };
        agreeing(shape, elements, candidates, unspelled, &mut found, &mut taken, in_meaning);
    }
    found
}

/// Finds candidates for elements that have none yet: of those with the same key the first that agrees.
fn agreeing(
    shape: Shape<'_>,
    elements: &[&Value],
    candidates: &[&Value],
    key: impl Fn(Shape<'_>, &Value, &[&str]) -> Value,
    found: &mut [Option<usize>],
    taken: &mut [bool],
    mut agree: impl FnMut(&Value, &Value) -> bool,
) {
    let mut indexes: HashMap<Vec<&str>, HashMap<Value, Vec<usize>>> = HashMap::new();
    for (element, found) in elements.iter().zip(found).filter(|(_, found)| found.is_none()) {
        let free: Vec<&str> = shape
            .members()
            .filter(|member| member.is_computed() && part(element, member.name()).is_null())
            .map(|member| member.name().as_ref())
            .collect();
        let wanted = key(shape, element, &free);
        let index = indexes.entry(free).or_insert_with_key(|free| {
            let mut index: HashMap<Value, Vec<usize>> = HashMap::new();
            // In reverse, so that taking from the end takes the first.
            for (position, candidate) in candidates.iter().enumerate().rev() {
                index.entry(key(shape, candidate, free)).or_default().push(position);
            }
            index
        });
        let Some(positions) = index.get_mut(&wanted) else { continue };
        while positions.pop_if(|position| taken[*position]).is_some() {}
        let at = positions.iter().rposition(|at| !taken[*at] && agree(element, candidates[*at]));
        if let Some(position) = at.map(|at| positions.remove(at)) {
            taken[position] = true;
            *found = Some(position);
        }
    }
}

/// Whether some attribute counts by what it means.
pub(crate) fn has_spelling(shape: Shape<'_>) -> bool {
    shape.members().any(|member| {
        matches!(member, Member::Attribute(attribute) if attribute.same_meaning.is_some())
            || member.objects().is_some_and(|(_, inner)| has_spelling(inner))
    })
}

/// The value with null for all that counts by what it means.
fn without_spelling(shape: Shape<'_>, object: &Value) -> Value {
    let Value::Object(values) = object else { return object.clone() };
    let mut result = values.clone();
    for member in shape.members() {
        let name = member.name();
        match member {
            Member::Attribute(attribute) if attribute.same_meaning.is_some() => {
                result.insert(name.to_string(), Value::Null);
            }
            Member::Attribute(_) | Member::Block(_) => {
                if let Some((nesting, inner)) = member.objects() {
                    let stripped = map_objects(nesting, part(object, name), |object| without_spelling(inner, object));
                    result.insert(name.to_string(), stripped);
                }
            }
        }
    }
    Value::Object(result)
}

/// Whether two objects that agree but for spelling mean the same in that, too. Computed values are not compared.
fn mean_the_same(shape: Shape<'_>, one: &Value, other: &Value) -> bool {
    shape.members().all(|member| {
        let (one, other) = (part(one, member.name()), part(other, member.name()));
        match (member, member.objects()) {
            (Member::Attribute(Attribute { same_meaning: Some(same), .. }), _) => {
                one == other || same(one, other) || (member.is_computed() && one.is_null())
            }
            (_, Some((nesting, inner))) => pair(nesting, inner, &Path::root(), one, other)
                .into_iter()
                .all(|(_, one, other)| mean_the_same(inner, one, other)),
            (Member::Attribute(_) | Member::Block(_), None) => true,
        }
    })
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
