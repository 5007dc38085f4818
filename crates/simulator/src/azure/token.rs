//! Access tokens: those that the login gave out, and who shows one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::error::ArmError;
use super::inventory;
use super::node::digits;
use crate::clock::Moment;
use crate::cloud::{Context, Request};

/// A day, as Entra gives to clients that can be told of a revocation; an hour would be over after sixty requests of virtual
/// time, which clients that go by their own clock could not know.
pub(super) const LIFETIME: Duration = Duration::from_secs(86_399);

/// The application that stands for every AKS cluster's API server.
pub(super) const AKS_SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// Tokens remembered; a thousand processes with one each stay below. Older ones are forgotten, which is as if they had
/// expired.
const MOST: usize = 10_000;

/// A token that was given out.
#[derive(Debug)]
struct Session {
    principal: String,
    audience: String,
    expires: Moment,
}

/// The tokens of a run.
#[derive(Default)]
pub(super) struct Tokens {
    /// Those that were given out.
    sessions: BTreeMap<String, Session>,
    /// In the order of being given out.
    order: VecDeque<String>,
    /// Tokens from elsewhere that are to count as expired from now on.
    expired: BTreeSet<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}

impl Tokens {
    /// A new token. It has the form of Entra's, since clients read claims from it; nobody has signed it.
    pub(super) fn issue(&mut self, principal: &str, tenant: &str, audience: &str, context: &mut Context<'_>) -> String {
        // Clients compare its times with their own clock, which is the wall's.
        let now = Moment::wall();
        let claims = json!({
            "aud": audience,
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now.epoch_seconds() as u64,
            "nbf": now.epoch_seconds() as u64,
            "exp": now.plus(LIFETIME).epoch_seconds() as u64,
            "appid": principal,
            "oid": principal,
            "tid": tenant,
            "uti": context.random.hex(22),
            "ver": "1.0",
        });
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let header = part(r#"{"alg":"RS256","typ":"JWT"}"#);
        let token = format!("{header}.{}.{}", part(&claims.to_string()), part(&context.random.hex(32)));
        if self.order.len() == MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        let expires = context.now.plus(LIFETIME);
        let session = Session { principal: principal.into(), audience: audience.into(), expires };
        self.sessions.insert(token.clone(), session);
        self.order.push_back(token.clone());
        token
    }

    /// Who asks.
    pub(super) fn authenticate(&self, request: &Request, now: Moment) -> Result<String, ArmError> {
        let Some(token) = bearer(request) else {
            return Err(refusal(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
                "",
            ));
        };
        let expired = || {
            refusal(
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time has passed. The access token is expired.",
                "error=\"invalid_token\", error_description=\"The access token expiry time has passed.\"",
            )
        };
        match self.sessions.get(token) {
            Some(session) if session.expires <= now => Err(expired()),
            Some(session) if session.audience == AKS_SERVER => Err(refusal(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource.",
                "error=\"invalid_token\"",
            )),
            Some(session) => Ok(session.principal.clone()),
            None if self.expired.contains(token) => Err(expired()),
            // What has the form of Entra's tokens and did not come from here cannot be valid; any other form is a test's
            // own credential.
            None if token == "invalid" || token.split('.').count() == 3 => {
                Err(refusal("InvalidAuthenticationToken", "The access token is invalid.", "error=\"invalid_token\""))
            }
            None => Ok(format!("bearer-{}", digits(token))),
        }
    }

    /// From now on the request's token is expired.
    pub(super) fn expire(&mut self, request: &Request, now: Moment) {
        let Some(token) = bearer(request) else { return };
        match self.sessions.get_mut(token) {
            Some(session) => session.expires = now,
            None => {
                self.expired.insert(token.to_owned());
            }
        }
    }
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

pub(super) fn refusal(code: &'static str, message: &str, challenge: &str) -> ArmError {
    let authority = format!("https://login.microsoftonline.com/{}", inventory::TENANT);
    let challenge = if challenge.is_empty() { String::new() } else { format!(", {challenge}") };
    ArmError::gateway(401, code, message)
        .header("WWW-Authenticate", format!("Bearer authorization_uri=\"{authority}\"{challenge}"))
}
