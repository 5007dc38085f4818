//! Compute Engine, as far as it is offered.

use serde_json::json;

use crate::client::{PROJECT, REGION, start};

#[tokio::test]
async fn zones_regions_and_machine_types() {
    let client = start().await;
    let project = json!({ "project": PROJECT });
    let zones = client.ok("compute.zones.list", project.clone(), json!({})).await;
    assert!(zones["items"].as_array().unwrap().iter().any(|zone| zone["name"] == "us-central1-f"));
    let zone = client.ok("compute.zones.get", json!({ "project": PROJECT, "zone": "us-east1-b" }), json!({})).await;
    assert!(zone["region"].as_str().unwrap().ends_with("/regions/us-east1"));
    let regions = client.ok("compute.regions.list", project, json!({})).await;
    assert_eq!(regions["items"].as_array().unwrap().len(), 8);
    let region = json!({ "project": PROJECT, "region": "us-central1" });
    assert_eq!(client.ok("compute.regions.get", region, json!({})).await["zones"].as_array().unwrap().len(), 4);
    let in_zone = |zone: &str| json!({ "project": PROJECT, "zone": zone });
    let types = client.ok("compute.machineTypes.list", in_zone("us-central1-a"), json!({})).await;
    let fewer = client.ok("compute.machineTypes.list", in_zone("us-central1-c"), json!({})).await;
    assert!(types["items"].as_array().unwrap().len() > fewer["items"].as_array().unwrap().len());
    let machine = json!({ "project": PROJECT, "zone": "us-central1-a", "machineType": "e2-standard-4" });
    let machine = client.ok("compute.machineTypes.get", machine, json!({})).await;
    assert_eq!((&machine["guestCpus"], &machine["memoryMb"]), (&json!(4), &json!(16_384)));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_computes_older_form() {
    let client = start().await;
    for (id, parameters, resource) in [
        ("compute.zones.get", json!({ "project": PROJECT, "zone": "us-east1-a" }), "zones/us-east1-a"),
        ("compute.regions.get", json!({ "project": PROJECT, "region": "mars" }), "regions/mars"),
        (
            "compute.machineTypes.get",
            json!({ "project": PROJECT, "zone": "us-central1-c", "machineType": "t2a-standard-4" }),
            "zones/us-central1-c/machineTypes/t2a-standard-4",
        ),
        (
            "compute.instanceGroupManagers.get",
            json!({ "project": PROJECT, "zone": "us-central1-c", "instanceGroupManager": "g" }),
            "zones/us-central1-c/instanceGroupManagers/g",
        ),
    ] {
        let refused = client.refused(id, parameters, json!({})).await;
        assert_eq!((refused.code, refused.status.as_str(), refused.reason.as_str()), (404, "", "notFound"));
        assert_eq!(refused.message, format!("The resource 'projects/{PROJECT}/{resource}' was not found"));
    }
}

#[tokio::test]
async fn instance_groups_are_listed_by_zone_and_all_together() {
    let client = start().await;
    let name = client.cluster(REGION, json!({})).await;
    let in_zone = json!({ "project": PROJECT, "zone": "us-central1-b" });
    let listed = client.ok("compute.instanceGroupManagers.list", in_zone, json!({})).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["targetSize"], 1);
    let project = json!({ "project": PROJECT });
    let all = client.ok("compute.instanceGroupManagers.aggregatedList", project.clone(), json!({})).await;
    assert_eq!(all["items"].as_object().unwrap().len(), 3);
    assert_eq!(all["items"]["zones/us-central1-b"]["instanceGroupManagers"], listed["items"]);
    client.change("clusters.delete", &name, json!({})).await;
    let all = client.ok("compute.instanceGroupManagers.aggregatedList", project, json!({})).await;
    assert_eq!(all["items"], json!({}));
}
