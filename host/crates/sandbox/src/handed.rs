//! What exports are handed: records of the contract that borrow from ours, so
//! that a text is copied once, into the guest.
//!
//! The generated types own their texts. They are what guests hand over, and what
//! exports are handed that are called once in a while.

use fapo_core::Untrusted;
use fapo_core::case::Case;
use fapo_core::outcome::Outcome;
use fapo_core::settings::Settings;
use fapo_core::trace::Visit;
use wasmtime::component::{ComponentType, Lower};

/// `test-case`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct HandedCase<'a> {
    #[component(name = "case-id")]
    case_id: &'a str,
    #[component(name = "task-type")]
    task_type: &'a str,
    context: &'a str,
    #[component(name = "template-fields")]
    template_fields: Vec<HandedField<'a>>,
}

/// `template-field`, and `parameter`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct HandedField<'a> {
    name: &'a str,
    value: &'a str,
}

/// `scored-case`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct HandedScoredCase<'a> {
    case: HandedCase<'a>,
    expected: &'a str,
    metadata: &'a str,
}

/// `settings`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct HandedSettings<'a> {
    prompts: Vec<HandedPrompt<'a>>,
    parameters: Vec<HandedField<'a>>,
}

/// `prompt`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct HandedPrompt<'a> {
    name: &'a str,
    template: &'a str,
}

/// `outcome`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct HandedOutcome<'a> {
    #[component(name = "output-text")]
    output_text: &'a str,
    diagnostics: Vec<HandedDiagnostic<'a>>,
}

/// `diagnostic`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct HandedDiagnostic<'a> {
    name: &'a str,
    text: &'a str,
}

/// `step-record`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct HandedVisit<'a> {
    step: &'a str,
    visit: u32,
    output: Option<&'a str>,
    failure: Option<&'a str>,
}

impl<'a> From<&'a Case> for HandedCase<'a> {
    fn from(case: &'a Case) -> Self {
        Self {
            case_id: case.id.as_str(),
            task_type: case.task_type.as_str(),
            context: &case.context,
            template_fields: pairs(&case.template_fields, field),
        }
    }
}

impl<'a> From<&'a Case> for HandedScoredCase<'a> {
    fn from(case: &'a Case) -> Self {
        Self {
            case: case.into(),
            expected: &case.expected,
            metadata: &case.metadata,
        }
    }
}

impl<'a> From<&'a Settings> for HandedSettings<'a> {
    fn from(settings: &'a Settings) -> Self {
        let prompt = |name, template| HandedPrompt { name, template };
        Self {
            prompts: pairs(&settings.prompts, prompt),
            parameters: pairs(&settings.parameters, field),
        }
    }
}

impl<'a> From<&'a Outcome> for HandedOutcome<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        let diagnostic = |name, text| HandedDiagnostic { name, text };
        Self {
            output_text: outcome.output_text.as_str(),
            diagnostics: pairs(&outcome.diagnostics, diagnostic),
        }
    }
}

impl<'a> From<&'a Visit> for HandedVisit<'a> {
    fn from(visit: &'a Visit) -> Self {
        Self {
            step: visit.step.as_str(),
            visit: visit.visit,
            output: visit.output.as_ref().map(Untrusted::as_str),
            failure: visit.failure.as_ref().map(Untrusted::as_str),
        }
    }
}

fn field<'a>(name: &'a str, value: &'a str) -> HandedField<'a> {
    HandedField { name, value }
}

/// Makes a record of each pair of texts.
fn pairs<'a, T>(
    pairs: &'a [(Untrusted, Untrusted)],
    record: impl Fn(&'a str, &'a str) -> T,
) -> Vec<T> {
    let pairs = pairs.iter();
    let records = pairs.map(|(name, text)| record(name.as_str(), text.as_str()));
    records.collect()
}
