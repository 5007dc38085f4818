//! What every [`Backend`] must pass, as functions that a test calls.
//!
//! A backend's tests implement [`World`] for the place where it runs (a simulator, an emulator, memory) and run every
//! scenario of [`SUITE`]. Scenarios panic where something is not as it must be. Each uses environments of its own names,
//! so that all can run in one world, one after the other.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a suite says what is wrong by panicking")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::clock::{Clock, Jitter};
use crate::drain::NoDrainer;
use crate::driver::{Checkpoint, Driver, Ending, Outcome, Run, Target};
use crate::environment::{
    EnvironmentId, EnvironmentSpec, KubernetesVersion, OWNER_TAG, Observed, PoolName, PoolSize, Status, Taint,
    TaintEffect, Violation,
};
use crate::error::{ErrorChain, ErrorKind, Result};
use crate::layer::Layer;
use crate::memory::{Disturbance, Fault, FaultOn};
use crate::operation::{Action, IdempotencyToken, Operation, Step, Subject};

/// Where a backend is tried.
#[async_trait]
pub trait World: Send + Sync {
    /// A new client, that knows nothing of earlier ones.
    fn client(&self) -> Arc<dyn Backend>;

    /// The time in which the world's operations go on.
    fn clock(&self) -> Arc<dyn Clock>;

    /// How often operations are asked about.
    fn poll_interval(&self) -> Duration;

    /// A valid spec of that name, with one pool `system` of a fixed size of two, the oldest of [`Self::versions`], no
    /// tags and no deletion protection.
    fn spec(&self, name: &str) -> EnvironmentSpec;

    /// At least three consecutive versions that the world has, oldest first.
    fn versions(&self) -> Vec<KubernetesVersion>;

    /// Changes something of a spec that cannot be changed in place.
    fn change_immutable(&self, spec: &mut EnvironmentSpec);

    /// Changes of clusters and pools of that environment that took effect, in order. A request that makes or deletes a
    /// cluster with its pools is told as the change of each of them.
    async fn writes(&self, id: &EnvironmentId) -> Vec<(Action, Subject)>;

    /// Whether a cluster and its first pools are made by one request, so that none of them can fail alone.
    fn pools_ride_in_creation(&self) -> bool {
        false
    }

    /// Lets something go wrong from now on.
    async fn inject(&self, fault: Fault);

    /// Lets the next operation of that sort on that environment be accepted and then fail.
    async fn fail_next(&self, id: &EnvironmentId, action: Action, subject: Subject);

    /// Makes a cluster as somebody else does: of the spec's name, with other tags.
    async fn plant(&self, spec: &EnvironmentSpec, tags: BTreeMap<String, String>);

    /// Deletes a pool as somebody else does.
    async fn delete_pool_outside(&self, id: &EnvironmentId, pool: &PoolName);
}

/// One scenario of the suite.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it does; panics where the backend does not conform.
    pub run: for<'a> fn(&'a dyn World) -> Running<'a>,
}

/// A scenario that goes on.
pub type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        /// Every scenario.
        pub const SUITE: &[Scenario] =
            &[$(Scenario { name: stringify!($name), run: |world| Box::pin($name(world)) }),*];
    };
}

suite![
    plans_without_asking,
    creates_reads_back_and_is_content,
    scales_in_place,
    moves_bounds_past_the_size,
    adds_and_removes_pools,
    changes_labels_and_taints,
    changes_tags,
    upgrades_minor_by_minor,
    refuses_a_downgrade,
    waits_while_busy,
    obeys_throttling,
    takes_no_error_for_an_absence,
    survives_a_lost_request,
    adopts_after_a_lost_reply,
    leaves_foreign_environments_alone,
    leaves_different_environments_alone,
    keeps_a_partial_creation,
    mends_a_pool_deleted_outside,
    resumes_after_a_cancelled_creation,
    deletes_in_order,
    protects_from_deletion,
    survives_a_fault_at_every_write,
    survives_a_crash_at_every_call,
];

/// More than any scenario's operations take together.
const TIMEOUT: Duration = Duration::from_secs(4 * 3600);

/// A crash test ends by itself once there is no further call; this many calls no run makes.
const MAX_CALLS: usize = 1_000;

/// What a scenario has at hand for one environment.
struct Bench<'a> {
    world: &'a dyn World,
    driver: Driver,
    id: EnvironmentId,
    spec: EnvironmentSpec,
}

impl<'a> Bench<'a> {
    async fn new(world: &'a dyn World, name: &str) -> Self {
        let driver = driver(world, world.client());
        let spec = world.spec(name);
        let id = driver.backend().locate(&spec).await.expect("the place of an environment");
        Self { world, driver, id, spec }
    }

    fn target(&self) -> Target {
        Target { id: self.id.clone(), mark: self.spec.mark(), uid: None, deletion_protection: false }
    }

    async fn create(&self) -> Outcome {
        self.driver.create(&self.spec, Run::new(TIMEOUT, &|_| {})).await
    }

    async fn update(&self) -> Outcome {
        self.driver.update(&self.target(), &self.spec, Run::new(TIMEOUT, &|_| {})).await
    }

    async fn delete(&self) -> Outcome {
        self.driver.delete(&self.target(), Run::new(TIMEOUT, &|_| {})).await
    }

    /// Creates the environment, and sees that all is well.
    async fn created(world: &'a dyn World, name: &str, edit: impl FnOnce(&mut EnvironmentSpec)) -> Self {
        let mut bench = Self::new(world, name).await;
        edit(&mut bench.spec);
        assert_converged(&bench.create().await);
        bench.assert_content().await;
        bench
    }

    /// Updates the environment, and sees that all is well. Returns what was written meanwhile.
    async fn updated(&self) -> Vec<(Action, Subject)> {
        let before = self.writes().await.len();
        assert_converged(&self.update().await);
        self.assert_content().await;
        self.writes().await.split_off(before)
    }

    async fn observed(&self) -> Observed {
        self.driver.read(&self.id).await.expect("reading").expect("the environment exists")
    }

    async fn writes(&self) -> Vec<(Action, Subject)> {
        self.world.writes(&self.id).await
    }

    /// Nothing is left to do, and nothing runs.
    async fn assert_content(&self) {
        let observed = self.observed().await;
        assert_eq!(observed.status, Status::Active, "{:?}", observed.status_reason);
        let open = self.driver.backend().plan(Some(&observed), Some(&self.spec)).expect("a plan");
        assert_eq!(open, [], "an empty plan must follow");
        assert_eq!(self.driver.backend().differences(&observed, &self.spec), []);
        assert_eq!(observed.id, self.id);
    }

    async fn assert_gone(&self) {
        let observed = self.driver.read(&self.id).await.expect("reading");
        assert!(observed.is_none(), "it is still there: {observed:?}");
    }

    async fn clean_up(&self) {
        assert_converged(&self.delete().await);
        self.assert_gone().await;
    }
}

fn driver(world: &dyn World, backend: Arc<dyn Backend>) -> Driver {
    // The worlds are clouds without a Kubernetes behind them.
    Driver::new(backend, world.clock(), Jitter::seeded(1), world.poll_interval()).with_drainer(Arc::new(NoDrainer))
}

fn pool_name(name: &str) -> PoolName {
    name.parse().expect("a pool name")
}

fn add_pools(spec: &mut EnvironmentSpec, names: &[&str]) {
    let like = spec.node_pools[&pool_name("system")].clone();
    spec.node_pools.extend(names.iter().map(|name| (pool_name(name), like.clone())));
}

fn on_pool(name: &str) -> Subject {
    Subject::NodePool(pool_name(name))
}

fn words(outcome: &Outcome) -> String {
    outcome.errors().into_iter().map(|error| ErrorChain(error).to_string()).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_converged(outcome: &Outcome) {
    assert!(outcome.is_converged(), "{}", words(outcome));
    assert_eq!(outcome.running, [], "nothing may be left running");
}

#[track_caller]
fn assert_refused(outcome: &Outcome, kind: ErrorKind) {
    let kinds: Vec<ErrorKind> = outcome.errors().into_iter().map(|error| error.kind).collect();
    assert_eq!(kinds, [kind], "{}", words(outcome));
}

/// What a plan needs no cloud for.
async fn plans_without_asking(world: &dyn World) {
    let backend = world.client();
    let spec = world.spec("plans");
    assert_eq!(spec.violations(), []);
    assert_eq!(backend.validate(&spec), []);
    assert_eq!(backend.plan(None, None).expect("a plan"), []);
    let steps = backend.plan(None, Some(&spec)).expect("a plan");
    assert_eq!(steps, backend.plan(None, Some(&spec)).expect("a plan"), "plans are pure");
    assert_eq!((steps[0].action, &steps[0].subject), (Action::Create, &Subject::Cluster));
    assert!(steps.is_sorted_by_key(|step| step.stage), "steps come in the order of their stages");
    let json = serde_json::to_string(&steps).expect("steps serialize");
    assert_eq!(serde_json::from_str::<Vec<Step>>(&json).expect("steps deserialize"), steps);
}

async fn creates_reads_back_and_is_content(world: &dyn World) {
    let bench = Bench::created(world, "creates", |spec| {
        add_pools(spec, &["apps", "jobs"]);
        spec.tags.insert("team".to_owned(), "platform".to_owned());
    })
    .await;
    let mut writes = bench.writes().await;
    assert_eq!(writes[0], (Action::Create, Subject::Cluster));
    writes.sort();
    let pools = ["apps", "jobs", "system"].map(|name| (Action::Create, on_pool(name)));
    assert_eq!(writes[1..], pools, "one creation each, and nothing else");

    let observed = bench.observed().await;
    assert_eq!(observed.version, bench.spec.kubernetes.version);
    assert!(observed.full_version.starts_with(&bench.spec.kubernetes.version.to_string()));
    assert!(observed.endpoint.is_some_and(|endpoint| endpoint.starts_with("http")));
    // A cloud that tells it with credentials alone is not asked for those by reading.
    assert!(observed.certificate_authority_data.is_none_or(|data| !data.is_empty()));
    assert_eq!(observed.tags, bench.spec.tags_with_mark());
    assert_eq!(observed.node_pools.keys().collect::<Vec<_>>(), bench.spec.node_pools.keys().collect::<Vec<_>>());
    for (name, pool) in &observed.node_pools {
        let spec = &bench.spec.node_pools[name];
        assert_eq!((pool.min, pool.max), spec.size.bounds(), "{name}");
        assert_eq!((pool.status, pool.version), (Status::Active, observed.version), "{name}");
        assert_eq!(pool.machine_type, spec.machine_type.as_str(), "{name}");
        assert_eq!((&pool.labels, &pool.taints), (&spec.labels, &spec.taints), "{name}");
    }

    let access = bench.driver.access(&bench.id).await.expect("access");
    assert!(!access.certificate_authority_data.is_empty());
    assert!(!access.credential.token.expose().is_empty());
    assert!(!format!("{access:?}").contains(access.credential.token.expose()), "tokens are not for logs");
    let imported = bench.driver.import(&bench.id, &bench.spec.mark()).await.expect("an import");
    assert_eq!(imported.uid, observed.uid);
    bench.clean_up().await;
}

async fn scales_in_place(world: &dyn World) {
    let mut bench = Bench::created(world, "scales", |_| {}).await;
    let uid = bench.observed().await.uid;
    let system = pool_name("system");
    for size in [PoolSize::Fixed(4), PoolSize::Autoscale { min: 1, max: 5 }, PoolSize::Fixed(2)] {
        bench.spec.node_pools.get_mut(&system).unwrap().size = size;
        // Some clouds have one request for bounds and another for the number of nodes.
        let writes = bench.updated().await;
        let as_meant = |write: &(Action, Subject)| *write == (Action::Update, on_pool("system"));
        assert!(!writes.is_empty() && writes.iter().all(as_meant), "{size:?}: {writes:?}");
        let observed = bench.observed().await;
        assert_eq!((observed.node_pools[&system].min, observed.node_pools[&system].max), size.bounds());
        assert_eq!(observed.uid, uid, "it is still the same environment");
    }
    bench.clean_up().await;
}

async fn moves_bounds_past_the_size(world: &dyn World) {
    let system = pool_name("system");
    let edit = |spec: &mut EnvironmentSpec| {
        spec.node_pools.get_mut(&pool_name("system")).unwrap().size = PoolSize::Autoscale { min: 1, max: 3 };
    };
    let mut bench = Bench::created(world, "bounds", edit).await;
    // However many nodes there are now, some of these bounds do not hold them.
    for (min, max) in [(4, 6), (1, 2), (3, 9)] {
        let size = PoolSize::Autoscale { min, max };
        bench.spec.node_pools.get_mut(&system).unwrap().size = size;
        let writes = bench.updated().await;
        let as_meant = |write: &(Action, Subject)| *write == (Action::Update, on_pool("system"));
        assert!(!writes.is_empty() && writes.iter().all(as_meant), "{size:?}: {writes:?}");
        let observed = bench.observed().await;
        assert_eq!((observed.node_pools[&system].min, observed.node_pools[&system].max), (min, max));
    }
    bench.clean_up().await;
}

async fn adds_and_removes_pools(world: &dyn World) {
    let mut bench = Bench::created(world, "pools", |_| {}).await;
    add_pools(&mut bench.spec, &["apps", "jobs"]);
    let mut writes = bench.updated().await;
    writes.sort();
    assert_eq!(writes, ["apps", "jobs"].map(|name| (Action::Create, on_pool(name))));
    bench.spec.node_pools.remove(&pool_name("jobs"));
    assert_eq!(bench.updated().await, [(Action::Delete, on_pool("jobs"))]);
    bench.clean_up().await;
}

async fn changes_labels_and_taints(world: &dyn World) {
    let mut bench = Bench::created(world, "labels", |_| {}).await;
    // The effect that every cloud takes on a pool that carries what the cluster itself needs.
    let effect = TaintEffect::PreferNoSchedule;
    let taint = |value: &str| Taint { key: "dedicated".to_owned(), effect, value: value.to_owned() };
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let system = pool_name("system");
    let states = [
        (labels(&[("tier", "one"), ("zone", "a")]), [taint("x")].into()),
        (labels(&[("tier", "two")]), [taint("y")].into()),
        (labels(&[]), [].into()),
    ];
    for (labels, taints) in states {
        let pool = bench.spec.node_pools.get_mut(&system).unwrap();
        (pool.labels, pool.taints) = (labels.clone(), taints);
        bench.updated().await;
        let observed = bench.observed().await;
        assert_eq!(observed.node_pools[&system].labels, labels);
        assert_eq!(observed.node_pools[&system].taints, bench.spec.node_pools[&system].taints);
    }
    bench.clean_up().await;
}

async fn changes_tags(world: &dyn World) {
    let mut bench = Bench::created(world, "tags", |_| {}).await;
    for tags in [vec![("team", "a"), ("cost", "1")], vec![("team", "b")], vec![]] {
        bench.spec.tags = tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        bench.updated().await;
        assert_eq!(bench.observed().await.tags, bench.spec.tags_with_mark());
    }
    bench.clean_up().await;
}

async fn upgrades_minor_by_minor(world: &dyn World) {
    let mut bench = Bench::created(world, "upgrades", |spec| add_pools(spec, &["apps"])).await;
    let versions = world.versions();
    bench.spec.kubernetes.version = versions[2];
    let before = bench.writes().await.len();
    let ahead = Mutex::new(Vec::new());
    let watch = |checkpoint: &Checkpoint<'_>| {
        if let Some(observed) = checkpoint.observed {
            let leading = observed.node_pools.iter().filter(|(_, pool)| pool.version > observed.version);
            ahead.lock().unwrap().extend(leading.map(|(name, pool)| (name.clone(), pool.version)));
        }
    };
    let outcome = bench.driver.update(&bench.target(), &bench.spec, Run::new(TIMEOUT, &watch)).await;
    assert_converged(&outcome);
    bench.assert_content().await;
    assert_eq!(*ahead.lock().unwrap(), [], "pools that were ahead of the control plane");
    let writes = bench.writes().await.split_off(before);
    assert!(writes.iter().all(|(action, _)| *action == Action::Upgrade), "{writes:?}");
    let rounds: Vec<_> = writes.split(|(_, subject)| *subject == Subject::Cluster).collect();
    assert_eq!(rounds.len(), 3, "the control plane goes one minor at a time: {writes:?}");
    assert!(rounds[0].is_empty(), "the control plane goes first: {writes:?}");
    let mut last = rounds[2].to_vec();
    last.sort();
    assert_eq!(last, ["apps", "system"].map(|name| (Action::Upgrade, on_pool(name))));
    let observed = bench.observed().await;
    assert!(observed.node_pools.values().all(|pool| pool.version == versions[2]));
    bench.clean_up().await;
}

async fn refuses_a_downgrade(world: &dyn World) {
    let versions = world.versions();
    let mut bench = Bench::created(world, "downgrades", |spec| spec.kubernetes.version = versions[1]).await;
    bench.spec.kubernetes.version = versions[0];
    let before = bench.writes().await;
    assert_refused(&bench.update().await, ErrorKind::InvalidConfig);
    let error = bench.driver.backend().plan(Some(&bench.observed().await), Some(&bench.spec)).unwrap_err();
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Violation>());
    assert_eq!(source.expect("the field is named").path.to_string(), "kubernetes.version");
    assert_eq!(bench.writes().await, before);
    bench.clean_up().await;
}

/// Somebody else's operation is in the way: it is waited for.
async fn waits_while_busy(world: &dyn World) {
    let mut bench = Bench::created(world, "busy", |_| {}).await;
    let system = pool_name("system");
    let mut theirs = bench.spec.clone();
    theirs.node_pools.get_mut(&system).unwrap().labels.insert("theirs".to_owned(), "1".to_owned());
    let observed = bench.observed().await;
    let steps = bench.driver.backend().plan(Some(&observed), Some(&theirs)).expect("a plan");
    let token = IdempotencyToken::random();
    let client = world.client();
    client.begin(&bench.id, &steps[0], &token.for_step(&steps[0])).await.expect("their update");
    // Nobody can say how long an operation takes that goes on in another process, so that a refusal is played.
    let on = FaultOn::Write(Action::Update, on_pool("system"));
    world.inject(Fault { on, disturbance: Disturbance::Refused(ErrorKind::Conflict), times: 2 }).await;
    let refused = client.begin(&bench.id, &steps[0], &token.for_step(&steps[0])).await.expect_err("one at a time");
    assert_eq!(refused.kind, ErrorKind::Conflict, "{}", ErrorChain(&refused));

    bench.spec.node_pools.get_mut(&system).unwrap().size = PoolSize::Fixed(3);
    bench.updated().await;
    let observed = bench.observed().await;
    assert_eq!(observed.node_pools[&system].min, 3);
    assert_eq!(observed.node_pools[&system].labels, BTreeMap::new(), "what is desired holds at the end");
    bench.clean_up().await;
}

async fn obeys_throttling(world: &dyn World) {
    let bench = Bench::new(world, "throttled").await;
    let throttled = |seconds| ErrorKind::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
    let fault = |on, kind, times| Fault { on, disturbance: Disturbance::Refused(kind), times };
    world.inject(fault(FaultOn::Write(Action::Create, Subject::Cluster), throttled(7), 2)).await;
    world.inject(fault(FaultOn::AnyQuestion, ErrorKind::Throttled { retry_after: None }, 2)).await;
    world.inject(fault(FaultOn::AnyQuestion, ErrorKind::Unavailable { retry_after: None }, 2)).await;
    let began = world.clock().now();
    assert_converged(&bench.create().await);
    assert!(world.clock().now() - began >= Duration::from_secs(14), "no request may be sent early");
    bench.assert_content().await;
    assert_eq!(bench.writes().await.len(), 2);
    bench.clean_up().await;
}

async fn takes_no_error_for_an_absence(world: &dyn World) {
    let bench = Bench::created(world, "absence", |_| {}).await;
    let client = world.client();
    for disturbance in [
        Disturbance::Refused(ErrorKind::Throttled { retry_after: None }),
        Disturbance::Refused(ErrorKind::Unavailable { retry_after: None }),
        Disturbance::RequestLost,
        Disturbance::ReplyLost,
    ] {
        world.inject(Fault { on: FaultOn::AnyQuestion, disturbance, times: 1 }).await;
        let read = client.read(&bench.id).await;
        assert!(read.is_err(), "{disturbance:?} is an error, and not {read:?}");
        assert!(client.read(&bench.id).await.expect("reading").is_some());
    }
    bench.clean_up().await;
}

async fn survives_a_lost_request(world: &dyn World) {
    let bench = Bench::new(world, "request-lost").await;
    let on = FaultOn::Write(Action::Create, Subject::Cluster);
    world.inject(Fault { on, disturbance: Disturbance::RequestLost, times: 1 }).await;
    assert_converged(&bench.create().await);
    bench.assert_content().await;
    assert_eq!(bench.writes().await.len(), 2);
    bench.clean_up().await;
}

async fn adopts_after_a_lost_reply(world: &dyn World) {
    let bench = Bench::new(world, "reply-lost").await;
    let on = FaultOn::Write(Action::Create, Subject::Cluster);
    world.inject(Fault { on, disturbance: Disturbance::ReplyLost, times: 1 }).await;
    assert_converged(&bench.create().await);
    bench.assert_content().await;
    let writes = bench.writes().await;
    assert_eq!(writes, [(Action::Create, Subject::Cluster), (Action::Create, on_pool("system"))]);
    // And a run that knows nothing of the one before finds everything done.
    assert_converged(&bench.create().await);
    assert_eq!(bench.writes().await, writes);
    bench.clean_up().await;
}

async fn leaves_foreign_environments_alone(world: &dyn World) {
    let others = [("unmarked", vec![]), ("foreign", vec![(OWNER_TAG, "somebody-else")])];
    for (name, tags) in others {
        let bench = Bench::new(world, name).await;
        let tags = tags.into_iter().map(|(key, value): (&str, &str)| (key.to_owned(), value.to_owned())).collect();
        world.plant(&bench.spec, tags).await;
        let before = bench.writes().await;
        let outcome = bench.create().await;
        assert_refused(&outcome, ErrorKind::NotOwned);
        assert_eq!(outcome.id.as_ref(), Some(&bench.id), "the id is needed for the import");
        assert!(words(&outcome).contains("nothing was written"), "{}", words(&outcome));
        if name == "foreign" {
            assert_refused(&bench.update().await, ErrorKind::NotOwned);
            assert_refused(&bench.delete().await, ErrorKind::NotOwned);
            let imported = bench.driver.import(&bench.id, &bench.spec.mark()).await;
            assert_eq!(imported.unwrap_err().kind, ErrorKind::NotOwned);
        } else {
            // An unmarked one may be imported, and its first change marks it.
            bench.driver.import(&bench.id, &bench.spec.mark()).await.expect("an import");
        }
        assert_eq!(bench.writes().await, before, "nothing was written");
    }
}

async fn leaves_different_environments_alone(world: &dyn World) {
    let mut bench = Bench::created(world, "different", |_| {}).await;
    let spec = bench.spec.clone();
    world.change_immutable(&mut bench.spec);
    let before = bench.writes().await;
    assert!(!bench.driver.backend().differences(&bench.observed().await, &bench.spec).is_empty());
    assert_refused(&bench.create().await, ErrorKind::NotOwned);
    assert_refused(&bench.update().await, ErrorKind::InvalidConfig);
    let mut target = bench.target();
    target.uid = Some("another".to_owned());
    let replaced = bench.driver.update(&target, &spec, Run::new(TIMEOUT, &|_| {})).await;
    assert_refused(&replaced, ErrorKind::NotOwned);
    assert_refused(&bench.driver.delete(&target, Run::new(TIMEOUT, &|_| {})).await, ErrorKind::NotOwned);
    assert_eq!(bench.writes().await, before, "nothing was written");
    bench.clean_up().await;
}

async fn keeps_a_partial_creation(world: &dyn World) {
    let mut bench = Bench::new(world, "partial").await;
    if world.pools_ride_in_creation() {
        // Then the first pool that can fail alone is the one that comes later.
        assert_converged(&bench.create().await);
    }
    add_pools(&mut bench.spec, &["apps"]);
    world.fail_next(&bench.id, Action::Create, on_pool("apps")).await;
    let outcome = bench.create().await;
    let Ending::StepsFailed(failures) = &outcome.ending else { panic!("{:?}", outcome.ending) };
    assert_eq!(failures.iter().map(|failure| &failure.step.subject).collect::<Vec<_>>(), [&on_pool("apps")]);
    assert_eq!(failures[0].error.kind, ErrorKind::OperationFailed);
    let observed = outcome.observed.as_ref().expect("the environment is known");
    assert_eq!(observed.status, Status::Degraded);
    assert_eq!(observed.node_pools[&pool_name("system")].status, Status::Active);
    let uid = observed.uid.clone();
    bench.updated().await;
    assert_eq!(bench.observed().await.uid, uid, "mended in place");
    bench.clean_up().await;
}

async fn mends_a_pool_deleted_outside(world: &dyn World) {
    let bench = Bench::created(world, "outside", |spec| add_pools(spec, &["apps"])).await;
    world.delete_pool_outside(&bench.id, &pool_name("apps")).await;
    let observed = bench.observed().await;
    let steps = bench.driver.backend().plan(Some(&observed), Some(&bench.spec)).expect("a plan");
    let planned: Vec<_> = steps.iter().map(|step| (step.action, step.subject.clone())).collect();
    assert_eq!(planned, [(Action::Create, on_pool("apps"))]);
    assert_eq!(bench.updated().await.last(), Some(&(Action::Create, on_pool("apps"))));
    bench.clean_up().await;
}

async fn resumes_after_a_cancelled_creation(world: &dyn World) {
    let bench = Bench::new(world, "cancelled").await;
    let cancel = CancellationToken::new();
    let cancelled_at = Mutex::new(None);
    let checkpoint = |checkpoint: &Checkpoint<'_>| {
        if !checkpoint.running.is_empty() && !cancel.is_cancelled() {
            *cancelled_at.lock().unwrap() = Some(world.clock().now());
            cancel.cancel();
        }
    };
    let run = Run { cancel: cancel.clone(), ..Run::new(TIMEOUT, &checkpoint) };
    let outcome = bench.driver.create(&bench.spec, run).await;
    assert_refused(&outcome, ErrorKind::Cancelled);
    let took = world.clock().now() - cancelled_at.lock().unwrap().expect("it was accepted");
    assert!(took < Duration::from_secs(5), "it took {took:?} to stop");
    assert!(outcome.exists());
    assert_eq!(outcome.running.len(), 1, "the creation goes on");
    // What goes on is saved as text, and resumed from it by another process.
    let saved = serde_json::to_string(&outcome.running).expect("operations serialize");
    let running: Vec<Operation> = serde_json::from_str(&saved).expect("operations deserialize");
    let run = Run { running, ..Run::new(TIMEOUT, &|_| {}) };
    let outcome = driver(world, world.client()).update(&bench.target(), &bench.spec, run).await;
    assert_converged(&outcome);
    bench.assert_content().await;
    assert_eq!(bench.writes().await.len(), 2, "nothing was made twice");
    bench.clean_up().await;
}

async fn deletes_in_order(world: &dyn World) {
    let bench = Bench::created(world, "deletes", |spec| add_pools(spec, &["apps"])).await;
    let before = bench.writes().await.len();
    bench.clean_up().await;
    let mut writes = bench.writes().await.split_off(before);
    assert_eq!(writes.pop(), Some((Action::Delete, Subject::Cluster)), "the cluster goes last");
    assert!(writes.iter().all(|(action, _)| *action == Action::Delete));
    let after = bench.writes().await;
    assert_converged(&bench.delete().await);
    assert_eq!(bench.writes().await, after, "what is gone is not deleted again");
}

async fn protects_from_deletion(world: &dyn World) {
    let mut bench = Bench::created(world, "protected", |spec| spec.deletion_protection = true).await;
    let before = bench.writes().await;
    let mut target = bench.target();
    target.deletion_protection = true;
    assert_refused(&bench.driver.delete(&target, Run::new(TIMEOUT, &|_| {})).await, ErrorKind::Protected);
    if bench.driver.backend().capabilities().deletion_protection {
        assert_refused(&bench.delete().await, ErrorKind::Protected);
    }
    assert_eq!(bench.writes().await, before);
    bench.spec.deletion_protection = false;
    bench.updated().await;
    bench.clean_up().await;
}

/// Every write of a whole life meets every disturbance once.
async fn survives_a_fault_at_every_write(world: &dyn World) {
    let writes = [
        (Action::Create, Subject::Cluster),
        (Action::Create, on_pool("system")),
        (Action::Update, on_pool("system")),
        (Action::Delete, on_pool("system")),
        (Action::Delete, Subject::Cluster),
    ];
    let disturbances = [
        Disturbance::RequestLost,
        Disturbance::ReplyLost,
        Disturbance::Refused(ErrorKind::Throttled { retry_after: None }),
        Disturbance::Refused(ErrorKind::Unavailable { retry_after: None }),
    ];
    for (number, (action, subject)) in writes.iter().enumerate() {
        for (kind, disturbance) in disturbances.into_iter().enumerate() {
            let on = FaultOn::Write(*action, subject.clone());
            world.inject(Fault { on, disturbance, times: 1 }).await;
            let mut bench = Bench::created(world, &format!("fault-{number}-{kind}"), |_| {}).await;
            bench.spec.node_pools.get_mut(&pool_name("system")).unwrap().size = PoolSize::Fixed(3);
            bench.updated().await;
            bench.clean_up().await;
            assert_eq!(bench.writes().await, writes, "with {disturbance:?} at {action:?} {subject}");
        }
    }
}

/// The process dies before and after every call that it makes, and the next one finishes the work: with what the first
/// one saved, and with nothing.
async fn survives_a_crash_at_every_call(world: &dyn World) {
    let mut covered = 0;
    for (point, saves) in [
        (CrashPoint::BeforeCall, false),
        (CrashPoint::BeforeCall, true),
        (CrashPoint::AfterCall, false),
        (CrashPoint::AfterCall, true),
    ] {
        for call in 0..MAX_CALLS {
            let crashes = live_through_crashes(world, call, point, saves).await;
            covered += crashes;
            if crashes == 0 {
                break;
            }
        }
    }
    tracing::info!(covered, "crashes survived");
    assert!(covered > 40, "only {covered} crashes happened");
}

/// Creates, updates and deletes an environment, each with a crash at its n-th call. Returns how many came to that call.
async fn live_through_crashes(world: &dyn World, call: usize, point: CrashPoint, saves: bool) -> usize {
    let point_name = if point == CrashPoint::BeforeCall { "before" } else { "after" };
    let name = format!("crash-{point_name}-{}-{call}", if saves { "saved" } else { "lost" });
    let mut bench = Bench::new(world, &name).await;
    let saved: Mutex<Vec<Operation>> = Mutex::default();
    let save = |checkpoint: &Checkpoint<'_>| *saved.lock().unwrap() = checkpoint.running.to_vec();
    let resumed = || Run { running: saved.lock().unwrap().clone(), ..Run::new(TIMEOUT, &|_| {}) };

    let created =
        crashing(world, call, point, async |driver| driver.create(&bench.spec, Run::new(TIMEOUT, &save)).await).await;
    if saves && !saved.lock().unwrap().is_empty() {
        // What was checkpointed is in somebody's state: for them the environment is there, and to be updated.
        assert_converged(&bench.driver.update(&bench.target(), &bench.spec, resumed()).await);
    } else {
        assert_converged(&bench.create().await);
    }
    bench.assert_content().await;

    bench.spec.node_pools.get_mut(&pool_name("system")).unwrap().size = PoolSize::Fixed(3);
    bench.spec.tags.insert("team".to_owned(), "b".to_owned());
    let updated = crashing(world, call, point, async |driver| {
        driver.update(&bench.target(), &bench.spec, Run::new(TIMEOUT, &save)).await
    })
    .await;
    let run = if saves { resumed() } else { Run::new(TIMEOUT, &|_| {}) };
    assert_converged(&bench.driver.update(&bench.target(), &bench.spec, run).await);
    bench.assert_content().await;

    let deleted =
        crashing(world, call, point, async |driver| driver.delete(&bench.target(), Run::new(TIMEOUT, &save)).await)
            .await;
    let run = if saves { resumed() } else { Run::new(TIMEOUT, &|_| {}) };
    assert_converged(&bench.driver.delete(&bench.target(), run).await);
    bench.assert_gone().await;

    let writes = bench.writes().await;
    let made = writes.iter().filter(|(action, _)| *action == Action::Create).count();
    assert_eq!(made, 2, "one cluster and one pool, crashed {point:?} {call}: {writes:?}");
    usize::from(created) + usize::from(updated) + usize::from(deleted)
}

/// Where a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// The call is not made.
    BeforeCall,
    /// The call is made and takes effect, and nobody hears of it.
    AfterCall,
}

/// Runs something on a driver that dies at a call. Returns whether it came to that.
pub async fn crashing(
    world: &dyn World,
    call: usize,
    point: CrashPoint,
    run: impl AsyncFnOnce(Driver) -> Outcome,
) -> bool {
    let backend = CrashingBackend::new(world.client(), call, point);
    let crashed = backend.crashed.clone();
    let driver = driver(world, Arc::new(backend));
    tokio::select! {
        biased;
        () = crashed.cancelled() => true,
        outcome = run(driver) => {
            assert_converged(&outcome);
            false
        }
    }
}

/// A backend whose process dies at a call.
#[derive(Debug)]
pub(crate) struct CrashingBackend {
    inner: Arc<dyn Backend>,
    call: usize,
    point: CrashPoint,
    calls: AtomicUsize,
    pub(crate) crashed: CancellationToken,
}

impl CrashingBackend {
    pub(crate) fn new(inner: Arc<dyn Backend>, call: usize, point: CrashPoint) -> Self {
        Self { inner, call, point, calls: AtomicUsize::new(0), crashed: CancellationToken::new() }
    }
}

#[async_trait]
impl Layer for CrashingBackend {
    fn inner(&self) -> &dyn Backend {
        self.inner.as_ref()
    }

    async fn around<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        if self.calls.fetch_add(1, Ordering::SeqCst) != self.call {
            return call.await;
        }
        if self.point == CrashPoint::AfterCall {
            drop(call.await);
        }
        self.crashed.cancel();
        std::future::pending().await
    }
}
