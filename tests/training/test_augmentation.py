"""Noise at the level asked for, bands that end where they should, and all of it repeatable."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.support import voiced
from training.audio_store import Format, MemoryStore
from training.augmentation import Augmentation
from training.data_config import BandLimitConfig, DataConfig, NoiseConfig
from training.recordings import find_recordings

RATE = 16000


CROP = voiced(1)[None]


def crop() -> NDArray[np.float32]:
    return CROP


def changed(seed: int = 0, store: MemoryStore | None = None, **changes: object) -> NDArray[np.float32]:
    augment = Augmentation(DataConfig.model_validate(changes), RATE, store)
    return augment(crop(), np.random.default_rng(seed))


def power_db(samples: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


def octave_db(samples: NDArray[np.float32], low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples[0])) ** 2
    frequencies = np.fft.rfftfreq(samples.shape[1], 1 / RATE)
    return float(10 * np.log10(spectrum[(frequencies >= low_hz) & (frequencies < high_hz)].sum()))


def test_nothing_asked_for_is_nothing_done() -> None:
    np.testing.assert_array_equal(changed(), crop())


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise_has_the_ratio_and_the_colour(colour: str) -> None:
    config = NoiseConfig(colour=colour, snr_db=(12, 12), share=1)  # type: ignore[arg-type]
    noise = changed(noise=config) - crop()
    assert power_db(crop()) - power_db(noise) == pytest.approx(12, abs=0.01)
    slope = octave_db(noise, 2000, 4000) - octave_db(noise, 1000, 2000)
    assert slope == pytest.approx(3 if colour == "white" else 0, abs=0.5)


def test_the_ratio_is_drawn_from_the_range() -> None:
    config = NoiseConfig(snr_db=(0, 20), share=1)
    ratios = [power_db(crop()) - power_db(changed(seed, noise=config) - crop()) for seed in range(40)]
    assert -0.01 < min(ratios) < 4
    assert 16 < max(ratios) < 20.01


def test_recorded_noise_is_repeated_if_it_is_short(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hum.wav", voiced(0.5, seed=3), RATE)
    store = MemoryStore(find_recordings([tmp_path]), Format(RATE, 1))
    noise = changed(store=store, noise=NoiseConfig(folder=tmp_path, snr_db=(6, 6), share=1)) - crop()
    assert power_db(crop()) - power_db(noise) == pytest.approx(6, abs=0.01)
    np.testing.assert_allclose(noise[:, :8000], noise[:, 8000:], atol=1e-5)
    shape = noise[0, :8000] / np.abs(noise[0, :8000]).max()
    np.testing.assert_allclose(shape, voiced(0.5, seed=3) / 0.5, atol=2e-3)


def test_a_band_ends_at_the_frequency() -> None:
    limited = changed(band_limit=BandLimitConfig(cutoff_hz=(2000, 2000), share=1))
    assert octave_db(crop(), 2300, 4000) - octave_db(limited, 2300, 4000) > 50
    assert octave_db(limited, 50, 1900) == pytest.approx(octave_db(crop(), 50, 1900), abs=0.01)


def test_a_share_of_the_crops_is_changed() -> None:
    band = BandLimitConfig(cutoff_hz=(1000, 1000), share=0.3)
    touched = sum(not np.array_equal(changed(seed, band_limit=band), crop()) for seed in range(200))
    assert 40 < touched < 80


def test_it_is_a_function_of_the_generator() -> None:
    both: dict[str, Any] = {"noise": NoiseConfig(share=1), "band_limit": BandLimitConfig(share=1)}
    np.testing.assert_array_equal(changed(5, **both), changed(5, **both))
    assert not np.array_equal(changed(5, **both), changed(6, **both))


def test_silence_stays_silent() -> None:
    augment = Augmentation(DataConfig(noise=NoiseConfig(share=1)), RATE, None)
    assert not augment(np.zeros((1, 100), np.float32), np.random.default_rng(0)).any()
