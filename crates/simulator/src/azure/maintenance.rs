//! Maintenance windows of clusters. They are at once what was asked for.

use serde_json::{Value, json};

use super::error::ArmError;
use super::world::{Document, Subscription};
use super::{Answer, Input};

pub(super) fn list(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let (cluster, _) = subscription.cluster(input.label(1), input.label(2))?;
    let of = cluster.id(&id);
    let value: Vec<Value> = cluster.maintenance.iter().map(|(name, doc)| describe(&of, name, doc)).collect();
    Ok(Answer::ok(json!({ "value": value })))
}

pub(super) fn get(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let id = subscription.id.clone();
    let name = input.label(3);
    let (cluster, _) = subscription.cluster(input.label(1), input.label(2))?;
    let of = cluster.id(&id);
    let doc = cluster.maintenance.get(name).ok_or_else(|| {
        ArmError::service(404, "NotFound", format!("The maintenance configuration '{name}' was not found."))
    })?;
    Ok(Answer::ok(describe(&of, name, doc)))
}

pub(super) fn put(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let body: Document = input.body()?;
    let name = input.label(3);
    if !["default", "aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule"].contains(&name) {
        let message = format!("The name '{name}' of a maintenance configuration is not known.");
        return Err(ArmError::invalid_parameter("configName", message));
    }
    let properties = body.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let id = subscription.id.clone();
    let (cluster, _) = subscription.cluster(input.label(1), input.label(2))?;
    let of = cluster.id(&id);
    let shown = describe(&of, name, &properties);
    let status = if cluster.maintenance.insert(name.into(), properties).is_none() { 201 } else { 200 };
    Ok(Answer { status, committed: true, ..Answer::ok(shown) })
}

pub(super) fn delete(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let (cluster, _) = subscription.cluster(input.label(1), input.label(2))?;
    match cluster.maintenance.remove(input.label(3)) {
        Some(_) => Ok(Answer { status: 200, headers: Vec::new(), body: None, committed: true }),
        None => Ok(Answer::nothing()),
    }
}

fn describe(cluster: &str, name: &str, properties: &Document) -> Value {
    json!({
        "id": format!("{cluster}/maintenanceConfigurations/{name}"),
        "name": name,
        "type": "Microsoft.ContainerService/managedClusters/maintenanceConfigurations",
        "properties": properties,
    })
}
