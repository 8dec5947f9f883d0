//! The scorer that comes with the host: for tenants whose answers need no
//! metric of their own. `README.md` lists what a profile may say.
//!
//! A profile is read (`profile`), an answer is taken out of the output
//! (`extract`), held against what the row expects (`expected`) by each metric
//! (`metric`), and the values become a score and a sentence (`grade`). How texts,
//! numbers, letters and fields are compared is the SDK's; here it is chosen and
//! weighed.

mod profile;

mod expected;
mod extract;
mod grade;
mod metric;
mod nearest;
mod options;

use fapo_sdk::prelude::*;

use crate::profile::Profile;

/// Grades by the metrics that its profile names.
pub struct StandardScorer;

impl Scorer for StandardScorer {
    fn check_profile(profile: &str) -> Result<(), ScoreError> {
        Profile::read(profile).map(|_| ())
    }

    fn validate_case(case: &ScoredCase, profile: &str) -> Result<(), ScoreError> {
        Profile::read(profile)?.check(case)
    }

    fn score_case(
        case: &ScoredCase,
        output_text: &str,
        profile: &str,
        judge: &Host,
    ) -> Result<Score, ScoreError> {
        grade::grade(&Profile::read(profile)?, case, output_text, judge)
    }
}

fapo_sdk::export_scorer!(StandardScorer);
