//! When a plugin process ends: when it is told to, and when nobody is left to tell it.

use std::io;
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the parent is looked for. With the time that running calls get, a provider then stops within the two
/// seconds that it may go on changing things after its client was lost.
#[cfg(unix)]
const PARENT_POLL: Duration = Duration::from_millis(250);

/// The CLI connects right after the handshake, and gives up on one that takes a minute; who has not come in twice that
/// time never will.
const FIRST_CONNECTION_LIMIT: Duration = Duration::from_secs(120);

/// Why the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The CLI called `Shutdown`.
    Shutdown,
    /// The process that started us is gone.
    ParentGone,
    /// A signal that asks for the end.
    #[cfg(unix)]
    Terminated,
    /// Ctrl-C in debug mode, where it is meant for us.
    Interrupted,
    /// Nobody connected.
    NeverConnected,
}

/// Who may end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The CLI that started it. Ctrl-C reaches the whole process group; what follows from it is the CLI's decision,
    /// which says so with `StopProvider`.
    Cli,
    /// A person at a terminal.
    Developer,
}

/// The process that started us, to be asked for before that can know of us and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent(#[cfg(unix)] u32);

impl Parent {
    pub(super) fn now() -> Parent {
        Parent(
            #[cfg(unix)]
            std::os::unix::process::parent_id(),
        )
    }
}

/// Waits for the first reason to end.
pub(super) async fn end(
    parent: Parent,
    mut signals: Signals,
    shutdown: CancellationToken,
    connected: CancellationToken,
) -> End {
    let by_cli = signals.owner == Owner::Cli;
    tokio::select! {
        () = shutdown.cancelled() => End::Shutdown,
        end = signals.end() => end,
        () = gone(parent), if by_cli => End::ParentGone,
        () = never_connected(connected), if by_cli => End::NeverConnected,
    }
}

async fn never_connected(connected: CancellationToken) {
    if tokio::time::timeout(FIRST_CONNECTION_LIMIT, connected.cancelled()).await.is_ok() {
        std::future::pending().await
    }
}

/// The system gives the child of a process that ended to another one.
#[cfg(unix)]
async fn gone(parent: Parent) {
    let mut poll = tokio::time::interval(PARENT_POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while Parent::now() == parent {
        poll.tick().await;
    }
}

/// Other systems have no cheap answer; there the CLI's own handling of its children is relied on.
#[cfg(not(unix))]
async fn gone(_: Parent) {
    std::future::pending().await
}

/// Signals, which no longer end the process by themselves once this exists.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Signals {
    owner: Owner,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

#[cfg(unix)]
impl Signals {
    /// # Errors
    ///
    /// If the system does not let us handle signals: then Ctrl-C would lose what is being created, so that it is better
    /// not to begin.
    pub(super) fn handle(owner: Owner) -> io::Result<Signals> {
        Ok(Signals {
            owner,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn end(&mut self) -> End {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => match self.owner {
                    Owner::Cli => tracing::debug!("SIGINT is left to the CLI"),
                    Owner::Developer => return End::Interrupted,
                },
                _ = self.terminate.recv() => return End::Terminated,
                _ = self.hangup.recv() => return End::Terminated,
            }
        }
    }
}

/// Ctrl-C, which no longer ends the process by itself once this exists.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Signals {
    owner: Owner,
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(not(unix))]
impl Signals {
    /// # Errors
    ///
    /// If the system does not let us handle Ctrl-C: then it would lose what is being created, so that it is better not
    /// to begin.
    pub(super) fn handle(owner: Owner) -> io::Result<Signals> {
        Ok(Signals { owner, interrupt: tokio::signal::windows::ctrl_c()? })
    }

    async fn end(&mut self) -> End {
        loop {
            let _ = self.interrupt.recv().await;
            match self.owner {
                Owner::Cli => tracing::debug!("Ctrl-C is left to the CLI"),
                Owner::Developer => return End::Interrupted,
            }
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(owner: Owner, shutdown: CancellationToken, connected: CancellationToken) -> impl Future<Output = End> {
        end(Parent::now(), Signals::handle(owner).unwrap(), shutdown, connected)
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_ends_it() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        assert_eq!(end_of(Owner::Cli, shutdown, CancellationToken::new()).await, End::Shutdown);
    }

    #[tokio::test(start_paused = true)]
    async fn a_plugin_that_nobody_connects_to_ends() {
        let never = CancellationToken::new;
        assert_eq!(end_of(Owner::Cli, never(), never()).await, End::NeverConnected);
    }

    #[tokio::test(start_paused = true)]
    async fn once_connected_or_in_debug_mode_it_waits() {
        let never = CancellationToken::new;
        let connected = CancellationToken::new();
        connected.cancel();
        let day = Duration::from_secs(24 * 3600);
        assert!(tokio::time::timeout(day, end_of(Owner::Cli, never(), connected)).await.is_err());
        assert!(tokio::time::timeout(day, end_of(Owner::Developer, never(), never())).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn another_parent_is_no_parent() {
        let Parent(id) = Parent::now();
        gone(Parent(id + 1)).await;
        assert!(tokio::time::timeout(PARENT_POLL * 100, gone(Parent(id))).await.is_err());
    }
}
