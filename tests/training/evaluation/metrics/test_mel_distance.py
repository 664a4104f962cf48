"""Mel distance."""

import numpy as np
import pytest

from tests.training.evaluation.signals import noisy
from training.evaluation.metrics.mel_distance import MEL_SCALES, mel_distance, scaled_window
from training.evaluation.metrics.metric import Pair


def test_a_factor_of_ten_is_a_distance_of_one() -> None:
    coded = noisy(0).coded
    pair = Pair(coded, np.float32(0.1) * coded, 16_000)
    assert mel_distance().prepare()(pair) == pytest.approx(1, abs=0.02)


def test_equal_signals_have_none_and_noise_adds_to_it() -> None:
    distance = mel_distance().prepare()
    pair = noisy(20)
    assert distance(Pair(pair.reference, pair.reference, 16_000)) == 0
    assert 0 < distance(pair) < distance(noisy(0))


def test_windows_last_as_long_at_every_rate() -> None:
    assert [scaled_window(window, 24_000) for window, _ in MEL_SCALES] == [192, 384, 768, 1536, 3072]
    distance = mel_distance().prepare()
    pair = noisy(10)
    assert distance(pair.at(24_000)) == pytest.approx(distance(pair), rel=0.4)
