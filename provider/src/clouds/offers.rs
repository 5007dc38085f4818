//! What clouds have been asked about what they offer, so that a plan of many environments asks each thing once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use multicloud::environment::MachineType;
use multicloud::{Backend, BackendKind, EnvironmentSpec, KubernetesVersion, PoolName, Region, Violation};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// How long a plan waits for such an answer. It can do without: the apply asks again, and a plan without a network shall
/// not be slow.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answers of one process, which is one plan.
#[derive(Debug, Default)]
pub(super) struct Offers {
    answers: Mutex<HashMap<Question, Arc<OnceCell<Vec<Violation>>>>>,
    /// Where nobody answered; nobody is asked there again.
    silent: Mutex<HashSet<Place>>,
}

type Place = (BackendKind, Option<Region>);

/// What a cloud is asked: environments that differ in nothing else have the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    place: Place,
    version: KubernetesVersion,
    /// What only that cloud has, as text: some of it decides what is offered, such as a release channel.
    cloud: String,
    pools: Vec<(PoolName, MachineType, Option<KubernetesVersion>, BTreeSet<String>)>,
}

impl Question {
    fn of(desired: &EnvironmentSpec) -> Self {
        let pools = desired.node_pools.iter();
        Self {
            place: (desired.cloud.backend(), desired.region.clone()),
            version: desired.kubernetes.version,
            cloud: format!("{:?}", desired.cloud),
            pools: pools
                .map(|(name, pool)| (name.clone(), pool.machine_type.clone(), pool.version, pool.zones.clone()))
                .collect(),
        }
    }
}

impl Offers {
    /// What of an environment its cloud does not have; nothing, where it does not say in time, or not to us.
    pub(super) async fn missing(&self, backend: &dyn Backend, desired: &EnvironmentSpec) -> Vec<Violation> {
        let question = Question::of(desired);
        let place = question.place.clone();
        let answer = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry(question).or_default())
        };
        let ask = || async {
            if self.is_silent(&place) {
                return Vec::new();
            }
            match timeout(PATIENCE, backend.check_offer(desired)).await {
                Ok(Ok(missing)) => missing,
                Ok(Err(_)) | Err(_) => {
                    self.silent.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone());
                    Vec::new()
                }
            }
        };
        answer.get_or_init(ask).await.clone()
    }

    fn is_silent(&self, place: &Place) -> bool {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).contains(place)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use multicloud::environment::{CloudSpec, FieldPath, PoolSize, PoolSpec};
    use multicloud::memory::{MemoryCloud, MemorySpec};
    use multicloud::{Error, ErrorKind, Layer, VirtualClock};
    use tfplug::async_trait;

    use super::*;

    /// A cloud that counts how often it is asked what it has.
    #[derive(Debug)]
    struct Counting {
        inner: Arc<dyn Backend>,
        asked: AtomicUsize,
        answers: bool,
    }

    #[async_trait]
    impl Layer for Counting {
        fn inner(&self) -> &dyn Backend {
            self.inner.as_ref()
        }

        async fn check_offer(&self, desired: &EnvironmentSpec) -> multicloud::Result<Vec<Violation>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.answers {
                Ok(vec![Violation::new(FieldPath::of("kubernetes.version"), "not offered", "use another")])
            } else {
                Err(Error::new(ErrorKind::Unauthenticated, BackendKind::Memory, "check_offer", &desired.name))
            }
        }
    }

    fn cloud(answers: bool) -> Counting {
        let inner = Arc::new(MemoryCloud::new(Arc::new(VirtualClock::new())).backend());
        Counting { inner, asked: AtomicUsize::new(0), answers }
    }

    fn spec(name: &str, version: &str) -> EnvironmentSpec {
        let cloud = CloudSpec::Memory(MemorySpec::default());
        let mut spec =
            EnvironmentSpec::new("o".parse().unwrap(), name.parse().unwrap(), version.parse().unwrap(), cloud);
        let pool = PoolSpec::new("4cpu-8gb".parse().unwrap(), PoolSize::Fixed(1));
        spec.node_pools.insert("system".parse().unwrap(), pool);
        spec
    }

    #[tokio::test]
    async fn like_environments_are_one_question() {
        let (offers, cloud) = (Offers::default(), cloud(true));
        for name in ["one", "two", "three"] {
            assert_eq!(offers.missing(&cloud, &spec(name, "1.33")).await.len(), 1);
        }
        assert_eq!(cloud.asked.load(Ordering::Relaxed), 1);
        offers.missing(&cloud, &spec("one", "1.34")).await;
        assert_eq!(cloud.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn who_does_not_answer_is_not_asked_again() {
        let (offers, cloud) = (Offers::default(), cloud(false));
        for version in ["1.33", "1.34"] {
            assert!(offers.missing(&cloud, &spec("one", version)).await.is_empty());
        }
        assert_eq!(cloud.asked.load(Ordering::Relaxed), 1);
    }
}
