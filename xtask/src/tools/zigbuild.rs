//! cargo-zigbuild and zig, the cross compiler and linker of releases, in a Python environment of their own.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::{env, iter};

use anyhow::{Context, Result, bail};

use super::cache;
use crate::{process, workspace};

const VERSION: &str = "0.24.0";
const ZIG_VERSION: &str = "0.17.1";

/// The `PATH` with which `cargo zigbuild` works.
///
/// # Errors
/// When Python is missing or the packages cannot be fetched.
pub(crate) fn path() -> Result<OsString> {
    if workspace::find_in_path("python3").is_none() {
        bail!("zig is needed: install Python 3.9 or newer with venv (Debian: apt-get install python3-venv)");
    }
    let folder = cache::folder(&format!("zigbuild-{VERSION}"), install)?;
    let before = env::var_os("PATH").unwrap_or_default();
    let folders = iter::once(folder.join("bin")).chain(env::split_paths(&before));
    env::join_paths(folders).context("the cache folder's name cannot stand in PATH")
}

fn install(folder: &Path) -> Result<()> {
    println!("installing zig {ZIG_VERSION} and cargo-zigbuild {VERSION} (once) …");
    process::output(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let packages = [format!("cargo-zigbuild=={VERSION}"), format!("ziglang=={ZIG_VERSION}")];
    process::output(Command::new(folder.join("bin").join("pip")).args(["install", "--quiet"]).args(packages))?;
    Ok(())
}
