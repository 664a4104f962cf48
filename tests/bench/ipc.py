"""What a live message costs between the front end and a worker: either half by itself.

    python -m tests.bench.ipc
    python -m tests.bench.ipc --streams 10,40 --seconds 10
    python -m tests.bench.ipc --quick

This process holds the front end's end of the connection and nothing else; the other end is a worker's, with
nothing behind it. CPU time is that of either process: packing, system calls, wake-ups, unpacking, dispatch.
At saturation one message of 80 ms is in flight on each of many streams: as soon as its codes have come the
next one goes out. Paced, every stream sends by the clock, as callers do: then hardly two messages share a
wake-up. Beside it stands the share of the 110 us that a live message may cost in the front end at
saturation; 15 % are allowed.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from service.frontend.backlog import BacklogLimits
from service.frontend.worker_link import WorkerLink
from service.ipc import Kind, Message, Operation
from tests.bench.ipc_worker import SLOTS
from tests.bench.options import make_parser
from tests.bench.tables import show, table
from tests.load.scripts import MESSAGE_SECONDS
from tests.support import REPOSITORY_ROOT

COLUMNS = ("streams", "how", "messages/s", "front end CPU us each", "of the budget", "worker CPU us each")

_BUDGET_US = 110.0
_MESSAGE_BYTES = 4 * 1280
_N_Q = 8
_START_SECONDS = 30.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class IpcCost:
    """CPU microseconds per live message of either half of the connection."""

    per_second: float
    front_end_us: float
    worker_us: float


@dataclass(slots=True)
class Owner:
    """Waits for the worker to say what it serves."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    def link_ready(self, link: WorkerLink) -> None:
        """Part of `LinkOwner`."""
        self.ready.set()

    def link_lost(self, link: WorkerLink) -> None:
        """Part of `LinkOwner`."""
        self.lost = True

    def link_idle(self, link: WorkerLink) -> None:
        """Part of `LinkOwner`."""


@dataclass(slots=True)
class Stream:
    """Sends its next message when the last is answered or, `paced`, every 80 ms from its own phase on."""

    link: WorkerLink
    count: Callable[[], None]
    paced: bool
    session: int = 0
    sequence: int = 0
    _due: float = 0.0

    def open(self, delay_seconds: float) -> None:
        """Ask for a place; the first message follows, so much later if paced."""
        self._due = asyncio.get_running_loop().time() + delay_seconds
        self.session = self.link.open_stream(Operation.ENCODE, _N_Q, self._take)

    def _take(self, message: Message) -> None:
        if message.kind is Kind.DATA:
            self.count()
        elif message.kind is not Kind.OPENED:
            raise RuntimeError(f"the worker said {message.kind.name} {bytes(message.payload)!r}")
        if not self.paced:
            self._send()
        elif message.kind is Kind.OPENED:
            asyncio.get_running_loop().call_at(self._due, self._send_paced)

    def _send_paced(self) -> None:
        self._due += MESSAGE_SECONDS
        asyncio.get_running_loop().call_at(self._due, self._send_paced)
        self._send()

    def _send(self) -> None:
        payload = bytes(_MESSAGE_BYTES)
        self.link.send(
            Message(Kind.DATA, self.session, Operation.ENCODE, _N_Q, self.sequence, payload=payload)
        )
        self.sequence += 1


class IpcWorker:
    """The other end, as a process of its own; a context manager."""

    def __enter__(self) -> "IpcWorker":
        self._folder = tempfile.TemporaryDirectory(prefix="codecd-ipc-")
        self.socket_path = Path(self._folder.name) / "worker"
        command = [sys.executable, "-m", "tests.bench.ipc_worker", str(self.socket_path)]
        self._process = subprocess.Popen(command, cwd=REPOSITORY_ROOT, stdin=subprocess.PIPE)
        deadline = time.monotonic() + _START_SECONDS
        while not self.socket_path.exists() and self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def cpu_seconds(self) -> float:
        """CPU time of its one busy thread so far, to the microsecond, which `stat` does not give."""
        used_ns = Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[0]
        return int(used_ns) / 1e9

    def cost(self, streams: int, seconds: float, *, paced: bool) -> IpcCost:
        """Of so many streams, measured for `seconds`."""
        return uvloop.run(self._cost(streams, seconds, paced=paced))

    async def _cost(self, streams: int, seconds: float, *, paced: bool) -> IpcCost:
        owner, answered = Owner(), 0
        link = WorkerLink("echo", owner, BacklogLimits(SLOTS))
        await asyncio.get_running_loop().create_unix_connection(lambda: link, str(self.socket_path))
        async with asyncio.timeout(_START_SECONDS):
            await owner.ready.wait()

        def count() -> None:
            nonlocal answered
            answered += 1

        opened = [Stream(link, count, paced) for _ in range(streams)]
        for number, stream in enumerate(opened):
            stream.open(MESSAGE_SECONDS * (1 + number / streams))
        await asyncio.sleep(seconds / 4 + 2 * MESSAGE_SECONDS)
        before, began = answered, time.monotonic()
        own, other = time.process_time(), self.cpu_seconds()
        await asyncio.sleep(seconds)
        own, other = time.process_time() - own, self.cpu_seconds() - other
        elapsed, number = time.monotonic() - began, answered - before
        if owner.lost or not number:
            raise RuntimeError("the worker is gone or says nothing; is the protocol what this script thinks?")
        for stream in opened:
            link.close_stream(stream.session)
        link.close()
        return IpcCost(number / elapsed, 1e6 * own / number, 1e6 * other / number)


def _row(streams: int, cost: IpcCost, *, paced: bool) -> list[object]:
    share = "" if paced else f"{cost.front_end_us / _BUDGET_US:.0%}"
    how = f"paced, one in {MESSAGE_SECONDS * 1000:g} ms" if paced else "saturation"
    cells = (f"{cost.per_second:.0f}", f"{cost.front_end_us:.1f}", share, f"{cost.worker_us:.1f}")
    return [streams, how, *cells]


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    parser.add_argument("--streams", default="1,50,200", metavar="N,N")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="half a second each: does it run?")
    return parser


def main() -> None:
    """Start the worker, measure, and write the table."""
    arguments = _parser().parse_args()
    seconds = 0.5 if arguments.quick else arguments.seconds
    rows = []
    with IpcWorker() as worker:
        for paced in (False, True):
            for streams in map(int, arguments.streams.split(",")):
                rows.append(_row(streams, worker.cost(streams, seconds, paced=paced), paced=paced))
    show(table("IPC of a live message, either half", COLUMNS, rows), arguments.out)


if __name__ == "__main__":
    main()
