//! What looks random in the simulator, and is decided by what it was asked.

/// Decides whether a failure happens.
///
/// Part of each draw hangs on the prompt and the seed alone, so that a hard
/// case stays hard, and part on the repeat, so that samples differ. The hotter
/// the sampling, the larger the second part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance {
    steady: u64,
    fresh: u64,
    fresh_share: f64,
}

impl Chance {
    pub(super) fn new(prompt: u64, seed: u64, sample: u64, temperature: f64) -> Self {
        let steady = mix(prompt ^ mix(seed));
        Self {
            steady,
            fresh: mix(steady ^ mix(sample)),
            fresh_share: 0.1 + 0.7 * temperature.clamp(0.0, 1.0),
        }
    }

    /// Returns the number from 0 to 1 that belongs to a word.
    pub(super) fn draw(&self, what: &str) -> f64 {
        let what = hash(what.as_bytes());
        let fresh = mix(self.fresh ^ what);
        match unit(fresh) < self.fresh_share {
            true => unit(mix(fresh)),
            false => unit(mix(self.steady ^ what)),
        }
    }

    /// Tells whether what happens so often happens now.
    pub(super) fn happens(&self, what: &str, rate: f64) -> bool {
        self.draw(what) < rate
    }

    /// Returns one of so many.
    pub(super) fn pick(&self, what: &str, n: usize) -> usize {
        ((self.draw(what) * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// Returns a number that no other sample shares.
    pub(super) fn id(&self) -> u64 {
        mix(self.fresh)
    }
}

/// FNV-1a, taken eight bytes at a time.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("chunks have eight bytes"));
        hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    for byte in chunks.remainder() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// The last step of splitmix64.
pub(super) fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_met_over_many_prompts() {
        let n = (0..10_000)
            .filter(|prompt| Chance::new(*prompt, 0, 1, 1.0).happens("verbose", 0.3))
            .count();
        assert!((2_800..3_200).contains(&n), "{n}");
    }

    #[test]
    fn samples_differ_less_where_it_is_cold() {
        let differ = |temperature| {
            let happens = |prompt, sample| {
                Chance::new(prompt, 0, sample, temperature).happens("verbose", 0.5)
            };
            (0..2_000)
                .filter(|prompt| happens(*prompt, 1) != happens(*prompt, 2))
                .count()
        };
        let (cold, hot) = (differ(0.0), differ(1.0));
        assert!(cold > 0 && cold * 3 < hot, "{cold} {hot}");
    }
}
