//! `cargo xtask demo`: an example applied, planned again and destroyed by a real terraform or tofu on simulated clouds.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs, io};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::command_line::{CommandLine, Flavour};
use crate::simulator::Simulator;
use crate::{process, workspace};

/// The options of `cargo xtask demo`.
#[derive(Args)]
pub(crate) struct Options {
    /// The command line to run; terraform if it is in PATH unless given, else tofu.
    #[arg(long, value_enum)]
    with: Option<Flavour>,
}

/// The example that is applied.
const EXAMPLE: &str = "topology";

/// Where the example's provider block is sent instead of to AWS.
const OVERRIDE: &str = "simulator_override.tf";

/// Runs the demo; nothing is left of it.
///
/// # Errors
/// When any step fails.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let start = Instant::now();
    say("building the provider and the simulated clouds");
    process::run(workspace::cargo().args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "terraform-provider-multicloud",
    ]))?;
    let simulator = Simulator::start()?;
    let program = Flavour::find(options.with)?;

    let folder = tempfile::Builder::new().prefix("multicloud-demo").tempdir()?;
    let provider = workspace::target_dir().join("debug").join("terraform-provider-multicloud");
    let cli = CommandLine::prepare(program.clone(), folder.path(), &provider)?;
    let examples = folder.path().join("examples");
    copy(&workspace::root().join("examples"), &examples)?;
    let example = examples.join(EXAMPLE);
    let aws = simulator.aws("us-east-1", "200ms")?;
    fs::write(example.join(OVERRIDE), format!("provider \"multicloud\" {{\n  aws = {aws}\n}}\n"))?;

    say(&format!("examples/{EXAMPLE}/environments.yaml, the single source of what shall be there"));
    println!(
        "{}",
        fs::read_to_string(example.join("environments.yaml")).context("the example has no environments.yaml")?
    );

    let colour: &[&str] =
        if io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none() { &[] } else { &["-no-color"] };
    let run = |what: &str, arguments: &[&str]| {
        say(&format!("{} {what}", program.display()));
        process::run(cli.run(&example, arguments).args(["-input=false", "-compact-warnings"]).args(colour))
    };
    process::output(&mut cli.run(&example, &["get"]))?;
    run("apply", &["apply", "-auto-approve"])?;
    let made = simulator.operations()?;
    ensure!(made.get("CreateCluster").is_some_and(|&count| count > 0), "the apply made no cluster");

    // With this option a plan that would change anything ends with a code of its own, which is a failure here.
    run("plan: nothing to do", &["plan", "-detailed-exitcode"])?;
    run("destroy", &["destroy", "-auto-approve"])?;

    say("what the simulated cloud was asked for");
    for (operation, count) in simulator.operations()? {
        println!("{count:>6} {operation}");
    }
    say(&format!("applied, planned again without changes, destroyed; {:.0?}", start.elapsed()));
    Ok(ExitCode::SUCCESS)
}

fn say(what: &str) {
    println!("\n── {what}");
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}
