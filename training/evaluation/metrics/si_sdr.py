"""Scale-invariant signal-to-distortion ratio."""

import numpy as np

from codec.errors import InvalidAudioError
from training.evaluation.metrics.metric import Measure, Metric, Pair


def si_sdr() -> Metric:
    """How far the original stands out of the coding error, whatever the gain, in dB."""
    return Metric(
        name="si_sdr_db",
        title="SI-SDR, dB",
        better="higher",
        about="scale-invariant signal-to-distortion ratio, means removed (Le Roux et al. 2019, eq. 3)",
        prepare=_prepare,
    )


def _prepare() -> Measure:
    return _measure


def _measure(pair: Pair) -> float:
    reference, coded = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (pair.reference, pair.coded))
    power = float(reference @ reference)
    if power == 0:
        raise InvalidAudioError("SI-SDR has no meaning for a silent original; leave it out")
    target = reference * (float(coded @ reference) / power)
    error = coded - target
    signal, noise = float(target @ target), float(error @ error)
    if signal == 0 or noise == 0:
        raise InvalidAudioError("SI-SDR is infinite: the coded signal equals the original or has none of it")
    return float(10 * np.log10(signal / noise))
