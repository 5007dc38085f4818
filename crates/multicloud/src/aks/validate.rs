//! What AKS refuses in a spec, told before anything is asked of AKS. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::plan::MAX_DNS_PREFIX;
use super::spec::{AksSpec, NetworkDataplane, NetworkPlugin, NetworkPolicy};
use crate::cidr::{overlap, parse_cidr};
use crate::environment::{
    ENVIRONMENT_TAG, EnvironmentSpec, FieldPath, OWNER_TAG, PoolMode, PoolName, PoolSize, PoolSpec, TaintEffect,
    Violation,
};

// Where no other source is named, limits are those of the published model (aks, 2025-10-01) or of the page on quotas:
// <https://learn.microsoft.com/azure/aks/quotas-skus-regions>.

/// `resourceName` of a cluster.
const MAX_CLUSTER_NAME: usize = 63;
/// `agentPoolName`, for Linux.
pub(crate) const MAX_POOL_NAME: usize = 12;
/// `nodeResourceGroup` (terraform-provider-azurerm #21312).
const MAX_NODE_RESOURCE_GROUP: usize = 80;
/// Agent pools of a cluster, and nodes of an agent pool.
const MAX_POOLS: usize = 100;
const MAX_NODES: u32 = 1000;
/// `osDiskSizeGB`.
const MAX_DISK_GB: u32 = 2048;
/// `maxPods` (<https://learn.microsoft.com/azure/aks/concepts-network-ip-address-planning>).
const MAX_PODS: std::ops::RangeInclusive<u32> = 10..=250;
/// `drainTimeoutInMinutes`.
const MAX_DRAIN_MINUTES: u64 = 1440;
/// <https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges>.
const MAX_AUTHORIZED_CIDRS: usize = 200;
/// Azure takes 50 tags per resource; four are ours: the mark's two, the pool, and whether it has a subnet of its own
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources>, "Limitations").
const MAX_TAGS: usize = 46;
const MAX_TAG_KEY: usize = 512;
const MAX_TAG_VALUE: usize = 256;

/// What AKS refuses of a spec.
pub(crate) fn validate(desired: &EnvironmentSpec, aks: &AksSpec) -> Vec<Violation> {
    let mut found = Violations::default();
    if desired.region.is_none() {
        found.0.push(no_region());
    }
    if desired.kubernetes.maintenance_window.is_some() {
        // AKS keeps it in an object of its own, which every refresh would have to ask for.
        let remedy = "remove it, and set it on the cluster as a maintenance configuration";
        found.add("kubernetes.maintenance_window", "maintenance windows of AKS are not supported", remedy);
    }
    name(desired.name.as_str(), &mut found);
    cluster(desired, aks, &mut found);
    network(desired, aks, &mut found);
    tags(desired, &mut found);
    for (name, pool) in &desired.node_pools {
        node_pool(name, pool, &mut found);
    }
    let is_system = |pool: &PoolSpec| pool.mode == PoolMode::System;
    if !desired.node_pools.is_empty() && !desired.node_pools.values().any(is_system) {
        found.add("node_pools", "AKS needs a system pool", "set the mode of one pool to \"system\"");
    }
    if desired.node_pools.len() > MAX_POOLS {
        let problem = format!("AKS takes {MAX_POOLS} pools, and there are {}", desired.node_pools.len());
        found.add("node_pools", problem, "use fewer");
    }
    agent_pools(desired, aks, &mut found);
    found.0
}

/// What to say where an environment has no region.
pub(crate) fn no_region() -> Violation {
    Violation::new(FieldPath::of("region"), "an AKS environment needs a region", "set it, such as \"westeurope\"")
}

#[derive(Default)]
struct Violations(Vec<Violation>);

impl Violations {
    fn add(&mut self, path: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.at(FieldPath::of(path), problem, remedy);
    }

    fn at(&mut self, path: FieldPath, problem: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Violation::new(path, problem, remedy));
    }
}

/// Letters, digits and what `others` has, with a letter or digit at both ends.
fn is_plain(text: &str, max: usize, others: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    (1..=max).contains(&text.len())
        && text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.chars().all(|c| alphanumeric(c) || others.contains(c))
}

fn name(name: &str, found: &mut Violations) {
    if !is_plain(name, MAX_CLUSTER_NAME, "-_") {
        let remedy =
            format!("use at most {MAX_CLUSTER_NAME} letters, digits, - or _, with a letter or digit at both ends");
        found.add("name", format!("AKS does not take {name:?} as a cluster's name"), remedy);
    }
}

fn cluster(desired: &EnvironmentSpec, aks: &AksSpec, found: &mut Violations) {
    let group = aks.resource_group_name.as_str();
    if group.ends_with('.') {
        found.add("aks.resource_group_name", format!("{group:?} ends with a dot"), "remove the dot");
    }
    if let Some(prefix) = &aks.dns_prefix
        && !is_plain(prefix, MAX_DNS_PREFIX, "-")
    {
        let remedy = format!("use at most {MAX_DNS_PREFIX} letters, digits or -, with a letter or digit at both ends");
        found.add("aks.dns_prefix", format!("{prefix:?} is no prefix of a DNS name"), remedy);
    }
    if let Some(nodes) = &aks.node_resource_group {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.()".contains(c);
        if nodes.is_empty()
            || nodes.len() > MAX_NODE_RESOURCE_GROUP
            || !nodes.chars().all(allowed)
            || nodes.ends_with('.')
        {
            let remedy =
                format!("use at most {MAX_NODE_RESOURCE_GROUP} letters, digits, - _ . ( or ), and no dot at the end");
            found.add("aks.node_resource_group", format!("{nodes:?} is no resource group's name"), remedy);
        } else if nodes.eq_ignore_ascii_case(group) {
            let problem = "AKS makes this resource group, so that it cannot be that of the cluster";
            found.add("aks.node_resource_group", problem, "use another name, or remove it");
        }
    }
    if aks.identity_ids.len() > 1 {
        let problem = format!("AKS takes one identity, and there are {}", aks.identity_ids.len());
        found.add("aks.identity_ids", problem, "name one");
    }
    for id in aks
        .identity_ids
        .iter()
        .filter(|id| !is_resource_id(id, "Microsoft.ManagedIdentity", &["userAssignedIdentities"]))
    {
        let remedy = "use an id such as \"/subscriptions/…/resourceGroups/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/…\"";
        found.add("aks.identity_ids", format!("{id:?} is not an identity's id"), remedy);
    }
    if aks.disable_local_accounts && aks.entra.is_none() {
        let problem = "without local accounts nobody is let in but by Microsoft Entra";
        found.add("aks.disable_local_accounts", problem, "set aks.entra too, or disable_local_accounts to false");
    }
    if aks.workload_identity && !aks.oidc_issuer {
        found.add("aks.workload_identity", "workload identities need the OIDC issuer", "set aks.oidc_issuer to true");
    }
    for group in aks.entra.iter().flat_map(|entra| &entra.admin_group_object_ids).filter(|group| !is_uuid(group)) {
        let remedy = "use the group's object id, a UUID";
        found.add("aks.entra.admin_group_object_ids", format!("{group:?} is not an object id"), remedy);
    }
    let (plugin, policy, dataplane) = (aks.network_plugin, aks.network_policy, aks.network_dataplane);
    if aks.network_plugin_mode.is_some() && plugin != NetworkPlugin::Azure {
        let problem = format!("network plugin {plugin} has no overlay");
        found.add("aks.network_plugin_mode", problem, "remove it, or set aks.network_plugin to \"azure\"");
    }
    if dataplane == Some(NetworkDataplane::Cilium) && plugin != NetworkPlugin::Azure {
        let problem = format!("network plugin {plugin} does not run on Cilium's dataplane");
        found.add("aks.network_dataplane", problem, "set aks.network_plugin to \"azure\"");
    }
    match policy {
        Some(NetworkPolicy::Cilium) if dataplane != Some(NetworkDataplane::Cilium) => {
            let remedy = "set aks.network_dataplane to \"cilium\"";
            found.add("aks.network_policy", "Cilium's policies need its dataplane", remedy);
        }
        Some(NetworkPolicy::Azure | NetworkPolicy::Calico) if dataplane == Some(NetworkDataplane::Cilium) => {
            let remedy = "set aks.network_policy to \"cilium\"";
            found.add("aks.network_policy", "Cilium's dataplane takes no policies but its own", remedy);
        }
        Some(NetworkPolicy::Azure) if plugin != NetworkPlugin::Azure => {
            let problem = format!("network plugin {plugin} does not take Azure's policies");
            found.add("aks.network_policy", problem, "set it to \"calico\", or aks.network_plugin to \"azure\"");
        }
        Some(NetworkPolicy::Calico) if plugin == NetworkPlugin::None => {
            let remedy = "remove it: whoever brings the network brings its policies";
            found.add("aks.network_policy", "without a network plugin there are no policies", remedy);
        }
        Some(NetworkPolicy::None | NetworkPolicy::Azure | NetworkPolicy::Calico | NetworkPolicy::Cilium) | None => {}
    }
    if desired.network.pod_cidr.is_some() && plugin == NetworkPlugin::Azure && aks.network_plugin_mode.is_none() {
        let problem = "pods have addresses of the subnet, unless the network plugin's mode is overlay";
        found.add("network.pod_cidr", problem, "remove it, or set aks.network_plugin_mode to \"overlay\"");
    }
}

fn network(desired: &EnvironmentSpec, aks: &AksSpec, found: &mut Violations) {
    let network = &desired.network;
    if network.subnet_ids.len() > 1 {
        let problem = format!("AKS takes one subnet for its pools, and there are {}", network.subnet_ids.len());
        found.add("network.subnet_ids", problem, "name one, and those of single pools in aks.agent_pools");
    }
    for subnet in network.subnet_ids.iter().filter(|subnet| virtual_network(subnet).is_none()) {
        found.add("network.subnet_ids", format!("{subnet:?} is not a subnet's id"), SUBNET_REMEDY);
    }
    let subnets = network.subnet_ids.iter().chain(aks.agent_pools.values().filter_map(|own| own.subnet_id.as_ref()));
    let mut networks: Vec<String> = subnets.filter_map(|subnet| virtual_network(subnet)).collect();
    networks.sort_unstable();
    networks.dedup();
    if networks.len() > 1 {
        let remedy = "use subnets of one virtual network";
        found.add("network.subnet_ids", "all pools of a cluster are in one virtual network", remedy);
    }
    let range = |path: &str, text: &Option<String>, found: &mut Violations| {
        let text = text.as_deref()?;
        let parsed = parse_cidr(text);
        if parsed.is_none() {
            let remedy = "write its first address and the prefix length, such as \"10.244.0.0/16\"";
            found.add(path, format!("{text:?} is not an address range"), remedy);
        }
        parsed
    };
    let pods = range("network.pod_cidr", &network.pod_cidr, found);
    let services = range("network.service_cidr", &network.service_cidr, found);
    // "The service address range must be smaller than /12": <https://learn.microsoft.com/azure/aks/configure-azure-cni>.
    // The name server gets the tenth address.
    if let Some((IpAddr::V4(_), prefix)) = services
        && !(13..=28).contains(&prefix)
    {
        let problem = format!("AKS takes ranges from /13 to /28, not /{prefix}");
        found.add("network.service_cidr", problem, "use such a range, such as \"10.0.0.0/16\"");
    }
    if let (Some(pods), Some(services)) = (pods, services)
        && overlap(pods, services)
    {
        found.add("network.service_cidr", "it overlaps with network.pod_cidr", "use ranges that do not overlap");
    }
    for cidr in network.authorized_cidrs.iter().filter(|cidr| parse_cidr(cidr).is_none()) {
        let remedy = "write its first address and the prefix length, such as \"203.0.113.0/24\"";
        found.add("network.authorized_cidrs", format!("{cidr:?} is not an address range"), remedy);
    }
    if network.authorized_cidrs.len() > MAX_AUTHORIZED_CIDRS {
        let problem =
            format!("AKS takes {MAX_AUTHORIZED_CIDRS} ranges, and there are {}", network.authorized_cidrs.len());
        found.add("network.authorized_cidrs", problem, "join neighbouring ranges");
    }
    if network.private_endpoint && !network.authorized_cidrs.is_empty() {
        let problem = "ranges hold for the public endpoint alone, which private_endpoint turns off";
        found.add("network.authorized_cidrs", problem, "remove them, or set private_endpoint to false");
    }
}

const SUBNET_REMEDY: &str =
    "use an id such as \"/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/…\"";

/// Keys and values as all of Azure takes them.
fn tags(desired: &EnvironmentSpec, found: &mut Violations) {
    if desired.tags.len() > MAX_TAGS {
        let problem =
            format!("Azure takes 50 tags, of which four are multicloud's, and there are {}", desired.tags.len());
        found.add("tags", problem, format!("use at most {MAX_TAGS}"));
    }
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (key, value) in &desired.tags {
        let path = FieldPath::of("tags").key(key);
        let lower = key.to_ascii_lowercase();
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY || key.contains(['<', '>', '%', '&', '\\', '?', '/']) {
            let remedy = format!("use 1 to {MAX_TAG_KEY} characters, and none of < > % & \\ ? /");
            found.at(path.clone(), "Azure does not take this key", remedy);
        } else if ["microsoft", "azure", "windows"].iter().any(|prefix| lower.starts_with(prefix)) {
            let problem = "keys that begin with microsoft, azure or windows are Azure's own";
            found.at(path.clone(), problem, "use another key");
        } else if key.starts_with("multicloud-") && ![OWNER_TAG, ENVIRONMENT_TAG].contains(&key.as_str()) {
            // The mark's own two are refused on every cloud.
            found.at(path.clone(), "keys that begin with multicloud- are multicloud's own", "use another key");
        }
        if let Some(twin) = seen.insert(lower, key) {
            let problem = format!("Azure tells no case apart, and there is a key {twin:?}");
            found.at(path.clone(), problem, "keep one of them");
        }
        if value.chars().count() > MAX_TAG_VALUE {
            let remedy = format!("use at most {MAX_TAG_VALUE} characters");
            found.at(path, "Azure does not take this value", remedy);
        }
    }
}

fn node_pool(name: &PoolName, pool: &PoolSpec, found: &mut Violations) {
    let at = |field: &str| FieldPath::pool(name).then(field);
    let is_name = name.as_str().len() <= MAX_POOL_NAME
        && name.as_str().starts_with(|c: char| c.is_ascii_lowercase())
        && name.as_str().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !is_name {
        let problem = format!("AKS does not take {:?} as a pool's name", name.as_str());
        let remedy = format!("use at most {MAX_POOL_NAME} lower-case letters or digits, beginning with a letter");
        found.at(FieldPath::pool(name), problem, remedy);
    }
    let fewest = if pool.mode == PoolMode::System { 1 } else { 0 };
    let (min, max) = pool.size.bounds();
    match pool.size {
        PoolSize::Fixed(count) => {
            if !(fewest..=MAX_NODES).contains(&count) {
                let problem = format!("AKS takes {fewest} to {MAX_NODES} nodes, not {count}");
                found.at(at("count"), problem, format!("use {fewest} to {MAX_NODES}"));
            }
        }
        PoolSize::Autoscale { .. } => {
            if min < fewest {
                found.at(at("autoscale.min"), "a system pool needs a node", "set it to at least 1");
            }
            if !(1..=MAX_NODES).contains(&max) {
                let problem = format!("AKS takes a maximum of 1 to {MAX_NODES} nodes, not {max}");
                found.at(at("autoscale.max"), problem, format!("use 1 to {MAX_NODES}"));
            }
        }
    }
    if pool.spot && pool.mode == PoolMode::System {
        found.at(at("spot"), "a system pool cannot be taken away", "set it to false, or the mode to \"user\"");
    }
    if let Some(size) = pool.disk_size_gb
        && !(1..=MAX_DISK_GB).contains(&size)
    {
        let problem = format!("AKS takes disks of 1 to {MAX_DISK_GB} GB, not {size}");
        found.at(at("disk_size_gb"), problem, format!("use 1 to {MAX_DISK_GB}, or remove it"));
    }
    let is_zone = |zone: &&String| zone.len() == 1 && zone.bytes().all(|byte| byte.is_ascii_digit());
    for zone in pool.zones.iter().filter(|zone| !is_zone(zone)) {
        found.at(at("zones"), format!("{zone:?} is not a zone of Azure"), "use numbers, such as \"1\"");
    }
    if let Some(timeout) = pool.drain_timeout {
        let (minutes, rest) = (timeout.as_secs() / 60, timeout.as_nanos() % 60_000_000_000);
        if rest != 0 || !(1..=MAX_DRAIN_MINUTES).contains(&minutes) {
            let problem = format!("AKS takes whole minutes, from 1 to {MAX_DRAIN_MINUTES}");
            found.at(at("drain_timeout"), problem, "use such a time, such as \"30m\"");
        }
    }
    for key in pool.labels.keys() {
        if let Some(problem) = reserved_key(key) {
            found.at(at("labels").key(key), problem, "use a prefix of your own");
        }
    }
    for taint in &pool.taints {
        // Azure/AKS #2578.
        let is_soft = taint.effect == TaintEffect::PreferNoSchedule || taint.key == "CriticalAddonsOnly";
        if pool.mode == PoolMode::System && !is_soft {
            let problem = format!("a system pool cannot keep pods away by {:?}", taint.key);
            let remedy = "use effect PreferNoSchedule, or CriticalAddonsOnly=true:NoSchedule, or a user pool";
            found.at(at("taints"), problem, remedy);
        }
        if let Some(problem) = reserved_key(&taint.key) {
            found.at(at("taints"), format!("{problem} ({:?})", taint.key), "use a prefix of your own");
        }
    }
}

/// Keys of labels and taints that AKS keeps to itself
/// (<https://learn.microsoft.com/azure/aks/use-labels>, "Reserved prefixes"), and those that a node cannot give itself
/// (<https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction>).
fn reserved_key(key: &str) -> Option<String> {
    let (prefix, _) = key.split_once('/')?;
    let within = |domain: &str| prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if within(super::convert::RESERVED_PREFIX) {
        return Some("keys of kubernetes.azure.com are AKS's own".to_owned());
    }
    let of_kubernetes = within("kubernetes.io") || within("k8s.io");
    let allowed = within("node.kubernetes.io") || within("kubelet.kubernetes.io");
    (of_kubernetes && !allowed).then(|| format!("keys of {prefix} are those of Kubernetes itself"))
}

fn agent_pools(desired: &EnvironmentSpec, aks: &AksSpec, found: &mut Violations) {
    for (name, own) in &aks.agent_pools {
        let path = FieldPath::of("aks.agent_pools").key(name.as_str());
        if !desired.node_pools.contains_key(name) {
            found.at(path.clone(), "there is no node pool of this name", "use a key of node_pools");
        }
        if let Some(subnet) = own.subnet_id.as_deref().filter(|subnet| virtual_network(subnet).is_none()) {
            found.at(path.clone().then("subnet_id"), format!("{subnet:?} is not a subnet's id"), SUBNET_REMEDY);
        }
        if let Some(pods) = own.max_pods.filter(|pods| !MAX_PODS.contains(pods)) {
            let problem = format!("AKS takes {} to {} pods on a node, not {pods}", MAX_PODS.start(), MAX_PODS.end());
            found.at(path.clone().then("max_pods"), problem, "use such a number, or remove it");
        }
        let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
        if let Some(sku) = own.os_sku.as_deref().filter(|sku| !is_word(sku) || sku.starts_with("Windows")) {
            let remedy = "use one such as \"AzureLinux\" or \"Ubuntu\"";
            found.at(path.then("os_sku"), format!("{sku:?} is not a Linux system of AKS"), remedy);
        }
    }
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok() && text.len() == 36
}

/// Whether a text is the id of a resource of a provider, with these types, in a resource group. Azure tells no case apart.
fn is_resource_id(id: &str, provider: &str, types: &[&str]) -> bool {
    resource_names(id, provider, types).is_some()
}

/// The names of a resource and of what it lies in: an id is pairs of a word and a name.
fn resource_names<'a>(id: &'a str, provider: &str, types: &[&str]) -> Option<Vec<&'a str>> {
    let parts: Vec<&str> = id.strip_prefix('/')?.split('/').collect();
    let words: Vec<&str> = ["subscriptions", "resourceGroups", "providers"].iter().chain(types).copied().collect();
    let names: Vec<&str> = parts.iter().skip(1).step_by(2).copied().collect();
    let fits = parts.len() == 2 * words.len()
        && parts.iter().step_by(2).zip(&words).all(|(part, word)| part.eq_ignore_ascii_case(word))
        && names.iter().all(|name| !name.is_empty())
        && names[2].eq_ignore_ascii_case(provider);
    fits.then_some(names)
}

/// The virtual network of a subnet, in lower case.
fn virtual_network(subnet: &str) -> Option<String> {
    let names = resource_names(subnet, "Microsoft.Network", &["virtualNetworks", "subnets"])?;
    Some([names[0], names[1], names[3]].join("/").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::plan::tests::example;
    use super::*;
    use crate::aks::{AgentPoolSpec, EntraSpec, NetworkPluginMode};
    use crate::environment::Taint;

    const SUBNET: &str =
        "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes";

    fn check(edit: impl FnOnce(&mut EnvironmentSpec, &mut AksSpec), expected: Expect) {
        let (mut spec, mut aks) = example();
        edit(&mut spec, &mut aks);
        let found: Vec<String> = validate(&spec, &aks).iter().map(ToString::to_string).collect();
        expected.assert_eq(&found.join("\n"));
    }

    fn pool(spec: &mut EnvironmentSpec, edit: impl FnOnce(&mut PoolSpec)) {
        edit(spec.node_pools.values_mut().next().unwrap());
    }

    #[test]
    fn a_good_spec_has_none() {
        check(|_, _| {}, expect![""]);
        check(
            |spec, aks| {
                spec.network.subnet_ids = [SUBNET.to_owned()].into();
                spec.network.pod_cidr = Some("10.244.0.0/16".to_owned());
                spec.network.service_cidr = Some("10.0.0.0/16".to_owned());
                spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
                spec.tags = [("team".to_owned(), "platform".to_owned())].into();
                aks.network_plugin_mode = Some(NetworkPluginMode::Overlay);
                aks.entra = Some(EntraSpec {
                    admin_group_object_ids: ["00000000-0000-0000-0000-00000000000a".to_owned()].into(),
                    azure_rbac: true,
                });
                aks.disable_local_accounts = true;
                let own = AgentPoolSpec {
                    subnet_id: Some(SUBNET.replace("nodes", "apps")),
                    os_sku: Some("AzureLinux".to_owned()),
                    max_pods: Some(30),
                };
                aks.agent_pools.insert("system".parse().unwrap(), own);
            },
            expect![""],
        );
    }

    #[test]
    fn names_fit_those_of_azure() {
        check(
            |spec, aks| {
                spec.name = "prod-".parse().unwrap();
                spec.region = None;
                aks.resource_group_name = "group.".parse().unwrap();
                aks.dns_prefix = Some("-a".to_owned());
                aks.node_resource_group = Some("group.".to_owned());
                let pool = spec.node_pools.values().next().unwrap().clone();
                for name in ["Apps", "thirteenchars", "a-b", "1a"] {
                    spec.node_pools.insert(name.parse().unwrap(), pool.clone());
                }
            },
            expect![[r#"
                region: an AKS environment needs a region; set it, such as "westeurope"
                name: AKS does not take "prod-" as a cluster's name; use at most 63 letters, digits, - or _, with a letter or digit at both ends
                aks.resource_group_name: "group." ends with a dot; remove the dot
                aks.dns_prefix: "-a" is no prefix of a DNS name; use at most 54 letters, digits or -, with a letter or digit at both ends
                aks.node_resource_group: "group." is no resource group's name; use at most 80 letters, digits, - _ . ( or ), and no dot at the end
                node_pools["1a"]: AKS does not take "1a" as a pool's name; use at most 12 lower-case letters or digits, beginning with a letter
                node_pools["Apps"]: AKS does not take "Apps" as a pool's name; use at most 12 lower-case letters or digits, beginning with a letter
                node_pools["a-b"]: AKS does not take "a-b" as a pool's name; use at most 12 lower-case letters or digits, beginning with a letter
                node_pools["thirteenchars"]: AKS does not take "thirteenchars" as a pool's name; use at most 12 lower-case letters or digits, beginning with a letter"#]],
        );
    }

    #[test]
    fn pools_fit_those_of_aks() {
        check(
            |spec, _| {
                pool(spec, |pool| {
                    pool.size = PoolSize::Fixed(0);
                    pool.spot = true;
                    pool.disk_size_gb = Some(4096);
                    pool.zones = ["us-east-1a".to_owned()].into();
                    pool.drain_timeout = Some(std::time::Duration::from_secs(90));
                    pool.labels = [("kubernetes.azure.com/mode".to_owned(), "x".to_owned())].into();
                    pool.taints = [Taint {
                        key: "node-role.kubernetes.io/control-plane".to_owned(),
                        effect: TaintEffect::NoSchedule,
                        value: String::new(),
                    }]
                    .into();
                });
            },
            expect![[r#"
                node_pools["system"].count: AKS takes 1 to 1000 nodes, not 0; use 1 to 1000
                node_pools["system"].spot: a system pool cannot be taken away; set it to false, or the mode to "user"
                node_pools["system"].disk_size_gb: AKS takes disks of 1 to 2048 GB, not 4096; use 1 to 2048, or remove it
                node_pools["system"].zones: "us-east-1a" is not a zone of Azure; use numbers, such as "1"
                node_pools["system"].drain_timeout: AKS takes whole minutes, from 1 to 1440; use such a time, such as "30m"
                node_pools["system"].labels["kubernetes.azure.com/mode"]: keys of kubernetes.azure.com are AKS's own; use a prefix of your own
                node_pools["system"].taints: a system pool cannot keep pods away by "node-role.kubernetes.io/control-plane"; use effect PreferNoSchedule, or CriticalAddonsOnly=true:NoSchedule, or a user pool
                node_pools["system"].taints: keys of node-role.kubernetes.io are those of Kubernetes itself ("node-role.kubernetes.io/control-plane"); use a prefix of your own"#]],
        );
        check(
            |spec, _| pool(spec, |pool| pool.size = PoolSize::Autoscale { min: 0, max: 1001 }),
            expect![[r#"
                node_pools["system"].autoscale.min: a system pool needs a node; set it to at least 1
                node_pools["system"].autoscale.max: AKS takes a maximum of 1 to 1000 nodes, not 1001; use 1 to 1000"#]],
        );
        check(
            |spec, _| pool(spec, |pool| pool.mode = PoolMode::User),
            expect![[r#"node_pools: AKS needs a system pool; set the mode of one pool to "system""#]],
        );
    }

    #[test]
    fn networks_fit_those_of_azure() {
        check(
            |spec, aks| {
                spec.network.subnet_ids = ["subnet-1".to_owned(), SUBNET.to_owned()].into();
                spec.network.pod_cidr = Some("10.0.0.0/8".to_owned());
                spec.network.service_cidr = Some("10.0.0.0/12".to_owned());
                spec.network.authorized_cidrs = ["203.0.113.1/24".to_owned()].into();
                spec.network.private_endpoint = true;
                let own = AgentPoolSpec { subnet_id: Some(SUBNET.replace("/v/", "/w/")), ..AgentPoolSpec::default() };
                aks.agent_pools.insert("system".parse().unwrap(), own);
            },
            expect![[r#"
                network.pod_cidr: pods have addresses of the subnet, unless the network plugin's mode is overlay; remove it, or set aks.network_plugin_mode to "overlay"
                network.subnet_ids: AKS takes one subnet for its pools, and there are 2; name one, and those of single pools in aks.agent_pools
                network.subnet_ids: "subnet-1" is not a subnet's id; use an id such as "/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/…"
                network.subnet_ids: all pools of a cluster are in one virtual network; use subnets of one virtual network
                network.service_cidr: AKS takes ranges from /13 to /28, not /12; use such a range, such as "10.0.0.0/16"
                network.service_cidr: it overlaps with network.pod_cidr; use ranges that do not overlap
                network.authorized_cidrs: "203.0.113.1/24" is not an address range; write its first address and the prefix length, such as "203.0.113.0/24"
                network.authorized_cidrs: ranges hold for the public endpoint alone, which private_endpoint turns off; remove them, or set private_endpoint to false"#]],
        );
    }

    #[test]
    fn settings_of_the_cluster_fit_each_other() {
        check(
            |_, aks| {
                aks.identity_ids = ["me".to_owned(), "you".to_owned()].into();
                aks.disable_local_accounts = true;
                aks.workload_identity = true;
                aks.network_plugin = NetworkPlugin::Kubenet;
                aks.network_plugin_mode = Some(NetworkPluginMode::Overlay);
                aks.network_policy = Some(NetworkPolicy::Cilium);
                let own = AgentPoolSpec {
                    subnet_id: Some("s".to_owned()),
                    os_sku: Some("Windows2022".to_owned()),
                    max_pods: Some(5),
                };
                aks.agent_pools.insert("other".parse().unwrap(), own);
            },
            expect![[r#"
                aks.identity_ids: AKS takes one identity, and there are 2; name one
                aks.identity_ids: "me" is not an identity's id; use an id such as "/subscriptions/…/resourceGroups/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/…"
                aks.identity_ids: "you" is not an identity's id; use an id such as "/subscriptions/…/resourceGroups/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/…"
                aks.disable_local_accounts: without local accounts nobody is let in but by Microsoft Entra; set aks.entra too, or disable_local_accounts to false
                aks.workload_identity: workload identities need the OIDC issuer; set aks.oidc_issuer to true
                aks.network_plugin_mode: network plugin kubenet has no overlay; remove it, or set aks.network_plugin to "azure"
                aks.network_policy: Cilium's policies need its dataplane; set aks.network_dataplane to "cilium"
                aks.agent_pools["other"]: there is no node pool of this name; use a key of node_pools
                aks.agent_pools["other"].subnet_id: "s" is not a subnet's id; use an id such as "/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/…"
                aks.agent_pools["other"].max_pods: AKS takes 10 to 250 pods on a node, not 5; use such a number, or remove it
                aks.agent_pools["other"].os_sku: "Windows2022" is not a Linux system of AKS; use one such as "AzureLinux" or "Ubuntu""#]],
        );
    }

    #[test]
    fn tags_fit_those_of_azure() {
        check(
            |spec, _| {
                let tags = [("a/b", ""), ("azure-x", ""), ("multicloud-pool", ""), ("team", ""), ("Team", "")];
                spec.tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
                spec.tags.insert("long".to_owned(), "x".repeat(257));
            },
            expect![[r#"
                tags["a/b"]: Azure does not take this key; use 1 to 512 characters, and none of < > % & \ ? /
                tags["azure-x"]: keys that begin with microsoft, azure or windows are Azure's own; use another key
                tags["long"]: Azure does not take this value; use at most 256 characters
                tags["multicloud-pool"]: keys that begin with multicloud- are multicloud's own; use another key
                tags["team"]: Azure tells no case apart, and there is a key "Team"; keep one of them"#]],
        );
    }

    #[test]
    fn ids_of_resources_are_told_by_their_form() {
        assert_eq!(virtual_network(SUBNET).as_deref(), Some("s/net/v"));
        assert_eq!(virtual_network(&SUBNET.to_uppercase()).as_deref(), Some("s/net/v"));
        assert_eq!(virtual_network(&format!("{SUBNET}/more")), None);
        assert_eq!(virtual_network(&SUBNET.replace("Microsoft.Network", "Microsoft.Web")), None);
        assert_eq!(virtual_network(SUBNET.strip_prefix('/').unwrap()), None);
    }
}
