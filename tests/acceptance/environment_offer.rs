//! What a cloud does not offer is said at plan where there are credentials, at its attribute; never against what is there
//! already, and never by asking the same thing again for each environment.

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Pool, Simulator, Workspace, on_each_backend};

on_each_backend!(what_is_not_offered_is_refused_at_plan, many_environments_ask_once);

const PLAN: [&str; 3] = ["plan", "-input=false", "-no-color"];

fn what_is_not_offered_is_refused_at_plan(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let base = Configuration::new(backend, simulator.settings());
    let mut unknown_version = base.clone();
    unknown_version.version = "1.99".to_owned();
    workspace.write("main.tf", &unknown_version.render());
    workspace.run(PLAN).fails_with(&["kubernetes.version", "1.99", "1.33"]);

    // EKS itself does not tell what machine types there are.
    if backend != Backend::Eks {
        let unknown_machine = base.clone().and_pools([Pool::with("apps", "machine_type = \"x9-huge\", count = 1")]);
        workspace.write("main.tf", &unknown_machine.render());
        workspace.run(PLAN).fails_with(&["node_pools[\"apps\"].machine_type", "x9-huge"]);
    }
    assert!(simulator.journal().changes().is_empty());

    // Validation asks nobody, and who has no credentials plans all the same.
    workspace.write("main.tf", &unknown_version.render());
    workspace.run(["validate", "-no-color"]).succeeds();
    let without = Workspace::without_credentials(&cli);
    without.write("main.tf", &unknown_version.render());
    without.plan().only("create", ADDRESS);
}

fn many_environments_ask_once(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let one = Configuration::new(backend, simulator.settings()).render();
    workspace.write("main.tf", &one);
    workspace.run(PLAN).succeeds();
    let asked_for_one = simulator.journal().requests().len();
    assert!(asked_for_one > 0, "nobody was asked");

    let twenty = one.replace("  name       = \"test\"", "  count      = 20\n  name       = \"test-${count.index}\"");
    workspace.write("main.tf", &twenty);
    workspace.run(PLAN).succeeds();
    let asked_for_twenty = simulator.journal().requests().len() - asked_for_one;
    assert_eq!(asked_for_twenty, asked_for_one, "{:#?}", simulator.journal().requests());
}
