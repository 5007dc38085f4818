//! What changed in the cloud behind our back shows in the plan.

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Deed, Event, Pool, Simulator, Workspace, on_each_backend};

on_each_backend!(
    a_deleted_cluster_is_planned_anew,
    what_the_cloud_does_by_itself_is_no_difference,
    a_changed_label_is_set_back,
    a_deleted_pool_is_made_again_and_nothing_else,
);

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

/// An environment whose pool `apps` is autoscaled and labelled.
fn applied(cli: &Cli, backend: Backend, simulator: &Simulator) -> Workspace {
    let workspace = Workspace::new(cli);
    let apps = Pool::with("apps", "autoscale = { min = 1, max = 4 }, labels = { tier = \"web\" }");
    workspace.write("main.tf", &Configuration::new(backend, simulator.settings()).and_pools([apps]).render());
    workspace.apply().succeeds();
    workspace.plans_empty();
    workspace
}

fn what_the_cloud_does_by_itself_is_no_difference(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = applied(&cli, backend, &simulator);
    simulator.befall(backend, Event::Scaled);
    workspace.plans_empty();
    simulator.befall(backend, Event::Patched);
    workspace.plans_empty();
}

fn a_changed_label_is_set_back(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = applied(&cli, backend, &simulator);
    simulator.befall(backend, Event::Relabelled);
    let plan = workspace.plan();
    plan.only("update", ADDRESS);
    assert_eq!(plan.after(ADDRESS)["node_pools"]["apps"]["labels"]["tier"], "web");
    workspace.apply().succeeds();
    workspace.plans_empty();
}

fn a_deleted_pool_is_made_again_and_nothing_else(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = applied(&cli, backend, &simulator);
    let before = simulator.journal().changes().len();
    simulator.befall(backend, Event::Deleted);
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    let changes = simulator.journal().changes().split_off(before);
    assert!(changes.iter().all(|change| backend.does(Deed::CreatePool, change)), "{changes:#?}");
    assert_eq!(changes.len(), 1, "{changes:#?}");
}
