//! What one step sends to EKS: [`EksChange`], one variant per request. It survives the process as part of a
//! [`Step`](crate::Step), and says all that the request needs, so that sending it looks at nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::spec::{AccessScope, AddonSpec, AuthenticationMode, LogType, SupportType};
use crate::environment::{KubernetesVersion, MaxSurge, Taint};

/// One request that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EksChange {
    /// `CreateCluster`.
    CreateCluster(Box<NewCluster>),
    /// `UpdateClusterVersion`, by one minor.
    UpgradeCluster {
        /// The version after.
        to: KubernetesVersion,
        /// The version that it is a step to. A step to one that EKS does not offer cannot be taken back.
        goal: KubernetesVersion,
        /// Whether findings of the upgrade insights are passed over.
        force: bool,
    },
    /// `UpdateClusterConfig`: one kind of setting, which is all that EKS takes at a time.
    ConfigureCluster(ClusterSetting),
    /// `AssociateEncryptionConfig`.
    EncryptSecrets {
        /// The KMS key.
        key_arn: String,
    },
    /// `DeleteCluster`.
    DeleteCluster,
    /// `CreateNodegroup`.
    CreateGroup(Box<NewGroup>),
    /// `UpdateNodegroupVersion`, by one minor.
    UpgradeGroup {
        /// The group.
        group: String,
        /// The version after.
        to: KubernetesVersion,
        /// Whether pods that refuse to leave are ended.
        force: bool,
    },
    /// `UpdateNodegroupConfig`.
    ConfigureGroup(Box<GroupSettings>),
    /// `DeleteNodegroup`.
    DeleteGroup {
        /// The group.
        group: String,
    },
    /// `CreateAddon`.
    CreateAddon {
        /// The add-on.
        name: String,
        /// What it is to be.
        spec: AddonSpec,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `UpdateAddon`.
    UpdateAddon {
        /// The add-on.
        name: String,
        /// What it is to be.
        spec: AddonSpec,
    },
    /// `DeleteAddon`.
    DeleteAddon {
        /// The add-on.
        name: String,
        /// Whether what it installed stays.
        preserve: bool,
    },
    /// `CreateAccessEntry`.
    CreateAccessEntry {
        /// The principal.
        principal: String,
        /// The sort of entry.
        entry_type: Option<String>,
        /// Its Kubernetes groups.
        kubernetes_groups: BTreeSet<String>,
        /// Its Kubernetes user.
        username: Option<String>,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `UpdateAccessEntry`.
    UpdateAccessEntry {
        /// The principal.
        principal: String,
        /// Its Kubernetes groups.
        kubernetes_groups: BTreeSet<String>,
        /// Its Kubernetes user.
        username: Option<String>,
    },
    /// `DeleteAccessEntry`.
    DeleteAccessEntry {
        /// The principal.
        principal: String,
    },
    /// `AssociateAccessPolicy`.
    GrantPolicy {
        /// The principal.
        principal: String,
        /// The policy's ARN.
        policy: String,
        /// Where it holds.
        scope: AccessScope,
    },
    /// `DisassociateAccessPolicy`.
    RevokePolicy {
        /// The principal.
        principal: String,
        /// The policy's ARN.
        policy: String,
    },
    /// `TagResource`.
    Tag {
        /// The ARN of what is tagged.
        arn: String,
        /// The tags that are set.
        tags: BTreeMap<String, String>,
    },
    /// `UntagResource`.
    Untag {
        /// The ARN of what has the tags.
        arn: String,
        /// The keys of the tags that are taken away.
        keys: BTreeSet<String>,
    },
}

/// A setting of a cluster that EKS changes in an update of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterSetting {
    /// Who can reach the API server.
    EndpointAccess {
        /// Whether it has a public address.
        public: bool,
        /// Whether it can be reached from inside the VPC.
        private: bool,
        /// Who may use the public address; empty is everyone.
        cidrs: BTreeSet<String>,
    },
    /// Where the control plane's network interfaces are.
    Subnets {
        /// The subnets.
        subnet_ids: BTreeSet<String>,
        /// The security groups.
        security_group_ids: BTreeSet<String>,
    },
    /// Which logs go to CloudWatch; all others do not.
    Logging(BTreeSet<LogType>),
    /// How principals are let in.
    AuthenticationMode(AuthenticationMode),
    /// The support of an ageing version.
    SupportType(SupportType),
    /// Whether EKS refuses to delete the cluster.
    DeletionProtection(bool),
}

/// A cluster to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCluster {
    /// Its version.
    pub version: KubernetesVersion,
    /// The role that the control plane acts as.
    pub role_arn: String,
    /// The subnets of its network interfaces.
    pub subnet_ids: BTreeSet<String>,
    /// The security groups of these.
    pub security_group_ids: BTreeSet<String>,
    /// Whether the API server has a public address.
    pub public_access: bool,
    /// Whether it can be reached from inside the VPC.
    pub private_access: bool,
    /// Who may use the public address; empty is everyone.
    pub authorized_cidrs: BTreeSet<String>,
    /// Addresses of services.
    pub service_cidr: Option<String>,
    /// Logs that go to CloudWatch.
    pub log_types: BTreeSet<LogType>,
    /// The KMS key that secrets are encrypted with.
    pub encryption_key_arn: Option<String>,
    /// How principals are let in.
    pub authentication_mode: AuthenticationMode,
    /// Whether whoever creates it becomes its administrator.
    pub creator_is_admin: bool,
    /// The support of an ageing version.
    pub support_type: Option<SupportType>,
    /// Whether EKS refuses to delete it.
    pub deletion_protection: bool,
    /// Its tags, the ownership mark among them.
    pub tags: BTreeMap<String, String>,
}

/// A node group to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewGroup {
    /// Its name.
    pub group: String,
    /// Its version, which must be the control plane's.
    pub version: KubernetesVersion,
    /// The machine type.
    pub instance_type: String,
    /// The fewest nodes.
    pub min: u32,
    /// The most nodes.
    pub max: u32,
    /// The nodes it begins with.
    pub desired: u32,
    /// Size of its disks.
    pub disk_size_gb: Option<u32>,
    /// Its image.
    pub ami_type: Option<String>,
    /// Whether EKS may take its nodes away.
    pub spot: bool,
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
    /// Its tags, the ownership mark among them.
    pub tags: BTreeMap<String, String>,
}

/// What is changed of a node group in place. Labels and taints are differences to what the group has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSettings {
    /// The group.
    pub group: String,
    /// Its size, if that changes.
    pub size: Option<GroupSize>,
    /// Labels that are set.
    pub set_labels: BTreeMap<String, String>,
    /// Keys of labels that are taken away.
    pub remove_labels: BTreeSet<String>,
    /// Taints that are set.
    pub set_taints: BTreeSet<Taint>,
    /// Taints that are taken away.
    pub remove_taints: BTreeSet<Taint>,
    /// How many nodes an upgrade takes at a time, if that changes.
    pub max_surge: Option<MaxSurge>,
}

/// The size of a node group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSize {
    /// The fewest nodes.
    pub min: u32,
    /// The most nodes.
    pub max: u32,
    /// The nodes it is to have; `None` leaves that to the autoscaler.
    pub desired: Option<u32>,
}
