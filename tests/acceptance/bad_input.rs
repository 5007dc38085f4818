//! What is wrong is said at validate or plan, at the attribute, with what to do about it.

use crate::harness::{Backend, Cli, Configuration, Pool, Workspace, with_each_cli};

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
    let mut rows = of_every_cloud();
    rows.extend(Backend::ALL.into_iter().flat_map(of_one_cloud));
    rows
}

/// What one cloud refuses, told without asking it.
fn of_one_cloud(backend: Backend) -> Vec<Row> {
    let base = Configuration::new(backend, String::new());
    let text = base.render();
    let with_pool = |name: &str, settings: &str| base.clone().and_pools([Pool::with(name, settings)]).render();
    let with_block = |block: &str| Configuration { block: block.to_owned(), ..base.clone() }.render();
    let with_network = |network: &str| Configuration { network: network.to_owned(), ..base.clone() }.render();
    let with_arguments = |arguments: &str| Configuration { arguments: arguments.to_owned(), ..base.clone() }.render();
    match backend {
        Backend::Aks => vec![
            Row {
                what: "AKS: a pool name with a capital",
                configuration: with_pool("Apps", "count = 1"),
                says: &["node_pools[\"Apps\"]", "12"],
            },
            Row {
                what: "AKS: a pool name of 13 letters",
                configuration: with_pool("abcdefghijklm", "count = 1"),
                says: &["node_pools[\"abcdefghijklm\"]", "12"],
            },
            Row {
                what: "AKS: no system pool",
                configuration: text.replace("mode = \"system\"", "mode = \"user\""),
                says: &["node_pools", "system"],
            },
            Row {
                what: "AKS: an unknown tier",
                configuration: with_block("sku_tier = \"Gold\""),
                says: &["aks.sku_tier", "Free", "Standard", "Premium"],
            },
            Row {
                what: "AKS: nobody let in",
                configuration: with_block("disable_local_accounts = true"),
                says: &["aks.disable_local_accounts", "entra"],
            },
            Row {
                what: "AKS: workload identity without issuer",
                configuration: with_block("workload_identity = true"),
                says: &["aks.workload_identity", "oidc_issuer"],
            },
            Row {
                what: "AKS: an id that is none",
                configuration: with_block("identity_ids = [\"me\"]"),
                says: &["aks.identity_ids", "userAssignedIdentities"],
            },
            Row {
                what: "AKS: a prefix that DNS cannot have",
                configuration: with_block("dns_prefix = \"-x-\""),
                says: &["aks.dns_prefix", "54"],
            },
            Row {
                what: "AKS: a range that is none",
                configuration: with_network("pod_cidr = \"10.0.0.0\""),
                says: &["network.pod_cidr"],
            },
        ],
        Backend::Eks => vec![
            Row {
                what: "EKS: a role that is none",
                configuration: text.replace("arn:aws:iam::123456789012:role/eks-cluster", "eks-cluster"),
                says: &["eks.role_arn", "arn:aws:iam"],
            },
            Row {
                what: "EKS: one subnet",
                configuration: text.replace(", \"subnet-0000000000000000b\"", ""),
                says: &["network.subnet_ids", "two"],
            },
            Row {
                what: "EKS: zones",
                configuration: with_pool("apps", "count = 1, zones = [\"us-east-1a\"]"),
                says: &["zones", "subnet_ids"],
            },
            Row {
                what: "EKS: an unknown log",
                configuration: with_block("log_types = [\"everything\"]"),
                says: &["eks.log_types", "audit"],
            },
            Row {
                what: "EKS: an older version in a new pool",
                configuration: with_pool("apps", "count = 1, version = \"1.32\""),
                says: &["node_pools[\"apps\"].version", "1.33"],
            },
        ],
        Backend::Gke => vec![
            Row {
                what: "GKE: a name with a capital",
                configuration: text.replace("name       = \"test\"", "name       = \"Test\""),
                says: &["name", "lower-case"],
            },
            Row {
                what: "GKE: a count that zones do not share evenly",
                configuration: text.replace("\"europe-west1-b\"", "\"europe-west1\""),
                says: &["node_pools[\"system\"].count", "3"],
            },
            Row {
                what: "GKE: a zone of elsewhere",
                configuration: with_pool("apps", "count = 1, zones = [\"us-east1-b\"]"),
                says: &["node_pools[\"apps\"].zones", "europe-west1"],
            },
            Row {
                what: "GKE: subnets by id",
                configuration: with_network("subnet_ids = [\"subnet-a\"]"),
                says: &["network.subnet_ids", "gke.subnetwork"],
            },
            Row {
                what: "GKE: a tag that is no label",
                configuration: with_arguments("tags = { Team = \"Platform\" }"),
                says: &["tags[\"Team\"]", "label"],
            },
            Row {
                what: "GKE: a surge in percent",
                configuration: with_pool("apps", "count = 1, max_surge = \"33%\""),
                says: &["node_pools[\"apps\"].max_surge", "percentage"],
            },
            Row {
                what: "GKE: a channel that is none",
                configuration: with_block("release_channel = \"BLEEDING\""),
                says: &["gke.release_channel", "RAPID", "STABLE"],
            },
            Row {
                what: "GKE: an account that is none",
                configuration: with_block("node_service_account = \"nodes\""),
                says: &["gke.node_service_account", "e-mail"],
            },
        ],
    }
}

/// What is wrong wherever the environment is.
fn of_every_cloud() -> Vec<Row> {
    let base = Configuration::new(Backend::Eks, String::new());
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
        Row { what: "no cloud block", configuration: without_eks, says: &["aks", "eks", "gke"] },
        Row {
            what: "two cloud blocks",
            configuration: text.replace("  eks = {", "  gke = {}\n  eks = {"),
            says: &["gke", "eks", "exactly one cloud"],
        },
        Row {
            what: "a count below none",
            configuration: with_pool("apps", "machine_type = \"t3.large\", count = -1"),
            says: &["node_pools[\"apps\"].count", "-1"],
        },
        Row {
            what: "a timeout that is none",
            configuration: Configuration { arguments: "timeouts = { create = \"soon\" }".to_owned(), ..base.clone() }
                .render(),
            says: &["soon", "timeouts.create"],
        },
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
            what: "an address that is none",
            configuration: text
                .replace("owner = \"acceptance\"", "owner = \"acceptance\"\n  azure = { endpoint = \"localhost\" }"),
            says: &["azure.endpoint", "https://"],
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
