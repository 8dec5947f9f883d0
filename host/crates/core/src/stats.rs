//! Statistics of scores, from 0 to 100, and of what two runs make of the same
//! cases.
//!
//! Each function names its method, so that a reader can repeat it in NumPy or
//! SciPy. What is drawn at random comes from a seed, so that the same scores
//! always give the same numbers. Which method suits which comparison is decided
//! in [`crate::compare`].

pub mod mean;
pub mod quantile;

pub mod difference;

pub mod bootstrap;
pub mod mcnemar;
pub mod permutation;

pub mod random;
