//! What is wrong in a configuration is said at validate or plan, at its attribute, with what to do about it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use terraform_provider_multicloud::MulticloudProvider;
use tfplug::testing::Core;
use world::{ENVIRONMENT, changed, environment};

async fn said(config: Value) -> String {
    let core = Core::new(MulticloudProvider);
    let mut said = String::new();
    for message in core.validate(ENVIRONMENT, config).await {
        assert!(message.is_error);
        let _ = writeln!(said, "[{}] {}: {}", message.path, message.summary, message.detail);
    }
    said.trim_end().to_owned()
}

async fn check(pointer: &str, value: Value, expected: Expect) {
    expected.assert_eq(&said(changed(environment(), pointer, value)).await);
}

#[tokio::test]
async fn what_is_right_is_accepted() {
    assert_eq!(said(environment()).await, "");
}

#[tokio::test]
async fn mistakes_have_path_and_remedy() {
    check("/eks", json!(null), expect!["[aks] Missing cloud: An environment is in exactly one cloud, and no cloud's block is set. Set one of aks (Azure Kubernetes Service), eks (Amazon EKS), gke (Google Kubernetes Engine)."]).await;
    check("/role", json!("boss"), expect![[r#"[role] Invalid value: role must be one of "admin", "workload"."#]]).await;
    check("/role", json!(null), expect!["[role] Missing value: role is required and null. Give it a value."]).await;
    check("/name", json!(null), expect!["[name] Missing value: name is required and null. Give it a value."]).await;
    check("/name", json!("no good!"), expect!["[name] Invalid name: Environment name: character ' ' at position 3 is not allowed, expected letters, digits, `-` or `_`, beginning with a letter or digit."]).await;
    check("/region", json!("US East"), expect!["[region] Invalid region: Region: character 'U' at position 1 is not allowed, expected lower-case letters, digits or `-`."]).await;
    check("/kubernetes/version", json!("latest"), expect![[r#"[kubernetes.version] Invalid kubernetes.version: Kubernetes version "latest": expected major and minor, such as "1.33"."#]]).await;
    check(
        "/kubernetes/version",
        json!(null),
        expect!["[kubernetes.version] Missing value: kubernetes.version is required and null. Give it a value."],
    )
    .await;
    check("/node_pools", json!({}), expect!["[node_pools] Invalid value: node_pools must have 1 to 1000 elements."])
        .await;
    check("/node_pools/apps", json!(null), expect![[r#"[node_pools["apps"]] Null where a value is needed: node_pools["apps"] is null. Remove it, or give it a value."#]]).await;
    check("/node_pools/apps/autoscale", json!({ "min": 5, "max": 2 }), expect![[r#"[node_pools["apps"].autoscale.min] Invalid node_pools["apps"].autoscale.min: Min 5 is more than max 2; set min to at most 2."#]]).await;
    check("/node_pools/apps/autoscale", json!({ "min": 5 }), expect![[r#"[node_pools["apps"].autoscale.max] Missing value: node_pools["apps"].autoscale.max is required and null. Give it a value."#]]).await;
    check("/node_pools/apps/autoscale", json!(null), expect![[r#"[node_pools["apps"]] Invalid size of a node pool: node_pools["apps"]: one of count and autoscale must be set. Set count for a fixed number of nodes, or autoscale = { min, max }."#]]).await;
    check("/node_pools/apps/count", json!(2), expect![[r#"[node_pools["apps"].count] Invalid size of a node pool: node_pools["apps"].count: count and autoscale exclude each other. Set count for a fixed number of nodes, or autoscale = { min, max }."#]]).await;
    check("/node_pools/apps/version", json!("1.29"), expect![[r#"[node_pools["apps"].version] Invalid node_pools["apps"].version: Version 1.29 is 4 minors behind the control plane's 1.33; use at most 2 minors less than 1.33."#]]).await;
    check("/node_pools/apps/version", json!("1.34"), expect![[r#"[node_pools["apps"].version] Invalid node_pools["apps"].version: Version 1.34 is ahead of the control plane's 1.33; use at most 1.33."#]]).await;
    check("/node_pools/apps/max_surge", json!("0%"), expect![[r#"[node_pools["apps"].max_surge] Invalid node_pools["apps"].max_surge: Max surge "0%": expected a count of at least 1, or a percentage from 1% to 100%."#]]).await;
    check("/node_pools/apps/labels", json!({ "-x": "y" }), expect![[r#"[node_pools["apps"].labels["-x"]] Invalid node_pools["apps"].labels["-x"]: "-x" is not a key that Kubernetes takes; use an optional DNS prefix with `/`, then at most 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends."#]]).await;
    check("/node_pools/apps/labels", json!({ "x": null }), expect![[r#"[node_pools["apps"].labels["x"]] Null where a value is needed: node_pools["apps"].labels["x"] is null. Remove it, or give it a value."#]]).await;
    check("/node_pools/apps/taints", json!([{ "key": "k", "effect": "Never" }]), expect![[r#"[node_pools["apps"].taints] Invalid value: node_pools["apps"].taints[…].effect must be one of "NoSchedule", "PreferNoSchedule", "NoExecute"."#]]).await;
    check("/node_pools/apps/taints", json!([null]), expect![[r#"[node_pools["apps"].taints] Null where a value is needed: node_pools["apps"].taints holds a null. Remove it, or give it a value."#]]).await;
    check("/node_pools/apps/zones", json!(["us-east-1a"]), expect![[r#"[node_pools["apps"].zones] Invalid node_pools["apps"].zones: EKS places nodes by subnets, not by zones; remove it, and name subnets of these zones in eks.node_groups["apps"].subnet_ids."#]]).await;
    let pool = json!({ "machine_type": "t3.large", "count": 1 });
    check("/node_pools/apps!", pool.clone(), expect![[r#"[node_pools["apps!"]] Invalid node_pools["apps!"]: Node pool name: character '!' at position 5 is not allowed, expected letters, digits, `-` or `_`, beginning with a letter or digit."#]]).await;
    check(&format!("/node_pools/{}", "x".repeat(60)), pool, expect![[r#"[node_pools["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]] Invalid node_pools["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]: The name has 60 characters, more than 54; use a shorter one."#]]).await;
    check("/network/subnet_ids", json!(["subnet-a"]), expect!["[network.subnet_ids] Invalid network.subnet_ids: EKS needs at least two subnets, in different zones, and there are 1; name at least two."]).await;
    check(
        "/network/pod_cidr",
        json!("10.0.0.0/8"),
        expect!["[network.pod_cidr] Invalid network.pod_cidr: Pods on EKS have addresses of the VPC; remove it."],
    )
    .await;
    check("/network/service_cidr", json!("10.0.0.0"), expect![[r#"[network.service_cidr] Invalid network.service_cidr: "10.0.0.0" is not a private IPv4 range from /12 to /24; use a range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."#]]).await;
    check("/network/authorized_cidrs", json!(["everywhere"]), expect![[r#"[network.authorized_cidrs] Invalid network.authorized_cidrs: "everywhere" is not an address range; write its first address and the prefix length, such as "203.0.113.0/24"."#]]).await;
    check("/tags", json!({ "multicloud-owner": "me" }), expect![[r#"[tags["multicloud-owner"]] Invalid tags["multicloud-owner"]: This tag is the ownership mark; remove it here; it is set from the owner and the name."#]]).await;
    check(
        "/tags",
        json!({ "aws:x": "y" }),
        expect![[
            r#"[tags["aws:x"]] Invalid tags["aws:x"]: Keys that begin with aws: are AWS's own; use another key."#
        ]],
    )
    .await;
    check(
        "/on_partial_create",
        json!("maybe"),
        expect![[r#"[on_partial_create] Invalid value: on_partial_create must be one of "keep", "fail"."#]],
    )
    .await;
    check("/eks/role_arn", json!("eks-cluster"), expect![[r#"[eks.role_arn] Invalid eks.role_arn: "eks-cluster" is not such an ARN; use a role's ARN, such as "arn:aws:iam::123456789012:role/eks"."#]]).await;
    check("/eks/log_types", json!(["everything"]), expect![[r#"[eks.log_types] Invalid value: eks.log_types[…] must be one of "api", "audit", "authenticator", "controllerManager", "scheduler"."#]]).await;
    check("/eks/authentication_mode", json!("NONE"), expect![[r#"[eks.authentication_mode] Invalid value: eks.authentication_mode must be one of "CONFIG_MAP", "API_AND_CONFIG_MAP", "API"."#]]).await;
    check("/eks/node_groups", json!({ "absent": {} }), expect![[r#"[eks.node_groups["absent"]] Invalid eks.node_groups["absent"]: There is no node pool of this name; use a key of node_pools."#]]).await;
    check("/timeouts", json!({ "create": "soon" }), expect![[r#"[timeouts.create] Invalid duration: timeouts.create: "soon" is no duration: write numbers with a unit of ns, us, ms, s, m or h, such as "90s" or "1h30m"."#]]).await;
}

#[tokio::test]
async fn long_texts_are_refused_shortly() {
    let long = "x".repeat(1024 * 1024);
    for (pointer, value) in [
        ("/name", json!(long)),
        ("/region", json!(long)),
        ("/kubernetes/version", json!(long)),
        ("/node_pools/apps/machine_type", json!(long)),
        ("/node_pools/apps/labels", json!({ "a": long })),
        ("/node_pools/apps/max_surge", json!(long)),
        ("/node_pools/apps/drain_timeout", json!(long)),
        ("/tags", json!({ long.clone(): "a" })),
        ("/network/subnet_ids", json!(["subnet-a", long])),
        ("/eks/role_arn", json!(long)),
        ("/eks/addons", json!({ "coredns": { "configuration_values": long } })),
        ("/eks/access_entries", json!({ long.clone(): {} })),
        ("/timeouts", json!({ "create": long })),
    ] {
        let messages =
            Core::new(MulticloudProvider).validate(ENVIRONMENT, changed(environment(), pointer, value)).await;
        assert!(!messages.is_empty(), "{pointer} is accepted");
        for message in messages {
            let length = message.summary.len() + message.detail.len();
            assert!(length < 4_000, "{pointer}: {length} bytes");
        }
    }
}

#[tokio::test]
async fn what_is_unknown_is_not_judged() {
    let core = Core::new(MulticloudProvider);
    let kind = core.resource_type(ENVIRONMENT);
    let config = tfplug::value::from_state_json(environment().to_string().as_bytes(), &kind).unwrap();
    for path in [
        &["name"][..],
        &["role"],
        &["region"],
        &["kubernetes"],
        &["kubernetes", "version"],
        &["node_pools"],
        &["node_pools", "apps"],
        &["node_pools", "apps", "autoscale"],
        &["node_pools", "apps", "autoscale", "min"],
        &["node_pools", "apps", "labels"],
        &["node_pools", "apps", "taints"],
        &["node_pools", "system", "count"],
        &["network"],
        &["network", "subnet_ids"],
        &["tags"],
        &["tags", "cost-center"],
        &["eks"],
        &["eks", "role_arn"],
        &["eks", "node_role_arn"],
    ] {
        let messages = core.validate(ENVIRONMENT, world::with_unknown(config.clone(), path)).await;
        assert!(messages.is_empty(), "{path:?}: {messages:?}");
    }
}

#[tokio::test]
async fn the_provider_block_is_checked() {
    let core = Core::new(MulticloudProvider);
    let owner = core.validate_provider(json!({ "owner": "Über uns" })).await;
    assert!(owner[0].path == "owner" && owner[0].detail.contains("a-z0-9-"), "{owner:?}");
    let half = core.validate_provider(json!({ "aws": { "access_key": "AKIATEST" } })).await;
    assert!(half[0].detail.contains("secret_key"), "{half:?}");
    let address = core.validate_provider(json!({ "aws": { "endpoint": "localhost:4566" } })).await;
    assert!(address[0].path == "aws.endpoint" && address[0].detail.contains("https://"), "{address:?}");
}

#[tokio::test]
async fn a_missing_owner_is_told_when_it_is_needed() {
    let core = Core::new(MulticloudProvider);
    assert!(core.configure(json!({})).await.is_empty());
    let plan = core.plan(ENVIRONMENT, None, environment()).await;
    assert!(plan.messages[0].detail.contains("MULTICLOUD_OWNER"), "{:?}", plan.messages);
}
