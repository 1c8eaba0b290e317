"""Answers that are asked for and not taken: streams whose window is 0."""

from __future__ import annotations

import time

from wagroups.v1 import groups_pb2

from http2 import Connection, grpc_message, head, window
from outcome import Outcome
from service import Target

CONNECTIONS = 8
STREAMS = 500
LIST_GROUPS = "/wagroups.v1.GroupsService/ListGroups"
WATCH = "/wagroups.v1.GroupsService/WatchGroupEvents"
WATCHES = 1500
# The greedy session's log holds at least so much: a hundred groups with 256 members each.
WHOLE_LOG = 1 << 20


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


def stalled_watches(target: Target, source: str, seconds: float) -> Outcome:
    """1,500 watches from the beginning of the log, whose batches of 1 MiB are not taken. None may end for that, and one
    that reads again at last is told all."""
    block = head(WATCH, target.keys["greedy"])
    request = groups_pb2.WatchGroupEventsRequest(sessions=["greedy"], earliest=groups_pb2.Earliest())
    body = grpc_message(request.SerializeToString())
    connections = [Connection(target.grpc, source, initial_window=0) for _ in range(CONNECTIONS)]
    opened = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for connection in connections:
            for _ in range(min(20, WATCHES - opened)):
                connection.call(block, body)
                opened += 1
            connection.receive(0.05)
    streams = [stream for connection in connections for stream in connection.streams.values()]
    # An end that says why can only come before a response waits for room: those have not begun.
    refused, ended = sum(stream.is_ended for stream in streams), sum(stream.is_reset for stream in streams)
    outcome = Outcome(f"{opened:,} watches, {refused:,} of them refused at once")
    outcome.demand(
        not any(connection.is_closed or connection.goaway for connection in connections), "a connection ended"
    )
    outcome.demand(not ended, f"{ended} watches ended")
    last = connections[-1]
    number = next(number for number, stream in last.streams.items() if number and not stream.is_ended)
    last.send(window(0, 1 << 24) + window(number, 1 << 24))
    deadline = time.monotonic() + 10
    while last.streams[number].data_bytes < WHOLE_LOG and time.monotonic() < deadline and not last.is_closed:
        last.receive(0.2)
    told = last.streams[number].data_bytes
    outcome.demand(told >= WHOLE_LOG, f"a watch that reads again was sent {told:,} bytes")
    for connection in connections:
        connection.close()
    return outcome
