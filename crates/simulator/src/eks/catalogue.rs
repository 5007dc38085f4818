//! What EKS offers: Kubernetes versions, add-ons, access policies, instance types. As of 2026-01-01, where virtual time
//! starts. Sources: the EKS user guide's version calendar, platform versions and add-on pages.

use crate::clock::Moment;

/// A Kubernetes version that clusters can have.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) minor: u32,
    pub(super) patch: u32,
    pub(super) platform: u32,
    pub(super) released: Moment,
    pub(super) end_of_standard: Moment,
    pub(super) end_of_extended: Moment,
    pub(super) extended: bool,
}

const fn version(
    minor: u32,
    patch: u32,
    platform: u32,
    extended: bool,
    released: (i64, i64, i64),
    end_of_standard: (i64, i64, i64),
) -> Version {
    Version {
        minor,
        patch,
        platform,
        released: Moment::date(released.0, released.1, released.2),
        end_of_standard: Moment::date(end_of_standard.0, end_of_standard.1, end_of_standard.2),
        // Extended support lasts a year.
        end_of_extended: Moment::date(end_of_standard.0 + 1, end_of_standard.1, end_of_standard.2),
        extended,
    }
}

/// Oldest first.
pub(super) const VERSIONS: &[Version] = &[
    version(29, 15, 51, true, (2024, 1, 23), (2025, 3, 23)),
    version(30, 14, 52, true, (2024, 5, 23), (2025, 7, 23)),
    version(31, 14, 48, true, (2024, 9, 26), (2025, 11, 26)),
    version(32, 10, 30, false, (2025, 1, 23), (2026, 3, 23)),
    version(33, 6, 23, false, (2025, 5, 29), (2026, 7, 29)),
    version(34, 2, 10, false, (2025, 10, 2), (2026, 12, 2)),
];

/// What a cluster gets that asks for none.
pub(super) const DEFAULT_MINOR: u32 = 34;

/// The dates of the two newest machine images of each version, newest first.
const IMAGE_DATES: [&str; 2] = ["20251209", "20251112"];

impl Version {
    pub(super) fn name(&self) -> String {
        format!("1.{}", self.minor)
    }

    pub(super) fn platform_version(&self) -> String {
        format!("eks.{}", self.platform)
    }

    /// The release versions of its machine images, newest first.
    pub(super) fn releases(&self) -> [String; 2] {
        IMAGE_DATES.map(|date| format!("1.{}.{}-{date}", self.minor, self.patch))
    }
}

/// The version of a name like `1.33`, if it is offered.
pub(super) fn find(name: &str) -> Option<&'static Version> {
    let minor: u32 = name.strip_prefix("1.")?.parse().ok()?;
    VERSIONS.iter().find(|version| version.minor == minor && version.name() == name)
}

/// An add-on that EKS offers.
#[derive(Debug)]
pub(super) struct Addon {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) owner: &'static str,
    pub(super) publisher: &'static str,
    pub(super) namespace: &'static str,
    /// Newest first, with the first and last minor of Kubernetes that it runs on.
    pub(super) versions: &'static [(&'static str, u32, u32)],
    /// Runs as a Deployment, so that without nodes it has no replicas.
    pub(super) needs_nodes: bool,
}

pub(super) const ADDONS: &[Addon] = &[
    Addon {
        name: "vpc-cni",
        kind: "networking",
        owner: "aws",
        publisher: "eks",
        namespace: "kube-system",
        versions: &[("v1.20.5-eksbuild.1", 29, 34), ("v1.20.4-eksbuild.2", 29, 34), ("v1.19.6-eksbuild.7", 29, 33)],
        needs_nodes: false,
    },
    Addon {
        name: "coredns",
        kind: "networking",
        owner: "aws",
        publisher: "eks",
        namespace: "kube-system",
        versions: &[("v1.12.4-eksbuild.1", 33, 34), ("v1.12.3-eksbuild.1", 33, 34), ("v1.11.4-eksbuild.24", 29, 33)],
        needs_nodes: true,
    },
    Addon {
        name: "kube-proxy",
        kind: "networking",
        owner: "aws",
        publisher: "eks",
        namespace: "kube-system",
        // May be up to three minors behind its cluster and never ahead of it.
        versions: &[
            ("v1.34.1-eksbuild.2", 34, 34),
            ("v1.33.5-eksbuild.2", 33, 34),
            ("v1.32.9-eksbuild.2", 32, 34),
            ("v1.31.13-eksbuild.2", 31, 34),
            ("v1.30.14-eksbuild.12", 30, 33),
            ("v1.29.15-eksbuild.22", 29, 32),
        ],
        needs_nodes: false,
    },
    Addon {
        name: "aws-ebs-csi-driver",
        kind: "storage",
        owner: "aws",
        publisher: "eks",
        namespace: "kube-system",
        versions: &[("v1.53.0-eksbuild.1", 29, 34), ("v1.50.1-eksbuild.1", 29, 34)],
        needs_nodes: true,
    },
    Addon {
        name: "eks-pod-identity-agent",
        kind: "security",
        owner: "aws",
        publisher: "eks",
        namespace: "kube-system",
        versions: &[("v1.3.10-eksbuild.1", 29, 34), ("v1.3.9-eksbuild.3", 29, 34)],
        needs_nodes: false,
    },
    Addon {
        name: "metrics-server",
        kind: "observability",
        owner: "community",
        publisher: "eks",
        namespace: "kube-system",
        versions: &[("v0.8.0-eksbuild.5", 29, 34), ("v0.7.2-eksbuild.4", 29, 33)],
        needs_nodes: true,
    },
];

impl Addon {
    pub(super) fn find(name: &str) -> Option<&'static Addon> {
        ADDONS.iter().find(|addon| addon.name == name)
    }

    /// What a cluster of that minor gets that asks for no version.
    pub(super) fn default_version(&self, minor: u32) -> Option<&'static str> {
        self.versions.iter().find(|(_, from, to)| (*from..=*to).contains(&minor)).map(|(name, _, _)| *name)
    }

    pub(super) fn runs_on(&self, version: &str, minor: u32) -> bool {
        self.versions.iter().any(|(name, from, to)| *name == version && (*from..=*to).contains(&minor))
    }
}

/// The access policies of EKS.
pub(super) const ACCESS_POLICIES: &[&str] = &[
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
];

pub(super) fn access_policy_arn(name: &str) -> String {
    format!("arn:aws:eks::aws:cluster-access-policy/{name}")
}

/// Instance families, and whether their processors are Graviton (64-bit Arm).
const FAMILIES: &[(&str, bool)] = &[
    ("t3", false),
    ("t3a", false),
    ("t4g", true),
    ("m5", false),
    ("m5a", false),
    ("m6a", false),
    ("m6g", true),
    ("m6i", false),
    ("m7a", false),
    ("m7g", true),
    ("m7i", false),
    ("m7i-flex", false),
    ("m8g", true),
    ("c5", false),
    ("c6a", false),
    ("c6g", true),
    ("c6i", false),
    ("c7g", true),
    ("c7i", false),
    ("r5", false),
    ("r6g", true),
    ("r6i", false),
    ("r7g", true),
    ("r7i", false),
    ("i4i", false),
    ("g4dn", false),
    ("g5", false),
    ("g6", false),
];

const SIZES: &[&str] = &[
    "nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
    "24xlarge", "metal",
];

/// Whether an instance type is Arm; none when there is no such type.
pub(super) fn is_arm(instance_type: &str) -> Option<bool> {
    let (family, size) = instance_type.split_once('.')?;
    let (_, arm) = FAMILIES.iter().find(|(name, _)| *name == family)?;
    SIZES.contains(&size).then_some(*arm)
}

/// For `--help`.
pub(super) fn text() -> String {
    let versions: Vec<_> = VERSIONS.iter().map(Version::name).collect();
    let addons: Vec<_> = ADDONS.iter().map(|addon| addon.name).collect();
    let families: Vec<_> = FAMILIES.iter().map(|(name, _)| *name).collect();
    format!(
        "\x20      versions {} (default 1.{DEFAULT_MINOR}); add-ons {}\n\
         \x20      instance families {}\n",
        versions.join(", "),
        addons.join(", "),
        families.join(", ")
    )
}
