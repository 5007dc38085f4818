//! What no fault plan can do to a connection: an address where nobody listens, and a reply that never comes, which the
//! client's own deadline ends in real time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use multicloud::{Driver, ErrorChain, ErrorKind, IdempotencyToken, Jitter, Run, VirtualClock};
use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::{Config, Simulator};
use serde_json::json;

use crate::clouds::{CloudName, Reach};
use crate::line::Timed;
use crate::planted_bug::Serial;

/// No client of ours waits longer for one reply, and a second more is for the machine.
const LONGEST_CALL: Duration = Duration::from_secs(61);

/// How long a wrong address may stay untold, virtually: the driver's first outage limit and its last pause.
const REFUSED_TOLD: Duration = Duration::from_secs(90);

/// Tries both.
pub(crate) fn tried(cloud: CloudName) -> (String, bool) {
    let mut wrong = Vec::new();
    let hung = hangs(cloud, &mut wrong);
    refused(cloud, &mut wrong);
    let figures =
        format!("a reply that never comes is given up after {hung:.1?}; a closed port is told; wrong: {wrong:?}");
    (figures, wrong.is_empty())
}

fn hangs(cloud: CloudName, wrong: &mut Vec<String>) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let config = Config { clouds: vec![cloud.cloud().simulated()], ..Config::default() };
    let running = runtime.block_on(Simulator::start(config)).expect("the simulator starts");
    let backend = cloud.cloud().connect(&Reach::of(&running));
    let spec = cloud.cloud().created();
    let id = runtime.block_on(backend.locate(&spec)).expect("the place is known");
    let next = running.seen() + 1;
    let plan = json!([{ "call": next, "point": "uncommitted", "fault": "hang" }]).to_string();
    running.add_faults(FaultPlan::from_json(&plan).expect("a plan")).expect("the plan fits");
    let began = Instant::now();
    let read = runtime.block_on(backend.read(&id));
    let took = began.elapsed();
    match read {
        // Where the first request asks for a token, nothing has been asked of the cloud itself.
        Err(error) if matches!(error.kind, ErrorKind::Ambiguous | ErrorKind::Unavailable { .. }) => {}
        other => wrong.push(format!("a hanging reply is read as {other:?}")),
    }
    if took > LONGEST_CALL {
        wrong.push(format!("a hanging reply is waited for {took:?}"));
    }
    took
}

fn refused(cloud: CloudName, wrong: &mut Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let config = Config { clouds: vec![cloud.cloud().simulated()], ..Config::default() };
    let running = runtime.block_on(Simulator::start(config.clone())).expect("the simulator starts");
    // What was its address is nobody's once it has gone; the other one only lends its clock.
    let reach = Reach::of(&running);
    let backend = cloud.cloud().connect(&reach);
    drop(running);
    let other = runtime.block_on(Simulator::start(config)).expect("the simulator starts");
    runtime.block_on(tokio::task::yield_now());
    let clock = VirtualClock::new();
    let line = Timed {
        runtime: Arc::new(runtime),
        clock: clock.clone(),
        running: Arc::new(other),
        ahead: Duration::ZERO,
        stalled: Default::default(),
        rotation: None,
    };
    let spec = cloud.cloud().created();
    let serial = Serial::new(backend, None, spec.mark(), line);
    let driver = Driver::new(Arc::new(serial), Arc::new(clock.clone()), Jitter::seeded(1), Duration::from_mins(1));
    let token = IdempotencyToken::random();
    let run = Run { token, ..Run::new(Duration::from_hours(1), &|_| {}) };
    let outcome = clock.run(driver.create(&spec, run)).expect("nothing is waited for but time and replies");
    let said: Vec<String> = outcome.errors().into_iter().map(|error| ErrorChain(error).to_string()).collect();
    if outcome.is_converged() || outcome.exists() || said.iter().all(String::is_empty) {
        wrong.push(format!("a closed port: {said:?}"));
    }
    let took = multicloud::Clock::now(&clock);
    if took > REFUSED_TOLD {
        wrong.push(format!("a closed port is told after {took:?}"));
    }
}
