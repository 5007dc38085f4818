//! Faults at each point of a request, and in the course of an operation.

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::client::{Broken, Client, Reply, cluster, faults, nodegroup, start};

async fn with(plan: &str) -> Client {
    let client = start().await;
    client.simulator.add_faults(faults(plan)).unwrap();
    client
}

fn exists(client: &Client, name: &str) -> bool {
    client.simulator.world()["eks"]["123456789012"]["us-east-1"]["clusters"][name].is_object()
}

#[tokio::test]
async fn a_dropped_connection_commits_according_to_its_point() {
    for (point, commits, parts) in [
        ("before_send", false, false),
        ("uncommitted", false, false),
        ("reply_lost", true, false),
        ("reply_cut", true, true),
    ] {
        let client = with(&format!(r#"[{{"call":1,"point":"{point}","fault":"drop"}}]"#)).await;
        let Broken(received) = client.try_call("CreateCluster", cluster("c", json!({}))).await.unwrap_err();
        assert_eq!(!received.is_empty(), parts, "{point}");
        if parts {
            let text = String::from_utf8(received).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            assert!(text.starts_with("HTTP/1.1 200") && body.len() == length.parse::<usize>().unwrap() / 2, "{text}");
        }
        assert_eq!(exists(&client, "c"), commits, "{point}");
        let entry = client.simulator.journal().remove(0);
        assert_eq!(entry.fault, Some(format!("{point}/drop")));
        assert_eq!((entry.committed, entry.status), (commits, parts.then_some(200)), "{point}");
        client.call("DescribeCluster", json!({ "name": "c" })).await.ok();
    }
}

#[tokio::test]
async fn a_reset_is_none_of_a_quiet_end() {
    for (point, fault) in [
        ("uncommitted", "reset"),
        ("reply_lost", "reset"),
        ("reply_cut", "reset"),
        ("uncommitted", "drop"),
        ("reply_cut", "drop"),
    ] {
        let client = with(&format!(r#"[{{"call":1,"point":"{point}","fault":"{fault}"}}]"#)).await;
        let body = cluster("c", json!({})).to_string();
        let mut stream = client.open("eks", "POST", "/clusters", &body, &[]).await;
        let end = stream.read_to_end(&mut Vec::new()).await;
        let reset = end.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert_eq!(reset, fault == "reset", "{point} {fault}: {end:?}");
    }
}

#[tokio::test]
async fn a_hanging_reply_is_journaled_before_it_hangs() {
    for (point, commits) in [("before_send", false), ("uncommitted", false), ("reply_lost", true), ("reply_cut", true)]
    {
        let client = with(&format!(r#"[{{"operation":"CreateCluster","point":"{point}","fault":"hang"}}]"#)).await;
        let body = cluster("c", json!({})).to_string();
        let stream = client.open("eks", "POST", "/clusters", &body, &[]).await;
        let entry = client.entry(|entry| entry.operation == "CreateCluster").await;
        assert_eq!((entry.committed, entry.fault), (commits, Some(format!("{point}/hang"))));
        // Other requests are served meanwhile, and what was committed is seen.
        let seen = client.call("DescribeCluster", json!({ "name": "c" })).await.is_ok();
        assert_eq!(seen, commits, "{point}");
        if point == "reply_cut" {
            stream.readable().await.unwrap();
        }
        let mut buffer = [0; 4096];
        let received = stream.try_read(&mut buffer);
        let nothing = received.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert_eq!(nothing, point != "reply_cut", "{point}: {received:?}");
    }
}

#[tokio::test]
async fn errors_come_in_the_services_words() {
    for (fault, status, code, message) in [
        ("throttle", 429, "ThrottlingException", "Rate exceeded"),
        ("throttle_as_invalid_request", 400, "InvalidRequestException", "Request limit exceeded."),
        ("unavailable", 503, "ServiceUnavailableException", "Service is unavailable. Please try again later."),
        ("internal_error", 500, "ServerException", "Internal server error"),
        ("expired_token", 403, "ExpiredTokenException", "The security token included in the request is expired"),
        ("access_denied", 403, "AccessDeniedException", "User is not authorized to perform: eks:UpdateClusterConfig"),
        ("propagating", 400, "InvalidParameterException", "Role could not be assumed because"),
        ("busy", 409, "ResourceInUseException", "Cannot UpdateClusterConfig because cluster c currently has update"),
        ("limit_exceeded", 400, "ResourceLimitExceededException", "Service limit exceeded"),
        ("not_found_as_client_exception", 400, "ClientException", "No cluster found for name: c."),
    ] {
        let client = with(&format!(r#"[{{"operation":"UpdateClusterConfig","fault":"{fault}"}}]"#)).await;
        client.simulator.put("eks", "123456789012/us-east-1/clusters/c", json!({})).unwrap();
        let input = json!({ "name": "c", "deletionProtection": true });
        let reply = client.try_call("UpdateClusterConfig", input.clone()).await.unwrap();
        assert_eq!((reply.status, reply.header("x-amzn-ErrorType")), (status, Some(code)), "{fault}");
        assert!(reply.json()["message"].as_str().unwrap().starts_with(message), "{fault}: {reply:?}");
        // Once, and nothing was done.
        client.ok("UpdateClusterConfig", input).await;
        let committed: Vec<_> = client.simulator.journal().iter().map(|entry| entry.committed).collect();
        assert_eq!(committed, [false, true], "{fault}");
    }
}

#[tokio::test]
async fn replies_that_no_service_sends() {
    let is_json = |reply: &Reply| serde_json::from_slice::<Value>(&reply.body).is_ok();
    for (fault, status, as_said) in [
        ("html", 502, (|reply| reply.header("content-type") == Some("text/html")) as fn(&Reply) -> bool),
        ("empty", 200, |reply| reply.body.is_empty()),
        ("truncated", 200, |reply| reply.body.starts_with(b"{\"cluster\"")),
        ("invalid_utf8", 200, |reply| std::str::from_utf8(&reply.body).is_err()),
        ("wrong_shape", 200, |reply| reply.body.starts_with(b"{\"cluster\":[1e400]") && reply.body.ends_with(b"}}")),
        ("huge", 200, |reply| reply.body.len() == 10 * 1024 * 1024),
    ] {
        let client = with(&format!(r#"[{{"call":1,"fault":"{fault}"}}]"#)).await;
        let reply = client.try_call("ListClusters", json!({})).await.unwrap();
        assert_eq!(reply.status, status, "{fault}");
        assert!(as_said(&reply) && (!is_json(&reply) || fault == "wrong_shape"), "{fault}");
    }
}

#[tokio::test]
async fn an_error_after_the_work_hides_that_it_was_done() {
    let client =
        with(r#"[{"operation":"CreateCluster","point":"reply_lost","fault":"unavailable","retry_after":"7"}]"#).await;
    let reply = client.try_call("CreateCluster", cluster("c", json!({}))).await.unwrap();
    assert_eq!((reply.status, reply.header("Retry-After")), (503, Some("7")));
    assert!(exists(&client, "c"));
    assert!(client.simulator.journal()[0].committed);
}

#[tokio::test]
async fn creations_fail_with_the_issue_that_explains_it() {
    let client = with(
        r#"[{"operation":"CreateNodegroup","fault":"fail"},{"operation":"CreateAddon","fault":"fail"},
            {"operation":"CreateCluster","fault":"fail"}]"#,
    )
    .await;
    client.ok("CreateCluster", cluster("f", json!({}))).await;
    let failed = client.until("DescribeCluster", json!({ "name": "f" }), "/cluster/status", "FAILED").await;
    assert_eq!(failed["cluster"]["health"]["issues"][0]["code"], "InsufficientFreeAddresses");
    client.cluster("c", json!({})).await;
    client.ok("CreateNodegroup", nodegroup("c", "g", json!({}))).await;
    let name = json!({ "clusterName": "c", "nodegroupName": "g" });
    let failed = client.until("DescribeNodegroup", name.clone(), "/nodegroup/status", "CREATE_FAILED").await;
    assert_eq!(failed["nodegroup"]["health"]["issues"][0]["code"], "NodeCreationFailure");
    let addon = json!({ "clusterName": "c", "addonName": "vpc-cni" });
    client.ok("CreateAddon", addon.clone()).await;
    client.until("DescribeAddon", addon, "/addon/status", "CREATE_FAILED").await;
    // What failed can be deleted and made again.
    client.ok("DeleteNodegroup", name).await;
    client.simulator.advance(std::time::Duration::from_secs(600));
    client.nodegroup("c", "g", json!({})).await;
}

#[tokio::test]
async fn updates_fail_and_leave_things_as_they_were() {
    let client = with(
        r#"[{"operation":"UpdateClusterVersion","fault":"fail"},{"operation":"UpdateNodegroupVersion","fault":"fail"}]"#,
    )
    .await;
    client.cluster("c", json!({ "version": "1.33" })).await;
    client.nodegroup("c", "g", json!({})).await;
    let accepted = client.ok("UpdateClusterVersion", json!({ "name": "c", "version": "1.34" })).await;
    assert_eq!(client.ended("c", &accepted, json!({})).await, "Failed");
    let id = accepted["update"]["id"].clone();
    let update = client.ok("DescribeUpdate", json!({ "name": "c", "updateId": id })).await;
    assert_eq!(update["update"]["errors"][0]["errorCode"], "InsufficientFreeAddresses");
    let doc = client.ok("DescribeCluster", json!({ "name": "c" })).await;
    assert_eq!((&doc["cluster"]["version"], &doc["cluster"]["status"]), (&json!("1.33"), &json!("ACTIVE")));
    let accepted = client.ok("UpdateNodegroupVersion", json!({ "clusterName": "c", "nodegroupName": "g" })).await;
    assert_eq!(client.ended("c", &accepted, json!({ "nodegroupName": "g" })).await, "Failed");
}

#[tokio::test]
async fn a_group_can_come_up_degraded_and_a_deletion_fail() {
    let client =
        with(r#"[{"operation":"CreateNodegroup","fault":"degrade"},{"operation":"DeleteNodegroup","fault":"fail"}]"#)
            .await;
    client.cluster("c", json!({})).await;
    client.ok("CreateNodegroup", nodegroup("c", "g", json!({}))).await;
    let name = json!({ "clusterName": "c", "nodegroupName": "g" });
    let degraded = client.until("DescribeNodegroup", name.clone(), "/nodegroup/status", "DEGRADED").await;
    assert_eq!(degraded["nodegroup"]["health"]["issues"][0]["code"], "AsgInstanceLaunchFailures");
    client.ok("DeleteNodegroup", name.clone()).await;
    client.until("DescribeNodegroup", name, "/nodegroup/status", "DELETE_FAILED").await;
}

#[tokio::test]
async fn slow_takes_ten_times_and_stuck_a_month() {
    let client = with(r#"[{"call":1,"fault":"slow"},{"call":2,"fault":"stuck"}]"#).await;
    client.ok("CreateCluster", cluster("slow", json!({}))).await;
    client.ok("CreateCluster", cluster("stuck", json!({}))).await;
    let status = async |name: &str| {
        let doc = client.ok("DescribeCluster", json!({ "name": name })).await;
        doc["cluster"]["status"].as_str().unwrap().to_owned()
    };
    client.simulator.advance(std::time::Duration::from_secs(3600));
    assert_eq!(status("slow").await, "CREATING");
    client.simulator.advance(std::time::Duration::from_secs(3600));
    assert_eq!(status("slow").await, "ACTIVE");
    client.simulator.advance(std::time::Duration::from_secs(29 * 86_400));
    assert_eq!(status("stuck").await, "CREATING");
    client.simulator.advance(std::time::Duration::from_secs(2 * 86_400));
    assert_eq!(status("stuck").await, "ACTIVE");
}

#[tokio::test]
async fn a_rule_that_names_no_operation_is_refused() {
    let client = start().await;
    let error = client.simulator.add_faults(faults(r#"[{"operation":"MakeCluster","fault":"slow"}]"#)).unwrap_err();
    assert!(error.to_string().contains("CreateCluster"), "{error}");
}

#[tokio::test]
async fn a_share_of_all_requests_fails_by_seed() {
    let run = async |seed: u64| {
        let config = multicloud_simulator::Config { seed, ..Default::default() };
        let client = crate::client::start_with(config).await;
        let plan = r#"[{"operation":"*","probability":0.3,"times":1000,"fault":"throttle"}]"#;
        client.simulator.add_faults(faults(plan)).unwrap();
        for _ in 0..100 {
            client.call("ListClusters", json!({})).await.ok();
        }
        client.simulator.journal().iter().map(|entry| entry.fault.is_some()).collect::<Vec<_>>()
    };
    let (one, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    let hits = one.iter().filter(|hit| **hit).count();
    assert!((15..45).contains(&hits), "{hits}");
}

#[tokio::test]
async fn every_call_of_a_life_can_be_lost_and_is_committed_or_not_as_said() {
    // The number of calls comes from a run without faults.
    let life = async |client: &Client| {
        let mut outcomes = Vec::new();
        for (operation, input) in [
            ("CreateCluster", cluster("c", json!({}))),
            ("UpdateClusterConfig", json!({ "name": "c", "deletionProtection": true })),
            (
                "TagResource",
                json!({ "resourceArn": "arn:aws:eks:us-east-1:123456789012:cluster/c", "tags": { "a": "b" } }),
            ),
            ("DescribeCluster", json!({ "name": "c" })),
        ] as [(&'static str, Value); 4]
        {
            outcomes.push(client.try_call(operation, input).await.is_ok());
            client.simulator.advance(std::time::Duration::from_secs(1800));
        }
        outcomes
    };
    let calm = start().await;
    life(&calm).await;
    let calls = calm.simulator.journal().len();
    assert_eq!(calls, 4);
    for call in 1..=calls {
        for (point, commits) in
            [("before_send", false), ("uncommitted", false), ("reply_lost", true), ("reply_cut", true)]
        {
            let client = with(&format!(r#"[{{"call":{call},"point":"{point}","fault":"drop"}}]"#)).await;
            let outcomes = life(&client).await;
            let expected: Vec<_> = (1..=calls).map(|number| number != call).collect();
            assert_eq!(outcomes, expected, "{call} {point}");
            let entry = client.simulator.journal()[call - 1].clone();
            let changes = calm.simulator.journal()[call - 1].committed;
            assert_eq!(entry.committed, commits && changes, "{call} {point}");
        }
    }
}
