//! What one step sends to AKS: [`AksChange`], one variant per sort of request. It survives the process as part of a
//! [`Step`](crate::Step).
//!
//! A `PUT` says all of an object, so that a change of one that exists is the difference alone: the object is read, changed
//! in what the change names, and sent back with the etag that it was read with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::spec::{EntraSpec, NetworkDataplane, NetworkPlugin, NetworkPluginMode, NetworkPolicy, SkuTier};
use crate::environment::{KubernetesVersion, MaxSurge, PoolMode, PoolSize, Taint};

/// One request that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AksChange {
    /// `PUT` of a cluster that is not there, with all its pools.
    CreateCluster(Box<NewCluster>),
    /// `PUT` of a cluster with other settings; with none to change, to have AKS mend what failed.
    ConfigureCluster(Box<ClusterSettings>),
    /// `PUT` of a cluster with a version of the control plane that is one minor later; its pools stay as they are.
    UpgradeCluster {
        /// The version after.
        to: KubernetesVersion,
    },
    /// `PATCH` of a cluster's tags, which are replaced as a whole.
    TagCluster {
        /// All tags.
        tags: BTreeMap<String, String>,
    },
    /// `DELETE` of a cluster, with all its pools.
    DeleteCluster,
    /// `PUT` of an agent pool that is not there.
    CreatePool(Box<NewPool>),
    /// `PUT` of an agent pool with other settings; with none to change, to have AKS mend what failed.
    ConfigurePool(Box<PoolSettings>),
    /// `PUT` of an agent pool with a later version.
    UpgradePool {
        /// The agent pool.
        agent_pool: String,
        /// The version after.
        to: KubernetesVersion,
        /// The patch that the control plane runs of that version, where it runs it: AKS takes a minor alone as the newest
        /// patch that it has of it, which may be ahead of the control plane, and no pool may be.
        #[serde(default)]
        patch: Option<String>,
    },
    /// `DELETE` of an agent pool.
    DeletePool {
        /// The agent pool.
        agent_pool: String,
    },
}

/// A cluster to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCluster {
    /// Where it is to be.
    pub location: String,
    /// Its version.
    pub version: KubernetesVersion,
    /// The first part of the API server's name.
    pub dns_prefix: String,
    /// What the control plane is guaranteed.
    pub sku_tier: SkuTier,
    /// How pods get their addresses.
    pub network_plugin: NetworkPlugin,
    /// Whether pods have addresses of their own network.
    pub network_plugin_mode: Option<NetworkPluginMode>,
    /// Who enforces network policies.
    pub network_policy: Option<NetworkPolicy>,
    /// What carries the pods' traffic.
    pub network_dataplane: Option<NetworkDataplane>,
    /// Addresses of pods.
    pub pod_cidr: Option<String>,
    /// Addresses of services.
    pub service_cidr: Option<String>,
    /// The address among them of the cluster's name server.
    pub dns_service_ip: Option<String>,
    /// Who may reach the API server; empty is everyone.
    pub authorized_cidrs: BTreeSet<String>,
    /// Whether the API server has a private address only.
    pub private_endpoint: bool,
    /// Whether nobody is let in but by Microsoft Entra.
    pub disable_local_accounts: bool,
    /// The user-assigned identity of the control plane.
    pub identity_ids: BTreeSet<String>,
    /// Letting people in by Microsoft Entra.
    pub entra: Option<EntraSpec>,
    /// Whether the cluster publishes the keys of its service accounts.
    pub oidc_issuer: bool,
    /// Whether service accounts may act as identities of Microsoft Entra.
    pub workload_identity: bool,
    /// The resource group of nodes and their disks.
    pub node_resource_group: Option<String>,
    /// Its pools.
    pub agent_pools: Vec<NewPool>,
    /// Its tags, the ownership mark among them.
    pub tags: BTreeMap<String, String>,
}

/// What is changed of a cluster in place; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSettings {
    /// What the control plane is guaranteed.
    pub sku_tier: Option<SkuTier>,
    /// How pods get their addresses.
    pub network_plugin: Option<NetworkPlugin>,
    /// Whether pods have addresses of their own network.
    pub network_plugin_mode: Option<NetworkPluginMode>,
    /// Addresses of pods, which a new mode needs.
    pub pod_cidr: Option<String>,
    /// Who enforces network policies.
    pub network_policy: Option<NetworkPolicy>,
    /// What carries the pods' traffic.
    pub network_dataplane: Option<NetworkDataplane>,
    /// Who may reach the API server; empty is everyone.
    pub authorized_cidrs: Option<BTreeSet<String>>,
    /// Whether nobody is let in but by Microsoft Entra.
    pub disable_local_accounts: Option<bool>,
    /// The user-assigned identity of the control plane; empty is one that AKS makes.
    pub identity_ids: Option<BTreeSet<String>>,
    /// Letting people in by Microsoft Entra.
    pub entra: Option<EntraSpec>,
    /// Whether the cluster publishes the keys of its service accounts.
    pub oidc_issuer: Option<bool>,
    /// Whether service accounts may act as identities of Microsoft Entra.
    pub workload_identity: Option<bool>,
}

/// An agent pool to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPool {
    /// Its name in AKS.
    pub agent_pool: String,
    /// Its version; `None` takes that of the control plane, as pools of a new cluster do.
    pub version: Option<KubernetesVersion>,
    /// What it is for.
    pub mode: PoolMode,
    /// The machine type.
    pub vm_size: String,
    /// How many nodes.
    pub size: PoolSize,
    /// Size of its disks.
    pub disk_size_gb: Option<u32>,
    /// Its zones.
    pub zones: BTreeSet<String>,
    /// Whether Azure may take its nodes away.
    pub spot: bool,
    /// The subnet of its nodes.
    pub subnet_id: Option<String>,
    /// The system of its nodes.
    pub os_sku: Option<String>,
    /// The most pods on a node.
    pub max_pods: Option<u32>,
    /// Labels of its nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints of its nodes.
    pub taints: BTreeSet<Taint>,
    /// How many nodes an upgrade adds at a time.
    pub max_surge: Option<MaxSurge>,
    /// How long pods are given to leave a node in an upgrade.
    pub drain_timeout: Option<Duration>,
    /// Its tags, the ownership mark among them.
    pub tags: BTreeMap<String, String>,
}

/// What is changed of an agent pool in place; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSettings {
    /// The agent pool.
    pub agent_pool: String,
    /// What it is for.
    pub mode: Option<PoolMode>,
    /// How many nodes.
    pub size: Option<PoolSize>,
    /// The nodes that it is to have now, where its autoscaler may not have as many as there are.
    pub count: Option<u32>,
    /// Labels of its nodes, all of them.
    pub labels: Option<BTreeMap<String, String>>,
    /// Taints of its nodes, all of them.
    pub taints: Option<BTreeSet<Taint>>,
    /// How many nodes an upgrade adds at a time.
    pub max_surge: Option<MaxSurge>,
    /// How long pods are given to leave a node in an upgrade.
    pub drain_timeout: Option<Duration>,
    /// Its tags, all of them.
    pub tags: Option<BTreeMap<String, String>>,
}
