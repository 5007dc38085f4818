//! The published service descriptions, as botocore carries them, and whether a message fits one.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// EKS, 2017-11-01.
pub(crate) static EKS: LazyLock<Description> = LazyLock::new(|| Description::load("eks"));

/// STS, 2011-06-15.
pub(crate) static STS: LazyLock<Description> = LazyLock::new(|| Description::load("sts"));

pub(crate) struct Description(Value);

/// How an operation's error is described.
pub(crate) struct ErrorShape {
    pub(crate) shape: String,
    pub(crate) status: u64,
}

impl Description {
    fn load(service: &str) -> Description {
        let program = "import sys, json, botocore.loaders as l; \
                       json.dump(l.Loader().load_service_model(sys.argv[1], 'service-2'), sys.stdout)";
        let mut failures = Vec::new();
        let loaded = pythons().into_iter().find_map(|python| {
            match Command::new(&python).args(["-c", program, service]).output() {
                Ok(output) if output.status.success() => Some(output.stdout),
                Ok(output) => {
                    failures.push(format!("{}: {}", python.display(), String::from_utf8_lossy(&output.stderr)));
                    None
                }
                Err(error) => {
                    failures.push(format!("{}: {error}", python.display()));
                    None
                }
            }
        });
        let Some(text) = loaded else {
            panic!(
                "botocore is needed, which carries the service descriptions: run `cargo xtask test`, which provides it, \
                 or `python3 -m pip install botocore`\n{}",
                failures.join("\n")
            )
        };
        Description(serde_json::from_slice(&text).unwrap())
    }

    pub(crate) fn operation(&self, name: &str) -> &Value {
        let operation = &self.0["operations"][name];
        assert!(operation.is_object(), "the service description has no operation {name}");
        operation
    }

    pub(crate) fn members(&self, shape: &str) -> &Map<String, Value> {
        self.0["shapes"][shape]["members"].as_object().unwrap()
    }

    /// The error of that code, if the operation has it.
    pub(crate) fn error(&self, operation: &str, code: &str) -> Option<ErrorShape> {
        let errors = self.operation(operation)["errors"].as_array()?;
        let shape = errors.iter().filter_map(|error| error["shape"].as_str()).find(|shape| *shape == code)?;
        let status = self.0["shapes"][shape]["error"]["httpStatusCode"].as_u64()?;
        Some(ErrorShape { shape: shape.into(), status })
    }

    /// Everything in which `value` differs from what the shape allows.
    pub(crate) fn problems(&self, shape: &str, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.check(shape, value, shape, &mut problems);
        problems
    }

    fn check(&self, shape: &str, value: &Value, path: &str, problems: &mut Vec<String>) {
        let described = &self.0["shapes"][shape];
        let within = |size: f64, what: &str, problems: &mut Vec<String>| {
            let below = described["min"].as_f64().is_some_and(|min| size < min);
            if below || described["max"].as_f64().is_some_and(|max| size > max) {
                problems.push(format!("{path}: {what} {size} is out of bounds"));
            }
        };
        match (described["type"].as_str(), value) {
            (Some("structure"), Value::Object(object)) => {
                let members = self.members(shape);
                for required in described["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if !object.contains_key(required) {
                        problems.push(format!("{path}.{required} is missing"));
                    }
                }
                for (name, value) in object {
                    match members.get(name).and_then(|member| member["shape"].as_str()) {
                        Some(shape) => self.check(shape, value, &format!("{path}.{name}"), problems),
                        None => problems.push(format!("{path}.{name} is not in the description")),
                    }
                }
            }
            (Some("list"), Value::Array(items)) => {
                within(items.len() as f64, "length", problems);
                let shape = described["member"]["shape"].as_str().unwrap();
                for (index, item) in items.iter().enumerate() {
                    self.check(shape, item, &format!("{path}[{index}]"), problems);
                }
            }
            (Some("map"), Value::Object(object)) => {
                // The description's minimum of one is for requests: replies do have empty maps.
                if described["max"].as_u64().is_some_and(|max| object.len() as u64 > max) {
                    problems.push(format!("{path} has too many entries"));
                }
                for (key, value) in object {
                    let (keys, values) = (described["key"]["shape"].as_str(), described["value"]["shape"].as_str());
                    self.check(keys.unwrap(), &Value::from(key.as_str()), &format!("{path} key"), problems);
                    self.check(values.unwrap(), value, &format!("{path}[{key:?}]"), problems);
                }
            }
            (Some("string"), Value::String(text)) => {
                within(text.chars().count() as f64, "length", problems);
                if let Some(known) = described["enum"].as_array()
                    && !known.iter().any(|known| known == value)
                {
                    problems.push(format!("{path}: {text:?} is not one of its values"));
                }
            }
            (Some("integer" | "long"), Value::Number(number)) => match number.as_i64() {
                Some(integer) => within(integer as f64, "value", problems),
                None => problems.push(format!("{path}: {number} is not an integer")),
            },
            (Some("boolean"), Value::Bool(_)) | (Some("timestamp"), Value::Number(_)) => {}
            (Some(kind), other) => problems.push(format!("{path} is to be a {kind}, not {other}")),
            (None, _) => problems.push(format!("{path}: no shape is called {shape}")),
        }
    }
}

/// Those beside the tools that `cargo xtask test` provides, which have botocore, and the user's own.
fn pythons() -> Vec<PathBuf> {
    let tools = ["MULTICLOUD_MOTO_SERVER", "MULTICLOUD_AWS"].into_iter().filter_map(std::env::var_os);
    let beside = tools.map(|tool| PathBuf::from(tool).with_file_name("python3")).filter(|python| python.exists());
    beside.chain([PathBuf::from("python3")]).collect()
}

#[test]
fn what_does_not_fit_is_found() {
    use serde_json::json;
    let found = |value: Value| EKS.problems("CreateClusterRequest", &value).join("; ");
    let vpc = json!({ "subnetIds": ["a"] });
    let good = json!({ "name": "c", "roleArn": "r", "resourcesVpcConfig": vpc });
    assert_eq!(found(good.clone()), "");
    for (key, value, problem) in [
        ("name", json!(null), "is to be a string"),
        ("name", json!("x".repeat(101)), "out of bounds"),
        ("colour", json!("blue"), "not in the description"),
        ("upgradePolicy", json!({ "supportType": "NONE" }), "not one of its values"),
        ("deletionProtection", json!("yes"), "is to be a boolean"),
        ("tags", json!({ "k": 1 }), "is to be a string"),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        let found = found(bad);
        assert!(found.contains(problem), "{key}: {found}");
    }
    assert!(found(json!({ "name": "c" })).contains("roleArn is missing"));
}
