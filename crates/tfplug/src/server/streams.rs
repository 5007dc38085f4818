//! The calls that answer in streams: list resources and actions.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::write_only::without_write_only;
use super::{Inner, convert, guard, unknown_type, validate};
use crate::action::{ActionProgress, AnyAction};
use crate::call::DeferReason;
use crate::check;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::list::{AnyList, ListRequest, Listed};
use crate::proto::tfplugin6 as wire;
use crate::provider::Provider;
use crate::resource::AnyResource;
use crate::value::Value;

/// A stream of answers.
pub(crate) type Stream<T> = Pin<Box<dyn futures::Stream<Item = Result<T, Status>> + Send>>;

/// How many answers may wait for core to take them: enough to keep both sides busy.
const WAITING_MAX: usize = 64;

/// What a handler of a list gets to come to its end once nobody listens any more. Then it is dropped.
const LIST_GRACE: Duration = Duration::from_secs(2);

/// Answers the objects that exist, one event each; an error ends the stream.
pub(super) fn list<P: Provider>(
    inner: Arc<Inner<P>>,
    request: wire::list_resource::Request,
) -> Stream<wire::list_resource::Event> {
    let (events, receiver) = mpsc::channel(WAITING_MAX);
    let abandoned = crate::serve::abandoned();
    tokio::spawn(async move {
        let type_name = request.type_name.clone();
        let sending = send_objects(&inner, request, &events, abandoned);
        let listed = guard::guarded("ListResource", &type_name, sending).await;
        if let Err(errors) = listed {
            let event = wire::list_resource::Event { diagnostic: convert::diagnostics(errors), ..Default::default() };
            let _nobody_listens = events.send(Ok(event)).await;
        }
    });
    Box::pin(ReceiverStream::new(receiver))
}

async fn send_objects<P: Provider>(
    inner: &Inner<P>,
    request: wire::list_resource::Request,
    events: &mpsc::Sender<Result<wire::list_resource::Event, Status>>,
    abandoned: CancellationToken,
) -> Result<(), Diagnostics> {
    let list = inner.list(&request.type_name)?;
    let resource = inner.resource(&request.type_name)?;
    let config = convert::value(request.config.as_ref(), &list.schema().block.value_type())?;
    let call = inner.call(None, &[]);
    let limit = u64::try_from(request.limit).unwrap_or(0);
    let (sender, mut found) = mpsc::channel(1);
    let wanted = ListRequest { config, include_state: request.include_resource_object, limit };
    let listing = list.list(&call, wanted, sender);
    let unheard = CancellationToken::new();
    let forwarding = async move {
        let mut sent = 0;
        while sent < limit || limit == 0 {
            let listed = tokio::select! {
                listed = found.recv() => listed,
                () = abandoned.cancelled() => None,
            };
            let Some(listed) = listed else { break };
            let event = event(listed, resource, request.include_resource_object)?;
            if events.send(Ok(event)).await.is_err() {
                break;
            }
            sent += 1;
        }
        Ok::<(), Diagnostics>(())
    };
    let forwarding = async {
        let forwarded = forwarding.await;
        unheard.cancel();
        forwarded
    };
    let listing = async {
        let mut listing = pin!(listing);
        tokio::select! {
            listed = &mut listing => return listed,
            () = unheard.cancelled() => {}
        }
        tokio::time::timeout(LIST_GRACE, listing).await.unwrap_or(Ok(()))
    };
    let (listed, forwarded) = tokio::join!(listing, forwarding);
    forwarded.and(listed)
}

fn event<C>(
    listed: Listed<Value, Value>,
    resource: &dyn AnyResource<C>,
    include_state: bool,
) -> Result<wire::list_resource::Event, Diagnostics> {
    let block = &resource.schema().block;
    let mut diagnostics: Diagnostics = listed.warnings.into_iter().collect();
    let state = listed.state.filter(|_| include_state).map(|state| without_write_only(block, state));
    if let Some(state) = &state {
        let violations = check::import(block, state);
        diagnostics.extend(check::diagnostics(&listed.display_name, "list", violations));
    }
    Ok(wire::list_resource::Event {
        identity: convert::identity(Some(&listed.identity), resource.identity_schema())?,
        display_name: listed.display_name,
        resource_object: state.map(|state| convert::dynamic(&state, resource.state_type())).transpose()?,
        diagnostic: convert::diagnostics(diagnostics),
    })
}

/// Runs an action: any number of lines of progress, then exactly one "completed".
pub(super) fn invoke<P: Provider>(
    inner: Arc<Inner<P>>,
    request: wire::invoke_action::Request,
) -> Stream<wire::invoke_action::Event> {
    use wire::invoke_action::event::{Completed, Progress, Type};
    let (progress, messages) = mpsc::channel(WAITING_MAX);
    let (done, outcome) = tokio::sync::oneshot::channel();
    let abandoned = crate::serve::abandoned();
    tokio::spawn(async move {
        let name = request.action_type.clone();
        let invoked = guard::guarded("InvokeAction", &name, async {
            let action = inner.action(&request.action_type)?;
            let config = convert::value(request.config.as_ref(), &action.schema().block.value_type())?;
            let call = inner.call(request.client_capabilities, &[]);
            let stopping = async {
                abandoned.cancelled().await;
                call.cancelled().cancel();
                std::future::pending().await
            };
            tokio::select! {
                invoked = action.invoke(&call, config, ActionProgress::new(progress)) => invoked?,
                () = stopping => {}
            }
            Ok(call.take_warnings())
        });
        let _nobody_listens = done.send(invoked.await.unwrap_or_else(|errors| errors));
    });
    let event = |event| Ok(wire::invoke_action::Event { r#type: Some(event) });
    let lines = ReceiverStream::new(messages).map(move |message| event(Type::Progress(Progress { message })));
    let completed = futures::stream::once(async move {
        let diagnostics = outcome.await.unwrap_or_else(|_| {
            Diagnostic::error("The action ended without a result", "This is a bug of the provider: please report it.")
                .into()
        });
        event(Type::Completed(Completed { diagnostics: convert::diagnostics(diagnostics) }))
    });
    Box::pin(lines.chain(completed))
}

impl<P: Provider> Inner<P> {
    fn list(&self, type_name: &str) -> Result<&dyn AnyList<P::Client>, Diagnostics> {
        let found = self.offers().list_resources.get(type_name);
        found.map(AsRef::as_ref).ok_or_else(|| unknown_type("list resource", type_name))
    }

    fn action(&self, type_name: &str) -> Result<&dyn AnyAction<P::Client>, Diagnostics> {
        let found = self.offers().actions.get(type_name);
        found.map(AsRef::as_ref).ok_or_else(|| unknown_type("action", type_name))
    }

    pub(super) fn validate_list(
        &self,
        request: &wire::validate_list_resource_config::Request,
    ) -> Result<wire::validate_list_resource_config::Response, Diagnostics> {
        let list = self.list(&request.type_name)?;
        let block = &list.schema().block;
        let config = convert::value(request.config.as_ref(), &block.value_type())?;
        let mut diagnostics = Diagnostics::new();
        validate::validate(block, &list.config_validators(), &config, true, &mut diagnostics);
        Ok(wire::validate_list_resource_config::Response { diagnostics: convert::diagnostics(diagnostics) })
    }

    pub(super) fn validate_action(
        &self,
        request: &wire::validate_action_config::Request,
    ) -> Result<wire::validate_action_config::Response, Diagnostics> {
        let action = self.action(&request.type_name)?;
        let block = &action.schema().block;
        let config = convert::value(request.config.as_ref(), &block.value_type())?;
        let mut diagnostics = Diagnostics::new();
        validate::validate(block, &action.config_validators(), &config, true, &mut diagnostics);
        Ok(wire::validate_action_config::Response { diagnostics: convert::diagnostics(diagnostics) })
    }

    pub(super) async fn plan_action(
        &self,
        request: wire::plan_action::Request,
    ) -> Result<wire::plan_action::Response, Diagnostics> {
        let action = self.action(&request.action_type)?;
        let config = convert::value(request.config.as_ref(), &action.schema().block.value_type())?;
        let call = self.call(request.client_capabilities, &[]);
        action.plan(&call, config).await?;
        let mut diagnostics = call.take_warnings();
        // Core takes one reason only here.
        let deferred = match call.deferred() {
            None if self.is_deferred(call.capabilities()) => Some(DeferReason::ProviderConfigUnknown),
            reason => reason,
        };
        if let Some(reason) = deferred
            && !(call.capabilities().deferral && reason == DeferReason::ProviderConfigUnknown)
        {
            diagnostics.push(super::plan::cannot_defer(&request.action_type, reason));
        }
        Ok(wire::plan_action::Response {
            diagnostics: convert::diagnostics(diagnostics),
            deferred: deferred.filter(|_| call.capabilities().deferral).map(convert::deferred),
        })
    }
}
