//! moto: an EKS that others wrote, so that our simulator is not its own judge.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Missing, Tool, cache};
use crate::{process, workspace};

const VERSION: &str = "5.2.5";

/// `moto_server` in a Python environment of its own.
///
/// # Errors
/// When the environment cannot be made or the packages cannot be fetched.
pub(crate) fn ensure() -> Result<Tool> {
    if workspace::find_in_path("python3").is_none() {
        return Ok(Tool::Missing(Missing {
            name: "moto",
            command: "install Python 3.9 or newer with venv (Debian: apt-get install python3-venv)",
        }));
    }
    let folder = cache::folder(&format!("moto-{VERSION}"), install)?;
    Ok(Tool::Ready(folder.join("bin").join("moto_server")))
}

fn install(folder: &Path) -> Result<()> {
    println!("installing moto {VERSION} (once) …");
    process::output(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let pip = folder.join("bin").join("pip");
    process::output(Command::new(pip).args(["install", "--quiet", &format!("moto[server]=={VERSION}")]))?;
    Ok(())
}
