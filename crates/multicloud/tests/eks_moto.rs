//! The EKS backend against moto, an EKS that others wrote: creation, reading, scaling, tags, pools, import and deletion.
//! Moto 5.2 has no add-ons, access entries, upgrades or update ids; that none of these is asked for is part of the test.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

#[allow(dead_code, reason = "of that module only the specs are needed here")]
mod eks_world;

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use multicloud::eks::{AddonSpec, AwsSettings, Eks, LogType};
use multicloud::environment::{CloudSpec, PoolMode, PoolSize, Status, Taint, TaintEffect};
use multicloud::{
    Driver, EnvironmentSpec, ErrorChain, ErrorKind, Jitter, Outcome, PoolName, Run, Secret, Target, TokioClock,
};

use self::eks_world::{pool, spec};

/// Python takes seconds to start it, and more on a busy machine.
const START: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(120);

/// A moto server of its own; ended when dropped.
struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    fn start() -> Self {
        let program = program();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let child = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}\n{REMEDY}", program.display()));
        let mut moto = Self { child, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = moto.child.try_wait() {
                panic!("{} ended at once ({status})\n{REMEDY}", program.display());
            }
            assert!(began.elapsed() < START, "{} does not listen after {START:?}", program.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        moto
    }

    fn driver(&self) -> Driver {
        let settings = AwsSettings {
            endpoint: Some(self.url.clone()),
            sts_endpoint: Some(self.url.clone()),
            access_key: Some("any".to_owned()),
            secret_key: Some(Secret::new("any")),
            ..AwsSettings::default()
        };
        let interval = Duration::from_millis(10);
        Driver::new(Arc::new(Eks::new(settings)), Arc::new(TokioClock::new()), Jitter::random(), interval)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended already; nothing is left to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const REMEDY: &str = "`cargo xtask test` installs it; or: pip install 'moto[server]', and set MULTICLOUD_MOTO_SERVER";

/// The server: as the environment says, as `cargo xtask test` installed it, or as it is found in the path.
fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("MULTICLOUD_MOTO_SERVER") {
        return program.into();
    }
    let cache = std::env::var_os("MULTICLOUD_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/multicloud")));
    cache
        .map(|cache| cache.join("moto-5.2.5/bin/moto_server"))
        .filter(|program| program.exists())
        .unwrap_or_else(|| "moto_server".into())
}

#[track_caller]
fn assert_converged(outcome: &Outcome) {
    let problems: Vec<String> = outcome.errors().into_iter().map(|error| ErrorChain(error).to_string()).collect();
    assert!(outcome.is_converged(), "{problems:#?}");
}

struct Bench {
    driver: Driver,
    spec: EnvironmentSpec,
    target: Target,
}

impl Bench {
    async fn update(&self) {
        assert_converged(&self.driver.update(&self.target, &self.spec, Run::new(TIMEOUT, &|_| {})).await);
        self.assert_content().await;
    }

    async fn assert_content(&self) {
        let observed = self.driver.read(&self.target.id).await.expect("reading").expect("it exists");
        assert_eq!(observed.status, Status::Active);
        let open = self.driver.backend().plan(Some(&observed), Some(&self.spec)).expect("a plan");
        assert_eq!(open, [], "an empty plan must follow");
        assert_eq!(self.driver.backend().differences(&observed, &self.spec), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_life() {
    let moto = Moto::start();
    let driver = moto.driver();
    let mut spec = spec("workload-aws-east");
    let apps: PoolName = "apps".parse().unwrap();
    spec.kubernetes.version = "1.33".parse().unwrap();
    spec.deletion_protection = true;
    spec.tags.insert("team".to_owned(), "platform".to_owned());
    let mut autoscaled = pool();
    autoscaled.size = PoolSize::Autoscale { min: 1, max: 4 };
    autoscaled.mode = PoolMode::User;
    autoscaled.labels.insert("tier".to_owned(), "apps".to_owned());
    autoscaled.taints.insert(Taint {
        key: "dedicated".to_owned(),
        effect: TaintEffect::NoSchedule,
        value: "apps".to_owned(),
    });
    spec.node_pools.insert(apps.clone(), autoscaled);

    let created = driver.create(&spec, Run::new(TIMEOUT, &|_| {})).await;
    assert_converged(&created);
    let id = created.id.clone().expect("an id");
    assert_eq!(id.to_string(), "eks/123456789012/us-east-1/workload-aws-east");
    let observed = created.observed.expect("it was read");
    assert!(observed.endpoint.is_some() && observed.oidc_issuer_url.is_some());
    assert_eq!(observed.tags, spec.tags_with_mark());
    let target = Target { id, mark: spec.mark(), uid: Some(observed.uid), deletion_protection: false };
    let mut bench = Bench { driver, spec, target };
    bench.assert_content().await;

    // In place: size and labels. (Tags too, but moto only tags clusters.)
    bench.spec.node_pools.get_mut(&"system".parse().unwrap()).unwrap().size = PoolSize::Fixed(3);
    bench.spec.node_pools.get_mut(&apps).unwrap().labels = [("tier".to_owned(), "two".to_owned())].into();
    bench.update().await;

    // A setting of the control plane, to which moto answers `{}`, without an update to wait for. (Others would do as well,
    // but moto forgets the subnets when access to the API server changes, and the other way round.)
    let CloudSpec::Eks(eks) = &mut bench.spec.cloud else { panic!("not an EKS spec") };
    eks.log_types = [LogType::Audit].into();
    bench.update().await;

    // A pool goes, and another machine type brings a new group beside the old one.
    let jobs: PoolName = "jobs".parse().unwrap();
    bench.spec.node_pools.insert(jobs.clone(), pool());
    bench.update().await;
    bench.spec.node_pools.remove(&jobs);
    bench.spec.node_pools.get_mut(&apps).unwrap().machine_type = "m7i.xlarge".parse().unwrap();
    bench.update().await;
    let observed = bench.driver.read(&bench.target.id).await.expect("reading").expect("it exists");
    assert_eq!(observed.node_pools.keys().map(PoolName::as_str).collect::<Vec<_>>(), ["apps", "system"]);
    assert_eq!(observed.node_pools[&apps].machine_type, "m7i.xlarge");

    // Another process knows it by its id alone.
    let imported = moto.driver().import(&bench.target.id, &bench.spec.mark()).await.expect("an import");
    assert_eq!(Some(imported.uid), bench.target.uid);

    // An id of another account is refused before anything is written.
    let mut elsewhere = bench.target.clone();
    elsewhere.id = "eks/210987654321/us-east-1/workload-aws-east".parse().unwrap();
    let refused = bench.driver.delete(&elsewhere, Run::new(TIMEOUT, &|_| {})).await;
    assert_eq!(refused.errors()[0].kind, ErrorKind::NotOwned);

    // What an endpoint does not have is refused, and is in nobody's way.
    let CloudSpec::Eks(eks) = &mut bench.spec.cloud else { panic!("not an EKS spec") };
    eks.addons.insert("vpc-cni".to_owned(), AddonSpec::default());
    let refused = bench.driver.update(&bench.target, &bench.spec, Run::new(TIMEOUT, &|_| {})).await;
    assert_eq!(refused.errors().first().map(|error| error.kind), Some(ErrorKind::Unsupported), "{refused:?}");

    assert_converged(&bench.driver.delete(&bench.target, Run::new(TIMEOUT, &|_| {})).await);
    assert!(bench.driver.read(&bench.target.id).await.expect("reading").is_none());
    assert_converged(&bench.driver.delete(&bench.target, Run::new(TIMEOUT, &|_| {})).await);
}
