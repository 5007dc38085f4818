//! The operations offered and where they are found. Names are those of the models that Azure publishes for
//! `Microsoft.ContainerService` (aks, 2025-10-01), `Microsoft.Resources`, `Microsoft.Compute` and subscriptions; polling has
//! no name there, for it is part of every long-running operation.

use http::Method;

use crate::percent;

macro_rules! operations {
    ($($variant:ident $name:literal $method:ident $path:expr;)*) => {
        /// An operation of Azure Resource Manager.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operation { $($variant,)* }

        impl Operation {
            pub(super) const ALL: &[Operation] = &[$(Operation::$variant,)*];

            pub(super) fn name(self) -> &'static str {
                match self { $(Operation::$variant => $name,)* }
            }

            fn route(self) -> (Method, &'static str) {
                match self { $(Operation::$variant => (Method::$method, $path),)* }
            }
        }
    };
}

macro_rules! cluster {
    ($rest:literal) => {
        concat!("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerService/managedClusters/{}", $rest)
    };
}

macro_rules! service {
    ($rest:literal) => {
        concat!("/subscriptions/{}/providers/Microsoft.ContainerService/", $rest)
    };
}

operations! {
    ClustersList "ManagedClusters_List" GET service!("managedClusters");
    ClustersListByGroup "ManagedClusters_ListByResourceGroup" GET
        "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerService/managedClusters";
    ClustersGet "ManagedClusters_Get" GET cluster!("");
    ClustersCreateOrUpdate "ManagedClusters_CreateOrUpdate" PUT cluster!("");
    ClustersUpdateTags "ManagedClusters_UpdateTags" PATCH cluster!("");
    ClustersDelete "ManagedClusters_Delete" DELETE cluster!("");
    ClustersUserCredentials "ManagedClusters_ListClusterUserCredentials" POST cluster!("/listClusterUserCredential");
    ClustersAdminCredentials "ManagedClusters_ListClusterAdminCredentials" POST cluster!("/listClusterAdminCredential");
    ClustersUpgradeProfile "ManagedClusters_GetUpgradeProfile" GET cluster!("/upgradeProfiles/default");
    ClustersAbort "ManagedClusters_AbortLatestOperation" POST cluster!("/abort");
    KubernetesVersions "ManagedClusters_ListKubernetesVersions" GET service!("locations/{}/kubernetesVersions");
    PoolsList "AgentPools_List" GET cluster!("/agentPools");
    PoolsGet "AgentPools_Get" GET cluster!("/agentPools/{}");
    PoolsCreateOrUpdate "AgentPools_CreateOrUpdate" PUT cluster!("/agentPools/{}");
    PoolsDelete "AgentPools_Delete" DELETE cluster!("/agentPools/{}");
    PoolsAbort "AgentPools_AbortLatestOperation" POST cluster!("/agentPools/{}/abort");
    PoolsUpgradeProfile "AgentPools_GetUpgradeProfile" GET cluster!("/agentPools/{}/upgradeProfiles/default");
    PoolsAvailableVersions "AgentPools_GetAvailableAgentPoolVersions" GET cluster!("/availableAgentPoolVersions");
    MaintenanceList "MaintenanceConfigurations_ListByManagedCluster" GET cluster!("/maintenanceConfigurations");
    MaintenanceGet "MaintenanceConfigurations_Get" GET cluster!("/maintenanceConfigurations/{}");
    MaintenancePut "MaintenanceConfigurations_CreateOrUpdate" PUT cluster!("/maintenanceConfigurations/{}");
    MaintenanceDelete "MaintenanceConfigurations_Delete" DELETE cluster!("/maintenanceConfigurations/{}");
    PollStatus "OperationStatus_Get" GET service!("locations/{}/operations/{}");
    PollResult "OperationResults_Get" GET service!("locations/{}/operationresults/{}");
    GroupsList "ResourceGroups_List" GET "/subscriptions/{}/resourceGroups";
    GroupsGet "ResourceGroups_Get" GET "/subscriptions/{}/resourceGroups/{}";
    GroupsCheckExistence "ResourceGroups_CheckExistence" HEAD "/subscriptions/{}/resourceGroups/{}";
    GroupsCreateOrUpdate "ResourceGroups_CreateOrUpdate" PUT "/subscriptions/{}/resourceGroups/{}";
    GroupsDelete "ResourceGroups_Delete" DELETE "/subscriptions/{}/resourceGroups/{}";
    GroupsDeletion "ResourceGroups_DeletionResult" GET "/subscriptions/{}/operationresults/{}";
    ProvidersList "Providers_List" GET "/subscriptions/{}/providers";
    ProvidersGet "Providers_Get" GET "/subscriptions/{}/providers/{}";
    ProvidersRegister "Providers_Register" POST "/subscriptions/{}/providers/{}/register";
    SkusList "ResourceSkus_List" GET "/subscriptions/{}/providers/Microsoft.Compute/skus";
    SubscriptionsList "Subscriptions_List" GET "/subscriptions";
    SubscriptionsGet "Subscriptions_Get" GET "/subscriptions/{}";
    SubscriptionsLocations "Subscriptions_ListLocations" GET "/subscriptions/{}/locations";
    TenantsList "Tenants_List" GET "/tenants";
}

impl Operation {
    /// The operation of a request, with the decoded labels of its path.
    pub(super) fn find(method: &Method, path: &str) -> Option<(Operation, Vec<String>)> {
        Operation::ALL.iter().find_map(|operation| {
            let (wanted, pattern) = operation.route();
            let labels = if *method == wanted { labels(pattern, path)? } else { return None };
            Some((*operation, labels))
        })
    }
}

/// Azure's paths are the same in any case of their letters.
fn labels(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.trim_end_matches('/').split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut labels = Vec::new();
    for (wanted, found) in pattern.into_iter().zip(path) {
        match wanted {
            "{}" if !found.is_empty() => labels.push(percent::decode(found)),
            _ if wanted.eq_ignore_ascii_case(found) => {}
            _ => return None,
        }
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_same_in_any_case() {
        let path =
            "/SUBSCRIPTIONS/s/resourcegroups/Rg/providers/microsoft.containerservice/managedclusters/c/agentpools/p";
        let (operation, labels) = Operation::find(&Method::PUT, path).unwrap();
        assert_eq!(operation, Operation::PoolsCreateOrUpdate);
        assert_eq!(labels, ["s", "Rg", "c", "p"]);
        assert_eq!(Operation::find(&Method::GET, "/subscriptions//resourceGroups"), None);
        assert_eq!(Operation::find(&Method::PATCH, "/subscriptions/s"), None);
    }

    #[test]
    fn no_path_has_two_operations() {
        for (index, one) in Operation::ALL.iter().enumerate() {
            let (method, path) = one.route();
            let found = Operation::find(&method, &path.replace("{}", "x")).unwrap().0;
            assert_eq!(found, Operation::ALL[index]);
        }
    }
}
