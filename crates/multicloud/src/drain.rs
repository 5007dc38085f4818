//! Empties nodes before a step takes them away: cordons them, then evicts their pods as the disruption budgets allow.
//!
//! It goes in rounds that begin with a look, so that it keeps nothing: a process that begins again finds its place, and
//! nodes that join meanwhile are cordoned too. What becomes of a pod, and what an answer means, is decided in pure
//! functions.
//!
//! # What leaves and what stays
//!
//! - Pods of a DaemonSet and static pods stay: they belong to their node. Pods that have finished stay: nothing of them
//!   is lost with it.
//! - Every other pod is evicted, also one that no controller makes again elsewhere: with the node it would end anyway. So
//!   is what lies in its `emptyDir`.
//! - A pod that is ending is waited for, unless its node has stopped answering, which nobody can tell that it has ended.
//!
//! # Limits
//!
//! - Pods that tolerate cordoned nodes may come back to them; they hold the drain up until it times out.
//! - Nodes that were cordoned stay so, also when the drain fails: the next one has less to do.
//! - A process that is killed in the middle of an eviction can leave the budget believing in it for two minutes.
//! - The API server is asked directly, past any proxy that the cloud is reached by.
//! - Nothing is asked about the room elsewhere. Where there is none, a workload's budget holds its last pods back, and a
//!   workload without a budget may be without pods for a while.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::{self, Debug};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::Status;
use kube::{Client, Config, Resource, ResourceExt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::access::ClusterAccess;
use crate::clock::{Clock, Jitter};
use crate::driver::{Backoff, OUTAGE_LIMIT};
use crate::error::ServerText;
use crate::operation::{NodeDrain, WhenUnreachable};

/// How long pods are given where nobody says how long: what AKS gives those of its own nodes in an upgrade
/// (<https://learn.microsoft.com/en-us/azure/aks/upgrade-aks-cluster>, node drain timeout).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How long a connection to the API server may take. One that is private and not reached from here lets us run into it.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long an answer may take: API servers end their own work on a request after a minute.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// How often an API server is tried that need not be reached: once more than a packet that got lost calls for.
pub const FIRST_CONTACT_TRIES: u32 = 2;

/// How soon to look again at pods that were told to go. Most need seconds to end.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Requests side by side: quick on hundreds of pods, and a small share of what an API server serves at once.
pub const REQUESTS_AT_ONCE: usize = 8;

/// Objects in one reply: what `kubectl` asks for.
pub const PAGE: u32 = 500;

/// Pods that an error names; the others are counted.
pub const MAX_NAMED_PODS: usize = 10;

/// What keeps a mirror pod's origin: it is the kubelet's own, and the API cannot end it.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror>
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// The reason of the cause by which an eviction's refusal names the budget (`k8s.io/api/policy/v1`,
/// `DisruptionBudgetCause`).
const BUDGET_CAUSE: &str = "DisruptionBudget";

/// Something that empties nodes.
#[async_trait]
pub trait NodeDrainer: Debug + Send + Sync {
    /// Returns once nothing is left on the nodes that would be lost with them. No nodes are empty nodes.
    ///
    /// Dropping the future stops at once, and leaves cordoned what was cordoned.
    async fn drain(&self, drain: Drain<'_>) -> Result<(), DrainError>;
}

/// What is to be emptied, and by what means.
#[derive(Debug, Clone, Copy)]
pub struct Drain<'a> {
    /// How to reach the nodes' cluster.
    pub access: &'a ClusterAccess,
    /// Which nodes.
    pub nodes: &'a NodeDrain,
    /// How long it may take: [`NodeDrain::timeout`], or less where the run itself ends earlier.
    pub timeout: Duration,
    /// The time that counts.
    pub clock: &'a dyn Clock,
    /// Chance for the back-offs.
    pub jitter: &'a Jitter,
}

/// Why nodes were not emptied.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// The API server was not reached, or made no sense.
    #[error("the cluster's Kubernetes API cannot be reached")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    /// The API server knows us, and does not let us do it.
    #[error("Kubernetes does not allow it: {0}")]
    Refused(ServerText),
    /// The API server does not take our credential, or takes it no longer.
    #[error("Kubernetes does not accept the credential")]
    CredentialEnded,
    /// Pods did not go in time.
    #[error("{0}")]
    Blocked(Blocked),
}

/// The pods that did not go, and why.
#[derive(Debug)]
pub struct Blocked {
    /// The nodes, in words.
    pub nodes: String,
    /// For how long the pods were told to go.
    pub waited: Duration,
    /// What can be raised for more time.
    pub limit: &'static str,
    /// Namespaces and names, by what was in the way.
    pub pods: BTreeMap<String, Vec<String>>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, waited, limit, pods } = self;
        let count: usize = pods.values().map(Vec::len).sum();
        let waited = Duration::from_secs(waited.as_secs_f64().round() as u64);
        write!(f, "after {waited:?} pods are still on the {nodes}")?;
        let mut named = 0;
        for (why, pods) in pods {
            let shown = pods.iter().take(MAX_NAMED_PODS.saturating_sub(named)).map(String::as_str).collect::<Vec<_>>();
            if !shown.is_empty() {
                write!(f, "{} {} ({why})", if named == 0 { ":" } else { "," }, shown.join(", "))?;
            }
            named += shown.len();
        }
        if count > named {
            write!(f, " and {} more", count - named)?;
        }
        write!(f, "; {limit} can be raised; the nodes stay cordoned")
    }
}

/// Empties nodes through the Eviction API (`policy/v1`), as `kubectl drain` does.
#[derive(Debug, Clone, Copy, Default)]
pub struct KubernetesDrainer;

#[async_trait]
impl NodeDrainer for KubernetesDrainer {
    async fn drain(&self, drain: Drain<'_>) -> Result<(), DrainError> {
        let client = client(drain.access).map_err(DrainError::Unreachable)?;
        let job = Job { client, drain, seen: Mutex::default() };
        tokio::select! {
            biased;
            drained = job.run() => drained,
            () = drain.clock.sleep(drain.timeout) => Err(job.timed_out()),
        }
    }
}

/// Leaves nodes as they are: for clouds without a Kubernetes behind them, as tests have, and for callers who drain by
/// other means.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDrainer;

#[async_trait]
impl NodeDrainer for NoDrainer {
    async fn drain(&self, _: Drain<'_>) -> Result<(), DrainError> {
        Ok(())
    }
}

/// A client for that cluster and no other: nothing is taken from a kubeconfig, the environment or a service account.
fn client(access: &ClusterAccess) -> Result<Client, Box<dyn StdError + Send + Sync>> {
    let pem = BASE64_STANDARD.decode(&access.certificate_authority_data)?;
    let roots = CertificateDer::pem_slice_iter(&pem).map(|der| Ok(der?.to_vec()));
    let mut config = Config::new(access.endpoint.parse()?);
    config.root_cert = Some(roots.collect::<Result<_, rustls::pki_types::pem::Error>>()?);
    config.auth_info.token = Some(access.credential.token.expose().to_owned().into());
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.read_timeout = Some(ANSWER_LIMIT);
    config.write_timeout = Some(ANSWER_LIMIT);
    config.reset_reader_on_write = true;
    // A budget's 429 is an answer; when to ask again is decided here.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// One drain.
struct Job<'a> {
    client: Client,
    drain: Drain<'a>,
    seen: Mutex<Seen>,
}

/// What the last round came to, for the error at the end of the time.
#[derive(Default)]
struct Seen {
    /// The pods that were still there, by namespace and name, with what is in their way.
    left: BTreeMap<String, String>,
    /// Why there was no round.
    out: Option<kube::Error>,
}

/// What a round came to.
struct Round {
    /// Whether nothing is left.
    done: bool,
    /// Whether a pod was told to go.
    evicted: bool,
}

/// Why a round did not come to its end.
enum Fault {
    /// No answer that made sense.
    Out(kube::Error),
    /// An answer after which there is nothing to try.
    Final(DrainError),
}

impl Job<'_> {
    async fn run(&self) -> Result<(), DrainError> {
        let Drain { clock, jitter, nodes, .. } = self.drain;
        let mut backoff = Backoff::default();
        let mut reached = false;
        let mut tries = 0;
        let mut out_since = None;
        loop {
            let pause = match self.round().await {
                Ok(Round { done: true, .. }) => return Ok(()),
                Ok(Round { evicted, .. }) => {
                    reached = true;
                    out_since = None;
                    if evicted {
                        backoff = Backoff::default();
                        jitter.spread(LOOK_AGAIN)
                    } else {
                        backoff.next(jitter)
                    }
                }
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Out(error)) => {
                    tries += 1;
                    let out_for = clock.now().saturating_sub(*out_since.get_or_insert(clock.now()));
                    let enough = match nodes.unreachable {
                        WhenUnreachable::Proceed if !reached => tries >= FIRST_CONTACT_TRIES,
                        WhenUnreachable::Proceed | WhenUnreachable::Refuse => out_for >= OUTAGE_LIMIT,
                    };
                    if enough {
                        return Err(DrainError::Unreachable(Box::new(error)));
                    }
                    tracing::debug!(%nodes, error = %crate::ErrorChain(&error), "no answer while draining");
                    self.seen().out = Some(error);
                    backoff.next(jitter)
                }
            };
            clock.sleep(pause).await;
        }
    }

    /// Looks, cordons, and tells every pod to go that should.
    async fn round(&self) -> Result<Round, Fault> {
        let NodeDrain { label, value, .. } = self.drain.nodes;
        let nodes: Api<Node> = Api::all(self.client.clone());
        let found = list(&nodes, ListParams::default().labels(&format!("{label}={value}"))).await?;
        let open: Vec<_> = found.iter().filter(|node| !is_cordoned(node)).map(ResourceExt::name_any).collect();
        each(open, |name| self.cordon(&nodes, name)).await?;
        let names: Vec<_> = found.iter().map(|node| (node.name_any(), answers(node))).collect();
        let on_nodes = each(names, |(name, answers)| self.pods_on(name, answers)).await?;
        let (mut left, mut to_evict) = (BTreeMap::new(), Vec::new());
        for (fate, pod) in on_nodes.into_iter().flatten() {
            match fate {
                Fate::Stays => {}
                Fate::Ends => drop(left.insert(full_name(&pod), "is ending".to_owned())),
                Fate::Leaves => to_evict.push(pod),
            }
        }
        let verdicts = each(to_evict, |pod| self.evict(pod)).await?;
        let mut evicted = false;
        for (pod, verdict) in verdicts {
            match verdict {
                Verdict::Evicted => {
                    evicted = true;
                    left.insert(pod, "is ending".to_owned());
                }
                Verdict::Later(why) => drop(left.insert(pod, why)),
            }
        }
        let done = left.is_empty();
        *self.seen() = Seen { left, out: None };
        Ok(Round { done, evicted })
    }

    async fn pods_on(&self, node: String, answers: bool) -> Result<Vec<(Fate, Pod)>, Fault> {
        let pods = Api::all(self.client.clone());
        let pods = list(&pods, ListParams::default().fields(&format!("spec.nodeName={node}"))).await?;
        Ok(pods.into_iter().map(|pod| (fate(&pod, answers), pod)).collect())
    }

    async fn cordon(&self, nodes: &Api<Node>, name: String) -> Result<(), Fault> {
        let patch = Patch::Merge(serde_json::json!({ "spec": { "unschedulable": true } }));
        match nodes.patch(&name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(()),
            // It went by itself.
            Err(error) if status_of(&error).is_some_and(|status| status.code == 404) => Ok(()),
            Err(error) => Err(fault(error)),
        }
    }

    /// The pod's name, and what became of its eviction.
    async fn evict(&self, pod: Pod) -> Result<(String, Verdict), Fault> {
        let body = serde_json::to_vec(&eviction(&pod)).map_err(|error| Fault::Out(kube::Error::SerdeError(error)))?;
        let url = Pod::url_path(&(), pod.namespace().as_deref());
        let request = http::Request::post(format!("{url}/{}/eviction", pod.name_any()))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| Fault::Out(kube::Error::HttpError(error)))?;
        // A request that is given up half way is one that the budget has counted and the pod has not seen: it then holds
        // the budget for two minutes (`k8s.io/kubernetes`, `pkg/controller/disruption`, `DeletionTimeout`). So it goes on
        // when the drain is dropped.
        let client = self.client.clone();
        let answer = tokio::spawn(async move { client.request::<Status>(request).await }).await;
        let verdict = match &answer {
            Ok(Ok(_)) => Verdict::Evicted,
            Ok(Err(error)) => match status_of(error) {
                Some(status) => verdict(status).map_err(Fault::Final)?,
                // The next look tells whether there is nobody any more.
                None => Verdict::Later("no answer to its eviction".to_owned()),
            },
            Err(_) => Verdict::Later("no answer to its eviction".to_owned()),
        };
        Ok((full_name(&pod), verdict))
    }

    fn timed_out(&self) -> DrainError {
        let Seen { left, out } = std::mem::take(&mut *self.seen());
        if let Some(error) = out {
            return DrainError::Unreachable(Box::new(error));
        }
        let mut pods: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (pod, why) in left {
            pods.entry(why).or_default().push(pod);
        }
        let Drain { nodes, timeout, .. } = self.drain;
        // The driver gives less where the run itself would end earlier; asking for access takes some of it, too.
        let limit = if timeout + nodes.timeout / 10 < nodes.timeout { "the run's timeout" } else { "drain_timeout" };
        DrainError::Blocked(Blocked { nodes: nodes.to_string(), waited: timeout, limit, pods })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Never held across an await, and replaced as a whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the same with each, several at a time, and stops at the first fault.
async fn each<I, T, F>(items: impl IntoIterator<Item = I>, act: impl Fn(I) -> F) -> Result<Vec<T>, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut results = futures::stream::iter(items.into_iter().map(act)).buffer_unordered(REQUESTS_AT_ONCE);
    let mut done = Vec::new();
    while let Some(result) = results.next().await {
        done.push(result?);
    }
    Ok(done)
}

/// All objects, page by page.
async fn list<K>(api: &Api<K>, mut which: ListParams) -> Result<Vec<K>, Fault>
where
    K: Clone + Debug + serde::de::DeserializeOwned,
{
    which.limit = Some(PAGE);
    let mut all = Vec::new();
    loop {
        let page = api.list(&which).await.map_err(fault)?;
        all.extend(page.items);
        which.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if which.continue_token.is_none() {
            return Ok(all);
        }
    }
}

/// What is to become of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It may go with its node.
    Stays,
    /// It is on its way out.
    Ends,
    /// It is to be evicted.
    Leaves,
}

fn fate(pod: &Pod, node_answers: bool) -> Fate {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let finished = matches!(phase, Some("Succeeded" | "Failed"));
    let of_daemon_set = pod.owner_references().iter().any(|owner| {
        owner.controller == Some(true) && owner.kind == "DaemonSet" && owner.api_version.starts_with("apps/")
    });
    let ends = pod.metadata.deletion_timestamp.is_some();
    if finished || of_daemon_set || pod.annotations().contains_key(MIRROR_ANNOTATION) || ends && !node_answers {
        Fate::Stays
    } else if ends {
        Fate::Ends
    } else {
        Fate::Leaves
    }
}

fn is_cordoned(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true)
}

/// Whether a node's kubelet still reports: only it can say that a pod has ended.
fn answers(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status != "Unknown")
}

/// What an eviction came to.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Evicted,
    /// Not now, for that reason.
    Later(String),
}

/// What the refusal of an eviction means.
fn verdict(status: &Status) -> Result<Verdict, DrainError> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let budget = causes.clone().find(|cause| cause.reason == BUDGET_CAUSE).map(|cause| &cause.message);
    let words = || ServerText::new(&status.message).as_str().to_owned();
    match status.code {
        401 => Err(DrainError::CredentialEnded),
        // Admission hooks refuse by 403 as well, for a while. This is how it is worded where the right is missing
        // (`k8s.io/apiserver`, `endpoints/handlers/responsewriters/errors.go`).
        403 if status.message.contains("cannot create resource \"pods/eviction\"") => {
            Err(DrainError::Refused(ServerText::new(&status.message)))
        }
        // It is gone, or another pod has its name: the next look tells.
        404 | 409 => Ok(Verdict::Evicted),
        429 => Ok(Verdict::Later(budget.map_or_else(words, |budget| ServerText::new(budget).as_str().to_owned()))),
        _ => Ok(Verdict::Later(words())),
    }
}

/// The request to evict this pod, and none that has come to its name since.
fn eviction(pod: &Pod) -> Eviction {
    let preconditions = Preconditions { uid: pod.uid(), resource_version: None };
    Eviction {
        metadata: ObjectMeta { name: pod.metadata.name.clone(), namespace: pod.namespace(), ..ObjectMeta::default() },
        delete_options: Some(DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() }),
    }
}

/// What a failed look or cordoning means.
fn fault(error: kube::Error) -> Fault {
    match status_of(&error).map(|status| (status.code, &status.message)) {
        Some((401, _)) => Fault::Final(DrainError::CredentialEnded),
        Some((403, message)) => Fault::Final(DrainError::Refused(ServerText::new(message))),
        Some(_) | None => Fault::Out(error),
    }
}

/// What the API server said, where it was it that said no.
fn status_of(error: &kube::Error) -> Option<&Status> {
    match error {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}

fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::{Value, json};

    use super::*;

    fn pod(metadata: Value, phase: &str) -> Pod {
        serde_json::from_value(json!({ "metadata": metadata, "status": { "phase": phase } })).unwrap()
    }

    fn owned_by(api_version: &str, kind: &str) -> Value {
        let owner = json!({ "apiVersion": api_version, "kind": kind, "name": "it", "uid": "1", "controller": true });
        json!({ "name": "it", "namespace": "shop", "ownerReferences": [owner] })
    }

    #[test]
    fn pods_leave_unless_they_belong_to_their_node_or_are_finished() {
        let ending = json!({ "name": "it", "deletionTimestamp": "2026-11-21T12:00:00Z" });
        let mirror = json!({ "name": "it", "annotations": { "kubernetes.io/config.mirror": "x" } });
        for (pod, node_answers, expected) in [
            (pod(owned_by("apps/v1", "ReplicaSet"), "Running"), true, Fate::Leaves),
            (pod(owned_by("apps/v1", "StatefulSet"), "Pending"), true, Fate::Leaves),
            (pod(json!({ "name": "nobody's" }), "Running"), true, Fate::Leaves),
            (pod(json!({ "name": "nobody's" }), "Running"), false, Fate::Leaves),
            (pod(owned_by("apps/v1", "DaemonSet"), "Running"), true, Fate::Stays),
            (pod(owned_by("example.org/v1", "DaemonSet"), "Running"), true, Fate::Leaves),
            (pod(owned_by("batch/v1", "Job"), "Succeeded"), true, Fate::Stays),
            (pod(owned_by("batch/v1", "Job"), "Failed"), true, Fate::Stays),
            (pod(owned_by("batch/v1", "Job"), "Running"), true, Fate::Leaves),
            (pod(mirror, "Running"), true, Fate::Stays),
            (pod(ending.clone(), "Running"), true, Fate::Ends),
            (pod(ending, "Running"), false, Fate::Stays),
        ] {
            assert_eq!(fate(&pod, node_answers), expected, "{pod:?}");
        }
    }

    #[test]
    fn nodes_are_read_as_they_report() {
        let node = |status: &str, unschedulable: Option<bool>| {
            let conditions =
                json!([{ "type": "DiskPressure", "status": "True" }, { "type": "Ready", "status": status }]);
            let node = json!({ "spec": { "unschedulable": unschedulable }, "status": { "conditions": conditions } });
            serde_json::from_value::<Node>(node).unwrap()
        };
        assert!(answers(&node("True", None)) && answers(&node("False", None)));
        assert!(!answers(&node("Unknown", None)) && !answers(&Node::default()));
        assert!(is_cordoned(&node("True", Some(true))));
        assert!(!is_cordoned(&node("True", Some(false))) && !is_cordoned(&node("True", None)));
    }

    fn refusal(code: u16, message: &str, causes: &Value) -> Status {
        serde_json::from_value(json!({ "code": code, "message": message, "details": { "causes": causes } })).unwrap()
    }

    #[test]
    fn refusals_of_evictions_are_told_apart() {
        let budget = "The disruption budget api needs 3 healthy pods and has 3 currently";
        let causes = json!([{ "reason": "DisruptionBudget", "message": budget }]);
        let words = "Cannot evict pod as it would violate the pod's disruption budget.";
        let later = |words: &str| Verdict::Later(words.to_owned());
        assert_eq!(verdict(&refusal(429, words, &causes)).unwrap(), later(budget));
        assert_eq!(verdict(&refusal(429, "too many requests", &json!([]))).unwrap(), later("too many requests"));
        let two = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        assert_eq!(verdict(&refusal(500, two, &json!([]))).unwrap(), later(two));
        let hook = "admission webhook \"guard\" denied the request: not during the day";
        assert_eq!(verdict(&refusal(403, hook, &json!([]))).unwrap(), later(hook));
        for gone in [404, 409] {
            assert_eq!(verdict(&refusal(gone, "x", &json!([]))).unwrap(), Verdict::Evicted);
        }
        let forbidden = "pods \"api-1\" is forbidden: User \"x\" cannot create resource \"pods/eviction\" in API group";
        assert!(matches!(verdict(&refusal(403, forbidden, &json!([]))), Err(DrainError::Refused(_))));
        assert!(matches!(verdict(&refusal(401, "Unauthorized", &json!([]))), Err(DrainError::CredentialEnded)));
    }

    #[test]
    fn a_pod_that_came_to_the_name_later_is_not_evicted() {
        let pod = pod(json!({ "name": "db-0", "namespace": "shop", "uid": "u-1" }), "Running");
        let body = serde_json::to_value(eviction(&pod)).unwrap();
        assert_eq!(body["apiVersion"], "policy/v1");
        assert_eq!(body["kind"], "Eviction");
        assert_eq!(body["metadata"], json!({ "name": "db-0", "namespace": "shop" }));
        assert_eq!(body["deleteOptions"]["preconditions"]["uid"], "u-1");
    }

    #[test]
    fn what_blocks_is_named_and_the_rest_counted() {
        let pods = |count: usize| (0..count).map(|number| format!("shop/api-{number}")).collect::<Vec<_>>();
        let mut blocked = Blocked {
            nodes: "nodes with pool=old".to_owned(),
            waited: Duration::from_millis(1_799_900),
            limit: "drain_timeout",
            pods: [("its budget".to_owned(), pods(2)), ("is ending".to_owned(), vec!["shop/db-0".to_owned()])].into(),
        };
        expect![[r#"after 1800s pods are still on the nodes with pool=old: shop/db-0 (is ending), shop/api-0, shop/api-1 (its budget); drain_timeout can be raised; the nodes stay cordoned"#]]
            .assert_eq(&blocked.to_string());
        blocked.pods.insert("its budget".to_owned(), pods(1_000));
        let said = blocked.to_string();
        assert!(said.contains("shop/api-8 (its budget) and 991 more"), "{said}");
    }
}
