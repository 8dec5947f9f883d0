"""The scorer: exact match and token F1, as SQuAD and HotpotQA count them."""

import json
import string
from collections import Counter

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.scorer import Measure, Score, ScoreError_BadCase, ScoreError_UnknownProfile
from wit_world.imports.types import CallRecord, Outcome, ScoredCase, StepRecord


class Scorer(exports.Scorer):
    def validate_case(self, case: ScoredCase, profile: str) -> None:
        check_profile(profile)
        expected_text(case)

    def score_case(self, case: ScoredCase, output_text: str, profile: str) -> Score:
        check_profile(profile)
        expected = expected_text(case)
        want, got = tokens(expected), tokens(output_text)
        exact = got == want
        return Score(
            composite=100.0 if exact else 0.0,
            breakdown=[Measure("exact", 1.0 if exact else 0.0), Measure("f1", f1(got, want))],
            points=None,
            feedback="" if exact else f"expected `{expected}`, got `{output_text}`",
            diagnostics=[],
        )

    def score_pipeline_case(
        self,
        case: ScoredCase,
        outcome: Outcome,
        steps: list[StepRecord],
        calls: list[CallRecord],
        profile: str,
    ) -> Score:
        # The answer alone decides; a scorer that grades the way to it reads `steps` and `calls`.
        return self.score_case(case, outcome.output_text, profile)


def check_profile(profile: str) -> None:
    """A profile says how to grade, and this scorer has one way."""
    if profile != "":
        why = f"`{profile}` is none: this scorer has the empty profile alone"
        raise Err(ScoreError_UnknownProfile(why))


def expected_text(case: ScoredCase) -> str:
    try:
        expected = json.loads(case.expected)
    except ValueError:  # What is not JSON is no text either.
        expected = None
    if not isinstance(expected, str) or expected == "":
        raise Err(ScoreError_BadCase("`expected` must be a text that is not empty"))
    return expected


def tokens(text: str) -> list[str]:
    """Case, punctuation, articles and spacing do not make an answer wrong."""
    words = text.lower().translate(str.maketrans("", "", string.punctuation)).split()
    return [word for word in words if word not in ("a", "an", "the")]


def f1(got: list[str], want: list[str]) -> float:
    common = (Counter(got) & Counter(want)).total()
    if common == 0:
        return 0.0
    precision = common / len(got)
    recall = common / len(want)
    return (2 * precision * recall) / (precision + recall)
