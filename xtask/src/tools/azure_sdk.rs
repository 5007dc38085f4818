//! Azure's SDK for Python: a client of the simulator that we did not write, and the models that Azure publishes.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Missing, Tool, cache};
use crate::{process, workspace};

/// The packages: login, AKS, and what else of Resource Manager the simulator offers.
const PACKAGES: [&str; 4] = [
    "azure-identity==1.27.0",
    "azure-mgmt-containerservice==41.8.0",
    "azure-mgmt-compute==39.0.0",
    "azure-mgmt-resource==26.0.0",
];

/// The Python of an environment of its own that has the SDK.
///
/// # Errors
/// When the environment cannot be made or the packages cannot be fetched.
pub(crate) fn ensure() -> Result<Tool> {
    if workspace::find_in_path("python3").is_none() {
        return Ok(Tool::Missing(Missing {
            name: "Azure's SDK for Python",
            command: "install Python 3.10 or newer with venv (Debian: apt-get install python3-venv)",
        }));
    }
    // Another version of any package is another folder.
    let folder = cache::folder(&format!("azure-sdk-{}", folder_version()), install)?;
    Ok(Tool::Ready(folder.join("bin").join("python3")))
}

fn install(folder: &Path) -> Result<()> {
    println!("installing Azure's SDK for Python (once) …");
    process::output(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let pip = folder.join("bin").join("pip");
    process::output(Command::new(pip).args(["install", "--quiet"]).args(PACKAGES))?;
    Ok(())
}

/// The versions of all packages.
fn folder_version() -> String {
    let versions = PACKAGES.map(|package| package.rsplit('=').next().unwrap_or(package));
    versions.join("-")
}
