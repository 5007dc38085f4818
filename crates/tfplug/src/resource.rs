//! Managed resources: objects that Terraform creates, changes and destroys.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use crate::call::{Call, Checkpoint};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Model;
use crate::path::Path;
use crate::schema::{Schema, Validator};
use crate::value::{CodecError, Type, Value, from_state_json};

/// A managed resource.
///
/// The laws of planning, which core enforces and this crate checks before core does:
/// what the configuration sets is in the plan as it stands; what a plan says is in the new state as it stands; only
/// what a plan left unknown may be anything.
#[async_trait]
pub trait Resource: Send + Sync + 'static {
    /// What [`Provider::configure`](crate::Provider::configure) makes.
    type Client: Send + Sync + 'static;
    /// Configuration, plan and state: one struct.
    type State: Model;
    /// What tells objects of this type apart for ever, each attribute required or optional for import; or
    /// [`NoIdentity`].
    type Identity: Model;

    /// The name in HCL, with the provider's prefix.
    fn type_name(&self) -> &'static str;

    /// Checks of the whole configuration, beside those of its attributes.
    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        Vec::new()
    }

    /// Checks that need the typed configuration. Unknowns may be in it; nothing outside may be asked.
    fn validate(&self, config: &Self::State, diagnostics: &mut Diagnostics) {
        let _ = (config, diagnostics);
    }

    /// Changes the plan of a create or an update, after defaults, unknowns and plan modifiers.
    ///
    /// # Errors
    /// The change cannot be made.
    async fn plan(&self, call: &Call<Self::Client>, change: &mut Change<Self::State>) -> Result<(), Diagnostics> {
        let _ = (call, change);
        Ok(())
    }

    /// Checks the plan of a destroy.
    ///
    /// # Errors
    /// The object must not be destroyed.
    async fn plan_delete(&self, call: &Call<Self::Client>, state: &Self::State) -> Result<(), Diagnostics> {
        let _ = (call, state);
        Ok(())
    }

    /// Makes the object. Save a checkpoint as soon as it has a name to be found by: whatever happens then, core is
    /// given at least that state.
    ///
    /// # Errors
    /// The object is not as planned. Core taints what the checkpoint holds; where the object can be mended in place,
    /// return its state and a warning instead.
    async fn create(&self, call: &Call<Self::Client>, create: Create<Self::State>) -> Result<Self::State, Diagnostics>;

    /// Reads the object. `None` only on proof that it is gone.
    ///
    /// # Errors
    /// The object could not be read.
    async fn read(&self, call: &Call<Self::Client>, state: Self::State) -> Result<Option<Self::State>, Diagnostics>;

    /// Changes the object.
    ///
    /// # Errors
    /// The object is not as planned; core keeps the checkpoint, or else the prior state.
    async fn update(&self, call: &Call<Self::Client>, update: Update<Self::State>) -> Result<Self::State, Diagnostics>;

    /// Destroys the object; that it is gone already is success.
    ///
    /// # Errors
    /// The object may exist still; core keeps the checkpoint, or else the prior state.
    async fn delete(&self, call: &Call<Self::Client>, delete: Delete<Self::State>) -> Result<(), Diagnostics>;

    /// The identity of an object, once its state says it.
    fn identity(&self, state: &Self::State) -> Option<Self::Identity> {
        let _ = state;
        None
    }

    /// Makes from an id or an identity a state that [`Resource::read`] can complete.
    ///
    /// # Errors
    /// The id is not one, or the resource cannot be imported.
    async fn import(
        &self,
        call: &Call<Self::Client>,
        id: ImportId<Self::Identity>,
    ) -> Result<Self::State, Diagnostics> {
        let _ = (call, id);
        Err(Diagnostic::error("Import is not supported", format!("{} cannot be imported.", self.type_name())).into())
    }

    /// Makes a state from one of another resource type, for `moved` blocks. `None`: that source is not known.
    ///
    /// # Errors
    /// The source is known and cannot be moved.
    async fn move_from(
        &self,
        call: &Call<Self::Client>,
        source: MoveSource,
    ) -> Result<Option<Self::State>, Diagnostics> {
        let _ = (call, source);
        Ok(None)
    }

    /// How states of older schema versions become states of this one: one upgrader for each.
    fn upgraders(&self) -> Vec<Upgrader<Self::State>> {
        Vec::new()
    }

    /// How identities of older versions become identities of this one: one upgrader for each.
    fn identity_upgraders(&self) -> Vec<Upgrader<Self::Identity>> {
        Vec::new()
    }

    /// Makes the configuration that `plan -generate-config-out` writes out of one that already lacks what only the
    /// provider sets, what is deprecated and what is write-only: here attributes that exclude each other are resolved.
    fn generate_config(&self, config: &mut Self::State) {
        let _ = config;
    }
}

/// A resource type without identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoIdentity;

impl Model for NoIdentity {
    fn schema() -> Schema {
        Schema::default()
    }

    fn from_value(_: Value, _: &Path) -> Result<Self, CodecError> {
        Ok(Self)
    }

    fn to_value(&self) -> Value {
        Value::Object([].into())
    }
}

/// A create or an update that is being planned.
#[derive(Clone, Debug)]
pub struct Change<S> {
    /// The configuration, with unknowns where it depends on what is not known yet.
    pub config: S,
    /// The state before; `None` in a create.
    pub prior: Option<S>,
    /// The plan, to change.
    pub plan: S,
    pub(crate) replace: Vec<Path>,
}

impl<S> Change<S> {
    /// Has the object replaced because of the attribute at this path.
    pub fn replace(&mut self, path: Path) {
        self.replace.push(path);
    }

    /// Whether something has asked for replacement so far.
    pub fn is_replacement(&self) -> bool {
        !self.replace.is_empty()
    }
}

/// A create to carry out.
#[derive(Clone, Debug)]
pub struct Create<S> {
    /// The configuration, wholly known; the only place that has write-only values.
    pub config: S,
    /// What was planned.
    pub plan: S,
    /// Where to leave the state reached so far.
    pub checkpoint: Checkpoint,
}

/// An update to carry out.
#[derive(Clone, Debug)]
pub struct Update<S> {
    /// The configuration, wholly known; the only place that has write-only values.
    pub config: S,
    /// The state before.
    pub prior: S,
    /// What was planned.
    pub plan: S,
    /// Where to leave the state reached so far.
    pub checkpoint: Checkpoint,
}

/// A destroy to carry out.
#[derive(Clone, Debug)]
pub struct Delete<S> {
    /// The state before.
    pub state: S,
    /// Where to leave the state reached so far.
    pub checkpoint: Checkpoint,
}

/// What a user names an object by that is to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportId<I> {
    /// One string.
    Id(String),
    /// The identity; what is optional for import may be null.
    Identity(I),
}

/// The state of another resource type that is to become one of this type.
#[derive(Clone, Debug)]
pub struct MoveSource {
    /// The address of the provider that wrote it, such as `registry.terraform.io/hashicorp/aws`.
    pub provider_address: String,
    /// Its resource type.
    pub type_name: String,
    /// Its schema version.
    pub schema_version: i64,
    /// The state, as it stands in the state file.
    pub state: serde_json::Value,
    /// The identity, where core sent one.
    pub identity: Option<serde_json::Value>,
}

/// From state JSON to a value of the current schema.
type Upgrade<S> = Box<dyn Fn(&[u8]) -> Result<S, Diagnostics> + Send + Sync>;

/// Makes a value of the current schema from one of an older version.
pub struct Upgrader<S> {
    pub(crate) version: i64,
    pub(crate) upgrade: Upgrade<S>,
}

impl<S> Upgrader<S> {
    /// Upgrades from `version`, whose schema is `Old`.
    pub fn new<Old: Model>(
        version: i64,
        upgrade: impl Fn(Old) -> Result<S, Diagnostics> + Send + Sync + 'static,
    ) -> Self {
        Self {
            version,
            upgrade: Box::new(move |json| {
                let value = from_state_json(json, &Old::schema().block.value_type()).map_err(unreadable)?;
                upgrade(Old::from_value(value, &Path::root()).map_err(unreadable)?)
            }),
        }
    }
}

fn unreadable(error: CodecError) -> Diagnostics {
    Diagnostic::error(
        "Unable to read the stored state",
        format!(
            "The state file holds a value that the schema of its version does not allow: {error}. \
                 If the file was edited by hand, restore it; otherwise please report a bug of the provider."
        ),
    )
    .at(error.path)
    .into()
}

/// A resource whose types are erased: values in, values out.
#[async_trait]
pub(crate) trait AnyResource<C>: Send + Sync {
    fn schema(&self) -> &Schema;
    fn state_type(&self) -> &Type;
    fn identity_schema(&self) -> Option<&Schema>;
    fn config_validators(&self) -> Vec<Arc<dyn Validator>>;
    fn validate(&self, config: Value, diagnostics: &mut Diagnostics);
    async fn plan(&self, call: &Call<C>, change: Change<Value>) -> Result<Change<Value>, Diagnostics>;
    async fn plan_delete(&self, call: &Call<C>, state: Value) -> Result<(), Diagnostics>;
    async fn create(&self, call: &Call<C>, create: Create<Value>) -> Result<Value, Diagnostics>;
    async fn read(&self, call: &Call<C>, state: Value) -> Result<Option<Value>, Diagnostics>;
    async fn update(&self, call: &Call<C>, update: Update<Value>) -> Result<Value, Diagnostics>;
    async fn delete(&self, call: &Call<C>, delete: Delete<Value>) -> Result<(), Diagnostics>;
    fn identity(&self, state: &Value) -> Result<Option<Value>, Diagnostics>;
    async fn import(&self, call: &Call<C>, id: ImportId<Value>) -> Result<Value, Diagnostics>;
    async fn move_from(&self, call: &Call<C>, source: MoveSource) -> Result<Option<Value>, Diagnostics>;
    fn upgrade(&self, version: i64, json: &[u8]) -> Result<Value, Diagnostics>;
    fn upgrade_identity(&self, version: i64, json: &[u8]) -> Result<Value, Diagnostics>;
    fn generate_config(&self, config: Value) -> Result<Value, Diagnostics>;
}

pub(crate) struct ErasedResource<R> {
    resource: R,
    schema: OnceLock<Schema>,
    state_type: OnceLock<Type>,
    identity_schema: OnceLock<Option<Schema>>,
}

impl<R> ErasedResource<R> {
    pub(crate) const fn new(resource: R) -> Self {
        Self { resource, schema: OnceLock::new(), state_type: OnceLock::new(), identity_schema: OnceLock::new() }
    }
}

/// Reads a model, turning what does not fit into a diagnostic with its path.
pub(crate) fn typed<M: Model>(value: Value) -> Result<M, Diagnostics> {
    M::from_value(value, &Path::root()).map_err(|error| {
        // Core shows the line of a nested attribute's resource only.
        let place = if error.path.is_root() { String::new() } else { format!("{}: ", error.path) };
        Diagnostic::error("Invalid value", format!("{place}{}.", error.message)).at(error.path).into()
    })
}

#[async_trait]
impl<R: Resource> AnyResource<R::Client> for ErasedResource<R> {
    fn schema(&self) -> &Schema {
        self.schema.get_or_init(R::State::schema)
    }

    fn state_type(&self) -> &Type {
        self.state_type.get_or_init(|| self.schema().block.value_type())
    }

    fn identity_schema(&self) -> Option<&Schema> {
        let schema = self.identity_schema.get_or_init(|| {
            let schema = R::Identity::schema();
            (!schema.block.attributes.is_empty()).then_some(schema)
        });
        schema.as_ref()
    }

    fn config_validators(&self) -> Vec<Arc<dyn Validator>> {
        self.resource.config_validators()
    }

    fn validate(&self, config: Value, diagnostics: &mut Diagnostics) {
        match typed(config) {
            Ok(config) => self.resource.validate(&config, diagnostics),
            Err(errors) => diagnostics.extend(errors),
        }
    }

    async fn plan(&self, call: &Call<R::Client>, change: Change<Value>) -> Result<Change<Value>, Diagnostics> {
        let mut change = Change {
            config: typed::<R::State>(change.config)?,
            prior: change.prior.map(typed).transpose()?,
            plan: typed(change.plan)?,
            replace: change.replace,
        };
        self.resource.plan(call, &mut change).await?;
        // Nobody reads the rest again, which may be large.
        Ok(Change { config: Value::Null, prior: None, plan: change.plan.to_value(), replace: change.replace })
    }

    async fn plan_delete(&self, call: &Call<R::Client>, state: Value) -> Result<(), Diagnostics> {
        self.resource.plan_delete(call, &typed(state)?).await
    }

    async fn create(&self, call: &Call<R::Client>, create: Create<Value>) -> Result<Value, Diagnostics> {
        let create = Create { config: typed(create.config)?, plan: typed(create.plan)?, checkpoint: create.checkpoint };
        Ok(self.resource.create(call, create).await?.to_value())
    }

    async fn read(&self, call: &Call<R::Client>, state: Value) -> Result<Option<Value>, Diagnostics> {
        Ok(self.resource.read(call, typed(state)?).await?.map(|state| state.to_value()))
    }

    async fn update(&self, call: &Call<R::Client>, update: Update<Value>) -> Result<Value, Diagnostics> {
        let update = Update {
            config: typed(update.config)?,
            prior: typed(update.prior)?,
            plan: typed(update.plan)?,
            checkpoint: update.checkpoint,
        };
        Ok(self.resource.update(call, update).await?.to_value())
    }

    async fn delete(&self, call: &Call<R::Client>, delete: Delete<Value>) -> Result<(), Diagnostics> {
        let delete = Delete { state: typed(delete.state)?, checkpoint: delete.checkpoint };
        self.resource.delete(call, delete).await
    }

    fn identity(&self, state: &Value) -> Result<Option<Value>, Diagnostics> {
        if self.identity_schema().is_none() || state.is_null() {
            return Ok(None);
        }
        Ok(self.resource.identity(&typed(state.clone())?).map(|identity| identity.to_value()))
    }

    async fn import(&self, call: &Call<R::Client>, id: ImportId<Value>) -> Result<Value, Diagnostics> {
        let id = match id {
            ImportId::Id(id) => ImportId::Id(id),
            ImportId::Identity(identity) => ImportId::Identity(typed(identity)?),
        };
        Ok(self.resource.import(call, id).await?.to_value())
    }

    async fn move_from(&self, call: &Call<R::Client>, source: MoveSource) -> Result<Option<Value>, Diagnostics> {
        Ok(self.resource.move_from(call, source).await?.map(|state| state.to_value()))
    }

    fn upgrade(&self, version: i64, json: &[u8]) -> Result<Value, Diagnostics> {
        if version == self.schema().version {
            return from_state_json(json, self.state_type()).map_err(unreadable);
        }
        upgraded(self.resource.type_name(), "state", version, json, &self.resource.upgraders())
    }

    fn upgrade_identity(&self, version: i64, json: &[u8]) -> Result<Value, Diagnostics> {
        match self.identity_schema() {
            Some(schema) if schema.version == version => {
                from_state_json(json, &schema.block.value_type()).map_err(unreadable)
            }
            _ => upgraded(self.resource.type_name(), "identity", version, json, &self.resource.identity_upgraders()),
        }
    }

    fn generate_config(&self, config: Value) -> Result<Value, Diagnostics> {
        let mut config = typed(config)?;
        self.resource.generate_config(&mut config);
        Ok(config.to_value())
    }
}

fn upgraded<S: Model>(
    type_name: &str,
    what: &str,
    version: i64,
    json: &[u8],
    upgraders: &[Upgrader<S>],
) -> Result<Value, Diagnostics> {
    let upgrader = upgraders.iter().find(|upgrader| upgrader.version == version).ok_or_else(|| {
        Diagnostic::error(
            format!("Unable to upgrade the {what} of {type_name}"),
            format!(
                "The stored {what} has version {version}, from which this version of the provider cannot upgrade. \
                 Apply once with a version of the provider that can, then go on with this one."
            ),
        )
    })?;
    Ok((upgrader.upgrade)(json)?.to_value())
}
