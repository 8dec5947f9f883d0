//! Bytes of anybody: an error, or an index that answers.

#![no_main]

use fapo_core::bm25::{Documents, Index, Scratch, Settings, write_index};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = Index::open(bytes) {
        let _ = index.verify();
        let _ = index.search("the cat sat on the mat", 3, &mut Scratch::default());
    }
    if let Ok(documents) = Documents::open(bytes) {
        let _ = documents.verify();
        for number in [0, 1, 15, 16, documents.n_documents().saturating_sub(1)] {
            let _ = documents.get(number);
        }
    }
    let _ = write_index(&Settings::default(), 0, &[bytes], &mut Vec::new());
});
