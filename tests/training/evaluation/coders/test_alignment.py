"""Alignment of what comes late."""

import numpy as np
import pytest

from tests.support import voiced
from tests.training.evaluation.signals import noise
from training.evaluation.coders.alignment import envelope_lag, moved, waveform_lag


@pytest.mark.parametrize("lag", [-20, -1, 0, 1, 17])
def test_the_lag_of_a_waveform_is_found_to_the_sample(lag: int) -> None:
    reference = voiced(1.0)
    late = moved(reference, -lag, len(reference)) + 0.01 * noise(len(reference))
    assert waveform_lag(reference, late, -32, 32) == lag


def test_nothing_is_found_outside_the_window() -> None:
    reference = voiced(1.0)
    assert abs(waveform_lag(reference, moved(reference, -100, len(reference)), -32, 32)) <= 32


def test_the_lag_of_an_envelope_is_found_without_the_waveform() -> None:
    reference = voiced(2.0)
    # The same syllables spoken as noise: no waveform left to compare.
    smooth = np.convolve(np.abs(reference), np.ones(160) / 160, "same")
    vocoded = (smooth * noise(len(reference))).astype(np.float32)
    late = moved(vocoded, -300, len(reference))
    assert envelope_lag(reference, late, 16_000, 0, 800) == pytest.approx(300, abs=40)


@pytest.mark.parametrize(
    ("lag", "length", "expected"),
    [
        (0, 3, [1, 2, 3]),
        (1, 3, [2, 3, 0]),
        (-1, 3, [0, 1, 2]),
        (0, 5, [1, 2, 3, 0, 0]),
        (0, 2, [1, 2]),
        (-4, 3, [0, 0, 0]),
        (4, 3, [0, 0, 0]),
    ],
)
def test_moving_keeps_the_wanted_length(lag: int, length: int, expected: list[int]) -> None:
    assert moved(np.array([1, 2, 3], np.float32), lag, length).tolist() == expected
