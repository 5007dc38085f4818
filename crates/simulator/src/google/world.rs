//! The simulated world: per project and location the clusters with their pools, and the operations on them. Objects are kept
//! as the documents that the API shows when they rest; what is under way is known by the operations alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document::{Document, etag, label_fingerprint, merge, text, texts};
use super::error::ApiError;
use super::inventory::Place;
use super::operation::{Change, Effect, Kind, Operation, Outcome};
use super::version;
use crate::clock::Moment;
use crate::cloud::Context;
use crate::fault::Course;
use crate::kubernetes::ApiServer;

/// How many operations may run on a cluster at one time (hashicorp/terraform-provider-google#15205).
const MOST_OPERATIONS: usize = 5;

/// How long a cluster that was not made whole, or not deleted, stays as it is before GKE deletes it by itself. The
/// discovery document says that it does; when, nobody does.
const ERROR_STAYS: std::time::Duration = std::time::Duration::from_secs(1800);

/// The clusters of one location of a project.
#[derive(Debug)]
pub(super) struct Location {
    pub(super) project: &'static str,
    pub(super) number: &'static str,
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) api_server: ApiServer,
    pub(super) clusters: BTreeMap<String, Cluster>,
    /// Oldest first.
    pub(super) operations: Vec<Operation>,
}

/// A cluster with its pools.
#[derive(Debug)]
pub(super) struct Cluster {
    /// As it is shown at rest, without its pools and what is worked out from them.
    pub(super) doc: Document,
    pub(super) pools: BTreeMap<String, Pool>,
    pub(super) lateness: Lateness,
    /// When GKE deletes it by itself.
    expires: Option<Moment>,
}

/// A node pool.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) doc: Document,
    /// Its managed instance groups, by zone.
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) lateness: Lateness,
    /// Whether an upgrade was cancelled or failed, which can be rolled back.
    pub(super) can_roll_back: bool,
}

/// A managed instance group of Compute.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) target_size: u32,
}

/// What reads do not show yet.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    /// A status that reads still show, and how many of them.
    status: Option<(String, u32)>,
    /// How many reads do not find it yet.
    hidden: u32,
}

impl Lateness {
    /// Of something whose creation was accepted.
    pub(super) fn of_creation(context: &mut Context<'_>) -> Lateness {
        let hidden = match context.course {
            Some(Course::NotYetVisible) => 2,
            Some(Course::Slow | Course::Stuck | Course::Fail | Course::Degrade | Course::StaleStatus) | None => {
                context.random.late_reads(1)
            }
        };
        Lateness { status: None, hidden }
    }

    fn of_change(status: &str, context: &mut Context<'_>) -> Lateness {
        let reads = match context.course {
            Some(Course::StaleStatus) => 3,
            Some(Course::Slow | Course::Stuck | Course::Fail | Course::Degrade | Course::NotYetVisible) | None => {
                context.random.late_reads(2)
            }
        };
        Lateness { status: (reads > 0).then(|| (status.to_owned(), reads)), hidden: 0 }
    }

    /// Whether reads find it.
    pub(super) fn is_visible(&self) -> bool {
        self.hidden == 0
    }

    /// One read: whether it finds the object, and the status it sees.
    fn read(&mut self) -> Option<Option<String>> {
        if self.hidden > 0 {
            self.hidden -= 1;
            return None;
        }
        let Some((status, reads)) = &mut self.status else { return Some(None) };
        let seen = status.clone();
        *reads -= 1;
        if *reads == 0 {
            self.status = None;
        }
        Some(Some(seen))
    }
}

impl Location {
    /// `projects/p/zones/z` or `projects/p/locations/l`, as links and errors name it.
    pub(super) fn path(&self) -> String {
        format!("projects/{}/{}/{}", self.project, self.place.collection(), self.name)
    }

    pub(super) fn no_cluster(&self, name: &str) -> ApiError {
        ApiError::not_found(format!("Not found: {}/clusters/{name}.", self.path()))
    }

    pub(super) fn no_pool(&self, cluster: &str, name: &str) -> ApiError {
        ApiError::not_found(format!("Not found: {}/clusters/{cluster}/nodePools/{name}.", self.path()))
    }

    pub(super) fn cluster(&self, name: &str) -> Result<&Cluster, ApiError> {
        self.clusters.get(name).ok_or_else(|| self.no_cluster(name))
    }

    pub(super) fn pool(&self, cluster: &str, name: &str) -> Result<&Pool, ApiError> {
        self.cluster(cluster)?.pools.get(name).ok_or_else(|| self.no_pool(cluster, name))
    }

    /// Operations on a cluster that have not ended.
    fn running<'l>(&'l self, cluster: &'l str) -> impl Iterator<Item = &'l Operation> {
        self.operations.iter().filter(move |operation| operation.cluster == cluster && operation.runs())
    }

    /// The operation that a busy cluster is busy with.
    pub(super) fn first_running(&self, cluster: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.cluster == cluster && operation.runs())
    }

    /// The status of a cluster by what is under way.
    pub(super) fn cluster_status(&self, name: &str) -> &str {
        let mut status = self.clusters.get(name).map_or("", |cluster| text(&cluster.doc, "status"));
        for operation in self.running(name) {
            match operation.kind {
                Kind::CreateCluster => return "PROVISIONING",
                Kind::DeleteCluster => return "STOPPING",
                Kind::SetNodePoolManagement => {}
                Kind::UpdateCluster
                | Kind::UpgradeMaster
                | Kind::RepairCluster
                | Kind::CreateNodePool
                | Kind::DeleteNodePool
                | Kind::UpgradeNodes
                | Kind::SetNodePoolSize => status = "RECONCILING",
            }
        }
        status
    }

    /// The status of a pool by what is under way.
    pub(super) fn pool_status(&self, cluster: &str, name: &str) -> &str {
        let pool = self.clusters.get(cluster).and_then(|cluster| cluster.pools.get(name));
        let mut status = pool.map_or("", |pool| text(&pool.doc, "status"));
        for operation in self.running(cluster) {
            let is_mine = operation.pool.as_deref() == Some(name);
            match operation.kind {
                Kind::CreateCluster => return "PROVISIONING",
                Kind::DeleteCluster => return "STOPPING",
                Kind::CreateNodePool if is_mine => return "PROVISIONING",
                Kind::DeleteNodePool if is_mine => return "STOPPING",
                Kind::UpgradeNodes | Kind::SetNodePoolSize | Kind::UpdateCluster if is_mine => status = "RECONCILING",
                Kind::CreateNodePool
                | Kind::DeleteNodePool
                | Kind::UpgradeNodes
                | Kind::SetNodePoolSize
                | Kind::UpdateCluster
                | Kind::UpgradeMaster
                | Kind::RepairCluster
                | Kind::SetNodePoolManagement => {}
            }
        }
        status
    }

    /// A cluster as the API shows it, whole and at once.
    pub(super) fn show_cluster(&self, name: &str) -> Option<Value> {
        let cluster = self.clusters.get(name)?;
        let mut doc = cluster.doc.clone();
        let labels = doc.get("resourceLabels").cloned().unwrap_or_else(|| json!({}));
        doc.insert("labelFingerprint".into(), label_fingerprint(&labels).into());
        let pools: Vec<Value> = cluster.pools.keys().filter_map(|pool| self.show_pool(name, pool)).collect();
        let groups = cluster.pools.values().flat_map(|pool| pool.groups.values());
        let nodes: u64 = groups.map(|group| u64::from(group.target_size)).sum();
        if nodes > 0 {
            doc.insert("currentNodeCount".into(), nodes.into());
        }
        let versions = cluster.pools.values().map(|pool| text(&pool.doc, "version"));
        if let Some(oldest) = versions.reduce(|one, other| if version::is_newer(one, other) { other } else { one }) {
            doc.insert("currentNodeVersion".into(), oldest.into());
        }
        if let Some(first) = pools.first() {
            doc.insert("nodeConfig".into(), first["config"].clone());
        }
        let urls: Vec<Value> =
            pools.iter().filter_map(|pool| pool["instanceGroupUrls"].as_array()).flatten().cloned().collect();
        if !urls.is_empty() {
            doc.insert("instanceGroupUrls".into(), urls.into());
        }
        if !pools.is_empty() {
            doc.insert("nodePools".into(), pools.into());
        }
        doc.insert("etag".into(), etag(&json!([cluster.doc, labels])).into());
        doc.insert("status".into(), self.cluster_status(name).into());
        Some(Value::Object(doc))
    }

    /// A pool as the API shows it, whole and at once.
    pub(super) fn show_pool(&self, cluster: &str, name: &str) -> Option<Value> {
        let pool = self.clusters.get(cluster)?.pools.get(name)?;
        let mut doc = pool.doc.clone();
        let url = |(zone, group): (&String, &Group)| {
            let project = self.project;
            Value::from(format!(
                "https://www.googleapis.com/compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers/{}",
                group.name
            ))
        };
        if !pool.groups.is_empty() {
            doc.insert("instanceGroupUrls".into(), pool.groups.iter().map(url).collect());
        }
        doc.insert("etag".into(), etag(&json!(pool.doc)).into());
        doc.insert("status".into(), self.pool_status(cluster, name).into());
        Some(Value::Object(doc))
    }

    /// A cluster as a read sees it now, its pools too; none when it does not find it yet.
    pub(super) fn read_cluster(&mut self, name: &str) -> Option<Value> {
        let late = self.clusters.get_mut(name)?.lateness.read()?;
        let mut doc = self.show_cluster(name)?;
        if let Some(status) = late {
            doc["status"] = status.into();
        }
        let pools = &mut self.clusters.get_mut(name)?.pools;
        if let Some(Value::Array(shown)) = doc.get_mut("nodePools") {
            shown.retain_mut(|doc| {
                let pool = doc["name"].as_str().and_then(|name| pools.get_mut(name));
                match pool.map(|pool| pool.lateness.read()) {
                    Some(None) => false,
                    Some(Some(Some(status))) => {
                        doc["status"] = status.into();
                        true
                    }
                    Some(Some(None)) | None => true,
                }
            });
        }
        Some(doc)
    }

    /// A pool as a read sees it now; none when it does not find it yet.
    pub(super) fn read_pool(&mut self, cluster: &str, name: &str) -> Option<Value> {
        let late = self.clusters.get_mut(cluster)?.pools.get_mut(name)?.lateness.read()?;
        let mut doc = self.show_pool(cluster, name)?;
        if let Some(status) = late {
            doc["status"] = status.into();
        }
        Some(doc)
    }

    /// The error for whoever wants a change that what is running does not allow.
    pub(super) fn require_free(&self, kind: Kind, cluster: &str, pool: Option<&str>) -> Result<(), ApiError> {
        if let Some(blocking) = self.running(cluster).find(|running| !kind.goes_beside(pool, running)) {
            return Err(blocking.busy());
        }
        if self.running(cluster).count() >= MOST_OPERATIONS {
            // Worded as in hashicorp/terraform-provider-google#15205.
            let message = format!(
                "Too many operations: cluster \"{cluster}\" hits the concurrent operations quota {MOST_OPERATIONS}, \
                 please try again later."
            );
            return Err(ApiError::new(429, "RESOURCE_EXHAUSTED", "rateLimitExceeded", message));
        }
        let usable = matches!(self.cluster_status(cluster), "RUNNING" | "RECONCILING" | "DEGRADED");
        if !usable && kind != Kind::DeleteCluster {
            let message = format!("Cluster {cluster} is in state {}.", self.cluster_status(cluster));
            return Err(ApiError::precondition(message));
        }
        Ok(())
    }

    /// Starts an accepted change and answers with its operation.
    pub(super) fn begin(&mut self, change: Change, context: &mut Context<'_>) -> Value {
        let Change { kind, cluster, pool, effect } = change;
        let shown = match &pool {
            Some(pool) => self.pool_status(&cluster, pool),
            None => self.cluster_status(&cluster),
        };
        let is_new = matches!(effect, Effect::CreateCluster(_) | Effect::CreatePool);
        let lateness = (!is_new).then(|| Lateness::of_change(shown, context));
        let owner = self.clusters.get_mut(&cluster);
        let target = match (&pool, owner) {
            (Some(pool), Some(owner)) => owner.pools.get_mut(pool).map(|pool| &mut pool.lateness),
            (None, owner) => owner.map(|owner| &mut owner.lateness),
            (Some(_), None) => None,
        };
        if let (Some(lateness), Some(target)) = (lateness, target) {
            *target = lateness;
        }
        let operation = Operation::new(kind, cluster, pool, effect, context);
        let doc = operation.show(self, context.now);
        self.operations.push(operation);
        doc
    }

    /// Lets everything happen that is due.
    pub(super) fn settle(&mut self, now: Moment) {
        // Each turn ends one operation, so there are as many turns as operations.
        while let Some(index) = self.next_due(now) {
            let due = self.operations[index].due;
            let outcome = self.operations[index].end(due);
            let Operation { kind, cluster, pool, .. } = &self.operations[index];
            let (kind, cluster, pool) = (*kind, cluster.clone(), pool.clone());
            self.apply(kind, &cluster, pool.as_deref(), outcome, due);
        }
        self.clusters.retain(|_, cluster| cluster.expires.is_none_or(|expires| expires > now));
    }

    fn next_due(&self, now: Moment) -> Option<usize> {
        let due = self.operations.iter().enumerate().filter(|(_, operation)| operation.runs() && operation.due <= now);
        due.min_by_key(|(_, operation)| operation.due).map(|(index, _)| index)
    }

    fn apply(&mut self, kind: Kind, name: &str, pool_name: Option<&str>, outcome: Outcome, now: Moment) {
        let default_zones = self.place.default_zones();
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        // What is done is seen.
        match pool_name {
            Some(pool) => drop(cluster.pools.get_mut(pool).map(|pool| std::mem::take(&mut pool.lateness))),
            None => cluster.lateness = Lateness::default(),
        }
        match outcome {
            Outcome::Done { effect, degraded } => match effect {
                Effect::CreateCluster(up) => {
                    merge(&mut cluster.doc, up, &[]);
                    cluster.doc.insert("status".into(), "RUNNING".into());
                    for pool in cluster.pools.values_mut() {
                        pool.raise(name, &default_zones);
                    }
                    // It is one pool that finds no machines, not the control plane.
                    let last = cluster.pools.values_mut().next_back();
                    if let (Some(condition), Some(pool)) = (degraded, last) {
                        pool.trouble("RUNNING_WITH_ERROR", condition);
                    }
                }
                Effect::DeleteCluster => drop(self.clusters.remove(name)),
                Effect::Nothing => {}
                Effect::CreatePool | Effect::PatchPool(_) | Effect::Resize(_) | Effect::MovePool(_) => {
                    let Some(pool) = pool_name.and_then(|pool| cluster.pools.get_mut(pool)) else { return };
                    if kind != Kind::SetNodePoolManagement {
                        pool.heal();
                    }
                    match effect {
                        Effect::CreatePool => pool.raise(name, &default_zones),
                        Effect::PatchPool(patch) => {
                            pool.can_roll_back = false;
                            pool.doc.extend(patch);
                            pool.doc.retain(|_, value| !value.is_null());
                        }
                        Effect::Resize(size) => {
                            pool.groups.values_mut().for_each(|group| group.target_size = size);
                            pool.set_initial_node_count(size);
                        }
                        Effect::MovePool(zones) => pool.move_to(name, &zones),
                        Effect::CreateCluster(_)
                        | Effect::DeleteCluster
                        | Effect::DeletePool
                        | Effect::PatchCluster(_)
                        | Effect::MoveCluster(_)
                        | Effect::Nothing => {}
                    }
                    if let Some(condition) = degraded {
                        pool.trouble("RUNNING_WITH_ERROR", condition);
                    }
                }
                Effect::DeletePool => drop(pool_name.and_then(|pool| cluster.pools.remove(pool))),
                Effect::PatchCluster(patch) => {
                    cluster.heal();
                    cluster.doc.extend(patch);
                    cluster.doc.retain(|_, value| !value.is_null());
                    cluster.degrade(degraded);
                }
                Effect::MoveCluster(zones) => {
                    cluster.heal();
                    cluster.pools.values_mut().for_each(|pool| pool.move_to(name, &zones));
                    cluster.doc.insert("locations".into(), zones.into());
                    cluster.degrade(degraded);
                }
            },
            Outcome::Cancelled => {
                if let Some(pool) = pool_name.and_then(|pool| cluster.pools.get_mut(pool)) {
                    pool.can_roll_back = true;
                }
            }
            Outcome::Failed(condition) => match kind {
                Kind::CreateCluster | Kind::DeleteCluster => {
                    cluster.doc.insert("status".into(), "ERROR".into());
                    cluster.doc.insert("statusMessage".into(), condition["message"].clone());
                    cluster.doc.insert("conditions".into(), json!([condition]));
                    for pool in cluster.pools.values_mut() {
                        pool.trouble("ERROR", condition.clone());
                    }
                    cluster.expires = Some(now.plus(ERROR_STAYS));
                }
                Kind::CreateNodePool | Kind::DeleteNodePool | Kind::UpgradeNodes | Kind::SetNodePoolSize => {
                    let Some(pool) = pool_name.and_then(|pool| cluster.pools.get_mut(pool)) else { return };
                    let status = match kind {
                        Kind::CreateNodePool => {
                            pool.raise(name, &default_zones);
                            "ERROR"
                        }
                        Kind::DeleteNodePool => "ERROR",
                        Kind::UpgradeNodes => {
                            pool.can_roll_back = true;
                            "RUNNING_WITH_ERROR"
                        }
                        Kind::SetNodePoolSize
                        | Kind::CreateCluster
                        | Kind::DeleteCluster
                        | Kind::UpdateCluster
                        | Kind::UpgradeMaster
                        | Kind::RepairCluster
                        | Kind::SetNodePoolManagement => "RUNNING_WITH_ERROR",
                    };
                    pool.trouble(status, condition);
                }
                Kind::UpdateCluster | Kind::UpgradeMaster | Kind::RepairCluster | Kind::SetNodePoolManagement => {}
            },
        }
    }

    /// Removes a cluster and ends what is under way on it.
    pub(super) fn forget(&mut self, name: &str, now: Moment) -> bool {
        for operation in self.operations.iter_mut().filter(|operation| operation.cluster == name && operation.runs()) {
            operation.due = now;
            operation.end(now);
        }
        self.clusters.remove(name).is_some()
    }
}

impl Cluster {
    pub(super) fn new(doc: Document, pools: BTreeMap<String, Pool>, lateness: Lateness) -> Cluster {
        Cluster { doc, pools, lateness, expires: None }
    }

    pub(super) fn channel(&self) -> Option<&str> {
        self.doc.get("releaseChannel")?["channel"].as_str()
    }

    fn heal(&mut self) {
        self.doc.insert("status".into(), "RUNNING".into());
        self.doc.remove("conditions");
        self.doc.remove("statusMessage");
    }

    fn degrade(&mut self, condition: Option<Value>) {
        if let Some(condition) = condition {
            self.doc.insert("status".into(), "DEGRADED".into());
            self.doc.insert("statusMessage".into(), condition["message"].clone());
            self.doc.insert("conditions".into(), json!([condition]));
        }
    }
}

impl Pool {
    pub(super) fn new(doc: Document, lateness: Lateness) -> Pool {
        Pool { doc, groups: BTreeMap::new(), lateness, can_roll_back: false }
    }

    /// Nodes per zone that it was last asked to have.
    pub(super) fn initial_node_count(&self) -> u32 {
        let count = self.doc.get("initialNodeCount").and_then(Value::as_u64).unwrap_or(0);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    pub(super) fn set_initial_node_count(&mut self, count: u32) {
        // The default of proto3 is not on the wire.
        if count == 0 {
            self.doc.remove("initialNodeCount");
        } else {
            self.doc.insert("initialNodeCount".into(), count.into());
        }
    }

    /// Its instance groups are made.
    pub(super) fn raise(&mut self, cluster: &str, default_zones: &[String]) {
        self.doc.insert("status".into(), "RUNNING".into());
        let zones = texts(&self.doc, "locations");
        let zones = if zones.is_empty() { default_zones.to_vec() } else { zones };
        self.move_to(cluster, &zones);
    }

    /// Its nodes are in those zones, as many in each new one as it was last asked to have.
    fn move_to(&mut self, cluster: &str, zones: &[String]) {
        let (size, name) = (self.initial_node_count(), text(&self.doc, "name").to_owned());
        self.groups.retain(|zone, _| zones.contains(zone));
        for zone in zones {
            self.groups.entry(zone.clone()).or_insert_with(|| {
                let hash = label_fingerprint(&json!([cluster, name, zone]));
                Group { name: format!("gke-{cluster}-{name}-{hash}-grp"), target_size: size }
            });
        }
        self.doc.insert("locations".into(), zones.into());
    }

    fn heal(&mut self) {
        self.doc.insert("status".into(), "RUNNING".into());
        self.doc.remove("conditions");
        self.doc.remove("statusMessage");
    }

    fn trouble(&mut self, status: &str, condition: Value) {
        self.doc.insert("status".into(), status.into());
        self.doc.insert("statusMessage".into(), condition["message"].clone());
        self.doc.insert("conditions".into(), json!([condition]));
    }
}
