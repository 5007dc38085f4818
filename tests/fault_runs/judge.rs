//! What a run that met many faults is judged by, besides the crash matrix's rules: each process looks before it writes, comes
//! back when it is told to, and asks no more than it must. What the cloud refuses by itself may be what a late read has led
//! to, and is no fault here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::checker::{
    BUDGET, Dialect, Evidence, blind_resends, cluster, differences, duplicates, foreign_writes, line, order, text,
};

/// A few more than that are none too many for the shortest runs, of which three times is less than one look and one retry.
const BUDGET_LEAST: usize = 30;

/// Requests of a look at a cluster with all its parts, at most.
const LOOK: usize = 12;

/// No process of these runs has that much time, in milliseconds.
const LONGEST_WAIT: i64 = 3 * 3600 * 1000;

/// What is known of a run besides, that met many faults.
pub(crate) struct Course<'a> {
    /// The number of the last request before each process that worked on it.
    pub(crate) processes: &'a [u64],
    /// In milliseconds: how long waits between two looks are.
    pub(crate) poll_interval: i64,
    /// In milliseconds: how long a request may take when nothing befalls it.
    pub(crate) latency: i64,
}

/// What is wrong, in words that begin with the rule that was broken.
pub(crate) fn judge(evidence: &Evidence<'_>, course: &Course<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    duplicates(evidence, &mut wrong);
    differences(evidence, &mut wrong);
    // What has lost its health is so until the cloud finds it well again, which no request makes it do.
    let is_health = |what: &str| {
        ["/status is \"DEGRADED\"", "/conditions is", "/statusMessage is"].iter().any(|at| what.contains(at))
    };
    wrong.retain(|what| !(what.starts_with("different: ") && is_health(what)));
    foreign_writes(evidence, &mut wrong);
    blind_resends(evidence, &mut wrong);
    order(evidence, &mut wrong);
    unseen_writes(evidence, course, &mut wrong);
    early_requests(evidence, course, &mut wrong);
    let usual = unwaited(evidence.dialect, evidence.reference, course);
    let found = unwaited(evidence.dialect, evidence.requests, course);
    // Each process that goes on with it looks for itself, and each of many faults may cost a look of its own.
    let faults = evidence.requests.iter().filter(|request| !request["fault"].is_null()).count();
    let budget = BUDGET * usual * course.processes.len().max(1) + LOOK * faults.saturating_sub(1);
    if found > budget.max(BUDGET_LEAST) {
        wrong.push(format!("budget: {found} requests that are no polls where {usual} do"));
    }
    wrong
}

/// Every process looks at a cluster before it changes anything of it: whose it is, and whether it is the one that is meant.
fn unseen_writes(evidence: &Evidence<'_>, course: &Course<'_>, wrong: &mut Vec<String>) {
    let dialect = evidence.dialect;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut processes = course.processes.iter().peekable();
    for request in evidence.requests {
        while processes.next_if(|last| request["seq"].as_u64() > Some(**last)).is_some() {
            seen.clear();
        }
        let Some(object) = dialect.object(request) else { continue };
        let cluster = cluster(&object).to_owned();
        if !dialect.is_write(request) {
            // What has no point leaves the reply what it is.
            let is_true = !text(&request["fault"]).contains('/');
            if is_true && matches!(request["status"].as_u64(), Some(200..=299 | 404)) {
                seen.insert(cluster);
            }
        } else if !seen.contains(&cluster) {
            wrong.push(format!("unseen: {} is sent to what this process has not looked at", line(request)));
        }
    }
}

/// Who is told when to come back comes back then: the same request not earlier, and some request not a second later.
fn early_requests(evidence: &Evidence<'_>, course: &Course<'_>, wrong: &mut Vec<String>) {
    for (index, refused) in evidence.requests.iter().enumerate() {
        let Some(not_before) = refused["not_before"].as_str().map(moment) else { continue };
        // Who is to wait for longer than there is time gives up, and steps beside it go on.
        if not_before - moment(text(&refused["time"])) >= LONGEST_WAIT {
            continue;
        }
        // Of questions that are asked side by side, the first that fails is the answer; nobody hears the others.
        let beside = |request: &&Value| request["time"] == refused["time"] && !request["fault"].is_null();
        if evidence.requests.iter().filter(beside).count() > 1 {
            continue;
        }
        let same_process = |request: &&Value| {
            let (first, seq) = (refused["seq"].as_u64(), request["seq"].as_u64());
            !course.processes.iter().any(|last| first <= Some(*last) && seq > Some(*last))
        };
        // Steps that go on side by side ask alike, and one does not hear what another was told; where only one thing goes wrong
        // there is nobody who could not have heard it.
        let is_only_fault = evidence.requests.iter().filter(|request| !request["fault"].is_null()).count() == 1;
        let must_have_heard = is_only_fault || evidence.dialect.is_write(refused);
        let object = evidence.dialect.object(refused);
        let same = |request: &&Value| {
            let same = |member: &str| request[member] == refused[member];
            same("operation") && same("path") && evidence.dialect.object(request) == object
        };
        let mut later = evidence.requests[index + 1..].iter().take_while(same_process).peekable();
        if later.peek().is_none() {
            continue;
        }
        let later: Vec<&Value> = later.collect();
        if let Some(again) = later.iter().find(|request| same(request))
            && must_have_heard
            && moment(text(&again["time"])) < not_before
        {
            wrong.push(format!("early: {} comes again before {}", line(refused), refused["not_before"]));
        }
        let first = later.iter().map(|request| moment(text(&request["time"]))).find(|time| *time >= not_before);
        if must_have_heard && first.is_some_and(|first| first > not_before + 1000 + course.latency) {
            wrong.push(format!("late: after {}, nothing comes at {}", line(refused), refused["not_before"]));
        }
    }
}

/// How many requests are no polls. A poll asks again after a wait what was asked before; the looks that follow at once belong
/// together with it.
fn unwaited(dialect: &dyn Dialect, requests: &[Value], course: &Course<'_>) -> usize {
    let mut count = 0;
    let mut last: BTreeMap<(&str, &str), &Value> = BTreeMap::new();
    let (mut polling, mut before) = (false, 0);
    for request in requests {
        let now = moment(text(&request["time"]));
        let same = last.insert((text(&request["operation"]), text(&request["path"])), request);
        let waited = same.is_some_and(|same| {
            same["not_before"].is_null() && now - moment(text(&same["time"])) >= course.poll_interval
        });
        polling = !dialect.is_write(request) && (waited || polling && now - before <= course.latency);
        count += usize::from(!polling);
        before = now;
    }
    count
}

/// The milliseconds of a journal's `2026-01-01T00:00:00.000Z`, since a moment that is the same for all.
pub(crate) fn moment(time: &str) -> i64 {
    let numbers: Vec<i64> = time.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    let [year, month, day, hour, minute, second, ms] = numbers[..] else { return 0 };
    // Days of the civil calendar, in years that begin in March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day;
    ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + ms
}
