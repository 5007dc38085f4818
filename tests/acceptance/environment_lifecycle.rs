//! A whole life: create, nothing to do, scale, more and fewer pools, import, destroy. On every simulated cloud, and against
//! moto, an EKS that others wrote.

use crate::harness::{
    ADDRESS, Backend, Cli, Configuration, Deed, Moto, Pool, Simulator, Workspace, on_each_backend, with_each_cli,
};

on_each_backend!(kube_apiserver_life, import_by_id, import_by_identity, generated_configuration);
with_each_cli!(
    another_cloud_is_another_environment,
    moto_life,
    moto_import_by_id,
    moto_import_by_identity,
    moto_generated_configuration
);

fn kube_apiserver_life(cli: Cli, backend: Backend) {
    let (_kubernetes, simulator) = Simulator::drainable(backend);
    whole_life(&cli, backend, &simulator.settings());
    let journal = simulator.journal();
    assert_eq!(journal.count(backend, Deed::CreateCluster), 1);
    assert_eq!(journal.count(backend, Deed::DeleteCluster), 1);
    // `system` and `apps` at first, then `batch`.
    let made = if backend.makes_pools_with_the_cluster() { 1 } else { 3 };
    assert_eq!(journal.count(backend, Deed::CreatePool), made);
}

fn moto_life(cli: Cli) {
    whole_life(&cli, Backend::Eks, &Moto::start().settings());
}

fn whole_life(cli: &Cli, backend: Backend, settings: &str) {
    let workspace = Workspace::new(cli);
    let base = Configuration::new(backend, settings.to_owned());

    let one_pool = base.clone().and_pools([Pool::of("apps", 1)]);
    workspace.write("main.tf", &one_pool.render());
    workspace.plan().only("create", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    let state = workspace.state();
    let created = state.attributes(ADDRESS).expect("the environment is not in the state");
    assert_eq!(created["id"], backend.id());
    assert_eq!(created["region"], backend.region());
    assert_eq!(created["status"], "active");
    assert!(created["endpoint"].as_str().is_some_and(|endpoint| endpoint.starts_with("https://")), "{created:#}");

    workspace.write("main.tf", &base.clone().and_pools([Pool::of("apps", 3)]).render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    assert_eq!(workspace.state().attributes(ADDRESS).expect("gone")["node_pools"]["apps"]["count"], 3);

    workspace.write("main.tf", &base.clone().and_pools([Pool::of("apps", 3), Pool::of("batch", 1)]).render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();

    workspace.write("main.tf", &base.clone().and_pools([Pool::of("batch", 1)]).render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    let state = workspace.state();
    let pools = state.attributes(ADDRESS).expect("gone")["node_pools"].as_object().expect("a map");
    assert_eq!(pools.keys().collect::<Vec<_>>(), ["batch", "system"]);

    workspace.destroy().succeeds();
    assert!(workspace.state().is_empty());
}

/// Applies an environment, forgets it, and gives the workspace in which only the cloud knows it.
fn forgotten(cli: &Cli, backend: Backend, settings: String) -> Workspace {
    let workspace = Workspace::new(cli);
    workspace.write("main.tf", &Configuration::new(backend, settings).and_pools([Pool::of("apps", 1)]).render());
    workspace.apply().succeeds();
    workspace.remove("terraform.tfstate");
    workspace
}

fn import_by_id(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    imported_by_id(&cli, backend, simulator.settings());
}

fn moto_import_by_id(cli: Cli) {
    let moto = Moto::start();
    imported_by_id(&cli, Backend::Eks, moto.settings());
}

fn imported_by_id(cli: &Cli, backend: Backend, settings: String) {
    let workspace = forgotten(cli, backend, settings);
    workspace.run(["import", "-input=false", "-no-color", ADDRESS, backend.id()]).succeeds();
    let imported = workspace.state();
    assert_eq!(imported.attributes(ADDRESS).expect("not imported")["status"], "active");
    // What only the configuration can know (the guard against deletion, timeouts) may still be written; the cloud is not touched.
    workspace.apply().succeeds();
    workspace.plans_empty();
    workspace.destroy().succeeds();
}

fn import_by_identity(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    imported_by_identity(&cli, backend, simulator.settings());
}

fn moto_import_by_identity(cli: Cli) {
    let moto = Moto::start();
    imported_by_identity(&cli, Backend::Eks, moto.settings());
}

fn imported_by_identity(cli: &Cli, backend: Backend, settings: String) {
    let workspace = forgotten(cli, backend, settings);
    let identity = backend.identity();
    workspace.write("import.tf", &format!("import {{\n  to = {ADDRESS}\n  identity = {identity}\n}}\n"));
    let outcome = workspace.apply();
    if cli.imports_by_identity() {
        outcome.succeeds();
        workspace.remove("import.tf");
        workspace.plans_empty();
        workspace.destroy().succeeds();
    } else {
        outcome.fails_with(&["identity"]);
        assert!(workspace.state().is_empty(), "an import that was refused left something in the state");
    }
}

fn generated_configuration(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    generated(&cli, backend, simulator.settings());
}

fn moto_generated_configuration(cli: Cli) {
    let moto = Moto::start();
    generated(&cli, Backend::Eks, moto.settings());
}

fn generated(cli: &Cli, backend: Backend, settings: String) {
    let workspace = forgotten(cli, backend, settings);
    let whole = workspace.read("main.tf");
    let (head, _) = whole.split_once("resource \"").expect("the configuration has a resource");
    workspace.write("main.tf", head);
    workspace.write("import.tf", &format!("import {{\n  to = {ADDRESS}\n  id = {:?}\n}}\n", backend.id()));
    let plan = ["plan", "-input=false", "-no-color", "-generate-config-out=generated.tf"];
    let outcome = workspace.run(plan).succeeds();
    let summary = "Plan: 1 to import, 0 to add, 0 to change, 0 to destroy.";
    assert!(outcome.stdout.contains(summary), "{}\n{}", outcome.transcript(), workspace.read("generated.tf"));
    workspace.run(["validate", "-no-color"]).succeeds();
    workspace.apply().succeeds();
    workspace.plans_empty();
}

fn another_cloud_is_another_environment(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    workspace.write("main.tf", &Configuration::new(Backend::Eks, simulator.settings()).render());
    workspace.apply().succeeds();
    workspace.write("main.tf", &Configuration::new(Backend::Gke, simulator.settings()).render());
    workspace.plan().only("delete create", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    let journal = simulator.journal();
    assert_eq!(workspace.state().attributes(ADDRESS).expect("gone")["id"], Backend::Gke.id());
    assert_eq!(journal.count(Backend::Eks, Deed::DeleteCluster), 1);
    assert_eq!(journal.count(Backend::Gke, Deed::CreateCluster), 1);
    workspace.destroy().succeeds();
}
