//! Any text becomes terms, the same ones in whatever company it stands.

#![no_main]

use std::collections::BTreeSet;

use fapo_core::bm25::{Analysis, Analyzer, Stemmer, Stopwords};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, bool, u8)| {
    let (text, more, is_stemmed, stopwords) = input;
    let analyzer = Analyzer::new(&Analysis {
        stopwords: match stopwords % 3 {
            0 => Stopwords::English,
            1 => Stopwords::None,
            _ => Stopwords::Own(more.split(' ').map(str::to_lowercase).collect::<BTreeSet<_>>()),
        },
        stemmer: if is_stemmed { Stemmer::English } else { Stemmer::None },
    });
    let terms = analyzer.terms(text);
    assert!(terms.iter().all(|term| !term.is_empty()));
    // A line break ends a word, so what follows changes nothing before it.
    let together = analyzer.terms(&format!("{text}\n{more}"));
    if text.is_ascii() && more.is_ascii() {
        assert!(together.starts_with(&terms));
        assert_eq!(together.len(), terms.len() + analyzer.terms(more).len());
    }
});
