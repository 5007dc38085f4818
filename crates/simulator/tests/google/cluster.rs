//! Clusters: what they come up with, what can be changed of them, and what is refused.

use serde_json::{Value, json};

use crate::client::{NUMBER, REGION, ZONE, cluster, start};

#[tokio::test]
async fn one_request_makes_a_cluster_with_all_its_pools() {
    let client = start().await;
    let pools = json!([
        { "name": "system", "initialNodeCount": 1 },
        { "name": "apps", "initialNodeCount": 2, "config": { "machineType": "e2-standard-4", "diskSizeGb": 50 } },
        { "name": "batch", "autoscaling": { "enabled": true, "totalMaxNodeCount": 6 }, "config": { "spot": true } },
    ]);
    let name = client.cluster(REGION, json!({ "nodePools": pools })).await;
    let made = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!((&made["status"], &made["currentNodeCount"]), (&json!("RUNNING"), &json!(9)));
    let names: Vec<&Value> = made["nodePools"].as_array().unwrap().iter().map(|pool| &pool["name"]).collect();
    assert_eq!(names, ["apps", "batch", "system"]);
    assert_eq!(client.sizes(&name, "apps").await.iter().map(|(_, size)| size).sum::<u64>(), 6);
    // No nodes: the count is not on the wire, the instance groups are there.
    assert_eq!(made["nodePools"][1]["initialNodeCount"], Value::Null);
    assert_eq!(client.sizes(&name, "batch").await.len(), 3);
    let writes = client.simulator.journal().iter().filter(|entry| entry.committed).count();
    assert_eq!(writes, 1);
}

#[tokio::test]
async fn a_cluster_that_is_coming_up_is_not_reached_yet() {
    let client = start().await;
    let accepted = client.ok("clusters.create", ZONE, cluster("c", json!({}))).await;
    let name = format!("{ZONE}/clusters/c");
    let early = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!((&early["status"], &early["nodePools"][0]["status"]), (&json!("PROVISIONING"), &json!("PROVISIONING")));
    assert_eq!((&early["endpoint"], &early["nodePools"][0]["instanceGroupUrls"]), (&Value::Null, &Value::Null));
    client.done(ZONE, &accepted).await;
    let up = client.ok("clusters.get", name, json!({})).await;
    assert!(up["endpoint"].as_str().unwrap().ends_with(".invalid"));
    assert!(!up["masterAuth"]["clusterCaCertificate"].as_str().unwrap().is_empty());
    // Clients use it as a host: no scheme, as GKE gives it.
    assert!(!up["endpoint"].as_str().unwrap().contains("://"));
}

#[tokio::test]
async fn the_server_fills_in_what_was_not_said() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({ "initialClusterVersion": "1.33" })).await;
    let made = client.ok("clusters.get", name, json!({})).await;
    for (pointer, value) in [
        ("/network", json!("default")),
        ("/subnetwork", json!("default")),
        ("/networkConfig/network", json!("projects/simulated-project/global/networks/default")),
        ("/ipAllocationPolicy/useIpAliases", json!(true)),
        ("/ipAllocationPolicy/servicesIpv4CidrBlock", json!("34.118.224.0/20")),
        ("/releaseChannel/channel", json!("REGULAR")),
        ("/initialClusterVersion", json!("1.33.5-gke.1308000")),
        ("/currentMasterVersion", json!("1.33.5-gke.1308000")),
        ("/locations", json!(["us-east1-b"])),
        ("/zone", json!("us-east1-b")),
        (
            "/selfLink",
            json!("https://container.googleapis.com/v1/projects/simulated-project/zones/us-east1-b/clusters/c"),
        ),
        ("/nodePools/0/version", json!("1.33.5-gke.1308000")),
        ("/nodePools/0/config/machineType", json!("e2-medium")),
        ("/nodePools/0/config/diskSizeGb", json!(100)),
        ("/nodePools/0/config/diskType", json!("pd-balanced")),
        ("/nodePools/0/config/bootDisk", json!({ "diskType": "pd-balanced", "sizeGb": "100" })),
        ("/nodePools/0/config/imageType", json!("COS_CONTAINERD")),
        ("/nodePools/0/config/serviceAccount", json!("default")),
        ("/nodePools/0/config/metadata/disable-legacy-endpoints", json!("true")),
        ("/nodePools/0/management", json!({ "autoRepair": true, "autoUpgrade": true })),
        ("/nodePools/0/upgradeSettings", json!({ "maxSurge": 1, "strategy": "SURGE" })),
        ("/nodePools/0/maxPodsConstraint/maxPodsPerNode", json!("110")),
        ("/nodePools/0/autoscaling", json!({})),
    ] {
        assert_eq!(made.pointer(pointer), Some(&value), "{pointer}");
    }
}

#[tokio::test]
async fn versions_are_aliases_within_a_channel() {
    let client = start().await;
    for (name, channel, asked, version) in [
        ("a", json!({ "channel": "RAPID" }), "latest", "1.35.0-gke.1403000"),
        ("b", json!({ "channel": "STABLE" }), "1.33", "1.33.5-gke.1201000"),
        ("d", json!({ "channel": "UNSPECIFIED" }), "1.34.1", "1.34.1-gke.3012000"),
        ("e", json!({ "channel": "EXTENDED" }), "1.30", "1.30.14-gke.1720000"),
        ("f", json!({}), "", "1.33.5-gke.1201000"),
    ] {
        let more = json!({ "releaseChannel": channel, "initialClusterVersion": asked });
        client.ok("clusters.create", ZONE, cluster(name, more)).await;
        let made = client.ok("clusters.get", format!("{ZONE}/clusters/{name}"), json!({})).await;
        assert_eq!(made["currentMasterVersion"], version, "{asked}");
    }
    let config = client.ok("getServerConfig", ZONE, json!({})).await;
    let channels = config["channels"].as_array().unwrap();
    assert_eq!(channels.len(), 4);
    let is_offered =
        |channel: &Value| channel["validVersions"].as_array().unwrap().contains(&channel["defaultVersion"]);
    assert!(channels.iter().all(is_offered), "{config}");
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_nothing_is_made() {
    let client = start().await;
    for (more, message) in [
        (json!({ "name": "Upper" }), "Must be a match of regex"),
        (json!({ "name": "x".repeat(41) }), "Must be a match of regex"),
        (json!({ "initialClusterVersion": "1.27" }), "Master version must be one of \"REGULAR\" channel"),
        (json!({ "initialClusterVersion": "1.35", "releaseChannel": {} }), "Master version \"1.35\" is unsupported."),
        (json!({ "initialNodeCount": 1 }), "Only one of cluster.initial_node_count"),
        (json!({ "nodePools": [] }), "must be greater than zero"),
        (json!({ "nodePools": [{ "name": "a" }] }), "must be greater than zero"),
        (json!({ "network": "nowhere" }), "Network \"nowhere\" does not exist"),
        (json!({ "subnetwork": "nowhere" }), "Subnetwork \"nowhere\""),
        (json!({ "locations": ["us-east1-c"] }), "primary zone us-east1-b"),
        (json!({ "locations": ["us-east1-b", "us-west1-a"] }), "\"us-west1-a\" is not in region us-east1"),
        (json!({ "resourceLabels": { "Team": "a" } }), "Invalid resource label"),
        (json!({ "ipAllocationPolicy": { "clusterIpv4CidrBlock": "10.0.0.0/99" } }), "Invalid CIDR block"),
        (json!({ "ipAllocationPolicy": { "clusterSecondaryRangeName": "pods" } }), "Secondary range \"pods\""),
        (json!({ "workloadIdentityConfig": { "workloadPool": "a.svc.id.goog" } }), "Workload pool"),
        (json!({ "autopilot": { "enabled": true } }), "Autopilot"),
        (json!({ "enableKubernetesAlpha": true }), "Unknown name \"enableKubernetesAlpha\" at 'cluster'"),
    ] {
        let refused = client.refused("clusters.create", ZONE, cluster("c", more)).await;
        assert_eq!((refused.code, refused.status.as_str()), (400, "INVALID_ARGUMENT"), "{message}");
        assert!(refused.message.contains(message), "{message}: {}", refused.message);
    }
    assert_eq!(client.ok("clusters.list", ZONE, json!({})).await, json!({}));
    assert_eq!(
        client
            .refused("clusters.create", "projects/simulated-project/locations/mars", cluster("c", json!({})))
            .await
            .code,
        400
    );
}

#[tokio::test]
async fn a_name_can_be_had_once_per_location() {
    let client = start().await;
    client.cluster(REGION, json!({})).await;
    let refused = client.refused("clusters.create", REGION, cluster("c", json!({}))).await;
    assert_eq!(
        (refused.code, refused.status.as_str(), refused.reason.as_str()),
        (409, "ALREADY_EXISTS", "alreadyExists")
    );
    assert_eq!(refused.message, format!("Already exists: {REGION}/clusters/c."));
    client.cluster(ZONE, json!({})).await;
    let all = client.ok("clusters.list", "projects/simulated-project/locations/-", json!({})).await;
    assert_eq!(all["clusters"].as_array().unwrap().len(), 2);
    // Links of zonal clusters say zones, and lead somewhere.
    let path = format!("/v1/projects/{NUMBER}/zones/us-east1-b/clusters/c");
    assert_eq!(client.send("google", "GET", &path, "", &[]).await.unwrap().json()["name"], "c");
}

#[tokio::test]
async fn deletion_takes_the_pools_along() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({})).await;
    client.ok("clusters.delete", name.as_str(), json!({})).await;
    let going = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!((&going["status"], &going["nodePools"][0]["status"]), (&json!("STOPPING"), &json!("STOPPING")));
    let refused = client.refused("clusters.delete", name.as_str(), json!({})).await;
    assert!(refused.message.contains("is currently deleting cluster c"), "{refused:?}");
    client.simulator.advance(std::time::Duration::from_secs(3600));
    let gone = client.refused("clusters.get", name.as_str(), json!({})).await;
    assert_eq!(
        (gone.code, gone.message),
        (404, "Not found: projects/simulated-project/zones/us-east1-b/clusters/c.".to_owned())
    );
    assert_eq!(client.refused("clusters.delete", name, json!({})).await.code, 404);
}

#[tokio::test]
async fn the_control_plane_goes_up_one_minor_at_a_time() {
    let client = start().await;
    let more = json!({ "releaseChannel": { "channel": "EXTENDED" }, "initialClusterVersion": "1.31" });
    let name = client.cluster(ZONE, more).await;
    let to = |version: &str| json!({ "update": { "desiredMasterVersion": version } });
    let refused = client.refused("clusters.update", name.as_str(), to("1.33")).await;
    assert!(refused.message.contains("cannot upgrade the master more than a minor version at a time"), "{refused:?}");
    client.change("clusters.update", &name, to("1.32")).await;
    client.change("clusters.updateMaster", &name, json!({ "masterVersion": "1.33" })).await;
    let up = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!(
        (&up["currentMasterVersion"], &up["currentNodeVersion"]),
        (&json!("1.33.5-gke.1308000"), &json!("1.31.14-gke.1008000"))
    );
    // Nodes may be two minors behind, not three.
    let refused = client.refused("clusters.update", name.as_str(), to("1.34")).await;
    assert_eq!(refused.status, "FAILED_PRECONDITION");
    assert!(refused.message.contains("more than 2 minor versions behind"), "{refused:?}");
    client
        .change(
            "clusters.update",
            &name,
            json!({ "update": { "desiredNodeVersion": "-", "desiredNodePoolId": "system" } }),
        )
        .await;
    client.change("clusters.update", &name, to("1.34")).await;
    let refused = client.refused("clusters.update", name.as_str(), to("1.33")).await;
    assert!(refused.message.contains("cannot be downgraded"), "{refused:?}");
}

#[tokio::test]
async fn an_update_is_of_one_field() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({})).await;
    let two = json!({ "update": { "desiredLocations": ["us-east1-b"], "desiredShieldedNodes": { "enabled": true } } });
    for body in [two, json!({ "update": {} }), json!({})] {
        assert!(client.refused("clusters.update", name.as_str(), body).await.message.contains("field to update"));
    }
    let pool = json!({ "workloadPool": "simulated-project.svc.id.goog" });
    for (field, value, pointer, shown) in [
        ("desiredWorkloadIdentityConfig", pool.clone(), "/workloadIdentityConfig", pool),
        ("desiredReleaseChannel", json!({ "channel": "STABLE" }), "/releaseChannel/channel", json!("STABLE")),
        ("desiredVerticalPodAutoscaling", json!({ "enabled": true }), "/verticalPodAutoscaling/enabled", json!(true)),
        (
            "desiredMasterAuthorizedNetworksConfig",
            json!({ "enabled": true, "cidrBlocks": [{ "cidrBlock": "10.0.0.0/8" }] }),
            "/controlPlaneEndpointsConfig/ipEndpointsConfig/authorizedNetworksConfig/cidrBlocks/0/cidrBlock",
            json!("10.0.0.0/8"),
        ),
        (
            "desiredControlPlaneEndpointsConfig",
            json!({ "ipEndpointsConfig": { "enablePublicEndpoint": false } }),
            "/privateClusterConfig/enablePrivateEndpoint",
            json!(true),
        ),
        ("desiredDefaultEnablePrivateNodes", json!(true), "/privateClusterConfig/enablePrivateNodes", json!(true)),
        ("desiredLoggingService", json!("none"), "/loggingService", json!("none")),
    ] {
        client.change("clusters.update", &name, json!({ "update": { field: value } })).await;
        let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
        assert_eq!(doc.pointer(pointer), Some(&shown), "{field}: {doc}");
    }
    let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!(doc["endpoint"], doc["privateClusterConfig"]["privateEndpoint"]);
    assert_eq!(doc["masterAuthorizedNetworksConfig"]["cidrBlocks"][0]["cidrBlock"], "10.0.0.0/8");
}

#[tokio::test]
async fn an_etag_of_yesterday_aborts() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({})).await;
    let etag = client.ok("clusters.get", name.as_str(), json!({})).await["etag"].clone();
    let update = |etag: &Value, on: bool| json!({ "update": { "etag": etag, "desiredVerticalPodAutoscaling": { "enabled": on } } });
    client.change("clusters.update", &name, update(&etag, true)).await;
    let refused = client.refused("clusters.update", name.as_str(), update(&etag, false)).await;
    assert_eq!((refused.code, refused.status.as_str()), (409, "ABORTED"));
    let etag = client.ok("clusters.get", name.as_str(), json!({})).await["etag"].clone();
    client.change("clusters.update", &name, update(&etag, false)).await;
}

#[tokio::test]
async fn labels_are_a_whole_set_with_a_fingerprint() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({ "resourceLabels": { "a": "1", "b": "2" } })).await;
    let before = client.ok("clusters.get", name.as_str(), json!({})).await["labelFingerprint"].clone();
    let labels = json!({ "resourceLabels": { "a": "9" }, "labelFingerprint": before });
    client.change("clusters.setResourceLabels", &name, labels.clone()).await;
    let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!(doc["resourceLabels"], json!({ "a": "9" }));
    let refused = client.refused("clusters.setResourceLabels", name.as_str(), labels).await;
    assert_eq!((refused.code, refused.status.as_str()), (400, "FAILED_PRECONDITION"));
    assert!(refused.message.contains("fingerprint mismatch"), "{refused:?}");
    let none = json!({ "resourceLabels": {}, "labelFingerprint": doc["labelFingerprint"] });
    client.change("clusters.setResourceLabels", &name, none).await;
    assert_eq!(client.ok("clusters.get", name.as_str(), json!({})).await["resourceLabels"], Value::Null);
}

#[tokio::test]
async fn locations_move_the_nodes_of_all_pools() {
    let client = start().await;
    let name = client.cluster(REGION, json!({})).await;
    assert_eq!(client.sizes(&name, "system").await.len(), 3);
    let two = json!({ "update": { "desiredLocations": ["us-central1-a", "us-central1-f"] } });
    client.change("clusters.update", &name, two).await;
    let sizes = client.sizes(&name, "system").await;
    assert_eq!(sizes, [("us-central1-a".to_owned(), 1), ("us-central1-f".to_owned(), 1)]);
    client.change("clusters.setLocations", &name, json!({ "locations": ["us-central1-b"] })).await;
    assert_eq!(client.sizes(&name, "system").await, [("us-central1-b".to_owned(), 1)]);
}

#[tokio::test]
async fn maintenance_has_a_version_of_its_own() {
    let client = start().await;
    let name = client.cluster(ZONE, json!({})).await;
    let window = json!({ "recurringWindow": {
        "window": { "startTime": "2026-01-03T00:00:00Z", "endTime": "2026-01-03T06:00:00Z" },
        "recurrence": "FREQ=WEEKLY;BYDAY=SA,SU",
    } });
    let policy = |version: Value| json!({ "clusterId": "", "projectId": "", "maintenancePolicy": { "window": window, "resourceVersion": version } });
    let before =
        client.ok("clusters.get", name.as_str(), json!({})).await["maintenancePolicy"]["resourceVersion"].clone();
    client.change("clusters.setMaintenancePolicy", &name, policy(before.clone())).await;
    let doc = client.ok("clusters.get", name.as_str(), json!({})).await;
    assert_eq!(doc["maintenancePolicy"]["window"], window);
    assert_ne!(doc["maintenancePolicy"]["resourceVersion"], before);
    assert_eq!(
        client.refused("clusters.setMaintenancePolicy", name, policy(before)).await.status,
        "FAILED_PRECONDITION"
    );
}

#[tokio::test]
async fn clusters_are_reached_where_the_kubeconfig_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    std::fs::write(
        &path,
        "clusters:\n- {name: one, cluster: {server: 'https://127.0.0.1:6443', certificate-authority-data: UEVN}}\n",
    )
    .unwrap();
    let api_server = multicloud_simulator::kubernetes::ApiServer::from_kubeconfig(&path).unwrap();
    let client =
        crate::client::start_with(multicloud_simulator::Config { api_server, ..crate::client::config() }).await;
    let name = client.cluster(ZONE, json!({})).await;
    let doc = client.ok("clusters.get", name, json!({})).await;
    assert_eq!(
        (&doc["endpoint"], &doc["masterAuth"]["clusterCaCertificate"]),
        (&json!("127.0.0.1:6443"), &json!("UEVN"))
    );
}
