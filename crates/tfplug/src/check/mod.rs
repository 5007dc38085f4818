//! Core's rules on answers, applied before an answer is sent.
//!
//! Core refuses an answer that breaks one of them with a message about Go values, and what was created may be lost.
//! Found here, the same fault becomes a diagnostic with the attribute, the rule and what to do.
//! The verdict is core's own: `tests/value_check.rs` compares them on a corpus that core has judged.

mod apply;
mod elements;
mod plan;
mod set;

use std::borrow::Cow;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::{Path, PathStep};
use crate::schema::{Attribute, AttributeKind, Block, BlockNesting, NestedBlock, Nesting};
use crate::value::{Refinement, Type, Value};

pub use apply::{apply, final_plan};
pub use elements::set_elements;
pub use plan::{ephemeral, plan, requires_replace};

/// Characters of a value that a message shows.
const SHOWN: usize = 64;

/// A rule that an answer breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub path: Path,
    /// What core demands, as an English sentence.
    pub rule: &'static str,
    /// What the answer has instead. Values of sensitive and write-only attributes are not shown.
    pub detail: String,
}

/// The violations as errors for the user, who cannot mend them, and for the provider's author, who can.
pub fn diagnostics(type_name: &str, call: &str, violations: Vec<Violation>) -> Diagnostics {
    let of_one = |violation: Violation| {
        let place = if violation.path.is_root() { String::new() } else { format!(" at {}", violation.path) };
        let diagnostic = Diagnostic::error(
            format!("Bug in the provider: {call} of {type_name} gave an invalid answer"),
            format!(
                "The answer breaks a rule of the plugin protocol{place}. {}. Found: {}.\n\n\
                 Please report this to the provider's authors; nothing in your configuration causes it.",
                violation.rule, violation.detail
            ),
        );
        if violation.path.is_root() { diagnostic } else { diagnostic.at(violation.path) }
    };
    violations.into_iter().map(of_one).collect()
}

/// What a state must be after it was read: of the schema's type, wholly known, without write-only values. Null is an
/// object that is gone.
pub fn read(block: &Block, state: &Value) -> Vec<Violation> {
    stored(block, state)
}

/// What an imported, moved or upgraded state must be: as after a read, and not null.
pub fn import(block: &Block, state: &Value) -> Vec<Violation> {
    if state.is_null() { vec![absent()] } else { stored(block, state) }
}

/// What a data source must answer: an object of the schema's type, wholly known.
pub fn data_source(block: &Block, result: &Value) -> Vec<Violation> {
    if result.is_null() { vec![absent()] } else { stored(block, result) }
}

/// What an identity must be: of its type and, but in the plan of a new object, wholly known.
pub fn identity(kind: &Type, identity: &Value, is_planned_new: bool) -> Vec<Violation> {
    let mut found = Found::default();
    found.conformity(kind, identity);
    if !is_planned_new {
        found.wholly_known(identity, &Place::root());
    }
    found.violations
}

fn absent() -> Violation {
    Violation { path: Path::root(), rule: "The answer must be an object", detail: "null".to_owned() }
}

fn stored(block: &Block, state: &Value) -> Vec<Violation> {
    let mut found = Found::default();
    if found.conformity(&block.value_type(), state) {
        found.write_only(block, state);
        found.wholly_known(state, &Place::root());
    }
    found.violations
}

static NULL: Value = Value::Null;
static UNKNOWN: Value = Value::Unknown(Refinement::none());

/// A place in the answer. A chain of borrowed steps, made into a [`Path`] only where something is wrong there.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    within: Option<(&'a Place<'a>, Step<'a>)>,
    /// Whether what is here must not be shown.
    secret: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Attribute(&'a str),
    Key(&'a str),
    Index(usize),
    Element(&'a Value),
}

impl<'a> Place<'a> {
    const fn root() -> Self {
        Self { within: None, secret: false }
    }

    fn step(&'a self, step: Step<'a>) -> Self {
        Self { within: Some((self, step)), secret: self.secret }
    }

    fn attribute(&'a self, attribute: &'a Attribute) -> Self {
        let secret = self.secret || attribute.sensitive || attribute.write_only;
        Self { within: Some((self, Step::Attribute(&attribute.name))), secret }
    }

    fn is_root(&self) -> bool {
        self.within.is_none()
    }

    fn path(&self) -> Path {
        let Some((outer, step)) = self.within else { return Path::root() };
        let outer = outer.path();
        match step {
            Step::Attribute(name) => outer.attribute(name.to_owned()),
            Step::Key(key) => outer.key(key),
            Step::Index(index) => outer.index(index),
            Step::Element(element) => outer.step(PathStep::Element(Arc::new(element.clone()))),
        }
    }

    /// The value for a message, if it may be shown.
    fn show(&self, value: &Value) -> String {
        let shown = match value.inner() {
            Value::Null => return "null".to_owned(),
            Value::Unknown(_) => return "an unknown value".to_owned(),
            _ if self.secret => return "a value that is not shown".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => format!("{text:?}"),
            Value::List(elements) | Value::Tuple(elements) => return format!("{} elements", elements.len()),
            Value::Set(elements) => return format!("a set of {}", elements.len()),
            Value::Map(elements) => return format!("a map of {}", elements.len()),
            Value::Object(_) | Value::Dynamic(_) => return "an object".to_owned(),
        };
        match shown.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &shown[..end]),
            None => shown,
        }
    }
}

/// The violations found so far.
#[derive(Debug, Default)]
struct Found {
    violations: Vec<Violation>,
}

impl Found {
    fn push(&mut self, place: &Place<'_>, rule: &'static str, detail: impl Into<String>) {
        self.violations.push(Violation { path: place.path(), rule, detail: detail.into() });
    }

    /// Whether the value has the type; nothing else can be said of one that has not.
    fn conformity(&mut self, kind: &Type, value: &Value) -> bool {
        match value.conforms(kind) {
            Ok(()) => true,
            Err(error) => {
                self.violations.push(Violation {
                    path: error.path,
                    rule: "The answer must have the type that the schema says",
                    detail: error.message,
                });
                false
            }
        }
    }

    fn wholly_known(&mut self, value: &Value, place: &Place<'_>) {
        const RULE: &str = "Nothing may be unknown in what is stored";
        if value.is_wholly_known() {
            return;
        }
        match value.inner() {
            Value::Unknown(_) => self.push(place, RULE, "an unknown value"),
            Value::List(elements) | Value::Tuple(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.wholly_known(element, &place.step(Step::Index(index)));
                }
            }
            Value::Map(elements) => {
                for (key, element) in elements {
                    self.wholly_known(element, &place.step(Step::Key(key)));
                }
            }
            Value::Object(attributes) => {
                for (name, value) in attributes {
                    self.wholly_known(value, &place.step(Step::Attribute(name)));
                }
            }
            Value::Set(_) => self.push(place, RULE, "a set with an unknown value in it"),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Dynamic(_) => {}
        }
    }

    /// That no write-only attribute has a value.
    fn write_only(&mut self, block: &Block, value: &Value) {
        if block_has_write_only(block) {
            self.write_only_block(block, value, &Place::root());
        }
    }

    fn write_only_block(&mut self, block: &Block, value: &Value, place: &Place<'_>) {
        if value.is_unknown() {
            return;
        }
        self.write_only_attributes(&block.attributes, value, place);
        for nested in &block.blocks {
            let place = place.step(Step::Attribute(&nested.name));
            each_object(nested.nesting.into(), part(value, &nested.name), &place, &mut |object, place| {
                self.write_only_block(&nested.block, object, place);
            });
        }
    }

    fn write_only_attributes(&mut self, attributes: &[Attribute], value: &Value, place: &Place<'_>) {
        for attribute in attributes {
            let inner = part(value, &attribute.name);
            let place = place.attribute(attribute);
            match &attribute.kind {
                _ if attribute.write_only => {
                    if !inner.is_null() {
                        self.push(&place, "A write-only attribute must be null in every answer", place.show(inner));
                    }
                }
                AttributeKind::Type(_) => {}
                AttributeKind::Nested { nesting, attributes } => {
                    each_object((*nesting).into(), inner, &place, &mut |object, place| {
                        self.write_only_attributes(attributes, object, place);
                    });
                }
            }
        }
    }
}

fn block_has_write_only(block: &Block) -> bool {
    attributes_have_write_only(&block.attributes)
        || block.blocks.iter().any(|nested| block_has_write_only(&nested.block))
}

fn attributes_have_write_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.kind {
        _ if attribute.write_only => true,
        AttributeKind::Type(_) => false,
        AttributeKind::Nested { attributes, .. } => attributes_have_write_only(attributes),
    })
}

/// What objects are kept in, of blocks and nested attributes alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    One,
    List,
    Set,
    Map,
}

impl From<Nesting> for Keeping {
    fn from(nesting: Nesting) -> Self {
        match nesting {
            Nesting::Single => Self::One,
            Nesting::List => Self::List,
            Nesting::Set => Self::Set,
            Nesting::Map => Self::Map,
        }
    }
}

impl From<BlockNesting> for Keeping {
    fn from(nesting: BlockNesting) -> Self {
        match nesting {
            BlockNesting::Single | BlockNesting::Group => Self::One,
            BlockNesting::List => Self::List,
            BlockNesting::Set => Self::Set,
            BlockNesting::Map => Self::Map,
        }
    }
}

/// Calls `visit` with each object that is kept in `value`; elements may be unknown themselves.
fn each_object(keeping: Keeping, value: &Value, place: &Place<'_>, visit: &mut dyn FnMut(&Value, &Place<'_>)) {
    let mut visit_present = |object: &Value, place: &Place<'_>| {
        if !object.is_null() {
            visit(object, place);
        }
    };
    match (keeping, value.inner()) {
        (Keeping::One, Value::Unknown(_)) => {}
        (Keeping::One, object) => visit_present(object, place),
        (Keeping::List, Value::List(elements)) => {
            for (index, object) in elements.iter().enumerate() {
                visit_present(object, &place.step(Step::Index(index)));
            }
        }
        (Keeping::Set, Value::Set(elements)) => {
            for object in elements {
                visit_present(object, &place.step(Step::Element(object)));
            }
        }
        (Keeping::Map, Value::Map(elements)) => {
            for (key, object) in elements {
                visit_present(object, &place.step(Step::Key(key)));
            }
        }
        (Keeping::List | Keeping::Set | Keeping::Map, _) => {}
    }
}

/// An attribute of an object: of a null object null, of an unknown one unknown.
fn part<'v>(object: &'v Value, name: &str) -> &'v Value {
    match object.inner() {
        Value::Object(attributes) => attributes.get(name).unwrap_or(&NULL),
        Value::Unknown(_) => &UNKNOWN,
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::List(_)
        | Value::Set(_)
        | Value::Map(_)
        | Value::Tuple(_)
        | Value::Dynamic(_) => &NULL,
    }
}

/// The bounds of how many elements there can be; of unknown elements in a set some may turn out equal.
fn length(value: &Value) -> (u64, u64) {
    let exactly = |length: usize| {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        (length, length)
    };
    match value.inner() {
        Value::List(elements) | Value::Tuple(elements) => exactly(elements.len()),
        Value::Map(elements) | Value::Object(elements) => exactly(elements.len()),
        Value::Set(elements) if elements.len() > 1 && !value.is_wholly_known() => (1, exactly(elements.len()).1),
        Value::Set(elements) => exactly(elements.len()),
        Value::Unknown(known) => (known.min_length(), known.max_length().unwrap_or(u64::MAX)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Dynamic(_) => (0, 0),
    }
}

/// The value with nothing known about what is unknown in it.
fn unrefined(value: &Value) -> Cow<'_, Value> {
    if has_refinement(value) { Cow::Owned(stripped(value)) } else { Cow::Borrowed(value) }
}

fn has_refinement(value: &Value) -> bool {
    match value {
        Value::Unknown(known) => !known.is_none(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::List(elements) | Value::Tuple(elements) => elements.iter().any(has_refinement),
        Value::Set(elements) => elements.iter().any(has_refinement),
        Value::Map(elements) | Value::Object(elements) => elements.values().any(has_refinement),
        Value::Dynamic(dynamic) => has_refinement(&dynamic.value),
    }
}

fn stripped(value: &Value) -> Value {
    let entries = |elements: &std::collections::BTreeMap<String, Value>| {
        elements.iter().map(|(key, value)| (key.clone(), stripped(value))).collect()
    };
    match value {
        Value::Unknown(_) => Value::unknown(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        Value::List(elements) => Value::List(elements.iter().map(stripped).collect()),
        Value::Tuple(elements) => Value::Tuple(elements.iter().map(stripped).collect()),
        Value::Set(elements) => Value::Set(elements.iter().map(stripped).collect()),
        Value::Map(elements) => Value::Map(entries(elements)),
        Value::Object(attributes) => Value::Object(entries(attributes)),
        Value::Dynamic(dynamic) => Value::dynamic(dynamic.kind.clone(), stripped(&dynamic.value)),
    }
}

/// The type of an attribute's values, without a copy where the schema has it ready.
fn kind_of(attribute: &Attribute) -> Cow<'_, Type> {
    match &attribute.kind {
        AttributeKind::Type(kind) => Cow::Borrowed(kind),
        AttributeKind::Nested { .. } => Cow::Owned(attribute.kind.value_type()),
    }
}

/// The block as one object, whichever it is kept in.
fn keeps(nested: &NestedBlock) -> Keeping {
    nested.nesting.into()
}
