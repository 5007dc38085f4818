//! Access entries and their policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalogue::{ACCESS_POLICIES, access_policy_arn};
use super::cluster::one_of;
use super::error::ServiceError;
use super::world::{AccessEntry, Cluster, Document, Region, document};
use super::{Answer, Input, inventory, page, tag};
use crate::clock::Moment;
use crate::cloud::Context;

const TYPES: [&str; 7] =
    ["STANDARD", "FARGATE_LINUX", "EC2_LINUX", "EC2_WINDOWS", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    principal_arn: String,
    kubernetes_groups: Option<Vec<String>>,
    tags: Option<BTreeMap<String, String>>,
    client_request_token: Option<String>,
    username: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Update {
    kubernetes_groups: Option<Vec<String>>,
    client_request_token: Option<String>,
    username: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Associate {
    policy_arn: String,
    access_scope: Scope,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    namespaces: Vec<String>,
}

/// The authentication mode in a cluster's document.
pub(super) fn mode(doc: &Document) -> &str {
    doc.get("accessConfig").and_then(|access| access["authenticationMode"].as_str()).unwrap_or("CONFIG_MAP")
}

pub(super) fn create(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: Create = input.body()?;
    let name = input.label(0);
    if let Some(first) = region.tokens.recall(wanted.client_request_token.as_deref(), input)? {
        return Ok(first);
    }
    let (account, region_name) = (region.account.clone(), region.name.clone());
    let cluster = open(region, name)?;
    let principal = wanted.principal_arn.as_str();
    if !inventory::is_principal(principal) {
        let message = "The specified principalArn is invalid: invalid principal.";
        return Err(ServiceError::invalid_parameter(message).cluster(name));
    }
    if cluster.entries.contains_key(principal) {
        let message = "The specified access entry resource is already in use on this cluster.";
        return Err(ServiceError::in_use(message).cluster(name));
    }
    let kind = one_of("type", wanted.kind.as_deref().unwrap_or("STANDARD"), &TYPES)?;
    let groups = wanted.kubernetes_groups.unwrap_or_default();
    check_groups(&groups)?;
    let tags = wanted.tags.unwrap_or_default();
    tag::check(&tags)?;
    if kind != "STANDARD" && (wanted.username.is_some() || !groups.is_empty()) {
        let message = format!("Neither username nor kubernetesGroups can be given for type {kind}");
        return Err(ServiceError::invalid_parameter(message).cluster(name));
    }
    let id = context.random.uuid();
    let entry = Entry { region: &region_name, account: &account, cluster: name, principal, kind, id: &id };
    let mut doc = entry.document(context.now);
    if kind == "STANDARD" {
        doc.insert("kubernetesGroups".into(), json!(groups));
    }
    doc.extend(wanted.username.map(|username| ("username".to_owned(), username.into())));
    doc.insert("tags".into(), json!(tags));
    let answer = Answer::changed(json!({ "accessEntry": doc }));
    cluster.entries.insert(principal.into(), AccessEntry { doc, policies: BTreeMap::new() });
    region.tokens.remember(wanted.client_request_token, input, name, &answer);
    Ok(answer)
}

pub(super) fn list(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let cluster = open(region, input.label(0))?;
    let policy = input.request.query("associatedPolicyArn");
    let wanted = |entry: &AccessEntry| policy.is_none_or(|policy| entry.policies.contains_key(policy));
    let entries = cluster.entries.iter().filter(|(_, entry)| wanted(entry));
    let names = entries.map(|(principal, _)| principal.as_str().into()).collect();
    page::page("accessEntries", names, input.request.query("maxResults"), input.request.query("nextToken"))
}

pub(super) fn describe(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let entry = find(open(region, input.label(0))?, input)?;
    Ok(Answer::read(json!({ "accessEntry": entry.doc })))
}

pub(super) fn update(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: Update = input.body()?;
    let name = input.label(0);
    if let Some(first) = region.tokens.recall(wanted.client_request_token.as_deref(), input)? {
        return Ok(first);
    }
    let entry = find(open(region, name)?, input)?;
    require_standard(entry)?;
    if let Some(groups) = wanted.kubernetes_groups {
        check_groups(&groups)?;
        entry.doc.insert("kubernetesGroups".into(), json!(groups));
    }
    entry.doc.extend(wanted.username.map(|username| ("username".to_owned(), username.into())));
    entry.doc.insert("modifiedAt".into(), context.now.epoch_seconds().into());
    let answer = Answer::changed(json!({ "accessEntry": entry.doc }));
    region.tokens.remember(wanted.client_request_token, input, name, &answer);
    Ok(answer)
}

pub(super) fn delete(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let cluster = open(region, input.label(0))?;
    find(cluster, input)?;
    cluster.entries.remove(input.label(1));
    Ok(Answer::changed(json!({})))
}

pub(super) fn associate(
    region: &mut Region,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    let wanted: Associate = input.body()?;
    let (name, principal) = (input.label(0), input.label(1));
    let entry = find(open(region, name)?, input)?;
    require_standard(entry)?;
    if !ACCESS_POLICIES.iter().any(|policy| access_policy_arn(policy) == wanted.policy_arn) {
        let message = format!("The policyArn {} names no access policy", wanted.policy_arn);
        return Err(ServiceError::invalid_parameter(message).cluster(name));
    }
    let kind = one_of("type", &wanted.access_scope.kind, &["cluster", "namespace"])?;
    if (kind == "namespace") == wanted.access_scope.namespaces.is_empty() {
        let message = "Namespaces must be given for the scope namespace, and only for that";
        return Err(ServiceError::invalid_parameter(message).cluster(name));
    }
    let now = context.now.epoch_seconds();
    let before = entry.policies.get(&wanted.policy_arn).and_then(|policy| policy.get("associatedAt")).cloned();
    let policy = document(json!({
        "policyArn": wanted.policy_arn,
        "accessScope": wanted.access_scope,
        "associatedAt": before.unwrap_or_else(|| json!(now)),
        "modifiedAt": now,
    }));
    entry.policies.insert(wanted.policy_arn, policy.clone());
    Ok(Answer::changed(json!({ "clusterName": name, "principalArn": principal, "associatedAccessPolicy": policy })))
}

pub(super) fn disassociate(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let entry = find(open(region, input.label(0))?, input)?;
    match entry.policies.remove(input.label(2)) {
        Some(_) => Ok(Answer::changed(json!({}))),
        None => Err(ServiceError::not_found("The specified policyArn could not be found")),
    }
}

pub(super) fn list_associated(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let (name, principal) = (input.label(0), input.label(1));
    let entry = find(open(region, name)?, input)?;
    let policies = entry.policies.values().cloned().map(Value::Object).collect();
    let query = |name: &str| input.request.query(name);
    let mut answer = page::page("associatedAccessPolicies", policies, query("maxResults"), query("nextToken"))?;
    answer.body["clusterName"] = name.into();
    answer.body["principalArn"] = principal.into();
    Ok(answer)
}

pub(super) fn list_policies(input: &Input<'_>) -> Result<Answer, ServiceError> {
    let policies = ACCESS_POLICIES.iter().map(|name| json!({ "name": name, "arn": access_policy_arn(name) })).collect();
    page::page("accessPolicies", policies, input.request.query("maxResults"), input.request.query("nextToken"))
}

/// The entries that EKS keeps of itself where the mode has entries: for the creator, and for each role of managed nodes.
pub(super) fn follow(cluster: &mut Cluster, now: Moment) {
    if mode(&cluster.own.doc) == "CONFIG_MAP" || cluster.own.status() == "CREATING" {
        return;
    }
    let (name, arn) = (cluster.name().to_owned(), cluster.own.text("arn").to_owned());
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    // Taken: an entry that was deleted by hand afterwards stays deleted.
    if let Some(principal) = cluster.admin.take() {
        // A fixed id, for there is one such entry per cluster.
        let id = "00000000-0000-4000-8000-000000000001";
        let entry = Entry { region, account, cluster: &name, principal: &principal, kind: "STANDARD", id };
        let policy_arn = access_policy_arn("AmazonEKSClusterAdminPolicy");
        let policy = document(json!({
            "policyArn": policy_arn,
            "accessScope": { "type": "cluster", "namespaces": [] },
            "associatedAt": now.epoch_seconds(),
            "modifiedAt": now.epoch_seconds(),
        }));
        let doc = entry.document(now);
        let fresh = || AccessEntry { doc, policies: BTreeMap::from([(policy_arn, policy)]) };
        cluster.entries.entry(principal.clone()).or_insert_with(fresh);
    }
    let roles: Vec<String> = cluster.nodegroups.values().map(|group| group.text("nodeRole").to_owned()).collect();
    for role in &roles {
        let id = "00000000-0000-4000-8000-000000000002";
        let entry = Entry { region, account, cluster: &name, principal: role, kind: "EC2_LINUX", id };
        let fresh = || AccessEntry { doc: entry.document(now), policies: BTreeMap::new() };
        cluster.entries.entry(role.clone()).or_insert_with(fresh);
    }
    cluster.entries.retain(|principal, entry| {
        entry.doc.get("type").and_then(Value::as_str) != Some("EC2_LINUX")
            || !entry.doc.get("accessEntryArn").and_then(Value::as_str).is_some_and(|arn| arn.ends_with("000000000002"))
            || roles.contains(principal)
    });
}

/// What makes an entry.
struct Entry<'a> {
    region: &'a str,
    account: &'a str,
    cluster: &'a str,
    principal: &'a str,
    kind: &'a str,
    id: &'a str,
}

impl Entry<'_> {
    fn document(&self, now: Moment) -> Document {
        let Entry { region, account, cluster, principal, kind, id } = self;
        // arn:aws:iam::<account>:<role or user>/<name>
        let mut parts = principal.split(':').skip(4);
        let (owner, resource) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let (sort, name) = resource.split_once('/').unwrap_or(("", resource));
        let (username, groups) = match (*kind, sort) {
            ("STANDARD", "role") => {
                (format!("arn:aws:sts::{owner}:assumed-role/{name}/{{{{SessionName}}}}"), Vec::new())
            }
            ("STANDARD", _) => ((*principal).to_owned(), Vec::new()),
            _ => ("system:node:{{EC2PrivateDNSName}}".to_owned(), vec!["system:nodes"]),
        };
        document(json!({
            "clusterName": cluster,
            "principalArn": principal,
            "kubernetesGroups": groups,
            "accessEntryArn": format!("arn:aws:eks:{region}:{account}:access-entry/{cluster}/{sort}/{owner}/{name}/{id}"),
            "createdAt": now.epoch_seconds(),
            "modifiedAt": now.epoch_seconds(),
            "tags": {},
            "username": username,
            "type": kind,
        }))
    }
}

/// The cluster, if its mode has entries.
fn open<'r>(region: &'r mut Region, name: &str) -> Result<&'r mut Cluster, ServiceError> {
    let cluster = region.cluster(name)?;
    if mode(&cluster.own.doc) == "CONFIG_MAP" {
        let message = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] \
                       to perform this operation.";
        return Err(ServiceError::invalid_request(message).cluster(name));
    }
    Ok(cluster)
}

fn find<'c>(cluster: &'c mut Cluster, input: &Input<'_>) -> Result<&'c mut AccessEntry, ServiceError> {
    cluster.entries.get_mut(input.label(1)).ok_or_else(|| {
        let message = "The specified principalArn could not be found. \
                       You can view your available access entries with 'list-access-entries'.";
        ServiceError::not_found(message).cluster(input.label(0))
    })
}

fn require_standard(entry: &AccessEntry) -> Result<(), ServiceError> {
    match entry.doc.get("type").and_then(Value::as_str) {
        Some("STANDARD") => Ok(()),
        other => {
            let message = format!("Access entries of type {} cannot be changed", other.unwrap_or(""));
            Err(ServiceError::invalid_request(message))
        }
    }
}

fn check_groups(groups: &[String]) -> Result<(), ServiceError> {
    const RESERVED: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];
    match groups.iter().find(|group| RESERVED.iter().any(|prefix| group.starts_with(prefix))) {
        Some(group) => {
            let message =
                format!("The kubernetes group name {group} is invalid, it cannot start with a reserved prefix");
            Err(ServiceError::invalid_parameter(message))
        }
        None => Ok(()),
    }
}
