//! List resources: which objects of a managed resource type exist (`terraform query`).

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::call::Call;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::erased::Erased;
use crate::model::Model;
use crate::resource::typed;
use crate::schema::{Schema, Validator};
use crate::value::Value;

/// Lists the objects of the managed resource type of the same name, which must have an identity.
#[async_trait]
pub trait ListResource: Send + Sync + 'static {
    /// What [`Provider::configure`](crate::Provider::configure) makes.
    type Client: Send + Sync + 'static;
    /// The filter that the user gives.
    type Config: Model;
    /// The managed resource's state.
    type State: Model;
    /// The managed resource's identity.
    type Identity: Model;

    /// The managed resource type's name.
    fn type_name(&self) -> &'static str;

    /// Checks of the whole configuration, beside those of its attributes.
    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        Vec::new()
    }

    /// Sends every object that exists. Stop when [`Found::send`] says that nobody listens any more.
    ///
    /// # Errors
    /// The objects could not be listed.
    async fn list(
        &self,
        call: &Call<Self::Client>,
        request: ListRequest<Self::Config>,
        found: &Found<Self::State, Self::Identity>,
    ) -> Result<(), Diagnostics>;
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ListRequest<C> {
    /// The filter, wholly known.
    pub config: C,
    /// Whether to send the whole state with each object.
    pub include_state: bool,
    /// How many objects core takes at most.
    pub limit: u64,
}

/// One object that exists.
#[derive(Clone, Debug)]
pub struct Listed<S, I> {
    /// What a person knows it by.
    pub display_name: String,
    /// What tells it apart.
    pub identity: I,
    /// Its state, if asked for.
    pub state: Option<S>,
    /// Something the user should know about it.
    pub warnings: Vec<Diagnostic>,
}

/// Where found objects go.
#[derive(Debug)]
pub struct Found<S, I> {
    sender: mpsc::Sender<Listed<Value, Value>>,
    types: std::marker::PhantomData<fn(S, I)>,
}

impl<S: Model, I: Model> Found<S, I> {
    /// Sends one object; `false` once nobody listens any more.
    pub async fn send(&self, listed: Listed<S, I>) -> bool {
        let listed = Listed {
            display_name: listed.display_name,
            identity: listed.identity.to_value(),
            state: listed.state.map(|state| state.to_value()),
            warnings: listed.warnings,
        };
        self.sender.send(listed).await.is_ok()
    }
}

#[async_trait]
pub(crate) trait AnyList<C>: Send + Sync {
    fn schema(&self) -> &Schema;
    fn config_validators(&self) -> Vec<Arc<dyn Validator>>;
    async fn list(
        &self,
        call: &Call<C>,
        request: ListRequest<Value>,
        sender: mpsc::Sender<Listed<Value, Value>>,
    ) -> Result<(), Diagnostics>;
}

#[async_trait]
impl<L: ListResource> AnyList<L::Client> for Erased<L> {
    fn schema(&self) -> &Schema {
        self.schema_or(L::Config::schema)
    }

    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        self.offered.config_validators()
    }

    async fn list(
        &self,
        call: &Call<L::Client>,
        request: ListRequest<Value>,
        sender: mpsc::Sender<Listed<Value, Value>>,
    ) -> Result<(), Diagnostics> {
        let request =
            ListRequest { config: typed(request.config)?, include_state: request.include_state, limit: request.limit };
        self.offered.list(call, request, &Found { sender, types: std::marker::PhantomData }).await
    }
}
