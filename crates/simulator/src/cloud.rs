//! What a simulated cloud is to the rest: it names a request, serves it or refuses it, and lets tests look at its world and
//! change it from outside. A new cloud is a module that implements [`Cloud`], and a line in [`CloudKind`].

use std::time::Duration;

use http::{HeaderMap, Method};
use hyper::body::Bytes;
use serde_json::Value;

use crate::azure::Azure;
use crate::clock::Moment;
use crate::eks::Eks;
use crate::fault::{Course, ReplyFault};
use crate::google::Google;
use crate::kubernetes::ApiServer;
use crate::nodes::SimulatedNode;
use crate::random::Random;

/// The clouds there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CloudKind {
    /// Amazon EKS, with STS.
    Eks,
    /// Azure Resource Manager with AKS, and its login.
    Azure,
    /// Google Kubernetes Engine, with Compute Engine, Service Usage and what hands out tokens.
    Google,
}

impl CloudKind {
    /// Every cloud.
    pub const ALL: &[CloudKind] = &[CloudKind::Eks, CloudKind::Azure, CloudKind::Google];

    /// What exists there without being made: accounts, networks, roles, versions.
    pub fn inventory(self) -> String {
        match self {
            CloudKind::Eks => crate::eks::inventory(),
            CloudKind::Azure => crate::azure::inventory(),
            CloudKind::Google => crate::google::inventory(),
        }
    }

    /// Its operations, as fault rules and the journal name them.
    pub fn operations(self) -> Vec<&'static str> {
        match self {
            CloudKind::Eks => crate::eks::operations(),
            CloudKind::Azure => crate::azure::operations(),
            CloudKind::Google => crate::google::operations(),
        }
    }

    pub(crate) fn build(self, api_server: &ApiServer) -> Box<dyn Cloud> {
        match self {
            CloudKind::Eks => Box::new(Eks::new(api_server.clone())),
            CloudKind::Azure => Box::new(Azure::new(api_server.clone())),
            CloudKind::Google => Box::new(Google::new(api_server.clone())),
        }
    }
}

/// A whole request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// As sent, still percent-encoded.
    pub(crate) path: String,
    /// Decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a request asks for, as far as the journal and the fault plan need it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) region: Option<String>,
    /// The path as the journal shows it.
    pub(crate) logged_path: String,
    /// The body as the journal shows it.
    pub(crate) logged_body: Option<Value>,
}

/// How long a stuck operation takes: no client waits for it, and tests can still have it end by moving the clock.
const STUCK: Duration = Duration::from_secs(30 * 86_400);

/// What a cloud serves a request with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Moment,
    pub(crate) random: &'a mut Random,
    /// How an operation accepted now shall go on, if not as usual.
    pub(crate) course: Option<Course>,
}

impl Context<'_> {
    /// When something is done that usually takes `usual`.
    pub(crate) fn due(&mut self, usual: Duration) -> Moment {
        let takes = self.random.around(usual);
        match self.course {
            // Ten times is beyond any client's default deadline of our durations, and still ends.
            Some(Course::Slow) => self.now.plus(takes * 10),
            Some(Course::Stuck) => self.now.plus(STUCK),
            Some(Course::Fail | Course::Degrade | Course::StaleStatus | Course::NotYetVisible) | None => {
                self.now.plus(takes)
            }
        }
    }
}

/// A reply to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// What serving a request came to.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) reply: Reply,
    /// Whether the world has changed.
    pub(crate) committed: bool,
}

/// What a test asks of the world that it cannot have.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WorldError(pub(crate) String);

/// A simulated cloud.
pub(crate) trait Cloud: Send {
    /// Its name in the journal and in `--clouds`.
    fn name(&self) -> &'static str;

    /// The services it listens for, by the keys of the ready line.
    fn endpoints(&self) -> &'static [&'static str];

    /// Whether an endpoint speaks https, with a certificate of the run's own authority.
    fn is_tls(&self, _endpoint: &'static str) -> bool {
        false
    }

    /// Names a request, without judging it.
    fn recognise(&self, endpoint: &'static str, request: &Request) -> Call;

    /// Does what a request asks for.
    fn serve(&mut self, endpoint: &'static str, request: &Request, context: &mut Context<'_>) -> Served;

    /// The cloud's own words for a fault.
    fn refuse(
        &mut self,
        endpoint: &'static str,
        request: &Request,
        fault: ReplyFault,
        context: &mut Context<'_>,
    ) -> Reply;

    /// The whole world as JSON.
    fn world(&mut self, now: Moment) -> Value;

    /// Makes an object, or merges `value` into it, behind everybody's back.
    fn put(&mut self, path: &[&str], value: Value, context: &mut Context<'_>) -> Result<(), WorldError>;

    /// Removes an object behind everybody's back.
    fn remove(&mut self, path: &[&str], now: Moment) -> Result<(), WorldError>;

    /// The machines that have joined its clusters and run: those of pools that are made and not being deleted, as many as
    /// the pools have now. A pool's replacement of a machine by another one, as in an upgrade to another image, gives the
    /// new one another name; a mere change of labels or taints does not.
    fn nodes(&mut self, now: Moment) -> Vec<SimulatedNode> {
        let _ = now;
        Vec::new()
    }
}
