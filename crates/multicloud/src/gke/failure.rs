//! What went wrong with a call, in our terms. All forms in which Google's APIs say no meet here: the canonical code of
//! `google.rpc`, the reason of the older format, which is all that Compute sends at times, and the words of the message.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::credential::CredentialError;
use crate::environment::BackendKind;
use crate::error::{Error, ErrorKind, ServerText};
use crate::transport::{Reply, SettingsError, TransportError, retry_after};

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    call: Option<&'static str>,
    request_id: Option<String>,
    source: Box<dyn StdError + Send + Sync>,
    /// The access token is not (or no longer) known.
    pub(crate) expired: bool,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, call: None, request_id: None, source: source.into(), expired: false }
    }

    /// A reply that lacks what every reply of its sort has.
    pub(crate) fn incomplete(what: &'static str) -> Self {
        Self::new(ErrorKind::Protocol, format!("the reply has no {what}"))
    }

    /// A reply of success that says nothing of what was asked for, as something in between may answer.
    pub(crate) fn no_answer() -> Self {
        Self::new(ErrorKind::Ambiguous, "the reply is not about what was asked for")
    }

    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Names the call, unless an inner one is named.
    pub(crate) fn in_call(self, call: &'static str) -> Self {
        Self { call: self.call.or(Some(call)), ..self }
    }

    /// The crate's error for this failure: of the call that failed, or if there was none, of `operation`.
    pub(crate) fn of(self, operation: &'static str, subject: impl fmt::Display) -> Error {
        Error::new(self.kind, BackendKind::Gke, self.call.unwrap_or(operation), subject)
            .with_request_id(self.request_id)
            .with_source(self.source)
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        let kind = if error.is_transient() {
            // The token endpoint is out of reach for now; nothing was sent to the cloud.
            ErrorKind::Unavailable { retry_after: None }
        } else {
            ErrorKind::Unauthenticated
        };
        Self::new(kind, error)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new(ErrorKind::InvalidConfig, error)
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// What a reply says: the object that was asked for, or why there is none.
pub(crate) fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, Failure> {
    match reply.status {
        // Accepted, and then nothing that can be read: it may have taken effect.
        200..=299 => serde_json::from_slice(&reply.body).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            Failure::new(ErrorKind::Ambiguous, format!("the reply is not what was asked for ({place})"))
        }),
        _ => Err(refusal(reply)),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorReply {
    error: Option<ErrorBody>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ErrorBody {
    message: String,
    status: String,
    errors: Vec<ErrorItem>,
    details: Vec<ErrorDetail>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorItem {
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ErrorDetail {
    request_id: String,
}

fn refusal(reply: &Reply) -> Failure {
    let body: Option<ErrorBody> = serde_json::from_slice::<ErrorReply>(&reply.body).ok().and_then(|reply| reply.error);
    let retry_after = retry_after(|name| reply.header(name));
    let Some(body) = body else {
        let words = format!("HTTP status {} without a reason", reply.status);
        return Failure::new(status_kind(reply.status, retry_after), ServerText::new(&words));
    };
    let reason = body.errors.first().map(|item| item.reason.as_str()).unwrap_or_default();
    let code = if body.status.is_empty() { canonical(reason) } else { &body.status };
    let kind = kind(code, reason, &body.message).map_or_else(
        || status_kind(reply.status, retry_after),
        |kind| match kind {
            ErrorKind::Throttled { .. } => ErrorKind::Throttled { retry_after },
            ErrorKind::Unavailable { .. } => ErrorKind::Unavailable { retry_after },
            kind => kind,
        },
    );
    let said = match (code, body.message.as_str()) {
        ("", message) => format!("HTTP status {}: {message}", reply.status),
        (code, message) => format!("{code}: {message}"),
    };
    let request_id = body.details.into_iter().map(|detail| detail.request_id).find(|id| !id.is_empty());
    Failure {
        kind,
        call: None,
        request_id: request_id.map(|id| ServerText::new(&id).as_str().to_owned()),
        source: Box::new(ServerText::new(&said)),
        expired: code == "UNAUTHENTICATED",
    }
}

/// The canonical code for a reason of the older format (<https://cloud.google.com/storage/docs/json_api/v1/status-codes>,
/// which lists the reasons that all older APIs share).
fn canonical(reason: &str) -> &'static str {
    match reason {
        "notFound" => "NOT_FOUND",
        "alreadyExists" | "conflict" => "ALREADY_EXISTS",
        "authError" | "required" => "UNAUTHENTICATED",
        "forbidden" | "insufficientPermissions" | "accessNotConfigured" => "PERMISSION_DENIED",
        "rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded" => "RESOURCE_EXHAUSTED",
        "badRequest" | "invalid" | "invalidParameter" => "INVALID_ARGUMENT",
        "failedPrecondition" | "resourceNotReady" => "FAILED_PRECONDITION",
        // Of the service's own troubles (`backendError`, `internalError`) the HTTP status tells more.
        _ => "",
    }
}

/// What a canonical code with its words means; `None` for a code that says nothing to us.
fn kind(code: &str, reason: &str, message: &str) -> Option<ErrorKind> {
    let throttled = Some(ErrorKind::Throttled { retry_after: None });
    match code {
        "NOT_FOUND" => Some(ErrorKind::NotFound),
        "ALREADY_EXISTS" => Some(ErrorKind::AlreadyExists),
        // An etag that is not the current one: somebody else was faster.
        "ABORTED" => Some(ErrorKind::Conflict),
        "FAILED_PRECONDITION" if is_busy(message) => Some(ErrorKind::Conflict),
        "FAILED_PRECONDITION" | "INVALID_ARGUMENT" | "OUT_OF_RANGE" if is_propagating(message) => {
            Some(ErrorKind::Propagating)
        }
        "FAILED_PRECONDITION" | "INVALID_ARGUMENT" | "OUT_OF_RANGE" => Some(ErrorKind::InvalidConfig),
        // The service's own limit of operations at a time (hashicorp/terraform-provider-google #15205).
        "RESOURCE_EXHAUSTED" if message.contains("concurrent operations quota") => Some(ErrorKind::Conflict),
        "RESOURCE_EXHAUSTED" | "PERMISSION_DENIED" if is_out_of_quota(message) => Some(ErrorKind::QuotaExceeded),
        "PERMISSION_DENIED" if reason.ends_with("ateLimitExceeded") => throttled,
        "RESOURCE_EXHAUSTED" => throttled,
        "PERMISSION_DENIED" => Some(ErrorKind::PermissionDenied),
        "UNAUTHENTICATED" => Some(ErrorKind::Unauthenticated),
        "UNAVAILABLE" => Some(ErrorKind::Unavailable { retry_after: None }),
        "UNIMPLEMENTED" => Some(ErrorKind::Unsupported),
        "INTERNAL" | "UNKNOWN" | "DEADLINE_EXCEEDED" | "DATA_LOSS" | "CANCELLED" => Some(ErrorKind::Ambiguous),
        _ => None,
    }
}

/// For replies that hold no reason, as those of a proxy.
fn status_kind(status: u16, retry_after: Option<Duration>) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::PermissionDenied,
        // Whoever answers has no such call. That an object is missing is only ever said with a reason.
        404 | 405 | 501 => ErrorKind::Unsupported,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled { retry_after },
        503 => ErrorKind::Unavailable { retry_after },
        400..=499 => ErrorKind::InvalidConfig,
        500..=599 => ErrorKind::Ambiguous,
        _ => ErrorKind::Protocol,
    }
}

/// Words for "something runs on it" (hashicorp/terraform-provider-google #3650, #10366, #1643): "Cluster is running
/// incompatible operation operation-1-a", "Operation operation-1-a is currently upgrading cluster x", "Cluster is currently
/// being created, deleted, updated or repaired" (#7638), "Cluster x is in state PROVISIONING"; and for labels that somebody else has changed (crossplane-contrib/provider-gcp #477).
fn is_busy(message: &str) -> bool {
    let says = |words: &str| message.contains(words);
    let in_state = ["PROVISIONING", "RECONCILING", "STOPPING"];
    says("incompatible operation")
        || (says("peration") && says(" is currently "))
        || says("is currently being ")
        || in_state.iter().any(|state| says(&format!("in state {state}")) || says(&format!("is {state}")))
        || says("fingerprint mismatch")
        || says("resource version mismatch")
}

/// A service account that was just made is not known everywhere at once
/// (<https://cloud.google.com/iam/docs/service-accounts-create>: "might need to wait for 60 seconds or more").
fn is_propagating(message: &str) -> bool {
    message.contains("ervice account") && message.contains("does not exist")
}

/// "Insufficient regional quota to satisfy request: resource \"CPUS\"": not one that fills again by itself.
fn is_out_of_quota(message: &str) -> bool {
    message.contains("nsufficient") && message.contains("quota")
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ErrorChain;

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Reply { status, headers: map, body: body.to_vec() }
    }

    fn failure(status: u16, error: Value) -> Failure {
        read::<Value>(&reply(status, &[], json!({ "error": error }).to_string().as_bytes())).unwrap_err()
    }

    #[test]
    fn codes_and_messages_have_one_kind_each() {
        let check = |status, code: &str, message: &str, expected| {
            let found = failure(status, json!({ "code": status, "status": code, "message": message }));
            assert_eq!(found.kind, expected, "{status} {code}: {message}");
        };
        let throttled = ErrorKind::Throttled { retry_after: None };
        check(404, "NOT_FOUND", "Not found: projects/p/locations/l/clusters/c.", ErrorKind::NotFound);
        check(409, "ALREADY_EXISTS", "Already exists: projects/p/zones/z/clusters/c.", ErrorKind::AlreadyExists);
        check(409, "ABORTED", "etag mismatch", ErrorKind::Conflict);
        let precondition = |message, kind| check(400, "FAILED_PRECONDITION", message, kind);
        precondition("Cluster is running incompatible operation operation-1-a.", ErrorKind::Conflict);
        precondition("Operation operation-1-a is currently upgrading cluster c. Please wait.", ErrorKind::Conflict);
        precondition("Cluster is currently being created, deleted, updated or repaired", ErrorKind::Conflict);
        precondition("Cluster c is in state PROVISIONING.", ErrorKind::Conflict);
        precondition("Cluster c is in state ERROR.", ErrorKind::InvalidConfig);
        precondition("Labels could not be set due to fingerprint mismatch", ErrorKind::Conflict);
        check(400, "INVALID_ARGUMENT", "Master version \"1.2\" is unsupported.", ErrorKind::InvalidConfig);
        check(400, "INVALID_ARGUMENT", "Service account \"a@b\" does not exist.", ErrorKind::Propagating);
        check(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Requests'", throttled);
        let operations = "cluster \"c\" hits the concurrent operations quota 5, please try again later.";
        check(429, "RESOURCE_EXHAUSTED", operations, ErrorKind::Conflict);
        let regional = "Insufficient regional quota to satisfy request: resource \"CPUS\"";
        check(403, "PERMISSION_DENIED", regional, ErrorKind::QuotaExceeded);
        check(403, "PERMISSION_DENIED", "Required \"container.clusters.get\" permission", ErrorKind::PermissionDenied);
        check(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", ErrorKind::Unauthenticated);
        check(503, "UNAVAILABLE", "", ErrorKind::Unavailable { retry_after: None });
        check(500, "INTERNAL", "", ErrorKind::Ambiguous);
        check(504, "DEADLINE_EXCEEDED", "", ErrorKind::Ambiguous);
        check(418, "SOMETHING_NEW", "", ErrorKind::InvalidConfig);
    }

    #[test]
    fn older_replies_are_told_by_their_reason() {
        let check = |status, reason: &str, expected| {
            let found = failure(status, json!({ "code": status, "message": "m", "errors": [{ "reason": reason }] }));
            assert_eq!(found.kind, expected, "{status} {reason}");
        };
        check(404, "notFound", ErrorKind::NotFound);
        check(403, "rateLimitExceeded", ErrorKind::Throttled { retry_after: None });
        check(403, "forbidden", ErrorKind::PermissionDenied);
        check(503, "backendError", ErrorKind::Unavailable { retry_after: None });
        check(500, "backendError", ErrorKind::Ambiguous);
        check(404, "", ErrorKind::Unsupported);
    }

    #[test]
    fn what_is_no_reply_of_google_decides_nothing() {
        let kind = |status, body: &[u8]| read::<Value>(&reply(status, &[], body)).unwrap_err().kind;
        assert_eq!(kind(404, b"<html>404</html>"), ErrorKind::Unsupported);
        assert_eq!(kind(200, b"<html>hello</html>"), ErrorKind::Ambiguous);
        assert_eq!(kind(200, b""), ErrorKind::Ambiguous);
        assert_eq!(kind(200, "[".repeat(100_000).as_bytes()), ErrorKind::Ambiguous);
        assert_eq!(kind(502, b""), ErrorKind::Ambiguous);
        assert_eq!(kind(302, b""), ErrorKind::Protocol);
        assert_eq!(kind(407, b""), ErrorKind::InvalidConfig);
    }

    #[test]
    fn retry_after_is_read_to_the_second() {
        let check = |headers: &[_], expected: Option<u64>| {
            let found = read::<Value>(&reply(429, headers, b"")).unwrap_err().kind;
            assert_eq!(found, ErrorKind::Throttled { retry_after: expected.map(Duration::from_secs) });
        };
        check(&[("retry-after", "7")], Some(7));
        let now = ("date", "Sat, 21 Nov 2026 13:30:00 GMT");
        check(&[now, ("retry-after", "Sat, 21 Nov 2026 13:31:05 GMT")], Some(65));
        check(&[now, ("retry-after", "Sat, 21 Nov 2026 13:29:00 GMT")], Some(0));
        check(&[("retry-after", "soon")], None);
        check(&[], None);
    }

    #[test]
    fn hostile_text_and_request_id_are_made_harmless() {
        let details = json!([{ "@type": "x", "reason": "y" }, { "@type": "z", "requestId": "r-1" }]);
        let found =
            failure(400, json!({ "status": "INVALID_ARGUMENT", "message": "\u{1b}[2Jpassword:", "details": details }));
        assert_eq!(
            ErrorChain(&found.of("CreateCluster", "prod")).to_string(),
            "gke: CreateCluster prod: invalid configuration (request r-1): INVALID_ARGUMENT: password:"
        );
    }

    #[test]
    fn only_an_unknown_token_is_worth_another_try() {
        assert!(failure(401, json!({ "status": "UNAUTHENTICATED", "message": "" })).expired);
        assert!(!failure(403, json!({ "status": "PERMISSION_DENIED", "message": "" })).expired);
    }
}
