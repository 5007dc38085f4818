//! How the provider block says to reach Microsoft Azure.

use multicloud::aks::{AzureEnvironment, AzureSettings};
use tfplug::{Attr, GoDuration, Model};

use super::reading::Reading;
use super::{TEXT_MAX, TOKEN_MAX};
use crate::clouds::Setting;

/// How to reach Microsoft Azure.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Azure {
    /// The subscription that new environments are made in, instead of `ARM_SUBSCRIPTION_ID`.
    #[attribute(optional, validate = [string_length(1..=64)])]
    pub subscription_id: Attr<String>,
    /// The tenant of whoever asks, instead of `ARM_TENANT_ID`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub tenant_id: Attr<String>,
    /// The application, or the user-assigned managed identity, that asks; instead of `ARM_CLIENT_ID`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub client_id: Attr<String>,
    /// The file of the application's id, instead of `ARM_CLIENT_ID_FILE_PATH`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub client_id_file_path: Attr<String>,
    /// The application's secret, instead of `ARM_CLIENT_SECRET`.
    #[attribute(optional, sensitive, validate = [string_length(1..=TEXT_MAX)])]
    pub client_secret: Attr<String>,
    /// The file of the application's secret, instead of `ARM_CLIENT_SECRET_FILE_PATH`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub client_secret_file_path: Attr<String>,
    /// A PEM file with the application's certificate and its private key, instead of `ARM_CLIENT_CERTIFICATE_PATH`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub client_certificate_path: Attr<String>,
    /// The password of the certificate's file. Files with a password are not read: the error says how to take it away.
    #[attribute(optional, sensitive, validate = [also_requires([".client_certificate_path"]), string_length(1..=TEXT_MAX)])]
    pub client_certificate_password: Attr<String>,
    /// Whether an identity token of somewhere else, such as a CI system, may be shown for the application; instead of
    /// `ARM_USE_OIDC`.
    #[attribute(optional)]
    pub use_oidc: Attr<bool>,
    /// That token itself, instead of `ARM_OIDC_TOKEN`.
    #[attribute(optional, sensitive, validate = [string_length(1..=TOKEN_MAX)])]
    pub oidc_token: Attr<String>,
    /// The file of that token, which is read anew at each use; instead of `ARM_OIDC_TOKEN_FILE_PATH`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub oidc_token_file_path: Attr<String>,
    /// Where that token is asked for, instead of `ARM_OIDC_REQUEST_URL` and GitHub's `ACTIONS_ID_TOKEN_REQUEST_URL`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX), matches("^https?://", "an address that begins with https:// or http://")])]
    pub oidc_request_url: Attr<String>,
    /// What is shown where that token is asked for, instead of `ARM_OIDC_REQUEST_TOKEN` and GitHub's
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    #[attribute(optional, sensitive, validate = [string_length(1..=TOKEN_MAX)])]
    pub oidc_request_token: Attr<String>,
    /// Whether the workload identity of a pod on AKS may be used, instead of `ARM_USE_AKS_WORKLOAD_IDENTITY`.
    #[attribute(optional)]
    pub use_aks_workload_identity: Attr<bool>,
    /// Whether the managed identity of a machine may be used, instead of `ARM_USE_MSI`.
    #[attribute(optional)]
    pub use_msi: Attr<bool>,
    /// The address of the managed identity's endpoint, instead of `ARM_MSI_ENDPOINT`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX), matches("^https?://", "an address that begins with https:// or http://")])]
    pub msi_endpoint: Attr<String>,
    /// Whether the `az` command may be asked, instead of `ARM_USE_CLI`; by default it may.
    #[attribute(optional)]
    pub use_cli: Attr<bool>,
    /// Which of Azure's clouds it is: `public`, `usgovernment` or `china`; instead of `ARM_ENVIRONMENT`.
    #[attribute(optional, validate = [one_of_ignoring_case(AzureEnvironment::ALL.iter().map(|cloud| cloud.as_str()))])]
    pub environment: Attr<String>,
    /// The address of the Resource Manager, instead of that of its cloud.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX), matches("^https://", "an address that begins with https://")])]
    pub endpoint: Attr<String>,
    /// The address that tokens are asked at, instead of `AZURE_AUTHORITY_HOST` and that of its cloud.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX), matches("^https://", "an address that begins with https://")])]
    pub authority_host: Attr<String>,
    /// The version of the API of AKS, such as `2025-10-01`, instead of the one that this provider was made for.
    #[attribute(optional, validate = [matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$", "a date such as 2025-10-01, perhaps with -preview")])]
    pub api_version: Attr<String>,
    /// A PEM file of certificate authorities to trust besides the platform's.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub ca_bundle: Attr<String>,
    /// A proxy for all calls, such as `http://proxy.example:3128`, instead of `HTTPS_PROXY`. It may hold a password.
    #[attribute(optional, sensitive, validate = [string_length(1..=TEXT_MAX)])]
    pub proxy: Attr<String>,
    /// How long to wait between two looks at a running operation, such as `30s`.
    #[attribute(optional)]
    pub poll_interval: Attr<GoDuration>,
    /// Whether the subscription may be registered for AKS where it is not; by default it may.
    #[attribute(optional)]
    pub register_providers: Attr<bool>,
}

impl Azure {
    /// What is known of the block.
    pub(super) fn settings(&self) -> Setting<AzureSettings> {
        let mut reading = Reading::default();
        let settings = AzureSettings {
            subscription_id: reading.value(&self.subscription_id),
            tenant_id: reading.value(&self.tenant_id),
            client_id: reading.value(&self.client_id),
            client_id_file: reading.file(&self.client_id_file_path),
            client_secret: reading.secret(&self.client_secret),
            client_secret_file: reading.file(&self.client_secret_file_path),
            client_certificate_path: reading.file(&self.client_certificate_path),
            client_certificate_password: reading.secret(&self.client_certificate_password),
            use_oidc: reading.value(&self.use_oidc),
            oidc_token: reading.secret(&self.oidc_token),
            oidc_token_file: reading.file(&self.oidc_token_file_path),
            oidc_request_url: reading.address(&self.oidc_request_url),
            oidc_request_token: reading.secret(&self.oidc_request_token),
            use_aks_workload_identity: reading.value(&self.use_aks_workload_identity),
            use_msi: reading.value(&self.use_msi),
            msi_endpoint: reading.address(&self.msi_endpoint),
            use_cli: reading.value(&self.use_cli),
            // The schema's own check has told the user where this is none of them.
            environment: reading.value(&self.environment).and_then(|environment| environment.parse().ok()),
            endpoint: reading.value(&self.endpoint),
            authority_host: reading.value(&self.authority_host),
            api_version: reading.value(&self.api_version),
            ca_bundle: reading.file(&self.ca_bundle),
            proxy: reading.address(&self.proxy),
            poll_interval: reading.value(&self.poll_interval).map(|interval| interval.duration()),
            register_providers: reading.value(&self.register_providers),
        };
        reading.finished(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unknown_setting_makes_the_block_unknown() {
        let known = Azure { subscription_id: "one".into(), ..Azure::default() };
        let Setting::Known(settings) = known.settings() else { panic!("{known:?} is known") };
        assert_eq!(settings.subscription_id.as_deref(), Some("one"));
        assert!(Azure { proxy: Attr::unknown(), ..known }.settings().is_unknown());
    }
}
