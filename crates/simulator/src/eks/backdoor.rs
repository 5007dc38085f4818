//! What tests do to the world behind the service's back: another team's cluster, a group deleted by hand, a changed size.

use serde_json::{Value, json};

use super::world::{AccessEntry, Document, Region, Resource, document};
use super::{catalogue, cluster, inventory, nodegroup};
use crate::cloud::{Context, WorldError};

/// All clusters with what belongs to them.
pub(super) fn clusters(region: &Region) -> Value {
    let mut clusters = json!({});
    for (name, cluster) in &region.clusters {
        let mut all = json!({ "cluster": cluster.own.doc, "nodegroups": {}, "addons": {}, "accessEntries": {} });
        for (name, group) in &cluster.nodegroups {
            all["nodegroups"][name] = json!(group.doc);
        }
        for (name, addon) in &cluster.addons {
            all["addons"][name] = json!(addon.doc);
        }
        for (principal, entry) in &cluster.entries {
            let mut doc = json!(entry.doc);
            doc["associatedAccessPolicies"] = entry.policies.values().cloned().map(Value::Object).collect();
            all["accessEntries"][principal] = doc;
        }
        all["updates"] = cluster.updates.iter().map(|update| Value::Object(update.doc.clone())).collect();
        clusters[name] = all;
    }
    clusters
}

pub(super) fn put(
    region: &mut Region,
    object: &[&str],
    value: Value,
    context: &mut Context<'_>,
) -> Result<(), WorldError> {
    let Value::Object(patch) = value else {
        return Err(WorldError("the document must be a JSON object".into()));
    };
    match object {
        ["clusters", name] => put_cluster(region, name, patch, context),
        ["clusters", cluster, "nodegroups", name] => put_nodegroup(region, cluster, name, patch, context),
        ["clusters", cluster, "addons", name] => {
            let arn = format!("arn:aws:eks:{}:{}:addon/{cluster}/{name}", region.name, region.account);
            let minor = find(region, cluster)?.minor();
            let version = catalogue::Addon::find(name).and_then(|addon| addon.default_version(minor));
            let now = context.now.epoch_seconds();
            let fresh = document(json!({
                "addonName": name, "clusterName": cluster, "status": "ACTIVE", "addonVersion": version,
                "health": { "issues": [] }, "addonArn": arn, "createdAt": now, "modifiedAt": now, "tags": {},
            }));
            let addons = &mut find(region, cluster)?.addons;
            merge(&mut addons.entry((*name).into()).or_insert_with(|| Resource::new(fresh)).doc, patch);
            Ok(())
        }
        ["clusters", cluster, "access-entries", principal] => {
            let arn = format!("arn:aws:eks:{}:{}:access-entry/{cluster}/{principal}", region.name, region.account);
            let now = context.now.epoch_seconds();
            let fresh = document(json!({
                "clusterName": cluster, "principalArn": principal, "kubernetesGroups": [], "accessEntryArn": arn,
                "createdAt": now, "modifiedAt": now, "tags": {}, "username": principal, "type": "STANDARD",
            }));
            let fresh = || AccessEntry { doc: fresh, policies: Default::default() };
            let entries = &mut find(region, cluster)?.entries;
            merge(&mut entries.entry((*principal).into()).or_insert_with(fresh).doc, patch);
            Ok(())
        }
        other => Err(no_such_kind(other)),
    }
}

pub(super) fn remove(region: &mut Region, object: &[&str]) -> Result<(), WorldError> {
    let gone = match object {
        ["clusters", name] => {
            region.tokens.forget(name);
            region.clusters.remove(*name).is_some()
        }
        ["clusters", cluster, "nodegroups", name] => find(region, cluster)?.nodegroups.remove(*name).is_some(),
        ["clusters", cluster, "addons", name] => find(region, cluster)?.addons.remove(*name).is_some(),
        ["clusters", cluster, "access-entries", name] => find(region, cluster)?.entries.remove(*name).is_some(),
        other => return Err(no_such_kind(other)),
    };
    if gone { Ok(()) } else { Err(WorldError(format!("there is no {}", object.join("/")))) }
}

fn put_cluster(region: &mut Region, name: &str, patch: Document, context: &mut Context<'_>) -> Result<(), WorldError> {
    if !region.clusters.contains_key(name) {
        let newest = catalogue::VERSIONS.iter().find(|version| version.minor == catalogue::DEFAULT_MINOR);
        let mut doc = document(json!({
            "name": name,
            "arn": format!("arn:aws:eks:{}:{}:cluster/{name}", region.name, region.account),
            "createdAt": context.now.epoch_seconds(),
            "version": newest.map(catalogue::Version::name),
            "platformVersion": newest.map(catalogue::Version::platform_version),
            "roleArn": format!("arn:aws:iam::{}:role/{}", region.account, inventory::CLUSTER_ROLE),
            "resourcesVpcConfig": {
                "subnetIds": [inventory::SUBNETS[0].0, inventory::SUBNETS[1].0],
                "securityGroupIds": [],
                "vpcId": inventory::VPC,
                "endpointPublicAccess": true,
                "endpointPrivateAccess": false,
                "publicAccessCidrs": ["0.0.0.0/0"],
            },
            "kubernetesNetworkConfig": {
                "serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4", "elasticLoadBalancing": { "enabled": false },
            },
            "logging": { "clusterLogging": [
                { "types": ["api", "audit", "authenticator", "controllerManager", "scheduler"], "enabled": false },
            ] },
            "tags": {},
            "accessConfig": { "authenticationMode": "API_AND_CONFIG_MAP" },
            "upgradePolicy": { "supportType": "EXTENDED" },
            "deletionProtection": false,
            "controlPlaneScalingConfig": { "tier": "standard" },
        }));
        let up = cluster::finished(region, &doc, context);
        doc.extend(up);
        region.clusters.insert(name.into(), cluster::new_cluster(Resource::new(doc), None));
    }
    merge(&mut find(region, name)?.own.doc, patch);
    Ok(())
}

fn put_nodegroup(
    region: &mut Region,
    cluster: &str,
    name: &str,
    patch: Document,
    context: &mut Context<'_>,
) -> Result<(), WorldError> {
    let (account, region_name) = (region.account.clone(), region.name.clone());
    let cluster = find(region, cluster)?;
    if !cluster.nodegroups.contains_key(name) {
        let id = context.random.uuid();
        let version = catalogue::find(cluster.own.text("version"));
        let mut doc = document(json!({
            "nodegroupName": name,
            "nodegroupArn": format!("arn:aws:eks:{region_name}:{account}:nodegroup/{}/{name}/{id}", cluster.name()),
            "clusterName": cluster.name(),
            "version": cluster.own.text("version"),
            "releaseVersion": version.map(|version| version.releases()[0].clone()),
            "createdAt": context.now.epoch_seconds(),
            "modifiedAt": context.now.epoch_seconds(),
            "capacityType": "ON_DEMAND",
            "scalingConfig": { "minSize": 1, "maxSize": 2, "desiredSize": 2 },
            "instanceTypes": ["t3.medium"],
            "subnets": [inventory::SUBNETS[0].0, inventory::SUBNETS[1].0],
            "amiType": "AL2023_x86_64_STANDARD",
            "nodeRole": format!("arn:aws:iam::{account}:role/{}", inventory::NODE_ROLE),
            "labels": {},
            "diskSize": 20,
            "updateConfig": { "maxUnavailable": 1 },
            "nodeRepairConfig": { "enabled": false },
            "tags": {},
        }));
        doc.extend(nodegroup::finished(name, &id));
        cluster.nodegroups.insert(name.into(), Resource::new(doc));
    }
    if let Some(group) = cluster.nodegroups.get_mut(name) {
        merge(&mut group.doc, patch);
    }
    Ok(())
}

/// Objects are merged, null removes, all else replaces (RFC 7396), but that tags, labels and taints are taken whole.
fn merge(doc: &mut Document, patch: Document) {
    for (key, value) in patch {
        match (doc.get_mut(&key), value) {
            (_, Value::Null) => {
                doc.remove(&key);
            }
            (Some(Value::Object(inner)), Value::Object(patch)) if !["tags", "labels"].contains(&key.as_str()) => {
                merge(inner, patch);
            }
            (_, value) => {
                doc.insert(key, value);
            }
        }
    }
}

fn find<'r>(region: &'r mut Region, name: &str) -> Result<&'r mut super::world::Cluster, WorldError> {
    region.clusters.get_mut(name).ok_or_else(|| WorldError(format!("there is no cluster {name:?}")))
}

fn no_such_kind(object: &[&str]) -> WorldError {
    WorldError(format!(
        "{:?} is none of clusters/<name>, and below that nodegroups/<name>, addons/<name>, access-entries/<ARN>",
        object.join("/")
    ))
}
