//! A simulated cloud whose cluster is a real Kubernetes with a fake node per member of a pool, and a workload on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kube::{Client, Config};
use multicloud::driver::{Driver, Outcome, Run, Target};
use multicloud::environment::{EnvironmentSpec, PoolMode, PoolSize, PoolSpec};
use multicloud::{Clock, ErrorChain, Jitter, NodeDrainer, PoolName, TokioClock};
use multicloud_simulator::kubernetes::ApiServer;
use multicloud_simulator::{Running, Simulator};
use serde_json::{Value, json};

use crate::clouds::SimulatedCloud;
use crate::testbed::{Kubernetes, NODES, View, Workload};

/// The pods of the workload.
pub(crate) const REPLICAS: usize = 6;

/// Longer than any of it takes.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// The cloud's time goes by with requests, so that nothing is gained by asking seldom.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How often what was seen is looked at. Nothing is missed in between.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much faster than on the wall time goes by for who is in haste. The pods and their budgets know nothing of it.
const SPEED: u32 = 12;

/// One control plane at a time: each takes most of a core while it starts.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// All of it; it ends with this value.
pub(crate) struct Bench {
    cloud: &'static dyn SimulatedCloud,
    pub(crate) kubernetes: Kubernetes,
    pub(crate) client: Client,
    pub(crate) simulator: Running,
    pub(crate) spec: EnvironmentSpec,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

impl Bench {
    /// An environment with the pools `system` and `apps`, and three nodes for a workload in the latter.
    pub(crate) async fn start(cloud: &'static dyn SimulatedCloud) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let kubernetes = tokio::task::spawn_blocking(|| Kubernetes::start().with_fake_nodes()).await;
        let kubernetes = kubernetes.expect("the testbed starts");
        let api_server = ApiServer::from_kubeconfig(&kubernetes.administrator()).expect("a kubeconfig");
        let config = multicloud_simulator::Config { api_server, ..multicloud_simulator::Config::default() };
        let simulator = Simulator::start(config).await.expect("the simulator starts");
        let client = client(&kubernetes);
        let mut spec = cloud.spec();
        let apps = workload_pool(&spec);
        spec.node_pools.insert(name("apps"), apps);
        cloud.let_in(&kubernetes, &simulator, spec.name.as_str());
        let bench = Self { cloud, kubernetes, client, simulator, spec, _turn: turn };
        bench.succeeds(&bench.driver(None).create(&bench.spec, bench.run()).await);
        bench.nodes(3);
        bench
    }

    /// A driver for that cloud, with another way to empty nodes if one is given.
    pub(crate) fn driver(&self, drainer: Option<Arc<dyn NodeDrainer>>) -> Driver {
        let driver = self.driver_on(Arc::new(TokioClock::new()));
        match drainer {
            Some(drainer) => driver.with_drainer(drainer),
            None => driver,
        }
    }

    /// A driver as users have it, but for its time.
    fn driver_on(&self, clock: Arc<dyn Clock>) -> Driver {
        Driver::new(self.cloud.backend(&self.simulator), clock, Jitter::seeded(1), POLL_INTERVAL)
    }

    pub(crate) fn run(&self) -> Run<'static> {
        Run::new(RUN_TIMEOUT, &|_| {})
    }

    /// The environment, as who made it knows it.
    pub(crate) async fn target(&self) -> Target {
        let id = self.cloud.backend(&self.simulator).locate(&self.spec).await.expect("the environment has an id");
        Target { id, mark: self.spec.mark(), uid: None, deletion_protection: false }
    }

    /// Brings the cloud to the spec with a driver as users have it.
    pub(crate) async fn update(&self) -> Outcome {
        self.driver(None).update(&self.target().await, &self.spec, self.run()).await
    }

    /// The same in a time that goes by [`SPEED`] times as fast, for who waits for the end of one.
    pub(crate) async fn update_in_haste(&self) -> Outcome {
        let clock = Arc::new(Haste(tokio::time::Instant::now()));
        self.driver_on(clock).update(&self.target().await, &self.spec, self.run()).await
    }

    #[track_caller]
    pub(crate) fn succeeds(&self, outcome: &Outcome) {
        assert!(outcome.is_converged(), "{}", words(outcome));
    }

    /// Runs the workload with at least so many ready pods at any time.
    pub(crate) fn deploy(&self, least: usize) -> Workload {
        tokio::task::block_in_place(|| self.kubernetes.deploy(REPLICAS, least))
    }

    /// Makes a pod of its own on that pool.
    pub(crate) fn create_pod(&self, name: &str, more: &Value) {
        let mut pod = json!({ "metadata": { "name": name }, "spec": {
            "nodeSelector": { NODES.0: NODES.1 },
            "containers": [{ "name": "it", "image": "registry.invalid/it:1" }],
        } });
        pod["metadata"]["labels"] = more.clone();
        self.kubernetes.create("/api/v1/namespaces/default/pods", &pod);
    }

    /// Waits until the workload has that many nodes, and gives their names.
    pub(crate) fn nodes(&self, count: usize) -> BTreeSet<String> {
        tokio::task::block_in_place(|| self.kubernetes.wait_for_nodes(count)).into_iter().collect()
    }

    /// The same, once none is one of `old`.
    pub(crate) fn nodes_besides(&self, old: &BTreeSet<String>, count: usize) -> BTreeSet<String> {
        let old: Vec<String> = old.iter().cloned().collect();
        tokio::task::block_in_place(|| self.kubernetes.wait_for_nodes_besides(&old, count)).into_iter().collect()
    }

    /// How many pools the cloud was told to delete.
    pub(crate) fn deletions(&self) -> usize {
        let deletion = self.cloud.deletion();
        self.simulator.journal().iter().filter(|entry| entry.operation == deletion && entry.committed).count()
    }

    /// Has `apps` made of other machines.
    pub(crate) fn change_machine(&mut self, drain_timeout: Duration) {
        let machine = self.cloud.other_machine().parse().expect("a machine type");
        self.edit_pool("apps", |pool| {
            pool.machine_type = machine;
            pool.drain_timeout = Some(drain_timeout);
        });
    }

    pub(crate) fn edit_pool(&mut self, pool: &str, edit: impl FnOnce(&mut PoolSpec)) {
        edit(self.spec.node_pools.get_mut(&name(pool)).expect("a pool of that name"));
    }
}

/// A clock for who is in haste.
#[derive(Debug)]
struct Haste(tokio::time::Instant);

#[async_trait]
impl Clock for Haste {
    fn now(&self) -> Duration {
        self.0.elapsed() * SPEED
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / SPEED).await;
    }
}

/// The name of a pool.
pub(crate) fn name(pool: &str) -> PoolName {
    pool.parse().expect("a name")
}

/// A pool for the workload, of the machines of the other pool.
fn workload_pool(spec: &EnvironmentSpec) -> PoolSpec {
    let mut apps = spec.node_pools.values().next().expect("there is a pool").clone();
    apps.size = PoolSize::Fixed(3);
    apps.mode = PoolMode::User;
    apps.labels.insert(NODES.0.to_owned(), NODES.1.to_owned());
    apps
}

/// Waits until what was seen of a workload is as wanted.
pub(crate) async fn seen(workload: &Workload, wanted: impl Fn(&View) -> bool) -> View {
    let looking = async {
        loop {
            match Some(workload.view()).filter(&wanted) {
                Some(view) => return view,
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    };
    tokio::time::timeout(RUN_TIMEOUT, looking).await.unwrap_or_else(|_| panic!("not as wanted: {:?}", workload.view()))
}

/// All that was in the way.
pub(crate) fn words(outcome: &Outcome) -> String {
    outcome.errors().into_iter().map(|error| ErrorChain(error).to_string()).collect::<Vec<_>>().join("\n")
}

fn client(kubernetes: &Kubernetes) -> Client {
    use base64::Engine as _;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let pem = base64::prelude::BASE64_STANDARD.decode(kubernetes.certificate_authority_data()).expect("base64");
    let roots = CertificateDer::pem_slice_iter(&pem).map(|der| der.expect("a certificate").to_vec()).collect();
    let mut config = Config::new(kubernetes.url().parse().expect("a URL"));
    config.root_cert = Some(roots);
    config.auth_info.token = Some(Kubernetes::ADMINISTRATOR.into());
    Client::try_from(config).expect("a client")
}
