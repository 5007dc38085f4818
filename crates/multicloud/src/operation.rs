//! What is done to an environment: the [`Step`]s a backend plans, the [`Operation`]s the cloud runs for them, and how
//! these go on. All of it is data that survives the process.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[cfg(feature = "aks")]
use crate::aks::AksChange;
#[cfg(feature = "eks")]
use crate::eks::EksChange;
use crate::environment::{EnvironmentId, PoolName};
use crate::error::ServerText;
#[cfg(feature = "gke")]
use crate::gke::GkeChange;
use crate::memory::MemoryChange;

/// One change that a cloud takes in one request and then works on.
///
/// What it says depends only on what is still to be done: while a step is open, planning again yields an equal
/// `subject` and `change`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Steps of one stage may run side by side, if their subjects differ; a stage begins when the ones before it are
    /// done.
    pub stage: u32,
    /// What is changed.
    pub subject: Subject,
    /// What sort of change it is.
    pub action: Action,
    /// The step in words, for plans and logs: `upgrade control plane from 1.32 to 1.33`.
    pub description: String,
    /// What exactly the backend sends.
    pub change: Change,
    /// Nodes to empty before the step is sent, where it takes nodes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<NodeDrain>,
}

impl Step {
    /// Whether the two ask for the same change of the same object.
    pub fn is_same_change(&self, other: &Self) -> bool {
        self.subject == other.subject && self.change == other.change
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

/// Nodes that are emptied, pod by pod and as their disruption budgets allow, before a step takes them away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDrain {
    /// The key of the label that the nodes share.
    pub label: String,
    /// Its value.
    pub value: String,
    /// How long the pods are given to leave. After that the step is not sent.
    pub timeout: Duration,
    /// What to do when the Kubernetes API cannot be reached or does not let us in.
    pub unreachable: WhenUnreachable,
}

impl fmt::Display for NodeDrain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nodes with {}={}", self.label, self.value)
    }
}

/// What becomes of a step whose nodes cannot be emptied because their Kubernetes API is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnreachable {
    /// It fails: the cloud would take the nodes away with all that runs on them.
    Refuse,
    /// It is sent: the cloud empties the nodes itself, by the budgets too.
    Proceed,
}

/// Steps in the making, stage after stage.
#[derive(Debug, Default)]
pub struct Stages {
    steps: Vec<Step>,
    count: u32,
}

impl Stages {
    /// Adds steps that may run side by side, after all that was added before.
    pub fn stage(&mut self, steps: impl IntoIterator<Item = Step>) {
        let before = self.steps.len();
        self.steps.extend(steps.into_iter().map(|step| Step { stage: self.count, ..step }));
        if self.steps.len() > before {
            self.count += 1;
        }
    }

    /// The steps, in order.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

/// A part of an environment that is changed by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The cluster with its control plane.
    Cluster,
    /// A node pool.
    NodePool(PoolName),
    /// Something managed that runs in the cluster.
    Addon(String),
    /// Someone's right to use the cluster.
    AccessEntry(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::NodePool(name) => write!(f, "node pool {name}"),
            Self::Addon(name) => write!(f, "add-on {name}"),
            Self::AccessEntry(principal) => write!(f, "access entry {principal}"),
        }
    }
}

/// Sorts of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The subject is made.
    Create,
    /// The subject is changed in place.
    Update,
    /// The subject gets another Kubernetes version.
    Upgrade,
    /// The subject is deleted.
    Delete,
}

/// What exactly a backend sends; only the backend that planned it reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// For Azure Kubernetes Service.
    #[cfg(feature = "aks")]
    Aks(AksChange),
    /// For Amazon EKS.
    #[cfg(feature = "eks")]
    Eks(EksChange),
    /// For Google Kubernetes Engine.
    #[cfg(feature = "gke")]
    Gke(GkeChange),
    /// For the backend in memory.
    Memory(MemoryChange),
}

/// Something that a cloud has accepted and works on. It is kept between processes, so that a wait can be resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The environment it works on.
    pub environment: EnvironmentId,
    /// The part of it.
    pub subject: Subject,
    /// What sort of change it is.
    pub action: Action,
    /// The cloud's id of the operation; `None` where the subject's status is all there is to look at.
    pub reference: Option<String>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            Action::Create => "creation",
            Action::Update => "update",
            Action::Upgrade => "upgrade",
            Action::Delete => "deletion",
        };
        write!(f, "{action} of {}", self.subject)?;
        match &self.reference {
            Some(reference) => write!(f, " ({reference})"),
            None => Ok(()),
        }
    }
}

/// How an operation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Running,
    /// It ended as wanted.
    Done,
    /// It ended otherwise; the cloud's own words.
    Failed(ServerText),
    /// The cloud does not know the operation. Whether it is done shows only in what can be read.
    Unknown,
}

/// Makes a request that is sent twice count once, on clouds that take such a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyToken(String);

impl IdempotencyToken {
    /// The token of a run, made before the run begins and kept with its plan, so that a run that is begun again with
    /// the same plan has the same token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A token that nobody else has.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The token of one request of the run: the same for the same step, another for any other step.
    #[must_use]
    pub fn for_step(&self, step: &Step) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0.as_bytes());
        // A step is made of texts and numbers alone, which always serialize; were it otherwise, its words would do.
        hash.update(serde_json::to_vec(step).unwrap_or_else(|_| step.description.clone().into_bytes()));
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string())
    }

    /// The text: 36 characters for tokens of [`Self::random`] and [`Self::for_step`], which EKS (33 to 126) takes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::example_step;

    #[test]
    fn tokens_differ_by_run_and_step_only() {
        let run = IdempotencyToken::new("run");
        let (one, two) = (example_step("a"), example_step("b"));
        assert_eq!(run.for_step(&one), run.for_step(&one));
        assert_ne!(run.for_step(&one), run.for_step(&two));
        assert_ne!(run.for_step(&one), IdempotencyToken::new("other").for_step(&one));
        assert_eq!(run.for_step(&one).as_str().len(), 36);
    }
}
