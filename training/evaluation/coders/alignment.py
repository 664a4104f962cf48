"""Alignment of coded audio that comes late."""

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics.metric import Signal

_SMOOTHING_S = 0.010
_FLOOR = 1e-3


def waveform_lag(reference: Signal, coded: Signal, least: int, most: int) -> int:
    """Samples by which `coded` comes late, within `least..most`, where the waveforms correlate best."""
    return _best_lag(reference.astype(np.float64), coded.astype(np.float64), least, most)


def envelope_lag(reference: Signal, coded: Signal, sample_rate: int, least: int, most: int) -> int:
    """The same by the logarithm of the smoothed envelopes, for codecs that do not keep the waveform.

    Waveforms of a vocoder match best at some multiple of the pitch away, which is chance.
    """
    kernel = np.hanning(round(_SMOOTHING_S * sample_rate))
    kernel /= kernel.sum()
    envelopes = [np.log(np.convolve(np.abs(x), kernel, "same") + _FLOOR) for x in (reference, coded)]
    centred = [envelope - envelope.mean() for envelope in envelopes]
    return _best_lag(centred[0], centred[1], least, most)


def moved(coded: Signal, lag: int, length: int) -> Signal:
    """`coded` moved to the front by `lag` samples, cut or filled with silence to `length`."""
    start = min(max(-lag, 0), length)
    kept = coded[max(lag, 0) :][: length - start]
    out = np.zeros(length, np.float32)
    out[start : start + len(kept)] = kept
    return out


def _best_lag(reference: NDArray[np.float64], coded: NDArray[np.float64], least: int, most: int) -> int:
    size = 1 << (len(reference) + len(coded)).bit_length()
    spectra = [np.fft.rfft(signal, size) for signal in (reference, coded)]
    correlation = np.fft.irfft(spectra[0].conj() * spectra[1], size)
    lags = np.arange(least, most + 1)
    return int(lags[np.argmax(correlation[lags % size])])
