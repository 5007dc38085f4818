//! Access tokens in every form, and their end.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use multicloud_simulator::Config;
use serde_json::{Value, json};

use crate::client::{Client, NUMBER, PROJECT, Reply, ZONE, config, faults, start, start_with};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");

fn assertion(claims: Value) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.sig", part(json!({ "alg": "RS256" })), part(claims))
}

fn claims(issuer: &str) -> Value {
    let scope = "https://www.googleapis.com/auth/cloud-platform";
    json!({ "iss": issuer, "scope": scope, "aud": "https://oauth2.googleapis.com/token", "iat": 1000, "exp": 4600 })
}

async fn post(client: &Client, path: &str, body: &str) -> Reply {
    client.send("google", "POST", path, body, &[FORM]).await.unwrap()
}

async fn bearer(client: &Client, assertion: &str) -> Reply {
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    post(client, "/token", &format!("grant_type={grant}&assertion={assertion}")).await
}

async fn metadata(client: &Client, path: &str) -> Reply {
    client.send("google", "GET", &format!("/computeMetadata/v1/{path}"), "", &[FLAVOR]).await.unwrap()
}

#[tokio::test]
async fn each_kind_of_credential_gets_a_token_that_works() {
    let mut client = start().await;
    let service_account =
        bearer(&client, &assertion(claims("deployer@simulated-project.iam.gserviceaccount.com"))).await;
    let user = post(&client, "/token", "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r").await;
    let basic = [FORM, ("Authorization", "Basic Yzpz")];
    let form = "grant_type=refresh_token&refresh_token=r";
    let person = client.send("google", "POST", "/v1/oauthtoken", form, &basic).await.unwrap();
    let federated = post(
        &client,
        "/v1/token",
        &json!({
            "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/p/providers/q",
            "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
            "subjectToken": "ey",
        })
        .to_string(),
    )
    .await;
    let machine = metadata(&client, "instance/service-accounts/default/token").await;
    let mut tokens = Vec::new();
    for reply in [service_account, user, person, federated, machine] {
        assert_eq!(reply.status, 200, "{reply:?}");
        let body = reply.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
        tokens.push(body["access_token"].as_str().unwrap().to_owned());
    }
    client.token = Some(tokens[0].clone());
    let path = "/v1/projects/-/serviceAccounts/nodes@simulated-project.iam.gserviceaccount.com:generateAccessToken";
    let scope = json!({ "scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "600s" });
    let impersonated = client.send("google", "POST", path, &scope.to_string(), &[]).await.unwrap().json();
    assert_eq!(impersonated["expireTime"].as_str().unwrap().len(), "2026-01-01T00:00:00Z".len());
    tokens.push(impersonated["accessToken"].as_str().unwrap().to_owned());
    for token in &tokens {
        client.token = Some(token.clone());
        client.ok("clusters.list", ZONE, json!({})).await;
    }
    let story = serde_json::to_string(&client.simulator.journal()).unwrap();
    let secrets =
        tokens.iter().map(String::as_str).chain(["\"ey\"", "refresh_token\":\"r", "client_secret", "assertion"]);
    for secret in secrets {
        assert!(!story.contains(secret), "{secret} is in {story}");
    }
    assert!(!format!("{:?}", client.simulator).contains(&tokens[0]));
}

#[tokio::test]
async fn an_expired_token_is_refused_until_there_is_another() {
    let mut client = start().await;
    let token = bearer(&client, &assertion(claims("a@b"))).await.json()["access_token"].as_str().unwrap().to_owned();
    client.token = Some(token);
    client.ok("clusters.list", ZONE, json!({})).await;
    client.simulator.advance(std::time::Duration::from_secs(3600));
    let refused = client.refused("clusters.list", ZONE, json!({})).await;
    assert_eq!((refused.code, refused.status.as_str()), (401, "UNAUTHENTICATED"));
    let reply = client.try_call("clusters.list", ZONE, json!({})).await.unwrap();
    assert!(reply.header("WWW-Authenticate").unwrap().contains("invalid_token"));
    assert_eq!(reply.json()["error"]["details"][0]["reason"], "ACCESS_TOKEN_EXPIRED");
    client.token = Some("of somebody else".into());
    client.ok("clusters.list", ZONE, json!({})).await;
    client.token = None;
    client.ok("clusters.list", ZONE, json!({})).await;
    client.token = Some("invalid".into());
    for (id, target) in [
        ("clusters.list", json!(ZONE)),
        ("compute.zones.list", json!({ "project": PROJECT })),
        ("serviceusage.services.list", json!({ "parent": format!("projects/{PROJECT}") })),
    ] {
        assert_eq!(client.refused(id, target, json!({})).await.status, "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn the_fault_ends_a_token_for_good() {
    let mut client =
        start_with(Config { faults: faults(r#"[{"operation":"ListClusters","fault":"expired_token"}]"#), ..config() })
            .await;
    let renew = async |client: &Client| {
        bearer(client, &assertion(claims("a@b"))).await.json()["access_token"].as_str().unwrap().to_owned()
    };
    client.token = Some(renew(&client).await);
    for _ in 0..2 {
        assert_eq!(client.refused("clusters.list", ZONE, json!({})).await.code, 401);
    }
    client.token = Some(renew(&client).await);
    client.ok("clusters.list", ZONE, json!({})).await;
}

#[tokio::test]
async fn what_is_invalid_is_refused_in_the_form_of_oauth() {
    let client = start().await;
    let mut long = claims("a@b");
    long["exp"] = json!(999_999);
    let mut unscoped = claims("a@b");
    unscoped["scope"] = Value::Null;
    for (reply, error) in [
        (
            bearer(&client, &assertion(claims("invalid@simulated-project.iam.gserviceaccount.com"))).await,
            "invalid_grant",
        ),
        (bearer(&client, "a.b").await, "invalid_grant"),
        (bearer(&client, &assertion(long)).await, "invalid_grant"),
        (bearer(&client, &assertion(unscoped)).await, "invalid_scope"),
        (post(&client, "/token", "grant_type=refresh_token&client_id=c&refresh_token=invalid").await, "invalid_grant"),
        (post(&client, "/token", "grant_type=refresh_token&client_id=c").await, "invalid_request"),
        (post(&client, "/token", "grant_type=refresh_token&refresh_token=r").await, "invalid_client"),
        (post(&client, "/token", "grant_type=password").await, "unsupported_grant_type"),
        (post(&client, "/v1/token", "grant_type=password").await, "unsupported_grant_type"),
        (
            post(
                &client,
                "/v1/token",
                "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&audience=//iam.googleapis.com/p\
                 &subject_token_type=t&subject_token=invalid",
            )
            .await,
            "invalid_grant",
        ),
    ] {
        assert!(matches!(reply.status, 400 | 401), "{reply:?}");
        assert_eq!(reply.json()["error"], error);
        assert!(reply.json()["error_description"].is_string());
    }
    let scope = json!({ "scope": ["s"] }).to_string();
    let path = |account: &str| format!("/v1/projects/-/serviceAccounts/{account}:generateAccessToken");
    for (account, body, code) in [
        ("invalid@p.iam.gserviceaccount.com", scope.as_str(), 403),
        ("a@p.iam.gserviceaccount.com", "{}", 400),
        ("a@p.iam.gserviceaccount.com", r#"{"scope":["s"],"lifetime":"43200s"}"#, 400),
    ] {
        let reply = client.send("google", "POST", &path(account), body, &[]).await.unwrap();
        assert_eq!((u64::from(reply.status), reply.json()["error"]["code"].as_u64()), (code, Some(code)));
    }
}

#[tokio::test]
async fn the_metadata_server_tells_who_the_machine_is() {
    let client = start().await;
    let email = format!("{NUMBER}-compute@developer.gserviceaccount.com");
    for (path, text) in [
        ("project/project-id", PROJECT),
        ("project/numeric-project-id", NUMBER),
        ("universe/universe-domain", "googleapis.com"),
        ("instance/service-accounts/default/email", &email),
        ("instance/zone", "projects/123456789012/zones/us-central1-a"),
    ] {
        let reply = metadata(&client, path).await;
        assert_eq!((reply.status, String::from_utf8(reply.body.clone()).unwrap().as_str()), (200, text));
        assert_eq!(reply.header("Metadata-Flavor"), Some("Google"));
    }
    let listed = metadata(&client, "instance/service-accounts/").await;
    assert!(String::from_utf8(listed.body).unwrap().starts_with("default/"));
    let account = metadata(&client, "instance/service-accounts/default/?recursive=true").await;
    assert_eq!(account.json()["email"], email);
    assert_eq!(metadata(&client, "instance/attributes").await.status, 404);
    let ping = client.send("google", "GET", "/", "", &[]).await.unwrap();
    assert_eq!((ping.status, ping.header("Metadata-Flavor")), (200, Some("Google")));
    let bare = client.send("google", "GET", "/computeMetadata/v1/project/project-id", "", &[]).await.unwrap();
    assert_eq!(bare.status, 403);
}
