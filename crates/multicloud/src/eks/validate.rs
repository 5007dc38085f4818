//! What EKS refuses in a spec, told before anything is asked of EKS. Pure.

use std::net::IpAddr;

use super::spec::{AuthenticationMode, EksSpec};
use crate::cidr::parse_cidr;
use crate::environment::{
    ENVIRONMENT_TAG, EnvironmentSpec, FieldPath, MaxSurge, OWNER_TAG, PoolName, PoolSize, PoolSpec, Violation,
};

/// A node group's name has at most 63 characters ([CreateNodegroup]), and one that replaces another has nine more than
/// its pool: a dash and a hash.
///
/// [CreateNodegroup]: https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html
const MAX_POOL_NAME: usize = 54;

/// AWS takes 50 tags per resource; four are ours: the mark's two, the pool and its mode, or the cluster's parts
/// (<https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html>, "Tag restrictions").
const MAX_TAGS: usize = 46;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// <https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html>: "Public endpoint access CIDR ranges".
const MAX_AUTHORIZED_CIDRS: usize = 40;

/// Taints of one node group (terraform-provider-aws, documentation of `eks_node_group`).
const MAX_TAINTS: usize = 50;

/// Keys of labels and taints: shapes `labelKey` and `taintKey` of the service description, which Kubernetes itself lets be
/// longer where they have a prefix. A label's value must have at least one character (`labelValue`).
const MAX_KEY: usize = 63;

/// Nodes that an upgrade takes at a time ([NodegroupUpdateConfig]).
///
/// [NodegroupUpdateConfig]: https://docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupUpdateConfig.html
const MAX_UNAVAILABLE: u32 = 100;

/// What EKS refuses of a spec.
pub(crate) fn validate(desired: &EnvironmentSpec, eks: &EksSpec) -> Vec<Violation> {
    let mut found = Violations::default();
    if desired.region.is_none() {
        found.add("region", "an EKS environment needs a region", "set it, such as \"us-east-1\"");
    }
    if desired.kubernetes.maintenance_window.is_some() {
        found.add("kubernetes.maintenance_window", "EKS has no maintenance windows", "remove it");
    }
    network(desired, &mut found);
    tags(desired, &mut found);
    for (name, pool) in &desired.node_pools {
        node_pool(name, pool, &mut found);
    }
    cluster(desired, eks, &mut found);
    found.0
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

    fn arn(&mut self, path: FieldPath, arn: &str, part: &str, remedy: &str) {
        if !arn.starts_with("arn:") || !arn.contains(part) {
            let what = if arn.is_empty() { "it is empty".to_owned() } else { format!("{arn:?} is not such an ARN") };
            self.at(path, what, remedy);
        }
    }
}

fn network(desired: &EnvironmentSpec, found: &mut Violations) {
    let network = &desired.network;
    // The API's own words: "You must specify at least two subnets that are in different Availability Zones".
    if network.subnet_ids.len() < 2 {
        found.add(
            "network.subnet_ids",
            format!("EKS needs at least two subnets, in different zones, and there are {}", network.subnet_ids.len()),
            "name at least two",
        );
    }
    for subnet in network.subnet_ids.iter().filter(|subnet| !subnet.starts_with("subnet-")) {
        found.add(
            "network.subnet_ids",
            format!("{subnet:?} is not a subnet's id"),
            "use ids such as \"subnet-0a1b2c3d\"",
        );
    }
    if network.pod_cidr.is_some() {
        found.add("network.pod_cidr", "pods on EKS have addresses of the VPC", "remove it");
    }
    // KubernetesNetworkConfigRequest.serviceIpv4Cidr: within 10/8, 172.16/12 or 192.168/16, from /24 to /12.
    if let Some(cidr) = &network.service_cidr {
        let fits = match parse_cidr(cidr) {
            Some((IpAddr::V4(address), prefix)) => address.is_private() && (12..=24).contains(&prefix),
            Some((IpAddr::V6(_), _)) | None => false,
        };
        if !fits {
            found.add(
                "network.service_cidr",
                format!("{cidr:?} is not a private IPv4 range from /12 to /24"),
                "use a range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
            );
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
            format!("EKS takes {MAX_AUTHORIZED_CIDRS} ranges, and there are {}", network.authorized_cidrs.len()),
            "join neighbouring ranges",
        );
    }
    if network.private_endpoint && !network.authorized_cidrs.is_empty() {
        found.add(
            "network.authorized_cidrs",
            "ranges hold for the public endpoint alone, which private_endpoint turns off",
            "remove them, or set private_endpoint to false",
        );
    }
}

/// Keys and values as all of AWS takes them.
fn tags(desired: &EnvironmentSpec, found: &mut Violations) {
    if desired.tags.len() > MAX_TAGS {
        let problem =
            format!("AWS takes 50 tags, of which four are multicloud's, and there are {}", desired.tags.len());
        found.add("tags", problem, format!("use at most {MAX_TAGS}"));
    }
    for (key, value) in &desired.tags {
        let path = FieldPath::of("tags").key(key);
        let allowed =
            |text: &str| text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "+-=._:/@".contains(c));
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY || !allowed(key) {
            let remedy = format!("use 1 to {MAX_TAG_KEY} letters, digits, spaces or + - = . _ : / @");
            found.at(path.clone(), "AWS does not take this key", remedy);
        } else if key.to_ascii_lowercase().starts_with("aws:") {
            found.at(path.clone(), "keys that begin with aws: are AWS's own", "use another key");
        } else if key.starts_with("multicloud-") && ![OWNER_TAG, ENVIRONMENT_TAG].contains(&key.as_str()) {
            // The mark's own two are refused on every cloud.
            found.at(path.clone(), "keys that begin with multicloud- are multicloud's own", "use another key");
        }
        if value.chars().count() > MAX_TAG_VALUE || !allowed(value) {
            let remedy = format!("use at most {MAX_TAG_VALUE} letters, digits, spaces or + - = . _ : / @");
            found.at(path, "AWS does not take this value", remedy);
        }
    }
}

fn node_pool(name: &PoolName, pool: &PoolSpec, found: &mut Violations) {
    let at = |field: &str| FieldPath::pool(name).then(field);
    if name.as_str().len() > MAX_POOL_NAME {
        found.at(
            FieldPath::pool(name),
            format!("the name has {} characters, more than {MAX_POOL_NAME}", name.as_str().len()),
            "use a shorter one",
        );
    }
    if let PoolSize::Autoscale { max: 0, .. } = pool.size {
        found.at(at("autoscale.max"), "EKS takes no maximum of 0", "set it to at least 1");
    }
    if !pool.zones.is_empty() {
        // A subnet's zone is known to EC2 and not to EKS.
        found.at(
            at("zones"),
            "EKS places nodes by subnets, not by zones",
            format!("remove it, and name subnets of these zones in eks.node_groups[{:?}].subnet_ids", name.as_str()),
        );
    }
    if pool.disk_size_gb == Some(0) {
        found.at(at("disk_size_gb"), "a disk needs a size", "set it to at least 1, or remove it");
    }
    if let Some(MaxSurge::Count(count)) = pool.max_surge
        && count > MAX_UNAVAILABLE
    {
        let problem = format!("EKS takes at most {MAX_UNAVAILABLE} nodes at a time, not {count}");
        found.at(at("max_surge"), problem, format!("use at most {MAX_UNAVAILABLE}, or a percentage"));
    }
    for (key, value) in &pool.labels {
        if let Some(problem) = reserved_label(key) {
            let remedy = "use a prefix of your own, or set it on the nodes from within the cluster";
            found.at(at("labels").key(key), problem, remedy);
        }
        if key.len() > MAX_KEY {
            let remedy = format!("use at most {MAX_KEY}, prefix included");
            found.at(at("labels").key(key), format!("the key has {} characters", key.len()), remedy);
        }
        if value.is_empty() {
            found.at(at("labels").key(key), "EKS takes no label without a value", "give it one, such as \"true\"");
        }
    }
    for taint in pool.taints.iter().filter(|taint| taint.key.len() > MAX_KEY) {
        let problem = format!("the key {:?} has {} characters", taint.key, taint.key.len());
        found.at(at("taints"), problem, format!("use at most {MAX_KEY}, prefix included"));
    }
    if pool.taints.len() > MAX_TAINTS {
        let problem = format!("EKS takes {MAX_TAINTS} taints, and there are {}", pool.taints.len());
        found.at(at("taints"), problem, "use fewer");
    }
}

/// Labels that a node cannot give itself: those of Kubernetes, but for two prefixes, keep it from joining the cluster, which
/// shows half an hour later as a group that failed (aws/containers-roadmap #2465, terraform-aws-modules/eks #3346).
/// <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction>
fn reserved_label(key: &str) -> Option<String> {
    let (prefix, _) = key.split_once('/')?;
    let within = |domain: &str| prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if within("eks.amazonaws.com") {
        return Some("labels of eks.amazonaws.com are EKS's own".to_owned());
    }
    let of_kubernetes = within("kubernetes.io") || within("k8s.io");
    let allowed = within("node.kubernetes.io") || within("kubelet.kubernetes.io");
    (of_kubernetes && !allowed).then(|| format!("a node with a label of {prefix} does not join the cluster"))
}

fn cluster(desired: &EnvironmentSpec, eks: &EksSpec, found: &mut Violations) {
    const ROLE: &str = "use a role's ARN, such as \"arn:aws:iam::123456789012:role/eks\"";
    found.arn(FieldPath::of("eks.role_arn"), &eks.role_arn, ":role/", ROLE);
    found.arn(FieldPath::of("eks.node_role_arn"), &eks.node_role_arn, ":role/", ROLE);
    if let Some(key) = &eks.encryption_key_arn {
        let remedy = "use a key's ARN, such as \"arn:aws:kms:us-east-1:123456789012:key/…\"";
        found.arn(FieldPath::of("eks.encryption_key_arn"), key, ":kms:", remedy);
    }
    for (name, group) in &eks.node_groups {
        let path = FieldPath::of("eks.node_groups").key(name.as_str());
        if !desired.node_pools.contains_key(name) {
            found.at(path.clone(), "there is no node pool of this name", "use a key of node_pools");
        }
        if let Some(role) = &group.node_role_arn {
            found.arn(path.clone().then("node_role_arn"), role, ":role/", ROLE);
        }
        for subnet in group.subnet_ids.iter().filter(|subnet| !subnet.starts_with("subnet-")) {
            let remedy = "use ids such as \"subnet-0a1b2c3d\"";
            found.at(path.clone().then("subnet_ids"), format!("{subnet:?} is not a subnet's id"), remedy);
        }
    }
    for (name, addon) in &eks.addons {
        let path = FieldPath::of("eks.addons").key(name);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.is_empty() || !name.chars().all(allowed) {
            found.at(path.clone(), format!("{name:?} is not an add-on's name"), "use a name such as \"vpc-cni\"");
        }
        if let Some(role) = &addon.service_account_role_arn {
            found.arn(path.then("service_account_role_arn"), role, ":role/", ROLE);
        }
    }
    if !eks.access_entries.is_empty() && eks.authentication_mode == AuthenticationMode::ConfigMap {
        found.add(
            "eks.access_entries",
            format!("authentication mode {} knows no access entries", eks.authentication_mode),
            format!("set eks.authentication_mode to {}", AuthenticationMode::ApiAndConfigMap),
        );
    }
    for (principal, entry) in &eks.access_entries {
        let path = FieldPath::of("eks.access_entries").key(principal);
        found.arn(path.clone(), principal, ":iam:", "use the ARN of a role or user as the key");
        if entry.entry_type.as_deref().is_some_and(|entry_type| entry_type != "STANDARD") && !entry.policies.is_empty()
        {
            found.at(path.clone().then("policies"), "only entries of type STANDARD take policies", "remove them");
        }
        for policy in entry.policies.keys() {
            let remedy = "use a policy's ARN, such as \"arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy\"";
            found.arn(path.clone().then("policies").key(policy), policy, ":cluster-access-policy/", remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::eks::plan::tests::example;
    use crate::eks::{AccessEntrySpec, AccessScope, AddonSpec, NodeGroupSpec};
    use crate::environment::CloudSpec;

    fn violations(edit: impl FnOnce(&mut EnvironmentSpec, &mut EksSpec)) -> String {
        let (mut spec, mut eks) = example();
        edit(&mut spec, &mut eks);
        spec.cloud = CloudSpec::Eks(eks.clone());
        let found: Vec<String> = validate(&spec, &eks).iter().map(ToString::to_string).collect();
        found.join("\n")
    }

    #[test]
    fn a_good_spec_has_none() {
        assert_eq!(violations(|_, _| {}), "");
        let full = violations(|spec, eks| {
            spec.network.service_cidr = Some("172.20.0.0/16".to_owned());
            spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned(), "2001:db8::/32".to_owned()].into();
            spec.tags = [("Team name".to_owned(), "platform+ops@example.com".to_owned())].into();
            eks.encryption_key_arn = Some("arn:aws-cn:kms:cn-north-1:123456789012:key/1".to_owned());
            eks.addons.insert("vpc-cni".to_owned(), AddonSpec::default());
        });
        assert_eq!(full, "");
    }

    #[test]
    fn what_eks_refuses_is_said_with_its_field() {
        let found = violations(|spec, eks| {
            spec.region = None;
            spec.network.subnet_ids = ["10.0.0.0/24".to_owned()].into();
            spec.network.pod_cidr = Some("10.1.0.0/16".to_owned());
            spec.network.service_cidr = Some("8.8.8.0/24".to_owned());
            spec.network.authorized_cidrs = ["office".to_owned(), "10.0.0.0/33".to_owned()].into();
            spec.network.private_endpoint = true;
            spec.tags = [("AWS:x".to_owned(), "1".to_owned()), ("multicloud-x".to_owned(), "\u{7}".to_owned())].into();
            eks.role_arn = "eks".to_owned();
            eks.node_role_arn = String::new();
            eks.encryption_key_arn = Some("alias/key".to_owned());
            eks.node_groups.insert("nowhere".parse().unwrap(), NodeGroupSpec::default());
            eks.authentication_mode = AuthenticationMode::ConfigMap;
            let entry = AccessEntrySpec {
                entry_type: Some("EC2_LINUX".to_owned()),
                policies: [("view".to_owned(), AccessScope::Cluster)].into(),
                ..AccessEntrySpec::default()
            };
            eks.access_entries.insert("alice".to_owned(), entry);
        });
        expect![[r#"
            region: an EKS environment needs a region; set it, such as "us-east-1"
            network.subnet_ids: EKS needs at least two subnets, in different zones, and there are 1; name at least two
            network.subnet_ids: "10.0.0.0/24" is not a subnet's id; use ids such as "subnet-0a1b2c3d"
            network.pod_cidr: pods on EKS have addresses of the VPC; remove it
            network.service_cidr: "8.8.8.0/24" is not a private IPv4 range from /12 to /24; use a range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16
            network.authorized_cidrs: "10.0.0.0/33" is not an address range; write its first address and the prefix length, such as "203.0.113.0/24"
            network.authorized_cidrs: "office" is not an address range; write its first address and the prefix length, such as "203.0.113.0/24"
            network.authorized_cidrs: ranges hold for the public endpoint alone, which private_endpoint turns off; remove them, or set private_endpoint to false
            tags["AWS:x"]: keys that begin with aws: are AWS's own; use another key
            tags["multicloud-x"]: keys that begin with multicloud- are multicloud's own; use another key
            tags["multicloud-x"]: AWS does not take this value; use at most 256 letters, digits, spaces or + - = . _ : / @
            eks.role_arn: "eks" is not such an ARN; use a role's ARN, such as "arn:aws:iam::123456789012:role/eks"
            eks.node_role_arn: it is empty; use a role's ARN, such as "arn:aws:iam::123456789012:role/eks"
            eks.encryption_key_arn: "alias/key" is not such an ARN; use a key's ARN, such as "arn:aws:kms:us-east-1:123456789012:key/…"
            eks.node_groups["nowhere"]: there is no node pool of this name; use a key of node_pools
            eks.access_entries: authentication mode CONFIG_MAP knows no access entries; set eks.authentication_mode to API_AND_CONFIG_MAP
            eks.access_entries["alice"]: "alice" is not such an ARN; use the ARN of a role or user as the key
            eks.access_entries["alice"].policies: only entries of type STANDARD take policies; remove them
            eks.access_entries["alice"].policies["view"]: "view" is not such an ARN; use a policy's ARN, such as "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy""#]].assert_eq(&found);
    }

    #[test]
    fn pools_are_checked_each() {
        let found = violations(|spec, _| {
            let mut pool = spec.node_pools.values().next().unwrap().clone();
            pool.size = PoolSize::Autoscale { min: 0, max: 0 };
            pool.zones = ["us-east-1a".to_owned()].into();
            pool.disk_size_gb = Some(0);
            pool.max_surge = Some(MaxSurge::Count(101));
            let long = format!("{}/key", "a".repeat(60));
            pool.labels = [(long.clone(), "1".to_owned()), ("empty".to_owned(), String::new())].into();
            let effect = crate::environment::TaintEffect::NoExecute;
            pool.taints = [crate::environment::Taint { key: long, effect, value: String::new() }].into();
            spec.node_pools.insert("p".repeat(55).parse().unwrap(), pool);
        });
        expect![[r#"
            node_pools["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"]: the name has 55 characters, more than 54; use a shorter one
            node_pools["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"].autoscale.max: EKS takes no maximum of 0; set it to at least 1
            node_pools["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"].zones: EKS places nodes by subnets, not by zones; remove it, and name subnets of these zones in eks.node_groups["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"].subnet_ids
            node_pools["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"].disk_size_gb: a disk needs a size; set it to at least 1, or remove it
            node_pools["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"].max_surge: EKS takes at most 100 nodes at a time, not 101; use at most 100, or a percentage
            node_pools["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"].labels["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/key"]: the key has 64 characters; use at most 63, prefix included
            node_pools["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"].labels["empty"]: EKS takes no label without a value; give it one, such as "true"
            node_pools["ppppppppppppppppppppppppppppppppppppppppppppppppppppppp"].taints: the key "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/key" has 64 characters; use at most 63, prefix included"#]].assert_eq(&found);
    }

    #[test]
    fn labels_that_keep_nodes_out_are_known() {
        for good in ["team", "example.com/team", "node.kubernetes.io/class", "notkubernetes.io/x"] {
            assert_eq!(reserved_label(good), None, "{good}");
        }
        for bad in ["kubernetes.io/x", "node-role.kubernetes.io/worker", "k8s.io/x", "eks.amazonaws.com/nodegroup"] {
            assert!(reserved_label(bad).is_some(), "{bad}");
        }
    }
}
