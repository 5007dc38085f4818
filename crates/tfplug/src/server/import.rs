//! Reading what exists: refresh, data sources, import, move, upgrades of stored state, generated configuration.

use super::guard::interruptible;
use super::plan::cannot_defer;
use super::propose::with_defaults;
use super::shape::{Member, Shape, has_spelling, map_objects, part, with_empty_blocks};
use super::write_only::without_write_only;
use super::{Inner, convert, unknown_type};
use crate::call::{Call, DeferReason};
use crate::check;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::proto::{Bytes, tfplugin6 as wire};
use crate::provider::Provider;
use crate::resource::{ImportId, MoveSource};
use crate::schema::Presence;
use crate::value::{Type, Value};

impl<P: Provider> Inner<P> {
    pub(super) async fn read(
        &self,
        request: wire::read_resource::Request,
    ) -> Result<wire::read_resource::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let kind = resource.state_type();
        let block = &resource.schema().block;
        let current = convert::value(request.current_state.as_ref(), kind)?;
        let call = self.call(request.client_capabilities, &request.private);
        if self.is_deferred(call.capabilities()) {
            return Ok(wire::read_resource::Response {
                new_state: request.current_state,
                private: request.private,
                deferred: Some(convert::deferred(DeferReason::ProviderConfigUnknown)),
                new_identity: request.current_identity,
                diagnostics: Vec::new(),
            });
        }
        let reading = resource.read(&call, current.clone());
        let read = interruptible("ReadResource", &request.type_name, &call, reading).await?;
        let mut diagnostics = call.take_warnings();
        let deferred = self.deferral(&request.type_name, &call, &mut diagnostics);
        let state = match read {
            None => Value::Null,
            Some(state) => keep_spelling(Shape::of(block), without_write_only(block, state), &current),
        };
        if !diagnostics.has_error() {
            let violations = check::read(block, &state);
            diagnostics.extend(check::diagnostics(&request.type_name, "read", violations));
        }
        let known = convert::identity_value(request.current_identity.as_ref(), resource.identity_schema())?;
        let identity = resource.identity(&state)?;
        if let (Some(before), Some(now)) = (&known, &identity)
            && before != now
        {
            diagnostics.push(Diagnostic::error(
                format!("The identity of this {} changed", request.type_name),
                "What was read is another object than the one in the state. Check the provider's account and \
                 endpoint settings; if the object was replaced outside Terraform, remove it from the state and \
                 import the new one.",
            ));
        }
        let new_identity = if state.is_null() { None } else { identity.or(known) };
        Ok(wire::read_resource::Response {
            new_state: Some(convert::dynamic(&state, kind)?),
            diagnostics: convert::diagnostics(diagnostics),
            private: call.private().to_bytes().into(),
            deferred,
            new_identity: convert::identity(new_identity.as_ref(), resource.identity_schema())?,
        })
    }

    pub(super) async fn read_data(
        &self,
        request: wire::read_data_source::Request,
    ) -> Result<wire::read_data_source::Response, Diagnostics> {
        let source = self.offers().data_sources.get(request.type_name.as_str());
        let source = source.ok_or_else(|| unknown_type("data source", &request.type_name))?;
        let block = &source.schema().block;
        let kind = block.value_type();
        let config = convert::value(request.config.as_ref(), &kind)?;
        let call = self.call(request.client_capabilities, &[]);
        if self.is_deferred(call.capabilities()) {
            return Ok(wire::read_data_source::Response {
                state: Some(convert::dynamic(&unknown_where_computed(Shape::of(block), &config), &kind)?),
                diagnostics: Vec::new(),
                deferred: Some(convert::deferred(DeferReason::ProviderConfigUnknown)),
            });
        }
        let reading = source.read(&call, with_defaults(Shape::of(block), &config));
        let state = interruptible("ReadDataSource", &request.type_name, &call, reading).await?;
        let mut diagnostics = call.take_warnings();
        let deferred = self.deferral(&request.type_name, &call, &mut diagnostics);
        if !diagnostics.has_error() {
            let violations = check::data_source(block, &state);
            diagnostics.extend(check::diagnostics(&request.type_name, "read", violations));
        }
        Ok(wire::read_data_source::Response {
            state: Some(convert::dynamic(&state, &kind)?),
            diagnostics: convert::diagnostics(diagnostics),
            deferred,
        })
    }

    pub(super) async fn import(
        &self,
        request: wire::import_resource_state::Request,
    ) -> Result<wire::import_resource_state::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let block = &resource.schema().block;
        let given = convert::identity_value(request.identity.as_ref(), resource.identity_schema())?;
        let id = match &given {
            Some(identity) => ImportId::Identity(identity.clone()),
            None => ImportId::Id(request.id),
        };
        let call = self.call(request.client_capabilities, &[]);
        if self.is_deferred(call.capabilities()) {
            let imported = wire::import_resource_state::ImportedResource {
                type_name: request.type_name,
                state: Some(convert::dynamic(&nothing_known(resource.state_type()), resource.state_type())?),
                private: Bytes::new(),
                identity: request.identity,
            };
            return Ok(wire::import_resource_state::Response {
                imported_resources: vec![imported],
                deferred: Some(convert::deferred(DeferReason::ProviderConfigUnknown)),
                diagnostics: Vec::new(),
            });
        }
        let importing = resource.import(&call, id);
        let state = interruptible("ImportResourceState", &request.type_name, &call, importing).await?;
        let state = without_write_only(block, state).unknown_as_null();
        let identity = resource.identity(&state)?.or(given);
        let mut diagnostics = call.take_warnings();
        let deferred = self.deferral(&request.type_name, &call, &mut diagnostics);
        let violations = check::import(block, &state);
        diagnostics.extend(check::diagnostics(&request.type_name, "import", violations));
        let imported = wire::import_resource_state::ImportedResource {
            type_name: request.type_name,
            state: Some(convert::dynamic(&state, resource.state_type())?),
            private: call.private().to_bytes().into(),
            identity: convert::identity(identity.as_ref(), resource.identity_schema())?,
        };
        Ok(wire::import_resource_state::Response {
            imported_resources: vec![imported],
            diagnostics: convert::diagnostics(diagnostics),
            deferred,
        })
    }

    pub(super) async fn move_state(
        &self,
        request: wire::move_resource_state::Request,
    ) -> Result<wire::move_resource_state::Response, Diagnostics> {
        let resource = self.resource(&request.target_type_name)?;
        let block = &resource.schema().block;
        let json = |raw: Option<&wire::RawState>| raw.and_then(|raw| serde_json::from_slice(&raw.json).ok());
        let source = MoveSource {
            provider_address: request.source_provider_address,
            type_name: request.source_type_name,
            schema_version: request.source_schema_version,
            state: json(request.source_state.as_ref()).unwrap_or_default(),
            identity: json(request.source_identity.as_ref()),
        };
        let described = format!("{} of {}", source.type_name, source.provider_address);
        let call = self.call(None, &[]);
        let Some(state) = resource.move_from(&call, source).await? else {
            return Err(Diagnostic::error(
                format!("Unable to move {described} to {}", request.target_type_name),
                "This version of the provider cannot make its state from one of that resource type. \
                 Remove the old address from the state without destroying it (a `removed` block), and import the \
                 object at its new address.",
            )
            .into());
        };
        let state = without_write_only(block, state).unknown_as_null();
        let mut diagnostics = call.take_warnings();
        let violations = check::import(block, &state);
        diagnostics.extend(check::diagnostics(&request.target_type_name, "move", violations));
        Ok(wire::move_resource_state::Response {
            target_state: Some(convert::dynamic(&state, resource.state_type())?),
            diagnostics: convert::diagnostics(diagnostics),
            target_private: call.private().to_bytes().into(),
            target_identity: convert::identity(resource.identity(&state)?.as_ref(), resource.identity_schema())?,
        })
    }

    pub(super) fn upgrade_state(
        &self,
        request: &wire::upgrade_resource_state::Request,
    ) -> Result<wire::upgrade_resource_state::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let json = raw_json(&request.type_name, request.raw_state.as_ref())?;
        let block = &resource.schema().block;
        let state = without_write_only(block, resource.upgrade(request.version, json)?);
        let state = with_empty_blocks(block, &state);
        let violations = check::import(block, &state);
        Ok(wire::upgrade_resource_state::Response {
            upgraded_state: Some(convert::dynamic(&state, resource.state_type())?),
            diagnostics: convert::diagnostics(check::diagnostics(&request.type_name, "upgrade", violations)),
        })
    }

    pub(super) fn upgrade_identity(
        &self,
        request: &wire::upgrade_resource_identity::Request,
    ) -> Result<wire::upgrade_resource_identity::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let json = raw_json(&request.type_name, request.raw_identity.as_ref())?;
        let identity = resource.upgrade_identity(request.version, json)?;
        Ok(wire::upgrade_resource_identity::Response {
            upgraded_identity: convert::identity(Some(&identity), resource.identity_schema())?,
            diagnostics: Vec::new(),
        })
    }

    pub(super) fn generate_config(
        &self,
        request: &wire::generate_resource_config::Request,
    ) -> Result<wire::generate_resource_config::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let state = convert::value(request.state.as_ref(), resource.state_type())?;
        let config = configurable(Shape::of(&resource.schema().block), &state);
        let config = resource.generate_config(config)?;
        Ok(wire::generate_resource_config::Response {
            config: Some(convert::dynamic(&config, resource.state_type())?),
            diagnostics: Vec::new(),
        })
    }

    /// The answer's deferral, or an error where the handler asked for one that core cannot do.
    pub(super) fn deferral(
        &self,
        type_name: &str,
        call: &Call<P::Client>,
        diagnostics: &mut Diagnostics,
    ) -> Option<wire::Deferred> {
        let reason = call.deferred()?;
        if call.capabilities().deferral {
            return Some(convert::deferred(reason));
        }
        diagnostics.push(cannot_defer(type_name, reason));
        None
    }
}

fn raw_json<'r>(type_name: &str, raw: Option<&'r wire::RawState>) -> Result<&'r [u8], Diagnostics> {
    match raw {
        Some(raw) if !raw.json.is_empty() => Ok(&raw.json),
        _ => Err(Diagnostic::error(
            format!("Unable to read the stored state of {type_name}"),
            "It is in the format of Terraform before 0.12. Apply once with Terraform 0.12 or newer and a provider \
             of that time, then go on.",
        )
        .into()),
    }
}

/// An object whose parts are all unknown.
fn nothing_known(kind: &Type) -> Value {
    match kind {
        Type::Object(object) => Value::object(object.attributes.keys().map(|name| (name.as_str(), Value::unknown()))),
        Type::Bool
        | Type::Number
        | Type::String
        | Type::Dynamic
        | Type::List(_)
        | Type::Set(_)
        | Type::Map(_)
        | Type::Tuple(_) => Value::unknown(),
    }
}

/// What was read, with the state's own spelling wherever both mean the same.
fn keep_spelling(shape: Shape<'_>, read: Value, current: &Value) -> Value {
    let Value::Object(mut values) = read else { return read };
    for member in shape.members() {
        let name = member.name();
        let Some(value) = values.get_mut(name.as_ref()) else { continue };
        let before = part(current, name);
        match member {
            Member::Attribute(attribute) if attribute.same_meaning.is_some_and(|same| same(value, before)) => {
                *value = before.clone();
            }
            Member::Attribute(_) | Member::Block(_) => {
                if let Some((nesting, inner)) = member.objects()
                    && has_spelling(inner)
                {
                    let pairs = super::shape::pair(nesting, inner, &crate::path::Path::root(), value, before);
                    let counterparts: Vec<Value> = pairs.into_iter().map(|(_, _, before)| before.clone()).collect();
                    let mut counterparts = counterparts.iter();
                    *value = map_objects(nesting, value, |object| {
                        keep_spelling(inner, object.clone(), counterparts.next().unwrap_or(&Value::Null))
                    });
                }
            }
        }
    }
    Value::Object(values)
}

/// A state with nothing in it that a configuration may not or should not set.
fn configurable(shape: Shape<'_>, state: &Value) -> Value {
    let Value::Object(values) = state else { return state.clone() };
    let mut values = values.clone();
    for member in shape.members() {
        let name = member.name();
        let dropped = match member {
            Member::Attribute(attribute) => {
                attribute.presence == Presence::Computed || attribute.write_only || attribute.deprecated.is_some()
            }
            Member::Block(_) => false,
        };
        let kept = match member.objects() {
            _ if dropped => Value::Null,
            Some((nesting, inner)) => map_objects(nesting, part(state, name), |object| configurable(inner, object)),
            None => part(state, name).clone(),
        };
        values.insert(name.to_string(), kept);
    }
    Value::Object(values)
}

/// A data source's configuration with unknowns for all that reading would fill in.
pub(super) fn unknown_where_computed(shape: Shape<'_>, config: &Value) -> Value {
    let Value::Object(values) = config else { return config.clone() };
    let mut values = values.clone();
    for member in shape.members() {
        let name = member.name();
        let value = part(config, name);
        let filled = match member {
            Member::Attribute(attribute) if value.is_null() && attribute.presence.is_computed() => Value::unknown(),
            Member::Attribute(_) | Member::Block(_) => match member.objects() {
                Some((nesting, inner)) => map_objects(nesting, value, |object| unknown_where_computed(inner, object)),
                None => value.clone(),
            },
        };
        values.insert(name.to_string(), filled);
    }
    Value::Object(values)
}
