//! Random numbers that a seed brings back.

/// The seed of this run: `FARADAY_TEST_SEED`, or a new one. Print it.
pub(crate) fn seed() -> u64 {
    match std::env::var("FARADAY_TEST_SEED") {
        Ok(text) => text.parse().expect("FARADAY_TEST_SEED is a number"),
        Err(_) => rand::random::<u32>().into(),
    }
}

/// The `n`th number of this seed: any two differ, and look as if they had nothing in common.
pub(crate) fn draw(seed: u64, n: u64) -> u64 {
    mix(mix(seed ^ 0x5851_F42D_4C95_7F2D).wrapping_add(n))
}

/// Splitmix64's finisher: a bijection.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
