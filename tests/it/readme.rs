//! The console blocks of the README, run as they stand.
