//! Nothing that is logged on any level, by us or by the crates below, holds a credential or a token.

mod gke_world;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use multicloud::conformance::World as _;
use multicloud::gke::{Gke, GoogleSettings, Surroundings};
use multicloud::{Driver, Jitter, Run, Secret};
use serde_json::json;

use self::gke_world::{PROJECT, Simulated, spec};

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
    let google = world.running.url("google").expect("an address").to_owned();
    let user = json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "canary-secret",
        "refresh_token": "canary-refresh", "token_uri": format!("{google}/token"),
    });
    let settings = GoogleSettings {
        access_token: None,
        credentials: Some(Secret::new(user.to_string())),
        impersonate_service_account: Some(format!("deployer@{PROJECT}.iam.gserviceaccount.com")),
        ..world.settings()
    };
    let around = Surroundings::default()
        .with_variables(move |name| (name == "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT").then(|| google.clone()));
    let backend = Arc::new(Gke::with_surroundings(settings, around));
    let driver = Driver::new(backend, world.clock(), Jitter::seeded(1), world.poll_interval());
    let outcome = driver.create(&spec("prod"), Run::new(Duration::from_secs(3600), &|_| {})).await;
    assert!(outcome.is_converged(), "{outcome:?}");
    let access = driver.access(&outcome.id.expect("an id")).await.expect("access");

    let text = String::from_utf8(log.0.lock().expect("the log").clone()).expect("text");
    assert!(text.contains("sending") && text.contains(" TRACE "), "the log is on");
    let token = access.credential.token.expose();
    // The last one stands before every token that the simulator hands out.
    for secret in ["canary-secret", "canary-refresh", token, "ya29."] {
        let found = text.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "a secret was logged");
    }
}
