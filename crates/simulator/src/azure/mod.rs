//! Azure Resource Manager with AKS, and the login of Microsoft Entra, both by https.
//!
//! Sources: the models that Azure publishes (`Microsoft.ContainerService` aks 2025-10-01, `Microsoft.Resources`,
//! `Microsoft.Compute` skus), the pages of AKS and Resource Manager, the recordings that the Azure CLI's tests carry, and
//! for the words of errors the issues named beside them. Where no source tells the wording, it is ours; code and status are
//! the service's.
//!
//! What is offered: every operation in [`operation`]. Requests with members that the models do not have are refused.
//!
//! For tests an object is `<subscription>/groups/<resource group>`, below that `/clusters/<name>`, and below that
//! `/agentPools/<name>`, with a document of the form that GET answers with; or `<subscription>/providers/<namespace>` with a
//! `registrationState`.

mod backdoor;
mod catalogue;
mod cluster;
mod credential;
mod error;
mod group;
mod inventory;
mod login;
mod maintenance;
mod node;
mod operation;
mod polling;
mod pool;
mod subscription;
mod throttle;
mod token;
mod world;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::error::ArmError;
use self::operation::Operation;
use self::throttle::Throttle;
use self::token::Tokens;
use self::world::Subscription;
use crate::clock::Moment;
use crate::cloud::{Call, Cloud, Context, Reply, Request, Served, WorldError};
use crate::fault::ReplyFault;
use crate::kubernetes::ApiServer;
use crate::nodes::SimulatedNode;
use crate::percent;

/// Members of bodies that are secrets.
const MASKED: [&str; 5] = ["secret", "adminPassword", "serverAppSecret", "password", "clientSecret"];

/// For `--help`.
pub(crate) fn inventory() -> String {
    inventory::text() + &catalogue::text()
}

/// The operations of Resource Manager and of the login.
pub(crate) fn operations() -> Vec<&'static str> {
    Operation::ALL.iter().map(|operation| operation.name()).chain(login::OPERATIONS).collect()
}

/// All subscriptions, and who may ask.
#[derive(Debug)]
pub(crate) struct Azure {
    api_server: ApiServer,
    subscriptions: BTreeMap<String, Subscription>,
    tokens: Tokens,
    throttle: Throttle,
}

/// What an operation was asked with.
#[derive(Debug)]
struct Input<'a> {
    /// The labels of the path, in order; the first is the subscription.
    labels: Vec<String>,
    request: &'a Request,
    /// The URL under which the client found us.
    base: String,
}

/// What an operation answers.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
    committed: bool,
}

impl Input<'_> {
    fn label(&self, index: usize) -> &str {
        self.labels.get(index).map_or("", String::as_str)
    }

    /// The body as what the operation takes.
    fn body<T: DeserializeOwned>(&self) -> Result<T, ArmError> {
        let body: &[u8] = if self.request.body.is_empty() { b"{}" } else { &self.request.body };
        serde_json::from_slice(body).map_err(|error| {
            let message = format!("The request content was invalid and could not be deserialized: '{error}'.");
            ArmError::gateway(400, "InvalidRequestContent", message)
        })
    }

    /// `If-Match` and `If-None-Match` against the object's tag, if it exists. Source: AKS's page on eTags.
    fn precondition(&self, etag: Option<&str>) -> Result<(), ArmError> {
        let given = |name: &str| self.request.header(name).map(|value| value.trim().trim_matches('"').to_owned());
        match (given("if-match").filter(|value| !value.is_empty()), etag) {
            (None, _) => {}
            // Words of Azure/azure-cli#30309.
            (Some(_), None) => {
                return Err(ArmError::precondition(
                    "Resource not found but ETag header is provided. If this is a request to create, please do not provide \
                     ETag.",
                ));
            }
            (Some(wanted), Some(etag)) if wanted == "*" || wanted == etag => {}
            (Some(wanted), Some(etag)) => {
                let message =
                    format!("The ETag '{wanted}' in the If-Match header does not match '{etag}' of the resource.");
                return Err(ArmError::precondition(message));
            }
        }
        match (given("if-none-match").filter(|value| !value.is_empty()), etag) {
            (None, _) => Ok(()),
            (Some(any), _) if any != "*" => {
                Err(ArmError::invalid_parameter("If-None-Match", "The header If-None-Match can only be empty or '*'."))
            }
            (Some(_), None) => Ok(()),
            (Some(_), Some(_)) => {
                Err(ArmError::precondition("The resource already exists, which the If-None-Match header forbids."))
            }
        }
    }
}

impl Answer {
    /// The world is as before.
    fn ok(body: Value) -> Answer {
        Answer { status: 200, headers: Vec::new(), body: Some(body), committed: false }
    }

    /// There is nothing to do.
    fn nothing() -> Answer {
        Answer { status: 204, headers: Vec::new(), body: None, committed: false }
    }

    fn reply(self, request_id: String) -> Reply {
        let mut headers = self.headers;
        headers.extend([
            ("Cache-Control", "no-cache".to_owned()),
            ("x-ms-correlation-request-id", request_id.clone()),
            ("x-ms-request-id", request_id),
        ]);
        let body = match self.body {
            Some(body) => {
                headers.push(("Content-Type", "application/json; charset=utf-8".into()));
                body.to_string().into_bytes()
            }
            None => Vec::new(),
        };
        Reply { status: self.status, headers, body }
    }
}

impl Azure {
    pub(crate) fn new(api_server: ApiServer) -> Azure {
        let subscription = |(id, name): (&str, &str)| {
            let with_aks = id == inventory::SUBSCRIPTIONS[0].0;
            let groups = inventory::GROUPS.map(|(name, location)| (name.into(), group::new_group(name, location)));
            let subscription = Subscription {
                id: id.into(),
                name: name.into(),
                registered: subscription::initially_registered(with_aks),
                groups: BTreeMap::from(groups),
                operations: BTreeMap::new(),
            };
            (id.to_owned(), subscription)
        };
        let subscriptions = inventory::SUBSCRIPTIONS.map(subscription).into_iter().collect();
        Azure { api_server, subscriptions, tokens: Tokens::default(), throttle: Throttle::default() }
    }

    fn answer(&mut self, request: &Request, context: &mut Context<'_>) -> Result<Answer, ArmError> {
        let principal = self.tokens.authenticate(request, context.now)?;
        let Some((operation, labels)) = Operation::find(&request.method, &request.path) else {
            let message = format!("No route was found for {} {}.", request.method, request.path);
            return Err(ArmError::gateway(404, "InvalidResourceType", message));
        };
        check_api_version(request)?;
        let left = self.throttle.take(operation, &request.method, &labels, &principal, context.now)?;
        let input = Input { labels, request, base: base(request) };
        let mut answer = self.perform(operation, &input, context)?;
        answer.headers.push(left);
        Ok(answer)
    }

    fn perform(
        &mut self,
        operation: Operation,
        input: &Input<'_>,
        context: &mut Context<'_>,
    ) -> Result<Answer, ArmError> {
        let id = input.label(0).to_ascii_lowercase();
        let mut known = self.subscriptions.get_mut(&id).ok_or_else(|| no_subscription(input.label(0)));
        if let Ok(known) = &mut known {
            known.settle(context.now);
        }
        match operation {
            Operation::SubscriptionsList => Ok(subscription::list(self.subscriptions.values())),
            Operation::TenantsList => Ok(subscription::tenants()),
            Operation::ClustersList => Ok(cluster::list(known?)),
            Operation::ClustersListByGroup => cluster::list_by_group(known?, input),
            Operation::ClustersGet => cluster::get(known?, input),
            Operation::ClustersCreateOrUpdate => cluster::create_or_update(known?, input, &self.api_server, context),
            Operation::ClustersUpdateTags => cluster::update_tags(known?, input),
            Operation::ClustersDelete => cluster::delete(known?, input, context),
            Operation::ClustersUserCredentials => credential::user(known?, input),
            Operation::ClustersAdminCredentials => credential::admin(known?, input),
            Operation::ClustersUpgradeProfile => cluster::upgrade_profile(known?, input),
            Operation::ClustersAbort => cluster::abort(known?, input, context),
            Operation::KubernetesVersions => known.and_then(|_| subscription::kubernetes_versions(input)),
            Operation::PoolsList => pool::list(known?, input),
            Operation::PoolsGet => pool::get(known?, input),
            Operation::PoolsCreateOrUpdate => pool::create_or_update(known?, input, context),
            Operation::PoolsDelete => pool::delete(known?, input, context),
            Operation::PoolsAbort => pool::abort(known?, input, context),
            Operation::PoolsUpgradeProfile => pool::upgrade_profile(known?, input),
            Operation::PoolsAvailableVersions => pool::available_versions(known?, input),
            Operation::MaintenanceList => maintenance::list(known?, input),
            Operation::MaintenanceGet => maintenance::get(known?, input),
            Operation::MaintenancePut => maintenance::put(known?, input),
            Operation::MaintenanceDelete => maintenance::delete(known?, input),
            Operation::PollStatus => polling::status(known?, input),
            Operation::PollResult => polling::result(known?, input),
            Operation::GroupsList => Ok(group::list(known?)),
            Operation::GroupsGet => group::get(known?, input),
            Operation::GroupsCheckExistence => group::check_existence(known?, input),
            Operation::GroupsCreateOrUpdate => group::create_or_update(known?, input),
            Operation::GroupsDelete => group::delete(known?, input, context),
            Operation::GroupsDeletion => group::deletion(known?, input),
            Operation::ProvidersList => Ok(subscription::provider_list(known?, context.now)),
            Operation::ProvidersGet => subscription::provider_get(known?, input, context),
            Operation::ProvidersRegister => subscription::provider_register(known?, input, context),
            Operation::SkusList => known.and_then(|_| subscription::skus(input)),
            Operation::SubscriptionsGet => Ok(subscription::get(known?)),
            Operation::SubscriptionsLocations => Ok(subscription::locations(known?)),
        }
    }

    fn find<'p>(&mut self, path: &'p [&'p str], now: Moment) -> Result<(&mut Subscription, &'p [&'p str]), WorldError> {
        let found = path.split_first().and_then(|(id, object)| Some((self.subscriptions.get_mut(*id)?, object)));
        let Some((subscription, object)) = found else {
            return Err(WorldError(format!(
                "an object of Azure is <subscription>/groups/<name>[/…], not {:?}; subscriptions are in --help",
                path.join("/")
            )));
        };
        subscription.settle(now);
        Ok((subscription, object))
    }
}

impl Cloud for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn endpoints(&self) -> &'static [&'static str] {
        &["azure", "azure_authority"]
    }

    fn is_tls(&self, _endpoint: &'static str) -> bool {
        true
    }

    fn recognise(&self, endpoint: &'static str, request: &Request) -> Call {
        let (operation, logged_body) = match endpoint {
            "azure_authority" => login::recognise(request),
            _ => {
                let found = Operation::find(&request.method, &request.path);
                (found.map(|(operation, _)| operation.name()), logged_body(request))
            }
        };
        Call { operation: operation.unwrap_or("Unknown"), region: None, logged_path: logged_path(request), logged_body }
    }

    fn serve(&mut self, endpoint: &'static str, request: &Request, context: &mut Context<'_>) -> Served {
        if endpoint == "azure_authority" {
            return login::serve(&mut self.tokens, request, &base(request), context);
        }
        let request_id = context.random.uuid();
        let answer = self.answer(request, context).unwrap_or_else(ArmError::answer);
        let committed = answer.committed;
        Served { reply: answer.reply(request_id), committed }
    }

    fn refuse(
        &mut self,
        endpoint: &'static str,
        request: &Request,
        fault: ReplyFault,
        context: &mut Context<'_>,
    ) -> Reply {
        let request_id = context.random.uuid();
        if endpoint == "azure_authority" {
            return login::refuse(fault, request_id, context.now);
        }
        if fault == ReplyFault::ExpiredToken {
            self.tokens.expire(request, context.now);
        }
        refusal(request, fault).answer().reply(request_id)
    }

    fn world(&mut self, now: Moment) -> Value {
        let mut world = json!({});
        for (id, subscription) in &mut self.subscriptions {
            subscription.settle(now);
            world[id] = backdoor::world(subscription, now);
        }
        world
    }

    fn put(&mut self, path: &[&str], value: Value, context: &mut Context<'_>) -> Result<(), WorldError> {
        let api_server = self.api_server.clone();
        let (subscription, object) = self.find(path, context.now)?;
        backdoor::put(subscription, object, value, &api_server, context)
    }

    fn remove(&mut self, path: &[&str], now: Moment) -> Result<(), WorldError> {
        let (subscription, object) = self.find(path, now)?;
        backdoor::remove(subscription, object)
    }

    fn nodes(&mut self, now: Moment) -> Vec<SimulatedNode> {
        let mut nodes = Vec::new();
        for (id, subscription) in &mut self.subscriptions {
            subscription.settle(now);
            for cluster in subscription.groups.values().flat_map(|group| group.clusters.values()) {
                nodes.extend(cluster.pools.iter().flat_map(|pool| node::of_pool(id, cluster, pool)));
            }
        }
        nodes
    }
}

/// Azure's own words for a fault.
fn refusal(request: &Request, fault: ReplyFault) -> ArmError {
    let found = Operation::find(&request.method, &request.path);
    let (operation, labels) = found.map_or((None, Vec::new()), |(operation, labels)| (Some(operation), labels));
    let label = |index: usize| labels.get(index).map_or("", String::as_str);
    let name = operation.map_or("Unknown", Operation::name);
    let of_service = operation.is_some_and(throttle::is_of_service);
    match fault {
        ReplyFault::Throttle if of_service => throttle::throttled(name, label(0), "10"),
        // The gateway's limit, which holds for all services.
        ReplyFault::Throttle | ReplyFault::ThrottleAsInvalidRequest => ArmError::gateway(
            429,
            "SubscriptionRequestsThrottled",
            "Number of requests for subscription exceeded. Please try again after additional tokens are available. Refer to \
             https://aka.ms/arm-throttling for additional information.",
        ),
        ReplyFault::Unavailable => {
            ArmError::gateway(503, "ServerTimeout", "The request timed out. Please try again later.")
        }
        ReplyFault::InternalError => {
            ArmError::gateway(500, "InternalServerError", "Encountered internal server error.")
        }
        ReplyFault::ExpiredToken => token::refusal(
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time has passed. The access token is expired.",
            "error=\"invalid_token\"",
        ),
        ReplyFault::AccessDenied => ArmError::gateway(
            403,
            "AuthorizationFailed",
            format!(
                "The client does not have authorization to perform action '{name}' over scope '{}' or the scope is invalid. \
                 If access was recently granted, please refresh your credentials.",
                request.path
            ),
        ),
        ReplyFault::Propagating => ArmError::service(
            400,
            "ServicePrincipalNotFound",
            "Service principal clientID not found in Active Directory tenant. Please see https://aka.ms/aks-sp-help for \
             more details.",
        ),
        ReplyFault::Busy => ArmError::busy(&format!("{} - Updating", label(2))),
        ReplyFault::LimitExceeded => ArmError::service(
            400,
            "ErrCode_InsufficientVCPUQuota",
            "Insufficient vcpu quota requested 8, remaining 4 for family standardDSv5Family for region. For more \
             information, please check https://aka.ms/cpu-quota",
        ),
        ReplyFault::NotFoundAsClientException => {
            ArmError::service(404, "NotFound", format!("The resource '{}' was not found.", label(2)))
        }
    }
}

/// Any version that has the form of one is accepted.
fn check_api_version(request: &Request) -> Result<(), ArmError> {
    let Some(version) = request.query("api-version") else {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(ArmError::gateway(400, "MissingApiVersionParameter", message));
    };
    let date = version.strip_suffix("-preview").unwrap_or(version);
    let parts: Vec<usize> = date.split('-').map(str::len).collect();
    if parts == [4, 2, 2] && date.chars().all(|c| c.is_ascii_digit() || c == '-') {
        return Ok(());
    }
    let message = format!("The api-version '{version}' is invalid.");
    Err(ArmError::gateway(400, "InvalidApiVersionParameter", message))
}

fn no_subscription(id: &str) -> ArmError {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    if lengths != [8, 4, 4, 4, 12] || !id.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        let message = format!("The provided subscription identifier '{id}' is malformed or invalid.");
        return ArmError::gateway(400, "InvalidSubscriptionId", message);
    }
    ArmError::gateway(404, "SubscriptionNotFound", format!("The subscription '{id}' could not be found."))
}

/// The URL under which the client found us; poll URLs lead back there.
fn base(request: &Request) -> String {
    format!("https://{}", request.header("host").unwrap_or("localhost"))
}

fn logged_path(request: &Request) -> String {
    let query: Vec<String> = request
        .query
        .iter()
        .map(|(key, value)| format!("{}={}", percent::encode(key), percent::encode(value)))
        .collect();
    if query.is_empty() { request.path.clone() } else { format!("{}?{}", request.path, query.join("&")) }
}

fn logged_body(request: &Request) -> Option<Value> {
    let mut body = serde_json::from_slice(&request.body).ok()?;
    mask(&mut body);
    Some(body)
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if MASKED.contains(&key.as_str()) {
                    *value = "***".into();
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
