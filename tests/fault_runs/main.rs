//! Runs with faults: whatever goes wrong on the way to a cloud or in it, an environment reaches its goal or it is said
//! truthfully why not; and once nothing is wrong any more, at most two further processes reach it.
//!
//! A run is a simulator and a driver on one thread, under one virtual time. A seed draws what is done (create, update,
//! upgrade, delete, import), how calm the world is, and what befalls which request. Besides, every row of faults is tried one
//! fault at a time, at every request. What is right is judged from the simulator's journal by the crash matrix's checker and
//! by [`judge`], both of which share nothing with what they judge.
//!
//! Seeds are fresh in every run and printed; with `MULTICLOUD_EXHAUSTIVE` set there are thousands, and the rows are whole.
//!
//! ```text
//! cargo test -p multicloud --test fault_runs -- eks::n3_replies seeds
//! cargo test -p multicloud --test fault_runs -- replay --cloud eks --seed 7
//! cargo test -p multicloud --test fault_runs -- replay --cloud eks --row n3_replies --index 40
//! ```
#![expect(clippy::print_stdout, reason = "what was covered is what this program is for")]

#[path = "../crash_matrix/apply.rs"]
mod apply;
#[allow(dead_code, reason = "the crash matrix uses all of it")]
#[path = "../crash_matrix/checker/mod.rs"]
mod checker;
#[allow(dead_code, reason = "the crash matrix uses all of it")]
#[path = "../crash_matrix/clouds/mod.rs"]
mod clouds;
mod judge;
mod line;
mod plan;
#[allow(dead_code, reason = "the crash matrix uses all of it")]
#[path = "../crash_matrix/planted_bug.rs"]
mod planted_bug;
#[allow(dead_code, reason = "the crash matrix uses all of it")]
#[path = "../crash_matrix/point.rs"]
mod point;
mod row;
mod run;
mod wire;
#[allow(dead_code, reason = "the crash matrix uses all of it")]
#[path = "../crash_matrix/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::clouds::CloudName;
use crate::plan::Plan;
use crate::planted_bug::Bug;
use crate::point::Draw;
use crate::row::Row;
use crate::run::{References, Report};

/// How many seeds a sample has per cloud.
const SEEDS: usize = 150;

/// How many seeds an exhaustive run has per cloud.
const EXHAUSTIVE_SEEDS: usize = 3000;

/// How many runs of a row a sample has.
const ROW_SAMPLE: usize = 15;

/// A sample stops drawing seeds after this long: who runs all tests waits for it.
const SAMPLE_TIME: Duration = Duration::from_secs(90);

/// Within how many seeds a bug must be caught.
const BUG_SEEDS: u64 = 300;

/// How many seeds are done twice, to see that they come out the same.
const TWICE: u64 = 5;

/// How many failures are told in full.
const TOLD: usize = 5;

/// One entry of the report.
#[derive(Debug, Clone, Copy)]
enum Sort {
    /// One fault at a time.
    Row(Row),
    /// Nobody listens at the cloud's address; a reply never comes.
    Wire,
    /// Whatever the seeds draw. The budget of requests (row N6) is judged in every run.
    Seeds,
    /// A seed means the same run, to the byte of its journal.
    Replay,
    /// A bug is caught.
    Planted(Bug),
}

#[derive(Debug, Clone, Copy)]
struct Case {
    cloud: CloudName,
    sort: Sort,
}

impl Case {
    fn all() -> Vec<Case> {
        let of_cloud = |cloud: CloudName| {
            let mut sorts: Vec<Sort> = Row::ALL.map(Sort::Row).to_vec();
            sorts.extend([Sort::Wire, Sort::Seeds, Sort::Replay]);
            // These two show where a process dies between making and marking, and where others have a cluster of that name:
            // both are the crash matrix's.
            let elsewhere = |bug: &Bug| matches!(bug, Bug::HalfMadeIsGone | Bug::AdoptsAnything);
            let bugs = cloud.cloud().bugs().into_iter().filter(|bug| !elsewhere(bug));
            sorts.extend(bugs.chain([Bug::IgnoresRetryAfter]).map(Sort::Planted));
            sorts.into_iter().map(move |sort| Case { cloud, sort })
        };
        CloudName::ALL.into_iter().flat_map(of_cloud).collect()
    }

    fn name(self) -> String {
        let sort = match self.sort {
            Sort::Row(row) => row.as_str().to_owned(),
            Sort::Wire => "n2_wire".to_owned(),
            Sort::Seeds => "n6_seeds".to_owned(),
            Sort::Replay => "replayed".to_owned(),
            Sort::Planted(bug) => format!("planted_bug::{}", bug.as_str()),
        };
        format!("{}::{sort}", self.cloud.as_str())
    }
}

/// What to run.
#[derive(Debug)]
struct Options {
    seed: u64,
    exhaustive: bool,
    list: bool,
    exact: bool,
    cloud: Option<CloudName>,
    row: Option<Row>,
    index: Option<usize>,
    bug: Option<Bug>,
    filters: Vec<String>,
    skips: Vec<String>,
}

impl Options {
    fn read(arguments: impl IntoIterator<Item = String>) -> Result<Options, String> {
        let number = |text: &str| text.parse().map_err(|error| format!("{text:?} is no number: {error}"));
        let mut options = Options {
            seed: match std::env::var("MULTICLOUD_SEED") {
                Ok(seed) => number(&seed)?,
                Err(_) => fresh_seed(),
            },
            exhaustive: std::env::var_os("MULTICLOUD_EXHAUSTIVE").is_some(),
            list: false,
            exact: false,
            cloud: None,
            row: None,
            index: None,
            bug: None,
            filters: Vec::new(),
            skips: Vec::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--seed" => options.seed = number(&value()?)?,
                "--cloud" => options.cloud = Some(value()?.parse()?),
                "--row" => {
                    let name = value()?;
                    let row = Row::ALL.into_iter().find(|row| row.as_str() == name);
                    options.row = Some(row.ok_or_else(|| format!("{name:?} is no row"))?);
                }
                "--index" => options.index = Some(usize::try_from(number(&value()?)?).unwrap_or(usize::MAX)),
                "--bug" => options.bug = Some(value()?.parse()?),
                "--exhaustive" => options.exhaustive = true,
                "--list" => options.list = true,
                "--exact" => options.exact = true,
                "--skip" => options.skips.push(value()?),
                // Of cargo's tests, and nothing here: what is said is always shown, and threads are ours to choose.
                "--test-threads" | "--color" | "--format" => drop(value()?),
                other if other.starts_with('-') => {}
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skips.iter().any(fits)
    }
}

/// The time of day: another one in every run.
fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| u64::from(since.subsec_nanos()))
}

/// From where simulated time begins (2026-01-01) to the day it is: clients that are told when a token ends look at their own
/// clock.
pub(crate) fn until_today() -> Duration {
    const BEGINNING: Duration = Duration::from_secs(1_767_225_600);
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(BEGINNING)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match Options::read(arguments) {
        Ok(options) => options,
        Err(problem) => {
            println!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    if options.filters.first().is_some_and(|first| first == "replay") {
        return replay(&options);
    }
    let cases: Vec<Case> = Case::all().into_iter().filter(|case| options.wants(&case.name())).collect();
    if options.list {
        cases.iter().for_each(|case| println!("{}: test", case.name()));
        return ExitCode::SUCCESS;
    }
    println!("MULTICLOUD_SEED={}", options.seed);
    let references = References::default();
    let mut failed = Vec::new();
    for case in cases {
        let start = Instant::now();
        let tried = panic::catch_unwind(AssertUnwindSafe(|| case.run(&options, &references)));
        let (figures, is_ok) = tried.unwrap_or_else(|_| ("a run goes wrong that nothing befalls".to_owned(), false));
        println!("{}: {figures} in {:.0?}: {}", case.name(), start.elapsed(), if is_ok { "ok" } else { "FAILED" });
        if !is_ok {
            failed.push(case.name());
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("FAILED: {}", failed.join(", "));
    ExitCode::FAILURE
}

impl Case {
    fn run(self, options: &Options, references: &References) -> (String, bool) {
        let cloud = self.cloud;
        match self.sort {
            Sort::Row(row) => {
                let plans = row.plans(cloud, references);
                let total = plans.len();
                let mut chosen: Vec<usize> = (0..total).collect();
                if !options.exhaustive {
                    chosen = Draw(options.seed).shuffled(chosen);
                    chosen.truncate(ROW_SAMPLE);
                }
                let again = |index: usize| format!("--row {} --index {}", row.as_str(), chosen[index]);
                let done = all(cloud, chosen.len(), None, references, |index| plans[chosen[index]].clone(), again);
                (format!("{} of {total} runs, {done}", chosen.len()), done.failed == 0)
            }
            Sort::Wire => wire::tried(cloud),
            Sort::Seeds => {
                let (count, until) = match options.exhaustive {
                    true => (EXHAUSTIVE_SEEDS, None),
                    false => (SEEDS, Some(Instant::now() + SAMPLE_TIME)),
                };
                let seed = |index: usize| Draw(Draw(options.seed).next() ^ index as u64).next();
                let plan = |index| drawn(cloud, seed(index), references);
                let done = all(cloud, count, until, references, plan, |index| format!("--seed {}", seed(index)));
                (done.to_string(), done.failed == 0)
            }
            Sort::Replay => {
                let differ = (0..TWICE).map(|index| Draw(options.seed ^ index).next()).filter(|seed| {
                    let plan = drawn(cloud, *seed, references);
                    let [one, other] = [(); 2].map(|()| journal(&run::run(&plan, None, None)));
                    one != other
                });
                let differ: Vec<String> = differ.map(|seed| seed.to_string()).collect();
                (format!("{TWICE} seeds twice; journals that differ: [{}]", differ.join(", ")), differ.is_empty())
            }
            Sort::Planted(bug) => planted(options, cloud, bug, references),
        }
    }
}

fn drawn(cloud: CloudName, seed: u64, references: &References) -> Plan {
    Plan::drawn(cloud, seed, |plan| references.trace(plan))
}

fn journal(report: &Report) -> String {
    report.requests.iter().map(|request| format!("{request}\n")).collect()
}

fn planted(options: &Options, cloud: CloudName, bug: Bug, references: &References) -> (String, bool) {
    for number in 0..BUG_SEEDS {
        let seed = Draw(options.seed.wrapping_add(number)).next();
        let plan = drawn(cloud, seed, references);
        let report = checked(&plan, Some(bug), references);
        if !report.is_empty() {
            // What goes wrong without the bug is none of its doing.
            let without = checked(&plan, None, references);
            if !without.is_empty() {
                return (format!("seed {seed} goes wrong without the bug: {}", without.join("; ")), false);
            }
            let rules: BTreeSet<&str> = report.iter().filter_map(|wrong| wrong.split(':').next()).collect();
            let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
            return (format!("caught by seed {} of {BUG_SEEDS} at most, {seed}, by: {rules}", number + 1), true);
        }
    }
    (format!("not caught by {BUG_SEEDS} seeds"), false)
}

/// Does a run; a panic in it is wrong, too.
fn checked(plan: &Plan, bug: Option<Bug>, references: &References) -> Vec<String> {
    let done = panic::catch_unwind(AssertUnwindSafe(|| {
        let reference = references.of(plan);
        run::run(plan, bug, Some(&reference)).wrong
    }));
    done.unwrap_or_else(|_| vec!["panic: see above".to_owned()])
}

/// What some runs came to.
#[derive(Default)]
struct Done {
    runs: usize,
    failed: usize,
    at_once: usize,
    further: usize,
    struck: usize,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Done { runs, failed, at_once, further, struck } = self;
        let said = runs - at_once - failed;
        write!(f, "{runs} done with {struck} faults: {at_once} reached the goal at once, {said} said why not")?;
        write!(f, " and took {further} further processes; {failed} wrong")
    }
}

/// Does runs side by side, one per core, and tells what is wrong as it comes.
fn all(
    cloud: CloudName,
    count: usize,
    until: Option<Instant>,
    references: &References,
    plan: impl Fn(usize) -> Plan + Sync,
    again: impl Fn(usize) -> String + Sync,
) -> Done {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Done::default());
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::SeqCst);
            if index >= count || until.is_some_and(|until| Instant::now() > until) {
                return;
            }
            let made = panic::catch_unwind(AssertUnwindSafe(|| {
                let plan = plan(index);
                let reference = references.of(&plan);
                run::run(&plan, None, Some(&reference))
            }));
            let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            done.runs += 1;
            let wrong = match &made {
                Ok(report) => {
                    done.struck += report.requests.iter().filter(|request| !request["fault"].is_null()).count();
                    done.further += report.further;
                    done.at_once += usize::from(report.wrong.is_empty() && report.further == 0);
                    report.wrong.clone()
                }
                Err(_) => vec!["panic: see above".to_owned()],
            };
            if !wrong.is_empty() {
                done.failed += 1;
                if done.failed <= TOLD {
                    let cloud = cloud.as_str();
                    println!("    {}", again(index));
                    wrong.iter().for_each(|wrong| println!("        {}", shortened(wrong)));
                    let again = again(index);
                    println!(
                        "        again: cargo test -p multicloud --test fault_runs -- replay --cloud {cloud} {again}"
                    );
                }
            }
        }
    };
    let side_by_side = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..side_by_side {
            scope.spawn(worker);
        }
    });
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Does one run twice and shows it.
fn replay(options: &Options) -> ExitCode {
    let Some(cloud) = options.cloud else {
        println!("replay needs --cloud and --seed, or --cloud, --row and --index");
        return ExitCode::FAILURE;
    };
    let references = References::default();
    let plan = match (options.row, options.index) {
        (Some(row), Some(index)) => row.plans(cloud, &references).into_iter().nth(index),
        _ => Some(drawn(cloud, options.seed, &references)),
    };
    let Some(plan) = plan else {
        println!("the row has no such run");
        return ExitCode::FAILURE;
    };
    println!("{plan:#?}");
    let reference = references.of(&plan);
    let [report, other] = [(); 2].map(|()| run::run(&plan, options.bug, Some(&reference)));
    for request in &report.requests {
        let told = ["seq", "time", "operation", "path", "status", "committed", "fault", "not_before"];
        let told: Vec<String> = told.iter().map(|member| request[member].to_string()).collect();
        println!("{}", told.join(" "));
    }
    println!("first: {:?} {}", report.first.end, report.first.said);
    println!("processes after {:?}, {} further", report.processes, report.further);
    report.wrong.iter().for_each(|wrong| println!("{}", shortened(wrong)));
    let same = journal(&report) == journal(&other);
    println!("{}", if same { "the journal is the same twice" } else { "the journal is ANOTHER one the second time" });
    if same && report.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line that can be read: a missing cluster is a long document.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 1000;
    let short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
