//! Whom the AKS backend trusts, and whom it tells its token: a scripted server plays Resource Manager and the login at once.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

#[allow(dead_code, reason = "the server here speaks TLS, and takes only the form of a reply from there")]
mod scripted;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use multicloud::aks::{Aks, AksChange, AzureSettings};
use multicloud::{
    Action, Backend as _, Change, EnvironmentId, ErrorChain, ErrorKind, IdempotencyToken, Operation, Progress, Secret,
    Step, Subject,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

/// An authority, and a folder with its certificate.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A server, and the requests that it got.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What is answered to a request, by its first line.
type Answer = Arc<dyn Fn(&str) -> String + Send + Sync>;

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn bundle(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Listens with a certificate for that name. Tokens are given to all who ask; the rest is the answer's.
    async fn serve(&self, name: &str, edit: impl FnOnce(&mut CertificateParams), answer: Answer) -> Server {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not trust us hangs up in the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let request = read_request(&mut stream).await;
                let token = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"canary-token"}"#;
                let reply = match request.starts_with("POST /tenant/oauth2/v2.0/token") {
                    true => scripted::json("200 OK", &["Connection: close"], token),
                    false => answer(request.lines().next().unwrap_or_default()),
                };
                heard.lock().unwrap().push(request);
                let _ = stream.write_all(reply.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Server { url: format!("https://localhost:{port}"), requests }
    }
}

impl Server {
    /// The requests to Resource Manager.
    fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| !request.starts_with("POST /tenant/")).cloned().collect()
    }

    fn aks(&self, ca_bundle: Option<PathBuf>) -> Aks {
        let settings = AzureSettings {
            endpoint: Some(self.url.clone()),
            authority_host: Some(self.url.clone()),
            tenant_id: Some("tenant".to_owned()),
            client_id: Some("client".to_owned()),
            client_secret: Some(Secret::new("any")),
            ca_bundle,
            ..AzureSettings::default()
        };
        Aks::with_variables(settings, Arc::new(|_| None))
    }
}

/// Head and body of a request.
async fn read_request(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    let mut part = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut part).await.unwrap_or(0);
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request);
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").and_then(|length| length.trim().parse().ok())
            });
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            return text.into_owned();
        }
    }
}

fn json_reply(status: &str, headers: &[&str], body: &serde_json::Value) -> String {
    scripted::json(status, &[&["Connection: close"], headers].concat(), &body.to_string())
}

fn always(reply: String) -> Answer {
    Arc::new(move |_| reply.clone())
}

fn refusal() -> Answer {
    let error = json!({ "error": { "code": "AuthorizationFailed", "message": "no" } });
    always(json_reply("403 Forbidden", &[], &error))
}

fn id() -> EnvironmentId {
    "aks/00000000-0000-0000-0000-000000000001/group/prod".parse().unwrap()
}

fn step(change: AksChange) -> Step {
    let change = Change::Aks(change);
    let description = "a change".to_owned();
    Step { stage: 0, subject: Subject::Cluster, action: Action::Update, description, change, drain: None }
}

#[tokio::test]
async fn only_the_right_certificate_is_trusted() {
    let ours = Authority::new();
    let theirs = Authority::new();
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    let cases = [
        // The refusal shows that the request arrived.
        (ours.serve("localhost", |_| {}, refusal()).await, Some(ours.bundle()), ErrorKind::PermissionDenied),
        (ours.serve("localhost", |_| {}, refusal()).await, Some(theirs.bundle()), ErrorKind::InvalidConfig),
        (ours.serve("localhost", |_| {}, refusal()).await, None, ErrorKind::InvalidConfig),
        (ours.serve("elsewhere", |_| {}, refusal()).await, Some(ours.bundle()), ErrorKind::InvalidConfig),
        (ours.serve("localhost", expired, refusal()).await, Some(ours.bundle()), ErrorKind::InvalidConfig),
    ];
    for (number, (server, bundle, expected)) in cases.into_iter().enumerate() {
        let error = server.aks(bundle).read(&id()).await.expect_err("a refusal, of one sort or another");
        assert_eq!(error.kind, expected, "case {number}: {}", ErrorChain(&error));
    }
}

/// An address in the clear gets neither a token nor a request.
#[tokio::test]
async fn tokens_go_over_tls_alone() {
    let settings = AzureSettings { endpoint: Some("http://127.0.0.1:1".to_owned()), ..AzureSettings::default() };
    let error = Aks::with_variables(settings, Arc::new(|_| None)).read(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidConfig);
    assert!(ErrorChain(&error).to_string().contains("not an https URL"), "{}", ErrorChain(&error));
}

/// What a reply names as another host, as a redirect or as the place of an operation, gets no token.
#[tokio::test]
async fn tokens_go_to_no_other_host() {
    let authority = Authority::new();
    let other = authority.serve("localhost", |_| {}, always(json_reply("200 OK", &[], &json!({})))).await;

    let location = format!("Location: {}/elsewhere", other.url);
    let moved = scripted::reply("307 Temporary Redirect", &["Connection: close", &location], "");
    let server = authority.serve("localhost", |_| {}, always(moved)).await;
    let error = server.aks(Some(authority.bundle())).read(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol, "{}", ErrorChain(&error));

    let poll = format!("Azure-AsyncOperation: {}/operations/1", other.url);
    let accepted = json_reply("200 OK", &[&poll], &json!({ "properties": { "provisioningState": "Updating" } }));
    let server = authority.serve("localhost", |_| {}, always(accepted)).await;
    let aks = server.aks(Some(authority.bundle()));
    let change = AksChange::TagCluster { tags: [("a".to_owned(), "b".to_owned())].into() };
    let operation = aks.begin(&id(), &step(change), &IdempotencyToken::random()).await.unwrap();
    assert_eq!(operation.reference.as_deref(), Some("cluster"), "its own status tells how it goes on");
    assert_eq!(aks.poll(&operation).await.unwrap(), Progress::Running);
    assert_eq!(other.requests(), Vec::<String>::new());
}

/// A change goes out with the etag that its object was read with, whole but for what is read-only, and with the run's token
/// as the id of the request.
#[tokio::test]
async fn what_is_sent_back_is_what_was_read() {
    let authority = Authority::new();
    let cluster = json!({
        "id": "/subscriptions/s/resourcegroups/group/providers/p/managedClusters/prod",
        "name": "prod",
        "eTag": "etag-1",
        "location": "westeurope",
        "identity": { "type": "SystemAssigned", "principalId": "x", "tenantId": "y" },
        "properties": {
            "provisioningState": "Succeeded",
            "kubernetesVersion": "1.31",
            "currentKubernetesVersion": "1.31.4",
            "agentPoolProfiles": [{ "name": "system", "orchestratorVersion": "1.31", "eTag": "e", "count": 2, "newer": [1.5] }],
            "newer": { "a": 1 },
        },
    });
    let poll = "Azure-AsyncOperation: https://localhost:0/elsewhere";
    let reply = json_reply("200 OK", &[poll], &cluster);
    let server = authority.serve("localhost", |_| {}, always(reply)).await;
    let aks = server.aks(Some(authority.bundle()));
    let token = IdempotencyToken::random();
    let change = AksChange::UpgradeCluster { to: "1.32".parse().unwrap() };
    aks.begin(&id(), &step(change), &token).await.unwrap();

    let requests = server.requests();
    assert_eq!(requests.len(), 2, "one question and one change");
    assert!(requests[0].starts_with("GET ") && requests[1].starts_with("PUT "), "{requests:?}");
    let (head, body) = requests[1].split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.contains("api-version=2025-10-01"), "{head}");
    assert!(head.contains("if-match: etag-1"), "{head}");
    assert!(head.contains(&format!("x-ms-client-request-id: {}", token.as_str())), "{head}");
    let sent: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        sent,
        json!({
            "location": "westeurope",
            "identity": { "type": "SystemAssigned" },
            "properties": {
                "kubernetesVersion": "1.32",
                "agentPoolProfiles": [{ "name": "system", "orchestratorVersion": "1.31", "count": 2, "newer": [1.5] }],
                "newer": { "a": 1 },
            },
        })
    );
}

/// Operations are told by words, at an address with its own version of the API; one that is not known leaves the object.
#[tokio::test]
async fn operations_end_by_their_own_word() {
    let authority = Authority::new();
    let answer: Answer = Arc::new(|request: &str| {
        let status = |status: &str| json_reply("200 OK", &[], &json!({ "name": "swapped", "status": status }));
        match request.split(' ').nth(1).unwrap_or_default() {
            "/operations/running?api-version=2016-03-30" => status("InProgress"),
            "/operations/done" => status("Succeeded"),
            "/operations/failed" => json_reply(
                "200 OK",
                &[],
                &json!({ "status": "Failed", "error": { "code": "Quota", "message": "none \u{1b}[2Jleft" } }),
            ),
            "/results/running" => scripted::reply("202 Accepted", &["Connection: close"], ""),
            "/results/done" => scripted::reply("204 No Content", &["Connection: close"], ""),
            path if path.starts_with("/subscriptions/") => {
                json_reply("200 OK", &[], &json!({ "properties": { "provisioningState": "Updating" } }))
            }
            _ => json_reply("404 Not Found", &[], &json!({ "code": "NotFound", "message": "no operation" })),
        }
    });
    let server = authority.serve("localhost", |_| {}, answer).await;
    let aks = server.aks(Some(authority.bundle()));
    let poll = async |reference: &str| {
        let operation = Operation {
            environment: id(),
            subject: Subject::Cluster,
            action: Action::Update,
            reference: Some(reference.to_owned()),
        };
        aks.poll(&operation).await.unwrap()
    };
    assert_eq!(poll("cluster operation /operations/running?api-version=2016-03-30").await, Progress::Running);
    assert_eq!(poll("cluster operation /operations/done").await, Progress::Done);
    let Progress::Failed(reason) = poll("cluster operation /operations/failed").await else { panic!("not failed") };
    assert_eq!(reason.as_str(), "Quota: none left");
    assert_eq!(poll("cluster location /results/running").await, Progress::Running);
    assert_eq!(poll("cluster location /results/done").await, Progress::Done);
    assert_eq!(poll("cluster operation /operations/unknown").await, Progress::Running, "the cluster is being changed");
    assert_eq!(poll("done").await, Progress::Done);
}

/// Times to wait are obeyed in seconds, milliseconds and as a date; a reply that is longer than any of Azure's is not read.
#[tokio::test]
async fn odd_replies_are_told_apart() {
    let authority = Authority::new();
    let error = |code: &str| json!({ "error": { "code": code, "message": "" } });
    let throttled = |headers: &[&str]| json_reply("429 Too Many Requests", headers, &error("Throttled"));
    let wait = |seconds| ErrorKind::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
    let date = ["Date: Sat, 21 Nov 2026 13:30:00 GMT", "Retry-After: Sat, 21 Nov 2026 13:31:00 GMT"];
    let cases = [
        (throttled(&["Retry-After: 7"]), wait(7)),
        (throttled(&["x-ms-retry-after-ms: 3000"]), wait(3)),
        (throttled(&date), wait(60)),
        (scripted::reply("200 OK", &["Connection: close"], "<html>log in</html>"), ErrorKind::Ambiguous),
        (scripted::reply("200 OK", &["Connection: close"], ""), ErrorKind::Ambiguous),
        (scripted::reply("404 Not Found", &["Connection: close"], "<html></html>"), ErrorKind::Unsupported),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\"".to_owned(), ErrorKind::Ambiguous),
        (scripted::reply("200 OK", &["Connection: close"], &" ".repeat(17 * 1024 * 1024)), ErrorKind::Ambiguous),
    ];
    for (number, (reply, expected)) in cases.into_iter().enumerate() {
        let server = authority.serve("localhost", |_| {}, always(reply)).await;
        let error = server.aks(Some(authority.bundle())).read(&id()).await.unwrap_err();
        assert_eq!(error.kind, expected, "case {number}: {}", ErrorChain(&error));
    }
}
