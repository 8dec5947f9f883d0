// The page of a comparison: B against A.

const { a, b, found } = data;
document.title = `${a.name} and ${b.name} · fapo-host`;

const side = (of, letter) => el("div.card.wide", null, el("div.label", null, letter), el("h3", null, of.name),
  el("div.small", null, [of.tenant, of.variant && `variant ${of.variant}${of.changed_by_config ? " + config" : ""}`, of.split, of.provider + (of.simulated ? " (simulated)" : ""), of.model]
    .filter(Boolean).join(" · ")));
const warned = [...new Set([...a.warnings, ...b.warnings])];
const one = (warning) => (a.warnings.includes(warning) && b.warnings.includes(warning) ? "" : a.warnings.includes(warning) ? "A: " : "B: ") + warning;

page.append(
  el("div.over", null, "Comparison"),
  el("h1", null, `${a.name} → ${b.name}`),
  el("div.meta", null, el("span", null, "dataset ", el("b", null, a.dataset)),
    el("span", null, "split ", el("b", null, a.split || "none")),
    el("span", null, "pairs ", el("b", null, `${whole(found.n_pairs)} of ${count(found.n_cases, "case")}`))),
  ...banners(warned.map(one), data.withheld, data.how_to_see).flat().filter(Boolean),
  figures(), bars(), notes(), varies(), prompts(), flips(), totals(), footer(b.host));

function figures() {
  const d = found.difference;
  const tone = !found.significant ? "accent" : d.mean > 0 ? "good" : "bad";
  const reach = Math.min(100, Math.max(5, Math.ceil((Math.max(Math.abs(d.low), Math.abs(d.high)) * 1.15) / 5) * 5));
  const p = found.test.p < 1e-4 ? "p < 0.0001" : `p = ${fixed(found.test.p, 4)}`;
  const mde = found.mde === null ? "These pairs show no spread of differences."
    : found.mde >= 100 ? "With so few pairs, not even the largest difference would be seen 4 times in 5."
    : `Only differences of ${fixed(found.mde)} points or more would be seen 4 times in 5.`;
  return el("div.cards", null,
    side(a, "A"), side(b, "B"),
    card(".wide.hero", "B scores against A", signed(d.mean),
      el("div.small", null, `points; 95 % between ${signed(d.low)} and ${signed(d.high)}`),
      intervals([{ ...d, tone }], { from: -reach, to: reach, zero: 0 })),
    card(".wide.hero", "Mean scores", null,
      el("div.legend", null, el("span", null, `A ${fixed(found.mean_a.mean)}`), el("span", null, `B ${fixed(found.mean_b.mean)}`)),
      intervals([{ ...found.mean_a, label: "A", tone: "soft" }, { ...found.mean_b, label: "B", tone }])),
    card(".wide", "Is it more than chance?",
      el("span." + (found.significant ? tone : "soft"), null, found.significant ? "Significant at 5 %" : "Not significant at 5 %"),
      el("div.small", null, `${p}, ${found.test.name} test` + (found.clustered_by ? `, ${count(found.test.clusters, "cluster")} by ${found.clustered_by}` : "")),
      el("div.small", null, mde), el("div.small", null, found.test.note && found.test.note + ".")),
    card(".wide", "Pairs", null,
      stack([["better", found.wins, whole(found.wins)], ["worse", found.losses, whole(found.losses)], ["the same", found.ties, whole(found.ties)]],
        ["t1", "t3", "t2"])));
}

function bars() {
  if (!data.gates.length) return "";
  const gate = (it) => el("li", null, el("span.chip" + (it.met ? ".good" : ".bad"), null, it.met ? "met" : "not met"), ` ${it.name}: ${it.message}.`);
  return el("section", null, el("h2", null, "Bars"), el("ul.plain", null, data.gates.map(gate)));
}

function notes() {
  const about = found.notes.filter((note) => ![...warned, data.withheld].some((told) => told && note.endsWith(told)));
  if (!about.length) return "";
  return el("section", null, el("h2", null, "To know before using the numbers"), el("ul.plain", null, about.map((note) => el("li", null, note + "."))));
}

function varies() {
  if (!found.varies.length) return el("section", null, el("h2", null, "What varies"), el("p.soft", null, "Nothing that is on record."));
  const digest = (text) => (text === null ? "–" : /^(sha256:)?[0-9a-f]{64}$/.test(text) ? text.replace("sha256:", "").slice(0, 12) + "…" : text || "not set");
  return el("section", null, el("h2", null, "What varies"), table(["What", "Name", "A", "B"], found.varies.map((it) => [
    [it.dimension, !it.allowed && [" ", el("span.chip.bad", null, "not allowed to vary")]], it.key, digest(it.a), digest(it.b)])));
}

function prompts() {
  const before = new Map(data.prompts_a), after = new Map(data.prompts_b);
  const names = [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
  if (!names.length) return "";
  return el("section", null, el("h2", null, "Prompts that differ"), names.map((name) =>
    [el("h3", null, name), el("div", { style: "height: 8px" }), diff(before.get(name) || "", after.get(name) || "")]));
}

/** Two texts line by line: what was taken away, what was put in. */
function diff(before, after) {
  const x = before.split("\n"), y = after.split("\n"), lines = [];
  let from = 0, to = 0;
  while (from < Math.min(x.length, y.length) && x[from] === y[from]) from++;
  while (to < Math.min(x.length, y.length) - from && x[x.length - 1 - to] === y[y.length - 1 - to]) to++;
  const p = x.slice(from, x.length - to), q = y.slice(from, y.length - to);
  x.slice(0, from).forEach((line) => lines.push(["", line]));
  if (p.length * q.length > 4e6) {
    // Too long for a table of all pairs of lines.
    p.forEach((line) => lines.push(["del", line]));
    q.forEach((line) => lines.push(["add", line]));
  } else {
    // Lengths of the longest common subsequence from each pair of lines on.
    const width = q.length + 1, common = new Uint32Array((p.length + 1) * width);
    for (let i = p.length - 1; i >= 0; i--) {
      for (let j = q.length - 1; j >= 0; j--) {
        common[i * width + j] = p[i] === q[j] ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
      }
    }
    let i = 0, j = 0;
    while (i < p.length || j < q.length) {
      if (i < p.length && j < q.length && p[i] === q[j]) { lines.push(["", p[i]]); i++; j++; }
      else if (j === q.length || (i < p.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) lines.push(["del", p[i++]]);
      else lines.push(["add", q[j++]]);
    }
  }
  x.slice(x.length - to).forEach((line) => lines.push(["", line]));
  // Far from what differs, lines are only counted.
  const near = lines.map((_, at) => lines.slice(Math.max(0, at - 3), at + 4).some((line) => line[0]));
  const out = el("div.diff");
  for (let at = 0; at < lines.length; at++) {
    if (near[at]) { out.append(el("div" + (lines[at][0] && "." + lines[at][0]), null, lines[at][1])); continue; }
    let end = at;
    while (end < lines.length && !near[end]) end++;
    out.append(el("div.gap", null, `${count(end - at, "line")} the same`));
    at = end - 1;
  }
  return out;
}

function flips() {
  const head = el("h2", null, "Cases that score otherwise");
  if (data.withheld) return el("section", null, head, el("p", null, `${whole(found.wins)} better, ${whole(found.losses)} worse. Which they are is not told.`));
  const output = (view) => (view ? view.output : "").slice(0, 200);
  const columns = [
    { name: "Case", width: "20%", show: (row) => row.case_id + (row.repeat > 1 ? ` · ${row.repeat}` : ""), by: (row) => row.case_id },
    { name: "A", width: "64px", kind: ".num", show: (row) => fixed(row.a), by: (row) => row.a },
    { name: "B", width: "64px", kind: ".num", show: (row) => fixed(row.b), by: (row) => row.b },
    { name: "B − A", width: "76px", kind: ".num", by: (row) => row.b - row.a,
      show: (row) => el("span." + (row.b > row.a ? "good" : "bad"), null, signed(row.b - row.a)) },
    { name: "Output of A", kind: ".line.narrow-off", show: (row) => output(row.case_a), by: (row) => output(row.case_a) },
    { name: "Output of B", kind: ".line", show: (row) => output(row.case_b), by: (row) => output(row.case_b) },
  ];
  const filter = choiceFilter("Which", [["Better and worse", () => true], ["Better alone", (row) => row.b > row.a], ["Worse alone", (row) => row.b < row.a]]);
  const both = (row) => el("div.sides", null, [["A", row.case_a], ["B", row.case_b]].map(([letter, view]) =>
    el("div", null, el("h3", null, letter), view ? trace(view) : el("p.soft", null, "It found no room on this page."))));
  return el("section", null, head,
    data.n_left_out > 0 && el("p.banner.quiet", null, `${count(data.n_left_out, "more case")} found no room on this page; the smallest differences are left out.`),
    caseTable({
      rows: data.flips, columns, filters: [filter], isFailed: (row) => row.b < row.a, detail: both,
      empty: "No case scores otherwise than before.",
      search: (row) => [row.case_id, output(row.case_a), output(row.case_b)].join("\n"),
    }));
}

function totals() {
  const A = found.totals_a, B = found.totals_b;
  const latency = (key) => (of) => of.latency_ms && of.latency_ms[key];
  const lines = [["Cost, USD", 4, (of) => of.cost_usd], ["Calls", 0, (of) => of.calls], ["Tokens in", 0, (of) => of.input_tokens],
    ["Tokens out", 0, (of) => of.output_tokens], ["CPU of the guests, s", 2, (of) => of.guest_cpu_s], ["Latency, mean ms", 1, latency("mean")],
    ["Latency, median ms", 1, latency("p50")], ["Latency, 95th percentile ms", 1, latency("p95")], ["Steps", 0, (of) => of.steps],
    ["Model calls per case", 2, (of) => of.model_calls_per_case], ["Searches per case", 2, (of) => of.searches_per_case],
    ["Prompts, bytes", 0, (of) => of.prompt_bytes], ["Component, bytes", 0, (of) => of.component_bytes]];
  const number = (n, digits) => (digits ? fixed(n, digits) : whole(n));
  return el("section", null, el("h2", null, "What each took"), table(["", "A", "B", "B − A"],
    lines.filter(([, , of]) => of(A) || of(B)).map(([name, digits, of]) => {
      const known = [of(A), of(B)].every((n) => n !== null && n !== undefined);
      return [name, number(of(A), digits), number(of(B), digits), known ? (of(B) === of(A) ? "–" : signed(of(B) - of(A), digits)) : "–"];
    }), [1, 2, 3]));
}
