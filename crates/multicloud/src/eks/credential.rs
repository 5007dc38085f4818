//! Who asks: credentials, from the sources that users of AWS tools expect, in the documented order.
//!
//! Static keys of the settings, or the web identity or profile that the settings name, are the only source where given.
//! Otherwise: environment variables, the shared profile (keys, SSO, `credential_process`, roles), a web identity file
//! (IRSA), the container endpoint (ECS, EKS Pod Identity), the instance metadata service. A role of the settings is
//! assumed with what was found. Nothing is asked before the first call; what was found is kept until shortly before it
//! ends.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use tokio::sync::Mutex;

use super::settings::{AssumeRole, AssumeRoleWithWebIdentity, AwsSettings};
use crate::error::{ErrorChain, ServerText};
use crate::secret::Secret;

/// A credential is renewed this long before its end, so that a request signed now is still good when it arrives and no
/// clock of a few minutes' difference matters.
const RENEW_BEFORE: Duration = Duration::from_secs(5 * 60);

/// The metadata service answers from the host itself, in milliseconds. Elsewhere nobody answers at all, and a user
/// without credentials shall not wait long to hear so.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Files of the user: an identity token is a few KiB.
const MAX_TOKEN_FILE: u64 = 64 * 1024;

/// The name of our sessions in CloudTrail where the settings give none.
const SESSION_NAME: &str = "multicloud";

const PROFILE: &str = "shared profile";

/// No source gave a usable credential: each that was asked, and why it failed.
#[derive(Debug, Clone)]
pub(crate) struct CredentialError {
    attempts: Vec<(&'static str, ServerText)>,
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no usable AWS credentials")?;
        for (index, (source, reason)) in self.attempts.iter().enumerate() {
            write!(f, "{} {source}: {reason}", if index == 0 { "; tried" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for CredentialError {}

/// The credentials of one backend in one region.
pub(crate) struct CredentialChain {
    sources: Vec<(&'static str, SharedCredentialsProvider)>,
    assume_role: Option<(AssumeRole, SdkConfig)>,
    clock: SharedTimeSource,
    found: Mutex<Option<Credentials>>,
}

impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.sources.iter().map(|(name, _)| name).collect();
        f.debug_struct("CredentialChain").field("sources", &sources).finish_non_exhaustive()
    }
}

impl CredentialChain {
    /// Lays out the sources. `sdk` reaches STS without credentials of its own.
    pub(crate) fn new(settings: &AwsSettings, sdk: &SdkConfig, clock: SharedTimeSource) -> Self {
        Self {
            sources: sources(settings, sdk),
            assume_role: settings.assume_role.clone().map(|role| (role, sdk.clone())),
            clock,
            found: Mutex::new(None),
        }
    }

    /// The credentials, kept from before where they still last.
    pub(crate) async fn resolve(&self) -> Result<Credentials, CredentialError> {
        let mut found = self.found.lock().await;
        if let Some(credentials) = found.as_ref().filter(|credentials| lasts(credentials, self.clock.now())) {
            return Ok(credentials.clone());
        }
        let base = self.first().await?;
        let credentials = match &self.assume_role {
            Some((role, sdk)) => assume(role, sdk, base).await?,
            None => base,
        };
        *found = Some(credentials.clone());
        Ok(credentials)
    }

    /// Forgets what was found: the cloud said that it has ended or is not known.
    pub(crate) async fn forget(&self) {
        *self.found.lock().await = None;
    }

    /// Asks one source after the other. One that is there but broken ends the search, as it does in the AWS tools, and so
    /// does a profile that the environment names: the next source might be somebody else.
    async fn first(&self) -> Result<Credentials, CredentialError> {
        let mut attempts = Vec::new();
        for (name, source) in &self.sources {
            match source.provide_credentials().await {
                Ok(credentials) => {
                    tracing::debug!(source = name, "AWS credentials found");
                    return Ok(credentials);
                }
                Err(error) => {
                    attempts.push((*name, reason(&error)));
                    let named = *name == PROFILE && is_set("AWS_PROFILE");
                    if named || !matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
                        break;
                    }
                }
            }
        }
        Err(CredentialError { attempts })
    }
}

impl ProvideCredentials for CredentialChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.resolve().await.map_err(CredentialsError::provider_error) })
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn lasts(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|expiry| now + RENEW_BEFORE < expiry)
}

fn sources(settings: &AwsSettings, sdk: &SdkConfig) -> Vec<(&'static str, SharedCredentialsProvider)> {
    if settings.access_key.is_some() || settings.secret_key.is_some() {
        return vec![("settings `access_key` and `secret_key`", SharedCredentialsProvider::new(Static::new(settings)))];
    }
    if let Some(identity) = &settings.assume_role_with_web_identity {
        let source = WebIdentity { identity: Identity::Settings(identity.clone()), sdk: sdk.clone() };
        return vec![("settings `assume_role_with_web_identity`", SharedCredentialsProvider::new(source))];
    }
    let config = provider_config(sdk);
    let profile = profile(settings, &config);
    if settings.profile.is_some() {
        return vec![("settings `profile`", SharedCredentialsProvider::new(profile))];
    }
    let metadata = imds::Client::builder()
        .configure(&config)
        .max_attempts(1)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .operation_timeout(2 * METADATA_TIMEOUT)
        .build();
    let environment = EnvironmentVariableCredentialsProvider::new();
    let web_identity = WebIdentity { identity: Identity::Environment, sdk: sdk.clone() };
    let container = EcsCredentialsProvider::builder().configure(&config).build();
    let instance = ImdsCredentialsProvider::builder().configure(&config).imds_client(metadata).build();
    vec![
        ("environment variables", SharedCredentialsProvider::new(environment)),
        (PROFILE, SharedCredentialsProvider::new(profile)),
        ("web identity of the environment", SharedCredentialsProvider::new(web_identity)),
        ("container or pod identity", SharedCredentialsProvider::new(container)),
        ("instance metadata", SharedCredentialsProvider::new(instance)),
    ]
}

/// What the sources of `aws-config` need to make calls of their own. Those calls change nothing, so the SDK may try
/// twice.
fn provider_config(sdk: &SdkConfig) -> ProviderConfig {
    let mut config = ProviderConfig::empty()
        .with_region(sdk.region().cloned())
        .with_behavior_version(sdk.behavior_version())
        .with_retry_config(RetryConfig::standard().with_max_attempts(2))
        .with_use_fips(sdk.use_fips())
        .with_use_dual_stack(sdk.use_dual_stack());
    if let Some(http_client) = sdk.http_client() {
        config = config.with_http_client(http_client);
    }
    if let Some(sleep) = sdk.sleep_impl() {
        config = config.with_sleep_impl(sleep);
    }
    if let Some(timeouts) = sdk.timeout_config() {
        config = config.with_timeout_config(timeouts.clone());
    }
    config
}

fn profile(settings: &AwsSettings, config: &ProviderConfig) -> ProfileFileCredentialsProvider {
    let mut builder = ProfileFileCredentialsProvider::builder().configure(config);
    if let Some(name) = &settings.profile {
        builder = builder.profile_name(name);
    }
    if let Some(files) = profile_files(settings) {
        builder = builder.profile_files(files);
    }
    builder.build()
}

#[expect(deprecated, reason = "the new name of these types is in a crate that nothing else here needs")]
pub(crate) fn profile_files(settings: &AwsSettings) -> Option<aws_config::profile::profile_file::ProfileFiles> {
    use aws_config::profile::profile_file::{Builder, ProfileFileKind};

    let (config, credentials) = (&settings.shared_config_files, &settings.shared_credentials_files);
    if config.is_empty() && credentials.is_empty() {
        return None;
    }
    let mut files = Builder::new()
        .include_default_config_file(config.is_empty())
        .include_default_credentials_file(credentials.is_empty());
    for path in config {
        files = files.with_file(ProfileFileKind::Config, path);
    }
    for path in credentials {
        files = files.with_file(ProfileFileKind::Credentials, path);
    }
    Some(files.build())
}

/// The keys of the settings.
#[derive(Debug)]
struct Static {
    access_key: Option<String>,
    secret_key: Option<Secret>,
    token: Option<Secret>,
}

impl Static {
    fn new(settings: &AwsSettings) -> Self {
        Self {
            access_key: settings.access_key.clone(),
            secret_key: settings.secret_key.clone(),
            token: settings.token.clone(),
        }
    }
}

impl ProvideCredentials for Static {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let (Some(access_key), Some(secret_key)) = (&self.access_key, &self.secret_key) else {
            return future::ProvideCredentials::ready(Err(CredentialsError::invalid_configuration(
                "one of the two is missing",
            )));
        };
        let token = self.token.as_ref().map(|token| token.expose().to_owned());
        let credentials = Credentials::new(access_key, secret_key.expose(), token, None, "settings");
        future::ProvideCredentials::ready(Ok(credentials))
    }
}

/// `sts:AssumeRoleWithWebIdentity`. Ours, and not the SDK's, because that one knows neither a token given in place nor
/// an STS endpoint of the settings.
#[derive(Debug)]
struct WebIdentity {
    identity: Identity,
    sdk: SdkConfig,
}

#[derive(Debug)]
enum Identity {
    Settings(AssumeRoleWithWebIdentity),
    /// The variables that EKS (IRSA) and CI systems set.
    Environment,
}

impl WebIdentity {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let identity = match &self.identity {
            Identity::Settings(identity) => identity.clone(),
            Identity::Environment => identity_of_environment()?,
        };
        let token = match (&identity.token, &identity.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(path)) => read_token(path.clone()).await.map_err(CredentialsError::provider_error)?,
            (None, None) => {
                return Err(CredentialsError::invalid_configuration("neither a token nor its file is named"));
            }
        };
        let answer = aws_sdk_sts::Client::new(&self.sdk)
            .assume_role_with_web_identity()
            .role_arn(&identity.role_arn)
            .role_session_name(identity.session_name.as_deref().unwrap_or(SESSION_NAME))
            .web_identity_token(token.expose())
            .set_policy(identity.policy.clone())
            .set_duration_seconds(identity.duration.map(seconds))
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let Some(given) = answer.credentials else {
            return Err(CredentialsError::provider_error("STS answered without credentials"));
        };
        let expiry = SystemTime::try_from(given.expiration).map_err(CredentialsError::provider_error)?;
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            Some(expiry),
            "web identity",
        ))
    }
}

impl ProvideCredentials for WebIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

fn identity_of_environment() -> Result<AssumeRoleWithWebIdentity, CredentialsError> {
    let variable = |name: &'static str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let token_file = variable("AWS_WEB_IDENTITY_TOKEN_FILE")
        .ok_or_else(|| CredentialsError::not_loaded("AWS_WEB_IDENTITY_TOKEN_FILE is not set"))?;
    let role_arn = variable("AWS_ROLE_ARN").ok_or_else(|| {
        CredentialsError::invalid_configuration("AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN")
    })?;
    Ok(AssumeRoleWithWebIdentity {
        role_arn,
        session_name: variable("AWS_ROLE_SESSION_NAME"),
        token_file: Some(token_file.into()),
        ..AssumeRoleWithWebIdentity::default()
    })
}

async fn read_token(path: PathBuf) -> std::io::Result<Secret> {
    use tokio::io::AsyncReadExt as _;

    let mut text = String::new();
    tokio::fs::File::open(path).await?.take(MAX_TOKEN_FILE).read_to_string(&mut text).await?;
    // STS refuses the line break that most tools leave at the end of a file.
    Ok(Secret::new(text.trim()))
}

async fn assume(role: &AssumeRole, sdk: &SdkConfig, base: Credentials) -> Result<Credentials, CredentialError> {
    let mut builder = AssumeRoleProvider::builder(&role.role_arn)
        .session_name(role.session_name.as_deref().unwrap_or(SESSION_NAME))
        .configure(sdk);
    if let Some(external_id) = &role.external_id {
        builder = builder.external_id(external_id);
    }
    if let Some(duration) = role.duration {
        builder = builder.session_length(duration);
    }
    if let Some(policy) = &role.policy {
        builder = builder.policy(policy);
    }
    let provider = builder.build_from_provider(base).await;
    provider
        .provide_credentials()
        .await
        .map_err(|error| CredentialError { attempts: vec![("settings `assume_role`", reason(&error))] })
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

/// The causes alone: the outermost text of these errors only says that there is a cause.
fn reason(error: &CredentialsError) -> ServerText {
    match std::error::Error::source(error) {
        Some(source) => ServerText::new(&ErrorChain(source).to_string()),
        None if matches!(error, CredentialsError::CredentialsNotLoaded(_)) => ServerText::new("nothing is configured"),
        None => ServerText::new(&error.to_string()),
    }
}
