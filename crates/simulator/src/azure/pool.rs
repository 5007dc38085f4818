//! Agent pools: what a request makes of one, which rules it meets, and its own calls.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::catalogue::{self, Version};
use super::error::ArmError;
use super::world::{Change, Cluster, Document, Pool, Subscription, Target, document, text};
use super::{Answer, Input, inventory, polling};
use crate::cloud::Context;

/// How long things take, from recordings of the CLI with pools of few nodes.
const CREATE: Duration = Duration::from_secs(180);
const DELETE: Duration = Duration::from_secs(120);
const UPGRADE: Duration = Duration::from_secs(300);
const SCALE: Duration = Duration::from_secs(120);
const UPDATE: Duration = Duration::from_secs(60);
pub(super) const ABORT: Duration = Duration::from_secs(60);

/// Most nodes of a pool, and most pools of a cluster: AKS's page on quotas.
const MOST_NODES: u64 = 1000;
pub(super) const MOST_POOLS: usize = 100;

/// "The node pool minor version must be within two minor versions of the control plane version": the model, at
/// `orchestratorVersion`.
pub(super) const SKEW: u32 = 2;

/// Every property of the models 2025-10-01 to 2026-08-01.
const KNOWN: &str = "eTag count vmSize osDiskSizeGB osDiskType kubeletDiskType workloadRuntime messageOfTheDay vnetSubnetID \
    podSubnetID podIPAllocationMode maxPods osType osSKU maxCount minCount enableAutoScaling scaleDownMode type mode \
    orchestratorVersion currentOrchestratorVersion nodeImageVersion upgradeStrategy upgradeSettings \
    upgradeSettingsBlueGreen provisioningState powerState availabilityZones enableNodePublicIP nodePublicIPPrefixID \
    scaleSetPriority scaleSetEvictionPolicy spotMaxPrice tags nodeLabels nodeTaints nodeInitializationTaints \
    proximityPlacementGroupID kubeletConfig linuxOSConfig enableEncryptionAtHost enableUltraSSD enableFIPS \
    gpuInstanceProfile creationData capacityReservationGroupID hostGroupID networkProfile windowsProfile securityProfile \
    gpuProfile artifactStreamingProfile virtualMachinesProfile virtualMachineNodesStatus gatewayProfile localDNSProfile \
    status nodeCustomizationProfile";

/// Given back to AKS they say nothing.
const READ_ONLY: [&str; 5] = ["eTag", "currentOrchestratorVersion", "nodeImageVersion", "provisioningState", "status"];

/// What a pool keeps for life. Source: azurerm's documentation of what makes it cycle or replace a pool, and the model's
/// "may not be changed".
const IMMUTABLE: [&str; 25] = [
    "vmSize",
    "osDiskSizeGB",
    "osDiskType",
    "kubeletDiskType",
    "maxPods",
    "availabilityZones",
    "vnetSubnetID",
    "podSubnetID",
    "osType",
    "type",
    "scaleSetPriority",
    "scaleSetEvictionPolicy",
    "spotMaxPrice",
    "proximityPlacementGroupID",
    "kubeletConfig",
    "linuxOSConfig",
    "enableEncryptionAtHost",
    "enableUltraSSD",
    "enableFIPS",
    "gpuInstanceProfile",
    "capacityReservationGroupID",
    "hostGroupID",
    "nodePublicIPPrefixID",
    "enableNodePublicIP",
    "workloadRuntime",
];

/// What AKS adds to pools of spot machines.
const SPOT: &str = "kubernetes.azure.com/scalesetpriority";

/// What a pool finds around it.
pub(super) struct Around<'a> {
    pub(super) location: &'a str,
    /// Of the control plane: what was asked for and what it is.
    pub(super) version: (&'a str, Version),
    /// As many pods as a node has unless asked for.
    pub(super) max_pods: u32,
}

pub(super) fn list(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let cluster = parent(subscription, input, "read")?;
    let cluster_id = cluster.id(&id);
    let value: Vec<Value> = cluster.pools.iter_mut().filter_map(|pool| pool.read(&cluster_id)).collect();
    Ok(Answer::ok(json!({ "value": value })))
}

pub(super) fn get(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let cluster = parent(subscription, input, "read")?;
    let cluster_id = cluster.id(&id);
    let doc = cluster.pool(input.label(3)).and_then(|pool| pool.read(&cluster_id));
    Ok(Answer::ok(doc.ok_or_else(|| not_found(input))?))
}

pub(super) fn create_or_update(
    subscription: &mut Subscription,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let name = input.label(3);
    let body: Document = input.body()?;
    let unknown = |key: &&String| !["id", "name", "type", "properties"].contains(&key.as_str());
    if let Some(key) = body.keys().find(unknown) {
        return Err(unknown_field(key));
    }
    let wanted = body.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let id = subscription.id.clone();
    parent(subscription, input, "write")?;
    let (cluster, operations) = subscription.cluster(input.label(1), input.label(2))?;
    let cluster_id = cluster.id(&id);
    input.precondition(cluster.pools.iter().find(|pool| pool.name == name).map(Pool::etag))?;
    cluster.require_idle()?;
    let version = Version::parse(text(&cluster.properties, "currentKubernetesVersion")).unwrap_or(catalogue::DEFAULT);
    let location = cluster.location().to_owned();
    let asked = text(&cluster.properties, "kubernetesVersion").to_owned();
    let max_pods = super::cluster::max_pods(&cluster.properties);
    let around = Around { location: &location, version: (&asked, version), max_pods };
    let before = cluster.pools.iter().find(|pool| pool.name == name).map(|pool| pool.properties.clone());
    let filled = fill(name, wanted, before.as_ref(), &around)?;
    check_version(&filled, before.as_ref(), version)?;
    require_system_pool(cluster, Some((name, &filled)))?;
    let reached = resolve(&filled, &around);
    let (status, state, usual) = match &before {
        None => {
            if cluster.pools.len() == MOST_POOLS {
                let message = format!("The cluster has {MOST_POOLS} agent pools already.");
                return Err(ArmError::service(400, "MaxAgentPoolCountReached", message));
            }
            (201, "Creating", CREATE)
        }
        Some(before) => change_of(before, &filled, reached),
    };
    match cluster.pool(name) {
        Some(pool) => pool.properties = filled,
        None => {
            let pool = Pool::new(name, filled, context);
            cluster.pools.push(pool);
        }
    }
    let change = Change {
        target: Target::Pool(name.into()),
        state,
        usual,
        cluster: Document::new(),
        pools: BTreeMap::from([(name.to_owned(), reached_by(reached))]),
    };
    let operation = cluster.accept(change, operations, context);
    let (poll, _) = polling::urls(input, &location, &operation);
    let shown = cluster.pool(name).map(|pool| pool.show(&cluster_id));
    Ok(Answer { status, headers: vec![("Azure-AsyncOperation", poll)], body: shown, committed: true })
}

pub(super) fn delete(
    subscription: &mut Subscription,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let name = input.label(3);
    if let Some(text) = input.request.query("ignore-pod-disruption-budget")
        && !["true", "false"].contains(&text.to_ascii_lowercase().as_str())
    {
        let message = format!("The value '{text}' of ignore-pod-disruption-budget is not a boolean.");
        return Err(ArmError::invalid_parameter("ignore-pod-disruption-budget", message));
    }
    if parent(subscription, input, "delete").is_err() {
        return Ok(Answer::nothing());
    }
    let (cluster, operations) = subscription.cluster(input.label(1), input.label(2))?;
    let Some(pool) = cluster.pool(name) else {
        return Ok(Answer::nothing());
    };
    let etag = pool.etag().to_owned();
    input.precondition(Some(&etag))?;
    cluster.require_idle()?;
    require_system_pool(cluster, Some((name, &Document::new())))?;
    let operation = cluster.delete(Target::Pool(name.into()), DELETE, operations, context);
    let (poll, result) = polling::urls(input, cluster.location(), &operation);
    let headers = vec![("Azure-AsyncOperation", poll), ("Location", result)];
    Ok(Answer { status: 202, headers, body: None, committed: true })
}

pub(super) fn abort(
    subscription: &mut Subscription,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let name = input.label(3);
    parent(subscription, input, "action")?;
    let (cluster, operations) = subscription.cluster(input.label(1), input.label(2))?;
    if cluster.pool(name).is_none() {
        return Err(not_found(input));
    }
    let aborted = cluster.abort(&Target::Pool(name.into()), ABORT, operations, context);
    Ok(super::cluster::aborted(input, cluster, aborted))
}

pub(super) fn upgrade_profile(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let cluster = parent(subscription, input, "read")?;
    let newest = Version::parse(text(&cluster.properties, "currentKubernetesVersion")).unwrap_or(catalogue::DEFAULT);
    let cluster_id = cluster.id(&id);
    let pool = cluster.pool(input.label(3)).ok_or_else(|| not_found(input))?;
    let version = current(&pool.properties).unwrap_or(newest);
    let upgrades: Vec<Value> = catalogue::all()
        .filter(|to| *to > version && *to <= newest)
        .map(|to| json!({ "kubernetesVersion": to.to_string(), "isPreview": false }))
        .collect();
    Ok(Answer::ok(json!({
        "id": format!("{cluster_id}/agentPools/{}/upgradeProfiles/default", pool.name),
        "name": "default",
        "type": "Microsoft.ContainerService/managedClusters/agentPools/upgradeProfiles",
        "properties": {
            "kubernetesVersion": version.to_string(),
            "osType": text(&pool.properties, "osType"),
            "upgrades": upgrades,
            "latestNodeImageVersion": node_image(version),
        },
    })))
}

pub(super) fn available_versions(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let cluster = parent(subscription, input, "read")?;
    let newest = Version::parse(text(&cluster.properties, "currentKubernetesVersion")).unwrap_or(catalogue::DEFAULT);
    let versions: Vec<Value> = catalogue::all()
        .filter(|version| *version <= newest && version.minor + SKEW >= newest.minor)
        .map(|version| json!({ "default": version == newest, "kubernetesVersion": version.to_string(), "isPreview": false }))
        .collect();
    Ok(Answer::ok(json!({
        "id": format!("{}/availableAgentPoolVersions", cluster.id(&id)),
        "name": "default",
        "type": "Microsoft.ContainerService/managedClusters/availableAgentpoolVersions",
        "properties": { "agentPoolVersions": versions },
    })))
}

/// The properties of a pool after a request. What it leaves out is reset, but for what a pool keeps for life.
pub(super) fn fill(
    name: &str,
    mut wanted: Document,
    before: Option<&Document>,
    around: &Around<'_>,
) -> Result<Document, ArmError> {
    let windows = wanted.get("osType").is_some_and(|os| *os == "Windows");
    check_name(name, windows)?;
    if let Some(key) = wanted.keys().find(|key| !KNOWN.split(' ').any(|known| known == key.as_str())) {
        return Err(unknown_field(key));
    }
    wanted.retain(|key, value| !value.is_null() && !READ_ONLY.contains(&key.as_str()));
    if wanted.get("osDiskSizeGB").and_then(Value::as_u64) == Some(0) {
        wanted.remove("osDiskSizeGB");
    }
    if let Some(before) = before {
        keep(&mut wanted, before)?;
    }
    let spot = wanted.get("scaleSetPriority").is_some_and(|priority| *priority == "Spot");
    let mut pool = document(json!({
        "vmSize": "Standard_D4s_v5",
        "osDiskSizeGB": 128,
        "osDiskType": "Managed",
        "kubeletDiskType": "OS",
        "workloadRuntime": "OCIContainer",
        "maxPods": around.max_pods,
        "type": "VirtualMachineScaleSets",
        "enableAutoScaling": false,
        "scaleDownMode": "Delete",
        "powerState": { "code": "Running" },
        "enableNodePublicIP": false,
        "mode": "User",
        "enableEncryptionAtHost": false,
        "enableUltraSSD": false,
        "osType": "Linux",
        "osSKU": if windows { "Windows2022" } else { "Ubuntu" },
        "enableFIPS": false,
        "securityProfile": { "enableVTPM": false, "enableSecureBoot": false, "sshAccess": "LocalUser" },
    }));
    pool.insert("upgradeSettings".into(), json!({ "maxSurge": "10%", "maxUnavailable": "0" }));
    if spot {
        pool.insert("scaleSetEvictionPolicy".into(), "Delete".into());
        pool.insert("spotMaxPrice".into(), json!(-1.0));
        pool.remove("upgradeSettings");
    }
    let surge = wanted.remove("upgradeSettings");
    pool.extend(wanted);
    // The settings that a request leaves out of the block keep their defaults.
    if let Some(Value::Object(given)) = surge {
        let entry = pool.entry("upgradeSettings").or_insert_with(|| json!({}));
        given.into_iter().for_each(|(key, value)| entry[key] = value);
    }
    // Ordinary priority is not shown unless it was asked for; empty collections are as good as none.
    pool.retain(|_, value| {
        !value.as_array().is_some_and(Vec::is_empty) && !value.as_object().is_some_and(Document::is_empty)
    });
    check_machine(&pool, around.location)?;
    check_subnets(&pool)?;
    fill_count(name, &mut pool, before)?;
    check_labels(&pool)?;
    if spot {
        if pool["mode"] == "System" {
            let message = "Spot pools cannot be system pools.";
            return Err(ArmError::invalid_parameter("agentPoolProfile.scaleSetPriority", message));
        }
        let labels = pool.entry("nodeLabels").or_insert_with(|| json!({}));
        labels[SPOT] = "spot".into();
        let taint = Value::from(format!("{SPOT}=spot:NoSchedule"));
        if let Some(taints) = pool.entry("nodeTaints").or_insert_with(|| json!([])).as_array_mut()
            && !taints.contains(&taint)
        {
            taints.push(taint);
        }
    }
    fill_version(&mut pool, before, around)?;
    Ok(pool)
}

/// The version that a pool gets to.
pub(super) fn resolve(pool: &Document, around: &Around<'_>) -> Version {
    let asked = text(pool, "orchestratorVersion");
    let current = current(pool);
    // The minor that it is on already leads to no newer patch: the model, at `orchestratorVersion`.
    match current {
        Some(current) if asked == format!("1.{}", current.minor) => current,
        _ => Version::offered(asked).or_else(|| Version::parse(asked)).or(current).unwrap_or(around.version.1),
    }
}

/// What a pool's document becomes once it has a version.
pub(super) fn reached_by(version: Version) -> Document {
    document(json!({ "currentOrchestratorVersion": version.to_string(), "nodeImageVersion": node_image(version) }))
}

/// A pool's version by its document.
pub(super) fn current(pool: &Document) -> Option<Version> {
    Version::parse(text(pool, "currentOrchestratorVersion"))
}

/// A pool is never ahead of its control plane nor too far behind.
pub(super) fn check_version(
    pool: &Document,
    before: Option<&Document>,
    control_plane: Version,
) -> Result<(), ArmError> {
    let asked = text(pool, "orchestratorVersion");
    let Some(version) = Version::offered(asked).or_else(|| Version::parse(asked)) else { return Ok(()) };
    // What a pool has been on is never in its way: control planes patched by themselves may fall behind it here.
    let ahead = version > control_plane && before.and_then(current) != Some(version);
    let how = if ahead {
        "bigger than"
    } else if version.minor + SKEW < control_plane.minor {
        "more than two minor versions less than"
    } else {
        return Ok(());
    };
    Err(ArmError::service(
        400,
        "NodePoolMcVersionIncompatible",
        format!(
            "Node pool version {version} and control plane version {control_plane} are incompatible. The version of the \
             node pool is {how} that of the control plane. For more information, please check \
             https://aka.ms/aks/UpgradeVersionRules"
        ),
    ))
}

/// One pool of mode System must be left; `change` is what becomes of a pool, empty where it goes.
pub(super) fn require_system_pool(cluster: &Cluster, change: Option<(&str, &Document)>) -> Result<(), ArmError> {
    let mode = |pool: &Pool| match change {
        Some((name, after)) if name == pool.name => text(after, "mode").to_owned(),
        _ => text(&pool.properties, "mode").to_owned(),
    };
    if cluster.pools.iter().any(|pool| mode(pool) == "System") {
        return Ok(());
    }
    Err(no_system_pool())
}

pub(super) fn no_system_pool() -> ArmError {
    let message =
        "Must define at least one system pool. For more information, please check https://aka.ms/aks/system-pools";
    ArmError::service(400, "MustDefineAtLeastOneSystemPool", message)
}

pub(super) fn unknown_field(key: &str) -> ArmError {
    let message = format!("UnmarshalEntity encountered error: json: unknown field \"{key}\".");
    ArmError::service(400, "UnmarshalError", message)
}

/// The status, state and duration of a change of a pool.
fn change_of(before: &Document, after: &Document, reached: Version) -> (u16, &'static str, Duration) {
    if current(before) != Some(reached) {
        (200, "Upgrading", UPGRADE)
    } else if before.get("count") != after.get("count") {
        (200, "Scaling", SCALE)
    } else {
        (200, "Updating", UPDATE)
    }
}

/// Carries over what a pool keeps for life, and refuses to change it.
fn keep(wanted: &mut Document, before: &Document) -> Result<(), ArmError> {
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some("");
    for key in IMMUTABLE {
        match (wanted.get(key).filter(|value| !empty(value)), before.get(key)) {
            (Some(given), Some(had)) if same(given, had) => {
                wanted.insert(key.into(), had.clone());
            }
            // What is on or regular by default may be written out.
            (Some(given), None)
                if *given == "Regular"
                    || *given == false
                    || (key == "spotMaxPrice" || key == "scaleSetEvictionPolicy") => {}
            (Some(_), _) => return Err(ArmError::unchangeable(&format!("properties.{key}"))),
            (None, Some(had)) => {
                wanted.insert(key.into(), had.clone());
            }
            (None, None) => {}
        }
    }
    Ok(())
}

/// Whether two values say the same: names are compared in any case, lists in any order.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().all(|item| other.iter().any(|o| same(item, o)))
        }
        (one, other) => one == other,
    }
}

fn check_name(name: &str, windows: bool) -> Result<(), ArmError> {
    let most = if windows { 6 } else { 12 };
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if starts_well && name.len() <= most && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
        return Ok(());
    }
    let message = format!(
        "The value of parameter agentPool.name is invalid. Error details: '{name}' does not match ^[a-z][a-z0-9]{{0,{}}}$. \
         Please see https://aka.ms/aks-naming-rules for more details.",
        most - 1
    );
    Err(ArmError::invalid_parameter("agentPool.name", message))
}

fn check_machine(pool: &Document, location: &str) -> Result<(), ArmError> {
    let size = text(pool, "vmSize");
    let Some(machine) = inventory::find_machine(size, location) else {
        let message = format!(
            "The VM size of {size} is not allowed in your subscription in location '{location}'. For more details, please \
             visit https://aka.ms/cpu-quota"
        );
        return Err(ArmError::bad_request(message).target("agentPoolProfile.vmSize"));
    };
    let zones = machine.zones_in(location);
    let wanted = pool.get("availabilityZones").and_then(Value::as_array);
    let wrong = wanted.into_iter().flatten().find(|zone| !zone.as_str().is_some_and(|zone| zones.contains(&zone)));
    match wrong {
        None => Ok(()),
        Some(zone) => Err(ArmError::service(
            400,
            "AvailabilityZoneNotSupported",
            format!(
                "The zone(s) {zone} for resource 'agentpool' is not supported. The supported zones for location \
                 '{location}' are '{}'",
                zones.join(",")
            ),
        )
        .target("agentPoolProfile.availabilityZones")),
    }
}

/// Subnets are of other services and not looked up here; Resource Manager itself refuses what is no id.
fn check_subnets(pool: &Document) -> Result<(), ArmError> {
    for key in ["vnetSubnetID", "podSubnetID"] {
        let id = text(pool, key).to_ascii_lowercase();
        let is_subnet = id.starts_with("/subscriptions/")
            && id.contains("/providers/microsoft.network/virtualnetworks/")
            && id.contains("/subnets/");
        if pool.contains_key(key) && !is_subnet {
            let message = format!(
                "Property id '{}' at path 'properties.{key}' is invalid. Expect fully qualified resource Id that start with \
                 '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'.",
                text(pool, key)
            );
            return Err(ArmError::gateway(400, "LinkedInvalidPropertyId", message));
        }
    }
    Ok(())
}

fn fill_count(name: &str, pool: &mut Document, before: Option<&Document>) -> Result<(), ArmError> {
    let number = |pool: &Document, key: &str| pool.get(key).and_then(Value::as_u64);
    let invalid =
        |what: &str, message: String| Err(ArmError::invalid_parameter(&format!("agentPoolProfile.{what}"), message));
    let had = before.and_then(|before| number(before, "count"));
    let autoscaled = pool["enableAutoScaling"] == true;
    let least = if pool["mode"] == "System" { 1 } else { 0 };
    if !autoscaled {
        if pool.contains_key("minCount") || pool.contains_key("maxCount") {
            let message = format!("minCount and maxCount of agent pool {name} need enableAutoScaling.");
            return Err(ArmError::service(400, "AutoScalingNotEnabled", message));
        }
        // A request without a count asks for the default.
        let count = number(pool, "count").unwrap_or(1);
        if !(least..=MOST_NODES).contains(&count) {
            return invalid(
                "count",
                format!("AgentPoolProfile.count was {count}. It must be from {least} to {MOST_NODES}."),
            );
        }
        pool.insert("count".into(), count.into());
        return Ok(());
    }
    let (Some(min), Some(max)) = (number(pool, "minCount"), number(pool, "maxCount")) else {
        return invalid("minCount", format!("minCount and maxCount of agent pool {name} are needed for autoscaling."));
    };
    if min < least || min > max || max > MOST_NODES {
        let message = format!(
            "AgentPoolProfile.minCount was {min} and maxCount {max}; they must be {least} <= minCount <= \
                               maxCount <= {MOST_NODES}."
        );
        return invalid("minCount", message);
    }
    let was_autoscaled = before.is_some_and(|before| before["enableAutoScaling"] == true);
    match (number(pool, "count"), had) {
        (Some(count), Some(had)) if was_autoscaled && count != had => {
            let message = format!("The count of agent pool {name} cannot be changed while its autoscaling is enabled.");
            return invalid("count", message);
        }
        (Some(count), None) if !(min..=max).contains(&count) => {
            let message = format!(
                "AgentPoolProfile.count was {count}. It must be greater or equal to minCount:{min} and \
                                   less or equal to maxCount:{max}"
            );
            return invalid("count", message);
        }
        (given, had) => {
            let count = given.or(had).unwrap_or(min).clamp(min, max);
            pool.insert("count".into(), count.into());
        }
    }
    Ok(())
}

fn check_labels(pool: &Document) -> Result<(), ArmError> {
    let labels = pool.get("nodeLabels").and_then(Value::as_object);
    if let Some((key, _)) = labels
        .into_iter()
        .flatten()
        .find(|(key, value)| !value.is_string() || (key.starts_with("kubernetes.azure.com/") && *key != SPOT))
    {
        let message =
            format!("The label '{key}' is not allowed: its value must be text and kubernetes.azure.com is reserved.");
        return Err(ArmError::invalid_parameter("agentPoolProfile.nodeLabels", message));
    }
    for taint in pool.get("nodeTaints").and_then(Value::as_array).into_iter().flatten() {
        let whole = taint.as_str().and_then(|taint| taint.rsplit_once(':'));
        let Some((key, "NoSchedule" | "PreferNoSchedule" | "NoExecute")) = whole else {
            let message = format!("The taint {taint} is not of the form key=value:effect.");
            return Err(ArmError::invalid_parameter("agentPoolProfile.nodeTaints", message));
        };
        let soft = whole.is_some_and(|(_, effect)| effect == "PreferNoSchedule");
        if pool["mode"] == "System" && !soft && !key.starts_with("CriticalAddonsOnly") {
            let message =
                format!("The taint {taint} is not allowed on a system pool; CriticalAddonsOnly=true:NoSchedule is.");
            return Err(ArmError::service(400, "SystemPoolHasRestrictedTaint", message));
        }
    }
    Ok(())
}

/// What the pool asks for and what it is at.
fn fill_version(pool: &mut Document, before: Option<&Document>, around: &Around<'_>) -> Result<(), ArmError> {
    let asked = text(pool, "orchestratorVersion").to_owned();
    let had = before.map(|before| text(before, "orchestratorVersion").to_owned());
    let now = before.and_then(current);
    let kept = now.is_some_and(|now| asked == now.to_string() || asked == format!("1.{}", now.minor));
    if asked.is_empty() {
        pool.insert("orchestratorVersion".into(), had.unwrap_or_else(|| around.version.0.into()).into());
    } else if !kept {
        let Some(version) = Version::offered(&asked) else {
            let message = format!(
                "Version {asked} is not supported in this region. Please use [az aks get-versions] command \
                                   to get the supported version list in this region. For more information, please check \
                                   https://aka.ms/supported-version-list"
            );
            return Err(ArmError::service(400, "AgentPoolK8sVersionNotSupported", message));
        };
        if let Some(now) = now.filter(|now| version < *now) {
            let message = format!("Upgrading agent pool from version {now} to {version} is not allowed: it is lower.");
            return Err(ArmError::service(400, "AgentPoolUpgradeVersionNotAllowed", message));
        }
    }
    let now = match now {
        Some(now) => now,
        None if text(pool, "orchestratorVersion") == around.version.0 => around.version.1,
        None => resolve(pool, around),
    };
    pool.extend(reached_by(now));
    if let Some(etag) = before.and_then(|before| before.get("eTag")) {
        pool.insert("eTag".into(), etag.clone());
    }
    if let Some(state) = before.and_then(|before| before.get("provisioningState")) {
        pool.insert("provisioningState".into(), state.clone());
    }
    Ok(())
}

fn node_image(version: Version) -> String {
    format!("AKSUbuntu-2204gen2containerd-2025{:02}.{:02}.0", version.minor % 12 + 1, version.patch)
}

/// The cluster of a pool.
fn parent<'s>(subscription: &'s mut Subscription, input: &Input<'_>, verb: &str) -> Result<&'s mut Cluster, ArmError> {
    let (group, name) = (input.label(1), input.label(2));
    let path = format!("/subscriptions/{}/resourceGroups/{group}", subscription.id);
    match subscription.cluster(group, name) {
        Ok((cluster, _)) => Ok(cluster),
        Err(error) if error.code == "ResourceNotFound" => Err(ArmError::gateway(
            404,
            "ParentResourceNotFound",
            format!(
                "Failed to perform '{verb}' on resource(s) of type 'managedClusters/agentPools', because the parent resource \
                 '{path}/providers/Microsoft.ContainerService/managedClusters/{name}' could not be found."
            ),
        )),
        Err(error) => Err(error),
    }
}

fn not_found(input: &Input<'_>) -> ArmError {
    ArmError::service(404, "NotFound", format!("Could not find agent pool '{}' in the cluster.", input.label(3)))
}
