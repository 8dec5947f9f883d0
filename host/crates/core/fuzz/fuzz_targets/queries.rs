//! Any corpus, settings and query: the best `k` are the first of all hits, and
//! those do not depend on how the corpus was cut into segments.

#![no_main]

use arbitrary::Arbitrary;
use fapo_core::bm25::{
    Analysis, Index, Method, Scoring, Scratch, SegmentBuilder, Settings, Stemmer, Stopwords,
    write_index,
};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input {
    method: u8,
    k1: u8,
    b: u8,
    delta: u8,
    is_stemmed: bool,
    /// The numbers of words: few, so that documents share them.
    documents: Vec<Vec<u8>>,
    /// How often all documents stand in the corpus, each time with other numbers.
    repeats: u8,
    query: Vec<u8>,
    text: String,
    k: u8,
}

fn text(words: &[u8], shift: u8) -> String {
    let words = words.iter().map(|word| match word.wrapping_add(shift) {
        // So that some words are in most documents.
        word @ 0..128 => format!("w{} ", word % 4),
        word => format!("w{word} "),
    });
    words.collect()
}

fuzz_target!(|input: Input| {
    let settings = Settings {
        scoring: Scoring {
            method: Method::ALL[usize::from(input.method) % Method::ALL.len()],
            k1: f64::from(input.k1) / 32.0,
            b: f64::from(input.b) / 255.0,
            delta: f64::from(input.delta) / 64.0,
        },
        analysis: Analysis {
            stopwords: Stopwords::None,
            stemmer: if input.is_stemmed { Stemmer::English } else { Stemmer::None },
        },
    };
    if settings.scoring.check().is_err() {
        return;
    }
    let mut texts: Vec<_> = (0..=input.repeats)
        .flat_map(|shift| input.documents.iter().map(move |words| text(words, shift)))
        .take(2000)
        .collect();
    texts.push(input.text.clone());
    let build = |n_in_segment: usize| {
        let segments: Vec<_> = texts
            .chunks(n_in_segment)
            .map(|texts| {
                let mut segment = SegmentBuilder::new(&settings.analysis);
                for text in texts {
                    segment.add(text).expect("texts are short");
                }
                segment.finish()
            })
            .collect();
        let segments: Vec<_> = segments.iter().map(Vec::as_slice).collect();
        let mut file = Vec::new();
        write_index(&settings, 0, &segments, &mut file).expect("settings were checked");
        file
    };
    let index = Index::open(build(texts.len())).expect("it was written");
    index.verify().expect("it was written");
    let in_parts = Index::open(build(input.documents.len().max(1))).expect("it was written");
    let mut scratch = Scratch::default();
    for query in [text(&input.query, 0), input.text] {
        let mut search = |k| {
            let hits = index.search(&query, k, &mut scratch);
            hits.expect("it was written")
        };
        let all = search(texts.len());
        let also = in_parts.search(&query, texts.len(), &mut Scratch::default());
        assert_eq!(all, also.expect("it was written"));
        let best = search(usize::from(input.k));
        assert_eq!(best, all[..best.len()]);
        assert_eq!(best.len(), all.len().min(usize::from(input.k)));
        let in_order = |pair: &[fapo_core::bm25::Hit]| {
            pair[0].score > pair[1].score
                || (pair[0].score == pair[1].score && pair[0].document < pair[1].document)
        };
        assert!(all.windows(2).all(in_order));
        assert!(all.iter().all(|hit| hit.score.is_finite()));
    }
});
