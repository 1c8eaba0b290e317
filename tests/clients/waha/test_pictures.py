"""A group's picture through WAHA's SDK, as bytes and from an address."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Iterator

import pytest
from waha.generated.models import BinaryFile, ChatPictureResponse, ProfilePictureRequest, RemoteFile, Result

from gateway import Account
from test_groups import new_group, status_of
from words import Normalized


def png(red: int) -> bytes:
    """A real picture of one colour, small, and not square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    width, height = 24, 16
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes([red, 64, 32]) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def as_file(picture: bytes, mimetype: str = "image/png") -> ProfilePictureRequest:
    return ProfilePictureRequest(file=BinaryFile(mimetype=mimetype, data=base64.b64encode(picture).decode()))


def shown(account: Account, group_id: str, **params: Any) -> bytes:
    """The picture that the group has, which the simulator gives without an address."""
    answer = ChatPictureResponse.model_validate(account.get_chat_picture(id=group_id, params=params))
    head, _, data = answer.url.partition(",")
    assert head == "data:image/jpeg;base64", answer.url
    picture = base64.b64decode(data, validate=True)
    # A JPEG from its first marker to its last.
    assert picture[:3] == b"\xff\xd8\xff" and picture[-2:] == b"\xff\xd9"
    return picture


def test_a_picture_is_set_seen_changed_and_taken_away(account: Account, words: Normalized) -> None:
    group_id = new_group(account, words, "Bees")
    assert account.get_chat_picture(id=group_id) == {"url": None}

    assert Result.model_validate(account.set_picture(id=group_id, payload=as_file(png(200)))).success
    first = shown(account, group_id)
    assert shown(account, group_id, refresh=True) == first

    assert account.set_picture(id=group_id, payload=as_file(png(20))) == {"success": True}
    second = shown(account, group_id)
    assert second != first

    # What was seen is taken as well: a JPEG.
    assert account.set_picture(id=group_id, payload=as_file(first, "image/jpeg")) == {"success": True}
    assert shown(account, group_id) != second

    assert Result.model_validate(account.delete_picture(id=group_id)).success
    assert account.get_chat_picture(id=group_id) == {"url": None}
    assert account.get_chat_picture(id=group_id, params={"refresh": True}) == {"url": None}


@pytest.fixture
def address() -> Iterator[str]:
    """Where a picture can be fetched."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = png(120)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/picture.png"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_picture_is_fetched_from_where_it_is(account: Account, words: Normalized, address: str) -> None:
    group_id = new_group(account, words, "Bees")

    request = ProfilePictureRequest(file=RemoteFile(mimetype="image/png", filename="picture.png", url=address))
    assert account.set_picture(id=group_id, payload=request) == {"success": True}

    fetched = shown(account, group_id)
    account.set_picture(id=group_id, payload=as_file(png(120)))
    assert shown(account, group_id) == fetched


@pytest.mark.parametrize(
    "payload", [{}, {"file": {}}, {"file": {"mimetype": "image/png", "data": "no base64!"}}, {"file": None}]
)
def test_what_is_no_picture_leaves_the_one_that_is_there(account: Account, words: Normalized, payload: Any) -> None:
    group_id = new_group(account, words, "Bees")
    account.set_picture(id=group_id, payload=as_file(png(200)))
    before = shown(account, group_id)

    assert status_of(account.set_picture, id=group_id, payload=payload) == 400
    assert status_of(account.set_picture, id=group_id, payload=as_file(b"GIF89a, or so")) in (400, 500)

    assert shown(account, group_id) == before
