//! Agent pools.

use serde_json::{Value, json};

use crate::client::{GROUP, SUBSCRIPTION, cluster_body, cluster_path, pool_path, start, with, writable};

fn body(more: Value) -> Value {
    let mut body = json!({ "properties": { "count": 1, "vmSize": "Standard_D2s_v5" } });
    body["properties"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_pool_is_filled_in_and_a_put_replaces_it_whole() {
    let client = start().await;
    client.cluster("c", cluster_body()).await;
    let given = json!({ "nodeLabels": { "tier": "web" }, "nodeTaints": ["k=v:NoSchedule"], "tags": { "a": "b" },
        "osDiskSizeGB": 0, "availabilityZones": ["2", "1"], "upgradeSettings": { "maxSurge": "33%" } });
    let accepted = client.ok("PUT", &pool_path("c", "web"), body(given)).await;
    assert_eq!((accepted.status, &accepted.json()["properties"]["provisioningState"]), (201, &json!("Creating")));
    client.ended(&accepted).await;
    let pool = client.get(&pool_path("c", "web")).await;
    assert_eq!((&pool["properties"]["osDiskSizeGB"], &pool["properties"]["mode"]), (&json!(128), &json!("User")));
    assert_eq!(pool["properties"]["upgradeSettings"], json!({ "maxSurge": "33%", "maxUnavailable": "0" }));
    // Zones in another order are the same; what is left out is gone, but for what stays.
    client.done("PUT", &pool_path("c", "web"), body(json!({ "availabilityZones": ["1", "2"], "count": 2 }))).await;
    let pool = client.get(&pool_path("c", "web")).await["properties"].clone();
    assert!(["nodeLabels", "nodeTaints", "tags"].iter().all(|key| pool.get(key).is_none()), "{pool}");
    assert_eq!((&pool["upgradeSettings"]["maxSurge"], &pool["count"]), (&json!("10%"), &json!(2)));
    assert_eq!(pool["availabilityZones"], json!(["2", "1"]));
}

#[tokio::test]
async fn what_stays_for_life_cannot_be_changed() {
    let client = start().await;
    client.cluster("c", cluster_body()).await;
    client.done("PUT", &pool_path("c", "web"), body(json!({ "osDiskSizeGB": 64, "availabilityZones": ["1"] }))).await;
    for (key, value) in [
        ("vmSize", json!("Standard_D4s_v5")),
        ("osDiskSizeGB", json!(128)),
        ("maxPods", json!(30)),
        ("availabilityZones", json!(["1", "2"])),
        ("osType", json!("Windows")),
        ("scaleSetPriority", json!("Spot")),
        ("vnetSubnetID", json!("/subscriptions/x")),
    ] {
        let refused = client.refused("PUT", &pool_path("c", "web"), body(json!({ key: value }))).await;
        assert_eq!((refused.status, refused.code.as_str()), (400, "PropertyChangeNotAllowed"), "{key}: {refused:?}");
        assert!(refused.message.contains(&format!("'properties.{key}'")), "{}", refused.message);
    }
    // As it is, or unsaid.
    let same =
        json!({ "osDiskSizeGB": 0, "scaleSetPriority": "Regular", "vmSize": "STANDARD_D2S_V5", "spotMaxPrice": -1.0 });
    client.done("PUT", &pool_path("c", "web"), body(same)).await;
    assert_eq!(client.get(&pool_path("c", "web")).await["properties"]["osDiskSizeGB"], 64);
}

#[tokio::test]
async fn an_autoscaled_pool_keeps_its_own_count() {
    let client = start().await;
    client.cluster("c", cluster_body()).await;
    let scaled = json!({ "enableAutoScaling": true, "minCount": 1, "maxCount": 5, "count": 2 });
    client.done("PUT", &pool_path("c", "web"), body(scaled.clone())).await;
    let object = format!("{SUBSCRIPTION}/groups/{GROUP}/clusters/c/agentPools/web");
    client.simulator.put("azure", &object, json!({ "properties": { "count": 4 } })).unwrap();
    let refused = client.refused("PUT", &pool_path("c", "web"), body(scaled.clone())).await;
    assert_eq!((refused.status, refused.code.as_str()), (400, "InvalidParameter"));
    assert!(refused.message.contains("autoscaling is enabled"), "{}", refused.message);
    let unsaid = with(body(scaled), "/properties/count", Value::Null);
    client.done("PUT", &pool_path("c", "web"), with(unsaid.clone(), "/properties/maxCount", json!(8))).await;
    let pool = client.get(&pool_path("c", "web")).await["properties"].clone();
    assert_eq!((&pool["count"], &pool["maxCount"]), (&json!(4), &json!(8)));
    for (key, value) in [("minCount", json!(6)), ("maxCount", Value::Null), ("minCount", json!(1001))] {
        let refused = client
            .refused("PUT", &pool_path("c", "web"), with(unsaid.clone(), &format!("/properties/{key}"), value))
            .await;
        assert_eq!(refused.code, "InvalidParameter", "{key}");
    }
    // The cluster shows the autoscaler's settings once a pool needs them.
    let up = client.get(&cluster_path("c")).await;
    let mut update = writable(&up);
    for profile in update["properties"]["agentPoolProfiles"].as_array_mut().unwrap() {
        if profile["enableAutoScaling"] == true {
            profile.as_object_mut().unwrap().remove("count");
        }
    }
    client.done("PUT", &cluster_path("c"), update).await;
    assert_eq!(client.get(&cluster_path("c")).await["properties"]["autoScalerProfile"]["expander"], "random");
    // Off again, the count is the request's.
    client.done("PUT", &pool_path("c", "web"), body(json!({ "count": 1 }))).await;
    assert_eq!(client.get(&pool_path("c", "web")).await["properties"]["count"], 1);
}

#[tokio::test]
async fn a_spot_pool_gets_its_label_and_taint() {
    let client = start().await;
    client.cluster("c", cluster_body()).await;
    client
        .done("PUT", &pool_path("c", "spot"), body(json!({ "scaleSetPriority": "Spot", "nodeLabels": { "a": "b" } })))
        .await;
    let pool = client.get(&pool_path("c", "spot")).await["properties"].clone();
    assert_eq!(pool["nodeLabels"], json!({ "a": "b", "kubernetes.azure.com/scalesetpriority": "spot" }));
    assert_eq!(pool["nodeTaints"], json!(["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"]));
    assert_eq!((&pool["spotMaxPrice"], &pool["scaleSetEvictionPolicy"]), (&json!(-1.0), &json!("Delete")));
    let system = body(json!({ "scaleSetPriority": "Spot", "mode": "System" }));
    assert_eq!(client.refused("PUT", &pool_path("c", "more"), system).await.code, "InvalidParameter");
}

#[tokio::test]
async fn a_pool_is_never_ahead_and_never_goes_back() {
    let client = start().await;
    client.cluster("c", with(cluster_body(), "/properties/kubernetesVersion", "1.33".into())).await;
    let version = |version: &str| body(json!({ "orchestratorVersion": version }));
    assert_eq!(
        client.refused("PUT", &pool_path("c", "web"), version("1.34")).await.code,
        "NodePoolMcVersionIncompatible"
    );
    assert_eq!(
        client.refused("PUT", &pool_path("c", "web"), version("1.20")).await.code,
        "AgentPoolK8sVersionNotSupported"
    );
    client.done("PUT", &pool_path("c", "web"), version("1.31")).await;
    assert_eq!(client.get(&pool_path("c", "web")).await["properties"]["currentOrchestratorVersion"], "1.31.13");
    // Pools may skip a minor.
    let accepted = client.ok("PUT", &pool_path("c", "web"), version("1.33.4")).await;
    assert_eq!(accepted.json()["properties"]["provisioningState"], "Upgrading");
    client.ended(&accepted).await;
    let refused = client.refused("PUT", &pool_path("c", "web"), version("1.32")).await;
    assert_eq!((refused.status, refused.code.as_str()), (400, "AgentPoolUpgradeVersionNotAllowed"));
    // Its minor alone is no upgrade.
    client.done("PUT", &pool_path("c", "web"), version("1.33")).await;
    assert_eq!(client.get(&pool_path("c", "web")).await["properties"]["currentOrchestratorVersion"], "1.33.4");
}

#[tokio::test]
async fn one_system_pool_is_always_left() {
    let client = start().await;
    client.cluster("c", cluster_body()).await;
    let refused = client.refused("DELETE", &pool_path("c", "system"), Value::Null).await;
    assert_eq!((refused.status, refused.code.as_str()), (400, "MustDefineAtLeastOneSystemPool"));
    let system = client.get(&pool_path("c", "system")).await;
    let user = with(writable(&system), "/properties/mode", "User".into());
    assert_eq!(
        client.refused("PUT", &pool_path("c", "system"), user.clone()).await.code,
        "MustDefineAtLeastOneSystemPool"
    );
    let tainted = with(writable(&system), "/properties/nodeTaints", json!(["k=v:NoSchedule"]));
    assert_eq!(client.refused("PUT", &pool_path("c", "system"), tainted).await.code, "SystemPoolHasRestrictedTaint");
    client.done("PUT", &pool_path("c", "other"), body(json!({ "mode": "System" }))).await;
    client.done("PUT", &pool_path("c", "system"), user).await;
    client.done("DELETE", &pool_path("c", "system"), Value::Null).await;
    assert_eq!(client.refused("GET", &pool_path("c", "system"), Value::Null).await.status, 404);
    assert_eq!(client.ok("DELETE", &pool_path("c", "system"), Value::Null).await.status, 204);
}

#[tokio::test]
async fn pools_need_their_cluster() {
    let client = start().await;
    let refused = client.refused("PUT", &pool_path("none", "web"), body(json!({}))).await;
    assert_eq!((refused.status, refused.code.as_str()), (404, "ParentResourceNotFound"));
    assert_eq!(client.ok("DELETE", &pool_path("none", "web"), Value::Null).await.status, 204);
    client.cluster("c", cluster_body()).await;
    let refused = client
        .refused("DELETE", &format!("{}?ignore-pod-disruption-budget=maybe", pool_path("c", "apps")), Value::Null)
        .await;
    assert_eq!(refused.code, "InvalidParameter");
}
