// The session's log, as it goes on.

import { at, follow } from "./api.js";
import { by, el, nothing } from "./dom.js";
import { KINDS, groupOf, kindOf, line } from "./events.js";
import { address, subjects } from "./groups.js";

/** How many events are shown, and how many are held while paused. */
const MOST = 500;

const LINK = {
  connecting: ["warn", "connecting"],
  on: ["good", "on"],
  lost: ["bad", "lost, trying again"],
  refused: ["bad", "refused"],
  off: ["", "off"],
};

export class Live {
  /** `told` gets each event; `back` is called when the stream goes on after a loss. */
  constructor(told, back) {
    this.told = told;
    this.back = back;
    this.isLost = false;
    this.session = "";
    this.group = "";
    this.isPaused = false;
    this.held = [];
    this.lost = 0;
    this.chosen = new Set(KINDS.map(({ id }) => id));
    for (const { id, title } of KINDS) by("kinds").append(this.chip(id, title));
    by("only").addEventListener("change", () => this.sift());
    by("pause").addEventListener("click", () => this.pause(!this.isPaused));
    by("held").addEventListener("click", () => this.pause(false));
    by("clear").addEventListener("click", () => this.clear());
    this.clear();
  }

  chip(id, title) {
    const input = el("input", { type: "checkbox", checked: true, value: id });
    input.addEventListener("change", () => {
      if (input.checked) this.chosen.add(id);
      else this.chosen.delete(id);
      this.sift();
    });
    return el("label", { class: "chip" }, input, el("span", {}, title));
  }

  clear() {
    this.held = [];
    this.lost = 0;
    by("log").replaceChildren();
    this.quiet();
    this.count();
  }

  show(session, group) {
    this.group = group;
    by("only").disabled = !group;
    if (!group) by("only").checked = false;
    if (session === this.session) return this.sift();
    this.session = session;
    this.start();
  }

  /** Begins anew: with another session, or another key. */
  start() {
    this.following?.abort();
    this.following = new AbortController();
    const { signal } = this.following;
    const { session } = this;
    this.clear();
    this.isLost = false;
    this.state("off");
    if (!session) return;
    follow(at(session, "/events?events=*"), {
      signal,
      state: (state, error) => signal.aborted || this.state(state, error),
      told: ({ event, data }) => {
        if (signal.aborted) return;
        if (event === "error") return this.state("lost");
        this.take(JSON.parse(data));
      },
    });
  }

  state(state, error) {
    const [tone, word] = LINK[state];
    by("link").replaceChildren(el("span", { class: `dot ${tone}`, "aria-hidden": "true" }), el("span", {}, word));
    by("link").title = error?.message ?? "";
    if (state === "lost") this.isLost = true;
    if (state !== "on" || !this.isLost) return;
    this.isLost = false;
    this.back();
  }

  take(event) {
    const { subject } = event.payload.group ?? {};
    if (subject !== undefined) subjects.set(groupOf(event), subject);
    this.told(event);
    if (!this.isPaused) return this.add(event);
    this.held.push(event);
    if (this.held.length > MOST) {
      this.held.shift();
      this.lost += 1;
    }
    this.count();
  }

  add(event) {
    const log = by("log");
    log.querySelector(".state")?.parentElement.remove();
    const group = groupOf(event);
    const name = subjects.get(group) || group;
    const where = group ? el("a", { href: address(this.session, group) }, name) : el("span", {}, this.session);
    const row = line(event, where);
    row.dataset.group = group;
    row.dataset.kind = kindOf(event);
    row.classList.add("new");
    row.hidden = !this.passes(row);
    log.prepend(row);
    while (log.children.length > MOST) log.lastElementChild.remove();
    this.quiet();
  }

  passes({ dataset }) {
    const isWanted = !by("only").checked || dataset.group === this.group;
    return isWanted && this.chosen.has(dataset.kind);
  }

  sift() {
    for (const row of by("log").querySelectorAll(".event")) row.hidden = !this.passes(row);
    this.quiet();
  }

  /** Says so where nothing is shown. */
  quiet() {
    const log = by("log");
    log.querySelector(".state")?.parentElement.remove();
    if (log.querySelector(".event:not([hidden])")) return;
    const isSifted = log.children.length > 0;
    const state = isSifted
      ? nothing("Nothing that passes", "Events have come, and the filters hide them.")
      : nothing("It is quiet", "What happens in the session's groups shows here as it happens.");
    log.append(el("li", {}, state));
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    const button = by("pause");
    button.textContent = isPaused ? "Resume" : "Pause";
    button.setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) for (const event of this.held.splice(0)) this.add(event);
    if (!isPaused) this.lost = 0;
    this.count();
  }

  count() {
    const held = by("held");
    const many = this.held.length;
    held.hidden = !this.isPaused || many === 0;
    const lost = this.lost ? `, ${this.lost} older ones left out` : "";
    held.textContent = `${many} held${lost}: show`;
  }
}
