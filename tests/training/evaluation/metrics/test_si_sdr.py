"""Scale-invariant signal-to-distortion ratio."""

import numpy as np
import pytest

from codec.errors import InvalidAudioError
from tests.training.evaluation.signals import noisy, silent
from training.evaluation.metrics.metric import Pair
from training.evaluation.metrics.si_sdr import si_sdr


def tones(error: float, gain: float = 1.0, offset: float = 0.0) -> Pair:
    """A tone, and the same with another one of `error` times its height."""
    time = np.arange(16_000) / 16_000
    reference = 0.1 * np.sin(2 * np.pi * 200 * time)
    coded = gain * (reference + error * 0.1 * np.sin(2 * np.pi * 300 * time)) + offset
    return Pair(reference.astype(np.float32), coded.astype(np.float32), 16_000)


@pytest.mark.parametrize(("gain", "offset"), [(1, 0), (0.2, 0), (-3, 0), (1, 0.2)])
def test_it_is_the_ratio_of_powers_whatever_gain_and_offset(gain: float, offset: float) -> None:
    assert si_sdr().prepare()(tones(0.1, gain, offset)) == pytest.approx(20, abs=0.01)


def test_noise_counts_in_decibels() -> None:
    score = si_sdr().prepare()
    assert score(noisy(10)) == pytest.approx(10, abs=0.2)
    assert score(noisy(-5)) == pytest.approx(-5, abs=0.2)


def test_what_is_infinite_or_undefined_has_no_score() -> None:
    score = si_sdr().prepare()
    with pytest.raises(InvalidAudioError, match="silent original"):
        score(silent())
    pair = noisy(10)
    with pytest.raises(InvalidAudioError, match="infinite"):
        score(Pair(pair.reference, pair.reference, 16_000))
    with pytest.raises(InvalidAudioError, match="infinite"):
        score(Pair(pair.reference, np.zeros_like(pair.reference), 16_000))
