"""Codes that say the same about another code, put together."""

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 12
_PRIOR_COUNT = 20.0

Matrix = NDArray[np.float64]


def smoothed(counts: Matrix, prior: Matrix, weight: float) -> Matrix:
    """Probabilities `[..., code]` of counts to which `weight` counts, distributed as `prior`, are added."""
    raised = counts + weight * prior
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float64)


def cluster(counts: Matrix, clusters: int) -> NDArray[np.int64]:
    """A cluster for each row of counts `[context, code]`, `[context]`: at most `clusters`, none empty.

    k-means with the bits lost by coding a row's codes with the cluster's frequencies as the distance, started
    as k-means++ does (Banerjee et al., Clustering with Bregman Divergences, 2005). Always the same
    for the same counts.
    """
    prior = smoothed(counts.sum(axis=0), np.full(counts.shape[1], 1 / counts.shape[1]), 1.0)
    # Contexts that were never seen, too, then go where the average code is cheap.
    padded = counts + prior
    logarithms = np.log(smoothed(counts, prior, _PRIOR_COUNT))
    centres = logarithms[_start(padded, logarithms, clusters)]
    for _ in range(_ITERATIONS):
        chosen = (padded @ centres.T).argmax(axis=1)
        centres = np.log(smoothed(gathered(counts, chosen, clusters), prior, _PRIOR_COUNT))
    chosen = (padded @ centres.T).argmax(axis=1)
    return np.asarray(np.unique(chosen, return_inverse=True)[1], np.int64)


def gathered(counts: Matrix, chosen: NDArray[np.int64], clusters: int | None = None) -> Matrix:
    """Counts `[cluster, code]` of the rows that chose each cluster; up to the last one chosen if None."""
    sums = np.zeros((1 + int(chosen.max()) if clusters is None else clusters, counts.shape[1]))
    np.add.at(sums, chosen, counts)
    return sums


def _start(counts: Matrix, logarithms: Matrix, clusters: int) -> list[int]:
    """Rows to start from, each drawn by how badly the ones before it would code it."""
    generator = np.random.default_rng(0)
    scores = counts @ logarithms.T
    picks = [int(counts.sum(axis=1).argmax())]
    lost = np.diag(scores) - scores[:, picks[0]]
    for _ in range(1, clusters):
        weights = np.maximum(lost, 1e-9)
        picks.append(int(generator.choice(len(counts), p=weights / weights.sum())))
        lost = np.minimum(lost, np.diag(scores) - scores[:, picks[-1]])
    return picks
