//! One request after the other: number it, move the clock, ask the fault plan, let the cloud serve it, write the journal.
//! Decides what is to happen on the wire and leaves the doing to `server`.

use std::fs::File;
use std::io;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::clock::Moment;
use crate::cloud::{Cloud, CloudKind, Context, Reply, Request, WorldError};
use crate::fault::{Break, Effect, FaultPlan, FaultPlanError, Garbage, Injection, Point, RetryAfter, Substitute};
use crate::journal::{Entry, Journal};
use crate::kubernetes::ApiServer;
use crate::nodes::SimulatedNode;
use crate::random::Random;
use crate::{Config, Time};

/// What the server does with a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Send the reply.
    Send(Reply),
    /// Send nothing.
    Break(Break),
    /// Send the head and half of the body and nothing more.
    Cut(Reply, Break),
}

pub(crate) struct Engine {
    kinds: Vec<CloudKind>,
    time: Time,
    seed: u64,
    api_server: ApiServer,
    clouds: Vec<Box<dyn Cloud>>,
    clock: Clock,
    random: Random,
    /// Draws of the fault plan, apart from the world's, so that a plan does not change what ids are drawn.
    fault_random: Random,
    faults: FaultPlan,
    journal: Journal,
    seq: u64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("clouds", &self.kinds).field("seq", &self.seq).finish_non_exhaustive()
    }
}

impl Engine {
    pub(crate) fn new(config: Config, journal: Option<File>) -> Result<Engine, FaultPlanError> {
        let clouds = config.clouds.iter().map(|kind| kind.build(&config.api_server)).collect();
        let mut engine = Engine {
            kinds: config.clouds,
            time: config.time,
            seed: config.seed,
            api_server: config.api_server,
            clouds,
            clock: Clock::new(config.time),
            random: Random::new(config.seed),
            fault_random: fault_random(config.seed),
            faults: FaultPlan::default(),
            journal: Journal::new(journal),
            seq: 0,
        };
        engine.add_faults(config.faults)?;
        Ok(engine)
    }

    /// Which cloud serves which endpoint, and whether by https.
    pub(crate) fn endpoints(&self) -> Vec<(usize, &'static str, bool)> {
        let clouds = self.clouds.iter().enumerate();
        clouds
            .flat_map(|(index, cloud)| cloud.endpoints().iter().map(move |name| (index, *name, cloud.is_tls(name))))
            .collect()
    }

    /// Serves one request. An error means that the journal could not be written; nothing may be sent then, for whoever
    /// reads the journal would not know of it.
    pub(crate) fn exchange(&mut self, cloud: usize, endpoint: &'static str, request: &Request) -> io::Result<Outcome> {
        let Some(cloud) = self.clouds.get_mut(cloud) else {
            return Ok(Outcome::Break(Break::Close));
        };
        self.seq += 1;
        self.clock.tick();
        let call = cloud.recognise(endpoint, request);
        let injection = self.faults.take(self.seq, call.operation, &mut self.fault_random);
        let (name, effect) = match injection {
            Some(Injection { name, effect }) => (Some(name), Some(effect)),
            None => (None, None),
        };
        let course = match &effect {
            Some(Effect::Course(course)) => Some(*course),
            Some(Effect::Connection { .. } | Effect::Reply { .. } | Effect::Relabelled) | None => None,
        };
        let now = self.clock.now();
        let context = &mut Context { now, random: &mut self.random, course };
        let mut not_before = None;
        let (outcome, committed) = match effect {
            None | Some(Effect::Course(_)) => {
                let served = cloud.serve(endpoint, request, context);
                // A service that limits calls by itself says when to come back as well.
                let asked = served.reply.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Retry-After"));
                let seconds = asked.and_then(|(_, text)| text.parse().ok()).map(Duration::from_secs);
                not_before = seconds.map(|seconds| now.plus(seconds).rfc3339());
                (Outcome::Send(served.reply), served.committed)
            }
            Some(Effect::Relabelled) => {
                let mut served = cloud.serve(endpoint, request, context);
                served.reply.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Content-Type"));
                served.reply.headers.push(("Content-Type", "text/plain".into()));
                (Outcome::Send(served.reply), served.committed)
            }
            Some(Effect::Connection { point: Point::BeforeSend | Point::Uncommitted, how }) => {
                (Outcome::Break(how), false)
            }
            Some(Effect::Connection { point: Point::ReplyLost, how }) => {
                let served = cloud.serve(endpoint, request, context);
                (Outcome::Break(how), served.committed)
            }
            Some(Effect::Connection { point: Point::ReplyCut, how }) => {
                let served = cloud.serve(endpoint, request, context);
                // Of a reply without a body there is no half: it is lost.
                let outcome = match served.reply.body.is_empty() {
                    true => Outcome::Break(how),
                    false => Outcome::Cut(served.reply, how),
                };
                (outcome, served.committed)
            }
            Some(Effect::Reply { committed, substitute, retry_after }) => {
                let committed = committed && cloud.serve(endpoint, request, context).committed;
                let mut reply = match substitute {
                    Substitute::Error(fault) => cloud.refuse(endpoint, request, fault, context),
                    Substitute::Garbage(garbage) => garbled(garbage),
                };
                let (headers, asked) = retry_after.map(|retry_after| told(retry_after, now)).unwrap_or_default();
                reply.headers.extend(headers);
                not_before = asked.map(Moment::rfc3339);
                (Outcome::Send(reply), committed)
            }
        };
        let status = match &outcome {
            Outcome::Send(reply) | Outcome::Cut(reply, _) => Some(reply.status),
            Outcome::Break(_) => None,
        };
        self.journal.record(Entry {
            seq: self.seq,
            time: self.clock.now().rfc3339(),
            cloud: cloud.name(),
            operation: call.operation,
            region: call.region,
            method: request.method.to_string(),
            path: call.logged_path,
            status,
            committed,
            fault: name,
            not_before,
            request: call.logged_body,
        })?;
        Ok(outcome)
    }

    /// The requests after number `seen`.
    pub(crate) fn journal(&self, seen: u64) -> Vec<Entry> {
        self.journal.entries(seen)
    }

    /// How many requests there were.
    pub(crate) fn seen(&self) -> u64 {
        self.seq
    }

    /// Since its beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The first entry after number `seen` that is wanted.
    pub(crate) fn find(&self, seen: u64, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.journal.find(seen, wanted)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.journal.subscribe()
    }

    pub(crate) fn world(&mut self) -> Value {
        let now = self.clock.now();
        let mut world = Map::new();
        world.insert("time".into(), json!(now.rfc3339()));
        for cloud in &mut self.clouds {
            world.insert(cloud.name().into(), cloud.world(now));
        }
        Value::Object(world)
    }

    /// The nodes of all clusters.
    pub(crate) fn nodes(&mut self) -> Vec<SimulatedNode> {
        let now = self.clock.now();
        self.clouds.iter_mut().flat_map(|cloud| cloud.nodes(now)).collect()
    }

    /// Where the clusters are reached.
    pub(crate) fn api_server(&self) -> &ApiServer {
        &self.api_server
    }

    pub(crate) fn add_faults(&mut self, plan: FaultPlan) -> Result<(), FaultPlanError> {
        let known: Vec<_> = self.kinds.iter().flat_map(|kind| kind.operations()).collect();
        plan.check_operations(&known)?;
        self.faults.extend(plan);
        Ok(())
    }

    pub(crate) fn clear_faults(&mut self) {
        self.faults = FaultPlan::default();
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
    }

    /// Back to the beginning: an empty world, no faults, numbers from 1. A journal's file is kept and goes on.
    pub(crate) fn reset(&mut self) {
        self.clouds = self.kinds.iter().map(|kind| kind.build(&self.api_server)).collect();
        self.clock = Clock::new(self.time);
        self.random = Random::new(self.seed);
        self.fault_random = fault_random(self.seed);
        self.faults = FaultPlan::default();
        self.journal.clear();
        self.seq = 0;
    }

    pub(crate) fn put(&mut self, cloud: &str, path: &[&str], value: Value) -> Result<(), WorldError> {
        let now = self.clock.now();
        let found = self.clouds.iter_mut().find(|c| c.name() == cloud).ok_or_else(|| no_cloud(cloud))?;
        found.put(path, value, &mut Context { now, random: &mut self.random, course: None })
    }

    pub(crate) fn remove(&mut self, cloud: &str, path: &[&str]) -> Result<(), WorldError> {
        let now = self.clock.now();
        let found = self.clouds.iter_mut().find(|c| c.name() == cloud).ok_or_else(|| no_cloud(cloud))?;
        found.remove(path, now)
    }
}

fn fault_random(seed: u64) -> Random {
    // Any constant does; it only has to lead to another sequence than the world's.
    Random::new(seed ^ 0x5eed_fa17)
}

/// More than a client should take: the largest true reply, a full page of add-on versions, has some 100 KiB.
const HUGE: usize = 10 * 1024 * 1024;

/// The headers that say when to come back, and that moment where it can be told.
fn told(retry_after: RetryAfter, now: Moment) -> (Vec<(&'static str, String)>, Option<Moment>) {
    match retry_after {
        RetryAfter::Text(text) => {
            let seconds = text.parse().ok().map(Duration::from_secs);
            (vec![("Retry-After", text)], seconds.map(|seconds| now.plus(seconds)))
        }
        RetryAfter::Date(seconds) => {
            let until = now.plus(Duration::from_secs(seconds));
            // Dates have whole seconds, so that this one is a part of a second before what was asked for.
            let headers = vec![("Date", now.http_date()), ("Retry-After", until.http_date())];
            (headers, Some(until.whole_second()))
        }
    }
}

/// What no service says, but proxies, load balancers and broken middle boxes do.
fn garbled(garbage: Garbage) -> Reply {
    let (status, kind, body) = match garbage {
        Garbage::Html => {
            let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";
            (502, "text/html", page.into())
        }
        Garbage::GatewayTimeout => {
            let page =
                "<html><head><title>504 Gateway Time-out</title></head><body><h1>Gateway Time-out</h1></body></html>";
            (504, "text/html", page.into())
        }
        Garbage::HtmlOk => {
            let page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>";
            (200, "text/html", page.into())
        }
        Garbage::DuplicateKeys => {
            let body = r#"{"cluster":{"name":"a"},"cluster":{"name":"b","name":"c"},"name":"a","name":"b","status":"A","status":"B","properties":{},"properties":{"provisioningState":"X","provisioningState":"Y"}}"#;
            (200, "application/json", body.into())
        }
        Garbage::HugeNumber => {
            let body = r#"{"cluster":{"createdAt":1e400},"nodegroup":{"diskSize":1e400},"update":{"createdAt":-1e400},"initialNodeCount":1e400,"properties":{"maxAgentPools":1e400}}"#;
            (200, "application/json", body.into())
        }
        Garbage::Empty => (200, "application/json", Vec::new()),
        Garbage::Truncated => (200, "application/json", br#"{"cluster":{"name":"c","resourcesVpc"#.to_vec()),
        Garbage::InvalidUtf8 => (200, "application/json", b"{\"cluster\":{\"name\":\"\xff\xfe\"}}".to_vec()),
        Garbage::WrongShape => {
            let body = br#"{"cluster":[1e400],"cluster":7,"update":"no","clusters":{},"nodegroup":null,"x":{"y":[]}}"#;
            (200, "application/json", body.to_vec())
        }
        Garbage::Huge => (200, "application/json", vec![b' '; HUGE]),
    };
    Reply { status, headers: vec![("Content-Type", kind.into())], body }
}

fn no_cloud(name: &str) -> WorldError {
    WorldError(format!("no cloud is called {name:?}"))
}
