//! Numbers that look random and are decided by a text, so that whatever hangs
//! on them is the same in every run.

use sha2::{Digest, Sha256};

/// Returns the number of a text.
pub(crate) fn of(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    u64::from_le_bytes(
        digest[..8]
            .try_into()
            .expect("a digest has more than 8 bytes"),
    )
}
