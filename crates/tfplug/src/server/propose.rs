//! From configuration and prior state to the plan: defaults, what stays, what becomes unknown, and plan modifiers.
//!
//! Pure functions. Core sends a proposal of its own, which is not used: it cannot know defaults, and merges sets by a
//! heuristic that loses computed values once a default is filled in.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::shape::{ABSENT, Member, Shape, correlate, map_objects, pair, part};
use crate::diagnostic::Diagnostics;
use crate::path::Path;
use crate::schema::modifier::ModifyContext;
use crate::schema::{Attribute, Block, Change, Nesting, PathExpression};
use crate::value::Value;

/// What comes out of proposing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proposal {
    /// The plan.
    pub(crate) plan: Value,
    /// The attributes whose change asks for replacement.
    pub(crate) replace: Vec<Path>,
}

/// Plans a create (`prior` null) or an update of the object that `block` describes.
pub(crate) fn propose(block: &Block, config: &Value, prior: &Value, diagnostics: &mut Diagnostics) -> Proposal {
    let shape = Shape::of(block);
    let config = with_defaults(shape, config);
    let mut plan = build(shape, &Path::root(), &config, &[prior], None);
    let mut is_settled = &plan == prior;
    // Again for what depends on something that has just become unknown. Each round makes more unknown, so that there
    // are at most as many as there are computed attributes.
    while !is_settled {
        let marking = Marking { proposed: vec![&plan], answered: &RefCell::default() };
        let marked = build(shape, &Path::root(), &config, &[prior], Some(&marking));
        is_settled = marked == plan || !has_dependents(shape);
        plan = marked;
    }
    let mut replace = Vec::new();
    let mut modifying = Modifying { is_update: !prior.is_null(), replace: &mut replace, diagnostics };
    modify(shape, &Path::root(), &config, prior, &mut plan, &mut modifying);
    Proposal { plan, replace }
}

/// The configuration with defaults where it is null, and without write-only values.
pub(super) fn with_defaults(shape: Shape<'_>, config: &Value) -> Value {
    let Value::Object(_) = config else { return config.clone() };
    let filled = shape.members().map(|member| {
        let name = member.name();
        let value = part(config, name);
        let filled = match member {
            Member::Attribute(attribute) if attribute.write_only && !value.is_null() => Value::Null,
            Member::Attribute(Attribute { default: Some(default), .. }) if value.is_null() => default.value(),
            Member::Attribute(_) | Member::Block(_) => match member.objects() {
                Some((nesting, inner)) => map_objects(nesting, value, |object| with_defaults(inner, object)),
                None => value.clone(),
            },
        };
        (name.to_string(), filled)
    });
    Value::Object(filled.collect())
}

/// What decides which computed values become unknown.
struct Marking<'v> {
    /// The proposal: the whole, and the objects in it that lead to the one that is being built.
    proposed: Vec<&'v Value>,
    /// Whether what an expression from the root names has changed: the same wherever it is asked, and asked by every
    /// element of a set.
    answered: &'v RefCell<HashMap<PathExpression, bool>>,
}

impl Marking<'_> {
    /// Whether what an expression names differs between the proposal and what was.
    fn has_changed(&self, expression: &PathExpression, prior: &[&Value]) -> bool {
        let differs = || !expression.resolve_within(&self.proposed).eq(&expression.resolve_within(prior));
        if expression.is_relative() {
            return differs();
        }
        if let Some(answer) = self.answered.borrow().get(expression) {
            return *answer;
        }
        let answer = differs();
        self.answered.borrow_mut().insert(expression.clone(), answer);
        answer
    }
}

/// Configured values as they are; what the configuration leaves to the provider as it was, or unknown where `marking`
/// says that it can change. `prior` leads from the whole to the object that was there before.
fn build(shape: Shape<'_>, path: &Path, config: &Value, prior: &[&Value], marking: Option<&Marking<'_>>) -> Value {
    let Value::Object(_) = config else { return config.clone() };
    let built: BTreeMap<String, Value> = shape
        .members()
        .map(|member| {
            let name = member.name();
            let value = build_member(member, &path.attribute(name.clone()), part(config, name), prior, marking);
            (name.to_string(), value)
        })
        .collect();
    Value::Object(built)
}

fn build_member(
    member: Member<'_>,
    path: &Path,
    config: &Value,
    prior_objects: &[&Value],
    marking: Option<&Marking<'_>>,
) -> Value {
    let prior = part(prior_objects.last().copied().unwrap_or(&ABSENT), member.name());
    if let Member::Attribute(attribute) = member {
        if config.is_null() {
            if !attribute.presence.is_computed() || attribute.write_only {
                // As it is: where the type is dynamic, a null may have a type of its own.
                return config.clone();
            }
            return unconfigured(attribute, prior, prior_objects, marking);
        }
        if let Some(same_meaning) = attribute.same_meaning
            && same_meaning(config, prior)
        {
            return prior.clone();
        }
    }
    let Some((nesting, inner)) = member.objects() else { return config.clone() };
    let objects = pair(nesting, inner, path, config, prior);
    // What depends on something is judged by the object that stands for it in the proposal.
    let proposed = match marking {
        Some(marking) if has_dependents(inner) => {
            let whole = part(marking.proposed.last().copied().unwrap_or(&ABSENT), member.name());
            pair(nesting, inner, path, config, whole).into_iter().map(|(_, _, proposed)| proposed).collect()
        }
        Some(_) | None => vec![&ABSENT; objects.len()],
    };
    let mut built = objects.into_iter().zip(proposed).map(|((path, config, prior), proposed)| {
        let prior: Vec<&Value> = prior_objects.iter().copied().chain([prior]).collect();
        let marking = marking.map(|marking| Marking {
            proposed: marking.proposed.iter().copied().chain([proposed]).collect(),
            answered: marking.answered,
        });
        build(inner, &path, config, &prior, marking.as_ref())
    });
    match (nesting, config) {
        (Nesting::Single, _) => built.next().unwrap_or_else(|| config.clone()),
        (Nesting::List, Value::List(_)) => Value::List(built.collect()),
        (Nesting::Set, Value::Set(_)) => Value::Set(built.collect()),
        (Nesting::Map, Value::Map(elements)) => Value::Map(elements.keys().cloned().zip(built).collect()),
        // Unknown as a whole.
        (Nesting::List | Nesting::Set | Nesting::Map, other) => other.clone(),
    }
}

/// The planned value of a computed attribute that the configuration leaves null.
fn unconfigured(
    attribute: &Attribute,
    prior: &Value,
    prior_objects: &[&Value],
    marking: Option<&Marking<'_>>,
) -> Value {
    let Some(marking) = marking else { return prior.clone() };
    let is_new = prior_objects.last().is_none_or(|object| object.is_null());
    let changes = is_new
        || match &attribute.change {
            Change::Any => true,
            Change::Never => prior.is_null(),
            Change::DependsOn(expressions) => {
                expressions.iter().any(|expression| marking.has_changed(expression, prior_objects))
            }
        };
    match (changes, attribute.not_null) {
        (false, _) => prior.clone(),
        (true, true) => Value::unknown_not_null(),
        (true, false) => Value::unknown(),
    }
}

struct Modifying<'d> {
    is_update: bool,
    replace: &'d mut Vec<Path>,
    diagnostics: &'d mut Diagnostics,
}

/// Calls plan modifiers, parents before children, at any depth.
fn modify(
    shape: Shape<'_>,
    path: &Path,
    config: &Value,
    prior: &Value,
    plan: &mut Value,
    modifying: &mut Modifying<'_>,
) {
    if !has_modifiers(shape) {
        return;
    }
    let Value::Object(planned) = plan else { return };
    for member in shape.members() {
        let name = member.name();
        let Some(planned) = planned.get_mut(name.as_ref()) else { continue };
        let path = path.attribute(name.clone());
        let (config, prior) = (part(config, name), part(prior, name));
        for modifier in member.modifiers() {
            let mut requires_replace = false;
            let mut cx = ModifyContext {
                path: &path,
                config,
                prior,
                is_update: modifying.is_update,
                plan: planned,
                requires_replace: &mut requires_replace,
            };
            modifier.modify(&mut cx, modifying.diagnostics);
            if requires_replace && modifying.is_update && planned != prior {
                modifying.replace.push(path.clone());
            }
        }
        if let Some((nesting, inner)) = member.objects() {
            modify_objects(nesting, inner, &path, config, prior, planned, modifying);
        }
    }
}

fn modify_objects(
    nesting: Nesting,
    shape: Shape<'_>,
    path: &Path,
    config: &Value,
    prior: &Value,
    plan: &mut Value,
    modifying: &mut Modifying<'_>,
) {
    match (nesting, plan) {
        (Nesting::Single, plan) => modify(shape, path, config, prior, plan, modifying),
        (Nesting::List, Value::List(elements)) => {
            let at = |value: &Value, index: usize| match value {
                Value::List(elements) => elements.get(index).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            };
            for (index, element) in elements.iter_mut().enumerate() {
                modify(shape, &path.index(index), &at(config, index), &at(prior, index), element, modifying);
            }
        }
        (Nesting::Map, Value::Map(elements)) => {
            for (key, element) in elements {
                modify(shape, &path.key(key.clone()), part(config, key), part(prior, key), element, modifying);
            }
        }
        (Nesting::Set, Value::Set(elements)) if has_modifiers(shape) => {
            let configured: Vec<&Value> = set_elements(config);
            let planned: Vec<&Value> = elements.iter().collect();
            let priors: Vec<&Value> = set_elements(prior);
            let in_plan = correlate(shape, &configured, &planned);
            let in_prior = correlate(shape, &configured, &priors);
            let mut counterparts = vec![(&ABSENT, &ABSENT); planned.len()];
            for ((config, at), before) in configured.iter().zip(in_plan).zip(in_prior) {
                if let Some(at) = at {
                    counterparts[at] = (config, before.map_or(&ABSENT, |before| priors[before]));
                }
            }
            let modified: Vec<Value> = planned
                .into_iter()
                .zip(counterparts)
                .map(|(element, (config, prior))| {
                    let mut element = element.clone();
                    let path = path.element(element.clone());
                    modify(shape, &path, config, prior, &mut element, modifying);
                    element
                })
                .collect();
            *elements = modified.into_iter().collect();
        }
        // Null and unknown have no objects in them.
        (Nesting::List | Nesting::Set | Nesting::Map, _) => {}
    }
}

fn set_elements(value: &Value) -> Vec<&Value> {
    if let Value::Set(elements) = value { elements.iter().collect() } else { Vec::new() }
}

fn has_dependents(shape: Shape<'_>) -> bool {
    shape.members().any(|member| {
        matches!(member, Member::Attribute(attribute) if matches!(attribute.change, Change::DependsOn(_)))
            || member.objects().is_some_and(|(_, inner)| has_dependents(inner))
    })
}

fn has_modifiers(shape: Shape<'_>) -> bool {
    shape
        .members()
        .any(|member| !member.modifiers().is_empty() || member.objects().is_some_and(|(_, inner)| has_modifiers(inner)))
}
