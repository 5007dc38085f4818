//! Where things are: the workspace, its target folder, the cache of fetched tools.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, iter};

use anyhow::{Context, Result};

/// The version of every package of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    // The manifest folder is `<root>/xtask`, so a parent always exists.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The target folder, shared by everything that the commands build.
pub(crate) fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The folder for tools that are fetched once: `$MULTICLOUD_CACHE`, else `multicloud` in the user's cache folder.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("MULTICLOUD_CACHE") {
        return Ok(root().join(dir));
    }
    if let Some(dir) = env::var_os("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(dir).join("multicloud"));
    }
    let home = env::var_os("HOME").context("neither MULTICLOUD_CACHE nor HOME is set: where may tools be kept?")?;
    Ok(PathBuf::from(home).join(".cache").join("multicloud"))
}

/// The cargo that runs this program, started in the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// `PATH` with one more folder, before the others.
pub(crate) fn path_with(folder: &Path) -> Result<OsString> {
    let before = env::var_os("PATH").unwrap_or_default();
    let folders = iter::once(folder.to_owned()).chain(env::split_paths(&before));
    env::join_paths(folders).with_context(|| format!("{} cannot stand in PATH", folder.display()))
}

/// The first executable of that name in `PATH`.
pub(crate) fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| is_executable(candidate))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.with_extension("exe").is_file()
}
