//! Replies as they come over the wire, byte by byte, and what the EKS backend makes of them: errors in each of the forms
//! that AWS has, and what proxies and broken connections leave of a reply.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

mod scripted;

use std::time::Duration;

use multicloud::eks::{AwsSettings, Eks};
use multicloud::{Backend as _, EnvironmentId, Error, ErrorChain, ErrorKind, Observed, Result, Secret};

use self::scripted::{Line, Scripted, json, reply};

const DESCRIBE: &str = "GET /clusters/prod HTTP/1.1";
const LIST: &str = "GET /clusters/prod/node-groups HTTP/1.1";
const IDENTITY: &str = "POST / HTTP/1.1";

/// A bit of the form that EKS answers with; connections are closed so that each line is a connection.
const CLUSTER: &str = r#"{"cluster":{"name":"prod","arn":"arn:aws:eks:us-east-1:123456789012:cluster/prod",
    "createdAt":1795267800.123,"version":"1.33","platformVersion":"eks.5","roleArn":"arn:aws:iam::123456789012:role/eks",
    "endpoint":"https://EXAMPLE.gr7.us-east-1.eks.amazonaws.com","status":"ACTIVE",
    "certificateAuthority":{"data":"Q0E="},"identity":{"oidc":{"issuer":"https://oidc.eks/id/1"}},
    "resourcesVpcConfig":{"subnetIds":["subnet-a","subnet-b"],"securityGroupIds":[],"endpointPublicAccess":true,
    "endpointPrivateAccess":false,"publicAccessCidrs":["0.0.0.0/0"]},"tags":{},"futureField":{"x":1}}}"#;

const CLOSE: &str = "Connection: close";

fn id() -> EnvironmentId {
    "eks/123456789012/us-east-1/prod".parse().unwrap()
}

fn backend(url: &str) -> Eks {
    Eks::new(AwsSettings {
        endpoint: Some(url.to_owned()),
        sts_endpoint: Some(url.to_owned()),
        access_key: Some("AKIDEXAMPLE".to_owned()),
        secret_key: Some(Secret::new("canary-secret")),
        ..AwsSettings::default()
    })
}

/// Reads the environment from a server that says these lines.
async fn read(lines: Vec<(&'static str, String)>) -> Result<Option<Observed>> {
    let lines = lines.into_iter().map(|(request, reply)| Line { request, reply }).collect();
    let server = Scripted::start(lines);
    let answer = backend(&server.url).read(&id()).await;
    let requests = server.finish();
    for request in &requests {
        assert!(!request.contains("canary-secret"));
    }
    answer
}

async fn refusal(reply: String) -> Error {
    read(vec![(DESCRIBE, reply)]).await.expect_err("a failure")
}

fn error(status: &str, headers: &[&str], body: &str) -> String {
    json(status, &[headers, &[CLOSE, "x-amzn-RequestId: 5e1d"]].concat(), body)
}

#[tokio::test]
async fn a_cluster_is_read_with_fields_that_we_do_not_know() {
    let groups = json("200 OK", &[CLOSE], r#"{"nodegroups":[]}"#);
    let observed = read(vec![(DESCRIBE, json("200 OK", &[CLOSE], CLUSTER)), (LIST, groups)]).await.unwrap().unwrap();
    assert_eq!(observed.id, id());
    assert_eq!(observed.full_version, "1.33-eks.5");
    assert_eq!(observed.uid, "arn:aws:eks:us-east-1:123456789012:cluster/prod@1795267800");
    assert!(observed.network.authorized_cidrs.is_empty());
}

#[tokio::test]
async fn both_forms_of_not_found_count_once_the_account_is_proven() {
    let identity = |account: &str| {
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{account}:user/x</Arn><UserId>AIDA</UserId><Account>{account}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        reply("200 OK", &["Content-Type: text/xml", CLOSE], &body)
    };
    let message = r#"{"message":"No cluster found for name: prod."}"#;
    let modern = || error("404 Not Found", &["x-amzn-ErrorType: ResourceNotFoundException"], message);
    let older =
        || error("400 Bad Request", &["x-amzn-ErrorType: ClientException:http://internal.amazon.com/coral/"], message);
    for absent in [modern(), older()] {
        let answer = read(vec![(DESCRIBE, absent), (IDENTITY, identity("123456789012"))]).await;
        assert!(answer.expect("a proof").is_none());
    }
    let elsewhere = read(vec![(DESCRIBE, modern()), (IDENTITY, identity("999999999999"))]).await.expect_err("no proof");
    assert_eq!(elsewhere.kind, ErrorKind::NotOwned);
    let unproven = read(vec![
        (DESCRIBE, modern()),
        (
            IDENTITY,
            reply(
                "403 Forbidden",
                &["Content-Type: text/xml", CLOSE],
                "<ErrorResponse><Error><Type>Sender</Type>\
            <Code>AccessDenied</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>",
            ),
        ),
    ])
    .await
    .expect_err("no proof");
    assert_eq!(unproven.kind, ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn errors_keep_their_words_and_their_request_id() {
    let body = r#"{"clusterName":"prod","message":"User: arn:aws:iam::1:user/x is not authorized to perform: eks:DescribeCluster"}"#;
    let denied = refusal(error("403 Forbidden", &["x-amzn-ErrorType: AccessDeniedException"], body)).await;
    assert_eq!(denied.kind, ErrorKind::PermissionDenied);
    assert_eq!(denied.request_id.as_deref(), Some("5e1d"));
    let words = ErrorChain(&denied).to_string();
    assert!(words.contains("not authorized to perform: eks:DescribeCluster"), "{words}");

    // The code in the body, as older services and emulators send it.
    let body = r#"{"__type":"com.amazonaws.eks#ServerException","message":"oops"}"#;
    assert_eq!(refusal(error("500 Internal Server Error", &[], body)).await.kind, ErrorKind::Ambiguous);
}

#[tokio::test]
async fn throttling_says_when_to_come_back() {
    let throttled = |seconds| ErrorKind::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
    let body = r#"{"message":"Rate exceeded"}"#;
    let kind = ["x-amzn-ErrorType: ThrottlingException"];
    let seconds = [kind.as_slice(), &["Retry-After: 7"]].concat();
    assert_eq!(refusal(error("429 Too Many Requests", &seconds, body)).await.kind, throttled(7));
    let date = ["Date: Sat, 21 Nov 2026 13:30:00 GMT", "Retry-After: Sat, 21 Nov 2026 13:30:42 GMT"];
    let date = [kind.as_slice(), &date].concat();
    assert_eq!(refusal(error("429 Too Many Requests", &date, body)).await.kind, throttled(42));
    let body = r#"{"message":"Request limit exceeded."}"#;
    let group = error("400 Bad Request", &["x-amzn-ErrorType: InvalidRequestException"], body);
    assert_eq!(refusal(group).await.kind, ErrorKind::Throttled { retry_after: None });
    let gone = reply("503 Service Unavailable", &["Retry-After: 3", CLOSE], "<html>busy</html>");
    let unavailable = ErrorKind::Unavailable { retry_after: Some(Duration::from_secs(3)) };
    assert_eq!(refusal(gone).await.kind, unavailable);
}

#[tokio::test]
async fn what_stands_in_between_is_never_taken_for_eks() {
    let page = "<!doctype html><title>404 Not Found</title>";
    let html = |status| reply(status, &["Content-Type: text/html", CLOSE], page);
    assert_eq!(refusal(html("404 Not Found")).await.kind, ErrorKind::Unsupported);
    assert_eq!(refusal(html("200 OK")).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(html("502 Bad Gateway")).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(reply("407 Proxy Authentication Required", &[CLOSE], "")).await.kind, ErrorKind::InvalidConfig);
    assert_eq!(refusal(reply("200 OK", &[CLOSE], "")).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(json("200 OK", &[CLOSE], r#"{"cluster":{"name":17}}"#)).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(json("200 OK", &[CLOSE], &"[".repeat(200_000))).await.kind, ErrorKind::Ambiguous);
    assert_eq!(
        refusal(reply("302 Found", &["Location: http://169.254.169.254/", CLOSE], "")).await.kind,
        ErrorKind::Protocol
    );
}

#[tokio::test]
async fn a_cluster_that_is_not_the_one_that_was_meant_is_refused() {
    let other = CLUSTER.replace(":us-east-1:", ":eu-west-1:");
    let refused = refusal(json("200 OK", &[CLOSE], &other)).await;
    assert_eq!(refused.kind, ErrorKind::NotOwned);
    assert!(ErrorChain(&refused).to_string().contains("eu-west-1"));
}

// With a worker of its own, the connection is hung up while the test waits for the server to have said it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn cut_and_missing_replies_leave_it_open_what_happened() {
    let whole = json("200 OK", &[CLOSE], CLUSTER);
    assert_eq!(refusal(whole[..whole.len() / 2].to_owned()).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal(String::new()).await.kind, ErrorKind::Ambiguous);
    assert_eq!(refusal("HTTP/1.1 200".to_owned()).await.kind, ErrorKind::Ambiguous);
    // A reply of 20 MiB is read to the limit and no further.
    let long = format!("{{\"cluster\":{{\"name\":\"{}\"}}}}", "x".repeat(20 << 20));
    assert_eq!(refusal(json("200 OK", &[CLOSE], &long)).await.kind, ErrorKind::Ambiguous);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_changed() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap();
    let refused = backend(&format!("http://{free}")).read(&id()).await.expect_err("nobody listens");
    assert_eq!(refused.kind, ErrorKind::Unavailable { retry_after: None }, "{}", ErrorChain(&refused));
    let unresolved = backend("http://nobody.invalid").read(&id()).await.expect_err("no such name");
    assert_eq!(unresolved.kind, ErrorKind::Unavailable { retry_after: None }, "{}", ErrorChain(&unresolved));
}

#[tokio::test]
async fn hostile_words_arrive_harmless() {
    let body = r#"{"message":"\u001b[2J\u001b[1;31mEnter your password:\u202e"}"#;
    let error = refusal(error("400 Bad Request", &["x-amzn-ErrorType: InvalidParameterException"], body)).await;
    let words = ErrorChain(&error).to_string();
    assert!(words.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{words:?}");
}

#[tokio::test]
async fn a_proxy_of_the_settings_is_taken() {
    let denied = error("403 Forbidden", &["x-amzn-ErrorType: AccessDeniedException"], "{}");
    let proxy = Scripted::start(vec![Line { request: "GET http://eks.example/clusters/prod HTTP/1.1", reply: denied }]);
    let settings = AwsSettings {
        endpoint: Some("http://eks.example".to_owned()),
        proxy: Some(proxy.url.clone()),
        access_key: Some("AKIDEXAMPLE".to_owned()),
        secret_key: Some(Secret::new("canary-secret")),
        ..AwsSettings::default()
    };
    let error = Eks::new(settings).read(&id()).await.expect_err("a refusal");
    assert_eq!(error.kind, ErrorKind::PermissionDenied, "{}", ErrorChain(&error));
    proxy.finish();
}
