//! Numbers that look measured, as a function of seed, cycle and name.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The numbers of one server in one cycle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    seed: u64,
    cycle: u64,
}

impl Numbers {
    pub(super) fn new(seed: u64, cycle: u64) -> Self {
        Self { seed, cycle }
    }

    /// A counter that grows by about `rate` (at least 1) a cycle, and never falls.
    pub(super) fn counter(self, name: &str, rate: u64) -> u64 {
        let rate = rate.max(1);
        let start = self.hash(name, u64::MAX) % (rate * 1_000);
        start + rate * self.cycle + self.hash(name, self.cycle) % rate.div_ceil(2)
    }

    /// A level between `low` and `high` that moves slowly.
    pub(super) fn level(self, name: &str, low: f64, high: f64) -> f64 {
        let phase = (self.hash(name, u64::MAX) % 628) as f64 / 100.0;
        let noise = (self.hash(name, self.cycle) % 1_000) as f64 / 1_000.0;
        let wave = (self.cycle as f64 / 20.0 + phase).sin().mul_add(0.5, 0.5);
        (wave.mul_add(0.9, noise * 0.1) * (high - low) + low).clamp(low, high)
    }

    /// As [`Numbers::level`], whole.
    pub(super) fn whole(self, name: &str, low: u32, high: u32) -> u64 {
        // Between two u32, so it fits.
        self.level(name, f64::from(low), f64::from(high)) as u64
    }

    /// A number that stays the same for the server's life, below `limit`.
    pub(super) fn fixed(self, name: &str, limit: u64) -> u64 {
        self.hash(name, u64::MAX - 1) % limit.max(1)
    }

    fn hash(self, name: &str, salt: u64) -> u64 {
        let seed = self.seed ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        xxh3_64_with_seed(name.as_bytes(), seed)
    }
}
