"""Counts damaged bodies and messages up to a large number against a service of its own, and watches it.

    python -m tests.faults.fuzz --count 100000

They go over HTTP, gRPC and WebSockets in equal parts. After every thousand, known requests of every kind are
made and their answers compared bit for bit, and memory and open files are looked at. The exit status is 1 if
anything was wrong.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from codec.tokens import TokenIdentity
from tests.faults.checks import check_all
from tests.faults.http_fuzz import HttpFuzzer
from tests.faults.rpc_fuzz import RpcFuzzer
from tests.faults.service import FaultyService
from tests.faults.websocket_fuzz import WebSocketFuzzer

_SHOWN_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Held:
    """What the front end and the worker hold: resident megabytes, and open descriptors."""

    frontend_mb: float
    worker_mb: float
    descriptors: int

    @classmethod
    def by(cls, service: FaultyService) -> "Held":
        """What they hold now."""
        frontend, worker = service.child("service.frontend"), service.child("service.worker")
        return cls(_megabytes(frontend), _megabytes(worker), frontend.num_fds() + worker.num_fds())


class Fuzz:
    """All fuzzers on one service."""

    def __init__(self, service: FaultyService, seed: int = 0) -> None:
        clip = service.clips[0]
        identity = TokenIdentity(service.first.model, service.first.version, clip.token_space)
        self.service = service
        self.http = HttpFuzzer(service.http_port, clip, identity, seed)
        self.rpc = RpcFuzzer(service.grpc_target, clip, identity, seed)
        self.websocket = WebSocketFuzzer(service.http_port, clip, identity, seed)

    @property
    def problems(self) -> list[str]:
        """What must not have happened."""
        return self.http.problems + self.rpc.problems + self.websocket.problems

    def run(self, count: int) -> None:
        """Send a third of `count` each way, then check that good requests are served as ever."""
        asyncio.run(self._send(count))
        check_all(self.service)
        self.service.wait(self.service.idle, "that nothing is held any more")

    async def _send(self, count: int) -> None:
        third = count // 3
        await asyncio.gather(self.http.run(count - 2 * third), self.rpc.run(third), self.websocket.run(third))


def main() -> int:
    """Run; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1000, help="checks and progress after so many")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, FaultyService(Path(work)) as service:
        service.wait_ready()
        fuzz = Fuzz(service, arguments.seed)
        began, done = time.monotonic(), 0
        while done < arguments.count:
            step = min(arguments.every, arguments.count - done)
            fuzz.run(step)
            done += step
            held, rate = Held.by(service), done / (time.monotonic() - began)
            print(
                f"{done} of {arguments.count}, {rate:.0f}/s, {len(fuzz.problems)} problems, {held}",
                flush=True,
            )
        print(f"HTTP: {fuzz.http.sent} bodies, {dict(fuzz.http.answers)}")
        print(f"gRPC: {fuzz.rpc.sent} messages, {dict(fuzz.rpc.answers)}")
        print(f"WebSocket: {fuzz.websocket.sent} messages, {dict(fuzz.websocket.answers)}")
    print("\n".join(fuzz.problems[:_SHOWN_PROBLEMS]))
    return 1 if fuzz.problems else 0


def _megabytes(process: psutil.Process) -> float:
    return round(process.memory_info().rss / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())
