//! The one place where a refusal of Azure becomes an [`ErrorKind`].
//!
//! There are two layers with a form each: Resource Manager, the gateway before all services, wraps its error in `error`;
//! AKS's own errors are flat. Either says what went wrong by a code; where one code stands for several things, the message
//! decides, and the case names who saw that message.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::credential::CredentialError;
use super::wire::ErrorDetail;
use crate::environment::BackendKind;
use crate::error::{Error, ErrorKind, ServerText};
use crate::transport::{self, Reply, TransportError};

/// A call that did not succeed, before it is told what it was for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    call: Option<&'static str>,
    request_id: Option<String>,
    source: Box<dyn StdError + Send + Sync>,
    pub(crate) special: Option<Special>,
}

/// Refusals that the client itself can do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// The token has ended: another may do.
    Expired,
    /// The subscription is not registered for AKS.
    Unregistered,
    /// There is no such resource group.
    NoResourceGroup,
    /// The condition of a write does not hold.
    Precondition,
}

impl Failure {
    /// A failure of our own making: `source` says why.
    pub(crate) fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, call: None, request_id: None, source: source.into(), special: None }
    }

    /// A reply that says less than the API promises, as one that was cut or came from something in between.
    pub(crate) fn incomplete(what: &'static str) -> Self {
        Self::new(ErrorKind::Ambiguous, format!("the reply has no {what}"))
    }

    /// A reply that cannot be read, though it says that all is well.
    pub(crate) fn unreadable(reply: &Reply, error: &serde_json::Error) -> Self {
        let source = ServerText::new(&format!("the reply is not what the API promises: {error}"));
        Self { request_id: request_id(reply), ..Self::new(ErrorKind::Ambiguous, source) }
    }

    /// A reply that says no.
    pub(crate) fn refused(reply: &Reply) -> Self {
        let error = error_of(&reply.body);
        let code = error.as_ref().and_then(|error| error.code.as_deref()).unwrap_or_default();
        let message = error.as_ref().and_then(|error| error.message.as_deref()).unwrap_or_default();
        let retry_after = retry_after(|name| reply.header(name));
        let kind = kind(reply.status, code, message, retry_after);
        let text = match &error {
            Some(error) => error_text(error),
            None => ServerText::new(&format!("HTTP status {} without an error code", reply.status)),
        };
        let special = match (reply.status, code) {
            (401, "ExpiredAuthenticationToken") => Some(Special::Expired),
            (401, "InvalidAuthenticationToken") if message.contains("expired") => Some(Special::Expired),
            (_, "MissingSubscriptionRegistration") => Some(Special::Unregistered),
            (404, "ResourceGroupNotFound") => Some(Special::NoResourceGroup),
            (412, _) => Some(Special::Precondition),
            (_, _) => None,
        };
        Self { request_id: request_id(reply), special, ..Self::new(kind, text) }
    }

    /// The same failure, which the caller knows to be of another kind.
    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// The same failure for another reason, which the caller knows better.
    pub(crate) fn because(self, kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, source: source.into(), ..self }
    }

    /// The same failure, of the call with that name in Azure's models.
    pub(crate) fn in_call(self, call: &'static str) -> Self {
        Self { call: self.call.or(Some(call)), ..self }
    }

    /// The crate's error for this failure: of the call that failed, or if there was none, of `operation`.
    pub(crate) fn of(self, operation: &'static str, subject: impl fmt::Display) -> Error {
        Error::new(self.kind, BackendKind::Aks, self.call.unwrap_or(operation), subject)
            .with_request_id(self.request_id)
            .with_source(self.source)
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// An error in words: its code, its message, and those of what lies below it.
pub(crate) fn error_text(error: &ErrorDetail) -> ServerText {
    let said = |error: &ErrorDetail| {
        let parts = [error.code.as_deref(), error.message.as_deref()];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    };
    let details = error.details.iter().flatten().map(said);
    let texts: Vec<String> = std::iter::once(said(error)).chain(details).filter(|text| !text.is_empty()).collect();
    ServerText::new(&texts.join("; "))
}

/// The error of a body, in the form of either layer.
fn error_of(body: &[u8]) -> Option<ErrorDetail> {
    #[derive(serde::Deserialize)]
    struct Wrapped {
        error: ErrorDetail,
    }
    let wrapped = serde_json::from_slice::<Wrapped>(body).map(|wrapped| wrapped.error);
    let error = wrapped.or_else(|_| serde_json::from_slice::<ErrorDetail>(body)).ok()?;
    error.code.is_some().then_some(error)
}

/// What Azure's support asks for, and our own id that it repeats is not.
fn request_id(reply: &Reply) -> Option<String> {
    let named = ["x-ms-request-id", "x-ms-correlation-request-id"].into_iter().find_map(|name| reply.header(name));
    named.map(|id| ServerText::new(id).as_str().to_owned())
}

/// How long a reply asks to wait, by the two headers of Azure's own, or by the one that all have.
pub(super) fn retry_after<'r>(header: impl Fn(&'static str) -> Option<&'r str>) -> Option<Duration> {
    let number = |name| header(name).and_then(|value| value.trim().parse::<u64>().ok());
    let milliseconds = number("retry-after-ms").or_else(|| number("x-ms-retry-after-ms"));
    milliseconds.map(Duration::from_millis).or_else(|| transport::retry_after(header))
}

fn kind(status: u16, code: &str, message: &str, retry_after: Option<Duration>) -> ErrorKind {
    let says = |part: &str| message.contains(part);
    match code {
        // Asked for credentials before there is an API server.
        "ControlPlaneNotFound" => ErrorKind::Unavailable { retry_after },
        "ResourceNotFound" | "NotFound" | "ParentResourceNotFound" | "ResourceGroupNotFound" => ErrorKind::NotFound,
        "SubscriptionNotFound" | "InvalidSubscriptionId" => ErrorKind::InvalidConfig,
        // A write with `If-None-Match: *` meets an object; one with `If-Match` meets a later one, which was changed by
        // somebody. Callers tell the two apart.
        "PreconditionFailed" => ErrorKind::Conflict,
        // One code for a quota of machines and for whatever runs (terraform-azurerm-aks #604, Azure/telescope #1213).
        "OperationNotAllowed" if says("uota") || says("exceeding approved") => ErrorKind::QuotaExceeded,
        "OperationNotAllowed" | "EtagMismatch" if status == 409 => ErrorKind::Conflict,
        "AnotherOperationInProgress" | "ConflictingOperationInProgress" | "ResourceGroupBeingDeleted" => {
            ErrorKind::Conflict
        }
        // A lock of Resource Manager.
        "ScopeLocked" => ErrorKind::Protected,
        "MissingSubscriptionRegistration" => ErrorKind::InvalidConfig,
        "ReadOnlyDisabledSubscription" | "DisallowedOperation" => ErrorKind::PermissionDenied,
        "AuthorizationFailed" | "LinkedAuthorizationFailed" | "RequestDisallowedByPolicy" => {
            ErrorKind::PermissionDenied
        }
        "QuotaExceeded" | "SkuNotAvailableDueToQuota" | "ErrCode_InsufficientVCPUQuota" | "InsufficientVCPUQuota" => {
            ErrorKind::QuotaExceeded
        }
        // An identity or a principal that was just made is not known everywhere yet.
        "ServicePrincipalNotFound" | "PrincipalNotFound" | "ServicePrincipalValidationClientError" => {
            ErrorKind::Propagating
        }
        "CustomKubeletIdentityMissingPermissionError" | "ControlPlaneAddOnsNotReady" => ErrorKind::Propagating,
        "InvalidAuthenticationToken"
        | "InvalidAuthenticationTokenTenant"
        | "AuthenticationFailed"
        | "ExpiredAuthenticationToken"
        | "InvalidAuthenticationInfo" => ErrorKind::Unauthenticated,
        _ => status_kind(status, retry_after),
    }
}

/// For replies whose code says nothing to us, as those of a proxy.
fn status_kind(status: u16, retry_after: Option<Duration>) -> ErrorKind {
    match status {
        200..=299 => ErrorKind::Ambiguous,
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::PermissionDenied,
        // Whoever answers has no such call. That an object is missing is only ever said with a code.
        404 | 405 | 501 => ErrorKind::Unsupported,
        409 | 412 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled { retry_after },
        503 => ErrorKind::Unavailable { retry_after },
        400..=499 => ErrorKind::InvalidConfig,
        500..=599 => ErrorKind::Ambiguous,
        _ => ErrorKind::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::error::ErrorChain;

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Reply {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Reply { status, headers, body: body.as_bytes().to_vec() }
    }

    fn gateway(status: u16, code: &str, message: &str) -> Failure {
        Failure::refused(&reply(status, &[], &json!({ "error": { "code": code, "message": message } }).to_string()))
    }

    fn service(status: u16, code: &str, message: &str) -> Failure {
        let body = json!({ "code": code, "message": message, "details": null, "subcode": "" });
        Failure::refused(&reply(status, &[], &body.to_string()))
    }

    #[test]
    fn codes_of_both_layers_have_one_kind_each() {
        let busy = "Operation is not allowed: Another operation (nodepool1 - Updating) is in progress";
        let quota = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota.";
        for make in [gateway as fn(u16, &str, &str) -> Failure, service] {
            let check = |status, code, message, expected| {
                assert_eq!(make(status, code, message).kind, expected, "{status} {code}: {message}");
            };
            check(404, "ResourceNotFound", "", ErrorKind::NotFound);
            check(404, "ResourceGroupNotFound", "", ErrorKind::NotFound);
            check(404, "SubscriptionNotFound", "", ErrorKind::InvalidConfig);
            check(409, "OperationNotAllowed", busy, ErrorKind::Conflict);
            check(409, "EtagMismatch", busy, ErrorKind::Conflict);
            check(400, "OperationNotAllowed", quota, ErrorKind::QuotaExceeded);
            check(409, "OperationNotAllowed", quota, ErrorKind::QuotaExceeded);
            check(412, "PreconditionFailed", "", ErrorKind::Conflict);
            check(409, "ScopeLocked", "", ErrorKind::Protected);
            check(429, "Throttled", "", ErrorKind::Throttled { retry_after: None });
            check(429, "SubscriptionRequestsThrottled", "", ErrorKind::Throttled { retry_after: None });
            check(400, "ServicePrincipalNotFound", "", ErrorKind::Propagating);
            check(400, "InvalidParameter", "", ErrorKind::InvalidConfig);
            check(403, "AuthorizationFailed", "", ErrorKind::PermissionDenied);
            check(401, "InvalidAuthenticationToken", "", ErrorKind::Unauthenticated);
            check(500, "InternalServerError", "", ErrorKind::Ambiguous);
            check(503, "ServerBusy", "", ErrorKind::Unavailable { retry_after: None });
        }
    }

    #[test]
    fn what_is_no_error_of_azure_is_judged_by_its_status() {
        let html = "<html>Bad gateway</html>";
        let kind = |status| Failure::refused(&reply(status, &[], html)).kind;
        assert_eq!(kind(404), ErrorKind::Unsupported, "not a proof that something is missing");
        assert_eq!(kind(502), ErrorKind::Ambiguous);
        assert_eq!(kind(302), ErrorKind::Protocol);
    }

    #[test]
    fn only_an_ended_token_is_worth_another_try() {
        assert_eq!(gateway(401, "ExpiredAuthenticationToken", "").special, Some(Special::Expired));
        let ended = "The access token has expired.";
        assert_eq!(gateway(401, "InvalidAuthenticationToken", ended).special, Some(Special::Expired));
        assert_eq!(gateway(401, "InvalidAuthenticationToken", "Invalid audience.").special, None);
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let body = json!({ "code": "Throttled", "message": "" }).to_string();
        let check = |headers: &[_], expected: Option<u64>| {
            let retry_after = expected.map(Duration::from_millis);
            assert_eq!(Failure::refused(&reply(429, headers, &body)).kind, ErrorKind::Throttled { retry_after });
        };
        check(&[("retry-after", "7")], Some(7000));
        check(&[("x-ms-retry-after-ms", "250")], Some(250));
        let now = ("date", "Sat, 21 Nov 2026 13:30:00 GMT");
        check(&[now, ("retry-after", "Sat, 21 Nov 2026 13:31:05 GMT")], Some(65_000));
        check(&[now, ("retry-after", "Sat, 21 Nov 2026 13:29:00 GMT")], Some(0));
        check(&[("retry-after", "soon")], None);
        check(&[], None);
    }

    #[test]
    fn hostile_text_and_request_id_are_made_harmless() {
        let body = json!({ "code": "BadRequest", "message": "\u{1b}[2Jpassword:" }).to_string();
        let error = Failure::refused(&reply(400, &[("x-ms-request-id", "r-1")], &body))
            .in_call("ManagedClusters_CreateOrUpdate")
            .of("begin", "prod");
        assert_eq!(
            ErrorChain(&error).to_string(),
            "aks: ManagedClusters_CreateOrUpdate prod: invalid configuration (request r-1): BadRequest: password:"
        );
    }
}
