//! The calls to Resource Manager, and how they are sent: once, with a deadline, never again by themselves.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use azure_core::http::Url;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use super::Part;
use super::change::AksChange;
use super::convert;
use super::credential::{CredentialChain, Resolved, Token, Variables};
use super::failure::{Failure, Special};
use super::settings::AzureSettings;
use super::{transport, wire};
use crate::environment::{EnvironmentName, Region, ResourceGroupName, SubscriptionId};
use crate::error::{ErrorKind, ServerText};
use crate::transport::{Reply, Transport};

/// The version of AKS's API: what azurerm has for clusters and pools.
pub const API_VERSION: &str = "2025-10-01";
/// Versions of the others: resource groups and providers, subscriptions, machine types.
const RESOURCES_API_VERSION: &str = "2022-09-01";
const SUBSCRIPTIONS_API_VERSION: &str = "2022-12-01";
const COMPUTE_API_VERSION: &str = "2021-07-01";

/// A region's machine types come on one or two pages; more than this are a loop.
const MAX_PAGES: usize = 50;

const PROVIDER: &str = "Microsoft.ContainerService";

/// The application that Kubernetes on AKS is in Microsoft Entra, in every tenant
/// (<https://learn.microsoft.com/azure/aks/kubelogin-authentication>).
const KUBERNETES_SCOPE: &str = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";

/// A cluster's place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) subscription: &'a SubscriptionId,
    pub(crate) resource_group: &'a ResourceGroupName,
    pub(crate) name: &'a EnvironmentName,
}

impl Place<'_> {
    fn group(&self) -> String {
        format!("/subscriptions/{}/resourceGroups/{}", self.subscription, self.resource_group)
    }

    fn cluster(&self) -> String {
        format!("{}/providers/{PROVIDER}/managedClusters/{}", self.group(), self.name)
    }

    fn part(&self, part: &Part) -> String {
        match part {
            Part::Cluster => self.cluster(),
            Part::Pool(name) => format!("{}/agentPools/{name}", self.cluster()),
        }
    }
}

/// What Azure answered to a request that changes something: where to look how it goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// There is nothing to wait for.
    Done,
    /// Path and query of what tells the operation's status.
    Operation(String),
    /// Path and query of what answers otherwise once the operation has ended.
    Location(String),
    /// It shows in the object's status alone.
    ByStatus,
}

/// What the answer of a location says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AtLocation {
    Running,
    Ended,
    Unclear,
}

/// What a region has.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    /// The minors that AKS has there, oldest first; `None` if we may not ask.
    pub(crate) versions: Option<Vec<String>>,
    /// The zones of each machine type that we may have there, by its name in lower case; `None` if we may not ask.
    pub(crate) machines: Option<HashMap<String, Vec<String>>>,
}

/// What a kubeconfig says.
pub(crate) struct Kubeconfig {
    pub(crate) server: String,
    pub(crate) certificate_authority_data: String,
    /// The user's token, where users are not those of Microsoft Entra.
    pub(crate) token: Option<crate::secret::Secret>,
}

/// Resource Manager for one set of settings. Opens nothing before its first call.
pub(crate) struct Client {
    settings: Resolved,
    transport: Transport,
    credentials: CredentialChain,
    base: OnceCell<Url>,
    registered: AtomicBool,
    offers: Mutex<HashMap<(SubscriptionId, Region), Arc<Offer>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings.settings).finish_non_exhaustive()
    }
}

/// A request but for where it goes and who asks.
struct Call {
    name: &'static str,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Call {
    fn new(name: &'static str, method: Method, path: String, api_version: &str) -> Self {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}api-version={api_version}");
        Self { name, method, path, headers: HeaderMap::new(), body: None }
    }

    /// A path that the cloud gave, with its own API version.
    fn given(name: &'static str, path: &str) -> Self {
        Self { name, method: Method::GET, path: path.to_owned(), headers: HeaderMap::new(), body: None }
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        // What no header can hold came from nobody we know.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn body(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string().into_bytes());
        self
    }
}

impl Client {
    pub(crate) fn new(settings: AzureSettings, variables: Variables) -> Self {
        let transport = transport::for_calls(settings.ca_bundle.clone(), settings.proxy.clone());
        Self {
            credentials: CredentialChain::new(&settings, Arc::clone(&variables), transport.clone()),
            settings: Resolved { settings, variables },
            transport,
            base: OnceCell::new(),
            registered: AtomicBool::new(false),
            offers: Mutex::default(),
        }
    }

    /// The subscription that new environments are made in.
    pub(crate) fn subscription(&self) -> Result<SubscriptionId, Failure> {
        let invalid = |source: String| Failure::new(ErrorKind::InvalidConfig, source);
        let id = self.settings.subscription_id();
        let id = id.ok_or_else(|| {
            invalid(
                "no subscription is named: set subscription_id, or ARM_SUBSCRIPTION_ID in the environment".to_owned(),
            )
        })?;
        id.to_ascii_lowercase().parse().map_err(|error| Failure::new(ErrorKind::InvalidConfig, error))
    }

    /// The cluster.
    pub(crate) async fn cluster(&self, place: &Place<'_>) -> Result<wire::Cluster, Failure> {
        self.ask(self.aks("ManagedClusters_Get", Method::GET, place.cluster())).await
    }

    /// An agent pool.
    pub(crate) async fn pool(&self, place: &Place<'_>, name: &str) -> Result<wire::PoolProperties, Failure> {
        let path = place.part(&Part::Pool(name.to_owned()));
        let pool: wire::Pool = self.ask(self.aks("AgentPools_Get", Method::GET, path)).await?;
        pool.properties.ok_or_else(|| Failure::incomplete("properties"))
    }

    /// Whether the subscription and the resource group answer, so that a cluster that is not there is known to be gone.
    /// With a group that is gone, all that was in it is.
    pub(crate) async fn prove_absence(&self, place: &Place<'_>) -> Result<(), Failure> {
        match self.resource_group_exists(place).await? {
            true => Ok(()),
            false => {
                let path = format!("/subscriptions/{}", place.subscription);
                let call = Call::new("Subscriptions_Get", Method::GET, path.clone(), SUBSCRIPTIONS_API_VERSION);
                self.prove(call, &path).await
            }
        }
    }

    /// Whether there is such a resource group.
    pub(crate) async fn resource_group_exists(&self, place: &Place<'_>) -> Result<bool, Failure> {
        let call = Call::new("ResourceGroups_Get", Method::GET, place.group(), RESOURCES_API_VERSION);
        match self.prove(call, &place.group()).await {
            Ok(()) => Ok(true),
            Err(failure) if failure.special == Some(Special::NoResourceGroup) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// That an object is there, by its own id: who answers with something else is no proof.
    async fn prove(&self, call: Call, id: &str) -> Result<(), Failure> {
        let name = call.name;
        let object = self.ask::<Value>(call).await?;
        let is_object = object["id"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(id));
        if is_object { Ok(()) } else { Err(Failure::incomplete("object that was asked for").in_call(name)) }
    }

    /// Sends a change. Something that exists is read first, changed in what is to change, and sent back on the condition
    /// that nobody changed it in between.
    pub(crate) async fn change(
        &self,
        place: &Place<'_>,
        change: &AksChange,
        request_id: &str,
    ) -> Result<Accepted, Failure> {
        let (call, creates) = self.call_of(place, change).await?;
        let call = call.header(HeaderName::from_static("x-ms-client-request-id"), request_id);
        match self.send(call).await {
            Ok(reply) => self.accepted(&reply).await,
            Err(failure) if failure.special == Some(Special::Unregistered) => {
                Err(self.register(place, failure).await?)
            }
            Err(failure) if failure.special == Some(Special::NoResourceGroup) && creates => {
                let source = format!(
                    "resource group {:?} does not exist in subscription {}; make it first",
                    place.resource_group.as_str(),
                    place.subscription
                );
                Err(failure.because(ErrorKind::InvalidConfig, source))
            }
            Err(failure) if failure.special == Some(Special::Precondition) && creates => {
                Err(failure.with_kind(ErrorKind::AlreadyExists))
            }
            Err(failure) => Err(failure),
        }
    }

    /// The request of a change, and whether it makes something.
    async fn call_of(&self, place: &Place<'_>, change: &AksChange) -> Result<(Call, bool), Failure> {
        const PUT_CLUSTER: &str = "ManagedClusters_CreateOrUpdate";
        const PUT_POOL: &str = "AgentPools_CreateOrUpdate";
        let pool_path = |name: &str| place.part(&Part::Pool(name.to_owned()));
        let cluster = || self.document::<wire::Cluster>("ManagedClusters_Get", place.cluster());
        let pool = |name: &str| self.document::<wire::Pool>("AgentPools_Get", pool_path(name));
        Ok(match change {
            AksChange::CreateCluster(new) => {
                let call = self.aks(PUT_CLUSTER, Method::PUT, place.cluster());
                (call.header(header::IF_NONE_MATCH, "*").body(&convert::new_cluster(new)), true)
            }
            AksChange::ConfigureCluster(settings) => {
                let mut document = cluster().await?;
                let etag = convert::etag(&document);
                convert::writable_cluster(&mut document);
                convert::configure_cluster(&mut document, settings);
                (self.put_back(PUT_CLUSTER, place.cluster(), etag, &document), false)
            }
            AksChange::UpgradeCluster { to } => {
                let mut document = cluster().await?;
                let etag = convert::etag(&document);
                convert::writable_cluster(&mut document);
                convert::upgrade_cluster(&mut document, *to);
                (self.put_back(PUT_CLUSTER, place.cluster(), etag, &document), false)
            }
            AksChange::TagCluster { tags } => {
                let call = self.aks("ManagedClusters_UpdateTags", Method::PATCH, place.cluster());
                (call.body(&serde_json::json!({ "tags": tags })), false)
            }
            AksChange::DeleteCluster => (self.aks("ManagedClusters_Delete", Method::DELETE, place.cluster()), false),
            AksChange::CreatePool(new) => {
                let call = self.aks(PUT_POOL, Method::PUT, pool_path(&new.agent_pool));
                (call.header(header::IF_NONE_MATCH, "*").body(&convert::new_pool(new)), true)
            }
            AksChange::ConfigurePool(settings) => {
                let mut document = pool(&settings.agent_pool).await?;
                let etag = convert::etag(&document);
                convert::writable_pool(&mut document);
                convert::configure_pool(&mut document, settings);
                (self.put_back(PUT_POOL, pool_path(&settings.agent_pool), etag, &document), false)
            }
            AksChange::UpgradePool { agent_pool, to, patch } => {
                let mut document = pool(agent_pool).await?;
                let etag = convert::etag(&document);
                convert::writable_pool(&mut document);
                convert::upgrade_pool(&mut document, *to, patch.as_deref());
                (self.put_back(PUT_POOL, pool_path(agent_pool), etag, &document), false)
            }
            AksChange::DeletePool { agent_pool } => {
                (self.aks("AgentPools_Delete", Method::DELETE, pool_path(agent_pool)), false)
            }
        })
    }

    /// An object with all that it has, known here or not: it goes back whole. What is not that object is not sent anywhere.
    async fn document<T: DeserializeOwned>(&self, name: &'static str, path: String) -> Result<Value, Failure> {
        let object = path.rsplit('/').next().unwrap_or_default().to_owned();
        let reply = self.send(self.aks(name, Method::GET, path)).await?;
        // As what it is, so that odd members are found, and then with those that are not known here.
        let known = serde_json::from_slice::<T>(&reply.body).map(drop);
        let document = known.and_then(|()| serde_json::from_slice::<Value>(&reply.body));
        let document = document.map_err(|error| Failure::unreadable(&reply, &error).in_call(name))?;
        let is_object = document["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&object));
        if is_object && document["properties"]["provisioningState"].is_string() {
            Ok(document)
        } else {
            Err(Failure::incomplete("object that was asked for").in_call(name))
        }
    }

    fn put_back(&self, name: &'static str, path: String, etag: Option<String>, document: &Value) -> Call {
        let call = self.aks(name, Method::PUT, path).body(document);
        match etag {
            Some(etag) => call.header(header::IF_MATCH, &etag),
            // An older version of the API, by the settings: it has no etags.
            None => call,
        }
    }

    /// What a reply that says yes leaves to wait for.
    async fn accepted(&self, reply: &Reply) -> Result<Accepted, Failure> {
        let base = self.base().await?;
        if let Some(path) = reply.header("azure-asyncoperation").and_then(|url| path_on(base, url)) {
            return Ok(Accepted::Operation(path));
        }
        if reply.status == 202
            && let Some(path) = reply.header("location").and_then(|url| path_on(base, url))
        {
            return Ok(Accepted::Location(path));
        }
        if matches!(reply.status, 202 | 204) {
            return Ok(if reply.status == 204 { Accepted::Done } else { Accepted::ByStatus });
        }
        // The object as it then is. Who answers otherwise is something in between, and may have passed nothing on.
        let object = serde_json::from_slice::<wire::Cluster>(&reply.body);
        let object = object.map_err(|error| Failure::unreadable(reply, &error))?;
        let properties = object.properties.ok_or_else(|| Failure::incomplete("properties"))?;
        match properties.provisioning_state.as_deref() {
            Some("Succeeded") => Ok(Accepted::Done),
            Some(_) => Ok(Accepted::ByStatus),
            None => Err(Failure::incomplete("provisioning state")),
        }
    }

    /// Registers the subscription for AKS, once, where that is allowed. What it answers is why the change was not made.
    async fn register(&self, place: &Place<'_>, refused: Failure) -> Result<Failure, Failure> {
        if !self.settings.registers_providers() {
            let source = format!(
                "subscription {} is not registered for {PROVIDER}, and register_providers is off; register it, as with `az \
                 provider register --namespace {PROVIDER}`",
                place.subscription
            );
            return Ok(refused.because(ErrorKind::InvalidConfig, source));
        }
        if !self.registered.swap(true, Ordering::SeqCst) {
            tracing::info!(subscription = %place.subscription, provider = PROVIDER, "registering");
            let path = format!("/subscriptions/{}/providers/{PROVIDER}/register", place.subscription);
            let call = Call::new("Providers_Register", Method::POST, path, RESOURCES_API_VERSION);
            if let Err(failure) = self.send(call).await {
                self.registered.store(false, Ordering::SeqCst);
                return Err(failure);
            }
        }
        Ok(refused.with_kind(ErrorKind::Propagating))
    }

    /// How an operation stands.
    pub(crate) async fn operation(&self, path: &str) -> Result<wire::OperationStatus, Failure> {
        self.ask(Call::given("Operations_Get", path)).await
    }

    /// How an operation stands that has a location.
    pub(crate) async fn location(&self, path: &str) -> Result<AtLocation, Failure> {
        let reply = self.send(Call::given("OperationResults_Get", path)).await?;
        Ok(match reply.status {
            202 => AtLocation::Running,
            204 => AtLocation::Ended,
            // What is made or changed is shown; who answers otherwise is something in between.
            _ if serde_json::from_slice::<wire::Cluster>(&reply.body)
                .is_ok_and(|object| object.properties.is_some()) =>
            {
                AtLocation::Ended
            }
            _ => AtLocation::Unclear,
        })
    }

    /// Server and credential of a cluster's users. Administrators' are never asked for.
    pub(crate) async fn user_credential(&self, place: &Place<'_>) -> Result<Kubeconfig, Failure> {
        const NAME: &str = "ManagedClusters_ListClusterUserCredentials";
        let path = format!("{}/listClusterUserCredential", place.cluster());
        let results: wire::CredentialResults = self.ask(self.aks(NAME, Method::POST, path)).await?;
        let value = results.kubeconfigs.unwrap_or_default().into_iter().find_map(|config| config.value);
        let value = value.ok_or_else(|| Failure::incomplete("kubeconfig").in_call(NAME))?;
        let yaml = BASE64_STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let yaml = yaml.ok_or_else(|| Failure::incomplete("kubeconfig in base64").in_call(NAME))?;
        kubeconfig(&yaml).ok_or_else(|| Failure::incomplete("kubeconfig that can be read").in_call(NAME))
    }

    /// A token of Microsoft Entra for Kubernetes on AKS.
    pub(crate) async fn kubernetes_token(&self) -> Result<Token, Failure> {
        Ok(self.credentials.token(KUBERNETES_SCOPE).await?)
    }

    /// The names of the regions that a subscription has.
    pub(crate) async fn regions(&self, subscription: &SubscriptionId) -> Result<Option<Vec<String>>, Failure> {
        let path = format!("/subscriptions/{subscription}/locations");
        let call = Call::new("Subscriptions_ListLocations", Method::GET, path, SUBSCRIPTIONS_API_VERSION);
        let regions = self.pages::<wire::Location>(call).await;
        let names = |regions: Vec<wire::Location>| {
            let names = regions.into_iter().filter_map(|region| region.name);
            names.filter(|name| name.parse::<Region>().is_ok()).collect()
        };
        untold_is_none(regions.map(names))
    }

    /// What a region has. Asked once: a region's machine types are a few MiB, and environments are many.
    pub(crate) async fn offer(&self, subscription: &SubscriptionId, region: &Region) -> Result<Arc<Offer>, Failure> {
        let mut offers = self.offers.lock().await;
        let key = (subscription.clone(), region.clone());
        if let Some(offer) = offers.get(&key) {
            return Ok(Arc::clone(offer));
        }
        let versions = async {
            let path =
                format!("/subscriptions/{subscription}/providers/{PROVIDER}/locations/{region}/kubernetesVersions");
            let call = self.aks("ManagedClusters_ListKubernetesVersions", Method::GET, path);
            let answer = self.ask::<wire::KubernetesVersions>(call).await;
            untold_is_none(answer.map(convert::offered_versions))
        };
        let machines = async {
            // Spaces and quotes of the filter, encoded.
            let path = format!(
                "/subscriptions/{subscription}/providers/Microsoft.Compute/skus?$filter=location%20eq%20%27{region}%27"
            );
            let call = Call::new("ResourceSkus_List", Method::GET, path, COMPUTE_API_VERSION);
            let answer = self.pages::<wire::ComputeSku>(call).await;
            untold_is_none(answer.map(|skus| convert::offered_machines(&skus, region)))
        };
        let (versions, machines) = futures::try_join!(versions, machines)?;
        let offer = Arc::new(Offer { versions, machines });
        offers.insert(key, Arc::clone(&offer));
        Ok(offer)
    }

    async fn pages<T: DeserializeOwned>(&self, first: Call) -> Result<Vec<T>, Failure> {
        let name = first.name;
        let mut found = Vec::new();
        let mut call = first;
        for _ in 0..MAX_PAGES {
            let page: wire::Page<T> = self.ask(call).await?;
            found.extend(page.value);
            let Some(link) = page.next_link.filter(|link| !link.is_empty()) else { return Ok(found) };
            let path = path_on(self.base().await?, &link);
            let path = path
                .ok_or_else(|| Failure::new(ErrorKind::Protocol, "the next page is on another host").in_call(name))?;
            call = Call::given(name, &path);
        }
        Err(Failure::new(ErrorKind::Protocol, format!("more than {MAX_PAGES} pages")).in_call(name))
    }

    fn aks(&self, name: &'static str, method: Method, path: String) -> Call {
        let api_version = self.settings.settings.api_version.as_deref().unwrap_or(API_VERSION);
        Call::new(name, method, path, api_version)
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let name = call.name;
        let reply = self.send(call).await?;
        serde_json::from_slice(&reply.body).map_err(|error| Failure::unreadable(&reply, &error).in_call(name))
    }

    /// Sends a request. Where Azure says that our token has ended, it did nothing, so the request is sent once more with
    /// another.
    async fn send(&self, call: Call) -> Result<Reply, Failure> {
        match self.send_once(&call).await {
            Err(failure) if failure.special == Some(Special::Expired) => {
                self.credentials.forget().await;
                self.send_once(&call).await
            }
            answer => answer,
        }
        .map_err(|failure| failure.in_call(call.name))
    }

    async fn send_once(&self, call: &Call) -> Result<Reply, Failure> {
        let base = self.base().await?;
        let environment = self.settings.environment().map_err(|error| Failure::new(ErrorKind::InvalidConfig, error))?;
        let token = self.credentials.token(&environment.scope()).await?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.text.expose()))
            .map_err(|_| Failure::new(ErrorKind::Unauthenticated, "the token holds what no header can"))?;
        bearer.set_sensitive(true);
        let mut headers = call.headers.clone();
        headers.insert(header::AUTHORIZATION, bearer);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if call.body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        } else if call.method == Method::POST {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let url = format!("{}{}", base.as_str().trim_end_matches('/'), call.path);
        let reply = self.transport.send(call.method.clone(), &url, headers, call.body.clone()).await?;
        tracing::debug!(call = call.name, status = reply.status, "Azure answered");
        if (200..300).contains(&reply.status) { Ok(reply) } else { Err(Failure::refused(&reply)) }
    }

    /// Where Resource Manager is.
    async fn base(&self) -> Result<&Url, Failure> {
        let open = || async {
            let invalid = |source: &'static str| Failure::new(ErrorKind::InvalidConfig, source);
            let environment =
                self.settings.environment().map_err(|error| Failure::new(ErrorKind::InvalidConfig, error))?;
            let endpoint = self.settings.settings.endpoint.as_deref().unwrap_or(environment.endpoint());
            let url = Url::parse(endpoint).map_err(|_| invalid("the endpoint is not a URL"))?;
            if url.scheme() != "https" || url.host_str().is_none() {
                return Err(invalid("the endpoint is not an https URL, and tokens are sent over no other"));
            }
            Ok(url)
        };
        self.base.get_or_try_init(open).await
    }
}

/// Path and query of a URL that the cloud gave, if it is on the host that is asked: tokens go nowhere else.
fn path_on(base: &Url, text: &str) -> Option<String> {
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(_) => base.join(text).ok()?,
    };
    if url.origin() != base.origin() {
        tracing::warn!(host = url.host_str().unwrap_or_default(), "a URL on another host is not followed");
        return None;
    }
    Some(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}

/// What these credentials may not ask is not known, and nothing is wrong with it.
fn untold_is_none<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if matches!(failure.kind, ErrorKind::PermissionDenied | ErrorKind::Unsupported) => Ok(None),
        // Compute is a provider of its own, which a subscription may not be registered for, and so is AKS.
        Err(failure) if failure.special == Some(Special::Unregistered) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn kubeconfig(yaml: &str) -> Option<Kubeconfig> {
    #[derive(Deserialize)]
    struct Config {
        clusters: Vec<NamedCluster>,
        users: Vec<NamedUser>,
    }
    #[derive(Deserialize)]
    struct NamedCluster {
        cluster: Cluster,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Cluster {
        server: String,
        certificate_authority_data: String,
    }
    #[derive(Deserialize)]
    struct NamedUser {
        user: User,
    }
    #[derive(Deserialize)]
    struct User {
        token: Option<String>,
    }
    let config: Config = serde_saphyr::from_str(yaml).ok()?;
    let cluster = config.clusters.into_iter().next()?.cluster;
    let user = config.users.into_iter().next()?.user;
    Some(Kubeconfig {
        server: cluster.server,
        certificate_authority_data: cluster.certificate_authority_data,
        token: user.token.filter(|token| !token.is_empty()).map(crate::secret::Secret::new),
    })
}

/// Why an operation failed.
pub(crate) fn operation_error(status: &wire::OperationStatus) -> ServerText {
    match &status.error {
        Some(error) => super::failure::error_text(error),
        None => {
            let word = status.status.as_deref().unwrap_or("unknown");
            ServerText::new(&format!("the operation ended as {word} without a reason"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_the_same_host_are_followed() {
        let base = Url::parse("https://management.azure.com").unwrap();
        let poll = "https://management.azure.com/subscriptions/s/providers/p/operations/o?api-version=2016-03-30&t=1";
        assert_eq!(
            path_on(&base, poll).as_deref(),
            Some("/subscriptions/s/providers/p/operations/o?api-version=2016-03-30&t=1"),
            "with its own API version"
        );
        for elsewhere in [
            "https://management.azure.com.evil.example/o",
            "http://management.azure.com/o",
            "https://management.azure.com:8443/o",
            "//evil.example/o",
        ] {
            assert_eq!(path_on(&base, elsewhere), None, "{elsewhere}");
        }
        assert_eq!(path_on(&base, "/operations/o").as_deref(), Some("/operations/o"));
    }

    #[test]
    fn a_kubeconfig_tells_server_and_token() {
        let with = |user: &str| {
            format!(
                "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: Q0E=\n    server: \
                 https://c.example:443\n  name: c\nusers:\n- name: u\n  user:\n{user}"
            )
        };
        let local = kubeconfig(&with("    client-certificate-data: Q0U=\n    token: secret\n")).unwrap();
        assert_eq!(
            (local.server.as_str(), local.certificate_authority_data.as_str()),
            ("https://c.example:443", "Q0E=")
        );
        assert_eq!(local.token.unwrap().expose(), "secret");
        let entra = kubeconfig(&with("    exec:\n      command: kubelogin\n      args: [get-token]\n")).unwrap();
        assert!(entra.token.is_none());
        assert!(kubeconfig("{}").is_none());
    }
}
