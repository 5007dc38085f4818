//! Access entries: who has one without being given it, and what is refused.

use serde_json::{Value, json};

use crate::client::{NODE_ROLE, start};

const CREATOR: &str = "arn:aws:iam::123456789012:user/simulator";
const ADMIN: &str = "arn:aws:iam::123456789012:role/admin";

#[tokio::test]
async fn creator_and_node_role_have_entries_where_the_mode_has_them() {
    let client = start().await;
    client.cluster("c", json!({})).await;
    client.nodegroup("c", "g", json!({})).await;
    let list = json!({ "clusterName": "c" });
    let refused = client.refused("ListAccessEntries", list.clone()).await;
    assert_eq!(refused.code, "InvalidRequestException");
    assert!(refused.message.contains("authentication mode must be set to one of"), "{}", refused.message);
    let mode = json!({ "name": "c", "accessConfig": { "authenticationMode": "API_AND_CONFIG_MAP" } });
    let accepted = client.ok("UpdateClusterConfig", mode).await;
    assert_eq!(client.ended("c", &accepted, json!({})).await, "Successful");
    assert_eq!(client.ok("ListAccessEntries", list.clone()).await["accessEntries"], json!([NODE_ROLE, CREATOR]));
    let policies =
        client.ok("ListAssociatedAccessPolicies", json!({ "clusterName": "c", "principalArn": CREATOR })).await;
    let arn = policies["associatedAccessPolicies"][0]["policyArn"].as_str().unwrap();
    assert!(arn.ends_with("/AmazonEKSClusterAdminPolicy"), "{arn}");

    // What somebody deletes stays deleted; the nodes' goes with the last group.
    client.ok("DeleteAccessEntry", json!({ "clusterName": "c", "principalArn": CREATOR })).await;
    client.ok("DeleteNodegroup", json!({ "clusterName": "c", "nodegroupName": "g" })).await;
    client.simulator.advance(std::time::Duration::from_secs(3600));
    assert_eq!(client.ok("ListAccessEntries", list).await["accessEntries"], json!([]));
}

#[tokio::test]
async fn without_bootstrap_the_creator_has_none() {
    let client = start().await;
    let access = json!({ "authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": false });
    client.cluster("c", json!({ "accessConfig": access })).await;
    assert_eq!(client.ok("ListAccessEntries", json!({ "clusterName": "c" })).await, json!({ "accessEntries": [] }));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let client = start().await;
    client.cluster("c", json!({ "accessConfig": { "authenticationMode": "API" } })).await;
    let entry = |more: Value| {
        let mut input = json!({ "clusterName": "c", "principalArn": ADMIN });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (more, part) in [
        (json!({ "principalArn": "arn:aws:iam::123456789012:role/nobody" }), "invalid principal"),
        (json!({ "kubernetesGroups": ["system:masters"] }), "system:masters is invalid"),
        (json!({ "type": "ROBOT" }), "type must be one of"),
        (json!({ "type": "EC2_LINUX", "username": "me" }), "Neither username"),
    ] {
        let refused = client.refused("CreateAccessEntry", entry(more.clone())).await;
        assert_eq!(refused.code, "InvalidParameterException", "{more}");
        assert!(refused.message.contains(part), "{more}: {}", refused.message);
    }
    assert_eq!(client.refused("DescribeAccessEntry", entry(json!({}))).await.code, "ResourceNotFoundException");
    client.ok("CreateAccessEntry", entry(json!({}))).await;
    assert_eq!(client.refused("CreateAccessEntry", entry(json!({}))).await.code, "ResourceInUseException");
    let policy = |arn: &str, scope: Value| entry(json!({ "policyArn": arn, "accessScope": scope }));
    let view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    for input in [
        policy("arn:aws:iam::aws:policy/ReadOnlyAccess", json!({ "type": "cluster" })),
        policy(view, json!({ "type": "namespace" })),
        policy(view, json!({ "type": "cluster", "namespaces": ["a"] })),
    ] {
        assert_eq!(client.refused("AssociateAccessPolicy", input).await.code, "InvalidParameterException");
    }
}
