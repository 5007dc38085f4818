//! The login: who gets a token, for what, and for how long.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::client::{Client, Reply, SUBSCRIPTION, faults, start};

const FORM: [(&str, &str); 1] = [("Content-Type", "application/x-www-form-urlencoded")];

async fn token(client: &Client, tenant: &str, form: &str) -> Reply {
    client.send("azure_authority", "POST", &format!("/{tenant}/oauth2/v2.0/token"), form, &FORM).await.unwrap()
}

fn jwt(claims: &Value) -> String {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2lnbmF0dXJl", part(r#"{"alg":"RS256"}"#), part(&claims.to_string()))
}

fn assertion(jwt: &str) -> String {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    format!(
        "grant_type=client_credentials&client_id=app&scope=https%3A%2F%2Fa%2F.default&client_assertion_type={kind}&client_assertion={jwt}"
    )
}

const SECRET: &str =
    "grant_type=client_credentials&client_id=app&client_secret=s&scope=https%3A%2F%2Fmanagement.azure.com%2F.default";

#[tokio::test]
async fn secrets_certificates_and_federated_tokens_are_exchanged() {
    let mut client = start().await;
    for form in [SECRET.to_owned(), assertion(&jwt(&json!({ "exp": 4_000_000_000_u64, "sub": "app" })))] {
        let reply = token(&client, "some-tenant", &form).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        let body = reply.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(86_399)));
        client.token = body["access_token"].as_str().unwrap().to_owned();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(client.token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!((&claims["tid"], &claims["appid"]), (&json!("some-tenant"), &json!("app")));
        client.get(&format!("/subscriptions/{SUBSCRIPTION}")).await;
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_in_entras_words() {
    let client = start().await;
    let with = |from: &str, to: &str| SECRET.replace(from, to);
    for (tenant, form, status, error, part) in [
        ("invalid", SECRET.to_owned(), 400, "invalid_request", "AADSTS90002"),
        ("t", with("client_credentials", "password"), 400, "unsupported_grant_type", "AADSTS70003"),
        ("t", with("client_id=app", "client_id=invalid"), 400, "unauthorized_client", "AADSTS700016"),
        ("t", with("client_id=app&", ""), 400, "invalid_request", "AADSTS900144"),
        ("t", with("client_secret=s", "client_secret=invalid"), 401, "invalid_client", "AADSTS7000215"),
        ("t", with("client_secret=s&", ""), 401, "invalid_client", "AADSTS7000218"),
        ("t", with("%2F.default", ""), 400, "invalid_scope", "AADSTS70011"),
        ("t", assertion("invalid"), 401, "invalid_client", "AADSTS50027"),
        ("t", assertion(&jwt(&json!({ "exp": 1_000_000_000 }))), 401, "invalid_client", "AADSTS700024"),
    ] {
        let reply = token(&client, tenant, &form).await;
        let body = reply.json();
        assert_eq!((reply.status, &body["error"]), (status, &json!(error)), "{form}: {body}");
        assert!(body["error_description"].as_str().unwrap().starts_with(part), "{form}: {body}");
    }
}

#[tokio::test]
async fn tokens_are_for_one_audience_and_end_in_simulated_time() {
    let mut client = start().await;
    let audience = SECRET.replace("https%3A%2F%2Fmanagement.azure.com", "6dae42f8-4368-4678-94ff-3960e28e3630");
    client.token = token(&client, "t", &audience).await.json()["access_token"].as_str().unwrap().to_owned();
    let path = format!("/subscriptions/{SUBSCRIPTION}");
    assert_eq!(client.refused("GET", &path, Value::Null).await.code, "InvalidAuthenticationTokenAudience");
    client.token = token(&client, "t", SECRET).await.json()["access_token"].as_str().unwrap().to_owned();
    client.simulator.advance(Duration::from_secs(86_000));
    client.get(&path).await;
    client.simulator.advance(Duration::from_secs(400));
    let refused = client.refused("GET", &path, Value::Null).await;
    assert_eq!((refused.status, refused.code.as_str()), (401, "ExpiredAuthenticationToken"));
}

#[tokio::test]
async fn a_token_expired_by_fault_stays_expired() {
    let mut client = start().await;
    let path = format!("/subscriptions/{SUBSCRIPTION}");
    for token in [None, Some(token(&client, "t", SECRET).await.json()["access_token"].as_str().unwrap().to_owned())] {
        client.token = token.unwrap_or_else(|| "a-token-of-its-own".into());
        client.simulator.add_faults(faults(r#"[{"operation":"Subscriptions_Get","fault":"expired_token"}]"#)).unwrap();
        for _ in 0..2 {
            assert_eq!(client.refused("GET", &path, Value::Null).await.code, "ExpiredAuthenticationToken");
        }
    }
    client.token = token(&client, "t", SECRET).await.json()["access_token"].as_str().unwrap().to_owned();
    client.get(&path).await;
}

#[tokio::test]
async fn managed_identities_ask_without_a_secret() {
    let mut client = start().await;
    for (path, header) in [
        (
            "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F",
            ("Metadata", "true"),
        ),
        (
            "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fmanagement.azure.com%2F&client_id=mine",
            ("X-IDENTITY-HEADER", "h"),
        ),
    ] {
        let refused = client.send("azure_authority", "GET", path, "", &[]).await.unwrap();
        assert_eq!(refused.status, 400);
        let body = client.send("azure_authority", "GET", path, "", &[header]).await.unwrap().json();
        assert!(body["expires_in"].is_string() && body["expires_on"].is_string(), "{body}");
        client.token = body["access_token"].as_str().unwrap().to_owned();
        client.get(&format!("/subscriptions/{SUBSCRIPTION}")).await;
    }
}

#[tokio::test]
async fn discovery_leads_back_here() {
    let client = start().await;
    let base = client.simulator.url("azure_authority").unwrap().to_owned();
    let path = "/t/v2.0/.well-known/openid-configuration";
    let body = client.send("azure_authority", "GET", path, "", &[]).await.unwrap().json();
    assert_eq!(body["token_endpoint"], format!("{base}/t/oauth2/v2.0/token"));
    let path =
        format!("/common/discovery/instance?api-version=1.1&authorization_endpoint={base}/t/oauth2/v2.0/authorize");
    let body = client.send("azure_authority", "GET", &path, "", &[]).await.unwrap().json();
    assert_eq!(body["tenant_discovery_endpoint"], format!("{base}/t/v2.0/.well-known/openid-configuration"));
}
