//! From the tree of an `environments.yaml` to its environments. All mistakes are collected, so that one run tells them.

use std::collections::{BTreeMap, HashMap};

use multicloud::{BackendKind, EnvironmentName, KubernetesVersion, PoolName};
use tfplug::schema::{AttributeKind, Nesting, Presence};
use tfplug::{Attr, Number, Type, Value};

use super::tree::{Key, Node, Place, Problem, Tree, shortened};
use super::{Block, CloudBlock, Entry, EntryAutoscale, EntryKubernetes, EntryPool};
use crate::environment::model::{Aks, Eks, Gke, Role};

/// Backends that Kubernetes environments of this form can be on, and what the form calls the cloud of each. This version
/// of the provider makes those that users of Terraform see by the library's list.
const BACKENDS: [(&str, &[&str]); 6] = [
    ("aks", &["azure"]),
    ("eks", &["aws"]),
    ("gke", &["gcp", "google"]),
    ("k3s", &["onprem", "proxmox"]),
    ("proxmox", &["onprem", "proxmox"]),
    ("existing", &[]),
];

/// Kinds of environments.
const TYPES: [&str; 2] = ["cloud", "hci"];

/// What a pool's machine type is called by the clouds.
const MACHINE_TYPES: [&str; 3] = ["machine_type", "vm_size", "instance_type"];

/// The enabled environments of a file, by name.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub(super) fn environments(root: &Node) -> Result<BTreeMap<String, Entry>, Vec<Problem>> {
    let mut reading = Reading::default();
    let entries = reading.file(root);
    reading.problems.sort_by_key(|problem| problem.place);
    if reading.problems.is_empty() { Ok(entries) } else { Err(reading.problems) }
}

#[derive(Default)]
struct Reading {
    problems: Vec<Problem>,
}

/// A mapping, whose keys are asked for one by one.
struct Mapping<'n> {
    place: Place,
    entries: &'n [(Key, Node)],
}

impl<'n> Mapping<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        let (_, node) = self.entries.iter().find(|(found, _)| found.text == key)?;
        (node.tree != Tree::Null).then_some(node)
    }

    fn place(&self, key: &str) -> Place {
        self.entries.iter().find(|(found, _)| found.text == key).map_or(self.place, |(_, node)| node.place)
    }
}

impl Reading {
    fn problem(&mut self, place: Place, what: impl Into<String>) {
        self.problems.push(Problem::new(place, what));
    }

    fn file(&mut self, root: &Node) -> BTreeMap<String, Entry> {
        let Some(file) = self.mapping(root, "the file", &["environments"]) else { return BTreeMap::new() };
        let Some(list) = self.required(&file, "environments").and_then(|node| self.list(node, "environments")) else {
            return BTreeMap::new();
        };
        let mut names: HashMap<String, Place> = HashMap::new();
        let mut admins: Vec<(String, Place)> = Vec::new();
        let mut enabled = BTreeMap::new();
        for node in list {
            let Some(read) = self.entry(node) else { continue };
            if let Some(first) = names.insert(read.name.clone(), read.name_place) {
                self.problem(
                    read.name_place,
                    format!("a second environment is named {:?}; the first is at {first}", shortened(&read.name)),
                );
            }
            if read.is_enabled {
                if read.entry.role.known() == Some(&Role::Admin) {
                    admins.push((read.name.clone(), read.role_place));
                }
                enabled.insert(read.name, read.entry);
            }
        }
        // Where an entry could not be read, it may have been the one.
        if self.problems.is_empty() {
            self.one_admin(file.place("environments"), &admins);
        }
        enabled
    }

    fn one_admin(&mut self, place: Place, admins: &[(String, Place)]) {
        match admins {
            [] => self.problem(
                place,
                "no enabled environment has role admin; exactly one must, because it manages the others",
            ),
            [_] => {}
            [(first, _), others @ ..] => {
                for (name, place) in others {
                    self.problem(
                        *place,
                        format!("{name:?} is a second enabled environment with role admin, besides {first:?}; exactly one has it"),
                    );
                }
            }
        }
    }

    fn entry(&mut self, node: &Node) -> Option<ReadEntry> {
        let keys = ["name", "role", "provider", "type", "region", "enabled", "components", "tags", "infrastructure"];
        let entry = self.mapping(node, "an environment", &keys)?;
        let name = self.required_text(&entry, "name");
        if let Some(name) = &name
            && let Err(error) = name.parse::<EnvironmentName>()
        {
            self.problem(entry.place("name"), error.to_string());
        }
        let role = self.required_text(&entry, "role").and_then(|role| {
            let known = role.parse::<Role>();
            known
                .map_err(|_| {
                    self.problem(
                        entry.place("role"),
                        format!("role {:?} is neither admin nor workload", shortened(&role)),
                    )
                })
                .ok()
        });
        let provider = self.required_text(&entry, "provider");
        let kind = self.required_text(&entry, "type");
        if let Some(kind) = kind.as_ref().filter(|kind| !TYPES.contains(&kind.as_str())) {
            self.problem(entry.place("type"), format!("type {:?} is neither cloud nor hci", shortened(kind)));
        }
        // What stands in a rack of one's own is in no region.
        let region = match kind.as_deref() {
            Some("hci") => self.text(&entry, "region"),
            Some(_) | None => self.required_text(&entry, "region"),
        };
        let is_enabled = entry.get("enabled").and_then(|node| self.flag(node, "enabled")).unwrap_or(true);
        let components = entry.get("components").map(|node| self.texts(node, "components")).unwrap_or_default();
        let tags = entry.get("tags").map(|node| self.texts_by_key(node, "tags")).unwrap_or_default();
        let infrastructure = self.required(&entry, "infrastructure")?;
        let infrastructure = self.infrastructure(infrastructure, provider.as_deref(), entry.place("provider"))?;
        Some(ReadEntry {
            name: name.clone()?,
            name_place: entry.place("name"),
            role_place: entry.place("role"),
            is_enabled,
            entry: Entry {
                name: name.into(),
                role: role.into(),
                provider: provider.into(),
                r#type: kind.into(),
                region: region.into(),
                components: Attr::Known(components.into_iter().map(Attr::Known).collect()),
                tags: Attr::Known(tags.into_iter().map(|(key, value)| (key, Attr::Known(value))).collect()),
                kubernetes: infrastructure.kubernetes.into(),
                node_pools: Attr::Known(infrastructure.node_pools),
                aks: infrastructure.aks.into(),
                eks: infrastructure.eks.into(),
                gke: infrastructure.gke.into(),
            },
        })
    }

    fn infrastructure(&mut self, node: &Node, cloud: Option<&str>, cloud_place: Place) -> Option<Infrastructure> {
        let blocks = BackendKind::ALL.into_iter().filter(|backend| backend.registration().in_terraform);
        let keys: Vec<&str> = ["kubernetes"].into_iter().chain(blocks.map(BackendKind::as_str)).collect();
        let infrastructure = self.mapping(node, "infrastructure", &keys)?;
        let kubernetes = self.required(&infrastructure, "kubernetes")?;
        let kubernetes = self.mapping(kubernetes, "kubernetes", &["provider", "version", "node_pools"])?;
        let backend = self.required_text(&kubernetes, "provider");
        if let Some(backend) = &backend {
            match BACKENDS.iter().find(|(known, _)| known == backend) {
                None => {
                    let known = BACKENDS.map(|(backend, _)| backend).join(", ");
                    let what =
                        format!("kubernetes provider {:?} is not known; it is one of {known}", shortened(backend));
                    self.problem(kubernetes.place("provider"), what);
                }
                Some((_, clouds)) => {
                    if let Some(cloud) = cloud.filter(|cloud| !clouds.is_empty() && !clouds.contains(cloud)) {
                        let cloud = shortened(cloud);
                        let what = format!("provider {cloud:?} has no {backend}; write {}", clouds.join(" or "));
                        self.problem(cloud_place, what);
                    }
                }
            }
        }
        let version = self.required_text(&kubernetes, "version");
        if let Some(version) = &version
            && let Err(error) = version.parse::<KubernetesVersion>()
        {
            self.problem(kubernetes.place("version"), error.to_string());
        }
        let node_pools = match self.required(&kubernetes, "node_pools") {
            Some(node) => self.node_pools(node),
            None => BTreeMap::new(),
        };
        Some(Infrastructure {
            node_pools,
            aks: self.block::<Aks>(&infrastructure, BackendKind::Aks, backend.as_deref()),
            eks: self.block::<Eks>(&infrastructure, BackendKind::Eks, backend.as_deref()),
            gke: self.block::<Gke>(&infrastructure, BackendKind::Gke, backend.as_deref()),
            kubernetes: EntryKubernetes { provider: backend.into(), version: version.into() },
        })
    }

    /// The block that is named like a backend, which must be the one that the environment is on.
    fn block<C: CloudBlock>(
        &mut self,
        infrastructure: &Mapping<'_>,
        kind: BackendKind,
        backend: Option<&str>,
    ) -> Option<Block<C>> {
        let node = infrastructure.get(kind.as_str())?;
        let is_other = |backend: &&str| *backend != kind.as_str() && BACKENDS.iter().any(|(known, _)| known == backend);
        if let Some(backend) = backend.filter(is_other) {
            let title = kind.registration().title;
            let what = format!("the block {kind} is for {title}, and kubernetes.provider is {:?}", shortened(backend));
            self.problem(node.place, what);
        }
        Some(Block::of(self.value(node, &Block::<C>::kind_in_file(), kind.as_str())))
    }

    fn node_pools(&mut self, node: &Node) -> BTreeMap<String, Attr<EntryPool>> {
        let Some(pools) = self.any_mapping(node, "node_pools") else { return BTreeMap::new() };
        if pools.entries.is_empty() {
            self.problem(pools.place, "an environment needs a node pool");
        }
        let mut read = BTreeMap::new();
        for (key, node) in pools.entries {
            if let Err(error) = key.text.parse::<PoolName>() {
                self.problem(key.place, error.to_string());
            }
            if let Some(pool) = self.pool(node) {
                read.insert(key.text.clone(), Attr::Known(pool));
            }
        }
        read
    }

    fn pool(&mut self, node: &Node) -> Option<EntryPool> {
        let pool =
            self.mapping(node, "a node pool", &["machine_type", "vm_size", "instance_type", "count", "autoscale"])?;
        let written: Vec<&str> = MACHINE_TYPES.into_iter().filter(|name| pool.get(name).is_some()).collect();
        let machine_type = match written[..] {
            [name] => self.required_text(&pool, name),
            [] => {
                self.problem(pool.place, "a node pool needs a machine type: vm_size, instance_type or machine_type");
                None
            }
            [_, second, ..] => {
                self.problem(pool.place(second), format!("{} mean the same; keep one", written.join(" and ")));
                None
            }
        };
        let count = pool.get("count").and_then(|node| self.count(node, "count"));
        let autoscale = pool.get("autoscale").and_then(|node| self.autoscale(node));
        match (pool.get("count"), pool.get("autoscale")) {
            (Some(_), Some(autoscale)) => {
                self.problem(autoscale.place, "count and autoscale exclude each other; keep one");
            }
            (None, None) => self.problem(pool.place, "a node pool needs count, or autoscale with min and max"),
            (Some(_), None) | (None, Some(_)) => {}
        }
        Some(EntryPool { machine_type: machine_type.into(), count: count.into(), autoscale: autoscale.into() })
    }

    fn autoscale(&mut self, node: &Node) -> Option<EntryAutoscale> {
        let autoscale = self.mapping(node, "autoscale", &["min", "max"])?;
        let mut bound = |name: &str| {
            let node = self.required(&autoscale, name)?;
            self.count(node, name)
        };
        let (min, max) = (bound("min")?, bound("max")?);
        if min > max {
            self.problem(autoscale.place("min"), format!("min {min} is more than max {max}"));
        }
        Some(EntryAutoscale { min: min.into(), max: max.into() })
    }

    /// A value of a schema's kind: what passes through to the resource as it stands.
    fn value(&mut self, node: &Node, kind: &AttributeKind, what: &str) -> Value {
        if node.tree == Tree::Null {
            return Value::Null;
        }
        match kind {
            AttributeKind::Type(kind) => self.typed(node, kind, what),
            AttributeKind::Nested { nesting, attributes } => {
                let object = AttributeKind::Nested { nesting: Nesting::Single, attributes: attributes.clone() };
                match nesting {
                    Nesting::Single => self.object(node, attributes, what),
                    Nesting::List => {
                        Value::List(self.elements(node, what, |reading, node| reading.value(node, &object, what)))
                    }
                    Nesting::Set => {
                        let elements = self.elements(node, what, |reading, node| reading.value(node, &object, what));
                        Value::Set(elements.into_iter().collect())
                    }
                    Nesting::Map => {
                        let Some(mapping) = self.any_mapping(node, what) else { return Value::Null };
                        let entries = mapping.entries.iter();
                        Value::Map(
                            entries
                                .map(|(key, node)| (key.text.clone(), self.value(node, &object, &key.text)))
                                .collect(),
                        )
                    }
                }
            }
        }
    }

    fn object(&mut self, node: &Node, attributes: &[tfplug::schema::Attribute], what: &str) -> Value {
        let configurable = attributes.iter().filter(|attribute| attribute.presence.is_configurable());
        let keys: Vec<&str> = configurable.map(|attribute| attribute.name.as_ref()).collect();
        let Some(mapping) = self.mapping(node, what, &keys) else { return Value::Null };
        let values = attributes.iter().map(|attribute| {
            let name = attribute.name.as_ref();
            let value = match mapping.get(name) {
                Some(node) => self.value(node, &attribute.kind, name),
                None => {
                    if attribute.presence == Presence::Required {
                        self.problem(mapping.place(name), format!("{what} needs {name}"));
                    }
                    Value::Null
                }
            };
            (name.to_owned(), value)
        });
        Value::Object(values.collect())
    }

    fn typed(&mut self, node: &Node, kind: &Type, what: &str) -> Value {
        match kind {
            Type::String => self.scalar(node, what).map_or(Value::Null, |text| Value::String(text.to_owned())),
            Type::Bool => self.flag(node, what).map_or(Value::Null, Value::Bool),
            Type::Number => self.count(node, what).map_or(Value::Null, |count| Value::Number(Number::from(count))),
            Type::List(element) => {
                Value::List(self.elements(node, what, |reading, node| reading.typed(node, element, what)))
            }
            Type::Set(element) => {
                let elements = self.elements(node, what, |reading, node| reading.typed(node, element, what));
                Value::Set(elements.into_iter().collect())
            }
            Type::Map(element) => {
                let Some(mapping) = self.any_mapping(node, what) else { return Value::Null };
                let entries = mapping.entries.iter();
                Value::Map(
                    entries.map(|(key, node)| (key.text.clone(), self.typed(node, element, &key.text))).collect(),
                )
            }
            // No attribute of an environment has one of these.
            Type::Object(_) | Type::Tuple(_) | Type::Dynamic => Value::Null,
        }
    }

    fn elements(&mut self, node: &Node, what: &str, read: impl Fn(&mut Self, &Node) -> Value) -> Vec<Value> {
        let elements = self.list(node, what).unwrap_or_default();
        elements.iter().map(|element| read(self, element)).collect()
    }

    /// A mapping with no other keys than these.
    fn mapping<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<Mapping<'n>> {
        let mapping = self.any_mapping(node, what)?;
        for (key, _) in mapping.entries.iter().filter(|(key, _)| !keys.contains(&key.text.as_str())) {
            let hint = if BACKENDS.iter().any(|(backend, _)| *backend == key.text) {
                "; this version of the provider has no such backend".to_owned()
            } else {
                format!("; {what} has {}", keys.join(", "))
            };
            self.problem(key.place, format!("unknown key {:?}{hint}", shortened(&key.text)));
        }
        Some(mapping)
    }

    fn any_mapping<'n>(&mut self, node: &'n Node, what: &str) -> Option<Mapping<'n>> {
        match &node.tree {
            Tree::Mapping(entries) => Some(Mapping { place: node.place, entries }),
            Tree::Null | Tree::Scalar(_) | Tree::List(_) => {
                self.problem(node.place, format!("{what} must be a mapping of keys to values"));
                None
            }
        }
    }

    fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.tree {
            Tree::List(elements) => Some(elements),
            Tree::Null | Tree::Scalar(_) | Tree::Mapping(_) => {
                self.problem(node.place, format!("{what} must be a list"));
                None
            }
        }
    }

    fn required<'n>(&mut self, mapping: &Mapping<'n>, key: &str) -> Option<&'n Node> {
        let found = mapping.get(key);
        if found.is_none() {
            self.problem(mapping.place(key), format!("{key} is missing"));
        }
        found
    }

    fn required_text(&mut self, mapping: &Mapping<'_>, key: &str) -> Option<String> {
        let node = self.required(mapping, key)?;
        self.scalar(node, key).map(str::to_owned)
    }

    fn text(&mut self, mapping: &Mapping<'_>, key: &str) -> Option<String> {
        let node = mapping.get(key)?;
        self.scalar(node, key).map(str::to_owned)
    }

    fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.tree {
            Tree::Scalar(text) if !text.is_empty() => Some(text),
            Tree::Null | Tree::Scalar(_) | Tree::List(_) | Tree::Mapping(_) => {
                self.problem(node.place, format!("{what} must be a text that is not empty"));
                None
            }
        }
    }

    fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.scalar(node, what)? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            other => {
                let what = format!("{what} must be true or false, not {:?}", shortened(other));
                self.problem(node.place, what);
                None
            }
        }
    }

    fn count(&mut self, node: &Node, what: &str) -> Option<u32> {
        let text = self.scalar(node, what)?;
        let count = text.parse().ok();
        if count.is_none() {
            let what = format!("{what} must be a whole number from 0, not {:?}", shortened(text));
            self.problem(node.place, what);
        }
        count
    }

    fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        let elements = self.list(node, what).unwrap_or_default();
        elements.iter().filter_map(|element| self.scalar(element, what).map(str::to_owned)).collect()
    }

    fn texts_by_key(&mut self, node: &Node, what: &str) -> BTreeMap<String, String> {
        let Some(mapping) = self.any_mapping(node, what) else { return BTreeMap::new() };
        let entries = mapping.entries.iter();
        entries.filter_map(|(key, node)| Some((key.text.clone(), self.scalar(node, &key.text)?.to_owned()))).collect()
    }
}

struct ReadEntry {
    name: String,
    name_place: Place,
    role_place: Place,
    is_enabled: bool,
    entry: Entry,
}

struct Infrastructure {
    kubernetes: EntryKubernetes,
    node_pools: BTreeMap<String, Attr<EntryPool>>,
    aks: Option<Block<Aks>>,
    eks: Option<Block<Eks>>,
    gke: Option<Block<Gke>>,
}
