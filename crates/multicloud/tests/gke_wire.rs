//! Replies as they come over the wire, byte by byte, and what the GKE backend makes of them: errors in each of the forms
//! that Google has, and what proxies and broken connections leave of a reply.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

mod scripted;

use std::time::Duration;

use multicloud::gke::{Gke, GoogleSettings};
use multicloud::{Backend as _, EnvironmentId, Error, ErrorChain, ErrorKind, Observed, Result, Secret};

use self::scripted::{Line, Scripted, json, reply};

const GET: &str = "GET /v1/projects/acme/locations/europe-west1/clusters/prod HTTP/1.1";
const LIST: &str = "GET /v1/projects/acme/locations/europe-west1/operations HTTP/1.1";
const GROUP: &str =
    "GET /compute/v1/projects/acme/zones/europe-west1-b/instanceGroupManagers/gke-prod-apps-grp HTTP/1.1";

/// In the form that GKE answers with; connections are closed so that each line is a connection.
const CLUSTER: &str = r#"{"name":"prod","id":"c0ffee","location":"europe-west1","status":"RUNNING",
    "selfLink":"https://container.googleapis.com/v1/projects/123/locations/europe-west1/clusters/prod",
    "currentMasterVersion":"1.33.5-gke.1200","endpoint":"203.0.113.7","masterAuth":{"clusterCaCertificate":"Q0E="},
    "locations":["europe-west1-b"],"futureField":{"x":1},"nodePools":[{"name":"apps","status":"RUNNING",
    "version":"1.33.5-gke.1200","initialNodeCount":1,"config":{"machineType":"e2-standard-4"},"instanceGroupUrls":
    ["https://www.googleapis.com/compute/v1/projects/acme/zones/europe-west1-b/instanceGroupManagers/gke-prod-apps-grp"]
    }]}"#;

const CLOSE: &str = "Connection: close";

fn id() -> EnvironmentId {
    "gke/acme/europe-west1/prod".parse().unwrap()
}

fn backend(url: &str) -> Gke {
    Gke::new(GoogleSettings {
        endpoint: Some(format!("{url}/v1/")),
        compute_endpoint: Some(url.to_owned()),
        access_token: Some(Secret::new("canary-token")),
        ..GoogleSettings::default()
    })
}

/// Reads the environment from a server that says these lines.
async fn read(lines: Vec<(&'static str, String)>) -> Result<Option<Observed>> {
    let lines = lines.into_iter().map(|(request, reply)| Line { request, reply }).collect();
    let server = Scripted::start(lines);
    let answer = backend(&server.url).read(&id()).await;
    for request in server.finish() {
        assert!(request.to_ascii_lowercase().contains("authorization: bearer canary-token"), "{request}");
    }
    if let Err(error) = &answer {
        assert!(!format!("{error:?} {}", ErrorChain(error)).contains("canary"));
    }
    answer
}

async fn refusal(reply: String) -> Error {
    read(vec![(GET, reply)]).await.expect_err("a failure")
}

fn ok(body: &str) -> String {
    json("200 OK", &[CLOSE], body)
}

fn error(http: &str, headers: &[&str], code: &str, message: &str) -> String {
    let status = &http[..3];
    let body = format!(
        r#"{{"error":{{"code":{status},"message":"{message}","status":"{code}","errors":[{{"reason":"x"}}],"details":
        [{{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"0x5e1d"}}]}}}}"#
    );
    json(http, &[headers, &[CLOSE]].concat(), &body)
}

#[tokio::test]
async fn a_cluster_is_read_with_its_live_sizes_and_fields_that_we_do_not_know() {
    let observed = read(vec![(GET, ok(CLUSTER)), (GROUP, ok(r#"{"name":"gke-prod-apps-grp","targetSize":7}"#))])
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&observed.id, observed.uid.as_str()), (&id(), "c0ffee"));
    assert_eq!(observed.full_version, "1.33.5-gke.1200");
    assert_eq!(observed.endpoint.as_deref(), Some("https://203.0.113.7"));
    assert_eq!(observed.node_pools.values().map(|pool| pool.count).collect::<Vec<_>>(), [7]);
    // A group that is gone has no nodes; one that may not be asked about is not guessed.
    let gone = r#"{"error":{"code":404,"message":"gone","errors":[{"reason":"notFound"}]}}"#;
    let gone = json("404 Not Found", &[CLOSE], gone);
    let observed = read(vec![(GET, ok(CLUSTER)), (GROUP, gone)]).await.unwrap().unwrap();
    assert_eq!(observed.node_pools.values().map(|pool| pool.count).collect::<Vec<_>>(), [0]);
    let denied = error("403 Forbidden", &[], "PERMISSION_DENIED", "Required compute.instanceGroupManagers.get");
    let refused = read(vec![(GET, ok(CLUSTER)), (GROUP, denied)]).await.expect_err("no guess");
    assert_eq!((refused.kind, refused.operation), (ErrorKind::PermissionDenied, "GetInstanceGroupManager"));
}

#[tokio::test]
async fn an_absence_counts_once_its_place_has_answered() {
    let absent = || error("404 Not Found", &[], "NOT_FOUND", "Not found: projects/acme/…/clusters/prod.");
    assert!(read(vec![(GET, absent()), (LIST, ok("{}"))]).await.expect("a proof").is_none());
    let denied = error("403 Forbidden", &[], "PERMISSION_DENIED", "no");
    let unproven = read(vec![(GET, absent()), (LIST, denied)]).await.expect_err("no proof");
    assert_eq!(unproven.kind, ErrorKind::PermissionDenied);
    let link = "https://container.googleapis.com/v1/projects/123/zones/europe-west1/clusters/prod";
    let creation = |status: &str, name: &str| {
        let link = link.replace("prod", name);
        ok(&format!(
            r#"{{"operations":[{{"name":"operation-1","operationType":"CREATE_CLUSTER","status":"{status}","targetLink":"{link}"}}]}}"#
        ))
    };
    let being_made = read(vec![(GET, absent()), (LIST, creation("RUNNING", "prod"))]).await.expect_err("it comes");
    assert_eq!(being_made.kind, ErrorKind::Ambiguous);
    assert!(ErrorChain(&being_made).to_string().contains("operation-1"));
    assert!(read(vec![(GET, absent()), (LIST, creation("DONE", "prod"))]).await.expect("a proof").is_none());
    assert!(read(vec![(GET, absent()), (LIST, creation("RUNNING", "other"))]).await.expect("a proof").is_none());
}

#[tokio::test]
async fn errors_keep_their_words_and_their_request_id() {
    let denied = refusal(error("403 Forbidden", &[], "PERMISSION_DENIED", "Required container.clusters.get")).await;
    assert_eq!(denied.kind, ErrorKind::PermissionDenied);
    assert_eq!(denied.request_id.as_deref(), Some("0x5e1d"));
    let words = ErrorChain(&denied).to_string();
    assert!(words.contains("Required container.clusters.get"), "{words}");
    assert_eq!(refusal(error("500 Internal Server Error", &[], "INTERNAL", "oops")).await.kind, ErrorKind::Ambiguous);
}

#[tokio::test]
async fn throttling_says_when_to_come_back() {
    let throttled = |seconds| ErrorKind::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
    let quota = |headers: &[&str]| error("429 Too Many Requests", headers, "RESOURCE_EXHAUSTED", "Quota exceeded");
    assert_eq!(refusal(quota(&["Retry-After: 7"])).await.kind, throttled(7));
    let date = ["Date: Sat, 21 Nov 2026 13:30:00 GMT", "Retry-After: Sat, 21 Nov 2026 13:30:42 GMT"];
    assert_eq!(refusal(quota(&date)).await.kind, throttled(42));
    let gone = reply("503 Service Unavailable", &["Retry-After: 3", CLOSE], "<html>busy</html>");
    assert_eq!(refusal(gone).await.kind, ErrorKind::Unavailable { retry_after: Some(Duration::from_secs(3)) });
}

#[tokio::test]
async fn what_stands_in_between_is_never_taken_for_google() {
    let page = "<!doctype html><title>404 Not Found</title>";
    let html = |status| reply(status, &["Content-Type: text/html", CLOSE], page);
    assert_eq!(refusal(html("404 Not Found")).await.kind, ErrorKind::Unsupported);
    assert_eq!(refusal(html("200 OK")).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(html("502 Bad Gateway")).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(reply("407 Proxy Authentication Required", &[CLOSE], "")).await.kind, ErrorKind::InvalidConfig);
    assert_eq!(refusal(reply("200 OK", &[CLOSE], "")).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(ok(r#"{"name":17}"#)).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(ok(&"[".repeat(200_000))).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(ok("{}")).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(ok(r#"{"name":"prod"}"#)).await.kind, ErrorKind::Protocol, "a cluster without an id is none");
    // What says nothing of a group, or of operations, is no proof of none.
    let nothing = read(vec![(GET, ok(CLUSTER)), (GROUP, ok(r#"{"what":"ever"}"#))]).await.expect_err("no size");
    assert_eq!(nothing.kind, ErrorKind::Ambiguous);
    let absent = || error("404 Not Found", &[], "NOT_FOUND", "Not found");
    for odd in [r#"{"what":"ever"}"#, r#"{"missingZones":["europe-west1-b"]}"#] {
        let unproven = read(vec![(GET, absent()), (LIST, ok(odd))]).await.expect_err("no proof");
        assert_eq!(unproven.kind, ErrorKind::Ambiguous, "{odd}");
    }
    let autopilot = CLUSTER.replace(r#""futureField""#, r#""autopilot":{"enabled":true},"futureField""#);
    assert_eq!(refusal(ok(&autopilot)).await.kind, ErrorKind::Unsupported);
    // A redirect is never followed: our token is for nobody else.
    let redirect = reply("302 Found", &["Location: http://169.254.169.254/", CLOSE], "");
    assert_eq!(refusal(redirect).await.kind, ErrorKind::Protocol);
}

#[tokio::test]
async fn a_cluster_that_is_not_the_one_that_was_meant_is_refused() {
    let other = CLUSTER.replace(r#""location":"europe-west1""#, r#""location":"us-east1""#);
    let refused = refusal(ok(&other)).await;
    assert_eq!(refused.kind, ErrorKind::NotOwned);
    assert!(ErrorChain(&refused).to_string().contains("us-east1"));
}

// With a worker of its own, the connection is hung up while the test waits for the server to have said it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn cut_and_missing_replies_leave_it_open_what_happened() {
    let whole = ok(CLUSTER);
    assert_eq!(refusal(whole[..whole.len() / 2].to_owned()).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(String::new()).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal("HTTP/1.1 200".to_owned()).await.kind, ErrorKind::Ambiguous);
    // A reply of 20 MiB is read to the limit and no further.
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(20 << 20));
    assert_eq!(refusal(ok(&long)).await.kind, ErrorKind::Ambiguous);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_changed() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap();
    let refused = backend(&format!("http://{free}")).read(&id()).await.expect_err("nobody listens");
    assert_eq!(refused.kind, ErrorKind::Unavailable { retry_after: None }, "{}", ErrorChain(&refused));
    let unresolved = backend("https://nobody.invalid").read(&id()).await.expect_err("no such name");
    assert_eq!(unresolved.kind, ErrorKind::Unavailable { retry_after: None }, "{}", ErrorChain(&unresolved));
}

#[tokio::test]
async fn hostile_words_arrive_harmless() {
    let message = "\\u001b[2J\\u001b[1;31mEnter your password:\\u202e";
    let error = refusal(error("400 Bad Request", &[], "INVALID_ARGUMENT", message)).await;
    let words = ErrorChain(&error).to_string();
    assert!(words.contains("Enter your password"), "{words:?}");
    assert!(words.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{words:?}");
}

#[tokio::test]
async fn a_proxy_of_the_settings_is_taken() {
    let denied = error("403 Forbidden", &[], "PERMISSION_DENIED", "no");
    let line = "GET http://localhost:9/v1/projects/acme/locations/europe-west1/clusters/prod HTTP/1.1";
    let proxy = Scripted::start(vec![Line { request: line, reply: denied }]);
    let settings = GoogleSettings {
        endpoint: Some("http://localhost:9".to_owned()),
        proxy: Some(proxy.url.clone()),
        access_token: Some(Secret::new("canary-token")),
        ..GoogleSettings::default()
    };
    let error = Gke::new(settings).read(&id()).await.expect_err("a refusal");
    assert_eq!(error.kind, ErrorKind::PermissionDenied, "{}", ErrorChain(&error));
    proxy.finish();
}
