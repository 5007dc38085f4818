//! The versions that GKE offers, on 2026-01-01, the day on which simulated time starts.

use serde_json::{Value, json};

use super::error::ApiError;

/// Channels that a cluster can be enrolled in; without one it takes any version.
const RAPID: u8 = 1;
const REGULAR: u8 = 2;
const STABLE: u8 = 4;
const EXTENDED: u8 = 8;
const NO_CHANNEL: u8 = 16;

/// The channel of clusters that name none.
pub(super) const DEFAULT_CHANNEL: &str = "REGULAR";

/// Versions with the channels that offer them, newest first.
const VERSIONS: [(&str, u8); 13] = [
    ("1.35.0-gke.1403000", RAPID),
    ("1.34.2-gke.1021000", RAPID),
    ("1.34.1-gke.3012000", RAPID | REGULAR | EXTENDED | NO_CHANNEL),
    ("1.34.1-gke.2037000", REGULAR | EXTENDED | NO_CHANNEL),
    ("1.33.5-gke.1308000", RAPID | REGULAR | EXTENDED | NO_CHANNEL),
    ("1.33.5-gke.1201000", REGULAR | STABLE | EXTENDED | NO_CHANNEL),
    ("1.32.10-gke.1059000", RAPID | REGULAR | EXTENDED | NO_CHANNEL),
    ("1.32.9-gke.1239000", REGULAR | STABLE | EXTENDED | NO_CHANNEL),
    ("1.31.14-gke.1008000", REGULAR | STABLE | EXTENDED | NO_CHANNEL),
    ("1.31.13-gke.1366000", STABLE | EXTENDED | NO_CHANNEL),
    ("1.30.14-gke.1720000", EXTENDED),
    ("1.29.15-gke.2132000", EXTENDED),
    ("1.28.15-gke.2983000", EXTENDED),
];

/// The default version of each channel.
const DEFAULTS: [(&str, u8, &str); 4] = [
    ("RAPID", RAPID, "1.34.1-gke.3012000"),
    ("REGULAR", REGULAR, "1.33.5-gke.1201000"),
    ("STABLE", STABLE, "1.32.9-gke.1239000"),
    ("EXTENDED", EXTENDED, "1.33.5-gke.1201000"),
];

/// The default where there is no channel.
const DEFAULT: &str = "1.33.5-gke.1201000";

/// How many minors nodes may be behind their control plane (GKE version and upgrade support).
pub(super) const NODE_SKEW: u32 = 2;

/// The minor of a version.
pub(super) fn minor(version: &str) -> u32 {
    parts(version)[1]
}

/// Whether `one` is newer than `other`.
pub(super) fn is_newer(one: &str, other: &str) -> bool {
    parts(one) > parts(other)
}

/// Major, minor, patch and build; zero where there is none.
fn parts(version: &str) -> [u32; 4] {
    let (patch, build) = version.split_once("-gke.").unwrap_or((version, "0"));
    let mut numbers = patch.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    [next(), next(), next(), build.parse().unwrap_or(0)]
}

fn offered(channel: Option<&str>) -> impl Iterator<Item = &'static str> + Clone {
    let bit = match channel {
        Some(name) => DEFAULTS.iter().find(|(channel, ..)| *channel == name).map_or(NO_CHANNEL, |(_, bit, _)| *bit),
        None => NO_CHANNEL,
    };
    VERSIONS.iter().filter(move |(_, channels)| channels & bit != 0).map(|(version, _)| *version)
}

pub(super) fn default_version(channel: Option<&str>) -> &'static str {
    DEFAULTS.iter().find(|(name, ..)| Some(*name) == channel).map_or(DEFAULT, |(.., version)| version)
}

/// The newest offered version that an alias stands for: `latest`, `1.33`, `1.33.5` or a whole version.
fn newest(alias: &str, mut offered: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if alias == "latest" {
        return offered.next();
    }
    offered.find(|version| {
        let rest = version.strip_prefix(alias);
        rest.is_some_and(|rest| rest.is_empty() || (!alias.contains("-gke.") && rest.starts_with(['.', '-'])))
    })
}

/// The version that a control plane gets for what was asked.
pub(super) fn of_control_plane(asked: &str, channel: Option<&str>) -> Result<&'static str, ApiError> {
    if asked.is_empty() || asked == "-" {
        return Ok(default_version(channel));
    }
    newest(asked, offered(channel)).ok_or_else(|| {
        // Worded as in terraform-google-modules/terraform-google-kubernetes-engine#2177 and
        // GoogleCloudPlatform/gke-networking-demos#37.
        ApiError::invalid(match channel {
            Some(name) => {
                let all: Vec<_> = offered(channel).collect();
                format!("Master version must be one of {name:?} channel supported versions [{}].", all.join(", "))
            }
            None => format!("Master version {asked:?} is unsupported."),
        })
    })
}

/// The version that nodes get for what was asked under a control plane.
pub(super) fn of_nodes(asked: &str, master: &str) -> Result<String, ApiError> {
    if asked.is_empty() || asked == "-" || asked == master {
        return Ok(master.to_owned());
    }
    // Nodes take any version that some channel offers, as `validNodeVersions` is wider than `validMasterVersions`.
    let Some(version) = newest(asked, VERSIONS.iter().map(|(version, _)| *version)) else {
        return Err(ApiError::invalid(format!("Node version {asked:?} is unsupported.")));
    };
    // An alias means the newest that can be had, and that is never ahead of the control plane.
    let version = if is_newer(version, master) && master.starts_with(&format!("{asked}.")) { master } else { version };
    if is_newer(version, master) {
        // Worded as in hashicorp/terraform-provider-google#1682.
        return Err(ApiError::invalid(format!(
            "desired node version \"{version}\" cannot be greater than current master version \"{master}\"."
        )));
    }
    if minor(version) + NODE_SKEW < minor(master) {
        return Err(ApiError::invalid(format!(
            "Node version \"{version}\" must be within {NODE_SKEW} minor versions of master version \"{master}\"."
        )));
    }
    Ok(version.to_owned())
}

/// Whether a control plane may go from one version to the other.
pub(super) fn check_upgrade(from: &str, to: &str) -> Result<(), ApiError> {
    if minor(to) > minor(from) + 1 {
        // Worded as in kubeflow/code-intelligence#153.
        return Err(ApiError::invalid(format!(
            "Master version {from} cannot be upgraded to {to}: cannot upgrade the master more than a minor version at a time."
        )));
    }
    if minor(to) < minor(from) {
        return Err(ApiError::invalid(format!("Master version {from} cannot be downgraded to the minor of {to}.")));
    }
    Ok(())
}

/// What a location offers.
pub(super) fn server_config() -> Value {
    let channels: Vec<Value> = DEFAULTS
        .iter()
        .map(|(name, _, default)| {
            json!({
                "channel": name,
                "defaultVersion": default,
                "validVersions": offered(Some(name)).collect::<Vec<_>>(),
                "upgradeTargetVersion": default,
            })
        })
        .collect();
    json!({
        "defaultClusterVersion": DEFAULT,
        "validMasterVersions": offered(None).collect::<Vec<_>>(),
        "validNodeVersions": VERSIONS.map(|(version, _)| version),
        "defaultImageType": "COS_CONTAINERD",
        "validImageTypes": IMAGE_TYPES,
        "channels": channels,
    })
}

/// Machine images.
pub(super) const IMAGE_TYPES: [&str; 3] = ["COS_CONTAINERD", "UBUNTU_CONTAINERD", "WINDOWS_LTSC_CONTAINERD"];

/// For `--help`.
pub(super) fn text() -> String {
    let of = |name: &str| offered(Some(name)).collect::<Vec<_>>().join(", ");
    let lines: Vec<_> = DEFAULTS
        .iter()
        .map(|(name, _, default)| format!("       channel {name}: {} (default {default})\n", of(name)))
        .collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_stand_for_the_newest_that_the_channel_offers() {
        for (asked, channel, version) in [
            ("", None, DEFAULT),
            ("-", Some("STABLE"), "1.32.9-gke.1239000"),
            ("latest", Some("RAPID"), "1.35.0-gke.1403000"),
            ("1.33", Some("REGULAR"), "1.33.5-gke.1308000"),
            ("1.33", Some("STABLE"), "1.33.5-gke.1201000"),
            ("1.33.5", None, "1.33.5-gke.1308000"),
            ("1.33.5-gke.1201000", None, "1.33.5-gke.1201000"),
        ] {
            assert_eq!(of_control_plane(asked, channel).ok(), Some(version), "{asked} {channel:?}");
        }
        for (asked, channel) in [("1.3", None), ("1.35", None), ("1.34", Some("STABLE")), ("1.33.5-gke.12", None)] {
            assert_eq!(of_control_plane(asked, channel).map_err(|error| error.code).err(), Some(400), "{asked}");
        }
    }

    #[test]
    fn nodes_are_never_ahead_and_at_most_two_minors_behind() {
        let master = "1.33.5-gke.1201000";
        assert_eq!(of_nodes("-", master).ok().as_deref(), Some(master));
        assert_eq!(of_nodes("1.33", master).ok().as_deref(), Some(master));
        assert_eq!(of_nodes("1.31", master).ok().as_deref(), Some("1.31.14-gke.1008000"));
        for refused in ["1.34", "1.33.5-gke.1308000", "1.30", "1.27"] {
            assert!(of_nodes(refused, master).is_err(), "{refused}");
        }
        assert!(check_upgrade("1.31.14-gke.1008000", "1.33.5-gke.1201000").is_err());
        assert!(check_upgrade("1.33.5-gke.1201000", "1.32.9-gke.1239000").is_err());
        assert!(check_upgrade("1.33.5-gke.1308000", "1.33.5-gke.1201000").is_ok());
    }

    #[test]
    fn the_catalogue_is_in_order_and_defaults_are_offered() {
        assert!(VERSIONS.windows(2).all(|pair| is_newer(pair[0].0, pair[1].0)));
        assert!(DEFAULTS.iter().all(|(name, _, default)| offered(Some(name)).any(|version| version == *default)));
    }
}
