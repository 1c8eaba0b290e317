// Events in a sentence.

import { el, introduce, person, when } from "./dom.js";

/** Each kind of event: what it is called, and which of the service's names it has. */
export const KINDS = [
  { id: "joins", title: "Joined", names: ["group.v2.join"] },
  { id: "leaves", title: "Left", names: ["group.v2.leave", "wagroups.session.deleted"] },
  { id: "people", title: "Members", names: ["group.v2.participants"] },
  { id: "changes", title: "Changes", names: ["group.v2.update", "wagroups.group.update"] },
  { id: "asks", title: "Requests", names: ["group.v2.participants.join-request"] },
  { id: "others", title: "Pictures", names: ["wagroups.group.picture"] },
];

export const kindOf = (event) => KINDS.find((kind) => kind.names.includes(event.event))?.id ?? "others";

export const groupOf = (event) => event.payload.group?.id ?? "";

const FIELDS = {
  subject: "subject",
  description: "description",
  infoAdminOnly: "only admins edit",
  messagesAdminOnly: "only admins write",
  memberAddMode: "who may add",
  membershipApproval: "admins let people in",
  memberShareHistory: "members share history",
  disappearingTimer: "messages disappear",
  owner: "owner",
  addressingMode: "named by",
  parentGroupId: "community",
  suspended: "suspended",
};

const DONE = { join: "joined", leave: "left", promote: "became admin", demote: "is no admin any more" };
const MANY = { ...DONE, promote: "became admins", demote: "are no admins any more" };

function value(field, what) {
  if (field === "disappearingTimer") return what ? `after ${what / 3600} h` : "never";
  if (what === true) return "on";
  if (what === false) return "off";
  if (what === null || what === undefined || what === "") return "none";
  return String(what).replaceAll("_", " ");
}

function changed({ field, previous: old, current: now }) {
  if (field === "alias") return ["two names are one person: ", el("b", {}, person(now.id)), " is ", el("b", {}, person(now.pn))];
  if (field === "completed") return ["the group is known in full"];
  const isText = field === "subject" || field === "description";
  const parts = [`${FIELDS[field] ?? field}${isText ? " " : ": "}`];
  if (isText && old) parts.push(el("del", {}, old), " → ");
  parts.push(el("ins", {}, isText && now ? now : value(field, now)));
  return parts;
}

function names(people) {
  const shown = people.slice(0, 3).map(({ id, pn }) => el("b", {}, person(id, pn)));
  const parts = shown.flatMap((name, index) => (index ? [", ", name] : [name]));
  if (people.length > 3) parts.push(` and ${people.length - 3} more`);
  return parts;
}

/** What has happened, as nodes and texts. */
function sentence(event) {
  const { payload } = event;
  switch (event.event) {
    case "group.v2.join":
      return ["we are in ", el("b", {}, payload.group.subject || "the group"), `, ${payload.group.participants?.length ?? 0} members`];
    case "group.v2.leave":
      return ["we are not in the group any more"];
    case "wagroups.session.deleted":
      return ["the session was deleted"];
    case "group.v2.participants": {
      const words = payload.participants.length > 1 ? MANY : DONE;
      return [...names(payload.participants), ` ${words[payload.type] ?? payload.type}`];
    }
    case "group.v2.participants.join-request": {
      const done = { created: "asks to join", rejected: "was turned away", revoked: "does not ask any more" };
      return [el("b", {}, person(payload.requesterId, payload.requesterPn)), ` ${done[payload.action] ?? payload.action}`];
    }
    case "wagroups.group.picture":
      return [payload.pictureId ? "a new picture" : "the picture was removed"];
    default: {
      const changes = payload._data.changes;
      if (!changes?.length) return ["a new invite; the old one is void"];
      return changes.flatMap((change, index) => (index ? ["; ", ...changed(change)] : changed(change)));
    }
  }
}

/** An event as a line; `where` names its group, where that is not plain. */
export function line(event, where) {
  const { author, sequence } = event.payload._data;
  introduce(event.payload.participants);
  introduce(event.payload.group?.participants);
  introduce(event.me && [{ id: event.me.lid, pn: event.me.id }]);
  const by = author ? `by ${person(author)}` : "";
  return el(
    "li",
    // Who goes is red, whoever it is.
    { class: `event ${event.payload.type === "leave" ? "leaves" : kindOf(event)}`, "data-event": event.event, "data-sequence": sequence },
    when(event.timestamp),
    el("span", { class: "what" }, ...sentence(event)),
    el("span", { class: "where" }, el("span", {}, where, where && by ? " · " : "", by), el("span", { class: "mono" }, `#${sequence}`)),
  );
}
