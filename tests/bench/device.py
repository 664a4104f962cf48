"""Steps on a device: graphs on and off, compact and fixed, codes that flip, batches, and memory.

    python -m tests.bench.device --device cpu
    python -m tests.bench.device --device cuda:0 --repeats 2000 --rows 1,4,16,64

On a machine with a GPU (a torch for its CUDA has to be installed; nothing else may run there):

    1. python -m pytest tests/service/worker/test_padded_engine.py tests/service/worker/test_cuda_graph.py \
           tests/service/worker/test_mirror.py tests/service/worker/test_device.py
       What is skipped without CUDA runs now: graphs = launches bit for bit, TF32 off, copies.
    2. python -m tests.bench.device --device cuda:0 --repeats 2000 --out device.md
    3. codecd serve --device cuda:0 (then --batching compact), and see that the log says "graphs recorded"
       with none left out, and that of codec_cuda_graph_steps_total by path hardly any but "graph" grows
    4. python -m tests.bench.live --streams 200 --workers 1 (it takes the GPU by itself)
    5. python -m tests.bench.hot_load --workers 1

Read off: "fixed" has to show 0 % in the last column of the table of codes. If "compact" does too, or nearly,
let operators know that --batching compact costs nothing. The 99.9th percentile has to stay below one frame.
On the CPU times are those of the processor, so that other processes do not count.
"""

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from codec.checkpoint import LoadedCodec, open_codec
from service.worker.torch_engine import geometry_of
from tests.bench.device_memory import COLUMNS as MEMORY_COLUMNS
from tests.bench.device_memory import memory_rows
from tests.bench.exactness import Streams, encode_direction, recordings
from tests.bench.options import make_parser
from tests.bench.speech import RATE, as_float, train_speech
from tests.bench.step_engines import StepEngine, Way, moved, ways_on
from tests.bench.tables import show, table

_SLOTS = 8
_SEEDS = (1, 2)

STEP_COLUMNS = ("steps", "rows", "frames", "encode p50 ms", "p99.9", "decode p50 ms", "p99.9")
FLIP_COLUMNS = ("steps", "codes", "differ: whole, CPU", "whole, here", "other company and cuts")
BATCH_COLUMNS = ("items", "encoded s/s", "decoded s/s")

Clock = Callable[[], float]


def step_rows(
    loaded: LoadedCodec, engines: dict[str, StepEngine], arguments: Namespace
) -> list[list[object]]:
    """Milliseconds of a step, by way, rows and frames; the ways take turns."""
    geometry, clock = geometry_of(loaded.codec.config), _clock(arguments.device)
    generator, rows = np.random.default_rng(0), []
    shapes = [(count, frames) for count in arguments.rows for frames in arguments.frames]
    for count, frames in tqdm(shapes, desc="steps", disable=None):
        size = (count, frames * geometry.hop_samples, geometry.channels)
        audio = (0.1 * generator.standard_normal(size)).astype(np.float32)
        codes = generator.integers(0, geometry.codebook_size, (count, frames, arguments.n_q))
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
        for _ in range(arguments.repeats + 1):
            for name, engine in engines.items():
                began = clock()
                engine.encode(range(count), audio, arguments.n_q)
                between = clock()
                engine.decode(range(count), codes)
                taken[name].append((between - began, clock() - between))
        for name, times in taken.items():
            # The first of each is a warm-up.
            encode, decode = (1e3 * np.array(column) for column in zip(*times[1:], strict=True))
            rows.append([name, count, frames, *_spread(encode), *_spread(decode)])
    return rows


def _spread(milliseconds: NDArray[np.float64]) -> list[object]:
    return [float(np.median(milliseconds)), float(np.quantile(milliseconds, 0.999))]


def flip_rows(
    loaded: LoadedCodec, engines: dict[str, StepEngine], whole: list[NDArray[np.int64]], arguments: Namespace
) -> list[list[object]]:
    """Share of the codes that differ from those of the whole recording, on the CPU and here, and from those
    of the same stream in other company and otherwise cut; `whole`: codes of the CPU."""
    config = loaded.codec.config
    audio = recordings(arguments.minutes, _SLOTS, np.random.default_rng(0))
    here = _whole(loaded, audio, arguments)
    rows = []
    for name, engine in engines.items():
        runs = []
        for seed in _SEEDS:
            direction = encode_direction(loaded.codec, engine, audio, arguments.n_q)
            streams = Streams(direction, _SLOTS, np.random.default_rng(seed), config.hop_samples)
            runs.append(streams.run().outputs)
        codes = sum(item.size for item in here)
        shares = [_differing(runs[0], other) / codes for other in (whole, here, runs[1])]
        rows.append([name, codes, *(f"{share:.4%}" for share in shares)])
    return rows


def _whole(
    loaded: LoadedCodec, audio: list[NDArray[np.float32]], arguments: Namespace
) -> list[NDArray[np.int64]]:
    device = next(loaded.codec.parameters()).device
    tensors = [torch.from_numpy(item)[None, None].to(device) for item in audio]
    return [loaded.codec.encode(item, arguments.n_q).codes[0].T.cpu().numpy() for item in tensors]


def _differing(left: Sequence[NDArray[np.generic]], right: Sequence[NDArray[np.generic]]) -> int:
    return sum(int((a != b).sum()) for a, b in zip(left, right, strict=True))


def batch_rows(loaded: LoadedCodec, arguments: Namespace) -> list[list[object]]:
    """Seconds of audio coded in a second, whole items in batches, best of the repeats."""
    device, clock = torch.device(arguments.device), _clock(arguments.device)
    rows: list[list[object]] = []
    for size in tqdm(arguments.batches, desc="batches", disable=None):
        speech = as_float(train_speech(size * arguments.seconds)).reshape(size, 1, -1)
        audio = torch.from_numpy(speech).to(device)
        best = [float("inf"), float("inf")]
        for _ in range(3):
            began = clock()
            encoded = loaded.codec.encode(audio, arguments.n_q)
            between = clock()
            loaded.codec.decode(encoded)
            best = [min(best[0], between - began), min(best[1], clock() - between)]
        seconds = audio.numel() / RATE
        rows.append([size, *(round(seconds / taken) for taken in best)])
    return rows


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
    loaded = open_codec(arguments.model, arguments.repository)
    audio = recordings(arguments.minutes, _SLOTS, np.random.default_rng(0))
    whole = _whole(loaded, audio, arguments)
    moved(loaded, arguments.device)
    ways: list[Way] = ways_on(arguments.device)
    engines = {way.name: way.engine(loaded) for way in ways}
    frame = 1e3 * geometry_of(loaded.codec.config).frame_seconds
    where = f"{loaded.identity.model} {loaded.identity.version} on {arguments.device}, n_q {arguments.n_q}"
    write = partial(_write, where, arguments.out)
    write(f"Steps, of frames of {frame:g} ms", STEP_COLUMNS, step_rows(loaded, engines, arguments))
    write("Codes of streams", FLIP_COLUMNS, flip_rows(loaded, engines, whole, arguments))
    write(f"Whole items of {arguments.seconds:g} s", BATCH_COLUMNS, batch_rows(loaded, arguments))
    write("Memory", MEMORY_COLUMNS, memory_rows(arguments))


def _write(
    where: str, out: Path | None, title: str, columns: Sequence[str], rows: list[list[object]]
) -> None:
    show(table(f"{title}: {where}", columns, rows), out)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Read the options and write the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda:N (default cpu)")
    parser.add_argument("--rows", type=_numbers, default=[1, 4, 16, 64], help="default 1,4,16,64")
    parser.add_argument("--frames", type=_numbers, default=[1, 4, 8], help="default 1,4,8")
    parser.add_argument("--repeats", type=int, default=50, help="of every step (default 50)")
    parser.add_argument("--batches", type=_numbers, default=[1, 4, 16, 64], help="default 1,4,16,64")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of whole items (default 10)")
    parser.add_argument("--minutes", type=float, default=4.0, help="speech for the codes (default 4)")
    parser.add_argument("--n-q", type=int, default=8)
    report(parser.parse_args())


if __name__ == "__main__":
    main()
