"""STOI and ESTOI."""

from collections.abc import Callable

import pytest

from codec.errors import InvalidAudioError
from tests.training.evaluation.signals import noisy
from training.evaluation.metrics.intelligibility import estoi, stoi
from training.evaluation.metrics.metric import Metric, Pair

pytest.importorskip("pystoi")


@pytest.mark.parametrize("metric", [stoi, estoi])
def test_equal_signals_get_one_and_noise_takes_it_away(metric: Callable[[], Metric]) -> None:
    score = metric().prepare()
    pair = noisy(10)
    assert score(Pair(pair.reference, pair.reference, 16_000)) == pytest.approx(1, abs=1e-6)
    assert 0.99 > score(pair) > score(noisy(0))


def test_the_extended_form_is_another_measure() -> None:
    pair = noisy(0)
    assert stoi().prepare()(pair) > estoi().prepare()(pair) + 0.02


def test_too_little_speech_has_no_score_instead_of_almost_zero() -> None:
    pair = noisy(10)
    short = Pair(pair.reference[:3000], pair.coded[:3000], 16_000)
    with pytest.raises(InvalidAudioError, match="STOI gives no score"):
        stoi().prepare()(short)
