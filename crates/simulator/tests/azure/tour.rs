//! Every operation once, at its published place, with replies of the published form.

use serde_json::{Value, json};

use crate::client::{
    GROUP, SUBSCRIPTION, cluster_body, cluster_path, faults, group_path, pool_path, start, with, writable,
};
use crate::description::AZURE;

/// Those that the models do not name: polling is part of every long-running operation, and the packages that we take the
/// models from have no subscriptions.
const NOT_IN_MODELS: [&str; 7] = [
    "OperationStatus_Get",
    "OperationResults_Get",
    "ResourceGroups_DeletionResult",
    "Subscriptions_List",
    "Subscriptions_Get",
    "Subscriptions_ListLocations",
    "Tenants_List",
];

#[tokio::test]
async fn every_operation_is_where_it_is_published() {
    let client = start().await;
    // The error of a fault rule for an unknown operation lists all.
    let plan = faults(r#"[{"operation":"?","fault":"slow"}]"#);
    let error = client.simulator.add_faults(plan).unwrap_err().to_string();
    let names = error.split_once("they are ").unwrap().1;
    let names: Vec<&str> = names.split(", ").take_while(|name| !name.starts_with("OAuth2")).collect();
    assert!(names.len() > 35, "{names:?}");
    for name in names.iter().filter(|name| !NOT_IN_MODELS.contains(name)) {
        let (method, url) = AZURE.operation(name).unwrap_or_else(|| panic!("no operation is published as {name}"));
        client.try_call(method, url, Value::Null, &[]).await.unwrap();
        let entry = client.simulator.journal().pop().unwrap();
        assert_eq!((entry.operation, entry.cloud), (*name, "azure"), "{method} {url}");
    }
}

#[tokio::test]
async fn a_life_in_published_forms() {
    let client = start().await;
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let versions = client
        .get(&format!("{subscription}/providers/Microsoft.ContainerService/locations/eastus/kubernetesVersions"))
        .await;
    assert_eq!(versions["values"].as_array().unwrap().iter().filter(|version| version["isDefault"] == true).count(), 1);
    assert_eq!(client.get(&subscription).await["state"], "Enabled");
    assert!(client.get(&format!("{subscription}/locations")).await["value"].as_array().unwrap().len() > 5);
    assert_eq!(client.get("/subscriptions").await["value"].as_array().unwrap().len(), 2);
    assert_eq!(client.get("/tenants").await["value"].as_array().unwrap().len(), 1);
    let skus = format!("{subscription}/providers/Microsoft.Compute/skus?$filter=location%20eq%20'eastus'");
    let skus = client.get(&skus).await["value"].clone();
    assert!(skus.as_array().unwrap().iter().all(|sku| sku["locations"] == json!(["eastus"])), "{skus}");

    let path = cluster_path("c");
    let body = with(cluster_body(), "/properties/kubernetesVersion", "1.32".into());
    let up = client.cluster("c", with(body, "/tags", json!({ "team": "platform" }))).await;
    assert_eq!(up["properties"]["provisioningState"], "Succeeded");
    assert_eq!(
        client.get(&format!("{subscription}/providers/Microsoft.ContainerService/managedClusters")).await["value"],
        json!([up])
    );
    let in_group = format!("{}/providers/Microsoft.ContainerService/managedClusters", group_path(GROUP));
    assert_eq!(client.get(&in_group).await["value"].as_array().unwrap().len(), 1);

    let upgrades = client.get(&format!("{path}/upgradeProfiles/default")).await;
    assert_eq!(upgrades["properties"]["controlPlaneProfile"]["upgrades"][0]["kubernetesVersion"], "1.33.4");
    client.done("PUT", &path, with(writable(&up), "/properties/kubernetesVersion", "1.33".into())).await;
    let offered = client.get(&format!("{path}/availableAgentPoolVersions")).await;
    assert_eq!(offered["properties"]["agentPoolVersions"].as_array().unwrap().len(), 6);
    let of_pool = client.get(&format!("{}/upgradeProfiles/default", pool_path("c", "apps"))).await;
    assert_eq!(of_pool["properties"]["upgrades"].as_array().unwrap().len(), 2);
    let pool = client.get(&pool_path("c", "apps")).await;
    client
        .done("PUT", &pool_path("c", "apps"), with(writable(&pool), "/properties/orchestratorVersion", "1.33".into()))
        .await;
    client
        .done("PUT", &pool_path("c", "more"), json!({ "properties": { "count": 1, "vmSize": "Standard_D2s_v5" } }))
        .await;
    assert_eq!(client.get(&format!("{path}/agentPools")).await["value"].as_array().unwrap().len(), 3);
    let delete = format!("{}?ignore-pod-disruption-budget=true", pool_path("c", "more"));
    client.done("DELETE", &delete, Value::Null).await;

    let window = json!({ "properties": { "maintenanceWindow": {
        "schedule": { "weekly": { "intervalWeeks": 1, "dayOfWeek": "Monday" } }, "durationHours": 4, "startTime": "01:00",
    } } });
    let window_path = format!("{path}/maintenanceConfigurations/aksManagedAutoUpgradeSchedule");
    client.ok("PUT", &window_path, window.clone()).await;
    assert_eq!(client.get(&window_path).await["properties"], window["properties"]);
    assert_eq!(client.get(&format!("{path}/maintenanceConfigurations")).await["value"].as_array().unwrap().len(), 1);
    client.ok("DELETE", &window_path, Value::Null).await;

    client.done("PATCH", &path, json!({ "tags": { "team": "apps" } })).await;
    for credential in ["listClusterUserCredential", "listClusterAdminCredential"] {
        let reply = client.ok("POST", &format!("{path}/{credential}"), Value::Null).await.json();
        assert_eq!(reply["kubeconfigs"].as_array().unwrap().len(), 1);
    }
    client.done("DELETE", &path, Value::Null).await;
    assert_eq!(client.refused("GET", &path, Value::Null).await.code, "ResourceNotFound");
}
