"""NSIM, the neurogram similarity index: structural similarity of stretches of two spectrograms.

After Hines and Harte, "Speech intelligibility prediction using a neurogram similarity index measure" (2012),
with the intensity and structure terms only. Stacks of patches are `[band, frame, patch]`.
"""

from dataclasses import dataclass

import numpy as np

from training.visqol.settings import Floats

CENTRE, EDGE, CORNER = 0.619485845753726, 0.0838251475442633, 0.0113033910173052
INTENSITY = 0.01**2
STRUCTURE = 0.03**2 / 2


@dataclass(frozen=True, slots=True)
class LocalStatistics:
    """Means and deviations around every point of a stack of patches, all of one patch known in advance."""

    padded: Floats
    """The patches with their border repeated once around `[band + 2, frame + 2, patch]`."""
    mean: Floats
    deviation: Floats
    """Square root of the local variance, negative where rounding has made the variance so."""


def local_statistics(patches: Floats) -> LocalStatistics:
    """Statistics of `patches` `[band, frame, patch]`, each on its own: nothing is seen beyond its border."""
    padded = np.pad(patches, ((1, 1), (1, 1), (0, 0)), mode="edge")
    mean = _smooth(padded)
    variance = _smooth(padded**2) - mean**2
    return LocalStatistics(padded, mean, np.copysign(np.sqrt(np.abs(variance)), variance))


def band_similarity(reference: LocalStatistics, degraded: LocalStatistics) -> Floats:
    """Mean similarity `[band, patch]` over the frames of each patch; a stack of one meets a stack of many."""
    covariance = _smooth(reference.padded * degraded.padded)
    means = reference.mean * degraded.mean
    covariance -= means
    covariance += STRUCTURE
    means *= 2
    means += INTENSITY
    deviations = reference.deviation * degraded.deviation
    # Where one of the variances is negative their product has no root and counts as nothing.
    np.maximum(deviations, 0, out=deviations)
    deviations += STRUCTURE
    deviations *= reference.mean**2 + (degraded.mean**2 + INTENSITY)
    covariance *= means
    covariance /= deviations
    return np.asarray(covariance.mean(axis=1), dtype=np.float64)


def _smooth(padded: Floats) -> Floats:
    """3 x 3 weighted mean around the inner points of `[band + 2, frame + 2, patch]`."""
    beside = padded[:-2] + padded[2:]
    smooth = EDGE * beside
    smooth += CENTRE * padded[1:-1]
    beside *= CORNER
    beside += EDGE * padded[1:-1]
    inner = smooth[:, 1:-1]
    inner += beside[:, :-2]
    inner += beside[:, 2:]
    return inner
