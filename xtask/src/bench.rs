//! `cargo xtask bench`: our release binary beside other providers, in turns on the same machine, as ratios.
//!
//! Figures of one run can be compared with each other, never with another machine's: nothing here passes or fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tempfile::TempDir;

use crate::command_line::{CommandLine, Flavour};
use crate::plugin::Plugin;
use crate::process;
use crate::release::{self, Target};
use crate::simulator::{Request, Simulator, Time};

/// The options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// Another provider's executable to measure beside ours; may be given more than once.
    #[arg(long = "peer")]
    peers: Vec<PathBuf>,
    /// The executable of ours to measure, instead of building the release one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How often each provider is started.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// The numbers of environments to plan and apply; may be given more than once.
    #[arg(long = "environments", default_values_t = [20, 1000])]
    environments: Vec<u32>,
    /// The number of environments, over three clouds, whose refresh is measured.
    #[arg(long, default_value_t = 100)]
    refreshed: u32,
    /// Measures starts, schemas and memory only.
    #[arg(long)]
    starts_only: bool,
    /// The command line that plans and applies; terraform if it is in PATH unless given, else tofu.
    #[arg(long, value_enum)]
    with: Option<Flavour>,
}

/// How long a provider may settle after its schema call before its idle memory is read.
const SETTLE: Duration = Duration::from_millis(300);

/// Measures and prints.
///
/// # Errors
/// When a provider does not start or a command line fails.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let ours = match &options.binary {
        Some(path) => path.clone(),
        None => release::build(Target::LinuxAmd64)?,
    };
    let providers: Vec<&Path> =
        [ours.as_path()].into_iter().chain(options.peers.iter().map(PathBuf::as_path)).collect();
    starts(&providers, options.rounds)?;
    if options.starts_only {
        return Ok(ExitCode::SUCCESS);
    }
    let program = Flavour::find(options.with)?;
    for &count in &options.environments {
        environments(&ours, &program, count)?;
    }
    refresh(&ours, &program, options.refreshed)?;
    Ok(ExitCode::SUCCESS)
}

/// One start of a provider.
#[derive(Debug, Clone, Copy)]
struct Start {
    handshake: Duration,
    schema: Duration,
    schema_bytes: usize,
    memory: u64,
}

/// Starts every provider in turns and prints the medians and their ratios to ours.
fn starts(providers: &[&Path], rounds: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut measured: Vec<Vec<Start>> = vec![Vec::new(); providers.len()];
    for _ in 0..rounds.max(1) {
        for (provider, starts) in providers.iter().zip(&mut measured) {
            let start = runtime.block_on(start(provider));
            starts.push(start.with_context(|| format!("cannot measure {}", provider.display()))?);
        }
    }
    println!(
        "{:<44} {:>12} {:>12} {:>12} {:>12}",
        "median (ratio to ours)", "handshake", "schema", "bytes", "idle memory"
    );
    let medians: Vec<Start> = measured.iter().map(|starts| median(starts)).collect();
    let ours = medians.first().context("there is no provider to measure")?;
    for (provider, start) in providers.iter().zip(&medians) {
        let name = provider.file_name().unwrap_or_default().to_string_lossy();
        println!(
            "{name:<44} {:>9.1} ms {:>9.2} ms {:>9.0} KB {:>8.1} MiB",
            milliseconds(start.handshake),
            milliseconds(start.schema),
            start.schema_bytes as f64 / 1000.0,
            start.memory as f64 / 1024.0 / 1024.0,
        );
        println!(
            "{:<44} {:>12.2} {:>12.2} {:>12.2} {:>12.2}",
            "",
            milliseconds(start.handshake) / milliseconds(ours.handshake),
            milliseconds(start.schema) / milliseconds(ours.schema),
            start.schema_bytes as f64 / ours.schema_bytes as f64,
            start.memory as f64 / ours.memory as f64,
        );
    }
    Ok(())
}

async fn start(provider: &Path) -> Result<Start> {
    let plugin = Plugin::start(&mut Command::new(provider))?;
    let schema = plugin.schema().await?;
    tokio::time::sleep(SETTLE).await;
    let memory = plugin.resident_memory()?;
    Ok(Start { handshake: plugin.handshake_time(), schema: schema.time, schema_bytes: schema.bytes, memory })
}

fn median(starts: &[Start]) -> Start {
    fn middle<T: Ord + Copy>(starts: &[Start], value: impl Fn(&Start) -> T) -> T {
        let mut values: Vec<T> = starts.iter().map(value).collect();
        values.sort_unstable();
        values[values.len() / 2]
    }
    Start {
        handshake: middle(starts, |start| start.handshake),
        schema: middle(starts, |start| start.schema),
        schema_bytes: middle(starts, |start| start.schema_bytes),
        memory: middle(starts, |start| start.memory),
    }
}

/// What a run of the command line took.
#[derive(Debug, Clone, Copy)]
struct Run {
    wall: Duration,
    /// Processor time of every process of our provider.
    inside: Duration,
}

/// Plans and applies that many environments on the simulator, and as many objects that core handles itself.
fn environments(provider: &Path, program: &Path, count: u32) -> Result<()> {
    let simulator = Simulator::start(Time::Fast)?;
    let ours = configuration(&simulator.settings("20ms")?, &eks(count));
    let builtin = format!(
        "resource \"terraform_data\" \"test\" {{\n  count = {count}\n  input = {{ name = \"workload-${{count.index}}\", region = \"us-east-1\" }}\n}}\n"
    );
    let [plan, apply] = plan_and_apply(provider, program, &ours)?;
    let [builtin_plan, builtin_apply] = plan_and_apply(provider, program, &builtin)?;
    println!("\n{count} environments with {}", program.display());
    for (what, run, builtin) in [("plan", plan, builtin_plan), ("apply", apply, builtin_apply)] {
        println!(
            "{what:<6} {:>7.2} s, inside our process {:>6.2} s = {:>4.1} %; {count} terraform_data {:>6.2} s, ratio {:.2}",
            run.wall.as_secs_f64(),
            run.inside.as_secs_f64(),
            100.0 * run.inside.as_secs_f64() / run.wall.as_secs_f64(),
            builtin.wall.as_secs_f64(),
            run.wall.as_secs_f64() / builtin.wall.as_secs_f64(),
        );
    }
    Ok(())
}

fn plan_and_apply(provider: &Path, program: &Path, configuration: &str) -> Result<[Run; 2]> {
    let workspace = Workspace::new(provider, program, configuration)?;
    let plan = workspace.measure(&["plan", "-input=false", "-no-color", "-out=tfplan"])?;
    let apply = workspace.measure(&["apply", "-input=false", "-no-color", "tfplan"])?;
    Ok([plan, apply])
}

/// A configuration in a folder of its own, whose runs are measured.
struct Workspace {
    // Held for its `Drop`: everything lies in it.
    _folder: TempDir,
    cli: CommandLine,
    main: PathBuf,
    times: PathBuf,
}

impl Workspace {
    fn new(provider: &Path, program: &Path, configuration: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("mcbench").tempdir()?;
        let times = folder.path().join("times");
        let wrapper = folder.path().join("terraform-provider-multicloud");
        // The shell tells the processor time of its children to the millisecond, whoever they are.
        let script = format!(
            "#!/usr/bin/env bash\ntrap '' INT\n{:?} \"$@\"\ntimes >> {:?}\n",
            provider.display().to_string(),
            times.display().to_string()
        );
        fs::write(&wrapper, script)?;
        process::output(Command::new("chmod").arg("+x").arg(&wrapper))?;
        let work = folder.path().join("work");
        fs::create_dir(&work)?;
        let cli = CommandLine::prepare(program.to_owned(), &work, &wrapper)?;
        let main = work.join("main");
        fs::create_dir(&main)?;
        fs::write(main.join("main.tf"), configuration)?;
        Ok(Self { _folder: folder, cli, main, times })
    }

    fn measure(&self, arguments: &[&str]) -> Result<Run> {
        fs::write(&self.times, "")?;
        let start = Instant::now();
        process::output(&mut self.cli.run(&self.main, arguments))?;
        let wall = start.elapsed();
        Ok(Run { wall, inside: processor_time(&fs::read_to_string(&self.times)?)? })
    }
}

/// A cloud whose environments are refreshed.
struct Refreshed {
    name: &'static str,
    /// As the simulator's journal calls it.
    cloud: &'static str,
    resources: fn(u32) -> String,
    /// What its owner publishes as the limit, which the simulator's buckets hold.
    limit: &'static str,
}

/// Sources: Resource Manager's page on request limits; the quotas that new projects of Google Cloud have; EKS publishes no
/// numbers for these calls.
const REFRESHED: [Refreshed; 3] = [
    Refreshed { name: "AKS", cloud: "azure", resources: aks, limit: "250 reads at once, 25 more a second" },
    Refreshed { name: "EKS", cloud: "eks", resources: eks, limit: "not published" },
    Refreshed { name: "GKE", cloud: "google", resources: gke, limit: "3000 a minute, and 1500 of Compute" },
];

/// Calls that core lets run at a time, unless it is told otherwise.
const PARALLELISM: u32 = 10;

/// How often the time of one call is measured.
const CALLS: usize = 50;

/// Refreshes that many environments over three clouds in the clouds' real time, where their limits hold, and counts.
fn refresh(provider: &Path, program: &Path, count: u32) -> Result<()> {
    let simulator = Simulator::start(Time::Real)?;
    let share = |index: u32| count / 3 + u32::from(index < count % 3);
    let counts: Vec<u32> = (0..3).map(share).collect();
    let resources: String = REFRESHED.iter().zip(&counts).map(|(cloud, &count)| (cloud.resources)(count)).collect();
    let workspace = Workspace::new(provider, program, &configuration(&simulator.settings("100ms")?, &resources))?;
    while_time_flies(&simulator, || workspace.measure(&["apply", "-input=false", "-no-color", "-auto-approve"]))?;
    let before = simulator.requests()?.len();
    let plan = workspace.measure(&["plan", "-input=false", "-no-color", "-detailed-exitcode"])?;
    let requests = simulator.requests()?.split_off(before);
    let mut calls = (0..CALLS).map(|_| simulator.round_trip()).collect::<Result<Vec<_>>>()?;
    calls.sort_unstable();
    let call = calls[CALLS / 2];
    let floor = call * u32::try_from(requests.len())? / PARALLELISM;
    println!(
        "\nrefresh of {count} environments on three clouds: {:.2} s, inside our process {:.2} s; {} calls of {:.1} ms, {PARALLELISM} at a time, take {:.2} s",
        plan.wall.as_secs_f64(),
        plan.inside.as_secs_f64(),
        requests.len(),
        milliseconds(call),
        floor.as_secs_f64(),
    );
    for (cloud, count) in REFRESHED.iter().zip(counts) {
        let asked: Vec<&Request> = requests.iter().filter(|request| request.cloud == cloud.cloud).collect();
        let refused = asked.iter().filter(|request| request.status == Some(429)).count();
        // Who we are is asked once per process, whatever the number of environments.
        let logins = asked.iter().filter(|request| LOGINS.contains(&request.operation.as_str())).count();
        println!(
            "{:<4} {count:>4} environments: {:.2} reads each and {logins} to log in; {refused} refused for their number (limit: {})",
            cloud.name,
            (asked.len() - logins) as f64 / f64::from(count.max(1)),
            cloud.limit,
        );
    }
    Ok(())
}

/// Operations that tell who asks.
const LOGINS: [&str; 5] =
    ["OAuth2_Token", "OpenIdConnect_Discovery", "OAuth2_InstanceDiscovery", "GetCallerIdentity", "GetToken"];

/// Does something while the clouds' time goes by faster than ours.
fn while_time_flies<T>(simulator: &Simulator, act: impl FnOnce() -> Result<T>) -> Result<T> {
    /// So much each time.
    const STEP: Duration = Duration::from_secs(60);
    /// Time for requests in between.
    const PAUSE: Duration = Duration::from_millis(100);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clock = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                simulator.advance(STEP)?;
                std::thread::sleep(PAUSE);
            }
            Ok(())
        });
        let acted = act();
        done.store(true, Ordering::Relaxed);
        clock.join().unwrap_or_else(|_| bail!("the clock stopped"))?;
        acted
    })
}

/// Sums what `times` wrote, one pair of lines per process: the shell's own time, then that of its children.
fn processor_time(text: &str) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for children in text.lines().skip(1).step_by(2) {
        for time in children.split_whitespace() {
            let (minutes, seconds) = time.trim_end_matches('s').split_once('m').context("`times` wrote no time")?;
            let (minutes, seconds): (u64, f64) = (minutes.parse()?, seconds.replace(',', ".").parse()?);
            if !(0.0..60.0).contains(&seconds) {
                bail!("`times` wrote {time}");
            }
            total += Duration::from_secs(60 * minutes) + Duration::from_secs_f64(seconds);
        }
    }
    Ok(total)
}

fn configuration(settings: &str, resources: &str) -> String {
    format!(
        r#"terraform {{
  required_providers {{
    multicloud = {{ source = "multicloud-rs/multicloud" }}
  }}
}}

provider "multicloud" {{
  owner = "bench"
  {settings}
}}
{resources}"#
    )
}

fn aks(count: u32) -> String {
    environment("aks", count, "westeurope", "Standard_D2s_v5", "aks = { resource_group_name = \"platform\" }")
}

fn eks(count: u32) -> String {
    let block = r#"network = { subnet_ids = ["subnet-0000000000000000a", "subnet-0000000000000000b"] }
  eks = {
    role_arn      = "arn:aws:iam::123456789012:role/eks-cluster"
    node_role_arn = "arn:aws:iam::123456789012:role/eks-node"
  }"#;
    environment("eks", count, "us-east-1", "t3.large", block)
}

fn gke(count: u32) -> String {
    environment("gke", count, "europe-west1", "e2-standard-2", "gke = {}")
}

/// Environments of one cloud that are all alike.
fn environment(name: &str, count: u32, region: &str, machine_type: &str, block: &str) -> String {
    format!(
        r#"
resource "multicloud_environment" "{name}" {{
  count      = {count}
  name       = "workload-${{count.index}}"
  role       = "workload"
  region     = "{region}"
  kubernetes = {{ version = "1.33" }}
  node_pools = {{
    system = {{ machine_type = "{machine_type}", count = 3, mode = "system" }}
  }}
  deletion_protection = false
  {block}
}}
"#
    )
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shells_times_are_those_of_its_children() {
        let text = "0m0.001s 0m0.002s\n0m0.120s 0m0.030s\n0m0.001s 0m0.002s\n1m0.500s 0m0.350s\n";
        assert_eq!(processor_time(text).unwrap(), Duration::from_secs(61));
        assert_eq!(processor_time("").unwrap(), Duration::ZERO);
        assert!(processor_time("0m0.0s 0m0.0s\nnothing here\n").is_err());
    }

    #[test]
    fn the_median_is_taken_of_each_figure() {
        let start = |n: u64| Start {
            handshake: Duration::from_millis(n),
            schema: Duration::from_millis(10 - n),
            schema_bytes: 1,
            memory: n,
        };
        let median = median(&[start(1), start(9), start(2)]);
        assert_eq!((median.handshake.as_millis(), median.schema.as_millis(), median.memory), (2, 8, 2));
    }
}
