//! A true index with bytes that changed: an error, or the answer of before.

#![no_main]

use std::sync::LazyLock;

use fapo_core::bm25::{Hit, Index, Scratch, SegmentBuilder, Settings, write_index};
use libfuzzer_sys::fuzz_target;

const QUERIES: [&str; 4] = ["one", "two seven", "three word9", "two three five eleven word3"];

static WHOLE: LazyLock<(Vec<u8>, Vec<Vec<Hit>>)> = LazyLock::new(|| {
    let settings = Settings::default();
    let mut segment = SegmentBuilder::new(&settings.analysis);
    // Lists of every kind: few, packed blocks, and a bit for every document.
    for number in 0..9000u32 {
        let mut text = format!("one word{}", number % 50);
        for (name, every) in [("two", 2), ("three", 3), ("five", 5), ("seven", 7), ("eleven", 11)] {
            if number % every == 0 {
                text += &format!(" {name}").repeat(1 + number as usize % 4);
            }
        }
        segment.add(&text).expect("it is short");
    }
    let mut file = Vec::new();
    write_index(&settings, 0, &[&segment.finish()], &mut file).expect("it is sound");
    let hits = answers(&file).expect("it is sound");
    (file, hits)
});

fn answers(file: &[u8]) -> Option<Vec<Vec<Hit>>> {
    let index = Index::open(file).ok()?;
    let mut scratch = Scratch::default();
    let hits = QUERIES.map(|query| index.search(query, 10, &mut scratch).ok());
    hits.into_iter().collect()
}

fuzz_target!(|changes: Vec<(u32, u8)>| {
    let (whole, hits) = &*WHOLE;
    let mut file = whole.clone();
    for (at, change) in changes {
        let at = at as usize % file.len();
        file[at] ^= change;
    }
    if let Some(found) = answers(&file) {
        assert_eq!(&found, hits);
    }
});
