//! The one place where an error of the AWS SDK becomes an [`ErrorKind`].
//!
//! EKS says what went wrong by an error code where it can; where one code stands for several things, the message
//! decides, and the case names who saw that message.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eks::operation::RequestId;

use super::credential::CredentialError;
use crate::environment::BackendKind;
use crate::error::{Error, ErrorChain, ErrorKind, RetryClass, ServerText, causes};
use crate::transport::{self, SettingsError, is_untrusted};

/// A call that did not succeed, before it is told what it was for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    call: Option<&'static str>,
    request_id: Option<String>,
    source: Box<dyn StdError + Send + Sync>,
    /// The cloud said that the credentials have ended: others may do.
    pub(crate) expired: bool,
}

impl Failure {
    /// A failure of our own making: `source` says why.
    pub(crate) fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, call: None, request_id: None, source: source.into(), expired: false }
    }

    /// A reply that says less than the API promises, as one that was cut or came from something in between.
    pub(crate) fn incomplete(what: &'static str) -> Self {
        Self::new(ErrorKind::Ambiguous, format!("the reply has no {what}"))
    }

    /// The same failure, which the caller knows to be of another kind.
    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// The same failure, of the call with that name in EKS's API.
    pub(crate) fn in_call(self, call: &'static str) -> Self {
        Self { call: Some(call), ..self }
    }

    /// Of failures of questions that were asked side by side the one to act on: what no wait mends before what one may, and
    /// of these what asks for the longest.
    pub(crate) fn or_graver(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.gravity() > self.gravity() => other,
            Some(_) | None => self,
        }
    }

    fn gravity(&self) -> (bool, Option<Duration>) {
        match self.kind.retry_class() {
            RetryClass::Final => (true, None),
            RetryClass::Throttled { retry_after } => (false, retry_after),
            RetryClass::Busy | RetryClass::Propagating | RetryClass::Ambiguous => (false, None),
        }
    }

    /// The crate's error for this failure: of the call that failed, or if there was none, of `operation`.
    pub(crate) fn of(self, operation: &'static str, subject: impl fmt::Display) -> Error {
        Error::new(self.kind, BackendKind::Eks, self.call.unwrap_or(operation), subject)
            .with_request_id(self.request_id)
            .with_source(self.source)
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        Self::new(ErrorKind::Unauthenticated, error)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new(ErrorKind::InvalidConfig, error)
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let request_id = error.request_id().map(|id| ServerText::new(id).as_str().to_owned());
        let code = error.code().unwrap_or_default();
        let message = error.message().unwrap_or_default();
        let kind = match &error {
            SdkError::ConstructionFailure(_) => ErrorKind::InvalidConfig,
            // The reply is late; the request may have been served.
            SdkError::TimeoutError(_) => ErrorKind::Ambiguous,
            SdkError::DispatchFailure(_) => dispatch_kind(&error),
            // A reply came, and it was cut or is not one of EKS's.
            SdkError::ResponseError(reply) => match reply.raw().status().as_u16() {
                503 => ErrorKind::Unavailable { retry_after: retry_after(reply.raw()) },
                _ => ErrorKind::Ambiguous,
            },
            SdkError::ServiceError(reply) => service_kind(Reply {
                status: reply.raw().status().as_u16(),
                code,
                message,
                retry_after: retry_after(reply.raw()),
            }),
            // The SDK's enum is open; what it adds later has no known effect.
            _ => ErrorKind::Ambiguous,
        };
        let source = match &error {
            SdkError::ServiceError(reply) if code.is_empty() => {
                let status = reply.raw().status().as_u16();
                ServerText::new(&format!("HTTP status {status} without an error code"))
            }
            SdkError::ServiceError(_) => ServerText::new(&format!("{code}: {message}")),
            _ => ServerText::new(&ErrorChain(&error).to_string()),
        };
        Self { kind, call: None, request_id, source: Box::new(source), expired: is_expired(code) }
    }
}

/// What a reply says about what went wrong.
struct Reply<'a> {
    status: u16,
    code: &'a str,
    message: &'a str,
    retry_after: Option<Duration>,
}

fn service_kind(reply: Reply<'_>) -> ErrorKind {
    let Reply { status, code, message, retry_after } = reply;
    let says = |part: &str| message.contains(part);
    match code {
        // One code for two things: "Cluster already exists with name: x", "NodeGroup already exists with name x and
        // cluster name y" (terraform-aws-modules/eks #1191, #2233), and every sort of "update in progress".
        "ResourceInUseException" if says("already exists") => ErrorKind::AlreadyExists,
        // "The specified access entry resource is already in use on this cluster" is the same of another author.
        "ResourceInUseException" if says("access entry resource is already in use") => ErrorKind::AlreadyExists,
        // "Cluster has Fargate profiles attached": nothing of ours, and nothing that ends by itself.
        "ResourceInUseException" if says("argate") => ErrorKind::InvalidConfig,
        "ResourceInUseException" => ErrorKind::Conflict,
        // "No cluster found for name: x." comes as a client error too (terraform-provider-aws, internal/service/eks).
        "ResourceNotFoundException" | "NotFoundException" => ErrorKind::NotFound,
        "ClientException" if says("No cluster found for name") => ErrorKind::NotFound,
        "ResourceLimitExceededException" => ErrorKind::QuotaExceeded,
        "InvalidParameterException" | "InvalidRequestException" if is_propagating(message) => ErrorKind::Propagating,
        // Node groups are throttled in these words, which the SDKs do not know (aws/aws-sdk #652).
        "InvalidRequestException" if says("Request limit exceeded") => ErrorKind::Throttled { retry_after },
        "InvalidRequestException" if is_busy(message) => ErrorKind::Conflict,
        "InvalidRequestException" if says("deletion protection") || says("deletionProtection") => ErrorKind::Protected,
        "InvalidParameterException"
        | "InvalidRequestException"
        | "InvalidStateException"
        | "BadRequestException"
        | "ClientException"
        | "UnsupportedAvailabilityZoneException"
        | "ValidationException"
        | "ValidationError" => ErrorKind::InvalidConfig,
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown" => ErrorKind::Throttled { retry_after },
        "ServiceUnavailableException" | "ServiceUnavailable" => ErrorKind::Unavailable { retry_after },
        "ServerException" | "InternalFailure" | "InternalServerError" | "InternalError" => ErrorKind::Ambiguous,
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "UnauthorizedOperation" | "OptInRequired" => {
            ErrorKind::PermissionDenied
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired" => ErrorKind::Unauthenticated,
        code if is_expired(code) => ErrorKind::Unauthenticated,
        _ => status_kind(status, retry_after),
    }
}

/// For replies whose code says nothing to us, as those of a proxy.
fn status_kind(status: u16, retry_after: Option<Duration>) -> ErrorKind {
    match status {
        // Accepted, and then no reply that can be read: the SDK counts that as the service's error.
        200..=299 => ErrorKind::Ambiguous,
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::PermissionDenied,
        // Whoever answers has no such call. That an object is missing is only ever said with a code.
        404 | 405 | 501 => ErrorKind::Unsupported,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled { retry_after },
        503 => ErrorKind::Unavailable { retry_after },
        400..=499 => ErrorKind::InvalidConfig,
        500..=599 => ErrorKind::Ambiguous,
        _ => ErrorKind::Protocol,
    }
}

/// Words for "not everywhere yet", about roles and their policies that were just made
/// (terraform-provider-aws, `internal/service/eks/cluster.go`, `node_group.go` and `access_entry.go`, which repeat the calls).
fn is_propagating(message: &str) -> bool {
    [
        "does not exist",
        "Error in role params",
        "Role could not be assumed because the trusted entity is not correct",
        "The provided role doesn't have the Amazon EKS Managed Policies associated with it",
        "The role's policy must include",
        "policy must include the `ec2:DescribeSubnets` action",
        "The role with name",
        "The specified principalArn is invalid: invalid principal",
    ]
    .iter()
    .any(|words| message.contains(words))
        && !message.contains("subnet ID")
}

/// Words for "something runs on it that is not an update", in the forms that users report: "Cluster … is not in ACTIVE
/// status", "Nodegroup cannot be updated as it is currently not in Active State", "currently in UPDATING state".
fn is_busy(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["not in active", "currently in ", "in progress"].iter().any(|words| message.contains(words))
}

fn is_expired(code: &str) -> bool {
    matches!(code, "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired")
}

/// Whether a request that brought no reply may have been served.
fn dispatch_kind(error: &(dyn StdError + 'static)) -> ErrorKind {
    let is_refused = |cause: &(dyn StdError + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    if is_untrusted(error) {
        ErrorKind::InvalidConfig
    // A name that is not resolved: hyper-util's connector says so in words alone.
    } else if causes(error).any(|cause| is_refused(cause) || cause.to_string() == "dns error") {
        ErrorKind::Unavailable { retry_after: None }
    } else {
        ErrorKind::Ambiguous
    }
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    transport::retry_after(|name| response.headers().get(name))
}

#[cfg(test)]
mod tests {
    use aws_sdk_eks::operation::create_nodegroup::CreateNodegroupError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &'static str)]) -> HttpResponse {
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        response
    }

    fn failure(status: u16, code: &str, message: &str, headers: &[(&'static str, &'static str)]) -> Failure {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        SdkError::service_error(CreateNodegroupError::generic(metadata), reply(status, headers)).into()
    }

    #[test]
    fn codes_and_messages_have_one_kind_each() {
        let check = |status, code, message, expected| {
            assert_eq!(failure(status, code, message, &[]).kind, expected, "{status} {code}: {message}");
        };
        let throttled = ErrorKind::Throttled { retry_after: None };
        check(409, "ResourceInUseException", "Cluster already exists with name: prod", ErrorKind::AlreadyExists);
        check(409, "ResourceInUseException", "Cluster has nodegroups attached", ErrorKind::Conflict);
        check(404, "ResourceNotFoundException", "No cluster found for name: prod.", ErrorKind::NotFound);
        check(400, "ClientException", "No cluster found for name: prod.", ErrorKind::NotFound);
        check(400, "ClientException", "Something else", ErrorKind::InvalidConfig);
        check(400, "InvalidRequestException", "Request limit exceeded.", throttled);
        check(400, "InvalidRequestException", "Cluster prod is not in ACTIVE status", ErrorKind::Conflict);
        let inactive = "Nodegroup cannot be updated as it is currently not in Active State";
        check(400, "InvalidRequestException", inactive, ErrorKind::Conflict);
        check(400, "InvalidRequestException", "That is currently not supported", ErrorKind::InvalidConfig);
        check(400, "InvalidRequestException", "Addon does not support that", ErrorKind::InvalidConfig);
        check(400, "InvalidParameterException", "Role arn:aws:iam::1:role/x does not exist", ErrorKind::Propagating);
        check(
            400,
            "InvalidParameterException",
            "The subnet ID 'subnet-1' does not exist (Service: AmazonEC2)",
            ErrorKind::InvalidConfig,
        );
        check(400, "ResourceLimitExceededException", "Cluster limit exceeded", ErrorKind::QuotaExceeded);
        check(400, "InvalidStateException", "upgrade insights", ErrorKind::InvalidConfig);
        check(429, "ThrottlingException", "Rate exceeded", throttled);
        check(503, "ServiceUnavailableException", "", ErrorKind::Unavailable { retry_after: None });
        check(500, "ServerException", "", ErrorKind::Ambiguous);
        check(403, "AccessDeniedException", "User is not authorized", ErrorKind::PermissionDenied);
        check(403, "UnrecognizedClientException", "The security token is invalid", ErrorKind::Unauthenticated);
        check(403, "ExpiredTokenException", "The security token is expired", ErrorKind::Unauthenticated);
        check(404, "", "", ErrorKind::Unsupported);
        check(403, "", "", ErrorKind::PermissionDenied);
        check(502, "", "", ErrorKind::Ambiguous);
        check(200, "", "", ErrorKind::Ambiguous);
        check(302, "", "", ErrorKind::Protocol);
    }

    #[test]
    fn only_ended_credentials_are_worth_another_try() {
        assert!(failure(403, "ExpiredTokenException", "", &[]).expired);
        assert!(!failure(403, "UnrecognizedClientException", "", &[]).expired);
    }

    #[test]
    fn retry_after_is_read_to_the_second() {
        let check = |headers: &[_], expected: Option<u64>| {
            let retry_after = expected.map(Duration::from_secs);
            assert_eq!(failure(429, "ThrottlingException", "", headers).kind, ErrorKind::Throttled { retry_after });
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
        let error = failure(400, "ClientException", "\u{1b}[2Jpassword:", &[("x-amzn-requestid", "r-1")])
            .of("CreateNodegroup", "prod");
        assert_eq!(
            ErrorChain(&error).to_string(),
            "eks: CreateNodegroup prod: invalid configuration (request r-1): ClientException: password:"
        );
    }
}
