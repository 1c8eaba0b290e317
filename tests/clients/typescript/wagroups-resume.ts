/**
 * Follows the events of wagroups and misses none: the loop around WatchGroupEvents.
 *
 * Copy this file and wagroups-client.ts into your project, and give `follow` a store of your own;
 * wagroups-mirror.ts is one in a file. It sees each event exactly once, however often this process, the
 * connection or the service dies, because the store commits the token together with the effects.
 */

import { setTimeout as sleep } from "node:timers/promises";

import { type ClientReadableStream, status } from "@grpc/grpc-js";

import {
  type GroupsServiceClient,
  WatchGroupEventsRequest,
  type WatchGroupEventsResponse,
} from "./gen/wagroups/v1/groups.js";
import { explain, isServiceError } from "./wagroups-client.js";

/** The token leads nowhere any more: begin anew with all groups as they are now. */
const RELIST = new Set([
  "RESUME_TOKEN_EXPIRED", // What follows it is no longer kept: the events in between are lost.
  "LOG_MISMATCH", // It is of another log: another deployment answers at this address.
  "LOG_DIVERGED", // The service was restored from a backup that lacks what we have seen.
  "INVALID_RESUME_TOKEN", // It is no token at all: the store is damaged.
]);
/** The service sends us to its other replicas: no need to wait. */
const AT_ONCE = new Set(["DRAINING", "CONNECTION_AGED"]);
/** What another try may mend. All else is ours to correct, such as a wrong key or session, and is thrown. */
const PASSING = new Set([
  status.UNAVAILABLE,
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.INTERNAL,
  status.UNKNOWN,
]);

/** Where the effects of events go. It has one transaction open at a time; `clear` and `apply` work in it. */
export interface Store {
  /** The last token committed; undefined where there is none, and after `forget`. */
  token(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Drops all groups: the initial state that follows replaces them. */
  clear(): void | Promise<void>;
  /** Takes in `response.initialGroups` and `response.events`. */
  apply(response: WatchGroupEventsResponse): void | Promise<void>;
  /** Makes all since the last commit durable, and the token with it. */
  commit(token: Uint8Array): void | Promise<void>;
  /** Undoes all since the last commit. */
  rollback(): void | Promise<void>;
  /** Durably drops the token, but keeps the groups until `clear`. */
  forget(): void | Promise<void>;
}

export interface FollowOptions {
  /** Only these sessions; none: all that the key may see. Call `store.forget()` when you change them. */
  sessions?: string[];
  /** Ends the loop. */
  signal?: AbortSignal;
  /** The service is never silent for longer, in seconds; twice as long means that the connection is dead. */
  progress?: number;
  /** The longest pause before another try, in seconds. */
  longestDelay?: number;
}

/** Feeds the store until the signal. Throws what no other try can mend, and what the store throws. */
export async function follow(groups: GroupsServiceClient, store: Store, options: FollowOptions = {}): Promise<void> {
  const { sessions = [], signal, progress = 10, longestDelay = 30 } = options;
  for (let failures = 0; !signal?.aborted; failures++) {
    const request = WatchGroupEventsRequest.fromPartial({
      sessions,
      progressInterval: { seconds: Math.floor(progress), nanos: Math.round((progress % 1) * 1e9) },
    });
    let watch: ClientReadableStream<WatchGroupEventsResponse> | undefined;
    let silence: NodeJS.Timeout | undefined;
    let askedToWait = 0;
    const cancel = () => watch?.cancel();
    const listen = () => void (silence = setTimeout(cancel, 2.2 * progress * 1000));
    try {
      const token = await store.token();
      if (token === undefined) {
        request.sendInitialState = true;
        await store.clear();
      } else {
        request.start = { $case: "resumeToken", value: Buffer.from(token) };
      }
      watch = groups.watchGroupEvents(request);
      // The loop below takes the error of a stream that it reads; a cancelled one may have one more.
      watch.on("error", () => undefined);
      signal?.addEventListener("abort", cancel, { once: true });
      if (signal?.aborted) cancel();
      listen();
      for await (const response of watch as AsyncIterable<WatchGroupEventsResponse>) {
        // Only the service's silence counts, not the time that the store takes.
        clearTimeout(silence);
        await store.apply(response);
        // Before the end of an initial state there is no token: all of it, or none.
        if (response.resumeToken.length > 0) {
          await store.commit(response.resumeToken);
          failures = 0;
        }
        listen();
      }
    } catch (error) {
      if (!isServiceError(error)) throw error;
      const { code, reason, retryDelay = 0 } = explain(error);
      askedToWait = retryDelay;
      if (RELIST.has(reason)) {
        await store.rollback();
        await store.forget();
      } else if (!PASSING.has(code)) {
        throw error;
      } else if (AT_ONCE.has(reason) && failures === 0) {
        continue;
      }
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener("abort", cancel);
      watch?.cancel();
      await store.rollback();
    }
    // With jitter, so that thousands of clients do not come back at the same instant.
    const delay = Math.random() * Math.min(longestDelay, 0.2 * 2 ** Math.min(failures, 10));
    await sleep((askedToWait + delay) * 1000, undefined, signal && { signal }).catch(() => undefined);
  }
}
