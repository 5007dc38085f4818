//! What GKE alone has, through the driver on the simulator: pools that are made with their cluster, counts over zones with
//! the live sizes of Compute, settings that go one at a time, node pools that replace others, operations that GKE begins
//! itself, and creations that fail whole.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

#[allow(dead_code, reason = "only Kubernetes Engine's document is asked here")]
#[path = "../../simulator/tests/google/discovery.rs"]
mod discovery;
mod gke_world;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use multicloud::conformance::World as _;
use multicloud::environment::{
    CloudObserved, CloudSpec, EnvironmentSpec, MaintenanceWindow, MaxSurge, Observed, PoolSize, PoolSpec, Status,
    Taint, TaintEffect, Weekday,
};
use multicloud::gke::{Gke, GkeObserved, GkeSpec, GoogleSettings, ReleaseChannel};
use multicloud::{
    Action, Backend, Clock, Driver, EnvironmentId, ErrorChain, ErrorKind, IdempotencyToken, Jitter, Outcome, PoolName,
    Progress, Run, Target,
};
use serde_json::{Value, json};

use self::gke_world::{PROJECT, Simulated, ZONE, pool, spec};

const TIMEOUT: Duration = Duration::from_secs(4 * 3600);
const REGION: &str = "europe-west1";

fn gke(spec: &mut EnvironmentSpec) -> &mut GkeSpec {
    let CloudSpec::Gke(gke) = &mut spec.cloud else { panic!("not a GKE spec") };
    gke
}

fn found(observed: &Observed) -> &GkeObserved {
    let CloudObserved::Gke(found) = &observed.cloud else { panic!("not a GKE environment") };
    found
}

fn named(name: &str) -> PoolName {
    name.parse().unwrap()
}

/// A region, where a pool without zones has nodes in three.
fn regional(spec: &mut EnvironmentSpec) {
    spec.region = Some(REGION.parse().unwrap());
    system(spec).size = PoolSize::Fixed(6);
}

fn system(spec: &mut EnvironmentSpec) -> &mut PoolSpec {
    spec.node_pools.get_mut(&named("system")).unwrap()
}

fn words(outcome: &Outcome) -> String {
    outcome.errors().into_iter().map(|error| ErrorChain(error).to_string()).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_converged(outcome: &Outcome) {
    assert!(outcome.is_converged(), "{}", words(outcome));
}

fn driver(world: &Simulated, settings: GoogleSettings) -> Driver {
    let backend: Arc<dyn Backend> = Arc::new(Gke::new(settings));
    let clock: Arc<dyn Clock> = Arc::clone(&world.clock);
    Driver::new(backend, clock, Jitter::seeded(1), world.poll_interval())
}

/// One environment on a simulator of its own.
struct Bench {
    world: Simulated,
    driver: Driver,
    spec: EnvironmentSpec,
    id: EnvironmentId,
}

impl Bench {
    fn new(world: Simulated, edit: impl FnOnce(&mut EnvironmentSpec)) -> Self {
        let mut spec = spec("prod");
        edit(&mut spec);
        let driver = driver(&world, world.settings());
        let location = spec.region.clone().unwrap();
        let id = EnvironmentId::Gke { project: PROJECT.parse().unwrap(), location, name: spec.name.clone() };
        Self { world, driver, spec, id }
    }

    async fn created(edit: impl FnOnce(&mut EnvironmentSpec)) -> Self {
        let bench = Self::new(Simulated::start().await, edit);
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

    async fn update(&self) -> Outcome {
        self.driver.update(&self.target(), &self.spec, Run::new(TIMEOUT, &|_| {})).await
    }

    /// Updates, and returns the changes that took effect meanwhile, by the names of their requests.
    async fn updated(&self) -> Vec<&'static str> {
        let before = self.world.running.journal().len();
        assert_converged(&self.update().await);
        self.assert_content().await;
        self.changes_since(before)
    }

    fn changes_since(&self, before: usize) -> Vec<&'static str> {
        let journal = self.world.running.journal();
        journal[before..].iter().filter(|entry| entry.committed).map(|entry| entry.operation).collect()
    }

    async fn observed(&self) -> Observed {
        self.driver.read(&self.id).await.expect("reading").expect("it exists")
    }

    async fn assert_content(&self) {
        let observed = self.observed().await;
        assert_eq!(observed.status, Status::Active, "{:?}", observed.status_reason);
        let open = self.driver.backend().plan(Some(&observed), Some(&self.spec)).expect("a plan");
        assert_eq!(open, [], "an empty plan must follow");
        assert_eq!(self.driver.backend().differences(&observed, &self.spec), []);
    }

    fn put(&self, below: &str, document: Value) {
        let object = format!("{}{below}", Simulated::object(&self.id));
        self.world.running.put("google", &object, document).expect("there is such an object");
    }
}

#[tokio::test]
async fn a_creation_is_one_request_and_a_look_is_one_and_one_per_zone() {
    let bench = Bench::created(|spec| {
        regional(spec);
        let like = system(spec).clone();
        for name in ["apps", "jobs"] {
            spec.node_pools.insert(named(name), like.clone());
        }
    })
    .await;
    assert_eq!(bench.changes_since(0), ["CreateCluster"]);
    let before = bench.world.requests().len();
    let observed = bench.observed().await;
    let requests = bench.world.requests().split_off(before);
    assert_eq!(requests.iter().filter(|request| *request == "GetCluster").count(), 1);
    assert_eq!(requests.iter().filter(|request| *request == "GetInstanceGroupManager").count(), 9);
    assert_eq!(requests.len(), 10, "{requests:?}");
    assert!(observed.node_pools.values().all(|pool| pool.count == 6 && pool.zones.len() == 3));
    let before = bench.world.requests().len();
    assert_converged(&bench.driver.delete(&bench.target(), Run::new(TIMEOUT, &|_| {})).await);
    assert_eq!(bench.changes_since(before), ["DeleteCluster"]);
}

#[tokio::test]
async fn a_count_is_over_all_zones_and_as_compute_tells_it() {
    let mut bench = Bench::created(regional).await;
    bench.put(&format!("/nodePools/system/instanceGroupManagers/{REGION}-b"), json!({ "targetSize": 5 }));
    assert_eq!(bench.observed().await.node_pools[&named("system")].count, 9, "somebody scaled it by hand");
    assert_eq!(bench.updated().await, ["SetNodePoolSize"]);
    assert_eq!(bench.observed().await.node_pools[&named("system")].count, 6);

    system(&mut bench.spec).size = PoolSize::Autoscale { min: 2, max: 12 };
    assert_eq!(bench.updated().await, ["SetNodePoolAutoscaling"]);
    bench.put(&format!("/nodePools/system/instanceGroupManagers/{REGION}-c"), json!({ "targetSize": 4 }));
    let pool = bench.observed().await.node_pools[&named("system")].clone();
    assert_eq!((pool.min, pool.max, pool.count), (2, 12, 8));
    bench.assert_content().await;

    system(&mut bench.spec).size = PoolSize::Fixed(4);
    let violation = bench.driver.backend().validate(&bench.spec).remove(0);
    assert_eq!(violation.path.to_string(), "node_pools[\"system\"].count");
    system(&mut bench.spec).zones = [format!("{REGION}-b"), format!("{REGION}-c")].into();
    let changes = bench.updated().await;
    assert_eq!(changes[..2], ["UpdateNodePool", "SetNodePoolAutoscaling"], "{changes:?}");
    let pool = bench.observed().await.node_pools[&named("system")].clone();
    assert_eq!((pool.count, pool.zones.len()), (4, 2));
}

#[tokio::test]
async fn patches_of_gkes_own_are_no_difference() {
    let bench = Bench::created(|_| {}).await;
    bench.put("", json!({ "currentMasterVersion": "1.31.99-gke.1" }));
    bench.put("/nodePools/system", json!({ "version": "1.31.98-gke.1" }));
    bench.assert_content().await;
    let observed = bench.observed().await;
    assert_eq!(observed.full_version, "1.31.99-gke.1");
    assert_eq!(observed.node_pools[&named("system")].full_version, "1.31.98-gke.1");
    // A minor of GKE's own is told, and nothing is taken back.
    bench.put("", json!({ "currentMasterVersion": "1.32.10-gke.1059000" }));
    let before = bench.world.requests().len();
    assert!(words(&bench.update().await).contains("takes no control plane back"));
    assert_eq!(bench.changes_since(before), [""; 0]);
}

#[tokio::test]
async fn a_pool_is_changed_where_it_stands() {
    let mut bench = Bench::created(|_| {}).await;
    let before = bench.observed().await;
    gke(&mut bench.spec).disk_type = Some("pd-ssd".to_owned());
    gke(&mut bench.spec).image_type = Some("UBUNTU_CONTAINERD".to_owned());
    let pool = system(&mut bench.spec);
    pool.machine_type = "n2-standard-8".parse().unwrap();
    pool.disk_size_gb = Some(200);
    pool.max_surge = Some(MaxSurge::Count(2));
    pool.drain_timeout = Some(Duration::from_secs(900));
    pool.labels = [("tier".to_owned(), "one".to_owned())].into();
    assert_eq!(bench.updated().await, ["UpdateNodePool"; 5]);
    let observed = bench.observed().await;
    assert_eq!(observed.uid, before.uid);
    let pool = &found(&observed).node_pools["system"];
    assert_eq!((pool.machine_type.as_str(), pool.disk_size_gb, pool.max_surge), ("n2-standard-8", Some(200), Some(2)));
    assert_eq!((pool.disk_type.as_deref(), pool.drain_timeout_s), (Some("pd-ssd"), Some(900)));
    assert!(pool.deletion_heeds_budgets);
}

#[tokio::test]
async fn what_cannot_be_changed_of_a_pool_gets_another_node_pool_first() {
    let mut bench = Bench::created(|spec| drop(spec.node_pools.insert(named("apps"), pool()))).await;
    bench.spec.node_pools.get_mut(&named("apps")).unwrap().spot = true;
    assert_eq!(bench.updated().await, ["CreateNodePool", "DeleteNodePool"]);
    let observed = bench.observed().await;
    assert!(observed.node_pools[&named("apps")].spot, "it keeps the name that users know");
    let name = found(&observed).node_pools.keys().find(|name| name.starts_with("apps-")).expect("another name").clone();
    // It is changed under that name, and gives it back when it is replaced in turn.
    bench.spec.node_pools.get_mut(&named("apps")).unwrap().size = PoolSize::Fixed(3);
    assert_eq!(bench.updated().await, ["SetNodePoolSize"]);
    bench.spec.node_pools.get_mut(&named("apps")).unwrap().spot = false;
    assert_eq!(bench.updated().await, ["CreateNodePool", "DeleteNodePool"]);
    assert!(!found(&bench.observed().await).node_pools.contains_key(&name));
}

#[tokio::test]
async fn settings_of_the_cluster_go_one_at_a_time() {
    let mut bench = Bench::created(|_| {}).await;
    gke(&mut bench.spec).release_channel = Some(ReleaseChannel::Stable);
    gke(&mut bench.spec).workload_identity = false;
    gke(&mut bench.spec).private_nodes = true;
    bench.spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
    bench.spec.network.private_endpoint = true;
    bench.spec.kubernetes.maintenance_window = Some(MaintenanceWindow {
        days: [Weekday::Saturday, Weekday::Sunday].into(),
        start_minute: 90,
        duration: Duration::from_secs(6 * 3600),
    });
    bench.spec.tags.insert("team".to_owned(), "a".to_owned());
    let changes = bench.updated().await;
    assert_eq!(
        changes,
        ["UpdateCluster", "UpdateCluster", "UpdateCluster", "UpdateCluster", "SetMaintenancePolicy", "SetLabels"]
    );
    let observed = bench.observed().await;
    assert!(observed.network.private_endpoint);
    assert_eq!(found(&observed).release_channel, ReleaseChannel::Stable);

    gke(&mut bench.spec).workload_identity = true;
    gke(&mut bench.spec).private_nodes = false;
    bench.spec.network = Default::default();
    bench.spec.kubernetes.maintenance_window = None;
    bench.spec.tags.clear();
    assert_eq!(bench.updated().await.len(), 5, "and back");
}

#[tokio::test]
async fn all_of_a_spec_is_there_from_the_first_moment() {
    let bench = Bench::created(|spec| {
        regional(spec);
        spec.network.pod_cidr = None;
        spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
        spec.kubernetes.maintenance_window = Some(MaintenanceWindow {
            days: [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday].into(),
            start_minute: 0,
            duration: Duration::from_secs(4 * 3600),
        });
        spec.tags.insert("team".to_owned(), "a".to_owned());
        *gke(spec) = GkeSpec {
            network: Some("platform".to_owned()),
            subnetwork: Some("platform".to_owned()),
            release_channel: Some(ReleaseChannel::Extended),
            node_service_account: Some(format!("nodes@{PROJECT}.iam.gserviceaccount.com")),
            private_nodes: true,
            pods_range_name: Some("pods".to_owned()),
            services_range_name: Some("services".to_owned()),
            image_type: Some("COS_CONTAINERD".to_owned()),
            disk_type: Some("pd-balanced".to_owned()),
            ..GkeSpec::default()
        };
        let pool = system(spec);
        pool.zones = ["b", "d"].map(|zone| format!("{REGION}-{zone}")).into();
        pool.labels = [("tier".to_owned(), "one".to_owned())].into();
        pool.max_surge = Some(MaxSurge::Count(3));
        pool.disk_size_gb = Some(50);
        pool.spot = true;
        let mut scaled = pool.clone();
        (scaled.size, scaled.spot) = (PoolSize::Autoscale { min: 1, max: 5 }, false);
        spec.node_pools.insert(named("apps"), scaled);
    })
    .await;
    assert_eq!(bench.changes_since(0), ["CreateCluster"]);
}

#[tokio::test]
async fn a_creation_that_fails_is_told_and_can_be_begun_again_once_gke_has_cleaned_up() {
    let bench = Bench::new(Simulated::start().await, |_| {});
    bench.world.faults(json!([{ "operation": "CreateCluster", "fault": "fail" }]));
    let outcome = bench.create().await;
    assert!(matches!(outcome.ending, multicloud::Ending::StepsFailed(_)), "{outcome:?}");
    assert!(words(&outcome).contains("GCE_STOCKOUT"), "{}", words(&outcome));
    let observed = outcome.observed.expect("what is there is told");
    assert_eq!(observed.status, Status::Failed);
    assert!(observed.status_reason.is_some_and(|reason| reason.as_str().contains("STOCKOUT")));

    let again = bench.create().await;
    assert_eq!(again.errors()[0].kind, ErrorKind::OperationFailed);
    assert!(words(&again).contains("only deleting it is possible"), "{}", words(&again));

    bench.world.running.advance(Duration::from_secs(3600));
    assert_converged(&bench.create().await);
    bench.assert_content().await;
}

#[tokio::test]
async fn a_creation_that_fails_can_be_deleted() {
    let bench = Bench::new(Simulated::start().await, |_| {});
    bench.world.faults(json!([{ "operation": "CreateCluster", "fault": "fail" }]));
    assert!(!bench.create().await.is_converged());
    assert_converged(&bench.driver.delete(&bench.target(), Run::new(TIMEOUT, &|_| {})).await);
    assert!(bench.driver.read(&bench.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_pool_without_machines_shows_as_degraded_and_is_mended_where_it_stands() {
    let bench = Bench::new(Simulated::start().await, |spec| drop(spec.node_pools.insert(named("apps"), pool())));
    bench.world.faults(json!([
        { "operation": "CreateCluster", "fault": "degrade" },
        { "operation": "SetNodePoolSize", "fault": "fail" },
    ]));
    let outcome = bench.create().await;
    assert!(words(&outcome).contains("STOCKOUT"), "{}", words(&outcome));
    let observed = outcome.observed.expect("it is there");
    assert_eq!(observed.status, Status::Degraded, "{:?}", outcome.ending);
    assert!(observed.status_reason.is_some_and(|reason| reason.as_str().contains("STOCKOUT")));
    assert_eq!(observed.node_pools.values().filter(|pool| pool.status == Status::Active).count(), 1);
    // Once there are machines again.
    assert_eq!(bench.updated().await, ["SetNodePoolSize"]);
    assert_eq!(bench.observed().await.uid, observed.uid);
}

#[tokio::test]
async fn what_gke_does_itself_is_waited_for_by_its_name() {
    let mut bench = Bench::created(|_| {}).await;
    let own = json!({ "operationType": "UPGRADE_NODES", "nodePool": "system", "seconds": 900 });
    bench.put("/operations/operation-own-1", own);
    let running = bench.driver.backend().find_running(&bench.id).await.unwrap();
    assert_eq!(running.len(), 1);
    assert_eq!((running[0].action, running[0].subject.to_string().as_str()), (Action::Upgrade, "node pool system"));
    assert_eq!(running[0].reference.as_deref(), Some("operation-own-1"));
    system(&mut bench.spec).size = PoolSize::Fixed(3);
    bench.updated().await;
    let asked = |path: &str| bench.world.running.journal().iter().any(|entry| entry.path.contains(path));
    assert!(asked("/operations/operation-own-1"));
}

#[tokio::test]
async fn a_busy_cluster_takes_the_change_once_it_is_free() {
    let mut bench = Bench::created(|_| {}).await;
    bench.world.faults(json!([{ "operation": "SetNodePoolSize", "fault": "busy", "times": 2 }]));
    system(&mut bench.spec).size = PoolSize::Fixed(3);
    assert_eq!(bench.updated().await, ["SetNodePoolSize"]);
}

/// Somebody edits what was looked at before it is changed: GKE notices by the etag, and nothing of theirs is overwritten
/// unseen.
#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_looked_at_again() {
    let mut bench = Bench::created(|_| {}).await;
    let backend = Arc::clone(bench.driver.backend());
    system(&mut bench.spec).labels = [("tier".to_owned(), "ours".to_owned())].into();
    let seen = backend.read(&bench.id).await.unwrap();
    let steps = backend.plan(seen.as_ref(), Some(&bench.spec)).unwrap();
    bench.put("/nodePools/system", json!({ "config": { "labels": { "tier": "theirs" } } }));
    let refused = backend.begin(&bench.id, &steps[0], &IdempotencyToken::random()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict, "{}", ErrorChain(&refused));
    bench.updated().await;
}

/// The reply to a change of nodes is lost: the operation is found by what it works on, and nothing is sent again.
#[tokio::test]
async fn a_change_whose_reply_is_lost_is_found_and_not_sent_again() {
    let mut bench = Bench::created(|_| {}).await;
    bench.world.faults(json!([{ "operation": "UpdateNodePool", "point": "reply_lost", "fault": "drop", "times": 2 }]));
    system(&mut bench.spec).labels = [("tier".to_owned(), "one".to_owned())].into();
    assert_eq!(bench.updated().await, ["UpdateNodePool"]);
    system(&mut bench.spec).machine_type = "n2-standard-8".parse().unwrap();
    assert_eq!(bench.updated().await, ["UpdateNodePool"]);
    assert_eq!(bench.world.requests().iter().filter(|request| *request == "UpdateNodePool").count(), 2);
}

#[tokio::test]
async fn an_operation_that_is_not_known_decides_nothing() {
    let bench = Bench::created(|_| {}).await;
    let backend = bench.driver.backend();
    let operation = |reference: Option<&str>| multicloud::Operation {
        environment: bench.id.clone(),
        subject: multicloud::Subject::Cluster,
        action: Action::Update,
        reference: reference.map(str::to_owned),
    };
    for reference in [Some("operation-forgotten"), Some("../../clusters/prod"), None] {
        assert_eq!(backend.poll(&operation(reference)).await.unwrap(), Progress::Unknown, "{reference:?}");
    }
}

#[tokio::test]
async fn absence_needs_a_project_and_a_location_that_answer() {
    let world = Simulated::start().await;
    let backend = Gke::new(world.settings());
    let read = async |id: &str| backend.read(&id.parse().unwrap()).await;
    assert!(read(&format!("gke/{PROJECT}/{ZONE}/nobody")).await.unwrap().is_none());
    let elsewhere = read("gke/nobodys-project/europe-west1/prod").await.unwrap_err();
    assert_eq!(elsewhere.kind, ErrorKind::PermissionDenied, "{}", ErrorChain(&elsewhere));
    let nowhere = read(&format!("gke/{PROJECT}/mars-north1/prod")).await.unwrap_err();
    assert_eq!(nowhere.kind, ErrorKind::InvalidConfig, "{}", ErrorChain(&nowhere));
    world.faults(json!([{ "operation": "GetCluster", "fault": "access_denied" }]));
    assert!(read(&format!("gke/{PROJECT}/{ZONE}/nobody")).await.is_err());
}

/// A creation whose reply was lost, and that does not show yet: it is waited for, and not begun again.
#[tokio::test]
async fn a_creation_that_does_not_show_yet_is_not_begun_again() {
    let bench = Bench::new(Simulated::start().await, |_| {});
    bench.world.faults(json!([{ "operation": "CreateCluster", "fault": "not_yet_visible" }]));
    assert_converged(&bench.create().await);
    bench.assert_content().await;
    assert_eq!(bench.changes_since(0), ["CreateCluster"]);
}

#[tokio::test]
async fn what_the_cloud_does_not_have_is_told_with_its_field() {
    let world = Simulated::start().await;
    let backend = Gke::new(world.settings());
    let missing = async |edit: fn(&mut EnvironmentSpec)| {
        let mut spec = spec("prod");
        regional(&mut spec);
        edit(&mut spec);
        let found = backend.check_offer(&spec).await.expect("an answer");
        found.iter().map(|violation| violation.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(missing(|_| {}).await, [""; 0]);
    assert_eq!(missing(|spec| spec.region = "europe-west99".parse().ok()).await, ["region"]);
    assert_eq!(missing(|spec| spec.region = "europe-west1-a".parse().ok()).await, ["region"], "it has b, c and d");
    assert_eq!(missing(|spec| spec.kubernetes.version = "1.12".parse().unwrap()).await, ["kubernetes.version"]);
    let old = |spec: &mut EnvironmentSpec| {
        spec.kubernetes.version = "1.30".parse().unwrap();
        gke(spec).release_channel = Some(ReleaseChannel::Rapid);
    };
    assert_eq!(missing(old).await, ["kubernetes.version"], "only the extended channel has it");
    let machine = |spec: &mut EnvironmentSpec| system(spec).machine_type = "e9-giant".parse().unwrap();
    assert_eq!(missing(machine).await, ["node_pools[\"system\"].machine_type"]);
    let zone = |spec: &mut EnvironmentSpec| system(spec).zones = ["europe-west1-z".to_owned()].into();
    assert_eq!(missing(zone).await, ["node_pools[\"system\"].zones"]);
    // Arm machines are in one of the region's zones, which is enough unless another is named.
    let arm = |spec: &mut EnvironmentSpec| system(spec).machine_type = "t2a-standard-4".parse().unwrap();
    assert_eq!(missing(arm).await, [""; 0]);
    let arm_elsewhere = |spec: &mut EnvironmentSpec| {
        system(spec).machine_type = "t2a-standard-4".parse().unwrap();
        system(spec).zones = ["europe-west1-c".to_owned()].into();
    };
    assert_eq!(missing(arm_elsewhere).await, ["node_pools[\"system\"].machine_type"]);
    // What the cloud does not tell us is no violation.
    world.faults(json!([{ "operation": "*", "fault": "access_denied", "times": 100 }]));
    assert_eq!(missing(|spec| spec.kubernetes.version = "1.12".parse().unwrap()).await, [""; 0]);
}

#[tokio::test]
async fn an_upgrade_to_what_gke_does_not_offer_is_refused_before_its_first_minor() {
    let mut bench = Bench::created(|spec| spec.kubernetes.version = "1.33".parse().unwrap()).await;
    bench.spec.kubernetes.version = "1.39".parse().unwrap();
    let before = bench.world.requests().len();
    let outcome = bench.update().await;
    assert!(words(&outcome).contains("does not offer Kubernetes 1.39"), "{}", words(&outcome));
    assert_eq!(bench.changes_since(before), [""; 0]);
}

#[tokio::test]
async fn an_ended_token_is_renewed_and_the_change_sent_once() {
    let mut bench = Bench::created(|_| {}).await;
    bench.world.faults(json!([{ "operation": "SetNodePoolSize", "fault": "expired_token" }]));
    system(&mut bench.spec).size = PoolSize::Fixed(3);
    assert_eq!(bench.updated().await, ["SetNodePoolSize"]);
    // One that stays refused ends the run.
    bench.world.faults(json!([{ "operation": "*", "fault": "expired_token", "times": 1000 }]));
    let read = bench.driver.read(&bench.id).await.unwrap_err();
    assert_eq!(read.kind, ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn somebody_elses_pools_in_our_cluster_are_left_alone() {
    let bench = Bench::created(|_| {}).await;
    bench.put("/nodePools/theirs", json!({ "initialNodeCount": 1, "config": { "machineType": "e2-medium" } }));
    bench.assert_content().await;
    assert_eq!(bench.observed().await.node_pools.len(), 1);
    assert_eq!(bench.updated().await, [""; 0]);
}

/// A cluster with node pools `system`, `a` and `b`, imported and asked for without `b` and with `a` of another price class.
#[tokio::test]
async fn nothing_of_an_imported_cluster_is_left_behind() {
    let [a, b] = ["a", "b"].map(|name| name.parse::<PoolName>().unwrap());
    let mut bench = Bench::created(|spec| {
        spec.node_pools.insert(a.clone(), pool());
        spec.node_pools.insert(b.clone(), pool());
    })
    .await;
    bench.put("", json!({ "resourceLabels": {} }));
    for pool in ["system", "a", "b"] {
        bench.put(&format!("/nodePools/{pool}"), json!({ "config": { "resourceLabels": {} } }));
    }
    bench.spec.node_pools.remove(&b);
    bench.spec.node_pools.get_mut(&a).unwrap().spot = true;
    // Unmarked, it is known by its uid.
    let imported = Target { uid: Some(bench.observed().await.uid), ..bench.target() };
    assert_converged(&bench.driver.update(&imported, &bench.spec, Run::new(TIMEOUT, &|_| {})).await);
    bench.assert_content().await;
    let observed = bench.observed().await;
    assert!(observed.tags.contains_key("multicloud-owner"), "{:?}", observed.tags);
    let CloudObserved::Gke(found) = &observed.cloud else { panic!("not GKE") };
    assert_eq!(found.node_pools.len(), 2, "{:?}", found.node_pools.keys());
    assert!(!found.node_pools.contains_key("a") && !found.node_pools.contains_key("b"));
    assert!(observed.node_pools[&a].spot);
}

/// A send that is refused for a while changes nothing, so that what it was sent with still tells who was faster.
#[tokio::test]
async fn a_refused_send_spends_no_checksum() {
    let mut bench = Bench::created(|_| {}).await;
    let backend = Arc::clone(bench.driver.backend());
    bench.spec.tags = [("team".to_owned(), "ours".to_owned())].into();
    let seen = backend.read(&bench.id).await.unwrap();
    let steps = backend.plan(seen.as_ref(), Some(&bench.spec)).unwrap();
    bench.world.faults(json!([{ "operation": "SetLabels", "fault": "throttle" }]));
    let token = IdempotencyToken::random();
    backend.begin(&bench.id, &steps[0], &token).await.unwrap_err();
    let mut labels = serde_json::to_value(&seen.unwrap().tags).unwrap();
    labels["theirs"] = "1".into();
    bench.put("", json!({ "resourceLabels": labels }));
    let refused = backend.begin(&bench.id, &steps[0], &token).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict, "{}", ErrorChain(&refused));
}

/// Whatever time things take and however late they show, a life ends as it should.
#[tokio::test]
async fn lives_of_any_pace_go_well() {
    let chance = RandomState::new().build_hasher().finish();
    for seed in [1, 2, chance] {
        println!("seed {seed}");
        let mut bench = Bench::new(Simulated::seeded(seed).await, |spec| {
            spec.node_pools.insert(named("apps"), pool());
        });
        assert_converged(&bench.create().await);
        bench.assert_content().await;
        bench.spec.kubernetes.version = "1.32".parse().unwrap();
        bench.spec.node_pools.get_mut(&named("apps")).unwrap().size = PoolSize::Autoscale { min: 1, max: 4 };
        bench.spec.node_pools.get_mut(&named("apps")).unwrap().spot = true;
        bench.spec.tags.insert("team".to_owned(), "b".to_owned());
        bench.updated().await;
        assert_converged(&bench.driver.delete(&bench.target(), Run::new(TIMEOUT, &|_| {})).await);
        assert!(bench.driver.read(&bench.id).await.unwrap().is_none());
        let journal = bench.world.running.journal();
        let made = journal.iter().filter(|entry| entry.committed && entry.operation == "CreateCluster").count();
        assert_eq!(made, 1);
    }
}

/// Every request of a life with all that changes in one fits the published description of the API.
#[tokio::test]
async fn requests_fit_the_discovery_document() {
    let mut bench = Bench::created(|spec| {
        regional(spec);
        let like = system(spec).clone();
        spec.node_pools.insert(named("apps"), like);
    })
    .await;
    gke(&mut bench.spec).release_channel = Some(ReleaseChannel::Stable);
    gke(&mut bench.spec).workload_identity = false;
    gke(&mut bench.spec).private_nodes = true;
    gke(&mut bench.spec).disk_type = Some("pd-ssd".to_owned());
    gke(&mut bench.spec).image_type = Some("UBUNTU_CONTAINERD".to_owned());
    bench.spec.network.private_endpoint = true;
    bench.spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
    bench.spec.kubernetes.version = "1.32".parse().unwrap();
    bench.spec.kubernetes.maintenance_window = Some(MaintenanceWindow {
        days: [Weekday::Friday].into(),
        start_minute: 1_380,
        duration: Duration::from_secs(12 * 3600),
    });
    bench.spec.tags.insert("team".to_owned(), "a".to_owned());
    let pool = bench.spec.node_pools.get_mut(&named("apps")).unwrap();
    pool.spot = true;
    pool.size = PoolSize::Autoscale { min: 0, max: 9 };
    let pool = system(&mut bench.spec);
    pool.machine_type = "n2-standard-8".parse().unwrap();
    pool.disk_size_gb = Some(200);
    pool.max_surge = Some(MaxSurge::Count(2));
    pool.drain_timeout = Some(Duration::from_secs(900));
    pool.labels = [("tier".to_owned(), "one".to_owned())].into();
    pool.taints = [Taint { key: "k".to_owned(), effect: TaintEffect::NoExecute, value: String::new() }].into();
    pool.zones = ["b", "c"].map(|zone| format!("{REGION}-{zone}")).into();
    pool.size = PoolSize::Fixed(8);
    bench.updated().await;
    system(&mut bench.spec).size = PoolSize::Autoscale { min: 1, max: 9 };
    bench.updated().await;
    assert_converged(&bench.driver.delete(&bench.target(), Run::new(TIMEOUT, &|_| {})).await);

    let mut sent = std::collections::BTreeSet::new();
    for entry in bench.world.running.journal() {
        let schema = match entry.operation {
            "CreateCluster" => "CreateClusterRequest",
            "UpdateCluster" => "UpdateClusterRequest",
            "SetLabels" => "SetLabelsRequest",
            "SetMaintenancePolicy" => "SetMaintenancePolicyRequest",
            "CreateNodePool" => "CreateNodePoolRequest",
            "UpdateNodePool" => "UpdateNodePoolRequest",
            "SetNodePoolSize" => "SetNodePoolSizeRequest",
            "SetNodePoolAutoscaling" => "SetNodePoolAutoscalingRequest",
            _ => {
                assert!(entry.request.is_none(), "{} has a body", entry.operation);
                continue;
            }
        };
        sent.insert(schema);
        let problems = discovery::CONTAINER.problems(schema, entry.request.as_ref().expect("a body"));
        assert_eq!(problems, [""; 0], "{}", entry.operation);
    }
    assert_eq!(sent.len(), 8, "{sent:?}");
}
