//! A whole life against moto, an EKS that others wrote: create, nothing to do, scale, more and fewer pools, import, destroy.

use crate::harness::{ADDRESS, Cli, Configuration, Moto, Pool, Workspace, with_each_cli};

with_each_cli!(moto_life, moto_import_by_id, moto_import_by_identity, moto_generated_configuration);

fn moto_life(cli: Cli) {
    let moto = Moto::start();
    let workspace = Workspace::new(&cli);
    let base = Configuration::new(moto.aws());

    let one_pool = base.clone().and_pools([Pool::of("apps", 1)]);
    workspace.write("main.tf", &one_pool.render());
    workspace.plan().only("create", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    let state = workspace.state();
    let created = state.attributes(ADDRESS).expect("the environment is not in the state");
    assert_eq!(created["id"], "eks/123456789012/us-east-1/test");
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
fn forgotten(cli: &Cli, moto: &Moto) -> Workspace {
    let workspace = Workspace::new(cli);
    workspace.write("main.tf", &Configuration::new(moto.aws()).and_pools([Pool::of("apps", 1)]).render());
    workspace.apply().succeeds();
    workspace.remove("terraform.tfstate");
    workspace
}

fn moto_import_by_id(cli: Cli) {
    let moto = Moto::start();
    let workspace = forgotten(&cli, &moto);
    workspace.run(["import", "-input=false", "-no-color", ADDRESS, "eks/123456789012/us-east-1/test"]).succeeds();
    let imported = workspace.state();
    assert_eq!(imported.attributes(ADDRESS).expect("not imported")["status"], "active");
    // What only the configuration can know (the guard against deletion, timeouts) may still be written; the cloud is not touched.
    workspace.apply().succeeds();
    workspace.plans_empty();
    workspace.destroy().succeeds();
}

fn moto_import_by_identity(cli: Cli) {
    let moto = Moto::start();
    let workspace = forgotten(&cli, &moto);
    let block = format!(
        "import {{\n  to = {ADDRESS}\n  identity = {{ backend = \"eks\", account = \"123456789012\", region = \"us-east-1\", name = \"test\" }}\n}}\n"
    );
    workspace.write("import.tf", &block);
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

fn moto_generated_configuration(cli: Cli) {
    let moto = Moto::start();
    let workspace = forgotten(&cli, &moto);
    let whole = workspace.read("main.tf");
    let (head, _) = whole.split_once("resource \"").expect("the configuration has a resource");
    workspace.write("main.tf", head);
    let block = format!("import {{\n  to = {ADDRESS}\n  id = \"eks/123456789012/us-east-1/test\"\n}}\n");
    workspace.write("import.tf", &block);
    workspace.run(["plan", "-input=false", "-no-color", "-generate-config-out=generated.tf"]).succeeds();
    workspace.run(["validate", "-no-color"]).succeeds();
    workspace.apply().succeeds();
    workspace.plans_empty();
}
