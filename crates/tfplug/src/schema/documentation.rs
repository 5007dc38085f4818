//! Schemas as the Markdown pages that the registry shows: layout, headings and anchors are the registry's.
//!
//! Pure functions from a schema, and what only the provider's author knows, to text. Writing the files, and comparing
//! them with what is checked in, is left to the caller.

use std::fmt::Write;

use super::{Attribute, AttributeKind, Block, BlockNesting, NestedBlock, Nesting, Presence, Schema};
use crate::value::{Type, Value};

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageKind {
    /// The provider itself: the index.
    Provider,
    /// A managed resource.
    Resource,
    /// A data source.
    DataSource,
    /// An ephemeral resource.
    EphemeralResource,
    /// A function.
    Function,
}

/// A page, without what the schema says.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What it is about.
    pub kind: PageKind,
    /// The provider's name: `multicloud`.
    pub provider: &'a str,
    /// The full name of the type, `multicloud_environment`, or of the function; the provider's own for its page.
    pub name: &'a str,
    /// The heading that it stands under in the registry's navigation; empty for none.
    pub subcategory: &'a str,
    /// In the order in which they are shown.
    pub examples: &'a [Example<'a>],
}

/// An example of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example<'a> {
    /// What it shows; empty where there is one and it needs no title.
    pub title: &'a str,
    /// The configuration.
    pub hcl: &'a str,
}

/// How an existing object comes under management.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// An id as the user would write it.
    pub id: &'a str,
    /// Markdown: what the id is made of and where to find its parts; empty where the sample says it all.
    pub description: &'a str,
    /// The schema of the identity and a sample of it (an object value), where the resource has one.
    pub identity: Option<(&'a Schema, &'a Value)>,
}

/// What a function's page tells.
#[derive(Clone, Copy, Debug)]
pub struct FunctionPage<'a> {
    /// One line.
    pub summary: &'a str,
    /// The parameters, as attributes in order; its description is the function's.
    pub arguments: &'a Schema,
    /// Whether the last parameter, a list, takes any number of arguments.
    pub is_variadic: bool,
    /// What the result is.
    pub result: &'a AttributeKind,
}

impl Page<'_> {
    /// Where the page belongs in the documentation's folder: `resources/environment.md`.
    pub fn file(&self) -> String {
        let prefix = format!("{}_", self.provider);
        let name = self.name.strip_prefix(&prefix).unwrap_or(self.name);
        match self.kind {
            PageKind::Provider => "index.md".to_owned(),
            PageKind::Resource => format!("resources/{name}.md"),
            PageKind::DataSource => format!("data-sources/{name}.md"),
            PageKind::EphemeralResource => format!("ephemeral-resources/{name}.md"),
            PageKind::Function => format!("functions/{name}.md"),
        }
    }

    fn title(&self) -> String {
        let Self { name, provider, .. } = self;
        match self.kind {
            PageKind::Provider => format!("{name} Provider"),
            PageKind::Resource => format!("{name} Resource - {provider}"),
            PageKind::DataSource => format!("{name} Data Source - {provider}"),
            PageKind::EphemeralResource => format!("{name} Ephemeral Resource - {provider}"),
            PageKind::Function => format!("{name} function - {provider}"),
        }
    }

    fn heading(&self) -> String {
        let Self { name, .. } = self;
        match self.kind {
            PageKind::Provider => format!("{name} Provider"),
            PageKind::Resource => format!("{name} (Resource)"),
            PageKind::DataSource => format!("{name} (Data Source)"),
            PageKind::EphemeralResource => format!("{name} (Ephemeral Resource)"),
            PageKind::Function => format!("function: {name}"),
        }
    }

    /// Everything above the schema: front matter, heading, description and examples.
    fn opening(&self, summary: &str, description: &str, deprecated: Option<&str>) -> Text {
        let mut text = Text::default();
        text.line("---");
        text.line(&format!("page_title: {:?}", self.title()));
        text.line(&format!("subcategory: {:?}", self.subcategory));
        text.line("description: |-");
        text.line(&indented(&plain(first_paragraph(summary)), "  "));
        text.line("---");
        text.paragraph(&format!("# {}", self.heading()));
        if let Some(deprecated) = deprecated {
            text.paragraph(&format!("~> **Deprecated:** {}", sentence(deprecated)));
        }
        text.paragraph(description);
        if !self.examples.is_empty() {
            text.paragraph("## Example Usage");
            for example in self.examples {
                if !example.title.is_empty() {
                    text.paragraph(&format!("### {}", example.title));
                }
                text.code("terraform", example.hcl);
            }
        }
        text
    }
}

/// The page of anything that has a schema. `import` is for resources that can be imported.
pub fn schema_page(page: &Page<'_>, schema: &Schema, import: Option<&Import<'_>>) -> String {
    let block = &schema.block;
    let mut text = page.opening(&block.description, &block.description, block.deprecated.as_deref());
    text.paragraph("## Schema");
    object(&mut text, Lists::BySetter("###"), &Members::of_block(block), &[]);
    if let Some(import) = import {
        import_section(&mut text, page, import);
    }
    text.0
}

/// The page of a function.
pub fn function_page(page: &Page<'_>, function: &FunctionPage<'_>) -> String {
    let block = &function.arguments.block;
    let arguments = &block.attributes;
    let mut text = page.opening(function.summary, &block.description, block.deprecated.as_deref());
    text.paragraph("## Signature");
    let variadic = function.is_variadic.then(|| arguments.len().saturating_sub(1));
    let list = arguments.iter().enumerate().map(|(position, argument)| match &argument.kind {
        AttributeKind::Type(Type::List(element)) if variadic == Some(position) => {
            format!("{} {}...", argument.name, type_constraint(element))
        }
        kind => format!("{} {}", argument.name, kind_constraint(kind)),
    });
    let list = list.collect::<Vec<_>>().join(", ");
    text.code("text", &format!("{}({list}) {}", page.name, kind_constraint(function.result)));
    if !arguments.is_empty() {
        text.paragraph("## Arguments");
        let mut items = String::new();
        let mut nested = Vec::new();
        for (position, argument) in arguments.iter().enumerate() {
            let section = Section::of(argument, &[]);
            let mut marks = match &argument.kind {
                AttributeKind::Type(Type::List(element)) if variadic == Some(position) => {
                    format!("{}, Variadic", type_name(element))
                }
                AttributeKind::Type(_) | AttributeKind::Nested { .. } => attribute_marks(argument),
            };
            if argument.presence != Presence::Required {
                marks.push_str(", Nullable");
            }
            let bullet = format!("{}. ", position + 1);
            item(&mut items, &bullet, &argument.name, &marks, &attribute_text(argument), section.as_ref());
            nested.extend(section);
        }
        text.paragraph(&items);
        sections(&mut text, &nested, Lists::BySetter(""));
    }
    if let AttributeKind::Nested { nesting, attributes } = function.result {
        text.paragraph("## Result");
        match nesting {
            Nesting::Single => {}
            Nesting::List | Nesting::Set | Nesting::Map => text.paragraph("Each element has:"),
        }
        object(&mut text, Lists::One, &Members { attributes, blocks: &[] }, &["result"]);
    }
    text.0
}

/// Text that grows paragraph by paragraph.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn paragraph(&mut self, paragraph: &str) {
        if !paragraph.trim().is_empty() {
            self.0.push('\n');
            self.line(paragraph);
        }
    }

    fn code(&mut self, language: &str, code: &str) {
        self.paragraph(&format!("```{language}\n{}\n```", code.trim_matches('\n')));
    }
}

/// The attributes and blocks of one object.
struct Members<'a> {
    attributes: &'a [Attribute],
    blocks: &'a [NestedBlock],
}

/// An object that is described in a section of its own.
struct Section<'a> {
    is_block: bool,
    /// The names on the way to it.
    trail: Vec<&'a str>,
    members: Members<'a>,
}

impl<'a> Members<'a> {
    fn of_block(block: &'a Block) -> Self {
        Self { attributes: &block.attributes, blocks: &block.blocks }
    }
}

impl<'a> Section<'a> {
    /// The section of an attribute that has attributes of its own.
    fn of(attribute: &'a Attribute, trail: &[&'a str]) -> Option<Self> {
        match &attribute.kind {
            AttributeKind::Type(_) => None,
            AttributeKind::Nested { attributes, .. } => Some(Self {
                is_block: false,
                trail: [trail, &[attribute.name.as_ref()]].concat(),
                members: Members { attributes, blocks: &[] },
            }),
        }
    }

    fn anchor(&self) -> String {
        format!("{}--{}", if self.is_block { "nestedblock" } else { "nestedatt" }, self.trail.join("--"))
    }
}

/// How the members of an object are listed.
#[derive(Clone, Copy)]
enum Lists<'a> {
    /// By who sets them, under headings of this level; `""` for a mere line.
    BySetter(&'a str),
    /// In one list, where nobody sets anything: results.
    One,
}

/// Which list a member stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Required,
    Optional,
    ReadOnly,
}

const GROUPS: [(Group, &str); 3] =
    [(Group::Required, "Required"), (Group::Optional, "Optional"), (Group::ReadOnly, "Read-Only")];

const fn attribute_group(attribute: &Attribute) -> Group {
    match attribute.presence {
        Presence::Required => Group::Required,
        Presence::Optional | Presence::OptionalComputed => Group::Optional,
        Presence::Computed => Group::ReadOnly,
    }
}

const fn block_group(block: &NestedBlock) -> Group {
    if block.min_items > 0 { Group::Required } else { Group::Optional }
}

/// Describes an object, and after it each object in it.
fn object(text: &mut Text, lists: Lists<'_>, members: &Members<'_>, trail: &[&str]) {
    let mut nested = Vec::new();
    match lists {
        Lists::One => text.paragraph(&items(members, None, trail, &mut nested)),
        Lists::BySetter(level) => {
            for (group, title) in GROUPS {
                let items = items(members, Some(group), trail, &mut nested);
                if !items.is_empty() {
                    text.paragraph(&if level.is_empty() { format!("{title}:") } else { format!("{level} {title}") });
                    text.paragraph(&items);
                }
            }
        }
    }
    let below = match lists {
        Lists::One => Lists::One,
        Lists::BySetter(_) => Lists::BySetter(""),
    };
    sections(text, &nested, below);
}

fn sections(text: &mut Text, nested: &[Section<'_>], lists: Lists<'_>) {
    for section in nested {
        let (anchor, trail) = (section.anchor(), section.trail.join("."));
        text.paragraph(&format!("<a id=\"{anchor}\"></a>\n### Nested Schema for `{trail}`"));
        object(text, lists, &section.members, &section.trail);
    }
}

/// The members of one group, or all, in the order of declaration; those that have members are added to `nested`.
fn items<'a>(members: &Members<'a>, wanted: Option<Group>, trail: &[&'a str], nested: &mut Vec<Section<'a>>) -> String {
    let Members { attributes, blocks } = *members;
    let is_wanted = |group: Group| wanted.is_none_or(|wanted| wanted == group);
    let mut items = String::new();
    for attribute in attributes.iter().filter(|attribute| is_wanted(attribute_group(attribute))) {
        let section = Section::of(attribute, trail);
        let (marks, description) = (attribute_marks(attribute), attribute_text(attribute));
        item(&mut items, "- ", &attribute.name, &marks, &description, section.as_ref());
        nested.extend(section);
    }
    for block in blocks.iter().filter(|block| is_wanted(block_group(block))) {
        let section = Section {
            is_block: true,
            trail: [trail, &[block.name.as_ref()]].concat(),
            members: Members::of_block(&block.block),
        };
        item(&mut items, "- ", &block.name, &block_marks(block), &block_text(block), Some(&section));
        nested.push(section);
    }
    items
}

fn item(items: &mut String, bullet: &str, name: &str, marks: &str, description: &str, section: Option<&Section<'_>>) {
    let see = section.map(|section| format!(" (see [below for nested schema](#{}))", section.anchor()));
    let (first, rest) = description.split_once('\n').unwrap_or((description, ""));
    let line = format!("{bullet}`{name}` ({marks}) {first}{}", see.unwrap_or_default());
    items.push_str(line.trim_end());
    items.push('\n');
    if !rest.is_empty() {
        items.push_str(&indented(rest, &" ".repeat(bullet.len())));
        items.push('\n');
    }
}

fn attribute_marks(attribute: &Attribute) -> String {
    let mut marks = match &attribute.kind {
        AttributeKind::Type(kind) => type_name(kind),
        AttributeKind::Nested { nesting: Nesting::Single, .. } => "Attributes".to_owned(),
        AttributeKind::Nested { nesting: Nesting::List, .. } => "Attributes List".to_owned(),
        AttributeKind::Nested { nesting: Nesting::Set, .. } => "Attributes Set".to_owned(),
        AttributeKind::Nested { nesting: Nesting::Map, .. } => "Attributes Map".to_owned(),
    };
    for (applies, mark) in [
        (attribute.sensitive, "Sensitive"),
        (attribute.write_only, "Write-only"),
        (attribute.deprecated.is_some(), "Deprecated"),
    ] {
        if applies {
            marks.push_str(", ");
            marks.push_str(mark);
        }
    }
    marks
}

fn block_marks(block: &NestedBlock) -> String {
    let mut marks = match block.nesting {
        BlockNesting::Single | BlockNesting::Group => "Block".to_owned(),
        BlockNesting::List => "Block List".to_owned(),
        BlockNesting::Set => "Block Set".to_owned(),
        BlockNesting::Map => "Block Map".to_owned(),
    };
    let is_repeated = match block.nesting {
        BlockNesting::Single | BlockNesting::Group => false,
        BlockNesting::List | BlockNesting::Set | BlockNesting::Map => true,
    };
    for (bound, title) in [(block.min_items, "Min"), (block.max_items, "Max")] {
        if is_repeated && bound > 0 {
            let _ = write!(marks, ", {title}: {bound}");
        }
    }
    if block.block.deprecated.is_some() {
        marks.push_str(", Deprecated");
    }
    marks
}

/// The description and what else the schema knows: default, checks, what changing it does.
fn attribute_text(attribute: &Attribute) -> String {
    let default = attribute.default.as_ref().map(|default| format!("defaults to `{}`", hcl(&default.value())));
    let checks = attribute.validators.iter().map(|validator| validator.describe());
    let changes = attribute.modifiers.iter().map(|modifier| modifier.describe());
    with_notes(
        &attribute.description,
        attribute.deprecated.as_deref(),
        default.into_iter().chain(checks).chain(changes),
    )
}

fn block_text(block: &NestedBlock) -> String {
    let checks = block.validators.iter().map(|validator| validator.describe());
    let changes = block.modifiers.iter().map(|modifier| modifier.describe());
    with_notes(&block.block.description, block.block.deprecated.as_deref(), checks.chain(changes))
}

/// The first paragraph with the notes at its end, so that they show in a list; then the other paragraphs.
fn with_notes(description: &str, deprecated: Option<&str>, notes: impl Iterator<Item = String>) -> String {
    let deprecated = deprecated.map(|deprecated| format!("**Deprecated:** {deprecated}"));
    let notes = deprecated.into_iter().chain(notes).map(|note| sentence(&note)).collect::<Vec<_>>().join(" ");
    let first = first_paragraph(description);
    let rest = &description[first.len()..];
    // A paragraph of more than one line is a list or a table, which notes would become a part of.
    let gap = if first.contains('\n') { "\n\n" } else { " " };
    format!("{}{gap}{notes}{rest}", sentence(first)).trim().to_owned()
}

fn first_paragraph(text: &str) -> &str {
    text.split("\n\n").next().unwrap_or_default()
}

/// With a capital letter at its beginning and a stop at its end.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let stop = if text.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    first.to_uppercase().chain(letters).collect::<String>() + stop
}

/// Without the marks of code, emphasis and links, for where Markdown is not shown.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some(open) = rest.find('[') {
        let link = rest[open + 1..].split_once("](").and_then(|(label, after)| {
            let (_, after) = after.split_once(')')?;
            (!label.contains('\n')).then_some((label, after))
        });
        let Some((label, after)) = link else { break };
        text.push_str(&rest[..open]);
        text.push_str(label);
        rest = after;
    }
    text.push_str(rest);
    text.replace("**", "").replace('`', "")
}

fn indented(text: &str, indent: &str) -> String {
    let lines =
        text.trim_end().lines().map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") });
    lines.collect::<Vec<_>>().join("\n")
}

fn import_section(text: &mut Text, page: &Page<'_>, import: &Import<'_>) {
    let to = format!("{}.example", page.name);
    text.paragraph("## Import");
    text.paragraph(import.description);
    if let Some((schema, sample)) = import.identity {
        text.paragraph(
            "By identity, with an [`import` block](https://developer.hashicorp.com/terraform/language/import) \
            (Terraform 1.12, OpenTofu 1.12 and later):",
        );
        let sample = indented(&hcl_lines(sample), "  ");
        text.code("terraform", &format!("import {{\n  to = {to}\n  identity = {}\n}}", sample.trim_start()));
        text.paragraph("### Identity Schema");
        object(text, Lists::BySetter("####"), &Members::of_block(&schema.block), &[]);
    }
    text.paragraph("By id, with an [`import` block](https://developer.hashicorp.com/terraform/language/import):");
    let id = hcl(&Value::String(import.id.to_owned()));
    text.code("terraform", &format!("import {{\n  to = {to}\n  id = {id}\n}}"));
    text.paragraph("or on the command line:");
    text.code("shell", &format!("terraform import {to} {}", shell_quoted(import.id)));
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A type in words, as the registry has it.
fn type_name(kind: &Type) -> String {
    match kind {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Tuple(_) => "Tuple".to_owned(),
        Type::Object(_) => "Object".to_owned(),
    }
}

/// What an attribute holds, as HCL writes types; what is in nested objects is left to their sections.
fn kind_constraint(kind: &AttributeKind) -> String {
    match kind {
        AttributeKind::Type(kind) => type_constraint(kind),
        AttributeKind::Nested { nesting: Nesting::Single, .. } => "object".to_owned(),
        AttributeKind::Nested { nesting: Nesting::List, .. } => "list(object)".to_owned(),
        AttributeKind::Nested { nesting: Nesting::Set, .. } => "set(object)".to_owned(),
        AttributeKind::Nested { nesting: Nesting::Map, .. } => "map(object)".to_owned(),
    }
}

/// A type as HCL writes it.
fn type_constraint(kind: &Type) -> String {
    match kind {
        Type::Bool => "bool".to_owned(),
        Type::Number => "number".to_owned(),
        Type::String => "string".to_owned(),
        Type::Dynamic => "dynamic".to_owned(),
        Type::List(element) => format!("list({})", type_constraint(element)),
        Type::Set(element) => format!("set({})", type_constraint(element)),
        Type::Map(element) => format!("map({})", type_constraint(element)),
        Type::Tuple(elements) => {
            format!("tuple([{}])", elements.iter().map(type_constraint).collect::<Vec<_>>().join(", "))
        }
        Type::Object(object) => {
            let attributes = object.attributes.iter().map(|(name, kind)| {
                let kind = type_constraint(kind);
                if object.optional.contains(name) {
                    format!("{name} = optional({kind})")
                } else {
                    format!("{name} = {kind}")
                }
            });
            format!("object({{ {} }})", attributes.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A value as HCL writes it, on one line.
fn hcl(value: &Value) -> String {
    let list = |elements: Vec<String>| format!("[{}]", elements.join(", "));
    match value {
        Value::Null | Value::Unknown(_) => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::List(elements) | Value::Tuple(elements) => list(elements.iter().map(hcl).collect()),
        Value::Set(elements) => list(elements.iter().map(hcl).collect()),
        Value::Map(elements) | Value::Object(elements) if elements.is_empty() => "{}".to_owned(),
        Value::Map(elements) => {
            let entries = elements.iter().map(|(key, element)| format!("{} = {}", quoted(key), hcl(element)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Object(attributes) => {
            let entries = attributes.iter().map(|(name, value)| format!("{name} = {}", hcl(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Dynamic(dynamic) => hcl(&dynamic.value),
    }
}

/// The same, with each attribute of an object on its own line and the equal signs below each other.
fn hcl_lines(value: &Value) -> String {
    let Value::Object(attributes) = value else { return hcl(value) };
    let width = attributes.keys().map(String::len).max().unwrap_or_default();
    let lines = attributes.iter().map(|(name, value)| format!("  {name:width$} = {}\n", hcl(value)));
    format!("{{\n{}}}", lines.collect::<String>())
}

fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
        .replace('\r', r"\r")
        .replace('\t', r"\t")
        .replace("${", "$${")
        .replace("%{", "%%{");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::model::{Attr, AttributeType, ListOf, MapOf, SetOf};
    use crate::{Model, StringEnum};

    /// Manages a [cluster](https://example.com) and its `pools`.
    ///
    /// More about it.
    #[derive(Clone, PartialEq, Model)]
    struct Environment {
        /// Name of the environment
        #[attribute(required, requires_replace)]
        name: Attr<String>,
        /// Whether a destroy is refused.
        #[attribute(optional, computed, default = true)]
        deletion_protection: Attr<bool>,
        /// Its id.
        #[attribute(computed)]
        id: Attr<String>,
        /// A password.
        ///
        /// - not kept
        /// - not shown
        #[attribute(optional, sensitive, write_only, deprecated = "use `token`")]
        password: Attr<String>,
        /// Pools by name.
        #[attribute(optional)]
        pools: MapOf<Pool>,
        /// Where it runs.
        #[attribute(optional)]
        zones: SetOf<String>,
        /// Rules.
        #[block(min = 1, max = 2)]
        rule: ListOf<Rule>,
    }

    /// A pool.
    #[derive(Clone, PartialEq, Model)]
    struct Pool {
        /// What runs on it.
        #[attribute(required)]
        mode: Attr<Mode>,
        /// How it grows.
        #[attribute(optional)]
        autoscale: Attr<Autoscale>,
        /// Where it stands.
        #[attribute(computed)]
        status: Attr<String>,
    }

    /// Bounds.
    #[derive(Clone, PartialEq, Model)]
    struct Autoscale {
        /// At most.
        #[attribute(optional)]
        max: Attr<u32>,
    }

    /// A rule.
    #[derive(Clone, PartialEq, Model)]
    struct Rule {
        /// The port.
        #[attribute(required)]
        port: Attr<u32>,
    }

    /// Identity.
    #[derive(Clone, PartialEq, Model)]
    struct Identity {
        /// The account.
        #[attribute(required)]
        account: Attr<String>,
        /// The name.
        #[attribute(required)]
        name: Attr<String>,
    }

    /// Reads a file of pools.
    ///
    /// In full.
    #[derive(Clone, PartialEq, Model)]
    struct Arguments {
        /// The file.
        #[attribute(required)]
        yaml: Attr<String>,
        /// Other files.
        #[attribute(optional)]
        more: ListOf<String>,
    }

    #[derive(Clone, PartialEq, StringEnum)]
    enum Mode {
        System,
        User,
    }

    #[test]
    fn page_of_a_resource() {
        let page = Page {
            kind: PageKind::Resource,
            provider: "multicloud",
            name: "multicloud_environment",
            subcategory: "Environments",
            examples: &[
                Example { title: "", hcl: "resource \"multicloud_environment\" \"east\" {}\n" },
                Example { title: "With pools", hcl: "pools = {}" },
            ],
        };
        let identity = Identity { account: Attr::from("123456789012"), name: Attr::from("it's ${x}") }.to_value();
        let import = Import {
            id: "eks/123456789012/it's",
            description: "The id is `eks/<account>/<name>`.",
            identity: Some((&Identity::schema(), &identity)),
        };
        assert_eq!(page.file(), "resources/environment.md");
        expect![[r#"
            ---
            page_title: "multicloud_environment Resource - multicloud"
            subcategory: "Environments"
            description: |-
              Manages a cluster and its pools.
            ---

            # multicloud_environment (Resource)

            Manages a [cluster](https://example.com) and its `pools`.

            More about it.

            ## Example Usage

            ```terraform
            resource "multicloud_environment" "east" {}
            ```

            ### With pools

            ```terraform
            pools = {}
            ```

            ## Schema

            ### Required

            - `name` (String) Name of the environment. Changing this replaces the object.
            - `rule` (Block List, Min: 1, Max: 2) Rules. (see [below for nested schema](#nestedblock--rule))

            ### Optional

            - `deletion_protection` (Boolean) Whether a destroy is refused. Defaults to `true`.
            - `password` (String, Sensitive, Write-only, Deprecated) A password. **Deprecated:** use `token`.

              - not kept
              - not shown
            - `pools` (Attributes Map) Pools by name. (see [below for nested schema](#nestedatt--pools))
            - `zones` (Set of String) Where it runs.

            ### Read-Only

            - `id` (String) Its id.

            <a id="nestedblock--rule"></a>
            ### Nested Schema for `rule`

            Required:

            - `port` (Number) The port.

            <a id="nestedatt--pools"></a>
            ### Nested Schema for `pools`

            Required:

            - `mode` (String) What runs on it. Must be one of "system", "user".

            Optional:

            - `autoscale` (Attributes) How it grows. (see [below for nested schema](#nestedatt--pools--autoscale))

            Read-Only:

            - `status` (String) Where it stands.

            <a id="nestedatt--pools--autoscale"></a>
            ### Nested Schema for `pools.autoscale`

            Optional:

            - `max` (Number) At most.

            ## Import

            The id is `eks/<account>/<name>`.

            By identity, with an [`import` block](https://developer.hashicorp.com/terraform/language/import) (Terraform 1.12, OpenTofu 1.12 and later):

            ```terraform
            import {
              to = multicloud_environment.example
              identity = {
                account = "123456789012"
                name    = "it's $${x}"
              }
            }
            ```

            ### Identity Schema

            #### Required

            - `account` (String) The account.
            - `name` (String) The name.

            By id, with an [`import` block](https://developer.hashicorp.com/terraform/language/import):

            ```terraform
            import {
              to = multicloud_environment.example
              id = "eks/123456789012/it's"
            }
            ```

            or on the command line:

            ```shell
            terraform import multicloud_environment.example 'eks/123456789012/it'\''s'
            ```
        "#]].assert_eq(&schema_page(&page, &Environment::schema(), Some(&import)));
    }

    #[test]
    fn page_of_a_function() {
        let page =
            Page { kind: PageKind::Function, provider: "multicloud", name: "pools", subcategory: "", examples: &[] };
        let function = FunctionPage {
            summary: "Reads pools",
            arguments: &Arguments::schema(),
            is_variadic: true,
            result: &<std::collections::BTreeMap<String, Attr<Pool>> as AttributeType>::kind(),
        };
        assert_eq!(page.file(), "functions/pools.md");
        expect![[r#"
            ---
            page_title: "pools function - multicloud"
            subcategory: ""
            description: |-
              Reads pools
            ---

            # function: pools

            Reads a file of pools.

            In full.

            ## Signature

            ```text
            pools(yaml string, more string...) map(object)
            ```

            ## Arguments

            1. `yaml` (String) The file.
            2. `more` (String, Variadic, Nullable) Other files.

            ## Result

            Each element has:

            - `mode` (String) What runs on it. Must be one of "system", "user".
            - `autoscale` (Attributes) How it grows. (see [below for nested schema](#nestedatt--result--autoscale))
            - `status` (String) Where it stands.

            <a id="nestedatt--result--autoscale"></a>
            ### Nested Schema for `result.autoscale`

            - `max` (Number) At most.
        "#]]
        .assert_eq(&function_page(&page, &function));
    }

    #[test]
    fn pages_have_their_files() {
        for (kind, name, file, title) in [
            (PageKind::Provider, "multicloud", "index.md", "multicloud Provider"),
            (
                PageKind::DataSource,
                "multicloud_cost",
                "data-sources/cost.md",
                "multicloud_cost Data Source - multicloud",
            ),
            (
                PageKind::EphemeralResource,
                "multicloud_kubeconfig",
                "ephemeral-resources/kubeconfig.md",
                "multicloud_kubeconfig Ephemeral Resource - multicloud",
            ),
        ] {
            let page = Page { kind, provider: "multicloud", name, subcategory: "", examples: &[] };
            assert_eq!((page.file().as_str(), page.title().as_str()), (file, title));
            let text = schema_page(&page, &Schema::default(), None);
            assert!(text.starts_with(&format!("---\npage_title: \"{title}\"\n")), "{text}");
        }
    }

    #[test]
    fn front_matter_is_plain_text() {
        for (markdown, text) in [
            ("A [link](https://example.com) and `code`.", "A link and code."),
            ("**Two** [links](a) [here](b)", "Two links here"),
            ("pools[*] and [open", "pools[*] and [open"),
        ] {
            assert_eq!(plain(markdown), text);
        }
    }

    #[test]
    fn values_are_written_as_hcl() {
        let object = Value::Object([("a".to_owned(), Value::Null), ("b".to_owned(), Value::from(1))].into());
        for (value, text) in [
            (Value::from("a\"\\\n${b}%{c}"), r#""a\"\\\n$${b}%%{c}""#),
            (Value::List(vec![Value::Bool(true), Value::from(-1)]), "[true, -1]"),
            (Value::Map([("k v".to_owned(), object)].into()), r#"{ "k v" = { a = null, b = 1 } }"#),
            (Value::Map([].into()), "{}"),
        ] {
            assert_eq!(hcl(&value), text);
        }
    }
}
