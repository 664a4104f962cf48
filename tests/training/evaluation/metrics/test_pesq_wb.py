"""Wide-band PESQ."""

import pytest

from codec.errors import InvalidAudioError
from tests.training.evaluation.signals import noisy, silent
from training.evaluation.metrics.metric import Pair
from training.evaluation.metrics.pesq_wb import pesq_wb

pytest.importorskip("pesq")


def test_equal_signals_get_the_most_and_noise_takes_it_away() -> None:
    score = pesq_wb().prepare()
    pair = noisy(20)
    assert score(Pair(pair.reference, pair.reference, 16_000)) == pytest.approx(4.644, abs=0.001)
    assert 4.6 > score(pair) > score(noisy(5)) > 1


def test_silence_has_no_score() -> None:
    with pytest.raises(InvalidAudioError, match="PESQ gives no score"):
        pesq_wb().prepare()(silent())
