//! The certificate authority of a run: made at its start, it vouches for the endpoints that speak https and for nothing
//! else. Its key never leaves the process; its certificate is a file that clients are pointed at.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

/// Why no certificates could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot set up TLS")]
    Tls(#[from] tokio_rustls::rustls::Error),
    #[error("cannot write the certificate authority's file")]
    Bundle(#[from] std::io::Error),
}

/// What endpoints that speak https need, and the file by which clients know them.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    bundle: NamedTempFile,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("bundle", &self.bundle.path()).finish_non_exhaustive()
    }
}

impl Tls {
    /// A new authority with one certificate, for `localhost` and 127.0.0.1.
    pub(crate) fn new() -> Result<Tls, TlsError> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name.push(DnType::CommonName, "multicloud-simulator certificate authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
        server.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Strict verifiers ask for it (Python 3.13 and newer do by default).
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &authority)?;

        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];

        let mut bundle = tempfile::Builder::new().prefix("multicloud-simulator-ca-").suffix(".pem").tempfile()?;
        bundle.write_all(authority.pem().as_bytes())?;
        bundle.flush()?;
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), bundle })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// The file with the authority's certificate; it goes with this value.
    pub(crate) fn bundle(&self) -> &Path {
        self.bundle.path()
    }
}
