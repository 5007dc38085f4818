//! The provider that puts content into a cluster.

use std::path::PathBuf;

use crate::testbed::provided;

/// The folder into which `cargo xtask` builds the provider `hashicorp/kubernetes`.
const KUBERNETES_PROVIDER: &str = "terraform-provider-kubernetes-3.2.1";

/// The folder of the provider `hashicorp/kubernetes`, from `$MULTICLOUD_KUBERNETES_PROVIDER` or the cache folder.
#[track_caller]
pub(crate) fn kubernetes_provider() -> PathBuf {
    provided("MULTICLOUD_KUBERNETES_PROVIDER", KUBERNETES_PROVIDER, "terraform-provider-kubernetes")
}
