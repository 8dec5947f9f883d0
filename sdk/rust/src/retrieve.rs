//! Ready-made ways to make more of a search: one ranking of several queries,
//! and names that were asked about but not found. What stands here is off until
//! a [`Retrieve`](crate::Retrieve) step is given it, and goes through the same
//! import as every other search.

mod fusion;
mod layout;
mod names;
mod rescue;

pub use fusion::{Fusion, fuse};
pub use layout::{Layout, numbered};
pub use names::{covers, names};
pub use rescue::{Rescue, best_title};

pub(crate) use layout::interleave;
