"""Phone error rate."""

import numpy as np
import pytest

from codec.errors import InvalidAudioError
from tests.training.evaluation.signals import noise, spoken
from training.evaluation.metrics.metric import Pair, Signal, require
from training.evaluation.metrics.phone_error import PhoneLoop, edit_distance, phone_error_rate

pytest.importorskip("pocketsphinx")


@pytest.fixture(scope="module")
def loop() -> PhoneLoop:
    return PhoneLoop(require("pocketsphinx", "the test"))


@pytest.fixture(scope="module")
def clip() -> Signal:
    return spoken()


@pytest.mark.parametrize(
    ("first", "second", "distance"), [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3)]
)
def test_edit_distance(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance


def test_the_original_has_no_errors_and_noise_makes_them(loop: PhoneLoop, clip: Signal) -> None:
    weak, strong = (clip + np.float32(gain) * noise(len(clip)) for gain in (0.003, 0.1))
    rates = [loop(Pair(clip, coded, 16_000)) for coded in (clip, weak, strong)]
    assert rates[0] == 0
    assert 0 < rates[1] < rates[2]


def test_what_was_heard_before_does_not_matter(loop: PhoneLoop, clip: Signal) -> None:
    first = loop.phones(clip)
    loop.phones(0.1 * noise(16_000))
    assert loop.phones(clip) == first
    assert len(first) > 10
    assert "SIL" not in first


def test_an_original_without_phones_has_no_score(clip: Signal) -> None:
    hiss = np.float32(0.01) * noise(32_000)
    with pytest.raises(InvalidAudioError, match="no phone is heard"):
        phone_error_rate().prepare()(Pair(hiss, clip[:32_000], 16_000))
