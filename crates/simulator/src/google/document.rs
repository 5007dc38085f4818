//! JSON documents: what becomes of them when defaults, changes and checksums are worked out.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Document = Map<String, Value>;

/// The document in a `json!({…})`.
pub(super) fn document(value: Value) -> Document {
    match value {
        Value::Object(document) => document,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Document::new(),
    }
}

/// Adds what is missing, also inside of objects.
pub(super) fn fill(doc: &mut Document, defaults: Value) {
    for (key, default) in document(defaults) {
        match doc.get_mut(&key) {
            None => drop(doc.insert(key, default)),
            Some(Value::Object(inner)) if default.is_object() => fill(inner, default),
            Some(_) => {}
        }
    }
}

/// Objects are merged, null removes, all else replaces (RFC 7396); members named in `whole` replace even where they are objects.
pub(super) fn merge(doc: &mut Document, patch: Document, whole: &[&str]) {
    for (key, value) in patch {
        match (doc.get_mut(&key), value) {
            (_, Value::Null) => drop(doc.remove(&key)),
            (Some(Value::Object(inner)), Value::Object(patch)) if !whole.contains(&key.as_str()) => {
                merge(inner, patch, whole);
            }
            (_, value) => drop(doc.insert(key, value)),
        }
    }
}

/// A member to be changed; an empty object is put where there is none.
pub(super) fn member<'d>(doc: &'d mut Document, key: &str) -> &'d mut Value {
    let member = doc.entry(key).or_insert_with(|| Value::Object(Document::new()));
    if !member.is_object() {
        *member = Value::Object(Document::new());
    }
    member
}

/// A member that is text; empty where there is none.
pub(super) fn text<'d>(doc: &'d Document, key: &str) -> &'d str {
    doc.get(key).and_then(Value::as_str).unwrap_or("")
}

/// The texts of a list; none where there is no such list.
pub(super) fn texts(doc: &Document, key: &str) -> Vec<String> {
    let items = doc.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The checksum of a document, in the form of an etag.
pub(super) fn etag(doc: &Value) -> String {
    BASE64_STANDARD.encode(checksum(doc).to_be_bytes())
}

/// The checksum of labels, in the form of a label fingerprint.
pub(super) fn label_fingerprint(labels: &Value) -> String {
    format!("{:08x}", checksum(labels) & 0xffff_ffff)
}

/// FNV-1a, which is the same everywhere and always; members of objects are in order.
fn checksum(value: &Value) -> u64 {
    let text = value.to_string();
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
