//! An environment on Azure Kubernetes Service: the block `aks`, how it becomes the library's spec, and how what was found
//! becomes state.

use std::collections::BTreeMap;
use std::sync::Arc;

use multicloud::aks::{
    AgentPoolSpec, AksObserved, AksSpec, EntraSpec, NetworkDataplane, NetworkPlugin, NetworkPluginMode, NetworkPolicy,
    ObservedAgentPool, SkuTier,
};
use multicloud::environment::Observed;
use multicloud::{EnvironmentId, PoolName};
use tfplug::schema::modifier::PlanModifier;
use tfplug::schema::modifiers::requires_replace_if;
use tfplug::{Attr, MapOf, Model, Path, SetOf, Value};

use super::model::{NodePool, requires_replace_once_set};
use super::spec::Draft;
use super::state::{keep_drain_timeout, keep_texts_but_for_case, lower, text};

/// A resource id of Azure has a subscription, a group and some names; longer texts are mistakes.
const RESOURCE_ID_MAX: usize = 1024;

/// The longest name of a resource group
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>).
const RESOURCE_GROUP_MAX: usize = 90;

/// Stands in for a resource group that is not known yet: anything well-formed.
const STAND_IN_GROUP: &str = "group";

/// What an environment on Azure Kubernetes Service has beside what every environment has.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Aks {
    /// The resource group that the cluster is in, which must exist. Another one is another environment; the case of its
    /// letters does not matter.
    #[attribute(required, modify = [requires_replace_but_for_case()], validate = [string_length(1..=RESOURCE_GROUP_MAX)])]
    pub resource_group_name: Attr<String>,
    /// The first part of the API server's name, at most 54 letters, digits and `-`; by default made from the
    /// environment's name. Another one is another environment.
    #[attribute(optional, computed, change = never, modify = [requires_replace_once_set()], validate = [string_length(1..=64)])]
    pub dns_prefix: Attr<String>,
    /// What the control plane is guaranteed, and costs: `Free`, `Standard` or `Premium`.
    #[attribute(optional, computed, default = SkuTier::default().as_str(), validate = [one_of(SkuTier::ALL.iter().map(|tier| tier.as_str()))])]
    pub sku_tier: Attr<String>,
    /// How pods get their addresses: `azure`, `kubenet` or `none`. Another one is another environment, but for `kubenet`
    /// that becomes `azure` with `network_plugin_mode = "overlay"`.
    #[attribute(optional, computed, default = NetworkPlugin::default().as_str(), validate = [one_of(NetworkPlugin::ALL.iter().map(|plugin| plugin.as_str()))])]
    pub network_plugin: Attr<String>,
    /// `overlay` gives pods addresses of a network of their own, which `network.pod_cidr` may choose. It can be added, and
    /// never taken away. By default AKS's own choice.
    #[attribute(optional, computed, change = depends_on(".network_plugin"), validate = [one_of(NetworkPluginMode::ALL.iter().map(|mode| mode.as_str()))])]
    pub network_plugin_mode: Attr<String>,
    /// Who enforces network policies: `none`, `azure`, `calico` or `cilium`; by default AKS's own choice.
    #[attribute(optional, computed, change = depends_on(".network_plugin", ".network_plugin_mode", ".network_dataplane"), validate = [one_of(NetworkPolicy::ALL.iter().map(|policy| policy.as_str()))])]
    pub network_policy: Attr<String>,
    /// What carries the pods' traffic: `azure` or `cilium`; by default AKS's own choice. `cilium` is for ever.
    #[attribute(optional, computed, change = depends_on(".network_plugin", ".network_plugin_mode", ".network_policy"), validate = [one_of(NetworkDataplane::ALL.iter().map(|plane| plane.as_str()))])]
    pub network_dataplane: Attr<String>,
    /// Whether nobody is let in but by Microsoft Entra; needs `entra`.
    #[attribute(optional, computed, default = false)]
    pub disable_local_accounts: Attr<bool>,
    /// The user-assigned identity of the control plane, by resource id; AKS takes one. Without it AKS makes one of its own.
    #[attribute(optional, validate = [size(0..=1), elements_are([string_length(1..=RESOURCE_ID_MAX)])])]
    pub identity_ids: SetOf<String>,
    /// Letting people in by Microsoft Entra. It can be added, and never taken away.
    #[attribute(optional)]
    pub entra: Attr<Entra>,
    /// Whether the cluster publishes the keys of its service accounts, in `oidc_issuer_url`. It can be turned on, and never
    /// off.
    #[attribute(optional, computed, default = false)]
    pub oidc_issuer: Attr<bool>,
    /// Whether service accounts may act as identities of Microsoft Entra; needs `oidc_issuer`.
    #[attribute(optional, computed, default = false)]
    pub workload_identity: Attr<bool>,
    /// The resource group of the nodes and their disks, which AKS makes; by default AKS's own name for it. Another one is
    /// another environment.
    #[attribute(optional, computed, change = never, modify = [requires_replace_once_set()], validate = [string_length(1..=RESOURCE_GROUP_MAX)])]
    pub node_resource_group: Attr<String>,
    /// What single pools have of their own, by the pool's name.
    #[attribute(optional)]
    pub agent_pools: MapOf<AgentPool>,
}

/// Who of Microsoft Entra may use a cluster of AKS.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Entra {
    /// Groups whose members are administrators of the cluster, by object id.
    #[attribute(optional, validate = [elements_are([string_length(1..=64)])])]
    pub admin_group_object_ids: SetOf<String>,
    /// Whether roles of Azure say who may do what in Kubernetes.
    #[attribute(optional, computed, default = false)]
    pub azure_rbac: Attr<bool>,
}

/// What one pool has of its own on AKS. A change replaces the pool's nodes, which are drained first.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct AgentPool {
    /// The subnet of its nodes, by resource id; by default that of `network`.
    #[attribute(optional, validate = [string_length(1..=RESOURCE_ID_MAX)])]
    pub subnet_id: Attr<String>,
    /// The system of its nodes, such as `AzureLinux` or `Ubuntu`; by default AKS's own choice.
    #[attribute(optional, validate = [string_length(1..=64)])]
    pub os_sku: Attr<String>,
    /// The most pods on a node; by default AKS's own choice.
    #[attribute(optional)]
    pub max_pods: Attr<u32>,
}

/// Another name replaces the environment; the same in other letters is the same, as Azure tells no case apart.
fn requires_replace_but_for_case() -> Arc<dyn PlanModifier> {
    requires_replace_if("Changing this replaces the object.", |cx| match (cx.prior, &*cx.plan) {
        (Value::String(before), Value::String(after)) => !before.eq_ignore_ascii_case(after),
        _ => true,
    })
}

impl Draft {
    /// What a configuration says of the block `aks`.
    pub(super) fn aks(&mut self, aks: &Attr<Aks>, at: &Path) -> Option<AksSpec> {
        let aks = match aks {
            Attr::Null => return None,
            Attr::Unknown(_) => Aks { resource_group_name: STAND_IN_GROUP.into(), ..Aks::default() },
            Attr::Known(aks) => aks.clone(),
        };
        let group = self.parse(&aks.resource_group_name, &at.attribute("resource_group_name"), STAND_IN_GROUP);
        let identity_ids = self.texts(&aks.identity_ids, &at.attribute("identity_ids"));
        let entra = self.entra(&aks.entra, &at.attribute("entra"));
        let agent_pools = self.agent_pools(&aks.agent_pools, &at.attribute("agent_pools"));
        Some(AksSpec {
            resource_group_name: group?,
            dns_prefix: self.value(&aks.dns_prefix, &at.attribute("dns_prefix")),
            sku_tier: self.word(&aks.sku_tier, &at.attribute("sku_tier")).unwrap_or_default(),
            network_plugin: self.word(&aks.network_plugin, &at.attribute("network_plugin")).unwrap_or_default(),
            network_plugin_mode: self.word(&aks.network_plugin_mode, &at.attribute("network_plugin_mode")),
            network_policy: self.word(&aks.network_policy, &at.attribute("network_policy")),
            network_dataplane: self.word(&aks.network_dataplane, &at.attribute("network_dataplane")),
            disable_local_accounts: self
                .value(&aks.disable_local_accounts, &at.attribute("disable_local_accounts"))
                .unwrap_or(false),
            identity_ids,
            entra,
            oidc_issuer: self.value(&aks.oidc_issuer, &at.attribute("oidc_issuer")).unwrap_or(false),
            workload_identity: self.value(&aks.workload_identity, &at.attribute("workload_identity")).unwrap_or(false),
            node_resource_group: self.value(&aks.node_resource_group, &at.attribute("node_resource_group")),
            agent_pools,
        })
    }

    fn entra(&mut self, entra: &Attr<Entra>, at: &Path) -> Option<EntraSpec> {
        let entra = self.value(entra, at)?;
        Some(EntraSpec {
            admin_group_object_ids: self.texts(&entra.admin_group_object_ids, &at.attribute("admin_group_object_ids")),
            azure_rbac: self.value(&entra.azure_rbac, &at.attribute("azure_rbac")).unwrap_or(false),
        })
    }

    fn agent_pools(&mut self, pools: &MapOf<AgentPool>, at: &Path) -> BTreeMap<PoolName, AgentPoolSpec> {
        let mut read = BTreeMap::new();
        for (key, pool) in self.entries(pools, at) {
            let at = at.key(key.clone());
            let Some(name) = self.name(&key, &at) else { continue };
            read.insert(
                name,
                AgentPoolSpec {
                    subnet_id: self.value(&pool.subnet_id, &at.attribute("subnet_id")),
                    os_sku: self.value(&pool.os_sku, &at.attribute("os_sku")),
                    max_pods: self.value(&pool.max_pods, &at.attribute("max_pods")),
                },
            );
        }
        read
    }
}

/// The block `aks`, with every difference to what was found.
pub(super) fn refreshed(before: Option<Aks>, observed: &Observed, found: &AksObserved) -> Aks {
    let mut aks = before.unwrap_or_else(|| imported(&observed.id));
    keep_but_for_case(&mut aks.dns_prefix, found.dns_prefix.as_deref());
    if let Some(tier) = found.sku_tier {
        aks.sku_tier = tier.as_str().into();
    }
    if let Some(plugin) = found.network_plugin {
        aks.network_plugin = plugin.as_str().into();
    }
    aks.network_plugin_mode = found.network_plugin_mode.map(|mode| mode.as_str().to_owned()).into();
    aks.network_policy = found.network_policy.map(|policy| policy.as_str().to_owned()).into();
    aks.network_dataplane = found.network_dataplane.map(|plane| plane.as_str().to_owned()).into();
    aks.disable_local_accounts = found.disable_local_accounts.into();
    keep_texts_but_for_case(&mut aks.identity_ids, &found.identity_ids);
    aks.entra = found.entra.as_ref().map(|found| entra(aks.entra.into_known(), found)).into();
    aks.oidc_issuer = found.oidc_issuer.into();
    aks.workload_identity = found.workload_identity.into();
    keep_but_for_case(&mut aks.node_resource_group, found.node_resource_group.as_deref());
    agent_pools(&mut aks, observed, found);
    aks
}

/// How long pods are given to leave a node, where that is said.
pub(super) fn drain_timeouts(pools: &mut MapOf<NodePool>, found: &AksObserved) {
    for (name, pool) in pools.known_mut().into_iter().flatten() {
        if let (Attr::Known(pool), Some(found)) = (pool, newest(name, found)) {
            keep_drain_timeout(pool, found.drain_timeout);
        }
    }
}

/// What an import begins with.
fn imported(id: &EnvironmentId) -> Aks {
    let group = match id {
        EnvironmentId::Aks { resource_group, .. } => Some(resource_group.as_str().to_owned()),
        EnvironmentId::Eks { .. } | EnvironmentId::Gke { .. } | EnvironmentId::Memory { .. } => None,
    };
    Aks {
        resource_group_name: group.into(),
        sku_tier: SkuTier::default().as_str().into(),
        network_plugin: NetworkPlugin::default().as_str().into(),
        ..Aks::default()
    }
}

fn entra(before: Option<Entra>, found: &EntraSpec) -> Entra {
    let mut entra = before.unwrap_or_default();
    keep_texts_but_for_case(&mut entra.admin_group_object_ids, &found.admin_group_object_ids);
    entra.azure_rbac = found.azure_rbac.into();
    entra
}

/// What pools have of their own: told where it is not as it is written, and of a subnet where it is not that of all.
fn agent_pools(aks: &mut Aks, observed: &Observed, found: &AksObserved) {
    let mut pools = aks.agent_pools.clone().into_known().unwrap_or_default();
    let had_none = pools.is_empty();
    let common = lower(&observed.network.subnet_ids);
    for pool in observed.node_pools.keys() {
        let Some(found) = newest(pool.as_str(), found) else { continue };
        let mut own = pools.get(pool.as_str()).and_then(Attr::known).cloned().unwrap_or_default();
        let before = own.clone();
        let is_common = found.subnet_id.as_ref().is_none_or(|subnet| common.contains(&subnet.to_lowercase()));
        if own.subnet_id.known().is_some() || !is_common {
            keep_but_for_case(&mut own.subnet_id, found.subnet_id.as_deref());
        }
        if own.os_sku.known().is_some() {
            keep_but_for_case(&mut own.os_sku, found.os_sku.as_deref());
        }
        if own.max_pods.known().is_some() && found.max_pods.is_some() {
            own.max_pods = found.max_pods.into();
        }
        if own != before {
            pools.insert(pool.as_str().to_owned(), own.into());
        }
    }
    if !(had_none && pools.is_empty()) {
        aks.agent_pools = Attr::Known(pools);
    }
}

/// The agent pool that serves a pool; of two, while one replaces the other, the one that is named later.
fn newest<'o>(pool: &str, found: &'o AksObserved) -> Option<&'o ObservedAgentPool> {
    found.agent_pools.values().rfind(|found| found.pool.as_str() == pool)
}

/// Azure tells no case apart, and answers in its own.
fn keep_but_for_case(written: &mut Attr<String>, found: Option<&str>) {
    if let Some(found) = found
        && !text(written).eq_ignore_ascii_case(found)
    {
        *written = found.into();
    }
}
