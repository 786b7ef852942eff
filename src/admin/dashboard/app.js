// The dashboard: takes snapshots from the stream, and hands each to the panels. At most one drawing a frame.

import { advicePanel } from "./advice.js";
import { byId, seconds, write } from "./dom.js";
import { charts } from "./charts.js";
import { lanesPanel } from "./lanes.js";
import { follow } from "./live.js";
import { read } from "./model.js";
import { routesPanel, tables, tiles } from "./panels.js";
import { dialogs, token } from "./release.js";

let reconnect = () => {};
const ask = dialogs(say, () => reconnect());
let known; // the policy's version
const panels = [tiles, facts, alarm, routesPanel(), tables(), advicePanel(copy)];
const drawLanes = lanesPanel(ask.release, (on) => {
  listed = on ? 200 : 50;
  reconnect();
});
const drawCharts = charts();

/** How many lanes are asked for: the worst, or for a search all that the server gives. */
let listed = 50;
let pending;
let samples = [];

reconnect = follow(() => `/api/v1/events?lanes=${listed}`, token, {
  event(name, json) {
    if (name !== "state") return;
    if (!pending) requestAnimationFrame(draw);
    pending = json;
  },
  state(state, text) {
    document.documentElement.dataset.link = state;
    byId("link").dataset.state = state;
    write(byId("link"), text);
    if (state === "refused" && !document.querySelector("dialog[open]")) byId("token-open").click();
  },
});

function draw() {
  const model = read(pending, recentRate(pending));
  pending = undefined;
  for (const panel of panels) panel(model);
  drawLanes(model.lanes);
  drawCharts(model.history);
}

/** Requests per second since the oldest sample, which is 30 s old at most. */
function recentRate({ now_ms, uptime_ms, totals }) {
  const last = samples.at(-1);
  // A restarted Onelane counts from the beginning.
  if (last && (totals.requests < last.requests || now_ms - last.now_ms > 10000)) samples = [];
  samples.push({ now_ms, requests: totals.requests });
  samples = samples.filter((sample) => now_ms - sample.now_ms <= 30000);
  const first = samples[0];
  const passed = now_ms - first.now_ms;
  if (passed < 3000) return uptime_ms < 10000 ? (1000 * totals.requests) / Math.max(1000, uptime_ms) : undefined;
  return (1000 * (totals.requests - first.requests)) / passed;
}

function facts({ state }) {
  const { version, policy, uptime, loaded, mode } = state;
  const since = policy.version > 1 ? `, in force for ${seconds(Math.floor(loaded))}` : "";
  write(byId("facts"), `${version}, up ${seconds(Math.floor(uptime))}, policy ${policy.version} (${policy.digest})${since}, ${mode}`);
  if (policy.version > known) say(`Policy ${policy.version} is in force.`);
  known = policy.version;
  ask.policy(state);
  document.title = state.readiness.state === "ready" ? "Onelane" : `Onelane, ${state.readiness.state.replace("_", " ")}`;
}

/** What has to be known before anything else. */
function alarm({ state, routes }) {
  const lines = [];
  if (state.readiness.state === "draining") lines.push("Onelane drains: it finishes what is there, and takes nothing new.");
  if (state.readiness.state === "not_ready") lines.push(`Not ready: ${state.readiness.why ?? "no reason is known"}.`);
  if (state.policy.current === false) {
    const where = state.mutations === "token" ? "Reload" : "The log";
    lines.push(`The configuration file has changed and is not in force: policy ${state.policy.version} goes on. ${where} says why.`);
  }
  const wrong = routes.filter((route) => route.access !== "write" && route.wrote > 0).map((route) => route.route);
  if (wrong.length) lines.push(`Routes that are no write, and have written: ${wrong.slice(0, 5).join(", ")}${wrong.length > 5 ? " and more" : ""}. See the advice.`);
  byId("alarm").hidden = lines.length === 0;
  write(byId("alarm"), lines.join(" "));
}

function copy(text) {
  const failed = () => say("The browser does not allow copying; select the line.");
  // Off loopback the page is perhaps no secure context, and has no clipboard.
  if (!navigator.clipboard) return failed();
  navigator.clipboard.writeText(text).then(() => say("Copied. Below the advice is where to paste it."), failed);
}

/** A sentence for eyes and screen readers, for a while. */
let silence;
function say(text) {
  write(byId("said"), text);
  clearTimeout(silence);
  silence = setTimeout(() => write(byId("said"), ""), 8000);
}
