//! Runs points: a cloud and a driver process for each, the blow, the recovery, and the checker's judgement.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use multicloud_simulator::fault::FaultPlan;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::apply::{End, Task};
use crate::checker::{self, Evidence};
use crate::clouds::{CloudName, OTHERS, OWNER};
use crate::driver_process::{ARGUMENT, Order};
use crate::planted_bug::Bug;
use crate::point::{Blow, Deed, Memory, Point};
use crate::world::{Pace, World, foreign};

/// A run takes less than a second; what takes this long on two loaded cores hangs.
const LONGEST_RUN: Duration = Duration::from_secs(30);

/// How often what was begun may be begun again.
pub(crate) const RECOVERIES: usize = 2;

/// What is said of a point that was never reached.
pub(crate) const NOT_COVERED: &str = "not covered: the deed ended before that call";

/// A deed that nothing befell.
pub(crate) struct Reference {
    /// The clusters before it.
    pub(crate) before: Value,
    pub(crate) requests: Vec<Value>,
    /// The clusters after it.
    pub(crate) world: Value,
}

impl Deed {
    fn task(self) -> Task {
        match self {
            Deed::Create | Deed::CreateOverMarked | Deed::CreateOverUnmarked | Deed::Update => Task::Apply,
            Deed::Delete => Task::Delete,
        }
    }

    /// Whether the environment is wanted as it is wanted later.
    fn is_updated(self) -> bool {
        match self {
            Deed::Create | Deed::CreateOverMarked | Deed::CreateOverUnmarked | Deed::Delete => false,
            Deed::Update => true,
        }
    }

    /// Whether an empty plan shows that nothing is left to do; after a deletion or a refusal, the world alone does.
    fn has_plan(self) -> bool {
        match self {
            Deed::Create | Deed::Update => true,
            Deed::Delete | Deed::CreateOverMarked | Deed::CreateOverUnmarked => false,
        }
    }

    /// How it ends when all goes well.
    fn end(self) -> End {
        if self.is_refused() { End::Refused } else { End::Done }
    }
}

/// A cloud with a deed about to be done in it.
struct Stage {
    cloud: CloudName,
    deed: Deed,
    world: World,
    folder: TempDir,
    /// The clusters before the deed.
    before: Value,
    /// The number of the last request before the deed.
    seen: u64,
}

/// How a driver process ended.
#[derive(Debug)]
struct Exit {
    end: Option<End>,
    said: String,
}

impl Stage {
    async fn set(cloud: CloudName, deed: Deed, pace: Pace) -> Stage {
        let world = World::start(cloud, pace).await;
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut stage = Stage { cloud, deed, world, folder, before: Value::Null, seen: 0 };
        match deed {
            Deed::Update | Deed::Delete => {
                let exit = stage.run_as(Task::Apply, false, None).await;
                assert_eq!(exit.end, Some(End::Done), "the environment cannot be made: {}", exit.said);
            }
            Deed::CreateOverMarked | Deed::CreateOverUnmarked => {
                // The same as ours would be, but for whose it is.
                let exit = ended(stage.start_for(OTHERS[0], Task::Apply, false, None)).await;
                assert_eq!(exit.end, Some(End::Done), "theirs cannot be made: {}", exit.said);
                fs::remove_file(stage.state()).expect("what they remember can be removed");
                if deed == Deed::CreateOverUnmarked {
                    stage.world.unmark();
                }
            }
            Deed::Create => {}
        }
        if deed == Deed::Update {
            stage.world.intrude();
        }
        stage.before = stage.world.clusters();
        stage.seen = stage.world.seen();
        if stage.state().exists() {
            fs::copy(stage.state(), stage.prior()).expect("the state can be copied");
        }
        stage
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    fn prior(&self) -> PathBuf {
        self.folder.path().join("prior.json")
    }

    /// Leaves to the next process what it is to know.
    fn recall(&self, memory: Memory) {
        match memory {
            Memory::Prior => {}
            Memory::Checkpoint => return,
        }
        if self.prior().exists() {
            fs::copy(self.prior(), self.state()).expect("the state can be copied");
        } else if self.state().exists() {
            fs::remove_file(self.state()).expect("the state can be removed");
        }
    }

    fn start(&self, task: Task, updated: bool, bug: Option<Bug>) -> Child {
        self.start_for(OWNER, task, updated, bug)
    }

    fn start_for(&self, owner: &str, task: Task, updated: bool, bug: Option<Bug>) -> Child {
        let (cloud, owner, reach, state) = (self.cloud, owner.to_owned(), self.world.reach(), self.state());
        let order = Order { cloud, owner, task, updated, bug, reach, state };
        let order = serde_json::to_string(&order).expect("an order is plain data");
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        // Nothing of the user's own reaches the process: no profile, no proxy, no endpoint.
        command.env_clear().arg(ARGUMENT).arg(order).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("this program can be started again")
    }

    /// Runs a task of the deed to its end.
    async fn run(&self, task: Task, bug: Option<Bug>) -> Exit {
        self.run_as(task, self.deed.is_updated(), bug).await
    }

    async fn run_as(&self, task: Task, updated: bool, bug: Option<Bug>) -> Exit {
        ended(self.start(task, updated, bug)).await
    }

    /// Runs the deed until that call is struck, and kills the process there. Gives the exit of a process that ended before.
    async fn run_and_kill(&self, seq: u64, bug: Option<Bug>) -> Option<Exit> {
        let mut child = self.start(self.deed.task(), self.deed.is_updated(), bug);
        let struck = self.world.running.wait_for(|entry| entry.seq == seq && entry.fault.is_some());
        let exit = async {
            // Its words are few: they fit into the pipe until it has ended.
            child.wait().await.expect("the process can be waited for")
        };
        let ended_before = tokio::select! {
            biased;
            _ = struck => false,
            _ = exit => true,
            () = tokio::time::sleep(LONGEST_RUN) => false,
        };
        if !ended_before {
            child.start_kill().expect("the process can be killed");
        }
        let exit = ended(child).await;
        ended_before.then_some(exit)
    }

    fn plan_fault(&self, seq: u64, point: &Point) {
        let rule = json!([{ "call": seq, "point": point.moment.as_str(), "fault": point.blow.fault() }]);
        let plan = FaultPlan::from_json(&rule.to_string()).expect("the rule is well-formed");
        self.world.running.add_faults(plan).expect("the rule fits");
    }
}

async fn ended(child: Child) -> Exit {
    match tokio::time::timeout(LONGEST_RUN, child.wait_with_output()).await {
        Ok(output) => {
            let output = output.expect("the process can be waited for");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Exit { end: End::of(output.status.code()), said: format!("{}, {said}", output.status) }
        }
        Err(_) => Exit { end: None, said: format!("not at its end within {LONGEST_RUN:?}") },
    }
}

/// Does a deed that nothing befalls.
pub(crate) async fn reference(cloud: CloudName, deed: Deed, pace: Pace) -> Reference {
    let stage = Stage::set(cloud, deed, pace).await;
    let exit = stage.run(deed.task(), None).await;
    assert_eq!(exit.end, Some(deed.end()), "{} fails without any fault: {}", deed.as_str(), exit.said);
    let (requests, world) = (stage.world.requests(stage.seen), stage.world.clusters());
    let reference = Reference { before: stage.before.clone(), requests, world };
    let evidence = Evidence {
        dialect: cloud.cloud().dialect(),
        reference: &reference.requests,
        reference_world: &reference.world,
        requests: &reference.requests,
        before: &stage.before,
        after: &reference.world,
        foreign: &foreign(cloud, deed),
    };
    assert_eq!(checker::judge(&evidence), [""; 0], "{} without any fault", deed.as_str());
    if deed.has_plan() {
        let exit = stage.run(Task::Plan, None).await;
        assert_eq!(exit.end, Some(End::Done), "{} leaves something to do: {}", deed.as_str(), exit.said);
    }
    reference
}

/// What a point came to.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Whether the journal shows that the call was struck at that moment.
    pub(crate) is_covered: bool,
    /// Whether it also shows that the recovery was struck.
    pub(crate) is_covered_again: bool,
    /// What is wrong.
    pub(crate) wrong: Vec<String>,
    /// The requests of the deed and its recovery.
    pub(crate) requests: Vec<Value>,
}

impl Verdict {
    /// Of a point that could not be tried.
    pub(crate) fn broken(why: String) -> Verdict {
        Verdict { is_covered: false, is_covered_again: false, wrong: vec![why], requests: Vec::new() }
    }
}

/// Strikes at a point, recovers, and judges.
pub(crate) async fn strike(point: &Point, bug: Option<Bug>, reference: &Reference) -> Verdict {
    let (cloud, deed) = (point.cloud, point.deed);
    let stage = Stage::set(cloud, deed, bug.map_or(Pace::Usual, Bug::pace)).await;
    let mut wrong = Vec::new();
    let call = stage.seen + point.call;
    stage.plan_fault(call, point);
    if bug == Some(Bug::RefusalIsGone) {
        // Whether something is gone is asked twice.
        stage.plan_fault(call + 1, point);
    }
    let mut call_again = None;
    let mut last = match point.blow {
        Blow::Kill => {
            let mut last = stage.run_and_kill(call, bug).await;
            if let Some(early) = &last {
                // The fault waits for a call that this process never makes; it must not meet another one.
                let wrong = vec![format!("{NOT_COVERED}: {}", early.said.trim())];
                let wrong = if early.end == Some(deed.end()) { wrong } else { vec![failed_by_itself(early)] };
                return Verdict { is_covered: false, is_covered_again: false, wrong, requests: Vec::new() };
            }
            stage.recall(point.memory);
            if let Some(again) = point.again {
                let call = stage.world.seen() + again;
                call_again = Some(call);
                stage.plan_fault(call, point);
                // A recovery that has fewer calls ends by itself.
                last = stage.run_and_kill(call, bug).await;
                if last.is_none() {
                    stage.recall(point.memory);
                }
            }
            last
        }
        Blow::Drop | Blow::AccessDenied | Blow::InternalError => Some(stage.run(deed.task(), bug).await),
    };
    for _ in 0..RECOVERIES {
        // What hangs or crashes by itself does not get better by being tried again.
        if last.as_ref().is_some_and(|exit| exit.end.is_none_or(|end| end == deed.end())) {
            break;
        }
        last = Some(stage.run(deed.task(), bug).await);
    }
    match &last {
        Some(exit) if exit.end == Some(deed.end()) => {}
        Some(exit) => wrong.push(format!("not recovered: {}", exit.said.trim())),
        None => wrong.push("not recovered".to_owned()),
    }
    let (requests, after) = (stage.world.requests(stage.seen), stage.world.clusters());
    // A second fault that was not reached still waits, and would strike the plan; what there is, is judged all the same.
    let is_waiting = call_again.is_some_and(|call| stage.world.seen() < call);
    if deed.has_plan() && !is_waiting {
        let exit = stage.run(Task::Plan, None).await;
        if exit.end != Some(End::Done) {
            wrong.push(format!("the plan is not empty: {}", exit.said.trim()));
        }
    }
    let fault = format!("{}/{}", point.moment.as_str(), point.blow.fault());
    wrong.extend(checker::judge(&Evidence {
        dialect: cloud.cloud().dialect(),
        reference: &reference.requests,
        reference_world: &reference.world,
        requests: &requests,
        before: &stage.before,
        after: &after,
        foreign: &foreign(cloud, deed),
    }));
    let is_covered = checker::was_struck(&requests, call, &fault);
    let is_covered_again = call_again.is_some_and(|call| checker::was_struck(&requests, call, &fault));
    if !is_covered {
        wrong.push(NOT_COVERED.to_owned());
    }
    Verdict { is_covered, is_covered_again, wrong, requests }
}

fn failed_by_itself(exit: &Exit) -> String {
    format!("failed by itself: {}", exit.said.trim())
}

/// The journal of a deed, for who reads it.
pub(crate) fn listing(requests: &[Value]) -> String {
    let line = |request: &Value| {
        format!(
            "{} {} {} {} {}\n",
            request["seq"], request["operation"], request["path"], request["status"], request["fault"]
        )
    };
    requests.iter().map(line).collect()
}
