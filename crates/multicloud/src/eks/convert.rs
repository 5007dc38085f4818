//! Between EKS's words and ours. Pure: nothing here asks anybody.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_eks::types;

use super::change::{ClusterSetting, GroupSettings, NewCluster, NewGroup};
use super::failure::Failure;
use super::spec::{
    AccessScope, AuthenticationMode, EksObserved, LogType, ObservedAccessEntry, ObservedAddon, ObservedGroup,
    ResolveConflicts, SupportType,
};
use crate::environment::{
    AccountId, CloudObserved, ENVIRONMENT_TAG, EnvironmentId, EnvironmentName, KubernetesVersion, MaxSurge,
    NetworkSpec, OWNER_TAG, Observed, ObservedPool, PoolMode, PoolName, Region, Status, Taint, TaintEffect,
};
use crate::error::{ErrorKind, ServerText};

/// Key of the tag of a node group that holds the pool it belongs to. A group that replaces another has a name of its
/// own, because names are unique in a cluster (terraform-aws-modules/eks #1191).
pub(crate) const POOL_TAG: &str = "multicloud-pool";
/// Key of the tag of a node group that holds what its pool is for, which EKS has no field for.
pub(crate) const MODE_TAG: &str = "multicloud-mode";
/// Key of the tag of an add-on whose installation stays when it is removed.
pub(crate) const PRESERVE_TAG: &str = "multicloud-preserve";
/// Key of the tag of a cluster that says which optional parts of it were ever configured, so that no call is made for
/// parts that never were.
pub(crate) const PARTS_TAG: &str = "multicloud-parts";
/// In [`PARTS_TAG`]: add-ons were configured.
pub(crate) const ADDONS_PART: &str = "addons";
/// In [`PARTS_TAG`]: access entries were configured.
pub(crate) const ACCESS_PART: &str = "access-entries";

/// The value of [`PARTS_TAG`]; `None` if there is nothing to say.
pub(crate) fn parts_tag(addons: bool, access_entries: bool) -> Option<String> {
    let parts: Vec<_> =
        [addons.then_some(ADDONS_PART), access_entries.then_some(ACCESS_PART)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Whether a cluster's tags say that a part of it was ever configured.
pub(crate) fn has_part(tags: &BTreeMap<String, String>, part: &str) -> bool {
    tags.get(PARTS_TAG).is_some_and(|parts| parts.split(' ').any(|named| named == part))
}

/// The account and region of an ARN: `arn:partition:service:region:account:…`.
pub(crate) fn arn_place(arn: &str) -> Result<(AccountId, Region), Failure> {
    let malformed = || Failure::new(ErrorKind::Protocol, "the ARN in the reply is malformed");
    let mut parts = arn.split(':');
    let (Some("arn"), Some(_), Some(_), Some(region), Some(account), Some(_)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed());
    };
    Ok((account.parse().map_err(|_| malformed())?, region.parse().map_err(|_| malformed())?))
}

/// The tags of a cluster.
pub(crate) fn cluster_tags(cluster: &types::Cluster) -> BTreeMap<String, String> {
    pairs(cluster.tags())
}

/// The environment, from all that was read of it.
pub(crate) fn observed(
    name: &EnvironmentName,
    cluster: &types::Cluster,
    groups: BTreeMap<String, ObservedGroup>,
    addons: Option<BTreeMap<String, ObservedAddon>>,
    access_entries: Option<BTreeMap<String, ObservedAccessEntry>>,
) -> Result<Observed, Failure> {
    let arn = cluster.arn().ok_or_else(|| Failure::incomplete("cluster ARN"))?;
    let (account, region) = arn_place(arn)?;
    let version = version(cluster.version())?;
    let created_at = cluster.created_at().ok_or_else(|| Failure::incomplete("creation time"))?;
    let vpc = cluster.resources_vpc_config().ok_or_else(|| Failure::incomplete("VPC configuration"))?;
    let tags = cluster_tags(cluster);
    let (status, reason) = environment_status(cluster, &groups, addons.as_ref());

    Ok(Observed {
        region: Some(region.clone()),
        id: EnvironmentId::Eks { account, region, name: name.clone() },
        // A cluster of the same name has the same ARN, but not the same birth. Whole seconds, because the reply has a
        // fraction that is not exact in binary.
        uid: format!("{arn}@{}", created_at.secs()),
        status,
        status_reason: reason,
        version,
        full_version: match cluster.platform_version() {
            Some(platform) => format!("{version}-{platform}"),
            None => version.to_string(),
        },
        endpoint: text(cluster.endpoint()),
        certificate_authority_data: text(cluster.certificate_authority().and_then(|authority| authority.data())),
        oidc_issuer_url: text(cluster.identity().and_then(types::Identity::oidc).and_then(types::Oidc::issuer)),
        node_pools: pools(&tags, &groups),
        network: NetworkSpec {
            subnet_ids: set(vpc.subnet_ids()),
            pod_cidr: None,
            service_cidr: text(cluster.kubernetes_network_config().and_then(|network| network.service_ipv4_cidr())),
            authorized_cidrs: authorized(vpc.public_access_cidrs()),
            private_endpoint: vpc.endpoint_private_access() && !vpc.endpoint_public_access(),
        },
        tags,
        deletion_protection: cluster.deletion_protection(),
        cloud: CloudObserved::Eks(EksObserved {
            arn: arn.to_owned(),
            cluster_status: cluster_status(cluster),
            role_arn: cluster.role_arn().unwrap_or_default().to_owned(),
            security_group_ids: set(vpc.security_group_ids()),
            public_access: vpc.endpoint_public_access(),
            private_access: vpc.endpoint_private_access(),
            authentication_mode: cluster
                .access_config()
                .and_then(|access| access.authentication_mode())
                .and_then(|mode| mode.as_str().parse().ok()),
            log_types: log_types(cluster.logging()),
            encryption_key_arn: text(
                cluster.encryption_config().iter().find_map(|config| config.provider()?.key_arn()),
            ),
            support_type: cluster
                .upgrade_policy()
                .and_then(|policy| policy.support_type())
                .and_then(|support| support.as_str().parse().ok()),
            node_groups: groups,
            addons,
            access_entries,
        }),
    })
}

/// A node group.
pub(crate) fn group(name: &str, group: &types::Nodegroup) -> Result<ObservedGroup, Failure> {
    let tags = pairs(group.tags());
    let pool = match tags.get(POOL_TAG) {
        Some(pool) => pool.parse(),
        None => name.parse::<PoolName>(),
    };
    let scaling = group.scaling_config().ok_or_else(|| Failure::incomplete("scaling configuration"))?;
    let (status, reason) = group_status(group);
    Ok(ObservedGroup {
        pool: pool.map_err(|error| Failure::new(ErrorKind::Protocol, error))?,
        arn: group.nodegroup_arn().ok_or_else(|| Failure::incomplete("node group ARN"))?.to_owned(),
        created_at_ms: group.created_at().and_then(|at| at.to_millis().ok()).unwrap_or_default(),
        status,
        status_reason: reason,
        version: version(group.version())?,
        release_version: text(group.release_version()),
        min: number(scaling.min_size()),
        max: number(scaling.max_size()),
        desired: number(scaling.desired_size()),
        instance_types: group.instance_types().to_vec(),
        ami_type: group.ami_type().map(|ami| ami.as_str().to_owned()),
        spot: group.capacity_type() == Some(&types::CapacityTypes::Spot),
        disk_size_gb: group.disk_size().and_then(|size| u32::try_from(size).ok()),
        node_role_arn: group.node_role().unwrap_or_default().to_owned(),
        subnet_ids: set(group.subnets()),
        labels: pairs(group.labels()),
        taints: group.taints().iter().filter_map(taint).collect(),
        max_surge: group.update_config().and_then(|config| {
            let percent = config.max_unavailable_percentage().and_then(|percent| u8::try_from(percent).ok());
            let count = config.max_unavailable().and_then(|count| u32::try_from(count).ok());
            percent.map(MaxSurge::Percent).or(count.map(MaxSurge::Count))
        }),
        tags,
    })
}

/// An add-on.
pub(crate) fn addon(addon: &types::Addon) -> ObservedAddon {
    use types::AddonStatus;

    let status = match addon.status() {
        Some(AddonStatus::Active) => Status::Active,
        Some(AddonStatus::Creating) => Status::Creating,
        Some(AddonStatus::Deleting) => Status::Deleting,
        Some(AddonStatus::Degraded | AddonStatus::UpdateFailed | AddonStatus::DeleteFailed) => Status::Degraded,
        Some(AddonStatus::CreateFailed) => Status::Failed,
        // A status that is not known here comes from a newer API; waiting does no harm.
        Some(_) | None => Status::Updating,
    };
    let issues = addon.health().map(types::AddonHealth::issues).unwrap_or_default();
    ObservedAddon {
        arn: addon.addon_arn().unwrap_or_default().to_owned(),
        status,
        status_reason: reasons(
            issues
                .iter()
                .map(|issue| (issue.code().map(types::AddonIssueCode::as_str), issue.message(), issue.resource_ids())),
        ),
        version: text(addon.addon_version()),
        configuration_values: text(addon.configuration_values()),
        service_account_role_arn: text(addon.service_account_role_arn()),
        tags: pairs(addon.tags()),
    }
}

/// An access entry with the policies it has.
pub(crate) fn access_entry(
    entry: &types::AccessEntry,
    policies: &[types::AssociatedAccessPolicy],
) -> ObservedAccessEntry {
    let scope = |policy: &types::AssociatedAccessPolicy| match policy.access_scope() {
        Some(scope) if scope.r#type() == Some(&types::AccessScopeType::Namespace) => {
            AccessScope::Namespaces(set(scope.namespaces()))
        }
        Some(_) | None => AccessScope::Cluster,
    };
    ObservedAccessEntry {
        arn: entry.access_entry_arn().unwrap_or_default().to_owned(),
        entry_type: text(entry.r#type()),
        kubernetes_groups: set(entry.kubernetes_groups()),
        username: text(entry.username()),
        policies: policies.iter().filter_map(|policy| Some((policy.policy_arn()?.to_owned(), scope(policy)))).collect(),
        tags: pairs(entry.tags()),
    }
}

/// What an update says about why it failed.
pub(crate) fn update_errors(update: &types::Update) -> ServerText {
    reasons(
        update.errors().iter().map(|error| {
            (error.error_code().map(types::ErrorCode::as_str), error.error_message(), error.resource_ids())
        }),
    )
    .unwrap_or_else(|| {
        let status = update.status().map_or("unknown", types::UpdateStatus::as_str);
        ServerText::new(&format!("the update ended as {status} without a reason"))
    })
}

/// Why a cluster is as it is, where EKS says.
pub(crate) fn cluster_reason(cluster: &types::Cluster) -> Option<ServerText> {
    let issues = cluster.health().map(types::ClusterHealth::issues).unwrap_or_default();
    reasons(
        issues
            .iter()
            .map(|issue| (issue.code().map(types::ClusterIssueCode::as_str), issue.message(), issue.resource_ids())),
    )
}

/// The status of a cluster by itself.
pub(crate) fn cluster_status(cluster: &types::Cluster) -> Status {
    use types::ClusterStatus;

    match cluster.status() {
        Some(ClusterStatus::Active) => Status::Active,
        Some(ClusterStatus::Creating | ClusterStatus::Pending) => Status::Creating,
        Some(ClusterStatus::Updating) => Status::Updating,
        Some(ClusterStatus::Deleting) => Status::Deleting,
        Some(ClusterStatus::Failed) => Status::Failed,
        // A status that is not known here comes from a newer API; waiting does no harm.
        Some(_) | None => Status::Updating,
    }
}

/// The VPC part of a request for a new cluster.
pub(crate) fn new_vpc(cluster: &NewCluster) -> types::VpcConfigRequest {
    types::VpcConfigRequest::builder()
        .set_subnet_ids(Some(list(&cluster.subnet_ids)))
        .set_security_group_ids(some_list(&cluster.security_group_ids))
        .endpoint_public_access(cluster.public_access)
        .endpoint_private_access(cluster.private_access)
        .set_public_access_cidrs(if cluster.public_access { some_list(&cluster.authorized_cidrs) } else { None })
        .build()
}

/// The VPC part of a request that changes a setting, if the setting is there.
pub(crate) fn changed_vpc(setting: &ClusterSetting) -> Option<types::VpcConfigRequest> {
    let request = types::VpcConfigRequest::builder();
    match setting {
        ClusterSetting::EndpointAccess { public, private, cidrs } => {
            let everyone = || vec![EVERYONE_IPV4.to_owned()];
            let cidrs = public.then(|| some_list(cidrs).unwrap_or_else(everyone));
            Some(
                request
                    .endpoint_public_access(*public)
                    .endpoint_private_access(*private)
                    .set_public_access_cidrs(cidrs)
                    .build(),
            )
        }
        ClusterSetting::Subnets { subnet_ids, security_group_ids } => Some(
            request
                .set_subnet_ids(Some(list(subnet_ids)))
                .set_security_group_ids(some_list(security_group_ids))
                .build(),
        ),
        ClusterSetting::Logging(_)
        | ClusterSetting::AuthenticationMode(_)
        | ClusterSetting::SupportType(_)
        | ClusterSetting::DeletionProtection(_) => None,
    }
}

/// Logging with these types on and all others off.
pub(crate) fn logging(enabled: &BTreeSet<LogType>) -> types::Logging {
    let setup = |on: bool| {
        let chosen: Vec<_> =
            LogType::ALL.iter().filter(|log| enabled.contains(log) == on).map(|log| log.as_str().into()).collect();
        (!chosen.is_empty()).then(|| types::LogSetup::builder().set_types(Some(chosen)).enabled(on).build())
    };
    types::Logging::builder()
        .set_cluster_logging(Some([setup(true), setup(false)].into_iter().flatten().collect()))
        .build()
}

/// Encryption of secrets with a key.
#[expect(
    deprecated,
    reason = "EKS ignores `resources` by now, but every description of the API older than 2026 demands it"
)]
pub(crate) fn encryption(key_arn: &str) -> types::EncryptionConfig {
    types::EncryptionConfig::builder()
        .resources("secrets")
        .provider(types::Provider::builder().key_arn(key_arn).build())
        .build()
}

/// EKS's word for an authentication mode.
pub(crate) fn authentication_mode(mode: AuthenticationMode) -> types::AuthenticationMode {
    mode.as_str().into()
}

/// The upgrade policy that holds a support type.
pub(crate) fn upgrade_policy(support: SupportType) -> types::UpgradePolicyRequest {
    types::UpgradePolicyRequest::builder().support_type(support.as_str().into()).build()
}

/// EKS's word for a way to resolve conflicts. A new add-on has nothing yet that could be preserved.
pub(crate) fn resolve_conflicts(resolve: ResolveConflicts, creating: bool) -> types::ResolveConflicts {
    match resolve {
        ResolveConflicts::Preserve if creating => types::ResolveConflicts::None,
        ResolveConflicts::None | ResolveConflicts::Overwrite | ResolveConflicts::Preserve => resolve.as_str().into(),
    }
}

/// Where an access policy holds.
pub(crate) fn access_scope(scope: &AccessScope) -> types::AccessScope {
    match scope {
        AccessScope::Cluster => types::AccessScope::builder().r#type(types::AccessScopeType::Cluster).build(),
        AccessScope::Namespaces(namespaces) => types::AccessScope::builder()
            .r#type(types::AccessScopeType::Namespace)
            .set_namespaces(Some(list(namespaces)))
            .build(),
    }
}

/// The size of a new group.
pub(crate) fn new_scaling(group: &NewGroup) -> types::NodegroupScalingConfig {
    types::NodegroupScalingConfig::builder()
        .min_size(signed(group.min))
        .max_size(signed(group.max))
        .desired_size(signed(group.desired))
        .build()
}

/// The changed size of a group.
pub(crate) fn changed_scaling(settings: &GroupSettings) -> Option<types::NodegroupScalingConfig> {
    settings.size.map(|size| {
        types::NodegroupScalingConfig::builder()
            .min_size(signed(size.min))
            .max_size(signed(size.max))
            .set_desired_size(size.desired.map(signed))
            .build()
    })
}

/// The changed labels of a group.
pub(crate) fn changed_labels(settings: &GroupSettings) -> Option<types::UpdateLabelsPayload> {
    if settings.set_labels.is_empty() && settings.remove_labels.is_empty() {
        return None;
    }
    let set = (!settings.set_labels.is_empty()).then(|| map(&settings.set_labels));
    Some(
        types::UpdateLabelsPayload::builder()
            .set_add_or_update_labels(set)
            .set_remove_labels(some_list(&settings.remove_labels))
            .build(),
    )
}

/// The changed taints of a group.
pub(crate) fn changed_taints(settings: &GroupSettings) -> Option<types::UpdateTaintsPayload> {
    if settings.set_taints.is_empty() && settings.remove_taints.is_empty() {
        return None;
    }
    Some(
        types::UpdateTaintsPayload::builder()
            .set_add_or_update_taints(new_taints(&settings.set_taints))
            .set_remove_taints(new_taints(&settings.remove_taints))
            .build(),
    )
}

/// Taints in EKS's words; `None` for none.
pub(crate) fn new_taints(taints: &BTreeSet<Taint>) -> Option<Vec<types::Taint>> {
    let word = |effect| match effect {
        TaintEffect::NoSchedule => types::TaintEffect::NoSchedule,
        TaintEffect::PreferNoSchedule => types::TaintEffect::PreferNoSchedule,
        TaintEffect::NoExecute => types::TaintEffect::NoExecute,
    };
    let all = taints.iter().map(|taint| {
        let value = (!taint.value.is_empty()).then(|| taint.value.clone());
        types::Taint::builder().key(&taint.key).set_value(value).effect(word(taint.effect)).build()
    });
    (!taints.is_empty()).then(|| all.collect())
}

/// How many nodes an upgrade takes at a time.
pub(crate) fn update_config(surge: MaxSurge) -> types::NodegroupUpdateConfig {
    let config = types::NodegroupUpdateConfig::builder();
    match surge {
        MaxSurge::Count(count) => config.max_unavailable(signed(count)).build(),
        MaxSurge::Percent(percent) => config.max_unavailable_percentage(i32::from(percent)).build(),
    }
}

/// A map as the SDK takes it.
pub(crate) fn map(pairs: &BTreeMap<String, String>) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A list as the SDK takes it.
pub(crate) fn list(texts: &BTreeSet<String>) -> Vec<String> {
    texts.iter().cloned().collect()
}

/// A list as the SDK takes it; `None` for an empty one.
pub(crate) fn some_list(texts: &BTreeSet<String>) -> Option<Vec<String>> {
    (!texts.is_empty()).then(|| list(texts))
}

/// Counts are checked against EKS's limits, far below, before they come here.
pub(crate) fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

const EVERYONE_IPV4: &str = "0.0.0.0/0";
const EVERYONE_IPV6: &str = "::/0";

/// Who may use the public address; empty is everyone.
fn authorized(cidrs: &[String]) -> BTreeSet<String> {
    if cidrs.iter().all(|cidr| [EVERYONE_IPV4, EVERYONE_IPV6].contains(&cidr.as_str())) {
        return BTreeSet::new();
    }
    set(cidrs)
}

/// The pools, each by its newest group. In a cluster that carries a mark, groups without the same mark are somebody
/// else's and are not shown; where the cluster carries none, it was imported, and all of it is meant.
fn pools(
    cluster_tags: &BTreeMap<String, String>,
    groups: &BTreeMap<String, ObservedGroup>,
) -> BTreeMap<PoolName, ObservedPool> {
    let mut newest: BTreeMap<&PoolName, &ObservedGroup> = BTreeMap::new();
    for group in groups.values().filter(|group| is_same_owner(cluster_tags, &group.tags)) {
        let shown = newest.entry(&group.pool).or_insert(group);
        if group.created_at_ms > shown.created_at_ms {
            *shown = group;
        }
    }
    newest.into_iter().map(|(name, group)| (name.clone(), pool(group))).collect()
}

/// Whether a part of a cluster belongs to whoever owns the cluster.
pub(crate) fn is_same_owner(cluster_tags: &BTreeMap<String, String>, tags: &BTreeMap<String, String>) -> bool {
    let is_marked = cluster_tags.contains_key(OWNER_TAG) && cluster_tags.contains_key(ENVIRONMENT_TAG);
    !is_marked || [OWNER_TAG, ENVIRONMENT_TAG].iter().all(|key| cluster_tags.get(*key) == tags.get(*key))
}

fn pool(group: &ObservedGroup) -> ObservedPool {
    ObservedPool {
        status: group.status,
        status_reason: group.status_reason.clone(),
        version: group.version,
        full_version: group.release_version.clone().unwrap_or_else(|| group.version.to_string()),
        machine_type: group.instance_types.first().cloned().unwrap_or_else(|| LAUNCH_TEMPLATE.to_owned()),
        min: group.min,
        max: group.max,
        count: group.desired,
        mode: match group.tags.get(MODE_TAG).map(String::as_str) {
            Some("system") => Some(PoolMode::System),
            Some("user") => Some(PoolMode::User),
            Some(_) | None => None,
        },
        labels: group.labels.clone(),
        taints: group.taints.clone(),
        zones: BTreeSet::new(),
        spot: group.spot,
        disk_size_gb: group.disk_size_gb,
        max_surge: group.max_surge,
        tags: group.tags.clone(),
    }
}

/// Stands for the machine type of a group whose launch template says it.
const LAUNCH_TEMPLATE: &str = "launch-template";

fn environment_status(
    cluster: &types::Cluster,
    groups: &BTreeMap<String, ObservedGroup>,
    addons: Option<&BTreeMap<String, ObservedAddon>>,
) -> (Status, Option<ServerText>) {
    let own = cluster_status(cluster);
    if own != Status::Active {
        return (own, cluster_reason(cluster));
    }
    let parts: Vec<_> = groups
        .values()
        .map(|group| (group.status, &group.status_reason))
        .chain(addons.into_iter().flat_map(BTreeMap::values).map(|addon| (addon.status, &addon.status_reason)))
        .collect();
    if parts.iter().any(|(status, _)| status.is_changing()) {
        return (Status::Updating, None);
    }
    let bad = parts.into_iter().find(|(status, _)| matches!(status, Status::Degraded | Status::Failed));
    match (bad, cluster_reason(cluster)) {
        (Some((_, reason)), own) => (Status::Degraded, reason.clone().or(own)),
        (None, Some(reason)) => (Status::Degraded, Some(reason)),
        (None, None) => (Status::Active, None),
    }
}

fn group_status(group: &types::Nodegroup) -> (Status, Option<ServerText>) {
    use types::NodegroupStatus;

    let status = match group.status() {
        Some(NodegroupStatus::Active) => Status::Active,
        Some(NodegroupStatus::Creating) => Status::Creating,
        Some(NodegroupStatus::Updating) => Status::Updating,
        Some(NodegroupStatus::Deleting) => Status::Deleting,
        Some(NodegroupStatus::Degraded | NodegroupStatus::DeleteFailed) => Status::Degraded,
        Some(NodegroupStatus::CreateFailed) => Status::Failed,
        // A status that is not known here comes from a newer API; waiting does no harm.
        Some(_) | None => Status::Updating,
    };
    let issues = group.health().map(types::NodegroupHealth::issues).unwrap_or_default();
    let reason = reasons(
        issues
            .iter()
            .map(|issue| (issue.code().map(types::NodegroupIssueCode::as_str), issue.message(), issue.resource_ids())),
    );
    (status, reason)
}

fn reasons<'a>(issues: impl Iterator<Item = (Option<&'a str>, Option<&'a str>, &'a [String])>) -> Option<ServerText> {
    let one = |(code, message, resources): (Option<&str>, Option<&str>, &[String])| {
        let on = if resources.is_empty() { String::new() } else { format!(" ({})", resources.join(", ")) };
        format!("{}: {}{on}", code.unwrap_or("unknown"), message.unwrap_or("no message"))
    };
    let all: Vec<_> = issues.map(one).collect();
    (!all.is_empty()).then(|| ServerText::new(&all.join("; ")))
}

fn log_types(logging: Option<&types::Logging>) -> BTreeSet<LogType> {
    let setups = logging.map(types::Logging::cluster_logging).unwrap_or_default();
    let enabled = setups.iter().filter(|setup| setup.enabled() == Some(true));
    enabled.flat_map(types::LogSetup::types).filter_map(|log| log.as_str().parse().ok()).collect()
}

fn taint(taint: &types::Taint) -> Option<Taint> {
    let effect = match taint.effect()? {
        types::TaintEffect::NoSchedule => TaintEffect::NoSchedule,
        types::TaintEffect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
        types::TaintEffect::NoExecute => TaintEffect::NoExecute,
        // Kubernetes has no other; one that it gets later is not ours to change.
        _ => return None,
    };
    Some(Taint {
        key: taint.key().unwrap_or_default().to_owned(),
        effect,
        value: taint.value().unwrap_or_default().to_owned(),
    })
}

fn version(version: Option<&str>) -> Result<KubernetesVersion, Failure> {
    version
        .ok_or_else(|| Failure::incomplete("version"))?
        .parse()
        .map_err(|error| Failure::new(ErrorKind::Protocol, error))
}

fn pairs(pairs: Option<&HashMap<String, String>>) -> BTreeMap<String, String> {
    pairs.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn set(texts: &[String]) -> BTreeSet<String> {
    texts.iter().cloned().collect()
}

fn text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number(number: Option<i32>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}
