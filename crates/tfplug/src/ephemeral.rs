//! Ephemeral resources: values that are opened for a run, renewed while it lasts, and in no plan and no state.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use crate::call::Call;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::erased::Erased;
use crate::model::Model;
use crate::resource::typed;
use crate::schema::{Schema, Validator};
use crate::value::Value;

/// An ephemeral resource. What it needs to renew and close it keeps in [`Call::private`].
#[async_trait]
pub trait EphemeralResource: Send + Sync + 'static {
    /// What [`Provider::configure`](crate::Provider::configure) makes.
    type Client: Send + Sync + 'static;
    /// Configuration and result: one struct.
    type State: Model;

    /// The name in HCL, with the provider's prefix.
    fn type_name(&self) -> &'static str;

    /// Checks of the whole configuration, beside those of its attributes.
    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        Vec::new()
    }

    /// Checks that need the typed configuration. Unknowns may be in it; nothing outside may be asked.
    fn validate(&self, config: &Self::State, diagnostics: &mut Diagnostics) {
        let _ = (config, diagnostics);
    }

    /// Opens. The configuration is wholly known; what it sets must stand in the result as it is.
    ///
    /// # Errors
    /// It could not be opened.
    async fn open(&self, call: &Call<Self::Client>, config: Self::State) -> Result<Opened<Self::State>, Diagnostics>;

    /// Makes what was opened last longer, and says when to come again.
    ///
    /// # Errors
    /// It could not be renewed.
    async fn renew(&self, call: &Call<Self::Client>) -> Result<Option<SystemTime>, Diagnostics> {
        let _ = call;
        Err(Diagnostic::error(
            "Renewal is not supported",
            format!("{} asked for renewal, but has none.", self.type_name()),
        )
        .into())
    }

    /// Gives back what was opened. Terraform hands over the private data of opening, not of the last renewal.
    ///
    /// # Errors
    /// It could not be closed.
    async fn close(&self, call: &Call<Self::Client>) -> Result<(), Diagnostics> {
        let _ = call;
        Ok(())
    }
}

/// What opening gave.
#[derive(Clone, Debug)]
pub struct Opened<S> {
    /// The values.
    pub result: S,
    /// When to renew; `None` for never.
    pub renew_at: Option<SystemTime>,
}

#[async_trait]
pub(crate) trait AnyEphemeral<C>: Send + Sync {
    fn schema(&self) -> &Schema;
    fn config_validators(&self) -> Vec<Arc<dyn Validator>>;
    fn validate(&self, config: Value, diagnostics: &mut Diagnostics);
    async fn open(&self, call: &Call<C>, config: Value) -> Result<Opened<Value>, Diagnostics>;
    async fn renew(&self, call: &Call<C>) -> Result<Option<SystemTime>, Diagnostics>;
    async fn close(&self, call: &Call<C>) -> Result<(), Diagnostics>;
}

#[async_trait]
impl<E: EphemeralResource> AnyEphemeral<E::Client> for Erased<E> {
    fn schema(&self) -> &Schema {
        self.schema_or(E::State::schema)
    }

    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        self.offered.config_validators()
    }

    fn validate(&self, config: Value, diagnostics: &mut Diagnostics) {
        match typed(config) {
            Ok(config) => self.offered.validate(&config, diagnostics),
            Err(errors) => diagnostics.extend(errors),
        }
    }

    async fn open(&self, call: &Call<E::Client>, config: Value) -> Result<Opened<Value>, Diagnostics> {
        let opened = self.offered.open(call, typed(config)?).await?;
        Ok(Opened { result: opened.result.to_value(), renew_at: opened.renew_at })
    }

    async fn renew(&self, call: &Call<E::Client>) -> Result<Option<SystemTime>, Diagnostics> {
        self.offered.renew(call).await
    }

    async fn close(&self, call: &Call<E::Client>) -> Result<(), Diagnostics> {
        self.offered.close(call).await
    }
}
