//! `data "multicloud_environment"`: an environment that somebody else manages.

use multicloud::environment::Observed;
use multicloud::{EnvironmentId, Error, ErrorKind};
use tfplug::{Attr, Call, DataSource, Diagnostics, MapOf, Model, Path, SetOf, Severity, async_trait};

use super::{parse_id, state};
use crate::clouds::Clouds;
use crate::diagnostics::{Deed, diagnostic};

/// `data "multicloud_environment"`.
#[derive(Clone, Copy, Debug)]
pub struct EnvironmentData;

/// Reads a Kubernetes environment by its id, whoever manages it.
///
/// It holds no credential: `ephemeral "multicloud_kubeconfig"` gives one out.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct EnvironmentDataModel {
    /// The id of the environment: `aks/<subscription>/<group>/<name>`, `eks/<account>/<region>/<name>` or
    /// `gke/<project>/<location>/<name>`.
    #[attribute(required, validate = [string_length(1..=300)])]
    pub id: Attr<String>,
    /// The backend that it is in, such as `eks`.
    #[attribute(computed)]
    pub backend: Attr<String>,
    /// On EKS: the AWS account that it is in.
    #[attribute(computed)]
    pub account: Attr<String>,
    /// On AKS: the Azure subscription that it is in.
    #[attribute(computed)]
    pub subscription: Attr<String>,
    /// On AKS: the resource group that it is in.
    #[attribute(computed)]
    pub resource_group: Attr<String>,
    /// On GKE: the Google Cloud project that it is in.
    #[attribute(computed)]
    pub project: Attr<String>,
    /// The region that it is in; on GKE perhaps a zone.
    #[attribute(computed)]
    pub region: Attr<String>,
    /// Its name.
    #[attribute(computed)]
    pub name: Attr<String>,
    /// How it is: `creating`, `active`, `updating`, `degraded`, `deleting` or `failed`.
    #[attribute(computed)]
    pub status: Attr<String>,
    /// The URL of the API server.
    #[attribute(computed)]
    pub endpoint: Attr<String>,
    /// The certificate authority of the API server: PEM in base64, as kubeconfig files hold it.
    #[attribute(computed)]
    pub certificate_authority_data: Attr<String>,
    /// The issuer of the tokens of service accounts.
    #[attribute(computed)]
    pub oidc_issuer_url: Attr<String>,
    /// The version of the control plane in full, as the cloud reports it.
    #[attribute(computed)]
    pub kubernetes_version: Attr<String>,
    /// The node pools, by name.
    #[attribute(computed)]
    pub node_pools: MapOf<NodePoolData>,
    /// The subnets of the control plane and the nodes.
    #[attribute(computed)]
    pub subnet_ids: SetOf<String>,
    /// All tags, the ownership mark among them.
    #[attribute(computed)]
    pub tags: MapOf<String>,
}

/// A node pool, as it was found.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct NodePoolData {
    /// The machine type of the nodes.
    #[attribute(computed)]
    pub machine_type: Attr<String>,
    /// The number of nodes that it is to have now.
    #[attribute(computed)]
    pub count: Attr<u32>,
    /// The fewest nodes.
    #[attribute(computed)]
    pub min: Attr<u32>,
    /// The most nodes.
    #[attribute(computed)]
    pub max: Attr<u32>,
    /// Its Kubernetes version in full, as the cloud reports it.
    #[attribute(computed)]
    pub kubernetes_version: Attr<String>,
    /// Labels of the nodes.
    #[attribute(computed)]
    pub labels: MapOf<String>,
    /// Whether the cloud may take the nodes away.
    #[attribute(computed)]
    pub spot: Attr<bool>,
    /// How the pool is.
    #[attribute(computed)]
    pub status: Attr<String>,
}

#[async_trait]
impl DataSource for EnvironmentData {
    type Client = Clouds;
    type State = EnvironmentDataModel;

    fn type_name(&self) -> &'static str {
        "multicloud_environment"
    }

    fn validate(&self, config: &EnvironmentDataModel, diagnostics: &mut Diagnostics) {
        if let Some(id) = config.id.known()
            && let Err(errors) = parse_id(id, Path::root().attribute("id"))
        {
            diagnostics.extend(errors);
        }
    }

    async fn read(
        &self,
        call: &Call<Clouds>,
        config: EnvironmentDataModel,
    ) -> Result<EnvironmentDataModel, Diagnostics> {
        let text = config.id.known().cloned().unwrap_or_default();
        let id = parse_id(&text, Path::root().attribute("id"))?;
        let driver = call.client()?.driver(id.backend())?;
        let fail = |error: &Error| diagnostic(Severity::Error, Deed::Read, id.name().as_str(), Some(&id), error);
        let observed = driver.read(&id).await.map_err(|error| fail(&error))?;
        let observed = observed.ok_or_else(|| fail(&Error::new(ErrorKind::NotFound, id.backend(), "read", &id)))?;
        Ok(shown(text, &id, &observed))
    }
}

fn shown(text: String, id: &EnvironmentId, observed: &Observed) -> EnvironmentDataModel {
    let identity = state::identity(id);
    let all = state::refreshed(state::named(id), observed);
    let pools = observed.node_pools.iter().map(|(name, pool)| {
        let pool = NodePoolData {
            machine_type: pool.machine_type.clone().into(),
            count: pool.count.into(),
            min: pool.min.into(),
            max: pool.max.into(),
            kubernetes_version: pool.full_version.clone().into(),
            labels: known(&pool.labels),
            spot: pool.spot.into(),
            status: pool.status.as_str().into(),
        };
        (name.as_str().to_owned(), Attr::Known(pool))
    });
    EnvironmentDataModel {
        id: text.into(),
        backend: identity.backend,
        account: identity.account,
        subscription: identity.subscription,
        resource_group: identity.resource_group,
        project: identity.project,
        region: all.region,
        name: identity.name,
        status: all.status,
        endpoint: all.endpoint,
        certificate_authority_data: all.certificate_authority_data,
        oidc_issuer_url: all.oidc_issuer_url,
        kubernetes_version: all.kubernetes_version,
        node_pools: Attr::Known(pools.collect()),
        subnet_ids: Attr::Known(observed.network.subnet_ids.iter().cloned().collect()),
        tags: known(&observed.tags),
    }
}

fn known(pairs: &std::collections::BTreeMap<String, String>) -> MapOf<String> {
    Attr::Known(pairs.iter().map(|(key, value)| (key.clone(), Attr::Known(value.clone()))).collect())
}
