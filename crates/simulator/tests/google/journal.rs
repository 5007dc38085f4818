//! The journal: repeatable, with names and places.

use multicloud_simulator::Config;
use serde_json::json;

use crate::client::{REGION, cluster, config, faults, pool, start_with};

/// A life with faults and refusals; returns the journal's bytes.
async fn life(seed: u64) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let plan = r#"[{"operation":"*","probability":0.2,"times":1000,"fault":"throttle"},
                   {"operation":"GetCluster","point":"reply_lost","fault":"drop","times":2}]"#;
    let client = start_with(Config { seed, journal: Some(path.clone()), faults: faults(plan), ..config() }).await;
    client.try_call("clusters.create", REGION, cluster("c", json!({}))).await.ok();
    for number in 0..20 {
        client.try_call("clusters.get", format!("{REGION}/clusters/c"), json!({})).await.ok();
        let body = pool(&format!("p{number}"), json!({}));
        let accepted = client.try_call("clusters.nodePools.create", format!("{REGION}/clusters/c"), body).await;
        // What was drawn is in the paths of later requests.
        if let Some(name) = accepted.ok().and_then(|reply| reply.json()["name"].as_str().map(str::to_owned)) {
            client.try_call("operations.get", format!("{REGION}/operations/{name}"), json!({})).await.ok();
        }
    }
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn the_same_seed_and_requests_write_the_same_bytes() {
    let (one, again, other) = (life(7).await, life(7).await, life(8).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert!(one.lines().count() >= 41);
}

#[tokio::test]
async fn an_entry_tells_method_place_and_what_was_asked() {
    let client = start_with(config()).await;
    client.ok("clusters.create", REGION, cluster("c", json!({ "resourceLabels": { "a": "b" } }))).await;
    let path = format!("/v1/{REGION}/clusters?alt=json&access_token=secret&key=secret");
    client.send("google", "GET", &path, "", &[]).await.unwrap();
    let entries = client.simulator.journal();
    assert_eq!(
        (entries[0].cloud, entries[0].operation, entries[0].method.as_str()),
        ("google", "CreateCluster", "POST")
    );
    assert_eq!(entries[0].region.as_deref(), Some("us-central1"));
    assert_eq!(entries[0].request.as_ref().unwrap()["cluster"]["resourceLabels"], json!({ "a": "b" }));
    assert_eq!((entries[0].committed, entries[1].committed), (true, false));
    assert_eq!(entries[1].path, format!("/v1/{REGION}/clusters?alt=json"));
}
