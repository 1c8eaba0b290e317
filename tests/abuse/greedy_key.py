"""One key that takes as much as it can get of what all keys share. The good key's newcomers want some of it then."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from typing import Callable, List

import grpc
from wagroups.v1 import groups_pb2, groups_pb2_grpc, sessions_pb2, webhooks_pb2

from http2 import Connection, grpc_message, head
from outcome import Outcome
from service import Target, channel
from sockets import Crowd, allow_descriptors, hold

# A few more than the chart's defaults allow.
WEBHOOKS = 1100
STREAMS = 4151
WATCHES = 20_400
SESSIONS = 10_100
CONNECTIONS = 4
# Calls that are made in one go.
AT_ONCE = 100
SLOW_PICTURES = 16


def webhooks(target: Target, source: str, seconds: float) -> Outcome:
    """As many webhooks of our own as it can make."""

    def request(number: int) -> bytes:
        url = f"https://receiver-{number}.invalid/"
        return webhooks_pb2.CreateWebhookRequest(url=url, sessions=["greedy"], paused=True).SerializeToString()

    return take_all(target, source, seconds, "/wagroups.v1.WebhooksService/CreateWebhook", WEBHOOKS, request)


def sessions(target: Target, source: str, seconds: float) -> Outcome:
    """As many sessions as it can make."""

    def request(number: int) -> bytes:
        return sessions_pb2.CreateSessionRequest(session=f"greedy-{number}", stopped=True).SerializeToString()

    return take_all(target, source, seconds, "/wagroups.v1.SessionsService/CreateSession", SESSIONS, request)


def take_all(
    target: Target, source: str, seconds: float, path: str, count: int, request: Callable[[int], bytes]
) -> Outcome:
    """Makes so many, or until it is refused, and keeps them for the rest of the time."""
    block = head(path, target.keys["greedy"])
    connection = Connection(target.grpc, source)
    answers: "Counter[int | None]" = Counter()
    end = time.monotonic() + seconds
    made = taken = 0
    is_refused = False
    while made < count and not is_refused and time.monotonic() < end and not connection.is_closed:
        streams = [
            connection.call(block, grpc_message(request(number))) for number in range(made, min(made + AT_ONCE, count))
        ]
        connection.receive_until_ended(streams, 30)
        answers.update(connection.streams.pop(stream).grpc_status for stream in streams)
        made += len(streams)
        # None of them: it is not only for a moment that there is no room.
        is_refused, taken = answers[0] == taken, answers[0]
    while time.monotonic() < end and not connection.is_closed:
        connection.receive(0.5)
    connection.close()
    return Outcome(", ".join(f"{count} × status {status}" for status, count in answers.most_common()))


def event_streams(target: Target, source: str, seconds: float) -> Outcome:
    """As many server-sent events as it can open, one on each connection."""
    allow_descriptors()
    line = f"GET /api/greedy/groups/events HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {target.keys['greedy']}\r\n\r\n"
    crowd = Crowd(target.rest, source, [line.encode()])
    end = time.monotonic() + seconds
    while crowd.opened < STREAMS and time.monotonic() < end:
        crowd.grow(min(200, STREAMS - crowd.opened))
        crowd.look(0.1)
    hold([crowd], max(0.0, end - time.monotonic()))
    outcome = Outcome(f"{crowd.opened:,} streams asked for, {len(crowd):,} open in the end")
    crowd.close()
    return outcome


def watches(target: Target, source: str, seconds: float) -> Outcome:
    """As many watches as it can open, on few connections."""
    block = head("/wagroups.v1.GroupsService/WatchGroupEvents", target.keys["greedy"])
    body = grpc_message(groups_pb2.WatchGroupEventsRequest(sessions=["greedy"]).SerializeToString())
    connections = [Connection(target.grpc, source) for _ in range(CONNECTIONS)]
    end = time.monotonic() + seconds
    opened = 0
    while time.monotonic() < end:
        for connection in connections:
            for _ in range(min(AT_ONCE, WATCHES - opened)):
                connection.call(block, body)
                opened += 1
            connection.receive(0.02)
    streams = [stream for connection in connections for stream in connection.streams.values()]
    refused = sum(stream.is_ended or stream.is_reset for stream in streams)
    for connection in connections:
        connection.close()
    return Outcome(f"{opened:,} watches asked for, {refused:,} of them refused")


def slow_pictures(target: Target, source: str, seconds: float) -> Outcome:
    """Pictures from addresses that send a byte a second."""
    stop = threading.Event()
    drip = Drip(stop)
    answers: "Counter[str]" = Counter()
    end = time.monotonic() + seconds

    def ask() -> None:
        request = groups_pb2.SetGroupPictureRequest(
            session="greedy", group_id=target.groups["greedy"], url=f"http://127.0.0.1:{drip.port}/picture.jpg"
        )
        with channel(target.grpc, target.keys["greedy"]) as connected:
            stub = groups_pb2_grpc.GroupsServiceStub(connected)
            while time.monotonic() < end:
                try:
                    stub.SetGroupPicture(request, timeout=max(1.0, end - time.monotonic()))
                    answers["OK"] += 1
                except grpc.RpcError as error:
                    answers[error.code().name] += 1
                time.sleep(0.1)

    callers = [threading.Thread(target=ask) for _ in range(SLOW_PICTURES)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    stop.set()
    return Outcome(
        f"{drip.served} slow addresses, " + ", ".join(f"{count} × {what}" for what, count in answers.most_common())
    )


class Drip:
    """A server of files that never come to their end."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.served = 0
        self._open: List[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._drip, daemon=True).start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            connection, _ = self._listener.accept()
            self.served += 1
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n")
            self._open.append(connection)

    def _drip(self) -> None:
        while not self._stop.wait(1):
            for connection in list(self._open):
                try:
                    connection.sendall(b"\xff")
                except OSError:
                    self._open.remove(connection)
                    connection.close()
