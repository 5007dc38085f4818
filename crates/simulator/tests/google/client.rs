//! A client made of the discovery documents alone: it knows verbs, paths and schemas from there, sends what a test says, and
//! holds each request and each reply to them.

use std::time::Duration;

use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::journal::Entry;
use multicloud_simulator::{CloudKind, Config, Running, Simulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::discovery::{COMPUTE, CONTAINER, Description, SERVICE_USAGE};

pub(crate) const PROJECT: &str = "simulated-project";
pub(crate) const NUMBER: &str = "123456789012";
/// A region.
pub(crate) const REGION: &str = "projects/simulated-project/locations/us-central1";
/// A zone.
pub(crate) const ZONE: &str = "projects/simulated-project/locations/us-east1-b";

/// How long a test waits for what is to happen at once.
const DEADLINE: Duration = Duration::from_secs(20);

/// Polls until something asynchronous must have ended: ten times the longest duration over the step of a minute.
const MOST_POLLS: usize = 110;

/// Canonical codes with the HTTP status that each has, as `google/rpc/code.proto` maps them, but that a precondition of
/// GKE's and a quota of Compute's come with what stands here.
const CANONICAL: [(&str, u64); 12] = [
    ("INVALID_ARGUMENT", 400),
    ("FAILED_PRECONDITION", 400),
    ("OUT_OF_RANGE", 400),
    ("UNAUTHENTICATED", 401),
    ("PERMISSION_DENIED", 403),
    ("NOT_FOUND", 404),
    ("ABORTED", 409),
    ("ALREADY_EXISTS", 409),
    ("RESOURCE_EXHAUSTED", 429),
    ("INTERNAL", 500),
    ("UNIMPLEMENTED", 501),
    ("UNAVAILABLE", 503),
];

/// A running simulator and a client of it.
pub(crate) struct Client {
    pub(crate) simulator: Running,
    /// The access token; none is sent where there is none.
    pub(crate) token: Option<String>,
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
    pub(crate) code: u64,
    pub(crate) status: String,
    pub(crate) reason: String,
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
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A calm simulator.
pub(crate) async fn start() -> Client {
    start_with(config()).await
}

pub(crate) fn config() -> Config {
    Config { clouds: vec![CloudKind::Google], ..Config::default() }
}

pub(crate) async fn start_with(config: Config) -> Client {
    Client { simulator: Simulator::start(config).await.unwrap(), token: None }
}

pub(crate) fn faults(text: &str) -> FaultPlan {
    FaultPlan::from_json(text).unwrap()
}

impl Client {
    /// An answer of a method that is to succeed. Methods of GKE are named by what follows `projects.locations.`, and called
    /// with the name of the resource or of its parent; those of others by their whole id, with their parameters.
    #[track_caller]
    pub(crate) fn ok(&self, id: &'static str, target: impl Into<Value>, body: Value) -> impl Future<Output = Value> {
        let (place, target) = (std::panic::Location::caller(), target.into());
        async move {
            match self.call(id, target, body).await {
                Ok(answer) => answer,
                Err(refused) => panic!("{place}: {id}: {refused:?}\n{}", self.story()),
            }
        }
    }

    /// The error of a method that is to be refused.
    #[track_caller]
    pub(crate) fn refused(
        &self,
        id: &'static str,
        target: impl Into<Value>,
        body: Value,
    ) -> impl Future<Output = Refused> {
        let (place, target) = (std::panic::Location::caller(), target.into());
        async move {
            match self.call(id, target, body).await {
                Ok(answer) => panic!("{place}: {id} answered {answer}"),
                Err(refused) => refused,
            }
        }
    }

    /// Calls a method; request and reply are held to the document.
    pub(crate) async fn call(&self, id: &'static str, target: impl Into<Value>, body: Value) -> Result<Value, Refused> {
        let sent = self.try_call(id, target, body).await;
        let reply = sent.unwrap_or_else(|Broken(part)| panic!("{id}: connection broke after {part:?}"));
        judge(id, &reply)
    }

    /// The same without a judgement of the reply.
    pub(crate) async fn try_call(
        &self,
        id: &'static str,
        target: impl Into<Value>,
        body: Value,
    ) -> Result<Reply, Broken> {
        let (endpoint, verb, target, body) = request(id, &target.into(), &body);
        self.send(endpoint, &verb, &target, &body, &[]).await
    }

    /// Sends anything.
    pub(crate) async fn send(
        &self,
        endpoint: &str,
        verb: &str,
        target: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, Broken> {
        let mut stream = self.open(endpoint, verb, target, body, headers).await;
        let mut received = Vec::new();
        // A reset counts as broken, as does an early end.
        let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut received)).await.expect("no reply in time");
        parse(&received).ok_or(Broken(received))
    }

    /// Sends and does not read.
    pub(crate) async fn open(
        &self,
        endpoint: &str,
        verb: &str,
        target: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> TcpStream {
        let address = self.simulator.url(endpoint).unwrap().strip_prefix("http://").unwrap().to_owned();
        let mut text = format!("{verb} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        text += &format!("Content-Length: {}\r\n", body.len());
        if let Some(token) = &self.token {
            text += &format!("Authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
        stream
    }

    /// The entry that the fault left; it is in the journal before the client can notice anything.
    pub(crate) async fn entry(&self, wanted: impl Fn(&Entry) -> bool) -> Entry {
        let waited = tokio::time::timeout(DEADLINE, self.simulator.wait_for(wanted)).await;
        waited.unwrap_or_else(|_| panic!("no such entry in\n{}", self.story()))
    }

    /// A cluster `c` that is up, in a place.
    pub(crate) async fn cluster(&self, place: &str, more: Value) -> String {
        let accepted = self.ok("clusters.create", place, cluster("c", more)).await;
        self.done(place, &accepted).await;
        format!("{place}/clusters/c")
    }

    /// A change that is to be accepted and to end well.
    #[track_caller]
    pub(crate) fn change(&self, id: &'static str, name: &str, body: Value) -> impl Future<Output = ()> {
        let (place, name) = (std::panic::Location::caller(), name.to_owned());
        async move {
            let accepted = match self.call(id, name.as_str(), body).await {
                Ok(accepted) => accepted,
                Err(refused) => panic!("{place}: {id}: {refused:?}\n{}", self.story()),
            };
            let location = name.split('/').take(4).collect::<Vec<_>>().join("/");
            let done = self.ended(&location, &accepted).await;
            assert_eq!(done["error"], Value::Null, "{place}: {id}: {done}");
        }
    }

    /// Waits for an operation's end, which is to be a good one.
    pub(crate) async fn done(&self, place: &str, accepted: &Value) {
        let done = self.ended(place, accepted).await;
        assert_eq!(done["error"], Value::Null, "{done}\n{}", self.story());
    }

    /// Waits for an operation's end.
    pub(crate) async fn ended(&self, place: &str, accepted: &Value) -> Value {
        let name = format!("{place}/operations/{}", accepted["name"].as_str().unwrap());
        for _ in 0..MOST_POLLS {
            let operation = self.ok("operations.get", name.as_str(), json!({})).await;
            if operation["status"] == "DONE" {
                return operation;
            }
        }
        panic!("{name} never ended\n{}", self.story());
    }

    /// How many nodes a pool of the cluster `c` has in each zone, as Compute says.
    pub(crate) async fn sizes(&self, cluster: &str, pool: &str) -> Vec<(String, u64)> {
        let pool = self.ok("clusters.nodePools.get", format!("{cluster}/nodePools/{pool}"), json!({})).await;
        let mut sizes = Vec::new();
        for url in pool["instanceGroupUrls"].as_array().unwrap() {
            let parts: Vec<&str> = url.as_str().unwrap().rsplit('/').collect();
            let (name, zone) = (parts[0], parts[2]);
            let parameters = json!({ "project": PROJECT, "zone": zone, "instanceGroupManager": name });
            let manager = self.ok("compute.instanceGroupManagers.get", parameters, json!({})).await;
            sizes.push((zone.to_owned(), manager["targetSize"].as_u64().unwrap_or(0)));
        }
        sizes
    }

    /// The journal, to be printed with a failure.
    pub(crate) fn story(&self) -> String {
        let line = |entry: &Entry| format!("{} {} {:?} {:?}", entry.seq, entry.operation, entry.status, entry.fault);
        self.simulator.journal().iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// What CreateCluster needs, and more of the cluster.
pub(crate) fn cluster(name: &str, more: Value) -> Value {
    let mut cluster = json!({ "name": name, "nodePools": [{ "name": "system", "initialNodeCount": 1 }] });
    let more = more.as_object().unwrap().clone();
    cluster.as_object_mut().unwrap().extend(more);
    json!({ "cluster": cluster })
}

/// What CreateNodePool needs, and more of the pool.
pub(crate) fn pool(name: &str, more: Value) -> Value {
    let mut pool = json!({ "name": name, "initialNodeCount": 1 });
    let more = more.as_object().unwrap().clone();
    pool.as_object_mut().unwrap().extend(more);
    json!({ "nodePool": pool })
}

/// Endpoint, document and whole id of a method.
fn described(id: &str) -> (&'static str, &'static Description, String) {
    match id.split('.').next() {
        Some("compute") => ("google_compute", &COMPUTE, id.to_owned()),
        Some("serviceusage") => ("google_serviceusage", &SERVICE_USAGE, id.to_owned()),
        _ => ("google", &CONTAINER, format!("container.projects.locations.{id}")),
    }
}

/// Endpoint, verb, target and body of a method, as the document places its parameters.
fn request(id: &str, target: &Value, body: &Value) -> (&'static str, String, String, String) {
    let (endpoint, document, id) = described(id);
    let method = document.method(&id);
    if let Some(schema) = method["request"]["$ref"].as_str() {
        assert_eq!(document.problems(schema, body), Vec::<String>::new(), "the test's own request");
    }
    let mut path = format!("/{}", method["path"].as_str().unwrap());
    let mut query = Vec::new();
    let single = method["parameterOrder"][0].as_str().unwrap_or("name");
    let named = json!({ single: target });
    let parameters = if target.is_object() { target } else { &named };
    for (name, value) in parameters.as_object().unwrap() {
        let text = value.as_str().unwrap();
        match method["parameters"][name]["location"].as_str() {
            Some("path") => path = path.replace(&format!("{{+{name}}}"), text).replace(&format!("{{{name}}}"), text),
            Some("query") => query.push(format!("{name}={}", text.replace(' ', "%20"))),
            other => panic!("{id} has no parameter {name} ({other:?})"),
        }
    }
    assert!(!path.contains('{'), "{id}: a parameter is missing: {path}");
    if !query.is_empty() {
        path += &format!("?{}", query.join("&"));
    }
    let body = if method["request"].is_object() { body.to_string() } else { String::new() };
    (endpoint, method["httpMethod"].as_str().unwrap().to_owned(), path, body)
}

/// Holds a reply to the document.
fn judge(id: &str, reply: &Reply) -> Result<Value, Refused> {
    let (endpoint, document, id) = described(id);
    let body = reply.json();
    if reply.status == 200 {
        let schema = document.method(&id)["response"]["$ref"].as_str().unwrap();
        assert_eq!(document.problems(schema, &body), Vec::<String>::new(), "{id}: {body}");
        return Ok(body);
    }
    let error = &body["error"];
    assert_eq!(error["code"], reply.status, "{id}: {body}");
    let status = error["status"].as_str().unwrap_or("");
    // Compute leaves the canonical code out where its older front end answers.
    if !(status.is_empty() && endpoint == "google_compute") {
        assert!(CANONICAL.contains(&(status, u64::from(reply.status))), "{id}: {body}");
        let details = error["details"].as_array().unwrap();
        assert!(details.iter().all(|detail| detail["@type"].is_string()), "{id}: {body}");
    }
    assert_eq!(error["message"], error["errors"][0]["message"], "{id}: {body}");
    Err(Refused {
        code: u64::from(reply.status),
        status: status.to_owned(),
        reason: error["errors"][0]["reason"].as_str().unwrap().to_owned(),
        message: error["message"].as_str().unwrap().to_owned(),
    })
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
