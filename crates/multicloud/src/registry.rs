//! The list of backends. Whatever has to know all of them (ids, schemas, documentation, tests) walks this one.

use std::sync::Arc;

#[cfg(feature = "aks")]
use crate::aks::{Aks, AzureSettings};
use crate::backend::Backend;
#[cfg(feature = "eks")]
use crate::eks::{AwsSettings, Eks};
use crate::environment::BackendKind;
#[cfg(feature = "gke")]
use crate::gke::{Gke, GoogleSettings};
use crate::memory::MemoryCloud;

/// A backend that there is.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// Which one.
    pub kind: BackendKind,
    /// Its name in prose.
    pub title: &'static str,
    /// The form of its environments' ids.
    pub id_form: &'static str,
    /// An id of that form.
    pub id_example: &'static str,
    /// Whether users of Terraform see it.
    pub in_terraform: bool,
    /// Makes it from its settings, opening nothing; `None` if there are no settings for it, or this build is without
    /// it.
    pub connect: fn(&Settings) -> Option<Arc<dyn Backend>>,
}

/// How each cloud is reached, as far as it is to be.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// For Azure Kubernetes Service.
    #[cfg(feature = "aks")]
    pub aks: Option<AzureSettings>,
    /// For Amazon EKS.
    #[cfg(feature = "eks")]
    pub eks: Option<AwsSettings>,
    /// For Google Kubernetes Engine.
    #[cfg(feature = "gke")]
    pub gke: Option<GoogleSettings>,
    /// For environments in memory.
    pub memory: Option<Arc<MemoryCloud>>,
}

/// Every backend, in the order in which they are told.
pub const BACKENDS: [Registration; 4] = [
    Registration {
        kind: BackendKind::Aks,
        title: "Azure Kubernetes Service",
        id_form: "aks/<subscription>/<group>/<name>",
        id_example: "aks/00000000-0000-0000-0000-000000000001/platform/workload-azure-west",
        in_terraform: true,
        connect: connect_aks,
    },
    Registration {
        kind: BackendKind::Eks,
        title: "Amazon EKS",
        id_form: "eks/<account>/<region>/<name>",
        id_example: "eks/123456789012/us-east-1/workload-aws-east",
        in_terraform: true,
        connect: connect_eks,
    },
    Registration {
        kind: BackendKind::Gke,
        title: "Google Kubernetes Engine",
        id_form: "gke/<project>/<location>/<name>",
        id_example: "gke/acme-platform/europe-west1/workload-google-europe",
        in_terraform: true,
        connect: connect_gke,
    },
    Registration {
        kind: BackendKind::Memory,
        title: "in memory",
        id_form: "memory/<name>",
        id_example: "memory/workload",
        in_terraform: false,
        connect: connect_memory,
    },
];

impl BackendKind {
    /// What the list says about it.
    pub fn registration(self) -> &'static Registration {
        match self {
            Self::Aks => &BACKENDS[0],
            Self::Eks => &BACKENDS[1],
            Self::Gke => &BACKENDS[2],
            Self::Memory => &BACKENDS[3],
        }
    }
}

#[cfg(feature = "aks")]
fn connect_aks(settings: &Settings) -> Option<Arc<dyn Backend>> {
    Some(Arc::new(Aks::new(settings.aks.clone()?)))
}

#[cfg(not(feature = "aks"))]
fn connect_aks(_: &Settings) -> Option<Arc<dyn Backend>> {
    None
}

#[cfg(feature = "eks")]
fn connect_eks(settings: &Settings) -> Option<Arc<dyn Backend>> {
    Some(Arc::new(Eks::new(settings.eks.clone()?)))
}

#[cfg(not(feature = "eks"))]
fn connect_eks(_: &Settings) -> Option<Arc<dyn Backend>> {
    None
}

#[cfg(feature = "gke")]
fn connect_gke(settings: &Settings) -> Option<Arc<dyn Backend>> {
    Some(Arc::new(Gke::new(settings.gke.clone()?)))
}

#[cfg(not(feature = "gke"))]
fn connect_gke(_: &Settings) -> Option<Arc<dyn Backend>> {
    None
}

fn connect_memory(settings: &Settings) -> Option<Arc<dyn Backend>> {
    Some(Arc::new(settings.memory.as_ref()?.backend()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::environment::EnvironmentId;

    #[test]
    fn list_is_whole_and_true() {
        assert_eq!(BACKENDS.map(|backend| backend.kind), BackendKind::ALL);
        for backend in &BACKENDS {
            assert_eq!(backend.kind.registration().kind, backend.kind);
            let id: EnvironmentId = backend.id_example.parse().unwrap();
            assert_eq!(id.backend(), backend.kind);
            assert_eq!(id.to_string(), backend.id_example);
            assert!(backend.id_form.starts_with(&format!("{}/", backend.kind)));
            let wrong = format!("{}/too/many/parts/in/it", backend.kind).parse::<EnvironmentId>().unwrap_err();
            assert!(wrong.to_string().contains(backend.id_form), "{wrong}");
        }
    }

    fn settings() -> Settings {
        Settings {
            #[cfg(feature = "aks")]
            aks: Some(AzureSettings::default()),
            #[cfg(feature = "eks")]
            eks: Some(AwsSettings::default()),
            #[cfg(feature = "gke")]
            gke: Some(GoogleSettings::default()),
            memory: Some(MemoryCloud::new(Arc::new(VirtualClock::new()))),
        }
    }

    const fn is_built(kind: BackendKind) -> bool {
        match kind {
            BackendKind::Aks => cfg!(feature = "aks"),
            BackendKind::Eks => cfg!(feature = "eks"),
            BackendKind::Gke => cfg!(feature = "gke"),
            BackendKind::Memory => true,
        }
    }

    #[test]
    fn each_is_made_from_its_own_settings() {
        let settings = settings();
        for backend in &BACKENDS {
            assert!((backend.connect)(&Settings::default()).is_none());
            match (backend.connect)(&settings) {
                Some(made) => assert_eq!(made.kind(), backend.kind),
                None => assert!(!is_built(backend.kind), "{:?}", backend.kind),
            }
        }
    }

    /// Pure methods need neither credentials nor a network, and say no to other clouds' environments.
    #[test]
    fn none_takes_the_environments_of_another() {
        let settings = settings();
        let in_memory = crate::memory::example_spec("prod");
        for backend in BACKENDS.iter().filter_map(|backend| (backend.connect)(&settings)) {
            assert_eq!(backend.plan(None, None).unwrap(), []);
            let foreign = backend.kind() != in_memory.cloud.backend();
            assert_eq!(backend.validate(&in_memory).is_empty(), !foreign, "{:?}", backend.kind());
            assert_eq!(backend.plan(None, Some(&in_memory)).is_err(), foreign, "{:?}", backend.kind());
        }
    }
}
