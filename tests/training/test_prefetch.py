"""Batches prepared ahead are the ones that were asked for."""

import threading

import pytest
import torch

from training.data import Batch
from training.prefetch import Prefetch


def numbered(step: int) -> Batch:
    return Batch(torch.tensor([float(step)]))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_steps_come_in_order_and_may_begin_anywhere(workers: int) -> None:
    batches = Prefetch(numbered, workers)
    assert [float(batches.get(step).audio) for step in (7, 8, 9, 3, 4)] == [7, 8, 9, 3, 4]
    batches.close()


def test_the_next_ones_are_made_meanwhile() -> None:
    begun = {step: threading.Event() for step in range(6)}

    def slow(step: int) -> Batch:
        begun[step].set()
        return numbered(step)

    batches = Prefetch(slow, 2)
    batches.get(0)
    assert begun[1].wait(10)
    assert begun[2].wait(10)
    assert not begun[3].is_set()
    batches.close()


def test_an_error_rises_at_its_step() -> None:
    def failing(step: int) -> Batch:
        if step == 2:
            raise ValueError("broken")
        return numbered(step)

    batches = Prefetch(failing, 2)
    batches.get(0)
    batches.get(1)
    with pytest.raises(ValueError, match="broken"):
        batches.get(2)
    batches.close()
