"""The well-behaved clients, one at each listener and for each way to use it, side by side in a process of their own.

Each asks at its own pace, whatever became of what it asked before, and the time that counts is that since it was due: a
service that hangs for a second is late for all who would have come meanwhile. Half of them keep their connection, and
open a new one where it was closed between two calls, as every library does; the others open one each time, as kubelets
and WAHA do. A call that fails is not repeated. Nobody of them comes from anywhere but 127.0.0.1.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Callable, Dict, List, Optional, Tuple

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from waha_bodies import Gows, Group, Person
from waha_sender import Waha, encode
from wagroups.v1 import groups_pb2, groups_pb2_grpc

import newcomer
from service import SECRET, TOLD, Address, Target, channel

# How long anybody waits for an answer.
PATIENCE = 5.0
# The kubelet's, as the chart sets it.
PROBE_PATIENCE = 3.0


@dataclass(frozen=True)
class Sample:
    """One call: when it was due, how long it took from then on, and why it failed."""

    who: str
    due: float
    seconds: float
    fault: str = ""


class Http:
    """A client of HTTP/1.1 without a library's own repetitions."""

    def __init__(self, address: Address, keeps: bool, patience: float = PATIENCE) -> None:
        self._address, self._keeps, self._patience = address, keeps, patience
        self._connection: Optional[http.client.HTTPConnection] = None

    def ask(
        self, method: str, path: str, headers: Optional[Dict[str, str]] = None, body: Optional[bytes] = None
    ) -> bytes:
        is_kept = self._connection is not None
        try:
            return self._ask(method, path, headers or {}, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._close()
            # It was closed while it was idle: nobody has read what was sent.
            if not is_kept:
                raise
            return self._ask(method, path, headers or {}, body)
        except BaseException:
            self._close()
            raise

    def _ask(self, method: str, path: str, headers: Dict[str, str], body: Optional[bytes]) -> bytes:
        if self._connection is None:
            host, port = self._address
            self._connection = http.client.HTTPConnection(
                host, port, timeout=self._patience, source_address=("127.0.0.1", 0)
            )
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if not self._keeps or response.will_close:
            self._close()
        if not 200 <= response.status < 300:
            raise AssertionError(f"status {response.status}: {answer[:200].decode(errors='replace')}")
        return answer

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Client(threading.Thread):
    """One of them: what it does, and how often."""

    def __init__(self, who: str, every: float, act: Callable[[], object], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.who, self._every, self._act, self._stop_asked = who, every, act, stop
        self.samples: List[Sample] = []

    def run(self) -> None:
        due = time.monotonic()
        while not self._stop_asked.wait(max(0.0, due - time.monotonic())):
            fault = ""
            try:
                self._act()
            except Exception as error:  # Whatever it is, the call has failed.
                fault = describe(error)
            self.samples.append(Sample(self.who, due, time.monotonic() - due, fault))
            due += self._every


def describe(error: Exception) -> str:
    if isinstance(error, grpc.RpcError):
        return f"{error.code().name}: {error.details()}"
    return f"{type(error).__name__}: {error}"


class Grpc:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._key = target.keys["good"]
        self._group = target.groups["good"]
        self._kept = groups_pb2_grpc.GroupsServiceStub(channel(target.grpc, self._key))
        self._changes = 0

    def get(self) -> None:
        self._kept.GetGroup(groups_pb2.GetGroupRequest(session="good", group_id=self._group), timeout=PATIENCE)

    def get_anew(self) -> None:
        with channel(self._target.grpc, self._key) as connected:
            request = groups_pb2.GetGroupRequest(session="good", group_id=self._group)
            groups_pb2_grpc.GroupsServiceStub(connected).GetGroup(request, timeout=PATIENCE)

    def change(self) -> int:
        self._changes += 1
        request = groups_pb2.SetGroupSubjectRequest(
            session="good", group_id=self._group, subject=f"Change {self._changes} of {os.getpid()}"
        )
        return self._kept.SetGroupSubject(request, timeout=PATIENCE).sequence

    def probe(self) -> None:
        with channel(self._target.grpc) as connected:
            request = health_pb2.HealthCheckRequest()
            answer = health_pb2_grpc.HealthStub(connected).Check(request, timeout=PROBE_PATIENCE)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer


class Follower:
    """A watch that is opened once and must never end, and the changes that it must be told of."""

    def __init__(self, target: Target, change: Callable[[], int]) -> None:
        self._change = change
        self._changed_at: Dict[int, float] = {}
        self._told_at: Dict[int, float] = {}
        self._end = ""
        stub = groups_pb2_grpc.GroupsServiceStub(channel(target.grpc, target.keys["good"]))
        self._call = stub.WatchGroupEvents(groups_pb2.WatchGroupEventsRequest(sessions=["good"]))
        # The first response says that it has begun.
        next(self._call)
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        try:
            for response in self._call:
                for event in response.events:
                    self._told_at[event.sequence] = time.monotonic()
        except grpc.RpcError as error:
            self._end = describe(error)

    def change(self) -> None:
        began = time.monotonic()
        self._changed_at[self._change()] = began

    def samples(self) -> List[Sample]:
        """How long each change took until the watch told of it."""
        deadline = time.monotonic() + PATIENCE
        while self._changed_at.keys() - self._told_at.keys() and not self._end and time.monotonic() < deadline:
            time.sleep(0.02)
        samples = []
        for sequence, began in list(self._changed_at.items()):
            told = self._told_at.get(sequence)
            fault = "" if told else f"not told of: {self._end or 'nothing came'}"
            samples.append(Sample("gRPC watch", began, (told or time.monotonic()) - began, fault))
        if self._end:
            samples.append(Sample("gRPC watch", time.monotonic(), 0.0, f"the watch ended: {self._end}"))
        return samples


class Hooks:
    """A WAHA server that tells of one group, ever again something new."""

    def __init__(self, target: Target, keeps: bool, digits: str) -> None:
        self._http = Http(target.webhook, keeps)
        me, other = Person("491700000001"), Person("491700000002")
        self._engine = Gows(me)
        self._waha = Waha("", f"/webhook/{TOLD}", SECRET, TOLD, self._engine)
        self._group = Group(f"120363{digits}@g.us", "As it was", {me: "superadmin", other: "participant"})
        self._other = other
        self._told = 0
        self._post(*self._engine.joined(self._group, me))

    def tell(self) -> None:
        self._told += 1
        subject = f"Change {self._told} of {os.getpid()}"
        self._post(*self._engine.subject(self._group.id, subject, int(time.time()), self._other))

    def _post(self, name: str, payload: Dict[str, object]) -> None:
        event = self._waha.event(name, payload)
        body = encode(event)
        headers = self._waha.headers(event, body)
        answer = json.loads(self._http.ask("POST", self._waha.path, headers, body))
        assert answer["outcome"] == "accepted", answer


def clients_of(target: Target, more: str) -> Tuple[List[Tuple[str, float, Callable[[], object]]], Follower]:
    """All of them, each with the seconds between two calls."""
    service = Grpc(target)
    follower = Follower(target, service.change)
    path, key = "/api/good/groups", {"X-Api-Key": target.keys["good"]}
    rest, rest_anew = Http(target.rest, True), Http(target.rest, False)
    hooks, hooks_anew = Hooks(target, True, "4917001"), Hooks(target, False, "4917002")
    ops = Http(target.ops, False, PROBE_PATIENCE)
    scrape = Http(target.ops, True)
    found: List[Tuple[str, float, Callable[[], object]]] = [
        ("gRPC GetGroup", 0.1, service.get),
        ("gRPC GetGroup, new connection", 0.5, service.get_anew),
        ("gRPC SetGroupSubject", 0.25, follower.change),
        ("gRPC Health, new connection", 0.5, service.probe),
        ("REST", 0.1, lambda: rest.ask("GET", path, key)),
        ("REST, new connection", 0.25, lambda: rest_anew.ask("GET", path, key)),
        ("webhook", 0.25, hooks.tell),
        ("webhook, new connection", 0.25, hooks_anew.tell),
        ("/livez, new connection", 0.25, lambda: ops.ask("GET", "/livez")),
        ("/readyz, new connection", 0.25, lambda: Http(target.ops, False, PROBE_PATIENCE).ask("GET", "/readyz")),
        ("/metrics", 0.5, lambda: scrape.ask("GET", "/metrics")),
    ]
    if more == "newcomer":
        found += newcomer.clients_of(target)
    return found, follower


def run(target: Target, more: str, said: Connection) -> None:
    """The whole process: says that it has begun, and once it is told to end, what it has seen."""
    stop = threading.Event()
    found, follower = clients_of(target, more)
    threads = [Client(who, every, act, stop) for who, every, act in found]
    for thread in threads:
        thread.start()
    said.send("begun")
    said.recv()
    stop.set()
    for thread in threads:
        thread.join(2 * PATIENCE)
    said.send([sample for thread in threads for sample in thread.samples] + follower.samples())
