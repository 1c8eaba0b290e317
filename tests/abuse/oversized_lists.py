"""Lists in requests of which every element is wrong, so that an answer that tells of each grows without end."""

from __future__ import annotations

import time
from typing import List, Optional

import grpc
from wagroups.v1 import groups_pb2, groups_pb2_grpc

from http2 import Connection, grpc_message, head
from outcome import Outcome
from service import Target, channel

# A type that there is not, so many times.
WRONG_TYPES = 4 << 20
# As many as fit into a small request.
FEWER_TYPES = 250 << 10
# The trailers as they are sent, with all that is in them.
LARGEST_TRAILERS = 6 << 10
INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 3, 8
LIST_EVENTS = "/wagroups.v1.GroupsService/ListGroupEvents"


def wrong_types(count: int) -> bytes:
    """A request whose field `types` is packed, one byte for each."""
    session = groups_pb2.ListGroupEventsRequest(session="greedy").SerializeToString()
    size, digits = count, bytearray()
    while size > 0x7F:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    digits.append(size)
    return grpc_message(session + b"\x1a" + bytes(digits) + b"\x63" * count)


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """A large list of unknown types and a small one in turn, on two connections; and 1,000 wrong numbers through a
    stub, which takes 8 KiB of trailers and not more."""
    block = head(LIST_EVENTS, target.keys["greedy"])
    requests = [wrong_types(WRONG_TYPES), wrong_types(FEWER_TYPES)]
    statuses: List[Optional[int]] = []
    largest = calls = 0
    end = time.monotonic() + seconds
    connections = [Connection(target.grpc, source) for _ in range(2)]
    while time.monotonic() < end:
        for place, connection in enumerate(connections):
            if connection.is_closed or connection.goaway:
                connection.close()
                connections[place] = connection = Connection(target.grpc, source)
            stream = connection.begin(block)
            connection.upload_all(stream, requests[calls % len(requests)], 10)
            connection.receive_until_ended([stream], 30)
            answered = connection.streams[stream]
            statuses.append(answered.grpc_status)
            largest = max(largest, answered.block_bytes)
            calls += 1
            time.sleep(0.05)
    for connection in connections:
        connection.close()
    outcome = Outcome(f"{calls} lists, trailers of up to {largest:,} bytes")
    outcome.demand(largest <= LARGEST_TRAILERS, f"a block of {largest:,} bytes of trailers")
    allowed = {INVALID_ARGUMENT, RESOURCE_EXHAUSTED}
    outcome.demand(set(statuses) <= allowed, f"answers were {sorted(map(str, set(statuses)))}")
    told = stub_sees(target)
    outcome.demand(told == grpc.StatusCode.INVALID_ARGUMENT, f"a stub that names 1,000 wrong ids sees {told.name}")
    return outcome


def stub_sees(target: Target) -> grpc.StatusCode:
    request = groups_pb2.AddParticipantsRequest(
        session="greedy", group_id=target.groups["greedy"], participant_ids=[f"nobody {n}" for n in range(1000)]
    )
    with channel(target.grpc, target.keys["greedy"]) as connected:
        try:
            groups_pb2_grpc.GroupsServiceStub(connected).AddParticipants(request, timeout=30)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK
