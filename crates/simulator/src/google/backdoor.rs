//! What tests do to the world behind the service's back. An object's path is `<project>/<location>/clusters/<name>`, then
//! also
//!
//! - `/nodePools/<name>`: with documents of the form that the API shows, merged into what is there;
//! - `/nodePools/<name>/instanceGroupManagers/<zone>`, `{"targetSize": 5}`: how many nodes there are, as an autoscaler or a
//!   hand in Compute sets it;
//! - `/operations/<name>`, `{"operationType": "UPGRADE_MASTER", "seconds": 600, "nodePool": "…"}`: an operation that GKE began
//!   by itself, on the cluster or on a pool; removing it ends it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::document::{document, merge, text, texts};
use super::operation::{Kind, Operation};
use super::world::{Cluster, Lateness, Location, Pool};
use super::{cluster, inventory, node_pool};
use crate::clock::Moment;
use crate::cloud::{Context, WorldError};

/// Sets that are taken whole.
const WHOLE: [&str; 3] = ["resourceLabels", "labels", "metadata"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manager {
    target_size: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfGke {
    operation_type: String,
    node_pool: Option<String>,
    seconds: u64,
}

/// All clusters with what belongs to them.
pub(super) fn clusters(location: &Location, now: Moment) -> Value {
    let mut clusters = json!({});
    for (name, cluster) in &location.clusters {
        let mut doc = location.show_cluster(name).unwrap_or_default();
        if let Some(doc) = doc.as_object_mut() {
            doc.remove("nodePools");
        }
        let mut all = json!({ "cluster": doc, "nodePools": {}, "targetSizes": {} });
        for (pool_name, pool) in &cluster.pools {
            all["nodePools"][pool_name] = location.show_pool(name, pool_name).unwrap_or_default();
            let sizes: BTreeMap<_, _> = pool.groups.iter().map(|(zone, group)| (zone, group.target_size)).collect();
            all["targetSizes"][pool_name] = json!(sizes);
        }
        let operations = location.operations.iter().filter(|operation| operation.cluster == *name);
        all["operations"] = operations.map(|operation| operation.show(location, now)).collect();
        clusters[name] = all;
    }
    clusters
}

pub(super) fn put(
    location: &mut Location,
    object: &[&str],
    value: Value,
    context: &mut Context<'_>,
) -> Result<(), WorldError> {
    match object {
        ["clusters", name] => put_cluster(location, name, value, context),
        ["clusters", cluster, "nodePools", name] => put_pool(location, cluster, name, value),
        ["clusters", cluster, "nodePools", pool, "instanceGroupManagers", zone] => {
            let manager: Manager = parse(value)?;
            node_pool::check_count(manager.target_size.into()).map_err(|error| WorldError(error.message))?;
            let pool = find(location, cluster)?.pools.get_mut(*pool);
            let group = pool.and_then(|pool| pool.groups.get_mut(*zone));
            group.ok_or_else(|| nothing(object))?.target_size = manager.target_size;
            Ok(())
        }
        ["clusters", cluster, "operations", name] => {
            let wanted: OfGke = parse(value)?;
            let kind = Kind::find(&wanted.operation_type)
                .ok_or_else(|| WorldError(format!("no operation type is called {:?}", wanted.operation_type)))?;
            find(location, cluster)?;
            let takes = Duration::from_secs(wanted.seconds);
            let operation = Operation::of_gke((*name).into(), kind, cluster, wanted.node_pool, takes, context.now);
            location.operations.push(operation);
            Ok(())
        }
        other => Err(no_such_kind(other)),
    }
}

pub(super) fn remove(location: &mut Location, object: &[&str], now: Moment) -> Result<(), WorldError> {
    let gone = match object {
        ["clusters", name] => location.forget(name, now),
        ["clusters", cluster, "nodePools", name] => find(location, cluster)?.pools.remove(*name).is_some(),
        ["clusters", cluster, "operations", name] => {
            let mut operations = location.operations.iter_mut();
            let found = operations.find(|operation| operation.cluster == *cluster && operation.name == *name);
            let found = found.map(|operation| operation.due = now).is_some();
            location.settle(now);
            found
        }
        other => return Err(no_such_kind(other)),
    };
    if gone { Ok(()) } else { Err(nothing(object)) }
}

fn put_cluster(location: &mut Location, name: &str, patch: Value, context: &mut Context<'_>) -> Result<(), WorldError> {
    let Value::Object(patch) = patch else { return Err(WorldError("the document must be a JSON object".into())) };
    if !location.clusters.contains_key(name) {
        // What a cluster needs to be asked for; its pools are put one by one.
        let asked = document(json!({ "name": name, "initialNodeCount": 1 }));
        let made = cluster::new_documents(location, name, asked, context);
        let (mut doc, _) = made.map_err(|error| WorldError(error.message))?;
        let up = cluster::finished(location, name, &doc, context);
        merge(&mut doc, up, &[]);
        location.clusters.insert(name.into(), Cluster::new(doc, BTreeMap::new(), Lateness::default()));
    }
    merge(&mut find(location, name)?.doc, patch, &WHOLE);
    Ok(())
}

fn put_pool(location: &mut Location, cluster: &str, name: &str, patch: Value) -> Result<(), WorldError> {
    let Value::Object(patch) = patch else { return Err(WorldError("the document must be a JSON object".into())) };
    let default_zones = location.place.default_zones();
    let owner = location.clusters.get(cluster).ok_or_else(|| no_cluster(cluster))?;
    if !owner.pools.contains_key(name) {
        let home = node_pool::Home {
            cluster,
            zones: &texts(&owner.doc, "locations"),
            subnetwork: inventory::NETWORKS[0],
            master: text(&owner.doc, "currentMasterVersion"),
            channel: owner.channel(),
        };
        let asked = document(json!({ "name": name, "initialNodeCount": 1 }));
        let doc = node_pool::new_document(location, &home, asked).map_err(|error| WorldError(error.message))?;
        let mut pool = Pool::new(doc, Lateness::default());
        merge(&mut pool.doc, patch.clone(), &WHOLE);
        pool.raise(cluster, &default_zones);
        find(location, cluster)?.pools.insert(name.into(), pool);
    }
    if let Some(pool) = find(location, cluster)?.pools.get_mut(name) {
        merge(&mut pool.doc, patch, &WHOLE);
    }
    Ok(())
}

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, WorldError> {
    serde_json::from_value(value).map_err(|error| WorldError(error.to_string()))
}

fn find<'l>(location: &'l mut Location, name: &str) -> Result<&'l mut Cluster, WorldError> {
    location.clusters.get_mut(name).ok_or_else(|| no_cluster(name))
}

fn no_cluster(name: &str) -> WorldError {
    WorldError(format!("there is no cluster {name:?}"))
}

fn nothing(object: &[&str]) -> WorldError {
    WorldError(format!("there is no {}", object.join("/")))
}

fn no_such_kind(object: &[&str]) -> WorldError {
    WorldError(format!(
        "{:?} is none of clusters/<name>, and below that nodePools/<name>[/instanceGroupManagers/<zone>], \
         operations/<name>",
        object.join("/")
    ))
}
