//! Elements of sets in plans. Core trusts the provider with them, since they have no names to compare them by; then a
//! plan that changes one in passing shows as a difference again and again. This check goes beyond core's.

use std::borrow::Cow;
use std::collections::HashMap;

use super::plan::as_list;
use super::{Found, Keeping, NULL, Place, Step, Violation, part, unrefined};
use crate::schema::{Attribute, AttributeKind, Block, BlockNesting, Nesting, Presence};
use crate::value::{Value, ValueSet};

const RULE: &str =
    "An element of a set must be planned as configured or as it was, with nothing filled in but what is computed";

/// Comparisons of one element with others where looking up found nothing, in one set. Only a wrong plan, or one that
/// keeps another spelling of what is configured, needs any; what is beyond stays unjudged.
const MAX_COMPARISONS: usize = 20_000;

/// Whether the elements of every set in `plan` are those of the configuration. For a plan that [`super::plan`] has
/// nothing against.
pub fn set_elements(block: &Block, config: &Value, prior: &Value, plan: &Value) -> Vec<Violation> {
    let mut found = Found::default();
    found.sets_of_block(block, [prior, config, plan], &Place::root());
    found.violations
}

/// What the elements of a set are.
#[derive(Clone, Copy)]
enum Element<'s> {
    Nested(&'s [Attribute]),
    Block(&'s Block),
}

impl<'s> Element<'s> {
    fn attributes(self) -> &'s [Attribute] {
        match self {
            Self::Nested(attributes) => attributes,
            Self::Block(block) => &block.attributes,
        }
    }

    /// Whether core would take `plan` for `config` anywhere but in a set.
    fn fits(self, [prior, config, plan]: [&Value; 3]) -> bool {
        let mut found = Found::default();
        match self {
            Self::Nested(attributes) => found.planned_attributes(attributes, prior, config, plan, &Place::root()),
            Self::Block(block) => found.planned_object(block, prior, config, plan, &Place::root()),
        }
        found.violations.is_empty()
    }

    /// The attributes that a provider cannot fill in, by which elements are looked up.
    fn firm_parts<'v>(self, element: &'v Value) -> Vec<Cow<'v, Value>> {
        let is_firm = |attribute: &&Attribute| match (&attribute.kind, attribute.presence) {
            (AttributeKind::Type(_), Presence::Required | Presence::Optional) => !attribute.write_only,
            (AttributeKind::Type(_), Presence::Computed | Presence::OptionalComputed)
            | (AttributeKind::Nested { .. }, _) => false,
        };
        self.attributes().iter().filter(is_firm).map(|attribute| unrefined(part(element, &attribute.name))).collect()
    }
}

impl Found {
    fn sets_of_block(&mut self, block: &Block, values: [&Value; 3], place: &Place<'_>) {
        self.sets_of_attributes(&block.attributes, values, place);
        for nested in &block.blocks {
            let values = values.map(|value| part(value, &nested.name));
            let place = place.step(Step::Attribute(&nested.name));
            if nested.nesting == BlockNesting::Set {
                self.set_of_elements(Element::Block(&nested.block), values, &place);
            } else {
                aligned(nested.nesting.into(), values, &place, &mut |values, place| {
                    self.sets_of_block(&nested.block, values, place);
                });
            }
        }
    }

    fn sets_of_attributes(&mut self, attributes: &[Attribute], values: [&Value; 3], place: &Place<'_>) {
        for attribute in attributes {
            let AttributeKind::Nested { nesting, attributes } = &attribute.kind else { continue };
            let values = values.map(|value| part(value, &attribute.name));
            let place = place.attribute(attribute);
            if *nesting == Nesting::Set {
                self.set_of_elements(Element::Nested(attributes), values, &place);
            } else {
                aligned((*nesting).into(), values, &place, &mut |values, place| {
                    self.sets_of_attributes(attributes, values, place);
                });
            }
        }
    }

    fn set_of_elements(&mut self, element: Element<'_>, [prior, config, plan]: [&Value; 3], place: &Place<'_>) {
        let (Value::Set(configured), Value::Set(planned)) = (config.inner(), plan.inner()) else { return };
        let empty = ValueSet::new();
        let before = if let Value::Set(before) = prior.inner() { before } else { &empty };
        if planned == configured || planned == before {
            return;
        }
        let mut by_firm_parts: HashMap<Vec<Cow<'_, Value>>, Vec<&Value>> = HashMap::new();
        for config in configured {
            by_firm_parts.entry(element.firm_parts(config)).or_default().push(config);
        }
        let mut comparisons = 0;
        for plan in planned {
            if before.contains(plan) || configured.contains(plan) {
                continue;
            }
            let candidates = by_firm_parts.get(&element.firm_parts(plan)).map_or(&[][..], Vec::as_slice);
            if candidates.iter().any(|config| element.fits([&NULL, config, plan])) {
                continue;
            }
            // It may be partly as it was, in another spelling than the configuration's.
            comparisons += configured.len() * before.len();
            let is_mixed = comparisons > MAX_COMPARISONS
                || configured.iter().any(|config| before.iter().any(|prior| element.fits([prior, config, plan])));
            if !is_mixed {
                self.push(&place.step(Step::Element(plan)), RULE, "an element that is neither");
            }
        }
    }
}

/// Calls `visit` with the objects that belong together: by position, by key, or the one there is.
fn aligned(
    keeping: Keeping,
    [prior, config, plan]: [&Value; 3],
    place: &Place<'_>,
    visit: &mut dyn FnMut([&Value; 3], &Place<'_>),
) {
    match (keeping, plan.inner()) {
        (Keeping::One, Value::Object(_)) => visit([prior, config, plan], place),
        (Keeping::List, Value::List(planned)) => {
            for (index, plan) in planned.iter().enumerate() {
                let [prior, config] = [prior, config].map(|value| as_list(value).get(index).unwrap_or(&NULL));
                visit([prior, config, plan], &place.step(Step::Index(index)));
            }
        }
        (Keeping::Map, Value::Map(planned)) => {
            for (key, plan) in planned {
                let [prior, config] = [prior, config].map(|value| value.get(key).unwrap_or(&NULL));
                visit([prior, config, plan], &place.step(Step::Key(key)));
            }
        }
        (Keeping::One | Keeping::List | Keeping::Map | Keeping::Set, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Type;

    fn block() -> Block {
        let plain = |name: &'static str, kind, presence| Attribute::new(name, AttributeKind::Type(kind), presence);
        let rule = vec![
            plain("port", Type::Number, Presence::Required),
            plain("protocol", Type::String, Presence::OptionalComputed),
            plain("note", Type::String, Presence::Optional),
            plain("id", Type::String, Presence::Computed),
        ];
        let nested = |name: &'static str, nesting, attributes| {
            Attribute::new(name, AttributeKind::Nested { nesting, attributes }, Presence::Optional)
        };
        let rules = nested("rules", Nesting::Set, rule);
        Block { attributes: vec![nested("groups", Nesting::Map, vec![rules])], ..Block::default() }
    }

    fn rule(port: i64, protocol: Value, note: &str, id: Value) -> Value {
        Value::object([("port", Value::from(port)), ("protocol", protocol), ("note", Value::from(note)), ("id", id)])
    }

    fn object(rules: impl IntoIterator<Item = Value>) -> Value {
        let group = Value::object([("rules", Value::set(rules))]);
        Value::object([("groups", Value::map([("web", group)]))])
    }

    fn found(config: &Value, prior: &Value, plan: &Value) -> Vec<String> {
        set_elements(&block(), config, prior, plan).into_iter().map(|it| it.path.to_string()).collect()
    }

    #[test]
    fn only_what_is_computed_is_filled_in() {
        let config = object([rule(80, Value::Null, "a", Value::Null), rule(81, Value::Null, "b", Value::Null)]);
        let tcp = || Value::from("tcp");
        let plan = object([rule(80, tcp(), "a", Value::unknown()), rule(81, tcp(), "b", Value::unknown())]);
        assert_eq!(found(&config, &Value::Null, &plan), [""; 0]);
        assert_eq!(found(&config, &Value::Null, &config), [""; 0]);
        let other = object([rule(80, tcp(), "a", Value::unknown()), rule(81, tcp(), "c", Value::unknown())]);
        assert_eq!(found(&config, &Value::Null, &other), [r#"groups["web"].rules[…]"#]);
    }

    #[test]
    fn what_was_there_may_stay() {
        let config = object([rule(80, Value::Null, "A", Value::Null)]);
        let prior = object([rule(80, Value::from("tcp"), "a", Value::from("1"))]);
        // The prior note in another spelling, and a new id.
        let plan = object([rule(80, Value::from("tcp"), "a", Value::unknown())]);
        assert_eq!(found(&config, &prior, &prior), [""; 0]);
        assert_eq!(found(&config, &prior, &plan), [""; 0]);
        assert_eq!(found(&config, &Value::Null, &plan).len(), 1);
    }

    #[test]
    fn ten_thousand_elements_are_looked_up() {
        let of = |protocol: &dyn Fn() -> Value, id: &dyn Fn() -> Value| {
            object((0..10_000).map(|port| rule(port, protocol(), "n", id())))
        };
        let config = of(&|| Value::Null, &|| Value::Null);
        let plan = of(&|| Value::from("tcp"), &Value::unknown_not_null);
        assert_eq!(found(&config, &Value::Null, &plan), [""; 0]);
        let wrong = of(&|| Value::from("tcp"), &Value::unknown);
        assert_eq!(found(&of(&|| Value::from("udp"), &|| Value::Null), &Value::Null, &wrong).len(), 10_000);
    }
}
