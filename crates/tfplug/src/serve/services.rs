//! Who answers which call: the provider, and the four small services that every plugin has.

use std::convert::Infallible;
use std::pin::Pin;

use futures::Stream;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::proto::plugin::grpc_broker_server::{GrpcBroker, GrpcBrokerServer};
use crate::proto::plugin::grpc_controller_server::{GrpcController, GrpcControllerServer};
use crate::proto::plugin::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};
use crate::proto::plugin::{ConnInfo, Empty, StdioData};
use crate::proto::tfplugin6::provider_server::{Provider, ProviderServer};

/// The largest message either way. The CLI allows 2 GiB, but 256 MiB for a state, which is the largest thing it sends.
const MESSAGE_LIMIT: usize = 256 * 1024 * 1024;

/// The name under which the CLI's plugin library asks for our health.
const HEALTH_NAME: &str = "plugin";

tokio::task_local! {
    static ABANDONED: CancellationToken;
}

/// Tells a call that nobody waits for its answer any more: its client hung up, or the process is to end.
///
/// To be asked for by the task that a call to the provider runs in. A call that has something to undo or to write down
/// does so when the token is cancelled; it has at most 1.5 seconds, after which the process may be gone. For a call that
/// answers with a stream it is also the sign that the client has read enough. The token is cancelled when the call is
/// over, too, and never outside of a call.
pub fn abandoned() -> CancellationToken {
    ABANDONED.try_with(CancellationToken::clone).unwrap_or_default()
}

/// Cancels `token` too when the call of this task is [`abandoned`]. Outside of a call nothing happens.
pub fn cancel_when_abandoned(token: CancellationToken) {
    if let Ok(abandoned) = ABANDONED.try_with(CancellationToken::clone) {
        // Ends with the call, whose token is always cancelled.
        tokio::spawn(async move {
            abandoned.cancelled().await;
            token.cancel();
        });
    }
}

/// All services of one process; clones share them.
#[derive(Debug)]
pub(super) struct Services<P> {
    provider: ProviderServer<P>,
    controller: GrpcControllerServer<Controller>,
    stdio: GrpcStdioServer<Silent>,
    broker: GrpcBrokerServer<Silent>,
    health: HealthServer<HealthService>,
    calls: TaskTracker,
}

impl<P> Clone for Services<P> {
    fn clone(&self) -> Self {
        Services {
            provider: self.provider.clone(),
            controller: self.controller.clone(),
            stdio: self.stdio.clone(),
            broker: self.broker.clone(),
            health: self.health.clone(),
            calls: self.calls.clone(),
        }
    }
}

impl<P: Provider> Services<P> {
    /// `shutdown` is cancelled when the CLI asks for the end; streams without content stay open until `end`.
    pub(super) async fn new(provider: P, shutdown: CancellationToken, end: CancellationToken) -> Services<P> {
        let reporter = HealthReporter::new();
        reporter.set_service_status(HEALTH_NAME, ServingStatus::Serving).await;
        Services {
            provider: ProviderServer::new(provider)
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
            controller: GrpcControllerServer::new(Controller { shutdown }),
            stdio: GrpcStdioServer::new(Silent { end: end.clone() }),
            broker: GrpcBrokerServer::new(Silent { end }),
            health: HealthServer::new(HealthService::from_health_reporter(reporter)),
            calls: TaskTracker::new(),
        }
    }

    /// The calls to the provider that still run.
    pub(super) fn calls(&self) -> &TaskTracker {
        &self.calls
    }

    /// Answers one request of a connection whose loss cancels `connection`.
    pub(super) async fn answer(
        mut self,
        request: Request<Incoming>,
        connection: CancellationToken,
    ) -> Result<Response<Body>, Infallible> {
        let service = request.uri().path().split('/').nth(1).unwrap_or_default();
        match service {
            "tfplugin6.Provider" => Ok(self.call_provider(request, connection).await),
            "plugin.GRPCController" => self.controller.call(request).await,
            "plugin.GRPCStdio" => self.stdio.call(request).await,
            "plugin.GRPCBroker" => self.broker.call(request).await,
            "grpc.health.v1.Health" => self.health.call(request).await,
            _ => Ok(Status::unimplemented("no such service").into_http()),
        }
    }

    /// Runs the call as a task of its own: a lost connection drops the waiting side, and must not drop a handler
    /// between creating an object and recording it.
    async fn call_provider(mut self, request: Request<Incoming>, connection: CancellationToken) -> Response<Body> {
        let abandoned = connection.child_token();
        let call = ABANDONED.scope(abandoned.clone(), self.provider.call(request));
        // Both end with the answer's last byte, or when the peer stops reading it.
        let waiting = (abandoned.drop_guard(), self.calls.token());
        let response = match self.calls.spawn(call).await {
            Ok(Ok(response)) => response,
            Ok(Err(infallible)) => match infallible {},
            // The framework turns panics into diagnostics; this is for those of a `Provider` written without it.
            Err(error) if error.is_panic() => Status::internal("the provider panicked; its log says where").into_http(),
            Err(_) => Status::cancelled("the provider is ending").into_http(),
        };
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _kept = &waiting;
                frame
            }))
        })
    }
}

#[derive(Debug)]
struct Controller {
    shutdown: CancellationToken,
}

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: tonic::Request<Empty>) -> Result<tonic::Response<Empty>, Status> {
        self.shutdown.cancel();
        Ok(tonic::Response::new(Empty {}))
    }
}

/// Streams that carry nothing and end with the process.
///
/// Output goes to the log instead of the stdio stream, whose content the CLI reports as unexpected; and no CLI uses the
/// broker. An open stream keeps the CLI from writing a warning about a missing service.
#[derive(Debug)]
struct Silent {
    end: CancellationToken,
}

impl Silent {
    fn stream<T: 'static>(&self) -> Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>> {
        let end = self.end.clone();
        Box::pin(futures::stream::unfold((), move |()| {
            let end = end.clone();
            async move {
                end.cancelled().await;
                None
            }
        }))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Silent {
    async fn stream_stdio(
        &self,
        _: tonic::Request<()>,
    ) -> Result<tonic::Response<Pin<Box<dyn Stream<Item = Result<StdioData, Status>> + Send>>>, Status> {
        Ok(tonic::Response::new(self.stream()))
    }
}

#[tonic::async_trait]
impl GrpcBroker for Silent {
    async fn start_stream(
        &self,
        _: tonic::Request<tonic::Streaming<ConnInfo>>,
    ) -> Result<tonic::Response<Pin<Box<dyn Stream<Item = Result<ConnInfo, Status>> + Send>>>, Status> {
        Ok(tonic::Response::new(self.stream()))
    }
}
