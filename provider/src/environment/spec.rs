//! From a configuration to the library's [`EnvironmentSpec`], with everything that is wrong in it. Pure.
//!
//! Values that are not known yet are stood in for, so that all the others can be checked already; what is then said
//! about a stand-in is not said to the user.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use multicloud::environment::{
    self, CloudSpec, EnvironmentSpec, KubernetesSpec, MaxSurge, NetworkSpec, PoolSize, PoolSpec,
};
use multicloud::{BackendKind, KubernetesVersion, Owner, PoolName};
use tfplug::{Attr, Diagnostic, Diagnostics, MapOf, Path, SetOf};

use super::model::{
    Autoscale, Environment, Kubernetes, MaintenanceWindow, Network, NodePool, PoolMode, Role, Taint, TaintEffect,
    Weekday,
};
use super::state::written_duration;
use crate::diagnostics::{is_shown, path, sentence, violation};

/// What a configuration says, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// What is wanted; `None` where a mistake or a missing part leaves nothing to go by.
    pub(crate) spec: Option<EnvironmentSpec>,
    /// Where the configuration is not known yet.
    pub(crate) unknown: Vec<Path>,
    /// What is wrong with it.
    pub(crate) problems: Diagnostics,
}

/// Stand-ins for what is not known yet: anything well-formed.
const STAND_IN_NAME: &str = "environment";
const STAND_IN_REGION: &str = "us-east-1";
const STAND_IN_VERSION: &str = "1.33";
const STAND_IN_MACHINE: &str = "machine";

impl Draft {
    /// Reads a configuration.
    pub(crate) fn of(config: &Environment, owner: &Owner) -> Self {
        let mut draft = Self::default();
        draft.spec = draft.environment(config, owner);
        if let Some(spec) = &draft.spec {
            for found in spec.violations() {
                draft.refuse_unless_unknown(&found);
            }
        }
        draft
    }

    /// Adds what else is wrong with the spec, such as what the cloud refuses.
    pub(crate) fn refuse_unless_unknown(&mut self, found: &environment::Violation) {
        let at = path(&found.path);
        let is_stand_in = self.unknown.iter().any(|unknown| is_within(unknown, &at) || is_within(&at, unknown));
        if !is_stand_in {
            self.problems.push(violation(found));
        }
    }

    /// The spec, if the configuration is wholly known and right.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn finished(self) -> Result<EnvironmentSpec, Diagnostics> {
        if self.problems.has_error() {
            return Err(self.problems);
        }
        match self.spec {
            Some(spec) if self.unknown.is_empty() => Ok(spec),
            Some(_) | None => Err(Diagnostic::error(
                "Incomplete configuration",
                "A value that the environment needs is still not known. Please report it as a bug of the provider.",
            )
            .into()),
        }
    }

    fn environment(&mut self, config: &Environment, owner: &Owner) -> Option<EnvironmentSpec> {
        let root = Path::root();
        let name = self.parse(&config.name, &root.attribute("name"), STAND_IN_NAME);
        let region = self.parse(&config.region, &root.attribute("region"), STAND_IN_REGION);
        let role = self.required(&config.role, &root.attribute("role")).map(Role::in_library);
        let kubernetes = self.kubernetes(&config.kubernetes, &root.attribute("kubernetes"));
        let node_pools = self.node_pools(&config.node_pools, &root.attribute("node_pools"));
        let network = self.network(&config.network, &root.attribute("network"));
        let tags = self.texts_by_key(&config.tags, &root.attribute("tags"));
        let deletion_protection =
            self.value(&config.deletion_protection, &root.attribute("deletion_protection")).unwrap_or(true);
        let cloud = self.cloud(config, &root);
        Some(EnvironmentSpec {
            owner: owner.clone(),
            name: name?,
            role: role.unwrap_or(environment::Role::Workload),
            region: Some(region?),
            kubernetes: kubernetes?,
            node_pools: node_pools?,
            network,
            tags,
            deletion_protection,
            cloud: cloud?,
        })
    }

    fn kubernetes(&mut self, kubernetes: &Attr<Kubernetes>, at: &Path) -> Option<KubernetesSpec> {
        match kubernetes {
            Attr::Null => {
                self.refuse_missing(at);
                None
            }
            Attr::Unknown(_) => {
                self.unknown.push(at.clone());
                Some(KubernetesSpec { version: STAND_IN_VERSION.parse().ok()?, maintenance_window: None })
            }
            Attr::Known(kubernetes) => {
                let version = self.parse(&kubernetes.version, &at.attribute("version"), STAND_IN_VERSION);
                let window = self.value(&kubernetes.maintenance_window, &at.attribute("maintenance_window"));
                let maintenance_window =
                    window.and_then(|window| self.maintenance_window(&window, &at.attribute("maintenance_window")));
                Some(KubernetesSpec { version: version?, maintenance_window })
            }
        }
    }

    fn maintenance_window(&mut self, window: &MaintenanceWindow, at: &Path) -> Option<environment::MaintenanceWindow> {
        let days = self.elements(&window.days, &at.attribute("days"));
        let start = self.required(&window.start, &at.attribute("start"))?;
        let duration = self.required(&window.duration, &at.attribute("duration"))?;
        Some(environment::MaintenanceWindow {
            days: days.into_iter().map(Weekday::in_library).collect(),
            // The schema's own check has told the user where this is something else than hours and minutes.
            start_minute: minutes_after_midnight(&start)?,
            duration: duration.duration(),
        })
    }

    fn node_pools(&mut self, pools: &MapOf<NodePool>, at: &Path) -> Option<BTreeMap<PoolName, PoolSpec>> {
        let Some(pools) = self.required(pools, at) else {
            // One pool stands in, so that its absence is not blamed on the user.
            let name = STAND_IN_NAME.parse().ok()?;
            return self
                .is_unknown(at)
                .then(|| Some(BTreeMap::from([(name, self.pool(&stand_in_pool(), at)?)])))
                .flatten();
        };
        let mut read = BTreeMap::new();
        for (key, pool) in &pools {
            let at = keyed(at, key);
            let name = self.name::<PoolName>(key, &at);
            let pool = match pool {
                Attr::Null => {
                    self.refuse_null(&at, "is null");
                    None
                }
                Attr::Unknown(_) => {
                    self.unknown.push(at.clone());
                    self.pool(&stand_in_pool(), &at)
                }
                Attr::Known(pool) => self.pool(pool, &at),
            };
            read.insert(name?, pool?);
        }
        Some(read)
    }

    fn pool(&mut self, pool: &NodePool, at: &Path) -> Option<PoolSpec> {
        let machine_type = self.parse(&pool.machine_type, &at.attribute("machine_type"), STAND_IN_MACHINE);
        let size = self.size(pool, at);
        let version = self.optional(&pool.version, &at.attribute("version"));
        let max_surge = self.optional::<MaxSurge>(&pool.max_surge, &at.attribute("max_surge"));
        Some(PoolSpec {
            machine_type: machine_type?,
            size: size?,
            mode: self.value(&pool.mode, &at.attribute("mode")).unwrap_or(PoolMode::User).in_library(),
            labels: self.texts_by_key(&pool.labels, &at.attribute("labels")),
            taints: self.taints(&pool.taints, &at.attribute("taints")),
            zones: self.texts(&pool.zones, &at.attribute("zones")),
            spot: self.value(&pool.spot, &at.attribute("spot")).unwrap_or(false),
            disk_size_gb: self.value(&pool.disk_size_gb, &at.attribute("disk_size_gb")),
            version,
            max_surge,
            drain_timeout: self
                .value(&pool.drain_timeout, &at.attribute("drain_timeout"))
                .map(|timeout| timeout.duration()),
        })
    }

    /// Either a count or bounds.
    fn size(&mut self, pool: &NodePool, at: &Path) -> Option<PoolSize> {
        let refuse = |draft: &mut Self, at: Path, what: &str| {
            draft.problems.error_at(
                at.clone(),
                "Invalid size of a node pool",
                format!("{at}: {what} Set count for a fixed number of nodes, or autoscale = {{ min, max }}."),
            );
            None
        };
        match (&pool.count, &pool.autoscale) {
            (Attr::Known(_), Attr::Known(_)) => {
                refuse(self, at.attribute("count"), "count and autoscale exclude each other.")
            }
            (Attr::Null, Attr::Null) => refuse(self, at.clone(), "one of count and autoscale must be set."),
            (Attr::Known(count), Attr::Null | Attr::Unknown(_)) => Some(PoolSize::Fixed(*count)),
            (Attr::Null | Attr::Unknown(_), Attr::Known(Autoscale { min, max })) => {
                let at = at.attribute("autoscale");
                let min = self.required(min, &at.attribute("min"));
                let max = self.required(max, &at.attribute("max"));
                // Where one bound is not known, the other stands in for it: a minimum equals a maximum at most.
                let (low, high) = (min.or(max).unwrap_or(1), max.or(min).unwrap_or(1));
                Some(PoolSize::Autoscale { min: low, max: high })
            }
            (Attr::Unknown(_), Attr::Null | Attr::Unknown(_)) | (Attr::Null, Attr::Unknown(_)) => {
                self.unknown.push(at.attribute("count"));
                self.unknown.push(at.attribute("autoscale"));
                Some(PoolSize::Fixed(1))
            }
        }
    }

    fn taints(&mut self, taints: &SetOf<Taint>, at: &Path) -> BTreeSet<environment::Taint> {
        let taints = self.elements(taints, at);
        let mut read = BTreeSet::new();
        for taint in &taints {
            // A path cannot lead into a set: what is not known in it makes the whole set unknown.
            let key = self.required(&taint.key, at);
            let effect = self.required(&taint.effect, at);
            let value = self.value(&taint.value, at).unwrap_or_default();
            if let (Some(key), Some(effect)) = (key, effect) {
                read.insert(environment::Taint { key, effect: effect.in_library(), value });
            }
        }
        read
    }

    fn network(&mut self, network: &Attr<Network>, at: &Path) -> NetworkSpec {
        let Some(network) = self.value(network, at) else { return NetworkSpec::default() };
        NetworkSpec {
            subnet_ids: self.texts(&network.subnet_ids, &at.attribute("subnet_ids")),
            pod_cidr: self.value(&network.pod_cidr, &at.attribute("pod_cidr")),
            service_cidr: self.value(&network.service_cidr, &at.attribute("service_cidr")),
            authorized_cidrs: self.texts(&network.authorized_cidrs, &at.attribute("authorized_cidrs")),
            private_endpoint: self.value(&network.private_endpoint, &at.attribute("private_endpoint")).unwrap_or(false),
        }
    }

    /// What the block says that is set. As long as several may turn out to be it, nobody can say what the cloud refuses.
    fn cloud(&mut self, config: &Environment, root: &Path) -> Option<CloudSpec> {
        let chosen = match config.blocks().into_iter().filter(Block::is_known).collect::<Vec<_>>()[..] {
            [chosen, ..] => chosen,
            [] => {
                let open: Vec<Block> = config.blocks().into_iter().filter(|block| !block.is_null).collect();
                self.unknown.extend(open.iter().map(|block| root.attribute(block.backend.as_str())));
                match open[..] {
                    [only] => only,
                    [] | [_, _, ..] => return None,
                }
            }
        };
        let at = root.attribute(chosen.backend.as_str());
        match chosen.backend {
            BackendKind::Aks => self.aks(&config.aks, &at).map(CloudSpec::Aks),
            BackendKind::Eks => self.eks(&config.eks, &at).map(CloudSpec::Eks),
            BackendKind::Gke => self.gke(&config.gke, &at).map(CloudSpec::Gke),
            BackendKind::Memory => None,
        }
    }

    /// A value, if it is there and known.
    pub(super) fn value<T: Clone>(&mut self, attribute: &Attr<T>, at: &Path) -> Option<T> {
        if attribute.is_unknown() {
            self.unknown.push(at.clone());
        }
        attribute.known().cloned()
    }

    /// A value that must be there, if it is known.
    pub(super) fn required<T: Clone>(&mut self, attribute: &Attr<T>, at: &Path) -> Option<T> {
        if attribute.is_null() {
            self.refuse_missing(at);
        }
        self.value(attribute, at)
    }

    /// A text of a form that must be there.
    pub(super) fn parse<T: FromStr<Err: Display>>(
        &mut self,
        attribute: &Attr<String>,
        at: &Path,
        stand_in: &str,
    ) -> Option<T> {
        match attribute {
            Attr::Null => {
                self.refuse_missing(at);
                None
            }
            Attr::Unknown(_) => {
                self.unknown.push(at.clone());
                stand_in.parse().ok()
            }
            Attr::Known(text) => self.name(text, at),
        }
    }

    /// A text of a form that may be left out.
    pub(super) fn optional<T: FromStr<Err: Display>>(&mut self, attribute: &Attr<String>, at: &Path) -> Option<T> {
        let text = self.value(attribute, at)?;
        self.name(&text, at)
    }

    /// A text of a form.
    pub(super) fn name<T: FromStr<Err: Display>>(&mut self, text: &str, at: &Path) -> Option<T> {
        text.parse().map_err(|error| self.refuse(at, &error)).ok()
    }

    /// A word of one of the cloud's lists, as far as it is one: the schema's own check tells the user where it is not.
    pub(super) fn word<T: FromStr>(&mut self, attribute: &Attr<String>, at: &Path) -> Option<T> {
        self.value(attribute, at)?.parse().ok()
    }

    pub(super) fn words<T: FromStr<Err: Display> + Ord>(
        &mut self,
        attribute: &SetOf<String>,
        at: &Path,
    ) -> BTreeSet<T> {
        let words = self.elements(attribute, at);
        words.iter().filter_map(|word| self.name(word, at)).collect()
    }

    pub(super) fn texts(&mut self, attribute: &SetOf<String>, at: &Path) -> BTreeSet<String> {
        self.elements(attribute, at).into_iter().collect()
    }

    pub(super) fn elements<T: Clone>(&mut self, attribute: &SetOf<T>, at: &Path) -> Vec<T> {
        let mut elements = Vec::new();
        for element in self.value(attribute, at).iter().flat_map(tfplug::Set::iter) {
            if element.is_null() {
                self.refuse_null(at, "holds a null");
            }
            elements.extend(self.value(element, at));
        }
        elements
    }

    pub(super) fn texts_by_key(&mut self, attribute: &MapOf<String>, at: &Path) -> BTreeMap<String, String> {
        self.entries(attribute, at).into_iter().collect()
    }

    pub(super) fn entries<T: Clone>(&mut self, attribute: &MapOf<T>, at: &Path) -> Vec<(String, T)> {
        let mut entries = Vec::new();
        for (key, element) in self.value(attribute, at).unwrap_or_default() {
            if !is_shown(&key) {
                let length = key.chars().count();
                self.refuse(at, &format!("one of its keys has {length} characters; use a shorter one"));
                continue;
            }
            let at = at.key(key.clone());
            if element.is_null() {
                self.refuse_null(&at, "is null");
            }
            entries.extend(self.value(&element, &at).map(|element| (key, element)));
        }
        entries
    }

    fn is_unknown(&self, at: &Path) -> bool {
        self.unknown.contains(at)
    }

    pub(super) fn refuse(&mut self, at: &Path, error: &dyn Display) {
        self.problems.error_at(at.clone(), format!("Invalid {at}"), sentence(&error.to_string()));
    }

    pub(super) fn refuse_missing(&mut self, at: &Path) {
        self.problems.error_at(at.clone(), "Missing value", format!("{at} is required and null. Give it a value."));
    }

    fn refuse_null(&mut self, at: &Path, what: &str) {
        self.problems.error_at(
            at.clone(),
            "Null where a value is needed",
            format!("{at} {what}. Remove it, or give it a value."),
        );
    }
}

fn minutes_after_midnight(time: &str) -> Option<u16> {
    let (hours, minutes) = time.split_once(':')?;
    hours.parse::<u16>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)
}

fn stand_in_pool() -> NodePool {
    NodePool { machine_type: STAND_IN_MACHINE.into(), count: 1.into(), ..NodePool::default() }
}

/// Whether one path is another one, or leads further from there.
fn is_within(outer: &Path, inner: &Path) -> bool {
    inner.steps().starts_with(outer.steps())
}

/// The path of a map's element; that of the map, where the key is too long to be shown.
fn keyed(at: &Path, key: &str) -> Path {
    if is_shown(key) { at.key(key) } else { at.clone() }
}

/// The version that a configuration asks for, if it says one that is one.
pub(crate) fn version(environment: &Environment) -> Option<KubernetesVersion> {
    environment.kubernetes.known()?.version.known()?.parse().ok()
}

/// A cloud's block of a configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// Whose it is, and by that its name.
    pub(crate) backend: BackendKind,
    /// Whether it is left out.
    pub(crate) is_null: bool,
    /// Whether nobody knows yet if it is left out.
    pub(crate) is_unknown: bool,
}

impl Block {
    /// Whether it is set for certain.
    pub(crate) fn is_known(&self) -> bool {
        !self.is_null && !self.is_unknown
    }
}

impl Environment {
    /// The blocks of all clouds, in the order of the list of backends.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let block = |backend: BackendKind| {
            let (is_null, is_unknown) = match backend {
                BackendKind::Aks => (self.aks.is_null(), self.aks.is_unknown()),
                BackendKind::Eks => (self.eks.is_null(), self.eks.is_unknown()),
                BackendKind::Gke => (self.gke.is_null(), self.gke.is_unknown()),
                BackendKind::Memory => return None,
            };
            Some(Block { backend, is_null, is_unknown })
        };
        BackendKind::ALL.into_iter().filter_map(block).collect()
    }
}

impl Role {
    const fn in_library(self) -> environment::Role {
        match self {
            Self::Admin => environment::Role::Admin,
            Self::Workload => environment::Role::Workload,
        }
    }
}

impl PoolMode {
    const fn in_library(self) -> environment::PoolMode {
        match self {
            Self::System => environment::PoolMode::System,
            Self::User => environment::PoolMode::User,
        }
    }

    /// The library's word in HCL.
    pub(crate) const fn of(mode: environment::PoolMode) -> Self {
        match mode {
            environment::PoolMode::System => Self::System,
            environment::PoolMode::User => Self::User,
        }
    }
}

impl TaintEffect {
    const fn in_library(self) -> environment::TaintEffect {
        match self {
            Self::NoSchedule => environment::TaintEffect::NoSchedule,
            Self::PreferNoSchedule => environment::TaintEffect::PreferNoSchedule,
            Self::NoExecute => environment::TaintEffect::NoExecute,
        }
    }

    /// The library's word in HCL.
    pub(crate) const fn of(effect: environment::TaintEffect) -> Self {
        match effect {
            environment::TaintEffect::NoSchedule => Self::NoSchedule,
            environment::TaintEffect::PreferNoSchedule => Self::PreferNoSchedule,
            environment::TaintEffect::NoExecute => Self::NoExecute,
        }
    }
}

impl MaintenanceWindow {
    /// In the library's words, where all of it is known.
    pub(super) fn in_library(&self) -> Option<environment::MaintenanceWindow> {
        let days = self.days.known()?.iter().filter_map(Attr::known).copied();
        Some(environment::MaintenanceWindow {
            days: days.map(Weekday::in_library).collect(),
            start_minute: minutes_after_midnight(self.start.known()?)?,
            duration: self.duration.known()?.duration(),
        })
    }

    /// The library's words in HCL.
    pub(super) fn of(window: &environment::MaintenanceWindow) -> Self {
        Self {
            days: Attr::Known(window.days.iter().copied().map(Weekday::of).collect()),
            start: format!("{:02}:{:02}", window.start_minute / 60, window.start_minute % 60).into(),
            duration: written_duration(window.duration),
        }
    }
}

impl Weekday {
    /// The library's word in HCL.
    const fn of(day: environment::Weekday) -> Self {
        match day {
            environment::Weekday::Monday => Self::Monday,
            environment::Weekday::Tuesday => Self::Tuesday,
            environment::Weekday::Wednesday => Self::Wednesday,
            environment::Weekday::Thursday => Self::Thursday,
            environment::Weekday::Friday => Self::Friday,
            environment::Weekday::Saturday => Self::Saturday,
            environment::Weekday::Sunday => Self::Sunday,
        }
    }

    const fn in_library(self) -> environment::Weekday {
        match self {
            Self::Monday => environment::Weekday::Monday,
            Self::Tuesday => environment::Weekday::Tuesday,
            Self::Wednesday => environment::Weekday::Wednesday,
            Self::Thursday => environment::Weekday::Thursday,
            Self::Friday => environment::Weekday::Friday,
            Self::Saturday => environment::Weekday::Saturday,
            Self::Sunday => environment::Weekday::Sunday,
        }
    }
}
