//! What only EKS has: in a spec, in what was found, and in a step.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What an environment on EKS needs beside what every environment has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EksSpec {
    /// Role of the control plane.
    pub role_arn: String,
    /// Role of the nodes.
    pub node_role_arn: String,
    /// Managed add-ons by name.
    pub addons: BTreeMap<String, EksAddon>,
    /// Security groups of the control plane's interfaces, besides the one that EKS makes.
    pub security_group_ids: BTreeSet<String>,
    /// Kinds of control plane logs that are kept; `None` leaves them as they are.
    pub log_types: Option<BTreeSet<String>>,
    /// Key that encrypts the cluster's secrets.
    pub encryption_key_arn: Option<String>,
    /// `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`; `None` is `API_AND_CONFIG_MAP` at creation.
    pub authentication_mode: Option<String>,
    /// `STANDARD` or `EXTENDED`; `None` leaves it as it is.
    pub support_type: Option<String>,
    /// Image family of the nodes, as EKS calls it; `None` is EKS's own choice.
    pub ami_type: Option<String>,
}

/// A managed add-on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EksAddon {
    /// Its version; `None` is the default of the cluster's version.
    pub version: Option<String>,
    /// Its configuration, as JSON or YAML text.
    pub configuration: Option<String>,
    /// Role of its service account.
    pub service_account_role_arn: Option<String>,
    /// `NONE`, `OVERWRITE` or `PRESERVE`.
    pub resolve_conflicts: Option<String>,
}

/// What only EKS says about an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EksObserved {
    /// The cluster's ARN.
    pub arn: String,
}

/// What a step sends to EKS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EksChange {
    /// DeleteCluster.
    DeleteCluster,
}
