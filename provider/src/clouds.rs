//! What handlers work with: whose environments these are, a driver for each cloud, made when it is first needed, and what
//! the clouds have been asked about what they offer.

mod offers;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use multicloud::aks::{self, Aks, AzureSettings};
use multicloud::eks::{self, AwsSettings, Eks};
use multicloud::gke::{self, Gke, GoogleSettings};
use multicloud::registry::Settings;
use multicloud::{Backend, BackendKind, Driver, EnvironmentSpec, Jitter, Owner, TokioClock, Violation};
use tfplug::{Diagnostic, Diagnostics, Path};

use self::offers::Offers;

/// The variable that names the owner where the configuration does not.
pub(crate) const OWNER_VARIABLE: &str = "MULTICLOUD_OWNER";

/// The clouds, as the provider block says how to reach them. Nothing is resolved or opened before a driver is used.
#[derive(Debug)]
pub struct Clouds {
    owner: Setting<Owner>,
    azure: Cloud<AzureSettings>,
    aws: Cloud<AwsSettings>,
    google: Cloud<GoogleSettings>,
    offers: Offers,
}

/// A part of the provider block.
#[derive(Debug, Clone)]
pub(crate) enum Setting<T> {
    /// It is known.
    Known(T),
    /// It is left out, and has no default.
    Missing,
    /// It depends on what is known only after an apply.
    Unknown,
}

impl<T> Setting<T> {
    pub(crate) const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// A cloud of the provider block.
#[derive(Debug)]
struct Cloud<S> {
    /// Its attribute in the provider block.
    attribute: &'static str,
    settings: Setting<S>,
    driver: OnceLock<Driver>,
}

impl<S: Clone + Default> Cloud<S> {
    const fn new(attribute: &'static str, settings: Setting<S>) -> Self {
        Self { attribute, settings, driver: OnceLock::new() }
    }

    /// The driver of the backend that `connect` makes, with its time between two looks.
    fn driver(&self, connect: impl FnOnce(S) -> (Arc<dyn Backend>, Duration)) -> Result<&Driver, Diagnostics> {
        let settings = match &self.settings {
            Setting::Known(settings) => settings.clone(),
            // Everything in it has a default of the cloud's own tools.
            Setting::Missing => S::default(),
            Setting::Unknown => return Err(unknown(self.attribute)),
        };
        Ok(self.driver.get_or_init(|| {
            let (backend, poll_interval) = connect(settings);
            Driver::new(backend, Arc::new(TokioClock::new()), Jitter::random(), poll_interval)
        }))
    }
}

impl Clouds {
    pub(crate) fn new(
        owner: Setting<Owner>,
        azure: Setting<AzureSettings>,
        aws: Setting<AwsSettings>,
        google: Setting<GoogleSettings>,
    ) -> Self {
        Self {
            owner,
            azure: Cloud::new("azure", azure),
            aws: Cloud::new("aws", aws),
            google: Cloud::new("google", google),
            offers: Offers::default(),
        }
    }

    /// Whose environments these are; `None` as long as that is not known.
    ///
    /// # Errors
    /// Nobody said it.
    pub(crate) fn known_owner(&self) -> Result<Option<&Owner>, Diagnostics> {
        match &self.owner {
            Setting::Known(owner) => Ok(Some(owner)),
            Setting::Unknown => Ok(None),
            Setting::Missing => Err(Diagnostic::error(
                "Missing owner",
                format!(
                    "Environments carry a mark that says whose they are, so that nothing of anybody else's is ever \
                     changed. Set owner in the provider block, or the environment variable {OWNER_VARIABLE}, to a \
                     name of lower-case letters, digits and dashes, such as \"platform\"."
                ),
            )
            .into()),
        }
    }

    /// Whose environments these are.
    ///
    /// # Errors
    /// Nobody said it, or it is not known yet.
    pub(crate) fn owner(&self) -> Result<&Owner, Diagnostics> {
        self.known_owner()?.ok_or_else(|| unknown("owner"))
    }

    /// Whether everything is known that calls to this cloud need.
    pub(crate) const fn is_known(&self, backend: BackendKind) -> bool {
        match backend {
            BackendKind::Aks => !self.azure.settings.is_unknown(),
            BackendKind::Eks => !self.aws.settings.is_unknown(),
            BackendKind::Gke => !self.google.settings.is_unknown(),
            BackendKind::Memory => true,
        }
    }

    /// The driver of a cloud.
    ///
    /// # Errors
    /// How to reach the cloud is not known yet, or this provider does not offer it.
    pub(crate) fn driver(&self, backend: BackendKind) -> Result<&Driver, Diagnostics> {
        match backend {
            BackendKind::Aks => self.azure.driver(|settings| {
                let poll_interval = settings.poll_interval.unwrap_or(aks::POLL_INTERVAL);
                (Arc::new(Aks::new(settings)), poll_interval)
            }),
            BackendKind::Eks => self.aws.driver(|settings| {
                let poll_interval = settings.poll_interval.unwrap_or(eks::POLL_INTERVAL);
                (Arc::new(Eks::new(settings)), poll_interval)
            }),
            BackendKind::Gke => self.google.driver(|settings| {
                let poll_interval = settings.poll_interval.unwrap_or(gke::POLL_INTERVAL);
                (Arc::new(Gke::new(settings)), poll_interval)
            }),
            BackendKind::Memory => Err(Diagnostic::error(
                "Unknown backend",
                "Environments in memory exist in the library's tests only. Use an id of a cloud.",
            )
            .into()),
        }
    }

    /// What of an environment its cloud does not have. Nothing, where the cloud cannot be asked.
    pub(crate) async fn missing_offer(&self, desired: &EnvironmentSpec) -> Vec<Violation> {
        let backend = desired.cloud.backend();
        if !self.is_known(backend) {
            return Vec::new();
        }
        match self.driver(backend) {
            Ok(driver) => self.offers.missing(driver.backend().as_ref(), desired).await,
            Err(_) => Vec::new(),
        }
    }
}

/// A backend for its pure answers alone; nothing is ever asked of a cloud through it.
pub(crate) fn offline(backend: BackendKind) -> Option<Arc<dyn Backend>> {
    let settings = Settings {
        aks: Some(AzureSettings::default()),
        eks: Some(AwsSettings::default()),
        gke: Some(GoogleSettings::default()),
        memory: None,
    };
    (backend.registration().connect)(&settings)
}

fn unknown(attribute: &'static str) -> Diagnostics {
    Diagnostic::error(
        "Provider configuration not known",
        format!(
            "The provider's {attribute} depends on a value that is known only after another resource is applied. \
             Apply that resource first, with -target or as a configuration of its own, then apply this one."
        ),
    )
    .at(Path::root())
    .into()
}
