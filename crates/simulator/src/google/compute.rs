//! Compute Engine, as far as clusters need it: where there is what, and how many nodes a pool really has.

use serde_json::{Value, json};

use super::error::ApiError;
use super::inventory::{self, MachineType, Place};
use super::method::Compute;
use super::world::{Group, Location};
use super::{Answer, Google, Input};

const BASE: &str = "https://www.googleapis.com/compute/v1";

/// When everything that nobody made was made.
const CREATED: &str = "1969-12-31T16:00:00.000-08:00";

pub(super) fn answer(
    google: &Google,
    method: Compute,
    project: &'static str,
    input: &Input<'_>,
) -> Result<Answer, ApiError> {
    let place = input.label(1);
    let body = match method {
        Compute::ListZones => {
            let zones = inventory::zones().map(|name| zone(project, &name));
            list("zone", &format!("projects/{project}/zones"), zones)
        }
        Compute::GetZone => zone(project, find_zone(project, place)?),
        Compute::ListRegions => {
            let regions = inventory::REGIONS.iter().map(|(name, _)| region(project, name));
            list("region", &format!("projects/{project}/regions"), regions)
        }
        Compute::GetRegion => match inventory::REGIONS.iter().find(|(name, _)| *name == place) {
            Some((name, _)) => region(project, name),
            None => return Err(missing(&format!("projects/{project}/regions/{place}"))),
        },
        Compute::ListMachineTypes => {
            let zone = find_zone(project, place)?;
            let types = inventory::machine_types(zone).map(|machine| machine_type(project, zone, machine));
            list("machineType", &format!("projects/{project}/zones/{zone}/machineTypes"), types)
        }
        Compute::GetMachineType => {
            let (zone, name) = (find_zone(project, place)?, input.label(2));
            match inventory::machine_types(zone).find(|machine| machine.name == name) {
                Some(machine) => machine_type(project, zone, machine),
                None => return Err(missing(&format!("projects/{project}/zones/{zone}/machineTypes/{name}"))),
            }
        }
        Compute::ListInstanceGroupManagers => {
            let zone = find_zone(project, place)?;
            let groups = groups(google, project).filter(|(in_zone, _)| *in_zone == zone);
            let path = format!("projects/{project}/zones/{zone}/instanceGroupManagers");
            list("instanceGroupManager", &path, groups.map(|(zone, group)| manager(project, zone, group)))
        }
        Compute::GetInstanceGroupManager => {
            let (zone, name) = (find_zone(project, place)?, input.label(2));
            let mut groups = groups(google, project);
            match groups.find(|(in_zone, group)| *in_zone == zone && group.name == name) {
                Some((zone, group)) => manager(project, zone, group),
                None => {
                    let path = format!("projects/{project}/zones/{zone}/instanceGroupManagers/{name}");
                    return Err(missing(&path));
                }
            }
        }
        Compute::AggregatedListInstanceGroupManagers => {
            let mut items = json!({});
            for (zone, group) in groups(google, project) {
                let managers = &mut items[format!("zones/{zone}")]["instanceGroupManagers"];
                match managers.as_array_mut() {
                    Some(managers) => managers.push(manager(project, zone, group)),
                    None => *managers = json!([manager(project, zone, group)]),
                }
            }
            json!({
                "kind": "compute#instanceGroupManagerAggregatedList",
                "id": format!("projects/{project}/aggregated/instanceGroupManagers"),
                "items": items,
                "selfLink": format!("{BASE}/projects/{project}/aggregated/instanceGroupManagers"),
            })
        }
        // GKE's autoscaler is none of Compute's.
        Compute::ListAutoscalers => {
            let zone = find_zone(project, place)?;
            list("autoscaler", &format!("projects/{project}/zones/{zone}/autoscalers"), std::iter::empty())
        }
    };
    Ok(Answer::read(body))
}

/// The instance groups of a project's pools, with their zones.
fn groups<'g>(google: &'g Google, project: &'g str) -> impl Iterator<Item = (&'g str, &'g Group)> {
    let of_project = google.locations.values().filter(move |location| location.project == project);
    let pools = |location: &'g Location| location.clusters.values().flat_map(|cluster| cluster.pools.values());
    of_project.flat_map(pools).flat_map(|pool| pool.groups.iter()).map(|(zone, group)| (zone.as_str(), group))
}

fn find_zone<'z>(project: &str, name: &'z str) -> Result<&'z str, ApiError> {
    match Place::find(name) {
        Some(place) if place.is_zone() => Ok(name),
        Some(_) | None => Err(missing(&format!("projects/{project}/zones/{name}"))),
    }
}

/// In the older form that Compute still answers with.
fn missing(resource: &str) -> ApiError {
    ApiError::not_found(format!("The resource '{resource}' was not found"))
}

fn list(kind: &str, path: &str, items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.collect();
    let mut body = json!({ "kind": format!("compute#{kind}List"), "id": path, "selfLink": format!("{BASE}/{path}") });
    if !items.is_empty() {
        body["items"] = items.into();
    }
    body
}

/// A number for an id, the same in every run.
fn id(text: &str) -> String {
    let number = text.bytes().fold(1_000_u64, |id, byte| (id * 31 + u64::from(byte)) % 1_000_000_007);
    number.to_string()
}

fn zone(project: &str, name: &str) -> Value {
    let region = name.rsplit_once('-').map_or(name, |(region, _)| region);
    json!({
        "kind": "compute#zone",
        "id": id(name),
        "name": name,
        "description": name,
        "status": "UP",
        "region": format!("{BASE}/projects/{project}/regions/{region}"),
        "creationTimestamp": CREATED,
        "selfLink": format!("{BASE}/projects/{project}/zones/{name}"),
    })
}

fn region(project: &str, name: &str) -> Value {
    let zones = Place::find(name).map(Place::zones).unwrap_or_default();
    let zones: Vec<_> = zones.iter().map(|zone| format!("{BASE}/projects/{project}/zones/{zone}")).collect();
    json!({
        "kind": "compute#region",
        "id": id(name),
        "name": name,
        "description": name,
        "status": "UP",
        "zones": zones,
        "creationTimestamp": CREATED,
        "selfLink": format!("{BASE}/projects/{project}/regions/{name}"),
    })
}

fn machine_type(project: &str, zone: &str, machine: &MachineType) -> Value {
    json!({
        "kind": "compute#machineType",
        "id": id(machine.name),
        "name": machine.name,
        "description": format!("{} vCPUs, {} MB RAM", machine.cpus, machine.memory_mb),
        "guestCpus": machine.cpus,
        "memoryMb": machine.memory_mb,
        "isSharedCpu": machine.shared_cpu,
        "architecture": if machine.arm { "ARM64" } else { "X86_64" },
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "zone": zone,
        "creationTimestamp": CREATED,
        "selfLink": format!("{BASE}/projects/{project}/zones/{zone}/machineTypes/{}", machine.name),
    })
}

fn manager(project: &str, zone: &str, group: &Group) -> Value {
    let name = &group.name;
    let base = name.strip_suffix("-grp").unwrap_or(name);
    json!({
        "kind": "compute#instanceGroupManager",
        "id": id(name),
        "name": name,
        "zone": format!("{BASE}/projects/{project}/zones/{zone}"),
        "baseInstanceName": base,
        "instanceGroup": format!("{BASE}/projects/{project}/zones/{zone}/instanceGroups/{name}"),
        "instanceTemplate": format!("{BASE}/projects/{project}/global/instanceTemplates/{base}"),
        "targetSize": group.target_size,
        "status": { "isStable": true },
        "currentActions": { "none": group.target_size },
        "selfLink": format!("{BASE}/projects/{project}/zones/{zone}/instanceGroupManagers/{name}"),
    })
}
