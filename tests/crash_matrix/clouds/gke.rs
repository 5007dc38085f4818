//! GKE.

use std::sync::Arc;

use multicloud::Secret;
use multicloud::backend::Backend;
use multicloud::environment::{CloudSpec, EnvironmentSpec, PoolMode, PoolSize, PoolSpec, Taint, TaintEffect};
use multicloud::gke::{Gke, GkeSpec, GoogleSettings};
use multicloud_simulator::{CloudKind, Running};
use serde_json::{Value, json};

use super::{Cloud, OURS, OWNER, Reach, parsed, text_map};
use crate::checker::{self, Dialect};
use crate::planted_bug::Bug;

const PROJECT: &str = "simulated-project";
/// A zone, so that a pool can have any number of nodes.
const ZONE: &str = "europe-west1-b";

/// Google Cloud.
#[derive(Debug)]
pub(crate) struct GkeCloud;

impl GkeCloud {
    fn put(&self, running: &Running, object: &str, document: Value) {
        let object = format!("{PROJECT}/{ZONE}/clusters/{object}");
        running.put("google", &object, document).expect("the object can be planted");
    }
}

impl Cloud for GkeCloud {
    fn simulated(&self) -> CloudKind {
        CloudKind::Google
    }

    fn connect(&self, reach: &Reach) -> Arc<dyn Backend> {
        let settings = GoogleSettings {
            project: Some(PROJECT.to_owned()),
            endpoint: Some(reach.url("google").to_owned()),
            compute_endpoint: Some(reach.url("google_compute").to_owned()),
            ..GoogleSettings::default()
        };
        let settings = match &reach.token_file {
            None => GoogleSettings { access_token: Some(Secret::new("any")), ..settings },
            Some(file) => {
                let credentials = json!({
                    "type": "external_account",
                    "token_url": format!("{}/v1/token", reach.url("google")),
                    "credential_source": { "file": file },
                    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                    "audience":
                        "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/ci/providers/ci",
                });
                GoogleSettings { credentials: Some(Secret::new(credentials.to_string())), ..settings }
            }
        };
        Arc::new(Gke::new(settings))
    }

    fn created(&self) -> EnvironmentSpec {
        let cloud = CloudSpec::Gke(GkeSpec::default());
        let mut spec = EnvironmentSpec::new(parsed(OWNER), parsed(OURS), parsed("1.31"), cloud);
        let mut system = pool("e2-standard-4", 2);
        system.mode = PoolMode::System;
        spec.region = Some(parsed(ZONE));
        let (apps, jobs) = (pool("n2-standard-4", 1), pool("e2-standard-4", 1));
        spec.node_pools = [(parsed("system"), system), (parsed("apps"), apps), (parsed("jobs"), jobs)].into();
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
        spec.node_pools.remove(&parsed("apps"));
        spec.node_pools.insert(parsed("batch"), pool("n2-standard-4", 2));
        // A new pool beside the old one, which goes then: machine types change in place.
        spec.node_pools.insert(parsed("jobs"), PoolSpec { spot: true, ..pool("e2-standard-4", 1) });
        spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
        spec.tags = text_map([("team", "runtime"), ("cost-center", "1234")]);
        spec
    }

    fn put_cluster(&self, running: &Running, name: &str, tags: Value) {
        self.put(running, name, json!({ "resourceLabels": tags }));
    }

    fn intrude(&self, running: &Running) {
        self.put(running, "prod/nodePools/by-hand", json!({}));
    }

    fn intruders(&self) -> &'static [&'static str] {
        &["prod/nodePools/by-hand"]
    }

    fn provider_hcl(&self, reach: &Reach) -> String {
        let (google, compute) = (reach.url("google"), reach.url("google_compute"));
        format!(
            r#"google = {{ project = "{PROJECT}", endpoint = "{google}", compute_endpoint = "{compute}", poll_interval = "5ms" }}"#
        )
    }

    fn created_hcl(&self) -> &'static str {
        CREATED_HCL
    }

    fn updated_hcl(&self) -> &'static str {
        UPDATED_HCL
    }

    fn region(&self) -> &'static str {
        ZONE
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &checker::gke::Gke
    }

    /// All but what cannot be said of a cloud where one request makes all pools and one deletes them.
    fn bugs(&self) -> Vec<Bug> {
        Bug::ALL.into_iter().filter(|bug| !matches!(bug, Bug::UnmarkedPools | Bug::NoOrder)).collect()
    }
}

fn pool(machine_type: &str, count: u32) -> PoolSpec {
    PoolSpec::new(parsed(machine_type), PoolSize::Fixed(count))
}

/// As [`GkeCloud::created`].
const CREATED_HCL: &str = r#"  kubernetes = { version = "1.31" }
  node_pools = {
    system = { machine_type = "e2-standard-4", count = 2, mode = "system" }
    apps   = { machine_type = "n2-standard-4", count = 1 }
    jobs   = { machine_type = "e2-standard-4", count = 1 }
  }
  tags = { team = "platform" }
  gke  = {}
"#;

/// As [`GkeCloud::updated`].
const UPDATED_HCL: &str = r#"  kubernetes = { version = "1.33" }
  node_pools = {
    system = {
      machine_type = "e2-standard-4"
      count        = 3
      mode         = "system"
      labels       = { tier = "base" }
      taints       = [{ key = "CriticalAddonsOnly", value = "true", effect = "PreferNoSchedule" }]
    }
    batch = { machine_type = "n2-standard-4", count = 2 }
    jobs  = { machine_type = "e2-standard-4", count = 1, spot = true }
  }
  network = { authorized_cidrs = ["203.0.113.0/24"] }
  tags    = { team = "runtime", cost-center = "1234" }
  gke     = {}
"#;
