//! The two command lines that users run us with.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::testbed::cache_dir;

/// The OpenTofu that `cargo xtask` builds into the cache folder.
const OPENTOFU_FOLDER: &str = "opentofu-1.12.6";

/// A command line: terraform or tofu.
#[derive(Debug, Clone)]
pub(crate) struct Cli {
    path: PathBuf,
    flavour: Flavour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Terraform,
    OpenTofu,
}

impl Cli {
    /// Terraform from `$MULTICLOUD_TERRAFORM` or `PATH`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub(crate) fn terraform() -> Self {
        let path = env::var_os("MULTICLOUD_TERRAFORM").map(PathBuf::from).or_else(|| find_in_path("terraform"));
        let path = path.expect(
            "no terraform in PATH: install Terraform 1.11 or newer (https://developer.hashicorp.com/terraform/install)",
        );
        Self { path, flavour: Flavour::Terraform }
    }

    /// OpenTofu from `$MULTICLOUD_TOFU`, the cache folder or `PATH`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub(crate) fn tofu() -> Self {
        let cached = || cache_dir().map(|cache| cache.join(OPENTOFU_FOLDER).join("tofu")).filter(|path| path.exists());
        let path = env::var_os("MULTICLOUD_TOFU").map(PathBuf::from).or_else(cached).or_else(|| find_in_path("tofu"));
        let path = path.expect("no tofu: `cargo xtask test` builds it once");
        Self { path, flavour: Flavour::OpenTofu }
    }

    /// The executable.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an import block may name an identity instead of an id: OpenTofu since 1.12, Terraform since 1.12.
    pub(crate) fn imports_by_identity(&self) -> bool {
        match self.flavour {
            Flavour::OpenTofu => true,
            Flavour::Terraform => self.version() >= (1, 12),
        }
    }

    fn version(&self) -> (u32, u32) {
        let output = Command::new(&self.path).args(["version", "-json"]).env_remove("TF_CLI_CONFIG_FILE").output();
        let output = output.expect("cannot run the command line");
        let version: serde_json::Value = serde_json::from_slice(&output.stdout).expect("`version -json` is not JSON");
        let text = version["terraform_version"].as_str().expect("`version -json` names no version");
        let mut parts = text.split('.').map(|part| part.parse().expect("a version is made of numbers"));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}

fn find_in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}
