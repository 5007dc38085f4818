//! The journal and the world of EKS.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Dialect, decoded, path_parts, text};

/// The dialect.
#[derive(Debug)]
pub(crate) struct Eks;

/// Collections as paths name them, and as the world does.
const COLLECTIONS: [(&str, &str); 3] =
    [("node-groups", "nodegroups"), ("addons", "addons"), ("access-entries", "accessEntries")];

impl Dialect for Eks {
    fn world<'w>(&self, world: &'w Value) -> &'w Value {
        &world["eks"]["123456789012"]["us-east-1"]["clusters"]
    }

    fn drawn(&self) -> &'static [&'static str] {
        &[
            "accessEntryArn",
            "addonArn",
            "associatedAt",
            "certificateAuthority",
            "clusterSecurityGroupId",
            "createdAt",
            "endpoint",
            // What the cloud itself says of what it has made.
            "health",
            "id",
            "identity",
            "modifiedAt",
            "nodegroupArn",
            "resources",
            "updates",
        ]
    }

    /// Operations that change nothing begin with one of these, in EKS and STS.
    fn is_write(&self, request: &Value) -> bool {
        !["Describe", "List", "Get", "AssumeRole"].iter().any(|verb| text(&request["operation"]).starts_with(verb))
    }

    fn is_login(&self, request: &Value) -> bool {
        text(&request["operation"]).starts_with("AssumeRole")
    }

    fn creates(&self, request: &Value) -> bool {
        text(&request["operation"]).starts_with("Create")
    }

    fn deletes(&self, request: &Value) -> bool {
        text(&request["operation"]).starts_with("Delete")
    }

    fn pools_go_first(&self) -> Option<&'static str> {
        Some("node-groups")
    }

    fn token_member(&self) -> Option<&'static str> {
        Some("clientRequestToken")
    }

    fn object(&self, request: &Value) -> Option<String> {
        let asked = |member: &str| request["request"][member].as_str().map(str::to_owned);
        let parts = path_parts(request);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts[..] {
            ["clusters"] => asked("name"),
            ["clusters", cluster, collection @ ("node-groups" | "addons" | "access-entries")] => {
                let name = asked("nodegroupName").or_else(|| asked("addonName")).or_else(|| asked("principalArn"));
                Some(name.map_or_else(|| cluster.to_owned(), |name| format!("{cluster}/{collection}/{name}")))
            }
            ["clusters", cluster, collection @ ("node-groups" | "addons" | "access-entries"), name, ..] => {
                Some(format!("{cluster}/{collection}/{name}"))
            }
            ["clusters", cluster, ..] => Some(cluster.to_owned()),
            ["tags", arn] => object_of_arn(&decoded(arn)),
            _ => None,
        }
    }

    fn objects(&self, clusters: &Value) -> BTreeSet<String> {
        let none = Map::new();
        let mut found = BTreeSet::new();
        for (cluster, parts) in clusters.as_object().unwrap_or(&none) {
            found.insert(cluster.clone());
            for (collection, member) in COLLECTIONS {
                let names = parts[member].as_object().unwrap_or(&none).keys();
                found.extend(names.map(|name| format!("{cluster}/{collection}/{name}")));
            }
        }
        found
    }

    fn find<'w>(&self, clusters: &'w Value, object: &str) -> Option<&'w Value> {
        let mut parts = object.splitn(3, '/');
        let cluster = clusters.get(parts.next()?)?;
        let (Some(collection), Some(name)) = (parts.next(), parts.next()) else { return Some(cluster) };
        let (_, member) = COLLECTIONS.into_iter().find(|(named, _)| *named == collection)?;
        cluster[member].get(name)
    }
}

/// `arn:aws:eks:<region>:<account>:<sort>/<cluster>[/<name>/<id>]`; a principal among the names is written with slashes.
fn object_of_arn(arn: &str) -> Option<String> {
    let (sort, rest) = arn.splitn(6, ':').nth(5)?.split_once('/')?;
    let named = |collection: &str| {
        let (cluster, name) = rest.split_once('/')?;
        Some(format!("{cluster}/{collection}/{}", name.split('/').next()?))
    };
    match sort {
        "cluster" => Some(rest.to_owned()),
        "nodegroup" => named("node-groups"),
        "addon" => named("addons"),
        "access-entry" => named("access-entries"),
        _ => None,
    }
}
