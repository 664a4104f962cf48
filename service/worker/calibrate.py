"""Measure what steps cost on this machine, before the worker says that it is ready."""

import time
from collections.abc import Callable

import numpy as np

from service.ipc import Operation
from service.worker.cost import CostModel, Timing
from service.worker.engine import Engine, Geometry

_SHAPES = ((1, 4), (4, 4), (16, 4), (1, 25), (1, 100))
_REPEATS = 3


def calibrate(
    engine: Engine, geometry: Geometry, rows: int, clock: Callable[[], float] = time.perf_counter
) -> dict[Operation, CostModel]:
    """A cost model per operation, from steps of up to 16 of the engine's `rows` rows.

    The shapes are those of live messages and of one-shot requests. The best of three runs counts, for
    what else the machine did meanwhile is not a property of the model.
    """
    levels = sorted({max(1, geometry.codebooks // 4), geometry.codebooks})
    shapes = [(min(width, rows), frames, n_q) for width, frames in _SHAPES for n_q in levels]
    costs = {}
    for operation in Operation:
        _step_seconds(engine, geometry, operation, shapes[0], clock)
        timings = []
        for shape in shapes:
            seconds = min(_step_seconds(engine, geometry, operation, shape, clock) for _ in range(_REPEATS))
            timings.append(Timing(*shape, seconds))
        costs[operation] = CostModel.fit(timings)
    return costs


def real_time_factor(
    costs: dict[Operation, CostModel], geometry: Geometry, step_seconds: float = 0.08
) -> float:
    """How many times faster than real time one row is encoded and decoded, so much a step, all codebooks."""
    frames = max(1, round(step_seconds / geometry.frame_seconds))
    needed = sum(cost.seconds(1, frames, geometry.codebooks) for cost in costs.values())
    return frames * geometry.frame_seconds / needed


def _step_seconds(
    engine: Engine,
    geometry: Geometry,
    operation: Operation,
    shape: tuple[int, int, int],
    clock: Callable[[], float],
) -> float:
    rows, frames, n_q = shape
    generator = np.random.default_rng(0)
    if operation == Operation.ENCODE:
        size = (rows, frames * geometry.hop_samples, geometry.channels)
        audio = (0.1 * generator.standard_normal(size)).astype(np.float32)
        started = clock()
        engine.encode(range(rows), audio, n_q)
    else:
        codes = generator.integers(0, geometry.codebook_size, (rows, frames, n_q))
        started = clock()
        engine.decode(range(rows), codes)
    return clock() - started
