//! From what was observed and what is desired to the steps between them. Pure.
//!
//! The driver does the first stage, reads again and asks again, so the stages after the first say what is to come, and
//! order is all that matters: the pools' marks, the cluster's settings one at a time, the pools' settings one at a time,
//! versions minor by minor, new pools, only then those that they replace, and last the cluster's labels, its mark among
//! them.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::change::{ClusterSetting, Endpoint, GkeChange, NewCluster, NewPool, PoolSetting};
use super::convert::{MODE_LABEL, POOL_LABEL, gpu_taint, is_same_owner};
use super::spec::{GkeObserved, GkeSpec, ObservedNodePool};
use super::validate::{is_zone, last_segment};
use crate::backend::Difference;
use crate::environment::{
    EnvironmentSpec, FieldPath, KubernetesVersion, MaxSurge, Observed, PoolMode, PoolName, PoolSize, PoolSpec, Status,
    Violation,
};
use crate::error::ServerText;
use crate::operation::{Action, Change, NodeDrain, Stages, Step, Subject, WhenUnreachable};
use crate::upgrade::{self, PoolVersion, Upgrade};

/// Zones that GKE spreads the nodes of a regional cluster over where nobody names any
/// (<https://cloud.google.com/kubernetes-engine/docs/concepts/regional-clusters>).
pub(crate) const DEFAULT_ZONES: u32 = 3;

/// GKE's own time for disruption budgets, for pools that are deleted and were made without a word about it
/// (<https://cloud.google.com/kubernetes-engine/docs/how-to/node-pools#pdb-protection>).
const DRAIN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3600);

/// The label of a node that holds its node pool.
const NODE_POOL_LABEL: &str = "cloud.google.com/gke-nodepool";

/// Why no steps lead from what is there to what is desired.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unplannable {
    /// A field asks for what GKE cannot do from here.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// GKE gave up on the cluster, and nothing can be done with it.
    #[error("the cluster is in status ERROR ({0}); only deleting it is possible, and GKE may do that by itself")]
    Failed(ServerText),
}

/// The steps to what is desired: one.
pub(crate) fn create(desired: &EnvironmentSpec, gke: &GkeSpec) -> Result<Vec<Step>, Unplannable> {
    let taken = BTreeSet::new();
    let pools: Vec<NewPool> = desired
        .node_pools
        .iter()
        .map(|(name, pool)| new_pool(desired, gke, name, pool, &taken, zone_count(desired, pool)))
        .collect::<Result<_, _>>()?;
    let names: Vec<_> = desired.node_pools.keys().map(PoolName::as_str).collect();
    let mut plan = Stages::default();
    plan.stage([step(
        Subject::Cluster,
        Action::Create,
        format!(
            "create cluster {} with Kubernetes {} and node pools {}",
            desired.name,
            desired.kubernetes.version,
            names.join(", ")
        ),
        GkeChange::CreateCluster(Box::new(NewCluster {
            version: desired.kubernetes.version,
            network: gke.network.clone(),
            subnetwork: gke.subnetwork.clone(),
            pod_cidr: desired.network.pod_cidr.clone(),
            service_cidr: desired.network.service_cidr.clone(),
            pods_range_name: gke.pods_range_name.clone(),
            services_range_name: gke.services_range_name.clone(),
            endpoint: endpoint(desired),
            private_nodes: gke.private_nodes,
            release_channel: gke.release_channel,
            workload_identity: gke.workload_identity,
            maintenance_window: desired.kubernetes.maintenance_window.clone(),
            labels: desired.tags_with_mark(),
            pools,
        })),
    )]);
    Ok(plan.into_steps())
}

/// The step to nothing: GKE deletes the pools with the cluster.
pub(crate) fn delete(observed: &Observed) -> Vec<Step> {
    let mut plan = Stages::default();
    if observed.status != Status::Deleting {
        plan.stage([step(
            Subject::Cluster,
            Action::Delete,
            format!("delete cluster {}", observed.id.name()),
            GkeChange::DeleteCluster,
        )]);
    }
    plan.into_steps()
}

/// The steps from one to the other.
pub(crate) fn update(
    observed: &Observed,
    found: &GkeObserved,
    desired: &EnvironmentSpec,
    gke: &GkeSpec,
) -> Result<Vec<Step>, Unplannable> {
    match observed.status {
        Status::Failed => {
            let reason = observed.status_reason.clone();
            return Err(Unplannable::Failed(reason.unwrap_or_else(|| ServerText::new("GKE gives no reason"))));
        }
        Status::Deleting => return Ok(Vec::new()),
        Status::Creating | Status::Active | Status::Updating | Status::Degraded => {}
    }
    let pools = Pools::sort(observed, found, desired, gke);
    let mut plan = Stages::default();

    plan.stage(pools.kept.iter().filter_map(|kept| {
        let mut labels = kept.found.resource_labels.clone();
        labels.extend(pool_labels(desired, kept.pool, kept.spec));
        (labels != kept.found.resource_labels).then(|| update_pool(kept, "mark", PoolSetting::ResourceLabels(labels)))
    }));
    cluster_settings(&mut plan, observed, found, desired, gke);
    pool_settings(&mut plan, &pools.kept, gke)?;
    versions(&mut plan, observed.version, desired, &pools)?;

    // What failed to be made is in the way of its successor, which needs its name.
    plan.stage(pools.failed.iter().copied().map(delete_pool));
    let created: Vec<Step> = pools
        .missing
        .iter()
        .map(|(name, pool)| {
            let zones = match u32::try_from(found.zones.len()) {
                Ok(zones) if zones > 0 && pool.zones.is_empty() => zones,
                Ok(_) | Err(_) => zone_count(desired, pool),
            };
            create_pool(new_pool(desired, gke, name, pool, &pools.taken, zones)?, name)
        })
        .collect::<Result<_, _>>()?;
    plan.stage(created);
    plan.stage(pools.superfluous.iter().copied().map(delete_pool));
    // The mark of the cluster comes last. Until then all of an imported cluster is meant; from then on, whatever is not
    // marked is somebody else's, and what is still to go would stay.
    if observed.tags != desired.tags_with_mark() {
        let mut labels = found.google_labels.clone();
        labels.extend(desired.tags_with_mark());
        plan.stage([step(
            Subject::Cluster,
            Action::Update,
            "label cluster".to_owned(),
            GkeChange::SetLabels { labels },
        )]);
    }
    Ok(plan.into_steps())
}

/// The fields that cannot be changed, and differ.
pub(crate) fn differences(
    observed: &Observed,
    found: &GkeObserved,
    desired: &EnvironmentSpec,
    gke: &GkeSpec,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |path: &str, found: Option<&str>, wanted: Option<&str>| {
        // What is not asked for is GKE's to choose, and what it does not tell cannot differ.
        if let (Some(found), Some(wanted)) = (found, wanted)
            && found != wanted
        {
            let (observed, desired) = (found.to_owned(), wanted.to_owned());
            differences.push(Difference { path: FieldPath::of(path), observed, desired });
        }
    };
    let network = &observed.network;
    compare("region", observed.region.as_ref().map(|r| r.as_str()), desired.region.as_ref().map(|r| r.as_str()));
    compare("name", Some(observed.id.name().as_str()), Some(desired.name.as_str()));
    compare("network.pod_cidr", network.pod_cidr.as_deref(), desired.network.pod_cidr.as_deref());
    compare("network.service_cidr", network.service_cidr.as_deref(), desired.network.service_cidr.as_deref());
    // By name or by path, which GKE answers with the name alone.
    let named = |name: &'_ Option<String>| name.as_deref().map(last_segment).map(str::to_owned);
    compare("gke.network", named(&found.network).as_deref(), named(&gke.network).as_deref());
    compare("gke.subnetwork", named(&found.subnetwork).as_deref(), named(&gke.subnetwork).as_deref());
    compare("gke.pods_range_name", found.pods_range_name.as_deref(), gke.pods_range_name.as_deref());
    compare("gke.services_range_name", found.services_range_name.as_deref(), gke.services_range_name.as_deref());
    differences
}

/// Nodes are emptied by GKE itself, by the eviction API and as disruption budgets allow, wherever it takes them away: in
/// upgrades always, in deletions where the pool says so, as all of ours do
/// (<https://cloud.google.com/kubernetes-engine/docs/how-to/node-pools#pdb-protection>). So steps empty none, but for
/// [`delete_pool`] of a pool that does not say so.
fn step(subject: Subject, action: Action, description: String, change: GkeChange) -> Step {
    Step { stage: 0, subject, action, description, change: Change::Gke(change), drain: None }
}

/// The node pools of a cluster, by what is to become of them.
struct Pools<'a> {
    kept: Vec<Kept<'a>>,
    /// Pools that no node pool serves as desired.
    missing: Vec<(&'a PoolName, &'a PoolSpec)>,
    /// Node pools that never came to be, and have no nodes.
    failed: Vec<(&'a String, &'a ObservedNodePool)>,
    /// Node pools of pools that are not desired any more, those that others replace, and those that failed with nodes.
    superfluous: Vec<(&'a String, &'a ObservedNodePool)>,
    /// Names that a new node pool cannot have.
    taken: BTreeSet<&'a str>,
}

struct Kept<'a> {
    pool: &'a PoolName,
    spec: &'a PoolSpec,
    name: &'a str,
    found: &'a ObservedNodePool,
}

impl<'a> Pools<'a> {
    fn sort(observed: &Observed, found: &'a GkeObserved, desired: &'a EnvironmentSpec, gke: &GkeSpec) -> Self {
        let mut pools = Pools {
            kept: Vec::new(),
            missing: Vec::new(),
            failed: Vec::new(),
            superfluous: Vec::new(),
            taken: BTreeSet::new(),
        };
        let ours = found.node_pools.iter().filter(|(_, pool)| {
            pool.status != Status::Deleting && is_same_owner(&observed.tags, &pool.resource_labels)
        });
        let mut of_pool: BTreeMap<&PoolName, Vec<(&String, &ObservedNodePool)>> = BTreeMap::new();
        for (name, pool) in ours {
            match pool.status {
                Status::Failed if pool.count == 0 => pools.failed.push((name, pool)),
                Status::Failed => pools.superfluous.push((name, pool)),
                Status::Creating | Status::Active | Status::Updating | Status::Degraded | Status::Deleting => {
                    of_pool.entry(&pool.pool).or_default().push((name, pool));
                }
            }
        }
        for (pool, spec) in &desired.node_pools {
            let candidates = of_pool.remove(pool).unwrap_or_default();
            let kept = candidates.iter().find(|(_, found)| fits(found, spec, gke)).copied();
            match kept {
                Some((name, found)) => pools.kept.push(Kept { pool, spec, name, found }),
                None => pools.missing.push((pool, spec)),
            }
            pools
                .superfluous
                .extend(candidates.into_iter().filter(|(name, _)| kept.is_none_or(|(kept, _)| kept != *name)));
        }
        pools.superfluous.extend(of_pool.into_values().flatten());
        let failed: BTreeSet<_> = pools.failed.iter().map(|(name, _)| name.as_str()).collect();
        pools.taken = found.node_pools.keys().map(String::as_str).filter(|name| !failed.contains(name)).collect();
        pools
    }
}

/// Whether a node pool is as desired in all that cannot be changed of it (terraform-provider-google, `node_config.go`, the
/// fields that force a new one).
fn fits(found: &ObservedNodePool, spec: &PoolSpec, gke: &GkeSpec) -> bool {
    let account = gke.node_service_account.as_deref();
    found.spot == spec.spot
        && account.is_none_or(|wanted| found.service_account.as_deref().is_none_or(|found| found == wanted))
}

/// The name of a new node pool: the pool's, or where that is taken, the pool's with a hash of what distinguishes the node
/// pool. The same plan always finds the same name, so that one that is asked for twice is made once.
fn node_pool_name(name: &PoolName, pool: &PoolSpec, gke: &GkeSpec, taken: &BTreeSet<&str>) -> String {
    if !taken.contains(name.as_str()) {
        return name.to_string();
    }
    for salt in 0..=taken.len() {
        let text = format!("{salt}|{}|{:?}", pool.spot, gke.node_service_account);
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

/// In how many zones a new pool will be.
pub(crate) fn zone_count(desired: &EnvironmentSpec, pool: &PoolSpec) -> u32 {
    let in_zone = desired.region.as_ref().is_some_and(|location| is_zone(location.as_str()));
    match u32::try_from(pool.zones.len()) {
        Ok(0) if in_zone => 1,
        Ok(0) | Err(_) => DEFAULT_ZONES,
        Ok(zones) => zones,
    }
}

/// Nodes per zone, of which GKE takes one number for all zones of a pool.
fn per_zone(name: &PoolName, count: u32, zones: u32) -> Result<u32, Violation> {
    if count.is_multiple_of(zones) { Ok(count / zones) } else { Err(indivisible(name, count, zones)) }
}

/// What to say of a count that its zones cannot share.
pub(crate) fn indivisible(name: &PoolName, count: u32, zones: u32) -> Violation {
    Violation::new(
        FieldPath::pool(name).then("count"),
        format!("GKE has the same number of nodes in each zone, and {count} cannot be shared by {zones} zones"),
        format!("use a multiple of {zones}, or name the zones in node_pools[{:?}].zones", name.as_str()),
    )
}

/// Nodes per zone that the autoscaler begins with: enough for the fewest, if that is not more than the most.
fn first_per_zone(min: u32, max: u32, zones: u32) -> u32 {
    let enough = min.div_ceil(zones);
    if enough.saturating_mul(zones) > max { max / zones } else { enough }
}

fn new_pool(
    desired: &EnvironmentSpec,
    gke: &GkeSpec,
    name: &PoolName,
    pool: &PoolSpec,
    taken: &BTreeSet<&str>,
    zones: u32,
) -> Result<NewPool, Violation> {
    let (per_zone, autoscaling) = match pool.size {
        PoolSize::Fixed(count) => (per_zone(name, count, zones)?, None),
        PoolSize::Autoscale { min, max } => (first_per_zone(min, max, zones), Some((min, max))),
    };
    Ok(NewPool {
        name: node_pool_name(name, pool, gke, taken),
        version: pool.version.filter(|own| *own != desired.kubernetes.version),
        machine_type: pool.machine_type.to_string(),
        per_zone,
        autoscaling,
        zones: pool.zones.clone(),
        disk_size_gb: pool.disk_size_gb,
        disk_type: gke.disk_type.clone(),
        image_type: gke.image_type.clone(),
        spot: pool.spot,
        service_account: gke.node_service_account.clone(),
        labels: pool.labels.clone(),
        taints: pool.taints.clone(),
        max_surge: surge(pool),
        drain_timeout_s: pool.drain_timeout.map(|timeout| timeout.as_secs()),
        resource_labels: pool_labels(desired, name, pool),
    })
}

/// A percentage is refused before it comes here.
fn surge(pool: &PoolSpec) -> Option<u32> {
    match pool.max_surge {
        Some(MaxSurge::Count(count)) => Some(count),
        Some(MaxSurge::Percent(_)) | None => None,
    }
}

/// Tags of the environment are no labels of its pools: GKE itself gives those of the cluster to all its machines
/// (<https://cloud.google.com/kubernetes-engine/docs/how-to/creating-managing-labels>).
fn pool_labels(desired: &EnvironmentSpec, name: &PoolName, pool: &PoolSpec) -> BTreeMap<String, String> {
    let mode = match pool.mode {
        PoolMode::System => "system",
        PoolMode::User => "user",
    };
    let mark = desired.mark();
    let labels = mark.tags().into_iter().chain([(POOL_LABEL, name.as_str()), (MODE_LABEL, mode)]);
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn endpoint(desired: &EnvironmentSpec) -> Endpoint {
    Endpoint { private: desired.network.private_endpoint, authorized_cidrs: desired.network.authorized_cidrs.clone() }
}

/// The cluster's settings, each in a stage of its own: GKE takes one at a time.
fn cluster_settings(
    plan: &mut Stages,
    observed: &Observed,
    found: &GkeObserved,
    desired: &EnvironmentSpec,
    gke: &GkeSpec,
) {
    let mut set = |what: &str, setting: ClusterSetting| {
        let description = format!("change cluster: {what}");
        plan.stage([step(Subject::Cluster, Action::Update, description, GkeChange::UpdateCluster(setting))]);
    };
    if let Some(channel) = gke.release_channel
        && channel != found.release_channel
    {
        set(&format!("release channel {channel}"), ClusterSetting::ReleaseChannel(channel));
    }
    let wanted = endpoint(desired);
    let network = &observed.network;
    if wanted.private != network.private_endpoint || wanted.authorized_cidrs != network.authorized_cidrs {
        set("who may reach it", ClusterSetting::Endpoint(wanted));
    }
    if gke.workload_identity != found.workload_pool.is_some() {
        let what = if gke.workload_identity { "workload identity" } else { "no workload identity" };
        set(what, ClusterSetting::WorkloadIdentity(gke.workload_identity));
    }
    if gke.private_nodes != found.private_nodes {
        let what = if gke.private_nodes { "private nodes" } else { "nodes with public addresses" };
        set(what, ClusterSetting::PrivateNodes(gke.private_nodes));
    }
    let window = &desired.kubernetes.maintenance_window;
    let same_window = match window {
        Some(window) => found.maintenance_window.as_ref() == Some(window),
        None => !found.has_maintenance_window,
    };
    if !same_window {
        let change = GkeChange::SetMaintenanceWindow { window: window.clone() };
        plan.stage([step(Subject::Cluster, Action::Update, "change maintenance window".to_owned(), change)]);
    }
}

fn update_pool(kept: &Kept<'_>, what: &str, setting: PoolSetting) -> Step {
    let change = GkeChange::UpdatePool { pool: kept.name.to_owned(), setting };
    let description = format!("change node pool {}: {what}", kept.name);
    step(Subject::NodePool(kept.pool.clone()), Action::Update, description, change)
}

/// The pools' settings: of each pool one at a time, and of all pools side by side.
fn pool_settings(plan: &mut Stages, kept: &[Kept<'_>], gke: &GkeSpec) -> Result<(), Violation> {
    let mut open: Vec<std::vec::IntoIter<Step>> = Vec::new();
    for kept in kept {
        open.push(pool_changes(kept, gke)?.into_iter());
    }
    // There is a stage for every change of the pool that has most of them.
    loop {
        let stage: Vec<Step> = open.iter_mut().filter_map(Iterator::next).collect();
        if stage.is_empty() {
            return Ok(());
        }
        plan.stage(stage);
    }
}

fn pool_changes(kept: &Kept<'_>, gke: &GkeSpec) -> Result<Vec<Step>, Violation> {
    let Kept { spec, found, .. } = kept;
    let mut steps = Vec::new();
    // How nodes are replaced is told before any is.
    if let Some(surge) = surge(spec).filter(|surge| found.max_surge != Some(*surge)) {
        steps.push(update_pool(
            kept,
            &format!("{surge} more nodes at a time in upgrades"),
            PoolSetting::MaxSurge(surge),
        ));
    }
    let drain = spec.drain_timeout.map(|timeout| timeout.as_secs());
    if let Some(seconds) = drain.filter(|seconds| found.drain_timeout_s != Some(*seconds)) {
        steps.push(update_pool(kept, "drain timeout", PoolSetting::DrainTimeout { seconds }));
    }
    if spec.labels != found.labels {
        steps.push(update_pool(kept, "labels", PoolSetting::Labels(spec.labels.clone())));
    }
    let mut found_taints = found.taints.clone();
    // Whoever asks for the taint of GPUs by name finds it.
    found_taints.extend(Some(gpu_taint()).filter(|taint| found.gpu_taint && spec.taints.contains(taint)));
    if spec.taints != found_taints {
        steps.push(update_pool(kept, "taints", PoolSetting::Taints(spec.taints.clone())));
    }
    let machine_type = Some(spec.machine_type.to_string()).filter(|wanted| *wanted != found.machine_type);
    let disk_size_gb = spec.disk_size_gb.filter(|wanted| found.disk_size_gb != Some(*wanted));
    let disk_type = gke.disk_type.clone().filter(|wanted| found.disk_type.as_ref() != Some(wanted));
    if machine_type.is_some() || disk_size_gb.is_some() || disk_type.is_some() {
        let what: Vec<String> = [
            machine_type.clone(),
            disk_size_gb.map(|size| format!("disks of {size} GB")),
            disk_type.as_ref().map(|disk| format!("disks {disk}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        steps.push(update_pool(
            kept,
            &what.join(", "),
            PoolSetting::Machines { machine_type, disk_size_gb, disk_type },
        ));
    }
    let image = gke.image_type.as_ref().filter(|wanted| {
        // GKE answers in capitals whatever the case it was asked in.
        !found.image_type.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    });
    if let Some(image) = image {
        steps.push(update_pool(kept, &format!("image {image}"), PoolSetting::ImageType(image.clone())));
    }
    let zones = if spec.zones.is_empty() { &found.zones } else { &spec.zones };
    if *zones != found.zones {
        let names: Vec<_> = zones.iter().map(String::as_str).collect();
        steps.push(update_pool(kept, &format!("zones {}", names.join(", ")), PoolSetting::Zones(zones.clone())));
    }
    steps.extend(size_changes(kept, zones.len())?);
    if steps.is_empty() {
        steps.extend(mend(kept));
    }
    Ok(steps)
}

/// A pool that did not get all its nodes is told its number once more, upon which GKE tries again and says how it went. What
/// an autoscaler does not get, it goes on trying for by itself.
fn mend(kept: &Kept<'_>) -> Option<Step> {
    let per_zone = kept.found.per_zone.filter(|_| kept.found.status == Status::Degraded)?;
    match kept.spec.size {
        PoolSize::Autoscale { .. } => None,
        PoolSize::Fixed(count) => {
            let change = GkeChange::SetPoolSize { pool: kept.name.to_owned(), per_zone };
            let description = format!("mend node pool {}: {count} nodes again", kept.name);
            Some(step(Subject::NodePool(kept.pool.clone()), Action::Update, description, change))
        }
    }
}

/// A fixed size is held to the node. Between bounds, the number of nodes is the autoscaler's.
fn size_changes(kept: &Kept<'_>, zones: usize) -> Result<Vec<Step>, Violation> {
    let Kept { pool, spec, name, found } = kept;
    let resize = |what: String, change: GkeChange| {
        let description = format!("change node pool {name}: {what}");
        step(Subject::NodePool((*pool).clone()), Action::Update, description, change)
    };
    let autoscale = |total: Option<(u32, u32)>, what: String| {
        resize(what, GkeChange::SetPoolAutoscaling { pool: (*name).to_owned(), total })
    };
    let mut steps = Vec::new();
    match spec.size {
        PoolSize::Autoscale { min, max } if found.autoscaling != Some((min, max)) => {
            steps.push(autoscale(Some((min, max)), format!("{min} to {max} nodes")));
        }
        PoolSize::Autoscale { .. } => {}
        PoolSize::Fixed(count) => {
            if found.autoscaling.is_some() {
                steps.push(autoscale(None, "no autoscaling".to_owned()));
            }
            let zones = u32::try_from(zones).unwrap_or(u32::MAX).max(1);
            let as_wanted =
                found.count == count && zones == u32::try_from(found.zones.len()).unwrap_or(u32::MAX).max(1);
            if !as_wanted {
                let per_zone = per_zone(pool, count, zones)?;
                if found.per_zone != Some(per_zone) {
                    let change = GkeChange::SetPoolSize { pool: (*name).to_owned(), per_zone };
                    steps.push(resize(format!("{count} nodes"), change));
                }
            }
        }
    }
    Ok(steps)
}

/// Versions: the control plane by one minor, then its pools, then the next minor
/// (<https://cloud.google.com/kubernetes-engine/docs/how-to/upgrading-a-cluster>). A cluster that GKE has upgraded itself
/// beyond what is desired is not taken back, because nothing can.
fn versions(
    plan: &mut Stages,
    current: KubernetesVersion,
    desired: &EnvironmentSpec,
    pools: &Pools<'_>,
) -> Result<(), Violation> {
    let target = desired.kubernetes.version;
    match target.minors_ahead_of(current) {
        Some(0..) => {}
        Some(_) | None => {
            return Err(Violation::new(
                FieldPath::of("kubernetes.version"),
                format!("the cluster runs {current}, and GKE takes no control plane back to {target}"),
                format!("use at least {current}"),
            ));
        }
    }
    for kept in &pools.kept {
        let found = kept.found.version;
        if let Some(wanted) = kept.spec.version.filter(|wanted| *wanted < found) {
            return Err(Violation::new(
                FieldPath::pool(kept.pool).then("version"),
                format!("the pool runs {found}, and is not taken back to {wanted}"),
                format!("use at least {found}"),
            ));
        }
    }
    let rising = pools.kept.iter().map(|kept| PoolVersion {
        pool: (kept.pool, kept.name),
        found: kept.found.version,
        goal: Some(kept.spec.version.unwrap_or(target)),
    });
    let going = pools.superfluous.iter().map(|(name, found)| PoolVersion {
        pool: (&found.pool, name.as_str()),
        found: found.version,
        goal: None,
    });
    let pools: Vec<_> = rising.chain(going).collect();
    let mut control_plane = current;
    for upgrade in upgrade::path(current, target, &pools) {
        match upgrade {
            Upgrade::ControlPlane { from, to } => {
                control_plane = to;
                plan.stage([step(
                    Subject::Cluster,
                    Action::Upgrade,
                    format!("upgrade control plane from {from} to {to}"),
                    GkeChange::UpdateCluster(ClusterSetting::Version { to, goal: target }),
                )]);
            }
            Upgrade::Pools { pools, to } => plan.stage(pools.into_iter().map(|(pool, name)| {
                let setting = PoolSetting::Version { to: (to != control_plane).then_some(to), minor: to };
                step(
                    Subject::NodePool(pool.clone()),
                    Action::Upgrade,
                    format!("upgrade node pool {name} to {to}"),
                    GkeChange::UpdatePool { pool: name.to_owned(), setting },
                )
            })),
        }
    }
    Ok(())
}

fn create_pool(new: NewPool, pool: &PoolName) -> Result<Step, Violation> {
    let description = format!("create node pool {} of {}", new.name, new.machine_type);
    let change = GkeChange::CreatePool(Box::new(new));
    Ok(step(Subject::NodePool(pool.clone()), Action::Create, description, change))
}

/// GKE heeds disruption budgets where the pool says so, as all do that are made here. Others, which were imported, are
/// emptied by us first, as far as their Kubernetes can be reached.
fn delete_pool((name, found): (&String, &ObservedNodePool)) -> Step {
    let drain = (!found.deletion_heeds_budgets && found.count > 0).then(|| NodeDrain {
        label: NODE_POOL_LABEL.to_owned(),
        value: name.clone(),
        timeout: DRAIN_TIMEOUT,
        unreachable: WhenUnreachable::Proceed,
    });
    let change = GkeChange::DeletePool { pool: name.clone() };
    let subject = Subject::NodePool(found.pool.clone());
    Step { drain, ..step(subject, Action::Delete, format!("delete node pool {name}"), change) }
}

#[cfg(test)]
pub(crate) mod tests;
