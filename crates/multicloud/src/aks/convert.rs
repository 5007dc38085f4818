//! Between AKS's words and ours. Pure: nothing here asks anybody.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::change::{ClusterSettings, NewCluster, NewPool, PoolSettings};
use super::failure::{Failure, error_text};
use super::spec::{AksObserved, EntraSpec, NetworkPlugin, ObservedAgentPool};
use super::wire;
use crate::environment::{
    CloudObserved, ENVIRONMENT_TAG, EnvironmentId, KubernetesVersion, NetworkSpec, OWNER_TAG, Observed, ObservedPool,
    PoolMode, PoolName, PoolSize, Region, Status, Taint, TaintEffect,
};
use crate::error::{ErrorKind, ServerText};

/// Key of the tag of an agent pool that holds the pool it belongs to. One that replaces another has a name of its own,
/// because names are unique in a cluster.
pub(crate) const POOL_TAG: &str = "multicloud-pool";

/// Key of the tag of an agent pool whose subnet was said for it alone: it is not that of the environment.
pub(crate) const OWN_SUBNET_TAG: &str = "multicloud-own-subnet";

/// The prefix of labels and taints that AKS keeps to itself
/// (<https://learn.microsoft.com/azure/aks/use-labels#reserved-prefixes>).
pub(crate) const RESERVED_PREFIX: &str = "kubernetes.azure.com";

/// The label, and with an effect the taint, that AKS gives to spot nodes by itself
/// (<https://learn.microsoft.com/azure/aks/spot-node-pool>).
const SPOT_KEY: &str = "kubernetes.azure.com/scalesetpriority";
const SPOT_TAINT: &str = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule";

/// The environment, from its cluster, which holds its agent pools.
pub(crate) fn observed(id: &EnvironmentId, cluster: wire::Cluster) -> Result<Observed, Failure> {
    let properties = cluster.properties.ok_or_else(|| Failure::incomplete("properties"))?;
    let resource_id = cluster.id.ok_or_else(|| Failure::incomplete("id"))?;
    // Another cluster of the same name has the same id, and another UID. One from before there were any has its id alone.
    let uid = properties.resource_uid.clone().filter(|uid| !uid.is_empty());
    let uid = uid.unwrap_or_else(|| resource_id.to_ascii_lowercase());
    let tags = cluster.tags.unwrap_or_default();
    let wanted_version = properties.kubernetes_version.as_deref();
    let full_version = properties.current_kubernetes_version.as_deref().or(wanted_version);
    let full_version = full_version.ok_or_else(|| Failure::incomplete("version"))?.to_owned();
    let cluster_status = status(properties.provisioning_state.as_deref(), properties.power_state.as_ref());
    let profiles = properties.agent_pool_profiles.unwrap_or_default();
    let failed = has_failed(properties.provisioning_state.as_deref());
    let agent_pools = profiles
        .into_iter()
        .map(|profile| agent_pool(profile, &full_version))
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    let reason = reason(properties.status, properties.power_state.as_ref());
    let (status, status_reason) = environment_status(cluster_status, reason, &agent_pools);
    let network = properties.network_profile.unwrap_or_default();
    let access = properties.api_server_access_profile.unwrap_or_default();
    let private = access.enable_private_cluster.unwrap_or(false);
    let fqdn = if private { properties.private_fqdn.or(properties.fqdn) } else { properties.fqdn };
    let issuer = properties.oidc_issuer_profile.unwrap_or_default();
    Ok(Observed {
        region: cluster.location.as_deref().and_then(region),
        id: id.clone(),
        uid,
        status,
        status_reason,
        version: version(&full_version)?,
        full_version,
        endpoint: fqdn.filter(|fqdn| !fqdn.is_empty()).map(|fqdn| format!("https://{fqdn}:443")),
        // Told with credentials alone: reading those needs a permission that whoever only plans does not have.
        certificate_authority_data: None,
        oidc_issuer_url: issuer.issuer_url.filter(|url| !url.is_empty()),
        node_pools: pools(&tags, &agent_pools),
        network: NetworkSpec {
            subnet_ids: agent_pools
                .values()
                .filter(|pool| is_same_owner(&tags, &pool.tags) && !pool.tags.contains_key(OWN_SUBNET_TAG))
                .filter_map(|pool| pool.subnet_id.clone())
                .collect(),
            pod_cidr: network.pod_cidr,
            service_cidr: network.service_cidr,
            authorized_cidrs: access.authorized_ip_ranges.unwrap_or_default().into_iter().map(range).collect(),
            private_endpoint: private,
        },
        deletion_protection: None,
        cloud: CloudObserved::Aks(AksObserved {
            resource_id,
            cluster_status,
            failed,
            dns_prefix: properties.dns_prefix,
            sku_tier: word(cluster.sku.and_then(|sku| sku.tier)),
            network_plugin: word(network.network_plugin),
            network_plugin_mode: word(network.network_plugin_mode),
            network_policy: word(network.network_policy),
            network_dataplane: word(network.network_dataplane),
            disable_local_accounts: properties.disable_local_accounts.unwrap_or(false),
            identity_ids: cluster
                .identity
                .and_then(|identity| identity.user_assigned_identities)
                .map(|identities| identities.into_keys().collect())
                .unwrap_or_default(),
            entra: properties.aad_profile.map(|profile| EntraSpec {
                admin_group_object_ids: profile.admin_group_object_ids.unwrap_or_default().into_iter().collect(),
                azure_rbac: profile.enable_azure_rbac.unwrap_or(false),
            }),
            oidc_issuer: issuer.enabled.unwrap_or(false),
            workload_identity: properties
                .security_profile
                .and_then(|profile| profile.workload_identity)
                .and_then(|identity| identity.enabled)
                .unwrap_or(false),
            node_resource_group: properties.node_resource_group,
            wanted_version: wanted_version.and_then(|text| version(text).ok()),
            agent_pools,
        }),
        tags,
    })
}

/// An agent pool, with its name in AKS. One that is being made may tell no version yet: it gets that of the control plane.
fn agent_pool(pool: wire::PoolProperties, control_plane: &str) -> Result<(String, ObservedAgentPool), Failure> {
    let name = pool.name.ok_or_else(|| Failure::incomplete("name of an agent pool"))?;
    let tags = pool.tags.unwrap_or_default();
    let belongs = tags.get(POOL_TAG).unwrap_or(&name).parse::<PoolName>();
    let wanted = pool.orchestrator_version.as_deref();
    let full_version = pool.current_orchestrator_version.as_deref().or(wanted).unwrap_or(control_plane).to_owned();
    let count = pool.count.unwrap_or(0);
    let spot = pool.scale_set_priority.as_deref() == Some("Spot");
    let upgrade = pool.upgrade_settings.unwrap_or_default();
    let taints = pool.node_taints.unwrap_or_default();
    let minutes = |minutes: u32| Duration::from_secs(u64::from(minutes) * 60);
    let observed = ObservedAgentPool {
        pool: belongs.map_err(|error| Failure::new(ErrorKind::Protocol, error))?,
        status: status(pool.provisioning_state.as_deref(), pool.power_state.as_ref()),
        status_reason: reason(pool.status, pool.power_state.as_ref()),
        failed: has_failed(pool.provisioning_state.as_deref()),
        version: version(&full_version)?,
        full_version,
        wanted_version: wanted.and_then(|text| version(text).ok()),
        mode: if pool.mode.as_deref() == Some("System") { PoolMode::System } else { PoolMode::User },
        size: match (pool.enable_auto_scaling, pool.min_count, pool.max_count) {
            (Some(true), Some(min), Some(max)) => PoolSize::Autoscale { min, max },
            (_, _, _) => PoolSize::Fixed(count),
        },
        count,
        vm_size: pool.vm_size.unwrap_or_default(),
        spot,
        disk_size_gb: pool.os_disk_size_gb.filter(|size| *size > 0),
        zones: pool.availability_zones.unwrap_or_default().into_iter().collect(),
        subnet_id: pool.vnet_subnet_id.filter(|id| !id.is_empty()),
        os_sku: pool.os_sku,
        max_pods: pool.max_pods,
        labels: pool.node_labels.unwrap_or_default().into_iter().filter(|(key, _)| key != SPOT_KEY).collect(),
        taints: taints.iter().filter(|taint| *taint != SPOT_TAINT).filter_map(|text| taint(text)).collect(),
        max_surge: upgrade.max_surge.and_then(|text| text.parse().ok()),
        drain_timeout: upgrade.drain_timeout_in_minutes.map(minutes),
        tags,
    };
    Ok((name, observed))
}

/// The pools, each as the agent pool that serves it: of two, the one that replaces the other.
fn pools(
    cluster_tags: &BTreeMap<String, String>,
    agent_pools: &BTreeMap<String, ObservedAgentPool>,
) -> BTreeMap<PoolName, ObservedPool> {
    let mut shown: BTreeMap<&PoolName, (&str, &ObservedAgentPool)> = BTreeMap::new();
    for (name, agent_pool) in agent_pools.iter().filter(|(_, pool)| is_same_owner(cluster_tags, &pool.tags)) {
        let served = shown.entry(&agent_pool.pool).or_insert((name, agent_pool));
        // The first of a pool has its name; what has another came later. One that is going says nothing of what is there.
        let rank = |name: &str, pool: &ObservedAgentPool| (pool.status != Status::Deleting, name != pool.pool.as_str());
        if rank(name, agent_pool) > rank(served.0, served.1) {
            *served = (name, agent_pool);
        }
    }
    shown.into_iter().map(|(name, (_, agent_pool))| (name.clone(), pool(agent_pool))).collect()
}

fn pool(found: &ObservedAgentPool) -> ObservedPool {
    let (min, max) = found.size.bounds();
    ObservedPool {
        status: found.status,
        status_reason: found.status_reason.clone(),
        version: found.version,
        full_version: found.full_version.clone(),
        machine_type: found.vm_size.clone(),
        min,
        max,
        count: found.count,
        mode: Some(found.mode),
        labels: found.labels.clone(),
        taints: found.taints.clone(),
        zones: found.zones.clone(),
        spot: found.spot,
        disk_size_gb: found.disk_size_gb,
        max_surge: found.max_surge,
        tags: found.tags.clone(),
    }
}

/// Whether an agent pool belongs to whoever owns the cluster. Of an unmarked cluster, which is imported, all do.
pub(crate) fn is_same_owner(cluster_tags: &BTreeMap<String, String>, tags: &BTreeMap<String, String>) -> bool {
    let is_marked = cluster_tags.contains_key(OWNER_TAG) && cluster_tags.contains_key(ENVIRONMENT_TAG);
    !is_marked || [OWNER_TAG, ENVIRONMENT_TAG].iter().all(|key| cluster_tags.get(*key) == tags.get(*key))
}

/// Whether an object's last operation failed. It is still there, and AKS mends it when it is asked for again.
fn has_failed(state: Option<&str>) -> bool {
    state.is_some_and(|state| ["failed", "canceled"].contains(&state.to_ascii_lowercase().as_str()))
}

/// How an object is by its `provisioningState`. One that is stopped is as it should be but for that it does not work.
pub(crate) fn status(state: Option<&str>, power: Option<&wire::PowerState>) -> Status {
    match state.map(str::to_ascii_lowercase).as_deref() {
        Some("succeeded") if is_stopped(power) => Status::Degraded,
        Some("succeeded") => Status::Active,
        Some("failed" | "canceled") => Status::Degraded,
        Some("creating") => Status::Creating,
        Some("deleting") => Status::Deleting,
        // Updating, Upgrading, Scaling, Starting, Stopping and what comes with later APIs; waiting does no harm.
        Some(_) | None => Status::Updating,
    }
}

fn is_stopped(power: Option<&wire::PowerState>) -> bool {
    power.and_then(|power| power.code.as_deref()) == Some("Stopped")
}

/// Why an object is as it is, where AKS says.
pub(crate) fn reason(status: Option<wire::ProvisioningStatus>, power: Option<&wire::PowerState>) -> Option<ServerText> {
    let error = status.and_then(|status| status.provisioning_error);
    let said = error.map(|error| error_text(&error)).filter(|text| !text.as_str().is_empty());
    said.or_else(|| is_stopped(power).then(|| ServerText::new("it is stopped")))
}

fn environment_status(
    cluster: Status,
    reason: Option<ServerText>,
    agent_pools: &BTreeMap<String, ObservedAgentPool>,
) -> (Status, Option<ServerText>) {
    if cluster != Status::Active {
        return (cluster, reason);
    }
    if agent_pools.values().any(|pool| pool.status.is_changing()) {
        return (Status::Updating, None);
    }
    match agent_pools.values().find(|pool| matches!(pool.status, Status::Degraded | Status::Failed)) {
        Some(pool) => (Status::Degraded, pool.status_reason.clone()),
        None => (Status::Active, None),
    }
}

/// A location as its plain name: `West Europe` is `westeurope`.
pub(crate) fn region(location: &str) -> Option<Region> {
    let plain: String = location.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    plain.parse().ok()
}

fn word<T: std::str::FromStr>(text: Option<String>) -> Option<T> {
    text?.parse().ok()
}

/// The minor of a version that may have a patch.
fn version(full: &str) -> Result<KubernetesVersion, Failure> {
    let minor: Vec<&str> = full.trim_start_matches('v').splitn(3, '.').take(2).collect();
    minor.join(".").parse().map_err(|error| Failure::new(ErrorKind::Protocol, error))
}

/// A range of addresses; AKS takes and gives single addresses too.
fn range(text: String) -> String {
    match text.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => format!("{address}/32"),
        Ok(std::net::IpAddr::V6(address)) => format!("{address}/128"),
        Err(_) => text,
    }
}

/// `key=value:effect`, or without a value `key:effect`.
fn taint(text: &str) -> Option<Taint> {
    let (pair, effect) = text.rsplit_once(':')?;
    let effect: TaintEffect = effect.parse().ok()?;
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    Some(Taint { key: key.to_owned(), effect, value: value.to_owned() })
}

fn taint_text(taint: &Taint) -> String {
    format!("{}={}:{}", taint.key, taint.value, taint.effect.as_str())
}

/// The minors that a region has, oldest first.
pub(crate) fn offered_versions(answer: wire::KubernetesVersions) -> Vec<String> {
    let texts = answer.values.unwrap_or_default().into_iter().filter_map(|minor| minor.version);
    let mut minors: Vec<KubernetesVersion> = texts.filter_map(|text| version(&text).ok()).collect();
    minors.sort_unstable();
    minors.iter().map(ToString::to_string).collect()
}

/// The zones of each machine type that may be had in a region.
pub(crate) fn offered_machines(skus: &[wire::ComputeSku], region: &Region) -> HashMap<String, Vec<String>> {
    let is_machine = |sku: &&wire::ComputeSku| sku.resource_type.as_deref() == Some("virtualMachines");
    let mut machines = HashMap::new();
    for sku in skus.iter().filter(is_machine) {
        let restrictions = || sku.restrictions.iter().flatten();
        let refused = restrictions().any(|restriction| restriction.kind.as_deref() == Some("Location"));
        let Some(name) = sku.name.as_ref().filter(|_| !refused) else { continue };
        let restricted: BTreeSet<&String> = restrictions()
            .filter_map(|restriction| restriction.restriction_info.as_ref()?.zones.as_ref())
            .flatten()
            .collect();
        let here = |info: &&wire::SkuLocation| {
            info.location.as_deref().and_then(self::region).is_some_and(|location| location == *region)
        };
        let infos = sku.location_info.iter().flatten().filter(here);
        let zones = infos.filter_map(|info| info.zones.as_ref()).flatten().filter(|zone| !restricted.contains(zone));
        let mut zones: Vec<String> = zones.cloned().collect();
        zones.sort_unstable();
        machines.insert(name.to_ascii_lowercase(), zones);
    }
    machines
}

/// The body of a new cluster.
pub(crate) fn new_cluster(new: &NewCluster) -> Value {
    let list = |texts: &BTreeSet<String>| (!texts.is_empty()).then(|| texts.iter().cloned().collect::<Vec<_>>());
    let private = new.private_endpoint.then_some(true);
    let ranges = list(&new.authorized_cidrs);
    let cluster = wire::Cluster {
        id: None,
        location: Some(new.location.clone()),
        tags: Some(new.tags.clone()),
        sku: Some(wire::Sku { name: Some("Base".to_owned()), tier: Some(new.sku_tier.to_string()) }),
        identity: serde_json::from_value(identity(&new.identity_ids)).ok(),
        properties: Some(wire::ClusterProperties {
            kubernetes_version: Some(new.version.to_string()),
            dns_prefix: Some(new.dns_prefix.clone()),
            node_resource_group: new.node_resource_group.clone(),
            disable_local_accounts: new.disable_local_accounts.then_some(true),
            agent_pool_profiles: Some(
                new.agent_pools
                    .iter()
                    .map(|pool| wire::PoolProperties { name: Some(pool.agent_pool.clone()), ..pool_properties(pool) })
                    .collect(),
            ),
            network_profile: Some(wire::NetworkProfile {
                network_plugin: Some(new.network_plugin.to_string()),
                network_plugin_mode: new.network_plugin_mode.map(|mode| mode.to_string()),
                network_policy: new.network_policy.map(|policy| policy.to_string()),
                network_dataplane: new.network_dataplane.map(|dataplane| dataplane.to_string()),
                pod_cidr: new.pod_cidr.clone(),
                service_cidr: new.service_cidr.clone(),
                dns_service_ip: new.dns_service_ip.clone(),
            }),
            api_server_access_profile: (private.is_some() || ranges.is_some())
                .then_some(wire::ApiServerAccess { authorized_ip_ranges: ranges, enable_private_cluster: private }),
            aad_profile: new.entra.as_ref().map(|entra| wire::AadProfile {
                managed: Some(true),
                enable_azure_rbac: Some(entra.azure_rbac),
                admin_group_object_ids: Some(entra.admin_group_object_ids.iter().cloned().collect()),
            }),
            oidc_issuer_profile: new.oidc_issuer.then_some(wire::OidcIssuer { enabled: Some(true), issuer_url: None }),
            security_profile: new
                .workload_identity
                .then_some(wire::SecurityProfile { workload_identity: Some(wire::Enabled { enabled: Some(true) }) }),
            ..wire::ClusterProperties::default()
        }),
    };
    body(&cluster)
}

/// The body of a new agent pool.
pub(crate) fn new_pool(new: &NewPool) -> Value {
    body(&wire::Pool { properties: Some(pool_properties(new)) })
}

fn pool_properties(new: &NewPool) -> wire::PoolProperties {
    let (count, autoscale) = match new.size {
        PoolSize::Fixed(count) => (count, None),
        PoolSize::Autoscale { min, max } => (min, Some((min, max))),
    };
    let spot = |text: &str| new.spot.then(|| text.to_owned());
    let upgrade = wire::UpgradeSettings {
        max_surge: new.max_surge.map(|surge| surge.to_string()),
        drain_timeout_in_minutes: new.drain_timeout.map(minutes),
    };
    let is_set = upgrade.max_surge.is_some() || upgrade.drain_timeout_in_minutes.is_some();
    wire::PoolProperties {
        orchestrator_version: new.version.map(|version| version.to_string()),
        mode: Some(mode(new.mode).to_owned()),
        kind: Some("VirtualMachineScaleSets".to_owned()),
        os_type: Some("Linux".to_owned()),
        os_sku: new.os_sku.clone(),
        vm_size: Some(new.vm_size.clone()),
        count: Some(count),
        enable_auto_scaling: Some(autoscale.is_some()),
        min_count: autoscale.map(|(min, _)| min),
        max_count: autoscale.map(|(_, max)| max),
        os_disk_size_gb: new.disk_size_gb,
        max_pods: new.max_pods,
        vnet_subnet_id: new.subnet_id.clone(),
        availability_zones: (!new.zones.is_empty()).then(|| new.zones.iter().cloned().collect()),
        scale_set_priority: spot("Spot"),
        scale_set_eviction_policy: spot("Delete"),
        // At most the price of a machine that is not taken away.
        spot_max_price: new.spot.then_some(-1.0),
        node_labels: Some(new.labels.clone()),
        node_taints: Some(new.taints.iter().map(taint_text).collect()),
        upgrade_settings: is_set.then_some(upgrade),
        tags: Some(new.tags.clone()),
        ..wire::PoolProperties::default()
    }
}

fn body(resource: &impl serde::Serialize) -> Value {
    // Structs of texts, numbers and maps with texts as keys always serialize.
    serde_json::to_value(resource).unwrap_or_default()
}

fn mode(mode: PoolMode) -> &'static str {
    match mode {
        PoolMode::System => "System",
        PoolMode::User => "User",
    }
}

/// Whole minutes, as AKS counts; what is shorter than one is one.
fn minutes(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs().div_ceil(60)).unwrap_or(u32::MAX)
}

fn identity(ids: &BTreeSet<String>) -> Value {
    if ids.is_empty() {
        return json!({ "type": "SystemAssigned" });
    }
    let identities: Map<String, Value> = ids.iter().map(|id| (id.clone(), json!({}))).collect();
    json!({ "type": "UserAssigned", "userAssignedIdentities": identities })
}

/// The etag that an object was read with: of a cluster beside its properties, of a pool among them.
pub(crate) fn etag(document: &Value) -> Option<String> {
    let etag = document.get("eTag").or_else(|| document.get("properties")?.get("eTag"));
    etag.and_then(Value::as_str).filter(|etag| !etag.is_empty()).map(str::to_owned)
}

/// Sets what lies below a path of objects, which are made where there are none.
fn set(document: &mut Value, path: &[&str], value: Value) {
    let mut at = document;
    for key in path {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[*key];
    }
    *at = value;
}

/// Changes the settings of a cluster; its agent pools stay as they are.
pub(crate) fn configure_cluster(document: &mut Value, settings: &ClusterSettings) {
    const NETWORK: &str = "networkProfile";
    const ENTRA: &str = "aadProfile";
    let mut put = |path: &[&str], value: Option<Value>| {
        if let Some(value) = value {
            set(document, path, value);
        }
    };
    let text = |text: &'static str| Some(Value::from(text));
    put(&["sku", "tier"], settings.sku_tier.and_then(|tier| text(tier.as_str())));
    put(&["properties", NETWORK, "networkPlugin"], settings.network_plugin.and_then(|plugin| text(plugin.as_str())));
    put(
        &["properties", NETWORK, "networkPluginMode"],
        settings.network_plugin_mode.and_then(|mode| text(mode.as_str())),
    );
    put(&["properties", NETWORK, "networkPolicy"], settings.network_policy.and_then(|policy| text(policy.as_str())));
    put(
        &["properties", NETWORK, "networkDataplane"],
        settings.network_dataplane.and_then(|dataplane| text(dataplane.as_str())),
    );
    if settings.network_plugin == Some(NetworkPlugin::Azure) || settings.network_plugin_mode.is_some() {
        // A network of its own for pods may have other addresses; the list repeats the one.
        put(&["properties", NETWORK, "podCidr"], settings.pod_cidr.clone().map(Value::from));
        put(&["properties", NETWORK, "podCidrs"], settings.pod_cidr.clone().map(|cidr| json!([cidr])));
    }
    put(
        &["properties", "apiServerAccessProfile", "authorizedIPRanges"],
        settings.authorized_cidrs.as_ref().map(|cidrs| json!(cidrs)),
    );
    put(&["properties", "disableLocalAccounts"], settings.disable_local_accounts.map(Value::from));
    put(&["identity"], settings.identity_ids.as_ref().map(identity));
    put(&["properties", "oidcIssuerProfile", "enabled"], settings.oidc_issuer.map(Value::from));
    put(&["properties", "securityProfile", "workloadIdentity", "enabled"], settings.workload_identity.map(Value::from));
    if let Some(entra) = &settings.entra {
        put(&["properties", ENTRA, "managed"], Some(Value::from(true)));
        put(&["properties", ENTRA, "enableAzureRBAC"], Some(Value::from(entra.azure_rbac)));
        put(&["properties", ENTRA, "adminGroupObjectIDs"], Some(json!(entra.admin_group_object_ids)));
    }
}

/// Changes the version of a cluster's control plane. Each agent pool goes along with the version that it has: one that is
/// left out is refused (terraform-provider-azurerm #17839) or upgraded too (cluster-api-provider-azure #1883).
pub(crate) fn upgrade_cluster(document: &mut Value, to: KubernetesVersion) {
    set(document, &["properties", "kubernetesVersion"], to.to_string().into());
}

/// Changes the settings of an agent pool, all in one.
pub(crate) fn configure_pool(document: &mut Value, settings: &PoolSettings) {
    let is_spot = document["properties"]["scaleSetPriority"] == "Spot";
    let mut put = |key: &str, value: Value| set(document, &["properties", key], value);
    if let Some(wanted) = settings.mode {
        put("mode", mode(wanted).into());
    }
    match settings.size {
        Some(PoolSize::Fixed(count)) => {
            put("enableAutoScaling", false.into());
            put("minCount", Value::Null);
            put("maxCount", Value::Null);
            put("count", count.into());
        }
        Some(PoolSize::Autoscale { min, max }) => {
            put("enableAutoScaling", true.into());
            put("minCount", min.into());
            put("maxCount", max.into());
        }
        None => {}
    }
    if let Some(count) = settings.count {
        put("count", count.into());
    }
    if let Some(labels) = &settings.labels {
        let mut labels = labels.clone();
        if is_spot {
            labels.insert(SPOT_KEY.to_owned(), "spot".to_owned());
        }
        put("nodeLabels", json!(labels));
    }
    if let Some(taints) = &settings.taints {
        let own = is_spot.then(|| SPOT_TAINT.to_owned());
        put("nodeTaints", taints.iter().map(taint_text).chain(own).collect::<Vec<_>>().into());
    }
    if let Some(tags) = &settings.tags {
        put("tags", json!(tags));
    }
    let mut put = |key: &str, value: Value| set(document, &["properties", "upgradeSettings", key], value);
    if let Some(surge) = settings.max_surge {
        put("maxSurge", surge.to_string().into());
    }
    if let Some(timeout) = settings.drain_timeout {
        put("drainTimeoutInMinutes", minutes(timeout).into());
    }
}

/// Changes the version of an agent pool.
pub(crate) fn upgrade_pool(document: &mut Value, to: KubernetesVersion, patch: Option<&str>) {
    let version = patch.map_or_else(|| to.to_string(), str::to_owned);
    set(document, &["properties", "orchestratorVersion"], version.into());
}

/// What the published models call read-only of a cluster, of its properties, and of an agent pool's.
const READ_ONLY_OF_RESOURCE: &[&str] = &["id", "name", "type", "eTag", "systemData"];
const READ_ONLY_OF_CLUSTER: &[&str] = &[
    "provisioningState",
    "powerState",
    "maxAgentPools",
    "currentKubernetesVersion",
    "fqdn",
    "privateFQDN",
    "azurePortalFQDN",
    "resourceUID",
    "status",
];
const READ_ONLY_OF_POOL: &[&str] =
    &["eTag", "provisioningState", "powerState", "currentOrchestratorVersion", "nodeImageVersion", "status"];
/// And of what lies below those, where `*` is every item.
const READ_ONLY_WITHIN_CLUSTER: &[(&[&str], &[&str])] = &[
    (&["identity"], &["principalId", "tenantId"]),
    (&["identity", "userAssignedIdentities", "*"], &["principalId", "clientId"]),
    (&["properties", "addonProfiles", "*"], &["identity"]),
    (&["properties", "agentPoolProfiles", "*"], READ_ONLY_OF_POOL),
    (&["properties", "agentPoolProfiles", "*", "localDNSProfile"], &["state"]),
    (&["properties", "ingressProfile", "webAppRouting"], &["identity"]),
    (&["properties", "networkProfile", "loadBalancerProfile"], &["effectiveOutboundIPs"]),
    (&["properties", "networkProfile", "natGatewayProfile"], &["effectiveOutboundIPs"]),
    (&["properties", "oidcIssuerProfile"], &["issuerURL"]),
    (&["properties", "podIdentityProfile", "userAssignedIdentities", "*"], &["provisioningState", "provisioningInfo"]),
    (&["properties", "privateLinkResources", "*"], &["privateLinkServiceID"]),
];

fn remove(object: &mut Value, keys: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        object.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

fn remove_within(value: &mut Value, place: &[&str], keys: &[&str]) {
    match (place.split_first(), value) {
        (None, value) => remove(value, keys),
        (Some((&"*", rest)), Value::Array(items)) => {
            items.iter_mut().for_each(|item| remove_within(item, rest, keys));
        }
        (Some((&"*", rest)), Value::Object(items)) => {
            items.values_mut().for_each(|item| remove_within(item, rest, keys));
        }
        (Some((name, rest)), value) => {
            if let Some(value) = value.get_mut(name) {
                remove_within(value, rest, keys);
            }
        }
    }
}

/// Takes away the number of nodes of a pool whose autoscaler is on: it moves at any time, and AKS refuses a request that
/// says another than the present one (<https://github.com/Azure/AKS/issues/1627>; terraform-provider-azurerm, "cannot change
/// `node_count` when `auto_scaling_enabled` is set to `true`").
fn leave_count_to_autoscaler(pool: &mut Value) {
    if pool["enableAutoScaling"] == true {
        remove(pool, &["count"]);
    }
}

/// A cluster as it may be sent back, before it is changed.
pub(crate) fn writable_cluster(document: &mut Value) {
    remove(document, READ_ONLY_OF_RESOURCE);
    remove(&mut document["properties"], READ_ONLY_OF_CLUSTER);
    let pools = document.pointer_mut("/properties/agentPoolProfiles").and_then(Value::as_array_mut);
    for pool in pools.into_iter().flatten() {
        leave_count_to_autoscaler(pool);
    }
    for (place, keys) in READ_ONLY_WITHIN_CLUSTER {
        remove_within(document, place, keys);
    }
}

/// An agent pool as it may be sent back, before it is changed.
pub(crate) fn writable_pool(document: &mut Value) {
    remove(document, READ_ONLY_OF_RESOURCE);
    remove(&mut document["properties"], READ_ONLY_OF_POOL);
    remove_within(document, &["properties", "localDNSProfile"], &["state"]);
    leave_count_to_autoscaler(&mut document["properties"]);
}
