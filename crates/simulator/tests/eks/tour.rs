//! Every operation once, each reply held to the description.

use std::collections::BTreeSet;

use multicloud_simulator::CloudKind;
use serde_json::{Value, json};

use crate::client::{Client, NODE_ROLE, SUBNET_A, SUBNET_B, start};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-00000000000a";
const ADMIN: &str = "arn:aws:iam::123456789012:role/admin";
const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";

#[tokio::test]
async fn every_operation_answers_as_described() {
    let client = start().await;
    cluster(&client).await;
    nodegroup(&client).await;
    addon(&client).await;
    access(&client).await;
    lists_and_tags(&client).await;
    deletion(&client).await;

    let known: BTreeSet<_> = CloudKind::Eks.operations().into_iter().collect();
    let mut seen: BTreeSet<_> = client.simulator.journal().iter().map(|entry| entry.operation).collect();
    // STS speaks another protocol and has its own test.
    seen.extend(["GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"]);
    assert_eq!(seen, known, "an operation that this test does not visit");
}

async fn cluster(client: &Client) {
    let everything = json!({
        "version": "1.31",
        "resourcesVpcConfig": {
            "subnetIds": [SUBNET_A, SUBNET_B],
            "securityGroupIds": ["sg-0000000000000000a"],
            "endpointPublicAccess": true,
            "endpointPrivateAccess": true,
            "publicAccessCidrs": ["203.0.113.0/24"],
        },
        "kubernetesNetworkConfig": { "serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4" },
        "logging": { "clusterLogging": [{ "types": ["api", "audit"], "enabled": true }] },
        "clientRequestToken": "a-token-of-more-than-thirty-three-characters",
        "tags": { "team": "platform" },
        "accessConfig": { "authenticationMode": "API_AND_CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": true },
        "bootstrapSelfManagedAddons": true,
        "upgradePolicy": { "supportType": "STANDARD" },
        "zonalShiftConfig": { "enabled": true },
        "remoteNetworkConfig": { "remoteNodeNetworks": [{ "cidrs": ["10.9.0.0/16"] }] },
        "deletionProtection": false,
        "controlPlaneScalingConfig": { "tier": "standard" },
    });
    client.cluster("c", everything).await;
    let encrypt = json!({
        "clusterName": "c", "encryptionConfig": [{ "resources": ["secrets"], "provider": { "keyArn": KEY } }],
    });
    let accepted = client.ok("AssociateEncryptionConfig", encrypt).await;
    assert_eq!(client.ended("c", &accepted, json!({})).await, "Successful");
    let accepted = client.ok("UpdateClusterVersion", json!({ "name": "c", "version": "1.32" })).await;
    assert_eq!(client.ended("c", &accepted, json!({})).await, "Successful");
    for change in [
        json!({ "resourcesVpcConfig": { "endpointPublicAccess": false } }),
        json!({ "resourcesVpcConfig": { "securityGroupIds": ["sg-0000000000000000b"] } }),
        json!({ "logging": { "clusterLogging": [{ "types": ["audit"], "enabled": false }] } }),
        json!({ "accessConfig": { "authenticationMode": "API" } }),
        json!({ "upgradePolicy": { "supportType": "EXTENDED" } }),
        json!({ "zonalShiftConfig": { "enabled": false } }),
        json!({ "remoteNetworkConfig": { "remoteNodeNetworks": [], "remotePodNetworks": [] } }),
        json!({ "deletionProtection": true }),
        json!({ "deletionProtection": false }),
        json!({ "controlPlaneScalingConfig": { "tier": "tier-xl" } }),
    ] {
        let mut input = change.clone();
        input["name"] = "c".into();
        let accepted = client.ok("UpdateClusterConfig", input).await;
        assert_eq!(client.ended("c", &accepted, json!({})).await, "Successful", "{change}");
        let doc = client.ok("DescribeCluster", json!({ "name": "c" })).await["cluster"].clone();
        let (key, wanted) = change.as_object().unwrap().iter().next().unwrap();
        assert!(key == "logging" || includes(&doc[key], wanted), "{key} is {} after {wanted}", doc[key]);
    }
    let doc = client.ok("DescribeCluster", json!({ "name": "c" })).await["cluster"].clone();
    assert_eq!(doc["logging"]["clusterLogging"][0], json!({ "types": ["api"], "enabled": true }));
    assert_eq!(doc["version"], "1.32");
}

async fn nodegroup(client: &Client) {
    let everything = json!({
        "scalingConfig": { "minSize": 1, "maxSize": 3, "desiredSize": 2 },
        "diskSize": 50,
        "instanceTypes": ["t4g.large"],
        "amiType": "AL2023_ARM_64_STANDARD",
        "labels": { "tier": "web" },
        "taints": [{ "key": "k", "value": "v", "effect": "NO_SCHEDULE" }],
        "tags": { "team": "platform" },
        "updateConfig": { "maxUnavailablePercentage": 33 },
        "nodeRepairConfig": { "enabled": true },
        "capacityType": "SPOT",
        "version": "1.32",
        "releaseVersion": "1.32.10-20251112",
    });
    client.nodegroup("c", "g", everything).await;
    let of_group = json!({ "nodegroupName": "g" });
    let name = json!({ "clusterName": "c", "nodegroupName": "g" });
    let mut change = name.clone();
    change["scalingConfig"] = json!({ "desiredSize": 3 });
    change["labels"] = json!({ "addOrUpdateLabels": { "zone": "dmz" }, "removeLabels": ["tier"] });
    change["taints"] = json!({
        "addOrUpdateTaints": [{ "key": "n", "effect": "NO_EXECUTE" }],
        "removeTaints": [{ "key": "k", "value": "v", "effect": "NO_SCHEDULE" }],
    });
    change["updateConfig"] = json!({ "maxUnavailable": 2 });
    let accepted = client.ok("UpdateNodegroupConfig", change).await;
    assert_eq!(client.ended("c", &accepted, of_group.clone()).await, "Successful");
    let accepted = client.ok("UpdateNodegroupVersion", name.clone()).await;
    assert_eq!(client.ended("c", &accepted, of_group.clone()).await, "Successful");
    let doc = client.ok("DescribeNodegroup", name).await["nodegroup"].clone();
    assert_eq!(doc["scalingConfig"], json!({ "minSize": 1, "maxSize": 3, "desiredSize": 3 }));
    assert_eq!(doc["labels"], json!({ "zone": "dmz" }));
    assert_eq!(doc["taints"], json!([{ "key": "n", "effect": "NO_EXECUTE" }]));
    assert_eq!(doc["updateConfig"], json!({ "maxUnavailable": 2 }));
    assert_eq!(doc["releaseVersion"], "1.32.10-20251209");
}

async fn addon(client: &Client) {
    let create = json!({
        "clusterName": "c", "addonName": "coredns", "addonVersion": "v1.11.4-eksbuild.24",
        "resolveConflicts": "OVERWRITE", "configurationValues": "{}", "tags": { "team": "platform" },
        "serviceAccountRoleArn": "arn:aws:iam::123456789012:role/eks-addon",
    });
    client.ok("CreateAddon", create).await;
    let name = json!({ "clusterName": "c", "addonName": "coredns" });
    client.until("DescribeAddon", name.clone(), "/addon/status", "ACTIVE").await;
    let mut change = name.clone();
    change["configurationValues"] = "{\"replicaCount\":3}".into();
    change["resolveConflicts"] = "PRESERVE".into();
    let accepted = client.ok("UpdateAddon", change).await;
    assert_eq!(client.ended("c", &accepted, json!({ "addonName": "coredns" })).await, "Successful");
    let doc = client.ok("DescribeAddon", name).await["addon"].clone();
    assert_eq!(doc["configurationValues"], "{\"replicaCount\":3}");
}

async fn access(client: &Client) {
    let entry = json!({ "clusterName": "c", "principalArn": ADMIN });
    let mut create = entry.clone();
    create["kubernetesGroups"] = json!(["viewers"]);
    create["tags"] = json!({ "team": "platform" });
    client.ok("CreateAccessEntry", create).await;
    let mut associate = entry.clone();
    associate["policyArn"] = VIEW.into();
    associate["accessScope"] = json!({ "type": "namespace", "namespaces": ["shop"] });
    client.ok("AssociateAccessPolicy", associate).await;
    let mut change = entry.clone();
    change["kubernetesGroups"] = json!(["readers"]);
    client.ok("UpdateAccessEntry", change).await;
    let doc = client.ok("DescribeAccessEntry", entry.clone()).await["accessEntry"].clone();
    assert_eq!(doc["kubernetesGroups"], json!(["readers"]));
    let policies = client.ok("ListAssociatedAccessPolicies", entry.clone()).await;
    assert_eq!(policies["associatedAccessPolicies"][0]["policyArn"], VIEW);
    let mut with_policy = json!({ "clusterName": "c", "associatedPolicyArn": VIEW });
    assert_eq!(client.ok("ListAccessEntries", with_policy.clone()).await["accessEntries"], json!([ADMIN]));
    with_policy = entry.clone();
    with_policy["policyArn"] = VIEW.into();
    client.ok("DisassociateAccessPolicy", with_policy).await;
    client.ok("DeleteAccessEntry", entry).await;
}

async fn lists_and_tags(client: &Client) {
    assert_eq!(client.ok("ListClusters", json!({})).await["clusters"], json!(["c"]));
    assert_eq!(client.ok("ListNodegroups", json!({ "clusterName": "c" })).await["nodegroups"], json!(["g"]));
    assert_eq!(client.ok("ListAddons", json!({ "clusterName": "c" })).await["addons"], json!(["coredns"]));
    assert_eq!(
        client.ok("ListFargateProfiles", json!({ "clusterName": "c" })).await,
        json!({ "fargateProfileNames": [] })
    );
    let updates = client.ok("ListUpdates", json!({ "name": "c" })).await;
    assert_eq!(updates["updateIds"].as_array().unwrap().len(), 12);
    let updates = client.ok("ListUpdates", json!({ "name": "c", "nodegroupName": "g" })).await;
    assert_eq!(updates["updateIds"].as_array().unwrap().len(), 2);
    let versions = client.ok("DescribeClusterVersions", json!({ "clusterVersions": ["1.33"] })).await;
    assert_eq!(versions["clusterVersions"][0]["versionStatus"], "STANDARD_SUPPORT");
    let versions = client.ok("DescribeClusterVersions", json!({ "defaultOnly": true })).await;
    assert_eq!(versions["clusterVersions"].as_array().unwrap().len(), 1);
    let offers =
        client.ok("DescribeAddonVersions", json!({ "addonName": "coredns", "kubernetesVersion": "1.34" })).await;
    assert_eq!(offers["addons"][0]["addonVersions"][0]["compatibilities"][0]["defaultVersion"], true);
    assert!(!client.ok("ListAccessPolicies", json!({})).await["accessPolicies"].as_array().unwrap().is_empty());
    let insights = client.ok("ListInsights", json!({ "clusterName": "c" })).await["insights"].clone();
    let input = json!({ "clusterName": "c", "id": insights[0]["id"] });
    assert_eq!(client.ok("DescribeInsight", input).await["insight"]["insightStatus"]["status"], "PASSING");

    for arn in arns(client).await {
        let arn = json!({ "resourceArn": arn });
        let mut tag = arn.clone();
        tag["tags"] = json!({ "a": "1", "b": "2" });
        client.ok("TagResource", tag).await;
        let mut untag = arn.clone();
        untag["tagKeys"] = json!(["a", "team"]);
        client.ok("UntagResource", untag).await;
        assert_eq!(client.ok("ListTagsForResource", arn.clone()).await, json!({ "tags": { "b": "2" } }), "{arn}");
    }
}

/// Of one object of each kind that has tags.
async fn arns(client: &Client) -> Vec<Value> {
    let cluster = client.ok("DescribeCluster", json!({ "name": "c" })).await;
    let group = client.ok("DescribeNodegroup", json!({ "clusterName": "c", "nodegroupName": "g" })).await;
    let addon = client.ok("DescribeAddon", json!({ "clusterName": "c", "addonName": "coredns" })).await;
    let entry = client.ok("DescribeAccessEntry", json!({ "clusterName": "c", "principalArn": NODE_ROLE })).await;
    vec![
        cluster["cluster"]["arn"].clone(),
        group["nodegroup"]["nodegroupArn"].clone(),
        addon["addon"]["addonArn"].clone(),
        entry["accessEntry"]["accessEntryArn"].clone(),
    ]
}

async fn deletion(client: &Client) {
    client.ok("DeleteAddon", json!({ "clusterName": "c", "addonName": "coredns", "preserve": true })).await;
    client.ok("DeleteNodegroup", json!({ "clusterName": "c", "nodegroupName": "g" })).await;
    for _ in 0..5 {
        client.ok("ListNodegroups", json!({ "clusterName": "c" })).await;
    }
    let deleted = client.ok("DeleteCluster", json!({ "name": "c" })).await;
    assert_eq!(deleted["cluster"]["status"], "DELETING");
    for _ in 0..3 {
        client.ok("ListClusters", json!({})).await;
    }
    assert_eq!(client.refused("DescribeCluster", json!({ "name": "c" })).await.code, "ResourceNotFoundException");
    assert_eq!(client.ok("ListClusters", json!({})).await, json!({ "clusters": [] }));
}

/// Whether every member of `part` is in `whole`.
fn includes(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|whole| includes(whole, value)))
        }
        (whole, part) => whole == part,
    }
}
