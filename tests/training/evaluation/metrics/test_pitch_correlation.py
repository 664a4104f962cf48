"""F0 correlation."""

import numpy as np
import pytest

from codec.errors import InvalidAudioError
from tests.training.evaluation.signals import noise, noisy, silent
from training.evaluation.metrics.metric import Pair, Signal
from training.evaluation.metrics.pitch_correlation import pitch_correlation


def glide(start_hz: float, end_hz: float) -> Signal:
    """Two seconds of a tone with an overtone."""
    phase = 2 * np.pi * np.cumsum(np.linspace(start_hz, end_hz, 32_000)) / 16_000
    return (0.1 * np.sin(phase) + 0.05 * np.sin(2 * phase)).astype(np.float32)


def test_the_direction_of_the_melody_counts_and_its_height_does_not() -> None:
    correlation = pitch_correlation().prepare()
    rising = glide(100, 200)
    assert correlation(Pair(rising, glide(120, 240), 16_000)) == pytest.approx(1, abs=0.001)
    assert correlation(Pair(rising, glide(200, 100), 16_000)) < -0.95


def test_noise_instead_of_the_voice_correlates_with_nothing() -> None:
    correlation = pitch_correlation().prepare()
    pair = noisy(10)
    assert correlation(pair) > 0.9
    assert abs(correlation(Pair(pair.reference, 0.1 * noise(len(pair.reference)), 16_000))) < 0.5


def test_nothing_voiced_has_no_score() -> None:
    with pytest.raises(InvalidAudioError, match="0 frames of the original are voiced"):
        pitch_correlation().prepare()(silent())
