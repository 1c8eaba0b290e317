/** What a failed call carries in `grpc-status-details-bin`, read by `explain`. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";

import { status } from "@grpc/grpc-js";

import { CreateGroupRequest, GetGroupRequest, WatchGroupEventsRequest } from "./gen/wagroups/v1/groups.js";
import { CreateSessionRequest, ListSessionsRequest } from "./gen/wagroups/v1/sessions.js";
import { Api, make, refused, Service, serviceError } from "./harness.js";
import { explain } from "./wagroups-client.js";

const KEY = "the key of these tests";

let service: Service;
let api: Api;

before(async () => {
  service = await Service.start({ AUTH__KEYS: `tests:${createHash("sha256").update(KEY).digest("hex")}:test-*` });
  api = new Api(service, { apiKey: KEY });
});

after(async () => {
  api.close();
  await service.remove();
});

test("BadRequest: all violations at once, by their paths", async () => {
  const request = CreateGroupRequest.fromPartial({ session: "test-errors", participantIds: ["4915100000001", "?"] });
  const failure = await refused(make(api.groups, api.groups.createGroup, request));
  assert.equal(failure.code, status.INVALID_ARGUMENT);
  assert.equal(failure.reason, "INVALID_REQUEST");
  assert.deepEqual(Object.keys(failure.violations).sort(), ["participant_ids[1]", "subject"]);
});

test("ErrorInfo: what the reason is about", async () => {
  const session = await api.newSession();
  const groupId = "120363000000000000@g.us";
  const request = GetGroupRequest.fromPartial({ session: session.name, groupId });
  const failure = await refused(make(api.groups, api.groups.getGroup, request));
  assert.equal(failure.code, status.NOT_FOUND);
  assert.equal(failure.reason, "GROUP_NOT_FOUND");
  assert.deepEqual(failure.metadata, { session: session.name, group_id: groupId });
  assert.equal(failure.retryDelay, undefined);
});

test("RetryInfo: when a repeat makes sense", async () => {
  const session = await api.newSession();
  const { group } = await session.createGroup("Read in vain");
  const request = GetGroupRequest.fromPartial({ session: session.name, groupId: group!.id, minSequence: 1_000 });
  const failure = await refused(make(api.groups, api.groups.getGroup, request));
  assert.equal(failure.code, status.UNAVAILABLE);
  assert.equal(failure.reason, "SEQUENCE_NOT_REACHED");
  assert.ok(failure.retryDelay !== undefined && failure.retryDelay > 0);
});

test("PreconditionFailure: what stands in the way", async () => {
  const session = "test-stopped";
  const create = CreateSessionRequest.fromPartial({ session, stopped: true });
  await make(api.sessions, api.sessions.createSession, create);
  const request = CreateGroupRequest.fromPartial({ session, subject: "Too early" });
  const failure = await refused(make(api.groups, api.groups.createGroup, request));
  assert.equal(failure.code, status.FAILED_PRECONDITION);
  assert.equal(failure.reason, "SESSION_NOT_WORKING");
  assert.equal(failure.metadata["status"], "STOPPED");
  assert.deepEqual(failure.preconditions.map(({ type, subject }) => ({ type, subject })), [
    { type: "SESSION_STATUS", subject: session },
  ]);
});

test("a stream that is refused", async () => {
  const request = WatchGroupEventsRequest.fromPartial({ start: { $case: "resumeToken", value: Buffer.from("?") } });
  const failure = await new Promise((resolve) => {
    const watch = api.groups.watchGroupEvents(request);
    watch.on("data", resolve);
    watch.on("error", (error) => resolve(explain(serviceError(error))));
  });
  assert.equal((failure as ReturnType<typeof explain>).reason, "INVALID_RESUME_TOKEN");
});

test("a wrong key, and a session that the key may not see", async () => {
  const stranger = new Api(service, { apiKey: "another" });
  const list = make(stranger.sessions, stranger.sessions.listSessions, ListSessionsRequest.fromPartial({}));
  assert.equal((await refused(list)).code, status.UNAUTHENTICATED);
  stranger.close();
  const request = GetGroupRequest.fromPartial({ session: "other", groupId: "120363000000000000@g.us" });
  assert.equal((await refused(make(api.groups, api.groups.getGroup, request))).reason, "PERMISSION_DENIED");
});

test("an error that is not the service's own has no reason", async () => {
  const nowhere = new Api({ address: "127.0.0.1:1" });
  const { sessions } = nowhere;
  const list = new Promise((resolve, reject) => {
    sessions.listSessions(ListSessionsRequest.fromPartial({}), (error) => (error ? reject(error) : resolve("?")));
  });
  const failure = await refused(list);
  assert.deepEqual([failure.code, failure.reason], [status.UNAVAILABLE, ""]);
  nowhere.close();
});
