/**
 * Reaching wagroups from TypeScript: the channel, its retries, the API key, and why a call failed.
 *
 * Copy this file into your project. Besides the stubs it needs @grpc/grpc-js.
 */

import {
  type CallOptions,
  Channel,
  ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientUnaryCall,
  InterceptingCall,
  type Interceptor,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";

import { BadRequest, ErrorInfo, PreconditionFailure, RetryInfo } from "./gen/google/rpc/error_details.js";
import { Status } from "./gen/google/rpc/status.js";
import { GroupsServiceClient } from "./gen/wagroups/v1/groups.js";
import { SessionsServiceClient } from "./gen/wagroups/v1/sessions.js";

// UNAVAILABLE is the one code that a stub may repeat by itself: with it the service says that nothing was
// sent to WhatsApp. But a connection that breaks during a call looks the same to the stub, so give every
// mutation a `requestId`: then a repeat can never act twice. A watch has its own loop, wagroups-resume.ts.
const SERVICE_CONFIG = {
  methodConfig: [
    {
      name: [{ service: "wagroups.v1.GroupsService" }, { service: "wagroups.v1.SessionsService" }],
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: "0.2s",
        maxBackoff: "5s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
    // The more specific name wins: no retries of the stub's own for watches.
    { name: [{ service: "wagroups.v1.GroupsService", method: "WatchGroupEvents" }] },
  ],
};

export interface Wagroups {
  groups: GroupsServiceClient;
  sessions: SessionsServiceClient;
  channel: Channel;
  credentials: ChannelCredentials;
  close(): void;
}

/** Opens a channel, with TLS where there are credentials. One channel serves all calls of a process. */
export function connect(
  address: string,
  { apiKey, credentials = ChannelCredentials.createInsecure(), options = {}, interceptors = [] }: {
    apiKey?: string;
    credentials?: ChannelCredentials;
    options?: ChannelOptions;
    interceptors?: Interceptor[];
  } = {},
): Wagroups {
  const channel = new Channel(address, credentials, {
    // Notices a connection that died without a word.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.service_config": JSON.stringify(SERVICE_CONFIG),
    ...options,
  });
  const shared = {
    channelOverride: channel,
    interceptors: apiKey === undefined ? interceptors : [withApiKey(apiKey), ...interceptors],
  };
  return {
    groups: new GroupsServiceClient(address, credentials, shared),
    sessions: new SessionsServiceClient(address, credentials, shared),
    channel,
    credentials,
    close: () => channel.close(),
  };
}

function withApiKey(key: string): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        metadata.set("authorization", `Bearer ${key}`);
        next(metadata, listener);
      },
    });
}

/** A method of a stub that answers once. */
export type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/**
 * Makes a call with a deadline, as a promise:
 *
 *     await call(groups, groups.getGroup, GetGroupRequest.fromPartial({ session, groupId }), 5)
 */
export function call<Request, Response>(
  client: Client,
  method: Unary<Request, Response>,
  request: Request,
  seconds: number,
  metadata = new Metadata(),
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + seconds * 1000;
    method.call(client, request, metadata, { deadline }, (error, response) => {
      if (error) reject(error);
      else resolve(response);
    });
  });
}

/** Why a call failed. Decide on `reason`; `message` is for people and may change. */
export interface Failure {
  code: status;
  message: string;
  /**
   * A name of errors.proto without REASON_; empty where the error is not the service's own, such as a
   * connection that broke.
   */
  reason: string;
  /** What the reason is about, such as `group_id`. */
  metadata: Record<string, string>;
  /** All fields that break a rule, by their paths, such as `participant_ids[2]`. */
  violations: Record<string, string>;
  /** After how many seconds a repeat makes sense, where the service says so. */
  retryDelay?: number;
  /** What stands in the way, such as a session's status. */
  preconditions: { type: string; subject: string; description: string }[];
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error && error.metadata instanceof Metadata;
}

/** Reads the details that a failed call carries in its trailers. */
export function explain(error: ServiceError): Failure {
  const failure: Failure = {
    code: error.code,
    message: error.details,
    reason: "",
    metadata: {},
    violations: {},
    preconditions: [],
  };
  const [packed] = error.metadata.get("grpc-status-details-bin");
  if (packed === undefined || typeof packed === "string") return failure;
  for (const { typeUrl, value } of Status.decode(packed).details) {
    switch (typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) {
      case "google.rpc.ErrorInfo": {
        const info = ErrorInfo.decode(value);
        if (info.domain === "wagroups.v1") Object.assign(failure, { reason: info.reason, metadata: info.metadata });
        break;
      }
      case "google.rpc.BadRequest":
        for (const { field, description } of BadRequest.decode(value).fieldViolations) {
          failure.violations[field] = description;
        }
        break;
      case "google.rpc.RetryInfo": {
        const { retryDelay } = RetryInfo.decode(value);
        if (retryDelay) failure.retryDelay = Number(retryDelay.seconds) + retryDelay.nanos / 1e9;
        break;
      }
      case "google.rpc.PreconditionFailure":
        failure.preconditions = PreconditionFailure.decode(value).violations;
        break;
    }
  }
  return failure;
}
