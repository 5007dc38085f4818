//! The front door: who is let in, and what the request must carry.

use serde_json::Value;

use crate::client::{Client, SUBSCRIPTION, VERSION, cluster_path, start};

#[tokio::test]
async fn any_token_but_an_invalid_one_is_let_in() {
    let client = start().await;
    let path = format!("/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01");
    for (header, code) in [
        (None, "AuthenticationFailed"),
        (Some("Basic eDp5"), "AuthenticationFailed"),
        (Some("Bearer invalid"), "InvalidAuthenticationToken"),
        // The form of Entra's tokens, and not from here.
        (Some("Bearer aaa.bbb.ccc"), "InvalidAuthenticationToken"),
    ] {
        let headers: Vec<_> = header.map(|header| ("Authorization", header)).into_iter().collect();
        let reply = client.send("azure", "GET", &path, "", &headers).await.unwrap();
        assert_eq!((reply.status, reply.refused().code.as_str()), (401, code), "{header:?}");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer authorization_uri="), "{reply:?}");
    }
    assert_eq!(client.ok("GET", &path, Value::Null).await.json()["subscriptionId"], SUBSCRIPTION);
}

#[tokio::test]
async fn an_api_version_is_needed_and_any_will_do() {
    let client = start().await;
    let headers = [("Authorization", "Bearer x")];
    let path = format!("/subscriptions/{SUBSCRIPTION}");
    for (query, code) in [("", "MissingApiVersionParameter"), ("?api-version=new", "InvalidApiVersionParameter")] {
        let reply = client.send("azure", "GET", &format!("{path}{query}"), "", &headers).await.unwrap();
        assert_eq!((reply.status, reply.refused().code.as_str()), (400, code));
    }
    for version in [VERSION, "2026-08-01", "2024-09-02-preview"] {
        client.ok("GET", &format!("{path}?api-version={version}"), Value::Null).await;
    }
}

#[tokio::test]
async fn unknown_places_and_broken_bodies_are_refused() {
    let client = start().await;
    let reply = client.call("GET", "/subscriptions/x/providers/Microsoft.Web/sites", Value::Null, &[]).await;
    assert_eq!((reply.status, client.simulator.journal()[0].operation), (404, "Unknown"));
    let headers = [("Authorization", "Bearer x")];
    let target = format!("{}?api-version={VERSION}", cluster_path("c"));
    let reply = client.send("azure", "PUT", &target, "{\"location\":", &headers).await.unwrap();
    assert_eq!((reply.status, reply.refused().code.as_str()), (400, "InvalidRequestContent"));
}

#[tokio::test]
async fn its_certificate_is_of_its_own_authority_and_of_nobody_elses() {
    let client = start().await;
    let bundle = client.simulator.ca_bundle().unwrap().to_path_buf();
    let ready: Value = serde_json::from_str(&client.simulator.ready_line()).unwrap();
    assert_eq!(ready["ca_bundle"], bundle.to_str().unwrap());
    assert!(client.simulator.urls().iter().all(|(_, url)| url.starts_with("https://127.0.0.1:")));
    // Who trusts another simulator's authority does not get in.
    let other = start().await;
    let address = |client: &Client| client.simulator.url("azure").unwrap().strip_prefix("https://").unwrap().to_owned();
    let error = other.trusts(&address(&client)).await.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer") || error.contains("BadSignature"), "{error}");
    client.trusts(&address(&client)).await.unwrap();
    // Its file goes with it.
    drop(client);
    assert!(!bundle.exists());
}
