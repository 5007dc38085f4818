//! What the checker must tell: the evidence of deeds that nothing befell, with one thing changed in it. A rule that never
//! speaks would look like a matrix that is always green.

use serde_json::{Value, json};

use crate::checker::{self, Evidence};
use crate::matrix::Reference;
use crate::point::Deed;
use crate::world::{OURS, foreign};

/// One change of the evidence.
pub(crate) struct Tampering {
    /// The rule that it breaks, as the checker's words begin.
    pub(crate) rule: &'static str,
    deed: Deed,
    change: fn(&mut Vec<Value>, &mut Value),
}

/// At least one per rule.
pub(crate) const ALL: &[Tampering] = &[
    Tampering {
        rule: "duplicate",
        deed: Deed::Update,
        change: |requests, _| {
            let again = requests.iter().find(|request| request["operation"] == "CreateNodegroup").cloned();
            requests.extend(again);
        },
    },
    Tampering {
        rule: "orphan",
        deed: Deed::Delete,
        change: |_, after| after[OURS] = json!({ "cluster": {}, "nodegroups": {} }),
    },
    Tampering {
        rule: "lost",
        deed: Deed::Update,
        change: |_, after| {
            let groups = after[OURS]["nodegroups"].as_object_mut();
            groups.and_then(|groups| groups.remove("system")).expect("there is such a group");
        },
    },
    Tampering {
        rule: "different",
        deed: Deed::Update,
        change: |_, after| after[OURS]["nodegroups"]["system"]["scalingConfig"]["desiredSize"] = json!(2),
    },
    Tampering {
        rule: "foreign",
        deed: Deed::Update,
        change: |_, after| after["other-team"]["cluster"]["tags"] = json!({}),
    },
    Tampering {
        rule: "foreign",
        deed: Deed::Update,
        change: |requests, _| {
            // Refused, and still a write to what is not ours.
            let path = "/clusters/prod/node-groups/by-hand/update-config";
            requests.push(json!({ "seq": 0, "operation": "UpdateNodegroupConfig", "path": path, "committed": false }));
        },
    },
    Tampering {
        rule: "blind resend",
        deed: Deed::Update,
        change: |requests, _| {
            let at = requests.iter().position(|request| request["operation"] == "UpdateClusterVersion");
            let at = at.expect("the update upgrades");
            let mut again = requests[at].clone();
            again["request"]["clientRequestToken"] = json!("another");
            requests.insert(at + 1, again);
        },
    },
    Tampering {
        rule: "order",
        deed: Deed::Delete,
        change: |requests, _| {
            let at = requests.iter().position(|request| request["operation"] == "DeleteCluster");
            let last = requests.remove(at.expect("the deletion deletes"));
            requests.insert(0, last);
        },
    },
    Tampering {
        rule: "refused",
        deed: Deed::Update,
        change: |requests, _| {
            let write = requests.iter_mut().find(|request| request["operation"] == "UpdateClusterConfig");
            write.expect("the update has settings")["status"] = json!(409);
        },
    },
    Tampering {
        rule: "budget",
        deed: Deed::Update,
        change: |requests, _| {
            let once = requests.clone();
            for _ in 0..3 {
                requests.extend(once.iter().cloned());
            }
        },
    },
];

impl Tampering {
    /// Whether the checker says that this rule was broken.
    pub(crate) fn is_told(&self, updated: &Reference, deleted: &Reference) -> bool {
        let reference = match self.deed {
            Deed::Delete => deleted,
            Deed::Create | Deed::Update | Deed::CreateOverMarked | Deed::CreateOverUnmarked => updated,
        };
        let (mut requests, mut after) = (reference.requests.clone(), reference.world.clone());
        (self.change)(&mut requests, &mut after);
        let wrong = checker::judge(&Evidence {
            reference: &reference.requests,
            reference_world: &reference.world,
            requests: &requests,
            before: &reference.before,
            after: &after,
            foreign: &foreign(self.deed),
        });
        wrong.iter().any(|wrong| wrong.starts_with(&format!("{}:", self.rule)))
    }
}
