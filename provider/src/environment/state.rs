//! From what was found to state. Pure.
//!
//! What the user wrote stays as written where it means what was found; only real differences show. What the user left
//! to the cloud shows as the cloud has it, or stays null where it has no counterpart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multicloud::environment::{
    self, CloudObserved, ENVIRONMENT_TAG, MaxSurge, NetworkSpec, OWNER_TAG, Observed, ObservedPool, PoolSize, Status,
};
use multicloud::{BackendKind, EnvironmentId, KubernetesVersion};
use tfplug::value::Refinement;
use tfplug::{Attr, GoDuration, MapOf, Model, Path, Set, SetOf, Value};

use super::model::{
    Autoscale, Environment, EnvironmentIdentity, Kubernetes, Network, NodePool, OnPartialCreate, PoolMode, Role, Taint,
    TaintEffect,
};
use super::{aks, eks, gke};

/// Tags that clouds and the library set for themselves: no difference unless the user set one.
const TECHNICAL_TAGS: [&str; 4] = ["multicloud-", "aws:", "goog-", "aks-managed-"];

/// The state of an environment of which nothing but its id is known.
pub(crate) fn named(id: &EnvironmentId) -> Environment {
    Environment {
        id: id.to_string().into(),
        name: id.name().as_str().into(),
        region: id.region().map(|region| region.as_str().to_owned()).into(),
        // Clouds do not know it; most environments are for workloads.
        role: Role::Workload.into(),
        deletion_protection: true.into(),
        on_partial_create: OnPartialCreate::Keep.into(),
        ..Environment::default()
    }
}

/// The identity that an id says.
pub(crate) fn identity(id: &EnvironmentId) -> EnvironmentIdentity {
    let base = EnvironmentIdentity {
        backend: id.backend().as_str().into(),
        name: id.name().as_str().into(),
        ..EnvironmentIdentity::default()
    };
    match id {
        EnvironmentId::Aks { subscription, resource_group, .. } => EnvironmentIdentity {
            subscription: subscription.as_str().into(),
            resource_group: resource_group.as_str().into(),
            ..base
        },
        EnvironmentId::Eks { account, region, .. } => {
            EnvironmentIdentity { account: account.as_str().into(), region: region.as_str().into(), ..base }
        }
        EnvironmentId::Gke { project, location, .. } => {
            EnvironmentIdentity { project: project.as_str().into(), location: location.as_str().into(), ..base }
        }
        EnvironmentId::Memory { .. } => base,
    }
}

/// The parts of an identity that are an id, in the order of the id's form.
pub(crate) fn id_parts(identity: &EnvironmentIdentity, backend: BackendKind) -> Vec<(&'static str, &Attr<String>)> {
    let place = match backend {
        BackendKind::Aks => {
            vec![("subscription", &identity.subscription), ("resource_group", &identity.resource_group)]
        }
        BackendKind::Eks => vec![("account", &identity.account), ("region", &identity.region)],
        BackendKind::Gke => vec![("project", &identity.project), ("location", &identity.location)],
        BackendKind::Memory => Vec::new(),
    };
    [("backend", &identity.backend)].into_iter().chain(place).chain([("name", &identity.name)]).collect()
}

/// The state after reading: what it said before, with every difference to what was found.
pub(crate) fn refreshed(mut state: Environment, observed: &Observed) -> Environment {
    computed(&mut state, observed);
    let kubernetes = state.kubernetes.clone().into_known().unwrap_or_default();
    let mut version = kubernetes.version.clone();
    keep(&mut version, observed.version, meant_version, |found| found.to_string().into());
    state.kubernetes = Kubernetes { version, ..kubernetes }.into();
    state.node_pools = node_pools(&state.node_pools, observed);
    // What is left to the cloud stays unsaid; what is not as clouds make it by themselves is told.
    let is_chosen = |network: &NetworkSpec| {
        network.private_endpoint || !network.subnet_ids.is_empty() || !network.authorized_cidrs.is_empty()
    };
    if state.network.known().is_some() || is_chosen(&observed.network) {
        let before = state.network.clone().into_known().unwrap_or_default();
        state.network = network(before, &observed.network).into();
    }
    let shown = shown_tags(&observed.tags, &state.tags);
    keep_texts_by_key(&mut state.tags, &shown);
    if let Some(protected) = observed.deletion_protection {
        state.deletion_protection = protected.into();
    }
    match &observed.cloud {
        CloudObserved::Aks(found) => {
            aks::drain_timeouts(&mut state.node_pools, found);
            state.aks = aks::refreshed(state.aks.into_known(), observed, found).into();
        }
        CloudObserved::Eks(found) => state.eks = eks::refreshed(state.eks.into_known(), observed, found).into(),
        CloudObserved::Gke(found) => {
            gke::drain_timeouts(&mut state.node_pools, found);
            gke::maintenance_window(&mut state.kubernetes, found);
            state.gke = gke::refreshed(state.gke.into_known(), observed, found).into();
        }
        CloudObserved::Memory(_) => {}
    }
    state
}

/// The state after an apply: what was planned, with all that the plan left open as it was found. `otherwise` is the
/// status of what was not found.
pub(crate) fn applied(
    plan: &Environment,
    id: &EnvironmentId,
    observed: Option<&Observed>,
    otherwise: Status,
) -> Environment {
    let open = plan.to_value().unknown_as_null();
    let base = Environment::from_value(open, &Path::root()).unwrap_or_default();
    let found = observed.map_or_else(|| named(id), |observed| refreshed(base, observed));
    let resolved = resolved(plan.to_value(), &found.to_value());
    // Both are values of one schema, so that this is one too; the plan without its unknowns would do.
    let mut state = Environment::from_value(resolved, &Path::root()).unwrap_or(found);
    state.id = id.to_string().into();
    let known = |status: &Attr<String>| status.known().is_some();
    if !known(&state.status) {
        state.status = otherwise.as_str().into();
    }
    for pool in state.node_pools.known_mut().into_iter().flat_map(BTreeMap::values_mut) {
        if let Attr::Known(pool) = pool
            && !known(&pool.status)
        {
            pool.status = otherwise.as_str().into();
        }
    }
    state
}

/// An unknown that will not be null.
pub(crate) fn unknown_status() -> Attr<String> {
    Attr::Unknown(Refinement::not_null())
}

/// The value, with everything unknown in it taken from the counterpart.
fn resolved(planned: Value, found: &Value) -> Value {
    let part = |name: &str| match found {
        Value::Object(values) | Value::Map(values) => values.get(name).unwrap_or(&Value::Null),
        _ => &Value::Null,
    };
    match planned {
        Value::Unknown(_) => found.clone(),
        Value::Object(values) => Value::Object(
            values.into_iter().map(|(name, value)| (name.clone(), resolved(value, part(&name)))).collect(),
        ),
        Value::Map(values) => {
            Value::Map(values.into_iter().map(|(key, value)| (key.clone(), resolved(value, part(&key)))).collect())
        }
        known => known,
    }
}

/// What the user never sets.
fn computed(state: &mut Environment, observed: &Observed) {
    state.id = observed.id.to_string().into();
    state.status = observed.status.as_str().into();
    state.endpoint = observed.endpoint.clone().into();
    state.certificate_authority_data = observed.certificate_authority_data.clone().into();
    state.oidc_issuer_url = observed.oidc_issuer_url.clone().into();
    state.kubernetes_version = observed.full_version.clone().into();
    // An id may not say it.
    if let Some(region) = &observed.region {
        state.region = region.as_str().into();
    }
}

fn node_pools(before: &MapOf<NodePool>, observed: &Observed) -> MapOf<NodePool> {
    let before = before.known();
    let pools = observed.node_pools.iter().map(|(name, found)| {
        let written = before.and_then(|pools| pools.get(name.as_str())).and_then(Attr::known).cloned();
        (name.as_str().to_owned(), node_pool(written.unwrap_or_default(), found, observed.version).into())
    });
    Attr::Known(pools.collect())
}

fn node_pool(mut pool: NodePool, found: &ObservedPool, control_plane: KubernetesVersion) -> NodePool {
    keep(&mut pool.machine_type, found.machine_type.clone(), text, Attr::Known);
    size(&mut pool, found);
    match found.mode {
        Some(mode) => pool.mode = PoolMode::of(mode).into(),
        None if pool.mode.is_null() => pool.mode = PoolMode::User.into(),
        None => {}
    }
    keep_texts_by_key(&mut pool.labels, &found.labels);
    keep(&mut pool.taints, found.taints.clone(), meant_taints, written_taints);
    if !found.zones.is_empty() {
        keep_texts(&mut pool.zones, &found.zones);
    }
    pool.spot = found.spot.into();
    if let Some(size) = found.disk_size_gb {
        pool.disk_size_gb = size.into();
    }
    // A pool that says no version follows the control plane: only one that does not shows its own.
    let meant = |version: &Attr<String>| version.known().map_or(Some(control_plane), |version| version.parse().ok());
    keep(&mut pool.version, Some(found.version), meant, |found| found.map(|version| version.to_string()).into());
    if let Some(surge) = found.max_surge {
        let meant = |surge: &Attr<String>| surge.known().and_then(|text| text.parse::<MaxSurge>().ok());
        keep(&mut pool.max_surge, Some(surge), meant, |found| found.map(|surge| surge.to_string()).into());
    }
    pool.status = found.status.as_str().into();
    pool
}

/// Within its bounds, the size of an autoscaled pool is no difference.
fn size(pool: &mut NodePool, found: &ObservedPool) {
    let bounds = |pool: &NodePool| match (pool.count.known(), pool.autoscale.known()) {
        (Some(count), None) => Some(PoolSize::Fixed(*count)),
        (None, Some(Autoscale { min: Attr::Known(min), max: Attr::Known(max) })) => {
            Some(PoolSize::Autoscale { min: *min, max: *max })
        }
        (None | Some(_), None | Some(_)) => None,
    };
    let (is_autoscaled, is_same) = match bounds(pool) {
        // A cloud may not take 0 as the most nodes: a pool of none then has room for one.
        Some(PoolSize::Fixed(0)) => (false, found.min == 0 && found.count == 0 && found.max <= 1),
        Some(size @ PoolSize::Fixed(count)) => (false, size.bounds() == (found.min, found.max) && count == found.count),
        Some(size @ PoolSize::Autoscale { .. }) => (true, size.bounds() == (found.min, found.max)),
        None => (false, false),
    };
    if is_same {
        return;
    }
    if found.min == found.max && !is_autoscaled {
        pool.count = found.count.into();
        pool.autoscale = Attr::Null;
    } else {
        pool.count = Attr::Null;
        pool.autoscale = Autoscale { min: found.min.into(), max: found.max.into() }.into();
    }
}

fn network(mut network: Network, found: &NetworkSpec) -> Network {
    keep_texts_but_for_case(&mut network.subnet_ids, &found.subnet_ids);
    if found.pod_cidr.is_some() {
        network.pod_cidr = found.pod_cidr.clone().into();
    }
    if found.service_cidr.is_some() {
        network.service_cidr = found.service_cidr.clone().into();
    }
    // Where only the inside reaches the API server, nobody can say who may from outside.
    if !found.private_endpoint {
        keep_texts(&mut network.authorized_cidrs, &found.authorized_cidrs);
    }
    network.private_endpoint = found.private_endpoint.into();
    network
}

fn shown_tags(found: &BTreeMap<String, String>, written: &MapOf<String>) -> BTreeMap<String, String> {
    let is_written = |key: &str| written.known().is_some_and(|tags| tags.contains_key(key));
    let is_mark = |key: &str| [OWNER_TAG, ENVIRONMENT_TAG].contains(&key);
    let is_technical = |key: &str| TECHNICAL_TAGS.iter().any(|prefix| key.starts_with(prefix));
    let shown = found.iter().filter(|(key, _)| !is_mark(key) && (is_written(key) || !is_technical(key)));
    shown.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Leaves what is written where it means what was found.
pub(super) fn keep<T, M: PartialEq>(
    written: &mut Attr<T>,
    found: M,
    meant: impl Fn(&Attr<T>) -> M,
    write: impl FnOnce(M) -> Attr<T>,
) {
    if meant(written) != found {
        *written = write(found);
    }
}

pub(super) fn keep_texts(written: &mut SetOf<String>, found: &BTreeSet<String>) {
    if texts(written) != *found {
        *written = written_texts(found);
    }
}

/// As [`keep_texts`], of ids of Azure, which tells no case apart and answers in its own. No other cloud's ids of the same
/// kind differ in case alone.
pub(super) fn keep_texts_but_for_case(written: &mut SetOf<String>, found: &BTreeSet<String>) {
    if lower(&texts(written)) != lower(found) {
        *written = written_texts(found);
    }
}

pub(super) fn lower(texts: &BTreeSet<String>) -> BTreeSet<String> {
    texts.iter().map(|text| text.to_lowercase()).collect()
}

/// What is said of a pool's `drain_timeout` stays, unless the cloud has another one; what is left to the cloud stays unsaid.
pub(super) fn keep_drain_timeout(pool: &mut NodePool, found: Option<Duration>) {
    if let Some(written) = pool.drain_timeout.known()
        && Some(written.duration()) != found
    {
        pool.drain_timeout = found.map_or(Attr::Null, written_duration);
    }
}

/// A time as people write it, in the largest unit that divides it.
pub(super) fn written_duration(duration: Duration) -> Attr<GoDuration> {
    let seconds = duration.as_secs();
    let text = if seconds.is_multiple_of(3600) {
        format!("{}h", seconds / 3600)
    } else if seconds.is_multiple_of(60) {
        format!("{}m", seconds / 60)
    } else {
        format!("{seconds}s")
    };
    text.parse().ok().into()
}

fn keep_texts_by_key(written: &mut MapOf<String>, found: &BTreeMap<String, String>) {
    let meant: BTreeMap<&String, &String> =
        written.known().into_iter().flatten().filter_map(|(key, value)| Some((key, value.known()?))).collect();
    if !meant.iter().map(|(key, value)| (*key, *value)).eq(found) {
        let all = found.iter().map(|(key, value)| (key.clone(), Attr::Known(value.clone())));
        *written = Some(all.collect::<BTreeMap<_, _>>()).filter(|all| !all.is_empty()).into();
    }
}

pub(super) fn text(written: &Attr<String>) -> String {
    written.known().cloned().unwrap_or_default()
}

pub(super) fn texts(written: &SetOf<String>) -> BTreeSet<String> {
    written.known().into_iter().flat_map(Set::iter).filter_map(|text| text.known().cloned()).collect()
}

/// Nothing is null: whoever writes an empty set instead finds it kept, as it means the same.
pub(super) fn written_texts(found: &BTreeSet<String>) -> SetOf<String> {
    if found.is_empty() { Attr::Null } else { Attr::Known(found.iter().cloned().collect()) }
}

fn meant_version(written: &Attr<String>) -> KubernetesVersion {
    // 0.0 is the version of nothing.
    let nothing = KubernetesVersion { major: 0, minor: 0 };
    written.known().and_then(|version| version.parse().ok()).unwrap_or(nothing)
}

fn meant_taints(written: &SetOf<Taint>) -> BTreeSet<environment::Taint> {
    let taints = written.known().into_iter().flat_map(Set::iter).filter_map(Attr::known);
    taints
        .filter_map(|taint| {
            let effect = taint.effect.known()?.as_str().parse().ok()?;
            Some(environment::Taint { key: text(&taint.key), effect, value: text(&taint.value) })
        })
        .collect()
}

fn written_taints(found: BTreeSet<environment::Taint>) -> SetOf<Taint> {
    if found.is_empty() {
        return Attr::Null;
    }
    let taints = found.into_iter().map(|taint| Taint {
        key: taint.key.into(),
        value: Some(taint.value).filter(|value| !value.is_empty()).into(),
        effect: TaintEffect::of(taint.effect).into(),
    });
    Attr::Known(taints.collect())
}
