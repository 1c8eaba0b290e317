/**
 * A store for wagroups-resume.ts in one file: a copy of all groups.
 *
 * Copy it, or take it as a pattern: whatever the events cause is written together with the token. Each
 * commit writes the whole file anew, so with many groups take a database, and one transaction for both.
 */

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import {
  Group,
  type GroupChange,
  type GroupEvent,
  ParticipantAction,
  type Participant,
  type WatchGroupEventsResponse,
} from "./gen/wagroups/v1/groups.js";
import type { Store } from "./wagroups-resume.js";

/** What the file holds, as JSON; bytes are base64. */
interface Saved {
  token?: string;
  /** By session, and there by id: messages of type Group. */
  groups: Record<string, Record<string, string>>;
}

/** Use one per file. */
export class Mirror implements Store {
  private saved: Saved = { groups: {} };
  private held = new Map<string, Map<string, Group>>();
  private dirty = false;

  /** `ownIds` names each session's account as in GetSession: only then `myRole` can follow. */
  constructor(
    private readonly path: string,
    private readonly ownIds: Record<string, Set<string>> = {},
  ) {
    try {
      this.saved = JSON.parse(readFileSync(path, "utf8")) as Saved;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    this.load();
  }

  // What `follow` asks of a store.

  token(): Uint8Array | undefined {
    return this.saved.token === undefined ? undefined : Buffer.from(this.saved.token, "base64");
  }

  clear(): void {
    this.dirty = true;
    this.held.clear();
  }

  apply(response: WatchGroupEventsResponse): void {
    this.dirty = true;
    for (const { session, group } of response.initialGroups) {
      if (group) this.put(session, group);
    }
    for (const event of response.events) this.applyEvent(event);
  }

  commit(token: Uint8Array): void {
    const groups: Saved["groups"] = {};
    for (const [session, known] of this.held) {
      groups[session] = Object.fromEntries(Array.from(known, ([id, group]) => [id, packed(group)]));
    }
    this.save({ token: Buffer.from(token).toString("base64"), groups });
    this.dirty = false;
  }

  rollback(): void {
    if (this.dirty) this.load();
  }

  forget(): void {
    this.save({ groups: this.saved.groups });
  }

  // What others read.

  groups(session: string): Group[] {
    return [...(this.held.get(session)?.values() ?? [])];
  }

  // How it is kept.

  private load(): void {
    this.held = new Map(
      Object.entries(this.saved.groups).map(([session, known]) => [
        session,
        new Map(Object.entries(known).map(([id, body]) => [id, Group.decode(Buffer.from(body, "base64"))])),
      ]),
    );
    this.dirty = false;
  }

  /** All or nothing, even if the power fails: a new file takes the place of the old one once it is on disk. */
  private save(saved: Saved): void {
    const draft = `${this.path}.new`;
    const file = openSync(draft, "w", 0o600);
    try {
      writeFileSync(file, JSON.stringify(saved));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, this.path);
    const folder = openSync(dirname(this.path), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
    this.saved = saved;
  }

  private put(session: string, group: Group): void {
    const known = this.held.get(session) ?? new Map<string, Group>();
    this.held.set(session, known.set(group.id, group));
  }

  // How events change a group.

  private applyEvent({ session, groupId, body }: GroupEvent): void {
    switch (body?.$case) {
      case "joined":
        // A copy, since later events change it.
        if (body.value.group) this.put(session, Group.fromPartial(body.value.group));
        return;
      case "left":
      case "deleted":
        this.held.get(session)?.delete(groupId);
        return;
      case "sessionDeleted":
        this.held.delete(session);
        return;
    }
    // Around an initial state events may come of a group that was left before it was listed.
    const group = this.held.get(session)?.get(groupId);
    if (group) change(group, body, this.ownIds[session] ?? new Set());
  }
}

function packed(group: Group): string {
  return Buffer.from(Group.encode(group).finish()).toString("base64");
}

/** Does to the group what the event tells. `ownIds` are the names of the session's account. */
export function change(group: Group, body: GroupEvent["body"], ownIds: Set<string>): void {
  switch (body?.$case) {
    case "participantsChanged": {
      const { action, participants } = body.value;
      const left = action === ParticipantAction.PARTICIPANT_ACTION_LEAVE;
      putMembers(group, participants, left ? [] : participants);
      for (const member of participants) if (ownIds.has(member.id)) group.myRole = member.role;
      break;
    }
    case "updated":
      for (const update of body.value.changes) updateGroup(group, update);
      break;
    case "pictureChanged":
      group.pictureId = body.value.pictureId;
      break;
  }
}

function putMembers(group: Group, gone: Participant[], come: Participant[]): void {
  const names = new Set(gone.flatMap(({ id, phoneNumberId, lid }) => [id, phoneNumberId, lid]).filter(Boolean));
  group.participants = [...group.participants.filter((member) => !names.has(member.id)), ...come];
  group.memberCount = group.participants.length;
}

function updateGroup(group: Group, { change }: GroupChange): void {
  const settings = (group.settings ??= Group.fromPartial({ settings: {} }).settings!);
  switch (change?.$case) {
    case "subject":
      group.subject = change.value.current?.text ?? "";
      group.subjectTime = change.value.current?.time;
      group.subjectOwner = change.value.current?.owner ?? "";
      break;
    case "description":
      group.description = change.value.current?.text ?? "";
      group.descriptionId = change.value.current?.id ?? "";
      group.descriptionTime = change.value.current?.time;
      group.descriptionOwner = change.value.current?.owner ?? "";
      break;
    case "infoAdminOnly":
    case "messagesAdminOnly":
    case "membershipApproval":
    case "memberShareHistory":
      settings[change.$case] = change.value.current;
      break;
    case "memberAddMode":
      settings.memberAddMode = change.value.current;
      break;
    case "disappearingTimer":
      settings.disappearingTimer = change.value.current;
      break;
    case "owner":
    case "parentGroupId":
      group[change.$case] = change.value.current;
      break;
    case "addressingMode":
      group.addressingMode = change.value.current;
      break;
    case "suspended":
      group.suspended = change.value.current;
      break;
    case "alias":
      putMembers(group, [change.value], [change.value]);
      break;
    case "completed":
      Object.assign(group, change.value);
      break;
    case undefined: // A kind of change that is newer than these stubs.
      break;
  }
}
