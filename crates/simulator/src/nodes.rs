//! The nodes of the simulated clusters, as objects of the real Kubernetes that the clusters are reached at: fake ones, which
//! kwok keeps alive (<https://kwok.sigs.k8s.io/docs/user/kwok-manage-nodes-and-pods/>).
//!
//! A machine that goes takes its pods with it at once, as a machine does that is switched off. Who wants them to move
//! first has to drain it, unless the cloud says that it does so itself.
//!
//! All clusters are in one Kubernetes, so that two of one cloud with a pool of the same name cannot be told apart by the
//! label that names the pool: who drains there gives them different names.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};

use crate::server::{Shared, lock};

/// How often the clusters are compared with what Kubernetes has: often enough that a test which waits for a node never
/// waits long.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The label that tells whose node it is: the name of the cluster, which is that of its environment.
const ENVIRONMENT_LABEL: &str = "multicloud-environment";

/// Only nodes with this label are ours to change and to remove.
const OURS: &str = "multicloud-simulator=node";

/// A machine of a simulated cluster that has joined it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SimulatedNode {
    /// Its name, which no node of any other cluster of any cloud has: all clusters are in one Kubernetes. Lower case, as
    /// names of nodes are (RFC 1123).
    pub(crate) name: String,
    /// The name of its cluster.
    pub(crate) cluster: String,
    /// The Kubernetes version of its kubelet, such as `1.33`.
    pub(crate) version: String,
    /// Its labels: those that the cloud puts on nodes, with the one that names the pool, then the pool's own.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its taints, as a node has them: `key`, `value`, `effect` (`NoSchedule`, …).
    pub(crate) taints: Vec<Value>,
    /// Whether its cloud empties it before it goes, as the disruption budgets of its pods allow.
    pub(crate) is_drained: bool,
}

/// Keeps the nodes of a Kubernetes like those of the simulated clusters, for as long as it runs.
pub(crate) async fn mirror(engine: Shared, config: Config) {
    let Ok(client) = Client::try_from(config) else { return };
    let mut made: BTreeMap<String, SimulatedNode> = BTreeMap::new();
    let mut known = false;
    loop {
        let wanted: BTreeMap<_, _> = lock(&engine).nodes().into_iter().map(|node| (node.name.clone(), node)).collect();
        // What Kubernetes refuses now it may take at the next look; it may still be starting.
        if !known && let Ok(left) = left_over(&client).await {
            made.extend(left);
            known = true;
        }
        if known {
            let _ = follow(&client, &wanted, &mut made).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Nodes of a simulator before this one, of which only the names matter: whatever they were, they are made anew or removed.
async fn left_over(client: &Client) -> kube::Result<Vec<(String, SimulatedNode)>> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default().labels(OURS)).await?;
    let unknown = |node: Node| SimulatedNode {
        name: node.name_any(),
        cluster: String::new(),
        version: String::new(),
        labels: BTreeMap::new(),
        taints: Vec::new(),
        is_drained: false,
    };
    Ok(nodes.items.into_iter().map(|node| (node.name_any(), unknown(node))).collect())
}

/// Makes, changes and removes nodes until they are as wanted; `made` is what was done so far.
async fn follow(
    client: &Client,
    wanted: &BTreeMap<String, SimulatedNode>,
    made: &mut BTreeMap<String, SimulatedNode>,
) -> kube::Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    for (name, node) in wanted {
        if made.get(name) == Some(node) {
            continue;
        }
        let object = object(node);
        if made.contains_key(name) {
            let changes = json!({ "metadata": object["metadata"], "spec": object["spec"] });
            nodes.patch(name, &PatchParams::default(), &Patch::Merge(changes)).await?;
        } else {
            let object: Node = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
            match nodes.create(&PostParams::default(), &object).await {
                // Made before, by a request whose reply did not come.
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                result => drop(result?),
            }
        }
        made.insert(name.clone(), node.clone());
    }
    let gone = made.values().filter(|node| !wanted.contains_key(&node.name));
    let gone: Vec<(String, bool)> = gone.map(|node| (node.name.clone(), node.is_drained)).collect();
    for (name, is_drained) in gone {
        if !is_drained || drain(client, &nodes, &name).await? {
            switch_off(client, &nodes, &name).await?;
            made.remove(&name);
        }
    }
    Ok(())
}

/// Tells every pod of a node to go that its budget lets go, and says whether all are gone. The rest is told at the next
/// look.
async fn drain(client: &Client, nodes: &Api<Node>, name: &str) -> kube::Result<bool> {
    cordon(nodes, name).await?;
    let mut empty = true;
    for pod in pods_on(client, name).await? {
        if pod.owner_references().iter().any(|owner| owner.kind == "DaemonSet") {
            continue;
        }
        empty = false;
        if pod.metadata.deletion_timestamp.is_none() {
            let pods: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
            match pods.evict(&pod.name_any(), &EvictParams::default()).await {
                // Its budget holds it.
                Err(kube::Error::Api(status)) if status.code == 429 => {}
                result => found(result)?,
            }
        }
    }
    Ok(empty)
}

/// Removes a node with all that runs on it.
async fn switch_off(client: &Client, nodes: &Api<Node>, name: &str) -> kube::Result<()> {
    cordon(nodes, name).await?;
    for pod in pods_on(client, name).await? {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
        found(pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await)?;
    }
    found(nodes.delete(name, &DeleteParams::default()).await)
}

async fn cordon(nodes: &Api<Node>, name: &str) -> kube::Result<()> {
    let cordon = Patch::Merge(json!({ "spec": { "unschedulable": true } }));
    found(nodes.patch(name, &PatchParams::default(), &cordon).await)
}

async fn pods_on(client: &Client, name: &str) -> kube::Result<Vec<Pod>> {
    let on_node = ListParams::default().fields(&format!("spec.nodeName={name}"));
    Ok(Api::<Pod>::all(client.clone()).list(&on_node).await?.items)
}

/// What is not there need not be done.
fn found<T>(result: kube::Result<T>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}

/// The node as Kubernetes is told of it. That it is ready is kwok's to say.
fn object(node: &SimulatedNode) -> Value {
    let mut labels = node.labels.clone();
    if let Some((key, value)) = OURS.split_once('=') {
        labels.insert(key.to_owned(), value.to_owned());
    }
    labels.insert(ENVIRONMENT_LABEL.to_owned(), node.cluster.clone());
    labels.insert("kubernetes.io/hostname".to_owned(), node.name.clone());
    labels.insert("kubernetes.io/os".to_owned(), "linux".to_owned());
    let room = json!({ "cpu": "32", "memory": "256Gi", "pods": "110" });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": labels,
            "annotations": { "kwok.x-k8s.io/node": "fake" },
        },
        "spec": { "taints": node.taints },
        "status": {
            "allocatable": room,
            "capacity": room,
            "nodeInfo": {
                "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "fake://1", "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": format!("v{}.0", node.version), "machineID": "",
                "operatingSystem": "linux", "osImage": "", "systemUUID": "",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_carries_the_labels_of_its_cloud_and_of_its_environment() {
        let object = object(&SimulatedNode {
            name: "apps-0".to_owned(),
            cluster: "prod".to_owned(),
            version: "1.33".to_owned(),
            labels: [("eks.amazonaws.com/nodegroup".to_owned(), "apps".to_owned())].into(),
            taints: vec![json!({ "key": "k", "value": "v", "effect": "NoSchedule" })],
            is_drained: false,
        });
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels["eks.amazonaws.com/nodegroup"], "apps");
        assert_eq!(labels["multicloud-environment"], "prod");
        assert_eq!(labels["kubernetes.io/hostname"], "apps-0");
        assert_eq!(object["status"]["nodeInfo"]["kubeletVersion"], "v1.33.0");
        let node: Node = serde_json::from_value(object).unwrap();
        assert_eq!(node.spec.unwrap().taints.unwrap()[0].key, "k");
    }
}
