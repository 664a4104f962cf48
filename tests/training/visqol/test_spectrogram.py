import numpy as np
import pytest

from training.visqol.frame_energy import frame_energy_of
from training.visqol.settings import Floats, Settings
from training.visqol.spectrogram import SpectrogramPair, spectrogram_pair

SETTINGS = Settings("speech", "v333", 16000)


def pair_of(reference: Floats, degraded: Floats) -> SpectrogramPair:
    return spectrogram_pair(reference, degraded, frame_energy_of(SETTINGS), SETTINGS.hop_samples)


def tone(frequency_hz: float, seconds: float) -> Floats:
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(16000 * seconds)) / 16000)


def test_levels_start_at_zero_and_ten_times_the_amplitude_is_ten_decibels_more() -> None:
    noise = np.random.default_rng(0).standard_normal(8000)
    pair = pair_of(noise, 0.1 * noise)
    assert min(pair.reference.min(), pair.degraded.min()) == 0
    np.testing.assert_allclose(pair.reference - pair.degraded, 10)


def test_a_frame_reaches_down_45_decibels_from_its_loudest_band() -> None:
    quiet = 1e-4 * np.random.default_rng(1).standard_normal(8000)
    # Loud enough for the absolute floor to be further down.
    pair = pair_of(10 * tone(1000, 0.5), quiet)
    assert pair.reference.max() == pytest.approx(45, abs=0.01)
    assert pair.degraded.max() == pytest.approx(0, abs=1e-9)


def test_silence_is_at_the_absolute_floor() -> None:
    pair = pair_of(np.zeros(4000), np.zeros(4000))
    assert not pair.reference.any()
    assert not pair.degraded.any()


def test_frames_that_one_signal_lacks_keep_the_levels_of_the_other() -> None:
    noise = 0.1 * np.random.default_rng(2).standard_normal(16000)
    both, longer = pair_of(noise, noise), pair_of(noise, noise[:8000])
    assert longer.degraded.shape[1] < longer.reference.shape[1] == both.reference.shape[1]
    np.testing.assert_allclose(np.diff(longer.reference), np.diff(both.reference), atol=1e-12)
