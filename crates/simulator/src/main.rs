//! The clouds' APIs on loopback; see the library.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::kubernetes::ApiServer;
use multicloud_simulator::{CloudKind, Config, Simulator, Time};
use tokio::signal::unix::{SignalKind, signal};

/// The clouds' APIs on loopback, for demo, tests and benchmarks.
///
/// Prints one line of JSON with the URLs when ready. Any credential but `invalid` is accepted.
#[derive(Parser)]
#[command(name = "multicloud-simulator", version)]
struct Arguments {
    /// The clouds to simulate; all there are, unless named.
    #[arg(long, value_enum, value_delimiter = ',')]
    clouds: Vec<CloudKind>,
    /// Every cluster handed out is reached at this file's server.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Writes a line of JSON per request, before its reply.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// What is drawn; 0 is calm: exact durations, no late reads.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// A JSON list of what goes wrong; see below.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// How time passes: virtual, by a step per request; or as on the wall.
    #[arg(long, value_enum, default_value_t = Pace::Fast)]
    time: Pace,
    /// Seconds by which one request moves virtual time.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    step: u32,
    /// Simulated seconds per real one, with --time real.
    #[arg(long, value_name = "N", default_value_t = 1)]
    speed: u32,
    /// First port; each endpoint takes the next one. 0: any free ones.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Ends at the end of input too, so that it cannot outlive the script that started it.
    #[arg(long)]
    until_eof: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Pace {
    Fast,
    Real,
}

const FAULTS_HELP: &str = "\
Faults: a list of {call | operation, point, fault, times, probability, retry_after | retry_after_date}
  call         number of the request in the journal; or operation, by name (* is every one)
  point        before_send | uncommitted | reply_lost | reply_cut
  fault        at any point: drop, reset, hang
               at uncommitted (the default) or reply_lost: throttle, throttle_as_invalid_request, unavailable,
               internal_error, expired_token, access_denied, propagating, busy, limit_exceeded,
               not_found_as_client_exception,
               and what no service says: html, gateway_timeout, html_ok, empty, truncated, invalid_utf8, wrong_shape,
               duplicate_keys, huge_number, huge
               without a point, what becomes of the accepted operation: slow, stuck, fail, degrade, stale_status,
               not_yet_visible; or the true reply as text/plain: wrong_content_type
  times        how often (1)      probability  of each time (1)      retry_after  header of the reply
               retry_after_date  the same as a date, that many seconds after the reply's own";

const WORLD_HELP: &str = "\
On every endpoint, under /_simulator/: GET world, GET journal, POST reset, POST faults (a list as above),
  POST advance {\"seconds\": N}, and behind the service's back PUT (a document to merge) and DELETE
  world/eks/<account>/<region>/clusters/<name>[/nodegroups/<name> | /addons/<name> | /access-entries/<ARN, encoded>]
  world/azure/<subscription>/groups/<resource group>[/clusters/<name>[/agentPools/<name>]]
  world/azure/<subscription>/providers/<namespace>
  world/google/<project>/<location>/clusters/<name>[/nodePools/<name>[/instanceGroupManagers/<zone>] | /operations/<name>]";

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Faults(#[from] multicloud_simulator::fault::FaultPlanError),
    #[error(transparent)]
    Kubeconfig(#[from] multicloud_simulator::kubernetes::KubeconfigError),
    #[error(transparent)]
    Start(#[from] multicloud_simulator::StartError),
    #[error("cannot listen to signals or write to stdout")]
    Io(#[from] std::io::Error),
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let mut help = String::from("What exists without being made:\n");
    for cloud in CloudKind::ALL {
        help.push_str(&cloud.inventory());
    }
    let command = Arguments::command().after_help(format!("{FAULTS_HELP}\n\n{WORLD_HELP}\n\n{help}"));
    let arguments = match Arguments::from_arg_matches(&command.get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut text = format!("multicloud-simulator: {failure}");
            let mut source = std::error::Error::source(&failure);
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            // Where even stderr is closed nobody is left to be told.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let until_eof = arguments.until_eof;
    // Listened to before the ready line: whoever has read that may send the signal.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = Simulator::start(config(arguments)?).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", running.ready_line())?;
    stdout.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = end_of_input(), if until_eof => {}
    }
    // Its file goes with it; the exit below runs no destructor.
    drop(running);
    // A thread may still sit in a read of stdin, which no runtime can interrupt.
    std::process::exit(0);
}

fn config(arguments: Arguments) -> Result<Config, Failure> {
    let faults = match &arguments.faults {
        Some(path) => FaultPlan::from_json(&read(path)?)?,
        None => FaultPlan::default(),
    };
    let api_server = match &arguments.kubeconfig {
        Some(path) => ApiServer::from_kubeconfig(path)?,
        None => ApiServer::Unreachable,
    };
    let time = match arguments.time {
        Pace::Fast => Time::Fast { step: Duration::from_secs(arguments.step.into()) },
        Pace::Real => Time::Real { speed: arguments.speed },
    };
    let clouds = if arguments.clouds.is_empty() { CloudKind::ALL.to_vec() } else { arguments.clouds };
    Ok(Config {
        clouds,
        api_server,
        journal: arguments.journal,
        seed: arguments.seed,
        faults,
        time,
        port: arguments.port,
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|source| Failure::Read { path: path.to_path_buf(), source })
}

async fn end_of_input() {
    let drain = tokio::task::spawn_blocking(|| {
        let mut buffer = [0; 1024];
        let mut stdin = std::io::stdin();
        while matches!(stdin.read(&mut buffer), Ok(1..)) {}
    });
    // The task reads until the end or an error; both are the end.
    let _ = drain.await;
}
