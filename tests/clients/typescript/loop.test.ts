/** How the loop of wagroups-resume.ts takes ends of the stream that the real service shows rarely. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  type handleServerStreamingCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";

import { ErrorInfo } from "./gen/google/rpc/error_details.js";
import { Status } from "./gen/google/rpc/status.js";
import {
  GroupsServiceService,
  type WatchGroupEventsRequest,
  WatchGroupEventsResponse,
} from "./gen/wagroups/v1/groups.js";
import { PATIENCE, serviceError } from "./harness.js";
import { connect, explain } from "./wagroups-client.js";
import { Mirror } from "./wagroups-mirror.js";
import { follow, type FollowOptions } from "./wagroups-resume.js";

type Watch = ServerWritableStream<WatchGroupEventsRequest, WatchGroupEventsResponse>;

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wagroups-typescript-"));
  path = join(directory, "mirror.json");
});

afterEach(() => rmSync(directory, { recursive: true }));

function refuse(watch: Watch, code: status, reason: string): void {
  const info = ErrorInfo.encode(ErrorInfo.fromPartial({ reason, domain: "wagroups.v1" })).finish();
  const details = [{ typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: Buffer.from(info) }];
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(Status.encode({ code, message: reason, details }).finish()));
  watch.emit("error", { code, details: reason, metadata });
}

const LISTED = "after the list";
const initial = (...names: string[]) => ({
  initialGroups: names.map((name) => ({ session: "s", group: { id: `${name}@g.us` }, asOfSequence: 1 })),
});
const END = { initialStateEnd: {}, resumeToken: Buffer.from(LISTED) };

function send(watch: Watch, ...responses: Parameters<typeof WatchGroupEventsResponse.fromPartial>[0][]): void {
  for (const response of responses) watch.write(WatchGroupEventsResponse.fromPartial(response));
}

/**
 * Runs the loop against a server that answers the first watch as the first step says, and so on, until the
 * last step's token has been committed.
 */
async function play(
  steps: ((watch: Watch) => void)[],
  until = "",
  options: FollowOptions = {},
  kind: typeof Mirror = Mirror,
): Promise<{ requests: WatchGroupEventsRequest[]; store: Mirror }> {
  const requests: WatchGroupEventsRequest[] = [];
  const stop = new AbortController();
  class Stopping extends kind {
    override commit(token: Uint8Array): void {
      super.commit(token);
      if (Buffer.from(token).toString() === until && requests.length === steps.length) stop.abort();
    }
  }
  const server = new Server();
  const watchGroupEvents: handleServerStreamingCall<WatchGroupEventsRequest, WatchGroupEventsResponse> = (watch) => {
    requests.push(watch.request);
    const step = steps[requests.length - 1];
    if (step) step(watch);
    else refuse(watch, status.UNIMPLEMENTED, "the script has no more steps");
  };
  server.addService(GroupsServiceService, { watchGroupEvents } as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
  const wagroups = connect(`127.0.0.1:${port}`);
  const store = new Stopping(path);
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    stop.abort();
  }, PATIENCE * 1000);
  try {
    await follow(wagroups.groups, store, { longestDelay: 0.5, signal: stop.signal, ...options });
    assert.ok(!isLate, "the script was not played to its end");
  } finally {
    clearTimeout(late);
    wagroups.close();
    server.forceShutdown();
  }
  return { requests, store };
}

function ids(store: Mirror): string[] {
  return store.groups("s").map(({ id }) => id).sort();
}

test("an initial state that is cut begins anew", async () => {
  const { requests, store } = await play(
    [
      (watch) => {
        send(watch, initial("gone", "kept"));
        refuse(watch, status.UNAVAILABLE, "DRAINING");
      },
      (watch) => send(watch, initial("kept"), initial("new"), END),
    ],
    LISTED,
  );
  assert.deepEqual(requests.map(({ sendInitialState }) => sendInitialState), [true, true]);
  assert.deepEqual(ids(store), ["kept@g.us", "new@g.us"]);
  assert.equal(Buffer.from(store.token()!).toString(), LISTED);
});

for (const [code, reason] of [
  [status.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED"],
  [status.FAILED_PRECONDITION, "LOG_MISMATCH"],
  [status.FAILED_PRECONDITION, "LOG_DIVERGED"],
  [status.INVALID_ARGUMENT, "INVALID_RESUME_TOKEN"],
] as const) {
  test(`a token that leads nowhere is given up: ${reason}`, async () => {
    const { requests, store } = await play(
      [
        (watch) => {
          send(watch, initial("old"), END);
          refuse(watch, status.UNAVAILABLE, "DRAINING");
        },
        (watch) => refuse(watch, code, reason),
        (watch) => send(watch, initial("new"), END),
      ],
      LISTED,
    );
    assert.deepEqual(requests.map(({ sendInitialState }) => sendInitialState), [true, false, true]);
    assert.deepEqual(requests[1]?.start, { $case: "resumeToken", value: Buffer.from(LISTED) });
    assert.deepEqual(ids(store), ["new@g.us"]);
  });
}

test("an initial state that is cut leaves what was there before", async () => {
  let store: Mirror | undefined;
  class Kept extends Mirror {
    constructor(path: string) {
      super(path);
      store = this;
    }
  }
  const script = [
    (watch: Watch) => {
      send(watch, initial("old"), END);
      refuse(watch, status.UNAVAILABLE, "DRAINING");
    },
    (watch: Watch) => refuse(watch, status.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED"),
    (watch: Watch) => {
      send(watch, initial("half"));
      refuse(watch, status.UNAUTHENTICATED, "UNAUTHENTICATED");
    },
  ];
  await assert.rejects(play(script, LISTED, {}, Kept));
  assert.deepEqual(ids(store!), ["old@g.us"]);
  assert.equal(store!.token(), undefined);
});

test("tokens advance with every kind of response", async () => {
  const joined = { $case: "joined", value: { group: { id: "new@g.us" } } } as const;
  const event = { session: "s", sequence: 2, groupId: "new@g.us", body: joined };
  const { requests, store } = await play(
    [
      (watch) => {
        const token = (text: string) => ({ resumeToken: Buffer.from(text) });
        send(watch, END, { events: [event], ...token("event") }, { progress: {}, ...token("progress") });
        refuse(watch, status.UNAVAILABLE, "CONNECTION_AGED");
      },
      (watch) => send(watch, { resumeToken: Buffer.from("last") }),
    ],
    "last",
  );
  assert.deepEqual(requests[1]?.start, { $case: "resumeToken", value: Buffer.from("progress") });
  assert.deepEqual(ids(store), ["new@g.us"]);
});

for (const [code, reason] of [
  [status.UNAUTHENTICATED, "UNAUTHENTICATED"],
  [status.PERMISSION_DENIED, "PERMISSION_DENIED"],
  [status.NOT_FOUND, "SESSION_NOT_FOUND"],
  [status.INVALID_ARGUMENT, "INVALID_REQUEST"],
] as const) {
  test(`what no other try can mend is thrown: ${reason}`, async () => {
    await assert.rejects(play([(watch) => refuse(watch, code, reason)]), (error) => {
      assert.equal(explain(serviceError(error)).reason, reason);
      return true;
    });
  });
}

test("a slow store is no silence", async () => {
  let taken = (): void => undefined;
  class Slow extends Mirror {
    override async apply(response: WatchGroupEventsResponse): Promise<void> {
      super.apply(response);
      if (!response.initialStateEnd) return;
      // Longer than two intervals.
      await sleep(600);
      taken();
    }
  }
  const slowly = (watch: Watch) => {
    taken = () => send(watch, { resumeToken: Buffer.from("last") });
    send(watch, END);
  };
  const { requests } = await play([slowly], "last", { progress: 0.2 }, Slow);
  assert.equal(requests.length, 1);
});

test("a service that falls silent is left", async () => {
  const { requests } = await play([(watch) => send(watch, END), (watch) => send(watch, END)], LISTED, {
    progress: 0.1,
  });
  assert.equal(requests.length, 2);
  assert.equal(requests[0]?.progressInterval?.nanos, 100_000_000);
});
