//! The backend as a driver under virtual time has it: each call carried by a [`Line`], one after the other; and, on demand,
//! with a bug that the checker must catch.

use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use multicloud::backend::Backend;
use multicloud::environment::{EnvironmentSpec, Mark, Observed, Status};
use multicloud::{
    Action, EnvironmentId, ErrorKind, IdempotencyToken, Layer, Operation, Progress, Result, Step, Subject,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::point::{Blow, Deed};
use crate::world::Pace;

/// Mistakes that backends for clouds have been seen to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bug {
    /// The cluster is created without its mark, which is added later.
    NoMark,
    /// Pools are created without their mark.
    UnmarkedPools,
    /// What was sent and not answered is sent again at once.
    BlindResend,
    /// Whatever keeps a read from being answered counts as "there is none".
    RefusalIsGone,
    /// What is being created counts as "there is none".
    HalfMadeIsGone,
    /// Every cluster of the right name is ours.
    AdoptsAnything,
    /// The cluster is deleted before its pools.
    NoOrder,
    /// What runs already is not waited for.
    IgnoresRunning,
    /// Every change of a cluster or pool is sent five times.
    Babbles,
    /// Deletion ends with the cluster's pools.
    LeavesCluster,
    /// When the cloud says when to come back, nobody listens. Shows in runs with faults only.
    IgnoresRetryAfter,
}

impl Bug {
    /// Those that a kill or a single refusal brings to light.
    pub(crate) const ALL: [Bug; 10] = [
        Bug::NoMark,
        Bug::UnmarkedPools,
        Bug::BlindResend,
        Bug::RefusalIsGone,
        Bug::HalfMadeIsGone,
        Bug::AdoptsAnything,
        Bug::NoOrder,
        Bug::IgnoresRunning,
        Bug::Babbles,
        Bug::LeavesCluster,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Bug::NoMark => "no_mark",
            Bug::UnmarkedPools => "unmarked_pools",
            Bug::BlindResend => "blind_resend",
            Bug::RefusalIsGone => "refusal_is_gone",
            Bug::HalfMadeIsGone => "half_made_is_gone",
            Bug::AdoptsAnything => "adopts_anything",
            Bug::NoOrder => "no_order",
            Bug::IgnoresRunning => "ignores_running",
            Bug::Babbles => "babbles",
            Bug::LeavesCluster => "leaves_cluster",
            Bug::IgnoresRetryAfter => "ignores_retry_after",
        }
    }

    /// Where it shows.
    pub(crate) fn shows_at(self) -> (Deed, Blow) {
        match self {
            Bug::NoMark | Bug::UnmarkedPools | Bug::HalfMadeIsGone | Bug::IgnoresRunning => (Deed::Create, Blow::Kill),
            Bug::BlindResend | Bug::IgnoresRetryAfter => (Deed::Create, Blow::Drop),
            Bug::RefusalIsGone => (Deed::Delete, Blow::AccessDenied),
            Bug::AdoptsAnything => (Deed::CreateOverMarked, Blow::Kill),
            Bug::NoOrder | Bug::LeavesCluster => (Deed::Delete, Blow::Kill),
            Bug::Babbles => (Deed::Update, Blow::Kill),
        }
    }
}

impl Bug {
    /// How fast time must pass for it to show: who does not wait is not caught where all is done at once.
    pub(crate) fn pace(self) -> Pace {
        if self == Bug::IgnoresRunning { Pace::Slow } else { Pace::Usual }
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Bug, String> {
        let all = Bug::ALL.into_iter().chain([Bug::IgnoresRetryAfter]);
        let found = all.into_iter().find(|bug| bug.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of {}", Bug::ALL.map(Bug::as_str).join(", ")))
    }
}

/// How a call gets to the cloud and back.
pub(crate) trait Line: Debug + Send + Sync {
    /// Carries one call to its end before another one.
    fn carry<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> impl Future<Output = Result<T>> + Send;
}

/// A backend, one call after the other.
#[derive(Debug)]
pub(crate) struct Serial<L> {
    inner: Arc<dyn Backend>,
    bug: Option<Bug>,
    /// Of the environment that is worked on, for the bug that sees it everywhere.
    mark: Mark,
    line: L,
}

impl<L: Line> Serial<L> {
    pub(crate) fn new(inner: Arc<dyn Backend>, bug: Option<Bug>, mark: Mark, line: L) -> Self {
        Self { inner, bug, mark, line }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn seen(&self, read: Result<Option<Observed>>) -> Result<Option<Observed>> {
        let mut observed = match read {
            Err(_) if self.has(Bug::RefusalIsGone) => None,
            read => read?,
        };
        if self.has(Bug::HalfMadeIsGone) {
            observed = observed.filter(|observed| observed.status != Status::Creating);
        }
        if let Some(observed) = &mut observed {
            if self.has(Bug::AdoptsAnything) {
                let mark = self.mark.tags().map(|(key, value)| (key.to_owned(), value.to_owned()));
                observed.tags.extend(mark);
            }
            if self.has(Bug::IgnoresRunning) && observed.status.is_changing() {
                observed.status = Status::Active;
                observed.node_pools.values_mut().for_each(|pool| pool.status = Status::Active);
            }
        }
        Ok(observed)
    }

    async fn sent(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        let creates = |subject: bool| step.action == Action::Create && subject;
        let (of_cluster, of_pool) = (step.subject == Subject::Cluster, matches!(step.subject, Subject::NodePool(_)));
        if self.has(Bug::NoMark) && creates(of_cluster) || self.has(Bug::UnmarkedPools) && creates(of_pool) {
            return self.send(id, &unmarked(step), token).await;
        }
        let mut sent = self.send(id, step, token).await;
        if self.has(Bug::BlindResend) && sent.as_ref().is_err_and(|error| error.kind == ErrorKind::Ambiguous) {
            sent = self.send(id, step, token).await;
        }
        if self.has(Bug::Babbles) && step.action == Action::Update {
            for _ in 0..4 {
                // What became of the first is what counts.
                let _ = self.send(id, step, token).await;
            }
        }
        sent
    }

    async fn send(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        self.carry(self.inner.begin(id, step, token)).await
    }

    async fn carry<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let mut answer = self.line.carry(call).await;
        if let Err(error) = &mut answer
            && self.has(Bug::IgnoresRetryAfter)
            && let ErrorKind::Throttled { retry_after } | ErrorKind::Unavailable { retry_after } = &mut error.kind
        {
            *retry_after = None;
        }
        answer
    }

    fn planned(&self, mut steps: Vec<Step>, deletes: bool) -> Vec<Step> {
        let is_last = |step: &Step| step.subject == Subject::Cluster && step.action == Action::Delete;
        if deletes && self.has(Bug::NoOrder) {
            steps.iter_mut().for_each(|step| step.stage = 0);
            steps.sort_by_key(|step| !is_last(step));
        }
        if deletes && self.has(Bug::LeavesCluster) {
            steps.retain(|step| !is_last(step));
        }
        steps
    }
}

/// The step without the mark of what it creates; the rest of it is nobody's business here.
fn unmarked(step: &Step) -> Step {
    let mut value = serde_json::to_value(step).expect("a step is plain data");
    clear_mark(&mut value);
    serde_json::from_value(value).expect("a step without a mark is a step")
}

fn clear_mark(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|name, _| !name.starts_with("multicloud-"));
        members.values_mut().for_each(clear_mark);
    }
}

#[async_trait]
impl<L: Line> Layer for Serial<L> {
    fn inner(&self) -> &dyn Backend {
        self.inner.as_ref()
    }

    async fn around<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.carry(call).await
    }

    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        Ok(self.planned(self.inner.plan(observed, desired)?, desired.is_none()))
    }

    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        self.seen(self.carry(self.inner.read(id)).await)
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        self.sent(id, step, token).await
    }

    async fn poll(&self, operation: &Operation) -> Result<Progress> {
        if self.has(Bug::IgnoresRunning) {
            return Ok(Progress::Done);
        }
        self.carry(self.inner.poll(operation)).await
    }

    async fn find_running(&self, id: &EnvironmentId) -> Result<Vec<Operation>> {
        if self.has(Bug::IgnoresRunning) {
            return Ok(Vec::new());
        }
        self.carry(self.inner.find_running(id)).await
    }
}
