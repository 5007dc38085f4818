//! Applying: create, update and destroy, with an answer that keeps what exists whatever happens on the way.

use super::guard::{caught, guarded, interruptible};
use super::write_only::without_write_only;
use super::{Inner, convert};
use crate::call::{Call, Checkpoint};
use crate::check;
use crate::diagnostic::Diagnostics;
use crate::proto::tfplugin6 as wire;
use crate::provider::Provider;
use crate::resource::{AnyResource, Create, Delete, Update};
use crate::value::{Type, Value};

const RPC: &str = "ApplyResourceChange";

/// What applying came to, before it is an answer.
struct Outcome {
    state: Value,
    /// What to keep instead where a state has no form on the wire, best first; the last came from core, and has one.
    instead: Vec<Value>,
    diagnostics: Diagnostics,
}

impl<P: Provider> Inner<P> {
    pub(super) async fn apply(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> wire::apply_resource_change::Response {
        let before = (request.prior_state.clone(), request.planned_private.clone(), request.planned_identity.clone());
        let type_name = request.type_name.clone();
        let applied = guarded(RPC, &type_name, self.apply_to_resource(request)).await;
        applied.unwrap_or_else(|errors| {
            let (new_state, private, new_identity) = before;
            wire::apply_resource_change::Response {
                new_state,
                private,
                diagnostics: convert::diagnostics(errors),
                legacy_type_system: false,
                new_identity,
            }
        })
    }

    /// # Errors
    /// Only before anything was done.
    async fn apply_to_resource(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> Result<wire::apply_resource_change::Response, Diagnostics> {
        let type_name = &request.type_name;
        let resource = self.resource(type_name)?;
        let (kind, block) = (resource.state_type(), &resource.schema().block);
        let prior = convert::value(request.prior_state.as_ref(), kind)?;
        let plan = convert::value(request.planned_state.as_ref(), kind)?;
        let config = convert::value(request.config.as_ref(), kind)?;
        let known = convert::identity_value(request.planned_identity.as_ref(), resource.identity_schema())?;
        let call = self.call(None, &request.planned_private);

        let Outcome { mut state, instead, mut diagnostics } = match (prior.is_null(), plan.is_null()) {
            (true, true) => Outcome { state: Value::Null, instead: Vec::new(), diagnostics: Diagnostics::new() },
            (true, false) => create(type_name, resource, &call, config, plan.clone()).await,
            (false, true) => delete(type_name, resource, &call, prior).await,
            (false, false) => update(type_name, resource, &call, config, prior, plan.clone()).await,
        };
        diagnostics.extend(call.take_warnings());

        // From here on something may exist: whatever is found wrong, the answer still says what.
        state = without_write_only(block, state);
        if !diagnostics.has_error() {
            let checked = caught(RPC, type_name, async { Ok(check::apply(block, &plan, &state)) }).await;
            diagnostics
                .extend(checked.map_or_else(|panic| panic, |found| check::diagnostics(type_name, "apply", found)));
        }
        let instead = instead.into_iter().map(|state| without_write_only(block, state));
        let (state, new_state) = sendable(std::iter::once(state).chain(instead), kind, &mut diagnostics);
        let identity = caught(RPC, type_name, async {
            let identity = resource.identity(&state)?.or(known).filter(|_| !state.is_null());
            convert::identity(identity.as_ref(), resource.identity_schema())
        });
        let new_identity = identity.await.unwrap_or_else(|errors| {
            diagnostics.extend(errors);
            request.planned_identity.filter(|_| !state.is_null())
        });
        Ok(wire::apply_resource_change::Response {
            new_state: Some(new_state),
            private: call.private().to_bytes().into(),
            diagnostics: convert::diagnostics(diagnostics),
            legacy_type_system: false,
            new_identity,
        })
    }
}

/// The first of the states that has a form on the wire, with null for what is unknown in it.
fn sendable(
    states: impl Iterator<Item = Value>,
    kind: &Type,
    diagnostics: &mut Diagnostics,
) -> (Value, wire::DynamicValue) {
    for state in states {
        let state = state.unknown_as_null();
        match convert::dynamic(&state, kind) {
            Ok(sent) => return (state, sent),
            Err(errors) if !diagnostics.has_error() => diagnostics.extend(errors),
            Err(_) => {}
        }
    }
    // Not reached: the last one came from core.
    (Value::Null, wire::DynamicValue::default())
}

async fn create<C: Send + Sync>(
    type_name: &str,
    resource: &dyn AnyResource<C>,
    call: &Call<C>,
    config: Value,
    plan: Value,
) -> Outcome {
    let checkpoint = Checkpoint::default();
    let create = Create { config, plan: plan.clone(), checkpoint: checkpoint.clone() };
    let outcome = interruptible(RPC, type_name, call, resource.create(call, create)).await;
    settled(outcome, &checkpoint, Value::Null, plan)
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
    let outcome = interruptible(RPC, type_name, call, resource.update(call, update)).await;
    settled(outcome, &checkpoint, prior.clone(), prior)
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
    let outcome = interruptible(RPC, type_name, call, deleted).await;
    settled(outcome, &checkpoint, prior.clone(), prior)
}

/// The handler's state where it succeeded, else its checkpoint, else what was there before.
fn settled(outcome: Result<Value, Diagnostics>, checkpoint: &Checkpoint, before: Value, from_core: Value) -> Outcome {
    let instead: Vec<Value> = checkpoint.saved().into_iter().chain([from_core]).collect();
    match outcome {
        Ok(state) => Outcome { state, instead, diagnostics: Diagnostics::new() },
        Err(diagnostics) => Outcome { state: checkpoint.saved().unwrap_or(before), instead, diagnostics },
    }
}
