//! Amazon EKS: a cluster and its managed node groups, add-ons and access entries as one environment.
//!
//! [`plan`](self) decides in pure functions, [`client`](self) acts, [`convert`](self) stands between EKS's words and
//! ours, and this file is the [`Backend`] that puts them together.
//!
//! - A pool is a managed node group. One whose machine type, disk, image, subnets, role or price class changes gets a
//!   new group beside the old one, which is then deleted; EKS gives the pods of each node five minutes to leave. The
//!   pool's name is a tag of the group.
//! - Add-ons and access entries are asked about only in clusters whose tags say that they were ever configured.
//! - Updates are waited for by their id. Where an endpoint tells no id, or does not know it, what can be read decides.

mod change;
mod client;
mod convert;
mod credential;
mod failure;
mod plan;
mod settings;
mod spec;
mod token;
mod transport;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_eks::types::{AddonStatus, NodegroupStatus, UpdateStatus};
use aws_smithy_async::time::SharedTimeSource;
use sha2::{Digest as _, Sha256};

pub use change::{ClusterSetting, EksChange, GroupSettings, GroupSize, NewCluster, NewGroup};
pub use settings::{AssumeRole, AssumeRoleWithWebIdentity, AwsSettings};
pub use spec::{
    AccessEntrySpec, AccessScope, AddonSpec, AuthenticationMode, EksObserved, EksSpec, LogType, NodeGroupSpec,
    ObservedAccessEntry, ObservedAddon, ObservedGroup, ResolveConflicts, SupportType,
};

use self::client::{Accepted, Client, Part, Session};
use self::convert::{ACCESS_PART, ADDONS_PART};
use self::failure::Failure;
use crate::access::ClusterAccess;
use crate::backend::{Backend, Capabilities, Difference};
use crate::environment::{
    AccountId, BackendKind, CloudObserved, CloudSpec, EnvironmentId, EnvironmentName, EnvironmentSpec, FieldPath,
    Observed, Region, Status, Violation,
};
use crate::error::{Error, ErrorKind, Result, ServerText};
use crate::operation::{Action, Change, IdempotencyToken, Operation, Progress, Step, Subject};

/// Time between two looks at a running operation, unless the settings say otherwise. EKS's operations take minutes, and
/// the SDKs' own waiters look every 30 s; this adds less and stays far below the rate limits.
pub const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Steps that may run side by side. Few clusters have more pools, and EKS throttles bursts of changes.
const PARALLEL_STEPS: usize = 5;

/// Amazon EKS as a backend. Building one opens nothing; credentials, endpoint and trust store are looked up at the
/// first call.
#[derive(Debug)]
pub struct Eks {
    client: Client,
}

impl Eks {
    /// The backend for one set of settings.
    pub fn new(settings: AwsSettings) -> Self {
        Self::with_time_source(settings, SharedTimeSource::default())
    }

    /// The same with another time of day, which requests are signed with.
    pub fn with_time_source(settings: AwsSettings, clock: SharedTimeSource) -> Self {
        Self { client: Client::new(settings, clock) }
    }

    async fn session(&self, region: &Region) -> Result<Arc<Session>, Failure> {
        self.client.session(region).await
    }

    /// Everything there is of a cluster.
    async fn read_whole(&self, place: &Place<'_>) -> Result<Option<Observed>, Failure> {
        let session = self.session(place.region).await?;
        let name = place.name.as_str();
        let cluster = match session.cluster(name).await {
            Ok(cluster) => cluster,
            Err(failure) if failure.kind == ErrorKind::NotFound => {
                // The answer counts only if it came from the account that was meant.
                place.check_account(session.account().await?)?;
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let (account, region) = convert::arn_place(cluster.arn().ok_or_else(|| Failure::incomplete("cluster ARN"))?)?;
        session.learn_account(&account);
        place.check_account(&account)?;
        place.check_region(&region)?;

        let tags = convert::cluster_tags(&cluster);
        let addons = async {
            if !convert::has_part(&tags, ADDONS_PART) {
                return Ok(None);
            }
            unsupported_is_none(session.addons(name).await).map(Some)
        };
        let access_entries = async {
            if !convert::has_part(&tags, ACCESS_PART) {
                return Ok(None);
            }
            unsupported_is_none(session.access_entries(name).await).map(Some)
        };
        let failure = match futures::join!(session.groups(name), addons, access_entries) {
            (Ok(groups), Ok(addons), Ok(access_entries)) => {
                return convert::observed(place.name, &cluster, groups, addons, access_entries).map(Some);
            }
            (groups, addons, access_entries) => {
                let failures = [groups.err(), addons.err(), access_entries.err()];
                failures.into_iter().flatten().fold(None, |graver, failure| Some(failure.or_graver(graver)))
            }
        };
        Err(match failure {
            // The cluster went between two questions. Asked again, EKS will say so in so many words.
            Some(failure) if failure.kind == ErrorKind::NotFound => failure.with_kind(ErrorKind::Ambiguous),
            Some(failure) => failure,
            None => Failure::incomplete("parts of the cluster"),
        })
    }

    async fn send(&self, place: &Place<'_>, change: &EksChange, token: &str) -> Result<Accepted, Failure> {
        let session = self.session(place.region).await?;
        place.check_account(session.account().await?)?;
        session.change(place.name.as_str(), change, token).await
    }

    async fn progress(&self, place: &Place<'_>, operation: &Operation) -> Result<Progress, Failure> {
        let session = self.session(place.region).await?;
        let name = place.name.as_str();
        let reference = Reference::parse(operation.reference.as_deref());
        match (reference, operation.action) {
            (Reference::Done, _) => Ok(Progress::Done),
            (Reference::Update(part, id), _) => update_progress(session.update(name, &part, &id).await),
            (Reference::Status(part), action) => match (part_status(&session, name, &part).await?, action) {
                (None, Action::Delete) => Ok(Progress::Done),
                (None, Action::Create | Action::Update | Action::Upgrade) => Ok(Progress::Unknown),
                // An add-on that has no nodes to run on is there, and says so in its status.
                (Some((State::Degraded, _)), Action::Create) if matches!(part, Part::Addon(_)) => Ok(Progress::Done),
                (Some((state, reason)), action) => Ok(status_progress(state, reason, action)),
            },
        }
    }

    async fn running(&self, place: &Place<'_>) -> Result<Vec<Operation>, Failure> {
        let session = self.session(place.region).await?;
        let name = place.name.as_str();
        let Some(observed) = self.read_whole(place).await? else { return Ok(Vec::new()) };
        let CloudObserved::Eks(found) = &observed.cloud else { return Ok(Vec::new()) };
        let id = &observed.id;

        let state = State::of(found.cluster_status);
        let mut running = part_running(&session, id, name, Part::Cluster, Subject::Cluster, state).await?;
        for (group_name, group) in found.node_groups.iter().filter(|(_, group)| group.status.is_changing()) {
            let subject = Subject::NodePool(group.pool.clone());
            let state = State::of(group.status);
            running.extend(part_running(&session, id, name, Part::Group(group_name.clone()), subject, state).await?);
        }
        for (addon_name, addon) in found.addons.iter().flatten().filter(|(_, addon)| addon.status.is_changing()) {
            let subject = Subject::Addon(addon_name.clone());
            let state = State::of(addon.status);
            running.extend(part_running(&session, id, name, Part::Addon(addon_name.clone()), subject, state).await?);
        }
        Ok(running)
    }

    async fn cluster_access(&self, place: &Place<'_>) -> Result<ClusterAccess, Failure> {
        let session = self.session(place.region).await?;
        let name = place.name.as_str();
        let cluster = session.cluster(name).await?;
        let authority = cluster.certificate_authority().and_then(|authority| authority.data());
        let (Some(endpoint), Some(authority)) = (cluster.endpoint(), authority) else {
            let source = "the cluster has no API server yet";
            return Err(Failure::new(ErrorKind::Unavailable { retry_after: None }, source));
        };
        Ok(ClusterAccess {
            endpoint: endpoint.to_owned(),
            certificate_authority_data: authority.to_owned(),
            credential: session.kube_token(name).await?,
        })
    }
}

#[async_trait]
impl Backend for Eks {
    fn kind(&self) -> BackendKind {
        BackendKind::Eks
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            regions: true,
            maintenance_window: false,
            spot: true,
            zones: false,
            pod_cidr: false,
            disk_size: true,
            // When a pool is replaced or removed, which is ours to do. In an upgrade EKS gives pods fifteen minutes, fixed:
            // https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html
            drain_timeout: true,
            deletion_protection: true,
            parallel_steps: PARALLEL_STEPS,
        }
    }

    fn validate(&self, desired: &EnvironmentSpec) -> Vec<Violation> {
        let CloudSpec::Eks(eks) = &desired.cloud else { return vec![desired.wrong_backend(BackendKind::Eks)] };
        validate::validate(desired, eks)
    }

    fn differences(&self, observed: &Observed, desired: &EnvironmentSpec) -> Vec<Difference> {
        let (CloudObserved::Eks(found), CloudSpec::Eks(eks)) = (&observed.cloud, &desired.cloud) else {
            return vec![Difference {
                path: FieldPath::of("cloud"),
                observed: observed.id.backend().to_string(),
                desired: desired.cloud.backend().to_string(),
            }];
        };
        plan::differences(observed, found, desired, eks)
    }

    fn plan(&self, observed: Option<&Observed>, desired: Option<&EnvironmentSpec>) -> Result<Vec<Step>> {
        let found = match observed {
            Some(observed) => {
                let CloudObserved::Eks(found) = &observed.cloud else {
                    return Err(Error::new(ErrorKind::InvalidConfig, BackendKind::Eks, "plan", &observed.id));
                };
                Some((observed, found))
            }
            None => None,
        };
        let eks = match desired {
            Some(desired) => {
                let CloudSpec::Eks(eks) = &desired.cloud else {
                    let violation = desired.wrong_backend(BackendKind::Eks);
                    return Err(plan_error(&desired.name, plan::Unplannable::Violation(violation)));
                };
                Some((desired, eks))
            }
            None => None,
        };
        let steps = match (found, eks) {
            (None, None) => return Ok(Vec::new()),
            (Some((observed, found)), None) => return Ok(plan::delete(observed, found)),
            (None, Some((desired, eks))) => (desired, plan::create(desired, eks)),
            (Some((observed, found)), Some((desired, eks))) => (desired, plan::update(observed, found, desired, eks)),
        };
        let (desired, steps) = steps;
        steps.map_err(|unplannable| plan_error(&desired.name, unplannable))
    }

    /// EKS itself tells its versions only; machine types and zones are of EC2, which nothing else here needs.
    async fn check_offer(&self, desired: &EnvironmentSpec) -> Result<Vec<Violation>> {
        let Some(region) = &desired.region else { return Ok(Vec::new()) };
        let offered = async { self.session(region).await?.offered_versions().await };
        let offered = offered.await.map_err(|failure| failure.of("check_offer", &desired.name))?;
        let version = desired.kubernetes.version;
        Ok(match offered {
            Some(offered) if !offered.contains(&version.to_string()) => vec![Violation::new(
                FieldPath::of("kubernetes.version"),
                format!("EKS does not offer Kubernetes {version} in {region}"),
                format!("use one of {}", offered.join(", ")),
            )],
            Some(_) | None => Vec::new(),
        })
    }

    async fn locate(&self, desired: &EnvironmentSpec) -> Result<EnvironmentId> {
        let Some(region) = desired.region.clone() else {
            let violation = validate_region();
            return Err(plan_error(&desired.name, plan::Unplannable::Violation(violation)));
        };
        let account = async { Ok(self.session(&region).await?.account().await?.clone()) };
        let account = account.await.map_err(|failure: Failure| failure.of("locate", &desired.name))?;
        Ok(EnvironmentId::Eks { account, region, name: desired.name.clone() })
    }

    async fn read(&self, id: &EnvironmentId) -> Result<Option<Observed>> {
        self.read_whole(&Place::of(id)?).await.map_err(|failure| failure.of("read", id))
    }

    async fn begin(&self, id: &EnvironmentId, step: &Step, token: &IdempotencyToken) -> Result<Operation> {
        let Change::Eks(change) = &step.change else {
            return Err(Error::new(ErrorKind::Unsupported, BackendKind::Eks, "begin", id));
        };
        let token = client_request_token(token);
        let accepted = self.send(&Place::of(id)?, change, &token).await;
        let accepted = accepted.map_err(|failure| failure.of("begin", format!("{id}, {}", step.subject)))?;
        Ok(Operation {
            environment: id.clone(),
            subject: step.subject.clone(),
            action: step.action,
            reference: Reference::to(accepted, part_of(change)).to_text(),
        })
    }

    async fn poll(&self, operation: &Operation) -> Result<Progress> {
        let id = &operation.environment;
        self.progress(&Place::of(id)?, operation)
            .await
            .map_err(|failure| failure.of("poll", format!("{id}, {}", operation.subject)))
    }

    async fn find_running(&self, id: &EnvironmentId) -> Result<Vec<Operation>> {
        self.running(&Place::of(id)?).await.map_err(|failure| failure.of("find_running", id))
    }

    async fn access(&self, id: &EnvironmentId) -> Result<ClusterAccess> {
        self.cluster_access(&Place::of(id)?).await.map_err(|failure| failure.of("access", id))
    }
}

/// Where an environment is, out of its id.
struct Place<'a> {
    account: &'a AccountId,
    region: &'a Region,
    name: &'a EnvironmentName,
}

impl<'a> Place<'a> {
    fn of(id: &'a EnvironmentId) -> Result<Self> {
        let EnvironmentId::Eks { account, region, name } = id else {
            return Err(Error::new(ErrorKind::InvalidConfig, BackendKind::Eks, "locate", id)
                .with_source("the id is not one of an EKS environment"));
        };
        Ok(Self { account, region, name })
    }

    fn check_account(&self, found: &AccountId) -> Result<(), Failure> {
        if found == self.account {
            return Ok(());
        }
        let source = format!("the id names account {}, and the credentials are those of account {found}", self.account);
        Err(Failure::new(ErrorKind::NotOwned, source))
    }

    fn check_region(&self, found: &Region) -> Result<(), Failure> {
        if found == self.region {
            return Ok(());
        }
        let source = format!("the id names region {}, and the endpoint is that of region {found}", self.region);
        Err(Failure::new(ErrorKind::NotOwned, source))
    }
}

/// What to look at to know how an operation stands. Prints as the text that an [`Operation`] keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reference {
    /// It was done when it was accepted.
    Done,
    /// An update with an id.
    Update(Part, String),
    /// The status of a part.
    Status(Part),
}

impl Reference {
    fn to(accepted: Accepted, part: Part) -> Self {
        match accepted {
            Accepted::Done => Self::Done,
            Accepted::Update(id) => Self::Update(part, id),
            Accepted::ByStatus => Self::Status(part),
        }
    }

    /// Names of groups and add-ons hold no `/`.
    fn to_text(&self) -> Option<String> {
        match self {
            Self::Done => Some("done".to_owned()),
            Self::Update(Part::Cluster, id) => Some(format!("update/{id}")),
            Self::Update(Part::Group(name), id) => Some(format!("nodegroup/{name}/update/{id}")),
            Self::Update(Part::Addon(name), id) => Some(format!("addon/{name}/update/{id}")),
            Self::Status(Part::Cluster) => None,
            Self::Status(Part::Group(name)) => Some(format!("nodegroup/{name}")),
            Self::Status(Part::Addon(name)) => Some(format!("addon/{name}")),
        }
    }

    /// A text of any other form was written by nobody here, and leaves the cluster's status to look at.
    fn parse(text: Option<&str>) -> Self {
        let parts: Vec<&str> = text.into_iter().flat_map(|text| text.split('/')).collect();
        match parts[..] {
            ["done"] => Self::Done,
            ["update", id] => Self::Update(Part::Cluster, id.to_owned()),
            ["nodegroup", name, "update", id] => Self::Update(Part::Group(name.to_owned()), id.to_owned()),
            ["addon", name, "update", id] => Self::Update(Part::Addon(name.to_owned()), id.to_owned()),
            ["nodegroup", name] => Self::Status(Part::Group(name.to_owned())),
            ["addon", name] => Self::Status(Part::Addon(name.to_owned())),
            _ => Self::Status(Part::Cluster),
        }
    }
}

/// How a part of a cluster is, as far as waiting is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Creating,
    Works,
    Updating,
    Deleting,
    CreateFailed,
    DeleteFailed,
    Degraded,
}

impl State {
    fn of(status: Status) -> Self {
        match status {
            Status::Creating => Self::Creating,
            Status::Active => Self::Works,
            Status::Updating => Self::Updating,
            Status::Degraded => Self::Degraded,
            Status::Deleting => Self::Deleting,
            Status::Failed => Self::CreateFailed,
        }
    }
}

fn status_progress(state: State, reason: Option<ServerText>, action: Action) -> Progress {
    let failed = || {
        Progress::Failed(reason.clone().unwrap_or_else(|| ServerText::new("the status says so, and gives no reason")))
    };
    match (state, action) {
        (State::CreateFailed, Action::Create | Action::Update | Action::Upgrade) => failed(),
        (State::DeleteFailed, Action::Delete) => failed(),
        (State::Creating, Action::Create) => Progress::Running,
        (State::Works | State::Updating, Action::Create) => Progress::Done,
        (State::Degraded | State::DeleteFailed, Action::Create) => failed(),
        (State::Deleting, Action::Delete) => Progress::Running,
        (State::Updating | State::Creating, Action::Update | Action::Upgrade) => Progress::Running,
        (State::Deleting, Action::Create | Action::Update | Action::Upgrade) => failed(),
        // The status may be from before the change, or from after it: what can be read decides.
        (State::Works | State::Degraded | State::DeleteFailed, Action::Update | Action::Upgrade)
        | (State::Works | State::Creating | State::Updating | State::Degraded | State::CreateFailed, Action::Delete) => {
            Progress::Unknown
        }
    }
}

fn update_progress(update: Result<aws_sdk_eks::types::Update, Failure>) -> Result<Progress, Failure> {
    match update {
        Ok(update) => Ok(match update.status() {
            Some(UpdateStatus::Successful) => Progress::Done,
            Some(UpdateStatus::Failed | UpdateStatus::Cancelled) => Progress::Failed(convert::update_errors(&update)),
            // A status that is not known here comes from a newer API, and is none of the three that end an update.
            Some(_) | None => Progress::Running,
        }),
        // Forgotten, or asked of an endpoint that has no such call.
        Err(failure) if matches!(failure.kind, ErrorKind::NotFound | ErrorKind::Unsupported) => Ok(Progress::Unknown),
        Err(failure) => Err(failure),
    }
}

/// An endpoint that has no calls for a sort of part has no such parts. It was configured there, and refused; reading and
/// deleting the rest goes on.
fn unsupported_is_none<T: Default>(answer: Result<T, Failure>) -> Result<T, Failure> {
    match answer {
        Err(failure) if failure.kind == ErrorKind::Unsupported => Ok(T::default()),
        answer => answer,
    }
}

/// How a part is; `None` if there is none.
async fn part_status(
    session: &Session,
    cluster: &str,
    part: &Part,
) -> Result<Option<(State, Option<ServerText>)>, Failure> {
    let found = match part {
        Part::Cluster => session
            .cluster(cluster)
            .await
            .map(|cluster| (State::of(convert::cluster_status(&cluster)), convert::cluster_reason(&cluster))),
        Part::Group(name) => session.group(cluster, name).await.and_then(|group| {
            let delete_failed = group.status() == Some(&NodegroupStatus::DeleteFailed);
            let group = convert::group(name, &group)?;
            let state = if delete_failed { State::DeleteFailed } else { State::of(group.status) };
            Ok((state, group.status_reason))
        }),
        Part::Addon(name) => session.addon(cluster, name).await.map(|addon| {
            let delete_failed = addon.status() == Some(&AddonStatus::DeleteFailed);
            let addon = convert::addon(&addon);
            let state = if delete_failed { State::DeleteFailed } else { State::of(addon.status) };
            (state, addon.status_reason)
        }),
    };
    match found {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.kind == ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What runs on a part, by its status and, where that says that it is being updated, by its updates.
async fn part_running(
    session: &Session,
    id: &EnvironmentId,
    cluster: &str,
    part: Part,
    subject: Subject,
    state: State,
) -> Result<Vec<Operation>, Failure> {
    let operation = |action, reference: Reference| Operation {
        environment: id.clone(),
        subject: subject.clone(),
        action,
        reference: reference.to_text(),
    };
    Ok(match state {
        State::Creating => vec![operation(Action::Create, Reference::Status(part))],
        State::Deleting => vec![operation(Action::Delete, Reference::Status(part))],
        State::Updating => match session.running_updates(cluster, &part).await {
            Ok(ids) if ids.is_empty() => vec![operation(Action::Update, Reference::Status(part))],
            Ok(ids) => ids
                .into_iter()
                .map(|update| operation(Action::Update, Reference::Update(part.clone(), update)))
                .collect(),
            Err(failure) if matches!(failure.kind, ErrorKind::NotFound | ErrorKind::Unsupported) => {
                vec![operation(Action::Update, Reference::Status(part))]
            }
            Err(failure) => return Err(failure),
        },
        State::Works | State::Degraded | State::CreateFailed | State::DeleteFailed => Vec::new(),
    })
}

/// The part of a cluster whose status or updates show how a change goes on.
fn part_of(change: &EksChange) -> Part {
    match change {
        EksChange::CreateCluster(_)
        | EksChange::UpgradeCluster { .. }
        | EksChange::ConfigureCluster(_)
        | EksChange::EncryptSecrets { .. }
        | EksChange::DeleteCluster
        | EksChange::CreateAccessEntry { .. }
        | EksChange::UpdateAccessEntry { .. }
        | EksChange::DeleteAccessEntry { .. }
        | EksChange::GrantPolicy { .. }
        | EksChange::RevokePolicy { .. }
        | EksChange::Tag { .. }
        | EksChange::Untag { .. } => Part::Cluster,
        EksChange::CreateGroup(new) => Part::Group(new.group.clone()),
        EksChange::ConfigureGroup(settings) => Part::Group(settings.group.clone()),
        EksChange::UpgradeGroup { group, .. } | EksChange::DeleteGroup { group } => Part::Group(group.clone()),
        EksChange::CreateAddon { name, .. }
        | EksChange::UpdateAddon { name, .. }
        | EksChange::DeleteAddon { name, .. } => Part::Addon(name.clone()),
    }
}

/// EKS takes tokens of 33 to 126 characters (ansible-collections/community.aws #817). Others are hashed to a UUID.
fn client_request_token(token: &IdempotencyToken) -> String {
    let text = token.as_str();
    if (33..=126).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return text.to_owned();
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

fn plan_error(name: &EnvironmentName, unplannable: plan::Unplannable) -> Error {
    let error = |kind| Error::new(kind, BackendKind::Eks, "plan", name);
    match unplannable {
        plan::Unplannable::Violation(violation) => error(ErrorKind::InvalidConfig).with_source(violation),
        plan::Unplannable::Failed(_) => error(ErrorKind::OperationFailed).with_source(unplannable),
    }
}

fn validate_region() -> Violation {
    Violation::new(FieldPath::of("region"), "an EKS environment needs a region", "set it, such as \"us-east-1\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_look_at_survives_as_text() {
        let (group, addon) = (|| Part::Group("apps-1a2b3c4d".to_owned()), || Part::Addon("vpc-cni".to_owned()));
        let references = [
            Reference::Done,
            Reference::Update(Part::Cluster, "u-1".to_owned()),
            Reference::Update(group(), "u-2".to_owned()),
            Reference::Update(addon(), "u-3".to_owned()),
            Reference::Status(Part::Cluster),
            Reference::Status(group()),
            Reference::Status(addon()),
        ];
        for reference in references {
            assert_eq!(Reference::parse(reference.to_text().as_deref()), reference);
        }
        assert_eq!(Reference::parse(Some("a/b/c/d/e")), Reference::Status(Part::Cluster));
    }

    #[test]
    fn tokens_have_the_length_that_eks_takes() {
        let uuid = IdempotencyToken::random();
        assert_eq!(client_request_token(&uuid), uuid.as_str());
        for text in ["short", &"long".repeat(50), "with a space, and more than thirty-three letters"] {
            let token = client_request_token(&IdempotencyToken::new(text));
            assert_eq!(token.len(), 36, "{text}");
            assert_eq!(token, client_request_token(&IdempotencyToken::new(text)), "the same each time");
        }
    }

    #[test]
    fn a_status_ends_a_wait_only_where_it_says_enough() {
        let failed = |progress| matches!(progress, Progress::Failed(_));
        let progress = |state, action| status_progress(state, None, action);
        assert_eq!(progress(State::Creating, Action::Create), Progress::Running);
        assert_eq!(progress(State::Works, Action::Create), Progress::Done);
        assert!(failed(progress(State::CreateFailed, Action::Create)));
        assert!(failed(progress(State::DeleteFailed, Action::Delete)));
        assert_eq!(progress(State::Deleting, Action::Delete), Progress::Running);
        // It may not show yet that it is being deleted, or changed.
        assert_eq!(progress(State::Works, Action::Delete), Progress::Unknown);
        assert_eq!(progress(State::Works, Action::Update), Progress::Unknown);
        assert_eq!(progress(State::Updating, Action::Upgrade), Progress::Running);
    }
}
