//! Clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ServiceError;
use super::world::{Change, Cluster, Document, Region, Resource, Target, document, health_issue};
use super::{Answer, Input, access, catalogue, inventory, page, tag};
use crate::cloud::Context;
use crate::fault::Course;

/// How long things take, from what users report for clusters of few nodes.
const CREATE: Duration = Duration::from_secs(420);
const DELETE: Duration = Duration::from_secs(180);
const UPDATE_VERSION: Duration = Duration::from_secs(480);
const UPDATE_CONFIG: Duration = Duration::from_secs(120);
const ENCRYPT: Duration = Duration::from_secs(600);

/// As many as the user guide lets a cluster have.
const MOST_SECURITY_GROUPS: usize = 5;

/// Managed nodes may be that many minors behind their control plane (aws/aws-eks-best-practices#476).
pub(super) const NODE_SKEW: u32 = 3;

/// In the order in which EKS lists them.
const LOG_TYPES: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

const AUTHENTICATION_MODES: [&str; 3] = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: String,
    version: Option<String>,
    role_arn: String,
    resources_vpc_config: VpcConfig,
    kubernetes_network_config: Option<NetworkConfig>,
    logging: Option<Logging>,
    client_request_token: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    encryption_config: Option<Vec<Encryption>>,
    access_config: Option<AccessConfig>,
    bootstrap_self_managed_addons: Option<bool>,
    upgrade_policy: Option<UpgradePolicy>,
    zonal_shift_config: Option<Switch>,
    remote_network_config: Option<RemoteNetwork>,
    compute_config: Option<Compute>,
    storage_config: Option<Storage>,
    deletion_protection: Option<bool>,
    control_plane_scaling_config: Option<ControlPlaneScaling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateVersion {
    version: String,
    client_request_token: Option<String>,
    #[expect(dead_code, reason = "overrides upgrade insights, of which none here blocks")]
    force: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateConfig {
    resources_vpc_config: Option<VpcConfig>,
    logging: Option<Logging>,
    client_request_token: Option<String>,
    access_config: Option<AccessConfig>,
    upgrade_policy: Option<UpgradePolicy>,
    zonal_shift_config: Option<Switch>,
    compute_config: Option<Compute>,
    kubernetes_network_config: Option<NetworkConfig>,
    storage_config: Option<Storage>,
    remote_network_config: Option<RemoteNetwork>,
    deletion_protection: Option<bool>,
    control_plane_scaling_config: Option<ControlPlaneScaling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AssociateEncryption {
    encryption_config: Vec<Encryption>,
    client_request_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VpcConfig {
    subnet_ids: Option<Vec<String>>,
    security_group_ids: Option<Vec<String>>,
    endpoint_public_access: Option<bool>,
    endpoint_private_access: Option<bool>,
    public_access_cidrs: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NetworkConfig {
    service_ipv4_cidr: Option<String>,
    ip_family: Option<String>,
    elastic_load_balancing: Option<Switch>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Logging {
    cluster_logging: Option<Vec<LogSetup>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogSetup {
    types: Option<Vec<String>>,
    enabled: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Encryption {
    resources: Vec<String>,
    provider: KeyProvider,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyProvider {
    key_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccessConfig {
    bootstrap_cluster_creator_admin_permissions: Option<bool>,
    authentication_mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpgradePolicy {
    support_type: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RemoteNetwork {
    #[serde(default)]
    remote_node_networks: Vec<Cidrs>,
    #[serde(default)]
    remote_pod_networks: Vec<Cidrs>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Cidrs {
    cidrs: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Compute {
    enabled: Option<bool>,
    #[serde(default)]
    node_pools: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_role_arn: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Storage {
    block_storage: Switch,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlPlaneScaling {
    tier: String,
}

pub(super) fn create(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: Create = input.body()?;
    let token = wanted.client_request_token.clone();
    if let Some(first) = region.tokens.recall(token.as_deref(), input)? {
        return Ok(first);
    }
    let name = wanted.name.clone();
    check_name(&name)?;
    if region.clusters.contains_key(&name) {
        let message = format!("Cluster already exists with name: {name}");
        return Err(ServiceError::in_use(message).cluster(&name));
    }
    let doc = initial(region, wanted, context).map_err(|error| error.cluster(&name))?;
    let bootstraps = doc["accessConfig"]["bootstrapClusterCreatorAdminPermissions"] == true;
    let admin = bootstraps.then(|| input.caller.principal());
    let mut created = doc.clone();
    // Describe does not tell what was only meant for creation (aws/containers-roadmap#185).
    if let Some(access) = created.get_mut("accessConfig").and_then(Value::as_object_mut) {
        access.remove("bootstrapClusterCreatorAdminPermissions");
    }
    let end = match context.course {
        Some(Course::Fail) => document(json!({ "status": "FAILED", "health": health_issue(&Target::Cluster) })),
        course => {
            let mut end = finished(region, &doc, context);
            if course == Some(Course::Degrade) {
                end.insert("health".into(), health_issue(&Target::Cluster));
            }
            end
        }
    };
    let due = context.due(CREATE);
    let own = Resource::creating(created, due, end, context);
    region.clusters.insert(name.clone(), new_cluster(own, admin));
    let answer = Answer::changed(json!({ "cluster": doc }));
    region.tokens.remember(token, input, &name, &answer);
    Ok(answer)
}

/// A cluster without anything in it.
pub(super) fn new_cluster(own: Resource, admin: Option<String>) -> Cluster {
    Cluster {
        own,
        admin,
        nodegroups: BTreeMap::new(),
        addons: BTreeMap::new(),
        entries: BTreeMap::new(),
        updates: Vec::new(),
    }
}

/// What a cluster of that name becomes once it is up.
pub(super) fn finished(region: &Region, doc: &Document, context: &mut Context<'_>) -> Document {
    let id = context.random.hex(32);
    let host = format!("{id}.gr7.{}.eks", region.name);
    let (endpoint, ca) = region.api_server.access(&host);
    let mut vpc = doc.get("resourcesVpcConfig").cloned().unwrap_or_default();
    vpc["clusterSecurityGroupId"] = format!("sg-{}", context.random.hex(17).to_lowercase()).into();
    document(json!({
        "status": "ACTIVE",
        "endpoint": endpoint,
        "certificateAuthority": { "data": ca },
        "identity": { "oidc": { "issuer": format!("https://oidc.eks.{}.amazonaws.com/id/{id}", region.name) } },
        "resourcesVpcConfig": vpc,
        "health": { "issues": [] },
    }))
}

/// The document of a new cluster.
fn initial(region: &Region, wanted: Create, context: &Context<'_>) -> Result<Document, ServiceError> {
    let version = match &wanted.version {
        Some(name) => catalogue::find(name),
        None => catalogue::VERSIONS.iter().find(|version| version.minor == catalogue::DEFAULT_MINOR),
    };
    let version = version.ok_or_else(|| ServiceError::invalid_parameter("unsupported Kubernetes version"))?;
    if inventory::role(&wanted.role_arn) != Some(inventory::CLUSTER_ROLE) {
        // One wording for both, as the service has it: it may be either, and may pass.
        return Err(ServiceError::invalid_parameter(format!(
            "Role with arn: {}, could not be assumed because it does not exist or the trusted entity is not correct",
            wanted.role_arn
        )));
    }
    let vpc = vpc_config(wanted.resources_vpc_config)?;
    let mode = match wanted.access_config.as_ref().and_then(|access| access.authentication_mode.as_deref()) {
        Some(mode) => one_of("authenticationMode", mode, &AUTHENTICATION_MODES)?,
        None => "CONFIG_MAP",
    };
    let bootstrap = wanted.access_config.and_then(|access| access.bootstrap_cluster_creator_admin_permissions);
    let auto_mode = auto_mode(
        wanted.compute_config.as_ref(),
        wanted.kubernetes_network_config.as_ref(),
        wanted.storage_config.as_ref(),
    )?;
    // Self-managed add-ons are pods, of which nothing is seen here; but Auto Mode comes without them.
    if auto_mode && wanted.bootstrap_self_managed_addons != Some(false) {
        return Err(ServiceError::invalid_parameter(
            "When Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false",
        ));
    }
    let support = match wanted.upgrade_policy {
        Some(policy) => one_of("supportType", &policy.support_type, &["STANDARD", "EXTENDED"])?.to_owned(),
        None => "EXTENDED".to_owned(),
    };
    let tier = match wanted.control_plane_scaling_config {
        Some(scaling) => control_plane_tier(&scaling)?.to_owned(),
        None => "standard".to_owned(),
    };
    let tags = wanted.tags.unwrap_or_default();
    tag::check(&tags)?;
    let mut doc = document(json!({
        "name": wanted.name,
        "arn": format!("arn:aws:eks:{}:{}:cluster/{}", region.name, region.account, wanted.name),
        "createdAt": context.now.epoch_seconds(),
        "version": version.name(),
        "platformVersion": version.platform_version(),
        "roleArn": wanted.role_arn,
        "resourcesVpcConfig": vpc,
        "kubernetesNetworkConfig": network_config(wanted.kubernetes_network_config.as_ref())?,
        "logging": logging(&enabled_logs(BTreeSet::new(), wanted.logging.as_ref())?),
        "status": "CREATING",
        "certificateAuthority": {},
        "tags": tags,
        "accessConfig": {
            "bootstrapClusterCreatorAdminPermissions": bootstrap.unwrap_or(true),
            "authenticationMode": mode,
        },
        "upgradePolicy": { "supportType": support },
        "deletionProtection": wanted.deletion_protection.unwrap_or(false),
        "controlPlaneScalingConfig": { "tier": tier },
    }));
    if let Some(encryption) = &wanted.encryption_config {
        doc.insert("encryptionConfig".into(), encryption_config(encryption)?);
    }
    if let Some(remote) = &wanted.remote_network_config {
        doc.insert("remoteNetworkConfig".into(), remote_network(remote)?);
    }
    // Shown to whoever has set it: a member that is always there is a difference to the plan of hashicorp/aws.
    if let Some(shift) = wanted.zonal_shift_config {
        doc.insert("zonalShiftConfig".into(), json!({ "enabled": shift.enabled.unwrap_or(false) }));
    }
    if let Some(compute) = wanted.compute_config {
        doc.insert("computeConfig".into(), json!(compute));
    }
    if let Some(storage) = wanted.storage_config {
        doc.insert("storageConfig".into(), json!(storage));
    }
    Ok(doc)
}

pub(super) fn list(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let names = region.clusters.keys().map(|name| name.as_str().into()).collect();
    page::page("clusters", names, input.request.query("maxResults"), input.request.query("nextToken"))
}

pub(super) fn describe(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let name = input.label(0);
    let cluster = region.cluster(name)?;
    let doc = cluster.own.read().ok_or_else(|| ServiceError::no_cluster(name))?;
    Ok(Answer::read(json!({ "cluster": doc })))
}

pub(super) fn delete(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let name = input.label(0);
    let cluster = region.cluster(name)?;
    if cluster.own.doc.get("deletionProtection") == Some(&Value::Bool(true)) {
        let message = format!("Cluster {name} cannot be deleted because deletion protection is enabled");
        return Err(ServiceError::invalid_request(message).cluster(name));
    }
    if !cluster.nodegroups.is_empty() {
        return Err(ServiceError::in_use("Cluster has nodegroups attached").cluster(name));
    }
    if cluster.own.running_update().is_some() {
        return Err(busy_for_deletion(name));
    }
    if cluster.own.is_busy() {
        let message = format!("Cannot delete because cluster {name} is in status {}", cluster.own.status());
        return Err(ServiceError::in_use(message).cluster(name));
    }
    let failed = document(json!({ "status": "FAILED", "health": health_issue(&Target::Cluster) }));
    cluster.own.delete(DELETE, failed, context);
    Ok(Answer::changed(json!({ "cluster": cluster.own.doc })))
}

/// Worded as in aws/containers-roadmap#1511.
pub(super) fn busy_for_deletion(name: &str) -> ServiceError {
    ServiceError::in_use(format!("Cannot delete because cluster {name} currently has an update in progress"))
        .cluster(name)
}

pub(super) fn update_version(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: UpdateVersion = input.body()?;
    let name = input.label(0);
    if let Some(first) = region.tokens.recall(wanted.client_request_token.as_deref(), input)? {
        return Ok(first);
    }
    let cluster = region.cluster(name)?;
    cluster.require_idle("VersionUpdate")?;
    let refuse = |message: String| Err(ServiceError::invalid_parameter(message).cluster(name));
    let Some(version) = catalogue::find(&wanted.version) else {
        return refuse(format!("unsupported Kubernetes version {}", wanted.version));
    };
    let minor = cluster.minor();
    if version.minor != minor + 1 {
        return refuse(format!("Unsupported Kubernetes minor version update from 1.{minor} to {}", wanted.version));
    }
    let is_left_behind = |group: &&Resource| super::world::minor_of(group.text("version")) + NODE_SKEW < version.minor;
    let left_behind: Vec<_> =
        cluster.nodegroups.values().filter(is_left_behind).map(|group| group.text("nodegroupName")).collect();
    if !left_behind.is_empty() {
        // The wording of hashicorp/terraform-provider-aws#19478.
        return refuse(format!(
            "Nodegroups {} must be updated to match cluster version 1.{minor} before updating cluster version",
            left_behind.join(", ")
        ));
    }
    let params = vec![("Version", version.name()), ("PlatformVersion", version.platform_version())];
    let patch = document(json!({ "version": version.name(), "platformVersion": version.platform_version() }));
    let change = Change { target: Target::Cluster, kind: "VersionUpdate", params, patch, usual: UPDATE_VERSION };
    let answer = Answer::changed(json!({ "update": cluster.accept(change, context) }));
    region.tokens.remember(wanted.client_request_token, input, name, &answer);
    Ok(answer)
}

pub(super) fn update_config(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: UpdateConfig = input.body()?;
    let name = input.label(0);
    let token = wanted.client_request_token.clone();
    if let Some(first) = region.tokens.recall(token.as_deref(), input)? {
        return Ok(first);
    }
    let cluster = region.cluster(name)?;
    let mut kinds = wanted.kinds();
    let kind = kinds.pop().ok_or_else(|| {
        // aws/aws-cli#4072 has this wording.
        ServiceError::invalid_parameter("Invalid type for cluster update.").cluster(name)
    })?;
    if !kinds.is_empty() {
        return Err(ServiceError::invalid_parameter("Only one type of update can be allowed.").cluster(name));
    }
    cluster.require_idle(kind)?;
    let (params, patch) = config_change(cluster, kind, &wanted).map_err(|error| error.cluster(name))?;
    let change = Change { target: Target::Cluster, kind, params, patch, usual: UPDATE_CONFIG };
    let answer = Answer::changed(json!({ "update": cluster.accept(change, context) }));
    region.tokens.remember(token, input, name, &answer);
    Ok(answer)
}

pub(super) fn associate_encryption(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: AssociateEncryption = input.body()?;
    let name = input.label(0);
    if let Some(first) = region.tokens.recall(wanted.client_request_token.as_deref(), input)? {
        return Ok(first);
    }
    let cluster = region.cluster(name)?;
    cluster.require_idle("AssociateEncryptionConfig")?;
    if cluster.own.doc.contains_key("encryptionConfig") {
        let message = "Cluster already has an encryption configuration, which cannot be changed";
        return Err(ServiceError::invalid_parameter(message).cluster(name));
    }
    let config = encryption_config(&wanted.encryption_config).map_err(|error| error.cluster(name))?;
    let params = vec![("EncryptionConfig", config.to_string())];
    let patch = document(json!({ "encryptionConfig": config }));
    let change = Change { target: Target::Cluster, kind: "AssociateEncryptionConfig", params, patch, usual: ENCRYPT };
    let answer = Answer::changed(json!({ "update": cluster.accept(change, context) }));
    region.tokens.remember(wanted.client_request_token, input, name, &answer);
    Ok(answer)
}

/// There are none, for none can be made here; whoever deletes a cluster asks.
pub(super) fn list_fargate_profiles(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    region.cluster(input.label(0))?;
    page::page("fargateProfileNames", Vec::new(), input.request.query("maxResults"), input.request.query("nextToken"))
}

impl UpdateConfig {
    /// The types of update that the request amounts to.
    fn kinds(&self) -> Vec<&'static str> {
        let vpc = self.resources_vpc_config.as_ref();
        let networks = |vpc: &VpcConfig| vpc.subnet_ids.is_some() || vpc.security_group_ids.is_some();
        let endpoint = |vpc: &VpcConfig| {
            vpc.endpoint_public_access.is_some()
                || vpc.endpoint_private_access.is_some()
                || vpc.public_access_cidrs.is_some()
        };
        let auto_mode =
            self.compute_config.is_some() || self.kubernetes_network_config.is_some() || self.storage_config.is_some();
        [
            ("VpcConfigUpdate", vpc.is_some_and(networks)),
            ("EndpointAccessUpdate", vpc.is_some_and(endpoint)),
            ("LoggingUpdate", self.logging.is_some()),
            ("AccessConfigUpdate", self.access_config.is_some()),
            ("UpgradePolicyUpdate", self.upgrade_policy.is_some()),
            ("ZonalShiftConfigUpdate", self.zonal_shift_config.is_some()),
            ("AutoModeUpdate", auto_mode),
            ("RemoteNetworkConfigUpdate", self.remote_network_config.is_some()),
            ("DeletionProtectionUpdate", self.deletion_protection.is_some()),
            ("ControlPlaneScalingConfigUpdate", self.control_plane_scaling_config.is_some()),
        ]
        .into_iter()
        .filter_map(|(kind, asked)| asked.then_some(kind))
        .collect()
    }
}

type Params = Vec<(&'static str, String)>;

/// The parameters of the update and what the cluster's document becomes.
fn config_change(
    cluster: &Cluster,
    kind: &'static str,
    wanted: &UpdateConfig,
) -> Result<(Params, Document), ServiceError> {
    let doc = &cluster.own.doc;
    let unchanged =
        |what: &str| ServiceError::invalid_parameter(format!("No changes needed for the {what} config provided"));
    match kind {
        "VpcConfigUpdate" | "EndpointAccessUpdate" => {
            let Some(vpc) = &wanted.resources_vpc_config else { return Err(unchanged("vpc")) };
            vpc_change(doc, kind, vpc)
        }
        "LoggingUpdate" => {
            let before = logs_of(doc);
            let after = enabled_logs(before.clone(), wanted.logging.as_ref())?;
            if before == after {
                return Err(unchanged("logging"));
            }
            let logging = logging(&after);
            Ok((vec![("ClusterLogging", logging.to_string())], document(json!({ "logging": logging }))))
        }
        "AccessConfigUpdate" => {
            let config = wanted.access_config.as_ref();
            if config.is_some_and(|config| config.bootstrap_cluster_creator_admin_permissions.is_some()) {
                return Err(ServiceError::invalid_parameter(
                    "bootstrapClusterCreatorAdminPermissions cannot be updated",
                ));
            }
            let to = config.and_then(|config| config.authentication_mode.as_deref()).unwrap_or("");
            let to = one_of("authenticationMode", to, &AUTHENTICATION_MODES)?;
            let from = access::mode(doc);
            let rank = |mode: &str| AUTHENTICATION_MODES.iter().position(|known| *known == mode);
            if rank(to) != rank(from).map(|rank| rank + 1) {
                let message = format!("Unsupported authentication mode update from {from} to {to}");
                return Err(ServiceError::invalid_parameter(message));
            }
            let patch = document(json!({ "accessConfig": { "authenticationMode": to } }));
            Ok((vec![("AuthenticationMode", to.into())], patch))
        }
        "UpgradePolicyUpdate" => {
            let support = wanted.upgrade_policy.as_ref().map_or("", |policy| policy.support_type.as_str());
            let policy = json!({ "supportType": one_of("supportType", support, &["STANDARD", "EXTENDED"])? });
            replaced(doc, "upgradePolicy", policy, "UpgradePolicy").ok_or_else(|| unchanged("upgrade policy"))
        }
        "ZonalShiftConfigUpdate" => {
            let enabled = wanted.zonal_shift_config.and_then(|shift| shift.enabled).unwrap_or(false);
            let shift = json!({ "enabled": enabled });
            replaced(doc, "zonalShiftConfig", shift, "ZonalShiftConfig").ok_or_else(|| unchanged("zonal shift"))
        }
        "AutoModeUpdate" => {
            auto_mode(
                wanted.compute_config.as_ref(),
                wanted.kubernetes_network_config.as_ref(),
                wanted.storage_config.as_ref(),
            )?;
            let mut network = doc.get("kubernetesNetworkConfig").cloned().unwrap_or_default();
            let balancing = wanted.kubernetes_network_config.as_ref().and_then(|config| config.elastic_load_balancing);
            network["elasticLoadBalancing"] = json!(balancing);
            let patch = document(json!({
                "computeConfig": wanted.compute_config,
                "storageConfig": wanted.storage_config,
                "kubernetesNetworkConfig": network,
            }));
            Ok((vec![("ComputeConfig", json!(wanted.compute_config).to_string())], patch))
        }
        "RemoteNetworkConfigUpdate" => {
            let Some(remote) = &wanted.remote_network_config else { return Err(unchanged("remote network")) };
            replaced(doc, "remoteNetworkConfig", remote_network(remote)?, "RemoteNetworkConfig")
                .ok_or_else(|| unchanged("remote network"))
        }
        "DeletionProtectionUpdate" => {
            let protection = json!(wanted.deletion_protection);
            replaced(doc, "deletionProtection", protection, "DeletionProtection")
                .ok_or_else(|| unchanged("deletion protection"))
        }
        _ => {
            let Some(scaling) = &wanted.control_plane_scaling_config else { return Err(unchanged("scaling")) };
            let tier = json!({ "tier": control_plane_tier(scaling)? });
            let before = doc.get("controlPlaneScalingConfig").and_then(|config| config["tier"].as_str());
            let previous = before.unwrap_or("standard").to_owned();
            let (_, patch) = replaced(doc, "controlPlaneScalingConfig", tier, "UpdatedTier")
                .ok_or_else(|| unchanged("control plane scaling"))?;
            Ok((vec![("PreviousTier", previous), ("UpdatedTier", scaling.tier.clone())], patch))
        }
    }
}

/// The change that puts `value` there; none when it is there.
fn replaced(doc: &Document, key: &str, value: Value, param: &'static str) -> Option<(Params, Document)> {
    if doc.get(key) == Some(&value) {
        return None;
    }
    let patch = document(json!({ key: value }));
    Some((vec![(param, patch[key].to_string())], patch))
}

fn vpc_change(doc: &Document, kind: &str, wanted: &VpcConfig) -> Result<(Params, Document), ServiceError> {
    let before = doc.get("resourcesVpcConfig").cloned().unwrap_or_default();
    let mut vpc = before.clone();
    let mut params = Params::new();
    if kind == "VpcConfigUpdate" {
        if let Some(subnets) = &wanted.subnet_ids {
            check_subnets(subnets)?;
            vpc["subnetIds"] = json!(subnets);
            params.push(("Subnets", json!(subnets).to_string()));
        }
        if let Some(groups) = &wanted.security_group_ids {
            check_security_groups(groups)?;
            vpc["securityGroupIds"] = json!(groups);
            params.push(("SecurityGroups", json!(groups).to_string()));
        }
        if vpc == before {
            return Err(ServiceError::invalid_parameter("No changes needed for the vpc config provided"));
        }
    } else {
        if let Some(public) = wanted.endpoint_public_access {
            vpc["endpointPublicAccess"] = public.into();
        }
        if let Some(private) = wanted.endpoint_private_access {
            vpc["endpointPrivateAccess"] = private.into();
        }
        if let Some(cidrs) = &wanted.public_access_cidrs {
            vpc["publicAccessCidrs"] = public_access_cidrs(cidrs)?;
        }
        check_endpoints(&vpc)?;
        if vpc == before {
            // Worded as in boto/boto3#2592.
            return Err(ServiceError::invalid_parameter(format!(
                "Cluster is already at the desired configuration with endpointPrivateAccess: {} , \
                 endpointPublicAccess: {}, and Public Endpoint Restrictions: {}",
                vpc["endpointPrivateAccess"], vpc["endpointPublicAccess"], vpc["publicAccessCidrs"]
            )));
        }
        params.push(("EndpointPublicAccess", vpc["endpointPublicAccess"].to_string()));
        params.push(("EndpointPrivateAccess", vpc["endpointPrivateAccess"].to_string()));
        params.push(("PublicAccessCidrs", vpc["publicAccessCidrs"].to_string()));
    }
    Ok((params, document(json!({ "resourcesVpcConfig": vpc }))))
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fits = name.len() <= 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if starts_well && fits {
        return Ok(());
    }
    Err(ServiceError::invalid_parameter(
        "The cluster name must be 1 to 100 letters, digits, hyphens and underscores, and start with a letter or digit",
    ))
}

/// One of the values of an enumeration.
pub(super) fn one_of<'a>(what: &str, value: &str, known: &[&'a str]) -> Result<&'a str, ServiceError> {
    known.iter().find(|candidate| **candidate == value).copied().ok_or_else(|| {
        ServiceError::invalid_parameter(format!("{what} must be one of {}, not {value:?}", known.join(", ")))
    })
}

fn vpc_config(wanted: VpcConfig) -> Result<Value, ServiceError> {
    let subnets = wanted.subnet_ids.unwrap_or_default();
    check_subnets(&subnets)?;
    let groups = wanted.security_group_ids.unwrap_or_default();
    check_security_groups(&groups)?;
    let cidrs = wanted.public_access_cidrs.unwrap_or_default();
    let vpc = json!({
        "subnetIds": subnets,
        "securityGroupIds": groups,
        "vpcId": inventory::VPC,
        "endpointPublicAccess": wanted.endpoint_public_access.unwrap_or(true),
        "endpointPrivateAccess": wanted.endpoint_private_access.unwrap_or(false),
        "publicAccessCidrs": public_access_cidrs(&cidrs)?,
    });
    check_endpoints(&vpc)?;
    Ok(vpc)
}

fn check_endpoints(vpc: &Value) -> Result<(), ServiceError> {
    if vpc["endpointPublicAccess"] == false && vpc["endpointPrivateAccess"] == false {
        return Err(ServiceError::invalid_parameter("Private and public endpoint access cannot be false"));
    }
    Ok(())
}

pub(super) fn check_subnets_exist(subnets: &[String]) -> Result<Vec<char>, ServiceError> {
    let zone = |id: &String| {
        let missing = || ServiceError::invalid_parameter(format!("The subnet ID '{id}' does not exist"));
        inventory::zone(id).ok_or_else(missing)
    };
    subnets.iter().map(zone).collect()
}

fn check_subnets(subnets: &[String]) -> Result<(), ServiceError> {
    let zones: BTreeSet<char> = check_subnets_exist(subnets)?.into_iter().collect();
    if zones.len() < 2 {
        return Err(ServiceError::invalid_parameter("Subnets specified must be in at least two different AZs"));
    }
    Ok(())
}

fn check_security_groups(groups: &[String]) -> Result<(), ServiceError> {
    if groups.len() > MOST_SECURITY_GROUPS {
        let message = format!("At most {MOST_SECURITY_GROUPS} security groups can be given");
        return Err(ServiceError::invalid_parameter(message));
    }
    match groups.iter().find(|id| !inventory::SECURITY_GROUPS.contains(&id.as_str())) {
        Some(id) => Err(ServiceError::invalid_parameter(format!("The security group '{id}' does not exist"))),
        None => Ok(()),
    }
}

/// None means everywhere.
fn public_access_cidrs(cidrs: &[String]) -> Result<Value, ServiceError> {
    let invalid: Vec<_> = cidrs.iter().filter(|text| cidr(text).is_none()).map(String::as_str).collect();
    if !invalid.is_empty() {
        let message = format!("The following CIDRs are invalid in publicAccessCidrs: [{}]", invalid.join(", "));
        return Err(ServiceError::invalid_parameter(message));
    }
    Ok(if cidrs.is_empty() { json!(["0.0.0.0/0"]) } else { json!(cidrs) })
}

fn cidr(text: &str) -> Option<(Ipv4Addr, u32)> {
    let (address, prefix) = text.split_once('/')?;
    let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
    Some((address.parse().ok()?, prefix))
}

fn network_config(wanted: Option<&NetworkConfig>) -> Result<Value, ServiceError> {
    let family = match wanted.and_then(|config| config.ip_family.as_deref()) {
        Some(family) => one_of("ipFamily", family, &["ipv4", "ipv6"])?,
        None => "ipv4",
    };
    let balancing = wanted.and_then(|config| config.elastic_load_balancing).and_then(|balancing| balancing.enabled);
    let balancing = json!({ "enabled": balancing.unwrap_or(false) });
    let service_cidr = wanted.and_then(|config| config.service_ipv4_cidr.as_deref());
    if family == "ipv6" {
        if service_cidr.is_some() {
            return Err(ServiceError::invalid_parameter("serviceIpv4Cidr cannot be given with ipFamily ipv6"));
        }
        return Ok(
            json!({ "serviceIpv6Cidr": "fd00:5e4d:1c00::/108", "ipFamily": family, "elasticLoadBalancing": balancing }),
        );
    }
    // The two that EKS chooses between are 10.100.0.0/16 and 172.20.0.0/16; the network here is neither's.
    let service_cidr = service_cidr.unwrap_or("172.20.0.0/16");
    let fits = cidr(service_cidr).is_some_and(|(address, prefix)| address.is_private() && (12..=24).contains(&prefix));
    if !fits {
        return Err(ServiceError::invalid_parameter(
            "serviceIpv4Cidr must lie within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 and be between /24 and /12",
        ));
    }
    Ok(json!({ "serviceIpv4Cidr": service_cidr, "ipFamily": family, "elasticLoadBalancing": balancing }))
}

/// The enabled log types after a request.
fn enabled_logs(
    mut enabled: BTreeSet<&'static str>,
    wanted: Option<&Logging>,
) -> Result<BTreeSet<&'static str>, ServiceError> {
    let setups = wanted.and_then(|logging| logging.cluster_logging.as_deref()).unwrap_or_default();
    for setup in setups {
        for name in setup.types.as_deref().unwrap_or_default() {
            let name = one_of("types", name, &LOG_TYPES)?;
            if setup.enabled == Some(true) {
                enabled.insert(name)
            } else {
                enabled.remove(name)
            };
        }
    }
    Ok(enabled)
}

/// The enabled log types of a cluster.
fn logs_of(doc: &Document) -> BTreeSet<&'static str> {
    let setups = doc.get("logging").and_then(|logging| logging["clusterLogging"].as_array());
    let enabled = setups.into_iter().flatten().filter(|setup| setup["enabled"] == true);
    let names = enabled.filter_map(|setup| setup["types"].as_array()).flatten().filter_map(Value::as_str);
    names.filter_map(|name| LOG_TYPES.into_iter().find(|known| *known == name)).collect()
}

/// Two lists, of which EKS leaves out an empty one.
fn logging(enabled: &BTreeSet<&str>) -> Value {
    let (on, off): (Vec<&str>, Vec<&str>) = LOG_TYPES.into_iter().partition(|name| enabled.contains(name));
    let setups = [(on, true), (off, false)].into_iter().filter(|(types, _)| !types.is_empty());
    let setups: Vec<_> = setups.map(|(types, enabled)| json!({ "types": types, "enabled": enabled })).collect();
    json!({ "clusterLogging": setups })
}

fn encryption_config(wanted: &[Encryption]) -> Result<Value, ServiceError> {
    let [one] = wanted else {
        return Err(ServiceError::invalid_parameter("Exactly one encryption config must be given"));
    };
    if one.resources != ["secrets"] {
        return Err(ServiceError::invalid_parameter("The only resource that can be encrypted is secrets"));
    }
    let key = &one.provider.key_arn;
    if !(key.starts_with("arn:aws:kms:") && key.ends_with(inventory::KEY)) {
        return Err(ServiceError::invalid_parameter(format!("KMS key {key} does not exist")));
    }
    Ok(json!(wanted))
}

fn remote_network(wanted: &RemoteNetwork) -> Result<Value, ServiceError> {
    let all = wanted.remote_node_networks.iter().chain(&wanted.remote_pod_networks);
    match all.flat_map(|network| &network.cidrs).find(|text| cidr(text).is_none()) {
        Some(text) => Err(ServiceError::invalid_parameter(format!("{text} is not a CIDR"))),
        None => Ok(json!(wanted)),
    }
}

/// Whether Auto Mode is wanted; its three parts go together.
fn auto_mode(
    compute: Option<&Compute>,
    network: Option<&NetworkConfig>,
    storage: Option<&Storage>,
) -> Result<bool, ServiceError> {
    let on = |enabled: Option<bool>| enabled == Some(true);
    let compute = compute.is_some_and(|compute| on(compute.enabled));
    let balancing = network.and_then(|network| network.elastic_load_balancing).is_some_and(|part| on(part.enabled));
    let storage = storage.is_some_and(|storage| on(storage.block_storage.enabled));
    if compute == balancing && balancing == storage {
        return Ok(compute);
    }
    Err(ServiceError::invalid_parameter(
        "For EKS Auto Mode, please ensure that all required configs, including computeConfig, \
         kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled.",
    ))
}

fn control_plane_tier(wanted: &ControlPlaneScaling) -> Result<&'static str, ServiceError> {
    one_of("tier", &wanted.tier, &["standard", "tier-xl", "tier-2xl", "tier-4xl", "tier-8xl"])
}
