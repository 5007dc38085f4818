//! Service Usage.

use serde_json::{Value, json};

use crate::client::{NUMBER, PROJECT, start};

#[tokio::test]
async fn services_are_asked_for_and_enabled() {
    let client = start().await;
    let name = |service: &str| json!({ "name": format!("projects/{PROJECT}/services/{service}.googleapis.com") });
    let gke = client.ok("serviceusage.services.get", name("container"), json!({})).await;
    assert_eq!(gke["state"], "ENABLED");
    assert_eq!(gke["name"], format!("projects/{NUMBER}/services/container.googleapis.com"));
    assert_eq!(client.ok("serviceusage.services.get", name("gkehub"), json!({})).await["state"], "DISABLED");
    let operation = client.ok("serviceusage.services.enable", name("gkehub"), json!({})).await;
    assert_eq!((&operation["done"], &operation["response"]["service"]["state"]), (&json!(true), &json!("ENABLED")));
    client.ok("serviceusage.operations.get", json!({ "name": operation["name"] }), json!({})).await;
    let parent = json!({ "parent": format!("projects/{PROJECT}") });
    let mut wanted = parent.clone();
    wanted["filter"] = "state:DISABLED".into();
    let listed = client.ok("serviceusage.services.list", wanted, json!({})).await;
    assert_eq!(listed["services"].as_array().unwrap().len(), 2);
    client
        .ok("serviceusage.services.batchEnable", parent.clone(), json!({ "serviceIds": ["monitoring.googleapis.com"] }))
        .await;
    client.ok("serviceusage.services.disable", name("gkehub"), json!({})).await;
    let mut both = parent;
    both["names"] = format!("projects/{PROJECT}/services/gkehub.googleapis.com").into();
    let batch = client.ok("serviceusage.services.batchGet", both, json!({})).await;
    assert_eq!(batch["services"][0]["state"], "DISABLED");
    let committed: Vec<_> =
        client.simulator.journal().into_iter().filter(|entry| entry.committed).map(|entry| entry.operation).collect();
    assert_eq!(committed, ["EnableService", "BatchEnableServices", "DisableService"]);
    let refused = client.refused("serviceusage.services.get", name("teapot"), Value::Null).await;
    assert_eq!((refused.code, refused.status.as_str()), (403, "PERMISSION_DENIED"));
}
