//! What is wrong is said at validate or plan, at the attribute, with what to do about it.

use crate::harness::{Cli, Configuration, Pool, Workspace, with_each_cli};

with_each_cli!(every_row);

/// A mistake, and what the user must read about it.
struct Row {
    what: &'static str,
    configuration: String,
    /// Words of the diagnostic: the attribute at fault and the remedy.
    says: &'static [&'static str],
}

fn every_row(cli: Cli) {
    let workspace = Workspace::without_credentials(&cli);
    let wrong: Vec<String> = rows().iter().filter_map(|row| unsaid(&workspace, row)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is missing in what the user reads about a row, if anything is.
fn unsaid(workspace: &Workspace, row: &Row) -> Option<String> {
    workspace.write("main.tf", &row.configuration);
    let outcome = workspace.run(["plan", "-input=false", "-no-color"]);
    if outcome.status.success() {
        return Some(format!("{}: accepted", row.what));
    }
    let said = outcome.diagnostics();
    let missing: Vec<&str> = row.says.iter().copied().filter(|word| !said.contains(word)).collect();
    (!missing.is_empty()).then(|| format!("{}: {missing:?} is missing in: {said:.2000}", row.what))
}

fn rows() -> Vec<Row> {
    let base = Configuration::new("{ region = \"us-east-1\" }".to_owned());
    let text = base.render();
    let with_pool = |name: &str, settings: &str| base.clone().and_pools([Pool::with(name, settings)]).render();
    let without_eks = {
        let (head, rest) = text.split_once("  eks = {").expect("the configuration has an eks block");
        let (_, tail) = rest.split_once("\n  }\n").expect("the eks block ends");
        format!("{head}{tail}")
    };
    let function = |yaml: &str| {
        format!(
            "terraform {{\n  required_providers {{\n    multicloud = {{ source = \"multicloud-rs/multicloud\" }}\n  }}\n}}\n\
             output \"environments\" {{\n  value = provider::multicloud::environments({yaml:?})\n}}\n"
        )
    };
    vec![
        Row { what: "no cloud block", configuration: without_eks, says: &["eks"] },
        Row {
            what: "min above max",
            configuration: with_pool("apps", "machine_type = \"t3.large\", autoscale = { min = 5, max = 2 }"),
            says: &["min", "max", "node_pools"],
        },
        Row {
            what: "count and autoscale",
            configuration: with_pool(
                "apps",
                "machine_type = \"t3.large\", count = 1, autoscale = { min = 1, max = 2 }",
            ),
            says: &["count", "autoscale"],
        },
        Row {
            what: "neither count nor autoscale",
            configuration: with_pool("apps", "machine_type = \"t3.large\""),
            says: &["count", "autoscale"],
        },
        Row {
            what: "a pool name that the cloud refuses",
            configuration: with_pool("\"apps!\"", "machine_type = \"t3.large\", count = 1"),
            says: &["apps!", "node_pools"],
        },
        Row {
            what: "an unknown role",
            configuration: text.replace("\"workload\"", "\"worker\""),
            says: &["worker", "admin", "workload", "role"],
        },
        Row {
            what: "a version that is none",
            configuration: text.replace("\"1.33\"", "\"latest\""),
            says: &["latest", "version"],
        },
        Row {
            what: "a pool more than two minors behind",
            configuration: with_pool("apps", "machine_type = \"t3.large\", count = 1, version = \"1.29\""),
            says: &["1.29", "1.33", "version"],
        },
        Row {
            what: "a null where none may be",
            configuration: text.replace("role       = \"workload\"", "role = null"),
            says: &["role"],
        },
        Row {
            what: "a string of a MiB",
            configuration: text.replace("name       = \"test\"", &format!("name = \"{}\"", "x".repeat(1024 * 1024))),
            says: &["name", "100"],
        },
        Row {
            what: "a duration that is none",
            configuration: with_pool("apps", "machine_type = \"t3.large\", count = 1, drain_timeout = \"soon\""),
            says: &["soon", "drain_timeout"],
        },
        Row {
            what: "a taint's unknown effect",
            configuration: with_pool(
                "apps",
                "machine_type = \"t3.large\", count = 1, taints = [{ key = \"k\", value = \"v\", effect = \"Never\" }]",
            ),
            says: &["NoSchedule", "taints", "effect"],
        },
        Row {
            what: "an owner that marks cannot carry",
            configuration: text.replace("\"acceptance\"", "\"Über uns\""),
            says: &["owner", "a-z0-9-"],
        },
        Row { what: "YAML that is none", configuration: function("environments: [\n- name"), says: &["environments"] },
        Row {
            what: "two environments of one name",
            configuration: function(
                "environments:\n- {name: a, role: admin, provider: aws, type: cloud, region: us-east-1, enabled: true, infrastructure: {kubernetes: {provider: eks, version: \"1.33\", node_pools: {system: {count: 1, vm_size: t3.large}}}}}\n\
                 - {name: a, role: workload, provider: aws, type: cloud, region: us-east-1, enabled: true, infrastructure: {kubernetes: {provider: eks, version: \"1.33\", node_pools: {system: {count: 1, vm_size: t3.large}}}}}\n",
            ),
            says: &["a", "line 3"],
        },
    ]
}
