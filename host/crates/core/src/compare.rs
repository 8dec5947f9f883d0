//! Compares two runs, A and B.
//!
//! A difference of scores says something of a change only if nothing else
//! changed with it, so [`fact::comparability`] comes first.

pub mod fact;
