//! `multicloud_environment` as HCL knows it: one struct per object is its schema, its codec and its documentation.

use multicloud::eks::{AuthenticationMode, LogType, ResolveConflicts, SupportType};
use tfplug::{Attr, GoDuration, MapOf, Model, SetOf, StringEnum};

/// An ARN has at most this many characters in the forms that AWS documents; longer texts are mistakes.
const ARN_MAX: usize = 2048;

/// A name that a cloud gives to one of its things, such as a subnet or a zone, is shorter than this.
const NAME_MAX: usize = 256;

/// Node pools of one environment: more than any cloud's quota.
const POOLS_MAX: usize = 1_000;

/// The largest limit on a tag's value that a cloud has.
const TAG_VALUE_MAX: usize = 256;

/// Keys and values of Kubernetes' labels and taints: a DNS name, a slash and 63 characters; 63 characters.
const LABEL_KEY_MAX: usize = 317;
const LABEL_VALUE_MAX: usize = 63;

/// What add-ons take as settings, by EKS's own limit on `configurationValues`.
const ADDON_SETTINGS_MAX: usize = 200_000;

/// A Kubernetes environment: a managed cluster with its node pools, in the cloud whose block is set.
///
/// The environment is made, scaled and upgraded in place. Versions are upgraded one minor at a time, the control plane
/// first; a pool whose machine type changes is replaced by a new one beside it, and never takes the environment with it.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Environment {
    /// The id of the environment, such as `eks/123456789012/us-east-1/workload-aws-east`. Imports, the data source and
    /// other resources take it.
    #[attribute(computed, not_null, change = never)]
    pub id: Attr<String>,
    /// The name, which is the cluster's name in its cloud: letters, digits, `-` and `_`, at most 100. Another name is
    /// another environment.
    #[attribute(required, requires_replace, validate = [string_length(1..=100)])]
    pub name: Attr<String>,
    /// What the environment is for: `admin` manages the others, `workload` runs workloads.
    #[attribute(required)]
    pub role: Attr<Role>,
    /// Where it is, as its cloud writes it, such as `us-east-1`. Another region is another environment.
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
    /// Amazon EKS: set it for an environment there.
    #[attribute(optional)]
    pub eks: Attr<Eks>,
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
    /// The certificate authority of the API server: PEM in base64, as kubeconfig files hold it.
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
    /// When the cloud may do its own maintenance. EKS has no such thing.
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
    /// The machine type of the nodes, as the cloud writes it, such as `m7i.xlarge`. Another one makes a new pool
    /// beside the old one, which is drained and then deleted.
    #[attribute(required, validate = [string_length(1..=64)])]
    pub machine_type: Attr<String>,
    /// How many nodes there are. Either this or `autoscale`.
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
    /// The zones that nodes may be in, on clouds where pools choose; on EKS, subnets do.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
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
    /// The subnets of the control plane's and the nodes' interfaces. EKS needs two at least, in different zones.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub subnet_ids: SetOf<String>,
    /// The addresses of pods, such as `10.244.0.0/16`, on clouds where they can be chosen.
    #[attribute(optional, requires_replace, validate = [string_length(1..=64)])]
    pub pod_cidr: Attr<String>,
    /// The addresses of services, such as `10.96.0.0/16`; by default the cloud's own choice. Other addresses are
    /// another environment.
    #[attribute(optional, computed, change = never, modify = [requires_replace_if_configured()], validate = [string_length(1..=64)])]
    pub service_cidr: Attr<String>,
    /// Who may reach the public address of the API server, as CIDRs; empty is everyone.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub authorized_cidrs: SetOf<String>,
    /// Whether the API server can be reached from inside the network only.
    #[attribute(optional, computed, default = false)]
    pub private_endpoint: Attr<bool>,
}

/// What an environment on Amazon EKS has beside what every environment has.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Eks {
    /// The ARN of the role that the control plane acts as. Another role is another environment.
    #[attribute(required, requires_replace, validate = [string_length(1..=ARN_MAX)])]
    pub role_arn: Attr<String>,
    /// The ARN of the role of the nodes. Another one replaces the node groups, not the environment.
    #[attribute(required, validate = [string_length(1..=ARN_MAX)])]
    pub node_role_arn: Attr<String>,
    /// Security groups of the control plane's network interfaces, beside the one that EKS makes.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub security_group_ids: SetOf<String>,
    /// Whether nodes reach the API server without leaving the VPC, while it also has a public address.
    /// `network.private_endpoint` takes the public address away.
    #[attribute(optional, computed, default = false)]
    pub private_access: Attr<bool>,
    /// How principals are let in: `CONFIG_MAP`, `API_AND_CONFIG_MAP` or `API`. It can be moved on, in this order, and
    /// not back.
    #[attribute(optional, computed, default = AuthenticationMode::default().as_str(), validate = [one_of(AuthenticationMode::ALL.iter().map(|mode| mode.as_str()))])]
    pub authentication_mode: Attr<String>,
    /// Whether whoever makes the cluster becomes its administrator. Heeded when the cluster is made, and only then.
    #[attribute(optional, computed, default = true)]
    pub creator_is_admin: Attr<bool>,
    /// Logs of the control plane that go to CloudWatch: `api`, `audit`, `authenticator`, `controllerManager`,
    /// `scheduler`.
    #[attribute(optional, validate = [elements_are([one_of(LogType::ALL.iter().map(|log| log.as_str()))])])]
    pub log_types: SetOf<String>,
    /// The ARN of the KMS key that Kubernetes secrets are encrypted with. It can be added to a cluster, and neither
    /// changed nor taken away.
    #[attribute(optional, validate = [string_length(1..=ARN_MAX)])]
    pub encryption_key_arn: Attr<String>,
    /// The support that the cluster has when its version ages: `STANDARD` has EKS upgrade it, `EXTENDED` lets it stay,
    /// for a price. By default EKS's own choice.
    #[attribute(optional, computed, change = depends_on("kubernetes.version"), validate = [one_of(SupportType::ALL.iter().map(|support| support.as_str()))])]
    pub support_type: Attr<String>,
    /// The image of the nodes, as EKS calls it, such as `AL2023_x86_64_STANDARD`; by default EKS's choice for the
    /// machine type.
    #[attribute(optional, validate = [string_length(1..=64)])]
    pub ami_type: Attr<String>,
    /// Whether upgrades go on over findings of EKS's upgrade insights, and over pods that refuse to leave.
    #[attribute(optional, computed, default = false)]
    pub force_upgrade: Attr<bool>,
    /// What single pools have of their own, by the pool's name.
    #[attribute(optional)]
    pub node_groups: MapOf<NodeGroup>,
    /// The managed add-ons, by name, such as `coredns` or `aws-ebs-csi-driver`.
    #[attribute(optional)]
    pub addons: MapOf<Addon>,
    /// Who may use the cluster, by the ARN of the user or role.
    #[attribute(optional)]
    pub access_entries: MapOf<AccessEntry>,
}

/// What one pool has of its own on EKS, before what the cluster has.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct NodeGroup {
    /// The subnets of its nodes, and by these their zones; by default those of `network`.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub subnet_ids: SetOf<String>,
    /// The image of its nodes, as EKS calls it.
    #[attribute(optional, validate = [string_length(1..=64)])]
    pub ami_type: Attr<String>,
    /// The ARN of the role of its nodes.
    #[attribute(optional, validate = [string_length(1..=ARN_MAX)])]
    pub node_role_arn: Attr<String>,
}

/// A managed add-on of EKS.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Addon {
    /// Its version, such as `v1.11.4-eksbuild.2`; by default the one that EKS chooses when it is added.
    #[attribute(optional, computed, change = never, validate = [string_length(1..=128)])]
    pub version: Attr<String>,
    /// Its settings, JSON or YAML as the add-on's own schema says.
    #[attribute(optional, validate = [string_length(1..=ADDON_SETTINGS_MAX)])]
    pub configuration_values: Attr<String>,
    /// The ARN of the role of its service account.
    #[attribute(optional, validate = [string_length(1..=ARN_MAX)])]
    pub service_account_role_arn: Attr<String>,
    /// What happens where the cluster already has other settings for it: `NONE` fails, `OVERWRITE` replaces them,
    /// `PRESERVE` keeps them in updates.
    #[attribute(optional, computed, default = ResolveConflicts::default().as_str(), validate = [one_of(ResolveConflicts::ALL.iter().map(|way| way.as_str()))])]
    pub resolve_conflicts: Attr<String>,
    /// Whether what it installed stays in the cluster when the add-on is removed.
    #[attribute(optional, computed, default = false)]
    pub preserve: Attr<bool>,
}

/// Someone who may use a cluster of EKS.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct AccessEntry {
    /// The sort of entry, such as `STANDARD` or `EC2_LINUX`. Another one makes the entry anew.
    #[attribute(optional, computed, default = "STANDARD", validate = [string_length(1..=32)])]
    pub r#type: Attr<String>,
    /// The Kubernetes groups that the principal is in.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub kubernetes_groups: SetOf<String>,
    /// The Kubernetes user; by default EKS's choice.
    #[attribute(optional, computed, change = never, validate = [string_length(1..=ARN_MAX)])]
    pub username: Attr<String>,
    /// The access policies that the principal has, by the policy's ARN.
    #[attribute(optional)]
    pub policies: MapOf<AccessPolicy>,
}

/// Where an access policy holds.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct AccessPolicy {
    /// The namespaces that it holds in; by default everywhere in the cluster.
    #[attribute(optional, validate = [elements_are([string_length(1..=NAME_MAX)])])]
    pub namespaces: SetOf<String>,
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
    /// The backend, which is the first part of the id: `eks`.
    #[attribute(required)]
    pub backend: Attr<String>,
    /// The account of the cloud.
    #[attribute(optional)]
    pub account: Attr<String>,
    /// The region in the cloud.
    #[attribute(optional)]
    pub region: Attr<String>,
    /// The name of the environment.
    #[attribute(required)]
    pub name: Attr<String>,
}
