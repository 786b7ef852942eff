// The advice: which page makes others wait, what is known of it, the line to paste, where to, and how it comes into force.

import { byId, el, keep, many, seconds, write } from "./dom.js";

/** What each kind of advice asks for. */
const ADVICE = {
  never_wrote: (one) => `never writes: as read it saves up to ${seconds(one.saves)} of waiting.`,
  overlaps: (one) => `takes no lock: as none it saves up to ${seconds(one.saves)} of waiting.`,
  wrote: () => "is no write, and has written: such a change may be lost. Make it write.",
  blocks: () => "makes others wait.",
  writes: () => "makes others wait, and has to.",
};

/** The advice, with lines to paste; `copy` is called with a line. */
export function advicePanel(copy) {
  const make = () => {
    const code = el("code");
    const button = el("button", { type: "button", className: "quiet", textContent: "Copy" });
    button.addEventListener("click", () => copy(code.textContent));
    const text = el("p", {}, el("code"), " ", el("strong"), " ", el("span", { className: "why" }));
    return el("li", {}, text, el("p", { className: "blocked" }), el("div", { className: "snippet" }, code, button));
  };
  return ({ advice, lately, state }) => {
    keep(byId("advice"), advice.slice(0, ADVICE_SHOWN), (one) => `${one.kind}\n${one.route}\n${one.page}`, make, (li, one) => {
      const [text, blocked, snippet] = li.children;
      const [page, what, why] = text.children;
      li.className = one.kind;
      write(page, one.page);
      write(what, (ADVICE[one.kind] ?? (() => ""))(one));
      write(why, `${one.why}.`);
      write(blocked, behind(one.blocked, lately));
      snippet.hidden = !one.yaml;
      write(snippet.firstChild, one.yaml ? lines(one.yaml, state.policy) : "");
      snippet.lastChild.setAttribute("aria-label", `Copy the route for ${one.page}`);
    });
    byId("advice-empty").hidden = advice.length > 0;
    write(byId("advice-note"), state.asks
      ? "the application reports what it writes"
      : "the application does not report what it writes");
    how(advice.some((one) => one.yaml), state);
  };
}

/** Who waited behind a page: of late, if anybody did. */
function behind(blocked, lately) {
  const recent = blocked.some((one) => one.times > 0);
  const each = blocked
    .filter((one) => !recent || one.times > 0)
    .map((one) => `${one.page} ${seconds(recent ? one.lately : one.waited)} (${many(recent ? one.times : one.count, "time")})`);
  if (!each.length) return "";
  return `Waited behind it ${recent ? lately.text : "since the start"}: ${each.join(", ")}.`;
}

/** What is pasted, indented as in the example files. */
function lines(yaml, policy) {
  const line = `  ${yaml}`;
  return policy.routes === 0 ? `routes:\n${line}` : line;
}

/** Where a line goes, and what to do then. */
function how(any, { policy, mutations, asks }) {
  byId("how").hidden = !any;
  const first = policy.routes === 0;
  write(byId("how-paste"), first ? "To follow an advice: paste its lines at the end of" : "To follow an advice: paste its line right below");
  byId("how-below").hidden = first;
  write(byId("how-in"), first ? "" : "in");
  write(byId("how-file"), policy.file ?? "the configuration file");
  const then = mutations === "token"
    ? ", save it, and press Reload, at the top of this page. A file that is saved is also read again by itself."
    : ", and save it: it is then read again by itself.";
  write(byId("how-then"), asks ? then : `${then} ${OWN_LOCK}`);
}

const ADVICE_SHOWN = 6;
/** Where no companion makes a page what its route says. */
const OWN_LOCK = "A page that becomes read must not take the application's own lock either: mark it there, in ASP.NET by EnableSessionState=\"ReadOnly\", or install Onelane's companion.";
