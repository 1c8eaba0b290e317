"""What is no gRPC on a gRPC path, and bodies that are not what their head says: faults of callers, and none of ours."""

from __future__ import annotations

import http.client
import re
import time
from dataclasses import dataclass
from typing import FrozenSet, List, Optional

from wagroups.v1 import groups_pb2

from http2 import DATA, END_HEADERS, END_STREAM, HEADERS, Connection, frame, head, reset
from outcome import Outcome
from service import Target

GET_GROUP = "/wagroups.v1.GroupsService/GetGroup"
CHECK = "/grpc.health.v1.Health/Check"
INVALID_ARGUMENT, UNIMPLEMENTED, INTERNAL = 3, 12, 13
FOREIGN_TYPES = ("application/json", "text/plain", "application/grpc-web", "application/grpc-web-text", "")


@dataclass(frozen=True)
class Case:
    name: str
    block: bytes
    # None: the head is all there is.
    body: Optional[bytes]
    right: FrozenSet[int]
    # Whether its answer may also be status 415 of HTTP.
    is_foreign: bool = False


def cases(target: Target) -> List[Case]:
    key = target.keys["greedy"]
    request = groups_pb2.GetGroupRequest(session="greedy", group_id=target.groups["greedy"]).SerializeToString()
    whole = b"\0" + len(request).to_bytes(4, "big") + request
    invalid = frozenset({INVALID_ARGUMENT})
    foreign = frozenset({UNIMPLEMENTED})
    right = head(GET_GROUP, key)
    found = [
        Case(f"{kind or 'no type'} at {path}", head(path, key, content_type=kind), b"{}", foreign, is_foreign=True)
        for kind in FOREIGN_TYPES
        for path in (GET_GROUP, CHECK)
    ]
    for path in (GET_GROUP, CHECK):
        found.append(Case(f"an empty body at {path}", head(path, key), b"", invalid))
        found.append(Case(f"no body at {path}", head(path, key), None, invalid))
    return [
        *found,
        Case("half a length", right, b"\0\0\0", invalid),
        Case("less than announced", right, b"\0\0\0\0\x64" + b"x" * 10, invalid),
        Case("all but the last byte", right, whole[:-1], invalid),
        Case("compressed, in no known way", right, b"\1" + whole[1:], invalid | foreign),
        Case("a flag that there is not", right, b"\7" + whole[1:], invalid),
        Case("no protobuf", right, b"\0\0\0\0\4\xff\xff\xff\xff", invalid),
        Case("a text that is no UTF-8", right, b"\0\0\0\0\4\x0a\2\xff\xff", invalid),
    ]


def internal_calls(target: Target) -> float:
    """Calls that ended in an error of ours, as the alert counts them."""
    connection = http.client.HTTPConnection(*target.ops, timeout=10)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    found = re.findall(r'^wagroups_rpcs_total\{[^}]*code="Internal"[^}]*\} (\S+)$', text, re.MULTILINE)
    return sum(map(float, found))


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """Each case ever again, and bodies that break off: by a reset, and with their connection."""
    before = internal_calls(target)
    outcome = Outcome("")
    done = 0
    right = head(GET_GROUP, target.keys["greedy"])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for case in cases(target):
            fault = check(case, target, source)
            if fault and fault not in outcome.faults:
                outcome.faults.append(fault)
            done += 1
        for how in (b"\0\0\0\0\x64", b"\0\0", b""):
            connection = Connection(target.grpc, source)
            stream = connection.open()
            connection.send(frame(HEADERS, END_HEADERS, stream, right) + frame(DATA, 0, stream, how))
            connection.receive(0.05)
            connection.send(reset(stream))
            stream = connection.open()
            connection.send(frame(HEADERS, END_HEADERS, stream, right) + frame(DATA, 0, stream, how))
            connection.receive(0.05)
            connection.close()
            done += 2
    outcome.did = f"{done} requests"
    more = internal_calls(target) - before
    outcome.demand(not more, f"{more:.0f} calls count as errors of ours")
    return outcome


def check(case: Case, target: Target, source: str) -> str:
    connection = Connection(target.grpc, source)
    stream = connection.open()
    if case.body is None:
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, case.block))
    else:
        connection.send(frame(HEADERS, END_HEADERS, stream, case.block) + frame(DATA, END_STREAM, stream, case.body))
    connection.receive_until_ended([stream], 5)
    answer = connection.streams[stream]
    connection.close()
    status = answer.headers.get(":status")
    if case.is_foreign and status == "415":
        return ""
    if status == "200" and answer.grpc_status in case.right:
        return ""
    return f"{case.name}: HTTP {status}, grpc-status {answer.grpc_status}"
