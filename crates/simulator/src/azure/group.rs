//! Resource groups.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ArmError;
use super::inventory;
use super::world::{Document, Group, Record, Subscription};
use super::{Answer, Input};
use crate::cloud::Context;

/// An empty group's deletion; of one with a cluster it takes as long as the cluster's.
const DELETE: Duration = Duration::from_secs(120);

/// As Resource Manager's naming rules have it.
const LONGEST_NAME: usize = 90;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Document>,
}

pub(super) fn list(subscription: &Subscription) -> Answer {
    let groups: Vec<Value> = subscription.groups.values().map(|group| describe(&subscription.id, group)).collect();
    Answer::ok(json!({ "value": groups }))
}

pub(super) fn get(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let group = subscription.group(input.label(1))?;
    Ok(Answer::ok(describe(&id, group)))
}

pub(super) fn check_existence(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let status = if subscription.group(input.label(1)).is_ok() { 204 } else { 404 };
    Ok(Answer { status, headers: Vec::new(), body: None, committed: false })
}

pub(super) fn create_or_update(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let name = input.label(1);
    let wanted: Wanted = input.body()?;
    let allowed = |c: char| c.is_alphanumeric() || "-_().".contains(c);
    if name.len() > LONGEST_NAME || name.ends_with('.') || !name.chars().all(allowed) {
        let message = format!(
            "The provided resource group name '{name}' has these invalid characters or is too long. The name can only be \
             a letter, digit, '-', '.', '(', ')' or '_', and cannot end with a period."
        );
        return Err(ArmError::gateway(400, "InvalidResourceGroup", message));
    }
    let Some(given) = wanted.location else {
        return Err(ArmError::gateway(
            400,
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    };
    let Some(location) = inventory::find_location(&given) else {
        let message = format!("The provided location '{given}' is not available for resource group.");
        return Err(ArmError::gateway(400, "LocationNotAvailableForResourceGroup", message));
    };
    let id = subscription.id.clone();
    let tags = wanted.tags.unwrap_or_default();
    if let Ok(group) = subscription.group(name) {
        if group.deletion.is_some() {
            return Err(being_deleted(name));
        }
        if group.location != location {
            let message = format!(
                "Invalid resource group location '{given}'. The Resource group already exists in location '{}'.",
                group.location
            );
            return Err(ArmError::gateway(409, "InvalidResourceGroupLocation", message));
        }
        group.tags = tags;
        return Ok(Answer { committed: true, ..Answer::ok(describe(&id, group)) });
    }
    let group = Group { tags, ..new_group(name, location) };
    let body = describe(&id, &group);
    subscription.groups.insert(name.to_ascii_lowercase(), group);
    Ok(Answer { status: 201, committed: true, ..Answer::ok(body) })
}

pub(super) fn delete(
    subscription: &mut Subscription,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let job = context.random.hex(40);
    let due = context.due(DELETE);
    let group = subscription.group(input.label(1))?;
    let location = group.location.clone();
    let (job, committed) = match &group.deletion {
        Some((running, _)) => (running.clone(), false),
        None => {
            group.deletion = Some((job.clone(), due));
            let started = context.now;
            let record = Record { location, started, ended: None, status: "InProgress", error: None, hidden: 0 };
            subscription.operations.insert(job.clone(), record);
            (job, true)
        }
    };
    Ok(Answer { status: 202, headers: vec![("Location", result_url(input, &job))], body: None, committed })
}

/// 202 while the deletion goes on, 200 when it is over.
pub(super) fn deletion(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let job = input.label(1);
    let Some(record) = subscription.operations.get(job) else {
        return Err(ArmError::gateway(404, "NotFound", format!("The job '{job}' was not found.")));
    };
    let (status, headers) = match record.ended {
        None => (202, vec![("Location", result_url(input, job))]),
        Some(_) => (200, Vec::new()),
    };
    Ok(Answer { status, headers, body: None, committed: false })
}

pub(super) fn new_group(name: &str, location: &str) -> Group {
    Group {
        name: name.into(),
        location: location.into(),
        tags: Document::new(),
        managed_by: None,
        deletion: None,
        clusters: BTreeMap::new(),
    }
}

pub(super) fn being_deleted(name: &str) -> ArmError {
    let message = format!(
        "The resource group '{name}' is in deprovisioning state and cannot perform this operation. Please wait for the \
         deletion to finish."
    );
    ArmError::gateway(409, "ResourceGroupBeingDeleted", message)
}

fn result_url(input: &Input<'_>, job: &str) -> String {
    format!("{}/subscriptions/{}/operationresults/{job}?api-version=2021-04-01", input.base, input.label(0))
}

fn describe(subscription: &str, group: &Group) -> Value {
    let state = if group.deletion.is_some() { "Deleting" } else { "Succeeded" };
    let mut doc = json!({
        "id": format!("/subscriptions/{subscription}/resourceGroups/{}", group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "properties": { "provisioningState": state },
    });
    if !group.tags.is_empty() {
        doc["tags"] = Value::Object(group.tags.clone());
    }
    if let Some(owner) = &group.managed_by {
        doc["managedBy"] = owner.as_str().into();
    }
    doc
}
