//! In which order versions rise, on every cloud alike: the control plane by one minor, then its pools, then the next
//! minor. Pure.
//!
//! No pool is ever ahead of the control plane, and none falls further behind than
//! [`EnvironmentSpec::MAX_POOL_SKEW`] (<https://kubernetes.io/releases/version-skew-policy/>, and the clouds' own pages).

use std::collections::BTreeMap;

use crate::environment::{EnvironmentSpec, KubernetesVersion};

/// A pool's version, and what it is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolVersion<K> {
    /// What the caller knows the pool by.
    pub(crate) pool: K,
    /// The version that it has.
    pub(crate) found: KubernetesVersion,
    /// The version that it is to have at last; `None` for a pool that is about to go, and is taken along only as far as
    /// it must be.
    pub(crate) goal: Option<KubernetesVersion>,
}

/// Upgrades that may run side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Upgrade<K> {
    /// The control plane, by one minor.
    ControlPlane {
        /// The version before.
        from: KubernetesVersion,
        /// The version after.
        to: KubernetesVersion,
    },
    /// These pools, to the control plane's version, or an older one where that is theirs.
    Pools {
        /// The pools.
        pools: Vec<K>,
        /// The version after.
        to: KubernetesVersion,
    },
}

/// The upgrades from what is there to `target`, in order; none where it is no later version.
pub(crate) fn path<K: Copy>(
    current: KubernetesVersion,
    target: KubernetesVersion,
    pools: &[PoolVersion<K>],
) -> Vec<Upgrade<K>> {
    let mut pools = pools.to_vec();
    let mut path = Vec::new();
    let mut level = current;
    loop {
        raise(&mut path, &mut pools, |pool| pool.goal.map(|goal| goal.min(level)));
        if level >= target {
            return path;
        }
        let next = level.next();
        raise(&mut path, &mut pools, |pool| {
            let behind = next.minors_ahead_of(pool.found);
            let too_far = behind.is_some_and(|behind| behind > EnvironmentSpec::MAX_POOL_SKEW);
            (pool.goal.is_none() && too_far).then_some(level)
        });
        path.push(Upgrade::ControlPlane { from: level, to: next });
        level = next;
    }
}

/// Takes those pools that are behind what is wanted of them there, the oldest version first.
fn raise<K: Copy>(
    path: &mut Vec<Upgrade<K>>,
    pools: &mut [PoolVersion<K>],
    wanted: impl Fn(&PoolVersion<K>) -> Option<KubernetesVersion>,
) {
    let mut raised: BTreeMap<KubernetesVersion, Vec<K>> = BTreeMap::new();
    for pool in pools {
        if let Some(to) = wanted(pool).filter(|to| pool.found < *to) {
            pool.found = to;
            raised.entry(to).or_default().push(pool.pool);
        }
    }
    path.extend(raised.into_iter().map(|(to, pools)| Upgrade::Pools { pools, to }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> KubernetesVersion {
        text.parse().unwrap()
    }

    fn pool(pool: &str, found: &str, goal: Option<&str>) -> PoolVersion<&'static str> {
        let pool = if pool == "a" { "a" } else { "b" };
        PoolVersion { pool, found: version(found), goal: goal.map(version) }
    }

    fn words(current: &str, target: &str, pools: &[PoolVersion<&'static str>]) -> Vec<String> {
        let words = |upgrade: &Upgrade<&str>| match upgrade {
            Upgrade::ControlPlane { from, to } => format!("control plane {from} to {to}"),
            Upgrade::Pools { pools, to } => format!("{} to {to}", pools.join("+")),
        };
        path(version(current), version(target), pools).iter().map(words).collect()
    }

    #[test]
    fn control_plane_leads_minor_by_minor() {
        assert_eq!(
            words("1.31", "1.33", &[pool("a", "1.31", Some("1.33")), pool("b", "1.31", Some("1.33"))]),
            ["control plane 1.31 to 1.32", "a+b to 1.32", "control plane 1.32 to 1.33", "a+b to 1.33"]
        );
    }

    #[test]
    fn pools_that_lag_catch_up_first() {
        assert_eq!(words("1.32", "1.32", &[pool("a", "1.30", Some("1.32"))]), ["a to 1.32"]);
        assert_eq!(words("1.32", "1.33", &[pool("a", "1.30", Some("1.33"))])[0], "a to 1.32");
    }

    #[test]
    fn pools_stay_at_a_version_of_their_own() {
        assert_eq!(words("1.32", "1.33", &[pool("a", "1.32", Some("1.32"))]), ["control plane 1.32 to 1.33"]);
    }

    #[test]
    fn pools_that_go_are_taken_along_only_as_far_as_they_must() {
        assert_eq!(
            words("1.31", "1.34", &[pool("a", "1.31", None)]),
            ["control plane 1.31 to 1.32", "control plane 1.32 to 1.33", "a to 1.33", "control plane 1.33 to 1.34"]
        );
    }

    #[test]
    fn nothing_is_taken_back() {
        assert_eq!(words("1.33", "1.32", &[pool("a", "1.33", Some("1.32"))]), [""; 0]);
    }

    proptest::proptest! {
        /// Whatever the pools have: none is ever ahead of the control plane, none that was not is further behind than
        /// allowed, and all have at last what they were to have.
        #[test]
        fn skew_is_kept(
            current in 28_u16..34,
            rise in 0_u16..5,
            lags in proptest::collection::vec((0_u16..3, proptest::option::of(0_u16..3)), 0..4),
        ) {
            let at = |minor| KubernetesVersion { major: 1, minor };
            let target = current + rise;
            let pools: Vec<PoolVersion<usize>> = lags
                .iter()
                .enumerate()
                .map(|(pool, (lag, goal_lag))| {
                    let found = at(current - lag);
                    PoolVersion { pool, found, goal: goal_lag.map(|lag| at(target - lag).max(found)) }
                })
                .collect();
            let mut control_plane = at(current);
            let mut versions: Vec<_> = pools.iter().map(|pool| pool.found).collect();
            for upgrade in path(at(current), at(target), &pools) {
                match upgrade {
                    Upgrade::ControlPlane { from, to } => {
                        proptest::prop_assert_eq!((from, to), (control_plane, control_plane.next()));
                        control_plane = to;
                    }
                    Upgrade::Pools { pools, to } => {
                        proptest::prop_assert!(to <= control_plane);
                        for pool in pools {
                            proptest::prop_assert!(versions[pool] < to);
                            versions[pool] = to;
                        }
                    }
                }
                for version in &versions {
                    let behind = control_plane.minors_ahead_of(*version).unwrap();
                    proptest::prop_assert!((0..=EnvironmentSpec::MAX_POOL_SKEW).contains(&behind), "{behind} behind");
                }
            }
            proptest::prop_assert_eq!(control_plane, at(target));
            for (pool, version) in pools.iter().zip(&versions) {
                proptest::prop_assert!(pool.goal.is_none_or(|goal| goal == *version));
            }
        }
    }
}
