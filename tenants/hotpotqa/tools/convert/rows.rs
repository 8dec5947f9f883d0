//! The rows of a file, which is one array or has a row a line.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde_json::Value;

/// What is done with a row, and why it could not be.
type Take<'a> = &'a mut dyn FnMut(Value) -> Result<(), String>;

/// Hands on each row of a file, one at a time.
pub(crate) fn each(path: &Path, take: Take<'_>) -> Result<(), String> {
    let file = File::open(path).map_err(|error| at(path, &error))?;
    read(BufReader::with_capacity(1 << 20, file), take).map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &dyn fmt::Display) -> String {
    format!("could not read `{}`: {error}", path.display())
}

/// Hands on each row of a text.
pub(crate) fn read(mut text: impl BufRead, take: Take<'_>) -> Result<(), String> {
    let first = loop {
        let seen = text.fill_buf().map_err(|error| error.to_string())?;
        let Some(byte) = seen.first().copied() else {
            return Err("it is empty".into());
        };
        if !byte.is_ascii_whitespace() {
            break byte;
        }
        text.consume(1);
    };
    if first == b'[' {
        let mut array = serde_json::Deserializer::from_reader(text);
        let rows = array.deserialize_seq(Rows { take });
        return rows
            .and_then(|()| array.end())
            .map_err(|error| error.to_string());
    }
    let rows = serde_json::Deserializer::from_reader(text).into_iter();
    for (nth, row) in (1..).zip(rows) {
        let row = row.map_err(|error: serde_json::Error| format!("row {nth}: {error}"))?;
        take(row).map_err(|why| format!("row {nth}: {why}"))?;
    }
    Ok(())
}

/// Hands on the items of an array as they are read.
struct Rows<'a> {
    take: Take<'a>,
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut nth = 0;
        while let Some(row) = rows.next_element()? {
            nth += 1;
            (self.take)(row).map_err(|why| A::Error::custom(format!("row {nth}: {why}")))?;
        }
        Ok(())
    }
}
