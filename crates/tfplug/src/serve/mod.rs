//! Runs a provider as a plugin process: handshake, transport, life and end.
//!
//! [`serve`] is the whole of a provider's `main`:
//!
//! ```no_run
//! # struct Anvil;
//! # impl tfplug::proto::tfplugin6::provider_server::Provider for Anvil {}
//! fn main() -> std::process::ExitCode {
//!     tfplug::serve::serve(
//!         tfplug::serve::Options {
//!             address: "registry.terraform.io/acme/anvil",
//!             version: env!("CARGO_PKG_VERSION"),
//!             log_crates: &[env!("CARGO_CRATE_NAME")],
//!             network: tfplug::serve::Network::Auto,
//!         },
//!         || Anvil,
//!     )
//! }
//! ```
//!
//! The handshake takes a millisecond or two if aws-lc, the crypto library below, is built without its collecting of CPU
//! jitter, which takes 25 ms or more at the start of every process: set `AWS_LC_SYS_NO_JITTER_ENTROPY=1` where the
//! provider is built, for example in `[env]` of `.cargo/config.toml`. Randomness then comes from the operating system
//! and the processor, as in most programs.
//!
//! What the calls mean is the business of the `Provider` that is served.

mod connections;
mod debug;
mod handshake;
mod lifetime;
mod listener;
mod services;
#[cfg(unix)]
mod stdout;
#[cfg(not(unix))]
#[path = "stdout_shared.rs"]
mod stdout;
mod tls;

pub use listener::Network;
pub use services::{abandoned, cancel_when_abandoned};

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::logging;
use crate::proto::tfplugin6::provider_server::Provider;
use handshake::{Request, RequestError};
use lifetime::{Owner, Parent, Signals};
use listener::{Bound, Listener};
use services::Services;
use stdout::HandshakeOutput;

/// What calls that still run may use to put things in order before the process ends: three quarters of the two seconds
/// after which the CLI kills a plugin that it told to end.
const CALLS_GRACE: Duration = Duration::from_millis(1500);

/// What connections may use to hand over the last answers; a local peer needs a fraction of a millisecond.
const CONNECTIONS_GRACE: Duration = Duration::from_millis(50);

/// Handlers wait far more than they compute, and each thread costs memory for hours: a few serve the CLI's usual ten
/// calls at a time.
const WORKER_THREADS_LIMIT: usize = 4;

/// What the process says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The provider's full address, `registry.terraform.io/<namespace>/<type>`.
    pub address: &'static str,
    /// The provider's version.
    pub version: &'static str,
    /// Crates whose events belong to the provider's log; of all others only warnings and errors do, because what
    /// libraries say about their requests may hold secrets.
    pub log_crates: &'static [&'static str],
    /// Where to listen.
    pub network: Network,
}

/// Serves the provider until the CLI, or in debug mode Ctrl-C, ends it. Call it first in `main`, and return its result
/// from there.
///
/// `provider` is called in the runtime, after the CLI has its handshake.
pub fn serve<P: Provider>(options: Options, provider: impl FnOnce() -> P) -> ExitCode {
    logging::install_panic_hook();
    logging::init(options.address, options.log_crates);
    let outcome = match Mode::from_args(std::env::args_os().skip(1)) {
        Mode::Plugin => start_plugin(options.network),
        Mode::Debug { env_file } => start_debug(options, env_file),
    };
    let outcome = outcome.and_then(|process| process.run(provider));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.describe(options));
            ExitCode::FAILURE
        }
    }
}

/// What the program was started for.
#[derive(Debug, PartialEq, Eq)]
enum Mode {
    Plugin,
    Debug { env_file: Option<PathBuf> },
}

impl Mode {
    /// The CLI passes no arguments, so that anything unknown changes nothing.
    fn from_args(args: impl IntoIterator<Item = OsString>) -> Mode {
        let mut debug = false;
        let mut env_file = None;
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.to_str().map(|arg| arg.trim_start_matches('-')) {
                Some("debug") => debug = true,
                Some("debug-env-file") => env_file = args.next().map(PathBuf::from),
                Some(_) | None => {}
            }
        }
        if debug || env_file.is_some() { Mode::Debug { env_file } } else { Mode::Plugin }
    }
}

/// Why the process could not serve.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error("cannot listen for the CLI")]
    Listen(#[source] io::Error),
    #[error("cannot answer on standard output")]
    Output(#[source] io::Error),
    #[error("cannot write {}", .0.display())]
    EnvFile(PathBuf, #[source] io::Error),
    #[error("cannot handle signals")]
    Signals(#[source] io::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

impl ServeError {
    fn describe(&self, options: Options) -> String {
        if let ServeError::Request(RequestError::NoCookie) = self {
            let program = std::env::current_exe().ok();
            let program = program.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
            return handshake::usage(options.address, program.unwrap_or("this program"), options.version);
        }
        let mut text = format!("[ERROR] {self}");
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(&format!(": {error}"));
            source = error.source();
        }
        text.push('\n');
        text
    }
}

/// A process that has announced where it listens.
struct Process {
    bound: Bound,
    tls: Option<Arc<ServerConfig>>,
    owner: Owner,
    parent: Parent,
    /// Open until the end: its closing would tell the CLI that we are gone.
    _output: Option<HandshakeOutput>,
}

/// Everything up to the handshake line, which does not wait for a runtime or the provider: the socket holds callers.
fn start_plugin(network: Network) -> Result<Process, ServeError> {
    let parent = Parent::now();
    let mut request = Request::from_env(|key| std::env::var_os(key))?;
    let mut output = HandshakeOutput::take().map_err(ServeError::Output)?;
    let (tls, certificate) = request.client_certificate.take().map(tls::server_config).transpose()?.unzip();
    let (bound, address) =
        Bound::bind(network, request.socket_dir.clone(), request.ports.clone()).map_err(ServeError::Listen)?;
    output.write_line(&request.answer(&address, certificate.as_ref())).map_err(ServeError::Output)?;
    tracing::debug!(%address, tls = tls.is_some(), "handshake");
    Ok(Process { bound, tls, owner: Owner::Cli, parent, _output: Some(output) })
}

fn start_debug(options: Options, env_file: Option<PathBuf>) -> Result<Process, ServeError> {
    let (bound, address) = Bound::bind(options.network, None, None).map_err(ServeError::Listen)?;
    let line = debug::reattach_line(options.address, &address, std::process::id());
    if let Some(file) = env_file {
        std::fs::write(&file, format!("{line}\n")).map_err(|error| ServeError::EnvFile(file, error))?;
    }
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(debug::announcement(&line).as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(ServeError::Output)?;
    Ok(Process { bound, tls: None, owner: Owner::Developer, parent: Parent::now(), _output: None })
}

impl Process {
    fn run<P: Provider>(self, provider: impl FnOnce() -> P) -> Result<(), ServeError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores.min(WORKER_THREADS_LIMIT))
            .enable_all()
            .build()
            .map_err(ServeError::Runtime)?;
        let result = runtime.block_on(async {
            let shutdown = CancellationToken::new();
            let connected = CancellationToken::new();
            // Before anything that takes time: from here on Ctrl-C does not end us.
            let signals = Signals::handle(self.owner).map_err(ServeError::Signals)?;
            let ended = lifetime::end(self.parent, signals, shutdown.clone(), connected.clone());
            if let Some(dir) = self.bound.sockets_dir() {
                tokio::task::spawn_blocking(move || listener::remove_stale(&dir));
            }
            let listener = self.bound.into_listener().map_err(ServeError::Listen)?;
            let end = CancellationToken::new();
            let services = Services::new(provider(), shutdown, end.clone()).await;
            serve_until(ended, listener, self.tls, services, connected, end).await;
            Ok(())
        });
        // Blocking work that still runs must not hold up the end.
        runtime.shutdown_background();
        result
    }
}

async fn serve_until<P: Provider>(
    ended: impl Future<Output = lifetime::End>,
    listener: Listener,
    tls: Option<Arc<ServerConfig>>,
    services: Services<P>,
    connected: CancellationToken,
    end: CancellationToken,
) {
    let calls = services.calls().clone();
    let connections = connections::Connections::new(tls, services, connected, end.clone());
    let reason = tokio::select! {
        reason = ended => reason,
        never = connections.accept(&listener) => match never {},
    };
    tracing::debug!(?reason, "the provider ends");
    // No new callers, and no socket file left behind, whatever the running calls do.
    drop(listener);
    end.cancel();
    calls.close();
    if tokio::time::timeout(CALLS_GRACE, calls.wait()).await.is_err() {
        tracing::warn!(calls = calls.len(), "calls are cut off by the end of the process");
    }
    connections.finish(CONNECTIONS_GRACE).await;
}

/// Writes to standard error, where it is all the same if nobody reads.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(args: &[&str]) -> Mode {
        Mode::from_args(args.iter().map(OsString::from))
    }

    #[test]
    fn arguments() {
        assert_eq!(mode(&[]), Mode::Plugin);
        assert_eq!(mode(&["--unknown"]), Mode::Plugin);
        assert_eq!(mode(&["-debug"]), Mode::Debug { env_file: None });
        assert_eq!(mode(&["--debug", "-debug-env-file", "x.env"]), Mode::Debug { env_file: Some("x.env".into()) });
        assert_eq!(mode(&["-debug-env-file", "x.env"]), Mode::Debug { env_file: Some("x.env".into()) });
    }
}
