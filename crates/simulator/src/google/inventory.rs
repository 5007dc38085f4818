//! What exists without being made.

/// Projects with their numbers.
pub(super) const PROJECTS: [(&str, &str); 2] =
    [("simulated-project", "123456789012"), ("another-project", "210987654321")];

/// Regions with the letters of their zones; a regional cluster's nodes are in the first three unless it says otherwise.
pub(super) const REGIONS: [(&str, &str); 8] = [
    ("us-central1", "abcf"),
    ("us-east1", "bcd"),
    ("us-west1", "abc"),
    ("northamerica-northeast1", "abc"),
    ("europe-west1", "bcd"),
    ("europe-west4", "abc"),
    ("asia-northeast1", "abc"),
    ("asia-southeast1", "abc"),
];

/// In how many zones of a region GKE spreads nodes.
const DEFAULT_SPREAD: usize = 3;

/// Networks; in every region each has a subnetwork of its own name.
pub(super) const NETWORKS: [&str; 2] = ["default", "platform"];

/// The subnetworks of the second network have these secondary ranges.
pub(super) const SECONDARY_RANGES: [(&str, &str); 2] = [("pods", "10.64.0.0/14"), ("services", "10.68.0.0/20")];

/// Service accounts of each project besides Compute's default one.
const SERVICE_ACCOUNTS: [&str; 2] = ["nodes", "deployer"];

/// A machine type.
pub(super) struct MachineType {
    pub(super) name: &'static str,
    pub(super) cpus: u32,
    pub(super) memory_mb: u32,
    pub(super) shared_cpu: bool,
    pub(super) arm: bool,
}

const fn machine(name: &'static str, cpus: u32, memory_mb: u32) -> MachineType {
    MachineType { name, cpus, memory_mb, shared_cpu: false, arm: false }
}

/// Machine types, by name. Those with Arm processors exist in the zones ending in a and b only.
pub(super) const MACHINE_TYPES: [MachineType; 16] = [
    machine("c3-standard-4", 4, 16_384),
    machine("c3-standard-8", 8, 32_768),
    MachineType { name: "e2-medium", cpus: 2, memory_mb: 4_096, shared_cpu: true, arm: false },
    MachineType { name: "e2-micro", cpus: 2, memory_mb: 1_024, shared_cpu: true, arm: false },
    MachineType { name: "e2-small", cpus: 2, memory_mb: 2_048, shared_cpu: true, arm: false },
    machine("e2-standard-16", 16, 65_536),
    machine("e2-standard-2", 2, 8_192),
    machine("e2-standard-4", 4, 16_384),
    machine("e2-standard-8", 8, 32_768),
    machine("n1-standard-1", 1, 3_840),
    machine("n1-standard-2", 2, 7_680),
    machine("n2-standard-2", 2, 8_192),
    machine("n2-standard-4", 4, 16_384),
    machine("n2-standard-8", 8, 32_768),
    machine("n2d-standard-4", 4, 16_384),
    MachineType { name: "t2a-standard-4", cpus: 4, memory_mb: 16_384, shared_cpu: false, arm: true },
];

/// The machine type of pools that name none.
pub(super) const DEFAULT_MACHINE_TYPE: &str = "e2-medium";

/// Services of a project that are enabled.
pub(super) const ENABLED_SERVICES: [&str; 4] =
    ["compute.googleapis.com", "container.googleapis.com", "iam.googleapis.com", "serviceusage.googleapis.com"];

/// Services that can be enabled.
pub(super) const OTHER_SERVICES: [&str; 3] =
    ["cloudresourcemanager.googleapis.com", "gkehub.googleapis.com", "monitoring.googleapis.com"];

/// Where a cluster can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) region: &'static str,
    letters: &'static str,
    /// The letter of the zone, where it is one.
    zone: Option<char>,
}

impl Place {
    /// The region or zone of that name.
    pub(super) fn find(name: &str) -> Option<Place> {
        REGIONS.iter().find_map(|(region, letters)| {
            let rest = name.strip_prefix(region)?;
            let zone = match rest.strip_prefix('-') {
                None if rest.is_empty() => None,
                None => return None,
                Some(letter) => Some(letters.chars().find(|known| letter == known.to_string())?),
            };
            Some(Place { region, letters, zone })
        })
    }

    pub(super) fn is_zone(self) -> bool {
        self.zone.is_some()
    }

    /// The collection under which links have it.
    pub(super) fn collection(self) -> &'static str {
        if self.is_zone() { "zones" } else { "locations" }
    }

    /// All zones of its region.
    pub(super) fn zones(self) -> Vec<String> {
        self.letters.chars().map(|letter| format!("{}-{letter}", self.region)).collect()
    }

    /// Where nodes are unless it is said: in the zone, or spread over the region.
    pub(super) fn default_zones(self) -> Vec<String> {
        match self.zone {
            Some(letter) => vec![format!("{}-{letter}", self.region)],
            None => self.zones().into_iter().take(DEFAULT_SPREAD).collect(),
        }
    }
}

/// Id and number of a project, by either.
pub(super) fn project(name: &str) -> Option<(&'static str, &'static str)> {
    PROJECTS.into_iter().find(|(id, number)| *id == name || *number == name)
}

/// All zones.
pub(super) fn zones() -> impl Iterator<Item = String> {
    REGIONS.iter().flat_map(|(region, letters)| letters.chars().map(move |letter| format!("{region}-{letter}")))
}

/// The machine types of a zone.
pub(super) fn machine_types(zone: &str) -> impl Iterator<Item = &'static MachineType> {
    let arm = zone.ends_with("-a") || zone.ends_with("-b");
    MACHINE_TYPES.iter().filter(move |machine| arm || !machine.arm)
}

pub(super) fn is_service_account(project: &str, email: &str) -> bool {
    let ours = SERVICE_ACCOUNTS.iter().any(|name| email == format!("{name}@{project}.iam.gserviceaccount.com"));
    email == "default" || ours || PROJECTS.iter().any(|(_, number)| email == default_service_account(number))
}

/// The e-mail address of Compute's default service account.
pub(super) fn default_service_account(number: &str) -> String {
    format!("{number}-compute@developer.gserviceaccount.com")
}

/// For `--help`.
pub(super) fn text() -> String {
    let [(project, number), (other, other_number)] = PROJECTS;
    let regions: Vec<_> = REGIONS.iter().map(|(region, letters)| format!("{region} ({letters})")).collect();
    let machines: Vec<_> = MACHINE_TYPES.iter().map(|machine| machine.name).collect();
    let accounts: Vec<_> =
        SERVICE_ACCOUNTS.iter().map(|name| format!("{name}@{project}.iam.gserviceaccount.com")).collect();
    format!(
        "  google: projects {project} (number {number}) and {other} (number {other_number})\n\
         \x20      regions (zones) {}\n\
         \x20      in each: networks {}, with a subnetwork of the same name per region; platform's with secondary ranges {}\n\
         \x20      machine types {}\n\
         \x20      service accounts default, {}\n",
        regions.join(", "),
        NETWORKS.join(", "),
        SECONDARY_RANGES.map(|(name, _)| name).join(", "),
        machines.join(", "),
        accounts.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_regions_and_neither() {
        let place = |name| Place::find(name).map(|place| (place.is_zone(), place.default_zones().join(" ")));
        assert_eq!(place("us-east1"), Some((false, "us-east1-b us-east1-c us-east1-d".into())));
        assert_eq!(place("us-central1-f"), Some((true, "us-central1-f".into())));
        assert_eq!(
            (place("us-east1-a"), place("us-east12"), place("us-east1-bc"), place("")),
            (None, None, None, None)
        );
    }
}
