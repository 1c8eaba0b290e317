/** The program under test as a process, and its sessions as the tests use them. */

import { type ChildProcess, spawn } from "node:child_process";
import { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type Client, InterceptingCall, type Interceptor, Metadata, type ServiceError } from "@grpc/grpc-js";

import {
  CreateGroupRequest,
  type CreateGroupResponse,
  type Group,
  type GroupEvent,
  EventOrder,
  GroupView,
  ListGroupEventsRequest,
  ListGroupsRequest,
  type Participant,
} from "./gen/wagroups/v1/groups.js";
import { CreateSessionRequest, GetSessionRequest, type Session, SessionStatus } from "./gen/wagroups/v1/sessions.js";
import { SimulatorServiceClient } from "./gen/wagroups/v1/simulator.js";
import { WebhooksServiceClient } from "./gen/wagroups/v1/webhooks.js";
import { call, connect, explain, type Failure, isServiceError, type Unary } from "./wagroups-client.js";

/** How long a test waits for something that must happen, in seconds. */
export const PATIENCE = 30;

/** Tries until the attempt answers something true, and answers that. For what no stream tells of. */
export async function eventually<T>(what: string, attempt: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + PATIENCE * 1000;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 200)) {
    const outcome = await attempt();
    if (outcome) return outcome;
    if (performance.now() > deadline) throw new Error(`not within ${PATIENCE} s: ${what}`);
    await sleep(pause);
  }
}

/** Why a call failed that must fail. */
export async function refused(answer: Promise<unknown>): Promise<Failure> {
  let unexpected: unknown;
  try {
    unexpected = await answer;
  } catch (error) {
    return explain(serviceError(error));
  }
  const text = JSON.stringify(unexpected, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  throw new Error(`the call succeeded with ${text}`);
}

/** Throws on what is not an error of a call. */
export function serviceError(error: unknown): ServiceError {
  if (isServiceError(error)) return error;
  throw error;
}

let numbers = 0;

/**
 * A number that no test has used. The simulator gives the endings 0401, 0403, 0404 and 0408 a meaning; all
 * others belong to people who may be added by everyone.
 */
export function phoneNumber(ending = "5"): string {
  numbers += 1;
  return `49161${String(numbers).padStart(6, "0")}${ending}`;
}

/** The phone number of a participant, as bare digits. */
export function phoneOf(person: Participant): string {
  return (person.phoneNumberId || person.id).replace(/@.*/, "");
}

export function byId(people: Participant[]): Participant[] {
  return people.toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    // Below the ports that systems give to outgoing connections: it must still be free after a restart.
    const port = randomInt(20_000, 32_000);
    const probe = createServer();
    try {
      await once(probe.listen(port, "127.0.0.1"), "listening");
      return port;
    } catch {
      continue;
    } finally {
      probe.close();
    }
  }
  throw new Error("no free port");
}

/** The program on one database, through as many lives as the test wants. */
export class Service {
  private process: ChildProcess | undefined;
  private readonly log: string;

  private constructor(
    readonly directory: string,
    readonly address: string,
    private readonly opsAddress: string,
    private readonly settings: Record<string, string>,
  ) {
    this.log = join(directory, "log");
  }

  /** Starts one on a database of its own. `settings` are environment variables without WAGROUPS_. */
  static async start(settings: Record<string, string> = {}): Promise<Service> {
    const directory = mkdtempSync(join(tmpdir(), "wagroups-typescript-"));
    const addresses = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`] as const;
    const service = new Service(directory, ...addresses, settings);
    await service.start();
    return service;
  }

  /** Starts the program, and waits until it says that it serves. */
  async start(): Promise<void> {
    const environment = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("WAGROUPS_")),
    );
    const settings = {
      DATABASE__URL: `sqlite://${this.directory}/wagroups.db?mode=rwc`,
      GRPC__LISTEN: this.address,
      OPS__LISTEN: this.opsAddress,
      ...this.settings,
    };
    for (const [name, value] of Object.entries(settings)) environment[`WAGROUPS_${name}`] = value;
    const log = openSync(this.log, "a");
    const child = spawn(process.env["WAGROUPS_BIN"] ?? "wagroups", ["serve"], {
      cwd: this.directory,
      env: environment,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.process = child;
    await once(child, "spawn");
    await eventually("the service serves", async () => {
      if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}\n${this.logged()}`);
      return fetch(`http://${this.opsAddress}/readyz`).then((answer) => answer.ok, () => false);
    });
  }

  /** SIGKILL: no chance to finish anything. SIGTERM: asks it to stop. Answers its exit code. */
  async end(how: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.process;
    if (!child) return null;
    this.process = undefined;
    const ended = once(child, "exit");
    child.kill(how);
    const [code] = (await ended) as [number | null];
    return code;
  }

  /** Ends it, and removes what it left. */
  async remove(): Promise<void> {
    await this.end("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The end of what it logged. */
  logged(): string {
    return readFileSync(this.log, "utf8").slice(-10_000);
  }
}

/** All stubs on one channel. Tests see every refusal, so nothing is retried by the channel. */
export class Api {
  private readonly wagroups;
  readonly groups;
  readonly sessions;
  readonly simulator;
  readonly webhooks;

  constructor({ address }: { address: string }, { apiKey, interceptors = [] }: { apiKey?: string; interceptors?: Interceptor[] } = {}) {
    const options = {
      "grpc.enable_retries": 0,
      "grpc.initial_reconnect_backoff_ms": 50,
      "grpc.max_reconnect_backoff_ms": 200,
    };
    this.wagroups = connect(address, { options, interceptors, ...(apiKey === undefined ? {} : { apiKey }) });
    this.groups = this.wagroups.groups;
    this.sessions = this.wagroups.sessions;
    const channelOverride = this.wagroups.channel;
    this.simulator = new SimulatorServiceClient(address, this.wagroups.credentials, { channelOverride, interceptors });
    this.webhooks = new WebhooksServiceClient(address, this.wagroups.credentials, { channelOverride, interceptors });
  }

  close(): void {
    this.wagroups.close();
  }

  /** Makes a session on the simulator, and waits until it works. */
  async newSession(name = `test-${randomUUID().slice(0, 8)}`): Promise<Account> {
    await make(this.sessions, this.sessions.createSession, CreateSessionRequest.fromPartial({ session: name }));
    const account = new Account(this, name);
    await account.working();
    return account;
  }
}

/** Notes the paths of the methods that are called. */
export function recording(paths: Set<string>): Interceptor {
  return (options, nextCall) => {
    paths.add(options.method_definition.path);
    return new InterceptingCall(nextCall(options));
  };
}

/** A call that waits for a service that comes back, but not for ever. */
export function make<Request, Response>(
  client: Client,
  method: Unary<Request, Response>,
  request: Request,
): Promise<Response> {
  return call(client, method, request, PATIENCE, new Metadata({ waitForReady: true }));
}

/** One WhatsApp account, with short forms of what most tests call. */
export class Account {
  constructor(
    readonly api: Api,
    readonly name: string,
  ) {}

  async get(): Promise<Session> {
    const { sessions } = this.api;
    const request = GetSessionRequest.fromPartial({ session: this.name });
    return (await make(sessions, sessions.getSession, request)).session!;
  }

  async working(): Promise<void> {
    const works = async () => (await this.get()).status === SessionStatus.SESSION_STATUS_WORKING;
    await eventually(`session ${this.name} works`, works);
  }

  /** All names of the account in groups. */
  async ownIds(): Promise<Set<string>> {
    const { account } = await this.get();
    return new Set([account!.id, account!.lid, account!.phoneNumberId].filter(Boolean));
  }

  createGroup(subject: string, ...participantIds: string[]): Promise<CreateGroupResponse> {
    const { groups } = this.api;
    const request = CreateGroupRequest.fromPartial({ session: this.name, subject, participantIds });
    return make(groups, groups.createGroup, request);
  }

  /** All groups with their members, through all pages. */
  async listGroups(): Promise<Group[]> {
    const { groups } = this.api;
    const request = ListGroupsRequest.fromPartial({ session: this.name, view: GroupView.GROUP_VIEW_FULL });
    const found: Group[] = [];
    do {
      const page = await make(groups, groups.listGroups, request);
      found.push(...page.groups);
      request.pageToken = page.nextPageToken;
    } while (request.pageToken);
    return found;
  }

  /** The log, oldest first, through all pages. */
  async events(): Promise<GroupEvent[]> {
    const { groups } = this.api;
    const order = EventOrder.EVENT_ORDER_OLDEST_FIRST;
    const request = ListGroupEventsRequest.fromPartial({ session: this.name, order });
    const found: GroupEvent[] = [];
    do {
      const page = await make(groups, groups.listGroupEvents, request);
      found.push(...page.events);
      request.pageToken = page.nextPageToken;
    } while (request.pageToken);
    return found;
  }
}
