//! An environment from its first plan to its end, over the protocol's messages, on a simulated EKS.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use serde_json::json;
use tfplug::Value;
use tfplug::proto::tfplugin6::provider_server::Provider as _;
use tfplug::proto::tfplugin6::{DynamicValue, generate_resource_config};
use tfplug::testing::{Core, Message};
use tfplug::value::{from_msgpack, to_msgpack};
use tonic::Request;
use world::{ENVIRONMENT, ID, World, changed, environment, part, text};

fn told(messages: &[Message]) -> String {
    messages.iter().map(|message| format!("{} | {} | {}\n", message.path, message.summary, message.detail)).collect()
}

#[tokio::test]
async fn a_whole_life() {
    let world = World::new().await;
    let config = environment();

    let plan = world.plan(None, &config).await.expect_success();
    assert!(part(&plan.state, &["id"]).is_unknown());
    assert_eq!(text(&plan.state, &["node_pools", "apps", "mode"]), "user");
    let asked = world.cloud.journal();
    assert!(asked.iter().all(|entry| entry.operation == "DescribeClusterVersions"), "{asked:?}");
    let created = world.core.apply(plan).await.expect_object();
    assert_eq!(text(&created.state, &["id"]), ID);
    assert_eq!(text(&created.state, &["status"]), "active");
    assert_eq!(text(&created.state, &["node_pools", "apps", "status"]), "active");
    assert!(text(&created.state, &["endpoint"]).starts_with("https://"));
    world.plans_empty(&created, &config).await;

    // Only what can change becomes unknown.
    let scaled = changed(config, "/node_pools/system/count", json!(3));
    let plan = world.plan(Some(&created), &scaled).await.expect_success();
    assert!(plan.replace.is_empty(), "{:?}", plan.replace);
    assert!(part(&plan.state, &["node_pools", "system", "status"]).is_unknown());
    assert_eq!(text(&plan.state, &["node_pools", "apps", "status"]), "active");
    assert_eq!(text(&plan.state, &["kubernetes_version"]), text(&created.state, &["kubernetes_version"]));
    let object = world.core.apply(plan).await.expect_object();
    world.plans_empty(&object, &scaled).await;

    // A pool's machine type never replaces the environment.
    let other = changed(scaled, "/node_pools/apps/machine_type", json!("m7i.2xlarge"));
    let plan = world.plan(Some(&object), &other).await.expect_success();
    assert!(plan.replace.is_empty(), "{:?}", plan.replace);
    let object = world.core.apply(plan).await.expect_object();
    world.plans_empty(&object, &other).await;
    assert_eq!(world.committed("CreateCluster"), 1);

    let upgraded = changed(other, "/kubernetes/version", json!("1.34"));
    let object = world.apply(Some(&object), &upgraded).await.expect_object();
    assert!(text(&object.state, &["kubernetes_version"]).starts_with("1.34"));
    world.plans_empty(&object, &upgraded).await;

    let plan = world.core.plan_destroy(ENVIRONMENT, &object).await.expect_success();
    let gone = world.core.apply(plan).await;
    assert!(gone.object.is_none(), "{}", told(&gone.messages));
    assert_eq!(world.committed("DeleteCluster"), 1);
}

#[tokio::test]
async fn every_setting_of_eks_is_applied_read_back_and_taken_away() {
    let world = World::new().await;
    let principal = "arn:aws:iam::123456789012:role/eks-cluster";
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    let full = json!({
        "role_arn": "arn:aws:iam::123456789012:role/eks-cluster",
        "node_role_arn": "arn:aws:iam::123456789012:role/eks-node",
        "private_access": true,
        "log_types": ["audit", "api"],
        "support_type": "STANDARD",
        "addons": { "coredns": { "resolve_conflicts": "OVERWRITE" }, "vpc-cni": { "preserve": true } },
        "access_entries": {
            principal: { "kubernetes_groups": ["viewers"], "policies": { policy: { "namespaces": ["shop"] } } },
        },
    });
    let config = changed(environment(), "/eks", full);
    let config = changed(config, "/network/authorized_cidrs", json!(["203.0.113.0/24"]));
    let object = world.apply(None, &config).await.expect_object();
    assert!(text(&object.state, &["eks", "addons", "coredns", "version"]).starts_with('v'));
    world.plans_empty(&object, &config).await;

    let less = changed(environment(), "/eks/private_access", json!(false));
    let object = world.apply(Some(&world.refreshed(&object).await), &less).await.expect_object();
    world.plans_empty(&object, &less).await;
    assert_eq!(world.committed("DeleteAddon"), 2);
    assert_eq!(world.committed("DeleteAccessEntry"), 1);
}

#[tokio::test]
async fn what_is_imported_plans_empty() {
    let world = World::new().await;
    let mut config = changed(environment(), "/deletion_protection", json!(true));
    world.apply(None, &config).await.expect_object();
    config["node_pools"]["system"]["mode"] = json!(null);

    let by_id = world.core.import(ENVIRONMENT, ID).await.expect_object();
    world.plans_empty(&by_id, &config).await;
    let identity = json!({ "backend": "eks", "account": "123456789012", "region": "us-east-1", "name": "test" });
    let by_identity = world.core.import_by_identity(ENVIRONMENT, identity).await.expect_object();
    assert_eq!(by_identity.state, by_id.state);
    assert_eq!(by_identity.identity, by_id.identity);

    let kind = world.core.resource_type(ENVIRONMENT);
    let state = DynamicValue { msgpack: to_msgpack(&by_id.state, &kind).unwrap().into(), ..DynamicValue::default() };
    let request = generate_resource_config::Request { type_name: ENVIRONMENT.to_owned(), state: Some(state) };
    let generated = world.core.server().generate_resource_config(Request::new(request)).await.unwrap().into_inner();
    let generated = from_msgpack(&generated.config.unwrap().msgpack, &kind).unwrap();
    let messages = world.core.validate(ENVIRONMENT, generated.clone()).await;
    assert!(messages.is_empty(), "{}", told(&messages));
    let plan = world.core.plan(ENVIRONMENT, Some(&by_id), generated).await.expect_success();
    assert!(plan.is_empty(), "from {:#?}\nto {:#?}", by_id.state, plan.state);

    let wrong = world.core.import(ENVIRONMENT, "eks/123456789012/us-east-1").await;
    assert!(told(&wrong.messages).contains("eks/<account>/<region>/<name>"), "{}", told(&wrong.messages));
    let absent = world.core.import(ENVIRONMENT, "eks/123456789012/us-east-1/absent").await;
    assert!(absent.is_error() && absent.object.is_none());
    let partial = world.core.import_by_identity(ENVIRONMENT, json!({ "backend": "eks", "name": "test" })).await;
    assert!(told(&partial.messages).contains("account is missing"), "{}", told(&partial.messages));
}

#[tokio::test]
async fn drift_shows_and_is_mended_and_what_autoscalers_do_is_none() {
    let world = World::new().await;
    let config = environment();
    let object = world.apply(None, &config).await.expect_object();
    let groups = world.cloud.world();
    let group_of = |pool: &str| {
        let clusters = serde_json::to_string(&groups).unwrap();
        assert!(clusters.contains(pool), "{clusters}");
        format!("123456789012/us-east-1/clusters/test/nodegroups/{pool}")
    };
    world.cloud.put("eks", &group_of("apps"), json!({ "scalingConfig": { "desiredSize": 3 } })).unwrap();
    world.plans_empty(&object, &config).await;

    world.cloud.put("eks", &group_of("apps"), json!({ "labels": { "tier": "changed" } })).unwrap();
    let drifted = world.refreshed(&object).await;
    assert_eq!(text(&drifted.state, &["node_pools", "apps", "labels", "tier"]), "changed");
    let plan = world.plan(Some(&drifted), &config).await.expect_success();
    assert!(!plan.is_empty() && plan.replace.is_empty());
    let mended = world.core.apply(plan).await.expect_object();
    world.plans_empty(&mended, &config).await;
}

#[tokio::test]
async fn a_part_that_fails_taints_nothing() {
    let failing = json!([{ "operation": "CreateNodegroup", "fault": "fail" }]);
    let world = World::with(failing.clone(), "1ms").await;
    let config = environment();
    let applied = world.apply(None, &config).await;
    assert!(!applied.is_error(), "{}", told(&applied.messages));
    assert!(told(&applied.messages).contains("not finished"), "{}", told(&applied.messages));
    let degraded = applied.object.unwrap();
    assert_eq!(text(&degraded.state, &["status"]), "degraded");

    let degraded = world.refreshed(&degraded).await;
    let plan = world.plan(Some(&degraded), &config).await.expect_success();
    assert!(!plan.is_empty() && plan.replace.is_empty(), "{:?}", plan.replace);
    let mended = world.core.apply(plan).await.expect_object();
    assert_eq!(text(&mended.state, &["status"]), "active");
    world.plans_empty(&mended, &config).await;
    assert_eq!(world.committed("CreateCluster"), 1);

    let world = World::with(failing, "1ms").await;
    let applied = world.apply(None, &changed(environment(), "/on_partial_create", json!("fail"))).await;
    assert!(applied.is_error());
    assert_eq!(text(&applied.object.unwrap().state, &["id"]), ID);
}

#[tokio::test]
async fn an_update_that_fails_leaves_the_truth_in_the_state() {
    let world = World::new().await;
    let object = world.apply(None, &environment()).await.expect_object();
    world.fails("UpdateNodegroupConfig");
    let scaled = changed(environment(), "/node_pools/system/count", json!(3));
    let scaled = changed(scaled, "/node_pools/batch", json!({ "machine_type": "t3.large", "count": 1 }));
    let failed = world.apply(Some(&object), &scaled).await;
    assert!(failed.is_error());
    assert!(told(&failed.messages).contains("node pool system"), "{}", told(&failed.messages));
    let left = failed.object.unwrap();
    assert!(part(&left.state, &["node_pools"]).get("batch").is_none(), "what was not made is not in the state");

    let plan = world.plan(Some(&world.refreshed(&left).await), &scaled).await.expect_success();
    assert!(!plan.is_empty() && plan.replace.is_empty());
    let mended = world.core.apply(plan).await.expect_object();
    world.plans_empty(&mended, &scaled).await;
}

#[tokio::test]
async fn a_pool_that_is_gone_is_made_again_and_nothing_else() {
    let world = World::new().await;
    let object = world.apply(None, &environment()).await.expect_object();
    let without = changed(environment(), "/node_pools", json!({ "system": environment()["node_pools"]["system"] }));
    world.apply(Some(&object), &without).await.expect_object();
    let before = world.changes();

    let read = world.refreshed(&object).await;
    let plan = world.plan(Some(&read), &environment()).await.expect_success();
    assert_eq!(part(&plan.state, &["node_pools", "system"]), part(&read.state, &["node_pools", "system"]));
    let object = world.core.apply(plan).await.expect_object();
    world.plans_empty(&object, &environment()).await;
    assert_eq!(world.changes(), before + 1);
}

#[tokio::test]
async fn an_interrupt_returns_at_once_and_the_next_apply_carries_on() {
    let world = World::with(json!([]), "1h").await;
    let config = environment();
    let plan = world.plan(None, &config).await.expect_success();
    let stop = async {
        world.cloud.wait_for(|entry| entry.operation == "CreateCluster" && entry.committed).await;
        world.core.stop().await;
    };
    let both = async { tokio::join!(world.core.apply(plan), stop) };
    let (applied, ()) = tokio::time::timeout(std::time::Duration::from_secs(5), both).await.unwrap();
    assert!(!applied.is_error(), "{}", told(&applied.messages));
    let interrupted = applied.object.unwrap();
    assert_eq!(text(&interrupted.state, &["status"]), "creating");

    let core = world.provider("acceptance", "1ms").await;
    let read = core.refresh(ENVIRONMENT, &interrupted).await.expect_object();
    let plan = core.plan(ENVIRONMENT, Some(&read), config.clone()).await.expect_success();
    assert!(!plan.is_empty() && plan.replace.is_empty());
    let object = core.apply(plan).await.expect_object();
    assert_eq!(text(&object.state, &["status"]), "active");
    world.plans_empty(&object, &config).await;
    assert_eq!(world.committed("CreateCluster"), 1);
}

#[tokio::test]
async fn a_timeout_keeps_what_is_being_made() {
    let world = World::with(json!([{ "operation": "CreateCluster", "fault": "stuck" }]), "1ms").await;
    let config = changed(environment(), "/timeouts", json!({ "create": "1s" }));
    let applied = world.apply(None, &config).await;
    assert!(!applied.is_error(), "{}", told(&applied.messages));
    assert!(told(&applied.messages).contains("raise timeouts"), "{}", told(&applied.messages));
    assert_eq!(text(&applied.object.unwrap().state, &["status"]), "creating");
}

#[tokio::test]
async fn what_is_foreign_is_left_alone() {
    let world = World::new().await;
    let theirs = world.apply(None, &environment()).await.expect_object();
    let before = world.changes();

    let ours = world.provider("somebody-else", "1ms").await;
    let plan = ours.plan(ENVIRONMENT, None, environment()).await.expect_success();
    let refused = ours.apply(plan).await;
    assert!(refused.object.is_none());
    let said = told(&refused.messages);
    assert!(said.contains("import {") && said.contains(&format!("id = \"{ID}\"")), "{said}");
    let imported = ours.import(ENVIRONMENT, ID).await;
    assert!(imported.is_error() && imported.object.is_none());
    assert_eq!(world.changes(), before);
    world.plans_empty(&theirs, &environment()).await;
}

#[tokio::test]
async fn protection_refuses_to_destroy_and_to_replace() {
    let world = World::new().await;
    let config = changed(environment(), "/deletion_protection", json!(null));
    let object = world.apply(None, &config).await.expect_object();
    let before = world.changes();
    let destroy = world.core.plan_destroy(ENVIRONMENT, &object).await;
    assert!(told(&destroy.messages).contains("deletion_protection = false"), "{}", told(&destroy.messages));
    let renamed = world.plan(Some(&object), &changed(config, "/name", json!("other"))).await;
    assert!(told(&renamed.messages).contains("would be replaced"), "{}", told(&renamed.messages));
    assert_eq!(world.changes(), before);

    let object = world.apply(Some(&object), &environment()).await.expect_object();
    for (pointer, value) in [
        ("/name", json!("other")),
        ("/region", json!("us-west-2")),
        ("/eks/role_arn", json!("arn:aws:iam::123456789012:role/other")),
        ("/network/service_cidr", json!("10.99.0.0/16")),
    ] {
        let plan = world.plan(Some(&object), &changed(environment(), pointer, value)).await.expect_success();
        assert_eq!(plan.replace, [pointer[1..].replace('/', ".")]);
    }
}

#[tokio::test]
async fn what_the_cloud_cannot_do_is_refused_at_plan() {
    let world = World::new().await;
    let key = |name: &str| json!(format!("arn:aws:kms:us-east-1:123456789012:key/{name}"));
    let first = changed(environment(), "/eks/authentication_mode", json!("API"));
    let first = changed(first, "/eks/encryption_key_arn", key("00000000-0000-4000-8000-00000000000a"));
    let object = world.apply(None, &first).await.expect_object();
    let asked = world.cloud.journal().len();
    for (pointer, value, path, remedy) in [
        ("/kubernetes/version", json!("1.32"), "kubernetes.version", "Set version to \"1.33\""),
        ("/eks/authentication_mode", json!("CONFIG_MAP"), "eks.authentication_mode", "set it to API"),
        ("/node_pools/apps/version", json!("1.32"), "node_pools[\"apps\"].version", "1.33"),
        ("/eks/encryption_key_arn", key("00000000-0000-4000-8000-00000000000b"), "eks.encryption_key_arn", "set it to"),
    ] {
        let plan = world.plan(Some(&object), &changed(first.clone(), pointer, value)).await;
        let refused = plan.messages.iter().any(|message| {
            message.is_error && message.path == path && message.detail.to_lowercase().contains(&remedy.to_lowercase())
        });
        assert!(refused, "{pointer}: {}", told(&plan.messages));
    }
    let asked = &world.cloud.journal()[asked..];
    assert!(asked.iter().all(|entry| entry.operation == "DescribeClusterVersions"), "{asked:?}");
}

#[tokio::test]
async fn what_is_gone_leaves_the_state_and_what_cannot_be_read_does_not() {
    let world = World::new().await;
    let object = world.apply(None, &environment()).await.expect_object();
    let elsewhere = World::new().await;
    let read = elsewhere.core.refresh(ENVIRONMENT, &object).await;
    assert!(read.object.is_none() && !read.is_error(), "{}", told(&read.messages));

    let denied = json!([{ "operation": "DescribeCluster", "fault": "access_denied", "times": 9 }]);
    let refused = World::with(denied, "1ms").await;
    let read = refused.core.refresh(ENVIRONMENT, &object).await;
    assert!(read.is_error(), "{}", told(&read.messages));
    assert!(told(&read.messages).contains("permission denied"), "{}", told(&read.messages));
}

#[tokio::test]
async fn a_cluster_that_was_made_anew_is_another_one() {
    let world = World::new().await;
    let object = world.apply(None, &environment()).await.expect_object();
    let plan = world.core.plan_destroy(ENVIRONMENT, &object).await.expect_success();
    world.core.apply(plan).await;
    world.apply(None, &environment()).await.expect_object();
    let read = world.core.refresh(ENVIRONMENT, &object).await;
    assert!(read.object.is_none(), "the old one is gone");
    assert!(told(&read.messages).contains("is another one"), "{}", told(&read.messages));
}

#[tokio::test]
async fn an_unknown_provider_block_plans_and_says_so_at_apply() {
    let unknown = |core: &Core<_>| {
        let _ = core;
        let mut block = world::unknown_provider();
        if let Value::Object(attributes) = &mut block {
            attributes.insert("owner".to_owned(), "acceptance".into());
        }
        block
    };
    let core = Core::new(terraform_provider_multicloud::MulticloudProvider);
    core.configure(unknown(&core)).await;
    let plan = core.plan(ENVIRONMENT, None, environment()).await.expect_success();
    let applied = core.apply(plan).await;
    assert!(applied.is_error() && applied.object.is_none());
    assert!(told(&applied.messages).contains("known only after"), "{}", told(&applied.messages));

    let world = World::new().await;
    let object = world.apply(None, &environment()).await.expect_object();
    let read = core.refresh(ENVIRONMENT, &object).await.expect_object();
    assert_eq!(read.state, object.state, "nothing can be asked, so that nothing changes");

    let core = Core::new(terraform_provider_multicloud::MulticloudProvider).with_deferral();
    core.configure(unknown(&core)).await;
    assert!(core.plan(ENVIRONMENT, None, environment()).await.is_deferred);
}

#[tokio::test]
async fn a_kubeconfig_is_opened_and_renewed_before_it_ends() {
    let world = World::new().await;
    let object = world.apply(None, &environment()).await.expect_object();
    let (opened, private, renew_at, messages) =
        world.core.open("multicloud_kubeconfig", json!({ "environment_id": ID })).await;
    assert!(messages.is_empty(), "{}", told(&messages));
    assert_eq!(part(&opened, &["host"]), part(&object.state, &["endpoint"]));
    assert!(text(&opened, &["token"]).starts_with("k8s-aws-v1."));
    assert!(text(&opened, &["kubeconfig"]).contains(text(&opened, &["token"])));
    let renew_at = renew_at.unwrap();
    let (_, again, messages) = world.core.renew("multicloud_kubeconfig", private.clone()).await;
    assert!(messages.is_empty(), "{}", told(&messages));
    assert!(again.unwrap() >= renew_at);
    assert!(!String::from_utf8(private).unwrap().contains("k8s-aws-v1"), "a token is nowhere but in the result");

    let (_, _, _, messages) = world.core.open("multicloud_kubeconfig", json!({ "environment_id": "eks/x" })).await;
    assert!(told(&messages).contains("eks/<account>/<region>/<name>"), "{}", told(&messages));
}

#[tokio::test]
async fn a_data_source_reads_by_id() {
    let world = World::new().await;
    world.apply(None, &environment()).await.expect_object();
    let (read, messages) = world.core.read_data(ENVIRONMENT, json!({ "id": ID })).await;
    assert!(messages.is_empty(), "{}", told(&messages));
    assert_eq!(text(&read, &["name"]), "test");
    assert_eq!(text(&read, &["tags", "multicloud-owner"]), "acceptance");
    assert_eq!(text(&read, &["node_pools", "system", "machine_type"]), "t3.large");
    let absent = "eks/123456789012/us-east-1/absent";
    let (_, messages) = world.core.read_data(ENVIRONMENT, json!({ "id": absent })).await;
    assert!(told(&messages).contains("not found"), "{}", told(&messages));
}

#[tokio::test]
async fn what_the_cloud_does_not_offer_is_refused_at_plan_and_what_is_there_stays() {
    let world = World::new().await;
    let unknown = changed(environment(), "/kubernetes/version", json!("1.99"));
    let plan = world.plan(None, &unknown).await;
    assert!(plan.messages.iter().any(|message| message.is_error && message.path == "kubernetes.version"));
    assert!(told(&plan.messages).contains("1.33"), "{}", told(&plan.messages));

    // A cloud that does not say is not asked again, and nothing is refused for it.
    let silent = json!([{ "operation": "DescribeClusterVersions", "fault": "access_denied", "times": 9 }]);
    let world = World::with(silent, "1ms").await;
    for _ in 0..2 {
        let _ = world.plan(None, &unknown).await.expect_success();
    }
    let asked = world.cloud.journal().len();
    assert_eq!(asked, 1, "{:?}", world.cloud.journal());
}
