// What both pages share. Text reaches the page through text nodes alone, so
// nothing that is shown can become markup.

const data = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("page");

/** Makes an element: `el("p.soft", {title: "x"}, "text", child)`. */
function el(name, attributes, ...children) {
  const [tag, ...classes] = name.split(".");
  return filled(document.createElement(tag), classes, attributes, children);
}

function svg(name, attributes, ...children) {
  const [tag, ...classes] = name.split(".");
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), classes, attributes, children);
}

function filled(node, classes, attributes, children) {
  classes.forEach((one) => node.classList.add(one));
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

const fixed = (n, digits = 1) => (n === null || n === undefined ? "–" : n.toFixed(digits));
const signed = (n, digits = 1) => (n === null || n === undefined ? "–" : (n < 0 ? "−" : "+") + Math.abs(n).toFixed(digits));
const whole = (n) => (n === null || n === undefined ? "–" : Math.round(n).toLocaleString("en"));
const usd = (n) => (n === null || n === undefined ? "unknown" : "$" + n.toFixed(n > 0 && n < 0.1 ? 4 : 2));
const count = (n, one) => `${whole(n)} ${one}${n === 1 ? "" : "s"}`;
function took(us) {
  if (us >= 60e6) return (us / 60e6).toFixed(1) + " min";
  return us >= 1e6 ? (us / 1e6).toFixed(2) + " s" : (us / 1e3).toFixed(1) + " ms";
}

/** Draws intervals on one axis; each is {label, mean, low, high, tone}. */
function intervals(rows, { from = 0, to = 100, zero = null, unit = "" } = {}) {
  const labels = rows.some((row) => row.label);
  const left = labels ? 22 : 4, width = 520, right = 4, gap = 26, top = 4;
  const inner = width - left - right;
  const x = (n) => left + ((Math.min(Math.max(n, from), to) - from) / (to - from)) * inner;
  const height = top + rows.length * gap + 18;
  const told = rows.map((row) => `${row.label || ""} ${fixed(row.mean)}, 95 % from ${fixed(row.low)} to ${fixed(row.high)}`).join("; ");
  const ticks = [0, 1, 2, 3, 4].map((n) => from + ((to - from) * n) / 4);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told },
    ticks.map((tick, at) => [
      svg("line", { x1: x(tick), x2: x(tick), y1: top, y2: height - 18, stroke: "var(--line)" }),
      svg("text", { x: x(tick), y: height - 4, "text-anchor": at === 0 ? "start" : at === 4 ? "end" : "middle" },
        (zero !== null && tick > 0 ? "+" : "") + String(Math.round(tick * 10) / 10).replace("-", "−") + (at === 4 ? unit : "")),
    ]),
    zero !== null && svg("line", { x1: x(zero), x2: x(zero), y1: 0, y2: height - 16, stroke: "var(--soft)", "stroke-dasharray": "3 3" }),
    rows.map((row, at) => {
      const y = top + gap * at + gap / 2, tone = `var(--${row.tone || "accent"})`;
      return [
        row.label && svg("text", { x: 0, y: y + 4 }, row.label),
        svg("rect", { x: x(row.low), y: y - 6, width: Math.max(x(row.high) - x(row.low), 2), height: 12, rx: 6, fill: tone, opacity: ".24" }),
        svg("circle", { cx: x(row.mean), cy: y, r: 5.5, fill: tone, stroke: "var(--card)", "stroke-width": 2 }),
      ];
    }));
}

/** Draws shares of a whole; each is [name, amount, text]. */
function stack(parts, tones = ["t0", "t1", "t2", "t3"]) {
  const total = parts.reduce((sum, part) => sum + part[1], 0);
  const bar = el("div.stack", { role: "img", "aria-label": parts.map((part) => `${part[0]} ${part[2]}`).join(", ") });
  const legend = el("div.legend");
  parts.forEach(([name, amount, text], at) => {
    if (amount > 0 && total > 0) {
      const part = el("i." + tones[at]);
      part.style.width = (100 * amount) / total + "%";
      bar.append(part);
    }
    legend.append(el("span", null, el("i." + tones[at]), `${name} ${text}`));
  });
  return [bar, legend];
}

const card = (kind, label, big, ...small) =>
  el("div.card" + kind, null, el("div.label", null, label), big !== null && el("div.big", null, big), small);

const table = (head, rows, numbers = []) => {
  const cell = (tag, text, at) => el(tag + (numbers.includes(at) ? ".num" : ""), null, text);
  return el("div.scroll", null, el("table", null,
    el("thead", null, el("tr", null, head.map((text, at) => cell("th", text, at)))),
    el("tbody", null, rows.map((row) => el("tr", null, row.map((text, at) => cell("td", text, at)))))));
};

function banners(warnings, withheld, howToSee) {
  const sentence = (text) => text[0].toUpperCase() + text.slice(1) + ".";
  return [
    warnings.map((warning) => el("p.banner", null, el("b", null, /simulator/.test(warning) ? "Simulated. " : "Note. "), sentence(warning))),
    withheld && el("p.banner.quiet", null, el("b", null, "Held out. "), sentence(withheld) + " " + sentence(howToSee)),
  ];
}

/** A table of cases that can be searched, narrowed, sorted and opened. */
function caseTable({ rows, columns, search, filters, isFailed, detail, empty }) {
  const count = el("span.count", { role: "status" });
  const body = el("tbody");
  const query = el("input", { type: "search", placeholder: "Search ids and texts", "aria-label": "Search cases", oninput: narrow });
  filters.forEach((filter) => filter.node.addEventListener("change", narrow));
  const entries = rows.map((row) => {
    const line = el("tr.row" + (isFailed(row) ? ".failed" : ""), { tabindex: 0, role: "button", "aria-expanded": "false" },
      columns.map((column) => el("td" + (column.kind || ""), null, column.show(row))));
    const entry = { row, line, text: search(row).toLowerCase(), opened: null };
    line.addEventListener("click", () => toggle(entry));
    line.addEventListener("keydown", (event) => key(event, entry));
    return entry;
  });

  function toggle(entry) {
    const open = entry.line.getAttribute("aria-expanded") !== "true";
    entry.line.setAttribute("aria-expanded", open);
    if (open && !entry.opened) {
      entry.opened = el("tr.detail", null, el("td", null, detail(entry.row)));
    }
    // Columns that a narrow screen hides are no columns.
    if (open) entry.opened.firstChild.colSpan = heads.filter((head) => head.offsetParent).length || columns.length;
    if (open) entry.line.after(entry.opened);
    else entry.opened.remove();
  }

  function key(event, entry) {
    if (event.target !== entry.line) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" || event.key === " ") toggle(entry);
    else if (step) {
      const lines = [...body.querySelectorAll("tr.row:not([hidden])")];
      const next = lines[lines.indexOf(entry.line) + step];
      if (next) next.focus();
    } else return;
    event.preventDefault();
  }

  function narrow() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const entry of entries) {
      const fits = words.every((word) => entry.text.includes(word)) && filters.every((filter) => filter.fits(entry.row));
      entry.line.hidden = !fits;
      if (entry.opened) entry.opened.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${whole(shown)} of ${whole(entries.length)}`;
  }

  function sort(column, head) {
    const down = head.getAttribute("aria-sort") === "ascending";
    [...head.parentNode.children].forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = entries.slice().sort((one, other) => {
      const a = column.by(one.row), b = column.by(other.row);
      if (a === null || b === null) return (a === null) - (b === null);
      const less = a < b ? -1 : a > b ? 1 : 0;
      return down ? -less : less;
    });
    for (const entry of order) {
      body.append(entry.line);
      if (entry.opened && entry.line.getAttribute("aria-expanded") === "true") body.append(entry.opened);
    }
  }

  const heads = columns.map((column) => {
    const head = el("th" + (column.kind || "").replace(".line", ""), { scope: "col" });
    head.append(el("button", { type: "button", onclick: () => sort(column, head) }, column.name));
    if (column.width) head.style.width = column.width;
    return head;
  });
  body.append(...entries.map((entry) => entry.line));
  narrow();
  if (!rows.length) return el("p.soft", null, empty);
  return el("div", null,
    el("div.tools", null, query, filters.map((filter) => filter.label), count),
    el("div.scroll", null, el("table.cases", null, el("thead", null, el("tr", null, heads)), body)));
}

function checkFilter(text, fits) {
  const node = el("input", { type: "checkbox" });
  return { node, label: el("label", null, node, text), fits: (row) => !node.checked || fits(row) };
}

/** A choice; `options` are [text, test]. */
function choiceFilter(label, options) {
  const node = el("select", { "aria-label": label }, options.map(([text], at) => el("option", { value: at }, text)));
  return { node, label: node, fits: (row) => options[node.value][1](row) };
}

/** One case as a trace: what came of it, where the time went, each step. */
function trace(view) {
  const facts = [["took", took(view.wall_us)], ["waited to begin", took(view.queue_us)],
    ["CPU", took(view.chain_cpu_us + view.scorer_cpu_us)], ["memory", (view.memory_bytes / 1048576).toFixed(1) + " MiB"]];
  if (view.group) facts.unshift(["group", view.group]);
  return el("div.trace", null,
    factList(facts),
    verdict(view),
    view.failures.map(failure),
    waterfall(view),
    view.visits.map((visit, at) => step(visit, at + 1)),
    view.judge.length > 0 && el("section.step", null, el("header", null, el("h3", null, "Calls of the scorer")), view.judge.map(call)),
    view.n_calls_left_out > 0 && el("p.soft", null, `${count(view.n_calls_left_out, "call")} found no room on this page; the run's calls.jsonl has all.`));
}

const factList = (facts) => el("div.facts", null, facts.map(([name, text]) => el("span", null, name + " ", el("b", null, text))));
const part = (name, text, kind = "") => el("div.part" + kind, null, el("span", null, name), el("pre", null, text));

function verdict(view) {
  const points = view.points && `${view.points[0]} of ${view.points[1]} points`;
  return el("section.step", null,
    el("header", null, el("h3", null, "Verdict"),
      el("span.chip" + (view.score === null ? "" : view.failed ? ".bad" : ".good"), null, view.score === null ? "not scored" : fixed(view.score)),
      factList(view.breakdown), points && el("span.soft", null, points)),
    part("output", view.output || "(none)", ".out"),
    view.feedback && part("feedback", view.feedback),
    view.diagnostics.map(([name, text]) => part(name, text)));
}

function failure(it) {
  return el("section.step.bad", null,
    el("header", null, el("h3.bad", null, `The ${it.whose} failed: ${it.kind}`),
      it.step && el("span.soft", null, "in " + it.step), it.limit && el("span.soft", null, "limit " + it.limit)),
    part("message", it.message, ".err"),
    it.last_lines.length > 0 && part("last lines", it.last_lines.join("\n")),
    it.backtrace.length > 0 && part("backtrace", it.backtrace.join("\n")));
}

function waterfall(view) {
  const lines = [];
  for (const visit of view.visits) {
    if (visit.span) lines.push([visit.step + (visit.visit > 1 ? ` · ${visit.visit}` : ""), visit.span, ""]);
    for (const one of visit.calls) if (one.span) lines.push([one.title, one.span, ".sub"]);
  }
  for (const one of view.judge) if (one.span) lines.push(["scorer: " + one.title, one.span, ".sub"]);
  if (!lines.length) return null;
  const end = Math.max(1, ...lines.map((line) => line[1].ended_us));
  return el("div.fall", { role: "img", "aria-label": "Where the time went" }, lines.slice(0, 200).map(([name, span, kind]) => {
    const bar = el("i");
    bar.style.left = (100 * span.began_us) / end + "%";
    bar.style.width = (100 * (span.ended_us - span.began_us)) / end + "%";
    return [el("span.what" + kind, { title: name }, name), el("span.lane", null, bar), el("span.ms", null, took(span.ended_us - span.began_us))];
  }));
}

function step(visit, number) {
  return el("section.step" + (visit.failure ? ".bad" : ""), null,
    el("header", null, el("h3", null, `${number}. ${visit.step}`),
      visit.visit > 1 && el("span.soft", null, `visit ${visit.visit}`),
      visit.visit === 0 && el("span.soft", null, "calls before the step began"),
      visit.span && el("span.soft", null, took(visit.span.ended_us - visit.span.began_us)),
      visit.replaced && el("span.chip", null, "replaced by a replay")),
    visit.calls.map(call),
    visit.output !== null && part("output", visit.output, ".out"),
    visit.failure && part("failed", visit.failure, ".err"));
}

function call(it) {
  const tone = (name) => (name.startsWith("answer") ? ".out" : "");
  return el("details.call", { open: true },
    el("summary", null, it.title, it.span && ` · ${took(it.span.ended_us - it.span.began_us)}`, factList(it.facts)),
    it.parts.map(([name, text]) => part(name, text, tone(name))),
    it.error && part("error", it.error, ".err"));
}

const footer = (host) => el("footer", null, `Written by fapo-host ${host}. This file holds all that it shows and loads nothing.`);
