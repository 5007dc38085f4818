//! HTTP and HTTPS on loopback: reads requests whole, and sends, drops, cuts or withholds replies as the engine decides.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::admin;
use crate::cloud::{Reply, Request};
use crate::engine::{Engine, Outcome};
use crate::fault::Break;

/// A request's body. The largest that EKS takes is a cluster with 50 tags and a policy document: far below.
const MAX_BODY: usize = 1024 * 1024;

/// Connections at one time. A thousand environments applied ten at a time need some tens; more than this is a leak in the
/// client, and shall wait visibly rather than exhaust the machine's descriptors.
const MAX_CONNECTIONS: usize = 4096;

/// A listener and what stands behind it.
pub(crate) struct Endpoint {
    pub(crate) listener: TcpListener,
    pub(crate) cloud: usize,
    pub(crate) name: &'static str,
    /// For an endpoint that speaks https.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// The engine, which serves one request at a time: that makes a run repeatable.
pub(crate) type Shared = Arc<Mutex<Engine>>;

/// A panic while the engine was held leaves at worst one half-changed object, and the test that caused it fails by the
/// dropped connection; the others still want their answers.
pub(crate) fn lock(engine: &Shared) -> MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections until it is dropped.
pub(crate) async fn serve(endpoint: Endpoint, engine: Shared) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let Endpoint { listener, cloud, name, tls } = endpoint;
    loop {
        // The semaphore is never closed, so this cannot fail.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        // A connection that failed before it was accepted is the client's business.
        let Ok((stream, _)) = accepted else { continue };
        let (engine, tls) = (Arc::clone(&engine), tls.clone());
        connections.spawn(async move {
            connection(stream, tls, cloud, name, engine).await;
            drop(permit);
        });
    }
}

/// Binds a port of the loopback interface.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The connection is to be closed without a reply.
#[derive(Debug, thiserror::Error)]
#[error("connection dropped on purpose")]
struct Dropped;

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, cloud: usize, name: &'static str, engine: Shared) {
    // Small replies, each awaited: Nagle's algorithm would add 40 ms to many of them.
    let _ = stream.set_nodelay(true);
    let resets = Arc::new(AtomicBool::new(false));
    let line = Line { stream, resets: Arc::clone(&resets) };
    let service = service_fn(move |request| {
        let (engine, resets) = (Arc::clone(&engine), Arc::clone(&resets));
        async move { answer(request, cloud, name, engine, &resets).await }
    });
    let http = hyper::server::conn::http1::Builder::new();
    // An error is a client that went away or does not trust us, or a connection that we dropped.
    match tls {
        None => {
            let _ = http.serve_connection(TokioIo::new(line), service).await;
        }
        Some(tls) => {
            let Ok(line) = tls.accept(line).await else { return };
            let _ = http.serve_connection(TokioIo::new(line), service).await;
        }
    }
}

/// A connection that can end by a reset.
struct Line {
    stream: TcpStream,
    resets: Arc<AtomicBool>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.resets.load(Ordering::Relaxed) {
            // Without time to linger the kernel sends RST instead of FIN. It cannot fail on an open socket; if it did, the
            // client would meet a closed connection.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.resets.load(Ordering::Relaxed) {
            // A shutdown would send the FIN that the reset is to replace.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

async fn answer(
    request: http::Request<Incoming>,
    cloud: usize,
    name: &'static str,
    engine: Shared,
    resets: &AtomicBool,
) -> Result<Response<Output>, Dropped> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let reply = Reply { status: StatusCode::PAYLOAD_TOO_LARGE.as_u16(), headers: Vec::new(), body: Vec::new() };
            return Ok(response(reply, Ending::Whole));
        }
    };
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: crate::percent::query(head.uri.query().unwrap_or("")),
        headers: head.headers,
        body,
    };
    if let Some(path) = request.path.strip_prefix(admin::PREFIX) {
        return Ok(response(admin::answer(&mut lock(&engine), path, &request), Ending::Whole));
    }
    let outcome = lock(&engine).exchange(cloud, name, &request);
    match outcome {
        Ok(Outcome::Send(reply)) => Ok(response(reply, Ending::Whole)),
        Ok(Outcome::Cut(reply, how)) => {
            resets.store(how == Break::Reset, Ordering::Relaxed);
            Ok(response(reply, if how == Break::Hang { Ending::Withheld } else { Ending::Broken }))
        }
        Ok(Outcome::Break(Break::Hang)) => std::future::pending().await,
        Ok(Outcome::Break(how)) => {
            resets.store(how == Break::Reset, Ordering::Relaxed);
            Err(Dropped)
        }
        // A journal that cannot be written ends the exchange: see `Engine::exchange`.
        Err(_) => Err(Dropped),
    }
}

fn response(reply: Reply, ending: Ending) -> Response<Output> {
    let length = reply.body.len();
    let mut body = Bytes::from(reply.body);
    if !matches!(ending, Ending::Whole) {
        body.truncate(length / 2);
    }
    let mut response = Response::new(Output { rest: Some(body), length: length as u64, ending, flushed: false });
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let Ok(value) = http::HeaderValue::from_str(&value) {
            response.headers_mut().insert(name_of(name), value);
        }
    }
    response.headers_mut().insert(http::header::CONTENT_LENGTH, http::HeaderValue::from(length));
    response
}

fn name_of(name: &'static str) -> http::HeaderName {
    // Header names are constants of this crate; one that is none becomes visible as itself.
    http::HeaderName::try_from(name).unwrap_or(http::HeaderName::from_static("x-malformed-header-name"))
}

/// How a body ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Whole,
    /// After its half the connection breaks.
    Broken,
    /// After its half nothing comes.
    Withheld,
}

/// The body of a reply.
#[derive(Debug)]
struct Output {
    rest: Option<Bytes>,
    /// As announced, which a cut body does not reach.
    length: u64,
    ending: Ending,
    /// Whether hyper was given the occasion to write out what it has before the connection breaks.
    flushed: bool,
}

impl Body for Output {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        if let Some(bytes) = self.rest.take()
            && !bytes.is_empty()
        {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.ending {
            Ending::Whole => Poll::Ready(None),
            Ending::Withheld => Poll::Pending,
            Ending::Broken if !self.flushed => {
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::Broken => Poll::Ready(Some(Err(Dropped))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
