//! The process that is killed: one deed on one environment through the driver, as Terraform has a provider do it. What it
//! is to remember is in a file; time is virtual.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use multicloud::eks::{AwsSettings, Eks};
use multicloud::{
    Checkpoint, Driver, Ending, EnvironmentId, EnvironmentSpec, Error, ErrorChain, ErrorKind, Jitter, Operation,
    Outcome, Run, Secret, Target, VirtualClock,
};
use serde::{Deserialize, Serialize};

use crate::environment;
use crate::planted_bug::{Bug, Serial};

/// The first argument of this program when it is this process.
pub(crate) const ARGUMENT: &str = "--driver-process";

/// Three times what the longest deed takes, in virtual time.
const TIMEOUT: Duration = Duration::from_hours(2);
/// Virtual, too: as much as one request moves the simulator's clock.
const POLL_INTERVAL: Duration = Duration::from_mins(1);

/// What the process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Makes the environment as it is first wanted.
    Create,
    /// Brings it to what is wanted later.
    Update,
    /// Deletes it.
    Delete,
    /// Looks whether there is anything to do to have it as first wanted.
    PlanCreated,
    /// Looks whether there is anything to do to have it as wanted later.
    PlanUpdated,
}

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) task: Task,
    pub(crate) bug: Option<Bug>,
    pub(crate) eks: String,
    pub(crate) sts: String,
    /// The file of what is remembered.
    pub(crate) state: PathBuf,
}

/// How it ended, as its exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All is as wanted, or the plan is empty.
    Done,
    /// Something was in the way, and it was said.
    Failed,
    /// There is something left to do.
    PlanNotEmpty,
    /// The cluster is somebody else's, and it was said.
    Refused,
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

/// What is remembered between processes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    id: EnvironmentId,
    uid: Option<String>,
    running: Vec<Operation>,
}

/// Runs as that process.
pub(crate) fn main(order: &str) -> ExitCode {
    let order: Order = serde_json::from_str(order).expect("the matrix starts this process");
    let end = run(&order).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "{}", ErrorChain(&error));
        if error.kind == ErrorKind::NotOwned { End::Refused } else { End::Failed }
    });
    ExitCode::from(end.code())
}

fn run(order: &Order) -> Result<End, Error> {
    let settings = AwsSettings {
        endpoint: Some(order.eks.clone()),
        sts_endpoint: Some(order.sts.clone()),
        access_key: Some("AKIASIMULATOR".to_owned()),
        secret_key: Some(Secret::new("any")),
        ..AwsSettings::default()
    };
    let desired = match order.task {
        Task::Create | Task::PlanCreated => environment::created(),
        Task::Update | Task::PlanUpdated | Task::Delete => environment::updated(),
    };
    let clock = VirtualClock::new();
    let backend = Arc::new(Serial::new(Eks::new(settings), order.bug, desired.mark()));
    let driver = Driver::new(backend, Arc::new(clock.clone()), Jitter::seeded(1), POLL_INTERVAL);
    let done = clock.run(perform(&driver, order, &desired));
    done.expect("nothing is waited for but time and replies")
}

/// Refreshes what is remembered, and does what is left to do.
async fn perform(driver: &Driver, order: &Order, desired: &EnvironmentSpec) -> Result<End, Error> {
    let file = &order.state;
    let mut state = load(file);
    let mut observed = None;
    if let Some(known) = &state {
        observed = driver.read(&known.id).await?;
        let same = |uid: &String| known.uid.as_ref().is_none_or(|known| known == uid);
        if !observed.as_ref().is_some_and(|observed| same(&observed.uid)) {
            forget(file);
            state = None;
        }
    }
    let save = |at: &Checkpoint<'_>| {
        let uid = at.observed.map(|observed| observed.uid.clone());
        if uid.is_some() || !at.running.is_empty() {
            store(file, &State { id: at.id.clone(), uid, running: at.running.to_vec() });
        }
    };
    let mut run = Run::new(TIMEOUT, &save);
    run.running = state.as_ref().map(|state| state.running.clone()).unwrap_or_default();
    let target = state.map(|state| Target {
        id: state.id,
        mark: desired.mark(),
        uid: state.uid,
        deletion_protection: desired.deletion_protection,
    });
    let outcome = match (order.task, target) {
        (Task::PlanCreated | Task::PlanUpdated, _) => {
            let steps = driver.backend().plan(observed.as_ref(), Some(desired))?;
            for step in &steps {
                let _ = writeln!(std::io::stderr(), "to do: {step}");
            }
            return Ok(if steps.is_empty() { End::Done } else { End::PlanNotEmpty });
        }
        (Task::Create | Task::Update, None) => driver.create(desired, run).await,
        (Task::Create | Task::Update, Some(target)) => driver.update(&target, desired, run).await,
        (Task::Delete, None) => return Ok(End::Done),
        (Task::Delete, Some(target)) => driver.delete(&target, run).await,
    };
    keep(file, order.task, &outcome);
    match outcome.ending {
        Ending::Converged => Ok(End::Done),
        Ending::Failed(error) => Err(error),
        Ending::StepsFailed(failures) => {
            for failure in failures {
                let _ = writeln!(std::io::stderr(), "{}: {}", failure.step, ErrorChain(&failure.error));
            }
            Ok(End::Failed)
        }
    }
}

/// Remembers how a run ended.
fn keep(file: &Path, task: Task, outcome: &Outcome) {
    match (&outcome.id, task) {
        (_, Task::Delete) if outcome.is_converged() => forget(file),
        (Some(id), _) if outcome.exists() && !outcome.errors().iter().any(|e| e.kind == ErrorKind::NotOwned) => {
            let uid = outcome.observed.as_ref().map(|observed| observed.uid.clone());
            store(file, &State { id: id.clone(), uid, running: outcome.running.clone() });
        }
        (Some(_) | None, _) => {}
    }
}

fn load(file: &Path) -> Option<State> {
    let text = fs::read(file).ok()?;
    Some(serde_json::from_slice(&text).expect("the state is what this process wrote"))
}

/// Writes whole states only, whenever the process may die.
fn store(file: &Path, state: &State) {
    let new = file.with_extension("new");
    fs::write(&new, serde_json::to_vec(state).expect("a state is plain data")).expect("the state can be written");
    fs::rename(&new, file).expect("the state can be replaced");
}

fn forget(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "the state cannot be removed");
    }
}
