//! Every source of credentials that Google's tools know, in their order, against the simulator's token endpoints; and what
//! is told where none of them helps.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

mod gke_world;
mod scripted;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use multicloud::gke::{Gke, GoogleSettings, Surroundings};
use multicloud::{Backend as _, EnvironmentId, ErrorChain, ErrorKind, Result, Secret};
use serde_json::{Value, json};

use self::gke_world::{PROJECT, Simulated, ZONE};
use self::scripted::{Line, Scripted, reply};

/// The day on which simulated time starts, 2026-01-01: ends of tokens are told in it.
const DAY: Duration = Duration::from_secs(1_767_225_600);

/// A simulator, a folder for files, and variables of a process of its own.
struct Bench {
    world: Simulated,
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    settings: GoogleSettings,
}

impl Bench {
    async fn new() -> Self {
        let world = Simulated::start().await;
        let folder = tempfile::tempdir().unwrap();
        let variables = [
            // No metadata server but the one that is meant.
            ("GCE_METADATA_HOST", "127.0.0.1:9".to_owned()),
            ("GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT", world.running.url("google").unwrap().to_owned()),
            ("HOME", folder.path().display().to_string()),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let settings = GoogleSettings { project: None, access_token: None, ..world.settings() };
        Self { world, folder, variables, settings }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.world.running.url("google").unwrap())
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    fn file(&self, name: &str, content: impl AsRef<str>) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content.as_ref()).unwrap();
        path.display().to_string()
    }

    fn backend(&self) -> Gke {
        let variables = self.variables.clone();
        let around = Surroundings::default()
            .with_variables(move |name| variables.get(name).cloned())
            .with_time(|| SystemTime::UNIX_EPOCH + DAY);
        Gke::with_surroundings(self.settings.clone(), around)
    }

    /// Asks for what is not there, which needs a token.
    async fn ask(&self) -> Result<()> {
        let id: EnvironmentId = format!("gke/{PROJECT}/{ZONE}/nobody").parse().unwrap();
        self.backend().read(&id).await.map(|found| assert!(found.is_none()))
    }

    /// The requests by which the token came, in order.
    async fn asked(&self) -> Vec<String> {
        let before = self.world.requests().len();
        if let Err(error) = self.ask().await {
            panic!("{}", ErrorChain(&error));
        }
        let requests = self.world.requests().split_off(before);
        requests.into_iter().filter(|request| !["GetCluster", "ListOperations"].contains(&request.as_str())).collect()
    }

    async fn refusal(&self) -> String {
        let error = self.ask().await.expect_err("no credentials");
        let words = ErrorChain(&error).to_string();
        assert_eq!(error.kind, ErrorKind::Unauthenticated, "{words}");
        assert!(!words.contains("canary") && !format!("{error:?}").contains("canary"), "{words}");
        words
    }

    fn service_account(&self) -> Value {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        json!({
            "type": "service_account", "project_id": PROJECT, "private_key_id": "1", "private_key": key.serialize_pem(),
            "client_email": format!("deployer@{PROJECT}.iam.gserviceaccount.com"), "token_uri": self.url("/token"),
        })
    }

    fn user(&self) -> Value {
        json!({
            "type": "authorized_user", "client_id": "id", "client_secret": "canary", "refresh_token": "canary",
            "token_uri": self.url("/token"),
        })
    }

    fn workload_identity(&self, source: Value) -> Value {
        json!({
            "type": "external_account", "token_url": self.url("/v1/token"), "credential_source": source,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "audience": "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/ci/providers/ci",
        })
    }

    fn impersonation_url(&self) -> String {
        self.url(&format!(
            "/v1/projects/-/serviceAccounts/deployer@{PROJECT}.iam.gserviceaccount.com:generateAccessToken"
        ))
    }
}

#[tokio::test]
async fn settings_go_before_all() {
    let mut bench = Bench::new().await;
    bench.set("GOOGLE_CREDENTIALS", "canary, and broken");
    bench.settings.access_token = Some(Secret::new("given"));
    assert_eq!(bench.asked().await, [""; 0], "it is taken as it is");
    bench.settings.access_token = None;
    bench.settings.credentials = Some(Secret::new(bench.service_account().to_string()));
    assert_eq!(bench.asked().await, ["GetToken"]);
    bench.settings.credentials = Some(Secret::new(bench.file("key.json", bench.user().to_string())));
    assert_eq!(bench.asked().await, ["GetToken"], "or its file");
}

#[tokio::test]
async fn variables_go_in_googles_order() {
    let mut bench = Bench::new().await;
    bench.file(".config/gcloud/application_default_credentials.json", bench.user().to_string());
    assert_eq!(bench.asked().await, ["GetToken"], "what gcloud left");
    let federated = bench.workload_identity(json!({ "file": bench.file("token", "subject\n") }));
    bench.set("GOOGLE_APPLICATION_CREDENTIALS", bench.file("federated.json", federated.to_string()));
    assert_eq!(bench.asked().await, ["ExchangeToken"]);
    bench.set("GOOGLE_OAUTH_ACCESS_TOKEN", "given");
    assert_eq!(bench.asked().await, [""; 0]);
    bench.set("GOOGLE_CREDENTIALS", bench.service_account().to_string());
    assert_eq!(bench.asked().await, ["GetToken"]);
}

#[tokio::test]
async fn a_key_is_signed_with() {
    let mut bench = Bench::new().await;
    let mut account = bench.service_account();
    account["private_key"] = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n".into();
    bench.set("GOOGLE_CREDENTIALS", account.to_string());
    assert!(bench.refusal().await.contains("no RSA key"));
    let mut unknown = bench.service_account();
    unknown["client_email"] = "invalid@nowhere".into();
    bench.set("GOOGLE_CREDENTIALS", unknown.to_string());
    let words = bench.refusal().await;
    assert!(words.contains("invalid_grant") && words.contains("account not found"), "{words}");
}

#[tokio::test]
async fn tokens_of_others_are_exchanged_in_each_form() {
    let mut bench = Bench::new().await;
    let file = bench.file("token.json", r#"{"jwt":"subject"}"#);
    let mut federated = bench
        .workload_identity(json!({ "file": file, "format": { "type": "json", "subject_token_field_name": "jwt" } }));
    bench.set("GOOGLE_CREDENTIALS", federated.to_string());
    assert_eq!(bench.asked().await, ["ExchangeToken"]);
    federated["service_account_impersonation_url"] = bench.impersonation_url().into();
    bench.set("GOOGLE_CREDENTIALS", federated.to_string());
    assert_eq!(bench.asked().await, ["ExchangeToken", "GenerateAccessToken"]);
    // From an address, as CI systems have it; the metadata server stands in for theirs.
    let url = bench.url("/computeMetadata/v1/project/project-id");
    let source = json!({ "url": url, "headers": { "Metadata-Flavor": "Google" } });
    bench.set("GOOGLE_CREDENTIALS", bench.workload_identity(source).to_string());
    assert_eq!(bench.asked().await, ["GetProjectMetadata", "ExchangeToken"]);
    for (source, words) in [
        (json!({ "file": "/nowhere/token" }), "/nowhere/token cannot be read"),
        (
            json!({ "file": file, "format": { "type": "json", "subject_token_field_name": "other" } }),
            "has no \"other\"",
        ),
        (json!({ "certificate": {} }), "X.509"),
        (json!({}), "names neither"),
    ] {
        bench.set("GOOGLE_CREDENTIALS", bench.workload_identity(source).to_string());
        let error = bench.ask().await.expect_err("no token");
        assert!(ErrorChain(&error).to_string().contains(words), "{}", ErrorChain(&error));
    }
}

/// Keys of the environment, and those of a role from a metadata service that wants a session.
#[tokio::test]
async fn who_is_known_to_aws_is_known_to_google() {
    let mut bench = Bench::new().await;
    let aws = |base: &str| {
        json!({
            "environment_id": "aws1", "url": format!("{base}/roles"), "region_url": format!("{base}/zone"),
            "imdsv2_session_token_url": format!("{base}/session"),
            "regional_cred_verification_url":
                "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        })
    };
    let said = |text: &str| reply("200 OK", &["Connection: close"], text);
    let keys = r#"{"AccessKeyId":"AKID","SecretAccessKey":"canary","Token":"canary"}"#;
    let metadata = Scripted::start(vec![
        Line { request: "PUT /session HTTP/1.1", reply: said("session-1") },
        Line { request: "GET /zone HTTP/1.1", reply: said("us-east-2b") },
        Line { request: "GET /roles HTTP/1.1", reply: said("nodes") },
        Line { request: "GET /roles/nodes HTTP/1.1", reply: said(keys) },
    ]);
    bench.set("GOOGLE_CREDENTIALS", bench.workload_identity(aws(&metadata.url)).to_string());
    assert_eq!(bench.asked().await, ["ExchangeToken"]);
    let requests = metadata.finish();
    assert!(
        requests[1..].iter().all(|request| request.contains("x-aws-ec2-metadata-token: session-1")),
        "{requests:?}"
    );

    bench.set("AWS_ACCESS_KEY_ID", "AKID");
    bench.set("AWS_SECRET_ACCESS_KEY", "canary");
    bench.set("AWS_REGION", "us-east-1");
    bench.set("GOOGLE_CREDENTIALS", bench.workload_identity(aws("http://127.0.0.1:9")).to_string());
    assert_eq!(bench.asked().await, ["ExchangeToken"], "nobody else is asked");
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_is_run_where_that_is_allowed() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut bench = Bench::new().await;
    let script =
        |answer: &str| format!("#!/bin/sh\ntest -n \"$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE\" && echo '{answer}'\n");
    let program = |bench: &Bench, name: &str, answer: &str| {
        let path = bench.file(name, script(answer));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        bench.workload_identity(json!({ "executable": { "command": format!("{path} --quiet") } })).to_string()
    };
    let good = program(&bench, "good", r#"{"version":1,"success":true,"id_token":"subject","token_type":"jwt"}"#);
    bench.set("GOOGLE_CREDENTIALS", &good);
    assert!(bench.refusal().await.contains("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"));
    bench.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    assert_eq!(bench.asked().await, ["ExchangeToken"]);
    let bad = program(&bench, "bad", r#"{"version":1,"success":false,"code":"401","message":"log in first"}"#);
    bench.set("GOOGLE_CREDENTIALS", bad);
    assert!(bench.refusal().await.contains("log in first"));
    bench.set("GOOGLE_CREDENTIALS", program(&bench, "odd", "canary"));
    assert!(bench.refusal().await.contains("no answer in JSON"));
}

#[tokio::test]
async fn a_subject_token_is_read_anew_each_time() {
    let mut bench = Bench::new().await;
    let file = bench.file("token", "invalid");
    bench.set("GOOGLE_CREDENTIALS", bench.workload_identity(json!({ "file": file })).to_string());
    let backend = bench.backend();
    let id: EnvironmentId = format!("gke/{PROJECT}/{ZONE}/nobody").parse().unwrap();
    assert_eq!(backend.read(&id).await.unwrap_err().kind, ErrorKind::Unauthenticated);
    bench.file("token", "renewed");
    assert!(backend.read(&id).await.unwrap().is_none(), "the same backend");
}

#[tokio::test]
async fn others_are_acted_as() {
    let mut bench = Bench::new().await;
    let impersonated = json!({
        "type": "impersonated_service_account", "service_account_impersonation_url": bench.impersonation_url(),
        "source_credentials": bench.user(), "delegates": [],
    });
    bench.set("GOOGLE_CREDENTIALS", impersonated.to_string());
    assert_eq!(bench.asked().await, ["GetToken", "GenerateAccessToken"]);
    bench.set("GOOGLE_CREDENTIALS", bench.user().to_string());
    bench.settings.impersonate_service_account = Some(format!("deployer@{PROJECT}.iam.gserviceaccount.com"));
    bench.settings.impersonate_delegates = vec![format!("nodes@{PROJECT}.iam.gserviceaccount.com")];
    assert_eq!(bench.asked().await, ["GetToken", "GenerateAccessToken"]);
    bench.settings.impersonate_service_account = Some("invalid@nowhere".to_owned());
    let words = bench.refusal().await;
    assert!(words.contains("impersonation") && words.contains("getAccessToken"), "{words}");
}

#[tokio::test]
async fn a_machines_own_account_comes_last() {
    let mut bench = Bench::new().await;
    let host = bench.url("").trim_start_matches("http://").to_owned();
    bench.set("GCE_METADATA_HOST", host);
    assert_eq!(bench.asked().await, ["GetServiceAccountValueMetadata"]);
    // It also says which project.
    let mut spec = gke_world::spec("prod");
    spec.name = "located".parse().unwrap();
    let id = bench.backend().locate(&spec).await.unwrap();
    assert_eq!(id.to_string(), format!("gke/{PROJECT}/{ZONE}/located"));
}

#[tokio::test]
async fn what_was_tried_is_told() {
    let mut bench = Bench::new().await;
    let words = bench.refusal().await;
    for source in [
        "GOOGLE_CREDENTIALS: it is not set",
        "GOOGLE_OAUTH_ACCESS_TOKEN: it is not set",
        "GOOGLE_APPLICATION_CREDENTIALS: it is not set",
        "application_default_credentials.json cannot be read",
        "metadata server: ",
    ] {
        assert!(words.contains(source), "{words}");
    }
    // One that is named and broken ends the search: the next might be somebody else.
    bench.set("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json");
    let words = bench.refusal().await;
    assert!(words.contains("/nowhere/key.json cannot be read") && !words.contains("metadata"), "{words}");
    bench.set("GOOGLE_CREDENTIALS", r#""type": "canary-without-its-first-brace""#);
    assert!(bench.refusal().await.contains("neither JSON nor the path of a file"));
    let mut revoked = bench.user();
    revoked["refresh_token"] = "invalid".into();
    bench.set("GOOGLE_CREDENTIALS", revoked.to_string());
    assert!(bench.refusal().await.contains("invalid_grant: Token has been expired or revoked."));
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_asked_again() {
    let mut bench = Bench::new().await;
    bench.set("GOOGLE_CREDENTIALS", bench.user().to_string());
    for fault in ["unavailable", "internal_error", "drop", "html"] {
        bench.world.faults(json!([{ "operation": "GetToken", "point": "uncommitted", "fault": fault }]));
        let error = bench.ask().await.expect_err("no token yet");
        assert_eq!(error.kind, ErrorKind::Unavailable { retry_after: None }, "{fault}: {}", ErrorChain(&error));
        bench.ask().await.expect("it is back");
    }
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_its_end() {
    let mut bench = Bench::new().await;
    bench.set("GOOGLE_CREDENTIALS", bench.user().to_string());
    let time = std::sync::Arc::new(std::sync::Mutex::new(SystemTime::UNIX_EPOCH + DAY));
    let (variables, now) = (bench.variables.clone(), time.clone());
    let around = Surroundings::default()
        .with_variables(move |name| variables.get(name).cloned())
        .with_time(move || *now.lock().unwrap());
    let backend = Gke::with_surroundings(bench.settings.clone(), around);
    let id: EnvironmentId = format!("gke/{PROJECT}/{ZONE}/nobody").parse().unwrap();
    let tokens = || bench.world.requests().iter().filter(|request| *request == "GetToken").count();
    for (minutes, expected) in [(0, 1), (30, 1), (55, 1), (57, 2)] {
        *time.lock().unwrap() = SystemTime::UNIX_EPOCH + DAY + Duration::from_secs(minutes * 60);
        backend.read(&id).await.unwrap();
        assert_eq!(tokens(), expected, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn the_project_is_found_in_order() {
    let mut bench = Bench::new().await;
    let located = async |bench: &Bench| {
        let id = bench.backend().locate(&gke_world::spec("prod")).await;
        id.map(|id| id.to_string()).map_err(|error| ErrorChain(&error).to_string())
    };
    assert!(located(&bench).await.unwrap_err().contains("GOOGLE_PROJECT"));
    bench.set("GOOGLE_CREDENTIALS", bench.service_account().to_string());
    assert_eq!(located(&bench).await.unwrap(), format!("gke/{PROJECT}/{ZONE}/prod"));
    bench.set("CLOUDSDK_CORE_PROJECT", "of-gcloud");
    assert!(located(&bench).await.unwrap().contains("/of-gcloud/"));
    bench.set("GOOGLE_PROJECT", "of-variable");
    assert!(located(&bench).await.unwrap().contains("/of-variable/"));
    bench.settings.project = Some("of-settings".to_owned());
    assert!(located(&bench).await.unwrap().contains("/of-settings/"));
}

#[tokio::test]
async fn endpoints_are_taken_from_the_environment() {
    let mut bench = Bench::new().await;
    bench.set("GOOGLE_OAUTH_ACCESS_TOKEN", "given");
    let endpoint = bench.settings.endpoint.take().unwrap();
    // As Google's own provider takes it.
    bench.set("GOOGLE_CONTAINER_CUSTOM_ENDPOINT", format!("{endpoint}/v1/"));
    bench.ask().await.expect("an answer");
}

#[tokio::test]
async fn a_cluster_is_reached_with_the_same_token_and_its_true_end() {
    let mut bench = Bench::new().await;
    bench.set("GOOGLE_CREDENTIALS", bench.service_account().to_string());
    let object = format!("{PROJECT}/{ZONE}/clusters/prod");
    bench.world.running.put("google", &object, json!({})).unwrap();
    let id: EnvironmentId = format!("gke/{PROJECT}/{ZONE}/prod").parse().unwrap();
    let access = bench.backend().access(&id).await.unwrap();
    assert!(access.endpoint.starts_with("https://") && !access.certificate_authority_data.is_empty());
    assert!(access.credential.token.expose().starts_with("ya29."));
    let life = access.credential.expires_at.duration_since(SystemTime::UNIX_EPOCH + DAY).unwrap();
    assert_eq!(life, Duration::from_secs(3600));
}
