//! Environments in this process's memory: a cloud for tests, for examples, and for reading how a backend is written.
//!
//! It behaves as clouds do. Operations take the time of the injected clock, one at a time on a cluster and on each pool;
//! what is wanted too early is refused as busy; replies can get lost, and reads can lag behind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::access::{ClusterAccess, Credential};
use crate::backend::{Backend, Capabilities, Difference};
use crate::clock::Clock;
use crate::environment::{
    BackendKind, CloudObserved, CloudSpec, EnvironmentId, EnvironmentName, EnvironmentSpec, FieldPath,
    KubernetesVersion, NetworkSpec, Observed, ObservedPool, PoolName, PoolSpec, Status, Violation,
};
use crate::error::{Error, ErrorKind, Result, ServerText};
use crate::operation::{Action, Change, IdempotencyToken, Operation, Progress, Step, Subject};
use crate::secret::Secret;

/// How long the creation of a cluster takes.
pub const CREATE_CLUSTER_TIME: Duration = Duration::from_secs(600);
/// How long the upgrade of a cluster or a pool by one minor takes.
pub const UPGRADE_TIME: Duration = Duration::from_secs(480);
/// How long the creation of a pool takes, and any deletion.
pub const POOL_TIME: Duration = Duration::from_secs(180);
/// How long any other change takes.
pub const UPDATE_TIME: Duration = Duration::from_secs(45);

/// How far reads can lag behind: what was earlier is not kept.
pub const LONGEST_READ_LAG: Duration = Duration::from_secs(3600);

/// What an environment in memory needs beside what every environment has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySpec {
    /// Cannot be changed in place; stands for what other clouds have of that sort.
    pub class: String,
}

/// What only this backend says about an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryObserved {
    /// As it was created.
    pub class: String,
}

/// What a step asks of this backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the spec's")]
pub enum MemoryChange {
    /// Makes the cluster, without pools.
    CreateCluster {
        class: String,
        version: KubernetesVersion,
        tags: BTreeMap<String, String>,
        network: NetworkSpec,
        deletion_protection: bool,
    },
    /// Changes what can be changed of a cluster, apart from its version.
    UpdateCluster { tags: BTreeMap<String, String>, network: NetworkSpec, deletion_protection: bool },
    /// Takes the cluster to the next minor.
    UpgradeCluster { version: KubernetesVersion },
    /// Deletes a cluster that has no pools.
    DeleteCluster,
    /// Makes a pool.
    CreatePool { spec: PoolSpec, version: KubernetesVersion },
    /// Changes what can be changed of a pool, apart from its version.
    UpdatePool { spec: PoolSpec },
    /// Takes a pool to another version.
    UpgradePool { version: KubernetesVersion },
    /// Deletes a pool.
    DeletePool,
}

/// The cloud in memory: what outlives any client of it.
#[derive(Debug)]
pub struct MemoryCloud {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// A client of a [`MemoryCloud`].
#[derive(Debug, Clone)]
pub struct MemoryBackend {
    cloud: Arc<MemoryCloud>,
}

/// One call that a cloud in memory was asked to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub time: Duration,
    /// Which method.
    pub call: &'static str,
    /// What was to be written, and where; `None` for questions.
    pub write: Option<(EnvironmentId, Action, Subject)>,
    /// Whether anything was changed.
    pub committed: bool,
}

/// Something that goes wrong, so many times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which calls it meets.
    pub on: FaultOn,
    /// What happens to them.
    pub disturbance: Disturbance,
    /// How many calls it meets before it is over.
    pub times: u32,
}

/// Which calls a fault meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultOn {
    /// The sending of such a step.
    Write(Action, Subject),
    /// Every sending.
    AnyWrite,
    /// Every question.
    AnyQuestion,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// It is refused, and nothing is changed.
    Refused(ErrorKind),
    /// It gets lost on the way; nothing is changed, and the caller cannot know.
    RequestLost,
    /// It takes effect, and its reply gets lost.
    ReplyLost,
    /// It never ends; nothing is changed.
    Hangs,
}

#[derive(Debug, Default)]
struct State {
    clusters: BTreeMap<EnvironmentName, Observed>,
    running: BTreeMap<String, Record>,
    ended: BTreeMap<String, Progress>,
    tokens: BTreeMap<String, Operation>,
    next_id: u64,
    journal: Vec<Entry>,
    faults: Vec<Fault>,
    failing: Vec<(EnvironmentName, Action, Subject, String)>,
    forgetful: bool,
    read_lag: Duration,
    /// What the clusters were at which time, for reads that lag.
    history: Vec<(Duration, BTreeMap<EnvironmentName, Observed>)>,
}

#[derive(Debug)]
struct Record {
    operation: Operation,
    change: MemoryChange,
    ends_at: Duration,
    fails: Option<String>,
}

impl MemoryCloud {
    /// An empty cloud.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::new(State::default()) })
    }

    /// A new client.
    pub fn backend(self: &Arc<Self>) -> MemoryBackend {
        MemoryBackend { cloud: Arc::clone(self) }
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Lets the next operation of that sort be accepted and then fail.
    pub fn fail_next(&self, environment: &EnvironmentName, action: Action, subject: Subject, reason: &str) {
        self.state().failing.push((environment.clone(), action, subject, reason.to_owned()));
    }

    /// Whether operations are unknown as soon as they were accepted.
    pub fn set_forgetful(&self, forgetful: bool) {
        self.state().forgetful = forgetful;
    }

    /// How far reads lag behind; no further than [`LONGEST_READ_LAG`].
    pub fn set_read_lag(&self, lag: Duration) {
        self.state().read_lag = lag.min(LONGEST_READ_LAG);
    }

    /// All calls so far.
    pub fn journal(&self) -> Vec<Entry> {
        self.state().journal.clone()
    }

    /// The clusters as they are now, however far reads lag.
    pub fn clusters(&self) -> BTreeMap<EnvironmentName, Observed> {
        self.state().clusters.clone()
    }

    /// Changes the clusters behind every client's back, as people with a console do.
    pub fn edit(&self, change: impl FnOnce(&mut BTreeMap<EnvironmentName, Observed>)) {
        let mut state = self.state();
        change(&mut state.clusters);
        let now = self.clock.now();
        state.remember(now);
    }

    /// The state, with all that has ended by now.
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under this lock can only come from `edit`, whose half-done change is the caller's own.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.end_operations(self.clock.now());
        state
    }

    /// Notes a call, and says what goes wrong with it.
    fn disturb(&self, call: &'static str, write: Option<(EnvironmentId, Action, Subject)>) -> Option<Disturbance> {
        let time = self.clock.now();
        let mut state = self.state();
        let meets = |on: &FaultOn| match on {
            FaultOn::Write(action, subject) => write.as_ref().is_some_and(|(_, a, s)| a == action && s == subject),
            FaultOn::AnyWrite => write.is_some(),
            FaultOn::AnyQuestion => write.is_none(),
        };
        let index = state.faults.iter().position(|fault| fault.times > 0 && meets(&fault.on));
        let disturbance = index.map(|index| {
            let fault = &mut state.faults[index];
            fault.times -= 1;
            fault.disturbance
        });
        state.journal.push(Entry { time, call, write, committed: false });
        disturbance
    }

    /// Answers a question, unless something goes wrong with it.
    async fn ask<T>(
        &self,
        call: &'static str,
        subject: impl std::fmt::Display,
        answer: impl FnOnce(&State) -> Result<T>,
    ) -> Result<T> {
        match self.disturb(call, None) {
            None => answer(&self.state()),
            Some(Disturbance::Refused(kind)) => Err(error(kind, call, subject)),
            Some(Disturbance::RequestLost | Disturbance::ReplyLost) => Err(error(ErrorKind::Ambiguous, call, subject)),
            Some(Disturbance::Hangs) => std::future::pending().await,
        }
    }

    fn accept(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        let refuse = |kind, why: &str| {
            Err(error(kind, "begin", format!("{id}, {}", step.subject)).with_source(ServerText::new(why)))
        };
        // Without the feature of any cloud there is no other change.
        #[cfg_attr(
            not(any(feature = "aks", feature = "eks", feature = "gke")),
            expect(irrefutable_let_patterns, reason = "no other cloud is compiled in")
        )]
        let Change::Memory(change) = &step.change else {
            return refuse(ErrorKind::Unsupported, "the step was planned by another backend");
        };
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(operation) = state.tokens.get(token.as_str()) {
            return Ok(operation.clone());
        }
        let blocked = state.running.values().any(|record| {
            record.operation.environment == *id
                && (record.operation.subject == step.subject
                    || record.operation.subject == Subject::Cluster
                    || step.subject == Subject::Cluster)
        });
        if blocked {
            return refuse(ErrorKind::Conflict, "another operation is in progress");
        }
        state.next_id += 1;
        let number = state.next_id;
        let failing = state.failing.iter().position(|(environment, action, subject, _)| {
            environment == id.name() && *action == step.action && *subject == step.subject
        });
        let fails = failing.map(|index| state.failing.remove(index).3);
        match (state.clusters.get_mut(id.name()), change) {
            (None, MemoryChange::CreateCluster { class, version, tags, network, deletion_protection }) => {
                let cluster = Observed {
                    id: id.clone(),
                    region: None,
                    uid: format!("memory-{number}"),
                    status: Status::Creating,
                    status_reason: None,
                    version: *version,
                    full_version: format!("{version}.0"),
                    endpoint: None,
                    certificate_authority_data: None,
                    oidc_issuer_url: None,
                    node_pools: BTreeMap::new(),
                    network: network.clone(),
                    tags: tags.clone(),
                    deletion_protection: Some(*deletion_protection),
                    cloud: CloudObserved::Memory(MemoryObserved { class: class.clone() }),
                };
                state.clusters.insert(id.name().clone(), cluster);
            }
            (Some(_), MemoryChange::CreateCluster { .. }) => {
                return refuse(ErrorKind::AlreadyExists, "there is a cluster of that name");
            }
            (None, _) => return refuse(ErrorKind::NotFound, "there is no such cluster"),
            (Some(cluster), change) => {
                let control_plane = cluster.version;
                match (change, pool_of(cluster, &step.subject)) {
                    (MemoryChange::UpdateCluster { .. }, None) => cluster.status = Status::Updating,
                    (MemoryChange::UpgradeCluster { version }, None) if *version == control_plane.next() => {
                        cluster.status = Status::Updating;
                    }
                    (MemoryChange::DeleteCluster, None) => {
                        if cluster.deletion_protection == Some(true) {
                            return refuse(ErrorKind::Protected, "deletion protection is on");
                        }
                        if !cluster.node_pools.is_empty() {
                            return refuse(ErrorKind::InvalidConfig, "the cluster has node pools");
                        }
                        cluster.status = Status::Deleting;
                    }
                    (MemoryChange::CreatePool { spec, version }, None) if *version <= control_plane => {
                        let Subject::NodePool(name) = &step.subject else {
                            return refuse(ErrorKind::InvalidConfig, "only a node pool can be created so");
                        };
                        cluster.node_pools.insert(name.clone(), new_pool(spec, *version));
                    }
                    (MemoryChange::CreatePool { .. }, Some(_)) => {
                        return refuse(ErrorKind::AlreadyExists, "there is a node pool of that name");
                    }
                    (MemoryChange::UpgradePool { version }, Some(_)) if *version > control_plane => {
                        return refuse(ErrorKind::InvalidConfig, "a node pool cannot be ahead of the control plane");
                    }
                    (MemoryChange::UpdatePool { .. } | MemoryChange::UpgradePool { .. }, Some(pool)) => {
                        pool.status = Status::Updating;
                    }
                    (MemoryChange::DeletePool, Some(pool)) => pool.status = Status::Deleting,
                    (
                        MemoryChange::UpdatePool { .. } | MemoryChange::UpgradePool { .. } | MemoryChange::DeletePool,
                        None,
                    ) => {
                        return refuse(ErrorKind::NotFound, "there is no such node pool");
                    }
                    (
                        MemoryChange::CreateCluster { .. }
                        | MemoryChange::UpdateCluster { .. }
                        | MemoryChange::UpgradeCluster { .. }
                        | MemoryChange::DeleteCluster
                        | MemoryChange::CreatePool { .. },
                        _,
                    ) => return refuse(ErrorKind::InvalidConfig, "the step does not fit its subject"),
                }
            }
        }
        let operation = Operation {
            environment: id.clone(),
            subject: step.subject.clone(),
            action: step.action,
            reference: Some(format!("operation-{number}")),
        };
        let takes = match change {
            MemoryChange::CreateCluster { .. } => CREATE_CLUSTER_TIME,
            MemoryChange::UpgradeCluster { .. } | MemoryChange::UpgradePool { .. } => UPGRADE_TIME,
            MemoryChange::CreatePool { .. } | MemoryChange::DeletePool | MemoryChange::DeleteCluster => POOL_TIME,
            MemoryChange::UpdateCluster { .. } | MemoryChange::UpdatePool { .. } => UPDATE_TIME,
        };
        let record = Record { operation: operation.clone(), change: change.clone(), ends_at: now + takes, fails };
        state.running.insert(format!("operation-{number}"), record);
        state.tokens.insert(token.as_str().to_owned(), operation.clone());
        if let Some(entry) = state.journal.last_mut() {
            entry.committed = true;
        }
        state.remember(now);
        Ok(operation)
    }
}

impl State {
    fn remember(&mut self, now: Duration) {
        let oldest_seen = now.saturating_sub(LONGEST_READ_LAG);
        let passed = self.history.iter().take_while(|(time, _)| *time <= oldest_seen).count();
        self.history.drain(..passed.saturating_sub(1));
        self.history.push((now, self.clusters.clone()));
    }

    fn end_operations(&mut self, now: Duration) {
        let due = |record: &Record| record.ends_at <= now;
        let mut due: Vec<(String, Record)> = self.running.extract_if(.., |_, record| due(record)).collect();
        due.sort_by_key(|(_, record)| record.ends_at);
        for (key, record) in due {
            self.ended.insert(key, end_operation(&record, &mut self.clusters));
            self.remember(record.ends_at);
        }
    }

    fn seen(&self, now: Duration) -> Option<&BTreeMap<EnvironmentName, Observed>> {
        let seen_at = now.checked_sub(self.read_lag)?;
        self.history.iter().rev().find(|(time, _)| *time <= seen_at).map(|(_, clusters)| clusters)
    }
}

/// What the end of an operation does to the clusters.
fn end_operation(record: &Record, clusters: &mut BTreeMap<EnvironmentName, Observed>) -> Progress {
    let name = record.operation.environment.name();
    let failed = record.fails.as_deref().map(ServerText::new);
    let end = |status: &mut Status, reason: &mut Option<ServerText>| {
        // What failed to be made does not work; what failed to be changed is as it was.
        *status = match (&failed, record.operation.action) {
            (Some(_), Action::Create | Action::Delete) => Status::Failed,
            (Some(_), Action::Update | Action::Upgrade) | (None, _) => Status::Active,
        };
        reason.clone_from(&failed);
    };
    if let Some(cluster) = clusters.get_mut(name) {
        match &record.operation.subject {
            Subject::NodePool(pool) => {
                if let Some(pool) = cluster.node_pools.get_mut(pool) {
                    end(&mut pool.status, &mut pool.status_reason);
                }
            }
            Subject::Cluster | Subject::Addon(_) | Subject::AccessEntry(_) => {
                end(&mut cluster.status, &mut cluster.status_reason);
            }
        }
        if failed.is_none() {
            match (&record.change, pool_of(cluster, &record.operation.subject)) {
                (MemoryChange::UpdatePool { spec }, Some(pool)) => configure_pool(pool, spec),
                (MemoryChange::UpgradePool { version }, Some(pool)) => {
                    pool.version = *version;
                    pool.full_version = format!("{version}.0");
                }
                (MemoryChange::CreateCluster { .. }, None) => {
                    cluster.endpoint = Some(format!("https://{name}.memory.invalid"));
                    cluster.certificate_authority_data = Some("bWVtb3J5".to_owned());
                    cluster.oidc_issuer_url = Some(format!("https://oidc.memory.invalid/{name}"));
                }
                (MemoryChange::UpdateCluster { tags, network, deletion_protection }, None) => {
                    cluster.tags.clone_from(tags);
                    cluster.network.clone_from(network);
                    cluster.deletion_protection = Some(*deletion_protection);
                }
                (MemoryChange::UpgradeCluster { version }, None) => {
                    cluster.version = *version;
                    cluster.full_version = format!("{version}.0");
                }
                (MemoryChange::DeletePool, Some(_)) => {
                    if let Subject::NodePool(pool) = &record.operation.subject {
                        cluster.node_pools.remove(pool);
                    }
                }
                (MemoryChange::DeleteCluster, None) => {
                    clusters.remove(name);
                }
                // A pool is as it was made; and what was deleted in the meantime is not changed any more.
                (_, Some(_) | None) => {}
            }
        }
    }
    match failed {
        Some(reason) => Progress::Failed(reason),
        None => Progress::Done,
    }
}

fn pool_of<'a>(cluster: &'a mut Observed, subject: &Subject) -> Option<&'a mut ObservedPool> {
    match subject {
        Subject::NodePool(name) => cluster.node_pools.get_mut(name),
        Subject::Cluster | Subject::Addon(_) | Subject::AccessEntry(_) => None,
    }
}

fn new_pool(spec: &PoolSpec, version: KubernetesVersion) -> ObservedPool {
    let mut pool = ObservedPool {
        status: Status::Creating,
        status_reason: None,
        version,
        full_version: format!("{version}.0"),
        machine_type: spec.machine_type.to_string(),
        min: 0,
        max: 0,
        count: 0,
        mode: Some(spec.mode),
        labels: BTreeMap::new(),
        taints: Default::default(),
        zones: spec.zones.clone(),
        spot: spec.spot,
        disk_size_gb: Some(spec.disk_size_gb.unwrap_or(DEFAULT_DISK_GB)),
        max_surge: None,
        tags: BTreeMap::new(),
    };
    configure_pool(&mut pool, spec);
    pool
}

/// Disks have this size where nobody said another.
const DEFAULT_DISK_GB: u32 = 50;

fn configure_pool(pool: &mut ObservedPool, spec: &PoolSpec) {
    (pool.min, pool.max) = spec.size.bounds();
    pool.count = pool.count.clamp(pool.min, pool.max);
    pool.labels.clone_from(&spec.labels);
    pool.taints.clone_from(&spec.taints);
    pool.max_surge = spec.max_surge.or(pool.max_surge);
}

fn error(kind: ErrorKind, call: &'static str, subject: impl std::fmt::Display) -> Error {
    Error::new(kind, BackendKind::Memory, call, subject)
}

#[async_trait]
impl Backend for MemoryBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Memory
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            regions: false,
            maintenance_window: true,
            spot: true,
            zones: true,
            pod_cidr: true,
            disk_size: true,
            drain_timeout: true,
            deletion_protection: true,
            parallel_steps: 8,
        }
    }

    fn validate(&self, desired: &EnvironmentSpec) -> Vec<Violation> {
        match desired.cloud.backend() {
            BackendKind::Memory => Vec::new(),
            BackendKind::Aks | BackendKind::Eks | BackendKind::Gke => vec![desired.wrong_backend(BackendKind::Memory)],
        }
    }

    fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Vec<Difference> {
        // `validate` has said what is wrong with a spec for another cloud.
        #[allow(irrefutable_let_patterns, reason = "a build without clouds has this variant alone")]
        let (CloudObserved::Memory(found), CloudSpec::Memory(wanted)) = (&observed.cloud, &desired.cloud) else {
            return Vec::new();
        };
        if found.class == wanted.class {
            return Vec::new();
        }
        let path = FieldPath::of("memory.class");
        vec![Difference { path, observed: found.class.clone(), desired: wanted.class.clone() }]
    }

    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        match (observed, desired) {
            (None, None) => Ok(Vec::new()),
            (None, Some(desired)) => plan_creation(desired),
            (Some(observed), None) => Ok(plan_deletion(observed)),
            (Some(observed), Some(desired)) => plan_changes(observed, desired),
        }
    }

    async fn check_offer(&self, _: &EnvironmentSpec) -> Result<Vec<Violation>> {
        Ok(Vec::new())
    }

    async fn locate(&self, desired: &EnvironmentSpec) -> Result<EnvironmentId> {
        let id = EnvironmentId::Memory { name: desired.name.clone() };
        self.cloud.ask("locate", &desired.name, |_| Ok(id.clone())).await
    }

    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        let now = self.cloud.clock.now();
        self.cloud
            .ask("read", id, |state| {
                let mut observed = state.seen(now).and_then(|clusters| clusters.get(id.name())).cloned();
                if let Some(observed) = &mut observed {
                    let lame = |pool: &ObservedPool| matches!(pool.status, Status::Failed | Status::Degraded);
                    if observed.status == Status::Active && observed.node_pools.values().any(lame) {
                        observed.status = Status::Degraded;
                    }
                }
                Ok(observed)
            })
            .await
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        let lost = || Err(error(ErrorKind::Ambiguous, "begin", format!("{id}, {}", step.subject)));
        match self.cloud.disturb("begin", Some((id.clone(), step.action, step.subject.clone()))) {
            None => self.cloud.accept(id, step, token),
            Some(Disturbance::Refused(kind)) => Err(error(kind, "begin", format!("{id}, {}", step.subject))),
            Some(Disturbance::RequestLost) => lost(),
            Some(Disturbance::ReplyLost) => {
                // Whatever the reply was, nobody heard it.
                drop(self.cloud.accept(id, step, token));
                lost()
            }
            Some(Disturbance::Hangs) => std::future::pending().await,
        }
    }

    async fn poll(&self, operation: &Operation) -> Result<Progress> {
        self.cloud
            .ask("poll", operation, |state| {
                let reference = operation.reference.as_deref().unwrap_or_default();
                Ok(match state.ended.get(reference) {
                    Some(_) | None if state.forgetful => Progress::Unknown,
                    Some(ended) => ended.clone(),
                    None if state.running.contains_key(reference) => Progress::Running,
                    None => Progress::Unknown,
                })
            })
            .await
    }

    async fn find_running(&self, id: &EnvironmentId) -> Result<Vec<Operation>> {
        self.cloud
            .ask("find_running", id, |state| {
                let operations = state.running.values().map(|record| record.operation.clone());
                Ok(operations.filter(|operation| operation.environment == *id && !state.forgetful).collect())
            })
            .await
    }

    async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess> {
        let now = self.cloud.clock.now();
        self.cloud
            .ask("access", id, |state| {
                let cluster = state.clusters.get(id.name()).ok_or_else(|| error(ErrorKind::NotFound, "access", id))?;
                match (&cluster.endpoint, &cluster.certificate_authority_data) {
                    (Some(endpoint), Some(authority)) => Ok(ClusterAccess {
                        endpoint: endpoint.clone(),
                        certificate_authority_data: authority.clone(),
                        credential: Credential {
                            token: Secret::new(format!("memory-token-{}", cluster.uid)),
                            // The clock of this cloud has no date; it begins where Unix time does.
                            expires_at: SystemTime::UNIX_EPOCH + now + Duration::from_secs(900),
                        },
                    }),
                    (None, _) | (_, None) => Err(error(ErrorKind::Conflict, "access", id)),
                }
            })
            .await
    }
}

fn step(stage: u32, subject: Subject, action: Action, description: String, change: MemoryChange) -> Step {
    Step { stage, subject, action, description, change: Change::Memory(change), drain: None }
}

fn create_pool(stage: u32, name: &PoolName, spec: &PoolSpec, version: KubernetesVersion) -> Step {
    let change = MemoryChange::CreatePool { spec: spec.clone(), version };
    step(stage, Subject::NodePool(name.clone()), Action::Create, format!("create node pool {name}"), change)
}

fn delete_pool(stage: u32, name: &PoolName) -> Step {
    let subject = Subject::NodePool(name.clone());
    step(stage, subject, Action::Delete, format!("delete node pool {name}"), MemoryChange::DeletePool)
}

fn plan_creation(desired: &EnvironmentSpec) -> Result<Vec<Step>> {
    #[allow(irrefutable_let_patterns, reason = "a build without clouds has this variant alone")]
    let CloudSpec::Memory(memory) = &desired.cloud else {
        let violation = desired.wrong_backend(BackendKind::Memory);
        return Err(error(ErrorKind::InvalidConfig, "plan", &desired.name).with_source(violation));
    };
    let version = desired.kubernetes.version;
    let create = MemoryChange::CreateCluster {
        class: memory.class.clone(),
        version,
        tags: desired.tags_with_mark(),
        network: desired.network.clone(),
        deletion_protection: desired.deletion_protection,
    };
    let description = format!("create cluster {} with Kubernetes {version}", desired.name);
    let mut steps = vec![step(0, Subject::Cluster, Action::Create, description, create)];
    steps.extend(
        desired.node_pools.iter().map(|(name, pool)| create_pool(1, name, pool, pool.version.unwrap_or(version))),
    );
    Ok(steps)
}

fn plan_deletion(observed: &Observed) -> Vec<Step> {
    let mut steps: Vec<Step> = observed.node_pools.keys().map(|name| delete_pool(0, name)).collect();
    let description = format!("delete cluster {}", observed.id.name());
    steps.push(step(1, Subject::Cluster, Action::Delete, description, MemoryChange::DeleteCluster));
    steps
}

fn plan_changes(observed: &Observed, desired: &EnvironmentSpec) -> Result<Vec<Step>> {
    let refuse = |path, problem: String, remedy: String| {
        Err(error(ErrorKind::InvalidConfig, "plan", &observed.id).with_source(Violation::new(path, problem, remedy)))
    };
    let goal = desired.kubernetes.version;
    if observed.status == Status::Failed {
        return Err(error(ErrorKind::OperationFailed, "plan", &observed.id)
            .with_source(ServerText::new("the cluster failed, and only a new one would do")));
    }
    if goal < observed.version || goal.major != observed.version.major {
        return refuse(
            FieldPath::of("kubernetes.version"),
            format!("Kubernetes {goal} cannot follow {}", observed.version),
            format!("use {} or a later minor", observed.version),
        );
    }
    let mut steps = Vec::new();
    let tags = desired.tags_with_mark();
    if observed.tags != tags
        || observed.network != desired.network
        || observed.deletion_protection != Some(desired.deletion_protection)
    {
        let change = MemoryChange::UpdateCluster {
            tags,
            network: desired.network.clone(),
            deletion_protection: desired.deletion_protection,
        };
        steps.push(step(0, Subject::Cluster, Action::Update, "update cluster settings".to_owned(), change));
    }
    let mut kept = BTreeMap::new();
    for (name, pool) in &observed.node_pools {
        match desired.node_pools.get(name) {
            Some(spec) if !must_replace(pool, spec) => {
                let wanted = spec.version.unwrap_or(goal);
                if wanted < pool.version {
                    return refuse(
                        FieldPath::pool(name).then("version"),
                        format!("Kubernetes {wanted} cannot follow {}", pool.version),
                        format!("use {} or a later minor", pool.version),
                    );
                }
                kept.insert(name, (pool, spec, wanted));
            }
            Some(_) | None => steps.push(delete_pool(1, name)),
        }
    }
    let mut stage = 2;
    let mut reached: BTreeMap<&PoolName, KubernetesVersion> =
        kept.iter().map(|(name, (pool, _, _))| (*name, pool.version)).collect();
    let mut control_plane = observed.version;
    // Ends, because every turn takes the control plane one minor nearer to its goal.
    loop {
        for (name, (_, _, wanted)) in &kept {
            let next = (*wanted).min(control_plane);
            if let Some(version) = reached.get_mut(name)
                && *version < next
            {
                let description = format!("upgrade node pool {name} from {version} to {next}");
                let change = MemoryChange::UpgradePool { version: next };
                steps.push(step(stage, Subject::NodePool((*name).clone()), Action::Upgrade, description, change));
                *version = next;
            }
        }
        if control_plane >= goal {
            break;
        }
        let next = control_plane.next();
        let description = format!("upgrade control plane from {control_plane} to {next}");
        let change = MemoryChange::UpgradeCluster { version: next };
        steps.push(step(stage + 1, Subject::Cluster, Action::Upgrade, description, change));
        control_plane = next;
        stage += 2;
    }
    for (name, (pool, spec, _)) in &kept {
        let mut wanted = (*pool).clone();
        configure_pool(&mut wanted, spec);
        if wanted != **pool {
            let change = MemoryChange::UpdatePool { spec: (*spec).clone() };
            let description = format!("update node pool {name}");
            steps.push(step(stage + 1, Subject::NodePool((*name).clone()), Action::Update, description, change));
        }
    }
    for (name, spec) in desired.node_pools.iter().filter(|(name, _)| !kept.contains_key(name)) {
        steps.push(create_pool(stage + 1, name, spec, spec.version.unwrap_or(goal)));
    }
    Ok(steps)
}

/// Whether a pool has to be made anew: it failed, or differs in what is fixed when it is made.
fn must_replace(pool: &ObservedPool, spec: &PoolSpec) -> bool {
    pool.status == Status::Failed
        || pool.machine_type != spec.machine_type.as_str()
        || pool.spot != spec.spot
        || pool.zones != spec.zones
        || pool.mode != Some(spec.mode)
        || spec.disk_size_gb.is_some_and(|size| pool.disk_size_gb != Some(size))
}

#[cfg(test)]
pub(crate) fn example_spec(name: &str) -> EnvironmentSpec {
    use crate::environment::{PoolMode, PoolSize};

    let cloud = CloudSpec::Memory(MemorySpec::default());
    let pool = PoolSpec::new("2cpu-4gb".parse().unwrap(), PoolSize::Fixed(2));
    EnvironmentSpec {
        node_pools: [("system".parse().unwrap(), PoolSpec { mode: PoolMode::System, ..pool })].into(),
        deletion_protection: false,
        ..EnvironmentSpec::new("platform".parse().unwrap(), name.parse().unwrap(), "1.33".parse().unwrap(), cloud)
    }
}

#[cfg(test)]
pub(crate) fn example_step(pool: &str) -> Step {
    delete_pool(0, &pool.parse().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::conformance::{SUITE, World};
    use crate::layer::Layer;

    /// How far reads lag behind, where they do.
    const LAG: Duration = Duration::from_secs(15);

    struct MemoryWorld {
        clock: VirtualClock,
        cloud: Arc<MemoryCloud>,
        bug: Option<Bug>,
    }

    impl MemoryWorld {
        fn new() -> Self {
            let clock = VirtualClock::new();
            Self { cloud: MemoryCloud::new(Arc::new(clock.clone())), clock, bug: None }
        }
    }

    #[async_trait]
    impl World for MemoryWorld {
        fn client(&self) -> Arc<dyn Backend> {
            match self.bug {
                None => Arc::new(self.cloud.backend()),
                Some(bug) => Arc::new(Buggy { inner: self.cloud.backend(), bug }),
            }
        }

        fn clock(&self) -> Arc<dyn Clock> {
            Arc::new(self.clock.clone())
        }

        fn poll_interval(&self) -> Duration {
            Duration::from_secs(60)
        }

        fn spec(&self, name: &str) -> EnvironmentSpec {
            let mut spec = example_spec(name);
            spec.kubernetes.version = self.versions()[0];
            spec
        }

        fn versions(&self) -> Vec<KubernetesVersion> {
            ["1.31", "1.32", "1.33"].map(|version| version.parse().unwrap()).to_vec()
        }

        fn change_immutable(&self, spec: &mut EnvironmentSpec) {
            spec.cloud = CloudSpec::Memory(MemorySpec { class: "other".to_owned() });
        }

        async fn writes(&self, id: &EnvironmentId) -> Vec<(Action, Subject)> {
            let committed = self.cloud.journal().into_iter().filter(|entry| entry.committed);
            let writes = committed.filter_map(|entry| entry.write);
            writes.filter(|(at, _, _)| at == id).map(|(_, action, subject)| (action, subject)).collect()
        }

        async fn inject(&self, fault: Fault) {
            self.cloud.inject(fault);
        }

        async fn fail_next(&self, id: &EnvironmentId, action: Action, subject: Subject) {
            self.cloud.fail_next(id.name(), action, subject, "the cloud has no machines left");
        }

        async fn plant(&self, spec: &EnvironmentSpec, tags: BTreeMap<String, String>) {
            let id = EnvironmentId::Memory { name: spec.name.clone() };
            let mut step = plan_creation(spec).unwrap().remove(0);
            if let Change::Memory(MemoryChange::CreateCluster { tags: made_with, .. }) = &mut step.change {
                *made_with = tags;
            }
            self.cloud.accept(&id, &step, &IdempotencyToken::random()).unwrap();
            self.clock.sleep(CREATE_CLUSTER_TIME + LAG).await;
        }

        async fn delete_pool_outside(&self, id: &EnvironmentId, pool: &PoolName) {
            self.cloud.edit(|clusters| {
                if let Some(cluster) = clusters.get_mut(id.name()) {
                    cluster.node_pools.remove(pool);
                }
            });
            self.clock.sleep(LAG).await;
        }
    }

    #[test]
    fn conforms() {
        for scenario in SUITE {
            eprintln!("{}", scenario.name);
            let world = MemoryWorld::new();
            let done = world.clock.run((scenario.run)(&world));
            assert!(done.is_some(), "{} waits for what never comes", scenario.name);
        }
    }

    #[test]
    fn conforms_where_operations_are_forgotten_and_reads_lag() {
        for scenario in SUITE {
            eprintln!("{}", scenario.name);
            let world = MemoryWorld::new();
            world.cloud.set_forgetful(true);
            world.cloud.set_read_lag(LAG);
            let done = world.clock.run((scenario.run)(&world));
            assert!(done.is_some(), "{} waits for what never comes", scenario.name);
        }
    }

    /// Mistakes that a backend might make.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Bug {
        NoMark,
        OthersMark,
        AdoptsWhatDiffers,
        TakesErrorsForAbsence,
        TakesLostRepliesForFailures,
        ForgetsPoolUpdates,
        PlansWhatIsDone,
        UpgradesPoolsFirst,
        SkipsMinors,
        AllowsDowngrades,
        DeletesTheClusterFirst,
        HidesBusyness,
        LosesTags,
        LeavesRemovedPools,
        SendsTwice,
        TellsTokens,
    }

    const BUGS: [Bug; 16] = [
        Bug::NoMark,
        Bug::OthersMark,
        Bug::AdoptsWhatDiffers,
        Bug::TakesErrorsForAbsence,
        Bug::TakesLostRepliesForFailures,
        Bug::ForgetsPoolUpdates,
        Bug::PlansWhatIsDone,
        Bug::UpgradesPoolsFirst,
        Bug::SkipsMinors,
        Bug::AllowsDowngrades,
        Bug::DeletesTheClusterFirst,
        Bug::HidesBusyness,
        Bug::LosesTags,
        Bug::LeavesRemovedPools,
        Bug::SendsTwice,
        Bug::TellsTokens,
    ];

    #[derive(Debug)]
    struct Buggy {
        inner: MemoryBackend,
        bug: Bug,
    }

    #[async_trait]
    impl Layer for Buggy {
        fn inner(&self) -> &dyn Backend {
            &self.inner
        }

        fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Vec<Difference> {
            if self.bug == Bug::AdoptsWhatDiffers { Vec::new() } else { self.inner.differences(observed, desired) }
        }

        fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
            let mut observed = observed.cloned();
            if let (Some(observed), Some(desired), Bug::AllowsDowngrades) = (&mut observed, desired, self.bug) {
                observed.version = observed.version.min(desired.kubernetes.version);
                for pool in observed.node_pools.values_mut() {
                    pool.version = pool.version.min(desired.kubernetes.version);
                }
            }
            let mut steps = self.inner.plan(observed.as_ref(), desired)?;
            let is = |step: &Step, action, on_cluster: bool| {
                step.action == action && on_cluster == (step.subject == Subject::Cluster)
            };
            match self.bug {
                Bug::ForgetsPoolUpdates => steps.retain(|step| !is(step, Action::Update, false)),
                Bug::LeavesRemovedPools if desired.is_some() => steps.retain(|step| !is(step, Action::Delete, false)),
                Bug::UpgradesPoolsFirst => {
                    for step in steps.iter_mut().filter(|step| is(step, Action::Upgrade, false)) {
                        step.stage = 0;
                    }
                }
                Bug::SkipsMinors => {
                    let last = steps.iter().rposition(|step| is(step, Action::Upgrade, true));
                    let mut index = 0;
                    steps.retain(|step| {
                        index += 1;
                        !is(step, Action::Upgrade, true) || Some(index - 1) == last
                    });
                }
                Bug::DeletesTheClusterFirst if desired.is_none() => {
                    for step in &mut steps {
                        step.stage = 1 - step.stage;
                    }
                }
                Bug::PlansWhatIsDone => {
                    if let (Some(observed), Some(desired)) = (&observed, desired) {
                        let spec = desired.node_pools.iter().find(|(name, _)| observed.node_pools.contains_key(name));
                        steps.extend(spec.map(|(name, spec)| {
                            let change = MemoryChange::UpdatePool { spec: spec.clone() };
                            step(9, Subject::NodePool(name.clone()), Action::Update, "again".to_owned(), change)
                        }));
                    }
                }
                _ => {}
            }
            for step in &mut steps {
                if let Change::Memory(
                    MemoryChange::CreateCluster { tags, .. } | MemoryChange::UpdateCluster { tags, .. },
                ) = &mut step.change
                {
                    match self.bug {
                        Bug::NoMark => tags.clear(),
                        Bug::OthersMark => drop(tags.insert(crate::environment::OWNER_TAG.to_owned(), "x".to_owned())),
                        Bug::LosesTags => tags.retain(|key, _| key.starts_with("multicloud-")),
                        _ => {}
                    }
                }
            }
            Ok(steps)
        }

        async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
            match self.inner.read(id).await {
                Err(_) if self.bug == Bug::TakesErrorsForAbsence => Ok(None),
                read => read,
            }
        }

        async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
            let as_kind = |mut error: Error, kind| {
                error.kind = kind;
                error
            };
            match self.inner.begin(id, step, token).await {
                Err(error) if error.kind == ErrorKind::Ambiguous && self.bug == Bug::TakesLostRepliesForFailures => {
                    Err(as_kind(error, ErrorKind::Protocol))
                }
                Err(error) if error.kind == ErrorKind::Conflict && self.bug == Bug::HidesBusyness => {
                    Err(as_kind(error, ErrorKind::InvalidConfig))
                }
                Ok(operation) if self.bug == Bug::SendsTwice && step.action == Action::Update => {
                    self.cloud_clock().sleep(UPDATE_TIME).await;
                    drop(self.inner.begin(id, step, &IdempotencyToken::random()).await);
                    Ok(operation)
                }
                begun => begun,
            }
        }

        async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess> {
            let mut access = self.inner.access(id).await?;
            if self.bug == Bug::TellsTokens {
                access.endpoint.push_str(access.credential.token.expose());
            }
            Ok(access)
        }
    }

    impl Buggy {
        fn cloud_clock(&self) -> &dyn Clock {
            self.inner.cloud.clock.as_ref()
        }
    }

    /// The suite is worth something only if it notices what is wrong.
    #[test]
    fn suite_catches_every_planted_bug() {
        let quick = SUITE.iter().filter(|scenario| scenario.name != "survives_a_crash_at_every_call");
        let quick: Vec<_> = quick.collect();
        let caught_by = |bug| {
            let failed = quick.iter().filter(|scenario| {
                let world = MemoryWorld { bug: Some(bug), ..MemoryWorld::new() };
                let run = std::panic::AssertUnwindSafe(|| world.clock.run((scenario.run)(&world)));
                !matches!(std::panic::catch_unwind(run), Ok(Some(())))
            });
            failed.map(|scenario| scenario.name).collect::<Vec<_>>()
        };
        let caught: Vec<_> = BUGS.into_iter().map(|bug| (bug, caught_by(bug))).collect();
        for (bug, scenarios) in &caught {
            println!("{bug:?}: {}", scenarios.join(", "));
        }
        let missed: Vec<_> = caught.iter().filter(|(_, scenarios)| scenarios.is_empty()).map(|(bug, _)| bug).collect();
        assert!(missed.is_empty(), "nobody noticed {missed:?}");
    }
}
