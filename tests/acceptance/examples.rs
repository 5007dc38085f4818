//! Every example is formatted, validated and applied as a user would, and plans empty afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Cli, Simulator, Workspace, with_each_cli};

with_each_cli!(each_applies_and_plans_empty);

fn each_applies_and_plans_empty(cli: Cli) {
    let folders = folders_with_configurations();
    assert!(folders.len() >= 6, "too few examples were found: {folders:?}");
    for folder in folders {
        eprintln!("{}", folder.display());
        let simulator = Simulator::start();
        let mut workspace = Workspace::new(&cli);
        copy(&folder, &workspace, Path::new(""));
        workspace.set("MULTICLOUD_OWNER", "examples");
        // The example's own settings stay; only the addresses of the clouds are the simulator's.
        workspace.set("AWS_ENDPOINT_URL_EKS", simulator.url("eks"));
        workspace.set("AWS_ENDPOINT_URL_STS", simulator.url("sts"));
        workspace.run(["fmt", "-check", "-diff", "-recursive"]).succeeds();
        workspace.get_modules();
        workspace.run(["validate", "-no-color"]).succeeds();
        workspace.apply().succeeds();
        workspace.plans_empty();
    }
}

/// Every folder under `examples/` with a configuration, except modules' own insides.
fn folders_with_configurations() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        let entries: Vec<PathBuf> = fs::read_dir(&folder)
            .expect("there are no examples")
            .map(|entry| entry.expect("cannot list").path())
            .collect();
        if entries.iter().any(|path| path.extension().is_some_and(|extension| extension == "tf")) {
            found.push(folder);
        } else {
            folders.extend(entries.into_iter().filter(|path| path.is_dir()));
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, workspace: &Workspace, below: &Path) {
    for entry in fs::read_dir(from).expect("cannot list an example") {
        let path = entry.expect("cannot list an example").path();
        let name = below.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            fs::create_dir_all(workspace.path().join(&name)).expect("cannot create a folder");
            copy(&path, workspace, &name);
        } else {
            let text = fs::read_to_string(&path).expect("an example is text");
            workspace.write(name.to_str().expect("an example's name is text"), &text);
        }
    }
}
