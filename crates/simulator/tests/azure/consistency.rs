//! Eventual consistency: by fault and by seed, and never with seed 0.

use multicloud_simulator::Config;
use serde_json::{Value, json};

use crate::client::{cluster_body, cluster_path, faults, start, start_faulty, start_with, writable};

#[tokio::test]
async fn a_created_object_can_be_invisible_for_two_reads() {
    let client = start_faulty(r#"[{"operation":"ManagedClusters_CreateOrUpdate","fault":"not_yet_visible"}]"#).await;
    let accepted = client.ok("PUT", &cluster_path("c"), cluster_body()).await;
    for _ in 0..2 {
        assert_eq!(client.refused("GET", &cluster_path("c"), Value::Null).await.status, 404);
    }
    client.get(&cluster_path("c")).await;
    // Nor is its operation.
    let path = accepted.header("azure-asyncoperation").unwrap();
    let path = path.strip_prefix(client.simulator.url("azure").unwrap()).unwrap();
    for _ in 0..2 {
        assert_eq!(client.refused("GET", path, Value::Null).await.status, 404);
    }
    client.get(path).await;
}

#[tokio::test]
async fn a_state_can_be_stale_for_three_reads() {
    let client = start().await;
    let up = client.cluster("c", cluster_body()).await;
    let plan = r#"[{"operation":"ManagedClusters_CreateOrUpdate","fault":"stale_status"}]"#;
    client.simulator.add_faults(faults(plan)).unwrap();
    let mut body = writable(&up);
    body["properties"]["kubernetesVersion"] = "1.34".into();
    client.ok("PUT", &cluster_path("c"), body).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(client.get(&cluster_path("c")).await["properties"]["provisioningState"].clone());
    }
    assert_eq!(seen, ["Succeeded", "Succeeded", "Succeeded", "Upgrading"].map(Value::from));
}

#[tokio::test]
async fn seeds_draw_late_reads_and_work_of_its_own_and_zero_draws_none() {
    let (mut invisible, mut stale, mut background, mut races) = (0, 0, 0, 0);
    for seed in 0..48 {
        let client = start_with(Config { seed, ..Default::default() }).await;
        let accepted = client.ok("PUT", &cluster_path("c"), cluster_body()).await;
        let hidden = client.call("GET", &cluster_path("c"), Value::Null, &[]).await.status == 404;
        client.ended(&accepted).await;
        let up = client.get(&cluster_path("c")).await;
        assert_eq!(up["properties"]["provisioningState"], "Succeeded");
        let next = client.call("PUT", &cluster_path("c"), writable(&up), &[]).await;
        let busy = next.status == 409;
        if busy {
            // AKS words its own work in one of two ways.
            let refused = next.refused();
            let is_race = refused.code == "EtagMismatch";
            assert!(is_race || refused.message.contains("PutExtensionAddonHandler.PUT"), "{refused:?}");
            races += u32::from(is_race);
        } else {
            let late = client.get(&cluster_path("c")).await["properties"]["provisioningState"] == "Succeeded";
            stale += u32::from(late);
            assert!(seed != 0 || !late, "seed 0 is calm");
        }
        assert!(seed != 0 || !hidden && !busy, "seed 0 is calm");
        invisible += u32::from(hidden);
        background += u32::from(busy);
    }
    assert!(invisible > 0 && stale > 0 && background > races && races > 0, "{invisible} {stale} {background} {races}");
}

#[tokio::test]
async fn own_work_ends_by_itself() {
    for seed in 1..30 {
        let client = start_with(Config { seed, ..Default::default() }).await;
        let up = client.cluster("c", cluster_body()).await;
        for _ in 0..5 {
            if client.call("PUT", &cluster_path("c"), writable(&up), &[]).await.status == 200 {
                break;
            }
        }
        let did = client.simulator.journal().iter().filter(|entry| entry.committed).count();
        assert_eq!(did, 2, "seed {seed}\n{}", client.story());
    }
    // Nothing here is random twice: a body that changes nothing is accepted as well.
    let client = start().await;
    let up = client.cluster("c", cluster_body()).await;
    client.done("PUT", &cluster_path("c"), json!({ "location": up["location"] })).await;
}
