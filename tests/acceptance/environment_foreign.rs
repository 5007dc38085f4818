//! A cluster of the wanted name that is not ours stays as it is: an error, the import block, and no write.

use crate::harness::{Cli, Configuration, Simulator, Workspace, with_each_cli};

with_each_cli!(another_owner, destroy_is_refused_while_protected);

fn another_owner(cli: Cli) {
    let simulator = Simulator::start();
    let theirs = Workspace::new(&cli);
    theirs
        .write("main.tf", &Configuration::new(simulator.aws()).render().replace("\"acceptance\"", "\"somebody-else\""));
    theirs.apply().succeeds();
    let before = simulator.journal().changes().len();

    let ours = Workspace::new(&cli);
    ours.write("main.tf", &Configuration::new(simulator.aws()).render());
    ours.apply().fails_with(&["test", "import {", "id = \"eks/123456789012/us-east-1/test\""]);
    assert!(ours.state().is_empty());
    assert_eq!(simulator.journal().changes().len(), before, "{:#?}", simulator.journal().changes());

    theirs.plans_empty();
}

fn destroy_is_refused_while_protected(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let protected = Configuration::new(simulator.aws()).render().replace("deletion_protection = false", "");
    workspace.write("main.tf", &protected);
    workspace.apply().succeeds();
    let before = simulator.journal().changes().len();
    workspace.destroy().fails_with(&["deletion_protection"]);
    assert_eq!(simulator.journal().changes().len(), before);

    workspace.write("main.tf", &Configuration::new(simulator.aws()).render());
    workspace.apply().succeeds();
    workspace.destroy().succeeds();
}
