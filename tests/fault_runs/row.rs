//! The rows of faults of which every one is a case: one fault at a time, at every request, in every form.

use serde_json::{Value, json};

use crate::clouds::CloudName;
use crate::plan::{ANOTHER_TOKEN, Blow, COURSES, Expected, GARBAGE, HUGE_WAIT, Plan, Scenario};
use crate::run::References;

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// Too many requests, with every form of Retry-After, and errors of the server.
    Refusals,
    /// Connections that break, at every point, at once or after a stall.
    Connections,
    /// Replies that are none.
    Replies,
    /// What becomes of accepted operations.
    Operations,
    /// Operations that outlast the process, which is begun again with more time.
    Timeouts,
    /// Credentials that end.
    Credentials,
}

impl Row {
    pub(crate) const ALL: [Row; 6] =
        [Row::Refusals, Row::Connections, Row::Replies, Row::Operations, Row::Timeouts, Row::Credentials];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Row::Refusals => "n1_refusals",
            Row::Connections => "n2_connections",
            Row::Replies => "n3_replies",
            Row::Operations => "n4_operations",
            Row::Timeouts => "n5_timeouts",
            Row::Credentials => "t1_credentials",
        }
    }

    /// Every run of the row, always in the same order.
    pub(crate) fn plans(self, cloud: CloudName, references: &References) -> Vec<Plan> {
        match self {
            Row::Refusals => at_every_call(cloud, references, &refusals()),
            Row::Connections => connections(cloud, references),
            Row::Replies => at_every_call(cloud, references, &replies()),
            Row::Operations => operations(cloud, references),
            Row::Timeouts => timeouts(cloud, references),
            Row::Credentials => credentials(cloud, references),
        }
    }
}

/// What has requests enough for every fault to meet one of each sort.
const DEEDS: [Scenario; 3] = [Scenario::Create, Scenario::Update, Scenario::Delete];

fn refusals() -> Vec<(Value, Expected)> {
    let mut all = vec![
        (json!({ "fault": "throttle" }), Expected::Goal),
        (json!({ "fault": "throttle", "retry_after": "7" }), Expected::Goal),
        (json!({ "fault": "throttle", "retry_after_date": 65 }), Expected::Goal),
        (json!({ "fault": "throttle", "retry_after": "soon" }), Expected::Goal),
        (json!({ "fault": "throttle", "retry_after": HUGE_WAIT }), Expected::Error("too many requests")),
        (json!({ "fault": "unavailable" }), Expected::Goal),
        (json!({ "fault": "unavailable", "retry_after": "9" }), Expected::Goal),
    ];
    for point in ["uncommitted", "reply_lost"] {
        for fault in ["internal_error", "html", "gateway_timeout"] {
            all.push((json!({ "fault": fault, "point": point }), Expected::Goal));
        }
    }
    all
}

fn replies() -> Vec<(Value, Expected)> {
    let garbage = GARBAGE.into_iter().flat_map(|fault| {
        ["uncommitted", "reply_lost"].map(|point| (json!({ "fault": fault, "point": point }), Expected::Goal))
    });
    garbage.chain([(json!({ "fault": "wrong_content_type" }), Expected::Goal)]).collect()
}

fn at_every_call(cloud: CloudName, references: &References, faults: &[(Value, Expected)]) -> Vec<Plan> {
    let mut plans = Vec::new();
    for scenario in DEEDS {
        let calm = Plan::calm(cloud, scenario);
        for call in 1..=references.trace(&calm).0 {
            let with = |(rule, expected): &(Value, Expected)| calm.with(vec![Blow::at(call, rule.clone())], *expected);
            plans.extend(faults.iter().map(with));
        }
    }
    plans
}

fn connections(cloud: CloudName, references: &References) -> Vec<Plan> {
    let mut plans = Vec::new();
    for scenario in DEEDS {
        let calm = Plan::calm(cloud, scenario);
        for call in 1..=references.trace(&calm).0 {
            for point in ["before_send", "uncommitted", "reply_lost", "reply_cut"] {
                for (fault, stalls) in [("drop", false), ("reset", false), ("drop", true)] {
                    let blow = Blow { stalls, ..Blow::at(call, json!({ "fault": fault, "point": point })) };
                    plans.push(calm.with(vec![blow], Expected::Goal));
                }
            }
        }
    }
    plans
}

/// Every write of every deed with every course, in a calm world and in one where things are seen late.
fn operations(cloud: CloudName, references: &References) -> Vec<Plan> {
    let mut plans = Vec::new();
    for scenario in DEEDS {
        for world in [0, 1, 2] {
            let calm = Plan { world, ..Plan::calm(cloud, scenario) };
            for operation in references.trace(&calm).1 {
                for (course, expected) in COURSES {
                    let rule = json!({ "operation": operation, "fault": course });
                    plans.push(calm.with(vec![Blow { call: None, rule, stalls: false }], expected));
                }
            }
        }
    }
    plans
}

/// Shorter than most operations that take ten times as long, in minutes.
const SHORT: u64 = 15;

fn timeouts(cloud: CloudName, references: &References) -> Vec<Plan> {
    let mut plans = Vec::new();
    for scenario in DEEDS {
        let calm = Plan { timeout: SHORT, ..Plan::calm(cloud, scenario) };
        for operation in references.trace(&calm).1 {
            let rule = json!({ "operation": operation, "fault": "slow" });
            plans.push(calm.with(vec![Blow { call: None, rule, stalls: false }], Expected::Truth));
        }
    }
    plans
}

/// More requests than a process makes that meets nothing but refused credentials.
const ALL_REFUSED: u64 = 60;

fn credentials(cloud: CloudName, references: &References) -> Vec<Plan> {
    let mut plans = Vec::new();
    let expired = |call| Blow::at(call, json!({ "fault": "expired_token" }));
    for scenario in DEEDS {
        let calm = Plan { token_file: true, ..Plan::calm(cloud, scenario) };
        let reference = references.of(&calm);
        for (call, request) in (1..).zip(&reference.requests) {
            let dialect = cloud.cloud().dialect();
            if dialect.is_login(request) {
                for fault in ["internal_error", "unavailable"] {
                    plans.push(calm.with(vec![Blow::at(call, json!({ "fault": fault }))], Expected::Goal));
                }
                continue;
            }
            plans.push(calm.with(vec![expired(call)], Expected::Goal));
            // The file was written anew meanwhile: what it says now is what counts.
            let rotated = |token| Plan { rotation: Some((1, token)), ..calm.clone() };
            plans.push(rotated(ANOTHER_TOKEN).with(vec![expired(call)], Expected::Goal));
            if call > 2 {
                let from_here = (call..call + ALL_REFUSED).map(expired).collect();
                plans.push(rotated("invalid").with(from_here, Expected::Error("not authenticated")));
            }
        }
    }
    plans
}
