//! The process that is killed: one deed on one environment through the driver. What it is to remember is in a file; time is
//! virtual.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use multicloud::drain::NoDrainer;
use multicloud::{Driver, IdempotencyToken, Jitter, Result, VirtualClock};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::apply::{self, Applied, End, Record, State, Task};
use crate::clouds::{CloudName, Reach};
use crate::planted_bug::{Bug, Line, Serial};

/// The first argument of this program when it is this process.
pub(crate) const ARGUMENT: &str = "--driver-process";

/// Three times what the longest deed takes, in virtual time.
const TIMEOUT: Duration = Duration::from_hours(2);
/// Virtual, too: as much as one request moves the simulator's clock.
const POLL_INTERVAL: Duration = Duration::from_mins(1);

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) cloud: CloudName,
    /// Who it is done for.
    pub(crate) owner: String,
    pub(crate) task: Task,
    /// Whether what is wanted is what is wanted later.
    pub(crate) updated: bool,
    pub(crate) bug: Option<Bug>,
    pub(crate) reach: Reach,
    /// The file of what is remembered.
    pub(crate) state: PathBuf,
}

impl End {
    const ALL: [End; 4] = [End::Done, End::Failed, End::PlanNotEmpty, End::Refused];

    fn code(self) -> u8 {
        match self {
            End::Done => 0,
            // Not 1 and not 101, which are those of a process that ends otherwise.
            End::Failed => 10,
            End::PlanNotEmpty => 11,
            End::Refused => 12,
        }
    }

    /// What an exit code says; `None` if it is not one of ours.
    pub(crate) fn of(code: Option<i32>) -> Option<End> {
        End::ALL.into_iter().find(|end| code == Some(end.code().into()))
    }
}

/// Runs as that process.
pub(crate) fn main(order: &str) -> ExitCode {
    let order: Order = serde_json::from_str(order).expect("the matrix starts this process");
    let applied = run(&order);
    let _ = writeln!(std::io::stderr(), "{}", applied.said);
    ExitCode::from(applied.end.code())
}

fn run(order: &Order) -> Applied {
    let cloud = order.cloud.cloud();
    let mut desired = if order.updated { cloud.updated() } else { cloud.created() };
    desired.owner = order.owner.parse().expect("the matrix knows owners only");
    let clock = VirtualClock::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let backend = Serial::new(cloud.connect(&order.reach), order.bug, desired.mark(), AtOnce(runtime));
    let driver = Driver::new(Arc::new(backend), Arc::new(clock.clone()), Jitter::seeded(1), POLL_INTERVAL);
    let driver = driver.with_drainer(Arc::new(NoDrainer));
    let token = IdempotencyToken::random();
    let done = clock.run(apply::apply(&driver, &StateFile(&order.state), order.task, &desired, token, TIMEOUT));
    done.expect("nothing is waited for but time and replies")
}

/// Brings each call to its end before anything else happens, so that virtual time stands still meanwhile.
#[derive(Debug)]
struct AtOnce(Runtime);

impl Line for AtOnce {
    /// The driver polls on a thread of its own, outside of any runtime, so that blocking it is allowed.
    async fn carry<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.0.block_on(call)
    }
}

/// The file of what is remembered.
struct StateFile<'a>(&'a Path);

impl Record for StateFile<'_> {
    fn load(&self) -> Option<State> {
        let text = fs::read(self.0).ok()?;
        Some(serde_json::from_slice(&text).expect("the state is what this process wrote"))
    }

    /// Writes whole states only, whenever the process may die.
    fn store(&self, state: &State) {
        let new = self.0.with_extension("new");
        fs::write(&new, serde_json::to_vec(state).expect("a state is plain data")).expect("the state can be written");
        fs::rename(&new, self.0).expect("the state can be replaced");
    }

    fn forget(&self) {
        if let Err(error) = fs::remove_file(self.0) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "the state cannot be removed");
        }
    }
}
