//! Operations: what they show, what they block, and how they end.

use serde_json::{Value, json};

use crate::client::{NUMBER, REGION, ZONE, cluster, faults, pool, start, start_with};

#[tokio::test]
async fn links_have_the_number_and_the_older_collection() {
    let client = start().await;
    for (place, collection) in [(REGION, "locations/us-central1"), (ZONE, "zones/us-east1-b")] {
        let accepted = client.ok("clusters.create", place, cluster("c", json!({}))).await;
        let base = format!("https://container.googleapis.com/v1/projects/{NUMBER}/{collection}");
        let name = accepted["name"].as_str().unwrap();
        assert!(name.starts_with("operation-") && !name.contains('/'), "{name}");
        assert_eq!(accepted["selfLink"], format!("{base}/operations/{name}"));
        assert_eq!(accepted["targetLink"], format!("{base}/clusters/c"));
        assert_eq!((&accepted["status"], &accepted["operationType"]), (&json!("RUNNING"), &json!("CREATE_CLUSTER")));
        let done = client.ended(place, &accepted).await;
        assert_eq!((&done["status"], &done["error"]), (&json!("DONE"), &Value::Null));
        assert!(done["endTime"].as_str() > done["startTime"].as_str());
        let listed = client.ok("operations.list", place, json!({})).await;
        assert_eq!(listed["operations"], json!([done]));
    }
    let all = client.ok("operations.list", "projects/simulated-project/locations/-", json!({})).await;
    assert_eq!(all["operations"].as_array().unwrap().len(), 2);
    assert_eq!(client.refused("operations.get", format!("{ZONE}/operations/o"), json!({})).await.code, 404);
}

#[tokio::test]
async fn who_comes_second_is_told_whom_to_wait_for() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({})).await;
    let more = json!({ "update": { "desiredVerticalPodAutoscaling": { "enabled": true } } });
    // Slow, so that it does not end meanwhile.
    client.simulator.add_faults(faults(r#"[{"operation":"UpdateCluster","fault":"slow"}]"#)).unwrap();
    let first = client.ok("clusters.update", name.as_str(), more.clone()).await;
    let running = first["name"].as_str().unwrap();
    let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!(doc["status"], "RECONCILING");
    for (id, target, body) in [
        ("clusters.update", name.clone(), more.clone()),
        ("clusters.nodePools.create", name.clone(), pool("p", json!({}))),
        ("clusters.nodePools.setSize", format!("{name}/nodePools/system"), json!({ "nodeCount": 2 })),
        ("clusters.delete", name.clone(), json!({})),
    ] {
        let refused = client.refused(id, target, body).await;
        let seen = (refused.code, refused.status.as_str(), refused.reason.as_str());
        assert_eq!(seen, (400, "FAILED_PRECONDITION", "failedPrecondition"), "{id}");
        let words = format!("Operation {running} is currently upgrading cluster c.");
        assert!(refused.message.starts_with(&words), "{refused:?}");
    }
    client.done(ZONE, &first).await;
    // Pools do not block each other; the cluster waits for all of them.
    let slow = r#"[{"operation":"SetNodePoolSize","fault":"slow"},{"operation":"CreateNodePool","fault":"slow"}]"#;
    client.simulator.add_faults(faults(slow)).unwrap();
    let resized =
        client.ok("clusters.nodePools.setSize", format!("{name}/nodePools/system"), json!({ "nodeCount": 2 })).await;
    let created = client.ok("clusters.nodePools.create", name.as_str(), pool("p", json!({}))).await;
    let refused = client.refused("clusters.update", name.as_str(), more).await;
    let (one, other) = (resized["name"].as_str().unwrap(), created["name"].as_str().unwrap());
    assert!(refused.message.contains(one) || refused.message.contains(other), "{refused:?}");
    let refused = client.refused("clusters.nodePools.delete", format!("{name}/nodePools/p"), json!({})).await;
    assert!(refused.message.contains("is currently creating a node pool for cluster c"), "{refused:?}");
    client.done(ZONE, &created).await;
    client.done(ZONE, &resized).await;
}

#[tokio::test]
async fn five_operations_are_the_most() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({})).await;
    // Slow ones, so that none ends meanwhile.
    let plan = r#"[{"operation":"CreateNodePool","fault":"slow","times":5}]"#;
    client.simulator.add_faults(faults(plan)).unwrap();
    for number in 0..5 {
        client.ok("clusters.nodePools.create", name.as_str(), pool(&format!("p{number}"), json!({}))).await;
    }
    let refused = client.refused("clusters.nodePools.create", name, pool("p5", json!({}))).await;
    assert_eq!((refused.code, refused.status.as_str()), (429, "RESOURCE_EXHAUSTED"));
    assert!(refused.message.contains("hits the concurrent operations quota 5"), "{refused:?}");
}

#[tokio::test]
async fn gkes_own_operations_block_too() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({})).await;
    let object = "simulated-project/us-east1-b/clusters/c/operations/operation-1-auto";
    let own = json!({ "operationType": "UPGRADE_MASTER", "seconds": 100_000 });
    client.simulator.put("google", object, own).unwrap();
    let size = json!({ "nodeCount": 2 });
    let target = format!("{name}/nodePools/system");
    let refused = client.refused("clusters.nodePools.setSize", target.as_str(), size.clone()).await;
    assert!(refused.message.contains("Operation operation-1-auto is currently upgrading cluster c"), "{refused:?}");
    let shown = client.ok("operations.get", format!("{ZONE}/operations/operation-1-auto"), json!({})).await;
    assert_eq!(shown["status"], "RUNNING");
    client.simulator.remove("google", object).unwrap();
    client.change("clusters.nodePools.setSize", &target, size).await;
}

#[tokio::test]
async fn a_creation_that_fails_leaves_an_error_that_goes_by_itself() {
    let client = start().await;
    client.simulator.add_faults(faults(r#"[{"operation":"CreateCluster","fault":"fail"}]"#)).unwrap();
    let accepted = client.ok("clusters.create", ZONE, cluster("c", json!({}))).await;
    let ended = client.ended(ZONE, &accepted).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("DONE"), &json!(8)));
    assert_eq!(ended["statusMessage"], ended["error"]["message"]);
    let name = format!("{ZONE}/clusters/c");
    let left = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!((&left["status"], &left["conditions"][0]["code"]), (&json!("ERROR"), &json!("GCE_STOCKOUT")));
    assert_eq!(client.refused("clusters.create", ZONE, cluster("c", json!({}))).await.code, 409);
    let more = json!({ "update": { "desiredShieldedNodes": { "enabled": true } } });
    assert_eq!(client.refused("clusters.update", name.as_str(), more).await.status, "FAILED_PRECONDITION");
    client.simulator.advance(std::time::Duration::from_secs(3600));
    assert_eq!(client.refused("clusters.get", name.as_str(), json!({})).await.code, 404);
    client.ok("clusters.create", ZONE, cluster("c", json!({}))).await;
}

#[tokio::test]
async fn failed_changes_change_nothing_but_the_status() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({ "initialClusterVersion": "1.32" })).await;
    let target = format!("{name}/nodePools/system");
    let plan = r#"[{"operation":"UpdateCluster","fault":"fail"},{"operation":"SetNodePoolSize","fault":"fail"},
                   {"operation":"CreateNodePool","fault":"fail"},{"operation":"DeleteCluster","fault":"fail"}]"#;
    client.simulator.add_faults(faults(plan)).unwrap();
    let upgrade = json!({ "update": { "desiredMasterVersion": "1.33" } });
    let accepted = client.ok("clusters.update", name.as_str(), upgrade.clone()).await;
    assert_eq!(client.ended(ZONE, &accepted).await["error"]["code"], 8);
    let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!((&doc["currentMasterVersion"], &doc["status"]), (&json!("1.32.10-gke.1059000"), &json!("RUNNING")));
    let accepted = client.ok("clusters.nodePools.setSize", target.as_str(), json!({ "nodeCount": 4 })).await;
    assert_eq!(client.ended(ZONE, &accepted).await["error"]["code"], 8);
    let read = client.ok("clusters.nodePools.get", target.as_str(), json!({})).await;
    assert_eq!((&read["status"], &read["initialNodeCount"]), (&json!("RUNNING_WITH_ERROR"), &json!(1)));
    // The next change mends it.
    client.change("clusters.nodePools.setSize", &target, json!({ "nodeCount": 4 })).await;
    let read = client.ok("clusters.nodePools.get", target.as_str(), json!({})).await;
    assert_eq!((&read["status"], &read["conditions"]), (&json!("RUNNING"), &Value::Null));
    let accepted = client.ok("clusters.nodePools.create", name.as_str(), pool("p", json!({}))).await;
    client.ended(ZONE, &accepted).await;
    let read = client.ok("clusters.nodePools.get", format!("{name}/nodePools/p"), json!({})).await;
    assert_eq!(
        (&read["status"], &read["conditions"][0]["canonicalCode"]),
        (&json!("ERROR"), &json!("RESOURCE_EXHAUSTED"))
    );
    client.change("clusters.nodePools.delete", &format!("{name}/nodePools/p"), json!({})).await;
    let accepted = client.ok("clusters.delete", name.as_str(), json!({})).await;
    client.ended(ZONE, &accepted).await;
    assert_eq!(client.ok("clusters.get", name.as_str(), json!({})).await["status"], "ERROR");
    // GKE tries again by itself; so may we.
    client.change("clusters.delete", &name, json!({})).await;
}

#[tokio::test]
async fn a_cluster_can_come_up_with_one_pool_in_trouble() {
    let client = start().await;
    client.simulator.add_faults(faults(r#"[{"operation":"CreateCluster","fault":"degrade"}]"#)).unwrap();
    let pools = json!([{ "name": "a", "initialNodeCount": 1 }, { "name": "b", "initialNodeCount": 1 }]);
    let name = client.cluster(ZONE, json!({ "nodePools": pools })).await;
    let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
    let statuses: Vec<&Value> = doc["nodePools"].as_array().unwrap().iter().map(|pool| &pool["status"]).collect();
    assert_eq!((&doc["status"], statuses), (&json!("RUNNING"), vec![&json!("RUNNING"), &json!("RUNNING_WITH_ERROR")]));
    client.simulator.add_faults(faults(r#"[{"operation":"UpdateCluster","fault":"degrade"}]"#)).unwrap();
    client.change("clusters.update", &name, json!({ "update": { "desiredShieldedNodes": { "enabled": true } } })).await;
    assert_eq!(client.ok("clusters.get", name, json!({})).await["status"], "DEGRADED");
}

#[tokio::test]
async fn slow_takes_ten_times_and_stuck_longer_than_anybody_waits() {
    let client = start().await;
    client.simulator.add_faults(faults(r#"[{"call":1,"fault":"slow"},{"call":2,"fault":"stuck"}]"#)).unwrap();
    client.ok("clusters.create", ZONE, cluster("slow", json!({}))).await;
    client.ok("clusters.create", ZONE, cluster("stuck", json!({}))).await;
    let status = async |name: &str| {
        let doc = client.ok("clusters.get", format!("{ZONE}/clusters/{name}"), json!({})).await;
        doc["status"].as_str().unwrap().to_owned()
    };
    client.simulator.advance(std::time::Duration::from_secs(2400));
    assert_eq!(status("slow").await, "PROVISIONING");
    client.simulator.advance(std::time::Duration::from_secs(600));
    assert_eq!(status("slow").await, "RUNNING");
    client.simulator.advance(std::time::Duration::from_secs(5 * 86_400));
    assert_eq!(status("stuck").await, "PROVISIONING");
}

#[tokio::test]
async fn some_seeds_let_operations_wait_before_they_run() {
    let mut pending = 0;
    for seed in 0..12 {
        let client = start_with(multicloud_simulator::Config { seed, ..crate::client::config() }).await;
        let accepted = client.ok("clusters.create", ZONE, cluster("c", json!({}))).await;
        let waits = accepted["status"] == "PENDING";
        assert!(seed != 0 || !waits, "seed 0 is calm");
        pending += u32::from(waits);
        client.done(ZONE, &accepted).await;
    }
    assert!((1..12).contains(&pending), "{pending}");
}
