//! The provider `hashicorp/kubernetes`, which puts content into the clusters that ours makes.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Missing, Tool, cache};
use crate::{process, workspace};

/// The release after which [`REVISION`] came.
const VERSION: &str = "3.2.1";

/// Releases carry tags that Go takes for another major version of the module than its name says: what can be fetched is
/// a commit of the main branch.
const REVISION: &str = "v1.13.4-0.20260821094251-3a33fb6cc605";

const MODULE: &str = "github.com/hashicorp/terraform-provider-kubernetes";

/// The folder with the provider's executable; the first call takes some minutes.
///
/// # Errors
/// When the module cannot be fetched or does not build.
pub(crate) fn ensure() -> Result<Tool> {
    if workspace::find_in_path("go").is_none() {
        return Ok(Tool::Missing(Missing {
            name: "the provider hashicorp/kubernetes",
            command: "install Go 1.26 or newer (https://go.dev/doc/install), then run this command again",
        }));
    }
    Ok(Tool::Ready(cache::folder(&format!("terraform-provider-kubernetes-{VERSION}"), build)?))
}

fn build(folder: &Path) -> Result<()> {
    println!("building the provider hashicorp/kubernetes {VERSION} (once, some minutes) …");
    let module = format!("{MODULE}@{REVISION}");
    let arguments = ["install", "-trimpath", "-ldflags", "-s -w", &module];
    process::output(Command::new("go").env("GOBIN", folder).env("CGO_ENABLED", "0").args(arguments))?;
    Ok(())
}
