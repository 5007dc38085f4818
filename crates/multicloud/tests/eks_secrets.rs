//! Nothing that is logged on any level, by us or by the crates below, holds a credential or a token.

mod eks_world;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use multicloud::conformance::World as _;
use multicloud::eks::{AssumeRole, AwsSettings, Eks};
use multicloud::{Driver, Jitter, Run, Secret};

use self::eks_world::{ACCOUNT, Simulated, spec};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_holds_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let world = Simulated::start().await;
    let settings = AwsSettings {
        secret_key: Some(Secret::new("canary-secret-key")),
        token: Some(Secret::new("canary-session-token")),
        assume_role: Some(AssumeRole {
            role_arn: format!("arn:aws:iam::{ACCOUNT}:role/deployer"),
            external_id: Some("external".to_owned()),
            ..AssumeRole::default()
        }),
        ..world.settings()
    };
    let backend = Arc::new(Eks::new(settings));
    let driver = Driver::new(backend, world.clock(), Jitter::seeded(1), world.poll_interval());
    let outcome = driver.create(&spec("prod"), Run::new(Duration::from_secs(3600), &|_| {})).await;
    assert!(outcome.is_converged(), "{outcome:?}");
    let access = driver.access(&outcome.id.expect("an id")).await.expect("access");

    let text = String::from_utf8(log.0.lock().expect("the log").clone()).expect("text");
    assert!(text.contains("CreateCluster") && text.contains(" TRACE "), "the log is on");
    let token = access.credential.token.expose();
    // The last two stand around what STS gave for the role.
    for secret in ["canary-secret-key", "canary-session-token", token, "<SecretAccessKey>", "<SessionToken>"] {
        let found = text.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "a secret was logged");
    }
}
