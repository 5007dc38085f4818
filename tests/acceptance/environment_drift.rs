//! What changed in the cloud behind our back shows in the plan.

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Simulator, Workspace, on_each_backend};

on_each_backend!(a_deleted_cluster_is_planned_anew);

/// A cluster that somebody deleted by hand: proof of absence, so the plan creates it again instead of failing.
fn a_deleted_cluster_is_planned_anew(cli: Cli, backend: Backend) {
    let first = Simulator::start();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(backend, first.settings()).render());
    workspace.apply().succeeds();
    // Another simulator has never heard of the cluster, as a cloud has not after a deletion.
    let second = Simulator::start();
    workspace.write("main.tf", &Configuration::new(backend, second.settings()).render());
    workspace.plan().only("create", ADDRESS);
}
