//! The HTTP client for requests of our own: which roots it trusts, which proxy it takes, how long it waits and how much it
//! reads.
//!
//! Nothing is opened at construction: TLS and the platform's trust store, which a machine may lack, are loaded at the first
//! `https` request. A request is sent once. Redirects are never followed, so that no bearer token goes anywhere but where it
//! was sent.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use tokio::sync::OnceCell;

use super::{MAX_REPLY, SettingsError, is_untrusted, read_bundle};
use crate::error::ErrorKind;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
    #[cfg_attr(not(feature = "gke"), expect(dead_code, reason = "AKS refuses such addresses in its settings"))]
    #[error("the address is plain http to another host, and secrets are sent there by https only")]
    Plain,
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
            Self::Settings(_) | Self::Client(_) | Self::Plain | Self::Request(_) | Self::Untrusted(_) => {
                ErrorKind::InvalidConfig
            }
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

/// How long is waited, for a connection and for the whole of a reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) call: Duration,
}

/// An HTTP client that is opened at its first use.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    ca_bundle: Option<PathBuf>,
    route: Route,
    timeouts: Timeouts,
    tls: OnceCell<reqwest::Client>,
    /// For addresses without TLS, which need no roots.
    plain: OnceCell<reqwest::Client>,
}

enum Route {
    /// Through the proxy of the usual environment variables, if they name one.
    Environment,
    Proxy(String),
    Direct,
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
    pub(crate) fn new(ca_bundle: Option<PathBuf>, proxy: Option<String>, timeouts: Timeouts) -> Self {
        Self::by(proxy.map_or(Route::Environment, Route::Proxy), ca_bundle, timeouts)
    }

    /// A client for what is on this host, which no proxy can reach.
    pub(crate) fn direct(ca_bundle: Option<PathBuf>, timeouts: Timeouts) -> Self {
        Self::by(Route::Direct, ca_bundle, timeouts)
    }

    fn by(route: Route, ca_bundle: Option<PathBuf>, timeouts: Timeouts) -> Self {
        let (tls, plain) = (OnceCell::new(), OnceCell::new());
        Self(Arc::new(Inner { ca_bundle, route, timeouts, tls, plain }))
    }

    /// Sends a request once, and reads the reply.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Reply, TransportError> {
        let client = if url.starts_with("http://") {
            self.0.plain.get_or_try_init(|| async { self.0.open_plain() }).await?
        } else {
            self.0.tls.get_or_try_init(|| async { self.0.open_tls() }).await?
        };
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(TransportError::of)?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(TransportError::of)? {
            if body.len() + chunk.len() > MAX_REPLY {
                return Err(TransportError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }

    /// Finds what is wrong with the settings, as the first requests would.
    #[cfg(any(test, feature = "gke"))]
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.0.builder().map(drop)?;
        self.0.ca_bundle.as_deref().map_or(Ok(()), |path| read_bundle(path).map(drop))
    }
}

impl Inner {
    fn builder(&self) -> Result<reqwest::ClientBuilder, SettingsError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("multicloud/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(self.timeouts.connect)
            .timeout(self.timeouts.call);
        Ok(match &self.route {
            Route::Environment => builder,
            Route::Proxy(url) => builder.proxy(proxy(url)?),
            Route::Direct => builder.no_proxy(),
        })
    }

    fn open_plain(&self) -> Result<reqwest::Client, TransportError> {
        built(self.builder()?.tls_certs_only([]))
    }

    fn open_tls(&self) -> Result<reqwest::Client, TransportError> {
        let mut builder = self.builder()?;
        if let Some(path) = &self.ca_bundle {
            let roots = reqwest::Certificate::from_pem_bundle(&read_bundle(path)?);
            let unusable = |_| SettingsError::ParseBundle { path: path.clone() };
            builder = builder.tls_certs_merge(roots.map_err(unusable)?);
        }
        built(builder)
    }
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, TransportError> {
    builder.build().map_err(|error| TransportError::Client(error.without_url()))
}

/// The URL may hold a password, and the parser's own message repeats the URL.
fn proxy(url: &str) -> Result<reqwest::Proxy, SettingsError> {
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(SettingsError::Proxy);
    }
    reqwest::Proxy::all(url).map_err(|_| SettingsError::Proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(5), call: Duration::from_secs(5) };

    #[test]
    fn a_proxy_with_a_password_is_never_repeated() {
        let through = |proxy: &str| Transport::new(None, Some(proxy.to_owned()), TIMEOUTS);
        for bad in ["ftp://user:hunter2@proxy", "http://user:hunter2@["] {
            let error = through(bad).check().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let good = through("http://user:hunter2@proxy:3128");
        good.check().unwrap();
        assert!(!format!("{good:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_bad_bundle_is_found_before_and_at_the_first_request() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, "").unwrap();
        let transport = Transport::new(Some(path), None, TIMEOUTS);
        assert!(matches!(transport.check(), Err(SettingsError::ParseBundle { .. })));
        let error = transport.send(Method::GET, "https://localhost:1", HeaderMap::new(), None).await.unwrap_err();
        assert!(matches!(error, TransportError::Settings(SettingsError::ParseBundle { .. })), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    }
}
