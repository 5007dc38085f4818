//! Azure Kubernetes Service: a cluster with its agent pools as one environment.
//!
//! [`plan`](self) decides in pure functions, [`client`](self) acts, [`convert`](self) stands between AKS's words and ours,
//! and this file is the [`Backend`] that puts them together.
//!
//! - One `PUT` makes the cluster with all its pools, one `GET` reads it with all of them, and one `DELETE` takes all away.
//! - A pool is an agent pool. One whose machine type, disk, zones, subnet, system or price class changes gets a new agent
//!   pool beside the old one, whose nodes are then emptied, by the budgets of their pods, before it is deleted. The pool's
//!   name is a tag of the agent pool.
//! - What failed is still there in Azure, and is mended by being asked for again.
//! - An operation is looked at where Azure says (`Azure-AsyncOperation`, or `Location`), and only on the host that is
//!   configured; otherwise the object's `provisioningState` tells how it stands.
//! - The certificate authority comes with the users' credentials ([`Backend::access`]), not with what is read: asking for
//!   these needs a permission that whoever only plans does not have.

mod change;
mod client;
mod convert;
mod credential;
mod failure;
mod plan;
mod settings;
mod spec;
mod transport;
mod validate;
mod wire;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

pub use change::{AksChange, ClusterSettings, NewCluster, NewPool, PoolSettings};
pub use client::API_VERSION;
pub use credential::Variables;
pub use settings::{AzureEnvironment, AzureSettings, UnknownEnvironment};
pub use spec::{
    AgentPoolSpec, AksObserved, AksSpec, EntraSpec, NetworkDataplane, NetworkPlugin, NetworkPluginMode, NetworkPolicy,
    ObservedAgentPool, SkuTier,
};

use self::client::{Accepted, AtLocation, Client, Offer, Place};
use self::failure::Failure;
use crate::access::{ClusterAccess, Credential};
use crate::backend::{Backend, Capabilities, Difference};
use crate::environment::{
    BackendKind, CloudObserved, CloudSpec, EnvironmentId, EnvironmentName, EnvironmentSpec, FieldPath, Observed,
    Region, Status, Violation,
};
use crate::error::{Error, ErrorKind, Result, ServerText};
use crate::operation::{Action, Change, IdempotencyToken, Operation, Progress, Step, Subject};

/// Time between two looks at a running operation, unless the settings say otherwise. AKS's operations take minutes, and
/// Azure's tools look every 30 s; this adds less and stays far below the limit of two a second for a subscription.
pub const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Steps that may run side by side: changes of different agent pools, of which AKS takes several where it can. Who meets
/// another operation is told so, and waits for it.
const PARALLEL_STEPS: usize = 5;

/// How long the token of a cluster without Microsoft Entra is handed out for. It lasts until the cluster's certificates are
/// rotated, which nothing tells, so that whoever keeps it longer asks again.
const LOCAL_TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// Azure Kubernetes Service as a backend. Building one opens nothing; credentials, endpoint and trust store are looked up
/// at the first call.
#[derive(Debug)]
pub struct Aks {
    client: Client,
}

impl Aks {
    /// The backend for one set of settings.
    pub fn new(settings: AzureSettings) -> Self {
        let of_process = |name: &str| std::env::var(name).ok();
        Self::with_variables(settings, Arc::new(of_process))
    }

    /// The same with other environment variables than the process's.
    pub fn with_variables(settings: AzureSettings, variables: Variables) -> Self {
        Self { client: Client::new(settings, variables) }
    }

    /// Everything there is of a cluster.
    async fn read_whole(&self, id: &EnvironmentId, place: &Place<'_>) -> Result<Option<Observed>, Failure> {
        match self.client.cluster(place).await {
            Ok(cluster) => convert::observed(id, cluster).map(Some),
            Err(failure) if failure.kind == ErrorKind::NotFound => {
                // The answer counts only if what the cluster would be in answers too.
                self.client.prove_absence(place).await?;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn progress(&self, place: &Place<'_>, operation: &Operation) -> Result<Progress, Failure> {
        let action = operation.action;
        match Reference::parse(operation.reference.as_deref()) {
            Reference::Done => Ok(Progress::Done),
            Reference::Operation(part, path) => match self.client.operation(&path).await {
                Ok(status) => Ok(match status.status.as_deref().map(str::to_ascii_lowercase).as_deref() {
                    Some("succeeded") => Progress::Done,
                    Some("failed" | "canceled") => Progress::Failed(client::operation_error(&status)),
                    // InProgress, and whatever else does not end an operation.
                    Some(_) | None => Progress::Running,
                }),
                // Not there yet, or forgotten.
                Err(failure) if failure.kind == ErrorKind::NotFound => self.part_progress(place, &part, action).await,
                Err(failure) => Err(failure),
            },
            Reference::Location(part, path) => match self.client.location(&path).await {
                Ok(AtLocation::Running) => Ok(Progress::Running),
                Ok(AtLocation::Ended) => Ok(Progress::Done),
                Ok(AtLocation::Unclear) => self.part_progress(place, &part, action).await,
                Err(failure) if failure.kind == ErrorKind::NotFound => self.part_progress(place, &part, action).await,
                Err(failure) => Err(failure),
            },
            Reference::Status(part) => self.part_progress(place, &part, action).await,
        }
    }

    /// How an operation stands by the status of what it works on.
    async fn part_progress(&self, place: &Place<'_>, part: &Part, action: Action) -> Result<Progress, Failure> {
        let found = match part {
            Part::Cluster => self.client.cluster(place).await.and_then(|cluster| {
                let properties = cluster.properties.ok_or_else(|| Failure::incomplete("properties"))?;
                let (state, power) = (properties.provisioning_state, properties.power_state);
                Ok((
                    convert::status(state.as_deref(), power.as_ref()),
                    convert::reason(properties.status, power.as_ref()),
                ))
            }),
            Part::Pool(name) => self.client.pool(place, name).await.map(|pool| {
                let (state, power) = (pool.provisioning_state, pool.power_state);
                (convert::status(state.as_deref(), power.as_ref()), convert::reason(pool.status, power.as_ref()))
            }),
        };
        match found {
            Ok((status, reason)) => Ok(status_progress(status, reason, action)),
            Err(failure) if failure.kind == ErrorKind::NotFound => Ok(match action {
                Action::Delete => Progress::Done,
                Action::Create | Action::Update | Action::Upgrade => Progress::Unknown,
            }),
            Err(failure) => Err(failure),
        }
    }

    async fn running(&self, id: &EnvironmentId, place: &Place<'_>) -> Result<Vec<Operation>, Failure> {
        let Some(observed) = self.read_whole(id, place).await? else { return Ok(Vec::new()) };
        let CloudObserved::Aks(found) = &observed.cloud else { return Ok(Vec::new()) };
        let cluster = running_on(id, Part::Cluster, Subject::Cluster, found.cluster_status);
        let pools = found.agent_pools.iter().filter_map(|(name, pool)| {
            running_on(id, Part::Pool(name.clone()), Subject::NodePool(pool.pool.clone()), pool.status)
        });
        Ok(cluster.into_iter().chain(pools).collect())
    }

    async fn cluster_access(&self, place: &Place<'_>) -> Result<ClusterAccess, Failure> {
        let config = self.client.user_credential(place).await?;
        let credential = match config.token {
            Some(token) => Credential { token, expires_at: SystemTime::now() + LOCAL_TOKEN_LIFETIME },
            // The kubeconfig names a program that would ask Microsoft Entra, and so do we.
            None => {
                let token = self.client.kubernetes_token().await?;
                Credential { token: token.text, expires_at: token.expires_at }
            }
        };
        Ok(ClusterAccess {
            endpoint: config.server,
            certificate_authority_data: config.certificate_authority_data,
            credential,
        })
    }

    async fn offer_violations(
        &self,
        desired: &EnvironmentSpec,
        aks: &AksSpec,
        region: &Region,
    ) -> Result<Vec<Violation>, Failure> {
        let subscription = self.client.subscription()?;
        let regions = self.client.regions(&subscription).await?.filter(|regions| !regions.is_empty());
        if let Some(regions) = regions
            && !regions.iter().any(|known| known == region.as_str())
        {
            let problem = format!("subscription {subscription} has no region {region}");
            return Ok(vec![Violation::new(FieldPath::of("region"), problem, one_of(&regions))]);
        }
        let mut violations = Vec::new();
        let place =
            Place { subscription: &subscription, resource_group: &aks.resource_group_name, name: &desired.name };
        match self.client.resource_group_exists(&place).await {
            Ok(false) => violations.push(Violation::new(
                FieldPath::of("aks.resource_group_name"),
                format!("subscription {subscription} has no resource group {}", aks.resource_group_name),
                "make it first",
            )),
            Ok(true) => {}
            Err(failure) if failure.kind == ErrorKind::PermissionDenied => {}
            Err(failure) => return Err(failure),
        }
        let offer = self.client.offer(&subscription, region).await?;
        violations.extend(not_offered(desired, region, &offer));
        Ok(violations)
    }
}

#[async_trait]
impl Backend for Aks {
    fn kind(&self) -> BackendKind {
        BackendKind::Aks
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            regions: true,
            maintenance_window: false,
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
        let CloudSpec::Aks(aks) = &desired.cloud else { return vec![desired.wrong_backend(BackendKind::Aks)] };
        validate::validate(desired, aks)
    }

    fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Vec<Difference> {
        let (CloudObserved::Aks(found), CloudSpec::Aks(aks)) = (&observed.cloud, &desired.cloud) else {
            return vec![Difference {
                path: FieldPath::of("cloud"),
                observed: observed.id.backend().to_string(),
                desired: desired.cloud.backend().to_string(),
            }];
        };
        plan::differences(observed, found, desired, aks)
    }

    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        let found = match observed {
            Some(observed) => {
                let CloudObserved::Aks(found) = &observed.cloud else {
                    return Err(Error::new(ErrorKind::InvalidConfig, BackendKind::Aks, "plan", &observed.id));
                };
                Some((observed, found))
            }
            None => None,
        };
        let aks = match desired {
            Some(desired) => {
                let CloudSpec::Aks(aks) = &desired.cloud else {
                    return Err(plan_error(&desired.name, desired.wrong_backend(BackendKind::Aks)));
                };
                Some((desired, aks))
            }
            None => None,
        };
        match (found, aks) {
            (None, None) => Ok(Vec::new()),
            (Some((observed, _)), None) => Ok(plan::delete(observed)),
            (None, Some((desired, aks))) => Ok(plan::create(desired, aks)),
            (Some((observed, found)), Some((desired, aks))) => {
                plan::update(observed, found, desired, aks).map_err(|violation| plan_error(&desired.name, violation))
            }
        }
    }

    async fn check_offer(&self, desired: &EnvironmentSpec) -> Result<Vec<Violation>> {
        let CloudSpec::Aks(aks) = &desired.cloud else { return Ok(vec![desired.wrong_backend(BackendKind::Aks)]) };
        let Some(region) = desired.region.as_ref().and_then(|region| convert::region(region.as_str())) else {
            return Ok(Vec::new());
        };
        let violations = self.offer_violations(desired, aks, &region).await;
        violations.map_err(|failure| failure.of("check_offer", &desired.name))
    }

    async fn locate(&self, desired: &EnvironmentSpec) -> Result<EnvironmentId> {
        let CloudSpec::Aks(aks) = &desired.cloud else {
            return Err(plan_error(&desired.name, desired.wrong_backend(BackendKind::Aks)));
        };
        let subscription = self.client.subscription().map_err(|failure| failure.of("locate", &desired.name))?;
        Ok(EnvironmentId::Aks {
            subscription,
            resource_group: aks.resource_group_name.clone(),
            name: desired.name.clone(),
        })
    }

    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        self.read_whole(id, &place(id)?).await.map_err(|failure| failure.of("read", id))
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        let Change::Aks(change) = &step.change else {
            return Err(Error::new(ErrorKind::Unsupported, BackendKind::Aks, "begin", id));
        };
        let accepted = self.client.change(&place(id)?, change, token.as_str()).await;
        let accepted = accepted.map_err(|failure| failure.of("begin", format!("{id}, {}", step.subject)))?;
        Ok(Operation {
            environment: id.clone(),
            subject: step.subject.clone(),
            action: step.action,
            reference: Some(Reference::to(accepted, part_of(change)).to_text()),
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
    let EnvironmentId::Aks { subscription, resource_group, name } = id else {
        return Err(Error::new(ErrorKind::InvalidConfig, BackendKind::Aks, "locate", id)
            .with_source("the id is not one of an AKS environment"));
    };
    Ok(Place { subscription, resource_group, name })
}

/// A part of a cluster that has a status and operations of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The cluster itself.
    Cluster,
    /// An agent pool, by its name in AKS.
    Pool(String),
}

/// What to look at to know how an operation stands. Prints as the text that an [`Operation`] keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reference {
    /// It was done when it was accepted.
    Done,
    /// Path and query of what tells the operation's status.
    Operation(Part, String),
    /// Path and query of what answers otherwise once the operation has ended.
    Location(Part, String),
    /// The status of a part.
    Status(Part),
}

impl Reference {
    fn to(accepted: Accepted, part: Part) -> Self {
        match accepted {
            Accepted::Done => Self::Done,
            Accepted::Operation(path) => Self::Operation(part, path),
            Accepted::Location(path) => Self::Location(part, path),
            Accepted::ByStatus => Self::Status(part),
        }
    }

    /// Names of agent pools, paths and queries hold no space.
    fn to_text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Cluster => "cluster".to_owned(),
            Part::Pool(name) => format!("agentPool/{name}"),
        };
        match self {
            Self::Done => "done".to_owned(),
            Self::Operation(of, path) => format!("{} operation {path}", part(of)),
            Self::Location(of, path) => format!("{} location {path}", part(of)),
            Self::Status(of) => part(of),
        }
    }

    /// A text of any other form was written by nobody here, and leaves the cluster's status to look at.
    fn parse(text: Option<&str>) -> Self {
        let parts: Vec<&str> = text.into_iter().flat_map(|text| text.split(' ')).collect();
        let part = |text: &str| match text.strip_prefix("agentPool/") {
            Some(name) if name.chars().all(|c| c.is_ascii_alphanumeric()) => Part::Pool(name.to_owned()),
            Some(_) | None => Part::Cluster,
        };
        match parts[..] {
            ["done"] => Self::Done,
            [of, "operation", path] if path.starts_with('/') => Self::Operation(part(of), path.to_owned()),
            [of, "location", path] if path.starts_with('/') => Self::Location(part(of), path.to_owned()),
            [of] => Self::Status(part(of)),
            _ => Self::Status(Part::Cluster),
        }
    }
}

fn status_progress(status: Status, reason: Option<ServerText>, action: Action) -> Progress {
    let failed = || {
        Progress::Failed(reason.clone().unwrap_or_else(|| ServerText::new("the status says so, and gives no reason")))
    };
    match (status, action) {
        (Status::Creating, Action::Create) => Progress::Running,
        (Status::Active | Status::Updating, Action::Create) => Progress::Done,
        (Status::Degraded | Status::Failed, Action::Create) => failed(),
        (Status::Deleting, Action::Delete) => Progress::Running,
        (Status::Updating | Status::Creating, Action::Update | Action::Upgrade) => Progress::Running,
        (Status::Deleting, Action::Create | Action::Update | Action::Upgrade) => failed(),
        // The status may be from before the change, or from after it: what can be read decides.
        (Status::Active | Status::Degraded | Status::Failed, Action::Update | Action::Upgrade)
        | (Status::Active | Status::Creating | Status::Updating | Status::Degraded | Status::Failed, Action::Delete) => {
            Progress::Unknown
        }
    }
}

/// What runs on a part, by its status.
fn running_on(id: &EnvironmentId, part: Part, subject: Subject, status: Status) -> Option<Operation> {
    let action = match status {
        Status::Creating => Action::Create,
        Status::Updating => Action::Update,
        Status::Deleting => Action::Delete,
        Status::Active | Status::Degraded | Status::Failed => return None,
    };
    let reference = Some(Reference::Status(part).to_text());
    Some(Operation { environment: id.clone(), subject, action, reference })
}

/// The part of a cluster whose status shows how a change goes on.
fn part_of(change: &AksChange) -> Part {
    match change {
        AksChange::CreateCluster(_)
        | AksChange::ConfigureCluster(_)
        | AksChange::UpgradeCluster { .. }
        | AksChange::TagCluster { .. }
        | AksChange::DeleteCluster => Part::Cluster,
        AksChange::CreatePool(new) => Part::Pool(new.agent_pool.clone()),
        AksChange::ConfigurePool(settings) => Part::Pool(settings.agent_pool.clone()),
        AksChange::UpgradePool { agent_pool, .. } | AksChange::DeletePool { agent_pool } => {
            Part::Pool(agent_pool.clone())
        }
    }
}

/// What of a spec a region does not have. Pure.
fn not_offered(desired: &EnvironmentSpec, region: &Region, offer: &Offer) -> Vec<Violation> {
    let mut violations = Vec::new();
    let version = desired.kubernetes.version;
    if let Some(offered) = offer.versions.as_ref().filter(|versions| !versions.is_empty())
        && !offered.contains(&version.to_string())
    {
        let problem = format!("AKS does not offer Kubernetes {version} in {region}");
        violations.push(Violation::new(FieldPath::of("kubernetes.version"), problem, one_of(offered)));
    }
    let Some(machines) = offer.machines.as_ref().filter(|machines| !machines.is_empty()) else { return violations };
    for (name, pool) in &desired.node_pools {
        let at = |field: &str| FieldPath::pool(name).then(field);
        let Some(zones) = machines.get(&pool.machine_type.as_str().to_ascii_lowercase()) else {
            violations.push(Violation::new(
                at("machine_type"),
                format!("the subscription cannot have machines of type {} in {region}", pool.machine_type),
                format!("use one that `az vm list-skus --location {region}` shows without restrictions"),
            ));
            continue;
        };
        for zone in pool.zones.iter().filter(|zone| !zones.contains(zone)) {
            let problem = format!("machines of type {} are not in zone {zone} of {region}", pool.machine_type);
            let remedy = if zones.is_empty() { "remove the zones".to_owned() } else { one_of(zones) };
            violations.push(Violation::new(at("zones"), problem, remedy));
        }
    }
    violations
}

fn one_of(texts: &[String]) -> String {
    format!("use one of {}", texts.join(", "))
}

fn plan_error(name: &EnvironmentName, violation: Violation) -> Error {
    Error::new(ErrorKind::InvalidConfig, BackendKind::Aks, "plan", name).with_source(violation)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_to_look_at_survives_as_text() {
        let pool = || Part::Pool("apps1a2b3c".to_owned());
        let path = || "/subscriptions/s/providers/p/operations/o?api-version=2016-03-30".to_owned();
        let references = [
            Reference::Done,
            Reference::Operation(Part::Cluster, path()),
            Reference::Operation(pool(), path()),
            Reference::Location(pool(), path()),
            Reference::Status(Part::Cluster),
            Reference::Status(pool()),
        ];
        for reference in references {
            assert_eq!(Reference::parse(Some(&reference.to_text())), reference);
        }
        for odd in [None, Some("a b c d"), Some("cluster operation https://evil.example/"), Some("agentPool/../x")] {
            assert_eq!(Reference::parse(odd), Reference::Status(Part::Cluster), "{odd:?}");
        }
    }

    #[test]
    fn a_status_ends_a_wait_only_where_it_says_enough() {
        let progress = |status, action| status_progress(status, None, action);
        assert_eq!(progress(Status::Creating, Action::Create), Progress::Running);
        assert_eq!(progress(Status::Active, Action::Create), Progress::Done);
        assert!(matches!(progress(Status::Degraded, Action::Create), Progress::Failed(_)));
        assert_eq!(progress(Status::Deleting, Action::Delete), Progress::Running);
        // It may not show yet that it is being deleted, or changed.
        assert_eq!(progress(Status::Active, Action::Delete), Progress::Unknown);
        assert_eq!(progress(Status::Degraded, Action::Update), Progress::Unknown);
        assert_eq!(progress(Status::Updating, Action::Upgrade), Progress::Running);
    }

    #[test]
    fn what_a_region_does_not_have_is_said_with_its_field() {
        let (mut spec, _) = plan::tests::example();
        let region: Region = "westeurope".parse().unwrap();
        let pool = spec.node_pools.values_mut().next().unwrap();
        pool.zones = ["1".to_owned(), "3".to_owned()].into();
        let machine = pool.machine_type.as_str().to_ascii_lowercase();
        let offer = |versions: &[&str], machines: HashMap<String, Vec<String>>| Offer {
            versions: Some(versions.iter().map(|version| (*version).to_owned()).collect()),
            machines: Some(machines),
        };
        let said = |offer: &Offer| {
            let found: Vec<String> = not_offered(&spec, &region, offer).iter().map(ToString::to_string).collect();
            found.join("\n")
        };
        let zones = vec!["1".to_owned(), "2".to_owned()];
        expect_test::expect![[r#"
            kubernetes.version: AKS does not offer Kubernetes 1.31 in westeurope; use one of 1.32, 1.33
            node_pools["system"].zones: machines of type Standard_D4s_v5 are not in zone 3 of westeurope; use one of 1, 2"#]]
        .assert_eq(&said(&offer(&["1.32", "1.33"], HashMap::from([(machine, zones)]))));
        expect_test::expect![[r#"
            node_pools["system"].machine_type: the subscription cannot have machines of type Standard_D4s_v5 in westeurope; use one that `az vm list-skus --location westeurope` shows without restrictions"#]]
        .assert_eq(&said(&offer(&["1.31"], HashMap::from([("standard_b2ms".to_owned(), vec![])]))));
        assert_eq!(said(&Offer::default()), "", "what is not told is no violation");
    }
}
