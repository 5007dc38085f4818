//! Which elements of two sets can be the same, without comparing every pair.
//!
//! A known element is found by looking it up. An element with unknown parts is looked up by its known parts: elements
//! that are unknown in the same places share one index of the other set, in which those places are blanked out.

use std::collections::HashMap;

use crate::value::Value;

/// Pairs of elements that are compared one by one where looking up found nothing: only a wrong answer needs many, and
/// for a tenth of a second.
const MAX_PAIRS: usize = 100_000;

/// The elements that have no counterpart.
#[derive(Debug, Default)]
pub(super) struct Strangers<'v> {
    pub(super) planned: Vec<&'v Value>,
    pub(super) actual: Vec<&'v Value>,
}

/// Finds the elements that no element on the other side fits. `fits` must hold for equal elements, and for others only
/// where they differ in parts that are unknown in the planned one.
pub(super) fn strangers<'v>(
    planned: &'v [Value],
    actual: &'v [Value],
    fits: &dyn Fn(&Value, &Value) -> bool,
) -> Strangers<'v> {
    let mut strangers = Strangers::default();
    let positions: HashMap<&Value, usize> = actual.iter().enumerate().map(|(at, value)| (value, at)).collect();
    let mut is_met = vec![false; actual.len()];
    let mut by_shape: HashMap<Value, Vec<&Value>> = HashMap::new();
    for element in planned {
        if !element.is_wholly_known() {
            by_shape.entry(shape(element)).or_default().push(element);
        } else if let Some(at) = positions.get(element) {
            is_met[*at] = true;
        } else {
            strangers.planned.push(element);
        }
    }
    for (shape, mut elements) in by_shape {
        elements.dedup();
        let mut by_known_parts: HashMap<Value, Vec<usize>> = HashMap::new();
        for (at, value) in actual.iter().enumerate() {
            by_known_parts.entry(blanked(value, &shape)).or_default().push(at);
        }
        for element in elements {
            let candidates = by_known_parts.get(&blanked(element, &shape)).map_or(&[][..], Vec::as_slice);
            let mut is_found = false;
            for at in candidates {
                // An element that both sides have found already needs no second look.
                if (!is_found || !is_met[*at]) && fits(element, &actual[*at]) {
                    is_found = true;
                    is_met[*at] = true;
                }
            }
            if !is_found {
                strangers.planned.push(element);
            }
        }
    }
    // Core is lenient about some differences that looking up cannot see, such as unknowns in the actual element.
    let mut pairs = 0;
    let mut may_compare = |others: usize| {
        pairs += others;
        pairs <= MAX_PAIRS
    };
    strangers.planned.retain(|element| {
        let mut is_found = false;
        if may_compare(actual.len()) {
            for (_, is_met) in actual.iter().zip(&mut is_met).filter(|(other, _)| fits(element, other)) {
                is_found = true;
                *is_met = true;
            }
        }
        !is_found
    });
    for (other, is_met) in actual.iter().zip(&mut is_met).filter(|(_, is_met)| !**is_met) {
        *is_met = may_compare(planned.len()) && planned.iter().any(|element| fits(element, other));
    }
    strangers.actual = actual.iter().zip(is_met).filter(|(_, is_met)| !is_met).map(|(value, _)| value).collect();
    strangers
}

/// Where a value is unknown: null for what is wholly known, unknown for what cannot be looked into.
fn shape(value: &Value) -> Value {
    if value.is_wholly_known() {
        return Value::Null;
    }
    match value.inner() {
        Value::List(elements) => Value::List(elements.iter().map(shape).collect()),
        Value::Tuple(elements) => Value::Tuple(elements.iter().map(shape).collect()),
        Value::Map(elements) => Value::Map(elements.iter().map(|(key, value)| (key.clone(), shape(value))).collect()),
        Value::Object(attributes) => {
            Value::Object(attributes.iter().map(|(name, value)| (name.clone(), shape(value))).collect())
        }
        Value::Null
        | Value::Unknown(_)
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Set(_)
        | Value::Dynamic(_) => Value::unknown(),
    }
}

/// The value with the places blanked out that are unknown in `shape`. A value of another form stays as it is, and
/// then fits nothing of that shape.
fn blanked(value: &Value, shape: &Value) -> Value {
    match (shape, value.inner()) {
        (Value::Unknown(_), _) => Value::unknown(),
        (Value::List(shapes), Value::List(elements)) if shapes.len() == elements.len() => {
            Value::List(elements.iter().zip(shapes).map(|(value, shape)| blanked(value, shape)).collect())
        }
        (Value::Tuple(shapes), Value::Tuple(elements)) if shapes.len() == elements.len() => {
            Value::Tuple(elements.iter().zip(shapes).map(|(value, shape)| blanked(value, shape)).collect())
        }
        (Value::Map(shapes), Value::Map(elements)) | (Value::Object(shapes), Value::Object(elements))
            if shapes.keys().eq(elements.keys()) =>
        {
            let parts = elements.iter().zip(shapes.values());
            Value::Map(parts.map(|((key, value), shape)| (key.clone(), blanked(value, shape))).collect())
        }
        (_, value) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(name: &str, id: Value) -> Value {
        Value::object([("name", Value::from(name)), ("id", id)])
    }

    #[test]
    fn unknown_parts_are_looked_past() {
        let fits = |planned: &Value, actual: &Value| planned.get("name") == actual.get("name");
        let planned = [object("a", Value::unknown()), object("b", Value::from("2"))];
        let actual = [object("a", Value::from("1")), object("b", Value::from("2"))];
        let none = strangers(&planned, &actual, &fits);
        assert!(none.planned.is_empty() && none.actual.is_empty());
        let other = [object("a", Value::from("1")), object("c", Value::from("2"))];
        let found = strangers(&planned, &other, &fits);
        assert_eq!(found.planned, [&planned[1]]);
        assert_eq!(found.actual, [&other[1]]);
    }

    #[test]
    fn few_pairs_are_compared() {
        let planned: Vec<Value> = (0..1000).map(|number| object(&format!("{number}"), Value::unknown())).collect();
        let actual: Vec<Value> = (0..1000).map(|number| object(&format!("{number}"), Value::from(number))).collect();
        let compared = std::cell::Cell::new(0);
        let found = strangers(&planned, &actual, &|_, _| {
            compared.set(compared.get() + 1);
            true
        });
        assert!(found.planned.is_empty() && found.actual.is_empty());
        assert_eq!(compared.get(), 1000);
    }

    fn parts() -> impl Strategy<Value = Value> {
        prop_oneof![
            3 => (0_i64..3).prop_map(Value::from),
            1 => Just(Value::Null),
            1 => Just(Value::unknown()),
            1 => Just(Value::unknown_not_null()),
        ]
    }

    fn elements() -> impl Strategy<Value = Vec<Value>> {
        let list = proptest::collection::vec(parts(), 0..3);
        let element = prop_oneof![
            8 => (parts(), parts(), list).prop_map(|(a, b, list)| {
                Value::object([("a", a), ("b", b), ("list", Value::List(list))])
            }),
            1 => Just(Value::unknown()),
        ];
        proptest::collection::vec(element, 0..8).prop_map(|all| match Value::set(all) {
            Value::Set(set) => set.into_iter().collect(),
            _ => Vec::new(),
        })
    }

    fn fits(planned: &Value, actual: &Value) -> bool {
        match (planned, actual) {
            (Value::Unknown(known), actual) => !(known.is_not_null() && actual.is_null()),
            (Value::Object(before), Value::Object(after)) => {
                before.values().zip(after.values()).all(|(a, b)| fits(a, b))
            }
            (Value::List(before), Value::List(after)) => {
                before.len() == after.len() && before.iter().zip(after).all(|(a, b)| fits(a, b))
            }
            (planned, actual) => planned == actual,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The same strangers as from comparing every pair.
        #[test]
        fn looking_up_finds_what_comparing_finds(planned in elements(), actual in elements()) {
            let found = strangers(&planned, &actual, &fits);
            let mut planned_alone: Vec<&Value> =
                planned.iter().filter(|planned| !actual.iter().any(|actual| fits(planned, actual))).collect();
            let actual_alone: Vec<&Value> =
                actual.iter().filter(|actual| !planned.iter().any(|planned| fits(planned, actual))).collect();
            let mut found_planned = found.planned;
            found_planned.sort();
            planned_alone.sort();
            found_planned.dedup();
            planned_alone.dedup();
            prop_assert_eq!(found_planned, planned_alone);
            prop_assert_eq!(found.actual, actual_alone);
        }
    }
}
