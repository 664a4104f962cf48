"""A closed-loop HTTP client that costs little: one prepared request, sent again on every answer.

    python -m tests.bench.http_load PORT PATH CONNECTIONS SECONDS WARM_UP_SECONDS < body

Prints a line when the warm-up is over, and a line of JSON in the end: all requests made, and of those after
the warm-up the number, the rate per second, latencies in milliseconds, and what this process used of a core.
"""

import asyncio
import json
import sys
import time
from typing import cast

import numpy as np
import uvloop


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


async def load(
    port: int, path: str, connections: int, seconds: tuple[float, float], body: bytes
) -> dict[str, float]:
    """Keep `connections` requests in flight for so many `seconds` of warm-up and of measuring."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    latencies_s: list[float] = []
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Client(request, latencies_s), "127.0.0.1", port)
    await asyncio.sleep(seconds[0])
    warm_up = len(latencies_s)
    latencies_s.clear()
    print("measuring", flush=True)
    started, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds[1])
    elapsed, used = time.perf_counter() - started, time.process_time() - used
    p50, p99 = np.percentile(latencies_s, [50, 99]) * 1e3
    count = len(latencies_s)
    return {
        "total": warm_up + count, "count": count, "per_second": count / elapsed, "p50_ms": p50, "p99_ms": p99,
        "cores": used / elapsed,
    }  # fmt: skip


if __name__ == "__main__":
    port, path, connections, seconds, warm_up = sys.argv[1:]
    content, spans = sys.stdin.buffer.read(), (float(warm_up), float(seconds))
    print(json.dumps(uvloop.run(load(int(port), path, int(connections), spans, content))))
