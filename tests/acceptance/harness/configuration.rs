//! The configuration that most tests use: one EKS environment, varied in what the test is about.

use std::fmt::Write;

/// The address of the environment in [`Configuration::render`].
pub(crate) const ADDRESS: &str = "multicloud_environment.test";

/// One EKS environment.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// The provider's `aws` settings.
    pub(crate) aws: String,
    /// The Kubernetes version.
    pub(crate) version: String,
    /// The node pools.
    pub(crate) pools: Vec<Pool>,
    /// Further arguments of the `eks` block, as HCL.
    pub(crate) eks: String,
    /// Further arguments of the `network` block, as HCL: each begins with a comma.
    pub(crate) network: String,
    /// Further arguments of the environment, as HCL.
    pub(crate) arguments: String,
    /// Further blocks, as HCL.
    pub(crate) blocks: String,
}

/// A node pool: its name and its settings as HCL.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    name: String,
    settings: String,
}

impl Pool {
    /// A pool of that many small machines.
    pub(crate) fn of(name: &str, count: u32) -> Self {
        Self::with(name, &format!("machine_type = \"t3.large\", count = {count}"))
    }

    /// A pool with these settings.
    pub(crate) fn with(name: &str, settings: &str) -> Self {
        Self { name: name.to_owned(), settings: settings.to_owned() }
    }
}

impl Configuration {
    /// An environment `test` of one pool `system` with two machines, which may be destroyed.
    pub(crate) fn new(aws: String) -> Self {
        Self {
            aws,
            version: "1.33".to_owned(),
            pools: vec![Pool::with("system", "machine_type = \"t3.large\", count = 2, mode = \"system\"")],
            eks: String::new(),
            network: String::new(),
            arguments: String::new(),
            blocks: String::new(),
        }
    }

    /// The same with other pools besides `system`.
    pub(crate) fn and_pools(mut self, pools: impl IntoIterator<Item = Pool>) -> Self {
        self.pools.truncate(1);
        self.pools.extend(pools);
        self
    }

    /// The configuration's text.
    pub(crate) fn render(&self) -> String {
        let mut pools = String::new();
        for pool in &self.pools {
            let _ = writeln!(pools, "    {} = {{ {} }}", pool.name, pool.settings);
        }
        let Self { aws, version, eks, network, arguments, blocks, .. } = self;
        format!(
            r#"terraform {{
  required_providers {{
    multicloud = {{ source = "multicloud-rs/multicloud" }}
  }}
}}

provider "multicloud" {{
  owner = "acceptance"
  aws   = {aws}
}}

resource "multicloud_environment" "test" {{
  name       = "test"
  role       = "workload"
  region     = "us-east-1"
  kubernetes = {{ version = "{version}" }}
  node_pools = {{
{pools}  }}
  network             = {{ subnet_ids = ["subnet-0000000000000000a", "subnet-0000000000000000b"]{network} }}
  deletion_protection = false
  eks = {{
    role_arn      = "arn:aws:iam::123456789012:role/eks-cluster"
    node_role_arn = "arn:aws:iam::123456789012:role/eks-node"
    {eks}
  }}
  {arguments}
}}

{blocks}
"#
        )
    }
}
