//! The programs that the commands need and do not build: each is fetched once into the cache folder, or taken from `PATH`.

pub(crate) mod cache;

pub(crate) mod aws;
pub(crate) mod azure_sdk;
pub(crate) mod cargo_deny;
pub(crate) mod discovery;
pub(crate) mod gcloud;
pub(crate) mod kubernetes;
pub(crate) mod kubernetes_provider;
pub(crate) mod kwok;
pub(crate) mod moto;
pub(crate) mod opentofu;
pub(crate) mod terraform;
pub(crate) mod zigbuild;

use std::path::PathBuf;

/// What looking for a tool came to.
#[derive(Debug)]
pub(crate) enum Tool {
    /// It is there.
    Ready(PathBuf),
    /// It is not, and we cannot get it ourselves.
    Missing(Missing),
}

/// A tool that is not there, and what provides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The tool's name.
    pub(crate) name: &'static str,
    /// The command that provides it.
    pub(crate) command: &'static str,
}

impl Tool {
    /// The tool's path, or an error that names the command which provides it.
    pub(crate) fn required(self) -> anyhow::Result<PathBuf> {
        match self {
            Self::Ready(path) => Ok(path),
            Self::Missing(missing) => anyhow::bail!("{} is needed: {}", missing.name, missing.command),
        }
    }
}
