"""A closed-loop HTTP client that costs little: one prepared request, sent again on every answer.

    python -m tests.bench.http_load PORT PATH CONNECTIONS SECONDS < body

Prints JSON: all requests made, and after a warm-up the rate per second and latencies in milliseconds.
"""

import asyncio
import json
import sys
import time
from typing import cast

import numpy as np
import uvloop

_WARM_UP_SECONDS = 0.5


class _Client(asyncio.Protocol):
    """One connection; `latencies_s` is shared by all."""

    def __init__(self, request: bytes, latencies_s: list[float]) -> None:
        self._request = request
        self._latencies_s = latencies_s
        self._buffer = b""
        self._missing = -1
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._missing < 0:
            head, end, _ = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"the service refused: {self._buffer[:500]!r}")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            self._missing = len(head) + len(end) + length
        if len(self._buffer) >= self._missing:
            self._latencies_s.append(time.perf_counter() - self._sent_at)
            self._send()

    def _send(self) -> None:
        assert self._transport is not None
        self._buffer = b""
        self._missing = -1
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)


async def load(port: int, path: str, connections: int, seconds: float, body: bytes) -> dict[str, float]:
    """Keep `connections` requests in flight for so many seconds."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    latencies_s: list[float] = []
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Client(request, latencies_s), "127.0.0.1", port)
    await asyncio.sleep(_WARM_UP_SECONDS)
    warm_up = len(latencies_s)
    latencies_s.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    p50, p99 = np.percentile(latencies_s, [50, 99]) * 1e3
    count = len(latencies_s)
    return {"total": warm_up + count, "per_second": count / elapsed, "p50_ms": p50, "p99_ms": p99}


if __name__ == "__main__":
    port, path, connections, seconds = sys.argv[1:]
    content = sys.stdin.buffer.read()
    print(json.dumps(uvloop.run(load(int(port), path, int(connections), float(seconds), content))))
