//! Resource groups and subscriptions.

use serde_json::{Value, json};

use crate::client::{GROUP, SUBSCRIPTION, cluster_body, cluster_path, group_path, start, with};

#[tokio::test]
async fn groups_are_made_changed_and_deleted_with_what_is_in_them() {
    let client = start().await;
    assert_eq!(client.call("HEAD", &group_path("new"), Value::Null, &[]).await.status, 404);
    let path = group_path("New");
    assert_eq!(client.ok("PUT", &path, json!({ "location": "West Europe" })).await.status, 201);
    assert_eq!(client.call("HEAD", &group_path("nEW"), Value::Null, &[]).await.status, 204);
    let made = client.ok("PUT", &path, json!({ "location": "westeurope", "tags": { "a": "b" } })).await;
    assert_eq!((made.status, &made.json()["tags"]), (200, &json!({ "a": "b" })));
    let moved = client.refused("PUT", &path, json!({ "location": "eastus" })).await;
    assert_eq!((moved.status, moved.code.as_str()), (409, "InvalidResourceGroupLocation"));
    let names = client.get(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups")).await["value"].clone();
    assert_eq!(names.as_array().unwrap().iter().filter(|group| group["name"] == "New").count(), 1, "{names}");

    let cluster = cluster_path("c").replace(GROUP, "New");
    client.done("PUT", &cluster, with(cluster_body(), "/location", "westeurope".into())).await;
    let deleted = client.ok("DELETE", &path, Value::Null).await;
    assert_eq!(deleted.status, 202);
    assert_eq!(client.refused("PUT", &cluster, cluster_body()).await.code, "ResourceGroupBeingDeleted");
    let result =
        deleted.header("location").unwrap().strip_prefix(client.simulator.url("azure").unwrap()).unwrap().to_owned();
    while client.ok("GET", &result, Value::Null).await.status == 202 {}
    assert_eq!(client.refused("GET", &cluster, Value::Null).await.code, "ResourceGroupNotFound");
    assert_eq!(client.refused("DELETE", &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let client = start().await;
    for (name, body, code) in [
        ("a.", json!({ "location": "eastus" }), "InvalidResourceGroup"),
        ("a", json!({}), "LocationRequired"),
        ("a", json!({ "location": "mars" }), "LocationNotAvailableForResourceGroup"),
    ] {
        assert_eq!(client.refused("PUT", &group_path(name), body).await.code, code);
    }
    let other = "/subscriptions/00000000-0000-4000-8000-0000000000ff";
    let refused = client.refused("GET", other, Value::Null).await;
    assert_eq!((refused.status, refused.code.as_str()), (404, "SubscriptionNotFound"));
    assert_eq!(client.refused("GET", "/subscriptions/mine", Value::Null).await.code, "InvalidSubscriptionId");
    let skus = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/skus?$filter=name%20eq%20'x'");
    assert_eq!(client.refused("GET", &skus, Value::Null).await.code, "InvalidFilter");
    for rest in
        ["providers/Microsoft.Compute/skus", "providers/Microsoft.ContainerService/locations/eastus/kubernetesVersions"]
    {
        assert_eq!(client.refused("GET", &format!("{other}/{rest}"), Value::Null).await.code, "SubscriptionNotFound");
    }
    let versions =
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/mars/kubernetesVersions");
    assert_eq!(client.refused("GET", &versions, Value::Null).await.code, "NoRegisteredProviderFound");
    let provider = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Nowhere");
    assert_eq!(client.refused("GET", &provider, Value::Null).await.code, "InvalidResourceNamespace");
}

#[tokio::test]
async fn machines_and_zones_are_those_of_the_location() {
    let client = start().await;
    let in_location = async |location: &str| {
        let path = format!(
            "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/skus?$filter=location%20eq%20'{location}'"
        );
        client.get(&path).await["value"].as_array().unwrap().clone()
    };
    let named = |skus: &[Value], name: &str| skus.iter().find(|sku| sku["name"] == name).cloned();
    let (east, west) = (in_location("eastus").await, in_location("westus").await);
    assert_eq!(named(&east, "Standard_D2s_v5").unwrap()["locationInfo"][0]["zones"], json!(["1", "2", "3"]));
    assert_eq!(named(&west, "Standard_D2s_v5").unwrap()["locationInfo"][0]["zones"], json!([]));
    assert!(named(&east, "Standard_NC4as_T4_v3").is_some() && named(&west, "Standard_NC4as_T4_v3").is_none());
}
