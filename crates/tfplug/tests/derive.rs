//! The derives as a provider's author uses them: what schema they make, what values they read and write.

use std::collections::BTreeMap;

use tfplug::model::{Any, Attr, AttributeType, GoDuration, ListOf, MapOf, SetOf};
use tfplug::path::Path;
use tfplug::schema::{
    Attribute, AttributeKind, BlockNesting, Change, DefaultValue, Nesting, Presence, Schema, Validator,
};
use tfplug::value::{CodecError, Number, Type, Value};
use tfplug::{Model, StringEnum};

/// A Kubernetes environment.
///
/// It has pools.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(version = 3, deprecated = "use `other_environment`")]
struct Environment {
    /// Name of the environment,
    /// unique among those of one owner.
    ///
    /// Shown in the portal.
    #[attribute(required, requires_replace, validate = [string_length(1..=100), one_of(["east", "west"])])]
    name: Attr<String>,
    /// Where it runs.
    #[attribute(computed, change = never, not_null)]
    id: Attr<String>,
    /// Whether a destroy is refused.
    #[attribute(optional, computed, default = true)]
    deletion_protection: Attr<bool>,
    /// Nodes at least.
    #[attribute(optional, computed, default = 3, change = any)]
    nodes: Attr<i64>,
    /// Labels for everything.
    #[attribute(optional, computed, default_fn = no_labels)]
    labels: MapOf<String>,
    /// Full version.
    #[attribute(computed, change = depends_on("version", "node_pools[*].count"))]
    full_version: Attr<String>,
    /// What kind it is.
    #[attribute(optional, deprecated = "kinds are gone")]
    r#type: Attr<String>,
    /// A secret.
    #[attribute(optional, sensitive, write_only, name = "password_wo", modify = [self::requires_replace()])]
    password: Attr<String>,
    /// How long to wait.
    #[attribute(optional)]
    timeout: Attr<GoDuration>,
    /// Pools by name.
    #[attribute(required)]
    node_pools: MapOf<NodePool>,
    /// Where its nodes may run.
    #[attribute(optional)]
    zones: SetOf<String>,
    /// Every size of number.
    #[attribute(optional)]
    sizes: Attr<Sizes>,
    /// Whatever the chart takes.
    #[attribute(optional)]
    values: Attr<Any>,
    /// Lists of lists of objects, which the protocol has no attributes for.
    #[attribute(optional)]
    grid: ListOf<Vec<Attr<Taint>>>,
    /// Firewall rules.
    #[block(min = 1, max = 2, deprecated = "use `network`", requires_replace)]
    rule: ListOf<Rule>,
    /// Rules without order.
    #[block(name = "other_rule", validate = [self::at_least_one()])]
    other_rules: SetOf<Rule>,
    /// One more rule.
    #[block]
    last_rule: Attr<Rule>,
}

/// Nodes that are alike.
#[derive(Clone, Debug, PartialEq, Model)]
struct NodePool {
    /// How many nodes.
    #[attribute(optional)]
    count: Attr<u32>,
    /// What runs on them.
    #[attribute(optional, computed, default = Mode::User)]
    mode: Attr<Mode>,
    /// What keeps pods away.
    #[attribute(optional)]
    taints: ListOf<Taint>,
    /// The same, in no order.
    #[attribute(optional)]
    more_taints: SetOf<Taint>,
}

/// A mark of nodes.
#[derive(Clone, Debug, PartialEq, Model)]
struct Taint {
    /// Its key.
    #[attribute(required)]
    key: Attr<String>,
    /// What it does.
    #[attribute(required)]
    effect: Attr<Effect>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Model)]
struct Rule {
    /// The port.
    #[attribute(required)]
    port: Attr<u32>,
    /// Where it comes from.
    #[block]
    source: ListOf<Source>,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Model)]
struct Source {
    /// Its addresses.
    #[attribute(required)]
    cidr: Attr<String>,
}

/// Numbers.
#[derive(Clone, Debug, PartialEq, Model)]
struct Sizes {
    /// Of any size.
    #[attribute(optional)]
    any: Attr<Number>,
    /// A measurement.
    #[attribute(optional)]
    ratio: Attr<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
enum Mode {
    System,
    User,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
#[string_enum(rename_all = "PascalCase")]
enum Effect {
    NoSchedule,
    #[string_enum(name = "PreferNoSchedule")]
    Prefer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
#[string_enum(rename_all = "SCREAMING_SNAKE_CASE")]
enum Only {
    ThisOne,
}

/// A model without attributes: `arc = {}`.
#[derive(Clone, Debug, PartialEq, Model)]
struct Nothing {}

fn no_labels() -> Value {
    Value::Map(BTreeMap::new())
}

/// Has the name of one of tfplug's own, and is found by `self::`.
fn requires_replace() -> std::sync::Arc<Ours> {
    std::sync::Arc::new(Ours)
}

fn at_least_one() -> std::sync::Arc<Ours> {
    std::sync::Arc::new(Ours)
}

struct Ours;

impl tfplug::schema::PlanModifier for Ours {
    fn describe(&self) -> String {
        "ours".to_owned()
    }

    fn modify(&self, _: &mut tfplug::schema::modifier::ModifyContext<'_>, _: &mut tfplug::diagnostic::Diagnostics) {}
}

impl Validator for Ours {
    fn describe(&self) -> String {
        "must be ours".to_owned()
    }

    fn validate(&self, _: &tfplug::schema::validator::ValidateContext<'_>, _: &mut tfplug::diagnostic::Diagnostics) {}
}

#[track_caller]
fn attribute<'s>(schema: &'s Schema, name: &str) -> &'s Attribute {
    schema.block.attribute(name).unwrap_or_else(|| panic!("no attribute {name}"))
}

#[track_caller]
fn nested<'s>(attribute: &'s Attribute, wanted: Nesting, name: &str) -> &'s Attribute {
    let AttributeKind::Nested { nesting, attributes } = &attribute.kind else { panic!("{attribute:?}") };
    assert_eq!(*nesting, wanted);
    attributes.iter().find(|attribute| attribute.name == name).unwrap_or_else(|| panic!("no attribute {name}"))
}

fn object<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    Value::Object(attributes.map(|(name, value)| (name.to_owned(), value)).into())
}

fn map<const N: usize>(elements: [(&str, Value); N]) -> Value {
    Value::Map(elements.map(|(key, value)| (key.to_owned(), value)).into())
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().expect("a number"))
}

#[track_caller]
fn error<M: Model>(value: Value) -> (String, String) {
    let Err(CodecError { path, message }) = M::from_value(value, &Path::root()) else { panic!("it was read") };
    (path.to_string(), message)
}

/// Reads and writes: what comes back must be what went in.
#[track_caller]
fn round_trip<M: Model + std::fmt::Debug>(value: &Value) -> M {
    let model = M::from_value(value.clone(), &Path::root()).expect("a value of the model");
    assert_eq!(model.to_value(), *value);
    model
}

#[test]
fn schema_says_what_the_struct_says() {
    let schema = Environment::schema();
    assert_eq!(schema.version, 3);
    assert_eq!(schema.block.description, "A Kubernetes environment.\n\nIt has pools.");
    assert_eq!(schema.block.deprecated.as_deref(), Some("use `other_environment`"));
    let names: Vec<_> = schema.block.attributes.iter().map(|attribute| attribute.name.as_ref()).collect();
    assert_eq!(
        names,
        [
            "name",
            "id",
            "deletion_protection",
            "nodes",
            "labels",
            "full_version",
            "type",
            "password_wo",
            "timeout",
            "node_pools",
            "zones",
            "sizes",
            "values",
            "grid"
        ]
    );

    let name = attribute(&schema, "name");
    assert_eq!(name.description, "Name of the environment, unique among those of one owner.\n\nShown in the portal.");
    assert_eq!(name.presence, Presence::Required);
    assert_eq!((name.validators.len(), name.modifiers.len()), (2, 1));
    assert!(!name.sensitive && !name.write_only && !name.not_null && name.deprecated.is_none());

    let id = attribute(&schema, "id");
    assert_eq!(id.presence, Presence::Computed);
    assert!(id.not_null);
    assert!(matches!(id.change, Change::Never));

    let full_version = attribute(&schema, "full_version");
    let Change::DependsOn(expressions) = &full_version.change else { panic!("{:?}", full_version.change) };
    let expressions: Vec<_> = expressions.iter().map(ToString::to_string).collect();
    assert_eq!(expressions, ["version", "node_pools[*].count"]);

    assert_eq!(attribute(&schema, "type").deprecated.as_deref(), Some("kinds are gone"));
    let password = attribute(&schema, "password_wo");
    assert!(password.sensitive && password.write_only);
    assert_eq!(password.presence, Presence::Optional);
    assert_eq!(password.modifiers[0].describe(), "ours");
}

#[test]
fn defaults_are_values() {
    let schema = Environment::schema();
    let default = |name| attribute(&schema, name).default.as_ref().map(DefaultValue::value);
    assert_eq!(default("deletion_protection"), Some(Value::Bool(true)));
    assert_eq!(default("nodes"), Some(Value::from(3)));
    assert_eq!(default("labels"), Some(Value::Map(BTreeMap::new())));
    assert_eq!(default("name"), None);
    assert_eq!(attribute(&schema, "nodes").presence, Presence::OptionalComputed);
    let mode = nested(attribute(&schema, "node_pools"), Nesting::Map, "mode");
    assert_eq!(mode.default.as_ref().map(DefaultValue::value), Some(Value::from("user")));
}

#[test]
fn types_come_from_the_fields() {
    let schema = Environment::schema();
    let kind = |name| attribute(&schema, name).kind.value_type();
    assert_eq!(kind("zones"), Type::set(Type::String));
    assert_eq!(kind("labels"), Type::map(Type::String));
    assert_eq!(kind("values"), Type::Dynamic);
    let taint = Type::object([("key", Type::String), ("effect", Type::String)]);
    assert_eq!(kind("grid"), Type::list(Type::list(taint.clone())));
    let pools = attribute(&schema, "node_pools");
    let taints = nested(pools, Nesting::Map, "taints");
    assert_eq!(taints.kind.value_type(), Type::list(taint));
    nested(taints, Nesting::List, "key");
    nested(nested(pools, Nesting::Map, "more_taints"), Nesting::Set, "effect");
    nested(attribute(&schema, "sizes"), Nesting::Single, "ratio");

    assert!(attribute(&schema, "timeout").same_meaning.is_some());
    assert_eq!(attribute(&schema, "timeout").validators.len(), 1, "the duration's own");
    assert!(attribute(&schema, "name").same_meaning.is_none());
    assert!(Nothing::schema().block.attributes.is_empty());
}

#[test]
fn blocks_are_declared_with_their_counts() {
    let schema = Environment::schema();
    let [rule, other, last] = schema.block.blocks.as_slice() else { panic!("{:?}", schema.block.blocks) };
    assert_eq!((rule.name.as_ref(), rule.nesting, rule.min_items, rule.max_items), ("rule", BlockNesting::List, 1, 2));
    assert_eq!(rule.block.description, "Firewall rules.");
    assert_eq!(rule.block.deprecated.as_deref(), Some("use `network`"));
    assert_eq!(rule.modifiers.len(), 1);
    assert_eq!(rule.block.attributes.len(), 1);
    assert_eq!(rule.block.blocks[0].name, "source");
    assert_eq!(rule.block.blocks[0].block.attributes[0].name, "cidr");
    assert_eq!((other.name.as_ref(), other.nesting, other.validators.len()), ("other_rule", BlockNesting::Set, 1));
    assert_eq!((other.min_items, other.max_items), (0, 0));
    assert_eq!(last.nesting, BlockNesting::Single);
}

#[test]
fn values_come_back_as_they_went_in() {
    let taint = object([("key", "gpu".into()), ("effect", "NoSchedule".into())]);
    let pool = object([
        ("count", number("3")),
        ("mode", "system".into()),
        ("taints", Value::List(vec![taint.clone(), Value::unknown()])),
        ("more_taints", Value::Set([taint.clone(), Value::Null].into_iter().collect())),
    ]);
    let source = object([("cidr", "10.0.0.0/8".into())]);
    let rule = object([("port", number("443")), ("source", Value::List(vec![source]))]);
    let bare = object([("port", number("80")), ("source", Value::List(Vec::new()))]);
    let value = object([
        ("name", "east".into()),
        ("id", Value::unknown_not_null()),
        ("deletion_protection", Value::Bool(false)),
        ("nodes", Value::Null),
        ("labels", map([("a", "b".into()), ("c", Value::unknown())])),
        ("full_version", Value::unknown()),
        ("type", Value::Null),
        ("password_wo", Value::Null),
        ("timeout", "90s".into()),
        ("node_pools", map([("a", pool), ("b", Value::unknown())])),
        ("zones", Value::Set(["z1", "z2"].into_iter().map(Value::from).collect())),
        ("sizes", object([("any", number("123456789012345678901234567890.5")), ("ratio", number("0.5"))])),
        ("values", Value::Null),
        ("grid", Value::List(vec![Value::List(vec![taint])])),
        ("rule", Value::List(vec![rule.clone(), bare])),
        ("other_rule", Value::Set([rule].into_iter().collect())),
        ("last_rule", Value::Null),
    ]);
    let environment: Environment = round_trip(&value);

    assert_eq!(environment.name, Attr::from("east"));
    assert!(matches!(&environment.id, Attr::Unknown(refinement) if refinement.is_not_null()));
    let pools = environment.node_pools.known().unwrap();
    assert!(pools["b"].is_unknown());
    let pool = pools["a"].known().unwrap();
    assert_eq!((&pool.count, &pool.mode), (&Attr::Known(3), &Attr::Known(Mode::System)));
    let taints = pool.taints.known().unwrap();
    assert_eq!(taints[0].known().unwrap().effect, Attr::Known(Effect::NoSchedule));
    assert!(taints[1].is_unknown());
    assert_eq!(pool.more_taints.known().unwrap().len(), 2);
    assert_eq!(environment.timeout.known().unwrap().duration(), std::time::Duration::from_secs(90));
    round_trip::<Nothing>(&object([]));
}

#[test]
fn what_is_absent_is_null_and_absent_blocks_are_empty() {
    let rule = Rule::from_value(object([("port", number("80"))]), &Path::root()).unwrap();
    assert!(rule.source.is_null());
    assert_eq!(rule.to_value(), object([("port", number("80")), ("source", Value::List(Vec::new()))]));
    let unknown = object([("port", Value::Null), ("source", Value::unknown())]);
    round_trip::<Rule>(&unknown);
}

#[test]
fn errors_say_where_and_what() {
    let pools = |pool| object([("node_pools", map([("a", pool)]))]);
    let (path, message) = error::<Environment>(pools(object([("count", number("-1"))])));
    assert_eq!(path, r#"node_pools["a"].count"#);
    assert!(message.contains("-1"), "{message}");

    let (path, message) = error::<Environment>(pools(object([("count", "three".into())])));
    assert_eq!(path, r#"node_pools["a"].count"#);
    assert!(message.contains("not a string"), "{message}");

    let taint = object([("key", "gpu".into()), ("effect", "Never".into())]);
    let (path, message) =
        error::<Environment>(pools(object([("taints", Value::List(vec![Value::Null, taint.clone()]))])));
    assert_eq!(path, r#"node_pools["a"].taints[1].effect"#);
    assert_eq!(message, r#"one of "NoSchedule", "PreferNoSchedule" is required, not "Never""#);

    let set = Value::Set([taint].into_iter().collect());
    let (path, _) = error::<Environment>(pools(object([("more_taints", set)])));
    assert_eq!(path, r#"node_pools["a"].more_taints[…].effect"#);

    let rules = Value::List(vec![object([("source", Value::List(vec![object([("cidr", Value::Bool(true))])]))])]);
    let (path, message) = error::<Environment>(object([("rule", rules)]));
    assert_eq!(path, "rule[0].source[0].cidr");
    assert_eq!(message, "a string is required, not a bool");

    let (path, message) = error::<Environment>(Value::Null);
    assert_eq!((path.as_str(), message.as_str()), ("", "an object is required, not null"));
    let (path, _) = error::<Environment>(object([("password_wo", Value::Bool(true))]));
    assert_eq!(path, "password_wo");
}

#[test]
fn string_enums_have_names() {
    assert_eq!(Mode::ALL, [Mode::System, Mode::User]);
    assert_eq!(Mode::System.as_str(), "system");
    assert_eq!(Effect::Prefer.to_string(), "PreferNoSchedule");
    assert_eq!(format!("{:>6}", Mode::User), "  user");
    assert_eq!("user".parse::<Mode>().unwrap(), Mode::User);
    assert_eq!(Only::ThisOne.as_str(), "THIS_ONE");
    assert_eq!("".parse::<Only>().unwrap_err().message, r#""THIS_ONE" is required, not """#);
    assert_eq!(Value::from(Mode::User), Value::from("user"));

    let huge = "x".repeat(1 << 20);
    let message = huge.parse::<Mode>().unwrap_err().message;
    assert!(message.len() < 200, "{message}");
}

#[test]
fn string_enums_are_strings_that_are_checked() {
    assert!(matches!(Mode::kind(), AttributeKind::Type(Type::String)));
    let schema = Environment::schema();
    let mode = nested(attribute(&schema, "node_pools"), Nesting::Map, "mode");
    assert_eq!(mode.validators.len(), 1);
    let says = mode.validators[0].describe();
    assert!(says.contains("system") && says.contains("user"), "{says}");
    let wrong = Mode::decode(Value::Bool(true), &Path::root().attribute("mode")).unwrap_err();
    assert_eq!((wrong.path.to_string().as_str(), wrong.message.as_str()), ("mode", "a string is required, not a bool"));
}
