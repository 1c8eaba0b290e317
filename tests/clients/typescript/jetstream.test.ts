/** The consumer of docs/JETSTREAM.md, as it stands there, beside a real NATS server. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { type Account, Api, eventually, freePort, phoneNumber, Service } from "./harness.js";

const directory = mkdtempSync(join(tmpdir(), "wagroups-nats-"));
let nats: ChildProcess;
let url: string;
let service: Service;
let api: Api;

before(async () => {
  const port = await freePort();
  url = `nats://127.0.0.1:${port}`;
  const flags = ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", directory];
  nats = spawn(process.env["NATS_SERVER"] ?? "nats-server", flags, { stdio: "ignore" });
  await once(nats, "spawn");
  service = await Service.start({ NATS__URL: url });
  api = new Api(service);
});

after(async () => {
  api.close();
  await service.remove();
  nats.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

/** The documented program as a process; what it prints is noted. */
function consume(printed: string[]): ChildProcess {
  const program = new URL("jetstream-consumer.js", import.meta.url).pathname;
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, NATS_URL: url },
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface(child.stdout!).on("line", (line) => printed.push(line));
  return child;
}

async function logged(account: Account): Promise<string[]> {
  const events = await account.events();
  return events.map(({ session, sequence, id }) => `${session} ${sequence} ${id}`);
}

test("the documented consumer gets every event in order, and resumes", async () => {
  const account = await api.newSession();
  const printed: string[] = [];
  for (const subject of ["One", "Two", "Three"]) await account.createGroup(subject, phoneNumber());
  // Before the relay has made the stream there is nothing to consume.
  let consumer = consume(printed);
  const complete = async () => {
    if (consumer.exitCode !== null) consumer = consume(printed);
    return printed.length >= (await logged(account)).length;
  };
  await eventually("all is consumed", complete);
  const unacknowledged = printed.length;
  assert.ok(unacknowledged > 0);
  consumer.kill("SIGTERM");
  await once(consumer, "exit");
  for (const subject of ["Four", "Five"]) await account.createGroup(subject, phoneNumber());
  consumer = consume(printed);
  await eventually("the rest is consumed", complete);
  consumer.kill("SIGKILL");
  // An acknowledgement may have been on its way when the first one was killed.
  const once_each = [...new Set(printed)];
  assert.deepEqual(once_each, await logged(account));
});
