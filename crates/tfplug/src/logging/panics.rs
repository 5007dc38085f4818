//! Panics: caught per call they become an answer; the one that ends the process becomes the CLI's crash report.
//!
//! The CLI shows what follows a line that begins with `panic: ` as the report of a crashed plugin. Rust's own message
//! would not be shown at all, and a caught panic must not be reported as a crash.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::{masked, write_stderr};

/// A panic that was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// What the panic said, without secrets.
    pub message: String,
    /// File, line and column.
    pub location: Option<String>,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(f, "{} (at {location})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

thread_local! {
    /// How many [`catch_panic`] this thread is inside of.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// What the hook saw of the panic that is being caught.
    static CAUGHT: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Runs the future and turns a panic inside it into an error. With the hook of [`install_panic_hook`] the panic is
/// logged instead of printed.
///
/// Work that the future hands to other tasks or threads is not covered.
///
/// # Errors
///
/// The panic, if there was one.
pub async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        CATCHING.set(CATCHING.get() + 1);
        // The future is not polled again after a panic, so that nobody sees what it left half done.
        let outcome = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        CATCHING.set(CATCHING.get() - 1);
        match outcome {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => {
                Poll::Ready(Err(CAUGHT.take().unwrap_or_else(|| Panic { message: message(&*payload), location: None })))
            }
        }
    })
    .await
}

/// Replaces Rust's printing of panics: those that end the process are written as the CLI expects it, all others are
/// logged.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let panic = Panic { message: message(info.payload()), location: info.location().map(ToString::to_string) };
        // The runtime catches what panics in its tasks, and a panic in another thread ends that thread only.
        let fatal = cfg!(panic = "abort") || std::thread::current().name() == Some("main");
        if CATCHING.get() > 0 && !cfg!(panic = "abort") {
            log(&panic, info);
            CAUGHT.set(Some(panic));
        } else if fatal {
            write_stderr(crash_report(&panic, &Backtrace::force_capture()).as_bytes());
        } else {
            log(&panic, info);
        }
    }));
}

fn log(panic: &Panic, info: &PanicHookInfo<'_>) {
    if tracing::enabled!(tracing::Level::ERROR) {
        let location = info.location().map(tracing::field::display);
        let backtrace = Backtrace::force_capture();
        tracing::error!(panic = panic.message, location, %backtrace, "a panic was caught");
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "a panic without a message",
    };
    masked(text).into_owned()
}

fn crash_report(panic: &Panic, backtrace: &Backtrace) -> String {
    let location = panic.location.as_deref().unwrap_or("an unknown place");
    format!("panic: {}\n\nat {location}\n{backtrace}\n", panic.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_after_an_await_is_an_error_with_its_place() {
        install_panic_hook();
        let future = async {
            tokio::task::yield_now().await;
            if std::hint::black_box(true) {
                panic!("the anvil broke");
            }
        };
        let panic = catch_panic(future).await.unwrap_err();
        assert_eq!(panic.message, "the anvil broke");
        assert!(panic.location.unwrap().contains("panics.rs:"));
        assert_eq!(catch_panic(async { 5 }).await, Ok(5));
    }

    #[tokio::test]
    async fn nested_catches_and_other_payloads() {
        install_panic_hook();
        let inner = catch_panic(async { std::panic::panic_any(7) });
        let outer = catch_panic(async { inner.await.unwrap_err().message }).await;
        assert_eq!(outer.unwrap(), "a panic without a message");
    }

    #[test]
    fn a_crash_report_begins_as_the_cli_expects() {
        let panic = Panic { message: "broken".into(), location: Some("a.rs:1:2".into()) };
        let report = crash_report(&panic, &Backtrace::disabled());
        assert!(report.starts_with("panic: broken\n\nat a.rs:1:2\n"), "{report}");
    }
}
