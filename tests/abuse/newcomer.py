"""What the good key's clients do besides, where another key has taken as much as it could get: each begins something
new, again and again, and wants room for it."""

from __future__ import annotations

import http.client
import itertools
import struct
import zlib
from typing import Callable, List, Tuple

from wagroups.v1 import groups_pb2, groups_pb2_grpc, sessions_pb2, sessions_pb2_grpc, webhooks_pb2, webhooks_pb2_grpc

from service import Target, channel

PATIENCE = 5.0


def png(side: int) -> bytes:
    """A small picture, of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x40\x80\xc0" * side for _ in range(side)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class Newcomer:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._key = target.keys["good"]
        connected = channel(target.grpc, self._key)
        self._groups = groups_pb2_grpc.GroupsServiceStub(connected)
        self._sessions = sessions_pb2_grpc.SessionsServiceStub(connected)
        self._webhooks = webhooks_pb2_grpc.WebhooksServiceStub(connected)
        self._numbers = itertools.count()
        self._picture = png(64)

    def webhook(self) -> None:
        # Paused: nothing is to leave for anywhere.
        request = webhooks_pb2.CreateWebhookRequest(url="https://receiver.invalid/", sessions=["good"], paused=True)
        made = self._webhooks.CreateWebhook(request, timeout=PATIENCE).webhook
        self._webhooks.DeleteWebhook(webhooks_pb2.DeleteWebhookRequest(webhook_id=made.id), timeout=PATIENCE)

    def session(self) -> None:
        name = f"good-{next(self._numbers)}"
        self._sessions.CreateSession(sessions_pb2.CreateSessionRequest(session=name, stopped=True), timeout=PATIENCE)
        self._sessions.DeleteSession(sessions_pb2.DeleteSessionRequest(session=name), timeout=PATIENCE)

    def watch(self) -> None:
        request = groups_pb2.WatchGroupEventsRequest(sessions=["good"])
        call = self._groups.WatchGroupEvents(request, timeout=PATIENCE)
        next(call)
        call.cancel()

    def history(self) -> None:
        """A watch from the beginning of the log, up to the first events."""
        request = groups_pb2.WatchGroupEventsRequest(sessions=["good"], earliest=groups_pb2.Earliest())
        call = self._groups.WatchGroupEvents(request, timeout=PATIENCE)
        while not next(call).events:
            pass
        call.cancel()

    def picture(self) -> None:
        request = groups_pb2.SetGroupPictureRequest(
            session="good", group_id=self._target.groups["good"], data=self._picture
        )
        self._groups.SetGroupPicture(request, timeout=PATIENCE)

    def events(self) -> None:
        """Server-sent events, up to the first byte of them."""
        host, port = self._target.rest
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE, source_address=("127.0.0.1", 0))
        try:
            connection.request("GET", "/api/good/groups/events", headers={"X-Api-Key": self._key})
            response = connection.getresponse()
            assert response.status == 200, f"status {response.status}: {response.read(200)!r}"
            assert response.read1(1)
        finally:
            connection.close()


def clients_of(target: Target) -> List[Tuple[str, float, Callable[[], object]]]:
    new = Newcomer(target)
    return [
        ("new webhook", 1.0, new.webhook),
        ("new session", 1.0, new.session),
        ("new watch", 1.0, new.watch),
        ("new watch from the beginning", 1.0, new.history),
        ("new picture", 1.0, new.picture),
        ("new server-sent events", 1.0, new.events),
    ]
