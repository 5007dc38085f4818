//! Amazon EKS and STS.
//!
//! Sources: the service descriptions that AWS publishes with its SDKs (`eks` 2017-11-01, `sts` 2011-06-15), the EKS user
//! guide, and for the words of errors the issues named beside them. Where no source tells the wording, it is ours; the
//! error's code and status are the description's.
//!
//! What is offered: every operation in [`operation`]. Requests with members that this module does not know are refused: to
//! ignore one would show a client's feature as working that was never looked at.

mod access;
mod addon;
mod backdoor;
mod catalogue;
mod cluster;
mod error;
mod insight;
mod inventory;
mod node;
mod nodegroup;
mod operation;
mod page;
mod signature;
mod sts;
mod tag;
mod token;
mod update;
mod version;
mod world;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::error::ServiceError;
use self::operation::Operation;
use self::signature::{Caller, Refusal, Sessions};
use self::world::Region;
use crate::clock::Moment;
use crate::cloud::{Call, Cloud, Context, Reply, Request, Served, WorldError};
use crate::fault::ReplyFault;
use crate::kubernetes::ApiServer;
use crate::nodes::SimulatedNode;
use crate::percent;

/// For `--help`.
pub(crate) fn inventory() -> String {
    inventory::text() + &catalogue::text()
}

/// The operations of EKS and STS.
pub(crate) fn operations() -> Vec<&'static str> {
    Operation::ALL.iter().map(|operation| operation.name()).chain(sts::OPERATIONS.iter().copied()).collect()
}

/// EKS and STS of all accounts and regions.
#[derive(Debug)]
pub(crate) struct Eks {
    api_server: ApiServer,
    /// By account and name.
    regions: BTreeMap<(String, String), Region>,
    sessions: Sessions,
}

/// What an operation was asked with.
#[derive(Debug)]
struct Input<'a> {
    operation: Operation,
    caller: &'a Caller,
    /// The labels of the path, in order.
    path: Vec<String>,
    request: &'a Request,
}

/// What an operation answers.
#[derive(Debug)]
struct Answer {
    body: Value,
    committed: bool,
}

impl Input<'_> {
    /// The body as JSON; null when it is none.
    fn json(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or(Value::Null)
    }

    /// The body as what the operation takes.
    fn body<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        let body: &[u8] = if self.request.body.is_empty() { b"{}" } else { &self.request.body };
        serde_json::from_slice(body).map_err(|error| ServiceError::invalid_parameter(error.to_string()))
    }

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
}

impl Eks {
    pub(crate) fn new(api_server: ApiServer) -> Eks {
        Eks { api_server, regions: BTreeMap::new(), sessions: Sessions::new() }
    }

    fn region(&mut self, account: &str, name: &str) -> &mut Region {
        let api_server = &self.api_server;
        self.regions.entry((account.into(), name.into())).or_insert_with(|| Region {
            account: account.into(),
            name: name.into(),
            api_server: api_server.clone(),
            clusters: BTreeMap::new(),
            tokens: token::Tokens::default(),
        })
    }

    fn answer(&mut self, request: &Request, context: &mut Context<'_>) -> Result<Answer, ServiceError> {
        let caller = signature::authenticate(request, "eks", &self.sessions).map_err(refusal)?;
        let Some((operation, path)) = Operation::find(&request.method, &request.path) else {
            let message = format!("not offered here: {} {}", request.method, request.path);
            return Err(ServiceError::new("UnknownOperationException", 404, message));
        };
        let region = self.region(&caller.account, &caller.region);
        region.settle(context.now);
        let input = Input { operation, caller: &caller, path, request };
        match operation {
            Operation::CreateCluster => cluster::create(region, &input, context),
            Operation::ListClusters => cluster::list(region, &input),
            Operation::DescribeCluster => cluster::describe(region, &input),
            Operation::DeleteCluster => cluster::delete(region, &input, context),
            Operation::UpdateClusterVersion => cluster::update_version(region, &input, context),
            Operation::UpdateClusterConfig => cluster::update_config(region, &input, context),
            Operation::AssociateEncryptionConfig => cluster::associate_encryption(region, &input, context),
            Operation::CreateNodegroup => nodegroup::create(region, &input, context),
            Operation::ListNodegroups => nodegroup::list(region, &input),
            Operation::DescribeNodegroup => nodegroup::describe(region, &input),
            Operation::DeleteNodegroup => nodegroup::delete(region, &input, context),
            Operation::UpdateNodegroupConfig => nodegroup::update_config(region, &input, context),
            Operation::UpdateNodegroupVersion => nodegroup::update_version(region, &input, context),
            Operation::ListUpdates => update::list(region, &input),
            Operation::DescribeUpdate => update::describe(region, &input),
            Operation::CreateAccessEntry => access::create(region, &input, context),
            Operation::ListAccessEntries => access::list(region, &input),
            Operation::DescribeAccessEntry => access::describe(region, &input),
            Operation::UpdateAccessEntry => access::update(region, &input, context),
            Operation::DeleteAccessEntry => access::delete(region, &input),
            Operation::AssociateAccessPolicy => access::associate(region, &input, context),
            Operation::ListAssociatedAccessPolicies => access::list_associated(region, &input),
            Operation::DisassociateAccessPolicy => access::disassociate(region, &input),
            Operation::ListAccessPolicies => access::list_policies(&input),
            Operation::CreateAddon => addon::create(region, &input, context),
            Operation::ListAddons => addon::list(region, &input),
            Operation::DescribeAddon => addon::describe(region, &input),
            Operation::UpdateAddon => addon::update(region, &input, context),
            Operation::DeleteAddon => addon::delete(region, &input, context),
            Operation::DescribeAddonVersions => addon::describe_versions(&input),
            Operation::DescribeClusterVersions => version::describe(&input),
            Operation::ListInsights => insight::list(region, &input, context.now),
            Operation::DescribeInsight => insight::describe(region, &input, context.now),
            Operation::ListFargateProfiles => cluster::list_fargate_profiles(region, &input),
            Operation::TagResource => tag::tag(region, &input),
            Operation::UntagResource => tag::untag(region, &input),
            Operation::ListTagsForResource => tag::list(region, &input),
        }
    }
}

impl Cloud for Eks {
    fn name(&self) -> &'static str {
        "eks"
    }

    fn endpoints(&self) -> &'static [&'static str] {
        &["eks", "sts"]
    }

    fn recognise(&self, endpoint: &'static str, request: &Request) -> Call {
        let (operation, logged_body) = match endpoint {
            "sts" => sts::recognise(request),
            _ => {
                let operation = Operation::find(&request.method, &request.path).map(|(operation, _)| operation.name());
                (operation, serde_json::from_slice(&request.body).ok())
            }
        };
        Call {
            operation: operation.unwrap_or("Unknown"),
            region: signature::region(request),
            logged_path: logged_path(request),
            logged_body,
        }
    }

    fn serve(&mut self, endpoint: &'static str, request: &Request, context: &mut Context<'_>) -> Served {
        if endpoint == "sts" {
            return sts::serve(&mut self.sessions, request, context);
        }
        let request_id = context.random.uuid();
        match self.answer(request, context) {
            Ok(answer) => Served {
                reply: Reply {
                    status: 200,
                    headers: vec![("Content-Type", "application/json".into()), ("x-amzn-RequestId", request_id)],
                    body: answer.body.to_string().into_bytes(),
                },
                committed: answer.committed,
            },
            Err(error) => Served { reply: error.reply(request_id), committed: false },
        }
    }

    fn refuse(
        &mut self,
        endpoint: &'static str,
        request: &Request,
        fault: ReplyFault,
        context: &mut Context<'_>,
    ) -> Reply {
        if fault == ReplyFault::ExpiredToken
            && let Ok(caller) = signature::authenticate(request, endpoint, &self.sessions)
            && let Some(session) = self.sessions.get_mut(&caller.access_key)
        {
            session.expired = true;
        }
        let request_id = context.random.uuid();
        if endpoint == "sts" { sts::refuse(fault, request_id) } else { refuse(request, fault, request_id) }
    }

    fn world(&mut self, now: Moment) -> Value {
        let mut world = json!({});
        for ((account, name), region) in &mut self.regions {
            region.settle(now);
            world[account][name] = json!({ "clusters": backdoor::clusters(region) });
        }
        world
    }

    fn put(&mut self, path: &[&str], value: Value, context: &mut Context<'_>) -> Result<(), WorldError> {
        let (region, object) = self.find(path, context.now)?;
        backdoor::put(region, object, value, context)?;
        region.clusters.values_mut().for_each(|cluster| cluster.follow(context.now));
        Ok(())
    }

    fn remove(&mut self, path: &[&str], now: Moment) -> Result<(), WorldError> {
        let (region, object) = self.find(path, now)?;
        backdoor::remove(region, object)?;
        region.clusters.values_mut().for_each(|cluster| cluster.follow(now));
        Ok(())
    }

    fn nodes(&mut self, now: Moment) -> Vec<SimulatedNode> {
        let mut nodes = Vec::new();
        for region in self.regions.values_mut() {
            region.settle(now);
            for cluster in region.clusters.values() {
                nodes
                    .extend(cluster.nodegroups.values().flat_map(|group| node::of_group(&region.name, cluster, group)));
            }
        }
        nodes
    }
}

impl Eks {
    fn find<'p>(&mut self, path: &'p [&'p str], now: Moment) -> Result<(&mut Region, &'p [&'p str]), WorldError> {
        match path {
            [account, region, object @ ..]
                if inventory::ACCOUNTS.contains(account) && inventory::REGIONS.contains(region) =>
            {
                let region = self.region(account, region);
                region.settle(now);
                Ok((region, object))
            }
            _ => Err(WorldError(format!(
                "an object of EKS is <account>/<region>/clusters/<name>[/…], not {:?}; accounts and regions are in --help",
                path.join("/")
            ))),
        }
    }
}

/// The path without what a presigned URL carries: it would be as good as a password for its time.
fn logged_path(request: &Request) -> String {
    let query: Vec<String> = request
        .query
        .iter()
        .filter(|(key, _)| !key.to_ascii_lowercase().starts_with("x-amz-"))
        .map(|(key, value)| format!("{}={}", percent::encode(key), percent::encode(value)))
        .collect();
    if query.is_empty() { request.path.clone() } else { format!("{}?{}", request.path, query.join("&")) }
}

/// The front door's words.
fn refusal(refusal: Refusal) -> ServiceError {
    match refusal {
        Refusal::Missing => {
            ServiceError::new("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
        }
        Refusal::Incomplete(message) => ServiceError::new("IncompleteSignatureException", 403, message),
        Refusal::Scope(message) => ServiceError::new("InvalidSignatureException", 403, message),
        Refusal::UnknownKey => ServiceError::new(
            "UnrecognizedClientException",
            403,
            "The security token included in the request is invalid.",
        ),
        Refusal::Expired => expired(),
    }
}

fn expired() -> ServiceError {
    ServiceError::new("ExpiredTokenException", 403, "The security token included in the request is expired")
}

fn refuse(request: &Request, fault: ReplyFault, request_id: String) -> Reply {
    let path = Operation::find(&request.method, &request.path).map(|(_, path)| path).unwrap_or_default();
    let cluster = path.first().map_or("", String::as_str);
    let error = match fault {
        ReplyFault::Throttle => ServiceError::new("ThrottlingException", 429, "Rate exceeded"),
        ReplyFault::ThrottleAsInvalidRequest => ServiceError::invalid_request("Request limit exceeded."),
        ReplyFault::Unavailable => {
            ServiceError::new("ServiceUnavailableException", 503, "Service is unavailable. Please try again later.")
        }
        ReplyFault::InternalError => ServiceError::new("ServerException", 500, "Internal server error"),
        ReplyFault::ExpiredToken => expired(),
        ReplyFault::AccessDenied => ServiceError::new(
            "AccessDeniedException",
            403,
            format!("User is not authorized to perform: eks:{}", operation_name(request)),
        ),
        // As AWS words it for a role whose trust policy has not arrived everywhere.
        ReplyFault::Propagating => ServiceError::invalid_parameter(
            "Role could not be assumed because it does not exist or the trusted entity is not correct",
        ),
        // aws/containers-roadmap#1511
        ReplyFault::Busy if operation_name(request) == "DeleteCluster" => cluster::busy_for_deletion(cluster),
        ReplyFault::Busy => ServiceError::in_use(format!(
            "Cannot {} because cluster {cluster} currently has update 00000000-0000-4000-8000-000000000000 in progress",
            operation_name(request)
        )),
        ReplyFault::LimitExceeded => ServiceError::new("ResourceLimitExceededException", 400, "Service limit exceeded"),
        ReplyFault::NotFoundAsClientException => {
            ServiceError::new("ClientException", 400, format!("No cluster found for name: {cluster}."))
        }
    };
    error.reply(request_id)
}

fn operation_name(request: &Request) -> &'static str {
    Operation::find(&request.method, &request.path).map_or("Unknown", |(operation, _)| operation.name())
}
