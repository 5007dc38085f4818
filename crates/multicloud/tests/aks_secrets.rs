//! Nothing that is logged on any level, by us or by the crates below, holds a credential or a token.

mod aks_world;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use multicloud::aks::AzureSettings;
use multicloud::conformance::World as _;
use multicloud::{Driver, Jitter, Run, Secret};

use self::aks_world::{Simulated, aks, spec};

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
    let settings = AzureSettings { client_secret: Some(Secret::new("canary-secret")), ..world.settings() };
    let driver = Driver::new(Arc::new(aks(settings)), world.clock(), Jitter::seeded(1), world.poll_interval());
    let outcome = driver.create(&spec("prod"), Run::new(Duration::from_secs(3600), &|_| {})).await;
    assert!(outcome.is_converged(), "{outcome:?}");
    let access = driver.access(&outcome.id.expect("an id")).await.expect("access");

    let text = String::from_utf8(log.0.lock().expect("the log").clone()).expect("text");
    assert!(text.contains("ManagedClusters_CreateOrUpdate") && text.contains(" TRACE "), "the log is on");
    // The third begins every token of the simulated login.
    for secret in ["canary-secret", access.credential.token.expose(), "eyJhbGciOiJSUzI1NiI", "Bearer ey"] {
        let found = text.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "a secret was logged");
    }
}
