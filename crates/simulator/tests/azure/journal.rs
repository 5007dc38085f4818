//! The journal: repeatable, and without secrets.

use multicloud_simulator::Config;
use multicloud_simulator::fault::FaultPlan;
use serde_json::{Value, json};

use crate::client::{cluster_body, cluster_path, pool_path, start_with, with};

/// A life with faults and refusals; returns the journal's bytes, in which the port is masked.
async fn life(seed: u64) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let plan = r#"[{"operation":"*","probability":0.2,"times":1000,"fault":"throttle"},
                   {"operation":"ManagedClusters_Get","point":"reply_lost","fault":"drop","times":2}]"#;
    let faults = FaultPlan::from_json(plan).unwrap();
    let client = start_with(Config { seed, journal: Some(path.clone()), faults, ..Default::default() }).await;
    for _ in 0..20 {
        let reply = client.try_call("PUT", &cluster_path("c"), cluster_body(), &[]).await;
        if let Ok(Some(url)) = reply.as_ref().map(|reply| reply.header("azure-asyncoperation")) {
            // What was drawn is in the paths of later requests.
            let path = url.strip_prefix(client.simulator.url("azure").unwrap()).unwrap();
            client.try_call("GET", path, Value::Null, &[]).await.ok();
        }
        client.try_call("GET", &cluster_path("c"), Value::Null, &[]).await.ok();
        client.try_call("DELETE", &pool_path("c", "apps"), Value::Null, &[]).await.ok();
    }
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn the_same_seed_and_requests_write_the_same_bytes() {
    let (one, again, other) = (life(7).await, life(7).await, life(8).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert!(one.lines().count() >= 60);
}

#[tokio::test]
async fn what_is_a_secret_is_masked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut client = start_with(Config { journal: Some(path.clone()), ..Default::default() }).await;
    client.token = "canary-bearer".into();
    let windows = json!({ "adminUsername": "azureuser", "adminPassword": "canary-password" });
    client.ok("PUT", &cluster_path("c"), with(cluster_body(), "/properties/windowsProfile", windows)).await;
    let form = "grant_type=client_credentials&client_id=me&client_secret=canary-secret&scope=x%2F.default";
    let token = client.send("azure_authority", "POST", "/t/oauth2/v2.0/token", form, &[]).await.unwrap().json();
    let form = "grant_type=client_credentials&client_id=me&client_assertion=canary-assertion&scope=x%2F.default";
    client.send("azure_authority", "POST", "/t/oauth2/v2.0/token", form, &[]).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("canary"), "{text}");
    assert!(!text.contains(token["access_token"].as_str().unwrap()), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["operation"], "ManagedClusters_CreateOrUpdate");
    assert_eq!(lines[0]["request"]["properties"]["dnsPrefix"], "test");
    assert_eq!((&lines[0]["cloud"], &lines[0]["committed"]), (&json!("azure"), &json!(true)));
    assert_eq!((&lines[1]["operation"], &lines[1]["request"]["client_id"]), (&json!("OAuth2_Token"), &json!("me")));
    // What a write echoes back holds no password.
    let read = client.get(&cluster_path("c")).await.to_string();
    assert!(!read.contains("canary"), "{read}");
}
