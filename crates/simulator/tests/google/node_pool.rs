//! Node pools: sizes per zone, versions, sets that are taken whole.

use serde_json::{Value, json};

use crate::client::{Client, REGION, ZONE, pool, start};

const POOL: &str = "projects/simulated-project/locations/us-central1/clusters/c/nodePools/p";

/// A regional cluster with a second pool.
async fn with_pool(more: Value) -> Client {
    let client = start().await;
    let name = client.cluster(REGION, json!({ "initialClusterVersion": "1.33" })).await;
    client.change("clusters.nodePools.create", &name, pool("p", more)).await;
    client
}

async fn read(client: &Client) -> Value {
    client.ok("clusters.nodePools.get", POOL, json!({})).await
}

#[tokio::test]
async fn a_pool_lives_and_goes() {
    let client = with_pool(json!({ "initialNodeCount": 2 })).await;
    let cluster = format!("{REGION}/clusters/c");
    let listed = client.ok("clusters.nodePools.list", cluster.as_str(), json!({})).await;
    assert_eq!(listed["nodePools"].as_array().unwrap().len(), 2);
    assert_eq!(client.sizes(&cluster, "p").await.iter().map(|(_, size)| *size).collect::<Vec<_>>(), [2, 2, 2]);
    let refused = client.refused("clusters.nodePools.create", cluster.as_str(), pool("p", json!({}))).await;
    assert_eq!((refused.code, refused.message), (409, format!("Already exists: {POOL}.")));
    client.ok("clusters.nodePools.delete", POOL, json!({})).await;
    assert_eq!(read(&client).await["status"], "STOPPING");
    client.simulator.advance(std::time::Duration::from_secs(600));
    assert_eq!(client.refused("clusters.nodePools.get", POOL, json!({})).await.message, format!("Not found: {POOL}."));
    assert_eq!(client.refused("clusters.nodePools.delete", POOL, json!({})).await.code, 404);
    let doc = client.ok("clusters.get", cluster, json!({})).await;
    assert_eq!(doc["currentNodeCount"], 3);
}

#[tokio::test]
async fn sizes_are_per_zone_and_live_ones_are_computes_alone() {
    let client = with_pool(json!({})).await;
    let cluster = format!("{REGION}/clusters/c");
    client.change("clusters.nodePools.setSize", POOL, json!({ "nodeCount": 3 })).await;
    assert_eq!(client.sizes(&cluster, "p").await.iter().map(|(_, size)| size).sum::<u64>(), 9);
    assert_eq!(read(&client).await["initialNodeCount"], 3);
    // An autoscaler adds two nodes in one zone: GKE says as before, Compute says the truth.
    let group = "simulated-project/us-central1/clusters/c/nodePools/p/instanceGroupManagers/us-central1-b";
    client.simulator.put("google", group, json!({ "targetSize": 5 })).unwrap();
    assert_eq!(read(&client).await["initialNodeCount"], 3);
    let sizes: Vec<_> = client.sizes(&cluster, "p").await.into_iter().map(|(_, size)| size).collect();
    assert_eq!(sizes, [3, 5, 3]);
    client.change("clusters.nodePools.setSize", POOL, json!({ "nodeCount": 0 })).await;
    assert_eq!(client.sizes(&cluster, "p").await.iter().map(|(_, size)| size).sum::<u64>(), 0);
    assert_eq!(client.refused("clusters.nodePools.setSize", POOL, json!({ "nodeCount": 1001 })).await.code, 400);
}

#[tokio::test]
async fn autoscaling_is_total_or_per_zone() {
    let client = with_pool(json!({ "config": { "spot": true } })).await;
    let set = |autoscaling: Value| json!({ "autoscaling": autoscaling });
    let total = json!({ "enabled": true, "totalMinNodeCount": 3, "totalMaxNodeCount": 9 });
    client.change("clusters.nodePools.setAutoscaling", POOL, set(total.clone())).await;
    let mut shown = total;
    shown["locationPolicy"] = "ANY".into();
    assert_eq!(read(&client).await["autoscaling"], shown);
    for wrong in [
        json!({ "enabled": true, "minNodeCount": 1, "totalMaxNodeCount": 9 }),
        json!({ "enabled": true, "minNodeCount": 4, "maxNodeCount": 3 }),
        json!({ "enabled": true }),
    ] {
        assert_eq!(client.refused("clusters.nodePools.setAutoscaling", POOL, set(wrong)).await.code, 400);
    }
    client.change("clusters.nodePools.setAutoscaling", POOL, set(json!({ "enabled": false }))).await;
    assert_eq!(read(&client).await["autoscaling"], json!({}));
    // The other way to it, which gcloud takes.
    let per_zone = json!({ "enabled": true, "minNodeCount": 1, "maxNodeCount": 3, "locationPolicy": "BALANCED" });
    let update = json!({ "update": { "desiredNodePoolId": "p", "desiredNodePoolAutoscaling": per_zone } });
    client.change("clusters.update", &format!("{REGION}/clusters/c"), update.clone()).await;
    assert_eq!(read(&client).await["autoscaling"], per_zone);
    let mut unnamed = update;
    unnamed["update"].as_object_mut().unwrap().remove("desiredNodePoolId");
    let refused = client.refused("clusters.update", format!("{REGION}/clusters/c"), unnamed).await;
    assert!(refused.message.contains("desired_node_pool_id must be specified"), "{refused:?}");
}

#[tokio::test]
async fn labels_and_taints_are_whole_sets() {
    let config =
        json!({ "labels": { "a": "1", "b": "2" }, "taints": [{ "key": "k", "value": "v", "effect": "NO_SCHEDULE" }] });
    let client = with_pool(json!({ "config": config })).await;
    client.change("clusters.nodePools.update", POOL, json!({ "labels": { "labels": { "c": "3" } } })).await;
    let now = read(&client).await;
    assert_eq!(now["config"]["labels"], json!({ "c": "3" }));
    assert_eq!(now["config"]["taints"], config["taints"]);
    client.change("clusters.nodePools.update", POOL, json!({ "taints": { "taints": [] } })).await;
    client.change("clusters.nodePools.update", POOL, json!({ "labels": {} })).await;
    let now = read(&client).await;
    assert_eq!((&now["config"]["labels"], &now["config"]["taints"]), (&Value::Null, &Value::Null));
    let twice = json!([{ "key": "k", "effect": "NO_EXECUTE" }, { "key": "k", "effect": "NO_EXECUTE", "value": "v" }]);
    let refused = client.refused("clusters.nodePools.update", POOL, json!({ "taints": { "taints": twice } })).await;
    assert!(refused.message.starts_with("Duplicate taint"), "{refused:?}");
    let reserved = json!({ "labels": { "labels": { "kubernetes.io/role": "x" } } });
    assert_eq!(client.refused("clusters.nodePools.update", POOL, reserved).await.code, 400);
}

#[tokio::test]
async fn machine_disk_and_image_change_in_place() {
    let client = with_pool(json!({})).await;
    let before = read(&client).await;
    let change = json!({ "machineType": "e2-standard-4", "diskSizeGb": "50", "diskType": "pd-ssd", "nodeVersion": "-", "imageType": "ubuntu_containerd" });
    client.change("clusters.nodePools.update", POOL, change).await;
    let now = read(&client).await;
    for (key, value) in [
        ("machineType", json!("e2-standard-4")),
        ("diskSizeGb", json!(50)),
        ("diskType", json!("pd-ssd")),
        ("imageType", json!("UBUNTU_CONTAINERD")),
        ("bootDisk", json!({ "diskType": "pd-ssd", "sizeGb": "50" })),
    ] {
        assert_eq!(now["config"][key], value, "{key}");
    }
    assert_eq!(now["instanceGroupUrls"], before["instanceGroupUrls"]);
    for (change, message) in [
        (json!({ "machineType": "e2-huge" }), "Machine type with name \"e2-huge\" does not exist in zone"),
        // Arm machines are in two zones only.
        (json!({ "machineType": "t2a-standard-4" }), "does not exist in zone \"us-central1-c\""),
        (json!({ "diskType": "pd-slow" }), "Disk type"),
        (json!({ "diskSizeGb": "9" }), "at least 10 GB"),
        (json!({ "imageType": "DOS" }), "Image type"),
        (json!({}), "At least one of"),
        (json!({ "locations": ["us-central1-a"], "machineType": "e2-small" }), "request of their own"),
        (json!({ "upgradeSettings": { "maxSurge": 0 } }), "sum of max_surge and max_unavailable"),
    ] {
        let refused = client.refused("clusters.nodePools.update", POOL, change).await;
        assert!(refused.message.contains(message), "{message}: {refused:?}");
    }
    let etag = json!({ "etag": before["etag"], "machineType": "e2-small" });
    assert_eq!(client.refused("clusters.nodePools.update", POOL, etag).await.status, "ABORTED");
    let account = json!({ "config": { "serviceAccount": "ghost@simulated-project.iam.gserviceaccount.com" } });
    let refused = client.refused("clusters.nodePools.create", format!("{REGION}/clusters/c"), pool("q", account)).await;
    assert!(refused.message.ends_with("does not exist."), "{refused:?}");
}

#[tokio::test]
async fn versions_follow_the_control_plane() {
    let client = with_pool(json!({ "version": "1.32" })).await;
    assert_eq!(read(&client).await["version"], "1.32.10-gke.1059000");
    for (version, message) in [
        ("1.34", "cannot be greater than current master version \"1.33.5-gke.1308000\""),
        ("1.30", "within 2 minor versions"),
        ("1.2", "is unsupported"),
    ] {
        let refused = client.refused("clusters.nodePools.update", POOL, json!({ "nodeVersion": version })).await;
        assert!(refused.message.contains(message), "{refused:?}");
    }
    client
        .change("clusters.nodePools.update", POOL, json!({ "nodeVersion": "1.33", "imageType": "COS_CONTAINERD" }))
        .await;
    assert_eq!(read(&client).await["version"], "1.33.5-gke.1308000");
}

#[tokio::test]
async fn nodes_come_and_go_with_zones() {
    let client = with_pool(json!({ "initialNodeCount": 2 })).await;
    client.change("clusters.nodePools.update", POOL, json!({ "locations": ["us-central1-a", "us-central1-f"] })).await;
    let sizes = client.sizes(&format!("{REGION}/clusters/c"), "p").await;
    assert_eq!(sizes, [("us-central1-a".to_owned(), 2), ("us-central1-f".to_owned(), 2)]);
    assert_eq!(
        client.refused("clusters.nodePools.update", POOL, json!({ "locations": ["us-east1-b"] })).await.code,
        400
    );
}

#[tokio::test]
async fn channels_insist_on_repair_and_upgrade() {
    let client = with_pool(json!({})).await;
    let off = json!({ "management": { "autoRepair": true } });
    let refused = client.refused("clusters.nodePools.setManagement", POOL, off.clone()).await;
    assert!(refused.message.contains("cannot be false when release_channel REGULAR is set"), "{refused:?}");
    let client = start().await;
    let name = client.cluster(ZONE, json!({ "releaseChannel": {} })).await;
    client.change("clusters.nodePools.setManagement", &format!("{name}/nodePools/system"), off).await;
    let pool = client.ok("clusters.nodePools.get", format!("{name}/nodePools/system"), json!({})).await;
    assert_eq!(pool["management"], json!({ "autoRepair": true }));
}

#[tokio::test]
async fn a_cancelled_upgrade_can_be_rolled_back_once() {
    let client = with_pool(json!({ "version": "1.32" })).await;
    assert_eq!(client.refused("clusters.nodePools.rollback", POOL, json!({})).await.status, "FAILED_PRECONDITION");
    let accepted = client.ok("clusters.nodePools.update", POOL, json!({ "nodeVersion": "-" })).await;
    let operation = format!("{REGION}/operations/{}", accepted["name"].as_str().unwrap());
    client.ok("operations.cancel", operation.as_str(), json!({})).await;
    assert_eq!(
        client.simulator.world()["google"]["simulated-project"]["us-central1"]["clusters"]["c"]["operations"][2]["status"],
        "ABORTING"
    );
    let ended = client.ended(REGION, &accepted).await;
    assert_eq!(ended["error"]["code"], 1);
    assert_eq!(client.refused("operations.cancel", operation, json!({})).await.status, "FAILED_PRECONDITION");
    assert_eq!(read(&client).await["version"], "1.32.10-gke.1059000");
    client.change("clusters.nodePools.rollback", POOL, json!({})).await;
    assert_eq!(client.refused("clusters.nodePools.rollback", POOL, json!({})).await.status, "FAILED_PRECONDITION");
}
