//! Whom the AKS backend trusts, and whom it tells its token: a scripted server plays Resource Manager and the login at once.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

#[allow(dead_code, reason = "the server here speaks TLS, and takes only the form of a reply from there")]
mod scripted;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use multicloud::aks::{Aks, AksChange, AzureSettings};
use multicloud::{
    Action, Backend as _, Change, EnvironmentId, Error, ErrorChain, ErrorKind, IdempotencyToken, Operation, Progress,
    Secret, Step, Subject,
};
use serde_json::json;

use self::tls::{Answer, Authority, Server, always};

/// Gives tokens to all who ask; the rest is the answer's.
fn with_login(answer: Answer) -> Answer {
    let token = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"canary-token"}"#;
    let granted = scripted::json("200 OK", &["Connection: close"], token);
    Arc::new(move |request| match request.starts_with("POST /tenant/oauth2/v2.0/token") {
        true => granted.clone(),
        false => answer(request),
    })
}

/// The requests to Resource Manager.
fn requests(server: &Server) -> Vec<String> {
    let requests = server.requests.lock().unwrap();
    requests.iter().filter(|request| !request.starts_with("POST /tenant/")).cloned().collect()
}

fn aks(url: &str, ca_bundle: Option<PathBuf>) -> Aks {
    let settings = AzureSettings {
        endpoint: Some(url.to_owned()),
        authority_host: Some(url.to_owned()),
        tenant_id: Some("tenant".to_owned()),
        client_id: Some("client".to_owned()),
        client_secret: Some(Secret::new("any")),
        ca_bundle,
        ..AzureSettings::default()
    };
    Aks::with_variables(settings, Arc::new(|_| None))
}

/// What comes of a request.
async fn ask(url: String, ca_bundle: Option<PathBuf>) -> Error {
    aks(&url, ca_bundle).read(&id()).await.expect_err("a refusal, of one sort or another")
}

fn json_reply(status: &str, headers: &[&str], body: &serde_json::Value) -> String {
    scripted::json(status, &[&["Connection: close"], headers].concat(), &body.to_string())
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
    let error = json!({ "error": { "code": "AuthorizationFailed", "message": "no" } });
    let refusal = always(json_reply("403 Forbidden", &[], &error));
    tls::only_the_right_certificate_is_trusted(with_login(refusal), ask).await;
}

#[tokio::test]
async fn what_speaks_no_tls_gets_no_request() {
    tls::what_speaks_no_tls_gets_no_request(ask).await;
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
    let other = authority.serve("localhost", |_| {}, with_login(always(json_reply("200 OK", &[], &json!({}))))).await;

    let location = format!("Location: {}/elsewhere", other.url);
    let moved = scripted::reply("307 Temporary Redirect", &["Connection: close", &location], "");
    let server = authority.serve("localhost", |_| {}, with_login(always(moved))).await;
    let error = aks(&server.url, Some(authority.bundle())).read(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol, "{}", ErrorChain(&error));

    let poll = format!("Azure-AsyncOperation: {}/operations/1", other.url);
    let accepted = json_reply("200 OK", &[&poll], &json!({ "properties": { "provisioningState": "Updating" } }));
    let server = authority.serve("localhost", |_| {}, with_login(always(accepted))).await;
    let aks = aks(&server.url, Some(authority.bundle()));
    let change = AksChange::TagCluster { tags: [("a".to_owned(), "b".to_owned())].into() };
    let operation = aks.begin(&id(), &step(change), &IdempotencyToken::random()).await.unwrap();
    assert_eq!(operation.reference.as_deref(), Some("cluster"), "its own status tells how it goes on");
    assert_eq!(aks.poll(&operation).await.unwrap(), Progress::Running);
    assert_eq!(requests(&other), Vec::<String>::new());
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
    let server = authority.serve("localhost", |_| {}, with_login(always(reply))).await;
    let aks = aks(&server.url, Some(authority.bundle()));
    let token = IdempotencyToken::random();
    let change = AksChange::UpgradeCluster { to: "1.32".parse().unwrap() };
    aks.begin(&id(), &step(change), &token).await.unwrap();

    let requests = requests(&server);
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
    let server = authority.serve("localhost", |_| {}, with_login(answer)).await;
    let aks = aks(&server.url, Some(authority.bundle()));
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
        let server = authority.serve("localhost", |_| {}, with_login(always(reply))).await;
        let error = aks(&server.url, Some(authority.bundle())).read(&id()).await.unwrap_err();
        assert_eq!(error.kind, expected, "case {number}: {}", ErrorChain(&error));
    }
}
