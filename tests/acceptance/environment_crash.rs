//! The provider killed at every API call of create, update and delete, before the cloud acted and after: nothing is lost.
//!
//! The points are counted from the journal of a run without faults: each call, at each of three moments. A run takes a
//! sample of them with a fresh seed, which it prints; with `MULTICLOUD_EXHAUSTIVE` set it takes them all.

use std::env;
use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::harness::{Cli, Configuration, Pool, Simulator, SimulatorOptions, Workspace, send, wait_for, with_each_cli};

with_each_cli!(killed_at_every_call);

/// How many points a run without `MULTICLOUD_EXHAUSTIVE` takes: a minute's worth.
const SAMPLE: usize = 6;

/// The moments of a call at which the provider may die: the request not sent, not acted upon, acted upon but unanswered.
const MOMENTS: [&str; 3] = ["before_send", "uncommitted", "reply_lost"];

const APPLY: &[&str] = &["apply", "-auto-approve", "-input=false", "-no-color"];
const DESTROY: &[&str] = &["destroy", "-auto-approve", "-input=false", "-no-color"];

/// The runs of one life; the kill happens in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Create,
    Update,
    Delete,
}

const LIFE: [Phase; 3] = [Phase::Create, Phase::Update, Phase::Delete];

impl Phase {
    fn configuration(self, simulator: &Simulator) -> Configuration {
        let configuration = Configuration::new(simulator.aws());
        match self {
            Self::Create => configuration.and_pools([Pool::of("apps", 1)]),
            Self::Update | Self::Delete => configuration.and_pools([Pool::of("apps", 2), Pool::of("batch", 1)]),
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Create | Self::Update => APPLY,
            Self::Delete => DESTROY,
        }
    }
}

/// One place to die.
#[derive(Debug, Clone, Copy)]
struct Point {
    phase: Phase,
    call: u64,
    moment: &'static str,
}

fn killed_at_every_call(cli: Cli) {
    let points = points(&cli);
    let total = points.len();
    let chosen = if env::var_os("MULTICLOUD_EXHAUSTIVE").is_some() { points } else { sample(points) };
    let covered = chosen.len();
    for point in chosen {
        eprintln!("{point:?}");
        survives(&cli, point);
    }
    eprintln!("killed at {covered} of {total} points");
}

/// Every point, counted from a life without faults.
fn points(cli: &Cli) -> Vec<Point> {
    let simulator = Simulator::start();
    let workspace = Workspace::new(cli);
    let mut points = Vec::new();
    for phase in LIFE {
        let first = last_call(&simulator) + 1;
        workspace.write("main.tf", &phase.configuration(&simulator).render());
        workspace.run(phase.arguments()).succeeds();
        let calls: RangeInclusive<u64> = first..=last_call(&simulator);
        points.extend(calls.flat_map(|call| MOMENTS.map(|moment| Point { phase, call, moment })));
    }
    points
}

fn last_call(simulator: &Simulator) -> u64 {
    simulator.journal().requests().last().map_or(0, |request| request.seq)
}

/// Some of the points, by a seed that is printed and may be given again.
fn sample(mut points: Vec<Point>) -> Vec<Point> {
    let fresh = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.subsec_nanos());
    let given = env::var("MULTICLOUD_SEED").ok().map(|seed| seed.parse().expect("MULTICLOUD_SEED is a number"));
    let seed: u32 = given.unwrap_or_else(fresh);
    eprintln!("MULTICLOUD_SEED={seed}");
    // A linear congruence (Numerical Recipes) is random enough to pick places.
    let mut random = seed;
    (0..SAMPLE.min(points.len()))
        .map(|_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            points.swap_remove(random as usize % points.len())
        })
        .collect()
}

/// Kills the provider at the point, then does again what was to be done: one cluster, nothing to do; or nothing left.
#[track_caller]
fn survives(cli: &Cli, point: Point) {
    let fault = json!([{ "call": point.call, "point": point.moment, "fault": "hang" }]);
    let simulator = Simulator::with(&SimulatorOptions { faults: Some(fault) });
    let workspace = Workspace::new(cli);
    for phase in LIFE {
        workspace.write("main.tf", &phase.configuration(&simulator).render());
        if phase == point.phase {
            kill_at(&workspace, &simulator, point);
        }
        workspace.run(phase.arguments()).succeeds();
        match phase {
            Phase::Create | Phase::Update => workspace.plans_empty(),
            Phase::Delete => assert!(workspace.state().is_empty(), "{point:?}: something is left in the state"),
        }
    }
    let committed = |operation| simulator.journal().committed(operation);
    let journal = || simulator.journal().changes();
    assert_eq!(committed("CreateCluster"), 1, "{point:?}: {:#?}", journal());
    assert_eq!(committed("DeleteCluster"), 1, "{point:?}: {:#?}", journal());
    assert_eq!(committed("CreateNodegroup"), committed("DeleteNodegroup"), "{point:?}: {:#?}", journal());
}

#[track_caller]
fn kill_at(workspace: &Workspace, simulator: &Simulator, point: Point) {
    let mut run = workspace.start(point.phase.arguments());
    wait_for("call to be struck", || {
        let struck =
            simulator.journal().requests().iter().any(|request| request.seq == point.call && request.fault.is_some());
        assert!(struck || !run.has_ended(), "{point:?}: the run ended before that call");
        struck.then_some(())
    });
    let providers = workspace.provider_processes();
    assert!(!providers.is_empty(), "{point:?}: no provider runs");
    for id in providers {
        send("KILL", &id);
    }
    let outcome = run.finish();
    assert!(!outcome.status.success(), "{point:?}: nobody noticed: {}", outcome.transcript());
}
