//! What only AKS has: of an environment as it is wanted ([`AksSpec`], HCL's `aks = {}`) and as it was found
//! ([`AksObserved`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::environment::{KubernetesVersion, MaxSurge, PoolMode, PoolName, PoolSize, ResourceGroupName, Status, Taint};
use crate::error::ServerText;
use crate::words::words;

/// What an AKS environment needs beside what every environment has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AksSpec {
    /// The resource group that the cluster is in, which must exist. Cannot be changed.
    pub resource_group_name: ResourceGroupName,
    /// The first part of the API server's name; `None` makes it from the environment's. Cannot be changed.
    pub dns_prefix: Option<String>,
    /// What the control plane is guaranteed, and costs.
    pub sku_tier: SkuTier,
    /// How pods get their addresses. Cannot be changed, but from kubenet to an overlay of Azure.
    pub network_plugin: NetworkPlugin,
    /// Whether pods have addresses of their own network; `None` leaves it as it is. Can be added, and never taken away.
    pub network_plugin_mode: Option<NetworkPluginMode>,
    /// Who enforces network policies; `None` leaves it to AKS.
    pub network_policy: Option<NetworkPolicy>,
    /// What carries the pods' traffic; `None` leaves it to AKS.
    pub network_dataplane: Option<NetworkDataplane>,
    /// Whether nobody is let in but by Microsoft Entra.
    pub disable_local_accounts: bool,
    /// The user-assigned identity of the control plane, by resource id; AKS takes one. Without one it makes its own.
    pub identity_ids: BTreeSet<String>,
    /// Letting people in by Microsoft Entra. Can be added, and never taken away.
    pub entra: Option<EntraSpec>,
    /// Whether the cluster publishes the keys of its service accounts. Can be turned on, and never off.
    pub oidc_issuer: bool,
    /// Whether service accounts may act as identities of Microsoft Entra; needs the issuer.
    pub workload_identity: bool,
    /// The resource group of nodes and their disks, which AKS makes; `None` leaves its name to AKS. Cannot be changed.
    pub node_resource_group: Option<String>,
    /// What single pools have of their own.
    pub agent_pools: BTreeMap<PoolName, AgentPoolSpec>,
}

impl AksSpec {
    /// A cluster in that resource group, with the defaults of all else.
    pub fn new(resource_group_name: ResourceGroupName) -> Self {
        Self {
            resource_group_name,
            dns_prefix: None,
            sku_tier: SkuTier::default(),
            network_plugin: NetworkPlugin::default(),
            network_plugin_mode: None,
            network_policy: None,
            network_dataplane: None,
            disable_local_accounts: false,
            identity_ids: BTreeSet::new(),
            entra: None,
            oidc_issuer: false,
            workload_identity: false,
            node_resource_group: None,
            agent_pools: BTreeMap::new(),
        }
    }
}

/// Who of Microsoft Entra may use the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntraSpec {
    /// Groups whose members are administrators of the cluster, by object id.
    pub admin_group_object_ids: BTreeSet<String>,
    /// Whether roles of Azure say who may do what in Kubernetes.
    pub azure_rbac: bool,
}

/// What one pool has of its own. A change replaces the pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentPoolSpec {
    /// The subnet of its nodes; `None` takes that of the cluster.
    pub subnet_id: Option<String>,
    /// The system of its nodes, such as `AzureLinux` or `Ubuntu`; `None` leaves it to AKS.
    pub os_sku: Option<String>,
    /// The most pods on a node; `None` leaves it to AKS.
    pub max_pods: Option<u32>,
}

words!(
    /// What the control plane is guaranteed, and costs.
    SkuTier, "a tier" {
        /// Nothing is guaranteed.
        Free = "Free",
        /// Its availability is guaranteed.
        Standard = "Standard",
        /// As `Standard`, with long-term support of versions.
        Premium = "Premium",
    }
);

words!(
    /// How pods get their addresses.
    NetworkPlugin, "a network plugin" {
        /// Azure's.
        Azure = "azure",
        /// The one of Kubernetes, which AKS retires.
        Kubenet = "kubenet",
        /// None: whoever runs the cluster brings one.
        None = "none",
    }
);

words!(
    /// Whether pods have addresses of a network of their own.
    NetworkPluginMode, "a mode of the network plugin" {
        /// They have.
        Overlay = "overlay",
    }
);

words!(
    /// Who enforces network policies.
    NetworkPolicy, "a network policy" {
        /// Nobody.
        None = "none",
        /// Azure.
        Azure = "azure",
        /// Calico.
        Calico = "calico",
        /// Cilium.
        Cilium = "cilium",
    }
);

words!(
    /// What carries the pods' traffic.
    NetworkDataplane, "a network dataplane" {
        /// Azure's.
        Azure = "azure",
        /// Cilium's.
        Cilium = "cilium",
    }
);

impl Default for SkuTier {
    /// The API's own default.
    fn default() -> Self {
        Self::Free
    }
}

impl Default for NetworkPlugin {
    /// The API's own default is kubenet, which AKS retires on 31 March 2028
    /// (<https://learn.microsoft.com/azure/aks/configure-kubenet>).
    fn default() -> Self {
        Self::Azure
    }
}

/// What only AKS says about an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AksObserved {
    /// The cluster's resource id.
    pub resource_id: String,
    /// How the cluster is, apart from its pools.
    pub cluster_status: Status,
    /// Whether the last operation on it failed, so that it is to be asked for again.
    pub failed: bool,
    /// The first part of the API server's name.
    pub dns_prefix: Option<String>,
    /// What the control plane is guaranteed; `None` where AKS does not say.
    pub sku_tier: Option<SkuTier>,
    /// How pods get their addresses; `None` where AKS does not say.
    pub network_plugin: Option<NetworkPlugin>,
    /// Whether pods have addresses of their own network.
    pub network_plugin_mode: Option<NetworkPluginMode>,
    /// Who enforces network policies.
    pub network_policy: Option<NetworkPolicy>,
    /// What carries the pods' traffic.
    pub network_dataplane: Option<NetworkDataplane>,
    /// Whether nobody is let in but by Microsoft Entra.
    pub disable_local_accounts: bool,
    /// The user-assigned identities of the control plane, by resource id.
    pub identity_ids: BTreeSet<String>,
    /// Letting people in by Microsoft Entra.
    pub entra: Option<EntraSpec>,
    /// Whether the cluster publishes the keys of its service accounts.
    pub oidc_issuer: bool,
    /// Whether service accounts may act as identities of Microsoft Entra.
    pub workload_identity: bool,
    /// The resource group of nodes and their disks.
    pub node_resource_group: Option<String>,
    /// The version that the control plane was told to have; differs from the one it has where an upgrade failed.
    pub wanted_version: Option<KubernetesVersion>,
    /// Every agent pool, by its name in AKS: a pool that is being replaced has two.
    pub agent_pools: BTreeMap<String, ObservedAgentPool>,
}

/// An agent pool as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedAgentPool {
    /// The pool it belongs to.
    pub pool: PoolName,
    /// How it is.
    pub status: Status,
    /// Why it is so, where AKS says.
    pub status_reason: Option<ServerText>,
    /// Whether the last operation on it failed, so that it is to be asked for again.
    pub failed: bool,
    /// Its Kubernetes version.
    pub version: KubernetesVersion,
    /// The version in full.
    pub full_version: String,
    /// The version that it was told to have; differs from the one it has where an upgrade failed.
    pub wanted_version: Option<KubernetesVersion>,
    /// What it is for.
    pub mode: PoolMode,
    /// How many nodes it was told to have.
    pub size: PoolSize,
    /// The nodes it is to have now.
    pub count: u32,
    /// Its machine type.
    pub vm_size: String,
    /// Whether Azure may take its nodes away.
    pub spot: bool,
    /// Size of its disks.
    pub disk_size_gb: Option<u32>,
    /// Its zones.
    pub zones: BTreeSet<String>,
    /// The subnet of its nodes.
    pub subnet_id: Option<String>,
    /// The system of its nodes.
    pub os_sku: Option<String>,
    /// The most pods on a node.
    pub max_pods: Option<u32>,
    /// Labels of its nodes, without those that AKS sets by itself.
    pub labels: BTreeMap<String, String>,
    /// Taints of its nodes, without those that AKS sets by itself.
    pub taints: BTreeSet<Taint>,
    /// How many nodes an upgrade adds at a time.
    pub max_surge: Option<MaxSurge>,
    /// How long pods are given to leave a node in an upgrade.
    pub drain_timeout: Option<Duration>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_api() {
        assert_eq!("Standard".parse(), Ok(SkuTier::Standard));
        assert_eq!(serde_json::to_string(&NetworkPolicy::Cilium).unwrap(), "\"cilium\"");
        let error = "Azure".parse::<NetworkPlugin>().unwrap_err();
        assert_eq!(error.to_string(), "not a network plugin, expected one of azure, kubenet, none");
    }
}
