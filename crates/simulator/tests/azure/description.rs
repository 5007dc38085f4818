//! The published models, as packages of Azure's SDK carry them, and whether a message fits one.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

/// Which packages.
const PACKAGES: [&str; 3] = ["azure.mgmt.containerservice", "azure.mgmt.compute", "azure.mgmt.resource.resources"];

/// What the packages carry.
pub(crate) static AZURE: LazyLock<Description> = LazyLock::new(|| {
    let program = include_str!("models.py");
    let output = Command::new(python()).args(["-c", program]).args(PACKAGES).output();
    let output = output.unwrap_or_else(|error| panic!("{NEEDED}: {error}"));
    assert!(output.status.success(), "{NEEDED}\n{}", String::from_utf8_lossy(&output.stderr));
    Description(serde_json::from_slice(&output.stdout).unwrap())
});

pub(crate) const NEEDED: &str = "Azure's SDK for Python is needed, which carries the published models: run `cargo xtask \
    test`, which provides it, or `python3 -m pip install azure-identity azure-mgmt-containerservice azure-mgmt-compute \
    azure-mgmt-resource`";

pub(crate) struct Description(Value);

/// Whether a message goes to the service or comes from there: members that are only read are never sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Reply,
}

impl Description {
    /// Method and URL of an operation.
    pub(crate) fn operation(&self, name: &str) -> Option<(&str, &str)> {
        let operation = &self.0["operations"][name];
        Some((operation["method"].as_str()?, operation["url"].as_str()?))
    }

    /// Everything in which `value` differs from what the model allows.
    pub(crate) fn problems(&self, model: &str, value: &Value, direction: Direction) -> Vec<String> {
        let mut problems = Vec::new();
        self.check_model(model, value, direction, model, &mut problems);
        problems
    }

    fn check_model(&self, model: &str, value: &Value, direction: Direction, path: &str, problems: &mut Vec<String>) {
        let Some(members) = self.0["shapes"][model].as_object() else {
            return problems.push(format!("{path}: no model is called {model}"));
        };
        let Some(object) = value.as_object() else {
            return problems.push(format!("{path} is to be a {model}, not {value}"));
        };
        for (name, member) in members {
            if member["required"] == true && !object.contains_key(name) {
                problems.push(format!("{path}.{name} is missing"));
            }
        }
        for (name, value) in object {
            let path = format!("{path}.{name}");
            match members.get(name) {
                Some(member) if direction == Direction::Request && member["read_only"] == true => {
                    problems.push(format!("{path} is only read"));
                }
                // Null is said where nothing is.
                Some(_) if value.is_null() => {}
                Some(member) => self.check(&member["type"], value, direction, &path, problems),
                None => problems.push(format!("{path} is not in the model")),
            }
        }
    }

    fn check(&self, kind: &Value, value: &Value, direction: Direction, path: &str, problems: &mut Vec<String>) {
        let fits = match kind.as_str() {
            Some("any") => true,
            Some("str") => value.is_string(),
            Some("int") => value.as_i64().is_some(),
            Some("float") => value.is_number(),
            Some("bool") => value.is_boolean(),
            Some(_) => false,
            None => {
                if let Some(model) = kind["model"].as_str() {
                    return self.check_model(model, value, direction, path, problems);
                } else if let (Some(values), Some(items)) = (kind["enum"].as_array(), value.as_str()) {
                    // Some services write the values of some enumerations in another case.
                    let known = |known: &Value| known.as_str().is_some_and(|known| known.eq_ignore_ascii_case(items));
                    values.iter().any(known)
                } else if let (false, Some(items)) = (kind["list"].is_null(), value.as_array()) {
                    for (index, item) in items.iter().enumerate() {
                        self.check(&kind["list"], item, direction, &format!("{path}[{index}]"), problems);
                    }
                    true
                } else if let (false, Some(items)) = (kind["map"].is_null(), value.as_object()) {
                    for (key, item) in items {
                        self.check(&kind["map"], item, direction, &format!("{path}[{key:?}]"), problems);
                    }
                    true
                } else {
                    false
                }
            }
        };
        if !fits {
            problems.push(format!("{path}: {value} is no {kind}"));
        }
    }
}

/// The models of an operation's request and reply.
pub(crate) fn models(operation: &str) -> (Option<&'static str>, Option<&'static str>) {
    match operation {
        "ManagedClusters_CreateOrUpdate" => (Some("ManagedCluster"), Some("ManagedCluster")),
        "ManagedClusters_UpdateTags" => (Some("TagsObject"), Some("ManagedCluster")),
        "ManagedClusters_Get" => (None, Some("ManagedCluster")),
        "ManagedClusters_List" | "ManagedClusters_ListByResourceGroup" => (None, Some("[ManagedCluster]")),
        "ManagedClusters_ListClusterUserCredentials" | "ManagedClusters_ListClusterAdminCredentials" => {
            (None, Some("CredentialResults"))
        }
        "ManagedClusters_GetUpgradeProfile" => (None, Some("ManagedClusterUpgradeProfile")),
        "ManagedClusters_ListKubernetesVersions" => (None, Some("KubernetesVersionListResult")),
        "AgentPools_CreateOrUpdate" => (Some("AgentPool"), Some("AgentPool")),
        "AgentPools_Get" => (None, Some("AgentPool")),
        "AgentPools_List" => (None, Some("[AgentPool]")),
        "AgentPools_GetUpgradeProfile" => (None, Some("AgentPoolUpgradeProfile")),
        "AgentPools_GetAvailableAgentPoolVersions" => (None, Some("AgentPoolAvailableVersions")),
        "MaintenanceConfigurations_CreateOrUpdate" => {
            (Some("MaintenanceConfiguration"), Some("MaintenanceConfiguration"))
        }
        "MaintenanceConfigurations_Get" => (None, Some("MaintenanceConfiguration")),
        "MaintenanceConfigurations_ListByManagedCluster" => (None, Some("[MaintenanceConfiguration]")),
        "ResourceGroups_CreateOrUpdate" => (Some("ResourceGroup"), Some("ResourceGroup")),
        "ResourceGroups_Get" => (None, Some("ResourceGroup")),
        "ResourceGroups_List" => (None, Some("[ResourceGroup]")),
        "Providers_Get" | "Providers_Register" => (None, Some("Provider")),
        "Providers_List" => (None, Some("[Provider]")),
        "ResourceSkus_List" => (None, Some("[ResourceSku]")),
        _ => (None, None),
    }
}

/// The one that `cargo xtask test` names or once got into the cache folder, or the user's own.
pub(crate) fn python() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cached = || {
        let cache = variable("MULTICLOUD_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("multicloud")))
            .or_else(|| variable("HOME").map(|folder| folder.join(".cache/multicloud")))?;
        let folders = std::fs::read_dir(cache).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let ours = folders
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("azure-sdk-")));
        ours.map(|folder| folder.join("bin/python3")).filter(|python| python.exists()).max()
    };
    variable("MULTICLOUD_AZURE_SDK").or_else(cached).unwrap_or_else(|| PathBuf::from("python3"))
}

#[test]
fn what_does_not_fit_is_found() {
    use serde_json::json;
    let good =
        json!({ "location": "eastus", "properties": { "dnsPrefix": "c", "agentPoolProfiles": [{ "name": "p" }] } });
    let found = |value: &Value| AZURE.problems("ManagedCluster", value, Direction::Request).join("; ");
    assert_eq!(found(&good), "");
    for (pointer, value, problem) in [
        ("/location", json!(7), "7 is no \"str\""),
        ("/colour", json!("blue"), "colour is not in the model"),
        ("/properties/kubernetesversion", json!("1.33"), "kubernetesversion is not in the model"),
        ("/properties/fqdn", json!("c.example"), "fqdn is only read"),
        ("/properties/supportPlan", json!("None"), "\"None\" is no"),
        ("/properties/agentPoolProfiles/0/count", json!("3"), "\"3\" is no \"int\""),
        ("/properties/agentPoolProfiles/0/nodeTaints", json!({}), "{} is no"),
    ] {
        let mut bad = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[key] = value;
        let found = found(&bad);
        assert!(found.contains(problem), "{pointer}: {found}");
    }
    assert!(found(&json!({})).contains("location is missing"));
}
