//! What the backend takes from the process around it: the environment's variables and the time of day.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment's variables and the time of day; [`Default`] is those of this process.
#[derive(Clone)]
pub struct Surroundings {
    variables: Arc<Variables>,
    now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { variables: Arc::new(|name| std::env::var(name).ok()), now: Arc::new(SystemTime::now) }
    }
}

impl fmt::Debug for Surroundings {
    /// Variables may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

impl Surroundings {
    /// The same with other variables.
    #[must_use]
    pub fn with_variables(self, variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { variables: Arc::new(variables), ..self }
    }

    /// The same with another time of day, which requests for tokens are signed with and tokens are judged by.
    #[must_use]
    pub fn with_time(self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now), ..self }
    }

    /// A variable that is set to something.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    /// The first of these variables that is set to something.
    pub(crate) fn first_variable(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.variable(name))
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.now)()
    }

    /// Where `gcloud` keeps its files (`googlecloudsdk.core.config`).
    pub(crate) fn gcloud_folder(&self) -> Option<PathBuf> {
        let of_user = || match (self.variable("APPDATA"), self.variable("HOME")) {
            (Some(data), _) if cfg!(windows) => Some(PathBuf::from(data).join("gcloud")),
            (_, Some(home)) => Some(PathBuf::from(home).join(".config/gcloud")),
            (Some(_) | None, None) => None,
        };
        self.variable("CLOUDSDK_CONFIG").map(PathBuf::from).or_else(of_user)
    }

    /// A path as users write it, where `~` is their own folder.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), self.variable("HOME")) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            (Some(_), None) | (None, _) => PathBuf::from(text),
        }
    }
}
