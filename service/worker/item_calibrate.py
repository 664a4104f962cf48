"""Measure what pieces of whole items cost on this machine, before the worker says that it is ready."""

import time

import numpy as np

from service.ipc import Operation
from service.model_info import ModelInfo
from service.worker.cost import CostModel, Timing
from service.worker.engine import ItemEngine, Piece

ITEM_SECONDS = 1.0
"""Audio of the piece by which the speed of a model is judged."""

_SHAPES = ((1, 0.25), (1, ITEM_SECONDS), (2, 0.5))
_REPEATS = 2


def calibrate_items(engine: ItemEngine, info: ModelInfo) -> dict[Operation, CostModel]:
    """A cost model per operation, from batches of one or two pieces of up to a second.

    The better of two runs counts, as in `calibrate`.
    """
    levels = sorted({max(1, info.codebooks // 4), info.codebooks})
    shapes = [(rows, round(seconds * info.sample_rate)) for rows, seconds in _SHAPES]
    timings: dict[Operation, list[Timing]] = {operation: [] for operation in Operation}
    _run(engine, info, shapes[0], levels[0])
    for shape in shapes:
        for n_q in levels:
            runs = [_run(engine, info, shape, n_q) for _ in range(_REPEATS)]
            for operation in Operation:
                best = min((run[operation] for run in runs), key=lambda timing: timing.seconds)
                timings[operation].append(best)
    return {operation: CostModel.fit(measured) for operation, measured in timings.items()}


def _run(engine: ItemEngine, info: ModelInfo, shape: tuple[int, int], n_q: int) -> dict[Operation, Timing]:
    """Encode noise and decode what comes of it."""
    rows, n_samples = shape
    noise = np.random.default_rng(0).standard_normal((rows, n_samples, info.channels))
    form = info.label_format
    labels = np.zeros(form.count(n_samples), np.uint16) if form else None
    pieces = [Piece(n_samples, 0.1 * samples.astype(np.float32), None, labels) for samples in noise]
    started = time.perf_counter()
    coded = engine.encode(pieces, n_q)
    between = time.perf_counter()
    engine.decode(coded)
    ended = time.perf_counter()
    frames = len(coded[0].items)
    return {
        Operation.ENCODE: Timing(rows, frames, n_q, between - started),
        Operation.DECODE: Timing(rows, frames, n_q, ended - between),
    }
