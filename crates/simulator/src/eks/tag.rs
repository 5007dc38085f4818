//! Tags, of whatever has an ARN.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ServiceError;
use super::world::{Document, Region};
use super::{Answer, Input};

/// As the service description has it.
const MOST_TAGS: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    tags: BTreeMap<String, String>,
}

/// Whether these tags can be given.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    let refuse = |message: String| Err(ServiceError::invalid_parameter(message));
    if tags.len() > MOST_TAGS {
        return refuse(format!("At most {MOST_TAGS} tags can be given"));
    }
    for (key, value) in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return refuse(format!("Tag key {key} starts with aws:, which is reserved"));
        }
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            return refuse("A tag has a key of 1 to 128 characters and a value of at most 256".into());
        }
    }
    Ok(())
}

pub(super) fn tag(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let wanted: Tag = input.body().map_err(bad_request)?;
    check(&wanted.tags).map_err(bad_request)?;
    let tags = tags(region, input.label(0))?;
    let new = wanted.tags.keys().filter(|key| !tags.contains_key(*key)).count();
    if tags.len() + new > MOST_TAGS {
        return Err(ServiceError::new("BadRequestException", 400, format!("At most {MOST_TAGS} tags can be given")));
    }
    tags.extend(wanted.tags.into_iter().map(|(key, value)| (key, value.into())));
    Ok(Answer::changed(json!({})))
}

pub(super) fn untag(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let keys: Vec<&str> =
        input.request.query.iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key.as_str()).collect();
    let tags = tags(region, input.label(0))?;
    if keys.is_empty() {
        return Err(ServiceError::new("BadRequestException", 400, "tagKeys must be given"));
    }
    tags.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(Answer::changed(json!({})))
}

pub(super) fn list(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let tags = tags(region, input.label(0))?;
    Ok(Answer::read(json!({ "tags": tags })))
}

/// These three operations have errors of their own.
fn bad_request(error: ServiceError) -> ServiceError {
    ServiceError::new("BadRequestException", 400, error.message)
}

/// The tags of what has that ARN.
fn tags<'r>(region: &'r mut Region, arn: &str) -> Result<&'r mut Document, ServiceError> {
    let not_found =
        || ServiceError::new("NotFoundException", 404, format!("The specified resource {arn} was not found"));
    let mut found = None;
    for cluster in region.clusters.values_mut() {
        let groups = cluster.nodegroups.values_mut().map(|group| ("nodegroupArn", &mut group.doc));
        let addons = cluster.addons.values_mut().map(|addon| ("addonArn", &mut addon.doc));
        let entries = cluster.entries.values_mut().map(|entry| ("accessEntryArn", &mut entry.doc));
        let own = std::iter::once(("arn", &mut cluster.own.doc));
        for (key, doc) in own.chain(groups).chain(addons).chain(entries) {
            if doc.get(key).and_then(Value::as_str) == Some(arn) {
                found = Some(doc);
            }
        }
    }
    let tags = found.ok_or_else(not_found)?.entry("tags").or_insert_with(|| json!({}));
    tags.as_object_mut().ok_or_else(not_found)
}
