//! Faults at each point of a request, in Google's words.

use serde_json::{Value, json};

use crate::client::{Broken, Client, PROJECT, ZONE, cluster, faults, start};

const CLUSTER: &str = "projects/simulated-project/locations/us-east1-b/clusters/c";

async fn with(plan: &str) -> Client {
    let client = start().await;
    client.simulator.add_faults(faults(plan)).unwrap();
    client
}

fn exists(client: &Client) -> bool {
    client.simulator.world()["google"]["simulated-project"]["us-east1-b"]["clusters"]["c"].is_object()
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
        let Broken(received) = client.try_call("clusters.create", ZONE, cluster("c", json!({}))).await.unwrap_err();
        assert_eq!(!received.is_empty(), parts, "{point}");
        assert_eq!(exists(&client), commits, "{point}");
        let entry = client.simulator.journal().remove(0);
        assert_eq!((entry.operation, entry.committed, entry.status), ("CreateCluster", commits, parts.then_some(200)));
        assert_eq!(entry.fault, Some(format!("{point}/drop")));
    }
}

#[tokio::test]
async fn a_hanging_reply_is_journaled_before_it_hangs() {
    let client = with(r#"[{"operation":"CreateCluster","point":"reply_lost","fault":"hang"}]"#).await;
    let body = cluster("c", json!({})).to_string();
    let path = format!("/v1/{ZONE}/clusters");
    let _stream = client.open("google", "POST", &path, &body, &[]).await;
    let entry = client.entry(|entry| entry.operation == "CreateCluster").await;
    assert!(entry.committed);
    client.ok("clusters.get", CLUSTER, json!({})).await;
}

#[tokio::test]
async fn errors_come_in_the_services_words() {
    for (fault, code, status, reason, message) in [
        ("throttle", 429, "RESOURCE_EXHAUSTED", "rateLimitExceeded", "Quota exceeded for quota metric"),
        ("throttle_as_invalid_request", 403, "PERMISSION_DENIED", "rateLimitExceeded", "Rate Limit Exceeded"),
        ("unavailable", 503, "UNAVAILABLE", "backendError", "The service is currently unavailable."),
        ("internal_error", 500, "INTERNAL", "backendError", "Internal error encountered."),
        ("expired_token", 401, "UNAUTHENTICATED", "authError", "Request had invalid authentication credentials."),
        ("access_denied", 403, "PERMISSION_DENIED", "forbidden", "Permission for UpdateCluster denied"),
        ("propagating", 400, "INVALID_ARGUMENT", "badRequest", "Service account"),
        (
            "busy",
            400,
            "FAILED_PRECONDITION",
            "failedPrecondition",
            "Cluster is running incompatible operation operation-",
        ),
        ("limit_exceeded", 403, "PERMISSION_DENIED", "forbidden", "Insufficient regional quota"),
        ("not_found_as_client_exception", 404, "NOT_FOUND", "notFound", "The resource"),
    ] {
        let client = with(&format!(r#"[{{"operation":"UpdateCluster","fault":"{fault}"}}]"#)).await;
        client.simulator.put("google", "simulated-project/us-east1-b/clusters/c", json!({})).unwrap();
        let body = json!({ "update": { "desiredShieldedNodes": { "enabled": true } } });
        let refused = client.refused("clusters.update", CLUSTER, body.clone()).await;
        assert_eq!((refused.code, refused.status.as_str(), refused.reason.as_str()), (code, status, reason), "{fault}");
        assert!(refused.message.starts_with(message), "{fault}: {refused:?}");
        // Once, and nothing was done.
        client.simulator.advance(std::time::Duration::from_secs(600));
        client.ok("clusters.update", CLUSTER, body).await;
        let committed: Vec<_> = client.simulator.journal().iter().map(|entry| entry.committed).collect();
        assert_eq!(committed, [false, true], "{fault}");
    }
}

#[tokio::test]
async fn compute_says_too_many_requests_in_its_own_way() {
    let client = with(r#"[{"operation":"GetZone","fault":"throttle"}]"#).await;
    let zone = json!({ "project": PROJECT, "zone": "us-east1-b" });
    let refused = client.refused("compute.zones.get", zone.clone(), json!({})).await;
    assert_eq!((refused.code, refused.reason.as_str()), (403, "rateLimitExceeded"));
    client.ok("compute.zones.get", zone, json!({})).await;
}

#[tokio::test]
async fn what_a_busy_cluster_names_exists_and_ends() {
    let client = with(r#"[{"operation":"SetNodePoolSize","fault":"busy"}]"#).await;
    let name = client.cluster(ZONE, json!({})).await;
    let (target, size) = (format!("{name}/nodePools/system"), json!({ "nodeCount": 2 }));
    let refused = client.refused("clusters.nodePools.setSize", target.as_str(), size.clone()).await;
    let named = refused.message.split_whitespace().find(|word| word.starts_with("operation-")).unwrap();
    let named = json!({ "name": named.trim_end_matches('.') });
    let done = client.ended(ZONE, &named).await;
    assert_eq!((&done["operationType"], &done["error"]), (&json!("REPAIR_CLUSTER"), &Value::Null));
    client.change("clusters.nodePools.setSize", &target, size).await;
}

#[tokio::test]
async fn an_error_after_the_work_hides_that_it_was_done() {
    let client =
        with(r#"[{"operation":"CreateCluster","point":"reply_lost","fault":"unavailable","retry_after":"7"}]"#).await;
    let reply = client.try_call("clusters.create", ZONE, cluster("c", json!({}))).await.unwrap();
    assert_eq!((reply.status, reply.header("Retry-After")), (503, Some("7")));
    assert!(exists(&client) && client.simulator.journal()[0].committed);
    assert_eq!(client.refused("clusters.create", ZONE, cluster("c", json!({}))).await.status, "ALREADY_EXISTS");
}

#[tokio::test]
async fn every_call_of_a_life_can_be_lost_and_is_committed_or_not_as_said() {
    let life = async |client: &Client| {
        let size = json!({ "nodeCount": 2 });
        let mut outcomes = Vec::new();
        for (id, target, body) in [
            ("clusters.create", ZONE.to_owned(), cluster("c", json!({}))),
            ("clusters.nodePools.setSize", format!("{CLUSTER}/nodePools/system"), size),
            ("clusters.delete", CLUSTER.to_owned(), json!({})),
            ("clusters.get", CLUSTER.to_owned(), json!({})),
        ] as [(&'static str, String, Value); 4]
        {
            outcomes.push(client.try_call(id, target, body).await.is_ok());
            client.simulator.advance(std::time::Duration::from_secs(1800));
        }
        outcomes
    };
    let calm = start().await;
    life(&calm).await;
    let reference = calm.simulator.journal();
    for call in 1..=reference.len() {
        for (point, commits) in
            [("before_send", false), ("uncommitted", false), ("reply_lost", true), ("reply_cut", true)]
        {
            let client = with(&format!(r#"[{{"call":{call},"point":"{point}","fault":"drop"}}]"#)).await;
            let outcomes = life(&client).await;
            let expected: Vec<_> = (1..=reference.len()).map(|number| number != call).collect();
            assert_eq!(outcomes, expected, "{call} {point}");
            let entry = client.simulator.journal()[call - 1].clone();
            assert_eq!(entry.committed, commits && reference[call - 1].committed, "{call} {point}");
        }
    }
}

#[tokio::test]
async fn a_rule_that_names_no_method_is_refused() {
    let client = start().await;
    let error = client.simulator.add_faults(faults(r#"[{"operation":"CreateNodegroup","fault":"slow"}]"#)).unwrap_err();
    assert!(error.to_string().contains("CreateNodePool"), "{error}");
}
