//! Access tokens from the forms that credential files have: one function per form, each of which asks the endpoint that the
//! file names. Forms are those of Application Default Credentials
//! (<https://cloud.google.com/docs/authentication/application-default-credentials>, <https://google.aip.dev/auth>).

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::subject::{self, Audience, CredentialSource};
use super::surroundings::Surroundings;
use super::transport::{Http, secret_header};
use crate::error::{ErrorChain, ErrorKind, ServerText};
use crate::secret::Secret;
use crate::transport::{Reply, TransportError};

/// All that Google Cloud allows the account, which is what its roles narrow.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest life that Google gives a token that is asked for.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Where users' tokens are renewed unless their file says otherwise.
const OAUTH_TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// Files of the user: a credential is a few KiB.
pub(crate) const MAX_FILE: u64 = 256 * 1024;

const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An access token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) secret: Secret,
    /// Its end, where that is known.
    pub(crate) expires_at: Option<SystemTime>,
}

/// Why a source of credentials gave no token.
#[derive(Debug, Clone)]
pub(crate) struct NoToken {
    pub(crate) sort: NoTokenSort,
    pub(crate) reason: ServerText,
}

/// What a source without a token means for the ones after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoTokenSort {
    /// Nothing is configured there.
    Absent,
    /// Something is, and it is of no use.
    Broken,
    /// It may be of use later.
    Transient,
}

impl NoToken {
    pub(crate) fn absent(reason: impl AsRef<str>) -> Self {
        Self { sort: NoTokenSort::Absent, reason: ServerText::new(reason.as_ref()) }
    }

    pub(crate) fn broken(reason: impl AsRef<str>) -> Self {
        Self { sort: NoTokenSort::Broken, reason: ServerText::new(reason.as_ref()) }
    }
}

impl From<TransportError> for NoToken {
    fn from(error: TransportError) -> Self {
        let is_for_good = error.kind() == ErrorKind::InvalidConfig;
        let sort = if is_for_good { NoTokenSort::Broken } else { NoTokenSort::Transient };
        Self { sort, reason: ServerText::new(&ErrorChain(&error).to_string()) }
    }
}

/// What token requests are made with.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) http: &'a Http,
    pub(crate) around: &'a Surroundings,
}

/// A credential file, by its form.
#[derive(Debug)]
pub(crate) enum CredentialFile {
    ServiceAccount(ServiceAccount),
    AuthorizedUser(AuthorizedUser),
    ExternalAccount(Box<ExternalAccount>),
    ExternalUser(AuthorizedUser),
    Impersonated(Box<Impersonated>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct ServiceAccount {
    client_email: String,
    private_key: Secret,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AuthorizedUser {
    client_id: String,
    client_secret: Secret,
    refresh_token: Secret,
    #[serde(alias = "token_url")]
    token_uri: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    token_url: String,
    credential_source: CredentialSource,
    service_account_impersonation_url: Option<String>,
    service_account_impersonation: Option<ImpersonationOptions>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    workforce_pool_user_project: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ImpersonationOptions {
    token_lifetime_seconds: Option<u64>,
}

#[derive(Deserialize)]
pub(crate) struct Impersonated {
    service_account_impersonation_url: String,
    source_credentials: Value,
    #[serde(default)]
    delegates: Vec<String>,
}

impl std::fmt::Debug for Impersonated {
    /// Leaves out the credentials within, which hold a key or a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Impersonated")
            .field("service_account_impersonation_url", &self.service_account_impersonation_url)
            .field("delegates", &self.delegates)
            .finish_non_exhaustive()
    }
}

/// The JSON of a credential file, and the project that it names.
pub(crate) fn parse(text: &str) -> Result<(CredentialFile, Option<String>), NoToken> {
    // The parser's own words would repeat what stands in the file.
    let value: Value = serde_json::from_str(text).map_err(|error| {
        NoToken::broken(format!("it is not JSON, from line {} column {}", error.line(), error.column()))
    })?;
    let named = ["project_id", "quota_project_id"].iter().find_map(|key| value.get(*key)?.as_str());
    let project = named.map(str::to_owned);
    Ok((parse_value(value, 0)?, project))
}

/// Credentials within credentials: Google's own libraries take one.
const MAX_DEPTH: u32 = 2;

fn parse_value(value: Value, depth: u32) -> Result<CredentialFile, NoToken> {
    fn form<T: serde::de::DeserializeOwned>(sort: &str, value: Value) -> Result<T, NoToken> {
        serde_json::from_value(value).map_err(|_| {
            NoToken::broken(format!("a field that a credential of type {sort} has is missing or malformed"))
        })
    }
    if depth > MAX_DEPTH {
        return Err(NoToken::broken("it holds credentials within credentials within credentials"));
    }
    let sort = value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match sort.as_str() {
        "service_account" => Ok(CredentialFile::ServiceAccount(form(&sort, value)?)),
        "authorized_user" => Ok(CredentialFile::AuthorizedUser(form(&sort, value)?)),
        "external_account" => Ok(CredentialFile::ExternalAccount(Box::new(form(&sort, value)?))),
        "external_account_authorized_user" => Ok(CredentialFile::ExternalUser(form(&sort, value)?)),
        "impersonated_service_account" => Ok(CredentialFile::Impersonated(Box::new(form(&sort, value)?))),
        "" => Err(NoToken::broken("it has no `type`, which every credential file has")),
        other => Err(NoToken::broken(format!("credentials of type {other:?} are not supported"))),
    }
}

/// A token for a credential file.
pub(crate) async fn of_file(desk: Desk<'_>, file: &CredentialFile) -> Result<Token, NoToken> {
    match file {
        CredentialFile::ServiceAccount(account) => service_account(desk, account).await,
        CredentialFile::AuthorizedUser(user) => authorized_user(desk, user).await,
        CredentialFile::ExternalAccount(account) => external_account(desk, account).await,
        CredentialFile::ExternalUser(user) => external_user(desk, user).await,
        CredentialFile::Impersonated(impersonated) => {
            let source = parse_value(impersonated.source_credentials.clone(), 1)?;
            let token = Box::pin(of_file(desk, &source)).await?;
            let url = &impersonated.service_account_impersonation_url;
            impersonate(desk, url, &impersonated.delegates, LIFETIME, &token).await
        }
    }
}

/// A signed statement of who asks (RFC 7523), which is exchanged for a token
/// (<https://developers.google.com/identity/protocols/oauth2/service-account#httprest>).
async fn service_account(desk: Desk<'_>, account: &ServiceAccount) -> Result<Token, NoToken> {
    let url = account.token_uri.as_deref().unwrap_or(OAUTH_TOKEN_URL);
    let now = desk.around.now();
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": account.private_key_id });
    let claims = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": url,
        "iat": seconds(now),
        "exp": seconds(now + LIFETIME),
    });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let statement = format!("{}.{}", encode(&header), encode(&claims));
    let signature = sign(account, statement.as_bytes())?;
    let assertion = Secret::new(format!("{statement}.{}", URL_SAFE_NO_PAD.encode(signature)));
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.expose())];
    granted(desk, post_form(url, None, &form)?, now).await
}

fn sign(account: &ServiceAccount, statement: &[u8]) -> Result<Vec<u8>, NoToken> {
    let unusable = || NoToken::broken("its private_key is no RSA key in PEM");
    let key = PrivateKeyDer::from_pem_slice(account.private_key.expose().as_bytes()).map_err(|_| unusable())?;
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).map_err(|_| unusable())?;
    let signer = key.choose_scheme(&[rustls::SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(unusable)?;
    signer.sign(statement).map_err(|_| unusable())
}

async fn authorized_user(desk: Desk<'_>, user: &AuthorizedUser) -> Result<Token, NoToken> {
    let url = user.token_uri.as_deref().unwrap_or(OAUTH_TOKEN_URL);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", user.client_id.as_str()),
        ("client_secret", user.client_secret.expose()),
        ("refresh_token", user.refresh_token.expose()),
    ];
    granted(desk, post_form(url, None, &form)?, desk.around.now()).await
}

/// A user of a workforce pool, as `gcloud auth application-default login --login-config` leaves them.
async fn external_user(desk: Desk<'_>, user: &AuthorizedUser) -> Result<Token, NoToken> {
    let url = user.token_uri.as_deref().ok_or_else(|| NoToken::broken("it has no token_url"))?;
    let form = [("grant_type", "refresh_token"), ("refresh_token", user.refresh_token.expose())];
    let basic = basic(&user.client_id, Some(&user.client_secret));
    granted(desk, post_form(url, Some(&basic), &form)?, desk.around.now()).await
}

/// Workload and workforce identity federation: a token of somebody else's, exchanged (RFC 8693) at Google's STS
/// (<https://google.aip.dev/auth/4117>).
async fn external_account(desk: Desk<'_>, account: &ExternalAccount) -> Result<Token, NoToken> {
    let audience = Audience { audience: &account.audience, token_type: &account.subject_token_type };
    let subject = subject::token(desk, &account.credential_source, audience).await?;
    let project = account.workforce_pool_user_project.as_deref();
    let options = project.map(|project| json!({ "userProject": project }).to_string()).unwrap_or_default();
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", account.audience.as_str()),
        ("scope", SCOPE),
        ("requested_token_type", ACCESS_TOKEN_TYPE),
        ("subject_token", subject.expose()),
        ("subject_token_type", account.subject_token_type.as_str()),
    ];
    if !options.is_empty() && account.client_id.is_none() {
        form.push(("options", &options));
    }
    let basic = account.client_id.as_deref().map(|id| basic(id, account.client_secret.as_ref()));
    let token = granted(desk, post_form(&account.token_url, basic.as_ref(), &form)?, desk.around.now()).await?;
    match &account.service_account_impersonation_url {
        None => Ok(token),
        Some(url) => {
            let wanted =
                account.service_account_impersonation.as_ref().and_then(|wanted| wanted.token_lifetime_seconds);
            impersonate(desk, url, &[], wanted.map_or(LIFETIME, Duration::from_secs), &token).await
        }
    }
}

/// A token of a service account, by the right to act as it
/// (<https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken>).
pub(crate) async fn impersonate(
    desk: Desk<'_>,
    url: &str,
    delegates: &[String],
    lifetime: Duration,
    token: &Token,
) -> Result<Token, NoToken> {
    let delegates: Vec<String> = delegates
        .iter()
        .map(|delegate| match delegate.starts_with("projects/") {
            true => delegate.clone(),
            false => format!("projects/-/serviceAccounts/{delegate}"),
        })
        .collect();
    let body = json!({ "scope": [SCOPE], "lifetime": format!("{}s", lifetime.as_secs()), "delegates": delegates });
    let request = http::Request::post(url)
        .header("authorization", secret(&format!("Bearer {}", token.secret.expose()))?)
        .header("content-type", "application/json");
    let reply = desk.http.send(finish(request, body.to_string().into_bytes())?).await?;
    if reply.status != 200 {
        return Err(refused("IAM", &reply));
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Generated {
        access_token: Secret,
        expire_time: String,
    }
    let generated: Generated = serde_json::from_slice(&reply.body).map_err(|_| no_token("IAM"))?;
    let end: k8s_openapi::jiff::Timestamp = generated.expire_time.parse().map_err(|_| no_token("IAM"))?;
    Ok(Token { secret: generated.access_token, expires_at: Some(end.into()) })
}

/// A token from the reply of an OAuth endpoint.
pub(crate) fn of_reply(whose: &str, reply: &Reply, asked_at: SystemTime) -> Result<Token, NoToken> {
    if reply.status != 200 {
        return Err(refused(whose, reply));
    }
    #[derive(Deserialize)]
    struct Granted {
        access_token: Secret,
        expires_in: Option<u64>,
    }
    let granted: Granted = serde_json::from_slice(&reply.body).map_err(|_| no_token(whose))?;
    // An end that lies centuries ahead is none.
    let end = granted.expires_in.and_then(|seconds| asked_at.checked_add(Duration::from_secs(seconds)));
    Ok(Token { secret: granted.access_token, expires_at: end })
}

async fn granted(desk: Desk<'_>, request: http::Request<Vec<u8>>, asked_at: SystemTime) -> Result<Token, NoToken> {
    of_reply("the token endpoint", &desk.http.send(request).await?, asked_at)
}

/// The content of a file of the user.
pub(crate) async fn read_file(path: PathBuf) -> Result<Secret, NoToken> {
    use tokio::io::AsyncReadExt as _;

    let unreadable = |error: std::io::Error| {
        let reason = format!("{} cannot be read: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => NoToken::absent(reason),
            _ => NoToken::broken(reason),
        }
    };
    let mut text = zeroize::Zeroizing::new(String::new());
    let file = tokio::fs::File::open(&path).await.map_err(unreadable)?;
    file.take(MAX_FILE).read_to_string(&mut text).await.map_err(unreadable)?;
    Ok(Secret::new(text.as_str()))
}

fn basic(id: &str, secret: Option<&Secret>) -> Secret {
    let pair = format!("{id}:{}", secret.map(Secret::expose).unwrap_or_default());
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

fn post_form(
    url: &str,
    authorization: Option<&Secret>,
    fields: &[(&str, &str)],
) -> Result<http::Request<Vec<u8>>, NoToken> {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", percent_encode(value));
    let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
    let mut request = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    if let Some(authorization) = authorization {
        request = request.header("authorization", secret(authorization.expose())?);
    }
    finish(request, body.into_bytes())
}

/// A header's value that is not printed.
pub(crate) fn secret(text: &str) -> Result<http::HeaderValue, NoToken> {
    secret_header(text).map_err(|_| NoToken::broken("a text in it cannot stand in a header"))
}

pub(crate) fn finish(request: http::request::Builder, body: Vec<u8>) -> Result<http::Request<Vec<u8>>, NoToken> {
    request.body(body).map_err(|_| NoToken::broken("an address in it is no URL, or a text cannot stand in a header"))
}

/// Everything but what RFC 3986 calls unreserved.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Why an endpoint gave no token, in its own words: `error` and `error_description` of OAuth, `error.message` of Google.
pub(crate) fn refused(whose: &str, reply: &Reply) -> NoToken {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let said = match (&body["error"], body["error_description"].as_str()) {
        (Value::String(error), Some(description)) => format!("{error}: {description}"),
        (Value::String(error), None) => error.clone(),
        (error, _) => error["message"].as_str().unwrap_or("no reason was given").to_owned(),
    };
    let reason = ServerText::new(&format!("{whose} answered with status {}: {said}", reply.status));
    let sort = match reply.status {
        408 | 429 | 500..=599 => NoTokenSort::Transient,
        _ => NoTokenSort::Broken,
    };
    NoToken { sort, reason }
}

fn no_token(whose: &str) -> NoToken {
    NoToken { sort: NoTokenSort::Transient, reason: ServerText::new(&format!("{whose} answered without a token")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart_and_nothing_of_them_is_repeated() {
        let problem = |text: &str| parse(text).map(|_| ()).unwrap_err().reason.as_str().to_owned();
        assert_eq!(problem("canary"), "it is not JSON, from line 1 column 1");
        assert!(problem(r#"{"project_id":"p"}"#).contains("no `type`"));
        assert!(problem(r#"{"type":"gdch_service_account"}"#).contains("gdch_service_account"));
        let broken = problem(r#"{"type":"service_account","client_email":"a@b","private_key":["canary"]}"#);
        assert!(broken.contains("service_account") && !broken.contains("canary"), "{broken}");
        let (_, project) = parse(
            r#"{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r","quota_project_id":"q"}"#,
        )
        .unwrap();
        assert_eq!(project.as_deref(), Some("q"));
        let nested = |inner: &str| {
            format!(
                r#"{{"type":"impersonated_service_account","service_account_impersonation_url":"u","source_credentials":{inner}}}"#
            )
        };
        assert!(parse(&nested("{}")).is_ok(), "what is within is looked at when it is used");
        let (file, _) = parse(&nested(r#"{"private_key":"canary"}"#)).unwrap();
        assert!(!format!("{file:?}").contains("canary"));
    }

    #[test]
    fn ends_of_tokens_are_counted_from_when_they_were_asked_for() {
        let reply = |body: &str| Reply { status: 200, headers: http::HeaderMap::new(), body: body.as_bytes().to_vec() };
        let end = |body: &str| of_reply("it", &reply(body), SystemTime::UNIX_EPOCH).map(|token| token.expires_at);
        let hour = SystemTime::UNIX_EPOCH + Duration::from_secs(3599);
        assert_eq!(end(r#"{"access_token":"t","expires_in":3599}"#).unwrap(), Some(hour));
        assert_eq!(end(r#"{"access_token":"t"}"#).unwrap(), None);
        assert_eq!(end(r#"{"access_token":"t","expires_in":18446744073709551615}"#).unwrap(), None);
        assert_eq!(end("{}").unwrap_err().sort, NoTokenSort::Transient);
    }
}
