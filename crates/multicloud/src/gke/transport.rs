//! How Google is reached: how long is waited for whom.

use std::path::PathBuf;
use std::time::Duration;

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

    /// Sends a request, once.
    pub(crate) async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Reply, TransportError> {
        exchange(&self.calls, request).await
    }

    /// Sends a request to the metadata server.
    pub(crate) async fn ask_metadata(&self, request: http::Request<Vec<u8>>) -> Result<Reply, TransportError> {
        exchange(&self.metadata, request).await
    }
}

async fn exchange(transport: &Transport, request: http::Request<Vec<u8>>) -> Result<Reply, TransportError> {
    let (parts, body) = request.into_parts();
    transport.send(parts.method, &parts.uri.to_string(), parts.headers, Some(body)).await
}
