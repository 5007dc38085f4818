//! Ctrl-C and sudden death in the middle of an apply lose nothing: the next apply carries on.

use std::time::{Duration, Instant};

use crate::harness::{ADDRESS, Cli, Configuration, Pool, Simulator, Workspace, send, wait_for, with_each_cli};

with_each_cli!(interrupt_in_mid_create, kill_in_mid_create, kill_in_mid_update, kill_in_mid_delete);

/// So long between two polls that an apply can only end by being stopped.
const NEVER: &str = "1h";

fn interrupt_in_mid_create(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(simulator.aws_polling_every(NEVER)).render());
    let mut apply = workspace.start_apply();
    wait_for("cluster", || {
        assert!(!apply.has_ended(), "the apply ended before it could be interrupted");
        (simulator.journal().committed("CreateCluster") == 1).then_some(())
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

    workspace.write("main.tf", &Configuration::new(simulator.aws()).render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    assert_eq!(simulator.journal().committed("CreateCluster"), 1);
    workspace.destroy().succeeds();
}

/// Applies with `before`, waits until `operation` has changed the cloud, kills every provider process, and lets the command line end.
fn kill_after(workspace: &Workspace, simulator: &Simulator, operation: &str, arguments: &[&str]) {
    let earlier = simulator.journal().committed(operation);
    let mut run = workspace.start(arguments);
    wait_for(operation, || {
        assert!(!run.has_ended(), "the run ended before {operation}");
        (simulator.journal().committed(operation) > earlier).then_some(())
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

fn kill_in_mid_create(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(simulator.aws_polling_every(NEVER)).render());
    kill_after(&workspace, &simulator, "CreateCluster", APPLY);

    workspace.write("main.tf", &Configuration::new(simulator.aws()).render());
    workspace.apply().succeeds();
    workspace.plans_empty();
    assert_eq!(simulator.journal().committed("CreateCluster"), 1, "adopted, not made twice");
    workspace.destroy().succeeds();
}

fn kill_in_mid_update(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(simulator.aws()).render());
    workspace.apply().succeeds();

    let pools = [Pool::of("apps", 1), Pool::of("batch", 1)];
    let slow = Configuration::new(simulator.aws_polling_every(NEVER)).and_pools(pools.clone());
    workspace.write("main.tf", &slow.render());
    kill_after(&workspace, &simulator, "CreateNodegroup", APPLY);

    workspace.write("main.tf", &Configuration::new(simulator.aws()).and_pools(pools).render());
    workspace.apply().succeeds();
    workspace.plans_empty();
    assert_eq!(simulator.journal().committed("CreateNodegroup"), 3, "each pool is made once");
    workspace.destroy().succeeds();
}

fn kill_in_mid_delete(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(simulator.aws()).render());
    workspace.apply().succeeds();

    workspace.write("main.tf", &Configuration::new(simulator.aws_polling_every(NEVER)).render());
    kill_after(&workspace, &simulator, "DeleteNodegroup", DESTROY);

    workspace.write("main.tf", &Configuration::new(simulator.aws()).render());
    workspace.destroy().succeeds();
    assert!(workspace.state().is_empty());
    assert_eq!(simulator.journal().committed("DeleteNodegroup"), 1);
    assert_eq!(simulator.journal().committed("DeleteCluster"), 1);
}
