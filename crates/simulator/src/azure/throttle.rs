//! Rate limits as token buckets in simulated time, at both layers. Sources: "Throttling limits on AKS resource provider
//! APIs" in AKS's page on quotas, and Resource Manager's page "Request limits and throttling".

use std::collections::BTreeMap;

use http::Method;

use super::error::ArmError;
use super::operation::Operation;
use crate::clock::Moment;

/// A bucket's size, and how many tokens come back in how long.
#[derive(Clone, Copy, Debug)]
struct Limit {
    burst: u32,
    refill: u32,
    per_seconds: u32,
}

const fn limit(burst: u32, refill: u32, per_seconds: u32) -> Limit {
    Limit { burst, refill, per_seconds }
}

const PUT_CLUSTER: Limit = limit(20, 1, 60);
const PUT_POOL: Limit = limit(20, 1, 60);
const GET_CLUSTER: Limit = limit(60, 1, 1);
const LIST_BY_SUBSCRIPTION: Limit = limit(500, 1, 1);
const LIST_BY_GROUP: Limit = limit(60, 1, 1);
const GET_OPERATION: Limit = limit(200, 2, 1);
const ALL_OTHERS: Limit = limit(60, 1, 1);

/// Of Resource Manager, per subscription and principal.
const READS: Limit = limit(250, 25, 1);
const WRITES: Limit = limit(200, 10, 1);
const DELETES: Limit = limit(200, 10, 1);

#[derive(Debug)]
struct Bucket {
    /// In thousandths of what `refill` tokens take to come back: whole numbers, so that a wait is exact.
    level: u64,
    filled: Moment,
}

/// The buckets, by what they are for.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    buckets: BTreeMap<String, Bucket>,
}

impl Throttle {
    /// Takes a token at each layer; answers with the header that tells what is left, or with the refusal.
    pub(super) fn take(
        &mut self,
        operation: Operation,
        method: &Method,
        labels: &[String],
        principal: &str,
        now: Moment,
    ) -> Result<(&'static str, String), ArmError> {
        let subscription = labels.first().map_or("", String::as_str);
        let (kind, limit, header) = match *method {
            Method::GET | Method::HEAD => ("read", READS, "x-ms-ratelimit-remaining-subscription-reads"),
            Method::DELETE => ("delete", DELETES, "x-ms-ratelimit-remaining-subscription-deletes"),
            _ => ("write", WRITES, "x-ms-ratelimit-remaining-subscription-writes"),
        };
        let left = self.draw(format!("{kind} {subscription} {principal}"), limit, now).map_err(|wait| {
            ArmError::gateway(
                429,
                "SubscriptionRequestsThrottled",
                format!(
                    "Number of '{kind}' requests for subscription '{subscription}' actor '{principal}' exceeded. Please \
                     try again after '{wait}' seconds after additional tokens are available. Refer to \
                     https://aka.ms/arm-throttling for additional information."
                ),
            )
            .header("Retry-After", wait.to_string())
        })?;
        if let Some((handler, limit, parts)) = service_limit(operation) {
            let scope = labels.get(..parts.min(labels.len())).unwrap_or(labels).join("/").to_ascii_lowercase();
            self.draw(format!("{handler} {scope}"), limit, now).map_err(|wait| {
                throttled(handler, subscription, &wait.to_string()).header("Retry-After", wait.to_string())
            })?;
        }
        Ok((header, left.to_string()))
    }

    /// What is left, or how many seconds to wait.
    fn draw(&mut self, key: String, limit: Limit, now: Moment) -> Result<u64, u64> {
        let (refill, cost) = (u64::from(limit.refill), u64::from(limit.per_seconds) * 1000);
        let full = u64::from(limit.burst) * cost;
        let bucket = self.buckets.entry(key).or_insert(Bucket { level: full, filled: now });
        let passed = u64::try_from(now.since(bucket.filled).as_millis()).unwrap_or(u64::MAX);
        bucket.level = bucket.level.saturating_add(passed.saturating_mul(refill)).min(full);
        bucket.filled = now;
        if bucket.level < cost {
            return Err((cost - bucket.level).div_ceil(refill).div_ceil(1000));
        }
        bucket.level -= cost;
        Ok(bucket.level / cost)
    }
}

/// AKS's words; source: its page on the error code Throttled.
pub(super) fn throttled(handler: &str, subscription: &str, seconds: &str) -> ArmError {
    ArmError::service(
        429,
        "Throttled",
        format!(
            "The {handler} request limit has been exceeded for SubID='{subscription}', please retry again in {seconds} \
             seconds. For more information, please visit aka.ms/aks/throttling"
        ),
    )
}

/// AKS's handler of an operation, its limit, and how many labels of the path it counts for.
fn service_limit(operation: Operation) -> Option<(&'static str, Limit, usize)> {
    Some(match operation {
        Operation::ClustersCreateOrUpdate => ("PutManagedClusterHandler.PUT", PUT_CLUSTER, 3),
        Operation::PoolsCreateOrUpdate => ("PutAgentPoolHandler.PUT", PUT_POOL, 4),
        Operation::ClustersGet => ("GetManagedClusterHandler.GET", GET_CLUSTER, 3),
        Operation::ClustersList => ("ListManagedClustersHandler.GET", LIST_BY_SUBSCRIPTION, 1),
        Operation::ClustersListByGroup => ("ListManagedClustersByResourceGroupHandler.GET", LIST_BY_GROUP, 2),
        Operation::PollStatus | Operation::PollResult => ("GetOperationStatusHandler.GET", GET_OPERATION, 1),
        Operation::ClustersUpdateTags
        | Operation::ClustersDelete
        | Operation::ClustersUserCredentials
        | Operation::ClustersAdminCredentials
        | Operation::ClustersUpgradeProfile
        | Operation::ClustersAbort
        | Operation::KubernetesVersions
        | Operation::PoolsList
        | Operation::PoolsGet
        | Operation::PoolsDelete
        | Operation::PoolsAbort
        | Operation::PoolsUpgradeProfile
        | Operation::PoolsAvailableVersions
        | Operation::MaintenanceList
        | Operation::MaintenanceGet
        | Operation::MaintenancePut
        | Operation::MaintenanceDelete => ("ManagedClusters", ALL_OTHERS, 1),
        Operation::GroupsList
        | Operation::GroupsGet
        | Operation::GroupsCheckExistence
        | Operation::GroupsCreateOrUpdate
        | Operation::GroupsDelete
        | Operation::GroupsDeletion
        | Operation::ProvidersList
        | Operation::ProvidersGet
        | Operation::ProvidersRegister
        | Operation::SkusList
        | Operation::SubscriptionsList
        | Operation::SubscriptionsGet
        | Operation::SubscriptionsLocations
        | Operation::TenantsList => return None,
    })
}

/// Whether an operation is AKS's own.
pub(super) fn is_of_service(operation: Operation) -> bool {
    service_limit(operation).is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_in_simulated_time() {
        let mut throttle = Throttle::default();
        let start = Moment::date(2026, 1, 1);
        let mut put = |now| {
            let labels = ["s", "g", "c"].map(str::to_owned);
            throttle.take(Operation::ClustersCreateOrUpdate, &Method::PUT, &labels, "me", now)
        };
        for _ in 0..20 {
            put(start).unwrap();
        }
        let refused = put(start).unwrap_err();
        assert_eq!((refused.status, refused.code), (429, "Throttled"));
        assert!(refused.message.contains("retry again in 60 seconds"), "{}", refused.message);
        put(start.plus(Duration::from_secs(59))).unwrap_err();
        put(start.plus(Duration::from_secs(60))).unwrap();
        put(start.plus(Duration::from_secs(60))).unwrap_err();
    }

    #[test]
    fn each_principal_has_its_own_at_the_gateway() {
        let mut throttle = Throttle::default();
        let now = Moment::date(2026, 1, 1);
        let labels = ["s".to_owned()];
        let mut read = |who| throttle.take(Operation::SubscriptionsGet, &Method::GET, &labels, who, now);
        for left in (0..250).rev() {
            assert_eq!(read("me").unwrap().1, left.to_string());
        }
        assert_eq!(read("me").unwrap_err().code, "SubscriptionRequestsThrottled");
        read("you").unwrap();
    }
}
