"""The program under test with its REST gateway, and sessions of it as WAHA's SDK sees them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from httpx import HTTPStatusError
from program import PATIENCE, Program
from waha import AsyncWahaClient, WahaClient


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


class Gateway(Program):
    """The program, with API keys set, answering in the words of one shape."""

    # All of this run, so that a failed test can show their logs.
    known: List["Gateway"] = []

    def __init__(self, directory: Path, shape: str) -> None:
        self._mark = 0
        keys = {"all": "*", "narrow": "elsewhere-*"}
        # A test serves a picture from this machine.
        super().__init__(directory, shape, keys, {"PICTURE__ALLOW_PRIVATE_ADDRESSES": "true"})
        self.key, self.narrow_key = self.keys["all"], self.keys["narrow"]
        Gateway.known.append(self)

    def simulate_session(self, name: str, phone: str) -> None:
        """Makes a session on the simulator. WAHA's groups have no call for it; this has one in gRPC."""
        answer = self.run("sessions", "create", name, "--engine", "simulator", "--phone-number", phone, "--json")
        assert "SESSION_STATUS_WORKING" in answer, answer

    def stop_session(self, name: str) -> None:
        self.run("sessions", "stop", name)

    def mark_log(self) -> None:
        self._mark = self.log.stat().st_size

    def log_since_mark(self) -> str:
        with open(self.log, "rb") as log:
            log.seek(self._mark)
            return log.read()[-20_000:].decode(errors="replace")


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
