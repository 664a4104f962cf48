"""Means over files, with how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2_000
CONFIDENCE = 0.95
_SEED = 0


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over `n` files and its 95 % interval; `low` and `high` are None for a single file."""

    mean: float
    low: float | None
    high: float | None
    n: int


def bootstrap_mean(values: Sequence[float]) -> Mean:
    """Mean with its percentile bootstrap interval over files (Efron 1979), the same for the same values."""
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return Mean(float(found.mean()), None, None, len(found))
    picks = np.random.default_rng(_SEED).integers(0, len(found), (RESAMPLES, len(found)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(found[picks].mean(axis=1), (tail, 1 - tail))
    return Mean(float(found.mean()), float(low), float(high), len(found))
