"""Calibration finds what an engine costs."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from service.ipc import Operation
from service.worker.calibrate import calibrate, real_time_factor
from service.worker.engine import Geometry

GEOMETRY = Geometry(
    sample_rate=16_000, channels=1, hop_samples=320, delay_samples=352, codebooks=8, codebook_size=64
)
STEP_SECONDS, FRAME_SECONDS = 0.001, 0.00005


class SleepyEngine:
    """Takes a known time for a step, twice as long to decode."""

    def counters(self) -> Mapping[str, int]:
        """Nothing to tell."""
        return {}

    def reset(self, operation: Operation, rows: Sequence[int]) -> None:
        """Nothing to forget."""

    def encode(self, rows: Sequence[int], audio: NDArray[np.float32], n_q: int) -> NDArray[np.uint16]:
        frames = audio.shape[1] // GEOMETRY.hop_samples
        time.sleep(STEP_SECONDS + len(rows) * frames * FRAME_SECONDS)
        return np.zeros((len(rows), frames, n_q), np.uint16)

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        time.sleep(2 * (STEP_SECONDS + len(rows) * codes.shape[1] * FRAME_SECONDS))
        return np.zeros((len(rows), codes.shape[1] * GEOMETRY.hop_samples, 1), np.float32)


def test_predictions_are_near_the_measured_times() -> None:
    costs = calibrate(SleepyEngine(), GEOMETRY, rows=4)
    for operation, factor in ((Operation.ENCODE, 1), (Operation.DECODE, 2)):
        for frames in (4, 100):
            wanted = factor * (STEP_SECONDS + frames * FRAME_SECONDS)
            assert costs[operation].seconds(1, frames, 8) == pytest.approx(wanted, rel=0.5)
    live_step_seconds = 3 * (STEP_SECONDS + 4 * FRAME_SECONDS)
    assert real_time_factor(costs, GEOMETRY) == pytest.approx(0.08 / live_step_seconds, rel=0.5)
