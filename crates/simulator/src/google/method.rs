//! The methods that are offered and where they are found, as the discovery documents have them (container 20261027, compute
//! and serviceusage v1) with the names of the RPCs behind them: `container.projects.locations.clusters.create` is
//! `CreateCluster` of `google.container.v1.ClusterManager`.

use http::Method as Verb;

use crate::percent;

/// Which service a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Container,
    Compute,
    ServiceUsage,
    /// What hands out access tokens: OAuth, STS, IAM Credentials and the metadata server.
    Credentials,
}

impl Api {
    pub(super) fn host(self) -> &'static str {
        match self {
            Api::Container => "container.googleapis.com",
            Api::Compute => "compute.googleapis.com",
            Api::ServiceUsage => "serviceusage.googleapis.com",
            Api::Credentials => "iamcredentials.googleapis.com",
        }
    }

    /// Requests per minute and project, by the services' quota pages: GKE's API 3000, Compute's reads 1500, Service Usage
    /// 240.
    pub(super) fn per_minute(self) -> u32 {
        match self {
            Api::Container => 3000,
            Api::Compute => 1500,
            Api::ServiceUsage => 240,
            // No page names one that provisioning could reach.
            Api::Credentials => 60_000,
        }
    }
}

macro_rules! methods {
    ($($name:ident $service:ident $verb:ident $path:literal;)*) => {
        /// A method of one of the services.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Method { $($name,)* }

        impl Method {
            pub(super) const ALL: &[Method] = &[$(Method::$name,)*];

            pub(super) fn name(self) -> &'static str {
                match self { $(Method::$name => stringify!($name),)* }
            }

            pub(super) fn service(self) -> Api {
                match self { $(Method::$name => Api::$service,)* }
            }

            fn route(self) -> (Verb, &'static str) {
                match self { $(Method::$name => (Verb::$verb, $path),)* }
            }
        }
    };
}

methods! {
    ListClusters Container GET "/v1/projects/{}/locations/{}/clusters";
    GetCluster Container GET "/v1/projects/{}/locations/{}/clusters/{}";
    CreateCluster Container POST "/v1/projects/{}/locations/{}/clusters";
    UpdateCluster Container PUT "/v1/projects/{}/locations/{}/clusters/{}";
    UpdateMaster Container POST "/v1/projects/{}/locations/{}/clusters/{}:updateMaster";
    DeleteCluster Container DELETE "/v1/projects/{}/locations/{}/clusters/{}";
    SetLabels Container POST "/v1/projects/{}/locations/{}/clusters/{}:setResourceLabels";
    SetLocations Container POST "/v1/projects/{}/locations/{}/clusters/{}:setLocations";
    SetMaintenancePolicy Container POST "/v1/projects/{}/locations/{}/clusters/{}:setMaintenancePolicy";
    ListNodePools Container GET "/v1/projects/{}/locations/{}/clusters/{}/nodePools";
    GetNodePool Container GET "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}";
    CreateNodePool Container POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools";
    UpdateNodePool Container PUT "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}";
    DeleteNodePool Container DELETE "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}";
    SetNodePoolSize Container POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}:setSize";
    SetNodePoolAutoscaling Container POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}:setAutoscaling";
    SetNodePoolManagement Container POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}:setManagement";
    RollbackNodePoolUpgrade Container POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}:rollback";
    ListOperations Container GET "/v1/projects/{}/locations/{}/operations";
    GetOperation Container GET "/v1/projects/{}/locations/{}/operations/{}";
    CancelOperation Container POST "/v1/projects/{}/locations/{}/operations/{}:cancel";
    GetServerConfig Container GET "/v1/projects/{}/locations/{}/serverConfig";
    ListZones Compute GET "/projects/{}/zones";
    GetZone Compute GET "/projects/{}/zones/{}";
    ListRegions Compute GET "/projects/{}/regions";
    GetRegion Compute GET "/projects/{}/regions/{}";
    ListMachineTypes Compute GET "/projects/{}/zones/{}/machineTypes";
    GetMachineType Compute GET "/projects/{}/zones/{}/machineTypes/{}";
    ListInstanceGroupManagers Compute GET "/projects/{}/zones/{}/instanceGroupManagers";
    GetInstanceGroupManager Compute GET "/projects/{}/zones/{}/instanceGroupManagers/{}";
    AggregatedListInstanceGroupManagers Compute GET "/projects/{}/aggregated/instanceGroupManagers";
    ListAutoscalers Compute GET "/projects/{}/zones/{}/autoscalers";
    ListServices ServiceUsage GET "/v1/projects/{}/services";
    GetService ServiceUsage GET "/v1/projects/{}/services/{}";
    BatchGetServices ServiceUsage GET "/v1/projects/{}/services:batchGet";
    EnableService ServiceUsage POST "/v1/projects/{}/services/{}:enable";
    BatchEnableServices ServiceUsage POST "/v1/projects/{}/services:batchEnable";
    DisableService ServiceUsage POST "/v1/projects/{}/services/{}:disable";
    GetServiceOperation ServiceUsage GET "/v1/operations/{}";
    GetToken Credentials POST "/token";
    GetFederatedUserToken Credentials POST "/v1/oauthtoken";
    ExchangeToken Credentials POST "/v1/token";
    GenerateAccessToken Credentials POST "/v1/projects/{}/serviceAccounts/{}:generateAccessToken";
    PingMetadata Credentials GET "/";
    GetProjectMetadata Credentials GET "/computeMetadata/v1/project/{}";
    ListServiceAccountMetadata Credentials GET "/computeMetadata/v1/instance/service-accounts";
    GetInstanceMetadata Credentials GET "/computeMetadata/v1/instance/{}";
    GetUniverseMetadata Credentials GET "/computeMetadata/v1/universe/{}";
    GetServiceAccountMetadata Credentials GET "/computeMetadata/v1/instance/service-accounts/{}";
    GetServiceAccountValueMetadata Credentials GET "/computeMetadata/v1/instance/service-accounts/{}/{}";
}

impl Method {
    /// The method of a request on an endpoint, with the decoded labels of its path.
    pub(super) fn find(endpoint: &str, verb: &Verb, path: &str) -> Option<(Method, Vec<String>)> {
        // Compute's overrides are given with and without its base path.
        let path = if endpoint == "google_compute" { path.strip_prefix("/compute/v1").unwrap_or(path) } else { path };
        Method::ALL.iter().find_map(|method| {
            let (wanted, pattern) = method.route();
            if *verb != wanted || !served_at(endpoint, method.service()) {
                return None;
            }
            Some((*method, labels(pattern, path)?))
        })
    }
}

fn served_at(endpoint: &str, service: Api) -> bool {
    match service {
        Api::Container | Api::Credentials => endpoint == "google",
        Api::Compute => endpoint == "google_compute",
        Api::ServiceUsage => endpoint == "google_serviceusage",
    }
}

fn labels(pattern: &str, path: &str) -> Option<Vec<String>> {
    // The metadata server's folders end in a slash.
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut labels = Vec::new();
    for (wanted, found) in pattern.into_iter().zip(path) {
        match wanted.strip_prefix("{}") {
            Some(suffix) => {
                let label = found.strip_suffix(suffix)?;
                // Without a custom verb a colon belongs to no name here; with one it would be another method's.
                if label.is_empty() || (suffix.is_empty() && label.contains(':')) {
                    return None;
                }
                labels.push(percent::decode(label));
            }
            // The API's own links say `zones` for zonal clusters, so those have to lead somewhere.
            None if wanted == found || (wanted == "locations" && found == "zones") => {}
            None => return None,
        }
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(endpoint: &str, verb: Verb, path: &str) -> Option<(&'static str, String)> {
        Method::find(endpoint, &verb, path).map(|(method, labels)| (method.name(), labels.join(" ")))
    }

    #[test]
    fn custom_verbs_links_and_base_paths_are_told_apart() {
        for (endpoint, verb, path, name, labels) in [
            ("google", Verb::GET, "/v1/projects/p/locations/l/clusters/c", "GetCluster", "p l c"),
            ("google", Verb::GET, "/v1/projects/1/zones/z/operations/o", "GetOperation", "1 z o"),
            (
                "google",
                Verb::POST,
                "/v1/projects/p/locations/l/clusters/c/nodePools/n:setSize",
                "SetNodePoolSize",
                "p l c n",
            ),
            (
                "google",
                Verb::POST,
                "/v1/projects/-/serviceAccounts/a@b:generateAccessToken",
                "GenerateAccessToken",
                "- a@b",
            ),
            ("google", Verb::GET, "/computeMetadata/v1/instance/service-accounts/", "ListServiceAccountMetadata", ""),
            ("google_compute", Verb::GET, "/compute/v1/projects/p/zones/z", "GetZone", "p z"),
            ("google_compute", Verb::GET, "/projects/p/zones/z", "GetZone", "p z"),
            ("google_serviceusage", Verb::GET, "/v1/projects/p/services:batchGet", "BatchGetServices", "p"),
        ] {
            assert_eq!(found(endpoint, verb, path), Some((name, labels.into())), "{path}");
        }
        assert_eq!(
            found("google", Verb::GET, "/v1/projects/p/locations/l/clusters/"),
            found("google", Verb::GET, "/v1/projects/p/locations/l/clusters")
        );
        assert_eq!(found("google", Verb::POST, "/v1/projects/p/locations/l/clusters/c:explode"), None);
        assert_eq!(found("google_compute", Verb::GET, "/v1/projects/p/locations/l/clusters"), None);
    }
}
