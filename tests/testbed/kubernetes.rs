//! A control plane: its programs, who is let in, and one plain way to ask it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::authenticator::Authenticator;
use super::program::{Program, free_addresses, provided, wait_for};

/// The folders into which `cargo xtask` builds the programs.
const KUBERNETES_FOLDER: &str = "kubernetes-1.34.4";
const CONTROLLERS_FOLDER: &str = "kubernetes-controllers-1.34.4";
const KWOK_FOLDER: &str = "kwok-0.8.0";

/// An API server on loopback answers within milliseconds; one that takes this long is not up yet, or hangs.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// A running Kubernetes; it ends with this value.
#[derive(Debug)]
pub(crate) struct Kubernetes {
    programs: Mutex<Vec<Program>>,
    store: Arc<Store>,
    folder: TempDir,
    address: SocketAddr,
    authenticator: Authenticator,
}

/// The etcd of one Kubernetes or of several, each under a prefix of its own.
#[derive(Debug)]
struct Store {
    // Held for its `Drop`.
    _etcd: Program,
    clients: SocketAddr,
    _folder: TempDir,
    clusters: AtomicU32,
}

impl Kubernetes {
    /// The token of who may do anything. Clusters of a simulated cloud are never handed out with it.
    pub(crate) const ADMINISTRATOR: &str = "observer";

    /// The token of who may do nothing.
    pub(crate) const STRANGER: &str = "stranger";

    /// Starts etcd and kube-apiserver from `$MULTICLOUD_KUBERNETES` or the cache folder on free ports, and waits until
    /// objects can be made.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::on(Arc::new(Store::start()))
    }

    /// Another one, with nothing in common but the etcd.
    #[track_caller]
    pub(crate) fn beside(&self) -> Self {
        Self::on(Arc::clone(&self.store))
    }

    #[track_caller]
    fn on(store: Arc<Store>) -> Self {
        let folder = tempfile::tempdir().expect("cannot create a folder");
        let authenticator = Authenticator::start();
        let [address] = free_addresses();
        let apiserver = Program::start(&mut apiserver(folder.path(), address, &store, &authenticator), folder.path());
        let programs = Mutex::new(vec![apiserver]);
        let kubernetes = Self { programs, store, folder, address, authenticator };
        kubernetes.wait_for_object("/api/v1/namespaces/default");
        let cluster = kubernetes.cluster();
        write_config(&kubernetes.kubeconfig(), &cluster, &json!({}));
        write_config(&kubernetes.administrator(), &cluster, &json!({ "token": Self::ADMINISTRATOR }));
        kubernetes
    }

    /// Starts what makes pods of workloads and lets them run on nodes that kwok plays: every node with the annotation
    /// `kwok.x-k8s.io/node: fake`.
    #[track_caller]
    pub(crate) fn with_fake_nodes(self) -> Self {
        let controllers = provided("MULTICLOUD_KUBERNETES_CONTROLLERS", CONTROLLERS_FOLDER, "kube-controller-manager");
        let kwok = provided("MULTICLOUD_KWOK", KWOK_FOLDER, "kwok");
        let key = self.folder.path().join("apiserver.key");
        let mut manager = Command::new(controllers.join("kube-controller-manager"));
        manager.arg("--kubeconfig").arg(self.administrator());
        manager.arg("--service-account-private-key-file").arg(key);
        // On a loaded machine kwok may be late to say that its nodes are alive, and no test wants them lost.
        manager.arg("--node-monitor-grace-period=10m");
        let mut scheduler = Command::new(controllers.join("kube-scheduler"));
        scheduler.arg("--kubeconfig").arg(self.administrator());
        for command in [&mut manager, &mut scheduler] {
            // There is one of each, and nobody asks them anything.
            command.args(["--leader-elect=false", "--secure-port=0"]);
        }
        let mut fake = Command::new(kwok.join("kwok"));
        fake.arg("--kubeconfig").arg(self.administrator());
        fake.arg("--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake");
        // Without leases its nodes count as lost after a while.
        fake.arg("--node-lease-duration-seconds=40");
        let stages = fs::read_dir(kwok.join("stages")).expect("kwok has stages");
        for stage in stages {
            fake.arg("--config").arg(stage.expect("a folder can be listed").path());
        }
        for command in [&mut manager, &mut scheduler, &mut fake] {
            let program = Program::start(command, self.folder.path());
            self.programs.lock().expect("no holder panics").push(program);
        }
        // Without it no pod can be made.
        self.wait_for_object("/api/v1/namespaces/default/serviceaccounts/default");
        self
    }

    /// A file that says where it is and who vouches for it, without a credential.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// A file with which one may do anything.
    pub(crate) fn administrator(&self) -> PathBuf {
        self.folder.path().join("administrator")
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The PEM of who vouches for it, in base64.
    pub(crate) fn certificate_authority_data(&self) -> String {
        BASE64_STANDARD.encode(fs::read(self.folder.path().join("apiserver.crt")).expect("it has a certificate"))
    }

    /// Who lets clients in.
    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// An object by its path, or `None` where there is none.
    #[track_caller]
    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        match self.ask(Self::ADMINISTRATOR, "GET", path, None) {
            Some((200, object)) => Some(object),
            Some((404, _)) => None,
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Makes an object of the collection with that path.
    #[track_caller]
    pub(crate) fn create(&self, path: &str, object: &Value) {
        match self.ask(Self::ADMINISTRATOR, "POST", path, Some(object)) {
            Some((201, _)) => {}
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Merges a document into the object with that path.
    #[track_caller]
    pub(crate) fn patch(&self, path: &str, changes: &Value) {
        match self.ask(Self::ADMINISTRATOR, "PATCH", path, Some(changes)) {
            Some((200, _)) => {}
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Waits until what is at that path is as wanted. Its programs must run all the while.
    #[track_caller]
    pub(crate) fn wait_until<T>(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        wait_for(what, || {
            self.programs.lock().expect("no holder panics").iter_mut().for_each(Program::must_run);
            match self.ask(Self::ADMINISTRATOR, "GET", path, None)? {
                (200, object) => wanted(&object),
                _ => None,
            }
        })
    }

    /// The status with which it answers the holder of a token.
    #[track_caller]
    pub(crate) fn status_for(&self, token: &str, path: &str) -> u16 {
        self.ask(token, "GET", path, None).unwrap_or_else(|| panic!("no answer to {path}")).0
    }

    #[track_caller]
    fn wait_for_object(&self, path: &str) {
        self.wait_until(path, path, |_| Some(()));
    }

    /// One request; `None` while nobody answers it.
    fn ask(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let stream = self.place().connect(Some(LONGEST_ANSWER))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        // HTTP/1.0: the reply ends with the connection.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = exchange(stream, &request)?;
        Some((reply.0, serde_json::from_str(&reply.1).unwrap_or(Value::Null)))
    }

    /// Where it answers.
    pub(super) fn place(&self) -> Place {
        Place { address: self.address, certificate: self.folder.path().join("apiserver.crt") }
    }

    fn cluster(&self) -> Value {
        json!({ "server": self.url(), "certificate-authority-data": self.certificate_authority_data() })
    }
}

/// Where an API server answers, and the file of who vouches for it.
#[derive(Debug)]
pub(super) struct Place {
    address: SocketAddr,
    certificate: PathBuf,
}

impl Place {
    /// A connection on which an answer may take that long; `None` while nobody answers.
    pub(super) fn connect(&self, limit: Option<Duration>) -> Option<StreamOwned<ClientConnection, TcpStream>> {
        let certificates = fs::read(&self.certificate).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&certificates).filter_map(Result::ok));
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::from(self.address.ip());
        let connection = ClientConnection::new(Arc::new(tls), name).expect("the settings of TLS are in order");
        let stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(limit).expect("a limit above zero is one");
        Some(StreamOwned::new(connection, stream))
    }
}

impl Store {
    #[track_caller]
    fn start() -> Self {
        let programs = provided("MULTICLOUD_KUBERNETES", KUBERNETES_FOLDER, "etcd");
        let folder = tempfile::tempdir().expect("cannot create a folder");
        let [clients, peers] = free_addresses();
        let mut command = Command::new(programs.join("etcd"));
        command.arg("--data-dir").arg(folder.path().join("data"));
        command.args([
            format!("--listen-client-urls=http://{clients}"),
            format!("--advertise-client-urls=http://{clients}"),
            format!("--listen-peer-urls=http://{peers}"),
            format!("--initial-advertise-peer-urls=http://{peers}"),
            format!("--initial-cluster=default=http://{peers}"),
            // What it holds need not outlive the machine.
            "--unsafe-no-fsync".to_owned(),
        ]);
        let etcd = Program::start(&mut command, folder.path());
        Self { _etcd: etcd, clients, _folder: folder, clusters: AtomicU32::new(0) }
    }
}

fn apiserver(folder: &Path, address: SocketAddr, store: &Store, authenticator: &Authenticator) -> Command {
    let programs = provided("MULTICLOUD_KUBERNETES", KUBERNETES_FOLDER, "kube-apiserver");
    let webhook = folder.join("authenticator");
    write_config(&webhook, &json!({ "server": authenticator.url() }), &json!({}));
    let tokens = folder.join("tokens.csv");
    let (administrator, stranger) = (Kubernetes::ADMINISTRATOR, Kubernetes::STRANGER);
    let holders = format!("{administrator},administrator,1,system:masters\n{stranger},stranger,2\n");
    fs::write(&tokens, holders).expect("cannot write the tokens");
    // It makes itself a certificate, with a key that signs the tokens of service accounts as well as any other.
    let key = folder.join("apiserver.key");
    let mut command = Command::new(programs.join("kube-apiserver"));
    for (flag, path) in [
        ("--cert-dir", folder),
        ("--token-auth-file", &tokens),
        ("--authentication-token-webhook-config-file", &webhook),
        ("--service-account-key-file", &key),
        ("--service-account-signing-key-file", &key),
    ] {
        command.arg(flag).arg(path);
    }
    let cluster = store.clusters.fetch_add(1, Ordering::SeqCst);
    command.args([
        format!("--etcd-servers=http://{}", store.clients),
        format!("--etcd-prefix=/cluster-{cluster}"),
        format!("--bind-address={}", address.ip()),
        format!("--secure-port={}", address.port()),
        // Each request is asked about, so that what a test sees does not depend on an earlier one.
        "--authentication-token-webhook-cache-ttl=0s".to_owned(),
        "--authentication-token-webhook-version=v1".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        // Nothing in the cluster has to find it: it may say of itself that it is on loopback.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--advertise-address={}", address.ip()),
    ]);
    command
}

/// Writes a kubeconfig of one cluster: also the form in which the API server is told of its authenticator.
fn write_config(path: &Path, cluster: &Value, user: &Value) {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "it", "cluster": cluster }],
        "users": [{ "name": "somebody", "user": user }],
        "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "somebody" } }],
        "current-context": "it",
    });
    fs::write(path, config.to_string()).expect("cannot write a kubeconfig");
}

/// The status and the body of the reply to a request, on a connection that ends with it.
pub(super) fn exchange(mut stream: impl Read + Write, request: &str) -> Option<(u16, String)> {
    stream.write_all(request.as_bytes()).ok()?;
    let mut reply = Vec::new();
    // A connection that breaks after the last byte instead of being closed has said all the same.
    let _ = stream.read_to_end(&mut reply);
    let reply = String::from_utf8_lossy(&reply);
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
