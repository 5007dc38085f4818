//! The provider block: its schema, and how it becomes [`Clouds`].

use std::path::PathBuf;

use multicloud::eks::{AssumeRole, AssumeRoleWithWebIdentity, AwsSettings};
use multicloud::{Owner, Secret};
use tfplug::logging::mask;
use tfplug::{
    Attr, Configure, Configured, Diagnostic, Diagnostics, GoDuration, ListOf, Model, Offers, Path, Provider,
    async_trait,
};

use crate::clouds::{Clouds, OWNER_VARIABLE, Setting};
use crate::environment::{EnvironmentData, EnvironmentResource};
use crate::environments::Environments;
use crate::kubeconfig::Kubeconfig;

/// A text in a provider block that is longer than this is a mistake.
const TEXT_MAX: usize = 4096;

/// A session token of STS, or a web identity token, has a few KiB; the HTTP header that carries it, at most this.
const TOKEN_MAX: usize = 65_536;

/// The provider `multicloud`.
#[derive(Clone, Copy, Debug)]
pub struct MulticloudProvider;

/// Kubernetes environments on many clouds, declared in one resource.
///
/// Each cloud's block is optional, and nothing in it is used before an environment of that cloud is: `validate`, and
/// `plan` of new environments, need no credentials and no network.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct ProviderConfig {
    /// Whose the environments are: lower-case letters, digits and `-`, at most 32. Every object carries it as the
    /// ownership mark `multicloud-owner`, and what carries another is never changed. Or the environment variable
    /// `MULTICLOUD_OWNER`.
    #[attribute(optional, validate = [matches("^[a-z0-9-]{1,32}$", "lower-case letters, digits and dashes, at most 32 ([a-z0-9-]{1,32})")])]
    pub owner: Attr<String>,
    /// How to reach Amazon Web Services. What is left out comes from the environment and the shared files, as the AWS
    /// tools take it.
    #[attribute(optional)]
    pub aws: Attr<Aws>,
}

/// How to reach Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Aws {
    /// The region of calls that no environment is named for. An environment's own region goes before it.
    #[attribute(optional, validate = [string_length(1..=64)])]
    pub region: Attr<String>,
    /// The address of the EKS API, instead of `AWS_ENDPOINT_URL_EKS`, `AWS_ENDPOINT_URL` and Amazon's own.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX), matches("^https?://", "an address that begins with https:// or http://")])]
    pub endpoint: Attr<String>,
    /// The address of the STS API, instead of `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL` and Amazon's own.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX), matches("^https?://", "an address that begins with https:// or http://")])]
    pub sts_endpoint: Attr<String>,
    /// A PEM file of certificate authorities to trust besides the platform's, instead of `AWS_CA_BUNDLE`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub ca_bundle: Attr<String>,
    /// A proxy for all calls, such as `http://proxy.example:3128`, instead of `HTTPS_PROXY`. It may hold a password.
    #[attribute(optional, sensitive, validate = [string_length(1..=TEXT_MAX)])]
    pub proxy: Attr<String>,
    /// How long to wait between two looks at a running operation, such as `10s`.
    #[attribute(optional)]
    pub poll_interval: Attr<GoDuration>,
    /// An access key, instead of `AWS_ACCESS_KEY_ID` and every other source of credentials.
    #[attribute(optional, validate = [also_requires([".secret_key"]), conflicts_with([".profile"]), string_length(1..=TEXT_MAX)])]
    pub access_key: Attr<String>,
    /// The secret key that belongs to `access_key`.
    #[attribute(optional, sensitive, validate = [also_requires([".access_key"]), string_length(1..=TEXT_MAX)])]
    pub secret_key: Attr<String>,
    /// The session token that belongs to a temporary `access_key`.
    #[attribute(optional, sensitive, validate = [also_requires([".access_key"]), string_length(1..=TOKEN_MAX)])]
    pub token: Attr<String>,
    /// The profile of the shared files, instead of `AWS_PROFILE`. Named here, it is the only source of credentials.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub profile: Attr<String>,
    /// The shared config files, instead of `AWS_CONFIG_FILE` and `~/.aws/config`.
    #[attribute(optional)]
    pub shared_config_files: ListOf<String>,
    /// The shared credentials files, instead of `AWS_SHARED_CREDENTIALS_FILE` and `~/.aws/credentials`.
    #[attribute(optional)]
    pub shared_credentials_files: ListOf<String>,
    /// A role to assume with the credentials that were found.
    #[attribute(optional)]
    pub assume_role: Attr<Role>,
    /// A role to assume with an identity token, without other credentials.
    #[attribute(optional)]
    pub assume_role_with_web_identity: Attr<WebIdentityRole>,
}

/// A role of AWS, assumed with credentials.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Role {
    /// The ARN of the role.
    #[attribute(required, validate = [string_length(1..=TEXT_MAX)])]
    pub role_arn: Attr<String>,
    /// The name of the session, as CloudTrail shows it.
    #[attribute(optional, validate = [string_length(2..=64)])]
    pub session_name: Attr<String>,
    /// The external id that the role's owner asks for.
    #[attribute(optional, validate = [string_length(2..=1224)])]
    pub external_id: Attr<String>,
    /// How long the session lasts, such as `1h`; by default as the role says.
    #[attribute(optional)]
    pub duration: Attr<GoDuration>,
    /// A policy, JSON, that narrows what the session may do.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub policy: Attr<String>,
}

/// A role of AWS, assumed with an identity token.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct WebIdentityRole {
    /// The ARN of the role.
    #[attribute(required, validate = [string_length(1..=TEXT_MAX)])]
    pub role_arn: Attr<String>,
    /// The name of the session, as CloudTrail shows it.
    #[attribute(optional, validate = [string_length(2..=64)])]
    pub session_name: Attr<String>,
    /// The identity token. Either this or `web_identity_token_file`.
    #[attribute(optional, sensitive, validate = [exactly_one_of([".web_identity_token_file"]), string_length(1..=TOKEN_MAX)])]
    pub web_identity_token: Attr<String>,
    /// The file of the identity token, which is read anew at each use. Either this or `web_identity_token`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub web_identity_token_file: Attr<String>,
    /// How long the session lasts, such as `1h`; by default as the role says.
    #[attribute(optional)]
    pub duration: Attr<GoDuration>,
    /// A policy, JSON, that narrows what the session may do.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub policy: Attr<String>,
}

#[async_trait]
impl Provider for MulticloudProvider {
    type Config = ProviderConfig;
    type Client = Clouds;

    fn offers(&self, offers: &mut Offers<Clouds>) {
        offers
            .resource(EnvironmentResource)
            .data_source(EnvironmentData)
            .ephemeral_resource(Kubeconfig)
            .function(Environments);
    }

    async fn configure(&self, _: Configure, config: ProviderConfig) -> Result<Configured<Clouds>, Diagnostics> {
        let environment = std::env::var(OWNER_VARIABLE).ok().filter(|owner| !owner.is_empty());
        let owner = owner(&config.owner, environment)?;
        let aws = match &config.aws {
            Attr::Null => Setting::Missing,
            Attr::Unknown(_) => Setting::Unknown,
            Attr::Known(aws) => aws.settings(),
        };
        let deferred = matches!(owner, Setting::Unknown) || matches!(aws, Setting::Unknown);
        Ok(Configured { client: Clouds::new(owner, aws), warnings: Diagnostics::new(), deferred })
    }
}

/// The owner that the block names, or else the environment.
fn owner(configured: &Attr<String>, environment: Option<String>) -> Result<Setting<Owner>, Diagnostics> {
    let (text, whence) = match (configured, environment) {
        (Attr::Unknown(_), _) => return Ok(Setting::Unknown),
        (Attr::Known(text), _) => (text.clone(), "owner"),
        (Attr::Null, Some(text)) => (text, OWNER_VARIABLE),
        (Attr::Null, None) => return Ok(Setting::Missing),
    };
    text.parse().map(Setting::Known).map_err(|error| {
        Diagnostic::error(
            "Invalid owner",
            format!("{whence}: {error}. It has 1 to 32 lower-case letters, digits and dashes ([a-z0-9-]{{1,32}})."),
        )
        .at(Path::root().attribute("owner"))
        .into()
    })
}

/// Reads attributes of a block, and notes whether one of them is not known yet.
#[derive(Default)]
struct Reading {
    unknown: bool,
}

impl Reading {
    fn value<T: Clone>(&mut self, attribute: &Attr<T>) -> Option<T> {
        self.unknown |= attribute.is_unknown();
        attribute.known().cloned()
    }

    fn secret(&mut self, attribute: &Attr<String>) -> Option<Secret> {
        let secret = self.value(attribute)?;
        mask(&secret);
        Some(Secret::new(secret))
    }

    fn file(&mut self, attribute: &Attr<String>) -> Option<PathBuf> {
        self.value(attribute).map(PathBuf::from)
    }

    fn files(&mut self, attribute: &ListOf<String>) -> Vec<PathBuf> {
        let files = self.value(attribute).unwrap_or_default();
        files.iter().filter_map(|file| self.file(file)).collect()
    }
}

impl Aws {
    fn settings(&self) -> Setting<AwsSettings> {
        let mut reading = Reading::default();
        let assume_role = reading.value(&self.assume_role).map(|role| AssumeRole {
            role_arn: reading.value(&role.role_arn).unwrap_or_default(),
            session_name: reading.value(&role.session_name),
            external_id: reading.value(&role.external_id),
            duration: reading.value(&role.duration).map(|duration| duration.duration()),
            policy: reading.value(&role.policy),
        });
        let assume_role_with_web_identity =
            reading.value(&self.assume_role_with_web_identity).map(|role| AssumeRoleWithWebIdentity {
                role_arn: reading.value(&role.role_arn).unwrap_or_default(),
                session_name: reading.value(&role.session_name),
                token: reading.secret(&role.web_identity_token),
                token_file: reading.file(&role.web_identity_token_file),
                duration: reading.value(&role.duration).map(|duration| duration.duration()),
                policy: reading.value(&role.policy),
            });
        // A proxy's address may hold a password, which is then a secret with it.
        if let Some((_, password)) = self.proxy.known().and_then(|proxy| userinfo(proxy)?.split_once(':')) {
            mask(password);
        }
        let settings = AwsSettings {
            region: reading.value(&self.region),
            endpoint: reading.value(&self.endpoint),
            sts_endpoint: reading.value(&self.sts_endpoint),
            profile: reading.value(&self.profile),
            access_key: reading.value(&self.access_key),
            secret_key: reading.secret(&self.secret_key),
            token: reading.secret(&self.token),
            shared_config_files: reading.files(&self.shared_config_files),
            shared_credentials_files: reading.files(&self.shared_credentials_files),
            assume_role,
            assume_role_with_web_identity,
            ca_bundle: reading.file(&self.ca_bundle),
            proxy: reading.value(&self.proxy),
            poll_interval: reading.value(&self.poll_interval).map(|interval| interval.duration()),
        };
        if reading.unknown { Setting::Unknown } else { Setting::Known(settings) }
    }
}

/// What stands before the `@` of an address.
fn userinfo(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split('/').next()?;
    authority.rsplit_once('@').map(|(userinfo, _)| userinfo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_comes_from_the_block_before_the_environment() {
        let known = |setting: Setting<Owner>| match setting {
            Setting::Known(owner) => owner.to_string(),
            Setting::Missing => "missing".to_owned(),
            Setting::Unknown => "unknown".to_owned(),
        };
        let given = |configured: Attr<String>, variable: Option<&str>| {
            owner(&configured, variable.map(str::to_owned)).map(known).map_err(|errors| errors.len())
        };
        assert_eq!(given("a".into(), Some("b")), Ok("a".to_owned()));
        assert_eq!(given(Attr::Null, Some("b")), Ok("b".to_owned()));
        assert_eq!(given(Attr::Null, None), Ok("missing".to_owned()));
        assert_eq!(given(Attr::unknown(), Some("b")), Ok("unknown".to_owned()));
        assert_eq!(given("Über uns".into(), None), Err(1));
    }

    #[test]
    fn one_unknown_setting_makes_the_block_unknown() {
        let aws = Aws { region: "us-east-1".into(), ..Aws::default() };
        assert!(matches!(aws.settings(), Setting::Known(_)));
        let deep = Aws { assume_role: Role { role_arn: Attr::unknown(), ..Role::default() }.into(), ..aws };
        assert!(matches!(deep.settings(), Setting::Unknown));
    }

    #[test]
    fn a_proxy_password_is_found() {
        assert_eq!(userinfo("http://user:pass@proxy:3128/x@y"), Some("user:pass"));
        assert_eq!(userinfo("http://proxy:3128"), None);
    }
}
