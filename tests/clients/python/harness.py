"""The program under test as a process, and its sessions as the tests use them."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Set
from urllib.parse import urlsplit, urlunsplit

import grpc
import pg8000.native
from grpc_health.v1 import health_pb2, health_pb2_grpc
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import groups_pb2_grpc, sessions_pb2, sessions_pb2_grpc, simulator_pb2_grpc

from wagroups_client import Failure, connect, explain

# How long a test waits for something that must happen.
PATIENCE = 30.0
# Of a call: it waits for a service that comes back, but not for ever.
PATIENTLY = {"timeout": PATIENCE, "wait_for_ready": True}
POSTGRES = os.environ.get("WAGROUPS_TEST_POSTGRES_URL")
DATABASES = ["sqlite", "postgres"] if POSTGRES else ["sqlite"]


def eventually(what: str, attempt: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Tries until the attempt answers something true, and answers that. For what no stream tells of."""
    deadline = time.monotonic() + patience
    pause = 0.005
    while True:
        outcome = attempt()
        if outcome:
            return outcome
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {what}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def refused(call: Callable[..., Any], request: Any) -> Failure:
    """Makes a call that must fail, and answers why it did. A stream must fail with its first response."""
    try:
        answer = call(request, **PATIENTLY)
        if isinstance(answer, grpc.Call):
            answer = next(answer)
    except grpc.RpcError as error:
        return explain(error)
    raise AssertionError(f"the call succeeded with {answer}")


def new_request_id() -> str:
    return str(uuid.uuid4())


_numbers = itertools.count(1)


def phone_number(ending: str = "5") -> str:
    """A number that no test has used. The simulator gives the endings 0401, 0403, 0404 and 0408 a meaning;
    all others belong to people who may be added by everyone."""
    return f"49160{next(_numbers):06}{ending}"


def phone_of(person: pb.Participant) -> str:
    """The phone number of a participant, as bare digits."""
    return (person.phone_number_id or person.id).partition("@")[0]


def free_port() -> int:
    # Below the ports that systems give to outgoing connections: it must still be free after a restart.
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def make_database(kind: str, directory: Path) -> str:
    """The URL of a new database. One on PostgreSQL goes with the cluster, which is a throw-away one."""
    if kind == "sqlite":
        return f"sqlite://{directory}/wagroups.db?mode=rwc"
    url = urlsplit(POSTGRES)
    name = f"clients_{uuid.uuid4().hex}"
    server = pg8000.native.Connection(
        url.username or "postgres",
        host=url.hostname or "127.0.0.1",
        port=url.port or 5432,
        password=url.password,
        database=url.path.lstrip("/") or "postgres",
    )
    try:
        server.run(f"CREATE DATABASE {name}")
    finally:
        server.close()
    return urlunsplit(url._replace(path=f"/{name}"))


class Service:
    """The program on one database, through as many lives as the test wants."""

    # All of this run, so that a failed test can show their logs.
    known: List["Service"] = []

    def __init__(self, directory: Path, database_url: str, **settings: str) -> None:
        """`settings` are environment variables without WAGROUPS_."""
        self.directory = directory
        self.database_url = database_url
        self.address = f"127.0.0.1:{free_port()}"
        self.ops_address = f"127.0.0.1:{free_port()}"
        self.webhook_address = f"127.0.0.1:{free_port()}"
        self.log = directory / "log"
        self.process: Optional[subprocess.Popen] = None
        self._settings = settings
        self._mark = 0
        Service.known.append(self)

    def start(self) -> "Service":
        """Starts the program, and waits until it says that it serves."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WAGROUPS_")}
        environment.update(
            WAGROUPS_DATABASE__URL=self.database_url,
            WAGROUPS_GRPC__LISTEN=self.address,
            WAGROUPS_OPS__LISTEN=self.ops_address,
            WAGROUPS_WAHA_INGRESS__LISTEN=self.webhook_address,
            **{f"WAGROUPS_{name}": value for name, value in self._settings.items()},
        )
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.environ["WAGROUPS_BIN"], "serve"],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_until_serving()
        return self

    def wait_until_serving(self) -> None:
        deadline = time.monotonic() + PATIENCE
        with self.channel() as channel:
            health = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < deadline:
                assert self.process.poll() is None, f"the program ended with {self.process.returncode}"
                try:
                    # The stream tells when the status changes. It is short, to notice a dead program.
                    for response in health.Watch(
                        health_pb2.HealthCheckRequest(), timeout=2, wait_for_ready=True
                    ):
                        if response.status == health_pb2.HealthCheckResponse.SERVING:
                            return
                except grpc.RpcError as error:
                    passing = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
                    assert error.code() in passing, error
        raise AssertionError(f"not serving within {PATIENCE:.0f} s")

    def kill(self) -> None:
        """kill -9: no chance to finish anything."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Asks it to stop, and answers its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: int) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE + 10)
        finally:
            self.process.kill()
            self.process.wait()
            self.process = None

    def channel(self, retries: bool = False, api_key: Optional[str] = None) -> grpc.Channel:
        """Tests see every refusal, so nothing is retried unless they ask for it."""
        quick = [
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.min_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 200),
            # No connection shared with another channel.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", int(retries)),
        ]
        return connect(self.address, api_key, options=quick)

    def mark_log(self) -> None:
        self._mark = self.log.stat().st_size if self.log.exists() else 0

    def log_since_mark(self) -> str:
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as log:
            log.seek(self._mark)
            return log.read()[-20_000:].decode(errors="replace")


class Api:
    """All stubs on one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.groups = groups_pb2_grpc.GroupsServiceStub(channel)
        self.sessions = sessions_pb2_grpc.SessionsServiceStub(channel)
        self.simulator = simulator_pb2_grpc.SimulatorServiceStub(channel)

    def new_session(self, name: Optional[str] = None) -> "Session":
        """Makes a session on the simulator, and waits until it works."""
        name = name or f"test-{uuid.uuid4().hex[:12]}"
        self.sessions.CreateSession(sessions_pb2.CreateSessionRequest(session=name), **PATIENTLY)
        return Session(self, name).wait_until_working()


class Session:
    """One WhatsApp account, with short forms of what most tests call."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name

    def get(self) -> sessions_pb2.Session:
        request = sessions_pb2.GetSessionRequest(session=self.name)
        return self.api.sessions.GetSession(request, **PATIENTLY).session

    def wait_until_working(self) -> "Session":
        working = sessions_pb2.SESSION_STATUS_WORKING
        eventually(f"session {self.name} works", lambda: self.get().status == working)
        return self

    @property
    def account(self) -> sessions_pb2.SessionAccount:
        return self.get().account

    @property
    def own_ids(self) -> Set[str]:
        account = self.account
        return {name for name in (account.id, account.lid, account.phone_number_id) if name}

    def create_group(self, subject: str, *people: str, **fields: Any) -> pb.CreateGroupResponse:
        request = pb.CreateGroupRequest(session=self.name, subject=subject, participant_ids=people, **fields)
        return self.api.groups.CreateGroup(request, **PATIENTLY)

    def set_subject(self, group_id: str, subject: str, **fields: Any) -> pb.SetGroupSubjectResponse:
        request = pb.SetGroupSubjectRequest(session=self.name, group_id=group_id, subject=subject, **fields)
        return self.api.groups.SetGroupSubject(request, **PATIENTLY)

    def get_group(self, group_id: str, **fields: Any) -> pb.Group:
        request = pb.GetGroupRequest(session=self.name, group_id=group_id, **fields)
        return self.api.groups.GetGroup(request, **PATIENTLY).group

    def groups(self, **fields: Any) -> List[pb.Group]:
        """All groups, through all pages."""
        found: List[pb.Group] = []
        request = pb.ListGroupsRequest(session=self.name, **fields)
        while True:
            page = self.api.groups.ListGroups(request, **PATIENTLY)
            found.extend(page.groups)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def events(self, **fields: Any) -> List[pb.GroupEvent]:
        """The log, oldest first, through all pages."""
        found: List[pb.GroupEvent] = []
        fields.setdefault("order", pb.EVENT_ORDER_OLDEST_FIRST)
        request = pb.ListGroupEventsRequest(session=self.name, **fields)
        while True:
            page = self.api.groups.ListGroupEvents(request, **PATIENTLY)
            found.extend(page.events)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def wait_for_events(self, count: int) -> List[pb.GroupEvent]:
        """The log once it has so many events."""

        def attempt() -> Optional[List[pb.GroupEvent]]:
            events = self.events()
            return events if len(events) >= count else None

        return eventually(f"{count} events of session {self.name}", attempt)

    def watch(self, **fields: Any) -> "Watch":
        return Watch(self.api, sessions=[self.name], **fields)


class Watch:
    """A watch with a deadline, so that a test which waits in vain fails instead of hanging."""

    def __init__(self, api: Api, patience: float = PATIENCE, **fields: Any) -> None:
        request = pb.WatchGroupEventsRequest(**fields)
        self.call = api.groups.WatchGroupEvents(request, timeout=patience, wait_for_ready=True)
        # Of the last response that held one.
        self.token = b""

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: Any) -> None:
        self.call.cancel()

    def next(self) -> pb.WatchGroupEventsResponse:
        response = next(self.call)
        assert len(response.resume_token) <= 24
        self.token = response.resume_token or self.token
        return response

    def started(self) -> "Watch":
        """Takes the progress at the start: what is committed from here on is seen."""
        first = self.next()
        assert first.HasField("progress") and first.resume_token, first
        return self

    def events(self, count: int) -> List[pb.GroupEvent]:
        """The next events, exactly so many."""
        found: List[pb.GroupEvent] = []
        while len(found) < count:
            found.extend(self.next().events)
        assert len(found) == count, f"{len(found)} events instead of {count}"
        return found


def sequences(events: List[pb.GroupEvent]) -> List[int]:
    return [event.sequence for event in events]
