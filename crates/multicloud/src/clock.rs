//! Time and chance, as the driver is given them: the process's own, or virtual ones that make a run repeatable.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;

/// A clock that never goes back, whatever happens to the time of day.
#[async_trait]
pub trait Clock: Debug + Send + Sync {
    /// Time since a moment that is fixed for this clock.
    fn now(&self) -> Duration;

    /// Returns once that much time has gone by.
    async fn sleep(&self, duration: Duration);
}

/// The process's clock; needs a running tokio runtime with time enabled.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that begins now.
    pub fn new() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that jumps to the next moment somebody waits for, as soon as nobody has anything else to do. An hour of
/// waiting takes no time, and every run goes the same way. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock {
    timers: Arc<Mutex<Timers>>,
}

#[derive(Debug, Default)]
struct Timers {
    now: Duration,
    next_id: u64,
    waiting: BTreeMap<(Duration, u64), Waker>,
}

impl VirtualClock {
    /// A clock that stands at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a future to its end. `None` if it waits for something that time alone does not bring.
    pub fn run<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            if !woken.0.swap(false, Ordering::SeqCst) {
                let (moment, waiting) = self.timers().waiting.pop_first()?;
                self.timers().now = moment.0;
                waiting.wake();
                woken.0.store(false, Ordering::SeqCst);
            }
        }
    }

    fn next_key(&self, duration: Duration) -> (Duration, u64) {
        let mut timers = self.timers();
        timers.next_id += 1;
        (timers.now.saturating_add(duration), timers.next_id)
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        // Every change under this lock is one assignment, so a panic elsewhere leaves it whole.
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        self.timers().now
    }

    async fn sleep(&self, duration: Duration) {
        let key = self.next_key(duration);
        VirtualSleep { clock: self.clone(), key }.await;
    }
}

#[derive(Debug)]
struct VirtualSleep {
    clock: VirtualClock,
    key: (Duration, u64),
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut timers = self.clock.timers();
        if timers.now >= self.key.0 {
            return Poll::Ready(());
        }
        timers.waiting.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        self.clock.timers().waiting.remove(&self.key);
    }
}

#[derive(Debug)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Chance for back-offs, so that many clients that were refused together do not come back together.
///
/// SplitMix64 (Steele, Lea and Flood, 2014): good enough to spread requests, and no secret depends on it.
#[derive(Debug)]
pub struct Jitter(Mutex<u64>);

impl Jitter {
    /// The same seed makes the same sequence.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// A sequence of its own for every call.
    pub fn random() -> Self {
        Self::seeded(uuid::Uuid::new_v4().as_u64_pair().0)
    }

    /// A duration between half of `duration` and all of it.
    pub fn spread(&self, duration: Duration) -> Duration {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let unit = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
        duration.mul_f64(0.5 + unit / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_time_jumps_in_order() {
        let clock = VirtualClock::new();
        let order = Mutex::new(Vec::new());
        let wait = |seconds| {
            let (clock, order) = (&clock, &order);
            async move {
                clock.sleep(Duration::from_secs(seconds)).await;
                order.lock().unwrap().push((seconds, clock.now().as_secs()));
            }
        };
        clock.run(async { futures::join!(wait(7200), wait(60), wait(3600)) }).unwrap();
        assert_eq!(*order.lock().unwrap(), [(60, 60), (3600, 3600), (7200, 7200)]);
    }

    #[test]
    fn a_dropped_sleep_moves_no_time() {
        let clock = VirtualClock::new();
        let run = async {
            tokio::select! { biased; () = clock.sleep(Duration::from_secs(1)) => {}, () = clock.sleep(Duration::from_secs(9)) => {} }
        };
        clock.run(run).unwrap();
        assert_eq!(clock.now(), Duration::from_secs(1));
    }

    #[test]
    fn what_never_comes_is_noticed() {
        assert_eq!(VirtualClock::new().run(std::future::pending::<()>()), None);
    }

    #[test]
    fn jitter_repeats_and_stays_in_bounds() {
        let (one, two) = (Jitter::seeded(7), Jitter::seeded(7));
        let second = Duration::from_secs(1);
        let draws: Vec<Duration> = (0..1_000).map(|_| one.spread(second)).collect();
        assert!(draws.iter().all(|draw| (second / 2..=second).contains(draw)));
        assert_eq!(draws[..10], (0..10).map(|_| two.spread(second)).collect::<Vec<_>>()[..]);
        assert!(draws.iter().collect::<std::collections::BTreeSet<_>>().len() > 900);
    }
}
