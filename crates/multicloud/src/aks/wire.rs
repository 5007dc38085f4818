//! Resources of Azure as they travel, in as much of them as is read or written here. Names and forms are those of the
//! models that Azure publishes: `Microsoft.ContainerService` (aks, 2025-10-01), `Microsoft.Resources`, `Microsoft.Compute`.
//!
//! Everything is optional: what a reply leaves out is judged where it is needed, and what a request leaves out is the
//! cloud's to choose.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `ManagedCluster`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cluster {
    #[serde(skip_serializing)]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sku: Option<Sku>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<ClusterProperties>,
}

/// `ManagedClusterSKU`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sku {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tier: Option<String>,
}

/// `ManagedClusterIdentity`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_assigned_identities: Option<BTreeMap<String, Value>>,
}

/// `ManagedClusterProperties`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterProperties {
    #[serde(skip_serializing)]
    pub(crate) provisioning_state: Option<String>,
    #[serde(skip_serializing)]
    pub(crate) power_state: Option<PowerState>,
    #[serde(skip_serializing)]
    pub(crate) status: Option<ProvisioningStatus>,
    #[serde(rename = "resourceUID", skip_serializing)]
    pub(crate) resource_uid: Option<String>,
    #[serde(skip_serializing)]
    pub(crate) current_kubernetes_version: Option<String>,
    #[serde(skip_serializing)]
    pub(crate) fqdn: Option<String>,
    #[serde(rename = "privateFQDN", skip_serializing)]
    pub(crate) private_fqdn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kubernetes_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node_resource_group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disable_local_accounts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent_pool_profiles: Option<Vec<PoolProperties>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_profile: Option<NetworkProfile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_server_access_profile: Option<ApiServerAccess>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aad_profile: Option<AadProfile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oidc_issuer_profile: Option<OidcIssuer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) security_profile: Option<SecurityProfile>,
}

/// `PowerState`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct PowerState {
    pub(crate) code: Option<String>,
}

/// `ManagedClusterStatus` and `AgentPoolStatus`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProvisioningStatus {
    pub(crate) provisioning_error: Option<ErrorDetail>,
}

/// `ContainerServiceNetworkProfile`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkProfile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_plugin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_plugin_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_dataplane: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pod_cidr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_cidr: Option<String>,
    #[serde(rename = "dnsServiceIP", skip_serializing_if = "Option::is_none")]
    pub(crate) dns_service_ip: Option<String>,
}

/// `ManagedClusterAPIServerAccessProfile`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiServerAccess {
    #[serde(rename = "authorizedIPRanges", skip_serializing_if = "Option::is_none")]
    pub(crate) authorized_ip_ranges: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enable_private_cluster: Option<bool>,
}

/// `ManagedClusterAADProfile`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AadProfile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) managed: Option<bool>,
    #[serde(rename = "enableAzureRBAC", skip_serializing_if = "Option::is_none")]
    pub(crate) enable_azure_rbac: Option<bool>,
    #[serde(rename = "adminGroupObjectIDs", skip_serializing_if = "Option::is_none")]
    pub(crate) admin_group_object_ids: Option<Vec<String>>,
}

/// `ManagedClusterOIDCIssuerProfile`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OidcIssuer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
    #[serde(rename = "issuerURL", skip_serializing)]
    pub(crate) issuer_url: Option<String>,
}

/// `ManagedClusterSecurityProfile`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityProfile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workload_identity: Option<Enabled>,
}

/// `ManagedClusterSecurityProfileWorkloadIdentity`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Enabled {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
}

/// `AgentPool`: an agent pool by itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Pool {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<PoolProperties>,
}

/// `ManagedClusterAgentPoolProfileProperties`, and with a name beside them `ManagedClusterAgentPoolProfile`: an agent pool
/// as its cluster holds it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolProperties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing)]
    pub(crate) provisioning_state: Option<String>,
    #[serde(skip_serializing)]
    pub(crate) power_state: Option<PowerState>,
    #[serde(skip_serializing)]
    pub(crate) status: Option<ProvisioningStatus>,
    #[serde(skip_serializing)]
    pub(crate) current_orchestrator_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) orchestrator_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) os_type: Option<String>,
    #[serde(rename = "osSKU", skip_serializing_if = "Option::is_none")]
    pub(crate) os_sku: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vm_size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enable_auto_scaling: Option<bool>,
    #[serde(rename = "osDiskSizeGB", skip_serializing_if = "Option::is_none")]
    pub(crate) os_disk_size_gb: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_pods: Option<u32>,
    #[serde(rename = "vnetSubnetID", skip_serializing_if = "Option::is_none")]
    pub(crate) vnet_subnet_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) availability_zones: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scale_set_priority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scale_set_eviction_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spot_max_price: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node_labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node_taints: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upgrade_settings: Option<UpgradeSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// `AgentPoolUpgradeSettings`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpgradeSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_surge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drain_timeout_in_minutes: Option<u32>,
}

/// How a long-running operation stands: what its `Azure-AsyncOperation` answers.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct OperationStatus {
    pub(crate) status: Option<String>,
    pub(crate) error: Option<ErrorDetail>,
}

/// `ErrorDetail`: code and message, in either layer of Azure.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ErrorDetail {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) details: Option<Vec<ErrorDetail>>,
}

/// `CredentialResults`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CredentialResults {
    pub(crate) kubeconfigs: Option<Vec<CredentialResult>>,
}

/// `CredentialResult`: a kubeconfig in base64. Without `Debug` of its value.
#[derive(Default, Deserialize)]
pub(crate) struct CredentialResult {
    pub(crate) value: Option<String>,
}

impl std::fmt::Debug for CredentialResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CredentialResult")
    }
}

/// A page of a list of any sort.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: Deserialize<'de>")]
pub(crate) struct Page<T> {
    #[serde(default = "Vec::new")]
    pub(crate) value: Vec<T>,
    pub(crate) next_link: Option<String>,
}

/// `Location` of a subscription.
#[derive(Debug, Deserialize)]
pub(crate) struct Location {
    pub(crate) name: Option<String>,
}

/// `KubernetesVersionListResult`.
#[derive(Debug, Deserialize)]
pub(crate) struct KubernetesVersions {
    pub(crate) values: Option<Vec<OfferedVersion>>,
}

/// `KubernetesVersion`: a minor.
#[derive(Debug, Deserialize)]
pub(crate) struct OfferedVersion {
    pub(crate) version: Option<String>,
}

/// `ResourceSku` of `Microsoft.Compute`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ComputeSku {
    pub(crate) resource_type: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) location_info: Option<Vec<SkuLocation>>,
    pub(crate) restrictions: Option<Vec<SkuRestriction>>,
}

/// `ResourceSkuLocationInfo`.
#[derive(Debug, Deserialize)]
pub(crate) struct SkuLocation {
    pub(crate) location: Option<String>,
    pub(crate) zones: Option<Vec<String>>,
}

/// `ResourceSkuRestrictions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SkuRestriction {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) restriction_info: Option<RestrictionInfo>,
}

/// `ResourceSkuRestrictionInfo`.
#[derive(Debug, Deserialize)]
pub(crate) struct RestrictionInfo {
    pub(crate) zones: Option<Vec<String>>,
}
