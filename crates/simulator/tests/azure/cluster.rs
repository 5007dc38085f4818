//! Clusters: what is filled in, what is reset, what is refused, one change at a time.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::client::{
    Client, GROUP, SUBSCRIPTION, UNREGISTERED, cluster_body, cluster_path, faults, group_path, pool_path, start, with,
    writable,
};

#[tokio::test]
async fn a_new_cluster_is_filled_in_as_aks_does() {
    let client = start().await;
    let accepted = client.ok("PUT", &cluster_path("c"), cluster_body()).await;
    assert_eq!(accepted.status, 201);
    assert_eq!(accepted.header("retry-after"), None);
    let created = accepted.json();
    assert_eq!(created["properties"]["provisioningState"], "Creating");
    assert!(created["properties"].get("identityProfile").is_none());
    assert_eq!(client.ended(&accepted).await["status"], "Succeeded");
    let up = client.get(&cluster_path("c")).await;
    // In another case than it was asked for.
    let id = format!(
        "/subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/providers/Microsoft.ContainerService/managedClusters/c"
    );
    assert_eq!((&up["id"], &up["type"]), (&json!(id), &json!("Microsoft.ContainerService/ManagedClusters")));
    let properties = &up["properties"];
    assert_eq!(properties["provisioningState"], "Succeeded");
    assert_eq!(
        (&properties["kubernetesVersion"], &properties["currentKubernetesVersion"]),
        (&json!("1.33.5"), &json!("1.33.5"))
    );
    assert_eq!(properties["nodeResourceGroup"], "MC_platform_c_eastus");
    let fqdn = properties["fqdn"].as_str().unwrap();
    assert!(fqdn.starts_with("test-") && fqdn.ends_with(".hcp.eastus.azmk8s.io.invalid"), "{fqdn}");
    let network = &properties["networkProfile"];
    assert_eq!((&network["serviceCidr"], &network["podCidr"]), (&json!("10.0.0.0/16"), &json!("10.244.0.0/16")));
    assert!(properties["identityProfile"]["kubeletidentity"]["clientId"].is_string());
    assert!(network["loadBalancerProfile"]["effectiveOutboundIPs"][0]["id"].is_string());
    assert_eq!(up["sku"], json!({ "name": "Base", "tier": "Free" }));
    assert!(up["identity"]["principalId"].is_string() && up.get("tags").is_none());
    let pool = &properties["agentPoolProfiles"][0];
    for (key, value) in [
        ("osDiskSizeGB", json!(128)),
        ("osSKU", json!("Ubuntu")),
        ("maxPods", json!(250)),
        ("type", json!("VirtualMachineScaleSets")),
        ("orchestratorVersion", json!("1.33.5")),
        ("provisioningState", json!("Succeeded")),
    ] {
        assert_eq!(pool[key], value, "{key}");
    }
    // The group of its nodes belongs to it, and goes with it.
    let nodes = client.get(&group_path("mc_platform_c_EASTUS")).await;
    assert_eq!(nodes["managedBy"], id);
    client.done("DELETE", &cluster_path("c"), Value::Null).await;
    assert_eq!(
        client.refused("GET", &group_path("MC_platform_c_eastus"), Value::Null).await.code,
        "ResourceGroupNotFound"
    );
}

#[tokio::test]
async fn a_minor_stays_one_and_the_patch_is_told_beside() {
    let client = start().await;
    let up = client.cluster("c", with(cluster_body(), "/properties/kubernetesVersion", "1.32".into())).await;
    assert_eq!(
        (&up["properties"]["kubernetesVersion"], &up["properties"]["currentKubernetesVersion"]),
        (&json!("1.32"), &json!("1.32.9"))
    );
    // The same minor again is no upgrade, nor is the patch that it is on.
    let object = format!("{SUBSCRIPTION}/groups/{GROUP}/clusters/c");
    client.simulator.put("azure", &object, json!({ "properties": { "currentKubernetesVersion": "1.32.8" } })).unwrap();
    client.done("PUT", &cluster_path("c"), writable(&up)).await;
    let again = client.get(&cluster_path("c")).await;
    assert_eq!(again["properties"]["currentKubernetesVersion"], "1.32.8");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let client = start().await;
    let pool = "/properties/agentPoolProfiles/1";
    let at = |key: &str, value: Value| with(cluster_body(), &format!("{pool}/{key}"), value);
    let own = |key: &str, value: Value| with(cluster_body(), &format!("/properties/{key}"), value);
    for (body, status, code, part) in [
        (with(cluster_body(), "/colour", "blue".into()), 400, "UnmarshalError", "unknown field \"colour\""),
        (own("colour", "blue".into()), 400, "UnmarshalError", "unknown field \"colour\""),
        (at("colour", "blue".into()), 400, "UnmarshalError", "unknown field \"colour\""),
        (
            with(cluster_body(), "/location", "mars".into()),
            400,
            "LocationNotAvailableForResourceType",
            "'mars' is not available",
        ),
        (with(cluster_body(), "/identity", Value::Null), 400, "InvalidParameter", "servicePrincipalProfile"),
        (with(cluster_body(), "/sku", json!({ "tier": "Gold" })), 400, "InvalidParameter", "Gold"),
        (own("dnsPrefix", Value::Null), 400, "InvalidParameter", "dnsPrefix is missing"),
        (own("dnsPrefix", "-c".into()), 400, "InvalidParameter", "'-c' is invalid"),
        (own("kubernetesVersion", "1.20".into()), 400, "K8sVersionNotSupported", "1.20"),
        (own("disableLocalAccounts", true.into()), 400, "BadRequest", "managed AAD"),
        (own("agentPoolProfiles", json!([])), 400, "MustDefineAtLeastOneSystemPool", "system pool"),
        (own("networkProfile", json!({ "networkPlugin": "weave" })), 400, "InvalidParameter", "weave"),
        (at("name", "system".into()), 400, "InvalidParameter", "not unique"),
        (at("name", "Apps".into()), 400, "InvalidParameter", "^[a-z][a-z0-9]{0,11}$"),
        (at("name", "windows".into()), 201, "", ""),
        (at("vmSize", "Standard_X1".into()), 400, "BadRequest", "Standard_X1 is not allowed"),
        (at("count", json!(1001)), 400, "InvalidParameter", "1001"),
        (at("minCount", json!(1)), 400, "AutoScalingNotEnabled", "enableAutoScaling"),
        (at("availabilityZones", json!(["4"])), 400, "AvailabilityZoneNotSupported", "\"4\""),
        (at("orchestratorVersion", "1.34.0".into()), 400, "NodePoolMcVersionIncompatible", "is bigger than"),
        (at("orchestratorVersion", "1.30".into()), 400, "NodePoolMcVersionIncompatible", "more than two"),
        (at("vnetSubnetID", "subnet".into()), 400, "LinkedInvalidPropertyId", "'subnet'"),
        (at("nodeTaints", json!(["k=v"])), 400, "InvalidParameter", "key=value:effect"),
        (at("nodeLabels", json!({ "kubernetes.azure.com/mode": "x" })), 400, "InvalidParameter", "reserved"),
    ] {
        let reply = client.try_call("PUT", &cluster_path("c"), body.clone(), &[]).await.unwrap();
        let refused = reply.refused();
        assert_eq!((reply.status, refused.code.as_str()), (status, code), "{body}: {refused:?}");
        assert!(refused.message.contains(part), "{body}: {}", refused.message);
        if status == 201 {
            client.simulator.reset();
            continue;
        }
        assert!(!client.simulator.journal().last().unwrap().committed);
    }
    let named = client.refused("PUT", &cluster_path("c-"), cluster_body()).await;
    assert!(named.message.contains("'c-' does not match"), "{named:?}");
    let windows = with(
        with(cluster_body(), &format!("{pool}/name"), "windows".into()),
        &format!("{pool}/osType"),
        "Windows".into(),
    );
    assert!(client.refused("PUT", &cluster_path("c"), windows).await.message.contains("{0,5}"));
}

#[tokio::test]
async fn what_a_put_leaves_out_is_reset_but_for_what_stays_for_life() {
    let client = start().await;
    let mut body = with(cluster_body(), "/tags", json!({ "team": "platform" }));
    body = with(body, "/sku", json!({ "name": "Base", "tier": "Standard" }));
    body = with(body, "/properties/autoUpgradeProfile", json!({ "upgradeChannel": "patch" }));
    body = with(body, "/properties/apiServerAccessProfile", json!({ "authorizedIPRanges": ["203.0.113.0/24"] }));
    body = with(body, "/properties/oidcIssuerProfile", json!({ "enabled": true }));
    body = with(body, "/properties/networkProfile", json!({ "networkPlugin": "kubenet", "podCidr": "10.9.0.0/16" }));
    let up = client.cluster("c", body).await;
    let issuer = up["properties"]["oidcIssuerProfile"]["issuerURL"].as_str().unwrap().to_owned();
    assert!(issuer.starts_with("https://eastus.oic.prod-aks.azure.com/"), "{issuer}");
    // Full replacement with nothing but the location.
    client.done("PUT", &cluster_path("c"), json!({ "location": "eastus" })).await;
    let bare = client.get(&cluster_path("c")).await;
    assert!(bare.get("tags").is_none() && bare["properties"].get("apiServerAccessProfile").is_none(), "{bare}");
    assert_eq!(bare["sku"]["tier"], "Free");
    assert_eq!(bare["properties"]["autoUpgradeProfile"].get("upgradeChannel"), None);
    for key in ["dnsPrefix", "fqdn", "nodeResourceGroup", "kubernetesVersion"] {
        assert_eq!(bare["properties"][key], up["properties"][key], "{key}");
    }
    assert_eq!(bare["properties"]["networkProfile"]["podCidr"], "10.9.0.0/16");
    assert_eq!(bare["properties"]["oidcIssuerProfile"]["issuerURL"], issuer);
    assert_eq!(bare["identity"], up["identity"]);
    assert_eq!(bare["properties"]["agentPoolProfiles"].as_array().unwrap().len(), 2);
    assert_ne!(bare["eTag"], up["eTag"]);
}

#[tokio::test]
async fn what_stays_for_life_cannot_be_changed() {
    let client = start().await;
    let up = client.cluster("c", cluster_body()).await;
    for (pointer, value, property) in [
        ("/properties/dnsPrefix", json!("other"), "properties.dnsPrefix"),
        ("/properties/nodeResourceGroup", json!("other"), "properties.nodeResourceGroup"),
        ("/properties/enableRBAC", json!(false), "properties.enableRBAC"),
        ("/properties/networkProfile/serviceCidr", json!("10.1.0.0/16"), "properties.networkProfile.serviceCidr"),
        ("/properties/networkProfile/networkDataplane", json!("other"), "properties.networkProfile.networkDataplane"),
        (
            "/properties/apiServerAccessProfile",
            json!({ "enablePrivateCluster": true }),
            "properties.apiServerAccessProfile.enablePrivateCluster",
        ),
        ("/properties/agentPoolProfiles/1/vmSize", json!("Standard_D8s_v5"), "properties.vmSize"),
    ] {
        let refused = client.refused("PUT", &cluster_path("c"), with(writable(&up), pointer, value)).await;
        let message = format!("Changing property '{property}' is not allowed.");
        assert_eq!(
            (refused.status, refused.code.as_str(), refused.message),
            (400, "PropertyChangeNotAllowed", message)
        );
    }
    let moved = client.refused("PUT", &cluster_path("c"), with(writable(&up), "/location", "westus".into())).await;
    assert_eq!((moved.status, moved.code.as_str()), (409, "InvalidResourceLocation"));
    // The same words in another case are no change.
    let same = with(writable(&up), "/properties/agentPoolProfiles/1/vmSize", "standard_d4S_V5".into());
    let cilium = with(same, "/properties/networkProfile/networkDataplane", "cilium".into());
    let issuer = |enabled: bool| with(cilium.clone(), "/properties/oidcIssuerProfile", json!({ "enabled": enabled }));
    client.done("PUT", &cluster_path("c"), issuer(true)).await;
    assert_eq!(
        client.refused("PUT", &cluster_path("c"), issuer(false)).await.code,
        "OIDCIssuerFeatureCannotBeDisabled"
    );
}

#[tokio::test]
async fn versions_go_up_by_one_minor() {
    let client = start().await;
    let up = client.cluster("c", with(cluster_body(), "/properties/kubernetesVersion", "1.31.12".into())).await;
    let to = |version: &str| with(writable(&up), "/properties/kubernetesVersion", version.into());
    for version in ["1.33", "1.33.5", "1.30", "1.29.15"] {
        let refused = client.refused("PUT", &cluster_path("c"), to(version)).await;
        assert_eq!((refused.status, refused.code.as_str()), (400, "OperationNotAllowed"));
        assert!(refused.message.contains("Available upgrades: [1.31.13 1.32.8 1.32.9]"), "{}", refused.message);
    }
    assert_eq!(client.refused("PUT", &cluster_path("c"), to("1.31.1")).await.code, "K8sVersionNotSupported");
    let accepted = client.ok("PUT", &cluster_path("c"), to("1.32")).await;
    assert_eq!(accepted.json()["properties"]["provisioningState"], "Upgrading");
    assert_eq!(accepted.json()["properties"]["currentKubernetesVersion"], "1.31.12");
    assert_eq!(client.ended(&accepted).await["status"], "Succeeded");
    let after = client.get(&cluster_path("c")).await;
    assert_eq!(after["properties"]["currentKubernetesVersion"], "1.32.9");
    // Pools whose version is told unchanged stay behind, and may be two minors behind.
    assert_eq!(after["properties"]["agentPoolProfiles"][0]["currentOrchestratorVersion"], "1.31.12");
    client
        .done("PUT", &cluster_path("c"), with(writable(&after), "/properties/kubernetesVersion", "1.33".into()))
        .await;
    let after = client.get(&cluster_path("c")).await;
    let refused = client
        .refused("PUT", &cluster_path("c"), with(writable(&after), "/properties/kubernetesVersion", "1.34".into()))
        .await;
    assert_eq!(refused.code, "NodePoolMcVersionIncompatible");
}

#[tokio::test]
async fn pools_in_a_put_are_all_told_their_version_or_dragged_along() {
    let client = start().await;
    let up = client.cluster("c", with(cluster_body(), "/properties/kubernetesVersion", "1.32".into())).await;
    let to = with(writable(&up), "/properties/kubernetesVersion", "1.33".into());
    let version = |body: Value, index: usize, version: Value| {
        with(body, &format!("/properties/agentPoolProfiles/{index}/orchestratorVersion"), version)
    };
    for half in [version(to.clone(), 1, Value::Null), version(to.clone(), 1, "1.32.8".into())] {
        let refused = client.refused("PUT", &cluster_path("c"), half).await;
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (400, "NotAllAgentPoolOrchestratorVersionSpecifiedAndUnchanged")
        );
    }
    // One with the control plane, the other as it is.
    client.done("PUT", &cluster_path("c"), version(to.clone(), 1, "1.33".into())).await;
    let pools = |doc: &Value| {
        let pools = doc["properties"]["agentPoolProfiles"].as_array().unwrap().clone();
        pools.iter().map(|pool| pool["currentOrchestratorVersion"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let after = client.get(&cluster_path("c")).await;
    assert_eq!(pools(&after), ["1.32.9", "1.33.5"]);
    let next = with(writable(&after), "/properties/kubernetesVersion", "1.34".into());
    client.done("PUT", &cluster_path("c"), version(version(next, 0, Value::Null), 1, Value::Null)).await;
    assert_eq!(pools(&client.get(&cluster_path("c")).await), ["1.34.1", "1.34.1"]);
}

#[tokio::test]
async fn a_put_neither_adds_nor_removes_pools() {
    let client = start().await;
    let up = client.cluster("c", cluster_body()).await;
    let mut more = writable(&up);
    let extra = json!({ "name": "more", "count": 1, "vmSize": "Standard_D2s_v5" });
    more["properties"]["agentPoolProfiles"].as_array_mut().unwrap().push(extra);
    let refused = client.refused("PUT", &cluster_path("c"), more).await;
    assert_eq!((refused.status, refused.code.as_str()), (400, "BadRequest"));
    assert!(refused.message.starts_with("A new agent pool was introduced."), "{}", refused.message);
    let mut fewer = writable(&up);
    fewer["properties"]["agentPoolProfiles"].as_array_mut().unwrap().pop();
    let refused = client.refused("PUT", &cluster_path("c"), fewer).await;
    assert!(refused.message.starts_with("An agent pool was removed."), "{}", refused.message);
    // It may change one.
    let scaled = with(writable(&up), "/properties/agentPoolProfiles/1/count", json!(4));
    client.done("PUT", &cluster_path("c"), scaled).await;
    assert_eq!(client.get(&pool_path("c", "apps")).await["properties"]["count"], 4);
}

#[tokio::test]
async fn one_operation_at_a_time_and_the_refusal_names_it() {
    let client = start().await;
    let accepted = client.ok("PUT", &cluster_path("c"), cluster_body()).await;
    let busy = |refused: crate::client::Refused, what: &str| {
        assert_eq!((refused.status, refused.code.as_str()), (409, "OperationNotAllowed"));
        let message = format!("Another operation ({what}) is in progress, please wait for it to finish");
        assert!(refused.message.contains(&message), "{}", refused.message);
    };
    busy(client.refused("PUT", &cluster_path("c"), cluster_body()).await, "c - Creating");
    client.ended(&accepted).await;
    let up = client.get(&cluster_path("c")).await;
    let pool = client.get(&pool_path("c", "apps")).await;
    client.simulator.add_faults(faults(r#"[{"operation":"AgentPools_CreateOrUpdate","fault":"slow"}]"#)).unwrap();
    let accepted =
        client.ok("PUT", &pool_path("c", "apps"), with(writable(&pool), "/properties/count", json!(3))).await;
    assert_eq!(accepted.json()["properties"]["provisioningState"], "Scaling");
    busy(client.refused("PUT", &cluster_path("c"), writable(&up)).await, "apps - Scaling");
    busy(client.refused("PATCH", &cluster_path("c"), json!({ "tags": {} })).await, "apps - Scaling");
    busy(client.refused("DELETE", &pool_path("c", "apps"), Value::Null).await, "apps - Scaling");
    // A deletion of the cluster waits for nobody.
    let deleted = client.ok("DELETE", &cluster_path("c"), Value::Null).await;
    assert_eq!(deleted.status, 202);
    let preempted = client.ended(&accepted).await;
    assert_eq!((&preempted["status"], &preempted["error"]["code"]), (&json!("Canceled"), &json!("OperationPreempted")));
    // Again is the same deletion.
    let again = client.ok("DELETE", &cluster_path("c"), Value::Null).await;
    assert_eq!(again.header("location"), deleted.header("location"));
    assert_eq!(client.ended(&deleted).await["status"], "Succeeded");
    assert_eq!(client.ok("DELETE", &cluster_path("c"), Value::Null).await.status, 204);
}

#[tokio::test]
async fn an_operation_is_polled_at_a_url_with_traps() {
    let client = start().await;
    let accepted = client.ok("PUT", &cluster_path("c"), cluster_body()).await;
    let url = accepted.header("azure-asyncoperation").unwrap().to_owned();
    assert!(
        url.starts_with(client.simulator.url("azure").unwrap()) && url.ends_with("?api-version=2016-03-30"),
        "{url}"
    );
    let guid = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let path = url.strip_prefix(client.simulator.url("azure").unwrap()).unwrap();
    let running = client.get(path).await;
    assert_eq!(running["status"], "InProgress");
    assert_ne!(running["name"], json!(guid));
    assert_eq!(running["name"].as_str().unwrap()[19..], guid[19..]);
    assert!(running["startTime"].is_string() && running.get("endTime").is_none());
    assert!(client.ended(&accepted).await["endTime"].is_string());
    let deleted = client.ok("DELETE", &cluster_path("c"), Value::Null).await;
    let location =
        deleted.header("location").unwrap().strip_prefix(client.simulator.url("azure").unwrap()).unwrap().to_owned();
    assert_eq!(client.ok("GET", &location, Value::Null).await.status, 202);
    client.ended(&deleted).await;
    assert_eq!(client.ok("GET", &location, Value::Null).await.status, 204);
    let unknown =
        client.refused("GET", &path.replace(&guid, "00000000-0000-4000-8000-000000000000"), Value::Null).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn etags_hold_off_writers_that_have_not_read() {
    let client = start().await;
    let put = async |headers: &[(&str, &str)], body: Value| client.call("PUT", &cluster_path("c"), body, headers).await;
    let reply = put(&[("If-Match", "x")], cluster_body()).await;
    assert_eq!((reply.status, reply.refused().code.as_str()), (412, "PreconditionFailed"));
    let accepted = put(&[("If-None-Match", "*")], cluster_body()).await;
    assert_eq!(accepted.status, 201);
    client.ended(&accepted).await;
    assert_eq!(put(&[("If-None-Match", "*")], cluster_body()).await.status, 412);
    let up = client.get(&cluster_path("c")).await;
    let etag = up["eTag"].as_str().unwrap().to_owned();
    assert_eq!(put(&[("If-Match", "other")], writable(&up)).await.status, 412);
    let accepted = put(&[("If-Match", &etag)], writable(&up)).await;
    assert_eq!(accepted.status, 200);
    client.ended(&accepted).await;
    assert_eq!(put(&[("If-Match", &etag)], writable(&up)).await.status, 412);
    // A pool's change is none of the cluster's.
    let before = client.get(&cluster_path("c")).await;
    let pool = client.get(&pool_path("c", "apps")).await;
    client.done("PUT", &pool_path("c", "apps"), with(writable(&pool), "/properties/count", json!(5))).await;
    let after = client.get(&cluster_path("c")).await;
    assert_eq!(before["eTag"], after["eTag"]);
    assert_ne!(pool["properties"]["eTag"], client.get(&pool_path("c", "apps")).await["properties"]["eTag"]);
    let stale = pool["properties"]["eTag"].as_str().unwrap();
    let reply = client.call("DELETE", &pool_path("c", "apps"), Value::Null, &[("If-Match", stale)]).await;
    assert_eq!(reply.status, 412);
}

#[tokio::test]
async fn an_operation_can_be_aborted() {
    let client = start().await;
    let up = client.cluster("c", cluster_body()).await;
    let accepted =
        client.ok("PUT", &cluster_path("c"), with(writable(&up), "/properties/kubernetesVersion", "1.34".into())).await;
    let abort = client.ok("POST", &format!("{}/abort", cluster_path("c")), Value::Null).await;
    assert_eq!(abort.status, 202);
    assert_eq!(client.ended(&accepted).await["status"], "Canceled");
    assert_eq!(client.ended(&abort).await["status"], "Succeeded");
    let canceled = client.get(&cluster_path("c")).await;
    assert_eq!(canceled["properties"]["provisioningState"], "Canceled");
    assert_eq!(canceled["properties"]["currentKubernetesVersion"], "1.33.5");
    // Where nothing runs there is nothing to abort, and the next PUT mends it.
    assert_eq!(client.ok("POST", &format!("{}/abort", cluster_path("c")), Value::Null).await.status, 204);
    client.done("PUT", &cluster_path("c"), writable(&canceled)).await;
    assert_eq!(client.get(&cluster_path("c")).await["properties"]["currentKubernetesVersion"], "1.34.1");
}

#[tokio::test]
async fn aks_is_to_be_registered_first() {
    let client = start().await;
    let path = cluster_path("c").replace(SUBSCRIPTION, UNREGISTERED);
    let provider = format!("/subscriptions/{UNREGISTERED}/providers/Microsoft.ContainerService");
    assert_eq!(client.get(&provider).await["registrationState"], "NotRegistered");
    let refused = client.refused("PUT", &path, cluster_body()).await;
    assert_eq!((refused.status, refused.code.as_str()), (409, "MissingSubscriptionRegistration"));
    let registering = client.ok("POST", &format!("{provider}/register"), Value::Null).await.json();
    assert_eq!(registering["registrationState"], "Registering");
    while client.get(&provider).await["registrationState"] != "Registered" {}
    client.done("PUT", &path, cluster_body()).await;
}

async fn kubeconfig(client: &Client, name: &str, kind: &str) -> Value {
    let reply = client.ok("POST", &format!("{}/{kind}", cluster_path(name)), Value::Null).await.json();
    let text = BASE64_STANDARD.decode(reply["kubeconfigs"][0]["value"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn credentials_lead_to_the_cluster() {
    let client = start().await;
    let accepted = client.ok("PUT", &cluster_path("c"), cluster_body()).await;
    let early = client.refused("POST", &format!("{}/listClusterUserCredential", cluster_path("c")), Value::Null).await;
    assert_eq!((early.status, early.code.as_str()), (404, "ControlPlaneNotFound"));
    client.ended(&accepted).await;
    let config = kubeconfig(&client, "c", "listClusterUserCredential").await;
    assert!(config["clusters"][0]["cluster"]["server"].as_str().unwrap().contains(".hcp.eastus.azmk8s.io"));
    assert!(config["users"][0]["user"]["token"].is_string(), "{config}");
    // With Entra: the user's form asks for a plugin, the administrator's does not.
    let up = client.get(&cluster_path("c")).await;
    let aad = with(writable(&up), "/properties/aadProfile", json!({ "managed": true, "enableAzureRBAC": true }));
    client.done("PUT", &cluster_path("c"), aad.clone()).await;
    let config = kubeconfig(&client, "c", "listClusterUserCredential?format=exec").await;
    assert_eq!(config["users"][0]["user"]["exec"]["command"], "kubelogin");
    assert!(kubeconfig(&client, "c", "listClusterAdminCredential").await["users"][0]["user"]["token"].is_string());
    client.done("PUT", &cluster_path("c"), with(aad, "/properties/disableLocalAccounts", true.into())).await;
    let refused =
        client.refused("POST", &format!("{}/listClusterAdminCredential", cluster_path("c")), Value::Null).await;
    assert_eq!((refused.status, refused.code.as_str()), (400, "BadRequest"));
    assert!(refused.message.contains("disable local accounts"), "{}", refused.message);
}
