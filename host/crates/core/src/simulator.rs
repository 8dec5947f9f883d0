//! A simulated model: a deterministic reader with no answer key.

use serde::{Deserialize, Serialize};

/// How often the simulator fails as weak models do, as shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Says more than it was asked, unless told to be brief.
    pub verbose: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { verbose: 0.6 }
    }
}
