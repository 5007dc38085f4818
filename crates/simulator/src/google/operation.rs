//! Operations: what was accepted and how it is getting on.

use std::time::Duration;

use serde_json::{Value, json};

use super::document::Document;
use super::error::ApiError;
use super::world::Location;
use super::{Answer, Input, shape};
use crate::clock::Moment;
use crate::cloud::Context;
use crate::fault::Course;

/// How long an operation waits before it runs, if it waits at all.
const PENDING: Duration = Duration::from_secs(20);

/// How long an operation takes to stop once it was cancelled.
const ABORT: Duration = Duration::from_secs(60);

/// The type of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    CreateCluster,
    DeleteCluster,
    UpgradeMaster,
    UpdateCluster,
    /// By GKE itself.
    RepairCluster,
    CreateNodePool,
    DeleteNodePool,
    UpgradeNodes,
    SetNodePoolSize,
    SetNodePoolManagement,
}

/// A change that was accepted.
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) cluster: String,
    pub(super) pool: Option<String>,
    pub(super) effect: Effect,
}

/// What an operation does when it ends well.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// The cluster and its pools are up, and this is known of it.
    CreateCluster(Document),
    DeleteCluster,
    /// Members of the cluster's document become these; null removes.
    PatchCluster(Document),
    /// The cluster's nodes are in these zones.
    MoveCluster(Vec<String>),
    CreatePool,
    DeletePool,
    /// Members of the pool's document become these; null removes.
    PatchPool(Document),
    /// So many nodes in each zone.
    Resize(u32),
    /// The pool's nodes are in these zones.
    MovePool(Vec<String>),
    /// What GKE does by itself shows in nothing that is kept here.
    Nothing,
}

/// How an operation has ended.
pub(super) enum Outcome {
    /// With its effect, and a condition that the object has got with it.
    Done {
        effect: Effect,
        degraded: Option<Value>,
    },
    /// With a condition that says why.
    Failed(Value),
    Cancelled,
}

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) cluster: String,
    pub(super) pool: Option<String>,
    pub(super) due: Moment,
    started: Moment,
    runs_from: Moment,
    effect: Effect,
    course: Option<Course>,
    aborting: bool,
    ended: Option<(Moment, Option<Value>)>,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Kind::CreateCluster,
        Kind::DeleteCluster,
        Kind::UpgradeMaster,
        Kind::UpdateCluster,
        Kind::RepairCluster,
        Kind::CreateNodePool,
        Kind::DeleteNodePool,
        Kind::UpgradeNodes,
        Kind::SetNodePoolSize,
        Kind::SetNodePoolManagement,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::CreateCluster => "CREATE_CLUSTER",
            Kind::DeleteCluster => "DELETE_CLUSTER",
            Kind::UpgradeMaster => "UPGRADE_MASTER",
            Kind::UpdateCluster => "UPDATE_CLUSTER",
            Kind::RepairCluster => "REPAIR_CLUSTER",
            Kind::CreateNodePool => "CREATE_NODE_POOL",
            Kind::DeleteNodePool => "DELETE_NODE_POOL",
            Kind::UpgradeNodes => "UPGRADE_NODES",
            Kind::SetNodePoolSize => "SET_NODE_POOL_SIZE",
            Kind::SetNodePoolManagement => "SET_NODE_POOL_MANAGEMENT",
        }
    }

    pub(super) fn find(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How long it takes, from what users report for clusters of few nodes.
    fn usual(self) -> Duration {
        Duration::from_secs(match self {
            Kind::CreateCluster => 300,
            Kind::DeleteCluster => 240,
            Kind::UpgradeMaster => 420,
            Kind::UpdateCluster => 90,
            Kind::RepairCluster => 120,
            Kind::CreateNodePool => 100,
            Kind::DeleteNodePool => 150,
            Kind::UpgradeNodes => 330,
            Kind::SetNodePoolSize => 70,
            Kind::SetNodePoolManagement => 5,
        })
    }

    /// Whether it may run while another operation runs on the cluster. A cluster has one operation at a time, or one on each
    /// of several pools; what changes metadata of a pool only goes beside most others (the discovery document's words on
    /// SET_NODE_POOL_MANAGEMENT).
    pub(super) fn goes_beside(self, pool: Option<&str>, running: &Operation) -> bool {
        let whole = |kind| matches!(kind, Kind::CreateCluster | Kind::DeleteCluster);
        let same_pool = pool.is_some() && pool == running.pool.as_deref();
        let one_goes = |kind| matches!(kind, Kind::CreateNodePool | Kind::DeleteNodePool);
        if self == Kind::SetNodePoolManagement || running.kind == Kind::SetNodePoolManagement {
            let either = [self, running.kind];
            return !(either.into_iter().any(whole) || same_pool && either.into_iter().any(one_goes));
        }
        pool.is_some() && running.pool.is_some() && !same_pool
    }
}

impl Operation {
    pub(super) fn new(
        kind: Kind,
        cluster: String,
        pool: Option<String>,
        effect: Effect,
        context: &mut Context<'_>,
    ) -> Operation {
        let name = name(context);
        let due = context.due(kind.usual());
        let waits = context.random.late_reads(1) > 0;
        let runs_from = if waits { context.now.plus(PENDING) } else { context.now };
        let (started, course) = (context.now, context.course);
        Operation { name, kind, cluster, pool, due, started, runs_from, effect, course, aborting: false, ended: None }
    }

    /// One that GKE began by itself and that changes nothing.
    pub(super) fn of_gke(
        name: String,
        kind: Kind,
        cluster: &str,
        pool: Option<String>,
        takes: Duration,
        now: Moment,
    ) -> Operation {
        let effect = Effect::Nothing;
        let (cluster, due) = (cluster.to_owned(), now.plus(takes));
        let (started, runs_from) = (now, now);
        Operation {
            name,
            kind,
            cluster,
            pool,
            due,
            started,
            runs_from,
            effect,
            course: None,
            aborting: false,
            ended: None,
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.ended.is_none()
    }

    /// Ends it.
    pub(super) fn end(&mut self, now: Moment) -> Outcome {
        if self.aborting {
            self.ended = Some((now, Some(json!({ "code": 1, "message": "Operation was aborted." }))));
            return Outcome::Cancelled;
        }
        let condition = self.condition();
        match self.course {
            Some(Course::Fail) => {
                self.ended = Some((now, Some(json!({ "code": 8, "message": condition["message"] }))));
                Outcome::Failed(condition)
            }
            Some(Course::Degrade) => {
                self.ended = Some((now, None));
                Outcome::Done { effect: self.effect.clone(), degraded: Some(condition) }
            }
            Some(Course::Slow | Course::Stuck | Course::StaleStatus | Course::NotYetVisible) | None => {
                self.ended = Some((now, None));
                Outcome::Done { effect: self.effect.clone(), degraded: None }
            }
        }
    }

    /// What goes wrong if something does: machines are not to be had. Worded after GKE's stockouts.
    fn condition(&self) -> Value {
        let of = self.pool.as_deref().unwrap_or("default-pool");
        json!({
            "code": "GCE_STOCKOUT",
            "canonicalCode": "RESOURCE_EXHAUSTED",
            "message": format!(
                "Google Compute Engine: Not all instances running in IGM gke-{}-{of}-grp. Current errors: [GCE_STOCKOUT]: \
                 The zone does not have enough resources available to fulfill the request.",
                self.cluster
            ),
        })
    }

    /// The error for whoever wants what this operation does not allow. Worded as in
    /// hashicorp/terraform-provider-google#3650 and #10366; the other form is what gcloud's users report.
    pub(super) fn busy(&self) -> ApiError {
        let doing = match self.kind {
            Kind::CreateCluster => "creating",
            Kind::DeleteCluster => "deleting",
            Kind::UpgradeMaster | Kind::UpdateCluster | Kind::UpgradeNodes => "upgrading",
            Kind::CreateNodePool => "creating a node pool for",
            Kind::DeleteNodePool => "deleting a node pool for",
            Kind::RepairCluster | Kind::SetNodePoolSize | Kind::SetNodePoolManagement => {
                return ApiError::precondition(format!("Cluster is running incompatible operation {}.", self.name));
            }
        };
        ApiError::precondition(format!(
            "Operation {} is currently {doing} cluster {}. Please wait and try again once it is done.",
            self.name, self.cluster
        ))
    }

    /// As the API shows it. Links have the project's number, and `zones` for zonal clusters, as GKE's own do.
    pub(super) fn show(&self, location: &Location, now: Moment) -> Value {
        let base = format!(
            "https://container.googleapis.com/v1/projects/{}/{}/{}",
            location.number,
            location.place.collection(),
            location.name
        );
        let target = match &self.pool {
            Some(pool) => format!("{base}/clusters/{}/nodePools/{pool}", self.cluster),
            None => format!("{base}/clusters/{}", self.cluster),
        };
        let status = match (&self.ended, self.aborting) {
            (Some(_), _) => "DONE",
            (None, true) => "ABORTING",
            (None, false) if now < self.runs_from => "PENDING",
            (None, false) => "RUNNING",
        };
        let mut doc = json!({
            "name": self.name,
            "zone": location.name,
            "operationType": self.kind.name(),
            "status": status,
            "selfLink": format!("{base}/operations/{}", self.name),
            "targetLink": target,
            "startTime": self.started.rfc3339(),
        });
        if let Some((ended, error)) = &self.ended {
            doc["endTime"] = ended.rfc3339().into();
            if let Some(error) = error {
                doc["error"] = error.clone();
                doc["statusMessage"] = error["message"].clone();
            }
        }
        doc
    }
}

/// A name for a new operation, as GKE names them.
pub(super) fn name(context: &mut Context<'_>) -> String {
    format!("operation-{:.0}-{}", context.now.epoch_seconds() * 1000.0, context.random.uuid())
}

pub(super) fn list(location: &Location, now: Moment) -> Vec<Value> {
    location.operations.iter().map(|operation| operation.show(location, now)).collect()
}

pub(super) fn get(location: &Location, name: &str, now: Moment) -> Result<Answer, ApiError> {
    match location.operations.iter().find(|operation| operation.name == name) {
        Some(operation) => Ok(Answer::read(operation.show(location, now))),
        None => Err(no_operation(location, name)),
    }
}

/// Only changes of nodes can be cancelled (the discovery document's words on UPGRADE_NODES).
pub(super) fn cancel(location: &mut Location, input: &Input<'_>, now: Moment) -> Result<Answer, ApiError> {
    shape::read(shape::CANCEL, &input.request.body)?;
    let name = input.label(2);
    let none = no_operation(location, name);
    let operation = location.operations.iter_mut().find(|operation| operation.name == name).ok_or(none)?;
    if operation.ended.is_some() {
        return Err(ApiError::precondition(format!("Operation {name} is already done.")));
    }
    if operation.kind != Kind::UpgradeNodes {
        let kind = operation.kind.name();
        return Err(ApiError::precondition(format!("Operation {name} of type {kind} cannot be cancelled.")));
    }
    operation.aborting = true;
    operation.due = now.plus(ABORT);
    Ok(Answer::changed(json!({})))
}

fn no_operation(location: &Location, name: &str) -> ApiError {
    ApiError::not_found(format!("Not found: {}/operations/{name}.", location.path()))
}
