//! An environment on Amazon EKS: the block `eks`, how it becomes the library's spec, and how what was found becomes state.

use std::collections::{BTreeMap, BTreeSet};

use multicloud::PoolName;
use multicloud::eks::{
    AccessEntrySpec, AccessScope, AddonSpec, AuthenticationMode, EksObserved, EksSpec, LogType, NodeGroupSpec,
    ObservedAccessEntry, ObservedAddon, ResolveConflicts, SupportType,
};
use multicloud::environment::{ENVIRONMENT_TAG, OWNER_TAG, Observed};
use tfplug::{Attr, MapOf, Model, Path, SetOf};

use super::model::NAME_MAX;
use super::spec::Draft;
use super::state::{keep, keep_texts, texts, written_texts};

/// An ARN has at most this many characters in the forms that AWS documents; longer texts are mistakes.
const ARN_MAX: usize = 2048;

/// What add-ons take as settings, by EKS's own limit on `configurationValues`.
const ADDON_SETTINGS_MAX: usize = 200_000;

/// Stands in for an ARN that is not known yet: anything well-formed.
const STAND_IN_ARN: &str = "arn:aws:iam::000000000000:role/stand-in";

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

impl Draft {
    /// What a configuration says of the block `eks`.
    pub(super) fn eks(&mut self, eks: &Attr<Eks>, at: &Path) -> Option<EksSpec> {
        let eks = match eks {
            Attr::Null => return None,
            Attr::Unknown(_) => {
                self.unknown.push(at.clone());
                Eks { role_arn: STAND_IN_ARN.into(), node_role_arn: STAND_IN_ARN.into(), ..Eks::default() }
            }
            Attr::Known(eks) => eks.clone(),
        };
        Some(EksSpec {
            role_arn: self.arn(&eks.role_arn, &at.attribute("role_arn")),
            node_role_arn: self.arn(&eks.node_role_arn, &at.attribute("node_role_arn")),
            security_group_ids: self.texts(&eks.security_group_ids, &at.attribute("security_group_ids")),
            private_access: self.value(&eks.private_access, &at.attribute("private_access")).unwrap_or(false),
            authentication_mode: self
                .word(&eks.authentication_mode, &at.attribute("authentication_mode"))
                .unwrap_or_default(),
            creator_is_admin: self.value(&eks.creator_is_admin, &at.attribute("creator_is_admin")).unwrap_or(true),
            log_types: self.words(&eks.log_types, &at.attribute("log_types")),
            encryption_key_arn: self.value(&eks.encryption_key_arn, &at.attribute("encryption_key_arn")),
            support_type: self.word(&eks.support_type, &at.attribute("support_type")),
            ami_type: self.value(&eks.ami_type, &at.attribute("ami_type")),
            force_upgrade: self.value(&eks.force_upgrade, &at.attribute("force_upgrade")).unwrap_or(false),
            node_groups: self.node_groups(&eks.node_groups, &at.attribute("node_groups")),
            addons: self.addons(&eks.addons, &at.attribute("addons")),
            access_entries: self.access_entries(&eks.access_entries, &at.attribute("access_entries")),
        })
    }

    fn node_groups(&mut self, groups: &MapOf<NodeGroup>, at: &Path) -> BTreeMap<PoolName, NodeGroupSpec> {
        let mut read = BTreeMap::new();
        for (key, group) in self.entries(groups, at) {
            let at = at.key(key.clone());
            let Some(name) = self.name(&key, &at) else { continue };
            read.insert(
                name,
                NodeGroupSpec {
                    subnet_ids: self.texts(&group.subnet_ids, &at.attribute("subnet_ids")),
                    ami_type: self.value(&group.ami_type, &at.attribute("ami_type")),
                    node_role_arn: self.value(&group.node_role_arn, &at.attribute("node_role_arn")),
                },
            );
        }
        read
    }

    fn addons(&mut self, addons: &MapOf<Addon>, at: &Path) -> BTreeMap<String, AddonSpec> {
        let mut read = BTreeMap::new();
        for (name, addon) in self.entries(addons, at) {
            let at = at.key(name.clone());
            let addon = AddonSpec {
                version: self.value(&addon.version, &at.attribute("version")),
                configuration_values: self.value(&addon.configuration_values, &at.attribute("configuration_values")),
                service_account_role_arn: self
                    .value(&addon.service_account_role_arn, &at.attribute("service_account_role_arn")),
                resolve_conflicts: self
                    .word(&addon.resolve_conflicts, &at.attribute("resolve_conflicts"))
                    .unwrap_or_default(),
                preserve: self.value(&addon.preserve, &at.attribute("preserve")).unwrap_or(false),
            };
            read.insert(name, addon);
        }
        read
    }

    fn access_entries(&mut self, entries: &MapOf<AccessEntry>, at: &Path) -> BTreeMap<String, AccessEntrySpec> {
        let mut read = BTreeMap::new();
        for (principal, entry) in self.entries(entries, at) {
            let at = at.key(principal.clone());
            let policies = at.attribute("policies");
            let entry = AccessEntrySpec {
                entry_type: self.value(&entry.r#type, &at.attribute("type")),
                kubernetes_groups: self.texts(&entry.kubernetes_groups, &at.attribute("kubernetes_groups")),
                username: self.value(&entry.username, &at.attribute("username")),
                policies: self
                    .entries(&entry.policies, &policies)
                    .into_iter()
                    .map(|(policy, place)| {
                        let at = policies.key(policy.clone()).attribute("namespaces");
                        let namespaces = self.texts(&place.namespaces, &at);
                        let everywhere = namespaces.is_empty();
                        (policy, if everywhere { AccessScope::Cluster } else { AccessScope::Namespaces(namespaces) })
                    })
                    .collect(),
            };
            read.insert(principal, entry);
        }
        read
    }

    fn arn(&mut self, attribute: &Attr<String>, at: &Path) -> String {
        self.required(attribute, at).unwrap_or_else(|| STAND_IN_ARN.to_owned())
    }
}

/// The block `eks`, with every difference to what was found.
pub(super) fn refreshed(before: Option<Eks>, observed: &Observed, found: &EksObserved) -> Eks {
    let mut eks = before.clone().unwrap_or_else(|| imported(found));
    if !found.role_arn.is_empty() {
        eks.role_arn = found.role_arn.clone().into();
    }
    node_groups(&mut eks, before.is_none(), observed, found);
    keep_texts(&mut eks.security_group_ids, &found.security_group_ids);
    if found.public_access {
        eks.private_access = found.private_access.into();
    }
    if let Some(mode) = found.authentication_mode {
        eks.authentication_mode = mode.as_str().into();
    }
    let log_types: BTreeSet<String> = found.log_types.iter().map(|log| log.as_str().to_owned()).collect();
    keep_texts(&mut eks.log_types, &log_types);
    eks.encryption_key_arn = found.encryption_key_arn.clone().into();
    if let Some(support) = found.support_type {
        eks.support_type = support.as_str().into();
    }
    if let Some(addons) = &found.addons {
        eks.addons = parts(&eks.addons, addons, |addon| is_ours(&observed.tags, &addon.tags), addon);
    }
    if let Some(entries) = &found.access_entries {
        let ours = |entry: &ObservedAccessEntry| is_ours(&observed.tags, &entry.tags);
        eks.access_entries = parts(&eks.access_entries, entries, ours, access_entry);
    }
    eks
}

/// What an import begins with: the role that most groups have stands for all.
fn imported(found: &EksObserved) -> Eks {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for group in found.node_groups.values() {
        *counts.entry(&group.node_role_arn).or_default() += 1;
    }
    let common = counts.into_iter().max_by_key(|(_, count)| *count).map(|(role, _)| role.to_owned());
    Eks {
        node_role_arn: common.into(),
        private_access: false.into(),
        authentication_mode: AuthenticationMode::default().as_str().into(),
        creator_is_admin: true.into(),
        force_upgrade: false.into(),
        ..Eks::default()
    }
}

/// What pools have of their own: told where it differs from what the environment says for all.
fn node_groups(eks: &mut Eks, is_import: bool, observed: &Observed, found: &EksObserved) {
    let mut groups = eks.node_groups.clone().into_known().unwrap_or_default();
    let had_none = groups.is_empty();
    for pool in observed.node_pools.keys() {
        let newest =
            found.node_groups.values().filter(|group| group.pool == *pool).max_by_key(|group| group.created_at_ms);
        let Some(found) = newest else { continue };
        let mut own = groups.get(pool.as_str()).and_then(Attr::known).cloned().unwrap_or_default();
        let before = own.clone();
        let role = own.node_role_arn.known().or(eks.node_role_arn.known());
        if role != Some(&found.node_role_arn) {
            own.node_role_arn = found.node_role_arn.clone().into();
        }
        let image = own.ami_type.known().or(eks.ami_type.known());
        if image.is_some() && image != found.ami_type.as_ref() {
            own.ami_type = found.ami_type.clone().into();
        }
        let is_as_said = match own.subnet_ids.known() {
            Some(_) => texts(&own.subnet_ids) == found.subnet_ids,
            None if is_import => observed.network.subnet_ids == found.subnet_ids,
            // Where the cluster's subnets grow, its groups stay in those that they have.
            None => found.subnet_ids.is_subset(&observed.network.subnet_ids),
        };
        if !is_as_said {
            own.subnet_ids = written_texts(&found.subnet_ids);
        }
        if own != before {
            groups.insert(pool.as_str().to_owned(), own.into());
        }
    }
    if !(had_none && groups.is_empty()) {
        eks.node_groups = Attr::Known(groups);
    }
}

/// The parts of a cluster that are written or ours, as they were found.
fn parts<W: Clone + Default, F>(
    written: &MapOf<W>,
    found: &BTreeMap<String, F>,
    is_ours: impl Fn(&F) -> bool,
    refresh: impl Fn(W, &F) -> W,
) -> MapOf<W> {
    let before = written.known();
    let written_part = |key: &str| before.and_then(|parts| parts.get(key)).and_then(Attr::known).cloned();
    let shown: BTreeMap<String, Attr<W>> = found
        .iter()
        .filter_map(|(key, found)| {
            let written = written_part(key);
            (written.is_some() || is_ours(found))
                .then(|| (key.clone(), Attr::Known(refresh(written.unwrap_or_default(), found))))
        })
        .collect();
    if shown.is_empty() && before.is_none_or(BTreeMap::is_empty) { written.clone() } else { Attr::Known(shown) }
}

/// Whether a part carries the mark of its cluster.
fn is_ours(cluster: &BTreeMap<String, String>, part: &BTreeMap<String, String>) -> bool {
    [OWNER_TAG, ENVIRONMENT_TAG].iter().all(|key| part.contains_key(*key) && part.get(*key) == cluster.get(*key))
}

fn addon(mut addon: Addon, found: &ObservedAddon) -> Addon {
    if found.version.is_some() {
        addon.version = found.version.clone().into();
    }
    addon.configuration_values = found.configuration_values.clone().into();
    addon.service_account_role_arn = found.service_account_role_arn.clone().into();
    if addon.resolve_conflicts.is_null() {
        addon.resolve_conflicts = multicloud::eks::ResolveConflicts::default().as_str().into();
    }
    if addon.preserve.is_null() {
        addon.preserve = false.into();
    }
    addon
}

fn access_entry(mut entry: AccessEntry, found: &ObservedAccessEntry) -> AccessEntry {
    if found.entry_type.is_some() {
        entry.r#type = found.entry_type.clone().into();
    }
    keep_texts(&mut entry.kubernetes_groups, &found.kubernetes_groups);
    if found.username.is_some() {
        entry.username = found.username.clone().into();
    }
    let meant = |policies: &MapOf<AccessPolicy>| {
        let policies = policies.known().into_iter().flatten();
        policies
            .map(|(arn, policy)| {
                (arn.clone(), policy.known().map(|policy| texts(&policy.namespaces)).unwrap_or_default())
            })
            .collect::<BTreeMap<_, _>>()
    };
    let scopes = found.policies.iter().map(|(arn, scope)| {
        let namespaces = match scope {
            AccessScope::Cluster => BTreeSet::new(),
            AccessScope::Namespaces(namespaces) => namespaces.clone(),
        };
        (arn.clone(), namespaces)
    });
    keep(&mut entry.policies, scopes.collect(), meant, |found: BTreeMap<String, BTreeSet<String>>| {
        let written = found
            .into_iter()
            .map(|(arn, namespaces)| (arn, Attr::Known(AccessPolicy { namespaces: written_texts(&namespaces) })));
        Some(written.collect::<BTreeMap<_, _>>()).filter(|policies| !policies.is_empty()).into()
    });
    entry
}
