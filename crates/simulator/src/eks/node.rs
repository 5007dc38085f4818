//! The machines of managed node groups, as they join their cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::inventory;
use super::world::{Cluster, Resource};
use crate::nodes::SimulatedNode;

/// The nodes of a group: as many as it is to have, once it is made; none once it is being deleted.
///
/// Labels: "Managed node groups" of the EKS user guide (`eks.amazonaws.com/…`), and those that the cloud controller manager
/// of AWS puts on every node.
pub(super) fn of_group(region: &str, cluster: &Cluster, group: &Resource) -> Vec<SimulatedNode> {
    let joined = matches!(group.status(), "ACTIVE" | "UPDATING" | "DEGRADED");
    let wanted = group.doc.get("scalingConfig").and_then(|scaling| scaling["desiredSize"].as_u64());
    let count = wanted.filter(|_| joined).unwrap_or(0);
    // A group that is made anew has other machines.
    let (arn, version) = (group.text("nodegroupArn"), group.text("version"));
    let made = arn.rsplit('/').next().unwrap_or_default();
    let made = made.get(..8).unwrap_or(made);
    let (group_name, cluster_name) = (group.text("nodegroupName"), cluster.name());
    let subnets: Vec<&str> = array(group, "subnets").iter().filter_map(Value::as_str).collect();
    let node = |index: u64| {
        let suffix = format!("{made}-{}-{index}.{region}.eks", version.replace('.', "-"));
        let letters = |text: &str| text.to_lowercase().replace('_', "-");
        let mut labels: BTreeMap<String, String> = [
            ("eks.amazonaws.com/nodegroup", group_name),
            ("eks.amazonaws.com/capacityType", group.text("capacityType")),
            ("kubernetes.io/arch", if group.text("amiType").contains("ARM_64") { "arm64" } else { "amd64" }),
            ("node.kubernetes.io/instance-type", instance_type(group)),
            ("topology.kubernetes.io/region", region),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let subnet = usize::try_from(index).ok().and_then(|index| subnets.get(index % subnets.len().max(1)));
        if let Some(zone) = subnet.and_then(|subnet| inventory::zone(subnet)) {
            labels.insert("topology.kubernetes.io/zone".to_owned(), format!("{region}{zone}"));
        }
        if let Some(own) = group.doc.get("labels").and_then(Value::as_object) {
            labels.extend(own.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))));
        }
        SimulatedNode {
            name: format!("{}-{}-{suffix}", letters(cluster_name), letters(group_name)),
            cluster: cluster_name.to_owned(),
            version: version.to_owned(),
            labels,
            taints: array(group, "taints").iter().map(taint).collect(),
            // EKS tries, and ends what has not gone after some minutes.
            is_drained: false,
        }
    };
    (0..count).map(node).collect()
}

fn array<'a>(group: &'a Resource, key: &str) -> &'a [Value] {
    group.doc.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn instance_type(group: &Resource) -> &str {
    array(group, "instanceTypes").first().and_then(Value::as_str).unwrap_or_default()
}

/// EKS writes `NO_SCHEDULE` where a node has `NoSchedule`.
fn taint(taint: &Value) -> Value {
    let effect = match taint["effect"].as_str() {
        Some("NO_SCHEDULE") => "NoSchedule",
        Some("NO_EXECUTE") => "NoExecute",
        _ => "PreferNoSchedule",
    };
    json!({ "key": taint["key"], "value": taint["value"], "effect": effect })
}
