//! A request repeated with its token does nothing more.

use serde_json::json;

use crate::client::{Broken, cluster, faults, nodegroup, start};

const TOKEN: &str = "00000000-0000-4000-8000-00000000abcd";

#[tokio::test]
async fn the_same_token_and_request_get_the_first_answer() {
    let client = start().await;
    let input = cluster("c", json!({ "clientRequestToken": TOKEN }));
    let first = client.ok("CreateCluster", input.clone()).await;
    client.until("DescribeCluster", json!({ "name": "c" }), "/cluster/status", "ACTIVE").await;
    assert_eq!(client.ok("CreateCluster", input).await, first);
    let group = nodegroup("c", "g", json!({ "clientRequestToken": TOKEN.replace("abcd", "dcba") }));
    let first = client.ok("CreateNodegroup", group.clone()).await;
    assert_eq!(client.ok("CreateNodegroup", group).await, first);
    let logging = json!({
        "name": "c",
        "logging": { "clusterLogging": [{ "types": ["api"], "enabled": true }] },
        "clientRequestToken": TOKEN.replace("abcd", "0000"),
    });
    let first = client.ok("UpdateClusterConfig", logging.clone()).await;
    // Even while the update runs, when any other request would be told to wait.
    assert_eq!(client.ok("UpdateClusterConfig", logging).await, first);
    let committed = client.simulator.journal().iter().filter(|entry| entry.committed).count();
    assert_eq!(committed, 3);
}

#[tokio::test]
async fn the_same_token_for_another_request_is_refused() {
    let client = start().await;
    client.ok("CreateCluster", cluster("c", json!({ "clientRequestToken": TOKEN }))).await;
    let other = cluster("d", json!({ "clientRequestToken": TOKEN }));
    assert_eq!(client.refused("CreateCluster", other).await.code, "ResourceInUseException");
    let tagged = cluster("c", json!({ "clientRequestToken": TOKEN, "tags": { "a": "b" } }));
    assert_eq!(client.refused("CreateCluster", tagged).await.code, "ResourceInUseException");
    let tokenless = client.refused("CreateCluster", cluster("c", json!({}))).await;
    assert_eq!(tokenless.message, "Cluster already exists with name: c");
}

#[tokio::test]
async fn tokens_have_33_to_126_characters() {
    let client = start().await;
    for (length, fits) in [(32, false), (33, true), (126, true), (127, false)] {
        let token = json!({ "clientRequestToken": "x".repeat(length) });
        let outcome = client.call("CreateCluster", cluster(&format!("c{length}"), token)).await;
        assert_eq!(outcome.is_ok(), fits, "{length}");
    }
}

#[tokio::test]
async fn after_a_lost_reply_the_token_finds_what_was_made() {
    let client = start().await;
    client
        .simulator
        .add_faults(faults(r#"[{"operation":"CreateCluster","point":"reply_lost","fault":"drop"}]"#))
        .unwrap();
    let input = cluster("c", json!({ "clientRequestToken": TOKEN }));
    let Broken(received) = client.try_call("CreateCluster", input.clone()).await.unwrap_err();
    assert!(received.is_empty());
    assert_eq!(client.ok("CreateCluster", input).await["cluster"]["name"], "c");
    let committed: Vec<_> = client.simulator.journal().iter().map(|entry| entry.committed).collect();
    assert_eq!(committed, [true, false]);
}

#[tokio::test]
async fn a_refused_request_leaves_its_token_free_and_a_deleted_cluster_too() {
    let client = start().await;
    let bad = cluster("c", json!({ "clientRequestToken": TOKEN, "version": "1.2" }));
    client.refused("CreateCluster", bad).await;
    let good = json!({ "clientRequestToken": TOKEN });
    client.cluster("c", good.clone()).await;
    client.ok("DeleteCluster", json!({ "name": "c" })).await;
    client.simulator.advance(std::time::Duration::from_secs(3600));
    client.ok("ListClusters", json!({})).await;
    assert_eq!(client.ok("CreateCluster", cluster("c", good)).await["cluster"]["status"], "CREATING");
}
