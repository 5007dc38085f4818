//! When a plugin process ends: when it is told to, and when nobody is left to tell it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How often the parent is looked for. Half a second leaves three quarters of the two that a provider may go on
/// changing things after its client was lost.
const PARENT_POLL: Duration = Duration::from_millis(500);

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
#[derive(Debug, Clone, Copy)]
pub(super) struct Parent(u32);

impl Parent {
    pub(super) fn now() -> Parent {
        Parent(parent_id())
    }
}

/// Waits for the first reason to end. Signals count from the first poll on.
pub(super) async fn end(
    owner: Owner,
    parent: Parent,
    shutdown: CancellationToken,
    connected: CancellationToken,
) -> End {
    tokio::select! {
        () = shutdown.cancelled() => End::Shutdown,
        end = signalled(owner) => end,
        () = gone(parent), if owner == Owner::Cli => End::ParentGone,
        () = never_connected(connected), if owner == Owner::Cli => End::NeverConnected,
    }
}

async fn never_connected(connected: CancellationToken) {
    if tokio::time::timeout(FIRST_CONNECTION_LIMIT, connected.cancelled()).await.is_ok() {
        std::future::pending().await
    }
}

#[cfg(unix)]
fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// The system gives the child of a process that ended to another one.
#[cfg(unix)]
async fn gone(Parent(parent): Parent) {
    let mut poll = tokio::time::interval(PARENT_POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while parent_id() == parent {
        poll.tick().await;
    }
}

#[cfg(unix)]
async fn signalled(owner: Owner) -> End {
    use tokio::signal::unix::{SignalKind, signal};

    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = signals else {
        tracing::warn!("signals cannot be handled: Ctrl-C will end this process at once");
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => match owner {
                Owner::Cli => tracing::debug!("SIGINT is left to the CLI"),
                Owner::Developer => return End::Interrupted,
            },
            _ = terminate.recv() => return End::Terminated,
            _ = hangup.recv() => return End::Terminated,
        }
    }
}

#[cfg(not(unix))]
fn parent_id() -> u32 {
    0
}

/// Other systems have no cheap answer; there the CLI's own handling of its children is relied on.
#[cfg(not(unix))]
async fn gone(_: Parent) {
    std::future::pending().await
}

#[cfg(not(unix))]
async fn signalled(owner: Owner) -> End {
    loop {
        if tokio::signal::ctrl_c().await.is_err() {
            return std::future::pending().await;
        }
        match owner {
            Owner::Cli => tracing::debug!("Ctrl-C is left to the CLI"),
            Owner::Developer => return End::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn shutdown_ends_it() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        assert_eq!(end(Owner::Cli, Parent::now(), shutdown, CancellationToken::new()).await, End::Shutdown);
    }

    #[tokio::test(start_paused = true)]
    async fn a_plugin_that_nobody_connects_to_ends() {
        let none = CancellationToken::new;
        assert_eq!(end(Owner::Cli, Parent::now(), none(), none()).await, End::NeverConnected);
    }

    #[tokio::test(start_paused = true)]
    async fn once_connected_or_in_debug_mode_it_waits() {
        let connected = CancellationToken::new();
        connected.cancel();
        let day = Duration::from_secs(24 * 3600);
        let shutdown = CancellationToken::new;
        assert!(tokio::time::timeout(day, end(Owner::Cli, Parent::now(), shutdown(), connected)).await.is_err());
        assert!(tokio::time::timeout(day, end(Owner::Developer, Parent::now(), shutdown(), shutdown())).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn another_parent_is_no_parent() {
        gone(Parent(parent_id() + 1)).await;
        assert!(tokio::time::timeout(PARENT_POLL * 100, gone(Parent::now())).await.is_err());
    }
}
