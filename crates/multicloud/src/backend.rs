//! The trait that a cloud implements. It says only what is particular to the cloud; order, waiting, retries,
//! deadlines, cancellation, adoption and resumption are the [driver](crate::driver)'s, for all clouds alike.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::access::ClusterAccess;
use crate::environment::{BackendKind, EnvironmentId, EnvironmentSpec, FieldPath, Observed, Violation};
use crate::error::Result;
use crate::operation::{IdempotencyToken, Operation, Progress, Step};

/// A cloud that has Kubernetes environments.
///
/// # Contract
///
/// - No method waits for the cloud to finish, sleeps, or sends a request again: one call is at most one mutation.
///   A mutation that was sent and whose reply did not arrive whole is [`ErrorKind::Ambiguous`], never a success and
///   never a failure.
/// - `kind`, `capabilities`, `validate`, `differences` and `plan` are pure: no I/O, no clock, no randomness, same
///   answer for same arguments. They work without credentials.
/// - `plan` of an environment that is as desired is empty, and so is `plan(None, None)`. Doing every planned step
///   leads there, or to a next plan that is nearer. A planned step whose object already exists with our mark is planned
///   as what is missing to it, never as its creation.
/// - A step that takes nodes away while their cluster stays names them in [`Step::drain`], unless the cloud itself empties
///   nodes as the disruption budgets of their pods allow.
/// - Every object that `begin` creates carries the ownership mark from the moment it exists.
/// - `begin` of a deletion whose object is gone is `Err` with [`ErrorKind::NotFound`], which the driver counts as done.
/// - `check_offer`, `read` and `find_running` change nothing.
/// - Dropping a future of this trait leaves nothing behind but, possibly, a request that was already sent.
/// - No text of an error, `Debug` or log line holds a credential.
///
/// [`ErrorKind::Ambiguous`]: crate::ErrorKind::Ambiguous
/// [`ErrorKind::NotFound`]: crate::ErrorKind::NotFound
#[async_trait]
pub trait Backend: Debug + Send + Sync {
    /// Which backend this is.
    fn kind(&self) -> BackendKind;

    /// What its cloud can do. What it cannot is refused when planning, not in the middle of a run.
    fn capabilities(&self) -> Capabilities;

    /// What its cloud refuses in a spec, beyond [`EnvironmentSpec::violations`].
    fn validate(&self, desired: &EnvironmentSpec) -> Vec<Violation>;

    /// In which fields that cannot be changed in place the two differ. Empty is the condition of adoption; otherwise
    /// only a new environment would do. Pools do not count: they are replaced by themselves.
    fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Vec<Difference>;

    /// The steps from what was observed (`None`: nothing there) to what is desired (`None`: nothing there).
    ///
    /// Steps are ordered by stage. On upgrades the control plane goes one minor at a time, and no pool is ever ahead
    /// of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig) where no steps lead there, such as an older
    /// version; the source is a [`Violation`] where one field is the cause.
    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>>;

    /// What of a spec the cloud does not have where the environment is to be: the region, a version, a zone, a machine
    /// type. Asked at plan where there are credentials, so that it is not learnt in mid-apply. What the cloud does not
    /// tell, or not to these credentials, is no violation.
    async fn check_offer(&self, desired: &EnvironmentSpec) -> Result<Vec<Violation>>;

    /// The id that the environment has or will have. May ask the cloud who we are; changes nothing.
    async fn locate(&self, desired: &EnvironmentSpec) -> Result<EnvironmentId>;

    /// The environment as it is. `None` only on positive proof that there is none: a reply that says so, from the
    /// account and place that the id names. Refused, failed and odd replies are errors.
    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>>;

    /// Sends one step, and returns as soon as the cloud accepted it.
    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation>;

    /// How an operation stands.
    async fn poll(&self, operation: &Operation) -> Result<Progress>;

    /// The operations that run on an environment, whoever began them.
    async fn find_running(&self, id: &EnvironmentId) -> Result<Vec<Operation>>;

    /// How to reach the environment's Kubernetes, with a credential of short life.
    async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess>;
}

/// What a cloud can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Its environments are in regions.
    pub regions: bool,
    /// It heeds a maintenance window.
    pub maintenance_window: bool,
    /// It has nodes that it may take away.
    pub spot: bool,
    /// Pools may be bound to zones.
    pub zones: bool,
    /// The addresses of pods can be chosen.
    pub pod_cidr: bool,
    /// The disk size of nodes can be chosen.
    pub disk_size: bool,
    /// Time that pods are given to leave a node can be chosen.
    pub drain_timeout: bool,
    /// The cloud itself refuses to delete a protected environment.
    pub deletion_protection: bool,
    /// Steps that may run side by side.
    pub parallel_steps: usize,
}

/// A field that cannot be changed in place and is not as desired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub path: FieldPath,
    /// What was found.
    pub observed: String,
    /// What is desired.
    pub desired: String,
}

/// Whether the two are equal, if there are two: what is not asked for is the cloud's to choose.
#[cfg(any(feature = "aks", feature = "eks"))]
pub(crate) fn both_equal<T: PartialEq>(found: Option<T>, wanted: Option<T>) -> bool {
    match (found, wanted) {
        (Some(found), Some(wanted)) => found == wanted,
        (None, _) | (_, None) => true,
    }
}

/// The trait stays usable behind a pointer.
const _: fn(&dyn Backend) = |_| {};
