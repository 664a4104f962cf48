"""One step of the engine for a batch of sessions: gather their input, run, cut up the output."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.ipc import Operation
from service.worker.engine import Engine
from service.worker.policy import Batch
from service.worker.segment import Items


def run_step(engine: Engine, batch: Batch) -> list[NDArray[Any]]:
    """Take the input of every session of the batch, step, and return each one's output `[item, width]`."""
    n_qs = [session.segments[0].n_q for session in batch.sessions]
    fresh = [s.lease.row for s in batch.sessions if s.segments[0].taken == 0]
    inputs = [session.segments[0].take(batch.frames) for session in batch.sessions]
    if fresh:
        engine.reset(batch.operation, fresh)
    rows = [session.lease.row for session in batch.sessions]
    if batch.operation == Operation.ENCODE:
        codes = engine.encode(rows, np.stack(inputs), batch.n_q)
        return [codes[row, :, :n_q] for row, n_q in enumerate(n_qs)]
    return list(engine.decode(rows, _with_absent(inputs, batch.n_q)))


def _with_absent(inputs: list[Items], n_q: int) -> NDArray[np.int64]:
    """Codes `[frame, n_q of the row]` stacked; codebooks that a row does not have are -1."""
    if all(codes.shape[1] == n_q for codes in inputs):
        return np.stack(inputs)
    stacked = np.full((len(inputs), len(inputs[0]), n_q), -1, dtype=np.int64)
    for row, codes in enumerate(inputs):
        stacked[row, :, : codes.shape[1]] = codes
    return stacked
