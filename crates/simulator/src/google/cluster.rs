//! Clusters.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::document::{Document, document, fill, label_fingerprint, member, merge, text, texts};
use super::error::ApiError;
use super::operation::{Change, Effect, Kind};
use super::world::{Cluster, Lateness, Location, Pool};
use super::{Answer, Input, check_name, inventory, node_pool, shape, version};
use crate::cloud::Context;

/// As many labels as a resource can have, and as long (Compute's requirements for labels).
const MOST_LABELS: usize = 64;
const LONGEST_LABEL: usize = 63;

/// Services get their addresses from here unless it is said: GKE's own range.
const SERVICES: &str = "34.118.224.0/20";

pub(super) fn create(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let mut wanted = shape::read(shape::CREATE_CLUSTER, &input.request.body)?;
    let Some(Value::Object(wanted)) = wanted.remove("cluster") else {
        return Err(ApiError::invalid("Cluster must be specified."));
    };
    let name = text(&wanted, "name").to_owned();
    check_name("cluster.name", &name)?;
    if location.clusters.contains_key(&name) {
        let path = location.path();
        return Err(ApiError::already_exists(format!("Already exists: {path}/clusters/{name}.")));
    }
    let (doc, pools) = new_documents(location, &name, wanted, context)?;
    let up = finished(location, &name, &doc, context);
    let pools: BTreeMap<String, Pool> =
        pools.into_iter().map(|(name, doc)| (name, Pool::new(doc, Lateness::default()))).collect();
    let lateness = Lateness::of_creation(context);
    location.clusters.insert(name.clone(), Cluster::new(doc, pools, lateness));
    Ok(begin(location, Kind::CreateCluster, &name, Effect::CreateCluster(up), context))
}

/// The documents of a cluster and of its pools, as they are once it is up, but for [`finished`].
pub(super) fn new_documents(
    location: &Location,
    name: &str,
    mut doc: Document,
    context: &mut Context<'_>,
) -> Result<(Document, BTreeMap<String, Document>), ApiError> {
    if doc.get("autopilot").is_some_and(|autopilot| autopilot["enabled"] == true) {
        return Err(ApiError::invalid("Autopilot clusters are not offered here."));
    }
    check_labels(doc.get("resourceLabels"))?;
    let channel = match doc.get("releaseChannel") {
        // Whoever says that there is none has none.
        Some(channel) => channel["channel"].as_str().map(str::to_owned),
        None => Some(version::DEFAULT_CHANNEL.to_owned()),
    };
    let master = version::of_control_plane(text(&doc, "initialClusterVersion"), channel.as_deref())?;
    doc.insert("initialClusterVersion".into(), master.into());
    doc.insert("currentMasterVersion".into(), master.into());
    let channel = channel.map_or_else(|| json!({}), |channel| json!({ "channel": channel }));
    doc.insert("releaseChannel".into(), channel);

    let zones = texts(&doc, "locations");
    let zones = if zones.is_empty() { location.place.default_zones() } else { zones };
    node_pool::check_zones(location, &zones)?;
    if location.place.is_zone() && !zones.contains(&location.name) {
        return Err(ApiError::invalid(format!("Locations must include the cluster's primary zone {}.", location.name)));
    }
    doc.insert("locations".into(), zones.clone().into());
    let subnetwork = networks(location, &mut doc)?;
    addresses(location, &mut doc)?;
    endpoints(&mut doc);
    if let Some(identity) = doc.get("workloadIdentityConfig") {
        check_workload_pool(location, identity)?;
    }
    maintenance(&mut doc)?;

    let mut asked: Vec<Document> = match doc.remove("nodePools") {
        Some(Value::Array(pools)) => pools.into_iter().map(document).collect(),
        Some(_) | None => Vec::new(),
    };
    let count = doc.remove("initialNodeCount");
    let config = doc.remove("nodeConfig");
    match (count, asked.is_empty()) {
        (Some(_), false) => {
            return Err(ApiError::invalid(
                "Only one of cluster.initial_node_count and cluster.node_pools can be specified.",
            ));
        }
        (Some(count), true) => {
            let mut pool = document(json!({ "name": "default-pool", "initialNodeCount": count }));
            pool.extend(config.map(|config| ("config".to_owned(), config)));
            asked.push(pool);
        }
        (None, _) => {}
    }
    if !asked.iter().any(|pool| pool.contains_key("initialNodeCount")) {
        return Err(ApiError::invalid("Cluster.initial_node_count must be greater than zero."));
    }
    let mut pools = BTreeMap::new();
    let channel = doc["releaseChannel"]["channel"].as_str();
    let home = node_pool::Home { cluster: name, zones: &zones, subnetwork: &subnetwork, master, channel };
    for pool in asked {
        let pool = node_pool::new_document(location, &home, pool)?;
        let pool_name = text(&pool, "name").to_owned();
        if pools.insert(pool_name.clone(), pool).is_some() {
            return Err(ApiError::invalid(format!("Node pool name \"{pool_name}\" is used twice.")));
        }
    }
    let self_link = format!("https://container.googleapis.com/v1/{}/clusters/{name}", location.path());
    fill(
        &mut doc,
        json!({
            "id": context.random.hex(64).to_lowercase(),
            "createTime": context.now.rfc3339(),
            "location": location.name,
            "zone": location.name,
            "selfLink": self_link,
            "status": "RUNNING",
            "addonsConfig": {
                "gcePersistentDiskCsiDriverConfig": { "enabled": true },
                "kubernetesDashboard": { "disabled": true },
                "networkPolicyConfig": { "disabled": true },
            },
            "autopilot": {},
            "autoscaling": { "autoscalingProfile": "BALANCED" },
            "databaseEncryption": { "currentState": "CURRENT_STATE_DECRYPTED", "state": "DECRYPTED" },
            "defaultMaxPodsConstraint": { "maxPodsPerNode": "110" },
            "legacyAbac": {},
            "loggingConfig": { "componentConfig": { "enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS"] } },
            "loggingService": "logging.googleapis.com/kubernetes",
            "masterAuth": { "clientCertificateConfig": {} },
            "monitoringConfig": {
                "advancedDatapathObservabilityConfig": {},
                "componentConfig": { "enableComponents": ["SYSTEM_COMPONENTS"] },
                "managedPrometheusConfig": { "enabled": true },
            },
            "monitoringService": "monitoring.googleapis.com/kubernetes",
            "nodePoolDefaults": { "nodeConfigDefaults": {
                "loggingConfig": { "variantConfig": { "variant": "DEFAULT" } },
            } },
            "notificationConfig": { "pubsub": {} },
            "securityPostureConfig": { "mode": "BASIC", "vulnerabilityMode": "VULNERABILITY_DISABLED" },
            "shieldedNodes": { "enabled": true },
        }),
    );
    Ok((doc, pools))
}

/// What becomes known of a cluster once it is up: how it is reached.
pub(super) fn finished(location: &Location, name: &str, doc: &Document, context: &mut Context<'_>) -> Document {
    let hash = context.random.hex(20).to_lowercase();
    // GKE shows an address here. A name under .invalid fails at once where an address that nobody has would let clients
    // wait; whoever wants to reach something starts the simulator with a kubeconfig.
    let (server, authority) = location.api_server.access(&format!("gke-{name}-{hash}"));
    let endpoint = server.strip_prefix("https://").unwrap_or(&server).trim_end_matches('/').to_owned();
    let private_only = doc.get("privateClusterConfig").is_some_and(|config| config["enablePrivateEndpoint"] == true);
    let private = format!("10.128.{}.2", context.random.next() % 256);
    let (number, place) = (location.number, &location.name);
    document(json!({
        "endpoint": if private_only { private.clone() } else { endpoint.clone() },
        "masterAuth": { "clusterCaCertificate": authority },
        "controlPlaneEndpointsConfig": {
            "dnsEndpointConfig": { "endpoint": format!("gke-{hash}-{number}.{place}.gke.goog") },
            "ipEndpointsConfig": { "privateEndpoint": private, "publicEndpoint": endpoint },
        },
        "privateClusterConfig": { "privateEndpoint": private, "publicEndpoint": endpoint },
    }))
}

pub(super) fn list(location: &Location) -> Vec<Value> {
    let visible = location.clusters.iter().filter(|(_, cluster)| cluster.lateness.is_visible());
    visible.filter_map(|(name, _)| location.show_cluster(name)).collect()
}

pub(super) fn get(location: &mut Location, input: &Input<'_>) -> Result<Answer, ApiError> {
    let name = input.label(2);
    let none = location.no_cluster(name);
    location.read_cluster(name).map(Answer::read).ok_or(none)
}

/// Pools go with it.
pub(super) fn delete(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let name = input.label(2);
    location.cluster(name)?;
    location.require_free(Kind::DeleteCluster, name, None)?;
    Ok(begin(location, Kind::DeleteCluster, name, Effect::DeleteCluster, context))
}

pub(super) fn update(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let mut wanted = shape::read(shape::UPDATE_CLUSTER, &input.request.body)?;
    let name = input.label(2);
    location.cluster(name)?;
    let Some(Value::Object(mut update)) = wanted.remove("update") else {
        return Err(ApiError::invalid("Must specify a field to update."));
    };
    node_pool::check_etag(&update, &location.show_cluster(name).unwrap_or_default(), "cluster")?;
    update.remove("etag");
    let pool = match update.remove("desiredNodePoolId") {
        Some(Value::String(pool)) => Some(pool),
        Some(_) | None => None,
    };
    // The version and the image of nodes go together; all else goes alone.
    let image = match update.get("desiredNodeVersion") {
        Some(_) => update.remove("desiredImageType"),
        None => None,
    };
    let mut fields = update.into_iter();
    let (Some((field, value)), None) = (fields.next(), fields.next()) else {
        return Err(ApiError::invalid("Must specify exactly one field to update."));
    };
    match field.as_str() {
        "desiredMasterVersion" => upgrade_master(location, name, value.as_str().unwrap_or(""), context),
        "desiredNodeVersion" | "desiredImageType" | "desiredNodePoolAutoscaling" => {
            let pool = the_pool(location, name, pool)?;
            if field == "desiredNodePoolAutoscaling" {
                return node_pool::change_autoscaling(location, name, &pool, value, context);
            }
            change_nodes(location, name, &pool, &field, value, image, context)
        }
        "desiredLocations" => {
            let zones: Vec<String> = texts(&document(json!({ "zones": value })), "zones");
            move_to(location, name, zones, context)
        }
        _ => {
            let patch = patch(location, name, &field, value)?;
            location.require_free(Kind::UpdateCluster, name, None)?;
            Ok(begin(location, Kind::UpdateCluster, name, Effect::PatchCluster(patch), context))
        }
    }
}

pub(super) fn update_master(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let wanted = shape::read(shape::UPDATE_MASTER, &input.request.body)?;
    location.cluster(input.label(2))?;
    upgrade_master(location, input.label(2), text(&wanted, "masterVersion"), context)
}

pub(super) fn set_labels(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let mut wanted = shape::read(shape::SET_LABELS, &input.request.body)?;
    let name = input.label(2);
    let cluster = location.cluster(name)?;
    let current = cluster.doc.get("resourceLabels").cloned().unwrap_or_else(|| json!({}));
    let (given, expected) = (text(&wanted, "labelFingerprint"), label_fingerprint(&current));
    if given != expected {
        // Worded as in crossplane-contrib/provider-gcp#477.
        return Err(ApiError::precondition(format!(
            "Labels could not be set due to fingerprint mismatch; try again with the proper fingerprint: incorrect \
             fingerprint supplied was \"{given}\", the expected one is \"{expected}\"."
        )));
    }
    let labels = wanted.remove("resourceLabels");
    check_labels(labels.as_ref())?;
    location.require_free(Kind::UpdateCluster, name, None)?;
    let patch = document(json!({ "resourceLabels": labels }));
    Ok(begin(location, Kind::UpdateCluster, name, Effect::PatchCluster(patch), context))
}

pub(super) fn set_locations(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let wanted = shape::read(shape::SET_LOCATIONS, &input.request.body)?;
    location.cluster(input.label(2))?;
    move_to(location, input.label(2), texts(&wanted, "locations"), context)
}

pub(super) fn set_maintenance_policy(
    location: &mut Location,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let wanted = shape::read(shape::SET_MAINTENANCE_POLICY, &input.request.body)?;
    let name = input.label(2);
    let cluster = location.cluster(name)?;
    let mut doc = document(json!({ "maintenancePolicy": wanted.get("maintenancePolicy") }));
    let given = doc["maintenancePolicy"]["resourceVersion"].as_str();
    let current = cluster.doc.get("maintenancePolicy").and_then(|policy| policy["resourceVersion"].as_str());
    if given.is_some() && given != current {
        return Err(ApiError::precondition("Maintenance policy resource version mismatch."));
    }
    maintenance(&mut doc)?;
    location.require_free(Kind::UpdateCluster, name, None)?;
    Ok(begin(location, Kind::UpdateCluster, name, Effect::PatchCluster(doc), context))
}

fn begin(location: &mut Location, kind: Kind, cluster: &str, effect: Effect, context: &mut Context<'_>) -> Answer {
    let change = Change { kind, cluster: cluster.into(), pool: None, effect };
    Answer::changed(location.begin(change, context))
}

fn upgrade_master(
    location: &mut Location,
    name: &str,
    asked: &str,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let cluster = location.cluster(name)?;
    let current = text(&cluster.doc, "currentMasterVersion");
    let version = version::of_control_plane(asked, cluster.channel())?;
    version::check_upgrade(current, version)?;
    for (pool, version_of_nodes) in cluster.pools.iter().map(|(name, pool)| (name, text(&pool.doc, "version"))) {
        if version::minor(version_of_nodes) + version::NODE_SKEW < version::minor(version) {
            return Err(ApiError::precondition(format!(
                "Master cannot be upgraded to \"{version}\": node pool \"{pool}\" at version \"{version_of_nodes}\" would be \
                 more than {} minor versions behind.",
                version::NODE_SKEW
            )));
        }
        if version::is_newer(version_of_nodes, version) {
            return Err(ApiError::invalid(format!(
                "Master cannot be downgraded to \"{version}\": node pool \"{pool}\" is at version \"{version_of_nodes}\"."
            )));
        }
    }
    location.require_free(Kind::UpgradeMaster, name, None)?;
    let patch = document(json!({ "currentMasterVersion": version }));
    Ok(begin(location, Kind::UpgradeMaster, name, Effect::PatchCluster(patch), context))
}

/// The pool that an update of the cluster is about: it has to be named where there are several.
fn the_pool(location: &Location, cluster: &str, named: Option<String>) -> Result<String, ApiError> {
    let mut pools = location.cluster(cluster)?.pools.keys();
    match (named, pools.next(), pools.next()) {
        (Some(name), ..) => location.pool(cluster, &name).map(|_| name),
        (None, Some(only), None) => Ok(only.clone()),
        (None, ..) => {
            Err(ApiError::invalid("desired_node_pool_id must be specified for a cluster of several node pools."))
        }
    }
}

fn change_nodes(
    location: &mut Location,
    cluster: &str,
    pool: &str,
    field: &str,
    value: Value,
    image: Option<Value>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    let master = text(&location.cluster(cluster)?.doc, "currentMasterVersion");
    let current = &location.pool(cluster, pool)?.doc;
    let mut patch = Document::new();
    let image = if field == "desiredNodeVersion" {
        patch.insert("version".into(), version::of_nodes(value.as_str().unwrap_or(""), master)?.into());
        image
    } else {
        Some(value)
    };
    if let Some(image) = image {
        let image = image.as_str().unwrap_or("").to_ascii_uppercase();
        if !version::IMAGE_TYPES.contains(&image.as_str()) {
            return Err(ApiError::invalid(format!("Image type \"{image}\" is not supported.")));
        }
        let mut config = current.get("config").cloned().map(document).unwrap_or_default();
        config.insert("imageType".into(), image.into());
        patch.insert("config".into(), config.into());
    }
    location.require_free(Kind::UpgradeNodes, cluster, Some(pool))?;
    Ok(node_pool::begin(location, Kind::UpgradeNodes, cluster, pool, Effect::PatchPool(patch), context))
}

fn move_to(
    location: &mut Location,
    name: &str,
    zones: Vec<String>,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    node_pool::check_zones(location, &zones)?;
    if zones.is_empty() || (location.place.is_zone() && !zones.contains(&location.name)) {
        return Err(ApiError::invalid("Locations must include the cluster's primary zone."));
    }
    location.require_free(Kind::UpdateCluster, name, None)?;
    Ok(begin(location, Kind::UpdateCluster, name, Effect::MoveCluster(zones), context))
}

/// What a cluster's document becomes by an update of one field.
fn patch(location: &Location, name: &str, field: &str, value: Value) -> Result<Document, ApiError> {
    let doc = &location.cluster(name)?.doc;
    let mut changed = doc.clone();
    match field {
        "desiredReleaseChannel" => {
            let (channel, current) = (value["channel"].as_str(), text(doc, "currentMasterVersion"));
            if let Some(channel) = channel {
                let default = version::default_version(Some(channel));
                if version::minor(default) > version::minor(current) + 1 {
                    // Worded as in kubeflow/code-intelligence#153.
                    return Err(ApiError::invalid(format!(
                        "Master version {current} cannot be upgraded to releaseChannel {channel} default version {default}: \
                         cannot upgrade the master more than a minor version at a time."
                    )));
                }
            }
            changed.insert("releaseChannel".into(), value);
        }
        "desiredWorkloadIdentityConfig" => {
            check_workload_pool(location, &value)?;
            changed.insert("workloadIdentityConfig".into(), value);
        }
        "desiredMasterAuthorizedNetworksConfig" => {
            changed.insert("masterAuthorizedNetworksConfig".into(), value.clone());
            member(&mut changed, "controlPlaneEndpointsConfig")["ipEndpointsConfig"]["authorizedNetworksConfig"] =
                value;
        }
        "desiredControlPlaneEndpointsConfig" => {
            let networks = value["ipEndpointsConfig"]["authorizedNetworksConfig"].clone();
            let patch = document(json!({ "controlPlaneEndpointsConfig": value }));
            merge(&mut changed, patch, &["authorizedNetworksConfig"]);
            if networks.is_object() {
                changed.insert("masterAuthorizedNetworksConfig".into(), networks);
            }
            let config = member(&mut changed, "controlPlaneEndpointsConfig");
            let public = &config["ipEndpointsConfig"]["enablePublicEndpoint"];
            let private_only = *public == false;
            set_private_endpoint(&mut changed, private_only);
        }
        "desiredEnablePrivateEndpoint" => {
            let private_only = value == true;
            let config = member(&mut changed, "controlPlaneEndpointsConfig");
            config["ipEndpointsConfig"]["enablePublicEndpoint"] = (!private_only).into();
            set_private_endpoint(&mut changed, private_only);
        }
        "desiredDefaultEnablePrivateNodes" => {
            member(&mut changed, "networkConfig")["defaultEnablePrivateNodes"] = value.clone();
            member(&mut changed, "privateClusterConfig")["enablePrivateNodes"] = value;
        }
        other => {
            // `desiredAddonsConfig` is `addonsConfig` of the cluster, and so on.
            let member = other.strip_prefix("desired").unwrap_or(other);
            let member: String =
                member.char_indices().map(|(i, c)| if i == 0 { c.to_ascii_lowercase() } else { c }).collect();
            merge(&mut changed, document(json!({ member: value })), &["componentConfig"]);
        }
    }
    changed.retain(|key, value| doc.get(key) != Some(value));
    Ok(changed)
}

fn set_private_endpoint(doc: &mut Document, private_only: bool) {
    let Some(Value::Object(config)) = doc.get_mut("privateClusterConfig") else { return };
    if private_only {
        config.insert("enablePrivateEndpoint".into(), true.into());
    } else {
        config.remove("enablePrivateEndpoint");
    }
    let shown = config.get(if private_only { "privateEndpoint" } else { "publicEndpoint" }).cloned();
    doc.extend(shown.map(|endpoint| ("endpoint".to_owned(), endpoint)));
}

/// Names of network and subnetwork, short and long; answers with the subnetwork's long one.
fn networks(location: &Location, doc: &mut Document) -> Result<String, ApiError> {
    let last = |text: &str| text.rsplit('/').next().unwrap_or("").to_owned();
    let network = match doc.get("network").and_then(Value::as_str) {
        Some(network) => last(network),
        None => inventory::NETWORKS[0].to_owned(),
    };
    let (project, region) = (location.project, location.place.region);
    if !inventory::NETWORKS.contains(&network.as_str()) {
        return Err(ApiError::invalid(format!("Network \"{network}\" does not exist in project \"{project}\".")));
    }
    let subnetwork = doc.get("subnetwork").and_then(Value::as_str).map_or_else(|| network.clone(), last);
    if subnetwork != network {
        return Err(ApiError::invalid(format!(
            "Subnetwork \"{subnetwork}\" of network \"{network}\" does not exist in region \"{region}\"."
        )));
    }
    let long = format!("projects/{project}/regions/{region}/subnetworks/{subnetwork}");
    doc.insert("network".into(), network.as_str().into());
    doc.insert("subnetwork".into(), subnetwork.into());
    let defaults = json!({ "networkConfig": {
        "network": format!("projects/{project}/global/networks/{network}"),
        "subnetwork": long,
        "serviceExternalIpsConfig": {},
    } });
    fill(doc, defaults);
    Ok(long)
}

/// The ranges of pods and services.
fn addresses(location: &Location, doc: &mut Document) -> Result<(), ApiError> {
    let mut policy = doc.remove("ipAllocationPolicy").map(document).unwrap_or_default();
    let of_cluster = text(doc, "clusterIpv4Cidr").to_owned();
    // Each cluster of a location has a range of its own, as long as there are.
    let free = format!("10.{}.0.0/14", 4 * (location.clusters.len() % 15 + 1));
    let range = |block: &str, name: &str, default: &str| -> Result<String, ApiError> {
        let named = text(&policy, name).to_owned();
        if !named.is_empty() {
            let known = inventory::SECONDARY_RANGES.iter().find(|(known, _)| *known == named);
            let on_platform = text(doc, "subnetwork") == inventory::NETWORKS[1];
            return match known {
                Some((_, cidr)) if on_platform => Ok((*cidr).to_owned()),
                Some(_) | None => {
                    let subnetwork = text(doc, "subnetwork");
                    Err(ApiError::invalid(format!(
                        "Secondary range \"{named}\" does not exist in subnetwork \"{subnetwork}\"."
                    )))
                }
            };
        }
        let asked = text(&policy, block);
        let asked = if asked.is_empty() && block == "clusterIpv4CidrBlock" { of_cluster.as_str() } else { asked };
        let network = default.split('/').next().unwrap_or("");
        let range = match asked.strip_prefix('/') {
            _ if asked.is_empty() => default.to_owned(),
            Some(length) => format!("{network}/{length}"),
            None => asked.to_owned(),
        };
        if is_cidr(&range) { Ok(range) } else { Err(ApiError::invalid(format!("Invalid CIDR block \"{range}\"."))) }
    };
    let pods = range("clusterIpv4CidrBlock", "clusterSecondaryRangeName", &free)?;
    let services = range("servicesIpv4CidrBlock", "servicesSecondaryRangeName", SERVICES)?;
    for (key, value) in [
        ("clusterIpv4Cidr", &pods),
        ("clusterIpv4CidrBlock", &pods),
        ("servicesIpv4Cidr", &services),
        ("servicesIpv4CidrBlock", &services),
    ] {
        policy.insert(key.into(), value.as_str().into());
    }
    // Only asked for.
    policy.remove("createSubnetwork");
    let defaults = json!({
        "useIpAliases": true,
        "stackType": "IPV4",
        "podCidrOverprovisionConfig": {},
        "defaultPodIpv4RangeUtilization": 0.001,
    });
    fill(&mut policy, defaults);
    doc.insert("clusterIpv4Cidr".into(), pods.into());
    doc.insert("servicesIpv4Cidr".into(), services.into());
    doc.insert("ipAllocationPolicy".into(), policy.into());
    Ok(())
}

fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| {
        address.parse::<Ipv4Addr>().is_ok() && length.parse::<u8>().is_ok_and(|length| (8..=28).contains(&length))
    })
}

/// Who may reach the control plane is said in three places, which agree.
fn endpoints(doc: &mut Document) {
    let mut config = doc.remove("controlPlaneEndpointsConfig").map(document).unwrap_or_default();
    let mut private = doc.remove("privateClusterConfig").map(document).unwrap_or_default();
    let mut networks = doc.remove("masterAuthorizedNetworksConfig").map(document).unwrap_or_default();
    if let Some(Value::Object(said)) = config.get("ipEndpointsConfig").map(|ip| ip["authorizedNetworksConfig"].clone())
    {
        networks = said;
    }
    fill(&mut networks, json!({ "gcpPublicCidrsAccessEnabled": true }));
    let public = config.get("ipEndpointsConfig").and_then(|ip| ip["enablePublicEndpoint"].as_bool());
    let private_only = public == Some(false) || private.get("enablePrivateEndpoint") == Some(&Value::Bool(true));
    let nodes = doc.get("networkConfig").is_some_and(|config| config["defaultEnablePrivateNodes"] == true);
    let private_nodes = nodes || private.get("enablePrivateNodes") == Some(&Value::Bool(true));
    if private_only {
        private.insert("enablePrivateEndpoint".into(), true.into());
    }
    if private_nodes {
        private.insert("enablePrivateNodes".into(), true.into());
        fill(doc, json!({ "networkConfig": { "defaultEnablePrivateNodes": true } }));
    }
    let networks = Value::Object(networks);
    fill(
        &mut config,
        json!({
            "dnsEndpointConfig": { "allowExternalTraffic": false, "enableK8sTokensViaDns": false },
            "ipEndpointsConfig": { "enabled": true, "enablePublicEndpoint": !private_only },
        }),
    );
    member(&mut config, "ipEndpointsConfig")["authorizedNetworksConfig"] = networks.clone();
    doc.insert("controlPlaneEndpointsConfig".into(), config.into());
    doc.insert("privateClusterConfig".into(), private.into());
    doc.insert("masterAuthorizedNetworksConfig".into(), networks);
}

/// The policy gets a version by which changes are told apart.
fn maintenance(doc: &mut Document) -> Result<(), ApiError> {
    let mut policy = match doc.remove("maintenancePolicy") {
        Some(policy) => document(policy),
        None => Document::new(),
    };
    policy.remove("resourceVersion");
    if let Some(window) =
        policy.get("window").map(|window| &window["recurringWindow"]).filter(|window| window.is_object())
    {
        let recurrence = window["recurrence"].as_str().unwrap_or("");
        let recurs = ["FREQ=DAILY", "FREQ=WEEKLY"].iter().any(|start| recurrence.starts_with(start));
        if !recurs || window["window"]["startTime"].as_str() >= window["window"]["endTime"].as_str() {
            return Err(ApiError::invalid(
                "maintenance_policy.window.recurring_window must have a recurrence, and a start before its end.",
            ));
        }
    }
    let version = label_fingerprint(&json!(policy));
    policy.insert("resourceVersion".into(), version.into());
    doc.insert("maintenancePolicy".into(), policy.into());
    Ok(())
}

fn check_workload_pool(location: &Location, config: &Value) -> Result<(), ApiError> {
    let project = location.project;
    match config["workloadPool"].as_str() {
        None => Ok(()),
        Some(pool) if pool == format!("{project}.svc.id.goog") => Ok(()),
        Some(pool) => Err(ApiError::invalid(format!(
            "Workload pool \"{pool}\" is not supported, it must be \"{project}.svc.id.goog\"."
        ))),
    }
}

fn check_labels(labels: Option<&Value>) -> Result<(), ApiError> {
    let Some(Value::Object(labels)) = labels else { return Ok(()) };
    let fits = |text: &str| {
        text.len() <= LONGEST_LABEL
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
    };
    if labels.len() > MOST_LABELS {
        return Err(ApiError::invalid(format!("A cluster can have at most {MOST_LABELS} resource labels.")));
    }
    let starts_well = |key: &str| key.starts_with(|c: char| c.is_ascii_lowercase());
    let bad = labels.iter().find(|(key, value)| !starts_well(key) || !fits(key) || !value.as_str().is_some_and(fits));
    match bad {
        Some((key, value)) => Err(ApiError::invalid(format!(
            "Invalid resource label {key:?} = {value}: keys and values have lower-case letters, digits, hyphens and \
             underscores, at most {LONGEST_LABEL}, and keys start with a letter."
        ))),
        None => Ok(()),
    }
}
