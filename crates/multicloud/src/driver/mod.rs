//! What every cloud needs alike, written once: order, waiting, retries by class, deadlines, cancellation, checkpoints,
//! adoption by ownership mark, and resumption.
//!
//! A run is a loop: read what is there, wait for what runs, ask the backend for its plan, do the plan's first stage.
//! It keeps nothing that the next process would need. A process that is killed and begun again finds its place by
//! reading; what an earlier one saved only spares it a question.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::access::ClusterAccess;
use crate::backend::{Backend, Difference};
use crate::clock::{Clock, Jitter};
use crate::drain::{Drain, DrainError, KubernetesDrainer, NodeDrainer};
use crate::environment::{EnvironmentId, EnvironmentSpec, Mark, Observed, Ownership, Status};
use crate::error::{Error, ErrorKind, Result, RetryClass, ServerText};
use crate::operation::{Action, IdempotencyToken, NodeDrain, Operation, Progress, Step, Subject, WhenUnreachable};

/// Time that a request in flight is given to bring its reply after we were told to stop. A reply that is thrown away
/// makes an object that the next run must search for.
pub const STOP_GRACE: Duration = Duration::from_secs(2);

/// Time for the last look at the environment when a run ends before its goal. With [`STOP_GRACE`] it stays under the
/// five seconds after which Terraform's users press Ctrl-C again.
pub const LAST_READ_LIMIT: Duration = Duration::from_secs(2);

/// How long something just made may be unknown elsewhere. IAM says "seconds", and users report up to two minutes.
pub const PROPAGATION_LIMIT: Duration = Duration::from_secs(180);

/// How long what a cloud reported as done may still read as before.
pub const SETTLE_LIMIT: Duration = Duration::from_secs(300);

/// How far a read may lag behind what was accepted, where nothing but reading tells how an operation ended.
pub const STALE_LIMIT: Duration = Duration::from_secs(60);

/// After a pause of that length nothing is sent on what was seen before it: others may have changed it meanwhile.
pub const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// How often one step is sent again after a reply was lost. Each time is preceded by reading back.
pub const MAX_AMBIGUOUS_SENDS: u32 = 5;

/// How long a cloud may be out of reach before the run has written anything: a wrong address should be told soon.
pub const FIRST_OUTAGE_LIMIT: Duration = Duration::from_secs(45);

/// How long a cloud may be out of reach once something was written: longer than a gateway takes to come back.
pub const OUTAGE_LIMIT: Duration = Duration::from_secs(300);

/// The first back-off.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);

/// The longest back-off; from there on they are all as long.
pub const BACKOFF_LONGEST: Duration = Duration::from_secs(20);

/// How long questions outside of a run ([`Driver::read`], [`Driver::import`], [`Driver::access`]) may take.
pub const QUESTION_TIMEOUT: Duration = Duration::from_secs(300);

/// A credential that Kubernetes refuses when it is younger than this has not ended: it is none. The shortest that a cloud
/// hands out live a quarter of an hour.
pub const FRESH_CREDENTIAL: Duration = Duration::from_secs(60);

/// Stages that one run does at most: more than any plan has, so that a cloud that never gets there ends the run.
pub const MAX_STAGES: u32 = 200;

/// Does what is asked of a backend, from beginning to end.
#[derive(Debug, Clone)]
pub struct Driver {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    jitter: Arc<Jitter>,
    poll_interval: Duration,
    drainer: Arc<dyn NodeDrainer>,
}

/// How one run is to go.
pub struct Run<'a> {
    /// Made before the run, and kept with its plan.
    pub token: IdempotencyToken,
    /// How long the run may take.
    pub timeout: Duration,
    /// Ends the run early: it returns within five seconds with what is known.
    pub cancel: CancellationToken,
    /// What an earlier run saved as still running.
    pub running: Vec<Operation>,
    /// Told whenever there is something that should not be lost.
    pub checkpoint: &'a (dyn Fn(&Checkpoint<'_>) + Send + Sync),
}

impl<'a> Run<'a> {
    /// A run that resumes nothing, with a random token.
    pub fn new(timeout: Duration, checkpoint: &'a (dyn Fn(&Checkpoint<'_>) + Send + Sync)) -> Self {
        Self {
            token: IdempotencyToken::random(),
            timeout,
            cancel: CancellationToken::new(),
            running: Vec::new(),
            checkpoint,
        }
    }
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("timeout", &self.timeout).field("running", &self.running).finish_non_exhaustive()
    }
}

/// What is known in the middle of a run. It comes when the cloud has accepted a step, and when a step has ended.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    /// The environment.
    pub id: &'a EnvironmentId,
    /// The environment when it was last read.
    pub observed: Option<&'a Observed>,
    /// What the cloud has accepted and not ended.
    pub running: &'a [Operation],
}

/// An environment that exists already, and how the caller knows it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its id.
    pub id: EnvironmentId,
    /// The mark that it carries, unless it was imported and never changed.
    pub mark: Mark,
    /// [`Observed::uid`] when the caller saw it last. Another one now means another object of that name. Without it, only
    /// what carries the mark is taken for what is meant.
    pub uid: Option<String>,
    /// Whether the caller's own record protects it from deletion.
    pub deletion_protection: bool,
}

/// How a run ended. What exists is said in every case.
#[derive(Debug)]
pub struct Outcome {
    /// The environment's id; `None` if the run ended before that was known.
    pub id: Option<EnvironmentId>,
    /// The environment when it was last read; `None` if it does not exist, was not seen yet, or is not what was meant.
    pub observed: Option<Observed>,
    /// What the cloud goes on with; the next run resumes from it.
    pub running: Vec<Operation>,
    /// Whether the goal was reached, or what was in the way.
    pub ending: Ending,
}

/// Whether a run reached its goal.
#[derive(Debug)]
pub enum Ending {
    /// All is as desired.
    Converged,
    /// Some steps failed; their siblings were brought to their end.
    StepsFailed(Vec<StepFailure>),
    /// The run ended otherwise: refused, cancelled, out of time, or nothing could be learnt.
    Failed(Error),
}

/// A step that failed.
#[derive(Debug)]
pub struct StepFailure {
    /// The step.
    pub step: Step,
    /// Why.
    pub error: Error,
}

impl Outcome {
    /// Whether the goal was reached.
    pub fn is_converged(&self) -> bool {
        match self.ending {
            Ending::Converged => true,
            Ending::StepsFailed(_) | Ending::Failed(_) => false,
        }
    }

    /// Whether there is an environment, seen or accepted, that must not be forgotten.
    pub fn exists(&self) -> bool {
        self.observed.is_some() || !self.running.is_empty()
    }

    /// Everything that was in the way.
    pub fn errors(&self) -> Vec<&Error> {
        match &self.ending {
            Ending::Converged => Vec::new(),
            Ending::StepsFailed(failures) => failures.iter().map(|failure| &failure.error).collect(),
            Ending::Failed(error) => vec![error],
        }
    }
}

/// Why a run was refused or given up by the driver itself; the source of its [`Error`].
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}; nothing was written")]
    Untouched(Box<Refusal>),
    #[error("an environment of that name exists and carries no ownership mark")]
    Unmarked,
    #[error("an environment of that name exists and is marked as owner {owner:?}, environment {environment:?}")]
    Foreign { owner: String, environment: String },
    #[error("an environment of that name exists with our mark, but differs where it cannot be changed: {0}")]
    Different(String),
    #[error("the object of that name is another one ({found}) than the one that was meant ({expected})")]
    Replaced { expected: String, found: String },
    #[error("what is desired cannot be had in place: {0}")]
    Immutable(String),
    #[error("it was deleted in the meantime")]
    Gone,
    #[error("turn deletion protection off and apply that first")]
    Protected,
    #[error("{0}")]
    Operation(ServerText),
    #[error("the cloud reported {0:?} as done, and it still reads as not done")]
    NotSettled(String),
    #[error("the cloud no longer knows the {0}, and its effect does not show")]
    Forgotten(String),
    #[error("after {MAX_STAGES} stages there is still something to do")]
    Endless,
}

impl Driver {
    /// A driver for one backend. `poll_interval` is what a wait may add to the time that the cloud takes.
    pub fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, jitter: Jitter, poll_interval: Duration) -> Self {
        Self { backend, clock, jitter: Arc::new(jitter), poll_interval, drainer: Arc::new(KubernetesDrainer) }
    }

    /// The same driver with something else to empty nodes with than [`KubernetesDrainer`].
    #[must_use]
    pub fn with_drainer(self, drainer: Arc<dyn NodeDrainer>) -> Self {
        Self { drainer, ..self }
    }

    /// The backend that it drives.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Creates an environment, or carries on with one that carries exactly the mark of `desired`.
    pub async fn create(&self, desired: &EnvironmentSpec, run: Run<'_>) -> Outcome {
        let mut session = Session::new(self, "create", desired.name.as_str(), &run);
        let result = session.create(desired).await;
        session.finish(result).await
    }

    /// Brings an environment to what is desired.
    pub async fn update(&self, target: &Target, desired: &EnvironmentSpec, run: Run<'_>) -> Outcome {
        let mut session = Session::new(self, "update", desired.name.as_str(), &run).for_target(target);
        let result = session.update(desired).await;
        session.finish(result).await
    }

    /// Deletes an environment with all that belongs to it. One that is gone already is success.
    pub async fn delete(&self, target: &Target, run: Run<'_>) -> Outcome {
        let mut session = Session::new(self, "delete", target.id.name().as_str(), &run).for_target(target);
        let result = session.delete(target).await;
        session.finish(result).await
    }

    /// Waits for what runs on an environment, begun by whom it may be, and begins nothing.
    pub async fn resume(&self, target: &Target, run: Run<'_>) -> Outcome {
        let mut session = Session::new(self, "resume", target.id.name().as_str(), &run).for_target(target);
        let result = session.resume().await;
        session.finish(result).await
    }

    /// The environment as it is; `None` if it is gone. That is asked twice, some time apart: who is told so forgets
    /// the environment.
    ///
    /// # Errors
    ///
    /// Whatever keeps us from knowing.
    pub async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        let run = Run::new(QUESTION_TIMEOUT, &|_| {});
        let session = Session::new(self, "read", id.name().as_str(), &run);
        match session.read(id).await? {
            Some(observed) => Ok(Some(observed)),
            None => session.confirm_gone(id).await,
        }
    }

    /// The environment as it is, if `owner` may take it over: it carries no mark, or the owner's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is none, [`ErrorKind::NotOwned`] if it carries another mark.
    pub async fn import(&self, id: &EnvironmentId, mark: &Mark) -> Result<Observed> {
        let error = |kind| Error::new(kind, self.backend.kind(), "import", id);
        let Some(observed) = self.read(id).await? else { return Err(error(ErrorKind::NotFound)) };
        match mark.judge(&observed.tags) {
            Ownership::Ours | Ownership::Unmarked => Ok(observed),
            Ownership::Other { owner, environment } => {
                let why = Refusal::Untouched(Box::new(Refusal::foreign(owner, environment)));
                Err(error(ErrorKind::NotOwned).with_source(why))
            }
        }
    }

    /// How to reach the environment's Kubernetes.
    ///
    /// # Errors
    ///
    /// Whatever the backend says.
    pub async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess> {
        let run = Run::new(QUESTION_TIMEOUT, &|_| {});
        let session = Session::new(self, "access", id.name().as_str(), &run);
        session.ask(|| self.backend.access(id)).await
    }
}

impl Refusal {
    fn foreign(owner: Option<String>, environment: Option<String>) -> Self {
        Self::Foreign { owner: owner.unwrap_or_default(), environment: environment.unwrap_or_default() }
    }
}

/// One run.
struct Session<'a> {
    driver: &'a Driver,
    run: &'a Run<'a>,
    /// What is being done, for errors and logs.
    verb: &'static str,
    /// The environment's name, until there is an id.
    name: String,
    deadline: Duration,
    id: Option<EnvironmentId>,
    /// Whether the run may make the cluster where there is none.
    creates: bool,
    expected: Expected,
    known: Mutex<Known>,
}

/// What the object that is found must be.
#[derive(Debug, Clone, Default)]
struct Expected {
    mark: Option<Mark>,
    uid: Option<String>,
    /// Whether the caller knows the object by its uid, which is then enough.
    may_be_unmarked: bool,
}

/// What was learnt so far.
#[derive(Debug, Default)]
struct Known {
    observed: Option<Observed>,
    /// Whether `observed` is what came last, with nothing begun after it.
    fresh: bool,
    running: Vec<Operation>,
    /// Whether anything was sent that writes.
    wrote: bool,
    /// Before when the cloud has asked not to be asked again.
    not_before: Duration,
    failures: Vec<StepFailure>,
}

/// How a wait for an operation ended.
struct Waited {
    /// Why it failed, if it did.
    failure: Option<ServerText>,
    /// It had ended before we asked, or is not known: whoever loops over such waits has to pause in between.
    at_once: bool,
}

/// What reading back said about a step that may have been taken.
enum ReadBack {
    Open,
    Running(Operation),
    Done,
}

impl<'a> Session<'a> {
    fn new(driver: &'a Driver, verb: &'static str, name: &str, run: &'a Run<'a>) -> Self {
        Self {
            driver,
            run,
            verb,
            name: name.to_owned(),
            deadline: driver.clock.now().saturating_add(run.timeout),
            id: None,
            creates: false,
            expected: Expected::default(),
            known: Mutex::new(Known { running: run.running.clone(), ..Known::default() }),
        }
    }

    fn for_target(mut self, target: &Target) -> Self {
        self.id = Some(target.id.clone());
        self.expected = Expected {
            mark: Some(target.mark.clone()),
            uid: target.uid.clone(),
            may_be_unmarked: target.uid.is_some(),
        };
        self
    }

    async fn create(&mut self, desired: &EnvironmentSpec) -> Result<()> {
        self.refuse_invalid(desired)?;
        self.creates = true;
        self.expected.mark = Some(desired.mark());
        let id = self.ask(|| self.driver.backend.locate(desired)).await?;
        self.id = Some(id.clone());
        self.converge(&id, Some(desired)).await
    }

    async fn update(&mut self, desired: &EnvironmentSpec) -> Result<()> {
        self.refuse_invalid(desired)?;
        let id = self.id()?.clone();
        self.converge(&id, Some(desired)).await
    }

    async fn delete(&mut self, target: &Target) -> Result<()> {
        if target.deletion_protection {
            return Err(self.refuse(ErrorKind::Protected, Refusal::Protected));
        }
        self.converge(&target.id, None).await
    }

    async fn resume(&mut self) -> Result<()> {
        let id = self.id()?.clone();
        self.wait_for_saved().await?;
        self.read_settled(&id, None).await?;
        Ok(())
    }

    /// The loop that every run is.
    async fn converge(&mut self, id: &EnvironmentId, desired: Option<&EnvironmentSpec>) -> Result<()> {
        self.wait_for_saved().await?;
        // What was accepted does not show at once, and what was seen does not vanish at once.
        let mut seen = self.run.running.iter().any(|operation| operation.action == Action::Create);
        let mut done: Vec<Step> = Vec::new();
        let mut unsettled_since = None;
        let mut stages = 0;
        while stages < MAX_STAGES {
            let observed = self.read_settled(id, desired).await?;
            match (&observed, desired) {
                // Another environment would not be the one that was to be updated.
                (None, Some(_)) if !self.creates => {
                    let limit = if seen { PROPAGATION_LIMIT } else { self.driver.poll_interval };
                    self.settle(&mut unsettled_since, limit, || Refusal::Gone).await?;
                    continue;
                }
                (None, None) if done.is_empty() && seen => {
                    match self.settle(&mut unsettled_since, PROPAGATION_LIMIT, || Refusal::Gone).await {
                        Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
                        waited => waited?,
                    }
                    continue;
                }
                (None, None) if done.is_empty() && self.confirm_gone(id).await?.is_some() => continue,
                (Some(observed), None) if observed.deletion_protection == Some(true) => {
                    return Err(self.refuse(ErrorKind::Protected, Refusal::Protected));
                }
                (Some(_) | None, Some(_) | None) => {}
            }
            seen |= observed.is_some();
            let mut steps = self.driver.backend.plan(observed.as_ref(), desired)?;
            if steps.is_empty() {
                return Ok(());
            }
            if let Some(repeated) = steps.iter().find(|step| done.iter().any(|earlier| earlier.is_same_change(step))) {
                self.settle(&mut unsettled_since, SETTLE_LIMIT, || Refusal::NotSettled(repeated.to_string())).await?;
                continue;
            }
            unsettled_since = None;
            let stage = steps.iter().map(|step| step.stage).min().unwrap_or_default();
            steps.retain(|step| step.stage == stage);
            self.perform_stage(id, &steps, desired).await?;
            done.extend(steps);
            stages += 1;
        }
        Err(self.error(ErrorKind::OperationFailed).with_source(Refusal::Endless))
    }

    /// Waits a little for what should show, and gives up once that has taken longer than `limit`.
    async fn settle(&self, since: &mut Option<Duration>, limit: Duration, why: impl Fn() -> Refusal) -> Result<()> {
        let now = self.driver.clock.now();
        if now.saturating_sub(*since.get_or_insert(now)) >= limit {
            let why = why();
            let gone = matches!(why, Refusal::Gone);
            let kind = if gone { ErrorKind::NotFound } else { ErrorKind::OperationFailed };
            return Err(self.error(kind).with_source(why));
        }
        self.pause(self.driver.poll_interval).await
    }

    /// Does the steps of one stage, side by side where their subjects differ. Those that can go on do so when one fails.
    async fn perform_stage(&self, id: &EnvironmentId, steps: &[Step], desired: Option<&EnvironmentSpec>) -> Result<()> {
        let mut by_subject: BTreeMap<&Subject, Vec<&Step>> = BTreeMap::new();
        for step in steps {
            by_subject.entry(&step.subject).or_default().push(step);
        }
        let side_by_side = self.driver.backend.capabilities().parallel_steps.max(1);
        futures::stream::iter(by_subject.into_values())
            .for_each_concurrent(side_by_side, |chain| async move {
                for step in chain {
                    if let Err(error) = self.perform(id, step, desired).await {
                        tracing::warn!(environment = %id, %step, %error, "step did not succeed");
                        self.known().failures.push(StepFailure { step: step.clone(), error });
                        return;
                    }
                }
            })
            .await;
        let stopped = |failure: &StepFailure| matches!(failure.error.kind, ErrorKind::Cancelled | ErrorKind::TimedOut);
        if self.known().failures.iter().all(stopped) {
            // A stop is told as such, with nothing blamed on the steps that it met.
            self.check()?;
        }
        if self.known().failures.is_empty() { Ok(()) } else { Err(self.error(ErrorKind::OperationFailed)) }
    }

    /// Sends one step until the cloud has accepted it, and waits for its end.
    async fn perform(&self, id: &EnvironmentId, step: &Step, desired: Option<&EnvironmentSpec>) -> Result<()> {
        if let Some(nodes) = &step.drain {
            let began = self.driver.clock.now();
            self.drain(id, step, nodes).await?;
            match self.look_again_after(began, id, step, desired).await? {
                ReadBack::Open => {}
                ReadBack::Running(operation) => self.wait_accepted(id, operation, step, desired).await?,
                ReadBack::Done => return Ok(()),
            }
        }
        let backend = &self.driver.backend;
        let token = self.run.token.for_step(step);
        let mut backoff = Backoff::default();
        let mut propagating_since = None;
        let mut out_since = None;
        let mut ambiguous_sends = 0;
        let mut doubtful = false;
        loop {
            self.check()?;
            tracing::info!(environment = %id, %step, "sending");
            self.known().wrote = true;
            let error = match self.finish_call(backend.begin(id, step, &token)).await? {
                Ok(operation) => return self.wait_accepted(id, operation, step, desired).await,
                Err(error) => error,
            };
            tracing::debug!(environment = %id, %step, error = %crate::ErrorChain(&error), "not accepted");
            let read_back = match error.kind.retry_class() {
                RetryClass::Final => match (error.kind, step.action) {
                    (ErrorKind::NotFound, Action::Delete) => return Ok(()),
                    // Ours from an earlier process or a lost reply, or somebody else's: the next look tells.
                    (ErrorKind::AlreadyExists, Action::Create) => return Ok(()),
                    // Refused because it was done in the meantime, which reads may not have shown.
                    _ if doubtful => {
                        self.pause(self.driver.poll_interval).await?;
                        match self.read_back(id, step, desired).await? {
                            ReadBack::Open => return Err(error),
                            elsewhere => elsewhere,
                        }
                    }
                    _ => return Err(error),
                },
                RetryClass::Busy => {
                    doubtful = true;
                    self.wait_for_blocker(id, step).await?;
                    self.read_back(id, step, desired).await?
                }
                RetryClass::Throttled { retry_after } => {
                    let began = self.driver.clock.now();
                    let delay = retry_after.unwrap_or_else(|| backoff.next(&self.driver.jitter));
                    let error = self.bear_outage(&mut out_since, error)?;
                    self.pause_or_fail(delay, error).await?;
                    self.look_again_after(began, id, step, desired).await?
                }
                RetryClass::Propagating => {
                    let began = self.driver.clock.now();
                    self.give_up_after(&mut propagating_since, PROPAGATION_LIMIT, error)?;
                    self.pause(backoff.next(&self.driver.jitter)).await?;
                    self.look_again_after(began, id, step, desired).await?
                }
                RetryClass::Ambiguous => {
                    doubtful = true;
                    ambiguous_sends += 1;
                    if ambiguous_sends > MAX_AMBIGUOUS_SENDS {
                        return Err(error);
                    }
                    self.pause(backoff.next(&self.driver.jitter)).await?;
                    self.read_back(id, step, desired).await?
                }
            };
            match read_back {
                ReadBack::Open => {}
                ReadBack::Running(operation) => {
                    self.wait_accepted(id, operation, step, desired).await?;
                    // It looked like ours, and may have been the cloud's own or somebody else's.
                    match self.read_back(id, step, desired).await? {
                        ReadBack::Open => {}
                        ReadBack::Running(_) | ReadBack::Done => return Ok(()),
                    }
                }
                ReadBack::Done => return Ok(()),
            }
        }
    }

    /// How a step stands after a pause: as before, if the pause was short, else as a fresh look says.
    async fn look_again_after(
        &self,
        began: Duration,
        id: &EnvironmentId,
        step: &Step,
        desired: Option<&EnvironmentSpec>,
    ) -> Result<ReadBack> {
        if self.driver.clock.now().saturating_sub(began) < LOOK_AGAIN_AFTER {
            return Ok(ReadBack::Open);
        }
        self.read_back(id, step, desired).await
    }

    /// Empties the nodes that a step takes away. A run that is begun again does it again, and finds less to do.
    async fn drain(&self, id: &EnvironmentId, step: &Step, nodes: &NodeDrain) -> Result<()> {
        let clock = &*self.driver.clock;
        let until = clock.now().saturating_add(nodes.timeout).min(self.deadline);
        loop {
            self.check()?;
            let asked_at = clock.now();
            let access = match self.ask(|| self.driver.backend.access(id)).await {
                Ok(access) => access,
                Err(error) => {
                    self.check()?;
                    return self.go_without_draining(step, nodes, error);
                }
            };
            tracing::info!(environment = %id, %step, %nodes, "draining");
            self.known().wrote = true;
            let timeout = until.saturating_sub(clock.now());
            let drain = Drain { access: &access, nodes, timeout, clock, jitter: &self.driver.jitter };
            let drained = tokio::select! {
                biased;
                drained = self.driver.drainer.drain(drain) => drained,
                () = self.run.cancel.cancelled() => return Err(self.error(ErrorKind::Cancelled)),
            };
            let fresh = clock.now().saturating_sub(asked_at) < FRESH_CREDENTIAL;
            let not_drained = |error: DrainError| {
                self.error_on(ErrorKind::NotDrained, format!("{id}, {}", step.subject)).with_source(error)
            };
            match drained {
                Ok(()) => return Ok(()),
                Err(DrainError::CredentialEnded) if !fresh => {}
                Err(error @ (DrainError::CredentialEnded | DrainError::Refused(_) | DrainError::Unreachable(_))) => {
                    return self.go_without_draining(step, nodes, not_drained(error));
                }
                Err(error @ DrainError::Blocked(_)) => return Err(not_drained(error)),
            }
        }
    }

    /// What becomes of a step whose nodes we cannot get at.
    fn go_without_draining(&self, step: &Step, nodes: &NodeDrain, error: Error) -> Result<()> {
        match nodes.unreachable {
            WhenUnreachable::Refuse => Err(error),
            WhenUnreachable::Proceed => {
                let error = crate::ErrorChain(&error);
                tracing::warn!(%step, %nodes, %error, "not drained by us: that is left to the cloud");
                Ok(())
            }
        }
    }

    /// Waits for the operation of a step.
    async fn wait_accepted(
        &self,
        id: &EnvironmentId,
        operation: Operation,
        step: &Step,
        desired: Option<&EnvironmentSpec>,
    ) -> Result<()> {
        {
            let mut known = self.known();
            known.fresh = false;
            known.running.push(operation.clone());
        }
        self.save(id);
        tracing::info!(environment = %id, %step, %operation, "accepted");
        let waited = self.wait(&operation, Some((step, desired))).await?;
        self.known().running.retain(|running| *running != operation);
        self.save(id);
        match waited.failure {
            None => {
                tracing::info!(environment = %id, %step, "done");
                Ok(())
            }
            Some(reason) => Err(self
                .error_on(ErrorKind::OperationFailed, format!("{id}, {}", step.subject))
                .with_source(Refusal::Operation(reason))),
        }
    }

    /// Waits for an operation's end. Where the cloud does not know the operation (any more), its effect is what counts.
    async fn wait(&self, operation: &Operation, step: Option<(&Step, Option<&EnvironmentSpec>)>) -> Result<Waited> {
        let mut unknown_since = None;
        let mut at_once = true;
        loop {
            match self.ask(|| self.driver.backend.poll(operation)).await? {
                Progress::Done => return Ok(Waited { failure: None, at_once }),
                Progress::Failed(reason) => return Ok(Waited { failure: Some(reason), at_once }),
                Progress::Running => self.pause(self.driver.poll_interval).await?,
                Progress::Unknown => {
                    // Without a step, the caller reads and plans anew.
                    let Some((step, desired)) = step else { return Ok(Waited { failure: None, at_once }) };
                    let observed = self.read(&operation.environment).await?;
                    let status = observed.as_ref().and_then(|observed| observed.status_of(&step.subject));
                    match (status, step.action) {
                        (Some((Status::Failed, reason)), Action::Create | Action::Delete) => {
                            // It may still be what was there before.
                            let now = self.driver.clock.now();
                            if now.saturating_sub(*unknown_since.get_or_insert(now)) >= STALE_LIMIT {
                                let unexplained = || ServerText::new("the cloud does not say why");
                                let failure = Some(reason.cloned().unwrap_or_else(unexplained));
                                return Ok(Waited { failure, at_once });
                            }
                            self.pause(self.driver.poll_interval).await?;
                        }
                        (Some((status, _)), _) if status.is_changing() => {
                            unknown_since = None;
                            self.pause(self.driver.poll_interval).await?;
                        }
                        (Some(_) | None, _) => {
                            if self.is_done(observed.as_ref(), step, desired)? {
                                return Ok(Waited { failure: None, at_once });
                            }
                            let forgotten = || Refusal::Forgotten(operation.to_string());
                            self.settle(&mut unknown_since, SETTLE_LIMIT, forgotten).await?;
                        }
                    }
                }
            }
            at_once = false;
        }
    }

    /// Waits for what keeps the cloud from taking a step.
    async fn wait_for_blocker(&self, id: &EnvironmentId, step: &Step) -> Result<()> {
        let running = self.ask(|| self.driver.backend.find_running(id)).await?;
        let known = self.known().running.clone();
        // What a sibling step waits for already is not what blocks this one, unless there is nothing else.
        let (ours, mut blocking): (Vec<_>, Vec<_>) = running.into_iter().partition(|running| {
            known.contains(running) && running.subject != step.subject && running.subject != Subject::Cluster
        });
        if blocking.is_empty() {
            blocking = ours;
        }
        if blocking.is_empty() {
            return self.pause(self.driver.poll_interval).await;
        }
        let mut at_once = true;
        for operation in blocking {
            tracing::info!(environment = %id, %step, %operation, "waiting for another operation");
            at_once &= self.wait(&operation, None).await?.at_once;
        }
        if at_once { self.pause(self.driver.poll_interval).await } else { Ok(()) }
    }

    /// Waits for what an earlier process saved. That is only a hint: how things stand shows in what is read next.
    async fn wait_for_saved(&self) -> Result<()> {
        let saved = self.known().running.clone();
        for operation in &saved {
            let ours = self.id.as_ref() == Some(&operation.environment);
            if ours {
                tracing::info!(environment = %operation.environment, %operation, "resuming");
            }
            match if ours { self.wait(operation, None).await.map(drop) } else { Ok(()) } {
                Err(error) if self.check().is_err() || error.kind.retryable() => return Err(error),
                Err(error) => tracing::warn!(%operation, %error, "nothing can be learnt of a saved operation"),
                Ok(()) => {}
            }
            self.known().running.retain(|running| running != operation);
        }
        Ok(())
    }

    /// Whether a step that may or may not have been taken was taken.
    async fn read_back(&self, id: &EnvironmentId, step: &Step, desired: Option<&EnvironmentSpec>) -> Result<ReadBack> {
        loop {
            let observed = self.read(id).await?;
            if let Some(observed) = &observed {
                self.check_identity(observed, desired)?;
                let running = self.ask(|| self.driver.backend.find_running(id)).await?;
                let (same, others): (Vec<_>, Vec<_>) = running
                    .into_iter()
                    .filter(|running| running.subject == step.subject)
                    .partition(|running| running.action == step.action);
                if let Some(operation) = same.into_iter().next() {
                    return Ok(ReadBack::Running(operation));
                }
                if let Some(other) = others.into_iter().next() {
                    // Some clouds do not tell an upgrade from an update: what this one is, shows when it has ended.
                    if self.wait(&other, None).await?.at_once {
                        self.pause(self.driver.poll_interval).await?;
                    }
                    continue;
                }
            }
            let steps = self.driver.backend.plan(observed.as_ref(), desired)?;
            let open = steps.iter().any(|planned| planned.is_same_change(step));
            return Ok(if open { ReadBack::Open } else { ReadBack::Done });
        }
    }

    /// Whether what was read no longer calls for a step.
    fn is_done(&self, observed: Option<&Observed>, step: &Step, desired: Option<&EnvironmentSpec>) -> Result<bool> {
        if observed.is_none() && desired.is_some() {
            return Ok(false);
        }
        let steps = self.driver.backend.plan(observed, desired)?;
        Ok(!steps.iter().any(|planned| planned.is_same_change(step)))
    }

    /// Reads, and waits for all that runs, until nothing does.
    async fn read_settled(
        &mut self,
        id: &EnvironmentId,
        desired: Option<&EnvironmentSpec>,
    ) -> Result<Option<Observed>> {
        loop {
            let Some(observed) = self.read(id).await? else {
                if self.creates {
                    // What comes now is another object.
                    self.expected.uid = None;
                }
                return Ok(None);
            };
            self.check_identity(&observed, desired)?;
            // From here on it is this object, and no other of that name.
            self.expected.uid.get_or_insert_with(|| observed.uid.clone());
            self.save(id);
            if !observed.is_changing() {
                return Ok(Some(observed));
            }
            let mut at_once = true;
            for operation in self.ask(|| self.driver.backend.find_running(id)).await? {
                tracing::info!(environment = %id, %operation, "waiting for what runs already");
                self.known().running.push(operation.clone());
                at_once &= self.wait(&operation, None).await?.at_once;
                self.known().running.retain(|running| *running != operation);
            }
            if at_once {
                self.pause(self.driver.poll_interval).await?;
            }
        }
    }

    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        let observed = self.ask(|| self.driver.backend.read(id)).await?;
        let mut known = self.known();
        // What is not what was meant is nobody's to remember: the next run would take it for what is meant.
        known.observed = observed.clone().filter(|observed| self.mistaken_identity(observed).is_none());
        known.fresh = true;
        Ok(observed)
    }

    /// Asks again, a little later, whether an environment is gone.
    async fn confirm_gone(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        self.pause(self.driver.jitter.spread(BACKOFF_FIRST)).await?;
        self.read(id).await
    }

    /// Asks until there is an answer. Questions change nothing, so that they may be asked again after any failure.
    async fn ask<T, F: Future<Output = Result<T>>>(&self, question: impl Fn() -> F) -> Result<T> {
        let mut backoff = Backoff::default();
        let mut out_since = None;
        loop {
            self.check()?;
            let answer = tokio::select! {
                biased;
                answer = question() => answer,
                kind = self.stopped() => return Err(self.error(kind)),
            };
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let retry_after = match error.kind.retry_class() {
                RetryClass::Final => return Err(error),
                RetryClass::Throttled { retry_after } => retry_after,
                RetryClass::Busy | RetryClass::Propagating | RetryClass::Ambiguous => None,
            };
            let delay = retry_after.unwrap_or_else(|| backoff.next(&self.driver.jitter));
            let error = self.bear_outage(&mut out_since, error)?;
            self.pause_or_fail(delay, error).await?;
        }
    }

    /// Makes one call, and lets it bring its reply even when we are told to stop, for a moment.
    async fn finish_call<T>(&self, call: impl Future<Output = T>) -> Result<T> {
        let mut call = std::pin::pin!(call);
        let stop = tokio::select! {
            biased;
            reply = &mut call => return Ok(reply),
            kind = self.stopped() => kind,
        };
        tokio::select! {
            biased;
            reply = &mut call => Ok(reply),
            () = self.driver.clock.sleep(STOP_GRACE) => Err(self.error(stop)),
        }
    }

    async fn pause(&self, duration: Duration) -> Result<()> {
        self.known().fresh = false;
        tokio::select! {
            biased;
            kind = self.stopped() => Err(self.error(kind)),
            () = self.driver.clock.sleep(duration) => Ok(()),
        }
    }

    /// Pauses, unless the run would be over before.
    async fn pause_or_fail(&self, duration: Duration, error: Error) -> Result<()> {
        if let RetryClass::Throttled { retry_after: Some(_) } = error.kind.retry_class() {
            let mut known = self.known();
            known.not_before = known.not_before.max(self.driver.clock.now().saturating_add(duration));
        }
        if self.driver.clock.now().saturating_add(duration) >= self.deadline {
            return Err(self.error(ErrorKind::TimedOut).with_source(error));
        }
        self.pause(duration).await
    }

    fn give_up_after(&self, since: &mut Option<Duration>, limit: Duration, error: Error) -> Result<Error> {
        let now = self.driver.clock.now();
        if now.saturating_sub(*since.get_or_insert(now)) >= limit { Err(error) } else { Ok(error) }
    }

    /// Gives up when the cloud was out of reach for too long. One that asks for fewer requests is not out of reach.
    fn bear_outage(&self, since: &mut Option<Duration>, error: Error) -> Result<Error> {
        if matches!(error.kind, ErrorKind::Throttled { .. }) {
            *since = None;
            return Ok(error);
        }
        let limit = if self.known().wrote { OUTAGE_LIMIT } else { FIRST_OUTAGE_LIMIT };
        self.give_up_after(since, limit, error)
    }

    /// Returns when the run has to end, with the reason.
    async fn stopped(&self) -> ErrorKind {
        let remaining = self.deadline.saturating_sub(self.driver.clock.now());
        tokio::select! {
            biased;
            () = self.run.cancel.cancelled() => ErrorKind::Cancelled,
            () = self.driver.clock.sleep(remaining) => ErrorKind::TimedOut,
        }
    }

    fn check(&self) -> Result<()> {
        if self.run.cancel.is_cancelled() {
            return Err(self.error(ErrorKind::Cancelled));
        }
        if self.driver.clock.now() >= self.deadline {
            return Err(self.error(ErrorKind::TimedOut));
        }
        Ok(())
    }

    fn refuse_invalid(&self, desired: &EnvironmentSpec) -> Result<()> {
        let backend = &self.driver.backend;
        match desired.violations().into_iter().chain(backend.validate(desired)).next() {
            Some(violation) => Err(self.error(ErrorKind::InvalidConfig).with_source(violation)),
            None => Ok(()),
        }
    }

    /// In which fields that cannot be changed in place the two differ, in words.
    fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Option<String> {
        let differences = self.driver.backend.differences(observed, desired);
        let words = |difference: &Difference| {
            format!("{} is {:?}, not {:?}", difference.path, difference.observed, difference.desired)
        };
        (!differences.is_empty()).then(|| differences.iter().map(words).collect::<Vec<_>>().join(", "))
    }

    /// Why what was found is not what was meant, if it is not.
    fn mistaken_identity(&self, observed: &Observed) -> Option<Refusal> {
        if let Some(expected) = &self.expected.uid
            && *expected != observed.uid
        {
            return Some(Refusal::Replaced { expected: expected.clone(), found: observed.uid.clone() });
        }
        match self.expected.mark.as_ref().map(|mark| mark.judge(&observed.tags)) {
            None | Some(Ownership::Ours) => None,
            // What was imported carries no mark until its first change, and is known by its uid alone.
            Some(Ownership::Unmarked) if self.expected.may_be_unmarked => None,
            Some(Ownership::Unmarked) => Some(Refusal::Unmarked),
            Some(Ownership::Other { owner, environment }) => Some(Refusal::foreign(owner, environment)),
        }
    }

    /// Whether what was found is what was meant. Asked of whatever was read, before anything is written to it.
    fn check_identity(&self, observed: &Observed, desired: Option<&EnvironmentSpec>) -> Result<()> {
        let refuse = |why| Err(self.refuse(ErrorKind::NotOwned, why));
        if let Some(why) = self.mistaken_identity(observed) {
            return refuse(why);
        }
        let differences = desired.and_then(|desired| self.differences(observed, desired));
        match differences {
            // What is on its way out is waited for, and made anew.
            Some(_) if self.creates && observed.status == Status::Deleting => Ok(()),
            Some(differences) if self.creates => refuse(Refusal::Different(differences)),
            Some(differences) => Err(self.refuse(ErrorKind::InvalidConfig, Refusal::Immutable(differences))),
            None => Ok(()),
        }
    }

    fn save(&self, id: &EnvironmentId) {
        let known = self.known();
        (self.run.checkpoint)(&Checkpoint { id, observed: known.observed.as_ref(), running: &known.running });
    }

    /// Tells how the run ended, after a last look where that is worth one.
    async fn finish(self, result: Result<()>) -> Outcome {
        let (fresh, not_before) = {
            let known = self.known();
            (known.fresh, known.not_before)
        };
        let may_ask = self.driver.clock.now() >= not_before;
        if let Some(id) = self.id.clone().filter(|_| !fresh && may_ask) {
            let last = tokio::select! {
                biased;
                read = self.driver.backend.read(&id) => read.ok(),
                () = self.driver.clock.sleep(LAST_READ_LIMIT) => None,
            };
            if let Some(observed) = last {
                let observed = observed.filter(|observed| self.mistaken_identity(observed).is_none());
                self.known().observed = observed;
            }
        }
        let known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ending = match result {
            Ok(()) => Ending::Converged,
            Err(error) if error.kind == ErrorKind::OperationFailed && !known.failures.is_empty() => {
                Ending::StepsFailed(known.failures)
            }
            Err(error) => Ending::Failed(error),
        };
        Outcome { id: self.id, observed: known.observed, running: known.running, ending }
    }

    /// An error that says whether anything was written before it.
    fn refuse(&self, kind: ErrorKind, why: Refusal) -> Error {
        let wrote = self.known().wrote;
        self.error(kind).with_source(if wrote { why } else { Refusal::Untouched(Box::new(why)) })
    }

    fn id(&self) -> Result<&EnvironmentId> {
        self.id.as_ref().ok_or_else(|| self.error(ErrorKind::NotFound))
    }

    fn error(&self, kind: ErrorKind) -> Error {
        match &self.id {
            Some(id) => self.error_on(kind, id.to_string()),
            None => self.error_on(kind, self.name.clone()),
        }
    }

    fn error_on(&self, kind: ErrorKind, subject: String) -> Error {
        Error::new(kind, self.driver.backend.kind(), self.verb, subject)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Never held across an await, and every change under it is whole; a panic elsewhere does not spoil it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Longer and longer pauses.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    pub(crate) fn next(&mut self, jitter: &Jitter) -> Duration {
        let factor = 2_u32.saturating_pow(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        jitter.spread(BACKOFF_FIRST.saturating_mul(factor).min(BACKOFF_LONGEST))
    }
}

#[cfg(test)]
mod tests;
