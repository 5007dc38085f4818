//! Every method that is offered, once: what each takes and answers is as the discovery documents say.

use std::collections::BTreeSet;

use multicloud_simulator::CloudKind;
use serde_json::{Value, json};

use crate::client::{PROJECT, ZONE, cluster, pool, start};

#[tokio::test]
async fn every_method_is_as_described() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({ "initialClusterVersion": "1.32" })).await;
    let system = format!("{name}/nodePools/system");
    let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
    client.ok("clusters.list", ZONE, json!({})).await;
    client.change("clusters.update", &name, json!({ "update": { "desiredShieldedNodes": { "enabled": true } } })).await;
    client.change("clusters.updateMaster", &name, json!({ "masterVersion": "1.33" })).await;
    let labels = json!({ "resourceLabels": { "a": "b" }, "labelFingerprint": doc["labelFingerprint"] });
    client.change("clusters.setResourceLabels", &name, labels).await;
    client.change("clusters.setLocations", &name, json!({ "locations": ["us-east1-b", "us-east1-c"] })).await;
    let daily = json!({ "window": { "dailyMaintenanceWindow": { "startTime": "03:00" } } });
    client.change("clusters.setMaintenancePolicy", &name, json!({ "maintenancePolicy": daily })).await;
    client.change("clusters.nodePools.create", &name, pool("p", json!({}))).await;
    client.ok("clusters.nodePools.list", name.as_str(), json!({})).await;
    client.ok("clusters.nodePools.get", system.as_str(), json!({})).await;
    client.change("clusters.nodePools.setSize", &system, json!({ "nodeCount": 2 })).await;
    let autoscaling = json!({ "autoscaling": { "enabled": true, "maxNodeCount": 3 } });
    client.change("clusters.nodePools.setAutoscaling", &system, autoscaling).await;
    let management = json!({ "management": { "autoRepair": true, "autoUpgrade": true } });
    client.change("clusters.nodePools.setManagement", &system, management).await;
    let accepted = client.ok("clusters.nodePools.update", system.as_str(), json!({ "nodeVersion": "-" })).await;
    let operation = format!("{ZONE}/operations/{}", accepted["name"].as_str().unwrap());
    client.ok("operations.cancel", operation, json!({})).await;
    client.ended(ZONE, &accepted).await;
    client.change("clusters.nodePools.rollback", &system, json!({})).await;
    client.change("clusters.nodePools.delete", &format!("{name}/nodePools/p"), json!({})).await;
    client.ok("operations.list", ZONE, json!({})).await;
    client.ok("getServerConfig", ZONE, json!({})).await;

    let group = client.sizes(&name, "system").await;
    assert_eq!(group.len(), 2);
    let in_project = |more: Value| {
        let mut parameters = json!({ "project": PROJECT });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    };
    let zone = json!({ "zone": "us-east1-b" });
    for (id, more) in [
        ("compute.zones.list", json!({})),
        ("compute.zones.get", zone.clone()),
        ("compute.regions.list", json!({})),
        ("compute.regions.get", json!({ "region": "us-east1" })),
        ("compute.machineTypes.list", zone.clone()),
        ("compute.machineTypes.get", json!({ "zone": "us-east1-b", "machineType": "e2-medium" })),
        ("compute.instanceGroupManagers.list", zone.clone()),
        ("compute.instanceGroupManagers.aggregatedList", json!({})),
        ("compute.autoscalers.list", zone),
    ] {
        client.ok(id, in_project(more), json!({})).await;
    }
    let parent = json!({ "parent": format!("projects/{PROJECT}") });
    let service = json!({ "name": format!("projects/{PROJECT}/services/gkehub.googleapis.com") });
    for (id, target, body) in [
        ("serviceusage.services.list", parent.clone(), json!({})),
        ("serviceusage.services.get", service.clone(), json!({})),
        ("serviceusage.services.batchGet", parent.clone(), json!({})),
        ("serviceusage.services.enable", service.clone(), json!({})),
        ("serviceusage.services.batchEnable", parent, json!({ "serviceIds": [] })),
        ("serviceusage.services.disable", service, json!({})),
        ("serviceusage.operations.get", json!({ "name": "operations/noop.DONE_OPERATION" }), json!({})),
    ] {
        client.ok(id, target, body).await;
    }
    client.change("clusters.delete", &name, json!({})).await;
    client.ok("clusters.create", ZONE, cluster("d", json!({}))).await;

    // What hands out tokens has no discovery document here; `credential` looks at it.
    let visited: BTreeSet<&str> = client.simulator.journal().iter().map(|entry| entry.operation).collect();
    let missed: Vec<_> = CloudKind::Google.operations().into_iter().filter(|name| !visited.contains(name)).collect();
    let of_tokens = |name: &&str| name.ends_with("Token") || name.ends_with("Metadata");
    assert!(missed.iter().all(of_tokens), "{missed:?}");
}
