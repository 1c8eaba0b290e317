"""The consumer of docs/JETSTREAM.md, as it stands there, beside a real NATS server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from harness import Api, Service, Session, eventually, free_port, phone_number

DOCUMENT = Path(__file__).parents[3] / "docs" / "JETSTREAM.md"


@pytest.fixture
def nats_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    store = tmp_path / "nats"
    server = subprocess.Popen(
        [os.environ["NATS_SERVER"], "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(store)],
        stderr=subprocess.DEVNULL,
    )
    yield f"nats://127.0.0.1:{port}"
    server.kill()
    server.wait()


class Consumer:
    """The documented program as a process, and what it has printed."""

    def __init__(self, directory: Path, nats_url: str) -> None:
        program = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
        assert program, "docs/JETSTREAM.md has a program in Python"
        (directory / "consume.py").write_text(program[1])
        self.output = directory / "consumed"
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(directory / "consume.py")],
                env={**os.environ, "NATS_URL": nats_url},
                stdout=output,
            )

    def lines(self) -> List[str]:
        return self.output.read_text().splitlines()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def logged(session: Session) -> List[str]:
    return [f"{event.session} {event.sequence} {event.id}" for event in session.events()]


def test_the_documented_consumer_gets_every_event_in_order_and_resumes(
    start_service: Callable[..., Service], nats_url: str, tmp_path: Path
) -> None:
    service = start_service(NATS__URL=nats_url)
    with service.channel() as channel:
        api = Api(channel)
        session = api.new_session()
        for number in range(3):
            session.create_group(f"Before {number}", phone_number())
        eventually("the stream is there", lambda: relay_is_done(service))
        consumer = Consumer(tmp_path, nats_url)
        eventually("all is consumed", lambda: consumer.lines() == logged(session))
        consumer.kill()
        for number in range(3):
            session.create_group(f"Meanwhile {number}", phone_number())
        consumer = Consumer(tmp_path, nats_url)
        eventually("the rest is consumed, and nothing again", lambda: consumer.lines() == logged(session))
        consumer.kill()


def relay_is_done(service: Service) -> bool:
    status = subprocess.run(
        [os.environ["WAGROUPS_BIN"], "relay", "status", "--addr", f"http://{service.address}"],
        capture_output=True,
        text=True,
    )
    return bool(re.search(r"^state +publishing$", status.stdout, re.MULTILINE)) and bool(
        re.search(r"^behind +0$", status.stdout, re.MULTILINE)
    )
