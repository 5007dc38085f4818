//! The transport as the CLI sees it: a plugin process is started with the CLI's environment, answers with its line, is
//! called over the socket that the line names, and ended.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in the functions that it calls too")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P521_SHA512};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tfplug::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use tfplug::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tfplug::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use tfplug::proto::plugin::{ConnInfo, Empty};
use tfplug::proto::tfplugin6::provider_client::ProviderClient;
use tfplug::proto::tfplugin6::{DynamicValue, call_function, get_provider_schema, read_data_source};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// What the CLI waits for a handshake; everything else here is far quicker.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long a provider may go on after it lost its client, and the CLI's patience with one that it ended.
const GRACE: Duration = Duration::from_secs(2);

const LARGE_MESSAGE: usize = 100 * 1024 * 1024;

// ---- The life of a plugin -------------------------------------------------------------------------------------------

#[tokio::test]
async fn every_channel_serves_and_ends() {
    for tcp in [false, true] {
        for tls in [false, true] {
            let mut plugin = Plugin::new().tcp(tcp).tls(tls).start().await;
            assert_eq!(plugin.line.fields.len(), 6, "{:?}", plugin.line);
            assert_eq!(plugin.line.fields[..3], ["1", "6", if tcp { "tcp" } else { "unix" }]);
            assert_eq!(plugin.line.fields[4], "grpc");
            assert_eq!(plugin.line.fields[5].is_empty(), !tls);

            let channel = plugin.connect().await.unwrap();
            schema(&channel).await.unwrap();
            let health = HealthClient::new(channel.clone())
                .check(HealthCheckRequest { service: "plugin".to_owned() })
                .await
                .unwrap();
            assert_eq!(health.into_inner().status, 1, "SERVING");

            plugin.shutdown(channel).await;
            assert_eq!(plugin.stderr().await, "", "nothing is logged unless asked for");
        }
    }
}

#[tokio::test]
async fn streams_without_content_stay_open_until_the_end() {
    let mut plugin = Plugin::new().tls(true).start().await;
    let channel = plugin.connect().await.unwrap();
    let mut stdio = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await.unwrap().into_inner();
    let outgoing = futures::stream::pending::<ConnInfo>();
    let mut broker = GrpcBrokerClient::new(channel.clone()).start_stream(outgoing).await.unwrap().into_inner();
    plugin.shutdown(channel).await;
    assert_eq!(stdio.message().await.unwrap(), None);
    assert_eq!(broker.message().await.unwrap(), None);
}

#[tokio::test]
async fn unknown_services_are_unimplemented() {
    let plugin = Plugin::new().start().await;
    let mut client = tonic::client::Grpc::new(plugin.connect().await.unwrap());
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/tfplugin5.Provider/GetSchema");
    let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
    let status = client.unary(tonic::Request::new(Empty {}), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn large_messages_pass_both_ways() {
    let plugin = Plugin::new().tls(true).start().await;
    let mut client = ProviderClient::new(plugin.connect().await.unwrap())
        .max_decoding_message_size(2 * LARGE_MESSAGE)
        .max_encoding_message_size(2 * LARGE_MESSAGE);
    let config = DynamicValue { msgpack: vec![0xc0; LARGE_MESSAGE].into(), json: Default::default() };
    let request = read_data_source::Request { config: Some(config.clone()), ..Default::default() };
    let response = client.read_data_source(request).await.unwrap().into_inner();
    assert!(response.state == Some(config), "the message came back changed");
}

#[tokio::test]
async fn the_seventh_field_comes_on_demand() {
    let plugin = Plugin::new().env("PLUGIN_MULTIPLEX_GRPC", "true").start().await;
    assert_eq!(plugin.line.fields[5..], ["", "false"]);
}

#[tokio::test]
async fn a_long_socket_folder_falls_back_to_a_short_one() {
    let plugin = Plugin::new();
    let long = plugin.dir.path().join("x".repeat(120));
    std::fs::create_dir(&long).unwrap();
    let plugin = plugin.env("PLUGIN_UNIX_SOCKET_DIR", long.to_str().unwrap()).start().await;
    assert!(plugin.line.fields[3].starts_with("/tmp/"), "{:?}", plugin.line);
    schema(&plugin.connect().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn ctrl_c_is_left_to_the_cli_and_sigterm_ends() {
    let mut plugin = Plugin::new().tls(true).start().await;
    let channel = plugin.connect().await.unwrap();
    // An answer shows that the signal handlers are in place.
    schema(&channel).await.unwrap();
    for _ in 0..3 {
        plugin.signal("INT");
        schema(&channel).await.unwrap();
    }
    plugin.signal("TERM");
    assert!(plugin.wait(GRACE).await.success());
    assert_eq!(plugin.left_behind(), 0);
}

#[tokio::test]
async fn a_plugin_ends_with_its_parent() {
    let plugin = Plugin::new();
    let mut shell = std::process::Command::new("sh")
        .args(["-c", r#""$0"; :"#])
        .arg(fixture())
        .envs(plugin.vars.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(shell.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("1|6|unix|"), "{line}");
    shell.kill().unwrap();
    shell.wait().unwrap();
    // The plugin holds its output open as long as it lives.
    let rest = tokio::task::spawn_blocking(move || output.read_line(&mut line).unwrap());
    assert_eq!(tokio::time::timeout(GRACE, rest).await.expect("the plugin outlives its parent").unwrap(), 0);
    assert_eq!(plugin.dir.path().read_dir().unwrap().count(), 0, "the socket is left behind");
}

#[tokio::test]
async fn a_call_whose_client_is_lost_can_put_things_in_order() {
    let plugin = Plugin::new().tls(true).start().await;
    let file = plugin.dir.path().join("order");
    let channel = plugin.connect().await.unwrap();
    let call = tokio::spawn(wait_in_a_call(channel, file.clone()));
    exists(&file.with_extension("started"), DEADLINE).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    exists(&file, GRACE).await;
    // Others are served as before.
    schema(&plugin.connect().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn the_end_waits_for_running_calls() {
    let mut plugin = Plugin::new().tls(true).start().await;
    let file = plugin.dir.path().join("order");
    let call = tokio::spawn(wait_in_a_call(plugin.connect().await.unwrap(), file.clone()));
    exists(&file.with_extension("started"), DEADLINE).await;
    plugin.signal("TERM");
    assert!(plugin.wait(GRACE).await.success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "put in order");
    call.await.unwrap().expect("the last answer still arrives");
}

// ---- Strangers ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn strangers_get_nothing() {
    for tcp in [false, true] {
        let mut plugin = Plugin::new().tcp(tcp).tls(true).env("TF_LOG", "trace").start().await;
        let own = plugin.client.clone().unwrap();
        let stranger = Identity::new();
        let forged = Identity { certificate: own.certificate.clone(), key: stranger.key.clone_key() };
        for (who, identity) in
            [("wrong certificate", Some(stranger)), ("stolen certificate", Some(forged)), ("none", None)]
        {
            let outcome = match plugin.connect_as(identity).await {
                Ok(channel) => schema(&channel).await.map_err(|status| status.to_string()),
                Err(error) => Err(error.to_string()),
            };
            outcome.expect_err(who);
        }
        let plain = match plugin.connect_plain().await {
            Ok(channel) => schema(&channel).await.map_err(|status| status.to_string()),
            Err(error) => Err(error.to_string()),
        };
        plain.expect_err("plain text");

        // The owner is served, and its call is the first that the provider ever saw.
        let channel = plugin.connect().await.unwrap();
        schema(&channel).await.unwrap();
        plugin.shutdown(channel).await;
        let log = plugin.stderr().await;
        assert_eq!(log.matches(r#""tf_rpc":"GetProviderSchema""#).count(), 1, "{log}");
    }
}

#[tokio::test]
async fn by_hand_it_says_what_it_is() {
    let output = Command::new(fixture()).env_remove(COOKIE.0).stdin(Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("is a provider for Terraform and OpenTofu"), "{text}");
    assert!(text.contains(r#"fixture = { source = "tfplug/fixture" }"#), "{text}");
}

#[tokio::test]
async fn an_unreadable_client_certificate_is_refused() {
    let plugin = Plugin::new().env("PLUGIN_CLIENT_CERT", "nonsense");
    let output = Command::new(fixture()).envs(plugin.vars).stdin(Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "[ERROR] PLUGIN_CLIENT_CERT holds no PEM certificate\n");
}

// ---- Output and panics ----------------------------------------------------------------------------------------------

#[tokio::test]
async fn stray_output_becomes_log_lines() {
    let mut plugin = Plugin::new()
        .env("TF_LOG", "trace")
        .env("FIXTURE_PRINT_BEFORE", "1|6|stray|before|")
        .env("FIXTURE_PRINT_AFTER", "stray after")
        .start()
        .await;
    assert_eq!(plugin.line.fields[2], "unix");
    let channel = plugin.connect().await.unwrap();
    schema(&channel).await.unwrap();
    // What was printed in the call is logged by another thread; asking until it is there needs no guess.
    let printed = ["1|6|stray|before|stray after", "printed in a call"];
    plugin.logged(&printed).await;
    plugin.shutdown(channel).await;
    for line in plugin.stderr().await.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["@message"].is_string() && line["@level"].is_string());
        let time = line["@timestamp"].as_str().unwrap();
        assert_eq!(time.split('.').nth(1).unwrap().len(), "000000Z".len(), "{time}");
    }
    let mut rest = String::new();
    plugin.stdout.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "", "only the handshake reaches the CLI");
}

#[tokio::test]
async fn a_panic_in_a_call_is_an_answer() {
    let mut plugin = Plugin::new().env("TF_LOG_PROVIDER_FIXTURE", "error").start().await;
    let channel = plugin.connect().await.unwrap();
    let request = call_function::Request { name: "panic".to_owned(), arguments: Vec::new() };
    let status = ProviderClient::new(channel.clone()).call_function(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    schema(&channel).await.unwrap();
    plugin.shutdown(channel).await;
    let log = plugin.stderr().await;
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains(r#""panic":"the fixture was asked to panic""#), "{log}");
    assert!(log.contains(r#""@level":"error""#), "{log}");
}

#[tokio::test]
async fn a_panic_that_ends_the_process_opens_the_crash_report() {
    let mut plugin = Plugin::new().env("FIXTURE_PANIC", "1").start().await;
    assert!(!plugin.wait(GRACE).await.success());
    let text = plugin.stderr().await;
    assert!(text.starts_with("panic: the fixture was asked to crash\n\nat "), "{text}");
    assert!(text.contains("handshake_fixture.rs:"), "{text}");
    assert_eq!(plugin.left_behind(), 0);
}

// ---- Debug mode -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn debug_mode_serves_a_hundred_connections_and_ends_on_ctrl_c() {
    let dir = tempfile::tempdir().unwrap();
    let env_file = dir.path().join("provider.env");
    let mut child = Command::new(fixture())
        .args(["-debug", "-debug-env-file"])
        .arg(&env_file)
        .env("TMPDIR", dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let line = loop {
        let line = lines.next_line().await.unwrap().expect("no reattach line");
        if line.trim_start().starts_with("TF_REATTACH_PROVIDERS=") {
            break line.trim().to_owned();
        }
    };
    assert_eq!(std::fs::read_to_string(&env_file).unwrap().trim(), line);
    let json = line.strip_prefix("TF_REATTACH_PROVIDERS='").unwrap().strip_suffix('\'').unwrap();
    let entry = &serde_json::from_str::<serde_json::Value>(json).unwrap()["registry.terraform.io/tfplug/fixture"];
    assert_eq!(entry["Pid"], child.id().unwrap());
    let socket = entry["Addr"]["String"].as_str().unwrap().to_owned();

    let connections: Vec<Channel> =
        futures::future::try_join_all((0..100).map(|_| connect("unix", &socket, None))).await.unwrap();
    let answers = connections.iter().flat_map(|channel| std::iter::repeat_n(channel, 10)).map(schema);
    futures::future::try_join_all(answers).await.unwrap();

    signal(child.id().unwrap(), "INT");
    assert!(tokio::time::timeout(GRACE, child.wait()).await.unwrap().unwrap().success());
    assert!(!Path::new(&socket).exists());
}

// ---- How the CLI does it --------------------------------------------------------------------------------------------

/// A client's certificate as the CLI makes it: self-signed, of curve P-521, and an authority.
#[derive(Debug)]
struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Identity { certificate: self.certificate.clone(), key: self.key.clone_key() }
    }
}

impl Identity {
    fn new() -> Identity {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Identity { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() }
    }

    fn pem(&self) -> String {
        let body = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }
}

/// Shows the certificate and signs with the key whether or not they belong together.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn client_config(server: &CertificateDer<'static>, identity: Option<Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(server.clone()).unwrap();
    let provider = aws_lc_rs::default_provider();
    let shown = identity.map(|Identity { certificate, key }| {
        let key = provider.key_provider.load_private_key(key).unwrap();
        Shown(Arc::new(CertifiedKey::new(vec![certificate], key)))
    });
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        Some(shown) => builder.with_client_cert_resolver(Arc::new(shown)),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

async fn connect(network: &str, address: &str, tls: Option<ClientConfig>) -> Result<Channel, tonic::transport::Error> {
    let network = network.to_owned();
    let address = address.to_owned();
    let tls = tls.map(|config| TlsConnector::from(Arc::new(config)));
    let connector = tower::service_fn(move |_| {
        let (network, address, tls) = (network.clone(), address.clone(), tls.clone());
        async move {
            let stream: Box<dyn Io> = match network.as_str() {
                "unix" => Box::new(UnixStream::connect(address).await?),
                "tcp" => Box::new(TcpStream::connect(address).await?),
                other => panic!("unknown network {other}"),
            };
            let stream: Box<dyn Io> = match tls {
                Some(tls) => Box::new(tls.connect(ServerName::try_from("localhost").unwrap(), stream).await?),
                None => stream,
            };
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connector).await
}

trait Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Io for T {}

async fn schema(channel: &Channel) -> Result<(), tonic::Status> {
    let response = ProviderClient::new(channel.clone()).get_provider_schema(get_provider_schema::Request {}).await?;
    assert!(response.into_inner().provider.is_some());
    Ok(())
}

async fn wait_in_a_call(channel: Channel, file: PathBuf) -> Result<(), tonic::Status> {
    let path = file.to_str().unwrap().to_owned();
    let arguments = vec![DynamicValue { msgpack: path.into(), json: Default::default() }];
    let request = call_function::Request { name: "wait".to_owned(), arguments };
    ProviderClient::new(channel).call_function(request).await.map(|_| ())
}

async fn exists(path: &Path, limit: Duration) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < limit, "{} does not come", path.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The fixture's program. `cargo test` builds examples only when it runs all targets, so it is built here.
fn fixture() -> &'static Path {
    static FIXTURE: OnceLock<PathBuf> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "tfplug", "--example", "handshake_fixture"]);
        cargo.args(["--message-format", "json"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "the fixture does not build");
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|message| message["target"]["name"] == "handshake_fixture")
            .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
            .expect("cargo names no program")
    })
}

#[derive(Debug)]
struct Line {
    fields: Vec<String>,
}

/// A plugin to be started.
struct Plugin {
    vars: Vec<(String, String)>,
    client: Option<Identity>,
    dir: tempfile::TempDir,
}

impl Plugin {
    fn new() -> Plugin {
        let dir = tempfile::tempdir().unwrap();
        let vars = [
            COOKIE,
            ("PLUGIN_MIN_PORT", "10000"),
            ("PLUGIN_MAX_PORT", "25000"),
            ("PLUGIN_PROTOCOL_VERSIONS", "5,6"),
            ("PLUGIN_UNIX_SOCKET_DIR", dir.path().to_str().unwrap()),
        ];
        let vars = vars.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Plugin { vars, client: None, dir }
    }

    fn env(mut self, key: &str, value: &str) -> Plugin {
        self.vars.push((key.to_owned(), value.to_owned()));
        self
    }

    fn tcp(self, tcp: bool) -> Plugin {
        if tcp { self.env("FIXTURE_TCP", "1") } else { self }
    }

    fn tls(mut self, tls: bool) -> Plugin {
        if !tls {
            return self;
        }
        let client = Identity::new();
        let pem = client.pem();
        self.client = Some(client);
        self.env("PLUGIN_CLIENT_CERT", &pem)
    }

    async fn start(self) -> Started {
        let mut child = Command::new(fixture())
            .envs(self.vars)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = tokio::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::time::timeout(DEADLINE, stdout.read_line(&mut line)).await.expect("no handshake").unwrap();
        assert!(line.ends_with('\n'), "{line:?}");
        let line = Line { fields: line.trim_end().split('|').map(ToOwned::to_owned).collect() };
        let log = Log::of(child.stderr.take().unwrap());
        Started { child, stdout, line, log, client: self.client, dir: self.dir }
    }
}

/// A plugin that has answered.
struct Started {
    child: Child,
    stdout: tokio::io::BufReader<ChildStdout>,
    line: Line,
    log: Log,
    client: Option<Identity>,
    dir: tempfile::TempDir,
}

impl Started {
    async fn connect(&self) -> Result<Channel, tonic::transport::Error> {
        match &self.client {
            Some(client) => self.connect_as(Some(client.clone())).await,
            None => self.connect_plain().await,
        }
    }

    async fn connect_as(&self, identity: Option<Identity>) -> Result<Channel, tonic::transport::Error> {
        let server = CertificateDer::from(STANDARD_NO_PAD.decode(&self.line.fields[5]).unwrap());
        connect(&self.line.fields[2], &self.line.fields[3], Some(client_config(&server, identity))).await
    }

    async fn connect_plain(&self) -> Result<Channel, tonic::transport::Error> {
        connect(&self.line.fields[2], &self.line.fields[3], None).await
    }

    /// Ends the plugin as the CLI does.
    async fn shutdown(&mut self, channel: Channel) {
        // The CLI does not mind if the process is quicker than its answer.
        let _ = GrpcControllerClient::new(channel).shutdown(Empty {}).await;
        assert!(self.wait(GRACE).await.success());
        assert_eq!(self.left_behind(), 0);
    }

    async fn wait(&mut self, limit: Duration) -> std::process::ExitStatus {
        tokio::time::timeout(limit, self.child.wait()).await.expect("the plugin does not end").unwrap()
    }

    fn signal(&self, name: &str) {
        signal(self.child.id().unwrap(), name);
    }

    /// Files and folders in the socket's folder beside those of the test.
    fn left_behind(&self) -> usize {
        let names = self.dir.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("tfplug-")).count()
    }

    /// All that was written to standard error; waits for its end.
    async fn stderr(&mut self) -> String {
        self.log.reader.as_mut().unwrap().await.unwrap();
        self.log.text.lock().unwrap().clone()
    }

    async fn logged(&self, texts: &[&str]) {
        let start = Instant::now();
        loop {
            let log = self.log.text.lock().unwrap().clone();
            if texts.iter().all(|text| log.contains(text)) {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "{texts:?} are not all in {log}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

struct Log {
    text: Arc<Mutex<String>>,
    reader: Option<tokio::task::JoinHandle<()>>,
}

impl Log {
    fn of(stderr: ChildStderr) -> Log {
        let text = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&text);
        let reader = tokio::spawn(async move {
            let mut lines = tokio::io::BufReader::new(stderr).lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                let mut text = sink.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        Log { text, reader: Some(reader) }
    }
}
