//! The simulated world: per subscription the resource groups, in them the clusters with their pools, and the operations
//! that clients poll. Objects are kept as the documents that GET answers with, beside what is to become of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::error::ArmError;
use crate::clock::Moment;
use crate::cloud::Context;
use crate::fault::Course;
use crate::random::Random;

/// A JSON object.
pub(super) type Document = Map<String, Value>;

/// What AKS does by itself after an operation, by the handler that busy messages name (Azure/telescope#1213).
const BACKGROUND: &str = "PutExtensionAddonHandler.PUT";

/// How long that takes.
const BACKGROUND_TIME: Duration = Duration::from_secs(150);

/// What a subscription holds.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) name: String,
    /// By namespace in lower case: since when each is registered, or will be.
    pub(super) registered: BTreeMap<String, Moment>,
    /// By name in lower case.
    pub(super) groups: BTreeMap<String, Group>,
    /// By the GUID of the URL that is polled.
    pub(super) operations: BTreeMap<String, Record>,
}

/// A resource group.
#[derive(Debug)]
pub(super) struct Group {
    /// As it was written when it was made.
    pub(super) name: String,
    pub(super) location: String,
    pub(super) tags: Document,
    /// The cluster whose nodes it holds.
    pub(super) managed_by: Option<String>,
    /// Its deletion: the job's name, and when it is over.
    pub(super) deletion: Option<(String, Moment)>,
    /// By name in lower case.
    pub(super) clusters: BTreeMap<String, Cluster>,
}

/// A cluster with its pools.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) name: String,
    /// The name of its resource group.
    pub(super) group: String,
    /// `location`, `tags`, `sku`, `identity` and their like.
    pub(super) top: Document,
    /// All but the pools.
    pub(super) properties: Document,
    /// In the order in which they were made.
    pub(super) pools: Vec<Pool>,
    pub(super) maintenance: BTreeMap<String, Document>,
    /// How it is reached once it is up.
    pub(super) access: Access,
    running: Option<Running>,
    /// AKS's own work after an operation, and until when.
    background: Option<(Background, Moment)>,
    late: Late,
    etags: Random,
}

/// How AKS words that it works by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Background {
    /// By the handler's name.
    Named,
    /// As a write that came in between.
    Race,
}

/// How a cluster is reached.
pub(super) struct Access {
    pub(super) server: String,
    pub(super) certificate_authority_data: String,
    pub(super) token: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("server", &self.server).finish_non_exhaustive()
    }
}

/// An agent pool.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) properties: Document,
    late: Late,
}

/// What reads do not show yet.
#[derive(Debug, Default)]
struct Late {
    /// How many reads do not find it.
    hidden: u32,
    /// A state that reads still show, and how many of them.
    state: Option<(String, u32)>,
}

/// What is under way.
#[derive(Debug)]
struct Running {
    operation: String,
    /// As busy messages name it: `pool - Updating`.
    what: String,
    due: Moment,
    end: End,
    /// What AKS does by itself afterwards.
    then: Option<Background>,
}

#[derive(Debug)]
enum End {
    /// The documents are overlaid with these; with an error, the operation has failed.
    Become {
        cluster: Document,
        pools: BTreeMap<String, Document>,
        error: Option<Failure>,
    },
    PoolVanishes(String),
    ClusterVanishes,
}

/// An operation as its poll URL shows it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) location: String,
    pub(super) started: Moment,
    pub(super) ended: Option<Moment>,
    pub(super) status: &'static str,
    pub(super) error: Option<Failure>,
    /// How many polls do not find it yet.
    pub(super) hidden: u32,
}

/// Why an operation failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// What an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Cluster,
    Pool(String),
}

/// A change that was accepted.
pub(super) struct Change {
    pub(super) target: Target,
    /// The `provisioningState` meanwhile.
    pub(super) state: &'static str,
    pub(super) usual: Duration,
    /// What becomes of the properties when it is done.
    pub(super) cluster: Document,
    pub(super) pools: BTreeMap<String, Document>,
}

/// The document in a `json!({…})`.
pub(super) fn document(value: Value) -> Document {
    match value {
        Value::Object(document) => document,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Document::new(),
    }
}

/// A member that is text; empty where there is none.
pub(super) fn text<'d>(document: &'d Document, key: &str) -> &'d str {
    document.get(key).and_then(Value::as_str).unwrap_or("")
}

impl Subscription {
    pub(super) fn group(&mut self, name: &str) -> Result<&mut Group, ArmError> {
        self.groups.get_mut(&name.to_ascii_lowercase()).ok_or_else(|| ArmError::no_group(name))
    }

    /// A cluster and the operations beside it.
    pub(super) fn cluster(
        &mut self,
        group: &str,
        name: &str,
    ) -> Result<(&mut Cluster, &mut BTreeMap<String, Record>), ArmError> {
        let Subscription { groups, operations, .. } = self;
        let found = groups.get_mut(&group.to_ascii_lowercase()).ok_or_else(|| ArmError::no_group(group))?;
        let cluster = found.clusters.get_mut(&name.to_ascii_lowercase());
        Ok((cluster.ok_or_else(|| ArmError::no_resource("managedClusters", name, group))?, operations))
    }

    /// Lets everything happen that is due.
    pub(super) fn settle(&mut self, now: Moment) {
        let Subscription { groups, operations, .. } = self;
        let mut gone = Vec::new();
        groups.retain(|_, group| {
            let vanishes = group.deletion.as_ref().is_some_and(|(_, due)| *due <= now);
            group.clusters.retain(|_, cluster| {
                let stays = cluster.settle(operations, now) && !vanishes;
                if !stays {
                    gone.push(text(&cluster.properties, "nodeResourceGroup").to_ascii_lowercase());
                }
                stays
            });
            if vanishes
                && let Some((job, _)) = &group.deletion
                && let Some(record) = operations.get_mut(job)
            {
                record.end("Succeeded", None, now);
            }
            !vanishes
        });
        gone.iter().for_each(|group| {
            groups.remove(group);
        });
    }
}

impl Cluster {
    pub(super) fn new(name: &str, group: &str, access: Access, context: &mut Context<'_>) -> Cluster {
        let hidden = hidden_reads(context);
        Cluster {
            name: name.into(),
            group: group.into(),
            top: Document::new(),
            properties: Document::new(),
            pools: Vec::new(),
            maintenance: BTreeMap::new(),
            access,
            running: None,
            background: None,
            late: Late { hidden, state: None },
            etags: Random::new(context.random.next()),
        }
    }

    /// From now on every read finds it.
    pub(super) fn see(&mut self) {
        self.late.hidden = 0;
    }

    pub(super) fn location(&self) -> &str {
        text(&self.top, "location")
    }

    pub(super) fn state(&self) -> &str {
        text(&self.properties, "provisioningState")
    }

    pub(super) fn pool(&mut self, name: &str) -> Option<&mut Pool> {
        self.pools.iter_mut().find(|pool| pool.name == name)
    }

    /// Its id as AKS writes it, with `resourcegroups` in lower case, as recordings of the CLI show.
    pub(super) fn id(&self, subscription: &str) -> String {
        format!(
            "/subscriptions/{subscription}/resourcegroups/{}/providers/Microsoft.ContainerService/managedClusters/{}",
            self.group, self.name
        )
    }

    /// What GET shows; none when a read does not find it yet.
    pub(super) fn read(&mut self, subscription: &str) -> Option<Value> {
        if self.late.hidden > 0 {
            self.late.hidden -= 1;
            return None;
        }
        let state = self.late.state();
        let mut doc = self.show(subscription);
        if let Some(state) = state {
            doc["properties"]["provisioningState"] = state.into();
        }
        Some(doc)
    }

    /// As it is.
    pub(super) fn show(&self, subscription: &str) -> Value {
        let mut properties = self.properties.clone();
        let profile = |pool: &Pool| {
            let mut profile = document(json!({ "name": pool.name }));
            profile.extend(pool.properties.clone());
            Value::Object(profile)
        };
        properties.insert("agentPoolProfiles".into(), self.pools.iter().map(profile).collect());
        let mut doc = document(json!({
            "id": self.id(subscription),
            "name": self.name,
            "type": "Microsoft.ContainerService/ManagedClusters",
        }));
        doc.extend(self.top.clone());
        doc.insert("properties".into(), Value::Object(properties));
        Value::Object(doc)
    }

    /// What blocks a new operation, as `nodepool1 - Updating`.
    pub(super) fn blocking(&self) -> Option<&str> {
        let own = self.background.map(|_| BACKGROUND);
        self.running.as_ref().map(|running| running.what.as_str()).or(own)
    }

    /// The operation that deletes it.
    pub(super) fn deletion(&self) -> Option<&str> {
        let running = self.running.as_ref()?;
        matches!(running.end, End::ClusterVanishes).then_some(running.operation.as_str())
    }

    /// The error for whoever wants a change while another runs.
    pub(super) fn require_idle(&self) -> Result<(), ArmError> {
        match (&self.running, self.background) {
            (Some(running), _) => Err(ArmError::busy(&running.what)),
            (None, Some((Background::Race, _))) => Err(ArmError::etag_race()),
            (None, Some((Background::Named, _))) => Err(ArmError::busy(BACKGROUND)),
            (None, None) => Ok(()),
        }
    }

    pub(super) fn etag(&self) -> &str {
        text(&self.top, "eTag")
    }

    /// New tags for the cluster, where it changes, and for its pools that change.
    pub(super) fn touch(&mut self, target: &Target) {
        let Cluster { etags, top, pools, .. } = self;
        match target {
            // "When you perform a cluster-level operation, both are updated": AKS's page on eTags.
            Target::Cluster => {
                top.insert("eTag".into(), etags.uuid().into());
                pools.iter_mut().for_each(|pool| pool.touch(etags));
            }
            Target::Pool(name) => pools.iter_mut().filter(|pool| pool.name == *name).for_each(|pool| pool.touch(etags)),
        }
    }

    /// Starts an accepted change; answers with the name of its operation.
    pub(super) fn accept(
        &mut self,
        change: Change,
        operations: &mut BTreeMap<String, Record>,
        context: &mut Context<'_>,
    ) -> String {
        let due = context.due(change.usual);
        let Change { target, state, mut cluster, mut pools, .. } = change;
        let error = self.failure(&target, &mut cluster, &mut pools, context.course);
        self.begin(&target, state, context);
        match &target {
            Target::Cluster => {
                let own = if error.is_none() { "Succeeded" } else { "Failed" };
                cluster.insert("provisioningState".into(), own.into());
                for pool in &self.pools {
                    pools
                        .entry(pool.name.clone())
                        .or_default()
                        .entry("provisioningState")
                        .or_insert("Succeeded".into());
                }
            }
            Target::Pool(name) => {
                let pool = pools.entry(name.clone()).or_default();
                pool.entry("provisioningState").or_insert("Succeeded".into());
            }
        }
        self.run(&target, state, due, End::Become { cluster, pools, error }, operations, context)
    }

    /// Starts a deletion, of the cluster whatever runs; answers with the name of its operation.
    pub(super) fn delete(
        &mut self,
        target: Target,
        usual: Duration,
        operations: &mut BTreeMap<String, Record>,
        context: &mut Context<'_>,
    ) -> String {
        let due = context.due(usual);
        if let Some(Running { operation, .. }) = self.running.take()
            && let Some(record) = operations.get_mut(&operation)
        {
            let error = Failure {
                code: "OperationPreempted",
                message: "This operation has been preempted by Deleting operation.".into(),
            };
            record.end("Canceled", Some(error), context.now);
        }
        self.background = None;
        let end = match (context.course, &target) {
            (Some(Course::Fail | Course::Degrade), _) => {
                let failed = document(json!({ "provisioningState": "Failed" }));
                let error = Failure {
                    code: "ResourceGroupDeletionFailed",
                    message: "Delete managed cluster failed: a resource in the node resource group is locked.".into(),
                };
                let (cluster, pools) = match &target {
                    // Nothing goes on with its pools either.
                    Target::Cluster => {
                        let pools = self.pools.iter().map(|pool| (pool.name.clone(), failed.clone())).collect();
                        (failed, pools)
                    }
                    Target::Pool(name) => (Document::new(), BTreeMap::from([(name.clone(), failed)])),
                };
                End::Become { cluster, pools, error: Some(error) }
            }
            (Some(Course::Slow | Course::Stuck | Course::StaleStatus | Course::NotYetVisible) | None, target) => {
                match target {
                    Target::Cluster => End::ClusterVanishes,
                    Target::Pool(name) => End::PoolVanishes(name.clone()),
                }
            }
        };
        self.begin(&target, "Deleting", context);
        self.run(&target, "Deleting", due, end, operations, context)
    }

    /// Ends what runs; answers with the name of the abortion's own operation, or with nothing where nothing runs.
    pub(super) fn abort(
        &mut self,
        target: &Target,
        usual: Duration,
        operations: &mut BTreeMap<String, Record>,
        context: &mut Context<'_>,
    ) -> Option<String> {
        let running = self.running.take()?;
        if let Some(record) = operations.get_mut(&running.operation) {
            let error = Failure { code: "Canceled", message: "The operation was aborted by the user.".into() };
            record.end("Canceled", Some(error), context.now);
        }
        let canceled = document(json!({ "provisioningState": "Canceled" }));
        let busy = |pool: &&Pool| !["Succeeded", "Failed", "Canceled"].contains(&pool.state());
        let pools: BTreeMap<_, _> =
            self.pools.iter().filter(busy).map(|pool| (pool.name.clone(), canceled.clone())).collect();
        let cluster = if self.state() == "Succeeded" { Document::new() } else { canceled };
        self.begin(target, "Canceling", context);
        let due = context.due(usual);
        Some(self.run(target, "Canceling", due, End::Become { cluster, pools, error: None }, operations, context))
    }

    /// What is to fail of a change by the fault plan: the documents lose what is not reached.
    fn failure(
        &self,
        target: &Target,
        cluster: &mut Document,
        pools: &mut BTreeMap<String, Document>,
        course: Option<Course>,
    ) -> Option<Failure> {
        let failed = || document(json!({ "provisioningState": "Failed" }));
        let blamed = match (course, target) {
            (Some(Course::Fail), Target::Cluster) => {
                *cluster = Document::new();
                *pools = self.pools.iter().map(|pool| (pool.name.clone(), failed())).collect();
                None
            }
            // All but the last pool comes up.
            (Some(Course::Degrade), Target::Cluster) => {
                let last = self.pools.last().map(|pool| pool.name.clone());
                last.iter().for_each(|name| {
                    pools.insert(name.clone(), failed());
                });
                last
            }
            (Some(Course::Fail | Course::Degrade), Target::Pool(name)) => {
                pools.insert(name.clone(), failed());
                Some(name.clone())
            }
            (Some(Course::Slow | Course::Stuck | Course::StaleStatus | Course::NotYetVisible) | None, _) => {
                return None;
            }
        };
        Some(match blamed {
            Some(pool) => Failure {
                code: "CreateVMSSAgentPoolFailed",
                message: format!(
                    "Unable to establish agent pool {pool}. Allocation failed. We do not have sufficient capacity for the \
                     requested VM size in this region."
                ),
            },
            None => Failure {
                code: "ControlPlaneProvisioningInternalError",
                message: "Reconcile of the managed cluster failed: internal error.".into(),
            },
        })
    }

    fn begin(&mut self, target: &Target, state: &str, context: &mut Context<'_>) {
        let reads = match context.course {
            Some(Course::StaleStatus) => 3,
            Some(Course::Slow | Course::Stuck | Course::Fail | Course::Degrade | Course::NotYetVisible) | None => {
                context.random.late_reads(1)
            }
        };
        let set = |properties: &mut Document, late: &mut Late| {
            let before = text(properties, "provisioningState").to_owned();
            late.state = (reads > 0 && !before.is_empty()).then_some((before, reads));
            properties.insert("provisioningState".into(), state.into());
        };
        match target {
            Target::Cluster => {
                set(&mut self.properties, &mut self.late);
                self.pools.iter_mut().for_each(|pool| set(&mut pool.properties, &mut pool.late));
            }
            Target::Pool(name) => {
                let pool = self.pools.iter_mut().find(|pool| pool.name == *name);
                pool.into_iter().for_each(|pool| set(&mut pool.properties, &mut pool.late));
            }
        }
        self.touch(target);
    }

    fn run(
        &mut self,
        target: &Target,
        state: &str,
        due: Moment,
        end: End,
        operations: &mut BTreeMap<String, Record>,
        context: &mut Context<'_>,
    ) -> String {
        let operation = context.random.uuid();
        let name = match target {
            Target::Cluster => &self.name,
            Target::Pool(name) => name,
        };
        let what = format!("{name} - {state}");
        // One in four, and never in a calm world.
        let then = match context.random.late_reads(7) {
            7 => Some(Background::Named),
            6 => Some(Background::Race),
            _ => None,
        };
        let record = Record {
            location: self.location().to_owned(),
            started: context.now,
            ended: None,
            status: "InProgress",
            error: None,
            hidden: if context.course == Some(Course::NotYetVisible) { 2 } else { 0 },
        };
        operations.insert(operation.clone(), record);
        self.running = Some(Running { operation: operation.clone(), what, due, end, then });
        operation
    }

    /// Returns whether it is still there.
    fn settle(&mut self, operations: &mut BTreeMap<String, Record>, now: Moment) -> bool {
        if self.background.is_some_and(|(_, until)| until <= now) {
            self.background = None;
            self.touch(&Target::Cluster);
        }
        if self.running.as_ref().is_none_or(|running| running.due > now) {
            return true;
        }
        let Some(Running { operation, due, end, then, .. }) = self.running.take() else { return true };
        self.late = Late::default();
        let mut failure = None;
        match end {
            End::Become { cluster, pools, error } => {
                let whole = !cluster.is_empty();
                self.properties.extend(cluster);
                for (name, patch) in pools {
                    if let Some(pool) = self.pool(&name) {
                        pool.properties.extend(patch);
                        pool.late = Late::default();
                        self.touch(&Target::Pool(name));
                    }
                }
                if whole {
                    self.touch(&Target::Cluster);
                }
                let until = due.plus(BACKGROUND_TIME);
                self.background = then.filter(|_| error.is_none() && until > now).map(|what| (what, until));
                failure = error;
            }
            End::PoolVanishes(name) => self.pools.retain(|pool| pool.name != name),
            End::ClusterVanishes => {
                finish(operations, &operation, None, due);
                return false;
            }
        }
        finish(operations, &operation, failure, due);
        true
    }
}

fn finish(operations: &mut BTreeMap<String, Record>, operation: &str, error: Option<Failure>, at: Moment) {
    if let Some(record) = operations.get_mut(operation) {
        let status = if error.is_none() { "Succeeded" } else { "Failed" };
        record.end(status, error, at);
    }
}

fn hidden_reads(context: &mut Context<'_>) -> u32 {
    match context.course {
        Some(Course::NotYetVisible) => 2,
        Some(Course::Slow | Course::Stuck | Course::Fail | Course::Degrade | Course::StaleStatus) | None => {
            context.random.late_reads(1)
        }
    }
}

impl Pool {
    /// A pool just made.
    pub(super) fn new(name: &str, properties: Document, context: &mut Context<'_>) -> Pool {
        Pool { late: Late { hidden: hidden_reads(context), state: None }, ..Pool::within(name, properties) }
    }

    /// A pool that is seen as soon as its cluster is.
    pub(super) fn within(name: &str, properties: Document) -> Pool {
        Pool { name: name.into(), properties, late: Late::default() }
    }

    pub(super) fn state(&self) -> &str {
        text(&self.properties, "provisioningState")
    }

    pub(super) fn etag(&self) -> &str {
        text(&self.properties, "eTag")
    }

    /// What GET shows; none when a read does not find it yet.
    pub(super) fn read(&mut self, cluster_id: &str) -> Option<Value> {
        if self.late.hidden > 0 {
            self.late.hidden -= 1;
            return None;
        }
        let state = self.late.state();
        let mut doc = self.show(cluster_id);
        if let Some(state) = state {
            doc["properties"]["provisioningState"] = state.into();
        }
        Some(doc)
    }

    pub(super) fn show(&self, cluster_id: &str) -> Value {
        json!({
            "id": format!("{cluster_id}/agentPools/{}", self.name),
            "name": self.name,
            "type": "Microsoft.ContainerService/managedClusters/agentPools",
            "properties": self.properties,
        })
    }

    fn touch(&mut self, etags: &mut Random) {
        self.properties.insert("eTag".into(), etags.uuid().into());
    }
}

impl Late {
    fn state(&mut self) -> Option<String> {
        let (state, reads) = self.state.as_mut()?;
        let state = state.clone();
        *reads -= 1;
        if *reads == 0 {
            self.state = None;
        }
        Some(state)
    }
}

impl Record {
    pub(super) fn end(&mut self, status: &'static str, error: Option<Failure>, at: Moment) {
        (self.status, self.error, self.ended) = (status, error, Some(at));
    }
}
