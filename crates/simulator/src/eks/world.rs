//! The simulated world: per account and region the clusters, with what belongs to them. Objects are kept as the documents
//! that Describe answers with, beside what is to become of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::error::ServiceError;
use crate::clock::Moment;
use crate::cloud::Context;
use crate::fault::Course;
use crate::kubernetes::ApiServer;

/// A JSON object.
pub(super) type Document = Map<String, Value>;

/// The clusters of one region of one account.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) api_server: ApiServer,
    pub(super) clusters: BTreeMap<String, Cluster>,
    pub(super) tokens: super::token::Tokens,
}

/// A cluster with all that belongs to it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) own: Resource,
    /// The principal that made it, if it is to have its own access entry.
    pub(super) admin: Option<String>,
    pub(super) nodegroups: BTreeMap<String, Resource>,
    pub(super) addons: BTreeMap<String, Resource>,
    pub(super) entries: BTreeMap<String, AccessEntry>,
    /// Oldest first.
    pub(super) updates: Vec<Update>,
}

/// An access entry with its policies, by ARN.
#[derive(Debug)]
pub(super) struct AccessEntry {
    pub(super) doc: Document,
    pub(super) policies: BTreeMap<String, Document>,
}

/// An object that changes asynchronously.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) doc: Document,
    pending: Option<Pending>,
    /// A status that reads still show, and how many of them.
    late_status: Option<(String, u32)>,
    /// How many reads do not find it yet.
    hidden: u32,
}

/// What is under way.
#[derive(Debug)]
struct Pending {
    due: Moment,
    end: End,
    /// The update that it belongs to, and its error if it is to fail.
    update: Option<(String, Option<Value>)>,
}

#[derive(Debug)]
enum End {
    /// The document is overlaid with this one.
    Become(Document),
    Vanish,
}

/// What has happened to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Rests,
    Changed,
    Gone,
}

/// An update as DescribeUpdate shows it.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) id: String,
    pub(super) target: Target,
    pub(super) doc: Document,
}

/// What an update changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Cluster,
    Nodegroup(String),
    Addon(String),
}

/// A change that was accepted.
pub(super) struct Change {
    pub(super) target: Target,
    /// The `type` of the update.
    pub(super) kind: &'static str,
    /// The `params` of the update.
    pub(super) params: Vec<(&'static str, String)>,
    /// What the target's document becomes.
    pub(super) patch: Document,
    pub(super) usual: Duration,
}

/// The document in a `json!({…})`.
pub(super) fn document(value: Value) -> Document {
    match value {
        Value::Object(document) => document,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Document::new(),
    }
}

impl Region {
    pub(super) fn cluster(&mut self, name: &str) -> Result<&mut Cluster, ServiceError> {
        self.clusters.get_mut(name).ok_or_else(|| ServiceError::no_cluster(name))
    }

    /// Lets everything happen that is due.
    pub(super) fn settle(&mut self, now: Moment) {
        let Region { clusters, tokens, .. } = self;
        clusters.retain(|name, cluster| {
            let stays = cluster.settle(now);
            if !stays {
                tokens.forget(name);
            }
            stays
        });
    }
}

impl Cluster {
    pub(super) fn name(&self) -> &str {
        self.own.text("name")
    }

    pub(super) fn nodegroup(&mut self, name: &str) -> Result<&mut Resource, ServiceError> {
        let cluster = self.own.text("name").to_owned();
        self.nodegroups.get_mut(name).ok_or_else(|| {
            ServiceError::not_found(format!("No node group found for name: {name}.")).cluster(&cluster).nodegroup(name)
        })
    }

    /// The minor of its version.
    pub(super) fn minor(&self) -> u32 {
        minor_of(self.own.text("version"))
    }

    /// The error for whoever wants to change a cluster that is not ACTIVE.
    pub(super) fn require_active(&self) -> Result<(), ServiceError> {
        match self.own.status() {
            "ACTIVE" => Ok(()),
            _ => {
                let name = self.name();
                let message = format!("Cluster '{name}' is not in ACTIVE status");
                Err(ServiceError::invalid_request(message).cluster(name))
            }
        }
    }

    /// The error for whoever wants an update while one is running, worded as in aws-controllers-k8s/community#1192.
    pub(super) fn require_idle(&self, wanted: &str) -> Result<(), ServiceError> {
        match self.own.running_update() {
            Some(id) => {
                let name = self.name();
                let message = format!("Cannot {wanted} because cluster {name} currently has update {id} in progress");
                Err(ServiceError::in_use(message).cluster(name))
            }
            None => self.require_active(),
        }
    }

    /// Starts an accepted change and answers with its update.
    pub(super) fn accept(&mut self, change: Change, context: &mut Context<'_>) -> Value {
        let id = context.random.uuid();
        let due = context.due(change.usual);
        let params: Vec<Value> =
            change.params.into_iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect();
        let doc = document(json!({
            "id": id,
            "status": "InProgress",
            "type": change.kind,
            "params": params,
            "createdAt": context.now.epoch_seconds(),
            "errors": [],
        }));
        let failure = (context.course == Some(Course::Fail)).then(|| failure(&change.target, change.kind));
        let degraded = context.course == Some(Course::Degrade);
        let health = degraded.then(|| health_issue(&change.target));
        let active = match (&change.target, degraded) {
            (Target::Nodegroup(_) | Target::Addon(_), true) => "DEGRADED",
            (Target::Cluster, true) | (_, false) => "ACTIVE",
        };
        let resource = match &change.target {
            Target::Cluster => Some(&mut self.own),
            Target::Nodegroup(name) => self.nodegroups.get_mut(name),
            Target::Addon(name) => self.addons.get_mut(name),
        };
        if let Some(resource) = resource {
            let mut end = if failure.is_none() { change.patch } else { Document::new() };
            end.insert("status".into(), active.into());
            end.extend(health.map(|issues| ("health".to_owned(), issues)));
            if change.target != Target::Cluster {
                end.insert("modifiedAt".into(), due.epoch_seconds().into());
            }
            resource.begin("UPDATING", due, end, Some((id.clone(), failure)), context);
        }
        self.updates.push(Update { id, target: change.target, doc: doc.clone() });
        Value::Object(doc)
    }

    /// Returns whether it is still there.
    fn settle(&mut self, now: Moment) -> bool {
        let mut ended = Vec::new();
        let own = self.own.settle(now, &mut ended);
        let mut changed = own != Settled::Rests;
        let mut stays = |resource: &mut Resource| {
            let settled = resource.settle(now, &mut ended);
            changed |= settled != Settled::Rests;
            settled != Settled::Gone
        };
        self.nodegroups.retain(|_, group| stays(group));
        self.addons.retain(|_, addon| stays(addon));
        for (id, error) in ended {
            if let Some(update) = self.updates.iter_mut().find(|update| update.id == id) {
                let status = if error.is_none() { "Successful" } else { "Failed" };
                update.doc.insert("status".into(), status.into());
                update.doc.insert("errors".into(), Value::Array(error.into_iter().collect()));
            }
        }
        if changed {
            self.follow(now);
        }
        own != Settled::Gone
    }

    /// What follows from a change of the cluster or of what belongs to it.
    pub(super) fn follow(&mut self, now: Moment) {
        super::addon::heal(self);
        super::access::follow(self, now);
    }
}

impl Resource {
    /// Something that exists and rests.
    pub(super) fn new(doc: Document) -> Resource {
        Resource { doc, pending: None, late_status: None, hidden: 0 }
    }

    /// Something whose creation was accepted, which becomes `end` when it is done.
    pub(super) fn creating(doc: Document, due: Moment, end: Document, context: &mut Context<'_>) -> Resource {
        let hidden = match context.course {
            Some(Course::NotYetVisible) => 2,
            // At most one: EKS is nearly always consistent here.
            Some(Course::Slow | Course::Stuck | Course::Fail | Course::Degrade | Course::StaleStatus) | None => {
                context.random.late_reads(1)
            }
        };
        let pending = Some(Pending { due, end: End::Become(end), update: None });
        Resource { doc, pending, late_status: None, hidden }
    }

    pub(super) fn status(&self) -> &str {
        self.text("status")
    }

    /// A member of the document that is text; empty where there is none.
    pub(super) fn text(&self, key: &str) -> &str {
        self.doc.get(key).and_then(Value::as_str).unwrap_or("")
    }

    /// What Describe shows; none when a read does not find it yet.
    pub(super) fn read(&mut self) -> Option<Value> {
        if self.hidden > 0 {
            self.hidden -= 1;
            return None;
        }
        let mut doc = self.doc.clone();
        if let Some((status, reads)) = &mut self.late_status {
            doc.insert("status".into(), status.as_str().into());
            *reads -= 1;
            if *reads == 0 {
                self.late_status = None;
            }
        }
        Some(Value::Object(doc))
    }

    /// The update under way.
    pub(super) fn running_update(&self) -> Option<&str> {
        self.pending.as_ref()?.update.as_ref().map(|(id, _)| id.as_str())
    }

    pub(super) fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    fn begin(
        &mut self,
        status: &str,
        due: Moment,
        end: Document,
        update: Option<(String, Option<Value>)>,
        context: &mut Context<'_>,
    ) {
        let reads = match context.course {
            Some(Course::StaleStatus) => 3,
            // "This status transition is eventually consistent", says the description of the update calls.
            Some(Course::Slow | Course::Stuck | Course::Fail | Course::Degrade | Course::NotYetVisible) | None => {
                context.random.late_reads(2)
            }
        };
        self.late_status = (reads > 0).then(|| (self.status().to_owned(), reads));
        self.doc.insert("status".into(), status.into());
        self.pending = Some(Pending { due, end: End::Become(end), update });
    }

    /// Starts a deletion; `failed` is what becomes of it if it is to fail.
    pub(super) fn delete(&mut self, usual: Duration, failed: Document, context: &mut Context<'_>) {
        let due = context.due(usual);
        self.doc.insert("status".into(), "DELETING".into());
        self.late_status = None;
        let end = match context.course {
            Some(Course::Fail) => End::Become(failed),
            Some(Course::Slow | Course::Stuck | Course::Degrade | Course::StaleStatus | Course::NotYetVisible)
            | None => End::Vanish,
        };
        self.pending = Some(Pending { due, end, update: None });
    }

    /// Lets happen what is due; adds the update that has ended.
    fn settle(&mut self, now: Moment, ended: &mut Vec<(String, Option<Value>)>) -> Settled {
        if self.pending.as_ref().is_none_or(|pending| pending.due > now) {
            return Settled::Rests;
        }
        let Some(Pending { end, update, .. }) = self.pending.take() else { return Settled::Rests };
        ended.extend(update);
        self.late_status = None;
        match end {
            End::Become(document) => {
                self.doc.extend(document);
                Settled::Changed
            }
            End::Vanish => Settled::Gone,
        }
    }
}

/// The minor of a version like `1.33`.
pub(super) fn minor_of(version: &str) -> u32 {
    version.strip_prefix("1.").and_then(|minor| minor.parse().ok()).unwrap_or(0)
}

/// What an object's health becomes when an operation succeeds in part.
pub(super) fn health_issue(target: &Target) -> Value {
    match target {
        Target::Cluster => json!({ "issues": [{
            "code": "InsufficientFreeAddresses",
            "message": "One or more of the subnets has no free address left",
            "resourceIds": [],
        }] }),
        Target::Nodegroup(name) => json!({ "issues": [{
            "code": "AsgInstanceLaunchFailures",
            "message": "Could not launch On-Demand Instances. InsufficientInstanceCapacity",
            "resourceIds": [format!("eks-{name}")],
        }] }),
        Target::Addon(name) => json!({ "issues": [{
            "code": "InsufficientNumberOfReplicas",
            "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
            "resourceIds": [name],
        }] }),
    }
}

/// A failed update's error.
fn failure(target: &Target, kind: &str) -> Value {
    let (code, message, ids) = match target {
        Target::Cluster => ("InsufficientFreeAddresses", "One or more of the subnets has no free address left", vec![]),
        Target::Nodegroup(name) if kind == "VersionUpdate" => (
            "PodEvictionFailure",
            "Reached max retries while trying to evict pods from nodes in the node group",
            vec![name.clone()],
        ),
        Target::Nodegroup(name) => {
            ("NodeCreationFailure", "Instances failed to join the Kubernetes cluster", vec![name.clone()])
        }
        Target::Addon(name) => {
            ("ConfigurationConflict", "Conflicts found when trying to apply the add-on", vec![name.clone()])
        }
    };
    json!({ "errorCode": code, "errorMessage": message, "resourceIds": ids })
}
