//! Google Cloud: Kubernetes Engine, with what it needs of Compute Engine and Service Usage, and with those that hand out
//! access tokens.
//!
//! Sources: the discovery documents that Google publishes with its clients (`container` v1 of 20261027, `compute` v1,
//! `serviceusage` v1), GKE's documentation, recorded replies of GKE in GoogleCloudPlatform/k8s-config-connector
//! (`mockgcp/mockcontainer/testdata`) for what the server fills in, and for the words of errors the issues named beside them.
//! Where no source tells the wording, it is ours; status, canonical code and reason are those of Google's error model.
//!
//! What is offered: every method in [`method`], and of their messages the members in [`shape`]. Tests put objects at
//! `<project>/<location>/clusters/<name>`; see [`backdoor`].

mod backdoor;
mod bucket;
mod cluster;
mod compute;
mod credential;
mod document;
mod error;
mod inventory;
mod method;
mod node;
mod node_pool;
mod operation;
mod service_usage;
mod shape;
mod version;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use self::bucket::Bucket;
use self::credential::Tokens;
use self::error::ApiError;
use self::inventory::Place;
use self::method::{Api, Container, Method, ServiceUsage};
use self::operation::{Kind, Operation};
use self::service_usage::Services;
use self::world::Location;
use crate::clock::Moment;
use crate::cloud::{Call, Cloud, Context, Reply, Request, Served, WorldError};
use crate::fault::ReplyFault;
use crate::kubernetes::ApiServer;
use crate::nodes::SimulatedNode;
use crate::percent;

/// The longest name of a cluster or pool (the discovery document).
const LONGEST_NAME: usize = 40;

/// How long a repair takes that GKE begins by itself when a fault says that the cluster is busy.
const REPAIR: Duration = Duration::from_secs(150);

/// For `--help`.
pub(crate) fn inventory() -> String {
    inventory::text() + &version::text()
}

/// The methods of all services.
pub(crate) fn operations() -> Vec<&'static str> {
    Method::names()
}

/// Google Cloud with all projects and locations.
#[derive(Debug)]
pub(crate) struct Google {
    api_server: ApiServer,
    /// By project and name.
    locations: BTreeMap<(String, String), Location>,
    services: Services,
    tokens: Tokens,
    /// By service and project.
    buckets: BTreeMap<(&'static str, &'static str), Bucket>,
}

/// What a method was called with.
#[derive(Debug)]
struct Input<'a> {
    /// The labels of the path, in order.
    path: Vec<String>,
    request: &'a Request,
}

/// What a method answers.
#[derive(Debug)]
struct Answer {
    body: Value,
    committed: bool,
}

impl Input<'_> {
    fn label(&self, index: usize) -> &str {
        self.path.get(index).map_or("", String::as_str)
    }
}

impl Answer {
    /// The world is as before.
    fn read(body: Value) -> Answer {
        Answer { body, committed: false }
    }

    /// The world has changed.
    fn changed(body: Value) -> Answer {
        Answer { body, committed: true }
    }

    fn into_served(self) -> Served {
        let headers = vec![("Content-Type", "application/json; charset=UTF-8".to_owned())];
        let reply = Reply { status: 200, headers, body: self.body.to_string().into_bytes() };
        Served { reply, committed: self.committed }
    }
}

impl Google {
    pub(crate) fn new(api_server: ApiServer) -> Google {
        Google {
            api_server,
            locations: BTreeMap::new(),
            services: Services::default(),
            tokens: Tokens::default(),
            buckets: BTreeMap::new(),
        }
    }

    fn location(&mut self, project: &str, name: &str) -> Result<&mut Location, ApiError> {
        let (project, number) = find_project(project)?;
        let Some(place) = Place::find(name) else {
            return Err(ApiError::invalid(format!("Location \"{name}\" does not exist.")));
        };
        let api_server = &self.api_server;
        Ok(self.locations.entry((project.into(), name.into())).or_insert_with(|| Location {
            project,
            number,
            name: name.into(),
            place,
            api_server: api_server.clone(),
            clusters: BTreeMap::new(),
            operations: Vec::new(),
        }))
    }

    fn settle(&mut self, now: Moment) {
        self.locations.values_mut().for_each(|location| location.settle(now));
    }

    fn answer(&mut self, method: Method, input: &Input<'_>, context: &mut Context<'_>) -> Result<Answer, ApiError> {
        let api = method.api();
        self.tokens.authenticate(input.request, api, context.now)?;
        // Its operations name no project.
        let project = match method {
            Method::ServiceUsage(ServiceUsage::GetServiceOperation) => inventory::PROJECTS[0],
            Method::Container(_) | Method::Compute(_) | Method::ServiceUsage(_) | Method::Credentials(_) => {
                find_project(input.label(0))?
            }
        };
        let bucket = self.buckets.entry((api.host(), project.0));
        if !bucket.or_insert_with(|| Bucket::new(api.per_minute(), context.now)).take(context.now) {
            return Err(throttled(api, project.1));
        }
        self.settle(context.now);
        match method {
            Method::Container(method) => self.container(method, project.0, input, context),
            Method::Compute(method) => compute::answer(self, method, project.0, input),
            Method::ServiceUsage(method) => self.services.answer(method, project, input),
            // Served before.
            Method::Credentials(_) => Err(ApiError::not_found("Not found.")),
        }
    }

    fn container(
        &mut self,
        method: Container,
        project: &str,
        input: &Input<'_>,
        context: &mut Context<'_>,
    ) -> Result<Answer, ApiError> {
        // Lists can be of all locations.
        if input.label(1) == "-" {
            let locations = self.locations.values().filter(|location| location.project == project);
            if method == Container::ListClusters {
                return Ok(listed("clusters", locations.flat_map(cluster::list).collect()));
            }
            if method == Container::ListOperations {
                let operations = locations.flat_map(|location| operation::list(location, context.now));
                return Ok(listed("operations", operations.collect()));
            }
        }
        let location = self.location(project, input.label(1))?;
        match method {
            Container::ListClusters => Ok(listed("clusters", cluster::list(location))),
            Container::GetCluster => cluster::get(location, input),
            Container::CreateCluster => cluster::create(location, input, context),
            Container::UpdateCluster => cluster::update(location, input, context),
            Container::UpdateMaster => cluster::update_master(location, input, context),
            Container::DeleteCluster => cluster::delete(location, input, context),
            Container::SetLabels => cluster::set_labels(location, input, context),
            Container::SetLocations => cluster::set_locations(location, input, context),
            Container::SetMaintenancePolicy => cluster::set_maintenance_policy(location, input, context),
            Container::ListNodePools => node_pool::list(location, input),
            Container::GetNodePool => node_pool::get(location, input),
            Container::CreateNodePool => node_pool::create(location, input, context),
            Container::UpdateNodePool => node_pool::update(location, input, context),
            Container::DeleteNodePool => node_pool::delete(location, input, context),
            Container::SetNodePoolSize => node_pool::set_size(location, input, context),
            Container::SetNodePoolAutoscaling => node_pool::set_autoscaling(location, input, context),
            Container::SetNodePoolManagement => node_pool::set_management(location, input, context),
            Container::RollbackNodePoolUpgrade => node_pool::roll_back(location, input, context),
            Container::ListOperations => Ok(listed("operations", operation::list(location, context.now))),
            Container::GetOperation => operation::get(location, input.label(2), context.now),
            Container::CancelOperation => operation::cancel(location, input, context.now),
            Container::GetServerConfig => Ok(Answer::read(version::server_config())),
        }
    }

    /// The cluster that a request is about, if it is there.
    fn subject(&mut self, path: &[String]) -> Option<(&mut Location, String)> {
        let [project, location, cluster, ..] = path else { return None };
        let location = self.location(project, location).ok()?;
        location.clusters.contains_key(cluster).then(|| (location, cluster.clone()))
    }

    /// A fault in Google's words.
    fn refusal(&mut self, method: Method, path: &[String], fault: ReplyFault, context: &mut Context<'_>) -> ApiError {
        let api = method.api();
        let project = path.first().and_then(|name| inventory::project(name));
        let (id, number) = project.unwrap_or(inventory::PROJECTS[0]);
        match fault {
            ReplyFault::Throttle => throttled(api, number),
            // Compute's older form, which clients have to know as well.
            ReplyFault::ThrottleAsInvalidRequest => {
                ApiError::new(403, "PERMISSION_DENIED", "rateLimitExceeded", "Rate Limit Exceeded")
            }
            ReplyFault::Unavailable => {
                ApiError::new(503, "UNAVAILABLE", "backendError", "The service is currently unavailable.")
            }
            ReplyFault::InternalError => ApiError::new(500, "INTERNAL", "backendError", "Internal error encountered."),
            ReplyFault::ExpiredToken => credential::unauthenticated(api, "ACCESS_TOKEN_EXPIRED"),
            ReplyFault::AccessDenied => {
                let (resource, method) = (format!("projects/{id}"), method.name());
                let message =
                    format!("Permission for {method} denied on resource \"{resource}\" (or it may not exist).");
                let metadata = json!({ "resource": resource });
                ApiError::forbidden(message).info("IAM_PERMISSION_DENIED", api.host(), metadata)
            }
            // A service account just made has not arrived everywhere.
            ReplyFault::Propagating => node_pool::no_service_account(&format!("nodes@{id}.iam.gserviceaccount.com")),
            // GKE's repairs block as users' operations do, so one begins: whoever waits for what the message names waits
            // for something that ends.
            ReplyFault::Busy => match self.subject(path) {
                Some((location, cluster)) => {
                    if location.first_running(&cluster).is_none() {
                        let name = operation::name(context);
                        let repair = Operation::of_gke(name, Kind::RepairCluster, &cluster, None, REPAIR, context.now);
                        location.operations.push(repair);
                    }
                    location.first_running(&cluster).map_or_else(busy_with_something, Operation::busy)
                }
                None => busy_with_something(),
            },
            ReplyFault::LimitExceeded => ApiError::forbidden(format!(
                "Insufficient regional quota to satisfy request: resource \"CPUS\": request requires '24.0' and is short \
                 '12.0'. project has a quota of '24.0' with '12.0' available. View and manage quotas at \
                 https://console.cloud.google.com/iam-admin/quotas?usage=USED&project={id}."
            )),
            ReplyFault::NotFoundAsClientException => {
                ApiError::not_found(format!("The resource 'projects/{id}' was not found"))
            }
        }
    }

    fn find<'p>(&mut self, path: &'p [&'p str]) -> Result<(&mut Location, &'p [&'p str]), WorldError> {
        if let [project, location, object @ ..] = path
            && let Ok(location) = self.location(project, location)
        {
            return Ok((location, object));
        }
        Err(WorldError(format!(
            "an object of Google is <project>/<location>/clusters/<name>[/…], not {:?}; projects and locations are in \
             --help",
            path.join("/")
        )))
    }
}

impl Cloud for Google {
    fn name(&self) -> &'static str {
        "google"
    }

    fn endpoints(&self) -> &'static [&'static str] {
        &["google", "google_compute", "google_serviceusage"]
    }

    fn recognise(&self, endpoint: &'static str, request: &Request) -> Call {
        let found = Method::find(endpoint, &request.method, &request.path);
        let api = found.as_ref().map(|(method, _)| method.api());
        let place = found.as_ref().and_then(|(_, path)| path.get(1)).filter(|name| Place::find(name).is_some());
        Call {
            operation: found.as_ref().map_or("Unknown", |(method, _)| method.name()),
            region: place.cloned(),
            logged_path: logged_path(request),
            logged_body: match api {
                Some(Api::Container | Api::Compute | Api::ServiceUsage) => serde_json::from_slice(&request.body).ok(),
                Some(Api::Credentials) => credential::logged_body(request),
                // What nobody knows may hold anything.
                None => None,
            },
        }
    }

    fn serve(&mut self, endpoint: &'static str, request: &Request, context: &mut Context<'_>) -> Served {
        let request_id = request_id(context);
        let Some((method, path)) = Method::find(endpoint, &request.method, &request.path) else {
            let message = format!("not offered here: {} {}", request.method, request.path);
            let reply = ApiError::not_found(message).reply(Api::Container, &request_id);
            return Served { reply, committed: false };
        };
        let input = Input { path, request };
        if let Method::Credentials(method) = method {
            return self.tokens.serve(method, &input, context);
        }
        match self.answer(method, &input, context) {
            Ok(answer) => answer.into_served(),
            Err(error) => Served { reply: error.reply(method.api(), &request_id), committed: false },
        }
    }

    fn refuse(
        &mut self,
        endpoint: &'static str,
        request: &Request,
        fault: ReplyFault,
        context: &mut Context<'_>,
    ) -> Reply {
        self.settle(context.now);
        if fault == ReplyFault::ExpiredToken {
            self.tokens.expire(request, context.now);
        }
        let found = Method::find(endpoint, &request.method, &request.path);
        let (method, path) = found.unwrap_or((Method::Container(Container::GetCluster), Vec::new()));
        let error = self.refusal(method, &path, fault, context);
        error.reply(method.api(), &request_id(context))
    }

    fn world(&mut self, now: Moment) -> Value {
        self.settle(now);
        let mut world = json!({});
        for ((project, name), location) in &self.locations {
            world[project][name] = json!({ "clusters": backdoor::clusters(location, now) });
        }
        world
    }

    fn put(&mut self, path: &[&str], value: Value, context: &mut Context<'_>) -> Result<(), WorldError> {
        self.settle(context.now);
        let (location, object) = self.find(path)?;
        backdoor::put(location, object, value, context)
    }

    fn remove(&mut self, path: &[&str], now: Moment) -> Result<(), WorldError> {
        self.settle(now);
        let (location, object) = self.find(path)?;
        backdoor::remove(location, object, now)
    }

    fn nodes(&mut self, now: Moment) -> Vec<SimulatedNode> {
        self.settle(now);
        let mut nodes = Vec::new();
        for location in self.locations.values() {
            for (cluster_name, cluster) in &location.clusters {
                let pools = cluster.pools.iter();
                nodes.extend(pools.flat_map(|(name, pool)| node::of_pool(location, cluster_name, name, pool)));
            }
        }
        nodes
    }
}

fn find_project(name: &str) -> Result<(&'static str, &'static str), ApiError> {
    // A project that is not there and one that one may not see are the same to Google.
    inventory::project(name).ok_or_else(|| {
        let metadata = json!({ "consumer": format!("projects/{name}"), "service": Api::Container.host() });
        ApiError::forbidden(format!("Permission denied on resource project {name}.")).info(
            "CONSUMER_INVALID",
            "googleapis.com",
            metadata,
        )
    })
}

fn check_name(field: &str, name: &str) -> Result<(), ApiError> {
    let fits = name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Invalid value for field \"{field}\": \"{name}\". Must be a match of regex \
         '(?:[a-z](?:[-a-z0-9]{{0,38}}[a-z0-9])?)'."
    )))
}

fn listed(key: &str, items: Vec<Value>) -> Answer {
    // An empty list is not on the wire.
    Answer::read(if items.is_empty() { json!({}) } else { json!({ key: items }) })
}

fn request_id(context: &mut Context<'_>) -> String {
    format!("0x{}", context.random.hex(16).to_lowercase())
}

/// Worded as in hashicorp/terraform-provider-google#7638.
fn busy_with_something() -> ApiError {
    ApiError::precondition("Cluster is currently being created, deleted, updated or repaired and cannot be updated.")
}

/// Worded as the quota system does for all services. Compute's answer has another status ("Rate quotas" of its
/// documentation: 403 with the reason rateLimitExceeded).
fn throttled(api: Api, number: &str) -> ApiError {
    let (host, limit) = (api.host(), api.per_minute());
    let message = format!(
        "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute' of service '{host}' for consumer \
         'project_number:{number}'."
    );
    let metadata = json!({
        "service": host,
        "quota_limit": "DefaultRequestsPerMinutePerProject",
        "quota_limit_value": limit.to_string(),
        "consumer": format!("projects/{number}"),
    });
    let (code, status) = match api {
        Api::Compute => (403, "PERMISSION_DENIED"),
        Api::Container | Api::ServiceUsage | Api::Credentials => (429, "RESOURCE_EXHAUSTED"),
    };
    ApiError::new(code, status, "rateLimitExceeded", message).info("RATE_LIMIT_EXCEEDED", "googleapis.com", metadata)
}

/// The path without what lets somebody in.
fn logged_path(request: &Request) -> String {
    let query: Vec<String> = request
        .query
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "access_token" | "key"))
        .map(|(key, value)| format!("{}={}", percent::encode(key), percent::encode(value)))
        .collect();
    if query.is_empty() { request.path.clone() } else { format!("{}?{}", request.path, query.join("&")) }
}
