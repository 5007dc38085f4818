//! Clouds on loopback: our simulator, and moto, an EKS that others wrote.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::journal::Journal;
use super::process::wait_for;
use super::{Backend, Event};
use crate::testbed::{Kubernetes, cache_dir};

/// The moto that `cargo xtask` installs into the cache folder.
const MOTO_FOLDER: &str = "moto-5.2.5";

/// The simulator's subscription of Azure that is registered for AKS, and its first project of Google Cloud.
const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";
const PROJECT: &str = "simulated-project";

/// A running simulator; it ends with this value.
pub(crate) struct Simulator {
    child: Child,
    // Held for its `Drop`: the journal lies in it.
    _folder: TempDir,
    journal: Journal,
    urls: Value,
}

impl Simulator {
    /// A healthy simulator of all clouds.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same, whose time moves by seconds with each request: nothing is done as soon as it is begun.
    #[track_caller]
    pub(crate) fn unhurried() -> Self {
        Self::with(&["--step".as_ref(), "10".as_ref()])
    }

    /// The same, whose clusters are all reached at the server of that kubeconfig.
    #[track_caller]
    pub(crate) fn handing_out(kubeconfig: &Path) -> Self {
        Self::with(&["--kubeconfig".as_ref(), kubeconfig.as_os_str()])
    }

    /// The same, whose clusters can be drained by the provider. On EKS and GKE the cloud does it where the provider cannot.
    #[track_caller]
    pub(crate) fn drainable(backend: Backend) -> (Option<Kubernetes>, Self) {
        match backend {
            Backend::Aks => {
                let kubernetes = Kubernetes::start();
                let simulator = Self::handing_out(&kubernetes.administrator());
                (Some(kubernetes), simulator)
            }
            Backend::Eks | Backend::Gke => (None, Self::start()),
        }
    }

    #[track_caller]
    fn with(arguments: &[&OsStr]) -> Self {
        let folder = tempfile::tempdir().expect("cannot create a folder");
        let journal = folder.path().join("journal");
        let mut command = Command::new(simulator_binary());
        // Its input ends with this process, however that dies: no simulator outlives its test.
        command.args(["--until-eof", "--journal"]).arg(&journal).args(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("cannot start the simulator");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("the output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("cannot read the simulator's first line");
        let urls =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in the simulator's line: {line}"));
        Self { child, _folder: folder, journal: Journal::new(journal), urls }
    }

    /// The URL of a service, by its name in the simulator's first line.
    #[track_caller]
    pub(crate) fn url(&self, service: &str) -> &str {
        self.urls[service].as_str().unwrap_or_else(|| panic!("the simulator names no {service}: {}", self.urls))
    }

    /// Makes something happen in the cloud behind the provider's back.
    #[track_caller]
    pub(crate) fn befall(&self, backend: Backend, event: Event) {
        let (object, document) = backend.behind_our_back(event);
        let method = if document.is_some() { "PUT" } else { "DELETE" };
        let body = document.map(|document| document.to_string()).unwrap_or_default();
        let address = self.url("eks").trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).expect("cannot reach the simulator");
        let length = body.len();
        let head = format!(
            "{method} /_simulator/world/{object} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .expect("cannot ask the simulator");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("the simulator does not answer");
        assert!(reply.starts_with("HTTP/1.1 200"), "{object}: {reply}");
    }

    /// What was asked of it.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The provider's settings that lead here, with no time lost between polls.
    #[track_caller]
    pub(crate) fn settings(&self) -> String {
        self.settings_polling_every("50ms")
    }

    /// The provider's settings that lead here, with that interval between polls.
    #[track_caller]
    pub(crate) fn settings_polling_every(&self, interval: &str) -> String {
        let aws = aws(self.url("eks"), self.url("sts"), interval);
        let (azure, authority, bundle) = (self.url("azure"), self.url("azure_authority"), self.url("ca_bundle"));
        let (google, compute) = (self.url("google"), self.url("google_compute"));
        format!(
            "{aws}\n  \
             azure = {{ subscription_id = \"{SUBSCRIPTION}\", endpoint = \"{azure}\", authority_host = \"{authority}\", ca_bundle = \"{bundle}\", poll_interval = \"{interval}\" }}\n  \
             google = {{ project = \"{PROJECT}\", endpoint = \"{google}\", compute_endpoint = \"{compute}\", poll_interval = \"{interval}\" }}"
        )
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running moto; it ends with this value.
pub(crate) struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    /// Starts moto from `$MULTICLOUD_MOTO_SERVER` or the cache folder on a free port.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let cached = || cache_dir().map(|cache| cache.join(MOTO_FOLDER).join("bin").join("moto_server"));
        let program = env::var_os("MULTICLOUD_MOTO_SERVER").map(PathBuf::from).or_else(cached);
        let program = program.filter(|path| path.exists()).expect("no moto: `cargo xtask test` installs it once");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("no free port").port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.expect("cannot start moto");
        wait_for("answer from moto", || {
            let ended = child.try_wait().expect("cannot wait for moto");
            assert!(ended.is_none(), "moto ended before it answered: {ended:?}");
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    /// The provider's settings that lead here.
    pub(crate) fn settings(&self) -> String {
        aws(&self.url, &self.url, "50ms")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn aws(eks: &str, sts: &str, poll_interval: &str) -> String {
    format!(
        "aws = {{ region = \"us-east-1\", endpoint = \"{eks}\", sts_endpoint = \"{sts}\", poll_interval = \"{poll_interval}\" }}"
    )
}

/// The simulator's executable, built once per test run: cargo hands tests only the binaries of their own package.
fn simulator_binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "multicloud-simulator", "--message-format=json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cannot run cargo");
        assert!(output.status.success(), "the simulator does not build");
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        let parsed = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut executables = parsed.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        executables.next().expect("cargo names no executable of the simulator")
    })
}
