//! Types of values, and their JSON form on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value as Json;

use super::{CodecError, MAX_DEPTH, normalized};

/// A type constraint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// Any type; the value carries its own.
    Dynamic,
    /// `list(T)`
    List(Box<Type>),
    /// `set(T)`
    Set(Box<Type>),
    /// `map(T)`
    Map(Box<Type>),
    /// `tuple([…])`
    Tuple(Vec<Type>),
    /// `object({…})`
    Object(ObjectType),
}

/// The attributes of an object type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectType {
    /// Type by attribute name.
    pub attributes: BTreeMap<String, Type>,
    /// Names that may be missing in what is converted to this type (only in types that core sends).
    pub optional: BTreeSet<String>,
}

impl Type {
    /// `list(element)`
    pub fn list(element: Type) -> Self {
        Self::List(Box::new(element))
    }

    /// `set(element)`
    pub fn set(element: Type) -> Self {
        Self::Set(Box::new(element))
    }

    /// `map(element)`
    pub fn map(element: Type) -> Self {
        Self::Map(Box::new(element))
    }

    /// `object({…})` of the given attributes.
    pub fn object(attributes: impl IntoIterator<Item = (impl Into<String>, Type)>) -> Self {
        Self::Object(ObjectType {
            attributes: attributes.into_iter().map(|(name, kind)| (name.into(), kind)).collect(),
            optional: BTreeSet::new(),
        })
    }

    /// Whether `dynamic` is in it somewhere.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Self::Dynamic => true,
            Self::Bool | Self::Number | Self::String => false,
            Self::List(element) | Self::Set(element) | Self::Map(element) => element.has_dynamic(),
            Self::Tuple(elements) => elements.iter().any(Self::has_dynamic),
            Self::Object(object) => object.attributes.values().any(Self::has_dynamic),
        }
    }

    /// The JSON form, as schemas and dynamic values carry it: `["list","string"]`.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// If it is not JSON, not a type, or nested deeper than [`MAX_DEPTH`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, CodecError> {
        let json =
            serde_json::from_slice(bytes).map_err(|error| CodecError::new(format!("a type is no JSON: {error}")))?;
        Self::of_json(json, 0)
    }

    fn write_json(&self, out: &mut String) {
        let collection = |out: &mut String, name: &str, element: &Type| {
            out.push_str("[\"");
            out.push_str(name);
            out.push_str("\",");
            element.write_json(out);
            out.push(']');
        };
        match self {
            Self::Bool => out.push_str("\"bool\""),
            Self::Number => out.push_str("\"number\""),
            Self::String => out.push_str("\"string\""),
            Self::Dynamic => out.push_str("\"dynamic\""),
            Self::List(element) => collection(out, "list", element),
            Self::Set(element) => collection(out, "set", element),
            Self::Map(element) => collection(out, "map", element),
            Self::Tuple(elements) => {
                out.push_str("[\"tuple\",[");
                for (position, element) in elements.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    element.write_json(out);
                }
                out.push_str("]]");
            }
            Self::Object(object) => {
                out.push_str("[\"object\",{");
                for (position, (name, kind)) in object.attributes.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    out.push_str(&quoted(name));
                    out.push(':');
                    kind.write_json(out);
                }
                out.push('}');
                if !object.optional.is_empty() {
                    let names: Vec<String> = object.optional.iter().map(|name| quoted(name)).collect();
                    out.push_str(",[");
                    out.push_str(&names.join(","));
                    out.push(']');
                }
                out.push(']');
            }
        }
    }

    fn of_json(json: Json, depth: usize) -> Result<Self, CodecError> {
        if depth > MAX_DEPTH {
            return Err(CodecError::new(format!("a type is nested more than {MAX_DEPTH} levels deep")));
        }
        let parts = match json {
            Json::String(name) => {
                return match name.as_str() {
                    "bool" => Ok(Self::Bool),
                    "number" => Ok(Self::Number),
                    "string" => Ok(Self::String),
                    "dynamic" => Ok(Self::Dynamic),
                    _ => Err(CodecError::new(format!("there is no type {name:?}"))),
                };
            }
            Json::Array(parts) => parts,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {
                return Err(CodecError::new("a type is written as a string or an array"));
            }
        };
        let mut parts = parts.into_iter();
        let (name, inner, extra) = (parts.next(), parts.next(), parts.next());
        let (Some(Json::String(name)), Some(inner), None) = (name, inner, parts.next()) else {
            return Err(CodecError::new("a type is written as an array of a name and what is in it"));
        };
        let element = |inner| Self::of_json(inner, depth + 1).map(Box::new);
        let made = match (name.as_str(), inner) {
            ("list", inner) => Self::List(element(inner)?),
            ("set", inner) => Self::Set(element(inner)?),
            ("map", inner) => Self::Map(element(inner)?),
            ("tuple", Json::Array(elements)) => Self::Tuple(
                elements.into_iter().map(|inner| Self::of_json(inner, depth + 1)).collect::<Result<_, _>>()?,
            ),
            ("object", Json::Object(attributes)) => {
                let attributes = attributes
                    .into_iter()
                    .map(|(name, inner)| Ok((normalized(&name), Self::of_json(inner, depth + 1)?)))
                    .collect::<Result<BTreeMap<_, _>, _>>()?;
                let optional = optional_names(extra, &attributes)?;
                return Ok(Self::Object(ObjectType { attributes, optional }));
            }
            (_, _) => return Err(CodecError::new(format!("{name:?} with this content is no type"))),
        };
        if extra.is_some() {
            return Err(CodecError::new("only an object type has a third part"));
        }
        Ok(made)
    }
}

fn optional_names(extra: Option<Json>, attributes: &BTreeMap<String, Type>) -> Result<BTreeSet<String>, CodecError> {
    let wrong = || CodecError::new("the third part of an object type lists names of its attributes");
    let names = match extra {
        None => return Ok(BTreeSet::new()),
        Some(Json::Array(names)) => names,
        Some(_) => return Err(wrong()),
    };
    let name_of = |name: Json| match name {
        Json::String(name) => Some(normalized(&name)).filter(|name| attributes.contains_key(name)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
    };
    names.into_iter().map(|name| name_of(name).ok_or_else(wrong)).collect()
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

impl fmt::Display for Type {
    /// As written in HCL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Dynamic => f.write_str("any"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Tuple(elements) => {
                f.write_str("tuple([")?;
                for (position, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if position > 0 { ", " } else { "" })?;
                }
                f.write_str("])")
            }
            Self::Object(object) => {
                f.write_str("object({")?;
                for (position, (name, kind)) in object.attributes.iter().enumerate() {
                    write!(f, "{}{name} = {kind}", if position > 0 { ", " } else { "" })?;
                }
                f.write_str("})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_there_and_back() {
        for json in [
            r#""string""#,
            r#"["list","number"]"#,
            r#"["set",["map","bool"]]"#,
            r#"["tuple",[]]"#,
            r#"["tuple",["string","dynamic"]]"#,
            r#"["object",{}]"#,
            r#"["object",{"a":"string","b":["object",{"c":"bool"}]}]"#,
            r#"["object",{"a":"string","b":"bool"},["b"]]"#,
        ] {
            let kind = Type::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(kind.to_json(), json);
        }
    }

    #[test]
    fn refuses_what_is_no_type() {
        for json in [
            "",
            "null",
            "{}",
            r#""str""#,
            "[]",
            r#"["list"]"#,
            r#"["list","string","string"]"#,
            r#"["list","string"] x"#,
            r#"["tuple","string"]"#,
            r#"["object",[]]"#,
            r#"["object",{},["a"]]"#,
            r#"["object",{},[],[]]"#,
        ] {
            assert!(Type::from_json(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |levels: usize| format!("{}\"string\"{}", "[\"list\",".repeat(levels), "]".repeat(levels));
        assert!(Type::from_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(Type::from_json(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(Type::from_json(nested(100_000).as_bytes()).is_err());
    }
}
