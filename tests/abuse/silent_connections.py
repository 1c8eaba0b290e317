"""Connections that say nothing, or half of what a protocol begins with."""

from __future__ import annotations

import socket
import time

from http2 import PREFACE
from measure import Process
from outcome import Outcome
from service import Address, Target
from sockets import Crowd, allow_descriptors, fill, hold, wait_until_closed

# As many as the chart's default lets into REST, and into the webhooks.
CONNECTIONS = 4096
# So many to each listener of a process that may have 1,024 descriptors for all.
FEW = 1000
LINES = (b"", b"P", PREFACE[:20])
# A head may take half a minute from the connection on, and a moment until it is seen that it has not come.
HEAD_PATIENCE = 45.0
# The most that a service may take of one core while it has nothing to do but to wait.
RESTING = 0.9


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """4,096 connections to each listener, refilled for a while, which the service has to close by itself."""
    allow_descriptors()
    listeners = {"gRPC": target.grpc, "REST": target.rest, "webhooks": target.webhook, "ops": target.ops}
    crowds = [Crowd(address, source, LINES) for address in listeners.values()]
    fill(crowds, CONNECTIONS)
    hold(crowds, seconds)
    # At the time of the last one that was opened.
    left = wait_until_closed(crowds, HEAD_PATIENCE)
    outcome = Outcome(f"{sum(crowd.opened for crowd in crowds):,} connections")
    for name, crowd in zip(listeners, crowds):
        outcome.demand(len(crowd) == 0, f"{len(crowd)} silent connections to {name} are still open")
        crowd.close()
    if left == 0:
        outcome.did += f", closed after {max(crowd.longest for crowd in crowds):.0f} s at most"
    for name in ("REST", "webhooks", "ops"):
        speaks = speaks_http2(listeners[name], source)
        outcome.demand(not speaks, f"{name} is served over HTTP/2")
    return outcome


def speaks_http2(address: Address, source: str) -> bool:
    with socket.create_connection(address, 5, source_address=(source, 0)) as connection:
        connection.sendall(PREFACE + b"\0\0\0\4\0\0\0\0\0")
        connection.settimeout(5)
        try:
            answer = connection.recv(1024)
        except OSError:
            return False
    # The type of the first frame: SETTINGS.
    return len(answer) >= 9 and answer[3] == 4 and not answer.startswith(b"HTTP/")


def few_descriptors(target: Target, source: str, seconds: float) -> Outcome:
    """1,000 connections to each listener of a process that may have 1,024 descriptors."""
    allow_descriptors()
    process = Process(target.pid)
    outcome = Outcome("")
    crowds = [Crowd(address, source, LINES) for address in (target.grpc, target.rest, target.webhook, target.ops)]
    fill(crowds, FEW)
    began, took = time.monotonic(), process.processor_seconds()
    hold(crowds, seconds)
    share = (process.processor_seconds() - took) / (time.monotonic() - began)
    outcome.demand(share < RESTING, f"it spins: {share:.0%} of a core")
    outcome.did = f"{sum(crowd.opened for crowd in crowds):,} connections, {process.descriptors():,} descriptors in use"
    for crowd in crowds:
        crowd.close()
    return outcome


def raisable_descriptors(target: Target, source: str, seconds: float) -> Outcome:
    """The same where only the soft limit is 1,024, which a process may raise by itself."""
    outcome = few_descriptors(target, source, seconds)
    limit = Process(target.pid).soft_limit_of_descriptors()
    outcome.demand(limit > 1024, f"the soft limit of descriptors is still {limit}")
    return outcome
