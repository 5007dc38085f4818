//! Faults at each point of a request, and in the course of an operation.

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::client::{
    Broken, Client, GROUP, Reply, SUBSCRIPTION, VERSION, cluster_body, cluster_path, faults, pool_path, start,
    start_faulty, with, writable,
};

fn exists(client: &Client, name: &str) -> bool {
    client.simulator.world()["azure"][SUBSCRIPTION]["groups"][GROUP]["clusters"][name].is_object()
}

#[tokio::test]
async fn a_dropped_connection_commits_according_to_its_point() {
    for (point, commits, parts) in [
        ("before_send", false, false),
        ("uncommitted", false, false),
        ("reply_lost", true, false),
        ("reply_cut", true, true),
    ] {
        let client = start_faulty(&format!(r#"[{{"call":1,"point":"{point}","fault":"drop"}}]"#)).await;
        let Broken(received) = client.try_call("PUT", &cluster_path("c"), cluster_body(), &[]).await.unwrap_err();
        assert_eq!(!received.is_empty(), parts, "{point}");
        assert_eq!(exists(&client, "c"), commits, "{point}");
        let entry = client.simulator.journal().remove(0);
        assert_eq!((entry.fault, entry.committed), (Some(format!("{point}/drop")), commits));
        client.call("GET", &cluster_path("c"), Value::Null, &[]).await;
    }
}

#[tokio::test]
async fn a_reply_without_a_body_is_lost_where_it_would_be_cut() {
    let client = start_faulty(r#"[{"operation":"ManagedClusters_Delete","point":"reply_cut","fault":"drop"}]"#).await;
    client.cluster("c", cluster_body()).await;
    let Broken(received) = client.try_call("DELETE", &cluster_path("c"), Value::Null, &[]).await.unwrap_err();
    assert!(received.is_empty(), "{received:?}");
    let entry = client.simulator.journal().pop().unwrap();
    assert_eq!((entry.fault.as_deref(), entry.committed, entry.status), (Some("reply_cut/drop"), true, None));
}

#[tokio::test]
async fn a_reset_passes_through_tls() {
    for (point, fault) in
        [("uncommitted", "reset"), ("reply_lost", "reset"), ("reply_cut", "reset"), ("uncommitted", "drop")]
    {
        let client = start_faulty(&format!(r#"[{{"call":1,"point":"{point}","fault":"{fault}"}}]"#)).await;
        let target = format!("{}?api-version={VERSION}", cluster_path("c"));
        let headers = [("Authorization", "Bearer x")];
        let mut stream = client.open("azure", "PUT", &target, &cluster_body().to_string(), &headers).await;
        let end = stream.read_to_end(&mut Vec::new()).await;
        let reset = end.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert_eq!(reset, fault == "reset", "{point} {fault}: {end:?}");
        assert!(end.is_err(), "neither says goodbye");
    }
}

#[tokio::test]
async fn a_hanging_reply_is_journaled_before_it_hangs() {
    for (point, commits) in [("before_send", false), ("uncommitted", false), ("reply_lost", true), ("reply_cut", true)]
    {
        let plan = format!(r#"[{{"operation":"ManagedClusters_CreateOrUpdate","point":"{point}","fault":"hang"}}]"#);
        let client = start_faulty(&plan).await;
        let target = format!("{}?api-version={VERSION}", cluster_path("c"));
        let headers = [("Authorization", "Bearer x")];
        let stream = client.open("azure", "PUT", &target, &cluster_body().to_string(), &headers).await;
        let entry = client.entry(|entry| entry.operation == "ManagedClusters_CreateOrUpdate").await;
        assert_eq!((entry.committed, entry.fault), (commits, Some(format!("{point}/hang"))));
        // Other requests are served meanwhile, and what was committed is seen.
        let seen = client.call("GET", &cluster_path("c"), Value::Null, &[]).await.status == 200;
        assert_eq!(seen, commits, "{point}");
        drop(stream);
    }
}

#[tokio::test]
async fn errors_come_in_azures_words() {
    for (fault, status, code, part) in [
        ("throttle", 429, "Throttled", "request limit has been exceeded"),
        ("throttle_as_invalid_request", 429, "SubscriptionRequestsThrottled", "aka.ms/arm-throttling"),
        ("unavailable", 503, "ServerTimeout", "try again later"),
        ("internal_error", 500, "InternalServerError", "internal server error"),
        ("expired_token", 401, "ExpiredAuthenticationToken", "expired"),
        ("access_denied", 403, "AuthorizationFailed", "ManagedClusters_CreateOrUpdate"),
        ("propagating", 400, "ServicePrincipalNotFound", "not found in Active Directory"),
        ("busy", 409, "OperationNotAllowed", "Another operation (c - Updating) is in progress"),
        ("limit_exceeded", 400, "ErrCode_InsufficientVCPUQuota", "Insufficient vcpu quota"),
        ("not_found_as_client_exception", 404, "NotFound", "was not found"),
    ] {
        let plan = format!(r#"[{{"operation":"ManagedClusters_CreateOrUpdate","fault":"{fault}"}}]"#);
        let mut client = start_faulty(&plan).await;
        let reply = client.call("PUT", &cluster_path("c"), cluster_body(), &[]).await;
        let refused = reply.refused();
        assert_eq!((reply.status, refused.code.as_str(), reply.header("retry-after")), (status, code, None), "{fault}");
        assert!(refused.message.contains(part), "{fault}: {}", refused.message);
        // Once, and nothing was done.
        client.token = "another".into();
        client.ok("PUT", &cluster_path("c"), cluster_body()).await;
        let committed: Vec<_> = client.simulator.journal().iter().map(|entry| entry.committed).collect();
        assert_eq!(committed, [false, true], "{fault}");
    }
}

#[tokio::test]
async fn a_rule_can_say_when_to_come_back() {
    let plan = r#"[{"operation":"AgentPools_Get","fault":"throttle","retry_after":"Thu, 01 Jan 2026 00:02:00 GMT"}]"#;
    let client = start_faulty(plan).await;
    let reply = client.call("GET", &pool_path("c", "apps"), Value::Null, &[]).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("Thu, 01 Jan 2026 00:02:00 GMT")));
}

#[tokio::test]
async fn the_login_can_fail_too() {
    for (fault, status, error) in [
        ("unavailable", 503, "temporarily_unavailable"),
        ("throttle", 429, "temporarily_unavailable"),
        ("propagating", 400, "unauthorized_client"),
    ] {
        let client = start_faulty(&format!(r#"[{{"operation":"OAuth2_Token","fault":"{fault}"}}]"#)).await;
        let form = "grant_type=client_credentials&client_id=a&client_secret=b&scope=x%2F.default";
        let ask = async || client.send("azure_authority", "POST", "/t/oauth2/v2.0/token", form, &[]).await.unwrap();
        let reply = ask().await;
        assert_eq!((reply.status, &reply.json()["error"]), (status, &json!(error)));
        assert_eq!(ask().await.status, 200);
    }
}

#[tokio::test]
async fn an_accepted_creation_can_fail_and_be_mended() {
    for (fault, states) in [("fail", ["Failed", "Failed"]), ("degrade", ["Succeeded", "Failed"])] {
        let client =
            start_faulty(&format!(r#"[{{"operation":"ManagedClusters_CreateOrUpdate","fault":"{fault}"}}]"#)).await;
        let accepted = client.ok("PUT", &cluster_path("c"), cluster_body()).await;
        let ended = client.ended(&accepted).await;
        assert_eq!(ended["status"], "Failed");
        assert!(ended["error"]["code"].is_string() && ended["error"]["message"].is_string(), "{ended}");
        let failed = client.get(&cluster_path("c")).await;
        assert_eq!(failed["properties"]["provisioningState"], "Failed");
        for (index, state) in states.iter().enumerate() {
            assert_eq!(failed["properties"]["agentPoolProfiles"][index]["provisioningState"], *state, "{fault}");
        }
        client.done("PUT", &cluster_path("c"), writable(&failed)).await;
        let up = client.get(&cluster_path("c")).await;
        assert_eq!(up["properties"]["provisioningState"], "Succeeded");
        assert!(
            up["properties"]["agentPoolProfiles"]
                .as_array()
                .unwrap()
                .iter()
                .all(|pool| pool["provisioningState"] == "Succeeded")
        );
    }
}

#[tokio::test]
async fn other_operations_can_fail_too() {
    let client = start().await;
    let up = client.cluster("c", with(cluster_body(), "/properties/kubernetesVersion", "1.32".into())).await;
    for operation in
        ["ManagedClusters_CreateOrUpdate", "AgentPools_CreateOrUpdate", "AgentPools_Delete", "ManagedClusters_Delete"]
    {
        let plan = format!(r#"[{{"operation":"{operation}","fault":"fail"}}]"#);
        client.simulator.add_faults(faults(&plan)).unwrap();
    }
    let accepted =
        client.ok("PUT", &cluster_path("c"), with(writable(&up), "/properties/kubernetesVersion", "1.33".into())).await;
    assert_eq!(client.ended(&accepted).await["status"], "Failed");
    assert_eq!(client.get(&cluster_path("c")).await["properties"]["currentKubernetesVersion"], "1.32.9");
    client.done("PUT", &cluster_path("c"), with(writable(&up), "/properties/kubernetesVersion", "1.33".into())).await;
    let pool = client.get(&pool_path("c", "apps")).await;
    let accepted = client
        .ok("PUT", &pool_path("c", "apps"), with(writable(&pool), "/properties/orchestratorVersion", "1.33".into()))
        .await;
    assert_eq!(client.ended(&accepted).await["status"], "Failed");
    let failed = client.get(&pool_path("c", "apps")).await["properties"].clone();
    assert_eq!(
        (&failed["provisioningState"], &failed["currentOrchestratorVersion"]),
        (&json!("Failed"), &json!("1.32.9"))
    );
    let accepted = client.ok("DELETE", &pool_path("c", "apps"), Value::Null).await;
    assert_eq!(client.ended(&accepted).await["status"], "Failed");
    client.done("DELETE", &pool_path("c", "apps"), Value::Null).await;
    let accepted = client.ok("DELETE", &cluster_path("c"), Value::Null).await;
    let location =
        accepted.header("location").unwrap().strip_prefix(client.simulator.url("azure").unwrap()).unwrap().to_owned();
    assert_eq!(client.ended(&accepted).await["status"], "Failed");
    assert_eq!(client.refused("GET", &location, Value::Null).await.code, "ResourceGroupDeletionFailed");
    assert_eq!(client.get(&cluster_path("c")).await["properties"]["provisioningState"], "Failed");
    client.done("DELETE", &cluster_path("c"), Value::Null).await;
}

#[tokio::test]
async fn an_operation_can_be_slow_or_stuck() {
    let polls = async |plan: &str| {
        let client = start_faulty(plan).await;
        let accepted = client.ok("PUT", &cluster_path("c"), cluster_body()).await;
        let url = accepted.header("azure-asyncoperation").unwrap();
        let path = url.strip_prefix(client.simulator.url("azure").unwrap()).unwrap().to_owned();
        for poll in 0..200 {
            if client.get(&path).await["status"] != "InProgress" {
                return Some(poll);
            }
        }
        None
    };
    let usual = polls("[]").await.unwrap();
    let slow = polls(r#"[{"operation":"ManagedClusters_CreateOrUpdate","fault":"slow"}]"#).await.unwrap();
    assert!((9 * usual..=11 * usual.max(1) + 10).contains(&slow), "{usual} {slow}");
    assert_eq!(polls(r#"[{"operation":"ManagedClusters_CreateOrUpdate","fault":"stuck"}]"#).await, None);
}

#[tokio::test]
async fn replies_that_no_service_sends() {
    for (fault, status, as_said) in [
        ("html", 502, (|reply| reply.header("content-type") == Some("text/html")) as fn(&Reply) -> bool),
        ("empty", 200, |reply| reply.body.is_empty()),
        ("invalid_utf8", 200, |reply| std::str::from_utf8(&reply.body).is_err()),
        ("huge", 200, |reply| reply.body.len() == 10 * 1024 * 1024),
    ] {
        let client = start_faulty(&format!(r#"[{{"call":1,"fault":"{fault}"}}]"#)).await;
        let reply = client.try_call("GET", &cluster_path("c"), Value::Null, &[]).await.unwrap();
        assert!(reply.status == status && as_said(&reply), "{fault}");
    }
}
