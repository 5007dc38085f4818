//! How long this crate takes for a set of ten thousand nested objects: each call as core makes it, bytes in and bytes
//! out. Run it with `cargo run --release --example large_set -p tfplug`; the aim is a second for all of them together.

#![expect(clippy::print_stdout, reason = "figures are all that it is for")]

use std::time::Instant;

use tfplug::testing::Core;
use tfplug::value::from_json;
use tfplug::{
    Attr, Call, Configure, Configured, Create, Delete, Diagnostics, Model, NoIdentity, Offers, Provider, Resource,
    SetOf, Type, Update, Value, async_trait,
};

/// Rules of a firewall.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Firewall {
    /// The rules.
    #[attribute(required)]
    rules: SetOf<Rule>,
    /// The id.
    #[attribute(computed, not_null, change = never)]
    id: Attr<String>,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Rule {
    /// The port.
    #[attribute(required, validate = [at_least(0)])]
    port: Attr<i64>,
    /// The protocol.
    #[attribute(optional, computed, default = "tcp", validate = [one_of(["tcp", "udp"])])]
    protocol: Attr<String>,
    /// Where from.
    #[attribute(optional, requires_replace)]
    source: Attr<String>,
    /// Who made it.
    #[attribute(optional)]
    owner: Attr<Owner>,
    /// The rule's id.
    #[attribute(computed, change = never)]
    id: Attr<String>,
}

/// An owner.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Owner {
    /// The name.
    #[attribute(required, validate = [string_length(1..=64)])]
    name: Attr<String>,
    /// The team, found by the name.
    #[attribute(computed, change = never)]
    team: Attr<String>,
}

struct Firewalls;

#[async_trait]
impl Resource for Firewalls {
    type Client = ();
    type State = Firewall;
    type Identity = NoIdentity;

    fn type_name(&self) -> &'static str {
        "large_firewall"
    }

    async fn create(&self, _: &Call<()>, create: Create<Firewall>) -> Result<Firewall, Diagnostics> {
        let Firewall { rules, .. } = create.plan;
        let rules = rules.map(|rules| {
            let numbered = rules.into_iter().enumerate().map(|(number, rule)| {
                rule.map(|rule| Rule {
                    id: format!("rule-{number}").into(),
                    owner: rule.owner.map(|owner| Owner { team: "platform".into(), ..owner }),
                    ..rule
                })
            });
            numbered.collect()
        });
        Ok(Firewall { rules, id: "wall".into() })
    }

    async fn read(&self, _: &Call<()>, state: Firewall) -> Result<Option<Firewall>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(&self, _: &Call<()>, update: Update<Firewall>) -> Result<Firewall, Diagnostics> {
        Ok(update.plan)
    }

    async fn delete(&self, _: &Call<()>, _: Delete<Firewall>) -> Result<(), Diagnostics> {
        Ok(())
    }
}

struct Large;

#[async_trait]
impl Provider for Large {
    type Config = NoIdentity;
    type Client = ();

    fn offers(&self, offers: &mut Offers<()>) {
        offers.resource(Firewalls);
    }

    async fn configure(&self, _: Configure, _: NoIdentity) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::new(()))
    }
}

/// A configuration of so many rules, of which one has another port than it had.
fn config(kind: &Type, rules: i64, is_changed: bool) -> Value {
    let rule = |number: i64| {
        let port = if is_changed && number == 7 { -number } else { number };
        serde_json::json!({ "port": port.abs() + i64::from(port < 0) * rules, "source": "10.0.0.0/8", "owner": { "name": "ops" } })
    };
    let json = serde_json::json!({ "rules": (0..rules).map(rule).collect::<Vec<_>>() });
    from_json(json.to_string().as_bytes(), kind).unwrap_or(Value::Null)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for rules in [1_000, 10_000] {
        let core = Core::new(Large);
        let timed = |what: &str, start: Instant| println!("{rules:>6} {what:<24} {:>9.1?}", start.elapsed());
        let kind = core.resource_type("large_firewall");
        let (first, changed) = (config(&kind, rules, false), config(&kind, rules, true));
        let whole = Instant::now();
        let start = Instant::now();
        assert!(core.validate("large_firewall", first.clone()).await.is_empty());
        timed("validate", start);
        let start = Instant::now();
        let plan = core.plan("large_firewall", None, first.clone()).await.expect_success();
        timed("plan of the create", start);
        let start = Instant::now();
        let object = core.apply(plan).await.expect_object();
        timed("apply", start);
        let start = Instant::now();
        let object = core.refresh("large_firewall", &object).await.expect_object();
        timed("read", start);
        let start = Instant::now();
        assert!(core.plan("large_firewall", Some(&object), first.clone()).await.is_empty());
        timed("plan without changes", start);
        let start = Instant::now();
        let plan = core.plan("large_firewall", Some(&object), changed).await.expect_success();
        assert!(!plan.is_empty() && !plan.replace.is_empty());
        timed("plan of one change", start);
        timed("all of it", whole);
    }
}
