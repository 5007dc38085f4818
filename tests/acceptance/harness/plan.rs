//! What a plan would do.

use std::collections::BTreeMap;

use serde_json::Value;

/// A plan as `show -json` tells it.
#[derive(Debug)]
pub(crate) struct Plan {
    json: Value,
}

impl Plan {
    pub(super) fn new(json: Value) -> Self {
        Self { json }
    }

    /// The actions per address, those that do nothing left out: `create`, `update`, `delete`, or `delete create` for a replacement.
    pub(crate) fn actions(&self) -> BTreeMap<&str, String> {
        let changes = self.json["resource_changes"].as_array().map_or(&[][..], Vec::as_slice);
        let actions = changes.iter().filter_map(|change| {
            let words: Vec<&str> = change["change"]["actions"].as_array()?.iter().filter_map(Value::as_str).collect();
            Some((change["address"].as_str()?, words.join(" ")))
        });
        actions.filter(|(_, words)| words != "no-op" && words != "read").collect()
    }

    /// Demands exactly this action on exactly this address.
    #[track_caller]
    pub(crate) fn only(&self, action: &str, address: &str) {
        assert_eq!(
            self.actions(),
            BTreeMap::from([(address, action.to_owned())]),
            "{:#}",
            self.json["resource_changes"]
        );
    }

    /// The planned values of an address after the apply.
    #[track_caller]
    pub(crate) fn after(&self, address: &str) -> &Value {
        &self.change(address)["after"]
    }

    /// Which of those values are known only after the apply.
    #[track_caller]
    pub(crate) fn after_unknown(&self, address: &str) -> &Value {
        &self.change(address)["after_unknown"]
    }

    #[track_caller]
    fn change(&self, address: &str) -> &Value {
        let changes = self.json["resource_changes"].as_array().map_or(&[][..], Vec::as_slice);
        let found = changes.iter().find(|change| change["address"] == address);
        &found.unwrap_or_else(|| panic!("{address} is not in the plan: {:#}", self.json))["change"]
    }
}
