//! The simulated cloud of one point, and what stands in it besides ours.

use std::time::Duration;

use multicloud_simulator::journal::Entry;
use multicloud_simulator::{Config, Running, Simulator, Time};
use serde_json::{Value, json};

use crate::point::Deed;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const OWNER: &str = "platform";
pub(crate) const SUBNETS: [&str; 2] = ["subnet-0000000000000000a", "subnet-0000000000000000b"];

/// The name of our environment.
pub(crate) const OURS: &str = "prod";

/// Clusters of other people: one marked as another owner's, one that carries no mark.
const OTHERS: [&str; 2] = ["other-team", "by-hand"];

/// What others put into our cluster before it is updated, as the checker names objects.
const OTHERS_INSIDE: [&str; 2] =
    ["prod/node-groups/by-hand", "prod/access-entries/arn:aws:iam::123456789012:role/developer"];

/// How far a request moves the cloud's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A minute: few polls, so that a matrix takes minutes.
    Usual,
    /// So little that looking at everything takes less time than making anything.
    Slow,
}

impl Pace {
    fn time(self) -> Time {
        match self {
            Pace::Usual => Time::FAST,
            Pace::Slow => Time::Fast { step: Duration::from_secs(10) },
        }
    }
}

/// A simulated cloud.
pub(crate) struct World {
    pub(crate) running: Running,
}

impl World {
    /// A cloud in which others have clusters, and where the deed is tried over one, that of our name.
    pub(crate) async fn start(deed: Deed, pace: Pace) -> World {
        let config = Config { time: pace.time(), ..Config::default() };
        let running = Simulator::start(config).await.expect("the simulator starts");
        let world = World { running };
        world.put(OTHERS[0], json!({ "tags": mark("other-team", OTHERS[0]) }));
        world.put(OTHERS[1], json!({}));
        match deed {
            // Of a version that ours could be, so that only whose it is keeps us from it.
            Deed::CreateOverMarked => {
                world.put(OURS, json!({ "version": "1.31", "tags": mark("other-team", OURS) }));
            }
            Deed::CreateOverUnmarked => world.put(OURS, json!({ "version": "1.31" })),
            Deed::Create | Deed::Update | Deed::Delete => {}
        }
        world
    }

    /// Lets others work in our cluster: a node group and an access entry made by hand.
    pub(crate) fn intrude(&self) {
        self.put("prod/nodegroups/by-hand", json!({}));
        self.put("prod/access-entries/arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeveloper", json!({}));
    }

    fn put(&self, object: &str, document: Value) {
        let object = format!("{ACCOUNT}/{REGION}/clusters/{object}");
        self.running.put("eks", &object, document).expect("the object can be planted");
    }

    pub(crate) fn url(&self, service: &str) -> &str {
        self.running.url(service).expect("the simulator has that service")
    }

    /// The requests after number `seen`, as the journal writes them.
    pub(crate) fn requests(&self, seen: u64) -> Vec<Value> {
        let journal = self.running.journal();
        journal.iter().filter(|entry| entry.seq > seen).map(as_json).collect()
    }

    /// The number of the last request.
    pub(crate) fn seen(&self) -> u64 {
        self.running.journal().last().map_or(0, |entry| entry.seq)
    }

    /// The clusters of the region, with all that belongs to them.
    pub(crate) fn clusters(&self) -> Value {
        self.running.world()["eks"][ACCOUNT][REGION]["clusters"].take()
    }
}

/// What is not ours, as the checker names objects.
pub(crate) fn foreign(deed: Deed) -> Vec<String> {
    let mut foreign: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    match deed {
        Deed::CreateOverMarked | Deed::CreateOverUnmarked => foreign.push(OURS.to_owned()),
        Deed::Update => foreign.extend(OTHERS_INSIDE.map(str::to_owned)),
        Deed::Create | Deed::Delete => {}
    }
    foreign
}

fn as_json(entry: &Entry) -> Value {
    serde_json::to_value(entry).expect("an entry is what the journal's lines are made of")
}

fn mark(owner: &str, environment: &str) -> Value {
    json!({ "multicloud-owner": owner, "multicloud-environment": environment })
}
