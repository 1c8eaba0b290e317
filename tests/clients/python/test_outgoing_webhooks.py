"""Webhooks of our own, to a receiver in another language: signed, in order, and none lost by kill -9."""

from __future__ import annotations

from typing import Callable

import pytest
from google.protobuf import field_mask_pb2
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import webhooks_pb2 as hooks
from wagroups.v1 import webhooks_pb2_grpc

from harness import PATIENTLY, Api, Service, eventually, new_request_id, refused
from hook_receiver import Receiver

KEY = "the key of this receiver"
AT_ONCE = {"delay": {"seconds": 0}}


@pytest.fixture
def posting(start_service: Callable[..., Service]) -> Service:
    """A service whose webhooks may be posted to this machine."""
    return start_service(WEBHOOKS__ALLOW_PRIVATE_ADDRESSES="true")


def test_every_call_and_a_kill_between_them(posting: Service) -> None:
    with posting.channel(retries=True) as channel, Receiver(KEY) as receiver:
        api, webhooks = Api(channel), webhooks_pb2_grpc.WebhooksServiceStub(channel)
        session = api.new_session("shop")
        request = hooks.CreateWebhookRequest(
            request_id=new_request_id(),
            url=receiver.url,
            sessions=["shop"],
            hmac_key=KEY,
            headers=[hooks.WebhookHeader(name="X-Team", value="circle")],
            retries=hooks.WebhookRetries(**AT_ONCE),
        )
        webhook = webhooks.CreateWebhook(request, **PATIENTLY).webhook
        assert webhook.state == hooks.WEBHOOK_STATE_ACTIVE and webhook.has_hmac_key
        assert webhook.retries.attempts == 15 and not webhook.headers[0].value
        assert webhooks.CreateWebhook(request, **PATIENTLY).webhook.id == webhook.id
        only = hooks.GetWebhookRequest(webhook_id=webhook.id)

        def delivered() -> bool:
            return webhooks.GetWebhook(only, **PATIENTLY).webhook.behind_count == 0

        # Every fourth post is refused, and the service dies in the middle of it.
        count = iter(range(1_000_000))
        receiver.answer = lambda body: 503 if next(count) % 4 == 1 else 200
        group = session.create_group("Team").group.id
        for number in range(10):
            session.set_subject(group, f"Subject {number}")
        posting.kill()
        posting.start()
        session.wait_until_working()
        for number in range(10, 15):
            session.set_subject(group, f"Subject {number}")
        eventually("all is delivered", delivered)
        log = [event.id for event in session.events()]
        taken = list(dict.fromkeys(body["id"] for body in receiver.taken()))
        assert taken == log
        ids = {body["id"]: headers["x-webhook-request-id"] for body, headers, _ in receiver.posts()}
        for body, headers, _ in receiver.posts():
            assert headers["x-webhook-request-id"] == ids[body["id"]]
            assert headers["x-webhook-timestamp"] == str(body["timestamp"])
            assert headers["content-type"] == "application/json" and headers["x-team"] == "circle"
            assert body["session"] == "shop" and body["event"].startswith("group.v2.")

        # Once more from the beginning, then a change, a test, a pause.
        before = len(receiver.taken())
        replay = hooks.ReplayWebhookRequest(webhook_id=webhook.id, earliest=pb.Earliest())
        webhooks.ReplayWebhook(replay, **PATIENTLY)
        eventually("all is delivered", delivered)
        assert [body["id"] for body in receiver.taken()][before:] == log
        update = hooks.UpdateWebhookRequest(
            webhook_id=webhook.id,
            update_mask=field_mask_pb2.FieldMask(paths=["events"]),
            events=["group.v2.leave"],
        )
        assert webhooks.UpdateWebhook(update, **PATIENTLY).changed
        receiver.answer = lambda body: 202
        tested = webhooks.TestWebhook(hooks.TestWebhookRequest(webhook_id=webhook.id), **PATIENTLY)
        assert tested.delivered and tested.status == 202
        assert receiver.taken()[-1]["event"] == "webhook.test"
        paused = webhooks.PauseWebhook(hooks.PauseWebhookRequest(webhook_id=webhook.id), **PATIENTLY)
        assert paused.changed and paused.webhook.state == hooks.WEBHOOK_STATE_PAUSED
        resumed = webhooks.ResumeWebhook(hooks.ResumeWebhookRequest(webhook_id=webhook.id), **PATIENTLY)
        assert resumed.changed and resumed.webhook.state == hooks.WEBHOOK_STATE_ACTIVE
        listed = webhooks.ListWebhooks(hooks.ListWebhooksRequest(), **PATIENTLY)
        assert [each.id for each in listed.webhooks] == [webhook.id]
        webhooks.DeleteWebhook(hooks.DeleteWebhookRequest(webhook_id=webhook.id), **PATIENTLY)
        assert refused(webhooks.GetWebhook, only).reason == "WEBHOOK_NOT_FOUND"


def test_this_machine_is_no_receiver_unless_the_settings_say_so(api: Api) -> None:
    webhooks = webhooks_pb2_grpc.WebhooksServiceStub(api.channel)
    for url in ("http://127.0.0.1/", "http://[::1]:8080/", "https://192.168.0.1/hook"):
        failure = refused(webhooks.CreateWebhook, hooks.CreateWebhookRequest(url=url))
        assert (failure.reason, set(failure.violations)) == ("INVALID_REQUEST", {"url"})
