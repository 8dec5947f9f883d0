// The scorer: exact match and token F1, as SQuAD and HotpotQA count them.

export const scorer = {
  validateCase(row, profile) {
    checkProfile(profile);
    expectedText(row);
  },

  scoreCase(row, outputText, profile) {
    checkProfile(profile);
    return score(row, outputText);
  },

  // The answer alone decides; a scorer that grades the way to it reads `steps` and `calls`.
  scorePipelineCase(row, outcome, steps, calls, profile) {
    checkProfile(profile);
    return score(row, outcome.outputText);
  },
};

// A profile says how to grade, and this scorer has one way.
function checkProfile(profile) {
  if (profile === "") return;
  const why = `\`${profile}\` is none: this scorer has the empty profile alone`;
  throw { tag: "unknown-profile", val: why };
}

function score(row, output) {
  const expected = expectedText(row);
  const want = tokens(expected);
  const got = tokens(output);
  const exact = got.join(" ") === want.join(" ");
  return {
    composite: exact ? 100 : 0,
    breakdown: [
      { name: "exact", value: exact ? 1 : 0 },
      { name: "f1", value: f1(got, want) },
    ],
    points: null,
    feedback: exact ? "" : `expected \`${expected}\`, got \`${output}\``,
    diagnostics: [],
  };
}

function expectedText(row) {
  let expected = null;
  try {
    expected = JSON.parse(row.expected);
  } catch {} // What is not JSON is no text either.
  if (typeof expected !== "string" || expected === "") {
    throw { tag: "bad-case", val: "`expected` must be a text that is not empty" };
  }
  return expected;
}

// Case, punctuation, articles and spacing do not make an answer wrong.
function tokens(text) {
  return text
    .toLowerCase()
    .replace(/[!-/:-@[-`{-~]/g, "")
    .split(/\s+/)
    .filter((word) => !["", "a", "an", "the"].includes(word));
}

function f1(got, want) {
  const left = [...want];
  let common = 0;
  for (const word of got) {
    const at = left.indexOf(word);
    if (at < 0) continue;
    left.splice(at, 1); // Each word of the expected answer counts once.
    common += 1;
  }
  if (common === 0) return 0;
  const precision = common / got.length;
  const recall = common / want.length;
  return (2 * precision * recall) / (precision + recall);
}
