//! From what was observed and what is desired to the steps between them. Pure.
//!
//! The driver does the first stage, reads again and asks again, so the stages after the first say what is to come, and
//! order is all that matters: the cluster's settings in one request, each pool's settings in one request, versions minor by
//! minor, new agent pools, then those that stop being system pools, the agent pools that others replace, emptied before,
//! and last the cluster's tags, its mark among them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::change::{AksChange, ClusterSettings, NewCluster, NewPool, PoolSettings};
use super::convert::{OWN_SUBNET_TAG, POOL_TAG, is_same_owner, region};
use super::spec::{
    AgentPoolSpec, AksObserved, AksSpec, NetworkDataplane, NetworkPlugin, NetworkPluginMode, NetworkPolicy,
    ObservedAgentPool,
};
use super::validate::MAX_POOL_NAME;
use crate::backend::{Difference, both_equal};
use crate::cidr::parse_cidr;
use crate::drain;
use crate::environment::{
    EnvironmentSpec, FieldPath, Observed, PoolMode, PoolName, PoolSize, PoolSpec, Region, Status, Violation,
};
use crate::operation::{Action, Change, NodeDrain, Stages, Step, Subject, WhenUnreachable};
use crate::upgrade::{self, PoolVersion, Upgrade};

/// The label of nodes that holds the name of their agent pool (<https://learn.microsoft.com/azure/aks/use-labels>).
const NODE_LABEL: &str = "kubernetes.azure.com/agentpool";

/// The longest prefix of a DNS name (`ManagedClusterProperties.dnsPrefix`).
pub(crate) const MAX_DNS_PREFIX: usize = 54;

/// The steps to what is desired: one request makes the cluster with all its pools.
pub(crate) fn create(desired: &EnvironmentSpec, aks: &AksSpec) -> Vec<Step> {
    let pools: Vec<&str> = desired.node_pools.keys().map(PoolName::as_str).collect();
    let words = format!(
        "create cluster {} with Kubernetes {} and node pools {}",
        desired.name,
        desired.kubernetes.version,
        pools.join(", ")
    );
    let mut plan = Stages::default();
    plan.stage([step(
        Subject::Cluster,
        Action::Create,
        words,
        AksChange::CreateCluster(Box::new(new_cluster(desired, aks))),
    )]);
    plan.into_steps()
}

/// The steps to nothing: AKS deletes a cluster with all its pools.
pub(crate) fn delete(observed: &Observed) -> Vec<Step> {
    let mut plan = Stages::default();
    if observed.status != Status::Deleting {
        plan.stage([step(
            Subject::Cluster,
            Action::Delete,
            format!("delete cluster {} with its node pools", observed.id.name()),
            AksChange::DeleteCluster,
        )]);
    }
    plan.into_steps()
}

/// The steps from one to the other.
pub(crate) fn update(
    observed: &Observed,
    found: &AksObserved,
    desired: &EnvironmentSpec,
    aks: &AksSpec,
) -> Result<Vec<Step>, Violation> {
    if observed.status == Status::Deleting {
        return Ok(Vec::new());
    }
    let pools = Pools::sort(observed, found, desired, aks);
    let mut plan = Stages::default();
    let (settings, what) = cluster_settings(observed, found, desired, aks)?;
    // A cluster that failed is mended by being asked for again.
    if settings != ClusterSettings::default() || found.failed {
        let words =
            if what.is_empty() { "repair cluster".to_owned() } else { format!("change cluster: {}", what.join(", ")) };
        let change = AksChange::ConfigureCluster(Box::new(settings));
        plan.stage([step(Subject::Cluster, Action::Update, words, change)]);
    }
    plan.stage(pools.kept.iter().filter_map(|kept| configure_pool(kept, pool_settings(observed, desired, aks, kept))));
    versions(&mut plan, observed, desired, &pools)?;
    plan.stage(pools.missing.iter().map(|(name, pool)| create_pool(desired, aks, name, pool, &pools.taken)));
    // One system pool must remain at any time: those that become one, or are made, go before those that stop being one.
    plan.stage(pools.kept.iter().filter(|kept| kept.is_demoted()).filter_map(|kept| {
        let agent_pool = kept.name.to_owned();
        configure_pool(kept, PoolSettings { agent_pool, mode: Some(kept.spec.mode), ..PoolSettings::default() })
    }));
    plan.stage(pools.superfluous.iter().map(|(name, pool)| delete_pool(name, pool, desired)));
    // The mark of the cluster comes last. Until then all of an imported cluster is meant; from then on, whatever is not
    // marked is somebody else's, and what is still to go would stay.
    plan.stage(tag_cluster(observed, desired));
    Ok(plan.into_steps())
}

/// The fields that cannot be changed, and differ.
pub(crate) fn differences(
    observed: &Observed,
    found: &AksObserved,
    desired: &EnvironmentSpec,
    aks: &AksSpec,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |path: &str, found: Option<String>, wanted: Option<String>| {
        // What is not asked for is AKS's to choose, and what it does not tell cannot differ.
        if let (Some(found), Some(wanted)) = (found, wanted)
            && !found.eq_ignore_ascii_case(&wanted)
        {
            differences.push(Difference { path: FieldPath::of(path), observed: found, desired: wanted });
        }
    };
    let text = |text: &Option<String>| text.clone();
    let wanted_region = desired.region.as_ref().and_then(|wanted| region(wanted.as_str()));
    compare("region", observed.region.as_ref().map(Region::to_string), wanted_region.map(|region| region.to_string()));
    compare("name", Some(observed.id.name().to_string()), Some(desired.name.to_string()));
    if let crate::environment::EnvironmentId::Aks { resource_group, .. } = &observed.id {
        let wanted = aks.resource_group_name.to_string();
        compare("aks.resource_group_name", Some(resource_group.to_string()), Some(wanted));
    }
    compare("aks.dns_prefix", text(&found.dns_prefix), text(&aks.dns_prefix));
    compare("aks.node_resource_group", text(&found.node_resource_group), text(&aks.node_resource_group));
    compare("network.service_cidr", text(&observed.network.service_cidr), text(&desired.network.service_cidr));
    // A network of its own for pods may have other addresses.
    let to_overlay = aks.network_plugin_mode.is_some() && found.network_plugin_mode.is_none();
    if !to_overlay {
        compare("network.pod_cidr", text(&observed.network.pod_cidr), text(&desired.network.pod_cidr));
    }
    let private = |private: bool| Some(private.to_string());
    compare(
        "network.private_endpoint",
        private(observed.network.private_endpoint),
        private(desired.network.private_endpoint),
    );
    let is_kubenet_to_overlay = found.network_plugin == Some(NetworkPlugin::Kubenet)
        && aks.network_plugin == NetworkPlugin::Azure
        && aks.network_plugin_mode == Some(NetworkPluginMode::Overlay);
    if !is_kubenet_to_overlay {
        compare(
            "aks.network_plugin",
            found.network_plugin.map(|plugin| plugin.to_string()),
            Some(aks.network_plugin.to_string()),
        );
    }
    if !may_change_policy(found.network_policy, aks.network_policy) {
        compare(
            "aks.network_policy",
            found.network_policy.map(|policy| policy.to_string()),
            aks.network_policy.map(|policy| policy.to_string()),
        );
    }
    if (found.network_dataplane, aks.network_dataplane)
        == (Some(NetworkDataplane::Cilium), Some(NetworkDataplane::Azure))
    {
        compare("aks.network_dataplane", Some("cilium".to_owned()), Some("azure".to_owned()));
    }
    differences
}

/// Policies are added, and replaced by Cilium's (terraform-provider-azurerm, documentation of `network_policy`;
/// <https://learn.microsoft.com/azure/aks/use-network-policies>).
fn may_change_policy(found: Option<NetworkPolicy>, wanted: Option<NetworkPolicy>) -> bool {
    match (found, wanted) {
        (None | Some(NetworkPolicy::None), _) | (_, None) => true,
        (Some(NetworkPolicy::Azure | NetworkPolicy::Calico), Some(NetworkPolicy::Cilium)) => true,
        (Some(found), Some(wanted)) => found == wanted,
    }
}

fn step(subject: Subject, action: Action, description: String, change: AksChange) -> Step {
    Step { stage: 0, subject, action, description, change: Change::Aks(change), drain: None }
}

/// The agent pools of a cluster, by what is to become of them.
struct Pools<'a> {
    kept: Vec<Kept<'a>>,
    /// Pools that no agent pool serves as desired.
    missing: Vec<(&'a PoolName, &'a PoolSpec)>,
    /// Agent pools of pools that are not desired any more, and agent pools that others replace.
    superfluous: Vec<(&'a String, &'a ObservedAgentPool)>,
    /// Names that a new agent pool cannot have.
    taken: BTreeSet<&'a str>,
}

struct Kept<'a> {
    pool: &'a PoolName,
    spec: &'a PoolSpec,
    name: &'a str,
    found: &'a ObservedAgentPool,
}

impl Kept<'_> {
    fn is_demoted(&self) -> bool {
        self.found.mode == PoolMode::System && self.spec.mode == PoolMode::User
    }
}

impl<'a> Pools<'a> {
    fn sort(observed: &Observed, found: &'a AksObserved, desired: &'a EnvironmentSpec, aks: &'a AksSpec) -> Self {
        let ours = found
            .agent_pools
            .iter()
            .filter(|(_, pool)| pool.status != Status::Deleting && is_same_owner(&observed.tags, &pool.tags));
        let mut of_pool: BTreeMap<&PoolName, Vec<(&String, &ObservedAgentPool)>> = BTreeMap::new();
        for (name, agent_pool) in ours {
            of_pool.entry(&agent_pool.pool).or_default().push((name, agent_pool));
        }
        let taken = found.agent_pools.keys().map(String::as_str).collect();
        let mut pools = Pools { kept: Vec::new(), missing: Vec::new(), superfluous: Vec::new(), taken };
        for (pool, spec) in &desired.node_pools {
            let candidates = of_pool.remove(pool).unwrap_or_default();
            let fitting = candidates.iter().filter(|(_, found)| fits(found, desired, aks, pool, spec));
            // Of two that fit, the one that works, and then the one that came later, which has not the pool's own name.
            let rank = |name: &str, found: &ObservedAgentPool| (found.status == Status::Active, name != pool.as_str());
            let kept = fitting.max_by_key(|(name, found)| rank(name, found)).copied();
            match kept {
                Some((name, found)) => pools.kept.push(Kept { pool, spec, name, found }),
                None => pools.missing.push((pool, spec)),
            }
            pools
                .superfluous
                .extend(candidates.into_iter().filter(|(name, _)| kept.is_none_or(|(kept, _)| kept != *name)));
        }
        pools.superfluous.extend(of_pool.into_values().flatten());
        pools
    }
}

/// Whether an agent pool is as desired in all that cannot be changed of it (terraform-provider-azurerm, documentation of
/// `azurerm_kubernetes_cluster_node_pool`: what forces a new one, or is cycled).
fn fits(found: &ObservedAgentPool, desired: &EnvironmentSpec, aks: &AksSpec, name: &PoolName, pool: &PoolSpec) -> bool {
    let own = aks.agent_pools.get(name);
    let same_text = |found: Option<&str>, wanted: Option<&str>| match (found, wanted) {
        (_, None) => true,
        (found, Some(wanted)) => found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)),
    };
    found.vm_size.eq_ignore_ascii_case(pool.machine_type.as_str())
        && found.spot == pool.spot
        && both_equal(found.disk_size_gb, pool.disk_size_gb)
        && (pool.zones.is_empty() || found.zones == pool.zones)
        && same_text(found.subnet_id.as_deref(), subnet(desired, own))
        && same_text(found.os_sku.as_deref(), own.and_then(|own| own.os_sku.as_deref()))
        && both_equal(found.max_pods, own.and_then(|own| own.max_pods))
}

fn subnet<'a>(desired: &'a EnvironmentSpec, own: Option<&'a AgentPoolSpec>) -> Option<&'a str> {
    own.and_then(|own| own.subnet_id.as_deref()).or(desired.network.subnet_ids.first().map(String::as_str))
}

/// The name of a new agent pool: the pool's, or where that is taken, the beginning of the pool's with a hash of what
/// distinguishes the agent pool. The same plan always finds the same name, so that one that is asked for twice is made once.
fn agent_pool_name(name: &PoolName, pool: &PoolSpec, own: &AgentPoolSpec, taken: &BTreeSet<&str>) -> String {
    /// Hexadecimal digits of the hash; what is left of twelve characters is the pool's name.
    const HASH: usize = 6;
    if !taken.contains(name.as_str()) {
        return name.to_string();
    }
    let begin: String = name.as_str().chars().take(MAX_POOL_NAME - HASH).collect();
    let candidate = |salt: usize| {
        let zones: Vec<&str> = pool.zones.iter().map(String::as_str).collect();
        let text = format!(
            "{salt}|{name}|{}|{:?}|{}|{}|{:?}|{:?}|{:?}",
            pool.machine_type,
            pool.disk_size_gb,
            pool.spot,
            zones.join(","),
            own.subnet_id,
            own.os_sku,
            own.max_pods,
        );
        let digest = Sha256::digest(text.as_bytes());
        let hash: String = digest.iter().take(HASH / 2).map(|byte| format!("{byte:02x}")).collect();
        format!("{begin}{hash}")
    };
    let free = (0..=taken.len()).map(candidate).find(|candidate| !taken.contains(candidate.as_str()));
    // There is one salt more than there are names taken; only equal hashes of different salts lead past it.
    free.unwrap_or_else(|| candidate(taken.len() + 1))
}

fn new_cluster(desired: &EnvironmentSpec, aks: &AksSpec) -> NewCluster {
    let network = &desired.network;
    let taken = BTreeSet::new();
    NewCluster {
        location: desired.region.as_ref().map(Region::to_string).unwrap_or_default(),
        version: desired.kubernetes.version,
        dns_prefix: aks.dns_prefix.clone().unwrap_or_else(|| dns_prefix(desired.name.as_str())),
        sku_tier: aks.sku_tier,
        network_plugin: aks.network_plugin,
        network_plugin_mode: aks.network_plugin_mode,
        network_policy: aks.network_policy,
        network_dataplane: aks.network_dataplane,
        pod_cidr: network.pod_cidr.clone(),
        service_cidr: network.service_cidr.clone(),
        dns_service_ip: network.service_cidr.as_deref().and_then(dns_service_ip),
        authorized_cidrs: network.authorized_cidrs.clone(),
        private_endpoint: network.private_endpoint,
        disable_local_accounts: aks.disable_local_accounts,
        identity_ids: aks.identity_ids.clone(),
        entra: aks.entra.clone(),
        oidc_issuer: aks.oidc_issuer,
        workload_identity: aks.workload_identity,
        node_resource_group: aks.node_resource_group.clone(),
        agent_pools: desired.node_pools.iter().map(|(name, pool)| new_pool(desired, aks, name, pool, &taken)).collect(),
        tags: desired.tags_with_mark(),
    }
}

/// A prefix made of a cluster's name: letters, digits and dashes, with a letter or digit at both ends.
fn dns_prefix(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(MAX_DNS_PREFIX).collect();
    plain.trim_matches('-').to_owned()
}

/// The address of the cluster's name server: the tenth of the services', as AKS chooses it by itself. The two are set
/// together or not at all.
fn dns_service_ip(cidr: &str) -> Option<String> {
    match parse_cidr(cidr)? {
        (IpAddr::V4(first), _) => Some(std::net::Ipv4Addr::from_bits(first.to_bits().checked_add(10)?).to_string()),
        (IpAddr::V6(first), _) => Some(std::net::Ipv6Addr::from_bits(first.to_bits().checked_add(10)?).to_string()),
    }
}

fn pool_tags(desired: &EnvironmentSpec, aks: &AksSpec, name: &PoolName) -> BTreeMap<String, String> {
    let mut tags = desired.tags_with_mark();
    tags.insert(POOL_TAG.to_owned(), name.to_string());
    if aks.agent_pools.get(name).is_some_and(|own| own.subnet_id.is_some()) {
        tags.insert(OWN_SUBNET_TAG.to_owned(), "true".to_owned());
    }
    tags
}

/// Whether a tag of an agent pool was put there by us: the cluster has it too, or it is one of our own. What others put
/// there shows in no state, so that no plan could say that it would go.
fn is_ours_to_take(observed: &Observed, key: &str) -> bool {
    observed.tags.contains_key(key) || key.starts_with("multicloud-")
}

/// Tags that Azure's own services put on a cluster
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources>, "Limitations").
fn is_azures_own(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["microsoft", "azure", "windows", "hidden-"].iter().any(|prefix| key.starts_with(prefix))
}

fn tag_cluster(observed: &Observed, desired: &EnvironmentSpec) -> Option<Step> {
    let mut tags = desired.tags_with_mark();
    let theirs = observed.tags.iter().filter(|(key, _)| is_azures_own(key));
    for (key, value) in theirs {
        tags.entry(key.clone()).or_insert_with(|| value.clone());
    }
    (tags != observed.tags).then(|| {
        let differ = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| -> BTreeSet<String> {
            one.iter().filter(|(key, value)| other.get(*key) != Some(*value)).map(|(key, _)| key.clone()).collect()
        };
        let keys: BTreeSet<String> = &differ(&tags, &observed.tags) | &differ(&observed.tags, &tags);
        let words = format!("tag cluster: {}", keys.into_iter().collect::<Vec<_>>().join(", "));
        step(Subject::Cluster, Action::Update, words, AksChange::TagCluster { tags })
    })
}

/// The settings of a cluster that change, and their names: all of them go in one request, of which AKS takes one a minute.
fn cluster_settings(
    observed: &Observed,
    found: &AksObserved,
    desired: &EnvironmentSpec,
    aks: &AksSpec,
) -> Result<(ClusterSettings, Vec<&'static str>), Violation> {
    let mut settings = ClusterSettings::default();
    let mut what = Vec::new();
    if found.sku_tier.is_some_and(|tier| tier != aks.sku_tier) {
        settings.sku_tier = Some(aks.sku_tier);
        what.push("tier");
    }
    if found.network_plugin.is_some_and(|plugin| plugin != aks.network_plugin) {
        settings.network_plugin = Some(aks.network_plugin);
        what.push("network plugin");
    }
    if found.network_plugin_mode.is_none() && aks.network_plugin_mode.is_some() {
        settings.network_plugin_mode = aks.network_plugin_mode;
        settings.pod_cidr.clone_from(&desired.network.pod_cidr);
        what.push("network plugin mode");
    }
    if let Some(policy) = aks.network_policy
        && found.network_policy.unwrap_or(NetworkPolicy::None) != policy
    {
        settings.network_policy = Some(policy);
        what.push("network policy");
    }
    if let Some(dataplane) = aks.network_dataplane
        && found.network_dataplane.unwrap_or(NetworkDataplane::Azure) != dataplane
    {
        settings.network_dataplane = Some(dataplane);
        what.push("network dataplane");
    }
    let cidrs = &desired.network.authorized_cidrs;
    if observed.network.authorized_cidrs != *cidrs {
        settings.authorized_cidrs = Some(cidrs.clone());
        what.push("authorized addresses");
    }
    if found.disable_local_accounts != aks.disable_local_accounts {
        settings.disable_local_accounts = Some(aks.disable_local_accounts);
        what.push("local accounts");
    }
    let lower = |ids: &BTreeSet<String>| ids.iter().map(|id| id.to_ascii_lowercase()).collect::<BTreeSet<_>>();
    if lower(&found.identity_ids) != lower(&aks.identity_ids) {
        settings.identity_ids = Some(aks.identity_ids.clone());
        what.push("identity");
    }
    match (&found.entra, &aks.entra) {
        (Some(_), None) => {
            return Err(Violation::new(
                FieldPath::of("aks.entra"),
                "the cluster lets people in by Microsoft Entra, and AKS never takes that away",
                "set aks.entra",
            ));
        }
        (found, Some(wanted)) if found.as_ref() != Some(wanted) => {
            settings.entra = Some(wanted.clone());
            what.push("Microsoft Entra");
        }
        (Some(_), Some(_)) | (None, _) => {}
    }
    // Never turned off; newer clusters have it without being asked.
    if aks.oidc_issuer && !found.oidc_issuer {
        settings.oidc_issuer = Some(true);
        what.push("OIDC issuer");
    }
    if found.workload_identity != aks.workload_identity {
        settings.workload_identity = Some(aks.workload_identity);
        what.push("workload identity");
    }
    Ok((settings, what))
}

/// What of a kept pool changes, but that it stops being a system pool.
fn pool_settings(observed: &Observed, desired: &EnvironmentSpec, aks: &AksSpec, kept: &Kept<'_>) -> PoolSettings {
    let Kept { pool, spec, name, found } = kept;
    let changed = |differs: bool| differs.then_some(());
    let (size, count) = changed_size(found, spec.size);
    PoolSettings {
        agent_pool: (*name).to_owned(),
        mode: changed(found.mode != spec.mode && !kept.is_demoted()).map(|()| spec.mode),
        size,
        count,
        labels: changed(found.labels != spec.labels).map(|()| spec.labels.clone()),
        taints: changed(found.taints != spec.taints).map(|()| spec.taints.clone()),
        max_surge: spec.max_surge.filter(|surge| found.max_surge != Some(*surge)),
        drain_timeout: spec.drain_timeout.filter(|timeout| found.drain_timeout != Some(*timeout)),
        tags: changed_tags(observed, found, &pool_tags(desired, aks, pool)),
    }
}

/// Changes a kept pool, in one request: of these AKS takes one a minute.
fn configure_pool(kept: &Kept<'_>, settings: PoolSettings) -> Option<Step> {
    let Kept { pool, name, found, .. } = kept;
    let mut what = Vec::new();
    if let Some(mode) = settings.mode {
        what.push(match mode {
            PoolMode::System => "make it a system pool".to_owned(),
            PoolMode::User => "make it a user pool".to_owned(),
        });
    }
    match (settings.size, settings.count) {
        (Some(PoolSize::Fixed(count)), _) | (None, Some(count)) => what.push(format!("{count} nodes")),
        (Some(PoolSize::Autoscale { min, max }), _) => what.push(format!("{min} to {max} nodes")),
        (None, None) => {}
    }
    let named = [
        (settings.labels.is_some(), "labels"),
        (settings.taints.is_some(), "taints"),
        (settings.tags.is_some(), "tags"),
        (settings.drain_timeout.is_some(), "drain timeout"),
    ];
    what.extend(named.into_iter().filter(|(changes, _)| *changes).map(|(_, name)| name.to_owned()));
    if let Some(surge) = settings.max_surge {
        what.push(format!("{surge} at a time in upgrades"));
    }
    let words = match what.is_empty() {
        false => format!("change node pool {name}: {}", what.join(", ")),
        // One that failed is mended by being asked for again.
        true if found.failed => format!("repair node pool {name}"),
        true => return None,
    };
    let change = AksChange::ConfigurePool(Box::new(settings));
    Some(step(Subject::NodePool((*pool).clone()), Action::Update, words, change))
}

/// A fixed size is held to the node. Between bounds, the number of nodes is the autoscaler's: AKS wants one that lies within
/// where autoscaling begins, and refuses any other than the present one from then on.
fn changed_size(found: &ObservedAgentPool, size: PoolSize) -> (Option<PoolSize>, Option<u32>) {
    let changed = (found.size != size).then_some(size);
    let count = match size {
        PoolSize::Fixed(_) => None,
        PoolSize::Autoscale { min, max } => {
            let clamped = found.count.max(min).min(max);
            let begins = match found.size {
                PoolSize::Fixed(_) => true,
                PoolSize::Autoscale { .. } => false,
            };
            (begins && clamped != found.count).then_some(clamped)
        }
    };
    (changed, count)
}

/// All tags that an agent pool is to have, if it has not.
fn changed_tags(
    observed: &Observed,
    found: &ObservedAgentPool,
    wanted: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    let theirs = found.tags.iter().filter(|(key, _)| !is_ours_to_take(observed, key) || is_azures_own(key));
    let mut tags: BTreeMap<String, String> = theirs.map(|(key, value)| (key.clone(), value.clone())).collect();
    tags.extend(wanted.clone());
    (tags != found.tags).then_some(tags)
}

/// Versions: the control plane by one minor, then its pools, then the next minor
/// (<https://learn.microsoft.com/azure/aks/upgrade-aks-cluster>).
fn versions(
    plan: &mut Stages,
    observed: &Observed,
    desired: &EnvironmentSpec,
    pools: &Pools<'_>,
) -> Result<(), Violation> {
    let current = observed.version;
    let target = desired.kubernetes.version;
    match target.minors_ahead_of(current) {
        Some(0..) => {}
        Some(_) | None => {
            return Err(Violation::new(
                FieldPath::of("kubernetes.version"),
                format!("the cluster runs {current}, and AKS takes no cluster back to {target}"),
                format!("use at least {current}"),
            ));
        }
    }
    for kept in &pools.kept {
        check_pool_version(kept)?;
    }
    let rising = pools.kept.iter().map(|kept| PoolVersion {
        pool: (kept.pool, kept.name),
        found: kept.found.version,
        goal: Some(kept.spec.version.unwrap_or(target)),
    });
    let going = pools.superfluous.iter().map(|(name, found)| PoolVersion {
        pool: (&found.pool, name.as_str()),
        found: found.version,
        goal: None,
    });
    let versions: Vec<_> = rising.chain(going).collect();
    for upgrade in upgrade::path(current, target, &versions) {
        match upgrade {
            Upgrade::ControlPlane { from, to } => plan.stage([step(
                Subject::Cluster,
                Action::Upgrade,
                format!("upgrade control plane from {from} to {to}"),
                AksChange::UpgradeCluster { to },
            )]),
            Upgrade::Pools { pools, to } => plan.stage(pools.into_iter().map(|(pool, name)| {
                step(
                    Subject::NodePool(pool.clone()),
                    Action::Upgrade,
                    format!("upgrade node pool {name} to {to}"),
                    AksChange::UpgradePool {
                        agent_pool: name.to_owned(),
                        to,
                        patch: (to == current).then(|| observed.full_version.clone()),
                    },
                )
            })),
        }
    }
    Ok(())
}

fn check_pool_version(kept: &Kept<'_>) -> Result<(), Violation> {
    let found = kept.found.version;
    match kept.spec.version {
        Some(wanted) if wanted < found => Err(Violation::new(
            FieldPath::pool(kept.pool).then("version"),
            format!("the pool runs {found}, and AKS takes no pool back to {wanted}"),
            format!("use at least {found}"),
        )),
        Some(_) | None => Ok(()),
    }
}

fn new_pool(
    desired: &EnvironmentSpec,
    aks: &AksSpec,
    name: &PoolName,
    pool: &PoolSpec,
    taken: &BTreeSet<&str>,
) -> NewPool {
    let own = aks.agent_pools.get(name).cloned().unwrap_or_default();
    let own = AgentPoolSpec { subnet_id: subnet(desired, Some(&own)).map(str::to_owned), ..own };
    NewPool {
        agent_pool: agent_pool_name(name, pool, &own, taken),
        version: pool.version,
        mode: pool.mode,
        vm_size: pool.machine_type.to_string(),
        size: pool.size,
        disk_size_gb: pool.disk_size_gb,
        zones: pool.zones.clone(),
        spot: pool.spot,
        subnet_id: own.subnet_id,
        os_sku: own.os_sku,
        max_pods: own.max_pods,
        labels: pool.labels.clone(),
        taints: pool.taints.clone(),
        max_surge: pool.max_surge,
        drain_timeout: pool.drain_timeout,
        tags: pool_tags(desired, aks, name),
    }
}

fn create_pool(
    desired: &EnvironmentSpec,
    aks: &AksSpec,
    name: &PoolName,
    pool: &PoolSpec,
    taken: &BTreeSet<&str>,
) -> Step {
    let new = new_pool(desired, aks, name, pool, taken);
    let words = format!("create node pool {} of {}", new.agent_pool, pool.machine_type);
    step(Subject::NodePool(name.clone()), Action::Create, words, AksChange::CreatePool(Box::new(new)))
}

/// AKS deletes the nodes with all that runs on them, so that they are emptied before
/// (<https://learn.microsoft.com/azure/aks/delete-node-pool>).
fn delete_pool(name: &str, found: &ObservedAgentPool, desired: &EnvironmentSpec) -> Step {
    let wanted = desired.node_pools.get(&found.pool).and_then(|pool| pool.drain_timeout);
    let drain = NodeDrain {
        label: NODE_LABEL.to_owned(),
        value: name.to_owned(),
        timeout: wanted.or(found.drain_timeout).unwrap_or(drain::DEFAULT_TIMEOUT),
        unreachable: WhenUnreachable::Refuse,
    };
    let change = AksChange::DeletePool { agent_pool: name.to_owned() };
    let subject = Subject::NodePool(found.pool.clone());
    Step { drain: Some(drain), ..step(subject, Action::Delete, format!("delete node pool {name}"), change) }
}

#[cfg(test)]
pub(crate) mod tests;
