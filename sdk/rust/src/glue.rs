//! Where the exports of a component meet a [`Chain`] and a [`Scorer`]. It is
//! compiled for wasm alone: on other targets there is no host to call.

use std::mem::ManuallyDrop;

use crate::bindings::chain::{ChainError, ChainInfo, Guest as ChainGuest};
use crate::bindings::scorer::{Guest as ScorerGuest, Score, ScoreError};
use crate::bindings::types::{CallRecord, Outcome, ScoredCase, Settings, StepRecord, TestCase};
use crate::chain::Chain;
use crate::host::Host;
use crate::scorer::Scorer;

impl<C: Chain> ChainGuest for C {
    fn describe() -> ChainInfo {
        crate::chain::describe::<C>()
    }

    fn run(case: TestCase, settings: Settings) -> Result<Outcome, ChainError> {
        crate::chain::run::<C>(case, &settings, &Host)
    }
}

impl<T: Scorer> ScorerGuest for T {
    fn validate_case(case: ScoredCase, profile: String) -> Result<(), ScoreError> {
        T::check_profile(&profile)?;
        T::validate_case(&case, &profile)
    }

    fn score_case(
        case: ScoredCase,
        output_text: String,
        profile: String,
    ) -> Result<Score, ScoreError> {
        T::check_profile(&profile)?;
        T::score_case(&case, &output_text, &profile, &Host)
    }

    fn score_pipeline_case(
        case: ScoredCase,
        outcome: Outcome,
        steps: Vec<StepRecord>,
        calls: Vec<CallRecord>,
        profile: String,
    ) -> Result<Score, ScoreError> {
        // An instance grades once and is thrown away whole: to give back each
        // text of the course would take longer than many a scorer.
        let (steps, calls) = (ManuallyDrop::new(steps), ManuallyDrop::new(calls));
        T::check_profile(&profile)?;
        T::score_pipeline_case(&case, &outcome, &steps, &calls, &profile, &Host)
    }
}
