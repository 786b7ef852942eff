// Releasing a lane. The token is asked for when it is needed, and lives in this variable alone: no storage, no cookie, no URL.

import { byId, seconds, write } from "./dom.js";

let kept = "";

/** The token, or nothing. */
export const token = () => kept;

/** The two dialogs. `say` shows a sentence, `changed` is called when the token is another. */
export function dialogs(say, changed) {
  const [release, form, problem, input] = ["release", "release-form", "release-problem", "release-token"].map(byId);
  let lane;

  function ask(chosen) {
    lane = chosen;
    const holder = lane.holders[0];
    write(byId("release-session"), lane.session);
    write(byId("release-holder"), holder
      ? `${holder.method} ${holder.path || holder.route} has been inside for ${seconds(holder.age)}, and ${lane.waiting} wait.`
      : "Nobody is inside any more.");
    write(problem, "");
    byId("release-field").hidden = kept !== "";
    release.showModal();
    // Enter is to mean what was meant: with a token at hand nothing is chosen for the person.
    (kept ? release.querySelector("[data-close]") : input).focus();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (input.value) keep(input.value);
    input.value = "";
    write(problem, "");
    const response = await fetch(`/api/v1/lanes/${encodeURIComponent(lane.id)}/release`, {
      method: "POST",
      headers: { authorization: `Bearer ${kept}`, "content-type": "application/json" },
      // The one that was seen: a lane that has moved on meanwhile is left alone.
      body: JSON.stringify(lane.holders.length === 1 ? { ticket: lane.holders[0].ticket } : {}),
    }).catch(() => undefined);
    if (response?.ok) {
      release.close();
      say(`Lane ${lane.session} is released.`);
      return;
    }
    if (response?.status === 401) {
      keep("");
      byId("release-field").hidden = false;
      input.focus();
    }
    write(problem, await why(response));
  });

  const [tokenDialog, value] = ["token", "token-value"].map(byId);
  byId("token-open").addEventListener("click", () => {
    byId("token-forget").hidden = kept === "";
    tokenDialog.showModal();
  });
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keep(event.submitter?.value === "forget" ? "" : value.value || kept);
    value.value = "";
    tokenDialog.close();
  });
  for (const close of document.querySelectorAll("dialog [data-close]")) {
    close.addEventListener("click", () => close.closest("dialog").close());
  }
  for (const dialog of [release, tokenDialog]) {
    // What was typed and not sent is not kept, however the dialog was closed.
    dialog.addEventListener("close", () => dialog.querySelectorAll("input").forEach((field) => (field.value = "")));
  }

  function keep(text) {
    kept = text;
    write(byId("token-open"), kept ? "Token kept" : "Token");
    changed();
  }
  return ask;
}

async function why(response) {
  if (!response) return "Onelane does not answer.";
  const { error = "" } = await response.json().catch(() => ({}));
  const known = {
    401: "The token is wrong.",
    403: "There is no admin.token in the configuration, so that nothing can be changed here.",
    404: "The lane is not in use any more.",
    409: "The lane has moved on: that request does not hold it any more.",
    429: "Too many wrong tokens came from your network: none is looked at for a while.",
  };
  return known[response.status] ?? `Not released (${response.status}). ${error}`;
}
