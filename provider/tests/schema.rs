//! The public schema as a golden file: what users' configurations depend on changes only on purpose.
//!
//! `UPDATE_EXPECT=1 cargo test -p terraform-provider-multicloud --test schema` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use expect_test::expect_file;
use serde_json::{Map, Value, json};
use terraform_provider_multicloud::environment::EnvironmentDataModel;
use terraform_provider_multicloud::environment::model::{Environment, EnvironmentIdentity};
use terraform_provider_multicloud::environments::Entry;
use terraform_provider_multicloud::kubeconfig::KubeconfigModel;
use terraform_provider_multicloud::provider::ProviderConfig;
use tfplug::Model;
use tfplug::schema::{Attribute, AttributeKind, Change, Presence};

#[test]
fn is_as_published() {
    let all = json!({
        "provider": shown::<ProviderConfig>(),
        "resource multicloud_environment": shown::<Environment>(),
        "identity multicloud_environment": shown::<EnvironmentIdentity>(),
        "data multicloud_environment": shown::<EnvironmentDataModel>(),
        "ephemeral multicloud_kubeconfig": shown::<KubeconfigModel>(),
        "function environments": shown::<Entry>(),
    });
    expect_file!["schema.json"].assert_eq(&format!("{all:#}\n"));
}

fn shown<M: Model>() -> Value {
    let schema = M::schema();
    assert!(schema.block.blocks.is_empty(), "attributes only: blocks cannot be made by expressions");
    json!({ "version": schema.version, "attributes": attributes(&schema.block.attributes) })
}

fn attributes(attributes: &[Attribute]) -> Value {
    Value::Object(attributes.iter().map(|attribute| (attribute.name.to_string(), shown_attribute(attribute))).collect())
}

fn shown_attribute(attribute: &Attribute) -> Value {
    let mut shown = Map::new();
    let presence = match attribute.presence {
        Presence::Required => "required",
        Presence::Optional => "optional",
        Presence::Computed => "computed",
        Presence::OptionalComputed => "optional, computed",
    };
    shown.insert("presence".to_owned(), presence.into());
    match &attribute.kind {
        AttributeKind::Type(kind) => shown.insert("type".to_owned(), format!("{kind:?}").into()),
        AttributeKind::Nested { nesting, attributes } => {
            shown.insert("nested".to_owned(), format!("{nesting:?}").to_lowercase().into());
            shown.insert("attributes".to_owned(), self::attributes(attributes))
        }
    };
    if attribute.sensitive {
        shown.insert("sensitive".to_owned(), true.into());
    }
    if let Some(default) = &attribute.default {
        shown.insert("default".to_owned(), format!("{:?}", default.value()).into());
    }
    let change = match &attribute.change {
        Change::Any => None,
        Change::Never => Some("never"),
        Change::DependsOn(_) => Some("depends"),
    };
    if let Some(change) = change {
        shown.insert("change".to_owned(), change.into());
    }
    let replaces = attribute.modifiers.iter().any(|modifier| modifier.describe().contains("replace"));
    if replaces {
        shown.insert("replaces".to_owned(), true.into());
    }
    Value::Object(shown)
}

#[test]
fn every_attribute_is_described_in_a_sentence() {
    fn walk(attributes: &[Attribute], at: &str) {
        for attribute in attributes {
            let at = format!("{at}.{}", attribute.name);
            assert!(attribute.description.ends_with('.'), "{at}: {:?}", attribute.description);
            if let AttributeKind::Nested { attributes, .. } = &attribute.kind {
                walk(attributes, &at);
            }
        }
    }
    walk(&ProviderConfig::schema().block.attributes, "provider");
    walk(&Environment::schema().block.attributes, "environment");
    walk(&EnvironmentDataModel::schema().block.attributes, "data");
    walk(&KubeconfigModel::schema().block.attributes, "kubeconfig");
}
