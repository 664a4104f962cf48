"""Clusters of codes with the same consequences."""

import numpy as np

from codec.entropy.clusters import cluster, gathered, smoothed


def test_contexts_with_the_same_consequences_are_put_together() -> None:
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 3, 60)
    distributions = rng.dirichlet(np.full(20, 0.3), 3)
    counts = np.stack([rng.multinomial(500, distributions[kind]) for kind in kinds]).astype(float)
    chosen = cluster(counts, 3)
    assert len({(kind, found) for kind, found in zip(kinds.tolist(), chosen.tolist(), strict=True)}) == 3
    np.testing.assert_array_equal(cluster(counts, 3), chosen)


def test_one_cluster_and_contexts_never_seen() -> None:
    counts = np.zeros((5, 4))
    counts[0] = (10, 0, 0, 0)
    counts[1] = (5, 5, 5, 4)
    assert cluster(counts, 1).tolist() == [0] * 5
    chosen = cluster(counts, 2)
    assert set(chosen.tolist()) == {0, 1}
    assert set(chosen[2:].tolist()) == {chosen[1]}


def test_more_clusters_than_contexts_that_differ() -> None:
    counts = np.ones((6, 4))
    assert cluster(counts, 4).tolist() == [0] * 6


def test_smoothing_moves_from_the_prior_to_the_counts() -> None:
    prior = np.array([0.5, 0.25, 0.25])
    np.testing.assert_allclose(smoothed(np.zeros((2, 3)), prior, 7.0), [prior, prior])
    np.testing.assert_allclose(smoothed(np.array([[0.0, 4.0, 0.0]]), prior, 4.0), [[0.25, 0.625, 0.125]])


def test_counts_of_members_are_added_up() -> None:
    counts = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(
        gathered(counts, np.array([1, 0, 1]), 3), [[2.0, 3.0], [4.0, 6.0], [0.0, 0.0]]
    )
