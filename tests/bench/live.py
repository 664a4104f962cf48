"""Live streams in real time: latency of every message, counted from when it was due.

    python -m tests.bench.live --streams 20 --seconds 60
    python -m tests.bench.live --streams 10 --decode-streams 10
    python -m tests.bench.live --sweep 10,20,40,80 --seconds 20

Every stream replays a clip of real speech, message by message, by a clock of its own, from a start of its
own. What comes back is compared with the offline codes (samples, for decode streams). Latency is taken
while all streams run. A run counts only if the generator itself was on time: at most 1 % of the sends more
than 5 ms late. Audio that a message leaves over, less than a frame, is in no message's latency.
"""

import asyncio
import time
from dataclasses import dataclass

import numpy as np
import uvloop

from tests.bench.live_client import (
    StreamPlan,
    StreamRun,
    channels,
    decode_plan,
    encode_plan,
    latencies,
    no_garbage_collection,
    play,
)
from tests.bench.offline import Offline, codes_of_wire, largest_difference, mismatches
from tests.bench.options import add_workers, make_parser
from tests.bench.running_service import RunningService
from tests.bench.speech import RATE, clips
from tests.bench.tables import show, table

COLUMNS = (
    "encode / decode streams", "messages", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "generator", "errors",
    "codes wrong", "samples off by", "service / generator cores",
)  # fmt: skip

_DISTINCT_CLIPS = 16
_WARM_UP_SECONDS = 1.0
_LATE_SECONDS = 0.005
_MOST_LATE_SHARE = 0.01
_QUANTILES = (0.5, 0.99, 0.999, 1.0)


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a sweep."""

    encode_streams: int
    decode_streams: int
    seconds: float
    message_seconds: float
    n_q: int


@dataclass(frozen=True, slots=True)
class Script:
    """A clip as both kinds of streams, and what must come out of them."""

    encode: StreamPlan
    decode: StreamPlan
    codes: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]
    samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Measured:
    """All streams of a point; `since` and `until`: the time in which all of them ran."""

    runs: list[tuple[Script, StreamPlan, StreamRun]]
    since: float
    until: float
    service_cores: float
    generator_cores: float


def scripts(offline: Offline, setting: Setting) -> list[Script]:
    """A script for each clip."""
    config = offline.loaded.codec.config
    hop, delay = config.hop_samples, config.delay_samples
    frames = max(1, round(setting.message_seconds * RATE) // hop)
    identity = (offline.loaded.identity.token_space, config.sample_rate)
    count = min(_DISTINCT_CLIPS, max(setting.encode_streams, setting.decode_streams))
    made = []
    for pcm in clips(count, setting.seconds):
        codes = offline.codes(pcm, setting.n_q)
        encode = encode_plan(pcm, setting.n_q, hop, setting.message_seconds, RATE)
        decode = decode_plan(codes, hop, delay, frames, identity)
        made.append(Script(encode, decode, codes, offline.samples(codes)))
    return made


async def measure(service: RunningService, played: list[Script], setting: Setting) -> Measured:
    """Play all streams."""
    plans = [(script := played[n % len(played)], script.encode) for n in range(setting.encode_streams)]
    plans += [(script := played[n % len(played)], script.decode) for n in range(setting.decode_streams)]
    rng = np.random.default_rng(len(plans))
    ramp = min(5.0, setting.seconds / 4)
    async with channels(service.grpc_target, len(plans)) as opened:
        with no_garbage_collection():
            base = time.monotonic() + 0.5
            cpu, own = service.cpu_seconds(), time.process_time()
            began = time.monotonic()
            tasks = [
                play(opened[n % len(opened)], plan, base + rng.uniform(0, ramp), StreamRun())
                for n, (_, plan) in enumerate(plans)
            ]
            runs = await asyncio.gather(*tasks)
            elapsed = time.monotonic() - began
            service_cores = (service.cpu_seconds() - cpu) / elapsed
            generator_cores = (time.process_time() - own) / elapsed
    together = [(script, plan, run) for (script, plan), run in zip(plans, runs, strict=True)]
    since, until = base + ramp + _WARM_UP_SECONDS, base + setting.seconds
    return Measured(together, since, until, service_cores, generator_cores)


def row(measured: Measured, setting: Setting) -> list[object]:
    """A line of the table."""
    taken = np.concatenate(
        [latencies(run, plan, measured.since, measured.until) for _, plan, run in measured.runs]
    )
    late = np.concatenate([run.late for _, _, run in measured.runs])
    share = float((late > _LATE_SECONDS).mean())
    verdict = "on time" if share <= _MOST_LATE_SHARE else "VOID: late"
    failed = [run.outcome for _, _, run in measured.runs if run.outcome.status is not None]
    kinds = sorted({f"{outcome.status.name}: {outcome.detail}" for outcome in failed if outcome.status})
    wrong, off = _compare(measured, setting.n_q)
    quantiles = [f"{1000 * value:.1f}" for value in np.quantile(taken, _QUANTILES, method="higher")]
    return [
        f"{setting.encode_streams} / {setting.decode_streams}", len(taken), *quantiles,
        f"{verdict} ({share:.2%} > 5 ms)", f"{len(failed)} {'; '.join(kinds)}", wrong, off,
        f"{measured.service_cores:.2f} / {measured.generator_cores:.2f}",
    ]  # fmt: skip


def _compare(measured: Measured, n_q: int) -> tuple[str, str]:
    wrong = total = 0
    off = 0.0
    for script, plan, run in measured.runs:
        if run.outcome.status is not None:
            continue
        if plan.is_encode:
            wrong += mismatches(codes_of_wire(run.output, n_q), script.codes)
            total += script.codes.size
        else:
            off = max(off, largest_difference(np.frombuffer(bytes(run.output), "<f4"), script.samples))
    return f"{wrong} of {total}", f"{off:.2g}"


def main() -> None:
    """Run all points and write the table."""
    parser = make_parser(__doc__)
    add_workers(parser)
    parser.add_argument("--streams", type=int, default=20, help="encode streams (default 20)")
    parser.add_argument("--decode-streams", type=int, default=0)
    parser.add_argument("--sweep", default="", metavar="N,N", help="numbers of encode streams instead of one")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of every stream")
    parser.add_argument("--message-ms", type=float, default=80.0)
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--slots", type=int, default=256, help="streams that one worker of the service takes")
    arguments = parser.parse_args()
    counts = [int(count) for count in arguments.sweep.split(",") if count] or [arguments.streams]
    offline = Offline.open(arguments.repository, arguments.model)
    lines = []
    options = ("--slots", str(arguments.slots))
    with RunningService(arguments.repository, arguments.model, arguments.workers, *options) as service:
        for count in counts:
            setting = Setting(
                count, arguments.decode_streams, arguments.seconds, arguments.message_ms / 1000, arguments.n_q
            )
            played = scripts(offline, setting)
            lines.append(row(uvloop.run(measure(service, played, setting)), setting))
    title = (
        f"Live streams, {arguments.message_ms:g} ms messages, {arguments.seconds:g} s, n_q {arguments.n_q}, "
        f"{arguments.model} {offline.version}, {arguments.workers} workers"
    )
    show(table(title, COLUMNS, lines), arguments.out)


if __name__ == "__main__":
    main()
