"""A session that a WAHA server carries, under WAHA's SDK: messages and groups through one address."""

from __future__ import annotations

import json
from typing import Iterator, NamedTuple

import pytest
from program import Program
from waha import WahaClient
from waha.generated.models import CreateGroupRequest, MessageTextRequest, Participant, ParticipantsRequest

from gateway import eventually
from upstream import Upstream

SERVERS_KEY = "the-key-of-the-server"


class Chain(NamedTuple):
    client: WahaClient
    upstream: Upstream
    program: Program


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """The SDK, the program, a WAHA server; the session is `shop` here and `shop-there` at the server."""
    behind = Program(tmp_path_factory.mktemp("behind"), "gows")
    create = ("sessions", "create")
    behind.run(*create, "shop-there", "--engine", "simulator", "--phone-number", "4915110000001")
    upstream = Upstream(behind.rest, SERVERS_KEY)
    servers = f'[{{ name = "waha-1", url = "{upstream.url}", api_key = "{SERVERS_KEY}" }}]'
    # The first is the operator's, who makes the session.
    keys = {"all": "*", "shop": "shop"}
    program = Program(tmp_path_factory.mktemp("program"), keys=keys, settings={"WAHA__SERVERS": servers})
    program.run(*create, "shop", "--engine", "waha", "--waha-session", "shop-there")
    client = WahaClient(program.url, api_key=program.keys["shop"], timeout=30)
    eventually(lambda: client.sessions.get(session="shop")["status"], "WORKING")
    yield Chain(client, upstream, program)
    client.close()
    assert program.stop() == 0
    upstream.close()
    assert behind.stop() == 0


def test_a_message_and_a_group_go_through_one_address(chain: Chain) -> None:
    client, upstream, program = chain
    text = MessageTextRequest(session="shop", chatId="4915110000009@c.us", text="Grüße 🐝")

    sent = client.chatting.send_text(payload=text)

    assert sent == {"id": "true_4915110000009@c.us_AAAA", "body": "Grüße 🐝", "ack": 1}
    message = upstream.received[-1]
    assert (message.method, message.path) == ("POST", "/api/sendText")
    assert json.loads(message.body) == {**text.model_dump(), "session": "shop-there"}
    headers = {name.lower(): value for name, value in message.headers.items()}
    assert headers["x-api-key"] == SERVERS_KEY
    assert program.keys["shop"] not in str(message)

    invitees = [Participant(id="4915110000002@c.us")]
    made = client.groups.create_group(session="shop", payload=CreateGroupRequest(name="Bees", participants=invitees))
    group_id = made["id"]
    more = ParticipantsRequest(participants=[Participant(id="4915110000003@c.us")])
    client.groups.add_participants(session="shop", id=group_id, payload=more)
    members = client.groups.get_group_participants(session="shop", id=group_id)
    numbers = {member["pn"].partition("@")[0] for member in members}
    assert numbers == {"4915110000001", "4915110000002", "4915110000003"}
    assert client.groups.get_group(session="shop", id=group_id)["subject"] == "Bees"


def test_chats_are_read_where_the_groups_are(chain: Chain) -> None:
    client, upstream, _ = chain
    assert client.chats.get_chats(session="shop", params={"limit": 5}) == [{"id": "4915110000009@c.us", "name": "Ann"}]
    assert upstream.received[-1].path.startswith("/api/shop-there/chats?")


def test_what_is_of_the_server_as_a_whole_goes_nowhere(chain: Chain) -> None:
    client, upstream, _ = chain
    before = len(upstream.received)
    for refused in (client.api_keys.list, client.apps.list):
        with pytest.raises(Exception) as error:
            refused(**({"params": {"session": "shop"}} if refused == client.apps.list else {}))
        assert error.value.response.status_code == 404
    assert len(upstream.received) == before
