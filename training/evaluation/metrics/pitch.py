"""Pitch of a voice over time."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
WINDOW_S, HOP_S = 0.030, 0.010
APERIODICITY = 0.25
"""Normalised difference below which a frame counts as voiced."""
QUIET_DB = 45.0
"""A frame this far below the loudest one is not voiced, however periodic."""
_SMOOTHED = 5


@dataclass(frozen=True, eq=False)
class PitchTrack:
    """Pitch every 10 ms: `hz` `[frame]` is the best guess everywhere, `voiced` tells where it counts."""

    hz: Floats
    voiced: NDArray[np.bool_]


def track_pitch(signal: NDArray[np.floating], sample_rate: int) -> PitchTrack:
    """Pitch of `signal` `[sample]`, no frame for less than 47 ms.

    YIN (de Cheveigné and Kawahara 2002), steps 1 to 5: the first dip of the normalised difference below a
    threshold, else the deepest, refined by a parabola; then medians of five, since octave errors are short.
    """
    longest = int(sample_rate / LOWEST_HZ) + 1
    shortest = int(sample_rate / HIGHEST_HZ)
    window, hop = round(WINDOW_S * sample_rate), round(HOP_S * sample_rate)
    span = window + longest
    if len(signal) < span:
        return PitchTrack(np.zeros(0), np.zeros(0, np.bool_))
    frames = np.lib.stride_tricks.sliding_window_view(signal.astype(np.float64), span)[::hop]
    difference = _normalised_difference(frames, window, longest)
    powers = np.mean(frames[:, :window] ** 2, axis=1)
    loud = powers > powers.max() * 10 ** (-QUIET_DB / 10)
    periodic = difference[:, shortest:-1].min(axis=1) < APERIODICITY
    lags = np.array([_best_lag(row, shortest) for row in difference])
    padded = np.pad(lags, _SMOOTHED // 2, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHED), axis=1)
    return PitchTrack(sample_rate / smooth, loud & periodic)


def _normalised_difference(frames: Floats, window: int, longest: int) -> Floats:
    """`[frame, lag]`, lags 0..longest: squared difference over its mean at all shorter lags (eq. 6 and 8)."""
    size = 1 << (frames.shape[1] + window - 1).bit_length()
    spectra = np.fft.rfft(frames, size)
    head = np.fft.rfft(frames[:, :window], size)
    correlation = np.fft.irfft(spectra * head.conj(), size)[:, : longest + 1]
    energy = np.concatenate([np.zeros((len(frames), 1)), np.cumsum(frames**2, axis=1)], axis=1)
    energy = energy[:, window : window + longest + 1] - energy[:, : longest + 1]
    difference = np.maximum(energy[:, :1] + energy - 2 * correlation, 0)
    running = np.cumsum(difference[:, 1:], axis=1)
    lags = np.arange(1, longest + 1)
    normalised: Floats = np.ones(difference.shape)
    np.divide(difference[:, 1:] * lags, running, out=normalised[:, 1:], where=running > 0)
    return normalised


def _best_lag(row: Floats, shortest: int) -> float:
    """Lag in samples of the first dip below the threshold, else of the deepest one, between samples."""
    searched = row[shortest:-1]
    below = np.flatnonzero(searched < APERIODICITY)
    lag = shortest + int(below[0] if len(below) else np.argmin(searched))
    while lag + 1 < len(row) - 1 and row[lag + 1] < row[lag]:
        lag += 1
    left, middle, right = row[lag - 1 : lag + 2]
    curvature = left - 2 * middle + right
    return float(lag + (0.5 * (left - right) / curvature if curvature > 0 else 0.0))
