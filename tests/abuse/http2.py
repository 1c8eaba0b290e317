"""HTTP/2 frame by frame, as no library for honest clients lets one write it.

Heads are made by hpack, without Huffman and without an index, so that the same bytes can be sent on any stream and any
connection: what is sent often is made once, and an attack costs its sender next to nothing.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Union

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple
from hyperframe.frame import SettingsFrame

from service import Address

Buffer = Union[bytes, memoryview]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
CANCEL = 8
LARGEST_FRAME = 16_384
INITIAL_WINDOW = 65_535


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def reset(stream: int) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))


def window(stream: int, more: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", more))


def head(path: str, key: Optional[str] = None, **other: str) -> bytes:
    """The block of a gRPC call's head. `other` are headers that it has besides or otherwise, with `_` for `-`; an empty
    one is left out."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":authority": "localhost",
        ":path": path,
        "te": "trailers",
        "content-type": "application/grpc",
        **({"authorization": f"Bearer {key}"} if key else {}),
    }
    for name, value in other.items():
        headers[":method" if name == "method" else name.replace("_", "-")] = value
    encoder = Encoder()
    named = [NeverIndexedHeaderTuple(name, value) for name, value in headers.items() if value]
    return encoder.encode(named, huffman=False)


def grpc_message(encoded: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(encoded)) + encoded


@dataclass
class Stream:
    """What came back on a stream."""

    headers: Dict[str, str] = field(default_factory=dict)
    # Of the last block of headers: as it came, without the borders of frames.
    block_bytes: int = 0
    data_bytes: int = 0
    is_reset: bool = False
    is_ended: bool = False

    @property
    def grpc_status(self) -> Optional[int]:
        status = self.headers.get("grpc-status")
        return int(status) if status is not None else None


class Connection:
    """A client's side, which says what it likes and notes what it is told."""

    def __init__(
        self, address: Address, source: str, initial_window: int = INITIAL_WINDOW, patience: float = 5.0
    ) -> None:
        self._decoder = Decoder()
        self._decoder.max_header_list_size = 1 << 30
        self._received = bytearray()
        self._block = bytearray()
        self._outgoing: List[memoryview] = []
        self._is_sending = False
        self._next_stream = 1
        self._peer_initial_window = INITIAL_WINDOW
        # What the other side lets us send, by stream; 0 is the connection.
        self._windows: Dict[int, int] = {0: INITIAL_WINDOW}
        self.streams: Dict[int, Stream] = {}
        self.is_closed = False
        self.goaway = ""
        self.socket = socket.create_connection(address, patience, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        settings = SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: initial_window})
        self.send(PREFACE + settings.serialize())

    def close(self) -> None:
        self.is_closed = True
        self.socket.close()

    def send(self, *pieces: Buffer) -> None:
        """Sends all of it, reading meanwhile, since the other side may take nothing before it was read. What is said in
        answer to what is read goes behind it: a frame must not begin within another."""
        self._outgoing += [memoryview(piece) for piece in pieces]
        if self._is_sending:
            return
        self._is_sending = True
        try:
            self._send_all()
        except OSError:
            self.close()
        finally:
            self._is_sending = False

    def _send_all(self) -> None:
        self.socket.setblocking(False)
        while self._outgoing and not self.is_closed:
            try:
                sent = self.socket.sendmsg(self._outgoing[:512])
            except BlockingIOError:
                readable, _, _ = select.select([self.socket], [self.socket], [], 1.0)
                if readable:
                    self.receive(0)
                continue
            whole = 0
            while whole < len(self._outgoing) and sent >= len(self._outgoing[whole]):
                sent -= len(self._outgoing[whole])
                whole += 1
            del self._outgoing[:whole]
            if sent:
                self._outgoing[0] = self._outgoing[0][sent:]

    def open(self) -> int:
        stream = self._next_stream
        self._next_stream += 2
        self.streams[stream] = Stream()
        return stream

    def call(self, block: bytes, body: bytes, is_ended: bool = True) -> int:
        """A call whose head and body, of at most one frame, leave in one write."""
        stream = self.open()
        self._windows[0] -= len(body)
        self._windows[stream] = self._peer_initial_window - len(body)
        end = END_STREAM if is_ended else 0
        self.send(frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, end, stream, body))
        return stream

    def begin(self, block: bytes) -> int:
        """A call whose body is yet to come."""
        stream = self.open()
        self._windows[stream] = self._peer_initial_window
        self.send(frame(HEADERS, END_HEADERS, stream, block))
        return stream

    def upload(self, stream: int, body: memoryview, end: bool) -> int:
        """Sends as much of the body as the windows let through, and answers how much that was."""
        room = min(self._windows[0], self._windows[stream], len(body))
        pieces: List[Buffer] = []
        at = 0
        while at < room:
            size = min(LARGEST_FRAME, room - at)
            flags = END_STREAM if end and at + size == len(body) else 0
            pieces += [struct.pack(">I", size)[1:] + struct.pack(">BBI", DATA, flags, stream), body[at : at + size]]
            at += size
        if pieces:
            self._windows[0] -= at
            self._windows[stream] -= at
            self.send(*pieces)
        return at

    def upload_all(self, stream: int, body: bytes, seconds: float) -> bool:
        """Sends a whole body, and answers whether it was taken."""
        left = memoryview(body)
        end = time.monotonic() + seconds
        while left and not self.is_closed and time.monotonic() < end:
            answered = self.streams[stream]
            if answered.is_reset or answered.is_ended:
                return False
            sent = self.upload(stream, left, end=True)
            left = left[sent:]
            if left and not sent:
                self.receive(0.2)
        return not left and not self.is_closed

    def receive(self, seconds: float) -> None:
        """Takes in what arrives, waiting for it so long at the most."""
        if self.is_closed:
            return
        try:
            readable, _, _ = select.select([self.socket], [], [], seconds)
            if not readable:
                return
            self.socket.setblocking(False)
            arrived = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            arrived = b""
        if not arrived:
            self.close()
            return
        self._received += arrived
        answers = bytearray()
        while len(self._received) >= 9:
            size = int.from_bytes(self._received[:3], "big")
            if len(self._received) < 9 + size:
                break
            kind, flags = self._received[3], self._received[4]
            stream = int.from_bytes(self._received[5:9], "big") & 0x7FFF_FFFF
            payload = bytes(self._received[9 : 9 + size])
            del self._received[: 9 + size]
            answers += self._take(kind, flags, stream, payload)
        if answers:
            self.send(bytes(answers))

    def _take(self, kind: int, flags: int, number: int, payload: bytes) -> bytes:
        stream = self.streams.setdefault(number, Stream()) if number else None
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at : at + 6])
                if name == SettingsFrame.INITIAL_WINDOW_SIZE:
                    for known in self._windows:
                        self._windows[known] += (value - self._peer_initial_window) if known else 0
                    self._peer_initial_window = value
            return frame(SETTINGS, ACK, 0)
        if kind == PING and not flags & ACK:
            return frame(PING, ACK, 0, payload)
        if kind == GOAWAY:
            self.goaway = f"GOAWAY {int.from_bytes(payload[4:8], 'big')} {payload[8:].decode(errors='replace')}"
        elif kind == WINDOW_UPDATE:
            more = int.from_bytes(payload, "big") & 0x7FFF_FFFF
            self._windows[number] = self._windows.get(number, self._peer_initial_window) + more
        elif kind in (HEADERS, CONTINUATION) and stream:
            self._block += payload
            stream.is_ended |= kind == HEADERS and bool(flags & END_STREAM)
            if flags & END_HEADERS:
                decoded = self._decoder.decode(bytes(self._block))
                stream.headers.update((_text(name), _text(value)) for name, value in decoded)
                stream.block_bytes = len(self._block)
                self._block.clear()
        elif kind == DATA and stream:
            stream.data_bytes += len(payload)
            stream.is_ended |= bool(flags & END_STREAM)
            # What was read may be sent again; a stream that was opened with a window of 0 keeps it.
            if payload:
                return window(0, len(payload)) + (window(number, len(payload)) if not stream.is_ended else b"")
        elif kind == RST_STREAM and stream:
            stream.is_reset = True
        return b""

    def receive_until_ended(self, streams: Sequence[int], seconds: float) -> bool:
        """Reads until each of the streams has its answer, or so long."""
        end = time.monotonic() + seconds
        waiting = [self.streams[stream] for stream in streams]
        while not self.is_closed:
            waiting = [stream for stream in waiting if not (stream.is_ended or stream.is_reset)]
            if not waiting or time.monotonic() > end:
                break
            self.receive(0.1)
        return not waiting


def _text(value: "bytes | str") -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


def connections(address: Address, source: str, count: int, **how: int) -> List[Connection]:
    return [Connection(address, source, **how) for _ in range(count)]
