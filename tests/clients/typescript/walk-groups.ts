/** Every RPC of GroupsService but RefreshGroups, which the walk has with the simulator's faults. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import * as pb from "./gen/wagroups/v1/groups.js";
import { type Api, eventually, phoneNumber, phoneOf, refused } from "./harness.js";
import { act, deadline, next, responses, step } from "./walk-steps.js";
import type { Unary } from "./wagroups-client.js";

// One pixel.
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** By what they are about. */
export const walks: Record<string, (api: Api) => Promise<void>> = {
  "groups and their members": groups,
  settings,
  pictures,
  "invites, into someone else's group and one's own": invites,
  "requests to join": joinRequests,
  "the deletion of a group": deletion,
};

async function groups(api: Api): Promise<void> {
  const session = await api.newSession();
  const { groups } = api;
  const [ann, ben, eve] = [phoneNumber(), phoneNumber(), phoneNumber()];

  // Follow what comes. The first response holds a token: nothing that follows is missed.
  const stream = groups.watchGroupEvents(
    pb.WatchGroupEventsRequest.fromPartial({ sessions: [session.name] }),
    deadline(),
  );
  const watch = responses(stream);
  assert.ok((await next(watch)).resumeToken.length > 0);

  const created = await step(
    groups,
    groups.createGroup,
    pb.CreateGroupRequest.fromPartial({
      session: session.name,
      requestId: randomUUID(),
      subject: "Walkers",
      description: "Sundays at nine",
      participantIds: [ann, `+${ben}`],
    }),
  );
  assert.deepEqual(created.results.map(({ status }) => status), [
    pb.ParticipantStatus.PARTICIPANT_STATUS_OK,
    pb.ParticipantStatus.PARTICIPANT_STATUS_OK,
  ]);
  const this_ = { session: session.name, groupId: created.group!.id };

  // A read with the sequence of a mutation shows what was written, on any replica.
  const read = await step(
    groups,
    groups.getGroup,
    pb.GetGroupRequest.fromPartial({ ...this_, minSequence: created.sequence }),
  );
  assert.deepEqual(read.group, created.group);
  assert.ok(read.asOfSequence >= created.sequence);
  assert.deepEqual(await session.listGroups(), [created.group]);
  const counted = await step(
    groups,
    groups.countGroups,
    pb.CountGroupsRequest.fromPartial({ session: session.name }),
  );
  assert.equal(counted.count, 1n);

  const renamed = await step(
    groups,
    groups.setGroupSubject,
    pb.SetGroupSubjectRequest.fromPartial({ ...this_, subject: "Hikers" }),
  );
  assert.ok(renamed.changed);
  assert.equal(renamed.group?.subject, "Hikers");
  const described = await step(
    groups,
    groups.setGroupDescription,
    pb.SetGroupDescriptionRequest.fromPartial({ ...this_, description: "Sundays at eight" }),
  );
  assert.ok(described.changed);
  assert.equal(described.group?.description, "Sundays at eight");

  const added = await step(
    groups,
    groups.addParticipants,
    pb.AddParticipantsRequest.fromPartial({ ...this_, participantIds: [eve] }),
  );
  assert.equal(added.group?.memberCount, 4);
  const promoted = await step(
    groups,
    groups.promoteParticipants,
    pb.PromoteParticipantsRequest.fromPartial({ ...this_, participantIds: [ann] }),
  );
  assert.equal(promoted.results[0]?.participant?.role, pb.Role.ROLE_ADMIN);
  const demoted = await step(
    groups,
    groups.demoteParticipants,
    pb.DemoteParticipantsRequest.fromPartial({ ...this_, participantIds: [ann] }),
  );
  assert.equal(demoted.results[0]?.participant?.role, pb.Role.ROLE_PARTICIPANT);
  const removed = await step(
    groups,
    groups.removeParticipants,
    pb.RemoveParticipantsRequest.fromPartial({ ...this_, participantIds: [eve] }),
  );
  assert.equal(removed.results[0]?.participant?.role, pb.Role.ROLE_LEFT);
  const listed = await step(
    groups,
    groups.listParticipants,
    pb.ListParticipantsRequest.fromPartial(this_),
  );
  const members = listed.participants.map(phoneOf);
  assert.ok(members.length === 3 && members.includes(ann) && members.includes(ben));
  const left = await step(groups, groups.leaveGroup, pb.LeaveGroupRequest.fromPartial(this_));
  assert.ok(left.changed);

  // The log and the watch tell the same story, an event for each change.
  const log = await session.events();
  assert.deepEqual(log.map(({ type }) => type), [
    pb.EventType.EVENT_TYPE_JOINED,
    pb.EventType.EVENT_TYPE_UPDATED,
    pb.EventType.EVENT_TYPE_UPDATED,
    pb.EventType.EVENT_TYPE_PARTICIPANTS_CHANGED,
    pb.EventType.EVENT_TYPE_PARTICIPANTS_CHANGED,
    pb.EventType.EVENT_TYPE_PARTICIPANTS_CHANGED,
    pb.EventType.EVENT_TYPE_PARTICIPANTS_CHANGED,
    pb.EventType.EVENT_TYPE_LEFT,
  ]);
  const seen: pb.GroupEvent[] = [];
  while (seen.length < log.length) seen.push(...(await next(watch)).events);
  assert.deepEqual(seen, log);
  stream.cancel();
  await assert.rejects(watch.next());
}

async function settings(api: Api): Promise<void> {
  const session = await api.newSession();
  const { groups } = api;
  const this_ = { session: session.name, groupId: (await session.createGroup("Settings")).group!.id };

  /** Sets it, sets it again, which changes nothing, and reads it. */
  async function walk<Key extends keyof pb.GroupSettings, Set, Get>(
    key: Key,
    value: pb.GroupSettings[Key],
    set: Unary<Set, { group: pb.Group | undefined; changed: boolean; sequence: bigint }>,
    change: Set,
    get: Unary<Get, Pick<pb.GroupSettings, Key>>,
    reading: (minSequence: bigint) => Get,
  ): Promise<void> {
    const done = await step(groups, set, change);
    assert.ok(done.changed);
    assert.deepEqual(done.group?.settings?.[key], value);
    assert.ok(!(await step(groups, set, change)).changed);
    assert.deepEqual((await step(groups, get, reading(done.sequence)))[key], value);
  }

  await walk(
    "infoAdminOnly",
    true,
    groups.setInfoAdminOnly,
    pb.SetInfoAdminOnlyRequest.fromPartial({ ...this_, infoAdminOnly: true }),
    groups.getInfoAdminOnly,
    (minSequence) => pb.GetInfoAdminOnlyRequest.fromPartial({ ...this_, minSequence }),
  );
  await walk(
    "messagesAdminOnly",
    true,
    groups.setMessagesAdminOnly,
    pb.SetMessagesAdminOnlyRequest.fromPartial({ ...this_, messagesAdminOnly: true }),
    groups.getMessagesAdminOnly,
    (minSequence) => pb.GetMessagesAdminOnlyRequest.fromPartial({ ...this_, minSequence }),
  );
  const memberAddMode = pb.MemberAddMode.MEMBER_ADD_MODE_ADMINS;
  await walk(
    "memberAddMode",
    memberAddMode,
    groups.setMemberAddMode,
    pb.SetMemberAddModeRequest.fromPartial({ ...this_, memberAddMode }),
    groups.getMemberAddMode,
    (minSequence) => pb.GetMemberAddModeRequest.fromPartial({ ...this_, minSequence }),
  );
  await walk(
    "membershipApproval",
    true,
    groups.setMembershipApproval,
    pb.SetMembershipApprovalRequest.fromPartial({ ...this_, membershipApproval: true }),
    groups.getMembershipApproval,
    (minSequence) => pb.GetMembershipApprovalRequest.fromPartial({ ...this_, minSequence }),
  );
  await walk(
    "memberShareHistory",
    true,
    groups.setMemberShareHistory,
    pb.SetMemberShareHistoryRequest.fromPartial({ ...this_, memberShareHistory: true }),
    groups.getMemberShareHistory,
    (minSequence) => pb.GetMemberShareHistoryRequest.fromPartial({ ...this_, minSequence }),
  );
  const disappearingTimer = { seconds: 86_400n, nanos: 0 };
  await walk(
    "disappearingTimer",
    disappearingTimer,
    groups.setDisappearingTimer,
    pb.SetDisappearingTimerRequest.fromPartial({ ...this_, disappearingTimer }),
    groups.getDisappearingTimer,
    (minSequence) => pb.GetDisappearingTimerRequest.fromPartial({ ...this_, minSequence }),
  );
}

async function pictures(api: Api): Promise<void> {
  const session = await api.newSession();
  const { groups } = api;
  const this_ = { session: session.name, groupId: (await session.createGroup("Pictures")).group!.id };
  const read = pb.GetGroupPictureRequest.fromPartial(this_);
  const none = await refused(step(groups, groups.getGroupPicture, read));
  assert.equal(none.reason, "PICTURE_NOT_FOUND");
  const done = await step(
    groups,
    groups.setGroupPicture,
    pb.SetGroupPictureRequest.fromPartial({ ...this_, source: { $case: "data", value: PNG } }),
  );
  assert.ok(done.changed && done.group?.pictureId);
  const { picture } = await step(groups, groups.getGroupPicture, { ...read, minSequence: done.sequence });
  assert.equal(picture?.pictureId, done.group.pictureId);
  const gone = await step(groups, groups.deleteGroupPicture, pb.DeleteGroupPictureRequest.fromPartial(this_));
  assert.ok(gone.changed && gone.group?.pictureId === "");
}

async function invites(api: Api): Promise<void> {
  const session = await api.newSession();
  const { groups } = api;
  const hosted = await act(api, phoneNumber(), { $case: "createGroup", value: { subject: "Come in" } });
  const invite = { $case: "inviteCode", value: hosted.inviteCode } as const;
  const info = await step(
    groups,
    groups.getJoinInfo,
    pb.GetJoinInfoRequest.fromPartial({ session: session.name, invite }),
  );
  assert.deepEqual([info.preview?.groupId, info.preview?.subject], [hosted.groupId, "Come in"]);
  const joined = await step(
    groups,
    groups.joinGroup,
    pb.JoinGroupRequest.fromPartial({ session: session.name, invite }),
  );
  assert.deepEqual([joined.outcome, joined.group?.id], [pb.JoinOutcome.JOIN_OUTCOME_JOINED, hosted.groupId]);

  const this_ = { session: session.name, groupId: (await session.createGroup("My own")).group!.id };
  const first = await step(groups, groups.getInviteCode, pb.GetInviteCodeRequest.fromPartial(this_));
  assert.ok(first.inviteUrl.endsWith(first.inviteCode));
  const byLink = { $case: "joinByInvite", value: { inviteCode: first.inviteUrl } } as const;
  await act(api, phoneNumber(), byLink);
  await eventually("the guest is seen", async () => {
    const { group } = await step(groups, groups.getGroup, pb.GetGroupRequest.fromPartial(this_));
    return group?.memberCount === 2;
  });
  const second = await step(groups, groups.revokeInviteCode, pb.RevokeInviteCodeRequest.fromPartial(this_));
  assert.ok(second.changed && second.inviteCode !== first.inviteCode);
  assert.equal((await refused(act(api, phoneNumber(), byLink))).reason, "INVITE_REVOKED");
}

async function joinRequests(api: Api): Promise<void> {
  const session = await api.newSession();
  const { groups } = api;
  const created = await step(
    groups,
    groups.createGroup,
    pb.CreateGroupRequest.fromPartial({
      session: session.name,
      subject: "Ask first",
      settings: { membershipApproval: true },
    }),
  );
  const this_ = { session: session.name, groupId: created.group!.id };
  const [wanted, unwanted] = [phoneNumber(), phoneNumber()];
  for (const person of [wanted, unwanted]) await act(api, person, { $case: "requestToJoin", value: {} }, this_.groupId);
  const read = pb.ListJoinRequestsRequest.fromPartial(this_);
  const { joinRequests } = await step(groups, groups.listJoinRequests, read);
  assert.deepEqual(joinRequests.map(({ requester }) => phoneOf(requester!)), [wanted, unwanted]);
  const approved = await step(
    groups,
    groups.approveJoinRequests,
    pb.ApproveJoinRequestsRequest.fromPartial({ ...this_, participantIds: [wanted] }),
  );
  assert.ok(approved.changed && approved.group?.memberCount === 2);
  const rejected = await step(
    groups,
    groups.rejectJoinRequests,
    pb.RejectJoinRequestsRequest.fromPartial({ ...this_, participantIds: [unwanted] }),
  );
  assert.equal(rejected.results[0]?.status, pb.ParticipantStatus.PARTICIPANT_STATUS_OK);
  const open = await step(groups, groups.listJoinRequests, { ...read, minSequence: rejected.sequence });
  assert.deepEqual(open.joinRequests, []);
}

async function deletion(api: Api): Promise<void> {
  const session = await api.newSession();
  const { groups } = api;
  const { group } = await session.createGroup("Short-lived", phoneNumber(), phoneNumber());
  const request = pb.DeleteGroupRequest.fromPartial({
    session: session.name,
    groupId: group!.id,
    requestId: randomUUID(),
  });
  // The call waits for a while; what lasts longer goes on without it, and a repeat joins the work.
  const done = await eventually("the group is deleted", async () => {
    const answer = await step(groups, groups.deleteGroup, request);
    return answer.state === pb.DeletionState.DELETION_STATE_COMPLETED ? answer : undefined;
  });
  assert.ok(done.changed);
  assert.deepEqual([done.removedCount, done.remainingCount], [2, 0]);
  assert.deepEqual(await session.listGroups(), []);
}
