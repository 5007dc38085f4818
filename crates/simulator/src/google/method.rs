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

    /// Requests per minute and project: "Quotas and limits" of GKE, "Rate quotas" of Compute Engine for its read requests,
    /// "Quotas and limits" of Service Usage.
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
    ($($(#[$about:meta])* $api:ident { $($name:ident $verb:ident $path:literal;)* })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(super) enum $api { $($name,)* }

            impl $api {
                const ALL: &[$api] = &[$($api::$name,)*];

                pub(super) fn name(self) -> &'static str {
                    match self { $($api::$name => stringify!($name),)* }
                }

                fn route(self) -> (Verb, &'static str) {
                    match self { $($api::$name => (Verb::$verb, $path),)* }
                }

                fn find(verb: &Verb, path: &str) -> Option<($api, Vec<String>)> {
                    $api::ALL.iter().find_map(|method| {
                        let (wanted, pattern) = method.route();
                        if *verb == wanted { Some((*method, labels(pattern, path)?)) } else { None }
                    })
                }
            }
        )*

        /// A method of one of the services.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Method { $($api($api),)* }

        impl Method {
            /// The names of all methods.
            pub(super) fn names() -> Vec<&'static str> {
                let mut names = Vec::new();
                $(names.extend($api::ALL.iter().map(|method| method.name()));)*
                names
            }

            pub(super) fn name(self) -> &'static str {
                match self { $(Method::$api(method) => method.name(),)* }
            }

            pub(super) fn api(self) -> Api {
                match self { $(Method::$api(_) => Api::$api,)* }
            }
        }
    };
}

methods! {
    /// Kubernetes Engine.
    Container {
        ListClusters GET "/v1/projects/{}/locations/{}/clusters";
        GetCluster GET "/v1/projects/{}/locations/{}/clusters/{}";
        CreateCluster POST "/v1/projects/{}/locations/{}/clusters";
        UpdateCluster PUT "/v1/projects/{}/locations/{}/clusters/{}";
        UpdateMaster POST "/v1/projects/{}/locations/{}/clusters/{}:updateMaster";
        DeleteCluster DELETE "/v1/projects/{}/locations/{}/clusters/{}";
        SetLabels POST "/v1/projects/{}/locations/{}/clusters/{}:setResourceLabels";
        SetLocations POST "/v1/projects/{}/locations/{}/clusters/{}:setLocations";
        SetMaintenancePolicy POST "/v1/projects/{}/locations/{}/clusters/{}:setMaintenancePolicy";
        ListNodePools GET "/v1/projects/{}/locations/{}/clusters/{}/nodePools";
        GetNodePool GET "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}";
        CreateNodePool POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools";
        UpdateNodePool PUT "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}";
        DeleteNodePool DELETE "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}";
        SetNodePoolSize POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}:setSize";
        SetNodePoolAutoscaling POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}:setAutoscaling";
        SetNodePoolManagement POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}:setManagement";
        RollbackNodePoolUpgrade POST "/v1/projects/{}/locations/{}/clusters/{}/nodePools/{}:rollback";
        ListOperations GET "/v1/projects/{}/locations/{}/operations";
        GetOperation GET "/v1/projects/{}/locations/{}/operations/{}";
        CancelOperation POST "/v1/projects/{}/locations/{}/operations/{}:cancel";
        GetServerConfig GET "/v1/projects/{}/locations/{}/serverConfig";
    }
    /// Compute Engine.
    Compute {
        ListZones GET "/projects/{}/zones";
        GetZone GET "/projects/{}/zones/{}";
        ListRegions GET "/projects/{}/regions";
        GetRegion GET "/projects/{}/regions/{}";
        ListMachineTypes GET "/projects/{}/zones/{}/machineTypes";
        GetMachineType GET "/projects/{}/zones/{}/machineTypes/{}";
        ListInstanceGroupManagers GET "/projects/{}/zones/{}/instanceGroupManagers";
        GetInstanceGroupManager GET "/projects/{}/zones/{}/instanceGroupManagers/{}";
        AggregatedListInstanceGroupManagers GET "/projects/{}/aggregated/instanceGroupManagers";
        ListAutoscalers GET "/projects/{}/zones/{}/autoscalers";
    }
    /// Service Usage.
    ServiceUsage {
        ListServices GET "/v1/projects/{}/services";
        GetService GET "/v1/projects/{}/services/{}";
        BatchGetServices GET "/v1/projects/{}/services:batchGet";
        EnableService POST "/v1/projects/{}/services/{}:enable";
        BatchEnableServices POST "/v1/projects/{}/services:batchEnable";
        DisableService POST "/v1/projects/{}/services/{}:disable";
        GetServiceOperation GET "/v1/operations/{}";
    }
    /// Whatever hands out tokens, and the metadata server.
    Credentials {
        GetToken POST "/token";
        GetFederatedUserToken POST "/v1/oauthtoken";
        ExchangeToken POST "/v1/token";
        GenerateAccessToken POST "/v1/projects/{}/serviceAccounts/{}:generateAccessToken";
        PingMetadata GET "/";
        GetProjectMetadata GET "/computeMetadata/v1/project/{}";
        ListServiceAccountMetadata GET "/computeMetadata/v1/instance/service-accounts";
        GetInstanceMetadata GET "/computeMetadata/v1/instance/{}";
        GetUniverseMetadata GET "/computeMetadata/v1/universe/{}";
        GetServiceAccountMetadata GET "/computeMetadata/v1/instance/service-accounts/{}";
        GetServiceAccountValueMetadata GET "/computeMetadata/v1/instance/service-accounts/{}/{}";
    }
}

impl Method {
    /// The method of a request on an endpoint, with the decoded labels of its path.
    pub(super) fn find(endpoint: &str, verb: &Verb, path: &str) -> Option<(Method, Vec<String>)> {
        match endpoint {
            "google_compute" => {
                // Overrides are given with and without the base path.
                let path = path.strip_prefix("/compute/v1").unwrap_or(path);
                Compute::find(verb, path).map(|(method, labels)| (Method::Compute(method), labels))
            }
            "google_serviceusage" => {
                ServiceUsage::find(verb, path).map(|(method, labels)| (Method::ServiceUsage(method), labels))
            }
            _ => match Container::find(verb, path) {
                Some((method, labels)) => Some((Method::Container(method), labels)),
                None => Credentials::find(verb, path).map(|(method, labels)| (Method::Credentials(method), labels)),
            },
        }
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
