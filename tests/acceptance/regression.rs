//! Faults that users met once, each by its effect, so that they do not come back.

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Simulator, Workspace, with_each_cli};

with_each_cli!(empty_for_null_is_one_update, an_unknown_version_upgrades_nothing);

/// Writing an empty collection where there was none was an invalid plan, or a difference for ever.
fn empty_for_null_is_one_update(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let mut configuration = Configuration::new(Backend::Eks, simulator.settings());
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();

    configuration.arguments = "tags = {}".to_owned();
    configuration.network = "authorized_cidrs = []".to_owned();
    configuration.block = "log_types = []\n    addons = {}\n    access_entries = {}".to_owned();
    workspace.write("main.tf", &configuration.render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    workspace.destroy().succeeds();
}

/// An upgrade towards a version that does not exist took its first minor, which nothing takes back.
fn an_unknown_version_upgrades_nothing(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let mut configuration = Configuration::new(Backend::Eks, simulator.settings());
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();

    configuration.version = "1.99".to_owned();
    workspace.write("main.tf", &configuration.render());
    workspace.apply().fails_with(&["does not offer Kubernetes 1.99"]);
    assert_eq!(simulator.journal().committed("UpdateClusterVersion"), 0);
}
