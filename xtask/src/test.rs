//! `cargo xtask test`: what has to be green before a change lands.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::tools::{
    Missing, Tool, aws, azure_sdk, cargo_deny, discovery, gcloud, kubernetes, kubernetes_provider, kwok, moto,
    opentofu, terraform, zigbuild,
};
use crate::{process, release, workspace};

/// The options of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Fails when anything was not run for want of a tool.
    #[arg(long)]
    require_all: bool,
    /// Runs every point of every matrix instead of a sample.
    #[arg(long)]
    exhaustive: bool,
}

/// Runs every step, also after one has failed, and sums up.
///
/// # Errors
/// When a tool that we get ourselves cannot be had.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut report = Report::default();
    report.step("format", || process::run(workspace::cargo().args(["fmt", "--all", "--check"])));
    report.step("clippy", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
        process::run(workspace::cargo().args(arguments))
    });
    let tools = Tools::find(&mut report)?;
    report.step("tests", || process::run(&mut tests(&tools, options.exhaustive)?));
    report.step("dependencies", || {
        let deny = cargo_deny::ensure()?;
        let arguments = ["--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
        process::run(Command::new(deny).current_dir(workspace::root()).args(arguments))
    });
    if tools.zig.is_some() {
        let programs: Vec<PathBuf> = tools.terraform.iter().chain(&tools.tofu).cloned().collect();
        report.step("release", || release::check_fresh(&programs));
    }
    Ok(report.finish(options.require_all))
}

/// Gets the tools of the tests, and says by which variables tests are told of them.
///
/// # Errors
/// When a tool that we get ourselves cannot be had.
pub(crate) fn tools() -> Result<ExitCode> {
    let mut report = Report::default();
    for (path, variable, _) in Tools::find(&mut report)?.named() {
        if let Some(path) = path {
            println!("{variable}={}", path.display());
        }
    }
    Ok(report.finish(false))
}

/// The tools that the tests run.
struct Tools {
    terraform: Option<PathBuf>,
    tofu: Option<PathBuf>,
    moto: Option<PathBuf>,
    aws: Option<PathBuf>,
    azure_sdk: Option<PathBuf>,
    discovery: Option<PathBuf>,
    gcloud: Option<PathBuf>,
    zig: Option<PathBuf>,
    kubernetes: Option<PathBuf>,
    kubernetes_provider: Option<PathBuf>,
    kubernetes_controllers: Option<PathBuf>,
    kwok: Option<PathBuf>,
}

impl Tools {
    fn find(report: &mut Report) -> Result<Self> {
        Ok(Self {
            terraform: report.tool("tests and installation with terraform", terraform::find()),
            tofu: report.tool("tests and installation with OpenTofu", opentofu::ensure()?),
            moto: report.tool("tests against moto", moto::ensure()?),
            aws: report.tool("tests with the aws CLI", aws::ensure()?),
            azure_sdk: report.tool("tests with Azure's SDK", azure_sdk::ensure()?),
            discovery: report.tool("tests of what Google's APIs look like", discovery::ensure()?),
            gcloud: report.tool("tests with gcloud", gcloud::find()),
            zig: report.tool("the release", zigbuild::ensure()?),
            kubernetes: report.tool("tests with a Kubernetes API", kubernetes::ensure()?),
            kubernetes_provider: report.tool("tests with hashicorp/kubernetes", kubernetes_provider::ensure()?),
            kubernetes_controllers: report.tool("tests with pods", kubernetes::ensure_controllers()?),
            kwok: report.tool("tests with fake nodes", kwok::ensure()?),
        })
    }

    /// Each tool, the variable by which the tests are told of it, and what the names of its tests contain.
    fn named(&self) -> [(Option<&Path>, &'static str, &'static str); 12] {
        [
            (&self.terraform, "MULTICLOUD_TERRAFORM", "::terraform"),
            (&self.tofu, "MULTICLOUD_TOFU", "::tofu"),
            (&self.moto, "MULTICLOUD_MOTO_SERVER", "moto"),
            (&self.aws, "MULTICLOUD_AWS", "aws_cli"),
            (&self.azure_sdk, "MULTICLOUD_AZURE_SDK", "azure_sdk"),
            (&self.discovery, "MULTICLOUD_DISCOVERY", "discovery"),
            (&self.gcloud, "MULTICLOUD_GCLOUD", "gcloud_cli"),
            (&self.kubernetes, "MULTICLOUD_KUBERNETES", "kube_apiserver"),
            (&self.kubernetes_provider, "MULTICLOUD_KUBERNETES_PROVIDER", "kube_apiserver"),
            (&self.kubernetes, "MULTICLOUD_KUBERNETES", "fake_nodes"),
            (&self.kubernetes_controllers, "MULTICLOUD_KUBERNETES_CONTROLLERS", "fake_nodes"),
            (&self.kwok, "MULTICLOUD_KWOK", "fake_nodes"),
        ]
        .map(|(path, variable, names)| (path.as_deref(), variable, names))
    }
}

/// `cargo test` of the whole workspace, told where the tools are, without the tests of a tool that is missing.
///
/// The tests are recognised by their names: they say which tool they need.
fn tests(tools: &Tools, exhaustive: bool) -> Result<Command> {
    let mut command = workspace::cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast", "--"]);
    for (path, variable, names) in tools.named() {
        match path {
            Some(path) => drop(command.env(variable, path)),
            None => drop(command.args(["--skip", names])),
        }
    }
    // The aws CLI is called by its name, as users do.
    if let Some(folder) = tools.aws.as_deref().and_then(Path::parent) {
        command.env("PATH", workspace::path_with(folder)?);
    }
    if exhaustive {
        command.env("MULTICLOUD_EXHAUSTIVE", "1");
    }
    Ok(command)
}

/// What was run, and what was not.
#[derive(Default)]
struct Report {
    passed: Vec<&'static str>,
    failed: Vec<&'static str>,
    not_run: Vec<(&'static str, Missing)>,
}

impl Report {
    fn step(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        println!("── {name}");
        let start = Instant::now();
        match step() {
            Ok(()) => {
                println!("── {name}: passed in {:.0?}", start.elapsed());
                self.passed.push(name);
            }
            Err(error) => {
                println!("── {name}: FAILED: {error:#}");
                self.failed.push(name);
            }
        }
    }

    fn tool(&mut self, tests: &'static str, tool: Tool) -> Option<PathBuf> {
        match tool {
            Tool::Ready(path) => Some(path),
            Tool::Missing(missing) => {
                self.not_run.push((tests, missing));
                None
            }
        }
    }

    fn finish(self, require_all: bool) -> ExitCode {
        println!("passed: {}", list(&self.passed));
        if !self.failed.is_empty() {
            println!("FAILED: {}", list(&self.failed));
        }
        println!("{}", self.not_run_line());
        let ok = self.failed.is_empty() && (self.not_run.is_empty() || !require_all);
        if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn not_run_line(&self) -> String {
        if self.not_run.is_empty() {
            return "not run: nothing".to_owned();
        }
        let entries: Vec<_> =
            self.not_run.iter().map(|(tests, missing)| format!("{tests} ({})", missing.command)).collect();
        format!("not run: {}", entries.join("; "))
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_terraform() -> Report {
        let mut report = Report::default();
        let missing = Missing { name: "terraform", command: "install it" };
        assert_eq!(report.tool("tests with terraform", Tool::Missing(missing)), None);
        report
    }

    #[test]
    fn the_last_line_names_the_command_that_provides_a_missing_tool() {
        assert_eq!(without_terraform().not_run_line(), "not run: tests with terraform (install it)");
        assert_eq!(Report::default().not_run_line(), "not run: nothing");
    }

    #[test]
    fn what_was_not_run_fails_only_where_all_is_required() {
        assert_eq!(without_terraform().finish(false), ExitCode::SUCCESS);
        assert_eq!(without_terraform().finish(true), ExitCode::FAILURE);
    }
}
