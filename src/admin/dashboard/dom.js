// The few steps on the document that every panel needs.
// Nothing here takes HTML: paths, hosts and headers are written by clients, and stay text.

/** A new element; `props` are properties, or attributes where their name has a dash or is `role`. */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.includes("-") || name === "role" || name === "scope") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** A new SVG element with attributes. */
export function svg(tag, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Writes a text only when it differs, so that a selection and the layout stay. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Makes the children of `parent` those of `items`, in order; a child stays the same element as long as its key stays. */
export function keep(parent, items, key, make, update) {
  const old = kept.get(parent) ?? new Map();
  const rows = new Map();
  let at = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    const row = old.get(id) ?? make(item);
    rows.set(id, row);
    update(row, item);
    if (row === at) at = at.nextElementSibling;
    else parent.insertBefore(row, at);
  }
  for (const [id, row] of old) if (!rows.has(id)) row.remove();
  kept.set(parent, rows);
}

/** By parent: its children by key. */
const kept = new WeakMap();

const whole = new Intl.NumberFormat("en");
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** 12,345 */
export const count = (n) => whole.format(Math.round(n));

/** 0.4, 12.3, 1,234 */
export const rate = (n) => (n < 100 ? tenths.format(n) : count(n));

/** A time in seconds: 40 ms, 3.2 s, 42 s, 2 m 05 s, 3 h 10 m. */
export function seconds(s) {
  if (s === 0) return "0 s";
  if (s < 0.0995) return `${Math.max(1, Math.round(s * 1000))} ms`;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const all = Math.round(s);
  const two = (n) => String(n).padStart(2, "0");
  if (all < 3600) return `${Math.floor(all / 60)} m ${two(all % 60)} s`;
  if (all < 172800) return `${count(Math.floor(all / 3600))} h ${two(Math.floor((all % 3600) / 60))} m`;
  return `${count(Math.floor(all / 86400))} d ${Math.floor((all % 86400) / 3600)} h`;
}

/** `1 request`, `2 requests` */
export const many = (n, one, several = `${one}s`) => `${count(n)} ${n === 1 ? one : several}`;

/** A time that goes on: `tick` rewrites it from when it began. */
export function ages(node, age) {
  node.classList.add("age");
  // A second snapshot of the same request must not make its time jump to and fro by the network's jitter.
  const began = performance.now() - age * 1000;
  if (node.began === undefined || Math.abs(node.began - began) > 400) node.began = began;
  write(node, ageText(node));
}

/** Rewrites all ages below `root`. */
export function tick(root) {
  for (const node of root.querySelectorAll(".age")) write(node, ageText(node));
}

function ageText(node) {
  const s = Math.max(0, performance.now() - node.began) / 1000;
  return s < 59.5 ? `${s.toFixed(1)} s` : seconds(s);
}
