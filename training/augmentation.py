"""What crops are mixed with and lose, so that a codec also learns what its recordings lack.

The codec has to code the changed sound: nothing here teaches it to clean.
"""

import numpy as np
from numpy.typing import NDArray

from training.audio_store import AudioStore, UnusableError
from training.data_config import BandLimitConfig, DataConfig, NoiseConfig

_EDGE_HZ = 200.0
"""Width of the slope of a band limit."""

_SILENCE = 1e-5
"""RMS below which there is no level to set noise against."""

Samples = NDArray[np.float32]


class Augmentation:
    """The changes that a recipe asks for, of crops `[channel, sample]` at one rate."""

    def __init__(self, config: DataConfig, sample_rate: int, noise: AudioStore | None) -> None:
        self._noise, self._band_limit = config.noise, config.band_limit
        self._sample_rate = sample_rate
        self._store = noise

    def __call__(self, crop: Samples, random: np.random.Generator) -> Samples:
        """The crop, changed or as it was; what happens depends on `random` alone."""
        if self._band_limit and random.random() < self._band_limit.share:
            crop = _band_limited(crop, self._band_limit, self._sample_rate, random)
        if self._noise and random.random() < self._noise.share:
            crop = self._noisy(crop, self._noise, random)
        return crop

    def _noisy(self, crop: Samples, config: NoiseConfig, random: np.random.Generator) -> Samples:
        level = _rms(crop)
        snr_db = random.uniform(*config.snr_db)
        noise = self._recorded(crop, random) if self._store else _made(crop, config.colour, random)
        if level < _SILENCE or _rms(noise) < _SILENCE:
            return crop
        return crop + noise * np.float32(level / _rms(noise) * 10 ** (-snr_db / 20))

    def _recorded(self, crop: Samples, random: np.random.Generator) -> Samples:
        """A piece of a noise recording as long as the crop, repeated if it is shorter."""
        assert self._store is not None
        index = int(random.integers(len(self._store.lengths)))
        spare = max(1, int(self._store.lengths[index]) - crop.shape[1] + 1)
        try:
            piece = self._store.read(index, int(random.integers(spare)), crop.shape[1]).samples
        except UnusableError:
            # The store has noted and logged it; this crop stays clean.
            return np.zeros_like(crop)
        repeats = -(-crop.shape[1] // max(1, piece.shape[1]))
        return np.tile(piece, (1, repeats))[:, : crop.shape[1]]


def _made(crop: Samples, colour: str, random: np.random.Generator) -> Samples:
    noise = random.standard_normal(crop.shape, dtype=np.float32)
    if colour == "white":
        return noise
    spectrum = np.fft.rfft(noise)
    # Pink: as much power in every octave. The mean is left out.
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.shape[1]), 1))
    spectrum[:, 0] = 0
    return np.fft.irfft(spectrum, crop.shape[1]).astype(np.float32)


def _band_limited(
    crop: Samples, config: BandLimitConfig, sample_rate: int, random: np.random.Generator
) -> Samples:
    cutoff_hz = random.uniform(*config.cutoff_hz)
    frequencies_hz = np.fft.rfftfreq(crop.shape[1], 1 / sample_rate)
    fall = np.clip((frequencies_hz - cutoff_hz) / _EDGE_HZ, 0, 1)
    gains = 0.5 + 0.5 * np.cos(np.pi * fall)
    return np.fft.irfft(np.fft.rfft(crop) * gains, crop.shape[1]).astype(np.float32)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
