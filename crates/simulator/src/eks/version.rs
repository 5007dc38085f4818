//! The versions of Kubernetes that clusters can have.

use serde_json::{Value, json};

use super::catalogue::{DEFAULT_MINOR, VERSIONS, Version};
use super::cluster::one_of;
use super::error::ServiceError;
use super::{Answer, Input, page};

pub(super) fn describe(input: &Input<'_>) -> Result<Answer, ServiceError> {
    let query = |name: &str| input.request.query(name);
    if let Some(kind) = query("clusterType") {
        one_of("clusterType", kind, &["eks", "eks-local-outposts"])?;
    }
    if let Some(status) = query("status") {
        one_of("status", status, &["unsupported", "standard-support", "extended-support"])?;
    }
    if let Some(status) = query("versionStatus") {
        one_of("versionStatus", status, &["UNSUPPORTED", "STANDARD_SUPPORT", "EXTENDED_SUPPORT"])?;
    }
    let mut named = input.request.query.iter().filter(|(key, _)| key == "clusterVersions").map(|(_, value)| value);
    let named: Vec<&String> = named.by_ref().collect();
    let wanted = |version: &&Version| {
        (named.is_empty() || named.iter().any(|name| **name == version.name()))
            && (query("defaultOnly") != Some("true") || version.minor == DEFAULT_MINOR)
            && query("status").is_none_or(|status| status == old_status(version))
            && query("versionStatus").is_none_or(|status| status == status_of(version))
            && query("clusterType").is_none_or(|kind| kind == "eks")
    };
    // Newest first, as EKS answers.
    let versions = VERSIONS.iter().rev().filter(wanted).map(information).collect();
    page::page("clusterVersions", versions, query("maxResults"), query("nextToken"))
}

fn information(version: &Version) -> Value {
    json!({
        "clusterVersion": version.name(),
        "clusterType": "eks",
        "defaultPlatformVersion": version.platform_version(),
        "defaultVersion": version.minor == DEFAULT_MINOR,
        "releaseDate": version.released.epoch_seconds(),
        "endOfStandardSupportDate": version.end_of_standard.epoch_seconds(),
        "endOfExtendedSupportDate": version.end_of_extended.epoch_seconds(),
        "status": old_status(version),
        "versionStatus": status_of(version),
        "kubernetesPatchVersion": format!("{}.{}", version.name(), version.patch),
    })
}

fn status_of(version: &Version) -> &'static str {
    if version.extended { "EXTENDED_SUPPORT" } else { "STANDARD_SUPPORT" }
}

fn old_status(version: &Version) -> &'static str {
    if version.extended { "extended-support" } else { "standard-support" }
}
