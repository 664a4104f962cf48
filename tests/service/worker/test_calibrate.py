"""Calibration finds what an engine costs."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from service.ipc import Operation
from service.worker.calibrate import calibrate, real_time_factor
from service.worker.capacity import Capacity
from service.worker.cost import CostModel
from service.worker.engine import Geometry

GEOMETRY = Geometry(
    sample_rate=16_000, channels=1, hop_samples=320, delay_samples=352, codebooks=8, codebook_size=64
)
NONE = dict.fromkeys(Operation, 0)


class TimedEngine:
    """Takes a known time for a step, by the number of rows and of frames; twice as long to decode."""

    def __init__(self, seconds: Callable[[int, int], float]) -> None:
        self.now = 0.0
        self.widest = 0
        self._seconds = seconds

    def counters(self) -> Mapping[str, int]:
        """Nothing to tell."""
        return {}

    def reset(self, operation: Operation, rows: Sequence[int]) -> None:
        """Nothing to forget."""

    def encode(self, rows: Sequence[int], audio: NDArray[np.float32], n_q: int) -> NDArray[np.uint16]:
        frames = audio.shape[1] // GEOMETRY.hop_samples
        self.widest = max(self.widest, len(rows))
        self.now += self._seconds(len(rows), frames)
        return np.zeros((len(rows), frames, n_q), np.uint16)

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        self.now += 2 * self._seconds(len(rows), codes.shape[1])
        return np.zeros((len(rows), codes.shape[1] * GEOMETRY.hop_samples, 1), np.float32)


def calibrated(seconds: Callable[[int, int], float], rows: int = 64) -> dict[Operation, CostModel]:
    engine = TimedEngine(seconds)
    return calibrate(engine, GEOMETRY, rows, clock=lambda: engine.now)


def by_rows(rows: int, frames: int) -> float:
    return 0.001 + rows * frames * 0.00005


def padded(rows: int, frames: int) -> float:
    """Every step 64 rows wide, frame by frame."""
    return -(-rows // 64) * frames * 0.0008


@pytest.mark.parametrize("rows", [1, 4, 64])
def test_predictions_are_the_measured_times(rows: int) -> None:
    costs = calibrated(by_rows, rows)
    for operation, factor in ((Operation.ENCODE, 1), (Operation.DECODE, 2)):
        for width, frames in ((1, 4), (rows, 25), (1, 100)):
            wanted = factor * by_rows(width, frames)
            assert costs[operation].seconds(width, frames, 8) == pytest.approx(wanted, rel=0.01)
    assert real_time_factor(costs, GEOMETRY) == pytest.approx(0.08 / (3 * by_rows(1, 4)), rel=0.01)


def test_no_more_rows_are_stepped_than_there_are() -> None:
    engine = TimedEngine(by_rows)
    calibrate(engine, GEOMETRY, 2, clock=lambda: engine.now)
    assert engine.widest == 2


def test_steps_of_a_fixed_width_cost_by_frames_and_not_by_rows() -> None:
    cost = calibrated(padded)[Operation.ENCODE]
    for rows, frames in ((1, 1), (1, 4), (64, 4), (30, 25)):
        assert cost.seconds(rows, frames, 8) == pytest.approx(padded(rows, frames), rel=0.01)
    assert cost.even_frames(8) == 1
    assert cost.frames_within(0.0085, 8) == 10


@pytest.mark.parametrize(("slots", "most"), [(100, 100), (1000, 128)])
def test_as_many_streams_fit_as_wide_steps_take(slots: int, most: int) -> None:
    """Two steps of 3.2 ms and 0.3 ms beside each of 128 rows are 45 ms of 48; a third is too much."""
    rules = Capacity(GEOMETRY, calibrated(padded), slots, max_rows=64)
    assert rules.calibrated(Operation.ENCODE) == rules.room(Operation.ENCODE, NONE, 0) == most


@pytest.mark.parametrize(("frame_seconds", "most"), [(0.007, 64), (0.013, 1), (0.021, 0)])
def test_one_stream_fits_wherever_a_wide_step_keeps_up(frame_seconds: float, most: int) -> None:
    costs = calibrated(lambda rows, frames: frames * frame_seconds)
    assert Capacity(GEOMETRY, costs, 1000, max_rows=64).calibrated(Operation.ENCODE) == most
