//! Access tokens: OAuth's token endpoint for service accounts and users, STS for workload identity federation, IAM
//! Credentials for impersonation, and the metadata server of a machine. Any credential but `invalid` gets a token; the
//! tokens expire, in simulated time.
//!
//! Sources: RFC 6749 and 7523 with Google's page on service accounts and OAuth, RFC 8693 with the page on the STS API, the
//! IAM Credentials API's discovery document, and Compute Engine's page on the metadata server.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::inventory;
use super::method::{Api, Credentials};
use super::{Answer, Input};
use crate::clock::Moment;
use crate::cloud::{Context, Reply, Request, Served};
use crate::percent;

/// How long an access token lives, and the longest that IAM Credentials gives where no policy allows more.
const LIFETIME: Duration = Duration::from_secs(3600);

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What is refused wherever a credential is taken.
const REFUSED: &str = "invalid";

/// Fields of token requests that are no secrets.
const SHOWN: [&str; 6] = ["grant_type", "grantType", "audience", "scope", "subject_token_type", "lifetime"];

/// The access tokens that were handed out, with their ends.
#[derive(Default)]
pub(super) struct Tokens {
    ends: BTreeMap<String, Moment>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("count", &self.ends.len()).finish()
    }
}

/// Code and description of an OAuth error.
type OauthError = (&'static str, &'static str);

impl Tokens {
    /// Judges the token of a request. None is accepted, for clients can be told to send none; so is one that somebody else
    /// has handed out.
    pub(super) fn authenticate(&self, request: &Request, service: Api, now: Moment) -> Result<(), ApiError> {
        let token = match request.header("authorization").map(|value| value.split_once(' ')) {
            None => request.query("access_token"),
            Some(Some((scheme, token))) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
            Some(_) => Some(REFUSED),
        };
        match token {
            None => Ok(()),
            Some(REFUSED | "") => Err(unauthenticated(service, "ACCESS_TOKEN_TYPE_UNSUPPORTED")),
            Some(token) => match self.ends.get(token) {
                Some(end) if *end <= now => Err(unauthenticated(service, "ACCESS_TOKEN_EXPIRED")),
                Some(_) | None => Ok(()),
            },
        }
    }

    /// Ends the token of a request, if it is one of ours.
    pub(super) fn expire(&mut self, request: &Request, now: Moment) {
        let token = request.header("authorization").and_then(|value| value.split_once(' '));
        if let Some(end) = token.and_then(|(_, token)| self.ends.get_mut(token.trim())) {
            *end = now;
        }
    }

    /// Serves one of the token services.
    pub(super) fn serve(&mut self, method: Credentials, input: &Input<'_>, context: &mut Context<'_>) -> Served {
        match method {
            // The second is that of people whom a workforce pool knows; it takes what the first takes.
            Credentials::GetToken | Credentials::GetFederatedUserToken => oauth(self.grant(input.request, context)),
            Credentials::ExchangeToken => oauth(self.exchange(input.request, context)),
            Credentials::GenerateAccessToken => match self.generate(input, context) {
                Ok(answer) => answer.into_served(),
                Err(error) => {
                    let request_id = super::request_id(context);
                    Served { reply: error.reply(Api::Credentials, &request_id), committed: false }
                }
            },
            Credentials::PingMetadata => metadata_reply(200, "application/text", "computeMetadata/\n".into()),
            Credentials::GetProjectMetadata
            | Credentials::GetInstanceMetadata
            | Credentials::GetUniverseMetadata
            | Credentials::ListServiceAccountMetadata
            | Credentials::GetServiceAccountMetadata
            | Credentials::GetServiceAccountValueMetadata => match input.request.header("metadata-flavor") {
                Some("Google") => self.metadata(method, input, context),
                Some(_) | None => metadata_reply(403, "text/html", "Missing Metadata-Flavor:Google header.".into()),
            },
        }
    }

    fn hand_out(&mut self, lifetime: Duration, context: &mut Context<'_>) -> String {
        let token = format!("ya29.{}", context.random.hex(48).to_lowercase());
        self.ends.insert(token.clone(), context.now.plus(lifetime));
        token
    }

    /// OAuth: a service account's signed assertion, or a user's refresh token. Signatures are not looked at, for the keys
    /// are not known; nor is when, for clients live in another time.
    fn grant(&mut self, request: &Request, context: &mut Context<'_>) -> Result<Value, OauthError> {
        let form = form(request);
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        match field("grant_type") {
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
                let claims = claims(field("assertion")).ok_or(("invalid_grant", "Invalid JWT: Failed to parse."))?;
                let claim = |name: &str| claims[name].as_str().unwrap_or("");
                if claim("iss").is_empty() || claim("iss").starts_with(REFUSED) {
                    return Err(("invalid_grant", "Invalid grant: account not found"));
                }
                if claim("aud").is_empty() {
                    return Err(("invalid_grant", "Invalid JWT: audience is missing."));
                }
                let lives = match (claims["iat"].as_f64(), claims["exp"].as_f64()) {
                    (Some(from), Some(to)) => to - from,
                    (Some(_) | None, Some(_) | None) => 0.0,
                };
                if lives <= 0.0 || lives > LIFETIME.as_secs_f64() {
                    return Err((
                        "invalid_grant",
                        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                         Check your iat and exp values in the JWT claim.",
                    ));
                }
                if claim("scope").is_empty() {
                    return Err(("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
                }
                let token = self.hand_out(LIFETIME, context);
                Ok(json!({ "access_token": token, "expires_in": LIFETIME.as_secs(), "token_type": "Bearer" }))
            }
            "refresh_token" => {
                // A client says who it is in the form or in the header (RFC 6749, section 2.3.1).
                let in_header = request.header("authorization").is_some_and(|value| value.starts_with("Basic "));
                if (field("client_id").is_empty() && !in_header) || field("client_secret") == REFUSED {
                    return Err(("invalid_client", "The OAuth client was not found."));
                }
                if field("refresh_token").is_empty() {
                    return Err(("invalid_request", "Missing required parameter: refresh_token"));
                }
                if field("refresh_token") == REFUSED {
                    return Err(("invalid_grant", "Token has been expired or revoked."));
                }
                let token = self.hand_out(LIFETIME, context);
                let seconds = LIFETIME.as_secs();
                Ok(json!({ "access_token": token, "expires_in": seconds, "scope": SCOPE, "token_type": "Bearer" }))
            }
            _ => Err(("unsupported_grant_type", "Invalid grant_type")),
        }
    }

    /// STS: a token of an identity provider for a federated one.
    fn exchange(&mut self, request: &Request, context: &mut Context<'_>) -> Result<Value, OauthError> {
        let form = form(request);
        // Clients write the fields as RFC 8693 does, or as the API's JSON does.
        let field = |snake: &str, camel: &str| form.get(snake).or_else(|| form.get(camel)).map_or("", String::as_str);
        if field("grant_type", "grantType") != "urn:ietf:params:oauth:grant-type:token-exchange" {
            return Err(("unsupported_grant_type", "Invalid grant type."));
        }
        if !field("audience", "audience").starts_with("//iam.googleapis.com/") {
            return Err(("invalid_request", "Invalid value for \"audience\"."));
        }
        if field("subject_token_type", "subjectTokenType").is_empty() {
            return Err(("invalid_request", "Missing subject token type."));
        }
        if matches!(field("subject_token", "subjectToken").trim(), "" | REFUSED) {
            return Err(("invalid_grant", "The given credential is rejected by the attribute condition."));
        }
        let token = self.hand_out(LIFETIME, context);
        Ok(json!({
            "access_token": token,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": LIFETIME.as_secs(),
        }))
    }

    /// IAM Credentials: a token of a service account for whoever may impersonate it.
    fn generate(&mut self, input: &Input<'_>, context: &mut Context<'_>) -> Result<Answer, ApiError> {
        self.authenticate(input.request, Api::Credentials, context.now)?;
        let account = input.label(1);
        if account.starts_with(REFUSED) || !account.contains('@') {
            let permission = "iam.serviceAccounts.getAccessToken";
            let message = format!("Permission '{permission}' denied on resource (or it may not exist).");
            let metadata = json!({ "permission": permission });
            return Err(ApiError::forbidden(message).info("IAM_PERMISSION_DENIED", "iam.googleapis.com", metadata));
        }
        let body: Value = serde_json::from_slice(&input.request.body)
            .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received. {error}")))?;
        if body["scope"].as_array().is_none_or(Vec::is_empty) {
            return Err(ApiError::invalid("Request contains an invalid argument: scope is required."));
        }
        let longest = LIFETIME.as_secs();
        let seconds = match body["lifetime"].as_str() {
            None => Some(longest),
            Some(text) => text.strip_suffix('s').and_then(|seconds| seconds.parse().ok()),
        };
        let Some(seconds) = seconds.filter(|seconds| (1..=longest).contains(seconds)) else {
            return Err(ApiError::invalid(format!("lifetime must be between 1s and {longest}s.")));
        };
        let lifetime = Duration::from_secs(seconds);
        let token = self.hand_out(lifetime, context);
        // Clients compare it with the clock on their wall, and Google's own read whole seconds only.
        let end = Moment::wall().plus(lifetime).rfc3339();
        let end = end.split('.').next().unwrap_or(&end);
        Ok(Answer::read(json!({ "accessToken": token, "expireTime": format!("{end}Z") })))
    }

    /// The metadata server of a machine in the first project.
    fn metadata(&mut self, method: Credentials, input: &Input<'_>, context: &mut Context<'_>) -> Served {
        let (project, number) = inventory::PROJECTS[0];
        let email = inventory::default_service_account(number);
        let of_account = input.label(0) == "default" || input.label(0) == email;
        let known = match (method, input.label(0)) {
            (Credentials::GetProjectMetadata, "project-id") => Some(project.to_owned()),
            (Credentials::GetProjectMetadata, "numeric-project-id") => Some(number.to_owned()),
            (Credentials::GetUniverseMetadata, "universe-domain" | "universe_domain") => Some("googleapis.com".into()),
            (Credentials::GetInstanceMetadata, "zone") => Some(format!("projects/{number}/zones/us-central1-a")),
            (Credentials::GetInstanceMetadata, "id") => Some("1000000000000000001".into()),
            (Credentials::ListServiceAccountMetadata, _) => Some(format!("default/\n{email}/\n")),
            (Credentials::GetServiceAccountMetadata, _) if of_account => {
                let body = json!({ "aliases": ["default"], "email": email, "scopes": [SCOPE] });
                return metadata_reply(200, "application/json", body.to_string());
            }
            (Credentials::GetServiceAccountValueMetadata, _) if of_account => match input.label(1) {
                "email" => Some(email),
                "scopes" => Some(format!("{SCOPE}\n")),
                "token" => {
                    let token = self.hand_out(LIFETIME, context);
                    let seconds = LIFETIME.as_secs();
                    let body = json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" });
                    return metadata_reply(200, "application/json", body.to_string());
                }
                _ => None,
            },
            (
                Credentials::GetProjectMetadata
                | Credentials::GetUniverseMetadata
                | Credentials::GetInstanceMetadata
                | Credentials::GetServiceAccountMetadata
                | Credentials::GetServiceAccountValueMetadata
                | Credentials::PingMetadata
                | Credentials::GetToken
                | Credentials::GetFederatedUserToken
                | Credentials::ExchangeToken
                | Credentials::GenerateAccessToken,
                _,
            ) => None,
        };
        match known {
            Some(text) => metadata_reply(200, "application/text", text),
            None => metadata_reply(404, "text/html", "404 Not Found".into()),
        }
    }
}

/// The body as the journal may show it: what kind of credential was sent, never the credential.
pub(super) fn logged_body(request: &Request) -> Option<Value> {
    let fields = form(request).into_iter().filter(|(key, _)| SHOWN.contains(&key.as_str()));
    let shown: Map<String, Value> = fields.map(|(key, value)| (key, value.into())).collect();
    (!shown.is_empty()).then_some(Value::Object(shown))
}

/// The error for a token that is none, or no longer.
pub(super) fn unauthenticated(service: Api, reason: &str) -> ApiError {
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
                   valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
    ApiError::new(401, "UNAUTHENTICATED", "authError", message).info(
        reason,
        "googleapis.com",
        json!({ "service": service.host() }),
    )
}

fn oauth(result: Result<Value, OauthError>) -> Served {
    let (status, body) = match result {
        Ok(body) => (200, body),
        Err((code, description)) => {
            let status = if code == "invalid_client" { 401 } else { 400 };
            (status, json!({ "error": code, "error_description": description }))
        }
    };
    let headers = vec![("Content-Type", "application/json; charset=utf-8".to_owned())];
    Served { reply: Reply { status, headers, body: body.to_string().into_bytes() }, committed: false }
}

fn metadata_reply(status: u16, kind: &str, body: String) -> Served {
    let headers = vec![("Content-Type", kind.to_owned()), ("Metadata-Flavor", "Google".to_owned())];
    Served { reply: Reply { status, headers, body: body.into_bytes() }, committed: false }
}

/// A body of form fields, or of a JSON object's texts.
fn form(request: &Request) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(&request.body);
    match serde_json::from_str::<BTreeMap<String, Value>>(&text) {
        Ok(fields) => fields.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect(),
        Err(_) => percent::query(&text).into_iter().collect(),
    }
}

/// The claims of a signed JWT.
fn claims(assertion: &str) -> Option<Value> {
    let mut parts = assertion.split('.');
    let (_, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if signature.is_empty() || parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}
