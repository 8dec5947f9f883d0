"""The chain: find the evidence in a passage, then answer from it alone.

A WIT name in kebab-case is snake_case here, a variant's case is a class
(`chain-error.bad-case` is `ChainError_BadCase`), and a raised `Err(...)`
becomes the function's error; an import raises its error in the same way.
"""

import json
from collections import ChainMap
from collections.abc import Callable
from pathlib import Path

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.chain import (
    ChainError_BadCase,
    ChainError_Provider,
    ChainInfo,
    Edge,
    IntegerRange,
    NumberRange,
    ParameterInfo,
    ParameterKind_Integer,
    ParameterKind_Number,
    Placeholder,
    PromptInfo,
    StepInfo,
    StepKind_Llm,
)
from wit_world.imports import provider, trace
from wit_world.imports.trace import Directive_Use
from wit_world.imports.types import (
    Diagnostic,
    FinishReason_Length,
    GenerateParams,
    GenerateRequest,
    Outcome,
    Settings,
    TestCase,
    ToolChoice_Auto,
)

from scorer import Scorer  # The build looks for both classes in this module.
from template import render

# Read while the component is built, and kept in it: a guest has no files.
PROMPTS = Path(__file__).parent / "prompts"
FIND = (PROMPTS / "find.md").read_bytes().decode()
ANSWER = (PROMPTS / "answer.md").read_bytes().decode()


class Chain(exports.Chain):
    def describe(self) -> ChainInfo:
        return ChainInfo(
            name="quickstart",
            description="Answers a question from a passage in two steps: find the evidence, then answer.",
            steps=[
                llm_step("find", "Copies the sentence that answers the question."),
                llm_step("answer", "Answers from that sentence alone."),
            ],
            edges=[
                Edge("start", "find", condition=None),
                Edge("find", "answer", condition=None),
                Edge("answer", "end", condition=None),
            ],
            prompts=[
                prompt("find", "Finds the evidence.", FIND, ["passage", "question"]),
                prompt("answer", "Answers from the evidence.", ANSWER, ["steps.find.output", "question"]),
            ],
            parameters=[
                ParameterInfo(
                    name="temperature",
                    description="How freely the model chooses its words.",
                    kind=ParameterKind_Number(NumberRange(0.0, 2.0)),
                    default="0.0",
                ),
                ParameterInfo(
                    name="max_tokens",
                    description="The longest answer of a step.",
                    kind=ParameterKind_Integer(IntegerRange(1, 4096)),
                    default="256",
                ),
            ],
        )

    def run(self, case: TestCase, settings: Settings) -> Outcome:
        context = read_context(case.context)
        prompts = {prompt.name: prompt.template for prompt in settings.prompts}
        parameters = {parameter.name: parameter.value for parameter in settings.parameters}
        outputs: dict[str, str] = {}
        diagnostics: list[Diagnostic] = []

        # What `${name}` may stand for; the first source that knows a name gives its text.
        values = ChainMap(
            {field.name: field.value for field in case.template_fields},
            {name: as_text(value) for name, value in context.items()},
            outputs,
            {f"parameters.{name}": value for name, value in parameters.items()},
        )

        def ask(step: str) -> str:
            def missing(name: str) -> None:
                diagnostics.append(Diagnostic("missing_placeholder", f"{step}: {name}"))

            completion = provider.generate(
                GenerateRequest(
                    step=step,
                    model=None,
                    messages=render(prompts[step], values, missing),
                    params=GenerateParams(
                        temperature=float(parameters["temperature"]),
                        top_p=None,
                        max_tokens=int(parameters["max_tokens"]),
                        seed=None,
                        stop=[],
                        reasoning_effort=None,
                        choices=None,
                    ),
                    response_schema=None,
                    tools=[],
                    tool_choice=ToolChoice_Auto(),
                )
            )
            choice = completion.choices[0]
            if isinstance(choice.finish_reason, FinishReason_Length):
                diagnostics.append(Diagnostic("truncated", step))
            return choice.text.strip()

        for step in ("find", "answer"):
            outputs[f"steps.{step}.output"] = traced(step, ask)
        return Outcome(outputs["steps.answer.output"], diagnostics)


def traced(step: str, work: Callable[[str], str]) -> str:
    """Runs a step between `trace.begin` and `trace.end`, unless a replay has its output."""
    directive = trace.begin(step)
    if isinstance(directive, Directive_Use):
        return directive.value
    try:
        output = work(step)
    except Err as error:
        trace.fail(step, error.value.value)
        raise Err(ChainError_Provider(error.value))
    trace.end(step, output)
    return output


def read_context(text: str) -> dict[str, object]:
    try:
        context = json.loads(text)
    except ValueError:  # What is not JSON has no fields either.
        context = None
    for name in ("question", "passage"):
        if not isinstance(context, dict) or not isinstance(context.get(name), str):
            raise Err(ChainError_BadCase(f"`context.{name}` is missing"))
    return context


def as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def llm_step(name: str, description: str) -> StepInfo:
    return StepInfo(
        name=name,
        kind=StepKind_Llm(),
        description=description,
        prompts=[name],
        parameters=["temperature", "max_tokens"],
    )


def prompt(name: str, description: str, template: str, placeholders: list[str]) -> PromptInfo:
    return PromptInfo(
        name=name,
        description=description,
        default_template=template,
        placeholders=[Placeholder(name, required=True, description="") for name in placeholders],
    )
