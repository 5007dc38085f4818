//! The example of our framework, which strangers copy: a real command line runs it through all that it offers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Cli, Workspace, with_each_cli};

with_each_cli!(a_document_lives_and_dies, what_exists_is_imported);

const HEAD: &str = r#"
terraform {
  required_providers {
    cabinet = { source = "example.com/tfplug/cabinet" }
  }
}
"#;

/// The directory comes from another resource, so that the first plan does not know it. Each `#` is a value.
const DOCUMENTS: &str = r#"
resource "terraform_data" "directory" {
  input = "documents"
}
provider "cabinet" {
  directory = terraform_data.directory.output
}
ephemeral "cabinet_lock" "held" {
  holder     = "us"
  depends_on = [cabinet_document.first]
}
resource "cabinet_document" "first" {
  name      = provider::cabinet::slug("My #NAME Document")
  content   = "grüße"
  keywords  = ["b", "a", "b"]
  protected = #PROTECTED
}
resource "cabinet_document" "second" {
  count   = cabinet_document.first.id == null ? 0 : 1
  name    = "second"
  content = "see ${cabinet_document.first.id}"
}
data "cabinet_documents" "all" {
  prefix     = "my"
  depends_on = [cabinet_document.first]
}
output "names" {
  value = data.cabinet_documents.all.names
}
"#;

fn a_document_lives_and_dies(cli: Cli) {
    let (workspace, _provider) = workspace(&cli);
    let write = |name: &str, protected: bool| {
        let text = DOCUMENTS.replace("#NAME", name).replace("#PROTECTED", &protected.to_string());
        workspace.write("main.tf", &format!("{HEAD}{text}"));
    };
    write("First", true);
    workspace.apply().succeeds();
    assert_eq!(workspace.outputs()["names"]["value"], json!(["my-first-document"]));
    let state = workspace.state();
    let first = state.attributes("cabinet_document.first").expect("the document is in the state");
    assert_eq!((&first["bytes"], &first["keywords"]), (&json!(7), &json!(["a", "b"])));
    assert_eq!(stored(&workspace, "my-first-document")["content"], "grüße");
    assert!(!workspace.path().join("documents/lock").exists(), "the lock was closed");
    workspace.plans_empty();

    workspace.destroy().fails_with(&["The document is protected", "protected = false"]);

    // Replacing destroys, which the state still forbids: first the protection goes.
    write("First", false);
    workspace.apply().succeeds();
    write("Other", false);
    assert_eq!(workspace.plan().actions()["cabinet_document.first"], "delete create");
    workspace.apply().succeeds();
    assert_eq!(workspace.outputs()["names"]["value"], json!(["my-other-document"]));
    workspace.plans_empty();

    workspace.write("slug.tf", "output \"slug\" {\n  value = provider::cabinet::slug(\"!\")\n}\n");
    workspace.run(["plan", "-input=false", "-no-color"]).fails_with(&["title", "at least one letter or digit"]);
    workspace.remove("slug.tf");

    workspace.destroy().succeeds();
    assert!(workspace.state().is_empty());
    assert_eq!(fs::read_dir(workspace.path().join("documents")).expect("the folder is there").count(), 0);
}

fn what_exists_is_imported(cli: Cli) {
    let (workspace, _provider) = workspace(&cli);
    let provider = "provider \"cabinet\" {\n  directory = \"documents\"\n}\n";
    let documents = workspace.path().join("documents");
    fs::create_dir(&documents).expect("cannot create a folder");
    for name in ["one", "two"] {
        let text = json!({ "content": format!("this is {name}"), "keywords": ["k"] }).to_string();
        fs::write(documents.join(format!("{name}.json")), text).expect("cannot write a document");
    }
    let two = if cli.imports_by_identity() { "identity = { name = \"two\" }" } else { "id = \"two\"" };
    workspace.write(
        "main.tf",
        &format!(
            "{HEAD}{provider}import {{\n  to = cabinet_document.one\n  id = \"one\"\n}}\n\
             import {{\n  to = cabinet_document.two\n  {two}\n}}\n"
        ),
    );
    workspace.run(["plan", "-input=false", "-no-color", "-generate-config-out=generated.tf"]).succeeds();
    workspace.run(["validate", "-no-color"]).succeeds();
    workspace.apply().succeeds();
    let state = workspace.state();
    for name in ["one", "two"] {
        let document = state.attributes(&format!("cabinet_document.{name}")).expect("the document is in the state");
        assert_eq!(document["content"], format!("this is {name}"));
    }
    workspace.plans_empty();

    // What is gone is planned anew.
    fs::remove_file(documents.join("one.json")).expect("cannot remove a document");
    workspace.plan().only("create", "cabinet_document.one");
}

/// A workspace that knows the example, and the folder that its executable lies in.
fn workspace(cli: &Cli) -> (Workspace, TempDir) {
    let folder = tempfile::tempdir().expect("cannot create a folder");
    symlink(cabinet(), folder.path().join("terraform-provider-cabinet")).expect("cannot link the example");
    let mut workspace = Workspace::without_credentials(cli);
    workspace.add_provider("example.com/tfplug/cabinet", folder.path());
    (workspace, folder)
}

fn stored(workspace: &Workspace, name: &str) -> Value {
    let text = workspace.read(&format!("documents/{name}.json"));
    serde_json::from_str(&text).expect("a document is JSON")
}

/// The example's program. Tests of one package do not build the examples of another, so it is built here.
fn cabinet() -> PathBuf {
    static CABINET: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--package", "tfplug", "--example", "cabinet"]);
        cargo.args(["--message-format", "json"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo.stderr(Stdio::inherit()).output().expect("cannot run cargo");
        assert!(output.status.success(), "the example does not build");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["target"]["name"] == "cabinet")
            .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
            .expect("cargo names no program")
    };
    CABINET.get_or_init(build).clone()
}
