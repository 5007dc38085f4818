//! Ctrl-C and sudden death in the middle of an apply lose nothing: the next apply carries on.

use std::time::{Duration, Instant};

use crate::harness::{
    ADDRESS, Backend, Cli, Configuration, Deed, Pool, Simulator, Workspace, on_each_backend, send, wait_for,
};

on_each_backend!(interrupt_in_mid_create, kill_in_mid_create, kill_in_mid_update, kill_in_mid_delete);

/// So long between two polls that an apply can only end by being stopped.
const NEVER: &str = "1h";

fn interrupt_in_mid_create(cli: Cli, backend: Backend) {
    let simulator = Simulator::unhurried();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(backend, simulator.settings_polling_every(NEVER)).render());
    let mut apply = workspace.start_apply();
    wait_for("cluster", || {
        assert!(!apply.has_ended(), "the apply ended before it could be interrupted");
        (simulator.journal().count(backend, Deed::CreateCluster) == 1).then_some(())
    });

    let interrupted = Instant::now();
    apply.signal("INT");
    let outcome = apply.finish_within(Duration::from_secs(60));
    let took = interrupted.elapsed();
    assert!(took < Duration::from_secs(5), "took {took:?}: {}", outcome.transcript());
    let state = workspace.state();
    let left = state.attributes(ADDRESS).unwrap_or_else(|| panic!("not in the state: {}", outcome.transcript()));
    assert_eq!(left["status"], "creating");
    assert!(!state.is_tainted(ADDRESS));

    workspace.write("main.tf", &Configuration::new(backend, simulator.settings()).render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    assert_eq!(simulator.journal().count(backend, Deed::CreateCluster), 1);
    workspace.destroy().succeeds();
}

/// Runs a command until something is done in the cloud, kills every provider process, and lets the command line end.
fn kill_after(workspace: &Workspace, simulator: &Simulator, (backend, deed): (Backend, Deed), arguments: &[&str]) {
    let earlier = simulator.journal().count(backend, deed);
    let mut run = workspace.start(arguments);
    wait_for("sign of it in the journal", || {
        assert!(!run.has_ended(), "the run ended before {deed:?}");
        (simulator.journal().count(backend, deed) > earlier).then_some(())
    });
    let providers = workspace.provider_processes();
    assert!(!providers.is_empty(), "no provider runs");
    for id in providers {
        send("KILL", &id);
    }
    let outcome = run.finish();
    assert!(!outcome.status.success(), "the provider was killed and nobody noticed: {}", outcome.transcript());
}

const APPLY: &[&str] = &["apply", "-auto-approve", "-input=false", "-no-color"];
const DESTROY: &[&str] = &["destroy", "-auto-approve", "-input=false", "-no-color"];

fn kill_in_mid_create(cli: Cli, backend: Backend) {
    let simulator = Simulator::unhurried();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(backend, simulator.settings_polling_every(NEVER)).render());
    kill_after(&workspace, &simulator, (backend, Deed::CreateCluster), APPLY);

    workspace.write("main.tf", &Configuration::new(backend, simulator.settings()).render());
    workspace.apply().succeeds();
    workspace.plans_empty();
    assert_eq!(simulator.journal().count(backend, Deed::CreateCluster), 1, "adopted, not made twice");
    workspace.destroy().succeeds();
}

fn kill_in_mid_update(cli: Cli, backend: Backend) {
    let simulator = Simulator::unhurried();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(backend, simulator.settings()).render());
    workspace.apply().succeeds();

    let pools = [Pool::of("apps", 1), Pool::of("batch", 1)];
    let slow = Configuration::new(backend, simulator.settings_polling_every(NEVER)).and_pools(pools.clone());
    workspace.write("main.tf", &slow.render());
    kill_after(&workspace, &simulator, (backend, Deed::CreatePool), APPLY);

    workspace.write("main.tf", &Configuration::new(backend, simulator.settings()).and_pools(pools).render());
    workspace.apply().succeeds();
    workspace.plans_empty();
    let with_the_cluster = if backend.makes_pools_with_the_cluster() { 1 } else { 0 };
    assert_eq!(simulator.journal().count(backend, Deed::CreatePool), 3 - with_the_cluster, "each pool is made once");
    workspace.destroy().succeeds();
}

fn kill_in_mid_delete(cli: Cli, backend: Backend) {
    let simulator = Simulator::unhurried();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(backend, simulator.settings()).render());
    workspace.apply().succeeds();

    workspace.write("main.tf", &Configuration::new(backend, simulator.settings_polling_every(NEVER)).render());
    let goes_alone = !backend.makes_pools_with_the_cluster();
    let first = if goes_alone { Deed::DeletePool } else { Deed::DeleteCluster };
    kill_after(&workspace, &simulator, (backend, first), DESTROY);

    workspace.write("main.tf", &Configuration::new(backend, simulator.settings()).render());
    workspace.destroy().succeeds();
    assert!(workspace.state().is_empty());
    assert_eq!(simulator.journal().count(backend, Deed::DeletePool), usize::from(goes_alone));
    assert_eq!(simulator.journal().count(backend, Deed::DeleteCluster), 1);
}
