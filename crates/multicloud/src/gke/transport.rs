//! The HTTP clients that every call of a backend goes through: which roots they trust, which proxy they take, and how long
//! and how large an answer may be. A request is sent once; nothing here sends one again or follows a redirect.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use http::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Proxy};

use crate::error::{ErrorChain, ServerText};

/// A connection that is not there after this long will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// GKE answers in a second or two; whoever takes longer than this has lost the request.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The metadata server answers from the host itself, in milliseconds. Elsewhere nobody answers at all, and a user without
/// credentials shall not wait long to hear so.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
/// More than the largest answer, a region's operations, ever was.
pub(crate) const MAX_REPLY: usize = 16 << 20;
/// More than any chain of causes has.
const MAX_CAUSES: usize = 16;

/// The clients cannot be built as the settings say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("the CA bundle {} cannot be read", path.display())]
    ReadBundle {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the CA bundle {} holds no usable certificate", path.display())]
    ParseBundle { path: PathBuf },
    /// Without a cause, which would repeat the URL with its password.
    #[error("the proxy is not a URL of http, https or socks5")]
    Proxy,
    #[error("TLS cannot be set up: {0}")]
    Tls(ServerText),
}

/// What came of a request that brought no whole reply.
#[derive(Debug)]
pub(crate) enum SendError {
    /// It was not sent.
    NotSent(ServerText),
    /// It was not sent, because the other side is not who it should be.
    Untrusted(ServerText),
    /// It may have been served.
    Unclear(ServerText),
}

/// A reply, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The clients of one backend.
pub(crate) struct Http {
    roots: Vec<Certificate>,
    proxy: Option<Proxy>,
    /// Built at its first use, because the platform's roots take time to read, and a machine may have none.
    tls: OnceLock<Client>,
    /// For addresses without TLS, which need no roots.
    plain: Client,
    /// For the metadata server, which no proxy can reach.
    direct: Client,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The proxy may carry a password.
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl Http {
    /// Builds what needs no roots, and opens nothing but the bundle.
    pub(crate) fn new(ca_bundle: Option<&Path>, proxy: Option<&str>) -> Result<Self, TransportError> {
        let proxy = proxy.map(Proxy::all).transpose().map_err(|_| TransportError::Proxy)?;
        let roots = ca_bundle.map(read_bundle).transpose()?.unwrap_or_default();
        let built = |builder: ClientBuilder| builder.build().map_err(|error| TransportError::Tls(words(&error)));
        let direct = builder(None).no_proxy().connect_timeout(METADATA_TIMEOUT).timeout(2 * METADATA_TIMEOUT);
        Ok(Self {
            plain: built(builder(proxy.as_ref()).tls_certs_only([]))?,
            direct: built(direct.tls_certs_only([]))?,
            tls: OnceLock::new(),
            roots,
            proxy,
        })
    }

    /// Sends a request, once.
    pub(crate) async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Reply, SendError> {
        let client = if request.uri().scheme_str() == Some("https") { self.tls()? } else { &self.plain };
        exchange(client, request).await
    }

    fn tls(&self) -> Result<&Client, SendError> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let client = builder(self.proxy.as_ref()).tls_certs_merge(self.roots.iter().cloned()).build();
        let client = client.map_err(|error| SendError::Untrusted(words(&error)))?;
        // Of two that are built at once, one is as good as the other.
        Ok(self.tls.get_or_init(|| client))
    }

    /// Sends a request to the metadata server.
    pub(crate) async fn ask_metadata(&self, request: http::Request<Vec<u8>>) -> Result<Reply, SendError> {
        exchange(&self.direct, request).await
    }
}

fn builder(proxy: Option<&Proxy>) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("multicloud/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT);
    match proxy {
        Some(proxy) => builder.proxy(proxy.clone()),
        None => builder,
    }
}

fn words(error: &reqwest::Error) -> ServerText {
    ServerText::new(&ErrorChain(error).to_string())
}

async fn exchange(client: &Client, request: http::Request<Vec<u8>>) -> Result<Reply, SendError> {
    let request = reqwest::Request::try_from(request).map_err(|error| unsent(&error))?;
    let mut response = client.execute(request).await.map_err(|error| unsent(&error.without_url()))?;
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| SendError::Unclear(words(&error.without_url())))? {
        if body.len() + chunk.len() > MAX_REPLY {
            return Err(SendError::Unclear(ServerText::new("the reply is longer than 16 MiB")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body })
}

/// Whether a request that brought no reply may have been served.
fn unsent(error: &reqwest::Error) -> SendError {
    if is_untrusted(error) {
        SendError::Untrusted(words(error))
    } else if error.is_connect() || error.is_builder() {
        SendError::NotSent(words(error))
    } else {
        SendError::Unclear(words(error))
    }
}

fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    for _ in 0..MAX_CAUSES {
        let Some(cause) = next else { break };
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(wrapped_tls);
        if let Some(rustls::Error::InvalidCertificate(_)) = cause.downcast_ref().or(wrapped) {
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

fn read_bundle(path: &Path) -> Result<Vec<Certificate>, TransportError> {
    let unusable = || TransportError::ParseBundle { path: path.to_owned() };
    let pem = std::fs::read(path).map_err(|source| TransportError::ReadBundle { path: path.to_owned(), source })?;
    // What is no certificate would only be found out when all clients are built, with words that name no file.
    let mut roots = rustls::RootCertStore::empty();
    for certificate in
        <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(&pem)
    {
        roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
    }
    if roots.is_empty() {
        return Err(unusable());
    }
    Certificate::from_pem_bundle(&pem).map_err(|_| unusable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_bundle_is_an_error_and_not_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        for content in ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ""] {
            std::fs::write(&path, content).unwrap();
            assert!(matches!(Http::new(Some(&path), None), Err(TransportError::ParseBundle { .. })), "{content:?}");
        }
        let missing = dir.path().join("missing.pem");
        assert!(matches!(Http::new(Some(&missing), None), Err(TransportError::ReadBundle { .. })));
    }

    #[test]
    fn a_proxy_with_a_password_is_never_repeated() {
        let error = Http::new(None, Some("http://user:hunter2@[")).unwrap_err();
        assert!(!format!("{} {error:?}", ErrorChain(&error)).contains("hunter2"));
        let http = Http::new(None, Some("http://user:hunter2@proxy:3128")).unwrap();
        assert!(!format!("{http:?}").contains("hunter2"));
    }
}
