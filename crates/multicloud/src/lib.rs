//! Kubernetes environments on many clouds, behind one trait and one driver.
//!
//! An environment is a Kubernetes cluster with its node pools, in whatever cloud. You say what it is to be
//! ([`EnvironmentSpec`]); a [`Backend`] knows how its cloud gets there, one [`Step`] after the other; and the [`Driver`]
//! does it: it orders, waits, tries again, stops when told to, and picks up what an earlier process left.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use multicloud::environment::{CloudSpec, EnvironmentSpec, PoolSize, PoolSpec};
//! use multicloud::memory::{MemoryCloud, MemorySpec};
//! use multicloud::{Driver, Jitter, Run, Target, VirtualClock};
//!
//! // A cloud in memory, whose minutes take no time. With `TokioClock` and another backend it is a real one.
//! let clock = VirtualClock::new();
//! let cloud = MemoryCloud::new(Arc::new(clock.clone()));
//! let poll_interval = Duration::from_secs(10);
//! let driver = Driver::new(Arc::new(cloud.backend()), Arc::new(clock.clone()), Jitter::random(), poll_interval);
//!
//! let in_memory = CloudSpec::Memory(MemorySpec::default());
//! let mut spec = EnvironmentSpec::new("platform".parse()?, "demo".parse()?, "1.33".parse()?, in_memory);
//! spec.deletion_protection = false;
//! spec.node_pools.insert("apps".parse()?, PoolSpec::new("4cpu-8gb".parse()?, PoolSize::Fixed(2)));
//!
//! clock
//!     .run(async {
//!         // Whatever should survive this process is told to the checkpoint.
//!         let checkpoint = |checkpoint: &multicloud::Checkpoint<'_>| println!("{:?}", checkpoint.running);
//!         let hour = Duration::from_secs(3600);
//!
//!         let created = driver.create(&spec, Run::new(hour, &checkpoint)).await;
//!         assert!(created.is_converged(), "{:?}", created.errors());
//!         let observed = created.observed.expect("what was created is there");
//!
//!         let target = Target {
//!             id: observed.id.clone(),
//!             mark: spec.mark(),
//!             uid: Some(observed.uid.clone()),
//!             deletion_protection: false,
//!         };
//!         for pool in spec.node_pools.values_mut() {
//!             pool.size = PoolSize::Autoscale { min: 2, max: 9 };
//!         }
//!         assert!(driver.update(&target, &spec, Run::new(hour, &checkpoint)).await.is_converged());
//!
//!         let access = driver.access(&target.id).await.expect("a running cluster can be reached");
//!         println!("{access:?}"); // without the token, which only `kubeconfig` and `expose` hand out
//!
//!         assert!(driver.delete(&target, Run::new(hour, &checkpoint)).await.is_converged());
//!         assert_eq!(driver.read(&target.id).await.expect("an answer"), None);
//!     })
//!     .expect("it ends");
//! # Ok::<(), multicloud::environment::ParseError>(())
//! ```
//!
//! # What holds for every backend
//!
//! - What we make carries an ownership mark ([`Mark`]) from its first moment. A creation carries on with what has
//!   exactly that mark, and never touches anything else.
//! - A run that was killed, cancelled or out of time is begun again with the same call, by any process, and makes
//!   nothing twice.
//! - What exists is said in every case ([`Outcome`]); a pool that failed leaves its siblings and the cluster.
//! - No credential is in any `Debug`, error or log line.
//!
//! The suite in `conformance.rs` (feature `conformance`) holds a
//! backend to it.

mod access;
#[cfg(feature = "aks")]
pub mod aks;
pub mod backend;
#[cfg(any(feature = "aks", feature = "eks", feature = "gke"))]
mod cidr;
pub mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod drain;
pub mod driver;
#[cfg(feature = "eks")]
pub mod eks;
pub mod environment;
pub mod error;
#[cfg(feature = "gke")]
pub mod gke;
mod layer;
pub mod memory;
pub mod operation;
pub mod registry;
mod secret;
#[cfg(any(feature = "aks", feature = "eks", feature = "gke"))]
mod transport;
#[cfg(any(feature = "aks", feature = "eks", feature = "gke"))]
mod upgrade;
mod words;

pub use access::{ClusterAccess, Credential};
pub use backend::{Backend, Capabilities, Difference};
pub use clock::{Clock, Jitter, TokioClock, VirtualClock};
pub use drain::NodeDrainer;
pub use driver::{Checkpoint, Driver, Ending, Outcome, Run, StepFailure, Target};
pub use environment::{
    BackendKind, EnvironmentId, EnvironmentName, EnvironmentSpec, FieldPath, KubernetesVersion, Mark, Observed, Owner,
    PoolName, Region, Violation,
};
pub use error::{Error, ErrorChain, ErrorKind, Result, RetryClass, ServerText};
pub use layer::Layer;
pub use operation::{Action, Change, IdempotencyToken, NodeDrain, Operation, Progress, Step, Subject, WhenUnreachable};
pub use secret::Secret;
pub use words::UnknownWord;
