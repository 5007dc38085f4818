//! The journal: one line per request, written and flushed before the reply leaves, so that whoever waits for a line may
//! kill the client the moment it appears.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

/// How many entries are kept in memory. A thousand environments need some 50,000 requests; older ones are in the file.
const KEPT_ENTRIES: usize = 500_000;

/// One request and what became of it. Never holds credentials, signatures or tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Number of the request, from 1; what a fault rule calls `call`.
    pub seq: u64,
    /// Simulated time, RFC 3339.
    pub time: String,
    /// The cloud that was asked.
    pub cloud: &'static str,
    /// The operation by its name in the service description.
    pub operation: &'static str,
    /// The region, where the request names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// Path and query as sent, without signature and credential parameters.
    pub path: String,
    /// The status that was sent; none when no reply was.
    pub status: Option<u16>,
    /// Whether the request changed the simulated world.
    pub committed: bool,
    /// The injected fault, as `point/fault`.
    pub fault: Option<String>,
    /// The simulated time before which the injected reply asks not to be asked again, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// The request's body with secrets masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Value>,
}

#[derive(Debug)]
pub(crate) struct Journal {
    file: Option<File>,
    entries: VecDeque<Entry>,
    written: watch::Sender<u64>,
}

impl Journal {
    pub(crate) fn new(file: Option<File>) -> Journal {
        Journal { file, entries: VecDeque::new(), written: watch::Sender::new(0) }
    }

    pub(crate) fn record(&mut self, entry: Entry) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            file.write_all(&line)?;
            file.flush()?;
        }
        if self.entries.len() == KEPT_ENTRIES {
            self.entries.pop_front();
        }
        let seq = entry.seq;
        self.entries.push_back(entry);
        self.written.send_replace(seq);
        Ok(())
    }

    /// The entries after number `seen`.
    pub(crate) fn entries(&self, seen: u64) -> Vec<Entry> {
        let older = self.entries.partition_point(|entry| entry.seq <= seen);
        self.entries.range(older..).cloned().collect()
    }

    /// The first entry after number `seen` that is wanted.
    pub(crate) fn find(&self, seen: u64, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
        // Newest first up to what was seen: a waiter looks at each entry once, not at all of them each time.
        let unseen = self.entries.iter().rev().take_while(|entry| entry.seq > seen);
        unseen.filter(|entry| wanted(entry)).last().cloned()
    }

    /// Tells the number of the last entry, and each further one.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}
