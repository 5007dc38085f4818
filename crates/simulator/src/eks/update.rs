//! Updates: how changes that were accepted are getting on.

use serde_json::{Value, json};

use super::error::ServiceError;
use super::world::{Region, Target, Update};
use super::{Answer, Input, page};

pub(super) fn list(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let cluster = region.cluster(input.label(0))?;
    let target = target(input);
    let ids = cluster.updates.iter().filter(|update| update.target == target);
    let ids = ids.map(|update| Value::from(update.id.as_str())).collect();
    page::page("updateIds", ids, input.request.query("maxResults"), input.request.query("nextToken"))
}

/// An update of a node group or add-on is only found together with its name.
pub(super) fn describe(region: &mut Region, input: &Input<'_>) -> Result<Answer, ServiceError> {
    let (name, id) = (input.label(0), input.label(1));
    let target = target(input);
    let cluster = region.cluster(name)?;
    let wanted = |update: &&Update| update.id == id && update.target == target;
    match cluster.updates.iter().find(wanted) {
        Some(update) => Ok(Answer::read(json!({ "update": update.doc }))),
        None => Err(ServiceError::not_found(format!("No update found for ID: {id}")).cluster(name)),
    }
}

fn target(input: &Input<'_>) -> Target {
    match (input.request.query("nodegroupName"), input.request.query("addonName")) {
        (Some(name), _) => Target::Nodegroup(name.into()),
        (None, Some(name)) => Target::Addon(name.into()),
        (None, None) => Target::Cluster,
    }
}
