//! The driver on the backend in memory, under virtual time.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::*;
use crate::clock::VirtualClock;
use crate::drain::Blocked;
use crate::environment::{ENVIRONMENT_TAG, OWNER_TAG, PoolName, PoolSize, PoolSpec};
use crate::error::ErrorChain;
use crate::layer::Layer;
use crate::memory::{
    CREATE_CLUSTER_TIME, Disturbance, Entry, Fault, FaultOn, MemoryCloud, POOL_TIME, UPDATE_TIME, UPGRADE_TIME,
    example_spec,
};

const POLL: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);

/// A cloud, its time, and a driver for it.
struct Bench {
    clock: VirtualClock,
    cloud: Arc<MemoryCloud>,
    driver: Driver,
    checkpoints: Mutex<Vec<(Option<Status>, Vec<Operation>)>>,
}

impl Bench {
    fn new() -> Self {
        Self::seeded(1)
    }

    fn seeded(seed: u64) -> Self {
        let clock = VirtualClock::new();
        let cloud = MemoryCloud::new(Arc::new(clock.clone()));
        let driver = Driver::new(Arc::new(cloud.backend()), Arc::new(clock.clone()), Jitter::seeded(seed), POLL);
        Self { clock, cloud, driver, checkpoints: Mutex::default() }
    }

    #[track_caller]
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.clock.run(future).expect("the run waits for something that time does not bring")
    }

    fn note(&self, checkpoint: &Checkpoint<'_>) {
        let status = checkpoint.observed.map(|observed| observed.status);
        self.checkpoints.lock().unwrap().push((status, checkpoint.running.to_vec()));
    }

    async fn create_within(&self, spec: &EnvironmentSpec, timeout: Duration, cancel: CancellationToken) -> Outcome {
        let note = |checkpoint: &Checkpoint<'_>| self.note(checkpoint);
        self.driver.create(spec, Run { cancel, ..Run::new(timeout, &note) }).await
    }

    fn create(&self, spec: &EnvironmentSpec) -> Outcome {
        self.run(self.create_within(spec, HOUR, CancellationToken::new()))
    }

    fn update(&self, spec: &EnvironmentSpec) -> Outcome {
        self.run(self.driver.update(&target(spec), spec, Run::new(2 * HOUR, &|_| {})))
    }

    fn delete(&self, spec: &EnvironmentSpec) -> Outcome {
        self.run(self.driver.delete(&target(spec), Run::new(HOUR, &|_| {})))
    }

    /// What took effect, in order.
    fn writes(&self) -> Vec<String> {
        let name = |entry: Entry| {
            let (_, action, subject) = entry.write.filter(|_| entry.committed)?;
            Some(format!("{action:?} {subject}"))
        };
        self.cloud.journal().into_iter().filter_map(name).collect()
    }

    fn sent(&self) -> usize {
        self.cloud.journal().iter().filter(|entry| entry.write.is_some()).count()
    }

    #[track_caller]
    fn assert_as(&self, spec: &EnvironmentSpec) {
        let clusters = self.cloud.clusters();
        assert_eq!(clusters.len(), 1, "clusters: {:?}", clusters.keys());
        let observed = &clusters[&spec.name];
        let open = self.driver.backend().plan(Some(observed), Some(spec)).unwrap();
        assert_eq!(open, [], "still to be done");
        assert!(!observed.is_changing());
    }

    fn fault(&self, on: FaultOn, disturbance: Disturbance, times: u32) {
        self.cloud.inject(Fault { on, disturbance, times });
    }
}

fn target(spec: &EnvironmentSpec) -> Target {
    Target {
        id: EnvironmentId::Memory { name: spec.name.clone() },
        mark: spec.mark(),
        uid: None,
        deletion_protection: false,
    }
}

fn pool(name: &str) -> PoolName {
    name.parse().unwrap()
}

fn with_pools(names: &[&str]) -> EnvironmentSpec {
    let mut spec = example_spec("prod");
    let like = spec.node_pools[&pool("system")].clone();
    spec.node_pools.extend(names.iter().map(|name| (pool(name), like.clone())));
    spec
}

/// A die for numbers below the one that it is asked for.
fn draws(seed: u64) -> impl Fn(u32) -> u32 {
    let chance = Jitter::seeded(seed ^ 0xdead_beef);
    move |below| {
        let nanos = chance.spread(Duration::from_secs(2)) - Duration::from_secs(1);
        u32::try_from(nanos.as_nanos() * u128::from(below) / 1_000_000_001).unwrap()
    }
}

fn edit_pool(spec: &mut EnvironmentSpec, name: &str, edit: impl FnOnce(&mut PoolSpec)) {
    edit(spec.node_pools.get_mut(&pool(name)).unwrap());
}

#[track_caller]
fn assert_converged(outcome: &Outcome) {
    let chain: Vec<String> = outcome.errors().into_iter().map(|error| ErrorChain(error).to_string()).collect();
    assert!(outcome.is_converged(), "{chain:#?}");
    assert_eq!(outcome.running, []);
}

#[track_caller]
fn assert_kind(outcome: &Outcome, kind: ErrorKind) -> String {
    let errors = outcome.errors();
    let chain: Vec<String> = errors.iter().map(|error| ErrorChain(*error).to_string()).collect();
    assert!(!errors.is_empty(), "it converged");
    assert!(errors.iter().all(|error| error.kind == kind), "{chain:#?}");
    chain.join("\n")
}

#[test]
fn driver_futures_can_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let bench = Bench::new();
    let spec = example_spec("prod");
    drop(is_send(bench.driver.create(&spec, Run::new(HOUR, &|_| {}))));
    drop(is_send(bench.driver.update(&target(&spec), &spec, Run::new(HOUR, &|_| {}))));
    drop(is_send(bench.driver.delete(&target(&spec), Run::new(HOUR, &|_| {}))));
    drop(is_send(bench.driver.read(&target(&spec).id)));
}

#[test]
fn a_run_is_small() {
    let bench = Bench::new();
    let (spec, target) = (example_spec("prod"), target(&example_spec("prod")));
    let create = bench.driver.create(&spec, Run::new(HOUR, &|_| {}));
    let update = bench.driver.update(&target, &spec, Run::new(HOUR, &|_| {}));
    let largest = size_of_val(&create).max(size_of_val(&update));
    assert!(largest < 16 * 1024, "{largest} bytes");
}

#[test]
fn creates_the_cluster_then_its_pools_side_by_side() {
    let bench = Bench::new();
    let spec = with_pools(&["apps", "jobs"]);
    let outcome = bench.create(&spec);
    assert_converged(&outcome);
    bench.assert_as(&spec);
    assert_eq!(
        bench.writes(),
        ["Create cluster", "Create node pool apps", "Create node pool jobs", "Create node pool system"]
    );
    assert_eq!(outcome.observed.unwrap().status, Status::Active);
    let least = CREATE_CLUSTER_TIME + POOL_TIME;
    assert!(bench.clock.now() <= least + 2 * POLL, "one poll interval per wait, took {:?}", bench.clock.now());
}

#[test]
fn refuses_what_is_wrong_before_any_call() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Autoscale { min: 3, max: 1 });
    let outcome = bench.create(&spec);
    let words = assert_kind(&outcome, ErrorKind::InvalidConfig);
    assert!(words.contains("node_pools[\"system\"].autoscale.min"), "{words}");
    assert_eq!(bench.cloud.journal(), []);
    assert!(!outcome.exists());
}

#[test]
fn tells_what_was_accepted_at_once() {
    let bench = Bench::new();
    bench.create(&example_spec("prod"));
    let checkpoints = bench.checkpoints.lock().unwrap();
    let (status, running) = &checkpoints[0];
    assert_eq!((*status, running.len()), (None, 1), "before anything was read, the creation is on record");
    assert_eq!(running[0].action, Action::Create);
    assert!(checkpoints.iter().any(|(status, running)| *status == Some(Status::Active) && running.is_empty()));
}

#[test]
fn waits_for_an_operation_that_is_in_the_way() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    // Somebody changes the cluster's tags, which keeps the pool's update from being taken.
    let mut theirs = spec.clone();
    theirs.tags.insert("theirs".to_owned(), "1".to_owned());
    let backend = bench.driver.backend();
    let observed = bench.cloud.clusters()[&spec.name].clone();
    let step = &backend.plan(Some(&observed), Some(&theirs)).unwrap()[0];
    let began = bench.clock.now();
    bench.run(backend.begin(&observed.id, step, &IdempotencyToken::random())).unwrap();
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(3));
    assert_converged(&bench.update(&spec));
    bench.assert_as(&spec);
    // Their update, ours of the pool, ours of the tags: each waited for, none more than one poll too long.
    assert!(bench.clock.now() - began <= 3 * (UPDATE_TIME + POLL), "{:?}", bench.clock.now() - began);
}

#[test]
fn finds_the_operation_that_reads_do_not_show_yet() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    spec.kubernetes.version = "1.32".parse().unwrap();
    assert_converged(&bench.create(&spec));
    bench.cloud.set_read_lag(POLL);
    bench.clock.run(bench.clock.sleep(POLL)).unwrap();
    let mut theirs = spec.clone();
    theirs.kubernetes.version = "1.33".parse().unwrap();
    let backend = bench.driver.backend();
    let observed = bench.cloud.clusters()[&spec.name].clone();
    let step = &backend.plan(Some(&observed), Some(&theirs)).unwrap()[0];
    bench.run(backend.begin(&observed.id, step, &IdempotencyToken::random())).unwrap();
    let before = bench.sent();
    let mut ours = theirs.clone();
    edit_pool(&mut ours, "system", |pool| pool.version = Some("1.32".parse().unwrap()));
    edit_pool(&mut ours, "system", |pool| pool.size = PoolSize::Fixed(3));
    assert_converged(&bench.update(&ours));
    bench.clock.run(bench.clock.sleep(POLL)).unwrap();
    bench.assert_as(&ours);
    // Refused because theirs runs; it is waited for. Refused because theirs did it, which does not show at once. The pool.
    assert_eq!(bench.sent() - before, 3);
}

#[test]
fn sends_again_when_busy_without_a_visible_operation() {
    let bench = Bench::new();
    bench.fault(
        FaultOn::Write(Action::Create, Subject::NodePool(pool("system"))),
        Disturbance::Refused(ErrorKind::Conflict),
        3,
    );
    let spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    bench.assert_as(&spec);
    assert_eq!(bench.sent(), 5, "cluster, and the pool four times");
}

#[test]
fn obeys_retry_after_to_the_second() {
    let bench = Bench::new();
    let retry_after = Some(Duration::from_secs(97));
    bench.fault(FaultOn::AnyWrite, Disturbance::Refused(ErrorKind::Throttled { retry_after }), 2);
    assert_converged(&bench.create(&example_spec("prod")));
    let sent: Vec<Duration> =
        bench.cloud.journal().into_iter().filter(|entry| entry.write.is_some()).map(|entry| entry.time).collect();
    assert_eq!(sent[1] - sent[0], Duration::from_secs(97));
    assert_eq!(sent[2] - sent[1], Duration::from_secs(97));
}

#[test]
fn backs_off_longer_and_longer_and_not_in_step_with_others() {
    let pauses = |seed| {
        let bench = Bench::seeded(seed);
        bench.fault(FaultOn::AnyWrite, Disturbance::Refused(ErrorKind::Throttled { retry_after: None }), 8);
        assert_converged(&bench.create(&example_spec("prod")));
        let journal = bench.cloud.journal();
        let sent: Vec<Duration> =
            journal.into_iter().filter(|entry| entry.write.is_some()).map(|entry| entry.time).collect();
        sent.windows(2).take(8).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    let one = pauses(1);
    for (attempt, pause) in one.iter().enumerate() {
        let whole = (BACKOFF_FIRST * 2_u32.pow(u32::try_from(attempt).unwrap())).min(BACKOFF_LONGEST);
        assert!((whole / 2..=whole).contains(pause), "attempt {attempt}: {pause:?} of {whole:?}");
    }
    assert_eq!(one, pauses(1));
    assert_ne!(one, pauses(2));
}

#[test]
fn does_not_wait_for_what_comes_too_late() {
    let bench = Bench::new();
    let retry_after = Some(Duration::from_secs(1 << 40));
    bench.fault(FaultOn::AnyWrite, Disturbance::Refused(ErrorKind::Throttled { retry_after }), 1);
    let words = assert_kind(&bench.create(&example_spec("prod")), ErrorKind::TimedOut);
    assert!(words.contains("too many requests"), "{words}");
    assert!(bench.clock.now() < Duration::from_secs(5));
}

#[test]
fn gives_propagation_its_time_and_not_more() {
    let on = || FaultOn::Write(Action::Create, Subject::Cluster);
    let bench = Bench::new();
    bench.fault(on(), Disturbance::Refused(ErrorKind::Propagating), 4);
    assert_converged(&bench.create(&example_spec("prod")));

    let bench = Bench::new();
    bench.fault(on(), Disturbance::Refused(ErrorKind::Propagating), u32::MAX);
    let outcome = bench.create(&example_spec("prod"));
    assert_kind(&outcome, ErrorKind::Propagating);
    assert!(!outcome.exists());
    let took = bench.clock.now();
    assert!((PROPAGATION_LIMIT..=PROPAGATION_LIMIT + BACKOFF_LONGEST).contains(&took), "{took:?}");
}

#[test]
fn reads_back_before_sending_again() {
    for (disturbance, sent) in [(Disturbance::RequestLost, 2), (Disturbance::ReplyLost, 1)] {
        let bench = Bench::new();
        bench.fault(FaultOn::Write(Action::Create, Subject::Cluster), disturbance, 1);
        let spec = example_spec("prod");
        assert_converged(&bench.create(&spec));
        bench.assert_as(&spec);
        let journal = bench.cloud.journal();
        let creations = journal
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.write.as_ref().is_some_and(|(_, _, subject)| *subject == Subject::Cluster));
        let places: Vec<usize> = creations.map(|(place, _)| place).collect();
        assert_eq!(places.len(), sent, "{disturbance:?}");
        for pair in places.windows(2) {
            let between = &journal[pair[0] + 1..pair[1]];
            assert!(between.iter().any(|entry| entry.call == "read"), "{disturbance:?}: {between:?}");
        }
    }
}

#[test]
fn gives_up_when_replies_are_always_lost() {
    let bench = Bench::new();
    bench.fault(FaultOn::AnyWrite, Disturbance::RequestLost, u32::MAX);
    assert_kind(&bench.create(&example_spec("prod")), ErrorKind::Ambiguous);
    assert_eq!(bench.sent(), usize::try_from(MAX_AMBIGUOUS_SENDS).unwrap() + 1);
}

#[test]
fn an_outage_is_borne_longer_once_something_was_written() {
    let bench = Bench::new();
    bench.fault(FaultOn::AnyQuestion, Disturbance::Refused(ErrorKind::Unavailable { retry_after: None }), u32::MAX);
    assert_kind(&bench.create(&example_spec("prod")), ErrorKind::Unavailable { retry_after: None });
    assert!(bench.clock.now() <= FIRST_OUTAGE_LIMIT + BACKOFF_LONGEST + LAST_READ_LIMIT);

    let bench = Bench::new();
    let outage = async {
        bench.clock.sleep(CREATE_CLUSTER_TIME / 2).await;
        // With pauses of at most 20 s these last for more than three minutes.
        bench.fault(FaultOn::AnyQuestion, Disturbance::RequestLost, 13);
    };
    let spec = example_spec("prod");
    let outcome =
        bench.run(async { futures::join!(bench.create_within(&spec, HOUR, CancellationToken::new()), outage).0 });
    assert_converged(&outcome);
    bench.assert_as(&spec);
}

#[test]
fn never_mixes_the_classes() {
    // A lost reply, then throttling, then busy, then propagation: each is met in its own way, and one cluster comes out.
    let bench = Bench::new();
    let kinds = [
        Disturbance::ReplyLost,
        Disturbance::Refused(ErrorKind::Throttled { retry_after: None }),
        Disturbance::Refused(ErrorKind::Conflict),
        Disturbance::Refused(ErrorKind::Propagating),
        Disturbance::RequestLost,
    ];
    for disturbance in kinds {
        bench.fault(FaultOn::Write(Action::Create, Subject::NodePool(pool("system"))), disturbance, 1);
        bench.fault(FaultOn::Write(Action::Create, Subject::Cluster), disturbance, 1);
    }
    let spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    bench.assert_as(&spec);
    assert_eq!(bench.writes(), ["Create cluster", "Create node pool system"]);
}

#[test]
fn final_errors_end_the_run() {
    let kinds = [ErrorKind::PermissionDenied, ErrorKind::QuotaExceeded, ErrorKind::InvalidConfig, ErrorKind::Protocol];
    for kind in kinds {
        let bench = Bench::new();
        bench.fault(FaultOn::AnyWrite, Disturbance::Refused(kind), 1);
        let outcome = bench.create(&example_spec("prod"));
        assert_kind(&outcome, kind);
        assert!(!outcome.exists());
        assert_eq!(bench.sent(), 1);
    }
}

#[test]
fn ends_at_its_deadline_and_is_carried_on() {
    let bench = Bench::new();
    let spec = example_spec("prod");
    let timeout = Duration::from_secs(300);
    let outcome = bench.run(bench.create_within(&spec, timeout, CancellationToken::new()));
    assert_kind(&outcome, ErrorKind::TimedOut);
    assert!(bench.clock.now() <= timeout + Duration::from_secs(1), "{:?}", bench.clock.now());
    assert_eq!(outcome.observed.as_ref().unwrap().status, Status::Creating);
    assert_eq!(outcome.running.len(), 1);
    // With the saved operation and without it, with an update and with another creation, it is the same environment.
    let run = Run { running: outcome.running.clone(), ..Run::new(HOUR, &|_| {}) };
    assert_converged(&bench.run(bench.driver.update(&target(&spec), &spec, run)));
    assert_converged(&bench.create(&spec));
    bench.assert_as(&spec);
    assert_eq!(bench.writes(), ["Create cluster", "Create node pool system"]);
}

/// Cancels a run after `delay`, and tells how long it then took to return.
fn cancel_after(bench: &Bench, spec: &EnvironmentSpec, delay: Duration) -> (Outcome, Duration) {
    let cancel = CancellationToken::new();
    let began = bench.clock.now();
    let outcome = bench.run(async {
        let run = bench.create_within(spec, HOUR, cancel.clone());
        let cancelling = async {
            bench.clock.sleep(delay).await;
            cancel.cancel();
        };
        futures::join!(run, cancelling).0
    });
    (outcome, bench.clock.now() - began - delay)
}

#[test]
fn cancelled_at_any_time_returns_within_five_seconds() {
    for seconds in (0..900).step_by(7) {
        let bench = Bench::new();
        let spec = with_pools(&["apps"]);
        let (outcome, took) = cancel_after(&bench, &spec, Duration::from_secs(seconds));
        if outcome.is_converged() {
            continue;
        }
        assert_kind(&outcome, ErrorKind::Cancelled);
        assert!(took < Duration::from_secs(5), "cancelled after {seconds} s: {took:?}");
        let known = bench.cloud.clusters().remove(&spec.name);
        assert_eq!(outcome.observed.is_some(), known.is_some(), "cancelled after {seconds} s");
        assert_converged(&bench.create(&spec));
        bench.assert_as(&spec);
        assert_eq!(bench.writes().len(), 3, "cancelled after {seconds} s");
    }
}

#[test]
fn cancelled_while_nothing_answers_returns_within_five_seconds() {
    for on in [FaultOn::AnyQuestion, FaultOn::AnyWrite] {
        let bench = Bench::new();
        bench.fault(on, Disturbance::Hangs, u32::MAX);
        let (outcome, took) = cancel_after(&bench, &example_spec("prod"), Duration::from_secs(30));
        assert_kind(&outcome, ErrorKind::Cancelled);
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn hanging_calls_end_at_the_deadline() {
    let bench = Bench::new();
    bench.fault(FaultOn::AnyQuestion, Disturbance::Hangs, u32::MAX);
    let timeout = Duration::from_secs(60);
    assert_kind(
        &bench.run(bench.create_within(&example_spec("prod"), timeout, CancellationToken::new())),
        ErrorKind::TimedOut,
    );
    assert!(bench.clock.now() <= timeout + STOP_GRACE + LAST_READ_LIMIT);
}

#[test]
fn foreign_environments_are_named_and_not_touched() {
    let check = |tags: &[(&str, &str)], words: &str| {
        let bench = Bench::new();
        let spec = example_spec("prod");
        assert_converged(&bench.create(&spec));
        let before = bench.sent();
        bench.cloud.edit(|clusters| {
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            clusters.get_mut(&spec.name).unwrap().tags = tags;
        });
        let outcome = bench.create(&spec);
        let told = assert_kind(&outcome, ErrorKind::NotOwned);
        assert!(told.contains(words) && told.contains("nothing was written"), "{told}");
        assert_eq!(outcome.id.unwrap().to_string(), "memory/prod");
        assert_eq!(bench.sent(), before, "nothing may be written");
    };
    check(&[], "carries no ownership mark");
    check(&[(OWNER_TAG, "rivals"), (ENVIRONMENT_TAG, "prod")], "owner \"rivals\"");
    check(&[(OWNER_TAG, "platform"), (ENVIRONMENT_TAG, "other")], "environment \"other\"");
    check(&[(OWNER_TAG, "platform")], "environment \"\"");
}

#[test]
fn a_rival_that_was_faster_is_not_adopted() {
    // It appears between our look and our creation: the cloud refuses ours, and what is there is not ours.
    let bench = Bench::new();
    let spec = example_spec("prod");
    let mut theirs = spec.clone();
    theirs.owner = "rivals".parse().unwrap();
    let step = &bench.driver.backend().plan(None, Some(&theirs)).unwrap()[0];
    bench.cloud.set_read_lag(POLL);
    bench.run(bench.cloud.backend().begin(&target(&spec).id, step, &IdempotencyToken::random())).unwrap();
    bench.clock.run(bench.clock.sleep(CREATE_CLUSTER_TIME)).unwrap();
    // The creation is over, but reads still show what was before it.
    bench.cloud.set_read_lag(CREATE_CLUSTER_TIME + POLL);
    let words = assert_kind(&bench.create(&spec), ErrorKind::NotOwned);
    assert!(words.contains("rivals") && !words.contains("nothing was written"), "{words}");
    assert_eq!(bench.cloud.clusters()[&spec.name].tags[OWNER_TAG], "rivals");
    assert_eq!(bench.writes(), ["Create cluster"]);
}

#[test]
fn creates_anew_after_what_is_being_deleted() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    let uid = bench.cloud.clusters()[&spec.name].uid.clone();
    let run = Run::new(POOL_TIME + 2 * POLL, &|_| {});
    let outcome = bench.run(bench.driver.delete(&target(&spec), run));
    assert_kind(&outcome, ErrorKind::TimedOut);
    assert_eq!(outcome.observed.unwrap().status, Status::Deleting);
    spec.cloud = crate::environment::CloudSpec::Memory(crate::memory::MemorySpec { class: "other".to_owned() });
    assert_converged(&bench.create(&spec));
    bench.assert_as(&spec);
    assert_ne!(bench.cloud.clusters()[&spec.name].uid, uid);
}

#[test]
fn one_failed_pool_leaves_the_others() {
    let bench = Bench::new();
    let spec = with_pools(&["apps", "jobs"]);
    bench.cloud.fail_next(&spec.name, Action::Create, Subject::NodePool(pool("jobs")), "no machines \u{1b}[31mleft");
    let outcome = bench.create(&spec);
    let words = assert_kind(&outcome, ErrorKind::OperationFailed);
    assert!(words.contains("node pool jobs") && words.contains("no machines left"), "{words:?}");
    let observed = outcome.observed.unwrap();
    assert_eq!(observed.status, Status::Degraded);
    assert_eq!(observed.node_pools[&pool("apps")].status, Status::Active);
    let before = bench.writes().len();
    assert_converged(&bench.update(&spec));
    bench.assert_as(&spec);
    assert_eq!(bench.writes()[before..], ["Delete node pool jobs", "Create node pool jobs"]);
}

#[test]
fn a_failed_cluster_is_told_and_not_built_upon() {
    let bench = Bench::new();
    let spec = example_spec("prod");
    bench.cloud.fail_next(&spec.name, Action::Create, Subject::Cluster, "subnet is full");
    let outcome = bench.create(&spec);
    let words = assert_kind(&outcome, ErrorKind::OperationFailed);
    assert!(words.contains("subnet is full"), "{words}");
    assert!(outcome.exists());
    assert_eq!(bench.writes(), ["Create cluster"]);
    assert_converged(&bench.delete(&spec));
    assert_converged(&bench.create(&spec));
}

#[test]
fn upgrades_two_minors_in_one_run_and_resumes_in_between() {
    let mut spec = with_pools(&["apps"]);
    spec.kubernetes.version = "1.31".parse().unwrap();
    let bench = Bench::new();
    assert_converged(&bench.create(&spec));
    spec.kubernetes.version = "1.33".parse().unwrap();
    // Every run has time for a little more than one stage.
    let mut runs = 0;
    loop {
        let run = Run::new(UPGRADE_TIME + 2 * POLL, &|_| {});
        let outcome = bench.run(bench.driver.update(&target(&spec), &spec, run));
        runs += 1;
        for cluster in bench.cloud.clusters().values() {
            assert!(cluster.node_pools.values().all(|pool| pool.version <= cluster.version));
        }
        if outcome.is_converged() {
            break;
        }
        assert_kind(&outcome, ErrorKind::TimedOut);
        assert!(runs < 10);
    }
    assert!(runs > 2);
    bench.assert_as(&spec);
    let upgrades = bench.writes().split_off(3);
    let round = ["Upgrade cluster", "Upgrade node pool apps", "Upgrade node pool system"];
    assert_eq!(upgrades, [round, round].concat());
}

#[test]
fn update_of_what_is_gone_is_an_error_and_makes_nothing() {
    let bench = Bench::new();
    let words = assert_kind(&bench.update(&example_spec("prod")), ErrorKind::NotFound);
    assert!(words.contains("deleted in the meantime"), "{words}");
    assert_eq!(bench.sent(), 0);
}

#[test]
fn update_under_which_the_environment_vanishes_makes_no_other() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(5));
    spec.tags.insert("team".to_owned(), "a".to_owned());
    let outcome = bench.run(async {
        let vanish = async {
            bench.clock.sleep(UPDATE_TIME / 2).await;
            bench.cloud.edit(|clusters| clusters.clear());
        };
        let target = target(&spec);
        let update = bench.driver.update(&target, &spec, Run::new(HOUR, &|_| {}));
        futures::join!(update, vanish).0
    });
    assert!(!outcome.is_converged());
    assert_eq!(bench.cloud.clusters().len(), 0, "an update makes no new environment");
}

#[test]
fn update_of_what_is_being_deleted_makes_no_other() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    let run = Run::new(POOL_TIME + 2 * POLL, &|_| {});
    assert_kind(&bench.run(bench.driver.delete(&target(&spec), run)), ErrorKind::TimedOut);
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(5));
    let words = assert_kind(&bench.update(&spec), ErrorKind::NotFound);
    assert!(words.contains("deleted in the meantime"), "{words}");
    assert_eq!(bench.cloud.clusters().len(), 0);
}

#[test]
fn deletes_pools_before_the_cluster_and_again_is_success() {
    let bench = Bench::new();
    let spec = with_pools(&["apps"]);
    assert_converged(&bench.create(&spec));
    assert_converged(&bench.delete(&spec));
    assert_eq!(bench.cloud.clusters().len(), 0);
    assert_eq!(bench.writes()[3..], ["Delete node pool apps", "Delete node pool system", "Delete cluster"]);
    let outcome = bench.delete(&spec);
    assert_converged(&outcome);
    assert!(!outcome.exists());
    assert_eq!(bench.writes().len(), 6);
}

#[test]
fn what_somebody_else_deleted_counts_as_deleted() {
    let bench = Bench::new();
    let spec = with_pools(&["apps"]);
    assert_converged(&bench.create(&spec));
    bench.cloud.set_read_lag(4 * POLL);
    bench.clock.run(bench.clock.sleep(HOUR)).unwrap();
    // Reads still show the pool when its deletion is sent.
    bench.cloud.edit(|clusters| drop(clusters.get_mut(&spec.name).unwrap().node_pools.remove(&pool("apps"))));
    assert_converged(&bench.delete(&spec));
    assert_eq!(bench.cloud.clusters().len(), 0);
    assert_eq!(bench.writes()[3..], ["Delete node pool system", "Delete cluster"]);
}

#[test]
fn delete_right_after_an_interrupted_creation_leaves_nothing() {
    for forgetful in [false, true] {
        let bench = Bench::new();
        let spec = example_spec("prod");
        bench.cloud.set_read_lag(Duration::from_secs(60));
        bench.cloud.set_forgetful(forgetful);
        let (outcome, _) = cancel_after(&bench, &spec, Duration::from_secs(1));
        assert!(outcome.exists());
        let run = Run { running: outcome.running, ..Run::new(HOUR, &|_| {}) };
        assert_converged(&bench.run(bench.driver.delete(&target(&spec), run)));
        bench.clock.run(bench.clock.sleep(HOUR)).unwrap();
        assert_eq!(bench.cloud.clusters().len(), 0, "forgetful: {forgetful}");
    }
}

#[test]
fn delete_believes_an_absence_only_twice() {
    let bench = Bench::new();
    let spec = example_spec("prod");
    let lag = Duration::from_secs(60);
    bench.cloud.set_read_lag(lag);
    cancel_after(&bench, &spec, Duration::from_secs(1));
    // The creation comes into sight between the first look and the second.
    let just_before = lag - Duration::from_millis(300);
    bench.clock.run(bench.clock.sleep(just_before.checked_sub(bench.clock.now()).unwrap())).unwrap();
    assert_converged(&bench.delete(&spec));
    bench.clock.run(bench.clock.sleep(HOUR)).unwrap();
    assert_eq!(bench.cloud.clusters().len(), 0);
    assert_eq!(bench.writes(), ["Create cluster", "Delete cluster"]);
}

#[test]
fn a_stop_does_not_hide_what_failed_before_it() {
    let bench = Bench::new();
    let spec = with_pools(&["apps"]);
    let denied = Disturbance::Refused(ErrorKind::QuotaExceeded);
    bench.fault(FaultOn::Write(Action::Create, Subject::NodePool(pool("apps"))), denied, 1);
    let (outcome, _) = cancel_after(&bench, &spec, CREATE_CLUSTER_TIME + POOL_TIME / 2);
    let kinds: Vec<ErrorKind> = outcome.errors().into_iter().map(|error| error.kind).collect();
    assert_eq!(kinds, [ErrorKind::QuotaExceeded, ErrorKind::Cancelled]);
}

#[test]
fn delete_is_refused_while_protected_foreign_or_another() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    spec.deletion_protection = true;
    assert_converged(&bench.create(&spec));
    let before = bench.sent();
    let delete = |target: Target| bench.run(bench.driver.delete(&target, Run::new(HOUR, &|_| {})));
    assert_kind(&delete(Target { deletion_protection: true, ..target(&spec) }), ErrorKind::Protected);
    assert_kind(&delete(target(&spec)), ErrorKind::Protected);
    let words = assert_kind(&delete(Target { uid: Some("memory-0".to_owned()), ..target(&spec) }), ErrorKind::NotOwned);
    assert!(words.contains("is another one"), "{words}");
    let mark = Mark { owner: "rivals".parse().unwrap(), ..spec.mark() };
    assert_kind(&delete(Target { mark, ..target(&spec) }), ErrorKind::NotOwned);
    assert_eq!(bench.sent(), before);
}

#[test]
fn the_callers_own_protection_is_enough() {
    let bench = Bench::new();
    let spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    let protected = Target { deletion_protection: true, ..target(&spec) };
    assert_kind(&bench.run(bench.driver.delete(&protected, Run::new(HOUR, &|_| {}))), ErrorKind::Protected);
    assert_eq!(bench.cloud.clusters().len(), 1);
}

#[test]
fn another_object_is_told_as_such_even_if_it_differs() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    spec.cloud = crate::environment::CloudSpec::Memory(crate::memory::MemorySpec { class: "other".to_owned() });
    assert_kind(&bench.update(&spec), ErrorKind::InvalidConfig);
    let another = Target { uid: Some("memory-0".to_owned()), ..target(&spec) };
    let outcome = bench.run(bench.driver.update(&another, &spec, Run::new(HOUR, &|_| {})));
    assert_kind(&outcome, ErrorKind::NotOwned);
}

#[test]
fn a_saved_operation_is_waited_for_where_reads_do_not_show_it() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    bench.clock.run(bench.clock.sleep(HOUR)).unwrap();
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(3));
    let run = Run::new(UPDATE_TIME / 2, &|_| {});
    let outcome = bench.run(bench.driver.update(&target(&spec), &spec, run));
    assert_kind(&outcome, ErrorKind::TimedOut);
    bench.cloud.set_read_lag(UPDATE_TIME);
    let sent = bench.sent();
    let run = Run { running: outcome.running, ..Run::new(HOUR, &|_| {}) };
    assert_converged(&bench.run(bench.driver.update(&target(&spec), &spec, run)));
    assert_eq!(bench.sent(), sent, "nothing is sent that goes on already");
}

#[test]
fn what_was_imported_is_marked_by_its_first_update() {
    let bench = Bench::new();
    let spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    bench.cloud.edit(|clusters| clusters.get_mut(&spec.name).unwrap().tags.clear());
    let imported = bench.run(bench.driver.import(&target(&spec).id, &spec.mark())).unwrap();
    assert_eq!(imported.id, target(&spec).id);
    let sent = bench.sent();
    assert_kind(&bench.update(&spec), ErrorKind::NotOwned);
    let deleted = bench.run(bench.driver.delete(&target(&spec), Run::new(HOUR, &|_| {})));
    assert_kind(&deleted, ErrorKind::NotOwned);
    assert_eq!(bench.sent(), sent, "what is known by its name alone is not ours");
    let known = Target { uid: Some(imported.uid), ..target(&spec) };
    assert_converged(&bench.run(bench.driver.update(&known, &spec, Run::new(HOUR, &|_| {}))));
    assert_eq!(bench.cloud.clusters()[&spec.name].tags, spec.tags_with_mark());
    let missing = EnvironmentId::Memory { name: "nobody".parse().unwrap() };
    let error = bench.run(bench.driver.import(&missing, &spec.mark())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

/// A cluster that was made anew by somebody else, and what one run was told of it, are nothing to the next run.
#[test]
fn what_was_refused_is_handed_to_nobody() {
    let bench = Bench::new();
    let spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    let meant = Target { uid: Some(bench.cloud.clusters()[&spec.name].uid.clone()), ..target(&spec) };
    bench.cloud.edit(|clusters| {
        let cluster = clusters.get_mut(&spec.name).unwrap();
        cluster.uid = "memory-other".to_owned();
        cluster.tags.clear();
    });
    let sent = bench.sent();
    let handed = Mutex::new(0);
    let note = |at: &Checkpoint<'_>| *handed.lock().unwrap() += usize::from(at.observed.is_some());
    for outcome in [
        bench.run(bench.driver.update(&meant, &spec, Run::new(HOUR, &note))),
        bench.run(bench.driver.delete(&meant, Run::new(HOUR, &note))),
    ] {
        assert_kind(&outcome, ErrorKind::NotOwned);
        assert_eq!(outcome.observed, None);
    }
    assert_eq!((bench.sent(), *handed.lock().unwrap()), (sent, 0));
}

#[test]
fn after_a_long_pause_nothing_is_sent_on_an_old_look() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(3));
    let throttled = ErrorKind::Throttled { retry_after: Some(2 * LOOK_AGAIN_AFTER) };
    bench.fault(FaultOn::AnyWrite, Disturbance::Refused(throttled), 1);
    let committed = bench.writes().len();
    let outcome = bench.run(async {
        let (target, note) = (target(&spec), |_: &Checkpoint<'_>| {});
        let updating = bench.driver.update(&target, &spec, Run::new(HOUR, &note));
        let meddling = async {
            bench.clock.sleep(LOOK_AGAIN_AFTER).await;
            bench.cloud.edit(|clusters| clusters.get_mut(&spec.name).unwrap().uid = "memory-other".to_owned());
        };
        tokio::join!(updating, meddling).0
    });
    let told: Vec<_> = outcome.errors().into_iter().map(|error| error.kind).collect();
    assert_eq!(told, [ErrorKind::NotOwned]);
    assert_eq!(bench.writes().len(), committed, "nothing is written to another cluster");
}

#[test]
fn somebody_elses_operation_of_the_same_sort_is_not_taken_for_ours() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    let mut others = spec.clone();
    edit_pool(&mut others, "system", |pool| drop(pool.labels.insert("theirs".to_owned(), "1".to_owned())));
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(3));
    bench.fault(FaultOn::AnyWrite, Disturbance::RequestLost, 1);
    let outcome = bench.run(async {
        let (target, note) = (target(&spec), |_: &Checkpoint<'_>| {});
        let updating = bench.driver.update(&target, &spec, Run::new(HOUR, &note));
        let meddling = async {
            let backend = bench.cloud.backend();
            // After our request went, and before it is looked for.
            bench.clock.sleep(Duration::from_millis(1)).await;
            let observed = bench.cloud.clusters()[&spec.name].clone();
            let steps = backend.plan(Some(&observed), Some(&others)).unwrap();
            backend.begin(&target.id, &steps[0], &IdempotencyToken::random()).await.unwrap();
        };
        tokio::join!(updating, meddling).0
    });
    assert_converged(&outcome);
    bench.assert_as(&spec);
}

#[test]
fn gone_is_said_only_after_a_second_look() {
    let bench = Bench::new();
    let id = target(&example_spec("prod")).id;
    assert_eq!(bench.run(bench.driver.read(&id)).unwrap(), None);
    assert_eq!(bench.cloud.journal().len(), 2);
    for kind in [ErrorKind::PermissionDenied, ErrorKind::Unauthenticated, ErrorKind::Protocol] {
        bench.fault(FaultOn::AnyQuestion, Disturbance::Refused(kind), 1);
        assert_eq!(bench.run(bench.driver.read(&id)).unwrap_err().kind, kind, "an error is not an absence");
    }
    bench.fault(FaultOn::AnyQuestion, Disturbance::ReplyLost, u32::MAX);
    assert_eq!(bench.run(bench.driver.read(&id)).unwrap_err().kind, ErrorKind::Ambiguous);
}

#[test]
fn resume_waits_and_begins_nothing() {
    let bench = Bench::new();
    let spec = with_pools(&["apps"]);
    let (outcome, _) = cancel_after(&bench, &spec, CREATE_CLUSTER_TIME / 2);
    let sent = bench.sent();
    let run = Run { running: outcome.running, ..Run::new(HOUR, &|_| {}) };
    let outcome = bench.run(bench.driver.resume(&target(&spec), run));
    assert_converged(&outcome);
    let observed = outcome.observed.unwrap();
    assert_eq!((observed.status, observed.node_pools.len()), (Status::Active, 0));
    assert_eq!(bench.sent(), sent);
}

#[test]
fn success_without_progress_is_judged_by_reading() {
    let bench = Bench::new();
    bench.cloud.set_forgetful(true);
    let mut spec = with_pools(&["apps"]);
    spec.kubernetes.version = "1.31".parse().unwrap();
    assert_converged(&bench.create(&spec));
    spec.kubernetes.version = "1.33".parse().unwrap();
    edit_pool(&mut spec, "apps", |pool| pool.size = PoolSize::Fixed(7));
    assert_converged(&bench.update(&spec));
    bench.assert_as(&spec);
    assert_converged(&bench.delete(&spec));
}

/// A cloud that writes down the tokens it is sent.
#[derive(Debug)]
struct Scribe(crate::memory::MemoryBackend, Mutex<Vec<(Subject, IdempotencyToken)>>);

#[async_trait]
impl Layer for Scribe {
    fn inner(&self) -> &dyn Backend {
        &self.0
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        self.1.lock().unwrap().push((step.subject.clone(), token.clone()));
        self.0.begin(id, step, token).await
    }
}

#[test]
fn a_step_keeps_its_token_in_every_sending_and_every_run_of_one_plan() {
    let spec = with_pools(&["apps"]);
    let token = IdempotencyToken::random();
    let tokens_of_a_run = || {
        let bench = Bench::new();
        bench.fault(FaultOn::AnyWrite, Disturbance::RequestLost, 2);
        let scribe = Arc::new(Scribe(bench.cloud.backend(), Mutex::default()));
        let driver = Driver::new(scribe.clone(), Arc::new(bench.clock.clone()), Jitter::seeded(1), POLL);
        let run = Run { token: token.clone(), ..Run::new(HOUR, &|_| {}) };
        assert_converged(&bench.run(driver.create(&spec, run)));
        scribe.1.lock().unwrap().clone()
    };
    let tokens = tokens_of_a_run();
    assert_eq!(tokens.len(), 5, "the cluster three times, each pool once");
    assert!(tokens[..3].iter().all(|sent| *sent == tokens[0]));
    let distinct: std::collections::BTreeSet<&str> = tokens.iter().map(|(_, token)| token.as_str()).collect();
    assert_eq!(distinct.len(), 3);
    assert_eq!(tokens_of_a_run(), tokens);
}

/// A cloud that finds some operations odd.
#[derive(Debug)]
struct Picky(crate::memory::MemoryBackend);

/// A cloud that says "done" and does nothing.
#[derive(Debug)]
struct Liar(crate::memory::MemoryBackend, AtomicU64);

#[async_trait]
impl Layer for Liar {
    fn inner(&self) -> &dyn Backend {
        &self.0
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, _: &IdempotencyToken) -> Result<Operation> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(Operation {
            environment: id.clone(),
            subject: step.subject.clone(),
            action: step.action,
            reference: Some("a lie".to_owned()),
        })
    }

    async fn poll(&self, _: &Operation) -> Result<Progress> {
        Ok(Progress::Done)
    }
}

#[async_trait]
impl Layer for Picky {
    fn inner(&self) -> &dyn Backend {
        &self.0
    }

    async fn poll(&self, operation: &Operation) -> Result<Progress> {
        if operation.reference.as_deref() == Some("odd") {
            return Err(Error::new(ErrorKind::Protocol, self.kind(), "poll", operation));
        }
        self.0.poll(operation).await
    }
}

#[test]
fn what_is_said_to_be_done_must_show() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    let liar = Arc::new(Liar(bench.cloud.backend(), AtomicU64::new(0)));
    let driver = Driver::new(liar.clone(), Arc::new(bench.clock.clone()), Jitter::seeded(1), POLL);
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(3));
    let began = bench.clock.now();
    let outcome = bench.run(driver.update(&target(&spec), &spec, Run::new(HOUR, &|_| {})));
    let words = assert_kind(&outcome, ErrorKind::OperationFailed);
    assert!(words.contains("update node pool system"), "{words}");
    assert_eq!(liar.1.load(Ordering::SeqCst), 1, "it is not sent again");
    assert!(bench.clock.now() - began <= SETTLE_LIMIT + 2 * POLL);

    let other = example_spec("other");
    let outcome = bench.run(driver.create(&other, Run::new(HOUR, &|_| {})));
    assert_kind(&outcome, ErrorKind::OperationFailed);
    assert_eq!(liar.1.load(Ordering::SeqCst), 2);
}

#[test]
fn saved_operations_are_a_hint_and_no_more() {
    let bench = Bench::new();
    let mut spec = example_spec("prod");
    assert_converged(&bench.create(&spec));
    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(3));
    let saved = |environment: &str, reference: &str| Operation {
        environment: environment.parse().unwrap(),
        subject: Subject::Cluster,
        action: Action::Update,
        reference: Some(reference.to_owned()),
    };
    // One that the cloud does not know, one of another environment, and a cloud that finds the question odd.
    bench.fault(FaultOn::AnyQuestion, Disturbance::Refused(ErrorKind::Throttled { retry_after: None }), 1);
    let other = example_spec("other");
    let creation = &bench.driver.backend().plan(None, Some(&other)).unwrap()[0];
    let long = bench.run(bench.cloud.backend().begin(&target(&other).id, creation, &IdempotencyToken::random()));
    let running = vec![saved("memory/prod", "operation-99"), long.unwrap()];
    let run = Run { running, ..Run::new(CREATE_CLUSTER_TIME / 2, &|_| {}) };
    assert_converged(&bench.run(bench.driver.update(&target(&spec), &spec, run)));
    bench.cloud.edit(|clusters| drop(clusters.remove(&other.name)));
    bench.assert_as(&spec);

    edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Fixed(4));
    let picky = Arc::new(Picky(bench.cloud.backend()));
    let driver = Driver::new(picky, Arc::new(bench.clock.clone()), Jitter::seeded(1), POLL);
    let run = Run { running: vec![saved("memory/prod", "odd")], ..Run::new(HOUR, &|_| {}) };
    assert_converged(&bench.run(driver.update(&target(&spec), &spec, run)));
    bench.assert_as(&spec);
}

#[test]
fn two_runs_at_once_make_one_environment() {
    let spec = with_pools(&["apps"]);
    let bench = Bench::new();
    let twice = async { futures::join!(create(&bench, &spec), create(&bench, &spec)) };
    let (one, two) = bench.run(twice);
    assert_converged(&one);
    assert_converged(&two);
    bench.assert_as(&spec);
    assert_eq!(bench.writes().len(), 3, "{:?}", bench.writes());

    async fn create(bench: &Bench, spec: &EnvironmentSpec) -> Outcome {
        bench.create_within(spec, HOUR, CancellationToken::new()).await
    }
}

#[test]
fn of_two_owners_at_once_one_wins_and_the_other_touches_nothing() {
    let ours = with_pools(&["apps"]);
    let mut theirs = ours.clone();
    theirs.owner = "rivals".parse().unwrap();
    let bench = Bench::new();
    let never = CancellationToken::new;
    let both = async {
        futures::join!(bench.create_within(&ours, HOUR, never()), bench.create_within(&theirs, HOUR, never()))
    };
    let (one, two) = bench.run(both);
    assert_converged(&one);
    assert_kind(&two, ErrorKind::NotOwned);
    bench.assert_as(&ours);
    assert_eq!(bench.writes().len(), 3);
}

/// Killed again and again, at any calls, also while it recovers: it ends with one environment.
#[test]
fn survives_many_crashes() {
    use crate::conformance::{CrashPoint, CrashingBackend};

    for seed in 0..200 {
        let bench = Bench::seeded(seed);
        let draw = draws(seed);
        let spec = with_pools(&["apps"]);
        let mut crashes = 0;
        let outcome = loop {
            let point = if draw(2) == 0 { CrashPoint::BeforeCall } else { CrashPoint::AfterCall };
            // Later and later, so that it ends.
            let call = (draw(8) + crashes * 4) as usize;
            let backend = CrashingBackend::new(Arc::new(bench.cloud.backend()), call, point);
            let crashed = backend.crashed.clone();
            let clock = Arc::new(bench.clock.clone());
            let driver = Driver::new(Arc::new(backend), clock, Jitter::seeded(seed), POLL);
            let ended = bench.run(async {
                tokio::select! {
                    biased;
                    () = crashed.cancelled() => None,
                    outcome = driver.create(&spec, Run::new(2 * HOUR, &|_| {})) => Some(outcome),
                }
            });
            match ended {
                Some(outcome) => break outcome,
                None => crashes += 1,
            }
        };
        assert!(outcome.is_converged(), "seed {seed}: {:?}", outcome.errors());
        assert!(crashes > 0, "seed {seed}");
        bench.assert_as(&spec);
        assert_eq!(bench.writes().len(), 3, "seed {seed}: {:?}", bench.writes());
    }
}

/// A whole life under faults at random, by seed: it converges, with one cluster and nothing made twice.
#[test]
fn converges_under_faults_at_random() {
    for seed in 0..400 {
        let bench = Bench::seeded(seed);
        let draw = draws(seed);
        let mut spec = with_pools(&["apps"]);
        spec.kubernetes.version = "1.32".parse().unwrap();
        bench.cloud.set_read_lag(Duration::from_secs(u64::from(draw(3) * 15)));
        let disturbances = [
            Disturbance::Refused(ErrorKind::Throttled { retry_after: Some(Duration::from_secs(3)) }),
            Disturbance::Refused(ErrorKind::Throttled { retry_after: None }),
            Disturbance::Refused(ErrorKind::Unavailable { retry_after: None }),
            Disturbance::Refused(ErrorKind::Conflict),
            Disturbance::Refused(ErrorKind::Propagating),
            Disturbance::RequestLost,
            Disturbance::ReplyLost,
        ];
        let fault_some = || {
            for _ in 0..draw(4) {
                let disturbance = disturbances[draw(7) as usize];
                let on = if draw(2) == 0 { FaultOn::AnyWrite } else { FaultOn::AnyQuestion };
                bench.fault(on, disturbance, 1 + draw(2));
            }
        };
        fault_some();
        let outcome = bench.create(&spec);
        assert!(outcome.is_converged(), "seed {seed}: {:?}", outcome.errors());
        fault_some();
        spec.kubernetes.version = "1.33".parse().unwrap();
        spec.node_pools.remove(&pool("apps"));
        edit_pool(&mut spec, "system", |pool| pool.size = PoolSize::Autoscale { min: 3, max: 9 });
        let outcome = bench.update(&spec);
        assert!(outcome.is_converged(), "seed {seed}: {:?}", outcome.errors());
        bench.clock.run(bench.clock.sleep(HOUR)).unwrap();
        bench.assert_as(&spec);
        fault_some();
        let outcome = bench.delete(&spec);
        assert!(outcome.is_converged(), "seed {seed}: {:?}", outcome.errors());
        bench.clock.run(bench.clock.sleep(HOUR)).unwrap();
        assert_eq!(bench.cloud.clusters().len(), 0, "seed {seed}");
        let mut created = bench.writes();
        created.retain(|write| write.starts_with("Create"));
        created.sort();
        assert_eq!(created, ["Create cluster", "Create node pool apps", "Create node pool system"], "seed {seed}");
    }
}

/// A cloud of whose calls many go wrong, by chance.
struct Flaky {
    inner: crate::memory::MemoryBackend,
    draw: Mutex<Box<dyn Fn(u32) -> u32 + Send>>,
    percent: u32,
    calls: AtomicU64,
}

impl std::fmt::Debug for Flaky {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flaky")
    }
}

#[async_trait]
impl Layer for Flaky {
    fn inner(&self) -> &dyn Backend {
        &self.inner
    }

    async fn around<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (goes_wrong, how) = {
            let draw = self.draw.lock().unwrap();
            (draw(100) < self.percent, draw(4))
        };
        if !goes_wrong {
            return call.await;
        }
        let kind = match how {
            0 => ErrorKind::Throttled { retry_after: Some(Duration::from_secs(2)) },
            1 => ErrorKind::Unavailable { retry_after: None },
            2 => ErrorKind::Ambiguous,
            _ => {
                drop(call.await);
                ErrorKind::Ambiguous
            }
        };
        Err(Error::new(kind, crate::BackendKind::Memory, "call", "chance"))
    }
}

/// Up to two of five calls go wrong, half of those with an effect that nobody hears of: every life still converges, with
/// at most three times the calls of one without faults.
#[test]
fn a_bad_line_costs_at_most_three_times_the_calls() {
    let life = |seed, percent| {
        let bench = Bench::seeded(seed);
        let flaky = Arc::new(Flaky {
            inner: bench.cloud.backend(),
            draw: Mutex::new(Box::new(draws(seed))),
            percent,
            calls: AtomicU64::new(0),
        });
        let driver = Driver::new(flaky.clone(), Arc::new(bench.clock.clone()), Jitter::seeded(seed), POLL);
        let mut spec = with_pools(&["apps", "jobs"]);
        spec.kubernetes.version = "1.32".parse().unwrap();
        let created = bench.run(driver.create(&spec, Run::new(2 * HOUR, &|_| {})));
        assert!(created.is_converged(), "seed {seed}: {:?}", created.errors());
        spec.kubernetes.version = "1.33".parse().unwrap();
        spec.node_pools.remove(&pool("jobs"));
        let updated = bench.run(driver.update(&target(&spec), &spec, Run::new(2 * HOUR, &|_| {})));
        assert!(updated.is_converged(), "seed {seed}: {:?}", updated.errors());
        bench.assert_as(&spec);
        let deleted = bench.run(driver.delete(&target(&spec), Run::new(2 * HOUR, &|_| {})));
        assert!(deleted.is_converged(), "seed {seed}: {:?}", deleted.errors());
        let mut writes = bench.writes();
        writes.sort();
        (flaky.calls.load(Ordering::SeqCst), writes)
    };
    let (calls, writes) = life(0, 0);
    for percent in [1, 10, 40] {
        for seed in 0..100 {
            let (flaky_calls, flaky_writes) = life(seed, percent);
            assert_eq!(flaky_writes, writes, "seed {seed}, {percent} %");
            assert!(flaky_calls <= 3 * calls, "seed {seed}, {percent} %: {flaky_calls} calls instead of {calls}");
        }
    }
}

/// A cloud where the nodes of a pool that is deleted have to be emptied before.
#[derive(Debug)]
struct WithNodes {
    inner: crate::memory::MemoryBackend,
    unreachable: WhenUnreachable,
    /// How often somebody asked for the way to its Kubernetes.
    asked: AtomicU64,
    /// Whether nobody is told.
    denied: bool,
}

/// How long pods are given there.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(600);

#[async_trait]
impl Layer for WithNodes {
    fn inner(&self) -> &dyn Backend {
        &self.inner
    }

    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        let mut steps = self.inner.plan(observed, desired)?;
        for step in &mut steps {
            if let (Action::Delete, Subject::NodePool(pool)) = (step.action, &step.subject) {
                step.drain = Some(NodeDrain {
                    label: "pool".to_owned(),
                    value: pool.to_string(),
                    timeout: DRAIN_TIMEOUT,
                    unreachable: self.unreachable,
                });
            }
        }
        Ok(steps)
    }

    async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.denied {
            true => Err(Error::new(ErrorKind::PermissionDenied, self.kind(), "access", id)),
            false => self.inner.access(id).await,
        }
    }
}

/// Says how one drain after the other ends, and how long each takes; then all succeed at once.
#[derive(Debug, Default)]
struct Script {
    ends: Mutex<Vec<(Duration, Result<(), DrainError>)>>,
    /// What was to be drained, within which time, and when.
    drained: Mutex<Vec<(String, Duration, Duration)>>,
}

#[async_trait]
impl NodeDrainer for Script {
    async fn drain(&self, drain: Drain<'_>) -> Result<(), DrainError> {
        self.drained.lock().unwrap().push((drain.nodes.value.clone(), drain.timeout, drain.clock.now()));
        let next = { self.ends.lock().unwrap().pop() };
        let Some((takes, end)) = next else { return Ok(()) };
        drain.clock.sleep(takes).await;
        end
    }
}

fn blocked() -> DrainError {
    let pods = [("its budget".to_owned(), vec!["shop/api-1".to_owned()])].into();
    let nodes = "nodes with pool=apps".to_owned();
    DrainError::Blocked(Blocked { nodes, waited: DRAIN_TIMEOUT, limit: "drain_timeout", pods })
}

/// A bench where `apps` and `jobs` were made and are to go, and the drains end like that.
struct DrainBench {
    bench: Bench,
    cloud: Arc<WithNodes>,
    script: Arc<Script>,
    driver: Driver,
    spec: EnvironmentSpec,
}

impl DrainBench {
    fn new(unreachable: WhenUnreachable, ends: Vec<(u64, Result<(), DrainError>)>) -> Self {
        Self::denied(false, unreachable, ends)
    }

    fn denied(denied: bool, unreachable: WhenUnreachable, ends: Vec<(u64, Result<(), DrainError>)>) -> Self {
        let bench = Bench::new();
        assert_converged(&bench.create(&with_pools(&["apps"])));
        let cloud = Arc::new(WithNodes { inner: bench.cloud.backend(), unreachable, asked: AtomicU64::new(0), denied });
        let ends = ends.into_iter().rev().map(|(seconds, end)| (Duration::from_secs(seconds), end)).collect();
        let script = Arc::new(Script { ends: Mutex::new(ends), ..Script::default() });
        let driver = Driver::new(cloud.clone(), Arc::new(bench.clock.clone()), Jitter::seeded(1), POLL)
            .with_drainer(script.clone());
        Self { bench, cloud, script, driver, spec: example_spec("prod") }
    }

    fn update_within(&self, timeout: Duration, cancel: CancellationToken) -> Outcome {
        let run = Run { cancel, ..Run::new(timeout, &|_| {}) };
        self.bench.run(self.driver.update(&target(&self.spec), &self.spec, run))
    }

    fn update(&self) -> Outcome {
        self.update_within(2 * HOUR, CancellationToken::new())
    }

    /// How many pools were deleted.
    fn deleted(&self) -> usize {
        self.bench.writes().iter().filter(|write| write.starts_with("Delete")).count()
    }

    fn drained(&self) -> Vec<(String, Duration)> {
        let drained = self.script.drained.lock().unwrap();
        drained.iter().map(|(nodes, timeout, _)| (nodes.clone(), *timeout)).collect()
    }
}

#[test]
fn nodes_are_drained_before_they_are_taken_away() {
    let drains = DrainBench::new(WhenUnreachable::Refuse, vec![(90, Ok(()))]);
    assert_converged(&drains.update());
    assert_eq!(drains.drained(), [("apps".to_owned(), DRAIN_TIMEOUT)]);
    let (_, _, began) = drains.script.drained.lock().unwrap()[0].clone();
    let sent =
        drains.bench.cloud.journal().into_iter().find(|entry| {
            entry.committed && entry.write.as_ref().is_some_and(|(_, action, _)| *action == Action::Delete)
        });
    assert_eq!(sent.expect("the pool is deleted").time, began + Duration::from_secs(90));
    assert_eq!(drains.deleted(), 1);
    drains.bench.assert_as(&drains.spec);
}

#[test]
fn nodes_that_cannot_be_drained_stay_with_their_pool() {
    let drains = DrainBench::new(WhenUnreachable::Refuse, vec![(600, Err(blocked()))]);
    let words = assert_kind(&drains.update(), ErrorKind::NotDrained);
    for part in ["node pool apps", "shop/api-1 (its budget)", "drain_timeout can be raised"] {
        assert!(words.contains(part), "{part:?} is not in {words:?}");
    }
    assert_eq!(drains.deleted(), 0);
    // The next run does it again.
    assert_converged(&drains.update());
    assert_eq!((drains.deleted(), drains.drained().len()), (1, 2));
}

#[test]
fn a_kubernetes_out_of_reach_stops_only_steps_that_need_it() {
    let out = || Err(DrainError::Unreachable("connection refused".into()));
    let refused = || Err(DrainError::Refused(ServerText::new("cannot list nodes")));
    for end in [out, refused] {
        let drains = DrainBench::new(WhenUnreachable::Refuse, vec![(5, end())]);
        assert_kind(&drains.update(), ErrorKind::NotDrained);
        assert_eq!(drains.deleted(), 0);
        let drains = DrainBench::new(WhenUnreachable::Proceed, vec![(5, end())]);
        assert_converged(&drains.update());
        assert_eq!(drains.deleted(), 1);
    }
    // Pods that do not go are another matter than a way that is not open.
    let drains = DrainBench::new(WhenUnreachable::Proceed, vec![(5, Err(blocked()))]);
    assert_kind(&drains.update(), ErrorKind::NotDrained);
    assert_eq!(drains.deleted(), 0);

    // As with the API server, so with the cloud that would say where it is.
    let drains = DrainBench::denied(true, WhenUnreachable::Refuse, Vec::new());
    assert_kind(&drains.update(), ErrorKind::PermissionDenied);
    assert_eq!((drains.deleted(), drains.drained().len()), (0, 0));
    let drains = DrainBench::denied(true, WhenUnreachable::Proceed, Vec::new());
    assert_converged(&drains.update());
    assert_eq!((drains.deleted(), drains.drained().len()), (1, 0));
}

#[test]
fn a_credential_that_ends_while_draining_is_renewed() {
    let drains = DrainBench::new(WhenUnreachable::Refuse, vec![(200, Err(DrainError::CredentialEnded)), (9, Ok(()))]);
    assert_converged(&drains.update());
    assert_eq!(drains.cloud.asked.load(Ordering::SeqCst), 2);
    let timeouts: Vec<Duration> = drains.drained().into_iter().map(|(_, timeout)| timeout).collect();
    assert_eq!(timeouts, [DRAIN_TIMEOUT, DRAIN_TIMEOUT - Duration::from_secs(200)], "it is one drain");

    // One that is refused when it is new will not do better.
    let drains = DrainBench::new(WhenUnreachable::Refuse, vec![(1, Err(DrainError::CredentialEnded))]);
    assert_kind(&drains.update(), ErrorKind::NotDrained);
    assert_eq!((drains.deleted(), drains.cloud.asked.load(Ordering::SeqCst)), (0, 1));
}

#[test]
fn a_drain_heeds_the_end_of_its_run() {
    // Cancelled: at once, with nothing sent.
    let drains = DrainBench::new(WhenUnreachable::Refuse, vec![(600, Ok(()))]);
    let cancel = CancellationToken::new();
    let began = drains.bench.clock.now();
    let run = Run { cancel: cancel.clone(), ..Run::new(HOUR, &|_| {}) };
    let target = target(&drains.spec);
    let update = drains.driver.update(&target, &drains.spec, run);
    let (outcome, ()) = drains.bench.run(async {
        futures::join!(update, async {
            drains.bench.clock.sleep(Duration::from_secs(100)).await;
            cancel.cancel();
        })
    });
    assert_kind(&outcome, ErrorKind::Cancelled);
    assert!(drains.bench.clock.now() - began <= Duration::from_secs(105));
    assert_eq!(drains.deleted(), 0);

    // Out of time: it is told how little is left, and what it says of the pods is not lost.
    let drains = DrainBench::new(WhenUnreachable::Refuse, vec![(60, Err(blocked()))]);
    let outcome = drains.update_within(Duration::from_secs(60), CancellationToken::new());
    let words = assert_kind(&outcome, ErrorKind::NotDrained);
    assert!(words.contains("shop/api-1"), "{words}");
    let timeouts: Vec<Duration> = drains.drained().into_iter().map(|(_, timeout)| timeout).collect();
    assert!(timeouts[0] <= Duration::from_secs(60), "{timeouts:?}");
}

#[test]
fn a_step_is_the_same_change_however_long_its_pods_are_given() {
    let mut step = crate::memory::example_step("apps");
    let before = step.clone();
    let unreachable = WhenUnreachable::Refuse;
    let (label, value) = ("pool".to_owned(), "apps".to_owned());
    step.drain = Some(NodeDrain { label, value, timeout: DRAIN_TIMEOUT, unreachable });
    assert!(step.is_same_change(&before));
}
