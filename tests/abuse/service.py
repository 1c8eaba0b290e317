"""The service as the chart starts it, on SQLite, with all its listeners, and what the attacks and the good client
find in it.

Other than in the chart are only the addresses, which are loopback; the folder of the database; and the simulator,
without which there would be no WhatsApp that a good client's changes could go to.
"""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Mapping, Optional, Sequence, Tuple

import grpc
import yaml
from program import PATIENCE, Program, eventually, free_ports
from wagroups.v1 import groups_pb2, groups_pb2_grpc, sessions_pb2, sessions_pb2_grpc

from wagroups_client import connect

Address = Tuple[str, int]

VALUES = Path(__file__).parents[2] / "helm" / "values.yaml"
DATABASE = "wagroups.db"

# Two tenants, and whoever makes their world.
KEYS = {"good": "good|good-*|told", "greedy": "greedy|greedy-*", "operator": "*"}
# The session whose notifications come as WAHA's webhooks, and its secret.
TOLD = "told"
SECRET = "the secret of the session told"
# The greedy key's groups: a page of them is as large as pages get, 1 MiB.
GREEDY_GROUPS = 100
MEMBERS = 256


def said(value: object) -> str:
    """As a variable has it: what a list holds is separated by commas."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def chart_settings() -> Dict[str, str]:
    """The chart's `settings`, as variables after `WAGROUPS_`."""
    sections = yaml.safe_load(VALUES.read_text())["settings"]
    return {
        f"{section}__{name}".upper(): said(value)
        for section, settings in sections.items()
        for name, value in settings.items()
    }


@dataclass(frozen=True)
class Target:
    """A running service, as another process needs to know it."""

    pid: int
    grpc: Address
    rest: Address
    webhook: Address
    ops: Address
    keys: Mapping[str, str]
    # A group of each session, by the session's name.
    groups: Mapping[str, str]
    # Where attacks may keep what is costly to make.
    folder: Path


class Service:
    """The program on a database that was seeded before."""

    def __init__(
        self,
        folder: Path,
        seed: Optional[Path] = None,
        settings: Optional[Mapping[str, str]] = None,
        under: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True)
        if seed is not None:
            shutil.copy(seed / DATABASE, folder)
        [port] = free_ports(1)
        self.webhook = ("127.0.0.1", port)
        more = {
            **chart_settings(),
            "WAHA_INGRESS__LISTEN": f"127.0.0.1:{port}",
            "SIMULATOR__ENABLED": "true",
            **(settings or {}),
        }
        self.program = Program(folder, keys=KEYS, settings=more, under=under)
        self.log = self.program.log

    def target(self, groups: Mapping[str, str], folder: Path) -> Target:
        return Target(
            pid=self.program.pid,
            grpc=_address(self.program.grpc),
            rest=_address(self.program.rest),
            webhook=self.webhook,
            ops=_address(self.program.ops),
            keys=self.program.keys,
            groups=groups,
            folder=folder,
        )

    def seed(self) -> Dict[str, str]:
        """Makes the sessions and their groups; answers a group of each."""
        with channel(_address(self.program.grpc), self.program.keys["operator"]) as connected:
            sessions = sessions_pb2_grpc.SessionsServiceStub(connected)
            for name in ("good", "greedy"):
                sessions.CreateSession(sessions_pb2.CreateSessionRequest(session=name), timeout=PATIENCE)
                asked = sessions_pb2.GetSessionRequest(session=name)
                eventually(functools.partial(sessions.GetSession, asked, timeout=PATIENCE), _works)
            told = sessions_pb2.WahaConfig(webhook_secret=SECRET)
            sessions.CreateSession(sessions_pb2.CreateSessionRequest(session=TOLD, waha=told), timeout=PATIENCE)

            groups = groups_pb2_grpc.GroupsServiceStub(connected)
            people = [f"49160{number:06}5" for number in range(MEMBERS)]
            made = {
                "good": [groups.CreateGroup.future(_group("good", people[:8]), timeout=PATIENCE) for _ in range(3)],
                "greedy": [
                    groups.CreateGroup.future(_group("greedy", people), timeout=2 * PATIENCE)
                    for _ in range(GREEDY_GROUPS)
                ],
            }
            return {name: [call.result().group.id for call in calls][0] for name, calls in made.items()}


def _works(answer: sessions_pb2.GetSessionResponse) -> bool:
    return answer.session.status == sessions_pb2.SESSION_STATUS_WORKING


def _group(session: str, people: Sequence[str]) -> groups_pb2.CreateGroupRequest:
    return groups_pb2.CreateGroupRequest(session=session, subject="Before the attack", participant_ids=people)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)


def channel(address: Address, key: Optional[str] = None) -> grpc.Channel:
    """A connection of its own, which repeats no call by itself, so that every refusal is seen."""
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.max_reconnect_backoff_ms", 200),
    ]
    return connect("{}:{}".format(*address), key, options=options)
