//! The provider in this process, with a stand-in for core before it and a simulated EKS behind it.

#![allow(dead_code, reason = "each test binary uses a part")]

use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::{Config, Running, Simulator};
use serde_json::{Value, json};
use terraform_provider_multicloud::MulticloudProvider;
use tfplug::testing::{Applied, Core, Object, Plan};

/// The resource.
pub(crate) const ENVIRONMENT: &str = "multicloud_environment";
/// The id of the environment that [`environment`] describes.
pub(crate) const ID: &str = "eks/123456789012/us-east-1/test";

/// A configured provider and its cloud.
pub(crate) struct World {
    pub(crate) core: Core<MulticloudProvider>,
    pub(crate) cloud: Running,
}

impl World {
    /// A healthy cloud, and polls that cost no time.
    pub(crate) async fn new() -> Self {
        Self::with(json!([]), "1ms").await
    }

    /// A cloud with these faults, looked at that often.
    pub(crate) async fn with(faults: Value, poll_interval: &str) -> Self {
        let faults = FaultPlan::from_json(&faults.to_string()).unwrap();
        let cloud = Simulator::start(Config { faults, ..Config::default() }).await.unwrap();
        let core = Core::new(MulticloudProvider);
        let messages = core.configure(provider(&cloud, "acceptance", poll_interval)).await;
        assert!(messages.is_empty(), "{messages:?}");
        Self { core, cloud }
    }

    /// Another provider on the same cloud.
    pub(crate) async fn provider(&self, owner: &str, poll_interval: &str) -> Core<MulticloudProvider> {
        let core = Core::new(MulticloudProvider);
        let messages = core.configure(provider(&self.cloud, owner, poll_interval)).await;
        assert!(messages.is_empty(), "{messages:?}");
        core
    }

    pub(crate) async fn plan(&self, prior: Option<&Object>, config: &Value) -> Plan {
        self.core.plan(ENVIRONMENT, prior, config.clone()).await
    }

    /// Plans and applies.
    pub(crate) async fn apply(&self, prior: Option<&Object>, config: &Value) -> Applied {
        let plan = self.plan(prior, config).await.expect_success();
        self.core.apply(plan).await
    }

    /// Reads as before each plan.
    pub(crate) async fn refreshed(&self, object: &Object) -> Object {
        self.core.refresh(ENVIRONMENT, object).await.expect_object()
    }

    /// Demands that there is nothing to do after reading.
    pub(crate) async fn plans_empty(&self, object: &Object, config: &Value) {
        let object = self.refreshed(object).await;
        let plan = self.plan(Some(&object), config).await.expect_success();
        assert!(plan.is_empty(), "from {:#?}\nto {:#?}", object.state, plan.state);
    }

    /// Has the next operation of that name fail after it was accepted.
    pub(crate) fn fails(&self, operation: &str) {
        let faults = json!([{ "operation": operation, "fault": "fail" }]);
        self.cloud.add_faults(FaultPlan::from_json(&faults.to_string()).unwrap()).unwrap();
    }

    /// How often an operation changed the cloud.
    pub(crate) fn committed(&self, operation: &str) -> usize {
        self.cloud.journal().iter().filter(|entry| entry.committed && entry.operation == operation).count()
    }

    /// How many requests changed the cloud.
    pub(crate) fn changes(&self) -> usize {
        let is_change = |operation: &str| !["Describe", "List", "Get"].iter().any(|verb| operation.starts_with(verb));
        self.cloud.journal().iter().filter(|entry| entry.committed && is_change(entry.operation)).count()
    }
}

/// The provider block that leads to a cloud.
pub(crate) fn provider(cloud: &Running, owner: &str, poll_interval: &str) -> Value {
    let url = |name: &str| cloud.url(name).unwrap();
    json!({
        "owner": owner,
        "aws": {
            "region": "us-east-1",
            "endpoint": url("eks"),
            "sts_endpoint": url("sts"),
            "poll_interval": poll_interval,
            "access_key": "AKIATEST",
            "secret_key": "test-secret-key",
        },
    })
}

/// An environment of two pools, which may be destroyed.
pub(crate) fn environment() -> Value {
    json!({
        "name": "test",
        "role": "workload",
        "region": "us-east-1",
        "kubernetes": { "version": "1.33" },
        "node_pools": {
            "system": { "machine_type": "t3.large", "count": 2, "mode": "system" },
            "apps": {
                "machine_type": "m7i.xlarge",
                "autoscale": { "min": 1, "max": 4 },
                "labels": { "tier": "web" },
                "taints": [{ "key": "dedicated", "value": "apps", "effect": "NoSchedule" }],
            },
        },
        "network": { "subnet_ids": ["subnet-0000000000000000b", "subnet-0000000000000000a"] },
        "tags": { "cost-center": "1234" },
        "deletion_protection": false,
        "eks": {
            "role_arn": "arn:aws:iam::123456789012:role/eks-cluster",
            "node_role_arn": "arn:aws:iam::123456789012:role/eks-node",
        },
    })
}

/// The configuration with one part of it changed; null takes it away. The pointer is RFC 6901's.
pub(crate) fn changed(mut config: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = config.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(name.to_owned(), value);
    config
}

/// A part of a state, by attribute names and keys.
pub(crate) fn part<'v>(state: &'v tfplug::Value, path: &[&str]) -> &'v tfplug::Value {
    path.iter().fold(state, |value, name| value.get(name).unwrap_or_else(|| panic!("no {name} in {value:?}")))
}

/// A text in a state.
pub(crate) fn text<'v>(state: &'v tfplug::Value, path: &[&str]) -> &'v str {
    part(state, path).as_str().unwrap_or_else(|| panic!("{path:?} is no text"))
}

/// A value with the part at a path unknown.
pub(crate) fn with_unknown(value: tfplug::Value, path: &[&str]) -> tfplug::Value {
    let Some((name, rest)) = path.split_first() else { return tfplug::Value::unknown() };
    let replace = |mut parts: std::collections::BTreeMap<String, tfplug::Value>| {
        let before = parts.remove(*name).unwrap();
        parts.insert((*name).to_owned(), with_unknown(before, rest));
        parts
    };
    match value {
        tfplug::Value::Object(parts) => tfplug::Value::Object(replace(parts)),
        tfplug::Value::Map(parts) => tfplug::Value::Map(replace(parts)),
        other => panic!("{other:?} has no {name}"),
    }
}

/// A provider block whose `aws` is not known yet.
pub(crate) fn unknown_provider() -> tfplug::Value {
    let block =
        terraform_provider_multicloud::provider::ProviderConfig { aws: tfplug::Attr::unknown(), ..Default::default() };
    tfplug::Model::to_value(&block)
}
