"""How the loop of wagroups_resume.py takes ends of the stream that the real service shows rarely."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, List, Type

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import groups_pb2_grpc

import wagroups_resume
from harness import PATIENCE, Api, Service, eventually
from wagroups_client import connect, explain
from wagroups_mirror import Mirror


def refuse(context: grpc.ServicerContext, code: grpc.StatusCode, reason: str) -> None:
    info = Any()
    info.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="wagroups.v1"))
    status = status_pb2.Status(code=code.value[0], message=reason, details=[info])
    context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
    context.abort(code, reason)


class Script(groups_pb2_grpc.GroupsServiceServicer):
    """Answers the first watch as the first step says, and so on."""

    def __init__(self, *steps: Callable) -> None:
        self.requests: List[pb.WatchGroupEventsRequest] = []
        self.played = threading.Event()
        self._steps = list(steps)

    def WatchGroupEvents(self, request, context):
        self.requests.append(request)
        if not self._steps:
            refuse(context, grpc.StatusCode.UNIMPLEMENTED, "the script has no more steps")
        yield from self._steps.pop(0)(context)
        # The real service does not end a stream with OK.
        self.played.wait(PATIENCE)


def play(script: Script, path: Path, until: bytes = b"", kind: Type[Mirror] = Mirror) -> Mirror:
    """Runs the loop against the script until this token has been committed."""

    class Stopping(kind):
        def commit(self, token: bytes) -> None:
            super().commit(token)
            if token == until and not script._steps:
                script.played.set()

    server = grpc.server(ThreadPoolExecutor(4))
    groups_pb2_grpc.add_GroupsServiceServicer_to_server(script, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    store = Stopping(str(path))
    try:
        with connect(f"127.0.0.1:{port}") as channel:
            stub = groups_pb2_grpc.GroupsServiceStub(channel)
            wagroups_resume.follow(stub, store, stop=script.played)
    finally:
        server.stop(None)
    return store


def initial(*names: str) -> pb.WatchGroupEventsResponse:
    groups = [pb.InitialGroup(session="s", group=pb.Group(id=f"{name}@g.us"), as_of_sequence=1) for name in names]
    return pb.WatchGroupEventsResponse(initial_groups=groups)


LISTED = b"after the list"
END = pb.WatchGroupEventsResponse(initial_state_end=pb.InitialStateEnd(), resume_token=LISTED)


def test_an_initial_state_that_is_cut_begins_anew(tmp_path: Path) -> None:
    def cut(context):
        yield initial("gone", "kept")
        refuse(context, grpc.StatusCode.UNAVAILABLE, "DRAINING")

    def whole(context):
        yield initial("kept")
        yield initial("new")
        yield END

    script = Script(cut, whole)
    store = play(script, tmp_path / "mirror.db", LISTED)
    assert [request.send_initial_state for request in script.requests] == [True, True]
    assert set(store.groups("s")) == {"kept@g.us", "new@g.us"}
    assert store.token() == LISTED


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED"),
        (grpc.StatusCode.FAILED_PRECONDITION, "LOG_MISMATCH"),
        (grpc.StatusCode.FAILED_PRECONDITION, "LOG_DIVERGED"),
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_RESUME_TOKEN"),
    ],
)
def test_a_token_that_leads_nowhere_is_given_up(tmp_path: Path, code: grpc.StatusCode, reason: str) -> None:
    def list_one(context):
        yield initial("old")
        yield END
        refuse(context, grpc.StatusCode.UNAVAILABLE, "DRAINING")

    def give_up(context):
        refuse(context, code, reason)
        yield

    def list_another(context):
        yield initial("new")
        yield END

    script = Script(list_one, give_up, list_another)
    store = play(script, tmp_path / "mirror.db", LISTED)
    starts = [request.WhichOneof("start") for request in script.requests]
    assert starts == [None, "resume_token", None]
    assert script.requests[1].resume_token == LISTED
    assert [request.send_initial_state for request in script.requests] == [True, False, True]
    assert set(store.groups("s")) == {"new@g.us"}


def test_tokens_advance_with_every_kind_of_response(tmp_path: Path) -> None:
    joined = pb.GroupJoined(group=pb.Group(id="new@g.us"))
    event = pb.GroupEvent(session="s", sequence=2, group_id="new@g.us", joined=joined)

    def live(context):
        yield END
        yield pb.WatchGroupEventsResponse(events=[event], resume_token=b"event")
        yield pb.WatchGroupEventsResponse(progress=pb.Progress(), resume_token=b"progress")
        refuse(context, grpc.StatusCode.UNAVAILABLE, "CONNECTION_AGED")

    def last(context):
        yield pb.WatchGroupEventsResponse(resume_token=b"last")

    script = Script(live, last)
    store = play(script, tmp_path / "mirror.db", b"last")
    assert script.requests[1].resume_token == b"progress"
    assert store.token() == b"last"
    assert set(store.groups("s")) == {"new@g.us"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
        (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
        (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND"),
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
    ],
)
def test_what_no_other_try_can_mend_is_raised(tmp_path: Path, code: grpc.StatusCode, reason: str) -> None:
    def fail(context):
        refuse(context, code, reason)
        yield

    with pytest.raises(grpc.RpcError) as caught:
        play(Script(fail), tmp_path / "mirror.db")
    assert explain(caught.value).reason == reason


def test_a_slow_store_is_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wagroups_resume, "PROGRESS_SECONDS", 0.1)
    given_up = threading.Event()

    class Slow(Mirror):
        def apply(self, response: pb.WatchGroupEventsResponse) -> None:
            super().apply(response)
            # Longer than two intervals.
            given_up.wait(0.6)

    def two(context):
        context.add_callback(given_up.set)
        yield END
        yield pb.WatchGroupEventsResponse(resume_token=b"last")

    script = Script(two)
    play(script, tmp_path / "mirror.db", b"last", Slow)
    assert len(script.requests) == 1


def test_a_service_that_falls_silent_is_left(
    own_service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is frozen, as a machine that lost its network: only the silence tells."""
    monkeypatch.setattr(wagroups_resume, "PROGRESS_SECONDS", 1.0)
    tries = []

    class Counting:
        def __init__(self, stub: groups_pb2_grpc.GroupsServiceStub) -> None:
            self._stub = stub

        def WatchGroupEvents(self, request):
            tries.append(request)
            return self._stub.WatchGroupEvents(request)

    stop = threading.Event()

    def follow() -> None:
        store = Mirror(str(tmp_path / "mirror.db"))
        with own_service.channel() as channel:
            stub = Counting(groups_pb2_grpc.GroupsServiceStub(channel))
            wagroups_resume.follow(stub, store, ["frozen"], stop)
        store.close()

    with own_service.channel() as channel:
        session = Api(channel).new_session("frozen")
        reader = Mirror(str(tmp_path / "mirror.db"))
        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            eventually("the loop has a token", reader.token)
            assert len(tries) == 1
            own_service.process.send_signal(signal.SIGSTOP)
            try:
                eventually("the loop tries anew", lambda: len(tries) > 1)
            finally:
                own_service.process.send_signal(signal.SIGCONT)
            session.create_group("Awake again")
            eventually("the event arrives", lambda: reader.last_sequence("frozen") == 1)
        finally:
            stop.set()
            thread.join()
            reader.close()
