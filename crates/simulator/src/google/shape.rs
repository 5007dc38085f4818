//! The messages that requests are made of, as far as they are offered: which members there are, and of what kind. A request
//! with another member is refused, as Google refuses a misspelt one: to ignore it would show a client's feature as working
//! that was never looked at. Numbers and enums are taken in every form that proto3's JSON mapping allows, and brought into
//! the one that replies have; members with their default value are dropped, as they are on the wire.

use serde_json::{Value, json};

use super::document::Document;
use super::error::ApiError;

/// The kind of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Text,
    Flag,
    /// With presence: false is kept.
    OptionalFlag,
    Int32,
    /// A string in replies.
    Int64,
    Float,
    /// Its values by their numbers; the first stands for none.
    Enum(&'static [&'static str]),
    List(&'static Shape),
    /// Any key, values of text.
    Texts,
    /// Any key, values of one shape.
    Entries(&'static Shape),
    Message(&'static [(&'static str, Shape)]),
}

use Shape::{Entries, Enum, Flag, Float, Int32, Int64, List, Message, OptionalFlag, Text, Texts};

const ENABLED: Shape = Message(&[("enabled", Flag)]);
const DISABLED: Shape = Message(&[("disabled", Flag)]);
const EMPTY: Shape = Message(&[]);

const TAINT: Shape = Message(&[
    ("key", Text),
    ("value", Text),
    ("effect", Enum(&["EFFECT_UNSPECIFIED", "NO_SCHEDULE", "PREFER_NO_SCHEDULE", "NO_EXECUTE"])),
]);

const LOGGING_VARIANT: Shape =
    Message(&[("variantConfig", Message(&[("variant", Enum(&["VARIANT_UNSPECIFIED", "DEFAULT", "MAX_THROUGHPUT"]))]))]);

const KUBELET: Shape = Message(&[
    ("cpuManagerPolicy", Text),
    ("cpuCfsQuota", OptionalFlag),
    ("cpuCfsQuotaPeriod", Text),
    ("podPidsLimit", Int64),
    ("insecureKubeletReadonlyPortEnabled", OptionalFlag),
    ("maxParallelImagePulls", Int32),
]);

const WORKLOAD_METADATA: Shape = Message(&[("mode", Enum(&["MODE_UNSPECIFIED", "GCE_METADATA", "GKE_METADATA"]))]);

const SHIELDED_INSTANCE: Shape = Message(&[("enableSecureBoot", Flag), ("enableIntegrityMonitoring", Flag)]);

const BOOT_DISK: Shape =
    Message(&[("diskType", Text), ("sizeGb", Int64), ("provisionedIops", Int64), ("provisionedThroughput", Int64)]);

const NODE_CONFIG: Shape = Message(&[
    ("machineType", Text),
    ("diskSizeGb", Int32),
    ("diskType", Text),
    ("bootDisk", BOOT_DISK),
    ("imageType", Text),
    ("labels", Texts),
    ("resourceLabels", Texts),
    ("taints", List(&TAINT)),
    ("tags", List(&Text)),
    ("metadata", Texts),
    ("oauthScopes", List(&Text)),
    ("serviceAccount", Text),
    ("preemptible", Flag),
    ("spot", Flag),
    ("minCpuPlatform", Text),
    ("bootDiskKmsKey", Text),
    ("localSsdCount", Int32),
    ("workloadMetadataConfig", WORKLOAD_METADATA),
    ("shieldedInstanceConfig", SHIELDED_INSTANCE),
    ("kubeletConfig", KUBELET),
    ("loggingConfig", LOGGING_VARIANT),
    ("gvnic", ENABLED),
    ("gcfsConfig", ENABLED),
    ("fastSocket", ENABLED),
    ("windowsNodeConfig", EMPTY),
]);

const AUTOSCALING: Shape = Message(&[
    ("enabled", Flag),
    ("minNodeCount", Int32),
    ("maxNodeCount", Int32),
    ("totalMinNodeCount", Int32),
    ("totalMaxNodeCount", Int32),
    ("autoprovisioned", Flag),
    ("locationPolicy", Enum(&["LOCATION_POLICY_UNSPECIFIED", "BALANCED", "ANY"])),
]);

const MANAGEMENT: Shape = Message(&[("autoUpgrade", Flag), ("autoRepair", Flag)]);

const UPGRADE_SETTINGS: Shape = Message(&[
    ("maxSurge", Int32),
    ("maxUnavailable", Int32),
    // There are no values 1 and 4.
    ("strategy", Enum(&["NODE_POOL_UPDATE_STRATEGY_UNSPECIFIED", "", "BLUE_GREEN", "SURGE", "", "SHORT_LIVED"])),
    (
        "blueGreenSettings",
        Message(&[
            ("nodePoolSoakDuration", Text),
            (
                "standardRolloutPolicy",
                Message(&[("batchPercentage", Float), ("batchNodeCount", Int32), ("batchSoakDuration", Text)]),
            ),
        ]),
    ),
]);

const NODE_DRAIN: Shape = Message(&[
    ("respectPdbDuringNodePoolDeletion", OptionalFlag),
    ("pdbTimeoutDuration", Text),
    ("graceTerminationDuration", Text),
]);

const NODE_NETWORK: Shape = Message(&[
    ("createPodRange", Flag),
    ("podRange", Text),
    ("podIpv4CidrBlock", Text),
    ("enablePrivateNodes", OptionalFlag),
    ("podCidrOverprovisionConfig", Message(&[("disable", Flag)])),
]);

const MAX_PODS: Shape = Message(&[("maxPodsPerNode", Int64)]);

/// A node pool, as it is asked for.
pub(super) const NODE_POOL: Shape = Message(&[
    ("name", Text),
    ("config", NODE_CONFIG),
    ("initialNodeCount", Int32),
    ("locations", List(&Text)),
    ("networkConfig", NODE_NETWORK),
    ("version", Text),
    ("autoscaling", AUTOSCALING),
    ("management", MANAGEMENT),
    ("maxPodsConstraint", MAX_PODS),
    ("upgradeSettings", UPGRADE_SETTINGS),
    ("nodeDrainConfig", NODE_DRAIN),
]);

const AUTHORIZED_NETWORKS: Shape = Message(&[
    ("enabled", Flag),
    ("cidrBlocks", List(&Message(&[("displayName", Text), ("cidrBlock", Text)]))),
    ("gcpPublicCidrsAccessEnabled", OptionalFlag),
    ("privateEndpointEnforcementEnabled", OptionalFlag),
]);

const CONTROL_PLANE_ENDPOINTS: Shape = Message(&[
    (
        "dnsEndpointConfig",
        Message(&[
            ("endpoint", Text),
            ("allowExternalTraffic", OptionalFlag),
            ("enableK8sTokensViaDns", OptionalFlag),
            ("enableK8sCertsViaDns", OptionalFlag),
        ]),
    ),
    (
        "ipEndpointsConfig",
        Message(&[
            ("enabled", OptionalFlag),
            ("enablePublicEndpoint", OptionalFlag),
            ("globalAccess", OptionalFlag),
            ("privateEndpointSubnetwork", Text),
            ("authorizedNetworksConfig", AUTHORIZED_NETWORKS),
        ]),
    ),
]);

const PRIVATE_CLUSTER: Shape = Message(&[
    ("enablePrivateNodes", Flag),
    ("enablePrivateEndpoint", Flag),
    ("masterIpv4CidrBlock", Text),
    ("privateEndpointSubnetwork", Text),
    ("masterGlobalAccessConfig", ENABLED),
]);

const RELEASE_CHANNEL: Shape =
    Message(&[("channel", Enum(&["UNSPECIFIED", "RAPID", "REGULAR", "STABLE", "EXTENDED"]))]);

const WORKLOAD_IDENTITY: Shape = Message(&[("workloadPool", Text)]);

const TIME_WINDOW: Shape = Message(&[
    ("startTime", Text),
    ("endTime", Text),
    (
        "maintenanceExclusionOptions",
        // Here the first value is one.
        Message(&[("scope", Enum(&["NO_UPGRADES", "NO_MINOR_UPGRADES", "NO_MINOR_OR_NODE_UPGRADES"]))]),
    ),
]);

const MAINTENANCE_POLICY: Shape = Message(&[
    (
        "window",
        Message(&[
            ("dailyMaintenanceWindow", Message(&[("startTime", Text), ("duration", Text)])),
            ("recurringWindow", Message(&[("window", TIME_WINDOW), ("recurrence", Text)])),
            ("maintenanceExclusions", Entries(&TIME_WINDOW)),
        ]),
    ),
    ("resourceVersion", Text),
    (
        "disruptionBudget",
        Message(&[("minorVersionDisruptionInterval", Text), ("patchVersionDisruptionInterval", Text)]),
    ),
]);

const COMPONENTS: Shape = Message(&[("enableComponents", List(&Text))]);
const LOGGING: Shape = Message(&[("componentConfig", COMPONENTS)]);
const MONITORING: Shape = Message(&[
    ("componentConfig", COMPONENTS),
    ("managedPrometheusConfig", ENABLED),
    ("advancedDatapathObservabilityConfig", Message(&[("enableMetrics", Flag), ("enableRelay", OptionalFlag)])),
]);

const ADDONS: Shape = Message(&[
    ("httpLoadBalancing", DISABLED),
    ("horizontalPodAutoscaling", DISABLED),
    ("kubernetesDashboard", DISABLED),
    ("networkPolicyConfig", DISABLED),
    ("dnsCacheConfig", ENABLED),
    ("configConnectorConfig", ENABLED),
    ("gcePersistentDiskCsiDriverConfig", ENABLED),
    ("gcpFilestoreCsiDriverConfig", ENABLED),
    ("gcsFuseCsiDriverConfig", ENABLED),
    ("gkeBackupAgentConfig", ENABLED),
]);

const SECURITY_POSTURE: Shape = Message(&[
    ("mode", Enum(&["MODE_UNSPECIFIED", "DISABLED", "BASIC", "ENTERPRISE"])),
    (
        "vulnerabilityMode",
        Enum(&[
            "VULNERABILITY_MODE_UNSPECIFIED",
            "VULNERABILITY_DISABLED",
            "VULNERABILITY_BASIC",
            "VULNERABILITY_ENTERPRISE",
        ]),
    ),
]);

const DATAPATH: Shape = Enum(&["DATAPATH_PROVIDER_UNSPECIFIED", "LEGACY_DATAPATH", "ADVANCED_DATAPATH"]);

const IP_ALLOCATION: Shape = Message(&[
    ("useIpAliases", Flag),
    ("useRoutes", Flag),
    ("createSubnetwork", Flag),
    ("subnetworkName", Text),
    ("clusterSecondaryRangeName", Text),
    ("servicesSecondaryRangeName", Text),
    ("clusterIpv4CidrBlock", Text),
    ("servicesIpv4CidrBlock", Text),
    ("nodeIpv4CidrBlock", Text),
    ("stackType", Enum(&["STACK_TYPE_UNSPECIFIED", "IPV4", "IPV4_IPV6"])),
]);

/// A cluster, as it is asked for.
pub(super) const CLUSTER: Shape = Message(&[
    ("name", Text),
    ("description", Text),
    ("initialNodeCount", Int32),
    ("nodeConfig", NODE_CONFIG),
    ("nodePools", List(&NODE_POOL)),
    ("initialClusterVersion", Text),
    ("locations", List(&Text)),
    ("network", Text),
    ("subnetwork", Text),
    ("clusterIpv4Cidr", Text),
    ("ipAllocationPolicy", IP_ALLOCATION),
    (
        "networkConfig",
        Message(&[
            ("datapathProvider", DATAPATH),
            ("defaultEnablePrivateNodes", OptionalFlag),
            ("enableIntraNodeVisibility", Flag),
        ]),
    ),
    ("resourceLabels", Texts),
    ("releaseChannel", RELEASE_CHANNEL),
    ("workloadIdentityConfig", WORKLOAD_IDENTITY),
    ("masterAuth", Message(&[("clientCertificateConfig", Message(&[("issueClientCertificate", Flag)]))])),
    ("masterAuthorizedNetworksConfig", AUTHORIZED_NETWORKS),
    ("controlPlaneEndpointsConfig", CONTROL_PLANE_ENDPOINTS),
    ("privateClusterConfig", PRIVATE_CLUSTER),
    ("maintenancePolicy", MAINTENANCE_POLICY),
    ("addonsConfig", ADDONS),
    ("loggingService", Text),
    ("monitoringService", Text),
    ("loggingConfig", LOGGING),
    ("monitoringConfig", MONITORING),
    ("legacyAbac", ENABLED),
    ("shieldedNodes", ENABLED),
    ("verticalPodAutoscaling", ENABLED),
    ("costManagementConfig", ENABLED),
    ("defaultMaxPodsConstraint", MAX_PODS),
    ("securityPostureConfig", SECURITY_POSTURE),
    (
        "binaryAuthorization",
        Message(&[
            ("enabled", Flag),
            ("evaluationMode", Enum(&["EVALUATION_MODE_UNSPECIFIED", "DISABLED", "PROJECT_SINGLETON_POLICY_ENFORCE"])),
        ]),
    ),
    (
        "autoscaling",
        Message(&[
            ("enableNodeAutoprovisioning", Flag),
            ("autoscalingProfile", Enum(&["PROFILE_UNSPECIFIED", "OPTIMIZE_UTILIZATION", "BALANCED"])),
        ]),
    ),
    ("autopilot", ENABLED),
    ("nodePoolDefaults", Message(&[("nodeConfigDefaults", Message(&[("loggingConfig", LOGGING_VARIANT)]))])),
]);

pub(super) const CREATE_CLUSTER: Shape =
    Message(&[("parent", Text), ("projectId", Text), ("zone", Text), ("cluster", CLUSTER)]);

pub(super) const CREATE_NODE_POOL: Shape =
    Message(&[("parent", Text), ("projectId", Text), ("zone", Text), ("clusterId", Text), ("nodePool", NODE_POOL)]);

/// What can be changed of a cluster, one at a time.
const CLUSTER_UPDATE: Shape = Message(&[
    ("desiredMasterVersion", Text),
    ("desiredNodeVersion", Text),
    ("desiredNodePoolId", Text),
    ("desiredImageType", Text),
    ("desiredNodePoolAutoscaling", AUTOSCALING),
    ("desiredLocations", List(&Text)),
    ("desiredReleaseChannel", RELEASE_CHANNEL),
    ("desiredWorkloadIdentityConfig", WORKLOAD_IDENTITY),
    ("desiredMasterAuthorizedNetworksConfig", AUTHORIZED_NETWORKS),
    ("desiredControlPlaneEndpointsConfig", CONTROL_PLANE_ENDPOINTS),
    ("desiredEnablePrivateEndpoint", OptionalFlag),
    ("desiredDefaultEnablePrivateNodes", OptionalFlag),
    ("desiredAddonsConfig", ADDONS),
    ("desiredLoggingService", Text),
    ("desiredMonitoringService", Text),
    ("desiredLoggingConfig", LOGGING),
    ("desiredMonitoringConfig", MONITORING),
    ("desiredShieldedNodes", ENABLED),
    ("desiredVerticalPodAutoscaling", ENABLED),
    ("desiredCostManagementConfig", ENABLED),
    ("desiredSecurityPostureConfig", SECURITY_POSTURE),
    ("etag", Text),
]);

pub(super) const UPDATE_CLUSTER: Shape =
    Message(&[("name", Text), ("projectId", Text), ("zone", Text), ("clusterId", Text), ("update", CLUSTER_UPDATE)]);

pub(super) const UPDATE_MASTER: Shape =
    Message(&[("name", Text), ("projectId", Text), ("zone", Text), ("clusterId", Text), ("masterVersion", Text)]);

pub(super) const SET_LABELS: Shape = Message(&[
    ("name", Text),
    ("projectId", Text),
    ("zone", Text),
    ("clusterId", Text),
    ("resourceLabels", Texts),
    ("labelFingerprint", Text),
]);

pub(super) const SET_LOCATIONS: Shape =
    Message(&[("name", Text), ("projectId", Text), ("zone", Text), ("clusterId", Text), ("locations", List(&Text))]);

pub(super) const SET_MAINTENANCE_POLICY: Shape = Message(&[
    ("name", Text),
    ("projectId", Text),
    ("zone", Text),
    ("clusterId", Text),
    ("maintenancePolicy", MAINTENANCE_POLICY),
]);

pub(super) const UPDATE_NODE_POOL: Shape = Message(&[
    ("name", Text),
    ("projectId", Text),
    ("zone", Text),
    ("clusterId", Text),
    ("nodePoolId", Text),
    ("nodeVersion", Text),
    ("imageType", Text),
    ("locations", List(&Text)),
    ("workloadMetadataConfig", WORKLOAD_METADATA),
    ("upgradeSettings", UPGRADE_SETTINGS),
    ("tags", Message(&[("tags", List(&Text))])),
    ("taints", Message(&[("taints", List(&TAINT))])),
    ("labels", Message(&[("labels", Texts)])),
    ("resourceLabels", Message(&[("labels", Texts)])),
    ("kubeletConfig", KUBELET),
    ("loggingConfig", LOGGING_VARIANT),
    ("gcfsConfig", ENABLED),
    ("gvnic", ENABLED),
    ("machineType", Text),
    ("diskType", Text),
    ("diskSizeGb", Int64),
    ("bootDisk", BOOT_DISK),
    ("nodeDrainConfig", NODE_DRAIN),
    ("nodeNetworkConfig", NODE_NETWORK),
    ("etag", Text),
]);

pub(super) const SET_NODE_POOL_SIZE: Shape = Message(&[
    ("name", Text),
    ("projectId", Text),
    ("zone", Text),
    ("clusterId", Text),
    ("nodePoolId", Text),
    ("nodeCount", Int32),
]);

pub(super) const SET_NODE_POOL_AUTOSCALING: Shape = Message(&[
    ("name", Text),
    ("projectId", Text),
    ("zone", Text),
    ("clusterId", Text),
    ("nodePoolId", Text),
    ("autoscaling", AUTOSCALING),
]);

pub(super) const SET_NODE_POOL_MANAGEMENT: Shape = Message(&[
    ("name", Text),
    ("projectId", Text),
    ("zone", Text),
    ("clusterId", Text),
    ("nodePoolId", Text),
    ("management", MANAGEMENT),
]);

pub(super) const ROLLBACK: Shape = Message(&[
    ("name", Text),
    ("projectId", Text),
    ("zone", Text),
    ("clusterId", Text),
    ("nodePoolId", Text),
    ("respectPdb", Flag),
]);

pub(super) const CANCEL: Shape = Message(&[("name", Text), ("projectId", Text), ("zone", Text), ("operationId", Text)]);

/// The body of a request as a message of that shape.
pub(super) fn read(shape: Shape, body: &[u8]) -> Result<Document, ApiError> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received. {error}")))?;
    match normalise(shape, value, "")? {
        Some(Value::Object(document)) => Ok(document),
        Some(_) | None => Err(ApiError::invalid("Invalid JSON payload received. Expected an object.")),
    }
}

/// The value as replies would have it; none where it is the default.
fn normalise(shape: Shape, value: Value, path: &str) -> Result<Option<Value>, ApiError> {
    let wrong =
        |kind: &str, value: &Value| Err(ApiError::invalid(format!("Invalid value at '{path}' ({kind}), {value}")));
    match (shape, value) {
        (_, Value::Null) => Ok(None),
        (Text, Value::String(text)) => Ok((!text.is_empty()).then_some(Value::String(text))),
        (Flag, Value::Bool(flag)) => Ok(flag.then_some(Value::Bool(true))),
        (OptionalFlag, Value::Bool(flag)) => Ok(Some(Value::Bool(flag))),
        (Int32, value) => match integer(&value).map(i32::try_from) {
            Some(Ok(0)) => Ok(None),
            Some(Ok(number)) => Ok(Some(json!(number))),
            Some(Err(_)) | None => wrong("TYPE_INT32", &value),
        },
        (Int64, value) => match integer(&value) {
            Some(0) => Ok(None),
            Some(number) => Ok(Some(json!(number.to_string()))),
            None => wrong("TYPE_INT64", &value),
        },
        (Float, Value::Number(number)) => Ok((number.as_f64() != Some(0.0)).then_some(Value::Number(number))),
        (Enum(names), value) => {
            let name = match (&value, integer(&value)) {
                (Value::String(name), _) => names.iter().find(|known| !known.is_empty() && name == **known),
                (_, Some(number)) => usize::try_from(number).ok().and_then(|number| names.get(number)),
                (_, None) => None,
            };
            match name {
                Some(name) if *name == names[0] => Ok(None),
                Some(name) if !name.is_empty() => Ok(Some(json!(name))),
                Some(_) | None => wrong("TYPE_ENUM", &value),
            }
        }
        (List(shape), Value::Array(items)) => {
            let mut list = Vec::new();
            for (index, item) in items.into_iter().enumerate() {
                let empty = if matches!(shape, Message(_)) { json!({}) } else { json!("") };
                list.push(normalise(*shape, item, &format!("{path}[{index}]"))?.unwrap_or(empty));
            }
            Ok((!list.is_empty()).then_some(Value::Array(list)))
        }
        (Texts, Value::Object(entries)) => match entries.values().find(|value| !value.is_string()) {
            Some(value) => wrong("TYPE_STRING", value),
            None => Ok((!entries.is_empty()).then_some(Value::Object(entries))),
        },
        (Entries(shape), Value::Object(entries)) => {
            let mut map = Document::new();
            for (key, value) in entries {
                let value = normalise(*shape, value, &format!("{path}[{key:?}]"))?;
                map.insert(key, value.unwrap_or_else(|| json!({})));
            }
            Ok((!map.is_empty()).then_some(Value::Object(map)))
        }
        (Message(members), Value::Object(entries)) => {
            let mut message = Document::new();
            for (key, value) in entries {
                let Some((_, shape)) = members.iter().find(|(name, _)| *name == key) else {
                    let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
                    return Err(ApiError::invalid(format!(
                        "Invalid JSON payload received. Unknown name \"{key}\"{place}: Cannot find field."
                    )));
                };
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                if let Some(value) = normalise(*shape, value, &below)? {
                    message.insert(key, value);
                }
            }
            Ok(Some(Value::Object(message)))
        }
        (Text | Texts | Entries(_) | Flag | OptionalFlag | Float | List(_) | Message(_), value) => {
            let kind = match shape {
                Text | Texts => "TYPE_STRING",
                Flag | OptionalFlag => "TYPE_BOOL",
                Float => "TYPE_FLOAT",
                Int32 | Int64 | Enum(_) | List(_) | Entries(_) | Message(_) => "TYPE_MESSAGE",
            };
            wrong(kind, &value)
        }
    }
}

/// An integer as a number or in a string.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(body: Value) -> Result<Value, String> {
        read(CREATE_NODE_POOL, body.to_string().as_bytes()).map(Value::Object).map_err(|error| error.message)
    }

    #[test]
    fn numbers_and_enums_have_many_forms_and_defaults_vanish() {
        let taints = json!([{ "key": "k", "value": "", "effect": 1 }, { "key": "k", "effect": "NO_EXECUTE" }]);
        let read = checked(json!({ "nodePool": {
            "name": "p", "initialNodeCount": "3", "maxPodsConstraint": { "maxPodsPerNode": 64 }, "locations": [],
            "management": { "autoUpgrade": false }, "config": { "spot": false, "taints": taints, "labels": {} },
            "upgradeSettings": { "strategy": 3 },
        } }));
        let expected = json!({ "nodePool": {
            "name": "p", "initialNodeCount": 3, "maxPodsConstraint": { "maxPodsPerNode": "64" }, "management": {},
            "config": { "taints": [{ "key": "k", "effect": "NO_SCHEDULE" }, { "key": "k", "effect": "NO_EXECUTE" }] },
            "upgradeSettings": { "strategy": "SURGE" },
        } });
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn unknown_members_and_wrong_kinds_are_refused_with_their_place() {
        for (pool, message) in [
            (
                json!({ "colour": 1 }),
                "Invalid JSON payload received. Unknown name \"colour\" at 'nodePool': Cannot find field.",
            ),
            (json!({ "name": 1 }), "Invalid value at 'nodePool.name' (TYPE_STRING), 1"),
            (json!({ "initialNodeCount": 1.5 }), "Invalid value at 'nodePool.initialNodeCount' (TYPE_INT32), 1.5"),
            (
                json!({ "upgradeSettings": { "strategy": 1 } }),
                "Invalid value at 'nodePool.upgradeSettings.strategy' (TYPE_ENUM), 1",
            ),
            (json!({ "locations": "z" }), "Invalid value at 'nodePool.locations' (TYPE_MESSAGE), \"z\""),
        ] {
            assert_eq!(checked(json!({ "nodePool": pool })), Err(message.to_owned()));
        }
        assert!(read(CANCEL, b"[]").is_err() && read(CANCEL, b"{").is_err() && read(CANCEL, b"").is_ok());
    }
}
