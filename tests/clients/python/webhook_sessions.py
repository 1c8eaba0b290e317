"""Sessions that only take webhooks, and the WAHA server that sends them, as the tests use them."""

from __future__ import annotations

import uuid
from typing import Any, Tuple, Type

from wagroups.v1 import sessions_pb2

from harness import PATIENTLY, Api, Service, Session, phone_number
from waha_bodies import Engine, Gows, Group, Person
from waha_sender import Waha

SECRET = "the secret of these tests"


def someone() -> Person:
    return Person(phone_number())


def new_group_id() -> str:
    return f"120363{phone_number()}@g.us"


def new_group(engine: Engine, *others: Person) -> Group:
    """A group that the engine's account has created."""
    members = {engine.me: "superadmin", **{person: "participant" for person in others}}
    return Group(new_group_id(), "As it was", members)


def take_webhooks(
    service: Service, api: Api, kind: Type[Engine] = Gows, secret: str = SECRET, **sender: Any
) -> Tuple[Session, Waha]:
    """A session that only takes webhooks, and its like at WAHA, which signs with SECRET."""
    name = f"told-{uuid.uuid4().hex[:12]}"
    config = sessions_pb2.WahaConfig(webhook_secret=secret)
    api.sessions.CreateSession(sessions_pb2.CreateSessionRequest(session=name, waha=config), **PATIENTLY)
    waha = Waha(service.webhook_address, f"/webhook/{name}", SECRET, name, kind(someone()), **sender)
    return Session(api, name), waha
