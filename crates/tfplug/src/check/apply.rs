//! Results: what was planned as known must come out as planned, and what was unknown must keep its promises.

use super::{Found, Keeping, Place, Step, Violation, keeps, kind_of, length, part, set};
use crate::schema::{Block, BlockNesting};
use crate::value::{Refinement, Type, Value};

const AS_PLANNED: &str = "What was planned as known must come out as planned";
const PROMISED: &str = "What was planned as unknown must keep what was promised of it";
const COUNT: &str = "There must be as many elements as planned";
const CORRELATE: &str = "Each element of a set must be one that was planned, and the reverse";

/// Whether `state` is what core accepts as the result of applying `plan`, which is null in a delete.
pub fn apply(block: &Block, plan: &Value, state: &Value) -> Vec<Violation> {
    let mut found = Found::default();
    let root = Place::root();
    if !found.conformity(&block.value_type(), state) {
        return found.violations;
    }
    found.write_only(block, state);
    found.wholly_known(state, &root);
    if found.violations.is_empty() {
        match (plan.is_null(), state.is_null()) {
            (true, false) => found.push(&root, "What was deleted must come back as null", "an object"),
            (false, true) => found.push(&root, "What was created or updated must come back as an object", "null"),
            (true, true) => {}
            (false, false) => found.object(block, plan, state, &root),
        }
    }
    found.violations
}

/// Whether the plan that is made again during apply, when everything in the configuration is known, is one that core
/// accepts after the first: nothing that was known may change.
pub fn final_plan(block: &Block, first: &Value, last: &Value) -> Vec<Violation> {
    let mut found = Found::default();
    if found.conformity(&block.value_type(), last) {
        found.object(block, first, last, &Place::root());
    }
    found.violations
}

impl Found {
    fn object(&mut self, block: &Block, planned: &Value, actual: &Value, place: &Place<'_>) {
        if planned.is_null() != actual.is_null() {
            let rule = if place.is_root() { "The object must exist as planned" } else { AS_PLANNED };
            self.push(place, rule, format!("{} instead of {}", place.show(actual), place.show(planned)));
            return;
        }
        if planned.is_null() {
            return;
        }
        for attribute in &block.attributes {
            let (planned, actual) = (part(planned, &attribute.name), part(actual, &attribute.name));
            if planned != actual || !planned.is_wholly_known() {
                self.value(&kind_of(attribute), planned, actual, &place.attribute(attribute));
            }
        }
        for nested in &block.blocks {
            let (planned, actual) = (part(planned, &nested.name), part(actual, &nested.name));
            let place = place.step(Step::Attribute(&nested.name));
            let is_single = matches!(nested.nesting, BlockNesting::Single | BlockNesting::Group);
            if is_single {
                // Blocks that were unknown may have turned out to be none.
                if !(planned.is_unknown() && actual.is_null()) {
                    self.object(&nested.block, planned, actual, &place);
                }
            } else if !planned.is_unknown() && !actual.is_unknown() && !planned.is_null() && !actual.is_null() {
                self.blocks(&nested.block, keeps(nested), planned, actual, &place);
            }
        }
    }

    fn blocks(&mut self, block: &Block, keeping: Keeping, planned: &Value, actual: &Value, place: &Place<'_>) {
        match (keeping, planned.inner(), actual.inner()) {
            (Keeping::List, Value::List(before), Value::List(after)) => {
                if before.len() != after.len() {
                    self.push(place, COUNT, format!("{} instead of {}", after.len(), before.len()));
                    return;
                }
                for (index, (planned, actual)) in before.iter().zip(after).enumerate() {
                    self.object(block, planned, actual, &place.step(Step::Index(index)));
                }
            }
            (Keeping::Map, Value::Map(before), Value::Map(after)) => {
                if before.len() != after.len() {
                    self.push(place, COUNT, format!("{} instead of {}", after.len(), before.len()));
                    return;
                }
                for (key, planned) in before {
                    if let Some(actual) = after.get(key) {
                        self.object(block, planned, actual, &place.step(Step::Key(key)));
                    }
                }
            }
            (Keeping::Set, Value::Set(before), Value::Set(after)) => {
                let fits = |planned: &Value, actual: &Value| {
                    let mut found = Self::default();
                    found.object(block, planned, actual, &Place::root());
                    found.violations.is_empty()
                };
                self.set(before.as_slice(), after.as_slice(), place, &fits);
            }
            // One object was dealt with before, and other types do not conform.
            (Keeping::One | Keeping::List | Keeping::Map | Keeping::Set, _, _) => {}
        }
    }

    fn value(&mut self, kind: &Type, planned: &Value, actual: &Value, place: &Place<'_>) {
        let differs = || format!("{} instead of {}", place.show(actual), place.show(planned));
        if let Type::Dynamic = kind {
            // A null or unknown without a type of its own promised nothing.
            let Value::Dynamic(before) = planned else { return };
            match actual {
                Value::Dynamic(after) if fits_type(&after.kind, &before.kind) => {
                    self.value(&before.kind, &before.value, &after.value, place);
                }
                _ => self.push(place, "The type of a value must be as planned", differs()),
            }
            return;
        }
        if let Value::Unknown(promise) = planned {
            if !admits(promise, actual) {
                self.push(place, PROMISED, place.show(actual));
            }
            return;
        }
        if planned.is_null() || actual.is_null() || actual.is_unknown() {
            if planned.is_null() != actual.is_null() || actual.is_unknown() {
                self.push(place, AS_PLANNED, differs());
            }
            return;
        }
        match (kind, planned, actual) {
            (Type::List(element), Value::List(before), Value::List(after)) => {
                self.elements(before, after, place);
                for (index, (planned, actual)) in before.iter().zip(after).enumerate() {
                    self.value(element, planned, actual, &place.step(Step::Index(index)));
                }
            }
            (Type::Tuple(kinds), Value::Tuple(before), Value::Tuple(after)) => {
                self.elements(before, after, place);
                for (index, (kind, (planned, actual))) in kinds.iter().zip(before.iter().zip(after)).enumerate() {
                    self.value(kind, planned, actual, &place.step(Step::Index(index)));
                }
            }
            (Type::Map(element), Value::Map(before), Value::Map(after)) => {
                for (key, planned) in before {
                    let place = place.step(Step::Key(key));
                    match after.get(key) {
                        Some(actual) => self.value(element, planned, actual, &place),
                        None => self.push(&place, COUNT, "an element that was planned is gone"),
                    }
                }
                for key in after.keys().filter(|key| !before.contains_key(*key)) {
                    self.push(&place.step(Step::Key(key)), COUNT, "an element that was not planned");
                }
            }
            (Type::Object(object), Value::Object(before), Value::Object(after)) => {
                for ((name, kind), (planned, actual)) in
                    object.attributes.iter().zip(before.values().zip(after.values()))
                {
                    self.value(kind, planned, actual, &place.step(Step::Attribute(name)));
                }
            }
            (Type::Set(element), Value::Set(before), Value::Set(after)) => {
                let fits = |planned: &Value, actual: &Value| {
                    let mut found = Self::default();
                    found.value(element, planned, actual, &Place::root());
                    found.violations.is_empty()
                };
                self.set(before.as_slice(), after.as_slice(), place, &fits);
            }
            _ if planned != actual => self.push(place, AS_PLANNED, differs()),
            _ => {}
        }
    }

    fn elements(&mut self, before: &[Value], after: &[Value], place: &Place<'_>) {
        if before.len() != after.len() {
            self.push(place, COUNT, format!("{} instead of {}", after.len(), before.len()));
        }
    }

    fn set(&mut self, before: &[Value], after: &[Value], place: &Place<'_>, fits: &dyn Fn(&Value, &Value) -> bool) {
        let strangers = set::strangers(before, after, fits);
        for planned in &strangers.planned {
            self.push(place, CORRELATE, format!("no element is {}", place.show(planned)));
        }
        if strangers.planned.is_empty() {
            for actual in &strangers.actual {
                self.push(place, CORRELATE, format!("{} was not planned", place.show(actual)));
            }
        }
        // Elements may turn out equal, so there may be fewer, but never more.
        if before.len() < after.len() {
            self.push(place, COUNT, format!("{} instead of {}", after.len(), before.len()));
        }
    }
}

/// Whether `given` is the planned type, or fills in what that left open.
fn fits_type(given: &Type, planned: &Type) -> bool {
    match (given, planned) {
        (_, Type::Dynamic) => true,
        (Type::List(given), Type::List(planned))
        | (Type::Set(given), Type::Set(planned))
        | (Type::Map(given), Type::Map(planned)) => fits_type(given, planned),
        (Type::Tuple(given), Type::Tuple(planned)) => {
            given.len() == planned.len() && given.iter().zip(planned).all(|(given, planned)| fits_type(given, planned))
        }
        (Type::Object(given), Type::Object(planned)) => {
            given.attributes.len() == planned.attributes.len()
                && given
                    .attributes
                    .iter()
                    .zip(&planned.attributes)
                    .all(|((name, given), (planned_name, planned))| name == planned_name && fits_type(given, planned))
        }
        (given, planned) => given == planned,
    }
}

/// Whether a value can be what was promised of an unknown one. `false` only where it certainly cannot.
fn admits(promise: &Refinement, actual: &Value) -> bool {
    match actual.inner() {
        Value::Null => !promise.is_not_null(),
        Value::String(text) => text.starts_with(promise.prefix()),
        Value::Number(number) => promise.admits_number(number),
        Value::Unknown(known) => {
            let too_low = known.upper().zip(promise.lower()).is_some_and(|(most, least)| most.number < least.number);
            let too_high = known.lower().zip(promise.upper()).is_some_and(|(least, most)| least.number > most.number);
            !too_low && !too_high && lengths_meet(promise, actual)
        }
        Value::List(_) | Value::Set(_) | Value::Map(_) => lengths_meet(promise, actual),
        Value::Bool(_) | Value::Object(_) | Value::Tuple(_) | Value::Dynamic(_) => true,
    }
}

fn lengths_meet(promise: &Refinement, actual: &Value) -> bool {
    let (least, most) = length(actual);
    most >= promise.min_length() && promise.max_length().is_none_or(|limit| least <= limit)
}
