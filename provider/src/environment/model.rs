//! `multicloud_environment` as HCL knows it, without what is particular to a cloud: one struct per object is its schema,
//! its codec and its documentation.

use std::sync::Arc;

use tfplug::schema::modifier::PlanModifier;
use tfplug::schema::modifiers::requires_replace_if;
use tfplug::{Attr, GoDuration, MapOf, Model, SetOf, StringEnum};

pub use super::aks::Aks;
pub use super::eks::Eks;
pub use super::gke::Gke;

/// A name that a cloud gives to one of its things, such as a subnet or a zone, is shorter than this.
pub(super) const NAME_MAX: usize = 256;

/// Node pools of one environment: more than any cloud's quota.
const POOLS_MAX: usize = 1_000;

/// The largest limit on a tag's value that a cloud has.
const TAG_VALUE_MAX: usize = 256;

/// Keys and values of Kubernetes' labels and taints: a DNS name, a slash and 63 characters; 63 characters.
const LABEL_KEY_MAX: usize = 317;
const LABEL_VALUE_MAX: usize = 63;

/// A Kubernetes environment: a managed cluster with its node pools, in the cloud whose block is set.
///
/// The environment is made, scaled and upgraded in place. Versions are upgraded one minor at a time, the control plane
/// first; a pool whose machine type changes gets other nodes, in place on GKE and in a new pool beside the old one elsewhere,
/// and never takes the environment with it.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Environment {
    /// The id of the environment: `aks/<subscription>/<group>/<name>`, `eks/<account>/<region>/<name>` or
    /// `gke/<project>/<location>/<name>`. Imports, the data source and other resources take it.
    #[attribute(computed, not_null, change = never)]
    pub id: Attr<String>,
    /// The name, which is the cluster's name in its cloud: letters, digits, `-` and `_`, at most 100 on EKS, 63 on AKS;
    /// lower-case letters, digits and `-`, at most 40, on GKE. Another name is another environment.
    #[attribute(required, requires_replace, validate = [string_length(1..=100)])]
    pub name: Attr<String>,
    /// What the environment is for: `admin` manages the others, `workload` runs workloads.
    #[attribute(required)]
    pub role: Attr<Role>,
    /// Where it is, as its cloud writes it: a region, such as `us-east-1` or `westeurope`; on GKE also a zone, such as
    /// `europe-west1-b`. Another region is another environment.
    #[attribute(required, requires_replace, validate = [string_length(1..=64)])]
    pub region: Attr<String>,
    /// Kubernetes itself.
    #[attribute(required)]
    pub kubernetes: Attr<Kubernetes>,
    /// The node pools, by name. Adding or removing one touches no other.
    #[attribute(required, validate = [size(1..=POOLS_MAX)])]
    pub node_pools: MapOf<NodePool>,
    /// How the environment is connected.
    #[attribute(optional)]
    pub network: Attr<Network>,
    /// Tags of every object that is made for the environment, beside the ownership mark.
    #[attribute(optional, validate = [values_are([string_length(0..=TAG_VALUE_MAX)])])]
    pub tags: MapOf<String>,
    /// Whether destroying, and replacing, is refused; where the cloud can, it refuses too. To destroy, set it to
    /// `false` and apply first.
    #[attribute(optional, computed, default = true)]
    pub deletion_protection: Attr<bool>,
    /// What becomes of a creation that stopped halfway with the cluster made: `keep` says so in a warning and carries
    /// on in the next apply; `fail` is an error, after which Terraform replaces the environment.
    #[attribute(optional, computed, default = OnPartialCreate::Keep)]
    pub on_partial_create: Attr<OnPartialCreate>,
    /// Azure Kubernetes Service: set it for an environment there. Exactly one of `aks`, `eks` and `gke` is set.
    #[attribute(optional)]
    pub aks: Attr<Aks>,
    /// Amazon EKS: set it for an environment there. Exactly one of `aks`, `eks` and `gke` is set.
    #[attribute(optional)]
    pub eks: Attr<Eks>,
    /// Google Kubernetes Engine: set it for an environment there, if only to `{}`. Exactly one of `aks`, `eks` and `gke`
    /// is set.
    #[attribute(optional)]
    pub gke: Attr<Gke>,
    /// How long each operation may take.
    #[attribute(optional)]
    pub timeouts: Attr<Timeouts>,
    /// How the environment is: `creating`, `active`, `updating`, `degraded`, `deleting` or `failed`. While it is not
    /// `active`, each plan carries on with what is left to do.
    #[attribute(computed, not_null)]
    pub status: Attr<String>,
    /// The URL of the API server.
    #[attribute(computed, change = never)]
    pub endpoint: Attr<String>,
    /// The certificate authority of the API server: PEM in base64, as kubeconfig files hold it. Null on AKS, which tells it
    /// with credentials and not otherwise: take it from `multicloud_kubeconfig`.
    #[attribute(computed, change = never)]
    pub certificate_authority_data: Attr<String>,
    /// The issuer of the tokens of service accounts, for trust between the cluster and its cloud's identities.
    #[attribute(computed, change = never)]
    pub oidc_issuer_url: Attr<String>,
    /// The version of the control plane in full, as the cloud reports it. What the cloud patches by itself shows here
    /// and is no difference.
    #[attribute(computed, change = depends_on("kubernetes.version"))]
    pub kubernetes_version: Attr<String>,
}

/// What an environment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
pub enum Role {
    /// It manages the others.
    Admin,
    /// It runs workloads.
    Workload,
}

/// What becomes of a creation that stopped halfway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
pub enum OnPartialCreate {
    /// It is kept, and carried on with.
    Keep,
    /// It is an error.
    Fail,
}

/// Kubernetes of an environment.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Kubernetes {
    /// The version of the control plane, major and minor, such as `1.33`, and that of pools that say none. The cloud
    /// chooses the patch. A higher one upgrades minor by minor in one apply; a lower one is refused.
    #[attribute(required, validate = [string_length(1..=16)])]
    pub version: Attr<String>,
    /// When the cloud may do its own maintenance, on clouds that can be told.
    #[attribute(optional)]
    pub maintenance_window: Attr<MaintenanceWindow>,
}

/// A weekly time for the cloud's own maintenance, in UTC.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct MaintenanceWindow {
    /// The days of the week on which it begins.
    #[attribute(required)]
    pub days: SetOf<Weekday>,
    /// The time of day at which it begins, such as `03:30`, in UTC.
    #[attribute(required, validate = [matches("^([01][0-9]|2[0-3]):[0-5][0-9]$", "hours and minutes, such as 03:30")])]
    pub start: Attr<String>,
    /// How long it lasts, such as `4h`.
    #[attribute(required)]
    pub duration: Attr<GoDuration>,
}

/// Days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// A group of like nodes.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct NodePool {
    /// The machine type of the nodes, as the cloud writes it, such as `m7i.xlarge`, `Standard_D4s_v5` or `e2-standard-4`.
    /// Another one replaces the pool's nodes, which are drained first, and never the environment.
    #[attribute(required, validate = [string_length(1..=64)])]
    pub machine_type: Attr<String>,
    /// How many nodes there are, over all zones. Either this or `autoscale`.
    #[attribute(optional)]
    pub count: Attr<u32>,
    /// Between which bounds an autoscaler chooses the number of nodes; what it chose is no difference. Either this or
    /// `count`.
    #[attribute(optional)]
    pub autoscale: Attr<Autoscale>,
    /// What the pool is for: `system` carries what the cluster itself needs, `user` the workloads. By default `user`,
    /// and `system` for the only pool of a new environment.
    #[attribute(optional, computed, not_null, change = never)]
    pub mode: Attr<PoolMode>,
    /// Labels of the nodes.
    #[attribute(optional, validate = [values_are([string_length(0..=LABEL_VALUE_MAX)])])]
    pub labels: MapOf<String>,
    /// Taints of the nodes. A key may stand once with each effect.
    #[attribute(optional)]
    pub taints: SetOf<Taint>,
    /// The zones that nodes may be in: on AKS such as `1`, on GKE such as `europe-west1-b`; on EKS, subnets choose. By
    /// default the cloud's own choice.
    #[attribute(optional, computed, change = depends_on(".machine_type"), validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub zones: SetOf<String>,
    /// Whether the cloud may take the nodes away, for a lower price.
    #[attribute(optional, computed, default = false)]
    pub spot: Attr<bool>,
    /// The size of the nodes' disks in GiB; by default the cloud's own.
    #[attribute(optional, computed, change = depends_on(".machine_type"))]
    pub disk_size_gb: Attr<u32>,
    /// The pool's own Kubernetes version, major and minor: at most two minors behind the control plane. By default it
    /// follows the control plane.
    #[attribute(optional, validate = [string_length(1..=16)])]
    pub version: Attr<String>,
    /// How many nodes an upgrade takes at a time: a count such as `1`, or a part such as `33%`. By default the cloud's
    /// own choice.
    #[attribute(optional, computed, change = depends_on(".machine_type"), validate = [string_length(1..=8)])]
    pub max_surge: Attr<String>,
    /// How long pods are given to leave nodes that go, such as `1h`, on clouds where that can be chosen. When a pool is
    /// replaced or removed, by default `30m`. Upgrades of EKS go by its own 15 minutes.
    #[attribute(optional)]
    pub drain_timeout: Attr<GoDuration>,
    /// How the pool is: `creating`, `active`, `updating`, `degraded`, `deleting` or `failed`.
    #[attribute(computed, not_null, change = depends_on(
        ".machine_type", ".count", ".autoscale", ".mode", ".labels", ".taints", ".zones", ".spot", ".disk_size_gb",
        ".version", ".max_surge", "kubernetes.version"
    ))]
    pub status: Attr<String>,
}

/// Bounds of a pool's size.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Autoscale {
    /// The fewest nodes.
    #[attribute(required)]
    pub min: Attr<u32>,
    /// The most nodes.
    #[attribute(required)]
    pub max: Attr<u32>,
}

/// What a pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
pub enum PoolMode {
    /// It carries what the cluster itself needs.
    System,
    /// It carries workloads.
    User,
}

/// A taint of nodes.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Taint {
    /// Its key.
    #[attribute(required, validate = [string_length(1..=LABEL_KEY_MAX)])]
    pub key: Attr<String>,
    /// Its value.
    #[attribute(optional, validate = [string_length(0..=LABEL_VALUE_MAX)])]
    pub value: Attr<String>,
    /// What it does to pods that do not tolerate it: `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[attribute(required)]
    pub effect: Attr<TaintEffect>,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, StringEnum)]
#[string_enum(rename_all = "PascalCase")]
pub enum TaintEffect {
    /// Pods are not placed there.
    NoSchedule,
    /// Pods are placed there last.
    PreferNoSchedule,
    /// Pods are sent away too.
    NoExecute,
}

/// How an environment is connected.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Network {
    /// The subnets of the control plane's and the nodes' interfaces. EKS needs two at least, in different zones; AKS takes
    /// one, or makes a network of its own; on GKE, `gke.subnetwork` says it.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub subnet_ids: SetOf<String>,
    /// The addresses of pods, such as `10.244.0.0/16`, on clouds where they can be chosen; by default the cloud's own
    /// choice. Other addresses are another environment.
    #[attribute(optional, computed, change = never, modify = [requires_replace_once_set()], validate = [string_length(1..=64)])]
    pub pod_cidr: Attr<String>,
    /// The addresses of services, such as `10.96.0.0/16`; by default the cloud's own choice. Other addresses are
    /// another environment.
    #[attribute(optional, computed, change = never, modify = [requires_replace_once_set()], validate = [string_length(1..=64)])]
    pub service_cidr: Attr<String>,
    /// Who may reach the public address of the API server, as CIDRs; empty is everyone.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub authorized_cidrs: SetOf<String>,
    /// Whether the API server can be reached from inside the network only.
    #[attribute(optional, computed, default = false)]
    pub private_endpoint: Attr<bool>,
}

/// How long operations may take, as durations such as `90m`.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Timeouts {
    /// How long creating may take; by default `60m`.
    #[attribute(optional)]
    pub create: Attr<GoDuration>,
    /// How long an update may take; by default `120m`.
    #[attribute(optional)]
    pub update: Attr<GoDuration>,
    /// How long destroying may take; by default `60m`.
    #[attribute(optional)]
    pub delete: Attr<GoDuration>,
}

/// What tells environments apart for ever.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct EnvironmentIdentity {
    /// The backend, which is the first part of the id: `aks`, `eks` or `gke`.
    #[attribute(required)]
    pub backend: Attr<String>,
    /// On EKS: the AWS account.
    #[attribute(optional)]
    pub account: Attr<String>,
    /// On EKS: the region.
    #[attribute(optional)]
    pub region: Attr<String>,
    /// On AKS: the Azure subscription.
    #[attribute(optional)]
    pub subscription: Attr<String>,
    /// On AKS: the resource group.
    #[attribute(optional)]
    pub resource_group: Attr<String>,
    /// On GKE: the Google Cloud project.
    #[attribute(optional)]
    pub project: Attr<String>,
    /// On GKE: the region or zone.
    #[attribute(optional)]
    pub location: Attr<String>,
    /// The name of the environment.
    #[attribute(required)]
    pub name: Attr<String>,
}

/// Another value replaces the environment; one that is told for the first time, as after an import, says what is there
/// already or is told apart by the backend.
pub(super) fn requires_replace_once_set() -> Arc<dyn PlanModifier> {
    requires_replace_if("Setting this to another value replaces the object.", |cx| {
        !cx.config.is_null() && !cx.prior.is_null()
    })
}
