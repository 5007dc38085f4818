//! `cargo xtask docs`: the registry's pages, made from the provider's schema and the examples.
//!
//! The schema is what `tofu providers schema -json` tells about the built provider, so the pages show what users get.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::command_line::CommandLine;
use crate::tools::opentofu;
use crate::{process, workspace};

/// The options of `cargo xtask docs`.
#[derive(Args)]
pub(crate) struct Options {
    /// Writes nothing; fails when a page is not as it would be written.
    #[arg(long)]
    check: bool,
}

/// Writes the pages, or compares them.
///
/// # Errors
/// When the schema cannot be had, or with `--check` when a page differs.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.check {
        check()?;
        return Ok(ExitCode::SUCCESS);
    }
    let (pages, docs) = (current_pages()?, folder());
    for (name, text) in &pages {
        let path = docs.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&docs))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    compare(&pages, &docs)?;
    Ok(ExitCode::SUCCESS)
}

/// Compares the pages in `docs/` with what the schema and the examples say.
///
/// # Errors
/// When the schema cannot be had, or a page differs.
pub(crate) fn check() -> Result<()> {
    let pages = current_pages()?;
    compare(&pages, &folder())?;
    println!("{} pages are as the schema and the examples say", pages.len());
    Ok(())
}

fn current_pages() -> Result<BTreeMap<PathBuf, String>> {
    pages(&schema()?, &workspace::root().join("examples"))
}

fn folder() -> PathBuf {
    workspace::root().join("docs")
}

/// Compares the pages with what lies in `docs`, pages too many included.
fn compare(pages: &BTreeMap<PathBuf, String>, docs: &Path) -> Result<()> {
    let mut wrong = Vec::new();
    for (name, text) in pages {
        if fs::read_to_string(docs.join(name)).ok().as_ref() != Some(text) {
            wrong.push(format!("{} differs", name.display()));
        }
    }
    for kind in Kind::ALL {
        let folder = Path::new(kind.docs_folder());
        for name in file_names(&docs.join(folder))? {
            let page = folder.join(name);
            if !pages.contains_key(&page) {
                wrong.push(format!("{} is about nothing in the schema: remove it", page.display()));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("docs/ is not as `cargo xtask docs` writes it: {}", wrong.join(", "));
    }
    Ok(())
}

fn file_names(folder: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            Ok(entries.map(|entry| entry.map(|entry| entry.file_name().into())).collect::<io::Result<_>>()?)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot list {}", folder.display())),
    }
}

#[derive(Debug, Deserialize)]
struct Schemas {
    provider_schemas: BTreeMap<String, ProviderSchema>,
}

#[derive(Debug, Deserialize)]
struct ProviderSchema {
    provider: Schema,
    #[serde(default)]
    resource_schemas: BTreeMap<String, Schema>,
    #[serde(default)]
    data_source_schemas: BTreeMap<String, Schema>,
    #[serde(default)]
    ephemeral_resource_schemas: BTreeMap<String, Schema>,
    #[serde(default)]
    functions: BTreeMap<String, Function>,
}

#[derive(Debug, Deserialize)]
struct Schema {
    block: Block,
}

#[derive(Debug, Deserialize, Default)]
struct Block {
    #[serde(default)]
    attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    block_types: BTreeMap<String, NestedBlock>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    deprecated: bool,
}

#[derive(Debug, Deserialize)]
struct NestedBlock {
    nesting_mode: String,
    block: Block,
    #[serde(default)]
    min_items: u64,
}

#[derive(Debug, Deserialize)]
struct Attribute {
    #[serde(rename = "type")]
    attribute_type: Option<Value>,
    nested_type: Option<NestedType>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    deprecated: bool,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    sensitive: bool,
    #[serde(default)]
    write_only: bool,
}

#[derive(Debug, Deserialize)]
struct NestedType {
    attributes: BTreeMap<String, Attribute>,
    nesting_mode: String,
}

#[derive(Debug, Deserialize)]
struct Function {
    #[serde(default)]
    description: String,
    #[serde(default)]
    summary: String,
    return_type: Value,
    #[serde(default)]
    parameters: Vec<Parameter>,
    variadic_parameter: Option<Parameter>,
}

#[derive(Debug, Deserialize)]
struct Parameter {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(rename = "type")]
    parameter_type: Value,
    #[serde(default)]
    is_nullable: bool,
}

/// What a page is about; the registry has a folder for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Resource,
    DataSource,
    EphemeralResource,
    Function,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Resource, Self::DataSource, Self::EphemeralResource, Self::Function];

    fn docs_folder(self) -> &'static str {
        match self {
            Self::Resource => "resources",
            Self::DataSource => "data-sources",
            Self::EphemeralResource => "ephemeral-resources",
            Self::Function => "functions",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Resource => "Resource",
            Self::DataSource => "Data Source",
            Self::EphemeralResource => "Ephemeral Resource",
            Self::Function => "Function",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Resource => "resource.tf",
            Self::DataSource => "data-source.tf",
            Self::EphemeralResource => "ephemeral-resource.tf",
            Self::Function => "function.tf",
        }
    }
}

/// The schema of the provider just built.
fn schema() -> Result<ProviderSchema> {
    process::run(workspace::cargo().args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "terraform-provider-multicloud",
    ]))?;
    let folder = tempfile::tempdir()?;
    let provider = workspace::target_dir().join("debug").join("terraform-provider-multicloud");
    let cli = CommandLine::prepare(opentofu::ensure()?.required()?, folder.path(), &provider)?;
    let main = folder.path().join("main");
    fs::create_dir(&main)?;
    let text =
        "terraform {\n  required_providers {\n    multicloud = { source = \"multicloud-rs/multicloud\" }\n  }\n}\n";
    fs::write(main.join("main.tf"), text)?;
    let reply = process::output(&mut cli.run(&main, &["providers", "schema", "-json"]))?;
    let schemas: Schemas = serde_json::from_str(&reply).context("`tofu providers schema -json` is not as expected")?;
    schemas.provider_schemas.into_values().next().context("the schema names no provider")
}

/// Every page by its path below `docs/`.
fn pages(schema: &ProviderSchema, examples: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut pages = BTreeMap::new();
    pages.insert(PathBuf::from("index.md"), index(schema, examples)?);
    let objects = [
        (Kind::Resource, &schema.resource_schemas),
        (Kind::DataSource, &schema.data_source_schemas),
        (Kind::EphemeralResource, &schema.ephemeral_resource_schemas),
    ];
    for (kind, schemas) in objects {
        for (name, schema) in schemas {
            let page = Path::new(kind.docs_folder()).join(format!("{}.md", short(name)));
            pages.insert(page, object(kind, name, schema, examples)?);
        }
    }
    for (name, function) in &schema.functions {
        let page = Path::new(Kind::Function.docs_folder()).join(format!("{name}.md"));
        pages.insert(page, function_page(name, function, examples)?);
    }
    Ok(pages)
}

/// A type's name without the provider's.
fn short(name: &str) -> &str {
    name.strip_prefix("multicloud_").unwrap_or(name)
}

fn index(schema: &ProviderSchema, examples: &Path) -> Result<String> {
    let block = &schema.provider.block;
    let mut page = String::new();
    front_matter(&mut page, "multicloud Provider", &block.description);
    let _ = writeln!(page, "# multicloud Provider\n\n{}\n", paragraph(&block.description));
    example(&mut page, "Example Usage", &examples.join("provider").join("provider.tf"))?;
    schema_section(&mut page, block)?;
    Ok(page)
}

fn object(kind: Kind, name: &str, schema: &Schema, examples: &Path) -> Result<String> {
    let block = &schema.block;
    let mut page = String::new();
    front_matter(&mut page, &format!("{name} {} - multicloud", kind.title()), &block.description);
    let _ = writeln!(page, "# {name} ({})\n\n{}\n", kind.title(), paragraph(&block.description));
    if block.deprecated {
        page.push_str("~> **Deprecated.**\n\n");
    }
    let folder = examples.join(kind.docs_folder()).join(name);
    example(&mut page, "Example Usage", &folder.join(kind.example()))?;
    schema_section(&mut page, block)?;
    if kind == Kind::Resource {
        page.push_str("\n## Import\n\n");
        for (intro, file, language) in [
            ("By an `import` block with the id:", "import-by-string-id.tf", "terraform"),
            (
                "By an `import` block with the identity (OpenTofu 1.12, Terraform 1.12 and newer):",
                "import-by-identity.tf",
                "terraform",
            ),
            ("On the command line:", "import.sh", "shell"),
        ] {
            let _ = writeln!(page, "{intro}\n");
            code(&mut page, language, &folder.join(file))?;
            page.push('\n');
        }
        page.truncate(page.trim_end().len());
        page.push('\n');
    }
    Ok(page)
}

fn function_page(name: &str, function: &Function, examples: &Path) -> Result<String> {
    let mut page = String::new();
    front_matter(&mut page, &format!("{name} {} - multicloud", Kind::Function.title()), &function.summary);
    let _ = writeln!(page, "# {name} ({})\n\n{}\n", Kind::Function.title(), paragraph(&function.description));
    let folder = examples.join(Kind::Function.docs_folder()).join(name);
    example(&mut page, "Example Usage", &folder.join(Kind::Function.example()))?;
    let parameters: Vec<&Parameter> = function.parameters.iter().chain(&function.variadic_parameter).collect();
    let signature: Vec<String> = parameters
        .iter()
        .map(|parameter| Ok(format!("{} {}", parameter.name, type_name(&parameter.parameter_type)?.to_lowercase())))
        .collect::<Result<_>>()?;
    let result = type_name(&function.return_type)?.to_lowercase();
    let dots = if function.variadic_parameter.is_some() { "..." } else { "" };
    let _ = writeln!(
        page,
        "## Signature\n\n```text\n{name}({}{dots}) {result}\n```\n\n## Arguments\n",
        signature.join(", ")
    );
    for (number, parameter) in parameters.iter().enumerate() {
        let nullable = if parameter.is_nullable { ", may be null" } else { "" };
        let kind = type_name(&parameter.parameter_type)?;
        let _ = writeln!(
            page,
            "{}. `{}` ({kind}{nullable}) {}",
            number + 1,
            parameter.name,
            paragraph(&parameter.description)
        );
    }
    Ok(page)
}

fn front_matter(page: &mut String, title: &str, description: &str) {
    let first = description.lines().next().unwrap_or_default();
    let _ = writeln!(page, "---\npage_title: {title:?}\nsubcategory: \"\"\ndescription: |-\n  {first}\n---\n");
}

fn paragraph(description: &str) -> &str {
    description.trim()
}

fn example(page: &mut String, heading: &str, file: &Path) -> Result<()> {
    let _ = writeln!(page, "## {heading}\n");
    code(page, "terraform", file)
}

fn code(page: &mut String, language: &str, file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("the page needs the example {}", file.display()))?;
    let _ = writeln!(page, "```{language}\n{}\n```", text.trim_end());
    Ok(())
}

/// The attributes of an object and, after them, of everything nested in it, each under an anchor of its own.
fn schema_section(page: &mut String, block: &Block) -> Result<()> {
    page.push_str("\n## Schema\n");
    let members = Members { attributes: &block.attributes, blocks: &block.block_types };
    let mut nested = Vec::new();
    groups(page, &members, "", &mut nested)?;
    // Depth is bounded by the schema, which is finite and holds no cycles.
    let mut index = 0;
    while let Some((path, members)) = nested.get(index).cloned() {
        let _ = writeln!(page, "\n<a id=\"{}\"></a>\n### Nested Schema for `{path}`", anchor(&path));
        groups(page, &members, &path, &mut nested)?;
        index += 1;
    }
    Ok(())
}

#[derive(Debug, Clone)]
struct Members<'a> {
    attributes: &'a BTreeMap<String, Attribute>,
    blocks: &'a BTreeMap<String, NestedBlock>,
}

static NO_BLOCKS: BTreeMap<String, NestedBlock> = BTreeMap::new();

fn groups<'a>(
    page: &mut String,
    members: &Members<'a>,
    path: &str,
    nested: &mut Vec<(String, Members<'a>)>,
) -> Result<()> {
    let mut lines: [Vec<String>; 3] = Default::default();
    for (name, attribute) in members.attributes {
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let group = if attribute.required {
            0
        } else if attribute.optional {
            1
        } else {
            2
        };
        lines[group].push(attribute_line(name, attribute, &inner)?);
        if let Some(nested_type) = &attribute.nested_type {
            nested.push((inner, Members { attributes: &nested_type.attributes, blocks: &NO_BLOCKS }));
        }
    }
    for (name, block) in members.blocks {
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let group = usize::from(block.min_items == 0);
        let kind = format!("Block {}", capitalised(&block.nesting_mode));
        lines[group].push(format!("- `{name}` ({kind}) {}{}", paragraph(&block.block.description), below(&inner)));
        nested.push((inner, Members { attributes: &block.block.attributes, blocks: &block.block.block_types }));
    }
    for (heading, lines) in ["Required", "Optional", "Read-Only"].into_iter().zip(lines) {
        if !lines.is_empty() {
            let _ =
                writeln!(page, "\n{} {heading}\n\n{}", if path.is_empty() { "###" } else { "####" }, lines.join("\n"));
        }
    }
    Ok(())
}

fn attribute_line(name: &str, attribute: &Attribute, path: &str) -> Result<String> {
    let mut kinds = vec![match (&attribute.attribute_type, &attribute.nested_type) {
        (Some(simple), _) => type_name(simple)?,
        (None, Some(nested)) if nested.nesting_mode == "single" => "Attributes".to_owned(),
        (None, Some(nested)) => format!("Attributes {}", capitalised(&nested.nesting_mode)),
        (None, None) => bail!("{path} has no type"),
    }];
    for (flag, word) in
        [(attribute.sensitive, "Sensitive"), (attribute.write_only, "Write-only"), (attribute.deprecated, "Deprecated")]
    {
        if flag {
            kinds.push(word.to_owned());
        }
    }
    if attribute.description.trim().is_empty() {
        bail!("{path} has no description");
    }
    let nested = if attribute.nested_type.is_some() { below(path) } else { String::new() };
    Ok(format!("- `{name}` ({}) {}{nested}", kinds.join(", "), paragraph(&attribute.description).replace('\n', " ")))
}

fn below(path: &str) -> String {
    format!(" (see [below](#{}))", anchor(path))
}

fn anchor(path: &str) -> String {
    format!("nested--{}", path.replace('.', "--"))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A type as the registry's pages write it.
fn type_name(value: &Value) -> Result<String> {
    let text = match value {
        Value::String(name) => match name.as_str() {
            "string" => "String",
            "number" => "Number",
            "bool" => "Boolean",
            "dynamic" => "Dynamic",
            other => bail!("an unknown type {other:?}"),
        }
        .to_owned(),
        Value::Array(parts) => match (parts.first().and_then(Value::as_str), parts.get(1)) {
            (Some("list"), Some(element)) => format!("List of {}", type_name(element)?),
            (Some("set"), Some(element)) => format!("Set of {}", type_name(element)?),
            (Some("map"), Some(element)) => format!("Map of {}", type_name(element)?),
            (Some("object"), Some(_)) => "Object".to_owned(),
            (Some("tuple"), Some(_)) => "Tuple".to_owned(),
            _ => bail!("an unknown type {value}"),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => bail!("an unknown type {value}"),
    };
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_as_the_registry_writes_them() {
        assert_eq!(type_name(&json!("bool")).unwrap(), "Boolean");
        assert_eq!(type_name(&json!(["map", ["list", "string"]])).unwrap(), "Map of List of String");
        assert_eq!(type_name(&json!(["object", {"a": "number"}])).unwrap(), "Object");
        assert!(type_name(&json!("strange")).is_err());
    }

    #[test]
    fn nested_attributes_stand_below_under_their_anchor() {
        let block: Block = serde_json::from_value(json!({"attributes": {
            "name": {"type": "string", "required": true, "description": "The name."},
            "pools": {"optional": true, "description": "The pools.", "nested_type": {"nesting_mode": "map", "attributes": {
                "status": {"type": "string", "computed": true, "description": "How it is."}
            }}}
        }}))
        .unwrap();
        let mut page = String::new();
        schema_section(&mut page, &block).unwrap();
        let expected = "\n## Schema\n\n### Required\n\n- `name` (String) The name.\n\n### Optional\n\n\
            - `pools` (Attributes Map) The pools. (see [below](#nested--pools))\n\n\
            <a id=\"nested--pools\"></a>\n### Nested Schema for `pools`\n\n#### Read-Only\n\n- `status` (String) How it is.\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn an_attribute_without_a_description_is_an_error() {
        let attributes = json!({"attributes": {"name": {"type": "string", "required": true}}});
        let block: Block = serde_json::from_value(attributes).unwrap();
        let error = schema_section(&mut String::new(), &block).unwrap_err().to_string();
        assert!(error.contains("name has no description"), "{error}");
    }

    #[test]
    fn a_page_that_differs_or_is_too_many_is_found() {
        let docs = tempfile::tempdir().unwrap();
        fs::create_dir(docs.path().join("resources")).unwrap();
        fs::write(docs.path().join("index.md"), "old").unwrap();
        fs::write(docs.path().join("resources/gone.md"), "x").unwrap();
        let pages = BTreeMap::from([(PathBuf::from("index.md"), "new".to_owned())]);
        let error = compare(&pages, docs.path()).unwrap_err().to_string();
        assert!(error.contains("index.md differs") && error.contains("gone.md is about nothing"), "{error}");
    }
}
