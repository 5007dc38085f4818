//! The aws CLI: a client of the simulator that we did not write.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Missing, Tool, cache};
use crate::{process, workspace};

const VERSION: &str = "1.46.3";

/// The aws CLI from `PATH`, or installed once into a Python environment of its own.
///
/// # Errors
/// When the environment cannot be made or the packages cannot be fetched.
pub(crate) fn ensure() -> Result<Tool> {
    if let Some(path) = workspace::find_in_path("aws") {
        return Ok(Tool::Ready(path));
    }
    if workspace::find_in_path("python3").is_none() {
        return Ok(Tool::Missing(Missing {
            name: "the aws CLI",
            command: "install Python 3.9 or newer with venv (Debian: apt-get install python3-venv)",
        }));
    }
    let folder = cache::folder(&format!("awscli-{VERSION}"), install)?;
    Ok(Tool::Ready(folder.join("bin").join("aws")))
}

fn install(folder: &Path) -> Result<()> {
    println!("installing the aws CLI {VERSION} (once) …");
    process::output(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let pip = folder.join("bin").join("pip");
    process::output(Command::new(pip).args(["install", "--quiet", &format!("awscli=={VERSION}")]))?;
    Ok(())
}
