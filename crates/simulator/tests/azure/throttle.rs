//! Rate limits at both layers, in simulated time.

use std::time::Duration;

use multicloud_simulator::{Config, Time};
use serde_json::Value;

use crate::client::{Client, SUBSCRIPTION, cluster_body, cluster_path, start_with};

/// A simulator in which a request takes no time.
async fn still() -> Client {
    start_with(Config { time: Time::Fast { step: Duration::ZERO }, ..Default::default() }).await
}

#[tokio::test]
async fn aks_counts_writes_per_cluster() {
    let client = still().await;
    let put = async |name: &str| client.call("PUT", &cluster_path(name), cluster_body(), &[]).await;
    assert_eq!(put("c").await.status, 201);
    for _ in 1..20 {
        assert_eq!(put("c").await.status, 409);
    }
    let reply = put("c").await;
    let refused = reply.refused();
    assert_eq!((reply.status, refused.code.as_str(), reply.header("retry-after")), (429, "Throttled", Some("60")));
    assert!(
        refused.message.starts_with("The PutManagedClusterHandler.PUT request limit has been exceeded"),
        "{refused:?}"
    );
    let asked = client.simulator.journal().pop().unwrap().not_before;
    assert_eq!(asked.as_deref(), Some("2026-01-01T00:01:00.000Z"));
    assert_eq!(put("other").await.status, 201);
    client.simulator.advance(Duration::from_secs(59));
    assert_eq!(put("c").await.header("retry-after"), Some("1"));
    client.simulator.advance(Duration::from_secs(1));
    assert_eq!(put("c").await.status, 409);
}

#[tokio::test]
async fn resource_manager_counts_reads_per_caller() {
    let mut client = still().await;
    let path = format!("/subscriptions/{SUBSCRIPTION}");
    let first = client.ok("GET", &path, Value::Null).await;
    assert_eq!(first.header("x-ms-ratelimit-remaining-subscription-reads"), Some("249"));
    for _ in 1..250 {
        client.get(&path).await;
    }
    let reply = client.call("GET", &path, Value::Null, &[]).await;
    assert_eq!((reply.status, reply.refused().code.as_str()), (429, "SubscriptionRequestsThrottled"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    client.token = "somebody-else".into();
    client.get(&path).await;
}

#[tokio::test]
async fn one_request_a_minute_is_never_too_many() {
    let client = start_with(Config::default()).await;
    client.cluster("c", cluster_body()).await;
    for _ in 0..80 {
        client.get(&cluster_path("c")).await;
    }
}
