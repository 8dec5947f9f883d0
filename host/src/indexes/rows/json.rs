//! A document as a line of JSON.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Id;

/// What to do about a line that cannot be read.
pub(super) const HINT: &str = "a document is an object on one line, with `text`, and maybe `id`, `title` and `metadata`, as in {\"id\": 7, \"title\": \"Cats\", \"text\": \"They purr.\"}";

/// A document as written. Other fields are not read.
///
/// `docid` and `sentences` are the names in HotpotQA's corpora, `_id` that in
/// BEIR's; where a row has several of them, the first one counts.
#[derive(Deserialize)]
pub(super) struct Row<'a> {
    #[serde(borrow, default)]
    id: Option<WrittenId<'a>>,
    #[serde(borrow, default)]
    docid: Option<WrittenId<'a>>,
    #[serde(borrow, default, rename = "_id")]
    beir_id: Option<WrittenId<'a>>,
    #[serde(borrow, default)]
    title: Option<WrittenTitle<'a>>,
    #[serde(borrow, default)]
    text: Option<WrittenText<'a>>,
    #[serde(borrow, default)]
    sentences: Option<WrittenText<'a>>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

impl<'a> Row<'a> {
    pub(super) fn read(line: &'a str) -> Result<Self, serde_json::Error> {
        // Serde would take a list for the fields in their order.
        if !line.trim_start().starts_with('{') {
            return Err(de::Error::custom("it is not a JSON object"));
        }
        let row: Self = serde_json::from_str(line)?;
        if row.text.is_none() && row.sentences.is_none() {
            return Err(de::Error::missing_field("text"));
        }
        Ok(row)
    }

    pub(super) fn id(&self) -> (Id, Cow<'_, str>) {
        let ids = [&self.id, &self.docid, &self.beir_id];
        match ids.into_iter().flatten().next() {
            None => (Id::None, "".into()),
            Some(WrittenId::Number(number)) => (Id::Number, number.to_string().into()),
            Some(WrittenId::Text(text)) => (Id::Text, text.as_ref().into()),
        }
    }

    pub(super) fn title(&self) -> &str {
        self.title.as_ref().map_or("", |title| &title.0)
    }

    /// Returns the text. Sentences are joined with one blank.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self.text.as_ref().or(self.sentences.as_ref()) {
            None => "".into(),
            Some(WrittenText::One(text)) => text.as_ref().into(),
            Some(WrittenText::Sentences(sentences)) => sentences.join(" ").into(),
        }
    }

    /// Returns the metadata on one line, or nothing.
    pub(super) fn metadata(&self) -> String {
        let metadata = self
            .metadata
            .as_ref()
            .filter(|metadata| !metadata.is_empty());
        metadata.map_or_else(String::new, |metadata| {
            serde_json::to_string(metadata).expect("what was read can be written")
        })
    }
}

/// Returns an object on one line.
pub(super) fn compact_object(text: &str) -> Result<String, serde_json::Error> {
    let object: Map<String, Value> = serde_json::from_str(text)?;
    serde_json::to_string(&object)
}

enum WrittenId<'a> {
    Number(u64),
    Text(Cow<'a, str>),
}

struct WrittenTitle<'a>(Cow<'a, str>);

enum WrittenText<'a> {
    One(Cow<'a, str>),
    Sentences(Vec<Cow<'a, str>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for WrittenId<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Ids;
        impl<'de> Visitor<'de> for Ids {
            type Value = WrittenId<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a whole number")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(WrittenId::Number(number))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                // Only those below zero come here.
                Ok(WrittenId::Text(number.to_string().into()))
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(WrittenId::Text(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(WrittenId::Text(text.to_owned().into()))
            }
        }
        from.deserialize_any(Ids)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for WrittenTitle<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Borrowed where no escape stands in it.
        match WrittenText::deserialize(from)? {
            WrittenText::One(text) => Ok(Self(text)),
            WrittenText::Sentences(_) => {
                Err(de::Error::custom("a list stands where a text belongs"))
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for WrittenText<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = WrittenText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a list of sentences")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(WrittenText::One(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(WrittenText::One(text.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut sentences = Vec::new();
                while let Some(WrittenTitle(sentence)) = list.next_element()? {
                    sentences.push(sentence);
                }
                Ok(WrittenText::Sentences(sentences))
            }
        }
        from.deserialize_any(Texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, id: (Id, &str), title: &str, text: &str, metadata: &str) {
        let row = Row::read(line).unwrap();
        assert_eq!((row.id().0, &*row.id().1), id);
        assert_eq!((row.title(), &*row.text()), (title, text));
        assert_eq!(row.metadata(), metadata);
    }

    #[test]
    fn a_row_is_a_document() {
        check(
            r#"{"id": "a", "title": "T", "text": "x\ny", "metadata": {"b": [1, 2.50]}, "more": 1}"#,
            (Id::Text, "a"),
            "T",
            "x\ny",
            r#"{"b":[1,2.5]}"#,
        );
        check(r#"{"text": ""}"#, (Id::None, ""), "", "", "");
        check(
            r#"{"id": null, "title": null, "text": "x", "metadata": {}}"#,
            (Id::None, ""),
            "",
            "x",
            "",
        );
    }

    #[test]
    fn rows_of_hotpotqa_and_beir_are_read_too() {
        check(
            r#"{"docid": 7, "title": "T", "sentences": ["One.", " Two."], "unsplit": true}"#,
            (Id::Number, "7"),
            "T",
            "One.  Two.",
            "",
        );
        check(
            r#"{"_id": "q7", "title": "", "text": "words", "metadata": {}}"#,
            (Id::Text, "q7"),
            "",
            "words",
            "",
        );
        check(
            r#"{"title": "T", "text": ["One.", "Two."]}"#,
            (Id::None, ""),
            "T",
            "One. Two.",
            "",
        );
        check(r#"{"id": -1, "text": "x"}"#, (Id::Text, "-1"), "", "x", "");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for line in [
            "",
            "[]",
            r#"["a", null, null, "T", "x", null, null]"#,
            "{}",
            r#"{"title": "T"}"#,
            r#"{"text": 7}"#,
            r#"{"text": [["x"]]}"#,
            r#"{"text": "x", "id": 1.5}"#,
            r#"{"text": "x", "id": {}}"#,
            r#"{"text": "x", "title": ["T"]}"#,
            r#"{"text": "x", "metadata": 1}"#,
            r#"{"text": "x", "text": "y"}"#,
            r#"{"text": "x"} {}"#,
            r#"{"text": "\ud800"}"#,
        ] {
            assert!(Row::read(line).is_err(), "{line}");
        }
    }
}
