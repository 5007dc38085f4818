//! List resources and actions, in process: no released CLI but Terraform 1.14 and later calls them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures::StreamExt;
use tfplug::proto::tfplugin6 as wire;
use tfplug::proto::tfplugin6::provider_server::Provider as _;
use tfplug::testing::Core;
use tfplug::value::{from_msgpack, to_msgpack};
use tfplug::{
    Action, ActionProgress, Attr, Call, Configure, Configured, Create, Delete, Diagnostic, Diagnostics, Found,
    ListRequest, ListResource, Listed, Model, NoIdentity, Offers, Provider, Resource, Type, Update, Value, async_trait,
};

/// A bird.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Bird {
    /// The ring's number.
    #[attribute(required)]
    ring: Attr<i64>,
}

/// Which birds.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Filter {
    /// The flock's size.
    #[attribute(required)]
    size: Attr<i64>,
}

struct Birds;

/// The size of a flock whose list goes on whether anybody listens or not.
const DEAF: i64 = 500;

#[async_trait]
impl Resource for Birds {
    type Client = ();
    type State = Bird;
    type Identity = Bird;

    fn type_name(&self) -> &'static str {
        "zoo_bird"
    }

    async fn create(&self, _: &Call<()>, create: Create<Bird>) -> Result<Bird, Diagnostics> {
        Ok(create.plan)
    }

    async fn read(&self, _: &Call<()>, state: Bird) -> Result<Option<Bird>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(&self, _: &Call<()>, update: Update<Bird>) -> Result<Bird, Diagnostics> {
        Ok(update.plan)
    }

    async fn delete(&self, _: &Call<()>, _: Delete<Bird>) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn identity(&self, state: &Bird) -> Option<Bird> {
        Some(state.clone())
    }
}

#[async_trait]
impl ListResource for Birds {
    type Client = ();
    type Config = Filter;
    type State = Bird;
    type Identity = Bird;

    fn type_name(&self) -> &'static str {
        "zoo_bird"
    }

    async fn list(
        &self,
        _: &Call<()>,
        request: ListRequest<Filter>,
        found: &Found<Bird, Bird>,
    ) -> Result<(), Diagnostics> {
        let size = *request.config.size.known().unwrap();
        for ring in 0..size {
            let bird = Bird { ring: ring.into() };
            let state = request.include_state.then(|| bird.clone());
            let listed = Listed { display_name: format!("bird {ring}"), identity: bird, state, warnings: Vec::new() };
            if !found.send(listed).await && size != DEAF {
                return Ok(());
            }
        }
        if size == DEAF {
            std::future::pending::<()>().await;
        }
        if size == 13 {
            return Err(Diagnostic::error("Unable to count", "The birds flew off.").into());
        }
        Ok(())
    }
}

struct Feed;

#[async_trait]
impl Action for Feed {
    type Client = ();
    type Config = Filter;

    fn type_name(&self) -> &'static str {
        "zoo_feed"
    }

    async fn invoke(&self, _: &Call<()>, config: Filter, progress: &ActionProgress) -> Result<(), Diagnostics> {
        for number in 0..*config.size.known().unwrap() {
            progress.say(format!("fed {number}")).await;
        }
        match config.size {
            Attr::Known(0) => Err(Diagnostic::error("Nobody to feed", "Add birds.").into()),
            Attr::Known(99) => panic!("out of seed"),
            _ => Ok(()),
        }
    }
}

struct Zoo;

#[async_trait]
impl Provider for Zoo {
    type Config = NoIdentity;
    type Client = ();

    fn offers(&self, offers: &mut Offers<()>) {
        offers.resource(Birds).list_resource(Birds).action(Feed);
    }

    async fn configure(&self, _: Configure, _: NoIdentity) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::new(()))
    }
}

fn filter(size: i64) -> Option<wire::DynamicValue> {
    let kind = Type::object([("size", Type::Number)]);
    let msgpack = to_msgpack(&Value::object([("size", Value::from(size))]), &kind).unwrap();
    Some(wire::DynamicValue { msgpack: msgpack.into(), json: Default::default() })
}

async fn list(size: i64, limit: i64, include_resource_object: bool) -> Vec<wire::list_resource::Event> {
    let core = Core::new(Zoo);
    let request = wire::list_resource::Request {
        type_name: "zoo_bird".to_owned(),
        config: filter(size),
        include_resource_object,
        limit,
    };
    let stream = core.server().list_resource(tonic::Request::new(request)).await.unwrap().into_inner();
    stream.map(Result::unwrap).collect().await
}

#[tokio::test]
async fn every_object_is_one_event_with_an_identity() {
    let events = list(3, 100, true).await;
    assert_eq!(events.len(), 3);
    let kind = Type::object([("ring", Type::Number)]);
    let identity = events[2].identity.as_ref().unwrap().identity_data.as_ref().unwrap();
    let identity = from_msgpack(&identity.msgpack, &kind).unwrap();
    assert_eq!(identity.get("ring").unwrap(), &Value::from(2));
    assert_eq!(events[2].display_name, "bird 2");
    assert!(events.iter().all(|event| event.resource_object.is_some() && event.diagnostic.is_empty()));
    assert!(list(3, 100, false).await.iter().all(|event| event.resource_object.is_none()));
}

#[tokio::test]
async fn the_limit_ends_the_list_and_an_error_ends_it_last() {
    assert_eq!(list(1_000, 7, false).await.len(), 7);
    let events = list(13, 100, false).await;
    assert_eq!(events.len(), 14);
    assert_eq!(events[13].diagnostic[0].summary, "Unable to count");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_listen_is_ended() {
    assert_eq!(list(DEAF, 7, false).await.len(), 7);
}

async fn invoke(size: i64) -> (Vec<String>, Vec<wire::Diagnostic>) {
    use wire::invoke_action::event::Type;
    let core = Core::new(Zoo);
    let request = wire::invoke_action::Request {
        action_type: "zoo_feed".to_owned(),
        config: filter(size),
        client_capabilities: None,
    };
    let stream = core.server().invoke_action(tonic::Request::new(request)).await.unwrap().into_inner();
    let mut events: Vec<Type> = stream.map(|event| event.unwrap().r#type.unwrap()).collect().await;
    let Some(Type::Completed(completed)) = events.pop() else { panic!("the last event is not the end") };
    let lines = events.into_iter().map(|event| match event {
        Type::Progress(progress) => progress.message,
        Type::Completed(_) => panic!("it ended twice"),
    });
    (lines.collect(), completed.diagnostics)
}

#[tokio::test]
async fn an_action_says_how_far_it_is_and_ends_once() {
    assert_eq!(invoke(2).await, (vec!["fed 0".to_owned(), "fed 1".to_owned()], Vec::new()));
    assert_eq!(invoke(0).await.1[0].summary, "Nobody to feed");
    let (lines, diagnostics) = invoke(99).await;
    assert_eq!(lines.len(), 99);
    assert!(diagnostics[0].detail.contains("out of seed"), "{diagnostics:?}");
}
