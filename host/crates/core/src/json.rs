//! JSON that is written for each case: rows, journals, requests to models.
//!
//! All of it is mostly text, which the writer of `serde_json` goes through byte
//! by byte, and this one in blocks. It is written into memory that is there
//! already, and then taken from there as long as it is.

mod shapes;
mod text;

use std::cell::Cell;

use serde::Serialize;

use self::shapes::Writer;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = Cell::default();
}

/// Bytes of it that are kept for what is written next.
const KEPT: usize = 1 << 20;

/// Lends memory to write to.
pub fn scratch<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut written = SCRATCH.take();
    let made = write(&mut written);
    written.clear();
    written.shrink_to(KEPT);
    SCRATCH.set(written);
    made
}

/// Writes plain data behind what is written, byte for byte as `serde_json` does.
///
/// # Panics
///
/// Panics on what is not plain data: a map whose keys are lists, say.
pub fn append(written: &mut Vec<u8>, data: &impl Serialize) {
    let done = data.serialize(Writer(written));
    done.expect("plain data can be written");
}

/// Returns plain data as JSON, in no more memory than it takes.
pub fn bytes(data: &impl Serialize) -> Vec<u8> {
    scratch(|written| {
        append(written, data);
        written.as_slice().to_vec()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn assert_like_serde_json(data: &impl Serialize) {
        let (ours, theirs) = (bytes(data), serde_json::to_vec(data).unwrap());
        let [ours, theirs] = [&ours, &theirs].map(|json| String::from_utf8_lossy(json));
        assert_eq!(ours, theirs);
    }

    #[test]
    fn texts_are_written_as_by_serde_json() {
        let odd = [
            "\"",
            "\\",
            "/",
            "\n",
            "\0",
            "\u{1f}",
            "\u{7f}",
            "\u{2028}",
            "ß",
            "\u{1f600}",
        ];
        for (length, odd) in (0..70).flat_map(|length| odd.map(|odd| (length, odd))) {
            let plain = "abcdefghij".repeat(7);
            for place in 0..=length {
                let text = [&plain[..place], odd, &plain[place..length]].concat();
                assert_like_serde_json(&text);
            }
        }
        assert_like_serde_json(&(0..=255).map(char::from).collect::<String>().repeat(300));
    }

    #[test]
    fn numbers_are_written_as_by_serde_json() {
        let mut bits = 1u64;
        for _ in 0..200_000 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mixed = bits ^ (bits >> 29);
            let number = f64::from_bits(mixed);
            assert_like_serde_json(&(mixed, mixed as i64, number, number as f32, mixed as u8));
        }
        for number in [
            0.0,
            -0.0,
            1.0,
            1e15,
            1e16,
            1e21,
            1e-5,
            1e-7,
            100.0 / 3.0,
            5e-324,
            f64::MAX,
        ] {
            assert_like_serde_json(&[number, -number]);
        }
        assert_like_serde_json(&[f64::NAN, f64::INFINITY]);
    }

    #[test]
    fn all_shapes_of_data_are_written_as_by_serde_json() {
        #[derive(Serialize)]
        enum Shape {
            Unit,
            New(u8),
            Tuple(u8, char),
            Record { a: Option<()>, b: Vec<u8> },
        }
        #[derive(Serialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        enum Tagged {
            One { x: f64 },
        }
        #[derive(Serialize)]
        struct Flat {
            first: u8,
            #[serde(flatten)]
            rest: Tagged,
            #[serde(flatten)]
            more: serde_json::Map<String, Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            none: Option<u8>,
        }
        assert_like_serde_json(&[
            Shape::Unit,
            Shape::New(1),
            Shape::Tuple(2, '"'),
            Shape::Record { a: None, b: vec![] },
            Shape::Record {
                a: Some(()),
                b: vec![1, 2],
            },
        ]);
        let Value::Object(more) = json!({"z\n": [1, {"": null}], "a": {}, "b": [[]]}) else {
            unreachable!("it is an object");
        };
        let rest = Tagged::One { x: 0.1 };
        assert_like_serde_json(&Flat {
            first: 1,
            rest,
            more,
            none: None,
        });
        assert_like_serde_json(&BTreeMap::from([(1u32, true), (20, false)]));
        assert_like_serde_json(&BTreeMap::from([(true, 'a'), (false, 'b')]));
        assert_like_serde_json(&(Some(()), None::<u8>, "", ("a", 1i128), [(); 0]));
    }

    #[test]
    #[should_panic(expected = "plain data can be written")]
    fn what_has_no_keys_is_no_plain_data() {
        bytes(&BTreeMap::from([([1], 2)]));
    }

    #[test]
    fn what_is_written_amid_something_else_is_kept_apart() {
        let outer = scratch(|outer| {
            append(outer, &1);
            let inner = bytes(&"inner");
            assert_eq!(inner, b"\"inner\"");
            append(outer, &2);
            outer.clone()
        });
        assert_eq!(outer, b"12");
        assert_eq!(bytes(&3), b"3");
    }
}
