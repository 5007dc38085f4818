//! Draining is real: pods on a real Kubernetes, whose nodes are those of a simulated EKS, are moved by the driver as their
//! disruption budgets allow.
//!
//! The names of the tests say what they need; see `tests/testbed`.
#![cfg(feature = "eks")]

mod bench;
mod clouds;
#[allow(dead_code, reason = "only its specs are used here")]
#[path = "../eks_world/mod.rs"]
mod eks_world;
mod kubernetes_drainer;
mod node_pool;
#[path = "../../../../tests/testbed/mod.rs"]
mod testbed;
