import numpy as np
import pytest

from codec.audio import Audio, AudioLimits
from codec.audio.signal import check_values
from codec.errors import InvalidAudioError, LimitExceededError


def test_the_facts_of_audio() -> None:
    audio = Audio(np.zeros((2, 8000), np.float32), 16_000, source_rate=48_000, source_channels=2)
    assert (audio.channels, audio.n_samples, audio.duration_s) == (2, 8000, 0.5)


@pytest.mark.parametrize("rate", [0, 7999, 192_001])
def test_rates_outside_the_limits_are_refused(rate: int) -> None:
    with pytest.raises(LimitExceededError, match=r"8000\.\.192000 Hz"):
        AudioLimits().check_format(rate, 1)


@pytest.mark.parametrize("channels", [0, 9, 65_535])
def test_channels_outside_the_limits_are_refused(channels: int) -> None:
    with pytest.raises(LimitExceededError, match=r"1\.\.8"):
        AudioLimits().check_format(16_000, channels)


def test_limits_of_length_are_inclusive() -> None:
    limits = AudioLimits(max_seconds=2, max_decoded_bytes=4000)
    limits.check_length(32_000, 16_000)
    limits.check_decoded(500, 2)
    with pytest.raises(LimitExceededError, match="longer than 2 s"):
        limits.check_length(32_001, 16_000)
    with pytest.raises(LimitExceededError, match="4000 bytes"):
        limits.check_decoded(501, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    with pytest.raises(InvalidAudioError, match="NaN or infinity"):
        check_values(np.array([0.5, value, 30.0], np.float32))


@pytest.mark.parametrize("value", [32_767, -300.0])
def test_integers_stored_as_floats_are_told_apart(value: float) -> None:
    with pytest.raises(InvalidAudioError, match="divide integer samples"):
        check_values(np.array([0.0, value], np.float32))


def test_hot_and_empty_audio_passes() -> None:
    check_values(np.array([1.5, -4.0], np.float32))
    check_values(np.zeros(0, np.float32))
