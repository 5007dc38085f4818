//! STS: identities and sessions, held to its description.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::client::{Client, Reply, encode, faults, start};
use crate::description::STS;

const ADMIN: &str = "arn:aws:iam::210987654321:role/admin";

async fn call(client: &Client, action: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Reply {
    let mut body = format!("Action={action}&Version=2011-06-15");
    for (key, value) in form {
        body += &format!("&{key}={}", encode(value));
    }
    client.send("sts", "POST", "/", &body, headers).await.unwrap()
}

/// The result of an operation, which fits its description.
fn result(action: &str, reply: &Reply) -> Value {
    let document = xml(std::str::from_utf8(&reply.body).unwrap());
    assert_eq!(reply.status, 200, "{document}");
    let mut result = document[format!("{action}Response")][format!("{action}Result")].clone();
    if let Some(expiration) = result.pointer_mut("/Credentials/Expiration") {
        // In the query protocol a timestamp is text; the description's shape is a number in JSON.
        assert!(expiration.as_str().unwrap().ends_with('Z'));
        *expiration = json!(0);
    }
    let shape = STS.operation(action)["output"]["shape"].as_str().unwrap();
    assert_eq!(STS.problems(shape, &result), Vec::<String>::new(), "{result}");
    result
}

fn error_code(reply: &Reply) -> (u16, String) {
    let document = xml(std::str::from_utf8(&reply.body).unwrap());
    (reply.status, document["ErrorResponse"]["Error"]["Code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn callers_are_told_who_they_are() {
    let client = start().await;
    let reply = call(&client, "GetCallerIdentity", &[], &[]).await;
    let identity = result("GetCallerIdentity", &reply);
    assert_eq!(identity["Arn"], "arn:aws:iam::123456789012:user/simulator");
    let invalid = client.authorization("sts").replace("AKIDEXAMPLE", "invalid");
    let reply = call(&client, "GetCallerIdentity", &[], &[("Authorization", &invalid)]).await;
    assert_eq!(error_code(&reply), (403, "InvalidClientTokenId".into()));
    let reply = call(&client, "GetFederationToken", &[], &[]).await;
    assert_eq!(error_code(&reply), (400, "InvalidAction".into()));
}

#[tokio::test]
async fn a_role_of_another_account_sees_that_accounts_clusters() {
    let mut client = start().await;
    client.simulator.put("eks", "210987654321/us-east-1/clusters/theirs", json!({})).unwrap();
    let form = [("RoleArn", ADMIN), ("RoleSessionName", "me")];
    let session = result("AssumeRole", &call(&client, "AssumeRole", &form, &[]).await);
    assert_eq!(session["AssumedRoleUser"]["Arn"], "arn:aws:sts::210987654321:assumed-role/admin/me");
    assert_eq!(client.ok("ListClusters", json!({})).await["clusters"], json!([]));
    client.access_key = String::leak(session["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned());
    assert_eq!(client.ok("ListClusters", json!({})).await["clusters"], json!(["theirs"]));

    // Whoever creates as a role's session is let in as the role.
    client.cluster("mine", json!({ "accessConfig": { "authenticationMode": "API" } })).await;
    let entries = client.ok("ListAccessEntries", json!({ "clusterName": "mine" })).await;
    assert_eq!(entries["accessEntries"], json!([ADMIN]));
    for (form, code) in [
        ([("RoleArn", "arn:aws:iam::123456789012:role/nobody"), ("RoleSessionName", "me")], (403, "AccessDenied")),
        ([("RoleArn", ADMIN), ("RoleSessionName", "a b")], (400, "ValidationError")),
    ] {
        let reply = call(&client, "AssumeRole", &form, &[]).await;
        assert_eq!(error_code(&reply), (code.0, code.1.to_owned()));
    }
}

#[tokio::test]
async fn an_expired_session_stays_expired_until_it_is_renewed() {
    let mut client = start().await;
    let form = [("RoleArn", ADMIN), ("RoleSessionName", "me")];
    let session = result("AssumeRole", &call(&client, "AssumeRole", &form, &[]).await);
    client.access_key = String::leak(session["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned());
    client.simulator.add_faults(faults(r#"[{"operation":"ListClusters","fault":"expired_token"}]"#)).unwrap();
    for _ in 0..2 {
        assert_eq!(client.refused("ListClusters", json!({})).await.code, "ExpiredTokenException");
    }
    client.access_key = "AKIDEXAMPLE";
    let session = result("AssumeRole", &call(&client, "AssumeRole", &form, &[]).await);
    client.access_key = String::leak(session["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned());
    client.ok("ListClusters", json!({})).await;
}

#[tokio::test]
async fn web_identities_need_no_signature_but_a_token_that_lives() {
    let client = start().await;
    let token = |claims: Value| format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    let good = token(json!({ "sub": "system:serviceaccount:ci:runner", "exp": 4_000_000_000_u64 }));
    let unsigned = [("Authorization", "")];
    let assume = async |token: &str| {
        let form = [("RoleArn", ADMIN), ("RoleSessionName", "ci"), ("WebIdentityToken", token)];
        call(&client, "AssumeRoleWithWebIdentity", &form, &unsigned).await
    };
    let session = result("AssumeRoleWithWebIdentity", &assume(&good).await);
    assert_eq!(session["SubjectFromWebIdentityToken"], "system:serviceaccount:ci:runner");
    assert_eq!(error_code(&assume("garbage").await), (400, "InvalidIdentityToken".into()));
    let expired = token(json!({ "exp": 1_000_000_000 }));
    assert_eq!(error_code(&assume(&expired).await), (400, "ExpiredTokenException".into()));
    let journal = serde_json::to_string(&client.simulator.journal()).unwrap();
    assert!(journal.contains("***") && !journal.contains(&good[4..20]), "{journal}");
}

#[tokio::test]
async fn a_presigned_url_counts_with_its_signed_header_only() {
    let client = start().await;
    let target = format!(
        "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}\
         &X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature={}",
        encode("AKIDEXAMPLE/20260101/us-east-1/sts/aws4_request"),
        "a".repeat(64)
    );
    let without = [("Authorization", "")];
    let reply = client.send("sts", "GET", &target, "", &without).await.unwrap();
    assert_eq!(error_code(&reply), (403, "IncompleteSignature".into()));
    let with = [("Authorization", ""), ("x-k8s-aws-id", "c")];
    result("GetCallerIdentity", &client.send("sts", "GET", &target, "", &with).await.unwrap());
    let entry = client.simulator.journal().remove(0);
    assert_eq!(entry.path, "/?Action=GetCallerIdentity&Version=2011-06-15");
}

#[tokio::test]
async fn faults_come_in_its_own_words() {
    let client = start().await;
    for (fault, expected) in [
        ("throttle", (400, "Throttling")),
        ("unavailable", (503, "ServiceUnavailable")),
        ("internal_error", (500, "InternalFailure")),
        ("expired_token", (403, "ExpiredToken")),
        ("access_denied", (403, "AccessDenied")),
    ] {
        let plan = format!(r#"[{{"operation":"GetCallerIdentity","fault":"{fault}"}}]"#);
        client.simulator.add_faults(faults(&plan)).unwrap();
        let reply = call(&client, "GetCallerIdentity", &[], &[]).await;
        assert_eq!(error_code(&reply), (expected.0, expected.1.to_owned()));
    }
}

/// The small XML that STS speaks: elements with text or elements in them.
fn xml(text: &str) -> Value {
    let mut rest = text;
    let mut members = Map::new();
    while let Some(start) = rest.strip_prefix('<') {
        let (tag, after) = start.split_once('>').unwrap();
        let name = tag.split(' ').next().unwrap();
        let (inner, after) = after.split_once(&format!("</{name}>")).unwrap();
        members.insert(name.into(), xml(inner));
        rest = after;
    }
    if members.is_empty() {
        return rest.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").into();
    }
    assert_eq!(rest, "", "text beside elements");
    Value::Object(members)
}
