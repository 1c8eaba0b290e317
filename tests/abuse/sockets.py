"""Many connections at once, which say little and stay."""

from __future__ import annotations

import errno
import resource
import select
import socket
import time
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from service import Address

# Linux's; Python has no name for it before 3.13.
IP_BIND_ADDRESS_NO_PORT = 24
LISTENING = select.EPOLLIN | select.EPOLLRDHUP
OVER = select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP


def allow_descriptors() -> int:
    """Lets this process have as many as it may; answers how many that are."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Crowd:
    """Connections to one address, each of which says its line and then nothing more. One that is closed by the other
    side is opened anew as long as `is_stubborn`."""

    def __init__(self, address: Address, source: str, lines: Sequence[bytes]) -> None:
        self._address, self._source = address, source
        self._lines = lines
        self._poll = select.epoll()
        self._open: Dict[int, socket.socket] = {}
        self._opened_at: Dict[int, float] = {}
        # What those have to say that have not said it yet.
        self._unsaid: Dict[int, bytes] = {}
        self.is_stubborn = True
        self.opened = 0
        self.closed = 0
        # The longest that one which the other side has closed had been open.
        self.longest = 0.0

    def grow(self, count: int) -> None:
        for _ in range(count):
            try:
                connection = socket.socket()
                connection.setblocking(False)
                # The port is chosen with the address that it goes to; else the kernel looks for one that is free for
                # all addresses, which took 35 s for 16,384 of them.
                connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                connection.bind((self._source, 0))
                failed = connection.connect_ex(self._address)
            except OSError:
                # No descriptor or no port is left: this is all that can be done to it.
                return
            if failed not in (0, errno.EINPROGRESS):
                connection.close()
                continue
            line = self._lines[self.opened % len(self._lines)]
            self.opened += 1
            self._open[connection.fileno()] = connection
            self._opened_at[connection.fileno()] = time.monotonic()
            # It can be said once it is connected.
            if line:
                self._unsaid[connection.fileno()] = line
            self._poll.register(connection, select.EPOLLOUT if line else LISTENING)

    def look(self, seconds: float) -> None:
        """Takes notice of what the other side does, for so long."""
        end = time.monotonic() + seconds
        closed = 0
        while (left := end - time.monotonic()) > 0:
            for descriptor, events in self._poll.poll(min(left, 0.1), 1024):
                closed += self._notice(descriptor, events)
        if self.is_stubborn:
            # No faster than this, so that it is the other side's time that is measured, and not ours.
            self.grow(min(closed, 200))

    def _notice(self, descriptor: int, events: int) -> int:
        connection = self._open[descriptor]
        try:
            if not events & OVER:
                if events & select.EPOLLOUT:
                    connection.send(self._unsaid.pop(descriptor))
                    self._poll.modify(descriptor, LISTENING)
                    return 0
                if connection.recv(4096):
                    return 0
        except OSError:
            pass
        self.longest = max(self.longest, time.monotonic() - self._opened_at[descriptor])
        self.closed += 1
        self._forget(descriptor)
        return 1

    def _forget(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._open.pop(descriptor).close()
        del self._opened_at[descriptor]
        self._unsaid.pop(descriptor, None)

    def __len__(self) -> int:
        """How many are open on both sides. Where the listener's queue was full at the end of a handshake, the kernel
        tells this side of a connection that it has thrown away on the other; who says nothing never learns of it."""
        if not self._open:
            return 0
        port = self._address[1]
        others = {remote for local, remote in established() if local == port}
        return sum(connection.getsockname()[1] in others for connection in self._open.values())

    def close(self) -> None:
        for descriptor in list(self._open):
            self._forget(descriptor)
        self._poll.close()


def established() -> List[Tuple[int, int]]:
    """The port of this side and of the other, of each socket whose handshake has ended."""
    ports = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        # ESTABLISHED, and CLOSE_WAIT: the other side has gone, and this one has not noticed.
        if state in ("01", "08"):
            ports.append((int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16)))
    return ports


def fill(crowds: List[Crowd], count: int) -> None:
    """Lets each grow to so many, in steps: a listener's queue holds a thousand, and whoever finds it full tries again
    only seconds later."""
    while any(crowd.opened < count for crowd in crowds):
        opened = sum(crowd.opened for crowd in crowds)
        for crowd in crowds:
            crowd.grow(min(256, count - crowd.opened))
            crowd.look(0.05)
        if sum(crowd.opened for crowd in crowds) == opened:
            # No descriptor or no port is left.
            return


def hold(crowds: List[Crowd], seconds: float) -> None:
    """Keeps them there for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for crowd in crowds:
            crowd.look(0.1)


def wait_until_closed(crowds: List[Crowd], seconds: float) -> int:
    """Waits until the other side has closed them all, and answers how many it has not."""
    for crowd in crowds:
        crowd.is_stubborn = False
    end = time.monotonic() + seconds
    while any(len(crowd) for crowd in crowds) and time.monotonic() < end:
        for crowd in crowds:
            crowd.look(0.2)
    return sum(len(crowd) for crowd in crowds)
