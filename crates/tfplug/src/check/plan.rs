//! Plans: what the provider may decide, and what the configuration has decided.

use super::{Found, Keeping, NULL, Place, Step, Violation, keeps, length, part, unrefined};
use crate::path::{Path, PathStep};
use crate::schema::{Attribute, AttributeKind, Block, BlockNesting, Nesting, Presence};
use crate::value::Value;

const EXISTS: &str = "What the configuration wants to exist must be planned to exist, and nothing else";
const COUNT: &str = "The plan must have as many elements as the configuration";
const KEYS: &str = "The plan must have the same keys as the configuration";

/// Whether `plan` is one that core accepts for this configuration and prior state. `prior` is null in a create; `plan`
/// and `config` are null in a delete.
pub fn plan(block: &Block, config: &Value, prior: &Value, plan: &Value) -> Vec<Violation> {
    let mut found = Found::default();
    if found.conformity(&block.value_type(), plan) {
        found.write_only(block, plan);
        if found.violations.is_empty() {
            found.planned_object(block, prior, config, plan, &Place::root());
        }
    }
    found.violations
}

/// Whether `result` is what core accepts from opening an ephemeral resource: like a plan, and known.
pub fn ephemeral(block: &Block, config: &Value, result: &Value) -> Vec<Violation> {
    let mut violations = plan(block, config, &NULL, result);
    if violations.is_empty() {
        let mut found = Found::default();
        found.wholly_known(result, &Place::root());
        violations = found.violations;
    }
    violations
}

/// Whether each path of an attribute that demands replacement exists in the prior state or in the plan.
pub fn requires_replace(prior: &Value, plan: &Value, paths: &[Path]) -> Vec<Violation> {
    // Core does not look at them in a create.
    if prior.is_null() {
        return Vec::new();
    }
    let missing = |path: &&Path| !leads_somewhere(prior, path) && !leads_somewhere(plan, path);
    let violation = |path: &Path| Violation {
        path: path.clone(),
        rule: "A path that demands replacement must exist in the prior state or in the plan",
        detail: "it is in neither".to_owned(),
    };
    paths.iter().filter(missing).map(violation).collect()
}

/// Anything may be below an unknown value; the path of a set's element ends at the set.
fn leads_somewhere(value: &Value, path: &Path) -> bool {
    let mut at = value;
    for step in path.steps() {
        if at.is_unknown() {
            return true;
        }
        let next = match (step, at.inner()) {
            (PathStep::Element(_), Value::Set(_)) => return true,
            (PathStep::Attribute(name), Value::Object(attributes)) => attributes.get(name.as_ref()),
            (PathStep::Key(key), Value::Map(elements)) => elements.get(key),
            (PathStep::Index(index), Value::List(elements) | Value::Tuple(elements)) => elements.get(*index),
            (PathStep::Attribute(_) | PathStep::Key(_) | PathStep::Index(_) | PathStep::Element(_), _) => None,
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    true
}

impl Found {
    pub(super) fn planned_object(
        &mut self,
        block: &Block,
        prior: &Value,
        config: &Value,
        plan: &Value,
        place: &Place<'_>,
    ) {
        if !self.both_exist(config, plan, place) {
            return;
        }
        self.planned_attributes(&block.attributes, prior, config, plan, place);
        for nested in &block.blocks {
            let place = place.step(Step::Attribute(&nested.name));
            let (prior, config, plan) =
                (part(prior, &nested.name), part(config, &nested.name), part(plan, &nested.name));
            if plan.is_null() && nested.nesting != BlockNesting::Single {
                self.push(&place, "Absent blocks are an empty collection, never null", "null");
                continue;
            }
            if plan == config {
                continue;
            }
            if config.is_unknown() {
                self.push(
                    &place,
                    "Blocks that the configuration does not know yet must stay unknown",
                    place.show(plan),
                );
                continue;
            }
            if plan.is_unknown() {
                self.push(&place, "Blocks of the configuration must be planned, not unknown", "an unknown value");
                continue;
            }
            self.planned_blocks(&nested.block, keeps(nested), [prior, config, plan], &place);
        }
    }

    /// Whether there is more to compare.
    fn both_exist(&mut self, config: &Value, plan: &Value, place: &Place<'_>) -> bool {
        if config.is_null() != plan.is_null() {
            self.push(place, EXISTS, place.show(plan));
        }
        !config.is_null() && !plan.is_null()
    }

    fn planned_blocks(&mut self, block: &Block, keeping: Keeping, values: [&Value; 3], place: &Place<'_>) {
        const UNKNOWN_BLOCK: &str = "A block itself must not be unknown, only attributes in it";
        let [prior, config, plan] = values;
        match (keeping, plan.inner()) {
            (Keeping::One, _) => self.planned_object(block, prior, config, plan, place),
            (Keeping::List, Value::List(planned)) => {
                let configured = as_list(config);
                if planned.len() != configured.len() {
                    self.push(place, COUNT, format!("{} instead of {}", planned.len(), configured.len()));
                    return;
                }
                for (index, (plan, config)) in planned.iter().zip(configured).enumerate() {
                    let place = place.step(Step::Index(index));
                    if plan.is_unknown() {
                        self.push(&place, UNKNOWN_BLOCK, "an unknown value");
                        continue;
                    }
                    let prior = as_list(prior).get(index).unwrap_or(&NULL);
                    self.planned_object(block, prior, config, plan, &place);
                }
            }
            (Keeping::Map, Value::Map(planned)) => {
                let (least, most) = length(config);
                if length(plan) != (least, most) {
                    self.push(place, COUNT, format!("{} instead of {most}", planned.len()));
                    return;
                }
                for (key, plan) in planned {
                    let place = place.step(Step::Key(key));
                    if plan.is_unknown() {
                        self.push(&place, UNKNOWN_BLOCK, "an unknown value");
                        continue;
                    }
                    match config.get(key) {
                        Some(config) => {
                            self.planned_object(block, prior.get(key).unwrap_or(&NULL), config, plan, &place);
                        }
                        None => self.push(&place, KEYS, "a key that is not in the configuration"),
                    }
                }
            }
            // Elements of a set have no name by which to compare them: core trusts the provider here.
            (Keeping::Set, Value::Set(planned)) => {
                for plan in planned.iter().filter(|plan| plan.is_unknown()) {
                    self.push(&place.step(Step::Element(plan)), UNKNOWN_BLOCK, "an unknown value");
                }
            }
            // Null stands only where the configuration has null too, and other types do not conform.
            (Keeping::List | Keeping::Map | Keeping::Set, _) => {}
        }
    }

    pub(super) fn planned_attributes(
        &mut self,
        attributes: &[Attribute],
        prior: &Value,
        config: &Value,
        plan: &Value,
        place: &Place<'_>,
    ) {
        for attribute in attributes {
            let name = &attribute.name;
            let values = [part(prior, name), part(config, name), part(plan, name)];
            self.planned_attribute(attribute, values, &place.attribute(attribute));
        }
    }

    fn planned_attribute(&mut self, attribute: &Attribute, values: [&Value; 3], place: &Place<'_>) {
        let [prior, config, plan] = values;
        let same = |other: &Value| plan == other || unrefined(plan) == unrefined(other);
        if same(config) || (!prior.is_null() && !config.is_null() && same(prior)) {
            return;
        }
        if attribute.write_only {
            if !plan.is_null() {
                self.push(place, "A write-only attribute must be null in the plan", place.show(plan));
            }
            return;
        }
        match attribute.presence {
            Presence::Computed => return,
            Presence::OptionalComputed if config.is_null() => return,
            Presence::Required | Presence::Optional if config.is_null() => {
                self.push(
                    place,
                    "What the configuration leaves out, and is not computed, must be null",
                    place.show(plan),
                );
                return;
            }
            Presence::Required | Presence::Optional | Presence::OptionalComputed => {}
        }
        match &attribute.kind {
            AttributeKind::Nested { nesting, attributes } => {
                self.planned_nested(*nesting, attributes, values, place);
            }
            AttributeKind::Type(_) => self.push(
                place,
                "What the configuration sets must be planned as configured, or left as it was",
                format!("{} instead of {}", place.show(plan), place.show(config)),
            ),
        }
    }

    fn planned_nested(&mut self, nesting: Nesting, attributes: &[Attribute], values: [&Value; 3], place: &Place<'_>) {
        let [prior, config, plan] = values;
        if !self.both_exist(config, plan, place) {
            return;
        }
        if plan.is_unknown() {
            self.push(place, "What the configuration sets must be planned, not unknown", "an unknown value");
            return;
        }
        let ((least, most), (least_configured, most_configured)) = (length(plan), length(config));
        let counts = || format!("{most} instead of {most_configured}");
        match (nesting, plan.inner()) {
            (Nesting::Single, _) => self.planned_attributes(attributes, prior, config, plan, place),
            (Nesting::List, Value::List(planned)) => {
                if config.is_unknown() || most != most_configured {
                    self.push(place, COUNT, if config.is_unknown() { place.show(plan) } else { counts() });
                    return;
                }
                for (index, (plan, config)) in planned.iter().zip(as_list(config)).enumerate() {
                    let prior = as_list(prior).get(index).unwrap_or(&NULL);
                    self.planned_attributes(attributes, prior, config, plan, &place.step(Step::Index(index)));
                }
            }
            (Nesting::Map, Value::Map(planned)) => {
                if config.is_unknown() || most != most_configured {
                    self.push(place, COUNT, if config.is_unknown() { place.show(plan) } else { counts() });
                    return;
                }
                for (key, plan) in planned {
                    let place = place.step(Step::Key(key));
                    match config.get(key) {
                        Some(config) => {
                            let prior = prior.get(key).unwrap_or(&NULL);
                            self.planned_attributes(attributes, prior, config, plan, &place);
                        }
                        None => self.push(&place, KEYS, "a key that is not in the configuration"),
                    }
                }
            }
            // As with blocks in sets, only their number can be compared.
            (Nesting::Set, _) => {
                if most_configured < least || least_configured > most {
                    self.push(place, COUNT, counts());
                }
            }
            // Null and unknown were dealt with, and other types do not conform.
            (Nesting::List | Nesting::Map, _) => {}
        }
    }
}

pub(super) fn as_list(value: &Value) -> &[Value] {
    match value.inner() {
        Value::List(elements) => elements,
        Value::Null
        | Value::Unknown(_)
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Set(_)
        | Value::Map(_)
        | Value::Object(_)
        | Value::Tuple(_)
        | Value::Dynamic(_) => &[],
    }
}
