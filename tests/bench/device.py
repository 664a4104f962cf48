"""Steps on a device: graphs, compact and fixed, codes that flip, streams, batches, bfloat16, memory.

    python -m tests.bench.device                                      on the CPU; some minutes on free cores
    python -m tests.bench.device --device cuda:0 --out device.md      on a GPU; about seven minutes

Nothing else may run there. Every row is written, and appended to --out, as soon as it is measured: a run that
is cut keeps what it has. It runs from a checkout, with torch and torchaudio 2.11 or newer (for CUDA if the
device is) and the packages numpy, pydantic, pyyaml, pytest, safetensors, scipy, soundfile, soxr and tqdm;
pesq adds a quality metric. The speech is that of CODECD_SHARED, or of shared beside the checkout.

steps     milliseconds of one step, the ways taking turns. Graphs on and off: "graphs" beside "launches".
streams   milliseconds of a tick, in which so many live streams encode and decode one frame each. They fit as
          long as the 99.9th percentile stays below one frame; the first number that does not is the last row.
codes     share that differs from the whole recording on the CPU, here, and from the same stream in other
          company and otherwise cut: "fixed" has to show 0 % in the last column, and if "compact" does too,
          or nearly, --batching compact costs nothing.
decoding  what bfloat16 does to the same codes.
items     whole items in batches, decoded in either type.
memory    of one worker, and of two, as on a hot load (blue/green).

On the CPU times are those of the processor, so that other processes do not count. Also worth a run on a GPU:

    python -m pytest tests/service/worker/test_{padded_engine,cuda_graph,mirror,device}.py
        What is skipped without CUDA runs: graphs = launches bit for bit, TF32 off, copies.
    codecd serve --device cuda:0
        The log says "graphs recorded" with none left out; of codec_cuda_graph_steps_total hardly any but
        path="graph" grows.
    python -m tests.bench.live --streams 200 --workers 1
    python -m tests.bench.hot_load --workers 1
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from codec.checkpoint import LoadedCodec, open_codec
from service.worker.torch_engine import geometry_of
from tests.bench.device_memory import COLUMNS as MEMORY_COLUMNS
from tests.bench.device_memory import memory_rows
from tests.bench.device_quality import COLUMNS as QUALITY_COLUMNS
from tests.bench.device_quality import quality_rows
from tests.bench.exactness import Streams, encode_direction, recordings
from tests.bench.options import make_parser
from tests.bench.speech import RATE, as_float, train_speech
from tests.bench.step_engines import StepEngine, lowered, moved, ways_on
from tests.bench.tables import grow, show, table

_SLOTS = 8
_SEEDS = (1, 2)
_BEST_OF = 3

STEP_COLUMNS = ("steps", "rows", "frames", "repeats", "encode p50 ms", "p99.9", "decode p50 ms", "p99.9")
STREAM_COLUMNS = ("steps", "streams", "ticks", "p50 ms", "p99.9 ms", "below a frame")
FLIP_COLUMNS = ("steps", "codes", "differ: whole, CPU", "whole, here", "other company and cuts")
BATCH_COLUMNS = ("items", "encoded s/s", "decoded s/s", "decoded s/s, bfloat16")
SUMMARY_COLUMNS = ("steps", "first step: encode ms", "decode ms", "streams", "codes that differ")

Clock = Callable[[], float]
Rows = Iterator[list[object]]


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """A codec on the device, an engine for every way of `ways_on`, and the clock of the device."""

    loaded: LoadedCodec
    engines: dict[str, StepEngine]
    clock: Clock
    arguments: Namespace

    @property
    def frame_ms(self) -> float:
        """Length of a frame."""
        return 1e3 * geometry_of(self.loaded.codec.config).frame_seconds

    def timed(self, engines: Sequence[str], rows: int, frames: int) -> dict[str, NDArray[np.float64]]:
        """Milliseconds `[repeat, 2]` of encoding and decoding; the engines take turns.

        As many repeats as asked for, or as fit into the seconds of a point.
        """
        geometry, generator = geometry_of(self.loaded.codec.config), np.random.default_rng(0)
        size, n_q = (rows, frames * geometry.hop_samples, geometry.channels), self.arguments.n_q
        audio = (0.1 * generator.standard_normal(size)).astype(np.float32)
        codes = generator.integers(0, geometry.codebook_size, (rows, frames, n_q))
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
        until = time.monotonic() + self.arguments.point_seconds * len(engines)
        for repeat in range(self.arguments.repeats + 1):
            for name in engines:
                began = self.clock()
                self.engines[name].encode(range(rows), audio, n_q)
                between = self.clock()
                self.engines[name].decode(range(rows), codes)
                taken[name].append((between - began, self.clock() - between))
            if repeat and time.monotonic() > until:
                break
        # The first of each is a warm-up.
        return {name: 1e3 * np.array(times[1:]) for name, times in taken.items()}


def step_rows(bench: Bench) -> Rows:
    """Milliseconds of a step, by way, rows and frames."""
    for count in bench.arguments.rows:
        for frames in bench.arguments.frames:
            for name, times in bench.timed(tuple(bench.engines), count, frames).items():
                encode, decode = times.T
                yield [name, count, frames, len(times), *_spread(encode), *_spread(decode)]


def stream_rows(bench: Bench) -> Rows:
    """Milliseconds in which all streams go one frame further, for more and more of them."""
    for name in bench.engines:
        for count in bench.arguments.streams:
            ticks = bench.timed((name,), count, 1)[name].sum(1)
            p50, p999 = _spread(ticks)
            yield [name, count, len(ticks), p50, p999, "yes" if p999 < bench.frame_ms else "no"]
            if p999 >= bench.frame_ms:
                break


def _spread(milliseconds: NDArray[np.float64]) -> tuple[float, float]:
    return float(np.median(milliseconds)), float(np.quantile(milliseconds, 0.999))


def flip_rows(bench: Bench, audio: list[NDArray[np.float32]], whole: list[NDArray[np.int64]]) -> Rows:
    """Share of the codes that differ from those of the whole recording, on the CPU and here, and from those
    of the same stream in other company and otherwise cut; `whole`: codes of the CPU."""
    n_q, hop = bench.arguments.n_q, bench.loaded.codec.config.hop_samples
    here = _whole(bench.loaded, audio, n_q)
    for way in ways_on(bench.arguments.device):
        if way.decode_dtype != "float32":
            continue
        runs = []
        for seed in _SEEDS:
            direction = encode_direction(bench.loaded.codec, bench.engines[way.name], audio, n_q)
            runs.append(Streams(direction, _SLOTS, np.random.default_rng(seed), hop).run().outputs)
        codes = sum(item.size for item in here)
        shares = [_differing(runs[0], other) / codes for other in (whole, here, runs[1])]
        yield [way.name, codes, *(f"{share:.4%}" for share in shares)]


def _whole(loaded: LoadedCodec, audio: list[NDArray[np.float32]], n_q: int) -> list[NDArray[np.int64]]:
    device = next(loaded.codec.parameters()).device
    tensors = [torch.from_numpy(item)[None, None].to(device) for item in audio]
    return [loaded.codec.encode(item, n_q).codes[0].T.cpu().numpy() for item in tensors]


def _differing(left: Sequence[NDArray[np.generic]], right: Sequence[NDArray[np.generic]]) -> int:
    return sum(int((a != b).sum()) for a, b in zip(left, right, strict=True))


def batch_rows(bench: Bench) -> Rows:
    """Seconds of audio coded in a second, whole items in batches, best of three."""
    codec, half = bench.loaded.codec, lowered(bench.loaded, "bfloat16").codec
    device, n_q = next(codec.parameters()).device, bench.arguments.n_q
    for size in bench.arguments.batches:
        speech = as_float(train_speech(size * bench.arguments.seconds)).reshape(size, 1, -1)
        audio = torch.from_numpy(speech).to(device)
        encoded = codec.encode(audio, n_q)
        works = (
            lambda audio=audio: codec.encode(audio, n_q),
            lambda encoded=encoded: codec.decode(encoded),
            lambda encoded=encoded: half.decode(encoded),
        )
        yield [size, *(round(audio.numel() / RATE / _best(work, bench.clock)) for work in works)]


def _best(work: Callable[[], object], clock: Clock) -> float:
    taken = []
    for _ in range(_BEST_OF):
        began = clock()
        work()
        taken.append(clock() - began)
    return min(taken)


def _clock(device: str) -> Clock:
    if device == "cpu":
        return time.process_time

    def synchronised() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return synchronised


def report(arguments: Namespace) -> None:
    """Measure and write the tables."""
    torch.set_num_threads(1)
    began, loaded = time.monotonic(), open_codec(arguments.model, arguments.repository)
    audio = recordings(arguments.minutes, _SLOTS, np.random.default_rng(0))
    whole = _whole(loaded, audio, arguments.n_q)
    moved(loaded, arguments.device)
    engines: dict[str, StepEngine] = {}
    rows = max(*arguments.rows, *arguments.streams, _SLOTS)
    for way in ways_on(arguments.device):
        print(f"{time.monotonic() - began:.0f} s: making {way.name!r} ready", flush=True)
        engines[way.name] = way.engine(loaded, rows)
    bench = Bench(loaded, engines, _clock(arguments.device), arguments)
    where = f"{loaded.identity.model} {loaded.identity.version} on {arguments.device}, n_q {arguments.n_q}"

    def section(
        title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> list[Sequence[object]]:
        print(f"{time.monotonic() - began:.0f} s", flush=True)
        return grow(f"{title}: {where}", columns, rows, arguments.out)

    steps = section(f"Steps, of frames of {bench.frame_ms:g} ms", STEP_COLUMNS, step_rows(bench))
    streams = section("Streams that encode and decode", STREAM_COLUMNS, stream_rows(bench))
    flips = section("Codes of streams", FLIP_COLUMNS, flip_rows(bench, audio, whole))
    section("Decoding in bfloat16", QUALITY_COLUMNS, quality_rows(loaded, sorted({4, arguments.n_q})))
    section(f"Whole items of {arguments.seconds:g} s", BATCH_COLUMNS, batch_rows(bench))
    section("Memory", MEMORY_COLUMNS, memory_rows(arguments))
    show(table(f"Summary: {where}", SUMMARY_COLUMNS, summary_rows(steps, streams, flips)), arguments.out)
    print(f"took {time.monotonic() - began:.0f} s", flush=True)


def summary_rows(
    steps: list[Sequence[object]], streams: list[Sequence[object]], flips: list[Sequence[object]]
) -> Rows:
    """A row for every way: its first step, the most streams that fit, codes that depend on company."""
    differing = {row[0]: row[-1] for row in flips}
    for first in steps:
        name, rows, frames, _, encode, _, decode, _ = first
        if (rows, frames) == (steps[0][1], steps[0][2]):
            fit = [row[1] for row in streams if row[0] == name and row[-1] == "yes"]
            yield [name, encode, decode, fit[-1] if fit else 0, differing.get(name, "as float32")]


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _add(parser: ArgumentParser, name: str, default: str, what: str = "") -> None:
    parser.add_argument(name, type=_numbers, default=_numbers(default), help=f"{what}default {default}")


def main() -> None:
    """Read the options and write the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda:N (default cpu)")
    _add(parser, "--rows", "1,4,16,64", "of a step; ")
    _add(parser, "--frames", "1,4,8", "of a step; ")
    _add(parser, "--streams", "4,8,16,32,64,128,192,256,384,512,768,1024", "numbers to try, ascending; ")
    _add(parser, "--batches", "1,4,16,64", "items in a batch; ")
    parser.add_argument("--repeats", type=int, default=2000, help="of every step at most (default 2000)")
    parser.add_argument("--point-seconds", type=float, default=1.0, help="for them at most (default 1)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of whole items (default 10)")
    parser.add_argument("--minutes", type=float, default=2.0, help="speech for the codes (default 2)")
    parser.add_argument("--n-q", type=int, default=8)
    report(parser.parse_args())


if __name__ == "__main__":
    main()
