//! What damaged, foreign and lying files do: no panic, and no wrong answer where
//! the checksums tell of it.

use super::sealed::{Sealed, Sealer};
use super::*;

const MAGIC: [u8; 8] = *b"fapobm25";

const QUERY: &str = "few once twice often w3 w7 w7";

/// Builds an index with a list of every form.
fn index() -> Vec<u8> {
    let settings = Settings::default();
    let mut segment = SegmentBuilder::new(&settings.analysis);
    for at in 0..420 {
        let mut text = format!("w{} w{}", at % 40, at * at % 50);
        for (word, n_times, is_in) in [
            ("once", 1, at % 3 != 0),
            ("twice", 2, at % 2 == 0),
            ("often", at % 7, true),
            ("few", 3, at % 99 == 0),
        ] {
            if is_in {
                text += &format!(" {word}").repeat(n_times);
            }
        }
        segment.add(&text).unwrap();
    }
    let segment = segment.finish();
    let mut file = Vec::new();
    write_index(&settings, 0, &[&segment], &mut file).unwrap();
    file
}

fn search(file: &[u8]) -> Result<Vec<Hit>, IndexError> {
    Index::open(file)?.search(QUERY, 9, &mut Scratch::default())
}

/// Changes a file behind the back of its checksums.
fn resealed(file: &[u8], change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> Vec<u8> {
    let sealed = Sealed::open(file, MAGIC).unwrap();
    let mut data = sealed.get(0, sealed.len()).unwrap().to_vec();
    let mut what = sealed.what().to_vec();
    change(&mut data, &mut what);
    let mut file = Vec::new();
    let mut sealer = Sealer::new(&mut file);
    sealer.write(&data).unwrap();
    sealer.finish(MAGIC, &what).unwrap();
    file
}

#[test]
fn every_flipped_byte_is_an_error_or_changes_nothing() {
    let whole = index();
    let right = search(&whole).unwrap();
    assert_eq!(right.len(), 9);
    let mut file = whole.clone();
    for at in 0..whole.len() {
        file[at] ^= 0x55;
        if let Ok(hits) = search(&file) {
            assert_eq!(hits, right, "{at}");
        }
        assert!(
            Index::open(&file[..]).is_err() || Index::open(&file[..]).unwrap().verify().is_err()
        );
        file[at] = whole[at];
    }
}

#[test]
fn every_index_cut_short_is_an_error() {
    let whole = index();
    for n_bytes in 0..whole.len() {
        assert!(search(&whole[..n_bytes]).is_err(), "{n_bytes}");
    }
}

#[test]
fn every_flipped_byte_under_a_right_checksum_is_no_panic() {
    let whole = index();
    let n_data = Sealed::open(&whole[..], MAGIC).unwrap().len();
    let mut n_refused = 0;
    for at in 0..n_data {
        for flip in [0x01, 0x80, 0xff] {
            let file = resealed(&whole, |data, _| data[at] ^= flip);
            n_refused += usize::from(search(&file).is_err());
        }
    }
    assert!(n_refused > 0);
}

#[test]
fn layouts_that_lie_are_errors_or_find_something_else() {
    let whole = index();
    let sealed = Sealed::open(&whole[..], MAGIC).unwrap();
    let layout: serde_json::Value = serde_json::from_slice(sealed.what()).unwrap();
    for key in [
        "n_documents",
        "n_lengths",
        "n_tokens",
        "buckets_bits",
        "buckets_at",
    ] {
        for value in [0, 1, 31, 32, 421, u64::from(u32::MAX), u64::MAX] {
            let mut layout = layout.clone();
            assert!(layout[key].is_u64(), "{key}");
            layout[key] = value.into();
            let file = resealed(&whole, |_, what| *what = layout.to_string().into());
            // Neither a panic nor memory for what is not there.
            search(&file).map(drop).unwrap_or_default();
        }
    }
}

#[test]
fn files_of_something_else_are_foreign() {
    for foreign in [&b""[..], b"fapobm25", &[0; 100], &[0xff; 5000]] {
        assert_eq!(search(foreign), Err(IndexError::Foreign));
        assert!(matches!(Documents::open(foreign), Err(IndexError::Foreign)));
    }
    assert!(matches!(Documents::open(index()), Err(IndexError::Foreign)));
}
