"""Gammatone spectrograms of a pair of signals, in decibels above a common floor."""

from dataclasses import dataclass

import numpy as np

from training.visqol.frame_energy import FrameEnergy
from training.visqol.settings import Floats

FLOOR_DB = -45.0
RANGE_DB = 45.0


@dataclass(frozen=True, slots=True)
class SpectrogramPair:
    """Reference and degraded `[band, frame]`, lowest band first; the smallest value of both is 0 dB."""

    reference: Floats
    degraded: Floats


def spectrogram_pair(
    reference: Floats, degraded: Floats, bank: FrameEnergy, hop_samples: int
) -> SpectrogramPair:
    """Spectrograms of two signals `[sample]`, each at least a frame long.

    Levels end at an absolute floor and 45 dB below the loudest band that either signal has in the frame.
    """
    levels = [_decibels(bank.spectrogram(signal, hop_samples)) for signal in (reference, degraded)]
    common = min(level.shape[1] for level in levels)
    peak = np.maximum(levels[0][:, :common].max(axis=0), levels[1][:, :common].max(axis=0))
    for level in levels:
        np.maximum(level[:, :common], peak - RANGE_DB, out=level[:, :common])
    lowest = min(float(level.min()) for level in levels)
    return SpectrogramPair(levels[0] - lowest, levels[1] - lowest)


def _decibels(amplitude: Floats) -> Floats:
    # Ten, not twenty, times the logarithm of an amplitude: the scale that the constants were fitted on.
    level = 10 * np.log10(np.where(amplitude == 0, np.finfo(np.float64).eps, amplitude))
    return np.asarray(np.maximum(level, FLOOR_DB), dtype=np.float64)
