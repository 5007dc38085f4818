//! The driver on the backend in memory, under virtual time.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::*;
use crate::backend::Capabilities;
use crate::clock::VirtualClock;
use crate::environment::{ENVIRONMENT_TAG, OWNER_TAG, PoolName, PoolSize, PoolSpec, Violation};
use crate::error::ErrorChain;
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
