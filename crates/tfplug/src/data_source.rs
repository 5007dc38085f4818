//! Data sources: what Terraform reads and does not manage.

use std::sync::Arc;

use async_trait::async_trait;

use crate::call::Call;
use crate::diagnostic::Diagnostics;
use crate::erased::Erased;
use crate::model::Model;
use crate::resource::typed;
use crate::schema::{Schema, Validator};
use crate::value::Value;

/// A data source.
#[async_trait]
pub trait DataSource: Send + Sync + 'static {
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

    /// Reads. The configuration is wholly known; what it sets must stand in the result as it is.
    ///
    /// # Errors
    /// What is asked for could not be read or does not exist.
    async fn read(&self, call: &Call<Self::Client>, config: Self::State) -> Result<Self::State, Diagnostics>;
}

#[async_trait]
pub(crate) trait AnyDataSource<C>: Send + Sync {
    fn schema(&self) -> &Schema;
    fn config_validators(&self) -> Vec<Arc<dyn Validator>>;
    fn validate(&self, config: Value, diagnostics: &mut Diagnostics);
    async fn read(&self, call: &Call<C>, config: Value) -> Result<Value, Diagnostics>;
}

#[async_trait]
impl<D: DataSource> AnyDataSource<D::Client> for Erased<D> {
    fn schema(&self) -> &Schema {
        self.schema_or(D::State::schema)
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

    async fn read(&self, call: &Call<D::Client>, config: Value) -> Result<Value, Diagnostics> {
        Ok(self.offered.read(call, typed(config)?).await?.to_value())
    }
}
