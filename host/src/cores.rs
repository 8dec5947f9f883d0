//! How many things this process can do at once.

use std::num::NonZero;
use std::thread::available_parallelism;

/// Returns how many cores this process may use.
pub(crate) fn usable() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}
