//! A Kubernetes API to put content into, and what makes pods of it: kube-apiserver with the etcd that it was released with,
//! then kube-controller-manager and kube-scheduler; all are built from their modules.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Missing, Tool, cache};
use crate::{process, workspace};

/// The release that the tests run: the last whose nodes run on version 1 of cgroups, too, unless told otherwise.
const VERSION: &str = "1.34.4";

const MODULE: &str = "k8s.io/kubernetes";

/// What is said where there is no Go.
pub(super) const NO_GO: Missing = Missing {
    name: "Kubernetes",
    command: "install Go 1.26 or newer (https://go.dev/doc/install), then run this command again",
};

/// A program's name in our folder, and its package.
type Program = (&'static str, &'static str);

/// Enough for objects that nobody acts on.
const API: [Program; 2] =
    [("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"), ("etcd", "go.etcd.io/etcd/server/v3")];

/// Those who act on them: they make pods of workloads, give them nodes and keep count of disruption budgets.
const CONTROLLERS: [Program; 2] = [
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
];

/// The folder with `kube-apiserver` and `etcd`; the first call takes some minutes.
///
/// # Errors
/// When a module cannot be fetched or does not build.
pub(crate) fn ensure() -> Result<Tool> {
    get("kubernetes", &API)
}

/// The folder with `kube-controller-manager` and `kube-scheduler`; the first call takes some minutes.
///
/// # Errors
/// When a module cannot be fetched or does not build.
pub(crate) fn ensure_controllers() -> Result<Tool> {
    get("kubernetes-controllers", &CONTROLLERS)
}

fn get(folder: &str, programs: &[Program]) -> Result<Tool> {
    if workspace::find_in_path("go").is_none() {
        return Ok(Tool::Missing(NO_GO));
    }
    Ok(Tool::Ready(cache::folder(&format!("{folder}-{VERSION}"), |folder| build(folder, programs))?))
}

fn build(folder: &Path, programs: &[Program]) -> Result<()> {
    let names: Vec<_> = programs.iter().map(|(name, _)| *name).collect();
    println!("building {} of Kubernetes {VERSION} (once, some minutes) …", names.join(" and "));
    let source = folder.join("source");
    fs::create_dir(&source).with_context(|| format!("cannot create {}", source.display()))?;
    fs::write(source.join("go.mod"), wrapper(&released_manifest()?)?).context("cannot write go.mod")?;
    let (major, rest) = VERSION.split_once('.').context("a version is made of numbers")?;
    let (minor, _) = rest.split_once('.').context("a version is made of three numbers")?;
    let stamp = "k8s.io/component-base/version";
    // Without the stamp the server calls itself v0.0.0.
    let stamps =
        format!("-s -w -X {stamp}.gitVersion=v{VERSION} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}");
    for (name, package) in programs {
        process::output(
            Command::new("go")
                .current_dir(&source)
                .env("CGO_ENABLED", "0")
                .args(["build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", &stamps, "-o"])
                .arg(folder.join(name))
                .arg(package),
        )?;
    }
    fs::remove_dir_all(&source).context("cannot remove the module that was built from")?;
    for (name, package) in programs {
        if package.starts_with(MODULE) {
            let said = process::output(Command::new(folder.join(name)).arg("--version"))?;
            ensure!(said.trim() == format!("Kubernetes v{VERSION}"), "the built {name} says {said:?}");
        }
    }
    Ok(())
}

/// The `go.mod` of the release.
fn released_manifest() -> Result<String> {
    let reply =
        process::output(Command::new("go").args(["mod", "download", "-json", &format!("{MODULE}@v{VERSION}")]))?;
    let module: Value = serde_json::from_str(&reply).context("`go mod download -json` did not answer with JSON")?;
    let path = module["GoMod"].as_str().context("`go mod download -json` named no go.mod")?;
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// The `go.mod` of a module that only builds the release: Kubernetes replaces its own libraries by folders beside it,
/// which `go` refuses in a dependency; they are published under the same version with a leading zero.
fn wrapper(released: &str) -> Result<String> {
    let libraries: Vec<_> =
        released.lines().filter_map(|line| Some(line.trim().split_once(" => ./staging/")?.0)).collect();
    ensure!(!libraries.is_empty(), "the go.mod of {MODULE} replaces no library of its own");
    let go = released.lines().find(|line| line.starts_with("go ")).context("the go.mod names no version of Go")?;
    let (_, published) = VERSION.split_once('.').context("a version is made of numbers")?;
    let mut manifest =
        format!("module multicloud.invalid/kubernetes\n\n{go}\n\nrequire {MODULE} v{VERSION}\n\nreplace (\n");
    for library in libraries {
        manifest += &format!("\t{library} => {library} v0.{published}\n");
    }
    Ok(manifest + ")\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_replaced_by_what_was_published() {
        let released = "module k8s.io/kubernetes\n\ngo 1.24.0\n\nreplace (\n\
                        \tk8s.io/api => ./staging/src/k8s.io/api\n\
                        \texample.org/other => example.org/fork v1.0.0\n)\n";
        let manifest = wrapper(released).unwrap();
        assert!(manifest.contains("\ngo 1.24.0\n"), "{manifest}");
        assert!(manifest.contains("\tk8s.io/api => k8s.io/api v0.34.4\n"), "{manifest}");
        assert!(!manifest.contains("example.org"), "{manifest}");
        wrapper("module other\n\ngo 1.24.0\n").unwrap_err();
    }
}
