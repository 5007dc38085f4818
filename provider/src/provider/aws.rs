//! How the provider block says to reach Amazon Web Services.

use std::path::PathBuf;

use multicloud::eks::{AssumeRole, AssumeRoleWithWebIdentity, AwsSettings};
use tfplug::{Attr, GoDuration, ListOf, Model};

use super::reading::Reading;
use super::{TEXT_MAX, TOKEN_MAX};
use crate::clouds::Setting;

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

impl Aws {
    /// What is known of the block.
    pub(super) fn settings(&self) -> Setting<AwsSettings> {
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
        let settings = AwsSettings {
            region: reading.value(&self.region),
            endpoint: reading.value(&self.endpoint),
            sts_endpoint: reading.value(&self.sts_endpoint),
            profile: reading.value(&self.profile),
            access_key: reading.value(&self.access_key),
            secret_key: reading.secret(&self.secret_key),
            token: reading.secret(&self.token),
            shared_config_files: files(reading.texts(&self.shared_config_files)),
            shared_credentials_files: files(reading.texts(&self.shared_credentials_files)),
            assume_role,
            assume_role_with_web_identity,
            ca_bundle: reading.file(&self.ca_bundle),
            proxy: reading.address(&self.proxy),
            poll_interval: reading.value(&self.poll_interval).map(|interval| interval.duration()),
        };
        reading.finished(settings)
    }
}

fn files(paths: Vec<String>) -> Vec<PathBuf> {
    paths.into_iter().map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unknown_setting_makes_the_block_unknown() {
        let aws = Aws { region: "us-east-1".into(), ..Aws::default() };
        assert!(matches!(aws.settings(), Setting::Known(_)));
        let deep = Aws { assume_role: Role { role_arn: Attr::unknown(), ..Role::default() }.into(), ..aws };
        assert!(matches!(deep.settings(), Setting::Unknown));
    }
}
