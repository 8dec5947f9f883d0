//! What makes two calls the same: the key of an answer that is kept.

use fapo_core::call::GenerateRequest;
use fapo_core::json;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The key of an answer.
pub(super) type Key = [u8; 32];

/// The version of what a key is made of. Another one finds nothing that is
/// kept under this one.
const FORMAT: u32 = 1;

/// All that can change an answer, but for chance.
///
/// The fields of a request are written in the order of their declaration, so
/// equal calls make equal text.
#[derive(Serialize)]
pub(super) struct Asked<'a> {
    pub(super) tenant: Option<&'a str>,
    pub(super) identity: &'a str,
    pub(super) repeat: u32,
    pub(super) request: &'a GenerateRequest,
}

impl Asked<'_> {
    /// Returns what tells this call from others.
    pub(super) fn digest(&self) -> Key {
        json::scratch(|text| {
            json::append(text, &(FORMAT, self));
            Sha256::digest(text).into()
        })
    }
}

/// Returns the key of the n-th answer to the same question.
///
/// A chain that asks one thing five times wants five samples, and one that asks
/// again after a malformed answer wants another one. With one answer kept for
/// all of them it would run otherwise than without a cache.
pub(super) fn nth(asked: &Key, n: u32) -> Key {
    let mut digest = Sha256::new();
    digest.update(asked);
    digest.update(n.to_le_bytes());
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fapo_core::digest::hex;

    fn digest(tenant: Option<&str>, identity: &str, repeat: u32, temperature: f64) -> Key {
        let mut request = GenerateRequest::default();
        request.params.temperature = Some(temperature);
        Asked {
            tenant,
            identity,
            repeat,
            request: &request,
        }
        .digest()
    }

    #[test]
    fn whatever_can_change_an_answer_changes_the_key() {
        let keys: std::collections::HashSet<_> = [
            digest(None, "a", 1, 0.5),
            digest(Some("t"), "a", 1, 0.5),
            digest(Some("u"), "a", 1, 0.5),
            digest(None, "b", 1, 0.5),
            digest(None, "a", 2, 0.5),
            digest(None, "a", 1, 0.25),
            nth(&digest(None, "a", 1, 0.5), 0),
            nth(&digest(None, "a", 1, 0.5), 1),
        ]
        .into();
        assert_eq!(keys.len(), 8);
        assert_eq!(digest(None, "a", 1, 0.5), digest(None, "a", 1, 0.5));
    }

    #[test]
    fn the_key_does_not_change_between_versions() {
        let text = r#"[1,{"tenant":"t","identity":"a","repeat":1,"request":{"messages":[],"params":{"temperature":0.5}}}]"#;
        assert_eq!(
            hex(&digest(Some("t"), "a", 1, 0.5)),
            fapo_core::digest::sha256_hex(text),
            "whatever was paid for would be asked again: is that meant?"
        );
    }
}
