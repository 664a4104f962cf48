"""What a live message costs between the front end and a worker: the front end's half, by itself.

    python -m tests.bench.ipc
    python -m tests.bench.ipc --quick

This process holds the front end's end of the connection and nothing else; the other end is a worker whose
model does nothing. On each of many streams one message of 80 ms is in flight: as soon as its codes have come
the next one goes out. CPU time is this process's: packing, system calls, wake-ups, unpacking, dispatch.
Beside it stands the share of the 110 us that a live message may cost in the front end; 15 % are allowed.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from service.frontend.backlog import BacklogLimits
from service.frontend.worker_link import WorkerLink
from service.ipc import Kind, Message, Operation
from tests.bench.options import make_parser
from tests.bench.tables import show, table
from tests.support import REPOSITORY_ROOT

COLUMNS = ("streams", "messages/s", "CPU us each", "of the budget")

_BUDGET_US = 110.0
_MESSAGE_BYTES = 4 * 1280
_N_Q = 8
_SLOTS = 512
_START_SECONDS = 30.0
_POLL_SECONDS = 0.05


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
class Echo:
    """Keeps one message in flight on each stream of a link."""

    link: WorkerLink
    payload: bytes = bytes(_MESSAGE_BYTES)
    answered: int = 0
    _sequences: dict[int, int] = field(default_factory=dict)

    def open(self) -> int:
        """One stream more; its session."""
        return self.link.open_stream(Operation.ENCODE, _N_Q, self._take)

    def _take(self, message: Message) -> None:
        if message.kind is Kind.DATA:
            self.answered += 1
        elif message.kind is not Kind.OPENED:
            raise RuntimeError(f"the worker said {message.kind.name} {bytes(message.payload)!r}")
        sequence = self._sequences.get(message.session, 0)
        self._sequences[message.session] = sequence + 1
        self.link.send(
            Message(Kind.DATA, message.session, Operation.ENCODE, _N_Q, sequence, payload=self.payload)
        )


async def measure(socket_path: Path, streams: int, seconds: float) -> list[object]:
    """A row of the table."""
    owner = Owner()
    link = WorkerLink("echo", owner, BacklogLimits(_SLOTS))
    await asyncio.get_running_loop().create_unix_connection(lambda: link, str(socket_path))
    async with asyncio.timeout(_START_SECONDS):
        await owner.ready.wait()
    echo = Echo(link)
    sessions = [echo.open() for _ in range(streams)]
    await asyncio.sleep(seconds / 4)
    before, used, began = echo.answered, time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    used, elapsed, count = time.process_time() - used, time.monotonic() - began, echo.answered - before
    if owner.lost or not count:
        raise RuntimeError("the worker is gone or says nothing; is the protocol what this script thinks?")
    for session in sessions:
        link.close_stream(session)
    link.close()
    each_us = 1e6 * used / count
    return [streams, f"{count / elapsed:.0f}", f"{each_us:.1f}", f"{each_us / _BUDGET_US:.0%}"]


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
    with tempfile.TemporaryDirectory(prefix="codecd-ipc-") as folder:
        path = Path(folder) / "worker"
        command = [sys.executable, "-m", "tests.service.echo_worker", str(path), "--slots", str(_SLOTS)]
        worker = subprocess.Popen(command, cwd=REPOSITORY_ROOT)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not path.exists() and worker.poll() is None and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            counts = map(int, arguments.streams.split(","))
            rows = [uvloop.run(measure(path, count, seconds)) for count in counts]
        finally:
            worker.kill()
            worker.wait()
    show(table("IPC of a live message, the front end's half", COLUMNS, rows), arguments.out)


if __name__ == "__main__":
    main()
