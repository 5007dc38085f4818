//! Plan modifiers: what an attribute says about the plan when it changes or stays.

use std::fmt;

use crate::diagnostic::Diagnostics;
use crate::path::Path;
use crate::value::Value;

/// A change to the plan of one attribute or block, called in every create and update plan, parents before children.
pub trait PlanModifier: Send + Sync {
    /// What it does, as an English sentence for the documentation.
    fn describe(&self) -> String;

    /// Changes `cx.plan`, or asks for replacement.
    fn modify(&self, cx: &mut ModifyContext<'_>, diagnostics: &mut Diagnostics);
}

/// What a plan modifier sees and may change.
#[derive(Debug)]
pub struct ModifyContext<'a> {
    /// Where the value is.
    pub path: &'a Path,
    /// The configured value (null in what the configuration leaves out).
    pub config: &'a Value,
    /// The value in the prior state; null in a create, and where the element is new.
    pub prior: &'a Value,
    /// Whether there is a prior state: false in a create.
    pub is_update: bool,
    /// The planned value, to change.
    pub plan: &'a mut Value,
    /// Set to have the resource replaced.
    pub requires_replace: &'a mut bool,
}

impl fmt::Debug for dyn PlanModifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
