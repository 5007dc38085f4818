//! The backend as the driver process has it: each call brought to its end before anything else happens, so that virtual
//! time stands still meanwhile; and, on demand, with a bug that the checker must catch.

use std::str::FromStr;

use async_trait::async_trait;
use multicloud::backend::Backend;
use multicloud::eks::Eks;
use multicloud::environment::{EnvironmentSpec, Mark, Observed, Status};
use multicloud::{
    Action, EnvironmentId, ErrorKind, IdempotencyToken, Layer, Operation, Progress, Result, Step, Subject,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Runtime;

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
}

impl Bug {
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
        }
    }

    /// Where it shows.
    pub(crate) fn shows_at(self) -> (Deed, Blow) {
        match self {
            Bug::NoMark | Bug::UnmarkedPools | Bug::HalfMadeIsGone | Bug::IgnoresRunning => (Deed::Create, Blow::Kill),
            Bug::BlindResend => (Deed::Create, Blow::Drop),
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
        let found = Bug::ALL.into_iter().find(|bug| bug.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of {}", Bug::ALL.map(Bug::as_str).join(", ")))
    }
}

/// EKS, one call after the other.
#[derive(Debug)]
pub(crate) struct Serial {
    inner: Eks,
    bug: Option<Bug>,
    /// Of the environment that is worked on, for the bug that sees it everywhere.
    mark: Mark,
    runtime: Runtime,
}

impl Serial {
    pub(crate) fn new(inner: Eks, bug: Option<Bug>, mark: Mark) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        Self { inner, bug, mark, runtime }
    }

    /// The driver polls on a thread of its own, outside of any runtime, so that blocking it is allowed.
    fn finish<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
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

    fn sent(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        let send = |step: &Step| self.finish(self.inner.begin(id, step, token));
        let creates = |subject: bool| step.action == Action::Create && subject;
        let (of_cluster, of_pool) = (step.subject == Subject::Cluster, matches!(step.subject, Subject::NodePool(_)));
        if self.has(Bug::NoMark) && creates(of_cluster) || self.has(Bug::UnmarkedPools) && creates(of_pool) {
            return send(&without_tags(step));
        }
        let mut sent = send(step);
        if self.has(Bug::BlindResend) && sent.as_ref().is_err_and(|error| error.kind == ErrorKind::Ambiguous) {
            sent = send(step);
        }
        if self.has(Bug::Babbles) && step.action == Action::Update {
            for _ in 0..4 {
                // What became of the first is what counts.
                let _ = send(step);
            }
        }
        sent
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

/// The step without the tags of what it creates; the rest of it is nobody's business here.
fn without_tags(step: &Step) -> Step {
    let mut value = serde_json::to_value(step).expect("a step is plain data");
    clear_tags(&mut value);
    serde_json::from_value(value).expect("a step without tags is a step")
}

fn clear_tags(value: &mut Value) {
    if let Value::Object(members) = value {
        for (name, member) in members {
            match member {
                Value::Object(tags) if name == "tags" => tags.clear(),
                _ => clear_tags(member),
            }
        }
    }
}

#[async_trait]
impl Layer for Serial {
    fn inner(&self) -> &dyn Backend {
        &self.inner
    }

    async fn around<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.finish(call)
    }

    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        Ok(self.planned(self.inner.plan(observed, desired)?, desired.is_none()))
    }

    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        self.seen(self.finish(self.inner.read(id)))
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        self.sent(id, step, token)
    }

    async fn poll(&self, operation: &Operation) -> Result<Progress> {
        if self.has(Bug::IgnoresRunning) {
            return Ok(Progress::Done);
        }
        self.finish(self.inner.poll(operation))
    }

    async fn find_running(&self, id: &EnvironmentId) -> Result<Vec<Operation>> {
        if self.has(Bug::IgnoresRunning) {
            return Ok(Vec::new());
        }
        self.finish(self.inner.find_running(id))
    }
}
