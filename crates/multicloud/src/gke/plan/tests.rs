use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::environment::{
    CloudObserved, CloudSpec, KubernetesSpec, NetworkSpec, ObservedPool, Role, Taint, TaintEffect,
};
use crate::gke::ReleaseChannel;

/// A valid environment with two pools, in a region.
pub(crate) fn example() -> (EnvironmentSpec, GkeSpec) {
    let gke = GkeSpec::default();
    let pool = PoolSpec::new("e2-standard-4".parse().unwrap(), PoolSize::Fixed(3));
    let spec = EnvironmentSpec {
        owner: "platform".parse().unwrap(),
        name: "prod".parse().unwrap(),
        role: Role::Workload,
        region: Some("europe-west1".parse().unwrap()),
        kubernetes: KubernetesSpec { version: "1.33".parse().unwrap(), maintenance_window: None },
        node_pools: [
            ("apps".parse().unwrap(), pool.clone()),
            ("system".parse().unwrap(), PoolSpec { mode: PoolMode::System, ..pool }),
        ]
        .into(),
        network: NetworkSpec::default(),
        tags: [("team".to_owned(), "a".to_owned())].into(),
        deletion_protection: false,
        cloud: CloudSpec::Gke(gke.clone()),
    };
    (spec, gke)
}

fn node_pool(spec: &EnvironmentSpec, name: &PoolName) -> ObservedNodePool {
    let pool = &spec.node_pools[name];
    let (min, max) = pool.size.bounds();
    ObservedNodePool {
        pool: name.clone(),
        status: Status::Active,
        status_reason: None,
        version: pool.version.unwrap_or(spec.kubernetes.version),
        full_version: "1.33.5-gke.1200".to_owned(),
        machine_type: pool.machine_type.to_string(),
        count: min,
        per_zone: Some(min / 3),
        autoscaling: (min != max).then_some((min, max)),
        zones: ["b", "c", "d"].map(|zone| format!("europe-west1-{zone}")).into(),
        disk_size_gb: Some(100),
        disk_type: Some("pd-balanced".to_owned()),
        image_type: Some("COS_CONTAINERD".to_owned()),
        spot: pool.spot,
        service_account: Some("default".to_owned()),
        labels: pool.labels.clone(),
        taints: pool.taints.clone(),
        gpu_taint: false,
        max_surge: Some(1),
        drain_timeout_s: None,
        deletion_heeds_budgets: true,
        resource_labels: pool_labels(spec, name, pool),
    }
}

/// What there is once the example was made.
fn found() -> (Observed, GkeObserved) {
    let (spec, _) = example();
    let node_pools: BTreeMap<String, ObservedNodePool> =
        spec.node_pools.keys().map(|name| (name.to_string(), node_pool(&spec, name))).collect();
    let found = GkeObserved {
        cluster_status: Status::Active,
        network: Some("default".to_owned()),
        subnetwork: Some("default".to_owned()),
        release_channel: ReleaseChannel::Regular,
        workload_pool: Some("acme.svc.id.goog".to_owned()),
        private_nodes: false,
        pods_range_name: None,
        services_range_name: None,
        maintenance_window: None,
        has_maintenance_window: false,
        zones: ["b", "c", "d"].map(|zone| format!("europe-west1-{zone}")).into(),
        google_labels: [("goog-fleet".to_owned(), "1".to_owned())].into(),
        node_pools,
    };
    let observed = Observed {
        id: "gke/acme/europe-west1/prod".parse().unwrap(),
        region: spec.region.clone(),
        uid: "abc".to_owned(),
        status: Status::Active,
        status_reason: None,
        version: spec.kubernetes.version,
        full_version: "1.33.5-gke.1200".to_owned(),
        endpoint: None,
        certificate_authority_data: None,
        oidc_issuer_url: None,
        node_pools: BTreeMap::<PoolName, ObservedPool>::new(),
        network: NetworkSpec { pod_cidr: Some("10.64.0.0/14".to_owned()), ..NetworkSpec::default() },
        tags: spec.tags_with_mark(),
        deletion_protection: None,
        cloud: CloudObserved::Gke(found.clone()),
    };
    (observed, found)
}

fn words(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{}: {step}", step.stage)).collect::<Vec<_>>().join("\n")
}

/// The steps that an edit of both sides calls for.
fn planned(
    edit: impl FnOnce(&mut EnvironmentSpec, &mut GkeSpec, &mut Observed, &mut GkeObserved),
) -> Result<Vec<Step>, Unplannable> {
    let ((mut spec, mut gke), (mut observed, mut found)) = (example(), found());
    edit(&mut spec, &mut gke, &mut observed, &mut found);
    update(&observed, &found, &spec, &gke)
}

#[track_caller]
fn check(
    edit: impl FnOnce(&mut EnvironmentSpec, &mut GkeSpec, &mut Observed, &mut GkeObserved),
    expected: Expect,
) -> Vec<Step> {
    let steps = planned(edit).unwrap();
    expected.assert_eq(&words(&steps));
    steps
}

fn apps() -> PoolName {
    "apps".parse().unwrap()
}

fn apps_of(spec: &mut EnvironmentSpec) -> &mut PoolSpec {
    spec.node_pools.get_mut(&apps()).unwrap()
}

fn changes(steps: &[Step]) -> Vec<&GkeChange> {
    steps
        .iter()
        .filter_map(|step| match &step.change {
            Change::Gke(change) => Some(change),
            _ => None,
        })
        .collect()
}

#[test]
fn a_creation_is_one_request_with_all_pools() {
    let (spec, gke) = example();
    let steps = create(&spec, &gke).unwrap();
    expect!["0: create cluster prod with Kubernetes 1.33 and node pools apps, system"].assert_eq(&words(&steps));
    let [GkeChange::CreateCluster(new)] = changes(&steps)[..] else { panic!("{steps:?}") };
    let pools: Vec<_> = new.pools.iter().map(|pool| (pool.name.as_str(), pool.per_zone)).collect();
    assert_eq!(pools, [("apps", 1), ("system", 1)]);
    assert!(new.pools.iter().all(|pool| pool.resource_labels["multicloud-owner"] == "platform"));
    assert_eq!(new.pools[1].resource_labels["multicloud-mode"], "system");
    assert_eq!(new.labels, spec.tags_with_mark());
}

#[test]
fn what_is_as_desired_needs_nothing() {
    check(|_, _, _, _| {}, expect![""]);
    // What is not asked for is GKE's to choose, and a patch is no minor.
    check(
        |_, _, observed, found| {
            observed.full_version = "1.33.9-gke.1".to_owned();
            found.network = Some("other".to_owned());
            found.node_pools.get_mut("apps").unwrap().disk_size_gb = Some(200);
            found.node_pools.get_mut("apps").unwrap().max_surge = Some(3);
        },
        expect![""],
    );
}

#[test]
fn a_deletion_is_one_request() {
    let (mut observed, _) = found();
    assert_eq!(words(&delete(&observed)), "0: delete cluster prod");
    observed.status = Status::Deleting;
    assert_eq!(delete(&observed), []);
}

#[test]
fn settings_go_one_at_a_time_and_the_clusters_mark_goes_last() {
    let steps = check(
        |spec, gke, observed, found| {
            observed.tags = [("team".to_owned(), "b".to_owned())].into();
            for pool in found.node_pools.values_mut() {
                pool.resource_labels = [("goog-x".to_owned(), "1".to_owned())].into();
            }
            gke.release_channel = Some(ReleaseChannel::Stable);
            gke.workload_identity = false;
            gke.private_nodes = true;
            spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
            found.has_maintenance_window = true;
        },
        expect![[r#"
            0: change node pool apps: mark
            0: change node pool system: mark
            1: change cluster: release channel STABLE
            2: change cluster: who may reach it
            3: change cluster: no workload identity
            4: change cluster: private nodes
            5: change maintenance window
            6: label cluster"#]],
    );
    let all = changes(&steps);
    let GkeChange::UpdatePool { setting: PoolSetting::ResourceLabels(labels), .. } = all[0] else { panic!() };
    assert_eq!(labels["goog-x"], "1", "Google's own labels stay");
    let Some(GkeChange::SetLabels { labels }) = all.last() else { panic!() };
    assert_eq!((labels["team"].as_str(), labels["goog-fleet"].as_str()), ("a", "1"));
}

#[test]
fn a_pool_is_changed_in_place() {
    let steps = check(
        |spec, gke, _, _| {
            gke.disk_type = Some("pd-ssd".to_owned());
            gke.image_type = Some("ubuntu_containerd".to_owned());
            let pool = apps_of(spec);
            pool.machine_type = "n2-standard-8".parse().unwrap();
            pool.disk_size_gb = Some(200);
            pool.labels = [("tier".to_owned(), "one".to_owned())].into();
            let taint = Taint { key: "k".to_owned(), effect: TaintEffect::NoSchedule, value: String::new() };
            pool.taints = [taint].into();
            pool.max_surge = Some(MaxSurge::Count(2));
            pool.drain_timeout = Some(Duration::from_secs(600));
            pool.zones = ["europe-west1-b".to_owned(), "europe-west1-c".to_owned()].into();
            pool.size = PoolSize::Fixed(4);
        },
        expect![[r#"
            0: change node pool apps: 2 more nodes at a time in upgrades
            0: change node pool system: disks pd-ssd
            1: change node pool apps: drain timeout
            1: change node pool system: image ubuntu_containerd
            2: change node pool apps: labels
            3: change node pool apps: taints
            4: change node pool apps: n2-standard-8, disks of 200 GB, disks pd-ssd
            5: change node pool apps: image ubuntu_containerd
            6: change node pool apps: zones europe-west1-b, europe-west1-c
            7: change node pool apps: 4 nodes"#]],
    );
    assert!(matches!(changes(&steps).last(), Some(GkeChange::SetPoolSize { per_zone: 2, .. })));
}

#[test]
fn sizes_are_totals_over_zones() {
    let sized = |size, autoscaling: Option<(u32, u32)>, count: u32| {
        planned(|spec, _, _, found| {
            apps_of(spec).size = size;
            let pool = found.node_pools.get_mut("apps").unwrap();
            (pool.autoscaling, pool.count, pool.per_zone) =
                (autoscaling, count, count.is_multiple_of(3).then_some(count / 3));
        })
        .map(|steps| words(&steps))
    };
    let bounds = |min, max| PoolSize::Autoscale { min, max };
    assert_eq!(sized(PoolSize::Fixed(6), None, 3).unwrap(), "0: change node pool apps: 6 nodes");
    assert_eq!(sized(PoolSize::Fixed(6), None, 6).unwrap(), "");
    assert_eq!(sized(PoolSize::Fixed(6), None, 5).unwrap(), "0: change node pool apps: 6 nodes", "somebody scaled it");
    assert_eq!(sized(bounds(1, 5), None, 3).unwrap(), "0: change node pool apps: 1 to 5 nodes");
    assert_eq!(sized(bounds(1, 5), Some((1, 5)), 4).unwrap(), "", "the autoscaler's number is no difference");
    assert_eq!(
        sized(PoolSize::Fixed(3), Some((1, 5)), 5).unwrap(),
        "0: change node pool apps: no autoscaling\n1: change node pool apps: 3 nodes"
    );
    let refused = sized(PoolSize::Fixed(4), None, 3).unwrap_err().to_string();
    assert!(refused.contains("node_pools[\"apps\"].count") && refused.contains("multiple of 3"), "{refused}");
}

#[test]
fn an_autoscaler_begins_within_its_bounds() {
    assert_eq!(first_per_zone(2, 10, 3), 1);
    assert_eq!(first_per_zone(4, 10, 3), 2);
    assert_eq!(first_per_zone(1, 1, 3), 0, "one in each zone would be too many");
    assert_eq!(first_per_zone(0, 5, 3), 0);
}

#[test]
fn a_price_class_or_service_account_needs_another_node_pool() {
    let steps = check(
        |spec, _, _, _| apps_of(spec).spot = true,
        expect![[r#"
            0: create node pool apps-2d7c26f0 of e2-standard-4
            1: delete node pool apps"#]],
    );
    assert!(steps.iter().all(|step| step.drain.is_none()), "GKE empties it");
    let account = |_: &mut EnvironmentSpec, gke: &mut GkeSpec, _: &mut Observed, _: &mut GkeObserved| {
        gke.node_service_account = Some("nodes@acme.iam.gserviceaccount.com".to_owned());
    };
    assert_eq!(planned(account).unwrap().len(), 4, "both pools");
    // One that was imported and whose deletion would heed no budget is emptied first.
    let steps = planned(|spec, _, _, found| {
        spec.node_pools.remove(&apps());
        found.node_pools.get_mut("apps").unwrap().deletion_heeds_budgets = false;
    })
    .unwrap();
    assert_eq!(
        steps[0].drain.as_ref().map(ToString::to_string).unwrap(),
        "nodes with cloud.google.com/gke-nodepool=apps"
    );
}

#[test]
fn a_replacement_goes_on_where_it_was_left() {
    // The new node pool is there, and the old one is not gone yet.
    check(
        |spec, _, _, found| {
            apps_of(spec).spot = true;
            let mut new = node_pool(spec, &apps());
            new.status = Status::Active;
            found.node_pools.insert("apps-2d7c26f0".to_owned(), new);
        },
        expect!["0: delete node pool apps"],
    );
}

#[test]
fn pools_come_go_and_are_mended() {
    check(
        |spec, _, _, found| {
            let like = apps_of(spec).clone();
            spec.node_pools.insert("jobs".parse().unwrap(), like);
            spec.node_pools.remove(&"system".parse().unwrap());
            let apps = found.node_pools.get_mut("apps").unwrap();
            (apps.status, apps.count, apps.per_zone) = (Status::Failed, 0, None);
        },
        expect![[r#"
            0: delete node pool apps
            1: create node pool apps of e2-standard-4
            1: create node pool jobs of e2-standard-4
            2: delete node pool system"#]],
    );
    // Somebody else's, and what goes already, are left alone.
    check(
        |_, _, _, found| {
            let mut other = found.node_pools["apps"].clone();
            other.resource_labels.clear();
            found.node_pools.insert("other".to_owned(), other.clone());
            other.status = Status::Deleting;
            found.node_pools.insert("going".to_owned(), other);
        },
        expect![""],
    );
}

#[test]
fn a_pool_that_lacks_nodes_is_told_its_number_again() {
    let degraded = |edit: fn(&mut PoolSpec)| {
        move |spec: &mut EnvironmentSpec, _: &mut GkeSpec, observed: &mut Observed, found: &mut GkeObserved| {
            observed.status = Status::Degraded;
            edit(apps_of(spec));
            let pool = found.node_pools.get_mut("apps").unwrap();
            pool.status = Status::Degraded;
            let (min, max) = spec.node_pools[&apps()].size.bounds();
            pool.autoscaling = (min != max).then_some((min, max));
        }
    };
    check(degraded(|_| {}), expect!["0: mend node pool apps: 3 nodes again"]);
    // Any other change makes GKE try again as well, and an autoscaler tries by itself.
    check(degraded(|pool| pool.size = PoolSize::Fixed(6)), expect!["0: change node pool apps: 6 nodes"]);
    check(degraded(|pool| pool.size = PoolSize::Autoscale { min: 1, max: 9 }), expect![""]);
}

#[test]
fn versions_rise_minor_by_minor() {
    let steps = check(
        |spec, _, _, _| spec.kubernetes.version = "1.35".parse().unwrap(),
        expect![[r#"
            0: upgrade control plane from 1.33 to 1.34
            1: upgrade node pool apps to 1.34
            1: upgrade node pool system to 1.34
            2: upgrade control plane from 1.34 to 1.35
            3: upgrade node pool apps to 1.35
            3: upgrade node pool system to 1.35"#]],
    );
    assert!(matches!(changes(&steps)[1], GkeChange::UpdatePool { setting: PoolSetting::Version { to: None, .. }, .. }));
    // A pool that is to stay behind gets its own version by name.
    let steps = planned(|spec, _, observed, found| {
        observed.version = "1.34".parse().unwrap();
        spec.kubernetes.version = "1.34".parse().unwrap();
        apps_of(spec).version = "1.33".parse().ok();
        found.node_pools.get_mut("apps").unwrap().version = "1.32".parse().unwrap();
        found.node_pools.get_mut("system").unwrap().version = "1.34".parse().unwrap();
    });
    let steps = steps.unwrap();
    assert_eq!(words(&steps), "0: upgrade node pool apps to 1.33");
    assert!(matches!(
        changes(&steps)[0],
        GkeChange::UpdatePool { setting: PoolSetting::Version { to: Some(_), .. }, .. }
    ));
}

#[test]
fn nothing_is_taken_back() {
    let refusal = |edit: fn(&mut EnvironmentSpec)| planned(|spec, _, _, _| edit(spec)).unwrap_err().to_string();
    expect![
        "kubernetes.version: the cluster runs 1.33, and GKE takes no control plane back to 1.32; use at least 1.33"
    ]
    .assert_eq(&refusal(|spec| spec.kubernetes.version = "1.32".parse().unwrap()));
    expect![[r#"node_pools["apps"].version: the pool runs 1.33, and is not taken back to 1.32; use at least 1.33"#]]
        .assert_eq(&refusal(|spec| apps_of(spec).version = "1.32".parse().ok()));
}

#[test]
fn what_gke_gave_up_on_is_told_as_that() {
    let failed = planned(|_, _, observed, _| {
        observed.status = Status::Failed;
        observed.status_reason = Some(ServerText::new("no machines"));
    });
    assert!(matches!(&failed, Err(Unplannable::Failed(reason)) if reason.as_str() == "no machines"), "{failed:?}");
    assert_eq!(planned(|_, _, observed, _| observed.status = Status::Deleting).unwrap(), []);
}

#[test]
fn what_cannot_be_changed_is_told() {
    let ((mut spec, mut gke), (observed, found)) = (example(), found());
    assert_eq!(differences(&observed, &found, &spec, &gke), []);
    gke.network = Some("projects/acme/global/networks/default".to_owned());
    assert_eq!(differences(&observed, &found, &spec, &gke), [], "a path of the same name");
    gke.network = Some("other".to_owned());
    gke.subnetwork = Some("other".to_owned());
    spec.network.pod_cidr = Some("10.0.0.0/14".to_owned());
    spec.region = Some("europe-west4".parse().unwrap());
    let paths: Vec<String> =
        differences(&observed, &found, &spec, &gke).iter().map(|found| found.path.to_string()).collect();
    assert_eq!(paths, ["region", "network.pod_cidr", "gke.network", "gke.subnetwork"]);
}

#[test]
fn steps_survive_as_text() {
    let (spec, gke) = example();
    let steps = create(&spec, &gke).unwrap();
    let text = serde_json::to_string(&steps).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Step>>(&text).unwrap(), steps);
}

/// What there is once steps were done, as far as plans look at it.
fn after(
    spec: &EnvironmentSpec,
    (mut observed, mut found): (Observed, GkeObserved),
    steps: &[Step],
) -> (Observed, GkeObserved) {
    for change in changes(steps) {
        match change {
            GkeChange::SetLabels { labels } => {
                observed.tags = labels.clone();
                observed.tags.retain(|key, _| !key.starts_with("goog-"));
            }
            GkeChange::UpdatePool { pool, setting: PoolSetting::ResourceLabels(labels) } => {
                found.node_pools.get_mut(pool).expect("a pool to mark").resource_labels = labels.clone();
            }
            GkeChange::CreatePool(new) => {
                let made = node_pool(spec, &new.resource_labels[POOL_LABEL].parse().unwrap());
                assert!(found.node_pools.insert(new.name.clone(), made).is_none(), "{} is there", new.name);
            }
            GkeChange::DeletePool { pool } => drop(found.node_pools.remove(pool).expect("a pool to delete")),
            GkeChange::CreateCluster(_)
            | GkeChange::UpdateCluster(_)
            | GkeChange::UpdatePool { .. }
            | GkeChange::SetMaintenanceWindow { .. }
            | GkeChange::DeleteCluster
            | GkeChange::SetPoolSize { .. }
            | GkeChange::SetPoolAutoscaling { .. } => panic!("nothing here asks for it: {change:?}"),
        }
    }
    (observed, found)
}

/// Stage by stage to the end, planning anew each time, as the driver does and whoever takes over from it.
#[test]
fn nothing_of_an_imported_cluster_is_left_behind() {
    let ((mut spec, gke), (mut observed, mut found)) = (example(), found());
    let like = apps_of(&mut spec).clone();
    for name in ["old", "broken", "odd"] {
        spec.node_pools.insert(name.parse().unwrap(), like.clone());
        found.node_pools.insert(name.to_owned(), node_pool(&spec, &name.parse().unwrap()));
    }
    // One is not desired, one never came to be, one failed with nodes, and one has another price class.
    spec.node_pools.remove(&"old".parse().unwrap());
    let broken = found.node_pools.get_mut("broken").unwrap();
    (broken.status, broken.count, broken.per_zone) = (Status::Failed, 0, None);
    let odd = found.node_pools.get_mut("odd").unwrap();
    (odd.status, odd.deletion_heeds_budgets) = (Status::Failed, false);
    apps_of(&mut spec).spot = true;
    observed.tags = BTreeMap::new();
    for (name, pool) in &mut found.node_pools {
        pool.resource_labels = BTreeMap::new();
        pool.pool = name.parse().unwrap();
    }
    let mut world = (observed, found);
    let mut told = Vec::new();
    while told.len() < 20 {
        let mut steps = update(&world.0, &world.1, &spec, &gke).unwrap();
        let Some(first) = steps.first().map(|step| step.stage) else { break };
        steps.retain(|step| step.stage == first);
        let words = steps.iter().map(|step| format!("{step}{}", if step.drain.is_some() { " (drained)" } else { "" }));
        told.push(words.collect::<Vec<_>>().join(" | "));
        world = after(&spec, world, &steps);
    }
    expect![[r#"
        change node pool system: mark
        delete node pool broken
        create node pool apps-2d7c26f0 of e2-standard-4 | create node pool broken of e2-standard-4 | create node pool odd-c54edd9a of e2-standard-4
        delete node pool odd (drained) | delete node pool apps | delete node pool old
        label cluster"#]]
    .assert_eq(&told.join("\n"));
    let left: Vec<&str> = world.1.node_pools.keys().map(String::as_str).collect();
    assert_eq!(left, ["apps-2d7c26f0", "broken", "odd-c54edd9a", "system"]);
}
