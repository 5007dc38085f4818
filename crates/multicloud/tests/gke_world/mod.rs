//! The simulator, as a place where the GKE backend is tried.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use multicloud::backend::Backend;
use multicloud::conformance::World;
use multicloud::environment::{CloudSpec, EnvironmentSpec, PoolMode, PoolSize, PoolSpec};
use multicloud::gke::{Gke, GkeSpec, GoogleSettings};
use multicloud::memory::{Disturbance, Fault, FaultOn};
use multicloud::{
    Action, Clock, EnvironmentId, ErrorKind, IdempotencyToken, KubernetesVersion, Layer, Operation, PoolName, Result,
    Secret, Step, Subject,
};
use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::journal::Entry;
use multicloud_simulator::{Config, Running, Simulator};
use serde_json::{Value, json};

pub(crate) const PROJECT: &str = "simulated-project";
/// A zone, so that a pool can have any number of nodes.
pub(crate) const ZONE: &str = "europe-west1-b";

/// Seconds of the driver's clock in one real second. Simulated operations need requests and no time, so that only
/// back-offs and grace periods take any; those shall still be long beside a request on loopback.
const SPEED: u32 = 20;

/// A simulator of its own.
pub(crate) struct Simulated {
    pub(crate) running: Running,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Simulated {
    pub(crate) async fn start() -> Self {
        Self::seeded(0).await
    }

    /// Seed 0 is calm; any other draws how long things take, and shows some changes late.
    pub(crate) async fn seeded(seed: u64) -> Self {
        let config = Config { seed, ..Config::default() };
        let running = Simulator::start(config).await.expect("the simulator starts");
        Self { running, clock: Arc::new(FastClock(tokio::time::Instant::now())) }
    }

    pub(crate) fn settings(&self) -> GoogleSettings {
        GoogleSettings {
            project: Some(PROJECT.to_owned()),
            access_token: Some(Secret::new("any")),
            endpoint: self.running.url("google").map(str::to_owned),
            compute_endpoint: self.running.url("google_compute").map(str::to_owned),
            ..GoogleSettings::default()
        }
    }

    pub(crate) fn faults(&self, rules: Value) {
        let plan = FaultPlan::from_json(&rules.to_string()).expect("a fault plan");
        self.running.add_faults(plan).expect("a fault plan that fits");
    }

    /// The requests that were made, by name.
    #[allow(dead_code, reason = "not every test that has this module counts requests")]
    pub(crate) fn requests(&self) -> Vec<String> {
        self.running.journal().into_iter().map(|entry| entry.operation.to_owned()).collect()
    }

    /// Where the simulator has an environment.
    pub(crate) fn object(id: &EnvironmentId) -> String {
        let location = id.region().expect("a location");
        format!("{PROJECT}/{location}/clusters/{}", id.name())
    }
}

/// A valid environment with one pool.
pub(crate) fn spec(name: &str) -> EnvironmentSpec {
    let cloud = CloudSpec::Gke(GkeSpec::default());
    let mut spec =
        EnvironmentSpec::new("platform".parse().unwrap(), name.parse().unwrap(), "1.31".parse().unwrap(), cloud);
    spec.region = Some(ZONE.parse().unwrap());
    spec.node_pools = [("system".parse().unwrap(), pool())].into();
    spec.deletion_protection = false;
    spec
}

pub(crate) fn pool() -> PoolSpec {
    let mut pool = PoolSpec::new("e2-standard-4".parse().unwrap(), PoolSize::Fixed(2));
    pool.mode = PoolMode::System;
    pool
}

/// The process's clock, faster.
#[derive(Debug)]
struct FastClock(tokio::time::Instant);

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Duration {
        self.0.elapsed() * SPEED
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / SPEED).await;
    }
}

/// Requests that change a cluster or a pool.
const WRITES: [(&str, Action); 10] = [
    ("CreateCluster", Action::Create),
    ("UpdateCluster", Action::Update),
    ("SetLabels", Action::Update),
    ("SetMaintenancePolicy", Action::Update),
    ("DeleteCluster", Action::Delete),
    ("CreateNodePool", Action::Create),
    ("UpdateNodePool", Action::Update),
    ("SetNodePoolSize", Action::Update),
    ("SetNodePoolAutoscaling", Action::Update),
    ("DeleteNodePool", Action::Delete),
];

/// What an entry of the journal did to which part of which cluster, in the order in which it happens there.
fn writes_of(entry: &Entry) -> Option<(String, Vec<(Action, Subject)>)> {
    let (_, action) = WRITES.iter().find(|(name, _)| *name == entry.operation)?;
    let request = entry.request.as_ref().unwrap_or(&Value::Null);
    let path: Vec<&str> = entry.path.split(['/', '?', ':']).filter(|part| !part.is_empty()).collect();
    let after = |part: &str| path.iter().skip_while(|found| **found != part).nth(1).map(|name| (*name).to_owned());
    let pool = |name: &Value| Some(Subject::NodePool(name.as_str()?.parse().ok()?));
    let named = |pools: &Value| -> Vec<(Action, Subject)> {
        let pools = pools.as_array().into_iter().flatten();
        pools.filter_map(|document| pool(&document["name"])).map(|pool| (*action, pool)).collect()
    };
    // The version is one of the fields that these two change.
    let upgrades = !request["update"]["desiredMasterVersion"].is_null() || !request["nodeVersion"].is_null();
    let action = if upgrades { Action::Upgrade } else { *action };
    match entry.operation {
        "CreateCluster" => {
            let cluster = &request["cluster"];
            let mut writes = vec![(action, Subject::Cluster)];
            writes.extend(named(&cluster["nodePools"]));
            Some((cluster["name"].as_str()?.to_owned(), writes))
        }
        "CreateNodePool" => Some((after("clusters")?, vec![(action, pool(&request["nodePool"]["name"])?)])),
        _ => {
            let subject = match after("nodePools") {
                Some(name) => Subject::NodePool(name.parse().ok()?),
                None => Subject::Cluster,
            };
            Some((after("clusters")?, vec![(action, subject)]))
        }
    }
}

/// The requests by which something is done. A cluster's first pools are made and deleted with it.
fn operations_of(action: Action, subject: &Subject) -> &'static [&'static str] {
    match (action, subject) {
        (Action::Create, _) => &["CreateCluster"],
        (Action::Update, Subject::Cluster) => &["SetLabels", "UpdateCluster"],
        (Action::Upgrade, Subject::Cluster) => &["UpdateCluster"],
        (Action::Delete, _) => &["DeleteCluster"],
        (Action::Update, Subject::NodePool(_)) => &["UpdateNodePool", "SetNodePoolSize"],
        (Action::Upgrade, Subject::NodePool(_)) => &["UpdateNodePool"],
        (_, Subject::Addon(_) | Subject::AccessEntry(_)) => unreachable!("the suite knows no such subjects"),
    }
}

#[async_trait]
impl World for Simulated {
    fn client(&self) -> Arc<dyn Backend> {
        Arc::new(InOrder { inner: Gke::new(self.settings()), turn: tokio::sync::Mutex::new(()) })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn poll_interval(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn spec(&self, name: &str) -> EnvironmentSpec {
        spec(name)
    }

    fn versions(&self) -> Vec<KubernetesVersion> {
        ["1.31", "1.32", "1.33"].map(|version| version.parse().unwrap()).to_vec()
    }

    fn change_immutable(&self, spec: &mut EnvironmentSpec) {
        let CloudSpec::Gke(gke) = &mut spec.cloud else { panic!("not a GKE spec") };
        gke.network = Some("platform".to_owned());
    }

    async fn writes(&self, id: &EnvironmentId) -> Vec<(Action, Subject)> {
        let journal = self.running.journal();
        let of_cluster = journal.iter().filter(|entry| entry.committed).filter_map(writes_of);
        let mut pools: Vec<Subject> = Vec::new();
        let mut writes = Vec::new();
        for (action, subject) in
            of_cluster.filter(|(name, _)| name == id.name().as_str()).flat_map(|(_, writes)| writes)
        {
            match (action, &subject) {
                (Action::Create, Subject::NodePool(_)) => pools.push(subject.clone()),
                (Action::Delete, Subject::NodePool(_)) => pools.retain(|pool| *pool != subject),
                (Action::Delete, _) => writes.extend(pools.drain(..).map(|pool| (Action::Delete, pool))),
                (Action::Create | Action::Update | Action::Upgrade, _) => {}
            }
            writes.push((action, subject));
        }
        writes
    }

    fn pools_ride_in_creation(&self) -> bool {
        true
    }

    async fn inject(&self, fault: Fault) {
        let operations: &[&str] = match &fault.on {
            FaultOn::Write(action, subject) => operations_of(*action, subject),
            FaultOn::AnyWrite => &["CreateCluster"],
            FaultOn::AnyQuestion => &["GetCluster"],
        };
        let rule = match fault.disturbance {
            Disturbance::RequestLost => json!({ "point": "uncommitted", "fault": "drop" }),
            Disturbance::ReplyLost => json!({ "point": "reply_lost", "fault": "drop" }),
            Disturbance::Hangs => json!({ "point": "uncommitted", "fault": "hang" }),
            Disturbance::Refused(ErrorKind::Throttled { retry_after }) => {
                json!({ "fault": "throttle", "retry_after": retry_after.map(|wait| wait.as_secs().to_string()) })
            }
            Disturbance::Refused(ErrorKind::Unavailable { .. }) => json!({ "fault": "unavailable" }),
            Disturbance::Refused(ErrorKind::Propagating) => json!({ "fault": "propagating" }),
            Disturbance::Refused(ErrorKind::Conflict) => json!({ "fault": "busy" }),
            Disturbance::Refused(kind) => panic!("the simulator has no fault for {kind:?}"),
        };
        for operation in operations {
            let mut rule = rule.clone();
            rule["operation"] = (*operation).into();
            rule["times"] = fault.times.into();
            self.faults(json!([rule]));
        }
    }

    async fn fail_next(&self, _: &EnvironmentId, action: Action, subject: Subject) {
        let operation = match (action, &subject) {
            (Action::Create, Subject::NodePool(_)) => "CreateNodePool",
            (Action::Delete, Subject::NodePool(_)) => "DeleteNodePool",
            (action, subject) => operations_of(action, subject)[0],
        };
        self.faults(json!([{ "operation": operation, "fault": "fail" }]));
    }

    async fn plant(&self, spec: &EnvironmentSpec, tags: BTreeMap<String, String>) {
        let object = format!("{PROJECT}/{ZONE}/clusters/{}", spec.name);
        self.running.put("google", &object, json!({ "resourceLabels": tags })).expect("a planted cluster");
    }

    async fn delete_pool_outside(&self, id: &EnvironmentId, pool: &PoolName) {
        let object = format!("{}/nodePools/{pool}", Self::object(id));
        self.running.remove("google", &object).expect("there is such a pool");
    }
}

/// Sends steps one after the other, so that a fault for "the next creation of a pool" meets the one that is meant.
#[derive(Debug)]
struct InOrder {
    inner: Gke,
    turn: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Layer for InOrder {
    fn inner(&self) -> &dyn Backend {
        &self.inner
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        let _turn = self.turn.lock().await;
        self.inner.begin(id, step, token).await
    }
}
