//! The simulated clouds beside a command: built, started, asked, stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Background;
use crate::{process, workspace};

/// A running simulator; it ends with this value.
pub(crate) struct Simulator {
    // Held for their `Drop`: the process ends before its folder goes.
    _process: Background,
    folder: TempDir,
    urls: Value,
}

impl Simulator {
    /// Builds and starts the simulator of EKS and STS.
    ///
    /// # Errors
    /// When it does not build or start.
    pub(crate) fn start() -> Result<Self> {
        process::run(workspace::cargo().args(["build", "--quiet", "--locked", "--package", "multicloud-simulator"]))?;
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(workspace::target_dir().join("debug").join("multicloud-simulator"));
        // Its input ends with us, however we end: no simulator is left behind.
        command.args(["--clouds", "eks", "--until-eof", "--journal"]).arg(folder.path().join("journal"));
        let mut process = Background::start(&mut command)?;
        let line = process.first_line()?;
        let urls =
            serde_json::from_str(&line).with_context(|| format!("the simulator's first line is not JSON: {line}"))?;
        Ok(Self { _process: process, folder, urls })
    }

    /// The provider's `aws` settings that lead here.
    ///
    /// # Errors
    /// When the simulator named no address.
    pub(crate) fn aws(&self, region: &str, poll_interval: &str) -> Result<String> {
        let url =
            |service: &str| self.urls[service].as_str().with_context(|| format!("the simulator has no {service}"));
        Ok(format!(
            "{{ region = {region:?}, endpoint = {:?}, sts_endpoint = {:?}, poll_interval = {poll_interval:?} }}",
            url("eks")?,
            url("sts")?
        ))
    }

    /// How often each operation was asked for.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(crate) fn operations(&self) -> Result<BTreeMap<String, usize>> {
        let text = fs::read_to_string(self.journal()).context("cannot read the simulator's journal")?;
        let mut operations = BTreeMap::new();
        for line in text.lines() {
            let request: Value = serde_json::from_str(line).context("a line of the journal is not JSON")?;
            let operation = request["operation"].as_str().context("a line of the journal names no operation")?;
            *operations.entry(operation.to_owned()).or_default() += 1;
        }
        Ok(operations)
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }
}
