//! Laws of values for values made at random: nothing is lost on the way out and in, no bytes stop the reader, and the
//! checks agree with themselves.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tfplug::check;
use tfplug::schema::{Attribute, AttributeKind, Block, BlockNesting, NestedBlock, Nesting, Presence};
use tfplug::value::{
    MAX_DIGITS, Number, Refinement, Type, Value, from_json, from_msgpack, from_state_json, to_json, to_msgpack,
};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn msgpack_loses_nothing((kind, value) in typed(0.1)) {
        prop_assert_eq!(value.conforms(&kind), Ok(()));
        let bytes = to_msgpack(&value, &kind)?;
        prop_assert_eq!(from_msgpack(&bytes, &kind), Ok(value.clone()));
        // What follows the value is none of its business; what is missing is.
        let mut longer = bytes.clone();
        longer.push(0xc1);
        prop_assert_eq!(from_msgpack(&longer, &kind), Ok(value));
        prop_assert!(from_msgpack(&bytes[..bytes.len() - 1], &kind).is_err());
    }

    #[test]
    fn json_loses_nothing((kind, value) in typed(0.0)) {
        let json = to_json(&value, &kind)?;
        prop_assert_eq!(from_json(json.as_bytes(), &kind), Ok(value.clone()));
        prop_assert_eq!(from_state_json(json.as_bytes(), &kind), Ok(value));
    }

    #[test]
    fn types_lose_nothing(kind in kinds()) {
        prop_assert_eq!(Type::from_json(kind.to_json().as_bytes()), Ok(kind));
    }

    #[test]
    fn no_bytes_stop_the_reader(bytes in vec(any::<u8>(), 0..200), kind in kinds()) {
        read_anything(&bytes, &kind)?;
    }

    #[test]
    fn no_damage_stops_the_reader(
        (kind, value) in typed(0.1),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = to_msgpack(&value, &kind)?;
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_anything(&bytes, &kind)?;
        bytes.truncate(cut.index(bytes.len()));
        read_anything(&bytes, &kind)?;
    }

    #[test]
    fn no_json_stops_the_reader(text in r#"[\[\]{}",:0-9a-z\\.+\-]{0,40}"#, kind in kinds()) {
        read_anything(text.as_bytes(), &kind)?;
    }

    #[test]
    fn numbers_are_their_text(number in numbers(), other in numbers()) {
        prop_assert_eq!(number.to_string().parse(), Ok(number.clone()));
        let hash = |number: &Number| {
            let mut hasher = DefaultHasher::new();
            number.hash(&mut hasher);
            hasher.finish()
        };
        let padded: Number = format!("{number}{}", if number.is_integer() { ".000" } else { "000" }).parse()?;
        prop_assert_eq!(&padded, &number);
        prop_assert_eq!(hash(&padded), hash(&number));
        prop_assert_eq!(number.cmp(&other), other.cmp(&number).reverse());
        prop_assert_eq!(number == other, number.cmp(&other).is_eq());
        let (left, right) = (number.to_f64(), other.to_f64());
        prop_assert!(left == right || (left < right) == (number < other), "{} {}", number, other);
    }

    #[test]
    fn machine_numbers_are_exact(int in any::<i64>(), uint in any::<u64>(), float in any::<f64>()) {
        prop_assert_eq!(i64::try_from(&Number::from(int)), Ok(int));
        prop_assert_eq!(u64::try_from(&Number::from(uint)), Ok(uint));
        prop_assert_eq!(Number::from(uint).to_string(), uint.to_string());
        if float.is_finite() {
            prop_assert_eq!(Number::from_f64_exact(float)?.as_exact_f64(), Some(float));
            prop_assert_eq!(f64::try_from(&Number::from_f64(float)?), Ok(float));
        } else {
            prop_assert!(Number::from_f64(float).is_err() && Number::from_f64_exact(float).is_err());
        }
    }

    #[test]
    fn long_text_is_a_number_or_an_error(digits in "[0-9]{0,1100}", point in any::<prop::sample::Index>(), exponent in any::<i64>()) {
        let at = point.index(digits.len() + 1);
        let text = format!("{}.{}e{exponent}", &digits[..at], &digits[at..]);
        if let Ok(number) = text.parse::<Number>() {
            prop_assert!(digits.trim_matches('0').len() <= MAX_DIGITS);
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }
    }

    #[test]
    fn sets_have_no_order(elements in vec(value_of(Type::Number, 0.0), 0..8), turn in any::<prop::sample::Index>()) {
        let set = Value::set(elements.clone());
        let mut turned = elements.clone();
        if !turned.is_empty() {
            turned.rotate_left(turn.index(elements.len()));
        }
        turned.extend(elements);
        prop_assert_eq!(Value::set(turned), set);
    }

    #[test]
    fn what_is_known_is_as_planned((block, state) in block_and_value(0.0)) {
        prop_assert_eq!(check::apply(&block, &state, &state), []);
        prop_assert_eq!(check::read(&block, &state), []);
        // The state as configuration and prior: nothing to change.
        prop_assert_eq!(check::plan(&block, &state, &state, &state), []);
    }

    #[test]
    fn a_plan_repeated_is_compatible((block, plan) in block_and_value(0.15)) {
        prop_assert_eq!(check::final_plan(&block, &plan, &plan), []);
        prop_assert_eq!(check::apply(&block, &plan, &plan).is_empty(), plan.is_wholly_known());
    }

    /// Any values whatever: the checks answer, and name places that are there.
    #[test]
    fn checks_judge_anything(
        (block, values) in blocks().prop_flat_map(|block| {
            let kind = block.value_type();
            (Just(block), [value_of(kind.clone(), 0.1), value_of(kind.clone(), 0.1), value_of(kind, 0.1)])
        }),
    ) {
        let [first, second, third] = &values;
        let violations = [
            check::plan(&block, first, second, third),
            check::apply(&block, first, second),
            check::final_plan(&block, second, third),
            check::read(&block, first),
        ];
        for violation in violations.iter().flatten() {
            prop_assert!(!violation.rule.is_empty() && !violation.detail.is_empty());
        }
        prop_assert_eq!(check::diagnostics("x", "plan", violations.concat()).is_empty(), violations.concat().is_empty());
    }
}

/// Whatever the bytes, there is a value or an error; and a value can be written again.
fn read_anything(bytes: &[u8], kind: &Type) -> Result<(), TestCaseError> {
    if let Ok(value) = from_msgpack(bytes, kind)
        && value.conforms(kind).is_ok()
    {
        let again = to_msgpack(&value, kind)?;
        prop_assert_eq!(from_msgpack(&again, kind), Ok(value));
    }
    if let Ok(value) = from_json(bytes, kind)
        && value.conforms(kind).is_ok()
    {
        let again = to_json(&value, kind)?;
        prop_assert_eq!(from_json(again.as_bytes(), kind), Ok(value));
    }
    if let Ok(kind) = Type::from_json(bytes) {
        prop_assert_eq!(Type::from_json(kind.to_json().as_bytes()), Ok(kind));
    }
    Ok(())
}

fn primitives() -> impl Strategy<Value = Type> {
    prop_oneof![Just(Type::String), Just(Type::Number), Just(Type::Bool)]
}

fn names() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_]{0,5}"
}

/// Types whose values all have one type: what may be kept in a set.
fn closed_kinds() -> impl Strategy<Value = Type> {
    primitives().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            vec(inner.clone(), 0..3).prop_map(Type::Tuple),
            btree_map(names(), inner, 0..4).prop_map(Type::object),
        ]
    })
}

fn kinds() -> impl Strategy<Value = Type> {
    let open = prop_oneof![4 => closed_kinds(), 1 => Just(Type::Dynamic)];
    prop_oneof![
        3 => open.clone(),
        1 => vec(open.clone(), 0..3).prop_map(Type::Tuple),
        1 => btree_map(names(), open, 0..4).prop_map(Type::object),
    ]
}

fn typed(unknown: f64) -> impl Strategy<Value = (Type, Value)> {
    kinds().prop_flat_map(move |kind| (Just(kind.clone()), value_of(kind, unknown)))
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,4}", "\\PC{0,6}", Just("e\u{301}".to_owned()), Just("<&>\u{2028}\u{0}".to_owned())]
}

fn numbers() -> impl Strategy<Value = Number> {
    prop_oneof![
        (-5_i64..5).prop_map(Number::from),
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<i32>().prop_map(|it| Number::from_f64(f64::from(it) / 8.0).expect("finite")),
        ("-?[1-9][0-9]{0,160}", -200_i32..200)
            .prop_map(|(digits, exponent)| format!("{digits}e{exponent}").parse().expect("within the limits")),
    ]
}

/// What is known of an unknown value; never so much that only one value is left, which would not stay unknown.
fn refinements(kind: &Type) -> BoxedStrategy<Refinement> {
    let base = any::<bool>().prop_map(|not_null| if not_null { Refinement::not_null() } else { Refinement::none() });
    match kind {
        Type::String => (base, "[a-zä]{0,3}/").prop_map(|(base, it)| base.with_prefix(&it).expect("one")).boxed(),
        // Longer bounds are left out when they are written: a refinement has room for 1024 bytes.
        Type::Number => (
            base,
            numbers().prop_filter("a short one", |number| number.to_string().len() <= 300),
            any::<bool>(),
            1_i64..5,
            any::<bool>(),
        )
            .prop_map(|(base, least, inclusive, most, has_upper)| {
                let is_low = least < Number::from(0_i64);
                let base = base.with_lower(least, inclusive).expect("one");
                if has_upper && is_low { base.with_upper(Number::from(most), inclusive).expect("above") } else { base }
            })
            .boxed(),
        Type::List(_) | Type::Set(_) | Type::Map(_) => (base, 0_u64..3, 0_u64..3)
            .prop_map(|(base, least, more)| {
                let base = base.with_min_length(least).expect("one");
                base.with_max_length(least + more + 1).expect("above")
            })
            .boxed(),
        Type::Dynamic => Just(Refinement::none()).boxed(),
        Type::Bool | Type::Tuple(_) | Type::Object(_) => base.boxed(),
    }
}

fn value_of(kind: Type, unknown: f64) -> BoxedStrategy<Value> {
    let plain: BoxedStrategy<Value> = match &kind {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => numbers().prop_map(Value::Number).boxed(),
        Type::String => texts().prop_map(Value::from).boxed(),
        Type::Dynamic => closed_kinds()
            .prop_flat_map(move |kind| (Just(kind.clone()), value_of(kind, unknown)))
            .prop_map(|(kind, value)| Value::dynamic(kind, value))
            .boxed(),
        Type::List(element) => vec(value_of(*element.clone(), unknown), 0..4).prop_map(Value::List).boxed(),
        Type::Set(element) => vec(value_of(*element.clone(), unknown), 0..4).prop_map(Value::set).boxed(),
        Type::Map(element) => {
            btree_map("[a-z]{0,3}", value_of(*element.clone(), unknown), 0..4).prop_map(Value::Map).boxed()
        }
        Type::Tuple(kinds) => {
            let elements: Vec<_> = kinds.iter().map(|kind| value_of(kind.clone(), unknown)).collect();
            elements.prop_map(Value::Tuple).boxed()
        }
        Type::Object(object) => {
            let names: Vec<String> = object.attributes.keys().cloned().collect();
            let values: Vec<_> = object.attributes.values().map(|kind| value_of(kind.clone(), unknown)).collect();
            values.prop_map(move |values| Value::object(names.iter().cloned().zip(values))).boxed()
        }
    };
    let unknown_weight = (unknown * 100.0) as u32;
    if unknown_weight == 0 {
        return prop_oneof![9 => plain, 1 => Just(Value::Null)].boxed();
    }
    prop_oneof![
        90 => plain,
        10 => Just(Value::Null),
        unknown_weight => Just(Value::unknown()),
        unknown_weight => refinements(&kind).prop_map(Value::Unknown),
    ]
    .boxed()
}

fn presences() -> impl Strategy<Value = Presence> {
    prop_oneof![
        Just(Presence::Required),
        Just(Presence::Optional),
        Just(Presence::Computed),
        Just(Presence::OptionalComputed)
    ]
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let plain = closed_kinds().prop_map(AttributeKind::Type).boxed();
    let kind = plain.prop_recursive(2, 8, 3, |inner| {
        let nesting = prop_oneof![Just(Nesting::Single), Just(Nesting::List), Just(Nesting::Set), Just(Nesting::Map)];
        let attributes = btree_map(names(), (inner, presences()), 1..3);
        (nesting, attributes).prop_map(|(nesting, attributes)| AttributeKind::Nested {
            nesting,
            attributes: attributes
                .into_iter()
                .map(|(name, (kind, presence))| Attribute::new(name, kind, presence))
                .collect(),
        })
    });
    btree_map(names(), (kind, presences()), 0..4).prop_map(|attributes| {
        attributes.into_iter().map(|(name, (kind, presence))| Attribute::new(name, kind, presence)).collect()
    })
}

fn blocks() -> impl Strategy<Value = Block> {
    let leaf = attributes().prop_map(|attributes| Block { attributes, ..Block::default() });
    leaf.prop_recursive(2, 6, 2, |inner| {
        let nesting = prop_oneof![
            Just(BlockNesting::Single),
            Just(BlockNesting::Group),
            Just(BlockNesting::List),
            Just(BlockNesting::Set),
            Just(BlockNesting::Map)
        ];
        (attributes(), vec((nesting, inner), 0..3)).prop_map(|(attributes, blocks)| {
            let nested = |(number, (nesting, block)): (usize, (BlockNesting, Block))| NestedBlock {
                name: format!("block{number}x").into(),
                nesting,
                min_items: 0,
                max_items: 0,
                block,
                validators: Vec::new(),
                modifiers: Vec::new(),
            };
            Block { attributes, blocks: blocks.into_iter().enumerate().map(nested).collect(), ..Block::default() }
        })
    })
}

/// A block, and an object of it as core sends and takes them: collections of blocks are never null.
fn block_and_value(unknown: f64) -> impl Strategy<Value = (Block, Value)> {
    blocks().prop_flat_map(move |block| {
        let values = value_of(block.value_type(), unknown);
        let of = block.clone();
        (Just(block), values.prop_filter_map("an object", move |value| present(&of, value)))
    })
}

fn present(block: &Block, value: Value) -> Option<Value> {
    let Value::Object(mut attributes) = value else { return None };
    for nested in &block.blocks {
        let Some(value) = attributes.remove(nested.name.as_ref()) else { continue };
        let object = |value| present(&nested.block, value).or_else(|| empty(&nested.block));
        let value = match (nested.nesting, value) {
            (BlockNesting::Single, Value::Null) => Value::Null,
            (BlockNesting::Single | BlockNesting::Group, value) => object(value)?,
            (_, Value::List(elements)) => Value::list(elements.into_iter().filter_map(object)),
            (_, Value::Set(elements)) => Value::set(elements.into_iter().filter_map(object)),
            (_, Value::Map(elements)) => {
                Value::map(elements.into_iter().filter_map(|(key, value)| Some((key, object(value)?))))
            }
            (BlockNesting::List, _) => Value::list([]),
            (BlockNesting::Set, _) => Value::set([]),
            (BlockNesting::Map, _) => Value::Map([].into()),
        };
        attributes.insert(nested.name.to_string(), value);
    }
    Some(Value::Object(attributes))
}

fn empty(block: &Block) -> Option<Value> {
    let Type::Object(object) = block.value_type() else { return None };
    present(block, Value::object_of_nulls(&object))
}
