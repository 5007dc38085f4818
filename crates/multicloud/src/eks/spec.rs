//! What only EKS has: of an environment as it is wanted ([`EksSpec`], HCL's `eks = {}`) and as it was found
//! ([`EksObserved`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::environment::{KubernetesVersion, MaxSurge, PoolName, Status, Taint};
use crate::error::ServerText;
use crate::words::words;

/// What an EKS environment needs beside what every environment has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EksSpec {
    /// The role that the control plane acts as. Cannot be changed.
    pub role_arn: String,
    /// The role of the nodes; a group of nodes may have its own.
    pub node_role_arn: String,
    /// Security groups of the control plane's network interfaces, beside the one that EKS makes.
    pub security_group_ids: BTreeSet<String>,
    /// Whether the API server can be reached from inside the VPC without leaving it, beside its public address.
    pub private_access: bool,
    /// How principals are let in.
    pub authentication_mode: AuthenticationMode,
    /// Whether whoever creates the cluster becomes its administrator. Asked at creation alone.
    pub creator_is_admin: bool,
    /// Logs of the control plane that go to CloudWatch.
    pub log_types: BTreeSet<LogType>,
    /// The KMS key that secrets are encrypted with. Can be added, and never taken away.
    pub encryption_key_arn: Option<String>,
    /// Which support the cluster has when its version ages; `None` leaves it to EKS.
    pub support_type: Option<SupportType>,
    /// The image of nodes, as EKS calls it, such as `AL2023_x86_64_STANDARD`; `None` leaves it to EKS.
    pub ami_type: Option<String>,
    /// Whether upgrades go on over findings of EKS's upgrade insights and over pods that refuse to leave.
    pub force_upgrade: bool,
    /// What single pools have of their own.
    pub node_groups: BTreeMap<PoolName, NodeGroupSpec>,
    /// The managed add-ons, by name.
    pub addons: BTreeMap<String, AddonSpec>,
    /// Who may use the cluster, by the principal's ARN.
    pub access_entries: BTreeMap<String, AccessEntrySpec>,
}

impl Default for EksSpec {
    /// Nothing beside what EKS demands, and whoever creates the cluster may use it, as is EKS's own default.
    fn default() -> Self {
        Self {
            role_arn: String::new(),
            node_role_arn: String::new(),
            security_group_ids: BTreeSet::new(),
            private_access: false,
            authentication_mode: AuthenticationMode::default(),
            creator_is_admin: true,
            log_types: BTreeSet::new(),
            encryption_key_arn: None,
            support_type: None,
            ami_type: None,
            force_upgrade: false,
            node_groups: BTreeMap::new(),
            addons: BTreeMap::new(),
            access_entries: BTreeMap::new(),
        }
    }
}

/// What one pool has of its own, before the cluster's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeGroupSpec {
    /// The subnets of its nodes, and by these their zones; empty takes those of the cluster.
    pub subnet_ids: BTreeSet<String>,
    /// The image of its nodes.
    pub ami_type: Option<String>,
    /// The role of its nodes.
    pub node_role_arn: Option<String>,
}

/// A managed add-on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddonSpec {
    /// Its version; `None` takes EKS's default at creation and leaves it from then on.
    pub version: Option<String>,
    /// Its settings, JSON or YAML as the add-on's schema says.
    pub configuration_values: Option<String>,
    /// The role of its service account.
    pub service_account_role_arn: Option<String>,
    /// What happens where the cluster already has other settings for it.
    pub resolve_conflicts: ResolveConflicts,
    /// Whether what it installed stays when the add-on is removed.
    pub preserve: bool,
}

/// Someone who may use the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEntrySpec {
    /// The sort of entry, such as `STANDARD` or `EC2_LINUX`; `None` is `STANDARD`. Cannot be changed.
    pub entry_type: Option<String>,
    /// The Kubernetes groups the principal is in.
    pub kubernetes_groups: BTreeSet<String>,
    /// The Kubernetes user; `None` leaves it to EKS.
    pub username: Option<String>,
    /// The access policies it has, by ARN.
    pub policies: BTreeMap<String, AccessScope>,
}

/// Where an access policy holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessScope {
    /// Everywhere in the cluster.
    Cluster,
    /// In these namespaces.
    Namespaces(BTreeSet<String>),
}

words!(
    /// How principals are let into a cluster. It can only be moved on, in this order.
    AuthenticationMode, "an authentication mode" {
        /// By a ConfigMap in the cluster alone.
        ConfigMap = "CONFIG_MAP",
        /// By the ConfigMap and by access entries.
        ApiAndConfigMap = "API_AND_CONFIG_MAP",
        /// By access entries alone.
        Api = "API",
    }
);

words!(
    /// Logs of the control plane.
    LogType, "a log type" {
        /// The API server's.
        Api = "api",
        /// The audit log.
        Audit = "audit",
        /// The authenticator's.
        Authenticator = "authenticator",
        /// The controller manager's.
        ControllerManager = "controllerManager",
        /// The scheduler's.
        Scheduler = "scheduler",
    }
);

words!(
    /// The support of a cluster whose version ages.
    SupportType, "a support type" {
        /// EKS upgrades it when standard support ends.
        Standard = "STANDARD",
        /// It may stay, for a price.
        Extended = "EXTENDED",
    }
);

words!(
    /// What happens where an add-on finds other settings in the cluster.
    ResolveConflicts, "a way to resolve conflicts" {
        /// The change fails.
        None = "NONE",
        /// The add-on's settings win.
        Overwrite = "OVERWRITE",
        /// The cluster's settings stay; on updates alone.
        Preserve = "PRESERVE",
    }
);

impl Default for AuthenticationMode {
    /// The API's own default is the ConfigMap alone, which nobody can be let in by from outside the cluster.
    fn default() -> Self {
        Self::ApiAndConfigMap
    }
}

impl Default for ResolveConflicts {
    /// A new cluster already has its own unmanaged `vpc-cni`, `kube-proxy` and `coredns`; anything else would fail there.
    fn default() -> Self {
        Self::Overwrite
    }
}

/// What only EKS says about an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EksObserved {
    /// The cluster's ARN.
    pub arn: String,
    /// How the cluster is, apart from its groups and add-ons.
    pub cluster_status: Status,
    /// The role that the control plane acts as.
    pub role_arn: String,
    /// Security groups of the control plane, without the one that EKS made.
    pub security_group_ids: BTreeSet<String>,
    /// Whether the API server has a public address.
    pub public_access: bool,
    /// Whether it can be reached from inside the VPC.
    pub private_access: bool,
    /// How principals are let in; `None` where EKS does not say.
    pub authentication_mode: Option<AuthenticationMode>,
    /// Logs that go to CloudWatch.
    pub log_types: BTreeSet<LogType>,
    /// The KMS key that secrets are encrypted with.
    pub encryption_key_arn: Option<String>,
    /// The support of an ageing version; `None` where EKS does not say.
    pub support_type: Option<SupportType>,
    /// Every node group, by its name in EKS: a pool that is being replaced has two.
    pub node_groups: BTreeMap<String, ObservedGroup>,
    /// The add-ons, by name; `None` where none was ever configured, so that nobody asked.
    pub addons: Option<BTreeMap<String, ObservedAddon>>,
    /// The access entries, by principal; `None` where none was ever configured, so that nobody asked.
    pub access_entries: Option<BTreeMap<String, ObservedAccessEntry>>,
}

/// A node group as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedGroup {
    /// The pool it belongs to.
    pub pool: PoolName,
    /// Its ARN, which its tags hang on.
    pub arn: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// How it is.
    pub status: Status,
    /// Why it is so, where EKS says.
    pub status_reason: Option<ServerText>,
    /// Its Kubernetes version.
    pub version: KubernetesVersion,
    /// The version of its image, which holds the Kubernetes version in full.
    pub release_version: Option<String>,
    /// The fewest nodes.
    pub min: u32,
    /// The most nodes.
    pub max: u32,
    /// The nodes it is to have now.
    pub desired: u32,
    /// The machine types it may have; none where a launch template says.
    pub instance_types: Vec<String>,
    /// Its image.
    pub ami_type: Option<String>,
    /// Whether EKS may take its nodes away.
    pub spot: bool,
    /// Size of its disks; `None` where a launch template says.
    pub disk_size_gb: Option<u32>,
    /// The role of its nodes.
    pub node_role_arn: String,
    /// Subnets of its nodes.
    pub subnet_ids: BTreeSet<String>,
    /// Labels of its nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints of its nodes.
    pub taints: BTreeSet<Taint>,
    /// How many nodes an upgrade takes at a time.
    pub max_surge: Option<MaxSurge>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An add-on as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedAddon {
    /// Its ARN, which its tags hang on.
    pub arn: String,
    /// How it is.
    pub status: Status,
    /// Why it is so, where EKS says.
    pub status_reason: Option<ServerText>,
    /// Its version.
    pub version: Option<String>,
    /// Its settings.
    pub configuration_values: Option<String>,
    /// The role of its service account.
    pub service_account_role_arn: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An access entry as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedAccessEntry {
    /// Its ARN, which its tags hang on.
    pub arn: String,
    /// The sort of entry.
    pub entry_type: Option<String>,
    /// The Kubernetes groups the principal is in.
    pub kubernetes_groups: BTreeSet<String>,
    /// The Kubernetes user.
    pub username: Option<String>,
    /// The access policies it has, by ARN.
    pub policies: BTreeMap<String, AccessScope>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}
