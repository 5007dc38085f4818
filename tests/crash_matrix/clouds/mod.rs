//! What is particular to each cloud: how its simulator is reached and its backend is made, which environment is worked on,
//! what others have there. How its journal is to be read is the checker's business, and stands there.

pub(crate) mod aks;
pub(crate) mod eks;
pub(crate) mod gke;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use multicloud::backend::Backend;
use multicloud::environment::EnvironmentSpec;
use multicloud_simulator::{CloudKind, Running};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::checker::Dialect;
use crate::planted_bug::Bug;

/// Who owns our environment.
pub(crate) const OWNER: &str = "platform";

/// The name of our environment.
pub(crate) const OURS: &str = "prod";

/// Clusters of other people: one marked as another owner's, one that carries no mark.
pub(crate) const OTHERS: [&str; 2] = ["other-team", "by-hand"];

/// The clouds that are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CloudName {
    Aks,
    Eks,
    Gke,
}

impl CloudName {
    pub(crate) const ALL: [CloudName; 3] = [CloudName::Aks, CloudName::Eks, CloudName::Gke];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CloudName::Aks => "aks",
            CloudName::Eks => "eks",
            CloudName::Gke => "gke",
        }
    }

    /// What is particular to it.
    pub(crate) fn cloud(self) -> &'static dyn Cloud {
        match self {
            CloudName::Aks => &aks::AksCloud,
            CloudName::Eks => &eks::EksCloud,
            CloudName::Gke => &gke::GkeCloud,
        }
    }
}

impl FromStr for CloudName {
    type Err = String;

    fn from_str(text: &str) -> Result<CloudName, String> {
        let found = CloudName::ALL.into_iter().find(|name| name.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of {}", CloudName::ALL.map(CloudName::as_str).join(", ")))
    }
}

/// Where a simulator is, and what to show there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reach {
    urls: BTreeMap<String, String>,
    /// The authority of its endpoints of https.
    pub(crate) ca_bundle: Option<PathBuf>,
    /// The file of an identity token to exchange for short-lived credentials; without one, credentials do not end.
    pub(crate) token_file: Option<PathBuf>,
}

impl Reach {
    pub(crate) fn of(running: &Running) -> Reach {
        let urls = running.urls().iter().map(|(name, url)| ((*name).to_owned(), url.clone())).collect();
        Reach { urls, ca_bundle: running.ca_bundle().map(Into::into), token_file: None }
    }

    pub(crate) fn url(&self, service: &str) -> &str {
        self.urls.get(service).expect("the simulator has that service")
    }
}

/// One cloud.
pub(crate) trait Cloud: Debug + Sync {
    /// What to simulate.
    fn simulated(&self) -> CloudKind;

    /// A backend as a new process has it: one that knows nothing of what was.
    fn connect(&self, reach: &Reach) -> Arc<dyn Backend>;

    /// The environment as it is created: two pools, and some of what is particular to the cloud.
    fn created(&self) -> EnvironmentSpec;

    /// As an update wants it: two minors later, scaled, labelled, a pool less or replaced and a pool more, and what else can be changed
    /// in place.
    fn updated(&self) -> EnvironmentSpec;

    /// Puts a cluster there that ours could be but for its tags.
    fn put_cluster(&self, running: &Running, name: &str, tags: Value);

    /// Lets others work in our cluster, and names what they made as the checker names objects.
    fn intrude(&self, running: &Running);

    /// What that is.
    fn intruders(&self) -> &'static [&'static str];

    /// The block of HCL that configures the provider, without its owner.
    fn provider_hcl(&self, reach: &Reach) -> String;

    /// The environment as it is created, without what all have in common.
    fn created_hcl(&self) -> &'static str;

    /// As the update wants it.
    fn updated_hcl(&self) -> &'static str;

    /// The region or location in HCL.
    fn region(&self) -> &'static str;

    /// How its journal and its world are to be read.
    fn dialect(&self) -> &'static dyn Dialect;

    /// Bugs that a backend for it could have.
    fn bugs(&self) -> Vec<Bug>;
}

/// The tags by which an environment says whose it is.
pub(crate) fn mark(owner: &str, environment: &str) -> Value {
    json!({ "multicloud-owner": owner, "multicloud-environment": environment })
}

/// A name, version or number of the specs here.
fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("what is written here is well-formed")
}

fn text_map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
