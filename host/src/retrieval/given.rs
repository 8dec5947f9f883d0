//! `--corpus [NAME=]FILE`: a corpus that a person puts behind an index.

use std::path::PathBuf;

use fapo_core::manifest::is_index_name;

/// A corpus of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenCorpus {
    /// The index that it is for; the only one there is, if none is named.
    pub(crate) name: Option<String>,
    pub(crate) path: PathBuf,
}

impl GivenCorpus {
    /// Reads the value of a flag. What stands before the first `=` is a name if
    /// an index could have it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) if is_index_name(name) => (Some(name.to_owned()), path),
            _ => (None, text),
        };
        if path.is_empty() {
            return Err("it names no file".into());
        }
        Ok(Self {
            name,
            path: path.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_may_say_for_which_index_it_is() {
        let check = |text, name: Option<&str>, path: &str| {
            let given = GivenCorpus::parse(text).unwrap();
            assert_eq!(
                (given.name.as_deref(), given.path.to_str()),
                (name, Some(path))
            );
        };
        check("wiki.jsonl", None, "wiki.jsonl");
        check("wiki=a/b.jsonl", Some("wiki"), "a/b.jsonl");
        check("wiki=a=b.jsonl", Some("wiki"), "a=b.jsonl");
        check("./a=b.jsonl", None, "./a=b.jsonl");
        assert!(GivenCorpus::parse("").is_err() && GivenCorpus::parse("wiki=").is_err());
    }
}
