//! Node pools.

use serde_json::{Value, json};

use super::document::{Document, document, fill, text, texts};
use super::error::ApiError;
use super::inventory;
use super::operation::{Change, Effect, Kind};
use super::shape;
use super::version;
use super::world::{Lateness, Location, Pool};
use super::{Answer, Input, check_name};
use crate::cloud::Context;

/// The most nodes in a zone of a pool (GKE quotas).
const MOST_NODES: u64 = 1000;

const DISK_TYPES: [&str; 4] = ["pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced"];

/// The smallest boot disk that GKE takes, in GB.
const LEAST_DISK: u64 = 10;

/// What nodes may do unless it is said.
const SCOPES: [&str; 6] = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/logging.write",
    "https://www.googleapis.com/auth/monitoring",
    "https://www.googleapis.com/auth/service.management.readonly",
    "https://www.googleapis.com/auth/servicecontrol",
    "https://www.googleapis.com/auth/trace.append",
];

/// What a pool takes from its cluster.
pub(super) struct Home<'a> {
    pub(super) cluster: &'a str,
    pub(super) zones: &'a [String],
    pub(super) subnetwork: &'a str,
    /// The version of the control plane.
    pub(super) master: &'a str,
    pub(super) channel: Option<&'a str>,
}

/// The document of a pool that was asked for.
pub(super) fn new_document(location: &Location, home: &Home<'_>, mut doc: Document) -> Result<Document, ApiError> {
    let Home { cluster, zones: cluster_zones, subnetwork, master, channel } = home;
    let name = text(&doc, "name").to_owned();
    check_name("node_pool.name", &name)?;
    let zones = texts(&doc, "locations");
    let zones = if zones.is_empty() { cluster_zones.to_vec() } else { zones };
    check_zones(location, &zones)?;
    let version = version::of_nodes(text(&doc, "version"), master)?;
    doc.insert("version".into(), version.into());
    doc.insert("locations".into(), zones.clone().into());
    if let Some(autoscaling) = doc.remove("autoscaling") {
        let spot = doc.get("config").is_some_and(|config| config["spot"] == true);
        doc.insert("autoscaling".into(), autoscaling_of(autoscaling, spot)?);
    }
    let mut config = match doc.remove("config") {
        Some(config) => document(config),
        None => Document::new(),
    };
    let spot = config.get("spot") == Some(&Value::Bool(true));
    fill(
        &mut config,
        json!({
            "machineType": inventory::DEFAULT_MACHINE_TYPE,
            "diskSizeGb": 100,
            "diskType": "pd-balanced",
            "imageType": "COS_CONTAINERD",
            "oauthScopes": SCOPES,
            "serviceAccount": "default",
            "metadata": { "disable-legacy-endpoints": "true" },
            "shieldedInstanceConfig": { "enableIntegrityMonitoring": true },
            "effectiveCgroupMode": "EFFECTIVE_CGROUP_MODE_V2",
            "resourceLabels": { "goog-gke-node-pool-provisioning-model": if spot { "spot" } else { "on-demand" } },
            "windowsNodeConfig": {},
            "kubeletConfig": { "insecureKubeletReadonlyPortEnabled": false, "maxParallelImagePulls": 2 },
        }),
    );
    check_config(location, &zones, &mut config)?;
    doc.insert("config".into(), config.into());
    if let Some(upgrade) = doc.get("upgradeSettings") {
        check_upgrade_settings(upgrade)?;
    }
    check_management(doc.get("management"), *channel)?;
    fill(
        &mut doc,
        json!({
            "autoscaling": {},
            "management": { "autoRepair": true, "autoUpgrade": true },
            "maxPodsConstraint": { "maxPodsPerNode": "110" },
            "networkConfig": { "podRange": format!("gke-{cluster}-pods"), "subnetwork": subnetwork },
            "podIpv4CidrSize": 24,
            "upgradeSettings": { "maxSurge": 1, "strategy": "SURGE" },
            "selfLink": format!(
                "https://container.googleapis.com/v1/{}/clusters/{cluster}/nodePools/{name}",
                location.path()
            ),
        }),
    );
    let count = doc.get("initialNodeCount").and_then(Value::as_i64).unwrap_or(0);
    check_count(count)?;
    doc.insert("status".into(), "RUNNING".into());
    Ok(doc)
}

pub(super) fn create(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let mut wanted = shape::read(shape::CREATE_NODE_POOL, &input.request.body)?;
    let cluster_name = input.label(2);
    let Some(Value::Object(wanted)) = wanted.remove("nodePool") else {
        return Err(ApiError::invalid("NodePool must be specified."));
    };
    let name = text(&wanted, "name").to_owned();
    let cluster = location.cluster(cluster_name)?;
    if cluster.pools.contains_key(&name) {
        return Err(ApiError::already_exists(format!(
            "Already exists: {}/clusters/{cluster_name}/nodePools/{name}.",
            location.path()
        )));
    }
    let home = Home {
        cluster: cluster_name,
        zones: &texts(&cluster.doc, "locations"),
        subnetwork: cluster.doc.get("networkConfig").and_then(|config| config["subnetwork"].as_str()).unwrap_or(""),
        master: text(&cluster.doc, "currentMasterVersion"),
        channel: cluster.channel(),
    };
    let doc = new_document(location, &home, wanted)?;
    location.require_free(Kind::CreateNodePool, cluster_name, Some(&name))?;
    let lateness = Lateness::of_creation(context);
    if let Some(cluster) = location.clusters.get_mut(cluster_name) {
        cluster.pools.insert(name.clone(), Pool::new(doc, lateness));
    }
    Ok(begin(location, Kind::CreateNodePool, cluster_name, &name, Effect::CreatePool, context))
}

pub(super) fn list(location: &mut Location, input: &Input<'_>) -> Result<Answer, ApiError> {
    let cluster = input.label(2);
    let names: Vec<String> = location.cluster(cluster)?.pools.keys().cloned().collect();
    let pools: Vec<Value> = names.iter().filter_map(|name| location.show_pool(cluster, name)).collect();
    Ok(Answer::read(if pools.is_empty() { json!({}) } else { json!({ "nodePools": pools }) }))
}

pub(super) fn get(location: &mut Location, input: &Input<'_>) -> Result<Answer, ApiError> {
    let (cluster, name) = (input.label(2), input.label(3));
    location.pool(cluster, name)?;
    let none = location.no_pool(cluster, name);
    location.read_pool(cluster, name).map(Answer::read).ok_or(none)
}

pub(super) fn delete(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let (cluster, name) = (input.label(2), input.label(3));
    location.pool(cluster, name)?;
    location.require_free(Kind::DeleteNodePool, cluster, Some(name))?;
    Ok(begin(location, Kind::DeleteNodePool, cluster, name, Effect::DeletePool, context))
}

pub(super) fn update(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let wanted = shape::read(shape::UPDATE_NODE_POOL, &input.request.body)?;
    let (cluster_name, name) = (input.label(2), input.label(3));
    let pool = location.pool(cluster_name, name)?;
    let shown = location.show_pool(cluster_name, name).unwrap_or_default();
    check_etag(&wanted, &shown, "node pool")?;
    let master = text(&location.cluster(cluster_name)?.doc, "currentMasterVersion");
    let mut patch = Document::new();
    if let Some(asked) = wanted.get("nodeVersion").and_then(Value::as_str) {
        patch.insert("version".into(), version::of_nodes(asked, master)?.into());
    }
    let mut config = pool.doc.get("config").cloned().map(document).unwrap_or_default();
    let mut config_changes = false;
    for key in [
        "machineType",
        "diskType",
        "imageType",
        "workloadMetadataConfig",
        "kubeletConfig",
        "loggingConfig",
        "gcfsConfig",
        "gvnic",
        "bootDisk",
    ] {
        if let Some(value) = wanted.get(key) {
            config.insert(key.into(), value.clone());
            config_changes = true;
        }
    }
    if let Some(size) = wanted.get("diskSizeGb").and_then(Value::as_str) {
        config.insert("diskSizeGb".into(), json!(size.parse::<u64>().unwrap_or(0)));
        config_changes = true;
    }
    if config_changes {
        // One disk, said twice.
        if !wanted.contains_key("bootDisk") {
            config.remove("bootDisk");
        } else if let Some(Value::Object(disk)) = wanted.get("bootDisk") {
            if let Some(size) = disk.get("sizeGb").and_then(Value::as_str) {
                config.insert("diskSizeGb".into(), json!(size.parse::<u64>().unwrap_or(0)));
            }
            config.extend(disk.get("diskType").map(|kind| ("diskType".to_owned(), kind.clone())));
        }
    }
    // Wrapped, so that empty sets can be told from none: each replaces the whole set.
    for (key, inner, member) in [
        ("labels", "labels", "labels"),
        ("taints", "taints", "taints"),
        ("tags", "tags", "tags"),
        ("resourceLabels", "labels", "resourceLabels"),
    ] {
        if let Some(Value::Object(wrapper)) = wanted.get(key) {
            match wrapper.get(inner) {
                Some(value) => drop(config.insert(member.into(), value.clone())),
                None => drop(config.remove(member)),
            }
            config_changes = true;
        }
    }
    let zones = texts(&wanted, "locations");
    let pool_zones = texts(&pool.doc, "locations");
    if config_changes {
        check_config(location, &pool_zones, &mut config)?;
        patch.insert("config".into(), config.into());
    }
    for key in ["upgradeSettings", "nodeDrainConfig"] {
        if let Some(value) = wanted.get(key) {
            if key == "upgradeSettings" {
                check_upgrade_settings(value)?;
            }
            patch.insert(key.into(), value.clone());
        }
    }
    if let Some(Value::Object(network)) = wanted.get("nodeNetworkConfig") {
        let mut merged = pool.doc.get("networkConfig").cloned().map(document).unwrap_or_default();
        merged.extend(network.clone());
        patch.insert("networkConfig".into(), merged.into());
    }
    let moves = !zones.is_empty() && zones != pool_zones;
    if moves {
        check_zones(location, &zones)?;
        if !patch.is_empty() {
            // The discovery document warns that others would reach new nodes only; nothing here could show that.
            return Err(ApiError::invalid("Locations must be updated in a request of their own."));
        }
    } else if patch.is_empty() && zones.is_empty() {
        return Err(ApiError::invalid(
            "At least one of ['node_version', 'image_type', 'locations', 'upgrade_settings', …] must be specified.",
        ));
    }
    location.require_free(Kind::UpgradeNodes, cluster_name, Some(name))?;
    let only_settings = patch.keys().all(|key| key == "upgradeSettings" || key == "nodeDrainConfig");
    let kind = if moves || !only_settings { Kind::UpgradeNodes } else { Kind::UpdateCluster };
    let effect = if moves { Effect::MovePool(zones) } else { Effect::PatchPool(patch) };
    Ok(begin(location, kind, cluster_name, name, effect, context))
}

pub(super) fn set_size(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let wanted = shape::read(shape::SET_NODE_POOL_SIZE, &input.request.body)?;
    let (cluster, name) = (input.label(2), input.label(3));
    location.pool(cluster, name)?;
    let count = wanted.get("nodeCount").and_then(Value::as_i64).unwrap_or(0);
    let size = check_count(count)?;
    location.require_free(Kind::SetNodePoolSize, cluster, Some(name))?;
    Ok(begin(location, Kind::SetNodePoolSize, cluster, name, Effect::Resize(size), context))
}

pub(super) fn set_autoscaling(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let mut wanted = shape::read(shape::SET_NODE_POOL_AUTOSCALING, &input.request.body)?;
    let autoscaling = wanted.remove("autoscaling").unwrap_or_else(|| json!({}));
    change_autoscaling(location, input.label(2), input.label(3), autoscaling, context)
}

/// Also reached by an update of the cluster.
pub(super) fn change_autoscaling(
    location: &mut Location,
    cluster: &str,
    name: &str,
    autoscaling: Value,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let pool = location.pool(cluster, name)?;
    let spot = pool.doc.get("config").is_some_and(|config| config["spot"] == true);
    let patch = document(json!({ "autoscaling": autoscaling_of(autoscaling, spot)? }));
    location.require_free(Kind::UpdateCluster, cluster, Some(name))?;
    Ok(begin(location, Kind::UpdateCluster, cluster, name, Effect::PatchPool(patch), context))
}

pub(super) fn set_management(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let mut wanted = shape::read(shape::SET_NODE_POOL_MANAGEMENT, &input.request.body)?;
    let (cluster, name) = (input.label(2), input.label(3));
    location.pool(cluster, name)?;
    let Some(management) = wanted.remove("management") else {
        return Err(ApiError::invalid("Management must be specified."));
    };
    check_management(Some(&management), location.cluster(cluster)?.channel())?;
    location.require_free(Kind::SetNodePoolManagement, cluster, Some(name))?;
    let effect = Effect::PatchPool(document(json!({ "management": management })));
    Ok(begin(location, Kind::SetNodePoolManagement, cluster, name, effect, context))
}

pub(super) fn roll_back(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    shape::read(shape::ROLLBACK, &input.request.body)?;
    let (cluster, name) = (input.label(2), input.label(3));
    if !location.pool(cluster, name)?.can_roll_back {
        return Err(ApiError::precondition(format!("Node pool {name} has no upgrade that could be rolled back.")));
    }
    location.require_free(Kind::UpgradeNodes, cluster, Some(name))?;
    Ok(begin(location, Kind::UpgradeNodes, cluster, name, Effect::PatchPool(Document::new()), context))
}

pub(super) fn begin(
    location: &mut Location,
    kind: Kind,
    cluster: &str,
    pool: &str,
    effect: Effect,
    context: &mut Context<'_>,
) -> Answer {
    let change = Change { kind, cluster: cluster.into(), pool: Some(pool.into()), effect };
    Answer::changed(location.begin(change, context))
}

/// The discovery document: an etag that was given and is not the current one blocks the update with ABORTED.
pub(super) fn check_etag(wanted: &Document, shown: &Value, what: &str) -> Result<(), ApiError> {
    match wanted.get("etag") {
        Some(etag) if *etag != shown["etag"] => {
            Err(ApiError::aborted(format!("The etag of the {what} does not match its current etag.")))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn check_zones(location: &Location, zones: &[String]) -> Result<(), ApiError> {
    let known = location.place.zones();
    match zones.iter().find(|zone| !known.contains(zone)) {
        Some(zone) => {
            Err(ApiError::invalid(format!("Location \"{zone}\" is not in region {}.", location.place.region)))
        }
        None => Ok(()),
    }
}

pub(super) fn no_service_account(account: &str) -> ApiError {
    ApiError::invalid(format!("Service account \"projects/-/serviceAccounts/{account}\" does not exist."))
}

pub(super) fn check_count(count: i64) -> Result<u32, ApiError> {
    match u32::try_from(count) {
        Ok(count) if u64::from(count) <= MOST_NODES => Ok(count),
        Ok(_) | Err(_) => {
            Err(ApiError::invalid(format!("Node count {count} must be between 0 and {MOST_NODES} per zone.")))
        }
    }
}

/// What is shown of bounds that were asked for: nothing where it is off.
fn autoscaling_of(wanted: Value, spot: bool) -> Result<Value, ApiError> {
    if wanted["enabled"] != true {
        return Ok(json!({}));
    }
    let bound = |key: &str| wanted[key].as_i64();
    let (min, max) = (bound("minNodeCount"), bound("maxNodeCount"));
    let (total_min, total_max) = (bound("totalMinNodeCount"), bound("totalMaxNodeCount"));
    if (min.is_some() || max.is_some()) && (total_min.is_some() || total_max.is_some()) {
        return Err(ApiError::invalid(
            "min_node_count and max_node_count cannot be used together with total_min_node_count and total_max_node_count.",
        ));
    }
    let (least, most) = (min.or(total_min).unwrap_or(0), max.or(total_max).unwrap_or(0));
    if least < 0 || most < 1 || least > most {
        return Err(ApiError::invalid(format!(
            "Invalid autoscaling bounds: the minimum {least} must be at least 0 and at most the maximum {most}, which must be positive."
        )));
    }
    let mut shown = document(wanted);
    fill(&mut shown, json!({ "locationPolicy": if spot { "ANY" } else { "BALANCED" } }));
    Ok(shown.into())
}

/// Channels keep nodes whole and new.
fn check_management(management: Option<&Value>, channel: Option<&str>) -> Result<(), ApiError> {
    match (management, channel) {
        (Some(management), Some(channel)) if management["autoUpgrade"] != true || management["autoRepair"] != true => {
            Err(ApiError::invalid(format!(
                "Auto_upgrade and auto_repair cannot be false when release_channel {channel} is set."
            )))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn check_upgrade_settings(settings: &Value) -> Result<(), ApiError> {
    let number = |key: &str| settings[key].as_i64().unwrap_or(0);
    let (surge, unavailable) = (number("maxSurge"), number("maxUnavailable"));
    let surges = settings["strategy"].as_str().is_none_or(|strategy| strategy == "SURGE");
    if surges && (surge < 0 || unavailable < 0 || surge + unavailable < 1 || surge + unavailable > 20) {
        // GKE node pool upgrade strategies: the two together are 1 to 20.
        return Err(ApiError::invalid(
            "Invalid upgrade settings: the sum of max_surge and max_unavailable must be between 1 and 20.",
        ));
    }
    Ok(())
}

fn check_config(location: &Location, zones: &[String], config: &mut Document) -> Result<(), ApiError> {
    let machine = text(config, "machineType");
    for zone in zones {
        if !inventory::machine_types(zone).any(|known| known.name == machine) {
            return Err(ApiError::invalid(format!(
                "Machine type with name \"{machine}\" does not exist in zone \"{zone}\"."
            )));
        }
    }
    let disk = text(config, "diskType");
    if !DISK_TYPES.contains(&disk) {
        return Err(ApiError::invalid(format!("Disk type \"{disk}\" is not supported.")));
    }
    let size = config.get("diskSizeGb").and_then(Value::as_u64).unwrap_or(0);
    if size < LEAST_DISK {
        return Err(ApiError::invalid(format!("Disk size {size} GB must be at least {LEAST_DISK} GB.")));
    }
    let image = text(config, "imageType").to_ascii_uppercase();
    if !version::IMAGE_TYPES.contains(&image.as_str()) {
        return Err(ApiError::invalid(format!("Image type \"{image}\" is not supported.")));
    }
    let account = text(config, "serviceAccount");
    if !inventory::is_service_account(location.project, account) {
        return Err(no_service_account(account));
    }
    if let Some(Value::Object(labels)) = config.get("labels")
        && let Some(key) =
            labels.keys().find(|key| key.starts_with("kubernetes.io/") || key.contains(".kubernetes.io/"))
    {
        return Err(ApiError::invalid(format!("Node label \"{key}\" has a reserved prefix.")));
    }
    check_taints(config)?;
    let (kind, size) = (disk.to_owned(), size.to_string());
    config.insert("imageType".into(), image.into());
    let mut disk = config.remove("bootDisk").map(document).unwrap_or_default();
    disk.insert("diskType".into(), kind.into());
    disk.insert("sizeGb".into(), size.into());
    config.insert("bootDisk".into(), disk.into());
    Ok(())
}

fn check_taints(config: &Document) -> Result<(), ApiError> {
    let taints: &[Value] = config.get("taints").and_then(Value::as_array).map_or(&[], Vec::as_slice);
    for (index, taint) in taints.iter().enumerate() {
        if taint["key"].as_str().is_none() || taint["effect"].as_str().is_none() {
            return Err(ApiError::invalid("A taint must have a key and an effect."));
        }
        let same = |other: &Value| other["key"] == taint["key"] && other["effect"] == taint["effect"];
        if taints[..index].iter().any(same) {
            let (key, effect) = (&taint["key"], &taint["effect"]);
            return Err(ApiError::invalid(format!("Duplicate taint with key {key} and effect {effect}.")));
        }
    }
    Ok(())
}
