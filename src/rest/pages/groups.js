// Sessions, and the groups of the one that is chosen.

import { at, ask, json } from "./api.js";
import { by, el, face, nothing, person, settled, waiting, wrong } from "./dom.js";

const PAGE = 50;
const REFRESH = 10_000;

const STATUS = {
  WORKING: ["good", "working"],
  STARTING: ["warn", "starting"],
  SCAN_QR_CODE: ["warn", "to be linked"],
  FAILED: ["bad", "failed"],
  STOPPED: ["", "stopped"],
};

/** Subjects by id, of all groups that were seen. */
export const subjects = new Map();

/** A group in the words of any shape. */
export function plain(group) {
  const subject = group.subject ?? group.Name ?? "";
  const id = group.id ?? group.JID;
  subjects.set(id, subject);
  return {
    id,
    subject,
    description: group.description ?? group.Topic ?? group.desc ?? "",
    size: group.size ?? group.ParticipantCount ?? group.participants?.length,
  };
}

export const address = (session, group) =>
  `#/${encodeURIComponent(session)}${group ? `/${encodeURIComponent(group)}` : ""}`;

export class Groups {
  constructor() {
    this.session = "";
    this.chosen = "";
    this.known = [];
    const again = settled(200, () => this.load());
    by("search").addEventListener("input", again);
    by("order").addEventListener("change", () => this.load());
    by("finder").addEventListener("submit", (event) => {
      event.preventDefault();
      this.load();
    });
    by("list").addEventListener("keydown", step);
    setInterval(() => document.hidden || this.known.length === 0 || this.loadSessions(), REFRESH);
  }

  /** The sessions, anew. Answers their names. */
  async loadSessions() {
    const box = by("sessions");
    if (!this.known.length) box.replaceChildren(waiting(2));
    try {
      const sessions = await json("/api/sessions?all=true");
      this.known = sessions.map(({ name }) => name);
      if (sessions.length) {
        box.replaceChildren(...sessions.map((session) => this.card(session)));
      } else {
        box.replaceChildren(nothing("No session", "There is none that this key may see."));
      }
    } catch (error) {
      this.known = [];
      box.replaceChildren(wrong(error, () => this.restart?.()));
    }
    return this.known;
  }

  card(session) {
    const [tone, word] = STATUS[session.status] ?? ["", session.status.toLowerCase()];
    const { engine, statusReason } = session.wagroups;
    const me = session.me ? person(session.me.id) : "nobody yet";
    return el(
      "a",
      {
        class: "session",
        href: address(session.name),
        "aria-current": session.name === this.session,
        "data-session": session.name,
        title: statusReason || null,
      },
      el("span", { class: `dot ${tone}`, "aria-hidden": "true" }),
      el("b", {}, session.name),
      el("span", { class: "tag" }, word),
      el("span", { class: "under muted small" }, `${me} · ${engine}`),
    );
  }

  async show(session, group) {
    this.chosen = group;
    const isOther = session !== this.session;
    this.session = session;
    for (const card of by("sessions").querySelectorAll(".session")) {
      card.setAttribute("aria-current", String(card.dataset.session === session));
    }
    this.mark();
    if (isOther) await this.load();
  }

  mark() {
    for (const row of by("list").querySelectorAll(".group")) {
      row.setAttribute("aria-current", String(row.dataset.group === this.chosen));
    }
  }

  /** The groups, anew. */
  async load() {
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    const list = by("list");
    if (!this.session) {
      by("total").textContent = "";
      list.replaceChildren();
      return;
    }
    const slow = setTimeout(() => list.replaceChildren(waiting()), 150);
    try {
      const { groups, total } = await this.page(0, signal);
      list.replaceChildren(...groups.map((group) => this.row(group)));
      by("total").textContent = total === 1 ? "1 group" : `${total} groups`;
      if (!groups.length) list.replaceChildren(this.none());
      this.end(groups.length, total);
    } catch (error) {
      if (error.name === "AbortError") return;
      by("total").textContent = "";
      list.replaceChildren(wrong(error, () => this.load()));
    } finally {
      clearTimeout(slow);
    }
  }

  none() {
    const search = by("search").value.trim();
    return search
      ? nothing("Nothing found", `No subject has “${search}” in it.`)
      : nothing("No groups", "This session is in no group.");
  }

  async page(offset, signal) {
    const [sortBy, sortOrder] = by("order").value.split(".");
    const query = new URLSearchParams({ limit: PAGE, offset, sortBy, sortOrder, exclude: "participants" });
    const search = by("search").value.trim();
    if (search) query.set("search", search);
    const answer = await ask(at(this.session, `?${query}`), { signal });
    const groups = Object.values(await answer.json()).map(plain);
    return { groups, total: Number(answer.headers.get("X-Total-Count")) };
  }

  row({ id, subject, size }) {
    return el(
      "a",
      {
        class: "group",
        href: address(this.session, id),
        "data-group": id,
        "aria-current": id === this.chosen,
      },
      face(subject, id),
      el("span", {}, el("b", {}, subject || "without a subject"), el("span", { class: "under muted small mono" }, id.replace("@g.us", ""))),
      el("span", { class: "tag", title: "members" }, String(size ?? "")),
    );
  }

  /** A button for more, where there are more. */
  end(shown, total) {
    if (shown >= total) return;
    const { session } = this;
    const more = el("div", { class: "more" });
    const button = el("button", { class: "button", type: "button" }, `Show more (${total - shown} left)`);
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const { groups, total: now } = await this.page(shown, this.loading.signal);
        if (session !== this.session) return;
        more.replaceWith(...groups.map((group) => this.row(group)));
        this.end(shown + groups.length, groups.length ? now : 0);
      } catch (error) {
        if (error.name !== "AbortError") more.replaceChildren(wrong(error, () => this.load()));
      }
    });
    more.append(button);
    by("list").append(more);
  }
}

/** Up and down go from row to row. */
function step(event) {
  const direction = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const row = event.target.closest(".group")?.[direction];
  if (!row?.matches(".group")) return;
  event.preventDefault();
  row.focus();
}
