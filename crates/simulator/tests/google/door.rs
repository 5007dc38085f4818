//! Who and what gets in: projects, paths, and how often.

use std::time::Duration;

use multicloud_simulator::{Config, Time};
use serde_json::json;

use crate::client::{NUMBER, PROJECT, ZONE, config, start, start_with};

#[tokio::test]
async fn a_project_is_known_by_id_and_number_and_others_are_not() {
    let client = start().await;
    client.cluster(ZONE, json!({})).await;
    let by_number = format!("projects/{NUMBER}/locations/us-east1-b/clusters/c");
    assert_eq!(client.ok("clusters.get", by_number, json!({})).await["name"], "c");
    let other = "projects/another-project/locations/us-east1-b";
    assert_eq!(client.ok("clusters.list", other, json!({})).await, json!({}));
    let refused = client.refused("clusters.list", "projects/nobodys/locations/us-east1-b", json!({})).await;
    assert_eq!((refused.code, refused.status.as_str()), (403, "PERMISSION_DENIED"));
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let client = start().await;
    for (endpoint, verb, path) in [
        ("google", "GET", "/v1/projects"),
        ("google", "POST", "/v1/projects/p/locations/l/clusters/c:startIpRotation"),
        ("google_compute", "GET", "/compute/v1/projects/p/global/networks"),
        ("google_serviceusage", "GET", "/v1/projects/p/locations/l/clusters"),
    ] {
        let reply = client.send(endpoint, verb, path, "", &[]).await.unwrap();
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.json()["error"]["message"].as_str().unwrap().starts_with("not offered here"), "{path}");
    }
    assert!(client.simulator.journal().iter().all(|entry| entry.operation == "Unknown"));
}

#[tokio::test]
async fn requests_have_a_rate() {
    // A request moves the clock by a millisecond: 240 a minute are used up at once.
    let time = Time::Fast { step: Duration::from_millis(1) };
    let client = start_with(Config { time, ..config() }).await;
    let parent = json!({ "parent": format!("projects/{PROJECT}") });
    for _ in 0..240 {
        client.ok("serviceusage.services.list", parent.clone(), json!({})).await;
    }
    let refused = client.refused("serviceusage.services.list", parent.clone(), json!({})).await;
    assert_eq!((refused.code, refused.status.as_str()), (429, "RESOURCE_EXHAUSTED"));
    // Each project and service has its own.
    client.ok("serviceusage.services.list", json!({ "parent": "projects/another-project" }), json!({})).await;
    client.ok("clusters.list", ZONE, json!({})).await;
    client.simulator.advance(Duration::from_secs(1));
    client.ok("serviceusage.services.list", parent, json!({})).await;
}
