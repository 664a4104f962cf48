"""Multi-scale STFT distance."""

import numpy as np
import pytest

from codec.errors import InvalidAudioError
from tests.training.evaluation.signals import noisy, silent
from training.evaluation.metrics.metric import Pair
from training.evaluation.metrics.stft_distance import stft_distance


def test_a_gain_gives_the_sum_of_both_terms() -> None:
    coded = noisy(0).coded
    pair = Pair(coded, np.float32(0.5) * coded, 16_000)
    assert stft_distance().prepare()(pair) == pytest.approx(0.5 + np.log(2), abs=0.01)


def test_equal_signals_have_none_and_noise_adds_to_it() -> None:
    distance = stft_distance().prepare()
    pair = noisy(20)
    assert distance(Pair(pair.reference, pair.reference, 16_000)) == 0
    assert 0 < distance(pair) < distance(noisy(0))


def test_a_silent_original_has_no_score() -> None:
    with pytest.raises(InvalidAudioError, match="silent original"):
        stft_distance().prepare()(silent())
