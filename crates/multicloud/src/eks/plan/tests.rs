//! Plans against a world that takes only what EKS takes.

use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::eks::convert::{ACCESS_PART, ADDONS_PART};
use crate::environment::{CloudObserved, CloudSpec, KubernetesSpec, NetworkSpec, Role};

/// A spec with one pool of two nodes.
pub(crate) fn example() -> (EnvironmentSpec, EksSpec) {
    let eks = EksSpec {
        role_arn: "arn:aws:iam::123456789012:role/eks".to_owned(),
        node_role_arn: "arn:aws:iam::123456789012:role/node".to_owned(),
        ..EksSpec::default()
    };
    let pool = PoolSpec {
        machine_type: "t3.large".parse().unwrap(),
        size: PoolSize::Fixed(2),
        mode: PoolMode::System,
        labels: BTreeMap::new(),
        taints: BTreeSet::new(),
        zones: BTreeSet::new(),
        spot: false,
        disk_size_gb: None,
        version: None,
        max_surge: None,
        drain_timeout: None,
    };
    let spec = EnvironmentSpec {
        owner: "platform".parse().unwrap(),
        name: "prod".parse().unwrap(),
        role: Role::Workload,
        region: Some("us-east-1".parse().unwrap()),
        kubernetes: KubernetesSpec { version: "1.31".parse().unwrap(), maintenance_window: None },
        node_pools: [("system".parse().unwrap(), pool)].into(),
        network: NetworkSpec {
            subnet_ids: ["subnet-a".to_owned(), "subnet-b".to_owned()].into(),
            ..NetworkSpec::default()
        },
        tags: BTreeMap::new(),
        deletion_protection: false,
        cloud: CloudSpec::Eks(eks.clone()),
    };
    (spec, eks)
}

/// The world after the steps were done, as far as plans look at it. Written from the requests' descriptions, and not
/// from the plan.
fn after(observed: Option<(Observed, EksObserved)>, steps: &[Step]) -> Option<(Observed, EksObserved)> {
    steps.iter().fold(observed, |observed, step| {
        let Change::Eks(change) = &step.change else { panic!("not a change of EKS") };
        apply(observed, change)
    })
}

fn apply(observed: Option<(Observed, EksObserved)>, change: &EksChange) -> Option<(Observed, EksObserved)> {
    if let EksChange::CreateCluster(new) = change {
        assert!(observed.is_none(), "there is one already");
        return Some(new_world(new));
    }
    let (mut observed, mut found) = observed.expect("a cluster to change");
    match change {
        EksChange::CreateCluster(_) => unreachable!("handled above"),
        EksChange::UpgradeCluster { to, .. } => {
            assert_eq!(to.minors_ahead_of(observed.version), Some(1), "one minor at a time");
            observed.version = *to;
            for group in found.node_groups.values() {
                let behind = to.minors_ahead_of(group.version).unwrap();
                assert!(behind <= EnvironmentSpec::MAX_POOL_SKEW, "a pool fell {behind} minors behind");
            }
        }
        EksChange::ConfigureCluster(setting) => match setting.clone() {
            ClusterSetting::EndpointAccess { public, private, cidrs } => {
                (found.public_access, found.private_access) = (public, private);
                observed.network.authorized_cidrs = cidrs;
            }
            ClusterSetting::Subnets { subnet_ids, security_group_ids } => {
                observed.network.subnet_ids = subnet_ids;
                found.security_group_ids = security_group_ids;
            }
            ClusterSetting::Logging(types) => found.log_types = types,
            ClusterSetting::AuthenticationMode(mode) => found.authentication_mode = Some(mode),
            ClusterSetting::SupportType(support) => found.support_type = Some(support),
            ClusterSetting::DeletionProtection(on) => observed.deletion_protection = Some(on),
        },
        EksChange::EncryptSecrets { key_arn } => {
            assert_eq!(found.encryption_key_arn.replace(key_arn.clone()), None, "never changed");
        }
        EksChange::DeleteCluster => {
            assert!(found.node_groups.is_empty(), "EKS refuses to delete a cluster with groups");
            return None;
        }
        EksChange::CreateGroup(new) => {
            assert_eq!(new.version, observed.version, "a new group has the cluster's version");
            assert!(new.max >= 1 && new.min <= new.desired && new.desired <= new.max);
            let before = found.node_groups.insert(new.group.clone(), new_group(new, found.node_groups.len()));
            assert!(before.is_none(), "{} exists already", new.group);
        }
        EksChange::UpgradeGroup { group, to, .. } => {
            assert_eq!(*to, observed.version, "a group takes the cluster's version or none");
            found.node_groups.get_mut(group).expect("a group").version = *to;
        }
        EksChange::ConfigureGroup(settings) => {
            let group = found.node_groups.get_mut(&settings.group).expect("a group");
            if let Some(size) = settings.size {
                (group.min, group.max) = (size.min, size.max);
                group.desired = size.desired.unwrap_or(group.desired);
            }
            assert!(group.min <= group.desired && group.desired <= group.max && group.max >= 1);
            group.labels.retain(|key, _| !settings.remove_labels.contains(key));
            group.labels.extend(settings.set_labels.clone());
            group.taints.retain(|taint| {
                let same = |set: &Taint| set.key == taint.key && set.effect == taint.effect;
                !settings.remove_taints.contains(taint) && !settings.set_taints.iter().any(same)
            });
            group.taints.extend(settings.set_taints.clone());
            group.max_surge = settings.max_surge.or(group.max_surge);
        }
        EksChange::DeleteGroup { group } => {
            found.node_groups.remove(group).expect("a group to delete");
        }
        EksChange::Tag { arn, tags } => tags_of(&mut observed, &mut found, arn).extend(tags.clone()),
        EksChange::Untag { arn, keys } => {
            tags_of(&mut observed, &mut found, arn).retain(|key, _| !keys.contains(key));
        }
        EksChange::CreateAddon { .. }
        | EksChange::UpdateAddon { .. }
        | EksChange::DeleteAddon { .. }
        | EksChange::CreateAccessEntry { .. }
        | EksChange::UpdateAccessEntry { .. }
        | EksChange::DeleteAccessEntry { .. }
        | EksChange::GrantPolicy { .. }
        | EksChange::RevokePolicy { .. } => panic!("these worlds have none: {change:?}"),
    }
    Some((observed, found))
}

fn tags_of<'a>(observed: &'a mut Observed, found: &'a mut EksObserved, arn: &str) -> &'a mut BTreeMap<String, String> {
    match found.node_groups.values_mut().find(|group| group.arn == arn) {
        Some(group) => &mut group.tags,
        None => {
            assert_eq!(found.arn, arn);
            &mut observed.tags
        }
    }
}

fn new_world(new: &NewCluster) -> (Observed, EksObserved) {
    let found = EksObserved {
        arn: "arn:aws:eks:us-east-1:123456789012:cluster/prod".to_owned(),
        cluster_status: Status::Active,
        role_arn: new.role_arn.clone(),
        security_group_ids: new.security_group_ids.clone(),
        public_access: new.public_access,
        private_access: new.private_access,
        authentication_mode: Some(new.authentication_mode),
        log_types: new.log_types.clone(),
        encryption_key_arn: new.encryption_key_arn.clone(),
        support_type: Some(new.support_type.unwrap_or(crate::eks::SupportType::Extended)),
        node_groups: BTreeMap::new(),
        addons: None,
        access_entries: None,
    };
    let observed = Observed {
        id: "eks/123456789012/us-east-1/prod".parse().unwrap(),
        region: Some("us-east-1".parse().unwrap()),
        uid: "1".to_owned(),
        status: Status::Active,
        status_reason: None,
        version: new.version,
        full_version: new.version.to_string(),
        endpoint: None,
        certificate_authority_data: None,
        oidc_issuer_url: None,
        node_pools: BTreeMap::new(),
        network: NetworkSpec {
            subnet_ids: new.subnet_ids.clone(),
            service_cidr: Some("10.100.0.0/16".to_owned()),
            authorized_cidrs: new.authorized_cidrs.clone(),
            ..NetworkSpec::default()
        },
        tags: new.tags.clone(),
        deletion_protection: Some(new.deletion_protection),
        cloud: CloudObserved::Eks(found.clone()),
    };
    (observed, found)
}

fn new_group(new: &NewGroup, created: usize) -> ObservedGroup {
    ObservedGroup {
        pool: new.tags[POOL_TAG].parse().unwrap(),
        arn: format!("arn:aws:eks:us-east-1:123456789012:nodegroup/prod/{}/1", new.group),
        created_at_ms: i64::try_from(created).unwrap(),
        status: Status::Active,
        status_reason: None,
        version: new.version,
        release_version: None,
        min: new.min,
        max: new.max,
        desired: new.desired,
        instance_types: vec![new.instance_type.clone()],
        ami_type: Some(new.ami_type.clone().unwrap_or_else(|| "AL2023_x86_64_STANDARD".to_owned())),
        spot: new.spot,
        disk_size_gb: Some(new.disk_size_gb.unwrap_or(20)),
        node_role_arn: new.node_role_arn.clone(),
        subnet_ids: new.subnet_ids.clone(),
        labels: new.labels.clone(),
        taints: new.taints.clone(),
        max_surge: Some(new.max_surge.unwrap_or(crate::environment::MaxSurge::Count(1))),
        tags: new.tags.clone(),
    }
}

/// A world that is as desired.
fn world(spec: &EnvironmentSpec, eks: &EksSpec) -> (Observed, EksObserved) {
    after(None, &create(spec, eks).unwrap()).unwrap()
}

#[track_caller]
fn check(steps: &[Step], expected: Expect) {
    let words: Vec<String> = steps.iter().map(|step| format!("{} {step}", step.stage)).collect();
    expected.assert_eq(&words.join("\n"));
}

#[test]
fn upgrades_go_minor_by_minor() {
    let (mut spec, eks) = example();
    let pool = spec.node_pools.values().next().unwrap().clone();
    spec.node_pools.insert("apps".parse().unwrap(), pool);
    let (observed, found) = world(&spec, &eks);
    spec.kubernetes.version = "1.33".parse().unwrap();
    check(
        &update(&observed, &found, &spec, &eks).unwrap(),
        expect![[r#"
        0 upgrade control plane from 1.31 to 1.32
        1 upgrade node group apps to 1.32
        1 upgrade node group system to 1.32
        2 upgrade control plane from 1.32 to 1.33
        3 upgrade node group apps to 1.33
        3 upgrade node group system to 1.33"#]],
    );
}

#[test]
fn a_group_that_goes_is_taken_along_no_further_than_needed() {
    let (mut spec, eks) = example();
    let (observed, found) = world(&spec, &eks);
    spec.kubernetes.version = "1.34".parse().unwrap();
    spec.node_pools.values_mut().next().unwrap().machine_type = "m7i.large".parse().unwrap();
    check(
        &update(&observed, &found, &spec, &eks).unwrap(),
        expect![[r#"
        0 upgrade control plane from 1.31 to 1.32
        1 upgrade control plane from 1.32 to 1.33
        2 upgrade node group system to 1.33
        3 upgrade control plane from 1.33 to 1.34
        4 create node group system-8ec84790 of m7i.large
        5 delete node group system"#]],
    );
}

#[test]
fn a_group_that_failed_is_made_anew_under_its_name() {
    let (spec, eks) = example();
    let (observed, mut found) = world(&spec, &eks);
    found.node_groups.get_mut("system").unwrap().status = Status::Failed;
    check(
        &update(&observed, &found, &spec, &eks).unwrap(),
        expect![[r#"
        0 delete node group system
        1 create node group system of t3.large"#]],
    );
}

#[test]
fn an_imported_cluster_is_marked_last() {
    let (spec, eks) = example();
    let (mut observed, mut found) = world(&spec, &eks);
    observed.tags =
        [("aws:cloudformation:stack-name".to_owned(), "x".to_owned()), ("old".to_owned(), "1".to_owned())].into();
    // What only the group has was put there by others, and stays.
    found.node_groups.get_mut("system").unwrap().tags =
        [("theirs".to_owned(), "1".to_owned()), ("old".to_owned(), "1".to_owned())].into();
    check(
        &update(&observed, &found, &spec, &eks).unwrap(),
        expect![[r#"
        0 tag system: multicloud-environment, multicloud-mode, multicloud-owner, multicloud-pool
        0 untag system: old
        1 tag cluster: multicloud-environment, multicloud-owner
        2 untag cluster: old"#]],
    );
}

/// Stage by stage to the end, planning anew each time, as the driver does and whoever takes over from it.
#[test]
fn nothing_of_an_imported_cluster_is_left_behind() {
    let (mut spec, eks) = example();
    let like = spec.node_pools.values().next().unwrap().clone();
    for name in ["old", "other"] {
        spec.node_pools.insert(name.parse().unwrap(), like.clone());
    }
    let (mut observed, mut found) = world(&spec, &eks);
    observed.tags = BTreeMap::new();
    for group in found.node_groups.values_mut() {
        group.tags = BTreeMap::new();
    }
    // One is not desired, and one has other machines.
    spec.node_pools.remove(&"old".parse().unwrap());
    spec.node_pools.get_mut(&"other".parse().unwrap()).unwrap().machine_type = "m7i.large".parse().unwrap();
    let mut world = (observed, found);
    let mut told = Vec::new();
    while told.len() < 20 {
        let mut steps = update(&world.0, &world.1, &spec, &eks).unwrap();
        let Some(first) = steps.first().map(|step| step.stage) else { break };
        steps.retain(|step| step.stage == first);
        told.push(steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "));
        world = after(Some(world), &steps).unwrap();
    }
    expect![[r#"
        tag system: multicloud-environment, multicloud-mode, multicloud-owner, multicloud-pool
        create node group other-8ec84790 of m7i.large
        delete node group other | delete node group old
        tag cluster: multicloud-environment, multicloud-owner"#]]
    .assert_eq(&told.join("\n"));
    assert_eq!(world.1.node_groups.keys().collect::<Vec<_>>(), ["other-8ec84790", "system"]);
}

#[test]
fn nodes_that_go_while_the_cluster_stays_are_drained() {
    let drains = |steps: &[Step]| -> Vec<(String, Duration)> {
        let drains = steps.iter().filter_map(|step| step.drain.as_ref());
        drains.map(|drain| (format!("{}={}", drain.label, drain.value), drain.timeout)).collect()
    };
    let (mut spec, eks) = example();
    let apps = spec.node_pools.values().next().unwrap().clone();
    spec.node_pools.insert("apps".parse().unwrap(), apps);
    let (observed, found) = world(&spec, &eks);
    assert_eq!(drains(&update(&observed, &found, &spec, &eks).unwrap()), []);
    assert_eq!(drains(&delete(&observed, &found)), [], "with the cluster go all who could be moved");

    spec.node_pools.remove(&"apps".parse().unwrap());
    let system = spec.node_pools.values_mut().next().unwrap();
    system.machine_type = "m7i.large".parse().unwrap();
    system.drain_timeout = Some(Duration::from_secs(90));
    let steps = update(&observed, &found, &spec, &eks).unwrap();
    let (of_apps, of_system) = ("eks.amazonaws.com/nodegroup=apps", "eks.amazonaws.com/nodegroup=system");
    let expected = [(of_system.to_owned(), Duration::from_secs(90)), (of_apps.to_owned(), drain::DEFAULT_TIMEOUT)];
    assert_eq!(drains(&steps), expected);
    let last = steps.iter().map(|step| step.stage).max();
    assert!(steps.iter().all(|step| step.drain.is_none() || Some(step.stage) == last), "the successor comes first");
}

#[test]
fn deletion_takes_the_cluster_last() {
    let (mut spec, mut eks) = example();
    eks.addons.insert("vpc-cni".to_owned(), AddonSpec::default());
    let pool = spec.node_pools.values().next().unwrap().clone();
    spec.node_pools.insert("apps".parse().unwrap(), pool);
    let steps = create(&spec, &eks).unwrap();
    let (observed, mut found) = after(None, &steps[..3]).unwrap();
    assert!(crate::eks::convert::has_part(&observed.tags, ADDONS_PART));
    assert!(!crate::eks::convert::has_part(&observed.tags, ACCESS_PART));
    let addon = |tags| ObservedAddon {
        arn: String::new(),
        status: Status::Active,
        status_reason: None,
        version: None,
        configuration_values: None,
        service_account_role_arn: None,
        tags,
    };
    let ours = ("vpc-cni".to_owned(), addon(spec.tags_with_mark()));
    found.addons = Some([ours, ("theirs".to_owned(), addon(BTreeMap::new()))].into());
    check(
        &delete(&observed, &found),
        expect![[r#"
        0 delete node group apps
        0 delete node group system
        1 delete add-on vpc-cni
        2 delete cluster prod"#]],
    );
}

#[test]
fn a_cluster_that_failed_can_only_be_deleted() {
    let (spec, eks) = example();
    let (mut observed, found) = world(&spec, &eks);
    observed.status = Status::Failed;
    observed.status_reason = Some(ServerText::new("InsufficientFreeAddresses"));
    let error = update(&observed, &found, &spec, &eks).unwrap_err();
    assert!(error.to_string().contains("InsufficientFreeAddresses"), "{error}");
    assert_eq!(delete(&observed, &found).last().map(|step| step.action), Some(Action::Delete));
}

#[test]
fn fields_that_cannot_change_are_differences() {
    let (mut spec, mut eks) = example();
    let (observed, found) = world(&spec, &eks);
    assert_eq!(differences(&observed, &found, &spec, &eks), []);
    spec.network.service_cidr = Some("10.200.0.0/16".to_owned());
    spec.region = Some("eu-west-1".parse().unwrap());
    eks.role_arn = "arn:aws:iam::123456789012:role/other".to_owned();
    let paths: Vec<String> =
        differences(&observed, &found, &spec, &eks).iter().map(|difference| difference.path.to_string()).collect();
    assert_eq!(paths, ["region", "eks.role_arn", "network.service_cidr"]);
}

#[test]
fn settings_of_addons_are_compared_by_meaning() {
    assert!(same_values(Some(r#"{"a": 1, "b": 2}"#), Some(r#"{"b":2,"a":1}"#)));
    assert!(same_values(None, None) && same_values(None, Some("")));
    assert!(!same_values(Some("a: 1"), Some("a: 2")) && !same_values(Some("{}"), None));
}

fn size() -> impl Strategy<Value = PoolSize> {
    prop_oneof![
        (0..5_u32).prop_map(PoolSize::Fixed),
        (0..4_u32, 1..5_u32).prop_map(|(min, more)| PoolSize::Autoscale { min, max: min + more }),
    ]
}

prop_compose! {
    fn any_pool()(
        size in size(),
        machine in prop_oneof![Just("t3.large"), Just("m7i.large")],
        spot in any::<bool>(),
        disk_size_gb in prop_oneof![Just(None), Just(Some(20)), Just(Some(50))],
        labels in proptest::collection::btree_map("[a-c]", "[x-z]", 0..3),
        taints in proptest::collection::btree_map("[a-c]", "[x-z]", 0..3),
        mode in prop_oneof![Just(PoolMode::System), Just(PoolMode::User)],
    ) -> PoolSpec {
        let (spec, _) = example();
        let taint = |(key, value)| Taint { key, effect: crate::environment::TaintEffect::NoSchedule, value };
        PoolSpec {
            size,
            machine_type: machine.parse().unwrap(),
            spot,
            disk_size_gb,
            labels,
            taints: taints.into_iter().map(taint).collect(),
            mode,
            ..spec.node_pools.values().next().unwrap().clone()
        }
    }
}

prop_compose! {
    fn any_spec()(
        pools in proptest::collection::btree_map("[a-c]", any_pool(), 1..4),
        tags in proptest::collection::btree_map("[a-c]", "[x-z]", 0..3),
        subnets in proptest::collection::btree_set("subnet-[a-d]", 2..4),
        private_endpoint in any::<bool>(),
        private_access in any::<bool>(),
        deletion_protection in any::<bool>(),
    ) -> (EnvironmentSpec, EksSpec) {
        let (mut spec, mut eks) = example();
        spec.node_pools = pools.into_iter().map(|(name, pool)| (name.parse().unwrap(), pool)).collect();
        spec.tags = tags;
        spec.network.subnet_ids = subnets;
        spec.network.private_endpoint = private_endpoint;
        spec.deletion_protection = deletion_protection;
        eks.private_access = private_access;
        (spec, eks)
    }
}

proptest! {
    /// From any environment to any other, stage by stage as the driver does it: every request is one that EKS takes
    /// (the world above refuses others), no plan repeats itself, the last one is empty, and deletion ends with nothing.
    #[test]
    fn any_change_converges((from, from_eks) in any_spec(), (mut to, to_eks) in any_spec(), minors in 0..4_u16) {
        to.kubernetes.version.minor += minors;
        let mut observed = world(&from, &from_eks);
        let mut stages = 0;
        loop {
            let steps = update(&observed.0, &observed.1, &to, &to_eks).unwrap();
            prop_assert!(steps.is_sorted_by_key(|step| step.stage));
            let Some(first) = steps.first().map(|step| step.stage) else { break };
            let stage: Vec<Step> = steps.into_iter().filter(|step| step.stage == first).collect();
            observed = after(Some(observed), &stage).unwrap();
            stages += 1;
            prop_assert!(stages < 40, "it does not end");
        }
        let served: BTreeSet<&PoolName> = observed.1.node_groups.values().map(|group| &group.pool).collect();
        prop_assert_eq!(served, to.node_pools.keys().collect());
        prop_assert_eq!(observed.1.node_groups.len(), to.node_pools.len());
        let steps = delete(&observed.0, &observed.1);
        prop_assert_eq!(after(Some(observed), &steps), None);
    }
}
