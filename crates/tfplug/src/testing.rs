//! A stand-in for core, for the tests of providers: it plans, applies, refreshes and imports in process, over the
//! same messages that a CLI sends, and panics where core would blame the provider.
//!
//! ```
//! # use tfplug::{Attr, Call, Configure, Configured, Create, Delete, Diagnostics, Model, NoIdentity, Offers, Provider};
//! # use tfplug::{Resource, Update, async_trait, testing::Core};
//! # /// A note.
//! # #[derive(Clone, Debug, Default, PartialEq, Model)]
//! # struct Note {
//! #     /// The text.
//! #     #[attribute(required)]
//! #     text: Attr<String>,
//! #     /// Its id.
//! #     #[attribute(computed, not_null, change = never)]
//! #     id: Attr<String>,
//! # }
//! # struct Notes;
//! # #[async_trait]
//! # impl Resource for Notes {
//! #     type Client = ();
//! #     type State = Note;
//! #     type Identity = NoIdentity;
//! #     fn type_name(&self) -> &'static str { "pad_note" }
//! #     async fn create(&self, _: &Call<()>, create: Create<Note>) -> Result<Note, Diagnostics> {
//! #         Ok(Note { id: "1".into(), ..create.plan })
//! #     }
//! #     async fn read(&self, _: &Call<()>, state: Note) -> Result<Option<Note>, Diagnostics> { Ok(Some(state)) }
//! #     async fn update(&self, _: &Call<()>, update: Update<Note>) -> Result<Note, Diagnostics> { Ok(update.plan) }
//! #     async fn delete(&self, _: &Call<()>, _: Delete<Note>) -> Result<(), Diagnostics> { Ok(()) }
//! # }
//! # struct Pad;
//! # #[async_trait]
//! # impl Provider for Pad {
//! #     type Config = NoIdentity;
//! #     type Client = ();
//! #     fn offers(&self, offers: &mut Offers<()>) { offers.resource(Notes); }
//! #     async fn configure(&self, _: Configure, _: NoIdentity) -> Result<Configured<()>, Diagnostics> {
//! #         Ok(Configured::new(()))
//! #     }
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let core = Core::new(Pad);
//! core.configure(serde_json::json!({})).await;
//! let plan = core.plan("pad_note", None, serde_json::json!({ "text": "hello" })).await;
//! assert!(plan.state.get("id").unwrap().is_unknown());
//! let note = core.apply(plan).await.expect_object();
//! assert_eq!(note.state.get("id").unwrap().as_str(), Some("1"));
//! assert!(core.plan("pad_note", Some(&note), serde_json::json!({ "text": "hello" })).await.is_empty());
//! # });
//! ```

use std::time::{Duration, SystemTime};

use tonic::Request;

use crate::proto::tfplugin6::{self as wire, provider_server::Provider as _};
use crate::provider::Provider;
use crate::schema::Block;
use crate::server::shape::with_empty_blocks;
use crate::server::{Server, convert};
use crate::value::{Type, Value, from_state_json};

/// A configuration: JSON, where what is left out is null, or a value, where parts may be unknown.
pub trait Config {
    /// As a value of the type.
    fn into_value(self, kind: &Type) -> Value;
}

impl Config for Value {
    fn into_value(self, _: &Type) -> Value {
        self
    }
}

impl Config for serde_json::Value {
    #[track_caller]
    fn into_value(self, kind: &Type) -> Value {
        match from_state_json(self.to_string().as_bytes(), kind) {
            Ok(value) => value,
            Err(error) => panic!("the configuration does not fit the schema: {error} at {:?}", error.path.to_string()),
        }
    }
}

/// What core keeps of an object between runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The state.
    pub state: Value,
    /// The private data beside it.
    pub private: Vec<u8>,
    /// The identity, if it has one.
    pub identity: Option<Value>,
}

/// A message to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether it is an error; else it is a warning.
    pub is_error: bool,
    /// The summary.
    pub summary: String,
    /// The detail.
    pub detail: String,
    /// The attribute, as written in HCL; empty if none.
    pub path: String,
}

/// What was planned.
#[derive(Clone, Debug)]
pub struct Plan {
    type_name: String,
    prior: Option<Object>,
    config: Value,
    private: Vec<u8>,
    identity: Option<wire::ResourceIdentityData>,
    /// The planned state; null in a destroy.
    pub state: Value,
    /// The attributes that ask for replacement, as written in HCL.
    pub replace: Vec<String>,
    /// Whether the change is put off.
    pub is_deferred: bool,
    /// What the user is told.
    pub messages: Vec<Message>,
}

impl Plan {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.prior.as_ref().is_some_and(|prior| prior.state == self.state)
    }

    /// The same plan, unless it failed.
    #[track_caller]
    #[must_use]
    pub fn expect_success(self) -> Self {
        expect_no_error(&self.messages);
        self
    }
}

/// What applying left.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The object, unless it is gone or was never made.
    pub object: Option<Object>,
    /// What the user is told.
    pub messages: Vec<Message>,
}

impl Applied {
    /// The object of an apply without errors.
    #[track_caller]
    pub fn expect_object(self) -> Object {
        expect_no_error(&self.messages);
        match self.object {
            Some(object) => object,
            None => panic!("the apply left no object"),
        }
    }

    /// Whether core would mark the object as tainted: a create that reports an error.
    pub fn is_error(&self) -> bool {
        self.messages.iter().any(|message| message.is_error)
    }
}

#[track_caller]
fn expect_no_error(messages: &[Message]) {
    if let Some(error) = messages.iter().find(|message| message.is_error) {
        panic!("{}: {} (at {:?})", error.summary, error.detail, error.path);
    }
}

/// A stand-in for core.
pub struct Core<P: Provider> {
    server: Server<P>,
    capabilities: wire::ClientCapabilities,
}

impl<P: Provider> Core<P> {
    /// Core with the abilities of Terraform 1.11 and OpenTofu 1.11: write-only attributes, no deferral.
    pub fn new(provider: P) -> Self {
        let capabilities =
            wire::ClientCapabilities { write_only_attributes_allowed: true, ..wire::ClientCapabilities::default() };
        Self { server: Server::new(provider), capabilities }
    }

    /// The same with deferral allowed.
    #[must_use]
    pub fn with_deferral(mut self) -> Self {
        self.capabilities.deferral_allowed = true;
        self
    }

    /// The same without write-only attributes, as before Terraform 1.11.
    #[must_use]
    pub fn without_write_only(mut self) -> Self {
        self.capabilities.write_only_attributes_allowed = false;
        self
    }

    /// The server that answers, to call it by yourself.
    pub const fn server(&self) -> &Server<P> {
        &self.server
    }

    /// The type of a resource's state.
    #[track_caller]
    pub fn resource_type(&self, type_name: &str) -> Type {
        self.resource_block(type_name).value_type()
    }

    #[track_caller]
    fn resource_block(&self, type_name: &str) -> &Block {
        match self.server.resource_block(type_name) {
            Some(block) => block,
            None => panic!("no resource {type_name}"),
        }
    }

    /// Validates the provider's configuration.
    pub async fn validate_provider(&self, config: impl Config) -> Vec<Message> {
        let config = configured(self.server.config_block(), config);
        let request = wire::validate_provider_config::Request { config: Some(config) };
        messages(answered(self.server.validate_provider_config(Request::new(request)).await).diagnostics)
    }

    /// Configures the provider.
    pub async fn configure(&self, config: impl Config) -> Vec<Message> {
        let request = wire::configure_provider::Request {
            terraform_version: "1.11.4".to_owned(),
            config: Some(configured(self.server.config_block(), config)),
            client_capabilities: Some(self.capabilities),
        };
        messages(answered(self.server.configure_provider(Request::new(request)).await).diagnostics)
    }

    /// Validates a resource's configuration.
    pub async fn validate(&self, type_name: &str, config: impl Config) -> Vec<Message> {
        let request = wire::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config: Some(configured(self.resource_block(type_name), config)),
            client_capabilities: Some(self.capabilities),
        };
        messages(answered(self.server.validate_resource_config(Request::new(request)).await).diagnostics)
    }

    /// Plans a create (`prior` is `None`) or an update.
    pub async fn plan(&self, type_name: &str, prior: Option<&Object>, config: impl Config) -> Plan {
        let kind = self.resource_type(type_name);
        let config = with_empty_blocks(self.resource_block(type_name), &config.into_value(&kind));
        self.plan_change(type_name, &kind, prior.cloned(), config, Vec::new()).await
    }

    /// Plans a destroy.
    pub async fn plan_destroy(&self, type_name: &str, prior: &Object) -> Plan {
        let kind = self.resource_type(type_name);
        self.plan_change(type_name, &kind, Some(prior.clone()), Value::Null, Vec::new()).await
    }

    async fn plan_change(
        &self,
        type_name: &str,
        kind: &Type,
        prior: Option<Object>,
        config: Value,
        planned_private: Vec<u8>,
    ) -> Plan {
        let before = prior.as_ref().map_or(&Value::Null, |object| &object.state);
        let request = wire::plan_resource_change::Request {
            type_name: type_name.to_owned(),
            prior_state: Some(encoded(before, kind)),
            proposed_new_state: Some(encoded(&config, kind)),
            config: Some(encoded(&config, kind)),
            prior_private: prior.as_ref().map(|object| object.private.clone()).unwrap_or_default().into(),
            provider_meta: None,
            client_capabilities: Some(self.capabilities),
            prior_identity: prior.as_ref().and_then(|object| self.identity(type_name, object.identity.as_ref())),
            planned_private: planned_private.into(),
        };
        let response = answered(self.server.plan_resource_change(Request::new(request)).await);
        Plan {
            type_name: type_name.to_owned(),
            prior,
            config,
            private: response.planned_private.to_vec(),
            identity: response.planned_identity,
            state: decoded(response.planned_state.as_ref(), kind),
            replace: response.requires_replace.iter().map(path).collect(),
            is_deferred: response.deferred.is_some(),
            messages: messages(response.diagnostics),
        }
    }

    /// Applies a plan as core does: what asks for replacement is destroyed and then made anew.
    pub async fn apply(&self, plan: Plan) -> Applied {
        expect_no_error(&plan.messages);
        let kind = self.resource_type(&plan.type_name);
        if plan.replace.is_empty() {
            return self.apply_change(&kind, plan).await;
        }
        let Some(prior) = &plan.prior else { panic!("a create asks for replacement") };
        let destroyed =
            self.apply_change(&kind, self.plan_destroy(&plan.type_name, prior).await.expect_success()).await;
        if destroyed.is_error() {
            return destroyed;
        }
        let anew = self.plan_change(&plan.type_name, &kind, None, plan.config, plan.private).await.expect_success();
        self.apply_change(&kind, anew).await
    }

    async fn apply_change(&self, kind: &Type, plan: Plan) -> Applied {
        let before = plan.prior.as_ref().map_or(&Value::Null, |object| &object.state);
        let request = wire::apply_resource_change::Request {
            type_name: plan.type_name.clone(),
            prior_state: Some(encoded(before, kind)),
            planned_state: Some(encoded(&plan.state, kind)),
            config: Some(encoded(&plan.config, kind)),
            planned_private: plan.private.into(),
            provider_meta: None,
            planned_identity: plan.identity,
        };
        let response = answered(self.server.apply_resource_change(Request::new(request)).await);
        let state = decoded(response.new_state.as_ref(), kind);
        assert!(state.is_wholly_known(), "the new state is not wholly known: {state:?}");
        Applied {
            object: self.object(&plan.type_name, state, &response.private, response.new_identity.as_ref()),
            messages: messages(response.diagnostics),
        }
    }

    /// Reads an object anew; no object in the answer if it is gone.
    pub async fn refresh(&self, type_name: &str, object: &Object) -> Applied {
        let kind = self.resource_type(type_name);
        let request = wire::read_resource::Request {
            type_name: type_name.to_owned(),
            current_state: Some(encoded(&object.state, &kind)),
            private: object.private.clone().into(),
            provider_meta: None,
            client_capabilities: Some(self.capabilities),
            current_identity: self.identity(type_name, object.identity.as_ref()),
        };
        let response = answered(self.server.read_resource(Request::new(request)).await);
        let state = decoded(response.new_state.as_ref(), &kind);
        Applied {
            object: self.object(type_name, state, &response.private, response.new_identity.as_ref()),
            messages: messages(response.diagnostics),
        }
    }

    /// Imports by id and reads, as core does.
    pub async fn import(&self, type_name: &str, id: &str) -> Applied {
        let request = wire::import_resource_state::Request { id: id.to_owned(), ..self.import_request(type_name) };
        self.import_and_read(request).await
    }

    /// Imports by identity and reads, as core does.
    pub async fn import_by_identity(&self, type_name: &str, identity: impl Config) -> Applied {
        let identity = identity.into_value(&self.server.identity_type(type_name).unwrap_or(Type::Dynamic));
        let identity = self.identity(type_name, Some(&identity));
        self.import_and_read(wire::import_resource_state::Request { identity, ..self.import_request(type_name) }).await
    }

    fn import_request(&self, type_name: &str) -> wire::import_resource_state::Request {
        wire::import_resource_state::Request {
            type_name: type_name.to_owned(),
            client_capabilities: Some(self.capabilities),
            ..Default::default()
        }
    }

    async fn import_and_read(&self, request: wire::import_resource_state::Request) -> Applied {
        let type_name = request.type_name.clone();
        let kind = self.resource_type(&type_name);
        let response = answered(self.server.import_resource_state(Request::new(request)).await);
        let imported = response.imported_resources.first().and_then(|imported| {
            let state = decoded(imported.state.as_ref(), &kind);
            self.object(&type_name, state, &imported.private, imported.identity.as_ref())
        });
        match imported {
            Some(object) => self.refresh(&type_name, &object).await,
            None => Applied { object: None, messages: messages(response.diagnostics) },
        }
    }

    /// Reads a data source.
    pub async fn read_data(&self, type_name: &str, config: impl Config) -> (Value, Vec<Message>) {
        let Some(block) = self.server.data_source_block(type_name) else { panic!("no data source {type_name}") };
        let request = wire::read_data_source::Request {
            type_name: type_name.to_owned(),
            config: Some(configured(block, config)),
            provider_meta: None,
            client_capabilities: Some(self.capabilities),
        };
        let response = answered(self.server.read_data_source(Request::new(request)).await);
        (decoded(response.state.as_ref(), &block.value_type()), messages(response.diagnostics))
    }

    /// Opens an ephemeral resource: its values, its private data and when to renew it.
    pub async fn open(
        &self,
        type_name: &str,
        config: impl Config,
    ) -> (Value, Vec<u8>, Option<SystemTime>, Vec<Message>) {
        let Some(block) = self.server.ephemeral_block(type_name) else { panic!("no ephemeral resource {type_name}") };
        let request = wire::open_ephemeral_resource::Request {
            type_name: type_name.to_owned(),
            config: Some(configured(block, config)),
            client_capabilities: Some(self.capabilities),
        };
        let response = answered(self.server.open_ephemeral_resource(Request::new(request)).await);
        let private = response.private.unwrap_or_default().to_vec();
        let renew_at = response.renew_at.map(time);
        (decoded(response.result.as_ref(), &block.value_type()), private, renew_at, messages(response.diagnostics))
    }

    /// Renews an ephemeral resource: its private data and when to come again.
    pub async fn renew(&self, type_name: &str, private: Vec<u8>) -> (Vec<u8>, Option<SystemTime>, Vec<Message>) {
        let request =
            wire::renew_ephemeral_resource::Request { type_name: type_name.to_owned(), private: Some(private.into()) };
        let response = answered(self.server.renew_ephemeral_resource(Request::new(request)).await);
        let private = response.private.unwrap_or_default().to_vec();
        (private, response.renew_at.map(time), messages(response.diagnostics))
    }

    /// Closes an ephemeral resource.
    pub async fn close(&self, type_name: &str, private: Vec<u8>) -> Vec<Message> {
        let request =
            wire::close_ephemeral_resource::Request { type_name: type_name.to_owned(), private: Some(private.into()) };
        messages(answered(self.server.close_ephemeral_resource(Request::new(request)).await).diagnostics)
    }

    /// Interrupts whatever runs.
    pub async fn stop(&self) {
        answered(self.server.stop_provider(Request::new(wire::stop_provider::Request {})).await);
    }

    fn identity(&self, type_name: &str, identity: Option<&Value>) -> Option<wire::ResourceIdentityData> {
        let kind = self.server.identity_type(type_name)?;
        identity.map(|identity| wire::ResourceIdentityData { identity_data: Some(encoded(identity, &kind)) })
    }

    fn object(
        &self,
        type_name: &str,
        state: Value,
        private: &[u8],
        identity: Option<&wire::ResourceIdentityData>,
    ) -> Option<Object> {
        let kind = self.server.identity_type(type_name);
        let identity = identity.zip(kind).map(|(data, kind)| decoded(data.identity_data.as_ref(), &kind));
        (!state.is_null()).then(|| Object { state, private: private.to_vec(), identity })
    }
}

/// A configuration as core sends it: what is left out is null, and blocks that are left out are an empty collection.
#[track_caller]
fn configured(block: &Block, config: impl Config) -> wire::DynamicValue {
    let kind = block.value_type();
    encoded(&with_empty_blocks(block, &config.into_value(&kind)), &kind)
}

#[track_caller]
fn answered<T>(response: Result<tonic::Response<T>, tonic::Status>) -> T {
    match response {
        Ok(response) => response.into_inner(),
        Err(status) => panic!("the call failed: {status}"),
    }
}

#[track_caller]
fn encoded(value: &Value, kind: &Type) -> wire::DynamicValue {
    match convert::dynamic(value, kind) {
        Ok(dynamic) => dynamic,
        Err(errors) => panic!("not a value of the schema's type: {errors:?}"),
    }
}

#[track_caller]
fn decoded(dynamic: Option<&wire::DynamicValue>, kind: &Type) -> Value {
    match convert::value(dynamic, kind) {
        Ok(value) => value,
        Err(errors) => panic!("the answer is no value of the schema's type: {errors:?}"),
    }
}

fn messages(diagnostics: Vec<wire::Diagnostic>) -> Vec<Message> {
    diagnostics
        .into_iter()
        .map(|diagnostic| Message {
            is_error: match diagnostic.severity() {
                wire::diagnostic::Severity::Error => true,
                wire::diagnostic::Severity::Warning => false,
                wire::diagnostic::Severity::Invalid => panic!("a diagnostic without severity"),
            },
            path: diagnostic.attribute.as_ref().map(path).unwrap_or_default(),
            summary: diagnostic.summary,
            detail: diagnostic.detail,
        })
        .collect()
}

fn path(path: &wire::AttributePath) -> String {
    use wire::attribute_path::step::Selector;
    let steps = path.steps.iter().filter_map(|step| step.selector.as_ref());
    let path = steps.fold(crate::path::Path::root(), |path, selector| match selector {
        Selector::AttributeName(name) => path.attribute(name.clone()),
        Selector::ElementKeyString(key) => path.key(key.clone()),
        Selector::ElementKeyInt(index) => path.index(usize::try_from(*index).unwrap_or(usize::MAX)),
    });
    path.to_string()
}

fn time(timestamp: prost_types::Timestamp) -> SystemTime {
    let seconds = u64::try_from(timestamp.seconds).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::new(seconds, u32::try_from(timestamp.nanos).unwrap_or(0))
}
