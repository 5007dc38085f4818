//! What one step sends to GKE: [`GkeChange`], one variant per request. It survives the process as part of a
//! [`Step`](crate::Step), and says all that the request is for. Checksums by which GKE notices that somebody else was faster
//! (etags, fingerprints) are no part of it: they are those of the latest look, and not of what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::spec::ReleaseChannel;
use crate::environment::{KubernetesVersion, MaintenanceWindow, Taint};

/// One request that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GkeChange {
    /// `CreateCluster`, with all its pools.
    CreateCluster(Box<NewCluster>),
    /// `UpdateCluster`: one field, which is all that GKE takes at a time.
    UpdateCluster(ClusterSetting),
    /// `SetLabels`: all labels of the cluster.
    SetLabels {
        /// The labels.
        labels: BTreeMap<String, String>,
    },
    /// `SetMaintenancePolicy`: the time for GKE's own maintenance; what is excluded from it stays.
    SetMaintenanceWindow {
        /// The time; `None` leaves it to GKE.
        window: Option<MaintenanceWindow>,
    },
    /// `DeleteCluster`, which deletes the pools too.
    DeleteCluster,
    /// `CreateNodePool`.
    CreatePool(Box<NewPool>),
    /// `UpdateNodePool`: one kind of setting.
    UpdatePool {
        /// The pool's name in GKE.
        pool: String,
        /// The setting.
        setting: PoolSetting,
    },
    /// `SetNodePoolSize`.
    SetPoolSize {
        /// The pool's name in GKE.
        pool: String,
        /// Nodes in each of its zones.
        per_zone: u32,
    },
    /// `SetNodePoolAutoscaling`.
    SetPoolAutoscaling {
        /// The pool's name in GKE.
        pool: String,
        /// The fewest and the most nodes over all zones; `None` turns autoscaling off.
        total: Option<(u32, u32)>,
    },
    /// `DeleteNodePool`.
    DeletePool {
        /// The pool's name in GKE.
        pool: String,
    },
}

/// A cluster to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCluster {
    /// Its Kubernetes version.
    pub version: KubernetesVersion,
    /// Its network.
    pub network: Option<String>,
    /// Its nodes' subnetwork.
    pub subnetwork: Option<String>,
    /// Addresses of its pods.
    pub pod_cidr: Option<String>,
    /// Addresses of its services.
    pub service_cidr: Option<String>,
    /// The secondary range of its pods.
    pub pods_range_name: Option<String>,
    /// The secondary range of its services.
    pub services_range_name: Option<String>,
    /// Who may reach the API server.
    pub endpoint: Endpoint,
    /// Whether nodes have internal addresses only.
    pub private_nodes: bool,
    /// Where GKE's own upgrades come from.
    pub release_channel: Option<ReleaseChannel>,
    /// Whether workloads may act as service accounts of Google Cloud.
    pub workload_identity: bool,
    /// When GKE may do its own maintenance.
    pub maintenance_window: Option<MaintenanceWindow>,
    /// Its labels, the ownership mark among them.
    pub labels: BTreeMap<String, String>,
    /// Its pools.
    pub pools: Vec<NewPool>,
}

/// Who may reach the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Whether it has no public address.
    pub private: bool,
    /// The addresses that may; none are all.
    pub authorized_cidrs: BTreeSet<String>,
}

/// A node pool to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPool {
    /// Its name in GKE.
    pub name: String,
    /// Its Kubernetes version; `None` takes the control plane's.
    pub version: Option<KubernetesVersion>,
    /// Its machine type.
    pub machine_type: String,
    /// Nodes in each of its zones, to begin with.
    pub per_zone: u32,
    /// The fewest and the most nodes over all zones, where the autoscaler is to decide.
    pub autoscaling: Option<(u32, u32)>,
    /// Its zones; none leaves them to GKE.
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
    /// Nodes that an upgrade adds at a time.
    pub max_surge: Option<u32>,
    /// Seconds that disruption budgets are heeded when nodes are emptied.
    pub drain_timeout_s: Option<u64>,
    /// Labels of its machines: the ownership mark, and the pool's name.
    pub resource_labels: BTreeMap<String, String>,
}

/// One field of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterSetting {
    /// The control plane's version, one minor further.
    Version {
        /// The version after.
        to: KubernetesVersion,
        /// The version that it is a step to. A step to one that GKE does not offer cannot be taken back.
        goal: KubernetesVersion,
    },
    /// Where GKE's own upgrades come from.
    ReleaseChannel(ReleaseChannel),
    /// Whether workloads may act as service accounts of Google Cloud.
    WorkloadIdentity(bool),
    /// Who may reach the API server.
    Endpoint(Endpoint),
    /// Whether new nodes have internal addresses only.
    PrivateNodes(bool),
}

/// One kind of setting of a node pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolSetting {
    /// Its Kubernetes version.
    Version {
        /// The version after; `None` takes that of the control plane in full.
        to: Option<KubernetesVersion>,
        /// The minor that this is.
        minor: KubernetesVersion,
    },
    /// Its machines, which are made anew, as many at a time as upgrades are allowed.
    Machines {
        /// Another machine type.
        machine_type: Option<String>,
        /// Another size of disk.
        disk_size_gb: Option<u32>,
        /// Another type of disk.
        disk_type: Option<String>,
    },
    /// The image of its nodes.
    ImageType(String),
    /// All labels of its nodes.
    Labels(BTreeMap<String, String>),
    /// All taints of its nodes.
    Taints(BTreeSet<Taint>),
    /// All labels of its machines.
    ResourceLabels(BTreeMap<String, String>),
    /// Its zones.
    Zones(BTreeSet<String>),
    /// Nodes that an upgrade adds at a time.
    MaxSurge(u32),
    /// Seconds that disruption budgets are heeded when nodes are emptied.
    DrainTimeout {
        /// The seconds.
        seconds: u64,
    },
}
