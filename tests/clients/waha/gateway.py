"""The program under test with its REST gateway, and sessions of it as WAHA's SDK sees them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from httpx import HTTPStatusError
from waha import AsyncWahaClient, WahaClient

# How long a test waits for something that must happen.
PATIENCE = 30.0


def eventually(read: Callable[[], Any], expected: Any) -> None:
    """Reads until it is as expected. For what another session did: WhatsApp tells of it a moment later."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found = read()
        except HTTPStatusError as refused:
            found = refused.response.text
        if found == expected or time.monotonic() > deadline:
            assert found == expected
            return
        time.sleep(0.01)


def _free_ports(count: int) -> List[int]:
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


class Gateway:
    """The program, with API keys set, answering in the words of one shape."""

    # All of this run, so that a failed test can show their logs.
    known: List["Gateway"] = []

    def __init__(self, directory: Path, shape: str) -> None:
        self.shape = shape
        grpc, ops, rest = (f"127.0.0.1:{port}" for port in _free_ports(3))
        self.url = f"http://{rest}"
        self._ready_url = f"http://{ops}/readyz"
        self._log = directory / "log"
        self._mark = 0
        # A bare environment: whatever WAGROUPS_ variables the caller has are not meant.
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(directory)}
        self.key = self._run("api-key", "new", "all").strip()
        self.narrow_key = self._run("api-key", "new", "narrow").strip()
        self._environment["WAGROUPS_API_KEY"] = self.key
        self._environment["WAGROUPS_ADDR"] = f"http://{grpc}"
        settings = {
            "AUTH__KEYS": f"all:{_sha256(self.key)}:*,narrow:{_sha256(self.narrow_key)}:elsewhere-*",
            "DATABASE__URL": f"sqlite://{directory}/wagroups.db?mode=rwc",
            "GRPC__LISTEN": grpc,
            "OPS__LISTEN": ops,
            "REST__SHAPE": shape,
            # A test serves a picture from this machine.
            "PICTURE__ALLOW_PRIVATE_ADDRESSES": "true",
        }
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [os.environ["WAGROUPS_BIN"], "serve", "--rest", rest],
                cwd=directory,
                env={**self._environment, **{f"WAGROUPS_{name}": value for name, value in settings.items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        Gateway.known.append(self)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self._process.poll() is None, f"the program ended: {self._log.read_text()}"
            try:
                with urllib.request.urlopen(self._ready_url, timeout=2):
                    return
            except OSError as error:
                assert time.monotonic() < deadline, f"not ready within {PATIENCE:.0f} s: {error}"
                time.sleep(0.02)

    def _run(self, *arguments: str) -> str:
        """Runs a command of the program's own client, and answers what it prints."""
        command = [os.environ["WAGROUPS_BIN"], *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def new_session(self, name: str, phone: str) -> None:
        """Makes a session on the simulator. WAHA's groups have no call for it; this has one in gRPC."""
        answer = self._run("sessions", "create", name, "--engine", "simulator", "--phone-number", phone, "--json")
        assert "SESSION_STATUS_WORKING" in answer, answer

    def stop_session(self, name: str) -> None:
        self._run("sessions", "stop", name)

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()

    def mark_log(self) -> None:
        self._mark = self._log.stat().st_size

    def log_since_mark(self) -> str:
        with open(self._log, "rb") as log:
            log.seek(self._mark)
            return log.read()[-20_000:].decode(errors="replace")


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Account:
    """The SDK's group calls for one session: `account.get_group(id=…)` is the SDK's
    `groups.get_group(session=…, id=…)`, or its twin `a_get_group`, which is awaited."""

    def __init__(self, gateway: Gateway, session: str, phone: str, style: str, key: Optional[str]) -> None:
        self.session = session
        self.phone = phone
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._client: Any = None
        if style == "async":
            self._loop = asyncio.new_event_loop()
            self._client = AsyncWahaClient(gateway.url, api_key=key, timeout=PATIENCE)
        else:
            self._client = WahaClient(gateway.url, api_key=key, timeout=PATIENCE)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            arguments.setdefault("session", self.session)
            if self._loop is None:
                return getattr(self._client.groups, name)(**arguments)
            return self._loop.run_until_complete(getattr(self._client.groups, f"a_{name}")(**arguments))

        return call

    def members(self, group_id: str) -> Dict[str, str]:
        """Who is in the group, by phone number, and as what."""
        listed = self.get_group_participants(id=group_id)
        return {member["pn"].partition("@")[0]: member["role"] for member in listed}

    def knows(self, group_id: str) -> None:
        """Waits until this session was told of a group that another one put it into."""
        eventually(lambda: self.phone in self.members(group_id), True)

    def close(self) -> None:
        if self._loop is None:
            self._client.close()
        else:
            self._loop.run_until_complete(self._client.close())
            self._loop.close()
