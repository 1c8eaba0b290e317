"""Webhooks of somebody who knows a session's name and not its secret."""

from __future__ import annotations

import http.client
import select
import socket
import time
from typing import Dict, Tuple

from outcome import Outcome
from service import TOLD, Target

SOCKETS = 24
BODY = 4 << 20


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """24 bodies of 4 MiB with a false signature, all but their last byte, held for as long as the service lets them."""
    head = (
        f"POST /webhook/{TOLD} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Webhook-Hmac: {'0' * 128}\r\nX-Webhook-Hmac-Algorithm: sha512\r\nContent-Length: {BODY}\r\n\r\n"
    ).encode()
    uploads = Uploads(target, source, head + bytes(BODY - 1))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        uploads.go_on()
    uploads.close()
    outcome = Outcome(f"{uploads.begun} bodies begun, {uploads.sent >> 20:,} MiB of them taken")
    known, unknown = answer_to(target, source, TOLD), answer_to(target, source, "nobody")
    outcome.demand(known == unknown, f"a stranger is answered {known} where the session is there, else {unknown}")
    return outcome


class Uploads:
    """Sockets that send the same, each from its beginning; those that are closed are opened anew."""

    def __init__(self, target: Target, source: str, request: bytes) -> None:
        self._target, self._source = target, source
        self._request = memoryview(request)
        self._at: Dict[socket.socket, int] = {}
        self.begun = self.sent = 0

    def go_on(self) -> None:
        # Two at a time, so that each gets to its end: all at once they would fill the room together and be refused.
        unfinished = [each for each, at in self._at.items() if at < len(self._request)][:2]
        if len(self._at) < SOCKETS and len(unfinished) < 2:
            connection = socket.create_connection(self._target.webhook, 5, source_address=(self._source, 0))
            connection.setblocking(False)
            self._at[connection] = 0
            self.begun += 1
        readable, writable, _ = select.select(list(self._at), unfinished, [], 0.02)
        for each in writable:
            try:
                more = each.send(self._request[self._at[each] : self._at[each] + (256 << 10)])
            except BlockingIOError:
                continue
            except OSError:
                self._drop(each)
                continue
            self._at[each] += more
            self.sent += more
        for each in readable:
            # An answer, or the end: whichever, this body is refused.
            self._drop(each)
        time.sleep(0.005)

    def _drop(self, connection: socket.socket) -> None:
        if self._at.pop(connection, None) is not None:
            connection.close()

    def close(self) -> None:
        for connection in list(self._at):
            self._drop(connection)


def answer_to(target: Target, source: str, session: str) -> Tuple[int, bytes]:
    """What somebody without the secret is told, but for the name that they gave."""
    host, port = target.webhook
    connection = http.client.HTTPConnection(host, port, timeout=5, source_address=(source, 0))
    headers = {"Content-Type": "application/json", "X-Webhook-Hmac": "0" * 128, "X-Webhook-Hmac-Algorithm": "sha512"}
    try:
        connection.request("POST", f"/webhook/{session}", b"{}", headers)
        response = connection.getresponse()
        return response.status, response.read().replace(session.encode(), b"NAME")
    finally:
        connection.close()
