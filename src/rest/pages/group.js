// One group: who is in it, and what has happened there.

import { at, json } from "./api.js";
import { by, el, face, introduce, nothing, person, waiting, wrong } from "./dom.js";
import { line } from "./events.js";
import { plain } from "./groups.js";

const RANK = { superadmin: 0, admin: 1, participant: 2, left: 3 };
const ROLE = { superadmin: "owner", admin: "admin", participant: "", left: "left" };
const PAGE = 50;

/** Each setting: its path, its field, and what to say where it is other than usual. */
const SETTINGS = [
  ["info-admin-only", "adminsOnly", true, "only admins edit"],
  ["messages-admin-only", "adminsOnly", true, "only admins write"],
  ["member-add-mode", "membersCanAddNewMember", false, "only admins add"],
  ["membership-approval", "newMembersApprovalRequired", true, "admins let people in"],
  ["member-share-history-mode", "membersCanShareHistory", true, "members share history"],
];

export class Group {
  constructor() {
    this.session = "";
    this.id = "";
    this.tab = "members";
    this.empty();
  }

  empty() {
    const text = "Choose one on the left: its members and its history show here.";
    by("group").replaceChildren(nothing("No group chosen", text));
  }

  async show(session, id) {
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    Object.assign(this, { session, id });
    if (!id) return this.empty();
    by("group").replaceChildren(waiting(4));
    try {
      const path = at(session, `/${encodeURIComponent(id)}`);
      const [group, members] = await Promise.all([json(path, { signal }), json(`${path}/participants/v2`, { signal })]);
      this.draw(plain(group), members);
      await Promise.all([this.settings(path, signal), this.history(path, signal)]);
    } catch (error) {
      if (error.name === "AbortError") return;
      by("group").replaceChildren(wrong(error, () => this.show(session, id)));
    }
  }

  draw({ id, subject, description }, members) {
    members.sort((one, other) => RANK[one.role] - RANK[other.role] || one.id.localeCompare(other.id));
    this.tags = el("div", { class: "tags" });
    const about = description ? el("p", { class: "about" }, description) : null;
    const head = el(
      "header",
      {},
      el(
        "div",
        { class: "subject" },
        face(subject, id, true),
        el("div", {}, el("h2", {}, subject || "without a subject"), el("span", { class: "mono" }, id), about, this.tags),
      ),
    );
    this.panels = {
      members: el("div", { class: "scroll", id: "panel-members", role: "tabpanel", "aria-labelledby": "tab-members", tabindex: "0" }),
      history: el("div", { class: "scroll", id: "panel-history", role: "tabpanel", "aria-labelledby": "tab-history", tabindex: "0" }, waiting()),
    };
    this.events = el("ol");
    this.members(members);
    const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "About the group" });
    tabs.append(this.button("members", "Members ", String(members.length)), this.button("history", "History "));
    tabs.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      this.open(this.tab === "members" ? "history" : "members");
      by(`tab-${this.tab}`).focus();
    });
    by("group").replaceChildren(head, tabs, ...Object.values(this.panels));
    this.open(this.tab);
  }

  button(tab, title, count) {
    return el(
      "button",
      { type: "button", role: "tab", id: `tab-${tab}`, "aria-controls": `panel-${tab}`, on: { click: () => this.open(tab) } },
      title,
      count ? el("span", { class: "count" }, count) : null,
    );
  }

  open(tab) {
    this.tab = tab;
    for (const [name, panel] of Object.entries(this.panels)) {
      panel.hidden = name !== tab;
      const button = by(`tab-${name}`);
      button.setAttribute("aria-selected", String(name === tab));
      button.tabIndex = name === tab ? 0 : -1;
    }
  }

  members(members) {
    introduce(members);
    const rows = members.map(({ id, pn, role }) =>
      el(
        "li",
        { class: "member" },
        el("span", { class: "number" }, person(id, pn)),
        ROLE[role] ? el("span", { class: role === "superadmin" ? "tag strong" : "tag" }, ROLE[role]) : el("span"),
        el("span", { class: "mono" }, id),
      ),
    );
    const list = el("ul", { class: "members" }, rows);
    if (members.length < 12) return this.panels.members.replaceChildren(list);
    const input = el("input", { class: "field", type: "search", placeholder: "Find a member", "aria-label": "Find a member" });
    input.addEventListener("input", () => {
      const wanted = input.value.replace(/[^0-9a-z]/gi, "").toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    this.panels.members.replaceChildren(el("div", { class: "sift" }, input), list);
  }

  async settings(path, signal) {
    const read = ([name]) => json(`${path}/settings/security/${name}`, { signal });
    const values = await Promise.allSettled(SETTINGS.map(read));
    const said = SETTINGS.filter(([, field, unusual], index) => values[index].value?.[field] === unusual);
    this.tags.replaceChildren(...said.map(([, , , text]) => el("span", { class: "tag" }, text)));
  }

  async history(path, signal, before) {
    const { events: list, panels } = this;
    try {
      const query = new URLSearchParams({ limit: PAGE, ...(before ? { before } : {}) });
      const { events, next } = await json(`${path}/events?${query}`, { signal });
      if (!before) {
        list.replaceChildren();
        panels.history.replaceChildren(list);
      }
      list.append(...events.map((event) => line(event)));
      if (!list.children.length) list.append(el("li", {}, nothing("No history", "The log holds nothing of this group any more.")));
      if (next) list.append(this.older(path, signal, next));
    } catch (error) {
      if (error.name === "AbortError") return;
      panels.history.append(wrong(error, () => this.show(this.session, this.id)));
    }
  }

  older(path, signal, before) {
    const item = el("li", { class: "more" });
    const button = el("button", { class: "button", type: "button" }, "Show older events");
    button.addEventListener("click", async () => {
      button.disabled = true;
      item.remove();
      await this.history(path, signal, before);
    });
    item.append(button);
    return item;
  }

  /** An event of this group has come: everything may be other than it is shown. */
  async told(session, id) {
    if (session !== this.session || id !== this.id) return;
    // It could not be shown yet.
    if (!this.panels) return this.show(session, id);
    const { signal } = this.loading;
    const path = at(session, `/${encodeURIComponent(id)}`);
    try {
      const [group, members] = await Promise.all([json(path, { signal }), json(`${path}/participants/v2`, { signal })]);
      const place = { members: this.panels.members.scrollTop, history: this.panels.history.scrollTop };
      this.draw(plain(group), members);
      await Promise.all([this.settings(path, signal), this.history(path, signal)]);
      for (const [name, top] of Object.entries(place)) this.panels[name].scrollTop = top;
    } catch (error) {
      // Not ours any more, for example. What was shown stays; the event says the rest.
      if (error.name !== "AbortError") await this.history(path, signal);
    }
  }
}
