//! Managed clusters: what a request makes of one, which rules it meets, and their calls.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::catalogue::{self, Version};
use super::error::ArmError;
use super::pool::{self, Around};
use super::world::{Access, Change, Cluster, Document, Group, Pool, Subscription, Target, document, text};
use super::{Answer, Input, group, inventory, polling, subscription};
use crate::cloud::Context;
use crate::kubernetes::ApiServer;

/// How long things take, from recordings of the CLI.
const CREATE: Duration = Duration::from_secs(300);
const DELETE: Duration = Duration::from_secs(240);
const UPGRADE: Duration = Duration::from_secs(480);
const UPDATE: Duration = Duration::from_secs(120);

/// As Resource Manager's naming rules have them.
const LONGEST_NAME: usize = 63;
const LONGEST_PREFIX: usize = 54;
const LONGEST_NODE_GROUP: usize = 80;

/// Every property of the models 2025-10-01 to 2026-08-01.
const KNOWN: &str = "provisioningState powerState maxAgentPools kubernetesVersion currentKubernetesVersion dnsPrefix \
    fqdnSubdomain fqdn privateFQDN azurePortalFQDN agentPoolProfiles linuxProfile windowsProfile servicePrincipalProfile \
    addonProfiles podIdentityProfile oidcIssuerProfile nodeResourceGroup nodeResourceGroupProfile enableRBAC supportPlan \
    enableFIPS networkProfile aadProfile autoUpgradeProfile upgradeSettings autoScalerProfile apiServerAccessProfile \
    diskEncryptionSetID identityProfile privateLinkResources disableLocalAccounts httpProxyConfig securityProfile \
    storageProfile ingressProfile publicNetworkAccess workloadAutoScalerProfile azureMonitorProfile serviceMeshProfile \
    resourceUID metricsProfile nodeProvisioningProfile bootstrapProfile aiToolchainOperatorProfile schedulerProfile \
    hostedSystemProfile status";

/// Given back to AKS they say nothing.
const READ_ONLY: [&str; 10] = [
    "provisioningState",
    "powerState",
    "maxAgentPools",
    "currentKubernetesVersion",
    "fqdn",
    "privateFQDN",
    "azurePortalFQDN",
    "resourceUID",
    "status",
    "privateLinkResources",
];

/// What a cluster keeps for life, and what of its network. Source: azurerm's documentation of what replaces a cluster.
const IMMUTABLE: [&str; 6] =
    ["dnsPrefix", "fqdnSubdomain", "nodeResourceGroup", "enableRBAC", "diskEncryptionSetID", "linuxProfile"];
const IMMUTABLE_NETWORK: [&str; 7] =
    ["networkPlugin", "networkMode", "serviceCidr", "podCidr", "dnsServiceIP", "loadBalancerSku", "ipFamilies"];

pub(super) fn list(subscription: &mut Subscription) -> Answer {
    let id = subscription.id.clone();
    let clusters = subscription.groups.values_mut().flat_map(|group| group.clusters.values_mut());
    let value: Vec<Value> = clusters.filter_map(|cluster| cluster.read(&id)).collect();
    Answer::ok(json!({ "value": value }))
}

pub(super) fn list_by_group(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let clusters = subscription.group(input.label(1))?.clusters.values_mut();
    let value: Vec<Value> = clusters.filter_map(|cluster| cluster.read(&id)).collect();
    Ok(Answer::ok(json!({ "value": value })))
}

pub(super) fn get(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let (group, name) = (input.label(1), input.label(2));
    let (cluster, _) = subscription.cluster(group, name)?;
    let doc = cluster.read(&id).ok_or_else(|| ArmError::no_resource("managedClusters", name, group))?;
    Ok(Answer::ok(doc))
}

pub(super) fn create_or_update(
    subscription: &mut Subscription,
    input: &Input<'_>,
    api_server: &ApiServer,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let (group_name, name) = (input.label(1), input.label(2));
    let body: Document = input.body()?;
    if subscription.group(group_name)?.deletion.is_some() {
        return Err(group::being_deleted(group_name));
    }
    subscription::require_registered(subscription, context.now)?;
    check_top(&body, name)?;
    let given = text(&body, "location");
    let Some(location) = inventory::find_location(given) else {
        let names = inventory::LOCATIONS.map(|(name, ..)| name).join(",");
        let message = format!(
            "The provided location '{given}' is not available for resource type 'Microsoft.ContainerService/managedClusters'. \
             List of available regions for the resource type is '{names}'."
        );
        return Err(ArmError::gateway(400, "LocationNotAvailableForResourceType", message));
    };
    let exists = subscription.cluster(group_name, name).is_ok();
    if exists {
        update(subscription, input, body, location, context)
    } else {
        create(subscription, input, body, location, api_server, context)
    }
}

pub(super) fn update_tags(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let body: Document = input.body()?;
    if let Some(key) = body.keys().find(|key| *key != "tags") {
        return Err(pool::unknown_field(key));
    }
    let id = subscription.id.clone();
    let (cluster, _) = subscription.cluster(input.label(1), input.label(2))?;
    input.precondition(Some(cluster.etag()))?;
    cluster.require_idle()?;
    set_tags(&mut cluster.top, body.get("tags"))?;
    cluster.touch(&Target::Cluster);
    Ok(Answer { committed: true, ..Answer::ok(cluster.show(&id)) })
}

/// Preempts whatever runs.
pub(super) fn delete(
    subscription: &mut Subscription,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let (cluster, operations) = match subscription.cluster(input.label(1), input.label(2)) {
        Ok(found) => found,
        Err(error) if error.code == "ResourceNotFound" => return Ok(Answer::nothing()),
        Err(error) => return Err(error),
    };
    input.precondition(Some(cluster.etag()))?;
    let (operation, committed) = match cluster.deletion() {
        Some(running) => (running.to_owned(), false),
        None => (cluster.delete(Target::Cluster, DELETE, operations, context), true),
    };
    let (poll, result) = polling::urls(input, cluster.location(), &operation);
    let headers = vec![("Azure-AsyncOperation", poll), ("Location", result)];
    Ok(Answer { status: 202, headers, body: None, committed })
}

pub(super) fn abort(
    subscription: &mut Subscription,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let (cluster, operations) = subscription.cluster(input.label(1), input.label(2))?;
    let operation = cluster.abort(&Target::Cluster, pool::ABORT, operations, context);
    Ok(aborted(input, cluster, operation))
}

/// 204 where nothing ran.
pub(super) fn aborted(input: &Input<'_>, cluster: &Cluster, operation: Option<String>) -> Answer {
    let Some(operation) = operation else { return Answer::nothing() };
    let (poll, result) = polling::urls(input, cluster.location(), &operation);
    let headers = vec![("Azure-AsyncOperation", poll), ("Location", result)];
    Answer { status: 202, headers, body: None, committed: true }
}

pub(super) fn upgrade_profile(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let (cluster, _) = subscription.cluster(input.label(1), input.label(2))?;
    let profile = |version: Option<Version>, os: &str, upgrades: Vec<Version>| {
        let upgrade = |to: &Version| json!({ "kubernetesVersion": to.to_string(), "isPreview": false });
        json!({
            "kubernetesVersion": version.map(|version| version.to_string()),
            "osType": os,
            "upgrades": upgrades.iter().map(upgrade).collect::<Vec<_>>(),
        })
    };
    let own = Version::parse(text(&cluster.properties, "currentKubernetesVersion"));
    let pools: Vec<Value> = cluster
        .pools
        .iter()
        .map(|pool| {
            let version = pool::current(&pool.properties);
            let upgrades = catalogue::all().filter(|to| Some(*to) > version && Some(*to) <= own).collect();
            let mut profile = profile(version, text(&pool.properties, "osType"), upgrades);
            profile["name"] = pool.name.as_str().into();
            profile
        })
        .collect();
    Ok(Answer::ok(json!({
        "id": format!("{}/upgradeprofiles/default", cluster.id(&id)),
        "name": "default",
        "type": "Microsoft.ContainerService/ManagedClusters/upgradeprofiles",
        "properties": {
            "controlPlaneProfile": profile(own, "Linux", own.map(Version::upgrades).unwrap_or_default()),
            "agentPoolProfiles": pools,
        },
    })))
}

/// As many pods as a node has unless asked for: by the network of the cluster (AKS's page on maximum pods per node).
pub(super) fn max_pods(properties: &Document) -> u32 {
    let network = properties.get("networkProfile").and_then(Value::as_object);
    let get = |key: &str| network.map_or("", |network| text(network, key));
    match (get("networkPlugin"), get("networkPluginMode")) {
        ("azure", "overlay") => 250,
        ("azure", _) => 30,
        _ => 110,
    }
}

fn create(
    subscription: &mut Subscription,
    input: &Input<'_>,
    body: Document,
    location: &'static str,
    api_server: &ApiServer,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let name = input.label(2);
    input.precondition(None)?;
    let id = subscription.id.clone();
    let group = subscription.group(input.label(1))?.name.clone();
    let wanted = body.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let profiles = profiles(&wanted)?;
    let asked = text(&wanted, "kubernetesVersion").to_owned();
    let version = version_of(name, &asked)?;
    let mut properties = fill(wanted, None, &group, name, location)?;
    let asked = if asked.is_empty() { version.to_string() } else { asked };
    properties.insert("kubernetesVersion".into(), asked.as_str().into());
    properties.insert("currentKubernetesVersion".into(), version.to_string().into());
    let host = format!("{}-{}", host_prefix(&properties), context.random.hex(8).to_lowercase());
    let fqdn = format!("{host}.hcp.{location}.azmk8s.io");
    let access = access(api_server, &fqdn, context);
    properties.insert("fqdn".into(), api_server.host(&fqdn).into());
    properties.insert("azurePortalFQDN".into(), format!("{host}.portal.hcp.{location}.azmk8s.io").into());
    properties.insert("resourceUID".into(), context.random.hex(24).to_lowercase().into());

    let mut pools = Vec::new();
    let around = Around { location, version: (&asked, version), max_pods: max_pods(&properties) };
    for (pool_name, profile) in profiles {
        let filled = pool::fill(&pool_name, profile, None, &around)?;
        pool::check_version(&filled, None, version)?;
        pools.push(Pool::within(&pool_name, filled));
    }
    if !pools.iter().any(|pool| text(&pool.properties, "mode") == "System") {
        return Err(pool::no_system_pool());
    }
    fill_autoscaler(&mut properties, &pools);

    let mut cluster = Cluster::new(name, &group, access, context);
    set_top(&mut cluster.top, &body, location, context)?;
    let change = Change {
        target: Target::Cluster,
        state: "Creating",
        usual: CREATE,
        cluster: reached(&properties, name, &id, context),
        pools: BTreeMap::new(),
    };
    let node_group = text(&properties, "nodeResourceGroup").to_owned();
    (cluster.properties, cluster.pools) = (properties, pools);
    let owner = Some(cluster.id(&id));
    let operation = cluster.accept(change, &mut subscription.operations, context);
    let (poll, _) = polling::urls(input, location, &operation);
    let shown = cluster.show(&id);
    let made = Group { managed_by: owner, ..group::new_group(&node_group, location) };
    subscription.groups.insert(node_group.to_ascii_lowercase(), made);
    subscription.group(&group)?.clusters.insert(name.to_ascii_lowercase(), cluster);
    Ok(Answer { status: 201, headers: vec![("Azure-AsyncOperation", poll)], body: Some(shown), committed: true })
}

fn update(
    subscription: &mut Subscription,
    input: &Input<'_>,
    body: Document,
    location: &'static str,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let name = input.label(2);
    let id = subscription.id.clone();
    let (cluster, operations) = subscription.cluster(input.label(1), name)?;
    if cluster.location() != location {
        let message = format!(
            "The resource '{name}' already exists in location '{}' in resource group '{}'. A resource with the same name \
             cannot be created in location '{location}'. Please select a new resource name.",
            cluster.location(),
            cluster.group
        );
        return Err(ArmError::gateway(409, "InvalidResourceLocation", message));
    }
    input.precondition(Some(cluster.etag()))?;
    cluster.require_idle()?;
    let wanted = body.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let profiles = profiles(&wanted)?;
    let before = Version::parse(text(&cluster.properties, "currentKubernetesVersion")).unwrap_or(catalogue::DEFAULT);
    let (asked, version) = upgraded(cluster, text(&wanted, "kubernetesVersion"), before)?;
    let group = cluster.group.clone();
    let mut properties = fill(wanted, Some(&cluster.properties), &group, name, location)?;
    properties.insert("kubernetesVersion".into(), asked.as_str().into());
    let around = Around { location, version: (&asked, version), max_pods: max_pods(&properties) };
    let pools = update_pools(cluster, profiles, before, &around)?;
    fill_autoscaler(&mut properties, &pools);
    let mut top = cluster.top.clone();
    set_top(&mut top, &body, location, context)?;

    let upgrades = version != before
        || pools.iter().any(|pool| pool::current(&pool.properties) != Some(pool::resolve(&pool.properties, &around)));
    let (state, usual) = if upgrades { ("Upgrading", UPGRADE) } else { ("Updating", UPDATE) };
    let mut patch = reached(&properties, name, &id, context);
    patch.insert("currentKubernetesVersion".into(), version.to_string().into());
    let patches =
        pools.iter().map(|pool| (pool.name.clone(), pool::reached_by(pool::resolve(&pool.properties, &around))));
    let change = Change { target: Target::Cluster, state, usual, cluster: patch, pools: patches.collect() };
    (cluster.top, cluster.properties) = (top, properties);
    for filled in pools {
        if let Some(pool) = cluster.pool(&filled.name) {
            pool.properties = filled.properties;
        }
    }
    let operation = cluster.accept(change, operations, context);
    let (poll, _) = polling::urls(input, location, &operation);
    let shown = cluster.show(&id);
    Ok(Answer { headers: vec![("Azure-AsyncOperation", poll)], committed: true, ..Answer::ok(shown) })
}

/// The pools after an update of the cluster, which can change pools but neither add nor remove one, nor move one to
/// another version than the one it has or the control plane's.
fn update_pools(
    cluster: &Cluster,
    profiles: Vec<(String, Document)>,
    before: Version,
    around: &Around<'_>,
) -> Result<Vec<Pool>, ArmError> {
    // Without any the request says nothing of them.
    let given: Vec<(String, Document)> = match profiles.is_empty() {
        true => cluster.pools.iter().map(|pool| (pool.name.clone(), without_version(&pool.properties))).collect(),
        false => profiles,
    };
    const PER_POOL: &str =
        "For agent pool specific change, please use per agent pool operations: https://aka.ms/agent-pool-rest-api";
    if given.iter().any(|(name, _)| !cluster.pools.iter().any(|pool| pool.name == *name)) {
        // Words of microsoft/tyger#121.
        let message = format!(
            "A new agent pool was introduced. Adding agent pools to an existing cluster is not allowed through managed \
             cluster operations. {PER_POOL}"
        );
        return Err(ArmError::bad_request(message).target("agentPoolProfiles"));
    }
    if given.len() != cluster.pools.len() {
        let message = format!(
            "An agent pool was removed. Removing agent pools from an existing cluster is not allowed through managed \
             cluster operations. {PER_POOL}"
        );
        return Err(ArmError::bad_request(message).target("agentPoolProfiles"));
    }
    let versions: Vec<&str> = given.iter().map(|(_, profile)| text(profile, "orchestratorVersion")).collect();
    let all_specified = versions.iter().all(|version| !version.is_empty());
    let none_specified = versions.iter().all(|version| version.is_empty());
    let drags = none_specified && around.version.1 != before;
    let mut pools = Vec::new();
    for (name, mut profile) in given {
        let Some(pool) = cluster.pools.iter().find(|pool| pool.name == name) else { continue };
        let version = text(&profile, "orchestratorVersion").to_owned();
        let had = [text(&pool.properties, "orchestratorVersion"), text(&pool.properties, "currentOrchestratorVersion")];
        let unchanged = had.contains(&version.as_str());
        let with_control_plane = version == around.version.0 || version == around.version.1.to_string();
        if !(none_specified || all_specified && (unchanged || with_control_plane)) {
            return Err(ArmError::service(
                400,
                "NotAllAgentPoolOrchestratorVersionSpecifiedAndUnchanged",
                format!(
                    "Using managed cluster api, all Agent pools' OrchestratorVersion must be all specified or all \
                     unspecified. If all specified, they must be stay unchanged or the same with control plane. {PER_POOL}"
                ),
            ));
        }
        if drags {
            // azurerm#17839 and CAPZ#1883: pools of which nothing is said are upgraded along.
            profile.insert("orchestratorVersion".into(), around.version.0.into());
        }
        let filled = pool::fill(&name, profile, Some(&pool.properties), around)?;
        pool::check_version(&filled, Some(&pool.properties), around.version.1)?;
        pools.push(Pool::within(&name, filled));
    }
    if !pools.iter().any(|pool| text(&pool.properties, "mode") == "System") {
        return Err(pool::no_system_pool());
    }
    Ok(pools)
}

fn without_version(pool: &Document) -> Document {
    let mut pool = pool.clone();
    pool.remove("orchestratorVersion");
    // An autoscaled pool's size is the autoscaler's business.
    if pool.get("enableAutoScaling") == Some(&Value::Bool(true)) {
        pool.remove("count");
    }
    pool
}

/// What the control plane is asked to be and what that leads to: the same, a newer patch or the next minor.
fn upgraded(cluster: &Cluster, asked: &str, before: Version) -> Result<(String, Version), ArmError> {
    let had = text(&cluster.properties, "kubernetesVersion");
    let asked = if asked.is_empty() { had } else { asked };
    // "Updating the cluster with the same <major.minor> will not trigger an upgrade": the model, at `kubernetesVersion`.
    if asked == before.to_string() || asked == format!("1.{}", before.minor) {
        return Ok((asked.to_owned(), before));
    }
    let version = version_of(&cluster.name, asked)?;
    let offered = before.upgrades();
    if !offered.contains(&version) {
        let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
        let message = format!(
            "Upgrading Kubernetes version {before} to {version} is not allowed. Available upgrades: [{}]. Please see \
             https://aka.ms/aks-supported-k8s-ver for version details.",
            offered.join(" ")
        );
        return Err(ArmError::service(400, "OperationNotAllowed", message));
    }
    Ok((asked.to_owned(), version))
}

fn version_of(cluster: &str, asked: &str) -> Result<Version, ArmError> {
    if asked.is_empty() {
        return Ok(catalogue::DEFAULT);
    }
    Version::offered(asked).ok_or_else(|| {
        let message = format!(
            "Managed cluster {cluster} is on version {asked}, which is not supported in this region. Please use [az aks \
             get-versions] command to get the supported version list in this region. For more information, please check \
             https://aka.ms/supported-version-list"
        );
        ArmError::service(400, "K8sVersionNotSupported", message)
    })
}

/// The profiles of a request by name.
fn profiles(wanted: &Document) -> Result<Vec<(String, Document)>, ArmError> {
    let mut profiles: Vec<(String, Document)> = Vec::new();
    for profile in wanted.get("agentPoolProfiles").and_then(Value::as_array).into_iter().flatten() {
        let mut profile = document(profile.clone());
        let name = text(&profile, "name").to_owned();
        profile.remove("name");
        if profiles.iter().any(|(known, _)| *known == name) {
            let message = format!("The agent pool name '{name}' is not unique.");
            return Err(ArmError::invalid_parameter("agentPoolProfiles", message));
        }
        profiles.push((name, profile));
    }
    Ok(profiles)
}

fn check_top(body: &Document, name: &str) -> Result<(), ArmError> {
    const TOP: [&str; 12] = [
        "id",
        "name",
        "type",
        "location",
        "tags",
        "properties",
        "identity",
        "sku",
        "kind",
        "extendedLocation",
        "eTag",
        "systemData",
    ];
    if let Some(key) = body.keys().find(|key| !TOP.contains(&key.as_str())) {
        return Err(pool::unknown_field(key));
    }
    let properties = body.get("properties").and_then(Value::as_object);
    let unknown = |key: &&String| !KNOWN.split(' ').any(|known| known == key.as_str());
    if let Some(key) = properties.into_iter().flat_map(Document::keys).find(unknown) {
        return Err(pool::unknown_field(key));
    }
    let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let fits = name.len() <= LONGEST_NAME && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !fits || !ends_well(name.chars().next()) || !ends_well(name.chars().last()) {
        let message = format!(
            "The value of parameter resourceName is invalid. Error details: '{name}' does not match \
             ^[a-zA-Z0-9]$|^[a-zA-Z0-9][-_a-zA-Z0-9]{{0,61}}[a-zA-Z0-9]$. Please see https://aka.ms/aks-naming-rules"
        );
        return Err(ArmError::invalid_parameter("resourceName", message));
    }
    Ok(())
}

/// The properties of a cluster after a request, but for pools and versions. What it leaves out is reset, but for what a
/// cluster keeps for life.
fn fill(
    mut wanted: Document,
    before: Option<&Document>,
    group: &str,
    name: &str,
    location: &str,
) -> Result<Document, ArmError> {
    wanted.retain(|key, value| !value.is_null() && !READ_ONLY.contains(&key.as_str()) && key != "agentPoolProfiles");
    wanted.values_mut().for_each(forget_secrets);
    if let Some(before) = before {
        keep(&mut wanted, before)?;
    }
    if !wanted.contains_key("dnsPrefix") && !wanted.contains_key("fqdnSubdomain") {
        return Err(ArmError::invalid_parameter("dnsPrefix", "Required parameter dnsPrefix is missing (null)."));
    }
    check_prefix(host_prefix(&wanted))?;
    if wanted.get("disableLocalAccounts") == Some(&Value::Bool(true)) && !wanted.contains_key("aadProfile") {
        let message = "Disabling local accounts is only allowed for a cluster with managed AAD.";
        return Err(ArmError::bad_request(message).target("disableLocalAccounts"));
    }
    let mut node_group = format!("MC_{group}_{name}_{location}");
    node_group.truncate(LONGEST_NODE_GROUP);
    let mut properties = document(json!({
        "powerState": { "code": "Running" },
        "enableRBAC": true,
        "supportPlan": "KubernetesOfficial",
        "nodeResourceGroup": node_group,
        "maxAgentPools": pool::MOST_POOLS,
        "disableLocalAccounts": false,
        "servicePrincipalProfile": { "clientId": "msi" },
        "securityProfile": {},
        "storageProfile": {
            "diskCSIDriver": { "enabled": true },
            "fileCSIDriver": { "enabled": true },
            "snapshotController": { "enabled": true },
        },
        "oidcIssuerProfile": { "enabled": false },
        "workloadAutoScalerProfile": {},
        "metricsProfile": { "costAnalysis": { "enabled": false } },
        "nodeProvisioningProfile": { "mode": "Manual", "defaultNodePools": "Auto" },
        "bootstrapProfile": { "artifactSource": "Direct" },
        "autoUpgradeProfile": { "nodeOSUpgradeChannel": "NodeImage" },
    }));
    let network = wanted.remove("networkProfile");
    for (key, value) in wanted {
        // A block that is given in part is filled up.
        match (properties.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(given)) => known.extend(given),
            (_, value) => {
                properties.insert(key, value);
            }
        }
    }
    properties.insert("networkProfile".into(), fill_network(network)?);
    let written =
        ["fqdn", "azurePortalFQDN", "resourceUID", "currentKubernetesVersion", "provisioningState", "identityProfile"];
    for key in written {
        if let Some(value) = before.and_then(|before| before.get(key)) {
            properties.insert(key.into(), value.clone());
        }
    }
    Ok(properties)
}

/// AKS takes passwords and never shows one.
fn forget_secrets(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|key, _| !super::MASKED.contains(&key.as_str()));
        members.values_mut().for_each(forget_secrets);
    }
}

fn fill_network(given: Option<Value>) -> Result<Value, ArmError> {
    let given = given.map(document).unwrap_or_default();
    let plugin = if given.contains_key("networkPlugin") { text(&given, "networkPlugin") } else { "azure" };
    let overlay = plugin == "azure" && (given.is_empty() || text(&given, "networkPluginMode") == "overlay");
    let mut network = document(json!({
        "networkPlugin": plugin,
        "networkPolicy": "none",
        "networkDataplane": "azure",
        "loadBalancerSku": "standard",
        "loadBalancerProfile": { "managedOutboundIPs": { "count": 1 }, "backendPoolType": "nodeIPConfiguration" },
        "serviceCidr": "10.0.0.0/16",
        "dnsServiceIP": "10.0.0.10",
        "outboundType": "loadBalancer",
        "ipFamilies": ["IPv4"],
    }));
    if overlay {
        network.insert("networkPluginMode".into(), "overlay".into());
    }
    if overlay || plugin == "kubenet" {
        network.insert("podCidr".into(), "10.244.0.0/16".into());
    }
    if !["azure", "kubenet", "none"].contains(&plugin) {
        let message = format!("The network plugin '{plugin}' is not one of azure, kubenet, none.");
        return Err(ArmError::invalid_parameter("networkProfile.networkPlugin", message));
    }
    network.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
    for (one, many) in [("podCidr", "podCidrs"), ("serviceCidr", "serviceCidrs")] {
        if let Some(cidr) = network.get(one).cloned() {
            network.insert(many.into(), json!([cidr]));
        }
    }
    Ok(Value::Object(network))
}

/// The autoscaler's settings appear once a pool needs them.
fn fill_autoscaler(properties: &mut Document, pools: &[Pool]) {
    if pools.iter().any(|pool| pool.properties.get("enableAutoScaling") == Some(&Value::Bool(true))) {
        let mut profile = document(json!({
            "balance-similar-node-groups": "false",
            "daemonset-eviction-for-empty-nodes": false,
            "daemonset-eviction-for-occupied-nodes": true,
            "expander": "random",
            "ignore-daemonsets-utilization": false,
            "max-empty-bulk-delete": "10",
            "max-graceful-termination-sec": "600",
            "max-node-provision-time": "15m",
            "max-total-unready-percentage": "45",
            "new-pod-scale-up-delay": "0s",
            "ok-total-unready-count": "3",
            "scale-down-delay-after-add": "10m",
            "scale-down-delay-after-delete": "10s",
            "scale-down-delay-after-failure": "3m",
            "scale-down-unneeded-time": "10m",
            "scale-down-unready-time": "20m",
            "scale-down-utilization-threshold": "0.5",
            "scan-interval": "10s",
            "skip-nodes-with-local-storage": "false",
            "skip-nodes-with-system-pods": "true",
        }));
        if let Some(Value::Object(given)) = properties.remove("autoScalerProfile") {
            profile.extend(given);
        }
        properties.insert("autoScalerProfile".into(), Value::Object(profile));
    }
}

/// Carries over what a cluster keeps for life, and refuses to change it.
fn keep(wanted: &mut Document, before: &Document) -> Result<(), ArmError> {
    for key in IMMUTABLE {
        match (wanted.get(key), before.get(key)) {
            (Some(given), Some(had)) if !pool::same(given, had) => {
                return Err(ArmError::unchangeable(&format!("properties.{key}")));
            }
            (Some(_), None) => return Err(ArmError::unchangeable(&format!("properties.{key}"))),
            (_, Some(had)) => {
                wanted.insert(key.into(), had.clone());
            }
            (None, None) => {}
        }
    }
    let had = before.get("networkProfile").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut network = wanted.remove("networkProfile").map(document).unwrap_or_default();
    network.retain(|_, value| !value.is_null());
    for key in IMMUTABLE_NETWORK {
        if let Some(given) = network.get(key)
            && !had.get(key).is_some_and(|had| pool::same(given, had))
            && !moves_to_overlay(&network, &had)
        {
            return Err(ArmError::unchangeable(&format!("properties.networkProfile.{key}")));
        }
    }
    for (key, allowed) in [
        ("networkPolicy", [("none", ""), ("azure", "cilium"), ("calico", "cilium")].as_slice()),
        ("networkDataplane", [("azure", "cilium")].as_slice()),
    ] {
        let (from, to) = (text(&had, key), text(&network, key));
        let may = from == to || to.is_empty() || allowed.iter().any(|(a, b)| *a == from && (*b == to || b.is_empty()));
        if !may {
            return Err(ArmError::unchangeable(&format!("properties.networkProfile.{key}")));
        }
    }
    let addresses = had.get("loadBalancerProfile").and_then(|profile| profile.get("effectiveOutboundIPs")).cloned();
    let mut merged = had;
    merged.extend(network);
    if let (Some(addresses), Some(Value::Object(profile))) = (addresses, merged.get_mut("loadBalancerProfile")) {
        profile.insert("effectiveOutboundIPs".into(), addresses);
    }
    wanted.insert("networkProfile".into(), Value::Object(merged));
    let is_on = |properties: &Document, block: &str, key: &str| properties.get(block).map(|block| block[key] == true);
    if is_on(before, "oidcIssuerProfile", "enabled") == Some(true) {
        if is_on(wanted, "oidcIssuerProfile", "enabled") == Some(false)
            && wanted["oidcIssuerProfile"].get("enabled").is_some()
        {
            let message = "OIDC issuer feature cannot be disabled.";
            return Err(ArmError::service(400, "OIDCIssuerFeatureCannotBeDisabled", message));
        }
        wanted.insert("oidcIssuerProfile".into(), before["oidcIssuerProfile"].clone());
    }
    let private =
        |properties: &Document| is_on(properties, "apiServerAccessProfile", "enablePrivateCluster").unwrap_or(false);
    if private(wanted) != private(before) {
        return Err(ArmError::unchangeable("properties.apiServerAccessProfile.enablePrivateCluster"));
    }
    Ok(())
}

fn moves_to_overlay(network: &Document, had: &Document) -> bool {
    text(network, "networkPluginMode") == "overlay" && text(had, "networkPluginMode") != "overlay"
}

fn set_top(top: &mut Document, body: &Document, location: &str, context: &mut Context<'_>) -> Result<(), ArmError> {
    top.insert("location".into(), location.into());
    set_tags(top, body.get("tags"))?;
    let sku = body.get("sku").and_then(Value::as_object).cloned().unwrap_or_default();
    let get = |key: &str, default: &'static str| sku.get(key).and_then(Value::as_str).unwrap_or(default).to_owned();
    let (name, tier) = (get("name", "Base"), get("tier", "Free"));
    if !["Free", "Standard", "Premium"].contains(&tier.as_str()) || !["Base", "Automatic"].contains(&name.as_str()) {
        return Err(ArmError::invalid_parameter("sku", format!("The sku '{name}' with tier '{tier}' is not known.")));
    }
    top.insert("sku".into(), json!({ "name": name, "tier": tier }));
    match (body.get("identity").and_then(Value::as_object), top.contains_key("identity")) {
        (Some(given), _) => {
            let identity = identity(given, top.get("identity"), context)?;
            top.insert("identity".into(), identity);
        }
        (None, true) => {}
        (None, false) => {
            let message = "Required parameter servicePrincipalProfile is missing (null).";
            return Err(ArmError::invalid_parameter("servicePrincipalProfile", message));
        }
    }
    Ok(())
}

fn set_tags(top: &mut Document, tags: Option<&Value>) -> Result<(), ArmError> {
    match tags {
        None | Some(Value::Null) => {
            top.remove("tags");
        }
        Some(Value::Object(tags)) if tags.values().all(Value::is_string) && tags.len() <= 50 => {
            top.insert("tags".into(), Value::Object(tags.clone()));
        }
        Some(_) => return Err(ArmError::gateway(400, "InvalidTags", "Tags are at most 50 names with text.")),
    }
    Ok(())
}

fn identity(given: &Document, had: Option<&Value>, context: &mut Context<'_>) -> Result<Value, ArmError> {
    let kind = text(given, "type");
    let mut principal = || context.random.uuid();
    match kind {
        "SystemAssigned" => {
            let known = had.and_then(|had| had.get("principalId")).and_then(Value::as_str).map(str::to_owned);
            let id = known.unwrap_or_else(principal);
            Ok(json!({ "type": kind, "principalId": id, "tenantId": inventory::TENANT }))
        }
        "UserAssigned" => {
            let ids = given.get("userAssignedIdentities").and_then(Value::as_object);
            let filled: Document = ids
                .into_iter()
                .flat_map(Document::keys)
                .map(|id| (id.clone(), json!({ "clientId": principal(), "principalId": principal() })))
                .collect();
            Ok(json!({ "type": kind, "userAssignedIdentities": filled }))
        }
        other => {
            Err(ArmError::invalid_parameter("identity.type", format!("The identity type '{other}' is not known.")))
        }
    }
}

/// What becomes of the properties once everything is up.
fn reached(properties: &Document, name: &str, subscription: &str, context: &mut Context<'_>) -> Document {
    let node_group = text(properties, "nodeResourceGroup");
    let mut reached = Document::new();
    if !properties.contains_key("identityProfile") {
        let id = format!(
            "/subscriptions/{subscription}/resourcegroups/{node_group}/providers/Microsoft.ManagedIdentity/\
             userAssignedIdentities/{name}-agentpool"
        );
        let kubelet = json!({ "resourceId": id, "clientId": context.random.uuid(), "objectId": context.random.uuid() });
        reached.insert("identityProfile".into(), json!({ "kubeletidentity": kubelet }));
    }
    let mut network = properties.get("networkProfile").cloned().unwrap_or_default();
    if network["outboundType"] == "loadBalancer" && network["loadBalancerProfile"].get("effectiveOutboundIPs").is_none()
    {
        let address = context.random.uuid();
        network["loadBalancerProfile"]["effectiveOutboundIPs"] = json!([{
            "id": format!(
                "/subscriptions/{subscription}/resourceGroups/{node_group}/providers/Microsoft.Network/\
                 publicIPAddresses/{address}"
            ),
        }]);
        reached.insert("networkProfile".into(), network);
    }
    let mut issuer = properties.get("oidcIssuerProfile").cloned().unwrap_or_default();
    if issuer["enabled"] == true && issuer.get("issuerURL").is_none() {
        let location = text(properties, "fqdn").split('.').nth(2).unwrap_or("").to_owned();
        issuer["issuerURL"] =
            format!("https://{location}.oic.prod-aks.azure.com/{}/{}/", inventory::TENANT, context.random.uuid())
                .into();
        reached.insert("oidcIssuerProfile".into(), issuer);
    }
    reached
}

fn host_prefix(properties: &Document) -> &str {
    let prefix = text(properties, "dnsPrefix");
    if prefix.is_empty() { text(properties, "fqdnSubdomain") } else { prefix }
}

fn check_prefix(prefix: &str) -> Result<(), ArmError> {
    let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let fits = prefix.len() <= LONGEST_PREFIX && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits && ends_well(prefix.chars().next()) && ends_well(prefix.chars().last()) {
        return Ok(());
    }
    let message = format!(
        "The value of parameter dnsPrefix is invalid. Error details: DNS prefix '{prefix}' is invalid. DNS prefix must \
         contain between 1 and 54 characters, letters, digits and hyphens, and start and end with a letter or digit."
    );
    Err(ArmError::invalid_parameter("dnsPrefix", message))
}

fn access(api_server: &ApiServer, host: &str, context: &mut Context<'_>) -> Access {
    let (server, certificate_authority_data) = api_server.access(host);
    let token = api_server.token().map_or_else(|| context.random.hex(64).to_lowercase(), str::to_owned);
    Access { server, certificate_authority_data, token }
}

/// A cluster that nobody asked for, for tests: up, with one pool.
pub(super) fn planted(
    subscription: &str,
    group: &str,
    name: &str,
    location: &str,
    api_server: &ApiServer,
    context: &mut Context<'_>,
) -> Result<Cluster, ArmError> {
    let version = catalogue::DEFAULT;
    let prefix: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(LONGEST_PREFIX).collect();
    let mut properties = fill(document(json!({ "dnsPrefix": prefix })), None, group, name, location)?;
    let host = format!("{prefix}-{}.hcp.{location}.azmk8s.io", context.random.hex(8).to_lowercase());
    let access = access(api_server, &host, context);
    properties.insert("fqdn".into(), api_server.host(&host).into());
    properties.insert("resourceUID".into(), context.random.hex(24).to_lowercase().into());
    properties.insert("kubernetesVersion".into(), version.to_string().into());
    properties.insert("currentKubernetesVersion".into(), version.to_string().into());
    properties.insert("provisioningState".into(), "Succeeded".into());
    let up = reached(&properties, name, subscription, context);
    properties.extend(up);
    let mut cluster = Cluster::new(name, group, access, context);
    cluster.see();
    let body = document(json!({ "identity": { "type": "SystemAssigned" } }));
    set_top(&mut cluster.top, &body, location, context)?;
    cluster.properties = properties;
    let system = planted_pool(&cluster, "system", "System")?;
    cluster.pools.push(system);
    cluster.touch(&Target::Cluster);
    Ok(cluster)
}

/// A pool that nobody asked for, for tests.
pub(super) fn planted_pool(cluster: &Cluster, name: &str, mode: &str) -> Result<Pool, ArmError> {
    let version = Version::parse(text(&cluster.properties, "currentKubernetesVersion")).unwrap_or(catalogue::DEFAULT);
    let asked = text(&cluster.properties, "kubernetesVersion");
    let around =
        Around { location: cluster.location(), version: (asked, version), max_pods: max_pods(&cluster.properties) };
    let wanted = document(json!({ "count": 1, "mode": mode }));
    let mut properties = pool::fill(name, wanted, None, &around)?;
    properties.insert("provisioningState".into(), "Succeeded".into());
    Ok(Pool::within(name, properties))
}
