"""Level error."""

import pytest

from codec.errors import InvalidAudioError
from tests.training.evaluation.signals import noisy, silent
from training.evaluation.metrics.level_error import level_error
from training.evaluation.metrics.metric import Pair


@pytest.mark.parametrize(("gain", "expected_db"), [(1.0, 0.0), (0.5, 6.0206), (2.0, 6.0206), (-1.0, 0.0)])
def test_it_is_the_absolute_difference_in_decibels(gain: float, expected_db: float) -> None:
    reference = noisy(10).reference
    pair = Pair(reference, gain * reference, 16_000)
    assert level_error().prepare()(pair) == pytest.approx(expected_db, abs=1e-3)


def test_silence_has_no_level() -> None:
    with pytest.raises(InvalidAudioError, match="silent"):
        level_error().prepare()(silent())
