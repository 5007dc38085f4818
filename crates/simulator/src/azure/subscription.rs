//! Subscriptions, their locations, the sizes of machines, and which services are registered.

use std::time::Duration;

use serde_json::{Value, json};

use super::catalogue;
use super::error::ArmError;
use super::inventory::{self, Machine};
use super::world::Subscription;
use super::{Answer, Input};
use crate::clock::Moment;
use crate::cloud::Context;

/// AKS's namespace.
pub(super) const CONTAINER_SERVICE: &str = "microsoft.containerservice";

/// Known to every subscription: namespace and a type.
const PROVIDERS: [(&str, &str); 5] = [
    ("Microsoft.Compute", "virtualMachineScaleSets"),
    ("Microsoft.ContainerService", "managedClusters"),
    ("Microsoft.ManagedIdentity", "userAssignedIdentities"),
    ("Microsoft.Network", "virtualNetworks"),
    ("Microsoft.Resources", "resourceGroups"),
];

/// How long a registration takes.
const REGISTER: Duration = Duration::from_secs(90);

pub(super) fn list<'s>(subscriptions: impl Iterator<Item = &'s Subscription>) -> Answer {
    let value: Vec<Value> = subscriptions.map(|known| describe(&known.id, &known.name)).collect();
    Answer::ok(json!({ "count": { "type": "Total", "value": value.len() }, "value": value }))
}

pub(super) fn get(subscription: &Subscription) -> Answer {
    Answer::ok(describe(&subscription.id, &subscription.name))
}

pub(super) fn tenants() -> Answer {
    let tenant = inventory::TENANT;
    Answer::ok(json!({ "value": [{
        "id": format!("/tenants/{tenant}"), "tenantId": tenant, "displayName": "Simulated", "tenantType": "AAD",
        "tenantCategory": "Home", "defaultDomain": "simulated.onmicrosoft.com", "countryCode": "US",
        "domains": ["simulated.onmicrosoft.com"],
    }] }))
}

pub(super) fn locations(subscription: &Subscription) -> Answer {
    let location = |(name, display, zones): (&str, &str, bool)| {
        let mut location = json!({
            "id": format!("/subscriptions/{}/locations/{name}", subscription.id),
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": display,
            "metadata": { "regionType": "Physical", "regionCategory": "Recommended" },
        });
        if zones {
            location["availabilityZoneMappings"] = inventory::ZONES
                .map(|zone| json!({ "logicalZone": zone, "physicalZone": format!("{name}-az{zone}") }))
                .to_vec()
                .into();
        }
        location
    };
    Answer::ok(json!({ "value": inventory::LOCATIONS.map(location).to_vec() }))
}

/// The sizes of machines, of one location if the filter `location eq '…'` names one.
pub(super) fn skus(input: &Input<'_>) -> Result<Answer, ArmError> {
    let wanted = match input.request.query("$filter") {
        None | Some("") => None,
        Some(filter) => {
            let location = filter.trim().strip_prefix("location eq '").and_then(|rest| rest.strip_suffix('\''));
            Some(location.ok_or_else(|| {
                let message = format!("The filter '{filter}' is not valid; only location eq '<name>' is.");
                ArmError::gateway(400, "InvalidFilter", message)
            })?)
        }
    };
    let mut value = Vec::new();
    for (location, ..) in inventory::LOCATIONS {
        if wanted.is_none_or(|wanted| inventory::find_location(wanted) == Some(location)) {
            let offered = inventory::MACHINES.iter().filter(|machine| machine.is_offered_in(location));
            value.extend(offered.map(|machine| sku(machine, location)));
        }
    }
    Ok(Answer::ok(json!({ "value": value })))
}

/// The Kubernetes versions of a location.
pub(super) fn kubernetes_versions(input: &Input<'_>) -> Result<Answer, ArmError> {
    let location = input.label(1);
    if inventory::find_location(location).is_none() {
        let message = format!(
            "No registered resource provider found for location '{location}' for type 'locations/kubernetesVersions'."
        );
        return Err(ArmError::gateway(400, "NoRegisteredProviderFound", message));
    }
    Ok(Answer::ok(catalogue::list()))
}

pub(super) fn provider_list(subscription: &Subscription, now: Moment) -> Answer {
    let value: Vec<Value> = PROVIDERS.iter().map(|(name, kind)| provider(subscription, name, kind, now)).collect();
    Answer::ok(json!({ "value": value }))
}

pub(super) fn provider_get(
    subscription: &Subscription,
    input: &Input<'_>,
    context: &Context<'_>,
) -> Result<Answer, ArmError> {
    let (name, kind) = find(input.label(1))?;
    Ok(Answer::ok(provider(subscription, name, kind, context.now)))
}

pub(super) fn provider_register(
    subscription: &mut Subscription,
    input: &Input<'_>,
    context: &mut Context<'_>,
) -> Result<Answer, ArmError> {
    let (name, kind) = find(input.label(1))?;
    let due = context.due(REGISTER);
    let before = subscription.registered.len();
    subscription.registered.entry(name.to_ascii_lowercase()).or_insert(due);
    let committed = subscription.registered.len() > before;
    Ok(Answer { committed, ..Answer::ok(provider(subscription, name, kind, context.now)) })
}

/// The error of whoever wants a cluster where AKS is not registered.
pub(super) fn require_registered(subscription: &Subscription, now: Moment) -> Result<(), ArmError> {
    if subscription.registered.get(CONTAINER_SERVICE).is_some_and(|since| *since <= now) {
        return Ok(());
    }
    let message = "The subscription is not registered to use namespace 'Microsoft.ContainerService'. See \
                   https://aka.ms/rps-not-found for how to register subscriptions.";
    Err(ArmError::gateway(409, "MissingSubscriptionRegistration", message).detail(json!({
        "code": "MissingSubscriptionRegistration",
        "target": "Microsoft.ContainerService",
        "message": message,
    })))
}

/// What is registered in a new subscription.
pub(super) fn initially_registered(with_aks: bool) -> std::collections::BTreeMap<String, Moment> {
    let start = Moment::date(2020, 1, 1);
    let names = PROVIDERS.iter().map(|(name, _)| name.to_ascii_lowercase());
    names.filter(|name| with_aks || name != CONTAINER_SERVICE).map(|name| (name, start)).collect()
}

fn find(namespace: &str) -> Result<(&'static str, &'static str), ArmError> {
    PROVIDERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(namespace)).copied().ok_or_else(|| {
        let message = format!("The resource namespace '{namespace}' is invalid.");
        ArmError::gateway(404, "InvalidResourceNamespace", message)
    })
}

fn provider(subscription: &Subscription, name: &str, kind: &str, now: Moment) -> Value {
    let state = match subscription.registered.get(&name.to_ascii_lowercase()) {
        Some(since) if *since <= now => "Registered",
        Some(_) => "Registering",
        None => "NotRegistered",
    };
    json!({
        "id": format!("/subscriptions/{}/providers/{name}", subscription.id),
        "namespace": name,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": state,
        "resourceTypes": [{
            "resourceType": kind,
            "locations": inventory::LOCATIONS.map(|(_, display, _)| display).to_vec(),
            "apiVersions": ["2026-08-01", "2025-10-01"],
            "capabilities": "CrossResourceGroupResourceMove, CrossSubscriptionResourceMove, SupportsTags, SupportsLocation",
        }],
    })
}

fn describe(id: &str, name: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": id,
        "tenantId": inventory::TENANT,
        "displayName": name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01", "quotaId": "EnterpriseAgreement_2014-09-01", "spendingLimit": "Off",
        },
    })
}

fn sku(machine: &Machine, location: &str) -> Value {
    let capability = |name: &str, value: String| json!({ "name": name, "value": value });
    let zones = machine.zones_in(location);
    json!({
        "resourceType": "virtualMachines",
        "name": machine.name,
        "tier": "Standard",
        "size": machine.name.trim_start_matches("Standard_"),
        "family": machine.family,
        "locations": [location],
        "locationInfo": [{ "location": location, "zones": zones, "zoneDetails": [] }],
        "capabilities": [
            capability("vCPUs", machine.cores.to_string()),
            capability("MemoryGB", machine.memory_gb.to_string()),
            capability("CpuArchitectureType", if machine.name.contains("ps_v5") { "Arm64" } else { "x64" }.into()),
            capability("PremiumIO", "True".into()),
            capability("HyperVGenerations", "V1,V2".into()),
        ],
        "restrictions": [],
    })
}
