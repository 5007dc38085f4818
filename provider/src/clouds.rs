//! What handlers work with: whose environments these are, and a driver for each cloud, made when it is first needed.

use std::sync::{Arc, OnceLock};

use multicloud::eks::{self, AwsSettings, Eks};
use multicloud::{BackendKind, Driver, Jitter, Owner, TokioClock};
use tfplug::{Diagnostic, Diagnostics, Path};

/// The variable that names the owner where the configuration does not.
pub(crate) const OWNER_VARIABLE: &str = "MULTICLOUD_OWNER";

/// The clouds, as the provider block says how to reach them. Nothing is resolved or opened before a driver is used.
#[derive(Debug)]
pub struct Clouds {
    owner: Setting<Owner>,
    aws: Setting<AwsSettings>,
    eks: OnceLock<Driver>,
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

impl Clouds {
    pub(crate) const fn new(owner: Setting<Owner>, aws: Setting<AwsSettings>) -> Self {
        Self { owner, aws, eks: OnceLock::new() }
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
            BackendKind::Eks => !matches!(self.aws, Setting::Unknown),
            BackendKind::Aks | BackendKind::Gke | BackendKind::Memory => true,
        }
    }

    /// The driver of a cloud.
    ///
    /// # Errors
    /// How to reach the cloud is not known yet, or this provider does not offer it.
    pub(crate) fn driver(&self, backend: BackendKind) -> Result<&Driver, Diagnostics> {
        match backend {
            BackendKind::Eks => {
                let settings = match &self.aws {
                    Setting::Known(settings) => settings.clone(),
                    // Everything in it has a default of the AWS tools' own.
                    Setting::Missing => AwsSettings::default(),
                    Setting::Unknown => return Err(unknown("aws")),
                };
                Ok(self.eks.get_or_init(|| {
                    let poll_interval = settings.poll_interval.unwrap_or(eks::POLL_INTERVAL);
                    Driver::new(
                        Arc::new(Eks::new(settings)),
                        Arc::new(TokioClock::new()),
                        Jitter::random(),
                        poll_interval,
                    )
                }))
            }
            BackendKind::Aks | BackendKind::Gke | BackendKind::Memory => Err(Diagnostic::error(
                "Unknown backend",
                "Environments in memory exist in the library's tests only. Use an id of a cloud, such as \
                 \"eks/123456789012/us-east-1/workload\".",
            )
            .into()),
        }
    }
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
