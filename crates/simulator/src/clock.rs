//! The clock of the simulated clouds. In fast time it is virtual: each request moves it by one fixed step, so that what
//! happens depends on the sequence of requests and the seed only, and nothing ever sleeps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How time passes for the simulated clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Virtual: starts at 2026-01-01T00:00:00Z and moves by `step` with each request.
    Fast {
        /// How far one request moves the clock.
        step: Duration,
    },
    /// The wall clock, with a cluster taking the minutes that it takes; `speed` times as fast.
    Real {
        /// How many simulated seconds pass in one second.
        speed: u32,
    },
}

impl Time {
    /// One virtual minute per request: a cluster is up after seven polls, a node group after three.
    pub const FAST: Time = Time::Fast { step: Duration::from_secs(60) };
}

/// 2026-01-01T00:00:00Z, where virtual time starts. It is fixed so that two runs write the same journal; the catalogue of
/// versions in `eks::catalogue` is of that day.
const VIRTUAL_START_MS: i64 = 1_767_225_600_000;

/// A point in simulated time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    pub(crate) fn wall() -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Midnight of a day.
    pub(crate) const fn date(year: i64, month: i64, day: i64) -> Moment {
        // Days from the civil calendar, counted in years that start in March, so that the leap day comes last.
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y - era * 400;
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Moment((era * 146_097 + day_of_era - 719_468) * 86_400_000)
    }

    pub(crate) fn plus(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` it is; nothing where it is before.
    pub(crate) fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Seconds since 1970 with milliseconds, the form of timestamps in AWS's JSON.
    pub(crate) fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Without the part of a second.
    pub(crate) fn whole_second(self) -> Moment {
        Moment(self.0.div_euclid(1000).saturating_mul(1000))
    }

    /// As HTTP writes dates (RFC 9110, section 5.6.7).
    pub(crate) fn http_date(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let text = self.rfc3339();
        let weekday = usize::try_from(self.0.div_euclid(86_400_000).rem_euclid(7)).unwrap_or(0);
        let month =
            text[5..7].parse().ok().and_then(|month: usize| MONTHS.get(month.checked_sub(1)?)).unwrap_or(&"Jan");
        format!("{}, {} {month} {} {} GMT", DAYS[weekday], &text[8..10], &text[..4], &text[11..19])
    }

    /// RFC 3339 in UTC with milliseconds.
    pub(crate) fn rfc3339(self) -> String {
        let (days, ms) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let z = days + 719_468;
        let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let mp = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
    }
}

#[derive(Debug)]
pub(crate) struct Clock {
    time: Time,
    start: Moment,
    started: Instant,
    /// What requests (in fast time) and tests have moved the clock by.
    moved: Duration,
}

impl Clock {
    pub(crate) fn new(time: Time) -> Clock {
        let start = match time {
            Time::Fast { .. } => Moment(VIRTUAL_START_MS),
            Time::Real { .. } => Moment::wall(),
        };
        Clock { time, start, started: Instant::now(), moved: Duration::ZERO }
    }

    /// One request has come.
    pub(crate) fn tick(&mut self) {
        match self.time {
            Time::Fast { step } => self.advance(step),
            Time::Real { .. } => {}
        }
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.moved = self.moved.saturating_add(by);
    }

    /// How far it has been moved.
    pub(crate) fn elapsed(&self) -> Duration {
        self.moved
    }

    pub(crate) fn now(&self) -> Moment {
        let moved = self.start.plus(self.moved);
        match self.time {
            Time::Fast { .. } => moved,
            Time::Real { speed } => moved.plus(self.started.elapsed().saturating_mul(speed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_their_text_agree() {
        assert_eq!(Moment::date(2026, 1, 1), Moment(VIRTUAL_START_MS));
        for (year, month, day, text) in [
            (1970, 1, 1, "1970-01-01T00:00:00.000Z"),
            (2000, 2, 29, "2000-02-29T00:00:00.000Z"),
            (2025, 12, 31, "2025-12-31T00:00:00.000Z"),
            (2100, 3, 1, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Moment::date(year, month, day).rfc3339(), text);
        }
        assert_eq!(Moment::date(1994, 11, 6).http_date(), "Sun, 06 Nov 1994 00:00:00 GMT");
    }

    #[test]
    fn fast_time_moves_with_requests_only() {
        let mut clock = Clock::new(Time::FAST);
        assert_eq!(clock.now().rfc3339(), "2026-01-01T00:00:00.000Z");
        clock.tick();
        clock.tick();
        assert_eq!(clock.now().rfc3339(), "2026-01-01T00:02:00.000Z");
    }
}
