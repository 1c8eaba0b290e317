"""The program under test: what it makes of an environment, the service as a process, and its client."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

BIN = os.environ.get("WAGROUPS_BIN", "")
PATIENCE = 60.0

Environment = Dict[str, str]


def run(arguments: List[str], environment: Environment, patience: float = PATIENCE) -> "subprocess.CompletedProcess[str]":
    """Runs the program with this environment and no other, in a folder that is empty."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [BIN, *arguments], env=environment, cwd=folder, capture_output=True, text=True, timeout=patience, check=False
        )


def settings_in_force(environment: Environment) -> Dict[str, Any]:
    """What `wagroups config` says of an environment; each setting with its value and its source."""
    printed = run(["config", "--json"], environment)
    assert printed.returncode == 0, printed.stderr
    return json.loads(printed.stdout)


def free_ports(count: int) -> List[int]:
    found: List[int] = []
    # Below the ports that systems give to outgoing connections.
    for port in random.sample(range(20_000, 32_000), 500):
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


class Service:
    """`wagroups serve` with an environment."""

    def __init__(self, environment: Environment, log: Path, user: Optional[int] = None) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [BIN, "serve"],
            env=environment,
            cwd="/",
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            **({} if user is None else {"user": user, "group": user, "extra_groups": []}),
        )

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def wait_until(self, arguments: List[str], environment: Environment) -> None:
        """Asks until the client ends well, as a probe does."""
        deadline = time.monotonic() + PATIENCE
        while True:
            asked = run(arguments, environment)
            if asked.returncode == 0:
                return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, asked.stderr + self.log.read_text()
            time.sleep(0.1)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)
