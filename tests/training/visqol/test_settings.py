from typing import Any

import pytest

from codec.errors import InvalidRequestError
from training.visqol.settings import Settings


def test_frames_are_80_ms_and_hops_20_ms_at_any_rate() -> None:
    assert (
        Settings("speech", "v333", 16000).frame_samples,
        Settings("speech", "v333", 16000).hop_samples,
    ) == (
        1280,
        320,
    )
    assert (Settings("audio", "v333", 48000).frame_samples, Settings("audio", "v333", 48000).hop_samples) == (
        3840,
        960,
    )
    assert Settings("audio", "v333", 48000).hop_s == pytest.approx(0.02)


def test_bands_of_speech_end_at_8_khz_and_those_of_audio_at_half_the_rate() -> None:
    assert Settings("speech", "v333", 48000).highest_hz == 8000
    assert Settings("speech", "v333", 8000).highest_hz == 4000
    assert Settings("audio", "v333", 48000).highest_hz == 24000


@pytest.mark.parametrize("wrong", [("Speech", "v333"), ("speech", "v300")])
def test_unknown_mode_or_generation_is_refused(wrong: tuple[Any, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="choose one of"):
        Settings(*wrong, 16000)
