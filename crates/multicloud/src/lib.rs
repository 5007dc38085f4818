//! Kubernetes environments on many clouds, behind one trait and one driver.

mod access;
pub mod backend;
pub mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod driver;
#[cfg(feature = "eks")]
pub mod eks;
pub mod environment;
pub mod error;
pub mod memory;
pub mod operation;
pub mod registry;
mod secret;

pub use access::{ClusterAccess, Credential};
pub use backend::{Backend, Capabilities, Difference};
pub use clock::{Clock, Jitter, TokioClock, VirtualClock};
pub use driver::{Checkpoint, Driver, Ending, Outcome, Run, StepFailure, Target};
pub use environment::{
    BackendKind, EnvironmentId, EnvironmentName, EnvironmentSpec, FieldPath, KubernetesVersion, Mark, Observed, Owner,
    PoolName, Region, Violation,
};
pub use error::{Error, ErrorChain, ErrorKind, Result, RetryClass, ServerText};
pub use operation::{Action, Change, IdempotencyToken, Operation, Progress, Step, Subject};
pub use secret::Secret;
