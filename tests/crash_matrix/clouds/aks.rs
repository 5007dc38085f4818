//! AKS.

use std::sync::Arc;

use multicloud::Secret;
use multicloud::aks::{Aks, AksSpec, AzureSettings};
use multicloud::backend::Backend;
use multicloud::environment::{CloudSpec, EnvironmentSpec, PoolMode, PoolSize, PoolSpec, Taint, TaintEffect};
use multicloud_simulator::{CloudKind, Running};
use serde_json::{Value, json};

use super::{Cloud, OURS, OWNER, Reach, parsed, text_map};
use crate::checker::{self, Dialect};
use crate::planted_bug::Bug;

const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";
const TENANT: &str = "00000000-0000-4000-8000-0000000000aa";
const CLIENT: &str = "00000000-0000-4000-8000-0000000000bb";
const GROUP: &str = "platform";
const REGION: &str = "westeurope";

/// Resource Manager with AKS, and its login.
#[derive(Debug)]
pub(crate) struct AksCloud;

impl AksCloud {
    fn put(&self, running: &Running, object: &str, document: Value) {
        let object = format!("{SUBSCRIPTION}/groups/{GROUP}/clusters/{object}");
        running.put("azure", &object, document).expect("the object can be planted");
    }
}

impl Cloud for AksCloud {
    fn simulated(&self) -> CloudKind {
        CloudKind::Azure
    }

    fn connect(&self, reach: &Reach) -> Arc<dyn Backend> {
        let settings = AzureSettings {
            subscription_id: Some(SUBSCRIPTION.to_owned()),
            tenant_id: Some(TENANT.to_owned()),
            client_id: Some(CLIENT.to_owned()),
            endpoint: Some(reach.url("azure").to_owned()),
            authority_host: Some(reach.url("azure_authority").to_owned()),
            ca_bundle: reach.ca_bundle.clone(),
            ..AzureSettings::default()
        };
        let settings = match &reach.token_file {
            None => AzureSettings { client_secret: Some(Secret::new("any")), ..settings },
            Some(file) => AzureSettings { use_oidc: Some(true), oidc_token_file: Some(file.clone()), ..settings },
        };
        Arc::new(Aks::new(settings))
    }

    fn created(&self) -> EnvironmentSpec {
        let cloud = CloudSpec::Aks(AksSpec::new(parsed(GROUP)));
        let mut spec = EnvironmentSpec::new(parsed(OWNER), parsed(OURS), parsed("1.31"), cloud);
        let mut system = pool("Standard_D2s_v5", 2);
        system.mode = PoolMode::System;
        spec.region = Some(parsed(REGION));
        spec.node_pools = [(parsed("system"), system), (parsed("apps"), pool("Standard_D4s_v5", 1))].into();
        spec.tags = text_map([("team", "platform")]);
        spec.deletion_protection = false;
        spec
    }

    fn updated(&self) -> EnvironmentSpec {
        let mut spec = self.created();
        spec.kubernetes.version = parsed("1.33");
        if let Some(system) = spec.node_pools.get_mut(&parsed("system")) {
            system.size = PoolSize::Fixed(3);
            system.labels = text_map([("tier", "base")]);
            system.taints = [Taint {
                key: "CriticalAddonsOnly".to_owned(),
                effect: TaintEffect::PreferNoSchedule,
                value: "true".to_owned(),
            }]
            .into();
        }
        // A new agent pool beside the old one, which goes then: AKS takes one of these at a time.
        spec.node_pools.insert(parsed("apps"), pool("Standard_D2s_v5", 1));
        spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
        spec.tags = text_map([("team", "runtime"), ("cost-center", "1234")]);
        spec
    }

    fn put_cluster(&self, running: &Running, name: &str, tags: Value) {
        self.put(running, name, json!({ "tags": tags }));
    }

    fn intrude(&self, running: &Running) {
        self.put(running, "prod/agentPools/byhand", json!({}));
    }

    fn intruders(&self) -> &'static [&'static str] {
        &["prod/agentPools/byhand"]
    }

    fn provider_hcl(&self, reach: &Reach) -> String {
        let (azure, authority) = (reach.url("azure"), reach.url("azure_authority"));
        let bundle = reach.ca_bundle.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        format!(
            r#"azure = {{ subscription_id = "{SUBSCRIPTION}", endpoint = "{azure}", authority_host = "{authority}", ca_bundle = "{bundle}", poll_interval = "5ms" }}"#
        )
    }

    fn created_hcl(&self) -> &'static str {
        CREATED_HCL
    }

    fn updated_hcl(&self) -> &'static str {
        UPDATED_HCL
    }

    fn region(&self) -> &'static str {
        REGION
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &checker::aks::Aks
    }

    /// All but what cannot be said of a cloud where one request makes all pools and one deletes them.
    fn bugs(&self) -> Vec<Bug> {
        Bug::ALL.into_iter().filter(|bug| !matches!(bug, Bug::UnmarkedPools | Bug::NoOrder)).collect()
    }
}

fn pool(machine_type: &str, count: u32) -> PoolSpec {
    PoolSpec::new(parsed(machine_type), PoolSize::Fixed(count))
}

/// As [`AksCloud::created`], with one pool: the simulated AKS changes one at a time, and no request of these is to be refused.
const CREATED_HCL: &str = r#"  kubernetes = { version = "1.31" }
  node_pools = {
    system = { machine_type = "Standard_D2s_v5", count = 2, mode = "system" }
  }
  tags = { team = "platform" }
  aks  = { resource_group_name = "platform" }
"#;

/// As [`AksCloud::updated`], with a new pool instead of one that is replaced: AKS leaves emptying the nodes of that to us,
/// which needs a Kubernetes.
const UPDATED_HCL: &str = r#"  kubernetes = { version = "1.33" }
  node_pools = {
    system = {
      machine_type = "Standard_D2s_v5"
      count        = 3
      mode         = "system"
      labels       = { tier = "base" }
      taints       = [{ key = "CriticalAddonsOnly", value = "true", effect = "PreferNoSchedule" }]
    }
    batch = { machine_type = "Standard_D4s_v5", count = 2 }
  }
  network = { authorized_cidrs = ["203.0.113.0/24"] }
  tags    = { team = "runtime", cost-center = "1234" }
  aks     = { resource_group_name = "platform" }
"#;
