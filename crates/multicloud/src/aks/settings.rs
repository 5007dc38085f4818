//! How to reach Azure: the account's side of the provider's `azure = {}` block. Plain data; nothing here is resolved,
//! read or opened before the first call that needs it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// Where Azure is and who asks. Everything is optional; what is left out comes from the environment (`ARM_*` before
/// `AZURE_*`), as Azure's providers for Terraform take it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AzureSettings {
    /// The subscription that new environments are made in. Before `ARM_SUBSCRIPTION_ID`.
    pub subscription_id: Option<String>,
    /// The tenant of whoever asks. Before `ARM_TENANT_ID`.
    pub tenant_id: Option<String>,
    /// The application, or the user-assigned managed identity, that asks. Before `ARM_CLIENT_ID`.
    pub client_id: Option<String>,
    /// The file of the application's id, for what is mounted. Before `ARM_CLIENT_ID_FILE_PATH`.
    pub client_id_file: Option<PathBuf>,
    /// The application's secret. Before `ARM_CLIENT_SECRET`.
    pub client_secret: Option<Secret>,
    /// The file of the application's secret. Before `ARM_CLIENT_SECRET_FILE_PATH`.
    pub client_secret_file: Option<PathBuf>,
    /// A PEM file with the application's certificate and its private key. Before `ARM_CLIENT_CERTIFICATE_PATH`.
    pub client_certificate_path: Option<PathBuf>,
    /// The password of the certificate's file. Refused: files with a password are not read.
    pub client_certificate_password: Option<Secret>,
    /// Whether an identity token of somewhere else (CI systems) may be shown for the application. Before `ARM_USE_OIDC`.
    pub use_oidc: Option<bool>,
    /// That token itself. Before `ARM_OIDC_TOKEN`.
    pub oidc_token: Option<Secret>,
    /// The file of that token. It is read anew at each use, because whoever issues it replaces it. Before
    /// `ARM_OIDC_TOKEN_FILE_PATH`.
    pub oidc_token_file: Option<PathBuf>,
    /// Where that token is asked for, as GitHub's workflows do. Before `ARM_OIDC_REQUEST_URL` and
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
    pub oidc_request_url: Option<String>,
    /// What is shown where that token is asked for. Before `ARM_OIDC_REQUEST_TOKEN` and
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub oidc_request_token: Option<Secret>,
    /// Whether the workload identity of a pod on AKS may be used. Before `ARM_USE_AKS_WORKLOAD_IDENTITY`.
    pub use_aks_workload_identity: Option<bool>,
    /// Whether the managed identity of a machine may be used. Before `ARM_USE_MSI`.
    pub use_msi: Option<bool>,
    /// The address of the managed identity's endpoint. Before `ARM_MSI_ENDPOINT`.
    pub msi_endpoint: Option<String>,
    /// Whether the `az` command may be asked. Before `ARM_USE_CLI`; on unless turned off.
    pub use_cli: Option<bool>,
    /// Which of Azure's clouds it is. Before `ARM_ENVIRONMENT`.
    pub environment: Option<AzureEnvironment>,
    /// The address of the Resource Manager, instead of that of its cloud.
    pub endpoint: Option<String>,
    /// The address that tokens are asked at, instead of that of its cloud. Before `AZURE_AUTHORITY_HOST`.
    pub authority_host: Option<String>,
    /// The version of the API of AKS, instead of [`super::API_VERSION`].
    pub api_version: Option<String>,
    /// A PEM file of certificate authorities to trust besides the platform's.
    pub ca_bundle: Option<PathBuf>,
    /// A proxy for every call but those to a managed identity's endpoint. Before `HTTPS_PROXY` and its kind.
    pub proxy: Option<String>,
    /// How long to wait between two looks at a running operation, instead of this backend's own choice.
    pub poll_interval: Option<Duration>,
    /// Whether the subscription may be registered for AKS where it is not; on unless turned off.
    pub register_providers: Option<bool>,
}

impl fmt::Debug for AzureSettings {
    /// Leaves out what may hold a password, and what says little.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureSettings")
            .field("subscription_id", &self.subscription_id)
            .field("tenant_id", &self.tenant_id)
            .field("client_id", &self.client_id)
            .field("environment", &self.environment)
            .field("endpoint", &self.endpoint)
            .field("authority_host", &self.authority_host)
            .finish_non_exhaustive()
    }
}

/// Azure's clouds, each with addresses of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AzureEnvironment {
    /// The one that most use.
    #[default]
    Public,
    /// That of the government of the United States.
    UsGovernment,
    /// The one in China.
    China,
}

impl AzureEnvironment {
    /// Every cloud.
    pub const ALL: [Self; 3] = [Self::Public, Self::UsGovernment, Self::China];

    /// As Azure's providers for Terraform write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::UsGovernment => "usgovernment",
            Self::China => "china",
        }
    }

    /// The address of the Resource Manager (<https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>,
    /// <https://learn.microsoft.com/azure/china/resources-developer-guide>).
    pub(crate) fn endpoint(self) -> &'static str {
        match self {
            Self::Public => "https://management.azure.com",
            Self::UsGovernment => "https://management.usgovcloudapi.net",
            Self::China => "https://management.chinacloudapi.cn",
        }
    }

    /// The address that tokens are asked at (the same pages).
    pub(crate) fn authority_host(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::UsGovernment => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// What tokens for the Resource Manager are asked for.
    pub(crate) fn scope(self) -> String {
        format!("{}/.default", self.endpoint())
    }
}

impl fmt::Display for AzureEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for AzureEnvironment {
    type Err = UnknownEnvironment;

    /// Also takes the longer names that Azure's tools use, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownEnvironment> {
        match text.to_ascii_lowercase().as_str() {
            "public" | "azurecloud" | "azurepubliccloud" => Ok(Self::Public),
            "usgovernment" | "azureusgovernment" | "azureusgovernmentcloud" => Ok(Self::UsGovernment),
            "china" | "azurechina" | "azurechinacloud" => Ok(Self::China),
            _ => Err(UnknownEnvironment),
        }
    }
}

/// A text that names none of Azure's clouds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cloud of Azure, expected one of public, usgovernment, china")]
pub struct UnknownEnvironment;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let settings = AzureSettings {
            client_id: Some("app".to_owned()),
            client_secret: Some(Secret::new("canary-1")),
            client_certificate_password: Some(Secret::new("canary-2")),
            oidc_token: Some(Secret::new("canary-3")),
            oidc_request_token: Some(Secret::new("canary-4")),
            oidc_request_url: Some("https://user:canary-5@ci.example".to_owned()),
            proxy: Some("http://user:canary-6@proxy:3128".to_owned()),
            ..AzureSettings::default()
        };
        assert!(!format!("{settings:?}").contains("canary"));
    }

    #[test]
    fn clouds_have_their_usual_names() {
        for environment in AzureEnvironment::ALL {
            assert_eq!(environment.as_str().parse(), Ok(environment));
        }
        assert_eq!("AzureUSGovernmentCloud".parse(), Ok(AzureEnvironment::UsGovernment));
        assert!("german".parse::<AzureEnvironment>().is_err());
    }
}
