//! Who asks: the parts of an AWS signature (version 4), from the header or from a presigned URL. Secrets are not known here,
//! so that signatures are not verified; everything else about them is.

use std::collections::BTreeMap;

use super::inventory;
use crate::cloud::Request;

/// Whoever signed a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) access_key: String,
    pub(super) account: String,
    pub(super) region: String,
    /// As GetCallerIdentity tells it.
    pub(super) arn: String,
    pub(super) user_id: String,
}

impl Caller {
    /// The IAM principal: of a role's session, the role.
    pub(super) fn principal(&self) -> String {
        match self.arn.split_once(":assumed-role/") {
            Some((_, session)) => {
                let role = session.split('/').next().unwrap_or(session);
                format!("arn:aws:iam::{}:role/{role}", self.account)
            }
            None => self.arn.clone(),
        }
    }
}

/// Why a request is not let in; EKS and STS say it in different words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No signature.
    Missing,
    /// A signature that is not one; what is wrong with it.
    Incomplete(String),
    /// Signed for something else; what it has to be.
    Scope(String),
    /// An access key that nobody has.
    UnknownKey,
    /// A session that has ended.
    Expired,
}

/// Keys given out by AssumeRole.
pub(super) type Sessions = BTreeMap<String, Session>;

/// A role's session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) account: String,
    pub(super) arn: String,
    pub(super) user_id: String,
    pub(super) expired: bool,
}

/// The region that a request is signed for, whether or not the signature is any good.
pub(super) fn region(request: &Request) -> Option<String> {
    scope(request).ok().map(|(_, region, _)| region)
}

pub(super) fn authenticate(request: &Request, service: &str, sessions: &Sessions) -> Result<Caller, Refusal> {
    let (access_key, region, signed_for) = scope(request)?;
    if signed_for != service {
        return Err(Refusal::Scope(format!("Credential should be scoped to correct service: '{service}'.")));
    }
    if !inventory::REGIONS.contains(&region.as_str()) {
        return Err(Refusal::Scope("Credential should be scoped to a valid region.".into()));
    }
    if access_key == "invalid" {
        return Err(Refusal::UnknownKey);
    }
    match sessions.get(&access_key) {
        Some(session) if session.expired => Err(Refusal::Expired),
        Some(session) => Ok(Caller {
            access_key,
            region,
            account: session.account.clone(),
            arn: session.arn.clone(),
            user_id: session.user_id.clone(),
        }),
        None => Ok(Caller {
            access_key,
            region,
            account: inventory::ACCOUNTS[0].into(),
            arn: format!("arn:aws:iam::{}:user/{}", inventory::ACCOUNTS[0], inventory::USERS[0]),
            user_id: "AIDASIMULATOR00000001".into(),
        }),
    }
}

/// Access key, region and service of the credential scope.
fn scope(request: &Request) -> Result<(String, String, String), Refusal> {
    let (credential, signed_headers, signature) =
        match (request.header("authorization"), request.query("X-Amz-Credential")) {
            (Some(header), _) => {
                let Some(fields) = header.strip_prefix("AWS4-HMAC-SHA256 ") else {
                    return Err(Refusal::Incomplete("Unsupported authorization type".into()));
                };
                let field = |name: &str| {
                    let find = |part: &str| part.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
                    fields.split(',').find_map(find)
                };
                (field("Credential"), field("SignedHeaders"), field("Signature"))
            }
            (None, Some(credential)) => {
                let query = |name: &str| request.query(name).map(str::to_owned);
                (Some(credential.to_owned()), query("X-Amz-SignedHeaders"), query("X-Amz-Signature"))
            }
            (None, None) => return Err(Refusal::Missing),
        };
    let missing = |name: &str| Refusal::Incomplete(format!("Authorization header requires '{name}' parameter."));
    let credential = credential.ok_or_else(|| missing("Credential"))?;
    let signed_headers = signed_headers.ok_or_else(|| missing("SignedHeaders"))?;
    let signature = signature.ok_or_else(|| missing("Signature"))?;
    if signature.len() != 64 || !signature.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Refusal::Incomplete("Signature is not 64 hexadecimal digits.".into()));
    }
    // What is signed has to be there: the token of a Kubernetes cluster is a presigned URL that only counts together with
    // the signed header x-k8s-aws-id.
    for name in signed_headers.split(';') {
        if !request.headers.contains_key(name) {
            return Err(Refusal::Incomplete(format!("'{name}' is a signed header that the request does not have.")));
        }
    }
    let parts: Vec<&str> = credential.split('/').collect();
    match parts.as_slice() {
        [key, date, region, service, "aws4_request"]
            if !key.is_empty() && date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Ok(((*key).into(), (*region).into(), (*service).into()))
        }
        _ => Err(Refusal::Incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.".into(),
        )),
    }
}
