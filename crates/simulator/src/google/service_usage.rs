//! Service Usage: which services a project has enabled, which `gcloud container clusters create` asks.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::inventory::{ENABLED_SERVICES, OTHER_SERVICES};
use super::method::ServiceUsage;
use super::{Answer, Input};

/// The services that projects have had enabled, as (project, service).
#[derive(Debug, Default)]
pub(super) struct Services {
    enabled: BTreeSet<(String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BatchEnable {
    service_ids: Vec<String>,
}

impl Services {
    /// Serves a method for a project, which is given by id and number.
    pub(super) fn answer(
        &mut self,
        method: ServiceUsage,
        (id, number): (&str, &str),
        input: &Input<'_>,
    ) -> Result<Answer, ApiError> {
        match method {
            ServiceUsage::GetService => Ok(Answer::read(self.service(id, number, known(input.label(1))?))),
            ServiceUsage::ListServices => {
                let wanted = input.request.query("filter").and_then(|filter| filter.strip_prefix("state:"));
                let all = all().map(|name| self.service(id, number, name));
                let services: Vec<Value> =
                    all.filter(|service| wanted.is_none_or(|state| service["state"] == state)).collect();
                Ok(Answer::read(json!({ "services": services })))
            }
            ServiceUsage::BatchGetServices => {
                let named = input.request.query.iter().filter(|(key, _)| key == "names");
                let name = |text: &str| known(text.rsplit('/').next().unwrap_or(text));
                let services: Result<Vec<Value>, ApiError> =
                    named.map(|(_, text)| Ok(self.service(id, number, name(text)?))).collect();
                Ok(Answer::read(json!({ "services": services? })))
            }
            ServiceUsage::EnableService => {
                let name = known(input.label(1))?;
                let committed = self.enable(id, name);
                let service = self.service(id, number, name);
                Ok(Answer { body: done("EnableServiceResponse", json!({ "service": service })), committed })
            }
            ServiceUsage::BatchEnableServices => {
                let wanted: BatchEnable = serde_json::from_slice(&input.request.body)
                    .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received. {error}")))?;
                let names: Result<Vec<&str>, ApiError> = wanted.service_ids.iter().map(|name| known(name)).collect();
                let (mut committed, mut services) = (false, Vec::new());
                for name in names? {
                    committed |= self.enable(id, name);
                    services.push(self.service(id, number, name));
                }
                Ok(Answer { body: done("BatchEnableServicesResponse", json!({ "services": services })), committed })
            }
            ServiceUsage::DisableService => {
                let name = known(input.label(1))?;
                if ENABLED_SERVICES.contains(&name) {
                    return Err(ApiError::precondition(format!("The service {name} is depended on by others.")));
                }
                let committed = self.enabled.remove(&(id.to_owned(), name.to_owned()));
                let service = self.service(id, number, name);
                Ok(Answer { body: done("DisableServiceResponse", json!({ "service": service })), committed })
            }
            ServiceUsage::GetServiceOperation => operation(input),
        }
    }

    fn enable(&mut self, project: &str, name: &str) -> bool {
        !ENABLED_SERVICES.contains(&name) && self.enabled.insert((project.to_owned(), name.to_owned()))
    }

    fn service(&self, project: &str, number: &str, name: &str) -> Value {
        let enabled = ENABLED_SERVICES.contains(&name) || self.enabled.contains(&(project.to_owned(), name.to_owned()));
        json!({
            "name": format!("projects/{number}/services/{name}"),
            "parent": format!("projects/{number}"),
            "config": { "name": name },
            "state": if enabled { "ENABLED" } else { "DISABLED" },
        })
    }
}

/// That operation, for who asks again.
fn operation(input: &Input<'_>) -> Result<Answer, ApiError> {
    match input.label(0) {
        "noop.DONE_OPERATION" => Ok(Answer::read(done("EnableServiceResponse", json!({})))),
        other => Err(ApiError::not_found(format!("Operation operations/{other} not found."))),
    }
}

/// An operation that is done when it is answered with, as Service Usage names those where little is to do.
fn done(kind: &str, mut response: Value) -> Value {
    response["@type"] = format!("type.googleapis.com/google.api.serviceusage.v1.{kind}").into();
    json!({ "name": "operations/noop.DONE_OPERATION", "done": true, "response": response })
}

fn all() -> impl Iterator<Item = &'static str> {
    ENABLED_SERVICES.into_iter().chain(OTHER_SERVICES)
}

fn known(name: &str) -> Result<&'static str, ApiError> {
    all()
        .find(|known| *known == name)
        .ok_or_else(|| ApiError::forbidden(format!("Not found or permission denied for service(s): {name}.")))
}
