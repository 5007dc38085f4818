//! The vocabulary: what an environment is to be ([`EnvironmentSpec`]), how it is named ([`EnvironmentId`]), and what
//! was found ([`Observed`]). Texts are parsed once, where they come in; what has one of these types is well-formed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(feature = "aks")]
use crate::aks::{AksObserved, AksSpec};
#[cfg(feature = "eks")]
use crate::eks::{EksObserved, EksSpec};
use crate::error::ServerText;
#[cfg(feature = "gke")]
use crate::gke::{GkeObserved, GkeSpec};
use crate::memory::{MemoryObserved, MemorySpec};
use crate::operation::Subject;

/// Why a text is not what it should be: what was expected, and where the text first differs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is empty.
    #[error("{what} is empty")]
    Empty {
        /// The type that was parsed.
        what: &'static str,
    },
    /// The text is longer than allowed.
    #[error("{what} has {length} characters, more than {max}")]
    TooLong {
        /// The type that was parsed.
        what: &'static str,
        /// Characters found.
        length: usize,
        /// Characters allowed.
        max: usize,
    },
    /// A character that may not stand where it does.
    #[error("{what}: character {found:?} at position {position} is not allowed, expected {expected}")]
    Character {
        /// The type that was parsed.
        what: &'static str,
        /// The character.
        found: char,
        /// Its place, counted in characters from 1.
        position: usize,
        /// What may stand there.
        expected: &'static str,
    },
    /// The text as a whole has another form.
    #[error("{what} {found:?}: expected {expected}")]
    Form {
        /// The type that was parsed.
        what: &'static str,
        /// The text, shortened where it is long.
        found: String,
        /// The form it should have.
        expected: &'static str,
    },
    /// A part of an id is wrong.
    #[error("part {part} ({name}) of the id, at position {position}")]
    IdPart {
        /// The part, counted from 1.
        part: usize,
        /// What stands in that part.
        name: &'static str,
        /// Where the part begins, counted in characters from 1.
        position: usize,
        /// What is wrong with it.
        source: Box<ParseError>,
    },
    /// The id has the wrong number of parts.
    #[error("id {found:?} has {parts} parts, expected the form {expected}")]
    IdParts {
        /// The text, shortened where it is long.
        found: String,
        /// Parts found.
        parts: usize,
        /// The form it should have.
        expected: &'static str,
    },
    /// The id's first part is no backend.
    #[error("id {found:?} does not begin with a backend, one of {known}")]
    UnknownBackend {
        /// The text, shortened where it is long.
        found: String,
        /// The backends there are.
        known: String,
    },
}

/// Characters of a refused text that an error repeats: enough to recognize it.
const ECHOED_CHARS: usize = 80;

fn echo(text: &str) -> String {
    match text.char_indices().nth(ECHOED_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Defines a text type with a rule: the longest length, what may come first, what may follow.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, max $max:literal, first $first:expr, rest $rest:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                check_text($what, text, $max, $first, $rest, $expected)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn check_text(
    what: &'static str,
    text: &str,
    max: usize,
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
    expected: &'static str,
) -> Result<(), ParseError> {
    if text.is_empty() {
        return Err(ParseError::Empty { what });
    }
    let length = text.chars().count();
    if length > max {
        return Err(ParseError::TooLong { what, length, max });
    }
    for (index, found) in text.chars().enumerate() {
        let allowed = if index == 0 { first(found) } else { rest(found) };
        if !allowed {
            return Err(ParseError::Character { what, found, position: index + 1, expected });
        }
    }
    Ok(())
}

fn alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn lower_or_dash(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase()
}

fn hexadecimal(c: char) -> bool {
    c.is_ascii_digit() || ('a'..='f').contains(&c)
}

fn hexadecimal_or_dash(c: char) -> bool {
    hexadecimal(c) || c == '-'
}

fn group_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.()".contains(c)
}

fn project_char(c: char) -> bool {
    lower_or_dash(c) || c == '.' || c == ':'
}

fn visible(c: char) -> bool {
    c.is_ascii_graphic()
}

text!(
    /// An environment's name, which is the cluster's name in its cloud. A backend may allow less.
    EnvironmentName, "environment name", max 100, first alphanumeric, rest name_char,
    "letters, digits, `-` or `_`, beginning with a letter or digit"
);
text!(
    /// A node pool's name. A backend may allow less.
    PoolName, "node pool name", max 63, first alphanumeric, rest name_char,
    "letters, digits, `-` or `_`, beginning with a letter or digit"
);
text!(
    /// A region or location, as its cloud writes it.
    Region, "region", max 64, first lower_or_dash, rest lower_or_dash, "lower-case letters, digits or `-`"
);
text!(
    /// Whose an environment is: the value of the ownership mark.
    Owner, "owner", max 32, first lower_or_dash, rest lower_or_dash, "lower-case letters, digits or `-`"
);
text!(
    /// A machine type or size, as its cloud writes it.
    MachineType, "machine type", max 64, first visible, rest visible, "visible ASCII characters"
);
text!(
    /// An AWS account's number.
    AccountId, "account", max 64, first alphanumeric, rest name_char, "letters, digits, `-` or `_`"
);
text!(
    /// An Azure subscription: a UUID.
    SubscriptionId, "subscription", max 36, first hexadecimal, rest hexadecimal_or_dash,
    "a UUID: lower-case hexadecimal digits and `-`"
);
text!(
    /// A resource group of Azure, which holds what is created and deleted together. Azure tells no case apart
    /// (<https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>).
    ResourceGroupName, "resource group", max 90, first group_char, rest group_char,
    "letters, digits, `-`, `_`, `.`, `(` or `)`"
);
text!(
    /// A Google Cloud project's id; older ones may be scoped to a domain, as in `example.com:project`
    /// (<https://cloud.google.com/resource-manager/docs/creating-managing-projects>).
    ProjectId, "project", max 64, first lower, rest project_char, "lower-case letters, digits, `-`, `.` or `:`"
);

/// The backends there are. [`crate::registry::BACKENDS`] says more about each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendKind {
    /// Azure Kubernetes Service.
    Aks,
    /// Amazon Elastic Kubernetes Service.
    Eks,
    /// Google Kubernetes Engine.
    Gke,
    /// In this process's memory; for tests and examples.
    Memory,
}

impl BackendKind {
    /// Every backend.
    pub const ALL: [Self; 4] = [Self::Aks, Self::Eks, Self::Gke, Self::Memory];

    /// The first part of its ids, and the name of its attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aks => "aks",
            Self::Eks => "eks",
            Self::Gke => "gke",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names one environment everywhere; prints and parses as `eks/<account>/<region>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EnvironmentId {
    /// A cluster of Azure Kubernetes Service.
    Aks {
        /// The Azure subscription.
        subscription: SubscriptionId,
        /// The resource group.
        resource_group: ResourceGroupName,
        /// The cluster's name.
        name: EnvironmentName,
    },
    /// A cluster of Amazon EKS.
    Eks {
        /// The AWS account.
        account: AccountId,
        /// The AWS region.
        region: Region,
        /// The cluster's name.
        name: EnvironmentName,
    },
    /// A cluster of Google Kubernetes Engine.
    Gke {
        /// The Google Cloud project.
        project: ProjectId,
        /// The region, or the zone of a zonal cluster.
        location: Region,
        /// The cluster's name.
        name: EnvironmentName,
    },
    /// An environment in memory.
    Memory {
        /// Its name.
        name: EnvironmentName,
    },
}

impl EnvironmentId {
    /// The backend that has this environment.
    pub fn backend(&self) -> BackendKind {
        match self {
            Self::Aks { .. } => BackendKind::Aks,
            Self::Eks { .. } => BackendKind::Eks,
            Self::Gke { .. } => BackendKind::Gke,
            Self::Memory { .. } => BackendKind::Memory,
        }
    }

    /// The environment's name.
    pub fn name(&self) -> &EnvironmentName {
        match self {
            Self::Aks { name, .. } | Self::Eks { name, .. } | Self::Gke { name, .. } | Self::Memory { name } => name,
        }
    }

    /// The region or zone, where the id says it: an id of AKS does not.
    pub fn region(&self) -> Option<&Region> {
        match self {
            Self::Eks { region, .. } => Some(region),
            Self::Gke { location, .. } => Some(location),
            Self::Aks { .. } | Self::Memory { .. } => None,
        }
    }
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aks { subscription, resource_group, name } => write!(f, "aks/{subscription}/{resource_group}/{name}"),
            Self::Eks { account, region, name } => write!(f, "eks/{account}/{region}/{name}"),
            Self::Gke { project, location, name } => write!(f, "gke/{project}/{location}/{name}"),
            Self::Memory { name } => write!(f, "memory/{name}"),
        }
    }
}

impl FromStr for EnvironmentId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parts: Vec<&str> = text.split('/').collect();
        let Some(kind) = BackendKind::ALL.into_iter().find(|kind| kind.as_str() == parts[0]) else {
            // Environments in memory are for tests, which know.
            let known = BackendKind::ALL.into_iter().filter(|kind| *kind != BackendKind::Memory);
            let known = known.map(BackendKind::as_str).collect::<Vec<_>>().join(", ");
            return Err(ParseError::UnknownBackend { found: echo(text), known });
        };
        let form = kind.registration().id_form;
        if parts.len() != form.split('/').count() {
            return Err(ParseError::IdParts { found: echo(text), parts: parts.len(), expected: form });
        }
        Ok(match kind {
            BackendKind::Aks => Self::Aks {
                subscription: id_part(&parts, 1, "subscription")?,
                resource_group: id_part(&parts, 2, "resource group")?,
                name: id_part(&parts, 3, "name")?,
            },
            BackendKind::Eks => Self::Eks {
                account: id_part(&parts, 1, "account")?,
                region: id_part(&parts, 2, "region")?,
                name: id_part(&parts, 3, "name")?,
            },
            BackendKind::Gke => Self::Gke {
                project: id_part(&parts, 1, "project")?,
                location: id_part(&parts, 2, "location")?,
                name: id_part(&parts, 3, "name")?,
            },
            BackendKind::Memory => Self::Memory { name: id_part(&parts, 1, "name")? },
        })
    }
}

fn id_part<T: FromStr<Err = ParseError>>(parts: &[&str], index: usize, name: &'static str) -> Result<T, ParseError> {
    parts[index].parse().map_err(|source| {
        let before: usize = parts[..index].iter().map(|part| part.chars().count() + 1).sum();
        ParseError::IdPart { part: index + 1, name, position: before + 1, source: Box::new(source) }
    })
}

impl TryFrom<String> for EnvironmentId {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<EnvironmentId> for String {
    fn from(id: EnvironmentId) -> Self {
        id.to_string()
    }
}

/// A Kubernetes version as it is asked for: major and minor. Clouds choose the patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KubernetesVersion {
    /// The major number.
    pub major: u16,
    /// The minor number.
    pub minor: u16,
}

impl KubernetesVersion {
    /// The next minor version: Kubernetes control planes are upgraded one by one.
    #[must_use]
    pub fn next(self) -> Self {
        Self { minor: self.minor.saturating_add(1), ..self }
    }

    /// How many minors this version is ahead of `other`; negative where it is behind. `None` across majors.
    pub fn minors_ahead_of(self, other: Self) -> Option<i32> {
        (self.major == other.major).then(|| i32::from(self.minor) - i32::from(other.minor))
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for KubernetesVersion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number = |part: &str| {
            let canonical = part == "0" || !part.starts_with('0');
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            (canonical && digits).then(|| part.parse::<u16>().ok()).flatten()
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self { major: number(major)?, minor: number(minor)? }))
            .ok_or_else(|| ParseError::Form {
                what: "Kubernetes version",
                found: echo(text),
                expected: "major and minor, such as \"1.33\"",
            })
    }
}

impl TryFrom<String> for KubernetesVersion {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<KubernetesVersion> for String {
    fn from(version: KubernetesVersion) -> Self {
        version.to_string()
    }
}

/// Key of the tag or label that holds the owner of an environment.
pub const OWNER_TAG: &str = "multicloud-owner";
/// Key of the tag or label that holds the name of an environment.
pub const ENVIRONMENT_TAG: &str = "multicloud-environment";

/// The ownership mark that every object we make carries. What carries exactly this mark is ours; nothing else is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// Whose it is.
    pub owner: Owner,
    /// The environment it belongs to.
    pub environment: EnvironmentName,
}

impl Mark {
    /// The mark as tags.
    pub fn tags(&self) -> [(&'static str, &str); 2] {
        [(OWNER_TAG, self.owner.as_str()), (ENVIRONMENT_TAG, self.environment.as_str())]
    }

    /// What the tags of an object say about its owner, in the words of this mark.
    pub fn judge(&self, tags: &BTreeMap<String, String>) -> Ownership {
        match (tags.get(OWNER_TAG), tags.get(ENVIRONMENT_TAG)) {
            (None, None) => Ownership::Unmarked,
            (Some(owner), Some(environment))
                if owner == self.owner.as_str() && environment == self.environment.as_str() =>
            {
                Ownership::Ours
            }
            (owner, environment) => Ownership::Other { owner: owner.cloned(), environment: environment.cloned() },
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{OWNER_TAG}={}, {ENVIRONMENT_TAG}={}", self.owner, self.environment)
    }
}

/// Whose an object is, by its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// It carries exactly our mark.
    Ours,
    /// It carries no mark.
    Unmarked,
    /// It carries another mark, or half of one.
    Other {
        /// The owner it names.
        owner: Option<String>,
        /// The environment it names.
        environment: Option<String>,
    },
}

/// An environment as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentSpec {
    /// Whose it is; with the name, the ownership mark.
    pub owner: Owner,
    /// Its name, and that of the cluster in its cloud.
    pub name: EnvironmentName,
    /// What it is for.
    pub role: Role,
    /// Where it is, on clouds that have regions.
    pub region: Option<Region>,
    /// Kubernetes itself.
    pub kubernetes: KubernetesSpec,
    /// The groups of nodes.
    pub node_pools: BTreeMap<PoolName, PoolSpec>,
    /// How it is connected.
    pub network: NetworkSpec,
    /// Tags or labels of every object, without the ownership mark.
    pub tags: BTreeMap<String, String>,
    /// Whether deletion is refused; on clouds that can, by the cloud too.
    pub deletion_protection: bool,
    /// What only its cloud has.
    pub cloud: CloudSpec,
}

/// What an environment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It manages the others.
    Admin,
    /// It runs workloads.
    Workload,
}

/// Kubernetes of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubernetesSpec {
    /// The control plane's version, and that of pools that say none.
    pub version: KubernetesVersion,
    /// When the cloud may do its own maintenance.
    pub maintenance_window: Option<MaintenanceWindow>,
}

/// A weekly time for the cloud's own maintenance, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    /// Days of the week on which it begins.
    pub days: BTreeSet<Weekday>,
    /// Minutes after midnight at which it begins.
    pub start_minute: u16,
    /// How long it lasts.
    pub duration: Duration,
}

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say all there is")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A group of like nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSpec {
    /// The nodes' machine type.
    pub machine_type: MachineType,
    /// How many nodes.
    pub size: PoolSize,
    /// What the pool is for.
    pub mode: PoolMode,
    /// Labels of its nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints of its nodes. A key with the same effect stands once.
    pub taints: BTreeSet<Taint>,
    /// Zones that its nodes may be in; empty leaves it to the cloud.
    pub zones: BTreeSet<String>,
    /// Whether the cloud may take the nodes away, for a lower price.
    pub spot: bool,
    /// Size of the nodes' disks; `None` is the cloud's own default.
    pub disk_size_gb: Option<u32>,
    /// Its Kubernetes version; `None` follows the control plane.
    pub version: Option<KubernetesVersion>,
    /// How many nodes an upgrade may add, or take away, at a time; `None` is the cloud's own default.
    pub max_surge: Option<MaxSurge>,
    /// How long pods are given to leave a node; `None` is the cloud's own default.
    pub drain_timeout: Option<Duration>,
}

/// How many nodes a pool has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolSize {
    /// Always that many.
    Fixed(u32),
    /// Between two bounds; something else decides, and what it decided is not a difference.
    Autoscale {
        /// The fewest.
        min: u32,
        /// The most.
        max: u32,
    },
}

impl PoolSize {
    /// The fewest and the most nodes.
    pub fn bounds(self) -> (u32, u32) {
        match self {
            Self::Fixed(count) => (count, count),
            Self::Autoscale { min, max } => (min, max),
        }
    }
}

/// What a pool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// It carries what the cluster itself needs.
    System,
    /// It carries the users' workloads.
    User,
}

/// A taint of nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// What it does. Before the value, so that taints of one key and effect are neighbours.
    pub effect: TaintEffect,
    /// Its value; may be empty.
    pub value: String,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaintEffect {
    /// They are not placed there.
    NoSchedule,
    /// They are placed there last.
    PreferNoSchedule,
    /// They are sent away too.
    NoExecute,
}

impl TaintEffect {
    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

impl FromStr for TaintEffect {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [Self::NoSchedule, Self::PreferNoSchedule, Self::NoExecute]
            .into_iter()
            .find(|effect| effect.as_str() == text)
            .ok_or_else(|| ParseError::Form {
                what: "taint effect",
                found: echo(text),
                expected: "NoSchedule, PreferNoSchedule or NoExecute",
            })
    }
}

/// How many nodes an upgrade takes at a time; parses and prints as `"2"` or `"33%"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MaxSurge {
    /// So many nodes.
    Count(u32),
    /// Such a part of the pool.
    Percent(u8),
}

impl fmt::Display for MaxSurge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl FromStr for MaxSurge {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let digits = text.strip_suffix('%').unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = if !plain {
            None
        } else if text.ends_with('%') {
            digits.parse().ok().filter(|percent| (1..=100).contains(percent)).map(Self::Percent)
        } else {
            digits.parse().ok().filter(|count| *count >= 1).map(Self::Count)
        };
        parsed.ok_or_else(|| ParseError::Form {
            what: "max surge",
            found: echo(text),
            expected: "a count of at least 1, or a percentage from 1% to 100%",
        })
    }
}

impl TryFrom<String> for MaxSurge {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<MaxSurge> for String {
    fn from(surge: MaxSurge) -> Self {
        surge.to_string()
    }
}

/// How an environment is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// Subnets of the control plane's and the nodes' interfaces.
    pub subnet_ids: BTreeSet<String>,
    /// Addresses of pods; `None` is the cloud's own choice.
    pub pod_cidr: Option<String>,
    /// Addresses of services; `None` is the cloud's own choice.
    pub service_cidr: Option<String>,
    /// Who may reach a public endpoint; empty is everyone.
    pub authorized_cidrs: BTreeSet<String>,
    /// Whether the endpoint is reachable from inside only.
    pub private_endpoint: bool,
}

/// What only one cloud has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CloudSpec {
    /// Azure Kubernetes Service.
    #[cfg(feature = "aks")]
    Aks(AksSpec),
    /// Amazon EKS.
    #[cfg(feature = "eks")]
    Eks(EksSpec),
    /// Google Kubernetes Engine.
    #[cfg(feature = "gke")]
    Gke(GkeSpec),
    /// In memory.
    Memory(MemorySpec),
}

impl CloudSpec {
    /// The backend it belongs to.
    pub fn backend(&self) -> BackendKind {
        match self {
            #[cfg(feature = "aks")]
            Self::Aks(_) => BackendKind::Aks,
            #[cfg(feature = "eks")]
            Self::Eks(_) => BackendKind::Eks,
            #[cfg(feature = "gke")]
            Self::Gke(_) => BackendKind::Gke,
            Self::Memory(_) => BackendKind::Memory,
        }
    }
}

/// Names a field of an [`EnvironmentSpec`], as the user wrote it; prints as HCL refers to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub Vec<FieldSegment>);

/// One part of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldSegment {
    /// A field.
    Attribute(String),
    /// An entry of a map.
    Key(String),
}

impl FieldPath {
    /// The path of a field at the top, or with dots in between, of nested fields.
    pub fn of(dotted: &str) -> Self {
        Self::default().then(dotted)
    }

    /// The path of a pool.
    pub fn pool(name: &PoolName) -> Self {
        Self::of("node_pools").key(name.as_str())
    }

    /// The field, or with dots in between the nested fields, below this path.
    #[must_use]
    pub fn then(mut self, dotted: &str) -> Self {
        self.0.extend(dotted.split('.').map(|field| FieldSegment::Attribute(field.to_owned())));
        self
    }

    /// The map entry below this path.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.0.push(FieldSegment::Key(key.to_owned()));
        self
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                FieldSegment::Attribute(name) if index == 0 => f.write_str(name)?,
                FieldSegment::Attribute(name) => write!(f, ".{name}")?,
                FieldSegment::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

/// Something in a spec that cannot be, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}; {remedy}")]
pub struct Violation {
    /// Where.
    pub path: FieldPath,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl Violation {
    /// A violation at a path.
    pub fn new(path: FieldPath, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path, problem: problem.into(), remedy: remedy.into() }
    }
}

impl PoolSpec {
    /// A pool with the defaults of all that is left to its cloud: for workloads, nowhere in particular, never taken away.
    pub fn new(machine_type: MachineType, size: PoolSize) -> Self {
        Self {
            machine_type,
            size,
            mode: PoolMode::User,
            labels: BTreeMap::new(),
            taints: BTreeSet::new(),
            zones: BTreeSet::new(),
            spot: false,
            disk_size_gb: None,
            version: None,
            max_surge: None,
            drain_timeout: None,
        }
    }
}

impl EnvironmentSpec {
    /// An environment for workloads, protected from deletion, that has no pools yet.
    pub fn new(owner: Owner, name: EnvironmentName, version: KubernetesVersion, cloud: CloudSpec) -> Self {
        Self {
            owner,
            name,
            role: Role::Workload,
            region: None,
            kubernetes: KubernetesSpec { version, maintenance_window: None },
            node_pools: BTreeMap::new(),
            network: NetworkSpec::default(),
            tags: BTreeMap::new(),
            deletion_protection: true,
            cloud,
        }
    }

    /// Minors that a pool may be behind its control plane. Kubernetes allows three since 1.25, but AKS and GKE say
    /// two; a cloud that allows less says so in its own validation.
    pub const MAX_POOL_SKEW: i32 = 2;

    /// What to say where an environment of `backend` is expected, and this is one of another.
    pub fn wrong_backend(&self, backend: BackendKind) -> Violation {
        let problem = format!("this is not an environment of {}", backend.registration().title);
        Violation::new(FieldPath::of(self.cloud.backend().as_str()), problem, format!("use the {backend} block"))
    }

    /// The ownership mark of its objects.
    pub fn mark(&self) -> Mark {
        Mark { owner: self.owner.clone(), environment: self.name.clone() }
    }

    /// Its tags together with the ownership mark: what every object of it carries.
    pub fn tags_with_mark(&self) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.extend(self.mark().tags().map(|(key, value)| (key.to_owned(), value.to_owned())));
        tags
    }

    /// What is wrong with it on any cloud. [`crate::Backend::validate`] says what its cloud refuses besides.
    pub fn violations(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for key in self.tags.keys().filter(|key| [OWNER_TAG, ENVIRONMENT_TAG].contains(&key.as_str())) {
            violations.push(Violation::new(
                FieldPath::of("tags").key(key),
                "this tag is the ownership mark",
                "remove it here; it is set from the owner and the name",
            ));
        }
        if self.node_pools.is_empty() {
            violations.push(Violation::new(FieldPath::of("node_pools"), "an environment needs a node pool", "add one"));
        }
        for (name, pool) in &self.node_pools {
            self.pool_violations(&FieldPath::pool(name), pool, &mut violations);
        }
        violations
    }

    fn pool_violations(&self, path: &FieldPath, pool: &PoolSpec, violations: &mut Vec<Violation>) {
        let (min, max) = pool.size.bounds();
        if min > max {
            violations.push(Violation::new(
                path.clone().then("autoscale.min"),
                format!("min {min} is more than max {max}"),
                format!("set min to at most {max}"),
            ));
        }
        if let Some(version) = pool.version {
            let control_plane = self.kubernetes.version;
            let path = path.clone().then("version");
            match control_plane.minors_ahead_of(version) {
                Some(behind) if behind < 0 => violations.push(Violation::new(
                    path,
                    format!("version {version} is ahead of the control plane's {control_plane}"),
                    format!("use at most {control_plane}"),
                )),
                Some(behind) if behind > Self::MAX_POOL_SKEW => violations.push(Violation::new(
                    path,
                    format!("version {version} is {behind} minors behind the control plane's {control_plane}"),
                    format!("use at most {} minors less than {control_plane}", Self::MAX_POOL_SKEW),
                )),
                Some(_) => {}
                None => violations.push(Violation::new(
                    path,
                    format!("version {version} is of another major than the control plane's {control_plane}"),
                    format!("use {control_plane}"),
                )),
            }
        }
        for (key, value) in &pool.labels {
            if let Some(problem) = label_problem(key, value) {
                violations.push(Violation::new(path.clone().then("labels").key(key), problem, LABEL_FORM));
            }
        }
        for taint in &pool.taints {
            if let Some(problem) = label_problem(&taint.key, &taint.value) {
                violations.push(Violation::new(path.clone().then("taints"), problem, LABEL_FORM));
            }
        }
        let twins = pool.taints.iter().zip(pool.taints.iter().skip(1));
        for (taint, _) in twins.filter(|(one, next)| one.key == next.key && one.effect == next.effect) {
            violations.push(Violation::new(
                path.clone().then("taints"),
                format!("key {:?} with effect {} stands twice", taint.key, taint.effect.as_str()),
                "keep one of them",
            ));
        }
    }
}

const LABEL_FORM: &str = "use an optional DNS prefix with `/`, then at most 63 letters, digits, `-`, `_` or `.`, \
                          with a letter or digit at both ends";

/// The syntax of label and taint keys and values:
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.
fn label_problem(key: &str, value: &str) -> Option<String> {
    let ends_well = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let name_ok = |text: &str| {
        text.len() <= 63 && ends_well(text) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let prefix_ok = |text: &str| {
        text.len() <= 253
            && ends_well(text)
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if !name_ok(name) || !prefix.is_none_or(prefix_ok) {
        return Some(format!("{:?} is not a key that Kubernetes takes", echo(key)));
    }
    (!value.is_empty() && !name_ok(value)).then(|| format!("{:?} is not a value that Kubernetes takes", echo(value)))
}

/// An environment as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Its id.
    pub id: EnvironmentId,
    /// Where it is, on clouds that have regions.
    pub region: Option<Region>,
    /// What the cloud never gives to another object, even of the same name; shows that this is still the one meant.
    pub uid: String,
    /// How it is as a whole, pools included.
    pub status: Status,
    /// Why it is so, where the cloud says.
    pub status_reason: Option<ServerText>,
    /// The control plane's version.
    pub version: KubernetesVersion,
    /// The version as the cloud reports it, with all it says.
    pub full_version: String,
    /// The API server's URL, once there is one.
    pub endpoint: Option<String>,
    /// The API server's certificate authority, PEM in base64, once there is one.
    pub certificate_authority_data: Option<String>,
    /// The issuer of the service accounts' tokens.
    pub oidc_issuer_url: Option<String>,
    /// Its pools.
    pub node_pools: BTreeMap<PoolName, ObservedPool>,
    /// How it is connected.
    pub network: NetworkSpec,
    /// All its tags, the ownership mark among them.
    pub tags: BTreeMap<String, String>,
    /// Whether the cloud refuses its deletion; `None` where the cloud has no such thing.
    pub deletion_protection: Option<bool>,
    /// What only its cloud has.
    pub cloud: CloudObserved,
}

/// How an environment or a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being made.
    Creating,
    /// It works, and nothing runs on it.
    Active,
    /// Something runs on it.
    Updating,
    /// It exists, and a part of it is not as it should be.
    Degraded,
    /// It is being deleted.
    Deleting,
    /// It does not work, and will not by itself.
    Failed,
}

impl Status {
    /// As Terraform's users see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Updating => "updating",
            Self::Degraded => "degraded",
            Self::Deleting => "deleting",
            Self::Failed => "failed",
        }
    }

    /// Whether an operation runs that will change it.
    pub fn is_changing(self) -> bool {
        match self {
            Self::Creating | Self::Updating | Self::Deleting => true,
            Self::Active | Self::Degraded | Self::Failed => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A pool as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedPool {
    /// How it is.
    pub status: Status,
    /// Why it is so, where the cloud says.
    pub status_reason: Option<ServerText>,
    /// Its Kubernetes version.
    pub version: KubernetesVersion,
    /// The version as the cloud reports it, with all it says.
    pub full_version: String,
    /// Its machine type.
    pub machine_type: String,
    /// The fewest nodes.
    pub min: u32,
    /// The most nodes.
    pub max: u32,
    /// The nodes it is to have now.
    pub count: u32,
    /// What it is for, where that can be told.
    pub mode: Option<PoolMode>,
    /// Labels of its nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints of its nodes.
    pub taints: BTreeSet<Taint>,
    /// Zones of its nodes, where they can be told.
    pub zones: BTreeSet<String>,
    /// Whether the cloud may take its nodes away.
    pub spot: bool,
    /// Size of its nodes' disks.
    pub disk_size_gb: Option<u32>,
    /// How many nodes an upgrade takes at a time.
    pub max_surge: Option<MaxSurge>,
    /// Its tags, where it has its own.
    pub tags: BTreeMap<String, String>,
}

/// What only one cloud has, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CloudObserved {
    /// Azure Kubernetes Service.
    #[cfg(feature = "aks")]
    Aks(AksObserved),
    /// Amazon EKS.
    #[cfg(feature = "eks")]
    Eks(EksObserved),
    /// Google Kubernetes Engine.
    #[cfg(feature = "gke")]
    Gke(GkeObserved),
    /// In memory.
    Memory(MemoryObserved),
}

impl Observed {
    /// How a part of the environment is, and why; `None` where there is no such part, or its status is not told.
    pub fn status_of(&self, subject: &Subject) -> Option<(Status, Option<&ServerText>)> {
        match subject {
            Subject::Cluster => Some((self.status, self.status_reason.as_ref())),
            Subject::NodePool(name) => self.node_pools.get(name).map(|pool| (pool.status, pool.status_reason.as_ref())),
            Subject::Addon(_) | Subject::AccessEntry(_) => None,
        }
    }

    /// Whether an operation runs on the environment or a pool of it.
    pub fn is_changing(&self) -> bool {
        self.status.is_changing() || self.node_pools.values().any(|pool| pool.status.is_changing())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::error::ErrorChain;

    #[test]
    fn ids_round_trip() {
        for text in ["eks/123456789012/us-east-1/prod", "memory/prod"] {
            let id: EnvironmentId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(serde_json::from_str::<EnvironmentId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        }
    }

    #[test]
    fn id_errors_say_where() {
        let check = |text: &str, expected: Expect| {
            expected.assert_eq(&ErrorChain(&text.parse::<EnvironmentId>().unwrap_err()).to_string());
        };
        check("oke/x/y", expect![[r#"id "oke/x/y" does not begin with a backend, one of aks, eks, gke"#]]);
        check(
            "eks/1/us-east-1",
            expect![[r#"id "eks/1/us-east-1" has 3 parts, expected the form eks/<account>/<region>/<name>"#]],
        );
        check(
            "eks/1/us east/prod",
            expect![
                "part 3 (region) of the id, at position 7: region: character ' ' at position 3 is not allowed, expected lower-case letters, digits or `-`"
            ],
        );
        check("memory/", expect!["part 2 (name) of the id, at position 8: environment name is empty"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_a_parser(text in ".*") {
            drop(text.parse::<KubernetesVersion>());
            drop(text.parse::<MaxSurge>());
            drop(text.parse::<TaintEffect>());
            for prefix in ["", "aks/", "eks/", "gke/", "memory/", "aks/0/g/", "eks/1/r/", "gke/p/l/"] {
                let text = format!("{prefix}{text}");
                match text.parse::<EnvironmentId>() {
                    Ok(id) => proptest::prop_assert_eq!(id.to_string(), text),
                    Err(error) => proptest::prop_assert!(ErrorChain(&error).to_string().len() < 1_000),
                }
            }
        }

        #[test]
        fn what_parses_prints_the_same(major in 0_u16.., minor in 0_u16.., count in 1_u32.., percent in 1_u8..=100) {
            let version = KubernetesVersion { major, minor };
            proptest::prop_assert_eq!(version.to_string().parse::<KubernetesVersion>(), Ok(version));
            for surge in [MaxSurge::Count(count), MaxSurge::Percent(percent)] {
                proptest::prop_assert_eq!(surge.to_string().parse::<MaxSurge>(), Ok(surge));
            }
        }
    }

    #[test]
    fn versions_are_strict() {
        let parse = |text: &str| text.parse::<KubernetesVersion>().ok();
        assert_eq!(parse("1.33"), Some(KubernetesVersion { major: 1, minor: 33 }));
        for wrong in ["", "1", "1.", "1.33.2", "v1.33", "1.033", "+1.3", "1.99999", "1. 3"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
        assert!(parse("1.9") < parse("1.10"));
    }

    #[test]
    fn surge_is_a_count_or_a_percentage() {
        let parse = |text: &str| text.parse::<MaxSurge>().ok();
        assert_eq!(parse("2"), Some(MaxSurge::Count(2)));
        assert_eq!(parse("33%"), Some(MaxSurge::Percent(33)));
        for wrong in ["", "%", "0", "0%", "101%", "-1", "+1", "1.5"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn mark_is_exact() {
        let mark = Mark { owner: "platform".parse().unwrap(), environment: "prod".parse().unwrap() };
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(mark.judge(&tags(&mark.tags())), Ownership::Ours);
        assert_eq!(mark.judge(&tags(&[("team", "x")])), Ownership::Unmarked);
        assert!(matches!(mark.judge(&tags(&[(OWNER_TAG, "platform")])), Ownership::Other { .. }));
        assert!(matches!(
            mark.judge(&tags(&[(OWNER_TAG, "Platform"), (ENVIRONMENT_TAG, "prod")])),
            Ownership::Other { .. }
        ));
    }

    #[test]
    fn violations_name_the_field() {
        let mut spec = crate::memory::example_spec("prod");
        assert_eq!(spec.violations(), []);
        spec.tags.insert(OWNER_TAG.to_owned(), "me".to_owned());
        let pool = spec.node_pools.get_mut(&"system".parse().unwrap()).unwrap();
        pool.size = PoolSize::Autoscale { min: 3, max: 1 };
        pool.version = Some("1.29".parse().unwrap());
        pool.labels.insert("-bad".to_owned(), String::new());
        let taint =
            |value: &str| Taint { key: "k".to_owned(), effect: TaintEffect::NoSchedule, value: value.to_owned() };
        pool.taints = [taint("a"), taint("b")].into();
        let found: Vec<String> = spec.violations().iter().map(ToString::to_string).collect();
        expect![[r#"
            tags["multicloud-owner"]: this tag is the ownership mark; remove it here; it is set from the owner and the name
            node_pools["system"].autoscale.min: min 3 is more than max 1; set min to at most 1
            node_pools["system"].version: version 1.29 is 4 minors behind the control plane's 1.33; use at most 2 minors less than 1.33
            node_pools["system"].labels["-bad"]: "-bad" is not a key that Kubernetes takes; use an optional DNS prefix with `/`, then at most 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends
            node_pools["system"].taints: key "k" with effect NoSchedule stands twice; keep one of them"#]]
        .assert_eq(&found.join("\n"));
    }
}
