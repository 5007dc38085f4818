//! `validate`, and `plan` of new environments, need no credentials and no network.

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Pool, Workspace, on_each_backend};

on_each_backend!(validate_and_plan);

/// Runs a program with no network but an unconfigured loopback; also for those who are not root.
const WITHOUT_NETWORK: &[&str] = &["unshare", "--map-root-user", "--net"];

fn validate_and_plan(cli: Cli, backend: Backend) {
    let workspace = Workspace::without_credentials(&cli);
    let configuration = Configuration::new(backend, String::new()).and_pools([Pool::with(
        "apps",
        "autoscale = { min = 2, max = 10 }, labels = { tier = \"web\" }, \
         taints = [{ key = \"k\", value = \"v\", effect = \"NoSchedule\" }]",
    )]);
    workspace.write("main.tf", &configuration.render());
    workspace.run_under(WITHOUT_NETWORK, &["validate", "-no-color"]).succeeds();
    workspace.run_under(WITHOUT_NETWORK, &["plan", "-input=false", "-no-color", "-out=tfplan"]).succeeds();

    let plan = workspace.show_plan();
    plan.only("create", ADDRESS);
    let after = plan.after(ADDRESS);
    assert_eq!(after["deletion_protection"], false);
    assert_eq!(after["on_partial_create"], "keep");
    assert_eq!(after["node_pools"]["apps"]["mode"], "user");
    assert_eq!(after["node_pools"]["apps"]["spot"], false);
    assert_eq!(plan.after_unknown(ADDRESS)["endpoint"], true);
}
