//! Values as JSON, the form in which state is stored and handed to upgrades.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    CodecError, Dynamic, MAX_DEPTH, Number, ObjectType, Type, Value, attribute_step, check_names, check_same_types,
    element_step, normalized, wanted, wrong_length,
};
use crate::path::PathStep;

/// What to do with attributes that the type does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    Refuse,
    Drop,
}

/// Reads a value of type `kind`, as leniently as core: numbers and bools may be written as strings and the reverse,
/// and attributes that are missing are null.
///
/// # Errors
/// Where something is not of that type, or no JSON at all.
pub fn from_json(bytes: &[u8], kind: &Type) -> Result<Value, CodecError> {
    read(bytes, kind, Extra::Refuse)
}

/// Reads state that may be from another version of the schema: like [`from_json`], and attributes that the type no
/// longer has are dropped.
///
/// # Errors
/// Where something is not of that type, or no JSON at all.
pub fn from_state_json(bytes: &[u8], kind: &Type) -> Result<Value, CodecError> {
    read(bytes, kind, Extra::Drop)
}

/// Writes a value of type `kind`.
///
/// # Errors
/// Where the value is not of that type, or unknown: JSON has no unknowns.
pub fn to_json(value: &Value, kind: &Type) -> Result<String, CodecError> {
    let mut out = String::new();
    write(&mut out, value, kind, 0)?;
    Ok(out)
}

fn read(bytes: &[u8], kind: &Type, extra: Extra) -> Result<Value, CodecError> {
    // The parser's own message may quote what it read, so only its position goes into ours.
    let json = serde_json::from_slice(bytes)
        .map_err(|error| CodecError::new(format!("no JSON at line {} column {}", error.line(), error.column())))?;
    of_json(json, kind, extra, 0)
}

fn of_json(json: Json, kind: &Type, extra: Extra, depth: usize) -> Result<Value, CodecError> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let required = || CodecError::new(format!("{} is required", wanted(kind)));
    match (kind, json) {
        (_, Json::Null) => Ok(Value::Null),
        (Type::Bool, Json::Bool(value)) => Ok(Value::Bool(value)),
        (Type::Bool, Json::String(text)) => match text.as_str() {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(required()),
        },
        (Type::Number, Json::Number(number)) => parse_number(&number.to_string()),
        (Type::Number, Json::String(text)) => parse_number(&text),
        (Type::String, Json::String(text)) => Ok(Value::String(normalized(&text))),
        (Type::String, Json::Number(number)) => Ok(Value::String(number.to_string())),
        (Type::String, Json::Bool(value)) => Ok(Value::String(value.to_string())),
        (Type::Dynamic, Json::Object(parts)) => dynamic_of_json(parts, extra, depth),
        (Type::List(element), Json::Array(elements)) => {
            let values = elements.into_iter().enumerate().map(|(index, json)| {
                of_json(json, element, extra, depth + 1).map_err(|error| error.within(PathStep::Index(index)))
            });
            values.collect::<Result<_, _>>().map(Value::List)
        }
        (Type::Set(element), Json::Array(elements)) => {
            let values = elements.into_iter().map(|json| of_json(json, element, extra, depth + 1));
            values.collect::<Result<_, _>>().map(Value::Set)
        }
        (Type::Map(element), Json::Object(elements)) => {
            let values = elements.into_iter().map(|(key, json)| match of_json(json, element, extra, depth + 1) {
                Ok(value) => Ok((normalized(&key), value)),
                Err(error) => Err(error.within(PathStep::Key(key))),
            });
            values.collect::<Result<_, _>>().map(Value::Map)
        }
        (Type::Tuple(kinds), Json::Array(elements)) => {
            if elements.len() != kinds.len() {
                return Err(wrong_length("a tuple", kinds.len(), elements.len()));
            }
            let values = elements.into_iter().zip(kinds).enumerate().map(|(index, (json, kind))| {
                of_json(json, kind, extra, depth + 1).map_err(|error| error.within(PathStep::Index(index)))
            });
            values.collect::<Result<_, _>>().map(Value::Tuple)
        }
        (Type::Object(object), Json::Object(given)) => object_of_json(given, object, extra, depth),
        (
            Type::Bool
            | Type::Number
            | Type::String
            | Type::Dynamic
            | Type::List(_)
            | Type::Set(_)
            | Type::Map(_)
            | Type::Tuple(_)
            | Type::Object(_),
            _,
        ) => Err(required()),
    }
}

fn object_of_json(
    given: serde_json::Map<String, Json>,
    object: &ObjectType,
    extra: Extra,
    depth: usize,
) -> Result<Value, CodecError> {
    let mut attributes: BTreeMap<String, Value> = BTreeMap::new();
    for (name, json) in given {
        let name = normalized(&name);
        let Some(kind) = object.attributes.get(&name) else {
            match extra {
                Extra::Drop => continue,
                Extra::Refuse => return Err(CodecError::new(format!("there is no attribute {name:?}"))),
            }
        };
        match of_json(json, kind, extra, depth + 1) {
            Ok(value) => attributes.insert(name, value),
            Err(error) => return Err(error.within(attribute_step(&name))),
        };
    }
    for name in object.attributes.keys() {
        if !attributes.contains_key(name) {
            attributes.insert(name.clone(), Value::Null);
        }
    }
    Ok(Value::Object(attributes))
}

fn dynamic_of_json(mut parts: serde_json::Map<String, Json>, extra: Extra, depth: usize) -> Result<Value, CodecError> {
    let (Some(kind), Some(json), true) = (parts.remove("type"), parts.remove("value"), parts.is_empty()) else {
        return Err(CodecError::new("a value of open type is written as an object of \"type\" and \"value\""));
    };
    let kind = Type::from_json(kind.to_string().as_bytes())?;
    let value = of_json(json, &kind, extra, depth + 1)?;
    Ok(Value::Dynamic(Box::new(Dynamic { kind, value })))
}

fn parse_number(text: &str) -> Result<Value, CodecError> {
    text.parse::<Number>().map(Value::Number).map_err(|error| CodecError::new(error.to_string()))
}

fn write(out: &mut String, value: &Value, kind: &Type, depth: usize) -> Result<(), CodecError> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    match (value, kind) {
        (Value::Null, _) => out.push_str("null"),
        (Value::Unknown(_), _) => return Err(CodecError::new("an unknown value cannot be stored")),
        (Value::Bool(value), Type::Bool) => out.push_str(if *value { "true" } else { "false" }),
        (Value::Number(number), Type::Number) => out.push_str(&number.to_string()),
        (Value::String(text), Type::String) => write_text(out, text),
        (Value::Dynamic(dynamic), Type::Dynamic) => {
            out.push_str("{\"value\":");
            write(out, &dynamic.value, &dynamic.kind, depth + 1)?;
            out.push_str(",\"type\":");
            out.push_str(&dynamic.kind.to_json());
            out.push('}');
        }
        (Value::List(elements), Type::List(element)) => {
            check_same_types(elements.iter(), element)?;
            write_array(out, elements.iter().map(|value| (value, element.as_ref())), depth)?;
        }
        (Value::Set(elements), Type::Set(element)) => {
            check_same_types(elements.iter(), element)?;
            out.push('[');
            for (position, value) in elements.iter().enumerate() {
                separate(out, position);
                write(out, value, element, depth + 1).map_err(|error| error.within(element_step(value)))?;
            }
            out.push(']');
        }
        (Value::Tuple(elements), Type::Tuple(kinds)) => {
            if elements.len() != kinds.len() {
                return Err(wrong_length("a tuple", kinds.len(), elements.len()));
            }
            write_array(out, elements.iter().zip(kinds), depth)?;
        }
        (Value::Map(elements), Type::Map(element)) => {
            check_same_types(elements.values(), element)?;
            out.push('{');
            for (position, (key, value)) in elements.iter().enumerate() {
                separate(out, position);
                write_text(out, key);
                out.push(':');
                write(out, value, element, depth + 1).map_err(|error| error.within(PathStep::Key(key.clone())))?;
            }
            out.push('}');
        }
        (Value::Object(attributes), Type::Object(object)) => {
            check_names(attributes, object)?;
            out.push('{');
            for (position, ((name, value), kind)) in attributes.iter().zip(object.attributes.values()).enumerate() {
                separate(out, position);
                write_text(out, name);
                out.push(':');
                write(out, value, kind, depth + 1).map_err(|error| error.within(attribute_step(name)))?;
            }
            out.push('}');
        }
        (
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::List(_)
            | Value::Set(_)
            | Value::Map(_)
            | Value::Object(_)
            | Value::Tuple(_)
            | Value::Dynamic(_),
            kind,
        ) => return Err(value.mismatch(kind)),
    }
    Ok(())
}

fn write_array<'v>(
    out: &mut String,
    elements: impl Iterator<Item = (&'v Value, &'v Type)>,
    depth: usize,
) -> Result<(), CodecError> {
    out.push('[');
    for (index, (value, kind)) in elements.enumerate() {
        separate(out, index);
        write(out, value, kind, depth + 1).map_err(|error| error.within(PathStep::Index(index)))?;
    }
    out.push(']');
    Ok(())
}

fn separate(out: &mut String, position: usize) {
    if position > 0 {
        out.push(',');
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&Json::from(text).to_string());
}

fn too_deep() -> CodecError {
    CodecError::new(format!("a value is nested more than {MAX_DEPTH} levels deep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind() -> Type {
        Type::object([
            ("count", Type::Number),
            ("name", Type::String),
            ("on", Type::Bool),
            ("open", Type::Dynamic),
            ("tags", Type::set(Type::String)),
        ])
    }

    #[test]
    fn reads_as_leniently_as_core() {
        let read = from_json(br#"{"count":"0.10","name":12.50,"on":"1","tags":["b","a","b"]}"#, &kind());
        let expect = Value::object([
            ("count", Value::Number("0.1".parse().unwrap())),
            ("name", Value::from("12.50")),
            ("on", Value::from(true)),
            ("open", Value::Null),
            ("tags", Value::set([Value::from("a"), Value::from("b")])),
        ]);
        assert_eq!(read, Ok(expect));
    }

    #[test]
    fn attributes_that_are_gone_are_refused_or_dropped() {
        let json = br#"{"old":1,"name":"x"}"#;
        assert_eq!(from_json(json, &kind()).unwrap_err().message, "there is no attribute \"old\"");
        assert_eq!(from_state_json(json, &kind()).unwrap().get("name"), Some(&Value::from("x")));
    }

    #[test]
    fn writes_what_it_reads() {
        let json = r#"{"count":156.25,"name":"ä\n","on":false,"open":{"value":["a",1],"type":["tuple",["string","number"]]},"tags":["a"]}"#;
        let value = from_json(json.as_bytes(), &kind()).unwrap();
        assert_eq!(to_json(&value, &kind()).as_deref(), Ok(json));
    }

    #[test]
    fn errors_name_the_place_and_not_the_content() {
        let error = from_json(br#"{"tags":{"a":1}}"#, &kind()).unwrap_err();
        assert_eq!((error.path.to_string().as_str(), error.message.as_str()), ("tags", "a set is required"));
        let error = from_json(br#"{"count":"hunter2"}"#, &kind()).unwrap_err();
        assert_eq!((error.path.to_string().as_str(), error.message.as_str()), ("count", "a number is required"));
        let error = from_json(b"{hunter2", &kind()).unwrap_err();
        assert!(!error.message.contains("hunter2"));
        assert!(to_json(&Value::unknown(), &Type::String).is_err());
    }
}
