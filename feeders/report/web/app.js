// Draws what Python prepared: pages of blocks, each a text, a chart or a table over the rows that are chosen.

const payload = JSON.parse(document.getElementById("payload").textContent);
const SUBJECT = ["machine", "release", "device"];
const STATES = ["safe", "unsafe", "no-number"];
const SYMBOLS = { good: "✓", bad: "✗", warn: "!", none: "·" };
// Okabe and Ito's, told apart by colour-blind eyes; the first is too dark for a dark ground.
const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999"];
const dark = window.matchMedia("(prefers-color-scheme: dark)");
// Characters from which the text of a cell may be broken: style.css keeps its column wide enough to be read.
const LONG = { text: 24, code: 17 };
// A page of advice is of one length of an epoch.
const takesAnyLength = payload.lengths.length > 1;
const isNarrow = () => window.innerWidth < 620; // as in style.css
let state = {};
let views = [];

// ---- what is chosen

const currentPage = () => payload.pages.find((page) => page.name === state.page);
const metricOf = (name) => payload.metrics.find((metric) => metric.name === name);
const metricTitle = (metric) => `${metric.title} (${metric.unit})`;
const distinct = (values) => [...new Set(values)];
const shortName = (name) => payload.names?.[name] ?? name;
const subjectId = (subject) => SUBJECT.map((key) => subject[key]).join("~");

function subjectsLike(chosen, keys) {
  return payload.subjects.filter((subject) => keys.every((key) => subject[key] === chosen[key]));
}

function optionsOf(name, chosen) {
  const place = SUBJECT.indexOf(name);
  if (place >= 0) return distinct(subjectsLike(chosen, SUBJECT.slice(0, place)).map((subject) => subject[name]));
  if (name === "workload") return subjectsLike(chosen, SUBJECT)[0]?.workloads ?? [];
  if (name === "batches") return takesAnyLength && /^[1-9]\d{0,8}$/.test(chosen.batches ?? "") ? [chosen.batches] : [String(payload.lengths[0])];
  if (name === "metric") return payload.metrics.map((metric) => metric.name);
  if (name === "beside") {
    const own = subjectId(chosen);
    return ["", ...payload.subjects.map(subjectId).filter((id) => id !== own)];
  }
  return pickOptions(name, chosen);
}

function pickOptions(name, chosen) {
  const pick = payload.pages.flatMap((page) => page.picks).find((each) => each.name === name);
  const columns = payload.tables[pick.table].columns;
  const by = ["machine", "device", "workload", "feeder"].filter((key) => key !== name && (key !== "feeder" || name === "workers"));
  const values = columns[name].filter((_, row) => by.every((key) => String(columns[key][row]) === String(chosen[key])));
  return distinct(values.map(String));
}

const choiceNames = () => [
  ...payload.choices.map((choice) => choice.name),
  "beside",
  ...distinct(payload.pages.flatMap((page) => page.picks.map((pick) => pick.name))),
];

function preferred(name, options) {
  // A history says most where releases differ; the ceiling, which comes first, is no feeder.
  return name === "feeder" ? options.find((each) => each === "sequence") ?? options[0] : options[0];
}

function settle(asked) {
  const chosen = { page: payload.pages.some((page) => page.name === asked.page) ? asked.page : payload.pages[0].name };
  const corrected = [];
  for (const name of choiceNames()) {
    const options = optionsOf(name, name === "batches" ? asked : chosen);
    const known = options.includes(asked[name]);
    chosen[name] = known ? asked[name] : preferred(name, options) ?? "";
    if (asked[name] && !known) corrected.push(reasonOf(name, asked[name], chosen[name]));
  }
  return { chosen, corrected };
}

function reasonOf(name, asked, shown) {
  if (name === "batches" && takesAnyLength) return `An epoch of ${asked} batches? Expected is a whole number from 1 to 999999999; shown is ${shown}.`;
  return `${name} ${asked} has no results here; shown is ${shown || "none"}.`;
}

function fromHash() {
  const [page, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { page, ...Object.fromEntries(new URLSearchParams(query ?? "")) };
}

function toHash(chosen) {
  const values = choiceNames().filter((name) => chosen[name]).map((name) => [name, chosen[name]]);
  return `#/${chosen.page}?${new URLSearchParams(values)}`;
}

function filledIn(text) {
  return text.replace(/@(\w+)/g, (all, name) => {
    if (name === "metric") return metricTitle(metricOf(state.metric));
    return name in state ? state[name] : all;
  });
}

function filledInDeep(value) {
  if (typeof value === "string") return filledIn(value);
  if (Array.isArray(value)) return value.map(filledInDeep);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, filledInDeep(part)]));
}

// ---- rows

function shownSubjects(by) {
  const keys = SUBJECT.filter((key) => by.includes(key));
  const own = Object.fromEntries(SUBJECT.map((key) => [key, state[key]]));
  const [machine, release, device] = (state.beside || "").split("~");
  const both = state.beside ? [own, { machine, release, device }] : [own];
  const kept = both.filter((each, index) => index === 0 || keys.some((key) => each[key] !== own[key]));
  const differing = keys.filter((key) => distinct(kept.map((each) => each[key])).length > 1);
  const labels = differing.length ? differing : [keys.includes("release") ? "release" : "machine"];
  return kept.map((each) => ({ ...each, keys, label: labels.map((key) => shortName(each[key])).join(" · ") }));
}

function rowsOf(block) {
  const columns = payload.tables[block.table].columns;
  const names = Object.keys(columns);
  const by = block.by.filter((name) => names.includes(name));
  const subjects = shownSubjects(by);
  const others = by.filter((name) => !SUBJECT.includes(name));
  const rows = [];
  const length = names.length ? columns[names[0]].length : 0;
  for (let index = 0; index < length; index++) {
    if (!others.every((name) => String(columns[name][index]) === (name === "batches" ? nearestLength() : state[name]))) continue;
    const subject = subjects.find((each) => each.keys.every((key) => columns[key][index] === each[key]));
    if (!subject) continue;
    const row = Object.fromEntries(names.map((name) => [name, columns[name][index]]));
    rows.push({ ...row, subject: subject.label });
  }
  ofLength(rows);
  if (block.table === "cells") markKnees(rows);
  if (block.table === "knees") rows.forEach(findKnee);
  if (block.metric) addMetric(rows);
  return rows.filter((row) => (block.needs ?? []).every((key) => row[key] !== null && row[key] !== undefined));
}

const placeId = (row) => [...SUBJECT, "workload"].map((key) => row[key]).join("~");

// By the place that each is the ceiling of: rows that are shown may be of one feeder, or of several releases or devices.
function ceilingsByPlace() {
  const columns = payload.tables.cells.columns; // of advice without a take there are none
  const keys = [...SUBJECT, "workload", "seconds_per_batch", "gap"];
  const found = new Map();
  (columns.ceiling ?? []).forEach((isCeiling, index) => {
    const row = Object.fromEntries(keys.map((key) => [key, columns[key]?.[index]]));
    if (isCeiling && Number.isFinite(row.seconds_per_batch) && !found.has(placeId(row))) found.set(placeId(row), row);
  });
  return found;
}

const ceilings = ceilingsByPlace();

// Speeds are of epochs of the default length; the time of a batch and the gap tell those of any other.
function ofLength(rows) {
  const batches = Number(state.batches);
  const standard = Number(payload.lengths[0]);
  const each = (row, length) => row.seconds_per_batch / 1e3 + (row.gap ?? 0) / length;
  const factor = (row) => each(row, standard) / each(row, batches);
  const known = rows.filter((row) => Number.isFinite(row.seconds_per_batch));
  for (const row of known) {
    const ceiling = ceilings.get(placeId(row));
    const rescale = (name, of) => {
      for (const key of [name, `${name}_low`, `${name}_high`]) if (Number.isFinite(row[key])) row[key] = of(row[key]);
    };
    for (const name of ["effective_throughput", "share_of_limit"]) rescale(name, (value) => value * factor(row));
    if (ceiling) rescale("stall", (value) => 100 - (100 - value) * factor(row) / factor(ceiling));
  }
}

// Of the lengths that answers in words are worked out for, the one by the smallest factor off.
function nearestLength() {
  const off = (length) => Math.abs(Math.log(length / Number(state.batches)));
  return String(payload.lengths.reduce((best, length) => (off(length) < off(best) ? length : best)));
}

// The fewest workers that reach a share of a feeder's best speed; as feeders/report/knees.py.
function kneeOf(rows) {
  const usable = rows.filter((row) => row.state !== "no-number" && Number.isFinite(row.effective_throughput));
  const best = Math.max(...usable.map((row) => row.effective_throughput));
  const near = usable.filter((row) => row.effective_throughput >= payload.knee * best);
  return usable.length > 1 ? near.reduce((fewest, row) => (row.workers < fewest.workers ? row : fewest)) : null;
}

function markKnees(rows) {
  const feeders = new Map();
  for (const row of rows.filter((each) => each.parallel)) {
    const key = [row.subject, row.workload, row.feeder].join("~");
    feeders.set(key, [...(feeders.get(key) ?? []), row]);
  }
  for (const row of rows) row.knee = false;
  for (const own of feeders.values()) {
    const knee = kneeOf(own);
    if (knee) knee.knee = true;
  }
}

function findKnee(row) {
  const keys = [...SUBJECT, "workload", "feeder"];
  const columns = payload.tables.cells.columns;
  const own = columns.feeder.flatMap((_, index) => {
    if (!keys.every((key) => columns[key][index] === row[key])) return [];
    return [Object.fromEntries(Object.keys(columns).map((key) => [key, columns[key][index]]))];
  });
  ofLength(own);
  const knee = kneeOf(own);
  const one = own.find((each) => each.workers === 1);
  if (knee) row.knee = knee.workers;
  if (knee && row.gain !== null && one) row.gain = knee.effective_throughput / one.effective_throughput;
}

function addMetric(rows) {
  const metric = metricOf(state.metric);
  for (const row of rows) {
    row.value = row[metric.name] ?? null;
    row.low = row[`${metric.name}_low`] ?? null;
    row.high = row[`${metric.name}_high`] ?? null;
    row.bound = { effective_throughput: row.limit, share_of_limit: Number.isFinite(row.limit) ? 100 : null }[metric.name] ?? null;
  }
  const sign = metric.lower_is_better ? 1 : -1;
  const rank = (row) => STATES.indexOf(row.state);
  const worth = (row) => (row.value === null ? Infinity : sign * row.value);
  const sorted = [...rows].sort((a, b) => rank(a) - rank(b) || worth(a) - worth(b) || 0);
  sorted.forEach((row, index) => { row.order = index; });
}

function isEmpty(block, rows) {
  return !rows.length || (block.several && distinct(rows.map((row) => row[block.several])).length < 2);
}

// ---- elements

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function html(text) {
  const holder = element("div", { class: "text" });
  holder.innerHTML = text; // written by this suite's Python, which escapes what it quotes
  return holder;
}

function number(value) {
  if (value === null || value === undefined) return "";
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

// ---- charts

function vegaConfig() {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name) => styles.getPropertyValue(name).trim();
  const font = styles.getPropertyValue("--font").trim();
  const text = colour("--text");
  const narrow = isNarrow();
  const axis = { labelColor: text, titleColor: text, gridColor: colour("--line"), gridOpacity: 0.7, domainColor: colour("--line") };
  return {
    background: "transparent",
    font,
    axis: { ...axis, tickColor: colour("--line"), labelFontSize: narrow ? 10 : 12, titleFontSize: 12, titleFontWeight: "normal", labelLimit: 230 },
    // A phone is too narrow for a legend beside the chart, for each label of a release, and for a title in the middle.
    axisX: narrow ? { labelOverlap: "greedy", titleAnchor: "end" } : {},
    legend: { labelColor: text, titleColor: text, labelLimit: 260, ...(narrow ? { orient: "bottom", columns: 1 } : {}) },
    view: { stroke: "transparent" },
    text: { color: text },
    rule: { color: text },
    tick: { color: text },
    range: { category: dark.matches ? ["#56b4e9", ...PALETTE.slice(1, 4), "#d55e00", "#999999"] : PALETTE },
  };
}

function withoutSubjects(spec) {
  for (const [key, part] of Object.entries(spec)) {
    if (part === null || typeof part !== "object") continue;
    if ((key === "color" || key === "strokeDash") && part.field === "subject") part.legend = null;
    else withoutSubjects(part);
  }
}

async function drawChart(block, rows, into) {
  const holder = element("div", { class: "chart", role: "figure", "aria-label": filledIn(block.description) });
  into.append(holder);
  const spec = filledInDeep(block.spec);
  spec.datasets = { rows };
  if (distinct(rows.map((row) => row.subject)).length < 2) withoutSubjects(spec);
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: { export: true, source: false, compiled: false, editor: false },
    config: vegaConfig(),
    tooltip: { theme: dark.matches ? "dark" : "light" },
    downloadFileName: `${state.page}-${state.workload}`,
  };
  views.push(await vegaEmbed(holder, spec, options));
  nameParts(holder);
}

// Vega names neither its menu nor a layer without marks: a screen reader is told the one, and passes over the other.
function nameParts(holder) {
  holder.querySelector("summary").setAttribute("aria-label", "Save this chart");
  for (const empty of holder.querySelectorAll('[role="graphics-symbol"]:empty')) empty.setAttribute("aria-hidden", "true");
}

// ---- tables

function shownValue(column, row) {
  const value = row[column.key];
  if (column.kind === "number" || column.kind === "interval") {
    if (value === null || value === undefined) return column.word ? row[column.word] ?? "" : "";
    if (typeof value !== "number") return String(value);
    const mark = row.state === "unsafe" && column.kind === "interval" ? " ✗" : "";
    const low = row[column.key === "value" ? "low" : `${column.key}_low`];
    const high = row[column.key === "value" ? "high" : `${column.key}_high`];
    const known = column.kind === "interval" && typeof low === "number" && typeof high === "number" && low !== high;
    return number(value) + (known ? ` [${number(low)}, ${number(high)}]` : "") + mark;
  }
  return value === null || value === undefined ? "" : String(shortName(value));
}

function compare(column, a, b) {
  const [left, right] = [a[column.key], b[column.key]];
  const unknown = (value) => value === null || value === undefined || value === "";
  if (unknown(left) || unknown(right)) return unknown(left) - unknown(right);
  return typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right));
}

function drawTable(block, rows, into) {
  const columns = block.columns.filter((column) => column.key !== "subject" || distinct(rows.map((row) => row.subject)).length > 1);
  const shape = { sort: null, descending: false, filter: "" };
  const body = element("tbody");
  const count = element("span", { class: "count", role: "status" });
  const heads = columns.map((column) => {
    const button = element("button", { type: "button", onclick: () => sortBy(column) }, filledIn(column.title));
    return element("th", { scope: "col", class: column.kind, "aria-sort": "none" }, button);
  });

  function shown() {
    const wanted = shape.filter.toLowerCase();
    const text = (row) => columns.map((column) => shownValue(column, row)).join(" ").toLowerCase();
    const matching = rows.filter((row) => !wanted || text(row).includes(wanted));
    if (!shape.sort) return matching;
    const sign = shape.descending ? -1 : 1;
    const empty = (row) => row[shape.sort.key] === null || row[shape.sort.key] === undefined;
    return [...matching].sort((a, b) => empty(a) - empty(b) || sign * compare(shape.sort, a, b));
  }

  function sortBy(column) {
    const again = shape.sort === column;
    shape.sort = again && shape.descending ? null : column;
    shape.descending = again && !shape.descending;
    fill();
  }

  function cellOf(column, row, index) {
    const text = shownValue(column, row);
    const inner = column.kind === "code" ? element("code", {}, text) : text;
    const kind = text.length > LONG[column.kind] ? `${column.kind} long` : column.kind;
    const cell = element(index === 0 ? "th" : "td", index === 0 ? { scope: "row", class: kind } : { class: kind });
    if (column.kind === "html") cell.innerHTML = text;
    else cell.append(inner);
    return cell;
  }

  function fill() {
    const matching = shown();
    body.replaceChildren(
      ...matching.map((row) => element("tr", { class: row.state ?? "" }, ...columns.map((column, index) => cellOf(column, row, index)))),
    );
    heads.forEach((head, index) => {
      const sorted = columns[index] === shape.sort;
      head.setAttribute("aria-sort", !sorted ? "none" : shape.descending ? "descending" : "ascending");
    });
    count.textContent = `${matching.length} of ${rows.length} rows`;
  }

  const filter = element("input", {
    type: "search",
    placeholder: "Filter",
    "aria-label": `Filter: ${filledIn(block.title)}`,
    oninput: (event) => { shape.filter = event.target.value; fill(); },
  });
  const copies = [["CSV", asCsv], ["Markdown", asMarkdown]].map(([name, write]) =>
    element("button", { type: "button", onclick: () => copy(write(columns, shown()), shown().length, name) }, `Copy as ${name}`),
  );
  const head = element("thead", {}, element("tr", {}, ...heads));
  into.append(
    element("div", { class: "tools" }, filter, count, ...copies),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": filledIn(block.title) }, element("table", {}, head, body)),
  );
  fill();
}

function flat(columns) {
  return columns.flatMap((column) => {
    const title = filledIn(column.title);
    if (column.kind !== "interval") return [[title, column.key]];
    const ends = column.key === "value" ? ["low", "high"] : [`${column.key}_low`, `${column.key}_high`];
    return [[title, column.key], [`${title} low`, ends[0]], [`${title} high`, ends[1]]];
  });
}

function asCsv(columns, rows) {
  const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const line = (values) => values.map((value) => quoted(String(value ?? ""))).join(",");
  const parts = flat(columns);
  const word = (row, key) => row[key] ?? (columns.find((column) => column.key === key)?.word ? row.word : "");
  return [line(parts.map(([title]) => title)), ...rows.map((row) => line(parts.map(([, key]) => word(row, key))))].join("\n");
}

function asMarkdown(columns, rows) {
  const line = (values) => `| ${values.map((value) => String(value).replaceAll("|", "\\|")).join(" | ")} |`;
  const rules = columns.map((column) => (column.kind === "number" || column.kind === "interval" ? "--:" : "---"));
  const texts = rows.map((row) => columns.map((column) => shownValue(column, row)));
  return [line(columns.map((column) => filledIn(column.title))), line(rules), ...texts.map(line)].join("\n");
}

async function copy(text, count, format) {
  const notice = document.getElementById("copied");
  try {
    await navigator.clipboard.writeText(text);
  } catch { // not allowed from a file
    const area = element("textarea", { class: "skip" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  notice.textContent = `Copied ${count} rows as ${format}`;
  setTimeout(() => { notice.textContent = ""; }, 4000);
}

// ---- the guarantee matrix

function drawMatrix(block, rows, into) {
  for (const subject of distinct(rows.map((row) => row.subject))) {
    const own = rows.filter((row) => row.subject === subject);
    const [down, across] = [block.rows, block.columns].map((key) => distinct(own.map((row) => row[key])));
    const find = (name, column) => own.find((row) => row[block.rows] === name && row[block.columns] === column);
    const head = element("tr", {}, element("th", { scope: "col" }, block.rows), ...across.map((column) => element("th", { scope: "col" }, column)));
    const lines = down.map((name) => {
      const cells = across.map((column) => element("td", {}, ...matrixCell(block, find(name, column))));
      return element("tr", {}, element("th", { scope: "row" }, element("code", {}, name)), ...cells);
    });
    if (own.length < rows.length) into.append(element("h3", {}, subject));
    into.append(
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": filledIn(block.title) },
        element("table", { class: "matrix" }, element("thead", {}, head), element("tbody", {}, ...lines))),
    );
  }
}

function matrixCell(block, row) {
  if (!row) return [];
  const open = () => {
    const dialog = document.getElementById("evidence");
    dialog.querySelector("h2").textContent = `${row[block.rows]} on ${row[block.columns]}: ${row[block.word]}`;
    dialog.querySelector("pre").textContent = row[block.evidence];
    dialog.showModal();
  };
  const tone = row[block.tone];
  return [element("button", { type: "button", class: `tone ${tone}`, onclick: open }, `${SYMBOLS[tone]} ${row[block.word]}`)];
}

// Numbers in the words of an answer, for the length that is chosen.
function withSpeeds(holder, row, by) {
  if (nearestLength() === state.batches) return holder;
  const cells = rowsOf({ table: "cells", by }).filter((cell) => cell.subject === row.subject);
  const whole = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  for (const span of holder.querySelectorAll("[data-speed]")) {
    const cell = cells.find((each) => `${each.feeder} ${each.workers}` === span.dataset.speed);
    if (!cell || !Number.isFinite(cell.seconds_per_batch)) continue;
    const [value, low, high] = ["", "_low", "_high"].map((end) => cell[`effective_throughput${end}`]);
    span.textContent = whole(value) + (Number.isFinite(low) && Number.isFinite(high) ? ` [${whole(low)}, ${whole(high)}]` : "");
  }
  return holder;
}

// ---- pages

async function drawBlock(block, into) {
  if (block.title) into.append(element("h2", {}, filledIn(block.title)));
  if (block.kind === "text") { into.append(html(block.html)); return; }
  const rows = rowsOf(block);
  if (isEmpty(block, rows)) { into.append(element("p", { class: "empty" }, filledIn(block.empty))); return; }
  if (block.by?.includes("batches") && "batches" in payload.tables[block.table].columns && nearestLength() !== state.batches) {
    into.append(element("p", { class: "note" }, `What to use and to avoid, and how near it is to limit and ceiling, is told for epochs of ${number(Number(nearestLength()))} batches, the nearest length it was worked out for. Speeds are for ${Number(state.batches).toLocaleString("en-US")}.`));
  }
  if (block.kind === "prose") into.append(...rows.map((row) => withSpeeds(html(row[block.column]), row, block.by)));
  else if (block.kind === "table") drawTable(block, rows, into);
  else if (block.kind === "matrix") drawMatrix(block, rows, into);
  else if (block.kind === "chart") await drawChart(block, rows, into);
  else throw new Error(`unknown kind ${block.kind}`);
  if (block.note) into.append(element("div", { class: "note" }, html(block.note)));
}

let drawing = 0;

async function draw() {
  const turn = ++drawing;
  views.forEach((view) => view.finalize());
  views = [];
  const main = document.getElementById("content");
  const page = currentPage();
  const heading = element("h2", { class: "question" }, page.question);
  main.replaceChildren(heading);
  main.removeAttribute("data-drawn");
  for (const block of page.blocks) {
    const section = element("section", { class: block.kind });
    main.append(section);
    try {
      await drawBlock(block, section);
    } catch (error) {
      section.append(element("p", { class: "empty", role: "alert" }, `This part could not be drawn: ${error.message}`));
    }
    if (turn !== drawing) return; // something else has been chosen meanwhile
  }
  main.setAttribute("data-drawn", page.name);
}

function drawNavigation() {
  const links = payload.pages.map((page) =>
    element("a", { href: toHash({ ...state, page: page.name }), "aria-current": page.name === state.page ? "page" : null }, page.title),
  );
  document.getElementById("pages").replaceChildren(...links);
}

function choose(name, title, label) {
  const options = optionsOf(name, state);
  const select = element(
    "select",
    { name, disabled: options.length < 2, onchange: (event) => go({ ...state, [name]: event.target.value }) },
    ...options.map((value) => element("option", { value, selected: value === state[name] }, label(value))),
  );
  return element("label", {}, element("span", {}, title), select);
}

// A number that anybody may type; what is none leaves the choice as it was.
function lengthField(title) {
  const change = (event) => (event.target.checkValidity() && event.target.value ? go({ ...state, batches: String(event.target.valueAsNumber) }) : event.target.reportValidity());
  const field = element("input", {
    ...{ name: "batches", type: "number", min: 1, max: 999999999, step: 1, required: true, value: state.batches, list: "lengths" },
    ...{ onchange: change, disabled: !takesAnyLength },
  });
  const lengths = [...payload.lengths].sort((a, b) => a - b).map((value) => element("option", { value }));
  return element("label", {}, element("span", {}, title), field, element("datalist", { id: "lengths" }, ...lengths));
}

function drawChoices() {
  const form = document.getElementById("choices");
  form.hidden = !payload.subjects.length;
  if (form.hidden) return;
  const focused = document.activeElement?.name;
  const label = (value) => (metricOf(value) ? metricTitle(metricOf(value)) : shortName(value));
  const beside = (value) => (value ? value.split("~").map(shortName).join(" · ") : "nothing");
  form.replaceChildren(
    ...payload.choices.map((choice) => (choice.name === "batches" ? lengthField(choice.title) : choose(choice.name, choice.title, label))),
    choose("beside", "Beside", beside),
    ...currentPage().picks.map((pick) => choose(pick.name, pick.title, label)),
  );
  if (focused) form.querySelector(`[name="${focused}"]`)?.focus();
  const choices = payload.choices.map((choice) => `${choice.title.toLowerCase()} ${label(state[choice.name])}`);
  document.getElementById("chosen").textContent = choices.join(", ") + (state.beside ? `, beside ${beside(state.beside)}` : "");
  const metric = metricOf(state.metric);
  form.querySelector('[name="metric"]').title = metric.meaning;
}

function go(asked) {
  // What goes with another choice is looked for again; only what was asked for by a link is told when it is missing.
  state = settle(asked).chosen;
  history.replaceState(null, "", toHash(state));
  document.getElementById("corrected").textContent = "";
  redraw();
}

function redraw() {
  document.title = `${currentPage().title}: ${payload.title}`;
  drawNavigation();
  drawChoices();
  draw();
}

function open() {
  const { chosen, corrected } = settle(fromHash());
  state = chosen;
  history.replaceState(null, "", toHash(state));
  document.getElementById("corrected").textContent = corrected.join(" ");
  redraw();
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address holds the choices
  document.getElementById("content").focus();
});
document.getElementById("choices").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", open);
dark.addEventListener("change", draw);
open();
