//! Upgrade insights: of the ones that EKS has, those that follow from what is simulated.

use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Addon;
use super::cluster::NODE_SKEW;
use super::error::ServiceError;
use super::world::{Cluster, Region, minor_of};
use super::{Answer, Input, page};
use crate::clock::Moment;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    filter: Option<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    kubernetes_versions: Vec<String>,
    #[serde(default)]
    statuses: Vec<String>,
}

pub(super) fn list(region: &mut Region, input: &Input<'_>, now: Moment) -> Result<Answer, ServiceError> {
    let wanted: List = input.body()?;
    let cluster = region.cluster(input.label(0))?;
    let filter = wanted.filter.unwrap_or_default();
    let among = |list: &[String], value: &Value| list.is_empty() || list.iter().any(|item| *value == **item);
    let mut found = insights(cluster, now);
    found.retain(|insight| {
        among(&filter.categories, &insight["category"])
            && among(&filter.kubernetes_versions, &insight["kubernetesVersion"])
            && among(&filter.statuses, &insight["insightStatus"]["status"])
    });
    for insight in &mut found {
        if let Some(summary) = insight.as_object_mut() {
            summary.remove("recommendation");
            summary.remove("resources");
        }
    }
    let size = wanted.max_results.map(|size| size.to_string());
    page::page("insights", found, size.as_deref(), wanted.next_token.as_deref())
}

pub(super) fn describe(region: &mut Region, input: &Input<'_>, now: Moment) -> Result<Answer, ServiceError> {
    let (name, id) = (input.label(0), input.label(1));
    let cluster = region.cluster(name)?;
    match insights(cluster, now).into_iter().find(|insight| insight["id"] == id) {
        Some(insight) => Ok(Answer::read(json!({ "insight": insight }))),
        None => Err(ServiceError::not_found(format!("No insight found for ID: {id}"))),
    }
}

fn insights(cluster: &Cluster, now: Moment) -> Vec<Value> {
    let next = cluster.minor() + 1;
    let groups = cluster.nodegroups.values().filter(|group| minor_of(group.text("version")) + NODE_SKEW < next);
    let behind: Vec<String> = groups.map(|group| group.text("nodegroupArn").to_owned()).collect();
    let addons = cluster.addons.iter().filter(|(name, resource)| {
        Addon::find(name).is_some_and(|addon| !addon.runs_on(resource.text("addonVersion"), next))
    });
    let incompatible: Vec<String> = addons.map(|(_, resource)| resource.text("addonArn").to_owned()).collect();
    vec![
        insight(
            "00000000-0000-4000-8000-000000000011",
            (
                "Kubelet version skew",
                "Checks for kubelet versions of worker nodes that the next version does not support.",
            ),
            "Upgrade the node groups before the control plane.",
            &behind,
            (cluster, next, now),
        ),
        insight(
            "00000000-0000-4000-8000-000000000012",
            ("EKS add-on version compatibility", "Checks for add-on versions that the next version does not support."),
            "Update the add-ons before the control plane.",
            &incompatible,
            (cluster, next, now),
        ),
    ]
}

fn insight(
    id: &str,
    (name, description): (&str, &str),
    recommendation: &str,
    troubled: &[String],
    (cluster, next, now): (&Cluster, u32, Moment),
) -> Value {
    let (status, reason) = if troubled.is_empty() {
        ("PASSING", "No issue was found.".to_owned())
    } else {
        ("ERROR", format!("Found {} that the next version does not support.", troubled.len()))
    };
    let error = json!({ "status": "ERROR", "reason": reason });
    let resources: Vec<_> = troubled.iter().map(|arn| json!({ "insightStatus": error, "arn": arn })).collect();
    json!({
        "id": id,
        "name": name,
        "category": "UPGRADE_READINESS",
        "kubernetesVersion": format!("1.{next}"),
        "lastRefreshTime": now.epoch_seconds(),
        "lastTransitionTime": cluster.own.doc.get("createdAt").cloned().unwrap_or_default(),
        "description": description,
        "insightStatus": { "status": status, "reason": reason },
        "recommendation": recommendation,
        "resources": resources,
    })
}
