//! The journal and the world of AKS.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Dialect, path_parts, text};

/// The dialect.
#[derive(Debug)]
pub(crate) struct Aks;

/// Resource Manager's names are the same in any case of their letters; what follows the first of these names a cluster.
const CLUSTERS: &str = "managedclusters";
const POOLS: &str = "agentpools";

impl Dialect for Aks {
    fn world<'w>(&self, world: &'w Value) -> &'w Value {
        &world["azure"]["00000000-0000-4000-8000-000000000001"]["groups"]["platform"]["clusters"]
    }

    fn drawn(&self) -> &'static [&'static str] {
        &[
            "azurePortalFQDN",
            "busy",
            "eTag",
            "effectiveOutboundIPs",
            "fqdn",
            "identity",
            "identityProfile",
            "issuerURL",
            "resourceUID",
            "systemData",
        ]
    }

    fn is_write(&self, request: &Value) -> bool {
        let operation = text(&request["operation"]);
        let what = ["ManagedClusters_", "AgentPools_", "MaintenanceConfigurations_"];
        let how = ["CreateOrUpdate", "UpdateTags", "Delete", "AbortLatestOperation"];
        what.iter().any(|what| operation.starts_with(what)) && how.iter().any(|how| operation.ends_with(how))
    }

    fn is_login(&self, request: &Value) -> bool {
        text(&request["path"]).contains("/oauth2/")
    }

    /// `PUT` makes and changes; the status tells which it was.
    fn creates(&self, request: &Value) -> bool {
        request["method"] == "PUT" && request["status"] == 201
    }

    fn deletes(&self, request: &Value) -> bool {
        request["method"] == "DELETE"
    }

    fn pools_go_first(&self) -> Option<&'static str> {
        None
    }

    fn token_member(&self) -> Option<&'static str> {
        None
    }

    fn object(&self, request: &Value) -> Option<String> {
        let parts = path_parts(request);
        let after = |part: &str| {
            let at = parts.iter().position(|found| found.eq_ignore_ascii_case(part))?;
            parts.get(at + 1).cloned()
        };
        let cluster = after(CLUSTERS)?;
        Some(match after(POOLS) {
            Some(pool) => format!("{cluster}/agentPools/{pool}"),
            None => cluster,
        })
    }

    fn objects(&self, clusters: &Value) -> BTreeSet<String> {
        let none = Map::new();
        let mut found = BTreeSet::new();
        for (cluster, document) in clusters.as_object().unwrap_or(&none) {
            found.insert(cluster.clone());
            let pools = document["properties"]["agentPoolProfiles"].as_array().into_iter().flatten();
            found.extend(pools.map(|pool| format!("{cluster}/agentPools/{}", text(&pool["name"]))));
        }
        found
    }

    fn find<'w>(&self, clusters: &'w Value, object: &str) -> Option<&'w Value> {
        let mut parts = object.split('/');
        let cluster = clusters.get(parts.next()?)?;
        let Some(name) = parts.nth(1) else { return Some(cluster) };
        cluster["properties"]["agentPoolProfiles"].as_array()?.iter().find(|pool| pool["name"] == name)
    }
}
