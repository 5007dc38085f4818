//! What Terraform has a provider do: refresh what is remembered, do what is left to do, remember how it ended.

use std::time::Duration;

use multicloud::{
    Checkpoint, Driver, Ending, EnvironmentId, EnvironmentSpec, Error, ErrorChain, ErrorKind, IdempotencyToken,
    Operation, Outcome, Run, Target,
};
use serde::{Deserialize, Serialize};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Brings the environment to what is wanted, from nothing or from what there is.
    Apply,
    /// Takes over one that is there.
    Import,
    /// Deletes it.
    Delete,
    /// Looks whether there is anything to do.
    Plan,
}

/// How it ended.
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

/// What is remembered between processes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) id: EnvironmentId,
    pub(crate) uid: Option<String>,
    pub(crate) running: Vec<Operation>,
}

/// Where it is remembered.
pub(crate) trait Record: Sync {
    fn load(&self) -> Option<State>;
    fn store(&self, state: &State);
    fn forget(&self);
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) end: End,
    pub(crate) said: String,
}

impl Applied {
    fn done() -> Applied {
        Applied { end: End::Done, said: String::new() }
    }

    fn failed(errors: &[&Error]) -> Applied {
        let said: Vec<String> = errors.iter().map(|error| ErrorChain(*error).to_string()).collect();
        let end = if errors.iter().any(|error| error.kind == ErrorKind::NotOwned) { End::Refused } else { End::Failed };
        Applied { end, said: said.join("\n") }
    }
}

/// Does one task.
pub(crate) async fn apply(
    driver: &Driver,
    record: &dyn Record,
    task: Task,
    desired: &EnvironmentSpec,
    token: IdempotencyToken,
    timeout: Duration,
) -> Applied {
    match perform(driver, record, task, desired, token, timeout).await {
        Ok(applied) => applied,
        Err(error) => Applied::failed(&[&error]),
    }
}

async fn perform(
    driver: &Driver,
    record: &dyn Record,
    task: Task,
    desired: &EnvironmentSpec,
    token: IdempotencyToken,
    timeout: Duration,
) -> Result<Applied, Error> {
    let mut state = record.load();
    let mut observed = None;
    if let Some(known) = &state {
        observed = driver.read(&known.id).await?;
        let same = |uid: &String| known.uid.as_ref().is_none_or(|known| known == uid);
        if !observed.as_ref().is_some_and(|observed| same(&observed.uid)) {
            record.forget();
            state = None;
        }
    }
    let save = |at: &Checkpoint<'_>| {
        let uid = at.observed.map(|observed| observed.uid.clone());
        if uid.is_some() || !at.running.is_empty() {
            record.store(&State { id: at.id.clone(), uid, running: at.running.to_vec() });
        }
    };
    let mut run = Run { token, ..Run::new(timeout, &save) };
    run.running = state.as_ref().map(|state| state.running.clone()).unwrap_or_default();
    let target = state.map(|state| Target {
        id: state.id,
        mark: desired.mark(),
        uid: state.uid,
        deletion_protection: desired.deletion_protection,
    });
    let outcome = match (task, target) {
        (Task::Plan, _) => {
            let steps = driver.backend().plan(observed.as_ref(), Some(desired))?;
            let said = steps.iter().map(|step| format!("to do: {step}\n")).collect();
            let end = if steps.is_empty() { End::Done } else { End::PlanNotEmpty };
            return Ok(Applied { end, said });
        }
        (Task::Import, None) => {
            let id = driver.backend().locate(desired).await?;
            let observed = driver.import(&id, &desired.mark()).await?;
            record.store(&State { id, uid: Some(observed.uid), running: Vec::new() });
            return Ok(Applied::done());
        }
        (Task::Import, Some(_)) | (Task::Delete, None) => return Ok(Applied::done()),
        (Task::Apply, None) => driver.create(desired, run).await,
        (Task::Apply, Some(target)) => driver.update(&target, desired, run).await,
        (Task::Delete, Some(target)) => driver.delete(&target, run).await,
    };
    keep(record, task, &outcome);
    Ok(match &outcome.ending {
        Ending::Converged => Applied::done(),
        Ending::Failed(error) => Applied::failed(&[error]),
        Ending::StepsFailed(failures) => {
            let mut applied = Applied::failed(&outcome.errors());
            for failure in failures {
                applied.said.push_str(&format!("\n{}", failure.step));
            }
            applied
        }
    })
}

/// Remembers how a run ended.
fn keep(record: &dyn Record, task: Task, outcome: &Outcome) {
    match (&outcome.id, task) {
        (_, Task::Delete) if outcome.is_converged() => record.forget(),
        (Some(id), _) if outcome.exists() && !outcome.errors().iter().any(|e| e.kind == ErrorKind::NotOwned) => {
            let uid = outcome.observed.as_ref().map(|observed| observed.uid.clone());
            record.store(&State { id: id.clone(), uid, running: outcome.running.clone() });
        }
        (Some(_) | None, _) => {}
    }
}
