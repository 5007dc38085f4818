//! Ready-made validators.
//!
//! Each function gives one validator, so that a model reads `validate = [string_length(1..=64)]`.
//! Null passes every check of a value: whether it may be null is what `required` says. An unknown value is judged by
//! what is known about it: `"web-${…}"` can be no `one_of(["a", "b"])`, whatever follows.
//! Messages never show the value, which may be a secret.

use std::collections::HashSet;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::GoDuration;
use crate::path::Path;
use crate::schema::PathExpression;
use crate::schema::validator::{ValidateContext, Validator};
use crate::value::{Number, Refinement, Value};

/// The text is one of these.
pub fn one_of(allowed: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    let allowed: Vec<&'static str> = allowed.into_iter().collect();
    let describe = format!("must be one of {}", quoted(&allowed));
    value(describe, move |value| match value {
        Judged::Known(Value::String(text)) => allowed.contains(&text.as_str()),
        Judged::Unknown(known) => allowed.iter().any(|allowed| allowed.starts_with(known.prefix())),
        Judged::Known(_) => true,
    })
}

/// The text is one of these, whatever the case of its letters.
pub fn one_of_ignoring_case(allowed: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    let allowed: Vec<&'static str> = allowed.into_iter().collect();
    let describe = format!("must be one of {}, in upper or lower case", quoted(&allowed));
    let lower: Vec<String> = allowed.iter().map(|text| text.to_lowercase()).collect();
    text(describe, move |text| lower.contains(&text.to_lowercase()))
}

/// The value is exactly this one: `true`, where `false` has no meaning yet.
pub fn equals(wanted: impl Into<Value>) -> Arc<dyn Validator> {
    let wanted = wanted.into();
    let shown = match &wanted {
        Value::Bool(wanted) => wanted.to_string(),
        Value::Number(wanted) => wanted.to_string(),
        Value::String(wanted) => format!("{wanted:?}"),
        _ => "the only value that is allowed".to_owned(),
    };
    value(format!("must be {shown}"), move |value| match value {
        Judged::Known(value) => *value == wanted || !value.is_wholly_known(),
        Judged::Unknown(_) => true,
    })
}

/// The text is none of these.
pub fn none_of(refused: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    let refused: Vec<&'static str> = refused.into_iter().collect();
    text(format!("must be none of {}", quoted(&refused)), move |text| !refused.contains(&text))
}

/// The text has that many characters.
pub fn string_length(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Arc<dyn Validator> {
    let limits = Limits::of(&range);
    value(format!("must have {}", limits.describe("character")), move |value| match value {
        Judged::Known(Value::String(text)) => limits.admit(text.chars().count()),
        Judged::Unknown(known) => limits.admit_at_least(known.prefix().chars().count()),
        Judged::Known(_) => true,
    })
}

/// The text has that many bytes in UTF-8: what most clouds really count.
pub fn string_bytes(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Arc<dyn Validator> {
    let limits = Limits::of(&range);
    value(format!("must have {} in UTF-8", limits.describe("byte")), move |value| match value {
        Judged::Known(Value::String(text)) => limits.admit(text.len()),
        Judged::Unknown(known) => limits.admit_at_least(known.prefix().len()),
        Judged::Known(_) => true,
    })
}

/// The text matches a regular expression, which `means` puts into words.
///
/// # Panics
/// If it is no regular expression: found by the first test that makes the schema.
pub fn matches(expression: &str, means: &str) -> Arc<dyn Validator> {
    let regex = regex(expression);
    text(format!("must be {means}"), move |text| regex.is_match(text))
}

/// The text does not match a regular expression, which `means` puts into words.
///
/// # Panics
/// If it is no regular expression: found by the first test that makes the schema.
pub fn matches_not(expression: &str, means: &str) -> Arc<dyn Validator> {
    let regex = regex(expression);
    text(format!("must not contain {means}"), move |text| !regex.is_match(text))
}

/// The text begins so.
pub fn starts_with(prefix: &'static str) -> Arc<dyn Validator> {
    value(format!("must begin with {prefix:?}"), move |value| match value {
        Judged::Known(Value::String(text)) => text.starts_with(prefix),
        Judged::Unknown(known) => known.prefix().starts_with(prefix) || prefix.starts_with(known.prefix()),
        Judged::Known(_) => true,
    })
}

/// The text is a duration as Go writes them, such as `90s` or `1h30m`.
pub fn duration() -> Arc<dyn Validator> {
    text("must be a duration such as \"90s\" or \"1h30m\"".to_owned(), |text| text.parse::<GoDuration>().is_ok())
}

/// The number is at least `limit`.
pub fn at_least(limit: impl Into<Number>) -> Arc<dyn Validator> {
    let limit = limit.into();
    value(format!("must be at least {limit}"), move |value| match value {
        Judged::Known(Value::Number(number)) => *number >= limit,
        Judged::Unknown(known) => {
            known.upper().is_none_or(|upper| upper.number > limit || (upper.inclusive && upper.number == limit))
        }
        Judged::Known(_) => true,
    })
}

/// The number is at most `limit`.
pub fn at_most(limit: impl Into<Number>) -> Arc<dyn Validator> {
    let limit = limit.into();
    value(format!("must be at most {limit}"), move |value| match value {
        Judged::Known(Value::Number(number)) => *number <= limit,
        Judged::Unknown(known) => {
            known.lower().is_none_or(|lower| lower.number < limit || (lower.inclusive && lower.number == limit))
        }
        Judged::Known(_) => true,
    })
}

/// The number is between these, or one of them.
pub fn between(least: impl Into<Number>, most: impl Into<Number>) -> Arc<dyn Validator> {
    let (least, most) = (least.into(), most.into());
    let describe = format!("must be between {least} and {most}");
    both(describe, at_least(least), at_most(most))
}

/// The number is one of these.
pub fn number_one_of(allowed: impl IntoIterator<Item = impl Into<Number>>) -> Arc<dyn Validator> {
    let allowed: Vec<Number> = allowed.into_iter().map(Into::into).collect();
    let names: Vec<String> = allowed.iter().map(Number::to_string).collect();
    value(format!("must be one of {}", names.join(", ")), move |value| match value {
        Judged::Known(Value::Number(number)) => allowed.contains(number),
        Judged::Unknown(known) => allowed.iter().any(|number| known.admits_number(number)),
        Judged::Known(_) => true,
    })
}

/// The list, set or map has that many elements.
pub fn size(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Arc<dyn Validator> {
    let limits = Limits::of(&range);
    value(format!("must have {}", limits.describe("element")), move |value| match value {
        Judged::Known(Value::List(elements) | Value::Tuple(elements)) => limits.admit(elements.len()),
        // Unknown elements may turn out equal to others.
        Judged::Known(Value::Set(elements)) if elements.iter().all(Value::is_wholly_known) => {
            limits.admit(elements.len())
        }
        Judged::Known(Value::Set(elements)) => limits.admit_some(1, Some(elements.len())),
        Judged::Known(Value::Map(elements)) => limits.admit(elements.len()),
        Judged::Unknown(known) => {
            let length = |length: u64| usize::try_from(length).unwrap_or(usize::MAX);
            limits.admit_some(length(known.min_length()), known.max_length().map(length))
        }
        Judged::Known(_) => true,
    })
}

/// No element of the list is there twice.
pub fn unique() -> Arc<dyn Validator> {
    value("must have no element twice".to_owned(), |value| match value {
        Judged::Known(Value::List(elements) | Value::Tuple(elements)) => {
            let mut seen = HashSet::with_capacity(elements.len());
            elements.iter().filter(|element| element.is_wholly_known()).all(|element| seen.insert(element))
        }
        Judged::Known(_) | Judged::Unknown(_) => true,
    })
}

/// Every key of the map passes these checks, which are made for text.
pub fn keys_are(checks: impl IntoIterator<Item = Arc<dyn Validator>>) -> Arc<dyn Validator> {
    Arc::new(Each { part: Part::Keys, checks: checks.into_iter().collect() })
}

/// Every value in the map passes these checks.
pub fn values_are(checks: impl IntoIterator<Item = Arc<dyn Validator>>) -> Arc<dyn Validator> {
    Arc::new(Each { part: Part::Values, checks: checks.into_iter().collect() })
}

/// Every element of the list or set passes these checks.
pub fn elements_are(checks: impl IntoIterator<Item = Arc<dyn Validator>>) -> Arc<dyn Validator> {
    Arc::new(Each { part: Part::Elements, checks: checks.into_iter().collect() })
}

/// All of these checks pass.
pub fn all_of(checks: impl IntoIterator<Item = Arc<dyn Validator>>) -> Arc<dyn Validator> {
    Arc::new(All { describe: None, checks: checks.into_iter().collect() })
}

/// One of these checks passes, or more.
pub fn any_of(checks: impl IntoIterator<Item = Arc<dyn Validator>>) -> Arc<dyn Validator> {
    Arc::new(Any(checks.into_iter().collect()))
}

/// If this is set, none of the others may be. Of a whole configuration: at most one of them may be set.
///
/// # Panics
/// If one is no [`PathExpression`]: found by the first test that makes the schema. So with all functions that take them.
pub fn conflicts_with(others: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    presence(Rule::AtMostOne, others)
}

/// Exactly one is set of this and the others; of a whole configuration, of the others.
pub fn exactly_one_of(others: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    presence(Rule::ExactlyOne, others)
}

/// At least one is set of this and the others; of a whole configuration, of the others.
pub fn at_least_one_of(others: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    presence(Rule::AtLeastOne, others)
}

/// If this is set, all of the others must be. Of a whole configuration: if one is set, all must be.
pub fn also_requires(others: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    presence(Rule::Together, others)
}

/// Warns where this is set that `other`, which is write-only, would keep the value out of the state.
pub fn prefer_write_only(other: &'static str) -> Arc<dyn Validator> {
    Arc::new(PreferWriteOnly { other, expression: PathExpression::of(other) })
}

/// What of a value can be judged.
enum Judged<'a> {
    Known(&'a Value),
    Unknown(&'a Refinement),
}

/// A check of one value by itself.
struct Check<F> {
    describe: String,
    holds: F,
}

fn value(describe: String, holds: impl Fn(Judged<'_>) -> bool + Send + Sync + 'static) -> Arc<dyn Validator> {
    Arc::new(Check { describe, holds })
}

/// A check of text that waits until the text is known.
fn text(describe: String, holds: impl Fn(&str) -> bool + Send + Sync + 'static) -> Arc<dyn Validator> {
    value(describe, move |value| match value {
        Judged::Known(Value::String(text)) => holds(text),
        Judged::Known(_) | Judged::Unknown(_) => true,
    })
}

impl<F: Fn(Judged<'_>) -> bool + Send + Sync> Validator for Check<F> {
    fn describe(&self) -> String {
        self.describe.clone()
    }

    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics) {
        let holds = match cx.value.inner() {
            Value::Null => true,
            Value::Unknown(known) => (self.holds)(Judged::Unknown(known)),
            known => (self.holds)(Judged::Known(known)),
        };
        if !holds {
            invalid(cx.path, &self.describe, diagnostics);
        }
    }
}

fn invalid(path: &Path, describe: &str, diagnostics: &mut Diagnostics) {
    let what = if path.is_root() { "The configuration".to_owned() } else { path.to_string() };
    diagnostics.error_at(path.clone(), "Invalid value", format!("{what} {describe}."));
}

struct All {
    describe: Option<String>,
    checks: Vec<Arc<dyn Validator>>,
}

fn both(describe: String, first: Arc<dyn Validator>, second: Arc<dyn Validator>) -> Arc<dyn Validator> {
    Arc::new(All { describe: Some(describe), checks: vec![first, second] })
}

impl Validator for All {
    fn describe(&self) -> String {
        self.describe.clone().unwrap_or_else(|| joined(&self.checks, " and "))
    }

    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics) {
        let mut found = Diagnostics::new();
        for check in &self.checks {
            check.validate(cx, &mut found);
        }
        match &self.describe {
            Some(describe) if found.has_error() => invalid(cx.path, describe, diagnostics),
            Some(_) | None => diagnostics.extend(found),
        }
    }
}

struct Any(Vec<Arc<dyn Validator>>);

impl Validator for Any {
    fn describe(&self) -> String {
        joined(&self.0, " or ")
    }

    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics) {
        let passes = |check: &Arc<dyn Validator>| {
            let mut found = Diagnostics::new();
            check.validate(cx, &mut found);
            !found.has_error()
        };
        if !self.0.is_empty() && !self.0.iter().any(passes) {
            invalid(cx.path, &self.describe(), diagnostics);
        }
    }
}

/// Checks of what is in a collection.
struct Each {
    part: Part,
    checks: Vec<Arc<dyn Validator>>,
}

#[derive(Clone, Copy)]
enum Part {
    Keys,
    Values,
    Elements,
}

impl Validator for Each {
    fn describe(&self) -> String {
        let part = match self.part {
            Part::Keys => "key",
            Part::Values => "value",
            Part::Elements => "element",
        };
        format!("each {part} {}", joined(&self.checks, " and "))
    }

    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics) {
        let mut check = |path: &Path, value: &Value| {
            for check in &self.checks {
                check.validate(&ValidateContext { path, value, config: cx.config }, diagnostics);
            }
        };
        match (self.part, cx.value.inner()) {
            (Part::Keys, Value::Map(elements)) => {
                for key in elements.keys() {
                    check(&cx.path.key(key.clone()), &Value::String(key.clone()));
                }
            }
            (Part::Values, Value::Map(elements)) => {
                for (key, value) in elements {
                    check(&cx.path.key(key.clone()), value);
                }
            }
            (Part::Elements, Value::List(elements) | Value::Tuple(elements)) => {
                for (index, value) in elements.iter().enumerate() {
                    check(&cx.path.index(index), value);
                }
            }
            (Part::Elements, Value::Set(elements)) => {
                for value in elements {
                    check(&cx.path.element(value.clone()), value);
                }
            }
            (Part::Keys | Part::Values | Part::Elements, _) => {}
        }
    }
}

/// How many of several attributes may be set.
#[derive(Clone, Copy)]
enum Rule {
    AtMostOne,
    ExactlyOne,
    AtLeastOne,
    Together,
}

struct Presence {
    rule: Rule,
    names: Vec<&'static str>,
    expressions: Vec<PathExpression>,
}

fn presence(rule: Rule, others: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    let names: Vec<&'static str> = others.into_iter().collect();
    let expressions = names.iter().map(|name| PathExpression::of(name)).collect();
    Arc::new(Presence { rule, names, expressions })
}

/// Whether something is configured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IsSet {
    Yes,
    No,
    /// It may yet turn out null.
    Unknown,
}

fn is_set(value: &Value) -> IsSet {
    match value.inner() {
        Value::Null => IsSet::No,
        Value::Unknown(known) if known.is_not_null() => IsSet::Yes,
        Value::Unknown(_) => IsSet::Unknown,
        _ => IsSet::Yes,
    }
}

impl Presence {
    /// What each expression names, and the attribute itself.
    fn all(&self, cx: &ValidateContext<'_>) -> Vec<(String, IsSet)> {
        let mut all = Vec::with_capacity(self.expressions.len() + 1);
        if !cx.path.is_root() {
            all.push((cx.path.to_string(), is_set(cx.value)));
        }
        for expression in &self.expressions {
            let found = expression.resolve(cx.path, cx.config);
            let others = found.iter().filter(|(path, _)| cx.path.is_root() || path != cx.path);
            let states: Vec<IsSet> = others.map(|(_, value)| is_set(value)).collect();
            let state = match states.as_slice() {
                [] if !found.is_empty() => continue,
                states if states.contains(&IsSet::Yes) => IsSet::Yes,
                states if states.contains(&IsSet::Unknown) => IsSet::Unknown,
                _ => IsSet::No,
            };
            let name = match found.as_slice() {
                [(path, _)] => path.to_string(),
                _ => expression.to_string(),
            };
            all.push((name, state));
        }
        all
    }
}

impl Validator for Presence {
    fn describe(&self) -> String {
        // Siblings are known by their names alone.
        let names: Vec<&str> = self.names.iter().map(|name| name.trim_start_matches('.')).collect();
        let names = quoted(&names);
        match self.rule {
            Rule::AtMostOne => format!("cannot be set together with {names}"),
            Rule::ExactlyOne => format!("must be set, or else exactly one of {names}"),
            Rule::AtLeastOne => format!("must be set, or else one of {names}"),
            Rule::Together => format!("needs {names} to be set too"),
        }
    }

    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics) {
        let all = self.all(cx);
        let of = |wanted: IsSet| -> Vec<&str> {
            all.iter().filter(|(_, state)| *state == wanted).map(|(name, _)| name.as_str()).collect()
        };
        let (set, unset) = (of(IsSet::Yes), of(IsSet::No));
        let itself_is_unset = !cx.path.is_root() && is_set(cx.value) != IsSet::Yes;
        let everything = || all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        let nothing_is_set = unset.len() == all.len();
        let message = match self.rule {
            // Where this is not set, the others' own checks tell.
            Rule::AtMostOne if set.len() > 1 && !itself_is_unset => {
                format!("Only one of {} can be set: leave all but one out.", listed(&set))
            }
            Rule::ExactlyOne if set.len() > 1 => {
                format!("Exactly one of {} must be set, not {}.", listed(&everything()), listed(&set))
            }
            Rule::ExactlyOne if nothing_is_set => {
                format!("Exactly one of {} must be set: set the one that applies.", listed(&everything()))
            }
            Rule::AtLeastOne if nothing_is_set => format!("At least one of {} must be set.", listed(&everything())),
            Rule::Together if !set.is_empty() && !unset.is_empty() && !itself_is_unset => {
                format!("{} must be set together with {}: set it too.", listed(&unset), listed(&set))
            }
            Rule::AtMostOne | Rule::ExactlyOne | Rule::AtLeastOne | Rule::Together => return,
        };
        diagnostics.error_at(cx.path.clone(), "Invalid combination of attributes", message);
    }
}

struct PreferWriteOnly {
    other: &'static str,
    expression: PathExpression,
}

impl Validator for PreferWriteOnly {
    fn describe(&self) -> String {
        format!("is better given as \"{}\", which is kept out of the state", self.other)
    }

    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics) {
        if is_set(cx.value) != IsSet::Yes {
            return;
        }
        let found = self.expression.resolve(cx.path, cx.config);
        let name = found.first().map_or_else(|| self.expression.to_string(), |(path, _)| path.to_string());
        let detail = format!(
            "{} is stored in the state. With Terraform 1.11 or OpenTofu 1.11 or newer, {name} takes the same value \
             and keeps it out.",
            cx.path
        );
        diagnostics.push(Diagnostic::warning("A write-only attribute is available", detail).at(cx.path.clone()));
    }
}

/// How many of something there may be.
#[derive(Clone, Copy)]
struct Limits {
    least: usize,
    most: Option<usize>,
}

impl Limits {
    fn of(range: &impl RangeBounds<usize>) -> Self {
        let least = match range.start_bound() {
            Bound::Included(least) => *least,
            Bound::Excluded(below) => below.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let most = match range.end_bound() {
            Bound::Included(most) => Some(*most),
            Bound::Excluded(above) => Some(above.saturating_sub(1)),
            Bound::Unbounded => None,
        };
        Self { least, most }
    }

    fn admit(&self, count: usize) -> bool {
        self.admit_some(count, Some(count))
    }

    /// Whether there can be that many and perhaps more.
    fn admit_at_least(&self, count: usize) -> bool {
        self.admit_some(count, None)
    }

    /// Whether a number between these is within the limits.
    fn admit_some(&self, least: usize, most: Option<usize>) -> bool {
        most.is_none_or(|most| most >= self.least) && self.most.is_none_or(|limit| least <= limit)
    }

    fn describe(&self, what: &str) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        match (self.least, self.most) {
            (least, Some(most)) if least == most => format!("exactly {least} {what}{}", plural(least)),
            (0, Some(most)) => format!("at most {most} {what}{}", plural(most)),
            (least, Some(most)) => format!("{least} to {most} {what}s"),
            (least, None) => format!("at least {least} {what}{}", plural(least)),
        }
    }
}

fn regex(expression: &str) -> regex::Regex {
    match regex::Regex::new(expression) {
        Ok(regex) => regex,
        Err(error) => panic!("{error}"),
    }
}

fn joined(checks: &[Arc<dyn Validator>], with: &str) -> String {
    checks.iter().map(|check| check.describe()).collect::<Vec<_>>().join(with)
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// Names as a sentence lists them: `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(validator: &Arc<dyn Validator>, path: &Path, value: &Value, config: &Value) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        validator.validate(&ValidateContext { path, value, config }, &mut diagnostics);
        diagnostics.iter().map(|it| it.detail.clone()).collect()
    }

    #[track_caller]
    fn passes(validator: &Arc<dyn Validator>, value: impl Into<Value>) {
        let value = value.into();
        assert_eq!(told(validator, &Path::root().attribute("it"), &value, &Value::Null), [""; 0]);
    }

    #[track_caller]
    fn fails(validator: &Arc<dyn Validator>, value: impl Into<Value>) {
        let value = value.into();
        let expect = format!("it {}.", validator.describe());
        assert_eq!(told(validator, &Path::root().attribute("it"), &value, &Value::Null), [expect]);
    }

    fn number(text: &str) -> Value {
        Value::Number(text.parse().unwrap())
    }

    fn prefix(text: &str) -> Value {
        Value::Unknown(Refinement::none().with_prefix(text).unwrap())
    }

    #[test]
    fn null_and_unknown_pass_every_check_of_a_value() {
        for validator in [
            one_of(["a"]),
            one_of_ignoring_case(["a"]),
            equals("a"),
            none_of(["a"]),
            string_length(1..=2),
            string_bytes(1..=2),
            matches("^a$", "one a"),
            matches_not("^a$", "one a"),
            starts_with("a"),
            duration(),
            at_least(1),
            at_most(1),
            between(1, 2),
            number_one_of([1]),
            size(1..),
            unique(),
            keys_are([one_of(["a"])]),
            values_are([one_of(["a"])]),
            elements_are([one_of(["a"])]),
            all_of([one_of(["a"])]),
            any_of([one_of(["a"])]),
        ] {
            passes(&validator, Value::Null);
            passes(&validator, Value::unknown());
            passes(&validator, Value::unknown_not_null());
        }
    }

    #[test]
    fn text_is_one_of_or_none_of() {
        let validator = one_of(["east", "west"]);
        assert_eq!(validator.describe(), r#"must be one of "east", "west""#);
        passes(&validator, "east");
        fails(&validator, "north");
        passes(&validator, prefix("we"));
        fails(&validator, prefix("no"));
        passes(&one_of_ignoring_case(["STANDARD"]), "Standard");
        fails(&one_of_ignoring_case(["STANDARD"]), "Premium");
        passes(&equals(true), true);
        fails(&equals(true), false);
        assert_eq!(equals(true).describe(), "must be true");
        passes(&none_of(["default"]), "mine");
        fails(&none_of(["default"]), "default");
    }

    #[test]
    fn text_has_a_length() {
        let validator = string_length(2..=3);
        passes(&validator, "äöü");
        fails(&validator, "a");
        fails(&validator, "abcd");
        passes(&validator, prefix("abc"));
        fails(&validator, prefix("abcd"));
        fails(&string_bytes(..=5), "äöü");
        fails(&string_length(1..), "");
        fails(&string_length(0..=10), "x".repeat(1 << 20));
        let described = |validator: Arc<dyn Validator>| validator.describe();
        assert_eq!(described(string_length(2..=3)), "must have 2 to 3 characters");
        assert_eq!(described(string_length(1..)), "must have at least 1 character");
        assert_eq!(described(string_length(..=5)), "must have at most 5 characters");
        assert_eq!(described(string_length(2..=2)), "must have exactly 2 characters");
    }

    #[test]
    fn text_has_a_form() {
        let validator = matches("^[a-z]+$", "lower-case letters");
        passes(&validator, "abc");
        fails(&validator, "Abc");
        fails(&matches_not("--", "two dashes"), "a--b");
        passes(&starts_with("arn:"), "arn:aws");
        fails(&starts_with("arn:"), "aws");
        passes(&starts_with("arn:"), prefix("arn:aws"));
        passes(&starts_with("arn:"), prefix("ar"));
        fails(&starts_with("arn:"), prefix("aws"));
        passes(&duration(), "1h30m");
        fails(&duration(), "soon");
    }

    #[test]
    fn numbers_have_bounds() {
        passes(&at_least(1), 1);
        fails(&at_least(1), number("0.999"));
        passes(&at_most(1), 1);
        fails(&at_most(1), number("1.001"));
        let validator = between(1, 10);
        passes(&validator, number("9.99"));
        fails(&validator, 11);
        assert_eq!(validator.describe(), "must be between 1 and 10");
        fails(&number_one_of([1, 2]), 3);
        let above = |limit: i64, inclusive| Refinement::none().with_lower(Number::from(limit), inclusive).unwrap();
        let below = |limit: i64, inclusive| Refinement::none().with_upper(Number::from(limit), inclusive).unwrap();
        fails(&at_most(1), Value::Unknown(above(1, false)));
        passes(&at_most(1), Value::Unknown(above(1, true)));
        fails(&at_least(1), Value::Unknown(below(1, false)));
        passes(&at_least(1), Value::Unknown(below(1, true)));
        fails(&number_one_of([1, 2]), Value::Unknown(above(2, false)));
    }

    #[test]
    fn collections_have_a_size() {
        let validator = size(1..=2);
        passes(&validator, Value::list([Value::from(1)]));
        fails(&validator, Value::list([]));
        fails(&validator, Value::map([("a", Value::Null), ("b", Value::Null), ("c", Value::Null)]));
        fails(&validator, Value::set([Value::from(1), Value::from(2), Value::from(3)]));
        // Two of these three may be one.
        passes(&validator, Value::set([Value::unknown(), Value::from(2), Value::from(3)]));
        fails(&validator, Value::Unknown(Refinement::none().with_min_length(3).unwrap()));
        fails(&validator, Value::Unknown(Refinement::none().with_max_length(0).unwrap()));
        passes(&unique(), Value::list([Value::from(1), Value::from(2), Value::unknown(), Value::unknown()]));
        fails(&unique(), Value::list([Value::from(1), Value::from(2), Value::from(1)]));
    }

    #[test]
    fn what_is_in_collections_is_checked_in_its_place() {
        let path = Path::root().attribute("it");
        let tags = Value::map([("ok", Value::from("fine")), ("Bad", Value::from(""))]);
        let keys = keys_are([matches("^[a-z]+$", "lower-case letters")]);
        assert_eq!(told(&keys, &path, &tags, &tags), [r#"it["Bad"] must be lower-case letters."#]);
        let values = values_are([string_length(1..)]);
        assert_eq!(told(&values, &path, &tags, &tags), [r#"it["Bad"] must have at least 1 character."#]);
        let list = Value::list([Value::from(1), Value::list([Value::from(5)])]);
        let elements = elements_are([at_least(2), elements_are([at_most(4)])]);
        assert_eq!(told(&elements, &path, &list, &list), ["it[0] must be at least 2.", "it[1][0] must be at most 4."]);
        let set = Value::set([Value::from(1)]);
        assert_eq!(told(&elements, &path, &set, &set), ["it[…] must be at least 2."]);
    }

    #[test]
    fn checks_combine() {
        let either = any_of([one_of(["auto"]), duration()]);
        passes(&either, "auto");
        passes(&either, "5s");
        fails(&either, "often");
        let path = Path::root().attribute("it");
        let both = all_of([string_length(2..), starts_with("x")]);
        assert_eq!(told(&both, &path, &Value::from("a"), &Value::Null).len(), 2);
    }

    fn config(eks: Value, aks: Value) -> Value {
        Value::object([("eks", eks), ("aks", aks), ("name", Value::from("x"))])
    }

    fn set() -> Value {
        Value::object([("role", Value::from("r"))])
    }

    #[track_caller]
    fn combination(validator: &Arc<dyn Validator>, eks: Value, aks: Value, expect: &[&str]) {
        let config = config(eks, aks);
        let value = config.get("eks").unwrap();
        assert_eq!(told(validator, &Path::root().attribute("eks"), value, &config), expect);
    }

    #[test]
    fn attributes_exclude_each_other() {
        let validator = conflicts_with(["aks"]);
        combination(&validator, set(), Value::Null, &[]);
        combination(&validator, Value::Null, set(), &[]);
        combination(&validator, set(), Value::unknown(), &[]);
        let both = ["Only one of eks and aks can be set: leave all but one out."];
        combination(&validator, set(), set(), &both);
        combination(&validator, set(), Value::unknown_not_null(), &both);
        assert_eq!(validator.describe(), "cannot be set together with \"aks\"");
    }

    #[test]
    fn exactly_one_or_at_least_one_is_set() {
        let exactly = exactly_one_of(["aks"]);
        combination(&exactly, set(), Value::Null, &[]);
        combination(&exactly, Value::Null, set(), &[]);
        combination(&exactly, Value::Null, Value::unknown(), &[]);
        combination(&exactly, set(), set(), &["Exactly one of eks and aks must be set, not eks and aks."]);
        let none = ["Exactly one of eks and aks must be set: set the one that applies."];
        combination(&exactly, Value::Null, Value::Null, &none);
        let some = at_least_one_of(["aks"]);
        combination(&some, set(), set(), &[]);
        combination(&some, Value::Null, Value::unknown(), &[]);
        combination(&some, Value::Null, Value::Null, &["At least one of eks and aks must be set."]);
    }

    #[test]
    fn of_a_whole_configuration_only_the_named_count() {
        let none = config(Value::Null, Value::Null);
        let exactly = exactly_one_of(["eks", "aks"]);
        let told_of = |config: &Value| told(&exactly, &Path::root(), config, config);
        assert_eq!(told_of(&none), ["Exactly one of eks and aks must be set: set the one that applies."]);
        assert_eq!(told_of(&config(set(), Value::Null)), [""; 0]);
        assert_eq!(told_of(&config(set(), set())).len(), 1);
        let together = also_requires(["eks", "aks"]);
        let half = config(set(), Value::Null);
        assert_eq!(told(&together, &Path::root(), &half, &half), ["aks must be set together with eks: set it too."]);
    }

    #[test]
    fn attributes_need_each_other() {
        let validator = also_requires(["aks", "name"]);
        combination(&validator, set(), set(), &[]);
        combination(&validator, Value::Null, Value::Null, &[]);
        combination(&validator, set(), Value::unknown(), &[]);
        combination(&validator, set(), Value::Null, &["aks must be set together with eks and name: set it too."]);
    }

    #[test]
    fn siblings_are_named_from_the_attribute() {
        let pool = |min: Value, count: Value| Value::object([("min", min), ("count", count)]);
        let config = Value::object([(
            "pools",
            Value::map([("a", pool(Value::from(1), Value::from(2))), ("b", pool(Value::from(1), Value::Null))]),
        )]);
        let validator = conflicts_with([".count"]);
        let at = |key: &str| {
            let path = Path::root().attribute("pools").key(key).attribute("min");
            told(&validator, &path, config.at(&path).unwrap(), &config)
        };
        assert_eq!(at("b"), [""; 0]);
        let expect = r#"Only one of pools["a"].min and pools["a"].count can be set: leave all but one out."#;
        assert_eq!(at("a"), [expect]);
    }

    #[test]
    fn a_write_only_attribute_is_preferred() {
        let validator = prefer_write_only(".password_wo");
        let config = Value::object([("password", Value::from("x")), ("password_wo", Value::Null)]);
        let path = Path::root().attribute("password");
        let mut diagnostics = Diagnostics::new();
        let value = config.get("password").unwrap();
        validator.validate(&ValidateContext { path: &path, value, config: &config }, &mut diagnostics);
        assert!(!diagnostics.has_error() && diagnostics.len() == 1);
        assert!(diagnostics.iter().all(|it| it.detail.contains("password_wo")));
        passes(&validator, Value::Null);
    }
}
