import numpy as np
import pytest

from codec.errors import InvalidAudioError
from training.visqol.patches import patch_starts, voice_activity
from training.visqol.settings import Floats, Settings

SPEECH = Settings("speech", "v333", 16000)
AUDIO = Settings("audio", "v333", 16000)


def n_frames(signal: Floats) -> int:
    return 1 + (len(signal) - 1280) // 320


def test_patches_of_speech_follow_each_other_from_the_tenth_frame_on() -> None:
    noise = np.random.default_rng(0).standard_normal(48000)
    assert patch_starts(noise, n_frames(noise), SPEECH) == [9, 29, 49, 69, 89, 109]


def test_patches_without_voice_are_left_out_but_the_first_is_kept() -> None:
    noise = np.random.default_rng(0).standard_normal(48000)
    # A patch is judged by the samples from its place in the list on, not from its first frame on.
    noise[: 320 * 50] *= 0.001
    noise[320 * 77 :] *= 0.001
    assert patch_starts(noise, n_frames(noise), SPEECH) == [9, 49, 69]


def test_patches_of_audio_take_everything() -> None:
    signal = np.zeros(48000)
    assert patch_starts(signal, n_frames(signal), AUDIO) == [14, 44, 74, 104]


@pytest.mark.parametrize(("settings", "fewest"), [(SPEECH, 29), (AUDIO, 45)])
def test_a_reference_too_short_for_a_patch_is_refused(settings: Settings, fewest: int) -> None:
    noise = np.random.default_rng(0).standard_normal(1280 + 320 * fewest)
    assert len(patch_starts(noise, fewest, settings)) == 1
    with pytest.raises(InvalidAudioError, match="too short"):
        patch_starts(noise, fewest - 1, settings)


def test_chunks_after_a_loud_one_stay_active() -> None:
    signal = np.zeros(10 * 100)
    signal[5 * 100 : 6 * 100] = 0.5
    active = voice_activity(signal, 0, 10, 100)
    assert np.flatnonzero(active).tolist() == [0, 1, 5, 6, 7]


def test_loudness_is_relative_to_the_highest_sample() -> None:
    chunk = np.full(100, 0.2)
    chunk[::10] = 1
    quiet = voice_activity(1e-3 * np.concatenate([np.zeros(500), chunk]), 0, 6, 100)
    assert quiet[5]
    # The same chunk beside one seven times as high is below the threshold.
    assert not voice_activity(np.concatenate([np.full(1, 7.0), np.zeros(499), chunk]), 0, 6, 100)[5]


@pytest.mark.parametrize("signal", [np.zeros(48000), np.full(48000, -0.1)])
def test_a_reference_without_a_positive_sample_is_refused(signal: Floats) -> None:
    with pytest.raises(InvalidAudioError, match="silent"):
        patch_starts(signal, n_frames(signal), SPEECH)
