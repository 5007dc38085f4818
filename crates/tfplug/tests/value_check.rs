//! Our verdict on answers beside core's, on a corpus of schemas and values that core has judged.
//!
//! `vectors/README.md` says how the corpus is made. `TFPLUG_VECTORS` names another directory of the same form.

use std::borrow::Cow;
use std::path::PathBuf;

use serde_json::Value as Json;
use tfplug::check;
use tfplug::schema::{
    Attribute, AttributeKind, Block, BlockNesting, NestedBlock, Nesting, Presence, Schema, SchemaUse, check_schema,
};
use tfplug::value::{Type, Value, from_msgpack};

#[test]
fn our_verdict_is_cores() {
    let cases = lines("answers.jsonl");
    let mut wrong = Vec::new();
    let mut refused = 0;
    for (number, case) in cases.iter().enumerate() {
        let block = block(&case["schema"]);
        let kind = block.value_type();
        let value = |name: &str| {
            let bytes = bytes(&case[name]);
            from_msgpack(&bytes, &kind)
                .unwrap_or_else(|error| panic!("case {number}, {name}: {} at {}", error, error.path))
        };
        let violations = match text(&case["kind"]) {
            "plan" => check::plan(&block, &value("config"), &value("prior"), &value("planned")),
            "apply" => check::apply(&block, &value("planned"), &value("actual")),
            "compatible" => check::final_plan(&block, &value("planned"), &value("actual")),
            other => panic!("case {number}: no kind {other}"),
        };
        let expect = case["ok"].as_bool().expect("a verdict");
        refused += usize::from(!expect);
        if violations.is_empty() != expect {
            wrong.push(format!("case {number}: core says {expect}, {} {violations:#?}\n{case}", case["error"]));
        }
    }
    let worst: Vec<&str> = wrong.iter().take(3).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), worst.join("\n"));
    assert!(refused > cases.len() / 10, "only {refused} of {} are refused: the corpus shows little", cases.len());
}

/// What core refuses to load, we refuse first; and where we refuse what core loads, it is by a rule of our own.
#[test]
fn no_schema_is_sent_that_core_refuses() {
    let ours = [
        "repeated blocks with a dynamic attribute have no one type on the wire",
        "elements of a set have one type, so nothing in it is dynamic",
        "a set holds nothing write-only",
    ];
    let cases = lines("schemas.jsonl");
    let mut refused = 0;
    for (number, case) in cases.iter().enumerate() {
        let schema = Schema { version: 0, block: block(&case["schema"]) };
        let errors = check_schema(SchemaUse::Resource, "thing", &schema);
        if case["ok"] == Json::Bool(true) {
            let strange = errors.iter().find(|error| !ours.contains(&error.rule.as_str()));
            assert!(strange.is_none(), "case {number}: core loads it, {strange:?}: {case}");
        } else {
            refused += 1;
            assert!(!errors.is_empty(), "case {number}: core refuses it: {case}");
        }
    }
    assert!(refused > cases.len() / 4, "only {refused} of {} are refused: the corpus shows little", cases.len());
}

/// The value's own rules beside core's: null where the plan says so, and the other way about.
#[test]
fn objects_appear_and_vanish_only_as_planned() {
    let block = Block { attributes: vec![plain("a", Type::String, Presence::Required)], ..Block::default() };
    let object = || Value::object([("a", Value::from("x"))]);
    assert!(check::apply(&block, &object(), &object()).is_empty());
    assert!(check::apply(&block, &Value::Null, &Value::Null).is_empty());
    assert_eq!(check::apply(&block, &Value::Null, &object()).len(), 1);
    assert_eq!(check::apply(&block, &object(), &Value::Null).len(), 1);
    assert!(check::read(&block, &Value::Null).is_empty());
    assert_eq!(check::import(&block, &Value::Null).len(), 1);
    assert_eq!(check::data_source(&block, &Value::object([("a", Value::unknown())])).len(), 1);
    assert_eq!(check::read(&block, &Value::object([("a", Value::from(1))])).len(), 1);
}

#[test]
fn ephemeral_results_and_identities_have_their_rules() {
    let attributes =
        vec![plain("host", Type::String, Presence::Required), plain("token", Type::String, Presence::Computed)];
    let block = Block { attributes, ..Block::default() };
    let object = |host: &str, token: Value| Value::object([("host", Value::from(host)), ("token", token)]);
    let config = object("a", Value::Null);
    let paths = |violations: Vec<check::Violation>| -> Vec<String> {
        violations.iter().map(|violation| violation.path.to_string()).collect()
    };
    assert_eq!(check::ephemeral(&block, &config, &object("a", Value::from("t"))), []);
    assert_eq!(paths(check::ephemeral(&block, &config, &object("b", Value::from("t")))), ["host"]);
    assert_eq!(paths(check::ephemeral(&block, &config, &object("a", Value::unknown()))), ["token"]);
    assert_eq!(paths(check::ephemeral(&block, &config, &Value::Null)), [""]);

    let kind = Type::object([("id", Type::String)]);
    let identity = |id: Value| Value::object([("id", id)]);
    assert_eq!(check::identity(&kind, &identity(Value::from("x")), false), []);
    assert_eq!(check::identity(&kind, &identity(Value::unknown()), true), []);
    assert_eq!(paths(check::identity(&kind, &identity(Value::unknown()), false)), ["id"]);
    assert_eq!(paths(check::identity(&kind, &identity(Value::from(1)), false)), ["id"]);
}

#[test]
fn write_only_values_are_found_at_any_depth() {
    let mut secret = plain("secret_wo", Type::String, Presence::Optional);
    secret.write_only = true;
    let pools = AttributeKind::Nested { nesting: Nesting::Map, attributes: vec![secret.clone()] };
    let user = NestedBlock {
        name: Cow::Borrowed("user"),
        nesting: BlockNesting::List,
        min_items: 0,
        max_items: 0,
        block: Block { attributes: vec![secret], ..Block::default() },
        validators: Vec::new(),
        modifiers: Vec::new(),
    };
    let attributes = vec![Attribute::new("pools", pools, Presence::Optional)];
    let block = Block { attributes, blocks: vec![user], ..Block::default() };
    let state = |secret: &dyn Fn() -> Value| {
        let object = || Value::object([("secret_wo", secret())]);
        Value::object([("pools", Value::map([("a", object())])), ("user", Value::list([object()]))])
    };
    assert_eq!(check::read(&block, &state(&|| Value::Null)), []);
    let found: Vec<(String, String)> = check::read(&block, &state(&|| Value::from("hunter2")))
        .into_iter()
        .map(|violation| (violation.path.to_string(), violation.detail))
        .collect();
    let hidden = "a value that is not shown".to_owned();
    let expect = [(r#"pools["a"].secret_wo"#.to_owned(), hidden.clone()), ("user[0].secret_wo".to_owned(), hidden)];
    assert_eq!(found, expect);
}

#[test]
fn messages_name_place_and_rule_and_hide_secrets() {
    let mut secret = plain("password", Type::String, Presence::Optional);
    secret.sensitive = true;
    let block = Block { attributes: vec![plain("size", Type::Number, Presence::Required), secret], ..Block::default() };
    let object =
        |size: i64, password: &str| Value::object([("size", Value::from(size)), ("password", Value::from(password))]);
    let violations = check::apply(&block, &object(1, "hunter2"), &object(2, "hunter3"));
    let found: Vec<String> = violations.iter().map(|it| format!("{}: {}", it.path, it.detail)).collect();
    assert_eq!(
        found,
        ["size: 2 instead of 1", "password: a value that is not shown instead of a value that is not shown"]
    );
    let diagnostics = check::diagnostics("multicloud_thing", "apply", violations);
    let told: Vec<String> = diagnostics.iter().map(|it| format!("{it:?}")).collect();
    assert!(told.iter().all(|text| !text.contains("hunter")));
    assert!(told[0].contains("known must come out as planned"));
}

#[test]
fn paths_that_demand_replacement_exist() {
    use tfplug::Path;
    let state = Value::object([("zones", Value::list([Value::from("a")])), ("tags", Value::unknown())]);
    let path = |text: &str| {
        text.split('.').fold(Path::root(), |path, name| match name.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.attribute(name.to_owned()),
        })
    };
    let of = |prior: &Value, name: &str| check::requires_replace(prior, &state, &[path(name)]).len();
    assert_eq!(of(&state, "zones.0"), 0);
    assert_eq!(of(&state, "tags.x"), 0);
    assert_eq!(of(&state, "zones.1"), 1);
    assert_eq!(of(&state, "name"), 1);
    assert_eq!(of(&Value::Null, "name"), 0);
}

/// Ten thousand objects in a set, each with an id that the apply learned: no pair is compared twice, and few once.
#[test]
fn large_sets_correlate_by_hash() {
    let rule = |name| plain(name, Type::String, Presence::Optional);
    let attributes = vec![plain("id", Type::String, Presence::OptionalComputed), rule("from"), rule("to")];
    let rules =
        Attribute::new("rules", AttributeKind::Nested { nesting: Nesting::Set, attributes }, Presence::Optional);
    let block = Block { attributes: vec![rules], ..Block::default() };
    let of = |id: &dyn Fn(i64) -> Value| {
        let element = |number: i64| {
            let text = |prefix: &str| Value::from(format!("{prefix}-{number}"));
            Value::object([("id", id(number)), ("from", text("from")), ("to", text("to"))])
        };
        Value::object([("rules", Value::set((0..10_000).map(element)))])
    };
    let planned = of(&|_| Value::unknown_not_null());
    let actual = of(&|number| Value::from(format!("id-{number}")));
    let config = of(&|_| Value::Null);
    assert_eq!(check::plan(&block, &config, &Value::Null, &planned), []);
    assert_eq!(check::apply(&block, &planned, &actual), []);
    let broken = of(&|number| if number == 5 { Value::Null } else { Value::from(format!("id-{number}")) });
    // The planned element that none fits; what came instead goes unsaid, as in core.
    assert_eq!(check::apply(&block, &planned, &broken).len(), 1);
}

fn plain(name: &'static str, kind: Type, presence: Presence) -> Attribute {
    Attribute::new(name, AttributeKind::Type(kind), presence)
}

fn lines(file: &str) -> Vec<Json> {
    let directory = std::env::var_os("TFPLUG_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"), PathBuf::from);
    let path = directory.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn text(json: &Json) -> &str {
    json.as_str().expect("a string")
}

fn bytes(hex: &Json) -> Vec<u8> {
    let digits = text(hex).as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal");
    digits.chunks(2).map(byte).collect()
}

fn block(json: &Json) -> Block {
    let nested = |(name, json): (&String, &Json)| NestedBlock {
        name: Cow::Owned(name.clone()),
        nesting: match text(&json["nesting"]) {
            "single" => BlockNesting::Single,
            "group" => BlockNesting::Group,
            "list" => BlockNesting::List,
            "set" => BlockNesting::Set,
            "map" => BlockNesting::Map,
            other => panic!("no nesting {other}"),
        },
        min_items: items(&json["min_items"]),
        max_items: items(&json["max_items"]),
        block: block(json),
        validators: Vec::new(),
        modifiers: Vec::new(),
    };
    Block {
        attributes: attributes(&json["attributes"]),
        blocks: json["blocks"].as_object().into_iter().flatten().map(nested).collect(),
        ..Block::default()
    }
}

fn items(json: &Json) -> u32 {
    json.as_u64().map_or(0, |number| u32::try_from(number).expect("a small number"))
}

fn attributes(json: &Json) -> Vec<Attribute> {
    let attribute = |(name, json): (&String, &Json)| {
        let kind = match json["nesting"].as_str() {
            None => AttributeKind::Type(Type::from_json(json["type"].to_string().as_bytes()).expect("a type")),
            Some(nesting) => AttributeKind::Nested {
                nesting: match nesting {
                    "single" => Nesting::Single,
                    "list" => Nesting::List,
                    "set" => Nesting::Set,
                    "map" => Nesting::Map,
                    other => panic!("no nesting {other}"),
                },
                attributes: attributes(&json["attributes"]),
            },
        };
        let presence = match text(&json["presence"]) {
            "required" => Presence::Required,
            "optional" => Presence::Optional,
            "computed" => Presence::Computed,
            "optional_computed" => Presence::OptionalComputed,
            other => panic!("no presence {other}"),
        };
        let mut attribute = Attribute::new(name.clone(), kind, presence);
        attribute.sensitive = json["sensitive"] == Json::Bool(true);
        attribute.write_only = json["write_only"] == Json::Bool(true);
        attribute
    };
    json.as_object().into_iter().flatten().map(attribute).collect()
}
