"""A stand-in for WAHA's sender of webhooks: makes events, signs them, and posts them as WAHA does.

That is: each event at once and by itself, so in no order and many at the same time; again as long as it is not
acknowledged and tries are left; and forgotten then. What is in the events is made by waha_bodies.py.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional

from waha_bodies import Engine, Told

VERSION = "2026.9.2"
# As many as WAHA makes after the first try, unless it is told otherwise.
RETRIES = 15
# WAHA waits for ever. A test that waits in vain fails instead of hanging.
PATIENCE = 30.0

_BASE_32 = "0123456789abcdefghjkmnpqrstvwxyz"


def new_event_id(time_ms: int) -> str:
    """`evt_` and a ULID in lower case: 48 bits of the time, and 80 of chance."""
    number = time_ms << 80 | secrets.randbits(80)
    return "evt_" + "".join(_BASE_32[number >> 5 * place & 31] for place in reversed(range(26)))


def encode(event: Dict[str, Any]) -> bytes:
    """As JSON.stringify does, half a character included."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What the service said; of a try that got no answer, status 0."""

    status: int
    body: Dict[str, str] = field(default_factory=dict)
    retry_after: float = 0.0

    @property
    def outcome(self) -> str:
        """`accepted`, `duplicate` or `ignored` where it was acknowledged, else empty."""
        return self.body.get("outcome", "")

    @property
    def reason(self) -> str:
        """Why it was refused; empty where it was not."""
        return self.body.get("reason", "")

    @property
    def is_acknowledged(self) -> bool:
        return 200 <= self.status < 300


class Delivery:
    """One event on its way, with the answers to all tries so far."""

    def __init__(self, event: Dict[str, Any]) -> None:
        self.event = event
        self.answers: List[Answer] = []
        self.thread: Optional[threading.Thread] = None

    @property
    def is_acknowledged(self) -> bool:
        return bool(self.answers) and self.answers[-1].is_acknowledged


class Waha:
    """One session of a WAHA server, as far as it posts webhooks."""

    def __init__(
        self,
        address: str,
        path: str,
        secret: str,
        session: str,
        engine: Engine,
        delay: float = 0.02,
        longest_wait: float = 0.5,
    ) -> None:
        """`delay` is the one between tries, by default 2 seconds in WAHA. `longest_wait` cuts what the service
        asks for, which WAHA does not do: tests have no time."""
        self.address = address
        self.path = path
        self.secret = secret
        self.session = session
        self.engine = engine
        # Until then WAHA does not know who it is.
        self.is_linked = True
        self.deliveries: List[Delivery] = []
        self._delay = delay
        self._longest_wait = longest_wait
        self._last_time = 0
        self._acknowledged = 0
        self._changed = threading.Condition()

    # Making events.

    def event(self, name: str, payload: Dict[str, Any], later: int = 0) -> Dict[str, Any]:
        """The event as WAHA would make it now, or so many milliseconds later."""
        # Ever later: with which of two events WAHA began is told by nothing else within a second.
        self._last_time = max(time.time_ns() // 1_000_000, self._last_time + 1)
        made = self._last_time + later
        return {
            "id": new_event_id(made),
            "timestamp": made,
            "event": name,
            "session": self.session,
            "metadata": {},
            "me": self._me() if self.is_linked else None,
            # These engines date in milliseconds what the others date in seconds.
            "payload": {"timestamp": made, **payload},
            "engine": self.engine.name,
            "environment": {
                "version": VERSION,
                "engine": self.engine.name,
                "tier": "CORE",
                "browser": None,
                "platform": "linux/x64",
                "worker": {"id": None},
            },
        }

    def _me(self) -> Dict[str, Any]:
        me = self.engine.me
        return {
            "id": me.phone,
            "pushName": "Bot",
            "lid": me.lid,
            "jid": me.wire.replace("@", ":7@"),
            "reachoutTimelock": None,
            "messageCapping": None,
        }

    def says(self, status: str) -> Told:
        """Where the session stands at WAHA, for example `WORKING`."""
        return "session.status", {"name": self.session, "status": status, "statuses": [], "data": None}

    def headers(self, event: Dict[str, Any], body: bytes) -> Dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": f"WAHA/{VERSION}",
            "X-Webhook-Request-Id": uuid.uuid4().hex,
            "X-Webhook-Timestamp": str(event["timestamp"]),
            "X-Webhook-Hmac": sign(body, self.secret),
            "X-Webhook-Hmac-Algorithm": "sha512",
        }

    # Posting them.

    def post(
        self, body: Optional[bytes], headers: Dict[str, str], path: Optional[str] = None, method: str = "POST"
    ) -> Answer:
        """One try. Raises where no answer comes."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request(method, path or self.path, body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read() or b"{}")
            return Answer(response.status, answer, float(response.headers.get("Retry-After") or 0))
        finally:
            connection.close()

    def post_event(self, event: Dict[str, Any], path: Optional[str] = None, **headers: Optional[str]) -> Answer:
        """One try, with other headers than WAHA's: their names with `_` for `-`, and None for none."""
        body = encode(event)
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        merged = {**self.headers(event, body), **changed}
        return self.post(body, {name: value for name, value in merged.items() if value is not None}, path)

    def deliver(self, event: Dict[str, Any]) -> Answer:
        """The last answer, after as many tries as WAHA makes."""
        delivery = Delivery(event)
        self.deliveries.append(delivery)
        self._run(delivery)
        return delivery.answers[-1]

    def tell(self, told: Told, later: int = 0) -> str:
        """Delivers an event, and answers the outcome. It must be acknowledged."""
        event = self.event(*told, later=later)
        answer = self.deliver(event)
        assert answer.is_acknowledged, f"{answer} to {event}"
        return answer.outcome

    def send(self, events: Iterable[Dict[str, Any]]) -> None:
        """Begins to deliver them all at the same time, and does not wait."""
        begin = threading.Event()

        def run(delivery: Delivery) -> None:
            begin.wait()
            self._run(delivery)

        for event in events:
            delivery = Delivery(event)
            delivery.thread = threading.Thread(target=run, args=(delivery,), daemon=True)
            delivery.thread.start()
            self.deliveries.append(delivery)
        begin.set()

    def _run(self, delivery: Delivery) -> None:
        body = encode(delivery.event)
        # Made once: all tries have the same.
        headers = self.headers(delivery.event, body)
        for tries_left in reversed(range(RETRIES + 1)):
            try:
                answer = self.post(body, headers)
            except (OSError, http.client.HTTPException, ValueError):
                answer = Answer(0)
            with self._changed:
                delivery.answers.append(answer)
                if answer.is_acknowledged:
                    self._acknowledged += 1
                    self._changed.notify_all()
                    return
            if tries_left:
                time.sleep(max(self._delay, min(answer.retry_after, self._longest_wait)))

    # Waiting.

    @property
    def acknowledged(self) -> int:
        """How many events were, so far."""
        return self._acknowledged

    def wait_until_acknowledged(self, count: int) -> None:
        with self._changed:
            done = self._changed.wait_for(lambda: self._acknowledged >= count, PATIENCE)
        assert done, f"{self._acknowledged} events were acknowledged within {PATIENCE:.0f} s, not {count}"

    def wait_until_done(self) -> None:
        """Until each event was acknowledged or given up."""
        for delivery in self.deliveries:
            if delivery.thread is not None:
                delivery.thread.join(2 * PATIENCE)
                assert not delivery.thread.is_alive(), f"still trying after {len(delivery.answers)} answers"
