import numpy as np
import pytest
from scipy.signal import sosfilt

from tests.training.visqol.signals import GOLDEN_RATE, golden_reference
from training.visqol.frame_energy import frame_energy_of
from training.visqol.gammatone import centre_frequencies, sections
from training.visqol.settings import Floats, Generation, Mode, Settings

# Levels below 3e-5 of full scale and of the loudest band are cut off; rounding may show far below that.
INAUDIBLE = 1e-8


def filtered_frame_by_frame(signal: Floats, settings: Settings) -> Floats:
    """The definition: window each frame, filter it from rest, measure its output `[band, frame]`."""
    n = settings.frame_samples
    frames = np.stack([signal[at : at + n] for at in range(0, len(signal) - n + 1, settings.hop_samples)])
    tapered = frames * np.hanning(n) if settings.windowed else frames
    centres_hz = centre_frequencies(50, settings.highest_hz, settings.bands)
    bands = [sosfilt(sections(centre_hz, settings.sample_rate), tapered, axis=1) for centre_hz in centres_hz]
    return np.asarray(np.sqrt(np.mean(np.stack(bands) ** 2, axis=2)), dtype=np.float64)


@pytest.mark.parametrize("mode", ["speech", "audio"])
@pytest.mark.parametrize("generation", ["v333", "v310"])
@pytest.mark.parametrize("sample_rate", [16000, 48000])
def test_equals_filtering_frame_by_frame(mode: Mode, generation: Generation, sample_rate: int) -> None:
    settings = Settings(mode, generation, sample_rate)
    noise = np.random.default_rng(1).standard_normal(sample_rate // 5)
    tone = np.sin(2 * np.pi * 0.4 * np.arange(len(noise)))
    for signal in (noise, tone, np.cumsum(noise) / 100):
        fast = frame_energy_of(settings).spectrogram(signal, settings.hop_samples)
        np.testing.assert_allclose(fast, filtered_frame_by_frame(signal, settings), rtol=1e-6, atol=INAUDIBLE)


def test_sound_at_the_very_end_of_a_frame_counts_only_as_far_as_the_filters_have_let_it_through() -> None:
    settings = Settings("speech", "v310", 16000)
    late = np.zeros(settings.frame_samples)
    late[-40:] = np.random.default_rng(2).standard_normal(40)
    fast = frame_energy_of(settings).spectrogram(late, settings.hop_samples)
    np.testing.assert_allclose(fast, filtered_frame_by_frame(late, settings), rtol=1e-6, atol=INAUDIBLE)


def test_known_spectrogram() -> None:
    settings = Settings("speech", "v333", GOLDEN_RATE)
    spectrogram = frame_energy_of(settings).spectrogram(golden_reference(), settings.hop_samples)
    assert spectrogram.shape == (21, 147)
    known = [0.000929047116, 0.009382412278, 0.000323706047]
    np.testing.assert_allclose(spectrogram[[0, 10, 20], [0, 20, 100]], known, atol=5e-13)


def test_silence_has_no_energy() -> None:
    bank = frame_energy_of(Settings("speech", "v333", 16000))
    assert not bank.spectrogram(np.zeros(2000), 320).any()
