//! Between the wire's messages and this crate's types.

use std::time::SystemTime;

use crate::call::{ClientCapabilities, DeferReason};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::function::{AnyFunction, FunctionError};
use crate::path::{Path, PathStep};
use crate::proto::{Bytes, tfplugin6 as wire};
use crate::schema::{Attribute, AttributeKind, Block, BlockNesting, NestedBlock, Nesting, Presence, Schema};
use crate::value::{CodecError, Type, Value, from_json, from_msgpack, to_msgpack};

/// The longest text of a diagnostic, in bytes: a server's page of HTML helps nobody.
const TEXT_BYTES_MAX: usize = 32 * 1024;

/// Reads a value that core sent: msgpack, else JSON, else null.
pub(crate) fn value(dynamic: Option<&wire::DynamicValue>, kind: &Type) -> Result<Value, Diagnostics> {
    let Some(dynamic) = dynamic else { return Ok(Value::Null) };
    let read = if !dynamic.msgpack.is_empty() {
        from_msgpack(&dynamic.msgpack, kind)
    } else if !dynamic.json.is_empty() {
        from_json(&dynamic.json, kind)
    } else {
        return Ok(Value::Null);
    };
    read.map_err(|error| {
        let detail = format!(
            "{} at \"{}\". This is a bug of Terraform or of this provider: please report it with the configuration.",
            error.message, error.path
        );
        Diagnostic::error("Unable to read a value that Terraform sent", detail).at(error.path).into()
    })
}

/// Writes a value for core, always in msgpack.
pub(crate) fn dynamic(value: &Value, kind: &Type) -> Result<wire::DynamicValue, Diagnostics> {
    let msgpack = to_msgpack(value, kind).map_err(|error: CodecError| {
        let detail = format!(
            "The provider made a value that its schema does not allow: {} at \"{}\". \
             This is a bug of the provider: please report it with the configuration.",
            error.message, error.path
        );
        Diagnostics::from(Diagnostic::error("Unable to write a value for Terraform", detail).at(error.path))
    })?;
    Ok(wire::DynamicValue { msgpack: msgpack.into(), json: Bytes::new() })
}

pub(crate) fn identity(
    value: Option<&Value>,
    schema: Option<&Schema>,
) -> Result<Option<wire::ResourceIdentityData>, Diagnostics> {
    let (Some(value), Some(schema)) = (value, schema) else { return Ok(None) };
    Ok(Some(wire::ResourceIdentityData { identity_data: Some(dynamic(value, &schema.block.value_type())?) }))
}

pub(crate) fn identity_value(
    data: Option<&wire::ResourceIdentityData>,
    schema: Option<&Schema>,
) -> Result<Option<Value>, Diagnostics> {
    let (Some(data), Some(schema)) = (data, schema) else { return Ok(None) };
    let value = value(data.identity_data.as_ref(), &schema.block.value_type())?;
    Ok((!value.is_null()).then_some(value))
}

pub(crate) fn capabilities(sent: Option<wire::ClientCapabilities>) -> ClientCapabilities {
    let sent = sent.unwrap_or_default();
    ClientCapabilities {
        deferral: sent.deferral_allowed,
        write_only_attributes: sent.write_only_attributes_allowed,
        stored_planned_private: sent.store_planned_private,
        computed_blocks: sent.computed_blocks_allowed,
    }
}

pub(crate) fn diagnostics(diagnostics: Diagnostics) -> Vec<wire::Diagnostic> {
    diagnostics.into_iter().map(diagnostic).collect()
}

fn diagnostic(diagnostic: Diagnostic) -> wire::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => wire::diagnostic::Severity::Error,
        Severity::Warning => wire::diagnostic::Severity::Warning,
    };
    wire::Diagnostic {
        severity: severity.into(),
        summary: shown(&diagnostic.summary),
        detail: shown(&diagnostic.detail),
        attribute: diagnostic.path.filter(|path| !path.is_root()).map(|path| attribute_path(&path)),
    }
}

/// Text that is safe to show on a terminal: masked, without control characters, and not endless.
fn shown(text: &str) -> String {
    let text = crate::logging::masked(text);
    let mut shown: String = text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect();
    if shown.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or(0);
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// A path on the wire, which has no step into a set: it ends at the set.
pub(crate) fn attribute_path(path: &Path) -> wire::AttributePath {
    use wire::attribute_path::{Step, step::Selector};
    let selectors = path.steps().iter().map_while(|step| match step {
        PathStep::Attribute(name) => Some(Selector::AttributeName(name.to_string())),
        PathStep::Key(key) => Some(Selector::ElementKeyString(key.clone())),
        PathStep::Index(index) => Some(Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX))),
        PathStep::Element(_) => None,
    });
    wire::AttributePath { steps: selectors.map(|selector| Step { selector: Some(selector) }).collect() }
}

pub(crate) fn deferred(reason: DeferReason) -> wire::Deferred {
    let reason = match reason {
        DeferReason::ResourceConfigUnknown => wire::deferred::Reason::ResourceConfigUnknown,
        DeferReason::ProviderConfigUnknown => wire::deferred::Reason::ProviderConfigUnknown,
        DeferReason::AbsentPrerequisite => wire::deferred::Reason::AbsentPrereq,
    };
    wire::Deferred { reason: reason.into() }
}

/// The wire's time; a time before 1970 becomes 1970.
pub(crate) fn timestamp(time: SystemTime) -> prost_types::Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    prost_types::Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or(0),
    }
}

pub(crate) fn schema(schema: &Schema) -> wire::Schema {
    wire::Schema { version: schema.version, block: Some(block(&schema.block, schema.version)) }
}

fn block(block: &Block, version: i64) -> wire::schema::Block {
    wire::schema::Block {
        version,
        attributes: block.attributes.iter().map(attribute).collect(),
        block_types: block.blocks.iter().map(nested_block).collect(),
        description: block.description.to_string(),
        description_kind: wire::StringKind::Markdown.into(),
        deprecated: block.deprecated.is_some(),
        deprecation_message: block.deprecated.as_deref().unwrap_or_default().to_owned(),
        computed: false,
    }
}

fn nested_block(nested: &NestedBlock) -> wire::schema::NestedBlock {
    use wire::schema::nested_block::NestingMode;
    let nesting = match nested.nesting {
        BlockNesting::Single => NestingMode::Single,
        BlockNesting::List => NestingMode::List,
        BlockNesting::Set => NestingMode::Set,
        BlockNesting::Map => NestingMode::Map,
        BlockNesting::Group => NestingMode::Group,
    };
    // Core wants both limits of a single block to be equal: 1 for a required one, else 0.
    let max_items = match nested.nesting {
        BlockNesting::Single => nested.min_items,
        BlockNesting::List | BlockNesting::Set | BlockNesting::Map | BlockNesting::Group => nested.max_items,
    };
    wire::schema::NestedBlock {
        type_name: nested.name.to_string(),
        block: Some(block(&nested.block, 0)),
        nesting: nesting.into(),
        min_items: nested.min_items.into(),
        max_items: max_items.into(),
    }
}

fn attribute(attribute: &Attribute) -> wire::schema::Attribute {
    let (kind, nested_type) = match &attribute.kind {
        AttributeKind::Type(kind) => (type_json(kind), None),
        AttributeKind::Nested { nesting, attributes } => (Bytes::new(), Some(object(*nesting, attributes))),
    };
    wire::schema::Attribute {
        name: attribute.name.to_string(),
        r#type: kind,
        nested_type,
        description: attribute.description.to_string(),
        required: attribute.presence == Presence::Required,
        optional: matches!(attribute.presence, Presence::Optional | Presence::OptionalComputed),
        computed: attribute.presence.is_computed(),
        sensitive: attribute.sensitive,
        description_kind: wire::StringKind::Markdown.into(),
        deprecated: attribute.deprecated.is_some(),
        write_only: attribute.write_only,
        deprecation_message: attribute.deprecated.as_deref().unwrap_or_default().to_owned(),
    }
}

#[expect(deprecated, reason = "the generated message has fields that were never used")]
fn object(nesting: Nesting, attributes: &[Attribute]) -> wire::schema::Object {
    use wire::schema::object::NestingMode;
    let nesting = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    wire::schema::Object {
        attributes: attributes.iter().map(attribute).collect(),
        nesting: nesting.into(),
        min_items: 0,
        max_items: 0,
    }
}

fn type_json(kind: &Type) -> Bytes {
    kind.to_json().into()
}

pub(crate) fn identity_schema(schema: &Schema) -> wire::ResourceIdentitySchema {
    let attributes =
        schema.block.attributes.iter().map(|attribute| wire::resource_identity_schema::IdentityAttribute {
            name: attribute.name.to_string(),
            r#type: type_json(&attribute.kind.value_type()),
            required_for_import: attribute.presence == Presence::Required,
            optional_for_import: attribute.presence != Presence::Required,
            description: attribute.description.to_string(),
        });
    wire::ResourceIdentitySchema { version: schema.version, identity_attributes: attributes.collect() }
}

pub(crate) fn function(function: &dyn AnyFunction) -> wire::Function {
    let block = &function.parameters().block;
    let mut parameters: Vec<_> = block.attributes.iter().map(parameter).collect();
    let mut variadic_parameter = None;
    if function.is_variadic()
        && let (Some(mut last), Some(attribute)) = (parameters.pop(), block.attributes.last())
    {
        last.r#type = type_json(&variadic_element(&attribute.kind.value_type()));
        variadic_parameter = Some(last);
    }
    wire::Function {
        parameters,
        variadic_parameter,
        r#return: Some(wire::function::Return { r#type: type_json(&function.output()) }),
        summary: function.summary().to_owned(),
        description: block.description.to_string(),
        description_kind: wire::StringKind::Markdown.into(),
        deprecation_message: block.deprecated.as_deref().unwrap_or_default().to_owned(),
    }
}

/// The type of one argument of a variadic parameter, whose field is a list.
pub(crate) fn variadic_element(kind: &Type) -> Type {
    match kind {
        Type::List(element) => element.as_ref().clone(),
        other => other.clone(),
    }
}

fn parameter(attribute: &Attribute) -> wire::function::Parameter {
    wire::function::Parameter {
        name: attribute.name.to_string(),
        r#type: type_json(&attribute.kind.value_type()),
        allow_null_value: attribute.presence != Presence::Required,
        allow_unknown_values: false,
        description: attribute.description.to_string(),
        description_kind: wire::StringKind::Markdown.into(),
    }
}

pub(crate) fn function_error(error: &FunctionError) -> wire::FunctionError {
    wire::FunctionError {
        text: shown(&error.text),
        function_argument: error.argument.and_then(|position| i64::try_from(position).ok()),
    }
}
