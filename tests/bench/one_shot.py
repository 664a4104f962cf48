"""One-shot requests over REST: served audio seconds per second, over what the bare model does on these cores.

    python -m tests.bench.one_shot --seconds 5 --repeats 3
    python -m tests.bench.one_shot --presets encodec_16k_stream --clips 2 --operations encode

Bare model: as many single-threaded processes as the service has workers, the best of several batch sizes.
Bare and served measurements take turns. Closed loop: every client sends its next request when the answer to
the last has come, which finds the highest rate. The rows "at 70 %" are an open loop: requests are due at
random times (Poisson) at 70 % of that rate, and latency counts from when a request was due.

The load generator runs on the same cores. The second table says where they went, as milliseconds of a core
for each request: what the bare model takes is what cannot be saved, and efficiency is its share of the sum.
So efficiency depends on what the model costs. --presets measures others beside it, with random weights, which
cost as much as trained ones, each published to a repository that is gone afterwards. A measurement is longer
than --seconds where that is too short for a hundred requests.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uvloop

from codec.audio import encode_audio
from tests.bench.bare_model import BareModel
from tests.bench.core_use import CoreUse, Look
from tests.bench.families import opened
from tests.bench.http_client import HttpClient, post_request
from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.speech import RATE, as_float, train_speech
from tests.bench.tables import GrowingTable, show, table

COLUMNS = (
    "model", "ms of a core a clip", "operation", "clip", "clients", "requests/s", "audio s/s", "efficiency",
    "p50 ms", "p99 ms", "late",
)  # fmt: skip
CORE_COLUMNS = (
    "model", "operation", "clip", "clients", "bare model", "model in the service", "worker beside it",
    "front end", "others of ours", "load generator", "elsewhere", "idle", "sum",
)  # fmt: skip

_BATCHES = (1, 2, 8)
_MOST_BATCH_SECONDS = 60.0
_LEAST_REQUESTS = 100
_SHARE = 0.7
_LATE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Job:
    """A request that is sent again and again."""

    model: str
    operation: str
    clip_seconds: float
    path: str
    body: bytes
    wanted_bytes: int


@dataclass(frozen=True, slots=True)
class Served:
    """One measurement of the service; latencies in milliseconds, `cores`: of a closed loop."""

    per_second: float
    p50_ms: float
    p99_ms: float
    late_share: float
    cores: CoreUse | None = None


def make_job(operation: str, offline: Offline, clip_seconds: float, n_q: int) -> Job:
    """A WAV to encode, or its token file to decode."""
    pcm = train_speech(clip_seconds)
    wav = encode_audio(as_float(pcm)[None], RATE, "wav")
    cdc = offline.cdc(offline.codes(pcm, n_q), len(pcm))
    name = offline.loaded.identity.model
    if operation == "encode":
        return Job(name, operation, clip_seconds, f"/encode?n_q={n_q}", wav, len(cdc))
    return Job(name, operation, clip_seconds, "/decode", cdc, len(wav))


def closed_loop(service: RunningService, job: Job, clients: int, spans: tuple[float, float]) -> Served:
    """The highest rate with so many clients; `spans`: seconds of warm-up and of measuring.

    The generator is a process of its own, which says when its warm-up is over.
    """
    arguments = [str(service.http_port), job.path, str(clients), str(spans[1]), str(spans[0])]
    command = [sys.executable, "-m", "tests.bench.http_load", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job.body)
        process.stdin.close()
        process.stdout.readline()
        before = Look.take(service)
        line = process.stdout.readline()
        after = Look.take(service)
    if process.returncode:
        raise RuntimeError("the load generator failed; see its error above")
    found = json.loads(line)
    seconds = after.census.at - before.census.at
    requests = round(found["per_second"] * seconds)
    cores = CoreUse.between(before, after, requests, found["cores"] * seconds)
    return Served(found["per_second"], found["p50_ms"], found["p99_ms"], 0.0, cores)


async def open_loop(service: RunningService, job: Job, per_second: float, seconds: float) -> Served:
    """Requests at random times, whatever the service does."""
    rng = np.random.default_rng(0)
    gaps = rng.exponential(1 / per_second, max(1, round(per_second * seconds)))
    idle: list[HttpClient] = []
    request = post_request(job.path, job.body)
    taken: list[float] = []
    late: list[float] = []

    async def one(due: float) -> None:
        client = idle.pop() if idle else HttpClient(service.http_port)
        answer = await client.send(request)
        taken.append(time.monotonic() - due)
        idle.append(client)
        if answer.status != 200:
            raise RuntimeError(f"the service refused: HTTP {answer.status} {answer.body[:300]!r}")

    start = time.monotonic() + 0.1
    async with asyncio.TaskGroup() as tasks:
        for due in start + np.cumsum(gaps):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            late.append(time.monotonic() - due)
            tasks.create_task(one(float(due)))
    elapsed = time.monotonic() - start
    p50, p99 = 1000 * np.quantile(taken, [0.5, 0.99])
    late_share = float((np.array(late) > _LATE_SECONDS).mean())
    return Served(len(taken) / elapsed, float(p50), float(p99), late_share)


async def check(service: RunningService, job: Job) -> None:
    """One request, whose answer has to be of the right size."""
    answer = await HttpClient(service.http_port).send(post_request(job.path, job.body))
    # The token file names its model and version, so sizes agree to the byte if everything does.
    if answer.status != 200 or len(answer.body) != job.wanted_bytes:
        raise RuntimeError(f"HTTP {answer.status}, {len(answer.body)} bytes; wanted {job.wanted_bytes}")


def median(measured: list[Served]) -> Served:
    """Field by field."""
    names = ("per_second", "p50_ms", "p99_ms", "late_share")
    cores = [item.cores for item in measured if item.cores]
    middle = {name: float(np.median([getattr(item, name) for item in measured])) for name in names}
    return Served(**middle, cores=CoreUse.median(cores) if cores else None)


@dataclass(frozen=True, slots=True)
class Bench:
    """A service and the bare model beside it; `repeats` measurements of `seconds`, or of more."""

    service: RunningService
    bare: BareModel
    workers: int
    repeats: int
    seconds: float

    def measure(self, job: Job, clients: list[int], lines: GrowingTable) -> list[list[object]]:
        """Add the rows of a job to the table; the rows of the table of cores."""
        uvloop.run(check(self.service, job))
        batches = [size for size in _BATCHES if size == 1 or size * job.clip_seconds <= _MOST_BATCH_SECONDS]
        quick = {size: self.bare.rate(job.operation, size, self.seconds / 2) for size in batches}
        batch = max(quick, key=lambda size: quick[size])
        per_second = quick[batch] / job.clip_seconds
        seconds = max(self.seconds, _LEAST_REQUESTS / per_second)
        bare_rates: list[float] = []
        served: dict[int, list[Served]] = {count: [] for count in clients}
        for _ in range(self.repeats):
            bare_rates.append(self.bare.rate(job.operation, batch, self.seconds))
            for count in clients:
                spans = max(0.5, 2 * count / per_second), seconds
                served[count].append(closed_loop(self.service, job, count, spans))
        best = float(np.median(bare_rates))
        each_ms = 1000 * self.workers * job.clip_seconds / best
        clip = f"{job.clip_seconds:g} s"
        about = [job.model, f"{each_ms:.2f}", job.operation, clip]
        lines.add([*about, f"bare model, batch {batch}", "", f"{best:.0f}", "1", "", "", ""])
        middle = {count: median(found) for count, found in served.items()}
        for count, found in middle.items():
            lines.add([*about, count, *_cells(found, job, best), ""])
        peak = max(found.per_second for found in middle.values())
        lines.add([*about, f"at {_SHARE:.0%} of the maximum", *self._open(job, _SHARE * peak, seconds, best)])
        rows: list[list[object]] = [
            [job.model, job.operation, clip, count, f"{each_ms:.2f}", *found.cores.cells()]
            for count, found in middle.items()
            if found.cores
        ]
        for row in rows:
            print("ms of a core:", *row, file=sys.stderr)
        return rows

    def _open(self, job: Job, per_second: float, seconds: float, best: float) -> list[object]:
        runs = [
            uvloop.run(open_loop(self.service, job, per_second, 2 * seconds)) for _ in range(self.repeats)
        ]
        found = median(runs)
        return [*_cells(found, job, best), f"{found.late_share:.1%} > 5 ms"]


def _cells(served: Served, job: Job, best: float) -> list[object]:
    rate = served.per_second * job.clip_seconds
    return [
        f"{served.per_second:.1f}", f"{rate:.0f}", f"{rate / best:.3f}", f"{served.p50_ms:.1f}",
        f"{served.p99_ms:.1f}",
    ]  # fmt: skip


def measure_model(
    name: str, repository: Path, arguments: Namespace, lines: GrowingTable
) -> Iterator[list[object]]:
    """Add the rows of a model to the table; yields the rows of the table of cores."""
    offline = Offline.open(repository, name)
    clients = [int(count) for count in arguments.clients.split(",")]
    with RunningService(repository, name, arguments.workers) as service:
        for clip_seconds in map(float, arguments.clips.split(",")):
            with BareModel(offline.path, clip_seconds, arguments.n_q, arguments.workers) as bare:
                bench = Bench(service, bare, arguments.workers, arguments.repeats, arguments.seconds)
                for operation in arguments.operations.split(","):
                    job = make_job(operation, offline, clip_seconds, arguments.n_q)
                    yield from bench.measure(job, clients, lines)


def _parser() -> ArgumentParser:
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--presets", default="", metavar="NAME,NAME", help="measured after the model")
    parser.add_argument("--clips", default="2,30", metavar="S,S", help="lengths in seconds (default 2,30)")
    parser.add_argument("--clients", default="1,8,32", metavar="N,N", help="closed-loop clients")
    parser.add_argument("--operations", default="encode,decode")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement, at least")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--n-q", type=int, default=8)
    return parser


def main() -> None:
    """Run all measurements and write the tables."""
    arguments = _parser().parse_args()
    title = (
        f"One-shot requests, n_q {arguments.n_q}, {arguments.workers} workers, medians of {arguments.repeats}"
    )
    lines = GrowingTable(title, COLUMNS, arguments.out)
    rows = list(measure_model(arguments.model, arguments.repository, arguments, lines))
    for preset in filter(None, arguments.presets.split(",")):
        with tempfile.TemporaryDirectory(prefix="codecd-bench-") as scratch:
            _, repository = opened(preset, arguments.repository, Path(scratch))
            rows += measure_model(preset, repository, arguments, lines)
    lines.end()
    show(table("Milliseconds of a core for each request", CORE_COLUMNS, rows), arguments.out)


if __name__ == "__main__":
    main()
