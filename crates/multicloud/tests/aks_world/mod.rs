//! The simulator, as a place where the AKS backend is tried.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use multicloud::aks::{Aks, AksSpec, AzureSettings};
use multicloud::backend::Backend;
use multicloud::conformance::World;
use multicloud::environment::{CloudSpec, EnvironmentSpec, PoolMode, PoolSize, PoolSpec};
use multicloud::memory::{Disturbance, Fault, FaultOn};
use multicloud::{
    Action, Clock, EnvironmentId, ErrorKind, IdempotencyToken, KubernetesVersion, Layer, Operation, PoolName, Result,
    Secret, Step, Subject,
};
use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::journal::Entry;
use multicloud_simulator::{CloudKind, Config, Running, Simulator};
use serde_json::{Value, json};

pub(crate) const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";
#[allow(dead_code, reason = "not every test that has this module needs it")]
pub(crate) const UNREGISTERED: &str = "00000000-0000-4000-8000-000000000002";
pub(crate) const TENANT: &str = "00000000-0000-4000-8000-0000000000aa";
pub(crate) const CLIENT: &str = "00000000-0000-4000-8000-0000000000bb";
pub(crate) const GROUP: &str = "platform";

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
        let config = Config { seed, clouds: vec![CloudKind::Azure], ..Config::default() };
        let running = Simulator::start(config).await.expect("the simulator starts");
        Self { running, clock: Arc::new(FastClock(tokio::time::Instant::now())) }
    }

    /// How it is reached, by nobody yet.
    pub(crate) fn place(&self) -> AzureSettings {
        AzureSettings {
            subscription_id: Some(SUBSCRIPTION.to_owned()),
            endpoint: self.running.url("azure").map(str::to_owned),
            authority_host: self.running.url("azure_authority").map(str::to_owned),
            ca_bundle: self.running.ca_bundle().map(ToOwned::to_owned),
            ..AzureSettings::default()
        }
    }

    pub(crate) fn settings(&self) -> AzureSettings {
        AzureSettings {
            tenant_id: Some(TENANT.to_owned()),
            client_id: Some(CLIENT.to_owned()),
            client_secret: Some(Secret::new("any")),
            ..self.place()
        }
    }

    /// The backend, in an environment without variables.
    pub(crate) fn aks(&self) -> Aks {
        aks(self.settings())
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
    pub(crate) fn object(name: &str) -> String {
        format!("{SUBSCRIPTION}/groups/{GROUP}/clusters/{name}")
    }
}

pub(crate) fn aks(settings: AzureSettings) -> Aks {
    Aks::with_variables(settings, Arc::new(|_| None))
}

/// A valid environment with one pool.
pub(crate) fn spec(name: &str) -> EnvironmentSpec {
    let cloud = CloudSpec::Aks(AksSpec::new(GROUP.parse().unwrap()));
    let mut spec =
        EnvironmentSpec::new("platform".parse().unwrap(), name.parse().unwrap(), "1.31".parse().unwrap(), cloud);
    spec.region = Some("westeurope".parse().unwrap());
    spec.node_pools = [("system".parse().unwrap(), pool())].into();
    spec.deletion_protection = false;
    spec
}

pub(crate) fn pool() -> PoolSpec {
    let mut pool = PoolSpec::new("Standard_D2s_v5".parse().unwrap(), PoolSize::Fixed(2));
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

const PUT_CLUSTER: &str = "ManagedClusters_CreateOrUpdate";
const PUT_POOL: &str = "AgentPools_CreateOrUpdate";

/// The request by which something is done. A cluster's first pools are made and deleted with it.
fn operations_of(action: Action, subject: &Subject) -> &'static [&'static str] {
    match (action, subject) {
        (Action::Create, _) | (Action::Upgrade, Subject::Cluster) => &[PUT_CLUSTER],
        (Action::Update, Subject::Cluster) => &["ManagedClusters_UpdateTags", PUT_CLUSTER],
        (Action::Delete, _) => &["ManagedClusters_Delete"],
        (Action::Update | Action::Upgrade, Subject::NodePool(_)) => &[PUT_POOL],
        (_, Subject::Addon(_) | Subject::AccessEntry(_)) => unreachable!("the suite knows no such subjects"),
    }
}

/// The versions that a cluster and its pools were told to have, as far as its writes tell: a `PUT` says all, and only what
/// was said before shows what of it is new.
#[derive(Default)]
struct Told {
    cluster: Option<String>,
    pools: BTreeMap<String, String>,
}

fn minor(version: &Value) -> Option<String> {
    let parts: Vec<&str> = version.as_str()?.splitn(3, '.').take(2).collect();
    (parts.len() == 2).then(|| parts.join("."))
}

fn on_pool(name: &str) -> Subject {
    Subject::NodePool(name.parse().unwrap())
}

impl Told {
    /// What a write does, in the order in which it happens there. What was deleted behind our back shows in the status alone.
    fn writes(&mut self, entry: &Entry, pool: Option<&str>) -> Vec<(Action, Subject)> {
        let null = Value::Null;
        let request = entry.request.as_ref().unwrap_or(&null);
        let is_new = entry.status == Some(201);
        let properties = &request["properties"];
        match (entry.operation, pool) {
            (PUT_CLUSTER, None) => {
                let version = minor(&properties["kubernetesVersion"]).unwrap_or_default();
                match self.cluster.replace(version.clone()) {
                    None => {
                        let profiles = properties["agentPoolProfiles"].as_array().cloned().unwrap_or_default();
                        let names: Vec<String> =
                            profiles.iter().map(|pool| pool["name"].as_str().unwrap().to_owned()).collect();
                        self.pools = names.iter().map(|name| (name.clone(), version.clone())).collect();
                        let pools = names.iter().map(|name| (Action::Create, on_pool(name)));
                        std::iter::once((Action::Create, Subject::Cluster)).chain(pools).collect()
                    }
                    Some(before) if before != version => vec![(Action::Upgrade, Subject::Cluster)],
                    Some(_) => vec![(Action::Update, Subject::Cluster)],
                }
            }
            (PUT_POOL, Some(name)) => {
                let version = minor(&properties["orchestratorVersion"]);
                let version = version.or_else(|| self.cluster.clone()).unwrap_or_default();
                let action = match self.pools.insert(name.to_owned(), version.clone()).filter(|_| !is_new) {
                    None => Action::Create,
                    Some(before) if before != version => Action::Upgrade,
                    Some(_) => Action::Update,
                };
                vec![(action, on_pool(name))]
            }
            ("ManagedClusters_UpdateTags", None) => vec![(Action::Update, Subject::Cluster)],
            ("AgentPools_Delete", Some(name)) => {
                self.pools.remove(name);
                vec![(Action::Delete, on_pool(name))]
            }
            ("ManagedClusters_Delete", None) => {
                self.cluster = None;
                let pools = std::mem::take(&mut self.pools).into_keys();
                let mut writes: Vec<_> = pools.map(|name| (Action::Delete, on_pool(&name))).collect();
                writes.push((Action::Delete, Subject::Cluster));
                writes
            }
            (_, _) => Vec::new(),
        }
    }
}

#[async_trait]
impl World for Simulated {
    fn client(&self) -> Arc<dyn Backend> {
        Arc::new(InOrder { inner: self.aks(), turn: tokio::sync::Mutex::new(()) })
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
        let CloudSpec::Aks(aks) = &mut spec.cloud else { panic!("not an AKS spec") };
        aks.dns_prefix = Some("other".to_owned());
    }

    async fn writes(&self, id: &EnvironmentId) -> Vec<(Action, Subject)> {
        let mut told: HashMap<String, Told> = HashMap::new();
        let mut writes = Vec::new();
        for entry in self.running.journal().iter().filter(|entry| entry.committed) {
            let path: Vec<&str> = entry.path.split(['/', '?']).collect();
            let after = |part: &str| path.iter().skip_while(|found| **found != part).nth(1).copied();
            let Some(cluster) = after("managedClusters") else { continue };
            let told = told.entry(cluster.to_owned()).or_default();
            let of_entry = told.writes(entry, after("agentPools"));
            if cluster == id.name().as_str() {
                writes.extend(of_entry);
            }
        }
        writes
    }

    fn pools_ride_in_creation(&self) -> bool {
        true
    }

    async fn inject(&self, fault: Fault) {
        let operations: &[&str] = match &fault.on {
            FaultOn::Write(action, subject) => operations_of(*action, subject),
            FaultOn::AnyWrite => &[PUT_CLUSTER],
            FaultOn::AnyQuestion => &["ManagedClusters_Get"],
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
            (Action::Create, Subject::NodePool(_)) => PUT_POOL,
            (Action::Delete, Subject::NodePool(_)) => "AgentPools_Delete",
            (action, subject) => operations_of(action, subject)[0],
        };
        self.faults(json!([{ "operation": operation, "fault": "fail" }]));
    }

    async fn plant(&self, spec: &EnvironmentSpec, tags: BTreeMap<String, String>) {
        let object = Self::object(spec.name.as_str());
        self.running.put("azure", &object, json!({ "tags": tags })).expect("a planted cluster");
    }

    async fn delete_pool_outside(&self, id: &EnvironmentId, pool: &PoolName) {
        let object = format!("{}/agentPools/{pool}", Self::object(id.name().as_str()));
        self.running.remove("azure", &object).expect("there is such a pool");
    }
}

/// Sends steps one after the other, so that a fault for "the next creation of a pool" meets the one that is meant.
#[derive(Debug)]
struct InOrder {
    inner: Aks,
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
