//! What tests do behind the service's back.

use serde_json::{Value, json};

use crate::client::{ZONE, pool, start};

const CLUSTER: &str = "simulated-project/us-east1-b/clusters/theirs";

#[tokio::test]
async fn a_foreign_cluster_is_as_real_as_any() {
    let client = start().await;
    let labels = json!({ "resourceLabels": { "owner": "somebody" }, "currentMasterVersion": "1.32.9-gke.1239000" });
    client.simulator.put("google", CLUSTER, labels).unwrap();
    client.simulator.put("google", &format!("{CLUSTER}/nodePools/a"), json!({ "initialNodeCount": 3 })).unwrap();
    let name = format!("{ZONE}/clusters/theirs");
    let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!((&doc["status"], &doc["resourceLabels"]["owner"]), (&json!("RUNNING"), &json!("somebody")));
    assert_eq!((&doc["currentNodeCount"], &doc["nodePools"][0]["version"]), (&json!(3), &json!("1.32.9-gke.1239000")));
    client.change("clusters.nodePools.create", &name, pool("b", json!({}))).await;
    client.simulator.remove("google", &format!("{CLUSTER}/nodePools/a")).unwrap();
    assert_eq!(client.refused("clusters.nodePools.get", format!("{name}/nodePools/a"), json!({})).await.code, 404);
    client.simulator.remove("google", CLUSTER).unwrap();
    assert_eq!(client.refused("clusters.get", name, json!({})).await.code, 404);
    client.simulator.remove("google", CLUSTER).unwrap_err();
}

#[tokio::test]
async fn a_document_is_merged_but_sets_are_taken_whole() {
    let client = start().await;
    client.simulator.put("google", CLUSTER, json!({ "resourceLabels": { "a": "1", "b": "2" } })).unwrap();
    client.simulator.put("google", CLUSTER, json!({ "resourceLabels": { "c": "3" }, "loggingService": null })).unwrap();
    let path = format!("{CLUSTER}/nodePools/a");
    client.simulator.put("google", &path, json!({ "config": { "labels": { "x": "1" } } })).unwrap();
    client
        .simulator
        .put("google", &path, json!({ "config": { "labels": { "y": "2" }, "machineType": "e2-small" } }))
        .unwrap();
    let doc = client.ok("clusters.get", format!("{ZONE}/clusters/theirs"), json!({})).await;
    assert_eq!((&doc["resourceLabels"], &doc["loggingService"]), (&json!({ "c": "3" }), &Value::Null));
    let config = &doc["nodePools"][0]["config"];
    assert_eq!((&config["labels"], &config["machineType"]), (&json!({ "y": "2" }), &json!("e2-small")));
    assert_eq!(config["diskSizeGb"], 100);
}

#[tokio::test]
async fn the_world_shows_what_there_is() {
    let client = start().await;
    client.cluster(ZONE, json!({})).await;
    let world = client.simulator.world()["google"]["simulated-project"]["us-east1-b"]["clusters"]["c"].clone();
    assert_eq!(
        (&world["cluster"]["status"], &world["nodePools"]["system"]["status"]),
        (&json!("RUNNING"), &json!("RUNNING"))
    );
    assert_eq!(world["targetSizes"], json!({ "system": { "us-east1-b": 1 } }));
    assert_eq!(world["operations"][0]["operationType"], "CREATE_CLUSTER");
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_refused() {
    let client = start().await;
    for path in [
        "clusters/c",
        "nobodys/us-east1-b/clusters/c",
        "simulated-project/mars/clusters/c",
        "simulated-project/us-east1-b/c",
    ] {
        client.simulator.put("google", path, json!({})).unwrap_err();
    }
    let group = format!("{CLUSTER}/nodePools/a/instanceGroupManagers/us-east1-b");
    client.simulator.put("google", &group, json!({ "targetSize": 1 })).unwrap_err();
    client.simulator.put("google", CLUSTER, json!({})).unwrap();
    client.simulator.put("google", &group, json!({ "targetSize": 1 })).unwrap_err();
    let operation = format!("{CLUSTER}/operations/o");
    client.simulator.put("google", &operation, json!({ "operationType": "BREAK", "seconds": 1 })).unwrap_err();
    client.simulator.remove("google", &operation).unwrap_err();
}
