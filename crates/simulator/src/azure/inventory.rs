//! What exists without being made.

/// The first is registered for AKS; the second is not until somebody registers it.
pub(super) const SUBSCRIPTIONS: [(&str, &str); 2] =
    [("00000000-0000-4000-8000-000000000001", "simulated"), ("00000000-0000-4000-8000-000000000002", "unregistered")];

/// The directory of both. Login accepts any other name as well.
pub(super) const TENANT: &str = "00000000-0000-4000-8000-0000000000aa";

/// In every subscription.
pub(super) const GROUPS: [(&str, &str); 3] = [("platform", "eastus"), ("workloads", "westeurope"), ("edge", "westus")];

/// Name, display name, and whether it has availability zones.
pub(super) const LOCATIONS: [(&str, &str, bool); 12] = [
    ("eastus", "East US", true),
    ("eastus2", "East US 2", true),
    ("westus", "West US", false),
    ("westus2", "West US 2", true),
    ("westus3", "West US 3", true),
    ("centralus", "Central US", true),
    ("northeurope", "North Europe", true),
    ("westeurope", "West Europe", true),
    ("uksouth", "UK South", true),
    ("germanywestcentral", "Germany West Central", true),
    ("southeastasia", "Southeast Asia", true),
    ("australiaeast", "Australia East", true),
];

pub(super) const ZONES: [&str; 3] = ["1", "2", "3"];

/// A size of virtual machines.
pub(super) struct Machine {
    pub(super) name: &'static str,
    pub(super) family: &'static str,
    pub(super) cores: u32,
    pub(super) memory_gb: u32,
    /// Where it is offered; none means everywhere.
    pub(super) only_in: Option<&'static str>,
    /// In which zones of locations that have some.
    pub(super) zones: &'static [&'static str],
}

const fn machine(name: &'static str, family: &'static str, cores: u32, memory_gb: u32) -> Machine {
    Machine { name, family, cores, memory_gb, only_in: None, zones: &ZONES }
}

pub(super) const MACHINES: &[Machine] = &[
    machine("Standard_B2ms", "standardBSFamily", 2, 8),
    machine("Standard_B4ms", "standardBSFamily", 4, 16),
    machine("Standard_DS2_v2", "standardDSv2Family", 2, 7),
    machine("Standard_DS3_v2", "standardDSv2Family", 4, 14),
    machine("Standard_D2s_v3", "standardDSv3Family", 2, 8),
    machine("Standard_D4s_v3", "standardDSv3Family", 4, 16),
    machine("Standard_D8s_v3", "standardDSv3Family", 8, 32),
    machine("Standard_D2s_v5", "standardDSv5Family", 2, 8),
    machine("Standard_D4s_v5", "standardDSv5Family", 4, 16),
    machine("Standard_D8s_v5", "standardDSv5Family", 8, 32),
    machine("Standard_E4s_v5", "standardESv5Family", 4, 32),
    machine("Standard_F4s_v2", "standardFSv2Family", 4, 8),
    Machine { zones: &["1", "2"], ..machine("Standard_D4ps_v5", "standardDPSv5Family", 4, 16) },
    Machine {
        only_in: Some("eastus"),
        zones: &["1"],
        ..machine("Standard_NC4as_T4_v3", "Standard NCASv3_T4 Family", 4, 28)
    },
];

impl Machine {
    pub(super) fn is_offered_in(&self, location: &str) -> bool {
        self.only_in.is_none_or(|only| only == location)
    }

    /// Its zones in a location.
    pub(super) fn zones_in(&self, location: &str) -> &'static [&'static str] {
        if has_zones(location) { self.zones } else { &[] }
    }
}

/// The machine of that name in that location, in whatever case it is written.
pub(super) fn find_machine(name: &str, location: &str) -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| machine.name.eq_ignore_ascii_case(name) && machine.is_offered_in(location))
}

/// The plain name of a location that is written as `West Europe` or `westeurope`.
pub(super) fn find_location(text: &str) -> Option<&'static str> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    LOCATIONS.iter().find(|(name, ..)| *name == plain).map(|(name, ..)| *name)
}

fn has_zones(location: &str) -> bool {
    LOCATIONS.iter().any(|(name, _, zones)| *name == location && *zones)
}

/// For `--help`.
pub(super) fn text() -> String {
    let [(first, _), (second, _)] = SUBSCRIPTIONS;
    let groups = GROUPS.map(|(name, location)| format!("{name} ({location})")).join(", ");
    let locations = LOCATIONS.map(|(name, ..)| name).join(", ");
    let machines: Vec<&str> = MACHINES.iter().map(|machine| machine.name).collect();
    format!(
        "  azure: subscriptions {first}, and {second} (not registered for AKS); tenant {TENANT}\n\
         \x20        resource groups in each: {groups}; others can be made\n\
         \x20        locations {locations}; zones 1, 2, 3 in all but westus\n\
         \x20        machines {} (Standard_NC4as_T4_v3 in zone 1 of eastus only)\n",
        machines.join(", "),
    )
}
