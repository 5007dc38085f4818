//! What every handler is given: the configured client, cancellation, warnings, private state and deferral.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Model;
use crate::value::Value;

/// One call of core's, as a handler sees it.
#[derive(Debug)]
pub struct Call<C> {
    client: Option<Arc<C>>,
    cancelled: CancellationToken,
    capabilities: ClientCapabilities,
    warnings: Mutex<Diagnostics>,
    private: PrivateState,
    deferred: Mutex<Option<DeferReason>>,
}

/// What the calling core can do. Never judge by its version: OpenTofu reports its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCapabilities {
    /// A change may be deferred to a later run.
    pub deferral: bool,
    /// Write-only attributes may be used.
    pub write_only_attributes: bool,
    /// Planned private data is stored with the plan and comes back in the next planning of it.
    pub stored_planned_private: bool,
    /// Nested blocks may be computed.
    pub computed_blocks: bool,
}

/// Why a change is put off to a later run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeferReason {
    /// The resource's configuration is not known well enough.
    ResourceConfigUnknown,
    /// The provider's configuration is not known well enough.
    ProviderConfigUnknown,
    /// Something that must exist first does not.
    AbsentPrerequisite,
}

impl<C> Call<C> {
    pub(crate) fn new(
        client: Option<Arc<C>>,
        cancelled: CancellationToken,
        capabilities: ClientCapabilities,
        private: PrivateState,
    ) -> Self {
        Self { client, cancelled, capabilities, warnings: Mutex::default(), private, deferred: Mutex::default() }
    }

    /// What [`Provider::configure`](crate::Provider::configure) made.
    ///
    /// # Errors
    /// Core has not configured the provider yet, as when it only validates.
    pub fn client(&self) -> Result<&C, Diagnostics> {
        self.client.as_deref().ok_or_else(|| {
            Diagnostic::error(
                "Provider not configured",
                "This operation needs the provider's configuration, which Terraform has not sent yet. \
                 If it came from a plan or an apply, please report it as a bug of the provider.",
            )
            .into()
        })
    }

    /// Cancelled when the user interrupts: return soon, with what is known.
    pub const fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// What the calling core can do.
    pub const fn capabilities(&self) -> ClientCapabilities {
        self.capabilities
    }

    /// Tells the user something without failing.
    pub fn warn(&self, warning: Diagnostic) {
        lock(&self.warnings).push(warning);
    }

    /// Data that core keeps beside the state and shows nobody. It may be absent at any time: treat it as a cache.
    pub const fn private(&self) -> &PrivateState {
        &self.private
    }

    /// Puts the change off to a later run. Only where [`ClientCapabilities::deferral`] is set; otherwise the user
    /// gets an error that says what is missing.
    pub fn defer(&self, reason: DeferReason) {
        *lock(&self.deferred) = Some(reason);
    }

    pub(crate) fn take_warnings(&self) -> Diagnostics {
        std::mem::take(&mut *lock(&self.warnings))
    }

    pub(crate) fn deferred(&self) -> Option<DeferReason> {
        *lock(&self.deferred)
    }
}

/// Key-value data that core keeps beside a state. Values are JSON.
#[derive(Debug, Default)]
pub struct PrivateState(Mutex<BTreeMap<String, serde_json::Value>>);

impl PrivateState {
    /// What core sent. Bytes that are not ours, as from a provider of another framework, are dropped.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(Mutex::new(serde_json::from_slice(bytes).unwrap_or_default()))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let entries = lock(&self.0);
        if entries.is_empty() {
            return Vec::new();
        }
        // A map of strings to JSON values always has a JSON form.
        serde_json::to_vec(&*entries).unwrap_or_default()
    }

    /// The value of a key; `None` where it is absent or of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_value(lock(&self.0).get(key)?.clone()).ok()
    }

    /// Sets the value of a key; a value that has no JSON form removes it.
    pub fn set<T: Serialize>(&self, key: &str, value: &T) {
        match serde_json::to_value(value) {
            Ok(value) => lock(&self.0).insert(key.to_owned(), value),
            Err(_) => lock(&self.0).remove(key),
        };
    }

    /// Removes a key.
    pub fn remove(&self, key: &str) {
        lock(&self.0).remove(key);
    }
}

/// Where a handler leaves the state reached so far. If it then fails, is interrupted or panics, core is given this.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint(Arc<Mutex<Option<Value>>>);

impl Checkpoint {
    /// Keeps this state. Unknown parts are stored as null.
    pub fn save<S: Model>(&self, state: &S) {
        *lock(&self.0) = Some(state.to_value().unknown_as_null());
    }

    pub(crate) fn saved(&self) -> Option<Value> {
        lock(&self.0).clone()
    }
}

/// A lock that a panic elsewhere does not spoil: what it guards is valid at every moment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_state_survives_the_trip_and_drops_what_is_not_ours() {
        let private = PrivateState::default();
        assert!(private.to_bytes().is_empty());
        private.set("operation", &vec!["a", "b"]);
        let back = PrivateState::from_bytes(&private.to_bytes());
        assert_eq!(back.get::<Vec<String>>("operation").unwrap(), ["a", "b"]);
        assert_eq!(back.get::<u64>("operation"), None);
        back.remove("operation");
        assert!(back.to_bytes().is_empty());
        assert!(PrivateState::from_bytes(b"\xff\x00").to_bytes().is_empty());
        assert!(PrivateState::from_bytes(b"[1]").to_bytes().is_empty());
    }
}
