//! A provider block that depends on what the same apply makes: the plan asks nobody, and the apply works.

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Simulator, Workspace, on_each_backend};

on_each_backend!(settings_known_after_the_apply);

fn settings_known_after_the_apply(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let settings = simulator.settings().replace("\"50ms\"", "terraform_data.interval.output");
    let mut configuration = Configuration::new(backend, settings);
    configuration.blocks = "resource \"terraform_data\" \"interval\" {\n  input = \"50ms\"\n}\n".to_owned();
    // Nothing that the cloud would say against it is asked for.
    configuration.version = "1.99".to_owned();
    workspace.write("main.tf", &configuration.render());
    assert_eq!(workspace.plan().actions().get(ADDRESS).map(String::as_str), Some("create"));
    assert!(simulator.journal().requests().is_empty(), "{:#?}", simulator.journal().requests());

    configuration.version = "1.33".to_owned();
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();
    workspace.plans_empty();
    workspace.destroy().succeeds();
    assert!(workspace.state().is_empty());
}
