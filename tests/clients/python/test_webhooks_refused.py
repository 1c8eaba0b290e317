"""Whom the listener for webhooks believes, what a session can do that is only told, and its status."""

from __future__ import annotations

import time
from typing import Any, List, Tuple

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import sessions_pb2

from harness import PATIENTLY, Api, Service, phone_number, refused, sequences
from waha_bodies import Gows
from waha_sender import Answer, Waha, encode, sign
from webhook_sessions import SECRET, new_group, new_group_id, someone, take_webhooks

DAY_MS = 86_400_000


def test_the_stand_in_signs_as_waha_documents_it() -> None:
    body = b'{"event":"message","session":"default","engine":"WEBJS"}'
    assert sign(body, "my-secret-key") == (
        "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
        "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
    )


def test_what_is_not_to_be_believed_is_refused_and_changes_nothing(api: Api, service: Service) -> None:
    session, waha = take_webhooks(service, api)
    simulated = api.new_session()
    engine = waha.engine
    group = new_group(engine)
    waha.tell(engine.joined(group, by=engine.me))
    before, log = session.get(), session.events()
    event = waha.event(*engine.members(group.id, "join", [someone()], by=engine.me))
    body = encode(event)
    signed = waha.headers(event, body)
    other = Waha(waha.address, waha.path, "another secret", waha.session, engine)
    elsewhere = Waha(waha.address, waha.path, SECRET, "elsewhere", engine)
    stranger = Waha(waha.address, waha.path, SECRET, waha.session, Gows(someone()))
    old = waha.event(*engine.members(group.id, "join", [someone()], by=engine.me), later=-8 * DAY_MS)
    no_json = b"{"
    large = {**signed, "Content-Length": str(5 << 20)}

    def check(answer: Answer, status: int, reason: str) -> None:
        assert (answer.status, answer.reason) == (status, reason), answer
        assert answer.body["message"]

    check(other.post_event(event), 401, "WRONG_SIGNATURE")
    check(waha.post(body.replace(b"join", b"left"), signed), 401, "WRONG_SIGNATURE")
    check(waha.post_event(event, X_Webhook_Hmac="0f" * 63), 401, "WRONG_SIGNATURE")
    check(waha.post_event(event, X_Webhook_Hmac=None), 401, "NOT_SIGNED")
    check(waha.post_event(event, X_Webhook_Hmac_Algorithm="sha1"), 401, "OTHER_ALGORITHM")
    check(waha.post_event(event, path="/webhook/nobody"), 401, "WRONG_SIGNATURE")
    check(waha.post_event(event, path=f"/webhook/{simulated.name}"), 401, "WRONG_SIGNATURE")
    check(waha.post_event(event, path="/webhook"), 404, "NO_SUCH_PATH")
    check(waha.post(None, {}, method="GET"), 405, "METHOD_NOT_ALLOWED")
    check(elsewhere.post_event(elsewhere.event(*elsewhere.says("WORKING"))), 422, "OTHER_SESSION")
    check(stranger.post_event(stranger.event(*stranger.says("WORKING"))), 409, "ALREADY_LOGGED_IN")
    check(waha.post_event(old), 410, "TOO_OLD")
    check(waha.post(no_json, waha.headers(event, no_json)), 400, "NOT_A_WEBHOOK")
    # Announced is enough, none of it has to come.
    check(waha.post(None, large), 413, "TOO_LARGE")
    assert (session.get(), session.events()) == (before, log)
    # None of them was remembered as dealt with.
    assert waha.post_event(event).outcome == "accepted"
    assert sequences(session.events()) == [1, 2]
    assert waha.post_event(waha.event("message", {"body": "Hello"})).outcome == "ignored"


def test_a_session_without_a_secret_or_a_wish_to_run_takes_no_webhooks(api: Api, service: Service) -> None:
    session, waha = take_webhooks(service, api, secret="")
    assert not session.get().waha.has_webhook_secret
    event = waha.event(*waha.says("WORKING"))
    assert waha.post_event(event).reason == "WRONG_SIGNATURE"
    update = sessions_pb2.UpdateSessionRequest(
        session=session.name,
        update_mask=FieldMask(paths=["waha.webhook_secret"]),
        waha=sessions_pb2.WahaConfig(webhook_secret=SECRET),
    )
    changed = api.sessions.UpdateSession(update, **PATIENTLY)
    assert changed.changed and changed.session.waha.has_webhook_secret
    assert changed.session.waha.webhook_secret == "", "it is never answered"
    assert waha.post_event(event).outcome == "accepted"

    api.sessions.StopSession(sessions_pb2.StopSessionRequest(session=session.name), **PATIENTLY)
    answer = waha.post_event(waha.event(*waha.says("WORKING")))
    assert (answer.status, answer.reason) == (409, "SESSION_NOT_WORKING")
    api.sessions.StartSession(sessions_pb2.StartSessionRequest(session=session.name), **PATIENTLY)
    assert waha.tell(waha.says("WORKING")) == "accepted"


def test_what_would_have_to_be_asked_of_whatsapp_is_refused(api: Api, service: Service) -> None:
    session, waha = take_webhooks(service, api)
    engine = waha.engine
    known = new_group_id()
    waha.tell(engine.subject(known, "Known from an update", int(time.time()), by=someone()))
    answer = api.groups.GetGroup(pb.GetGroupRequest(session=session.name, group_id=known), **PATIENTLY)
    assert answer.group.partial and answer.group.subject == "Known from an update"
    assert abs(answer.synced_time.ToSeconds() - time.time()) < 60
    assert [event.joined.group for event in session.events()] == [answer.group]

    this = {"session": session.name, "group_id": known}
    people = [phone_number()]
    calls: List[Tuple[Any, Any]] = [
        (api.groups.CreateGroup, pb.CreateGroupRequest(session=session.name, subject="New")),
        (api.groups.SetGroupSubject, pb.SetGroupSubjectRequest(**this, subject="New")),
        (api.groups.SetMessagesAdminOnly, pb.SetMessagesAdminOnlyRequest(**this, messages_admin_only=True)),
        (api.groups.AddParticipants, pb.AddParticipantsRequest(**this, participant_ids=people)),
        (api.groups.PromoteParticipants, pb.PromoteParticipantsRequest(**this, participant_ids=people)),
        (api.groups.LeaveGroup, pb.LeaveGroupRequest(**this)),
        (api.groups.DeleteGroup, pb.DeleteGroupRequest(**this)),
        (api.groups.GetGroup, pb.GetGroupRequest(**this, refresh=True)),
        (api.groups.RefreshGroups, pb.RefreshGroupsRequest(session=session.name)),
        (api.groups.GetInviteCode, pb.GetInviteCodeRequest(**this)),
        (api.sessions.LogoutSession, sessions_pb2.LogoutSessionRequest(session=session.name)),
    ]
    for call, request in calls:
        failure = refused(call, request)
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED_BY_ENGINE"), request
    assert len(session.events()) == 1


def test_the_status_follows_what_waha_says(api: Api, service: Service) -> None:
    session, waha = take_webhooks(service, api)
    created = session.get()
    assert (created.engine, created.status) == (sessions_pb2.ENGINE_WAHA, sessions_pb2.SESSION_STATUS_STARTING)
    assert created.desired_running and not created.HasField("account")

    def status_after(status: str) -> str:
        waha.tell(waha.says(status))
        return sessions_pb2.SessionStatus.Name(session.get().status).replace("SESSION_STATUS_", "")

    watch = api.sessions.WatchSession(sessions_pb2.WatchSessionRequest(session=session.name), **PATIENTLY)
    assert next(watch).session == created
    late = waha.event(*waha.says("FAILED"))
    waha.is_linked = False
    assert status_after("SCAN_QR_CODE") == "SCAN_QR_CODE"
    assert any(state.session.status == sessions_pb2.SESSION_STATUS_SCAN_QR_CODE for state in watch)
    watch.cancel()
    assert status_after("PASSKEY_REQUIRED") == "SCAN_QR_CODE"
    assert not session.get().HasField("account")
    waha.is_linked = True
    assert status_after("WORKING") == "WORKING"
    account = session.get().account
    me = waha.engine.me
    assert (account.id, account.phone_number_id, account.push_name) == (me.lid, me.phone, "Bot")
    # It is older than what was told since.
    assert waha.deliver(late).is_acknowledged
    assert session.get().status == sessions_pb2.SESSION_STATUS_WORKING
    assert status_after("STARTING") == "STARTING"
    assert status_after("FAILED") == "FAILED"
    assert status_after("STOPPED") == "FAILED"
    assert session.get().desired_running, "to stop it is not WAHA's to say"
    # Who is told of groups is connected.
    waha.tell(waha.engine.joined(new_group(waha.engine), by=me))
    assert session.get().status == sessions_pb2.SESSION_STATUS_WORKING


def test_of_statuses_that_come_at_the_same_time_the_latest_holds(api: Api, service: Service) -> None:
    session, waha = take_webhooks(service, api)
    waha.tell(waha.says("WORKING"))
    for _ in range(50):
        waha.send(waha.event(*waha.says(status)) for status in ("FAILED", "STARTING", "SCAN_QR_CODE", "WORKING"))
        waha.wait_until_done()
        assert session.get().status == sessions_pb2.SESSION_STATUS_WORKING


def test_half_a_character_in_a_text_does_no_harm(api: Api, service: Service) -> None:
    """JavaScript cuts a text between the halves of an emoji, and JSON.stringify writes what is left as `\\ud83d`."""
    _, waha = take_webhooks(service, api)
    event = waha.event(*waha.engine.joined(new_group(waha.engine), by=waha.engine.me))
    event["me"]["pushName"] = "Cut \ud83d"
    assert waha.post_event(event).outcome == "accepted"
