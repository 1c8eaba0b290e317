"""What a process takes: memory, descriptors and processor time, read from /proc."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Callable, Tuple

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


class Process:
    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")

    def memory(self) -> int:
        """Resident bytes."""
        return int((self._proc / "statm").read_text().split()[1]) * PAGE

    def descriptors(self) -> int:
        return len(os.listdir(self._proc / "fd"))

    def processor_seconds(self) -> float:
        # The name in parentheses may hold spaces.
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def soft_limit_of_descriptors(self) -> int:
        for line in (self._proc / "limits").read_text().splitlines():
            if line.startswith("Max open files"):
                return int(line.split()[3])
        raise AssertionError("no limit of open files")

    def forget_peak(self) -> None:
        (self._proc / "clear_refs").write_text("5")

    def peak_memory(self) -> int:
        """The most resident bytes since the peak was forgotten, as the kernel saw it."""
        for line in (self._proc / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no peak of memory")

    def processor_share(self, seconds: float) -> float:
        """How much of one core it takes, over the next so many seconds."""
        began, took = time.monotonic(), self.processor_seconds()
        time.sleep(seconds)
        return (self.processor_seconds() - took) / (time.monotonic() - began)


class Watch:
    """Looks at a process all the time, so that it is known how it was before it died."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_memory = 0
        self.most_descriptors = 0

    def __enter__(self) -> "Watch":
        self._process.forget_peak()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            try:
                self.peak_memory = max(self.peak_memory, self._process.peak_memory())
                self.most_descriptors = max(self.most_descriptors, self._process.descriptors())
            except (OSError, AssertionError):
                # It has ended, which others notice.
                return


def back_within(seconds: float, is_back: Callable[[], Tuple[str, ...]]) -> Tuple[float, Tuple[str, ...]]:
    """Asks until nothing is amiss any more: after how long that was, and what still is at the end."""
    began = time.monotonic()
    while True:
        amiss = is_back()
        passed = time.monotonic() - began
        if not amiss or passed > seconds:
            return passed, amiss
