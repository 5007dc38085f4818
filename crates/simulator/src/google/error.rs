//! How Google's APIs say no: an HTTP status, the canonical code of `google.rpc`, and the older reason beside it.

use serde_json::{Value, json};

use super::method::Api;
use crate::cloud::Reply;

/// An error of one of the services.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) code: u16,
    /// The canonical code's name.
    pub(super) status: &'static str,
    /// The reason of the older error format, by which clients in Go print errors.
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// A `google.rpc.ErrorInfo`, where the service gives one.
    info: Option<Value>,
}

impl ApiError {
    pub(super) fn new(code: u16, status: &'static str, reason: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { code, status, reason, message: message.into(), info: None }
    }

    pub(super) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(400, "INVALID_ARGUMENT", "badRequest", message)
    }

    pub(super) fn precondition(message: impl Into<String>) -> ApiError {
        ApiError::new(400, "FAILED_PRECONDITION", "failedPrecondition", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(404, "NOT_FOUND", "notFound", message)
    }

    pub(super) fn already_exists(message: impl Into<String>) -> ApiError {
        ApiError::new(409, "ALREADY_EXISTS", "alreadyExists", message)
    }

    pub(super) fn aborted(message: impl Into<String>) -> ApiError {
        ApiError::new(409, "ABORTED", "aborted", message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(403, "PERMISSION_DENIED", "forbidden", message)
    }

    /// With the machine-readable reason of newer errors.
    pub(super) fn info(mut self, reason: &str, domain: &str, metadata: Value) -> ApiError {
        self.info = Some(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": domain,
            "metadata": metadata,
        }));
        self
    }

    /// The reply in the service's form.
    pub(super) fn reply(self, service: Api, request_id: &str) -> Reply {
        let mut error = json!({
            "code": self.code,
            "message": self.message,
            "errors": [{ "message": self.message, "domain": "global", "reason": self.reason }],
        });
        match service {
            // Compute says no canonical code for what its older front end refuses.
            Api::Compute if self.info.is_none() => {}
            Api::Container | Api::Compute | Api::ServiceUsage | Api::Credentials => {
                let request = json!({ "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id });
                error["status"] = self.status.into();
                error["details"] = self.info.into_iter().chain([request]).collect();
            }
        }
        let mut headers = vec![("Content-Type", "application/json; charset=UTF-8".to_owned())];
        if self.code == 401 {
            let challenge = r#"Bearer realm="https://accounts.google.com/", error="invalid_token""#;
            headers.push(("WWW-Authenticate", challenge.to_owned()));
        }
        Reply { status: self.code, headers, body: json!({ "error": error }).to_string().into_bytes() }
    }
}
