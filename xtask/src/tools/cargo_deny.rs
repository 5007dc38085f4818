//! cargo-deny, which checks licences, banned crates and sources against `deny.toml`.

use std::path::Path;

use anyhow::Result;

use super::cache;
use crate::{process, workspace};

const VERSION: &str = "0.20.2";

/// cargo-deny from `PATH`, or built once into the cache folder.
///
/// # Errors
/// When it cannot be fetched or does not build.
pub(crate) fn ensure() -> Result<std::path::PathBuf> {
    if let Some(path) = workspace::find_in_path("cargo-deny") {
        return Ok(path);
    }
    let folder = cache::folder(&format!("cargo-deny-{VERSION}"), install)?;
    Ok(folder.join("bin").join("cargo-deny"))
}

fn install(folder: &Path) -> Result<()> {
    println!("building cargo-deny {VERSION} (once, some minutes) …");
    let build = tempfile::tempdir()?;
    process::output(
        workspace::cargo()
            .args(["install", "--quiet", "--locked", "--no-default-features", "--root"])
            .arg(folder)
            .args(["--version", VERSION, "cargo-deny"])
            .env("CARGO_TARGET_DIR", build.path()),
    )?;
    Ok(())
}
