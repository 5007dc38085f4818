//! The Kubernetes versions that AKS offers, as of 2026-01-01, where virtual time starts. Source: the AKS release calendar.

use std::fmt;

use serde_json::{Value, json};

/// A Kubernetes version, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) minor: u32,
    pub(super) patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}.{}", self.minor, self.patch)
    }
}

/// Minors, oldest first, with their two newest patches, newest last.
const OFFERED: [(u32, [u32; 2]); 6] =
    [(29, [14, 15]), (30, [13, 14]), (31, [12, 13]), (32, [8, 9]), (33, [4, 5]), (34, [0, 1])];

/// What a cluster gets that asks for none.
pub(super) const DEFAULT: Version = Version { minor: 33, patch: 5 };

impl Version {
    /// What is written out whole, offered or not.
    pub(super) fn parse(text: &str) -> Option<Version> {
        let (minor, patch) = text.strip_prefix("1.")?.split_once('.')?;
        Some(Version { minor: minor.parse().ok()?, patch: patch.parse().ok()? })
    }

    /// The version that `1.33` or `1.33.5` leads to, if it is offered: the newest patch of a minor.
    pub(super) fn offered(text: &str) -> Option<Version> {
        match text.strip_prefix("1.").and_then(|minor| minor.parse().ok()) {
            Some(minor) => newest(minor),
            None => Version::parse(text).filter(|version| all().any(|offered| offered == *version)),
        }
    }

    /// Where a control plane of this version can go: newer patches, and the next minor.
    pub(super) fn upgrades(self) -> Vec<Version> {
        all().filter(|to| *to > self && to.minor <= self.minor + 1).collect()
    }
}

/// Every version offered, oldest first.
pub(super) fn all() -> impl Iterator<Item = Version> {
    OFFERED.into_iter().flat_map(|(minor, patches)| patches.map(|patch| Version { minor, patch }))
}

fn newest(minor: u32) -> Option<Version> {
    OFFERED
        .iter()
        .find(|(offered, _)| *offered == minor)
        .map(|(minor, [_, patch])| Version { minor: *minor, patch: *patch })
}

/// As `kubernetesVersions` lists them.
pub(super) fn list() -> Value {
    let values = OFFERED.map(|(minor, patches)| {
        let patch = |patch| {
            let version = Version { minor, patch };
            let upgrades: Vec<String> = version.upgrades().iter().map(ToString::to_string).collect();
            (version.to_string(), json!({ "upgrades": upgrades }))
        };
        json!({
            "version": format!("1.{minor}"),
            "capabilities": { "supportPlan": ["KubernetesOfficial", "AKSLongTermSupport"] },
            "patchVersions": patches.map(patch).into_iter().collect::<serde_json::Map<_, _>>(),
            "isDefault": minor == DEFAULT.minor,
            "isPreview": false,
        })
    });
    json!({ "values": values })
}

/// For `--help`.
pub(super) fn text() -> String {
    let versions: Vec<String> = all().map(|version| version.to_string()).collect();
    format!("         Kubernetes {}; {DEFAULT} unless asked for\n", versions.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_is_its_newest_patch() {
        assert_eq!(Version::offered("1.33").unwrap().to_string(), "1.33.5");
        assert_eq!(Version::offered("1.33.4").unwrap().to_string(), "1.33.4");
        for text in ["", "1", "1.20", "1.33.3", "1.33.", "2.33", "latest"] {
            assert_eq!(Version::offered(text), None, "{text}");
        }
        assert_eq!(Version::offered(&DEFAULT.to_string()), Some(DEFAULT));
    }

    #[test]
    fn upgrades_go_one_minor_up() {
        let from = Version { minor: 31, patch: 13 };
        let to: Vec<String> = from.upgrades().iter().map(ToString::to_string).collect();
        assert_eq!(to, ["1.32.8", "1.32.9"]);
    }
}
