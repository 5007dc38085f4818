//! Add-ons.

use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn an_addon_of_pods_is_degraded_until_there_are_nodes() {
    let client = start().await;
    client.cluster("c", json!({})).await;
    let name = |addon: &str| json!({ "clusterName": "c", "addonName": addon });
    client.ok("CreateAddon", name("coredns")).await;
    client.ok("CreateAddon", name("vpc-cni")).await;
    client.until("DescribeAddon", name("vpc-cni"), "/addon/status", "ACTIVE").await;
    let degraded = client.until("DescribeAddon", name("coredns"), "/addon/status", "DEGRADED").await;
    assert_eq!(degraded["addon"]["health"]["issues"][0]["code"], "InsufficientNumberOfReplicas");
    client.nodegroup("c", "g", json!({})).await;
    let healed = client.ok("DescribeAddon", name("coredns")).await;
    assert_eq!((&healed["addon"]["status"], &healed["addon"]["health"]), (&json!("ACTIVE"), &json!({ "issues": [] })));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let client = start().await;
    client.cluster("c", json!({ "version": "1.33" })).await;
    for (more, part) in [
        (json!({ "addonName": "nothing" }), "Addon specified is not supported"),
        (
            json!({ "addonName": "kube-proxy", "addonVersion": "v1.34.1-eksbuild.2" }),
            "Addon version specified is not supported",
        ),
        (
            json!({ "addonName": "vpc-cni", "serviceAccountRoleArn": "arn:aws:iam::123456789012:role/x" }),
            "does not exist",
        ),
    ] {
        let mut input = more.clone();
        input["clusterName"] = "c".into();
        let refused = client.refused("CreateAddon", input).await;
        assert_eq!(refused.code, "InvalidParameterException", "{more}");
        assert!(refused.message.contains(part), "{more}: {}", refused.message);
    }
    let name = json!({ "clusterName": "c", "addonName": "vpc-cni" });
    assert_eq!(client.refused("DescribeAddon", name.clone()).await.code, "ResourceNotFoundException");
    client.ok("CreateAddon", name.clone()).await;
    let refused = client.refused("CreateAddon", name.clone()).await;
    assert_eq!((refused.code.as_str(), refused.message.as_str()), ("ResourceInUseException", "Addon already exists."));
    client.until("DescribeAddon", name.clone(), "/addon/status", "ACTIVE").await;
    client.ok("DeleteAddon", name.clone()).await;
    assert_eq!(client.refused("DescribeAddon", name).await.code, "ResourceNotFoundException");
}
