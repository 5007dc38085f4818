//! The configuration that most tests use: one environment, varied in what the test is about.

use std::fmt::Write;

use super::Backend;

/// The address of the environment in [`Configuration::render`].
pub(crate) const ADDRESS: &str = "multicloud_environment.test";

/// One environment.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// Where it is.
    pub(crate) backend: Backend,
    /// The provider's settings of its clouds.
    pub(crate) settings: String,
    /// The Kubernetes version.
    pub(crate) version: String,
    /// Further arguments of `kubernetes`, as HCL.
    pub(crate) kubernetes: String,
    /// The node pools.
    pub(crate) pools: Vec<Pool>,
    /// Further arguments of the cloud's block, as HCL.
    pub(crate) block: String,
    /// Further arguments of `network`, as HCL.
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
    /// A pool of that many machines.
    pub(crate) fn of(name: &str, count: u32) -> Self {
        Self::with(name, &format!("count = {count}"))
    }

    /// A pool with these settings, of the backend's machines unless they name others.
    pub(crate) fn with(name: &str, settings: &str) -> Self {
        Self { name: name.to_owned(), settings: settings.to_owned() }
    }
}

impl Configuration {
    /// An environment `test` of one pool `system` with two machines, which may be destroyed.
    pub(crate) fn new(backend: Backend, settings: String) -> Self {
        Self {
            backend,
            settings,
            version: "1.33".to_owned(),
            kubernetes: String::new(),
            pools: vec![Pool::with("system", "count = 2, mode = \"system\"")],
            block: String::new(),
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
        let Self { backend, settings, version, kubernetes, block, arguments, blocks, .. } = self;
        let mut pools = String::new();
        for Pool { name, settings } in &self.pools {
            let machine = match settings.contains("machine_type") {
                true => String::new(),
                false => format!("machine_type = {:?}, ", backend.machine_type()),
            };
            let _ = writeln!(pools, "    {name} = {{ {machine}{settings} }}");
        }
        let network: Vec<&str> =
            [backend.network(), &self.network].into_iter().filter(|part| !part.is_empty()).collect();
        let network = match network[..] {
            [] => String::new(),
            _ => format!("network             = {{ {} }}\n  ", network.join(", ")),
        };
        let (name, region, required) = (backend.name(), backend.region(), backend.block());
        format!(
            r#"terraform {{
  required_providers {{
    multicloud = {{ source = "multicloud-rs/multicloud" }}
  }}
}}

provider "multicloud" {{
  owner = "acceptance"
  {settings}
}}

resource "multicloud_environment" "test" {{
  name       = "test"
  role       = "workload"
  region     = "{region}"
  kubernetes = {{
    version = "{version}"
    {kubernetes}
  }}
  node_pools = {{
{pools}  }}
  {network}deletion_protection = false
  {name} = {{
    {required}
    {block}
  }}
  {arguments}
}}

{blocks}
"#
        )
    }
}
