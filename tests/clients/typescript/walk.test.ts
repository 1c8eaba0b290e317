/** Every RPC of the contract, called once, in the order in which an application might. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import * as pb from "./gen/wagroups/v1/groups.js";
import * as sessionsPb from "./gen/wagroups/v1/sessions.js";
import * as simulatorPb from "./gen/wagroups/v1/simulator.js";
import { WebhooksServiceService } from "./gen/wagroups/v1/webhooks.js";
import { Api, eventually, phoneNumber, recording, refused, Service } from "./harness.js";
import { walks } from "./walk-groups.js";
import { act, deadline, responses, step, until } from "./walk-steps.js";
import { webhooks } from "./walk-webhooks.js";

const { SessionStatus } = sessionsPb;
const called = new Set<string>();
let service: Service;
let api: Api;

before(async () => {
  // The receiver of webhooks is on this machine.
  service = await Service.start({ WEBHOOKS__ALLOW_PRIVATE_ADDRESSES: "true" });
  api = new Api(service, { interceptors: [recording(called)] });
});

after(async () => {
  api.close();
  await service.remove();
});

test("sessions", async () => {
  const { sessions, simulator } = api;
  const session = `walk-${randomUUID().slice(0, 8)}`;
  const this_ = { session };
  const created = await step(
    sessions,
    sessions.createSession,
    sessionsPb.CreateSessionRequest.fromPartial({ session, metadata: { team: "sales" } }),
  );
  assert.equal(created.session?.name, session);
  assert.equal(created.session.engine, sessionsPb.Engine.ENGINE_SIMULATOR);
  assert.ok(created.session.desiredRunning);
  assert.deepEqual(created.session.metadata, { team: "sales" });

  // Follow its status: what is comes first, then what it becomes.
  const watch = responses(sessions.watchSession(sessionsPb.WatchSessionRequest.fromPartial(this_), deadline()));
  const becomes = (status: sessionsPb.SessionStatus) => until(watch, (state) => state.session?.status === status);
  await becomes(SessionStatus.SESSION_STATUS_WORKING);
  const got = await step(sessions, sessions.getSession, sessionsPb.GetSessionRequest.fromPartial(this_));
  assert.equal(got.session?.status, SessionStatus.SESSION_STATUS_WORKING);
  const listed = await step(
    sessions,
    sessions.listSessions,
    sessionsPb.ListSessionsRequest.fromPartial({ pageSize: 1000 }),
  );
  assert.ok(listed.sessions.some(({ name }) => name === session));
  const updated = await step(
    sessions,
    sessions.updateSession,
    sessionsPb.UpdateSessionRequest.fromPartial({ session, updateMask: ["metadata"], metadata: { team: "support" } }),
  );
  assert.ok(updated.changed);
  assert.deepEqual(updated.session?.metadata, { team: "support" });

  const stopped = await step(sessions, sessions.stopSession, sessionsPb.StopSessionRequest.fromPartial(this_));
  assert.ok(stopped.changed && !stopped.session?.desiredRunning);
  await becomes(SessionStatus.SESSION_STATUS_STOPPED);
  const start = sessionsPb.StartSessionRequest.fromPartial(this_);
  const started = await step(sessions, sessions.startSession, start);
  assert.ok(started.changed && started.session?.desiredRunning);
  await becomes(SessionStatus.SESSION_STATUS_WORKING);

  // Unlink the device, and link it again: by the QR code or, here, by the pairing code.
  const out = await step(sessions, sessions.logoutSession, sessionsPb.LogoutSessionRequest.fromPartial(this_));
  assert.ok(out.changed);
  await becomes(SessionStatus.SESSION_STATUS_LOGGED_OUT);
  await step(sessions, sessions.startSession, start);
  await until(watch, (state) => state.qrCode?.value);
  const phoneNumber = got.session.account?.phoneNumberId ?? "";
  const { pairingCode } = await step(
    sessions,
    sessions.requestPairingCode,
    sessionsPb.RequestPairingCodeRequest.fromPartial({ session, phoneNumber }),
  );
  assert.deepEqual((await until(watch, (state) => state.pairingCode)).pairingCode, pairingCode);
  await step(simulator, simulator.linkDevice, simulatorPb.LinkDeviceRequest.fromPartial(this_));
  await becomes(SessionStatus.SESSION_STATUS_WORKING);

  const deleted = await step(sessions, sessions.deleteSession, sessionsPb.DeleteSessionRequest.fromPartial(this_));
  assert.equal(deleted.sequence, 1n);
  // The watch ends with it, and not with an error.
  while (!(await watch.next()).done);
  const gone = await refused(
    step(sessions, sessions.getSession, sessionsPb.GetSessionRequest.fromPartial(this_)),
  );
  assert.equal(gone.reason, "SESSION_NOT_FOUND");
});

for (const [name, walk] of Object.entries(walks)) test(name, () => walk(api));

test("a comparison, which finds what WhatsApp did not tell", async () => {
  const session = await api.newSession();
  const { groups, simulator } = api;
  const ann = phoneNumber();
  const groupId = (await session.createGroup("Before", ann)).group!.id;
  const { faultId } = await step(
    simulator,
    simulator.injectFault,
    simulatorPb.InjectFaultRequest.fromPartial({
      session: session.name,
      uses: -1,
      fault: { $case: "loseNotifications", value: {} },
    }),
  );
  await act(api, ann, { $case: "changeSubject", value: { subject: "Unheard" } }, groupId);
  const compared = await step(
    groups,
    groups.refreshGroups,
    pb.RefreshGroupsRequest.fromPartial({ session: session.name }),
  );
  assert.deepEqual([compared.groupCount, compared.eventCount], [1, 1]);
  assert.equal((await session.listGroups())[0]?.subject, "Unheard");
  assert.equal((await session.events()).at(-1)?.origin, pb.Origin.ORIGIN_RECONCILED);
  const cleared = await step(
    simulator,
    simulator.clearFaults,
    simulatorPb.ClearFaultsRequest.fromPartial({ faultIds: [faultId] }),
  );
  assert.equal(cleared.clearedCount, 1);
});

test("the simulator", async () => {
  const session = await api.newSession();
  const { simulator } = api;
  const ann = phoneNumber();
  const { account: put } = await step(
    simulator,
    simulator.putAccount,
    simulatorPb.PutAccountRequest.fromPartial({ account: { phoneNumberId: ann, pushName: "Ann" } }),
  );
  const { account: got } = await step(
    simulator,
    simulator.getAccount,
    simulatorPb.GetAccountRequest.fromPartial({ id: put!.lid }),
  );
  assert.equal(got?.pushName, "Ann");
  assert.deepEqual(got, put);

  const groupId = (await session.createGroup("Others act", ann)).group!.id;
  await act(api, ann, { $case: "changeSubject", value: { subject: "Ann's" } }, groupId);
  await eventually("the session hears of it", async () => (await session.events()).length === 2);
  // Told by WhatsApp once more, it is still one event.
  const replayed = await step(
    simulator,
    simulator.replayNotifications,
    simulatorPb.ReplayNotificationsRequest.fromPartial({ session: session.name }),
  );
  assert.equal(replayed.replayedCount, 1);
  assert.equal((await session.events()).length, 2);

  const viewerId = (await session.get()).account!.id;
  const world = await step(
    simulator,
    simulator.getWorldGroup,
    simulatorPb.GetWorldGroupRequest.fromPartial({ groupId, viewerId }),
  );
  assert.deepEqual([world.group], await session.listGroups());
  const listed = await step(
    simulator,
    simulator.listWorldGroups,
    simulatorPb.ListWorldGroupsRequest.fromPartial({ memberId: ann }),
  );
  assert.deepEqual(listed.groups.map(({ id }) => id), [groupId]);

  const { calls } = await step(
    simulator,
    simulator.listCalls,
    simulatorPb.ListCallsRequest.fromPartial({ session: session.name, operation: "CreateGroup" }),
  );
  assert.deepEqual(calls.map((made) => [made.groupId, made.applied]), [[groupId, true]]);
  const statistics = await step(
    simulator,
    simulator.getStatistics,
    simulatorPb.GetStatisticsRequest.fromPartial({ session: session.name }),
  );
  const creations = statistics.operations.find(({ operation }) => operation === "CreateGroup");
  assert.equal(creations?.appliedCount, 1n);
  assert.deepEqual(statistics.repeatedRequestIds, []);
});

test("webhooks of our own", () => webhooks(api));

// The last test of this file: it looks at what the others called.
test("nothing of the contract was left out", () => {
  const services = [
    pb.GroupsServiceService,
    sessionsPb.SessionsServiceService,
    simulatorPb.SimulatorServiceService,
    WebhooksServiceService,
  ];
  const inContract = services.flatMap((definition) => Object.values(definition).map(({ path }) => path));
  assert.deepEqual([...called].sort(), inContract.sort());
});
