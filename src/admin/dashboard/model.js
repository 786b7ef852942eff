// From the server's snapshot (/api/v1/state, docs of the admin API) to what the panels show. Times become seconds here, and
// texts that may be missing become texts. The only module that knows the names in the JSON.

import { seconds } from "./dom.js";

const s = (ms) => (ms ?? 0) / 1000;

/** What the panels show of a snapshot; `rate` are the requests per second of late, if they are known. */
export function read(json, rate) {
  const points = history(json.history);
  const sum = (name) => points.reduce((all, point) => all + point[name], 0);
  const lanes = json.lanes.map(lane);
  return {
    now: { ...json.totals, longest: Math.max(0, ...lanes.map((one) => one.longest)) },
    recent: {
      rate: rate ?? (points.at(-1)?.requests ?? 0) / s(json.history.step_ms),
      requests: sum("requests"),
      waited: sum("waited"),
      refused: sum("refused"),
      spent: sum("spent"),
    },
    state: {
      version: json.version,
      mode: json.policy.mode,
      policy: json.policy,
      uptime: s(json.uptime_ms),
      loaded: Math.max(0, s(json.now_ms - json.policy.loaded_ms)),
      readiness: json.readiness,
      mutations: json.mutations,
      asks: json.asks,
      observes: json.policy.mode !== "enforce" || json.findings.length > 0,
    },
    lanes: { all: lanes, more: Math.max(0, json.lanes_total - lanes.length) },
    routes: json.routes.map(route),
    lately: lately(json),
    blocking: blocking(json.blocking),
    refusals: json.refusals.map(({ reason, count }) => ({ name: reason, count })),
    exceptions: json.exceptions.map(({ kind, count }) => ({ name: kind, count })),
    clients: json.clients,
    findings: json.findings.map((finding) => ({ ...finding, page: page(finding) })),
    advice: json.advice.map((one) => ({ ...one, page: page(one), saves: s(one.saves_ms), blocked: (one.blocked ?? []).map(waits) })),
    history: { step: s(json.history.step_ms), end: json.history.end_ms, points },
  };
}

/** Since when is "lately": a minute ago, or since the policy in force or the process began. */
function lately({ lately_ms, policy }) {
  const span = Math.floor(s(lately_ms));
  const reloaded = policy.version > 1 && span < 60;
  return { span, text: reloaded ? `since policy ${policy.version}, ${seconds(span)} ago` : `in the last ${seconds(span)}` };
}

/** Pairs of pages. A page that had another route before a reload is still the same page. */
function blocking(pairs) {
  const merged = new Map();
  for (const pair of pairs) {
    const [blocker, fresh] = [page(pair.blocker), waits(pair)];
    const key = `${blocker}\n${fresh.page}`;
    const { count, waited, times, lately } = merged.get(key) ?? { count: 0, waited: 0, times: 0, lately: 0 };
    merged.set(key, {
      blocker,
      waiter: fresh.page,
      count: count + fresh.count,
      waited: waited + fresh.waited,
      times: times + fresh.times,
      lately: lately + fresh.lately,
    });
  }
  return [...merged.values()];
}

/** Who waited, how often and how long: since the start, and of late. */
function waits({ waiter, count, waited_ms, lately_count, lately_ms }) {
  return { page: page(waiter), count, waited: s(waited_ms), times: lately_count ?? 0, lately: s(lately_ms) };
}

function lane(one) {
  const waiters = one.waiters.map((entry) => request(entry, s(entry.age_ms)));
  return {
    id: one.id,
    session: one.session,
    waiting: one.waiting,
    holding: one.holding + one.passed + one.observed,
    holders: one.holders.map((entry) => request(entry, s(entry.held_ms))),
    waiters,
    longest: Math.max(0, ...waiters.map((entry) => entry.age)),
  };
}

/** A request in a lane; `age` is its time in the state that it is in. */
function request(entry, age) {
  return {
    id: `${entry.state} ${entry.ticket}`,
    ticket: entry.ticket,
    state: entry.state,
    route: entry.route,
    method: entry.method,
    path: entry.path ?? "",
    access: entry.access,
    age,
    limit: age + s(entry.limit_ms),
  };
}

function route(one) {
  return {
    ...one,
    waitedFor: s(one.waited_ms),
    heldFor: s(one.held_ms),
    causedFor: s(one.caused_ms),
    reported: one.reports.wrote + one.reports.unchanged,
    wrote: one.reports.wrote,
  };
}

/** `GET /cart.aspx`; a page whose path is not known is named by its route. */
function page({ method, path, route }) {
  return `${method} ${path ?? `(${route})`}`;
}

/** The steps that are known, each with how long before the end it ended. */
function history({ step_ms, requests, waited, waited_ms, refused, waiting, holding }) {
  const last = requests.length - 1;
  return requests.flatMap((all, at) => all === null ? [] : [{
    ago: s(step_ms) * (last - at),
    requests: all,
    waited: waited[at] ?? 0,
    spent: s(waited_ms[at]),
    refused: refused[at] ?? 0,
    waiting: waiting[at] ?? 0,
    holding: holding[at] ?? 0,
  }]);
}
