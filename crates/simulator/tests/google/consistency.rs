//! Eventual consistency: by fault and by seed, and never with seed 0.

use std::time::Duration;

use multicloud_simulator::{Config, Time};
use serde_json::json;

use crate::client::{ZONE, cluster, config, faults, pool, start, start_with};

#[tokio::test]
async fn a_created_cluster_can_be_invisible_for_two_reads() {
    let client = start().await;
    client.simulator.add_faults(faults(r#"[{"operation":"CreateCluster","fault":"not_yet_visible"}]"#)).unwrap();
    client.ok("clusters.create", ZONE, cluster("c", json!({}))).await;
    let name = format!("{ZONE}/clusters/c");
    for _ in 0..2 {
        assert_eq!(client.ok("clusters.list", ZONE, json!({})).await, json!({}));
        assert_eq!(client.refused("clusters.get", name.as_str(), json!({})).await.code, 404);
    }
    client.ok("clusters.get", name.as_str(), json!({})).await;
}

#[tokio::test]
async fn pools_are_late_in_their_cluster_too() {
    // Short steps, so that what is late is not over before it is read: what is done is seen.
    let time = Time::Fast { step: Duration::from_secs(10) };
    let client = start_with(Config { time, ..config() }).await;
    let name = client.cluster(ZONE, json!({})).await;
    let plan = r#"[{"operation":"CreateNodePool","fault":"not_yet_visible"},
                   {"operation":"SetNodePoolSize","fault":"stale_status"}]"#;
    client.simulator.add_faults(faults(plan)).unwrap();
    let pools = async || client.ok("clusters.get", name.as_str(), json!({})).await["nodePools"].clone();
    let accepted = client.ok("clusters.nodePools.create", name.as_str(), pool("p", json!({}))).await;
    assert_eq!(pools().await.as_array().unwrap().len(), 1);
    assert_eq!(client.refused("clusters.nodePools.get", format!("{name}/nodePools/p"), json!({})).await.code, 404);
    assert_eq!(pools().await.as_array().unwrap().len(), 2);
    client.done(ZONE, &accepted).await;
    let size = json!({ "nodeCount": 2 });
    client.ok("clusters.nodePools.setSize", format!("{name}/nodePools/p"), size).await;
    assert_eq!(pools().await[0]["status"], "RUNNING");
    let world = &client.simulator.world()["google"]["simulated-project"]["us-east1-b"]["clusters"]["c"];
    assert_eq!(world["nodePools"]["p"]["status"], "RECONCILING");
}

#[tokio::test]
async fn a_status_can_be_stale_for_three_reads() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({ "initialClusterVersion": "1.32" })).await;
    client.simulator.add_faults(faults(r#"[{"operation":"UpdateCluster","fault":"stale_status"}]"#)).unwrap();
    client.ok("clusters.update", name.as_str(), json!({ "update": { "desiredMasterVersion": "1.33" } })).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(client.ok("clusters.get", name.as_str(), json!({})).await["status"].clone());
    }
    assert_eq!(seen, ["RUNNING", "RUNNING", "RUNNING", "RECONCILING"].map(serde_json::Value::from));
}

#[tokio::test]
async fn seeds_draw_late_reads_and_zero_draws_none() {
    let (mut stale, mut invisible) = (0, 0);
    for seed in 0..12 {
        let client = start_with(Config { seed, ..config() }).await;
        let accepted = client.ok("clusters.create", ZONE, cluster("c", json!({}))).await;
        let name = format!("{ZONE}/clusters/c");
        let hidden = client.call("clusters.get", name.as_str(), json!({})).await.is_err();
        client.done(ZONE, &accepted).await;
        let upgrade = json!({ "update": { "desiredMasterVersion": "1.34" } });
        client.ok("clusters.update", name.as_str(), upgrade).await;
        let late = client.ok("clusters.get", name.as_str(), json!({})).await["status"] == "RUNNING";
        if seed == 0 {
            assert!(!hidden && !late, "seed 0 is calm");
        }
        stale += u32::from(late);
        invisible += u32::from(hidden);
    }
    assert!(stale > 0 && invisible > 0, "{stale} {invisible}");
}
