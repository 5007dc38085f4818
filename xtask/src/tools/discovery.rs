//! Google's discovery documents, which the simulator's tests hold requests and replies to.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Missing, Tool, cache};
use crate::{process, workspace};

/// The version of Google's API client for Python, which carries the documents.
const VERSION: &str = "2.202.0";

/// The folder of the documents.
///
/// # Errors
/// When the package cannot be fetched.
pub(crate) fn ensure() -> Result<Tool> {
    if workspace::find_in_path("python3").is_none() {
        return Ok(Tool::Missing(Missing {
            name: "Google's discovery documents",
            command: "install Python 3.9 or newer with venv (Debian: apt-get install python3-venv)",
        }));
    }
    let folder = cache::folder(&format!("google-api-python-client-{VERSION}"), install)?;
    Ok(Tool::Ready(folder.join("packages/googleapiclient/discovery_cache/documents")))
}

fn install(folder: &Path) -> Result<()> {
    println!("fetching Google's discovery documents {VERSION} (once) …");
    // An environment of its own: the system's Python may come without pip.
    let environment = folder.join("python");
    process::output(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let mut pip = Command::new(environment.join("bin").join("pip"));
    // Only the documents are needed, not what would run the client.
    pip.args(["install", "--quiet", "--no-deps", &format!("google-api-python-client=={VERSION}"), "--target"]);
    process::output(pip.arg(folder.join("packages")))?;
    Ok(())
}
