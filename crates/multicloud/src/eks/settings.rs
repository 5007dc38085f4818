//! How to reach AWS: the account's side of the provider's `aws = {}` block. Plain data; nothing here is resolved,
//! read or opened before the first call that needs it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// Where AWS is and who asks. Everything is optional; what is left out comes from the environment and the shared
/// files, as the AWS tools take it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region that callers may take for environments that name none. Every call goes to its environment's region.
    pub region: Option<String>,
    /// The address of the EKS API; `http` is allowed. Before `AWS_ENDPOINT_URL_EKS` and `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// The address of the STS API; `http` is allowed. Before `AWS_ENDPOINT_URL_STS` and `AWS_ENDPOINT_URL`.
    pub sts_endpoint: Option<String>,
    /// The profile of the shared files. Named here, it is the only source of credentials that is asked.
    pub profile: Option<String>,
    /// An access key; goes before every other source.
    pub access_key: Option<String>,
    /// The secret key that belongs to `access_key`.
    pub secret_key: Option<Secret>,
    /// The session token that belongs to a temporary `access_key`.
    pub token: Option<Secret>,
    /// The shared config files, instead of `AWS_CONFIG_FILE` and `~/.aws/config`.
    pub shared_config_files: Vec<PathBuf>,
    /// The shared credentials files, instead of `AWS_SHARED_CREDENTIALS_FILE` and `~/.aws/credentials`.
    pub shared_credentials_files: Vec<PathBuf>,
    /// A role to assume with the credentials that were found.
    pub assume_role: Option<AssumeRole>,
    /// A role to assume with an identity token, without other credentials.
    pub assume_role_with_web_identity: Option<AssumeRoleWithWebIdentity>,
    /// A PEM file of certificate authorities to trust besides the platform's. Before `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// A proxy for every call but those to the instance metadata service. Before `HTTPS_PROXY` and its kind.
    pub proxy: Option<String>,
    /// How long to wait between two looks at a running operation, instead of this backend's own choice.
    pub poll_interval: Option<Duration>,
}

impl fmt::Debug for AwsSettings {
    /// Leaves out what may hold a password, and what says little.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSettings")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("sts_endpoint", &self.sts_endpoint)
            .field("profile", &self.profile)
            .field("access_key", &self.access_key)
            .field("assume_role", &self.assume_role)
            .field("assume_role_with_web_identity", &self.assume_role_with_web_identity)
            .finish_non_exhaustive()
    }
}

/// `sts:AssumeRole`, with the credentials that the rest of the settings give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role's ARN.
    pub role_arn: String,
    /// The name of the session, as CloudTrail shows it.
    pub session_name: Option<String>,
    /// The external id that the role's owner asks for.
    pub external_id: Option<String>,
    /// How long the session lasts; the role's own setting if left out.
    pub duration: Option<Duration>,
    /// A policy that narrows what the session may do.
    pub policy: Option<String>,
}

/// `sts:AssumeRoleWithWebIdentity`, as CI systems and service accounts use it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssumeRoleWithWebIdentity {
    /// The role's ARN.
    pub role_arn: String,
    /// The name of the session, as CloudTrail shows it.
    pub session_name: Option<String>,
    /// The identity token itself; or name its file.
    pub token: Option<Secret>,
    /// The file of the identity token. It is read anew at each use, because whoever issues it replaces it.
    pub token_file: Option<PathBuf>,
    /// How long the session lasts; the role's own setting if left out.
    pub duration: Option<Duration>,
    /// A policy that narrows what the session may do.
    pub policy: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let settings = AwsSettings {
            access_key: Some("AKID".to_owned()),
            secret_key: Some(Secret::new("canary-1")),
            token: Some(Secret::new("canary-2")),
            proxy: Some("http://user:canary-4@proxy:3128".to_owned()),
            assume_role_with_web_identity: Some(AssumeRoleWithWebIdentity {
                token: Some(Secret::new("canary-3")),
                ..AssumeRoleWithWebIdentity::default()
            }),
            ..AwsSettings::default()
        };
        assert!(!format!("{settings:?}").contains("canary"));
    }
}
