//! Who holds a token of EKS: the part of its control plane that asks STS, as aws-iam-authenticator does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::kubernetes::exchange;

/// What every token begins with; a presigned URL in base64 follows.
const PREFIX: &str = "k8s-aws-v1.";

/// A review holds one token, of one or two KiB.
const LARGEST_REVIEW: u64 = 64 * 1024;

/// Answers the API server's token reviews (`authentication.k8s.io/v1`), as long as this process lives.
#[derive(Debug)]
pub(crate) struct Authenticator {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    cluster: Option<EksCluster>,
    let_in: Vec<String>,
}

/// A cluster, as its authenticator knows it.
#[derive(Debug, Clone)]
struct EksCluster {
    name: String,
    sts: String,
}

impl Authenticator {
    /// Starts on a free port; nobody is let in before it knows its cluster.
    #[track_caller]
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("no free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Mutex::new(Shared::default()));
        let answering = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                // A caller that goes away in the middle is answered by nobody.
                let _ = answer(&stream, &answering);
            }
        });
        Self { address, shared }
    }

    /// Where it answers.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// From now on it lets in whomever that STS knows, with tokens for that cluster.
    pub(crate) fn serve(&self, cluster: &str, sts: &str) {
        let cluster = EksCluster { name: cluster.to_owned(), sts: sts.to_owned() };
        self.shared.lock().expect("no holder panics").cluster = Some(cluster);
    }

    /// The principals that were let in, once per request.
    pub(crate) fn let_in(&self) -> Vec<String> {
        self.shared.lock().expect("no holder panics").let_in.clone()
    }
}

fn answer(mut stream: &TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let review: Value = serde_json::from_slice(&read_body(stream)?)?;
    let cluster = shared.lock().expect("no holder panics").cluster.clone();
    let principal = cluster.and_then(|cluster| principal(review["spec"]["token"].as_str()?, &cluster));
    let status = match &principal {
        // Whoever made a cluster administers it, and nobody else is known here.
        Some(arn) => {
            json!({ "authenticated": true, "user": { "username": arn, "uid": arn, "groups": ["system:masters"] } })
        }
        None => json!({ "authenticated": false }),
    };
    shared.lock().expect("no holder panics").let_in.extend(principal);
    let body = json!({ "apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status }).to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn read_body(stream: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream.take(LARGEST_REVIEW));
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok(body)
}

/// Whom STS names when the request in the token is sent to it with the cluster's name, which is signed with the rest.
fn principal(token: &str, cluster: &EksCluster) -> Option<String> {
    let url = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    let url = String::from_utf8(url).ok()?;
    // Only the cluster's own STS is believed: anybody can serve one.
    let target = url.strip_prefix(&cluster.sts)?;
    let name = &cluster.name;
    if !target.starts_with("/?Action=GetCallerIdentity&") || !target.contains("X-Amz-SignedHeaders=host%3Bx-k8s-aws-id")
    {
        return None;
    }
    let host = cluster.sts.strip_prefix("http://")?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nx-k8s-aws-id: {name}\r\nConnection: close\r\n\r\n");
    let (status, body) = exchange(TcpStream::connect(host).ok()?, &request)?;
    let (_, rest) = body.split_once("<Arn>").filter(|_| status == 200)?;
    Some(rest.split_once("</Arn>")?.0.to_owned())
}
