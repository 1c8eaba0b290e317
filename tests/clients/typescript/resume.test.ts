/** The promise that matters most: whoever dies, a follower sees each event exactly once, in order. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { status } from "@grpc/grpc-js";

import {
  AddParticipantsRequest,
  CreateGroupRequest,
  DemoteParticipantsRequest,
  type Group,
  type GroupEvent,
  LeaveGroupRequest,
  PromoteParticipantsRequest,
  RemoveParticipantsRequest,
  SetGroupDescriptionRequest,
  SetGroupSubjectRequest,
  type WatchGroupEventsResponse,
} from "./gen/wagroups/v1/groups.js";
import { ListWorldGroupsRequest } from "./gen/wagroups/v1/simulator.js";
import { type Account, Api, byId, eventually, make, PATIENCE, phoneNumber, Service, serviceError } from "./harness.js";
import { call, explain, type Unary } from "./wagroups-client.js";
import { Mirror } from "./wagroups-mirror.js";
import { follow } from "./wagroups-resume.js";

let service: Service;
let api: Api;

before(async () => {
  service = await Service.start();
  api = new Api(service);
});

after(async () => {
  api.close();
  await service.remove();
});

/** A mirror that notes which events were committed, and may die before a commit. */
class Recording extends Mirror {
  dieBefore: number | undefined;
  private pending: GroupEvent[] = [];

  constructor(
    path: string,
    ownIds: Record<string, Set<string>>,
    readonly committed: GroupEvent[],
  ) {
    super(path, ownIds);
  }

  override apply(response: WatchGroupEventsResponse): void {
    super.apply(response);
    this.pending.push(...response.events);
  }

  override commit(token: Uint8Array): void {
    if (this.pending.some((event) => Number(event.sequence) === this.dieBefore)) throw new Error("killed");
    super.commit(token);
    this.committed.push(...this.pending.splice(0));
  }

  override rollback(): void {
    super.rollback();
    this.pending = [];
  }
}

/** Follows one session through several lives, each of which begins with what the file holds. */
class Follower {
  readonly events: GroupEvent[] = [];
  store: Recording;
  private readonly ownIds: Record<string, Set<string>>;
  private stop = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private failure: unknown;

  constructor(
    private readonly session: Account,
    private readonly path: string,
    ownIds: Set<string>,
  ) {
    this.ownIds = { [session.name]: ownIds };
    this.store = this.start();
  }

  start(): Recording {
    this.stop = new AbortController();
    this.failure = undefined;
    this.store = new Recording(this.path, this.ownIds, this.events);
    const options = { sessions: [this.session.name], signal: this.stop.signal, longestDelay: 0.5 };
    this.running = follow(api.groups, this.store, options).catch((error: unknown) => void (this.failure = error));
    return this.store;
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  async wait(what: string, attempt: () => boolean): Promise<void> {
    await eventually(what, () => {
      if (this.failure) throw this.failure;
      return attempt();
    });
  }

  async failed(): Promise<unknown> {
    await this.running;
    return this.failure;
  }

  last(): number {
    return Number(this.events.at(-1)?.sequence ?? 0n);
  }
}

/**
 * Changes groups of a session until told to stop, through whatever happens to the service. Each mutation has
 * a requestId, with which it is repeated until it has an answer.
 */
class Traffic {
  /** What was acknowledged: requestId and sequence. */
  readonly acknowledged = new Map<string, bigint>();
  private readonly groups: string[] = [];
  private readonly people = Array.from({ length: 12 }, () => phoneNumber());
  private turn = 0;
  private stopped = false;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly session: Account) {}

  start(): void {
    this.running = this.run();
    // Looked at in `stop`.
    this.running.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) await this.once(this.turn++);
  }

  private async once(turn: number): Promise<void> {
    const { groups } = this.session.api;
    const session = this.session.name;
    if (this.groups.length < 2) {
      const participantIds = this.people.slice(0, 4);
      const request = CreateGroupRequest.fromPartial({ session, subject: `Group ${turn}`, participantIds });
      const created = await this.change(groups.createGroup, request);
      if (created?.group) this.groups.push(created.group.id);
      return;
    }
    const groupId = this.groups[turn % this.groups.length]!;
    const this_ = { session, groupId };
    const someone = { ...this_, participantIds: [0, 1].map((n) => this.people[(turn * 5 + n) % this.people.length]!) };
    const kind = turn % 25;
    if (kind === 24) {
      await this.change(groups.leaveGroup, LeaveGroupRequest.fromPartial(this_));
      this.groups.splice(this.groups.indexOf(groupId), 1);
    } else if (kind % 6 === 0) {
      await this.change(groups.addParticipants, AddParticipantsRequest.fromPartial(someone));
    } else if (kind % 6 === 1) {
      await this.change(groups.promoteParticipants, PromoteParticipantsRequest.fromPartial(someone));
    } else if (kind % 6 === 2) {
      await this.change(groups.demoteParticipants, DemoteParticipantsRequest.fromPartial(someone));
    } else if (kind % 6 === 3) {
      await this.change(groups.removeParticipants, RemoveParticipantsRequest.fromPartial(someone));
    } else if (kind % 6 === 4) {
      const description = `Description ${turn}`;
      await this.change(groups.setGroupDescription, SetGroupDescriptionRequest.fromPartial({ ...this_, description }));
    } else {
      const subject = `Subject ${turn}`;
      await this.change(groups.setGroupSubject, SetGroupSubjectRequest.fromPartial({ ...this_, subject }));
    }
  }

  /** The answer; undefined where it is unknown what came of it. */
  private async change<Request extends { requestId: string }, Response extends { changed: boolean; sequence: bigint }>(
    method: Unary<Request, Response>,
    request: Request,
  ): Promise<Response | undefined> {
    request.requestId = randomUUID();
    const deadline = performance.now() + 2 * PATIENCE * 1000;
    for (;;) {
      try {
        const answer = await call(this.session.api.groups, method, request, PATIENCE);
        if (answer.changed) this.acknowledged.set(request.requestId, answer.sequence);
        return answer;
      } catch (error) {
        const { code, reason, retryDelay } = explain(serviceError(error));
        if (reason === "OUTCOME_UNKNOWN") return undefined;
        if (code !== status.UNAVAILABLE || performance.now() > deadline) throw error;
        await sleep((retryDelay ?? 0.02) * 1000);
      }
    }
  }
}

/** The mirror does not keep the members in any order. */
function inOrder(groups: Group[]): Group[] {
  return groups
    .map((group) => ({ ...group, participants: byId(group.participants) }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

/** Whether the service's state of the session is what WhatsApp holds. */
async function agreesWithWorld(session: Account): Promise<boolean> {
  const { simulator } = session.api;
  const memberId = (await session.get()).account!.id;
  const request = ListWorldGroupsRequest.fromPartial({ memberId, pageSize: 1_000 });
  const world = await make(simulator, simulator.listWorldGroups, request);
  const truths = (groups: Group[]) => inOrder(groups).map((group) => [group.id, group.subject, group.participants]);
  try {
    assert.deepEqual(truths(await session.listGroups()), truths(world.groups));
    return true;
  } catch {
    return false;
  }
}

test("SIGKILL three times in the middle of traffic", async (t) => {
  const session = await api.newSession();
  const path = join(service.directory, "mirror.json");
  const follower = new Follower(session, path, await session.ownIds());
  const traffic = new Traffic(session);
  t.after(() => Promise.allSettled([traffic.stop(), follower.end()]));
  // The initial state is empty, so the follower will see every event from the first on.
  await follower.wait("the mirror has a token", () => follower.store.token() !== undefined);
  traffic.start();
  for (let life = 0; life < 4; life++) {
    const goal = follower.last() + 25;
    await follower.wait(`the mirror has event ${goal}`, () => follower.last() >= goal);
    if (life === 3) break;
    await service.end("SIGKILL");
    if (life === 1) {
      // The client goes down too, and comes back with what its file holds.
      await follower.end();
      follower.start();
    }
    await service.start();
  }
  await traffic.stop();
  await session.working();
  // What a kill left open is found by comparing with WhatsApp, and becomes events.
  await eventually("the log is complete", () => agreesWithWorld(session));
  const log = await session.events();
  await follower.wait("the mirror has the last event", () => follower.last() >= log.length);
  await follower.end();

  assert.ok(log.length >= 100);
  assert.deepEqual(follower.events.map((event) => Number(event.sequence)), log.map((_, index) => index + 1));
  assert.deepEqual(follower.events, log);
  const groups = inOrder(await session.listGroups());
  assert.deepEqual(inOrder(follower.store.groups(session.name)), groups);
  // So does one that knows only the file.
  assert.deepEqual(inOrder(new Mirror(path).groups(session.name)), groups);

  // Every acknowledged change is in the log, and no requestId acted twice.
  const requested = log.filter((event) => event.requestId);
  const sequences = new Map(requested.map((event) => [event.requestId, event.sequence]));
  assert.equal(sequences.size, requested.length);
  for (const [requestId, sequence] of traffic.acknowledged) assert.equal(sequences.get(requestId), sequence);
});

test("a follower that dies between effects and token", async (t) => {
  const session = await api.newSession();
  const follower = new Follower(session, join(service.directory, "dying.json"), await session.ownIds());
  t.after(() => follower.end());
  follower.store.dieBefore = 3;
  await follower.wait("the mirror has a token", () => follower.store.token() !== undefined);
  for (let n = 0; n < 5; n++) await session.createGroup(`Group ${n}`);
  assert.match(String(await follower.failed()), /killed/);
  assert.equal(follower.last(), 2);

  follower.start();
  await follower.wait("the mirror has event 5", () => follower.last() >= 5);
  await follower.end();
  assert.deepEqual(follower.events, await session.events());
  assert.deepEqual(inOrder(follower.store.groups(session.name)), inOrder(await session.listGroups()));
});
