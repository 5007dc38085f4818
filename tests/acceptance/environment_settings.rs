//! Everything that can change of an environment on EKS changes in place, and is no difference afterwards.

use crate::harness::{ADDRESS, Cli, Configuration, Pool, Simulator, Workspace, with_each_cli};

with_each_cli!(each_setting_changes_in_place, a_new_machine_type_replaces_the_pool_alone);

/// What changes, by its name and as the change of the configuration.
type Change = (&'static str, fn(&mut Configuration));

fn each_setting_changes_in_place(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let mut configuration = Configuration::new(simulator.aws()).and_pools([Pool::of("apps", 1)]);
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();

    let changes: &[Change] = &[
        ("tags", |c| c.arguments = "tags = { cost-center = \"1234\" }".to_owned()),
        ("other tags", |c| c.arguments = "tags = { team = \"platform\" }".to_owned()),
        ("labels and taints", |c| {
            c.pools[1] = Pool::with(
                "apps",
                "machine_type = \"t3.large\", count = 1, labels = { tier = \"web\" }, \
                 taints = [{ key = \"dedicated\", value = \"apps\", effect = \"NoSchedule\" }]",
            );
        }),
        ("an autoscaler's bounds", |c| {
            c.pools[1] = Pool::with("apps", "machine_type = \"t3.large\", autoscale = { min = 1, max = 4 }");
        }),
        ("who may reach the API server", |c| c.network = ", authorized_cidrs = [\"203.0.113.0/24\"]".to_owned()),
        ("logs", |c| c.eks = "log_types = [\"api\", \"audit\"]".to_owned()),
        ("encryption", |c| {
            c.eks += "\n    encryption_key_arn = \"arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-00000000000a\"";
        }),
        ("access", |c| {
            c.eks += "\n    access_entries = {\n      \"arn:aws:iam::123456789012:role/developer\" = {\n        policies = {\n          \
                      \"arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy\" = { namespaces = [\"shop\"] }\n        }\n      }\n    }";
        }),
        ("add-ons", |c| c.eks += "\n    addons = { coredns = {}, vpc-cni = { resolve_conflicts = \"OVERWRITE\" } }"),
        ("timeouts", |c| c.arguments += "\n  timeouts = { create = \"90m\" }"),
    ];
    for (what, change) in changes {
        eprintln!("{what}");
        change(&mut configuration);
        workspace.write("main.tf", &configuration.render());
        workspace.plan().only("update", ADDRESS);
        workspace.apply().succeeds();
        workspace.plans_empty();
    }
    assert_eq!(simulator.journal().committed("CreateCluster"), 1);
    assert_eq!(simulator.journal().committed("CreateNodegroup"), 2, "no pool was made anew");
    workspace.destroy().succeeds();
}

fn a_new_machine_type_replaces_the_pool_alone(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let configuration = Configuration::new(simulator.aws());
    workspace.write("main.tf", &configuration.clone().and_pools([Pool::of("apps", 1)]).render());
    workspace.apply().succeeds();

    let larger = Pool::with("apps", "machine_type = \"m7i.xlarge\", count = 1");
    workspace.write("main.tf", &configuration.and_pools([larger]).render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    let journal = simulator.journal();
    assert_eq!(journal.committed("CreateCluster"), 1);
    assert_eq!(journal.committed("CreateNodegroup"), 3, "system, apps, and the new apps");
    assert_eq!(journal.committed("DeleteNodegroup"), 1);
    let made = journal.changes().iter().rposition(|change| change.operation == "CreateNodegroup");
    let gone = journal.changes().iter().position(|change| change.operation == "DeleteNodegroup");
    assert!(made < gone, "the old pool goes only when the new one is there: {:#?}", journal.changes());
    workspace.destroy().succeeds();
}
