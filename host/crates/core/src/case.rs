//! One row of a dataset: as a file writes it, and as the program means it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Untrusted;

/// The id of a case, unique in its dataset. It stands in every record of the
/// case, so its clones share one text; it is shown as [`Untrusted`] is.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaseId(Arc<str>);

impl CaseId {
    /// Returns the id as the dataset writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for CaseId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Untrusted::from(self.as_str()), f)
    }
}

impl fmt::Debug for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Untrusted::from(self.as_str()), f)
    }
}

/// The longest id that a case may have. Ids become names of folders and keys.
const CASE_ID_BYTES_MAX: usize = 256;

/// One row, checked.
///
/// ```
/// use fapo_core::case::Case;
///
/// let case = Case::from_json(r#"{"case_id": "1", "context": {"question": "Why?"}, "expected": "So."}"#)?;
/// assert_eq!(case.id.as_str(), "1");
/// assert_eq!(case.expected, "\"So.\"");
/// # Ok::<(), fapo_core::case::CaseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenCase")]
pub struct Case {
    /// `case_id`.
    #[serde(rename = "case_id")]
    pub id: CaseId,
    /// `task_type`; empty when the row has none.
    pub task_type: Untrusted,
    /// `context`, as JSON. All that a chain sees of the row, with the fields below.
    pub context: String,
    /// `template_fields`: names and texts for prompts.
    pub template_fields: Vec<(Untrusted, Untrusted)>,
    /// `expected`, as JSON; `null` when the row has none. No chain sees it.
    pub expected: String,
    /// `metadata`, as JSON. No chain sees it.
    pub metadata: String,
}

impl Case {
    /// Reads one line of a dataset.
    pub fn from_json(line: &str) -> Result<Self, CaseError> {
        let written: WrittenCase =
            serde_json::from_str(line).map_err(|e| CaseError::Json(e.to_string().into()))?;
        Self::try_from(written)
    }

    /// Returns `metadata.group`: cases of one group depend on one another, as
    /// questions about one document do.
    pub fn group(&self) -> Option<Untrusted> {
        if !self.metadata.contains("\"group\"") {
            return None;
        }
        let metadata: Value = serde_json::from_str(&self.metadata).ok()?;
        match metadata.get("group")? {
            Value::Null => None,
            Value::String(group) => Some(group.as_str().into()),
            other => Some(other.to_string().into()),
        }
    }

    /// Tells whether the row has an expected value.
    pub fn is_labelled(&self) -> bool {
        self.expected != "null"
    }
}

/// One row, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    case_id: String,
    #[serde(default)]
    task_type: String,
    context: Value,
    #[serde(default)]
    template_fields: Map<String, Value>,
    #[serde(default)]
    expected: Value,
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// Why a row is not a case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// Not JSON, a missing field, an unknown one.
    #[error("could not read the case: {0}")]
    Json(Untrusted),
    /// An id that is empty or too long.
    #[error("`case_id` must have 1 to {CASE_ID_BYTES_MAX} bytes")]
    Id,
    /// A template field that is not text.
    #[error("`template_fields.{0}` must be a text")]
    TemplateField(Untrusted),
}

impl CaseError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Json(_) => {
                "a case is one line of JSON with `case_id` and `context`, and it may have `task_type`, `expected`, `metadata`, `template_fields`"
            }
            Self::Id => "give each case a short id of its own",
            Self::TemplateField(_) => "put values that are not texts into `context`",
        }
    }
}

impl TryFrom<WrittenCase> for Case {
    type Error = CaseError;

    fn try_from(written: WrittenCase) -> Result<Self, CaseError> {
        if written.case_id.is_empty() || written.case_id.len() > CASE_ID_BYTES_MAX {
            return Err(CaseError::Id);
        }
        let template_fields = written
            .template_fields
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name.into(), text.into())),
                _ => Err(CaseError::TemplateField(name.into())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id: written.case_id.as_str().into(),
            task_type: written.task_type.into(),
            context: written.context.to_string(),
            template_fields,
            expected: written.expected.to_string(),
            metadata: Value::Object(written.metadata).to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_needs_no_more_than_an_id_and_a_context() {
        let case = Case::from_json(r#"{"case_id":"a","context":"text"}"#).unwrap();
        assert_eq!(
            (case.context.as_str(), case.metadata.as_str()),
            ("\"text\"", "{}")
        );
        assert!(!case.is_labelled());
    }

    #[test]
    fn a_field_that_is_not_known_is_refused_by_name() {
        let refused = Case::from_json(r#"{"case_id":"a","context":{},"answer":"x"}"#).unwrap_err();
        assert!(refused.to_string().contains("`answer`"), "{refused}");
    }

    #[test]
    fn an_id_is_kept_as_it_is_and_shown_tamed() {
        let id = CaseId::from("a\u{1b}b\u{202e}");
        assert_eq!(id.as_str(), "a\u{1b}b\u{202e}");
        assert_eq!(id.to_string(), r"a\u{1b}b\u{202e}");
        assert_eq!(format!("{id:?}"), r#""a\u{1b}b\u{202e}""#);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"a\\u001bb\u{202e}\"");
    }

    #[test]
    fn an_id_must_be_there_and_be_short() {
        assert_eq!(
            Case::from_json(r#"{"case_id":"","context":{}}"#),
            Err(CaseError::Id)
        );
        let long = format!(r#"{{"case_id":"{}","context":{{}}}}"#, "x".repeat(257));
        assert_eq!(Case::from_json(&long), Err(CaseError::Id));
    }

    #[test]
    fn a_group_is_a_text_or_whatever_else_tells_groups_apart() {
        let group = |metadata: &str| {
            let row = format!(r#"{{"case_id":"a","context":{{}},"metadata":{metadata}}}"#);
            Case::from_json(&row).unwrap().group()
        };
        assert_eq!(group(r#"{"group":"g"}"#), Some("g".into()));
        assert_eq!(group(r#"{"group":7}"#), Some("7".into()));
        assert_eq!(group(r#"{"group":null}"#), None);
        assert_eq!(group(r#"{"of":{"group":1}}"#), None);
    }

    #[test]
    fn template_fields_are_texts() {
        let case =
            Case::from_json(r#"{"case_id":"a","context":{},"template_fields":{"tone":"dry"}}"#)
                .unwrap();
        assert_eq!(case.template_fields, [("tone".into(), "dry".into())]);
        let refused = Case::from_json(r#"{"case_id":"a","context":{},"template_fields":{"n":1}}"#);
        assert_eq!(refused, Err(CaseError::TemplateField("n".into())));
    }
}
