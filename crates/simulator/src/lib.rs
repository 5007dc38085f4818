//! The clouds' APIs on loopback, true to the services' published descriptions: asynchronous operations that take simulated
//! time, one change at a time, throttling, eventual consistency, idempotency tokens, and [faults](mod@fault) at any request,
//! before or after it took effect. Every request is written to a [journal].
//!
//! Tests read the world and change it behind the service's back: in process through [`Running`], from outside over HTTP
//! under `/_simulator/` of every endpoint (`multicloud-simulator --help` lists the requests).
//!
//! It shares no types with the `multicloud` library, so that the two cannot be wrong in the same way. Real clients work
//! against it: `aws --endpoint-url`, gcloud, SDKs, other providers.
//!
//! Same seed, same requests: same world and, byte for byte, same journal ([`Time::Fast`]). Seed 0 is calm: operations take
//! exactly their usual time and every read sees the last write. Any other seed draws durations around the usual ones and,
//! as the real services do, shows some changes late.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use multicloud_simulator::{Config, Simulator};
//!
//! let simulator = Simulator::start(Config::default()).await?;
//! println!("{}", simulator.url("eks").unwrap_or_default());
//! // … have a client create a cluster there, then:
//! simulator.wait_for(|entry| entry.operation == "CreateCluster" && entry.committed).await;
//! # Ok(())
//! # }
//! ```

mod admin;
mod azure;
mod clock;
mod cloud;
mod eks;
mod engine;
pub mod fault;
mod google;
pub mod journal;
pub mod kubernetes;
mod nodes;
mod percent;
mod random;
mod server;
mod tls;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::task::JoinSet;

pub use crate::clock::Time;
pub use crate::cloud::CloudKind;
use crate::engine::Engine;
use crate::fault::{FaultPlan, FaultPlanError};
use crate::journal::Entry;
use crate::kubernetes::ApiServer;
use crate::server::{Endpoint, Shared, lock};
use crate::tls::Tls;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which clouds.
    pub clouds: Vec<CloudKind>,
    /// Where the clusters handed out are reached.
    pub api_server: ApiServer,
    /// File for the journal, made anew.
    pub journal: Option<PathBuf>,
    /// What is drawn.
    pub seed: u64,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// How time passes.
    pub time: Time,
    /// First port: each endpoint takes the next one. 0 lets the system choose.
    pub port: u16,
}

impl Default for Config {
    /// Every cloud, seed 0, virtual time, no faults, ports chosen by the system.
    fn default() -> Config {
        Config {
            clouds: CloudKind::ALL.to_vec(),
            api_server: ApiServer::Unreachable,
            journal: None,
            seed: 0,
            faults: FaultPlan::default(),
            time: Time::FAST,
            port: 0,
        }
    }
}

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal's file cannot be made.
    #[error("cannot write the journal {path}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A rule names what no cloud has.
    #[error("the fault plan does not fit")]
    Faults(#[from] FaultPlanError),
    /// The certificates of the endpoints that speak https cannot be made.
    #[error("cannot make the certificates for https")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is said of the server where the clusters are reached cannot be used.
    #[error("the clusters' Kubernetes cannot be asked")]
    Kubernetes(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A port is not free.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What a test asked of the world that it cannot have.
#[derive(Debug, thiserror::Error)]
#[error("cannot change the simulated world: {0}")]
pub struct WorldError(String);

/// The simulator.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Starts it on loopback; it runs until what is returned is dropped.
    ///
    /// # Errors
    /// When a port is taken, the journal cannot be written or the fault plan names unknown operations.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let journal = match &config.journal {
            Some(path) => {
                let file = File::create(path);
                Some(file.map_err(|source| StartError::Journal { path: path.clone(), source })?)
            }
            None => None,
        };
        let mut port = config.port;
        let engine: Shared = Arc::new(Mutex::new(Engine::new(config, journal)?));
        let endpoints = lock(&engine).endpoints();
        let tls = match endpoints.iter().any(|(_, _, is_tls)| *is_tls) {
            true => Some(Tls::new().map_err(|error| StartError::Tls(Box::new(error)))?),
            false => None,
        };
        let (mut urls, mut tasks) = (Vec::new(), JoinSet::new());
        for (cloud, name, is_tls) in endpoints {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let bound = server::bind(address).await;
            let (listener, address) = bound.map_err(|source| StartError::Listen { address, source })?;
            let acceptor = tls.as_ref().filter(|_| is_tls).map(Tls::acceptor);
            urls.push((name, format!("{}://{address}", if is_tls { "https" } else { "http" })));
            tasks.spawn(server::serve(Endpoint { listener, cloud, name, tls: acceptor }, Arc::clone(&engine)));
            if port != 0 {
                port += 1;
            }
        }
        let administrator = lock(&engine).api_server().administrator().map_err(StartError::Kubernetes)?;
        if let Some(config) = administrator {
            tasks.spawn(nodes::mirror(Arc::clone(&engine), config));
        }
        Ok(Running { engine, urls, tls, _tasks: tasks })
    }
}

/// A simulator that runs; dropping it closes every connection.
#[derive(Debug)]
pub struct Running {
    engine: Shared,
    urls: Vec<(&'static str, String)>,
    tls: Option<Tls>,
    _tasks: JoinSet<()>,
}

impl Running {
    /// The endpoints by name: for EKS `eks` and `sts`, for Azure `azure` and `azure_authority`.
    pub fn urls(&self) -> &[(&'static str, String)] {
        &self.urls
    }

    /// The URL of one endpoint.
    pub fn url(&self, name: &str) -> Option<&str> {
        self.urls.iter().find(|(key, _)| *key == name).map(|(_, url)| url.as_str())
    }

    /// The file with the certificate of the authority that vouches for the endpoints of https; none where all speak http.
    /// It goes with this value.
    pub fn ca_bundle(&self) -> Option<&Path> {
        self.tls.as_ref().map(Tls::bundle)
    }

    /// The line that the binary prints once it is ready.
    pub fn ready_line(&self) -> String {
        let mut line: Map<String, Value> =
            self.urls.iter().map(|(key, url)| ((*key).into(), url.as_str().into())).collect();
        if let Some(bundle) = self.ca_bundle() {
            line.insert("ca_bundle".into(), bundle.display().to_string().into());
        }
        Value::Object(line).to_string()
    }

    /// The requests so far.
    pub fn journal(&self) -> Vec<Entry> {
        self.journal_after(0)
    }

    /// The requests after number `seen`.
    pub fn journal_after(&self, seen: u64) -> Vec<Entry> {
        lock(&self.engine).journal(seen)
    }

    /// How many requests there were: the number of the last one.
    pub fn seen(&self) -> u64 {
        lock(&self.engine).seen()
    }

    /// How far simulated time has been moved, by requests and by [`Running::advance`].
    pub fn elapsed(&self) -> Duration {
        lock(&self.engine).elapsed()
    }

    /// Waits until an entry fulfils the predicate, and returns the first that does. Has no deadline of its own: wrap it in
    /// a timeout.
    pub async fn wait_for(&self, wanted: impl Fn(&Entry) -> bool) -> Entry {
        let mut written = lock(&self.engine).subscribe();
        let mut seen = 0;
        loop {
            let last = *written.borrow_and_update();
            // Numbers start again after a reset.
            let unseen_after = if last < seen { 0 } else { seen };
            if let Some(entry) = lock(&self.engine).find(unseen_after, &wanted) {
                return entry;
            }
            seen = last;
            // The sender lives in the engine, which lives at least as long as `self`.
            if written.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The whole world as JSON, at the present simulated time.
    pub fn world(&self) -> Value {
        lock(&self.engine).world()
    }

    /// Adds faults to those planned.
    ///
    /// # Errors
    /// When a rule names an operation that no cloud has.
    pub fn add_faults(&self, plan: FaultPlan) -> Result<(), FaultPlanError> {
        lock(&self.engine).add_faults(plan)
    }

    /// Takes back the faults that have not struck yet.
    pub fn clear_faults(&self) {
        lock(&self.engine).clear_faults();
    }

    /// Moves the simulated clock.
    pub fn advance(&self, by: Duration) {
        lock(&self.engine).advance(by);
    }

    /// Back to the beginning: an empty world, no faults, requests numbered from 1.
    pub fn reset(&self) {
        lock(&self.engine).reset();
    }

    /// Makes an object behind everybody's back, or merges a document into it. For EKS the object is
    /// `<account>/<region>/clusters/<name>`, then also `/nodegroups/<name>`, `/addons/<name>` or
    /// `/access-entries/<principal ARN, percent-encoded>`; the document has the form that Describe answers with. For Azure
    /// it is `<subscription>/groups/<resource group>`, then also `/clusters/<name>` and below that `/agentPools/<name>`,
    /// with a document of the form that GET answers with; and `<subscription>/providers/<namespace>` with a
    /// `registrationState`. For Google it is `<project>/<location>/clusters/<name>`, then also `/nodePools/<name>`, with a
    /// document of the form that the API shows; below a pool `/instanceGroupManagers/<zone>` with `{"targetSize": 5}`, as an
    /// autoscaler sets it; and below a cluster `/operations/<name>` with `{"operationType": "UPGRADE_MASTER", "seconds":
    /// 600}` (and `nodePool`), which GKE began by itself.
    ///
    /// # Errors
    /// When the path names no such kind of object, or what it belongs to does not exist.
    pub fn put(&self, cloud: &str, object: &str, document: Value) -> Result<(), WorldError> {
        let path: Vec<String> = object.split('/').map(percent::decode).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        lock(&self.engine).put(cloud, &path, document).map_err(|e| WorldError(e.to_string()))
    }

    /// Removes an object behind everybody's back; see [`Running::put`].
    ///
    /// # Errors
    /// When there is no such object.
    pub fn remove(&self, cloud: &str, object: &str) -> Result<(), WorldError> {
        let path: Vec<String> = object.split('/').map(percent::decode).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        lock(&self.engine).remove(cloud, &path).map_err(|e| WorldError(e.to_string()))
    }
}
