//! The five formulas.
//!
//! All are `idf(term) × weight(tf, length)`, computed as bm25s 0.3 computes them:
//! the weight in 64 bits, the idf rounded to 32 bits, their product rounded to
//! 32 bits, and the products of a document added in 32 bits in the order of the
//! words of the query. Methods that give something to documents without the term
//! add that once for the whole query.

use serde::{Deserialize, Serialize};

use super::SettingsError;

/// Which formula scores a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Lucene's: an idf that is never negative, and no factor `k1 + 1`.
    #[default]
    Lucene,
    /// Robertson's, its idf no less than 0.
    Robertson,
    /// ATIRE's.
    Atire,
    /// BM25+, which adds `delta` to every weight.
    #[serde(rename = "bm25+")]
    Bm25Plus,
    /// BM25L, which adds `delta` to the term frequency by length.
    Bm25l,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 5] = [
        Self::Lucene,
        Self::Robertson,
        Self::Atire,
        Self::Bm25Plus,
        Self::Bm25l,
    ];

    /// The word in configs and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lucene => "lucene",
            Self::Robertson => "robertson",
            Self::Atire => "atire",
            Self::Bm25Plus => "bm25+",
            Self::Bm25l => "bm25l",
        }
    }

    /// Finds a method by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// A method with its parameters; the defaults are those of GEPA's pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scoring {
    /// The formula.
    pub method: Method,
    /// How slowly repeats of a term saturate.
    pub k1: f64,
    /// How much long documents are held back, from 0 to 1.
    pub b: f64,
    /// What [`Method::Bm25Plus`] and [`Method::Bm25l`] add; others ignore it.
    pub delta: f64,
}

impl Default for Scoring {
    fn default() -> Self {
        Self {
            method: Method::default(),
            k1: 0.9,
            b: 0.4,
            delta: 0.5,
        }
    }
}

impl Scoring {
    /// Refuses parameters that make scores negative or no numbers.
    ///
    /// Bounds on what a document can reach hold for no others.
    pub fn check(&self) -> Result<(), SettingsError> {
        let bounded = |name, value: f64, max: f64| {
            if (0.0..=max).contains(&value) {
                Ok(())
            } else {
                Err(SettingsError::OutOfRange { name, value, max })
            }
        };
        bounded("k1", self.k1, PARAMETER_MAX)?;
        bounded("b", self.b, 1.0)?;
        bounded("delta", self.delta, PARAMETER_MAX)?;
        if self.method == Method::Bm25l && self.k1 + self.delta <= 0.0 {
            return Err(SettingsError::NoWeight);
        }
        Ok(())
    }

    /// Returns the weight of a term that stands `tf` times in a document.
    pub(super) fn weight(&self, tf: u32, length: f64, length_mean: f64) -> f64 {
        let (tf, k1) = (f64::from(tf), self.k1);
        let norm = 1.0 - self.b + self.b * length / length_mean;
        match self.method {
            Method::Lucene | Method::Robertson => tf / (k1 * norm + tf),
            Method::Atire => self.saturated(tf) / (tf + k1 * norm),
            Method::Bm25Plus => self.saturated(tf) / (k1 * norm + tf) + self.delta,
            Method::Bm25l => {
                let c = tf / norm + self.delta;
                ((k1 + 1.0) * c) / (k1 + c)
            }
        }
    }

    /// Returns `tf × (k1 + 1)`, which bm25s multiplies in 32 bits.
    fn saturated(&self, tf: f64) -> f64 {
        f64::from(tf as f32 * (self.k1 + 1.0) as f32)
    }

    /// Returns the weight of a term in a document that does not have it.
    pub(super) fn weight_of_absence(&self) -> f64 {
        match self.method {
            Method::Lucene | Method::Robertson | Method::Atire => 0.0,
            Method::Bm25Plus => self.delta,
            Method::Bm25l => ((self.k1 + 1.0) * self.delta) / (self.k1 + self.delta),
        }
    }

    /// Returns what the rarity of a term is worth.
    pub(super) fn idf(&self, n_with_term: u32, n_documents: u32) -> f64 {
        let (df, n) = (f64::from(n_with_term), f64::from(n_documents));
        match self.method {
            Method::Lucene => (1.0 + (n - df + 0.5) / (df + 0.5)).ln(),
            Method::Robertson => ((n - df + 0.5) / (df + 0.5)).max(1.0).ln(),
            Method::Atire => (n / df).ln(),
            Method::Bm25Plus => ((n + 1.0) / df).ln(),
            Method::Bm25l => ((n + 1.0) / (df + 0.5)).ln(),
        }
    }
}

/// The factors of one term's products.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TermFactors {
    /// The idf, rounded as bm25s keeps it.
    pub(super) idf: f32,
    /// What a document without the term gets for it.
    pub(super) absence: f32,
}

impl TermFactors {
    pub(super) fn new(scoring: &Scoring, n_with_term: u32, n_documents: u32) -> Self {
        let idf = scoring.idf(n_with_term, n_documents);
        Self {
            idf: idf as f32,
            absence: (idf * scoring.weight_of_absence()) as f32,
        }
    }

    /// Returns the product for a weight, less what absence gives anyway.
    pub(super) fn product(self, weight: f64) -> f32 {
        (f64::from(self.idf) * weight - f64::from(self.absence)) as f32
    }
}

/// Adds products up in the order in which NumPy does.
///
/// So bm25s adds what a query gives to every document; another order gives
/// another last bit, which can change which of two documents is better.
pub(super) fn sum(products: &[f32]) -> f32 {
    if products.len() > SUM_BLOCK {
        let half = products.len() / 2;
        let (one, other) = products.split_at(half - half % 8);
        return sum(one) + sum(other);
    }
    let (eights, others) = products.as_chunks::<8>();
    let first = match eights.split_first() {
        None => 0.0,
        Some((first, more)) => {
            let mut sums = *first;
            for eight in more {
                for (sum, product) in sums.iter_mut().zip(eight) {
                    *sum += product;
                }
            }
            let [a, b, c, d, e, f, g, h] = sums;
            ((a + b) + (c + d)) + ((e + f) + (g + h))
        }
    };
    others.iter().fold(first, |sum, product| sum + product)
}

/// More than so many numbers are divided in two.
const SUM_BLOCK: usize = 128;

/// The largest `k1` and `delta`. Beyond it no formula means anything, and
/// products would leave the range of 32 bits.
const PARAMETER_MAX: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_methods() {
        for method in Method::ALL {
            assert_eq!(Method::named(method.name()), Some(method));
            let json = serde_json::to_value(method).unwrap();
            assert_eq!(json, method.name());
        }
        assert_eq!(Method::named("tfidf"), None);
    }

    const NUMPY_SUMS: [(usize, u32); 9] = [
        (0, 0x0000_0000),
        (1, 0x3f44_ec4f),
        (7, 0x400e_55f9),
        (8, 0x4016_0bf4),
        (13, 0x4032_d22c),
        (40, 0x4078_2f7c),
        (128, 0x40a0_e0e8),
        (129, 0x40a1_2043),
        (300, 0x40bc_0538),
    ];

    #[test]
    fn sums_are_added_in_the_order_of_numpy() {
        // `numpy.sum` of as many of these, as 32 bits.
        let products: Vec<_> = (0..300u16).map(|at| 1.0 / (f32::from(at) + 1.3)).collect();
        for (n_products, bits) in NUMPY_SUMS {
            assert_eq!(sum(&products[..n_products]).to_bits(), bits, "{n_products}");
        }
    }

    #[test]
    fn parameters_that_spoil_scores_are_refused() {
        let usual = Scoring::default();
        assert_eq!(usual.check(), Ok(()));
        for wrong in [
            Scoring { k1: -0.1, ..usual },
            Scoring {
                k1: f64::NAN,
                ..usual
            },
            Scoring {
                k1: f64::INFINITY,
                ..usual
            },
            Scoring { b: 1.1, ..usual },
            Scoring { b: -0.1, ..usual },
            Scoring {
                delta: -1.0,
                ..usual
            },
        ] {
            let refused = wrong.check();
            assert!(
                matches!(refused, Err(SettingsError::OutOfRange { .. })),
                "{wrong:?}"
            );
        }
        let nothing = Scoring {
            method: Method::Bm25l,
            k1: 0.0,
            delta: 0.0,
            b: 0.4,
        };
        assert_eq!(nothing.check(), Err(SettingsError::NoWeight));
    }

    #[test]
    fn formulas_are_those_worked_out_by_hand() {
        // tf = 2, length = 6, mean = 4, k1 = 1, b = 0.5: norm = 1.25.
        let of = |method| Scoring {
            method,
            k1: 1.0,
            b: 0.5,
            delta: 0.5,
        };
        let weight = |method| of(method).weight(2, 6.0, 4.0);
        assert_eq!(weight(Method::Lucene), 2.0 / 3.25);
        assert_eq!(weight(Method::Robertson), 2.0 / 3.25);
        assert_eq!(weight(Method::Atire), 4.0 / 3.25);
        assert_eq!(weight(Method::Bm25Plus), 4.0 / 3.25 + 0.5);
        assert_eq!(weight(Method::Bm25l), 2.0 * 2.1 / 3.1);
        assert_eq!(of(Method::Bm25Plus).weight_of_absence(), 0.5);
        assert_eq!(of(Method::Bm25l).weight_of_absence(), 1.0 / 1.5);
        // 3 of 10 documents.
        assert_eq!(of(Method::Lucene).idf(3, 10), (1.0f64 + 7.5 / 3.5).ln());
        assert_eq!(of(Method::Robertson).idf(3, 10), (7.5f64 / 3.5).ln());
        assert_eq!(of(Method::Robertson).idf(8, 10), 0.0);
        assert_eq!(of(Method::Atire).idf(3, 10), (10.0f64 / 3.0).ln());
        assert_eq!(of(Method::Bm25Plus).idf(3, 10), (11.0f64 / 3.0).ln());
        assert_eq!(of(Method::Bm25l).idf(3, 10), (11.0f64 / 3.5).ln());
    }
}
