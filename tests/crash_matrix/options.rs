//! What to run: the words of the command line, which are those of cargo's own tests where they mean the same.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::planted_bug::Bug;
use crate::point::Point;

/// What to run.
#[derive(Debug)]
pub(crate) struct Options {
    /// What the samples are drawn from.
    pub(crate) seed: u64,
    /// Every point instead of a sample.
    pub(crate) exhaustive: bool,
    /// This point alone.
    pub(crate) point: Option<Point>,
    /// That point with this bug.
    pub(crate) bug: Option<Bug>,
    /// Say what there is, and run nothing.
    pub(crate) list: bool,
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
}

impl Options {
    /// Reads the command line and `MULTICLOUD_EXHAUSTIVE`, `MULTICLOUD_SEED`.
    ///
    /// # Errors
    /// When a value cannot be read.
    pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            seed: match env::var("MULTICLOUD_SEED") {
                Ok(seed) => number(&seed)?,
                Err(_) => fresh_seed(),
            },
            exhaustive: env::var_os("MULTICLOUD_EXHAUSTIVE").is_some(),
            point: None,
            bug: None,
            list: false,
            filters: Vec::new(),
            skips: Vec::new(),
            exact: false,
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--seed" => options.seed = number(&value()?)?,
                "--point" => options.point = Some(value()?.parse()?),
                "--bug" => options.bug = Some(value()?.parse()?),
                "--exhaustive" => options.exhaustive = true,
                "--list" => options.list = true,
                "--exact" => options.exact = true,
                "--skip" => options.skips.push(value()?),
                // Of cargo's tests, and nothing here: what is said is always shown, and threads are ours to choose.
                "--test-threads" | "--color" | "--format" => drop(value()?),
                other if other.starts_with('-') => {}
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether a case of that name is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skips.iter().any(fits)
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|error| format!("{text:?} is no seed: {error}"))
}

/// The time of day: another one in every run.
fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| u64::from(since.subsec_nanos()))
}
