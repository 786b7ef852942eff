// The lanes, drawn as lanes: who is inside on the left, and who waits behind, in order.
// What does not fit is counted: 200 lanes of 50 waiters are not 10,000 boxes.

import { ages, byId, count, el, keep, many, tick, write } from "./dom.js";

/** Rows that are drawn; the others are counted. Fewer where each is as high as a screen is wide. */
const ROWS = 40;
const ROWS_NARROW = 12;
/** Lines of an open lane's list. */
const LISTED = 100;
/** Rows keep their places for so long, so that they do not move under one's hand. */
const ORDER_MS = 4000;

/**
 * The panel of lanes. `release` is called with a lane whose button was pressed, `searching` when a search begins or ends:
 * for that it takes all lanes that the server gives.
 */
export function lanesPanel(release, searching) {
  const list = byId("lanes");
  const find = byId("find");
  let lanes;
  let places = new Map(); // by lane: where it stood when they were last sorted
  let sorted = 0;
  let chips = 4;
  let rows = ROWS;

  function draw() {
    if (!lanes) return;
    const wanted = find.value.trim().toLowerCase();
    const found = wanted ? lanes.all.filter((lane) => matches(lane, wanted)) : lanes.all;
    const shown = ordered(found).slice(0, rows);
    keep(list, shown, (lane) => lane.id, (lane) => row(lane, release), (li, lane) => update(li, lane, chips));
    const rest = found.length - shown.length + (wanted ? 0 : lanes.more);
    write(byId("lanes-note"), note(lanes, found, wanted, rest));
    const empty = byId("lanes-empty");
    empty.hidden = shown.length > 0;
    write(empty, wanted ? "No lane matches." : "No lane is in use: nobody is in the application with a session.");
  }

  function ordered(found) {
    const now = performance.now();
    const held = list.matches(":hover, :focus-within");
    if (now - sorted > ORDER_MS && !held) {
      sorted = now;
      const worst = [...found].sort((a, b) => weight(b) - weight(a) || (a.id < b.id ? -1 : 1));
      places = new Map(worst.map((lane, place) => [lane.id, place]));
    }
    const place = (lane) => places.get(lane.id) ?? places.size;
    return [...found].sort((a, b) => place(a) - place(b));
  }

  // How many boxes fit is a matter of width alone, so that it is measured when that changes, not for each row.
  new ResizeObserver(([entry]) => {
    const width = entry.contentRect.width;
    const narrow = width < 690; // as in style.css, less the margins
    const fit = narrow ? 3 : Math.max(1, Math.floor((width - 560) / 130));
    if (fit !== chips || narrow !== (rows === ROWS_NARROW)) {
      chips = fit;
      rows = narrow ? ROWS_NARROW : ROWS;
      draw();
    }
  }).observe(list);
  let searched = false;
  find.addEventListener("input", () => {
    draw();
    const now = find.value.trim() !== "";
    if (now !== searched) searching((searched = now));
  });
  setInterval(() => tick(list), 200);

  return (fresh) => {
    lanes = fresh;
    draw();
  };
}

/** The lanes in which somebody waits come first, by how many wait how long, then those that are held long. */
function weight(lane) {
  const held = Math.max(0, ...lane.holders.map((entry) => entry.age));
  return lane.waiting > 0 ? 1e6 + lane.waiting * lane.longest : held;
}

function matches(lane, wanted) {
  const has = (text) => text.toLowerCase().includes(wanted);
  const entry = (e) => has(e.path) || has(e.route) || has(e.method);
  return has(lane.session) || lane.holders.some(entry) || lane.waiters.some(entry);
}

function note(lanes, found, wanted, rest) {
  if (wanted) return `${count(found.length)} of ${many(lanes.all.length, "lane")} match${found.length === 1 ? "es" : ""}`;
  const total = lanes.all.length + lanes.more;
  if (total === 0) return "";
  const waited = lanes.all.filter((lane) => lane.waiting > 0).length;
  // Those that were not sent have shorter waits, or none.
  const least = waited === lanes.all.length && lanes.more > 0 ? " at least" : "";
  const text = `${many(total, "lane")} in use, ${waited === 0 ? "nobody waits" : `somebody waits in ${count(waited)}${least}`}`;
  return rest > 0 ? `${text}; the worst are drawn, and ${count(rest)} more are not` : text;
}

function row(lane, release) {
  const toggle = el("button", { type: "button", className: "session", "aria-expanded": "false" });
  const all = el("ol", { className: "all", hidden: true });
  const drop = el("button", { type: "button", className: "quiet release", textContent: "Release" });
  const parts = {
    session: toggle.appendChild(el("code")),
    total: toggle.appendChild(el("span", { className: "total" })),
    holds: el("ul", { className: "inside", "aria-label": "In the application" }),
    beside: el("p", { className: "more" }),
    line: el("ol", { className: "line", "aria-label": "Waiting, in order" }),
    more: el("p", { className: "more" }),
    all,
    drop,
  };
  const li = el("li", { className: "lane" }, toggle, el("div", { className: "track" }, el("div", { className: "gate" }, parts.holds, parts.beside), parts.line, parts.more), drop, all);
  li.parts = parts;
  toggle.addEventListener("click", () => {
    all.hidden = !all.hidden;
    toggle.setAttribute("aria-expanded", String(!all.hidden));
    fill(li);
  });
  drop.addEventListener("click", () => release(li.lane));
  return li;
}

function update(li, lane, chips) {
  const { session, total, holds, beside, line, more, drop } = li.parts;
  li.lane = lane;
  write(session, lane.session);
  write(total, lane.waiting ? `${count(lane.waiting)} waiting` : "");
  li.classList.toggle("calm", lane.waiting === 0);
  drop.setAttribute("aria-label", `Release lane ${lane.session}`);
  drop.hidden = lane.holders.length === 0;
  const holders = lane.holders.slice(0, 3);
  keep(holds, holders, (entry) => entry.id, box, fillBox);
  const others = lane.holding - holders.length;
  write(beside, others > 0 ? `and ${count(others)} more inside` : "");
  const shown = lane.waiters.slice(0, chips);
  keep(line, shown, (entry) => entry.id, box, fillBox);
  const hidden = lane.waiting - shown.length;
  write(more, hidden > 0 ? `and ${count(hidden)} more` : "");
  fill(li);
}

/** One request: its age, and what it asks for. */
function box() {
  const parts = {
    method: el("span", { className: "method" }),
    age: el("span"),
    path: el("span", { className: "path" }),
    bar: el("span", { className: "bar", "aria-hidden": "true" }),
  };
  const li = el("li", { className: "box" }, el("span", { className: "top" }, parts.method, parts.age), parts.path, parts.bar);
  li.parts = parts;
  return li;
}

function fillBox(li, entry) {
  const { method, age, path, bar } = li.parts;
  // What is ordinary is not written.
  const marks = [entry.access === "write" ? "" : entry.access, ["waiting", "executing"].includes(entry.state) ? "" : entry.state];
  write(method, [entry.method, ...marks].filter(Boolean).join(" "));
  write(path, tail(entry.path || entry.route, inside(entry) ? 28 : 15));
  ages(age, entry.age);
  li.dataset.access = entry.access;
  li.dataset.heat = entry.age < 1 ? "0" : entry.age < 10 ? "1" : "2";
  li.dataset.state = entry.state;
  li.title = `${entry.method} ${entry.path}\nroute ${entry.route}, ${entry.access}`;
  // How much of the hold limit, or of the wait timeout, is used up.
  bar.style.inlineSize = `${Math.min(100, (100 * entry.age) / Math.max(entry.limit, 0.001))}%`;
}

const inside = (entry) => entry.state !== "waiting";

/** The end of a path says more than its beginning. */
function tail(path, fit) {
  if (path.length <= fit) return path;
  const from = path.indexOf("/", path.length - fit + 1);
  return `\u2026${path.slice(from > 0 && from < path.length - 4 ? from : 1 - fit)}`;
}

/** The list of an open lane: everything that is known, for those who do not hover. */
function fill(li) {
  const { all } = li.parts;
  if (all.hidden) return;
  const lines = [
    ...li.lane.holders.map((entry) => ({ ...entry, where: entry.state })),
    ...li.lane.waiters.slice(0, LISTED).map((entry, at) => ({ ...entry, where: `${at + 1}.` })),
  ];
  const make = () => {
    const cells = ["where", "age", "method", "path", "access", "route"].map((name) => el("span", { className: name }));
    const line = el("li", {}, ...cells);
    line.cells = cells;
    return line;
  };
  keep(all, lines, (entry) => entry.id, make, (line, entry) => {
    const [where, age, method, path, access, route] = line.cells;
    write(where, entry.where);
    ages(age, entry.age);
    write(method, entry.method);
    write(path, entry.path);
    write(access, entry.access);
    write(route, `route ${entry.route}`);
  });
}
