//! A backend in this process's memory.

use serde::{Deserialize, Serialize};

use crate::environment::{
    CloudSpec, EnvironmentSpec, KubernetesSpec, NetworkSpec, PoolMode, PoolName, PoolSize, PoolSpec, Role,
};
#[cfg(test)]
use crate::operation::{Action, Change, Step, Subject};

/// What an environment in memory needs beside what every environment has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySpec {
    /// Cannot be changed in place; stands for what other clouds have of that sort.
    pub class: String,
}

/// What only the backend in memory says about an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryObserved {
    /// As it was created.
    pub class: String,
}

/// What a step sends to the backend in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryChange {
    /// Deletes the pool.
    DeletePool,
}

#[cfg(test)]
pub(crate) fn example_spec(name: &str) -> EnvironmentSpec {
    let pool = PoolSpec {
        machine_type: "2cpu-4gb".parse().unwrap(),
        size: PoolSize::Fixed(2),
        mode: PoolMode::System,
        labels: Default::default(),
        taints: Default::default(),
        zones: Default::default(),
        spot: false,
        disk_size_gb: None,
        version: None,
        max_surge: None,
        drain_timeout: None,
    };
    EnvironmentSpec {
        owner: "platform".parse().unwrap(),
        name: name.parse().unwrap(),
        role: Role::Workload,
        region: None,
        kubernetes: KubernetesSpec { version: "1.33".parse().unwrap(), maintenance_window: None },
        node_pools: [("system".parse::<PoolName>().unwrap(), pool)].into(),
        network: NetworkSpec::default(),
        tags: Default::default(),
        deletion_protection: false,
        cloud: CloudSpec::Memory(MemorySpec::default()),
    }
}

#[cfg(test)]
pub(crate) fn example_step(pool: &str) -> Step {
    Step {
        stage: 0,
        subject: Subject::NodePool(pool.parse().unwrap()),
        action: Action::Delete,
        description: format!("delete node pool {pool}"),
        change: Change::Memory(MemoryChange::DeletePool),
    }
}
