//! How to reach Google Cloud: the account's side of the provider's `google = {}` block. Plain data; nothing here is
//! resolved, read or opened before the first call that needs it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// Where Google Cloud is and who asks. Everything is optional; what is left out comes from the environment, the files of
/// `gcloud` and the metadata server, as Google's own tools take it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct GoogleSettings {
    /// The project of new environments. Before `GOOGLE_PROJECT`, `GOOGLE_CLOUD_PROJECT`, `GCLOUD_PROJECT` and
    /// `CLOUDSDK_CORE_PROJECT`, and the project that the credentials name.
    pub project: Option<String>,
    /// A credential file's content (JSON) or its path. Given here, it is the only source of credentials that is asked.
    pub credentials: Option<Secret>,
    /// An access token; goes before `credentials`, and cannot be renewed.
    pub access_token: Option<Secret>,
    /// A service account to act as, with the credentials that the rest gives. Before `GOOGLE_IMPERSONATE_SERVICE_ACCOUNT`.
    pub impersonate_service_account: Option<String>,
    /// Service accounts through which that one is reached, in order.
    pub impersonate_delegates: Vec<String>,
    /// The address of the GKE API; `http` only where it is on this host. Before `GOOGLE_CONTAINER_CUSTOM_ENDPOINT`.
    pub endpoint: Option<String>,
    /// The address of the Compute API; `http` only where it is on this host. Before `GOOGLE_COMPUTE_CUSTOM_ENDPOINT`.
    pub compute_endpoint: Option<String>,
    /// The domain of the APIs, where it is not `googleapis.com`. Before `GOOGLE_CLOUD_UNIVERSE_DOMAIN`.
    pub universe_domain: Option<String>,
    /// A PEM file of certificate authorities to trust besides the platform's.
    pub ca_bundle: Option<PathBuf>,
    /// A proxy for every call but those to the metadata server. Before `HTTPS_PROXY` and its kind.
    pub proxy: Option<String>,
    /// How long to wait between two looks at a running operation, instead of this backend's own choice.
    pub poll_interval: Option<Duration>,
}

impl fmt::Debug for GoogleSettings {
    /// Leaves out what may hold a password, and what says little.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleSettings")
            .field("project", &self.project)
            .field("impersonate_service_account", &self.impersonate_service_account)
            .field("impersonate_delegates", &self.impersonate_delegates)
            .field("endpoint", &self.endpoint)
            .field("compute_endpoint", &self.compute_endpoint)
            .field("universe_domain", &self.universe_domain)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let settings = GoogleSettings {
            project: Some("acme-platform".to_owned()),
            credentials: Some(Secret::new("canary-1")),
            access_token: Some(Secret::new("canary-2")),
            proxy: Some("http://user:canary-3@proxy:3128".to_owned()),
            ..GoogleSettings::default()
        };
        let printed = format!("{settings:?}");
        assert!(!printed.contains("canary") && printed.contains("acme-platform"), "{printed}");
    }
}
