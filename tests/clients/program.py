"""The program under test with its REST gateway, and calls of it without any library."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

# How long a test waits for something that must happen.
PATIENCE = 30.0

Read = TypeVar("Read")


def eventually(read: Callable[[], Read], is_right: Callable[[Read], bool]) -> Read:
    """Reads until it is right."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = read()
        if is_right(found):
            return found
        assert time.monotonic() < deadline, f"still {found!r}"
        time.sleep(0.02)


def free_ports(count: int) -> List[int]:
    # Below the ports that systems give to outgoing connections, which would race for them.
    found = []
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


class Program:
    """`wagroups serve --rest`, on a database of its own, which a restart keeps.

    `keys` maps names of API keys to the patterns of sessions that they see; without any it is open. `settings` are
    further ones, as the environment names them after `WAGROUPS_`. `under` is a command that starts it, such as
    `prlimit`, and becomes it.
    """

    def __init__(
        self,
        directory: Path,
        shape: str = "normalized",
        keys: Optional[Mapping[str, str]] = None,
        settings: Optional[Mapping[str, str]] = None,
        under: Sequence[str] = (),
    ) -> None:
        grpc, ops, rest = (f"127.0.0.1:{port}" for port in free_ports(3))
        self.grpc, self.ops = grpc, ops
        self.shape = shape
        self.url = f"http://{rest}"
        self.rest = rest
        self._ready_url = f"http://{ops}/readyz"
        self._directory = directory
        self._under = under
        self.log = directory / "log"
        # A bare environment: whatever WAGROUPS_ variables the caller has are not meant.
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(directory)}
        self.keys = {name: self.run("api-key", "new", name).strip() for name in keys or {}}
        self._environment["WAGROUPS_ADDR"] = f"http://{grpc}"
        if self.keys:
            self._environment["WAGROUPS_API_KEY"] = next(iter(self.keys.values()))
        known = ",".join(f"{name}:{_sha256(self.keys[name])}:{sees}" for name, sees in (keys or {}).items())
        self._settings = {
            "AUTH__KEYS": known,
            "DATABASE__URL": f"sqlite://{directory}/wagroups.db?mode=rwc",
            "GRPC__LISTEN": grpc,
            "OPS__LISTEN": ops,
            "REST__SHAPE": shape,
            **(settings or {}),
        }
        self._settings = {name: value for name, value in self._settings.items() if value}
        self.start()

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [*self._under, os.environ["WAGROUPS_BIN"], "serve", "--rest", self.rest],
                cwd=self._directory,
                env={**self._environment, **{f"WAGROUPS_{name}": value for name, value in self._settings.items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self._process.poll() is None, f"the program ended: {self.log.read_text()}"
            try:
                with urllib.request.urlopen(self._ready_url, timeout=2):
                    return
            except OSError as error:
                assert time.monotonic() < deadline, f"not ready within {PATIENCE:.0f} s: {error}"
                time.sleep(0.02)

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()

    def run(self, *arguments: str) -> str:
        """Runs a command of the program's own client, and answers what it prints."""
        command = [os.environ["WAGROUPS_BIN"], *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def call(
        self, method: str, path: str, body: Any = None, headers: Optional[Dict[str, str]] = None
    ) -> Tuple[int, Any]:
        """Status and body, which is JSON where it is said to be."""
        named = {"X-Api-Key": next(iter(self.keys.values()), ""), "Content-Type": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, _read(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, _read(refused)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.call(method, path, body)
        assert 200 <= status < 300, f"{method} {path}: {status} {answer}"
        return answer

    def new_session(self, name: str, *arguments: str) -> None:
        self.run("sessions", "create", name, *arguments)

    def new_group(self, session: str, subject: str, *numbers: str) -> str:
        body = {"name": subject, "participants": [{"id": number} for number in numbers]}
        group = self.ok("POST", f"/api/{session}/groups", body)
        return group.get("id") or group.get("JID") or group["gid"]["_serialized"]


def _read(answer: Any) -> Any:
    text = answer.read().decode()
    return json.loads(text) if answer.headers.get_content_type() == "application/json" else text


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
