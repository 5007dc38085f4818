//! The published discovery documents, as Google's Python client carries them, and whether a message fits one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// Kubernetes Engine.
pub(crate) static CONTAINER: LazyLock<Description> = LazyLock::new(|| Description::load("container"));

/// Compute Engine.
pub(crate) static COMPUTE: LazyLock<Description> = LazyLock::new(|| Description::load("compute"));

/// Service Usage.
pub(crate) static SERVICE_USAGE: LazyLock<Description> = LazyLock::new(|| Description::load("serviceusage"));

const NEEDED: &str = "Google's discovery documents are needed: run `cargo xtask test`, which provides them, or \
                      `python3 -m pip install google-api-python-client`";

pub(crate) struct Description(Value);

impl Description {
    fn load(service: &str) -> Description {
        let file = documents().join(format!("{service}.v1.json"));
        let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{NEEDED}\n{}: {error}", file.display()));
        Description(serde_json::from_slice(&text).unwrap())
    }

    /// A method by its id, such as `container.projects.locations.clusters.get`.
    pub(crate) fn method(&self, id: &str) -> &Value {
        let names: Vec<&str> = id.split('.').skip(1).collect();
        let (method, resources) = names.split_last().unwrap();
        let resource = resources.iter().fold(&self.0, |resource, name| &resource["resources"][name]);
        let method = &resource["methods"][method];
        assert!(method.is_object(), "the discovery document has no method {id}");
        method
    }

    /// Everything in which `value` differs from what the schema allows.
    pub(crate) fn problems(&self, schema: &str, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.check(&self.0["schemas"][schema], value, schema, &mut problems);
        problems
    }

    fn check(&self, described: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
        if let Some(schema) = described["$ref"].as_str() {
            return self.check(&self.0["schemas"][schema], value, path, problems);
        }
        match (described["type"].as_str(), value) {
            (Some("object"), Value::Object(members)) => {
                let empty = Map::new();
                let properties = described["properties"].as_object().unwrap_or(&empty);
                let others = &described["additionalProperties"];
                for (name, value) in members {
                    match properties.get(name) {
                        Some(property) => self.check(property, value, &format!("{path}.{name}"), problems),
                        None if others.is_object() => self.check(others, value, &format!("{path}[{name:?}]"), problems),
                        None => problems.push(format!("{path}.{name} is not in the document")),
                    }
                }
            }
            (Some("array"), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.check(&described["items"], item, &format!("{path}[{index}]"), problems);
                }
            }
            (Some("string"), Value::String(text)) => {
                if let Some(known) = described["enum"].as_array()
                    && !known.contains(value)
                {
                    problems.push(format!("{path}: {text:?} is not one of its values"));
                }
                let fits = match described["format"].as_str() {
                    Some("int64") => text.parse::<i64>().is_ok(),
                    Some("uint64") => text.parse::<u64>().is_ok(),
                    Some("google-datetime") => text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T'),
                    Some("google-duration") => text.ends_with('s'),
                    Some(_) | None => true,
                };
                if !fits {
                    problems.push(format!("{path}: {text:?} is no {}", described["format"]));
                }
            }
            (Some("integer"), Value::Number(number)) if number.is_i64() || number.is_u64() => {}
            (Some("number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) | (Some("any"), _) => {}
            (Some(kind), other) => problems.push(format!("{path} is to be a {kind}, not {other}")),
            (None, _) => problems.push(format!("{path}: the document does not say what it is")),
        }
    }
}

/// The folder of the documents: the one that `cargo xtask test` names or once got into the cache folder, or that of the
/// user's own client.
fn documents() -> PathBuf {
    const WITHIN: &str = "googleapiclient/discovery_cache/documents";
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cached = || {
        let cache = variable("MULTICLOUD_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("multicloud")))
            .or_else(|| variable("HOME").map(|folder| folder.join(".cache/multicloud")))?;
        let folders = std::fs::read_dir(cache).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let name = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().starts_with("google-api-python-client-"));
        let ours = folders.filter(|path| name(path) == Some(true) && path.join(".complete").exists());
        ours.max().map(|folder| folder.join("packages").join(WITHIN))
    };
    variable("MULTICLOUD_DISCOVERY").or_else(cached).unwrap_or_else(|| {
        let program = "import os, googleapiclient as g; print(os.path.dirname(g.__file__))";
        let output = Command::new("python3").args(["-c", program]).output().expect(NEEDED);
        assert!(output.status.success(), "{NEEDED}\n{}", String::from_utf8_lossy(&output.stderr));
        let package = String::from_utf8(output.stdout).unwrap();
        // `googleapiclient` is the package's own folder.
        Path::new(package.trim()).with_file_name(WITHIN)
    })
}

#[test]
fn what_does_not_fit_is_found() {
    use serde_json::json;
    let found = |value: Value| CONTAINER.problems("NodePool", &value).join("; ");
    assert_eq!(found(json!({ "name": "p", "config": { "labels": { "a": "b" } }, "initialNodeCount": 3 })), "");
    for (value, problem) in [
        (json!({ "colour": "blue" }), "not in the document"),
        (json!({ "name": 1 }), "is to be a string"),
        (json!({ "status": "FINE" }), "not one of its values"),
        (json!({ "initialNodeCount": 1.5 }), "is to be a integer"),
        (json!({ "maxPodsConstraint": { "maxPodsPerNode": "many" } }), "is no \"int64\""),
        (json!({ "config": { "labels": { "a": 1 } } }), "is to be a string"),
        (json!({ "locations": "z" }), "is to be a array"),
    ] {
        let found = found(value);
        assert!(found.contains(problem), "{problem}: {found}");
    }
}
