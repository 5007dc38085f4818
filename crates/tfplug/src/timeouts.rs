//! Timeouts that users set per operation, and waiting for what takes its time on the other side.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::Model;
use crate::call::Call;
use crate::diagnostic::Diagnostics;
use crate::model::{Attr, GoDuration};

/// How long each operation may take: `timeouts = { create = "60m" }`.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Timeouts {
    /// How long creating may take, such as `30m`.
    #[attribute(optional)]
    pub create: Attr<GoDuration>,
    /// How long reading may take, such as `5m`.
    #[attribute(optional)]
    pub read: Attr<GoDuration>,
    /// How long an update may take, such as `30m`.
    #[attribute(optional)]
    pub update: Attr<GoDuration>,
    /// How long destroying may take, such as `30m`.
    #[attribute(optional)]
    pub delete: Attr<GoDuration>,
}

/// The time that the user gave, else the default.
pub fn timeout(given: &Attr<GoDuration>, default: Duration) -> Duration {
    given.known().map_or(default, GoDuration::duration)
}

/// Sets all waiters' first interval, as for an emulator that answers at once: a duration such as `50ms`.
pub const POLL_INTERVAL_VARIABLE: &str = "TFPLUG_POLL_INTERVAL";

/// How to ask again until something has come about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiter {
    interval: Duration,
    interval_max: Duration,
    factor: f64,
    timeout: Duration,
}

/// What waiting came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Waited<T> {
    /// It has come about.
    Done(T),
    /// The time is up.
    TimedOut,
    /// The user has interrupted.
    Cancelled,
}

impl Waiter {
    /// Asks at once, then after each interval, until `timeout`. The environment's [`POLL_INTERVAL_VARIABLE`] replaces
    /// the interval.
    pub fn new(interval: Duration, timeout: Duration) -> Self {
        let given = std::env::var(POLL_INTERVAL_VARIABLE).ok().and_then(|text| text.parse::<GoDuration>().ok());
        let interval = given.map_or(interval, |given| given.duration());
        Self { interval, interval_max: interval, factor: 1.0, timeout }
    }

    /// Lets each interval grow by a factor of at least 1, up to a longest one.
    #[must_use]
    pub fn growing(self, factor: f64, interval_max: Duration) -> Self {
        Self { factor: factor.max(1.0), interval_max: interval_max.max(self.interval), ..self }
    }

    /// Asks until the answer is `Some`.
    ///
    /// # Errors
    /// Those of asking.
    ///
    /// # Cancellation
    /// Ends with [`Waited::Cancelled`] between two questions once the user interrupts; a question is never cut off.
    pub async fn until<C, T, F>(self, call: &Call<C>, mut ask: impl FnMut() -> F) -> Result<Waited<T>, Diagnostics>
    where
        F: Future<Output = Result<Option<T>, Diagnostics>>,
    {
        let deadline = Instant::now() + self.timeout;
        let mut interval = self.interval;
        loop {
            if let Some(answer) = ask().await? {
                return Ok(Waited::Done(answer));
            }
            let next = Instant::now() + interval;
            if next > deadline {
                return Ok(Waited::TimedOut);
            }
            tokio::select! {
                () = call.cancelled().cancelled() => return Ok(Waited::Cancelled),
                () = tokio::time::sleep_until(next) => {}
            }
            interval = interval.mul_f64(self.factor).min(self.interval_max);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::call::{ClientCapabilities, PrivateState};

    fn call(cancelled: &CancellationToken) -> Call<()> {
        Call::new(None, cancelled.clone(), ClientCapabilities::default(), PrivateState::default())
    }

    #[tokio::test(start_paused = true)]
    async fn asks_at_once_and_then_in_growing_intervals() {
        let start = Instant::now();
        let mut asked = Vec::new();
        let waiter = Waiter::new(Duration::from_secs(1), Duration::from_secs(60)).growing(2.0, Duration::from_secs(4));
        let waited = waiter
            .until(&call(&CancellationToken::new()), || {
                asked.push(start.elapsed().as_secs());
                let done = asked.len() == 5;
                async move { Ok(done.then_some("ready")) }
            })
            .await;
        assert_eq!(waited, Ok(Waited::Done("ready")));
        assert_eq!(asked, [0, 1, 3, 7, 11]);
    }

    #[tokio::test(start_paused = true)]
    async fn ends_with_the_time_and_with_the_user() {
        let waiter = Waiter::new(Duration::from_secs(10), Duration::from_secs(60));
        let cancelled = CancellationToken::new();
        let never = || async { Ok(None::<()>) };
        assert_eq!(waiter.until(&call(&cancelled), never).await, Ok(Waited::TimedOut));
        let asked = Cell::new(0);
        let stopping = || {
            asked.set(asked.get() + 1);
            cancelled.cancel();
            async { Ok(None::<()>) }
        };
        assert_eq!(waiter.until(&call(&cancelled), stopping).await, Ok(Waited::Cancelled));
        assert_eq!(asked.get(), 1);
    }
}
