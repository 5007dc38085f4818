//! Values, numbers and bytes as core's own codec reads and writes them.
//!
//! `vectors/README.md` says how the corpus is made. `TFPLUG_VECTORS` names another directory of the same form.

use std::path::PathBuf;

use serde_json::Value as Json;
use tfplug::value::{Number, Type, Value, from_json, from_msgpack, to_json, to_msgpack};

#[test]
fn values_are_read_and_written_as_core_does() {
    let cases = lines("values.jsonl");
    for (number, case) in cases.iter().enumerate() {
        let (kind, bytes) = (kind(&case["type"]), bytes(&case["msgpack"]));
        assert_eq!(kind.to_json(), case["type"].to_string(), "case {number}");
        let value = from_msgpack(&bytes, &kind).unwrap_or_else(|error| panic!("case {number}: {error}: {case}"));
        value.conforms(&kind).unwrap_or_else(|error| panic!("case {number}: {error}: {case}"));
        let written = to_msgpack(&value, &kind).unwrap_or_else(|error| panic!("case {number}: {error}: {case}"));
        if has_set(&value) {
            // Core's order of elements in a set is of no meaning: the value must be the same.
            assert_eq!(from_msgpack(&written, &kind).as_ref(), Ok(&value), "case {number}: {case}");
            assert_eq!(written.len(), bytes.len(), "case {number}: {case}");
        } else {
            assert_eq!(written, bytes, "case {number}: {case}");
        }
        if let Some(json) = case["json"].as_str() {
            assert_eq!(from_json(json.as_bytes(), &kind).as_ref(), Ok(&value), "case {number}: {case}");
            let written = to_json(&value, &kind).unwrap_or_else(|error| panic!("case {number}: {error}: {case}"));
            if !has_set(&value) {
                let parse = |text: &str| serde_json::from_str::<Json>(text).expect("JSON");
                assert_eq!(parse(&written), parse(json), "case {number}");
            }
            assert_eq!(from_json(written.as_bytes(), &kind).as_ref(), Ok(&value), "case {number}: {case}");
        } else {
            assert!(to_json(&value, &kind).is_err(), "case {number}: {case}");
        }
    }
    assert!(cases.len() >= 300);
}

#[test]
fn numbers_are_cores_numbers() {
    let cases = lines("numbers.jsonl");
    for case in &cases {
        let read: Number = text(&case["text"]).parse().unwrap_or_else(|error| panic!("{error}: {case}"));
        assert_eq!(read.to_string(), text(&case["core"]), "{case}");
        let written = to_msgpack(&Value::Number(read.clone()), &Type::Number).expect("a number");
        assert_eq!(written, bytes(&case["msgpack"]), "{case}");
        assert_eq!(from_msgpack(&written, &Type::Number), Ok(Value::Number(read)), "{case}");
    }
    assert!(cases.len() >= 300);
}

/// Bytes that were damaged at random. What core still reads, we read alike, but for two things that core reads by
/// mistake: a map key that is no string, and a refinement with more behind a key than is there. What core refuses, we may read (as the
/// protocol says of extensions of a later version) or refuse, but never panic.
#[test]
fn damaged_bytes_are_read_as_core_does() {
    let cases = lines("bytes.jsonl");
    let mut read_by_core = 0;
    for (number, case) in cases.iter().enumerate() {
        let (kind, bytes_in) = (kind(&case["type"]), bytes(&case["msgpack"]));
        let read = from_msgpack(&bytes_in, &kind);
        let Some(again) = case.get("again") else { continue };
        read_by_core += 1;
        let is_refined = text(&case["msgpack"]).contains("0c8");
        let is_core_mistaken =
            read.as_ref().is_err_and(|error| is_refined || error.message.contains("a key is no string"));
        if is_core_mistaken {
            continue;
        }
        let expect =
            from_msgpack(&bytes(again), &kind).unwrap_or_else(|error| panic!("case {number}: {error}: {case}"));
        assert_eq!(read.as_ref(), Ok(&expect), "case {number}: {case}");
    }
    assert!(read_by_core >= 50, "core reads only {read_by_core} of {}", cases.len());
}

fn has_set(value: &Value) -> bool {
    match value {
        Value::Set(_) => true,
        Value::Null | Value::Unknown(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::List(elements) | Value::Tuple(elements) => elements.iter().any(has_set),
        Value::Map(elements) | Value::Object(elements) => elements.values().any(has_set),
        Value::Dynamic(dynamic) => has_set(&dynamic.value),
    }
}

fn lines(file: &str) -> Vec<Json> {
    let directory = std::env::var_os("TFPLUG_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"), PathBuf::from);
    let path = directory.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn kind(json: &Json) -> Type {
    Type::from_json(json.to_string().as_bytes()).expect("a type")
}

fn text(json: &Json) -> &str {
    json.as_str().expect("a string")
}

fn bytes(hex: &Json) -> Vec<u8> {
    let digits = text(hex).as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal");
    digits.chunks(2).map(byte).collect()
}

/// The size that the protocol's messages are taken at; no step may be slower than in proportion.
#[test]
fn a_hundred_mebibytes_are_read_and_written() {
    let kind = Type::map(Type::list(Type::String));
    let list =
        |name: &str| Value::list((0..25).map(|number| Value::from(format!("{name}{number}") + &"x".repeat(1 << 20))));
    let value = Value::map(["a", "b", "c", "d"].map(|name| (name, list(name))));
    let bytes = to_msgpack(&value, &kind).expect("a value of that type");
    assert!(bytes.len() > 100 << 20);
    assert!(from_msgpack(&bytes, &kind).as_ref() == Ok(&value));
}
