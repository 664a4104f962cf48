"""What the front end costs by itself: the real one, in front of workers whose model does nothing.

Requests: POST /encode of a 2 s WAV, closed loop, answers in packed tokens. Live messages: 80 ms of PCM on
many streams at once, each sent as soon as the one before it is answered, tokens out. The front end has a
core of its own; workers and clients share the others. CPU time is the front end's, whatever else runs;
rates and latencies mean something on a quiet machine only.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import grpc
import numpy as np

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.bench.options import make_parser
from tests.bench.tables import show, table
from tests.service.frontend.harness import Service, wav

_PATH = "/encode?n_q=8"
_MESSAGE_SAMPLES = 1280
_STREAMS_PER_CHANNEL = 50
_WARM_UP_SECONDS = "0.5"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """`per_second` requests or messages; `cpu_us`: processor time of the front end for each of them;
    `busy`: share of its core that the front end used."""

    what: str
    in_flight: int
    per_second: float
    cpu_us: float
    busy: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Cores:
    """CPU lists as `taskset` takes them."""

    frontend: str
    others: str

    @classmethod
    def split(cls) -> "Cores":
        """The first core for the front end, the rest for everything else."""
        first, *rest = sorted(os.sched_getaffinity(0))
        return cls(str(first), ",".join(map(str, rest or [first])))


def measure_requests(service: Service, cores: Cores, connections: int, seconds: float) -> Ceiling:
    """One-shot requests in a closed loop."""
    command = [*("taskset", "-c", cores.others), sys.executable, "-m", "tests.bench.http_load"]
    command += [str(service.http_port), _PATH, str(connections), str(seconds), _WARM_UP_SECONDS]
    return _measure("2 s WAV to tokens", connections, service, command, wav(2.0))


def measure_messages(service: Service, cores: Cores, streams: int, seconds: float) -> Ceiling:
    """Live messages on many streams."""
    command = [*("taskset", "-c", cores.others), sys.executable, "-m", "tests.bench.ceiling"]
    command += ["--stream-client", service.grpc_target, str(streams), str(seconds)]
    return _measure("80 ms PCM to tokens", streams, service, command, b"")


def _measure(what: str, in_flight: int, service: Service, command: list[str], stdin: bytes) -> Ceiling:
    """Run a load generator. The front end has nothing else to do, so all its CPU time was for this."""
    cpu_seconds = service.cpu_seconds()
    printed = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout
    cpu_seconds = service.cpu_seconds() - cpu_seconds
    result: dict[str, float] = json.loads(printed.splitlines()[-1])
    each = cpu_seconds / result["total"]
    return Ceiling(
        what,
        in_flight,
        result["per_second"],
        1e6 * each,
        each * result["per_second"],
        result["p50_ms"],
        result["p99_ms"],
    )


async def stream_client(target: str, streams: int, seconds: float) -> dict[str, float]:
    """Keep one message in flight on each stream; the rate and the latencies of the answers."""
    latencies_s: list[float] = []
    end = time.monotonic() + seconds
    channels = [
        # Channels with the same options would share one connection.
        grpc.aio.insecure_channel(target, options=[("codecd.number", number)])
        for number in range(-(-streams // _STREAMS_PER_CHANNEL))
    ]
    began = time.monotonic()
    await asyncio.gather(
        *(_talk(channels[number // _STREAMS_PER_CHANNEL], end, latencies_s) for number in range(streams))
    )
    elapsed = time.monotonic() - began
    await asyncio.gather(*(channel.close() for channel in channels))
    p50, p99 = np.percentile(latencies_s, [50, 99]) * 1e3
    count = len(latencies_s)
    return {"total": count, "per_second": count / elapsed, "p50_ms": p50, "p99_ms": p99}


async def _talk(channel: grpc.aio.Channel, end: float, latencies_s: list[float]) -> None:
    call = codec_pb2_grpc.CodecStub(channel).StreamEncode()
    audio = pb.AudioChunk(samples=bytes(2 * _MESSAGE_SAMPLES))
    await call.write(pb.StreamEncodeRequest(open=pb.OpenEncode(rate=pb.Rate(n_q=8))))
    await call.read()
    while (sent_at := time.monotonic()) < end:
        await call.write(pb.StreamEncodeRequest(audio=audio))
        await call.read()
        latencies_s.append(time.monotonic() - sent_at)
    await call.done_writing()


def measure(seconds: float, cores: Cores, workers: int) -> list[Ceiling]:
    """All rows of the table, in one run of the service."""
    with Service(cores=("taskset", "-c", cores.frontend), max_jobs=256) as service:
        for _ in range(workers):
            worker = service.add_worker(slots=512)
            command = ["taskset", "-a", "-p", "-c", cores.others, str(worker.process.pid)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        service.wait_ready()
        rows = [measure_requests(service, cores, connections, seconds) for connections in (1, 32)]
        return rows + [measure_messages(service, cores, streams, seconds) for streams in (1, 50, 200)]


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--workers", type=int, default=1, help="do-nothing workers (default 1)")
    parser.add_argument("--frontend-core", help="default: the first one")
    parser.add_argument("--other-cores", help="default: all but the front end's")
    parser.add_argument("--stream-client", nargs=3, metavar=("TARGET", "STREAMS", "SECONDS"))
    arguments = parser.parse_args()
    if arguments.stream_client:
        target, streams, seconds = arguments.stream_client
        print(json.dumps(asyncio.run(stream_client(target, int(streams), float(seconds)))))
        return
    split = Cores.split()
    cores = Cores(arguments.frontend_core or split.frontend, arguments.other_cores or split.others)
    rows = measure(arguments.seconds, cores, arguments.workers)
    columns = ["what", "in flight", "per second", "CPU us each", "core busy", "p50 ms", "p99 ms"]
    cells = [
        [row.what, row.in_flight, row.per_second, row.cpu_us, row.busy, row.p50_ms, row.p99_ms]
        for row in rows
    ]
    show(table("Front end alone (do-nothing model), one core", columns, cells), arguments.out)


if __name__ == "__main__":
    main()
