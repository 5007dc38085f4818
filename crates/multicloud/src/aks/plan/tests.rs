//! What is planned, in words: each line is a stage, the subject and what happens.

use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;
use crate::aks::EntraSpec;
use crate::aks::convert;
use crate::environment::{CloudObserved, CloudSpec, EnvironmentId, Taint, TaintEffect};

/// A valid environment with one system pool.
pub(crate) fn example() -> (EnvironmentSpec, AksSpec) {
    let aks = AksSpec::new("platform".parse().unwrap());
    let cloud = CloudSpec::Aks(aks.clone());
    let mut spec =
        EnvironmentSpec::new("platform".parse().unwrap(), "prod".parse().unwrap(), "1.31".parse().unwrap(), cloud);
    spec.region = Some("westeurope".parse().unwrap());
    let mut pool = PoolSpec::new("Standard_D4s_v5".parse().unwrap(), PoolSize::Fixed(2));
    pool.mode = PoolMode::System;
    spec.node_pools.insert("system".parse().unwrap(), pool);
    (spec, aks)
}

/// The environment as AKS would show it right after it was made.
fn made(spec: &EnvironmentSpec, aks: &AksSpec) -> Value {
    let mut cluster = convert::new_cluster(&new_cluster(spec, aks));
    cluster["id"] = "/subscriptions/s/resourcegroups/platform/providers/…/managedClusters/prod".into();
    let properties = &mut cluster["properties"];
    properties["provisioningState"] = "Succeeded".into();
    properties["resourceUID"] = "uid-1".into();
    properties["currentKubernetesVersion"] = format!("{}.4", spec.kubernetes.version).into();
    properties["fqdn"] = "prod-1.hcp.westeurope.azmk8s.io".into();
    properties["networkProfile"]["serviceCidr"] = "10.0.0.0/16".into();
    properties["nodeResourceGroup"] = "MC_platform_prod_westeurope".into();
    for pool in properties["agentPoolProfiles"].as_array_mut().unwrap() {
        settle_pool(pool, &spec.kubernetes.version.to_string());
    }
    cluster
}

/// What AKS fills in for a pool.
fn settle_pool(pool: &mut Value, version: &str) {
    let filled = [
        ("provisioningState", json!("Succeeded")),
        ("orchestratorVersion", json!(version)),
        ("currentOrchestratorVersion", json!(format!("{version}.4"))),
        ("osDiskSizeGB", json!(128)),
        ("osSKU", json!("Ubuntu")),
        ("maxPods", json!(30)),
        ("upgradeSettings", json!({ "maxSurge": "10%" })),
        ("eTag", json!("e")),
    ];
    for (key, value) in filled {
        if pool[key].is_null() {
            pool[key] = value;
        }
    }
}

fn observe(cluster: Value) -> Observed {
    let id: EnvironmentId = "aks/00000000-0000-0000-0000-000000000001/platform/prod".parse().unwrap();
    convert::observed(&id, serde_json::from_value(cluster).unwrap()).unwrap()
}

fn found(observed: &Observed) -> &AksObserved {
    match &observed.cloud {
        CloudObserved::Aks(found) => found,
        other => panic!("not AKS: {other:?}"),
    }
}

fn words(steps: &[Step]) -> String {
    let line = |step: &Step| {
        let drain = step.drain.as_ref().map(|drain| format!(" (drain {drain}, {}s)", drain.timeout.as_secs()));
        format!("{} {}: {step}{}", step.stage, step.subject, drain.unwrap_or_default())
    };
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The plan from the environment as it was made to what an edit makes of it.
fn planned(edit: impl FnOnce(&mut EnvironmentSpec, &mut AksSpec), expected: Expect) -> Vec<Step> {
    let (spec, aks) = example();
    planned_from(made(&spec, &aks), edit, expected)
}

fn planned_from(cluster: Value, edit: impl FnOnce(&mut EnvironmentSpec, &mut AksSpec), expected: Expect) -> Vec<Step> {
    let (mut spec, mut aks) = example();
    edit(&mut spec, &mut aks);
    let observed = observe(cluster);
    assert_eq!(differences(&observed, found(&observed), &spec, &aks), []);
    let steps = update(&observed, found(&observed), &spec, &aks).unwrap();
    assert_eq!(steps, update(&observed, found(&observed), &spec, &aks).unwrap(), "plans are pure");
    expected.assert_eq(&words(&steps));
    steps
}

fn pool(name: &str) -> PoolName {
    name.parse().unwrap()
}

fn system(spec: &mut EnvironmentSpec) -> &mut PoolSpec {
    spec.node_pools.get_mut(&pool("system")).unwrap()
}

#[test]
fn creation_is_one_request_with_all_pools() {
    let (mut spec, aks) = example();
    let apps = PoolSpec { mode: PoolMode::User, spot: true, ..spec.node_pools[&pool("system")].clone() };
    spec.node_pools.insert(pool("apps"), apps);
    let steps = create(&spec, &aks);
    expect!["0 cluster: create cluster prod with Kubernetes 1.31 and node pools apps, system"]
        .assert_eq(&words(&steps));
    let Change::Aks(AksChange::CreateCluster(new)) = &steps[0].change else { panic!("{steps:?}") };
    expect![[r#"
        {
          "identity": {
            "type": "SystemAssigned"
          },
          "location": "westeurope",
          "properties": {
            "agentPoolProfiles": [
              {
                "count": 2,
                "enableAutoScaling": false,
                "mode": "User",
                "name": "apps",
                "nodeLabels": {},
                "nodeTaints": [],
                "osType": "Linux",
                "scaleSetEvictionPolicy": "Delete",
                "scaleSetPriority": "Spot",
                "spotMaxPrice": -1.0,
                "tags": {
                  "multicloud-environment": "prod",
                  "multicloud-owner": "platform",
                  "multicloud-pool": "apps"
                },
                "type": "VirtualMachineScaleSets",
                "vmSize": "Standard_D4s_v5"
              },
              {
                "count": 2,
                "enableAutoScaling": false,
                "mode": "System",
                "name": "system",
                "nodeLabels": {},
                "nodeTaints": [],
                "osType": "Linux",
                "tags": {
                  "multicloud-environment": "prod",
                  "multicloud-owner": "platform",
                  "multicloud-pool": "system"
                },
                "type": "VirtualMachineScaleSets",
                "vmSize": "Standard_D4s_v5"
              }
            ],
            "dnsPrefix": "prod",
            "kubernetesVersion": "1.31",
            "networkProfile": {
              "networkPlugin": "azure"
            }
          },
          "sku": {
            "name": "Base",
            "tier": "Free"
          },
          "tags": {
            "multicloud-environment": "prod",
            "multicloud-owner": "platform"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&convert::new_cluster(new)).unwrap());
}

#[test]
fn nothing_is_left_to_do_after_it_was_made() {
    planned(|_, _| {}, expect![""]);
    // Patches of the version, sizes between the bounds and another case of a text are no drift.
    let (mut spec, aks) = example();
    system(&mut spec).size = PoolSize::Autoscale { min: 1, max: 9 };
    let mut cluster = made(&spec, &aks);
    cluster["properties"]["currentKubernetesVersion"] = "1.31.9".into();
    cluster["location"] = "West Europe".into();
    let found = &mut cluster["properties"]["agentPoolProfiles"][0];
    found["count"] = 7.into();
    found["vmSize"] = "standard_d4s_V5".into();
    planned_from(cluster, |spec, _| system(spec).size = PoolSize::Autoscale { min: 1, max: 9 }, expect![""]);
}

#[test]
fn what_aks_adds_to_spot_nodes_is_no_drift() {
    let edit = |spec: &mut EnvironmentSpec, _: &mut AksSpec| {
        let spot = PoolSpec { mode: PoolMode::User, spot: true, ..system(spec).clone() };
        spec.node_pools.insert(pool("spot"), spot);
    };
    let (mut spec, mut aks) = example();
    edit(&mut spec, &mut aks);
    let mut cluster = made(&spec, &aks);
    let found = &mut cluster["properties"]["agentPoolProfiles"][0];
    found["nodeLabels"] = json!({ "kubernetes.azure.com/scalesetpriority": "spot" });
    found["nodeTaints"] = json!(["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"]);
    planned_from(cluster, edit, expect![""]);
}

#[test]
fn all_of_a_pool_that_changes_goes_in_one_request() {
    let steps = planned(
        |spec, _| {
            let pool = system(spec);
            pool.size = PoolSize::Autoscale { min: 3, max: 5 };
            pool.labels = [("team".to_owned(), "a".to_owned())].into();
            let effect = TaintEffect::PreferNoSchedule;
            pool.taints = [Taint { key: "k".to_owned(), effect, value: "v".to_owned() }].into();
            pool.max_surge = Some("33%".parse().unwrap());
            pool.drain_timeout = Some(Duration::from_secs(600));
            spec.tags.insert("cost".to_owned(), "1".to_owned());
        },
        expect![[r#"
            0 node pool system: change node pool system: 3 to 5 nodes, labels, taints, tags, drain timeout, 33% at a time in upgrades
            1 cluster: tag cluster: cost"#]],
    );
    let Change::Aks(AksChange::ConfigurePool(settings)) = &steps[0].change else { panic!("{steps:?}") };
    let mut document =
        json!({ "properties": { "count": 2, "vmSize": "v", "upgradeSettings": { "nodeSoakDurationInMinutes": 5 } } });
    convert::configure_pool(&mut document, settings);
    expect![[r#"
        {
          "properties": {
            "count": 3,
            "enableAutoScaling": true,
            "maxCount": 5,
            "minCount": 3,
            "nodeLabels": {
              "team": "a"
            },
            "nodeTaints": [
              "k=v:PreferNoSchedule"
            ],
            "tags": {
              "cost": "1",
              "multicloud-environment": "prod",
              "multicloud-owner": "platform",
              "multicloud-pool": "system"
            },
            "upgradeSettings": {
              "drainTimeoutInMinutes": 10,
              "maxSurge": "33%",
              "nodeSoakDurationInMinutes": 5
            },
            "vmSize": "v"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn a_size_is_sent_only_where_autoscaling_begins() {
    let found = |size, count| {
        let (mut spec, aks) = example();
        system(&mut spec).size = size;
        let mut cluster = made(&spec, &aks);
        cluster["properties"]["agentPoolProfiles"][0]["count"] = json!(count);
        cluster
    };
    let bounds =
        |spec: &mut EnvironmentSpec, _: &mut AksSpec| system(spec).size = PoolSize::Autoscale { min: 2, max: 5 };
    let words = || expect!["0 node pool system: change node pool system: 2 to 5 nodes"];
    let autoscaled = PoolSize::Autoscale { min: 1, max: 9 };
    // AKS refuses another number than the present one while autoscaling goes on, and its autoscaler heeds new bounds.
    let on = [(4, None), (7, None), (1, None)].map(|(count, sent)| (autoscaled, count, sent));
    let off = [(4, 4), (7, 5), (1, 2)].map(|(count, sent)| (PoolSize::Fixed(count), count, Some(sent)));
    for (size, count, sent) in on.into_iter().chain(off) {
        let steps = planned_from(found(size, count), bounds, words());
        let Change::Aks(AksChange::ConfigurePool(settings)) = &steps[0].change else { panic!("{steps:?}") };
        let mut document = found(size, count)["properties"]["agentPoolProfiles"][0].take();
        document = json!({ "properties": document });
        convert::writable_pool(&mut document);
        convert::configure_pool(&mut document, settings);
        assert_eq!(document["properties"].get("count").cloned(), sent.map(Value::from), "{size:?} {count} nodes");
        assert_eq!(document["properties"]["minCount"], 2);
    }
    // What changes something else says no number either.
    let mut cluster = found(autoscaled, 7);
    convert::writable_cluster(&mut cluster);
    assert_eq!(cluster["properties"]["agentPoolProfiles"][0].get("count"), None);
}

#[test]
fn all_of_a_cluster_that_changes_goes_in_one_request() {
    let steps = planned(
        |spec, aks| {
            spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
            aks.sku_tier = crate::aks::SkuTier::Standard;
            aks.oidc_issuer = true;
            aks.workload_identity = true;
            aks.entra = Some(EntraSpec::default());
            aks.disable_local_accounts = true;
        },
        expect![[r#"
            0 cluster: change cluster: tier, authorized addresses, local accounts, Microsoft Entra, OIDC issuer, workload identity"#]],
    );
    let Change::Aks(AksChange::ConfigureCluster(settings)) = &steps[0].change else { panic!("{steps:?}") };
    let (spec, aks) = example();
    let mut document = made(&spec, &aks);
    document["properties"]["somethingNew"] = json!({ "kept": true });
    let pools = document["properties"]["agentPoolProfiles"].clone();
    convert::configure_cluster(&mut document, settings);
    assert_eq!(document["properties"]["agentPoolProfiles"], pools, "pools stay as they are");
    assert_eq!(document["properties"]["somethingNew"]["kept"], true, "and so does what is not known here");
    convert::writable_cluster(&mut document);
    assert_eq!(document["properties"]["agentPoolProfiles"][0]["orchestratorVersion"], "1.31");
    assert!(document["properties"].get("provisioningState").is_none());
    assert_eq!(document["properties"]["securityProfile"]["workloadIdentity"]["enabled"], true);
    assert_eq!(document["properties"]["aadProfile"]["managed"], true);
}

#[test]
fn versions_rise_minor_by_minor() {
    planned(
        |spec, _| spec.kubernetes.version = "1.33".parse().unwrap(),
        expect![[r#"
            0 cluster: upgrade control plane from 1.31 to 1.32
            1 node pool system: upgrade node pool system to 1.32
            2 cluster: upgrade control plane from 1.32 to 1.33
            3 node pool system: upgrade node pool system to 1.33"#]],
    );
}

#[test]
fn no_cluster_is_taken_back() {
    let (mut spec, aks) = example();
    let observed = observe(made(&spec, &aks));
    spec.kubernetes.version = "1.30".parse().unwrap();
    let violation = update(&observed, found(&observed), &spec, &aks).unwrap_err();
    assert_eq!(
        violation.to_string(),
        "kubernetes.version: the cluster runs 1.31, and AKS takes no cluster back to 1.30; use at least 1.31"
    );
}

#[test]
fn another_machine_is_another_agent_pool_and_the_old_one_is_emptied() {
    let edit = |spec: &mut EnvironmentSpec, _: &mut AksSpec| {
        let pool = system(spec);
        pool.machine_type = "Standard_D8s_v5".parse().unwrap();
        pool.drain_timeout = Some(Duration::from_secs(600));
    };
    let steps = planned(
        edit,
        expect![[r#"
            0 node pool system: create node pool system91da5d of Standard_D8s_v5
            1 node pool system: delete node pool system (drain nodes with kubernetes.azure.com/agentpool=system, 600s)"#]],
    );
    let Change::Aks(AksChange::CreatePool(new)) = &steps[0].change else { panic!("{steps:?}") };
    assert!(new.agent_pool.len() <= MAX_POOL_NAME, "{}", new.agent_pool);
    assert_eq!(new.tags[POOL_TAG], "system");
    assert_eq!(steps[1].drain.as_ref().unwrap().unreachable, WhenUnreachable::Refuse);

    // With both there, the new one is what the pool is, and the old one goes.
    let (spec, aks) = example();
    let mut cluster = made(&spec, &aks);
    let mut second = convert::new_pool(new)["properties"].clone();
    second["name"] = new.agent_pool.clone().into();
    settle_pool(&mut second, "1.31");
    cluster["properties"]["agentPoolProfiles"].as_array_mut().unwrap().push(second.clone());
    assert_eq!(observe(cluster.clone()).node_pools[&pool("system")].machine_type, "Standard_D8s_v5");
    planned_from(
        cluster.clone(),
        edit,
        expect![
            "0 node pool system: delete node pool system (drain nodes with kubernetes.azure.com/agentpool=system, 600s)"
        ],
    );
    // And when the old one is gone, all is well.
    cluster["properties"]["agentPoolProfiles"] = json!([second]);
    planned_from(cluster, edit, expect![""]);
}

#[test]
fn a_system_pool_remains_at_any_time() {
    let (mut spec, aks) = example();
    let apps = PoolSpec { mode: PoolMode::User, ..spec.node_pools[&pool("system")].clone() };
    spec.node_pools.insert(pool("apps"), apps);
    let cluster = made(&spec, &aks);
    // Two pools change places.
    planned_from(
        cluster.clone(),
        |spec, _| {
            let apps = system(spec).clone();
            spec.node_pools.insert(pool("apps"), apps);
            system(spec).mode = PoolMode::User;
        },
        expect![[r#"
            0 node pool apps: change node pool apps: make it a system pool
            1 node pool system: change node pool system: make it a user pool"#]],
    );
    // The only one is replaced by one that is still to be made.
    planned_from(
        cluster,
        |spec, _| {
            let other = system(spec).clone();
            spec.node_pools = [(pool("other"), other)].into();
        },
        expect![[r#"
            0 node pool other: create node pool other of Standard_D4s_v5
            1 node pool apps: delete node pool apps (drain nodes with kubernetes.azure.com/agentpool=apps, 1800s)
            1 node pool system: delete node pool system (drain nodes with kubernetes.azure.com/agentpool=system, 1800s)"#]],
    );
}

#[test]
fn what_failed_is_asked_for_again() {
    let (spec, aks) = example();
    let mut cluster = made(&spec, &aks);
    cluster["properties"]["provisioningState"] = "Failed".into();
    cluster["properties"]["status"] =
        json!({ "provisioningError": { "code": "SkuNotAvailable", "message": "none left" } });
    cluster["properties"]["agentPoolProfiles"][0]["provisioningState"] = "Failed".into();
    let observed = observe(cluster.clone());
    assert_eq!(observed.status, Status::Degraded);
    assert_eq!(observed.status_reason.as_ref().unwrap().as_str(), "SkuNotAvailable: none left");
    planned_from(
        cluster,
        |_, _| {},
        expect![[r#"
            0 cluster: repair cluster
            1 node pool system: repair node pool system"#]],
    );
}

#[test]
fn a_subnet_of_one_pool_is_not_that_of_all() {
    let subnet = |name: &str| {
        format!("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/{name}")
    };
    let edit = |spec: &mut EnvironmentSpec, aks: &mut AksSpec| {
        spec.network.subnet_ids = [subnet("nodes")].into();
        let apps = PoolSpec { mode: PoolMode::User, ..system(spec).clone() };
        spec.node_pools.insert(pool("apps"), apps);
        let own = AgentPoolSpec { subnet_id: Some(subnet("system")), ..AgentPoolSpec::default() };
        aks.agent_pools.insert(pool("system"), own);
    };
    let (mut spec, mut aks) = example();
    edit(&mut spec, &mut aks);
    let mut cluster = made(&spec, &aks);
    assert_eq!(cluster["properties"]["agentPoolProfiles"][1]["vnetSubnetID"], subnet("system"));
    assert_eq!(observe(cluster.clone()).network.subnet_ids, spec.network.subnet_ids);
    // Azure tells no case apart.
    cluster["properties"]["agentPoolProfiles"][0]["vnetSubnetID"] = subnet("nodes").to_uppercase().into();
    planned_from(cluster, edit, expect![""]);
}

#[test]
fn what_was_stopped_is_left_so() {
    let (spec, aks) = example();
    let mut cluster = made(&spec, &aks);
    cluster["properties"]["powerState"] = json!({ "code": "Stopped" });
    cluster["properties"]["agentPoolProfiles"][0]["powerState"] = json!({ "code": "Stopped" });
    let observed = observe(cluster.clone());
    assert_eq!(observed.status, Status::Degraded);
    assert_eq!(observed.status_reason.as_ref().unwrap().as_str(), "it is stopped");
    planned_from(cluster, |_, _| {}, expect![""]);
}

#[test]
fn a_pool_that_was_deleted_outside_is_made_anew() {
    let (mut spec, aks) = example();
    let apps = PoolSpec { mode: PoolMode::User, ..spec.node_pools[&pool("system")].clone() };
    spec.node_pools.insert(pool("apps"), apps.clone());
    let mut cluster = made(&spec, &aks);
    cluster["properties"]["agentPoolProfiles"].as_array_mut().unwrap().remove(0);
    planned_from(
        cluster,
        |spec, _| drop(spec.node_pools.insert(pool("apps"), apps)),
        expect!["0 node pool apps: create node pool apps of Standard_D4s_v5"],
    );
}

#[test]
fn pools_and_tags_of_others_are_left_alone() {
    let (spec, aks) = example();
    let mut cluster = made(&spec, &aks);
    let mut theirs = cluster["properties"]["agentPoolProfiles"][0].clone();
    theirs["name"] = "theirs".into();
    theirs["tags"] = json!({ "by": "hand" });
    cluster["properties"]["agentPoolProfiles"].as_array_mut().unwrap().push(theirs);
    cluster["properties"]["agentPoolProfiles"][0]["tags"]["theirs"] = "1".into();
    cluster["tags"]["hidden-title"] = "1".into();
    planned_from(cluster, |_, _| {}, expect![""]);
}

#[test]
fn an_imported_cluster_is_marked_after_its_pools() {
    let (spec, aks) = example();
    let mut cluster = made(&spec, &aks);
    cluster["tags"] = json!({});
    cluster["properties"]["agentPoolProfiles"][0]["tags"] = Value::Null;
    planned_from(
        cluster,
        |_, _| {},
        expect![[r#"
            0 node pool system: change node pool system: tags
            1 cluster: tag cluster: multicloud-environment, multicloud-owner"#]],
    );
}

#[test]
fn what_cannot_be_changed_is_named() {
    let (spec, aks) = example();
    let observed = observe(made(&spec, &aks));
    let (mut spec, mut aks) = example();
    spec.region = Some("northeurope".parse().unwrap());
    spec.network.private_endpoint = true;
    spec.network.service_cidr = Some("10.9.0.0/16".to_owned());
    aks.dns_prefix = Some("other".to_owned());
    aks.node_resource_group = Some("other".to_owned());
    aks.network_plugin = NetworkPlugin::None;
    let paths: Vec<String> =
        differences(&observed, found(&observed), &spec, &aks).iter().map(|one| one.path.to_string()).collect();
    assert_eq!(
        paths,
        [
            "region",
            "aks.dns_prefix",
            "aks.node_resource_group",
            "network.service_cidr",
            "network.private_endpoint",
            "aks.network_plugin"
        ]
    );
}

#[test]
fn policies_and_plugins_change_only_one_way() {
    let policy = may_change_policy;
    assert!(policy(None, Some(NetworkPolicy::Azure)));
    assert!(policy(Some(NetworkPolicy::Calico), Some(NetworkPolicy::Cilium)));
    assert!(!policy(Some(NetworkPolicy::Cilium), Some(NetworkPolicy::Azure)));
    assert!(!policy(Some(NetworkPolicy::Azure), Some(NetworkPolicy::None)));

    let (spec, mut aks) = example();
    aks.network_plugin = NetworkPlugin::Kubenet;
    planned_from(
        made(&spec, &aks),
        |_, aks| aks.network_plugin_mode = Some(NetworkPluginMode::Overlay),
        expect!["0 cluster: change cluster: network plugin, network plugin mode"],
    );
}

#[test]
fn entra_is_never_taken_away() {
    let (spec, mut aks) = example();
    aks.entra = Some(EntraSpec::default());
    let observed = observe(made(&spec, &aks));
    aks.entra = None;
    let violation = update(&observed, found(&observed), &spec, &aks).unwrap_err();
    assert_eq!(violation.path.to_string(), "aks.entra");
}

#[test]
fn deletion_is_one_request() {
    let (spec, aks) = example();
    let mut cluster = made(&spec, &aks);
    expect!["0 cluster: delete cluster prod with its node pools"].assert_eq(&words(&delete(&observe(cluster.clone()))));
    cluster["properties"]["provisioningState"] = "Deleting".into();
    assert_eq!(delete(&observe(cluster)), []);
}

#[test]
fn names_are_made_of_names() {
    assert_eq!(dns_prefix("prod_west-1_"), "prod-west-1");
    assert_eq!(dns_prefix(&"a".repeat(63)).len(), 54);
    assert_eq!(dns_service_ip("10.0.0.0/16").as_deref(), Some("10.0.0.10"));
}

/// The cluster once steps were done, as AKS would show it.
fn after(mut cluster: Value, steps: &[Step]) -> Value {
    let pools = |cluster: &mut Value| cluster["properties"]["agentPoolProfiles"].as_array_mut().unwrap().clone();
    for step in steps {
        let Change::Aks(change) = &step.change else { panic!("not a change of AKS") };
        let mut all = pools(&mut cluster);
        match change {
            AksChange::CreatePool(new) => {
                let mut pool = convert::new_pool(new)["properties"].clone();
                pool["name"] = new.agent_pool.clone().into();
                settle_pool(&mut pool, "1.31");
                all.push(pool);
            }
            AksChange::ConfigurePool(settings) => {
                let pool = all.iter_mut().find(|pool| pool["name"] == settings.agent_pool).expect("a pool to change");
                let mut document = json!({ "properties": pool });
                convert::configure_pool(&mut document, settings);
                *pool = document["properties"].take();
            }
            AksChange::DeletePool { agent_pool } => {
                let before = all.len();
                all.retain(|pool| pool["name"] != *agent_pool);
                assert_eq!(all.len(), before - 1, "{agent_pool} is there");
            }
            AksChange::TagCluster { tags } => cluster["tags"] = json!(tags),
            AksChange::CreateCluster(_)
            | AksChange::ConfigureCluster(_)
            | AksChange::UpgradeCluster { .. }
            | AksChange::DeleteCluster
            | AksChange::UpgradePool { .. } => panic!("nothing here asks for it: {change:?}"),
        }
        assert!(all.iter().any(|pool| pool["mode"] == "System"), "a system pool remains");
        cluster["properties"]["agentPoolProfiles"] = all.into();
    }
    cluster
}

/// Stage by stage to the end, planning anew each time, as the driver does and whoever takes over from it: the words of all
/// stages, and the pools that are left.
fn replayed(mut cluster: Value, spec: &EnvironmentSpec, aks: &AksSpec) -> (String, Vec<String>) {
    let mut told = Vec::new();
    for _ in 0..20 {
        let observed = observe(cluster.clone());
        let mut steps = update(&observed, found(&observed), spec, aks).unwrap();
        let Some(first) = steps.first().map(|step| step.stage) else {
            let pools = cluster["properties"]["agentPoolProfiles"].as_array().unwrap();
            return (told.join("\n"), pools.iter().map(|pool| pool["name"].as_str().unwrap().to_owned()).collect());
        };
        steps.retain(|step| step.stage == first);
        told.push(steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "));
        cluster = after(cluster, &steps);
    }
    panic!("it does not end: {told:?}");
}

#[test]
fn nothing_of_an_imported_cluster_is_left_behind() {
    let (mut spec, aks) = example();
    let pool_of = |mode, spec: &EnvironmentSpec| PoolSpec { mode, ..spec.node_pools[&pool("system")].clone() };
    for (name, mode) in [("a", PoolMode::System), ("b", PoolMode::User), ("c", PoolMode::User)] {
        let made = pool_of(mode, &spec);
        spec.node_pools.insert(pool(name), made);
    }
    let mut cluster = made(&spec, &aks);
    cluster["tags"] = json!({});
    for pool in cluster["properties"]["agentPoolProfiles"].as_array_mut().unwrap() {
        pool["tags"] = json!({});
    }
    // One stops being a system pool, one is not desired, and one has other machines.
    spec.node_pools.get_mut(&pool("a")).unwrap().mode = PoolMode::User;
    spec.node_pools.remove(&pool("b"));
    spec.node_pools.get_mut(&pool("c")).unwrap().machine_type = "Standard_D8s_v5".parse().unwrap();
    let (told, left) = replayed(cluster, &spec, &aks);
    expect![[r#"
        change node pool a: tags | change node pool system: tags
        create node pool c78d52d of Standard_D8s_v5
        change node pool a: make it a user pool
        delete node pool c | delete node pool b
        tag cluster: multicloud-environment, multicloud-owner"#]]
    .assert_eq(&told);
    assert_eq!(left, ["a", "system", "c78d52d"]);
}

#[test]
fn a_pool_is_taken_to_the_patch_of_its_control_plane() {
    let (spec, aks) = example();
    let mut cluster = made(&spec, &aks);
    cluster["properties"]["kubernetesVersion"] = "1.32".into();
    cluster["properties"]["currentKubernetesVersion"] = "1.32.4".into();
    let steps = planned_from(
        cluster,
        |spec, _| spec.kubernetes.version = "1.33".parse().unwrap(),
        expect![[r#"
            0 node pool system: upgrade node pool system to 1.32
            1 cluster: upgrade control plane from 1.32 to 1.33
            2 node pool system: upgrade node pool system to 1.33"#]],
    );
    let sent = |step: &Step| {
        let Change::Aks(AksChange::UpgradePool { to, patch, .. }) = &step.change else { panic!("{step:?}") };
        let mut document = json!({ "properties": { "orchestratorVersion": "1.31" } });
        convert::upgrade_pool(&mut document, *to, patch.as_deref());
        document["properties"]["orchestratorVersion"].as_str().unwrap().to_owned()
    };
    assert_eq!(sent(&steps[0]), "1.32.4", "not the newest of 1.32, which the control plane may not have yet");
    assert_eq!(sent(&steps[2]), "1.33", "whose patch is known when it has been reached");
}
