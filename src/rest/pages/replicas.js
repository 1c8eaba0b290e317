// The replicas that share the database: how many there are, and on demand who does what.

import { json } from "./api.js";
import { by, el } from "./dom.js";

const INTERVAL = 5000;

const STATES = { alive: "alive", draining: "is being stopped", lost: "no heartbeat any more" };

async function load() {
  try {
    return (await json("/api/server/replicas")).replicas;
  } catch {
    // A service that is away is told of elsewhere.
    return [];
  }
}

function row({ address, version, role, state, isSelf }) {
  return el(
    "tr",
    { class: state === "alive" ? "" : "wrong" },
    el("td", {}, address, isSelf ? el("span", { class: "tag" }, "this one") : null),
    el("td", {}, role === "owner" ? "acts" : "reads, hands on"),
    el("td", {}, STATES[state] ?? state),
    el("td", {}, version),
  );
}

function show(replicas) {
  const button = by("replicas");
  button.hidden = replicas.length === 0;
  const alive = replicas.filter(({ state }) => state === "alive").length;
  const total = replicas.length;
  const acts = replicas.some(({ role, state }) => role === "owner" && state !== "lost");
  const said = alive === total ? `${total}` : `${alive} of ${total}`;
  button.textContent = `${said} ${total === 1 ? "replica" : "replicas"}${acts ? "" : ", none acts"}`;
  button.classList.toggle("wrong", !acts || alive < total);
  by("replica-rows").replaceChildren(...replicas.map(row));
}

/** Looks again and again while the page is seen. */
export function watchReplicas() {
  const look = async () => {
    if (!document.hidden) show(await load());
  };
  by("replicas").addEventListener("click", () => by("shows-replicas").showModal());
  setInterval(look, INTERVAL);
  return look;
}
