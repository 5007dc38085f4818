//! Connections: from an accepted socket through TLS to HTTP/2, one or a hundred.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listener::{Listener, Stream};
use super::services::Services;
use crate::proto::tfplugin6::provider_server::Provider;

/// A CLI opens one connection, several CLIs in debug mode one each. The limit keeps a stranger who opens sockets from
/// using up descriptors; his connections end when their handshake fails or its time is over.
const CONNECTIONS_LIMIT: usize = 1024;

/// A local peer finishes a TLS handshake in milliseconds.
const TLS_LIMIT: Duration = Duration::from_secs(10);

/// How long to wait before accepting again after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Calls at a time on one connection: far above any `-parallelism` in use.
const STREAMS_LIMIT: u32 = 4096;

/// What a peer may send before it hears from us. States of many megabytes come in few rounds, and the memory is used
/// only while such a message arrives. There is no keep-alive: a local peer that is gone closes the socket.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// Serves accepted sockets.
pub(super) struct Connections<P> {
    tls: Option<TlsAcceptor>,
    services: Services<P>,
    http: http2::Builder<TokioExecutor>,
    tasks: TaskTracker,
    slots: Arc<Semaphore>,
    connected: CancellationToken,
    end: CancellationToken,
}

impl<P: Provider> Connections<P> {
    /// `connected` is cancelled when the first peer has proved itself; at `end` connections finish what they have.
    pub(super) fn new(
        tls: Option<Arc<ServerConfig>>,
        services: Services<P>,
        connected: CancellationToken,
        end: CancellationToken,
    ) -> Connections<P> {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_LIMIT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        Connections {
            tls: tls.map(TlsAcceptor::from),
            services,
            http,
            tasks: TaskTracker::new(),
            slots: Arc::new(Semaphore::new(CONNECTIONS_LIMIT)),
            connected,
            end,
        }
    }

    /// Accepts for ever.
    pub(super) async fn accept(&self, listener: &Listener) -> Infallible {
        loop {
            let slot = Arc::clone(&self.slots).acquire_owned().await;
            match listener.accept().await {
                Ok(stream) => {
                    let connection = self.connection();
                    self.tasks.spawn(async move {
                        // A stranger's broken handshake is no concern of the user's.
                        if let Err(error) = connection.serve(stream).await {
                            tracing::debug!(%error, "connection ended");
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits until the peers have the last answers.
    pub(super) async fn finish(self, limit: Duration) {
        self.tasks.close();
        // Whoever does not read in that time does not read at all.
        let _ = tokio::time::timeout(limit, self.tasks.wait()).await;
    }

    fn connection(&self) -> Connection<P> {
        Connection {
            tls: self.tls.clone(),
            services: self.services.clone(),
            http: self.http.clone(),
            connected: self.connected.clone(),
            end: self.end.clone(),
        }
    }
}

struct Connection<P> {
    tls: Option<TlsAcceptor>,
    services: Services<P>,
    http: http2::Builder<TokioExecutor>,
    connected: CancellationToken,
    end: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("the peer's TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("the peer's TLS handshake took too long")]
    TlsTimeout,
    #[error("HTTP/2: {0}")]
    Http(hyper::Error),
}

impl<P: Provider> Connection<P> {
    async fn serve(self, stream: Stream) -> Result<(), ConnectionError> {
        match self.tls.clone() {
            None => self.serve_http(stream).await,
            Some(acceptor) => {
                let stream = tokio::time::timeout(TLS_LIMIT, acceptor.accept(stream))
                    .await
                    .map_err(|_| ConnectionError::TlsTimeout)?
                    .map_err(ConnectionError::Tls)?;
                self.serve_http(stream).await
            }
        }
    }

    async fn serve_http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<(), ConnectionError> {
        self.connected.cancel();
        // Calls learn from this token, when it is dropped, that their peer is gone.
        let lost = self.end.child_token();
        let _lost = lost.clone().drop_guard();
        let services = self.services;
        let service = service_fn(move |request| services.clone().answer(request, lost.clone()));
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            result = connection.as_mut() => return result.map_err(ConnectionError::Http),
            () = self.end.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(ConnectionError::Http)
    }
}
