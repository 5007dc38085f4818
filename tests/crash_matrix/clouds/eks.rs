//! EKS.

use std::sync::Arc;

use multicloud::Secret;
use multicloud::backend::Backend;
use multicloud::eks::{
    AccessEntrySpec, AccessScope, AddonSpec, AssumeRoleWithWebIdentity, AwsSettings, Eks, EksSpec, LogType,
};
use multicloud::environment::{
    CloudSpec, EnvironmentSpec, NetworkSpec, PoolMode, PoolName, PoolSize, PoolSpec, Taint, TaintEffect,
};
use multicloud_simulator::{CloudKind, Running};
use serde_json::{Value, json};

use super::{Cloud, OURS, OWNER, Reach, parsed, text_map};
use crate::checker::{self, Dialect};
use crate::planted_bug::Bug;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
const SUBNETS: [&str; 2] = ["subnet-0000000000000000a", "subnet-0000000000000000b"];

/// EKS, with STS.
#[derive(Debug)]
pub(crate) struct EksCloud;

impl EksCloud {
    fn put(&self, running: &Running, object: &str, document: Value) {
        let object = format!("{ACCOUNT}/{REGION}/clusters/{object}");
        running.put("eks", &object, document).expect("the object can be planted");
    }
}

impl Cloud for EksCloud {
    fn simulated(&self) -> CloudKind {
        CloudKind::Eks
    }

    fn connect(&self, reach: &Reach) -> Arc<dyn Backend> {
        let settings = AwsSettings {
            endpoint: Some(reach.url("eks").to_owned()),
            sts_endpoint: Some(reach.url("sts").to_owned()),
            ..AwsSettings::default()
        };
        let settings = match &reach.token_file {
            None => AwsSettings {
                access_key: Some("AKIASIMULATOR".to_owned()),
                secret_key: Some(Secret::new("any")),
                ..settings
            },
            Some(file) => AwsSettings {
                assume_role_with_web_identity: Some(AssumeRoleWithWebIdentity {
                    role_arn: role("admin"),
                    token_file: Some(file.clone()),
                    ..AssumeRoleWithWebIdentity::default()
                }),
                ..settings
            },
        };
        Arc::new(Eks::new(settings))
    }

    fn created(&self) -> EnvironmentSpec {
        created()
    }

    fn updated(&self) -> EnvironmentSpec {
        updated()
    }

    fn put_cluster(&self, running: &Running, name: &str, tags: Value) {
        self.put(running, name, json!({ "version": "1.31", "tags": tags }));
    }

    fn intrude(&self, running: &Running) {
        self.put(running, "prod/nodegroups/by-hand", json!({}));
        self.put(running, "prod/access-entries/arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeveloper", json!({}));
    }

    fn intruders(&self) -> &'static [&'static str] {
        &["prod/node-groups/by-hand", "prod/access-entries/arn:aws:iam::123456789012:role/developer"]
    }

    fn provider_hcl(&self, reach: &Reach) -> String {
        let (eks, sts) = (reach.url("eks"), reach.url("sts"));
        format!(r#"aws = {{ region = "{REGION}", endpoint = "{eks}", sts_endpoint = "{sts}", poll_interval = "5ms" }}"#)
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
        &checker::eks::Eks
    }

    fn bugs(&self) -> Vec<Bug> {
        Bug::ALL.to_vec()
    }
}

const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
const EDIT: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy";

/// Two pools, an add-on, an access entry, tags.
fn created() -> EnvironmentSpec {
    let eks = EksSpec {
        role_arn: role("eks-cluster"),
        node_role_arn: role("eks-node"),
        addons: [("coredns".to_owned(), AddonSpec::default())].into(),
        access_entries: [(role("admin"), entry(VIEW))].into(),
        ..EksSpec::default()
    };
    let mut system = pool("t3.large", 2);
    system.mode = PoolMode::System;
    let mut spec = EnvironmentSpec::new(parsed(OWNER), parsed(OURS), parsed("1.31"), CloudSpec::Eks(eks));
    spec.region = Some(parsed(REGION));
    let (apps, jobs) = (pool("m7i.xlarge", 1), pool("t3.large", 1));
    spec.node_pools = [(named("system"), system), (named("apps"), apps), (named("jobs"), jobs)].into();
    spec.network =
        NetworkSpec { subnet_ids: SUBNETS.iter().map(|id| (*id).to_owned()).collect(), ..NetworkSpec::default() };
    spec.tags = text_map([("team", "platform")]);
    spec.deletion_protection = false;
    spec
}

/// Two minors later; scaled, labelled, tainted; a pool less, a pool more and a pool replaced; another access to the API server, logs, tags,
/// settings of the add-on and policy of the access entry.
fn updated() -> EnvironmentSpec {
    let mut spec = created();
    spec.kubernetes.version = parsed("1.33");
    if let Some(system) = spec.node_pools.get_mut(&named("system")) {
        system.size = PoolSize::Fixed(3);
        system.labels = text_map([("tier", "base")]);
        system.taints = [Taint {
            key: "CriticalAddonsOnly".to_owned(),
            effect: TaintEffect::PreferNoSchedule,
            value: "true".to_owned(),
        }]
        .into();
    }
    spec.node_pools.remove(&named("apps"));
    spec.node_pools.insert(named("batch"), pool("m7i.xlarge", 2));
    // A new group beside the old one, which goes then.
    spec.node_pools.insert(named("jobs"), pool("m7i.xlarge", 1));
    spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
    spec.tags = text_map([("team", "runtime"), ("cost-center", "1234")]);
    match &mut spec.cloud {
        CloudSpec::Eks(eks) => {
            eks.private_access = true;
            eks.log_types = [LogType::Api, LogType::Audit].into();
            let coredns =
                AddonSpec { configuration_values: Some(r#"{"replicaCount":3}"#.to_owned()), ..AddonSpec::default() };
            eks.addons.insert("coredns".to_owned(), coredns);
            eks.access_entries.insert(role("admin"), entry(EDIT));
        }
        _ => unreachable!("the environment is one of EKS"),
    }
    spec
}

fn pool(machine_type: &str, count: u32) -> PoolSpec {
    PoolSpec::new(parsed(machine_type), PoolSize::Fixed(count))
}

fn entry(policy: &str) -> AccessEntrySpec {
    AccessEntrySpec { policies: [(policy.to_owned(), AccessScope::Cluster)].into(), ..AccessEntrySpec::default() }
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn named(name: &str) -> PoolName {
    parsed(name)
}

/// As [`created`].
const CREATED_HCL: &str = r#"  kubernetes = { version = "1.31" }
  node_pools = {
    system = { machine_type = "t3.large", count = 2, mode = "system" }
    apps   = { machine_type = "m7i.xlarge", count = 1 }
    jobs   = { machine_type = "t3.large", count = 1 }
  }
  network = { subnet_ids = ["subnet-0000000000000000a", "subnet-0000000000000000b"] }
  tags    = { team = "platform" }
  eks = {
    role_arn      = "arn:aws:iam::123456789012:role/eks-cluster"
    node_role_arn = "arn:aws:iam::123456789012:role/eks-node"
    addons        = { coredns = {} }
    access_entries = {
      "arn:aws:iam::123456789012:role/admin" = {
        policies = { "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy" = {} }
      }
    }
  }
"#;

/// As [`updated`].
const UPDATED_HCL: &str = r#"  kubernetes = { version = "1.33" }
  node_pools = {
    system = {
      machine_type = "t3.large"
      count        = 3
      mode         = "system"
      labels       = { tier = "base" }
      taints       = [{ key = "CriticalAddonsOnly", value = "true", effect = "PreferNoSchedule" }]
    }
    batch = { machine_type = "m7i.xlarge", count = 2 }
    jobs  = { machine_type = "m7i.xlarge", count = 1 }
  }
  network = { subnet_ids = ["subnet-0000000000000000a", "subnet-0000000000000000b"], authorized_cidrs = ["203.0.113.0/24"] }
  tags    = { team = "runtime", cost-center = "1234" }
  eks = {
    role_arn       = "arn:aws:iam::123456789012:role/eks-cluster"
    node_role_arn  = "arn:aws:iam::123456789012:role/eks-node"
    private_access = true
    log_types      = ["api", "audit"]
    addons         = { coredns = { configuration_values = jsonencode({ replicaCount = 3 }) } }
    access_entries = {
      "arn:aws:iam::123456789012:role/admin" = {
        policies = { "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy" = {} }
      }
    }
  }
"#;
