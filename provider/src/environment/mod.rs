//! `multicloud_environment`: the handlers, which alone act. What they decide by is beside them: [`model`] is the
//! schema, `spec` reads configurations, `state` writes states, `plan` judges changes; what of these is particular to a
//! cloud is in the file of its name.

mod aks;
mod data_source;
mod eks;
mod gke;
pub mod model;
mod plan;
mod spec;
mod state;

use std::time::Duration;

use multicloud::environment::Status;
use multicloud::{
    BackendKind, Checkpoint, Driver, Ending, EnvironmentId, Error, ErrorKind, IdempotencyToken, Mark, Observed,
    Operation, Outcome, Owner, Run, Target,
};
use tfplug::timeouts::timeout;
use tfplug::{
    Attr, Call, Change, Create, Delete, Diagnostic, Diagnostics, ImportId, Path, PrivateState, Resource, Severity,
    Update, async_trait,
};

pub use self::data_source::{EnvironmentData, EnvironmentDataModel};
use self::model::{Environment, EnvironmentIdentity, OnPartialCreate, Timeouts};
use self::spec::{Block, Draft};
use crate::clouds::{Clouds, offline};
use crate::diagnostics::{Deed, diagnostic, noun, sentence};

/// Clouds make a cluster in 10 to 20 minutes and its nodes in 5 more; a failed one is reported after half an hour.
const CREATE_TIMEOUT: Duration = Duration::from_mins(60);
/// Each minor of an upgrade takes a control plane 10 minutes or more, and each pool as long again.
const UPDATE_TIMEOUT: Duration = Duration::from_mins(120);
/// Nodes are drained before they go.
const DELETE_TIMEOUT: Duration = Duration::from_mins(60);

/// Private state: the idempotency token of the apply that was planned. It lives from plan to apply.
const TOKEN: &str = "token";
/// Private state: what the cloud was still working on when an apply ended early.
const RUNNING: &str = "running";
/// Private state: what the cloud never gives to another object of that name.
const UID: &str = "uid";
/// Private state: the environment as it was last read, so that plans can be judged without asking.
const OBSERVED: &str = "observed";

/// `multicloud_environment`.
#[derive(Clone, Copy, Debug)]
pub struct EnvironmentResource;

#[async_trait]
impl Resource for EnvironmentResource {
    type Client = Clouds;
    type State = Environment;
    type Identity = EnvironmentIdentity;

    fn type_name(&self) -> &'static str {
        "multicloud_environment"
    }

    fn validate(&self, config: &Environment, diagnostics: &mut Diagnostics) {
        // Whose it is does not matter to what may be wrong with it, and is not known yet.
        let Ok(owner) = "owner".parse::<Owner>() else { return };
        check(config, &owner, diagnostics);
    }

    async fn plan(&self, call: &Call<Clouds>, change: &mut Change<Environment>) -> Result<(), Diagnostics> {
        let clouds = call.client()?;
        let owner = clouds.known_owner()?;
        let mut diagnostics = Diagnostics::new();
        plan::complete(change, &mut diagnostics);
        let mut is_settled = false;
        if let Some(owner) = owner
            && !diagnostics.has_error()
            && let Ok(desired) = Draft::of(&with_modes(&change.config, &change.plan), owner).finished()
            && let Some(backend) = offline(desired.cloud.backend())
        {
            let observed = call.private().get::<Observed>(OBSERVED);
            let is_idle = call.private().get::<Vec<Operation>>(RUNNING).is_none_or(|running| running.is_empty());
            is_settled =
                plan::by_backend(backend.as_ref(), observed.as_ref(), &desired, change, &mut diagnostics) && is_idle;
            if !diagnostics.has_error() && plan::asks_for_more(change) {
                let missing = clouds.missing_offer(&desired).await;
                plan::not_offered(change, &missing, &mut diagnostics);
            }
        }
        plan::unfinished(change, is_settled);
        plan::protect(change, &mut diagnostics);
        if diagnostics.has_error() {
            return Err(diagnostics);
        }
        if call.private().get::<IdempotencyToken>(TOKEN).is_none() {
            call.private().set(TOKEN, &IdempotencyToken::random());
        }
        Ok(())
    }

    async fn plan_delete(&self, _: &Call<Clouds>, state: &Environment) -> Result<(), Diagnostics> {
        refuse_protected(state)
    }

    async fn create(&self, call: &Call<Clouds>, create: Create<Environment>) -> Result<Environment, Diagnostics> {
        let Create { config, plan, checkpoint } = create;
        let clouds = call.client()?;
        let desired = Draft::of(&with_modes(&config, &plan), clouds.owner()?).finished()?;
        let driver = clouds.driver(desired.cloud.backend())?;
        let private = call.private();
        let save = |at: &Checkpoint<'_>| {
            if at.observed.is_some() || !at.running.is_empty() {
                checkpoint.save(&state::applied(&plan, at.id, at.observed, Status::Creating));
                remember(private, at.observed, at.running);
            }
        };
        let run = run(call, timeouts(&config).create, CREATE_TIMEOUT, &save);
        let outcome = driver.create(&desired, run).await;
        private.remove(TOKEN);
        if outcome.is_converged()
            && let Some(id) = &outcome.id
        {
            remember(private, outcome.observed.as_ref(), &outcome.running);
            return Ok(state::applied(&plan, id, outcome.observed.as_ref(), Status::Creating));
        }
        let name = desired.name.as_str();
        let errors = |severity| told(severity, Deed::Create, name, &outcome);
        match kept(&outcome, &desired.mark()) {
            None => {
                remember(private, None, &[]);
                Err(errors(Severity::Error))
            }
            Some(id) => {
                let state = partial(&plan, id, &outcome);
                remember(private, outcome.observed.as_ref(), &outcome.running);
                match plan.on_partial_create.known().unwrap_or(&OnPartialCreate::Keep) {
                    OnPartialCreate::Fail => {
                        checkpoint.save(&state);
                        Err(errors(Severity::Error))
                    }
                    OnPartialCreate::Keep => {
                        for cause in errors(Severity::Warning) {
                            call.warn(unfinished(driver, name, &cause));
                        }
                        Ok(state)
                    }
                }
            }
        }
    }

    async fn read(&self, call: &Call<Clouds>, state: Environment) -> Result<Option<Environment>, Diagnostics> {
        let id = id_of(&state)?;
        let clouds = call.client()?;
        if !clouds.is_known(id.backend()) {
            // Nothing can be asked before the provider's configuration is known; what was known stands.
            return Ok(Some(state));
        }
        let driver = clouds.driver(id.backend())?;
        let observed = driver
            .read(&id)
            .await
            .map_err(|error| diagnostic(Severity::Error, Deed::Read, id.name().as_str(), Some(&id), &error))?;
        let Some(observed) = observed else { return Ok(None) };
        if let Some(uid) = call.private().get::<String>(UID)
            && uid != observed.uid
        {
            call.warn(Diagnostic::warning(
                format!("{} {:?} is another one", noun(id.backend()), id.name().as_str()),
                format!(
                    "The one in the state was deleted outside of Terraform, and another of the same name was made: \
                     {uid} became {}. The new one is not managed here; import it if it is to be.",
                    observed.uid
                ),
            ));
            return Ok(None);
        }
        // Core forgets private data when a provider dies in an update. What is then known by its name alone is ours only if
        // it says so; else the next run would take whatever has the name for what was meant.
        let is_known = call.private().get::<String>(UID).is_some();
        let owner = clouds.known_owner().ok().flatten().cloned();
        let mark = owner.map(|owner| Mark { owner, environment: id.name().clone() });
        if is_known || mark.is_some_and(|mark| is_marked(&observed, &mark)) {
            let running = call.private().get::<Vec<Operation>>(RUNNING).unwrap_or_default();
            remember(call.private(), Some(&observed), &running);
        }
        Ok(Some(state::refreshed(state, &observed)))
    }

    async fn update(&self, call: &Call<Clouds>, update: Update<Environment>) -> Result<Environment, Diagnostics> {
        let Update { config, prior, plan, checkpoint } = update;
        let clouds = call.client()?;
        let id = id_of(&prior)?;
        let desired = Draft::of(&with_modes(&config, &plan), clouds.owner()?).finished()?;
        let driver = clouds.driver(id.backend())?;
        let private = call.private();
        let target = target(&id, desired.mark(), private, &prior);
        let save = |at: &Checkpoint<'_>| {
            if let Some(observed) = at.observed {
                checkpoint.save(&state::refreshed(settled(&plan), observed));
            }
            remember(private, at.observed, at.running);
        };
        let run = run(call, timeouts(&config).update, UPDATE_TIMEOUT, &save);
        let outcome = driver.update(&target, &desired, run).await;
        private.remove(TOKEN);
        remember(private, outcome.observed.as_ref(), &outcome.running);
        if outcome.is_converged() {
            return Ok(state::applied(&plan, &id, outcome.observed.as_ref(), Status::Updating));
        }
        // What was not reached shows as a difference in the next plan, because the state says what really is.
        if let Some(observed) = outcome.observed.as_ref().filter(|observed| is_marked(observed, &target.mark)) {
            checkpoint.save(&state::refreshed(settled(&plan), observed));
        }
        Err(told(Severity::Error, Deed::Update, id.name().as_str(), &outcome))
    }

    async fn delete(&self, call: &Call<Clouds>, delete: Delete<Environment>) -> Result<(), Diagnostics> {
        let Delete { state, .. } = delete;
        refuse_protected(&state)?;
        let clouds = call.client()?;
        let id = id_of(&state)?;
        let driver = clouds.driver(id.backend())?;
        let mark = Mark { owner: clouds.owner()?.clone(), environment: id.name().clone() };
        let private = call.private();
        let target = target(&id, mark, private, &state);
        let save = |at: &Checkpoint<'_>| remember(private, at.observed, at.running);
        let run = run(call, timeouts(&state).delete, DELETE_TIMEOUT, &save);
        let outcome = driver.delete(&target, run).await;
        private.remove(TOKEN);
        remember(private, outcome.observed.as_ref(), &outcome.running);
        if outcome.is_converged() {
            return Ok(());
        }
        Err(told(Severity::Error, Deed::Delete, id.name().as_str(), &outcome))
    }

    fn identity(&self, state: &Environment) -> Option<EnvironmentIdentity> {
        Some(state::identity(&state.id.known()?.parse().ok()?))
    }

    async fn import(&self, call: &Call<Clouds>, id: ImportId<EnvironmentIdentity>) -> Result<Environment, Diagnostics> {
        let id = match id {
            ImportId::Id(id) => parse_id(&id, Path::root().attribute("id"))?,
            ImportId::Identity(identity) => id_of_identity(&identity)?,
        };
        let clouds = call.client()?;
        let driver = clouds.driver(id.backend())?;
        let mark = Mark { owner: clouds.owner()?.clone(), environment: id.name().clone() };
        let observed = driver
            .import(&id, &mark)
            .await
            .map_err(|error| diagnostic(Severity::Error, Deed::Import, id.name().as_str(), Some(&id), &error))?;
        remember(call.private(), Some(&observed), &[]);
        Ok(state::refreshed(state::named(&id), &observed))
    }
}

/// Everything that can be said against a configuration without asking anybody.
fn check(config: &Environment, owner: &Owner, diagnostics: &mut Diagnostics) {
    one_cloud(config, diagnostics);
    let mut draft = Draft::of(config, owner);
    if let Some(spec) = draft.spec.clone()
        && let Some(backend) = offline(spec.cloud.backend())
    {
        for found in backend.validate(&spec) {
            draft.refuse_unless_unknown(&found);
        }
    }
    diagnostics.extend(draft.problems);
}

/// Refuses an environment in no cloud, and in several.
fn one_cloud(config: &Environment, diagnostics: &mut Diagnostics) {
    let blocks = config.blocks();
    let names: Vec<&str> = blocks.iter().map(|block| block.backend.as_str()).collect();
    match blocks.iter().filter(|block| block.is_known()).collect::<Vec<_>>()[..] {
        [] if blocks.iter().all(|block| block.is_null) => {
            let clouds: Vec<String> = blocks
                .iter()
                .map(|Block { backend, .. }| format!("{backend} ({})", backend.registration().title))
                .collect();
            let detail = format!(
                "An environment is in exactly one cloud, and no cloud's block is set. Set one of {}.",
                clouds.join(", ")
            );
            // An error has one place: that of the first block that could be set.
            let at = Path::root().attribute(names.first().copied().unwrap_or_default());
            diagnostics.push(Diagnostic::error("Missing cloud", detail).at(at));
        }
        [] | [_] => {}
        [first, ref others @ ..] => {
            for other in others {
                let detail = format!(
                    "An environment is in exactly one cloud, and {} is set besides {}. Keep one of them.",
                    other.backend, first.backend
                );
                let at = Path::root().attribute(other.backend.as_str());
                diagnostics.push(Diagnostic::error("More than one cloud", detail).at(at));
            }
        }
    }
}

/// The configuration, with what the plan chose for pools that say no mode.
fn with_modes(config: &Environment, plan: &Environment) -> Environment {
    let mut config = config.clone();
    let planned = plan.node_pools.known();
    for (name, pool) in config.node_pools.known_mut().into_iter().flatten() {
        let planned = planned.and_then(|pools| pools.get(name)).and_then(Attr::known);
        if let (Attr::Known(pool), Some(planned)) = (pool, planned) {
            pool.mode = planned.mode.clone();
        }
    }
    config
}

fn timeouts(environment: &Environment) -> Timeouts {
    environment.timeouts.known().cloned().unwrap_or_default()
}

fn run<'a>(
    call: &Call<Clouds>,
    given: Attr<tfplug::GoDuration>,
    default: Duration,
    save: &'a (dyn Fn(&Checkpoint<'_>) + Send + Sync),
) -> Run<'a> {
    let private = call.private();
    Run {
        token: private.get(TOKEN).unwrap_or_else(IdempotencyToken::random),
        timeout: timeout(&given, default),
        cancel: call.cancelled().clone(),
        running: private.get(RUNNING).unwrap_or_default(),
        checkpoint: save,
    }
}

fn target(id: &EnvironmentId, mark: Mark, private: &PrivateState, state: &Environment) -> Target {
    Target {
        id: id.clone(),
        mark,
        uid: private.get(UID),
        deletion_protection: state.deletion_protection.known().copied().unwrap_or(true),
    }
}

/// Keeps what spares the next run a question.
fn remember(private: &PrivateState, observed: Option<&Observed>, running: &[Operation]) {
    if let Some(observed) = observed {
        private.set(UID, &observed.uid);
        // What is long, and no plan is judged by, stands in the state already.
        let judged_by =
            Observed { certificate_authority_data: None, endpoint: None, oidc_issuer_url: None, ..observed.clone() };
        private.set(OBSERVED, &judged_by);
    }
    if running.is_empty() {
        private.remove(RUNNING);
    } else {
        private.set(RUNNING, &running);
    }
}

/// A plan without its unknowns.
fn settled(plan: &Environment) -> Environment {
    let value = tfplug::Model::to_value(plan).unknown_as_null();
    tfplug::Model::from_value(value, &Path::root()).unwrap_or_else(|_| plan.clone())
}

/// The id of what must not be forgotten after a creation that did not get to its end.
fn kept<'o>(outcome: &'o Outcome, mark: &Mark) -> Option<&'o EnvironmentId> {
    let is_refused = match &outcome.ending {
        Ending::Failed(error) => error.kind == ErrorKind::NotOwned,
        Ending::Converged | Ending::StepsFailed(_) => false,
    };
    let is_ours = outcome.observed.as_ref().map_or(!outcome.running.is_empty(), |observed| is_marked(observed, mark));
    outcome.id.as_ref().filter(|_| is_ours && !is_refused)
}

fn is_marked(observed: &Observed, mark: &Mark) -> bool {
    mark.tags().iter().all(|(key, value)| observed.tags.get(*key).map(String::as_str) == Some(*value))
}

/// The state of a creation that did not get to its end: never `active`, so that the next plan is an update.
fn partial(plan: &Environment, id: &EnvironmentId, outcome: &Outcome) -> Environment {
    let otherwise = match &outcome.ending {
        Ending::StepsFailed(_) => Status::Failed,
        Ending::Converged | Ending::Failed(_) => Status::Creating,
    };
    let mut state = state::applied(plan, id, outcome.observed.as_ref(), otherwise);
    if outcome.observed.as_ref().is_none_or(|observed| observed.status == Status::Active) {
        let status = match &outcome.ending {
            Ending::StepsFailed(_) => Status::Degraded,
            Ending::Converged | Ending::Failed(_) => Status::Creating,
        };
        state.status = status.as_str().into();
    }
    state
}

/// Everything that was in the way.
fn told(severity: Severity, deed: Deed, name: &str, outcome: &Outcome) -> Diagnostics {
    let told = |error: &&Error| diagnostic(severity, deed, name, outcome.id.as_ref(), error);
    outcome.errors().iter().map(told).collect()
}

/// What the user reads of a creation that is kept although it did not get to its end.
fn unfinished(driver: &Driver, name: &str, cause: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{} {name:?} is not finished", noun(driver.backend().kind())),
        format!(
            "{}\n\nWhat was made so far is in the state, and not tainted: the next apply carries on with it in place.",
            cause.detail
        ),
    )
}

fn refuse_protected(state: &Environment) -> Result<(), Diagnostics> {
    match state.deletion_protection.known() {
        Some(true) => Err(plan::protected(state, "destroyed").into()),
        Some(false) | None => Ok(()),
    }
}

fn id_of(state: &Environment) -> Result<EnvironmentId, Diagnostics> {
    parse_id(state.id.known().map_or("", String::as_str), Path::root().attribute("id"))
}

pub(crate) fn parse_id(text: &str, at: Path) -> Result<EnvironmentId, Diagnostics> {
    let id: EnvironmentId = text.parse().map_err(|error| invalid_id(&multicloud::ErrorChain(&error), at.clone()))?;
    if id.backend().registration().in_terraform { Ok(id) } else { Err(invalid_id(&"no cloud has such ids", at)) }
}

fn invalid_id(why: &dyn std::fmt::Display, at: Path) -> Diagnostics {
    let forms: Vec<String> = multicloud::registry::BACKENDS
        .iter()
        .filter(|backend| backend.in_terraform)
        .map(|backend| format!("{} ({})", backend.id_form, backend.title))
        .collect();
    Diagnostic::error(
        "Invalid environment id",
        format!("{} An id has the form {}.", sentence(&why.to_string()), forms.join(" or ")),
    )
    .at(at)
    .into()
}

fn id_of_identity(identity: &EnvironmentIdentity) -> Result<EnvironmentId, Diagnostics> {
    let named = identity.backend.known().map_or("", String::as_str);
    let known = BackendKind::ALL.into_iter().filter(|backend| backend.registration().in_terraform);
    let Some(backend) = known.clone().find(|backend| backend.as_str() == named) else {
        let known: Vec<&str> = known.map(BackendKind::as_str).collect();
        let detail = format!("{named:?} is no backend. The identity's backend is one of {}.", known.join(", "));
        return Err(Diagnostic::error("Unknown backend", detail).at(Path::root().attribute("backend")).into());
    };
    let parts = state::id_parts(identity, backend);
    let mut text = Vec::new();
    for (name, part) in &parts {
        let missing = || {
            let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
            let title = backend.registration().title;
            let detail =
                format!("{name} is missing. The identity of an environment on {title} has {}.", names.join(", "));
            Diagnostic::error("Incomplete identity", detail).at(Path::root().attribute(*name))
        };
        text.push(part.known().cloned().ok_or_else(missing)?);
    }
    parse_id(&text.join("/"), Path::root())
}
