//! Every example is formatted, validated and applied as a user would, and plans empty afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Cli, Simulator, Workspace, with_each_cli};

with_each_cli!(each_applies_and_plans_empty, the_resource_is_imported_as_shown);

/// The example that makes what the examples of data sources and ephemeral resources read.
const RESOURCE: &str = "resources/multicloud_environment";

fn each_applies_and_plans_empty(cli: Cli) {
    let examples = folder();
    let found = configurations(&examples);
    assert!(found.iter().any(|example| example == Path::new(RESOURCE)), "{RESOURCE} is not among {found:?}");
    for example in found {
        eprintln!("{}", example.display());
        let simulator = Simulator::start();
        if example.starts_with("data-sources") || example.starts_with("ephemeral-resources") {
            of_example(&cli, &simulator, Path::new(RESOURCE)).apply().succeeds();
        }
        let workspace = of_example(&cli, &simulator, &example);
        workspace.run(["validate", "-no-color"]).succeeds();
        workspace.apply().succeeds();
        workspace.plans_empty();
    }
}

fn the_resource_is_imported_as_shown(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = of_example(&cli, &simulator, Path::new(RESOURCE));
    workspace.apply().succeeds();
    for (file, works) in [("import-by-string-id.tf", true), ("import-by-identity.tf", cli.imports_by_identity())] {
        if works {
            workspace.remove("terraform.tfstate");
            let block = fs::read_to_string(folder().join(RESOURCE).join(file)).expect("the example shows no import");
            workspace.write(file, &block);
            workspace.apply().succeeds();
            workspace.plans_empty();
            workspace.remove(file);
        }
    }
    workspace.remove("terraform.tfstate");
    let shown = fs::read_to_string(folder().join(RESOURCE).join("import.sh")).expect("the example shows no import");
    let words: Vec<&str> = shown.split_whitespace().skip(1).collect();
    workspace.run(words).succeeds();
    workspace.apply().succeeds();
    workspace.plans_empty();
}

/// A workspace with the example's configuration, on the simulator.
fn of_example(cli: &Cli, simulator: &Simulator, example: &Path) -> Workspace {
    let workspace = Workspace::new(cli);
    let source = folder().join(example);
    copy(&source, workspace.path());
    workspace.run(["fmt", "-check", "-diff", "-recursive"]).succeeds();
    // Import blocks have a test of their own; here there is nothing to import yet.
    for import in ["import-by-string-id.tf", "import-by-identity.tf"] {
        if workspace.path().join(import).exists() {
            workspace.remove(import);
        }
    }
    // Examples refer to the modules beside them.
    let modules = workspace.path().with_file_name("modules");
    fs::create_dir(&modules).expect("cannot create a folder");
    copy(&folder().join("modules"), &modules);
    if !source.join("provider.tf").exists() && !source.join("main.tf").exists() {
        let provider = fs::read_to_string(folder().join("provider").join("provider.tf"));
        workspace.write("provider.tf", &provider.expect("there is no example of the provider"));
    }
    // Of the example's own settings only those are replaced that lead to the clouds.
    workspace.write("simulator_override.tf", &format!("provider \"multicloud\" {{\n  {}\n}}\n", simulator.settings()));
    workspace.run(["get"]).succeeds();
    workspace
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Every folder with a configuration, relative to `examples`; modules are applied by the examples that use them.
fn configurations(examples: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries: Vec<PathBuf> = entries(&examples.join(&folder));
        if entries.iter().any(|path| path.extension().is_some_and(|extension| extension == "tf")) {
            found.push(folder);
        } else {
            let below = entries.iter().filter(|path| path.is_dir()).filter_map(|path| path.strip_prefix(examples).ok());
            folders.extend(below.filter(|path| !path.starts_with("modules")).map(Path::to_owned));
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    listed.map(|entry| entry.expect("cannot list an example").path()).collect()
}

fn copy(from: &Path, to: &Path) {
    for path in entries(from) {
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            fs::create_dir_all(&target).expect("cannot create a folder");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("cannot copy an example");
        }
    }
}
