//! What EKS alone has, through the driver on the simulator: add-ons, access entries, settings of the control plane,
//! groups that replace others, and the forms in which EKS says that something went wrong.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

mod eks_world;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use multicloud::conformance::World as _;
use multicloud::eks::{
    AccessEntrySpec, AccessScope, AddonSpec, AuthenticationMode, AwsSettings, Eks, EksSpec, LogType, NodeGroupSpec,
};
use multicloud::environment::{CloudObserved, CloudSpec, EnvironmentSpec, MaxSurge, Observed, PoolSize, Status};
use multicloud::{
    Backend, Clock, Driver, EnvironmentId, ErrorChain, ErrorKind, Jitter, Outcome, PoolName, Run, Secret, Target,
};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use self::eks_world::{ACCOUNT, REGION, SUBNETS, Simulated, pool, spec};

const TIMEOUT: Duration = Duration::from_secs(4 * 3600);
const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
const ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn eks(spec: &mut EnvironmentSpec) -> &mut EksSpec {
    let CloudSpec::Eks(eks) = &mut spec.cloud else { panic!("not an EKS spec") };
    eks
}

fn named(name: &str) -> PoolName {
    name.parse().unwrap()
}

#[track_caller]
fn assert_converged(outcome: &Outcome) {
    let problems: Vec<String> = outcome.errors().into_iter().map(|error| ErrorChain(error).to_string()).collect();
    assert!(outcome.is_converged(), "{problems:#?}");
}

/// One environment on a simulator of its own.
struct Bench {
    world: Simulated,
    driver: Driver,
    spec: EnvironmentSpec,
    id: EnvironmentId,
}

impl Bench {
    async fn new(world: Simulated, edit: impl FnOnce(&mut EnvironmentSpec)) -> Self {
        let mut spec = spec("prod");
        edit(&mut spec);
        let driver = driver(&world, world.settings());
        let id = format!("eks/{ACCOUNT}/{REGION}/prod").parse().unwrap();
        Self { world, driver, spec, id }
    }

    async fn created(edit: impl FnOnce(&mut EnvironmentSpec)) -> Self {
        let bench = Self::new(Simulated::start().await, edit).await;
        assert_converged(&bench.create().await);
        bench.assert_content().await;
        bench
    }

    async fn create(&self) -> Outcome {
        self.driver.create(&self.spec, Run::new(TIMEOUT, &|_| {})).await
    }

    fn target(&self) -> Target {
        Target { id: self.id.clone(), mark: self.spec.mark(), uid: None, deletion_protection: false }
    }

    /// Updates, and returns the changes that took effect meanwhile, by the names of their requests.
    async fn updated(&self) -> Vec<String> {
        let before = self.world.running.journal().len();
        assert_converged(&self.driver.update(&self.target(), &self.spec, Run::new(TIMEOUT, &|_| {})).await);
        self.assert_content().await;
        let journal = self.world.running.journal();
        let changes = journal[before..].iter().filter(|entry| entry.committed);
        changes.map(|entry| entry.operation.to_owned()).collect()
    }

    async fn deleted(&self) {
        assert_converged(&self.driver.delete(&self.target(), Run::new(TIMEOUT, &|_| {})).await);
        assert!(self.driver.read(&self.id).await.expect("reading").is_none());
    }

    async fn observed(&self) -> Observed {
        self.driver.read(&self.id).await.expect("reading").expect("it exists")
    }

    async fn assert_content(&self) {
        let observed = self.observed().await;
        assert_eq!(observed.status, Status::Active, "{:?}", observed.status_reason);
        let open = self.driver.backend().plan(Some(&observed), Some(&self.spec)).expect("a plan");
        assert_eq!(open, [], "an empty plan must follow");
    }
}

fn driver(world: &Simulated, settings: AwsSettings) -> Driver {
    let backend: Arc<dyn Backend> = Arc::new(Eks::new(settings));
    let clock: Arc<dyn Clock> = Arc::clone(&world.clock);
    Driver::new(backend, clock, Jitter::seeded(1), world.poll_interval())
}

fn found(observed: &Observed) -> &multicloud::eks::EksObserved {
    let CloudObserved::Eks(found) = &observed.cloud else { panic!("not an EKS environment") };
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addons_come_change_and_go() {
    let mut bench = Bench::created(|spec| {
        spec.kubernetes.version = "1.33".parse().unwrap();
        eks(spec).addons =
            [("vpc-cni".to_owned(), AddonSpec::default()), ("coredns".to_owned(), AddonSpec::default())].into();
    })
    .await;
    let observed = bench.observed().await;
    assert_eq!(found(&observed).addons.as_ref().map(|addons| addons.len()), Some(2));

    let values = r#"{"replicaCount": 3}"#;
    eks(&mut bench.spec).addons.get_mut("coredns").unwrap().configuration_values = Some(values.to_owned());
    eks(&mut bench.spec).addons.get_mut("vpc-cni").unwrap().service_account_role_arn = Some(role("eks-addon"));
    assert_eq!(bench.updated().await, ["UpdateAddon", "UpdateAddon"]);
    eks(&mut bench.spec).addons.get_mut("coredns").unwrap().configuration_values = None;
    assert_eq!(bench.updated().await, ["UpdateAddon"]);

    eks(&mut bench.spec).addons.insert("kube-proxy".to_owned(), AddonSpec { preserve: true, ..AddonSpec::default() });
    eks(&mut bench.spec).addons.remove("coredns");
    assert_eq!(bench.updated().await, ["DeleteAddon", "CreateAddon"]);

    // Without any, nothing of them is asked for from then on.
    eks(&mut bench.spec).addons.clear();
    assert_eq!(bench.updated().await, ["DeleteAddon", "DeleteAddon", "UntagResource"]);
    let before = bench.world.requests().len();
    assert_eq!(found(&bench.observed().await).addons, None);
    assert_eq!(bench.world.requests()[before..], ["DescribeCluster", "ListNodegroups", "DescribeNodegroup"]);
    bench.deleted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_asks_once_per_group_and_twice_besides() {
    let bench = Bench::created(|spec| {
        spec.node_pools.insert(named("apps"), pool());
    })
    .await;
    let before = bench.world.requests().len();
    bench.observed().await;
    let mut asked = bench.world.requests().split_off(before);
    asked.sort();
    assert_eq!(asked, ["DescribeCluster", "DescribeNodegroup", "DescribeNodegroup", "ListNodegroups"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_entries_come_change_and_go() {
    let entry = |groups: &[&str], policies: &[(&str, AccessScope)]| AccessEntrySpec {
        kubernetes_groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        policies: policies.iter().map(|(policy, scope)| ((*policy).to_owned(), scope.clone())).collect(),
        ..AccessEntrySpec::default()
    };
    let team = || AccessScope::Namespaces(["team".to_owned()].into());
    let mut bench = Bench::created(|spec| {
        eks(spec).access_entries = [
            (role("admin"), entry(&[], &[(ADMIN, AccessScope::Cluster)])),
            (role("developer"), entry(&["devs"], &[(VIEW, team())])),
        ]
        .into();
    })
    .await;

    let developer = role("developer");
    eks(&mut bench.spec)
        .access_entries
        .insert(developer.clone(), entry(&["devs", "ops"], &[(VIEW, AccessScope::Cluster)]));
    let mut changes = bench.updated().await;
    changes.sort();
    assert_eq!(changes, ["AssociateAccessPolicy", "DisassociateAccessPolicy", "UpdateAccessEntry"]);
    let observed = bench.observed().await;
    let entries = found(&observed).access_entries.clone().expect("they are asked for");
    assert_eq!(entries[&developer].policies, [(VIEW.to_owned(), AccessScope::Cluster)].into());

    // What others let in stays: the entry that EKS makes for whoever creates a cluster, and that of the nodes.
    let others: Vec<_> =
        entries.keys().filter(|principal| !eks(&mut bench.spec).access_entries.contains_key(*principal)).collect();
    assert!(!others.is_empty(), "EKS lets nodes in by entries of their own");
    eks(&mut bench.spec).access_entries.clear();
    assert_eq!(bench.updated().await, ["DeleteAccessEntry", "DeleteAccessEntry", "UntagResource"]);
    bench.deleted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_change_one_at_a_time() {
    let mut bench = Bench::created(|spec| eks(spec).authentication_mode = AuthenticationMode::ConfigMap).await;
    let spec = &mut bench.spec;
    spec.network.subnet_ids.insert(SUBNETS[2].to_owned());
    spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
    spec.deletion_protection = true;
    let eks_spec = eks(spec);
    eks_spec.authentication_mode = AuthenticationMode::Api;
    eks_spec.private_access = true;
    eks_spec.log_types = [LogType::Api, LogType::Audit].into();
    eks_spec.security_group_ids = ["sg-0000000000000000a".to_owned()].into();
    eks_spec.support_type = Some(multicloud::eks::SupportType::Standard);
    eks_spec.encryption_key_arn =
        Some(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-00000000000a"));
    let changes = bench.updated().await;
    let configured = changes.iter().filter(|change| *change == "UpdateClusterConfig").count();
    assert_eq!((changes.len(), configured), (8, 7), "one request per kind: {changes:?}");

    // Groups stay in their subnets where the cluster gets another one, so nothing of them was replaced.
    eks(&mut bench.spec).log_types.clear();
    bench.spec.network.authorized_cidrs.clear();
    bench.spec.network.private_endpoint = true;
    bench.spec.deletion_protection = false;
    assert_eq!(bench.updated().await, ["UpdateClusterConfig"; 3]);
    assert!(bench.observed().await.network.private_endpoint);

    // What cannot be taken back is refused with the field that asks for it.
    let observed = bench.observed().await;
    let refused = |edit: fn(&mut EksSpec), path: &str| {
        let mut spec = bench.spec.clone();
        edit(eks(&mut spec));
        let error = bench.driver.backend().plan(Some(&observed), Some(&spec)).unwrap_err();
        assert!(ErrorChain(&error).to_string().contains(path), "{}", ErrorChain(&error));
    };
    refused(|eks| eks.encryption_key_arn = None, "eks.encryption_key_arn");
    refused(|eks| eks.authentication_mode = AuthenticationMode::ApiAndConfigMap, "eks.authentication_mode");
    bench.deleted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_cannot_change_is_replaced_beside_the_old_one() {
    let mut bench = Bench::created(|_| {}).await;
    let uid = bench.observed().await.uid;
    let system = named("system");
    let edits: [fn(&mut EnvironmentSpec); 6] = [
        |spec| spec.node_pools.get_mut(&named("system")).unwrap().machine_type = "m7i.xlarge".parse().unwrap(),
        |spec| spec.node_pools.get_mut(&named("system")).unwrap().disk_size_gb = Some(100),
        |spec| spec.node_pools.get_mut(&named("system")).unwrap().spot = true,
        |spec| eks(spec).ami_type = Some("BOTTLEROCKET_x86_64".to_owned()),
        |spec| {
            let group = NodeGroupSpec { subnet_ids: [SUBNETS[2].to_owned()].into(), ..NodeGroupSpec::default() };
            eks(spec).node_groups.insert(named("system"), group);
        },
        // And back to the first, whose group and name are free again.
        |spec| spec.node_pools.get_mut(&named("system")).unwrap().machine_type = "t3.large".parse().unwrap(),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        edit(&mut bench.spec);
        assert_eq!(bench.updated().await, ["CreateNodegroup", "DeleteNodegroup"], "edit {number}");
        let observed = bench.observed().await;
        assert_eq!(observed.uid, uid, "never the whole environment");
        assert_eq!(observed.node_pools.keys().collect::<Vec<_>>(), [&system]);
        assert_eq!(found(&observed).node_groups.len(), 1);
    }
    bench.deleted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_group_is_left_alone_until_the_cluster_goes() {
    let mut bench = Bench::created(|_| {}).await;
    let object = |group: &str| format!("{ACCOUNT}/{REGION}/clusters/prod/nodegroups/{group}");
    bench.world.running.put("eks", &object("theirs"), json!({ "tags": { "team": "theirs" } })).expect("a group");
    bench.world.running.put("eks", &object("apps"), json!({})).expect("a group");
    bench.assert_content().await;
    assert_eq!(bench.observed().await.node_pools.len(), 1);
    // Ours of the same name gets another one.
    bench.spec.node_pools.insert(named("apps"), pool());
    assert_eq!(bench.updated().await, ["CreateNodegroup"]);
    let observed = bench.observed().await;
    assert_eq!(observed.node_pools.keys().map(PoolName::as_str).collect::<Vec<_>>(), ["apps", "system"]);
    assert_eq!(found(&observed).node_groups.len(), 4);
    bench.deleted().await;
}

/// A cluster with groups `system`, `a` and `b`, imported and asked for without `b` and with other machines for `a`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_an_imported_cluster_is_left_behind() {
    let mut bench = Bench::created(|spec| {
        spec.node_pools.insert(named("a"), pool());
        spec.node_pools.insert(named("b"), pool());
    })
    .await;
    for part in ["", "/nodegroups/system", "/nodegroups/a", "/nodegroups/b"] {
        let object = format!("{ACCOUNT}/{REGION}/clusters/prod{part}");
        bench.world.running.put("eks", &object, json!({ "tags": {} })).expect("no marks");
    }
    bench.spec.node_pools.remove(&named("b"));
    bench.spec.node_pools.get_mut(&named("a")).unwrap().machine_type = "m7i.large".parse().unwrap();
    // Unmarked, it is known by its uid.
    let imported = Target { uid: Some(bench.observed().await.uid), ..bench.target() };
    assert_converged(&bench.driver.update(&imported, &bench.spec, Run::new(TIMEOUT, &|_| {})).await);
    bench.assert_content().await;
    let observed = bench.observed().await;
    assert!(observed.tags.contains_key("multicloud-owner"), "{:?}", observed.tags);
    let found = found(&observed);
    assert_eq!(found.node_groups.len(), 2, "{:?}", found.node_groups.keys());
    assert!(!found.node_groups.contains_key("a") && !found.node_groups.contains_key("b"));
    assert_eq!(observed.node_pools[&named("a")].machine_type, "m7i.large");
    bench.deleted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pinned_pools_stay_behind_and_catch_up() {
    let mut bench = Bench::created(|spec| {
        spec.node_pools.insert(named("pinned"), pool());
    })
    .await;
    bench.spec.node_pools.get_mut(&named("pinned")).unwrap().version = Some("1.31".parse().unwrap());
    bench.spec.kubernetes.version = "1.33".parse().unwrap();
    let upgrade = ["UpdateClusterVersion", "UpdateNodegroupVersion"];
    assert_eq!(bench.updated().await, [upgrade, upgrade].concat());
    assert_eq!(bench.observed().await.node_pools[&named("pinned")].version.to_string(), "1.31");
    bench.spec.node_pools.get_mut(&named("pinned")).unwrap().version = None;
    // A group takes the control plane's version at once.
    assert_eq!(bench.updated().await, ["UpdateNodegroupVersion"]);
    bench.deleted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_autoscaled_size_is_no_difference() {
    let mut bench = Bench::created(|spec| {
        let system = spec.node_pools.get_mut(&named("system")).unwrap();
        system.size = PoolSize::Autoscale { min: 1, max: 5 };
        system.max_surge = Some(MaxSurge::Count(2));
    })
    .await;
    let object = format!("{ACCOUNT}/{REGION}/clusters/prod/nodegroups/system");
    let scaled = json!({ "scalingConfig": { "minSize": 1, "maxSize": 5, "desiredSize": 4 } });
    bench.world.running.put("eks", &object, scaled).expect("a scaled group");
    bench.assert_content().await;
    let system = |bench: &mut Bench, size| bench.spec.node_pools.get_mut(&named("system")).unwrap().size = size;
    for (size, count) in [
        (PoolSize::Autoscale { min: 2, max: 6 }, 4),
        (PoolSize::Autoscale { min: 2, max: 3 }, 3),
        (PoolSize::Autoscale { min: 5, max: 6 }, 5),
        (PoolSize::Fixed(0), 0),
    ] {
        system(&mut bench, size);
        assert_eq!(bench.updated().await, ["UpdateNodegroupConfig"], "{size:?}");
        assert_eq!(bench.observed().await.node_pools[&named("system")].count, count, "{size:?}");
    }
    bench.spec.node_pools.get_mut(&named("system")).unwrap().max_surge = Some(MaxSurge::Percent(50));
    assert_eq!(bench.updated().await, ["UpdateNodegroupConfig"]);
    bench.deleted().await;
}

/// Every sort of trouble that the simulator has, at every request of a life.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_of_every_sort_is_survived() {
    let troubles = [
        json!({ "fault": "throttle_as_invalid_request" }),
        json!({ "fault": "html" }),
        json!({ "fault": "html", "point": "reply_lost" }),
        json!({ "fault": "empty" }),
        json!({ "fault": "empty", "point": "reply_lost" }),
        json!({ "fault": "internal_error" }),
        json!({ "fault": "internal_error", "point": "reply_lost" }),
        json!({ "fault": "drop", "point": "reply_cut" }),
        json!({ "fault": "expired_token" }),
        json!({ "fault": "busy" }),
        json!({ "fault": "not_yet_visible" }),
        json!({ "fault": "stale_status" }),
        json!({ "fault": "slow" }),
    ];
    let creations = ["CreateCluster", "CreateNodegroup"];
    let updates = ["UpdateNodegroupConfig", "UpdateClusterVersion", "UpdateNodegroupVersion", "UpdateClusterConfig"];
    let deletions = ["DeleteNodegroup", "DeleteCluster"];
    let questions = ["DescribeCluster", "ListNodegroups", "DescribeNodegroup", "DescribeUpdate"];
    for trouble in troubles {
        let fault = trouble["fault"].as_str().unwrap_or_default().to_owned();
        let is_course = ["not_yet_visible", "stale_status", "slow"].contains(&fault.as_str());
        let operations: Vec<&str> = match fault.as_str() {
            "not_yet_visible" => creations.to_vec(),
            "busy" => [updates.as_slice(), &deletions].concat(),
            _ if is_course => [creations.as_slice(), &updates, &deletions].concat(),
            _ => [creations.as_slice(), &updates, &deletions, &questions].concat(),
        };
        let world = Simulated::start().await;
        for operation in operations {
            let mut rule = trouble.clone();
            rule["operation"] = operation.into();
            world.faults(json!([rule]));
        }
        let mut bench = Bench::new(world, |_| {}).await;
        assert_converged(&bench.create().await);
        bench.assert_content().await;
        bench.spec.node_pools.get_mut(&named("system")).unwrap().size = PoolSize::Fixed(3);
        bench.spec.kubernetes.version = "1.32".parse().unwrap();
        eks(&mut bench.spec).log_types = [LogType::Audit].into();
        bench.updated().await;
        bench.deleted().await;
        let journal = bench.world.running.journal();
        let made = |operation: &str| journal.iter().filter(|e| e.committed && e.operation == operation).count();
        assert_eq!((made("CreateCluster"), made("CreateNodegroup")), (1, 1), "{trouble}");
        assert!(journal.iter().filter(|entry| entry.fault.is_some()).count() >= 2, "{trouble}: it was met");
    }
}

/// What the authenticator in a cluster does with a token: it sends the request that is in it, with the header that is
/// signed, and STS says who asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticator_learns_from_the_token_who_asks() {
    let bench = Bench::created(|_| {}).await;
    let access = bench.driver.access(&bench.id).await.expect("access");
    let token = access.credential.token.expose().strip_prefix("k8s-aws-v1.").expect("the prefix").to_owned();
    let url = String::from_utf8(URL_SAFE_NO_PAD.decode(token).expect("base64")).expect("a URL");
    let (host, path) =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("the STS of the settings");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("STS listens");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nx-k8s-aws-id: prod\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains(ACCOUNT), "{reply}");
    let life = access.credential.expires_at.duration_since(std::time::SystemTime::now()).expect("it lasts");
    assert!(life > Duration::from_secs(13 * 60) && life <= Duration::from_secs(14 * 60), "{life:?}");
}

/// Durations and delays as they come, one request in twelve meeting some trouble. A failure is repeated with its seed, by
/// `EKS_SEEDS=<seed>,…`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_seed_ends_well() {
    let seeds: Vec<u64> = match std::env::var("EKS_SEEDS") {
        Ok(seeds) => seeds.split(',').map(|seed| seed.trim().parse().expect("a number")).collect(),
        // Hashers begin differently in each process.
        Err(_) => (0..6).map(|_| RandomState::new().build_hasher().finish()).collect(),
    };
    for seed in seeds {
        println!("EKS_SEEDS={seed}");
        let world = Simulated::seeded(seed).await;
        world.faults(json!([
            { "operation": "*", "probability": 0.02, "times": 1000, "fault": "throttle", "retry_after": "1" },
            { "operation": "*", "probability": 0.02, "times": 1000, "fault": "internal_error", "point": "reply_lost" },
            { "operation": "*", "probability": 0.02, "times": 1000, "fault": "drop", "point": "reply_cut" },
            { "operation": "*", "probability": 0.02, "times": 1000, "fault": "drop", "point": "uncommitted" },
        ]));
        let mut bench = Bench::new(world, |spec| {
            spec.node_pools.insert(named("apps"), pool());
        })
        .await;
        assert_converged(&bench.create().await);
        bench.spec.kubernetes.version = "1.32".parse().unwrap();
        bench.spec.node_pools.get_mut(&named("apps")).unwrap().machine_type = "m7i.xlarge".parse().unwrap();
        bench.spec.node_pools.get_mut(&named("system")).unwrap().size = PoolSize::Fixed(3);
        bench.spec.tags.insert("team".to_owned(), "platform".to_owned());
        assert_converged(&bench.driver.update(&bench.target(), &bench.spec, Run::new(TIMEOUT, &|_| {})).await);
        let observed = bench.observed().await;
        assert_eq!(bench.driver.backend().plan(Some(&observed), Some(&bench.spec)).expect("a plan"), []);
        bench.deleted().await;
        let journal = bench.world.running.journal();
        let made = |operation: &str| journal.iter().filter(|e| e.committed && e.operation == operation).count();
        assert_eq!((made("CreateCluster"), made("CreateNodegroup")), (1, 3), "nothing was made twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_older_form_of_not_found_is_understood() {
    let bench = Bench::created(|_| {}).await;
    bench.deleted().await;
    let fault = json!([{ "operation": "DescribeCluster", "fault": "not_found_as_client_exception", "times": 4 }]);
    bench.world.faults(fault);
    assert!(bench.driver.read(&bench.id).await.expect("reading").is_none());
    assert_converged(&bench.driver.delete(&bench.target(), Run::new(TIMEOUT, &|_| {})).await);
}

/// Whoever is refused learns nothing about what exists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_never_taken_for_absence() {
    let bench = Bench::created(|_| {}).await;
    // Ended credentials are replaced once before they are told of.
    for (fault, times, kind) in
        [("access_denied", 1, ErrorKind::PermissionDenied), ("expired_token", 2, ErrorKind::Unauthenticated)]
    {
        bench.world.faults(json!([{ "operation": "DescribeCluster", "fault": fault, "times": times }]));
        let error = bench.driver.read(&bench.id).await.expect_err("a refusal");
        assert_eq!(error.kind, kind, "{}", ErrorChain(&error));
        assert!(error.request_id.is_some(), "support asks for it");
    }
    // The right name in another account: the answer "none" is not from where it was asked about.
    let mut elsewhere = bench.target();
    elsewhere.id = format!("eks/210987654321/{REGION}/prod").parse().unwrap();
    let error = bench.driver.read(&elsewhere.id).await.expect_err("another account");
    assert_eq!(error.kind, ErrorKind::NotOwned);
    elsewhere.id = format!("eks/210987654321/{REGION}/absent").parse().unwrap();
    assert_eq!(bench.driver.read(&elsewhere.id).await.expect_err("another account").kind, ErrorKind::NotOwned);
    let committed = |bench: &Bench| bench.world.running.journal().iter().filter(|entry| entry.committed).count();
    let before = committed(&bench);
    let outcome = bench.driver.delete(&elsewhere, Run::new(TIMEOUT, &|_| {})).await;
    assert_eq!(outcome.errors()[0].kind, ErrorKind::NotOwned);
    assert_eq!(committed(&bench), before, "nothing was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_assumed_and_renewed_with_the_settings_sts() {
    let world = Simulated::start().await;
    let mut settings = world.settings();
    settings.assume_role = Some(multicloud::eks::AssumeRole { role_arn: role("deployer"), ..Default::default() });
    let driver = driver(&world, settings);
    assert_converged(&driver.create(&spec("prod"), Run::new(TIMEOUT, &|_| {})).await);
    assert_eq!(world.requests()[0], "AssumeRole");
    // STS that does not answer at once is asked again.
    world.faults(json!([{ "operation": "AssumeRole", "fault": "unavailable" }]));
    // Keys that were given out and ended are replaced once, and the request is sent again.
    world.faults(json!([{ "operation": "DescribeCluster", "fault": "expired_token" }]));
    let before = world.requests().len();
    let id: EnvironmentId = format!("eks/{ACCOUNT}/{REGION}/prod").parse().unwrap();
    driver.read(&id).await.expect("reading").expect("it exists");
    let asked = ["DescribeCluster", "AssumeRole", "AssumeRole", "DescribeCluster"];
    assert_eq!(world.requests()[before..before + 4], asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_credentials_are_told_as_such() {
    let world = Simulated::start().await;
    let settings = AwsSettings {
        access_key: Some("invalid".to_owned()),
        secret_key: Some(Secret::new("canary")),
        ..world.settings()
    };
    let outcome = driver(&world, settings).create(&spec("prod"), Run::new(TIMEOUT, &|_| {})).await;
    let [error] = outcome.errors()[..] else { panic!("{outcome:?}") };
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    assert!(!format!("{} {outcome:?}", ErrorChain(error)).contains("canary"));
}
