// Calls of the service. The key lives in this tab alone, and travels in a header: an address ends up in logs.

const KEY = "wagroups.key";

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** An answer that is not the one asked for. */
export class Refused extends Error {
  constructor(message, status, reason) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Told when a key is needed, or another one. */
export const needsKey = new EventTarget();

export function headers(more) {
  const all = new Headers(more);
  if (key.get()) all.set("X-Api-Key", key.get());
  return all;
}

/** An answer that is a success; anything else is thrown. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers(options.headers), cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The service does not answer.", 0, "");
  }
  if (answer.ok) return answer;
  const reason = answer.headers.get("X-Wagroups-Reason") ?? "";
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) needsKey.dispatchEvent(new Event("needed"));
  throw new Refused(said(body) || answer.statusText, answer.status, reason);
}

/** The text of any of the three bodies that errors have. */
function said(body) {
  const message = body.exception?.message ?? body.message ?? body.error ?? "";
  return Array.isArray(message) ? message.join("; ") : String(message);
}

export const json = async (path, options) => (await ask(path, options)).json();

export const at = (session, rest = "") => `/api/${encodeURIComponent(session)}/groups${rest}`;

const PAUSES = [500, 1000, 2000, 5000, 10000];

/**
 * Follows server-sent events until `signal` aborts. It comes back by itself, behind the last message.
 * `EventSource` cannot send a header.
 */
export async function follow(path, { signal, told, state }) {
  let last = "";
  let failed = 0;
  while (!signal.aborted) {
    try {
      state("connecting");
      const more = last ? { "Last-Event-ID": last } : {};
      const answer = await ask(path, { signal, headers: { Accept: "text/event-stream", ...more } });
      state("on");
      failed = 0;
      for await (const message of messages(answer.body)) {
        if (message.id) last = message.id;
        if (message.data) told(message);
      }
    } catch (error) {
      if (signal.aborted) return;
      // The place is gone: what was in between is lost, and the page shows the history.
      if (error.status === 410) last = "";
      if (error.status && error.status < 500 && error.status !== 410 && error.status !== 429) {
        state("refused", error);
        return;
      }
    }
    if (signal.aborted) return;
    state("lost");
    await pause(PAUSES[Math.min(failed++, PAUSES.length - 1)], signal);
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let message = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        yield message;
        message = {};
        continue;
      }
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "data") message.data = message.data === undefined ? text : `${message.data}\n${text}`;
      else if (name === "id" || name === "event") message[name] = text;
    }
  }
}
