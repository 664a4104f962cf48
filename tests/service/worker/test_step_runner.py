"""Buffers that stay: what is left in them from one run reaches neither the next nor anybody's state."""

import numpy as np
import pytest
import torch

from codec.layers.state import tensors
from service.worker.mirror import Copies, Mirror
from service.worker.step_runner import Buffers, Direction, StepRunner
from tests.service.worker.padded import sound, stream

pytestmark = pytest.mark.usefixtures("single_thread")
CPU = torch.device("cpu")
WIDTH, FRAMES, N_Q, ROWS = 4, 2, 8, 3


def make() -> tuple[StepRunner, Direction, Buffers]:
    codec = stream("spectral")
    direction = Direction(codec.encoder_state(ROWS + 1), codec.encode_step, 0)
    samples = FRAMES * codec.config.hop_samples
    buffers = Buffers(
        Mirror((WIDTH, 1, samples), torch.float32, CPU),
        Mirror((WIDTH, N_Q, FRAMES), torch.int64, CPU),
        Mirror((WIDTH,), torch.int64, CPU),
    )
    return StepRunner(direction, N_Q, buffers, Copies(CPU)), direction, buffers


def test_places_without_work_step_the_scratch_row_on_silence() -> None:
    runner, direction, buffers = make()
    assert direction.scratch_row == ROWS
    audio = sound(stream("spectral"), 3, FRAMES)
    runner.run([2, 0, 1], audio)
    runner.run([1], audio[:1])
    assert buffers.rows.array.tolist() == [1, ROWS, ROWS, ROWS]
    assert not buffers.inputs.array[1:].any(), "of the callers of the step before"


def test_the_work_before_the_first_run_steps_nobody() -> None:
    """That is what a graph is recorded from."""
    runner, direction, _ = make()
    for tensor in tensors(direction.state):
        tensor.fill_(0.5)
    runner.work()
    for tensor in tensors(direction.state):
        assert (tensor[:ROWS] == 0.5).all()


def test_buffers_stay_where_they_are() -> None:
    runner, _, buffers = make()
    mirrors = (buffers.inputs, buffers.outputs, buffers.rows)
    before = [mirror.tensor.data_ptr() for mirror in mirrors]
    first = runner.run([0], sound(stream("spectral"), 1, FRAMES, seed=1))
    kept = first.copy()
    second = runner.run([0], sound(stream("spectral"), 1, FRAMES, seed=2))
    assert [mirror.tensor.data_ptr() for mirror in mirrors] == before
    assert np.shares_memory(first, second)
    assert not np.array_equal(kept, second)
