//! STS: who somebody is, and sessions of roles. It speaks AWS's query protocol: a form in, XML out.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Map, Value};

use super::inventory;
use super::signature::{self, Caller, Refusal, Session, Sessions};
use crate::clock::Moment;
use crate::cloud::{Context, Reply, Request, Served};
use crate::fault::ReplyFault;
use crate::percent;

pub(super) const OPERATIONS: &[&str] = &["GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"];

/// Fields that are secrets, or grow too large for a journal.
const MASKED: [&str; 3] = ["WebIdentityToken", "TokenCode", "Policy"];

/// Between a quarter of an hour and half a day, as the service description has it.
const DURATION_SECONDS: std::ops::RangeInclusive<u64> = 900..=43_200;

/// The form of a request: the body of a POST, the query of a GET (a presigned URL).
struct Form(Vec<(String, String)>);

impl Form {
    fn of(request: &Request) -> Form {
        if request.method == Method::GET {
            return Form(request.query.clone());
        }
        Form(percent::query(&String::from_utf8_lossy(&request.body)))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An error in STS's words.
struct StsError {
    code: &'static str,
    status: u16,
    message: String,
}

/// The name of a request's operation and what of it may be logged.
pub(super) fn recognise(request: &Request) -> (Option<&'static str>, Option<Value>) {
    let form = Form::of(request);
    let action = form.get("Action");
    let operation = OPERATIONS.iter().find(|name| Some(**name) == action).copied();
    let logged: Map<String, Value> = form
        .0
        .into_iter()
        .filter(|(key, _)| !key.to_ascii_lowercase().starts_with("x-amz-"))
        .map(|(key, value)| {
            let value = if MASKED.contains(&key.as_str()) { "***".to_owned() } else { value };
            (key, value.into())
        })
        .collect();
    (operation, (request.method != Method::GET).then_some(Value::Object(logged)))
}

pub(super) fn serve(sessions: &mut Sessions, request: &Request, context: &mut Context<'_>) -> Served {
    let request_id = context.random.uuid();
    let form = Form::of(request);
    let result = match recognise(request).0 {
        Some("GetCallerIdentity") => caller(request, sessions).map(|caller| ("GetCallerIdentity", identity(&caller))),
        Some("AssumeRole") => caller(request, sessions)
            .and_then(|caller| assume_role(sessions, &caller, &form, context))
            .map(|result| ("AssumeRole", result)),
        Some("AssumeRoleWithWebIdentity") => {
            assume_role_with_web_identity(sessions, &form, context).map(|result| ("AssumeRoleWithWebIdentity", result))
        }
        Some(_) | None => Err(StsError {
            code: "InvalidAction",
            status: 400,
            message: format!("Could not find operation {} for version 2011-06-15", form.get("Action").unwrap_or("")),
        }),
    };
    match result {
        // A session is no change of the world that anybody could see: nothing is committed.
        Ok((operation, result)) => Served { reply: success(operation, &result, request_id), committed: false },
        Err(error) => Served { reply: error.reply(request_id), committed: false },
    }
}

pub(super) fn refuse(fault: ReplyFault, request_id: String) -> Reply {
    let error = |code, status, message: &str| StsError { code, status, message: message.into() };
    let error = match fault {
        ReplyFault::Throttle | ReplyFault::ThrottleAsInvalidRequest => error("Throttling", 400, "Rate exceeded"),
        ReplyFault::Unavailable => error("ServiceUnavailable", 503, "Service is unavailable. Please try again later."),
        ReplyFault::InternalError => error("InternalFailure", 500, "Internal server error"),
        ReplyFault::ExpiredToken => error("ExpiredToken", 403, "The security token included in the request is expired"),
        // A trust policy that has not arrived everywhere looks like one that says no.
        ReplyFault::AccessDenied
        | ReplyFault::Propagating
        | ReplyFault::Busy
        | ReplyFault::LimitExceeded
        | ReplyFault::NotFoundAsClientException => {
            error("AccessDenied", 403, "User is not authorized to perform this operation")
        }
    };
    error.reply(request_id)
}

fn caller(request: &Request, sessions: &Sessions) -> Result<Caller, StsError> {
    signature::authenticate(request, "sts", sessions).map_err(|refusal| {
        let (code, message) = match refusal {
            Refusal::Missing => ("MissingAuthenticationToken", "Request is missing Authentication Token".into()),
            Refusal::Incomplete(message) => ("IncompleteSignature", message),
            Refusal::Scope(message) => ("SignatureDoesNotMatch", message),
            Refusal::UnknownKey => {
                ("InvalidClientTokenId", "The security token included in the request is invalid.".into())
            }
            Refusal::Expired => ("ExpiredToken", "The security token included in the request is expired".into()),
        };
        StsError { code, status: 403, message }
    })
}

fn identity(caller: &Caller) -> String {
    let Caller { arn, user_id, account, .. } = caller;
    element("Arn", arn) + &element("UserId", user_id) + &element("Account", account)
}

fn assume_role(
    sessions: &mut Sessions,
    caller: &Caller,
    form: &Form,
    context: &mut Context<'_>,
) -> Result<String, StsError> {
    let role = form.get("RoleArn").unwrap_or("");
    if inventory::role(role).is_none() {
        return Err(StsError {
            code: "AccessDenied",
            status: 403,
            message: format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {role}", caller.arn),
        });
    }
    session(sessions, role, form, context)
}

fn assume_role_with_web_identity(
    sessions: &mut Sessions,
    form: &Form,
    context: &mut Context<'_>,
) -> Result<String, StsError> {
    let token = form.get("WebIdentityToken").unwrap_or("");
    let invalid = || StsError {
        code: "InvalidIdentityToken",
        status: 400,
        message: "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
            .into(),
    };
    let parts: Vec<&str> = token.split('.').collect();
    let [_, payload, _] = parts.as_slice() else { return Err(invalid()) };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(payload).map_err(|_| invalid())?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|_| invalid())?;
    // Tokens come from elsewhere and are of wall time.
    if claims["exp"].as_f64().is_some_and(|expiry| expiry < Moment::wall().epoch_seconds()) {
        let message = "Token expired: current date/time must be before the expiration date/time".into();
        return Err(StsError { code: "ExpiredTokenException", status: 400, message });
    }
    let role = form.get("RoleArn").unwrap_or("");
    if inventory::role(role).is_none() {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity".into();
        return Err(StsError { code: "AccessDenied", status: 403, message });
    }
    let mut result = session(sessions, role, form, context)?;
    for (name, claim) in [("SubjectFromWebIdentityToken", "sub"), ("Provider", "iss"), ("Audience", "aud")] {
        result += &claims[claim].as_str().map(|text| element(name, text)).unwrap_or_default();
    }
    Ok(result)
}

/// Opens a session of a role that exists.
fn session(sessions: &mut Sessions, role: &str, form: &Form, context: &mut Context<'_>) -> Result<String, StsError> {
    let invalid = |message: &str| StsError { code: "ValidationError", status: 400, message: message.into() };
    let name = form.get("RoleSessionName").unwrap_or("");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(invalid("roleSessionName must be 2 to 64 letters, digits and any of _+=,.@-"));
    }
    let seconds = match form.get("DurationSeconds") {
        None => 3600,
        Some(text) => {
            let seconds = text.parse().ok().filter(|seconds| DURATION_SECONDS.contains(seconds));
            seconds.ok_or_else(|| invalid("durationSeconds must be between 900 and 43200"))?
        }
    };
    let account = role.split(':').nth(4).unwrap_or("").to_owned();
    let role_name = role.rsplit('/').next().unwrap_or("");
    let access_key = format!("ASIA{}", context.random.hex(16));
    let arn = format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}");
    let user_id = format!("AROA{}:{name}", context.random.hex(17));
    // Clients compare it with their own clock, which is the wall's.
    let expiration = Moment::wall().plus(Duration::from_secs(seconds)).rfc3339();
    let credentials = element("AccessKeyId", &access_key)
        + &element("SecretAccessKey", &context.random.hex(40))
        + &element("SessionToken", &context.random.hex(64))
        + &element("Expiration", &expiration);
    let user = element("AssumedRoleId", &user_id) + &element("Arn", &arn);
    sessions.insert(access_key, Session { account, arn, user_id, expired: false });
    Ok(format!("<Credentials>{credentials}</Credentials><AssumedRoleUser>{user}</AssumedRoleUser>"))
}

fn success(operation: &str, result: &str, request_id: String) -> Reply {
    let body = format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}\
         </{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    reply(200, body, request_id)
}

impl StsError {
    fn reply(self, request_id: String) -> Reply {
        let sender = if self.status < 500 { "Sender" } else { "Receiver" };
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{sender}</Type>{}{}</Error>\
             <RequestId>{request_id}</RequestId></ErrorResponse>",
            element("Code", self.code),
            element("Message", &self.message)
        );
        reply(self.status, body, request_id)
    }
}

fn reply(status: u16, body: String, request_id: String) -> Reply {
    let headers = vec![("Content-Type", "text/xml".into()), ("x-amzn-RequestId", request_id)];
    Reply { status, headers, body: body.into_bytes() }
}

fn element(name: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<{name}>{text}</{name}>")
}
