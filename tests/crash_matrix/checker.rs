//! The judge of a point. It reads the simulator's journal and world as JSON and nothing else, and shares no types with
//! what it judges, so that the two cannot be wrong in the same way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// A run may make that many times the requests of one that nothing befell: what was done before the blow, and twice more.
const BUDGET: usize = 3;

/// What two worlds may differ in though the same was made in them: drawn ids, times, addresses.
const DRAWN: [&str; 13] = [
    "accessEntryArn",
    "addonArn",
    "associatedAt",
    "certificateAuthority",
    "clusterSecurityGroupId",
    "createdAt",
    "endpoint",
    "id",
    "identity",
    "modifiedAt",
    "nodegroupArn",
    "resources",
    "updates",
];

/// What there is to judge a point by.
pub(crate) struct Evidence<'a> {
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
    /// Objects that are not ours, as `<cluster>` or `<cluster>/<collection>/<name>`; what is below them is not, either.
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
    blind_resends(evidence.requests, &mut wrong);
    order(evidence, &mut wrong);
    refusals(evidence.requests, &mut wrong);
    budget(evidence, &mut wrong);
    wrong
}

/// No object is created where it exists and nobody has deleted it.
fn duplicates(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let mut existing = objects(evidence.before);
    for request in evidence.requests.iter().filter(|request| request["committed"] == true) {
        let Some(object) = object(request) else { continue };
        let operation = text(&request["operation"]);
        if operation.starts_with("Create") && !existing.insert(object.clone()) {
            wrong.push(format!("duplicate: {object} is created twice"));
        } else if operation.starts_with("Delete") {
            existing.remove(&object);
        }
    }
}

/// The worlds are equal but for what is drawn: nothing is missing, nothing is left, everything is as wanted, and what is not
/// ours is as it was.
fn differences(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let (wanted, found) = (objects(evidence.reference_world), objects(evidence.after));
    wrong.extend(found.difference(&wanted).map(|object| format!("orphan: {object} is left")));
    wrong.extend(wanted.difference(&found).map(|object| format!("lost: {object} is missing")));
    let mut paths = Vec::new();
    compare(&mut String::new(), evidence.reference_world, evidence.after, &mut paths);
    wrong.extend(paths.into_iter().map(|path| format!("different: {path}")));
    for object in evidence.foreign {
        if find(evidence.before, object) != find(evidence.after, object) {
            wrong.push(format!("foreign: {object} is not as it was"));
        }
    }
}

/// Nothing is sent that would change what is not ours, whether it is taken or not.
fn foreign_writes(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    for request in evidence.requests.iter().filter(|request| is_write(request)) {
        let Some(object) = object(request) else {
            wrong.push(format!("foreign: {} changes nobody knows what", line(request)));
            continue;
        };
        let belongs = |owner: &String| object == *owner || object.starts_with(&format!("{owner}/"));
        if evidence.foreign.iter().any(belongs) {
            wrong.push(format!("foreign: {} is sent to {object}", line(request)));
        }
    }
}

/// What was sent is not sent again before anybody has looked what became of it.
fn blind_resends(requests: &[Value], wrong: &mut Vec<String>) {
    let mut unseen: Vec<(String, String, Value)> = Vec::new();
    for request in requests {
        let Some(object) = object(request) else { continue };
        if !is_write(request) {
            // A look at the cluster shows what became of all that is in it.
            unseen.retain(|(seen, ..)| cluster(seen) != cluster(&object));
            continue;
        }
        let sent = (object, text(&request["operation"]).to_owned(), without_token(&request["request"]));
        if unseen.contains(&sent) {
            wrong.push(format!("blind resend: {} was sent before, and nobody has looked since", line(request)));
        } else {
            unseen.push(sent);
        }
    }
}

/// A cluster is not asked to go while groups of it are not yet asked to.
fn order(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let mut existing = objects(evidence.before);
    for request in evidence.requests {
        let Some(object) = object(request) else { continue };
        match text(&request["operation"]) {
            "CreateNodegroup" if request["committed"] == true => drop(existing.insert(object)),
            "DeleteNodegroup" if request["committed"] == true => drop(existing.remove(&object)),
            "DeleteCluster" => {
                let groups = format!("{object}/node-groups/");
                let left = existing.iter().filter(|group| group.starts_with(&groups));
                wrong.extend(left.map(|group| format!("order: {object} is deleted before {group}")));
            }
            _ => {}
        }
    }
}

/// No change is refused: whoever looks first and waits for what runs asks for nothing that cannot be. Replies that were
/// injected are none of the cloud's own.
fn refusals(requests: &[Value], wrong: &mut Vec<String>) {
    let own = requests.iter().filter(|request| request["fault"].is_null() && is_write(request));
    let refused = own.filter(|request| request["status"].as_u64().is_some_and(|status| status >= 400));
    wrong.extend(refused.map(|request| format!("refused: {} with {}", line(request), request["status"])));
}

/// Changes, and requests as a whole, stay within the budget.
fn budget(evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let writes = |requests: &[Value]| requests.iter().filter(|request| is_write(request)).count();
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
        for request in requests.iter().filter(|request| is_write(request)) {
            let key = (text(&request["operation"]).to_owned(), object(request).unwrap_or_default());
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

/// Operations that change nothing begin with one of these, in EKS and STS.
fn is_write(request: &Value) -> bool {
    !["Describe", "List", "Get", "AssumeRole"].iter().any(|verb| text(&request["operation"]).starts_with(verb))
}

/// What a request is about, as `<cluster>` or `<cluster>/<collection>/<name>`; none if it is about no cluster.
fn object(request: &Value) -> Option<String> {
    let path = text(&request["path"]).split('?').next()?;
    let asked = |member: &str| request["request"][member].as_str().map(str::to_owned);
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts[..] {
        ["clusters"] => asked("name"),
        ["clusters", cluster, collection @ ("node-groups" | "addons" | "access-entries")] => {
            let name = asked("nodegroupName").or_else(|| asked("addonName")).or_else(|| asked("principalArn"));
            Some(name.map_or_else(|| cluster.to_owned(), |name| format!("{cluster}/{collection}/{name}")))
        }
        ["clusters", cluster, collection @ ("node-groups" | "addons" | "access-entries"), name, ..] => {
            Some(format!("{cluster}/{collection}/{name}"))
        }
        ["clusters", cluster, ..] => Some(cluster.to_owned()),
        ["tags", arn] => object_of_arn(arn),
        _ => None,
    }
}

/// `arn:aws:eks:<region>:<account>:<sort>/<cluster>[/<name>/<id>]`; a principal among the names is written with slashes.
fn object_of_arn(arn: &str) -> Option<String> {
    let (sort, rest) = arn.splitn(6, ':').nth(5)?.split_once('/')?;
    let named = |collection: &str| {
        let (cluster, name) = rest.split_once('/')?;
        Some(format!("{cluster}/{collection}/{}", name.split('/').next()?))
    };
    match sort {
        "cluster" => Some(rest.to_owned()),
        "nodegroup" => named("node-groups"),
        "addon" => named("addons"),
        "access-entry" => named("access-entries"),
        _ => None,
    }
}

/// Every object of a world, in the same words.
fn objects(clusters: &Value) -> BTreeSet<String> {
    let none = Map::new();
    let mut found = BTreeSet::new();
    for (cluster, parts) in clusters.as_object().unwrap_or(&none) {
        found.insert(cluster.clone());
        for (collection, member) in COLLECTIONS {
            let names = parts[member].as_object().unwrap_or(&none).keys();
            found.extend(names.map(|name| format!("{cluster}/{collection}/{name}")));
        }
    }
    found
}

/// Collections as paths name them, and as the world does.
const COLLECTIONS: [(&str, &str); 3] =
    [("node-groups", "nodegroups"), ("addons", "addons"), ("access-entries", "accessEntries")];

fn find<'w>(clusters: &'w Value, object: &str) -> Option<&'w Value> {
    let mut parts = object.splitn(3, '/');
    let cluster = clusters.get(parts.next()?)?;
    let (Some(collection), Some(name)) = (parts.next(), parts.next()) else { return Some(cluster) };
    let (_, member) = COLLECTIONS.into_iter().find(|(named, _)| *named == collection)?;
    cluster[member].get(name)
}

/// The paths of what differs and is not drawn. What only one of the two has, `objects` tells of.
fn compare(path: &mut String, wanted: &Value, found: &Value, different: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let keys: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
            for key in keys.into_iter().filter(|key| !DRAWN.contains(&key.as_str())) {
                let length = path.len();
                path.push('/');
                path.push_str(key);
                let absent = &Value::Null;
                let (wanted, found) = (wanted.get(key).unwrap_or(absent), found.get(key).unwrap_or(absent));
                compare(path, wanted, found, different);
                path.truncate(length);
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                let length = path.len();
                path.push_str(&format!("/{index}"));
                compare(path, wanted, found, different);
                path.truncate(length);
            }
        }
        (wanted, found) if wanted == found => {}
        (wanted, found) => different.push(format!("{path} is {found} instead of {wanted}")),
    }
}

fn cluster(object: &str) -> &str {
    object.split('/').next().unwrap_or_default()
}

fn without_token(body: &Value) -> Value {
    let mut body = body.clone();
    if let Value::Object(members) = &mut body {
        members.remove("clientRequestToken");
    }
    body
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A request as messages name it.
fn line(request: &Value) -> String {
    format!("request {} ({})", request["seq"], text(&request["operation"]))
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
