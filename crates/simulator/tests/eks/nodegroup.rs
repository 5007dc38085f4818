//! Node groups: what is filled in, what is refused, never ahead of the cluster.

use serde_json::{Value, json};

use crate::client::{nodegroup, start};

#[tokio::test]
async fn a_new_group_is_filled_in_as_eks_does() {
    let client = start().await;
    client.cluster("c", json!({})).await;
    let created = client.ok("CreateNodegroup", nodegroup("c", "g", json!({}))).await["nodegroup"].clone();
    assert_eq!((&created["status"], created.get("resources")), (&json!("CREATING"), None));
    let input = json!({ "clusterName": "c", "nodegroupName": "g" });
    let up = client.until("DescribeNodegroup", input, "/nodegroup/status", "ACTIVE").await["nodegroup"].clone();
    for (key, value) in [
        ("version", json!("1.34")),
        ("releaseVersion", json!("1.34.2-20251209")),
        ("amiType", json!("AL2023_x86_64_STANDARD")),
        ("capacityType", json!("ON_DEMAND")),
        ("instanceTypes", json!(["t3.medium"])),
        ("diskSize", json!(20)),
        ("labels", json!({})),
        ("health", json!({ "issues": [] })),
        ("updateConfig", json!({ "maxUnavailable": 1 })),
    ] {
        assert_eq!(up[key], value, "{key}");
    }
    assert!(up.get("taints").is_none(), "{up}");
    assert!(up["resources"]["autoScalingGroups"][0]["name"].as_str().unwrap().starts_with("eks-g-"), "{up}");
    client.nodegroup("c", "arm", json!({ "instanceTypes": ["m7g.large"] })).await;
    let up = client.ok("DescribeNodegroup", json!({ "clusterName": "c", "nodegroupName": "arm" })).await;
    assert_eq!(up["nodegroup"]["amiType"], "AL2023_ARM_64_STANDARD");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let client = start().await;
    client.cluster("c", json!({})).await;
    let before = client.simulator.world()["eks"].clone();
    let sizes = |min: u32, max: u32, desired: u32| json!({ "scalingConfig": { "minSize": min, "maxSize": max, "desiredSize": desired } });
    let taint = json!({ "key": "k", "effect": "NO_SCHEDULE" });
    for (more, part) in [
        (json!({ "nodegroupName": "under.dot" }), "letters, digits"),
        (json!({ "nodegroupName": "x".repeat(64) }), "1 to 63"),
        (json!({ "nodeRole": "arn:aws:iam::123456789012:role/nobody" }), "cannot be found"),
        (json!({ "nodeRole": "arn:aws:iam::123456789012:role/eks-cluster" }), "service principals [ec2.amazonaws.com]"),
        (json!({ "subnets": ["subnet-1"] }), "does not exist"),
        (json!({ "subnets": [] }), "At least one subnet"),
        (sizes(3, 2, 2), "minSize can't be greater than maxSize"),
        (sizes(2, 3, 1), "minSize can't be greater than desiredSize"),
        (sizes(1, 3, 4), "desiredSize can't be greater than maxSize"),
        (json!({ "instanceTypes": ["t9.huge"] }), "do not exist: [t9.huge]"),
        (json!({ "instanceTypes": ["m7g.large", "m7i.large"] }), "not a valid instance type"),
        (json!({ "amiType": "AL2_x86_64" }), "AL2_x86_64 is only supported"),
        (json!({ "version": "1.33" }), "equal to Cluster kubernetes version 1.34"),
        (json!({ "releaseVersion": "1.33.6-20251209" }), "not valid for kubernetes version 1.34"),
        (json!({ "labels": { "kubernetes.io/role": "x" } }), "reserved prefixes"),
        (json!({ "taints": [taint, taint] }), "Duplicate taint"),
        (json!({ "updateConfig": { "maxUnavailable": 1, "maxUnavailablePercentage": 10 } }), "Only one of"),
    ] {
        let refused = client.refused("CreateNodegroup", nodegroup("c", "g", more.clone())).await;
        assert_eq!(refused.code, "InvalidParameterException", "{more}");
        assert!(refused.message.contains(part), "{more}: {}", refused.message);
    }
    assert_eq!(client.simulator.world()["eks"], before);
    client.nodegroup("c", "g", json!({})).await;
    let refused = client.refused("CreateNodegroup", nodegroup("c", "g", json!({}))).await;
    assert_eq!(refused.code, "ResourceInUseException");
    assert_eq!(refused.message, "NodeGroup already exists with name g and cluster name c");
}

#[tokio::test]
async fn a_group_follows_its_cluster_and_never_leads() {
    let client = start().await;
    client.cluster("c", json!({ "version": "1.31" })).await;
    client.nodegroup("c", "g", json!({})).await;
    let to = |version: &str| json!({ "clusterName": "c", "nodegroupName": "g", "version": version });
    let refused = client.refused("UpdateNodegroupVersion", to("1.32")).await;
    assert_eq!(refused.code, "InvalidParameterException");
    assert!(refused.message.contains("Cluster kubernetes version 1.31 or NodeGroup kubernetes version 1.31"));
    for version in ["1.32", "1.33"] {
        let accepted = client.ok("UpdateClusterVersion", json!({ "name": "c", "version": version })).await;
        assert_eq!(client.ended("c", &accepted, json!({})).await, "Successful");
    }
    // Neither the cluster's version nor the group's own.
    assert_eq!(client.refused("UpdateNodegroupVersion", to("1.32")).await.code, "InvalidParameterException");
    let accepted = client.ok("UpdateNodegroupVersion", to("1.33")).await;
    assert_eq!(accepted["update"]["params"][0], json!({ "type": "Version", "value": "1.33" }));
    assert_eq!(client.ended("c", &accepted, json!({ "nodegroupName": "g" })).await, "Successful");
    assert_eq!(client.refused("UpdateNodegroupVersion", to("1.31")).await.code, "InvalidParameterException");
}

#[tokio::test]
async fn one_change_at_a_time_per_group_and_groups_side_by_side() {
    let client = start().await;
    client.cluster("c", json!({})).await;
    client.nodegroup("c", "g", json!({})).await;
    client.nodegroup("c", "h", json!({})).await;
    let label = |group: &str| json!({ "clusterName": "c", "nodegroupName": group, "labels": { "addOrUpdateLabels": { "a": "b" } } });
    let accepted = client.ok("UpdateNodegroupConfig", label("g")).await;
    client.ok("UpdateNodegroupConfig", label("h")).await;
    client.simulator.advance(std::time::Duration::from_secs(600));
    client.ok("UpdateNodegroupVersion", json!({ "clusterName": "c", "nodegroupName": "g" })).await;
    let refused = client.refused("UpdateNodegroupConfig", label("g")).await;
    assert_eq!(refused.code, "ResourceInUseException");
    assert!(refused.message.contains("nodegroup g currently has update"), "{}", refused.message);
    let refused = client.refused("DeleteNodegroup", json!({ "clusterName": "c", "nodegroupName": "g" })).await;
    assert_eq!(refused.code, "ResourceInUseException");
    assert_eq!(client.ended("c", &accepted, json!({ "nodegroupName": "g" })).await, "Successful");
    // An update is only found beside its group.
    let id = accepted["update"]["id"].clone();
    let refused = client.refused("DescribeUpdate", json!({ "name": "c", "updateId": id })).await;
    assert_eq!(refused.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn sizes_are_judged_together_with_those_that_stay() {
    let client = start().await;
    client.cluster("c", json!({})).await;
    client.nodegroup("c", "g", json!({ "scalingConfig": { "minSize": 1, "maxSize": 4, "desiredSize": 2 } })).await;
    let sizes = |sizes: Value| json!({ "clusterName": "c", "nodegroupName": "g", "scalingConfig": sizes });
    let refused = client.refused("UpdateNodegroupConfig", sizes(json!({ "minSize": 3 }))).await;
    assert_eq!(refused.message, "Minimum capacity 3 can't be greater than desired size 2");
    let refused = client.refused("UpdateNodegroupConfig", sizes(json!({ "maxSize": 1 }))).await;
    assert_eq!(refused.message, "Desired capacity 2 can't be greater than max size 1");
    let nothing = json!({ "clusterName": "c", "nodegroupName": "g" });
    assert_eq!(client.refused("UpdateNodegroupConfig", nothing).await.code, "InvalidParameterException");
}
