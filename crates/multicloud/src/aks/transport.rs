//! How Azure is reached: how long is waited for whom, and our HTTP client as the SDK's credentials use it.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};
use http::{HeaderMap, Method};

use crate::transport::{Timeouts, Transport};

/// A connection that is not there after five seconds will not come. Resource Manager itself gives a service one minute to
/// answer (<https://github.com/microsoft/api-guidelines/blob/vNext/azure/ConsiderationsForServiceDesign.md>); whoever takes
/// longer has lost the request.
const CALLS: Timeouts = Timeouts { connect: Duration::from_secs(5), call: Duration::from_secs(60) };
/// A managed identity's endpoint is on the host itself and answers in milliseconds. Elsewhere nobody answers at all, and a
/// user without credentials shall not wait long to hear so.
const METADATA: Timeouts = Timeouts { connect: Duration::from_secs(2), call: Duration::from_secs(2) };

/// The client for Azure and Entra.
pub(crate) fn for_calls(ca_bundle: Option<PathBuf>, proxy: Option<String>) -> Transport {
    Transport::new(ca_bundle, proxy, CALLS)
}

/// The client for a managed identity's endpoint.
pub(crate) fn for_metadata(ca_bundle: Option<PathBuf>) -> Transport {
    Transport::direct(ca_bundle, METADATA)
}

/// As the SDK's credentials use it.
#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
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
