//! How the provider block says to reach Google Cloud.

use multicloud::gke::GoogleSettings;
use tfplug::{Attr, GoDuration, ListOf, Model};

use super::reading::Reading;
use super::{TEXT_MAX, TOKEN_MAX};
use crate::clouds::Setting;

/// How to reach Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Google {
    /// The project that new environments are made in, instead of `GOOGLE_PROJECT`, `GOOGLE_CLOUD_PROJECT`,
    /// `GCLOUD_PROJECT`, `CLOUDSDK_CORE_PROJECT` and the project that the credentials name.
    #[attribute(optional, validate = [string_length(1..=128)])]
    pub project: Attr<String>,
    /// A credential file's content (JSON) or its path, instead of `GOOGLE_CREDENTIALS` and every other source.
    #[attribute(optional, sensitive, validate = [string_length(1..=TOKEN_MAX)])]
    pub credentials: Attr<String>,
    /// An access token, instead of `GOOGLE_OAUTH_ACCESS_TOKEN`. It goes before `credentials`, and cannot be renewed.
    #[attribute(optional, sensitive, validate = [string_length(1..=TOKEN_MAX)])]
    pub access_token: Attr<String>,
    /// A service account to act as, with the credentials that were found; instead of
    /// `GOOGLE_IMPERSONATE_SERVICE_ACCOUNT`.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub impersonate_service_account: Attr<String>,
    /// Service accounts through which that one is reached, in order.
    #[attribute(optional, validate = [also_requires([".impersonate_service_account"])])]
    pub impersonate_service_account_delegates: ListOf<String>,
    /// The address of the GKE API, instead of `GOOGLE_CONTAINER_CUSTOM_ENDPOINT` and Google's own.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX), matches("^https?://", "an address that begins with https:// or http://")])]
    pub endpoint: Attr<String>,
    /// The address of the Compute API, which tells the live sizes of pools; instead of `GOOGLE_COMPUTE_CUSTOM_ENDPOINT` and
    /// Google's own.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX), matches("^https?://", "an address that begins with https:// or http://")])]
    pub compute_endpoint: Attr<String>,
    /// The domain of the APIs where it is not `googleapis.com`, instead of `GOOGLE_CLOUD_UNIVERSE_DOMAIN`.
    #[attribute(optional, validate = [string_length(1..=253)])]
    pub universe_domain: Attr<String>,
    /// A PEM file of certificate authorities to trust besides the platform's.
    #[attribute(optional, validate = [string_length(1..=TEXT_MAX)])]
    pub ca_bundle: Attr<String>,
    /// A proxy for all calls, such as `http://proxy.example:3128`, instead of `HTTPS_PROXY`. It may hold a password.
    #[attribute(optional, sensitive, validate = [string_length(1..=TEXT_MAX)])]
    pub proxy: Attr<String>,
    /// How long to wait between two looks at a running operation, such as `10s`.
    #[attribute(optional)]
    pub poll_interval: Attr<GoDuration>,
}

impl Google {
    /// What is known of the block.
    pub(super) fn settings(&self) -> Setting<GoogleSettings> {
        let mut reading = Reading::default();
        let settings = GoogleSettings {
            project: reading.value(&self.project),
            credentials: reading.secret(&self.credentials),
            access_token: reading.secret(&self.access_token),
            impersonate_service_account: reading.value(&self.impersonate_service_account),
            impersonate_delegates: reading.texts(&self.impersonate_service_account_delegates),
            endpoint: reading.value(&self.endpoint),
            compute_endpoint: reading.value(&self.compute_endpoint),
            universe_domain: reading.value(&self.universe_domain),
            ca_bundle: reading.file(&self.ca_bundle),
            proxy: reading.address(&self.proxy),
            poll_interval: reading.value(&self.poll_interval).map(|interval| interval.duration()),
        };
        reading.finished(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unknown_setting_makes_the_block_unknown() {
        let known = Google { project: "one".into(), ..Google::default() };
        let Setting::Known(settings) = known.settings() else { panic!("{known:?} is known") };
        assert_eq!(settings.project.as_deref(), Some("one"));
        assert!(Google { proxy: Attr::unknown(), ..known }.settings().is_unknown());
    }
}
