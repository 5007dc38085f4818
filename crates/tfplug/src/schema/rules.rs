//! Rules about schemas, checked before core sees one: core's own, and what core would only stumble over later.
//!
//! [`check_provider_schemas`] in one unit test covers a provider.

use std::collections::BTreeSet;
use std::fmt;

use crate::path::Path;
use crate::schema::{Attribute, AttributeKind, Block, BlockNesting, NestedBlock, Nesting, Presence, Schema};
use crate::value::Type;

/// What a schema is for; the rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaUse {
    /// The provider block.
    Provider,
    /// A managed resource.
    Resource,
    /// A managed resource's identity.
    Identity,
    /// A data source.
    DataSource,
    /// An ephemeral resource.
    EphemeralResource,
    /// The query of a list resource.
    ListResource,
    /// An action's configuration.
    Action,
    /// A function's parameters, as attributes.
    Function {
        /// Whether the last one, a list, takes any number of arguments.
        is_variadic: bool,
    },
}

/// A rule that a schema breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{usage} {name:?}, at {path:?}: {rule}; {fix}", path = path.to_string())]
pub struct SchemaError {
    /// What the schema is for.
    pub usage: SchemaUse,
    /// Whose schema it is: the type's or function's name.
    pub name: String,
    /// Where in the schema; the root is the schema itself.
    pub path: Path,
    /// What is demanded, or found against it.
    pub rule: String,
    /// What to do.
    pub fix: &'static str,
}

/// Checks all schemas of a provider: each by itself, and that they fit together.
pub fn check_provider_schemas<'s>(
    schemas: impl IntoIterator<Item = (SchemaUse, &'s str, &'s Schema)>,
) -> Vec<SchemaError> {
    let schemas: Vec<(SchemaUse, &str, &Schema)> = schemas.into_iter().collect();
    let mut errors: Vec<SchemaError> =
        schemas.iter().flat_map(|(usage, name, schema)| check_schema(*usage, name, schema)).collect();
    let have = |usage: SchemaUse, name: &str| schemas.iter().any(|other| other.0 == usage && other.1 == name);
    let mut seen = BTreeSet::new();
    for (usage, name, _) in &schemas {
        let mut push = |rule: &str, fix| {
            errors.push(SchemaError {
                usage: *usage,
                name: (*name).to_owned(),
                path: Path::root(),
                rule: rule.to_owned(),
                fix,
            });
        };
        if !seen.insert((*usage, *name)) {
            push("two have this name", "rename one");
        }
        match usage {
            SchemaUse::ListResource => {
                if !have(SchemaUse::Resource, name) || !have(SchemaUse::Identity, name) {
                    push(
                        "a list resource needs a managed resource of the same name with an identity",
                        "add the resource and its identity",
                    );
                }
            }
            SchemaUse::Identity => {
                if !have(SchemaUse::Resource, name) {
                    push("an identity needs its managed resource", "add the resource");
                }
            }
            SchemaUse::Provider
            | SchemaUse::Resource
            | SchemaUse::DataSource
            | SchemaUse::EphemeralResource
            | SchemaUse::Action
            | SchemaUse::Function { .. } => {}
        }
    }
    errors
}

/// Checks one schema.
pub fn check_schema(usage: SchemaUse, name: &str, schema: &Schema) -> Vec<SchemaError> {
    let mut check = Check { usage, name, errors: Vec::new() };
    let root = Path::root();
    if !is_name(name) {
        check.push(
            &root,
            "a name has lower-case letters, digits and underscores, and begins with a letter",
            "rename it",
        );
    }
    if schema.version < 0 {
        check.push(&root, "a version is not below 0", "count versions from 0");
    }
    check.block(&schema.block, &root, Within::default());
    match usage {
        SchemaUse::Identity => check.identity(schema),
        SchemaUse::Function { is_variadic } => check.function(schema, is_variadic),
        SchemaUse::Provider
        | SchemaUse::Resource
        | SchemaUse::DataSource
        | SchemaUse::EphemeralResource
        | SchemaUse::ListResource
        | SchemaUse::Action => {}
    }
    check.errors
}

/// Names every attribute and block that is not described: stricter than core, for providers whose documentation is
/// made from their schemas.
pub fn check_descriptions<'s>(schemas: impl IntoIterator<Item = (SchemaUse, &'s str, &'s Schema)>) -> Vec<SchemaError> {
    let mut errors = Vec::new();
    for (usage, name, schema) in schemas {
        let mut check = Check { usage, name, errors: Vec::new() };
        if schema.block.description.trim().is_empty() && usage != SchemaUse::Identity {
            check.push(&Path::root(), "it is not described", "add a doc comment to the struct");
        }
        check.described(&schema.block, &Path::root());
        errors.append(&mut check.errors);
    }
    errors
}

struct Check<'n> {
    usage: SchemaUse,
    name: &'n str,
    errors: Vec<SchemaError>,
}

/// What an attribute or block is in, however far out.
#[derive(Clone, Copy, Default)]
struct Within {
    set: bool,
}

impl Check<'_> {
    fn push(&mut self, path: &Path, rule: impl Into<String>, fix: &'static str) {
        let name = self.name.to_owned();
        self.errors.push(SchemaError { usage: self.usage, name, path: path.clone(), rule: rule.into(), fix });
    }

    fn block(&mut self, block: &Block, path: &Path, within: Within) {
        self.deprecation(block.deprecated.as_deref(), path);
        self.names(block.attributes.iter().map(|it| &*it.name).chain(block.blocks.iter().map(|it| &*it.name)), path);
        for attribute in &block.attributes {
            self.attribute(attribute, &path.attribute(attribute.name.clone()), within);
        }
        for nested in &block.blocks {
            self.nested_block(nested, &path.attribute(nested.name.clone()), within);
        }
    }

    fn names<'a>(&mut self, names: impl Iterator<Item = &'a str>, path: &Path) {
        let mut seen = BTreeSet::new();
        for name in names {
            let at = path.attribute(name.to_owned());
            if !is_name(name) {
                let rule = "a name has lower-case letters, digits and underscores, and begins with a letter";
                self.push(&at, rule, "rename it");
            }
            if !seen.insert(name) {
                self.push(&at, "the name is declared twice", "rename one");
            }
            if path.is_root() && self.reserved().contains(&name) {
                self.push(
                    &at,
                    "the name has a meaning of its own in HCL, so that the value could never be set",
                    "rename it",
                );
            }
        }
    }

    fn reserved(&self) -> &'static [&'static str] {
        match self.usage {
            SchemaUse::Provider => &["alias", "version"],
            SchemaUse::Resource | SchemaUse::DataSource | SchemaUse::EphemeralResource => {
                &["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"]
            }
            SchemaUse::ListResource => &["count", "for_each", "include_resource", "limit", "provider"],
            SchemaUse::Action => &["count", "for_each", "provider"],
            SchemaUse::Identity | SchemaUse::Function { .. } => &[],
        }
    }

    fn attribute(&mut self, attribute: &Attribute, path: &Path, within: Within) {
        self.deprecation(attribute.deprecated.as_deref(), path);
        self.presence(attribute, path);
        self.default(attribute, path);
        if attribute.write_only {
            self.write_only(attribute, path, within);
        }
        match &attribute.kind {
            AttributeKind::Type(kind) => {
                if within.set && kind.has_dynamic() {
                    self.push(path, DYNAMIC_IN_SET, "give the attribute a type of its own");
                }
                if has_set_of_dynamic(kind) {
                    self.push(path, DYNAMIC_IN_SET, "use a list, a map or a tuple");
                }
            }
            AttributeKind::Nested { nesting, attributes } => {
                let within = Within { set: within.set || *nesting == Nesting::Set };
                self.names(attributes.iter().map(|it| &*it.name), path);
                if attributes.is_empty() {
                    self.push(path, "there is nothing in it", "add attributes, or use a type");
                }
                for inner in attributes {
                    self.attribute(inner, &path.attribute(inner.name.clone()), within);
                }
            }
        }
    }

    fn presence(&mut self, attribute: &Attribute, path: &Path) {
        let computes = match self.usage {
            SchemaUse::Resource | SchemaUse::DataSource | SchemaUse::EphemeralResource => true,
            SchemaUse::Provider
            | SchemaUse::Identity
            | SchemaUse::ListResource
            | SchemaUse::Action
            | SchemaUse::Function { .. } => false,
        };
        if attribute.presence.is_computed() && !computes {
            self.push(path, "nothing is computed here: it is only read", "make it required or optional");
        }
    }

    fn default(&mut self, attribute: &Attribute, path: &Path) {
        let Some(default) = &attribute.default else { return };
        match attribute.presence {
            Presence::Required => self.push(path, "what is required has no default", "make it optional and computed"),
            Presence::Optional => {
                self.push(path, "core lets a provider fill in only what is computed", "make it optional and computed");
            }
            Presence::OptionalComputed | Presence::Computed => {}
        }
        let value = default.value();
        if value.is_null() || !value.is_wholly_known() {
            self.push(path, "a default is a known value", "leave the default out");
        }
        if let Err(error) = value.conforms(&attribute.kind.value_type()) {
            let at = error.path.steps().iter().fold(path.clone(), |path, step| path.step(step.clone()));
            self.push(
                &at,
                format!("the default has not the attribute's type: {}", error.message),
                "correct the default",
            );
        }
    }

    fn write_only(&mut self, attribute: &Attribute, path: &Path, within: Within) {
        match self.usage {
            SchemaUse::Resource => {}
            SchemaUse::Provider
            | SchemaUse::Identity
            | SchemaUse::DataSource
            | SchemaUse::EphemeralResource
            | SchemaUse::ListResource
            | SchemaUse::Action
            | SchemaUse::Function { .. } => {
                self.push(path, "only managed resources have write-only attributes", "make it an ordinary attribute");
            }
        }
        if within.set {
            self.push(path, "a set holds nothing write-only", "use a list or a map, or make the whole set write-only");
        }
        if attribute.presence.is_computed() {
            self.push(path, "what is write-only comes from the configuration alone", "make it required or optional");
        }
        if attribute.default.is_some() {
            self.push(path, "what is write-only has no default", "leave the default out");
        }
    }

    fn nested_block(&mut self, nested: &NestedBlock, path: &Path, within: Within) {
        let (least, most) = (nested.min_items, nested.max_items);
        match nested.nesting {
            BlockNesting::Single => {
                if least != most || least > 1 {
                    self.push(path, "a single block has min_items and max_items both 0 or both 1", "set both alike");
                }
            }
            BlockNesting::Group | BlockNesting::Map => {
                if least != 0 || most != 0 {
                    self.push(path, "group and map blocks have no limits of their number", "set both to 0");
                }
            }
            BlockNesting::List | BlockNesting::Set => {
                if most != 0 && least > most {
                    self.push(path, "min_items is above max_items", "exchange them");
                }
            }
        }
        match nested.nesting {
            BlockNesting::Set | BlockNesting::Single | BlockNesting::Group => {}
            BlockNesting::List | BlockNesting::Map => {
                if nested.block.value_type().has_dynamic() {
                    let rule = "repeated blocks with a dynamic attribute have no one type on the wire";
                    self.push(path, rule, "use nested attributes instead of blocks");
                }
            }
        }
        self.block(&nested.block, path, Within { set: within.set || nested.nesting == BlockNesting::Set });
    }

    fn deprecation(&mut self, deprecated: Option<&str>, path: &Path) {
        if deprecated.is_some_and(|message| message.trim().is_empty()) {
            self.push(path, "a deprecation says what to use instead", "add the message");
        }
    }

    fn identity(&mut self, schema: &Schema) {
        let root = Path::root();
        if schema.block.attributes.is_empty() {
            self.push(&root, "an identity has attributes", "add what identifies the object");
        }
        for nested in &schema.block.blocks {
            self.push(&root.attribute(nested.name.clone()), "an identity has no blocks", "use attributes");
        }
        for attribute in &schema.block.attributes {
            let is_plain = |kind: &Type| match kind {
                Type::Bool | Type::Number | Type::String => true,
                Type::List(_) | Type::Set(_) | Type::Map(_) | Type::Tuple(_) | Type::Object(_) | Type::Dynamic => false,
            };
            let fits = match attribute.kind.value_type() {
                Type::List(element) => is_plain(&element),
                kind => is_plain(&kind),
            };
            if !fits {
                let rule = "an identity has bools, numbers, strings and lists of them";
                self.push(&root.attribute(attribute.name.clone()), rule, "use one of these types");
            }
        }
    }

    fn function(&mut self, schema: &Schema, is_variadic: bool) {
        let root = Path::root();
        for nested in &schema.block.blocks {
            self.push(&root.attribute(nested.name.clone()), "a function has no blocks", "use a parameter");
        }
        let last = schema.block.attributes.last().map(|attribute| attribute.kind.value_type());
        if is_variadic && !matches!(last, Some(Type::List(_))) {
            self.push(&root, "the last parameter of a variadic function is a list", "make it a list, or not variadic");
        }
    }

    fn described(&mut self, block: &Block, path: &Path) {
        self.attributes_described(&block.attributes, path);
        for nested in &block.blocks {
            let path = path.attribute(nested.name.clone());
            if nested.block.description.trim().is_empty() {
                self.push(&path, "it is not described", "add a doc comment to the field");
            }
            self.described(&nested.block, &path);
        }
    }

    fn attributes_described(&mut self, attributes: &[Attribute], path: &Path) {
        for attribute in attributes {
            let path = path.attribute(attribute.name.clone());
            if attribute.description.trim().is_empty() {
                self.push(&path, "it is not described", "add a doc comment to the field");
            }
            match &attribute.kind {
                AttributeKind::Type(_) => {}
                AttributeKind::Nested { attributes, .. } => self.attributes_described(attributes, &path),
            }
        }
    }
}

const DYNAMIC_IN_SET: &str = "elements of a set have one type, so nothing in it is dynamic";

fn has_set_of_dynamic(kind: &Type) -> bool {
    match kind {
        Type::Bool | Type::Number | Type::String | Type::Dynamic => false,
        Type::Set(element) => element.has_dynamic() || has_set_of_dynamic(element),
        Type::List(element) | Type::Map(element) => has_set_of_dynamic(element),
        Type::Tuple(elements) => elements.iter().any(has_set_of_dynamic),
        Type::Object(object) => object.attributes.values().any(has_set_of_dynamic),
    }
}

/// Core allows a digit in front, with which HCL could not write the name.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

impl fmt::Display for SchemaUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::Resource => "resource",
            Self::Identity => "identity",
            Self::DataSource => "data source",
            Self::EphemeralResource => "ephemeral resource",
            Self::ListResource => "list resource",
            Self::Action => "action",
            Self::Function { .. } => "function",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::DefaultValue;
    use crate::value::Value;

    fn attribute(name: &'static str, kind: Type, presence: Presence) -> Attribute {
        Attribute::new(name, AttributeKind::Type(kind), presence)
    }

    fn nested(name: &'static str, nesting: Nesting, attributes: Vec<Attribute>) -> Attribute {
        Attribute::new(name, AttributeKind::Nested { nesting, attributes }, Presence::Optional)
    }

    fn schema(attributes: Vec<Attribute>, blocks: Vec<NestedBlock>) -> Schema {
        Schema { version: 0, block: Block { attributes, blocks, ..Block::default() } }
    }

    fn block(name: &'static str, nesting: BlockNesting, items: (u32, u32), attributes: Vec<Attribute>) -> NestedBlock {
        NestedBlock {
            name: name.into(),
            nesting,
            min_items: items.0,
            max_items: items.1,
            block: Block { attributes, ..Block::default() },
            validators: Vec::new(),
            modifiers: Vec::new(),
        }
    }

    #[track_caller]
    fn check(usage: SchemaUse, schema: &Schema, expect: &[&str]) {
        let errors: Vec<String> = check_schema(usage, "thing", schema)
            .into_iter()
            .map(|error| format!("{}: {}", error.path, error.rule))
            .collect();
        assert_eq!(errors, expect);
    }

    #[test]
    fn accepts_what_core_accepts() {
        let mut size = attribute("size", Type::Number, Presence::OptionalComputed);
        size.default = Some(DefaultValue::Value(Value::from(1)));
        let mut secret = attribute("secret_wo", Type::String, Presence::Optional);
        secret.write_only = true;
        let good = schema(
            vec![
                attribute("id", Type::String, Presence::Computed),
                attribute("anything", Type::list(Type::Dynamic), Presence::Optional),
                size,
                secret,
                nested("pools", Nesting::Set, vec![attribute("name", Type::String, Presence::Required)]),
            ],
            vec![
                block("one", BlockNesting::Single, (1, 1), vec![attribute("any", Type::Dynamic, Presence::Optional)]),
                block("many", BlockNesting::List, (1, 0), vec![attribute("a", Type::Bool, Presence::Required)]),
            ],
        );
        check(SchemaUse::Resource, &good, &[]);
    }

    #[test]
    fn names_are_valid_unique_and_free() {
        let names = schema(
            vec![
                attribute("Name", Type::String, Presence::Required),
                attribute("0x", Type::String, Presence::Required),
                attribute("count", Type::String, Presence::Required),
                attribute("a", Type::String, Presence::Required),
            ],
            vec![block("a", BlockNesting::List, (0, 0), vec![attribute("count", Type::Number, Presence::Optional)])],
        );
        check(
            SchemaUse::Resource,
            &names,
            &[
                "Name: a name has lower-case letters, digits and underscores, and begins with a letter",
                "0x: a name has lower-case letters, digits and underscores, and begins with a letter",
                "count: the name has a meaning of its own in HCL, so that the value could never be set",
                "a: the name is declared twice",
            ],
        );
    }

    #[test]
    fn sets_hold_nothing_dynamic_or_write_only() {
        let mut secret = attribute("secret", Type::String, Presence::Optional);
        secret.write_only = true;
        let inner = || attribute("any", Type::Dynamic, Presence::Optional);
        let sets = schema(
            vec![
                nested("nested", Nesting::Set, vec![inner(), secret.clone()]),
                attribute("plain", Type::map(Type::set(Type::Dynamic)), Presence::Optional),
                nested("deep", Nesting::Set, vec![nested("list", Nesting::List, vec![secret])]),
            ],
            vec![block("blocks", BlockNesting::Set, (0, 0), vec![inner()])],
        );
        check(
            SchemaUse::Resource,
            &sets,
            &[
                "nested.any: elements of a set have one type, so nothing in it is dynamic",
                "nested.secret: a set holds nothing write-only",
                "plain: elements of a set have one type, so nothing in it is dynamic",
                "deep.list.secret: a set holds nothing write-only",
                "blocks.any: elements of a set have one type, so nothing in it is dynamic",
            ],
        );
    }

    #[test]
    fn blocks_keep_to_their_numbers() {
        let a = || vec![attribute("a", Type::Bool, Presence::Required)];
        let blocks = schema(
            Vec::new(),
            vec![
                block("single", BlockNesting::Single, (0, 1), a()),
                block("group", BlockNesting::Group, (1, 1), a()),
                block("map", BlockNesting::Map, (1, 0), a()),
                block("list", BlockNesting::List, (2, 1), a()),
                block("open", BlockNesting::List, (0, 0), vec![attribute("x", Type::Dynamic, Presence::Optional)]),
            ],
        );
        check(
            SchemaUse::Resource,
            &blocks,
            &[
                "single: a single block has min_items and max_items both 0 or both 1",
                "group: group and map blocks have no limits of their number",
                "map: group and map blocks have no limits of their number",
                "list: min_items is above max_items",
                "open: repeated blocks with a dynamic attribute have no one type on the wire",
            ],
        );
    }

    #[test]
    fn defaults_are_of_the_type_and_may_be_filled_in() {
        let with = |presence, value| {
            let mut it = attribute("a", Type::list(Type::Number), presence);
            it.default = Some(DefaultValue::Value(value));
            schema(vec![it], Vec::new())
        };
        let good = || Value::list([Value::from(1)]);
        check(SchemaUse::Resource, &with(Presence::OptionalComputed, good()), &[]);
        check(SchemaUse::Resource, &with(Presence::Required, good()), &["a: what is required has no default"]);
        check(
            SchemaUse::Resource,
            &with(Presence::Optional, good()),
            &["a: core lets a provider fill in only what is computed"],
        );
        check(
            SchemaUse::Resource,
            &with(Presence::OptionalComputed, Value::list([Value::from("1")])),
            &["a[0]: the default has not the attribute's type: a number is required, not a string"],
        );
        check(
            SchemaUse::Resource,
            &with(Presence::OptionalComputed, Value::unknown()),
            &["a: a default is a known value"],
        );
    }

    #[test]
    fn each_use_has_its_own_rules() {
        let computed = schema(vec![attribute("a", Type::String, Presence::Computed)], Vec::new());
        let nothing_computed = ["a: nothing is computed here: it is only read"];
        check(SchemaUse::Provider, &computed, &nothing_computed);
        check(SchemaUse::Action, &computed, &nothing_computed);
        let mut secret = attribute("a", Type::String, Presence::Optional);
        secret.write_only = true;
        check(
            SchemaUse::DataSource,
            &schema(vec![secret], Vec::new()),
            &["a: only managed resources have write-only attributes"],
        );
        let identity = schema(
            vec![
                attribute("region", Type::String, Presence::Required),
                attribute("parts", Type::list(Type::String), Presence::Required),
                attribute("tags", Type::map(Type::String), Presence::Optional),
            ],
            Vec::new(),
        );
        check(SchemaUse::Identity, &identity, &["tags: an identity has bools, numbers, strings and lists of them"]);
        check(SchemaUse::Identity, &Schema::default(), &[": an identity has attributes"]);
        let text = schema(vec![attribute("text", Type::String, Presence::Required)], Vec::new());
        check(SchemaUse::Function { is_variadic: false }, &text, &[]);
        check(
            SchemaUse::Function { is_variadic: true },
            &text,
            &[": the last parameter of a variadic function is a list"],
        );
    }

    #[test]
    fn schemas_fit_together() {
        let empty = Schema::default();
        let errors = check_provider_schemas([
            (SchemaUse::Resource, "a", &empty),
            (SchemaUse::Resource, "a", &empty),
            (SchemaUse::ListResource, "a", &empty),
        ]);
        let rules: Vec<&str> = errors.iter().map(|error| error.rule.as_str()).collect();
        assert_eq!(
            rules,
            ["two have this name", "a list resource needs a managed resource of the same name with an identity"]
        );
    }

    #[test]
    fn what_is_not_described_is_named() {
        let mut told = attribute("told", Type::String, Presence::Required);
        told.description = "What it is.".into();
        let schema = schema(
            vec![told, nested("nested", Nesting::List, vec![attribute("a", Type::Bool, Presence::Required)])],
            Vec::new(),
        );
        let errors = check_descriptions([(SchemaUse::Resource, "thing", &schema)]);
        let paths: Vec<String> = errors.iter().map(|error| error.path.to_string()).collect();
        assert_eq!(paths, ["", "nested", "nested.a"]);
        assert_eq!(
            errors[2].to_string(),
            r#"resource "thing", at "nested.a": it is not described; add a doc comment to the field"#
        );
    }
}
