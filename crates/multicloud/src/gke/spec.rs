//! What only GKE has: of an environment as it is wanted ([`GkeSpec`], HCL's `gke = {}`) and as it was found
//! ([`GkeObserved`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::environment::{KubernetesVersion, MaintenanceWindow, PoolName, Status, Taint};
use crate::error::ServerText;
use crate::words::words;

/// What a GKE environment has beside what every environment has. Nothing of it is demanded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GkeSpec {
    /// The VPC network, by name or as `projects/<project>/global/networks/<name>`; `None` takes `default`. Cannot be changed.
    pub network: Option<String>,
    /// The subnetwork of the nodes, by name or as `projects/<project>/regions/<region>/subnetworks/<name>`; `None` takes that
    /// of the network's own name. Cannot be changed.
    pub subnetwork: Option<String>,
    /// The channel that GKE's own upgrades come from; `None` leaves it to GKE.
    pub release_channel: Option<ReleaseChannel>,
    /// The e-mail address of the service account that nodes act as; `None` takes Compute's default one.
    pub node_service_account: Option<String>,
    /// Whether workloads may act as service accounts of Google Cloud.
    pub workload_identity: bool,
    /// Whether nodes have internal addresses only.
    pub private_nodes: bool,
    /// The secondary range of the subnetwork that pods have their addresses from, instead of `network.pod_cidr`. Cannot be
    /// changed.
    pub pods_range_name: Option<String>,
    /// The secondary range of the subnetwork that services have their addresses from, instead of `network.service_cidr`.
    /// Cannot be changed.
    pub services_range_name: Option<String>,
    /// The image of nodes, such as `COS_CONTAINERD`; `None` leaves it to GKE.
    pub image_type: Option<String>,
    /// The type of the nodes' disks, such as `pd-balanced`; `None` leaves it to GKE.
    pub disk_type: Option<String>,
}

impl Default for GkeSpec {
    /// All is left to GKE; workloads may act as service accounts, which is what new clusters are to have
    /// (<https://cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster>).
    fn default() -> Self {
        Self {
            network: None,
            subnetwork: None,
            release_channel: None,
            node_service_account: None,
            workload_identity: true,
            private_nodes: false,
            pods_range_name: None,
            services_range_name: None,
            image_type: None,
            disk_type: None,
        }
    }
}

words!(
    /// Where GKE's own upgrades of a cluster come from.
    ReleaseChannel, "a release channel" {
        /// The newest versions first.
        Rapid = "RAPID",
        /// Versions some months old.
        Regular = "REGULAR",
        /// Versions that have proved themselves.
        Stable = "STABLE",
        /// Versions with long support, for a price.
        Extended = "EXTENDED",
        /// No channel.
        Unspecified = "UNSPECIFIED",
    }
);

/// What only GKE says about an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GkeObserved {
    /// How the cluster is, apart from its pools.
    pub cluster_status: Status,
    /// The VPC network.
    pub network: Option<String>,
    /// The subnetwork of the nodes.
    pub subnetwork: Option<String>,
    /// The channel that GKE's own upgrades come from.
    pub release_channel: ReleaseChannel,
    /// The pool of identities that workloads act from, if they may.
    pub workload_pool: Option<String>,
    /// Whether nodes have internal addresses only.
    pub private_nodes: bool,
    /// The secondary range of the pods' addresses.
    pub pods_range_name: Option<String>,
    /// The secondary range of the services' addresses.
    pub services_range_name: Option<String>,
    /// When GKE may do its own maintenance, where that is said as a weekly window.
    pub maintenance_window: Option<MaintenanceWindow>,
    /// Whether GKE is told a time for its maintenance, in whatever form.
    pub has_maintenance_window: bool,
    /// Zones of the nodes whose pools name none.
    pub zones: BTreeSet<String>,
    /// Labels that Google's services have set, which are theirs to keep.
    pub google_labels: BTreeMap<String, String>,
    /// Every node pool, by its name in GKE: a pool that is being replaced has two.
    pub node_pools: BTreeMap<String, ObservedNodePool>,
}

/// A node pool as it was found in GKE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedNodePool {
    /// The pool of the environment that it serves.
    pub pool: PoolName,
    /// How it is.
    pub status: Status,
    /// Why it is so, where GKE says.
    pub status_reason: Option<ServerText>,
    /// Its Kubernetes version.
    pub version: KubernetesVersion,
    /// The version as GKE reports it.
    pub full_version: String,
    /// Its machine type.
    pub machine_type: String,
    /// Nodes that its instance groups are to have, over all zones.
    pub count: u32,
    /// Nodes that each of its instance groups is to have, if that is the same in all.
    pub per_zone: Option<u32>,
    /// The fewest and the most nodes over all zones, where the autoscaler decides.
    pub autoscaling: Option<(u32, u32)>,
    /// Zones of its nodes.
    pub zones: BTreeSet<String>,
    /// Size of its nodes' disks.
    pub disk_size_gb: Option<u32>,
    /// Type of its nodes' disks.
    pub disk_type: Option<String>,
    /// Image of its nodes.
    pub image_type: Option<String>,
    /// Whether Google may take its nodes away.
    pub spot: bool,
    /// The service account that its nodes act as.
    pub service_account: Option<String>,
    /// Labels of its nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints of its nodes.
    pub taints: BTreeSet<Taint>,
    /// Whether its nodes carry the taint that GKE gives to those with GPUs, which is not among the others.
    pub gpu_taint: bool,
    /// Nodes that an upgrade adds at a time.
    pub max_surge: Option<u32>,
    /// Seconds that disruption budgets are heeded when nodes are emptied; `None` is GKE's own hour.
    pub drain_timeout_s: Option<u64>,
    /// Whether disruption budgets are heeded when the pool is deleted.
    pub deletion_heeds_budgets: bool,
    /// Labels of its machines, which hold the ownership mark and the pool's name.
    pub resource_labels: BTreeMap<String, String>,
}
