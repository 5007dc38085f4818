//! The simulated clouds whose pools are drained: by us, or by the cloud.

use std::sync::Arc;

use multicloud::Backend;
use multicloud::Secret;
use multicloud::eks::{AwsSettings, Eks};
use multicloud::environment::EnvironmentSpec;
use multicloud_simulator::Running;

#[cfg(feature = "aks")]
pub(crate) use self::aks::OnAks;
#[cfg(feature = "gke")]
pub(crate) use self::gke::OnGke;
use crate::eks_world;
use crate::testbed::Kubernetes;

/// What the tests need to know of a cloud.
pub(crate) trait SimulatedCloud: Sync {
    /// A client of it.
    fn backend(&self, simulator: &Running) -> Arc<dyn Backend>;

    /// A valid spec with one pool.
    fn spec(&self) -> EnvironmentSpec;

    /// A machine type that the pool does not have.
    fn other_machine(&self) -> &'static str;

    /// The request that deletes a pool, as the simulator's journal calls it.
    fn deletion(&self) -> &'static str;

    /// Lets the credentials in that the cloud hands out for the cluster of that name.
    fn let_in(&self, kubernetes: &Kubernetes, simulator: &Running, cluster: &str);
}

/// Amazon EKS.
pub(crate) struct OnEks;

impl SimulatedCloud for OnEks {
    fn backend(&self, simulator: &Running) -> Arc<dyn Backend> {
        Arc::new(Eks::new(AwsSettings {
            endpoint: simulator.url("eks").map(str::to_owned),
            sts_endpoint: simulator.url("sts").map(str::to_owned),
            access_key: Some("AKIASIMULATOR".to_owned()),
            secret_key: Some(Secret::new("any")),
            ..AwsSettings::default()
        }))
    }

    fn spec(&self) -> EnvironmentSpec {
        eks_world::spec("drained")
    }

    fn other_machine(&self) -> &'static str {
        "m7i.large"
    }

    fn deletion(&self) -> &'static str {
        "DeleteNodegroup"
    }

    fn let_in(&self, kubernetes: &Kubernetes, simulator: &Running, cluster: &str) {
        kubernetes.authenticator().serve(cluster, simulator.url("sts").expect("EKS has an STS"));
    }
}

#[cfg(feature = "aks")]
mod aks {
    use multicloud::aks::{Aks, AksSpec, AzureSettings};
    use multicloud::environment::{CloudSpec, PoolMode, PoolSize, PoolSpec};

    use super::*;

    /// Azure Kubernetes Service.
    pub(crate) struct OnAks;

    impl SimulatedCloud for OnAks {
        fn backend(&self, simulator: &Running) -> Arc<dyn Backend> {
            let settings = AzureSettings {
                subscription_id: Some("00000000-0000-4000-8000-000000000001".to_owned()),
                tenant_id: Some("00000000-0000-4000-8000-0000000000aa".to_owned()),
                client_id: Some("00000000-0000-4000-8000-0000000000bb".to_owned()),
                client_secret: Some(Secret::new("any")),
                endpoint: simulator.url("azure").map(str::to_owned),
                authority_host: simulator.url("azure_authority").map(str::to_owned),
                ca_bundle: simulator.ca_bundle().map(ToOwned::to_owned),
                ..AzureSettings::default()
            };
            Arc::new(Aks::with_variables(settings, Arc::new(|_| None)))
        }

        fn spec(&self) -> EnvironmentSpec {
            let cloud = CloudSpec::Aks(AksSpec::new("workloads".parse().expect("a name")));
            let [owner, name, version] = ["platform", "drained", "1.33"];
            let mut spec = EnvironmentSpec::new(
                owner.parse().expect("an owner"),
                name.parse().expect("a name"),
                version.parse().expect("a version"),
                cloud,
            );
            spec.region = Some("westeurope".parse().expect("a region"));
            spec.deletion_protection = false;
            let mut system = PoolSpec::new("Standard_D2s_v5".parse().expect("a machine type"), PoolSize::Fixed(2));
            system.mode = PoolMode::System;
            spec.node_pools.insert("system".parse().expect("a name"), system);
            spec
        }

        fn other_machine(&self) -> &'static str {
            "Standard_D4s_v5"
        }

        fn deletion(&self) -> &'static str {
            "AgentPools_Delete"
        }

        fn let_in(&self, _: &Kubernetes, _: &Running, _: &str) {
            // It hands out the token with which it makes its nodes.
        }
    }
}

#[cfg(feature = "gke")]
mod gke {
    use multicloud::environment::{CloudSpec, PoolMode, PoolSize, PoolSpec};
    use multicloud::gke::{Gke, GkeSpec, GoogleSettings};

    use super::*;

    /// Google Kubernetes Engine, which heeds budgets itself.
    pub(crate) struct OnGke;

    impl SimulatedCloud for OnGke {
        fn backend(&self, simulator: &Running) -> Arc<dyn Backend> {
            Arc::new(Gke::new(GoogleSettings {
                project: Some("simulated-project".to_owned()),
                access_token: Some(Secret::new("any")),
                endpoint: simulator.url("google").map(str::to_owned),
                compute_endpoint: simulator.url("google_compute").map(str::to_owned),
                ..GoogleSettings::default()
            }))
        }

        fn spec(&self) -> EnvironmentSpec {
            let [owner, name, version] = ["platform", "drained", "1.33"];
            let mut spec = EnvironmentSpec::new(
                owner.parse().expect("an owner"),
                name.parse().expect("a name"),
                version.parse().expect("a version"),
                CloudSpec::Gke(GkeSpec::default()),
            );
            // A zone, so that a pool can have any number of nodes.
            spec.region = Some("europe-west1-b".parse().expect("a zone"));
            spec.deletion_protection = false;
            let mut system = PoolSpec::new("e2-standard-2".parse().expect("a machine type"), PoolSize::Fixed(2));
            system.mode = PoolMode::System;
            spec.node_pools.insert("system".parse().expect("a name"), system);
            spec
        }

        fn other_machine(&self) -> &'static str {
            "e2-standard-4"
        }

        fn deletion(&self) -> &'static str {
            "DeleteNodePool"
        }

        fn let_in(&self, _: &Kubernetes, _: &Running, _: &str) {
            // Nobody but the cloud has to get in.
        }
    }
}
