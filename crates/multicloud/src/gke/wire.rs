//! What GKE and Compute answer with, as far as it is looked at here (discovery documents `container:v1` of 2026-10-27 and
//! `compute:v1`). Fields that are not known are passed over, and those with their default value are not on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) location: String,
    pub(crate) status: String,
    pub(crate) status_message: String,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) current_master_version: String,
    pub(crate) endpoint: String,
    pub(crate) master_auth: MasterAuth,
    pub(crate) resource_labels: BTreeMap<String, String>,
    pub(crate) label_fingerprint: String,
    pub(crate) etag: String,
    pub(crate) network: String,
    pub(crate) subnetwork: String,
    pub(crate) cluster_ipv4_cidr: String,
    pub(crate) services_ipv4_cidr: String,
    pub(crate) ip_allocation_policy: IpAllocationPolicy,
    pub(crate) locations: Vec<String>,
    pub(crate) release_channel: ReleaseChannel,
    pub(crate) workload_identity_config: WorkloadIdentity,
    pub(crate) master_authorized_networks_config: AuthorizedNetworks,
    pub(crate) private_cluster_config: PrivateCluster,
    pub(crate) control_plane_endpoints_config: ControlPlaneEndpoints,
    pub(crate) network_config: NetworkConfig,
    pub(crate) autopilot: Autopilot,
    /// As a whole, because it is only ever replaced as a whole.
    pub(crate) maintenance_policy: Value,
    pub(crate) node_pools: Vec<NodePool>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Condition {
    pub(crate) code: String,
    pub(crate) canonical_code: String,
    pub(crate) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MasterAuth {
    pub(crate) cluster_ca_certificate: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct IpAllocationPolicy {
    pub(crate) cluster_secondary_range_name: String,
    pub(crate) services_secondary_range_name: String,
    pub(crate) cluster_ipv4_cidr_block: String,
    pub(crate) services_ipv4_cidr_block: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ReleaseChannel {
    pub(crate) channel: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct WorkloadIdentity {
    pub(crate) workload_pool: String,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AuthorizedNetworks {
    pub(crate) enabled: bool,
    pub(crate) cidr_blocks: Vec<CidrBlock>,
    /// What is not known here, and goes back as it came: GKE replaces the whole.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CidrBlock {
    pub(crate) cidr_block: String,
    pub(crate) display_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PrivateCluster {
    pub(crate) enable_private_nodes: bool,
    pub(crate) enable_private_endpoint: bool,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ControlPlaneEndpoints {
    pub(crate) ip_endpoints_config: Option<IpEndpoints>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct IpEndpoints {
    pub(crate) enable_public_endpoint: Option<bool>,
    pub(crate) authorized_networks_config: Option<AuthorizedNetworks>,
    /// What is not known here, and goes back as it came: GKE replaces the whole.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Autopilot {
    pub(crate) enabled: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NetworkConfig {
    pub(crate) default_enable_private_nodes: Option<bool>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodePool {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) status_message: String,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) version: String,
    pub(crate) initial_node_count: u32,
    pub(crate) locations: Vec<String>,
    pub(crate) instance_group_urls: Vec<String>,
    pub(crate) autoscaling: Autoscaling,
    pub(crate) config: NodeConfig,
    pub(crate) upgrade_settings: UpgradeSettings,
    pub(crate) node_drain_config: NodeDrain,
    pub(crate) etag: String,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Autoscaling {
    pub(crate) enabled: bool,
    pub(crate) min_node_count: u32,
    pub(crate) max_node_count: u32,
    pub(crate) total_min_node_count: u32,
    pub(crate) total_max_node_count: u32,
    /// What is not known here, and goes back as it came: GKE replaces the whole.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeConfig {
    pub(crate) machine_type: String,
    #[serde(deserialize_with = "number")]
    pub(crate) disk_size_gb: Option<u32>,
    pub(crate) disk_type: String,
    pub(crate) image_type: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) taints: Vec<Taint>,
    pub(crate) resource_labels: BTreeMap<String, String>,
    pub(crate) service_account: String,
    pub(crate) spot: bool,
    pub(crate) preemptible: bool,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Taint {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) effect: String,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct UpgradeSettings {
    pub(crate) max_surge: Option<u32>,
    /// What is not known here, and goes back as it came: GKE replaces the whole.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeDrain {
    pub(crate) respect_pdb_during_node_pool_deletion: bool,
    pub(crate) pdb_timeout_duration: String,
    /// What is not known here, and goes back as it came: GKE replaces the whole.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Operation {
    /// A bare id.
    pub(crate) name: String,
    pub(crate) operation_type: String,
    pub(crate) status: String,
    pub(crate) status_message: String,
    /// Holds the project's number, and `zones` for zonal clusters, so that only its end is looked at.
    pub(crate) target_link: String,
    pub(crate) error: Option<Status>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) code: i32,
    pub(crate) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Operations {
    pub(crate) operations: Vec<Operation>,
    /// Zones that did not answer.
    pub(crate) missing_zones: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ServerConfig {
    pub(crate) channels: Vec<Channel>,
    pub(crate) valid_master_versions: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Channel {
    pub(crate) channel: String,
    pub(crate) valid_versions: Vec<String>,
}

/// `compute.instanceGroupManagers.get`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct InstanceGroupManager {
    pub(crate) name: String,
    pub(crate) target_size: u32,
}

/// `compute.zones.list`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Zones {
    pub(crate) items: Vec<Zone>,
    pub(crate) next_page_token: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Zone {
    pub(crate) name: String,
    /// A link.
    pub(crate) region: String,
}

/// `compute.machineTypes.get`: that it is there is all that counts.
#[derive(Debug, Deserialize)]
pub(crate) struct MachineType {}

/// A number, or as protocol buffers write 64-bit ones, a number in a string.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_its_default_and_what_is_new_is_passed_over() {
        let cluster: Cluster = serde_json::from_str(r#"{"name":"c","futureField":{"x":1},"nodePools":[{}]}"#).unwrap();
        assert_eq!((cluster.name.as_str(), cluster.node_pools.len()), ("c", 1));
        let config = |text: &str| serde_json::from_str::<NodeConfig>(text).unwrap().disk_size_gb;
        assert_eq!(config(r#"{"diskSizeGb":100}"#), Some(100));
        assert_eq!(config(r#"{"diskSizeGb":"100"}"#), Some(100));
        assert_eq!(config("{}"), None);
    }
}
