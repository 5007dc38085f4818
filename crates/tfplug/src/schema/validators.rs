//! Ready-made validators.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::schema::validator::{ValidateContext, Validator};
use crate::value::Value;

struct Check<F> {
    describe: String,
    check: F,
}

impl<F: Fn(&Value) -> bool + Send + Sync> Validator for Check<F> {
    fn describe(&self) -> String {
        self.describe.clone()
    }

    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics) {
        if !(self.check)(cx.value) {
            diagnostics.error_at(cx.path.clone(), "Invalid value", format!("{} {}.", cx.path, self.describe));
        }
    }
}

fn text(describe: String, check: impl Fn(&str) -> bool + Send + Sync + 'static) -> Arc<dyn Validator> {
    Arc::new(Check { describe, check: move |value: &Value| value.as_str().is_none_or(&check) })
}

/// The text is one of these.
pub fn one_of(allowed: impl IntoIterator<Item = &'static str>) -> Arc<dyn Validator> {
    let allowed: Vec<&'static str> = allowed.into_iter().collect();
    let names: Vec<String> = allowed.iter().map(|name| format!("\"{name}\"")).collect();
    text(format!("must be one of {}", names.join(", ")), move |value| allowed.contains(&value))
}

/// The text has as many characters.
pub fn string_length(range: RangeInclusive<usize>) -> Arc<dyn Validator> {
    let describe = format!("must have {} to {} characters", range.start(), range.end());
    text(describe, move |value| range.contains(&value.chars().count()))
}

/// The text matches a regular expression, which `means` puts into words.
///
/// # Panics
/// If it is no regular expression: found by the first test that makes the schema.
pub fn matches(expression: &str, means: &str) -> Arc<dyn Validator> {
    let regex = match regex::Regex::new(expression) {
        Ok(regex) => regex,
        Err(error) => panic!("{error}"),
    };
    text(format!("must consist of {means}"), move |value| regex.is_match(value))
}
