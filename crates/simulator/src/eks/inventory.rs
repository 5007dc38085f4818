//! What exists without being made.

/// The first is that of every access key; roles can be assumed in each.
pub(super) const ACCOUNTS: [&str; 2] = ["123456789012", "210987654321"];

pub(super) const REGIONS: [&str; 8] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "ap-southeast-1",
    "ap-northeast-1",
];

/// The one network of each region of each account.
pub(super) const VPC: &str = "vpc-0000000000000000a";

/// Subnets with the letter of their availability zone: one in each of three, and a second one in the first.
pub(super) const SUBNETS: [(&str, char); 4] = [
    ("subnet-0000000000000000a", 'a'),
    ("subnet-0000000000000000b", 'b'),
    ("subnet-0000000000000000c", 'c'),
    ("subnet-0000000000000000d", 'a'),
];

pub(super) const SECURITY_GROUPS: [&str; 2] = ["sg-0000000000000000a", "sg-0000000000000000b"];

/// The role that a control plane may take on.
pub(super) const CLUSTER_ROLE: &str = "eks-cluster";

/// The role that nodes may take on.
pub(super) const NODE_ROLE: &str = "eks-node";

/// All roles: besides those two, one for service accounts and three for people and pipelines.
pub(super) const ROLES: [&str; 6] = [CLUSTER_ROLE, NODE_ROLE, "eks-addon", "admin", "developer", "deployer"];

/// The first is whoever signs with an access key.
pub(super) const USERS: [&str; 3] = ["simulator", "alice", "bob"];

pub(super) const KEY: &str = "key/00000000-0000-4000-8000-00000000000a";

/// The zone of a subnet, if there is such a subnet.
pub(super) fn zone(subnet: &str) -> Option<char> {
    SUBNETS.iter().find(|(id, _)| *id == subnet).map(|(_, zone)| *zone)
}

/// The name of a role, if it exists.
pub(super) fn role(arn: &str) -> Option<&'static str> {
    let (account, name) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    ROLES.into_iter().find(|role| *role == name && ACCOUNTS.contains(&account))
}

/// Whether there is such a user or role.
pub(super) fn is_principal(arn: &str) -> bool {
    let user = |arn: &str| {
        let (account, name) = arn.strip_prefix("arn:aws:iam::")?.split_once(":user/")?;
        Some(ACCOUNTS.contains(&account) && USERS.contains(&name))
    };
    role(arn).is_some() || user(arn) == Some(true)
}

/// For `--help`.
pub(super) fn text() -> String {
    let [account, other] = ACCOUNTS;
    let subnets = SUBNETS.map(|(id, zone)| format!("{id} (zone {zone})")).join(", ");
    format!(
        "  eks: accounts {account} (of every access key) and {other}\n\
         \x20      regions {}\n\
         \x20      in each: {VPC} with {subnets}; security groups {}; KMS {KEY}\n\
         \x20      roles arn:aws:iam::{account}:role/<name>: {}\n\
         \x20      users arn:aws:iam::{account}:user/<name>: {}\n",
        REGIONS.join(", "),
        SECURITY_GROUPS.join(", "),
        ROLES.join(", "),
        USERS.join(", "),
    )
}
