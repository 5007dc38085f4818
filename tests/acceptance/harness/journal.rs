//! The simulator's journal: what was asked of the clouds, in order.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Backend, Deed};

/// The journal file of a simulator.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    path: PathBuf,
}

/// One request.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Request {
    /// The cloud that was asked.
    pub(crate) cloud: String,
    /// The API operation, by the name in the cloud's own description.
    pub(crate) operation: String,
    /// The request's path.
    pub(crate) path: String,
    /// The status of the reply, where one was sent.
    pub(crate) status: Option<u16>,
    /// Whether the cloud's state changed by it.
    pub(crate) committed: bool,
}

impl Journal {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// All requests so far.
    #[track_caller]
    pub(crate) fn requests(&self) -> Vec<Request> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        // The last line may be half written at this moment.
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the journal: {line}"));
        whole.lines().map(parse).collect()
    }

    /// The operations that changed the cloud, in order.
    #[track_caller]
    pub(crate) fn changes(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.committed && is_change(&request.operation)).collect()
    }

    /// How often something was done.
    #[track_caller]
    pub(crate) fn count(&self, backend: Backend, deed: Deed) -> usize {
        self.changes().iter().filter(|request| backend.does(deed, request)).count()
    }

    /// How often an operation changed the cloud.
    #[track_caller]
    pub(crate) fn committed(&self, operation: &str) -> usize {
        self.changes().iter().filter(|request| request.operation == operation).count()
    }
}

/// What only looks, or logs in, is called by one of these verbs: Azure's operations have it after what it is of.
fn is_change(operation: &str) -> bool {
    let verb = operation.rsplit('_').next().unwrap_or(operation);
    let looks = ["Describe", "List", "Get", "BatchGet", "Ping", "Check", "Token", "Exchange", "Generate"];
    !looks.iter().any(|look| verb.starts_with(look))
}
