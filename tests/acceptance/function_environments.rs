//! `provider::multicloud::environments`: the requirements' file becomes a map for `for_each`; what is wrong is said with line and column.

use serde_json::json;

use crate::harness::{Cli, Workspace, with_each_cli};

with_each_cli!(the_requirements_file, says_where_it_is_wrong);

const CONFIGURATION: &str = r#"terraform {
  required_providers {
    multicloud = { source = "multicloud-rs/multicloud" }
  }
}

output "environments" {
  value = provider::multicloud::environments(file("${path.module}/environments.yaml"))
}
"#;

const FILE: &str = r#"environments:
  - name: admin-aws-east
    role: admin
    provider: aws
    type: cloud
    region: us-east-1
    enabled: true
    components: [cicd, monitoring]
    infrastructure:
      kubernetes:
        provider: eks
        version: "1.33"
        node_pools:
          system: { count: 3, vm_size: "t3.large" }
  - name: workload-aws-west
    role: workload
    provider: aws
    type: cloud
    region: us-west-2
    enabled: false
    infrastructure:
      kubernetes:
        provider: eks
        version: "1.33"
        node_pools:
          system: { count: 1, vm_size: "t3.large" }
"#;

fn the_requirements_file(cli: Cli) {
    let workspace = Workspace::without_credentials(&cli);
    workspace.write("main.tf", CONFIGURATION);
    workspace.write("environments.yaml", FILE);
    workspace.apply().succeeds();
    let outputs = workspace.outputs();
    let environments = outputs["environments"]["value"].as_object().expect("a map");
    assert_eq!(environments.keys().collect::<Vec<_>>(), ["admin-aws-east"], "enabled entries only");
    let admin = &environments["admin-aws-east"];
    assert_eq!(admin["role"], "admin");
    assert_eq!(admin["region"], "us-east-1");
    assert_eq!(admin["components"], json!(["cicd", "monitoring"]));
    assert_eq!(admin["kubernetes"]["version"], "1.33");
    assert_eq!(admin["node_pools"]["system"]["machine_type"], "t3.large");
    assert_eq!(admin["node_pools"]["system"]["count"], 3);
}

fn says_where_it_is_wrong(cli: Cli) {
    let workspace = Workspace::without_credentials(&cli);
    workspace.write("main.tf", CONFIGURATION);
    for (file, says) in [
        (FILE.replace("role: admin", "role: boss"), &["boss", "line 3"][..]),
        (FILE.replace("    components:", "    componnents:"), &["componnents", "line 8"]),
        (FILE.replace("role: admin", "role: workload"), &["admin"]),
        (FILE.replace("enabled: false", "enabled: true").replace("role: workload", "role: admin"), &["admin"]),
        (FILE.replace("count: 3", "count: -3"), &["-3", "line 14"]),
    ] {
        workspace.write("environments.yaml", &file);
        workspace.run(["plan", "-input=false", "-no-color"]).fails_with(says);
    }
}
