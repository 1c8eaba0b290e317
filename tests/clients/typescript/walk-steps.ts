/** Short forms that the walk is written in. */

import assert from "node:assert/strict";

import type { Client, ClientReadableStream } from "@grpc/grpc-js";

import { ActRequest, type ActResponse, type DeepPartial } from "./gen/wagroups/v1/simulator.js";
import { type Api, PATIENCE } from "./harness.js";
import { call, type Unary } from "./wagroups-client.js";

/** A call that must succeed at once. */
export function step<Request, Response>(client: Client, method: Unary<Request, Response>, request: Request) {
  return call(client, method, request, PATIENCE);
}

/** The next response; that there is none is a failure. */
export async function next<Response>(watch: AsyncIterator<Response>): Promise<Response> {
  const { done, value } = await watch.next();
  assert.ok(!done, "the stream ended");
  return value as Response;
}

/** Reads on until a response is what the test waits for. */
export async function until<Response>(
  watch: AsyncIterator<Response>,
  wanted: (response: Response) => unknown,
): Promise<Response> {
  for (;;) {
    const response = await next(watch);
    if (wanted(response)) return response;
  }
}

/** The responses of a stream, one by one. */
export function responses<Response>(watch: ClientReadableStream<Response>): AsyncIterator<Response> {
  return (watch as AsyncIterable<Response>)[Symbol.asyncIterator]();
}

/** Of a stream, so that a test which waits in vain fails instead of hanging. */
export const deadline = () => ({ deadline: Date.now() + PATIENCE * 1000 });

/** Has someone else do something. */
export function act(
  { simulator }: Api,
  actor: string,
  action: DeepPartial<ActRequest>["action"],
  groupId = "",
): Promise<ActResponse> {
  return step(simulator, simulator.act, ActRequest.fromPartial({ actor, groupId, action }));
}
