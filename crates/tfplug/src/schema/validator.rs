//! Checks of configured values, at validate and plan.

use std::fmt;

use crate::diagnostic::Diagnostics;
use crate::path::Path;
use crate::value::Value;

/// A check of one attribute's or block's configured value.
///
/// It is called at validate, perhaps with unknowns, and again with known values; it must hold its judgement where
/// what it needs is unknown. Null values are given too (for checks such as "one of these must be set").
pub trait Validator: Send + Sync {
    /// What must hold, as an English clause for the documentation: `must be at least 1`.
    fn describe(&self) -> String;

    /// Adds an error for what does not hold.
    fn validate(&self, cx: &ValidateContext<'_>, diagnostics: &mut Diagnostics);
}

/// What a validator sees.
#[derive(Clone, Copy, Debug)]
pub struct ValidateContext<'a> {
    /// Where the value is.
    pub path: &'a Path,
    /// The configured value.
    pub value: &'a Value,
    /// The whole configuration.
    pub config: &'a Value,
}

impl fmt::Debug for dyn Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
