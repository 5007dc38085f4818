//! Derive macros of tfplug: one struct is a schema, a codec and a page of documentation.
//!
//! Use them through tfplug, which exports them beside the traits that they implement.

mod description;
mod field;
mod model;
mod string_enum;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a model: its schema, its codec and its documentation.
///
/// Implements `tfplug::Model` (for the root of a resource, data source, provider configuration or identity) and
/// `tfplug::model::AttributeType` (so that it can be nested in another model, alone or in a list, map or set).
/// The struct has named fields, and each is an `Attr<T>`, `ListOf<T>`, `MapOf<T>` or `SetOf<T>` with one
/// `#[attribute(…)]` or one `#[block(…)]`. The derive needs `Clone` and `PartialEq` beside it.
///
/// ```text
/// /// A Kubernetes environment.
/// #[derive(Clone, Debug, PartialEq, Model)]
/// #[model(version = 1)]
/// struct Environment {
///     /// Name of the environment, unique among those of one owner.
///     #[attribute(required, requires_replace, validate = [string_length(1..=100)])]
///     name: Attr<String>,
///     /// Whether a destroy is refused.
///     #[attribute(optional, computed, default = true)]
///     deletion_protection: Attr<bool>,
///     /// Node pools by name.
///     #[attribute(required)]
///     node_pools: MapOf<NodePool>,
///     /// Full version, as the cloud reports it.
///     #[attribute(computed, not_null, change = depends_on("kubernetes.version"))]
///     kubernetes_version: Attr<String>,
///     /// Firewall rules.
///     #[block(max = 8)]
///     rule: ListOf<Rule>,
/// }
/// ```
///
/// # Descriptions
/// The doc comment of a field is its Markdown description in the schema and on the registry's page, and is required.
/// The doc comment of the struct describes the resource or the block. Lines of one paragraph are joined.
///
/// # Keys of `#[model(…)]`
/// | key | meaning |
/// | --- | --- |
/// | `version = 1` | version of the schema, from 0: raise it by one with each state upgrader |
/// | `deprecated = "…"` | why not to use it any more, and what instead |
///
/// # Keys of `#[attribute(…)]`
/// | key | meaning |
/// | --- | --- |
/// | `required` | the user must set it |
/// | `optional` | the user may set it |
/// | `computed` | the provider sets it; with `optional`: where the user does not |
/// | `name = "type"` | its name in HCL, where that is not the field's (`r#type` needs none) |
/// | `sensitive` | hidden in output; still in state |
/// | `write_only` | read from the configuration only, in no plan and no state; not with `computed` |
/// | `deprecated = "…"` | why not to use it any more, and what instead |
/// | `default = expression` | stands where the configuration has null: anything `Into<Value>`; with `optional, computed` |
/// | `default_fn = path` | the same, made by a `fn() -> Value` |
/// | `change = never` | with `computed`: once set, it stays for the object's life |
/// | `change = depends_on("a.b", ".c")` | with `computed`: in an update it may change only when one of these path expressions does |
/// | `change = any` | with `computed`: any update may change it (so it is without the key) |
/// | `not_null` | with `computed`: it always gets a value, so plans know that it is not null |
/// | `requires_replace` | short for `modify = [requires_replace()]` |
/// | `validate = [one_of(["a"]), …]` | checks: see `tfplug::schema::validators` |
/// | `modify = [requires_replace_if_configured(), …]` | plan modifiers: see `tfplug::schema::modifiers` |
///
/// # Keys of `#[block(…)]`
/// `name`, `deprecated`, `requires_replace`, `validate` and `modify` as above, `min = 1` and `max = 2` for how many
/// there may be (no `max`: any number). A block that may appear once is an `Attr<T>`; repeated ones are a `ListOf<T>`,
/// `SetOf<T>` or, labelled, a `MapOf<T>`. Models with blocks can be nested only as blocks: protocol and language have
/// no block inside an attribute.
///
/// # Names in expressions
/// The expressions of `validate` and `modify` see everything that the struct sees, and before that, without an import,
/// all of `tfplug::schema::validators` and `tfplug::schema::modifiers`; write `self::name` for a function of your own
/// with the name of one of theirs. Each expression is an `Arc` of a `Validator` or a `PlanModifier`.
#[proc_macro_derive(Model, attributes(model, attribute, block))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::expand(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Makes an enum without fields a type of string attributes that may hold the names of its variants only.
///
/// Implements `tfplug::model::AttributeType` (with a validator, so that other names are refused at validate, and the
/// names in the documentation), `Display`, `FromStr` and `From<Self> for tfplug::Value` (so that a variant can be a
/// `default`), and gives the enum `ALL` (every variant, in order) and `as_str()`.
///
/// ```text
/// #[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
/// enum Mode {
///     System,                                  // "system"
///     BlueGreen,                               // "blue_green"
///     #[string_enum(name = "NoSchedule")]
///     Tainted,                                 // "NoSchedule"
/// }
/// ```
///
/// Names are the variants' in `snake_case`; `#[string_enum(rename_all = "…")]` on the enum makes them `kebab-case`,
/// `PascalCase`, `SCREAMING_SNAKE_CASE` or `lowercase`, and `#[string_enum(name = "…")]` on a variant sets its own.
#[proc_macro_derive(StringEnum, attributes(string_enum))]
pub fn derive_string_enum(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    string_enum::expand(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Adds an error to those already found, so that one compilation shows them all.
fn collect<T>(errors: &mut Option<syn::Error>, result: syn::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            match errors {
                Some(all) => all.combine(error),
                None => *errors = Some(error),
            }
            None
        }
    }
}
