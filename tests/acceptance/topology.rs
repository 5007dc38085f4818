//! One `environments.yaml` is the whole platform: on three clouds, and every change of the file is that change alone.

use std::fs;
use std::path::Path;

use crate::harness::{Backend, Cli, Deed, Simulator, Workspace, with_each_cli};

with_each_cli!(one_file_on_three_clouds);

/// An entry that is not in the example's file.
const ANOTHER: &str = r#"
  - name: workload-google-tokyo
    role: workload
    provider: gcp
    type: cloud
    region: asia-northeast1
    infrastructure:
      kubernetes:
        provider: gke
        version: "1.33"
        node_pools:
          system: { count: 3, vm_size: e2-standard-4 }
      gke: {}
"#;

fn one_file_on_three_clouds(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let modules = workspace.path().with_file_name("modules").join("environments");
    fs::create_dir_all(&modules).expect("cannot create a folder");
    copy_files(&examples.join("modules/environments"), &modules);
    copy_files(&examples.join("topology"), workspace.path());
    let settings = format!("provider \"multicloud\" {{\n  {}\n}}\n", simulator.settings());
    workspace.write("simulator_override.tf", &settings);
    workspace.run(["get"]).succeeds();

    workspace.apply().succeeds();
    workspace.plans_empty();
    let journal = simulator.journal();
    let made = Backend::ALL.map(|backend| journal.count(backend, Deed::CreateCluster));
    assert!(made[0] >= 2 && made[1] >= 1 && made[2] >= 1, "AKS, EKS and GKE made {made:?}");
    let total = made.iter().sum::<usize>();
    let outputs = workspace.outputs();
    let environments = outputs["environments"]["value"].as_object().expect("a map");
    assert_eq!(environments.len(), total);
    assert!(environments.values().all(|environment| environment["status"] == "active"), "{environments:#?}");

    let file = workspace.read("environments.yaml");
    workspace.write("environments.yaml", &format!("{file}{ANOTHER}"));
    let added = "module.environments.multicloud_environment.this[\"workload-google-tokyo\"]";
    workspace.plan().only("create", added);
    workspace.apply().succeeds();
    workspace.plans_empty();

    workspace.write("environments.yaml", &file);
    workspace.plan().only("delete", added);
    workspace.apply().succeeds();
    workspace.plans_empty();

    workspace.destroy().succeeds();
    assert!(workspace.state().is_empty());
    for backend in Backend::ALL {
        let made = journal.count(backend, Deed::CreateCluster);
        assert_eq!(journal.count(backend, Deed::DeleteCluster), made, "{}", backend.name());
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the example is missing") {
        let entry = entry.expect("cannot list the example");
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("cannot copy the example");
        }
    }
}
