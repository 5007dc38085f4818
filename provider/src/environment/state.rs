//! From what was found to state. Pure.
//!
//! What the user wrote stays as written where it means what was found; only real differences show. What the user left
//! to the cloud shows as the cloud has it, or stays null where it has no counterpart.

use std::collections::{BTreeMap, BTreeSet};

use multicloud::eks::{AccessScope, AuthenticationMode, EksObserved, ObservedAccessEntry, ObservedAddon};
use multicloud::environment::{
    self, CloudObserved, ENVIRONMENT_TAG, MaxSurge, NetworkSpec, OWNER_TAG, Observed, ObservedPool, PoolSize, Status,
};
use multicloud::{EnvironmentId, KubernetesVersion};
use tfplug::value::Refinement;
use tfplug::{Attr, MapOf, Model, Path, Set, SetOf, Value};

use super::model::{
    AccessEntry, AccessPolicy, Addon, Autoscale, Eks, Environment, EnvironmentIdentity, Kubernetes, Network, NodePool,
    OnPartialCreate, PoolMode, Role, Taint, TaintEffect,
};

/// Tags that clouds and the library set for themselves: no difference unless the user set one.
const TECHNICAL_TAGS: [&str; 2] = ["multicloud-", "aws:"];

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
    let account = match id {
        EnvironmentId::Eks { account, .. } => Some(account.as_str().to_owned()),
        EnvironmentId::Aks { .. } | EnvironmentId::Gke { .. } | EnvironmentId::Memory { .. } => None,
    };
    EnvironmentIdentity {
        backend: id.backend().as_str().into(),
        account: account.into(),
        region: id.region().map(|region| region.as_str().to_owned()).into(),
        name: id.name().as_str().into(),
    }
}

/// The state after reading: what it said before, with every difference to what was found.
pub(crate) fn refreshed(mut state: Environment, observed: &Observed) -> Environment {
    computed(&mut state, observed);
    let kubernetes = state.kubernetes.clone().into_known().unwrap_or_default();
    let mut version = kubernetes.version.clone();
    keep(&mut version, observed.version, meant_version, |found| found.to_string().into());
    state.kubernetes = Kubernetes { version, ..kubernetes }.into();
    state.node_pools = node_pools(&state.node_pools, observed);
    if state.network.known().is_some() || observed.network != NetworkSpec::default() {
        let before = state.network.clone().into_known().unwrap_or_default();
        state.network = network(before, &observed.network).into();
    }
    let shown = shown_tags(&observed.tags, &state.tags);
    keep_texts_by_key(&mut state.tags, &shown);
    if let Some(protected) = observed.deletion_protection {
        state.deletion_protection = protected.into();
    }
    match &observed.cloud {
        CloudObserved::Eks(found) => {
            let before = state.eks.clone().into_known();
            state.eks = eks(before, observed, found).into();
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
    keep_texts(&mut network.subnet_ids, &found.subnet_ids);
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

fn eks(before: Option<Eks>, observed: &Observed, found: &EksObserved) -> Eks {
    let mut eks = before.clone().unwrap_or_else(|| imported_eks(found));
    if !found.role_arn.is_empty() {
        eks.role_arn = found.role_arn.clone().into();
    }
    node_groups(&mut eks, before.is_none(), observed, found);
    keep_texts(&mut eks.security_group_ids, &found.security_group_ids);
    if found.public_access {
        eks.private_access = found.private_access.into();
    }
    if let Some(mode) = found.authentication_mode {
        eks.authentication_mode = mode.as_str().into();
    }
    let log_types: BTreeSet<String> = found.log_types.iter().map(|log| log.as_str().to_owned()).collect();
    keep_texts(&mut eks.log_types, &log_types);
    eks.encryption_key_arn = found.encryption_key_arn.clone().into();
    if let Some(support) = found.support_type {
        eks.support_type = support.as_str().into();
    }
    if let Some(addons) = &found.addons {
        eks.addons = parts(&eks.addons, addons, |addon| is_ours(&observed.tags, &addon.tags), addon);
    }
    if let Some(entries) = &found.access_entries {
        let ours = |entry: &ObservedAccessEntry| is_ours(&observed.tags, &entry.tags);
        eks.access_entries = parts(&eks.access_entries, entries, ours, access_entry);
    }
    eks
}

/// What an import begins with: the role that most groups have stands for all.
fn imported_eks(found: &EksObserved) -> Eks {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for group in found.node_groups.values() {
        *counts.entry(&group.node_role_arn).or_default() += 1;
    }
    let common = counts.into_iter().max_by_key(|(_, count)| *count).map(|(role, _)| role.to_owned());
    Eks {
        node_role_arn: common.into(),
        private_access: false.into(),
        authentication_mode: AuthenticationMode::default().as_str().into(),
        creator_is_admin: true.into(),
        force_upgrade: false.into(),
        ..Eks::default()
    }
}

/// What pools have of their own: told where it differs from what the environment says for all.
fn node_groups(eks: &mut Eks, is_import: bool, observed: &Observed, found: &EksObserved) {
    let mut groups = eks.node_groups.clone().into_known().unwrap_or_default();
    let had_none = groups.is_empty();
    for pool in observed.node_pools.keys() {
        let newest =
            found.node_groups.values().filter(|group| group.pool == *pool).max_by_key(|group| group.created_at_ms);
        let Some(found) = newest else { continue };
        let mut own = groups.get(pool.as_str()).and_then(Attr::known).cloned().unwrap_or_default();
        let before = own.clone();
        let role = own.node_role_arn.known().or(eks.node_role_arn.known());
        if role != Some(&found.node_role_arn) {
            own.node_role_arn = found.node_role_arn.clone().into();
        }
        let image = own.ami_type.known().or(eks.ami_type.known());
        if image.is_some() && image != found.ami_type.as_ref() {
            own.ami_type = found.ami_type.clone().into();
        }
        let is_as_said = match own.subnet_ids.known() {
            Some(_) => texts(&own.subnet_ids) == found.subnet_ids,
            None if is_import => observed.network.subnet_ids == found.subnet_ids,
            // Where the cluster's subnets grow, its groups stay in those that they have.
            None => found.subnet_ids.is_subset(&observed.network.subnet_ids),
        };
        if !is_as_said {
            own.subnet_ids = written_texts(&found.subnet_ids);
        }
        if own != before {
            groups.insert(pool.as_str().to_owned(), own.into());
        }
    }
    if !(had_none && groups.is_empty()) {
        eks.node_groups = Attr::Known(groups);
    }
}

/// The parts of a cluster that are written or ours, as they were found.
fn parts<W: Clone + Default, F>(
    written: &MapOf<W>,
    found: &BTreeMap<String, F>,
    is_ours: impl Fn(&F) -> bool,
    refresh: impl Fn(W, &F) -> W,
) -> MapOf<W> {
    let before = written.known();
    let written_part = |key: &str| before.and_then(|parts| parts.get(key)).and_then(Attr::known).cloned();
    let shown: BTreeMap<String, Attr<W>> = found
        .iter()
        .filter_map(|(key, found)| {
            let written = written_part(key);
            (written.is_some() || is_ours(found))
                .then(|| (key.clone(), Attr::Known(refresh(written.unwrap_or_default(), found))))
        })
        .collect();
    if shown.is_empty() && before.is_none_or(BTreeMap::is_empty) { written.clone() } else { Attr::Known(shown) }
}

/// Whether a part carries the mark of its cluster.
fn is_ours(cluster: &BTreeMap<String, String>, part: &BTreeMap<String, String>) -> bool {
    [OWNER_TAG, ENVIRONMENT_TAG].iter().all(|key| part.contains_key(*key) && part.get(*key) == cluster.get(*key))
}

fn addon(mut addon: Addon, found: &ObservedAddon) -> Addon {
    if found.version.is_some() {
        addon.version = found.version.clone().into();
    }
    addon.configuration_values = found.configuration_values.clone().into();
    addon.service_account_role_arn = found.service_account_role_arn.clone().into();
    if addon.resolve_conflicts.is_null() {
        addon.resolve_conflicts = multicloud::eks::ResolveConflicts::default().as_str().into();
    }
    if addon.preserve.is_null() {
        addon.preserve = false.into();
    }
    addon
}

fn access_entry(mut entry: AccessEntry, found: &ObservedAccessEntry) -> AccessEntry {
    if found.entry_type.is_some() {
        entry.r#type = found.entry_type.clone().into();
    }
    keep_texts(&mut entry.kubernetes_groups, &found.kubernetes_groups);
    if found.username.is_some() {
        entry.username = found.username.clone().into();
    }
    let meant = |policies: &MapOf<AccessPolicy>| {
        let policies = policies.known().into_iter().flatten();
        policies
            .map(|(arn, policy)| {
                (arn.clone(), policy.known().map(|policy| texts(&policy.namespaces)).unwrap_or_default())
            })
            .collect::<BTreeMap<_, _>>()
    };
    let scopes = found.policies.iter().map(|(arn, scope)| {
        let namespaces = match scope {
            AccessScope::Cluster => BTreeSet::new(),
            AccessScope::Namespaces(namespaces) => namespaces.clone(),
        };
        (arn.clone(), namespaces)
    });
    keep(&mut entry.policies, scopes.collect(), meant, |found: BTreeMap<String, BTreeSet<String>>| {
        let written = found
            .into_iter()
            .map(|(arn, namespaces)| (arn, Attr::Known(AccessPolicy { namespaces: written_texts(&namespaces) })));
        Some(written.collect::<BTreeMap<_, _>>()).filter(|policies| !policies.is_empty()).into()
    });
    entry
}

/// Leaves what is written where it means what was found.
fn keep<T, M: PartialEq>(
    written: &mut Attr<T>,
    found: M,
    meant: impl Fn(&Attr<T>) -> M,
    write: impl FnOnce(M) -> Attr<T>,
) {
    if meant(written) != found {
        *written = write(found);
    }
}

fn keep_texts(written: &mut SetOf<String>, found: &BTreeSet<String>) {
    if texts(written) != *found {
        *written = written_texts(found);
    }
}

fn keep_texts_by_key(written: &mut MapOf<String>, found: &BTreeMap<String, String>) {
    let meant: BTreeMap<&String, &String> =
        written.known().into_iter().flatten().filter_map(|(key, value)| Some((key, value.known()?))).collect();
    if !meant.iter().map(|(key, value)| (*key, *value)).eq(found) {
        let all = found.iter().map(|(key, value)| (key.clone(), Attr::Known(value.clone())));
        *written = Some(all.collect::<BTreeMap<_, _>>()).filter(|all| !all.is_empty()).into();
    }
}

fn text(written: &Attr<String>) -> String {
    written.known().cloned().unwrap_or_default()
}

fn texts(written: &SetOf<String>) -> BTreeSet<String> {
    written.known().into_iter().flat_map(Set::iter).filter_map(|text| text.known().cloned()).collect()
}

/// Nothing is null: whoever writes an empty set instead finds it kept, as it means the same.
fn written_texts(found: &BTreeSet<String>) -> SetOf<String> {
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
