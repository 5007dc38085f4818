//! What every call is wrapped in: a log span, and a net that turns a panic into a diagnostic.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Instrument;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Runs one call. A panic in it becomes an error that says where, and harms no other call.
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
    let outcome = crate::logging::catch_panic(call).instrument(span).await;
    outcome.unwrap_or_else(|panic| {
        let of = if subject.is_empty() { String::new() } else { format!(" of {subject}") };
        Err(Diagnostic::error(
            format!("The provider failed in {rpc}{of}"),
            format!(
                "{panic}. This is a bug of the provider: please report it with this text. \
                 Nothing that was created is lost: run the plan again to see what exists."
            ),
        )
        .into())
    })
}
