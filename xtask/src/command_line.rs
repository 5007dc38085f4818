//! A terraform or tofu that runs the provider just built, in a folder of its own, with nothing of the user's set-up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::tools::{Tool, opentofu, terraform};
use crate::workspace;

/// Which command line to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flavour {
    /// Terraform, from PATH.
    Terraform,
    /// OpenTofu, from PATH or built once.
    Tofu,
}

impl Flavour {
    /// The executable: the wanted one, or else whichever is there, terraform first.
    ///
    /// # Errors
    /// When it is not there and we cannot get it.
    pub(crate) fn find(wanted: Option<Self>) -> Result<PathBuf> {
        let tofu = || match workspace::find_in_path("tofu") {
            Some(path) => Ok(path),
            None => opentofu::ensure()?.required(),
        };
        match wanted {
            Some(Self::Terraform) => terraform::find().required(),
            Some(Self::Tofu) => tofu(),
            None => match terraform::find() {
                Tool::Ready(path) => Ok(path),
                Tool::Missing(_) => tofu(),
            },
        }
    }
}

/// A command line with its own configuration: it runs that provider executable and looks at no registry for it.
pub(crate) struct CommandLine {
    program: PathBuf,
    configuration: PathBuf,
}

impl CommandLine {
    /// Prepares `folder`, which must exist, for runs with this executable of the provider.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn prepare(program: PathBuf, folder: &Path, provider: &Path) -> Result<Self> {
        // A folder of its own: beside the built executable lie files whose names begin alike.
        let providers = folder.join("provider");
        fs::create_dir(&providers).with_context(|| format!("cannot create {}", providers.display()))?;
        let name = provider.file_name().context("the provider has no file name")?;
        fs::copy(provider, providers.join(name)).with_context(|| format!("cannot copy {}", provider.display()))?;
        let configuration = folder.join("cli.tfrc");
        let text = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"multicloud-rs/multicloud\" = {:?}\n  }}\n  direct {{}}\n}}\n",
            providers.display().to_string()
        );
        fs::write(&configuration, text).with_context(|| format!("cannot write {}", configuration.display()))?;
        Ok(Self { program, configuration })
    }

    /// A run in that folder, with credentials that only a simulated cloud takes.
    pub(crate) fn run(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(folder).args(arguments);
        // What the user has set for real clouds and for real work must not reach a run on simulated ones.
        for (name, _) in std::env::vars_os() {
            if ["ARM_", "AWS_", "AZURE_", "CLOUDSDK_", "GOOGLE_", "MULTICLOUD_", "TF_"]
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        command
            .env("TF_CLI_CONFIG_FILE", &self.configuration)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("ARM_TENANT_ID", "00000000-0000-4000-8000-0000000000aa")
            .env("ARM_CLIENT_ID", "00000000-0000-4000-8000-0000000000bb")
            .env("ARM_CLIENT_SECRET", "test")
            .env("GOOGLE_OAUTH_ACCESS_TOKEN", "test");
        command
    }
}
