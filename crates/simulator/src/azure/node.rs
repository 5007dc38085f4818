//! The machines of agent pools, as they join their cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::{Cluster, Pool, text};
use crate::nodes::SimulatedNode;

/// The nodes of a pool: as many as it has, once it is made; none once it is being deleted.
///
/// Names are those of the machines of a scale set, with the cluster's name before them. Labels: "Use labels in an AKS
/// cluster" of AKS's pages (`kubernetes.azure.com/…`, `agentpool`), and those that the cloud controller manager of Azure
/// puts on every node.
pub(super) fn of_pool(subscription: &str, cluster: &Cluster, pool: &Pool) -> Vec<SimulatedNode> {
    let joined = !["Creating", "Deleting"].contains(&pool.state()) && cluster.state() != "Deleting";
    let count = pool.properties.get("count").and_then(Value::as_u64).filter(|_| joined).unwrap_or(0);
    let (location, version) = (cluster.location(), text(&pool.properties, "currentOrchestratorVersion"));
    let image = text(&pool.properties, "nodeImageVersion");
    let zones = array(pool, "availabilityZones");
    let mode = text(&pool.properties, "mode").to_lowercase();
    let node = |index: u64| {
        let mut labels: BTreeMap<String, String> = [
            ("agentpool", pool.name.as_str()),
            ("kubernetes.azure.com/agentpool", pool.name.as_str()),
            ("kubernetes.azure.com/cluster", text(&cluster.properties, "nodeResourceGroup")),
            ("kubernetes.azure.com/mode", mode.as_str()),
            ("kubernetes.azure.com/node-image-version", image),
            ("kubernetes.io/arch", if text(&pool.properties, "vmSize").contains("ps_v5") { "arm64" } else { "amd64" }),
            ("node.kubernetes.io/instance-type", text(&pool.properties, "vmSize")),
            ("topology.kubernetes.io/region", location),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        // A machine outside of zones names its fault domain.
        let zone = usize::try_from(index).ok().and_then(|index| zones.get(index % zones.len().max(1)));
        let zone = zone.and_then(Value::as_str).map_or_else(|| "0".to_owned(), |zone| format!("{location}-{zone}"));
        labels.insert("topology.kubernetes.io/zone".to_owned(), zone);
        if let Some(own) = pool.properties.get("nodeLabels").and_then(Value::as_object) {
            labels.extend(own.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))));
        }
        // The scale set's number stands for the subscription and group, and a new image means new machines.
        let set = digits(&format!("{subscription}/{}/{}", cluster.group, cluster.name));
        let own = cluster.name.to_lowercase().replace('_', "-");
        SimulatedNode {
            name: format!("{own}-aks-{}-{set}-vmss{:06}-{}", pool.name, index, version.replace('.', "-")),
            cluster: cluster.name.clone(),
            version: version.to_owned(),
            labels,
            taints: array(pool, "nodeTaints").iter().filter_map(|taint| taint.as_str().and_then(parse_taint)).collect(),
            is_drained: false,
        }
    };
    (0..count).map(node).collect()
}

fn array<'a>(pool: &'a Pool, key: &str) -> &'a [Value] {
    pool.properties.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// AKS writes `key=value:effect` or `key:effect`.
fn parse_taint(taint: &str) -> Option<Value> {
    let (key, effect) = taint.rsplit_once(':')?;
    let (key, value) = key.split_once('=').unwrap_or((key, ""));
    Some(json!({ "key": key, "value": value, "effect": effect }))
}

/// Eight digits that a text always leads to (FNV-1a).
pub(super) fn digits(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{:08}", hash % 100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::Azure;
    use crate::clock::Moment;
    use crate::cloud::{Cloud, Context};
    use crate::kubernetes::ApiServer;
    use crate::random::Random;

    #[test]
    fn a_pool_has_a_node_per_machine_until_it_is_deleted() {
        let mut azure = Azure::new(ApiServer::Unreachable);
        let subscription = super::super::inventory::SUBSCRIPTIONS[0].0;
        let now = Moment::date(2026, 1, 1);
        let put = |azure: &mut Azure, pool: &str, properties: Value| {
            let path = [subscription, "groups", "platform", "clusters", "Admin_1", "agentPools", pool];
            let path = if pool.is_empty() { &path[..5] } else { &path[..] };
            let context = &mut Context { now, random: &mut Random::new(1), course: None };
            azure.put(path, json!({ "properties": properties }), context).unwrap();
        };
        put(&mut azure, "", json!({}));
        put(
            &mut azure,
            "web",
            json!({
                "count": 3, "availabilityZones": ["2"], "nodeLabels": { "tier": "web" }, "nodeTaints": ["k=v:NoSchedule", "e:NoExecute"],
            }),
        );
        let nodes = azure.nodes(now);
        let names: std::collections::BTreeSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!((nodes.len(), names.len()), (4, 4));
        let web = nodes.iter().find(|node| node.labels["agentpool"] == "web").unwrap();
        assert!(web.name.starts_with("admin-1-aks-web-") && web.cluster == "Admin_1", "{}", web.name);
        assert_eq!(
            (web.labels["tier"].as_str(), web.labels["topology.kubernetes.io/zone"].as_str()),
            ("web", "eastus-2")
        );
        let taint = |key: &str, value: &str, effect: &str| json!({ "key": key, "value": value, "effect": effect });
        assert_eq!(web.taints, [taint("k", "v", "NoSchedule"), taint("e", "", "NoExecute")]);
        put(&mut azure, "web", json!({ "provisioningState": "Deleting" }));
        assert_eq!(azure.nodes(now).len(), 1);
    }
}
