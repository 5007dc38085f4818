//! The provider's log, as the CLI reads it: one JSON object per line of standard error, without secrets.
//!
//! Providers log with [`tracing`]. Fields of the spans around an event go into its line, so that one span per call
//! gives every line its request id. Users choose what they see with `TF_LOG`, `TF_LOG_PROVIDER` and
//! `TF_LOG_PROVIDER_<NAME>`, and for this crate with `TF_LOG_SDK`, `TF_LOG_SDK_PROTO` and `TF_LOG_SDK_FRAMEWORK`. When
//! logging is off, no subscriber is installed and an event costs one comparison.
//!
//! Secrets do not belong into events. Where one slips in, [`mask`] hides it in every encoding it usually travels in;
//! fields with names such as `password` and texts of the form `Bearer …` are hidden without being told.

mod hclog;
mod levels;
mod masking;
mod panics;

pub use masking::{mask, masked};
pub use panics::{Panic, catch_panic, install_panic_hook};

use std::io::{self, Write as _};

use levels::Levels;
use tracing_subscriber::layer::SubscriberExt as _;

/// Sends events to standard error if the environment asks for any.
///
/// `address` is the provider's full address, whose last part names its variable; `crates` are those whose events are
/// the provider's own. A second call, or one after another subscriber was installed, changes nothing.
pub fn init(address: &str, crates: &'static [&'static str]) {
    let levels = Levels::from_env(address, crates, |key| std::env::var(key).ok());
    if levels.are_off() {
        return;
    }
    let subscriber = tracing_subscriber::registry().with(hclog::HclogLayer::new(levels, write_stderr));
    // An application that embeds a provider may have a subscriber of its own; that one stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Writes whole lines, so that those of several threads do not mix. Nobody reading is no reason to fail.
fn write_stderr(line: &[u8]) {
    let _ = io::stderr().lock().write_all(line);
}
