"""WAHA's webhooks, from its sender to a follower: taken in once each, and seen once."""

from __future__ import annotations

import http.client
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Sequence, Tuple, Type

import pytest
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import sessions_pb2

from follower import Follower, assert_equal
from harness import PATIENCE, Api, Service, eventually
from waha_bodies import Engine, Gows, Group, Noweb
from waha_sender import Waha
from webhook_sessions import new_group, someone, take_webhooks

ADMIN, SUPERADMIN, MEMBER = pb.ROLE_ADMIN, pb.ROLE_SUPERADMIN, pb.ROLE_PARTICIPANT


def short(event: pb.GroupEvent) -> Tuple:
    """An event in few words."""
    body = event.WhichOneof("body")
    if body == "participants_changed":
        changed = event.participants_changed
        action = pb.ParticipantAction.Name(changed.action).rpartition("_")[2].lower()
        return action, {person.id: person.role for person in changed.participants}
    if body == "updated":
        return body, [change.WhichOneof("change") for change in event.updated.changes]
    return (body,)


@pytest.mark.parametrize("kind", [Gows, Noweb])
def test_each_change_is_seen_once_and_in_order(
    kind: Type[Engine], api: Api, service: Service, tmp_path: Path
) -> None:
    session, waha = take_webhooks(service, api, kind)
    engine = waha.engine
    me, ann, bob, eve = engine.me, someone(), someone(), someone()
    # The mirror has to know who the account is before it sees that it was promoted.
    assert waha.tell(waha.says("WORKING")) == "accepted"
    with Follower(service, tmp_path / "mirror.db", [session]) as follower:
        follower.wait_for_token()
        group = new_group(engine, ann)
        at = int(time.time())
        story = [
            engine.joined(group, by=me),
            engine.members(group.id, "join", [bob, eve], by=me),
            engine.members(group.id, "promote", [bob], by=me),
            engine.members(group.id, "demote", [bob], by=me),
            engine.members(group.id, "promote", [ann], by=me),
            engine.members(group.id, "demote", [me], by=ann),
            engine.subject(group.id, "As it is", at, by=ann),
            engine.messages_admin_only(group.id, True, by=ann),
            engine.members(group.id, "leave", [eve], by=eve),
        ]
        for told in story:
            assert waha.tell(told) == "accepted"
        log = session.events()
        joined = log[0].joined.group
        assert {person.id: person.role for person in joined.participants} == {me.lid: SUPERADMIN, ann.lid: MEMBER}
        assert not joined.partial and joined.my_role == SUPERADMIN and not joined.settings.messages_admin_only
        assert [short(event) for event in log] == [
            ("joined",),
            ("join", {bob.lid: MEMBER, eve.lid: MEMBER}),
            ("promote", {bob.lid: ADMIN}),
            ("demote", {bob.lid: MEMBER}),
            ("promote", {ann.lid: ADMIN}),
            ("demote", {me.lid: MEMBER}),
            ("updated", ["subject"]),
            ("updated", ["messages_admin_only"]),
            ("leave", {eve.lid: pb.ROLE_LEFT}),
        ]
        assert [event.actor for event in log] == [me.lid] * 5 + [ann.lid] * 3 + [eve.lid]
        assert all(event.origin == pb.ORIGIN_ENGINE and event.engine == sessions_pb2.ENGINE_WAHA for event in log)
        subject = log[6].updated.changes[0].subject
        assert (subject.previous.text, subject.current.text) == ("As it was", "As it is")
        assert abs(subject.current.time.seconds - at) <= 1

        follower.wait_for(session, len(story))
        assert_equal(follower.mirror, session)
        held = session.get_group(group.id)
        assert {person.id: person.role for person in held.participants} == {
            me.lid: MEMBER,
            ann.lid: ADMIN,
            bob.lid: MEMBER,
        }
        assert (held.subject, held.my_role) == ("As it is", MEMBER)
        assert held.settings.messages_admin_only

        # WAHA tells twice that the account is out.
        waha.tell(engine.members(group.id, "leave", [me], by=ann))
        waha.tell(engine.left(group.id))
        assert [short(event) for event in session.events()[len(story) :]] == [("left",)]
        follower.wait_for(session, len(story) + 1)
        assert_equal(follower.mirror, session)
        assert session.groups() == []


def test_a_refetched_group_tells_only_what_was_missed(api: Api, service: Service, tmp_path: Path) -> None:
    session, waha = take_webhooks(service, api, Noweb)
    engine = waha.engine
    waha.tell(waha.says("WORKING"))
    with Follower(service, tmp_path / "mirror.db", [session]) as follower:
        follower.wait_for_token()
        group = new_group(engine, someone())
        waha.tell(engine.joined(group, by=engine.me))
        # It is taken for as old as the read may be, so a later one is needed to be news.
        assert waha.tell(engine.refetched(group), later=10_000) == "accepted"
        assert len(session.events()) == 1
        missed = someone()
        group.members[missed] = "admin"
        group.description = "Nobody told of it"
        waha.tell(engine.refetched(group), later=20_000)
        log = session.events()
        assert [short(event) for event in log[1:]] == [("updated", ["description"]), ("join", {missed.lid: ADMIN})]
        follower.wait_for(session, len(log))
        assert_equal(follower.mirror, session)


def test_a_creation_time_that_is_known_late_is_told(api: Api, service: Service, tmp_path: Path) -> None:
    session, waha = take_webhooks(service, api, Noweb)
    engine = waha.engine
    waha.tell(waha.says("WORKING"))
    with Follower(service, tmp_path / "mirror.db", [session]) as follower:
        follower.wait_for_token()
        group = new_group(engine, someone())
        name, payload = engine.joined(group, by=engine.me)
        # NOWEB has incomplete rows now and then.
        payload["_data"]["creation"] = None
        waha.tell((name, payload))
        waha.tell(engine.refetched(group), later=10_000)
        follower.wait_for(session, session.get().sequence)
        assert_equal(follower.mirror, session)


def assert_each_came_once(log: List[pb.GroupEvent], groups: Iterable[Group]) -> None:
    """The log tells of each member's coming once, and of no other; the first one was there from the start."""
    came = Counter(
        (event.group_id, person.id)
        for event in log
        if event.participants_changed.action == pb.PARTICIPANT_ACTION_JOIN
        for person in event.participants_changed.participants
    )
    assert came == Counter((group.id, person.lid) for group in groups for person in list(group.members)[1:])


def comings(waha: Waha, groups: Sequence[Group], count: int) -> List[Dict[str, Any]]:
    """Each event adds someone new to one of the groups."""
    events = []
    for n in range(count):
        group, comer = groups[n % len(groups)], someone()
        group.members[comer] = "participant"
        events.append(waha.event(*waha.engine.members(group.id, "join", [comer], by=waha.engine.me)))
    return events


def test_kill_9_in_the_middle_of_webhooks(own_service: Service, tmp_path: Path) -> None:
    with own_service.channel() as channel:
        # A quarter of WAHA's delay: 16 tries must outlast a restart.
        session, waha = take_webhooks(own_service, Api(channel), Noweb, delay=0.5)
        engine = waha.engine
        waha.tell(waha.says("WORKING"))
        with Follower(own_service, tmp_path / "mirror.db", [session]) as follower:
            follower.wait_for_token()
            groups = [new_group(engine) for _ in range(3)]
            for group in groups:
                waha.tell(engine.joined(group, by=engine.me))
            for end in (own_service.kill, own_service.kill, own_service.kill, own_service.stop, None):
                before = waha.acknowledged
                waha.send(comings(waha, groups, 120))
                waha.wait_until_acknowledged(before + 30)
                if end is not None:
                    assert not end(), "where it was asked to, it stops cleanly"
                    own_service.start()
            waha.wait_until_done()
            assert any(len(delivery.answers) > 1 for delivery in waha.deliveries), "nothing was in flight"
            assert all(delivery.is_acknowledged for delivery in waha.deliveries), "a restart takes too long"

            log = session.events()
            assert_each_came_once(log, groups)
            assert len(log) == 3 + 5 * 120, "each webhook made one event"
            follower.wait_for(session, len(log))
            assert_equal(follower.mirror, session)
            for group in groups:
                members = session.get_group(group.id).participants
                assert {member.id for member in members} == {person.lid for person in group.members}
                assert all(member.phone_number_id for member in members)


def held_by_webhooks(service: Service) -> float:
    with urllib.request.urlopen(f"http://{service.ops_address}/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("wagroups_waha_ingress_buffer_bytes")), 0.0)


def test_a_body_that_nobody_vouches_for_keeps_no_webhook_out(start_service: Callable[..., Service]) -> None:
    service = start_service(WAHA_INGRESS__MAX_BODY_BYTES="16KiB", WAHA_INGRESS__BUFFER_BYTES="16KiB")
    with service.channel() as channel:
        session, waha = take_webhooks(service, Api(channel))
        group = new_group(waha.engine)
        waha.tell(waha.engine.joined(group, by=waha.engine.me))
        # It takes nearly all of the buffer for as long as the rest of its body does not come.
        slow = http.client.HTTPConnection(waha.address, timeout=PATIENCE)
        message = waha.event("message", {"body": "Hello"})
        expecting = {**waha.headers(message, b""), "Content-Length": "16384", "Expect": "100-continue"}
        slow.request("POST", waha.path, headers=expecting)
        assert b"100 Continue" in slow.sock.recv(100)
        slow.sock.sendall(b" " * 16_300)
        # Only what the service has read already can stand in another body's way.
        eventually("the buffer is taken", lambda: held_by_webhooks(service) >= 16_300)
        waha.send(comings(waha, [group], 1))
        delivery = waha.deliveries[-1]
        waha.wait_until_done()
        assert [answer.status for answer in delivery.answers] == [200]
        # The one that kept the service waiting has given way.
        refused = slow.getresponse()
        assert (refused.status, int(refused.headers["Retry-After"]) >= 1) == (503, True)
        slow.close()
        assert_each_came_once(session.events(), [group])


def test_a_repetition_is_acknowledged_and_changes_nothing(own_service: Service) -> None:
    with own_service.channel() as channel:
        session, waha = take_webhooks(own_service, Api(channel))
        engine = waha.engine
        group, comer = new_group(engine), someone()
        events = [
            waha.event(*engine.joined(group, by=engine.me)),
            waha.event(*engine.members(group.id, "join", [comer], by=engine.me)),
            waha.event(*engine.members(group.id, "leave", [comer], by=comer)),
        ]
        assert [waha.deliver(event).outcome for event in events] == ["accepted"] * 3
        log = session.events()
        assert len(log) == 3
        assert [waha.deliver(event).outcome for event in reversed(events)] == ["duplicate"] * 3
        own_service.kill()
        own_service.start()
        assert [waha.deliver(event).outcome for event in events] == ["duplicate"] * 3
        assert session.events() == log
