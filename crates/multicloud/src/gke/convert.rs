//! Between GKE's words and ours. Pure: nothing here asks anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::change::{ClusterSetting, Endpoint, NewCluster, NewPool, PoolSetting};
use super::failure::Failure;
use super::spec::{GkeObserved, ObservedNodePool, ReleaseChannel};
use super::wire;
use crate::environment::{
    CloudObserved, ENVIRONMENT_TAG, EnvironmentId, KubernetesVersion, MaintenanceWindow, MaxSurge, NetworkSpec,
    OWNER_TAG, Observed, ObservedPool, PoolMode, PoolName, ProjectId, Region, Status, Taint, TaintEffect, Weekday,
};
use crate::error::{ErrorKind, ServerText};
use crate::operation::{Action, Progress};

/// Key of the label of a node pool's machines that holds the pool it belongs to. A node pool that replaces another has a
/// name of its own, because names are unique in a cluster.
pub(crate) const POOL_LABEL: &str = "multicloud-pool";
/// Key of the label that holds what the pool is for, which GKE has no field for.
pub(crate) const MODE_LABEL: &str = "multicloud-mode";
/// Keys of labels that Google's services set begin so
/// (<https://cloud.google.com/resource-manager/docs/labels-overview>, "Requirements for labels").
pub(crate) const GOOGLE_PREFIX: &str = "goog-";

/// Sizes of the instance groups of node pools, by the pools' names in GKE.
pub(crate) type Sizes = BTreeMap<String, Vec<u32>>;

/// What a look showed of who may reach the API server: in the newer place, and in the older one.
#[derive(Debug, Default, Clone)]
pub(crate) struct Endpoints {
    pub(crate) newer: wire::ControlPlaneEndpoints,
    pub(crate) older: wire::AuthorizedNetworks,
}

/// The environment, from all that was read of it.
pub(crate) fn observed(id: &EnvironmentId, cluster: &wire::Cluster, sizes: &Sizes) -> Result<Observed, Failure> {
    if cluster.id.is_empty() {
        return Err(Failure::incomplete("cluster id"));
    }
    let node_pools: BTreeMap<String, ObservedNodePool> = cluster
        .node_pools
        .iter()
        .map(|pool| Ok((pool.name.clone(), node_pool(cluster, pool, sizes.get(&pool.name))?)))
        .collect::<Result<_, Failure>>()?;
    let (google_labels, tags): (BTreeMap<_, _>, BTreeMap<_, _>) =
        cluster.resource_labels.clone().into_iter().partition(|(key, _)| key.starts_with(GOOGLE_PREFIX));
    let (status, status_reason) = environment_status(cluster, &tags, &node_pools);
    let endpoint = endpoint(cluster);
    let policy = &cluster.ip_allocation_policy;
    let window = &cluster.maintenance_policy["window"];
    Ok(Observed {
        id: id.clone(),
        region: id.region().cloned(),
        uid: cluster.id.clone(),
        status,
        status_reason,
        version: version(&cluster.current_master_version)?,
        full_version: cluster.current_master_version.clone(),
        endpoint: url(&cluster.endpoint),
        certificate_authority_data: text(&cluster.master_auth.cluster_ca_certificate),
        // Where the public keys of service accounts are, by GKE's own rule
        // (https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters/getJwks).
        oidc_issuer_url: oidc_issuer(id),
        node_pools: pools(&tags, &node_pools),
        network: NetworkSpec {
            subnet_ids: BTreeSet::new(),
            pod_cidr: text(&policy.cluster_ipv4_cidr_block).or_else(|| text(&cluster.cluster_ipv4_cidr)),
            service_cidr: text(&policy.services_ipv4_cidr_block).or_else(|| text(&cluster.services_ipv4_cidr)),
            authorized_cidrs: endpoint.authorized_cidrs,
            private_endpoint: endpoint.private,
        },
        tags,
        deletion_protection: None,
        cloud: CloudObserved::Gke(GkeObserved {
            cluster_status: cluster_status(&cluster.status),
            network: text(&cluster.network),
            subnetwork: text(&cluster.subnetwork),
            release_channel: cluster.release_channel.channel.parse().unwrap_or(ReleaseChannel::Unspecified),
            workload_pool: text(&cluster.workload_identity_config.workload_pool),
            private_nodes: cluster
                .network_config
                .default_enable_private_nodes
                .unwrap_or(cluster.private_cluster_config.enable_private_nodes),
            pods_range_name: text(&policy.cluster_secondary_range_name),
            services_range_name: text(&policy.services_secondary_range_name),
            maintenance_window: weekly_window(window),
            has_maintenance_window: ["recurringWindow", "dailyMaintenanceWindow", "recurringMaintenanceWindow"]
                .iter()
                .any(|form| !window[form].is_null()),
            zones: cluster.locations.iter().cloned().collect(),
            google_labels,
            node_pools,
        }),
    })
}

/// An address as GKE tells it, without a scheme, as a URL.
fn url(endpoint: &str) -> Option<String> {
    let endpoint = text(endpoint)?;
    Some(if endpoint.contains("://") { endpoint } else { format!("https://{endpoint}") })
}

fn oidc_issuer(id: &EnvironmentId) -> Option<String> {
    match id {
        EnvironmentId::Gke { project, location, name } => {
            Some(format!("https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}"))
        }
        EnvironmentId::Aks { .. } | EnvironmentId::Eks { .. } | EnvironmentId::Memory { .. } => None,
    }
}

/// How to reach the API server: its URL and authority.
pub(crate) fn access(cluster: &wire::Cluster) -> Option<(String, String)> {
    Some((url(&cluster.endpoint)?, text(&cluster.master_auth.cluster_ca_certificate)?))
}

fn node_pool(
    cluster: &wire::Cluster,
    pool: &wire::NodePool,
    sizes: Option<&Vec<u32>>,
) -> Result<ObservedNodePool, Failure> {
    let config = &pool.config;
    let name = match config.resource_labels.get(POOL_LABEL) {
        Some(name) => name.parse(),
        None => pool.name.parse::<PoolName>(),
    };
    let locations = if pool.locations.is_empty() { &cluster.locations } else { &pool.locations };
    let zones: BTreeSet<String> = locations.iter().cloned().collect();
    let zone_count = u32::try_from(zones.len()).unwrap_or(u32::MAX).max(1);
    let (count, per_zone) = match sizes {
        Some(sizes) => {
            // A group that does not show yet, or not any more, leaves its zone without nodes.
            let is_even = zones.len() == sizes.len() && sizes.iter().all(|size| *size == sizes[0]);
            let even = is_even.then(|| sizes.first().copied().unwrap_or_default());
            (sizes.iter().fold(0, |sum: u32, size| sum.saturating_add(*size)), even)
        }
        // What never came to be has no groups.
        None if pool_status(&pool.status) == Status::Failed => (0, None),
        None => (pool.initial_node_count.saturating_mul(zone_count), Some(pool.initial_node_count)),
    };
    let gpu = gpu_taint();
    let taints = || config.taints.iter().filter_map(taint);
    let autoscaling = &pool.autoscaling;
    let total = |total: u32, per_zone: u32| if total > 0 { total } else { per_zone.saturating_mul(zone_count) };
    Ok(ObservedNodePool {
        pool: name.map_err(|error| Failure::new(ErrorKind::Protocol, error))?,
        status: pool_status(&pool.status),
        status_reason: reason(&pool.conditions, &pool.status_message),
        version: version(&pool.version)?,
        full_version: pool.version.clone(),
        machine_type: config.machine_type.clone(),
        count,
        per_zone,
        autoscaling: autoscaling.enabled.then(|| {
            let max = total(autoscaling.total_max_node_count, autoscaling.max_node_count);
            // Of total bounds the lower one may be zero, which is not on the wire.
            let min = match autoscaling.total_max_node_count {
                0 => autoscaling.min_node_count.saturating_mul(zone_count),
                _ => autoscaling.total_min_node_count,
            };
            (min, max)
        }),
        zones,
        disk_size_gb: config.disk_size_gb,
        disk_type: text(&config.disk_type),
        image_type: text(&config.image_type),
        spot: config.spot || config.preemptible,
        service_account: text(&config.service_account),
        labels: config.labels.clone(),
        taints: taints().filter(|taint| *taint != gpu).collect(),
        gpu_taint: taints().any(|taint| taint == gpu),
        max_surge: pool.upgrade_settings.max_surge,
        drain_timeout_s: seconds(&pool.node_drain_config.pdb_timeout_duration),
        deletion_heeds_budgets: pool.node_drain_config.respect_pdb_during_node_pool_deletion,
        resource_labels: config.resource_labels.clone(),
    })
}

/// `3600s` or `1800.5s`, as protocol buffers write durations.
fn seconds(text: &str) -> Option<u64> {
    text.strip_suffix('s')?.split('.').next()?.parse().ok()
}

/// What GKE itself keeps others off nodes with GPUs by (<https://cloud.google.com/kubernetes-engine/docs/how-to/gpus>,
/// "Create a GPU node pool").
pub(crate) fn gpu_taint() -> Taint {
    Taint { key: "nvidia.com/gpu".to_owned(), effect: TaintEffect::NoSchedule, value: "present".to_owned() }
}

fn taint(taint: &wire::Taint) -> Option<Taint> {
    let effect = match taint.effect.as_str() {
        "NO_SCHEDULE" => TaintEffect::NoSchedule,
        "PREFER_NO_SCHEDULE" => TaintEffect::PreferNoSchedule,
        "NO_EXECUTE" => TaintEffect::NoExecute,
        // Kubernetes has no other; one that it gets later is not ours to change.
        _ => return None,
    };
    Some(Taint { key: taint.key.clone(), effect, value: taint.value.clone() })
}

/// Who may reach the API server. Newer clusters say it in one place, older ones in two.
fn endpoint(cluster: &wire::Cluster) -> Endpoint {
    let newer = cluster.control_plane_endpoints_config.ip_endpoints_config.as_ref();
    let networks = newer
        .and_then(|newer| newer.authorized_networks_config.as_ref())
        .unwrap_or(&cluster.master_authorized_networks_config);
    let private = match newer.and_then(|newer| newer.enable_public_endpoint) {
        Some(public) => !public,
        None => cluster.private_cluster_config.enable_private_endpoint,
    };
    let cidrs = networks.enabled.then(|| networks.cidr_blocks.iter().map(|block| block.cidr_block.clone()).collect());
    Endpoint { private, authorized_cidrs: cidrs.unwrap_or_default() }
}

/// A cluster's status by itself.
pub(crate) fn cluster_status(status: &str) -> Status {
    match status {
        "PROVISIONING" => Status::Creating,
        "RUNNING" => Status::Active,
        "RECONCILING" => Status::Updating,
        "STOPPING" => Status::Deleting,
        "ERROR" => Status::Failed,
        "DEGRADED" => Status::Degraded,
        // A status that is not known here comes from a newer API; waiting does no harm.
        _ => Status::Updating,
    }
}

fn pool_status(status: &str) -> Status {
    match status {
        "RUNNING_WITH_ERROR" => Status::Degraded,
        other => cluster_status(other),
    }
}

fn environment_status(
    cluster: &wire::Cluster,
    tags: &BTreeMap<String, String>,
    pools: &BTreeMap<String, ObservedNodePool>,
) -> (Status, Option<ServerText>) {
    let own = cluster_status(&cluster.status);
    let own_reason = reason(&cluster.conditions, &cluster.status_message);
    if own != Status::Active {
        return (own, own_reason);
    }
    let parts = || pools.values().filter(|pool| is_same_owner(tags, &pool.resource_labels));
    if parts().any(|pool| pool.status.is_changing()) {
        return (Status::Updating, None);
    }
    match parts().find(|pool| matches!(pool.status, Status::Degraded | Status::Failed)) {
        Some(pool) => (Status::Degraded, pool.status_reason.clone().or(own_reason)),
        None => (Status::Active, None),
    }
}

/// Why something is as it is, where GKE says.
fn reason(conditions: &[wire::Condition], message: &str) -> Option<ServerText> {
    let one = |condition: &wire::Condition| {
        let code = text(&condition.canonical_code).or_else(|| text(&condition.code));
        match (code, text(&condition.message)) {
            (Some(code), Some(message)) => Some(format!("{code}: {message}")),
            (code, message) => code.or(message),
        }
    };
    let all: Vec<String> = conditions.iter().filter_map(one).collect();
    let all = if all.is_empty() { text(message)? } else { all.join("; ") };
    Some(ServerText::new(&all))
}

/// The pools, each by the node pool that serves it. In a cluster that carries a mark, node pools without the same mark are
/// somebody else's and are not shown; where the cluster carries none, it was imported, and all of it is meant.
fn pools(
    tags: &BTreeMap<String, String>,
    found: &BTreeMap<String, ObservedNodePool>,
) -> BTreeMap<PoolName, ObservedPool> {
    let mut shown: BTreeMap<PoolName, ObservedPool> = BTreeMap::new();
    for found in found.values().filter(|found| is_same_owner(tags, &found.resource_labels)) {
        let pool = pool(found);
        // While a pool is replaced it has two, and the one that works is shown.
        let better = shown.get(&found.pool).is_none_or(|other| rank(pool.status) < rank(other.status));
        if better {
            shown.insert(found.pool.clone(), pool);
        }
    }
    shown
}

fn rank(status: Status) -> u8 {
    match status {
        Status::Active => 0,
        Status::Updating => 1,
        Status::Degraded => 2,
        Status::Creating => 3,
        Status::Failed => 4,
        Status::Deleting => 5,
    }
}

fn pool(found: &ObservedNodePool) -> ObservedPool {
    let (min, max) = found.autoscaling.unwrap_or((found.count, found.count));
    ObservedPool {
        status: found.status,
        status_reason: found.status_reason.clone(),
        version: found.version,
        full_version: found.full_version.clone(),
        machine_type: found.machine_type.clone(),
        min,
        max,
        count: found.count,
        mode: match found.resource_labels.get(MODE_LABEL).map(String::as_str) {
            Some("system") => Some(PoolMode::System),
            Some("user") => Some(PoolMode::User),
            Some(_) | None => None,
        },
        labels: found.labels.clone(),
        taints: found.taints.clone(),
        zones: found.zones.clone(),
        spot: found.spot,
        disk_size_gb: found.disk_size_gb,
        max_surge: found.max_surge.map(MaxSurge::Count),
        tags: found.resource_labels.clone(),
    }
}

/// Whether a part of a cluster belongs to whoever owns the cluster.
pub(crate) fn is_same_owner(cluster: &BTreeMap<String, String>, part: &BTreeMap<String, String>) -> bool {
    let is_marked = cluster.contains_key(OWNER_TAG) && cluster.contains_key(ENVIRONMENT_TAG);
    !is_marked || [OWNER_TAG, ENVIRONMENT_TAG].iter().all(|key| cluster.get(*key) == part.get(*key))
}

/// The minor of a version such as `1.33.5-gke.1200`.
fn version(text: &str) -> Result<KubernetesVersion, Failure> {
    let mut parts = text.split('.');
    let minor = match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) if !text.is_empty() => format!("{major}.{minor}"),
        _ => return Err(Failure::incomplete("version")),
    };
    minor.parse().map_err(|error| Failure::new(ErrorKind::Protocol, error))
}

/// How an operation stands.
pub(crate) fn progress(operation: &wire::Operation) -> Progress {
    if operation.status != "DONE" {
        // PENDING, RUNNING, ABORTING, or one that a newer API has and that is not the end.
        return Progress::Running;
    }
    let error = operation.error.as_ref().filter(|error| error.code != 0 || !error.message.is_empty());
    let message = match (error.map(|error| error.message.as_str()), operation.status_message.as_str()) {
        (None, "") => return Progress::Done,
        (Some(""), "") => "GKE gives no reason",
        (None | Some(""), message) => message,
        (Some(message), _) => message,
    };
    Progress::Failed(ServerText::new(message))
}

/// What sort of change an operation is. GKE tells an upgrade of nodes from no other change that makes them anew.
pub(crate) fn action(operation_type: &str) -> Action {
    match operation_type {
        "CREATE_CLUSTER" | "CREATE_NODE_POOL" => Action::Create,
        "DELETE_CLUSTER" | "DELETE_NODE_POOL" => Action::Delete,
        "UPGRADE_MASTER" | "UPGRADE_NODES" | "AUTO_UPGRADE_NODES" => Action::Upgrade,
        // All else changes something, and what it is to be called decides nothing.
        _ => Action::Update,
    }
}

/// The node pool that an operation on this cluster works on (`None`: on the cluster as a whole), by the end of its link;
/// `None` at all if it works on another cluster. The link's beginning holds the project's number and is not looked at.
pub(crate) fn target<'a>(operation: &'a wire::Operation, cluster: &str) -> Option<Option<&'a str>> {
    let (_, target) = operation.target_link.rsplit_once("/clusters/")?;
    match target.split_once("/nodePools/") {
        Some((name, pool)) => (name == cluster).then_some(Some(pool)),
        None => (target == cluster).then_some(None),
    }
}

/// The path of an instance group's manager within Compute's API, from its link.
pub(crate) fn group_path(url: &str) -> Option<String> {
    let (_, path) = url.split_once("/projects/")?;
    let path = path.replace("/instanceGroups/", "/instanceGroupManagers/");
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.:".contains(&byte));
    (is_plain && path.contains("/instanceGroupManagers/")).then(|| format!("projects/{path}"))
}

/// The body of a request for a new cluster.
pub(crate) fn new_cluster(project: &ProjectId, name: &str, new: &NewCluster) -> Value {
    let mut cluster = json!({
        "name": name,
        "initialClusterVersion": new.version.to_string(),
        "resourceLabels": new.labels,
        "nodePools": new.pools.iter().map(new_pool).collect::<Vec<_>>(),
    });
    let mut ranges = Map::new();
    // Routes, the older way, cannot have what newer features of GKE need
    // (https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips).
    ranges.insert("useIpAliases".to_owned(), true.into());
    for (key, value) in [
        ("clusterIpv4CidrBlock", &new.pod_cidr),
        ("servicesIpv4CidrBlock", &new.service_cidr),
        ("clusterSecondaryRangeName", &new.pods_range_name),
        ("servicesSecondaryRangeName", &new.services_range_name),
    ] {
        put(&mut ranges, key, value.clone());
    }
    cluster["ipAllocationPolicy"] = ranges.into();
    for (key, value) in [("network", &new.network), ("subnetwork", &new.subnetwork)] {
        if let Some(value) = value {
            cluster[key] = value.as_str().into();
        }
    }
    if new.endpoint != Endpoint::default() {
        cluster["controlPlaneEndpointsConfig"] = endpoints(&new.endpoint, &Endpoints::default());
    }
    if new.private_nodes {
        cluster["networkConfig"] = json!({ "defaultEnablePrivateNodes": true });
    }
    if let Some(channel) = new.release_channel {
        cluster["releaseChannel"] = json!({ "channel": channel.as_str() });
    }
    if new.workload_identity {
        cluster["workloadIdentityConfig"] = json!({ "workloadPool": workload_pool(project) });
    }
    if let Some(window) = &new.maintenance_window {
        cluster["maintenancePolicy"] = json!({ "window": { "recurringWindow": recurring_window(window) } });
    }
    json!({ "cluster": cluster })
}

fn put(object: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    object.extend(value.map(|value| (key.to_owned(), value.into())));
}

/// <https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity>.
fn workload_pool(project: &ProjectId) -> String {
    format!("{project}.svc.id.goog")
}

/// Who may reach the API server, with all else that was said of it, such as the names of address ranges.
fn endpoints(endpoint: &Endpoint, found: &Endpoints) -> Value {
    let newer = found.newer.ip_endpoints_config.clone().unwrap_or_default();
    let before = newer.authorized_networks_config.unwrap_or_else(|| found.older.clone());
    let name = |cidr: &String| {
        before.cidr_blocks.iter().find(|block| block.cidr_block == *cidr).map(|block| &block.display_name)
    };
    let name = |cidr: &String| name(cidr).filter(|name| !name.is_empty());
    let block = |cidr: &String| match name(cidr) {
        Some(name) => json!({ "cidrBlock": cidr, "displayName": name }),
        None => json!({ "cidrBlock": cidr }),
    };
    let blocks: Vec<Value> = endpoint.authorized_cidrs.iter().map(block).collect();
    let mut networks = before.rest;
    networks.insert("enabled".to_owned(), (!blocks.is_empty()).into());
    networks.insert("cidrBlocks".to_owned(), blocks.into());
    let mut addresses = newer.rest;
    // Where they are is for GKE to say.
    addresses.retain(|key, _| !["publicEndpoint", "privateEndpoint"].contains(&key.as_str()));
    addresses.insert("enabled".to_owned(), true.into());
    addresses.insert("enablePublicEndpoint".to_owned(), (!endpoint.private).into());
    addresses.insert("authorizedNetworksConfig".to_owned(), networks.into());
    json!({ "ipEndpointsConfig": addresses })
}

/// A node pool in a request for a new one.
pub(crate) fn new_pool(new: &NewPool) -> Value {
    let mut config = json!({ "machineType": new.machine_type, "resourceLabels": new.resource_labels });
    let texts =
        [("diskType", &new.disk_type), ("imageType", &new.image_type), ("serviceAccount", &new.service_account)];
    for (key, value) in texts {
        if let Some(value) = value {
            config[key] = value.as_str().into();
        }
    }
    // What the nodes may do is for the service account's roles to say
    // (https://cloud.google.com/kubernetes-engine/docs/how-to/access-scopes).
    config["oauthScopes"] = json!(["https://www.googleapis.com/auth/cloud-platform"]);
    if let Some(size) = new.disk_size_gb {
        config["diskSizeGb"] = size.into();
    }
    if new.spot {
        config["spot"] = true.into();
    }
    if !new.labels.is_empty() {
        config["labels"] = json!(new.labels);
    }
    if !new.taints.is_empty() {
        config["taints"] = taints(&new.taints);
    }
    let mut pool = json!({
        "name": new.name,
        "initialNodeCount": new.per_zone,
        "config": config,
        "nodeDrainConfig": drain(new.drain_timeout_s, Map::new()),
    });
    if let Some(version) = new.version {
        pool["version"] = version.to_string().into();
    }
    if !new.zones.is_empty() {
        pool["locations"] = json!(new.zones);
    }
    if new.autoscaling.is_some() {
        pool["autoscaling"] = autoscaling(new.autoscaling, None);
    }
    if let Some(surge) = new.max_surge {
        pool["upgradeSettings"] = upgrade_settings(surge, Map::new());
    }
    pool
}

/// GKE empties nodes by the eviction API, for an hour or as long as is said; of pools that are deleted only where that is
/// asked for (<https://cloud.google.com/kubernetes-engine/docs/how-to/node-pools#pdb-protection>).
fn drain(timeout_s: Option<u64>, mut found: Map<String, Value>) -> Value {
    put(&mut found, "respectPdbDuringNodePoolDeletion", Some(true));
    put(&mut found, "pdbTimeoutDuration", timeout_s.map(|seconds| format!("{seconds}s")));
    found.into()
}

fn taints(taints: &BTreeSet<Taint>) -> Value {
    let word = |effect| match effect {
        TaintEffect::NoSchedule => "NO_SCHEDULE",
        TaintEffect::PreferNoSchedule => "PREFER_NO_SCHEDULE",
        TaintEffect::NoExecute => "NO_EXECUTE",
    };
    let one = |taint: &Taint| json!({ "key": taint.key, "value": taint.value, "effect": word(taint.effect) });
    taints.iter().map(one).collect()
}

/// The bounds of the autoscaler, over all zones: those per zone would be others than the user's wherever zones change.
pub(crate) fn autoscaling(total: Option<(u32, u32)>, found: Option<&wire::NodePool>) -> Value {
    let Some((min, max)) = total else { return json!({ "enabled": false }) };
    let mut autoscaling = found.map(|found| found.autoscaling.rest.clone()).unwrap_or_default();
    put(&mut autoscaling, "enabled", Some(true));
    put(&mut autoscaling, "totalMinNodeCount", Some(min));
    put(&mut autoscaling, "totalMaxNodeCount", Some(max));
    autoscaling.into()
}

fn upgrade_settings(surge: u32, mut found: Map<String, Value>) -> Value {
    put(&mut found, "strategy", Some("SURGE"));
    // Of the other strategy.
    found.remove("blueGreenSettings");
    found.entry("maxUnavailable").or_insert_with(|| 0.into());
    put(&mut found, "maxSurge", Some(surge));
    found.into()
}

/// The `update` of a cluster: exactly one field.
pub(crate) fn cluster_update(project: &ProjectId, setting: &ClusterSetting, found: &Endpoints) -> Value {
    match setting {
        ClusterSetting::Version { to, .. } => json!({ "desiredMasterVersion": to.to_string() }),
        ClusterSetting::ReleaseChannel(channel) => json!({ "desiredReleaseChannel": { "channel": channel.as_str() } }),
        ClusterSetting::WorkloadIdentity(enabled) => {
            let pool = if *enabled { workload_pool(project) } else { String::new() };
            json!({ "desiredWorkloadIdentityConfig": { "workloadPool": pool } })
        }
        ClusterSetting::Endpoint(endpoint) => {
            json!({ "desiredControlPlaneEndpointsConfig": endpoints(endpoint, found) })
        }
        ClusterSetting::PrivateNodes(enabled) => json!({ "desiredDefaultEnablePrivateNodes": enabled }),
    }
}

/// The body of an update of a node pool: one kind of setting.
///
/// The description calls `nodeVersion` and `imageType` required, and every client of Google's own sends them only where they
/// are to change (terraform-provider-google, `node_config.go`): what is sent unchanged would begin an upgrade of its own.
pub(crate) fn pool_update(setting: &PoolSetting, found: Option<&wire::NodePool>) -> Value {
    match setting {
        // The dash is the control plane's version, patch and all: an alias could name a patch that is ahead of it.
        PoolSetting::Version { to: None, .. } => json!({ "nodeVersion": "-" }),
        PoolSetting::Version { to: Some(version), .. } => json!({ "nodeVersion": version.to_string() }),
        PoolSetting::Machines { machine_type, disk_size_gb, disk_type } => {
            let mut body = Map::new();
            put(&mut body, "machineType", machine_type.clone());
            // 64 bits, which protocol buffers write as text.
            put(&mut body, "diskSizeGb", disk_size_gb.map(|size| size.to_string()));
            put(&mut body, "diskType", disk_type.clone());
            body.into()
        }
        PoolSetting::ImageType(image) => json!({ "imageType": image }),
        PoolSetting::Labels(labels) => json!({ "labels": { "labels": labels } }),
        PoolSetting::Taints(wanted) => {
            let mut wanted = wanted.clone();
            // GKE's own stays.
            let gpu = gpu_taint();
            let is_there = |found: &wire::NodePool| found.config.taints.iter().filter_map(taint).any(|one| one == gpu);
            wanted.extend(found.filter(|found| is_there(found)).map(|_| gpu_taint()));
            json!({ "taints": { "taints": taints(&wanted) } })
        }
        PoolSetting::ResourceLabels(labels) => json!({ "resourceLabels": { "labels": labels } }),
        PoolSetting::Zones(zones) => json!({ "locations": zones }),
        PoolSetting::MaxSurge(surge) => {
            let rest = found.map(|found| found.upgrade_settings.rest.clone());
            json!({ "upgradeSettings": upgrade_settings(*surge, rest.unwrap_or_default()) })
        }
        PoolSetting::DrainTimeout { seconds } => {
            let rest = found.map(|found| found.node_drain_config.rest.clone());
            json!({ "nodeDrainConfig": drain(Some(*seconds), rest.unwrap_or_default()) })
        }
    }
}

/// The maintenance policy with another window; what is excluded from maintenance stays.
pub(crate) fn maintenance_policy(current: &Value, window: Option<&MaintenanceWindow>) -> Value {
    let mut policy = match current {
        Value::Object(_) => current.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => json!({}),
    };
    let exclusions = policy["window"]["maintenanceExclusions"].take();
    let mut fields = Map::new();
    put(&mut fields, "recurringWindow", window.map(recurring_window));
    put(&mut fields, "maintenanceExclusions", (!exclusions.is_null()).then_some(exclusions));
    policy["window"] = fields.into();
    policy
}

/// Days of the week as RFC 5545 writes them, with the day of January 2000 that each was first: gcloud's own examples begin
/// windows there (`gcloud container clusters update --maintenance-window-start`), and GKE looks only at what recurs.
const DAYS: [(Weekday, &str, u8); 7] = [
    (Weekday::Monday, "MO", 3),
    (Weekday::Tuesday, "TU", 4),
    (Weekday::Wednesday, "WE", 5),
    (Weekday::Thursday, "TH", 6),
    (Weekday::Friday, "FR", 7),
    (Weekday::Saturday, "SA", 1),
    (Weekday::Sunday, "SU", 2),
];

fn recurring_window(window: &MaintenanceWindow) -> Value {
    let days: Vec<_> = DAYS.iter().filter(|(day, ..)| window.days.contains(day)).collect();
    let first = days.iter().map(|(.., date)| *date).min().unwrap_or(1);
    let start = u64::from(first - 1) * 24 * 60 + u64::from(window.start_minute);
    let end = start + window.duration.as_secs() / 60;
    // At most a day long, so that it ends in the same month.
    let at =
        |minute: u64| format!("2000-01-{:02}T{:02}:{:02}:00Z", minute / 60 / 24 + 1, minute / 60 % 24, minute % 60);
    let names: Vec<_> = days.iter().map(|(_, name, _)| *name).collect();
    json!({
        "window": { "startTime": at(start), "endTime": at(end) },
        "recurrence": format!("FREQ=WEEKLY;BYDAY={}", names.join(",")),
    })
}

/// The window, where it is weekly; `None` where it is another, or none.
fn weekly_window(window: &Value) -> Option<MaintenanceWindow> {
    use k8s_openapi::jiff::{Timestamp, tz::TimeZone};

    let recurring = &window["recurringWindow"];
    let time = |key: &str| recurring["window"][key].as_str()?.parse::<Timestamp>().ok();
    let (start, end) = (time("startTime")?, time("endTime")?);
    let mut days = BTreeSet::new();
    let mut is_weekly = false;
    for part in recurring["recurrence"].as_str()?.trim_start_matches("RRULE:").split(';') {
        match part.split_once('=')? {
            ("FREQ", "WEEKLY") => is_weekly = true,
            ("BYDAY", names) => {
                for name in names.split(',') {
                    days.insert(DAYS.iter().find(|(_, known, _)| *known == name)?.0);
                }
            }
            _ => return None,
        }
    }
    let civil = start.to_zoned(TimeZone::UTC);
    let minute = i32::from(civil.hour()) * 60 + i32::from(civil.minute());
    (is_weekly && !days.is_empty()).then_some(MaintenanceWindow {
        days,
        start_minute: u16::try_from(minute).ok()?,
        duration: Duration::from_secs(u64::try_from(end.as_second() - start.as_second()).ok()?),
    })
}

/// Where a cluster is, and what it is called, by its own words; `None` where it does not say.
pub(crate) fn is_meant(cluster: &wire::Cluster, location: &Region, name: &str) -> bool {
    let same = |found: &str, meant: &str| found.is_empty() || found == meant;
    same(&cluster.location, location.as_str()) && same(&cluster.name, name)
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> EnvironmentId {
        "gke/acme/europe-west1/prod".parse().unwrap()
    }

    fn cluster(edit: impl FnOnce(&mut Value)) -> wire::Cluster {
        let mut cluster = json!({
            "id": "abc", "name": "prod", "location": "europe-west1", "status": "RUNNING",
            "currentMasterVersion": "1.33.5-gke.1200", "locations": ["europe-west1-b", "europe-west1-c"],
            "nodePools": [{
                "name": "apps-12345678", "status": "RUNNING", "version": "1.33.4-gke.7", "initialNodeCount": 1,
                "config": { "machineType": "e2-standard-4", "resourceLabels": { "multicloud-pool": "apps" } },
            }],
        });
        edit(&mut cluster);
        serde_json::from_value(cluster).unwrap()
    }

    fn observed_with(edit: impl FnOnce(&mut Value), sizes: Sizes) -> Observed {
        observed(&id(), &cluster(edit), &sizes).unwrap()
    }

    #[test]
    fn pools_are_told_by_their_label_and_counted_over_all_zones() {
        let sizes = |sizes: &[u32]| Sizes::from([("apps-12345678".to_owned(), sizes.to_vec())]);
        let pool = |sizes: Sizes| observed_with(|_| {}, sizes).node_pools[&"apps".parse().unwrap()].clone();
        assert_eq!(pool(sizes(&[2, 3])).count, 5);
        assert_eq!((pool(sizes(&[2, 2])).min, pool(sizes(&[2, 2])).max), (4, 4));
        assert_eq!(pool(Sizes::new()).count, 2, "unless its groups were asked, one in each of two zones");
        assert_eq!(pool(Sizes::new()).version.to_string(), "1.33");
        let cluster = cluster(|_| {});
        let per_zone =
            |sizes: &[u32]| node_pool(&cluster, &cluster.node_pools[0], Some(&sizes.to_vec())).unwrap().per_zone;
        assert_eq!((per_zone(&[2, 2]), per_zone(&[2, 3])), (Some(2), None));
        assert_eq!(per_zone(&[2]), None, "a group that does not show leaves its zone without nodes");
        assert_eq!(pool(sizes(&[u32::MAX, 1])).count, u32::MAX, "and no number is too large");
    }

    #[test]
    fn bounds_per_zone_are_shown_as_totals() {
        let bounds = |autoscaling: Value| {
            let edit = |cluster: &mut Value| cluster["nodePools"][0]["autoscaling"] = autoscaling;
            let pool = observed_with(edit, Sizes::new()).node_pools[&"apps".parse().unwrap()].clone();
            (pool.min, pool.max)
        };
        assert_eq!(bounds(json!({ "enabled": true, "minNodeCount": 1, "maxNodeCount": 3 })), (2, 6));
        assert_eq!(bounds(json!({ "enabled": true, "totalMaxNodeCount": 3 })), (0, 3));
        assert_eq!(bounds(json!({ "totalMaxNodeCount": 3 })), (2, 2));
    }

    #[test]
    fn statuses_of_parts_show_in_the_whole() {
        let status =
            |pool: &str| observed_with(|cluster| cluster["nodePools"][0]["status"] = pool.into(), Sizes::new());
        assert_eq!(status("RUNNING").status, Status::Active);
        assert_eq!(status("RECONCILING").status, Status::Updating);
        assert_eq!(status("RUNNING_WITH_ERROR").status, Status::Degraded);
        assert_eq!(status("ERROR").status, Status::Degraded);
        assert_eq!(status("SOMETHING_NEW").status, Status::Updating);
        let failed = observed_with(
            |cluster| {
                cluster["status"] = "ERROR".into();
                cluster["conditions"] = json!([{ "code": "GCE_STOCKOUT", "message": "none left" }]);
            },
            Sizes::new(),
        );
        assert_eq!(failed.status, Status::Failed);
        assert_eq!(failed.status_reason.unwrap().as_str(), "GCE_STOCKOUT: none left");
    }

    #[test]
    fn somebody_elses_pools_are_not_shown() {
        let marked = observed_with(
            |cluster| cluster["resourceLabels"] = json!({ "multicloud-owner": "a", "multicloud-environment": "prod" }),
            Sizes::new(),
        );
        assert!(marked.node_pools.is_empty());
    }

    #[test]
    fn labels_of_google_are_no_tags() {
        let labels = json!({ "goog-fleet-project": "1", "team": "a" });
        let observed = observed_with(|cluster| cluster["resourceLabels"] = labels, Sizes::new());
        assert_eq!(observed.tags, [("team".to_owned(), "a".to_owned())].into());
    }

    #[test]
    fn operations_are_told_by_the_end_of_their_link() {
        let on = |link: &str| {
            let operation = wire::Operation { target_link: link.to_owned(), ..wire::Operation::default() };
            target(&operation, "prod").map(|pool| pool.map(str::to_owned))
        };
        let base = "https://container.googleapis.com/v1/projects/123/zones/europe-west1-b/clusters";
        assert_eq!(on(&format!("{base}/prod")), Some(None));
        assert_eq!(on(&format!("{base}/prod/nodePools/apps")), Some(Some("apps".to_owned())));
        assert_eq!(on(&format!("{base}/prod-2")), None);
        assert_eq!(on(&format!("{base}/other/nodePools/prod")), None);
    }

    #[test]
    fn an_operation_has_failed_only_where_it_says_so() {
        let operation = |text: Value| progress(&serde_json::from_value(text).unwrap());
        assert_eq!(operation(json!({ "status": "PENDING" })), Progress::Running);
        assert_eq!(operation(json!({ "status": "ABORTING" })), Progress::Running);
        assert_eq!(operation(json!({ "status": "DONE" })), Progress::Done);
        assert_eq!(operation(json!({ "status": "DONE", "error": {} })), Progress::Done);
        let failed = |words: &str| Progress::Failed(ServerText::new(words));
        assert_eq!(operation(json!({ "status": "DONE", "error": { "code": 8, "message": "m" } })), failed("m"));
        assert_eq!(operation(json!({ "status": "DONE", "statusMessage": "older" })), failed("older"));
        assert_eq!(operation(json!({ "status": "DONE", "error": { "code": 2 } })), failed("GKE gives no reason"));
    }

    #[test]
    fn windows_survive_the_way_there_and_back() {
        for (days, start_minute, hours) in [
            (vec![Weekday::Saturday, Weekday::Sunday], 0, 24),
            (vec![Weekday::Monday], 23 * 60 + 30, 12),
            (vec![Weekday::Tuesday, Weekday::Wednesday, Weekday::Friday], 61, 4),
        ] {
            let window = MaintenanceWindow {
                days: days.into_iter().collect(),
                start_minute,
                duration: Duration::from_secs(hours * 3600),
            };
            let sent = json!({ "recurringWindow": recurring_window(&window) });
            assert_eq!(weekly_window(&sent), Some(window), "{sent}");
        }
        let daily = json!({ "dailyMaintenanceWindow": { "startTime": "03:00" } });
        assert_eq!(weekly_window(&daily), None);
    }

    #[test]
    fn what_is_excluded_from_maintenance_stays() {
        let current = json!({
            "resourceVersion": "7",
            "window": { "dailyMaintenanceWindow": { "startTime": "03:00" }, "maintenanceExclusions": { "xmas": {} } },
        });
        let left = maintenance_policy(&current, None);
        assert_eq!(left, json!({ "resourceVersion": "7", "window": { "maintenanceExclusions": { "xmas": {} } } }));
        assert_eq!(maintenance_policy(&Value::Null, None), json!({ "window": {} }));
    }

    #[test]
    fn what_is_not_known_here_is_sent_back() {
        let cluster = cluster(|cluster| {
            cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"] = json!({
                "publicEndpoint": "203.0.113.9", "globalAccess": true,
                "authorizedNetworksConfig": {
                    "enabled": true, "gcpPublicCidrsAccessEnabled": false,
                    "cidrBlocks": [{ "cidrBlock": "198.51.100.0/24", "displayName": "office" }],
                },
            });
            let pool = &mut cluster["nodePools"][0];
            pool["upgradeSettings"] = json!({ "strategy": "SURGE", "maxSurge": 1, "maxUnavailable": 2 });
            pool["nodeDrainConfig"] = json!({ "pdbTimeoutDuration": "60s", "gracePeriod": "9s" });
            pool["autoscaling"] = json!({ "enabled": true, "maxNodeCount": 3, "locationPolicy": "ANY" });
            pool["config"]["taints"] =
                json!([{ "key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE" }]);
        });
        let pool = Some(&cluster.node_pools[0]);
        let update = |setting: PoolSetting| pool_update(&setting, pool);
        assert_eq!(
            update(PoolSetting::MaxSurge(3)),
            json!({ "upgradeSettings": { "strategy": "SURGE", "maxSurge": 3, "maxUnavailable": 2 } })
        );
        let drain = json!({
            "pdbTimeoutDuration": "5s", "gracePeriod": "9s", "respectPdbDuringNodePoolDeletion": true,
        });
        assert_eq!(update(PoolSetting::DrainTimeout { seconds: 5 }), json!({ "nodeDrainConfig": drain }));
        assert_eq!(
            autoscaling(Some((1, 4)), pool),
            json!({ "enabled": true, "totalMinNodeCount": 1, "totalMaxNodeCount": 4, "locationPolicy": "ANY" })
        );
        let taint = json!([{ "key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE" }]);
        assert_eq!(update(PoolSetting::Taints(BTreeSet::new())), json!({ "taints": { "taints": taint } }));
        let shown = node_pool(&cluster, &cluster.node_pools[0], None).unwrap();
        assert!(shown.gpu_taint && shown.taints.is_empty(), "GKE's own taint is no difference");

        let cidrs = ["198.51.100.0/24", "203.0.113.0/24"].map(str::to_owned);
        let wanted = Endpoint { private: false, authorized_cidrs: cidrs.into() };
        let found = Endpoints {
            newer: cluster.control_plane_endpoints_config.clone(),
            older: cluster.master_authorized_networks_config.clone(),
        };
        assert_eq!(
            endpoints(&wanted, &found)["ipEndpointsConfig"],
            json!({
                "enabled": true, "enablePublicEndpoint": true, "globalAccess": true,
                "authorizedNetworksConfig": {
                    "enabled": true, "gcpPublicCidrsAccessEnabled": false,
                    "cidrBlocks": [
                        { "cidrBlock": "198.51.100.0/24", "displayName": "office" }, { "cidrBlock": "203.0.113.0/24" },
                    ],
                },
            })
        );
    }

    #[test]
    fn links_to_groups_lead_nowhere_else() {
        let path = |url: &str| group_path(url);
        let group = "https://www.googleapis.com/compute/v1/projects/p/zones/z/instanceGroupManagers/g";
        assert_eq!(path(group).as_deref(), Some("projects/p/zones/z/instanceGroupManagers/g"));
        let older = group.replace("Managers", "s");
        assert_eq!(path(&older).as_deref(), Some("projects/p/zones/z/instanceGroupManagers/g"));
        assert_eq!(path("https://x/projects/p/instances/i"), None);
        assert_eq!(path("https://x/projects/p?x=/instanceGroupManagers/y"), None);
    }

    proptest::proptest! {
        /// Whatever a server says, reading it is an answer or an error.
        #[test]
        fn no_reply_breaks_the_reader(version in ".*", zones in proptest::collection::vec(".*", 0..3), size in 0_u32..) {
            let edit = |cluster: &mut Value| {
                cluster["currentMasterVersion"] = version.into();
                cluster["nodePools"][0]["locations"] = json!(zones);
                cluster["nodePools"][0]["initialNodeCount"] = size.into();
            };
            drop(observed(&id(), &cluster(edit), &Sizes::new()));
        }
    }
}
