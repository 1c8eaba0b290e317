/** Every RPC of WebhooksService, with a receiver that believes only what is signed. */

import assert from "node:assert/strict";
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { SetGroupSubjectRequest } from "./gen/wagroups/v1/groups.js";
import * as hooks from "./gen/wagroups/v1/webhooks.js";
import { type Api, eventually, refused } from "./harness.js";
import { step } from "./walk-steps.js";

const KEY = "the key of this receiver";
const { WebhookState } = hooks;

interface Body {
  id: string;
  event: string;
  session: string;
}

/** Takes what is signed with the key, and notes it. */
async function receiver() {
  const taken: Body[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const ours = createHmac("sha512", KEY).update(body).digest();
      const theirs = Buffer.from(String(request.headers["x-webhook-hmac"]), "hex");
      const believed = ours.length === theirs.length && timingSafeEqual(ours, theirs);
      if (believed) taken.push(JSON.parse(body.toString()) as Body);
      response.writeHead(believed ? 200 : 401).end();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}/hook`, taken, close };
}

export async function webhooks(api: Api): Promise<void> {
  const session = await api.newSession();
  const { groups, webhooks } = api;
  const { url, taken, close } = await receiver();
  try {
    const request = hooks.CreateWebhookRequest.fromPartial({
      requestId: randomUUID(),
      url,
      sessions: [session.name],
      hmacKey: KEY,
    });
    const created = (await step(webhooks, webhooks.createWebhook, request)).webhook!;
    assert.equal(created.state, WebhookState.WEBHOOK_STATE_ACTIVE);
    assert.ok(created.hasHmacKey);
    // The same request again is the same webhook.
    assert.equal((await step(webhooks, webhooks.createWebhook, request)).webhook?.id, created.id);
    const this_ = { webhookId: created.id };

    const groupId = (await session.createGroup("Posted")).group!.id;
    const delivered = async () => {
      const get = hooks.GetWebhookRequest.fromPartial(this_);
      return (await step(webhooks, webhooks.getWebhook, get)).webhook?.behindCount === 0n;
    };
    const told = async () => (await session.events()).map(({ id }) => id);
    await eventually("all is delivered", delivered);
    assert.deepEqual(taken.map(({ id }) => id), await told());

    const pause = hooks.PauseWebhookRequest.fromPartial(this_);
    const paused = await step(webhooks, webhooks.pauseWebhook, pause);
    assert.deepEqual([paused.changed, paused.webhook?.state], [true, WebhookState.WEBHOOK_STATE_PAUSED]);
    await step(
      groups,
      groups.setGroupSubject,
      SetGroupSubjectRequest.fromPartial({ session: session.name, groupId, subject: "While it rests" }),
    );
    const resumed = await step(webhooks, webhooks.resumeWebhook, hooks.ResumeWebhookRequest.fromPartial(this_));
    assert.ok(resumed.changed);
    await eventually("what was kept is delivered", delivered);
    assert.deepEqual(taken.map(({ id }) => id), await told());

    const replay = hooks.ReplayWebhookRequest.fromPartial({ ...this_, start: { $case: "earliest", value: {} } });
    await step(webhooks, webhooks.replayWebhook, replay);
    await eventually("all is delivered once more", delivered);
    const log = await told();
    assert.deepEqual(taken.map(({ id }) => id), [...log, ...log]);

    const tested = await step(webhooks, webhooks.testWebhook, hooks.TestWebhookRequest.fromPartial(this_));
    assert.ok(tested.delivered);
    assert.deepEqual([tested.status, taken.at(-1)?.event], [200, "webhook.test"]);
    const updated = await step(
      webhooks,
      webhooks.updateWebhook,
      hooks.UpdateWebhookRequest.fromPartial({ ...this_, updateMask: ["events"], events: ["group.v2.leave"] }),
    );
    assert.deepEqual([updated.changed, updated.webhook?.events], [true, ["group.v2.leave"]]);
    const listed = await step(webhooks, webhooks.listWebhooks, hooks.ListWebhooksRequest.fromPartial({}));
    assert.ok(listed.webhooks.some(({ id }) => id === created.id));

    await step(webhooks, webhooks.deleteWebhook, hooks.DeleteWebhookRequest.fromPartial(this_));
    const gone = await refused(step(webhooks, webhooks.getWebhook, hooks.GetWebhookRequest.fromPartial(this_)));
    assert.equal(gone.reason, "WEBHOOK_NOT_FOUND");
  } finally {
    close();
  }
}
