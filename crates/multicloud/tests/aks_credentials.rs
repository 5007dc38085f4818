//! Every form of credentials in the order of Azure's providers for Terraform, against the simulator's login. The environment
//! is given to the backend, so that no test sees the variables of another, or of the process.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

mod aks_world;
#[allow(dead_code, reason = "not every form of a reply is needed here")]
mod scripted;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use multicloud::aks::{Aks, AzureSettings};
use multicloud::backend::Backend;
use multicloud::{EnvironmentId, ErrorChain, ErrorKind, Secret};
use serde_json::json;

use self::aks_world::{CLIENT, GROUP, SUBSCRIPTION, Simulated, TENANT};

fn id() -> EnvironmentId {
    format!("aks/{SUBSCRIPTION}/{GROUP}/nothing").parse().unwrap()
}

fn aks(settings: AzureSettings, variables: &[(&str, &str)]) -> Aks {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Aks::with_variables(settings, Arc::new(move |name| variables.get(name).cloned()))
}

/// What Azure was asked, after a read with these credentials that found nothing.
async fn asked(world: &Simulated, settings: AzureSettings, variables: &[(&str, &str)]) -> Vec<String> {
    let before = world.requests().len();
    let read = aks(settings, variables).read(&id()).await;
    assert_eq!(read.map_err(|error| ErrorChain(&error).to_string()), Ok(None));
    world.requests().split_off(before)
}

const BY_LOGIN: [&str; 3] = ["OAuth2_Token", "ManagedClusters_Get", "ResourceGroups_Get"];
const APPLICATION: [(&str, &str); 2] = [("ARM_TENANT_ID", TENANT), ("ARM_CLIENT_ID", CLIENT)];

/// An identity token, as far as the login looks at it.
fn identity_token(subject: &str) -> String {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": "https://ci.example", "sub": subject, "aud": "api://AzureADTokenExchange",
        "iat": 1_767_225_600_u64, "nbf": 1_767_225_600_u64, "exp": 4_102_444_800_u64,
    });
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "k" });
    format!("{}.{}.{}", part(header), part(claims), BASE64_URL_SAFE_NO_PAD.encode("signature"))
}

fn application(world: &Simulated) -> AzureSettings {
    AzureSettings { tenant_id: Some(TENANT.to_owned()), client_id: Some(CLIENT.to_owned()), ..world.place() }
}

#[tokio::test]
async fn a_secret_is_taken_from_settings_variables_or_a_file() {
    let world = Simulated::start().await;
    assert_eq!(asked(&world, world.settings(), &[]).await, BY_LOGIN);
    let variables = [&APPLICATION[..], &[("ARM_CLIENT_SECRET", "s")]].concat();
    assert_eq!(asked(&world, world.place(), &variables).await, BY_LOGIN);
    let variables = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT), ("AZURE_CLIENT_SECRET", "s")];
    assert_eq!(asked(&world, world.place(), &variables).await, BY_LOGIN);

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, "s\n").unwrap();
    let settings = AzureSettings { client_secret_file: Some(file), ..application(&world) };
    assert_eq!(asked(&world, settings, &[]).await, BY_LOGIN);
}

#[tokio::test]
async fn a_certificate_signs_for_the_application() {
    let world = Simulated::start().await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["app".to_owned()]).unwrap().self_signed(&key).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("app.pem");
    std::fs::write(&file, format!("{}{}", key.serialize_pem(), certificate.pem())).unwrap();
    let settings = AzureSettings { client_certificate_path: Some(file), ..application(&world) };
    assert_eq!(asked(&world, settings, &[]).await, BY_LOGIN);
}

#[tokio::test]
async fn an_identity_token_is_given_or_read_anew() {
    let world = Simulated::start().await;
    let token = identity_token("repo:a");
    let settings = AzureSettings { oidc_token: Some(Secret::new(token.clone())), ..application(&world) };
    assert_eq!(asked(&world, settings, &[]).await, BY_LOGIN);
    let variables = [&APPLICATION[..], &[("ARM_USE_OIDC", "true"), ("ARM_OIDC_TOKEN", token.as_str())]].concat();
    assert_eq!(asked(&world, world.place(), &variables).await, BY_LOGIN);

    // A token file that was replaced is what is shown next.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "invalid").unwrap();
    let settings = AzureSettings { oidc_token_file: Some(file.clone()), ..application(&world) };
    let backend = aks(settings, &[]);
    let refused = backend.read(&id()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthenticated, "{}", ErrorChain(&refused));
    std::fs::write(&file, format!("{token}\n")).unwrap();
    assert_eq!(backend.read(&id()).await.map_err(|error| ErrorChain(&error).to_string()), Ok(None));

    // So it is with the token of a pod.
    let variables = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
    ];
    assert_eq!(asked(&world, world.place(), &variables).await, BY_LOGIN);
}

/// As GitHub's workflows give it: asked for at each use, for the audience that Entra wants.
#[tokio::test]
async fn an_identity_token_is_asked_for() {
    let world = Simulated::start().await;
    let answer = json!({ "value": identity_token("repo:a") }).to_string();
    let reply = scripted::json("200 OK", &["Connection: close"], &answer);
    let line = scripted::Line { request: "GET /token?run=1&audience=api%3A%2F%2FAzureADTokenExchange", reply };
    let ci = scripted::Scripted::start(vec![line]);
    let url = format!("{}/token?run=1", ci.url);
    let github = [
        ("ARM_USE_OIDC", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ci-token"),
    ];
    assert_eq!(asked(&world, world.place(), &[&APPLICATION[..], &github].concat()).await, BY_LOGIN);
    let requests = ci.finish();
    assert!(requests[0].to_ascii_lowercase().contains("authorization: bearer ci-token"), "{requests:?}");
}

/// The command is found by the environment's `PATH`, asked once, and its words are told where it refuses.
#[cfg(unix)]
#[tokio::test]
async fn the_command_line_is_asked_last() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = Simulated::start().await;
    let directory = tempfile::tempdir().unwrap();
    let az = directory.path().join("az");
    let install = |script: &str| {
        std::fs::write(&az, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = format!("{}:/usr/bin:/bin", directory.path().display());
    install(&format!(
        "echo \"$@\" >> {}/calls; echo '{{\"accessToken\":\"from-az\",\"expires_on\":4102444800,\"tokenType\":\"Bearer\"}}'",
        directory.path().display()
    ));
    let backend = aks(world.place(), &[("PATH", &path), ("ARM_TENANT_ID", TENANT)]);
    for _ in 0..2 {
        assert_eq!(backend.read(&id()).await.map_err(|error| ErrorChain(&error).to_string()), Ok(None));
    }
    let calls = std::fs::read_to_string(directory.path().join("calls")).unwrap();
    let scope = "--scope https://management.azure.com/.default";
    assert_eq!(calls, format!("account get-access-token -o json {scope} --tenant {TENANT}\n"), "asked once");
    assert!(!world.requests().contains(&"OAuth2_Token".to_owned()));

    install("echo 'Please run az login to set up an account.' >&2; exit 1");
    let error = aks(world.place(), &[("PATH", &path)]).read(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    assert!(ErrorChain(&error).to_string().contains("Azure CLI: AzureCliCredential"), "{}", ErrorChain(&error));
    assert!(ErrorChain(&error).to_string().contains("Please run az login"), "{}", ErrorChain(&error));
}

#[tokio::test]
async fn a_managed_identity_is_asked_at_its_endpoint() {
    let world = Simulated::start().await;
    let endpoint = format!("{}/metadata/identity/oauth2/token", world.running.url("azure_authority").unwrap());
    let settings = AzureSettings { use_msi: Some(true), msi_endpoint: Some(endpoint), ..world.place() };
    let expected = ["ManagedIdentity_Token", "ManagedClusters_Get", "ResourceGroups_Get"];
    assert_eq!(asked(&world, settings, &[]).await, expected);
}

#[tokio::test]
async fn an_ended_token_is_replaced_and_a_good_one_is_kept() {
    let world = Simulated::start().await;
    let backend = world.aks();
    backend.read(&id()).await.unwrap();
    let before = world.requests().len();
    backend.read(&id()).await.unwrap();
    world.faults(json!([{ "operation": "ManagedClusters_Get", "fault": "expired_token" }]));
    backend.read(&id()).await.unwrap();
    let expected = [
        "ManagedClusters_Get",
        "ResourceGroups_Get",
        "ManagedClusters_Get",
        "OAuth2_Token",
        "ManagedClusters_Get",
        "ResourceGroups_Get",
    ];
    assert_eq!(world.requests().split_off(before), expected);
}

#[tokio::test]
async fn the_error_says_what_was_tried_and_no_secret() {
    let world = Simulated::start().await;
    let off = AzureSettings { use_cli: Some(false), ..world.place() };
    let error = aks(off, &[]).read(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    expect_test::expect![[r#"
        aks: ManagedClusters_Get aks/00000000-0000-4000-8000-000000000001/platform/nothing: not authenticated: no usable Azure credentials; tried client certificate: client_certificate_path is not set; client secret: client_secret is not set; OIDC token: oidc_token is not set; OIDC token file: oidc_token_file_path is not set; OIDC token request: oidc_request_url is not set; AKS workload identity: AZURE_FEDERATED_TOKEN_FILE is not set; managed identity: use_msi is not on; Azure CLI: use_cli is off"#]]
    .assert_eq(&ErrorChain(&error).to_string());

    // What was refused is said in the login's words, and ends the search.
    let settings = AzureSettings { client_secret: Some(Secret::new("invalid")), ..world.settings() };
    let error = ErrorChain(&aks(settings, &[]).read(&id()).await.unwrap_err()).to_string();
    assert!(error.contains("AADSTS7000215") && !error.contains("Azure CLI"), "{error}");

    // No form of secret is in any error.
    let canary = "canary-0123456789";
    let certificate = PathBuf::from("/nowhere/app.pem");
    for settings in [
        AzureSettings { client_secret: Some(Secret::new(canary)), tenant_id: None, ..world.settings() },
        AzureSettings { oidc_token: Some(Secret::new(canary)), ..application(&world) },
        AzureSettings {
            client_certificate_password: Some(Secret::new(canary)),
            client_certificate_path: Some(certificate),
            ..application(&world)
        },
        AzureSettings {
            oidc_request_url: Some(format!("https://user:{canary}@127.0.0.1:1/token")),
            oidc_request_token: Some(Secret::new(canary)),
            ..application(&world)
        },
        AzureSettings { proxy: Some(format!("http://user:{canary}@127.0.0.1:1")), ..world.settings() },
    ] {
        let backend = aks(settings, &[]);
        let error = backend.read(&id()).await.unwrap_err();
        let told = format!("{} {error:?} {backend:?}", ErrorChain(&error));
        assert!(!told.contains(canary), "{told}");
    }
}

/// Somebody who cannot be reached is not somebody who refuses.
#[tokio::test]
async fn a_login_that_is_out_of_reach_is_asked_again() {
    let world = Simulated::start().await;
    world.faults(json!([{ "operation": "OAuth2_Token", "fault": "unavailable" }]));
    let error = world.aks().read(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { retry_after: None }, "{}", ErrorChain(&error));
    world.faults(json!([{ "operation": "OAuth2_Token", "fault": "throttle", "retry_after": "7" }]));
    let error = world.aks().read(&id()).await.unwrap_err();
    let wait = Some(std::time::Duration::from_secs(7));
    assert_eq!(error.kind, ErrorKind::Throttled { retry_after: wait }, "{}", ErrorChain(&error));
    world.faults(json!([{ "operation": "OAuth2_Token", "fault": "html" }]));
    let error = world.aks().read(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { retry_after: None }, "{}", ErrorChain(&error));
    world.faults(json!([{ "operation": "OAuth2_Token", "point": "uncommitted", "fault": "drop" }]));
    let error = world.aks().read(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { retry_after: None }, "{}", ErrorChain(&error));
}
