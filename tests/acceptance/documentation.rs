//! The registry's pages in `docs/`: made from the schemas and the examples, checked in, and compared here.
//!
//! `cargo xtask docs` runs this with `UPDATE_EXPECT` set, which writes the pages instead.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use multicloud::registry::BACKENDS;
use serde_json::Value as Json;
use terraform_provider_multicloud::MulticloudProvider;
use terraform_provider_multicloud::environment::model::EnvironmentIdentity;
use terraform_provider_multicloud::environment::{EnvironmentData, EnvironmentResource};
use terraform_provider_multicloud::environments::Environments;
use terraform_provider_multicloud::kubeconfig::Kubeconfig;
use tfplug::schema::documentation::{Example, FunctionPage, Import, Page, PageKind, function_page, schema_page};
use tfplug::{Attr, AttributeType, DataSource, EphemeralResource, Function, Model, Provider, Resource};

use crate::harness::{Cli, Workspace, with_each_cli};

with_each_cli!(everything_served_has_a_page);

const PROVIDER: &str = "multicloud";

/// The folders of `docs/` whose pages are made here; guides and decisions are written by hand.
const FOLDERS: [&str; 4] = ["resources", "data-sources", "ephemeral-resources", "functions"];

#[test]
fn pages_are_current() {
    let docs = root().join("docs");
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        let path = docs.join(&name);
        if env::var_os("UPDATE_EXPECT").is_some() {
            fs::create_dir_all(path.parent().expect("a page lies in a folder")).expect("cannot create the folder");
            fs::write(&path, &text).expect("cannot write the page");
        }
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "not as the schema and the examples say, run `cargo xtask docs`: {wrong:?}");
}

/// The list of pages above is complete, and has nothing that is gone: a command line tells what the provider serves.
fn everything_served_has_a_page(cli: Cli) {
    let workspace = Workspace::without_credentials(&cli);
    let text =
        "terraform {\n  required_providers {\n    multicloud = { source = \"multicloud-rs/multicloud\" }\n  }\n}\n";
    workspace.write("main.tf", text);
    let shown = workspace.run(["providers", "schema", "-json"]).succeeds();
    let shown: Json = serde_json::from_str(&shown.stdout).expect("`providers schema -json` is not JSON");
    let schemas = shown["provider_schemas"].as_object().expect("schemas of providers");
    let served = schemas.values().next().expect("one provider");
    let kinds = ["resource_schemas", "data_source_schemas", "ephemeral_resource_schemas", "functions"];
    for (kind, folder) in kinds.into_iter().zip(FOLDERS) {
        let names = served[kind].as_object().into_iter().flat_map(|objects| objects.keys());
        let served: BTreeSet<String> =
            names.map(|name| format!("{}.md", name.trim_start_matches("multicloud_"))).collect();
        let listed = fs::read_dir(root().join("docs").join(folder)).expect("the folder of pages is missing");
        let written: BTreeSet<String> = listed
            .map(|entry| entry.expect("cannot list pages").file_name().into_string().expect("names are text"))
            .collect();
        assert_eq!(written, served, "docs/{folder}");
    }
}

/// Every page by its path below `docs/`.
fn pages() -> Vec<(String, String)> {
    vec![
        provider_page(),
        resource_page(&EnvironmentResource),
        data_source_page(&EnvironmentData),
        ephemeral_page(&Kubeconfig),
        function(&Environments),
    ]
}

fn provider_page() -> (String, String) {
    let hcl = example(Path::new("provider/provider.tf"));
    let examples = [Example { title: "", hcl: &hcl }];
    let page =
        Page { kind: PageKind::Provider, provider: PROVIDER, name: PROVIDER, subcategory: "", examples: &examples };
    (page.file(), schema_page(&page, &<MulticloudProvider as Provider>::Config::schema(), None))
}

fn resource_page(resource: &EnvironmentResource) -> (String, String) {
    let identity = EnvironmentIdentity {
        backend: Attr::Known("eks".to_owned()),
        account: Attr::Known("123456789012".to_owned()),
        region: Attr::Known("us-east-1".to_owned()),
        name: Attr::Known("workload-aws-east".to_owned()),
        ..EnvironmentIdentity::default()
    };
    let known = BACKENDS.iter().filter(|backend| backend.in_terraform);
    let forms: Vec<String> = known.map(|backend| format!("`{}` on {}", backend.id_form, backend.title)).collect();
    let description = format!("The id of an environment is {}.", forms.join(", "));
    let import = Import {
        id: "eks/123456789012/us-east-1/workload-aws-east",
        description: &description,
        identity: Some((&EnvironmentIdentity::schema(), &identity.to_value())),
    };
    let schema = <EnvironmentResource as Resource>::State::schema();
    object_page(PageKind::Resource, resource.type_name(), |page| schema_page(page, &schema, Some(&import)))
}

fn data_source_page<D: DataSource>(data_source: &D) -> (String, String) {
    object_page(PageKind::DataSource, data_source.type_name(), |page| schema_page(page, &D::State::schema(), None))
}

fn ephemeral_page<E: EphemeralResource>(ephemeral: &E) -> (String, String) {
    object_page(PageKind::EphemeralResource, ephemeral.type_name(), |page| schema_page(page, &E::State::schema(), None))
}

fn function<F: Function>(function: &F) -> (String, String) {
    let arguments = F::Arguments::schema();
    let told = FunctionPage {
        summary: function.summary(),
        arguments: &arguments,
        is_variadic: function.is_variadic(),
        result: &F::Output::kind(),
    };
    object_page(PageKind::Function, function.name(), |page| function_page(page, &told))
}

/// A page with the object's example, which lies where the registry looks for it.
fn object_page(kind: PageKind, name: &str, write: impl FnOnce(&Page<'_>) -> String) -> (String, String) {
    let (folder, file) = match kind {
        PageKind::Provider => ("provider", "provider.tf"),
        PageKind::Resource => ("resources", "resource.tf"),
        PageKind::DataSource => ("data-sources", "data-source.tf"),
        PageKind::EphemeralResource => ("ephemeral-resources", "ephemeral-resource.tf"),
        PageKind::Function => ("functions", "function.tf"),
    };
    let folder = Path::new(folder).join(name);
    let hcl = example(&folder.join(file));
    let mut examples = vec![Example { title: "", hcl: &hcl }];
    // Further examples of the resource are those of other clouds.
    let others = BACKENDS.iter().filter(|backend| kind == PageKind::Resource && backend.in_terraform);
    let others: Vec<(String, String)> = others
        .map(|backend| (backend, folder.join(format!("{}.tf", backend.kind))))
        .filter(|(_, path)| root().join("examples").join(path).exists())
        .map(|(backend, path)| (format!("On {}", backend.title), example(&path)))
        .collect();
    examples.extend(others.iter().map(|(title, hcl)| Example { title, hcl }));
    let page = Page { kind, provider: PROVIDER, name, subcategory: "", examples: &examples };
    (page.file(), write(&page))
}

fn example(path: &Path) -> String {
    let path = root().join("examples").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}: a page needs {}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
