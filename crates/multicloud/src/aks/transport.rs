//! The one HTTP client that every call of a backend to Azure goes through, and that the SDK's credentials are given: which
//! roots it trusts, which proxy it takes, how long it waits and how much it reads.
//!
//! Nothing is opened at construction: TLS and the platform's trust store are loaded at the first request. Redirects are
//! never followed, so that no bearer token goes anywhere but where it was sent.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};
use http::{HeaderMap, Method};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::OnceCell;

use crate::error::ErrorKind;

/// A connection that is not there after this long will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Resource Manager itself gives a service one minute to answer
/// (<https://github.com/microsoft/api-guidelines/blob/vNext/azure/ConsiderationsForServiceDesign.md>); whoever takes longer
/// has lost the request.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// A managed identity's endpoint is on the host itself and answers in milliseconds. Elsewhere nobody answers at all, and a
/// user without credentials shall not wait long to hear so.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest replies are the machine types of a region, of a few MiB; who sends more than this is not Azure.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("the CA bundle {path:?} cannot be read")]
    ReadBundle { path: PathBuf, source: std::io::Error },
    #[error("the CA bundle {path:?} holds no usable PEM certificate")]
    ParseBundle { path: PathBuf },
    #[error("the proxy's address is not an http:// or https:// URL with a host")]
    Proxy,
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
    #[error("the request cannot be made")]
    Request(#[source] reqwest::Error),
    #[error("no connection could be made")]
    Connect(#[source] reqwest::Error),
    #[error("the certificate of the other side is not trusted")]
    Untrusted(#[source] reqwest::Error),
    #[error("no whole reply arrived")]
    Lost(#[source] reqwest::Error),
    #[error("the reply is longer than {MAX_REPLY} bytes")]
    TooLong,
}

impl TransportError {
    /// What sort of failure it is: whether the request may have been served.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::ReadBundle { .. }
            | Self::ParseBundle { .. }
            | Self::Proxy
            | Self::Client(_)
            | Self::Request(_)
            | Self::Untrusted(_) => ErrorKind::InvalidConfig,
            Self::Connect(_) => ErrorKind::Unavailable { retry_after: None },
            Self::Lost(_) | Self::TooLong => ErrorKind::Ambiguous,
        }
    }

    /// The URL may hold what is nobody's business; whoever reports the error says what was called.
    fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if is_untrusted(&error) {
            Self::Untrusted(error)
        } else if error.is_connect() {
            Self::Connect(error)
        } else if error.is_builder() {
            Self::Request(error)
        } else {
            Self::Lost(error)
        }
    }
}

/// A reply that arrived whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The text of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An HTTP client that is opened at its first use.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    ca_bundle: Option<PathBuf>,
    proxy: Option<String>,
    is_metadata: bool,
    client: OnceCell<reqwest::Client>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The proxy may carry a password.
        f.debug_struct("Transport").field("ca_bundle", &self.0.ca_bundle).finish_non_exhaustive()
    }
}

impl Transport {
    /// A client that trusts `ca_bundle` besides the platform's roots and goes through `proxy`, or through the proxy of the
    /// usual environment variables.
    pub(crate) fn new(ca_bundle: Option<PathBuf>, proxy: Option<String>) -> Self {
        Self(Arc::new(Inner { ca_bundle, proxy, is_metadata: false, client: OnceCell::new() }))
    }

    /// A client for a managed identity's endpoint: on this host, without a proxy, and with little patience.
    pub(crate) fn for_metadata(ca_bundle: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner { ca_bundle, proxy: None, is_metadata: true, client: OnceCell::new() }))
    }

    /// Sends a request once, and reads the reply.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Reply, TransportError> {
        let client = self.0.client.get_or_try_init(|| async { self.0.open() }).await?;
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(TransportError::of)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(TransportError::of)? {
            if body.len() + chunk.len() > MAX_REPLY {
                return Err(TransportError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }
}

impl Inner {
    fn open(&self) -> Result<reqwest::Client, TransportError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("multicloud/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(if self.is_metadata { METADATA_TIMEOUT } else { CONNECT_TIMEOUT })
            .timeout(if self.is_metadata { METADATA_TIMEOUT } else { CALL_TIMEOUT });
        if self.is_metadata {
            builder = builder.no_proxy();
        } else if let Some(url) = &self.proxy {
            builder = builder.proxy(proxy(url)?);
        }
        if let Some(path) = &self.ca_bundle {
            builder = builder.tls_certs_merge(read_bundle(path)?);
        }
        builder.build().map_err(|error| TransportError::Client(error.without_url()))
    }
}

/// The URL may hold a password, and the parser's own message repeats the URL.
fn proxy(url: &str) -> Result<reqwest::Proxy, TransportError> {
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(TransportError::Proxy);
    }
    reqwest::Proxy::all(url).map_err(|_| TransportError::Proxy)
}

fn read_bundle(path: &Path) -> Result<Vec<reqwest::Certificate>, TransportError> {
    let pem = std::fs::read(path).map_err(|source| TransportError::ReadBundle { path: path.to_owned(), source })?;
    let unusable = || TransportError::ParseBundle { path: path.to_owned() };
    let mut roots = rustls::RootCertStore::empty();
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| unusable())?;
        certificates.push(reqwest::Certificate::from_der(&certificate).map_err(|_| unusable())?);
        roots.add(certificate).map_err(|_| unusable())?;
    }
    if certificates.is_empty() { Err(unusable()) } else { Ok(certificates) }
}

/// More than any chain has.
const MAX_CAUSES: usize = 16;

/// Whether the other side showed a certificate that we refuse: trying again would not help.
fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    for _ in 0..MAX_CAUSES {
        let Some(cause) = next else { return false };
        let io = cause.downcast_ref::<std::io::Error>();
        if let Some(rustls::Error::InvalidCertificate(_)) = cause.downcast_ref().or(io.and_then(wrapped_tls)) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// The TLS error in an I/O error, which is not among its sources: these begin below what it wraps.
fn wrapped_tls(io: &std::io::Error) -> Option<&rustls::Error> {
    let inner = io.get_ref()?;
    inner.downcast_ref().or_else(|| inner.downcast_ref().and_then(wrapped_tls))
}

/// As the SDK's credentials use it.
#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        use azure_core::error::ErrorKind;

        let failed = |error| azure_core::Error::with_message(ErrorKind::Other, error);
        let method = Method::from_bytes(request.method().as_str().as_bytes())
            .map_err(|_| failed("the request's method is not one of HTTP".to_owned()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers().iter() {
            let name = http::HeaderName::from_bytes(name.as_str().as_bytes());
            let value = http::HeaderValue::from_str(value.as_str());
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(failed("a header of the request is not one of HTTP".to_owned()));
            };
            headers.insert(name, value);
        }
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.to_vec(),
            Body::SeekableStream(_) => return Err(failed("credentials send no streams".to_owned())),
        };
        let reply = self.send(method, request.url().as_str(), headers, Some(body)).await;
        let reply = reply.map_err(|error| azure_core::Error::new(ErrorKind::Io, error))?;
        let mut headers = Headers::new();
        for (name, value) in &reply.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
            }
        }
        Ok(AsyncRawResponse::from_bytes(reply.status.into(), headers, reply.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_bundle_is_an_error_and_not_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(read_bundle(&path), Err(TransportError::ParseBundle { .. })));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(read_bundle(&path), Err(TransportError::ParseBundle { .. })));
        let missing = dir.path().join("missing.pem");
        assert!(matches!(read_bundle(&missing), Err(TransportError::ReadBundle { .. })));
    }

    #[test]
    fn a_proxy_with_a_password_is_refused_without_repeating_it() {
        let error = proxy("ftp://user:hunter2@proxy").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let transport = Transport::new(None, Some("http://user:hunter2@proxy:3128".to_owned()));
        assert!(!format!("{transport:?}").contains("hunter2"));
    }
}
