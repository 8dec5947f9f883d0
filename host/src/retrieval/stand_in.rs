//! What a search server might find, where a run is only forecast.

use fapo_core::call::Passage;

/// A passage of the usual length: a hundred tokens or so.
const TEXT: &str = "This passage stands where a search server would have found one. It has \
    the length that passages of an encyclopedia have, so that what a run would \
    read of them can be told before anything is sent. Nothing in it is true of \
    anything but itself, and whoever reads it has asked for a forecast. The \
    words go on for a while, since a paragraph has some five sentences, and a \
    sentence some twenty words, and then there is an end to it.";

/// Returns as many passages as were asked for.
pub(super) fn passages(k: u32) -> Vec<Passage> {
    let passage = |rank: u32| Passage {
        id: rank.to_string().into(),
        title: "A stand-in".into(),
        text: TEXT.into(),
        score: 0.0,
        rank,
        metadata: "{}".into(),
    };
    (1..=k).map(passage).collect()
}
