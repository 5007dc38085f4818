//! The state file, as the command line wrote it.

use serde_json::Value;

/// A state file.
#[derive(Debug)]
pub(crate) struct State {
    json: Value,
}

impl State {
    pub(super) fn new(json: Value) -> Self {
        Self { json }
    }

    /// The attributes of the managed resource with that type and name, if it is in the state.
    pub(crate) fn attributes(&self, address: &str) -> Option<&Value> {
        Some(&self.instance(address)?["attributes"])
    }

    /// Whether the next apply would replace the object for having been half made.
    #[track_caller]
    pub(crate) fn is_tainted(&self, address: &str) -> bool {
        self.instance(address).unwrap_or_else(|| panic!("{address} is not in the state"))["status"] == "tainted"
    }

    /// Whether no resource is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.resources().is_empty()
    }

    fn instance(&self, address: &str) -> Option<&Value> {
        let (kind, name) = address.split_once('.')?;
        let resource = self
            .resources()
            .iter()
            .find(|resource| resource["mode"] == "managed" && resource["type"] == kind && resource["name"] == name)?;
        resource["instances"].get(0)
    }

    fn resources(&self) -> &[Value] {
        self.json["resources"].as_array().map_or(&[], Vec::as_slice)
    }
}
