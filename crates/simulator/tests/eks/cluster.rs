//! Clusters: what is filled in, what is refused, one change at a time.

use serde_json::{Value, json};

use crate::client::{SUBNET_A, SUBNET_A2, SUBNET_B, cluster, nodegroup, start};

#[tokio::test]
async fn a_new_cluster_is_filled_in_as_eks_does() {
    let client = start().await;
    let created = client.ok("CreateCluster", cluster("c", json!({}))).await["cluster"].clone();
    assert_eq!(created["status"], "CREATING");
    assert_eq!(created["accessConfig"]["bootstrapClusterCreatorAdminPermissions"], true);
    assert!(created.get("endpoint").is_none() && created.get("identity").is_none(), "{created}");
    let up =
        client.until("DescribeCluster", json!({ "name": "c" }), "/cluster/status", "ACTIVE").await["cluster"].clone();
    assert_eq!(up["arn"], "arn:aws:eks:us-east-1:123456789012:cluster/c");
    assert_eq!(up["version"], "1.34");
    assert_eq!(up["accessConfig"], json!({ "authenticationMode": "CONFIG_MAP" }));
    assert_eq!(up["kubernetesNetworkConfig"]["serviceIpv4Cidr"], "172.20.0.0/16");
    assert_eq!(up["resourcesVpcConfig"]["publicAccessCidrs"], json!(["0.0.0.0/0"]));
    assert_eq!(up["upgradePolicy"]["supportType"], "EXTENDED");
    assert_eq!(up["deletionProtection"], false);
    assert!(up.get("zonalShiftConfig").is_none() && up.get("computeConfig").is_none(), "{up}");
    let endpoint = up["endpoint"].as_str().unwrap();
    assert!(endpoint.starts_with("https://") && endpoint.ends_with(".us-east-1.eks.invalid"), "{endpoint}");
    let issuer = up["identity"]["oidc"]["issuer"].as_str().unwrap();
    assert!(issuer.starts_with("https://oidc.eks.us-east-1.amazonaws.com/id/"), "{issuer}");
    assert!(up["certificateAuthority"]["data"].as_str().unwrap().starts_with("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"));
    assert!(up["resourcesVpcConfig"]["clusterSecurityGroupId"].as_str().unwrap().starts_with("sg-"));
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let client = start().await;
    let subnets = |ids: &[&str]| json!({ "resourcesVpcConfig": { "subnetIds": ids } });
    let vpc = |key: &str, value: Value| {
        let mut vpc = json!({ "subnetIds": [SUBNET_A, SUBNET_B] });
        vpc[key] = value;
        json!({ "resourcesVpcConfig": vpc })
    };
    for (more, part) in [
        (json!({ "name": "-c" }), "start with a letter or digit"),
        (json!({ "name": "c.d" }), "letters, digits"),
        (json!({ "version": "1.20" }), "unsupported Kubernetes version"),
        (json!({ "version": "latest" }), "unsupported Kubernetes version"),
        (json!({ "roleArn": "arn:aws:iam::123456789012:role/nobody" }), "could not be assumed"),
        (json!({ "roleArn": "arn:aws:iam::123456789012:role/eks-node" }), "could not be assumed"),
        (subnets(&[SUBNET_A]), "two different AZs"),
        (subnets(&[SUBNET_A, SUBNET_A2]), "two different AZs"),
        (subnets(&[SUBNET_A, "subnet-1"]), "'subnet-1' does not exist"),
        (vpc("securityGroupIds", json!(["sg-1"])), "'sg-1' does not exist"),
        (vpc("endpointPublicAccess", json!(false)), "cannot be false"),
        (vpc("publicAccessCidrs", json!(["10.0.0.0/33"])), "[10.0.0.0/33]"),
        (json!({ "kubernetesNetworkConfig": { "serviceIpv4Cidr": "8.8.0.0/16" } }), "serviceIpv4Cidr"),
        (json!({ "tags": { "aws:x": "y" } }), "reserved"),
        (json!({ "encryptionConfig": [{ "resources": ["pods"], "provider": { "keyArn": "k" } }] }), "secrets"),
        (json!({ "computeConfig": { "enabled": true } }), "Auto Mode"),
        (json!({ "clientRequestToken": "short" }), "between 33 and 126"),
    ] {
        let refused = client.refused("CreateCluster", cluster("c", more.clone())).await;
        assert_eq!(refused.code, "InvalidParameterException", "{more}");
        assert!(refused.message.contains(part), "{more}: {}", refused.message);
    }
    assert!(client.simulator.journal().iter().all(|entry| !entry.committed));
    client.cluster("c", json!({})).await;
    assert_eq!(client.refused("CreateCluster", cluster("c", json!({}))).await.code, "ResourceInUseException");
}

#[tokio::test]
async fn members_that_nobody_knows_are_refused() {
    let client = start().await;
    let mut body = cluster("c", json!({}));
    body["colour"] = "blue".into();
    let reply = client.send("eks", "POST", "/clusters", &body.to_string(), &[]).await.unwrap();
    assert_eq!(reply.status, 400);
    assert!(reply.json()["message"].as_str().unwrap().contains("unknown field `colour`"), "{reply:?}");
}

#[tokio::test]
async fn versions_go_up_by_one_and_groups_may_lag_three() {
    let client = start().await;
    client.cluster("c", json!({ "version": "1.29" })).await;
    client.nodegroup("c", "g", json!({})).await;
    for (version, part) in [
        ("1.31", "minor version update from 1.29 to 1.31"),
        ("1.29", "minor version update from 1.29 to 1.29"),
        ("1.28", "unsupported"),
        ("2.0", "unsupported"),
    ] {
        let refused = client.refused("UpdateClusterVersion", json!({ "name": "c", "version": version })).await;
        assert_eq!(refused.code, "InvalidParameterException");
        assert!(refused.message.contains(part), "{version}: {}", refused.message);
    }
    for version in ["1.30", "1.31", "1.32"] {
        let accepted = client.ok("UpdateClusterVersion", json!({ "name": "c", "version": version })).await;
        assert_eq!(client.ended("c", &accepted, json!({})).await, "Successful");
    }
    let refused = client.refused("UpdateClusterVersion", json!({ "name": "c", "version": "1.33" })).await;
    assert!(refused.message.contains("Nodegroups g must be updated to match"), "{}", refused.message);
    let insights = client.ok("ListInsights", json!({ "clusterName": "c" })).await["insights"].clone();
    assert_eq!(insights[0]["insightStatus"]["status"], "ERROR", "{insights}");
}

#[tokio::test]
async fn a_busy_cluster_names_what_it_is_busy_with() {
    let client = start().await;
    client.ok("CreateCluster", cluster("c", json!({ "version": "1.33" }))).await;
    let version = json!({ "name": "c", "version": "1.34" });
    let refused = client.refused("UpdateClusterVersion", version.clone()).await;
    assert_eq!(
        (refused.code.as_str(), refused.message.as_str()),
        ("InvalidRequestException", "Cluster 'c' is not in ACTIVE status")
    );
    let refused = client.refused("CreateNodegroup", nodegroup("c", "g", json!({}))).await;
    assert_eq!(refused.code, "InvalidRequestException");
    assert_eq!(client.refused("DeleteCluster", json!({ "name": "c" })).await.code, "ResourceInUseException");
    client.until("DescribeCluster", json!({ "name": "c" }), "/cluster/status", "ACTIVE").await;

    let accepted = client.ok("UpdateClusterVersion", version).await;
    let id = accepted["update"]["id"].as_str().unwrap();
    let logging = json!({ "name": "c", "logging": { "clusterLogging": [{ "types": ["api"], "enabled": true }] } });
    let refused = client.refused("UpdateClusterConfig", logging.clone()).await;
    let message = format!("Cannot LoggingUpdate because cluster c currently has update {id} in progress");
    assert_eq!((refused.code.as_str(), refused.message), ("ResourceInUseException", message));
    assert_eq!(client.refused("DeleteCluster", json!({ "name": "c" })).await.code, "ResourceInUseException");
    assert_eq!(client.ended("c", &accepted, json!({})).await, "Successful");
    client.ok("UpdateClusterConfig", logging).await;
}

#[tokio::test]
async fn one_kind_of_change_per_call_and_none_for_nothing() {
    let client = start().await;
    client.cluster("c", json!({})).await;
    let logging = json!({ "clusterLogging": [{ "types": ["api"], "enabled": true }] });
    for (change, part) in [
        (json!({ "logging": logging, "deletionProtection": true }), "Only one type of update"),
        (
            json!({ "resourcesVpcConfig": { "subnetIds": [SUBNET_A, SUBNET_B], "endpointPublicAccess": false } }),
            "Only one type",
        ),
        (json!({}), "Invalid type for cluster update"),
        (json!({ "resourcesVpcConfig": { "endpointPublicAccess": true } }), "already at the desired configuration"),
        (json!({ "logging": { "clusterLogging": [{ "types": ["api"], "enabled": false }] } }), "No changes needed"),
        (json!({ "deletionProtection": false }), "No changes needed"),
        (json!({ "accessConfig": { "authenticationMode": "API" } }), "from CONFIG_MAP to API"),
    ] {
        let mut input = change.clone();
        input["name"] = "c".into();
        let refused = client.refused("UpdateClusterConfig", input).await;
        assert_eq!(refused.code, "InvalidParameterException", "{change}");
        assert!(refused.message.contains(part), "{change}: {}", refused.message);
    }
    assert_eq!(client.ok("ListUpdates", json!({ "name": "c" })).await, json!({ "updateIds": [] }));
}

#[tokio::test]
async fn deletion_waits_for_protection_and_groups() {
    let client = start().await;
    client.cluster("c", json!({ "deletionProtection": true })).await;
    client.nodegroup("c", "g", json!({})).await;
    let refused = client.refused("DeleteCluster", json!({ "name": "c" })).await;
    assert_eq!(refused.code, "InvalidRequestException");
    assert!(refused.message.contains("deletion protection"), "{}", refused.message);
    let accepted = client.ok("UpdateClusterConfig", json!({ "name": "c", "deletionProtection": false })).await;
    assert_eq!(client.ended("c", &accepted, json!({})).await, "Successful");
    let refused = client.refused("DeleteCluster", json!({ "name": "c" })).await;
    assert_eq!(refused.message, "Cluster has nodegroups attached");
}

#[tokio::test]
async fn regions_and_accounts_are_worlds_of_their_own() {
    let mut client = start().await;
    client.cluster("c", json!({})).await;
    client.region = "eu-west-1";
    assert_eq!(client.ok("ListClusters", json!({})).await, json!({ "clusters": [] }));
    client.cluster("c", json!({})).await;
    let arn = client.ok("DescribeCluster", json!({ "name": "c" })).await["cluster"]["arn"].clone();
    assert_eq!(arn, "arn:aws:eks:eu-west-1:123456789012:cluster/c");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let client = start().await;
    for name in ["a", "b", "c"] {
        client.ok("CreateCluster", cluster(name, json!({}))).await;
    }
    let first = client.ok("ListClusters", json!({ "maxResults": 2 })).await;
    assert_eq!(first["clusters"], json!(["a", "b"]));
    let second = client.ok("ListClusters", json!({ "maxResults": 2, "nextToken": first["nextToken"] })).await;
    assert_eq!(second, json!({ "clusters": ["c"] }));
}
