//! What the device draws by lot: session keys, its random PIN, nonces. The same for the same seed.
//!
//! Not for secrets: a simulator should be predictable.

/// A small generator (splitmix64).
#[derive(Debug)]
pub(crate) struct Lot(u64);

impl Lot {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which must not be 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// The registration PIN that a device makes for itself: four digits.
    pub(crate) fn random_pin(&mut self) -> String {
        format!("{:04}", self.below(10_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_differs() {
        let draw = |seed| {
            let mut lot = Lot::new(seed);
            [lot.next(), lot.next(), lot.below(10)]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(1)[2] < 10);
    }
}
