"""One-shot requests over REST: served audio seconds per second, over what the bare model does on these cores.

    python -m tests.bench.one_shot --seconds 5 --repeats 3

Bare model: as many single-threaded processes as the service has workers, the best of several batch sizes.
Bare and served measurements take turns. Closed loop: every client sends its next request when the answer to
the last has come, which finds the highest rate. The rows "at 70 %" are an open loop: requests are due at
random times (Poisson) at 70 % of that rate, and latency counts from when a request was due. The load
generator runs on the same cores; its share is in the table.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import psutil
import uvloop

from codec.audio import encode_audio
from tests.bench.bare_model import BareModel
from tests.bench.http_client import HttpClient, post_request
from tests.bench.offline import Offline
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.speech import RATE, as_float, train_speech
from tests.bench.tables import show, table

COLUMNS = (
    "operation", "clip", "clients", "requests/s", "audio s/s", "efficiency", "p50 ms", "p99 ms", "late",
    "generator cores",
)  # fmt: skip

_BATCHES = (1, 2, 8)
_SHARE = 0.7
_LATE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Job:
    """A request that is sent again and again."""

    operation: str
    clip_seconds: float
    path: str
    body: bytes
    wanted_bytes: int


@dataclass(frozen=True, slots=True)
class Served:
    """One measurement of the service; latencies in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    late_share: float
    generator_cores: float


def make_job(operation: str, offline: Offline, clip_seconds: float, n_q: int) -> Job:
    """A WAV to encode, or its token file to decode."""
    pcm = train_speech(clip_seconds)
    wav = encode_audio(as_float(pcm)[None], RATE, "wav")
    cdc = offline.cdc(offline.codes(pcm, n_q), len(pcm))
    if operation == "encode":
        return Job(operation, clip_seconds, f"/encode?n_q={n_q}", wav, len(cdc))
    return Job(operation, clip_seconds, "/decode", cdc, len(wav))


def closed_loop(service: RunningService, job: Job, clients: int, seconds: float) -> Served:
    """The highest rate with so many clients; the generator is a process of its own."""
    arguments = [str(service.http_port), job.path, str(clients), str(seconds)]
    command = [sys.executable, "-m", "tests.bench.http_load", *arguments]
    before = _children_cpu_seconds()
    result = subprocess.run(command, input=job.body, capture_output=True, check=False)
    if result.returncode:
        raise RuntimeError(f"the load generator failed: {result.stderr.decode()[-2000:]}")
    found = json.loads(result.stdout)
    cores = (_children_cpu_seconds() - before) / seconds
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

    own = time.process_time()
    start = time.monotonic() + 0.1
    async with asyncio.TaskGroup() as tasks:
        for due in start + np.cumsum(gaps):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            late.append(time.monotonic() - due)
            tasks.create_task(one(float(due)))
    elapsed = time.monotonic() - start
    p50, p99 = 1000 * np.quantile(taken, [0.5, 0.99])
    late_share = float((np.array(late) > _LATE_SECONDS).mean())
    cores = (time.process_time() - own) / elapsed
    return Served(len(taken) / elapsed, float(p50), float(p99), late_share, cores)


async def check(service: RunningService, job: Job) -> None:
    """One request, whose answer has to be of the right size."""
    answer = await HttpClient(service.http_port).send(post_request(job.path, job.body))
    # The token file names its model and version, so sizes agree to the byte if everything does.
    if answer.status != 200 or len(answer.body) != job.wanted_bytes:
        raise RuntimeError(f"HTTP {answer.status}, {len(answer.body)} bytes; wanted {job.wanted_bytes}")


def median(measured: list[Served]) -> Served:
    """Field by field."""
    names = ("per_second", "p50_ms", "p99_ms", "late_share", "generator_cores")
    return Served(*(float(np.median([getattr(item, name) for item in measured])) for name in names))


def measure(
    service: RunningService, bare: BareModel, job: Job, clients: list[int], turns: tuple[int, float]
) -> list[list[object]]:
    """Rows of one job; `turns`: how often, and seconds of each measurement."""
    repeats, seconds = turns
    uvloop.run(check(service, job))
    quick = {batch: bare.rate(job.operation, batch, seconds / 2) for batch in _BATCHES}
    batch = max(quick, key=lambda size: quick[size])
    bare_rates: list[float] = []
    served: dict[int, list[Served]] = {count: [] for count in clients}
    for _ in range(repeats):
        bare_rates.append(bare.rate(job.operation, batch, seconds))
        for count in clients:
            served[count].append(closed_loop(service, job, count, seconds))
    best = float(np.median(bare_rates))
    clip = f"{job.clip_seconds:g} s"
    rows: list[list[object]] = [
        [job.operation, clip, f"bare model, batch {batch}", "", f"{best:.0f}", "1", "", "", "", ""]
    ]
    for count in clients:
        rows.append(_row(job, str(count), median(served[count]), best))
    peak = max(median(served[count]).per_second for count in clients)
    opened = [uvloop.run(open_loop(service, job, _SHARE * peak, 2 * seconds)) for _ in range(repeats)]
    rows.append(_row(job, f"at {_SHARE:.0%} of the maximum", median(opened), best))
    return rows


def _row(job: Job, clients: str, served: Served, best: float) -> list[object]:
    rate = served.per_second * job.clip_seconds
    late = f"{served.late_share:.1%} > 5 ms" if clients.startswith("at") else ""
    return [
        job.operation, f"{job.clip_seconds:g} s", clients, f"{served.per_second:.1f}", f"{rate:.0f}",
        f"{rate / best:.3f}", f"{served.p50_ms:.1f}", f"{served.p99_ms:.1f}", late,
        f"{served.generator_cores:.2f}",
    ]  # fmt: skip


def _children_cpu_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def main() -> None:
    """Run all measurements and write the table."""
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--clips", default="2,30", metavar="S,S", help="lengths in seconds (default 2,30)")
    parser.add_argument("--clients", default="1,8,32", metavar="N,N", help="closed-loop clients")
    parser.add_argument("--operations", default="encode,decode")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--n-q", type=int, default=8)
    arguments = parser.parse_args()
    clients = [int(count) for count in arguments.clients.split(",")]
    offline = Offline.open(arguments.repository, arguments.model)
    turns = (arguments.repeats, arguments.seconds)
    rows: list[list[object]] = []
    with RunningService(arguments.repository, arguments.model, arguments.workers) as service:
        for clip_seconds in map(float, arguments.clips.split(",")):
            with BareModel(offline.path, clip_seconds, arguments.n_q, arguments.workers) as bare:
                for operation in arguments.operations.split(","):
                    job = make_job(operation, offline, clip_seconds, arguments.n_q)
                    rows += measure(service, bare, job, clients, turns)
    title = (
        f"One-shot requests, {arguments.model} {offline.version}, n_q {arguments.n_q}, "
        f"{arguments.workers} workers, medians of {arguments.repeats}"
    )
    show(table(title, COLUMNS, rows), arguments.out)


if __name__ == "__main__":
    main()
