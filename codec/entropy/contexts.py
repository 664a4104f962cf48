"""What codes that are known say about the next one: clusters, and probabilities for each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.entropy.clusters import Matrix, cluster, gathered, smoothed

_COARSE = 64
_WEIGHT = 300.0
_JOINT_WEIGHT = 1000.0
_JOINT_EXPONENT = 0.75


@dataclass(frozen=True, eq=False)
class Context:
    """Clusters of a code that is known, and what they say: probabilities `[cluster, code]`."""

    of_code: NDArray[np.int64]
    probabilities: Matrix

    @property
    def count(self) -> int:
        """Clusters."""
        return len(self.probabilities)


def fit_context(
    known: NDArray[np.int64], row: NDArray[np.int64], n_known: int, clusters: int, average: Matrix
) -> Context:
    """What the code `known` of each frame says about the one of `row`, by clusters."""
    if clusters == 1:
        return Context(np.zeros(n_known, np.int64), average[None])
    counts = _pairs(known, row, n_known, len(average))
    prior: Matrix = average
    of_code = cluster(counts, clusters)
    if clusters > _COARSE:
        # Many clusters see little each: they start from what the coarse clusters of their codes say.
        coarse = cluster(counts, _COARSE)
        said = smoothed(gathered(counts, coarse), average, _WEIGHT)[coarse]
        prior = gathered(said * (counts.sum(axis=1, keepdims=True) + 1e-3), of_code)
        prior /= prior.sum(axis=1, keepdims=True)
    return Context(of_code, smoothed(gathered(counts, of_code), prior, _WEIGHT))


def joined(
    previous: Context, first: Context, contexts: NDArray[np.int64], row: NDArray[np.int64], average: Matrix
) -> Matrix:
    """Probabilities `[table, code]` of every pair of clusters."""
    if previous.count == 1:
        return first.probabilities
    if first.count == 1:
        return previous.probabilities
    # Both say something of the same: their product would count that twice.
    ratios = previous.probabilities[:, None] * first.probabilities[None] / average**2
    prior = (average * ratios**_JOINT_EXPONENT).reshape(-1, len(average))
    prior /= prior.sum(axis=1, keepdims=True)
    return smoothed(_pairs(contexts, row, len(prior), len(average)), prior, _JOINT_WEIGHT)


def _pairs(rows: NDArray[np.int64], columns: NDArray[np.int64], n_rows: int, n_columns: int) -> Matrix:
    """How often row and column met, `[row, column]`."""
    counts = np.bincount(rows * n_columns + columns, minlength=n_rows * n_columns)
    return counts.reshape(n_rows, n_columns).astype(np.float64)
