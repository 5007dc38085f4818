//! The protocol's service, made of a [`Provider`]: every call of core's is decoded, handed to its handler, checked
//! against core's own rules, and answered. One file per part of the protocol.
//!
//! Handlers never see the wire, and whatever they do — fail, hang after an interrupt, panic — core gets an answer
//! that loses no object.

mod apply;
pub(crate) mod convert;
mod ephemeral;
mod guard;
mod import;
mod plan;
mod propose;
mod schemas;
pub(crate) mod shape;
mod streams;
mod validate;
mod write_only;

use std::sync::{Arc, Mutex, OnceLock, RwLock};

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::call::{Call, ClientCapabilities, PrivateState, lock};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Model;
use crate::proto::tfplugin6 as wire;
use crate::provider::{Configure, Offers, Provider};
use crate::resource::{AnyResource, typed};
use crate::schema::{Block, Schema, SchemaError};
use crate::value::Type;

/// Serves a [`Provider`] over the plugin protocol. Cloning it is cheap; clones are the same server.
pub struct Server<P: Provider>(Arc<Inner<P>>);

impl<P: Provider> Clone for Server<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(crate) struct Inner<P: Provider> {
    provider: P,
    offers: OnceLock<Offers<P::Client>>,
    config_schema: OnceLock<Schema>,
    configured: RwLock<Option<Client<P::Client>>>,
    /// Cancelled by `StopProvider`, and then replaced, so that the server stays usable.
    stop: Mutex<CancellationToken>,
}

struct Client<C> {
    client: Arc<C>,
    deferred: bool,
}

impl<P: Provider> Server<P> {
    /// A server of this provider, not configured yet.
    pub fn new(provider: P) -> Self {
        Self(Arc::new(Inner {
            provider,
            offers: OnceLock::new(),
            config_schema: OnceLock::new(),
            configured: RwLock::new(None),
            stop: Mutex::new(CancellationToken::new()),
        }))
    }
}

impl<P: Provider> Server<P> {
    /// Holds every schema to core's rules, and to having descriptions: one call in a unit test covers a provider.
    pub fn check(&self) -> Vec<SchemaError> {
        self.0.schema_errors()
    }
}

/// The types of what is offered, for the stand-in of core in [`crate::testing`].
impl<P: Provider> Server<P> {
    pub(crate) fn config_block(&self) -> &Block {
        &self.0.config_schema().block
    }

    pub(crate) fn resource_block(&self, type_name: &str) -> Option<&Block> {
        self.0.offers().resources.get(type_name).map(|resource| &resource.schema().block)
    }

    pub(crate) fn identity_type(&self, type_name: &str) -> Option<Type> {
        self.0.offers().resources.get(type_name)?.identity_schema().map(|schema| schema.block.value_type())
    }

    pub(crate) fn data_source_block(&self, type_name: &str) -> Option<&Block> {
        self.0.offers().data_sources.get(type_name).map(|source| &source.schema().block)
    }

    pub(crate) fn ephemeral_block(&self, type_name: &str) -> Option<&Block> {
        self.0.offers().ephemeral_resources.get(type_name).map(|ephemeral| &ephemeral.schema().block)
    }
}

impl<P: Provider> Inner<P> {
    fn offers(&self) -> &Offers<P::Client> {
        self.offers.get_or_init(|| {
            let mut offers = Offers::default();
            self.provider.offers(&mut offers);
            offers
        })
    }

    fn config_schema(&self) -> &Schema {
        self.config_schema.get_or_init(P::Config::schema)
    }

    fn resource(&self, type_name: &str) -> Result<&dyn AnyResource<P::Client>, Diagnostics> {
        let found = self.offers().resources.get(type_name);
        found.map(AsRef::as_ref).ok_or_else(|| unknown_type("resource", type_name))
    }

    fn call(&self, capabilities: Option<wire::ClientCapabilities>, private: &[u8]) -> Call<P::Client> {
        let client = self.configured.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cancelled = lock(&self.stop).child_token();
        crate::serve::cancel_when_abandoned(cancelled.clone());
        Call::new(
            client.as_ref().map(|configured| Arc::clone(&configured.client)),
            cancelled,
            convert::capabilities(capabilities),
            PrivateState::from_bytes(private),
        )
    }

    /// Whether everything is to be deferred because the provider's configuration is not known.
    fn is_deferred(&self, capabilities: ClientCapabilities) -> bool {
        let client = self.configured.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        capabilities.deferral && client.as_ref().is_some_and(|configured| configured.deferred)
    }

    async fn configure(&self, request: wire::configure_provider::Request) -> Result<Diagnostics, Diagnostics> {
        let config = convert::value(request.config.as_ref(), &self.config_schema().block.value_type())?;
        let configure = Configure {
            terraform_version: request.terraform_version,
            capabilities: convert::capabilities(request.client_capabilities),
        };
        let configured = self.provider.configure(configure, typed(config)?).await?;
        let client = Client { client: Arc::new(configured.client), deferred: configured.deferred };
        *self.configured.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(client);
        Ok(configured.warnings)
    }
}

fn unknown_type(what: &str, name: &str) -> Diagnostics {
    Diagnostic::error(
        format!("Unknown {what} {name:?}"),
        format!(
            "This version of the provider has no {what} of that name. Check the spelling and the provider's version."
        ),
    )
    .into()
}

/// An answer that holds only diagnostics where something failed.
macro_rules! answer {
    ($module:ident, $result:expr) => {
        Ok(Response::new($result.unwrap_or_else(|errors: Diagnostics| {
            #[allow(clippy::needless_update, reason = "some answers hold diagnostics and nothing else")]
            let failed = wire::$module::Response { diagnostics: convert::diagnostics(errors), ..Default::default() };
            failed
        })))
    };
}

#[tonic::async_trait]
impl<P: Provider> wire::provider_server::Provider for Server<P> {
    async fn get_metadata(
        &self,
        _: Request<wire::get_metadata::Request>,
    ) -> Result<Response<wire::get_metadata::Response>, Status> {
        answer!(get_metadata, guard::guarded("GetMetadata", "", async { Ok(self.0.metadata()) }).await)
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Result<Response<wire::get_provider_schema::Response>, Status> {
        answer!(get_provider_schema, guard::guarded("GetProviderSchema", "", async { self.0.schemas() }).await)
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<wire::get_resource_identity_schemas::Request>,
    ) -> Result<Response<wire::get_resource_identity_schemas::Response>, Status> {
        let schemas = guard::guarded("GetResourceIdentitySchemas", "", async { Ok(self.0.identity_schemas()) });
        answer!(get_resource_identity_schemas, schemas.await)
    }

    async fn validate_provider_config(
        &self,
        request: Request<wire::validate_provider_config::Request>,
    ) -> Result<Response<wire::validate_provider_config::Response>, Status> {
        let request = request.into_inner();
        let checked = guard::guarded("ValidateProviderConfig", "", async {
            let schema = self.0.config_schema();
            let config = convert::value(request.config.as_ref(), &schema.block.value_type())?;
            let mut diagnostics = Diagnostics::new();
            validate::validate(&schema.block, &self.0.provider.config_validators(), &config, true, &mut diagnostics);
            if !diagnostics.has_error() {
                typed::<P::Config>(config)?;
            }
            Ok(wire::validate_provider_config::Response { diagnostics: convert::diagnostics(diagnostics) })
        });
        answer!(validate_provider_config, checked.await)
    }

    async fn configure_provider(
        &self,
        request: Request<wire::configure_provider::Request>,
    ) -> Result<Response<wire::configure_provider::Response>, Status> {
        let configured = guard::guarded("ConfigureProvider", "", self.0.configure(request.into_inner())).await;
        let diagnostics = convert::diagnostics(configured.unwrap_or_else(|errors| errors));
        Ok(Response::new(wire::configure_provider::Response { diagnostics }))
    }

    async fn validate_resource_config(
        &self,
        request: Request<wire::validate_resource_config::Request>,
    ) -> Result<Response<wire::validate_resource_config::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let checked = guard::guarded("ValidateResourceConfig", &type_name, async {
            let resource = self.0.resource(&request.type_name)?;
            let config = convert::value(request.config.as_ref(), resource.state_type())?;
            let write_only = convert::capabilities(request.client_capabilities).write_only_attributes;
            let mut diagnostics = Diagnostics::new();
            let whole = resource.config_validators();
            validate::validate(&resource.schema().block, &whole, &config, write_only, &mut diagnostics);
            if !diagnostics.has_error() {
                resource.validate(config, &mut diagnostics);
            }
            Ok(wire::validate_resource_config::Response { diagnostics: convert::diagnostics(diagnostics) })
        });
        answer!(validate_resource_config, checked.await)
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<wire::validate_data_resource_config::Request>,
    ) -> Result<Response<wire::validate_data_resource_config::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let checked = guard::guarded("ValidateDataResourceConfig", &type_name, async {
            let source = self.0.offers().data_sources.get(type_name.as_str());
            let source = source.ok_or_else(|| unknown_type("data source", &type_name))?;
            let schema = source.schema();
            let config = convert::value(request.config.as_ref(), &schema.block.value_type())?;
            let mut diagnostics = Diagnostics::new();
            validate::validate(&schema.block, &source.config_validators(), &config, true, &mut diagnostics);
            if !diagnostics.has_error() {
                source.validate(config, &mut diagnostics);
            }
            Ok(wire::validate_data_resource_config::Response { diagnostics: convert::diagnostics(diagnostics) })
        });
        answer!(validate_data_resource_config, checked.await)
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::upgrade_resource_state::Request>,
    ) -> Result<Response<wire::upgrade_resource_state::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let upgraded = guard::guarded("UpgradeResourceState", &type_name, async { self.0.upgrade_state(&request) });
        answer!(upgrade_resource_state, upgraded.await)
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<wire::upgrade_resource_identity::Request>,
    ) -> Result<Response<wire::upgrade_resource_identity::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let upgraded =
            guard::guarded("UpgradeResourceIdentity", &type_name, async { self.0.upgrade_identity(&request) });
        answer!(upgrade_resource_identity, upgraded.await)
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Result<Response<wire::read_resource::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        answer!(read_resource, guard::guarded("ReadResource", &type_name, self.0.read(request)).await)
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Result<Response<wire::plan_resource_change::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        answer!(plan_resource_change, guard::guarded("PlanResourceChange", &type_name, self.0.plan(request)).await)
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Result<Response<wire::apply_resource_change::Response>, Status> {
        Ok(Response::new(self.0.apply(request.into_inner()).await))
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Result<Response<wire::import_resource_state::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        answer!(import_resource_state, guard::guarded("ImportResourceState", &type_name, self.0.import(request)).await)
    }

    async fn move_resource_state(
        &self,
        request: Request<wire::move_resource_state::Request>,
    ) -> Result<Response<wire::move_resource_state::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.target_type_name.clone();
        answer!(move_resource_state, guard::guarded("MoveResourceState", &type_name, self.0.move_state(request)).await)
    }

    async fn generate_resource_config(
        &self,
        request: Request<wire::generate_resource_config::Request>,
    ) -> Result<Response<wire::generate_resource_config::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let generated =
            guard::guarded("GenerateResourceConfig", &type_name, async { self.0.generate_config(&request) });
        answer!(generate_resource_config, generated.await)
    }

    async fn read_data_source(
        &self,
        request: Request<wire::read_data_source::Request>,
    ) -> Result<Response<wire::read_data_source::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        answer!(read_data_source, guard::guarded("ReadDataSource", &type_name, self.0.read_data(request)).await)
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<wire::validate_ephemeral_resource_config::Request>,
    ) -> Result<Response<wire::validate_ephemeral_resource_config::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let checked = guard::guarded("ValidateEphemeralResourceConfig", &type_name, async {
            self.0.validate_ephemeral(&request)
        });
        answer!(validate_ephemeral_resource_config, checked.await)
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<wire::open_ephemeral_resource::Request>,
    ) -> Result<Response<wire::open_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let opened = guard::guarded("OpenEphemeralResource", &type_name, self.0.open_ephemeral(request)).await;
        answer!(open_ephemeral_resource, opened)
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<wire::renew_ephemeral_resource::Request>,
    ) -> Result<Response<wire::renew_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let renewed = guard::guarded("RenewEphemeralResource", &type_name, self.0.renew_ephemeral(request)).await;
        answer!(renew_ephemeral_resource, renewed)
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<wire::close_ephemeral_resource::Request>,
    ) -> Result<Response<wire::close_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let closed = guard::guarded("CloseEphemeralResource", &type_name, self.0.close_ephemeral(request)).await;
        answer!(close_ephemeral_resource, closed)
    }

    async fn list_resource(
        &self,
        request: Request<wire::list_resource::Request>,
    ) -> Result<Response<streams::Stream<wire::list_resource::Event>>, Status> {
        Ok(Response::new(streams::list(Arc::clone(&self.0), request.into_inner())))
    }

    async fn validate_list_resource_config(
        &self,
        request: Request<wire::validate_list_resource_config::Request>,
    ) -> Result<Response<wire::validate_list_resource_config::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let checked =
            guard::guarded("ValidateListResourceConfig", &type_name, async { self.0.validate_list(&request) });
        answer!(validate_list_resource_config, checked.await)
    }

    async fn get_functions(
        &self,
        _: Request<wire::get_functions::Request>,
    ) -> Result<Response<wire::get_functions::Response>, Status> {
        let functions = guard::guarded("GetFunctions", "", async {
            Ok(wire::get_functions::Response { functions: self.0.functions(), diagnostics: Vec::new() })
        });
        answer!(get_functions, functions.await)
    }

    async fn call_function(
        &self,
        request: Request<wire::call_function::Request>,
    ) -> Result<Response<wire::call_function::Response>, Status> {
        let request = request.into_inner();
        let name = request.name.clone();
        let called = guard::guarded("CallFunction", &name, async { Ok(self.0.call_function(&request)) }).await;
        let response = called.unwrap_or_else(|errors| {
            // This answer has no diagnostics: the panic's text becomes the function's error.
            let text: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.summary, error.detail)).collect();
            wire::call_function::Response {
                result: None,
                error: Some(wire::FunctionError { text: text.join("\n"), function_argument: None }),
            }
        });
        Ok(Response::new(response))
    }

    async fn validate_action_config(
        &self,
        request: Request<wire::validate_action_config::Request>,
    ) -> Result<Response<wire::validate_action_config::Response>, Status> {
        let request = request.into_inner();
        let type_name = request.type_name.clone();
        let checked = guard::guarded("ValidateActionConfig", &type_name, async { self.0.validate_action(&request) });
        answer!(validate_action_config, checked.await)
    }

    async fn plan_action(
        &self,
        request: Request<wire::plan_action::Request>,
    ) -> Result<Response<wire::plan_action::Response>, Status> {
        let request = request.into_inner();
        let name = request.action_type.clone();
        answer!(plan_action, guard::guarded("PlanAction", &name, self.0.plan_action(request)).await)
    }

    async fn invoke_action(
        &self,
        request: Request<wire::invoke_action::Request>,
    ) -> Result<Response<streams::Stream<wire::invoke_action::Event>>, Status> {
        Ok(Response::new(streams::invoke(Arc::clone(&self.0), request.into_inner())))
    }

    async fn stop_provider(
        &self,
        _: Request<wire::stop_provider::Request>,
    ) -> Result<Response<wire::stop_provider::Response>, Status> {
        let stopped = std::mem::take(&mut *lock(&self.0.stop));
        stopped.cancel();
        Ok(Response::new(wire::stop_provider::Response { error: String::new() }))
    }
}
