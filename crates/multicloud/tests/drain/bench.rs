//! A simulated EKS whose cluster is a real Kubernetes with a fake node per member of a node group, and a workload on it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use kube::{Client, Config, ResourceExt};
use multicloud::driver::{Driver, Outcome, Run, Target};
use multicloud::eks::{AwsSettings, Eks};
use multicloud::environment::{EnvironmentSpec, PoolMode, PoolSize, PoolSpec};
use multicloud::{EnvironmentId, ErrorChain, Jitter, NodeDrainer, PoolName, Secret, TokioClock};
use multicloud_simulator::kubernetes::ApiServer;
use multicloud_simulator::{Running, Simulator};
use serde_json::{Value, json};

use crate::availability::Availability;
use crate::eks_world::{ACCOUNT, REGION, pool, spec};
use crate::testbed::Kubernetes;

/// The label by which EKS names the group of a node.
pub(crate) const GROUP_LABEL: &str = "eks.amazonaws.com/nodegroup";

/// The pods of the workload.
pub(crate) const REPLICAS: usize = 6;

/// The label of the nodes that the workload runs on.
const WORKLOAD_LABEL: &str = "workload";

/// Longer than any of it takes.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// The cloud's time goes by with requests, so that nothing is gained by asking seldom.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// One control plane at a time: each takes most of a core while it starts.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// All of it; it ends with this value.
pub(crate) struct Bench {
    pub(crate) kubernetes: Kubernetes,
    pub(crate) client: Client,
    pub(crate) simulator: Running,
    pub(crate) spec: EnvironmentSpec,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

impl Bench {
    /// An environment `drained` with the pools `system` and `apps`, and a workload of [`REPLICAS`] pods on `apps`.
    pub(crate) async fn start() -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let kubernetes = tokio::task::spawn_blocking(|| Kubernetes::start().with_fake_nodes()).await;
        let kubernetes = kubernetes.expect("the testbed starts");
        let api_server = ApiServer::from_kubeconfig(&kubernetes.administrator()).expect("a kubeconfig");
        let config = multicloud_simulator::Config { api_server, ..multicloud_simulator::Config::default() };
        let simulator = Simulator::start(config).await.expect("the simulator starts");
        kubernetes.authenticator().serve("drained", simulator.url("sts").expect("EKS has an STS"));
        let client = client(&kubernetes);
        let mut spec = spec("drained");
        spec.node_pools.insert(name("apps"), workload_pool());
        let bench = Self { kubernetes, client, simulator, spec, _turn: turn };
        bench.succeeds(&bench.driver(None).create(&bench.spec, bench.run()).await);
        bench.nodes_become("apps", 3).await;
        bench
    }

    /// A driver for that cloud, with another way to empty nodes if one is given.
    pub(crate) fn driver(&self, drainer: Option<Arc<dyn NodeDrainer>>) -> Driver {
        let settings = AwsSettings {
            endpoint: self.simulator.url("eks").map(str::to_owned),
            sts_endpoint: self.simulator.url("sts").map(str::to_owned),
            access_key: Some("AKIASIMULATOR".to_owned()),
            secret_key: Some(Secret::new("any")),
            ..AwsSettings::default()
        };
        let backend = Arc::new(Eks::new(settings));
        let driver = Driver::new(backend, Arc::new(TokioClock::new()), Jitter::seeded(1), POLL_INTERVAL);
        match drainer {
            Some(drainer) => driver.with_drainer(drainer),
            None => driver,
        }
    }

    pub(crate) fn run(&self) -> Run<'static> {
        Run::new(RUN_TIMEOUT, &|_| {})
    }

    pub(crate) fn target(&self) -> Target {
        let id: EnvironmentId = format!("eks/{ACCOUNT}/{REGION}/drained").parse().expect("an id");
        Target { id, mark: self.spec.mark(), uid: None, deletion_protection: false }
    }

    /// Brings the cloud to the spec with a driver as users have it.
    pub(crate) async fn update(&self) -> Outcome {
        self.driver(None).update(&self.target(), &self.spec, self.run()).await
    }

    #[track_caller]
    pub(crate) fn succeeds(&self, outcome: &Outcome) {
        assert!(outcome.is_converged(), "{}", words(outcome));
    }

    /// Runs the workload with at least so many ready pods at any time, and waits until all are.
    pub(crate) async fn deploy(&self, least: usize) -> Availability {
        let labels = json!({ "app": "api" });
        let container = json!({ "name": "api", "image": "registry.invalid/api:1" });
        self.kubernetes.create(
            "/apis/apps/v1/namespaces/default/deployments",
            &json!({ "metadata": { "name": "api" }, "spec": {
                "replicas": REPLICAS,
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": {
                    "nodeSelector": { WORKLOAD_LABEL: "api" },
                    "containers": [container],
                } },
            } }),
        );
        self.kubernetes.create(
            "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
            &json!({ "metadata": { "name": "api" }, "spec": {
                "minAvailable": least, "selector": { "matchLabels": labels },
            } }),
        );
        let waiting = Availability::of(&self.client, "app=api").await;
        waiting.wait_until(|view| view.ready.len() == REPLICAS).await;
        // What has yet to be counted by the budget is nothing that it holds back.
        self.budget_allows(REPLICAS - least).await;
        Availability::of(&self.client, "app=api").await
    }

    /// Waits until the budget is known to let so many pods go.
    pub(crate) async fn budget_allows(&self, allowed: usize) {
        let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/api";
        tokio::task::block_in_place(|| {
            self.kubernetes.wait_until(path, "a budget that is kept count of", |budget| {
                let status = &budget["status"];
                let counted = status["currentHealthy"] == REPLICAS && status["disruptionsAllowed"] == allowed;
                (counted && status["observedGeneration"] == budget["metadata"]["generation"]).then_some(())
            });
        });
    }

    /// Makes a pod of its own on that pool.
    pub(crate) fn create_pod(&self, name: &str, more: &Value) {
        let mut pod = json!({ "metadata": { "name": name }, "spec": {
            "nodeSelector": { WORKLOAD_LABEL: "api" },
            "containers": [{ "name": "it", "image": "registry.invalid/it:1" }],
        } });
        pod["metadata"]["labels"] = more.clone();
        self.kubernetes.create("/api/v1/namespaces/default/pods", &pod);
    }

    /// The names of a group's nodes.
    pub(crate) async fn nodes(&self, group: &str) -> Vec<String> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let of_group = ListParams::default().labels(&format!("{GROUP_LABEL}={group}"));
        nodes.list(&of_group).await.expect("nodes can be listed").iter().map(ResourceExt::name_any).collect()
    }

    /// Waits until a group has that many nodes that are ready.
    pub(crate) async fn nodes_become(&self, group: &str, count: usize) {
        let path = format!("/api/v1/nodes?labelSelector={GROUP_LABEL}%3D{group}");
        tokio::task::block_in_place(|| {
            self.kubernetes.wait_until(&path, "nodes of a group", |nodes| {
                let items = nodes["items"].as_array()?;
                let is_ready = |node: &&Value| {
                    let conditions = node["status"]["conditions"].as_array();
                    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
                };
                (items.len() == count && items.iter().filter(is_ready).count() == count).then_some(())
            });
        });
    }

    /// The groups of a pool in the cloud.
    pub(crate) fn groups(&self, pool: &str) -> Vec<String> {
        let world = self.simulator.world();
        let groups = world["eks"][ACCOUNT][REGION]["clusters"]["drained"]["nodegroups"].as_object();
        let of_pool = |name: &&String| name.as_str() == pool || name.starts_with(&format!("{pool}-"));
        groups.into_iter().flat_map(|groups| groups.keys()).filter(of_pool).cloned().collect()
    }

    /// How often something was asked of the cloud.
    pub(crate) fn requests(&self, operation: &str) -> usize {
        self.simulator.journal().iter().filter(|entry| entry.operation == operation).count()
    }

    pub(crate) fn edit_pool(&mut self, pool: &str, edit: impl FnOnce(&mut PoolSpec)) {
        edit(self.spec.node_pools.get_mut(&name(pool)).expect("a pool of that name"));
    }
}

/// The name of a pool.
pub(crate) fn name(pool: &str) -> PoolName {
    pool.parse().expect("a name")
}

/// A pool for the workload.
fn workload_pool() -> PoolSpec {
    let mut apps = pool();
    apps.size = PoolSize::Fixed(3);
    apps.mode = PoolMode::User;
    apps.labels.insert(WORKLOAD_LABEL.to_owned(), "api".to_owned());
    apps
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
