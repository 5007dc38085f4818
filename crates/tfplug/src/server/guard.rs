//! What every call is wrapped in: a log span, a net that turns a panic into a diagnostic, and an end for handlers that
//! ignore an interrupt.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::Instrument;

use crate::call::Call;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// How long a handler may go on after an interrupt before it is given up. Core asks again after a second Ctrl-C and then
/// waits 5 seconds: this stays below.
const CANCEL_GRACE: Duration = Duration::from_secs(4);

/// Runs one call, whose log lines carry its name and number. A panic in it becomes an error that says where, and harms
/// no other call.
pub(crate) async fn guarded<T>(
    rpc: &'static str,
    subject: &str,
    call: impl Future<Output = Result<T, Diagnostics>>,
) -> Result<T, Diagnostics> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let span = tracing::debug_span!(
        "rpc",
        tf_rpc = rpc,
        tf_resource_type = subject,
        tf_req_id = NEXT.fetch_add(1, Ordering::Relaxed),
    );
    let timed = async {
        let start = Instant::now();
        let outcome = caught(rpc, subject, call).await;
        let duration = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(tf_req_duration_ms = duration, failed = outcome.is_err(), "answered");
        outcome
    };
    timed.instrument(span).await
}

/// Runs a part of a call. A panic in it becomes an error that says where.
pub(crate) async fn caught<T>(
    rpc: &'static str,
    subject: &str,
    part: impl Future<Output = Result<T, Diagnostics>>,
) -> Result<T, Diagnostics> {
    crate::logging::catch_panic(part).await.unwrap_or_else(|panic| {
        let of = if subject.is_empty() { String::new() } else { format!(" of {subject}") };
        Err(Diagnostic::error(
            format!("The provider failed in {rpc}{of}"),
            format!(
                "{panic}. This is a bug of the provider: please report it with this text. \
                 What it had recorded until then is in the state: run the plan again to see what exists."
            ),
        )
        .into())
    })
}

/// Runs a handler; once the user has interrupted, only for [`CANCEL_GRACE`] more. Where it fails, what it has warned of
/// comes with the errors.
pub(crate) async fn interruptible<C, T>(
    rpc: &'static str,
    subject: &str,
    call: &Call<C>,
    handler: impl Future<Output = Result<T, Diagnostics>>,
) -> Result<T, Diagnostics> {
    let given_up = async {
        call.cancelled().cancelled().await;
        tokio::time::sleep(CANCEL_GRACE).await;
        Err(Diagnostic::error(
            format!("Interrupted in {rpc} of {subject}"),
            "The operation was interrupted and did not stop by itself in time. What was known of the object is in \
             the state: plan again to see what is left to do.",
        )
        .into())
    };
    let raced = async {
        tokio::select! {
            biased;
            outcome = handler => outcome,
            outcome = given_up => outcome,
        }
    };
    caught(rpc, subject, raced).await.map_err(|errors| {
        let mut diagnostics = call.take_warnings();
        diagnostics.extend(errors);
        diagnostics
    })
}
