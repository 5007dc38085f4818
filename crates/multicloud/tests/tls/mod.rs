//! A server of TLS, and whom a backend must trust of such: the authority of `ca_bundle`, for the name that was meant, while
//! its certificate lasts. Anything else is refused for good, before a request is sent.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use multicloud::{Error, ErrorChain, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::scripted;

/// An authority, and a folder with its certificate.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A server, and the requests that it got.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn heard(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// What is answered to a request.
pub(crate) type Answer = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// The same to every request.
pub(crate) fn always(reply: String) -> Answer {
    Arc::new(move |_| reply.clone())
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Listens with a certificate for that name.
    pub(crate) async fn serve(&self, name: &str, edit: impl FnOnce(&mut CertificateParams), answer: Answer) -> Server {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not trust us hangs up in the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let request = read_request(&mut stream).await;
                let reply = answer(&request);
                heard.lock().unwrap().push(request);
                let _ = stream.write_all(reply.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Server { url: format!("https://localhost:{port}"), requests }
    }
}

/// Head and body of a request.
async fn read_request(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    let mut part = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut part).await.unwrap_or(0);
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request);
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").and_then(|length| length.trim().parse().ok())
            });
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            return text.into_owned();
        }
    }
}

/// `ask` sends a request to an address, trusting a bundle; `refusal` is how the cloud says that it is not permitted.
pub(crate) async fn only_the_right_certificate_is_trusted(
    refusal: Answer,
    ask: impl AsyncFn(String, Option<PathBuf>) -> Error,
) {
    let ours = Authority::new();
    let theirs = Authority::new();
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    let good = ours.serve("localhost", |_| {}, Arc::clone(&refusal)).await;
    let misnamed = ours.serve("elsewhere", |_| {}, Arc::clone(&refusal)).await;
    let ended = ours.serve("localhost", expired, refusal).await;
    let cases = [
        // The refusal shows that the request arrived.
        (&good, Some(ours.bundle()), ErrorKind::PermissionDenied),
        (&good, Some(theirs.bundle()), ErrorKind::InvalidConfig),
        (&good, None, ErrorKind::InvalidConfig),
        (&misnamed, Some(ours.bundle()), ErrorKind::InvalidConfig),
        (&ended, Some(ours.bundle()), ErrorKind::InvalidConfig),
    ];
    for (number, (server, bundle, expected)) in cases.into_iter().enumerate() {
        let before = server.heard();
        let error = ask(server.url.clone(), bundle).await;
        assert_eq!(error.kind, expected, "case {number}: {}", ErrorChain(&error));
        assert_eq!(server.heard() > before, expected == ErrorKind::PermissionDenied, "case {number}");
    }
}

/// `ask` sends a request to an address that should speak TLS, and does not.
pub(crate) async fn what_speaks_no_tls_gets_no_request(ask: impl AsyncFn(String, Option<PathBuf>) -> Error) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut first)).await.unwrap().unwrap();
        let _ = stream.write_all(scripted::json("200 OK", &[], "{}").as_bytes()).await;
        first.truncate(read);
        first
    });
    ask(url, None).await;
    let sent = server.await.unwrap();
    assert!(!String::from_utf8_lossy(&sent).contains("HTTP/"), "the request went out in the clear");
}
