//! Whom the GKE backend trusts: the authority of `ca_bundle`, for the name that was meant, while its certificate lasts.
//! Anything else is refused for good, before a request is sent.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

#[allow(dead_code, reason = "the server here speaks TLS, and takes only the form of a reply from there")]
mod scripted;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use multicloud::gke::{Gke, GoogleSettings};
use multicloud::{Backend as _, ErrorChain, ErrorKind, Secret};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

/// An authority, and a folder with its certificate.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn bundle(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Listens with a certificate for these names, and answers every request with a refusal of GKE.
    async fn serve(&self, names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
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
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not trust us hangs up in the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = vec![0; 16 * 1024];
                let _ = stream.read(&mut request).await;
                let refusal = scripted::json("403 Forbidden", &["Connection: close"], "{}");
                let _ = stream.write_all(refusal.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        format!("https://localhost:{port}")
    }
}

/// What comes of a request: its kind, and the words for it.
async fn answer(url: String, ca_bundle: Option<PathBuf>) -> (ErrorKind, String) {
    let settings = GoogleSettings {
        endpoint: Some(url),
        ca_bundle,
        access_token: Some(Secret::new("any")),
        ..GoogleSettings::default()
    };
    let id = "gke/acme/europe-west1/prod".parse().unwrap();
    let error = Gke::new(settings).read(&id).await.expect_err("a refusal, of one sort or another");
    (error.kind, ErrorChain(&error).to_string())
}

#[tokio::test]
async fn only_the_right_certificate_is_trusted() {
    let ours = Authority::new();
    let theirs = Authority::new();
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    let cases = [
        // The refusal shows that the request arrived.
        (ours.serve(&["localhost"], |_| {}).await, Some(ours.bundle()), ErrorKind::PermissionDenied),
        (ours.serve(&["localhost"], |_| {}).await, Some(theirs.bundle()), ErrorKind::InvalidConfig),
        (ours.serve(&["localhost"], |_| {}).await, None, ErrorKind::InvalidConfig),
        (ours.serve(&["elsewhere"], |_| {}).await, Some(ours.bundle()), ErrorKind::InvalidConfig),
        (ours.serve(&["localhost"], expired).await, Some(ours.bundle()), ErrorKind::InvalidConfig),
    ];
    for (number, (url, bundle, expected)) in cases.into_iter().enumerate() {
        let (kind, words) = answer(url, bundle).await;
        assert_eq!(kind, expected, "case {number}: {words}");
    }
}

#[tokio::test]
async fn what_speaks_no_tls_gets_no_request() {
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
    answer(url, None).await;
    let sent = server.await.unwrap();
    assert!(!String::from_utf8_lossy(&sent).contains("/clusters"), "the request went out in the clear");
}
