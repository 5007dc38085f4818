//! Add-ons.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::{self, ADDONS, Addon};
use super::cluster::one_of;
use super::error::ServiceError;
use super::world::{Change, Cluster, Region, Resource, Target, document, health_issue};
use super::{Answer, Input, inventory, page, tag};
use crate::cloud::Context;
use crate::fault::Course;

const CREATE: Duration = Duration::from_secs(60);
const UPDATE: Duration = Duration::from_secs(60);
const DELETE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    addon_name: String,
    addon_version: Option<String>,
    service_account_role_arn: Option<String>,
    resolve_conflicts: Option<String>,
    client_request_token: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    configuration_values: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Update {
    addon_version: Option<String>,
    service_account_role_arn: Option<String>,
    resolve_conflicts: Option<String>,
    client_request_token: Option<String>,
    configuration_values: Option<String>,
}

pub(super) fn create(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: Create = input.body()?;
    let (cluster_name, name) = (input.label(0), wanted.addon_name.as_str());
    if let Some(first) = region.tokens.recall(wanted.client_request_token.as_deref(), input)? {
        return Ok(first);
    }
    let (account, region_name) = (region.account.clone(), region.name.clone());
    let cluster = region.cluster(cluster_name)?;
    let with_names = |error: ServiceError| error.cluster(cluster_name).addon(name);
    if cluster.addons.contains_key(name) {
        return Err(with_names(ServiceError::in_use("Addon already exists.")));
    }
    cluster.require_active().map_err(|error| error.addon(name))?;
    let minor = cluster.minor();
    let addon = Addon::find(name)
        .ok_or_else(|| with_names(ServiceError::invalid_parameter("Addon specified is not supported")))?;
    let version = version(addon, wanted.addon_version.as_deref(), minor).map_err(with_names)?;
    check_conflicts(wanted.resolve_conflicts.as_deref()).map_err(with_names)?;
    check_role(wanted.service_account_role_arn.as_deref()).map_err(with_names)?;
    let tags = wanted.tags.unwrap_or_default();
    tag::check(&tags).map_err(with_names)?;
    let id = context.random.uuid();
    let now = context.now.epoch_seconds();
    let mut doc = document(json!({
        "addonName": name,
        "clusterName": cluster_name,
        "status": "CREATING",
        "addonVersion": version,
        "health": { "issues": [] },
        "addonArn": format!("arn:aws:eks:{region_name}:{account}:addon/{cluster_name}/{name}/{id}"),
        "createdAt": now,
        "modifiedAt": now,
        "tags": tags,
        "namespaceConfig": { "namespace": addon.namespace },
    }));
    let optional = [
        ("serviceAccountRoleArn", wanted.service_account_role_arn),
        ("configurationValues", wanted.configuration_values),
    ];
    doc.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))));
    let end = match context.course {
        Some(Course::Fail) => document(json!({
            "status": "CREATE_FAILED",
            "health": { "issues": [{
                "code": "ConfigurationConflict",
                "message": "Conflicts found when trying to apply. Will not continue due to resolve conflicts mode",
                "resourceIds": [name],
            }] },
        })),
        Some(Course::Degrade) => {
            document(json!({ "status": "DEGRADED", "health": health_issue(&Target::Addon(name.into())) }))
        }
        Some(Course::Slow | Course::Stuck | Course::StaleStatus | Course::NotYetVisible) | None => {
            document(json!({ "status": "ACTIVE" }))
        }
    };
    let due = context.due(CREATE);
    let answer = Answer::changed(json!({ "addon": doc }));
    cluster.addons.insert(name.into(), Resource::creating(doc, due, end, context));
    region.tokens.remember(wanted.client_request_token, input, cluster_name, &answer);
    Ok(answer)
}

pub(super) fn list(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let cluster = region.cluster(input.label(0))?;
    let names = cluster.addons.keys().map(|name| name.as_str().into()).collect();
    page::page("addons", names, input.request.query("maxResults"), input.request.query("nextToken"))
}

pub(super) fn describe(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let (cluster_name, name) = (input.label(0), input.label(1));
    let cluster = region.cluster(cluster_name)?;
    let doc = find(cluster, cluster_name, name)?.read().ok_or_else(|| no_addon(cluster_name, name))?;
    Ok(Answer::read(json!({ "addon": doc })))
}

pub(super) fn update(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: Update = input.body()?;
    let (cluster_name, name) = (input.label(0), input.label(1));
    if let Some(first) = region.tokens.recall(wanted.client_request_token.as_deref(), input)? {
        return Ok(first);
    }
    let cluster = region.cluster(cluster_name)?;
    let with_names = |error: ServiceError| error.cluster(cluster_name).addon(name);
    let minor = cluster.minor();
    let resource = find(cluster, cluster_name, name)?;
    require_idle(resource, "AddonUpdate", cluster_name, name)?;
    let (mut params, mut patch) = (Vec::new(), document(json!({})));
    if let (Some(asked), Some(addon)) = (wanted.addon_version.as_deref(), Addon::find(name)) {
        let version = version(addon, Some(asked), minor).map_err(with_names)?;
        params.push(("AddonVersion", version.to_owned()));
        patch.insert("addonVersion".into(), version.into());
    }
    if let Some(conflicts) = check_conflicts(wanted.resolve_conflicts.as_deref()).map_err(with_names)? {
        params.push(("ResolveConflicts", conflicts.to_owned()));
    }
    check_role(wanted.service_account_role_arn.as_deref()).map_err(with_names)?;
    for (kind, key, value) in [
        ("ServiceAccountRoleArn", "serviceAccountRoleArn", wanted.service_account_role_arn),
        ("ConfigurationValues", "configurationValues", wanted.configuration_values),
    ] {
        if let Some(value) = value {
            patch.insert(key.into(), value.as_str().into());
            params.push((kind, value));
        }
    }
    let change = Change { target: Target::Addon(name.into()), kind: "AddonUpdate", params, patch, usual: UPDATE };
    let answer = Answer::changed(json!({ "update": cluster.accept(change, context) }));
    region.tokens.remember(wanted.client_request_token, input, cluster_name, &answer);
    Ok(answer)
}

pub(super) fn delete(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let (cluster_name, name) = (input.label(0), input.label(1));
    let cluster = region.cluster(cluster_name)?;
    let addon = find(cluster, cluster_name, name)?;
    require_idle(addon, "delete", cluster_name, name)?;
    let failed = document(json!({
        "status": "DELETE_FAILED",
        "health": { "issues": [{
            "code": "ClusterUnreachable",
            "message": "The cluster's API server does not answer",
            "resourceIds": [name],
        }] },
    }));
    addon.delete(DELETE, failed, context);
    Ok(Answer::changed(json!({ "addon": addon.doc })))
}

pub(super) fn describe_versions(input: &Input<'_>) -> Result<Answer, ServiceError> {
    let query = |name: &str| input.request.query(name);
    // A version that is not offered has no minor, and no add-on runs on it.
    let wanted_minor = query("kubernetesVersion").map(|name| catalogue::find(name).map_or(0, |version| version.minor));
    let wanted = |addon: &&Addon| {
        let matches = |name: &str, value: &str| {
            let mut asked = input.request.query.iter().filter(|(key, _)| key == name).peekable();
            asked.peek().is_none() || asked.any(|(_, asked)| asked == value)
        };
        query("addonName").is_none_or(|name| name == addon.name)
            && matches("types", addon.kind)
            && matches("publishers", addon.publisher)
            && matches("owners", addon.owner)
    };
    let addons = ADDONS.iter().filter(wanted).map(|addon| offer(addon, wanted_minor));
    let addons = addons.filter(|addon| addon["addonVersions"] != json!([])).collect();
    page::page("addons", addons, query("maxResults"), query("nextToken"))
}

/// An add-on as DescribeAddonVersions shows it.
fn offer(addon: &Addon, wanted_minor: Option<u32>) -> Value {
    let runs = |from: u32, to: u32| {
        let minors = (from..=to).rev().filter(move |minor| wanted_minor.is_none_or(|wanted| wanted == *minor));
        minors.collect::<Vec<_>>()
    };
    let versions =
        addon.versions.iter().filter(|(_, from, to)| !runs(*from, *to).is_empty()).map(|(name, from, to)| {
            let compatibilities = runs(*from, *to).into_iter().map(|minor| {
                json!({
                    "clusterVersion": format!("1.{minor}"),
                    "platformVersions": ["*"],
                    "defaultVersion": addon.default_version(minor) == Some(name),
                })
            });
            json!({
                "addonVersion": name,
                "architecture": ["amd64", "arm64"],
                "computeTypes": ["ec2", "auto", "hybrid"],
                "compatibilities": compatibilities.collect::<Vec<_>>(),
                "requiresConfiguration": false,
                "requiresIamPermissions": false,
            })
        });
    json!({
        "addonName": addon.name,
        "type": addon.kind,
        "addonVersions": versions.collect::<Vec<_>>(),
        "publisher": addon.publisher,
        "owner": addon.owner,
        "defaultNamespace": addon.namespace,
    })
}

/// Without nodes an add-on of pods has no replicas, and EKS shows it DEGRADED until there are some.
pub(super) fn heal(cluster: &mut Cluster) {
    let has_nodes = cluster.nodegroups.values().any(|group| {
        group.doc.get("scalingConfig").is_some_and(|scaling| scaling["desiredSize"] != 0)
            && matches!(group.status(), "ACTIVE" | "DEGRADED" | "UPDATING")
    });
    for (name, resource) in &mut cluster.addons {
        if !Addon::find(name).is_some_and(|addon| addon.needs_nodes) || resource.is_busy() {
            continue;
        }
        let issue = health_issue(&Target::Addon(name.clone()));
        if resource.status() == "ACTIVE" && !has_nodes {
            resource.doc.extend(document(json!({ "status": "DEGRADED", "health": issue })));
        } else if resource.status() == "DEGRADED" && has_nodes && resource.doc.get("health") == Some(&issue) {
            resource.doc.extend(document(json!({ "status": "ACTIVE", "health": { "issues": [] } })));
        }
    }
}

fn find<'c>(cluster: &'c mut Cluster, cluster_name: &str, name: &str) -> Result<&'c mut Resource, ServiceError> {
    cluster.addons.get_mut(name).ok_or_else(|| no_addon(cluster_name, name))
}

fn no_addon(cluster: &str, name: &str) -> ServiceError {
    ServiceError::not_found(format!("No addon: {name} found in cluster: {cluster}")).cluster(cluster).addon(name)
}

fn require_idle(addon: &Resource, wanted: &str, cluster: &str, name: &str) -> Result<(), ServiceError> {
    let message = match (addon.running_update(), addon.is_busy()) {
        (Some(id), _) => format!("Cannot {wanted} because addon {name} currently has update {id} in progress"),
        (None, true) => format!("Cannot {wanted} because addon {name} is in status {}", addon.status()),
        (None, false) => return Ok(()),
    };
    Err(ServiceError::in_use(message).cluster(cluster).addon(name))
}

fn version(addon: &Addon, wanted: Option<&str>, minor: u32) -> Result<&'static str, ServiceError> {
    let unsupported = || ServiceError::invalid_parameter("Addon version specified is not supported");
    match wanted {
        None => addon.default_version(minor).ok_or_else(unsupported),
        Some(asked) if addon.runs_on(asked, minor) => {
            addon.versions.iter().find(|(name, _, _)| *name == asked).map(|(name, _, _)| *name).ok_or_else(unsupported)
        }
        Some(_) => Err(unsupported()),
    }
}

fn check_conflicts(wanted: Option<&str>) -> Result<Option<&'static str>, ServiceError> {
    wanted.map(|mode| one_of("resolveConflicts", mode, &["OVERWRITE", "NONE", "PRESERVE"])).transpose()
}

fn check_role(wanted: Option<&str>) -> Result<(), ServiceError> {
    match wanted {
        Some(arn) if inventory::role(arn).is_none() => {
            Err(ServiceError::invalid_parameter(format!("Role {arn} does not exist")))
        }
        Some(_) | None => Ok(()),
    }
}
