// The operator's page: which session and which group are shown stands in the address.

import { by, settled } from "./dom.js";
import { Group } from "./group.js";
import { Groups, address } from "./groups.js";
import { Live } from "./live.js";
import { watchReplicas } from "./replicas.js";
import { keys, theme } from "./theme.js";
import { groupOf, kindOf } from "./events.js";

theme();

const groups = new Groups();
const group = new Group();
const refreshed = settled(300, (id) => group.told(groups.session, id));
const listed = settled(600, () => groups.load());
const live = new Live((event) => {
  if (groupOf(event) === groups.chosen) refreshed(groupOf(event));
  const names = event.payload.group?.subject !== undefined;
  const counts = ["joins", "leaves", "people"].includes(kindOf(event));
  if (names || counts) relist();
}, back);

/** Only the first page is read anew; who has gone further keeps the place. */
function relist() {
  if (by("list").scrollTop < 200) listed();
}

/** The service is there again: what it could not answer meanwhile is asked for once more. */
function back() {
  groups.loadSessions();
  relist();
  if (groups.chosen) refreshed(groups.chosen);
}

function place(name) {
  by("panes").dataset.place = name;
  for (const button of by("places").children) {
    button.setAttribute("aria-current", String(button.dataset.place === name));
  }
}

function wanted() {
  const [, session = "", id = ""] = location.hash.split("/");
  try {
    return { session: decodeURIComponent(session), id: decodeURIComponent(id) };
  } catch {
    return { session: "", id: "" };
  }
}

function go() {
  const { session, id } = wanted();
  const isOther = session !== group.session || id !== group.id;
  groups.show(session, id);
  live.show(session, id);
  if (isOther) group.show(session, id);
  if (isOther) place(id ? "group" : "groups");
  document.title = session ? `${session} – wagroups` : "wagroups";
}

const lookAtReplicas = watchReplicas();

async function start() {
  lookAtReplicas();
  const names = await groups.loadSessions();
  if (!names.length) {
    groups.show("", "");
    live.show("", "");
    group.show("", "");
    return;
  }
  if (!names.includes(wanted().session)) {
    history.replaceState(null, "", address(names.includes("default") ? "default" : names[0]));
  }
  groups.session = "";
  live.session = "";
  group.session = "";
  go();
}

groups.restart = start;
keys(start);
addEventListener("hashchange", go);
by("places").addEventListener("click", ({ target }) => target.dataset.place && place(target.dataset.place));
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    place("groups");
    by("search").focus();
  } else if (event.key === "p") {
    live.pause(!live.isPaused);
  }
});
place("groups");
start();
