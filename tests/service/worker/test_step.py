"""One step takes exactly its frames and gives every row its own n_q."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.ipc import Operation
from service.worker.policy import Batch
from service.worker.session import Session, SessionKey
from service.worker.slots import Lease
from service.worker.step import run_step
from tests.service.worker.oracle import GEOMETRY


class Recorder:
    """An engine that writes down what it is asked."""

    def __init__(self) -> None:
        self.resets: list[list[int]] = []
        self.rows: list[list[int]] = []
        self.inputs: list[NDArray[np.generic]] = []

    def counters(self) -> Mapping[str, int]:
        return {}

    def reset(self, operation: Operation, rows: Sequence[int]) -> None:
        self.resets.append(list(rows))

    def encode(self, rows: Sequence[int], audio: NDArray[np.float32], n_q: int) -> NDArray[np.uint16]:
        self.rows.append(list(rows))
        self.inputs.append(audio)
        frames = audio.shape[1] // GEOMETRY.hop_samples
        return np.tile(np.arange(n_q, dtype=np.uint16), (len(rows), frames, 1))

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        self.rows.append(list(rows))
        self.inputs.append(codes)
        return np.zeros((len(rows), codes.shape[1] * GEOMETRY.hop_samples, 1), np.float32)


def session(operation: Operation, row: int, n_q: int, frames: int) -> Session:
    made = Session(SessionKey(1, row), operation, n_q, Lease(row, 0), GEOMETRY, is_job=False, arrived_ns=0)
    if operation == Operation.ENCODE:
        made.open_segment().push(np.full((frames * 4, 1), row, np.float32), n_q, 0, 1)
    else:
        made.open_segment().push(np.full((frames, n_q), row, np.int64), n_q, 0, 1)
    return made


def test_rows_get_the_codebooks_that_they_asked_for() -> None:
    engine = Recorder()
    sessions = (session(Operation.ENCODE, 4, 1, 3), session(Operation.ENCODE, 2, 3, 2))
    outputs = run_step(engine, Batch(Operation.ENCODE, 2, 3, sessions))
    assert [output.shape for output in outputs] == [(2, 1), (2, 3)]
    assert engine.rows == [[4, 2]]
    assert engine.inputs[0][:, :, 0].tolist() == [[4.0] * 8, [2.0] * 8]
    assert [s.ready_frames for s in sessions] == [1, 0]


def test_missing_codebooks_are_absent_when_decoding() -> None:
    engine = Recorder()
    sessions = (session(Operation.DECODE, 4, 1, 2), session(Operation.DECODE, 2, 3, 2))
    outputs = run_step(engine, Batch(Operation.DECODE, 2, 3, sessions))
    assert [output.shape for output in outputs] == [(8, 1), (8, 1)]
    assert engine.inputs[0].tolist() == [[[4, -1, -1]] * 2, [[2, 2, 2]] * 2]


def test_a_row_is_reset_before_the_first_step_of_a_segment_and_never_between() -> None:
    engine = Recorder()
    old, new = session(Operation.ENCODE, 1, 1, 3), session(Operation.ENCODE, 2, 1, 1)
    run_step(engine, Batch(Operation.ENCODE, 1, 1, (old,)))
    run_step(engine, Batch(Operation.ENCODE, 1, 1, (old, new)))
    run_step(engine, Batch(Operation.ENCODE, 1, 1, (old,)))
    assert engine.resets == [[1], [2]]
