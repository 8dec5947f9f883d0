//! Where the exports of a component meet a [`Chain`] and a [`Scorer`]. It is
//! compiled for wasm alone: on other targets there is no host to call.

use crate::bindings::chain::{ChainError, ChainInfo, Guest as ChainGuest};
use crate::bindings::scorer::{Guest as ScorerGuest, Score, ScoreError};
use crate::bindings::types::{Outcome, ScoredCase, Settings, StepRecord, TestCase};
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
    fn validate_case(case: ScoredCase) -> Result<(), ScoreError> {
        T::validate_case(&case)
    }

    fn score_case(case: ScoredCase, output_text: String) -> Result<Score, ScoreError> {
        T::score_case(&case, &output_text, &Host)
    }

    fn score_pipeline_case(
        case: ScoredCase,
        outcome: Outcome,
        steps: Vec<StepRecord>,
        profile: String,
    ) -> Result<Score, ScoreError> {
        T::score_pipeline_case(&case, &outcome, &steps, &profile, &Host)
    }
}
