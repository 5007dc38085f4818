//! One folder per tool and version, filled once, by one process at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

/// Written last: a folder without it was left half filled by a process that died, and is filled anew.
const COMPLETE: &str = ".complete";

/// The tool's folder, filled by `fill` unless it was filled before.
///
/// A lock file makes a second process wait for the first instead of doing the work twice.
///
/// # Errors
/// When the folder cannot be written or `fill` fails.
pub(crate) fn folder(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    folder_in(&workspace::cache_dir()?, name, fill)
}

fn folder_in(cache: &Path, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let folder = cache.join(name);
    let lock_path = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock_path).with_context(|| format!("cannot create {}", lock_path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", lock_path.display()))?;
    if folder.join(COMPLETE).exists() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fill(&folder).with_context(|| format!("cannot get {name}"))?;
    fs::write(folder.join(COMPLETE), "").with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn filled_once_by_many() {
        let cache = tempfile::tempdir().unwrap();
        let fills = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let folder = folder_in(cache.path(), "tool-1", |folder| {
                        fills.fetch_add(1, Ordering::SeqCst);
                        Ok(fs::write(folder.join("tool"), "x")?)
                    })
                    .unwrap();
                    assert!(folder.join("tool").exists());
                });
            }
        });
        assert_eq!(fills.into_inner(), 1);
    }

    #[test]
    fn a_half_filled_folder_is_filled_anew() {
        let cache = tempfile::tempdir().unwrap();
        folder_in(cache.path(), "tool-1", |folder| {
            fs::write(folder.join("half"), "x")?;
            anyhow::bail!("the line went dead")
        })
        .unwrap_err();
        let folder = folder_in(cache.path(), "tool-1", |folder| Ok(fs::write(folder.join("whole"), "x")?)).unwrap();
        assert!(!folder.join("half").exists());
        assert!(folder.join("whole").exists());
    }
}
