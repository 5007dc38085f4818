//! A jump over minors in one apply goes minor by minor, the control plane first, no pool ever ahead of it.

use std::collections::BTreeMap;

use crate::harness::{
    ADDRESS, Backend, Cli, Configuration, Deed, Pool, Request, Simulator, Workspace, on_each_backend,
};

on_each_backend!(minor_by_minor, downgrade_is_refused_at_plan);

fn configuration(backend: Backend, simulator: &Simulator, version: &str) -> Configuration {
    let mut configuration = Configuration::new(backend, simulator.settings()).and_pools([Pool::of("apps", 2)]);
    configuration.version = version.to_owned();
    configuration
}

fn minor_by_minor(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &configuration(backend, &simulator, "1.31").render());
    workspace.apply().succeeds();
    let before = simulator.journal().changes().len();

    workspace.write("main.tf", &configuration(backend, &simulator, "1.33").render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();

    let changes = simulator.journal().changes().split_off(before);
    never_ahead(backend, &changes);
    assert_eq!(changes.iter().filter(|change| backend.does(Deed::UpgradeCluster, change)).count(), 2, "{changes:#?}");
    let state = workspace.state();
    let version = state.attributes(ADDRESS).expect("gone")["kubernetes_version"].as_str().expect("a version");
    assert!(version.starts_with("1.33"), "{version}");
    workspace.destroy().succeeds();
}

/// Walks through the accepted changes: each pool has been upgraded at most as often as the control plane before it.
#[track_caller]
fn never_ahead(backend: Backend, changes: &[Request]) {
    let mut control_plane = 0;
    let mut pools: BTreeMap<&str, u32> = BTreeMap::new();
    for change in changes {
        if backend.does(Deed::UpgradeCluster, change) {
            control_plane += 1;
        } else if backend.does(Deed::UpgradePool, change) {
            let upgrades = pools.entry(&change.path).or_default();
            *upgrades += 1;
            assert!(*upgrades <= control_plane, "{} is ahead: {changes:#?}", change.path);
        } else {
            panic!("{} has no place in an upgrade: {changes:#?}", change.operation);
        }
    }
    assert_eq!(pools.len(), 2, "both pools are upgraded: {changes:#?}");
}

fn downgrade_is_refused_at_plan(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &configuration(backend, &simulator, "1.33").render());
    workspace.apply().succeeds();
    let before = simulator.journal().changes().len();
    workspace.write("main.tf", &configuration(backend, &simulator, "1.32").render());
    workspace.run(["plan", "-input=false", "-no-color"]).fails_with(&[
        "cannot be lowered",
        "kubernetes.version: the control plane has 1.33, and version = \"1.32\" is",
        "Set version to \"1.33\" or a higher one",
    ]);
    assert_eq!(simulator.journal().changes().len(), before);
}
