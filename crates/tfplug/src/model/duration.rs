//! Durations as Go writes them: `90s`, `1h30m`, `1.5h`. Two spellings of the same time mean the same.

use std::sync::Arc;
use std::time::Duration;

use super::{AttributeType, mismatch};
use crate::diagnostic::Diagnostics;
use crate::path::Path;
use crate::schema::AttributeKind;
use crate::schema::validator::{ValidateContext, Validator};
use crate::value::{CodecError, Type, Value};

/// A duration attribute. It keeps the text as written; what counts is the time that it means.
#[derive(Clone, Debug)]
pub struct GoDuration {
    text: String,
    duration: Duration,
}

/// Units by their spelling in Go's `time.ParseDuration`, in nanoseconds.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

/// The longest duration that Go's 64-bit nanoseconds can hold.
const NANOSECONDS_MAX: f64 = i64::MAX as f64;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no duration: write numbers with a unit of ns, us, ms, s, m or h, such as \"90s\" or \"1h30m\"")]
pub struct DurationError {
    text: String,
}

impl GoDuration {
    /// The time that it means.
    pub const fn duration(&self) -> Duration {
        self.duration
    }
}

impl std::str::FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nanoseconds = nanoseconds(text).filter(|nanoseconds| *nanoseconds < NANOSECONDS_MAX);
        let nanoseconds = nanoseconds.ok_or_else(|| DurationError { text: text.chars().take(80).collect() })?;
        Ok(Self { text: text.to_owned(), duration: Duration::from_nanos(nanoseconds as u64) })
    }
}

fn nanoseconds(text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters])?;
        total += number * factor;
        rest = &rest[letters..];
    }
    Some(total)
}

impl std::fmt::Display for GoDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for GoDuration {
    fn eq(&self, other: &Self) -> bool {
        self.duration == other.duration
    }
}

impl AttributeType for GoDuration {
    fn kind() -> AttributeKind {
        AttributeKind::Type(Type::String)
    }

    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::String(text) => text
                .parse()
                .map_err(|error: DurationError| CodecError { path: path.clone(), message: error.to_string() }),
            other => Err(mismatch(path, "a duration such as \"90s\"", &other)),
        }
    }

    fn encode(&self) -> Value {
        Value::String(self.text.clone())
    }

    fn same_meaning() -> Option<fn(&Value, &Value) -> bool> {
        Some(|one, other| match (one, other) {
            (Value::String(one), Value::String(other)) => {
                nanoseconds(one).is_some() && nanoseconds(one) == nanoseconds(other)
            }
            _ => false,
        })
    }

    fn validators() -> Vec<Arc<dyn Validator>> {
        vec![Arc::new(IsDuration)]
    }
}

struct IsDuration;

impl Validator for IsDuration {
    fn describe(&self) -> String {
        "must be a duration such as `90s` or `1h30m`".to_owned()
    }

    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics) {
        if let Value::String(text) = cx.value
            && let Err(error) = text.parse::<GoDuration>()
        {
            diagnostics.error_at(cx.path.clone(), "Invalid duration", format!("{}: {error}.", cx.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, milliseconds) in
            [("0", 0), ("90s", 90_000), ("1h30m", 5_400_000), ("1.5h", 5_400_000), (".5s", 500), ("+2ms", 2)]
        {
            assert_eq!(text.parse::<GoDuration>().unwrap().duration(), Duration::from_millis(milliseconds), "{text}");
        }
        for text in ["", "90", "s", "-1s", "1d", "1 s", "1..s", "99999999999999h", "+", "1h-1m"] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn spellings_of_one_time_mean_the_same() {
        let same = GoDuration::same_meaning().unwrap();
        assert!(same(&"60m".into(), &"1h".into()));
        assert!(!same(&"60m".into(), &"2h".into()));
        assert!(!same(&"x".into(), &"x".into()));
    }
}
