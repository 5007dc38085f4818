//! Does a run: a simulator and a driver on one thread, under one virtual time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use multicloud::drain::NoDrainer;
use multicloud::environment::EnvironmentSpec;
use multicloud::{Clock as _, Driver, IdempotencyToken, Jitter, VirtualClock};
use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::{Config, Running, Simulator, Time};
use serde_json::Value;
use tempfile::TempDir;

use crate::apply::{Applied, End, Record, State, Task, apply};
use crate::checker::Evidence;
use crate::clouds::{CloudName, OTHERS, OURS, Reach};
use crate::judge::{self, Course};
use crate::line::{LATENCY, Timed};
use crate::plan::{Blow, Expected, Plan, Scenario, TIMEOUT, TOKEN};
use crate::planted_bug::{Bug, Serial};
use crate::world;

/// How often operations are asked about. Longer than any back-off, so that the judge can tell polls from retries.
const POLL_INTERVAL: Duration = Duration::from_mins(1);

/// How often what was begun may be begun again once nothing is wrong any more.
const FURTHER: usize = 2;

/// What is said of a cluster that the cloud has given up on.
const ONLY_DELETING: &str = "only deleting it is possible";

/// More than an operation takes that is stuck.
const UNTIL_UNSTUCK: Duration = Duration::from_secs(31 * 86_400);

/// How long a revoked credential may take to be told, once it is met: steps that go on beside meet it at their next look.
const REVOKED_TOLD: Duration = POLL_INTERVAL.saturating_add(Duration::from_secs(30));

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) wrong: Vec<String>,
    pub(crate) requests: Vec<Value>,
    pub(crate) processes: Vec<u64>,
    /// The clusters before and after it.
    pub(crate) before: Value,
    pub(crate) after: Value,
    /// How the first process ended.
    pub(crate) first: Applied,
    /// How many more it took.
    pub(crate) further: usize,
}

/// What is remembered between processes.
#[derive(Debug, Default)]
struct Memory(Mutex<Option<State>>);

impl Record for Memory {
    fn load(&self) -> Option<State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn store(&self, state: &State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A cloud, and who works on it.
struct Stage<'a> {
    plan: &'a Plan,
    bug: Option<Bug>,
    line: Timed,
    memory: Memory,
    processes: Vec<u64>,
    folder: TempDir,
}

impl Stage<'_> {
    fn running(&self) -> &Running {
        &self.line.running
    }

    /// One process.
    fn process(&mut self, task: Task, desired: &EnvironmentSpec, minutes: u64, bug: Option<Bug>) -> Applied {
        self.processes.push(self.running().seen());
        let number = self.processes.len() as u64;
        let mut reach = Reach::of(self.running());
        reach.token_file = self.plan.token_file.then(|| self.token_file());
        let backend = self.plan.cloud.cloud().connect(&reach);
        let serial = Serial::new(backend, bug, desired.mark(), self.line.clone());
        let clock: Arc<VirtualClock> = Arc::new(self.line.clock.clone());
        let jitter = Jitter::seeded(self.plan.jitter.wrapping_add(number));
        let driver = Driver::new(Arc::new(serial), clock, jitter, POLL_INTERVAL).with_drainer(Arc::new(NoDrainer));
        let token = IdempotencyToken::new(format!("00000000-0000-4000-8000-{number:012}"));
        let timeout = Duration::from_mins(minutes);
        let done = self.line.clock.run(apply(&driver, &self.memory, task, desired, token, timeout));
        done.expect("nothing is waited for but time and replies")
    }

    fn token_file(&self) -> std::path::PathBuf {
        self.folder.path().join("token")
    }

    fn write_token(&self, token: &str) {
        write(&self.token_file(), token);
    }

    fn has_ours(&self) -> bool {
        !world::clusters(self.plan.cloud, self.running())[OURS].is_null()
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the file can be written");
}

fn upgraded(plan: &Plan) -> EnvironmentSpec {
    let cloud = plan.cloud.cloud();
    let mut spec = cloud.created();
    spec.kubernetes.version = cloud.updated().kubernetes.version;
    spec
}

/// Does the run, and judges it by the same run that nothing befell.
pub(crate) fn run(plan: &Plan, bug: Option<Bug>, reference: Option<&Report>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let runtime = Arc::new(runtime);
    let cloud = plan.cloud.cloud();
    let config = Config {
        clouds: vec![cloud.simulated()],
        seed: plan.world,
        time: Time::Fast { step: Duration::ZERO },
        ..Config::default()
    };
    let running = runtime.block_on(Simulator::start(config)).expect("the simulator starts");
    world::put_others(plan.cloud, &running);
    let clock = VirtualClock::new();
    let ahead = if plan.token_file { crate::until_today() } else { Duration::ZERO };
    let line = Timed { runtime, clock, running: Arc::new(running), ahead, stalled: Default::default(), rotation: None };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut stage = Stage { plan, bug, line, memory: Memory::default(), processes: Vec::new(), folder };
    stage.write_token(TOKEN);
    let created = cloud.created();
    let (task, desired) = match plan.scenario {
        Scenario::Create => (Task::Apply, created.clone()),
        Scenario::Update => (Task::Apply, cloud.updated()),
        Scenario::Upgrade => (Task::Apply, upgraded(plan)),
        Scenario::Delete => (Task::Delete, created.clone()),
        Scenario::Import => (Task::Import, created.clone()),
    };
    if plan.scenario != Scenario::Create {
        let made = stage.process(Task::Apply, &created, TIMEOUT, None);
        assert_eq!(made.end, End::Done, "the environment cannot be made: {}", made.said);
    }
    match plan.scenario {
        Scenario::Update => cloud.intrude(stage.running()),
        Scenario::Import => stage.memory.forget(),
        Scenario::Create | Scenario::Upgrade | Scenario::Delete => {}
    }
    stage.line.set_clock();
    let before = world::clusters(plan.cloud, stage.running());
    let seen = stage.running().seen();
    stage.processes.clear();
    let knew = stage.memory.load().is_some();
    plant(&mut stage, seen);

    let mut wrong = Vec::new();
    if let Some((after, token)) = plan.rotation {
        stage.line.rotation = Some((seen + after, stage.token_file(), token));
    }
    let bug = stage.bug;
    let began = stage.line.clock.now();
    let first = stage.process(task, &desired, plan.timeout, bug);
    let took = stage.line.clock.now() - began;
    stage.line.rotation = None;
    if plan.rotation.is_some_and(|(_, token)| token == "invalid") {
        let told = struck_for(&world::requests(stage.running(), seen));
        if told > REVOKED_TOLD {
            wrong.push(format!("late: that the credentials have ended is told after {told:?}"));
        }
    }
    match (plan.expected, first.end) {
        (_, End::Refused) => wrong.push(format!("untrue: what is ours is refused: {}", first.said)),
        (Expected::Goal, end) if end != End::Done => wrong.push(format!("no goal: {}", first.said)),
        (Expected::Error(_), End::Done) => wrong.push("no error: it says that all is well".to_owned()),
        (Expected::Error(words), _) if !first.said.contains(words) => {
            wrong.push(format!("untrue: {:?} does not say {words:?}", first.said));
        }
        (_, End::Failed) if first.said.trim().is_empty() => wrong.push("untrue: it does not say why".to_owned()),
        (Expected::Goal | Expected::Truth | Expected::Error(_), _) => {}
    }
    if knew && stage.memory.load().is_none() && first.end != End::Done && stage.has_ours() {
        wrong.push("forgotten: what is there is no longer in the state".to_owned());
    }
    // A call of this line is brought to its end whatever the time, and a look is several, each of which may be held up.
    if took > Duration::from_mins(plan.timeout) + Duration::from_secs(300) {
        wrong.push(format!("late: it took {took:?}"));
    }

    // From here on nothing is wrong any more.
    stage.running().clear_faults();
    stage.write_token(TOKEN);
    let stuck = |blow: &Blow| matches!(blow.rule["fault"].as_str(), Some("stuck"));
    if plan.blows.iter().any(stuck) {
        stage.line.ahead += UNTIL_UNSTUCK;
    }
    let (mut last, mut further) = (first.end, 0);
    let mut said = first.said.clone();
    while last != End::Done && further < FURTHER {
        if said.contains(ONLY_DELETING) {
            // What nobody can mend is deleted and made anew, as the error says.
            let deleted = stage.process(Task::Delete, &desired, TIMEOUT, bug);
            if deleted.end != End::Done {
                wrong.push(format!("it cannot be deleted: {}", deleted.said));
            }
        }
        let applied = stage.process(task, &desired, TIMEOUT, bug);
        (last, said) = (applied.end, applied.said);
        further += 1;
    }
    if last != End::Done {
        wrong.push(format!("not recovered: {said}"));
    }
    let requests = world::requests(stage.running(), seen);
    let processes = stage.processes.clone();
    stage.line.set_clock();
    let after = world::clusters(plan.cloud, stage.running());
    if plan.scenario != Scenario::Delete {
        let empty = stage.process(Task::Plan, &desired, TIMEOUT, bug);
        if empty.end != End::Done {
            wrong.push(format!("the plan is not empty: {}", empty.said.trim()));
        }
    }
    let mut report = Report { wrong, requests, processes, before, after, first, further };
    if let Some(reference) = reference {
        let verdict = judged(plan, &report, reference);
        report.wrong.extend(verdict);
    }
    report
}

/// How long a process went on after the first fault.
fn struck_for(requests: &[Value]) -> Duration {
    let time = |request: &Value| judge::moment(request["time"].as_str().unwrap_or_default());
    let struck = requests.iter().find(|request| !request["fault"].is_null()).map(time);
    let last = requests.last().map(time);
    let ms = struck.zip(last).map_or(0, |(struck, last)| last - struck);
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn plant(stage: &mut Stage<'_>, seen: u64) {
    let mut rules = Vec::new();
    for blow in &stage.plan.blows {
        let mut rule = blow.rule.clone();
        if let Some(call) = blow.call {
            rule["call"] = (seen + call).into();
            if blow.stalls {
                stage.line.stalled.insert(seen + call);
            }
        }
        rules.push(rule);
    }
    let text = Value::Array(rules).to_string();
    let plan = FaultPlan::from_json(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    stage.running().add_faults(plan).unwrap_or_else(|error| panic!("{error}: {text}"));
}

fn judged(plan: &Plan, report: &Report, reference: &Report) -> Vec<String> {
    let cloud = plan.cloud.cloud();
    let mut foreign: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    if plan.scenario == Scenario::Update {
        foreign.extend(cloud.intruders().iter().map(|object| (*object).to_owned()));
    }
    let evidence = Evidence {
        dialect: cloud.dialect(),
        reference: &reference.requests,
        reference_world: &reference.after,
        requests: &report.requests,
        before: &report.before,
        after: &report.after,
        foreign: &foreign,
    };
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    // A look at everything is some ten requests.
    let course = Course { processes: &report.processes, poll_interval: ms(POLL_INTERVAL), latency: ms(LATENCY * 20) };
    judge::judge(&evidence, &course)
}

/// Runs that nothing befalls, each done once.
#[derive(Default)]
pub(crate) struct References(Mutex<BTreeMap<Calm, Arc<Report>>>);

/// What tells such runs apart: the cloud, what is done, the world, and whether credentials end.
type Calm = (CloudName, Scenario, u64, bool);

impl References {
    pub(crate) fn of(&self, plan: &Plan) -> Arc<Report> {
        let key = (plan.cloud, plan.scenario, plan.world, plan.token_file);
        if let Some(done) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(done);
        }
        let calm = Plan { world: plan.world, token_file: plan.token_file, ..Plan::calm(plan.cloud, plan.scenario) };
        let report = run(&calm, None, None);
        assert_eq!(report.wrong, [""; 0], "{calm:?} goes wrong without any fault");
        let verdict = judged(&calm, &report, &report);
        assert_eq!(verdict, [""; 0], "{calm:?} is judged wrong without any fault");
        let report = Arc::new(report);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&report));
        report
    }

    /// How many requests a run has that nothing befalls, and the operations among them that write.
    pub(crate) fn trace(&self, plan: &Plan) -> (u64, Vec<String>) {
        let reference = self.of(plan);
        let dialect = plan.cloud.cloud().dialect();
        let mut writes: Vec<String> = Vec::new();
        for request in reference.requests.iter().filter(|request| dialect.is_write(request)) {
            let operation = request["operation"].as_str().unwrap_or_default().to_owned();
            if !writes.contains(&operation) {
                writes.push(operation);
            }
        }
        (reference.requests.len() as u64, writes)
    }
}
