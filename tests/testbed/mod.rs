//! A real Kubernetes for tests, which a test starts and which ends with it, on any machine: etcd and kube-apiserver, and
//! where pods are wanted also kube-controller-manager, kube-scheduler and kwok, which plays the kubelet of nodes that do
//! not exist.
//!
//! Tests of several packages include this folder by its path. They need what `cargo xtask tools` gets, and are left out
//! by name where it cannot be had: `kube_apiserver` for the API alone, `fake_nodes` for pods.
#![allow(dead_code, unused_imports, reason = "no test uses all of it")]

mod authenticator;
mod kubernetes;
mod program;
mod workload;

pub(crate) use kubernetes::Kubernetes;
pub(crate) use program::{cache_dir, provided};
pub(crate) use workload::{NODES, View, Workload};
