//! What tests do behind the service's back, in process and over HTTP.

use serde_json::{Value, json};

use crate::client::{Client, nodegroup, start};

const CLUSTER: &str = "123456789012/us-east-1/clusters/theirs";

async fn admin(client: &Client, method: &str, path: &str, body: &str) -> (u16, Value) {
    let reply = client.send("eks", method, &format!("/_simulator/{path}"), body, &[]).await.unwrap();
    (reply.status, reply.json())
}

#[tokio::test]
async fn a_foreign_cluster_is_as_real_as_any() {
    let client = start().await;
    client.simulator.put("eks", CLUSTER, json!({ "tags": { "owner": "somebody" }, "version": "1.32" })).unwrap();
    let doc = client.ok("DescribeCluster", json!({ "name": "theirs" })).await["cluster"].clone();
    assert_eq!(
        (&doc["status"], &doc["tags"]["owner"], &doc["version"]),
        (&json!("ACTIVE"), &json!("somebody"), &json!("1.32"))
    );
    client.ok("CreateNodegroup", nodegroup("theirs", "g", json!({}))).await;
    for (object, operation, input) in [
        ("nodegroups/h", "DescribeNodegroup", json!({ "clusterName": "theirs", "nodegroupName": "h" })),
        ("addons/vpc-cni", "DescribeAddon", json!({ "clusterName": "theirs", "addonName": "vpc-cni" })),
        (
            "access-entries/arn:aws:iam::123456789012:user%2Falice",
            "DescribeAccessEntry",
            json!({ "clusterName": "theirs", "principalArn": "arn:aws:iam::123456789012:user/alice" }),
        ),
    ] as [(&str, &'static str, Value); 3]
    {
        let path = format!("{CLUSTER}/{object}");
        client.simulator.put("eks", &path, json!({ "tags": { "by": "hand" } })).unwrap();
        client.ok(operation, input.clone()).await;
        client.simulator.remove("eks", &path).unwrap();
        assert_eq!(client.refused(operation, input).await.code, "ResourceNotFoundException");
        client.simulator.remove("eks", &path).unwrap_err();
    }
    client.simulator.remove("eks", CLUSTER).unwrap();
    assert_eq!(client.refused("DescribeCluster", json!({ "name": "theirs" })).await.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_document_is_merged_but_tags_and_labels_are_taken_whole() {
    let client = start().await;
    client.cluster("theirs", json!({ "tags": { "a": "1", "b": "2" } })).await;
    client.nodegroup("theirs", "g", json!({ "labels": { "x": "1" } })).await;
    client.simulator.put("eks", CLUSTER, json!({ "tags": { "a": "9" } })).unwrap();
    let sizes = json!({ "scalingConfig": { "desiredSize": 1 }, "labels": {} });
    client.simulator.put("eks", &format!("{CLUSTER}/nodegroups/g"), sizes).unwrap();
    let doc = client.ok("DescribeCluster", json!({ "name": "theirs" })).await["cluster"].clone();
    assert_eq!(doc["tags"], json!({ "a": "9" }));
    let doc = client.ok("DescribeNodegroup", json!({ "clusterName": "theirs", "nodegroupName": "g" })).await;
    assert_eq!(doc["nodegroup"]["scalingConfig"], json!({ "minSize": 1, "maxSize": 2, "desiredSize": 1 }));
    assert_eq!(doc["nodegroup"]["labels"], json!({}));
}

#[tokio::test]
async fn the_same_over_http_and_none_of_it_counts_as_a_request() {
    let client = start().await;
    assert_eq!(admin(&client, "PUT", &format!("world/eks/{CLUSTER}"), "{}").await.0, 200);
    let (_, world) = admin(&client, "GET", "world", "").await;
    assert_eq!(world["eks"]["123456789012"]["us-east-1"]["clusters"]["theirs"]["cluster"]["status"], "ACTIVE");
    assert_eq!(world["time"], "2026-01-01T00:00:00.000Z");
    assert_eq!(admin(&client, "POST", "advance", r#"{"seconds":90}"#).await.0, 200);
    assert_eq!(admin(&client, "POST", "faults", r#"[{"call":1,"fault":"throttle"}]"#).await.0, 200);
    assert_eq!(client.refused("ListClusters", json!({})).await.code, "ThrottlingException");
    let (_, journal) = admin(&client, "GET", "journal", "").await;
    assert_eq!((journal.as_array().unwrap().len(), &journal[0]["time"]), (1, &json!("2026-01-01T00:02:30.000Z")));
    assert_eq!(admin(&client, "DELETE", &format!("world/eks/{CLUSTER}"), "").await.0, 200);
    for (method, path, body) in [
        ("DELETE", "world/eks/123456789012/us-east-1/clusters/theirs", ""),
        ("PUT", "world/eks/1/us-east-1/clusters/c", "{}"),
        ("PUT", "world/eks/123456789012/us-east-1/pods/c", "{}"),
        ("PUT", "world/ibm/x", "{}"),
        ("PUT", "world/eks/123456789012/us-east-1/clusters/c", "[]"),
        ("POST", "faults", r#"[{"operation":"Nothing","fault":"slow"}]"#),
        ("GET", "nothing", ""),
    ] {
        let (status, answer) = admin(&client, method, path, body).await;
        assert!(status == 400 && answer["message"].is_string(), "{method} {path}: {answer}");
    }
    assert_eq!(admin(&client, "POST", "reset", "").await.0, 200);
    assert!(client.simulator.journal().is_empty());
    client.ok("ListClusters", json!({})).await;
    assert_eq!(client.simulator.journal()[0].seq, 1);
}
