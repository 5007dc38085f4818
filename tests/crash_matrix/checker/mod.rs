//! The judge of a run. It reads the simulator's journal and world as JSON and nothing else, and shares no types with what it
//! judges, so that the two cannot be wrong in the same way.

pub(crate) mod aks;
pub(crate) mod eks;
pub(crate) mod gke;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde_json::Value;

/// A run may make that many times the requests of one that nothing befell: what was done before the blow, and twice more.
pub(crate) const BUDGET: usize = 3;

/// How a cloud's journal and world are to be read. What stands for an object is `<cluster>` or
/// `<cluster>/<collection>/<name>`.
#[allow(dead_code, reason = "runs with faults use all of it")]
pub(crate) trait Dialect: Debug + Sync {
    /// The clusters of a whole world, by name.
    fn world<'w>(&self, world: &'w Value) -> &'w Value;

    /// What two worlds may differ in though the same was made in them: drawn ids, times, addresses.
    fn drawn(&self) -> &'static [&'static str];

    /// Whether a request is one that changes something.
    fn is_write(&self, request: &Value) -> bool;

    /// Whether it asks for credentials. For runs in which these end.
    fn is_login(&self, request: &Value) -> bool;

    /// Whether it, once committed, has made an object that was not there.
    fn creates(&self, request: &Value) -> bool;

    /// Whether it asks for an object to go.
    fn deletes(&self, request: &Value) -> bool;

    /// The collection that must have gone before its cluster is asked to.
    fn pools_go_first(&self) -> Option<&'static str>;

    /// The member of a body that makes it one of a kind.
    fn token_member(&self) -> Option<&'static str>;

    /// What a request is about; none if it is about no cluster.
    fn object(&self, request: &Value) -> Option<String>;

    /// Every object of the clusters.
    fn objects(&self, clusters: &Value) -> BTreeSet<String>;

    /// One of them.
    fn find<'w>(&self, clusters: &'w Value, object: &str) -> Option<&'w Value>;
}

/// What there is to judge a run by.
pub(crate) struct Evidence<'a> {
    pub(crate) dialect: &'static dyn Dialect,
    /// The requests of the same deed, had nothing befallen it.
    pub(crate) reference: &'a [Value],
    /// The clusters after that.
    pub(crate) reference_world: &'a Value,
    /// The requests of the deed and of its recovery.
    pub(crate) requests: &'a [Value],
    /// The clusters before the deed.
    pub(crate) before: &'a Value,
    /// The clusters after the recovery.
    pub(crate) after: &'a Value,
    /// Objects that are not ours; what is below them is not, either.
    pub(crate) foreign: &'a [String],
}

/// How many calls a deed has, which its journal says.
pub(crate) fn calls(requests: &[Value]) -> u64 {
    requests.len() as u64
}

/// Whether the journal shows that this fault befell this call.
pub(crate) fn was_struck(requests: &[Value], seq: u64, fault: &str) -> bool {
    requests.iter().any(|request| request["seq"] == seq && request["fault"] == fault)
}

/// What is wrong, in words that begin with the rule that was broken.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    duplicates(evidence, &mut wrong);
    differences(evidence, &mut wrong);
    foreign_writes(evidence, &mut wrong);
    blind_resends(evidence, &mut wrong);
    order(evidence, &mut wrong);
    refusals(evidence, &mut wrong);
    budget(evidence, &mut wrong);
    wrong
}

/// No object is created where it exists and nobody has deleted it.
pub(crate) fn duplicates(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let dialect = evidence.dialect;
    let mut existing = dialect.objects(evidence.before);
    for request in evidence.requests.iter().filter(|request| request["committed"] == true) {
        let Some(object) = dialect.object(request) else { continue };
        if dialect.creates(request) && !existing.insert(object.clone()) {
            wrong.push(format!("duplicate: {object} is created twice"));
        } else if dialect.deletes(request) {
            existing.remove(&object);
        }
    }
}

/// The worlds are equal but for what is drawn: nothing is missing, nothing is left, everything is as wanted, and what is not
/// ours is as it was.
pub(crate) fn differences(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let dialect = evidence.dialect;
    let (wanted, found) = (dialect.objects(evidence.reference_world), dialect.objects(evidence.after));
    wrong.extend(found.difference(&wanted).map(|object| format!("orphan: {object} is left")));
    wrong.extend(wanted.difference(&found).map(|object| format!("lost: {object} is missing")));
    let mut paths = Vec::new();
    compare(dialect.drawn(), &mut String::new(), evidence.reference_world, evidence.after, &mut paths);
    wrong.extend(paths.into_iter().map(|path| format!("different: {path}")));
    for object in evidence.foreign {
        let absent = &Value::Null;
        let (before, after) = (dialect.find(evidence.before, object), dialect.find(evidence.after, object));
        let mut paths = Vec::new();
        compare(dialect.drawn(), &mut String::new(), before.unwrap_or(absent), after.unwrap_or(absent), &mut paths);
        wrong.extend(paths.into_iter().map(|path| format!("foreign: {object} is not as it was: {path}")));
    }
}

/// Nothing is sent that would change what is not ours, whether it is taken or not.
pub(crate) fn foreign_writes(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let dialect = evidence.dialect;
    for request in evidence.requests.iter().filter(|request| dialect.is_write(request)) {
        let Some(object) = dialect.object(request) else {
            wrong.push(format!("foreign: {} changes nobody knows what", line(request)));
            continue;
        };
        let belongs = |owner: &String| object == *owner || object.starts_with(&format!("{owner}/"));
        if evidence.foreign.iter().any(belongs) {
            wrong.push(format!("foreign: {} is sent to {object}", line(request)));
        }
    }
}

/// What was sent is not sent again before anybody has looked what became of it, unless the cloud has said that it has not
/// taken it.
pub(crate) fn blind_resends(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let dialect = evidence.dialect;
    let mut unseen: Vec<(String, String, Value)> = Vec::new();
    for request in evidence.requests {
        let Some(object) = dialect.object(request) else { continue };
        if !dialect.is_write(request) {
            // A look at the cluster shows what became of all that is in it.
            unseen.retain(|(seen, ..)| cluster(seen) != cluster(&object));
            continue;
        }
        let body = without_token(&request["request"], dialect.token_member());
        let sent = (object, text(&request["operation"]).to_owned(), body);
        if unseen.contains(&sent) {
            wrong.push(format!("blind resend: {} was sent before, and nobody has looked since", line(request)));
        } else if request["committed"] == true || !is_refused(request) {
            unseen.push(sent);
        }
    }
}

/// Whether the cloud said that it has not taken the request: it is the client's fault, or there is too much to do.
fn is_refused(request: &Value) -> bool {
    matches!(request["status"].as_u64(), Some(400..=499 | 503))
}

/// A cluster is not asked to go while pools of it are not yet asked to, where the cloud wants that.
pub(crate) fn order(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let dialect = evidence.dialect;
    let Some(collection) = dialect.pools_go_first() else { return };
    let mut existing = dialect.objects(evidence.before);
    for request in evidence.requests {
        let Some(object) = dialect.object(request) else { continue };
        let committed = request["committed"] == true;
        if dialect.deletes(request) && !object.contains('/') {
            let pools = format!("{object}/{collection}/");
            let left = existing.iter().filter(|object| object.starts_with(&pools));
            wrong.extend(left.map(|pool| format!("order: {object} is deleted before {pool}")));
        } else if committed && dialect.creates(request) {
            existing.insert(object);
        } else if committed && dialect.deletes(request) {
            existing.remove(&object);
        }
    }
}

/// No change is refused: whoever looks first and waits for what runs asks for nothing that cannot be. Replies that were
/// injected are none of the cloud's own.
fn refusals(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let own = |request: &&Value| request["fault"].is_null() && evidence.dialect.is_write(request);
    let refused = |request: &&Value| request["status"].as_u64().is_some_and(|status| status >= 400);
    let refused = evidence.requests.iter().filter(own).filter(refused);
    wrong.extend(refused.map(|request| format!("refused: {} with {}", line(request), request["status"])));
}

/// Changes, and requests as a whole, stay within the budget.
fn budget(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let dialect = evidence.dialect;
    let writes = |requests: &[Value]| requests.iter().filter(|request| dialect.is_write(request)).count();
    let counts = [
        ("changes", writes(evidence.reference), writes(evidence.requests)),
        ("requests", evidence.reference.len(), evidence.requests.len()),
    ];
    for (what, usual, found) in counts {
        if found > BUDGET * usual {
            wrong.push(format!("budget: {found} {what} where {usual} do"));
        }
    }
    // The same change to the same object is not sent more often than that, either.
    let mut sent: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut usual: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (requests, counts) in [(evidence.requests, &mut sent), (evidence.reference, &mut usual)] {
        for request in requests.iter().filter(|request| dialect.is_write(request)) {
            let key = (text(&request["operation"]).to_owned(), dialect.object(request).unwrap_or_default());
            *counts.entry(key).or_default() += 1;
        }
    }
    for ((operation, object), found) in sent {
        let usual = usual.get(&(operation.clone(), object.clone())).copied().unwrap_or(1);
        if found > BUDGET * usual {
            wrong.push(format!("budget: {operation} of {object} is sent {found} times where {usual} do"));
        }
    }
}

/// The paths of what differs and is not drawn. What only one of the two has, `objects` tells of.
fn compare(drawn: &[&str], path: &mut String, wanted: &Value, found: &Value, different: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let keys: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
            for key in keys.into_iter().filter(|key| !drawn.contains(&key.as_str())) {
                let length = path.len();
                path.push('/');
                path.push_str(key);
                let absent = &Value::Null;
                let (wanted, found) = (wanted.get(key).unwrap_or(absent), found.get(key).unwrap_or(absent));
                compare(drawn, path, wanted, found, different);
                path.truncate(length);
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                let length = path.len();
                path.push_str(&format!("/{index}"));
                compare(drawn, path, wanted, found, different);
                path.truncate(length);
            }
        }
        (wanted, found) if wanted == found => {}
        (wanted, found) => different.push(format!("{path} is {found} instead of {wanted}")),
    }
}

pub(crate) fn cluster(object: &str) -> &str {
    object.split('/').next().unwrap_or_default()
}

fn without_token(body: &Value, token: Option<&str>) -> Value {
    let mut body = body.clone();
    if let (Value::Object(members), Some(token)) = (&mut body, token) {
        members.remove(token);
    }
    body
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A request as messages name it.
pub(crate) fn line(request: &Value) -> String {
    format!("request {} ({})", request["seq"], text(&request["operation"]))
}

/// The parts of a request's path, decoded.
fn path_parts(request: &Value) -> Vec<String> {
    let path = text(&request["path"]).split('?').next().unwrap_or_default();
    path.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
}

fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = || {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        match (*first == b'%').then(escaped).flatten() {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
