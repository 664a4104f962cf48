"""Pitch of signals whose pitch is known."""

import numpy as np
import pytest

from tests.training.evaluation.signals import noise
from training.evaluation.metrics.pitch import track_pitch

RATE = 16_000


@pytest.mark.parametrize("hz", [75.0, 123.4, 220.0, 440.0])
def test_the_pitch_of_harmonics_is_that_of_the_fundamental(hz: float) -> None:
    time = np.arange(RATE) / RATE
    harmonics = [np.sin(2 * np.pi * k * hz * time + k) / k for k in range(1, 8)]
    track = track_pitch(np.sum(harmonics, axis=0), RATE)
    assert track.voiced.all()
    assert 90 < len(track.hz) < 100
    assert np.abs(track.hz / hz - 1).max() < 0.005


def test_it_follows_a_glide() -> None:
    time = np.arange(RATE) / RATE
    expected = 100 + 100 * time
    phase = 2 * np.pi * np.cumsum(expected) / RATE
    track = track_pitch(np.sin(phase) + 0.5 * np.sin(2 * phase), RATE)
    assert track.voiced.all()
    # A frame of 30 ms compared with one up to 10 ms later stands for its middle.
    middle = np.interp(np.arange(len(track.hz)) * 0.01 + 0.019, time, expected)
    assert np.abs(track.hz / middle - 1).max() < 0.02


def test_noise_silence_and_what_is_quiet_are_not_voiced() -> None:
    assert track_pitch(noise(RATE), RATE).voiced.mean() < 0.05
    assert not track_pitch(np.zeros(RATE), RATE).voiced.any()
    tone = np.sin(2 * np.pi * 150 * np.arange(RATE) / RATE)
    tone[RATE // 2 :] *= 1e-3
    voiced = track_pitch(tone, RATE).voiced
    assert voiced[:45].all()
    assert not voiced[55:].any()


def test_a_signal_that_is_too_short_has_no_frame() -> None:
    track = track_pitch(np.zeros(700), RATE)
    assert len(track.hz) == len(track.voiced) == 0
