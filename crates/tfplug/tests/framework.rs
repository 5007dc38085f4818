//! The framework through the stand-in of core: plans, applies, and what is left when handlers fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tfplug::proto::tfplugin6 as wire;
use tfplug::proto::tfplugin6::provider_server::Provider as _;
use tfplug::testing::{Core, Object};
use tfplug::{
    Attr, Call, Change, Configure, Configured, Create, DataSource, DeferReason, Delete, Diagnostic, Diagnostics,
    EphemeralResource, Function, FunctionError, GoDuration, ImportId, ListOf, MapOf, Model, MoveSource, NoIdentity,
    Offers, Opened, Path, Provider, Resource, SetOf, Update, Upgrader, Value, async_trait,
};

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Rule {
    /// The port.
    #[attribute(required)]
    port: Attr<i64>,
    /// The protocol.
    #[attribute(optional, computed, default = "tcp")]
    protocol: Attr<String>,
    /// The id that the server gives.
    #[attribute(computed, change = never)]
    id: Attr<String>,
}

/// A pool.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Pool {
    /// The size.
    #[attribute(required)]
    size: Attr<i64>,
    /// The zone, for good.
    #[attribute(optional, requires_replace)]
    zone: Attr<String>,
    /// The state of the pool.
    #[attribute(computed, change = depends_on(".size"))]
    status: Attr<String>,
}

/// A thing.
#[derive(Clone, Debug, Default, PartialEq, Model)]
#[model(version = 2)]
struct Thing {
    /// The name; it also says how handlers behave.
    #[attribute(required, requires_replace)]
    name: Attr<String>,
    /// Anything.
    #[attribute(optional)]
    note: Attr<String>,
    /// A secret.
    #[attribute(optional, write_only, sensitive)]
    secret_wo: Attr<String>,
    /// How long to wait.
    #[attribute(optional)]
    patience: Attr<GoDuration>,
    /// Steps of waiting.
    #[attribute(optional)]
    waits: ListOf<GoDuration>,
    /// A number of any size.
    #[attribute(optional)]
    weight: Attr<tfplug::Number>,
    /// Rules, in no order.
    #[attribute(optional)]
    rules: SetOf<Rule>,
    /// Pools by name.
    #[attribute(optional)]
    pools: MapOf<Pool>,
    /// The id.
    #[attribute(computed, not_null, change = never)]
    id: Attr<String>,
    /// How often it was changed.
    #[attribute(computed)]
    changes: Attr<i64>,
}

/// The identity.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct ThingIdentity {
    /// The id.
    #[attribute(required)]
    id: Attr<String>,
}

/// The thing of schema version 1.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct ThingV1 {
    /// What became the name.
    #[attribute(required)]
    title: Attr<String>,
}

struct Things;

fn name(thing: &Thing) -> &str {
    thing.name.known().map_or("", String::as_str)
}

/// Fills in what the server would.
fn made(mut thing: Thing, changes: i64) -> Thing {
    thing.id = format!("id-{}", name(&thing)).into();
    thing.changes = changes.into();
    if let Attr::Known(rules) = &mut thing.rules {
        let numbered = rules.iter().cloned().map(|rule| {
            rule.map(|mut rule| {
                if rule.id.is_unknown() {
                    rule.id = format!("rule-{}", rule.port.known().unwrap()).into();
                }
                rule
            })
        });
        *rules = numbered.collect();
    }
    if let Attr::Known(pools) = &mut thing.pools {
        for pool in pools.values_mut().filter_map(Attr::known_mut) {
            if pool.status.is_unknown() {
                pool.status = format!("size {}", pool.size.known().unwrap()).into();
            }
        }
    }
    thing
}

#[async_trait]
impl Resource for Things {
    type Client = String;
    type State = Thing;
    type Identity = ThingIdentity;

    fn type_name(&self) -> &'static str {
        "test_thing"
    }

    fn validate(&self, config: &Thing, diagnostics: &mut Diagnostics) {
        if config.name == Attr::Known("forbidden".to_owned()) {
            diagnostics.error_at(Path::root().attribute("name"), "Forbidden name", "Use another.");
        }
    }

    async fn plan(&self, call: &Call<String>, change: &mut Change<Thing>) -> Result<(), Diagnostics> {
        call.private().set("planned", &true);
        match name(&change.config) {
            "wait" => call.defer(DeferReason::AbsentPrerequisite),
            "contradict" => change.plan.note = "not what was configured".into(),
            "panic in plan" => panic!("no plan for {}", name(&change.config)),
            _ => {}
        }
        Ok(())
    }

    async fn plan_delete(&self, _: &Call<String>, state: &Thing) -> Result<(), Diagnostics> {
        match state.note.known().map(String::as_str) {
            Some("keep") => Err(Diagnostic::error("Kept", "Change the note first.").into()),
            _ => Ok(()),
        }
    }

    async fn create(&self, call: &Call<String>, create: Create<Thing>) -> Result<Thing, Diagnostics> {
        assert_eq!(call.private().get::<bool>("planned"), Some(true));
        let thing = made(create.plan.clone(), 0);
        match name(&thing) {
            "early failure" => Err(Diagnostic::error("Refused", "Nothing was made.").into()),
            "late failure" => {
                create.checkpoint.save(&Thing { id: "half".into(), ..create.plan });
                Err(Diagnostic::error("Broken", "It exists.").into())
            }
            "panic" => {
                create.checkpoint.save(&Thing { id: "half".into(), ..create.plan });
                panic!("out of things")
            }
            "hang" => {
                create.checkpoint.save(&Thing { id: "half".into(), ..create.plan });
                std::future::pending().await
            }
            "stoppable" => {
                call.cancelled().cancelled().await;
                call.warn(Diagnostic::warning("Not ready", "It goes on by itself."));
                Ok(thing)
            }
            "inconsistent" => Ok(Thing { note: "changed".into(), ..thing }),
            "leaks" => Ok(Thing { secret_wo: create.config.secret_wo, ..thing }),
            _ => Ok(thing),
        }
    }

    async fn read(&self, _: &Call<String>, mut state: Thing) -> Result<Option<Thing>, Diagnostics> {
        match name(&state) {
            "gone" => return Ok(None),
            "patient" => state.patience = "60m".parse::<GoDuration>().ok().into(),
            "other identity" => state.id = "another".into(),
            _ => {}
        }
        if state.name.is_null() {
            state.name = "imported".into();
            state.changes = 0.into();
        }
        Ok(Some(state))
    }

    async fn update(&self, _: &Call<String>, update: Update<Thing>) -> Result<Thing, Diagnostics> {
        if update.plan.note == Attr::Known("fail".to_owned()) {
            return Err(Diagnostic::error("Unable to update", "Nothing changed.").into());
        }
        let id = update.plan.id.clone();
        let changes = update.prior.changes.known().unwrap() + 1;
        Ok(Thing { id, ..made(update.plan, changes) })
    }

    async fn delete(&self, _: &Call<String>, _: Delete<Thing>) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn identity(&self, state: &Thing) -> Option<ThingIdentity> {
        Some(ThingIdentity { id: state.id.clone() })
    }

    async fn import(&self, _: &Call<String>, id: ImportId<ThingIdentity>) -> Result<Thing, Diagnostics> {
        let id = match id {
            ImportId::Id(id) => id.into(),
            ImportId::Identity(identity) => identity.id,
        };
        Ok(Thing { id, ..Thing::default() })
    }

    async fn move_from(&self, _: &Call<String>, source: MoveSource) -> Result<Option<Thing>, Diagnostics> {
        let name = source.state.get("label").and_then(|label| label.as_str());
        Ok((source.type_name == "other_thing")
            .then(|| Thing { name: name.map(str::to_owned).into(), ..Thing::default() }))
    }

    fn upgraders(&self) -> Vec<Upgrader<Thing>> {
        vec![Upgrader::new(1, |old: ThingV1| Ok(Thing { name: old.title, ..Thing::default() }))]
    }
}

/// An echo.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Echo {
    /// What to say.
    #[attribute(required)]
    say: Attr<String>,
    /// What comes back.
    #[attribute(computed)]
    heard: Attr<String>,
}

struct Echoes;

#[async_trait]
impl DataSource for Echoes {
    type Client = String;
    type State = Echo;

    fn type_name(&self) -> &'static str {
        "test_echo"
    }

    async fn read(&self, call: &Call<String>, config: Echo) -> Result<Echo, Diagnostics> {
        let heard = format!("{} {}", call.client()?, config.say.known().unwrap());
        Ok(Echo { heard: heard.into(), ..config })
    }
}

#[async_trait]
impl EphemeralResource for Echoes {
    type Client = String;
    type State = Echo;

    fn type_name(&self) -> &'static str {
        "test_echo"
    }

    async fn open(&self, call: &Call<String>, config: Echo) -> Result<Opened<Echo>, Diagnostics> {
        call.private().set("renewals", &0);
        let heard = config.say.clone();
        Ok(Opened { result: Echo { heard, ..config }, renew_at: Some(renewal(0)) })
    }

    async fn renew(&self, call: &Call<String>) -> Result<Option<SystemTime>, Diagnostics> {
        let renewals = call.private().get::<u64>("renewals").unwrap_or_default() + 1;
        call.private().set("renewals", &renewals);
        Ok(Some(renewal(renewals)))
    }
}

fn renewal(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + number)
}

/// Joins words.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct JoinArguments {
    /// What goes between.
    #[attribute(required)]
    separator: Attr<String>,
    /// The words.
    #[attribute(optional)]
    words: ListOf<String>,
}

struct Join;

impl Function for Join {
    type Arguments = JoinArguments;
    type Output = String;

    fn name(&self) -> &'static str {
        "join"
    }

    fn summary(&self) -> &'static str {
        "Joins words"
    }

    fn is_variadic(&self) -> bool {
        true
    }

    fn call(&self, arguments: JoinArguments) -> Result<String, FunctionError> {
        let words = arguments.words.into_known().unwrap_or_default();
        let words: Vec<String> = words.into_iter().filter_map(Attr::into_known).collect();
        if let Some(at) = words.iter().position(String::is_empty) {
            return Err(FunctionError::argument(at + 1, "a word is empty"));
        }
        Ok(words.join(arguments.separator.known().unwrap()))
    }
}

/// The provider.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Config {
    /// How to greet.
    #[attribute(optional)]
    greeting: Attr<String>,
}

struct TestProvider;

#[async_trait]
impl Provider for TestProvider {
    type Config = Config;
    type Client = String;

    fn offers(&self, offers: &mut Offers<String>) {
        offers.resource(Things).data_source(Echoes).ephemeral_resource(Echoes).function(Join);
    }

    async fn configure(&self, _: Configure, config: Config) -> Result<Configured<String>, Diagnostics> {
        let deferred = config.greeting.is_unknown();
        Ok(Configured {
            deferred,
            ..Configured::new(config.greeting.into_known().unwrap_or_else(|| "hello".to_owned()))
        })
    }
}

async fn core() -> Core<TestProvider> {
    let core = Core::new(TestProvider);
    assert!(core.configure(json!({})).await.is_empty());
    core
}

async fn create(core: &Core<TestProvider>, config: serde_json::Value) -> Object {
    let plan = core.plan("test_thing", None, config).await.expect_success();
    core.apply(plan).await.expect_object()
}

fn text<'v>(object: &'v Object, name: &str) -> Option<&'v str> {
    object.state.get(name).and_then(Value::as_str)
}

#[tokio::test]
async fn what_can_not_change_stays_known() {
    let core = core().await;
    let config = json!({ "name": "a", "note": "x", "pools": { "one": { "size": 1 }, "two": { "size": 1 } } });
    let object = create(&core, config.clone()).await;
    assert!(core.plan("test_thing", Some(&object), config).await.is_empty());

    let changed = json!({ "name": "a", "note": "x", "pools": { "one": { "size": 1 }, "two": { "size": 2 } } });
    let plan = core.plan("test_thing", Some(&object), changed).await.expect_success();
    assert_eq!(plan.state.get("id"), object.state.get("id"), "never changes");
    assert!(plan.state.get("changes").unwrap().is_unknown(), "any change may change it");
    let status = |pool: &str| plan.state.get("pools").unwrap().get(pool).unwrap().get("status").unwrap().clone();
    assert_eq!(status("one"), "size 1".into(), "its own size is the same");
    assert!(status("two").is_unknown());
    assert!(plan.replace.is_empty());
    let object = core.apply(plan).await.expect_object();
    assert_eq!(object.state.get("changes").unwrap(), &Value::from(1));
}

#[tokio::test]
async fn defaults_and_computed_values_inside_sets_are_stable() {
    let core = core().await;
    let object =
        create(&core, json!({ "name": "a", "rules": [{ "port": 1 }, { "port": 2, "protocol": "udp" }] })).await;
    let reordered = json!({ "name": "a", "rules": [{ "port": 2, "protocol": "udp" }, { "port": 1 }] });
    assert!(core.plan("test_thing", Some(&object), reordered).await.is_empty());

    let grown = json!({ "name": "a", "rules": [{ "port": 3 }, { "port": 2, "protocol": "udp" }, { "port": 1 }] });
    let plan = core.plan("test_thing", Some(&object), grown).await.expect_success();
    let Some(Value::Set(rules)) = plan.state.get("rules") else { panic!("no set") };
    let unknown_ids = rules.iter().filter(|rule| rule.get("id").unwrap().is_unknown()).count();
    assert_eq!((rules.len(), unknown_ids), (3, 1), "only the new rule's id is unknown");
    let object = core.apply(plan).await.expect_object();
    let Some(Value::Set(rules)) = object.state.get("rules") else { panic!("no set") };
    assert!(rules.iter().all(|rule| rule.get("protocol").unwrap().as_str().is_some()));
}

#[tokio::test]
async fn replacement_names_the_attribute_at_any_depth() {
    let core = core().await;
    let object = create(&core, json!({ "name": "a", "pools": { "one": { "size": 1, "zone": "x" } } })).await;
    let moved = json!({ "name": "a", "pools": { "one": { "size": 1, "zone": "y" } } });
    let plan = core.plan("test_thing", Some(&object), moved).await.expect_success();
    assert_eq!(plan.replace, [r#"pools["one"].zone"#]);
    let renamed = core.plan("test_thing", Some(&object), json!({ "name": "b" })).await.expect_success();
    assert_eq!(renamed.replace, ["name"]);
    let object = core.apply(renamed).await.expect_object();
    assert_eq!(text(&object, "id"), Some("id-b"));
}

#[tokio::test]
async fn write_only_values_are_in_no_answer() {
    let core = core().await;
    for name in ["a", "leaks"] {
        let plan = core.plan("test_thing", None, json!({ "name": name, "secret_wo": "hush" })).await.expect_success();
        assert!(plan.state.get("secret_wo").unwrap().is_null());
        let object = core.apply(plan).await.expect_object();
        assert!(object.state.get("secret_wo").unwrap().is_null());
    }
    let old = Core::new(TestProvider).without_write_only();
    let messages = old.validate("test_thing", json!({ "name": "a", "secret_wo": "hush" })).await;
    assert_eq!(messages[0].path, "secret_wo");
}

#[tokio::test]
async fn two_spellings_of_a_duration_are_no_change() {
    let core = core().await;
    let object = create(&core, json!({ "name": "patient", "patience": "1h" })).await;
    let object = core.refresh("test_thing", &object).await.expect_object();
    assert_eq!(text(&object, "patience"), Some("1h"), "the state keeps its spelling");
    let plan = core.plan("test_thing", Some(&object), json!({ "name": "patient", "patience": "3600s" })).await;
    assert!(plan.is_empty());
    let messages = core.validate("test_thing", json!({ "name": "patient", "patience": "soon" })).await;
    assert_eq!(messages[0].path, "patience");

    let object = create(&core, json!({ "name": "a", "waits": ["60s", "1h"] })).await;
    let plan = core.plan("test_thing", Some(&object), json!({ "name": "a", "waits": ["1m", "60m"] })).await;
    assert!(plan.is_empty());
    let messages = core.validate("test_thing", json!({ "name": "a", "waits": ["1m", "soon"] })).await;
    assert_eq!(messages[0].path, "waits[1]");
}

#[tokio::test]
async fn a_failed_create_leaves_what_exists() {
    let core = core().await;
    let apply = async |name: &str| {
        let plan = core.plan("test_thing", None, json!({ "name": name })).await.expect_success();
        core.apply(plan).await
    };
    let early = apply("early failure").await;
    assert!(early.is_error() && early.object.is_none());
    let late = apply("late failure").await;
    assert!(late.is_error());
    let object = late.object.unwrap();
    assert_eq!(text(&object, "id"), Some("half"));
    assert!(object.state.get("changes").unwrap().is_null(), "what was unknown is null");

    let panicked = apply("panic").await;
    assert_eq!(text(panicked.object.as_ref().unwrap(), "id"), Some("half"));
    let message = &panicked.messages[0];
    assert!(message.summary.contains("test_thing") && message.detail.contains("out of things"), "{message:?}");
}

#[tokio::test]
async fn an_interrupt_ends_handlers_and_the_server_goes_on() {
    tokio::time::pause();
    let core = core().await;
    for (name, is_error) in [("hang", true), ("stoppable", false)] {
        let plan = core.plan("test_thing", None, json!({ "name": name })).await.expect_success();
        let applying = core.apply(plan);
        let stopping = async {
            tokio::task::yield_now().await;
            core.stop().await;
        };
        let (applied, ()) = tokio::join!(applying, stopping);
        assert_eq!(applied.is_error(), is_error, "{name}: {:?}", applied.messages);
        assert!(applied.object.is_some(), "{name}");
        assert!(!applied.messages.is_empty(), "{name}");
    }
    create(&core, json!({ "name": "after" })).await;
}

#[tokio::test]
async fn a_failed_update_keeps_the_prior_state() {
    let core = core().await;
    let object = create(&core, json!({ "name": "a", "note": "before" })).await;
    let plan = core.plan("test_thing", Some(&object), json!({ "name": "a", "note": "fail" })).await.expect_success();
    let applied = core.apply(plan).await;
    assert!(applied.is_error());
    assert_eq!(text(&applied.object.unwrap(), "note"), Some("before"));
}

#[tokio::test]
async fn our_own_mistakes_are_our_own_diagnostics() {
    let core = core().await;
    let plan = core.plan("test_thing", None, json!({ "name": "contradict", "note": "x" })).await;
    assert_eq!(plan.messages[0].path, "note", "{:?}", plan.messages);
    let plan = core.plan("test_thing", None, json!({ "name": "inconsistent", "note": "x" })).await.expect_success();
    let applied = core.apply(plan).await;
    assert_eq!(applied.messages[0].path, "note", "{:?}", applied.messages);
    assert!(applied.object.is_some(), "the object is kept");
    let plan = core.plan("test_thing", None, json!({ "name": "panic in plan" })).await;
    assert!(plan.messages[0].detail.contains("no plan for panic in plan"), "{:?}", plan.messages);
}

#[tokio::test]
async fn destroy_can_be_refused_and_gone_is_gone() {
    let core = core().await;
    let object = create(&core, json!({ "name": "a", "note": "keep" })).await;
    assert_eq!(core.plan_destroy("test_thing", &object).await.messages[0].summary, "Kept");
    let object = create(&core, json!({ "name": "gone" })).await;
    assert!(core.refresh("test_thing", &object).await.object.is_none());
    let plan = core.plan_destroy("test_thing", &object).await.expect_success();
    assert!(core.apply(plan).await.object.is_none());
}

#[tokio::test]
async fn imports_by_id_and_by_identity() {
    let core = core().await;
    let by_id = core.import("test_thing", "id-7").await.expect_object();
    assert_eq!(text(&by_id, "name"), Some("imported"));
    let by_identity = core.import_by_identity("test_thing", json!({ "id": "id-7" })).await.expect_object();
    assert_eq!(by_id, by_identity);
    assert_eq!(by_id.identity.unwrap().get("id").unwrap().as_str(), Some("id-7"));
}

#[tokio::test]
async fn an_identity_that_changes_is_an_error() {
    let core = core().await;
    let object = create(&core, json!({ "name": "other identity" })).await;
    let read = core.refresh("test_thing", &object).await;
    assert!(read.is_error(), "{:?}", read.messages);
}

#[tokio::test]
async fn deferral_is_used_where_allowed_and_explained_where_not() {
    let core = core().await;
    let plan = core.plan("test_thing", None, json!({ "name": "wait" })).await;
    assert!(!plan.is_deferred && plan.messages[0].is_error);
    let deferring = Core::new(TestProvider).with_deferral();
    deferring.configure(json!({})).await;
    assert!(deferring.plan("test_thing", None, json!({ "name": "wait" })).await.is_deferred);

    deferring.configure(Value::object([("greeting", Value::unknown())])).await;
    assert!(deferring.plan("test_thing", None, json!({ "name": "a" })).await.is_deferred);
    core.configure(Value::object([("greeting", Value::unknown())])).await;
    let _planned = core.plan("test_thing", None, json!({ "name": "a" })).await.expect_success();
}

#[tokio::test]
async fn unknown_configuration_stays_unknown_in_the_plan() {
    let core = core().await;
    let kind = core.resource_type("test_thing");
    let tfplug::Type::Object(object) = &kind else { panic!("no object") };
    let mut config = Value::object_of_nulls(object);
    *config.get_mut("name").unwrap() = "a".into();
    *config.get_mut("pools").unwrap() = Value::unknown();
    assert!(core.validate("test_thing", config.clone()).await.is_empty());
    let plan = core.plan("test_thing", None, config).await.expect_success();
    assert!(plan.state.get("pools").unwrap().is_unknown());
}

#[tokio::test]
async fn numbers_keep_every_digit() {
    let core = core().await;
    let digits = format!("0.{}", "123456789".repeat(17));
    for number in ["0.1", "9223372036854775808", "-9223372036854775809", "1e30", digits.as_str()] {
        let weight: serde_json::Value = serde_json::from_str(number).unwrap();
        let config = json!({ "name": "a", "weight": weight });
        let object = create(&core, config.clone()).await;
        assert_eq!(object.state.get("weight").unwrap().as_number(), Some(&number.parse().unwrap()), "{number}");
        assert!(core.plan("test_thing", Some(&object), config).await.is_empty(), "{number}");
    }
}

#[tokio::test]
async fn data_sources_ephemeral_resources_and_functions() {
    let core = core().await;
    let (echo, messages) = core.read_data("test_echo", json!({ "say": "you" })).await;
    assert!(messages.is_empty());
    assert_eq!(echo.get("heard").unwrap().as_str(), Some("hello you"));

    let (_, private, renew_at, _) = core.open("test_echo", json!({ "say": "me" })).await;
    assert_eq!(renew_at, Some(renewal(0)));
    let (private, renew_at, _) = core.renew("test_echo", private).await;
    assert_eq!(renew_at, Some(renewal(1)));
    let (private, renew_at, _) = core.renew("test_echo", private).await;
    assert_eq!(renew_at, Some(renewal(2)));
    assert!(core.close("test_echo", private).await.is_empty());

    let word = |text: &str| wire::DynamicValue {
        msgpack: tfplug::value::to_msgpack(&text.into(), &tfplug::Type::String).unwrap().into(),
        json: Default::default(),
    };
    let call = async |arguments: Vec<wire::DynamicValue>| {
        let request = wire::call_function::Request { name: "join".to_owned(), arguments };
        core.server().call_function(tonic::Request::new(request)).await.unwrap().into_inner()
    };
    let joined = call(vec![word("-"), word("a"), word("b")]).await;
    let joined = tfplug::value::from_msgpack(&joined.result.unwrap().msgpack, &tfplug::Type::String).unwrap();
    assert_eq!(joined.as_str(), Some("a-b"));
    assert_eq!(call(vec![word("-"), word("a"), word("")]).await.error.unwrap().function_argument, Some(2));
    // OpenTofu sends null as an empty message.
    assert!(call(vec![word("-"), wire::DynamicValue::default()]).await.error.is_none());
    assert!(call(vec![]).await.error.is_some());
}

#[tokio::test]
async fn states_are_upgraded_and_moved() {
    let core = core().await;
    let kind = core.resource_type("test_thing");
    let upgrade = async |version: i64, json: &str| {
        let request = wire::upgrade_resource_state::Request {
            type_name: "test_thing".to_owned(),
            version,
            raw_state: Some(wire::RawState { json: json.to_owned().into(), flatmap: Default::default() }),
        };
        core.server().upgrade_resource_state(tonic::Request::new(request)).await.unwrap().into_inner()
    };
    let read = |state: Option<wire::DynamicValue>| tfplug::value::from_msgpack(&state.unwrap().msgpack, &kind).unwrap();
    let upgraded = read(upgrade(1, r#"{"title":"old"}"#).await.upgraded_state);
    assert_eq!(upgraded.get("name").unwrap().as_str(), Some("old"));
    let same = read(upgrade(2, r#"{"name":"new"}"#).await.upgraded_state);
    assert_eq!(same.get("name").unwrap().as_str(), Some("new"));
    assert!(!upgrade(0, "{}").await.diagnostics.is_empty());
    assert!(!upgrade(2, "\u{7f}{").await.diagnostics.is_empty());

    let moved = async |type_name: &str| {
        let request = wire::move_resource_state::Request {
            source_provider_address: "example.com/other/other".to_owned(),
            source_type_name: type_name.to_owned(),
            source_state: Some(wire::RawState { json: r#"{"label":"moved"}"#.into(), flatmap: Default::default() }),
            target_type_name: "test_thing".to_owned(),
            ..Default::default()
        };
        core.server().move_resource_state(tonic::Request::new(request)).await.unwrap().into_inner()
    };
    let target = read(moved("other_thing").await.target_state);
    assert_eq!(target.get("name").unwrap().as_str(), Some("moved"));
    assert!(!moved("stranger").await.diagnostics.is_empty());
}

#[tokio::test]
async fn generated_configuration_has_nothing_computed() {
    let core = core().await;
    let object = create(&core, json!({ "name": "a", "rules": [{ "port": 1 }] })).await;
    let kind = core.resource_type("test_thing");
    let request = wire::generate_resource_config::Request {
        type_name: "test_thing".to_owned(),
        state: Some(wire::DynamicValue {
            msgpack: tfplug::value::to_msgpack(&object.state, &kind).unwrap().into(),
            json: Default::default(),
        }),
    };
    let response = core.server().generate_resource_config(tonic::Request::new(request)).await.unwrap().into_inner();
    let config = tfplug::value::from_msgpack(&response.config.unwrap().msgpack, &kind).unwrap();
    assert!(config.get("id").unwrap().is_null() && config.get("changes").unwrap().is_null());
    assert!(core.validate("test_thing", config.clone()).await.is_empty());
    assert!(core.plan("test_thing", Some(&object), config).await.is_empty());
}

#[tokio::test]
async fn a_set_of_ten_thousand_objects_plans_empty() {
    let core = core().await;
    let rules: Vec<serde_json::Value> = (0..10_000).map(|port| json!({ "port": port })).collect();
    let config = json!({ "name": "a", "rules": rules });
    assert!(core.validate("test_thing", config.clone()).await.is_empty());
    let object = create(&core, config.clone()).await;
    let object = core.refresh("test_thing", &object).await.expect_object();
    assert!(core.plan("test_thing", Some(&object), config).await.is_empty());
}

#[tokio::test]
async fn a_megabyte_of_text_is_only_text() {
    let core = core().await;
    let note = "ü".repeat(1 << 20);
    let object = create(&core, json!({ "name": "a", "note": note })).await;
    assert_eq!(text(&object, "note"), Some(note.as_str()));
}

#[tokio::test]
async fn state_stores_are_unimplemented() {
    let core = core().await;
    let server = Arc::new(core.server().clone());
    let status = server.get_states(tonic::Request::new(wire::get_states::Request::default())).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn a_resource_without_client_says_so() {
    let core = Core::new(TestProvider);
    let (_, messages) = core.read_data("test_echo", json!({ "say": "you" })).await;
    assert_eq!(messages[0].summary, "Provider not configured");
    let _: NoIdentity = NoIdentity;
}

#[test]
fn the_schemas_obey_core() {
    assert_eq!(tfplug::Server::new(TestProvider).check(), []);
}
