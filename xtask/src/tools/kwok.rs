//! Fake nodes: kwok, which plays the kubelet of every node that asks for it, and the stages by which its pods become ready.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::kubernetes::NO_GO;
use super::{Tool, cache};
use crate::{process, workspace};

const VERSION: &str = "0.8.0";

const MODULE: &str = "sigs.k8s.io/kwok";

/// The folders of its module whose stages make nodes ready, and pods ready and gone, at once. Without stages it refuses to
/// run.
const STAGES: [&str; 2] = ["kustomize/stage/node/fast", "kustomize/stage/pod/fast"];

/// The folder with `kwok` and, under `stages`, what it is to do; the first call takes a minute.
///
/// # Errors
/// When the module cannot be fetched or does not build.
pub(crate) fn ensure() -> Result<Tool> {
    if workspace::find_in_path("go").is_none() {
        return Ok(Tool::Missing(NO_GO));
    }
    Ok(Tool::Ready(cache::folder(&format!("kwok-{VERSION}"), build)?))
}

fn build(folder: &Path) -> Result<()> {
    println!("building kwok {VERSION} (once, a minute) …");
    process::output(
        Command::new("go")
            .env("CGO_ENABLED", "0")
            .env("GOBIN", folder)
            .args(["install", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"])
            .arg(format!("{MODULE}/cmd/kwok@v{VERSION}")),
    )?;
    let stages = folder.join("stages");
    fs::create_dir(&stages).with_context(|| format!("cannot create {}", stages.display()))?;
    let module = module()?;
    let mut copied = 0;
    for source in STAGES {
        let source = module.join(source);
        let entries = fs::read_dir(&source).with_context(|| format!("cannot list {}", source.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot list {}", source.display()))?.path();
            let Some(name) = path.file_name().filter(|name| is_stage(&name.to_string_lossy())) else { continue };
            let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            fs::write(stages.join(name), text).with_context(|| format!("cannot write {}", stages.display()))?;
            copied += 1;
        }
    }
    ensure!(copied > 0, "{MODULE} {VERSION} has no stages");
    Ok(())
}

fn is_stage(file: &str) -> bool {
    file.ends_with(".yaml") && file != "kustomization.yaml"
}

/// The folder of the module's files.
fn module() -> Result<PathBuf> {
    let reply =
        process::output(Command::new("go").args(["mod", "download", "-json", &format!("{MODULE}@v{VERSION}")]))?;
    let module: Value = serde_json::from_str(&reply).context("`go mod download -json` did not answer with JSON")?;
    Ok(PathBuf::from(module["Dir"].as_str().context("`go mod download -json` named no folder")?))
}
