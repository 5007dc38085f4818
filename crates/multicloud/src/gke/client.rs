//! The calls to GKE and Compute: typed requests of our own, each sent once and with a deadline (why not Google's SDK:
//! `docs/adr/0004-own-requests-to-google.md`).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt as _, TryStreamExt as _};
use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::change::{ClusterSetting, GkeChange};
use super::convert::{self, Sizes};
use super::credential::{CredentialChain, declared_end};
use super::failure::{self, Failure};
use super::settings::GoogleSettings;
use super::surroundings::Surroundings;
use super::token::percent_encode;
use super::transport::{Http, secret_header};
use super::wire;
use crate::access::Credential;
use crate::environment::{EnvironmentName, KubernetesVersion, PoolName, ProjectId, Region, Status};
use crate::error::ErrorKind;

/// Instance groups of one cluster that are asked about side by side, so that a refresh of many environments stays below
/// Compute's 25 reads a second and project (<https://cloud.google.com/compute/api-quota>).
const SIDE_BY_SIDE: usize = 4;
/// A page holds 500 zones, and there are some 130; more pages are a loop.
const MAX_PAGES: usize = 10;
/// Google's domain of APIs.
const UNIVERSE: &str = "googleapis.com";

/// GKE and Compute, opened at the first call.
pub(crate) struct Client {
    settings: GoogleSettings,
    around: Surroundings,
    session: OnceCell<Session>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has not opened anything.
    pub(crate) fn new(settings: GoogleSettings, around: Surroundings) -> Self {
        Self { settings, around, session: OnceCell::new() }
    }

    pub(crate) async fn session(&self) -> Result<&Session, Failure> {
        self.session.get_or_try_init(|| async { Session::open(&self.settings, &self.around) }).await
    }
}

/// Where a cluster is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) project: &'a ProjectId,
    pub(crate) location: &'a Region,
    pub(crate) name: &'a EnvironmentName,
}

impl Place<'_> {
    fn location_path(&self) -> String {
        format!("projects/{}/locations/{}", self.project, self.location)
    }

    fn path(&self) -> String {
        format!("{}/clusters/{}", self.location_path(), self.name)
    }
}

/// GKE and Compute, and who we are to them.
pub(crate) struct Session {
    around: Surroundings,
    http: Arc<Http>,
    credentials: CredentialChain,
    container: String,
    compute: String,
    named_project: Option<String>,
    project: OnceCell<ProjectId>,
    seen: Mutex<HashMap<String, Seen>>,
}

/// What the latest look at a cluster showed and a change has to say again, so that GKE notices where somebody else was
/// faster. It is of this process only: another one looks for itself before it changes anything.
#[derive(Debug, Default, Clone)]
struct Seen {
    etag: String,
    label_fingerprint: String,
    endpoints: convert::Endpoints,
    pools: BTreeMap<String, SeenPool>,
}

#[derive(Debug, Clone)]
struct SeenPool {
    etag: String,
    pool: PoolName,
    /// As it was, for what a change of one thing has to repeat of others.
    found: wire::NodePool,
}

impl Session {
    fn open(settings: &GoogleSettings, around: &Surroundings) -> Result<Self, Failure> {
        let http = Arc::new(Http::new(settings.ca_bundle.clone(), settings.proxy.clone())?);
        let universe = settings
            .universe_domain
            .clone()
            .or_else(|| around.variable("GOOGLE_CLOUD_UNIVERSE_DOMAIN"))
            .unwrap_or_else(|| UNIVERSE.to_owned());
        let base = |given: &Option<String>, variable: &str, default: String, suffixes: &[&str]| {
            let url = given.clone().or_else(|| around.variable(variable)).unwrap_or(default);
            // Google's own provider takes these addresses with the path of the API's version.
            suffixes.iter().fold(url.trim_end_matches('/'), |url, suffix| url.trim_end_matches(suffix)).to_owned()
        };
        let container = base(
            &settings.endpoint,
            "GOOGLE_CONTAINER_CUSTOM_ENDPOINT",
            format!("https://container.{universe}"),
            &["/v1"],
        );
        let compute = base(
            &settings.compute_endpoint,
            "GOOGLE_COMPUTE_CUSTOM_ENDPOINT",
            format!("https://compute.{universe}"),
            &["/compute/v1"],
        );
        let projects = ["GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"];
        Ok(Self {
            around: around.clone(),
            credentials: CredentialChain::new(settings, &universe, Arc::clone(&http), around.clone()),
            http,
            container,
            compute,
            named_project: settings.project.clone().or_else(|| around.first_variable(&projects)),
            project: OnceCell::new(),
            seen: Mutex::default(),
        })
    }

    /// Sends a request. Where the cloud says that our token has ended, it did nothing, so the request is sent once more with
    /// a new one.
    async fn send<T: DeserializeOwned>(
        &self,
        call: &'static str,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let named = |failure: Failure| failure.in_call(call);
        match self.send_once(&method, url, body).await {
            Err(failure) if failure.expired => {
                self.credentials.forget().await;
                self.send_once(&method, url, body).await.map_err(named)
            }
            answer => answer.map_err(named),
        }
    }

    async fn send_once<T: DeserializeOwned>(
        &self,
        method: &Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let token = self.credentials.resolve().await?;
        let bearer = secret_header(&format!("Bearer {}", token.secret.expose()))
            .map_err(|_| Failure::new(ErrorKind::InvalidConfig, "the token cannot stand in a header"))?;
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", bearer)
            .header("accept", "application/json");
        let (request, bytes) = match body {
            Some(body) => (request.header("content-type", "application/json"), body.to_string().into_bytes()),
            None => (request, Vec::new()),
        };
        let request =
            request.body(bytes).map_err(|_| Failure::new(ErrorKind::InvalidConfig, "the endpoint is no URL"))?;
        failure::read(&self.http.send(request).await?)
    }

    async fn get<T: DeserializeOwned>(&self, call: &'static str, path: &str) -> Result<T, Failure> {
        self.send(call, Method::GET, &format!("{}/v1/{path}", self.container), None).await
    }

    async fn get_compute<T: DeserializeOwned>(&self, call: &'static str, path: &str) -> Result<T, Failure> {
        self.send(call, Method::GET, &format!("{}/compute/v1/{path}", self.compute), None).await
    }

    /// The project of new environments.
    pub(crate) async fn project(&self) -> Result<&ProjectId, Failure> {
        self.project
            .get_or_try_init(|| async {
                let found = match &self.named_project {
                    Some(project) => Some(project.clone()),
                    None => self.credentials.project().await,
                };
                let missing = "no project is named: set `google.project` or GOOGLE_PROJECT";
                let project = found.ok_or_else(|| Failure::new(ErrorKind::InvalidConfig, missing))?;
                project.parse().map_err(|error| Failure::new(ErrorKind::InvalidConfig, error))
            })
            .await
    }

    /// A token for a cluster's Kubernetes, which takes those of Google.
    pub(crate) async fn kube_token(&self) -> Result<Credential, Failure> {
        let token = self.credentials.resolve().await?;
        let expires_at = declared_end(&token, self.around.now());
        Ok(Credential { token: token.secret, expires_at })
    }

    /// The cluster; `None` on proof that there is none.
    pub(crate) async fn cluster(&self, place: &Place<'_>) -> Result<Option<wire::Cluster>, Failure> {
        let cluster: wire::Cluster = match self.get("GetCluster", &place.path()).await {
            Ok(cluster) => cluster,
            Err(failure) if failure.kind == ErrorKind::NotFound => {
                self.forget(place);
                return self.prove_absence(place).await.map(|()| None);
            }
            Err(failure) => return Err(failure),
        };
        if cluster.name.is_empty() {
            return Err(Failure::no_answer().in_call("GetCluster"));
        }
        if !convert::is_meant(&cluster, place.location, place.name.as_str()) {
            let source = format!(
                "the id names cluster {} in {}, and the reply is about {} in {}",
                place.name, place.location, cluster.name, cluster.location
            );
            return Err(Failure::new(ErrorKind::NotOwned, crate::ServerText::new(&source)).in_call("GetCluster"));
        }
        if cluster.autopilot.enabled {
            let source = "it is an Autopilot cluster, whose nodes are Google's own affair and in no pools";
            return Err(Failure::new(ErrorKind::Unsupported, source).in_call("GetCluster"));
        }
        Ok(Some(cluster))
    }

    /// That a cluster is not there counts only where its project and location are, and where nobody is making it.
    async fn prove_absence(&self, place: &Place<'_>) -> Result<(), Failure> {
        let running = self.running(place).await.map_err(|failure| {
            // There is no such project or location, or the API is off there.
            let is_missing = failure.kind == ErrorKind::NotFound;
            if is_missing { failure.with_kind(ErrorKind::InvalidConfig) } else { failure }
        })?;
        let is_creation = |operation: &&wire::Operation| operation.operation_type == "CREATE_CLUSTER";
        match running.iter().find(is_creation) {
            Some(operation) => {
                let source = format!("the cluster does not show, and {} makes it", operation.name);
                Err(Failure::new(ErrorKind::Ambiguous, crate::ServerText::new(&source)).in_call("GetCluster"))
            }
            None => Ok(()),
        }
    }

    /// Keeps what later changes have to say again.
    pub(crate) fn learn(&self, place: &Place<'_>, cluster: &wire::Cluster, pool_of: impl Fn(&str) -> Option<PoolName>) {
        let pools = cluster.node_pools.iter().filter_map(|pool| {
            Some((
                pool.name.clone(),
                SeenPool { etag: pool.etag.clone(), pool: pool_of(&pool.name)?, found: pool.clone() },
            ))
        });
        let seen = Seen {
            etag: cluster.etag.clone(),
            label_fingerprint: cluster.label_fingerprint.clone(),
            endpoints: convert::Endpoints {
                newer: cluster.control_plane_endpoints_config.clone(),
                older: cluster.master_authorized_networks_config.clone(),
            },
            pools: pools.collect(),
        };
        self.seen().insert(place.path(), seen);
    }

    fn forget(&self, place: &Place<'_>) {
        self.seen().remove(&place.path());
    }

    /// The pool that a node pool serves, as far as the latest look showed it.
    pub(crate) fn pool_of(&self, place: &Place<'_>, node_pool: &str) -> Option<PoolName> {
        Some(self.seen().get(&place.path())?.pools.get(node_pool)?.pool.clone())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        // Never held across an await, and every change under it is whole; a panic elsewhere does not spoil it.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many nodes the instance groups of a cluster's pools are to have. A node pool itself tells only how many it was
    /// made with (terraform-provider-google, `node_pool.go`). Pools that come or go are not asked about.
    pub(crate) async fn sizes(&self, cluster: &wire::Cluster) -> Result<Sizes, Failure> {
        let groups: Vec<(String, String)> = cluster
            .node_pools
            .iter()
            .filter(|pool| match convert::cluster_status(&pool.status) {
                Status::Creating | Status::Deleting => false,
                Status::Active | Status::Updating | Status::Degraded | Status::Failed => true,
            })
            .flat_map(|pool| {
                let paths = pool.instance_group_urls.iter().filter_map(|url| convert::group_path(url));
                paths.map(|path| (pool.name.clone(), path))
            })
            .collect();
        let sizes: Vec<(String, Option<u32>)> = futures::stream::iter(groups)
            .map(|(pool, path)| async move {
                let group = self.get_compute::<wire::InstanceGroupManager>("GetInstanceGroupManager", &path).await;
                match group {
                    // Zero nodes are nothing to believe of a reply that is about nobody.
                    Ok(group) if group.name.is_empty() => Err(Failure::no_answer().in_call("GetInstanceGroupManager")),
                    Ok(group) => Ok((pool, Some(group.target_size))),
                    // It went, or has not come: what is not there has no nodes.
                    Err(failure) if failure.kind == ErrorKind::NotFound => Ok((pool, None)),
                    Err(failure) => Err(failure),
                }
            })
            .buffered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        let mut by_pool = Sizes::new();
        for (pool, size) in sizes {
            by_pool.entry(pool).or_default().extend(size);
        }
        Ok(by_pool)
    }

    /// One operation.
    pub(crate) async fn operation(&self, place: &Place<'_>, id: &str) -> Result<wire::Operation, Failure> {
        let path = format!("{}/operations/{id}", place.location_path());
        let operation: wire::Operation = self.get("GetOperation", &path).await?;
        if operation.name == id { Ok(operation) } else { Err(Failure::no_answer().in_call("GetOperation")) }
    }

    /// The operations that run on a cluster or on a pool of it.
    pub(crate) async fn running(&self, place: &Place<'_>) -> Result<Vec<wire::Operation>, Failure> {
        let path = format!("{}/operations", place.location_path());
        let reply: serde_json::Map<String, Value> = self.get("ListOperations", &path).await?;
        // An empty list is not on the wire; what says neither that nor what runs is no list.
        let is_list = reply.is_empty() || ["operations", "missingZones"].iter().any(|key| reply.contains_key(*key));
        let all = is_list.then(|| serde_json::from_value::<wire::Operations>(reply.into()).ok()).flatten();
        let all = all.ok_or_else(|| Failure::no_answer().in_call("ListOperations"))?;
        if let Some(zone) = all.missing_zones.first() {
            let source = format!("{zone} does not tell its operations");
            return Err(Failure::new(ErrorKind::Ambiguous, crate::ServerText::new(&source)).in_call("ListOperations"));
        }
        let runs = |operation: &wire::Operation| {
            operation.status != "DONE" && convert::target(operation, place.name.as_str()).is_some()
        };
        Ok(all.operations.into_iter().filter(runs).collect())
    }

    /// Sends a change, and returns the operation that it began.
    pub(crate) async fn change(&self, place: &Place<'_>, change: &GkeChange) -> Result<wire::Operation, Failure> {
        let path = match change {
            GkeChange::CreateCluster(_) => format!("{}/clusters", place.location_path()),
            GkeChange::UpdateCluster(_) | GkeChange::DeleteCluster => place.path(),
            GkeChange::SetLabels { .. } => format!("{}:setResourceLabels", place.path()),
            GkeChange::SetMaintenanceWindow { .. } => format!("{}:setMaintenancePolicy", place.path()),
            GkeChange::CreatePool(_) => format!("{}/nodePools", place.path()),
            GkeChange::UpdatePool { pool, .. } | GkeChange::DeletePool { pool } => {
                format!("{}/nodePools/{pool}", place.path())
            }
            GkeChange::SetPoolSize { pool, .. } => format!("{}/nodePools/{pool}:setSize", place.path()),
            GkeChange::SetPoolAutoscaling { pool, .. } => format!("{}/nodePools/{pool}:setAutoscaling", place.path()),
        };
        let body = match change {
            GkeChange::CreateCluster(new) => Some(convert::new_cluster(place.project, place.name.as_str(), new)),
            GkeChange::UpdateCluster(setting) => {
                if let ClusterSetting::Version { goal, .. } = setting {
                    self.check_offered(place, *goal).await?;
                }
                let mut update = convert::cluster_update(place.project, setting, &self.seen_endpoints(place));
                if let Some(etag) = self.etag(place) {
                    update["etag"] = etag.into();
                }
                Some(json!({ "update": update }))
            }
            GkeChange::SetLabels { labels } => {
                let fingerprint = self.label_fingerprint(place)?;
                Some(json!({ "resourceLabels": labels, "labelFingerprint": fingerprint }))
            }
            GkeChange::SetMaintenanceWindow { window } => {
                let cluster = self.cluster(place).await?.ok_or_else(|| gone(place))?;
                let policy = convert::maintenance_policy(&cluster.maintenance_policy, window.as_ref());
                Some(json!({ "maintenancePolicy": policy }))
            }
            GkeChange::CreatePool(new) => Some(json!({ "nodePool": convert::new_pool(new) })),
            GkeChange::UpdatePool { pool, setting } => {
                let mut update = convert::pool_update(setting, self.seen_pool(place, pool).as_ref());
                if let Some(etag) = self.pool_etag(place, pool) {
                    update["etag"] = etag.into();
                }
                Some(update)
            }
            GkeChange::SetPoolSize { per_zone, .. } => Some(json!({ "nodeCount": per_zone })),
            GkeChange::SetPoolAutoscaling { pool, total } => {
                let autoscaling = convert::autoscaling(*total, self.seen_pool(place, pool).as_ref());
                Some(json!({ "autoscaling": autoscaling }))
            }
            GkeChange::DeleteCluster | GkeChange::DeletePool { .. } => None,
        };
        let (call, method) = match change {
            GkeChange::CreateCluster(_) => ("CreateCluster", Method::POST),
            GkeChange::UpdateCluster(_) => ("UpdateCluster", Method::PUT),
            GkeChange::SetLabels { .. } => ("SetLabels", Method::POST),
            GkeChange::SetMaintenanceWindow { .. } => ("SetMaintenancePolicy", Method::POST),
            GkeChange::DeleteCluster => ("DeleteCluster", Method::DELETE),
            GkeChange::CreatePool(_) => ("CreateNodePool", Method::POST),
            GkeChange::UpdatePool { .. } => ("UpdateNodePool", Method::PUT),
            GkeChange::SetPoolSize { .. } => ("SetNodePoolSize", Method::POST),
            GkeChange::SetPoolAutoscaling { .. } => ("SetNodePoolAutoscaling", Method::POST),
            GkeChange::DeletePool { .. } => ("DeleteNodePool", Method::DELETE),
        };
        let url = format!("{}/v1/{path}", self.container);
        let answer: Result<wire::Operation, Failure> = self.send(call, method, &url, body.as_ref()).await;
        let may_have_changed = match &answer {
            Ok(_) => true,
            Err(failure) => failure.kind == ErrorKind::Ambiguous,
        };
        if may_have_changed {
            self.spend(place, body.as_ref());
        }
        let operation = answer?;
        if operation.name.is_empty() {
            // Accepted, and nothing to ask about: what can be read decides.
            return Err(Failure::incomplete("operation name").with_kind(ErrorKind::Ambiguous).in_call(call));
        }
        Ok(operation)
    }

    /// The cluster's checksum, which holds for one change.
    fn etag(&self, place: &Place<'_>) -> Option<String> {
        let etag = self.seen().get(&place.path())?.etag.clone();
        (!etag.is_empty()).then_some(etag)
    }

    fn seen_endpoints(&self, place: &Place<'_>) -> convert::Endpoints {
        self.seen().get(&place.path()).map(|seen| seen.endpoints.clone()).unwrap_or_default()
    }

    fn seen_pool(&self, place: &Place<'_>, pool: &str) -> Option<wire::NodePool> {
        Some(self.seen().get(&place.path())?.pools.get(pool)?.found.clone())
    }

    fn pool_etag(&self, place: &Place<'_>, pool: &str) -> Option<String> {
        let etag = self.seen().get(&place.path())?.pools.get(pool)?.etag.clone();
        (!etag.is_empty()).then_some(etag)
    }

    /// The checksum of the cluster's labels, without which they cannot be set. It is that of the look that the labels were
    /// planned by: with a newer one, labels that somebody else has set in between would be taken away unnoticed.
    fn label_fingerprint(&self, place: &Place<'_>) -> Result<String, Failure> {
        let known = self.seen().get(&place.path()).map(|seen| seen.label_fingerprint.clone());
        known.filter(|known| !known.is_empty()).ok_or_else(|| {
            let source = "the labels have changed since they were looked at, and are looked at again";
            Failure::new(ErrorKind::Conflict, source).in_call("SetLabels")
        })
    }

    /// Forgets the checksums that a change was sent with. One that was refused has changed nothing, and they hold on.
    fn spend(&self, place: &Place<'_>, sent: Option<&Value>) {
        let sent = |pointer: &str| sent.and_then(|sent| sent.pointer(pointer)).and_then(Value::as_str);
        let mut seen = self.seen();
        let Some(seen) = seen.get_mut(&place.path()) else { return };
        // A look that was faster has brought another, which is not spent.
        let forget = |known: &mut String, sent: Option<&str>| {
            if sent == Some(known.as_str()) {
                known.clear();
            }
        };
        forget(&mut seen.etag, sent("/update/etag"));
        forget(&mut seen.label_fingerprint, sent("/labelFingerprint"));
        for pool in seen.pools.values_mut() {
            forget(&mut pool.etag, sent("/etag"));
        }
    }

    /// The versions that GKE offers in a location, by release channel; those without one under the empty name.
    pub(crate) async fn offered_versions(
        &self,
        project: &ProjectId,
        location: &Region,
    ) -> Result<Option<BTreeMap<String, Vec<String>>>, Failure> {
        let path = format!("projects/{project}/locations/{location}/serverConfig");
        let config: wire::ServerConfig = match self.get("GetServerConfig", &path).await {
            Ok(config) => config,
            Err(failure) if is_untold(failure.kind) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let mut offered: BTreeMap<String, Vec<String>> =
            config.channels.into_iter().map(|channel| (channel.channel, channel.valid_versions)).collect();
        offered.insert(String::new(), config.valid_master_versions);
        Ok(offered.values().any(|versions| !versions.is_empty()).then_some(offered))
    }

    /// Refuses a version that GKE does not offer, before the first minor on the way there.
    async fn check_offered(&self, place: &Place<'_>, version: KubernetesVersion) -> Result<(), Failure> {
        // Who cannot learn it here learns it from the upgrade itself.
        let Some(offered) = self.offered_versions(place.project, place.location).await? else { return Ok(()) };
        if offered.values().flatten().any(|offered| is_of(offered, version)) {
            return Ok(());
        }
        let minors = minors(offered.values().flatten());
        Err(Failure::new(
            ErrorKind::InvalidConfig,
            format!("GKE does not offer Kubernetes {version}, only {minors}; nothing was upgraded"),
        ))
    }

    /// Every zone with its region; `None` to who may not ask.
    pub(crate) async fn zones(&self, project: &ProjectId) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let mut zones = BTreeMap::new();
        let mut page = String::new();
        for _ in 0..MAX_PAGES {
            let path = format!("projects/{project}/zones?pageToken={}", percent_encode(&page));
            let path = if page.is_empty() { format!("projects/{project}/zones") } else { path };
            let found: wire::Zones = match self.get_compute("ListZones", &path).await {
                Ok(found) => found,
                Err(failure) if is_untold(failure.kind) => return Ok(None),
                Err(failure) => return Err(failure),
            };
            let region = |link: &str| link.rsplit('/').next().unwrap_or_default().to_owned();
            zones.extend(found.items.into_iter().map(|zone| (zone.name, region(&zone.region))));
            page = found.next_page_token;
            if page.is_empty() {
                return Ok((!zones.is_empty()).then_some(zones));
            }
        }
        Ok(None)
    }

    /// Whether a zone has a machine type; `None` to who may not ask.
    pub(crate) async fn has_machine_type(
        &self,
        project: &ProjectId,
        zone: &str,
        machine_type: &str,
    ) -> Result<Option<bool>, Failure> {
        let path = format!("projects/{project}/zones/{zone}/machineTypes/{machine_type}");
        match self.get_compute::<wire::MachineType>("GetMachineType", &path).await {
            Ok(_) => Ok(Some(true)),
            Err(failure) if failure.kind == ErrorKind::NotFound => Ok(Some(false)),
            Err(failure) if is_untold(failure.kind) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

fn gone(place: &Place<'_>) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("there is no cluster {} in {}", place.name, place.location))
}

/// Whether a version such as `1.33.5-gke.1200` is one of that minor.
pub(crate) fn is_of(offered: &str, version: KubernetesVersion) -> bool {
    offered.strip_prefix(&version.to_string()).is_some_and(|rest| rest.starts_with('.'))
}

/// The minors of such versions, newest first.
pub(crate) fn minors<'a>(offered: impl IntoIterator<Item = &'a String>) -> String {
    let minor = |offered: &String| {
        let (major, rest) = offered.split_once('.')?;
        format!("{major}.{}", rest.split('.').next()?).parse::<KubernetesVersion>().ok()
    };
    let minors: std::collections::BTreeSet<_> = offered.into_iter().filter_map(minor).collect();
    minors.iter().rev().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether who was asked does not tell, or not to us.
fn is_untold(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::PermissionDenied | ErrorKind::InvalidConfig => true,
        ErrorKind::AlreadyExists
        | ErrorKind::NotOwned
        | ErrorKind::Protected
        | ErrorKind::Conflict
        | ErrorKind::Unauthenticated
        | ErrorKind::QuotaExceeded
        | ErrorKind::Throttled { .. }
        | ErrorKind::Unavailable { .. }
        | ErrorKind::Propagating
        | ErrorKind::Ambiguous
        | ErrorKind::TimedOut
        | ErrorKind::Cancelled
        | ErrorKind::NotDrained
        | ErrorKind::OperationFailed
        | ErrorKind::Protocol => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_are_told_from_versions() {
        let version: KubernetesVersion = "1.3".parse().unwrap();
        assert!(is_of("1.3.4-gke.1", version) && !is_of("1.33.4-gke.1", version));
        let offered = ["1.33.5-gke.1", "1.9.1", "1.33.4-gke.2", "odd"].map(str::to_owned);
        assert_eq!(minors(&offered), "1.33, 1.9");
    }
}
