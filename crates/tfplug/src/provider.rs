//! What a provider is: its own configuration, and the things it offers.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::action::{Action, AnyAction};
use crate::call::ClientCapabilities;
use crate::data_source::{AnyDataSource, DataSource};
use crate::diagnostic::Diagnostics;
use crate::ephemeral::{AnyEphemeral, EphemeralResource};
use crate::erased::Erased;
use crate::function::{AnyFunction, Function};
use crate::list::{AnyList, ListResource};
use crate::model::Model;
use crate::resource::{AnyResource, ErasedResource, Resource};
use crate::schema::Validator;

/// A provider.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The provider block.
    type Config: Model;
    /// What handlers work with once the provider is configured: connections, credentials, settings.
    type Client: Send + Sync + 'static;

    /// Names everything that the provider offers. Called once, at the first request.
    fn offers(&self, offers: &mut Offers<Self::Client>);

    /// Checks of the whole provider block, beside those of its attributes.
    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        Vec::new()
    }

    /// Makes the client. Parts of the configuration may be unknown while planning: do not connect here, but when a
    /// handler first needs it, so that plans of new objects need neither credentials nor network.
    ///
    /// # Errors
    /// The configuration can never work.
    async fn configure(
        &self,
        configure: Configure,
        config: Self::Config,
    ) -> Result<Configured<Self::Client>, Diagnostics>;
}

/// What core says when it configures a provider.
#[derive(Clone, Debug)]
pub struct Configure {
    /// Terraform's or OpenTofu's version: for a user agent, never to decide by.
    pub terraform_version: String,
    /// What the calling core can do.
    pub capabilities: ClientCapabilities,
}

/// The outcome of configuring.
#[derive(Debug)]
pub struct Configured<C> {
    /// What handlers work with.
    pub client: C,
    /// Told to the user; no errors.
    pub warnings: Diagnostics,
    /// Whether everything of this provider should be deferred where core allows it, because the configuration is not
    /// known yet.
    pub deferred: bool,
}

impl<C> Configured<C> {
    /// A client, and nothing to say.
    pub const fn new(client: C) -> Self {
        Self { client, warnings: Diagnostics::new(), deferred: false }
    }
}

/// Everything that a provider offers, by name.
pub struct Offers<C> {
    pub(crate) resources: BTreeMap<&'static str, Box<dyn AnyResource<C>>>,
    pub(crate) data_sources: BTreeMap<&'static str, Box<dyn AnyDataSource<C>>>,
    pub(crate) ephemeral_resources: BTreeMap<&'static str, Box<dyn AnyEphemeral<C>>>,
    pub(crate) functions: BTreeMap<&'static str, Box<dyn AnyFunction>>,
    pub(crate) list_resources: BTreeMap<&'static str, Box<dyn AnyList<C>>>,
    pub(crate) actions: BTreeMap<&'static str, Box<dyn AnyAction<C>>>,
    pub(crate) repeated: Vec<&'static str>,
}

impl<C> Default for Offers<C> {
    fn default() -> Self {
        Self {
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemeral_resources: BTreeMap::new(),
            functions: BTreeMap::new(),
            list_resources: BTreeMap::new(),
            actions: BTreeMap::new(),
            repeated: Vec::new(),
        }
    }
}

impl<C: Send + Sync + 'static> Offers<C> {
    /// Offers a managed resource.
    pub fn resource<R: Resource<Client = C>>(&mut self, resource: R) -> &mut Self {
        let name = resource.type_name();
        if self.resources.insert(name, Box::new(ErasedResource::new(resource))).is_some() {
            self.repeated.push(name);
        }
        self
    }

    /// Offers a data source.
    pub fn data_source<D: DataSource<Client = C>>(&mut self, data_source: D) -> &mut Self {
        let name = data_source.type_name();
        if self.data_sources.insert(name, Box::new(Erased::new(data_source))).is_some() {
            self.repeated.push(name);
        }
        self
    }

    /// Offers an ephemeral resource.
    pub fn ephemeral_resource<E: EphemeralResource<Client = C>>(&mut self, ephemeral: E) -> &mut Self {
        let name = ephemeral.type_name();
        if self.ephemeral_resources.insert(name, Box::new(Erased::new(ephemeral))).is_some() {
            self.repeated.push(name);
        }
        self
    }

    /// Offers a function.
    pub fn function<F: Function>(&mut self, function: F) -> &mut Self {
        let name = function.name();
        if self.functions.insert(name, Box::new(Erased::new(function))).is_some() {
            self.repeated.push(name);
        }
        self
    }

    /// Offers to list the objects of a managed resource that exist.
    pub fn list_resource<L: ListResource<Client = C>>(&mut self, list: L) -> &mut Self {
        let name = list.type_name();
        if self.list_resources.insert(name, Box::new(Erased::new(list))).is_some() {
            self.repeated.push(name);
        }
        self
    }

    /// Offers an action.
    pub fn action<A: Action<Client = C>>(&mut self, action: A) -> &mut Self {
        let name = action.type_name();
        if self.actions.insert(name, Box::new(Erased::new(action))).is_some() {
            self.repeated.push(name);
        }
        self
    }
}
