//! An environment that somebody else manages is read by its id.

use crate::harness::{Backend, Cli, Configuration, Simulator, Workspace, on_each_backend};

on_each_backend!(tells_what_there_is);

fn tells_what_there_is(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let mut configuration = Configuration::new(backend, simulator.settings());
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();

    configuration.blocks = format!(
        "data \"multicloud_environment\" \"test\" {{\n  id = {:?}\n}}\n\
         output \"found\" {{\n  value = data.multicloud_environment.test\n}}\n",
        backend.id()
    );
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();
    let outputs = workspace.outputs();
    let found = &outputs["found"]["value"];
    assert_eq!(found["backend"], backend.name());
    assert_eq!(found["name"], "test");
    assert_eq!(found["region"], backend.region());
    assert_eq!(found["status"], "active");
    assert_eq!(found["node_pools"]["system"]["count"], 2);
    assert_eq!(found["node_pools"]["system"]["machine_type"], backend.machine_type());
    assert_eq!(found["tags"]["multicloud-owner"], "acceptance");
}
