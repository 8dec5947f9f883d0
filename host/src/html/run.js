// The page of one run.

const run = data.run, summary = data.ended && data.ended.summary, cost = data.cost;
document.title = `${run.name} · fapo-host`;

const pairs = [["tenant", run.tenant], ["variant", run.variant && run.variant + (run.changed_by_config ? " + config" : "")], ["split", run.split || "none"],
  ["cases", `${whole(run.n_cases)} of ${run.dataset}` + (run.repeats > 1 ? `, ${run.repeats} times each` : "")],
  ["provider", run.provider], ["model", run.model], ["graded again from", run.rescored_from], ["ended", run.at]];
page.append(
  el("div.over", null, "Run"),
  el("h1", null, run.name),
  el("div.meta", null, el("span.chip" + (data.state === "complete" ? ".good" : ".bad"), null, data.state),
    pairs.filter((pair) => pair[1]).map(([name, text]) => el("span", null, name + " ", el("b", null, text)))),
  ...banners(run.warnings, data.withheld, data.how_to_see).flat().filter(Boolean));

if (summary) page.append(figures());
else page.append(el("p.banner.quiet", null, "The run has not ended, so there are no totals yet."));
page.append(cases(), el("h2", null, "What it was made of"), made(), footer(run.host));

function figures() {
  const score = summary.score, failed = summary.failures.guest + summary.failures.world;
  const time = cost && cost.time;
  return el("div.cards", null,
    card(".wide.hero.tall", "Mean score", score ? fixed(score.mean) : "–",
      el("div.small", null, score ? `95 % between ${fixed(score.low)} and ${fixed(score.high)}` : "nothing was scored"),
      score && intervals([score])),
    card("", "Cases", whole(summary.n_cases),
      el("div.small", null, summary.n_rows !== summary.n_cases && count(summary.n_rows, "row")),
      el("div.small", null, summary.points && `${fixed(summary.points[0])} of ${fixed(summary.points[1])} points`)),
    card("", "Failures", el("span" + (failed ? ".bad" : ""), null, whole(failed)),
      el("div.small", null, data.ended.kinds.map(([kind, n]) => `${n} ${kind}`).join(", ")),
      el("div.small", null, summary.failures.world > 0 && `${whole(summary.failures.world)} failed by the world, not scored`)),
    card("", "Cost", usd(summary.cost_usd),
      el("div.small", null, `${whole(summary.tokens.input)} tokens in, ${whole(summary.tokens.output)} out`),
      el("div.small", null, summary.tokens.unknown > 0 && `${count(summary.tokens.unknown, "call")} with tokens unknown`)),
    card("", "Calls", whole(summary.calls.total),
      el("div.small", null, [["generate", "model"], ["search", "search"], ["tool", "tool"], ["artifact", "artifact"]]
        .filter(([key]) => summary.calls[key]).map(([key, name]) => `${whole(summary.calls[key])} ${name}`).join(", ")),
      el("div.small", null, summary.calls.cached > 0 && `${whole(summary.calls.cached)} answered from before`)),
    time && card(".full", `Time of all rows: ${took(time.rows_s * 1e6)}, in a run of ${took(summary.wall_s * 1e6)}`, null,
      stack([["waiting for answers", time.provider_wait_s, took(time.provider_wait_s * 1e6)],
        ["guests at work", time.guest_cpu_s, took(time.guest_cpu_s * 1e6)], ["the host", time.host_s, took(time.host_s * 1e6)]])));
}

function cases() {
  if (data.withheld) return el("div");
  const types = [...new Set(data.rows.map((row) => row.task_type))].filter(Boolean).sort();
  const filters = [checkFilter("Failed or below 100", (row) => row.failed)];
  if (types.length > 1) {
    filters.unshift(choiceFilter("Type", [["Every type", () => true], ...types.map((type) => [type, (row) => row.task_type === type])]));
  }
  const failed = (row) => row.failures.map((it) => `${it.whose === "chain" ? "" : it.whose + ": "}${it.kind} · ${it.message}`).join("; ");
  const meter = (score) => {
    const bar = el("i");
    bar.style.width = score + "%";
    return el("span.meter", { "aria-hidden": "true" }, bar);
  };
  const repeated = data.rows.some((row) => row.repeat > 1);
  const columns = [
    { name: "Case", width: "24%", show: (row) => row.case_id + (repeated ? ` · ${row.repeat}` : ""), by: (row) => row.case_id },
    types.length > 0 && { name: "Type", width: "13%", kind: ".narrow-off", show: (row) => row.task_type, by: (row) => row.task_type },
    { name: "Score", width: "116px", kind: ".num", by: (row) => row.score,
      show: (row) => [fixed(row.score), row.score !== null && meter(row.score)] },
    { name: "Output", kind: ".line", by: (row) => failed(row) || row.output,
      show: (row) => (row.failures.length ? el("span.bad", null, failed(row)) : row.output.slice(0, 400)) },
    { name: "Took", width: "92px", kind: ".num.narrow-off", show: (row) => took(row.wall_us), by: (row) => row.wall_us },
  ].filter(Boolean);
  return el("section", null, el("h2", null, "Cases"),
    data.n_left_out > 0 && el("p.banner.quiet", null,
      `${count(data.n_left_out, "row")} found no room on this page, those that failed having come first; the run's results.jsonl has all.`),
    caseTable({
      rows: data.rows, columns, filters, isFailed: (row) => row.failed, detail: trace, empty: "No case is shown.",
      search: (row) => [row.case_id, row.task_type, row.group, row.output, row.feedback, failed(row)].join("\n"),
    }));
}

function made() {
  const fold = (name, ...inside) => el("details.fold", null, el("summary", null, name), inside);
  const interval = (i) => [fixed(i.mean, 2), fixed(i.low, 2), fixed(i.high, 2)];
  const timing = (step) => (cost.step_timings.find((of) => of.step === step) || {});
  return el("div", null,
    data.ended && data.ended.breakdown.length > 0 && fold("Score by measure",
      table(["Measure", "Mean", "95 % from", "To"], data.ended.breakdown.map(([name, i]) => [name, ...interval(i)]), [1, 2, 3])),
    cost && cost.steps.length > 0 && fold("Steps, their calls and their time",
      table(["Step", "Role", "Calls", "Cached", "Tokens in", "Tokens out", "Cost", "Mean ms", "p50", "p95"],
        cost.steps.map((s) => [s.step, s.role, whole(s.calls.total), whole(s.calls.cached), whole(s.tokens.input), whole(s.tokens.output),
          usd(s.cost_usd), ...["mean_ms", "p50_ms", "p95_ms"].map((key) => fixed(s.role === "chain" ? timing(s.step)[key] : null))]),
        [2, 3, 4, 5, 6, 7, 8, 9])),
    data.prompts.length > 0 && fold("Prompts", data.prompts.map(([name, text]) => part(name, text))),
    data.parameters.length > 0 && fold("Parameters", table(["Name", "Value"], data.parameters)),
    fold("Chain", factList([["component", run.chain], ["sha256", run.chain_digest]])));
}
