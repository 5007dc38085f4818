//! The simulated clouds beside a command: built, started, asked, stopped.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Background;
use crate::{process, workspace};

/// The simulator's subscription of Azure that is registered for AKS, and its first project of Google Cloud.
const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";
const PROJECT: &str = "simulated-project";

/// No answer of the simulator takes this long on two loaded cores.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running simulator; it ends with this value.
pub(crate) struct Simulator {
    // Held for their `Drop`: the process ends before its folder goes.
    _process: Background,
    folder: TempDir,
    urls: Value,
}

/// How time passes in the clouds.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// By a step with each request.
    Fast,
    /// As on the wall, and as [`Simulator::advance`] moves it.
    Real,
}

/// A request, as the journal has it.
pub(crate) struct Request {
    /// The cloud that was asked.
    pub(crate) cloud: String,
    /// The operation, by the name in the cloud's own description.
    pub(crate) operation: String,
    /// The status of the reply, where one was sent.
    pub(crate) status: Option<u64>,
    /// Whether the cloud's state changed by it.
    pub(crate) committed: bool,
}

impl Simulator {
    /// Builds and starts the simulator of all clouds.
    ///
    /// # Errors
    /// When it does not build or start.
    pub(crate) fn start(time: Time) -> Result<Self> {
        process::run(workspace::cargo().args(["build", "--quiet", "--locked", "--package", "multicloud-simulator"]))?;
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(workspace::target_dir().join("debug").join("multicloud-simulator"));
        let time = match time {
            Time::Fast => "fast",
            Time::Real => "real",
        };
        // Its input ends with us, however we end: no simulator is left behind.
        command.args(["--until-eof", "--time", time, "--journal"]).arg(folder.path().join("journal"));
        let mut process = Background::start(&mut command)?;
        let line = process.first_line()?;
        let urls =
            serde_json::from_str(&line).with_context(|| format!("the simulator's first line is not JSON: {line}"))?;
        Ok(Self { _process: process, folder, urls })
    }

    /// The provider's settings of all clouds, as HCL, that lead here.
    ///
    /// # Errors
    /// When the simulator named no address.
    pub(crate) fn settings(&self, poll_interval: &str) -> Result<String> {
        let azure = format!(
            "azure  = {{ subscription_id = {SUBSCRIPTION:?}, endpoint = {:?}, authority_host = {:?}, ca_bundle = {:?}, \
             poll_interval = {poll_interval:?} }}",
            self.url("azure")?,
            self.url("azure_authority")?,
            self.url("ca_bundle")?,
        );
        let aws = format!(
            "aws    = {{ region = \"us-east-1\", endpoint = {:?}, sts_endpoint = {:?}, poll_interval = {poll_interval:?} }}",
            self.url("eks")?,
            self.url("sts")?,
        );
        let google = format!(
            "google = {{ project = {PROJECT:?}, endpoint = {:?}, compute_endpoint = {:?}, poll_interval = {poll_interval:?} }}",
            self.url("google")?,
            self.url("google_compute")?,
        );
        Ok(format!("{azure}\n  {aws}\n  {google}"))
    }

    /// Every request so far.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(crate) fn requests(&self) -> Result<Vec<Request>> {
        let text = fs::read_to_string(self.journal()).context("cannot read the simulator's journal")?;
        let parse = |line: &str| {
            let request: Value = serde_json::from_str(line).context("a line of the journal is not JSON")?;
            let text = |name: &str| request[name].as_str().map(str::to_owned);
            Ok(Request {
                cloud: text("cloud").context("a line of the journal names no cloud")?,
                operation: text("operation").context("a line of the journal names no operation")?,
                status: request["status"].as_u64(),
                committed: request["committed"] == true,
            })
        };
        text.lines().map(parse).collect()
    }

    /// How often each cloud was asked for each operation.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(crate) fn operations(&self) -> Result<BTreeMap<(String, String), usize>> {
        let mut operations = BTreeMap::new();
        for request in self.requests()? {
            *operations.entry((request.cloud, request.operation)).or_default() += 1;
        }
        Ok(operations)
    }

    /// Moves the clouds' time.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub(crate) fn advance(&self, by: Duration) -> Result<()> {
        let body = format!("{{\"seconds\": {}}}", by.as_secs());
        let length = body.len();
        let request = format!(
            "POST /_simulator/advance HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let status = self.ask(&request)?;
        ensure!(status == 200, "the simulator's time did not move: {status}");
        Ok(())
    }

    /// What one question takes over a connection of its own: the least that any client waits.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub(crate) fn round_trip(&self) -> Result<Duration> {
        let start = Instant::now();
        self.ask("GET /_simulator/journal-is-not-here HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        Ok(start.elapsed())
    }

    /// Sends a request to the endpoint of EKS, which speaks plain HTTP, and gives the status of the reply.
    fn ask(&self, request: &str) -> Result<u16> {
        let url = self.url("eks")?;
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).with_context(|| format!("cannot reach {url}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        let status = reply.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        status.with_context(|| format!("{url} does not answer as HTTP servers do"))
    }

    fn url(&self, service: &str) -> Result<&str> {
        self.urls[service].as_str().with_context(|| format!("the simulator has no {service}"))
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }
}
