"""The promise that matters most: whoever dies, a follower sees each event exactly once, in order."""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional

import grpc
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import groups_pb2_grpc, simulator_pb2

from follower import Follower, assert_equal, held, in_order, listed
from harness import PATIENCE, Api, Service, Session, Watch, eventually, new_request_id, phone_number, refused, sequences
from wagroups_client import explain
from wagroups_mirror import Mirror


class Traffic:
    """Changes groups of a session until told to stop, through whatever happens to the service.

    Each mutation has a request_id, with which it is repeated until it has an answer.
    """

    def __init__(self, session: Session, seed: int) -> None:
        self.session = session
        # What was acknowledged: request_id and sequence.
        self.acknowledged: Dict[str, int] = {}
        self.unknown: List[str] = []
        self._random = random.Random(seed)
        self._groups: List[str] = []
        self._people = [phone_number() for _ in range(20)]
        self._stop = threading.Event()
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join(2 * PATIENCE)
        assert not self._thread.is_alive()
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._once()
        except BaseException as error:
            self._error = error

    def _once(self) -> None:
        groups, name = self.session.api.groups, self.session.name
        choice = self._random.random()
        if len(self._groups) < 3 or choice < 0.05:
            people = self._random.sample(self._people, 5)
            request = pb.CreateGroupRequest(session=name, subject=f"Group {choice}", participant_ids=people)
            answer = self._call(groups.CreateGroup, request)
            if answer is not None:
                self._groups.append(answer.group.id)
            return
        this = {"session": name, "group_id": self._random.choice(self._groups)}
        someone = {"participant_ids": self._random.sample(self._people, 2)}
        if choice < 0.4:
            self._call(groups.SetGroupSubject, pb.SetGroupSubjectRequest(**this, subject=f"Subject {choice}"))
        elif choice < 0.5:
            self._call(groups.SetGroupDescription, pb.SetGroupDescriptionRequest(**this, description=f"{choice}"))
        elif choice < 0.65:
            self._call(groups.AddParticipants, pb.AddParticipantsRequest(**this, **someone))
        elif choice < 0.75:
            self._call(groups.PromoteParticipants, pb.PromoteParticipantsRequest(**this, **someone))
        elif choice < 0.85:
            self._call(groups.DemoteParticipants, pb.DemoteParticipantsRequest(**this, **someone))
        elif choice < 0.97:
            self._call(groups.RemoveParticipants, pb.RemoveParticipantsRequest(**this, **someone))
        else:
            self._call(groups.LeaveGroup, pb.LeaveGroupRequest(**this))
            self._groups.remove(this["group_id"])

    def _call(self, method, request):
        """The answer; None where it is unknown what came of it."""
        request.request_id = new_request_id()
        deadline = time.monotonic() + 2 * PATIENCE
        while True:
            try:
                answer = method(request, timeout=PATIENCE)
                if answer.changed:
                    self.acknowledged[request.request_id] = answer.sequence
                return answer
            except grpc.RpcError as error:
                failure = explain(error)
                if failure.reason == "OUTCOME_UNKNOWN":
                    self.unknown.append(request.request_id)
                    return None
                if failure.code != grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                    raise
                self._stop.wait(failure.retry_delay or 0.02)


def test_kill_9_in_the_middle_of_traffic(own_service: Service, tmp_path: Path) -> None:
    with own_service.channel() as channel:
        api = Api(channel)
        sessions = [api.new_session(name) for name in ("one", "two")]
        with Follower(own_service, tmp_path / "mirror.db", sessions) as follower:
            # The initial state is empty, so the mirror will hold every event from the first on.
            follower.wait_for_token()
            with Traffic(sessions[0], 1) as first, Traffic(sessions[1], 2) as second:
                for life in range(4):
                    for session in sessions:
                        follower.wait_for(session, follower.mirror.last_sequence(session.name) + 25)
                    if life < 3:
                        own_service.kill()
                        own_service.start()
            for session in sessions:
                session.wait_until_working()
            # What a kill left open is found by comparing with WhatsApp, and becomes events.
            eventually("the log is complete", lambda: all(agrees_with_world(session) for session in sessions))
            for session in sessions:
                follower.wait_for(session, session.get().sequence)
            for session, traffic in zip(sessions, (first, second)):
                log = session.events()
                assert len(log) >= 100
                assert_equal(follower.mirror, session)
                by_request = {}
                for event in log:
                    if event.request_id:
                        by_request.setdefault(event.request_id, []).append(event.sequence)
                # Every acknowledged change is in the log, and its last event is where the answer said.
                for request_id, sequence in traffic.acknowledged.items():
                    assert max(by_request[request_id]) == sequence
                # Each of these calls makes one event; none acted twice.
                assert all(len(found) == 1 for found in by_request.values())


def agrees_with_world(session: Session) -> bool:
    """Whether the service's state of the session is what WhatsApp holds."""
    request = simulator_pb2.ListWorldGroupsRequest(member_id=session.account.id, page_size=1_000)
    world = session.api.simulator.ListWorldGroups(request, timeout=PATIENCE)

    def truths(groups) -> dict:
        return {group.id: (group.subject, group.description, list(group.participants)) for group in groups}

    return truths(session.groups(view=pb.GROUP_VIEW_FULL)) == truths(world.groups)


def test_a_mirror_that_begins_late_equals_the_list(session: Session, service: Service, tmp_path: Path) -> None:
    with Traffic(session, 3):
        eventually("there is something to list", lambda: session.get().sequence >= 40)
        with Follower(service, tmp_path / "mirror.db", [session]) as follower:
            follower.wait_for_token()
            eventually("more happens", lambda: session.get().sequence >= 120)
            follower.wait_for(session, 100)
    with Follower(service, tmp_path / "mirror.db", [session]) as follower:
        last = session.get().sequence
        follower.wait_for(session, last)
        assert held(follower.mirror, session) == listed(session)
        seen = sequences(follower.mirror.events(session.name))
        assert seen == sorted(set(seen)) and seen[-1] == last


class Crash(Exception):
    """Of the follower's own process."""


class Crashing(Mirror):
    """Dies at its third event, before the commit."""

    def commit(self, token: bytes) -> None:
        if self._db.execute("SELECT count(*) FROM events").fetchone()[0] == 3:
            raise Crash
        super().commit(token)


def test_a_follower_that_dies_between_effects_and_token(session: Session, service: Service, tmp_path: Path) -> None:
    path = tmp_path / "mirror.db"
    with Follower(service, path, [session], store=Crashing) as follower:
        follower.wait_for_token()
        for n in range(5):
            session.create_group(f"Group {n}")
        assert isinstance(follower.wait_for_error(), Crash)
        assert sequences(follower.mirror.events(session.name)) == [1, 2]
    with Follower(service, path, [session]) as follower:
        follower.wait_for(session, 5)
        assert_equal(follower.mirror, session)


def test_a_service_that_stops_and_comes_back(own_service: Service, tmp_path: Path) -> None:
    with own_service.channel() as channel:
        session = Api(channel).new_session("drained")
        with Follower(own_service, tmp_path / "mirror.db", [session]) as follower:
            follower.wait_for_token()
            session.create_group("Before")
            assert own_service.stop() == 0
            own_service.start()
            session.wait_until_working()
            session.create_group("After")
            follower.wait_for(session, 2)
            assert_equal(follower.mirror, session)


def test_a_stub_rides_out_a_restart(own_service: Service) -> None:
    """The channel's own retries are enough for unary calls."""
    with own_service.channel() as channel, own_service.channel(retries=True) as patient:
        session = Api(channel).new_session("patient")
        group_id = session.create_group("Read").group.id
        own_service.kill()
        restart = threading.Thread(target=own_service.start)
        restart.start()
        request = pb.GetGroupRequest(session=session.name, group_id=group_id)
        answer = Api(patient).groups.GetGroup(request, timeout=PATIENCE, wait_for_ready=True)
        assert answer.group.id == group_id
        restart.join()


def test_a_log_that_was_replaced_is_listed_anew(start_service: Callable[..., Service], tmp_path: Path) -> None:
    """LOG_MISMATCH: another database stands behind the address now."""
    service = start_service()
    with service.channel() as channel:
        session = Api(channel).new_session("replaced")
        # By no name: for a while the new log has no such session.
        with Follower(service, tmp_path / "mirror.db", [session], named=False) as follower:
            follower.wait_for_token()
            session.create_group("Of the old log")
            follower.wait_for(session, 1)
            old = follower.mirror.token()
            service.stop()
            for file in service.directory.glob("wagroups.db*"):
                file.unlink()
            service.start()
            Api(channel).new_session("replaced")
            created = session.create_group("Of the new log")
            assert refused_token(channel, old) == "LOG_MISMATCH"
            expected = {created.group.id: in_order(created.group)}
            follower.eventually("the mirror holds the new groups", lambda: held(follower.mirror, session) == expected)


def test_a_log_that_lost_its_tail_is_listed_anew(start_service: Callable[..., Service], tmp_path: Path) -> None:
    """LOG_DIVERGED: the service went back to a backup that lacks what the follower has seen."""
    service = start_service()
    with service.channel() as channel:
        session = Api(channel).new_session("restored")
        kept = session.create_group("Kept").group
        with Watch(Api(channel)) as watch:
            backed_up = watch.started().token
        assert service.stop() == 0
        backup = tmp_path / "backup"
        backup.mkdir()
        for file in service.directory.glob("wagroups.db*"):
            shutil.copy(file, backup)
        service.start()
        session.wait_until_working()
        session.set_subject(kept.id, "Lost")
        with Watch(Api(channel)) as watch:
            lost = watch.started().token
        with Follower(service, tmp_path / "mirror.db", [session]) as follower:
            follower.wait_for_token()
            assert follower.mirror.groups(session.name)[kept.id].subject == "Lost"
            service.kill()
            for file in service.directory.glob("wagroups.db*"):
                file.unlink()
            for file in backup.iterdir():
                shutil.copy(file, service.directory)
            service.start()
            session.wait_until_working()
            # It names an event that is not there, and later one that is another.
            assert refused_token(channel, lost) == "LOG_DIVERGED"
            renamed = session.set_subject(kept.id, "Went on")
            assert refused_token(channel, lost) == "LOG_DIVERGED"
            with session.watch(resume_token=backed_up) as watch:
                assert sequences(watch.started().events(1)) == [renamed.sequence]
            expected = listed(session)
            follower.eventually("the mirror holds what is", lambda: held(follower.mirror, session) == expected)


def refused_token(channel: grpc.Channel, token: bytes) -> str:
    stub = groups_pb2_grpc.GroupsServiceStub(channel)
    return refused(stub.WatchGroupEvents, pb.WatchGroupEventsRequest(resume_token=token)).reason
