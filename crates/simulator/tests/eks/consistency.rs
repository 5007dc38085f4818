//! Eventual consistency: by fault and by seed, and never with seed 0.

use multicloud_simulator::Config;
use serde_json::{Value, json};

use crate::client::{cluster, faults, start, start_with};

#[tokio::test]
async fn a_created_object_can_be_invisible_for_two_reads() {
    let client = start().await;
    client.simulator.add_faults(faults(r#"[{"operation":"CreateCluster","fault":"not_yet_visible"}]"#)).unwrap();
    client.ok("CreateCluster", cluster("c", json!({}))).await;
    for _ in 0..2 {
        assert_eq!(client.refused("DescribeCluster", json!({ "name": "c" })).await.code, "ResourceNotFoundException");
    }
    client.ok("DescribeCluster", json!({ "name": "c" })).await;
}

#[tokio::test]
async fn a_status_can_be_stale_for_three_reads() {
    let client = start().await;
    client.cluster("c", json!({})).await;
    client.simulator.add_faults(faults(r#"[{"operation":"UpdateClusterVersion","fault":"stale_status"}]"#)).unwrap();
    client.simulator.put("eks", "123456789012/us-east-1/clusters/c", json!({ "version": "1.33" })).unwrap();
    client.ok("UpdateClusterVersion", json!({ "name": "c", "version": "1.34" })).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(client.ok("DescribeCluster", json!({ "name": "c" })).await["cluster"]["status"].clone());
    }
    assert_eq!(seen, ["ACTIVE", "ACTIVE", "ACTIVE", "UPDATING"].map(Value::from));
}

#[tokio::test]
async fn seeds_draw_late_reads_and_zero_draws_none() {
    let mut stale = 0;
    let mut invisible = 0;
    for seed in 0..12 {
        let client = start_with(Config { seed, ..Default::default() }).await;
        client.ok("CreateCluster", cluster("c", json!({}))).await;
        let hidden = client.call("DescribeCluster", json!({ "name": "c" })).await.is_err();
        client.until("DescribeCluster", json!({ "name": "c" }), "/cluster/status", "ACTIVE").await;
        client.ok("UpdateClusterConfig", json!({ "name": "c", "deletionProtection": true })).await;
        let read = client.ok("DescribeCluster", json!({ "name": "c" })).await;
        let late = read["cluster"]["status"] == "ACTIVE" && read["cluster"]["deletionProtection"] == false;
        if seed == 0 {
            assert!(!hidden && !late, "seed 0 is calm");
        }
        stale += u32::from(late);
        invisible += u32::from(hidden);
    }
    assert!(stale > 0 && invisible > 0, "{stale} {invisible}");
}

#[tokio::test]
async fn real_time_passes_by_the_clock_on_the_wall() {
    // Fast enough that a cluster is up before the polls end, by the clock alone.
    let time = multicloud_simulator::Time::Real { speed: 1_000_000 };
    let client = start_with(Config { time, ..Default::default() }).await;
    client.cluster("c", json!({})).await;
    let frozen = multicloud_simulator::Time::Real { speed: 0 };
    let client = start_with(Config { time: frozen, ..Default::default() }).await;
    client.ok("CreateCluster", cluster("c", json!({}))).await;
    for _ in 0..20 {
        let read = client.ok("DescribeCluster", json!({ "name": "c" })).await;
        assert_eq!(read["cluster"]["status"], "CREATING");
    }
}
