//! Ready-made plan modifiers.

use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::schema::modifier::{ModifyContext, PlanModifier};
use crate::value::Value;

/// A change of this attribute replaces the resource.
pub fn requires_replace() -> Arc<dyn PlanModifier> {
    requires_replace_if("Changing this replaces the object.", |_| true)
}

/// A change of this attribute to what the configuration sets replaces the resource; one by the provider does not.
pub fn requires_replace_if_configured() -> Arc<dyn PlanModifier> {
    requires_replace_if("Setting this to another value replaces the object.", |cx| !cx.config.is_null())
}

/// A change of this attribute replaces the resource if the condition holds; `description` says when, as a sentence.
pub fn requires_replace_if(
    description: &'static str,
    condition: impl Fn(&ModifyContext<'_>) -> bool + Send + Sync + 'static,
) -> Arc<dyn PlanModifier> {
    Arc::new(RequiresReplaceIf { description, condition })
}

/// Keeps the prior value, also a null one, where the plan would be unknown.
pub fn use_state_for_unknown() -> Arc<dyn PlanModifier> {
    Arc::new(UseState { null_too: true })
}

/// Keeps the prior value, unless it is null, where the plan would be unknown.
pub fn use_non_null_state_for_unknown() -> Arc<dyn PlanModifier> {
    Arc::new(UseState { null_too: false })
}

struct RequiresReplaceIf<F> {
    description: &'static str,
    condition: F,
}

impl<F: Fn(&ModifyContext<'_>) -> bool + Send + Sync> PlanModifier for RequiresReplaceIf<F> {
    fn describe(&self) -> String {
        self.description.to_owned()
    }

    fn modify(&self, cx: &mut ModifyContext<'_>, _: &mut Diagnostics) {
        if cx.is_update && *cx.plan != *cx.prior && (self.condition)(cx) {
            *cx.requires_replace = true;
        }
    }
}

struct UseState {
    null_too: bool,
}

impl PlanModifier for UseState {
    fn describe(&self) -> String {
        "Once set, this stays for the object's life.".to_owned()
    }

    fn modify(&self, cx: &mut ModifyContext<'_>, _: &mut Diagnostics) {
        let is_left_to_provider = *cx.config == Value::Null;
        if cx.is_update && is_left_to_provider && cx.plan.is_unknown() && (self.null_too || !cx.prior.is_null()) {
            *cx.plan = cx.prior.clone();
        }
    }
}
