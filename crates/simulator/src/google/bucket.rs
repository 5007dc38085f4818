//! Rate limits, as buckets that fill in simulated time.

use crate::clock::Moment;

/// One limit of one project.
#[derive(Debug)]
pub(super) struct Bucket {
    per_minute: u32,
    tokens: f64,
    filled: Moment,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(per_minute: u32, now: Moment) -> Bucket {
        Bucket { per_minute, tokens: f64::from(per_minute), filled: now }
    }

    /// Takes one token; false when there is none.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        let most = f64::from(self.per_minute);
        let minutes = (now.epoch_seconds() - self.filled.epoch_seconds()) / 60.0;
        self.tokens = (self.tokens + minutes * most).min(most);
        self.filled = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_with_time() {
        let start = Moment::date(2026, 1, 1);
        let mut bucket = Bucket::new(60, start);
        assert_eq!((0..61).filter(|_| bucket.take(start)).count(), 60);
        let later = start.plus(Duration::from_secs(2));
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 2);
        let much_later = start.plus(Duration::from_secs(3600));
        assert_eq!((0..100).filter(|_| bucket.take(much_later)).count(), 60);
    }
}
