"""The same model and clips behind other packages' servers and behind ours: rate, latency, memory.

    python -m tests.bench.servers --environment ~/codecd-peers --install       make it, then measure all
    python -m tests.bench.servers --environment ~/codecd-peers --clips 2,30 --seconds 8     ten minutes
    python -m tests.bench.servers                                              FastAPI and ours only
    python -m tests.bench.servers --environment ~/codecd-peers --only ray      those whose names hold a word
    python -m tests.bench.servers --quick

Servers: FastAPI with the model in a pool of threads (32 of them, as people begin; and one for each core),
LitServe and Ray Serve with their batching, in an environment of their own outside the repository; ours as it
is served to anybody. All have the same model, threads, allocator and cores, take a WAV and give packed codes
(ours a token file); every answer is compared with the library's codes. Efficiency: served audio seconds a
second over the bare model's best batched rate, which is taken before each server. Maximum: 32 callers in a
closed loop, for at least as long as the bare model would take for four answers to each. "70 %" is an open
loop at 70 % of the server's own maximum.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from codec.audio import encode_audio
from tests.bench.bare_model import BareModel
from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.peer_environment import PINNED, PeerEnvironment
from tests.bench.peer_server import Footprint, PeerCommand, PeerServer
from tests.bench.running_service import RunningService
from tests.bench.speech import RATE, as_float, clips
from tests.bench.tables import GrowingTable
from tests.load.lateness import Punctuality, Quantiles
from tests.load.posts import Posted, PostJob, PostLoad

COLUMNS = (
    "server", "clip", "requests/s", "audio s/s", "efficiency", "alone p50 / p99 ms", 
    "32 callers p50 / p99 ms", "70 % p50 / p99 ms", "generator", "memory MB", "idle cores", "failed", "wrong",
)  # fmt: skip

Server = PeerServer | RunningService

_VOICES = 4
_BATCHES = (1, 2, 8)
_MOST_BATCH_SECONDS = 60.0
_CALLERS = 32
_ROUNDS = 4
_WARM_UP_SECONDS = 3.0
_SHARE = 0.7
_POOL = 32
_IDLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Work:
    """Clips of one length: WAV files, their codes as they travel, and as token files."""

    clip_seconds: float
    files: list[bytes]
    codes: list[bytes]
    token_files: list[bytes]

    @classmethod
    def make(cls, offline: Offline, clip_seconds: float, n_q: int) -> "Work":
        """Codes are the library's."""
        voices = clips(_VOICES, clip_seconds)
        codes = [offline.codes(pcm, n_q) for pcm in voices]
        return cls(
            clip_seconds,
            [encode_audio(as_float(pcm)[None], RATE, "wav") for pcm in voices],
            [item.T.astype("<u2").tobytes() for item in codes],
            [offline.cdc(item, len(pcm)) for item, pcm in zip(codes, voices, strict=True)],
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """What all servers have in common."""

    bare: BareModel
    work: Work
    seconds: float

    def best_bare_rate(self) -> float:
        """Audio seconds a second, with the batch that suits the model."""
        clip_seconds = self.work.clip_seconds
        batches = [size for size in _BATCHES if size == 1 or size * clip_seconds <= _MOST_BATCH_SECONDS]
        return max(self.bare.rate("encode", batch, self.seconds / 2) for batch in batches)

    def row(self, entrant: "Entrant") -> list[object]:
        """Start a server and measure it. Raises `RuntimeError` if it does not run here."""
        best = self.best_bare_rate()
        with entrant.start(self.work.files[0]) as server:
            self._load(server, entrant, _WARM_UP_SECONDS, clients=1)  # until every worker has run once
            footprint = Footprint.of(server, _IDLE_SECONDS)
            alone = self._load(server, entrant, self.seconds, clients=1)
            rounds_seconds = _ROUNDS * _CALLERS * self.work.clip_seconds / best
            full = self._load(server, entrant, max(self.seconds, rounds_seconds), clients=_CALLERS)
            opened = self._load(server, entrant, self.seconds, per_second=max(1.0, _SHARE * full.rate()))
        runs = (alone, full, opened)
        wanted = self.work.token_files if entrant.gives_token_files else self.work.codes
        failed = sum(status != 200 for run in runs for status in run.status)
        wrong = sum(run.wrong(lambda number, body: body == wanted[number]) for run in runs)
        audio = full.rate() * self.work.clip_seconds
        return [
            entrant.name, f"{self.work.clip_seconds:g} s", f"{full.rate():.1f}", f"{audio:.0f}",
            f"{audio / best:.2f}", *(_latency(run) for run in runs),
            str(Punctuality.of(np.array(opened.late))), f"{footprint.memory_mb:.0f}",
            f"{footprint.cores:.2f}", failed, wrong,
        ]  # fmt: skip

    def _load(
        self, server: Server, entrant: "Entrant", seconds: float, clients: int = 0, per_second: float = 0.0
    ) -> Posted:
        job = PostJob(server.http_port, entrant.path, seconds, clients, per_second)
        with PostLoad(job, self.work.files) as load:
            return load.result()


@dataclass(frozen=True, slots=True)
class Entrant:
    """A server to be measured. `start` is given a WAV file to see whether it is up."""

    name: str
    start: Callable[[bytes], Server]
    path: str = "/encode"
    gives_token_files: bool = False


def entrants(arguments: Namespace, version: Path) -> list[Entrant]:
    """Every server, ours last."""
    workers, cores = str(arguments.workers), str(len(os.sched_getaffinity(0)))
    shared = ("--n-q", str(arguments.n_q), "--workers")
    naive, python = (*shared, str(_POOL), "--torch-threads", cores), Path(sys.executable)
    commands = [
        PeerCommand(f"FastAPI, {_POOL} threads", python, "naive", naive),
        PeerCommand("FastAPI, a thread for each core", python, "naive", (*shared, workers)),
    ]
    if arguments.environment:
        python = PeerEnvironment(arguments.environment.absolute()).python
        commands.append(PeerCommand(PINNED["litserve"], python, "lit", (*shared, workers)))
        commands.append(PeerCommand(PINNED["ray"], python, "ray_serve", (*shared, workers)))
    found = [Entrant(command.name, partial(PeerServer, command, version)) for command in commands]

    def ours(_: bytes) -> RunningService:
        return RunningService(arguments.repository, arguments.model, arguments.workers)

    return [*found, Entrant("codecd", ours, f"/encode?n_q={arguments.n_q}", gives_token_files=True)]


def _latency(posted: Posted) -> str:
    found = Quantiles.of(posted.times(lambda status: status == 200))
    return f"{found.p50_ms:.0f} / {found.p99_ms:.0f}"


def _row(bench: Bench, entrant: Entrant) -> list[object]:
    """The row of a server, or why it has none: what one package does must not end the run."""
    print(f"{entrant.name} ...", file=sys.stderr)
    try:
        return bench.row(entrant)
    except (RuntimeError, OSError) as error:
        print(f"{entrant.name}: {error}", file=sys.stderr)
        reason = str(error).strip().splitlines()[-1]
        return [entrant.name, "did not run", reason, *[""] * (len(COLUMNS) - 3)]


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--environment", type=Path, metavar="DIR", help="with LitServe and Ray Serve")
    parser.add_argument("--install", action="store_true", help="make that environment; needs a package index")
    parser.add_argument("--only", default="", metavar="WORD", help="servers whose names hold it")
    parser.add_argument("--clips", default="2", metavar="S,S", help="lengths in seconds (default 2)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="a second each: does it run?")
    return parser


def main() -> None:
    """Measure all servers one after the other and write the table."""
    arguments = _parser().parse_args()
    if arguments.quick:
        arguments.seconds = 1.5
    if arguments.install:
        for package, reason in PeerEnvironment(arguments.environment.absolute()).install().items():
            print(f"{package} cannot be installed here: {reason}", file=sys.stderr)
    offline = Offline.open(arguments.repository, arguments.model)
    title = (
        f"One-shot encode behind several servers, {arguments.model} {offline.version}, n_q {arguments.n_q}, "
        f"{arguments.workers} workers"
    )
    lines = GrowingTable(title, COLUMNS, arguments.out)
    for clip_seconds in map(float, arguments.clips.split(",")):
        work = Work.make(offline, clip_seconds, arguments.n_q)
        with BareModel(offline.path, clip_seconds, arguments.n_q, arguments.workers) as bare:
            bench = Bench(bare, work, arguments.seconds)
            chosen = entrants(arguments, offline.path.absolute())
            for entrant in chosen:
                if arguments.only in entrant.name:
                    lines.add(_row(bench, entrant))
    lines.end()


if __name__ == "__main__":
    main()
