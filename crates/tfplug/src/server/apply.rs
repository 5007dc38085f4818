//! Applying: create, update and destroy, with an answer that keeps what exists whatever happens on the way.

use std::future::Future;
use std::time::Duration;

use super::write_only::without_write_only;
use super::{Inner, convert, guard};
use crate::call::{Call, Checkpoint};
use crate::check;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as wire;
use crate::provider::Provider;
use crate::resource::{AnyResource, Create, Delete, Update};
use crate::value::Value;

/// How long a handler may go on after an interrupt before it is given up and its checkpoint is the answer. Core asks
/// again after a second Ctrl-C and then waits 5 seconds: this stays below.
const CANCEL_GRACE: Duration = Duration::from_secs(4);

/// What applying came to, before it is an answer.
struct Outcome {
    state: Value,
    diagnostics: Diagnostics,
}

impl<P: Provider> Inner<P> {
    pub(super) async fn apply(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> wire::apply_resource_change::Response {
        let fallback = request.prior_state.clone();
        let private = request.planned_private.clone();
        let identity = request.planned_identity.clone();
        self.apply_to_resource(request).await.unwrap_or_else(|errors| wire::apply_resource_change::Response {
            new_state: fallback,
            private,
            diagnostics: convert::diagnostics(errors),
            legacy_type_system: false,
            new_identity: identity,
        })
    }

    /// # Errors
    /// Only before anything was done.
    async fn apply_to_resource(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> Result<wire::apply_resource_change::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let kind = resource.state_type();
        let prior = convert::value(request.prior_state.as_ref(), kind)?;
        let plan = convert::value(request.planned_state.as_ref(), kind)?;
        let config = convert::value(request.config.as_ref(), kind)?;
        let call = self.call(None, &request.planned_private);

        let Outcome { mut state, mut diagnostics } = match (prior.is_null(), plan.is_null()) {
            (true, true) => Outcome { state: Value::Null, diagnostics: Diagnostics::new() },
            (true, false) => create(&request.type_name, resource, &call, config, plan.clone()).await,
            (false, true) => delete(&request.type_name, resource, &call, prior.clone()).await,
            (false, false) => update(&request.type_name, resource, &call, config, prior.clone(), plan.clone()).await,
        };
        diagnostics.extend(call.take_warnings());

        let block = &resource.schema().block;
        state = without_write_only(block, state);
        if !diagnostics.has_error() {
            let violations = check::apply(block, &plan, &state);
            diagnostics.extend(check::diagnostics(&request.type_name, "apply", violations));
        }
        state = state.unknown_as_null();
        let known = convert::identity_value(request.planned_identity.as_ref(), resource.identity_schema())?;
        let new_identity = match resource.identity(&state) {
            Ok(identity) => identity.or(known),
            Err(errors) => {
                diagnostics.extend(errors);
                known
            }
        };
        Ok(wire::apply_resource_change::Response {
            new_state: Some(convert::dynamic(&state, kind)?),
            private: call.private().to_bytes().into(),
            diagnostics: convert::diagnostics(diagnostics),
            legacy_type_system: false,
            new_identity: if state.is_null() {
                None
            } else {
                convert::identity(new_identity.as_ref(), resource.identity_schema())?
            },
        })
    }
}

async fn create<C: Send + Sync>(
    type_name: &str,
    resource: &dyn AnyResource<C>,
    call: &Call<C>,
    config: Value,
    plan: Value,
) -> Outcome {
    let checkpoint = Checkpoint::default();
    let create = Create { config, plan, checkpoint: checkpoint.clone() };
    let outcome = interruptible(type_name, call, resource.create(call, create)).await;
    settled(outcome, &checkpoint, Value::Null)
}

async fn update<C: Send + Sync>(
    type_name: &str,
    resource: &dyn AnyResource<C>,
    call: &Call<C>,
    config: Value,
    prior: Value,
    plan: Value,
) -> Outcome {
    let checkpoint = Checkpoint::default();
    let update = Update { config, prior: prior.clone(), plan, checkpoint: checkpoint.clone() };
    let outcome = interruptible(type_name, call, resource.update(call, update)).await;
    settled(outcome, &checkpoint, prior)
}

async fn delete<C: Send + Sync>(
    type_name: &str,
    resource: &dyn AnyResource<C>,
    call: &Call<C>,
    prior: Value,
) -> Outcome {
    let checkpoint = Checkpoint::default();
    let delete = Delete { state: prior.clone(), checkpoint: checkpoint.clone() };
    let deleted = async { resource.delete(call, delete).await.map(|()| Value::Null) };
    let outcome = interruptible(type_name, call, deleted).await;
    settled(outcome, &checkpoint, prior)
}

/// The handler's state where it succeeded, else its checkpoint, else what was there before.
fn settled(outcome: Result<Value, Diagnostics>, checkpoint: &Checkpoint, before: Value) -> Outcome {
    match outcome {
        Ok(state) => Outcome { state, diagnostics: Diagnostics::new() },
        Err(diagnostics) => Outcome { state: checkpoint.saved().unwrap_or(before), diagnostics },
    }
}

/// Runs a handler; once the user has interrupted, only for [`CANCEL_GRACE`] more.
async fn interruptible<C>(
    type_name: &str,
    call: &Call<C>,
    handler: impl Future<Output = Result<Value, Diagnostics>>,
) -> Result<Value, Diagnostics> {
    let given_up = async {
        call.cancelled().cancelled().await;
        tokio::time::sleep(CANCEL_GRACE).await;
        Err(Diagnostic::error(
            format!("Interrupted while applying {type_name}"),
            "The operation was interrupted and did not stop by itself in time. What was known of the object is in \
             the state: plan again to see what is left to do.",
        )
        .into())
    };
    let raced = async {
        tokio::select! {
            biased;
            outcome = handler => outcome,
            outcome = given_up => outcome,
        }
    };
    guard::guarded("ApplyResourceChange", type_name, raced).await
}
