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
    let drain = pool.doc.get("nodeDrainConfig");
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
            // In an upgrade it does so anyway, for up to an hour; in a deletion if it was told to.
            is_drained: drain.is_some_and(|drain| drain["respectPdbDuringNodePoolDeletion"] == true),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::Moment;
    use crate::cloud::{Cloud, Context};
    use crate::google::Google;
    use crate::kubernetes::ApiServer;
    use crate::random::Random;

    const POOL: [&str; 6] = ["simulated-project", "us-east1", "clusters", "c", "nodePools", "apps"];

    fn put(google: &mut Google, path: &[&str], value: Value) {
        let mut random = Random::new(0);
        let context = &mut Context { now: Moment::date(2026, 1, 1), random: &mut random, course: None };
        google.put(path, value, context).unwrap();
    }

    fn names(google: &mut Google) -> BTreeSet<String> {
        google.nodes(Moment::date(2026, 1, 1)).into_iter().map(|node| node.name).collect()
    }

    #[test]
    fn nodes_are_those_of_the_instance_groups_and_others_when_they_are_made_of_something_else() {
        let mut google = Google::new(ApiServer::Unreachable);
        put(&mut google, &POOL[..4], json!({}));
        let taints = json!([{ "key": "k", "value": "v", "effect": "NO_SCHEDULE" }]);
        let config = json!({ "labels": { "tier": "web" }, "taints": taints, "spot": true });
        put(&mut google, &POOL, json!({ "initialNodeCount": 2, "config": config }));
        let nodes = google.nodes(Moment::date(2026, 1, 1));
        assert_eq!(nodes.len(), 6);
        let node = &nodes[0];
        assert_eq!((node.cluster.as_str(), node.version.as_str()), ("c", "1.33"));
        for (key, value) in [
            ("cloud.google.com/gke-nodepool", "apps"),
            ("cloud.google.com/gke-spot", "true"),
            ("topology.kubernetes.io/zone", "us-east1-b"),
            ("tier", "web"),
        ] {
            assert_eq!(node.labels.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert_eq!(node.taints, [json!({ "key": "k", "value": "v", "effect": "NoSchedule" })]);

        let before = names(&mut google);
        put(&mut google, &POOL, json!({ "config": { "labels": { "tier": "app" } } }));
        assert_eq!(names(&mut google), before);
        put(&mut google, &POOL, json!({ "config": { "machineType": "e2-small" } }));
        assert!(names(&mut google).is_disjoint(&before));
        let group = [&POOL[..], &["instanceGroupManagers", "us-east1-b"]].concat();
        put(&mut google, &group, json!({ "targetSize": 0 }));
        assert_eq!(names(&mut google).len(), 4);
        put(&mut google, &POOL, json!({ "status": "ERROR" }));
        assert_eq!(names(&mut google).len(), 0);
    }
}
