//! Backends that stand before other backends: to count, to hold back, to break what tests want broken.

use async_trait::async_trait;

use crate::access::ClusterAccess;
use crate::backend::{Backend, Capabilities, Difference};
use crate::environment::{BackendKind, EnvironmentId, EnvironmentSpec, Observed, Violation};
use crate::error::Result;
use crate::operation::{IdempotencyToken, Operation, Progress, Step};

/// A backend before another one. It is that other one, but for the methods that it has of its own; every method of
/// [`Backend`] stands here under the same name.
#[async_trait]
pub trait Layer: std::fmt::Debug + Send + Sync {
    /// The backend behind.
    fn inner(&self) -> &dyn Backend;

    /// Stands around every call to the cloud that has no method of its own.
    async fn around<T: Send>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        call.await
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    fn capabilities(&self) -> Capabilities {
        self.inner().capabilities()
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    fn validate(&self, desired: &EnvironmentSpec) -> Vec<Violation> {
        self.inner().validate(desired)
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Vec<Difference> {
        self.inner().differences(observed, desired)
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        self.inner().plan(observed, desired)
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    async fn check_offer(&self, desired: &EnvironmentSpec) -> Result<Vec<Violation>> {
        self.around(self.inner().check_offer(desired)).await
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    async fn locate(&self, desired: &EnvironmentSpec) -> Result<EnvironmentId> {
        self.around(self.inner().locate(desired)).await
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        self.around(self.inner().read(id)).await
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        self.around(self.inner().begin(id, step, token)).await
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    async fn poll(&self, operation: &Operation) -> Result<Progress> {
        self.around(self.inner().poll(operation)).await
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    async fn find_running(&self, id: &EnvironmentId) -> Result<Vec<Operation>> {
        self.around(self.inner().find_running(id)).await
    }

    #[expect(missing_docs, reason = "as in `Backend`")]
    async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess> {
        self.around(self.inner().access(id)).await
    }
}

#[async_trait]
impl<L: Layer> Backend for L {
    fn kind(&self) -> BackendKind {
        self.inner().kind()
    }

    fn capabilities(&self) -> Capabilities {
        Layer::capabilities(self)
    }

    fn validate(&self, desired: &EnvironmentSpec) -> Vec<Violation> {
        Layer::validate(self, desired)
    }

    fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Vec<Difference> {
        Layer::differences(self, observed, desired)
    }

    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        Layer::plan(self, observed, desired)
    }

    async fn check_offer(&self, desired: &EnvironmentSpec) -> Result<Vec<Violation>> {
        Layer::check_offer(self, desired).await
    }

    async fn locate(&self, desired: &EnvironmentSpec) -> Result<EnvironmentId> {
        Layer::locate(self, desired).await
    }

    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        Layer::read(self, id).await
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        Layer::begin(self, id, step, token).await
    }

    async fn poll(&self, operation: &Operation) -> Result<Progress> {
        Layer::poll(self, operation).await
    }

    async fn find_running(&self, id: &EnvironmentId) -> Result<Vec<Operation>> {
        Layer::find_running(self, id).await
    }

    async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess> {
        Layer::access(self, id).await
    }
}
