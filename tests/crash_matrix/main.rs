//! The crash matrix: whatever happens at whatever API call, nothing is lost, made twice, or taken from others.
//!
//! Each deed (create, update, delete) is first done with nothing befalling it; the calls in the simulator's journal of that
//! run, times the moments of a call, are the points. At each, a small process that drives an environment under virtual time
//! is killed, and begun again. A tenth of the points goes through real terraform and tofu, which run the built provider.
//!
//! A run takes a sample by a fresh seed, which it prints; with `MULTICLOUD_EXHAUSTIVE` set it takes every point.
//!
//! ```text
//! cargo test -p terraform-provider-multicloud --test crash_matrix -- eks::killed::create planted_bug
//! cargo test -p terraform-provider-multicloud --test crash_matrix -- --seed 7
//! cargo test -p terraform-provider-multicloud --test crash_matrix -- --point eks:update:17:reply_lost:kill:prior
//! ```
#![expect(clippy::print_stdout, reason = "what was covered is what this program is for")]

mod apply;
mod checker;
mod clouds;
mod driver_process;
#[allow(dead_code, unused_imports, unused_macros, reason = "the acceptance tests use all of it")]
#[path = "../acceptance/harness/mod.rs"]
mod harness;
mod matrix;
mod options;
mod planted_bug;
mod point;
mod tampering;
mod terraform;
#[path = "../testbed/mod.rs"]
mod testbed;
mod world;

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};
use std::future::Future;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::clouds::CloudName;
use crate::harness::Cli;
use crate::matrix::{Reference, Verdict};
use crate::options::Options;
use crate::planted_bug::Bug;
use crate::point::{Blow, Deed, Draw, Memory, Point};
use crate::world::Pace;

/// How many points a sample of one deed has: a few seconds' worth.
const SAMPLE: usize = 20;

/// How many of them one case of a deed has that is not about being killed.
const SMALL_SAMPLE: usize = 10;

/// Most recoveries have this part of a deed's calls: a second kill after them would not happen.
const RECOVERY_PART: u64 = 3;

/// After how many points there is a sign of life.
const PROGRESS: usize = 50;

/// How many points a sample with a command line has; each takes some ten seconds.
const SAMPLE_TERRAFORM: usize = 3;
const SAMPLE_TOFU: usize = 2;

/// One of how many points is tried with a command line in an exhaustive run.
const EACH_TERRAFORM: usize = 10;
const EACH_TOFU: usize = 30;

/// How often a point is tried with a command line until its call comes. There calls run side by side in real time, so that
/// a deed has a poll more in one run than in another.
const ATTEMPTS: usize = 5;

/// How many pairs of points an exhaustive run tries per deed; there are far too many to try all.
const PAIRS: usize = 200;

/// The deeds that are done with a command line: what is refused is refused there by a test of its own.
const LIFE: [Deed; 3] = [Deed::Create, Deed::Update, Deed::Delete];

/// One entry of the report.
#[derive(Debug, Clone, Copy)]
enum Sort {
    /// The process is killed at every call.
    Killed(Deed),
    /// The process is killed, and killed again while it recovers.
    KilledTwice(Deed),
    /// Calls go wrong, and the process lives.
    Survived(Deed, Blow),
    /// The checker tells evidence that was tampered with.
    Checker,
    /// A bug is caught.
    Planted(Bug),
    /// The provider is killed under terraform.
    Terraform,
    /// The provider is killed under tofu.
    Tofu,
}

/// One entry of the report: what is tried on which cloud.
#[derive(Debug, Clone, Copy)]
struct Case {
    cloud: CloudName,
    sort: Sort,
}

impl Case {
    fn all() -> Vec<Case> {
        CloudName::ALL.into_iter().flat_map(Case::of_cloud).collect()
    }

    fn of_cloud(cloud: CloudName) -> Vec<Case> {
        let mut sorts: Vec<Sort> = Deed::ALL.map(Sort::Killed).to_vec();
        sorts.extend(LIFE.map(Sort::KilledTwice));
        let blows = [Blow::Drop, Blow::AccessDenied, Blow::InternalError];
        sorts.extend(LIFE.into_iter().flat_map(|deed| blows.map(|blow| Sort::Survived(deed, blow))));
        sorts.push(Sort::Checker);
        sorts.extend(cloud.cloud().bugs().into_iter().map(Sort::Planted));
        sorts.extend([Sort::Terraform, Sort::Tofu]);
        sorts.into_iter().map(|sort| Case { cloud, sort }).collect()
    }

    fn name(self) -> String {
        let sort = match self.sort {
            Sort::Killed(deed) => format!("killed::{}", deed.as_str()),
            Sort::KilledTwice(deed) => format!("killed_twice::{}", deed.as_str()),
            Sort::Survived(deed, blow) => format!("survived::{}::{}", deed.as_str(), blow.as_str()),
            Sort::Checker => "checker".to_owned(),
            Sort::Planted(bug) => format!("planted_bug::{}", bug.as_str()),
            // `cargo xtask test` leaves out what ends so where the command line is missing.
            Sort::Terraform => "killed::terraform".to_owned(),
            Sort::Tofu => "killed::tofu".to_owned(),
        };
        format!("{}::{sort}", self.cloud.as_str())
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, order] = &arguments[..]
        && first == driver_process::ARGUMENT
    {
        return driver_process::main(order);
    }
    let options = match Options::read(arguments) {
        Ok(options) => options,
        Err(problem) => {
            println!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    let failed = runtime.block_on(run(&options));
    match failed[..] {
        [] => ExitCode::SUCCESS,
        _ => {
            println!("FAILED: {}", failed.join(", "));
            ExitCode::FAILURE
        }
    }
}

/// Runs what is wanted, and names what failed.
async fn run(options: &Options) -> Vec<String> {
    let mut references = References::default();
    if let Some(point) = options.point {
        let reference = matrix::reference(point.cloud, point.deed, options.bug.map_or(Pace::Usual, Bug::pace)).await;
        let verdict = matrix::strike(&point, options.bug, &reference).await;
        println!("{point}: {}", if verdict.wrong.is_empty() { "nothing is wrong" } else { "FAILED" });
        println!("{}{}", verdict.wrong.join("\n"), matrix::listing(&verdict.requests));
        return if verdict.wrong.is_empty() { Vec::new() } else { vec![point.to_string()] };
    }
    let cases: Vec<Case> = Case::all().into_iter().filter(|case| options.wants(&case.name())).collect();
    if options.list {
        cases.iter().for_each(|case| println!("{}: test", case.name()));
        return Vec::new();
    }
    println!("MULTICLOUD_SEED={}", options.seed);
    let mut failed = Vec::new();
    for case in cases {
        let start = Instant::now();
        let cloud = case.cloud;
        let report = match case.sort {
            Sort::Killed(deed) => killed(options, cloud, deed, references.of(cloud, deed).await).await,
            Sort::KilledTwice(deed) => killed_twice(options, cloud, deed, references.of(cloud, deed).await).await,
            Sort::Survived(deed, blow) => survived(options, cloud, deed, blow, references.of(cloud, deed).await).await,
            Sort::Checker => {
                let updated = references.of(cloud, Deed::Update).await;
                tampered(cloud, &updated, &*references.of(cloud, Deed::Delete).await)
            }
            Sort::Planted(bug) => planted(options, cloud, bug).await,
            Sort::Terraform => commanded(options, cloud, &Cli::terraform(), SAMPLE_TERRAFORM, EACH_TERRAFORM).await,
            Sort::Tofu => commanded(options, cloud, &Cli::tofu(), SAMPLE_TOFU, EACH_TOFU).await,
        };
        let verdict = if report.failed { "FAILED" } else { "ok" };
        println!("{}: {} in {:.0?}: {verdict}", case.name(), report.figures, start.elapsed());
        if report.failed {
            failed.push(case.name());
        }
    }
    failed
}

/// What a case came to.
struct Report {
    figures: String,
    failed: bool,
}

/// Deeds that nothing befalls, each done once.
#[derive(Default)]
struct References(BTreeMap<(CloudName, Deed), Arc<Reference>>);

impl References {
    async fn of(&mut self, cloud: CloudName, deed: Deed) -> Arc<Reference> {
        match self.0.entry((cloud, deed)) {
            Entry::Occupied(done) => Arc::clone(done.get()),
            Entry::Vacant(undone) => {
                Arc::clone(undone.insert(Arc::new(matrix::reference(cloud, deed, Pace::Usual).await)))
            }
        }
    }
}

/// Kills at the points of a deed, and recovers from what was saved before it; in an exhaustive run, also from the last
/// checkpoint.
async fn killed(options: &Options, cloud: CloudName, deed: Deed, reference: Arc<Reference>) -> Report {
    let calls = checker::calls(&reference.requests);
    let points = Point::all(cloud, deed, calls, Blow::Kill, Memory::Prior);
    let total = points.len();
    let (chosen, others) = if options.exhaustive {
        (points, Point::all(cloud, deed, calls, Blow::Kill, Memory::Checkpoint))
    } else {
        let mut drawn = drawn(options, points, SAMPLE);
        let others = drawn.split_off(drawn.len() / 2);
        (drawn, others.into_iter().map(|point| Point { memory: Memory::Checkpoint, ..point }).collect())
    };
    let prior = strike_all(chosen, None, &reference).await;
    let checkpoint = strike_all(others, None, &reference).await;
    let (from_prior, from_checkpoint) = (prior.covered(), checkpoint.covered());
    let covered = if options.exhaustive { from_prior } else { from_prior + from_checkpoint };
    let percent = 100 * covered / total.max(1);
    let figures = format!(
        "covered {covered}/{total} ({percent} %) points of {calls} calls, \
         {from_prior} from the prior state, {from_checkpoint} from the checkpoint"
    );
    Report { figures, failed: prior.failed() || checkpoint.failed() || (options.exhaustive && covered < total) }
}

async fn killed_twice(options: &Options, cloud: CloudName, deed: Deed, reference: Arc<Reference>) -> Report {
    let calls = checker::calls(&reference.requests);
    let mut draw = Draw(options.seed);
    let points =
        Memory::ALL.into_iter().flat_map(|memory| Point::all(cloud, deed, calls, Blow::Kill, memory)).collect();
    let mut points = draw.shuffled(points);
    points.truncate(if options.exhaustive { PAIRS } else { SMALL_SAMPLE });
    points.iter_mut().for_each(|point: &mut Point| point.again = Some(draw.number(calls / RECOVERY_PART)));
    let struck = strike_all(points, None, &reference).await;
    let twice = struck.verdicts.iter().filter(|verdict| verdict.is_covered_again).count();
    let figures = format!("{} pairs, in {twice} of them the recovery reached its own", struck.verdicts.len());
    Report { figures, failed: struck.failed() || twice == 0 }
}

async fn survived(options: &Options, cloud: CloudName, deed: Deed, blow: Blow, reference: Arc<Reference>) -> Report {
    let calls = checker::calls(&reference.requests);
    let points = Point::all(cloud, deed, calls, blow, Memory::Prior);
    let total = points.len();
    let chosen = if options.exhaustive { points } else { drawn(options, points, SMALL_SAMPLE) };
    let struck = strike_all(chosen, None, &reference).await;
    Report { figures: format!("covered {}/{total} points", struck.covered()), failed: struck.failed() }
}

/// Shows evidence to the checker in which one thing is not as it was.
fn tampered(cloud: CloudName, updated: &Reference, deleted: &Reference) -> Report {
    let all: Vec<_> = tampering::all(cloud.cloud().dialect());
    let missed: Vec<&str> =
        all.iter().filter(|tampering| !tampering.is_told(cloud, updated, deleted)).map(|it| it.rule).collect();
    let all = all.len();
    let figures = match missed[..] {
        [] => format!("told {all} of {all} tamperings"),
        _ => format!("did not tell {} of {all}: {}", missed.len(), missed.join(", ")),
    };
    Report { figures, failed: !missed.is_empty() }
}

/// Strikes where the bug shows until it is caught.
async fn planted(options: &Options, cloud: CloudName, bug: Bug) -> Report {
    let (deed, blow) = bug.shows_at();
    let reference = matrix::reference(cloud, deed, bug.pace()).await;
    let points = Point::all(cloud, deed, checker::calls(&reference.requests), blow, Memory::Prior);
    let points = Draw(options.seed).shuffled(points);
    let total = points.len();
    for (index, point) in points.iter().enumerate() {
        let verdict = matrix::strike(point, Some(bug), &reference).await;
        // With a bug, a deed may have other calls: that alone is no catch.
        let wrong: Vec<&String> =
            verdict.wrong.iter().filter(|wrong| !wrong.starts_with(matrix::NOT_COVERED)).collect();
        if !wrong.is_empty() {
            let rules: BTreeSet<&str> = wrong.iter().filter_map(|wrong| wrong.split(':').next()).collect();
            let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
            let figures = format!("caught at point {} of {total}, {point}, by: {rules}", index + 1);
            return Report { figures, failed: false };
        }
    }
    Report { figures: format!("not caught at any of {total} points"), failed: true }
}

/// Kills the provider under a command line.
async fn commanded(options: &Options, cloud: CloudName, cli: &Cli, sample: usize, each: usize) -> Report {
    let cli = Arc::new(cli.clone());
    let mut draw = Draw(options.seed);
    let (mut total, mut points) = (0, Vec::new());
    let mut references = BTreeMap::new();
    for deed in LIFE {
        let with = Arc::clone(&cli);
        let done = blocking(move |runtime| terraform::reference(cloud, deed, &with, runtime)).await;
        let done = done.expect("the deed ends when nothing befalls it");
        let of_deed = Point::all(cloud, deed, checker::calls(&done.requests), Blow::Kill, Memory::Prior);
        total += of_deed.len();
        let share = of_deed.len().div_ceil(each);
        points.extend(draw.shuffled(of_deed).into_iter().take(if options.exhaustive { share } else { usize::MAX }));
        references.insert(deed, Arc::new(done));
    }
    if !options.exhaustive {
        points = draw.shuffled(points);
        points.truncate(sample);
    }
    let struck = strike_each(points, |point| {
        let (cli, reference) = (Arc::clone(&cli), Arc::clone(&references[&point.deed]));
        async move {
            let strike = move |runtime: &Handle| {
                let mut verdict = terraform::strike(&point, &cli, &reference, runtime);
                for _ in 1..ATTEMPTS {
                    if !verdict.is_covered {
                        verdict = terraform::strike(&point, &cli, &reference, runtime);
                    }
                }
                verdict
            };
            blocking(strike).await.unwrap_or_else(Verdict::broken)
        }
    });
    let struck = struck.await;
    let covered = struck.covered();
    let tenths = 1000 * covered / total.max(1);
    let figures = format!("covered {covered}/{total} ({}.{} %) points", tenths / 10, tenths % 10);
    Report { figures, failed: struck.failed() }
}

/// Runs what waits for other programs, on a thread where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce(&Handle) -> T + Send + 'static) -> Result<T, String> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || work(&runtime)).await.map_err(|error| error.to_string())
}

/// The verdicts of some points.
struct Struck {
    verdicts: Vec<Verdict>,
}

impl Struck {
    fn covered(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.is_covered).count()
    }

    fn failed(&self) -> bool {
        self.verdicts.iter().any(|verdict| !verdict.wrong.is_empty())
    }
}

async fn strike_all(points: Vec<Point>, bug: Option<Bug>, reference: &Arc<Reference>) -> Struck {
    let strike = |point| {
        let reference = Arc::clone(reference);
        async move {
            let struck = tokio::spawn(async move { matrix::strike(&point, bug, &reference).await }).await;
            struck.unwrap_or_else(|error| Verdict::broken(error.to_string()))
        }
    };
    strike_each(points, strike).await
}

/// Strikes at points side by side, one per core, and tells what is wrong as it comes.
async fn strike_each<F>(points: Vec<Point>, strike: impl Fn(Point) -> F) -> Struck
where
    F: Future<Output = Verdict> + Send + 'static,
{
    let side_by_side = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut verdicts = Vec::new();
    let mut running = JoinSet::new();
    let total = points.len();
    let mut points = points.into_iter();
    loop {
        while running.len() < side_by_side
            && let Some(point) = points.next()
        {
            let struck = strike(point);
            running.spawn(async move { (point, struck.await) });
        }
        let Some(ended) = running.join_next().await else { return Struck { verdicts } };
        let (point, verdict) = ended.expect("a strike that panics is a verdict");
        if !verdict.wrong.is_empty() {
            println!("{point}");
            verdict.wrong.iter().for_each(|wrong| println!("    {}", shortened(wrong)));
            println!("    again: cargo test -p terraform-provider-multicloud --test crash_matrix -- --point {point}");
        }
        verdicts.push(verdict);
        if verdicts.len().is_multiple_of(PROGRESS) {
            println!("    {} of {total}", verdicts.len());
        }
    }
}

fn drawn(options: &Options, points: Vec<Point>, sample: usize) -> Vec<Point> {
    let mut points = Draw(options.seed).shuffled(points);
    points.truncate(sample);
    points
}

/// A line that can be read: a missing cluster is a long document.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 1000;
    let short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
