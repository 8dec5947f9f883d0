//! Which words of a document are found: a template over its title and text.

use serde::{Deserialize, Serialize};

/// What is indexed of a document. What is shown of it is another matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct IndexedText {
    template: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Title,
    Text,
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// A placeholder that documents have nothing for.
    #[error("the template of indexed text has `{{{0}}}`, which no document has")]
    Unknown(String),
    /// A template that is the same for every document.
    #[error("the template of indexed text has neither `{{title}}` nor `{{text}}`")]
    Constant,
    /// One so long that it is no template.
    #[error("the template of indexed text is longer than {TEMPLATE_BYTES_MAX} bytes")]
    TooLong,
}

/// The longest template: it is written once for every document.
const TEMPLATE_BYTES_MAX: usize = 1 << 10;

impl TemplateError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        "write `{title}` and `{text}` where they belong, as in `{title} | {text}`".into()
    }
}

impl Default for IndexedText {
    /// As the HotpotQA pipelines of GEPA and FAPO have it.
    fn default() -> Self {
        Self::parse("{title} | {text}").expect("the template is a constant")
    }
}

impl IndexedText {
    /// Reads a template.
    pub(crate) fn parse(template: &str) -> Result<Self, TemplateError> {
        if template.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError::TooLong);
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            // A brace that no name follows stands for itself.
            let Some(name) = name_in_braces(rest) else {
                literal.push('{');
                rest = &rest[1..];
                continue;
            };
            let piece = match name {
                "title" => Piece::Title,
                "text" => Piece::Text,
                other => return Err(TemplateError::Unknown(other.into())),
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
            rest = &rest[name.len() + 2..];
        }
        literal.push_str(rest);
        if pieces.is_empty() {
            return Err(TemplateError::Constant);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self {
            template: template.into(),
            pieces,
        })
    }

    /// Returns the template as it was written.
    pub(crate) fn template(&self) -> &str {
        &self.template
    }

    /// Writes the indexed text of a document in place of what `out` held.
    pub(crate) fn render(&self, title: &str, text: &str, out: &mut String) {
        out.clear();
        for piece in &self.pieces {
            out.push_str(match piece {
                Piece::Literal(literal) => literal,
                Piece::Title => title,
                Piece::Text => text,
            });
        }
    }
}

/// Returns the name at the beginning of `{name}…`.
fn name_in_braces(text: &str) -> Option<&str> {
    let name = &text[1..text.find('}')?];
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

impl TryFrom<String> for IndexedText {
    type Error = TemplateError;

    fn try_from(template: String) -> Result<Self, TemplateError> {
        Self::parse(&template)
    }
}

impl From<IndexedText> for String {
    fn from(text: IndexedText) -> Self {
        text.template
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, rendered: &str) {
        let mut out = String::from("what was there before");
        let text = IndexedText::parse(template).unwrap();
        text.render("T", "X {title}", &mut out);
        assert_eq!(out, rendered);
        assert_eq!(text.template(), template);
    }

    #[test]
    fn a_template_is_filled_in_once() {
        check("{title} | {text}", "T | X {title}");
        check("{text}", "X {title}");
        check("{title}{title}: {text}.", "TT: X {title}.");
    }

    #[test]
    fn braces_without_a_name_stand_for_themselves() {
        check("{} { {{text}} }", "{} { {X {title}} }");
    }

    #[test]
    fn what_no_document_has_is_refused() {
        let refused = |template| IndexedText::parse(template).err();
        let unknown = TemplateError::Unknown("body".into());
        assert_eq!(refused("{title} {body}"), Some(unknown));
        assert_eq!(refused("title"), Some(TemplateError::Constant));
        assert_eq!(
            refused(&" {text}".repeat(999)),
            Some(TemplateError::TooLong)
        );
    }
}
