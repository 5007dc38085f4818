//! Who asks: tokens of Microsoft Entra, from the sources that users of Azure's providers for Terraform expect, in their
//! order (hashicorp/go-azure-sdk, `sdk/auth`): a certificate, a secret, an identity token of somewhere else (given, in a
//! file, or asked for), the workload identity of a pod, the managed identity of a machine, the `az` command.
//!
//! A source that is not configured is passed over; one that is and fails ends the search, for the next might be somebody
//! else. Nothing is asked before the first call; a token is kept until shortly before it ends.
//!
//! The SDK speaks to Entra and to `az`. Ours are the certificate (the SDK needs OpenSSL for it; a PEM file and rustls do),
//! and the managed identity (the SDK takes its endpoint from the process's environment alone).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind as SdkErrorKind;
use azure_core::http::headers::HeaderName;
use azure_core::http::{ClientMethodOptions, ClientOptions, RetryOptions, Transport as SdkTransport, Url};
use azure_core::time::OffsetDateTime;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertion, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, Executor,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method, header};
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::failure::retry_after;
use super::settings::{AzureEnvironment, AzureSettings};
use super::transport;
use crate::error::{ErrorChain, ErrorKind, ServerText, causes};
use crate::secret::Secret;
use crate::transport::{Transport, TransportError};

/// A token is renewed this long before its end, so that a request sent now is still good when it arrives and no clock of a
/// few minutes' difference matters. The SDK does the same.
const RENEW_BEFORE: Duration = Duration::from_secs(5 * 60);

/// Files of the user: certificates and identity tokens are a few KiB.
const MAX_FILE: u64 = 64 * 1024;

/// How long the proof of a certificate holds: long enough for one request and a clock that differs.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// `az` takes a second or two, and a while longer to renew its own token.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// What identity tokens of somewhere else must be made for
/// (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations>).
const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

/// The instance metadata service
/// (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>).
const METADATA_ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
const METADATA_API_VERSION: &str = "2018-02-01";
/// The endpoint of App Service and of what copies it (<https://learn.microsoft.com/azure/app-service/overview-managed-identity>).
const APP_SERVICE_API_VERSION: &str = "2019-08-01";

/// Where environment variables come from.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// No source gave a token: each that was asked, and why it failed.
#[derive(Debug, Clone)]
pub(crate) struct CredentialError {
    attempts: Vec<(&'static str, ServerText)>,
    kind: ErrorKind,
}

impl CredentialError {
    /// Whether another try may help: it may where nobody could be asked.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no usable Azure credentials")?;
        for (index, (source, reason)) in self.attempts.iter().enumerate() {
            write!(f, "{} {source}: {reason}", if index == 0 { "; tried" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for CredentialError {}

/// A token and its end.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) text: Secret,
    pub(crate) expires_at: SystemTime,
}

/// The credentials of one backend.
pub(crate) struct CredentialChain {
    settings: Resolved,
    transport: Transport,
    metadata: Transport,
    found: Mutex<Found>,
}

/// The source that gave a token, and its tokens by scope.
#[derive(Default)]
struct Found {
    source: Option<(&'static str, Arc<dyn TokenCredential>)>,
    tokens: HashMap<String, Token>,
}

impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialChain").finish_non_exhaustive()
    }
}

impl CredentialChain {
    /// Lays out the sources.
    pub(crate) fn new(settings: &AzureSettings, variables: Variables, transport: Transport) -> Self {
        let metadata = transport::for_metadata(settings.ca_bundle.clone());
        let settings = Resolved { settings: settings.clone(), variables };
        Self { settings, transport, metadata, found: Mutex::default() }
    }

    /// A token for a scope, kept from before where it still lasts.
    pub(crate) async fn token(&self, scope: &str) -> Result<Token, CredentialError> {
        let mut found = self.found.lock().await;
        if let Some(token) = found.tokens.get(scope).filter(|token| lasts(token)) {
            return Ok(token.clone());
        }
        let token = match &found.source {
            Some((name, credential)) => ask(credential.as_ref(), scope)
                .await
                .map_err(|error| CredentialError { attempts: vec![(name, reason(&error))], kind: kind(&error) })?,
            None => {
                let (name, credential, token) = self.first(scope).await?;
                tracing::debug!(source = name, "Azure credentials found");
                found.source = Some((name, credential));
                token
            }
        };
        found.tokens.insert(scope.to_owned(), token.clone());
        Ok(token)
    }

    /// Forgets what was found: the cloud said that it has ended.
    pub(crate) async fn forget(&self) {
        *self.found.lock().await = Found::default();
    }

    async fn first(&self, scope: &str) -> Result<(&'static str, Arc<dyn TokenCredential>, Token), CredentialError> {
        let mut attempts = Vec::new();
        for (name, make) in SOURCES {
            let credential = match make(self) {
                Ok(credential) => credential,
                Err(Unusable::NotConfigured(why)) => {
                    attempts.push((*name, ServerText::new(&why)));
                    continue;
                }
                Err(Unusable::Broken(why)) => {
                    attempts.push((*name, ServerText::new(&why)));
                    return Err(CredentialError { attempts, kind: ErrorKind::Unauthenticated });
                }
            };
            match ask(credential.as_ref(), scope).await {
                Ok(token) => return Ok((name, credential, token)),
                Err(error) => {
                    attempts.push((*name, reason(&error)));
                    return Err(CredentialError { attempts, kind: kind(&error) });
                }
            }
        }
        Err(CredentialError { attempts, kind: ErrorKind::Unauthenticated })
    }

    fn certificate(&self) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let settings = &self.settings;
        let path = settings.path(
            settings.settings.client_certificate_path.as_ref(),
            &["ARM_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PATH"],
        );
        let Some(path) = path else { return Err(not_set("client_certificate_path")) };
        let password = settings.settings.client_certificate_password.is_some()
            || settings.text(None, &["ARM_CLIENT_CERTIFICATE_PASSWORD"]).is_some_and(|password| !password.is_empty());
        if password {
            let why = "a certificate with a password is not read; write it as PEM without one, or use another source";
            return Err(Unusable::Broken(why.to_owned()));
        }
        let (tenant, client) = settings.application()?;
        let audience = format!("{}/{tenant}/oauth2/v2.0/token", settings.authority_host()?.trim_end_matches('/'));
        self.by_assertion(tenant, client.clone(), Certificate { path, client, audience })
    }

    fn secret(&self) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let settings = &self.settings;
        let given = settings.settings.client_secret.as_ref().map(|secret| secret.expose().to_owned());
        let given = given.or_else(|| settings.text(None, &["ARM_CLIENT_SECRET", "AZURE_CLIENT_SECRET"]));
        let file = settings.path(settings.settings.client_secret_file.as_ref(), &["ARM_CLIENT_SECRET_FILE_PATH"]);
        let secret = match (given, file) {
            (Some(secret), _) => Secret::new(secret),
            (None, Some(path)) => read_text(&path).map_err(|error| Unusable::Broken(file_error(&path, &error)))?,
            (None, None) => return Err(not_set("client_secret")),
        };
        let (tenant, client) = settings.application()?;
        let options = ClientSecretCredentialOptions { client_options: self.client_options()? };
        let credential = ClientSecretCredential::new(&tenant, client, secret.expose().to_owned().into(), Some(options));
        credential.map(|credential| credential as Arc<dyn TokenCredential>).map_err(|error| broken(&error))
    }

    fn oidc_token(&self) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let settings = &self.settings;
        let given = settings.settings.oidc_token.as_ref().map(|token| token.expose().to_owned());
        let Some(token) = given.or_else(|| settings.text(None, &["ARM_OIDC_TOKEN"])) else {
            return Err(not_set("oidc_token"));
        };
        settings.check_oidc_is_on()?;
        let (tenant, client) = settings.application()?;
        self.by_assertion(tenant, client, IdentityToken::Given(Secret::new(token)))
    }

    fn oidc_token_file(&self) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let settings = &self.settings;
        let path = settings.path(settings.settings.oidc_token_file.as_ref(), &["ARM_OIDC_TOKEN_FILE_PATH"]);
        let Some(path) = path else { return Err(not_set("oidc_token_file_path")) };
        settings.check_oidc_is_on()?;
        let (tenant, client) = settings.application()?;
        self.by_assertion(tenant, client, IdentityToken::File(path))
    }

    fn oidc_request(&self) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let settings = &self.settings;
        let url = settings.text(
            settings.settings.oidc_request_url.as_ref(),
            &["ARM_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL"],
        );
        let Some(url) = url else { return Err(not_set("oidc_request_url")) };
        settings.check_oidc_is_on()?;
        let given = settings.settings.oidc_request_token.as_ref().map(|token| token.expose().to_owned());
        let bearer = given
            .or_else(|| settings.text(None, &["ARM_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]))
            .ok_or_else(|| Unusable::Broken("oidc_request_url is set without oidc_request_token".to_owned()))?;
        let mut url = Url::parse(&url).map_err(|_| Unusable::Broken("oidc_request_url is not a URL".to_owned()))?;
        if !url.query_pairs().any(|(key, _)| key == "audience") {
            url.query_pairs_mut().append_pair("audience", EXCHANGE_AUDIENCE);
        }
        let (tenant, client) = settings.application()?;
        let token = IdentityToken::Asked { url, bearer: Secret::new(bearer), transport: self.transport.clone() };
        self.by_assertion(tenant, client, token)
    }

    fn workload_identity(&self) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let settings = &self.settings;
        let path = settings.path(None, &["AZURE_FEDERATED_TOKEN_FILE"]);
        match (settings.flag(settings.settings.use_aks_workload_identity, "ARM_USE_AKS_WORKLOAD_IDENTITY"), path) {
            (Some(false), _) => Err(Unusable::NotConfigured("use_aks_workload_identity is off".to_owned())),
            (None | Some(true), Some(path)) => {
                let (tenant, client) = settings.application()?;
                self.by_assertion(tenant, client, IdentityToken::File(path))
            }
            (Some(true), None) => Err(Unusable::Broken(
                "use_aks_workload_identity is on, and AZURE_FEDERATED_TOKEN_FILE is not set".to_owned(),
            )),
            (None, None) => Err(Unusable::NotConfigured("AZURE_FEDERATED_TOKEN_FILE is not set".to_owned())),
        }
    }

    fn managed_identity(&self) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let settings = &self.settings;
        if !settings.flag(settings.settings.use_msi, "ARM_USE_MSI").unwrap_or(false) {
            return Err(Unusable::NotConfigured("use_msi is not on".to_owned()));
        }
        let given = settings.text(settings.settings.msi_endpoint.as_ref(), &["ARM_MSI_ENDPOINT"]);
        let app_service = settings.text(None, &["IDENTITY_ENDPOINT"]).zip(settings.text(None, &["IDENTITY_HEADER"]));
        let (endpoint, header) = match (given, app_service) {
            (Some(endpoint), _) => (endpoint, None),
            (None, Some((endpoint, header))) => (endpoint, Some(Secret::new(header))),
            (None, None) => (METADATA_ENDPOINT.to_owned(), None),
        };
        let endpoint = Url::parse(&endpoint).map_err(|_| Unusable::Broken("msi_endpoint is not a URL".to_owned()))?;
        let client_id = settings.client_id()?;
        Ok(Arc::new(ManagedIdentity { endpoint, header, client_id, transport: self.metadata.clone() }))
    }

    fn command_line(&self) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let settings = &self.settings;
        if !settings.flag(settings.settings.use_cli, "ARM_USE_CLI").unwrap_or(true) {
            return Err(Unusable::NotConfigured("use_cli is off".to_owned()));
        }
        let executor: Arc<dyn Executor> = Arc::new(CommandLine { path: settings.text(None, &["PATH"]) });
        let options = AzureCliCredentialOptions {
            tenant_id: settings.tenant_id(),
            executor: Some(executor),
            ..AzureCliCredentialOptions::default()
        };
        let credential = AzureCliCredential::new(Some(options));
        credential.map(|credential| credential as Arc<dyn TokenCredential>).map_err(|error| broken(&error))
    }

    fn by_assertion(
        &self,
        tenant: String,
        client: String,
        assertion: impl ClientAssertion + 'static,
    ) -> Result<Arc<dyn TokenCredential>, Unusable> {
        let options = ClientAssertionCredentialOptions { client_options: self.client_options()? };
        let credential = ClientAssertionCredential::new(tenant, client, assertion, Some(options));
        credential.map(|credential| credential as Arc<dyn TokenCredential>).map_err(|error| broken(&error))
    }

    /// How the SDK sends: once, by our own client, to the authority that is meant.
    fn client_options(&self) -> Result<ClientOptions, Unusable> {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = self.settings.authority_host()?;
        Ok(ClientOptions {
            cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
            retry: RetryOptions::none(),
            transport: Some(SdkTransport::new(Arc::new(self.transport.clone()))),
            ..ClientOptions::default()
        })
    }
}

type Make = fn(&CredentialChain) -> Result<Arc<dyn TokenCredential>, Unusable>;

/// The sources, in their order.
const SOURCES: &[(&str, Make)] = &[
    ("client certificate", CredentialChain::certificate),
    ("client secret", CredentialChain::secret),
    ("OIDC token", CredentialChain::oidc_token),
    ("OIDC token file", CredentialChain::oidc_token_file),
    ("OIDC token request", CredentialChain::oidc_request),
    ("AKS workload identity", CredentialChain::workload_identity),
    ("managed identity", CredentialChain::managed_identity),
    ("Azure CLI", CredentialChain::command_line),
];

/// Why a source is not asked.
enum Unusable {
    /// Nobody said that it should be.
    NotConfigured(String),
    /// It should be, and cannot.
    Broken(String),
}

fn not_set(setting: &str) -> Unusable {
    Unusable::NotConfigured(format!("{setting} is not set"))
}

fn broken(error: &azure_core::Error) -> Unusable {
    Unusable::Broken(ErrorChain(error).to_string())
}

fn lasts(token: &Token) -> bool {
    SystemTime::now() + RENEW_BEFORE < token.expires_at
}

async fn ask(credential: &dyn TokenCredential, scope: &str) -> azure_core::Result<Token> {
    let token = credential.get_token(&[scope], None).await?;
    if token.token.secret().is_empty() {
        return Err(azure_core::Error::with_message(SdkErrorKind::DataConversion, "the reply has no token"));
    }
    Ok(Token { text: Secret::new(token.token.secret()), expires_at: SystemTime::from(token.expires_on) })
}

fn reason(error: &azure_core::Error) -> ServerText {
    ServerText::new(&ErrorChain(error).to_string())
}

/// How long the login asks to wait.
fn asked_to_wait(error: &azure_core::Error) -> Option<Duration> {
    let SdkErrorKind::HttpResponse { raw_response: Some(reply), .. } = error.kind() else { return None };
    retry_after(|name| reply.headers().get_optional_str(&HeaderName::from_static(name)))
}

/// Whether it was a refusal, or nobody who could give a token was reached. A token that was asked for and not received
/// changed nothing.
fn kind(error: &azure_core::Error) -> ErrorKind {
    let out_of_reach = ErrorKind::Unavailable { retry_after: None };
    for cause in causes(error) {
        if let Some(transport) = cause.downcast_ref::<TransportError>() {
            let kind = transport.kind();
            return if kind == ErrorKind::Ambiguous { out_of_reach } else { kind };
        }
        if let Some(error) = cause.downcast_ref::<azure_core::Error>() {
            match error.http_status().map(u16::from) {
                Some(429) => return ErrorKind::Throttled { retry_after: asked_to_wait(error) },
                Some(500..=599) => return ErrorKind::Unavailable { retry_after: asked_to_wait(error) },
                Some(_) => return ErrorKind::Unauthenticated,
                None => {}
            }
            if let Some(transport) = error.downcast_ref::<TransportError>() {
                let kind = transport.kind();
                return if kind == ErrorKind::Ambiguous { out_of_reach } else { kind };
            }
            // Whoever answers in another form than Entra's is something in between.
            if matches!(error.kind(), SdkErrorKind::DataConversion) {
                return out_of_reach;
            }
        }
    }
    ErrorKind::Unauthenticated
}

/// Settings, and where they say nothing, the environment.
pub(crate) struct Resolved {
    pub(crate) settings: AzureSettings,
    pub(crate) variables: Variables,
}

impl Resolved {
    fn text(&self, setting: Option<&String>, variables: &[&str]) -> Option<String> {
        let set = |text: &String| !text.is_empty();
        setting.cloned().filter(set).or_else(|| variables.iter().find_map(|name| (self.variables)(name).filter(set)))
    }

    fn path(&self, setting: Option<&PathBuf>, variables: &[&str]) -> Option<PathBuf> {
        setting.cloned().or_else(|| self.text(None, variables).map(PathBuf::from))
    }

    fn flag(&self, setting: Option<bool>, variable: &str) -> Option<bool> {
        let of_environment = || match self.text(None, &[variable])?.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        setting.or_else(of_environment)
    }

    pub(crate) fn subscription_id(&self) -> Option<String> {
        self.text(self.settings.subscription_id.as_ref(), &["ARM_SUBSCRIPTION_ID", "AZURE_SUBSCRIPTION_ID"])
    }

    pub(crate) fn registers_providers(&self) -> bool {
        self.settings.register_providers.unwrap_or(true)
    }

    /// Which of Azure's clouds it is.
    pub(crate) fn environment(&self) -> Result<AzureEnvironment, super::settings::UnknownEnvironment> {
        match self.settings.environment {
            Some(environment) => Ok(environment),
            None => self
                .text(None, &["ARM_ENVIRONMENT", "AZURE_ENVIRONMENT"])
                .map_or(Ok(Default::default()), |name| name.parse()),
        }
    }

    fn tenant_id(&self) -> Option<String> {
        self.text(self.settings.tenant_id.as_ref(), &["ARM_TENANT_ID", "AZURE_TENANT_ID"])
    }

    fn client_id(&self) -> Result<Option<String>, Unusable> {
        if let Some(id) = self.text(self.settings.client_id.as_ref(), &["ARM_CLIENT_ID"]) {
            return Ok(Some(id));
        }
        if let Some(path) = self.path(self.settings.client_id_file.as_ref(), &["ARM_CLIENT_ID_FILE_PATH"]) {
            let id = read_text(&path).map_err(|error| Unusable::Broken(file_error(&path, &error)))?;
            return Ok(Some(id.expose().to_owned()));
        }
        Ok(self.text(None, &["AZURE_CLIENT_ID"]))
    }

    /// The tenant and the application that a proof is for.
    fn application(&self) -> Result<(String, String), Unusable> {
        match (self.tenant_id(), self.client_id()?) {
            (Some(tenant), Some(client)) => Ok((tenant, client)),
            (None, _) => Err(Unusable::Broken("tenant_id is not set".to_owned())),
            (Some(_), None) => Err(Unusable::Broken("client_id is not set".to_owned())),
        }
    }

    fn authority_host(&self) -> Result<String, Unusable> {
        match self.text(self.settings.authority_host.as_ref(), &["AZURE_AUTHORITY_HOST"]) {
            Some(host) => Ok(host),
            None => {
                let environment = self.environment().map_err(|error| Unusable::Broken(error.to_string()))?;
                Ok(environment.authority_host().to_owned())
            }
        }
    }

    /// An identity token that lies about in the environment is shown to Azure only where that was asked for.
    fn check_oidc_is_on(&self) -> Result<(), Unusable> {
        let settings = &self.settings;
        let named = settings.oidc_token.is_some()
            || settings.oidc_token_file.is_some()
            || settings.oidc_request_url.is_some()
            || settings.oidc_request_token.is_some();
        match self.flag(settings.use_oidc, "ARM_USE_OIDC") {
            Some(true) => Ok(()),
            None if named => Ok(()),
            Some(false) | None => Err(Unusable::NotConfigured("use_oidc is not on".to_owned())),
        }
    }
}

fn read_text(path: &Path) -> std::io::Result<Secret> {
    use std::io::Read as _;

    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    // Most tools leave a line break at the end of a file, which belongs to no secret.
    Ok(Secret::new(text.trim()))
}

fn file_error(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

fn sdk_error(message: impl Into<String>) -> azure_core::Error {
    azure_core::Error::with_message(SdkErrorKind::Credential, message.into())
}

/// A reply that says no.
fn refused(status: u16, text: &str) -> azure_core::Error {
    let kind = SdkErrorKind::HttpResponse { status: status.into(), error_code: None, raw_response: None };
    azure_core::Error::with_message(kind, format!("HTTP status {status}: {text}"))
}

/// An identity token of somewhere else.
enum IdentityToken {
    Given(Secret),
    /// It is read anew at each use, because whoever issues it replaces it.
    File(PathBuf),
    /// It is asked for at each use, as GitHub's workflows do.
    Asked {
        url: Url,
        bearer: Secret,
        transport: Transport,
    },
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityToken")
    }
}

#[async_trait]
impl ClientAssertion for IdentityToken {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        match self {
            Self::Given(token) => Ok(token.expose().to_owned()),
            Self::File(path) => {
                let token = read_text(path).map_err(|error| sdk_error(file_error(path, &error)))?;
                Ok(token.expose().to_owned())
            }
            Self::Asked { url, bearer, transport } => {
                #[derive(Deserialize)]
                struct Answer {
                    value: String,
                }
                let mut value = HeaderValue::try_from(format!("Bearer {}", bearer.expose()))
                    .map_err(|_| sdk_error("oidc_request_token holds what no header can"))?;
                value.set_sensitive(true);
                let headers = HeaderMap::from_iter([
                    (header::AUTHORIZATION, value),
                    (header::ACCEPT, HeaderValue::from_static("application/json")),
                ]);
                let reply = transport.send(Method::GET, url.as_str(), headers, None).await;
                let reply = reply.map_err(|error| azure_core::Error::new(SdkErrorKind::Io, error))?;
                if reply.status != 200 {
                    return Err(refused(reply.status, "the identity token was refused"));
                }
                let answer = serde_json::from_slice::<Answer>(&reply.body);
                Ok(answer.map_err(|_| sdk_error("the answer holds no identity token"))?.value)
            }
        }
    }
}

/// Proves by a certificate's key that we are the application that has the certificate
/// (<https://learn.microsoft.com/entra/identity-platform/certificate-credentials>). The file is read anew at each use.
#[derive(Debug)]
struct Certificate {
    path: PathBuf,
    client: String,
    audience: String,
}

#[async_trait]
impl ClientAssertion for Certificate {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let pem = read_text(&self.path).map_err(|error| sdk_error(file_error(&self.path, &error)))?;
        self.assertion(pem.expose().as_bytes(), SystemTime::now()).map_err(sdk_error)
    }
}

impl Certificate {
    fn assertion(&self, pem: &[u8], now: SystemTime) -> Result<String, String> {
        let wrong = |what: &str| format!("{} holds no {what}; a PEM file with both is needed", self.path.display());
        let certificate = CertificateDer::from_pem_slice(pem).map_err(|_| wrong("certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| wrong("private key"))?;
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).map_err(|_| wrong("usable private key"))?;
        let signer = key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]).ok_or_else(|| wrong("RSA key"))?;
        let base64 = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = serde_json::json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": base64(&Sha256::digest(&certificate)),
        });
        let claims = serde_json::json!({
            "aud": self.audience,
            "iss": self.client,
            "sub": self.client,
            "jti": uuid::Uuid::new_v4().to_string(),
            "nbf": seconds,
            "exp": seconds + ASSERTION_LIFETIME.as_secs(),
        });
        let signed = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let signature = signer.sign(signed.as_bytes()).map_err(|_| wrong("key that signs"))?;
        Ok(format!("{signed}.{}", base64(&signature)))
    }
}

/// Runs `az` from where the environment's `PATH` has it, and not for ever.
#[derive(Debug)]
struct CommandLine {
    path: Option<String>,
}

#[async_trait]
impl Executor for CommandLine {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> std::io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        match &self.path {
            Some(path) => command.env("PATH", path),
            None => command.env_remove("PATH"),
        };
        match tokio::time::timeout(COMMAND_TIMEOUT, command.output()).await {
            Ok(output) => output,
            Err(_) => Err(std::io::Error::other(format!("az did not answer in {COMMAND_TIMEOUT:?}"))),
        }
    }
}

/// The identity that the machine we run on has.
struct ManagedIdentity {
    endpoint: Url,
    /// What App Service's endpoint is shown.
    header: Option<Secret>,
    client_id: Option<String>,
    transport: Transport,
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ManagedIdentity")
    }
}

#[async_trait]
impl TokenCredential for ManagedIdentity {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: String,
            expires_on: serde_json::Value,
        }
        let resource = scopes.first().map(|scope| scope.trim_end_matches("/.default")).unwrap_or_default();
        let mut url = self.endpoint.clone();
        let mut headers = HeaderMap::new();
        let api_version = match &self.header {
            Some(secret) => {
                let mut value = HeaderValue::try_from(secret.expose())
                    .map_err(|_| sdk_error("IDENTITY_HEADER holds what no header can"))?;
                value.set_sensitive(true);
                headers.insert("x-identity-header", value);
                APP_SERVICE_API_VERSION
            }
            None => {
                headers.insert("metadata", HeaderValue::from_static("true"));
                METADATA_API_VERSION
            }
        };
        url.query_pairs_mut().append_pair("api-version", api_version).append_pair("resource", resource);
        if let Some(client_id) = &self.client_id {
            url.query_pairs_mut().append_pair("client_id", client_id);
        }
        let reply = self.transport.send(Method::GET, url.as_str(), headers, None).await;
        let reply = reply.map_err(|error| azure_core::Error::new(SdkErrorKind::Io, error))?;
        if reply.status != 200 {
            return Err(refused(reply.status, &String::from_utf8_lossy(&reply.body)));
        }
        let answer =
            serde_json::from_slice::<Answer>(&reply.body).map_err(|_| sdk_error("the answer holds no token"))?;
        // Seconds since 1970, as text or as a number.
        let expires_on = match &answer.expires_on {
            serde_json::Value::String(text) => text.parse().ok(),
            number => number.as_i64(),
        };
        let expires_on = expires_on.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let expires_on = expires_on.ok_or_else(|| sdk_error("the answer does not say when the token ends"))?;
        Ok(AccessToken::new(answer.access_token, expires_on))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(settings: AzureSettings, variables: &[(&str, &str)]) -> CredentialChain {
        let variables: HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let transport = transport::for_calls(None, None);
        CredentialChain::new(&settings, Arc::new(move |name| variables.get(name).cloned()), transport)
    }

    /// What becomes of each source: `asked`, or why not.
    fn sources(settings: AzureSettings, variables: &[(&str, &str)]) -> Vec<String> {
        let chain = chain(settings, variables);
        let said = |(name, make): &(&str, Make)| match make(&chain) {
            Ok(_) => format!("{name}: asked"),
            Err(Unusable::NotConfigured(why)) => format!("{name}: {why}"),
            Err(Unusable::Broken(why)) => format!("{name}: broken, {why}"),
        };
        SOURCES.iter().map(said).collect()
    }

    #[test]
    fn without_anything_only_the_command_line_is_asked() {
        expect_test::expect![[r#"
            client certificate: client_certificate_path is not set
            client secret: client_secret is not set
            OIDC token: oidc_token is not set
            OIDC token file: oidc_token_file_path is not set
            OIDC token request: oidc_request_url is not set
            AKS workload identity: AZURE_FEDERATED_TOKEN_FILE is not set
            managed identity: use_msi is not on
            Azure CLI: asked"#]]
        .assert_eq(&sources(AzureSettings::default(), &[]).join("\n"));
    }

    #[test]
    fn variables_are_those_of_azures_providers() {
        let application = [("ARM_TENANT_ID", "t"), ("ARM_CLIENT_ID", "c")];
        let asked = |variables: &[(&str, &str)]| {
            let all: Vec<(&str, &str)> = application.iter().chain(variables).copied().collect();
            let sources = sources(AzureSettings::default(), &all);
            sources.iter().filter_map(|said| said.strip_suffix(": asked")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(asked(&[("ARM_CLIENT_SECRET", "s")])[0], "client secret");
        assert_eq!(asked(&[("ARM_CLIENT_CERTIFICATE_PATH", "/c.pem")])[0], "client certificate");
        assert_eq!(asked(&[("ARM_OIDC_TOKEN", "t"), ("ARM_USE_OIDC", "true")])[0], "OIDC token");
        assert_eq!(asked(&[("ARM_OIDC_TOKEN", "t")]), ["Azure CLI"], "only where that is asked for");
        assert_eq!(asked(&[("ARM_OIDC_TOKEN_FILE_PATH", "/t"), ("ARM_USE_OIDC", "true")])[0], "OIDC token file");
        let github = [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.example/token"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
            ("ARM_USE_OIDC", "true"),
        ];
        assert_eq!(asked(&github)[0], "OIDC token request");
        assert_eq!(asked(&[("AZURE_FEDERATED_TOKEN_FILE", "/t")])[0], "AKS workload identity");
        assert_eq!(asked(&[("ARM_USE_MSI", "true")])[0], "managed identity");
        assert_eq!(asked(&[("ARM_USE_CLI", "false")]), Vec::<String>::new());
    }

    #[test]
    fn what_is_half_configured_is_said() {
        let settings = AzureSettings { client_secret: Some(Secret::new("canary")), ..AzureSettings::default() };
        let said = sources(settings, &[]);
        assert_eq!(said[1], "client secret: broken, tenant_id is not set");
        let settings = AzureSettings {
            client_certificate_path: Some("/c.pfx".into()),
            client_certificate_password: Some(Secret::new("canary")),
            ..AzureSettings::default()
        };
        let said = sources(settings, &[]);
        assert!(
            said[0].contains("a certificate with a password is not read") && !said[0].contains("canary"),
            "{said:?}"
        );
    }

    #[test]
    fn each_cloud_has_addresses_of_its_own() {
        let of = |variables: &[(&str, &str)]| {
            let settings = chain(AzureSettings::default(), variables).settings;
            let environment = settings.environment().unwrap();
            let Ok(authority) = settings.authority_host() else { panic!("no authority") };
            format!("{} {} {authority}", environment.endpoint(), environment.scope())
        };
        assert_eq!(
            of(&[]),
            "https://management.azure.com https://management.azure.com/.default https://login.microsoftonline.com"
        );
        assert_eq!(
            of(&[("ARM_ENVIRONMENT", "usgovernment")]),
            "https://management.usgovcloudapi.net https://management.usgovcloudapi.net/.default \
             https://login.microsoftonline.us"
        );
        assert_eq!(
            of(&[("ARM_ENVIRONMENT", "china"), ("AZURE_AUTHORITY_HOST", "https://login.example")]),
            "https://management.chinacloudapi.cn https://management.chinacloudapi.cn/.default https://login.example"
        );
        let unknown = chain(AzureSettings::default(), &[("ARM_ENVIRONMENT", "german")]);
        assert!(unknown.settings.environment().is_err());
    }

    #[test]
    fn a_certificate_proves_who_we_are() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["app".to_owned()]).unwrap().self_signed(&key).unwrap();
        let pem = format!("{}{}", key.serialize_pem(), certificate.pem());
        let proof = Certificate {
            path: "app.pem".into(),
            client: "app".to_owned(),
            audience: "https://login.example/t/oauth2/v2.0/token".to_owned(),
        };
        let assertion = proof.assertion(pem.as_bytes(), UNIX_EPOCH + Duration::from_secs(1000)).unwrap();
        let parts: Vec<&str> = assertion.split('.').collect();
        let json = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let (header, claims) = (json(parts[0]), json(parts[1]));
        assert_eq!(header["alg"], "PS256");
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()));
        assert_eq!(header["x5t#S256"], thumbprint);
        assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("app"), Some("app")));
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap(), 600);
        assert_eq!(parts.len(), 3);
        let error = proof.assertion(b"-----BEGIN NOTHING-----", UNIX_EPOCH).unwrap_err();
        assert_eq!(error, "app.pem holds no certificate; a PEM file with both is needed");
    }
}
