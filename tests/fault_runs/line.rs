//! The way to the cloud under one time for both: before a call the simulator's clock is set to the driver's, and after it
//! the driver's moves on by what the call took.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use multicloud::{Clock as _, Result, VirtualClock};
use multicloud_simulator::Running;
use tokio::runtime::Runtime;

use crate::planted_bug::Line;

/// How long a request takes, virtually.
pub(crate) const LATENCY: Duration = Duration::from_millis(20);

/// How long a connection stalls before it breaks: what our clients wait for a reply.
const STALL: Duration = Duration::from_secs(30);

/// The way to one simulator.
#[derive(Clone)]
pub(crate) struct Timed {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) clock: VirtualClock,
    pub(crate) running: Arc<Running>,
    /// How far the simulator's clock is ahead.
    pub(crate) ahead: Duration,
    /// The requests whose connection stalls before it breaks.
    pub(crate) stalled: BTreeSet<u64>,
    /// After how many requests another token stands in which file.
    pub(crate) rotation: Option<(u64, PathBuf, &'static str)>,
}

impl fmt::Debug for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Timed {
    /// Sets the simulator's clock to the driver's.
    pub(crate) fn set_clock(&self) {
        let now = self.clock.now() + self.ahead;
        self.running.advance(now.saturating_sub(self.running.elapsed()));
    }
}

impl Line for Timed {
    /// The driver polls on a thread of its own, outside of any runtime, so that blocking it is allowed. The simulator's
    /// tasks run on the same runtime, so that they and the client's take turns in one order.
    async fn carry<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.set_clock();
        let before = self.running.seen();
        if let Some((after, file, token)) = &self.rotation
            && before >= *after
        {
            std::fs::write(file, token).expect("the file can be written");
        }
        let reply = self.runtime.block_on(call);
        let seen = self.running.seen();
        let requests = u32::try_from(seen - before).unwrap_or(u32::MAX);
        let stalls = self.stalled.iter().filter(|call| (before + 1..=seen).contains(call)).count();
        let stalls = u32::try_from(stalls).unwrap_or(u32::MAX);
        self.clock.sleep(LATENCY * requests + STALL * stalls).await;
        reply
    }
}
