// The chain: find the evidence in a passage, then answer from it alone.
//
// A WIT name in kebab-case is camelCase here, a variant is `{ tag, val }`, and
// an option that is none is null. A thrown `{ tag, val }` becomes the error of
// an export; the error of an import is thrown as an `Error` with a `payload`.

import provider from "fapo:tenant/provider@0.1.0";
import trace from "fapo:tenant/trace@0.1.0";
import * as templates from "./build/prompts.js"; // Written by build.sh from prompts/*.md.
import { render } from "./template.js";

export { scorer } from "./scorer.js";

export const chain = {
  describe() {
    return {
      name: "quickstart",
      description: "Answers a question from a passage in two steps: find the evidence, then answer.",
      steps: [
        llmStep("find", "Copies the sentence that answers the question."),
        llmStep("answer", "Answers from that sentence alone."),
      ],
      edges: [
        { source: "start", target: "find", condition: null },
        { source: "find", target: "answer", condition: null },
        { source: "answer", target: "end", condition: null },
      ],
      prompts: [
        prompt("find", "Finds the evidence.", ["passage", "question"]),
        prompt("answer", "Answers from the evidence.", ["steps.find.output", "question"]),
      ],
      parameters: [
        {
          name: "temperature",
          description: "How freely the model chooses its words.",
          kind: { tag: "number", val: { min: 0, max: 2 } },
          default: "0.0",
        },
        {
          name: "max_tokens",
          description: "The longest answer of a step.",
          kind: { tag: "integer", val: { min: 1, max: 4096 } },
          default: "256",
        },
      ],
    };
  },

  run(row, settings) {
    const context = readContext(row.context);
    const prompts = new Map(settings.prompts.map(({ name, template }) => [name, template]));
    const parameters = new Map(settings.parameters.map(({ name, value }) => [name, value]));
    const outputs = new Map();
    const diagnostics = [];

    // What `${name}` may stand for; the first source that knows a name gives its text.
    const sources = [
      new Map(row.templateFields.map(({ name, value }) => [name, value])),
      new Map(Object.entries(context).map(([name, value]) => [name, asText(value)])),
      outputs,
      new Map(settings.parameters.map(({ name, value }) => [`parameters.${name}`, value])),
    ];
    const lookup = (name) => sources.find((source) => source.has(name))?.get(name);

    function ask(step) {
      const missing = (name) =>
        diagnostics.push({ name: "missing_placeholder", text: `${step}: ${name}` });
      const completion = provider.generate({
        step,
        model: null,
        messages: render(prompts.get(step), lookup, missing),
        params: {
          temperature: JSON.parse(parameters.get("temperature")),
          topP: null,
          maxTokens: JSON.parse(parameters.get("max_tokens")),
          seed: null,
          stop: [],
          reasoningEffort: null,
          choices: null,
        },
        responseSchema: null,
        tools: [],
        toolChoice: { tag: "auto" },
      });
      const { text, finishReason } = completion.choices[0];
      if (finishReason.tag === "length") diagnostics.push({ name: "truncated", text: step });
      return text.trim();
    }

    for (const step of ["find", "answer"]) {
      outputs.set(`steps.${step}.output`, traced(step, ask));
    }
    return { outputText: outputs.get("steps.answer.output"), diagnostics };
  },
};

/** Runs a step between `trace.begin` and `trace.end`, unless a replay has its output. */
function traced(step, work) {
  const directive = trace.begin(step);
  if (directive.tag === "use") return directive.val;
  let output;
  try {
    output = work(step);
  } catch (error) {
    if (error.payload === undefined) throw error; // A mistake in this file: let it trap.
    trace.fail(step, error.payload.val);
    throw { tag: "provider", val: error.payload };
  }
  trace.end(step, output);
  return output;
}

function readContext(json) {
  let context = null;
  try {
    context = JSON.parse(json);
  } catch {} // What is not JSON has no fields either.
  for (const name of ["question", "passage"]) {
    if (typeof context?.[name] !== "string") {
      throw { tag: "bad-case", val: `\`context.${name}\` is missing` };
    }
  }
  return context;
}

function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function llmStep(name, description) {
  return {
    name,
    kind: { tag: "llm" },
    description,
    prompts: [name],
    parameters: ["temperature", "max_tokens"],
  };
}

function prompt(name, description, placeholders) {
  return {
    name,
    description,
    defaultTemplate: templates[name],
    placeholders: placeholders.map((name) => ({ name, required: true, description: "" })),
  };
}
