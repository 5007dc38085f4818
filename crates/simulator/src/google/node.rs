//! The machines of node pools, as they join their cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document::{label_fingerprint, text};
use super::inventory;
use super::version;
use super::world::{Location, Pool};
use crate::nodes::SimulatedNode;

/// The nodes of a pool: as many in each zone as its instance group is to have; none while the pool is made or deleted.
///
/// Labels: those that GKE puts on nodes by itself ("About labels" and "Node pools" of its documentation), and those of the
/// cloud controller manager.
pub(super) fn of_pool(location: &Location, cluster: &str, name: &str, pool: &Pool) -> Vec<SimulatedNode> {
    if !matches!(location.pool_status(cluster, name), "RUNNING" | "RUNNING_WITH_ERROR" | "RECONCILING") {
        return Vec::new();
    }
    let config = pool.doc.get("config").unwrap_or(&Value::Null);
    let version = text(&pool.doc, "version");
    let machine = config["machineType"].as_str().unwrap_or_default();
    // What is put in the machines' place is other machines; labels and taints are changed on those there are.
    let made_of = json!([version, machine, config["bootDisk"], config["imageType"]]);
    let generation = label_fingerprint(&made_of);
    let arm = inventory::MACHINE_TYPES.iter().any(|known| known.name == machine && known.arm);
    let node = |zone: &str, group: &str, index: u32| {
        let base = group.strip_suffix("-grp").unwrap_or(group);
        let mut labels: BTreeMap<String, String> = [
            ("cloud.google.com/gke-nodepool", name),
            ("cloud.google.com/gke-os-distribution", "cos"),
            ("cloud.google.com/machine-family", machine.split('-').next().unwrap_or_default()),
            ("kubernetes.io/arch", if arm { "arm64" } else { "amd64" }),
            ("node.kubernetes.io/instance-type", machine),
            ("topology.kubernetes.io/region", location.place.region),
            ("topology.kubernetes.io/zone", zone),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        if config["spot"] == true {
            labels.insert("cloud.google.com/gke-spot".to_owned(), "true".to_owned());
        }
        if let Some(own) = config["labels"].as_object() {
            labels.extend(own.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))));
        }
        SimulatedNode {
            name: format!("{base}-{generation}-{index}"),
            cluster: cluster.to_owned(),
            version: format!("1.{}", version::minor(version)),
            labels,
            taints: config["taints"].as_array().into_iter().flatten().map(taint).collect(),
        }
    };
    let groups = pool.groups.iter();
    groups
        .flat_map(|(zone, group)| (0..group.target_size).map(move |index| (zone, group, index)))
        .map(|(zone, group, index)| node(zone, &group.name, index))
        .collect()
}

/// GKE writes `NO_SCHEDULE` where a node has `NoSchedule`.
fn taint(taint: &Value) -> Value {
    let effect = match taint["effect"].as_str() {
        Some("NO_SCHEDULE") => "NoSchedule",
        Some("NO_EXECUTE") => "NoExecute",
        _ => "PreferNoSchedule",
    };
    json!({ "key": taint["key"], "value": taint["value"].as_str().unwrap_or(""), "effect": effect })
}
