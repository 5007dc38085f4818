//! What a change would do to an environment, decided from configuration and state alone: nothing is asked of a cloud.

use std::collections::BTreeMap;

use multicloud::environment::{EnvironmentSpec, Status};
use multicloud::{Backend, Error, ErrorKind, Observed, Violation};
use tfplug::{Attr, Change, Diagnostic, Diagnostics, MapOf, Path};

use super::model::{Environment, NodePool, PoolMode};
use super::spec::version;
use super::state::unknown_status;
use crate::diagnostics::{path, violation};

/// Completes a plan with what depends on more than one attribute.
pub(crate) fn complete(change: &mut Change<Environment>, diagnostics: &mut Diagnostics) {
    modes(&mut change.plan.node_pools, change.prior.as_ref().map(|prior| &prior.node_pools));
    let Some(prior) = change.prior.clone() else { return };
    keep_empty(&prior, &mut change.plan);
    downgrade(&prior, &change.config, diagnostics);
    unfinished(&prior, change);
}

/// Refuses what could only be done by destroying what is protected.
pub(crate) fn protect(change: &Change<Environment>, diagnostics: &mut Diagnostics) {
    let Some(prior) = &change.prior else { return };
    if change.is_replacement() && prior.deletion_protection.known() == Some(&true) {
        diagnostics.push(protected(prior, "replaced"));
    }
}

/// What the user reads whose environment is protected.
pub(crate) fn protected(state: &Environment, deed: &str) -> Diagnostic {
    let name = state.name.known().map_or("", String::as_str);
    Diagnostic::error(
        format!("Environment {name:?} is protected from deletion"),
        format!(
            "It would be {deed}, and deletion_protection is true. Nothing was changed. If it shall be {deed}, set \
             deletion_protection = false, apply that, then do this again."
        ),
    )
    .at(Path::root().attribute("deletion_protection"))
}

/// Asks the backend, which answers without asking its cloud, what the change comes to: refuses what it cannot do, and
/// replaces the environment where a field that never changes does.
pub(crate) fn against_observed(
    backend: &dyn Backend,
    observed: &Observed,
    desired: &EnvironmentSpec,
    change: &mut Change<Environment>,
    diagnostics: &mut Diagnostics,
) {
    let Some(prior) = change.prior.clone() else { return };
    let differences = backend.differences(observed, desired);
    let is_replaced = !differences.is_empty() || change.is_replacement();
    for difference in differences {
        let at = path(&difference.path);
        if value_at(&prior, &at) != value_at(&change.plan, &at) {
            change.replace(at);
        }
    }
    if !is_replaced && let Err(error) = backend.plan(Some(observed), Some(desired)) {
        diagnostics.extend(refusal(&error));
    }
}

/// What the backend says against a plan, if it is about the configuration. How the cluster is at the moment is not:
/// the apply finds out.
fn refusal(error: &Error) -> Option<Diagnostic> {
    let source = std::error::Error::source(error)?.downcast_ref::<Violation>()?;
    (error.kind == ErrorKind::InvalidConfig).then(|| violation(source))
}

fn value_at(environment: &Environment, at: &Path) -> Option<tfplug::Value> {
    tfplug::Model::to_value(environment).at(at).cloned()
}

/// A pool that says no mode keeps the one it has; a new one is for workloads, unless it is the only one there is.
fn modes(pools: &mut MapOf<NodePool>, prior: Option<&MapOf<NodePool>>) {
    let Attr::Known(pools) = pools else { return };
    let new = if pools.len() == 1 { PoolMode::System } else { PoolMode::User };
    let prior = prior.and_then(Attr::known);
    for (name, pool) in pools {
        let Attr::Known(pool) = pool else { continue };
        let before = prior.and_then(|pools| pools.get(name)).and_then(Attr::known).and_then(|pool| pool.mode.known());
        if pool.mode.known().is_none() {
            pool.mode = (*before.unwrap_or(&new)).into();
        }
    }
}

/// An empty collection and none mean the same: writing one for the other is no change.
fn keep_empty(prior: &Environment, plan: &mut Environment) {
    fn keep<T: Default + Clone>(prior: &Attr<T>, plan: &mut Attr<T>, is_empty: impl Fn(&T) -> bool) {
        if prior.is_null() && plan.known().is_some_and(is_empty) {
            *plan = Attr::Null;
        }
    }
    keep(&prior.tags, &mut plan.tags, BTreeMap::is_empty);
    if let (Some(prior), Some(plan)) = (prior.network.known(), plan.network.known_mut()) {
        keep(&prior.authorized_cidrs, &mut plan.authorized_cidrs, tfplug::Set::is_empty);
    }
    if let (Some(prior), Some(plan)) = (prior.eks.known(), plan.eks.known_mut()) {
        keep(&prior.security_group_ids, &mut plan.security_group_ids, tfplug::Set::is_empty);
        keep(&prior.log_types, &mut plan.log_types, tfplug::Set::is_empty);
        keep(&prior.node_groups, &mut plan.node_groups, BTreeMap::is_empty);
        keep(&prior.addons, &mut plan.addons, BTreeMap::is_empty);
        keep(&prior.access_entries, &mut plan.access_entries, BTreeMap::is_empty);
    }
    let Some(pools) = plan.node_pools.known_mut() else { return };
    for (name, plan) in pools {
        let prior = prior.node_pools.known().and_then(|pools| pools.get(name)).and_then(Attr::known);
        if let (Some(prior), Some(plan)) = (prior, plan.known_mut()) {
            keep(&prior.labels, &mut plan.labels, BTreeMap::is_empty);
            keep(&prior.taints, &mut plan.taints, tfplug::Set::is_empty);
            keep(&prior.zones, &mut plan.zones, tfplug::Set::is_empty);
        }
    }
}

/// No cloud takes a version back.
fn downgrade(prior: &Environment, config: &Environment, diagnostics: &mut Diagnostics) {
    if let (Some(now), Some(wanted)) = (version(prior), version(config))
        && wanted < now
    {
        diagnostics.error_at(
            Path::root().attribute("kubernetes").attribute("version"),
            "Kubernetes versions cannot be lowered",
            format!(
                "kubernetes.version: the control plane has {now}, and version = \"{wanted}\" is lower. Set version to \
                 \"{now}\" or a higher one. To have {wanted}, make a new environment beside this one."
            ),
        );
    }
}

/// Where something is left to do that no attribute shows, the status changes, so that there is an update to do it.
fn unfinished(prior: &Environment, change: &mut Change<Environment>) {
    let is_done = |status: &Attr<String>| status.known().is_some_and(|status| status == Status::Active.as_str());
    if is_done(&prior.status) {
        return;
    }
    change.plan.status = unknown_status();
    let pools = change.plan.node_pools.known_mut().into_iter().flat_map(BTreeMap::values_mut);
    for pool in pools.filter_map(Attr::known_mut).filter(|pool| !is_done(&pool.status)) {
        pool.status = unknown_status();
    }
    // What is being deleted, or has failed as a whole, can only be made anew.
    let is_lost = |status: &String| [Status::Deleting, Status::Failed].iter().any(|lost| status == lost.as_str());
    if prior.status.known().is_some_and(is_lost) {
        change.replace(Path::root().attribute("status"));
    }
}
