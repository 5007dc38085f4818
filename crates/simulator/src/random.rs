//! Everything that is drawn, from one seed: identifiers, how long things take, which read is late.

use std::time::Duration;

/// A small generator (splitmix64), ours so that a seed means the same on every machine and in every version.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
    /// Seed 0 draws identifiers only: durations are exact and reads are never late.
    calm: bool,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random { state: seed, calm: seed == 0 }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Whether something of that probability happens. Drawn for every seed, also 0: the caller has asked for it.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits, which a f64 holds exactly.
        ((self.next() >> 11) as f64 / (1u64 << 53) as f64) < probability
    }

    /// A duration around `base`: 70 to 130 percent of it.
    pub(crate) fn around(&mut self, base: Duration) -> Duration {
        if self.calm {
            return base;
        }
        let percent = 70 + self.next() % 61;
        base.mul_f64(percent as f64 / 100.0)
    }

    /// How many reads are late, 0 to `most`.
    pub(crate) fn late_reads(&mut self, most: u64) -> u32 {
        if self.calm {
            return 0;
        }
        u32::try_from(self.next() % (most + 1)).unwrap_or(0)
    }

    /// `length` digits of upper-case hexadecimal.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        let mut text = String::new();
        while text.len() < length {
            text.push_str(&format!("{:016X}", self.next()));
        }
        text.truncate(length);
        text
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        let (high, low) = (high & !0xf000 | 0x4000, low & !(0xc << 60) | 0x8 << 60);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_and_zero_is_calm() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        assert_eq!(one.uuid(), two.uuid());
        assert_eq!(Random::new(0).around(Duration::from_secs(9)), Duration::from_secs(9));
        assert_eq!(Random::new(0).late_reads(9), 0);
        let uuid = one.uuid();
        assert_eq!((uuid.len(), uuid.as_bytes()[14], one.hex(32).len()), (36, b'4', 32));
    }

    #[test]
    fn chances_keep_near_their_probability() {
        let mut random = Random::new(1);
        let hits = (0..10_000).filter(|_| random.chance(0.25)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
    }
}
