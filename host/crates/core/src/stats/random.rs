//! Random numbers that are the same on every machine and with every version of
//! every library: resampling is part of a result.

/// A generator: xoshiro256++, its state filled by splitmix64, as its authors
/// advise (Blackman and Vigna, <https://prng.di.unimi.it>).
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Starts the sequence that belongs to a seed.
    pub fn seeded(seed: u64) -> Self {
        let mut at = seed;
        Self {
            state: std::array::from_fn(|_| splitmix64(&mut at)),
        }
    }

    /// Returns the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let bits = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        bits
    }

    /// Returns a number below `n`, or 0 if that is 0. No number is likelier than
    /// another by more than `n` in 2⁶⁴.
    pub fn below(&mut self, n: usize) -> usize {
        let wide = u128::from(self.bits()) * n as u128;
        (wide >> 64) as usize
    }
}

fn splitmix64(at: &mut u64) -> u64 {
    *at = at.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *at;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_authors() {
        // The authors' splitmix64.c from 1234567, and the first word of their
        // xoshiro256plusplus.c from the state 1, 2, 3, 4.
        let mut at = 1_234_567;
        assert_eq!(splitmix64(&mut at), 6_457_827_717_110_365_317);
        assert_eq!(splitmix64(&mut at), 3_203_168_211_198_807_973);
        let mut random = Random {
            state: [1, 2, 3, 4],
        };
        let first: Vec<_> = (0..4).map(|_| random.bits()).collect();
        assert_eq!(
            first,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_of_it() {
        let mut random = Random::seeded(7);
        let mut seen = [0; 5];
        (0..5000).for_each(|_| seen[random.below(5)] += 1);
        assert!(seen.iter().all(|n| (900..1100).contains(n)), "{seen:?}");
    }
}
