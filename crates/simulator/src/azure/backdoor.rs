//! What tests may see and change of the world behind AKS's back.

use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use super::subscription::CONTAINER_SERVICE;
use super::world::{Document, Subscription, Target};
use super::{cluster, group, inventory};
use crate::clock::Moment;
use crate::cloud::{Context, WorldError};
use crate::kubernetes::ApiServer;

/// Every resource group with its clusters as GET shows them, late or not.
pub(super) fn world(subscription: &Subscription, now: Moment) -> Value {
    let mut groups = json!({});
    for group in subscription.groups.values() {
        let mut clusters = json!({});
        for cluster in group.clusters.values() {
            let mut doc = cluster.show(&subscription.id);
            doc["busy"] = cluster.blocking().into();
            clusters[&cluster.name] = doc;
        }
        groups[&group.name] = json!({
            "location": group.location, "tags": group.tags, "managedBy": group.managed_by,
            "deleting": group.deletion.is_some(), "clusters": clusters,
        });
    }
    let registered = subscription.registered.get(CONTAINER_SERVICE).is_some_and(|since| *since <= now);
    json!({ "registered": registered, "groups": groups })
}

pub(super) fn put(
    subscription: &mut Subscription,
    object: &[&str],
    value: Value,
    api_server: &ApiServer,
    context: &mut Context<'_>,
) -> Result<(), WorldError> {
    let Value::Object(patch) = value else {
        return Err(WorldError("the document must be a JSON object".into()));
    };
    match object {
        ["providers", namespace] => {
            let registered = patch.get("registrationState").is_none_or(|state| state == "Registered");
            let namespace = namespace.to_ascii_lowercase();
            match registered {
                true => drop(subscription.registered.insert(namespace, context.now)),
                false => drop(subscription.registered.remove(&namespace)),
            }
            Ok(())
        }
        ["groups", name] => {
            let location = patch.get("location").and_then(Value::as_str).and_then(inventory::find_location);
            let fresh = group::new_group(name, location.unwrap_or(inventory::LOCATIONS[0].0));
            let group = subscription.groups.entry(name.to_ascii_lowercase()).or_insert(fresh);
            if let Some(Value::Object(tags)) = patch.get("tags") {
                group.tags = tags.clone();
            }
            Ok(())
        }
        ["groups", group, "clusters", name] => put_cluster(subscription, group, name, patch, api_server, context),
        ["groups", group, "clusters", name, "agentPools", pool] => {
            let (cluster, _) = subscription.cluster(group, name).map_err(refused)?;
            if cluster.pool(pool).is_none() {
                let fresh = cluster::planted_pool(cluster, pool, "User").map_err(refused)?;
                cluster.pools.push(fresh);
            }
            if let (Some(pool), Some(Value::Object(properties))) = (cluster.pool(pool), patch.get("properties")) {
                merge(&mut pool.properties, properties.clone());
            }
            cluster.touch(&Target::Pool((*pool).into()));
            Ok(())
        }
        other => Err(no_such_kind(other)),
    }
}

pub(super) fn remove(subscription: &mut Subscription, object: &[&str]) -> Result<(), WorldError> {
    let gone = match object {
        ["providers", namespace] => subscription.registered.remove(&namespace.to_ascii_lowercase()).is_some(),
        ["groups", name] => subscription.groups.remove(&name.to_ascii_lowercase()).is_some(),
        ["groups", group, "clusters", name] => {
            let found = subscription.group(group).map_err(refused)?.clusters.remove(&name.to_ascii_lowercase());
            if let Some(cluster) = &found {
                let nodes = super::world::text(&cluster.properties, "nodeResourceGroup").to_ascii_lowercase();
                subscription.groups.remove(&nodes);
            }
            found.is_some()
        }
        ["groups", group, "clusters", name, "agentPools", pool] => {
            let (cluster, _) = subscription.cluster(group, name).map_err(refused)?;
            let before = cluster.pools.len();
            cluster.pools.retain(|found| found.name != *pool);
            cluster.pools.len() < before
        }
        other => return Err(no_such_kind(other)),
    };
    if gone { Ok(()) } else { Err(WorldError(format!("there is no {}", object.join("/")))) }
}

fn put_cluster(
    subscription: &mut Subscription,
    group_name: &str,
    name: &str,
    mut patch: Document,
    api_server: &ApiServer,
    context: &mut Context<'_>,
) -> Result<(), WorldError> {
    let id = subscription.id.clone();
    let group = subscription.group(group_name).map_err(refused)?;
    let (group_name, location) = (group.name.clone(), group.location.clone());
    let key = name.to_ascii_lowercase();
    if let Entry::Vacant(place) = group.clusters.entry(key) {
        let fresh = cluster::planted(&id, &group_name, name, &location, api_server, context).map_err(refused)?;
        let nodes = super::world::text(&fresh.properties, "nodeResourceGroup").to_owned();
        let owner = Some(fresh.id(&id));
        place.insert(fresh);
        let made = super::world::Group { managed_by: owner, ..group::new_group(&nodes, &location) };
        subscription.groups.insert(nodes.to_ascii_lowercase(), made);
    }
    let (cluster, _) = subscription.cluster(&group_name, name).map_err(refused)?;
    if let Some(Value::Object(properties)) = patch.remove("properties") {
        if properties.contains_key("agentPoolProfiles") {
            return Err(WorldError("pools are put one by one, under /agentPools/<name>".into()));
        }
        merge(&mut cluster.properties, properties);
    }
    merge(&mut cluster.top, patch);
    cluster.touch(&Target::Cluster);
    Ok(())
}

/// Objects are merged, null removes, all else replaces (RFC 7396), but that tags, labels and taints are taken whole.
fn merge(doc: &mut Document, patch: Document) {
    for (key, value) in patch {
        match (doc.get_mut(&key), value) {
            (_, Value::Null) => {
                doc.remove(&key);
            }
            (Some(Value::Object(inner)), Value::Object(patch)) if !["tags", "nodeLabels"].contains(&key.as_str()) => {
                merge(inner, patch);
            }
            (_, value) => {
                doc.insert(key, value);
            }
        }
    }
}

fn refused(error: super::error::ArmError) -> WorldError {
    WorldError(error.message)
}

fn no_such_kind(object: &[&str]) -> WorldError {
    WorldError(format!(
        "{:?} is none of groups/<name>, groups/<name>/clusters/<name>, below that agentPools/<name>, providers/<namespace>",
        object.join("/")
    ))
}
