//! The backends that tests run on, and what differs between them: where the environment is, what is written, and what the
//! cloud's API calls a deed.

use serde_json::{Value, json};

use super::Request;

/// A backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Aks,
    Eks,
    Gke,
}

/// Something that is done to an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    CreateCluster,
    UpgradeCluster,
    DeleteCluster,
    CreatePool,
    UpgradePool,
    DeletePool,
}

/// Something that happens without us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// An autoscaler gives a pool another size within its bounds.
    Scaled,
    /// The cloud patches the control plane.
    Patched,
    /// Somebody changes a label of a pool's nodes.
    Relabelled,
    /// Somebody deletes a pool.
    Deleted,
}

const AKS_CLUSTER: &str = "azure/00000000-0000-4000-8000-000000000001/groups/platform/clusters/test";
const AKS_POOL: &str = "azure/00000000-0000-4000-8000-000000000001/groups/platform/clusters/test/agentPools/apps";
const EKS_CLUSTER: &str = "eks/123456789012/us-east-1/clusters/test";
const EKS_POOL: &str = "eks/123456789012/us-east-1/clusters/test/nodegroups/apps";
const GKE_CLUSTER: &str = "google/simulated-project/europe-west1-b/clusters/test";
const GKE_POOL: &str = "google/simulated-project/europe-west1-b/clusters/test/nodePools/apps";
const GKE_MANAGER: &str =
    "google/simulated-project/europe-west1-b/clusters/test/nodePools/apps/instanceGroupManagers/europe-west1-b";

impl Backend {
    /// Every backend.
    pub(crate) const ALL: [Self; 3] = [Self::Aks, Self::Eks, Self::Gke];

    /// The name of its block.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aks => "aks",
            Self::Eks => "eks",
            Self::Gke => "gke",
        }
    }

    /// Its cloud, as the simulator's journal calls it.
    fn cloud(self) -> &'static str {
        match self {
            Self::Aks => "azure",
            Self::Eks => "eks",
            Self::Gke => "google",
        }
    }

    /// Where environments are in tests.
    pub(crate) fn region(self) -> &'static str {
        match self {
            Self::Aks => "westeurope",
            Self::Eks => "us-east-1",
            // A zone, so that a pool may have any number of nodes.
            Self::Gke => "europe-west1-b",
        }
    }

    /// The id of the environment `test`.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Aks => "aks/00000000-0000-4000-8000-000000000001/platform/test",
            Self::Eks => "eks/123456789012/us-east-1/test",
            Self::Gke => "gke/simulated-project/europe-west1-b/test",
        }
    }

    /// The identity of the environment `test`, as HCL.
    pub(crate) fn identity(self) -> &'static str {
        match self {
            Self::Aks => {
                r#"{ backend = "aks", subscription = "00000000-0000-4000-8000-000000000001", resource_group = "platform", name = "test" }"#
            }
            Self::Eks => r#"{ backend = "eks", account = "123456789012", region = "us-east-1", name = "test" }"#,
            Self::Gke => {
                r#"{ backend = "gke", project = "simulated-project", location = "europe-west1-b", name = "test" }"#
            }
        }
    }

    /// The machine type of pools that name none.
    pub(crate) fn machine_type(self) -> &'static str {
        match self {
            Self::Aks => "Standard_D2s_v5",
            Self::Eks => "t3.large",
            Self::Gke => "e2-standard-2",
        }
    }

    /// Another one.
    pub(crate) fn larger_machine_type(self) -> &'static str {
        match self {
            Self::Aks => "Standard_D4s_v5",
            Self::Eks => "m7i.xlarge",
            Self::Gke => "e2-standard-4",
        }
    }

    /// What every block of it must say, as HCL.
    pub(super) fn block(self) -> &'static str {
        match self {
            Self::Aks => r#"resource_group_name = "platform""#,
            Self::Eks => {
                "role_arn      = \"arn:aws:iam::123456789012:role/eks-cluster\"\n    \
                 node_role_arn = \"arn:aws:iam::123456789012:role/eks-node\""
            }
            Self::Gke => "",
        }
    }

    /// What every `network` of it must say, as HCL.
    pub(super) fn network(self) -> &'static str {
        match self {
            Self::Aks | Self::Gke => "",
            Self::Eks => r#"subnet_ids = ["subnet-0000000000000000a", "subnet-0000000000000000b"]"#,
        }
    }

    /// Whether a request did this.
    pub(crate) fn does(self, deed: Deed, request: &Request) -> bool {
        if request.cloud != self.cloud() {
            return false;
        }
        let operation = request.operation.as_str();
        let is_new = request.status == Some(201);
        match (self, deed) {
            // Resource Manager creates and changes by the same operation, and tells which it was.
            (Self::Aks, Deed::CreateCluster) => operation == "ManagedClusters_CreateOrUpdate" && is_new,
            (Self::Aks, Deed::UpgradeCluster) => operation == "ManagedClusters_CreateOrUpdate" && !is_new,
            (Self::Aks, Deed::DeleteCluster) => operation == "ManagedClusters_Delete",
            (Self::Aks, Deed::CreatePool) => operation == "AgentPools_CreateOrUpdate" && is_new,
            (Self::Aks, Deed::UpgradePool) => operation == "AgentPools_CreateOrUpdate" && !is_new,
            (Self::Aks, Deed::DeletePool) => operation == "AgentPools_Delete",
            (Self::Eks, Deed::CreateCluster) | (Self::Gke, Deed::CreateCluster) => operation == "CreateCluster",
            (Self::Eks, Deed::UpgradeCluster) => operation == "UpdateClusterVersion",
            (Self::Eks, Deed::DeleteCluster) | (Self::Gke, Deed::DeleteCluster) => operation == "DeleteCluster",
            (Self::Eks, Deed::CreatePool) => operation == "CreateNodegroup",
            (Self::Eks, Deed::UpgradePool) => operation == "UpdateNodegroupVersion",
            (Self::Eks, Deed::DeletePool) => operation == "DeleteNodegroup",
            (Self::Gke, Deed::UpgradeCluster) => operation == "UpdateCluster",
            (Self::Gke, Deed::CreatePool) => operation == "CreateNodePool",
            (Self::Gke, Deed::UpgradePool) => operation == "UpdateNodePool",
            (Self::Gke, Deed::DeletePool) => operation == "DeleteNodePool",
        }
    }

    /// Where the simulator keeps the pool `apps` of the environment `test`, and what makes something happen to it there,
    /// behind our back; without a document, the object goes.
    pub(crate) fn behind_our_back(self, event: Event) -> (&'static str, Option<Value>) {
        let (object, document) = match (self, event) {
            (Self::Aks, Event::Deleted) => return (AKS_POOL, None),
            (Self::Eks, Event::Deleted) => return (EKS_POOL, None),
            (Self::Gke, Event::Deleted) => return (GKE_POOL, None),
            (Self::Aks, Event::Scaled) => (AKS_POOL, json!({ "properties": { "count": 3 } })),
            (Self::Aks, Event::Patched) => {
                (AKS_CLUSTER, json!({ "properties": { "currentKubernetesVersion": "1.33.4" } }))
            }
            (Self::Aks, Event::Relabelled) => {
                (AKS_POOL, json!({ "properties": { "nodeLabels": { "tier": "other" } } }))
            }
            (Self::Eks, Event::Scaled) => (EKS_POOL, json!({ "scalingConfig": { "desiredSize": 3 } })),
            (Self::Eks, Event::Patched) => (EKS_CLUSTER, json!({ "platformVersion": "eks.99" })),
            (Self::Eks, Event::Relabelled) => (EKS_POOL, json!({ "labels": { "tier": "other" } })),
            (Self::Gke, Event::Scaled) => (GKE_MANAGER, json!({ "targetSize": 3 })),
            (Self::Gke, Event::Patched) => (GKE_CLUSTER, json!({ "currentMasterVersion": "1.33.5-gke.1201000" })),
            (Self::Gke, Event::Relabelled) => (GKE_POOL, json!({ "config": { "labels": { "tier": "other" } } })),
        };
        (object, Some(document))
    }

    /// Whether its clusters are made and deleted with their pools by one request.
    pub(crate) fn makes_pools_with_the_cluster(self) -> bool {
        match self {
            Self::Aks | Self::Gke => true,
            Self::Eks => false,
        }
    }
}
