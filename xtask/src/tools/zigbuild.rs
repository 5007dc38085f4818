//! cargo-zigbuild and zig, the cross compiler and linker of releases, in a Python environment of their own.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Missing, Tool, cache};
use crate::{process, workspace};

const VERSION: &str = "0.24.0";
const ZIG_VERSION: &str = "0.17.1";

/// The folder of both programs, which has to stand in `PATH`.
///
/// # Errors
/// When the environment cannot be made or the packages cannot be fetched.
pub(crate) fn ensure() -> Result<Tool> {
    if workspace::find_in_path("python3").is_none() {
        return Ok(Tool::Missing(Missing {
            name: "zig",
            command: "install Python 3.9 or newer with venv (Debian: apt-get install python3-venv)",
        }));
    }
    let folder = cache::folder(&format!("zigbuild-{VERSION}"), install)?;
    Ok(Tool::Ready(folder.join("bin")))
}

fn install(folder: &Path) -> Result<()> {
    println!("installing zig {ZIG_VERSION} and cargo-zigbuild {VERSION} (once) …");
    process::output(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let packages = [format!("cargo-zigbuild=={VERSION}"), format!("ziglang=={ZIG_VERSION}")];
    process::output(Command::new(folder.join("bin").join("pip")).args(["install", "--quiet"]).args(packages))?;
    Ok(())
}
