// The stream of snapshots: server-sent events, read by fetch, since EventSource can send no token and hides the status.

/**
 * Calls `on.event` with the name and the JSON of each event of `path()`, and `on.state` with `live`, `lost`, `paused` or `refused`, and a text.
 * Connects again by itself, later and later, at most every 15 s; a page that nobody looks at is not connected.
 * Gives a function that connects anew, for another path or token.
 */
export function follow(path, token, on) {
  let stop = new AbortController();
  let pause = FIRST_PAUSE_MS;
  let timer = 0;

  async function connect() {
    clearTimeout(timer);
    stop.abort();
    const mine = (stop = new AbortController());
    if (document.hidden) return on.state("paused", "paused while hidden");
    try {
      const headers = token() ? { authorization: `Bearer ${token()}` } : {};
      const silence = watchdog(() => mine.abort());
      const response = await fetch(path(), { headers, signal: mine.signal, cache: "no-store" });
      if (response.status === 401 || response.status === 403) return on.state("refused", "needs the token");
      if (!response.ok) throw new Error(`status ${response.status}`);
      await read(response.body, (event, data) => {
        silence();
        pause = FIRST_PAUSE_MS;
        on.state("live", "live");
        on.event(event, data);
      }, silence);
      throw new Error("the stream ended");
    } catch {
      if (mine !== stop || document.hidden) return; // another connection has taken its place
      on.state("lost", "connection lost, trying again");
      timer = setTimeout(connect, pause + Math.random() * 300);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  document.addEventListener("visibilitychange", connect);
  window.addEventListener("online", connect);
  connect();
  return connect;
}

/** Calls `expired` when the function it gives was not called for too long: a dead network says nothing. */
function watchdog(expired) {
  let timer = setTimeout(expired, SILENCE_MS);
  return () => {
    clearTimeout(timer);
    timer = setTimeout(expired, SILENCE_MS);
  };
}

/** Reads server-sent events (the WHATWG's format) until the stream ends. */
async function read(body, take, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    text += value;
    const events = text.split(/\r?\n\r?\n/);
    text = events.pop();
    for (const event of events) {
      let name = "message";
      const data = [];
      for (const line of event.split(/\r?\n/)) {
        if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      }
      if (data.length) take(name, JSON.parse(data.join("\n")));
    }
  }
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15000;
/** The server says something each second. */
const SILENCE_MS = 10000;
