//! A cluster of the wanted name that is not ours stays as it is: an error, the import block, and no write.

use crate::harness::{Backend, Cli, Configuration, Simulator, Workspace, on_each_backend};

on_each_backend!(another_owner, destroy_is_refused_while_protected);

fn another_owner(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let theirs = Workspace::new(&cli);
    let configuration = Configuration::new(backend, simulator.settings()).render();
    theirs.write("main.tf", &configuration.replace("\"acceptance\"", "\"somebody-else\""));
    theirs.apply().succeeds();
    let before = simulator.journal().changes().len();

    let ours = Workspace::new(&cli);
    ours.write("main.tf", &configuration);
    ours.apply().fails_with(&["test", "import {", &format!("id = {:?}", backend.id())]);
    assert!(ours.state().is_empty());
    assert_eq!(simulator.journal().changes().len(), before, "{:#?}", simulator.journal().changes());

    theirs.plans_empty();
}

fn destroy_is_refused_while_protected(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let protected =
        Configuration::new(backend, simulator.settings()).render().replace("deletion_protection = false", "");
    workspace.write("main.tf", &protected);
    workspace.apply().succeeds();
    let before = simulator.journal().changes().len();
    workspace.destroy().fails_with(&["deletion_protection"]);
    assert_eq!(simulator.journal().changes().len(), before);

    workspace.write("main.tf", &Configuration::new(backend, simulator.settings()).render());
    workspace.apply().succeeds();
    workspace.destroy().succeeds();
}
