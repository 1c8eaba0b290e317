"""The loop of wagroups_resume.py with the mirror of wagroups_mirror.py, beside a test."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Callable, Dict, List, Optional

from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import groups_pb2_grpc

import wagroups_resume
from harness import PATIENCE, Service, Session, eventually, sequences
from wagroups_mirror import Mirror


class Follower:
    """`follow` with a mirror, in a thread of its own."""

    def __init__(
        self, service: Service, path: Path, sessions: List[Session], named: bool = True, store=Mirror
    ) -> None:
        """Watches the sessions by name, or else all that there are and will be."""
        self.path = str(path)
        self._names = [session.name for session in sessions] if named else []
        self._service = service
        self._own_ids = {session.name: session.own_ids for session in sessions}
        self._store = store
        self._stop = threading.Event()
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        # For the test's own thread.
        self.mirror = Mirror(self.path)

    def _run(self) -> None:
        store = self._store(self.path, self._own_ids)
        try:
            with self._service.channel() as channel:
                stub = groups_pb2_grpc.GroupsServiceStub(channel)
                wagroups_resume.follow(stub, store, self._names, self._stop)
        except BaseException as error:
            self._error = error
        finally:
            store.close()

    def __enter__(self) -> "Follower":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the loop does not stop"
        self.mirror.close()

    def wait_for_error(self) -> BaseException:
        self._thread.join(PATIENCE)
        assert self._error is not None, "the loop goes on"
        return self._error

    def wait_for(self, session: Session, sequence: int) -> None:
        what = f"the mirror has event {sequence} of session {session.name}"
        self.eventually(what, lambda: self.mirror.last_sequence(session.name) >= sequence)

    def wait_for_token(self) -> None:
        self.eventually("the mirror has a token", self.mirror.token)

    def eventually(self, what: str, attempt: Callable) -> None:
        def while_it_runs():
            assert self._error is None, self._error
            return attempt()

        eventually(what, while_it_runs)


def assert_equal(mirror: Mirror, session: Session) -> None:
    """The mirror holds every event once, and the same groups as the service."""
    log = session.events()
    assert sequences(log) == list(range(1, len(log) + 1))
    assert mirror.events(session.name) == log
    assert held(mirror, session) == listed(session)


def in_order(group: pb.Group) -> pb.Group:
    """The mirror does not keep the members in any order."""
    group.participants.sort(key=lambda member: member.id)
    return group


def held(mirror: Mirror, session: Session) -> Dict[str, pb.Group]:
    return {id: in_order(group) for id, group in mirror.groups(session.name).items()}


def listed(session: Session) -> Dict[str, pb.Group]:
    return {group.id: in_order(group) for group in session.groups(view=pb.GROUP_VIEW_FULL)}
