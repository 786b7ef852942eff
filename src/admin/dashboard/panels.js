// The panels of figures: what is going on now, who blocks whom, the routes, refusals, throttled clients, findings.

import { byId, count, el, keep, many, rate, seconds, write } from "./dom.js";

/** The row of figures at the top. */
export function tiles({ now, recent, state }) {
  const share = recent.requests ? (100 * recent.waited) / recent.requests : 0;
  const all = [
    ["In the application", count(now.holding), `in ${many(now.lanes, "lane")}`, ""],
    ["Waiting", count(now.waiting), now.waiting ? `longest ${seconds(now.longest)}` : "nobody", now.longest >= 10 ? "warm" : ""],
    ["Requests per second", rate(recent.rate), `${count(recent.requests)} in 10 min`, ""],
    ["Had to wait", `${rate(share)} %`, `${count(recent.waited)} in 10 min`, share >= 20 ? "warm" : ""],
    ["Waited in all", seconds(recent.spent), "in 10 min", ""],
    ["Refused", count(recent.refused), "in 10 min", recent.refused ? "hot" : ""],
  ];
  if (state.observes) all.push(["Would have waited", count(now.would_wait), "since the start", ""]);
  const make = ([name]) => el("div", {}, el("dt", { textContent: name }), el("dd", { className: "value" }), el("dd", { className: "unit" }));
  keep(byId("tiles"), all, ([name]) => name, make, (tile, [, value, unit, heat]) => {
    write(tile.children[1], value);
    write(tile.children[2], unit);
    tile.className = heat;
  });
}

/**
 * A column: its name, the value it is sorted by, and its text. `kind` is `name` or `word` for what is no number; `bar` draws
 * the value's share of the column's highest; `hint` says what is counted.
 */
const column = (name, value, text, more = {}) => ({ name, value, text, kind: "number", ...more });

const mean = (r) => r.heldFor / Math.max(1, r.held);

const ROUTES = [
  column("Route", (r) => r.route, (r) => r.route, { kind: "name" }),
  column("Access", (r) => r.access, (r) => (r.demoted ? `${r.access}, counts as write` : r.access) + (r.mode === "observe" ? ", observed" : ""), { kind: "word" }),
  column("Made others wait", (r) => r.causedFor, (r) => seconds(r.causedFor), { bar: "cause", hint: "How long others waited while a request of this route was inside for longest" }),
  column("Held", (r) => r.heldFor, (r) => seconds(r.heldFor), { bar: "hold", hint: "How long its requests had their lanes, all together" }),
  column("Mean hold", mean, (r) => seconds(mean(r))),
  column("Requests", (r) => r.requests, (r) => count(r.requests)),
  column("Waited itself", (r) => r.waitedFor, (r) => seconds(r.waitedFor), { hint: "How long its own requests waited, all together" }),
  column("Writes", (r) => (r.reported ? r.wrote / r.reported : -1), writes, { kind: "word", hint: "How many of its requests changed the session, as the application reports" }),
];

function writes(route) {
  if (!route.reported) return "not reported";
  return route.wrote ? `${count(route.wrote)} of ${count(route.reported)}` : `never in ${count(route.reported)}`;
}

/** The table of routes; sorted by what they cost others, until a heading is pressed. */
export function routesPanel() {
  let by = ROUTES.find((col) => col.bar);
  let down = true;
  let routes = [];
  const table = byId("routes");
  const body = el("tbody");
  const heads = ROUTES.map((col) => {
    const button = el("button", { type: "button", textContent: col.name, title: col.hint ?? "" });
    button.addEventListener("click", () => {
      down = by === col ? !down : col.kind === "number";
      by = col;
      draw();
    });
    return el("th", { scope: "col", className: col.kind }, button);
  });
  table.append(el("thead", {}, el("tr", {}, ...heads)), body);

  function draw() {
    ROUTES.forEach((col, at) => {
      if (col === by) heads[at].setAttribute("aria-sort", down ? "descending" : "ascending");
      else heads[at].removeAttribute("aria-sort");
    });
    const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const rows = routes.toSorted((a, b) => (down ? -1 : 1) * order(by.value(a), by.value(b)) || order(a.route, b.route));
    fillTable(body, rows.slice(0, ROUTES_SHOWN), ROUTES, (route) => route.route);
    byId("routes-empty").hidden = rows.length > 0;
    table.hidden = rows.length === 0;
    const unused = rows.length > ROUTES_SHOWN ? `, the first ${ROUTES_SHOWN} of ${count(rows.length)}` : "";
    write(byId("routes-note"), rows.length ? `since the start${unused}` : "");
  }
  return (model) => {
    routes = model.routes.filter((route) => route.requests > 0 || route.caused > 0 || route.reported > 0);
    draw();
  };
}

const each = (b) => b.lately / Math.max(1, b.times);

const BLOCKING = [
  column("Inside", (b) => b.blocker, (b) => b.blocker, { kind: "name" }),
  column("Waited for it", (b) => b.waiter, (b) => b.waiter, { kind: "name" }),
  column("Lately", (b) => b.lately, (b) => seconds(b.lately), { bar: "cause", hint: "How long all waits lasted that have ended lately; above the table is since when" }),
  column("Times", (b) => b.times, (b) => count(b.times), { hint: "How many waits that were" }),
  column("Each", each, (b) => seconds(each(b)), { hint: "How long each of these lasted, on average" }),
  column("Since the start", (b) => b.waited, (b) => seconds(b.waited)),
];

const REFUSALS = [
  column("Reason", (r) => r.name, (r) => r.name.replaceAll("_", " "), { kind: "name" }),
  column("Requests", (r) => r.count, (r) => count(r.count), { bar: "refuse" }),
];

const CLIENTS = [
  column("Client", (c) => c.network, (c) => c.network, { kind: "name" }),
  column("Refused", (c) => c.refused, (c) => count(c.refused), { bar: "refuse" }),
  column("Rule", (c) => c.rule, (c) => (c.mode === "observe" ? `${c.rule}, observed` : c.rule), { kind: "word" }),
  column("Inside", (c) => c.inside, (c) => count(c.inside)),
  column("Waiting", (c) => c.waiting, (c) => count(c.waiting)),
];

const FINDINGS = [
  column("Page", (f) => f.page, (f) => f.page, { kind: "name" }),
  column("Would have waited", (f) => f.met, (f) => `${count(f.met)} of ${count(f.requests)}`, { bar: "cause" }),
  column("Did not lock", (f) => f.nested, (f) => count(f.nested), { hint: "Began and ended while another request of its session was inside" }),
];

/** The tables that need no more than their rows. */
export function tables() {
  const all = [
    [table("blocking", BLOCKING, (b) => `${b.blocker}\n${b.waiter}`), (model) => model.blocking],
    [table("refusals", REFUSALS, (r) => r.name), (model) => model.refusals],
    [table("exceptions", REFUSALS, (r) => r.name), (model) => model.exceptions],
    [table("clients", CLIENTS, (c) => `${c.network}\n${c.rule}`), (model) => model.clients],
    [table("findings", FINDINGS, (f) => `${f.route}\n${f.page}`), (model) => model.findings],
  ];
  return (model) => {
    write(byId("blocking-note"), model.blocking.length ? `lately: ${model.lately.text}` : "");
    write(byId("findings-empty"), model.state.observes ? "Nobody would have waited so far." : "Nothing is in observe mode.");
    for (const [fill, rows] of all) fill(rows(model));
  };
}

function table(id, columns, key) {
  const node = byId(id);
  const body = el("tbody");
  const heads = columns.map((col) => el("th", { scope: "col", className: col.kind, textContent: col.name, title: col.hint ?? "" }));
  node.append(el("thead", {}, el("tr", {}, ...heads)), body);
  const by = columns.find((col) => col.bar);
  return (rows) => {
    fillTable(body, rows.toSorted((a, b) => by.value(b) - by.value(a)).slice(0, ROWS_SHOWN), columns, key);
    node.hidden = rows.length === 0;
    byId(`${id}-empty`).hidden = rows.length > 0;
  };
}

function fillTable(body, rows, columns, key) {
  const highest = columns.map((col) => (col.bar ? Math.max(...rows.map(col.value), 0) : 0));
  const make = () => {
    const cells = columns.map((col, at) => {
      const bar = col.bar ? [el("i", { className: `bar ${col.bar}`, "aria-hidden": "true" })] : [];
      return el(at ? "td" : "th", { className: col.kind }, el("span"), ...bar);
    });
    cells[0].scope = "row";
    return el("tr", {}, ...cells);
  };
  keep(body, rows, key, make, (row, item) => {
    columns.forEach((col, at) => {
      const cell = row.children[at];
      write(cell.firstChild, col.text(item));
      if (col.kind === "name") cell.title = col.text(item);
      if (col.bar) cell.lastChild.style.inlineSize = highest[at] > 0 ? `${(100 * col.value(item)) / highest[at]}%` : "0";
    });
  });
}

const ROUTES_SHOWN = 30;
const ROWS_SHOWN = 12;
