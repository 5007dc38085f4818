//! What tests see and change behind AKS's back.

use multicloud_simulator::Config;
use multicloud_simulator::kubernetes::ApiServer;
use serde_json::{Value, json};

use crate::client::{
    GROUP, SUBSCRIPTION, UNREGISTERED, cluster_body, cluster_path, group_path, pool_path, start, start_with, writable,
};

fn object(rest: &str) -> String {
    format!("{SUBSCRIPTION}/groups/{GROUP}/{rest}")
}

#[tokio::test]
async fn planted_objects_are_whole_and_usable() {
    let client = start().await;
    client.simulator.put("azure", &object("clusters/foreign"), json!({ "tags": { "owner": "somebody" } })).unwrap();
    client
        .simulator
        .put("azure", &object("clusters/foreign/agentPools/more"), json!({ "properties": { "count": 3 } }))
        .unwrap();
    let read = client.get(&cluster_path("foreign")).await;
    assert_eq!(
        (&read["tags"], &read["properties"]["provisioningState"]),
        (&json!({ "owner": "somebody" }), &json!("Succeeded"))
    );
    assert_eq!(client.get(&pool_path("foreign", "more")).await["properties"]["count"], 3);
    client.done("PUT", &cluster_path("foreign"), writable(&read)).await;
    assert!(client.simulator.journal().iter().filter(|entry| entry.committed).count() == 1, "planting is no request");
    // Merged, null removes.
    let patch = json!({ "tags": null, "properties": { "currentKubernetesVersion": "1.33.4", "provisioningState": "Updating" } });
    client.simulator.put("azure", &object("clusters/foreign"), patch).unwrap();
    let read = client.get(&cluster_path("foreign")).await;
    assert!(read.get("tags").is_none() && read["properties"]["fqdn"].is_string(), "{read}");
    assert_eq!(read["properties"]["provisioningState"], "Updating");
    client.simulator.remove("azure", &object("clusters/foreign/agentPools/more")).unwrap();
    assert_eq!(client.refused("GET", &pool_path("foreign", "more"), Value::Null).await.status, 404);
    client.simulator.remove("azure", &object("clusters/foreign")).unwrap();
    assert_eq!(client.refused("GET", &cluster_path("foreign"), Value::Null).await.code, "ResourceNotFound");
    assert_eq!(client.refused("GET", &group_path("MC_platform_foreign_eastus"), Value::Null).await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_planted_is_refused() {
    let client = start().await;
    let simulator = &client.simulator;
    for (path, value, part) in [
        ("nowhere/groups/x".to_owned(), json!({}), "is <subscription>/groups/<name>"),
        (object("clusters"), json!({}), "is none of groups/<name>"),
        (object("clusters/c"), json!([]), "must be a JSON object"),
        (object("clusters/none/agentPools/p"), json!({}), "none"),
        (object("clusters/c"), json!({ "properties": { "agentPoolProfiles": [] } }), "one by one"),
    ] {
        let error = simulator.put("azure", &path, value).unwrap_err().to_string();
        assert!(error.contains(part), "{path}: {error}");
    }
    assert!(simulator.remove("azure", &object("clusters/none")).is_err());
}

#[tokio::test]
async fn the_world_is_told_whole() {
    let client = start().await;
    client.ok("PUT", &cluster_path("c"), cluster_body()).await;
    let world = client.simulator.world()["azure"].clone();
    let cluster = &world[SUBSCRIPTION]["groups"][GROUP]["clusters"]["c"];
    assert_eq!(
        (&cluster["busy"], &cluster["properties"]["provisioningState"]),
        (&json!("c - Creating"), &json!("Creating"))
    );
    assert_eq!((&world[SUBSCRIPTION]["registered"], &world[UNREGISTERED]["registered"]), (&json!(true), &json!(false)));
    client.simulator.put("azure", &format!("{UNREGISTERED}/providers/Microsoft.ContainerService"), json!({})).unwrap();
    assert_eq!(client.simulator.world()["azure"][UNREGISTERED]["registered"], true);
    client.simulator.reset();
    assert_eq!(client.simulator.world()["azure"][SUBSCRIPTION]["groups"][GROUP]["clusters"], json!({}));
}

#[tokio::test]
async fn every_cluster_is_reached_at_the_kubeconfigs_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    let config = "current-context: it\ncontexts:\n- {name: it, context: {cluster: k, user: u}}\nusers:\n- {name: u, user: {}}\n\
                  clusters:\n- {name: k, cluster: {server: 'https://k.example:6443', certificate-authority-data: Q0E=}}\n";
    std::fs::write(&path, config).unwrap();
    let api_server = ApiServer::from_kubeconfig(&path).unwrap();
    let client = start_with(Config { api_server, ..Default::default() }).await;
    client.cluster("c", cluster_body()).await;
    let reply =
        client.ok("POST", &format!("{}/listClusterUserCredential", cluster_path("c")), Value::Null).await.json();
    let text =
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, reply["kubeconfigs"][0]["value"].as_str().unwrap())
            .unwrap();
    let config: Value = serde_json::from_slice(&text).unwrap();
    let cluster = &config["clusters"][0]["cluster"];
    assert_eq!(
        (&cluster["server"], &cluster["certificate-authority-data"]),
        (&json!("https://k.example:6443"), &json!("Q0E="))
    );
    assert!(config["users"][0]["user"]["token"].is_string());
}
