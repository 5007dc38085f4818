//! From what was observed and what is desired to the steps between them. Pure.
//!
//! The driver does the first stage, reads again and asks again, so the stages after the first say what is to come, and
//! order is all that matters: tags, the cluster's settings one at a time, the groups' settings, versions minor by minor,
//! new groups, and only then the groups that they replace; add-ons last, when there are nodes to run them.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::change::{ClusterSetting, EksChange, GroupSettings, GroupSize, NewCluster, NewGroup};
use super::convert::{MODE_TAG, PARTS_TAG, POOL_TAG, PRESERVE_TAG, is_same_owner, parts_tag};
use super::spec::{
    AccessEntrySpec, AddonSpec, AuthenticationMode, EksObserved, EksSpec, ObservedAccessEntry, ObservedAddon,
    ObservedGroup,
};
use crate::backend::{Difference, both_equal};
use crate::drain;
use crate::environment::{
    ENVIRONMENT_TAG, EnvironmentSpec, FieldPath, KubernetesVersion, OWNER_TAG, Observed, Ownership, PoolMode, PoolName,
    PoolSize, PoolSpec, Region, Status, Taint, Violation,
};
use crate::error::ServerText;
use crate::operation::{Action, Change, NodeDrain, Stages, Step, Subject, WhenUnreachable};
use crate::upgrade::{self, PoolVersion, Upgrade};

/// The label by which the nodes of a group are known, with the group's name
/// (<https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html>).
const GROUP_LABEL: &str = "eks.amazonaws.com/nodegroup";

/// Why no steps lead from what is there to what is desired.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unplannable {
    /// A field asks for what EKS cannot do from here.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// EKS gave up on the cluster, and nothing can be done with it.
    #[error("the cluster is in status FAILED ({0}); only deleting it is possible")]
    Failed(ServerText),
}

/// The steps to what is desired.
pub(crate) fn create(desired: &EnvironmentSpec, eks: &EksSpec) -> Result<Vec<Step>, Unplannable> {
    let mut plan = Stages::default();
    plan.stage([step(
        Subject::Cluster,
        Action::Create,
        format!("create cluster {} with Kubernetes {}", desired.name, desired.kubernetes.version),
        EksChange::CreateCluster(Box::new(new_cluster(desired, eks))),
    )]);
    let taken = BTreeSet::new();
    let groups: Vec<Step> = desired
        .node_pools
        .iter()
        .map(|(name, pool)| create_group(desired, eks, name, pool, &taken))
        .collect::<Result<_, _>>()?;
    let entries = eks.access_entries.iter().flat_map(|(principal, entry)| create_entry(desired, principal, entry));
    plan.stage(groups.into_iter().chain(entries));
    plan.stage(eks.addons.iter().map(|(name, addon)| create_addon(desired, name, addon)));
    Ok(plan.into_steps())
}

/// The steps to nothing: EKS refuses to delete a cluster that has node groups.
pub(crate) fn delete(observed: &Observed, eks: &EksObserved) -> Vec<Step> {
    let mut plan = Stages::default();
    if observed.status == Status::Deleting {
        return plan.into_steps();
    }
    plan.stage(eks.node_groups.iter().filter(|(_, group)| group.status != Status::Deleting).map(delete_group));
    let addons = eks
        .addons
        .iter()
        .flatten()
        .filter(|(_, addon)| addon.status != Status::Deleting && is_marked_like(&observed.tags, &addon.tags));
    plan.stage(addons.map(|(name, addon)| delete_addon(name, addon)));
    plan.stage([step(
        Subject::Cluster,
        Action::Delete,
        format!("delete cluster {}", observed.id.name()),
        EksChange::DeleteCluster,
    )]);
    plan.into_steps()
}

/// The steps from one to the other.
pub(crate) fn update(
    observed: &Observed,
    found: &EksObserved,
    desired: &EnvironmentSpec,
    eks: &EksSpec,
) -> Result<Vec<Step>, Unplannable> {
    match observed.status {
        Status::Failed => {
            let reason = observed.status_reason.clone();
            return Err(Unplannable::Failed(reason.unwrap_or_else(|| ServerText::new("EKS gives no reason"))));
        }
        Status::Deleting => return Ok(Vec::new()),
        Status::Creating | Status::Active | Status::Updating | Status::Degraded => {}
    }
    let groups = Groups::sort(observed, found, desired, eks);
    let mut plan = Stages::default();

    plan.stage(groups.kept.iter().flat_map(|kept| {
        let subject = Subject::NodePool(kept.pool.clone());
        let wanted = group_tags(desired, kept.pool, kept.spec);
        tag(subject, kept.name, &kept.group.arn, &kept.group.tags, &wanted, &|key| is_ours_to_take(observed, key))
    }));
    let ClusterTags { tagged, marked, untagged } = tag_cluster(observed, found, desired, eks);
    plan.stage(tagged);

    cluster_settings(&mut plan, observed, found, desired, eks)?;
    access_entries(&mut plan, observed, found, desired, eks);
    plan.stage(groups.kept.iter().filter_map(configure_group));
    versions(&mut plan, observed.version, desired, &groups, eks.force_upgrade)?;

    // What failed to be made is in the way of its successor, which may need its name.
    plan.stage(groups.failed.iter().copied().map(delete_group));
    let created: Vec<Step> = groups
        .missing
        .iter()
        .map(|(name, pool)| create_group(desired, eks, name, pool, &groups.taken))
        .collect::<Result<_, _>>()?;
    plan.stage(created);
    plan.stage(groups.superfluous.iter().copied().map(|found| drain_and_delete_group(desired, found)));
    plan.stage(marked);
    addons(&mut plan, observed, found, desired, eks);
    plan.stage(untagged);
    Ok(plan.into_steps())
}

/// The fields that cannot be changed, and differ.
pub(crate) fn differences(
    observed: &Observed,
    found: &EksObserved,
    desired: &EnvironmentSpec,
    eks: &EksSpec,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |path: &str, found: Option<&str>, wanted: Option<&str>| {
        // What is not asked for is EKS's to choose, and what it does not tell cannot differ.
        if let (Some(found), Some(wanted)) = (found, wanted)
            && found != wanted
        {
            let (observed, desired) = (found.to_owned(), wanted.to_owned());
            differences.push(Difference { path: FieldPath::of(path), observed, desired });
        }
    };
    let region = |region: &Option<Region>| region.as_ref().map(ToString::to_string);
    compare("region", region(&observed.region).as_deref(), region(&desired.region).as_deref());
    compare("name", Some(observed.id.name().as_str()), Some(desired.name.as_str()));
    compare("eks.role_arn", Some(found.role_arn.as_str()).filter(|role| !role.is_empty()), Some(&eks.role_arn));
    compare("network.service_cidr", observed.network.service_cidr.as_deref(), desired.network.service_cidr.as_deref());
    differences
}

fn step(subject: Subject, action: Action, description: String, change: EksChange) -> Step {
    Step { stage: 0, subject, action, description, change: Change::Eks(change), drain: None }
}

/// The node groups of a cluster, by what is to become of them.
struct Groups<'a> {
    kept: Vec<Kept<'a>>,
    /// Pools that no group serves as desired.
    missing: Vec<(&'a PoolName, &'a PoolSpec)>,
    /// Groups that never came to be.
    failed: Vec<(&'a String, &'a ObservedGroup)>,
    /// Groups of pools that are not desired any more, and groups that others replace.
    superfluous: Vec<(&'a String, &'a ObservedGroup)>,
    /// Names that a new group cannot have.
    taken: BTreeSet<&'a str>,
}

struct Kept<'a> {
    pool: &'a PoolName,
    spec: &'a PoolSpec,
    name: &'a str,
    group: &'a ObservedGroup,
}

impl<'a> Groups<'a> {
    fn sort(observed: &Observed, found: &'a EksObserved, desired: &'a EnvironmentSpec, eks: &'a EksSpec) -> Self {
        let mut groups = Groups {
            kept: Vec::new(),
            missing: Vec::new(),
            failed: Vec::new(),
            superfluous: Vec::new(),
            taken: BTreeSet::new(),
        };
        let ours = found
            .node_groups
            .iter()
            .filter(|(_, group)| group.status != Status::Deleting && is_same_owner(&observed.tags, &group.tags));
        let mut of_pool: BTreeMap<&PoolName, Vec<(&String, &ObservedGroup)>> = BTreeMap::new();
        for (name, group) in ours {
            match group.status {
                Status::Failed => groups.failed.push((name, group)),
                Status::Creating | Status::Active | Status::Updating | Status::Degraded | Status::Deleting => {
                    of_pool.entry(&group.pool).or_default().push((name, group));
                }
            }
        }
        for (pool, spec) in &desired.node_pools {
            let candidates = of_pool.remove(pool).unwrap_or_default();
            let fitting = candidates.iter().filter(|(_, group)| fits(group, desired, eks, pool, spec));
            let kept = fitting.max_by_key(|(_, group)| group.created_at_ms).copied();
            match kept {
                Some((name, group)) => groups.kept.push(Kept { pool, spec, name, group }),
                None => groups.missing.push((pool, spec)),
            }
            groups
                .superfluous
                .extend(candidates.into_iter().filter(|(name, _)| kept.is_none_or(|(kept, _)| kept != *name)));
        }
        groups.superfluous.extend(of_pool.into_values().flatten());
        let failed: BTreeSet<_> = groups.failed.iter().map(|(name, _)| name.as_str()).collect();
        groups.taken = found.node_groups.keys().map(String::as_str).filter(|name| !failed.contains(name)).collect();
        groups
    }
}

/// Whether a group is as desired in all that cannot be changed of it (terraform-provider-aws,
/// `internal/service/eks/node_group.go`, the fields that force a new one). Where the cluster's subnets grow, its groups
/// stay in those that they have.
fn fits(group: &ObservedGroup, desired: &EnvironmentSpec, eks: &EksSpec, name: &PoolName, pool: &PoolSpec) -> bool {
    let wanted = group_fields(desired, eks, name, pool);
    let subnets_fit = match wanted.own_subnets {
        true => group.subnet_ids == *wanted.subnet_ids,
        false => group.subnet_ids.is_subset(wanted.subnet_ids),
    };
    subnets_fit
        && (group.instance_types.is_empty() || group.instance_types.iter().any(|found| found == wanted.instance_type))
        && group.spot == pool.spot
        && both_equal(group.disk_size_gb, pool.disk_size_gb)
        && both_equal(group.ami_type.as_deref(), wanted.ami_type)
        && (group.node_role_arn.is_empty() || group.node_role_arn == wanted.node_role_arn)
}

/// The fields of a group that cannot be changed, where they may come from the pool or from the cluster.
struct GroupFields<'a> {
    instance_type: &'a str,
    ami_type: Option<&'a str>,
    node_role_arn: &'a str,
    subnet_ids: &'a BTreeSet<String>,
    own_subnets: bool,
}

fn group_fields<'a>(
    desired: &'a EnvironmentSpec,
    eks: &'a EksSpec,
    name: &PoolName,
    pool: &'a PoolSpec,
) -> GroupFields<'a> {
    let own = eks.node_groups.get(name);
    let own_subnets = own.map(|own| &own.subnet_ids).filter(|subnets| !subnets.is_empty());
    GroupFields {
        instance_type: pool.machine_type.as_str(),
        ami_type: own.and_then(|own| own.ami_type.as_deref()).or(eks.ami_type.as_deref()),
        node_role_arn: own.and_then(|own| own.node_role_arn.as_deref()).unwrap_or(&eks.node_role_arn),
        subnet_ids: own_subnets.unwrap_or(&desired.network.subnet_ids),
        own_subnets: own_subnets.is_some(),
    }
}

/// The name of a new group: the pool's, or where that is taken, the pool's with a hash of what distinguishes the group.
/// The same plan always finds the same name, so that a group that is asked for twice is made once.
fn group_name(name: &PoolName, fields: &GroupFields<'_>, pool: &PoolSpec, taken: &BTreeSet<&str>) -> String {
    if !taken.contains(name.as_str()) {
        return name.to_string();
    }
    let subnets: Vec<_> = fields.subnet_ids.iter().map(String::as_str).collect();
    for salt in 0..=taken.len() {
        let text = format!(
            "{salt}|{}|{:?}|{}|{}|{:?}|{}",
            fields.instance_type,
            fields.ami_type,
            fields.node_role_arn,
            subnets.join(","),
            pool.disk_size_gb,
            pool.spot,
        );
        let digest = Sha256::digest(text.as_bytes());
        let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let candidate = format!("{name}-{hash}");
        if !taken.contains(candidate.as_str()) {
            return candidate;
        }
    }
    // There is one salt more than there are names taken; only equal hashes of different salts lead here.
    format!("{name}-{}", taken.len())
}

fn new_cluster(desired: &EnvironmentSpec, eks: &EksSpec) -> NewCluster {
    let (public_access, private_access) = endpoint(desired, eks);
    let mut tags = desired.tags_with_mark();
    tags.extend(
        parts_tag(!eks.addons.is_empty(), !eks.access_entries.is_empty()).map(|parts| (PARTS_TAG.to_owned(), parts)),
    );
    NewCluster {
        version: desired.kubernetes.version,
        role_arn: eks.role_arn.clone(),
        subnet_ids: desired.network.subnet_ids.clone(),
        security_group_ids: eks.security_group_ids.clone(),
        public_access,
        private_access,
        authorized_cidrs: desired.network.authorized_cidrs.clone(),
        service_cidr: desired.network.service_cidr.clone(),
        log_types: eks.log_types.clone(),
        encryption_key_arn: eks.encryption_key_arn.clone(),
        authentication_mode: eks.authentication_mode,
        creator_is_admin: eks.creator_is_admin,
        support_type: eks.support_type,
        deletion_protection: desired.deletion_protection,
        tags,
    }
}

/// Whether the API server has a public address, and whether it can be reached from inside the VPC.
fn endpoint(desired: &EnvironmentSpec, eks: &EksSpec) -> (bool, bool) {
    if desired.network.private_endpoint { (false, true) } else { (true, eks.private_access) }
}

fn cluster_tags(desired: &EnvironmentSpec, eks: &EksSpec, found: &EksObserved) -> BTreeMap<String, String> {
    let mark = desired.mark();
    let ours = |tags: &BTreeMap<String, String>| mark.judge(tags) == Ownership::Ours;
    // A part stays named for as long as something of it is left to be found and removed.
    let addons = !eks.addons.is_empty() || found.addons.iter().flatten().any(|(_, addon)| ours(&addon.tags));
    let entries =
        !eks.access_entries.is_empty() || found.access_entries.iter().flatten().any(|(_, entry)| ours(&entry.tags));
    let mut tags = desired.tags_with_mark();
    tags.extend(parts_tag(addons, entries).map(|parts| (PARTS_TAG.to_owned(), parts)));
    tags
}

/// The steps that bring the cluster's tags to what is wanted.
struct ClusterTags {
    /// The first: what of the cluster is read goes by one of them.
    tagged: Vec<Step>,
    /// The mark, once all groups that are to go are gone. Until then all groups of an imported cluster are meant; from then
    /// on, whatever is not marked is somebody else's, and what is still to go would stay.
    marked: Vec<Step>,
    /// The last: until then the cluster tells which tags of its parts are ours to take.
    untagged: Vec<Step>,
}

fn tag_cluster(observed: &Observed, found: &EksObserved, desired: &EnvironmentSpec, eks: &EksSpec) -> ClusterTags {
    let wanted = cluster_tags(desired, eks, found);
    let is_mark = |key: &str| [OWNER_TAG, ENVIRONMENT_TAG].contains(&key);
    let (mark, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        wanted.clone().into_iter().partition(|(key, _)| is_mark(key));
    let is_removal = |step: &Step| matches!(step.change, Change::Eks(EksChange::Untag { .. }));
    let tag = |wanted: &BTreeMap<String, String>, may_take: &dyn Fn(&str) -> bool| {
        tag(Subject::Cluster, "cluster", &found.arn, &observed.tags, wanted, may_take)
    };
    ClusterTags {
        tagged: tag(&others, &|_| false),
        marked: tag(&mark, &|_| false),
        untagged: tag(&wanted, &|_| true).into_iter().filter(is_removal).collect(),
    }
}

fn group_tags(desired: &EnvironmentSpec, name: &PoolName, pool: &PoolSpec) -> BTreeMap<String, String> {
    let mode = match pool.mode {
        PoolMode::System => "system",
        PoolMode::User => "user",
    };
    let mut tags = desired.tags_with_mark();
    tags.insert(POOL_TAG.to_owned(), name.to_string());
    tags.insert(MODE_TAG.to_owned(), mode.to_owned());
    tags
}

fn addon_tags(desired: &EnvironmentSpec, addon: &AddonSpec) -> BTreeMap<String, String> {
    let mut tags = desired.tags_with_mark();
    tags.extend(addon.preserve.then(|| (PRESERVE_TAG.to_owned(), "true".to_owned())));
    tags
}

/// Whether something carries the mark that the cluster carries.
fn is_marked_like(cluster: &BTreeMap<String, String>, tags: &BTreeMap<String, String>) -> bool {
    [OWNER_TAG, ENVIRONMENT_TAG].iter().all(|key| tags.contains_key(*key) && tags.get(*key) == cluster.get(*key))
}

/// Whether a tag of a cluster's part was put there by us: the cluster has it too, or it is one of our own. What others
/// put on a part shows in no state, so that no plan could say that it would go.
fn is_ours_to_take(observed: &Observed, key: &str) -> bool {
    observed.tags.contains_key(key) || key.starts_with("multicloud-")
}

/// The steps that bring tags to what is wanted. Tags of AWS itself are nobody else's to change
/// (<https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html>, "aws: prefix").
fn tag(
    subject: Subject,
    what: &str,
    arn: &str,
    found: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    may_take: &dyn Fn(&str) -> bool,
) -> Vec<Step> {
    let set: BTreeMap<_, _> = wanted
        .iter()
        .filter(|(key, value)| found.get(*key) != Some(*value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let remove: BTreeSet<_> = found
        .keys()
        .filter(|key| !key.starts_with("aws:") && !wanted.contains_key(*key) && may_take(key))
        .cloned()
        .collect();
    let mut steps = Vec::new();
    if !set.is_empty() {
        let keys = set.keys().cloned().collect::<Vec<_>>().join(", ");
        let change = EksChange::Tag { arn: arn.to_owned(), tags: set };
        steps.push(step(subject.clone(), Action::Update, format!("tag {what}: {keys}"), change));
    }
    if !remove.is_empty() {
        let keys = remove.iter().cloned().collect::<Vec<_>>().join(", ");
        let change = EksChange::Untag { arn: arn.to_owned(), keys: remove };
        steps.push(step(subject, Action::Update, format!("untag {what}: {keys}"), change));
    }
    steps
}

/// The settings of a cluster, each in a stage of its own: EKS takes one kind per update, and one update at a time
/// (terraform-provider-aws, `internal/service/eks/cluster.go`, update).
fn cluster_settings(
    plan: &mut Stages,
    observed: &Observed,
    found: &EksObserved,
    desired: &EnvironmentSpec,
    eks: &EksSpec,
) -> Result<(), Violation> {
    let mut set = |words: String, setting: ClusterSetting| {
        plan.stage([step(Subject::Cluster, Action::Update, words, EksChange::ConfigureCluster(setting))]);
    };
    if let Some(protected) = observed.deletion_protection
        && protected != desired.deletion_protection
    {
        let words =
            if desired.deletion_protection { "turn deletion protection on" } else { "turn deletion protection off" };
        set(words.to_owned(), ClusterSetting::DeletionProtection(desired.deletion_protection));
    }
    if let Some(mode) = found.authentication_mode {
        if eks.authentication_mode < mode {
            return Err(Violation::new(
                FieldPath::of("eks.authentication_mode"),
                format!("the cluster is at {mode}, which cannot be taken back to {}", eks.authentication_mode),
                format!("set it to {mode}"),
            ));
        }
        for next in AuthenticationMode::ALL.iter().filter(|next| **next > mode && **next <= eks.authentication_mode) {
            set(format!("set authentication mode to {next}"), ClusterSetting::AuthenticationMode(*next));
        }
    }
    if let (Some(support), Some(wanted)) = (found.support_type, eks.support_type)
        && support != wanted
    {
        set(format!("set support type to {wanted}"), ClusterSetting::SupportType(wanted));
    }
    if found.log_types != eks.log_types {
        set("change control plane logs".to_owned(), ClusterSetting::Logging(eks.log_types.clone()));
    }
    if observed.network.subnet_ids != desired.network.subnet_ids || found.security_group_ids != eks.security_group_ids {
        set(
            "change subnets and security groups of the control plane".to_owned(),
            ClusterSetting::Subnets {
                subnet_ids: desired.network.subnet_ids.clone(),
                security_group_ids: eks.security_group_ids.clone(),
            },
        );
    }
    let (public, private) = endpoint(desired, eks);
    let cidrs = &desired.network.authorized_cidrs;
    if (found.public_access, found.private_access) != (public, private)
        || (public && observed.network.authorized_cidrs != *cidrs)
    {
        let setting = ClusterSetting::EndpointAccess { public, private, cidrs: cidrs.clone() };
        set("change access to the API server".to_owned(), setting);
    }
    match (&found.encryption_key_arn, &eks.encryption_key_arn) {
        (None, None) => {}
        (None, Some(key)) => plan.stage([step(
            Subject::Cluster,
            Action::Update,
            "encrypt secrets with a KMS key".to_owned(),
            EksChange::EncryptSecrets { key_arn: key.clone() },
        )]),
        (Some(found), Some(wanted)) if found == wanted => {}
        (Some(found), Some(_)) | (Some(found), None) => {
            return Err(Violation::new(
                FieldPath::of("eks.encryption_key_arn"),
                "EKS never takes the key of a cluster's secrets away or changes it",
                format!("set it to {found:?}"),
            ));
        }
    }
    Ok(())
}

fn configure_group(kept: &Kept<'_>) -> Option<Step> {
    let Kept { pool, spec, name, group } = kept;
    let kinds = |taints: &BTreeSet<Taint>| -> BTreeSet<_> {
        taints.iter().map(|taint| (taint.key.clone(), taint.effect)).collect()
    };
    let wanted_kinds = kinds(&spec.taints);
    let settings = GroupSettings {
        group: (*name).to_owned(),
        size: changed_size(group, spec.size),
        set_labels: spec
            .labels
            .iter()
            .filter(|(key, value)| group.labels.get(*key) != Some(*value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        remove_labels: group.labels.keys().filter(|key| !spec.labels.contains_key(*key)).cloned().collect(),
        set_taints: spec.taints.difference(&group.taints).cloned().collect(),
        // One of the same key and effect is replaced by being set.
        remove_taints: group
            .taints
            .iter()
            .filter(|taint| !wanted_kinds.contains(&(taint.key.clone(), taint.effect)))
            .cloned()
            .collect(),
        max_surge: spec.max_surge.filter(|surge| group.max_surge != Some(*surge)),
    };
    let mut what = Vec::new();
    if let Some(size) = settings.size {
        what.push(match spec.size {
            PoolSize::Fixed(count) => format!("{count} nodes"),
            PoolSize::Autoscale { .. } => format!("{} to {} nodes", size.min, size.max),
        });
    }
    if !settings.set_labels.is_empty() || !settings.remove_labels.is_empty() {
        what.push("labels".to_owned());
    }
    if !settings.set_taints.is_empty() || !settings.remove_taints.is_empty() {
        what.push("taints".to_owned());
    }
    if let Some(surge) = settings.max_surge {
        what.push(format!("{surge} at a time in upgrades"));
    }
    (!what.is_empty()).then(|| {
        step(
            Subject::NodePool((*pool).clone()),
            Action::Update,
            format!("change node group {name}: {}", what.join(", ")),
            EksChange::ConfigureGroup(Box::new(settings)),
        )
    })
}

/// The bounds that EKS is told, which wants a maximum of at least one.
fn bounds(size: PoolSize) -> (u32, u32) {
    let (min, max) = size.bounds();
    (min, max.max(1))
}

/// A fixed size is held to the node. Between bounds, the number of nodes is the autoscaler's, and only moved where it
/// lies outside, because EKS refuses bounds that do not hold it.
fn changed_size(group: &ObservedGroup, size: PoolSize) -> Option<GroupSize> {
    let (min, max) = bounds(size);
    let desired = match size {
        PoolSize::Fixed(count) => Some(count),
        PoolSize::Autoscale { .. } => {
            let clamped = group.desired.max(min).min(max);
            (clamped != group.desired).then_some(clamped)
        }
    };
    let as_wanted = (group.min, group.max) == (min, max) && desired.is_none_or(|desired| desired == group.desired);
    (!as_wanted).then_some(GroupSize { min, max, desired })
}

/// Versions: the control plane by one minor, then its groups, then the next minor
/// (<https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html>).
fn versions(
    plan: &mut Stages,
    current: KubernetesVersion,
    desired: &EnvironmentSpec,
    groups: &Groups<'_>,
    force: bool,
) -> Result<(), Violation> {
    let target = desired.kubernetes.version;
    match target.minors_ahead_of(current) {
        Some(0..) => {}
        Some(_) | None => {
            return Err(Violation::new(
                FieldPath::of("kubernetes.version"),
                format!("the cluster runs {current}, and EKS takes no cluster back to {target}"),
                format!("use at least {current}"),
            ));
        }
    }
    for kept in &groups.kept {
        check_pool_version(kept, current)?;
    }
    let rising = groups.kept.iter().map(|kept| PoolVersion {
        pool: (kept.pool, kept.name),
        found: kept.group.version,
        goal: Some(kept.spec.version.unwrap_or(target)),
    });
    let going = groups.superfluous.iter().map(|(name, group)| PoolVersion {
        pool: (&group.pool, name.as_str()),
        found: group.version,
        goal: None,
    });
    let pools: Vec<_> = rising.chain(going).collect();
    for upgrade in upgrade::path(current, target, &pools) {
        match upgrade {
            Upgrade::ControlPlane { from, to } => plan.stage([step(
                Subject::Cluster,
                Action::Upgrade,
                format!("upgrade control plane from {from} to {to}"),
                EksChange::UpgradeCluster { to, goal: target, force },
            )]),
            Upgrade::Pools { pools, to } => plan.stage(pools.into_iter().map(|(pool, name)| {
                step(
                    Subject::NodePool(pool.clone()),
                    Action::Upgrade,
                    format!("upgrade node group {name} to {to}"),
                    EksChange::UpgradeGroup { group: name.to_owned(), to, force },
                )
            })),
        }
    }
    Ok(())
}

/// A group takes the control plane's version or keeps its own; EKS's words for anything else are "Nodegroup Kubernetes
/// version should be equal to Cluster kubernetes version … or NodeGroup kubernetes version …".
fn check_pool_version(kept: &Kept<'_>, control_plane: KubernetesVersion) -> Result<(), Violation> {
    let found = kept.group.version;
    let Some(wanted) = kept.spec.version.filter(|wanted| *wanted != found) else { return Ok(()) };
    let path = FieldPath::pool(kept.pool).then("version");
    if wanted < found {
        let problem = format!("the pool runs {found}, and EKS takes no pool back to {wanted}");
        return Err(Violation::new(path, problem, format!("use at least {found}")));
    }
    if wanted < control_plane {
        let problem = format!("the control plane runs {control_plane}, and EKS takes a pool to no version but that");
        return Err(Violation::new(path, problem, format!("use {found} or {control_plane}")));
    }
    Ok(())
}

fn create_group(
    desired: &EnvironmentSpec,
    eks: &EksSpec,
    name: &PoolName,
    pool: &PoolSpec,
    taken: &BTreeSet<&str>,
) -> Result<Step, Violation> {
    let version = desired.kubernetes.version;
    if let Some(own) = pool.version
        && own != version
    {
        return Err(Violation::new(
            FieldPath::pool(name).then("version"),
            format!("a new pool can only have the control plane's version {version}, not {own}"),
            "leave it out until the pool exists",
        ));
    }
    let fields = group_fields(desired, eks, name, pool);
    let group = group_name(name, &fields, pool, taken);
    let (min, max) = bounds(pool.size);
    Ok(step(
        Subject::NodePool(name.clone()),
        Action::Create,
        format!("create node group {group} of {}", pool.machine_type),
        EksChange::CreateGroup(Box::new(NewGroup {
            group,
            version,
            instance_type: fields.instance_type.to_owned(),
            min,
            max,
            desired: min,
            disk_size_gb: pool.disk_size_gb,
            ami_type: fields.ami_type.map(str::to_owned),
            spot: pool.spot,
            node_role_arn: fields.node_role_arn.to_owned(),
            subnet_ids: fields.subnet_ids.clone(),
            labels: pool.labels.clone(),
            taints: pool.taints.clone(),
            max_surge: pool.max_surge,
            tags: group_tags(desired, name, pool),
        })),
    ))
}

fn delete_group((name, group): (&String, &ObservedGroup)) -> Step {
    step(
        Subject::NodePool(group.pool.clone()),
        Action::Delete,
        format!("delete node group {name}"),
        EksChange::DeleteGroup { group: name.clone() },
    )
}

/// EKS drains each node of a group that is deleted, and after five minutes ends it, whatever is still on it
/// (<https://docs.aws.amazon.com/eks/latest/userguide/delete-managed-node-group.html>). So its pods are moved first, for as
/// long as their budgets take; its successor is up by then. Where Kubernetes is out of our reach, EKS does what it does.
fn drain_and_delete_group(desired: &EnvironmentSpec, found: (&String, &ObservedGroup)) -> Step {
    let (name, group) = found;
    let wanted = desired.node_pools.get(&group.pool).and_then(|pool| pool.drain_timeout);
    let drain = NodeDrain {
        label: GROUP_LABEL.to_owned(),
        value: name.clone(),
        timeout: wanted.unwrap_or(drain::DEFAULT_TIMEOUT),
        unreachable: WhenUnreachable::Proceed,
    };
    Step { drain: Some(drain), ..delete_group(found) }
}

fn create_addon(desired: &EnvironmentSpec, name: &str, addon: &AddonSpec) -> Step {
    let change =
        EksChange::CreateAddon { name: name.to_owned(), spec: addon.clone(), tags: addon_tags(desired, addon) };
    step(Subject::Addon(name.to_owned()), Action::Create, format!("create add-on {name}"), change)
}

fn delete_addon(name: &str, addon: &ObservedAddon) -> Step {
    let preserve = addon.tags.contains_key(PRESERVE_TAG) && addon.status != Status::Failed;
    let change = EksChange::DeleteAddon { name: name.to_owned(), preserve };
    step(Subject::Addon(name.to_owned()), Action::Delete, format!("delete add-on {name}"), change)
}

fn addons(plan: &mut Stages, observed: &Observed, found: &EksObserved, desired: &EnvironmentSpec, eks: &EksSpec) {
    let none = BTreeMap::new();
    let there = found.addons.as_ref().unwrap_or(&none);
    let unwanted = |name: &str, addon: &ObservedAddon| {
        let dropped = !eks.addons.contains_key(name) && is_marked_like(&observed.tags, &addon.tags);
        // One that never came to be is made anew.
        addon.status != Status::Deleting && (dropped || addon.status == Status::Failed && eks.addons.contains_key(name))
    };
    plan.stage(
        there.iter().filter(|(name, addon)| unwanted(name, addon)).map(|(name, addon)| delete_addon(name, addon)),
    );
    plan.stage(eks.addons.iter().flat_map(|(name, wanted)| match there.get(name) {
        None => vec![create_addon(desired, name, wanted)],
        Some(addon) if addon.status == Status::Failed => vec![create_addon(desired, name, wanted)],
        Some(addon) => {
            let subject = Subject::Addon(name.clone());
            let mut steps = tag(subject.clone(), name, &addon.arn, &addon.tags, &addon_tags(desired, wanted), &|key| {
                is_ours_to_take(observed, key)
            });
            if let Some(spec) = changed_addon(addon, wanted) {
                let change = EksChange::UpdateAddon { name: name.clone(), spec };
                steps.push(step(subject, Action::Update, format!("update add-on {name}"), change));
            }
            steps
        }
    }));
}

/// What an update is to say. An empty text takes a setting away; one that is left out stays.
fn changed_addon(found: &ObservedAddon, wanted: &AddonSpec) -> Option<AddonSpec> {
    let values_differ = !same_values(found.configuration_values.as_deref(), wanted.configuration_values.as_deref());
    let role_differs = found.service_account_role_arn != wanted.service_account_role_arn;
    let version_differs = !both_equal(found.version.as_deref(), wanted.version.as_deref());
    let cleared = |value: &Option<String>| Some(value.clone().unwrap_or_default());
    (values_differ || role_differs || version_differs).then(|| AddonSpec {
        configuration_values: if values_differ { cleared(&wanted.configuration_values) } else { None },
        // An update without the role takes it away.
        service_account_role_arn: if role_differs {
            cleared(&wanted.service_account_role_arn)
        } else {
            wanted.service_account_role_arn.clone()
        },
        ..wanted.clone()
    })
}

/// Whether two settings say the same: as JSON where both are JSON, else as texts.
fn same_values(found: Option<&str>, wanted: Option<&str>) -> bool {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    match (found.unwrap_or_default(), wanted.unwrap_or_default()) {
        (found, wanted) if found == wanted => true,
        (found, wanted) => match (json(found), json(wanted)) {
            (Some(found), Some(wanted)) => found == wanted,
            (None, _) | (_, None) => false,
        },
    }
}

fn create_entry(desired: &EnvironmentSpec, principal: &str, entry: &AccessEntrySpec) -> Vec<Step> {
    let subject = Subject::AccessEntry(principal.to_owned());
    let mut steps = vec![step(
        subject.clone(),
        Action::Create,
        format!("let {principal} in"),
        EksChange::CreateAccessEntry {
            principal: principal.to_owned(),
            entry_type: entry.entry_type.clone(),
            kubernetes_groups: entry.kubernetes_groups.clone(),
            username: entry.username.clone(),
            tags: desired.tags_with_mark(),
        },
    )];
    steps.extend(entry.policies.iter().map(|(policy, scope)| {
        let (principal, policy, scope) = (principal.to_owned(), policy.clone(), scope.clone());
        let words = format!("grant {principal} {policy}");
        step(subject.clone(), Action::Update, words, EksChange::GrantPolicy { principal, policy, scope })
    }));
    steps
}

fn access_entries(
    plan: &mut Stages,
    observed: &Observed,
    found: &EksObserved,
    desired: &EnvironmentSpec,
    eks: &EksSpec,
) {
    let none = BTreeMap::new();
    let there = found.access_entries.as_ref().unwrap_or(&none);
    let wanted = eks.access_entries.iter().flat_map(|(principal, wanted)| match there.get(principal) {
        None => create_entry(desired, principal, wanted),
        Some(entry) if has_other_type(entry, wanted) => {
            let mut steps = vec![delete_entry(principal)];
            steps.extend(create_entry(desired, principal, wanted));
            steps
        }
        Some(entry) => update_entry(observed, desired, principal, entry, wanted),
    });
    let dropped = there
        .iter()
        .filter(|(principal, entry)| {
            !eks.access_entries.contains_key(*principal) && is_marked_like(&observed.tags, &entry.tags)
        })
        .map(|(principal, _)| delete_entry(principal));
    plan.stage(wanted.chain(dropped));
}

fn has_other_type(found: &ObservedAccessEntry, wanted: &AccessEntrySpec) -> bool {
    !both_equal(found.entry_type.as_deref(), wanted.entry_type.as_deref())
}

fn delete_entry(principal: &str) -> Step {
    let change = EksChange::DeleteAccessEntry { principal: principal.to_owned() };
    step(Subject::AccessEntry(principal.to_owned()), Action::Delete, format!("shut {principal} out"), change)
}

fn update_entry(
    observed: &Observed,
    desired: &EnvironmentSpec,
    principal: &str,
    found: &ObservedAccessEntry,
    wanted: &AccessEntrySpec,
) -> Vec<Step> {
    let subject = Subject::AccessEntry(principal.to_owned());
    let mut steps = tag(subject.clone(), principal, &found.arn, &found.tags, &desired.tags_with_mark(), &|key| {
        is_ours_to_take(observed, key)
    });
    if found.kubernetes_groups != wanted.kubernetes_groups
        || !both_equal(found.username.as_deref(), wanted.username.as_deref())
    {
        let change = EksChange::UpdateAccessEntry {
            principal: principal.to_owned(),
            kubernetes_groups: wanted.kubernetes_groups.clone(),
            username: wanted.username.clone(),
        };
        steps.push(step(subject.clone(), Action::Update, format!("change groups of {principal}"), change));
    }
    // A policy whose scope changes is taken away and granted anew.
    for (policy, _) in found.policies.iter().filter(|(policy, scope)| wanted.policies.get(*policy) != Some(*scope)) {
        let change = EksChange::RevokePolicy { principal: principal.to_owned(), policy: policy.clone() };
        steps.push(step(subject.clone(), Action::Update, format!("revoke {policy} of {principal}"), change));
    }
    for (policy, scope) in wanted.policies.iter().filter(|(policy, scope)| found.policies.get(*policy) != Some(*scope))
    {
        let change =
            EksChange::GrantPolicy { principal: principal.to_owned(), policy: policy.clone(), scope: scope.clone() };
        steps.push(step(subject.clone(), Action::Update, format!("grant {principal} {policy}"), change));
    }
    steps
}

#[cfg(test)]
pub(crate) mod tests;
