"""Follows the events of wagroups and misses none: the loop around WatchGroupEvents.

Copy this file and wagroups_client.py into your project, and give `follow` a store of your own;
wagroups_mirror.py is one on SQLite. It sees each event exactly once, however often this process, the
connection or the service dies, because the store commits the token together with the effects.
"""

from __future__ import annotations

import math
import random
import threading
import time
from typing import Optional, Protocol, Sequence

import grpc
from wagroups.v1 import groups_pb2 as pb, groups_pb2_grpc

from wagroups_client import explain

# The token leads nowhere any more: begin anew with all groups as they are now.
RELIST = {
    "RESUME_TOKEN_EXPIRED",  # What follows it is no longer kept: the events in between are lost.
    "LOG_MISMATCH",  # It is of another log: another deployment answers at this address.
    "LOG_DIVERGED",  # The service was restored from a backup that lacks what we have seen.
    "INVALID_RESUME_TOKEN",  # It is no token at all: the store is damaged.
}
# The service sends us to its other replicas: no need to wait.
AT_ONCE = {"DRAINING", "CONNECTION_AGED"}
# What another try may mend. All else is ours to correct, such as a wrong key or session, and is raised.
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}
PROGRESS_SECONDS = 10.0
FIRST_DELAY, LONGEST_DELAY = 0.2, 30.0


class Store(Protocol):
    """Where the effects of events go. It has one transaction open at a time; `clear` and `apply` work in it."""

    def token(self) -> Optional[bytes]:
        """The last token committed; None where there is none, and after `forget`."""

    def clear(self) -> None:
        """Drops all groups: the initial state that follows replaces them."""

    def apply(self, response: pb.WatchGroupEventsResponse) -> None:
        """Takes in `response.initial_groups` and `response.events`."""

    def commit(self, token: bytes) -> None:
        """Makes all since the last commit durable, and the token with it."""

    def rollback(self) -> None:
        """Undoes all since the last commit."""

    def forget(self) -> None:
        """Durably drops the token, but keeps the groups until `clear`."""


def follow(
    groups: groups_pb2_grpc.GroupsServiceStub,
    store: Store,
    sessions: Sequence[str] = (),
    stop: Optional[threading.Event] = None,
) -> None:
    """Feeds the store until `stop` is set. Raises what no other try can mend, and what the store raises.

    `sessions` are all that the key may see, unless named. Call `store.forget()` when you change them: with an
    old token, the groups that a session has already would not come.
    """
    stop = stop or threading.Event()
    failures = 0
    while not stop.is_set():
        request = pb.WatchGroupEventsRequest(sessions=sessions)
        request.progress_interval.FromMilliseconds(int(PROGRESS_SECONDS * 1000))
        token = store.token()
        call, asked_to_wait = None, 0.0
        try:
            if token is None:
                request.send_initial_state = True
                store.clear()
            else:
                request.resume_token = token
            call = groups.WatchGroupEvents(request)
            heard = [time.monotonic()]
            threading.Thread(target=_watch_over, args=(call, heard, stop), daemon=True).start()
            for response in call:
                # Only the service's silence counts, not the time that the store takes.
                heard[0] = math.inf
                store.apply(response)
                # Before the end of an initial state there is no token: all of it, or none.
                if response.resume_token:
                    store.commit(response.resume_token)
                    failures = 0
                heard[0] = time.monotonic()
        except grpc.RpcError as error:
            failure = explain(error)
            asked_to_wait = failure.retry_delay or 0.0
            if failure.reason in RELIST:
                store.rollback()
                store.forget()
            elif failure.code not in PASSING:
                raise
            elif failure.reason in AT_ONCE and failures == 0:
                failures = 1
                continue
        finally:
            store.rollback()
            if call is not None:
                call.cancel()
        # With jitter, so that thousands of clients do not come back at the same instant.
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures, 10))
        failures += 1
        stop.wait(asked_to_wait + random.uniform(0, delay))


def _watch_over(call: grpc.Call, heard: Sequence[float], stop: threading.Event) -> None:
    """Ends the call when asked to stop, and when the service was silent for two intervals: it sends
    progress, so the connection is dead then."""
    while call.is_active():
        if stop.wait(0.1) or time.monotonic() - heard[0] > 2.2 * PROGRESS_SECONDS:
            call.cancel()
