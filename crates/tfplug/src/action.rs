//! Actions: things done to objects, with progress that the user sees.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::call::Call;
use crate::diagnostic::Diagnostics;
use crate::erased::Erased;
use crate::model::Model;
use crate::resource::typed;
use crate::schema::{Schema, Validator};
use crate::value::Value;

/// An action.
#[async_trait]
pub trait Action: Send + Sync + 'static {
    /// What [`Provider::configure`](crate::Provider::configure) makes.
    type Client: Send + Sync + 'static;
    /// What the user sets.
    type Config: Model;

    /// The name in HCL, with the provider's prefix.
    fn type_name(&self) -> &'static str;

    /// Checks of the whole configuration, beside those of its attributes.
    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        Vec::new()
    }

    /// Checks what will be done; unknowns may be in the configuration.
    ///
    /// # Errors
    /// It cannot be done.
    async fn plan(&self, call: &Call<Self::Client>, config: &Self::Config) -> Result<(), Diagnostics> {
        let _ = (call, config);
        Ok(())
    }

    /// Does it.
    ///
    /// # Errors
    /// It failed.
    async fn invoke(
        &self,
        call: &Call<Self::Client>,
        config: Self::Config,
        progress: &ActionProgress,
    ) -> Result<(), Diagnostics>;
}

/// Where an action says how far it is.
#[derive(Clone, Debug)]
pub struct ActionProgress(mpsc::Sender<String>);

impl ActionProgress {
    pub(crate) const fn new(sender: mpsc::Sender<String>) -> Self {
        Self(sender)
    }

    /// Shows the user one line. Nobody may be listening any more; the action goes on all the same.
    pub async fn say(&self, message: impl Into<String> + Send) {
        let _nobody_listens = self.0.send(message.into()).await;
    }
}

#[async_trait]
pub(crate) trait AnyAction<C>: Send + Sync {
    fn schema(&self) -> &Schema;
    fn config_validators(&self) -> Vec<Arc<dyn Validator>>;
    async fn plan(&self, call: &Call<C>, config: Value) -> Result<(), Diagnostics>;
    async fn invoke(&self, call: &Call<C>, config: Value, progress: ActionProgress) -> Result<(), Diagnostics>;
}

#[async_trait]
impl<A: Action> AnyAction<A::Client> for Erased<A> {
    fn schema(&self) -> &Schema {
        self.schema_or(A::Config::schema)
    }

    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        self.offered.config_validators()
    }

    async fn plan(&self, call: &Call<A::Client>, config: Value) -> Result<(), Diagnostics> {
        self.offered.plan(call, &typed(config)?).await
    }

    async fn invoke(&self, call: &Call<A::Client>, config: Value, progress: ActionProgress) -> Result<(), Diagnostics> {
        self.offered.invoke(call, typed(config)?, &progress).await
    }
}
