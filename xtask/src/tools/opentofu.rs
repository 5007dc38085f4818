//! OpenTofu, built from its Go module: no download site is needed beyond the module proxy that `go` is set to.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Missing, Tool, cache};
use crate::{process, workspace};

/// The release that the tests and the demo run.
pub(crate) const VERSION: &str = "1.12.6";

const MODULE: &str = "github.com/opentofu/opentofu";

/// OpenTofu of exactly [`VERSION`]; the first call takes some minutes.
///
/// # Errors
/// When the module cannot be fetched or does not build.
pub(crate) fn ensure() -> Result<Tool> {
    if workspace::find_in_path("go").is_none() {
        return Ok(Tool::Missing(Missing {
            name: "OpenTofu",
            command: "install Go 1.26 or newer (https://go.dev/doc/install), then run this command again",
        }));
    }
    let folder = cache::folder(&format!("opentofu-{VERSION}"), build)?;
    Ok(Tool::Ready(folder.join("tofu")))
}

fn build(folder: &Path) -> Result<()> {
    println!("building OpenTofu {VERSION} (once, some minutes) …");
    let reply =
        process::output(Command::new("go").args(["mod", "download", "-json", &format!("{MODULE}@v{VERSION}")]))?;
    let module: Value = serde_json::from_str(&reply).context("`go mod download -json` did not answer with JSON")?;
    let stored = module["Dir"].as_str().context("`go mod download -json` named no folder")?;
    // The module cache is read-only, and a build writes beside its sources.
    let source = folder.join("source");
    copy_writable(Path::new(stored), &source)?;
    let tofu = folder.join("tofu");
    process::output(
        Command::new("go")
            .current_dir(&source)
            .env("CGO_ENABLED", "0")
            .args(["build", "-trimpath", "-buildvcs=false", "-ldflags"])
            // Without the stamp it takes itself for a development build and says so in every run.
            .arg(format!("-s -w -X {MODULE}/version.dev=no"))
            .arg("-o")
            .arg(&tofu)
            .arg("./cmd/tofu"),
    )?;
    fs::remove_dir_all(&source).context("cannot remove the copied sources")?;
    let said = process::output(Command::new(&tofu).arg("version").env_remove("TF_CLI_CONFIG_FILE"))?;
    ensure!(said.lines().next() == Some(&format!("OpenTofu v{VERSION}")), "the built tofu says {said:?}");
    Ok(())
}

fn copy_writable(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_writable(&entry.path(), &target)?;
        } else {
            // Contents only: the copy shall not inherit the read-only mode.
            let contents = fs::read(entry.path())?;
            fs::write(&target, contents).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}
