//! What a change would do to an environment, decided from configuration and state alone: nothing is asked of a cloud.

use std::collections::BTreeMap;

use multicloud::environment::{EnvironmentSpec, Status};
use multicloud::{Backend, Error, ErrorKind, Observed, Violation};
use tfplug::{Attr, Change, Diagnostic, Diagnostics, MapOf, Path};

use super::model::{Environment, NodePool, PoolMode};
use super::spec::{Block, version};
use super::state::unknown_status;
use crate::diagnostics::{path, violation};

/// Completes a plan with what depends on more than one attribute.
pub(crate) fn complete(change: &mut Change<Environment>, diagnostics: &mut Diagnostics) {
    modes(&mut change.plan.node_pools, change.prior.as_ref().map(|prior| &prior.node_pools));
    let Some(prior) = change.prior.clone() else { return };
    moved(&prior, change);
    untold(&prior, &mut change.plan);
    downgrade(&prior, &change.config, diagnostics);
}

/// In another cloud it is another environment, even in a region of the same name.
fn moved(prior: &Environment, change: &mut Change<Environment>) {
    let cloud = |environment: &Environment| environment.blocks().into_iter().find(Block::is_known);
    if let (Some(before), Some(after)) = (cloud(prior), cloud(&change.plan))
        && before.backend != after.backend
    {
        change.replace(Path::root().attribute(after.backend.as_str()));
    }
}

/// What a cloud does not tell of an environment that works, such as an issuer that is turned off, it does not tell after an
/// update of something else either.
fn untold(prior: &Environment, plan: &mut Environment) {
    let is_same_cloud = (&prior.aks, &prior.eks, &prior.gke) == (&plan.aks, &plan.eks, &plan.gke);
    if is_same_cloud && prior.endpoint.known().is_some() {
        let computed = [
            (&prior.certificate_authority_data, &mut plan.certificate_authority_data),
            (&prior.oidc_issuer_url, &mut plan.oidc_issuer_url),
        ];
        for (before, planned) in computed {
            if before.is_null() {
                *planned = Attr::Null;
            }
        }
    }
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
/// replaces the environment where a field that never changes does. Answers whether nothing is left to do.
pub(crate) fn by_backend(
    backend: &dyn Backend,
    observed: Option<&Observed>,
    desired: &EnvironmentSpec,
    change: &mut Change<Environment>,
    diagnostics: &mut Diagnostics,
) -> bool {
    let (prior, observed) = match (change.prior.clone(), observed) {
        (Some(prior), Some(observed)) => (prior, observed),
        (Some(_), None) => return false,
        (None, _) => {
            diagnostics.extend(backend.plan(None, Some(desired)).err().as_ref().and_then(refusal));
            return false;
        }
    };
    let differences = backend.differences(observed, desired);
    let is_replaced = !differences.is_empty() || change.is_replacement();
    for difference in differences {
        let at = path(&difference.path);
        if value_at(&prior, &at) != value_at(&change.plan, &at) {
            change.replace(at);
        }
    }
    if is_replaced {
        return false;
    }
    match backend.plan(Some(observed), Some(desired)) {
        Ok(steps) => steps.is_empty(),
        Err(error) => {
            diagnostics.extend(refusal(&error));
            false
        }
    }
}

/// Whether a plan wants something of its cloud that the environment does not have yet: another version, another machine.
pub(crate) fn asks_for_more(change: &Change<Environment>) -> bool {
    let Some(prior) = &change.prior else { return true };
    let offers = |environment: &Environment| {
        let pools = environment.node_pools.known().into_iter().flatten().map(|(name, pool)| {
            let pool = pool.known().cloned().unwrap_or_default();
            (name.clone(), (pool.machine_type, pool.version, pool.zones))
        });
        (version(environment), environment.region.clone(), pools.collect::<BTreeMap<_, _>>())
    };
    offers(prior) != offers(&change.plan)
}

/// Refuses what the cloud does not have. What the environment has already is not taken away by that; and what the same
/// apply may make before it, such as a resource group in the cloud's block, need not be there yet.
pub(crate) fn not_offered(change: &Change<Environment>, missing: &[Violation], diagnostics: &mut Diagnostics) {
    let offered = ["region", "kubernetes", "node_pools"].map(|name| Path::root().attribute(name));
    for missing in missing {
        let at = path(&missing.path);
        if !offered.iter().any(|offered| at.steps().starts_with(offered.steps())) {
            continue;
        }
        let is_kept = change.prior.as_ref().is_some_and(|prior| value_at(prior, &at) == value_at(&change.plan, &at));
        if !is_kept {
            diagnostics.push(violation(missing));
        }
    }
}

/// Where something is left to do that no attribute shows, the status changes, so that there is an update to do it.
///
/// `is_settled`: the backend has nothing to do. What is degraded all the same is mended elsewhere, such as an add-on
/// without nodes to run on: an update would change nothing, again and again.
pub(crate) fn unfinished(change: &mut Change<Environment>, is_settled: bool) {
    let Some(prior) = change.prior.clone() else { return };
    let is = |status: &Attr<String>, wanted: Status| status.known().is_some_and(|status| status == wanted.as_str());
    let is_done = |status: &Attr<String>| is(status, Status::Active) || (is_settled && is(status, Status::Degraded));
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
