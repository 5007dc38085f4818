//! The login of Microsoft Entra: discovery, tokens for service principals (by secret, certificate or federated token) and
//! for managed identities.
//!
//! Sources: the OAuth 2.0 client credentials flow and the error codes of the Microsoft identity platform's documentation,
//! and the page on managed identities' tokens.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Map, Value, json};

use super::inventory;
use super::token::{LIFETIME, Tokens};
use crate::clock::Moment;
use crate::cloud::{Context, Reply, Request, Served};
use crate::fault::ReplyFault;
use crate::percent;

pub(super) const OPERATIONS: [&str; 4] =
    ["OAuth2_Token", "OpenIdConnect_Discovery", "OAuth2_InstanceDiscovery", "ManagedIdentity_Token"];

/// Fields of forms that are as good as passwords.
const MASKED: [&str; 5] = ["client_secret", "client_assertion", "assertion", "password", "refresh_token"];

/// The form of a proof by certificate or federated token.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request asks of the login.
enum Asked<'a> {
    Token { tenant: &'a str },
    Discovery { tenant: &'a str },
    InstanceDiscovery,
    ManagedIdentity,
}

/// An error in the login's words.
struct LoginError {
    error: &'static str,
    status: u16,
    number: u32,
    description: String,
}

fn login_error(error: &'static str, status: u16, number: u32, description: impl Into<String>) -> LoginError {
    LoginError { error, status, number, description: description.into() }
}

fn asked(request: &Request) -> Option<Asked<'_>> {
    let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match (&request.method, path.as_slice()) {
        (&Method::POST, [tenant, "oauth2", "v2.0", "token"] | [tenant, "oauth2", "token"]) => {
            Some(Asked::Token { tenant })
        }
        (
            &Method::GET,
            [tenant, "v2.0", ".well-known", "openid-configuration"] | [tenant, ".well-known", "openid-configuration"],
        ) => Some(Asked::Discovery { tenant }),
        (&Method::GET, [_, "discovery", "instance"]) => Some(Asked::InstanceDiscovery),
        (&Method::GET, ["metadata", "identity", "oauth2", "token"] | ["msi", "token"]) => Some(Asked::ManagedIdentity),
        _ => None,
    }
}

/// The name of a request's operation and what of it may be logged.
pub(super) fn recognise(request: &Request) -> (Option<&'static str>, Option<Value>) {
    let [token, discovery, instance, identity] = OPERATIONS;
    match asked(request) {
        Some(Asked::Token { .. }) => (Some(token), Some(logged(request))),
        Some(Asked::Discovery { .. }) => (Some(discovery), None),
        Some(Asked::InstanceDiscovery) => (Some(instance), None),
        Some(Asked::ManagedIdentity) => (Some(identity), None),
        None => (None, None),
    }
}

pub(super) fn serve(tokens: &mut Tokens, request: &Request, base: &str, context: &mut Context<'_>) -> Served {
    let request_id = context.random.uuid();
    let result = match asked(request) {
        Some(Asked::Token { tenant }) => token(tokens, request, tenant, context),
        Some(Asked::Discovery { tenant }) => Ok(discovery(base, tenant)),
        Some(Asked::InstanceDiscovery) => Ok(instance_discovery(base, request)),
        Some(Asked::ManagedIdentity) => managed_identity(tokens, request, context),
        None => Err(login_error("invalid_request", 404, 900_561, "The endpoint does not exist.")),
    };
    // A token is no change of the world that anybody could see: nothing is committed.
    match result {
        Ok(body) => Served { reply: reply(200, &body, request_id), committed: false },
        Err(error) => Served { reply: error.reply(request_id, context.now), committed: false },
    }
}

pub(super) fn refuse(fault: ReplyFault, request_id: String, now: Moment) -> Reply {
    let error = match fault {
        ReplyFault::Throttle | ReplyFault::ThrottleAsInvalidRequest => {
            login_error("temporarily_unavailable", 429, 90_055, "The request has been throttled; too many requests.")
        }
        ReplyFault::Unavailable => {
            login_error("temporarily_unavailable", 503, 90_033, "A transient error has occurred. Please try again.")
        }
        ReplyFault::InternalError => {
            login_error("server_error", 500, 90_013, "An unexpected error has occurred. Please try again.")
        }
        ReplyFault::ExpiredToken => expired_assertion(),
        // An application just made is not known everywhere yet.
        ReplyFault::Propagating | ReplyFault::NotFoundAsClientException => unknown_application("application"),
        ReplyFault::AccessDenied | ReplyFault::Busy | ReplyFault::LimitExceeded => {
            login_error("access_denied", 403, 53_003, "Access has been blocked by Conditional Access policies.")
        }
    };
    error.reply(request_id, now)
}

fn token(tokens: &mut Tokens, request: &Request, tenant: &str, context: &mut Context<'_>) -> Result<Value, LoginError> {
    let form = percent::query(&String::from_utf8_lossy(&request.body));
    let get = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let needed = |name: &str| {
        get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            login_error("invalid_request", 400, 900_144, text)
        })
    };
    if tenant == "invalid" {
        let text = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
        return Err(login_error("invalid_request", 400, 90_002, text));
    }
    let grant = needed("grant_type")?;
    if grant != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        return Err(login_error("unsupported_grant_type", 400, 70_003, text));
    }
    let client = needed("client_id")?;
    if client == "invalid" {
        return Err(unknown_application(client));
    }
    match (get("client_secret"), get("client_assertion")) {
        (Some("invalid"), _) => {
            let text = format!("Invalid client secret provided for app '{client}'.");
            return Err(login_error("invalid_client", 401, 7_000_215, text));
        }
        (Some(secret), _) if !secret.is_empty() => {}
        (_, Some(assertion)) => {
            if needed("client_assertion_type")? != JWT_BEARER {
                return Err(login_error("invalid_request", 400, 900_144, "client_assertion_type is not supported."));
            }
            check_assertion(assertion)?;
        }
        (Some(_), None) | (None, None) => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(login_error("invalid_client", 401, 7_000_218, text));
        }
    }
    let audience = match (get("scope"), get("resource")) {
        (Some(scope), _) => scope
            .split(' ')
            .find_map(|scope| scope.strip_suffix("/.default"))
            .ok_or_else(|| {
                let text = format!("The provided value for the input parameter 'scope' is not valid: {scope}.");
                login_error("invalid_scope", 400, 70_011, text)
            })?
            .trim_end_matches('/'),
        (None, Some(resource)) => resource.trim_end_matches('/'),
        (None, None) => needed("scope")?,
    };
    let token = tokens.issue(client, tenant, audience, context);
    let seconds = LIFETIME.as_secs();
    Ok(json!({ "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token }))
}

/// A certificate's or an identity provider's token: its form and its time are looked at, its signature is not.
fn check_assertion(assertion: &str) -> Result<(), LoginError> {
    let malformed = || login_error("invalid_client", 401, 50_027, "JWT token is invalid or malformed.");
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, _] = parts.as_slice() else { return Err(malformed()) };
    let decode = |part: &str| -> Result<Value, LoginError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| malformed())?;
        serde_json::from_slice(&bytes).map_err(|_| malformed())
    };
    decode(header)?;
    // Assertions come from elsewhere and are of wall time.
    match decode(claims)?["exp"].as_f64() {
        Some(expiry) if expiry < Moment::wall().epoch_seconds() => Err(expired_assertion()),
        _ => Ok(()),
    }
}

/// For machines: the form of IMDS (`Metadata: true`) and that of App Service (`X-IDENTITY-HEADER`).
fn managed_identity(tokens: &mut Tokens, request: &Request, context: &mut Context<'_>) -> Result<Value, LoginError> {
    let is_metadata = request.header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !is_metadata && request.header("x-identity-header").is_none() {
        return Err(login_error("invalid_request", 400, 0, "Required metadata header not specified"));
    }
    let Some(resource) = request.query("resource") else {
        return Err(login_error("invalid_request", 400, 0, "Required query variable 'resource' is missing"));
    };
    let client = request.query("client_id").unwrap_or("system-assigned");
    if client == "invalid" {
        return Err(login_error("invalid_request", 400, 0, "Identity not found"));
    }
    let resource = resource.trim_end_matches('/');
    let token = tokens.issue(client, inventory::TENANT, resource, context);
    let now = Moment::wall();
    // Numbers are text in both forms.
    Ok(json!({
        "access_token": token,
        "client_id": client,
        "expires_in": LIFETIME.as_secs().to_string(),
        "expires_on": (now.plus(LIFETIME).epoch_seconds() as u64).to_string(),
        "not_before": (now.epoch_seconds() as u64).to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
}

fn discovery(base: &str, tenant: &str) -> Value {
    json!({
        "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{base}/{tenant}/v2.0"),
        "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/devicecode"),
        "tenant_region_scope": "WW",
    })
}

fn instance_discovery(base: &str, request: &Request) -> Value {
    let host = base.trim_start_matches("https://");
    let endpoint = request.query("authorization_endpoint").unwrap_or("");
    let tenant = endpoint.trim_start_matches("https://").split('/').nth(1).unwrap_or("common");
    json!({
        "tenant_discovery_endpoint": format!("{base}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    })
}

fn unknown_application(client: &str) -> LoginError {
    let text = format!(
        "Application with identifier '{client}' was not found in the directory. This can happen if the application has \
         not been installed by the administrator of the tenant."
    );
    login_error("unauthorized_client", 400, 700_016, text)
}

fn expired_assertion() -> LoginError {
    login_error("invalid_client", 401, 700_024, "Client assertion is not within its valid time range.")
}

fn logged(request: &Request) -> Value {
    let form = percent::query(&String::from_utf8_lossy(&request.body));
    let masked = |(key, value): (String, String)| {
        let value = if MASKED.contains(&key.as_str()) { "***".to_owned() } else { value };
        (key, Value::from(value))
    };
    Value::Object(form.into_iter().map(masked).collect::<Map<_, _>>())
}

impl LoginError {
    fn reply(self, request_id: String, now: Moment) -> Reply {
        let description = match self.number {
            0 => self.description,
            number => format!("AADSTS{number}: {} Trace ID: {request_id}", self.description),
        };
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.number],
            "timestamp": now.rfc3339(),
            "trace_id": request_id,
            "correlation_id": request_id,
        });
        reply(self.status, &body, request_id)
    }
}

fn reply(status: u16, body: &Value, request_id: String) -> Reply {
    let headers = vec![
        ("Content-Type", "application/json; charset=utf-8".into()),
        ("Cache-Control", "no-store, no-cache".into()),
        ("x-ms-request-id", request_id),
    ];
    Reply { status, headers, body: body.to_string().into_bytes() }
}
