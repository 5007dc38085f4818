//! What GKE refuses in a spec, told before anything is asked of GKE. Pure.

use std::net::IpAddr;
use std::time::Duration;

use super::plan::{indivisible, zone_count};
use super::spec::GkeSpec;
use crate::cidr::parse_cidr;
use crate::environment::{
    ENVIRONMENT_TAG, EnvironmentSpec, FieldPath, MaintenanceWindow, MaxSurge, OWNER_TAG, PoolName, PoolSize, PoolSpec,
    Violation,
};

/// Names of clusters and of node pools ([Cluster], [NodePool]).
///
/// [Cluster]: https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters
/// [NodePool]: https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters.nodePools
const MAX_NAME: usize = 40;
/// A node pool that replaces another has nine characters more than its pool: a dash and a hash.
const MAX_POOL_NAME: usize = MAX_NAME - 9;

/// <https://cloud.google.com/resource-manager/docs/labels-overview>, "Requirements for labels"; two of the 64 are the
/// ownership mark.
const MAX_LABELS: usize = 62;
const MAX_LABEL: usize = 63;

/// Gigabytes of a boot disk: from what `diskSizeGb` says is the smallest to what Compute's disks can have
/// (<https://cloud.google.com/compute/docs/disks/persistent-disks>).
const DISK_GB: std::ops::RangeInclusive<u32> = 10..=65_536;

/// Nodes of one zone of a node pool (<https://cloud.google.com/kubernetes-engine/quotas>).
const MAX_NODES_PER_ZONE: u32 = 1_000;

/// Nodes that an upgrade adds at a time (<https://cloud.google.com/kubernetes-engine/docs/concepts/node-pool-upgrade-strategies>).
const MAX_SURGE: u32 = 20;

/// <https://cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions>: windows of at least four
/// hours, and 48 hours of them in any 32 days, which hold every day of the week four times.
const SHORTEST_WINDOW: Duration = Duration::from_secs(4 * 3600);
const LEAST_PER_WEEK: Duration = Duration::from_secs(12 * 3600);
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// Authorized ranges of one cluster (<https://cloud.google.com/kubernetes-engine/docs/how-to/authorized-networks>,
/// "Limitations").
const MAX_AUTHORIZED_CIDRS: usize = 50;

/// What GKE refuses of a spec.
pub(crate) fn validate(desired: &EnvironmentSpec, gke: &GkeSpec) -> Vec<Violation> {
    let mut found = Violations::default();
    match &desired.region {
        None => found.add(
            "region",
            "a GKE environment needs a region or a zone",
            "set it, such as \"europe-west1\" or \"europe-west1-b\"",
        ),
        Some(region) if !is_location(region.as_str()) => found.add(
            "region",
            format!("{:?} is neither a region nor a zone of Google Cloud", region.as_str()),
            "use one such as \"europe-west1\" or \"europe-west1-b\"",
        ),
        Some(_) => {}
    }
    name_form(FieldPath::of("name"), desired.name.as_str(), MAX_NAME, &mut found);
    network(desired, gke, &mut found);
    tags(desired, &mut found);
    if let Some(window) = &desired.kubernetes.maintenance_window {
        maintenance_window(window, &mut found);
    }
    for (name, pool) in &desired.node_pools {
        node_pool(desired, name, pool, &mut found);
    }
    nodes(desired, &mut found);
    settings(gke, &mut found);
    found.0
}

/// Whether a location is a zone: regions have one dash.
pub(crate) fn is_zone(location: &str) -> bool {
    location.split('-').count() > 2
}

/// `europe-west1`, or `europe-west1-b`.
fn is_location(location: &str) -> bool {
    let parts: Vec<&str> = location.split('-').collect();
    let digits_last = |part: &&str| part.ends_with(|c: char| c.is_ascii_digit());
    (2..=3).contains(&parts.len()) && parts.iter().all(|part| !part.is_empty()) && parts.get(1).is_some_and(digits_last)
}

/// The region of a location.
pub(crate) fn region_of(location: &str) -> String {
    location.split('-').take(2).collect::<Vec<_>>().join("-")
}

/// The name at the end of a resource's path.
pub(crate) fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[derive(Default)]
struct Violations(Vec<Violation>);

impl Violations {
    fn add(&mut self, path: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.at(FieldPath::of(path), problem, remedy);
    }

    fn at(&mut self, path: FieldPath, problem: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Violation::new(path, problem, remedy));
    }
}

fn name_form(path: FieldPath, name: &str, max: usize, found: &mut Violations) {
    if name.len() > max {
        let problem = format!("the name has {} characters, more than {max}", name.len());
        found.at(path.clone(), problem, "use a shorter one");
    }
    let form = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !form {
        let remedy = "use lower-case letters, digits and `-`, a letter first and no `-` last";
        found.at(path, format!("GKE does not take the name {name:?}"), remedy);
    }
}

fn network(desired: &EnvironmentSpec, gke: &GkeSpec, found: &mut Violations) {
    let network = &desired.network;
    if !network.subnet_ids.is_empty() {
        found.add(
            "network.subnet_ids",
            "a GKE cluster has one subnetwork, which is named and has no id",
            "remove it, and set gke.subnetwork",
        );
    }
    let ranges = [
        ("pod_cidr", &network.pod_cidr, "pods_range_name", &gke.pods_range_name),
        ("service_cidr", &network.service_cidr, "services_range_name", &gke.services_range_name),
    ];
    for (cidr_field, cidr, name_field, name) in ranges {
        let path = || FieldPath::of("network").then(cidr_field);
        if let Some(cidr) = cidr
            && !matches!(parse_cidr(cidr), Some((IpAddr::V4(_), 1..=27)))
        {
            let remedy = "write its first address and the prefix length, such as \"10.64.0.0/14\"";
            found.at(path(), format!("{cidr:?} is not an IPv4 range"), remedy);
        }
        if cidr.is_some() && name.is_some() {
            let remedy = format!("remove it, or gke.{name_field}");
            found.at(path(), format!("gke.{name_field} already says where these addresses are from"), remedy);
        }
    }
    for cidr in network.authorized_cidrs.iter().filter(|cidr| parse_cidr(cidr).is_none()) {
        found.add(
            "network.authorized_cidrs",
            format!("{cidr:?} is not an address range"),
            "write its first address and the prefix length, such as \"203.0.113.0/24\"",
        );
    }
    if network.authorized_cidrs.len() > MAX_AUTHORIZED_CIDRS {
        found.add(
            "network.authorized_cidrs",
            format!("GKE takes {MAX_AUTHORIZED_CIDRS} ranges, and there are {}", network.authorized_cidrs.len()),
            "join neighbouring ranges",
        );
    }
}

/// Tags are labels in Google Cloud.
fn tags(desired: &EnvironmentSpec, found: &mut Violations) {
    if desired.tags.len() > MAX_LABELS {
        let problem =
            format!("Google takes 64 labels, of which two are multicloud's, and there are {}", desired.tags.len());
        found.add("tags", problem, format!("use at most {MAX_LABELS}"));
    }
    let allowed = |text: &str| {
        text.chars().all(|c| (c.is_alphanumeric() && !c.is_uppercase()) || c == '-' || c == '_')
            && text.chars().count() <= MAX_LABEL
    };
    for (key, value) in &desired.tags {
        let path = FieldPath::of("tags").key(key);
        if !allowed(key) || !key.starts_with(|c: char| c.is_alphabetic()) {
            let remedy = format!("use 1 to {MAX_LABEL} lower-case letters, digits, `-` or `_`, a letter first");
            found.at(path.clone(), "tags are labels in Google Cloud, which takes no such key", remedy);
        } else if key.starts_with("goog-") {
            found.at(path.clone(), "keys that begin with goog- are Google's own", "use another key");
        } else if key.starts_with("multicloud-") && ![OWNER_TAG, ENVIRONMENT_TAG].contains(&key.as_str()) {
            // The mark's own two are refused on every cloud.
            found.at(path.clone(), "keys that begin with multicloud- are multicloud's own", "use another key");
        }
        if !allowed(value) {
            let remedy = format!("use at most {MAX_LABEL} lower-case letters, digits, `-` or `_`");
            found.at(path, "tags are labels in Google Cloud, which takes no such value", remedy);
        }
    }
}

fn maintenance_window(window: &MaintenanceWindow, found: &mut Violations) {
    const PATH: &str = "kubernetes.maintenance_window";
    if window.days.is_empty() {
        found.add(PATH, "the window is on no day", "name at least one day");
        return;
    }
    let per_week = window.duration * u32::try_from(window.days.len()).unwrap_or(u32::MAX);
    if window.duration < SHORTEST_WINDOW || window.duration > LONGEST_WINDOW {
        found.add(PATH, "GKE takes windows of 4 to 24 hours", "change the duration");
    } else if per_week < LEAST_PER_WEEK {
        found.add(
            PATH,
            format!("GKE wants 48 hours of maintenance in 32 days, and this is {} a week", per_week.as_secs() / 3600),
            "make it at least 12 hours a week, over one day or several",
        );
    }
}

fn node_pool(desired: &EnvironmentSpec, name: &PoolName, pool: &PoolSpec, found: &mut Violations) {
    let at = |field: &str| FieldPath::pool(name).then(field);
    name_form(FieldPath::pool(name), name.as_str(), MAX_POOL_NAME, found);
    let zones = zone_count(desired, pool);
    if let PoolSize::Fixed(count) = pool.size
        && !count.is_multiple_of(zones)
    {
        found.0.push(indivisible(name, count, zones));
    }
    if let PoolSize::Autoscale { max: 0, .. } = pool.size {
        found.at(at("autoscale.max"), "GKE takes no maximum of 0", "set it to at least 1");
    }
    let (_, max) = pool.size.bounds();
    if max / zones > MAX_NODES_PER_ZONE {
        let problem = format!("GKE takes {MAX_NODES_PER_ZONE} nodes in a zone of a pool, and {max} are more");
        let field = if matches!(pool.size, PoolSize::Fixed(_)) { "count" } else { "autoscale.max" };
        found.at(at(field), problem, format!("use at most {}", MAX_NODES_PER_ZONE * zones));
    }
    if let Some(location) = &desired.region {
        let region = region_of(location.as_str());
        for zone in pool.zones.iter().filter(|zone| region_of(zone) != region || !is_zone(zone) || !is_location(zone)) {
            let remedy = format!("use zones such as \"{region}-b\"");
            found.at(at("zones"), format!("{zone:?} is no zone of {region}"), remedy);
        }
    }
    if let Some(size) = pool.disk_size_gb.filter(|size| !DISK_GB.contains(size)) {
        let remedy = format!("use {} to {}, or remove it", DISK_GB.start(), DISK_GB.end());
        found.at(at("disk_size_gb"), format!("GKE takes no disks of {size} GB"), remedy);
    }
    match pool.max_surge {
        Some(MaxSurge::Percent(_)) => {
            found.at(at("max_surge"), "GKE takes a number of nodes, and no percentage", "use a number, such as \"1\"");
        }
        Some(MaxSurge::Count(count)) if count > MAX_SURGE => {
            let problem = format!("GKE adds at most {MAX_SURGE} nodes at a time, not {count}");
            found.at(at("max_surge"), problem, format!("use at most {MAX_SURGE}"));
        }
        Some(MaxSurge::Count(_)) | None => {}
    }
    if pool.drain_timeout.is_some_and(|timeout| timeout.as_secs() == 0 || timeout.subsec_nanos() > 0) {
        found.at(at("drain_timeout"), "GKE takes whole seconds, at least one", "use a time such as \"30m\"");
    }
    for key in pool.labels.keys() {
        if let Some(problem) = reserved_label(key) {
            let remedy = "use a prefix of your own, or set it on the nodes from within the cluster";
            found.at(at("labels").key(key), problem, remedy);
        }
    }
}

/// GKE makes no cluster without a node, which its own workloads need.
fn nodes(desired: &EnvironmentSpec, found: &mut Violations) {
    let most = desired.node_pools.values().map(|pool| pool.size.bounds().1).max();
    if most == Some(0) {
        found.add("node_pools", "no pool has a node", "give at least one pool a node");
    }
}

/// Labels that are not for users to set: those of Kubernetes, but for two prefixes, keep a node from joining the cluster
/// (<https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction>), and those of GKE are
/// refused (<https://cloud.google.com/kubernetes-engine/docs/how-to/update-existing-nodepools>).
fn reserved_label(key: &str) -> Option<String> {
    let (prefix, name) = key.split_once('/')?;
    let within = |domain: &str| prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if within("cloud.google.com") && name.starts_with("gke-") {
        return Some("labels of cloud.google.com that begin with gke- are GKE's own".to_owned());
    }
    let of_kubernetes = within("kubernetes.io") || within("k8s.io");
    let allowed = within("node.kubernetes.io") || within("kubelet.kubernetes.io");
    (of_kubernetes && !allowed).then(|| format!("a node with a label of {prefix} does not join the cluster"))
}

fn settings(gke: &GkeSpec, found: &mut Violations) {
    for (field, value) in [("gke.network", &gke.network), ("gke.subnetwork", &gke.subnetwork)] {
        if let Some(path) = value {
            let name = last_segment(path);
            let form = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                && (path == name || path.contains("projects/"));
            if !form {
                let remedy = "use a name, or a path that begins with projects/";
                found.add(field, format!("{path:?} is neither a name nor a path of one"), remedy);
            }
        }
    }
    if let Some(account) = &gke.node_service_account
        && account != "default"
        && !account.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
    {
        found.add(
            "gke.node_service_account",
            format!("{account:?} is not a service account's e-mail address"),
            "use one such as \"nodes@acme-platform.iam.gserviceaccount.com\"",
        );
    }
    let ranges = [
        ("gke.pods_range_name", &gke.pods_range_name),
        ("gke.services_range_name", &gke.services_range_name),
        ("gke.image_type", &gke.image_type),
        ("gke.disk_type", &gke.disk_type),
    ];
    for (field, value) in ranges {
        let form =
            |value: &String| !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if value.as_ref().is_some_and(|value| !form(value)) {
            found.add(field, "it is not a name", "use letters, digits, `-` or `_`");
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::environment::{CloudSpec, Weekday};
    use crate::gke::plan::tests::example;

    fn violations(edit: impl FnOnce(&mut EnvironmentSpec, &mut GkeSpec)) -> String {
        let (mut spec, mut gke) = example();
        edit(&mut spec, &mut gke);
        spec.cloud = CloudSpec::Gke(gke.clone());
        let found: Vec<String> = validate(&spec, &gke).iter().map(ToString::to_string).collect();
        found.join("\n")
    }

    fn apps() -> PoolName {
        "apps".parse().unwrap()
    }

    #[test]
    fn a_good_spec_has_none() {
        assert_eq!(violations(|_, _| {}), "");
        let full = violations(|spec, gke| {
            spec.network.pod_cidr = Some("10.64.0.0/14".to_owned());
            spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned(), "2001:db8::/32".to_owned()].into();
            spec.tags =
                [("team_1".to_owned(), "plattform-gemüse".to_owned()), ("empty".to_owned(), String::new())].into();
            spec.kubernetes.maintenance_window = Some(MaintenanceWindow {
                days: [Weekday::Saturday, Weekday::Sunday].into(),
                start_minute: 60,
                duration: Duration::from_secs(6 * 3600),
            });
            let pool = spec.node_pools.get_mut(&apps()).unwrap();
            pool.zones = ["europe-west1-b".to_owned()].into();
            pool.size = PoolSize::Fixed(5);
            pool.drain_timeout = Some(Duration::from_secs(1800));
            pool.max_surge = Some(MaxSurge::Count(20));
            gke.network = Some("projects/host/global/networks/shared".to_owned());
            gke.subnetwork = Some("nodes".to_owned());
            gke.node_service_account = Some("nodes@acme.iam.gserviceaccount.com".to_owned());
        });
        assert_eq!(full, "");
    }

    #[test]
    fn what_gke_refuses_is_said_with_its_field() {
        let found = violations(|spec, gke| {
            spec.region = Some("europe".parse().unwrap());
            spec.name = "Prod_1".parse().unwrap();
            spec.network.subnet_ids = ["subnet-1".to_owned()].into();
            spec.network.pod_cidr = Some("10.64.0.1/14".to_owned());
            spec.network.service_cidr = Some("10.8.0.0/20".to_owned());
            spec.network.authorized_cidrs = ["office".to_owned()].into();
            spec.tags = [("Team".to_owned(), "A B".to_owned()), ("goog-x".to_owned(), String::new())].into();
            spec.kubernetes.maintenance_window = Some(MaintenanceWindow {
                days: [Weekday::Sunday].into(),
                start_minute: 0,
                duration: Duration::from_secs(4 * 3600),
            });
            gke.services_range_name = Some("services".to_owned());
            gke.network = Some("a b".to_owned());
            gke.node_service_account = Some("nodes".to_owned());
            gke.image_type = Some(String::new());
        });
        expect![[r#"
            region: "europe" is neither a region nor a zone of Google Cloud; use one such as "europe-west1" or "europe-west1-b"
            name: GKE does not take the name "Prod_1"; use lower-case letters, digits and `-`, a letter first and no `-` last
            network.subnet_ids: a GKE cluster has one subnetwork, which is named and has no id; remove it, and set gke.subnetwork
            network.pod_cidr: "10.64.0.1/14" is not an IPv4 range; write its first address and the prefix length, such as "10.64.0.0/14"
            network.service_cidr: gke.services_range_name already says where these addresses are from; remove it, or gke.services_range_name
            network.authorized_cidrs: "office" is not an address range; write its first address and the prefix length, such as "203.0.113.0/24"
            tags["Team"]: tags are labels in Google Cloud, which takes no such key; use 1 to 63 lower-case letters, digits, `-` or `_`, a letter first
            tags["Team"]: tags are labels in Google Cloud, which takes no such value; use at most 63 lower-case letters, digits, `-` or `_`
            tags["goog-x"]: keys that begin with goog- are Google's own; use another key
            kubernetes.maintenance_window: GKE wants 48 hours of maintenance in 32 days, and this is 4 a week; make it at least 12 hours a week, over one day or several
            gke.network: "a b" is neither a name nor a path of one; use a name, or a path that begins with projects/
            gke.node_service_account: "nodes" is not a service account's e-mail address; use one such as "nodes@acme-platform.iam.gserviceaccount.com"
            gke.image_type: it is not a name; use letters, digits, `-` or `_`"#]]
        .assert_eq(&found);
    }

    #[test]
    fn what_gke_refuses_of_a_pool_is_said_with_its_field() {
        let found = violations(|spec, _| {
            let like = spec.node_pools.remove(&apps()).unwrap();
            let mut pool = like.clone();
            pool.size = PoolSize::Fixed(4);
            pool.zones = ["europe-west1-b".to_owned(), "us-east1-b".to_owned(), "europe-west1".to_owned()].into();
            pool.disk_size_gb = Some(9);
            pool.max_surge = Some("50%".parse().unwrap());
            pool.drain_timeout = Some(Duration::from_millis(1500));
            pool.labels = ["kubernetes.io/x", "node.kubernetes.io/x", "cloud.google.com/gke-x"]
                .map(|key| (key.to_owned(), "1".to_owned()))
                .into();
            spec.node_pools.insert("apps".parse().unwrap(), pool);
            let mut huge = like.clone();
            huge.size = PoolSize::Autoscale { min: 0, max: 4_000 };
            huge.max_surge = Some(MaxSurge::Count(21));
            spec.node_pools.insert("a-name-of-thirty-two-characters-".parse().unwrap(), huge);
            let mut empty = like;
            empty.size = PoolSize::Autoscale { min: 0, max: 0 };
            spec.node_pools.insert("empty".parse().unwrap(), empty);
        });
        expect![[r#"
            node_pools["a-name-of-thirty-two-characters-"]: the name has 32 characters, more than 31; use a shorter one
            node_pools["a-name-of-thirty-two-characters-"]: GKE does not take the name "a-name-of-thirty-two-characters-"; use lower-case letters, digits and `-`, a letter first and no `-` last
            node_pools["a-name-of-thirty-two-characters-"].autoscale.max: GKE takes 1000 nodes in a zone of a pool, and 4000 are more; use at most 3000
            node_pools["a-name-of-thirty-two-characters-"].max_surge: GKE adds at most 20 nodes at a time, not 21; use at most 20
            node_pools["apps"].count: GKE has the same number of nodes in each zone, and 4 cannot be shared by 3 zones; use a multiple of 3, or name the zones in node_pools["apps"].zones
            node_pools["apps"].zones: "europe-west1" is no zone of europe-west1; use zones such as "europe-west1-b"
            node_pools["apps"].zones: "us-east1-b" is no zone of europe-west1; use zones such as "europe-west1-b"
            node_pools["apps"].disk_size_gb: GKE takes no disks of 9 GB; use 10 to 65536, or remove it
            node_pools["apps"].max_surge: GKE takes a number of nodes, and no percentage; use a number, such as "1"
            node_pools["apps"].drain_timeout: GKE takes whole seconds, at least one; use a time such as "30m"
            node_pools["apps"].labels["cloud.google.com/gke-x"]: labels of cloud.google.com that begin with gke- are GKE's own; use a prefix of your own, or set it on the nodes from within the cluster
            node_pools["apps"].labels["kubernetes.io/x"]: a node with a label of kubernetes.io does not join the cluster; use a prefix of your own, or set it on the nodes from within the cluster
            node_pools["empty"].autoscale.max: GKE takes no maximum of 0; set it to at least 1"#]]
        .assert_eq(&found);
    }

    #[test]
    fn regions_and_zones_are_told_apart() {
        assert!(is_zone("us-central1-a") && !is_zone("northamerica-northeast1"));
        assert!(is_location("us-south1-ai1b") && is_location("europe-west12"));
        assert!(!is_location("us") && !is_location("us-central1-a-b") && !is_location("us-west") && !is_location("-1"));
        assert_eq!(region_of("us-central1-a"), "us-central1");
    }

    #[test]
    fn a_count_is_shared_by_the_zones_that_are_meant() {
        let with = |location: &str, count| {
            violations(|spec, _| {
                spec.region = Some(location.parse().unwrap());
                spec.node_pools.get_mut(&apps()).unwrap().size = PoolSize::Fixed(count);
            })
        };
        assert_eq!(with("europe-west1-b", 5), "", "a zone has them all");
        assert_eq!(with("europe-west1", 6), "");
        assert!(with("europe-west1", 5).contains("multiple of 3"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_validator(text in ".*", location in "[a-z0-9-]{1,20}") {
            drop(violations(|spec, gke| {
                spec.region = location.parse().ok();
                spec.network.pod_cidr = Some(text.clone());
                spec.network.authorized_cidrs = [text.clone()].into();
                spec.tags = [(text.clone(), text.clone())].into();
                spec.node_pools.get_mut(&apps()).unwrap().zones = [text.clone()].into();
                gke.network = Some(text.clone());
                gke.node_service_account = Some(text.clone());
            }));
        }
    }
}
