//! The simulator, as a place where the EKS backend is tried.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use multicloud::backend::Backend;
use multicloud::conformance::World;
use multicloud::eks::{AwsSettings, Eks, EksSpec};
use multicloud::environment::{
    CloudSpec, EnvironmentSpec, KubernetesSpec, NetworkSpec, PoolMode, PoolSize, PoolSpec, Role,
};
use multicloud::memory::{Disturbance, Fault, FaultOn};
use multicloud::{
    Action, Clock, EnvironmentId, ErrorKind, IdempotencyToken, KubernetesVersion, Layer, Operation, PoolName, Result,
    Secret, Step, Subject,
};
use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::journal::Entry;
use multicloud_simulator::{Config, Running, Simulator};
use serde_json::json;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const SUBNETS: [&str; 3] =
    ["subnet-0000000000000000a", "subnet-0000000000000000b", "subnet-0000000000000000c"];

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

    pub(crate) fn settings(&self) -> AwsSettings {
        AwsSettings {
            endpoint: self.running.url("eks").map(str::to_owned),
            sts_endpoint: self.running.url("sts").map(str::to_owned),
            access_key: Some("AKIASIMULATOR".to_owned()),
            secret_key: Some(Secret::new("any")),
            ..AwsSettings::default()
        }
    }

    pub(crate) fn faults(&self, rules: serde_json::Value) {
        let plan = FaultPlan::from_json(&rules.to_string()).expect("a fault plan");
        self.running.add_faults(plan).expect("a fault plan that fits");
    }

    /// The requests that were made, by name.
    #[allow(dead_code, reason = "not every test that has this module counts requests")]
    pub(crate) fn requests(&self) -> Vec<String> {
        self.running.journal().into_iter().map(|entry| entry.operation.to_owned()).collect()
    }

    fn object(id: &EnvironmentId) -> String {
        format!("{ACCOUNT}/{REGION}/clusters/{}", id.name())
    }
}

/// A valid environment with one pool.
pub(crate) fn spec(name: &str) -> EnvironmentSpec {
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    EnvironmentSpec {
        owner: "platform".parse().unwrap(),
        name: name.parse().unwrap(),
        role: Role::Workload,
        region: Some(REGION.parse().unwrap()),
        kubernetes: KubernetesSpec { version: "1.31".parse().unwrap(), maintenance_window: None },
        node_pools: [("system".parse().unwrap(), pool())].into(),
        network: NetworkSpec {
            subnet_ids: SUBNETS[..2].iter().map(|id| (*id).to_owned()).collect(),
            ..NetworkSpec::default()
        },
        tags: BTreeMap::new(),
        deletion_protection: false,
        cloud: CloudSpec::Eks(EksSpec {
            role_arn: role("eks-cluster"),
            node_role_arn: role("eks-node"),
            ..EksSpec::default()
        }),
    }
}

pub(crate) fn pool() -> PoolSpec {
    PoolSpec {
        machine_type: "t3.large".parse().unwrap(),
        size: PoolSize::Fixed(2),
        mode: PoolMode::System,
        labels: BTreeMap::new(),
        taints: Default::default(),
        zones: Default::default(),
        spot: false,
        disk_size_gb: None,
        version: None,
        max_surge: None,
        drain_timeout: None,
    }
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

/// What an entry of the journal did to which part of which cluster, if it was a change of a cluster or a pool.
fn write_of(entry: &Entry) -> Option<(String, Action, Subject)> {
    let action = match entry.operation {
        "CreateCluster" | "CreateNodegroup" => Action::Create,
        "UpdateClusterConfig" | "UpdateNodegroupConfig" => Action::Update,
        "UpdateClusterVersion" | "UpdateNodegroupVersion" => Action::Upgrade,
        "DeleteCluster" | "DeleteNodegroup" => Action::Delete,
        _ => return None,
    };
    let path: Vec<&str> = entry.path.split(['/', '?']).filter(|part| !part.is_empty()).collect();
    let asked = |field: &str| Some(entry.request.as_ref()?.get(field)?.as_str()?.to_owned());
    let (cluster, group) = match path[..] {
        ["clusters"] => (asked("name")?, None),
        ["clusters", cluster, "node-groups"] => (cluster.to_owned(), Some(asked("nodegroupName")?)),
        ["clusters", cluster, "node-groups", group, ..] => (cluster.to_owned(), Some(group.to_owned())),
        ["clusters", cluster, ..] => (cluster.to_owned(), None),
        _ => return None,
    };
    let subject = match group {
        Some(group) => Subject::NodePool(group.parse().ok()?),
        None => Subject::Cluster,
    };
    Some((cluster, action, subject))
}

fn operation_of(action: Action, subject: &Subject) -> &'static str {
    match (action, subject) {
        (Action::Create, Subject::Cluster) => "CreateCluster",
        (Action::Update, Subject::Cluster) => "UpdateClusterConfig",
        (Action::Upgrade, Subject::Cluster) => "UpdateClusterVersion",
        (Action::Delete, Subject::Cluster) => "DeleteCluster",
        (Action::Create, Subject::NodePool(_)) => "CreateNodegroup",
        (Action::Update, Subject::NodePool(_)) => "UpdateNodegroupConfig",
        (Action::Upgrade, Subject::NodePool(_)) => "UpdateNodegroupVersion",
        (Action::Delete, Subject::NodePool(_)) => "DeleteNodegroup",
        (_, Subject::Addon(_) | Subject::AccessEntry(_)) => unreachable!("the suite knows no such subjects"),
    }
}

#[async_trait]
impl World for Simulated {
    fn client(&self) -> Arc<dyn Backend> {
        Arc::new(InOrder { inner: Eks::new(self.settings()), turn: tokio::sync::Mutex::new(()) })
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
        let CloudSpec::Eks(eks) = &mut spec.cloud else { panic!("not an EKS spec") };
        eks.role_arn = format!("arn:aws:iam::{ACCOUNT}:role/admin");
    }

    async fn writes(&self, id: &EnvironmentId) -> Vec<(Action, Subject)> {
        let journal = self.running.journal();
        let writes = journal.iter().filter(|entry| entry.committed).filter_map(write_of);
        writes.filter(|(name, ..)| name == id.name().as_str()).map(|(_, action, subject)| (action, subject)).collect()
    }

    async fn inject(&self, fault: Fault) {
        let operation = match &fault.on {
            FaultOn::Write(action, subject) => operation_of(*action, subject),
            FaultOn::AnyWrite => "CreateCluster",
            FaultOn::AnyQuestion => "DescribeCluster",
        };
        let mut rule = match fault.disturbance {
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
        rule["operation"] = operation.into();
        rule["times"] = fault.times.into();
        self.faults(json!([rule]));
    }

    async fn fail_next(&self, _: &EnvironmentId, action: Action, subject: Subject) {
        self.faults(json!([{ "operation": operation_of(action, &subject), "fault": "fail" }]));
    }

    async fn plant(&self, spec: &EnvironmentSpec, tags: BTreeMap<String, String>) {
        let object = format!("{ACCOUNT}/{REGION}/clusters/{}", spec.name);
        self.running.put("eks", &object, json!({ "version": "1.31", "tags": tags })).expect("a planted cluster");
    }

    async fn delete_pool_outside(&self, id: &EnvironmentId, pool: &PoolName) {
        let object = format!("{}/nodegroups/{pool}", Self::object(id));
        self.running.remove("eks", &object).expect("there is such a group");
    }
}

/// Sends steps one after the other, so that a fault for "the next creation of a group" meets the one that is meant.
#[derive(Debug)]
struct InOrder {
    inner: Eks,
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
