//! What is awkward: answers that have no form on the wire, panics after the work is done, blocks, values of any type,
//! sets within sets, computed values that depend on each other.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tfplug::proto::tfplugin6 as wire;
use tfplug::proto::tfplugin6::provider_server::Provider as _;
use tfplug::testing::{Core, Object};
use tfplug::value::{Type, from_msgpack, to_msgpack};
use tfplug::{
    Any, Attr, Call, Change, Configure, Configured, Create, DataSource, Delete, Diagnostic, Diagnostics,
    EphemeralResource, Function, FunctionError, GoDuration, ImportId, ListOf, Model, NoIdentity, Offers, Opened,
    Provider, Resource, Set, SetOf, Update, Value, async_trait,
};

/// A shelf.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Shelf {
    /// The name; it also says how handlers behave.
    #[attribute(required)]
    name: Attr<String>,
    /// Anything.
    #[attribute(optional)]
    label: Attr<Any>,
    /// What is found on it.
    #[attribute(computed)]
    finds: ListOf<Any>,
    /// Counts its changes.
    #[attribute(computed)]
    revision: Attr<i64>,
    /// Follows from the revision.
    #[attribute(computed, change = depends_on("revision"))]
    etag: Attr<String>,
    /// Follows from the etag.
    #[attribute(computed, change = depends_on("etag"))]
    link: Attr<String>,
    /// Boxes.
    #[attribute(optional)]
    boxes: SetOf<Carton>,
    /// Checks, in no order.
    #[attribute(optional)]
    checks: SetOf<Check>,
    /// Rules.
    #[block]
    rule: ListOf<Rule>,
    /// A password.
    #[block]
    lock: Attr<Lock>,
}

/// A box.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Carton {
    /// Its colour.
    #[attribute(required)]
    colour: Attr<String>,
    /// What is in it.
    #[attribute(optional)]
    things: SetOf<Thing>,
}

/// A thing.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Thing {
    /// Its number.
    #[attribute(required)]
    number: Attr<i64>,
    /// Its size.
    #[attribute(optional, computed, default = "small")]
    size: Attr<String>,
    /// Its id.
    #[attribute(computed, change = never)]
    id: Attr<String>,
}

/// A check.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Check {
    /// How often.
    #[attribute(required)]
    every: Attr<GoDuration>,
    /// Its id.
    #[attribute(computed, change = never)]
    id: Attr<String>,
    /// Follows from the shelf's revision.
    #[attribute(computed, change = depends_on("revision"))]
    seen: Attr<String>,
    /// Follows from `seen`.
    #[attribute(computed, change = depends_on(".seen"))]
    badge: Attr<String>,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Rule {
    /// The port.
    #[attribute(required, validate = [at_least(1)])]
    port: Attr<i64>,
    /// The protocol.
    #[attribute(optional, computed, default = "tcp")]
    protocol: Attr<String>,
    /// Its sources.
    #[block]
    source: ListOf<Source>,
}

/// A source.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Source {
    /// The address.
    #[attribute(required)]
    cidr: Attr<String>,
    /// Whether it is in use.
    #[attribute(computed)]
    used: Attr<bool>,
}

/// A lock.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Lock {
    /// What opens it.
    #[attribute(optional, write_only)]
    code_wo: Attr<String>,
    /// The code's version.
    #[attribute(optional)]
    code_version: Attr<i64>,
}

/// The identity.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct ShelfIdentity {
    /// The name.
    #[attribute(required)]
    name: Attr<String>,
}

struct Shelves;

fn name(shelf: &Shelf) -> &str {
    shelf.name.known().map_or("", String::as_str)
}

fn text(value: &str) -> Attr<Any> {
    Attr::Known(Any(tfplug::value::Dynamic { kind: Type::String, value: value.into() }))
}

fn number(value: i64) -> Attr<Any> {
    Attr::Known(Any(tfplug::value::Dynamic { kind: Type::Number, value: value.into() }))
}

fn changed<T: Default>(set: &mut Set<T>, change: impl Fn(T) -> T) -> Set<T> {
    std::mem::take(set).into_iter().map(|element| element.map(&change)).collect()
}

/// Fills in what is left unknown.
fn made(mut shelf: Shelf, revision: i64) -> Shelf {
    shelf.revision = revision.into();
    if shelf.etag.is_unknown() {
        shelf.etag = format!("etag {revision}").into();
    }
    if shelf.link.is_unknown() {
        shelf.link = format!("link {revision}").into();
    }
    if shelf.finds.is_unknown() {
        shelf.finds = Attr::Known(vec![text("a"), text("b")]);
    }
    if let Attr::Known(boxes) = &mut shelf.boxes {
        *boxes = changed(boxes, |mut carton: Carton| {
            if let Attr::Known(things) = &mut carton.things {
                *things = changed(things, |mut thing: Thing| {
                    if thing.id.is_unknown() {
                        thing.id = format!("thing-{}", thing.number.known().unwrap()).into();
                    }
                    thing
                });
            }
            carton
        });
    }
    if let Attr::Known(checks) = &mut shelf.checks {
        *checks = changed(checks, |mut check: Check| {
            if check.id.is_unknown() {
                check.id = format!("check {}", check.every.known().unwrap()).into();
            }
            for text in [&mut check.seen, &mut check.badge] {
                if text.is_unknown() {
                    *text = format!("revision {revision}").into();
                }
            }
            check
        });
    }
    for rule in shelf.rule.known_mut().into_iter().flatten().filter_map(Attr::known_mut) {
        for source in rule.source.known_mut().into_iter().flatten().filter_map(Attr::known_mut) {
            if source.used.is_unknown() {
                source.used = true.into();
            }
        }
    }
    shelf
}

#[async_trait]
impl Resource for Shelves {
    type Client = Open;
    type State = Shelf;
    type Identity = ShelfIdentity;

    fn type_name(&self) -> &'static str {
        "odd_shelf"
    }

    async fn plan(&self, call: &Call<Open>, change: &mut Change<Shelf>) -> Result<(), Diagnostics> {
        match name(&change.config) {
            "slow plan" => std::future::pending().await,
            "warn and fail" => {
                call.warn(Diagnostic::warning("Nearly full", "Think of another shelf."));
                Err(Diagnostic::error("Full", "Use another shelf.").into())
            }
            "meddles with a set" => {
                let check = Check {
                    every: "2m".parse::<GoDuration>().ok().into(),
                    id: Attr::unknown(),
                    seen: Attr::unknown(),
                    badge: Attr::unknown(),
                };
                change.plan.checks = Attr::Known([check].into_iter().collect());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn create(&self, _: &Call<Open>, create: Create<Shelf>) -> Result<Shelf, Diagnostics> {
        let mut shelf = made(create.plan, 1);
        match name(&shelf) {
            "mixed" => shelf.finds = Attr::Known(vec![text("a"), number(1)]),
            "mixed after a checkpoint" => {
                create.checkpoint.save(&shelf);
                shelf.finds = Attr::Known(vec![text("a"), number(1)]);
            }
            _ => {}
        }
        Ok(shelf)
    }

    async fn read(&self, _: &Call<Open>, mut state: Shelf) -> Result<Option<Shelf>, Diagnostics> {
        if name(&state) == "slow read" {
            return std::future::pending().await;
        }
        if let Attr::Known(checks) = &mut state.checks {
            // The server has its own spelling.
            *checks = changed(checks, |check: Check| Check { every: in_seconds(&check.every), ..check });
        }
        Ok(Some(state))
    }

    async fn update(&self, _: &Call<Open>, update: Update<Shelf>) -> Result<Shelf, Diagnostics> {
        let revision = update.prior.revision.known().unwrap() + 1;
        Ok(made(update.plan, revision))
    }

    async fn delete(&self, _: &Call<Open>, _: Delete<Shelf>) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn identity(&self, state: &Shelf) -> Option<ShelfIdentity> {
        assert_ne!(name(state), "no identity", "there is none");
        Some(ShelfIdentity { name: state.name.clone() })
    }

    async fn import(&self, _: &Call<Open>, _: ImportId<ShelfIdentity>) -> Result<Shelf, Diagnostics> {
        Ok(Shelf { name: "imported".into(), revision: 1.into(), ..Shelf::default() })
    }
}

fn in_seconds(duration: &Attr<GoDuration>) -> Attr<GoDuration> {
    let seconds = duration.known().unwrap().duration().as_secs();
    Attr::Known(format!("{seconds}s").parse().unwrap())
}

/// A look.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Look {
    /// Where.
    #[attribute(optional, computed, default = "everywhere")]
    at: Attr<String>,
    /// What is seen.
    #[attribute(computed)]
    seen: Attr<String>,
}

struct Looks;

#[async_trait]
impl DataSource for Looks {
    type Client = Open;
    type State = Look;

    fn type_name(&self) -> &'static str {
        "odd_look"
    }

    async fn read(&self, _: &Call<Open>, config: Look) -> Result<Look, Diagnostics> {
        Ok(Look { seen: config.at.clone(), ..config })
    }
}

#[async_trait]
impl EphemeralResource for Looks {
    type Client = Open;
    type State = Look;

    fn type_name(&self) -> &'static str {
        "odd_look"
    }

    async fn open(&self, call: &Call<Open>, config: Look) -> Result<Opened<Look>, Diagnostics> {
        call.client()?.fetch_add(1, Ordering::SeqCst);
        let seen = if config.at == Attr::Known("nowhere".to_owned()) { Attr::unknown() } else { config.at.clone() };
        Ok(Opened { result: Look { seen, ..config }, renew_at: None })
    }

    async fn close(&self, call: &Call<Open>) -> Result<(), Diagnostics> {
        call.client()?.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct CountArguments {
    /// What to begin with.
    #[attribute(required)]
    a: Attr<String>,
    /// What to count.
    #[attribute(optional)]
    ab: ListOf<i64>,
}

struct Count;

impl Function for Count {
    type Arguments = CountArguments;
    type Output = i64;

    fn name(&self) -> &'static str {
        "count"
    }

    fn summary(&self) -> &'static str {
        "Counts"
    }

    fn is_variadic(&self) -> bool {
        true
    }

    fn call(&self, arguments: CountArguments) -> Result<i64, FunctionError> {
        Ok(arguments.ab.known().into_iter().flatten().filter_map(Attr::known).sum())
    }
}

/// The provider.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Config {
    /// The house.
    #[attribute(optional)]
    house: Attr<String>,
}

/// How many looks are open.
type Open = Arc<AtomicUsize>;

struct Odd(Open);

#[async_trait]
impl Provider for Odd {
    type Config = Config;
    type Client = Open;

    fn offers(&self, offers: &mut Offers<Open>) {
        offers.resource(Shelves).data_source(Looks).ephemeral_resource(Looks).function(Count);
    }

    async fn configure(&self, _: Configure, config: Config) -> Result<Configured<Open>, Diagnostics> {
        Ok(Configured { deferred: config.house.is_unknown(), ..Configured::new(Arc::clone(&self.0)) })
    }
}

async fn core() -> Core<Odd> {
    let core = Core::new(Odd(Arc::default()));
    assert!(core.configure(json!({})).await.is_empty());
    core
}

async fn create(core: &Core<Odd>, config: serde_json::Value) -> Object {
    let plan = core.plan("odd_shelf", None, config).await.expect_success();
    core.apply(plan).await.expect_object()
}

fn at<'v>(value: &'v Value, names: &[&str]) -> &'v Value {
    names.iter().fold(value, |value, name| match value {
        Value::List(elements) => &elements[name.parse::<usize>().unwrap()],
        value => value.get(name).unwrap_or_else(|| panic!("no {name} in {value:?}")),
    })
}

#[tokio::test]
async fn a_state_without_a_form_on_the_wire_loses_no_object() {
    let core = core().await;
    for (name, etag) in [("mixed", Value::Null), ("mixed after a checkpoint", "etag 1".into())] {
        let plan = core.plan("odd_shelf", None, json!({ "name": name })).await.expect_success();
        let applied = core.apply(plan).await;
        assert!(applied.is_error(), "{name}");
        assert!(applied.messages[0].path.starts_with("finds"), "{:?}", applied.messages);
        let object = applied.object.unwrap_or_else(|| panic!("{name}: the object is lost"));
        assert_eq!(at(&object.state, &["name"]), &name.into());
        assert_eq!(at(&object.state, &["etag"]), &etag, "the checkpoint is better than the plan");
    }
}

#[tokio::test]
async fn a_panic_after_the_work_loses_no_object() {
    let core = core().await;
    let plan = core.plan("odd_shelf", None, json!({ "name": "no identity" })).await.expect_success();
    let applied = core.apply(plan).await;
    assert!(applied.is_error());
    assert!(applied.messages[0].detail.contains("there is none"), "{:?}", applied.messages);
    assert_eq!(at(&applied.object.unwrap().state, &["etag"]), &"etag 1".into());
}

#[tokio::test]
async fn reading_and_planning_end_with_an_interrupt() {
    tokio::time::pause();
    let core = core().await;
    let mut object = create(&core, json!({ "name": "a" })).await;
    *object.state.get_mut("name").unwrap() = "slow read".into();
    let stopping = async {
        tokio::task::yield_now().await;
        core.stop().await;
    };
    let (read, ()) =
        tokio::join!(tokio::time::timeout(Duration::from_secs(5), core.refresh("odd_shelf", &object)), stopping);
    assert!(read.unwrap().is_error());
    let stopping = async {
        tokio::task::yield_now().await;
        core.stop().await;
    };
    let planning = core.plan("odd_shelf", None, json!({ "name": "slow plan" }));
    let (plan, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(5), planning), stopping);
    assert!(plan.unwrap().messages[0].is_error);
}

#[tokio::test]
async fn warnings_come_with_errors() {
    let plan = core().await.plan("odd_shelf", None, json!({ "name": "warn and fail" })).await;
    let summaries: Vec<&str> = plan.messages.iter().map(|message| &*message.summary).collect();
    assert_eq!(summaries, ["Nearly full", "Full"]);
}

#[tokio::test]
async fn what_depends_on_an_unknown_is_unknown() {
    let core = core().await;
    let object = create(&core, json!({ "name": "a" })).await;
    let plan = core.plan("odd_shelf", Some(&object), json!({ "name": "b" })).await.expect_success();
    for name in ["revision", "etag", "link"] {
        assert!(at(&plan.state, &[name]).is_unknown(), "{name}");
    }
    let object = core.apply(plan).await.expect_object();
    assert_eq!(at(&object.state, &["link"]), &"link 2".into());
}

#[tokio::test]
async fn elements_of_sets_depend_on_their_own_siblings() {
    let core = core().await;
    let config = |name: &str| json!({ "name": name, "checks": [{ "every": "1m" }, { "every": "2m" }] });
    let object = create(&core, config("a")).await;
    assert!(core.plan("odd_shelf", Some(&object), config("a")).await.is_empty());
    let plan = core.plan("odd_shelf", Some(&object), config("b")).await.expect_success();
    let Value::Set(checks) = at(&plan.state, &["checks"]) else { panic!("no set") };
    for check in checks.iter() {
        assert!(!at(check, &["id"]).is_unknown() && at(check, &["seen"]).is_unknown(), "{check:?}");
        assert!(at(check, &["badge"]).is_unknown(), "{check:?}");
    }
    core.apply(plan).await.expect_object();
}

#[tokio::test]
async fn a_null_keeps_its_type() {
    let core = core().await;
    let Type::Object(kind) = core.resource_type("odd_shelf") else { panic!("no object") };
    let mut config = Value::object_of_nulls(&kind);
    *config.get_mut("name").unwrap() = "a".into();
    *config.get_mut("rule").unwrap() = Value::list([]);
    *config.get_mut("label").unwrap() = Value::dynamic(Type::String, Value::Null);
    let plan = core.plan("odd_shelf", None, config.clone()).await.expect_success();
    assert_eq!(at(&plan.state, &["label"]), at(&config, &["label"]));
    let object = core.apply(plan).await.expect_object();
    assert!(core.plan("odd_shelf", Some(&object), config).await.is_empty());
}

#[tokio::test]
async fn blocks_plan_at_any_depth() {
    let core = core().await;
    let config = json!({
        "name": "a",
        "rule": [{ "port": 1, "source": [{ "cidr": "x" }, { "cidr": "y" }] }, { "port": 2, "protocol": "udp", "source": [] }],
        "lock": { "code_wo": "secret", "code_version": 1 },
    });
    let plan = core.plan("odd_shelf", None, config.clone()).await.expect_success();
    assert_eq!(at(&plan.state, &["rule", "0", "protocol"]), &"tcp".into());
    assert!(at(&plan.state, &["rule", "0", "source", "1", "used"]).is_unknown());
    assert!(at(&plan.state, &["lock", "code_wo"]).is_null());
    let object = core.apply(plan).await.expect_object();
    assert!(at(&object.state, &["lock", "code_wo"]).is_null());
    assert_eq!(at(&object.state, &["rule", "1", "source"]), &Value::list([]));
    assert!(core.plan("odd_shelf", Some(&object), config).await.is_empty());

    let wrong = json!({ "name": "a", "rule": [{ "port": 0, "source": [] }] });
    assert_eq!(core.validate("odd_shelf", wrong).await[0].path, "rule[0].port");

    // What a dynamic block has is not known yet.
    let mut config = object.state.clone();
    *config.get_mut("rule").unwrap() = Value::unknown();
    for name in ["finds", "revision", "etag", "link"] {
        *config.get_mut(name).unwrap() = Value::Null;
    }
    let plan = core.plan("odd_shelf", Some(&object), config).await.expect_success();
    assert!(at(&plan.state, &["rule"]).is_unknown());
}

#[tokio::test]
async fn blocks_that_an_older_state_lacks_are_empty() {
    let core = core().await;
    let request = wire::upgrade_resource_state::Request {
        type_name: "odd_shelf".to_owned(),
        version: 0,
        raw_state: Some(wire::RawState { json: r#"{"name":"a","gone":1}"#.into(), flatmap: Default::default() }),
    };
    let response = core.server().upgrade_resource_state(tonic::Request::new(request)).await.unwrap().into_inner();
    let kind = core.resource_type("odd_shelf");
    let state = from_msgpack(&response.upgraded_state.unwrap().msgpack, &kind).unwrap();
    assert_eq!(at(&state, &["rule"]), &Value::list([]));
    assert!(at(&state, &["lock"]).is_null());
}

#[tokio::test]
async fn sets_within_sets_keep_what_the_provider_gave() {
    let core = core().await;
    let config = |size: i64| {
        let things: Vec<_> = (0..size).map(|number| json!({ "number": number })).collect();
        json!({ "name": "a", "boxes": [{ "colour": "red", "things": things }, { "colour": "blue", "things": things }] })
    };
    let object = create(&core, config(3)).await;
    let plan = core.plan("odd_shelf", Some(&object), config(3)).await;
    assert_eq!(plan.state, object.state, "{:?}", plan.messages);
    // Ten thousand elements within one: a copy of the outer one in each path would take minutes.
    let messages = tokio::time::timeout(Duration::from_secs(60), core.validate("odd_shelf", config(10_000))).await;
    assert!(messages.unwrap().is_empty());
}

#[tokio::test]
async fn spellings_in_the_objects_of_a_set_are_no_change() {
    let core = core().await;
    let checks =
        |spellings: [&str; 2]| json!({ "name": "a", "checks": spellings.map(|every| json!({ "every": every })) });
    let object = create(&core, checks(["1m", "1h"])).await;
    let read = core.refresh("odd_shelf", &object).await.expect_object();
    assert_eq!(read.state, object.state, "the state keeps its spelling");
    assert!(core.plan("odd_shelf", Some(&object), checks(["60m", "60s"])).await.is_empty());
    let plan = core.plan("odd_shelf", Some(&object), checks(["60m", "61s"])).await.expect_success();
    let Value::Set(planned) = at(&plan.state, &["checks"]) else { panic!("no set") };
    assert_eq!(planned.iter().filter(|check| at(check, &["id"]).is_unknown()).count(), 1);
}

#[tokio::test]
async fn a_plan_that_changes_what_a_set_was_configured_with_is_refused() {
    let config = json!({ "name": "meddles with a set", "checks": [{ "every": "1m" }] });
    let plan = core().await.plan("odd_shelf", None, config).await;
    assert_eq!(plan.messages[0].path, "checks", "{:?}", plan.messages);
}

#[tokio::test]
async fn data_sources_and_ephemeral_resources_have_defaults() {
    let core = core().await;
    let (look, messages) = core.read_data("odd_look", json!({})).await;
    assert!(messages.is_empty(), "{messages:?}");
    assert_eq!(at(&look, &["seen"]), &"everywhere".into());
    let (look, ..) = core.open("odd_look", json!({})).await;
    assert_eq!(at(&look, &["seen"]), &"everywhere".into());
}

#[tokio::test]
async fn what_core_refuses_to_open_is_closed() {
    let open = Open::default();
    let core = Core::new(Odd(Arc::clone(&open)));
    core.configure(json!({})).await;
    let (_, _, _, messages) = core.open("odd_look", json!({ "at": "nowhere" })).await;
    assert_eq!(messages[0].path, "seen", "{messages:?}");
    assert_eq!(open.load(Ordering::SeqCst), 0);
    let (_, private, ..) = core.open("odd_look", json!({ "at": "here" })).await;
    assert_eq!(open.load(Ordering::SeqCst), 1);
    assert!(core.close("odd_look", private).await.is_empty());
    assert_eq!(open.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_deferred_provider_plans_and_imports_nothing() {
    let core = Core::new(Odd(Arc::default())).with_deferral();
    core.configure(Value::object([("house", Value::unknown())])).await;
    let plan = core.plan("odd_shelf", None, json!({ "name": "warn and fail" })).await.expect_success();
    assert!(plan.is_deferred);
    let request = wire::import_resource_state::Request {
        type_name: "odd_shelf".to_owned(),
        id: "x".to_owned(),
        client_capabilities: Some(wire::ClientCapabilities { deferral_allowed: true, ..Default::default() }),
        ..Default::default()
    };
    let response = core.server().import_resource_state(tonic::Request::new(request)).await.unwrap().into_inner();
    assert!(response.deferred.is_some() && response.diagnostics.is_empty());
    assert_eq!(response.imported_resources.len(), 1);
}

#[tokio::test]
async fn the_identity_of_what_is_made_anew_is_not_planned() {
    let core = core().await;
    let kind = core.resource_type("odd_shelf");
    let Type::Object(object) = &kind else { panic!("no object") };
    let mut config = Value::object_of_nulls(object);
    *config.get_mut("name").unwrap() = "a".into();
    *config.get_mut("rule").unwrap() = Value::list([]);
    let dynamic = |value: &Value, kind: &Type| {
        Some(wire::DynamicValue { msgpack: to_msgpack(value, kind).unwrap().into(), json: Default::default() })
    };
    let identity = Type::object([("name", Type::String)]);
    // As for an object that is tainted: planned as a create, with the identity of the old one.
    let request = wire::plan_resource_change::Request {
        type_name: "odd_shelf".to_owned(),
        prior_state: dynamic(&Value::Null, &kind),
        proposed_new_state: dynamic(&config, &kind),
        config: dynamic(&config, &kind),
        prior_identity: Some(wire::ResourceIdentityData {
            identity_data: dynamic(&Value::object([("name", "old".into())]), &identity),
        }),
        ..Default::default()
    };
    let response = core.server().plan_resource_change(tonic::Request::new(request)).await.unwrap().into_inner();
    assert_eq!(response.planned_identity, None);
}

#[tokio::test]
async fn a_function_s_error_names_the_argument() {
    let core = core().await;
    let argument = |value: Value, kind: &Type| wire::DynamicValue {
        msgpack: to_msgpack(&value, kind).unwrap().into(),
        json: Default::default(),
    };
    let half = Value::Number("0.5".parse().unwrap());
    let arguments =
        vec![argument("x".into(), &Type::String), argument(1.into(), &Type::Number), argument(half, &Type::Number)];
    let request = wire::call_function::Request { name: "count".to_owned(), arguments };
    let response = core.server().call_function(tonic::Request::new(request)).await.unwrap().into_inner();
    assert_eq!(response.error.unwrap().function_argument, Some(2));
}

/// A schema that core would not take.
#[derive(Clone, Debug, PartialEq)]
struct Novel;

impl Model for Novel {
    fn schema() -> tfplug::schema::Schema {
        let mut schema = <NoIdentity as Model>::schema();
        schema.block.description = "x".repeat(65 << 20).into();
        schema
    }

    fn from_value(_: Value, _: &tfplug::Path) -> Result<Self, tfplug::value::CodecError> {
        Ok(Self)
    }

    fn to_value(&self) -> Value {
        Value::Object([].into())
    }
}

struct Wordy;

#[async_trait]
impl Provider for Wordy {
    type Config = Novel;
    type Client = ();

    fn offers(&self, _: &mut Offers<()>) {}

    async fn configure(&self, _: Configure, _: Novel) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::new(()))
    }
}

#[tokio::test]
async fn schemas_beyond_what_core_takes_are_an_error() {
    let core = Core::new(Wordy);
    let request = tonic::Request::new(wire::get_provider_schema::Request {});
    let response = core.server().get_provider_schema(request).await.unwrap().into_inner();
    assert_eq!(response.diagnostics[0].summary, "The schemas are too large");
}
