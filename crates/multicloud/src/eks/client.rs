//! The calls to EKS and STS, and how they are sent: once, with a deadline, never again by the SDK itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eks::types;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::service_config::ServiceConfigKey;
use futures::StreamExt as _;
use tokio::sync::{Mutex, OnceCell};

use super::change::{ClusterSetting, EksChange, GroupSettings, NewCluster, NewGroup};
use super::convert;
use super::credential::{CredentialChain, profile_files};
use super::failure::Failure;
use super::settings::AwsSettings;
use super::spec::{ObservedAccessEntry, ObservedAddon, ObservedGroup};
use super::token::{self, LIFETIME};
use super::transport::http_client;
use crate::access::Credential;
use crate::environment::{AccountId, KubernetesVersion, Region};
use crate::error::ErrorKind;
use crate::secret::Secret;

/// A connection that is not there after this long will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// EKS answers in a second or two, and creation in a few; whoever takes longer than this has lost the request.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A page holds 100 names, and a cluster 30 node groups unless the quota was raised; more pages are a loop.
const MAX_PAGES: usize = 50;
/// Questions about parts of one cluster that are asked side by side, so that a refresh of many environments stays
/// below EKS's rate limits.
const SIDE_BY_SIDE: usize = 4;

/// EKS and STS, one session per region, each opened at its first use.
pub(crate) struct Client {
    settings: AwsSettings,
    clock: SharedTimeSource,
    sessions: Mutex<HashMap<Region, Arc<Session>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has not opened anything.
    pub(crate) fn new(settings: AwsSettings, clock: SharedTimeSource) -> Self {
        Self { settings, clock, sessions: Mutex::default() }
    }

    /// The session for a region.
    pub(crate) async fn session(&self, region: &Region) -> Result<Arc<Session>, Failure> {
        let mut sessions = self.sessions.lock().await;
        if let Some(session) = sessions.get(region) {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::open(&self.settings, region, self.clock.clone()).await?);
        sessions.insert(region.clone(), Arc::clone(&session));
        Ok(session)
    }
}

/// EKS and STS in one region.
pub(crate) struct Session {
    region: Region,
    clock: SharedTimeSource,
    credentials: Arc<CredentialChain>,
    eks: aws_sdk_eks::Client,
    sts: aws_sdk_sts::Client,
    sts_endpoint: String,
    account: OnceCell<AccountId>,
}

/// What EKS answered to a request that changes something: it is done, or goes on under an id, or goes on without one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// There is nothing to wait for.
    Done,
    /// An update with this id.
    Update(String),
    /// It shows in the object's status alone.
    ByStatus,
}

impl Session {
    async fn open(settings: &AwsSettings, region: &Region, clock: SharedTimeSource) -> Result<Self, Failure> {
        let of_environment = || std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(Into::into);
        let bundle = settings.ca_bundle.clone().or_else(of_environment);
        let http_client = http_client(bundle.as_deref(), settings.proxy.as_deref())?;
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(aws_types::region::Region::new(region.as_str().to_owned()))
            .http_client(http_client)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(clock.clone())
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build(),
            )
            .identity_cache(aws_sdk_eks::config::IdentityCache::no_cache())
            .no_credentials();
        if let Ok(name) = AppName::new("multicloud") {
            loader = loader.app_name(name);
        }
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(files) = profile_files(settings) {
            loader = loader.profile_files(files);
        }
        let sdk = loader.load().await;

        let sts_override = settings.sts_endpoint.clone().or_else(|| sts_endpoint_of_environment(&sdk));
        let sts_endpoint = match &sts_override {
            Some(url) => url.clone(),
            None => default_sts_endpoint(&sdk).await?,
        };
        // Asking for credentials changes nothing, so the SDK may ask again.
        let anonymous = sdk.clone().into_builder().retry_config(RetryConfig::standard());
        let anonymous = match &sts_override {
            Some(url) => anonymous.endpoint_url(url).build(),
            None => anonymous.build(),
        };
        let credentials = Arc::new(CredentialChain::new(settings, &anonymous, clock.clone()));

        let provider: Arc<dyn ProvideCredentials> = Arc::<CredentialChain>::clone(&credentials);
        let provider = SharedCredentialsProvider::new(provider);
        let sdk = sdk.into_builder().credentials_provider(provider).build();
        let mut eks = aws_sdk_eks::config::Builder::from(&sdk);
        if let Some(url) = &settings.endpoint {
            eks = eks.endpoint_url(url);
        }
        let mut sts = aws_sdk_sts::config::Builder::from(&sdk);
        if let Some(url) = sts_override {
            sts = sts.endpoint_url(url);
        }
        Ok(Self {
            region: region.clone(),
            clock,
            credentials,
            eks: aws_sdk_eks::Client::from_conf(eks.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            sts_endpoint,
            account: OnceCell::new(),
        })
    }

    /// Sends a request. Where the cloud says that our credentials have ended, it did nothing, so the request is sent
    /// once more with new ones.
    async fn send<T, E, F>(&self, call: &'static str, request: impl Fn() -> F) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        // Asked here, so that missing credentials are told as such and not as a request that failed somehow.
        self.credentials.resolve().await?;
        let failed = |error| Failure::from(error).in_call(call);
        match request().await.map_err(failed) {
            Err(failure) if failure.expired => {
                self.credentials.forget().await;
                self.credentials.resolve().await?;
                request().await.map_err(failed)
            }
            answer => answer,
        }
    }

    /// The account of our credentials.
    pub(crate) async fn account(&self) -> Result<&AccountId, Failure> {
        self.account
            .get_or_try_init(|| async {
                let identity = self.send("GetCallerIdentity", || self.sts.get_caller_identity().send()).await?;
                let account = identity.account().ok_or_else(|| Failure::incomplete("account"))?;
                account.parse().map_err(|error| Failure::new(ErrorKind::Protocol, error))
            })
            .await
    }

    /// Keeps the account that a reply showed, so that nobody needs to be asked for it.
    pub(crate) fn learn_account(&self, account: &AccountId) {
        // One that is known already is the same one: the credentials are.
        let _ = self.account.set(account.clone());
    }

    /// A token for a cluster's Kubernetes.
    pub(crate) async fn kube_token(&self, cluster: &str) -> Result<Credential, Failure> {
        let credentials = self.credentials.resolve().await?;
        let now = aws_smithy_async::time::TimeSource::now(&self.clock);
        // STS refuses the token once the session behind it has ended, whatever the token's own life.
        let expires_at = credentials.expiry().map_or(now + LIFETIME, |end| end.min(now + LIFETIME));
        let token = token::kube_token(&self.sts_endpoint, self.region.as_str(), cluster, credentials, now)
            .map_err(|error| Failure::new(ErrorKind::InvalidConfig, error))?;
        Ok(Credential { token: Secret::new(token.as_str()), expires_at })
    }

    /// The cluster.
    pub(crate) async fn cluster(&self, name: &str) -> Result<types::Cluster, Failure> {
        let answer = self.send("DescribeCluster", || self.eks.describe_cluster().name(name).send()).await?;
        answer.cluster.ok_or_else(|| Failure::incomplete("cluster"))
    }

    /// Every node group of a cluster.
    pub(crate) async fn groups(&self, cluster: &str) -> Result<BTreeMap<String, ObservedGroup>, Failure> {
        let names = pages(|token| async move {
            let page = self
                .send("ListNodegroups", || {
                    self.eks.list_nodegroups().cluster_name(cluster).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.nodegroups.unwrap_or_default(), page.next_token))
        })
        .await?;
        each(names, |name| async move {
            let Some(group) = gone_is_none(self.group(cluster, &name).await)? else { return Ok(None) };
            Ok(Some((name.clone(), convert::group(&name, &group)?)))
        })
        .await
    }

    /// One node group.
    pub(crate) async fn group(&self, cluster: &str, name: &str) -> Result<types::Nodegroup, Failure> {
        let answer = self
            .send("DescribeNodegroup", || {
                self.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(name).send()
            })
            .await?;
        answer.nodegroup.ok_or_else(|| Failure::incomplete("node group"))
    }

    /// Every add-on of a cluster.
    pub(crate) async fn addons(&self, cluster: &str) -> Result<BTreeMap<String, ObservedAddon>, Failure> {
        let names = pages(|token| async move {
            let page = self
                .send("ListAddons", || {
                    self.eks.list_addons().cluster_name(cluster).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.addons.unwrap_or_default(), page.next_token))
        })
        .await?;
        each(names, |name| async move {
            let Some(addon) = gone_is_none(self.addon(cluster, &name).await)? else { return Ok(None) };
            Ok(Some((name, convert::addon(&addon))))
        })
        .await
    }

    /// One add-on.
    pub(crate) async fn addon(&self, cluster: &str, name: &str) -> Result<types::Addon, Failure> {
        let answer = self
            .send("DescribeAddon", || self.eks.describe_addon().cluster_name(cluster).addon_name(name).send())
            .await?;
        answer.addon.ok_or_else(|| Failure::incomplete("add-on"))
    }

    /// Every access entry of a cluster.
    pub(crate) async fn access_entries(&self, cluster: &str) -> Result<BTreeMap<String, ObservedAccessEntry>, Failure> {
        let principals = pages(|token| async move {
            let page = self
                .send("ListAccessEntries", || {
                    self.eks.list_access_entries().cluster_name(cluster).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.access_entries.unwrap_or_default(), page.next_token))
        })
        .await?;
        each(principals, |principal| async move {
            let Some(entry) = gone_is_none(self.access_entry(cluster, &principal).await)? else { return Ok(None) };
            Ok(Some((principal, entry)))
        })
        .await
    }

    async fn access_entry(&self, cluster: &str, principal: &str) -> Result<ObservedAccessEntry, Failure> {
        let answer = self
            .send("DescribeAccessEntry", || {
                self.eks.describe_access_entry().cluster_name(cluster).principal_arn(principal).send()
            })
            .await?;
        let entry = answer.access_entry.ok_or_else(|| Failure::incomplete("access entry"))?;
        let policies = pages(|token| async move {
            let page = self
                .send("ListAssociatedAccessPolicies", || {
                    let request = self.eks.list_associated_access_policies();
                    request.cluster_name(cluster).principal_arn(principal).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.associated_access_policies.unwrap_or_default(), page.next_token))
        })
        .await?;
        Ok(convert::access_entry(&entry, &policies))
    }

    /// One update, of the cluster or of a part of it.
    pub(crate) async fn update(&self, cluster: &str, part: &Part, id: &str) -> Result<types::Update, Failure> {
        let answer = self
            .send("DescribeUpdate", || {
                let request = self.eks.describe_update().name(cluster).update_id(id);
                request.set_nodegroup_name(part.group()).set_addon_name(part.addon()).send()
            })
            .await?;
        answer.update.ok_or_else(|| Failure::incomplete("update"))
    }

    /// The ids of the updates that run on the cluster or on a part of it.
    pub(crate) async fn running_updates(&self, cluster: &str, part: &Part) -> Result<Vec<String>, Failure> {
        let ids = pages(|token| async move {
            let page = self
                .send("ListUpdates", || {
                    let request = self.eks.list_updates().name(cluster).set_next_token(token.clone());
                    request.set_nodegroup_name(part.group()).set_addon_name(part.addon()).send()
                })
                .await?;
            Ok((page.update_ids.unwrap_or_default(), page.next_token))
        })
        .await?;
        let running = each(ids, |id| async move {
            let update = gone_is_none(self.update(cluster, part, &id).await)?;
            let runs = update.is_some_and(|update| update.status() == Some(&types::UpdateStatus::InProgress));
            Ok(runs.then_some((id, ())))
        })
        .await?;
        Ok(running.into_keys().collect())
    }

    /// The versions that EKS offers; `None` to who may not ask, or asks an endpoint that does not know.
    pub(crate) async fn offered_versions(&self) -> Result<Option<Vec<String>>, Failure> {
        let answer = pages(|token| async move {
            let page = self
                .send("DescribeClusterVersions", || {
                    self.eks.describe_cluster_versions().set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.cluster_versions.unwrap_or_default(), page.next_token))
        });
        let offered: Vec<String> = match answer.await {
            Ok(versions) => versions.into_iter().filter_map(|version| version.cluster_version).collect(),
            Err(failure) => match failure.kind {
                ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::PermissionDenied => return Ok(None),
                ErrorKind::AlreadyExists
                | ErrorKind::NotOwned
                | ErrorKind::Protected
                | ErrorKind::Conflict
                | ErrorKind::InvalidConfig
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
                | ErrorKind::Protocol => return Err(failure),
            },
        };
        Ok((!offered.is_empty()).then_some(offered))
    }

    /// Refuses a version that EKS does not offer, before the first minor on the way there.
    async fn check_offered(&self, version: KubernetesVersion) -> Result<(), Failure> {
        // Who cannot learn it here learns it from the upgrade itself.
        match self.offered_versions().await? {
            Some(offered) if !offered.contains(&version.to_string()) => Err(Failure::new(
                ErrorKind::InvalidConfig,
                format!("EKS does not offer Kubernetes {version}, only {}; nothing was upgraded", offered.join(", ")),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Sends one change. `token` makes that a request which is sent twice counts once.
    pub(crate) async fn change(&self, cluster: &str, change: &EksChange, token: &str) -> Result<Accepted, Failure> {
        let eks = &self.eks;
        match change {
            EksChange::CreateCluster(new) => self.create_cluster(cluster, new, token).await,
            EksChange::ConfigureCluster(setting) => self.configure_cluster(cluster, setting, token).await,
            EksChange::CreateGroup(new) => self.create_group(cluster, new, token).await,
            EksChange::ConfigureGroup(settings) => self.configure_group(cluster, settings, token).await,
            EksChange::UpgradeCluster { to, goal, force } => {
                if goal != to {
                    self.check_offered(*goal).await?;
                }
                let request = || {
                    let request = eks.update_cluster_version().name(cluster).version(to.to_string());
                    request.set_force(force.then_some(true)).client_request_token(token)
                };
                updated(self.send("UpdateClusterVersion", || request().send()).await?.update)
            }
            EksChange::EncryptSecrets { key_arn } => {
                let request = || {
                    let request = eks.associate_encryption_config().cluster_name(cluster);
                    request.encryption_config(convert::encryption(key_arn)).client_request_token(token)
                };
                updated(self.send("AssociateEncryptionConfig", || request().send()).await?.update)
            }
            EksChange::DeleteCluster => {
                by_status(self.send("DeleteCluster", || eks.delete_cluster().name(cluster).send()).await?.cluster)
            }
            EksChange::UpgradeGroup { group, to, force } => {
                let request = || {
                    let request = eks.update_nodegroup_version().cluster_name(cluster).nodegroup_name(group);
                    request.version(to.to_string()).set_force(force.then_some(true)).client_request_token(token)
                };
                updated(self.send("UpdateNodegroupVersion", || request().send()).await?.update)
            }
            EksChange::DeleteGroup { group } => {
                let request = || eks.delete_nodegroup().cluster_name(cluster).nodegroup_name(group);
                by_status(self.send("DeleteNodegroup", || request().send()).await?.nodegroup)
            }
            EksChange::CreateAddon { name, spec, tags } => {
                let request = || {
                    eks.create_addon()
                        .cluster_name(cluster)
                        .addon_name(name)
                        .set_addon_version(spec.version.clone())
                        .set_configuration_values(spec.configuration_values.clone())
                        .set_service_account_role_arn(spec.service_account_role_arn.clone())
                        .resolve_conflicts(convert::resolve_conflicts(spec.resolve_conflicts, true))
                        .set_tags(Some(convert::map(tags)))
                        .client_request_token(token)
                };
                by_status(self.send("CreateAddon", || request().send()).await?.addon)
            }
            EksChange::UpdateAddon { name, spec } => {
                let request = || {
                    eks.update_addon()
                        .cluster_name(cluster)
                        .addon_name(name)
                        .set_addon_version(spec.version.clone())
                        .set_configuration_values(spec.configuration_values.clone())
                        .set_service_account_role_arn(spec.service_account_role_arn.clone())
                        .resolve_conflicts(convert::resolve_conflicts(spec.resolve_conflicts, false))
                        .client_request_token(token)
                };
                updated(self.send("UpdateAddon", || request().send()).await?.update)
            }
            EksChange::DeleteAddon { name, preserve } => {
                let request = || {
                    let request = eks.delete_addon().cluster_name(cluster).addon_name(name);
                    request.set_preserve(preserve.then_some(true))
                };
                by_status(self.send("DeleteAddon", || request().send()).await?.addon)
            }
            EksChange::CreateAccessEntry { principal, entry_type, kubernetes_groups, username, tags } => {
                let request = || {
                    eks.create_access_entry()
                        .cluster_name(cluster)
                        .principal_arn(principal)
                        .set_type(entry_type.clone())
                        .set_kubernetes_groups(convert::some_list(kubernetes_groups))
                        .set_username(username.clone())
                        .set_tags(Some(convert::map(tags)))
                        .client_request_token(token)
                };
                done(self.send("CreateAccessEntry", || request().send()).await?.access_entry)
            }
            EksChange::UpdateAccessEntry { principal, kubernetes_groups, username } => {
                let request = || {
                    eks.update_access_entry()
                        .cluster_name(cluster)
                        .principal_arn(principal)
                        .set_kubernetes_groups(Some(convert::list(kubernetes_groups)))
                        .set_username(username.clone())
                        .client_request_token(token)
                };
                done(self.send("UpdateAccessEntry", || request().send()).await?.access_entry)
            }
            EksChange::GrantPolicy { principal, policy, scope } => {
                let request = || {
                    let request = eks.associate_access_policy().cluster_name(cluster).principal_arn(principal);
                    request.policy_arn(policy).access_scope(convert::access_scope(scope))
                };
                done(self.send("AssociateAccessPolicy", || request().send()).await?.associated_access_policy)
            }
            // The replies to the rest are empty by description, so that one that was lost on the way looks the same; the
            // driver finds the step open when it reads again.
            EksChange::DeleteAccessEntry { principal } => {
                let request = || eks.delete_access_entry().cluster_name(cluster).principal_arn(principal);
                done(Some(self.send("DeleteAccessEntry", || request().send()).await?))
            }
            EksChange::RevokePolicy { principal, policy } => {
                let request = || {
                    let request = eks.disassociate_access_policy().cluster_name(cluster).principal_arn(principal);
                    request.policy_arn(policy)
                };
                done(Some(self.send("DisassociateAccessPolicy", || request().send()).await?))
            }
            EksChange::Tag { arn, tags } => {
                let request = || eks.tag_resource().resource_arn(arn).set_tags(Some(convert::map(tags)));
                done(Some(self.send("TagResource", || request().send()).await?))
            }
            EksChange::Untag { arn, keys } => {
                let request = || eks.untag_resource().resource_arn(arn).set_tag_keys(Some(convert::list(keys)));
                done(Some(self.send("UntagResource", || request().send()).await?))
            }
        }
    }

    async fn create_cluster(&self, cluster: &str, new: &NewCluster, token: &str) -> Result<Accepted, Failure> {
        let access = types::CreateAccessConfigRequest::builder()
            .authentication_mode(convert::authentication_mode(new.authentication_mode))
            .bootstrap_cluster_creator_admin_permissions(new.creator_is_admin)
            .build();
        let network = new
            .service_cidr
            .as_ref()
            .map(|cidr| types::KubernetesNetworkConfigRequest::builder().service_ipv4_cidr(cidr).build());
        let logging = (!new.log_types.is_empty()).then(|| convert::logging(&new.log_types));
        let encryption = new.encryption_key_arn.as_deref().map(|key| vec![convert::encryption(key)]);
        let request = || {
            self.eks
                .create_cluster()
                .name(cluster)
                .version(new.version.to_string())
                .role_arn(&new.role_arn)
                .resources_vpc_config(convert::new_vpc(new))
                .set_kubernetes_network_config(network.clone())
                .set_logging(logging.clone())
                .set_encryption_config(encryption.clone())
                .access_config(access.clone())
                .set_upgrade_policy(new.support_type.map(convert::upgrade_policy))
                .set_deletion_protection(new.deletion_protection.then_some(true))
                .set_tags(Some(convert::map(&new.tags)))
                .client_request_token(token)
        };
        by_status(self.send("CreateCluster", || request().send()).await?.cluster)
    }

    async fn configure_cluster(
        &self,
        cluster: &str,
        setting: &ClusterSetting,
        token: &str,
    ) -> Result<Accepted, Failure> {
        let request = || {
            let request = self.eks.update_cluster_config().name(cluster).client_request_token(token);
            match setting {
                ClusterSetting::EndpointAccess { .. } | ClusterSetting::Subnets { .. } => {
                    request.set_resources_vpc_config(convert::changed_vpc(setting))
                }
                ClusterSetting::Logging(enabled) => request.logging(convert::logging(enabled)),
                ClusterSetting::AuthenticationMode(mode) => request.access_config(
                    types::UpdateAccessConfigRequest::builder()
                        .authentication_mode(convert::authentication_mode(*mode))
                        .build(),
                ),
                ClusterSetting::SupportType(support) => request.upgrade_policy(convert::upgrade_policy(*support)),
                ClusterSetting::DeletionProtection(on) => request.deletion_protection(*on),
            }
        };
        updated(self.send("UpdateClusterConfig", || request().send()).await?.update)
    }

    async fn create_group(&self, cluster: &str, new: &NewGroup, token: &str) -> Result<Accepted, Failure> {
        let capacity = if new.spot { types::CapacityTypes::Spot } else { types::CapacityTypes::OnDemand };
        let request = || {
            self.eks
                .create_nodegroup()
                .cluster_name(cluster)
                .nodegroup_name(&new.group)
                .version(new.version.to_string())
                .instance_types(&new.instance_type)
                .scaling_config(convert::new_scaling(new))
                .set_disk_size(new.disk_size_gb.map(convert::signed))
                .set_ami_type(new.ami_type.as_deref().map(Into::into))
                .capacity_type(capacity.clone())
                .node_role(&new.node_role_arn)
                .set_subnets(Some(convert::list(&new.subnet_ids)))
                .set_labels((!new.labels.is_empty()).then(|| convert::map(&new.labels)))
                .set_taints(convert::new_taints(&new.taints))
                .set_update_config(new.max_surge.map(convert::update_config))
                .set_tags(Some(convert::map(&new.tags)))
                .client_request_token(token)
        };
        by_status(self.send("CreateNodegroup", || request().send()).await?.nodegroup)
    }

    async fn configure_group(&self, cluster: &str, settings: &GroupSettings, token: &str) -> Result<Accepted, Failure> {
        let request = || {
            self.eks
                .update_nodegroup_config()
                .cluster_name(cluster)
                .nodegroup_name(&settings.group)
                .set_scaling_config(convert::changed_scaling(settings))
                .set_labels(convert::changed_labels(settings))
                .set_taints(convert::changed_taints(settings))
                .set_update_config(settings.max_surge.map(convert::update_config))
                .client_request_token(token)
        };
        updated(self.send("UpdateNodegroupConfig", || request().send()).await?.update)
    }
}

/// A part of a cluster that has updates of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The cluster itself.
    Cluster,
    /// A node group.
    Group(String),
    /// An add-on.
    Addon(String),
}

impl Part {
    fn group(&self) -> Option<String> {
        match self {
            Self::Group(name) => Some(name.clone()),
            Self::Cluster | Self::Addon(_) => None,
        }
    }

    fn addon(&self) -> Option<String> {
        match self {
            Self::Addon(name) => Some(name.clone()),
            Self::Cluster | Self::Group(_) => None,
        }
    }
}

/// An update that was accepted. A reply that names none leaves open whether there is one: what can be read decides.
fn updated(update: Option<types::Update>) -> Result<Accepted, Failure> {
    let id = update.and_then(|update| update.id).ok_or_else(|| Failure::incomplete("update id"))?;
    Ok(Accepted::Update(id))
}

/// A creation or deletion that was accepted, if the reply shows what of.
fn by_status<T>(object: Option<T>) -> Result<Accepted, Failure> {
    object.map(|_| Accepted::ByStatus).ok_or_else(|| Failure::incomplete("object"))
}

/// A change that EKS makes at once.
fn done<T>(object: Option<T>) -> Result<Accepted, Failure> {
    object.map(|_| Accepted::Done).ok_or_else(|| Failure::incomplete("object"))
}

/// What was listed and is gone a moment later was being deleted, and is no failure.
fn gone_is_none<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.kind == ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Walks through the pages of a list.
async fn pages<T, F>(page: impl Fn(Option<String>) -> F) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<(Vec<T>, Option<String>), Failure>>,
{
    let mut all = Vec::new();
    let mut token = None;
    for _ in 0..MAX_PAGES {
        let (items, next) = page(token).await?;
        all.extend(items);
        match next.filter(|next| !next.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(all),
        }
    }
    Err(Failure::new(ErrorKind::Protocol, format!("the list has more than {MAX_PAGES} pages")))
}

/// Asks about each of several names, a few at a time.
async fn each<T, F>(names: Vec<String>, question: impl Fn(String) -> F) -> Result<BTreeMap<String, T>, Failure>
where
    F: Future<Output = Result<Option<(String, T)>, Failure>>,
{
    // Once one has failed no more are asked; those that were asked already may say how long to wait.
    let has_failed = AtomicBool::new(false);
    let ask = |name| async {
        if has_failed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let answer = question(name).await;
        has_failed.fetch_or(answer.is_err(), Ordering::Relaxed);
        answer
    };
    let answers: Vec<_> = futures::stream::iter(names).map(ask).buffer_unordered(SIDE_BY_SIDE).collect().await;
    let mut found = BTreeMap::new();
    let mut failed = None;
    for answer in answers {
        match answer {
            Ok(answer) => found.extend(answer),
            Err(failure) => failed = Some(failure.or_graver(failed)),
        }
    }
    failed.map_or(Ok(found), Err)
}

/// The STS address of environment variables or profile, for which the SDK itself has no accessor.
fn sts_endpoint_of_environment(sdk: &SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id("STS").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    sdk.service_config().and_then(|config| config.load_config(key)).or_else(|| sdk.endpoint_url().map(str::to_owned))
}

/// The public STS address of a region, in its partition.
async fn default_sts_endpoint(sdk: &SdkConfig) -> Result<String, Failure> {
    let unusable = |error: aws_sdk_eks::error::BoxError| Failure::new(ErrorKind::InvalidConfig, error);
    let params = Params::builder()
        .region(sdk.region().map(ToString::to_string).unwrap_or_default())
        .use_fips(sdk.use_fips().unwrap_or_default())
        .use_dual_stack(sdk.use_dual_stack().unwrap_or_default())
        .build()
        .map_err(|error| unusable(error.into()))?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.map_err(unusable)?;
    Ok(endpoint.url().to_owned())
}
