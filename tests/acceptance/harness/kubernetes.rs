//! A real Kubernetes API without nodes, for what the tests put into a cluster: etcd and kube-apiserver, which ask an
//! authenticator who holds a token, as the control plane of EKS does.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::authenticator::Authenticator;
use super::cli::cache_dir;
use super::process::wait_for;

/// The folder into which `cargo xtask` builds etcd and kube-apiserver.
const KUBERNETES_FOLDER: &str = "kubernetes-1.34.4";

/// The folder into which `cargo xtask` builds the provider `hashicorp/kubernetes`.
const KUBERNETES_PROVIDER: &str = "terraform-provider-kubernetes-3.2.1";

/// What the tests themselves ask with; clusters are never handed out with it.
const OBSERVER: &str = "observer";

/// An API server on loopback answers within milliseconds; one that takes this long is not up yet, or hangs.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// A running Kubernetes API; it ends with this value.
pub(crate) struct Kubernetes {
    apiserver: Program,
    // Held for their `Drop`: the API server's store, and the files of both.
    _etcd: Program,
    folder: TempDir,
    address: SocketAddr,
    authenticator: Authenticator,
}

impl Kubernetes {
    /// Starts etcd and kube-apiserver from `$MULTICLOUD_KUBERNETES` or the cache folder on free ports, and waits until
    /// objects can be made.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let programs = provided("MULTICLOUD_KUBERNETES", KUBERNETES_FOLDER, "kube-apiserver");
        let folder = tempfile::tempdir().expect("cannot create a folder");
        let authenticator = Authenticator::start();
        let [address, clients, peers] = free_addresses();
        let etcd = Program::start(&mut etcd(&programs, folder.path(), clients, peers));
        let apiserver = Program::start(&mut apiserver(&programs, folder.path(), address, clients, &authenticator));
        let mut kubernetes = Self { apiserver, _etcd: etcd, folder, address, authenticator };
        wait_for("namespace in a new Kubernetes", || {
            let ended = kubernetes.apiserver.try_wait();
            assert!(ended.is_none(), "kube-apiserver ended before it answered: {ended:?}");
            let (status, _) = kubernetes.ask(OBSERVER, "/api/v1/namespaces/default")?;
            (status == 200).then_some(())
        });
        kubernetes.write_kubeconfig();
        kubernetes
    }

    /// A file that says where it is and who vouches for it, without a credential.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Who lets clients in.
    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// An object by its path, or `None` where there is none.
    #[track_caller]
    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        match self.ask(OBSERVER, path) {
            Some((200, object)) => Some(object),
            Some((404, _)) => None,
            other => panic!("{path}: {other:?}"),
        }
    }

    /// The status with which it answers the holder of a token.
    #[track_caller]
    pub(crate) fn status_for(&self, token: &str, path: &str) -> u16 {
        self.ask(token, path).unwrap_or_else(|| panic!("no answer to {path}")).0
    }

    /// One request; `None` while nobody answers it.
    fn ask(&self, token: &str, path: &str) -> Option<(u16, Value)> {
        let certificates = fs::read(self.folder.path().join("apiserver.crt")).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&certificates).filter_map(Result::ok));
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::from(self.address.ip());
        let connection = ClientConnection::new(Arc::new(tls), name).expect("the settings of TLS are in order");
        let stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(LONGEST_ANSWER)).expect("a limit above zero is one");
        // HTTP/1.0: the reply ends with the connection.
        let request =
            format!("GET {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\r\n");
        let reply = exchange(StreamOwned::new(connection, stream), &request)?;
        Some((reply.0, serde_json::from_str(&reply.1).unwrap_or(Value::Null)))
    }

    fn write_kubeconfig(&self) {
        let certificates = fs::read(self.folder.path().join("apiserver.crt")).expect("it has a certificate");
        let cluster = json!({
            "server": format!("https://{}", self.address),
            "certificate-authority-data": BASE64_STANDARD.encode(certificates),
        });
        write_config(&self.kubeconfig(), &cluster);
    }
}

/// The folder of the provider `hashicorp/kubernetes`, from `$MULTICLOUD_KUBERNETES_PROVIDER` or the cache folder.
#[track_caller]
pub(crate) fn kubernetes_provider() -> PathBuf {
    provided("MULTICLOUD_KUBERNETES_PROVIDER", KUBERNETES_PROVIDER, "terraform-provider-kubernetes")
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

/// Writes a kubeconfig of one cluster: also the form in which the API server is told of its authenticator.
fn write_config(path: &Path, cluster: &Value) {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "it", "cluster": cluster }],
        "users": [{ "name": "nobody", "user": {} }],
        "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "nobody" } }],
        "current-context": "it",
    });
    fs::write(path, config.to_string()).expect("cannot write a kubeconfig");
}

fn etcd(programs: &Path, folder: &Path, clients: SocketAddr, peers: SocketAddr) -> Command {
    let mut command = Command::new(programs.join("etcd"));
    command.arg("--data-dir").arg(folder.join("etcd"));
    command.args([
        format!("--listen-client-urls=http://{clients}"),
        format!("--advertise-client-urls=http://{clients}"),
        format!("--listen-peer-urls=http://{peers}"),
        format!("--initial-advertise-peer-urls=http://{peers}"),
        format!("--initial-cluster=default=http://{peers}"),
        // What it holds need not outlive the machine.
        "--unsafe-no-fsync".to_owned(),
    ]);
    command
}

fn apiserver(
    programs: &Path,
    folder: &Path,
    address: SocketAddr,
    etcd: SocketAddr,
    authenticator: &Authenticator,
) -> Command {
    let webhook = folder.join("authenticator");
    write_config(&webhook, &json!({ "server": authenticator.url() }));
    let tokens = folder.join("tokens.csv");
    fs::write(&tokens, format!("{OBSERVER},observer,1,system:masters\n")).expect("cannot write the tokens");
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
    command.args([
        format!("--etcd-servers=http://{etcd}"),
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

/// A program that ends with this value, and with this process, however that dies.
struct Program {
    child: Child,
}

impl Program {
    /// A shell waits for the program, and kills it when the shell's input ends.
    const KEEPER: &str =
        "exec 3<&0; \"$@\" </dev/null & program=$!; (cat <&3 >/dev/null; kill -9 $program) & wait $program";

    #[track_caller]
    fn start(command: &mut Command) -> Self {
        let mut keeper = Command::new("sh");
        keeper.args(["-c", Self::KEEPER, "sh"]).arg(command.get_program()).args(command.get_args());
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: keeper.spawn().expect("cannot run sh") }
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("cannot wait for a program")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It may have ended by itself: then there is nothing to wait for.
        let _ = self.child.wait();
    }
}

/// The folder of a program that `cargo xtask test` provides.
#[track_caller]
fn provided(variable: &str, cached: &str, program: &str) -> PathBuf {
    let cached = || cache_dir().map(|cache| cache.join(cached));
    let folder = std::env::var_os(variable).map(PathBuf::from).or_else(cached);
    let folder = folder.filter(|folder| folder.join(program).exists());
    folder.unwrap_or_else(|| panic!("no {program}: `cargo xtask test` builds it once"))
}

/// Addresses on loopback that nobody listens on.
fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    // All are held before any is given: no two are the same.
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("no free port"));
    held.map(|listener| listener.local_addr().expect("a listener has an address"))
}
