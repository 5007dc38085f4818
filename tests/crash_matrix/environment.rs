//! The environment of the matrix: as it is created, and as the update wants it. The HCL of the same is in `terraform`.

use multicloud::eks::{AccessEntrySpec, AccessScope, AddonSpec, EksSpec, LogType};
use multicloud::environment::{
    CloudSpec, EnvironmentSpec, NetworkSpec, PoolMode, PoolName, PoolSize, PoolSpec, Taint, TaintEffect,
};

use crate::world::{ACCOUNT, OURS, OWNER, REGION, SUBNETS};

const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
const EDIT: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy";

/// Two pools, an add-on, an access entry, tags.
pub(crate) fn created() -> EnvironmentSpec {
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
    spec.node_pools = [(named("system"), system), (named("apps"), pool("m7i.xlarge", 1))].into();
    spec.network =
        NetworkSpec { subnet_ids: SUBNETS.iter().map(|id| (*id).to_owned()).collect(), ..NetworkSpec::default() };
    spec.tags = text_map([("team", "platform")]);
    spec.deletion_protection = false;
    spec
}

/// Two minors later; scaled, labelled, tainted; a pool less and a pool more; another access to the API server, logs, tags,
/// settings of the add-on and policy of the access entry.
pub(crate) fn updated() -> EnvironmentSpec {
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
        CloudSpec::Memory(_) => panic!("the environment is one of EKS"),
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

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("the names here are well-formed")
}

fn text_map<const N: usize>(entries: [(&str, &str); N]) -> std::collections::BTreeMap<String, String> {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
