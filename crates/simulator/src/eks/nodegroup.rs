//! Managed node groups.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::{check_subnets_exist, one_of};
use super::error::ServiceError;
use super::world::{Change, Cluster, Document, Region, Resource, Target, document, health_issue};
use super::{Answer, Input, catalogue, inventory, page, tag};
use crate::cloud::Context;
use crate::fault::Course;

const CREATE: Duration = Duration::from_secs(150);
const DELETE: Duration = Duration::from_secs(210);
const UPDATE_CONFIG: Duration = Duration::from_secs(60);
const UPDATE_VERSION: Duration = Duration::from_secs(420);

/// Not for users' labels (aws/containers-roadmap#1451).
const RESERVED_LABEL_PREFIXES: [&str; 3] = ["kubernetes.io/", "k8s.io/", "eks.amazonaws.com/"];

/// The most taints that EKS lets a group have.
const MOST_TAINTS: usize = 50;

/// Machine images made for a processor: the two defaults, then the others that this catalogue knows.
const AMI_TYPES: [(&str, bool); 8] = [
    ("AL2023_x86_64_STANDARD", false),
    ("AL2023_ARM_64_STANDARD", true),
    ("AL2023_x86_64_NVIDIA", false),
    ("AL2023_x86_64_NEURON", false),
    ("AL2_x86_64", false),
    ("AL2_ARM_64", true),
    ("BOTTLEROCKET_x86_64", false),
    ("BOTTLEROCKET_ARM_64", true),
];

/// The last minor with images of Amazon Linux 2.
const LAST_AL2_MINOR: u32 = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    nodegroup_name: String,
    scaling_config: Option<Scaling>,
    disk_size: Option<u32>,
    subnets: Vec<String>,
    instance_types: Option<Vec<String>>,
    ami_type: Option<String>,
    remote_access: Option<Value>,
    node_role: String,
    labels: Option<BTreeMap<String, String>>,
    taints: Option<Vec<Taint>>,
    tags: Option<BTreeMap<String, String>>,
    client_request_token: Option<String>,
    update_config: Option<UpdateStrategy>,
    node_repair_config: Option<Repair>,
    capacity_type: Option<String>,
    version: Option<String>,
    release_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateConfig {
    labels: Option<LabelChanges>,
    taints: Option<TaintChanges>,
    scaling_config: Option<Scaling>,
    update_config: Option<UpdateStrategy>,
    node_repair_config: Option<Repair>,
    client_request_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateVersion {
    version: Option<String>,
    release_version: Option<String>,
    #[expect(dead_code, reason = "evicts pods against their budgets; there are no pods here")]
    force: Option<bool>,
    client_request_token: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scaling {
    min_size: Option<u32>,
    max_size: Option<u32>,
    desired_size: Option<u32>,
}

#[derive(Clone, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Taint {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    effect: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateStrategy {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_unavailable: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_unavailable_percentage: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_strategy: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Repair {
    enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LabelChanges {
    #[serde(default)]
    add_or_update_labels: BTreeMap<String, String>,
    #[serde(default)]
    remove_labels: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaintChanges {
    #[serde(default)]
    add_or_update_taints: Vec<Taint>,
    #[serde(default)]
    remove_taints: Vec<Taint>,
}

pub(super) fn create(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: Create = input.body()?;
    let (cluster_name, name) = (input.label(0), wanted.nodegroup_name.clone());
    let token = wanted.client_request_token.clone();
    if let Some(first) = region.tokens.recall(token.as_deref(), input)? {
        return Ok(first);
    }
    let (account, region_name) = (region.account.clone(), region.name.clone());
    let cluster = region.cluster(cluster_name)?;
    if cluster.nodegroups.contains_key(&name) {
        let message = format!("NodeGroup already exists with name {name} and cluster name {cluster_name}");
        return Err(ServiceError::in_use(message).cluster(cluster_name).nodegroup(&name));
    }
    cluster.require_active().map_err(|error| error.nodegroup(&name))?;
    let mut doc = initial(cluster, wanted, context).map_err(|error| error.cluster(cluster_name).nodegroup(&name))?;
    let id = context.random.uuid();
    doc.insert(
        "nodegroupArn".into(),
        format!("arn:aws:eks:{region_name}:{account}:nodegroup/{cluster_name}/{name}/{id}").into(),
    );
    let end = match context.course {
        Some(Course::Fail) => document(json!({
            "status": "CREATE_FAILED",
            "resources": { "autoScalingGroups": [{ "name": format!("eks-{name}-{id}") }] },
            "health": { "issues": [{
                "code": "NodeCreationFailure",
                "message": "Instances failed to join the kubernetes cluster",
                "resourceIds": [format!("i-{}", context.random.hex(17).to_lowercase())],
            }] },
        })),
        Some(Course::Degrade) => {
            let mut end = finished(&name, &id);
            end.insert("status".into(), "DEGRADED".into());
            end.insert("health".into(), health_issue(&Target::Nodegroup(name.clone())));
            end
        }
        Some(Course::Slow | Course::Stuck | Course::StaleStatus | Course::NotYetVisible) | None => finished(&name, &id),
    };
    let due = context.due(CREATE);
    let answer = Answer::changed(json!({ "nodegroup": doc }));
    cluster.nodegroups.insert(name, Resource::creating(doc, due, end, context));
    cluster.follow(context.now);
    region.tokens.remember(token, input, cluster_name, &answer);
    Ok(answer)
}

/// What a group becomes when its nodes have joined.
pub(super) fn finished(name: &str, id: &str) -> Document {
    document(json!({
        "status": "ACTIVE",
        "resources": { "autoScalingGroups": [{ "name": format!("eks-{name}-{id}") }] },
        "health": { "issues": [] },
    }))
}

/// The document of a new group, all but its ARN.
fn initial(cluster: &Cluster, wanted: Create, context: &Context<'_>) -> Result<Document, ServiceError> {
    let invalid = |message: String| Err(ServiceError::invalid_parameter(message));
    check_name(&wanted.nodegroup_name)?;
    if wanted.remote_access.is_some() {
        return invalid("There is no EC2 key pair for remote access".into());
    }
    if inventory::role(&wanted.node_role) != Some(inventory::NODE_ROLE) {
        let message = match inventory::role(&wanted.node_role) {
            // Worded as users report it for roles that only the control plane may take on.
            Some(_) => format!(
                "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships \
                 of nodeRole {}",
                wanted.node_role
            ),
            None => format!("The role with name {} cannot be found", wanted.node_role),
        };
        return invalid(message);
    }
    if wanted.subnets.is_empty() {
        return invalid("At least one subnet must be given".into());
    }
    check_subnets_exist(&wanted.subnets)?;
    let scaling = scaling(&json!({ "minSize": 1, "maxSize": 2, "desiredSize": 2 }), wanted.scaling_config, true)?;
    let instance_types = match wanted.instance_types {
        Some(types) if !types.is_empty() => types,
        Some(_) | None => vec!["t3.medium".to_owned()],
    };
    let minor = cluster.minor();
    let ami_type = ami_type(wanted.ami_type.as_deref(), &instance_types, minor)?;
    let Some(version) = catalogue::find(&format!("1.{minor}")) else {
        return invalid("unsupported Kubernetes version".into());
    };
    if wanted.version.as_ref().is_some_and(|asked| *asked != version.name()) {
        return invalid(format!(
            "Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.{minor}"
        ));
    }
    let release = release(version, wanted.release_version.as_deref())?;
    let capacity = match &wanted.capacity_type {
        Some(capacity) => one_of("capacityType", capacity, &["ON_DEMAND", "SPOT", "CAPACITY_BLOCK"])?,
        None => "ON_DEMAND",
    };
    let disk_size = wanted.disk_size.unwrap_or(20);
    if !(1..=16_384).contains(&disk_size) {
        return invalid("diskSize must be between 1 and 16384 GiB".into());
    }
    let labels = wanted.labels.unwrap_or_default();
    check_labels(&labels)?;
    let taints = wanted.taints.unwrap_or_default();
    check_taints(&taints)?;
    let tags = wanted.tags.unwrap_or_default();
    tag::check(&tags)?;
    let now = context.now.epoch_seconds();
    let mut doc = document(json!({
        "nodegroupName": wanted.nodegroup_name,
        "clusterName": cluster.name(),
        "version": version.name(),
        "releaseVersion": release,
        "createdAt": now,
        "modifiedAt": now,
        "status": "CREATING",
        "capacityType": capacity,
        "scalingConfig": scaling,
        "instanceTypes": instance_types,
        "subnets": wanted.subnets,
        "amiType": ami_type,
        "nodeRole": wanted.node_role,
        "labels": labels,
        "diskSize": disk_size,
        "health": { "issues": [] },
        "updateConfig": update_strategy(wanted.update_config.as_ref())?,
        "nodeRepairConfig": { "enabled": wanted.node_repair_config.and_then(|repair| repair.enabled).unwrap_or(false) },
        "tags": tags,
    }));
    // EKS leaves them out where there are none.
    if !taints.is_empty() {
        doc.insert("taints".into(), json!(taints));
    }
    Ok(doc)
}

pub(super) fn list(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let cluster = region.cluster(input.label(0))?;
    let names = cluster.nodegroups.keys().map(|name| name.as_str().into()).collect();
    page::page("nodegroups", names, input.request.query("maxResults"), input.request.query("nextToken"))
}

pub(super) fn describe(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let (cluster_name, name) = (input.label(0), input.label(1));
    let cluster = region.cluster(cluster_name)?;
    let doc = cluster.nodegroup(name)?.read().ok_or_else(|| {
        let message = format!("No node group found for name: {name}.");
        ServiceError::not_found(message).cluster(cluster_name).nodegroup(name)
    })?;
    Ok(Answer::read(json!({ "nodegroup": doc })))
}

pub(super) fn delete(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let (cluster_name, name) = (input.label(0), input.label(1));
    let group = region.cluster(cluster_name)?.nodegroup(name)?;
    require_idle(group, "delete", cluster_name, name)?;
    let failed = document(json!({
        "status": "DELETE_FAILED",
        "health": { "issues": [{
            "code": "Ec2SecurityGroupDeletionFailure",
            "message": "DependencyViolation - resource has a dependent object",
            "resourceIds": [inventory::SECURITY_GROUPS[0]],
        }] },
    }));
    group.delete(DELETE, failed, context);
    Ok(Answer::changed(json!({ "nodegroup": group.doc })))
}

pub(super) fn update_config(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: UpdateConfig = input.body()?;
    let (cluster_name, name) = (input.label(0), input.label(1));
    let token = wanted.client_request_token.clone();
    if let Some(first) = region.tokens.recall(token.as_deref(), input)? {
        return Ok(first);
    }
    let cluster = region.cluster(cluster_name)?;
    let group = cluster.nodegroup(name)?;
    require_idle(group, "ConfigUpdate", cluster_name, name)?;
    let (params, patch) = config_change(group, wanted).map_err(|error| error.cluster(cluster_name).nodegroup(name))?;
    let target = Target::Nodegroup(name.into());
    let change = Change { target, kind: "ConfigUpdate", params, patch, usual: UPDATE_CONFIG };
    let answer = Answer::changed(json!({ "update": cluster.accept(change, context) }));
    region.tokens.remember(token, input, cluster_name, &answer);
    Ok(answer)
}

pub(super) fn update_version(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: UpdateVersion = input.body()?;
    let (cluster_name, name) = (input.label(0), input.label(1));
    if let Some(first) = region.tokens.recall(wanted.client_request_token.as_deref(), input)? {
        return Ok(first);
    }
    let cluster = region.cluster(cluster_name)?;
    let of_cluster = cluster.own.text("version").to_owned();
    let cluster_is_active = cluster.require_active();
    let group = cluster.nodegroup(name)?;
    require_idle(group, "VersionUpdate", cluster_name, name)?;
    cluster_is_active.map_err(|error| error.nodegroup(name))?;
    let of_group = group.text("version").to_owned();
    let invalid = |message: String| Err(ServiceError::invalid_parameter(message).cluster(cluster_name).nodegroup(name));
    // Without a version only the machine image is renewed.
    let asked = wanted.version.as_ref().unwrap_or(&of_group);
    if *asked != of_cluster && *asked != of_group {
        return invalid(format!(
            "Nodegroup Kubernetes version should be equal to Cluster kubernetes version {of_cluster} \
             or NodeGroup kubernetes version {of_group}"
        ));
    }
    let Some(version) = catalogue::find(asked) else {
        return invalid(format!("unsupported Kubernetes version {asked}"));
    };
    let release = release(version, wanted.release_version.as_deref())
        .map_err(|error| error.cluster(cluster_name).nodegroup(name))?;
    if *asked == of_group && release.as_str() < group.text("releaseVersion") {
        return invalid(format!("Nodegroup release version cannot be rolled back to {release}"));
    }
    if version.minor > LAST_AL2_MINOR && group.text("amiType").starts_with("AL2_") {
        return invalid(unsupported_ami(group.text("amiType"), version.minor));
    }
    let params = vec![("Version", version.name()), ("ReleaseVersion", release.clone())];
    let patch = document(json!({ "version": version.name(), "releaseVersion": release }));
    let target = Target::Nodegroup(name.into());
    let change = Change { target, kind: "VersionUpdate", params, patch, usual: UPDATE_VERSION };
    let answer = Answer::changed(json!({ "update": cluster.accept(change, context) }));
    region.tokens.remember(wanted.client_request_token, input, cluster_name, &answer);
    Ok(answer)
}

/// The error for whoever wants to change a group that is changing.
fn require_idle(group: &Resource, wanted: &str, cluster: &str, name: &str) -> Result<(), ServiceError> {
    let message = match (group.running_update(), group.is_busy()) {
        (Some(id), _) => format!("Cannot {wanted} because nodegroup {name} currently has update {id} in progress"),
        (None, true) => format!("Cannot {wanted} because nodegroup {name} is in status {}", group.status()),
        (None, false) if wanted != "delete" && !matches!(group.status(), "ACTIVE" | "DEGRADED") => {
            let message = format!("Nodegroup '{name}' is not in ACTIVE status");
            return Err(ServiceError::invalid_request(message).cluster(cluster).nodegroup(name));
        }
        (None, false) => return Ok(()),
    };
    Err(ServiceError::in_use(message).cluster(cluster).nodegroup(name))
}

type Params = Vec<(&'static str, String)>;

fn config_change(group: &Resource, wanted: UpdateConfig) -> Result<(Params, Document), ServiceError> {
    let (mut params, mut patch) = (Params::new(), Document::new());
    if let Some(changes) = wanted.labels {
        check_labels(&changes.add_or_update_labels)?;
        let mut labels = group.doc.get("labels").and_then(Value::as_object).cloned().unwrap_or_default();
        for key in &changes.remove_labels {
            labels.remove(key);
        }
        labels.extend(changes.add_or_update_labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
        params.push(("LabelsToAdd", json!(changes.add_or_update_labels).to_string()));
        params.push(("LabelsToRemove", json!(changes.remove_labels).to_string()));
        patch.insert("labels".into(), labels.into());
    }
    if let Some(changes) = wanted.taints {
        check_taints(&changes.add_or_update_taints)?;
        check_taints(&changes.remove_taints)?;
        let known = group.doc.get("taints").cloned().unwrap_or_else(|| json!([]));
        let mut taints: Vec<Taint> = serde_json::from_value(known).unwrap_or_default();
        let changed: Vec<&Taint> = changes.add_or_update_taints.iter().chain(&changes.remove_taints).collect();
        taints.retain(|taint| !changed.iter().any(|other| other.key == taint.key && other.effect == taint.effect));
        taints.extend(changes.add_or_update_taints.iter().cloned());
        check_taints(&taints)?;
        params.push(("TaintsToAdd", json!(changes.add_or_update_taints).to_string()));
        params.push(("TaintsToRemove", json!(changes.remove_taints).to_string()));
        patch.insert("taints".into(), json!(taints));
    }
    if let Some(sizes) = wanted.scaling_config {
        let scaling = scaling(group.doc.get("scalingConfig").unwrap_or(&Value::Null), Some(sizes), false)?;
        for (kind, key) in [("MinSize", "minSize"), ("MaxSize", "maxSize"), ("DesiredSize", "desiredSize")] {
            params.push((kind, scaling[key].to_string()));
        }
        patch.insert("scalingConfig".into(), scaling);
    }
    if let Some(strategy) = wanted.update_config {
        let strategy = update_strategy(Some(&strategy))?;
        for (kind, key) in [
            ("MaxUnavailable", "maxUnavailable"),
            ("MaxUnavailablePercentage", "maxUnavailablePercentage"),
            ("UpdateStrategy", "updateStrategy"),
        ] {
            params.extend(strategy.get(key).map(|value| (kind, value.to_string())));
        }
        patch.insert("updateConfig".into(), strategy);
    }
    if let Some(repair) = wanted.node_repair_config {
        let enabled = repair.enabled.unwrap_or(false);
        params.push(("NodeRepairEnabled", enabled.to_string()));
        patch.insert("nodeRepairConfig".into(), json!({ "enabled": enabled }));
    }
    if patch.is_empty() {
        return Err(ServiceError::invalid_parameter("At least one of the fields to update must be given"));
    }
    Ok((params, patch))
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fits = name.len() <= 63 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if starts_well && fits {
        return Ok(());
    }
    Err(ServiceError::invalid_parameter(
        "The nodegroup name must be 1 to 63 letters, digits, hyphens and underscores, and start with a letter or digit",
    ))
}

/// The sizes after a request; they are judged in other words when a group is made.
fn scaling(before: &Value, wanted: Option<Scaling>, new: bool) -> Result<Value, ServiceError> {
    let size = |asked: Option<u32>, key: &str| asked.map_or_else(|| before[key].as_u64().unwrap_or(0), u64::from);
    let min = size(wanted.and_then(|sizes| sizes.min_size), "minSize");
    let max = size(wanted.and_then(|sizes| sizes.max_size), "maxSize");
    let desired = size(wanted.and_then(|sizes| sizes.desired_size), "desiredSize");
    let refuse = |message: String| Err(ServiceError::invalid_parameter(message));
    if max < 1 {
        return refuse("maxSize must be at least 1".into());
    }
    if min > max {
        return refuse("minSize can't be greater than maxSize".into());
    }
    match (min > desired, desired > max, new) {
        (true, _, true) => refuse("minSize can't be greater than desiredSize".into()),
        (true, _, false) => refuse(format!("Minimum capacity {min} can't be greater than desired size {desired}")),
        (false, true, true) => refuse("desiredSize can't be greater than maxSize".into()),
        (false, true, false) => refuse(format!("Desired capacity {desired} can't be greater than max size {max}")),
        (false, false, _) => Ok(json!({ "minSize": min, "maxSize": max, "desiredSize": desired })),
    }
}

/// The machine image for the instance types, which must have one kind of processor.
fn ami_type(wanted: Option<&str>, instance_types: &[String], minor: u32) -> Result<String, ServiceError> {
    let unknown: Vec<_> =
        instance_types.iter().filter(|kind| catalogue::is_arm(kind).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(ServiceError::invalid_parameter(message));
    }
    let arm = instance_types.first().and_then(|kind| catalogue::is_arm(kind)).unwrap_or(false);
    let (name, made_for_arm) = match wanted {
        None => AMI_TYPES[usize::from(arm)],
        Some(name) => AMI_TYPES
            .into_iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| ServiceError::invalid_parameter(format!("amiType {name} is not offered here")))?,
    };
    if let Some(kind) = instance_types.iter().find(|kind| catalogue::is_arm(kind) != Some(made_for_arm)) {
        let message = format!("[{kind}] is not a valid instance type for requested amiType {name}");
        return Err(ServiceError::invalid_parameter(message));
    }
    if name.starts_with("AL2_") && minor > LAST_AL2_MINOR {
        return Err(ServiceError::invalid_parameter(unsupported_ami(name, minor)));
    }
    Ok(name.to_owned())
}

fn unsupported_ami(name: &str, minor: u32) -> String {
    format!(
        "AMI Type {name} is only supported for kubernetes versions 1.{LAST_AL2_MINOR} or earlier, not for 1.{minor}"
    )
}

/// The release of the machine image: the newest, or one that exists.
fn release(version: &catalogue::Version, wanted: Option<&str>) -> Result<String, ServiceError> {
    let releases = version.releases();
    match wanted {
        None => Ok(releases[0].clone()),
        Some(name) if releases.iter().any(|release| release == name) => Ok(name.to_owned()),
        // Worded as in eksctl-io/eksctl#7976.
        Some(name) => Err(ServiceError::invalid_parameter(format!(
            "Requested release version {name} is not valid for kubernetes version {}.",
            version.name()
        ))),
    }
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    if labels.keys().any(|key| RESERVED_LABEL_PREFIXES.iter().any(|prefix| key.starts_with(prefix))) {
        let message = format!("Label cannot contain reserved prefixes [{}]", RESERVED_LABEL_PREFIXES.join(", "));
        return Err(ServiceError::invalid_parameter(message));
    }
    let fits = |text: &str| (1..=63).contains(&text.len());
    match labels.iter().find(|(key, value)| !fits(key) || !fits(value)) {
        Some((key, _)) => Err(ServiceError::invalid_parameter(format!(
            "Label {key} must have a key and a value of 1 to 63 characters"
        ))),
        None => Ok(()),
    }
}

fn check_taints(taints: &[Taint]) -> Result<(), ServiceError> {
    if taints.len() > MOST_TAINTS {
        return Err(ServiceError::invalid_parameter(format!("At most {MOST_TAINTS} taints can be given")));
    }
    for (index, taint) in taints.iter().enumerate() {
        one_of("effect", &taint.effect, &["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"])?;
        if !(1..=63).contains(&taint.key.len()) || taint.value.as_ref().is_some_and(|value| value.len() > 63) {
            let message =
                format!("Taint {:?} must have a key of 1 to 63 characters and a value of at most 63", taint.key);
            return Err(ServiceError::invalid_parameter(message));
        }
        if taints[..index].iter().any(|other| other.key == taint.key && other.effect == taint.effect) {
            let message = format!("Duplicate taint {}:{}", taint.key, taint.effect);
            return Err(ServiceError::invalid_parameter(message));
        }
    }
    Ok(())
}

fn update_strategy(wanted: Option<&UpdateStrategy>) -> Result<Value, ServiceError> {
    let Some(wanted) = wanted else { return Ok(json!({ "maxUnavailable": 1 })) };
    let refuse = |message: &str| Err(ServiceError::invalid_parameter(message));
    if let Some(strategy) = &wanted.update_strategy {
        one_of("updateStrategy", strategy, &["DEFAULT", "MINIMAL"])?;
    }
    match (wanted.max_unavailable, wanted.max_unavailable_percentage) {
        (Some(_), Some(_)) => refuse("Only one of maxUnavailable and maxUnavailablePercentage can be given"),
        (Some(0), None) | (None, Some(0)) => refuse("maxUnavailable must be at least 1"),
        (None, Some(101..)) => refuse("maxUnavailablePercentage must be at most 100"),
        (Some(101..), None) => refuse("maxUnavailable must be at most 100"),
        (None, None) if wanted.update_strategy.is_none() => refuse("updateConfig must not be empty"),
        (Some(_), None) | (None, Some(_)) | (None, None) => Ok(json!(wanted)),
    }
}
