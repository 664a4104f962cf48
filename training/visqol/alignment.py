"""Time alignment of a degraded signal to its reference by cross-correlation."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from training.visqol.settings import Floats

SHORTEST_TRANSFORM = 32


@dataclass(frozen=True, slots=True)
class Aligned:
    """A reference and a degraded signal `[sample]`, and what the degraded one was moved by to fit."""

    reference: Floats
    degraded: Floats
    lag_samples: int
    """Zeros put before the degraded signal; if negative, samples dropped from its beginning."""


def align(reference: Floats, degraded: Floats) -> Aligned:
    """Move `degraded` to where it fits `reference`, which stays; lengths may differ afterwards.

    A best fit further away than half the reference is taken for chance, and nothing is moved.
    """
    lag = best_lag(reference, degraded)
    if abs(lag) > len(reference) / 2:
        lag = 0
    moved = np.concatenate([np.zeros(max(lag, 0)), degraded[max(-lag, 0) :]])
    return Aligned(reference, moved, lag)


def align_and_truncate(reference: Floats, degraded: Floats, sample_rate: int) -> Aligned:
    """Move `degraded` as `align` does and cut both to what they then share."""
    aligned = align(reference, degraded)
    if len(reference) >= len(aligned.degraded):
        return Aligned(reference[: len(aligned.degraded)], aligned.degraded, aligned.lag_samples)
    # The original goes through seconds here, where a sample can get lost in rounding.
    start = max(int(aligned.lag_samples / sample_rate * sample_rate), 0)
    return Aligned(reference[start:], aligned.degraded[start : len(reference)], aligned.lag_samples)


def best_lag(reference: Floats, degraded: Floats) -> int:
    """Samples by which the envelope of `degraded` comes early; of equal fits the most negative."""
    n = max(len(reference), len(degraded))
    size = next_fast_len(2 * n - 1, real=True)
    spectra = [rfft(envelope(signal), size) for signal in (reference, degraded)]
    correlation = irfft(spectra[0] * np.conj(spectra[1]), size)
    by_lag = np.concatenate([correlation[size - n + 1 :], correlation[:n]])
    return int(np.argmax(by_lag)) - (n - 1)


def envelope(signal: Floats) -> Floats:
    """What the original takes for the envelope of `signal` `[sample]`.

    It means to make an analytic signal but transforms its one-sided spectrum back as that of a real one. So
    this is near to a rectified waveform of twice the height about the mean, and scores depend on it.
    """
    n = len(signal)
    mean = signal.mean()
    size = max(SHORTEST_TRANSFORM, 1 << (n - 1).bit_length())
    spectrum = rfft(signal - mean, size)
    spectrum[1:-1] *= 2
    spectrum[-1] *= n == size
    return np.asarray(np.abs(irfft(spectrum, size)[:n]) + mean, dtype=np.float64)
