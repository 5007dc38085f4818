//! The journal and the world of GKE.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Dialect, path_parts, text};

/// The dialect.
#[derive(Debug)]
pub(crate) struct Gke;

impl Dialect for Gke {
    fn world<'w>(&self, world: &'w Value) -> &'w Value {
        &world["google"]["simulated-project"]["europe-west1-b"]["clusters"]
    }

    fn drawn(&self) -> &'static [&'static str] {
        &[
            "controlPlaneEndpointsConfig",
            "createTime",
            "endpoint",
            "etag",
            "id",
            "instanceGroupUrls",
            "labelFingerprint",
            "masterAuth",
            "operations",
            "privateClusterConfig",
        ]
    }

    /// Methods that change nothing begin with one of these, in all services.
    fn is_write(&self, request: &Value) -> bool {
        text(&request["path"]).contains("/clusters")
            && !["Get", "List", "Fetch", "Check"].iter().any(|verb| text(&request["operation"]).starts_with(verb))
    }

    fn is_login(&self, request: &Value) -> bool {
        !text(&request["path"]).contains("/projects/")
    }

    fn creates(&self, request: &Value) -> bool {
        text(&request["operation"]).starts_with("Create")
    }

    fn deletes(&self, request: &Value) -> bool {
        text(&request["operation"]).starts_with("Delete")
    }

    fn pools_go_first(&self) -> Option<&'static str> {
        None
    }

    fn token_member(&self) -> Option<&'static str> {
        None
    }

    fn object(&self, request: &Value) -> Option<String> {
        let parts = path_parts(request);
        // What follows the name after a colon is the verb.
        let name = |index: usize| parts.get(index).map(|part| part.split(':').next().unwrap_or_default().to_owned());
        let at = parts.iter().position(|part| part == "clusters")?;
        let Some(cluster) = name(at + 1) else {
            return request["request"]["cluster"]["name"].as_str().map(str::to_owned);
        };
        if name(at + 2).as_deref() != Some("nodePools") {
            return Some(cluster);
        }
        let asked = || request["request"]["nodePool"]["name"].as_str().map(str::to_owned);
        Some(match name(at + 3).or_else(asked) {
            Some(pool) => format!("{cluster}/nodePools/{pool}"),
            None => cluster,
        })
    }

    fn objects(&self, clusters: &Value) -> BTreeSet<String> {
        let none = Map::new();
        let mut found = BTreeSet::new();
        for (cluster, parts) in clusters.as_object().unwrap_or(&none) {
            found.insert(cluster.clone());
            let pools = parts["nodePools"].as_object().unwrap_or(&none).keys();
            found.extend(pools.map(|pool| format!("{cluster}/nodePools/{pool}")));
        }
        found
    }

    fn find<'w>(&self, clusters: &'w Value, object: &str) -> Option<&'w Value> {
        let mut parts = object.split('/');
        let cluster = clusters.get(parts.next()?)?;
        match parts.nth(1) {
            Some(pool) => cluster["nodePools"].get(pool),
            None => Some(cluster),
        }
    }
}
