//! A client of the bare protocol: it sends what a test says, by https and with a token, and holds every request that is
//! accepted and every reply to the published models.

use std::sync::Arc;
use std::time::Duration;

use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::journal::Entry;
use multicloud_simulator::{CloudKind, Config, Running, Simulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::description::{AZURE, Direction, models};

pub(crate) const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const UNREGISTERED: &str = "00000000-0000-4000-8000-000000000002";
/// In `eastus`.
pub(crate) const GROUP: &str = "platform";
pub(crate) const VERSION: &str = "2025-10-01";

/// How long a test waits for what is to happen at once.
const DEADLINE: Duration = Duration::from_secs(20);

/// Polls until something asynchronous must have ended: ten times the longest duration over the step of a minute.
const MOST_POLLS: usize = 110;

/// A running simulator and a client of its Azure.
pub(crate) struct Client {
    pub(crate) simulator: Running,
    pub(crate) token: String,
    tls: TlsConnector,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An error of the service.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A connection that ended without a whole reply, and what had arrived.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) Vec<u8>);

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Code and message, in either layer's form.
    pub(crate) fn refused(&self) -> Refused {
        let body = self.json();
        let error = if body["error"].is_object() { &body["error"] } else { &body };
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        Refused { status: self.status, code: text("code"), message: text("message") }
    }
}

/// A calm simulator of Azure alone.
pub(crate) async fn start() -> Client {
    start_with(Config::default()).await
}

pub(crate) async fn start_with(config: Config) -> Client {
    let simulator = Simulator::start(Config { clouds: vec![CloudKind::Azure], ..config }).await.unwrap();
    let mut roots = RootCertStore::empty();
    let authority = std::fs::read(simulator.ca_bundle().unwrap()).unwrap();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&authority).map(Result::unwrap));
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Client { simulator, token: "a-test".into(), tls: TlsConnector::from(Arc::new(config)) }
}

/// With faults.
pub(crate) async fn start_faulty(plan: &str) -> Client {
    let client = start().await;
    client.simulator.add_faults(faults(plan)).unwrap();
    client
}

pub(crate) fn faults(plan: &str) -> FaultPlan {
    FaultPlan::from_json(plan).unwrap()
}

pub(crate) fn group_path(group: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}")
}

pub(crate) fn cluster_path(name: &str) -> String {
    format!("{}/providers/Microsoft.ContainerService/managedClusters/{name}", group_path(GROUP))
}

pub(crate) fn pool_path(cluster: &str, name: &str) -> String {
    format!("{}/agentPools/{name}", cluster_path(cluster))
}

/// What a new cluster needs: one system pool `system`, one user pool `apps`.
pub(crate) fn cluster_body() -> Value {
    json!({
        "location": "eastus",
        "identity": { "type": "SystemAssigned" },
        "properties": { "dnsPrefix": "test", "agentPoolProfiles": [
            { "name": "system", "count": 1, "vmSize": "Standard_D2s_v5", "mode": "System" },
            { "name": "apps", "count": 2, "vmSize": "Standard_D4s_v5", "mode": "User" },
        ] },
    })
}

/// A body with something else at a place.
pub(crate) fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
    body
}

/// What is read, without what is only read: the body of a request that changes nothing.
pub(crate) fn writable(read: &Value) -> Value {
    let mut body = read.clone();
    let top = body.as_object_mut().unwrap();
    ["id", "name", "type", "eTag", "systemData"].iter().for_each(|key| drop(top.remove(*key)));
    let read_only = [
        "provisioningState",
        "currentKubernetesVersion",
        "currentOrchestratorVersion",
        "eTag",
        "fqdn",
        "azurePortalFQDN",
        "maxAgentPools",
        "resourceUID",
        "powerState",
        "nodeImageVersion",
        "identityProfile",
    ];
    let strip = |object: &mut Value| {
        let object = object.as_object_mut().unwrap();
        read_only.iter().for_each(|key| drop(object.remove(*key)));
    };
    strip(&mut body["properties"]);
    let profiles = body["properties"].get_mut("agentPoolProfiles").and_then(Value::as_array_mut);
    profiles.into_iter().flatten().for_each(strip);
    if let Some(Value::Object(profile)) = body.pointer_mut("/properties/networkProfile/loadBalancerProfile") {
        profile.remove("effectiveOutboundIPs");
    }
    if let Some(identity) = body.get_mut("identity").and_then(Value::as_object_mut) {
        ["principalId", "tenantId"].iter().for_each(|key| drop(identity.remove(*key)));
    }
    body
}

impl Client {
    /// The reply to a request that is to succeed.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Value) -> Reply {
        let reply = self.call(method, path, body, &[]).await;
        assert!(reply.status < 300, "{method} {path}: {} {}\n{}", reply.status, reply.json(), self.story());
        reply
    }

    /// What GET shows.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ok("GET", path, Value::Null).await.json()
    }

    /// The error of a request that is to be refused.
    pub(crate) async fn refused(&self, method: &str, path: &str, body: Value) -> Refused {
        let reply = self.call(method, path, body, &[]).await;
        assert!(reply.status >= 400, "{method} {path}: {} {}", reply.status, reply.json());
        reply.refused()
    }

    /// Calls Resource Manager with more headers; request and reply are held to the models.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value, headers: &[(&str, &str)]) -> Reply {
        let sent = self.try_call(method, path, body.clone(), headers).await;
        let reply = sent.unwrap_or_else(|Broken(part)| panic!("{method} {path}: connection broke after {part:?}"));
        let operation = self.simulator.journal().last().unwrap().operation;
        judge(operation, &body, &reply);
        reply
    }

    /// The same without a judgement.
    pub(crate) async fn try_call(
        &self,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Result<Reply, Broken> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let target = if path.contains("api-version=") {
            path.to_owned()
        } else {
            format!("{path}{separator}api-version={VERSION}")
        };
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        all.extend(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send("azure", method, &target, &body, &all).await
    }

    /// Sends anything.
    pub(crate) async fn send(
        &self,
        endpoint: &str,
        method: &str,
        target: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, Broken> {
        let mut stream = self.open(endpoint, method, target, body, headers).await;
        let mut received = Vec::new();
        // A reset counts as broken, as does an early end.
        let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut received)).await.expect("no reply in time");
        parse(&received).ok_or(Broken(received))
    }

    /// Sends and does not read.
    pub(crate) async fn open(
        &self,
        endpoint: &str,
        method: &str,
        target: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> TlsStream<TcpStream> {
        let address = self.simulator.url(endpoint).unwrap().strip_prefix("https://").unwrap().to_owned();
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        text += &format!("Content-Length: {}\r\n", body.len());
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        let stream = TcpStream::connect(&address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut stream = self.tls.connect(name, stream).await.unwrap();
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
        stream
    }

    /// Whether a server's certificate is of the authority that this client trusts.
    pub(crate) async fn trusts(&self, address: &str) -> std::io::Result<()> {
        let stream = TcpStream::connect(address).await.unwrap();
        self.tls.connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await.map(drop)
    }

    /// Polls an accepted operation to its end.
    pub(crate) async fn ended(&self, accepted: &Reply) -> Value {
        let url = accepted.header("azure-asyncoperation").unwrap();
        let path = url.strip_prefix(self.simulator.url("azure").unwrap()).unwrap();
        for _ in 0..MOST_POLLS {
            let reply = self.call("GET", path, Value::Null, &[]).await;
            // One that is not seen yet.
            if reply.status == 404 {
                continue;
            }
            let status = reply.json();
            if status["status"] != "InProgress" {
                return status;
            }
        }
        panic!("{path} never ended\n{}", self.story());
    }

    /// A change that is to be accepted and to succeed.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Value) {
        let accepted = self.ok(method, path, body).await;
        if accepted.header("azure-asyncoperation").is_some() {
            let ended = self.ended(&accepted).await;
            assert_eq!(ended["status"], "Succeeded", "{method} {path}: {ended}");
        }
    }

    /// A cluster that is up, as GET shows it.
    pub(crate) async fn cluster(&self, name: &str, body: Value) -> Value {
        self.done("PUT", &cluster_path(name), body).await;
        self.get(&cluster_path(name)).await
    }

    /// The entry that a fault left; it is in the journal before the client can notice anything.
    pub(crate) async fn entry(&self, wanted: impl Fn(&Entry) -> bool) -> Entry {
        let waited = tokio::time::timeout(DEADLINE, self.simulator.wait_for(wanted)).await;
        waited.unwrap_or_else(|_| panic!("no such entry in\n{}", self.story()))
    }

    /// The journal, to be printed with a failure.
    pub(crate) fn story(&self) -> String {
        let line = |entry: &Entry| format!("{} {} {:?} {:?}", entry.seq, entry.operation, entry.status, entry.fault);
        self.simulator.journal().iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Holds an exchange to the models: what was accepted, and any answer.
fn judge(operation: &str, request: &Value, reply: &Reply) {
    let (sent, received) = models(operation);
    if reply.status >= 400 {
        let refused = reply.refused();
        // HEAD has no body to say it in.
        assert!(
            !refused.code.is_empty() && !refused.message.is_empty() || reply.body.is_empty(),
            "{operation}: {reply:?}"
        );
        return;
    }
    if let Some(model) = sent {
        assert_eq!(AZURE.problems(model, request, Direction::Request), Vec::<String>::new(), "the test's own request");
    }
    let body = reply.json();
    match received {
        Some(model) if !reply.body.is_empty() => {
            let (model, values) = match model.strip_prefix('[').and_then(|model| model.strip_suffix(']')) {
                Some(model) => (model, body["value"].as_array().unwrap().clone()),
                None => (model, vec![body]),
            };
            for value in values {
                let problems = AZURE.problems(model, &value, Direction::Reply);
                assert_eq!(problems, Vec::<String>::new(), "{operation}: {value}");
            }
        }
        Some(_) | None => {}
    }
}

/// A whole reply, if it is one.
fn parse(received: &[u8]) -> Option<Reply> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers: Vec<_> = lines.filter_map(header).collect();
    let reply = Reply { status, headers, body: received[end + 4..].to_vec() };
    let length: usize = reply.header("content-length")?.parse().ok()?;
    (reply.body.len() == length).then_some(reply)
}
