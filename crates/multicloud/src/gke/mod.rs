//! Google Kubernetes Engine: a cluster and its node pools as one environment.
//!
//! [`plan`](self) decides in pure functions, [`client`](self) acts, [`convert`](self) stands between GKE's words and ours,
//! and this file is the [`Backend`] that puts them together.
//!
//! - A cluster is made with all its pools in one request, and deleted with them.
//! - A pool is a node pool. Nearly all of it is changed in place, by GKE, which empties the nodes that it replaces as
//!   disruption budgets allow. One whose price class or service account changes gets a new node pool beside the old one,
//!   which is then deleted. The pool's name is a label of the node pool's machines.
//! - A pool's count is over all its zones. A node pool tells only how many nodes it was made with, so that the live number
//!   is asked of the managers of its instance groups, in Compute.
//! - Operations are known by their bare id, within the project and location of the environment.

mod change;
mod client;
mod convert;
mod credential;
mod failure;
mod plan;
mod settings;
mod spec;
mod subject;
mod surroundings;
mod token;
mod transport;
mod validate;
mod wire;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

pub use change::{ClusterSetting, Endpoint, GkeChange, NewCluster, NewPool, PoolSetting};
pub use settings::GoogleSettings;
pub use spec::{GkeObserved, GkeSpec, ObservedNodePool, ReleaseChannel};
pub use surroundings::Surroundings;

use self::client::{Client, Place, Session, is_of, minors};
use self::failure::Failure;
use crate::access::ClusterAccess;
use crate::backend::{Backend, Capabilities, Difference};
use crate::environment::{
    BackendKind, CloudObserved, CloudSpec, EnvironmentId, EnvironmentName, EnvironmentSpec, FieldPath, Observed,
    PoolName, ProjectId, Region, Violation,
};
use crate::error::{Error, ErrorKind, Result, ServerText};
use crate::operation::{Action, Change, IdempotencyToken, Operation, Progress, Step, Subject};

/// Time between two looks at a running operation, unless the settings say otherwise. GKE's operations take minutes, and
/// Google's own provider looks every 10 s.
pub const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Steps that may run side by side: one less than the operations that GKE lets run on a cluster at a time, so that there is
/// room for one of its own (hashicorp/terraform-provider-google #15205).
const PARALLEL_STEPS: usize = 4;

/// Google Kubernetes Engine as a backend. Building one opens nothing; credentials, endpoint and trust store are looked up at
/// the first call.
#[derive(Debug)]
pub struct Gke {
    client: Client,
}

impl Gke {
    /// The backend for one set of settings.
    pub fn new(settings: GoogleSettings) -> Self {
        Self::with_surroundings(settings, Surroundings::default())
    }

    /// The same with other variables and another time of day than those of this process.
    pub fn with_surroundings(settings: GoogleSettings, surroundings: Surroundings) -> Self {
        Self { client: Client::new(settings, surroundings) }
    }

    async fn session(&self) -> Result<&Session, Failure> {
        self.client.session().await
    }

    /// Everything there is of a cluster.
    async fn read_whole(&self, id: &EnvironmentId, place: &Place<'_>) -> Result<Option<Observed>, Failure> {
        let session = self.session().await?;
        let Some(cluster) = session.cluster(place).await? else { return Ok(None) };
        let sizes = session.sizes(&cluster).await?;
        let observed = convert::observed(id, &cluster, &sizes)?;
        if let CloudObserved::Gke(found) = &observed.cloud {
            session.learn(place, &cluster, |name| found.node_pools.get(name).map(|pool| pool.pool.clone()));
        }
        Ok(Some(observed))
    }

    async fn progress(&self, place: &Place<'_>, operation: &Operation) -> Result<Progress, Failure> {
        let Some(id) = operation.reference.as_deref().filter(|id| is_operation_id(id)) else {
            // Written by nobody here.
            return Ok(Progress::Unknown);
        };
        match self.session().await?.operation(place, id).await {
            Ok(found) => Ok(match (convert::progress(&found), &operation.subject, operation.action) {
                (Progress::Failed(reason), Subject::Cluster, Action::Create) => not_created(&reason),
                (progress, _, _) => progress,
            }),
            // Forgotten, or not known yet.
            Err(failure) if failure.kind == ErrorKind::NotFound => Ok(Progress::Unknown),
            Err(failure) => Err(failure),
        }
    }

    async fn running(&self, id: &EnvironmentId, place: &Place<'_>) -> Result<Vec<Operation>, Failure> {
        let session = self.session().await?;
        let running = session.running(place).await?;
        let mut operations = Vec::new();
        for operation in &running {
            let subject = match convert::target(operation, place.name.as_str()).flatten() {
                None => Subject::Cluster,
                Some(name) => match self.pool_of(session, place, name).await? {
                    Some(pool) => Subject::NodePool(pool),
                    // Of no pool that could be ours; whatever it does, the cluster is busy with it.
                    None => Subject::Cluster,
                },
            };
            operations.push(Operation {
                environment: id.clone(),
                subject,
                action: convert::action(&operation.operation_type),
                reference: Some(operation.name.clone()),
            });
        }
        Ok(operations)
    }

    /// The pool that a node pool serves.
    async fn pool_of(&self, session: &Session, place: &Place<'_>, name: &str) -> Result<Option<PoolName>, Failure> {
        if let Some(pool) = session.pool_of(place, name) {
            return Ok(Some(pool));
        }
        let cluster = session.cluster(place).await?;
        let pools = cluster.map(|cluster| cluster.node_pools).unwrap_or_default();
        let label = pools.iter().find(|pool| pool.name == name);
        let label = label.and_then(|pool| pool.config.resource_labels.get(convert::POOL_LABEL));
        Ok(label.map_or(name, String::as_str).parse().ok())
    }

    async fn cluster_access(&self, place: &Place<'_>) -> Result<ClusterAccess, Failure> {
        let session = self.session().await?;
        let missing = || Failure::new(ErrorKind::NotFound, "there is no such cluster");
        let cluster = session.cluster(place).await?.ok_or_else(missing)?;
        let Some((endpoint, certificate_authority_data)) = convert::access(&cluster) else {
            let source = "the cluster has no API server yet";
            return Err(Failure::new(ErrorKind::Unavailable { retry_after: None }, source));
        };
        Ok(ClusterAccess { endpoint, certificate_authority_data, credential: session.kube_token().await? })
    }

    async fn offer(&self, desired: &EnvironmentSpec, location: &Region) -> Result<Vec<Violation>, Failure> {
        let session = self.session().await?;
        let project = session.project().await?;
        let mut found = Vec::new();
        if let Some(zones) = session.zones(project).await? {
            let name = location.as_str();
            if !zones.iter().any(|(zone, region)| zone == name || region == name) {
                let of_continent: BTreeSet<&str> = zones
                    .values()
                    .map(String::as_str)
                    .filter(|region| region.split('-').next() == name.split('-').next())
                    .collect();
                let remedy = match of_continent.is_empty() {
                    true => "use one of Google Cloud's regions or zones".to_owned(),
                    false => format!("use one of {}, or a zone of it", joined(of_continent)),
                };
                let problem = format!("Google Cloud has no region or zone {name} for project {project}");
                // Of a place that does not exist there is nothing more to say.
                return Ok(vec![Violation::new(FieldPath::of("region"), problem, remedy)]);
            }
            let region = validate::region_of(name);
            let of_region =
                || zones.iter().filter(|(_, in_region)| **in_region == region).map(|(zone, _)| zone.as_str());
            for (pool_name, pool) in &desired.node_pools {
                let path = FieldPath::pool(pool_name);
                for zone in pool.zones.iter().filter(|zone| !zones.contains_key(*zone)) {
                    found.push(Violation::new(
                        path.clone().then("zones"),
                        format!("{region} has no zone {zone}"),
                        format!("use one of {}", joined(of_region().collect())),
                    ));
                }
                let wanted: Vec<&str> = match (pool.zones.is_empty(), validate::is_zone(name)) {
                    (false, _) => {
                        pool.zones.iter().map(String::as_str).filter(|zone| zones.contains_key(*zone)).collect()
                    }
                    (true, true) => vec![name],
                    (true, false) => of_region().collect(),
                };
                // Where GKE chooses the zones, it chooses those that have the machines.
                let all_needed = !pool.zones.is_empty();
                found.extend(
                    machine_violation(session, project, &path, pool.machine_type.as_str(), &wanted, all_needed).await?,
                );
            }
        }
        found.extend(version_violations(session, project, desired, location).await?);
        Ok(found)
    }
}

#[async_trait]
impl Backend for Gke {
    fn kind(&self) -> BackendKind {
        BackendKind::Gke
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            regions: true,
            maintenance_window: true,
            spot: true,
            zones: true,
            pod_cidr: true,
            disk_size: true,
            drain_timeout: true,
            deletion_protection: false,
            parallel_steps: PARALLEL_STEPS,
        }
    }

    fn validate(&self, desired: &EnvironmentSpec) -> Vec<Violation> {
        let CloudSpec::Gke(gke) = &desired.cloud else { return vec![desired.wrong_backend(BackendKind::Gke)] };
        validate::validate(desired, gke)
    }

    fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Vec<Difference> {
        let (CloudObserved::Gke(found), CloudSpec::Gke(gke)) = (&observed.cloud, &desired.cloud) else {
            return vec![Difference {
                path: FieldPath::of("cloud"),
                observed: observed.id.backend().to_string(),
                desired: desired.cloud.backend().to_string(),
            }];
        };
        plan::differences(observed, found, desired, gke)
    }

    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        let found = match observed {
            Some(observed) => {
                let CloudObserved::Gke(found) = &observed.cloud else {
                    return Err(Error::new(ErrorKind::InvalidConfig, BackendKind::Gke, "plan", &observed.id));
                };
                Some((observed, found))
            }
            None => None,
        };
        let wanted = match desired {
            Some(desired) => {
                let CloudSpec::Gke(gke) = &desired.cloud else {
                    let violation = desired.wrong_backend(BackendKind::Gke);
                    return Err(plan_error(&desired.name, plan::Unplannable::Violation(violation)));
                };
                Some((desired, gke))
            }
            None => None,
        };
        let (desired, steps) = match (found, wanted) {
            (None, None) => return Ok(Vec::new()),
            (Some((observed, _)), None) => return Ok(plan::delete(observed)),
            (None, Some((desired, gke))) => (desired, plan::create(desired, gke)),
            (Some((observed, found)), Some((desired, gke))) => (desired, plan::update(observed, found, desired, gke)),
        };
        steps.map_err(|unplannable| plan_error(&desired.name, unplannable))
    }

    async fn check_offer(&self, desired: &EnvironmentSpec) -> Result<Vec<Violation>> {
        let Some(location) = &desired.region else { return Ok(Vec::new()) };
        self.offer(desired, location).await.map_err(|failure| failure.of("check_offer", &desired.name))
    }

    async fn locate(&self, desired: &EnvironmentSpec) -> Result<EnvironmentId> {
        let Some(location) = desired.region.clone() else {
            let remedy = "set it, such as \"europe-west1\"";
            let violation =
                Violation::new(FieldPath::of("region"), "a GKE environment needs a region or a zone", remedy);
            return Err(plan_error(&desired.name, plan::Unplannable::Violation(violation)));
        };
        let project = async { Ok(self.session().await?.project().await?.clone()) };
        let project = project.await.map_err(|failure: Failure| failure.of("locate", &desired.name))?;
        Ok(EnvironmentId::Gke { project, location, name: desired.name.clone() })
    }

    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        self.read_whole(id, &place(id)?).await.map_err(|failure| failure.of("read", id))
    }

    /// GKE takes no token that would make a request count once. What stands in for it: names are unique, an etag or
    /// fingerprint of the latest look goes with what changes sets, and all else asks for a state and not for a difference.
    async fn begin(&self, id: &EnvironmentId, step: &Step, _: &IdempotencyToken) -> Result<Operation> {
        let Change::Gke(change) = &step.change else {
            return Err(Error::new(ErrorKind::Unsupported, BackendKind::Gke, "begin", id));
        };
        let place = place(id)?;
        let accepted = async { self.session().await?.change(&place, change).await };
        let accepted = accepted.await.map_err(|failure| failure.of("begin", format!("{id}, {}", step.subject)))?;
        Ok(Operation {
            environment: id.clone(),
            subject: step.subject.clone(),
            action: step.action,
            reference: Some(accepted.name),
        })
    }

    async fn poll(&self, operation: &Operation) -> Result<Progress> {
        let id = &operation.environment;
        self.progress(&place(id)?, operation)
            .await
            .map_err(|failure| failure.of("poll", format!("{id}, {}", operation.subject)))
    }

    async fn find_running(&self, id: &EnvironmentId) -> Result<Vec<Operation>> {
        self.running(id, &place(id)?).await.map_err(|failure| failure.of("find_running", id))
    }

    async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess> {
        self.cluster_access(&place(id)?).await.map_err(|failure| failure.of("access", id))
    }
}

/// Where an environment is, out of its id.
fn place(id: &EnvironmentId) -> Result<Place<'_>> {
    let EnvironmentId::Gke { project, location, name } = id else {
        return Err(Error::new(ErrorKind::InvalidConfig, BackendKind::Gke, "locate", id)
            .with_source("the id is not one of a GKE environment"));
    };
    Ok(Place { project, location, name })
}

/// What is left of a creation that failed is of no use, and nothing can be made of it.
fn not_created(reason: &ServerText) -> Progress {
    Progress::Failed(ServerText::new(&format!(
        "{reason}; where that leaves a cluster in status ERROR, only deleting it is possible, and GKE may do that by itself"
    )))
}

/// Whether a text can stand in a path as an operation's id; it may come from a state that somebody else wrote.
fn is_operation_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

async fn machine_violation(
    session: &Session,
    project: &ProjectId,
    path: &FieldPath,
    machine_type: &str,
    zones: &[&str],
    all_needed: bool,
) -> Result<Option<Violation>, Failure> {
    let mut without = Vec::new();
    for zone in zones {
        match session.has_machine_type(project, zone, machine_type).await? {
            Some(true) if !all_needed => return Ok(None),
            Some(true) => {}
            Some(false) => without.push(*zone),
            None => return Ok(None),
        }
    }
    if without.is_empty() {
        return Ok(None);
    }
    let problem = format!("{} has no machine type {machine_type}", without.join(", "));
    Ok(Some(Violation::new(path.clone().then("machine_type"), problem, "use one that its zones have, or other zones")))
}

/// A cluster of a channel takes the channel's versions; where GKE chooses the channel, any that is offered may do.
async fn version_violations(
    session: &Session,
    project: &ProjectId,
    desired: &EnvironmentSpec,
    location: &Region,
) -> Result<Vec<Violation>, Failure> {
    let CloudSpec::Gke(gke) = &desired.cloud else { return Ok(Vec::new()) };
    let Some(offered) = session.offered_versions(project, location).await? else { return Ok(Vec::new()) };
    let of_channel = match gke.release_channel {
        None => None,
        Some(ReleaseChannel::Unspecified) => offered.get(""),
        Some(channel) => offered.get(channel.as_str()),
    };
    let versions: BTreeSet<&String> = match of_channel.filter(|versions| !versions.is_empty()) {
        Some(versions) => versions.iter().collect(),
        None => offered.values().flatten().collect(),
    };
    let version = desired.kubernetes.version;
    if versions.iter().any(|offered| is_of(offered, version)) {
        return Ok(Vec::new());
    }
    let place = match gke.release_channel.filter(|channel| *channel != ReleaseChannel::Unspecified) {
        Some(channel) => format!("{location} in channel {channel}"),
        None => location.to_string(),
    };
    let minors = minors(versions);
    Ok(vec![Violation::new(
        FieldPath::of("kubernetes.version"),
        format!("GKE does not offer Kubernetes {version} in {place}"),
        format!("use one of {}", ServerText::new(&minors)),
    )])
}

fn joined(names: BTreeSet<&str>) -> String {
    ServerText::new(&names.into_iter().collect::<Vec<_>>().join(", ")).as_str().to_owned()
}

fn plan_error(name: &EnvironmentName, unplannable: plan::Unplannable) -> Error {
    let error = |kind| Error::new(kind, BackendKind::Gke, "plan", name);
    match unplannable {
        plan::Unplannable::Violation(violation) => error(ErrorKind::InvalidConfig).with_source(violation),
        plan::Unplannable::Failed(_) => error(ErrorKind::OperationFailed).with_source(unplannable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_operations_id_is_asked_about() {
        assert!(is_operation_id("operation-1795267800000-5f2c1a7e"));
        for odd in ["", "../clusters/prod", "a?b", "a/b", &"a".repeat(201)] {
            assert!(!is_operation_id(odd), "{odd}");
        }
    }
}
