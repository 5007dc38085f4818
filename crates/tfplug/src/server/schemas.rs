//! What the provider offers: metadata, schemas, functions.

use std::collections::HashMap;

use prost::Message as _;

use super::{Inner, convert};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::function::FunctionError;
use crate::proto::tfplugin6 as wire;
use crate::provider::Provider;
use crate::schema::{Schema, SchemaError, SchemaUse, check_descriptions, check_provider_schemas};
use crate::value::{Type, Value};

/// The largest answer to GetProviderSchema that core takes.
const SCHEMAS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What this server does beyond the protocol's basics.
const CAPABILITIES: wire::ServerCapabilities = wire::ServerCapabilities {
    plan_destroy: true,
    get_provider_schema_optional: true,
    move_resource_state: true,
    generate_resource_config: true,
};

impl<P: Provider> Inner<P> {
    pub(super) fn metadata(&self) -> wire::get_metadata::Response {
        use wire::get_metadata as of;
        let offers = self.offers();
        let name = |name: &&'static str| (*name).to_owned();
        of::Response {
            server_capabilities: Some(CAPABILITIES),
            diagnostics: Vec::new(),
            data_sources: offers
                .data_sources
                .keys()
                .map(|key| of::DataSourceMetadata { type_name: name(key) })
                .collect(),
            resources: offers.resources.keys().map(|key| of::ResourceMetadata { type_name: name(key) }).collect(),
            functions: offers.functions.keys().map(|key| of::FunctionMetadata { name: name(key) }).collect(),
            ephemeral_resources: offers
                .ephemeral_resources
                .keys()
                .map(|key| of::EphemeralMetadata { type_name: name(key) })
                .collect(),
            list_resources: offers
                .list_resources
                .keys()
                .map(|key| of::ListResourceMetadata { type_name: name(key) })
                .collect(),
            state_stores: Vec::new(),
            actions: offers.actions.keys().map(|key| of::ActionMetadata { type_name: name(key) }).collect(),
        }
    }

    /// What is wrong with the schemas; in a released provider nothing is.
    pub(super) fn schema_errors(&self) -> Vec<SchemaError> {
        let mut errors = check_provider_schemas(self.each_schema());
        errors.extend(check_descriptions(self.each_schema()));
        errors
    }

    fn each_schema(&self) -> Vec<(SchemaUse, &str, &Schema)> {
        let offers = self.offers();
        let mut schemas = vec![(SchemaUse::Provider, "provider", self.config_schema())];
        for (name, resource) in &offers.resources {
            schemas.push((SchemaUse::Resource, name, resource.schema()));
            schemas.extend(resource.identity_schema().map(|identity| (SchemaUse::Identity, *name, identity)));
        }
        schemas.extend(offers.data_sources.iter().map(|(name, of)| (SchemaUse::DataSource, *name, of.schema())));
        let ephemeral = offers.ephemeral_resources.iter();
        schemas.extend(ephemeral.map(|(name, of)| (SchemaUse::EphemeralResource, *name, of.schema())));
        schemas.extend(offers.list_resources.iter().map(|(name, of)| (SchemaUse::ListResource, *name, of.schema())));
        schemas.extend(offers.actions.iter().map(|(name, of)| (SchemaUse::Action, *name, of.schema())));
        schemas.extend(
            offers
                .functions
                .iter()
                .map(|(name, of)| (SchemaUse::Function { is_variadic: of.is_variadic() }, *name, of.parameters())),
        );
        schemas
    }

    pub(super) fn schemas(&self) -> Result<wire::get_provider_schema::Response, Diagnostics> {
        let offers = self.offers();
        let repeated = offers.repeated.iter().map(|name| {
            Diagnostic::error("Offered twice", format!("{name} is offered twice. This is a bug of the provider."))
        });
        // Core trips over broken rules; descriptions that lack are for the provider's own tests to find.
        let broken = check_provider_schemas(self.each_schema()).into_iter().map(|error| {
            Diagnostic::error("Invalid schema", format!("{error}. This is a bug of the provider: please report it."))
        });
        let errors: Diagnostics = repeated.chain(broken).collect();
        if errors.has_error() {
            return Err(errors);
        }
        let response = wire::get_provider_schema::Response {
            provider: Some(convert::schema(self.config_schema())),
            resource_schemas: offers
                .resources
                .iter()
                .map(|(name, offered)| ((*name).to_owned(), convert::schema(offered.schema())))
                .collect(),
            data_source_schemas: offers
                .data_sources
                .iter()
                .map(|(name, offered)| ((*name).to_owned(), convert::schema(offered.schema())))
                .collect(),
            functions: self.functions(),
            ephemeral_resource_schemas: offers
                .ephemeral_resources
                .iter()
                .map(|(name, offered)| ((*name).to_owned(), convert::schema(offered.schema())))
                .collect(),
            list_resource_schemas: offers
                .list_resources
                .iter()
                .map(|(name, offered)| ((*name).to_owned(), convert::schema(offered.schema())))
                .collect(),
            state_store_schemas: HashMap::new(),
            action_schemas: offers
                .actions
                .iter()
                .map(|(name, offered)| {
                    let schema = wire::ActionSchema { schema: Some(convert::schema(offered.schema())) };
                    ((*name).to_owned(), schema)
                })
                .collect(),
            diagnostics: Vec::new(),
            provider_meta: None,
            server_capabilities: Some(CAPABILITIES),
        };
        let size = response.encoded_len();
        if size > SCHEMAS_BYTES_MAX {
            let detail = format!(
                "They are {size} bytes, of which Terraform takes {SCHEMAS_BYTES_MAX}. This is a bug of the provider."
            );
            return Err(Diagnostic::error("The schemas are too large", detail).into());
        }
        Ok(response)
    }

    pub(super) fn identity_schemas(&self) -> wire::get_resource_identity_schemas::Response {
        let identities = self.offers().resources.iter().filter_map(|(name, resource)| {
            Some(((*name).to_owned(), convert::identity_schema(resource.identity_schema()?)))
        });
        wire::get_resource_identity_schemas::Response {
            identity_schemas: identities.collect(),
            diagnostics: Vec::new(),
        }
    }

    pub(super) fn functions(&self) -> HashMap<String, wire::Function> {
        let functions = self.offers().functions.iter();
        functions.map(|(name, function)| ((*name).to_owned(), convert::function(function.as_ref()))).collect()
    }

    pub(super) fn call_function(&self, request: &wire::call_function::Request) -> wire::call_function::Response {
        match self.function_result(request) {
            Ok(result) => wire::call_function::Response { result: Some(result), error: None },
            Err(error) => wire::call_function::Response { result: None, error: Some(convert::function_error(&error)) },
        }
    }

    fn function_result(&self, request: &wire::call_function::Request) -> Result<wire::DynamicValue, FunctionError> {
        let function = self.offers().functions.get(request.name.as_str());
        let function = function.ok_or_else(|| {
            FunctionError::new(format!("this version of the provider has no function {:?}", request.name))
        })?;
        let kinds: Vec<Type> =
            function.parameters().block.attributes.iter().map(|attribute| attribute.kind.value_type()).collect();
        let fixed = if function.is_variadic() { kinds.len().saturating_sub(1) } else { kinds.len() };
        let mut arguments = Vec::with_capacity(kinds.len());
        let mut variable = Vec::new();
        for (position, argument) in request.arguments.iter().enumerate() {
            let element;
            let kind = match kinds.get(position) {
                Some(kind) if position < fixed => kind,
                _ => {
                    element = kinds.last().map_or(Type::Dynamic, convert::variadic_element);
                    &element
                }
            };
            let value = convert::value(Some(argument), kind).map_err(|errors| {
                let text: Vec<String> = errors.iter().map(|error| error.detail.clone()).collect();
                FunctionError::argument(position, text.join("; "))
            })?;
            if position < fixed { arguments.push(value) } else { variable.push(value) }
        }
        if arguments.len() != fixed || (!function.is_variadic() && !variable.is_empty()) {
            let given = request.arguments.len();
            return Err(FunctionError::new(format!("{fixed} arguments are required, not {given}")));
        }
        if function.is_variadic() {
            arguments.push(Value::List(variable));
        }
        let result = function.call(arguments)?;
        convert::dynamic(&result, &function.output()).map_err(|errors| {
            let text: Vec<String> = errors.iter().map(|error| error.detail.clone()).collect();
            FunctionError::new(text.join("; "))
        })
    }
}
