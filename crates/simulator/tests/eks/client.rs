//! A client made of the service description alone: it knows paths, places and shapes from there, sends what a test says, and
//! holds each request and each reply to the description.

use std::time::Duration;

use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::journal::Entry;
use multicloud_simulator::{Config, Running, Simulator};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::description::EKS;

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/eks-cluster";
pub(crate) const NODE_ROLE: &str = "arn:aws:iam::123456789012:role/eks-node";
pub(crate) const SUBNET_A: &str = "subnet-0000000000000000a";
pub(crate) const SUBNET_B: &str = "subnet-0000000000000000b";
/// In the zone of `SUBNET_A`.
pub(crate) const SUBNET_A2: &str = "subnet-0000000000000000d";

/// How long a test waits for what is to happen at once.
const DEADLINE: Duration = Duration::from_secs(20);

/// Polls until something asynchronous must have ended: ten times the longest duration over the step of a minute.
const MOST_POLLS: usize = 110;

/// Errors of AWS's front door and of throttling, which any operation can answer with. Source: "Common errors" of the EKS
/// API reference, and aws/aws-sdk#652.
const COMMON_ERRORS: [(&str, u16); 9] = [
    ("AccessDeniedException", 403),
    ("ExpiredTokenException", 403),
    ("IncompleteSignatureException", 403),
    ("InvalidSignatureException", 403),
    ("MissingAuthenticationTokenException", 403),
    ("UnrecognizedClientException", 403),
    ("ThrottlingException", 429),
    ("ServiceUnavailableException", 503),
    ("UnknownOperationException", 404),
];

/// A running simulator and a client of its EKS.
pub(crate) struct Client {
    pub(crate) simulator: Running,
    pub(crate) access_key: &'static str,
    pub(crate) region: &'static str,
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
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A calm simulator.
pub(crate) async fn start() -> Client {
    start_with(Config::default()).await
}

pub(crate) async fn start_with(config: Config) -> Client {
    Client { simulator: Simulator::start(config).await.unwrap(), access_key: "AKIDEXAMPLE", region: "us-east-1" }
}

pub(crate) fn faults(text: &str) -> FaultPlan {
    FaultPlan::from_json(text).unwrap()
}

impl Client {
    /// An answer of an operation that is to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, operation: &'static str, input: Value) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            match self.call(operation, input).await {
                Ok(answer) => answer,
                Err(refused) => panic!("{place}: {operation}: {refused:?}\n{}", self.story()),
            }
        }
    }

    /// The error of an operation that is to be refused.
    #[track_caller]
    pub(crate) fn refused(&self, operation: &'static str, input: Value) -> impl Future<Output = Refused> {
        let place = std::panic::Location::caller();
        async move {
            match self.call(operation, input).await {
                Ok(answer) => panic!("{place}: {operation} answered {answer}"),
                Err(refused) => refused,
            }
        }
    }

    /// Calls an operation; request and reply are held to the description.
    pub(crate) async fn call(&self, operation: &'static str, input: Value) -> Result<Value, Refused> {
        let sent = self.try_call(operation, input).await;
        let reply = sent.unwrap_or_else(|Broken(part)| panic!("{operation}: connection broke after {part:?}"));
        judge(operation, &reply)
    }

    /// The same without a judgement of the reply.
    pub(crate) async fn try_call(&self, operation: &'static str, input: Value) -> Result<Reply, Broken> {
        let (method, target, body) = request(operation, input);
        self.send("eks", &method, &target, &body, &[]).await
    }

    /// Sends anything, signed for `service` unless it is said otherwise in `headers`.
    pub(crate) async fn send(
        &self,
        service: &str,
        method: &str,
        target: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, Broken> {
        let mut stream = self.open(service, method, target, body, headers).await;
        let mut received = Vec::new();
        // A reset counts as broken, as does an early end.
        let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut received)).await.expect("no reply in time");
        parse(&received).ok_or(Broken(received))
    }

    /// Sends and does not read.
    pub(crate) async fn open(
        &self,
        service: &str,
        method: &str,
        target: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> TcpStream {
        let address = self.simulator.url(service).unwrap().strip_prefix("http://").unwrap().to_owned();
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        text += &format!("Content-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Authorization") {
            text += &format!("Authorization: {}\r\n", self.authorization(service));
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            text += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
        stream
    }

    pub(crate) fn authorization(&self, service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature={}",
            self.access_key,
            self.region,
            "0".repeat(64)
        )
    }

    /// The entry that the fault left; it is in the journal before the client can notice anything.
    pub(crate) async fn entry(&self, wanted: impl Fn(&Entry) -> bool) -> Entry {
        let waited = tokio::time::timeout(DEADLINE, self.simulator.wait_for(wanted)).await;
        waited.unwrap_or_else(|_| panic!("no such entry in\n{}", self.story()))
    }

    /// A cluster that is up, of the newest version unless `more` says another.
    pub(crate) async fn cluster(&self, name: &str, more: Value) {
        self.ok("CreateCluster", cluster(name, more)).await;
        self.until("DescribeCluster", json!({ "name": name }), "/cluster/status", "ACTIVE").await;
    }

    /// A node group that is up.
    pub(crate) async fn nodegroup(&self, cluster: &str, name: &str, more: Value) {
        self.ok("CreateNodegroup", nodegroup(cluster, name, more)).await;
        let input = json!({ "clusterName": cluster, "nodegroupName": name });
        self.until("DescribeNodegroup", input, "/nodegroup/status", "ACTIVE").await;
    }

    /// Describes until a member has a value; answers with the description.
    pub(crate) async fn until(&self, operation: &'static str, input: Value, pointer: &str, wanted: &str) -> Value {
        for _ in 0..MOST_POLLS {
            match self.call(operation, input.clone()).await {
                Ok(answer) if answer.pointer(pointer).and_then(Value::as_str) == Some(wanted) => return answer,
                Ok(_) => {}
                // Late visibility.
                Err(refused) => assert_eq!(refused.code, "ResourceNotFoundException"),
            }
        }
        panic!("{operation} never showed {pointer} as {wanted}\n{}", self.story());
    }

    /// Waits for an update's end and answers with its status.
    pub(crate) async fn ended(&self, cluster: &str, accepted: &Value, more: Value) -> String {
        let id = accepted["update"]["id"].as_str().unwrap();
        let mut input = json!({ "name": cluster, "updateId": id });
        merge(&mut input, more);
        for _ in 0..MOST_POLLS {
            let answer = self.ok("DescribeUpdate", input.clone()).await;
            let status = answer["update"]["status"].as_str().unwrap();
            if status != "InProgress" {
                return status.to_owned();
            }
        }
        panic!("update {id} never ended\n{}", self.story());
    }

    /// The journal, to be printed with a failure.
    pub(crate) fn story(&self) -> String {
        let line = |entry: &Entry| format!("{} {} {:?} {:?}", entry.seq, entry.operation, entry.status, entry.fault);
        self.simulator.journal().iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// What CreateCluster needs, and more.
pub(crate) fn cluster(name: &str, more: Value) -> Value {
    let vpc = json!({ "subnetIds": [SUBNET_A, SUBNET_B] });
    let mut input = json!({ "name": name, "roleArn": ROLE, "resourcesVpcConfig": vpc });
    merge(&mut input, more);
    input
}

/// What CreateNodegroup needs, and more.
pub(crate) fn nodegroup(cluster: &str, name: &str, more: Value) -> Value {
    let mut input =
        json!({ "clusterName": cluster, "nodegroupName": name, "nodeRole": NODE_ROLE, "subnets": [SUBNET_A] });
    merge(&mut input, more);
    input
}

fn merge(input: &mut Value, more: Value) {
    let more = more.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(more);
}

/// Method, target and body of an operation, as the description places its members.
fn request(operation: &str, input: Value) -> (String, String, String) {
    let described = EKS.operation(operation);
    let shape = described["input"]["shape"].as_str().unwrap();
    assert_eq!(EKS.problems(shape, &input), Vec::<String>::new(), "the test's own request");
    let mut target = described["http"]["requestUri"].as_str().unwrap().to_owned();
    let (mut query, mut body) = (Vec::new(), Map::new());
    for (name, value) in input.as_object().unwrap() {
        let member = &EKS.members(shape)[name];
        let key = member["locationName"].as_str().unwrap_or(name);
        match member["location"].as_str() {
            Some("uri") => target = target.replace(&format!("{{{key}}}"), &encode(value.as_str().unwrap())),
            Some("querystring") => match value {
                Value::Array(items) => query.extend(items.iter().map(|item| pair(key, item))),
                single => query.push(pair(key, single)),
            },
            Some(other) => panic!("members in {other} are not known here"),
            None => {
                body.insert(key.into(), value.clone());
            }
        }
    }
    if !query.is_empty() {
        target += &format!("?{}", query.join("&"));
    }
    let body = if body.is_empty() { String::new() } else { Value::Object(body).to_string() };
    (described["http"]["method"].as_str().unwrap().into(), target, body)
}

fn pair(key: &str, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{}={}", encode(key), encode(&text))
}

pub(crate) fn encode(text: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Holds a reply to the description.
fn judge(operation: &str, reply: &Reply) -> Result<Value, Refused> {
    let body = reply.json();
    let Some(code) = reply.header("x-amzn-ErrorType") else {
        assert_eq!(reply.status, 200, "{operation}: {body}");
        let shape = EKS.operation(operation)["output"]["shape"].as_str().unwrap();
        assert_eq!(EKS.problems(shape, &body), Vec::<String>::new(), "{operation}: {body}");
        return Ok(body);
    };
    match EKS.error(operation, code) {
        Some(error) => {
            assert_eq!(u64::from(reply.status), error.status, "{operation}: {code}");
            assert_eq!(EKS.problems(&error.shape, &body), Vec::<String>::new(), "{operation}: {code} {body}");
        }
        None => assert!(COMMON_ERRORS.contains(&(code, reply.status)), "{operation} has no error {code}: {body}"),
    }
    Err(Refused { code: code.into(), message: body["message"].as_str().unwrap().into() })
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
