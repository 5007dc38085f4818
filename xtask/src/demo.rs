//! `cargo xtask demo`: one `environments.yaml` applied on three simulated clouds by a real terraform or tofu, planned again,
//! changed by an entry, and destroyed.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs, io};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::command_line::{CommandLine, Flavour};
use crate::simulator::{Simulator, Time};
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

/// Where the example's provider block is sent instead of to the clouds.
const OVERRIDE: &str = "simulator_override.tf";

/// The file that says what there is to be.
const FILE: &str = "environments.yaml";

/// An entry that the example's file does not have.
const ENTRY: &str = r#"
  - name: workload-google-tokyo
    role: workload
    provider: gcp
    type: cloud
    region: asia-northeast1
    infrastructure:
      kubernetes:
        provider: gke
        version: "1.33"
        node_pools:
          system: { count: 3, vm_size: e2-standard-4 }
      gke: {}
"#;

/// Its address.
const ADDED: &str = "module.environments.multicloud_environment.this[\"workload-google-tokyo\"]";

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
    let simulator = Simulator::start(Time::Fast)?;
    let program = Flavour::find(options.with)?;

    let folder = tempfile::Builder::new().prefix("multicloud-demo").tempdir()?;
    let provider = workspace::target_dir().join("debug").join("terraform-provider-multicloud");
    let cli = CommandLine::prepare(program.clone(), folder.path(), &provider)?;
    let examples = folder.path().join("examples");
    copy(&workspace::root().join("examples"), &examples)?;
    let example = examples.join(EXAMPLE);
    let settings = simulator.settings("200ms")?;
    fs::write(example.join(OVERRIDE), format!("provider \"multicloud\" {{\n  {settings}\n}}\n"))?;

    say(&format!("examples/{EXAMPLE}/{FILE}, the single source of what shall be there"));
    let file = fs::read_to_string(example.join(FILE)).with_context(|| format!("the example has no {FILE}"))?;
    println!("{file}");

    let colour: &[&str] =
        if io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none() { &[] } else { &["-no-color"] };
    let run = |what: &str, arguments: &[&str]| {
        say(&format!("{} {what}", program.display()));
        process::run(cli.run(&example, arguments).args(["-input=false", "-compact-warnings"]).args(colour))
    };
    // With this option a plan that would change anything ends with a code of its own, which is a failure here.
    let plan_of_nothing = ["plan", "-detailed-exitcode"];
    process::output(&mut cli.run(&example, &["get"]))?;
    run("apply", &["apply", "-auto-approve"])?;
    for cloud in ["azure", "eks", "google"] {
        ensure!(
            simulator.requests()?.iter().any(|request| request.cloud == cloud && request.committed),
            "{cloud} was not changed"
        );
    }
    run("plan: nothing to do", &plan_of_nothing)?;

    let only = |what: &str, action: &str| -> Result<()> {
        run(what, &["plan", "-out=tfplan"])?;
        let shown = process::output(&mut cli.run(&example, &["show", "-json", "tfplan"]))?;
        let actions = actions(&shown)?;
        let expected = BTreeMap::from([(ADDED.to_owned(), action.to_owned())]);
        ensure!(actions == expected, "planned are {actions:?} instead of {expected:?}");
        run("apply", &["apply", "-auto-approve"])
    };
    fs::write(example.join(FILE), format!("{file}{ENTRY}"))?;
    only("plan: an entry was added to the file, one environment is created", "create")?;
    fs::write(example.join(FILE), &file)?;
    only("plan: the entry was removed, that environment is destroyed", "delete")?;
    run("plan: nothing to do", &plan_of_nothing)?;
    run("destroy", &["destroy", "-auto-approve"])?;

    say("what the simulated clouds were asked for");
    for ((cloud, operation), count) in simulator.operations()? {
        println!("{count:>6} {cloud:<7} {operation}");
    }
    say(&format!(
        "applied on three clouds, planned again without changes, one entry added and removed, destroyed; {:.0?}",
        start.elapsed()
    ));
    Ok(ExitCode::SUCCESS)
}

/// What a plan would do, by address, as `show -json` tells it.
fn actions(shown: &str) -> Result<BTreeMap<String, String>> {
    let plan: Value = serde_json::from_str(shown).context("`show -json` is not JSON")?;
    let changes = plan["resource_changes"].as_array().context("the plan has no changes")?;
    let actions = changes.iter().filter_map(|change| {
        let words: Vec<&str> = change["change"]["actions"].as_array()?.iter().filter_map(Value::as_str).collect();
        Some((change["address"].as_str()?.to_owned(), words.join(" ")))
    });
    Ok(actions.filter(|(_, words)| words != "no-op").collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_leave_out_what_does_nothing() {
        let shown = r#"{"resource_changes": [
            {"address": "a", "change": {"actions": ["no-op"]}},
            {"address": "b", "change": {"actions": ["delete", "create"]}}
        ]}"#;
        assert_eq!(actions(shown).unwrap(), BTreeMap::from([("b".to_owned(), "delete create".to_owned())]));
        assert!(actions("{}").is_err());
    }
}
