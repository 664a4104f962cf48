"""A replica joins two others behind a balancer of connections: who has the callers, with and without an age?

    python -m tests.bench.connection_age --age 10

Needs haproxy; the configuration is deploy/loadbalancer/haproxy-tcp.cfg. Callers keep their connections, so a
new replica gets none of those that were there before, unless the service asks them to connect anew
(`--max-connection-age`). Some callers hold a live stream all the while, which may not break.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.client import AsyncClient
from tests.balance.balancers import Balancer, balancer, require
from tests.balance.replicas import unstarted, wait_until_balanced
from tests.bench.options import make_parser
from tests.bench.running_service import RunningService
from tests.bench.tables import show, table

COLUMNS = ("--max-connection-age", "when", "gRPC connections of each replica", "HTTP connections", "streams")

_PERIOD_SECONDS = 0.3
_MESSAGE_SECONDS = 0.08
_SILENCE = bytes(2 * 1280)
# Ages have a jitter of a tenth; a moment more for who has just been told.
_AGES = 1.5


@dataclass(slots=True)
class Callers:
    """`count` callers of gRPC and of HTTP, each with a connection of its own, and `streams` live ones."""

    front: Balancer
    count: int
    streams: int
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    broken: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Call until `stop` is set."""
        calls = [call() for call in (self._rpc, self._http) for _ in range(self.count)]
        await asyncio.gather(*calls, *(self._live() for _ in range(self.streams)))

    async def _rpc(self) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self.front.grpc_target, options) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            while not self.stop.is_set():
                await stub.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
                await asyncio.sleep(_PERIOD_SECONDS)

    async def _http(self) -> None:
        async with httpx.AsyncClient(base_url=self.front.base_url, timeout=30) as client:
            while not self.stop.is_set():
                await client.get("/health/live")
                await asyncio.sleep(_PERIOD_SECONDS)

    async def _live(self) -> None:
        self.running += 1
        try:
            async with AsyncClient(self.front.base_url, self.front.grpc_target) as client:
                async for _ in client.stream_encode(self._silence()):
                    pass
        except Exception as error:
            self.broken.append(str(error))
        self.running -= 1

    async def _silence(self) -> AsyncIterator[bytes]:
        while not self.stop.is_set():
            yield _SILENCE
            await asyncio.sleep(_MESSAGE_SECONDS)


def connections(service: RunningService, port: int) -> int:
    """How many clients a port of a replica has."""
    found = [c for process in service.processes() for c in process.net_connections("tcp")]
    open_ones = (c for c in found if c.status == psutil.CONN_ESTABLISHED and c.raddr)
    return len({c.raddr.port for c in open_ones if c.laddr.port == port})


def row(age: float, when: str, services: list[RunningService], callers: Callers) -> list[object]:
    """A line of the table."""
    ports = [
        " / ".join(str(connections(service, getattr(service, name))) for service in services)
        for name in ("grpc_port", "http_port")
    ]
    streams = f"{callers.running} live, {len(callers.broken)} broken"
    return [f"{age:g} s" if age else "none", when, *ports, streams]


async def trial(
    age: float, wait: float, services: list[RunningService], callers: Callers
) -> list[list[object]]:
    """Callers of two replicas, and then of three."""
    calling = asyncio.create_task(callers.run())
    try:
        await asyncio.sleep(2.0)
        present, newcomer = services[:-1], services[-1]
        rows = [row(age, "two replicas", present, callers)]
        newcomer.launch()
        await asyncio.to_thread(newcomer.wait_until_complete)
        await asyncio.to_thread(wait_until_balanced, callers.front)
        rows.append(row(age, "a third has joined", services, callers))
        began = time.monotonic()
        await asyncio.sleep(wait)
        rows.append(row(age, f"{time.monotonic() - began:.0f} s later", services, callers))
    finally:
        callers.stop.set()
        await calling
    return rows


def measured(repository: Path, model: str, age: float, wait: float, count: int) -> list[list[object]]:
    """The lines of one age; 0 = none."""
    services = unstarted(repository, model, "--max-connection-age", f"{age:g}")
    with ExitStack() as stack:
        for service in services:
            stack.callback(service.close)
        for service in services[:-1]:
            service.launch()
        for service in services[:-1]:
            service.wait_until_complete()
        front = stack.enter_context(balancer("haproxy-tcp", services))
        return asyncio.run(trial(age, wait, services, Callers(front, count, streams=count // 3)))


def main() -> None:
    """Measure and write the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--age", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--callers", type=int, default=12, help="of gRPC, and as many of HTTP (default 12)")
    arguments = parser.parse_args()
    require("haproxy-tcp")
    rows = []
    for age in (0.0, arguments.age):
        wait = _AGES * arguments.age
        rows += measured(arguments.repository, arguments.model, age, wait, arguments.callers)
    show(table("A replica joins behind a balancer of connections", COLUMNS, rows), arguments.out)


if __name__ == "__main__":
    main()
