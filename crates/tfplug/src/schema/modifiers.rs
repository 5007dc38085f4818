//! Ready-made plan modifiers.

use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::schema::modifier::{ModifyContext, PlanModifier};

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
        let is_left_to_provider = cx.config.is_null();
        if cx.is_update && is_left_to_provider && cx.plan.is_unknown() && (self.null_too || !cx.prior.is_null()) {
            *cx.plan = cx.prior.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;
    use crate::value::Value;

    /// The plan that comes out, and whether the resource is replaced.
    fn modified(
        modifier: &Arc<dyn PlanModifier>,
        [config, prior, plan]: [&Value; 3],
        is_update: bool,
    ) -> (Value, bool) {
        let (mut plan, mut replace) = (plan.clone(), false);
        let path = Path::root().attribute("it");
        let requires_replace = &mut replace;
        let mut cx = ModifyContext { path: &path, config, prior, is_update, plan: &mut plan, requires_replace };
        modifier.modify(&mut cx, &mut Diagnostics::new());
        (plan, replace)
    }

    #[test]
    fn a_change_replaces_in_an_update_only() {
        let (old, new) = (Value::from("old"), Value::from("new"));
        let replaces = |modifier: &Arc<dyn PlanModifier>, config: &Value, plan: &Value, is_update| {
            modified(modifier, [config, &old, plan], is_update).1
        };
        let always = requires_replace();
        assert!(replaces(&always, &new, &new, true));
        assert!(replaces(&always, &new, &Value::unknown(), true));
        assert!(!replaces(&always, &old, &old, true));
        assert!(!replaces(&always, &new, &new, false));
        let configured = requires_replace_if_configured();
        assert!(replaces(&configured, &new, &new, true));
        assert!(!replaces(&configured, &Value::Null, &new, true));
        let renamed = requires_replace_if("Renaming replaces the object.", |cx| cx.plan.as_str() == Some("new"));
        assert!(replaces(&renamed, &new, &new, true));
        assert!(!replaces(&renamed, &Value::from("other"), &Value::from("other"), true));
        assert_eq!(renamed.describe(), "Renaming replaces the object.");
    }

    #[test]
    fn the_prior_value_stays_where_the_plan_would_be_unknown() {
        let (old, null, unknown) = (Value::from("old"), Value::Null, Value::unknown());
        let keep = use_state_for_unknown();
        assert_eq!(modified(&keep, [&null, &old, &unknown], true).0, old);
        assert_eq!(modified(&keep, [&null, &null, &unknown], true).0, null);
        assert_eq!(modified(&keep, [&null, &null, &unknown], false).0, unknown);
        // What the configuration sets, though not yet known, is not the provider's to keep.
        assert_eq!(modified(&keep, [&unknown, &old, &unknown], true).0, unknown);
        assert_eq!(modified(&keep, [&null, &old, &Value::from("new")], true).0, Value::from("new"));
        let keep = use_non_null_state_for_unknown();
        assert_eq!(modified(&keep, [&null, &old, &unknown], true).0, old);
        assert_eq!(modified(&keep, [&null, &null, &unknown], true).0, unknown);
    }
}
