//! How Google is reached: how long is waited for whom.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use http::header::InvalidHeaderValue;

use crate::transport::{Reply, SettingsError, Timeouts, Transport, TransportError};

/// A connection that is not there after five seconds will not come. GKE answers in a second or two; whoever takes longer than
/// this has lost the request.
const CALLS: Timeouts = Timeouts { connect: Duration::from_secs(5), call: Duration::from_secs(30) };
/// The metadata server answers from the host itself, in milliseconds. Elsewhere nobody answers at all, and a user without
/// credentials shall not wait long to hear so.
const METADATA: Timeouts = Timeouts { connect: Duration::from_secs(1), call: Duration::from_secs(2) };

/// The clients of one backend.
#[derive(Debug)]
pub(crate) struct Http {
    calls: Transport,
    metadata: Transport,
}

impl Http {
    /// Refuses settings with which nothing could be sent: found out later, they would be taken for missing credentials.
    pub(crate) fn new(ca_bundle: Option<PathBuf>, proxy: Option<String>) -> Result<Self, SettingsError> {
        let calls = Transport::new(ca_bundle, proxy, CALLS);
        calls.check()?;
        Ok(Self { calls, metadata: Transport::direct(None, METADATA) })
    }

    /// Sends a request, once. What carries a secret goes by plain http to this host alone, where a simulator or a proxy is.
    pub(crate) async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Reply, TransportError> {
        if carries_secret(&request) && is_plain_elsewhere(request.uri()) {
            return Err(TransportError::Plain);
        }
        exchange(&self.calls, request).await
    }

    /// Sends a request to the metadata server.
    pub(crate) async fn ask_metadata(&self, request: http::Request<Vec<u8>>) -> Result<Reply, TransportError> {
        exchange(&self.metadata, request).await
    }
}

/// A header's value that is not printed.
pub(crate) fn secret_header(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A token stands in one header, and what is posted for one holds what it is exchanged for. Subject tokens of other clouds are
/// read from their machines' own addresses, which know no https.
fn carries_secret(request: &http::Request<Vec<u8>>) -> bool {
    request.method() == http::Method::POST || request.headers().contains_key(http::header::AUTHORIZATION)
}

fn is_plain_elsewhere(uri: &http::Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    uri.scheme() != Some(&http::uri::Scheme::HTTPS) && !is_here
}

async fn exchange(transport: &Transport, request: http::Request<Vec<u8>>) -> Result<Reply, TransportError> {
    let (parts, body) = request.into_parts();
    transport.send(parts.method, &parts.uri.to_string(), parts.headers, Some(body)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn secrets_are_sent_by_plain_http_to_this_host_only() {
        let http = Http::new(None, None).unwrap();
        let get = |url: &str| {
            let bearer = secret_header("Bearer hunter2").unwrap();
            http::Request::get(url).header("authorization", bearer).body(Vec::new()).unwrap()
        };
        assert!(!format!("{:?}", get("http://127.0.0.1")).contains("hunter2"));
        let post = |url: &str| http::Request::post(url).body(b"hunter2".to_vec()).unwrap();
        for request in [get("http://container.invalid/v1"), post("http://192.0.2.1/token")] {
            let refused = http.send(request).await.unwrap_err();
            assert!(matches!(refused, TransportError::Plain), "{refused:?}");
            assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
        }
        for here in ["http://localhost:1", "http://127.0.0.1:1/v1", "http://[::1]:1", "https://container.invalid"] {
            assert!(!is_plain_elsewhere(&here.parse().unwrap()), "{here}");
        }
        assert!(is_plain_elsewhere(&"http://localhost.example".parse().unwrap()));
    }
}
