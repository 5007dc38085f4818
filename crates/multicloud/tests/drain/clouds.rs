//! The simulated clouds whose pools are drained by us.

use std::sync::Arc;

use multicloud::Backend;
use multicloud::Secret;
use multicloud::eks::{AwsSettings, Eks};
use multicloud::environment::EnvironmentSpec;
use multicloud_simulator::Running;

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
