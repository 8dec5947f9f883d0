//! From the rows of a corpus to documents and a segment of their terms.

mod json;

use std::fmt;

use fapo_core::bm25::{BuildError, Document, SegmentBuilder};
use serde::{Deserialize, Serialize};

use super::Recipe;
use super::corpus::{DOCUMENT_BYTES_MAX, Form, Piece, TooLong};

/// How much memory the terms of a segment may take before it is laid out.
const SEGMENT_BYTES_MAX: usize = 256 << 20;

/// What came of a piece of a corpus.
#[derive(Default)]
pub(super) struct Batch {
    rows: Vec<Row>,
    /// Ids, titles, texts and metadata, one after the other.
    texts: String,
    pub(super) segments: Vec<Vec<u8>>,
}

/// A document in a batch.
struct Row {
    place: u64,
    id: Id,
    /// Where its id, title, text and metadata end in the texts of the batch.
    ends: [usize; 4],
}

/// What a row says of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    /// Nothing.
    None,
    /// A whole number.
    Number,
    Text,
}

/// A document that was read.
pub(super) struct Read<'a> {
    /// The line, or the number of the file among those of its piece.
    pub(super) place: u64,
    pub(super) id: Id,
    pub(super) document: Document<'a>,
}

/// Why a row cannot be used.
pub(super) struct BadRow {
    pub(super) place: Place,
    pub(super) why: Box<dyn std::error::Error + Send + Sync>,
    pub(super) hint: Option<String>,
}

/// Where a row is.
#[derive(Clone)]
pub(super) enum Place {
    Line(u64),
    File(String),
}

/// The columns of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Columns {
    /// Whether the first line names them.
    pub(crate) has_header: bool,
    id: Option<usize>,
    title: Option<usize>,
    text: usize,
    metadata: Option<usize>,
    n: usize,
}

impl Batch {
    /// Reads the rows of a piece.
    pub(super) fn read(recipe: &Recipe, piece: &Piece) -> Result<Self, BadRow> {
        let mut filling = Filling {
            recipe,
            batch: Self::default(),
            segment: SegmentBuilder::new(&recipe.settings.analysis),
            indexed: String::new(),
        };
        match &piece.form {
            Form::Jsonl { first_line } => {
                filling.lines(&piece.bytes, *first_line, |line, row| row.add_json(line))?
            }
            Form::Tsv {
                first_line,
                columns,
            } => filling.lines(&piece.bytes, *first_line, |line, row| {
                row.add_fields(line, columns)
            })?,
            Form::Files(files) => {
                let mut start = 0;
                for (path, end) in files {
                    let text = &piece.bytes[start..*end];
                    start = *end;
                    let bad = |why| BadRow {
                        place: Place::File(path.clone()),
                        why,
                        hint: None,
                    };
                    let text = std::str::from_utf8(text).map_err(|error| bad(error.into()))?;
                    let title = title_of(path, text);
                    filling.batch.push(0, Id::Text, [path, title, text, ""]);
                    filling.index().map_err(|error| bad(error.into()))?;
                }
            }
        }
        let Filling {
            mut batch, segment, ..
        } = filling;
        if segment.n_documents() > 0 {
            batch.segments.push(segment.finish());
        }
        Ok(batch)
    }

    /// Returns the documents in order.
    pub(super) fn documents(&self) -> impl Iterator<Item = Read<'_>> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            let mut text = |end: usize| &self.texts[std::mem::replace(&mut start, end)..end];
            let [id, title, words, metadata] = row.ends;
            Read {
                place: row.place,
                id: row.id,
                document: Document {
                    id: text(id),
                    title: text(title),
                    text: text(words),
                    metadata: text(metadata),
                },
            }
        })
    }

    fn push(&mut self, place: u64, id: Id, texts: [&str; 4]) {
        let ends = texts.map(|text| {
            self.texts.push_str(text);
            self.texts.len()
        });
        self.rows.push(Row { place, id, ends });
    }
}

/// A batch that is being filled.
struct Filling<'a> {
    recipe: &'a Recipe,
    batch: Batch,
    segment: SegmentBuilder,
    indexed: String,
}

/// What is wrong with a row, and what to do about it.
type Wrong = (
    Box<dyn std::error::Error + Send + Sync>,
    Option<&'static str>,
);

impl Filling<'_> {
    fn lines(
        &mut self,
        bytes: &[u8],
        first_line: u64,
        mut add: impl FnMut(&str, &mut Adding<'_>) -> Result<(), Wrong>,
    ) -> Result<(), BadRow> {
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(first_line..) {
            let mut added = || -> Result<(), Wrong> {
                if line.len() > DOCUMENT_BYTES_MAX {
                    return Err((TooLong.into(), None));
                }
                let text = std::str::from_utf8(line).map_err(|error| (error.into(), None))?;
                if text.trim().is_empty() {
                    return Ok(());
                }
                let mut adding = Adding {
                    line: number,
                    batch: &mut self.batch,
                };
                add(text, &mut adding)?;
                self.index().map_err(|error| (error.into(), None))
            };
            added().map_err(|(why, hint)| BadRow {
                place: Place::Line(number),
                why,
                hint: hint.map(str::to_owned),
            })?;
        }
        Ok(())
    }

    /// Takes the terms of the document that was added last.
    fn index(&mut self) -> Result<(), BuildError> {
        if self.segment.memory_bytes() > SEGMENT_BYTES_MAX {
            let next = SegmentBuilder::new(&self.recipe.settings.analysis);
            let full = std::mem::replace(&mut self.segment, next);
            self.batch.segments.push(full.finish());
        }
        let row = self.batch.rows.last().expect("a row was added");
        let [id, title, text, _] = row.ends;
        let texts = &self.batch.texts;
        self.recipe
            .text
            .render(&texts[id..title], &texts[title..text], &mut self.indexed);
        self.segment.add(&self.indexed)
    }
}

/// The place for one row.
struct Adding<'a> {
    line: u64,
    batch: &'a mut Batch,
}

impl Adding<'_> {
    fn add_json(&mut self, line: &str) -> Result<(), Wrong> {
        let row = json::Row::read(line).map_err(|error| (error.into(), Some(json::HINT)))?;
        let metadata = row.metadata();
        let (kind, id) = row.id();
        let (title, text) = (row.title(), row.text());
        self.batch
            .push(self.line, kind, [&id, title, &text, &metadata]);
        Ok(())
    }

    fn add_fields(&mut self, line: &str, columns: &Columns) -> Result<(), Wrong> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut fields = [""; Columns::N_MAX];
        let mut n = 0;
        for field in line.split('\t') {
            if let Some(place) = fields.get_mut(n) {
                *place = field;
            }
            n += 1;
        }
        if n != columns.n {
            let why = format!("it has {n} columns, and the first line has {}", columns.n);
            return Err((
                why.into(),
                Some("tabs divide columns, and cannot stand in a text"),
            ));
        }
        let field = |column: Option<usize>| column.map_or("", |column| fields[column]);
        let metadata = match field(columns.metadata) {
            "" => String::new(),
            text => json::compact_object(text)
                .map_err(|error| (error.into(), Some("metadata is a JSON object")))?,
        };
        let id = field(columns.id);
        let kind = match columns.id {
            None => Id::None,
            Some(_) if id.is_empty() => Id::None,
            Some(_) if is_number(id) => Id::Number,
            Some(_) => Id::Text,
        };
        let texts = [id, field(columns.title), fields[columns.text], &metadata];
        self.batch.push(self.line, kind, texts);
        Ok(())
    }
}

/// Tells whether a text is a whole number, written in the one way that JSON has.
fn is_number(text: &str) -> bool {
    let number: Option<u64> = text.parse().ok();
    number.is_some_and(|number| number.to_string() == text)
}

impl Columns {
    /// How many columns a table can have.
    const N_MAX: usize = 4;

    /// Learns the columns from the first line of a table.
    pub(super) fn of(line: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let line = std::str::from_utf8(line)?.trim_end_matches(['\n', '\r']);
        let names: Vec<_> = line.split('\t').map(str::trim).collect();
        let n = names.len();
        let of = |name| names.iter().position(|known| *known == name);
        let named = ["id", "title", "text", "metadata"].map(of);
        let n_named = named.iter().flatten().count();
        if let [id, title, Some(text), metadata] = named
            && n_named == n
        {
            return Ok(Self {
                has_header: true,
                id,
                title,
                text,
                metadata,
                n,
            });
        }
        let without = |id, title, text| Self {
            has_header: false,
            id,
            title,
            text,
            metadata: None,
            n,
        };
        match n {
            1 => Ok(without(None, None, 0)),
            2 => Ok(without(Some(0), None, 1)),
            3 => Ok(without(Some(0), Some(1), 2)),
            _ => Err(format!("it has {n} columns, and does not name them").into()),
        }
    }
}

/// Says what the columns are, and how that is known.
impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = vec!["?"; self.n];
        let named = [
            (self.id, "id"),
            (self.title, "title"),
            (Some(self.text), "text"),
            (self.metadata, "metadata"),
        ];
        for (column, name) in named {
            if let Some(place) = column.and_then(|column| names.get_mut(column)) {
                *place = name;
            }
        }
        let why = match self.has_header {
            true => "as the first line names them",
            false => "by their number, since the first line names none",
        };
        write!(f, "{}, {why}", names.join(", "))
    }
}

/// Returns the first heading of a text in Markdown, or the name of its file.
fn title_of<'a>(path: &'a str, text: &'a str) -> &'a str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let heading = || {
        let line = text.lines().find(|line| line.starts_with('#'))?;
        let heading = line.trim_start_matches('#').trim();
        (!heading.is_empty()).then_some(heading)
    };
    match ending.eq_ignore_ascii_case("md") {
        true => heading().unwrap_or(stem),
        false => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_that_the_first_line_names() {
        let columns = Columns::of(b"id\ttext\ttitle\r\n").unwrap();
        assert!(columns.has_header);
        assert_eq!(
            (columns.id, columns.title, columns.text),
            (Some(0), Some(2), 1)
        );
    }

    #[test]
    fn columns_without_names_are_told_by_their_number() {
        for (line, id, title, text) in [
            ("some words", None, None, 0),
            ("7\tsome words", Some(0), None, 1),
            ("7\tText\tsome words", Some(0), Some(1), 2),
        ] {
            let columns = Columns::of(line.as_bytes()).unwrap();
            assert!(!columns.has_header);
            assert_eq!(
                (columns.id, columns.title, columns.text),
                (id, title, text),
                "{line}"
            );
        }
        assert!(Columns::of(b"a\tb\tc\td").is_err());
        assert!(Columns::of(b"\xff").is_err());
    }

    #[test]
    fn a_file_is_called_by_its_heading_or_its_name() {
        assert_eq!(title_of("a/b.md", "words\n## The title \n"), "The title");
        assert_eq!(title_of("a/b.c.md", "words"), "b.c");
        assert_eq!(title_of("a/b.txt", "# words"), "b");
        assert_eq!(title_of("b.md", "#\n"), "b");
    }

    #[test]
    fn numbers_are_those_that_json_writes() {
        assert!(is_number("0") && is_number("18446744073709551615"));
        assert!(!is_number("007") && !is_number("-1") && !is_number("") && !is_number("+1"));
    }
}
