// What changes something: releasing a lane, reloading. The token is asked for when it is needed, and lives in this variable alone: no storage, no cookie, no URL.

import { byId, seconds, write } from "./dom.js";

let kept = "";

/** The token, or nothing. */
export const token = () => kept;

/** The dialogs. `say` shows a sentence, `changed` is called when the token is another. Gives what opens them. */
export function dialogs(say, changed) {
  let lane;
  const release = posting("release", {
    path: () => `/api/v1/lanes/${encodeURIComponent(lane.id)}/release`,
    // The one that was seen: a lane that has moved on meanwhile is left alone.
    body: () => (lane.holders.length === 1 ? { ticket: lane.holders[0].ticket } : {}),
    known: {
      404: "The lane is not in use any more.",
      409: "The lane has moved on: that request does not hold it any more.",
    },
    done: () => say(`Lane ${lane.session} is released.`),
  });
  const reload = posting("reload", {
    path: () => "/api/v1/reload",
    body: () => ({}),
    known: { 409: (error) => `The old policy goes on. ${error}` },
    done: ({ version }) => say(`Policy ${version} is in force.`),
  });

  function askRelease(chosen) {
    lane = chosen;
    const holder = lane.holders[0];
    write(byId("release-session"), lane.session);
    write(byId("release-holder"), holder
      ? `${holder.method} ${holder.path || holder.route} has been inside for ${seconds(holder.age)}, and ${lane.waiting} wait.`
      : "Nobody is inside any more.");
    release();
  }

  byId("reload-open").addEventListener("click", reload);

  /** A dialog that posts something, with the token. Gives what opens it. */
  function posting(name, { path, body, known, done }) {
    const [dialog, form, problem, input, field] = ["", "-form", "-problem", "-token", "-field"].map((end) => byId(name + end));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (input.value) keep(input.value);
      input.value = "";
      write(problem, "");
      const response = await fetch(path(), {
        method: "POST",
        headers: { authorization: `Bearer ${kept}`, "content-type": "application/json" },
        body: JSON.stringify(body()),
      }).catch(() => undefined);
      if (response?.ok) {
        dialog.close();
        done(await response.json());
        return;
      }
      if (response?.status === 401) {
        keep("");
        field.hidden = false;
        input.focus();
      }
      write(problem, await why(response, known));
    });
    return () => {
      write(problem, "");
      field.hidden = kept !== "";
      dialog.showModal();
      // Enter is to mean what was meant: with a token at hand nothing is chosen for the person.
      (kept ? dialog.querySelector("[data-close]") : input).focus();
    };
  }

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
  for (const dialog of document.querySelectorAll("dialog")) {
    // What was typed and not sent is not kept, however the dialog was closed.
    dialog.addEventListener("close", () => dialog.querySelectorAll("input").forEach((field) => (field.value = "")));
  }

  function keep(text) {
    kept = text;
    write(byId("token-open"), kept ? "Token kept" : "Token");
    changed();
  }

  /** What there is to reload. */
  function policy({ policy: { file, version }, mutations }) {
    byId("reload-open").hidden = mutations !== "token";
    write(byId("reload-file"), file ?? "the configuration file");
    write(byId("reload-policy"), `policy ${version}`);
  }
  return { release: askRelease, policy };
}

async function why(response, known) {
  if (!response) return "Onelane does not answer.";
  const { error = "" } = await response.json().catch(() => ({}));
  const always = {
    401: "The token is wrong.",
    403: "There is no admin.token in the configuration, so that nothing can be changed here.",
    429: "Too many wrong tokens came from your network: none is looked at for a while.",
  };
  const found = always[response.status] ?? known[response.status] ?? `Not done (${response.status}). ${error}`;
  return typeof found === "function" ? found(error) : found;
}
