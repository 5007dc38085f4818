//! What the checker must tell: the evidence of deeds that nothing befell, with one thing changed in it. A rule that never
//! speaks would look like a matrix that is always green.

use serde_json::{Value, json};

use crate::checker::{self, Dialect, Evidence};
use crate::clouds::{CloudName, OTHERS, OURS};
use crate::matrix::Reference;
use crate::point::Deed;
use crate::world::foreign;

/// One change of the evidence.
pub(crate) struct Tampering {
    /// The rule that it breaks, as the checker's words begin.
    pub(crate) rule: &'static str,
    deed: Deed,
    change: fn(&dyn Dialect, &mut Vec<Value>, &mut Value),
}

/// At least one per rule that the cloud has.
pub(crate) fn all(dialect: &dyn Dialect) -> Vec<Tampering> {
    let mut all = vec![
        Tampering {
            rule: "duplicate",
            deed: Deed::Update,
            change: |dialect, requests, _| {
                let made = |request: &&Value| dialect.creates(request) && request["committed"] == true;
                let again = requests.iter().find(made).cloned();
                requests.extend(again);
            },
        },
        Tampering { rule: "orphan", deed: Deed::Delete, change: |_, _, after| after[OURS] = after[OTHERS[0]].clone() },
        Tampering {
            rule: "lost",
            deed: Deed::Update,
            change: |_, _, after| {
                let clusters = after.as_object_mut();
                clusters.and_then(|clusters| clusters.remove(OURS)).expect("there is our cluster");
            },
        },
        Tampering {
            rule: "different",
            deed: Deed::Update,
            change: |dialect, _, after| {
                assert!(change_leaf(dialect.drawn(), &mut after[OURS]), "there is something to change")
            },
        },
        Tampering {
            rule: "foreign",
            deed: Deed::Update,
            change: |dialect, _, after| {
                assert!(change_leaf(dialect.drawn(), &mut after[OTHERS[0]]), "there is something to change");
            },
        },
        Tampering {
            rule: "foreign",
            deed: Deed::Update,
            change: |dialect, requests, _| {
                // Refused, and still a write to what is not ours.
                let mut theirs = requests.iter().find(|request| changes(dialect, request)).cloned();
                let theirs = theirs.take().map(|mut request| {
                    let path = request["path"].as_str().map(|path| path.replacen(OURS, OTHERS[0], 1));
                    request["path"] = json!(path);
                    request["committed"] = json!(false);
                    request
                });
                requests.extend(theirs);
            },
        },
        Tampering {
            rule: "blind resend",
            deed: Deed::Update,
            change: |dialect, requests, _| {
                let at = requests.iter().position(|request| changes(dialect, request));
                let at = at.expect("the update changes something");
                let mut again = requests[at].clone();
                if let Some(token) = dialect.token_member() {
                    again["request"][token] = json!("another");
                }
                requests.insert(at + 1, again);
            },
        },
        Tampering {
            rule: "refused",
            deed: Deed::Update,
            change: |dialect, requests, _| {
                let write = requests.iter_mut().find(|request| dialect.is_write(request));
                write.expect("the update writes")["status"] = json!(409);
            },
        },
        Tampering {
            rule: "budget",
            deed: Deed::Update,
            change: |_, requests, _| {
                let once = requests.clone();
                for _ in 0..3 {
                    requests.extend(once.iter().cloned());
                }
            },
        },
    ];
    if dialect.pools_go_first().is_some() {
        all.push(Tampering {
            rule: "order",
            deed: Deed::Delete,
            change: |dialect, requests, _| {
                let ours = |request: &Value| dialect.object(request).as_deref() == Some(OURS);
                let at = requests.iter().position(|request| dialect.deletes(request) && ours(request));
                let last = requests.remove(at.expect("the deletion deletes"));
                requests.insert(0, last);
            },
        });
    }
    all
}

impl Tampering {
    /// Whether the checker says that this rule was broken.
    pub(crate) fn is_told(&self, cloud: CloudName, updated: &Reference, deleted: &Reference) -> bool {
        let reference = match self.deed {
            Deed::Delete => deleted,
            Deed::Create | Deed::Update | Deed::CreateOverMarked | Deed::CreateOverUnmarked => updated,
        };
        let dialect = cloud.cloud().dialect();
        let (mut requests, mut after) = (reference.requests.clone(), reference.world.clone());
        (self.change)(dialect, &mut requests, &mut after);
        let wrong = checker::judge(&Evidence {
            dialect,
            reference: &reference.requests,
            reference_world: &reference.world,
            requests: &requests,
            before: &reference.before,
            after: &after,
            foreign: &foreign(cloud, self.deed),
        });
        wrong.iter().any(|wrong| wrong.starts_with(&format!("{}:", self.rule)))
    }
}

/// Whether a request changes a cluster that is there.
fn changes(dialect: &dyn Dialect, request: &Value) -> bool {
    dialect.is_write(request) && !dialect.creates(request) && request["path"].as_str().is_some_and(|p| p.contains(OURS))
}

/// Changes the first number or text that is not drawn.
fn change_leaf(drawn: &[&str], value: &mut Value) -> bool {
    match value {
        Value::Object(members) => {
            let told = members.iter_mut().filter(|(key, _)| !drawn.contains(&key.as_str()));
            told.into_iter().any(|(_, member)| change_leaf(drawn, member))
        }
        Value::Array(members) => members.iter_mut().any(|member| change_leaf(drawn, member)),
        Value::Number(number) => {
            *value = json!(number.as_f64().unwrap_or_default() + 1.0);
            true
        }
        Value::String(text) => {
            text.push('x');
            true
        }
        Value::Null | Value::Bool(_) => false,
    }
}
