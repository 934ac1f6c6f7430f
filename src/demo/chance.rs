//! Chance that is none: a function of the seed and of what it is asked for, the same on every machine.

/// A seeded oracle.
#[derive(Debug, Clone, Copy)]
pub struct Chance {
    seed: u64,
}

impl Chance {
    /// The oracle of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A number from 0 to `below − 1` for a purpose, a person and a day. `below` must not be 0.
    #[must_use]
    pub fn pick(&self, purpose: &str, person: u64, day: u64, below: u64) -> u64 {
        let mut state = self.seed ^ 0x9e37_79b9_7f4a_7c15;
        for byte in purpose.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        mix(mix(state ^ person) ^ day) % below.max(1)
    }

    /// Whether something that happens `in_100_000` of 100,000 times happens.
    #[must_use]
    pub fn hits(&self, in_100_000: u64, purpose: &str, person: u64, day: u64) -> bool {
        self.pick(purpose, person, day, 100_000) < in_100_000
    }
}

/// One round of splitmix64.
const fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
