//! Planning: core asks what a change would do.

use super::guard::interruptible;
use super::{Inner, convert, propose};
use crate::call::DeferReason;
use crate::check;
use crate::diagnostic::Diagnostics;
use crate::path::{Path, PathStep};
use crate::proto::tfplugin6 as wire;
use crate::provider::Provider;
use crate::resource::Change;
use crate::value::Value;

const RPC: &str = "PlanResourceChange";

impl<P: Provider> Inner<P> {
    pub(super) async fn plan(
        &self,
        request: wire::plan_resource_change::Request,
    ) -> Result<wire::plan_resource_change::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let kind = resource.state_type();
        let block = &resource.schema().block;
        let prior = convert::value(request.prior_state.as_ref(), kind)?;
        let config = convert::value(request.config.as_ref(), kind)?;
        let private: &[u8] =
            if request.planned_private.is_empty() { &request.prior_private } else { &request.planned_private };
        let call = self.call(request.client_capabilities, private);

        // Core's own proposal is not read: in a destroy it is null, as the configuration is.
        if config.is_null() {
            interruptible(RPC, &request.type_name, &call, resource.plan_delete(&call, prior)).await?;
            return Ok(wire::plan_resource_change::Response {
                planned_state: Some(convert::dynamic(&Value::Null, kind)?),
                planned_private: call.private().to_bytes().into(),
                diagnostics: convert::diagnostics(call.take_warnings()),
                planned_identity: request.prior_identity,
                ..Default::default()
            });
        }

        let mut diagnostics = Diagnostics::new();
        let proposal = propose::propose(block, &config, &prior, &mut diagnostics);
        let mut change = Change {
            config: config.clone(),
            prior: (!prior.is_null()).then(|| prior.clone()),
            plan: proposal.plan,
            replace: proposal.replace,
        };
        // Without its configuration the provider's own planning would have nothing to work with.
        let is_deferred = self.is_deferred(call.capabilities());
        if !diagnostics.has_error() && !is_deferred {
            change = interruptible(RPC, &request.type_name, &call, resource.plan(&call, change)).await?;
        }
        diagnostics.extend(call.take_warnings());

        let deferred = if is_deferred { Some(DeferReason::ProviderConfigUnknown) } else { call.deferred() };
        if let Some(reason) = deferred
            && !call.capabilities().deferral
        {
            diagnostics.push(cannot_defer(&request.type_name, reason));
        }
        if !diagnostics.has_error() {
            let mut violations = check::plan(block, &config, &prior, &change.plan);
            if violations.is_empty() {
                violations = check::set_elements(block, &config, &prior, &change.plan);
            }
            if !prior.is_null() {
                violations.extend(check::requires_replace(&prior, &change.plan, &change.replace));
            }
            diagnostics.extend(check::diagnostics(&request.type_name, "plan", violations));
        }
        let mut replace: Vec<Path> = change.replace.iter().map(up_to_set).collect();
        replace.sort();
        replace.dedup();
        // The identity of an object that is yet to be made is not known.
        let is_kept = !prior.is_null() && replace.is_empty();
        let planned_identity =
            match convert::identity_value(request.prior_identity.as_ref(), resource.identity_schema())? {
                Some(_) if is_kept => request.prior_identity,
                _ => None,
            };
        Ok(wire::plan_resource_change::Response {
            planned_state: Some(convert::dynamic(&change.plan, kind)?),
            requires_replace: replace.iter().map(convert::attribute_path).collect(),
            planned_private: call.private().to_bytes().into(),
            diagnostics: convert::diagnostics(diagnostics),
            legacy_type_system: false,
            deferred: deferred.filter(|_| call.capabilities().deferral).map(convert::deferred),
            planned_identity,
        })
    }
}

/// The path as the protocol has it, which knows no steps into a set.
fn up_to_set(path: &Path) -> Path {
    let is_in_set = |step: &&PathStep| matches!(step, PathStep::Element(_));
    let steps = path.steps().iter().take_while(|step| !is_in_set(step));
    steps.fold(Path::root(), |path, step| path.step(step.clone()))
}

/// Says what is missing where core cannot put a change off.
pub(super) fn cannot_defer(type_name: &str, reason: DeferReason) -> crate::diagnostic::Diagnostic {
    let missing = match reason {
        DeferReason::ResourceConfigUnknown => {
            "parts of its configuration are known only after other resources are applied"
        }
        DeferReason::ProviderConfigUnknown => {
            "parts of the provider's configuration are known only after other resources are applied"
        }
        DeferReason::AbsentPrerequisite => "something that must exist first does not exist yet",
    };
    crate::diagnostic::Diagnostic::error(
        format!("Unable to plan {type_name}"),
        format!(
            "The change cannot be planned yet: {missing}. Apply those first, with -target or as a configuration of \
             their own, then plan again."
        ),
    )
}
