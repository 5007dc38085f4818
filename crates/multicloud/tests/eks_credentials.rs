//! Where the EKS backend takes its credentials from, in which order, and what it says when there are none.
//!
//! Environment variables belong to a process, so each case is a process: this test starts itself anew, and finds by
//! [`CHILD`] that it is the one that is to ask. What it asks for is a Kubernetes token, which shows the access key.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

mod eks_world;
mod scripted;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use multicloud::eks::{AssumeRole, AssumeRoleWithWebIdentity, AwsSettings, Eks};
use multicloud::{Backend as _, ErrorChain, Secret};
use serde_json::json;

use self::eks_world::{ACCOUNT, REGION, Simulated};
use self::scripted::{Line, Scripted};

/// Set in the process that asks: the settings that it asks with.
const CHILD: &str = "MULTICLOUD_CREDENTIALS_TEST";
const SECRET: &str = "canary-secret";
/// A JWT with the claims `{"sub":"system:serviceaccount:a:b"}`, which nobody has signed.
const WEB_TOKEN: &str = "e30.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6YTpiIn0.e30";

/// One process: what is set in its environment, and in its settings.
#[derive(Default)]
struct Case {
    variables: Vec<(&'static str, String)>,
    settings: &'static str,
}

impl Case {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn keys(self, id: &str) -> Self {
        self.with("AWS_ACCESS_KEY_ID", id).with("AWS_SECRET_ACCESS_KEY", SECRET)
    }

    fn settings(mut self, settings: &'static str) -> Self {
        self.settings = settings;
        self
    }

    /// What the process found: the access key, or why there is none.
    fn run(self, world: &Simulated, home: &Path) -> Result<String, String> {
        let output = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "sources_are_asked_in_the_documented_order", "--nocapture"])
            .env_clear()
            .env("HOME", home)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_EKS", world.running.url("eks").expect("EKS"))
            .env("AWS_ENDPOINT_URL_STS", world.running.url("sts").expect("STS"))
            .env(CHILD, self.settings)
            .envs(self.variables)
            .output()
            .expect("a process");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains(SECRET), "a secret was told: {text}");
        let told = |mark: &str| text.lines().find_map(|line| Some(line.split_once(mark)?.1.to_owned()));
        told("KEY ").ok_or_else(|| told("ERROR ").unwrap_or_else(|| panic!("the process said nothing: {text}")))
    }
}

/// What the process says that was started by [`Case::run`].
fn ask(settings: &str) -> String {
    let settings = match settings {
        "" => AwsSettings::default(),
        "keys" => AwsSettings {
            access_key: Some("AKIASETTINGS".to_owned()),
            secret_key: Some(Secret::new(SECRET)),
            ..AwsSettings::default()
        },
        "half" => AwsSettings { access_key: Some("AKIASETTINGS".to_owned()), ..AwsSettings::default() },
        "profile" => AwsSettings { profile: Some("work".to_owned()), ..AwsSettings::default() },
        "missing profile" => AwsSettings { profile: Some("nowhere".to_owned()), ..AwsSettings::default() },
        "role" => AwsSettings {
            assume_role: Some(AssumeRole {
                role_arn: format!("arn:aws:iam::{ACCOUNT}:role/deployer"),
                duration: Some(Duration::from_secs(3600)),
                ..AssumeRole::default()
            }),
            ..AwsSettings::default()
        },
        "web identity" => AwsSettings {
            assume_role_with_web_identity: Some(AssumeRoleWithWebIdentity {
                role_arn: format!("arn:aws:iam::{ACCOUNT}:role/deployer"),
                token: Some(Secret::new(WEB_TOKEN)),
                ..AssumeRoleWithWebIdentity::default()
            }),
            ..AwsSettings::default()
        },
        other => panic!("no such settings: {other}"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let id = format!("eks/{ACCOUNT}/{REGION}/prod").parse().expect("an id");
    match runtime.block_on(Eks::new(settings).access(&id)) {
        Ok(access) => {
            let token = access.credential.token.expose().strip_prefix("k8s-aws-v1.").expect("a token").to_owned();
            let url = String::from_utf8(URL_SAFE_NO_PAD.decode(token).expect("base64")).expect("a URL");
            let key = url.split("X-Amz-Credential=").nth(1).and_then(|rest| rest.split("%2F").next()).expect("a key");
            format!("KEY {key}")
        }
        Err(error) => format!("ERROR {}", ErrorChain(&error)),
    }
}

#[test]
fn sources_are_asked_in_the_documented_order() {
    if let Ok(settings) = std::env::var(CHILD) {
        println!("\n{}", ask(&settings));
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let world = runtime.block_on(Simulated::start());
    world.running.put("eks", &format!("{ACCOUNT}/{REGION}/clusters/prod"), json!({})).expect("a cluster");
    let home = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let run = |case: Case| case.run(&world, home.path());

    // Nothing anywhere: every source is named with its reason, soon.
    let began = Instant::now();
    let error = run(Case::default().with("AWS_EC2_METADATA_DISABLED", "false")).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?} to say that there are none", began.elapsed());
    for source in [
        "environment variables: ",
        "shared profile: ",
        "web identity of the environment: ",
        "container or pod identity: ",
        "instance metadata: ",
    ] {
        assert!(error.contains(source), "{source:?} is missing in: {error}");
    }
    assert!(error.contains("not authenticated"), "{error}");

    // From the last source to the first, each one before the ones that are set already.
    let document = |id: &str| {
        format!(
            r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"{SECRET}","Token":"t",
                "Expiration":"2099-01-01T00:00:00Z"}}"#
        )
    };
    let line = |request, body: String| Line { request, reply: scripted::json("200 OK", &["Connection: close"], &body) };
    let metadata = Scripted::start(vec![
        Line {
            request: "PUT /latest/api/token",
            reply: scripted::reply(
                "200 OK",
                &["x-aws-ec2-metadata-token-ttl-seconds: 21600", "Connection: close"],
                "token",
            ),
        },
        line("GET /latest/meta-data/iam/security-credentials/ ", "node".to_owned()),
        line("GET /latest/meta-data/iam/security-credentials/node ", document("ASIAINSTANCE")),
    ]);
    let case = Case::default()
        .with("AWS_EC2_METADATA_DISABLED", "false")
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url.clone());
    assert_eq!(run(case).as_deref(), Ok("ASIAINSTANCE"));
    metadata.finish();

    let token = write("pod-token", "pod-token-1");
    let container = Scripted::start(vec![line("GET /credentials ", document("ASIAPOD"))]);
    let case = Case::default()
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/credentials", container.url))
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token);
    assert_eq!(run(case).as_deref(), Ok("ASIAPOD"));
    let heard = container.finish();
    assert!(heard[0].to_ascii_lowercase().contains("authorization: pod-token-1"), "{heard:?}");

    let token = write("web-token", &format!("{WEB_TOKEN}\n"));
    let web = || {
        Case::default()
            .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/never-asked")
            .with("AWS_WEB_IDENTITY_TOKEN_FILE", token.clone())
            .with("AWS_ROLE_ARN", format!("arn:aws:iam::{ACCOUNT}:role/deployer"))
    };
    let given = run(web()).expect("the simulator's STS gives keys");
    assert!(given.starts_with("ASIA"), "{given}");

    write(
        ".aws/credentials",
        &format!("[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = {SECRET}\n"),
    );
    let process = format!(r#"{{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"{SECRET}"}}"#);
    let process = write("process.json", &process);
    write(
        ".aws/config",
        &format!(
            "[profile work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = {SECRET}\n\
             [profile process]\ncredential_process = /bin/cat {process}\n\
             [profile broken]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/deployer\nsource_profile = broken-source\n"
        ),
    );
    assert_eq!(run(web()).as_deref(), Ok("AKIADEFAULT"));
    assert_eq!(run(web().with("AWS_PROFILE", "work")).as_deref(), Ok("AKIAWORK"));
    assert_eq!(run(web().with("AWS_PROFILE", "process")).as_deref(), Ok("AKIAPROCESS"));
    assert_eq!(run(web().keys("AKIAENVIRONMENT")).as_deref(), Ok("AKIAENVIRONMENT"));
    // What the settings name is the only source that is asked.
    assert_eq!(run(web().keys("AKIAENVIRONMENT").settings("profile")).as_deref(), Ok("AKIAWORK"));
    assert_eq!(run(web().keys("AKIAENVIRONMENT").settings("keys")).as_deref(), Ok("AKIASETTINGS"));
    let role = run(Case::default().keys("AKIAENVIRONMENT").settings("role")).expect("the simulator's STS gives keys");
    assert!(role.starts_with("ASIA"), "{role}");
    let web_identity = run(Case::default().keys("AKIAENVIRONMENT").settings("web identity")).expect("keys");
    assert!(web_identity.starts_with("ASIA"), "{web_identity}");

    // One that is there and broken ends the search; whoever comes next might be somebody else.
    let broken = run(Case::default().with("AWS_PROFILE", "broken")).unwrap_err();
    assert!(broken.contains("shared profile: ") && !broken.contains("container"), "{broken}");
    let half = run(Case::default().keys("AKIAENVIRONMENT").settings("half")).unwrap_err();
    assert!(half.contains("one of the two is missing"), "{half}");
    let nowhere = run(Case::default().keys("AKIAENVIRONMENT").settings("missing profile")).unwrap_err();
    assert!(nowhere.contains("settings `profile`: ") && nowhere.contains("nowhere"), "{nowhere}");
}
