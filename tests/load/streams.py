"""Many live streams against a service, from several processes, each stream paced by a clock of its own.

    python -m tests.load.streams --encode 20 --seconds 60
    python -m tests.load.streams --encode 20 --decode 10 --duplex 5 --session-seconds 20 --csv streams.csv
    python -m tests.load.streams --target 127.0.0.1:8001 --duplex 10 --per-stream
    python -m tests.load.streams --quick

Clients send 80 ms at a time, out of phase with each other, whatever the service does; a duplex client has an
encode and a decode stream. Lateness is the time from when a message was due (not from when it was sent) to
when all output that it completes has come. A run counts only if the generator was on time itself: at most
1 % of its sends more than 5 ms late by its own fault. Every k-th session is compared with known codes, bit
for bit (samples of decode streams within 0.0001). With --session-seconds clients come and go all the time.
Without --target a service is started for the run.
"""

import csv
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.tables import show, table
from tests.load.generator import Job
from tests.load.lateness import Quantiles
from tests.load.results import Outcome, Part
from tests.load.schedule import Kind, Session, Shape, sessions
from tests.load.scripts import Scripts
from tests.support import REPOSITORY_ROOT

COLUMNS = (
    "clients", "sessions", "messages", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "worst stream's p99 ms",
    "underruns", "opened p99 ms", "first output p99 ms", "refused", "failed", "checked / wrong",
)  # fmt: skip
GENERATOR_COLUMNS = ("process", "sessions", "sends", "cores", "on time")
REASON_COLUMNS = ("client", "status", "reason", "times")

STREAMS_PER_PROCESS = 100
"""An 80 ms message costs the generator about 0.3 ms of a core: so many streams take a third of one."""

WARM_UP_SECONDS = 1.0
_VOICES = 4
_START_SECONDS = 3.0
_PATIENCE_SECONDS = 120.0


class StreamLoad:
    """The processes of the generator, at work; a context manager that leaves none behind.

    Entering starts them; the load begins a few seconds later, at `base` of the monotonic clock.
    """

    def __init__(self, target: str, scripts: Scripts, played: list[Session], processes: int = 0) -> None:
        self._target = target
        self._scripts = scripts
        self._played = played
        streams = len({(session.seat, session.side) for session in played})
        self._count = processes or -(-streams // STREAMS_PER_PROCESS)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="codecd-load-")
        self.base = 0.0
        self._end = max(session.join_seconds + scripts.seconds[session.script] for session in played)

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        self._scripts.save(folder / "scripts.npz")
        self.base = time.monotonic() + _START_SECONDS
        for number in range(self._count):
            share = tuple(session for session in self._played if session.seat % self._count == number)
            Job(self._target, self.base, self._end, share).save(folder / f"job{number}.json")
            command = [sys.executable, "-m", "tests.load.generator", str(folder), str(number)]
            self._processes.append(subprocess.Popen(command, cwd=REPOSITORY_ROOT))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._folder.cleanup()

    def sleep_until(self, seconds: float) -> None:
        """Wait until so long after the beginning of the load."""
        time.sleep(max(0.0, self.base + seconds - time.monotonic()))

    def parts(self) -> list[Part]:
        """Wait for the end; what each process saw. Raises `RuntimeError` if one of them failed."""
        deadline = self.base + self._end + _PATIENCE_SECONDS
        for process in self._processes:
            if process.wait(max(0.0, deadline - time.monotonic())):
                raise RuntimeError("a process of the stream generator failed; see its error above")
        folder = Path(self._folder.name)
        return [Part.load(folder / f"part{number}") for number in range(self._count)]


def measuring_span(shape: Shape) -> tuple[float, float]:
    """When all clients of a load are there and have been for a while: since, until."""
    return shape.ramp_seconds + WARM_UP_SECONDS, shape.seconds


def row(name: str, outcome: Outcome) -> list[object]:
    """A line of the table."""
    opened = Quantiles.of([item.opened_after for item in outcome.sessions if item.opened_after >= 0])
    first = Quantiles.of([item.first_output for item in outcome.sessions if item.first_output >= 0])
    checked = sum(session.checked for session in outcome.sessions)
    return [
        name, len(outcome.sessions), outcome.quantiles.count, *outcome.quantiles.cells(),
        f"{outcome.worst_p99_ms:.1f}", outcome.underruns, f"{opened.p99_ms:.1f}", f"{first.p99_ms:.1f}",
        len(outcome.refused), len(outcome.failed), f"{checked} / {outcome.wrong}",
    ]  # fmt: skip


def generator_rows(parts: list[Part]) -> list[list[object]]:
    """How each process of the generator did."""
    rows: list[list[object]] = []
    for number, part in enumerate(parts):
        own = Outcome.of([part]).punctuality
        rows.append([number, len(part.sessions), own.sends, f"{part.cores:.2f}", str(own)])
    return rows


def report(title: str, parts: list[Part], shape: Shape, *, per_stream: bool) -> str:
    """All tables of a run."""
    span = measuring_span(shape)
    lines = [
        row(f"{shape.count(kind)} {kind}", Outcome.of(parts, kind, span))
        for kind in Kind
        if shape.count(kind)
    ]
    text = table(title, COLUMNS, lines)
    text += "\n" + table("The generator", GENERATOR_COLUMNS, generator_rows(parts))
    everyone = Outcome.of(parts)
    if reasons := everyone.reasons():
        text += "\n" + table("What clients were told", REASON_COLUMNS, reasons)
    if per_stream:
        both = zip(everyone.sessions, everyone.lateness, strict=True)
        rows = [
            [item.seat, item.side, f"{item.began:.1f}", *(taken := Quantiles.of(late)).cells(), taken.count]
            for item, late in sorted(both, key=lambda pair: (pair[0].seat, pair[0].began))
        ]
        columns = ("client", "stream", "joined s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "messages")
        text += "\n" + table("Every stream", columns, rows)
    return text


def write_csv(path: Path, parts: list[Part]) -> None:
    """One line for each session: what happened, and its quantiles."""
    everyone = Outcome.of(parts)
    with path.open("w", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for item, late in zip(everyone.sessions, everyone.lateness, strict=True):
            line = {**asdict(item), **asdict(Quantiles.of(late))}
            if writer is None:
                writer = csv.DictWriter(file, list(line))
                writer.writeheader()
            writer.writerow(line)


def lengths_of(session_seconds: float, whole_seconds: float) -> list[float]:
    """Of the clips that clients play: around `session_seconds`; 0: one clip for the whole load."""
    if not session_seconds:
        return [whole_seconds]
    return [session_seconds / 2, session_seconds, 1.5 * session_seconds]


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--target", metavar="HOST:PORT", help="a running service (default: start one)")
    parser.add_argument("--encode", type=int, default=0, help="encode clients (default, alone: 20)")
    parser.add_argument("--decode", type=int, default=0, help="decode clients")
    parser.add_argument("--duplex", type=int, default=0, help="clients that do both at a time")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long all clients are there")
    parser.add_argument("--session-seconds", type=float, default=0.0, help="of each session (default: all)")
    parser.add_argument("--processes", type=int, default=0, help="of the generator (default: 1 per 100)")
    parser.add_argument("--check-every", type=int, default=4, metavar="K", help="compare every K-th session")
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--per-stream", action="store_true", help="a line for each stream as well")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a line for each session")
    parser.add_argument("--quick", action="store_true", help="few streams, a few seconds: does it run?")
    return parser


def _shape(arguments: Namespace) -> Shape:
    if arguments.quick:
        arguments.seconds, arguments.session_seconds = 6.0, arguments.session_seconds or 2.0
        arguments.encode, arguments.decode, arguments.duplex = 3, 2, 1
    if not arguments.encode + arguments.decode + arguments.duplex:
        arguments.encode = 20
    seconds = arguments.seconds
    counts = (arguments.encode, arguments.decode, arguments.duplex)
    return Shape(*counts, seconds, min(5.0, seconds / 4), arguments.check_every)


def main() -> int:
    """Run the load and write the tables; the exit status is 1 if the run is void or an answer was wrong."""
    arguments = _parser().parse_args()
    shape = _shape(arguments)
    offline = Offline.open(arguments.repository, arguments.model)
    lengths = lengths_of(arguments.session_seconds, arguments.seconds)
    scripts = Scripts.make(offline, lengths, _VOICES, arguments.n_q)
    with ExitStack() as stack:
        target = arguments.target
        if target is None:
            service = RunningService(
                arguments.repository, arguments.model, arguments.workers, "--slots", "256"
            )
            target = stack.enter_context(service).grpc_target
        played = sessions(shape, scripts.seconds)
        load = stack.enter_context(StreamLoad(target, scripts, played, arguments.processes))
        parts = load.parts()
    title = f"{shape} streams, {shape.seconds:g} s, n_q {scripts.n_q}, {arguments.model} {offline.version}"
    show(report(title, parts, shape, per_stream=arguments.per_stream), arguments.out)
    if arguments.csv:
        write_csv(arguments.csv, parts)
    everyone = Outcome.of(parts)
    return 0 if everyone.punctuality.on_time and not everyone.wrong and not everyone.failed else 1


if __name__ == "__main__":
    sys.exit(main())
