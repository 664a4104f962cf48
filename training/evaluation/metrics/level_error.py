"""How much louder or quieter the coded signal is."""

import numpy as np

from codec.errors import InvalidAudioError
from training.evaluation.metrics.metric import Measure, Metric, Pair


def level_error() -> Metric:
    """Difference in level over the whole item, in dB."""
    return Metric(
        name="level_error_db",
        title="level error, dB",
        better="lower",
        about="absolute difference of the mean powers of the whole item",
        prepare=_prepare,
    )


def _prepare() -> Measure:
    return _measure


def _measure(pair: Pair) -> float:
    powers = [float(np.mean(np.square(x, dtype=np.float64))) for x in (pair.reference, pair.coded)]
    if min(powers) == 0:
        raise InvalidAudioError("the original or the coded signal is silent and has no level; listen to both")
    return abs(float(10 * np.log10(powers[1] / powers[0])))
