//! What is the same in the HTTP of all clouds: the authorities that a user names, which refusals are for good, how much of
//! a reply is read, and how long it asks to wait. The requests to AKS and GKE are ours, and go through [`Transport`]; those
//! to EKS are the SDK's.

#[cfg(any(feature = "aks", feature = "gke"))]
mod client;

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use k8s_openapi::jiff;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

#[cfg(any(feature = "aks", feature = "gke"))]
pub(crate) use self::client::{Reply, Timeouts, Transport, TransportError};
use crate::error::causes;

/// A reply is held whole in memory. The longest (a region's machine types, or its operations) have a few MiB; who sends more
/// than this is no cloud.
pub(crate) const MAX_REPLY: usize = 16 * 1024 * 1024;

/// What is wrong with how the user says that a cloud is reached; found before anything is sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("the CA bundle {path:?} cannot be read")]
    ReadBundle { path: PathBuf, source: std::io::Error },
    #[error("the CA bundle {path:?} holds no usable PEM certificate")]
    ParseBundle { path: PathBuf },
    /// Without a cause, which would repeat the URL with its password.
    #[error("the proxy's address is not an http:// or https:// URL with a host")]
    Proxy,
}

/// Reads a PEM file of authorities, in which every certificate is one that can be trusted: what reads it later panics where
/// that is not so (the SDK of AWS), or names no file.
pub(crate) fn read_bundle(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let pem = std::fs::read(path).map_err(|source| SettingsError::ReadBundle { path: path.to_owned(), source })?;
    let unusable = || SettingsError::ParseBundle { path: path.to_owned() };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
    }
    if roots.is_empty() { Err(unusable()) } else { Ok(pem) }
}

/// Whether the other side showed a certificate that we refuse: trying again would not help.
pub(crate) fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| {
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(wrapped_tls);
        matches!(cause.downcast_ref().or(wrapped), Some(rustls::Error::InvalidCertificate(_)))
    })
}

/// The TLS error in an I/O error, which is not among its sources: these begin below what it wraps.
fn wrapped_tls(io: &std::io::Error) -> Option<&rustls::Error> {
    let inner = io.get_ref()?;
    inner.downcast_ref().or_else(|| inner.downcast_ref().and_then(wrapped_tls))
}

/// The `Retry-After` of a reply with these headers, in seconds or as a date. A date counts from the reply's own, whose clock
/// made both.
pub(crate) fn retry_after<'r>(header: impl Fn(&'static str) -> Option<&'r str>) -> Option<Duration> {
    let value = header("retry-after")?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = http_date(header("date")?)?;
    Some(http_date(value)?.duration_since(now).unwrap_or_default())
}

/// `Sat, 21 Nov 2026 13:30:00 GMT`, the only form that may be sent (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<SystemTime> {
    let civil = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text.trim()).ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().into())
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
            assert!(matches!(read_bundle(&path), Err(SettingsError::ParseBundle { .. })), "{content:?}");
        }
        let missing = dir.path().join("missing.pem");
        assert!(matches!(read_bundle(&missing), Err(SettingsError::ReadBundle { .. })));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let check = |headers: &[(&str, &'static str)], expected: Option<u64>| {
            let header = |name: &str| headers.iter().find(|header| header.0 == name).map(|header| header.1);
            assert_eq!(retry_after(header), expected.map(Duration::from_secs), "{headers:?}");
        };
        check(&[("retry-after", "7")], Some(7));
        let now = ("date", "Sat, 21 Nov 2026 13:30:00 GMT");
        check(&[now, ("retry-after", "Sat, 21 Nov 2026 13:31:05 GMT")], Some(65));
        check(&[now, ("retry-after", "Sat, 21 Nov 2026 13:29:00 GMT")], Some(0));
        check(&[("retry-after", "Sat, 21 Nov 2026 13:31:05 GMT")], None);
        check(&[now, ("retry-after", "soon")], None);
        check(&[now], None);
    }
}
