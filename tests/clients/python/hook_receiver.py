"""The far side of a webhook: a server that verifies what it is posted, keeps it, and answers as it is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Tuple


class Receiver:
    """Takes everything, unless `answer` says otherwise of a body."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._posts: List[Tuple[Dict[str, Any], Dict[str, str], int]] = []
        self._lock = threading.Lock()
        self.answer: Callable[[Dict[str, Any]], int] = lambda body: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver._take(raw, {name.lower(): value for name, value in self.headers.items()}))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, raw: bytes, headers: Dict[str, str]) -> int:
        expected = hmac.new(self._key, raw, hashlib.sha512).hexdigest()
        if headers.get("x-webhook-hmac-algorithm") != "sha512" or headers.get("x-webhook-hmac") != expected:
            return 401
        body = json.loads(raw)
        status = self.answer(body)
        with self._lock:
            self._posts.append((body, headers, status))
        return status

    def posts(self) -> List[Tuple[Dict[str, Any], Dict[str, str], int]]:
        """Every post that was signed rightly: its body, its headers in lower case, what it was answered."""
        with self._lock:
            return list(self._posts)

    def taken(self) -> List[Dict[str, Any]]:
        return [body for body, _, status in self.posts() if 200 <= status < 300]
