//! The simulated cloud of one point, and what stands in it besides ours.

use std::time::Duration;

use multicloud_simulator::journal::Entry;
use multicloud_simulator::{Config, Running, Simulator, Time};
use serde_json::{Value, json};

use crate::clouds::{CloudName, OTHERS, OURS, Reach, mark};
use crate::point::Deed;

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
    name: CloudName,
    pub(crate) running: Running,
}

impl World {
    /// A cloud in which others have clusters.
    pub(crate) async fn start(name: CloudName, pace: Pace) -> World {
        let clouds = vec![name.cloud().simulated()];
        let config = Config { clouds, time: pace.time(), ..Config::default() };
        let running = Simulator::start(config).await.expect("the simulator starts");
        put_others(name, &running);
        World { name, running }
    }

    /// Takes the mark from the cluster of our name.
    pub(crate) fn unmark(&self) {
        self.name.cloud().put_cluster(&self.running, OURS, json!({}));
    }

    /// Lets others work in our cluster.
    pub(crate) fn intrude(&self) {
        self.name.cloud().intrude(&self.running);
    }

    pub(crate) fn reach(&self) -> Reach {
        Reach::of(&self.running)
    }

    /// The requests after number `seen`, as the journal writes them.
    pub(crate) fn requests(&self, seen: u64) -> Vec<Value> {
        requests(&self.running, seen)
    }

    /// The number of the last request.
    pub(crate) fn seen(&self) -> u64 {
        seen(&self.running)
    }

    /// The clusters, with all that belongs to them.
    pub(crate) fn clusters(&self) -> Value {
        clusters(self.name, &self.running)
    }
}

/// Puts the clusters of others there.
pub(crate) fn put_others(name: CloudName, running: &Running) {
    name.cloud().put_cluster(running, OTHERS[0], mark("other-team", OTHERS[0]));
    name.cloud().put_cluster(running, OTHERS[1], json!({}));
}

/// The requests after number `seen`, as the journal writes them.
pub(crate) fn requests(running: &Running, seen: u64) -> Vec<Value> {
    running.journal().iter().filter(|entry| entry.seq > seen).map(as_json).collect()
}

/// The number of the last request.
pub(crate) fn seen(running: &Running) -> u64 {
    running.journal().last().map_or(0, |entry| entry.seq)
}

/// The clusters, with all that belongs to them.
pub(crate) fn clusters(name: CloudName, running: &Running) -> Value {
    name.cloud().dialect().world(&running.world()).clone()
}

/// What is not ours, as the checker names objects.
pub(crate) fn foreign(name: CloudName, deed: Deed) -> Vec<String> {
    let mut foreign: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    match deed {
        Deed::CreateOverMarked | Deed::CreateOverUnmarked => foreign.push(OURS.to_owned()),
        Deed::Update => foreign.extend(name.cloud().intruders().iter().map(|object| (*object).to_owned())),
        Deed::Create | Deed::Delete => {}
    }
    foreign
}

fn as_json(entry: &Entry) -> Value {
    serde_json::to_value(entry).expect("an entry is what the journal's lines are made of")
}
