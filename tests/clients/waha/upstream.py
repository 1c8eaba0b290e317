"""A WAHA server as far as these tests need one: messages and chats of its own, and for all else, groups above all, the
REST gateway of a second wagroups, to which each request and `/ws` go on."""

from __future__ import annotations

import http.client
import json
import select
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Dict, List, NamedTuple
from urllib.parse import urlsplit

# Of one connection, and not to be handed on.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}


class Received(NamedTuple):
    method: str
    path: str
    headers: Dict[str, str]
    body: bytes


class Upstream:
    """The server, on a port of its own. `received` is what came for messages and chats."""

    def __init__(self, behind: str, key: str) -> None:
        self.received: List[Received] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                path = urlsplit(self.path).path
                if self.headers.get("Upgrade"):
                    self.tunnel()
                elif self.headers.get("X-Api-Key") != key:
                    self.answer(401, {"message": "Unauthorized", "statusCode": 401})
                elif path.endswith("/version"):
                    # Its own is that of wagroups, by which no one could tell what WAHA can do.
                    self.answer(200, {"version": "2026.9.2", "engine": "GOWS", "tier": "CORE", "browser": None})
                elif path == "/api/sendText" or "/chats" in path:
                    upstream.received.append(Received(self.command, self.path, dict(self.headers.items()), body))
                    sent = json.loads(body) if body else {}
                    answer = {"id": f"true_{sent.get('chatId')}_AAAA", "body": sent.get("text"), "ack": 1}
                    self.answer(201 if body else 200, answer if body else [{"id": "4915110000009@c.us", "name": "Ann"}])
                else:
                    self.forward(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_any

            def answer(self, status: int, value: object) -> None:
                self.reply(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

            def reply(self, status: int, headers: Dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def forward(self, body: bytes) -> None:
                connection = http.client.HTTPConnection(behind, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                content = answer.read()
                kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
                self.reply(answer.status, kept, content)
                connection.close()

            def tunnel(self) -> None:
                host, _, port = behind.partition(":")
                with socket.create_connection((host, int(port))) as other:
                    head = f"{self.requestline}\r\n{self.headers}"
                    other.sendall(head.replace("\r\n", "\n").replace("\n", "\r\n").encode())
                    pairs = {self.connection: other, other: self.connection}
                    while True:
                        for source in select.select(list(pairs), [], [])[0]:
                            data = source.recv(65536)
                            if not data:
                                self.close_connection = True
                                return
                            pairs[source].sendall(data)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A peer that goes away is none."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
