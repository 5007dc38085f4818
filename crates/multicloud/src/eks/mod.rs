//! Amazon EKS: a cluster and its managed node groups, add-ons and access entries as an environment.

mod change;
mod credential;
mod settings;
mod spec;
mod token;
mod transport;

pub use change::{ClusterSetting, EksChange, GroupSettings, GroupSize, NewCluster, NewGroup};
pub use settings::{AssumeRole, AssumeRoleWithWebIdentity, AwsSettings};
pub use spec::{
    AccessEntrySpec, AccessScope, AddonSpec, AuthenticationMode, EksObserved, EksSpec, LogType, NodeGroupSpec,
    ObservedAccessEntry, ObservedAddon, ObservedGroup, ResolveConflicts, SupportType, UnknownWord,
};
