//! What a run is: what is done on which cloud, and what befalls which request.

use serde_json::{Value, json};

use crate::clouds::CloudName;
use crate::point::Draw;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    Create,
    /// All that can be changed in place.
    Update,
    /// Two minors, and nothing else.
    Upgrade,
    Delete,
    /// What is there already is taken over.
    Import,
}

impl Scenario {
    pub(crate) const ALL: [Scenario; 5] =
        [Scenario::Create, Scenario::Update, Scenario::Upgrade, Scenario::Delete, Scenario::Import];
}

/// What befalls one request of a run, or the first one of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Blow {
    /// The request's number within the run, from 1; none if the rule names an operation.
    pub(crate) call: Option<u64>,
    /// The fault as a fault plan says it, without its call.
    pub(crate) rule: Value,
    /// Whether the connection stalls before it breaks.
    pub(crate) stalls: bool,
}

impl Blow {
    pub(crate) fn at(call: u64, rule: Value) -> Blow {
        Blow { call: Some(call), rule, stalls: false }
    }
}

/// How the first process must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// By reaching the goal.
    Goal,
    /// By reaching the goal or by saying why it did not.
    Truth,
    /// By saying why it did not; with these words.
    Error(&'static str),
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) cloud: CloudName,
    pub(crate) scenario: Scenario,
    /// 0 is a calm world; in others things take their time and are seen late.
    pub(crate) world: u64,
    pub(crate) blows: Vec<Blow>,
    pub(crate) expected: Expected,
    /// What the driver draws its pauses from.
    pub(crate) jitter: u64,
    /// Whether credentials are short-lived ones, exchanged for a token in a file.
    pub(crate) token_file: bool,
    /// What is written to that file once this many requests were made.
    pub(crate) rotation: Option<(u64, &'static str)>,
    /// How long the first process may take, in minutes.
    pub(crate) timeout: u64,
}

/// How long a process may take unless said otherwise: three times what the longest deed takes, in minutes.
pub(crate) const TIMEOUT: u64 = 180;

/// An identity token of the form that all clouds take, which nobody has signed.
pub(crate) const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvbmUifQ.c2ln";

/// Another one.
pub(crate) const ANOTHER_TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0d28ifQ.c2ln";

/// Worlds that are not calm.
const WORLDS: u64 = 5;

/// A body that no service sends, by the fault's name.
pub(crate) const GARBAGE: [&str; 8] =
    ["empty", "truncated", "html_ok", "invalid_utf8", "wrong_shape", "duplicate_keys", "huge_number", "huge"];

/// How an accepted operation can go on, and what must come of it: what is late still reaches the goal.
pub(crate) const COURSES: [(&str, Expected); 6] = [
    ("slow", Expected::Truth),
    ("stuck", Expected::Truth),
    ("fail", Expected::Truth),
    ("degrade", Expected::Truth),
    ("stale_status", Expected::Goal),
    ("not_yet_visible", Expected::Goal),
];

impl Plan {
    /// A run that nothing befalls.
    pub(crate) fn calm(cloud: CloudName, scenario: Scenario) -> Plan {
        Plan {
            cloud,
            scenario,
            world: 0,
            blows: Vec::new(),
            expected: Expected::Goal,
            jitter: 1,
            token_file: false,
            rotation: None,
            timeout: TIMEOUT,
        }
    }

    /// The same run with that befalling it.
    pub(crate) fn with(&self, blows: Vec<Blow>, expected: Expected) -> Plan {
        Plan { blows, expected, ..self.clone() }
    }

    /// What a seed draws; `trace` gives the requests of a run that nothing befalls, by their operations, those that write
    /// apart.
    pub(crate) fn drawn(cloud: CloudName, seed: u64, trace: impl Fn(&Plan) -> (u64, Vec<String>)) -> Plan {
        let mut draw = Draw(seed);
        let scenario = Scenario::ALL[index(&mut draw, Scenario::ALL.len())];
        let world = if draw.number(2) == 1 { 0 } else { draw.number(WORLDS) };
        let mut plan = Plan { world, jitter: seed, ..Plan::calm(cloud, scenario) };
        let (calls, writes) = trace(&plan);
        // One of a hundred requests, of twenty, of ten.
        let share = [100, 20, 10][index(&mut draw, 3)];
        for _ in 0..1 + calls / share {
            let call = draw.number(calls);
            let blow = any(&mut draw, call, &writes);
            plan.blows.push(blow);
        }
        plan.expected = Expected::Truth;
        plan
    }
}

fn index(draw: &mut Draw, length: usize) -> usize {
    usize::try_from(draw.number(length as u64) - 1).unwrap_or(0)
}

fn any(draw: &mut Draw, call: u64, writes: &[String]) -> Blow {
    match draw.number(12) {
        1..=3 => Blow::at(call, throttle(draw)),
        4 => {
            let fault = ["internal_error", "html", "gateway_timeout"][index(draw, 3)];
            Blow::at(call, json!({ "fault": fault, "point": answered(draw) }))
        }
        5 => Blow::at(call, json!({ "fault": "unavailable" })),
        6 | 7 => broken(draw, call),
        8 | 9 => Blow::at(call, json!({ "fault": GARBAGE[index(draw, GARBAGE.len())], "point": answered(draw) })),
        10 => Blow::at(call, json!({ "fault": "wrong_content_type" })),
        11 => {
            let fault = ["access_denied", "expired_token"][index(draw, 2)];
            Blow::at(call, json!({ "fault": fault }))
        }
        _ => {
            let (course, _) = COURSES[index(draw, COURSES.len())];
            match writes {
                [] => Blow::at(call, json!({ "fault": "unavailable" })),
                writes => {
                    let operation = &writes[index(draw, writes.len())];
                    Blow { call: None, rule: json!({ "operation": operation, "fault": course }), stalls: false }
                }
            }
        }
    }
}

/// Too many requests, with every form of saying when to come back.
fn throttle(draw: &mut Draw) -> Value {
    let seconds = draw.number(120);
    match draw.number(10) {
        1..=3 => json!({ "fault": "throttle" }),
        4..=6 => json!({ "fault": "throttle", "retry_after": seconds.to_string() }),
        7..=8 => json!({ "fault": "throttle", "retry_after_date": seconds }),
        9 => json!({ "fault": "throttle", "retry_after": "soon" }),
        _ => json!({ "fault": "throttle", "retry_after": HUGE_WAIT }),
    }
}

/// A day: longer than any process may take.
pub(crate) const HUGE_WAIT: &str = "86400";

/// A connection that breaks, at once or after a while.
fn broken(draw: &mut Draw, call: u64) -> Blow {
    let point = ["before_send", "uncommitted", "reply_lost", "reply_cut"][index(draw, 4)];
    let fault = ["drop", "reset"][index(draw, 2)];
    Blow { stalls: draw.number(2) == 1, ..Blow::at(call, json!({ "fault": fault, "point": point })) }
}

fn answered(draw: &mut Draw) -> &'static str {
    ["uncommitted", "reply_lost"][index(draw, 2)]
}
